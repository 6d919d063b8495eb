//! What a frame says without its rows: how many they are, between which times, what they add up to, their accounts,
//! and everything that a batch carries beside them.
//!
//! It has a length and a checksum of its own and comes before the rows, so that who asks for accounts or counts
//! reads no row. FORMAT.md has the bytes.

use super::account::{self, Accounts, Layout, Origin};
use super::cursor::Cursor;
use super::encode::ROWS_MAX;
use super::item::{List, put_len, put_list};
use crate::Totals;
use crate::bins::Gather;
use bytes::Bytes;
use weir_flow::schema::Column;
use weir_flow::{Addr, Batch, Rescale, counter, health, memory};

/// The bounds of three times of rows, ms since 1970; of no rows, zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub start: (i64, i64),
    pub end: (i64, i64),
    pub received: (i64, i64),
}

impl Bounds {
    /// Of the rows of a batch.
    pub(super) fn of(batch: &Batch) -> Self {
        let span = |column| {
            let values = batch.times(column).iter().copied();
            let none = (i64::MAX, i64::MIN);
            let span = values.fold(none, |(low, high), value| (low.min(value), high.max(value)));
            if span == none { (0, 0) } else { span }
        };
        Self { start: span(Column::Start), end: span(Column::End), received: span(Column::Received) }
    }
}

/// Rows and sums of a batch.
pub(crate) fn totals(batch: &Batch) -> Totals {
    let sum = |column: Column| {
        let values = batch.u64s(column).iter().zip(batch.present());
        let each = values.map(|(value, mask)| if mask & column.bit() != 0 { *value } else { 0 });
        each.map(u128::from).sum()
    };
    Totals { rows: batch.len() as u64, octets: sum(Column::Octets), packets: sum(Column::Packets) }
}

/// The columns that bounds and sums are of.
pub(super) const DESCRIBED: u64 = Column::Start.bit()
    | Column::End.bit()
    | Column::Received.bit()
    | Column::Octets.bit()
    | Column::Packets.bit();

/// A frame without its rows. Cloning one shares its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    bytes: Bytes,
    pub totals: Totals,
    pub bounds: Bounds,
    pub(super) accounts: Option<Layout>,
    /// Whether the accounts of hosts were left out.
    is_cut: bool,
    pub(super) beside: Beside,
}

/// What comes before the accounts: rows, bounds, sums.
const FIXED: usize = 4 + 6 * 8 + 2 * 16;

/// Where the lists of what comes beside the rows lie.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    health: List,
    memory: List,
    counters: List,
    rescales: List,
}

impl Beside {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        Ok(Self {
            health: List::check::<health::Row>(cursor)?,
            memory: List::check::<memory::Change>(cursor)?,
            counters: List::check::<counter::Sample>(cursor)?,
            rescales: List::check::<Rescale>(cursor)?,
        })
    }
}

/// Writes what a batch says without its rows. `accounts` were gathered from it.
pub(super) fn put(batch: &Batch, accounts: Option<&Gather>, out: &mut Vec<u8>) -> Result<(), String> {
    let totals = totals(batch);
    put_len(out, batch.len())?;
    let Bounds { start, end, received } = Bounds::of(batch);
    for (low, high) in [start, end, received] {
        out.extend_from_slice(&low.to_le_bytes());
        out.extend_from_slice(&high.to_le_bytes());
    }
    out.extend_from_slice(&totals.octets.to_le_bytes());
    out.extend_from_slice(&totals.packets.to_le_bytes());
    account::put(accounts, batch.names(), out)?;
    put_list(&batch.health, out)?;
    put_list(&batch.memory, out)?;
    put_list(&batch.counters, out)?;
    put_list(&batch.rescales, out)
}

impl Summary {
    /// Checks the bytes, as closely as their origin asks for. An error says what is wrong.
    pub(super) fn parse(bytes: Bytes, origin: Origin) -> Result<Self, String> {
        let all = bytes.clone();
        let mut cursor = Cursor { bytes: &all, at: 0 };
        let rows = cursor.len()?;
        if rows > ROWS_MAX {
            return Err(format!("it says it has {rows} rows"));
        }
        let mut time = || Ok::<_, String>(i64::from_le_bytes(cursor.array()?));
        let bounds =
            Bounds { start: (time()?, time()?), end: (time()?, time()?), received: (time()?, time()?) };
        let octets = u128::from_le_bytes(cursor.array()?);
        let packets = u128::from_le_bytes(cursor.array()?);
        let totals = Totals { rows: rows as u64, octets, packets };
        let accounts = Layout::parse(&mut cursor, origin)?;
        let beside = Beside::parse(&mut cursor)?;
        if cursor.at != all.len() {
            return Err("there is more beside its rows than it says".to_owned());
        }
        Ok(Self { bytes, totals, bounds, accounts, is_cut: false, beside })
    }

    /// The same without the accounts of hosts, which are most of it.
    pub(super) fn parse_cut(bytes: &[u8]) -> Result<Self, String> {
        let mut cursor = Cursor { bytes, at: FIXED.min(bytes.len()) };
        let hosts = Layout::parse(&mut cursor, Origin::Own)?.and_then(|layout| layout.hosts());
        let Some(hosts) = hosts else {
            return Self::parse(Bytes::copy_from_slice(bytes), Origin::Outline);
        };
        let parts = (bytes.get(..hosts.start), bytes.get(hosts.end..));
        let (Some(before), Some(after)) = parts else { return Err("its accounts do not end".to_owned()) };
        // None of no length.
        let left = [before, &[0; 8], after].concat();
        Ok(Self { is_cut: true, ..Self::parse(Bytes::from(left), Origin::Outline)? })
    }

    /// Of a frame of version 2, which says no more than what is beside its rows.
    pub(super) fn of_v2(bytes: Bytes, beside: Beside) -> Self {
        Self {
            bytes,
            totals: Totals::default(),
            bounds: Bounds::default(),
            accounts: None,
            is_cut: false,
            beside,
        }
    }

    /// Says what the rows are: a batch of the columns of [`DESCRIBED`].
    pub(super) fn describe(&mut self, rows: &Batch) {
        self.totals = totals(rows);
        self.bounds = Bounds::of(rows);
    }

    /// How many bytes it has.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        usize::try_from(self.totals.rows).unwrap_or(ROWS_MAX)
    }

    /// The accounts of the rows, with their hosts; `None` if they are to be computed from these, or were left out. Frames
    /// that are written now have none.
    pub(crate) fn accounts(&self) -> Option<Accounts<'_>> {
        if self.is_cut {
            return None;
        }
        self.accounts.as_ref()?.view(&self.bytes)
    }

    /// What the accounts add up to over hosts; `None` if they are to be computed from others.
    pub(crate) fn folded(&self) -> Option<Accounts<'_>> {
        self.accounts.as_ref()?.view_folded(&self.bytes)
    }

    /// Whether there may be rows of this exporter.
    pub(crate) fn may_hold(&self, exporter: Addr) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.exporters().contains(&exporter))
    }

    /// Whether there are changes of what is remembered.
    pub(crate) fn changes_memory(&self) -> bool {
        self.beside.memory.count > 0
    }

    /// What was counted.
    pub(crate) fn health(&self) -> Vec<health::Row> {
        self.beside.health.items(&self.bytes)
    }

    /// What is remembered and forgotten from here on.
    pub(crate) fn memory(&self) -> Vec<memory::Change> {
        self.beside.memory.items(&self.bytes)
    }

    /// What interfaces counted.
    pub(crate) fn counters(&self) -> Vec<counter::Sample> {
        self.beside.counters.items(&self.bytes)
    }

    /// Sampling intervals that came late.
    pub(crate) fn rescales(&self) -> Vec<Rescale> {
        self.beside.rescales.items(&self.bytes)
    }
}
