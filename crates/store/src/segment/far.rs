//! Where hosts are the far end of others' traffic: what lets a question about a host go to those rows too.
//!
//! The runs ([`super::runs`]) say where the rows of a host itself lie. In rows of other runs it is the far end: of traffic
//! between two hosts that are both known here, which is little, and lies anywhere. So each such row is listed, of all addresses
//! in the networks of tenants' hosts that have a run. Who asks about such a network need look at no row. Where there are very
//! many such rows nothing is listed, and blocks of rows tell ([`super::networks`]).
//!
//! The far ends of a row group, all numbers little-endian:
//!
//! | octets | |
//! |--:|---|
//! | LEB128 | how many networks |
//! | LEB128 each | the networks, rising: how far each is from the one before |
//! | … | a list in sheets ([`super::sheets`]); an item, for each address and column: its form (1), the address (4 or 16), how many bytes its rows take (LEB128), and these, rising: how far each is from the one before (LEB128) |
//!
//! A form is twice the number of the column in [`COLUMNS`], and one more if the address is of IPv4.

use super::hybrid::leb128;
use super::networks::asked;
use super::pack::put_leb128;
use super::sheets::{Sheets, Writer};
use bytes::Bytes;
use parquet::errors::Result;
use std::ops::Range;
use weir_flow::Addr;
use weir_flow::schema::Column;

/// The columns whose addresses are listed, in the order of [`super::networks::SIDES`]: of the host itself the runs tell.
const COLUMNS: [Column; 4] = [Column::SrcAddr, Column::DstAddr, Column::NatSrcAddr, Column::NatDstAddr];

/// At most one row in so many is listed, and in any row group so many: rows between hosts are a small row group of their own
/// where they are few.
const ROWS_AN_END: usize = 8;
const ENDS_ALWAYS: usize = 1 << 17;

/// The far ends of a row group being listed.
#[derive(Debug)]
pub(crate) struct Ends {
    /// Of each address of the segment, by its place, whether its rows are listed.
    is_told: Vec<bool>,
    /// The place of the address, the number of the column, and the row, counted in the row group.
    found: Vec<(u32, u8, u32)>,
    found_max: usize,
}

impl Ends {
    /// For a row group with so many rows.
    pub(crate) fn new(is_told: Vec<bool>, rows: usize) -> Self {
        Self { is_told, found: Vec::new(), found_max: ENDS_ALWAYS.max(rows / ROWS_AN_END) }
    }

    /// Takes in rows of a run: in the column of this number the addresses of these places, where the mask has the bit. `own` is
    /// that of the run, `first` its first row.
    pub(crate) fn take(
        &mut self,
        side: usize,
        first: usize,
        ranks: &[u32],
        masks: &[u64],
        bit: u64,
        own: Option<u32>,
    ) {
        let (Ok(side_code), Ok(first)) = (u8::try_from(side), u32::try_from(first)) else { return };
        if side >= COLUMNS.len() || self.is_told.is_empty() {
            return;
        }
        for ((rank, mask), row) in ranks.iter().zip(masks).zip(first..) {
            if own != Some(*rank)
                && self.is_told.get(*rank as usize).is_some_and(|told| *told)
                && mask & bit != 0
            {
                self.found.push((*rank, side_code, row));
            }
        }
        if self.found.len() > self.found_max {
            *self = Self::new(Vec::new(), 0);
        }
    }

    /// Writes the list, with the networks that are told of (rising) and the addresses that the places stand for.
    pub(crate) fn write(mut self, networks: &[u64], addr: impl Fn(u32) -> Option<Addr>) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let networks = if self.is_told.is_empty() { &[] } else { networks };
        put_leb128(networks.len() as u64, &mut bytes);
        let mut before = 0;
        for network in networks {
            put_leb128(network - before, &mut bytes);
            before = *network;
        }
        // Rows of one address and column came in rising order already.
        self.found.sort_unstable();
        let mut list = Writer::new()?;
        let mut gaps = Vec::new();
        for rows in self.found.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let Some((rank, side, _)) = rows.first().copied() else { continue };
            let Some(addr) = addr(rank) else { continue };
            gaps.clear();
            let mut before = 0;
            for (_, _, row) in rows {
                put_leb128(u64::from(row - before), &mut gaps);
                before = *row;
            }
            let item = list.item(Some(addr), 0)?;
            item.push(side << 1 | u8::from(addr.is_v4()));
            item.extend(addr.natural());
            put_leb128(gaps.len() as u64, item);
            item.extend(&gaps);
        }
        list.finish(&mut bytes)?;
        Ok(bytes)
    }
}

/// The far ends of a row group, as read.
#[derive(Debug)]
pub struct FarEnds {
    networks: Vec<u64>,
    list: Sheets<Sheet>,
    rows: usize,
}

/// A sheet of the list.
#[derive(Debug)]
struct Sheet {
    bytes: Vec<u8>,
    ends: Vec<End>,
}

/// An address in a column.
#[derive(Debug)]
struct End {
    column: Column,
    addr: Addr,
    /// Where in the sheet its rows are written.
    at: Range<usize>,
}

impl FarEnds {
    /// Reads the far ends of a row group with so many rows; `None` if they are not what is written.
    pub(crate) fn parse(bytes: &Bytes, rows: usize) -> Option<Self> {
        let mut rest: &[u8] = bytes;
        let count = leb128(&mut rest)?;
        let (mut networks, mut last) = (Vec::new(), 0u64);
        for _ in 0..count {
            last = last.checked_add(leb128(&mut rest)?)?;
            networks.push(last);
        }
        // What is listed of a row takes no more than this.
        let len_max = rows.checked_mul(128)?;
        let list = Sheets::parse(&bytes.slice(bytes.len() - rest.len()..), len_max)?;
        Some(Self { networks, list, rows })
    }

    /// The rows, rising, that have an address between these two (both included) in this column, other than the one of their
    /// run: exactly these. `None` if nothing is said of these addresses.
    #[must_use]
    pub fn rows(&self, column: Column, low: Addr, high: Addr) -> Option<Vec<usize>> {
        let mut networks = asked(low, high)?;
        let is_told = COLUMNS.contains(&column)
            && networks.all(|network| self.networks.binary_search(&network).is_ok());
        if !is_told {
            return None;
        }
        let is_asked = |end: &&End| end.column == column && (low..=high).contains(&end.addr);
        let mut rows = Vec::new();
        for sheet in self.list.between(low, high, |bytes, _| Sheet::parse(bytes))? {
            for end in sheet.ends.iter().filter(is_asked) {
                let mut gaps = sheet.bytes.get(end.at.clone())?;
                let mut row = 0usize;
                while !gaps.is_empty() {
                    row = row
                        .checked_add(usize::try_from(leb128(&mut gaps)?).ok()?)
                        .filter(|row| *row < self.rows)?;
                    rows.push(row);
                }
            }
        }
        rows.sort_unstable();
        Some(rows)
    }
}

impl Sheet {
    fn parse(bytes: Vec<u8>) -> Option<Self> {
        let mut rest = bytes.as_slice();
        let mut ends = Vec::new();
        while let Some(form) = rest.split_off_first() {
            let addr = Addr::from_slice(rest.split_off(..if form & 1 != 0 { 4 } else { 16 })?)?;
            let taken = usize::try_from(leb128(&mut rest)?).ok()?;
            let start = bytes.len() - rest.len();
            rest.split_off(..taken)?;
            let column = COLUMNS.get(usize::from(form >> 1)).copied()?;
            ends.push(End { column, addr, at: start..start + taken });
        }
        Some(Self { bytes, ends })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(last: u8) -> Addr {
        Addr::v4([10, 0, 0, last])
    }

    /// Ten rows with these hosts as destinations, the last without a value; taken in so many times.
    fn listed(times: u32) -> FarEnds {
        let ranks = [1, 0, 1, 2, 1, 0, 2, 2, 0, 1];
        let mut masks = [1u64; 10];
        masks[9] = 0;
        let mut ends = Ends::new(vec![true, true, false], 20);
        (0..times).for_each(|_| ends.take(1, 3, &ranks, &masks, 1, Some(0)));
        let network = asked(host(0), host(0)).unwrap().start;
        let bytes = ends.write(&[network], |rank| Some(host(u8::try_from(rank).unwrap()))).unwrap();
        FarEnds::parse(&Bytes::from(bytes), 20).unwrap()
    }

    #[test]
    fn every_row_of_a_far_end_is_told_and_no_other() {
        let far = listed(1);
        let all = |column| far.rows(column, host(0), host(255));
        assert_eq!(all(Column::DstAddr), Some(vec![3, 5, 7]), "not the run's own, nor who is not told of");
        assert_eq!(all(Column::SrcAddr), Some(vec![]));
        assert_eq!(far.rows(Column::DstAddr, host(2), host(9)), Some(vec![]));
        assert_eq!(all(Column::Host), None, "of the host the runs tell");
        let other = Addr::v4([10, 0, 1, 1]);
        assert_eq!(far.rows(Column::DstAddr, other, other), None, "nothing is known of its network");
        assert_eq!(far.rows(Column::DstAddr, host(1), other), None);
    }

    #[test]
    fn too_many_are_not_listed_and_nothing_is_said() {
        assert_eq!(listed(1 << 16).rows(Column::DstAddr, host(1), host(1)), None);
    }

    #[test]
    fn bytes_that_are_not_what_is_written_say_nothing() {
        // No network, and no sheet; too few bytes; more networks than there are; an end in a column that has none.
        assert!(FarEnds::parse(&Bytes::from_static(&[0, 0]), 5).is_some());
        for bytes in [&[][..], &[1], &[1, 2], &[200, 1, 0, 0]] {
            assert!(FarEnds::parse(&Bytes::copy_from_slice(bytes), 5).is_none(), "{bytes:?}");
        }
        for bytes in [&[2][..], &[99, 10, 0, 0, 1, 0], &[3, 10, 0, 0, 1, 9]] {
            assert!(Sheet::parse(bytes.to_vec()).is_none(), "{bytes:?}");
        }
    }
}
