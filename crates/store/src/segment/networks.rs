//! Which networks occur in which rows: what lets a question about a host or a network pass over most of a row group.
//!
//! The least and the greatest address of a page say little where one side of every flow is anybody on the Internet.
//! So a row group is also cut into blocks of [`PAGE_ROWS`] rows, and of each block a filter answers whether an address of
//! a network (/24 of IPv4, /64 of IPv6) is in any of its address [`COLUMNS`], other than those that the list of runs
//! ([`super::runs`]) says: "no" is certain, "yes" is wrong about
//! once in 256. It is a binary fuse filter (Graf and Lemire, <https://arxiv.org/abs/2201.01174>), which takes ten bits a
//! network; a few networks are listed instead.
//!
//! The blocks of a row group lie one after the other, all numbers little-endian:
//!
//! | octets | |
//! |--:|---|
//! | 4 | rows of a block; the last has what is left |
//! | 1 | 0: a list, 1: a filter; this and what follows for each block |
//! | 2, 8 × n | a list: how many networks, and each |
//! | 8, 4, 4, n | a filter: seed, length of a segment, length of all segments but the last two; fingerprints |
//!
//! A network is the first 64 bits of an IPv6 address, or 40 bits that are set and the first 24 bits of an IPv4 address.

use super::far::Ends;
use super::rows::{Addrs, Group, Rows};
use super::runs::{self, Draft};
use super::schema::PAGE_ROWS;
use crate::journal::{Frame, Raw};
use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use std::ops::Range;
use weir_flow::Addr;
use weir_flow::schema::Column;
use xorf::{BinaryFuse8, BinaryFuse8Ref, DmaSerializable, Filter, FilterRef};

pub(super) const SIDES: [Column; 5] =
    [Column::SrcAddr, Column::DstAddr, Column::NatSrcAddr, Column::NatDstAddr, Column::Host];

/// The columns whose addresses are in the blocks, as bits.
pub const COLUMNS: u64 = {
    let [src, dst, nat_src, nat_dst, host] = SIDES;
    src.bit() | dst.bit() | nat_src.bit() | nat_dst.bit() | host.bit()
};

/// So few networks are listed.
const LISTED_MAX: usize = 24;

/// Networks of more than this are not looked for one by one: a "yes" that is wrong would become likely.
const ASKED_MAX: u64 = 16;

const LIST: u8 = 0;
const FILTER: u8 = 1;

/// IPv4 networks have these bits set.
const V4: u64 = u64::MAX << 24;

/// The network of an address.
fn network(addr: Addr) -> u64 {
    let bits = addr.bits();
    let part = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
    if addr.is_v4() { V4 | part(bits >> 8) } else { part(bits >> 64) }
}

/// The networks between two addresses, both included; `None` if they are too many or of both families.
pub(super) fn asked(low: Addr, high: Addr) -> Option<Range<u64>> {
    // IPv4 addresses lie inside ::/64, so of that nothing can be said; nor of networks of IPv6 with the number of one of IPv4.
    let is_plain = |addr: Addr| addr.is_v4() || (1..V4).contains(&network(addr));
    if low.is_v4() != high.is_v4() || !is_plain(low) || !is_plain(high) {
        return None;
    }
    let (first, last) = (network(low), network(high));
    (last.checked_sub(first)? < ASKED_MAX).then(|| first..last.saturating_add(1))
}

/// The networks of all addresses of a segment, each once in its family; what a segment says of where addresses are.
pub(crate) struct Networks<'a> {
    rows: &'a Rows,
    /// Addresses that all rows of a column have, and that are in no other: after those of the segment's list.
    more: Vec<Addr>,
    list: Vec<u64>,
    /// Whether no network is in the list twice.
    are_distinct: bool,
    /// For each address, in the segment's list and after it, the place of its network.
    places: Vec<u32>,
    sides: Vec<Side<'a>>,
}

/// What a segment says of where the addresses of a row group are.
pub(crate) struct Said {
    /// The runs of hosts ([`super::runs`]).
    pub runs: Vec<u8>,
    /// The blocks of all other addresses.
    pub others: Vec<u8>,
    /// The rows where hosts are the far end ([`super::far`]).
    pub far: Vec<u8>,
}

impl<'a> Networks<'a> {
    /// Of a segment's addresses.
    pub(crate) fn new(rows: &'a Rows) -> Self {
        let mut more = Vec::new();
        let sides = SIDES.iter().map(|column| Side::new(rows, *column, &mut more)).collect();
        let (mut list, mut places) = (Vec::new(), Vec::with_capacity(rows.addresses.list.len()));
        let mut are_distinct = more.is_empty();
        // In each family neighbours of one network follow each other.
        let mut last: [Option<(u64, u32)>; 2] = [None; 2];
        for addr in rows.addresses.list.iter().chain(&more) {
            let network = network(*addr);
            // A number of an IPv6 network may stand for one of IPv4 too.
            are_distinct &= addr.is_v4() || network < V4;
            let last = &mut last[usize::from(addr.is_v4())];
            let place = match *last {
                Some((before, place)) if before == network => place,
                _ => {
                    let place = u32::try_from(list.len()).unwrap_or(u32::MAX);
                    list.push(network);
                    last.insert((network, place)).1
                }
            };
            places.push(place);
        }
        Self { rows, more, list, are_distinct, places, sides }
    }

    /// What is said of a row group.
    pub(crate) fn of(&self, group: &Group) -> Result<Said> {
        let rank = |column, row: u32| self.sides.iter().find(|side| side.column == column)?.rank(row);
        let mut drafts = runs::drafts(self.rows, group, rank);
        let hosts = self.of_hosts(&drafts);
        let listed: Vec<bool> =
            self.list.iter().map(|network| hosts.binary_search(network).is_ok()).collect();
        let is_told = |place: &u32| listed.get(*place as usize).copied().unwrap_or_default();
        let told = if hosts.is_empty() { Vec::new() } else { self.places.iter().map(is_told).collect() };
        let mut far = Ends::new(told, group.rows.len());
        let others = self.blocks(group, &mut drafts, &mut far)?;
        let runs = runs::write(&drafts, |rank| self.addr(rank))?;
        let far = far.write(&hosts, |rank| self.addr(rank))?;
        Ok(Said { runs, others, far })
    }

    /// The networks of tenants' hosts that have a run, rising.
    fn of_hosts(&self, drafts: &[Draft]) -> Vec<u64> {
        let is_of_tenant = |draft: &&Draft| {
            self.rows.present.get(draft.rows.start).is_some_and(|mask| mask & Column::Tenant.bit() != 0)
        };
        let ranks = drafts.iter().filter(is_of_tenant).filter_map(|draft| draft.rank);
        let mut networks: Vec<u64> = ranks.filter_map(|rank| self.addr(rank)).map(network).collect();
        networks.sort_unstable();
        networks.dedup();
        networks
    }

    /// The address of a rank.
    fn addr(&self, rank: u32) -> Option<Addr> {
        let listed = &self.rows.addresses.list;
        let rank = rank as usize;
        listed.get(rank).or_else(|| self.more.get(rank.checked_sub(listed.len())?)).copied()
    }

    /// The blocks of a row group: of each the networks of all addresses but the one of a row's run. In how many rows that is
    /// what is counted in the runs.
    ///
    /// Rows lie in another order than they came in, so the address of each, its network and whether that was seen are three
    /// looks into far memory. Each is taken for a whole block before the next one and without a branch in between: then the
    /// processor has a dozen of them under way at once.
    fn blocks(&self, group: &Group, drafts: &mut [Draft], far: &mut Ends) -> Result<Vec<u8>> {
        // Who is one of the row's two sides is there already.
        let is_told = |frame: &Frame| matches!(frame.raw(Column::Host), Raw::None | Raw::Sides(_));
        let hosts_are_told = self.rows.frames.iter().all(is_told);
        let mut ranks: [Vec<u32>; SIDES.len()] = Default::default();
        let mut seen = vec![0u32; self.list.len()];
        let (mut others, mut found) = (Vec::new(), Vec::new());
        let mut out = u32::try_from(PAGE_ROWS).unwrap_or_default().to_le_bytes().to_vec();
        let mut first = 0;
        for (block, at) in (1u32..).zip(group.rows.clone().step_by(PAGE_ROWS)) {
            let end = group.rows.end.min(at + PAGE_ROWS);
            let rows = self.rows.order.get(at..end).unwrap_or_default();
            for (side, ranks) in self.sides.iter().zip(&mut ranks) {
                let is_wanted = side.column != Column::Host || !hosts_are_told;
                side.fetch(if is_wanted { rows } else { &[] }, ranks);
            }
            others.clear();
            let mut next = at;
            while let Some(draft) = drafts.get_mut(first).filter(|draft| draft.rows.start < end) {
                let part = next..draft.rows.end.min(end);
                self.take(&part, at, draft, &ranks, &mut others);
                self.take_far(&part, at, group, draft.rank, &ranks, far);
                next = part.end;
                if draft.rows.end > end {
                    break;
                }
                first += 1;
            }
            self.distinct(&mut others, &mut seen, block, &mut found);
            put(&mut found, self.are_distinct, &mut out)?;
        }
        Ok(out)
    }

    /// Takes in rows of a run: the ranks of its other addresses. `ranks` are those of the block that begins `at` this row.
    fn take(
        &self,
        part: &Range<usize>,
        at: usize,
        draft: &mut Draft,
        ranks: &[Vec<u32>],
        others: &mut Vec<u32>,
    ) {
        let masks = self.rows.present.get(part.clone()).unwrap_or_default();
        // The host of a tenant's run is its address, in every row.
        let is_of_tenant = masks.first().is_some_and(|mask| mask & Column::Tenant.bit() != 0);
        for ((side, ranks), count) in self.sides.iter().zip(ranks).zip(&mut draft.counts) {
            let is_host = side.column == Column::Host;
            if is_host && is_of_tenant && draft.rank.is_some() {
                *count += part.len();
                continue;
            }
            let ranks = ranks.get(part.start - at..part.end - at).unwrap_or_default();
            let own = draft.rank.filter(|_| !is_host);
            *count += keep_others(ranks, masks, side.column.bit(), own, others);
        }
    }

    /// The same for the list of far ends.
    fn take_far(
        &self,
        part: &Range<usize>,
        at: usize,
        group: &Group,
        own: Option<u32>,
        ranks: &[Vec<u32>],
        far: &mut Ends,
    ) {
        let masks = self.rows.present.get(part.clone()).unwrap_or_default();
        for (number, (side, ranks)) in self.sides.iter().zip(ranks).enumerate() {
            let ranks = ranks.get(part.start - at..part.end - at).unwrap_or_default();
            far.take(number, part.start - group.rows.start, ranks, masks, side.column.bit(), own);
        }
    }

    /// The networks of addresses of these ranks, each once in its family. `seen` says of each network the block that it was
    /// last found in.
    fn distinct(&self, ranks: &mut Vec<u32>, seen: &mut [u32], block: u32, found: &mut Vec<u64>) {
        for rank in &mut *ranks {
            *rank = self.places.get(*rank as usize).copied().unwrap_or_default();
        }
        let mut next = 0;
        for at in 0..ranks.len() {
            let place = ranks.get(at).copied().unwrap_or_default();
            let Some(seen) = seen.get_mut(place as usize) else { continue };
            let is_new = std::mem::replace(seen, block) != block;
            if let Some(slot) = ranks.get_mut(next) {
                *slot = place;
            }
            next += usize::from(is_new);
        }
        ranks.truncate(next);
        found.clear();
        found.extend(ranks.iter().map(|place| self.list.get(*place as usize).copied().unwrap_or_default()));
    }
}

/// Appends the ranks of rows that have one, other than `own`; returns how many rows have that.
fn keep_others(ranks: &[u32], masks: &[u64], bit: u64, own: Option<u32>, out: &mut Vec<u32>) -> usize {
    let (mut next, mut owns) = (out.len(), 0);
    out.resize(next + ranks.len(), 0);
    for (rank, mask) in ranks.iter().zip(masks) {
        let (is_there, is_own) = (mask & bit != 0, own == Some(*rank));
        // Written where the next belongs, it stays if it is one: no branch that nobody could foresee.
        if let Some(slot) = out.get_mut(next) {
            *slot = *rank;
        }
        next += usize::from(is_there & !is_own);
        owns += usize::from(is_there & is_own);
    }
    out.truncate(next);
    owns
}

/// An address column of a segment.
struct Side<'a> {
    column: Column,
    ranks: Ranks<'a>,
}

/// The places of a column's addresses.
enum Ranks<'a> {
    /// No row has an address in the column.
    None,
    /// All rows that have one have this.
    One(u32),
    /// That of each row, as it came.
    Each(&'a [u32]),
}

impl<'a> Side<'a> {
    fn new(rows: &'a Rows, column: Column, more: &mut Vec<Addr>) -> Self {
        let is_there = rows.groups.iter().any(|group| group.any & column.bit() != 0);
        let ranks = match rows.addrs(column) {
            _ if !is_there => Ranks::None,
            Addrs::Each(ranks, _) => Ranks::Each(ranks),
            Addrs::One(addr) => {
                let listed = &rows.addresses.list;
                let place = listed.binary_search_by(|other| other.natural().cmp(addr.natural()));
                let place = place.unwrap_or_else(|_| {
                    let at = more.iter().position(|other| *other == addr).unwrap_or_else(|| {
                        more.push(addr);
                        more.len() - 1
                    });
                    listed.len() + at
                });
                Ranks::One(u32::try_from(place).unwrap_or(u32::MAX))
            }
        };
        Self { column, ranks }
    }

    /// The places of these rows' addresses; none where no row has one.
    fn fetch(&self, rows: &[u32], out: &mut Vec<u32>) {
        out.clear();
        match self.ranks {
            Ranks::None => {}
            Ranks::One(rank) => out.resize(rows.len(), rank),
            Ranks::Each(ranks) => {
                out.extend(rows.iter().map(|row| ranks.get(*row as usize).copied().unwrap_or_default()));
            }
        }
    }

    /// The place of a row's address, if it has one in this column.
    #[inline]
    fn rank(&self, row: u32) -> Option<u32> {
        match self.ranks {
            Ranks::None => None,
            Ranks::One(rank) => Some(rank),
            Ranks::Each(ranks) => ranks.get(row as usize).copied(),
        }
    }
}

/// Writes a block. Unless its networks `are_distinct`, some may be there twice: the one of a column may be among those of
/// another.
fn put(networks: &mut Vec<u64>, are_distinct: bool, out: &mut Vec<u8>) -> Result<()> {
    if !are_distinct || networks.len() <= LISTED_MAX {
        networks.sort_unstable();
        networks.dedup();
    }
    if networks.len() <= LISTED_MAX {
        out.push(LIST);
        out.extend(u16::try_from(networks.len()).unwrap_or_default().to_le_bytes());
        networks.iter().for_each(|network| out.extend(network.to_le_bytes()));
        return Ok(());
    }
    let failed = |error: &str| ParquetError::General(format!("the filter of networks: {error}"));
    let filter = BinaryFuse8::try_from(&*networks).map_err(failed)?;
    out.push(FILTER);
    out.extend(filter.descriptor.seed.to_le_bytes());
    out.extend(filter.descriptor.segment_length.to_le_bytes());
    out.extend(filter.descriptor.segment_count_length.to_le_bytes());
    out.extend(&*filter.fingerprints);
    Ok(())
}

/// The blocks of a row group, as read.
#[derive(Debug)]
pub struct Blocks {
    bytes: Bytes,
    block_rows: usize,
    rows: usize,
    blocks: Vec<Block>,
}

#[derive(Debug)]
enum Block {
    List(Vec<u64>),
    /// What a filter is made with, as it is given to one; and where its fingerprints lie.
    Filter([u8; BinaryFuse8::DESCRIPTOR_LEN], Range<usize>),
}

impl Blocks {
    /// Reads the blocks of a row group with so many rows; `None` if they are not what is written.
    pub(crate) fn parse(bytes: &Bytes, rows: usize) -> Option<Self> {
        let (block_rows, mut rest) = take::<4>(bytes)?;
        let block_rows = usize::try_from(u32::from_le_bytes(block_rows)).ok().filter(|rows| *rows > 0)?;
        let mut blocks = Vec::new();
        for _ in 0..rows.div_ceil(block_rows) {
            let (form, more) = rest.split_first()?;
            let block;
            (block, rest) = match *form {
                LIST => list(more)?,
                FILTER => filter(more, bytes.len())?,
                _ => return None,
            };
            blocks.push(block);
        }
        rest.is_empty().then_some(Self { bytes: bytes.clone(), block_rows, rows, blocks })
    }

    /// The rows, rising, among which all are that have an address between these two (both included) in any of
    /// [`COLUMNS`]; `None` if nothing can be said.
    #[must_use]
    pub fn rows(&self, low: Addr, high: Addr) -> Option<Vec<Range<usize>>> {
        let networks = asked(low, high)?;
        let held = |block: &Block| match block {
            Block::List(list) => networks.clone().any(|network| list.binary_search(&network).is_ok()),
            Block::Filter(descriptor, at) => {
                let fingerprints = self.bytes.get(at.clone()).unwrap_or_default();
                let filter = BinaryFuse8Ref::from_dma(descriptor, fingerprints);
                networks.clone().any(|network| filter.contains(&network))
            }
        };
        let starts = (0..self.rows).step_by(self.block_rows);
        let held = self.blocks.iter().zip(starts).filter(|(block, _)| held(block));
        Some(held.map(|(_, start)| start..self.rows.min(start + self.block_rows)).collect())
    }
}

fn list(bytes: &[u8]) -> Option<(Block, &[u8])> {
    let (count, rest) = take::<2>(bytes)?;
    let (list, rest) = rest.split_at_checked(8 * usize::from(u16::from_le_bytes(count)))?;
    let list: Vec<u64> = list.as_chunks().0.iter().map(|network| u64::from_le_bytes(*network)).collect();
    list.is_sorted().then_some((Block::List(list), rest))
}

/// A filter whose numbers agree with each other, so that no question reaches beyond its fingerprints. `end` is where the bytes
/// end, counted as those of all blocks.
fn filter(bytes: &[u8], end: usize) -> Option<(Block, &[u8])> {
    let (seed, rest) = take::<8>(bytes)?;
    let (segment_length, rest) = take::<4>(rest)?;
    let (segment_count_length, rest) = take::<4>(rest)?;
    let [length, count_length] = [segment_length, segment_count_length].map(u32::from_le_bytes);
    let len = usize::try_from(length.checked_mul(2)?.checked_add(count_length)?).ok()?;
    let at = end.checked_sub(rest.len())?;
    let (_, rest) = rest.split_at_checked(len)?;
    if !length.is_power_of_two() || count_length == 0 {
        return None;
    }
    let mut descriptor = [0; BinaryFuse8::DESCRIPTOR_LEN];
    let parts = [&seed[..], &segment_length, &(length - 1).to_le_bytes(), &segment_count_length];
    descriptor.iter_mut().zip(parts.concat()).for_each(|(slot, byte)| *slot = byte);
    Some((Block::Filter(descriptor, at..at + len), rest))
}

fn take<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk().map(|(first, rest)| (*first, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addr() -> impl Strategy<Value = Addr> {
        prop_oneof![
            any::<[u8; 4]>().prop_map(Addr::v4),
            (0u8..3, 0u8..3).prop_map(|(c, d)| Addr::v4([10, 0, c, d])),
            any::<u128>().prop_map(Addr::from_bits),
            (0u128..3, 0u128..3)
                .prop_map(|(net, host)| Addr::from_bits(0x2001_0db8 << 96 | net << 64 | host)),
            // Those of ::/64 beside IPv4.
            (0u128..3).prop_map(Addr::from_bits),
        ]
    }

    proptest! {
        #[test]
        fn whoever_is_there_is_found(addrs in prop::collection::vec(addr(), 0..200), low in addr(), high in addr()) {
            let mut networks: Vec<u64> = addrs.iter().map(|addr| network(*addr)).collect();
            let mut bytes = 7u32.to_le_bytes().to_vec();
            put(&mut networks, false, &mut bytes).unwrap();
            let blocks = Blocks::parse(&bytes.clone().into(), 7).unwrap();
            for addr in &addrs {
                if let Some(rows) = blocks.rows(*addr, *addr) {
                    prop_assert_eq!(rows, vec![0..7], "{}", addr);
                }
                prop_assert!(addr.bits() >> 64 == 0 && !addr.is_v4() || blocks.rows(*addr, *addr).is_some());
            }
            let inside = addrs.iter().any(|addr| (low..=high).contains(addr));
            if let (true, Some(rows)) = (inside, blocks.rows(low, high)) {
                prop_assert_eq!(rows, vec![0..7]);
            }
            // No byte too few or too many.
            prop_assert!(Blocks::parse(&bytes[..bytes.len() - 1].to_vec().into(), 7).is_none());
            bytes.push(0);
            prop_assert!(Blocks::parse(&bytes.into(), 7).is_none());
        }

        #[test]
        fn whatever_is_read_reaches_nowhere(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..3], 0..200), rows in 1usize..100,
                                            asked in addr()) {
            if let Some(blocks) = Blocks::parse(&bytes.into(), rows) {
                let _ = blocks.rows(asked, asked);
            }
        }
    }

    #[test]
    fn a_stranger_is_rarely_held_for_one_who_is_there() {
        let v4 = |number: u32| Addr::v4(number.to_be_bytes());
        let mut networks: Vec<u64> = (0..10_000).map(|number| network(v4(number << 8))).collect();
        let mut bytes = 1u32.to_le_bytes().to_vec();
        put(&mut networks, false, &mut bytes).unwrap();
        assert!(bytes.len() < 10_000 * 11 / 8, "{} bytes", bytes.len());
        let blocks = Blocks::parse(&bytes.into(), 1).unwrap();
        let strangers = (10_000..110_000)
            .filter(|number| !blocks.rows(v4(number << 8), v4(number << 8)).unwrap().is_empty());
        // One in 256 is 391 of them.
        assert!(strangers.count() < 600);
    }

    #[test]
    fn networks_are_counted_in_their_family() {
        let addr = |text: &str| text.parse::<std::net::IpAddr>().map(Addr::from).unwrap();
        let count = |low, high| asked(addr(low), addr(high)).map(|networks| networks.end - networks.start);
        assert_eq!(count("10.0.0.1", "10.0.0.1"), Some(1));
        assert_eq!(count("10.0.0.0", "10.0.15.255"), Some(16));
        assert_eq!(count("10.0.0.0", "10.0.16.0"), None);
        assert_eq!(count("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"), Some(1));
        assert_eq!(count("2001:db8::", "2001:db8:0:f::"), Some(16));
        assert_eq!(count("2001:db8::", "2001:db9::"), None);
        assert_eq!(count("0.0.0.0", "2001:db8::"), None);
        assert_eq!(count("::", "::ffff"), None, "IPv4 lies in the same /64");
    }
}
