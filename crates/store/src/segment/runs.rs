//! Where the rows of each host lie: what lets a question about a host or a network go to them, and know of most of them
//! that they are meant without looking.
//!
//! Inside a row group the rows of one direction, tenant and host (without a tenant: of one source) follow each other. Such
//! a run is listed with its address and with what the address is in its rows: the source, the destination, the host, and
//! whether in all of them or in some. Where there are very many runs the shorter ones are left out, as are those of rows without an
//! address: rows between two listed runs are counted and no more. What other addresses there are is told block by block (`networks`).
//!
//! The runs of a row group are a list in sheets ([`super::sheets`]), whose items count rows:
//!
//! | octets | |
//! |--:|---|
//! | … | for each run, or what lies between two: how many rows (LEB128), its form (1), and if it is listed its address (4 or 16) |
//!
//! The bits of a form: 1 it is listed; 2 its address is of IPv4; 4 the address is the source in some rows, 8 in all; 16 and 32
//! the same of the destination; 64 it is the host of all rows; 128 in some rows it is an address behind NAT.

use super::hybrid::leb128;
use super::pack::put_leb128;
use super::rows::{Group, Rows};
use super::sheets::{Sheets, Writer};
use bytes::Bytes;
use parquet::errors::Result;
use std::ops::Range;
use weir_flow::Addr;
use weir_flow::schema::Column;

/// At most one run in so many rows is listed, and some more in a small row group: then a list takes no more than a third of a byte a row.
const ROWS_A_RUN: usize = 16;
const RUNS_ALWAYS: usize = 512;

mod form {
    pub(super) const LISTED: u8 = 1;
    pub(super) const V4: u8 = 1 << 1;
    pub(super) const SRC_SOME: u8 = 1 << 2;
    pub(super) const SRC_ALL: u8 = 1 << 3;
    pub(super) const DST_SOME: u8 = 1 << 4;
    pub(super) const DST_ALL: u8 = 1 << 5;
    pub(super) const HOST: u8 = 1 << 6;
    pub(super) const NAT_SOME: u8 = 1 << 7;
}

/// A run being listed.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Its rows in the order they are written.
    pub rows: Range<usize>,
    /// The place of its address among all of the segment; `None` where it is not listed.
    pub rank: Option<u32>,
    /// In how many rows the address is in a column, in the order of [`super::networks::SIDES`].
    pub counts: [usize; 5],
}

/// The runs of a row group; rows of runs that are not listed are together. `rank` says the place of the address of a
/// column in a row as it came.
pub(crate) fn drafts(rows: &Rows, group: &Group, rank: impl Fn(Column, u32) -> Option<u32>) -> Vec<Draft> {
    let rows_min = rows_min(rows, group);
    let mut drafts: Vec<Draft> = Vec::new();
    for run in rows.runs_of(group) {
        let mask = rows.present.get(run.start).copied().unwrap_or_default();
        let column = if mask & Column::Tenant.bit() != 0 { Column::Host } else { Column::SrcAddr };
        let is_listed = run.len() >= rows_min && mask & column.bit() != 0;
        let first = rows.order.get(run.start).copied().filter(|_| is_listed);
        let rank = first.and_then(|row| rank(column, row));
        match drafts.last_mut() {
            Some(last) if last.rank.is_none() && rank.is_none() => last.rows.end = run.end,
            _ => drafts.push(Draft { rows: run, rank, counts: [0; 5] }),
        }
    }
    drafts
}

/// How many rows a run must have to be listed: one, or so many more that the list is not too long.
fn rows_min(rows: &Rows, group: &Group) -> usize {
    let runs_max = RUNS_ALWAYS.max(group.rows.len() / ROWS_A_RUN);
    // How many runs there are of one row or more, of two, of four…
    let mut counts = [0usize; 24];
    for run in rows.runs_of(group) {
        let sizes = usize::try_from(run.len().checked_ilog2().unwrap_or_default()).unwrap_or_default();
        counts.iter_mut().take(sizes + 1).for_each(|count| *count += 1);
    }
    let size = counts.iter().position(|count| *count <= runs_max).unwrap_or(counts.len());
    1 << size
}

/// Writes the runs of a row group, with the addresses that their ranks stand for.
pub(crate) fn write(drafts: &[Draft], addr: impl Fn(u32) -> Option<Addr>) -> Result<Vec<u8>> {
    let mut list = Writer::new()?;
    let first = drafts.first().map_or(0, |draft| draft.rows.start);
    for draft in drafts {
        let addr = draft.rank.and_then(&addr);
        let item = list.item(addr, draft.rows.start - first)?;
        put_leb128(draft.rows.len() as u64, item);
        match addr {
            Some(addr) => {
                item.push(form(draft, addr));
                item.extend(addr.natural());
            }
            None => item.push(0),
        }
    }
    let mut bytes = Vec::new();
    list.finish(&mut bytes)?;
    Ok(bytes)
}

/// The form of a listed run.
fn form(draft: &Draft, addr: Addr) -> u8 {
    let [src, dst, nat_src, nat_dst, host] = draft.counts;
    let all = draft.rows.len();
    let flags = [
        (addr.is_v4(), form::V4),
        (src > 0, form::SRC_SOME),
        (src == all, form::SRC_ALL),
        (dst > 0, form::DST_SOME),
        (dst == all, form::DST_ALL),
        (host == all, form::HOST),
        (nat_src > 0 || nat_dst > 0, form::NAT_SOME),
    ];
    let flags = flags.into_iter().filter(|(is_set, _)| *is_set);
    flags.fold(form::LISTED, |form, (_, flag)| form | flag)
}

/// The runs of a row group, as read.
#[derive(Debug)]
pub struct Runs {
    list: Sheets<Vec<Run>>,
    rows: usize,
}

/// A listed run.
#[derive(Debug)]
struct Run {
    rows: Range<usize>,
    form: u8,
    addr: Addr,
}

impl Runs {
    /// Reads the runs of a row group with so many rows; `None` if they are not what is written.
    pub(crate) fn parse(bytes: &Bytes, rows: usize) -> Option<Self> {
        // A run has a row, and takes no more than its length, its form and an address.
        let list = Sheets::parse(bytes, rows.checked_mul(10 + 1 + 16)?)?;
        Some(Self { list, rows })
    }

    /// The listed runs, rising, whose address lies between these two (both included) and is in this column in any of their
    /// rows; and whether it is in all of them. `None` if what is written of them makes no sense.
    #[must_use]
    pub fn rows(&self, column: Column, low: Addr, high: Addr) -> Option<Vec<(Range<usize>, bool)>> {
        let (some, all) = match column {
            Column::SrcAddr => (form::SRC_SOME, form::SRC_ALL),
            Column::DstAddr => (form::DST_SOME, form::DST_ALL),
            Column::Host => (form::HOST, form::HOST),
            _ => (form::NAT_SOME, 0),
        };
        let sheets = self.list.between(low, high, |sheet, first| runs(&sheet, first, self.rows))?;
        let is_asked = |run: &&Run| run.form & some != 0 && (low..=high).contains(&run.addr);
        let runs = sheets.into_iter().flatten().filter(is_asked);
        Some(runs.map(|run| (run.rows.clone(), run.form & all != 0)).collect())
    }
}

/// The listed runs of a sheet that begins at this row of so many.
fn runs(mut rest: &[u8], first: usize, rows: usize) -> Option<Vec<Run>> {
    let (mut runs, mut at) = (Vec::new(), first);
    while !rest.is_empty() {
        let end = at
            .checked_add(usize::try_from(leb128(&mut rest)?).ok()?)
            .filter(|end| at < *end && *end <= rows)?;
        let form = *rest.split_off_first()?;
        if form & form::LISTED != 0 {
            let addr = rest.split_off(..if form & form::V4 != 0 { 4 } else { 16 })?;
            runs.push(Run { rows: at..end, form, addr: Addr::from_slice(addr)? });
        } else if form != 0 {
            return None;
        }
        at = end;
    }
    Some(runs)
}
