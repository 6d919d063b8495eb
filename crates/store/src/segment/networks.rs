//! Which networks occur in which rows: what lets a question about a host or a network pass over most of a row group.
//!
//! The least and the greatest address of a page say little where one side of every flow is anybody on the Internet.
//! So a row group is also cut into blocks of [`PAGE_ROWS`] rows, and of each block a filter answers whether an address of
//! a network (/24 of IPv4, /64 of IPv6) is in any of its address [`COLUMNS`]: "no" is certain, "yes" is wrong about
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

use super::dense;
use super::rows::{Group, Rows};
use super::schema::PAGE_ROWS;
use crate::journal::{Frame, Raw};
use parquet::errors::{ParquetError, Result};
use std::ops::Range;
use weir_flow::Addr;
use weir_flow::schema::Column;
use xorf::{BinaryFuse8, Filter};

const SIDES: [Column; 5] =
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
fn asked(low: Addr, high: Addr) -> Option<Range<u64>> {
    // IPv4 addresses lie inside ::/64, so of that nothing can be said.
    let is_plain = |addr: Addr| addr.is_v4() || network(addr) != 0;
    if low.is_v4() != high.is_v4() || !is_plain(low) || !is_plain(high) {
        return None;
    }
    let (first, last) = (network(low), network(high));
    (last.checked_sub(first)? < ASKED_MAX).then(|| first..last.saturating_add(1))
}

/// The networks of all addresses of a segment, each once in its family.
pub(crate) struct Networks {
    list: Vec<u64>,
    /// Whether none of IPv6 is a number that stands for one of IPv4 too.
    are_distinct: bool,
    /// For each address in the segment's list, the place of its network.
    places: Vec<u32>,
}

impl Networks {
    /// Of a segment's addresses.
    pub(crate) fn new(addresses: &[Addr]) -> Self {
        let (mut list, mut places) = (Vec::new(), Vec::with_capacity(addresses.len()));
        let mut are_distinct = true;
        // In each family neighbours of one network follow each other.
        let mut last: [Option<(u64, u32)>; 2] = [None; 2];
        for addr in addresses {
            let network = network(*addr);
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
        Self { list, are_distinct, places }
    }

    /// The blocks of a row group.
    pub(crate) fn blocks(&self, rows: &Rows, group: &Group) -> Result<Vec<u8>> {
        // Who is one of the row's two sides is there already.
        let is_told = |frame: &Frame| matches!(frame.raw(Column::Host), Raw::None | Raw::Sides(_));
        let hosts_are_told = rows.frames.iter().all(is_told);
        let columns = SIDES.iter().filter(|column| **column != Column::Host || !hosts_are_told);
        let sides: Vec<Side<'_>> = columns.filter_map(|column| Side::new(rows, group, *column)).collect();
        let are_distinct = self.are_distinct && !sides.iter().any(|side| matches!(side, Side::One(_)));
        let mut seen = vec![0u32; self.list.len()];
        let mut found: Vec<u64> = Vec::new();
        let mut out = u32::try_from(PAGE_ROWS).unwrap_or_default().to_le_bytes().to_vec();
        for (block, at) in (1u32..).zip(group.rows.clone().step_by(PAGE_ROWS)) {
            let block_rows = at..group.rows.end.min(at + PAGE_ROWS);
            let masks = rows.present.get(block_rows.clone()).unwrap_or_default();
            let order = rows.order.get(block_rows).unwrap_or_default();
            found.clear();
            for side in &sides {
                let (ranks, bit) = match side {
                    Side::One(network) => {
                        found.push(*network);
                        continue;
                    }
                    Side::Each(ranks, bit) => (ranks, bit),
                };
                for (row, _) in order.iter().zip(masks).filter(|(_, mask)| *mask & bit != 0) {
                    let rank = ranks.get(*row as usize).copied().unwrap_or_default();
                    let place = self.places.get(rank as usize).copied().unwrap_or_default() as usize;
                    if let (Some(seen), Some(network)) = (seen.get_mut(place), self.list.get(place))
                        && *seen != block
                    {
                        *seen = block;
                        found.push(*network);
                    }
                }
            }
            put(&mut found, are_distinct, &mut out)?;
        }
        Ok(out)
    }
}

/// An address column of a row group.
enum Side<'a> {
    /// All rows that have one are of this network.
    One(u64),
    /// The place of each row's address, and the column's bit.
    Each(&'a [u32], u64),
}

impl<'a> Side<'a> {
    /// `None` if no row has an address in the column.
    fn new(rows: &'a Rows, group: &Group, column: Column) -> Option<Self> {
        if group.any & column.bit() == 0 {
            return None;
        }
        if let Some(ranks) = rows.addresses.ranks(column) {
            return Some(Self::Each(ranks, column.bit()));
        }
        let mut addr = Vec::new();
        dense::fill(&mut addr, rows.frames.get(..1)?, column, Addr::v6);
        addr.first().map(|addr| Self::One(network(*addr)))
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
    block_rows: usize,
    rows: usize,
    blocks: Vec<Block>,
}

#[derive(Debug)]
enum Block {
    List(Vec<u64>),
    Filter(BinaryFuse8),
}

impl Blocks {
    /// Reads the blocks of a row group with so many rows; `None` if they are not what is written.
    pub(crate) fn parse(bytes: &[u8], rows: usize) -> Option<Self> {
        let (block_rows, mut rest) = take::<4>(bytes)?;
        let block_rows = usize::try_from(u32::from_le_bytes(block_rows)).ok().filter(|rows| *rows > 0)?;
        let mut blocks = Vec::new();
        for _ in 0..rows.div_ceil(block_rows) {
            let (form, more) = rest.split_first()?;
            let block;
            (block, rest) = match *form {
                LIST => list(more)?,
                FILTER => filter(more)?,
                _ => return None,
            };
            blocks.push(block);
        }
        rest.is_empty().then_some(Self { block_rows, rows, blocks })
    }

    /// The rows, rising, among which all are that have an address between these two (both included) in any of
    /// [`COLUMNS`]; `None` if nothing can be said.
    #[must_use]
    pub fn rows(&self, low: Addr, high: Addr) -> Option<Vec<Range<usize>>> {
        let networks = asked(low, high)?;
        let held = |block: &Block| match block {
            Block::List(list) => networks.clone().any(|network| list.binary_search(&network).is_ok()),
            Block::Filter(filter) => networks.clone().any(|network| filter.contains(&network)),
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

/// A filter whose numbers agree with each other, so that no question reaches beyond its fingerprints.
fn filter(bytes: &[u8]) -> Option<(Block, &[u8])> {
    let (seed, rest) = take::<8>(bytes)?;
    let (segment_length, rest) = take::<4>(rest)?;
    let (segment_count_length, rest) = take::<4>(rest)?;
    let segment_length = u32::from_le_bytes(segment_length);
    let segment_count_length = u32::from_le_bytes(segment_count_length);
    let len = segment_length.checked_mul(2)?.checked_add(segment_count_length)?;
    let (fingerprints, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    if !segment_length.is_power_of_two() || segment_count_length == 0 {
        return None;
    }
    let mut filter = BinaryFuse8::try_from(&[][..]).ok()?;
    filter.descriptor.seed = u64::from_le_bytes(seed);
    filter.descriptor.segment_length = segment_length;
    filter.descriptor.segment_length_mask = segment_length - 1;
    filter.descriptor.segment_count_length = segment_count_length;
    filter.fingerprints = fingerprints.into();
    Some((Block::Filter(filter), rest))
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
            let blocks = Blocks::parse(&bytes, 7).unwrap();
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
            prop_assert!(Blocks::parse(&bytes[..bytes.len() - 1], 7).is_none());
            bytes.push(0);
            prop_assert!(Blocks::parse(&bytes, 7).is_none());
        }

        #[test]
        fn whatever_is_read_reaches_nowhere(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..3], 0..200), rows in 1usize..100,
                                            asked in addr()) {
            if let Some(blocks) = Blocks::parse(&bytes, rows) {
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
        let blocks = Blocks::parse(&bytes, 1).unwrap();
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
