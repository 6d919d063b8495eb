//! How records lie in a set, and how those of variable length are brought to one length.

use super::super::gather::{Place, Records};
use super::Plan;
use super::element::PADDING;
use crate::Bytes;
use crate::other::{self, Element};
use weir_wire::Error;
use weir_wire::reader::Reader;
use weir_wire::template::{Field, take_field};

/// How records lie in a set.
#[derive(Debug, Clone, Default)]
pub(super) enum Layout {
    /// Records have no octets.
    #[default]
    Empty,
    /// One after the other, all of this length.
    Fixed(usize),
    /// Fields say themselves how long they are: what is needed is first copied together.
    Variable { fields: Vec<(u16, Use)>, stride: usize, strings: usize },
}

/// What becomes of a field of a record of variable length.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use {
    /// A number or an address, set right-aligned.
    Number(Place, Field),
    /// The same, and kept as it is as well.
    Both(Place, Field),
    /// A string, appended to this list.
    Strings(usize),
    /// Kept as it is.
    Other(Field),
}

/// Records of variable length, copied together.
#[derive(Debug, Default)]
pub(in super::super) struct Dense {
    numbers: Vec<u8>,
    /// Strings, by list and record.
    pub(in super::super) strings: Vec<Bytes>,
    /// The elements of each record that no column holds.
    pub(in super::super) other: Bytes,
    /// Numbers of a length that no number has, by record and offset of their place: they are unknown.
    pub(in super::super) unknown: Vec<(usize, usize)>,
    run: Vec<u8>,
}

impl Plan {
    /// Calls `read` with the records of a set's body as one run of equal length; `dense` is the room in which
    /// records of variable length are copied together.
    ///
    /// # Errors
    /// What is wrong, at its place in the body, if a record of variable length ran past the end: the records
    /// before it were read.
    pub(in super::super) fn records<R>(
        &self,
        body: &[u8],
        dense: &mut Dense,
        read: impl FnOnce(Records<'_>, &Dense) -> R,
    ) -> (R, Option<Error>) {
        match &self.layout {
            Layout::Empty => (read(Records::new(&[], 1), dense), None),
            Layout::Fixed(stride) => (read(Records::new(body, *stride), dense), None),
            Layout::Variable { fields, stride, strings } => {
                let problem = dense.copy_together(fields, *stride, *strings, body);
                (read(Records::new(&dense.numbers, *stride), dense), problem)
            }
        }
    }

    /// Whether records have variable length.
    pub(in super::super) fn is_variable(&self) -> bool {
        matches!(self.layout, Layout::Variable { .. })
    }
}

impl Dense {
    fn clear(&mut self, strings: usize) {
        self.numbers.clear();
        self.unknown.clear();
        self.other.truncate(0);
        for list in &mut self.strings {
            list.truncate(0);
        }
        if self.strings.len() < strings {
            self.strings.resize_with(strings, Bytes::new);
        }
    }

    /// Copies the needed fields of records of variable length together, so that all records have one length.
    fn copy_together(
        &mut self,
        fields: &[(u16, Use)],
        stride: usize,
        strings: usize,
        body: &[u8],
    ) -> Option<Error> {
        self.clear(strings);
        let shortest: usize =
            fields.iter().map(|(length, _)| if *length == u16::MAX { 1 } else { usize::from(*length) }).sum();
        let mut reader = Reader::new(body);
        let mut records = 0;
        while reader.len() >= shortest.max(1) {
            if let Err(error) = self.copy_record(fields, stride, &mut reader) {
                self.numbers.truncate(records * stride);
                self.strings.iter_mut().for_each(|list| list.truncate(records));
                self.unknown.retain(|(record, _)| *record < records);
                return Some(error);
            }
            records += 1;
        }
        None
    }

    fn copy_record(
        &mut self,
        fields: &[(u16, Use)],
        stride: usize,
        reader: &mut Reader<'_>,
    ) -> Result<(), Error> {
        let base = self.numbers.len();
        self.numbers.resize(base.saturating_add(stride), 0);
        self.run.clear();
        for (length, usage) in fields {
            let octets = take_field(reader, *length)?;
            match usage {
                Use::Number(place, field) => {
                    if !self.set(base, stride, *place, field, octets) {
                        self.keep(field, octets);
                    }
                }
                Use::Both(place, field) => {
                    self.set(base, stride, *place, field, octets);
                    self.keep(field, octets);
                }
                Use::Strings(list) => {
                    if let Some(list) = self.strings.get_mut(*list) {
                        list.push(octets);
                    }
                }
                Use::Other(field) => self.keep(field, octets),
            }
        }
        self.other.push(&self.run);
        Ok(())
    }

    /// Sets a number of the record at `base` right-aligned into its place, or an address; false if its length is one
    /// that no number has.
    fn set(&mut self, base: usize, stride: usize, place: Place, field: &Field, octets: &[u8]) -> bool {
        if field.is_variable() && !(1..=8).contains(&octets.len()) {
            self.unknown.push((base / stride, place.offset));
            return false;
        }
        let at = base.saturating_add(place.offset);
        let skip = place.width.saturating_sub(octets.len());
        let slot = self.numbers.get_mut(at.saturating_add(skip)..at.saturating_add(place.width));
        if let Some(slot) = slot {
            slot.copy_from_slice(octets.get(..slot.len()).unwrap_or_default());
        }
        true
    }

    /// Keeps an element that no column holds, of the record at hand.
    fn keep(&mut self, field: &Field, octets: &[u8]) {
        let is_padding = field.enterprise == 0 && field.element == PADDING;
        if !octets.is_empty() && !is_padding {
            let (enterprise, number) = (field.enterprise, field.element);
            other::push(&mut self.run, Element { enterprise, number, value: octets });
        }
    }
}
