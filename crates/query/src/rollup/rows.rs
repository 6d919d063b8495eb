//! The groups of a roll-up as rows: each has the keys of its group, begins with its bucket, and counts for as many flows.

use super::cover::{Buckets, start};
use crate::group::{Layout, Packed, Sums};
use crate::kept::lookup::Whole;
use crate::key::Key;
use crate::query::Measure;
use std::sync::Arc;
use weir_flow::schema::Kind;
use weir_flow::{Addr, Batch, Bytes, Column, Values};

/// So many rows are handed out at a time.
const ROWS: usize = 8192;

/// What is known of every row beside its keys.
const ALWAYS: u64 = Column::Start.bit()
    | Column::Octets.bit()
    | Column::Packets.bit()
    | Column::MeasuredOctets.bit()
    | Column::MeasuredPackets.bit();

/// What a roll-up says of a segment.
#[derive(Debug)]
pub(crate) struct Rolled {
    groups: Packed,
    names: Arc<[Box<str>]>,
    buckets: Buckets,
    columns: Vec<Column>,
    layout: Layout,
    /// The segment, if the groups that the question makes of it are to be kept.
    pub(crate) whole: Option<Whole>,
}

impl Rolled {
    /// Of these groups by these keys and the time those whose buckets count.
    pub(crate) fn new(mut groups: Packed, buckets: Buckets, keys: &[Key], layout: Layout) -> Self {
        let names = std::mem::take(&mut groups.names).into();
        let columns = keys.iter().filter_map(|key| super::base(*key)).collect();
        Self { groups, names, buckets, columns, layout, whole: None }
    }

    /// How many groups there are.
    pub(crate) fn len(&self) -> u64 {
        self.groups.len() as u64
    }

    /// Calls `f` with all rows that count, some at a time, and how many flows each is.
    ///
    /// # Errors
    /// The first of `f`.
    pub(crate) fn each<E>(&self, mut f: impl FnMut(&Batch, Vec<u64>) -> Result<(), E>) -> Result<(), E> {
        let time = self.columns.len();
        for page in &self.groups.halves {
            let counts = |group: &usize| {
                let start = start(&self.layout, time, page.key(*group));
                start.is_some_and(|start| self.buckets.get(&start) == Some(&true))
            };
            let counting: Vec<usize> = (0..page.len()).filter(counts).collect();
            for some in counting.chunks(ROWS) {
                let flows = amounts(page, some, Measure::Flows);
                f(&self.batch(page, some), flows)?;
            }
        }
        Ok(())
    }

    fn batch(&self, page: &impl Sums, groups: &[usize]) -> Batch {
        let mut present = vec![ALWAYS; groups.len()];
        let time = self.columns.len();
        let starts =
            groups.iter().map(|group| start(&self.layout, time, page.key(*group)).unwrap_or_default());
        let mut columns = vec![(Column::Start, Values::Time(starts.collect()))];
        for (at, column) in self.columns.iter().enumerate() {
            let bits: Vec<Option<u128>> =
                groups.iter().map(|group| self.layout.bits_of(at, page.key(*group))).collect();
            for (mask, bits) in present.iter_mut().zip(&bits) {
                *mask |= if bits.is_some() { column.bit() } else { 0 };
            }
            columns.push((*column, self.values(*column, &bits)));
        }
        for measure in Measure::ALL {
            if let Some(column) = measure.column() {
                columns.push((column, Values::U64(amounts(page, groups, measure))));
            }
        }
        Batch::from_columns(present, columns, Arc::clone(&self.names))
    }

    /// The values of a column, packed; what is unknown has any.
    fn values(&self, column: Column, bits: &[Option<u128>]) -> Values {
        let known = bits.iter().map(|bits| bits.unwrap_or_default());
        let low = known.clone().map(low_half);
        match Values::new(column.kind()) {
            Values::U8(_) => Values::U8(low.map(|x| u8::try_from(x).unwrap_or_default()).collect()),
            Values::U16(_) => Values::U16(low.map(|x| u16::try_from(x).unwrap_or_default()).collect()),
            Values::U32(_) => Values::U32(low.map(|x| u32::try_from(x).unwrap_or_default()).collect()),
            Values::U64(_) => Values::U64(low.collect()),
            Values::Time(_) => Values::Time(low.map(crate::group::unordered).collect()),
            Values::Addr(_) => Values::Addr(known.map(Addr::from_bits).collect()),
            Values::Bytes(_) => {
                let mut strings = Bytes::new();
                for number in low {
                    let text = usize::try_from(number).ok().and_then(|at| self.names.get(at));
                    let is_text = column.kind() == Kind::Text;
                    strings.push(text.filter(|_| is_text).map_or(&[], |text| text.as_bytes()));
                }
                Values::Bytes(strings)
            }
        }
    }
}

/// A measure of some groups, whose sums take 64 bits.
fn amounts(page: &impl Sums, groups: &[usize], measure: Measure) -> Vec<u64> {
    let at = Measure::ALL.iter().position(|other| *other == measure).unwrap_or_default();
    groups.iter().map(|group| low_half(page.sum(*group, at))).collect()
}

/// The low 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "it is the purpose")]
const fn low_half(bits: u128) -> u64 {
    bits as u64
}
