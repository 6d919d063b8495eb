//! The answer to a [`crate::Query`]: groups with their sums, and what it took to find them.

use crate::key::Key;
use crate::query::Measure;
use std::fmt;
use std::sync::Arc;
use weir_flow::filter::protocol_of;
use weir_flow::{Addr, Mac};

/// The value of one key in one group. They compare as people expect: numbers, times and addresses by value,
/// text by its letters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cell {
    /// Milliseconds since 1970, UTC.
    Time(i64),
    /// An address.
    Addr(Addr),
    /// A MAC address.
    Mac(Mac),
    /// A number.
    Unsigned(u64),
    /// A word of a closed list.
    Word(&'static str),
    /// A tenant's name.
    Name(Arc<str>),
    /// Text as an exporter wrote it.
    Text(Arc<str>),
    /// A network: its first address, and how many bits are its own.
    Net(Addr, u8),
    /// A service: a protocol, and the port that tells it, where there is one.
    Service {
        /// The protocol's number.
        proto: u8,
        /// The port.
        port: Option<u16>,
    },
    /// A day of the week, 0 for Monday.
    Weekday(u8),
}

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The plain text of the value, without units; a time is its number of milliseconds, a service `tcp/443`.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(ms) => ms.fmt(f),
            Self::Addr(addr) => addr.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
            Self::Unsigned(number) => number.fmt(f),
            Self::Word(word) => f.write_str(word),
            Self::Name(text) | Self::Text(text) => f.write_str(text),
            Self::Net(addr, length) => write!(f, "{addr}/{length}"),
            Self::Service { proto, port } => {
                match protocol_of(*proto) {
                    Some(name) => f.write_str(name)?,
                    None => proto.fmt(f)?,
                }
                port.map_or(Ok(()), |port| write!(f, "/{port}"))
            }
            Self::Weekday(day) => f.write_str(WEEKDAYS.get(usize::from(*day)).copied().unwrap_or_default()),
        }
    }
}

/// One group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row<'a> {
    /// The value of each key, in the order of [`Table::keys`]; `None` is unknown.
    pub keys: &'a [Option<Cell>],
    /// The sum of each measure, in the order of [`Table::measures`].
    pub sums: &'a [u128],
}

/// The answer to a query. Sums are of 128 bits, so that no exporter can make them wrap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// What was grouped by.
    pub keys: Vec<Key>,
    /// What was added up.
    pub measures: Vec<Measure>,
    /// The sums over everything matched, also over groups that the limit left out; in the order of `measures`.
    pub total: Vec<u128>,
    /// How many groups there are, also those that the limit left out.
    pub groups: u64,
    /// What was read to answer.
    pub statistics: Statistics,
    /// Row after row, `keys.len()` cells each.
    cells: Vec<Option<Cell>>,
    /// Row after row, `measures.len()` sums each.
    sums: Vec<u128>,
    rows: usize,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(keys: Vec<Key>, measures: Vec<Measure>, total: Vec<u128>) -> Self {
        let (cells, sums) = (Vec::new(), Vec::new());
        Self { keys, measures, total, groups: 0, statistics: Statistics::default(), cells, sums, rows: 0 }
    }

    /// Appends a row; `cells` and `sums` are as many as there are keys and measures.
    pub(crate) fn push(
        &mut self,
        cells: impl Iterator<Item = Option<Cell>>,
        sums: impl Iterator<Item = u128>,
    ) {
        self.cells.extend(cells);
        self.sums.extend(sums);
        self.rows += 1;
        debug_assert_eq!(self.cells.len(), self.rows * self.keys.len());
        debug_assert_eq!(self.sums.len(), self.rows * self.measures.len());
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none, which is where nothing matched (or the limit is 0).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// One row.
    #[must_use]
    pub fn row(&self, at: usize) -> Option<Row<'_>> {
        if at >= self.rows {
            return None;
        }
        let (k, m) = (self.keys.len(), self.measures.len());
        Some(Row { keys: self.cells.get(at * k..(at + 1) * k)?, sums: self.sums.get(at * m..(at + 1) * m)? })
    }

    /// The rows in the order asked for.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows).filter_map(|at| self.row(at))
    }

    /// The total of a measure, where it was asked for.
    #[must_use]
    pub fn total_of(&self, measure: Measure) -> Option<u128> {
        let at = self.measures.iter().position(|m| *m == measure)?;
        self.total.get(at).copied()
    }
}

/// What was stored, what of it was read, and what matched: how well the question was pruned.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Statistics {
    /// Segments in the store.
    pub segments: u64,
    /// Segments of which anything but the footer was read.
    pub segments_read: u64,
    /// Row groups of the segments whose footers were read.
    pub row_groups: u64,
    /// Row groups of which rows were read.
    pub row_groups_read: u64,
    /// Records in the store, sealed or still in the journal.
    pub stored_records: u64,
    /// Records that were looked at, after pruning.
    pub scanned_records: u64,
    /// Those of them that were known to match, so that only what is asked of them was read.
    pub untested_records: u64,
    /// Records in range that the filter let through.
    pub matched_records: u64,
    /// Pages of the columns that the filter and the time span were held against.
    pub pages: u64,
    /// Pages of them that hold rows which were read.
    pub pages_read: u64,
    /// Whether the accounts answered, and no record was read.
    pub from_accounts: bool,
    /// Accounts that were looked at.
    pub accounts_read: u64,
    /// Bytes of the segments of which anything but the footer was read: the whole files, of which mostly little is.
    pub bytes_touched: u64,
    /// Bytes of groups that were kept on disk meanwhile, because they did not fit in memory.
    pub spilled_bytes: u64,
    /// Segments that were left closed, because what such a question finds in them was kept.
    pub segments_recalled: u64,
    /// Segments that were left closed, because a roll-up says what is asked of them.
    pub segments_rolled: u64,
    /// Segments whose records were given up, of which a roll-up says what is asked.
    pub segments_gone: u64,
    /// Groups of these roll-ups.
    pub rolled_groups: u64,
    /// Files of what was kept that are not what was written: their segments were read.
    pub kept_damaged: u64,
}

impl Statistics {
    /// Adds what another thread did.
    pub(crate) fn add(&mut self, other: &Self) {
        self.segments += other.segments;
        self.segments_read += other.segments_read;
        self.row_groups += other.row_groups;
        self.row_groups_read += other.row_groups_read;
        self.stored_records += other.stored_records;
        self.scanned_records += other.scanned_records;
        self.untested_records += other.untested_records;
        self.matched_records += other.matched_records;
        self.pages += other.pages;
        self.pages_read += other.pages_read;
        self.from_accounts |= other.from_accounts;
        self.accounts_read += other.accounts_read;
        self.bytes_touched += other.bytes_touched;
        self.spilled_bytes += other.spilled_bytes;
        self.segments_recalled += other.segments_recalled;
        self.segments_rolled += other.segments_rolled;
        self.segments_gone += other.segments_gone;
        self.rolled_groups += other.rolled_groups;
        self.kept_damaged += other.kept_damaged;
    }
}
