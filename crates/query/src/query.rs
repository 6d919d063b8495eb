//! What can be asked: a [`Query`] groups and adds up, a [`Listing`] shows single records.
//!
//! Both are plain values, already valid, that say nothing about how they are answered: the same query is
//! answered from the store's files, from batches in memory, or by another engine fed with the same records.

use crate::civil::Civil;
use crate::error::Error;
use crate::key::{Address, Key, WORKED_MAX};
use crate::membership::Membership;
use std::ops::Range;
use weir_flow::Column;
use weir_flow::filter::Filter;
use weir_flow::schema::Kind;
use weir_flow::time::BIN_MS;

/// What is added up in each group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Measure {
    /// IP octets, sampling undone. A record whose octets are unknown adds nothing.
    Octets,
    /// Packets, sampling undone.
    Packets,
    /// Flow records.
    Flows,
    /// IP octets as the exporter measured them.
    MeasuredOctets,
    /// Packets as the exporter measured them.
    MeasuredPackets,
}

impl Measure {
    /// All there are, in the order they are shown.
    pub const ALL: [Self; 5] =
        [Self::Octets, Self::Packets, Self::Flows, Self::MeasuredOctets, Self::MeasuredPackets];

    /// Its name in every output and in `--by`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.column().map_or("flows", Column::name)
    }

    /// The measure of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// The column that is added up; none where records are counted.
    #[must_use]
    pub fn column(self) -> Option<Column> {
        match self {
            Self::Octets => Some(Column::Octets),
            Self::Packets => Some(Column::Packets),
            Self::Flows => None,
            Self::MeasuredOctets => Some(Column::MeasuredOctets),
            Self::MeasuredPackets => Some(Column::MeasuredPackets),
        }
    }
}

/// In which order the groups come. Equal groups come in the order of their keys, so that the same records
/// always give the same table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The largest sum of this measure first; it need not be among those shown.
    Largest(Measure),
    /// By the keys, the first one first: numbers, times and addresses rising, text by its letters, unknown
    /// before everything.
    Key,
}

/// What of a flow counts that overlaps a span of time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Count {
    /// All of it: a flow is one thing, and what is found by looking for it has all of its octets.
    #[default]
    Whole,
    /// What falls into the span, as in the accounts: flows are spread over five-minute bins, and the parts count
    /// whose bin begins in the span. A flow is counted in the bin that it begins in. Sums of spans that follow each
    /// other add up.
    Inside,
}

/// A question that is answered with a [`crate::Table`]: of the records in `range` that `filter` lets through,
/// the sums of `measures` for each distinct value of `keys`.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    /// Only flows that overlap this span, ms since 1970: `start < range.end && end >= range.start`. Where parts of
    /// flows count, it should begin and end with a bin (or with a bucket of the keys, if that is smaller).
    pub range: Option<Range<i64>>,
    /// What of a flow counts. Where a key is of time, it is always [`Count::Inside`].
    pub count: Count,
    /// The clocks that keys of time are read from.
    pub civil: Civil,
    /// The groups of tenants that [`Key::Group`] is about.
    pub membership: Membership,
    /// Only records that this lets through.
    pub filter: Option<Filter>,
    /// What to group by, in the order of the table's columns. None at all: one group of everything matched.
    pub keys: Vec<Key>,
    /// What to add up, in the order of the table's columns.
    pub measures: Vec<Measure>,
    /// The order of the groups.
    pub order: Order,
    /// At most so many groups; the totals are over all of them nevertheless.
    pub limit: Option<usize>,
}

impl Query {
    /// The `limit` groups of `keys` with the most octets: what `weir top` asks unless told otherwise.
    #[must_use]
    pub fn top(keys: Vec<Key>, limit: usize) -> Self {
        Self {
            range: None,
            count: Count::Whole,
            civil: Civil::default(),
            membership: Membership::default(),
            filter: None,
            keys,
            measures: vec![Measure::Octets, Measure::Packets, Measure::Flows],
            order: Order::Largest(Measure::Octets),
            limit: Some(limit),
        }
    }

    /// Whether it can be answered.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut worked: Vec<&Key> = self.keys.iter().filter(|key| !key.is_read()).collect();
        worked.dedup();
        if worked.len() > WORKED_MAX { Err(Error::Keys { max: WORKED_MAX }) } else { Ok(()) }
    }

    /// What it asks of each record before anything is added up.
    pub(crate) fn condition(&self) -> Condition<'_> {
        Condition { range: self.range.clone(), filter: self.filter.as_ref(), inside: self.is_spread() }
    }

    /// Whether flows are spread over time.
    #[must_use]
    pub fn is_spread(&self) -> bool {
        self.keys.iter().any(|key| key.is_of_time()) || (self.count == Count::Inside && self.range.is_some())
    }

    /// The width of the parts that flows are spread over, ms: a bin's, or what divides it and all smaller buckets
    /// of the keys. A span that parts are counted in begins and ends with one.
    #[must_use]
    pub fn step_ms(&self) -> i64 {
        let width = |key: &Key| match key {
            Key::Time(bucket) => bucket.fine_ms(),
            _ => BIN_MS,
        };
        self.keys.iter().map(width).fold(BIN_MS, greatest_divisor)
    }

    /// The columns that keys and measures read, as a presence mask.
    pub(crate) fn value_columns(&self) -> u64 {
        let keys = self.keys.iter().map(|key| key.columns());
        let measures = self.summed().into_iter().filter_map(Measure::column).map(Column::bit);
        // Whether a part is anything at all is told by all amounts.
        let times = if self.is_spread() { Column::Start.bit() | Column::End.bit() | AMOUNTS } else { 0 };
        keys.chain(measures).fold(times, |mask, bit| mask | bit)
    }

    /// The address that all keys are made of, if it is one, and nothing else is read from it: then rows can be told
    /// apart by where in a list it is.
    pub(crate) fn placed(&self) -> Option<Column> {
        let address = |key: &Key| match key {
            Key::Column(column) | Key::Net(Address::Column(column), _) if column.kind() == Kind::Addr => {
                Some(*column)
            }
            _ => None,
        };
        let column = address(self.keys.first()?)?;
        let is_only = self.keys.iter().all(|key| address(key) == Some(column));
        (is_only && !self.is_spread() && self.condition().columns() & column.bit() == 0).then_some(column)
    }

    /// What is added up: the measures shown, and the one ordered by where it is not among them.
    pub(crate) fn summed(&self) -> Vec<Measure> {
        let mut summed = self.measures.clone();
        if let Order::Largest(measure) = self.order
            && !summed.contains(&measure)
        {
            summed.push(measure);
        }
        summed
    }
}

/// What is spread over time.
const AMOUNTS: u64 = Column::Octets.bit()
    | Column::Packets.bit()
    | Column::MeasuredOctets.bit()
    | Column::MeasuredPackets.bit();

fn greatest_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

/// A question that is answered with the records themselves, oldest first: by `start`, and among equal starts
/// in the order they are stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Listing {
    /// Only flows that overlap this span, ms since 1970: `start < range.end && end >= range.start`.
    pub range: Option<Range<i64>>,
    /// Only records that this lets through.
    pub filter: Option<Filter>,
    /// The columns asked for, as a presence mask ([`Column::bit`]); others are not read.
    pub columns: u64,
    /// At most so many records, the oldest.
    pub limit: Option<usize>,
}

impl Listing {
    /// What it asks of each record.
    pub(crate) fn condition(&self) -> Condition<'_> {
        Condition { range: self.range.clone(), filter: self.filter.as_ref(), inside: false }
    }
}

/// Which records are meant: both shapes of question have one.
#[derive(Clone, Debug)]
pub(crate) struct Condition<'a> {
    pub(crate) range: Option<Range<i64>>,
    pub(crate) filter: Option<&'a Filter>,
    /// Whether parts of flows count: then also a flow is meant that starts in the range and is said to have ended
    /// before it, for it lies in its start's bin.
    pub(crate) inside: bool,
}

impl Condition<'_> {
    /// Whether it leaves out anything at all.
    pub(crate) fn asks(&self) -> bool {
        self.range.is_some() || self.filter.is_some_and(|filter| !filter.is_everything())
    }

    /// The columns that must be read to decide, as a presence mask.
    pub(crate) fn columns(&self) -> u64 {
        let times = if self.range.is_some() { Column::Start.bit() | Column::End.bit() } else { 0 };
        times | self.filter.map_or(0, Filter::columns)
    }
}
