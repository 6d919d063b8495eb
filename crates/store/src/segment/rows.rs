//! The rows of a seal in the order they are written.
//!
//! Rows are first cut into partitions of contiguous start times (the row groups), and sorted inside each by
//! tenant, host and start, so that a question about a time, a tenant or a host touches few pages. Rows without a
//! tenant come last, by source address. Rows that are equal in all that keep the order they came in.

use super::dictionary::distinct;
use crate::journal::{Frame, Strings};
use std::collections::BTreeSet;
use std::ops::Range;
use weir_flow::schema::{Column, Kind};
use weir_flow::{Addr, Bytes, Values};

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
        let (names, places) = merge_names(&frames);
        let mut rows =
            Self { frames, names, places, order: Vec::new(), present: Vec::new(), groups: Vec::new() };
        rows.sort();
        rows
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.frames.iter().map(Frame::rows).sum()
    }

    /// The strings of a column in the order they are written, of these rows only: all of them at once would take
    /// several times the memory that they take on disk. Of a column that no row has a value in, none at all.
    pub(crate) fn strings(&self, column: Column, rows: &Range<usize>) -> Bytes {
        let mut out = Bytes::new();
        if !self.frames.iter().any(|f| f.has(column)) {
            return out;
        }
        let strings: Vec<Option<Strings<'_>>> = self.frames.iter().map(|f| f.strings(column)).collect();
        let mut firsts = Vec::with_capacity(self.frames.len());
        let mut first = 0;
        for frame in &self.frames {
            firsts.push(first);
            first += frame.rows();
        }
        out.reserve(rows.len());
        for row in self.order.get(rows.clone()).unwrap_or_default() {
            let row = *row as usize;
            let frame = firsts.partition_point(|first| *first <= row).saturating_sub(1);
            let inside = row - firsts.get(frame).copied().unwrap_or(0);
            let string = strings.get(frame).copied().flatten().map_or(&[][..], |s| s.get(inside));
            // There is room: frames that are sealed together have fewer than 4 GiB of strings.
            out.push(string);
        }
        out
    }

    /// The values of a column in the order they are written; of strings, see [`Rows::strings`].
    /// Of a column that no row has a value in, none at all.
    pub(crate) fn column(&self, column: Column) -> Values {
        if self.frames.iter().any(|f| f.has(column)) {
            self.dense(column).gather(&self.order)
        } else {
            Values::new(column.kind())
        }
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
        let Values::Time(start) = self.dense(Column::Start) else { return };
        let hosts = self.hosts(&present);
        let mut order: Vec<(i64, u32)> = start.into_iter().zip(0u32..).collect();
        self.groups = cut(order.len());
        let mut rest = &mut order[..];
        for group in self.groups.iter().rev().filter(|g| g.start > 0) {
            // Everything from here on starts no earlier than what comes before.
            rest.select_nth_unstable(group.start);
            rest = rest.get_mut(..group.start).unwrap_or_default();
        }
        for group in &self.groups {
            let key = |(start, row): &(i64, u32)| (hosts.get(*row as usize).copied(), *start, *row);
            let mut keys: Vec<_> = order.get(group.clone()).unwrap_or_default().iter().map(key).collect();
            keys.sort_unstable();
            self.order.extend(keys.iter().map(|k| k.2));
        }
        self.present =
            self.order.iter().map(|row| present.get(*row as usize).copied().unwrap_or(0)).collect();
    }

    /// What rows are sorted by before their start, as one number: the tenant's place and the host's; without a
    /// tenant, all places and the source's.
    fn hosts(&self, present: &[u64]) -> Vec<u64> {
        let (Values::U32(tenant), Values::Addr(host), Values::Addr(src)) =
            (self.dense(Column::Tenant), self.dense(Column::Host), self.dense(Column::SrcAddr))
        else {
            return Vec::new();
        };
        let sides = present.iter().zip(host.iter().zip(&src));
        let by = sides.map(|(mask, (host, src))| {
            let (column, addr) =
                if mask & Column::Tenant.bit() != 0 { (Column::Host, host) } else { (Column::SrcAddr, src) };
            if mask & column.bit() != 0 { *addr } else { Addr::default() }
        });
        let by: Vec<Addr> = by.collect();
        let ranks = distinct(&by, 1).map(|d| d.places).unwrap_or_default();
        let keys = present.iter().zip(tenant.iter().zip(ranks)).map(|(mask, (tenant, rank))| {
            let tenant = if mask & Column::Tenant.bit() != 0 { *tenant } else { u32::MAX };
            u64::from(tenant) << 32 | u64::from(rank)
        });
        keys.collect()
    }
}

/// All names of the frames, sorted, each once; and for each frame what its places become.
fn merge_names(frames: &[Frame]) -> (Vec<Box<str>>, Vec<Vec<u32>>) {
    // Frames mostly have the same names as the one before.
    let fresh = frames.chunk_by(|a, b| a.names() == b.names()).filter_map(<[Frame]>::first);
    let names: BTreeSet<&str> = fresh.flat_map(|f| f.names().iter().map(|n| &**n)).collect();
    let names: Vec<Box<str>> = names.into_iter().map(Box::from).collect();
    let place = |n: &str| {
        names.binary_search_by(|m| (**m).cmp(n)).ok().and_then(|at| u32::try_from(at).ok()).unwrap_or(0)
    };
    let mut places: Vec<Vec<u32>> = Vec::new();
    for alike in frames.chunk_by(|a, b| a.names() == b.names()) {
        let map: Vec<u32> =
            alike.first().map(|f| f.names().iter().map(|n| place(n)).collect()).unwrap_or_default();
        places.extend(std::iter::repeat_n(map, alike.len()));
    }
    (names, places)
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
        let sizes = |rows| cut(rows).into_iter().map(|g| g.len()).collect::<Vec<_>>();
        assert_eq!(sizes(1), [1]);
        assert_eq!(sizes(GROUP_ROWS_MAX), [GROUP_ROWS_MAX]);
        assert_eq!(cut(GROUP_ROWS_MAX + 2), [0..131_073, 131_073..262_146]);
        assert_eq!(cut(1 << 20).len(), 4);
    }
}
