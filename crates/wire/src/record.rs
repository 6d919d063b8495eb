//! Records of a data set one after the other, and their fields one after the other.
//!
//! This is the plain way, for options records and for tests. Flow records in bulk are better taken from
//! [`Set::body`] directly, with the template turned into offsets once.

use crate::error::Error;
use crate::reader::Reader;
use crate::template::{Field, Fields, Set, Template, take_field};

/// The records of a data set. After an `Err` there is nothing more.
#[derive(Debug, Clone)]
pub struct Records<'t, 'a> {
    template: &'t Template<'t>,
    reader: Reader<'a>,
    /// Whether the set's end is missing, so that a record that does not fit is no news.
    is_cut: bool,
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'t, 'a> {
    /// The template that describes it.
    pub template: &'t Template<'t>,
    /// Octets from the start of the datagram to `bytes`.
    pub offset: usize,
    /// The record's octets, with the lengths of its variable fields.
    pub bytes: &'a [u8],
}

impl<'t, 'a> Records<'t, 'a> {
    /// The records in the body of `set`, read with `template`, whatever the set's id. None for a withdrawal.
    #[must_use]
    pub const fn new(template: &'t Template<'t>, set: &Set<'a>) -> Self {
        let body = if template.record_len_min == 0 { &[] } else { set.body };
        Self { template, reader: Reader::at(body, set.offset), is_cut: set.is_cut }
    }

    /// Steps over one record whose length only its fields tell.
    fn skip_variable(&self) -> Result<Reader<'a>, Error> {
        let mut reader = self.reader;
        for field in self.template.fields() {
            take_field(&mut reader, field.length)?;
        }
        Ok(reader)
    }
}

impl<'t, 'a> Iterator for Records<'t, 'a> {
    type Item = Result<Record<'t, 'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // Less than the shortest record is padding (RFC 7011 §3.3.1).
        if self.reader.is_empty() || self.reader.len() < self.template.record_len_min {
            return None;
        }
        let start = self.reader;
        let end = if self.template.is_variable {
            self.skip_variable()
        } else {
            let mut reader = start;
            reader.skip(self.template.record_len_min).map(|()| reader)
        };
        match end {
            Ok(end) => {
                self.reader = end;
                let len = start.len().saturating_sub(end.len());
                let bytes = start.rest().get(..len).unwrap_or_default();
                Some(Ok(Record { template: self.template, offset: start.offset(), bytes }))
            }
            Err(error) => {
                self.reader = Reader::at(&[], error.offset);
                (!self.is_cut).then_some(Err(error))
            }
        }
    }
}

impl core::iter::FusedIterator for Records<'_, '_> {}

impl<'t, 'a> Record<'t, 'a> {
    /// The fields with their octets, scope first.
    #[must_use]
    pub const fn values(&self) -> FieldValues<'t, 'a> {
        FieldValues { fields: self.template.fields(), reader: Reader::at(self.bytes, self.offset) }
    }
}

/// The fields of a record, each with its octets.
#[derive(Debug, Clone)]
pub struct FieldValues<'t, 'a> {
    fields: Fields<'t>,
    reader: Reader<'a>,
}

impl FieldValues<'_, '_> {
    /// Octets from the start of the datagram to what has not been taken yet.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.reader.offset()
    }
}

impl<'a> Iterator for FieldValues<'_, 'a> {
    type Item = (Field, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.fields.next()?;
        take_field(&mut self.reader, field.length).ok().map(|value| (field, value))
    }
}
