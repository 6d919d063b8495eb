//! Which rows of a row group have a value in a column, and the values of those.

use super::chunk::Pick;
use super::pack;
use std::ops::Range;
use weir_flow::Bytes;

/// The presence masks of a row group, seen from one column. Most columns have a value in all rows or in none: of
/// those no mask is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Present<'a> {
    masks: &'a [u64],
    bit: u64,
    /// Whether rows may lack one.
    nullable: bool,
    has: Has,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Has {
    All,
    None,
    /// So many.
    Some(usize),
}

impl<'a> Present<'a> {
    /// `any` and `all` are the columns that any row and that all rows have a value in, as far as is known.
    pub(crate) fn new(masks: &'a [u64], bit: u64, nullable: bool, (any, all): (u64, u64)) -> Self {
        let has = if !nullable || all & bit != 0 {
            Has::All
        } else if any & bit == 0 {
            Has::None
        } else {
            match masks.iter().filter(|mask| *mask & bit != 0).count() {
                0 => Has::None,
                all if all == masks.len() => Has::All,
                some => Has::Some(some),
            }
        };
        Self { masks, bit, nullable, has }
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.masks.len()
    }

    /// How many have a value.
    pub(crate) fn valid(&self) -> usize {
        match self.has {
            Has::All => self.len(),
            Has::None => 0,
            Has::Some(valid) => valid,
        }
    }

    /// How many of the rows before this one have a value.
    pub(crate) fn valid_before(&self, row: usize) -> usize {
        match self.has {
            Has::All => row,
            Has::None => 0,
            Has::Some(_) => {
                let before = self.masks.get(..row).unwrap_or_default();
                before.iter().filter(|mask| *mask & self.bit != 0).count()
            }
        }
    }

    /// The masks, and whether one has the column's bit.
    pub(crate) fn masks(&self) -> &'a [u64] {
        self.masks
    }

    pub(crate) fn is_in(&self, mask: u64) -> bool {
        !self.nullable || mask & self.bit != 0
    }

    /// The values that are there, as cells; a single one where all rows have the first.
    pub(crate) fn gather<T: Copy, C: Copy + Default>(
        &self,
        values: &[T],
        pick: Pick<'_>,
        cell: impl Fn(T) -> C,
        out: &mut Vec<C>,
    ) {
        out.clear();
        let first = || values.first().map_or(C::default(), |v| cell(*v));
        let at = |row: &u32| values.get(*row as usize).map_or(C::default(), |v| cell(*v));
        match (self.has, pick) {
            (Has::None, _) => {}
            (Has::All, Pick::First) => out.push(first()),
            (Has::Some(valid), Pick::First) => out.resize(valid, first()),
            (Has::All, Pick::Each) => out.extend(values.iter().map(|v| cell(*v))),
            (Has::All, Pick::Order(order)) => out.extend(order.iter().map(at)),
            (Has::Some(_), Pick::Each) => self.keep(values.iter().map(|v| cell(*v)), out),
            (Has::Some(_), Pick::Order(order)) => self.keep(order.iter().map(at), out),
        }
    }

    /// Those of the rows that have one. Each is written where the next belongs, and stays if it is there: no
    /// branch that nobody could foresee.
    fn keep<C: Copy + Default>(&self, cells: impl Iterator<Item = C>, out: &mut Vec<C>) {
        out.resize(self.len(), C::default());
        let mut next = 0;
        for (cell, mask) in cells.zip(self.masks) {
            if let Some(slot) = out.get_mut(next) {
                *slot = cell;
            }
            next += usize::from(mask & self.bit != 0);
        }
        out.truncate(next);
    }

    /// The strings that are there.
    pub(crate) fn strings<'v>(&self, values: &'v Bytes) -> Vec<&'v [u8]> {
        let there = values.iter().zip(self.masks).filter(|(_, mask)| self.is_in(**mask));
        there.map(|(v, _)| v).collect()
    }

    /// Appends the definition levels of these rows, as a data page has them; returns how many have a value.
    pub(crate) fn put_levels(&self, rows: &Range<usize>, out: &mut Vec<u8>) -> usize {
        if !self.nullable {
            return rows.len();
        }
        let masks = self.masks.get(rows.clone()).unwrap_or_default();
        let valid = match self.has {
            Has::All => rows.len(),
            Has::None => 0,
            Has::Some(_) => masks.iter().filter(|mask| *mask & self.bit != 0).count(),
        };
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        if valid == 0 || valid == rows.len() {
            pack::put_run(u32::from(valid > 0), rows.len(), 1, out);
        } else {
            pack::put_bits(masks, self.bit.trailing_zeros(), out);
        }
        let len = u32::try_from(out.len() - at - 4).unwrap_or_default();
        if let Some(slot) = out.get_mut(at..at + 4) {
            slot.copy_from_slice(&len.to_le_bytes());
        }
        valid
    }
}
