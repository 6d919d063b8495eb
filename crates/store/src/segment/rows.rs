//! The rows of a seal in the order they are written.
//!
//! Rows are first cut into partitions of contiguous start times, and sorted inside each by
//! direction, tenant, host and start, so that a question about a time, a tenant or a host touches few pages. What goes
//! one way lies together: there the tenants' side rises from page to page, is the same host in every row of a run and
//! compresses to nothing; and no row but local ones, which are few, has a second tenant. Rows without a tenant come
//! last in their direction, by source address. Rows that are equal in all that keep the order they came in.
//!
//! Of a partition each direction with enough rows is a row group, so that a dictionary of addresses is one of hosts
//! or one of anybody: whoever looks for a host among the far ends of local flows need not read where on the Internet the
//! others went.

use super::address::Addresses;
use super::dense;
use super::pack::width;
use super::schema::PAGE_ROWS;
use crate::journal::{Frame, Strings};
use std::collections::BTreeSet;
use std::ops::Range;
use weir_flow::names::Direction;
use weir_flow::schema::Column;
use weir_flow::{Addr, Bytes};

/// A row group has at most so many rows: a seal's, of which the last batch mostly goes a little beyond 1 Mi.
pub(crate) const GROUP_ROWS_MAX: usize = if cfg!(test) { 256 * 1024 } else { (1 << 20) + (1 << 16) };

/// A direction with fewer rows than this shares its row group with the one before or after it: what a footer says of a
/// group would weigh too much.
const DIRECTION_ROWS_MIN: usize = if cfg!(test) { 64 } else { 4 * PAGE_ROWS };

/// Frames, and the order of their rows.
pub(crate) struct Rows {
    /// Those with any rows.
    pub frames: Vec<Frame>,
    /// All names of the frames, sorted, each once: name columns hold places in it.
    pub names: Vec<Box<str>>,
    /// For each frame, what its own places become.
    pub places: Vec<Vec<u32>>,
    /// All addresses.
    pub addresses: Addresses,
    /// The places of the rows, in the order they are written.
    pub order: Vec<u32>,
    /// Where runs of one direction, tenant and host (without a tenant: source) begin in it.
    run_starts: Vec<u32>,
    /// The presence masks in the order they are written.
    pub present: Vec<u64>,
    /// The row groups.
    pub groups: Vec<Group>,
}

/// A row group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its part of the order.
    pub rows: Range<usize>,
    /// Columns that any of its rows has a value in.
    pub any: u64,
    /// Columns that all of its rows have a value in.
    pub all: u64,
}

/// The addresses of a column, by row as it came.
#[derive(Clone, Copy)]
pub(crate) enum Addrs<'a> {
    /// All rows that have one have this.
    One(Addr),
    /// Places in the list.
    Each(&'a [u32], &'a [Addr]),
}

impl Addrs<'_> {
    /// That of a row.
    pub(crate) fn get(&self, row: usize) -> Addr {
        match self {
            Self::One(addr) => *addr,
            Self::Each(_, list) => list.get(self.place(row) as usize).copied().unwrap_or_default(),
        }
    }

    /// A number of it, which is another for every other address.
    #[inline]
    pub(crate) fn place(&self, row: usize) -> u32 {
        match self {
            Self::One(_) => 0,
            Self::Each(places, _) => places.get(row).copied().unwrap_or_default(),
        }
    }
}

impl Rows {
    /// Orders the rows of these frames.
    pub(crate) fn new(mut frames: Vec<Frame>) -> Self {
        frames.retain(|f| f.rows() > 0);
        let (names, places) = merge_names(&frames);
        let addresses = Addresses::new(&frames);
        let (order, run_starts, present, groups) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut rows = Self { frames, names, places, addresses, order, run_starts, present, groups };
        rows.sort();
        rows
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.frames.iter().map(Frame::rows).sum()
    }

    /// The runs of rows of one direction, tenant and host (without a tenant: source) in the order they are written.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let ends = self.run_starts.iter().skip(1).map(|start| *start as usize).chain([self.order.len()]);
        self.run_starts.iter().zip(ends).map(|(start, end)| *start as usize..end)
    }

    /// The same of a row group: no run goes on in the next one.
    pub(crate) fn runs_of(&self, group: &Group) -> impl Iterator<Item = Range<usize>> {
        let first = self.run_starts.partition_point(|start| (*start as usize) < group.rows.start);
        let end = group.rows.end;
        self.runs().skip(first).take_while(move |run| run.start < end)
    }

    /// The numbers of a column, by row as it came; none where no row has one.
    pub(crate) fn numbers<T: Copy + Default, const N: usize>(
        &self,
        column: Column,
        value: impl Fn([u8; N]) -> T,
    ) -> Vec<T> {
        let mut out = Vec::new();
        if self.frames.iter().any(|frame| frame.has(column)) {
            dense::fill(&mut out, &self.frames, column, value);
        }
        out
    }

    /// The places in the names of a column, by row as it came; none where no row has one.
    pub(crate) fn name_places(&self, column: Column) -> Vec<u32> {
        let mut out = Vec::new();
        if self.frames.iter().any(|frame| frame.has(column)) {
            dense::fill_names(&mut out, self, &self.frames, column);
        }
        out
    }

    /// The addresses of a column.
    pub(crate) fn addrs(&self, column: Column) -> Addrs<'_> {
        if let Some(places) = self.addresses.ranks(column) {
            return Addrs::Each(places, &self.addresses.list);
        }
        let mut first = Vec::new();
        dense::fill(&mut first, self.frames.get(..1).unwrap_or_default(), column, Addr::v6);
        Addrs::One(first.first().copied().unwrap_or_default())
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

    /// Whether two columns of the same type hold the same in every row.
    pub(crate) fn are_equal(&self, a: Column, b: Column) -> bool {
        let both = a.bit() | b.bit();
        let is_even = |mask: u64| mask & both == 0 || mask & both == both;
        let alike = |group: &Group| group.any & both == 0 || group.all & both == both;
        let even = |group: &Group| {
            alike(group)
                || self.present.get(group.rows.clone()).unwrap_or_default().iter().all(|mask| is_even(*mask))
        };
        self.groups.iter().all(even) && self.frames.iter().all(|frame| frame.are_equal(a, b))
    }

    fn sort(&mut self) {
        let mut present = Vec::with_capacity(self.len());
        for frame in &self.frames {
            frame.append_present(&mut present);
        }
        let mut start = Vec::new();
        dense::fill(&mut start, &self.frames, Column::Start, i64::from_le_bytes);
        let Keys { keys, direction_at } = self.keys(&present);
        let parts = super::order::order(&start, &keys, GROUP_ROWS_MAX, &mut self.order, &mut self.run_starts);
        let direction = |row: usize| {
            let row = self.order.get(row).copied().unwrap_or_default();
            keys.get(row as usize).map_or(0, |key| key >> direction_at)
        };
        let groups: Vec<Range<usize>> =
            parts.into_iter().flat_map(|part| self.by_direction(part, direction)).collect();
        let mask = |row: &u32| present.get(*row as usize).copied().unwrap_or(0);
        self.present = self.order.iter().map(mask).collect();
        let group = |rows: Range<usize>| {
            let masks = self.present.get(rows.clone()).unwrap_or_default();
            let (any, all) = masks.iter().fold((0, u64::MAX), |(any, all), m| (any | m, all & m));
            Group { rows, any, all }
        };
        self.groups = groups.into_iter().map(group).collect();
    }

    /// Cuts sorted rows where another direction begins, as far as the pieces are not too small.
    fn by_direction(&self, part: Range<usize>, direction: impl Fn(usize) -> u64) -> Vec<Range<usize>> {
        let first = self.run_starts.partition_point(|start| (*start as usize) <= part.start);
        let starts = self.run_starts.iter().skip(first).map(|start| *start as usize);
        let (mut pieces, mut begin) = (Vec::new(), part.start);
        for start in starts.take_while(|start| *start < part.end) {
            let is_other = direction(start) != direction(start - 1);
            if is_other && (start - begin).min(part.end - start) >= DIRECTION_ROWS_MIN {
                pieces.push(begin..start);
                begin = start;
            }
        }
        pieces.push(begin..part.end);
        pieces
    }

    /// What rows are sorted by before their start, as one number: the direction, the tenant's place and the host's;
    /// without a tenant, a place after all, and the source's. Numbers are as small as they can be.
    fn keys(&self, present: &[u64]) -> Keys {
        let mut tenant = Vec::new();
        dense::fill_names(&mut tenant, self, &self.frames, Column::Tenant);
        let mut direction = Vec::new();
        dense::fill(&mut direction, &self.frames, Column::Direction, u8::from_le_bytes);
        // A column whose rows all have the same address has no ranks: one place is as good as another.
        let same = vec![0; if present.is_empty() { 0 } else { 1 }];
        let ranks = |column| self.addresses.ranks(column).unwrap_or(&same);
        let (host, src) = (ranks(Column::Host), ranks(Column::SrcAddr));
        // 0 stands for no address.
        let by = present.iter().enumerate().map(|(row, mask)| {
            let (column, ranks) =
                if mask & Column::Tenant.bit() != 0 { (Column::Host, host) } else { (Column::SrcAddr, src) };
            let rank = ranks.get(row).or(ranks.first()).copied().unwrap_or_default();
            let numeric = self.addresses.numeric.get(rank as usize).map_or(1, |place| place + 1);
            if mask & column.bit() != 0 { numeric } else { 0 }
        });
        let mut by: Vec<u32> = by.collect();
        let hosts = squeeze(&mut by, self.addresses.list.len() + 2);
        let host_bits = u32::from(width(hosts));
        let last = self.names.len() as u64;
        let tenant_bits = u32::from(width(last));
        let none = u8::try_from(Direction::WORDS.len()).unwrap_or(u8::MAX);
        let sides = by.iter().zip(tenant.iter().zip(&direction));
        let key = |(mask, (host, (tenant, direction))): (&u64, (&u32, (&u32, &u8)))| {
            let tenant = if mask & Column::Tenant.bit() != 0 { u64::from(*tenant) } else { last };
            let direction = if mask & Column::Direction.bit() != 0 { *direction } else { none };
            (u64::from(direction) << tenant_bits | tenant) << host_bits | u64::from(*host)
        };
        Keys { keys: present.iter().zip(sides).map(key).collect(), direction_at: tenant_bits + host_bits }
    }
}

/// What rows are sorted by before their start.
struct Keys {
    /// For each row as it came.
    keys: Vec<u64>,
    /// The bit that the direction begins at.
    direction_at: u32,
}

/// Replaces numbers below `limit` by their places among those that are there; returns the largest.
fn squeeze(numbers: &mut [u32], limit: usize) -> u64 {
    let mut places = vec![0u32; limit];
    for number in numbers.iter() {
        if let Some(place) = places.get_mut(*number as usize) {
            *place = 1;
        }
    }
    let mut next = 0;
    for place in places.iter_mut().filter(|place| **place > 0) {
        *place = next;
        next += 1;
    }
    for number in numbers {
        *number = places.get(*number as usize).copied().unwrap_or_default();
    }
    u64::from(next)
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
