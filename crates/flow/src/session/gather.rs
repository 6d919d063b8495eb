//! From the octets of a data set straight into columns.
//!
//! A set's records lie one after the other, each `stride` octets long; a field is the same few octets of each.
//! One field of all records is read in one loop into one column: no allocation, no per-record dispatch.

use crate::{Addr, Values};
use weir_wire::value;

/// Where a field lies in each record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Octets from the record's beginning.
    pub(super) offset: usize,
    /// Octets of the field.
    pub(super) width: usize,
}

/// Records of one length, one after the other. What is left over at the end is padding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Records<'a> {
    body: &'a [u8],
    stride: usize,
    len: usize,
}

impl<'a> Records<'a> {
    /// `stride` is not 0: a template whose records have no octets is refused.
    pub(super) fn new(body: &'a [u8], stride: usize) -> Self {
        let stride = stride.max(1);
        Self { body, stride, len: body.len() / stride }
    }

    /// Each record.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        self.body.chunks_exact(self.stride)
    }

    /// A field's octets in every record, as they are.
    pub(super) fn octets(&self, place: Place) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let (start, end) = (place.offset, place.offset.saturating_add(place.width));
        self.iter().map(move |record| record.get(start..end).unwrap_or_default())
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The `W` octets at `offset` of every record; zeros where records are shorter, which a compiled template
    /// rules out.
    #[inline]
    pub(super) fn fields<const W: usize>(
        &self,
        offset: usize,
    ) -> impl ExactSizeIterator<Item = [u8; W]> + use<'a, W> {
        // Beside a range, so that the loop counts instead of measuring what is left.
        self.body.chunks_exact(self.stride).zip(0..self.len).map(move |(record, _)| {
            record.get(offset..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; W])
        })
    }

    /// Appends what `read` makes of the `W` octets at `offset` of every record. Apart, so that a loop for each width
    /// and type is all there is.
    #[inline(never)]
    fn each<const W: usize, T>(&self, offset: usize, out: &mut Vec<T>, read: impl Fn([u8; W]) -> T) {
        out.extend(self.fields(offset).map(read));
    }

    /// Appends a field of 1 to 8 octets of every record; `cast` brings it to the column's type.
    #[inline]
    pub(super) fn unsigned<T>(&self, place: Place, out: &mut Vec<T>, cast: impl Fn(u64) -> T) {
        let at = place.offset;
        match place.width {
            1 => self.each(at, out, |[octet]| cast(octet.into())),
            2 => self.each(at, out, |b| cast(u16::from_be_bytes(b).into())),
            4 => self.each(at, out, |b| cast(u32::from_be_bytes(b).into())),
            8 => self.each(at, out, |b| cast(u64::from_be_bytes(b))),
            width => out.extend(self.body.chunks_exact(self.stride).map(|record| {
                let field = record.get(at..at.saturating_add(width)).unwrap_or_default();
                cast(value::unsigned(field).unwrap_or_default())
            })),
        }
    }

    fn addresses(&self, place: Place, out: &mut Vec<Addr>) {
        match place.width {
            4 => self.each(place.offset, out, Addr::v4),
            _ => self.each(place.offset, out, Addr::v6),
        }
    }

    /// Appends a field of every record to a column, whatever its type. A number too large for the column
    /// becomes the column's largest.
    pub(super) fn append(&self, place: Place, values: &mut Values) {
        match values {
            Values::U8(v) => self.unsigned(place, v, |x| u8::try_from(x).unwrap_or(u8::MAX)),
            Values::U16(v) => self.unsigned(place, v, |x| u16::try_from(x).unwrap_or(u16::MAX)),
            Values::U32(v) => self.unsigned(place, v, |x| u32::try_from(x).unwrap_or(u32::MAX)),
            Values::U64(v) => self.unsigned(place, v, |x| x),
            Values::Time(v) => self.unsigned(place, v, |x| i64::try_from(x).unwrap_or(i64::MAX)),
            Values::Addr(v) => self.addresses(place, v),
            Values::Bytes(v) => self.octets(place).for_each(|octets| {
                v.push(octets);
            }),
        }
    }

    /// Overwrites the addresses from `base` on that are unspecified, for records that carry both families and
    /// zeros in one of them.
    pub(super) fn overlay(&self, place: Place, base: usize, values: &mut Values) {
        let Values::Addr(column) = values else { return };
        let column = column.get_mut(base..).unwrap_or_default();
        match place.width {
            4 => fill_unspecified(column, self.fields(place.offset).map(Addr::v4)),
            _ => fill_unspecified(column, self.fields(place.offset).map(Addr::v6)),
        }
    }
}

fn fill_unspecified(column: &mut [Addr], others: impl Iterator<Item = Addr>) {
    for (value, other) in column.iter_mut().zip(others) {
        if value.is_unspecified() {
            *value = other;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_of_every_record() {
        let body: Vec<u8> = (1..=21).collect();
        let records = Records::new(&body, 10);
        assert_eq!(records.len(), 2);
        for (width, expected) in [
            (1, [2u64, 12]),
            (2, [0x0203, 0x0c0d]),
            (3, [0x020304, 0x0c0d0e]),
            (4, [0x0203_0405, 0x0c0d_0e0f]),
        ] {
            let mut out = Vec::new();
            records.unsigned(Place { offset: 1, width }, &mut out, |x| x);
            assert_eq!(out, expected, "{width}");
        }
        let mut narrow = Values::U8(vec![]);
        records.append(Place { offset: 1, width: 2 }, &mut narrow);
        assert_eq!(narrow, Values::U8(vec![255, 255]));
    }
}
