//! The addresses of all rows, each once: columns of addresses become columns of small numbers.
//!
//! Every address is looked up once, as the rows came, and from there on it is its place in the list: rows are
//! sorted by it, and a dictionary of addresses is found without hashing sixteen octets again and again.

use super::dense::is_constant;
use crate::journal::{Frame, Raw};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::BuildHasher;
use weir_flow::schema::{COLUMNS, COUNT, Column, Kind};
use weir_flow::{Addr, Values};

/// Addresses in the order of Parquet's bounds, that of their 4 or 16 octets.
#[derive(Default)]
pub(crate) struct Addresses {
    /// Each once, ascending.
    pub list: Vec<Addr>,
    /// For each of them its place in the order of [`Addr`], which keeps the families apart.
    pub numeric: Vec<u32>,
    /// By column, for each row as it came, the place of its address in the list.
    columns: Vec<Option<Vec<u32>>>,
}

impl Addresses {
    /// Of all columns of addresses that differ from row to row.
    pub(crate) fn new(frames: &[Frame]) -> Self {
        let mut met = Met::default();
        let mut columns: Vec<Option<Vec<u32>>> = vec![None; COUNT];
        let wanted = COLUMNS.iter().filter(|d| d.kind == Kind::Addr && !is_constant(frames, d.column));
        for definition in wanted {
            let column = definition.column;
            let ids = met.column(frames, column, &columns);
            if let Some(slot) = columns.get_mut(column.index()) {
                *slot = Some(ids);
            }
        }
        let (list, numeric, ranks) = met.sorted();
        for id in columns.iter_mut().flatten().flatten() {
            *id = ranks.get(*id as usize).copied().unwrap_or_default();
        }
        Self { list, numeric, columns }
    }

    /// The places of a column's addresses in the list, as the rows came; `None` if all rows have the same.
    pub(crate) fn ranks(&self, column: Column) -> Option<&[u32]> {
        self.columns.get(column.index())?.as_deref()
    }
}

/// Addresses one by one, each of them in a list once.
pub(crate) struct Ranked {
    /// Each once, in the order of Parquet's bounds.
    pub list: Vec<Addr>,
    /// For each of them its place in the order of [`Addr`].
    pub numeric: Vec<u32>,
    /// The place in the list of each address that was given.
    pub places: Vec<u32>,
}

impl Ranked {
    /// Of these addresses.
    pub(crate) fn new(addrs: impl Iterator<Item = Addr>) -> Self {
        let mut met = Met::default();
        let mut last: Option<(Addr, u32)> = None;
        let number = |addr: Addr| match last {
            Some((before, id)) if before == addr => id,
            _ => last.insert((addr, met.any(*addr.octets()))).1,
        };
        let mut places: Vec<u32> = addrs.map(number).collect();
        let (list, numeric, ranks) = met.sorted();
        for id in &mut places {
            *id = ranks.get(*id as usize).copied().unwrap_or_default();
        }
        Self { list, numeric, places }
    }
}

/// A host is the source or the destination.
const SIDES: [Column; 2] = [Column::SrcAddr, Column::DstAddr];

/// Not yet known.
const UNKNOWN: u32 = u32::MAX;

/// IPv4 addresses by their numbers. Each is looked up for every row, and mostly in none of the processor's caches: so a slot is
/// eight octets, and nearly always the first that is looked at.
#[derive(Default)]
struct Table {
    /// An address and, below it, its number and one; 0 where there is none. At most half of them are taken.
    slots: Vec<u64>,
    taken: usize,
    state: RandomState,
}

/// A table has so many slots at first.
const SLOTS_MIN: usize = if cfg!(test) { 4 } else { 1 << 12 };

impl Table {
    /// The number of an address, which is `next` if it was not there; and whether it was not.
    #[inline]
    fn number(&mut self, addr: u32, next: u32) -> (u32, bool) {
        if 2 * self.taken >= self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = self.first(addr, mask);
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == 0 {
                *slot = u64::from(addr) << 32 | (u64::from(next) + 1);
                self.taken += 1;
                return (next, true);
            }
            if high_half(*slot) == addr {
                return (low_half(*slot).wrapping_sub(1), false);
            }
            at = (at + 1) & mask;
        }
        (next, false)
    }

    fn first(&self, addr: u32, mask: usize) -> usize {
        usize::try_from(self.state.hash_one(addr)).unwrap_or_default() & mask
    }

    #[cold]
    fn grow(&mut self) {
        let before = std::mem::take(&mut self.slots);
        self.slots = vec![0; SLOTS_MIN.max(4 * before.len())];
        let mask = self.slots.len() - 1;
        for slot in before.into_iter().filter(|slot| *slot != 0) {
            let mut at = self.first(high_half(slot), mask);
            while self.slots.get(at).is_some_and(|other| *other != 0) {
                at = (at + 1) & mask;
            }
            if let Some(free) = self.slots.get_mut(at) {
                *free = slot;
            }
        }
    }

    /// All: the address above its number.
    fn all(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().filter(|slot| **slot != 0).map(|slot| slot - 1)
    }
}

/// Addresses in the order they were met. The families have tables of their own: most addresses have four octets,
/// and a table of those is a quarter of the size.
#[derive(Default)]
struct Met {
    v4: Table,
    v6: HashMap<u128, u32, RandomState>,
    count: u32,
}

impl Met {
    fn v4(&mut self, octets: [u8; 4]) -> u32 {
        let (number, is_new) = self.v4.number(u32::from_be_bytes(octets), self.count);
        self.count += u32::from(is_new);
        number
    }

    fn any(&mut self, octets: [u8; 16]) -> u32 {
        let addr = Addr::v6(octets);
        if let ([.., a, b, c, d], true) = (octets, addr.is_v4()) {
            return self.v4([a, b, c, d]);
        }
        *self.v6.entry(addr.bits()).or_insert_with(|| {
            self.count += 1;
            self.count - 1
        })
    }

    /// The number of each row's address. Of hosts, those of the sides are taken where they are the same.
    fn column(&mut self, frames: &[Frame], column: Column, columns: &[Option<Vec<u32>>]) -> Vec<u32> {
        let mut out = Vec::with_capacity(frames.iter().map(Frame::rows).sum());
        for frame in frames {
            let base = out.len();
            out.resize(base + frame.rows(), UNKNOWN);
            let ids = out.get_mut(base..).unwrap_or_default();
            let raw = frame.raw(column);
            for side in SIDES.iter().filter(|_| column == Column::Host) {
                let known = columns.get(side.index()).and_then(|ids| ids.as_deref()?.get(base..));
                take_equal(raw, frame.raw(*side), known.unwrap_or_default(), ids);
            }
            match raw {
                // Of addresses there are no distances.
                Raw::None | Raw::Near(_) => ids.fill(0),
                Raw::Constant(bytes) => ids.fill(bytes.first_chunk().map_or(0, |octets| self.any(*octets))),
                Raw::V4(bytes) => look_up(bytes.as_chunks().0, ids, |octets| self.v4(octets)),
                Raw::Plain(bytes) => look_up(bytes.as_chunks().0, ids, |octets| self.any(octets)),
                Raw::Mixed(mixed) => {
                    for (row, octets) in mixed.v6() {
                        if let Some(id) = ids.get_mut(row) {
                            *id = self.any(octets);
                        }
                    }
                    look_up(mixed.v4, ids, |octets| self.v4(octets));
                }
                Raw::Sides(sides) => {
                    match SIDES.map(|side| columns.get(side.index())?.as_deref()?.get(base..)) {
                        [Some(src), Some(dst)] => take_sides(sides, src, dst, ids),
                        _ => self.each(&frame.values(column), ids),
                    }
                }
            }
        }
        out
    }

    /// The numbers of addresses one by one.
    fn each(&mut self, addrs: &Values, ids: &mut [u32]) {
        let Values::Addr(addrs) = addrs else { return };
        for (id, addr) in ids.iter_mut().zip(addrs) {
            *id = self.any(*addr.octets());
        }
    }

    /// The addresses in the order of bounds, the place of each in the order of [`Addr`], and the place in the list
    /// of each by its number.
    fn sorted(self) -> (Vec<Addr>, Vec<u32>, Vec<u32>) {
        let mut v4: Vec<u64> = self.v4.all().collect();
        v4.sort_unstable();
        let mut v6: Vec<(u128, u32)> = self.v6.into_iter().collect();
        v6.sort_unstable();
        let low = v6.partition_point(|(bits, _)| *bits < Addr::v4([0; 4]).bits());
        let count = v4.len() + v6.len();
        let (mut list, mut numeric) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut ranks = vec![0; count];
        let (mut short, mut long) = (v4.iter().enumerate().peekable(), v6.iter().enumerate().peekable());
        loop {
            let next = match (short.peek(), long.peek()) {
                (None, None) => break,
                (Some((_, v4)), Some((_, (v6, _)))) => is_before(**v4, *v6),
                (next, _) => next.is_some(),
            };
            let (addr, id, place) = if next {
                let Some((at, v4)) = short.next() else { break };
                (Addr::v4(high_half(*v4).to_be_bytes()), low_half(*v4), low + at)
            } else {
                let Some((at, (bits, id))) = long.next() else { break };
                (Addr::from_bits(*bits), *id, if at < low { at } else { at + v4.len() })
            };
            if let Some(rank) = ranks.get_mut(id as usize) {
                *rank = place_of(list.len());
            }
            list.push(addr);
            numeric.push(place_of(place));
        }
        (list, numeric, ranks)
    }
}

/// Whether four octets (and a number) come before sixteen, octet by octet.
fn is_before(v4: u64, v6: u128) -> bool {
    // Of equal beginnings the shorter comes first.
    u128::from(high_half(v4)) <= v6 >> 96
}

fn high_half(value: u64) -> u32 {
    place_of(usize::try_from(value >> 32).unwrap_or_default())
}

fn low_half(value: u64) -> u32 {
    place_of(usize::try_from(value & u64::from(u32::MAX)).unwrap_or_default())
}

/// There are fewer rows than 2^32, and so are their addresses.
fn place_of(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(UNKNOWN)
}

/// Takes the number of the side that each host is.
fn take_sides(sides: &[u8], src: &[u32], dst: &[u32], ids: &mut [u32]) {
    for ((side, id), (src, dst)) in sides.iter().zip(ids).zip(src.iter().zip(dst)) {
        *id = if *side == 0 { *src } else { *dst };
    }
}

/// Takes over the numbers of another column where the address is the same.
fn take_equal(own: Raw<'_>, other: Raw<'_>, known: &[u32], ids: &mut [u32]) {
    fn equal<const N: usize>(own: &[u8], other: &[u8], known: &[u32], ids: &mut [u32]) {
        let pairs = own.as_chunks::<N>().0.iter().zip(other.as_chunks::<N>().0);
        for ((own, other), (known, id)) in pairs.zip(known.iter().zip(ids)) {
            if own == other {
                *id = *known;
            }
        }
    }
    match (own, other) {
        (Raw::V4(own), Raw::V4(other)) => equal::<4>(own, other, known, ids),
        (Raw::Plain(own), Raw::Plain(other)) => equal::<16>(own, other, known, ids),
        _ => {}
    }
}

/// Looks up those that are not yet known.
fn look_up<const N: usize>(chunks: &[[u8; N]], ids: &mut [u32], mut number: impl FnMut([u8; N]) -> u32) {
    let mut last = None;
    for (octets, id) in chunks.iter().zip(ids).filter(|(_, id)| **id == UNKNOWN) {
        *id = match last {
            Some((before, id)) if before == octets => id,
            _ => number(*octets),
        };
        last = Some((octets, *id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn octets() -> impl Strategy<Value = [u8; 16]> {
        let near = (0u8..4, prop_oneof![Just(0u8), Just(0xff)], 0u8..4);
        prop_oneof![
            any::<[u8; 4]>().prop_map(|v4| *Addr::v4(v4).octets()),
            near.prop_map(|(first, fill, last)| {
                let mut octets = [fill; 16];
                (octets[0], octets[15]) = (first, last);
                octets
            }),
            (0u8..4, 0u8..4).prop_map(|(a, d)| *Addr::v4([a, 0, 0, d]).octets()),
            any::<[u8; 16]>(),
        ]
    }

    proptest! {
        #[test]
        fn addresses_are_listed_once_in_the_order_of_their_octets(all in prop::collection::vec(octets(), 0..80)) {
            let mut met = Met::default();
            let ids: Vec<u32> = all.iter().map(|octets| met.any(*octets)).collect();
            let (list, numeric, ranks) = met.sorted();
            prop_assert!(list.is_sorted_by(|a, b| a.natural() < b.natural()));
            for (octets, id) in all.iter().zip(ids) {
                prop_assert_eq!(list[ranks[id as usize] as usize], Addr::v6(*octets));
            }
            let ranked = Ranked::new(all.iter().map(|octets| Addr::v6(*octets)));
            let back: Vec<Addr> = ranked.places.iter().map(|place| ranked.list[*place as usize]).collect();
            prop_assert_eq!(back, all.iter().map(|octets| Addr::v6(*octets)).collect::<Vec<_>>());
            prop_assert_eq!((&ranked.list, &ranked.numeric), (&list, &numeric));
            let mut by_number = list.clone();
            by_number.sort();
            for (addr, place) in list.iter().zip(numeric) {
                prop_assert_eq!(by_number[place as usize], *addr);
            }
        }
    }
}
