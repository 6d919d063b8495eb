//! The rows of a seal in the order they are written.
//!
//! Rows are first cut into partitions of contiguous start times (the row groups), and sorted inside each by
//! tenant, host and start, so that a question about a time, a tenant or a host touches few pages. Rows without a
//! tenant come last, by source address. Rows that are equal in all that keep the order they came in.

use crate::journal::Frame;
use std::collections::BTreeMap;
use std::ops::Range;
use weir_flow::schema::{Column, Kind};
use weir_flow::{Addr, Values};

/// A row group has at most so many rows.
pub(crate) const GROUP_ROWS_MAX: usize = 256 * 1024;

/// Frames, and the order of their rows.
pub(crate) struct Rows {
    frames: Vec<Frame>,
    /// All names of the frames, sorted, each once: name columns hold places in it.
    pub names: Vec<Box<str>>,
    /// For each frame, what its own places become.
    places: Vec<Vec<u32>>,
    /// The places of the rows, in the order they are written.
    order: Vec<u32>,
    /// The presence masks in the order they are written.
    pub present: Vec<u64>,
    /// The row groups: ranges of `order`.
    pub groups: Vec<Range<usize>>,
}

impl Rows {
    /// Orders the rows of these frames.
    pub(crate) fn new(frames: Vec<Frame>) -> Self {
        let names: BTreeMap<Box<str>, ()> =
            frames.iter().flat_map(|f| f.names().iter().map(|n| (n.clone(), ()))).collect();
        let names: Vec<Box<str>> = names.into_keys().collect();
        let place =
            |n: &Box<str>| names.binary_search(n).ok().and_then(|at| u32::try_from(at).ok()).unwrap_or(0);
        let places = frames.iter().map(|f| f.names().iter().map(place).collect()).collect();
        let mut rows =
            Self { frames, names, places, order: Vec::new(), present: Vec::new(), groups: Vec::new() };
        rows.sort();
        rows
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.frames.iter().map(Frame::rows).sum()
    }

    /// The values of a column in the order they are written.
    pub(crate) fn column(&self, column: Column) -> Values {
        self.dense(column).gather(&self.order)
    }

    /// The values of a column in the order the rows came.
    fn dense(&self, column: Column) -> Values {
        let mut values = Values::new(column.kind());
        for (frame, places) in self.frames.iter().zip(&self.places) {
            let base = values.len();
            frame.append_values(column, &mut values);
            if let (Kind::Name, Values::U32(v)) = (column.kind(), &mut values) {
                for value in v.iter_mut().skip(base) {
                    *value = places.get(*value as usize).copied().unwrap_or(0);
                }
            }
        }
        values
    }

    fn sort(&mut self) {
        let mut present = Vec::with_capacity(self.len());
        for frame in &self.frames {
            frame.append_present(&mut present);
        }
        let (Values::Time(start), Values::U32(tenant), Values::Addr(host), Values::Addr(src)) = (
            self.dense(Column::Start),
            self.dense(Column::Tenant),
            self.dense(Column::Host),
            self.dense(Column::SrcAddr),
        ) else {
            return;
        };
        let mut order: Vec<(i64, u32)> = start.iter().copied().zip(0u32..).collect();
        order.sort_unstable();
        self.groups = cut(order.len());
        let key = |(start, row): (i64, u32)| {
            let at = row as usize;
            let mask = present.get(at).copied().unwrap_or(0);
            let has = |c: Column| mask & c.bit() != 0;
            let (rank, addrs, by) = if has(Column::Tenant) {
                (tenant.get(at).copied().unwrap_or(0), &host, Column::Host)
            } else {
                (u32::MAX, &src, Column::SrcAddr)
            };
            let addr = if has(by) { addrs.get(at).copied().unwrap_or_default() } else { Addr::default() };
            (rank, addr.bits(), start, row)
        };
        for group in &self.groups {
            let mut keys: Vec<_> =
                order.get(group.clone()).unwrap_or_default().iter().map(|o| key(*o)).collect();
            keys.sort_unstable();
            self.order.extend(keys.iter().map(|k| k.3));
        }
        self.present =
            self.order.iter().map(|row| present.get(*row as usize).copied().unwrap_or(0)).collect();
    }
}

/// Equal row groups, as few as keep to [`GROUP_ROWS_MAX`]: so where there is more than one, each has at least
/// half of that.
fn cut(rows: usize) -> Vec<Range<usize>> {
    let groups = rows.div_ceil(GROUP_ROWS_MAX);
    (0..groups).map(|g| g * rows / groups..(g + 1) * rows / groups).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_groups_are_equal_and_neither_large_nor_tiny() {
        assert_eq!(cut(0), []);
        assert_eq!(cut(1), [0..1]);
        assert_eq!(cut(GROUP_ROWS_MAX), [0..GROUP_ROWS_MAX]);
        assert_eq!(cut(GROUP_ROWS_MAX + 2), [0..131_073, 131_073..262_146]);
        assert_eq!(cut(1 << 20).len(), 4);
    }
}
