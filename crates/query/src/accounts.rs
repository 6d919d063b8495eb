//! Questions that the accounts answer, without a look at any record.
//!
//! Every record's octets, packets and flows are in the accounts exactly once (of kinds that are a part of the
//! trial balance), spread over five-minute bins, by exporter, direction, tenant, host and class. So an account is as good
//! as the records it is made of for a question that
//!
//! * reads nothing else of them, neither for a key nor in its filter, and
//! * is about parts of flows, in buckets of whole bins and a span of whole bins; or about whole flows, if all of
//!   every flow is meant: without a span, or with one that all flows stored overlap.
//!
//! [`plan`] holds a question against this and says what stands in the way. The accounts are then grouped as
//! records would be: each is a row that begins with its bin, with the weight of its flows.

use crate::Options;
use crate::error::Error;
use crate::group::{self, Grouping, Shared, Shares};
use crate::key::Key;
use crate::plan;
use crate::query::Query;
use crate::select::Selector;
use crate::table::{Statistics, Table};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::ops::Range;
use weir_flow::names::Direction;
use weir_flow::schema::COLUMNS;
use weir_flow::time::BIN_MS;
use weir_flow::{Addr, Batch, Column, Values};
use weir_store::Snapshot;
use weir_store::bins::{BinRow, Counts, Kind, SumRow};

/// What an account says of the records in it, beside their amounts.
const SAID: u64 = Column::Exporter.bit()
    | Column::Direction.bit()
    | Column::Tenant.bit()
    | Column::Host.bit()
    | Column::Class.bit();

/// Accounts are grouped so many at a time.
const ROWS: usize = 8192;

/// How accounts answer a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Plan {
    /// Accounts whose bin begins in it.
    range: Range<i64>,
    detail: Detail,
}

/// What is told apart; all else is read added up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Detail {
    /// Tenants and classes, of the whole span.
    Sums,
    /// The same by bin.
    Bins,
    /// And by host.
    Hosts,
}

/// How the accounts answer this question; or, in words, why they do not.
pub(crate) fn plan(query: &Query, snapshot: &Snapshot) -> Result<Plan, String> {
    let filter = query.filter.as_ref().map_or(0, weir_flow::filter::Filter::columns);
    if let Some(columns) = names(filter & !SAID) {
        return Err(format!("the filter reads {columns}, which accounts do not say"));
    }
    let mut read = filter;
    let mut detail = Detail::Sums;
    for key in &query.keys {
        match key {
            Key::HourOfDay | Key::Weekday => detail = Detail::Bins,
            Key::Time(bucket) if bucket.is_of_bins() => detail = Detail::Bins,
            Key::Time(bucket) => return Err(format!("{bucket} is less than the accounts' five minutes")),
            _ => match names(key.columns() & !SAID) {
                Some(columns) => {
                    return Err(format!("{key} is read from {columns}, which accounts do not say"));
                }
                None => read |= key.columns(),
            },
        }
    }
    let range = match &query.range {
        None => i64::MIN..i64::MAX,
        Some(range) if query.is_spread() => {
            let is_edge = |at: &i64| matches!(*at, i64::MIN | i64::MAX) || at.rem_euclid(BIN_MS) == 0;
            if ![range.start, range.end].iter().all(is_edge) {
                return Err("the span does not begin and end with five minutes of the clock".to_owned());
            }
            range.clone()
        }
        Some(range) if overlaps_all(range, snapshot) => i64::MIN..i64::MAX,
        Some(_) => {
            return Err("flows that lie in the span only in part count whole: with --inside, \
                        or a key of time, only what falls into it counts, as in the accounts"
                .to_owned());
        }
    };
    // Accounts are given up after the records of their time, unless somebody keeps them for less long.
    if let Some(before) = snapshot.accounts_before()
        && has_records(range.start..before, snapshot)
    {
        return Err("accounts of the span were given up, and records are still there".to_owned());
    }
    if read & Column::Host.bit() != 0 {
        detail = Detail::Hosts;
    }
    Ok(Plan { range, detail })
}

/// Whether there are records of flows that overlap the span.
fn has_records(span: Range<i64>, snapshot: &Snapshot) -> bool {
    let segments = snapshot.segments.iter().filter(|s| s.rows > 0).map(|s| (s.start_min, s.end_max));
    let tail = snapshot.tail.iter().filter(|t| t.rows > 0).map(|t| (t.start_min, t.end_max));
    segments.chain(tail).any(|(start_min, end_max)| start_min < span.end && end_max >= span.start)
}

/// The names of columns, if there are any.
fn names(columns: u64) -> Option<String> {
    let named: Vec<&str> =
        COLUMNS.iter().filter(|d| columns & d.column.bit() != 0).map(|definition| definition.name).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// Whether every flow stored overlaps the span.
fn overlaps_all(range: &Range<i64>, snapshot: &Snapshot) -> bool {
    let segments = snapshot.segments.iter().filter(|s| s.rows > 0).map(|s| (s.start_max, s.end_min));
    let tail = snapshot.tail.iter().filter(|t| t.rows > 0).map(|t| (t.start_max, t.end_min));
    // Where detail was given up, nobody knows what its flows overlapped.
    snapshot.flows_before().is_none()
        && segments.chain(tail).all(|(start_max, end_min)| start_max < range.end && end_min >= range.start)
}

/// The answer from the accounts.
///
/// # Errors
/// As of [`crate::run`].
pub(crate) fn run(
    snapshot: &Snapshot,
    query: &Query,
    plan: &Plan,
    options: &Options,
) -> Result<Table, Error> {
    let shared = Shared::new(query, options, 1);
    let mut reading = Reading {
        query,
        grouping: Grouping::new(&shared, 0),
        selector: Selector::default(),
        rows: Rows::default(),
        statistics: Statistics { from_accounts: true, ..plan::stored(snapshot) },
    };
    let mut result = Ok(());
    let mut add = |row: &SumRow<'_>, bin: Option<i64>, host: Option<Addr>| {
        if result.is_ok() && row.kind.is_part() && row.counts != Counts::default() {
            result = reading.add(row, bin, host);
        }
    };
    let each = |row: &BinRow<'_>| add(&row.into(), Some(row.bin), row.host);
    let range = plan.range.clone();
    match plan.detail {
        Detail::Hosts => snapshot.bins(range, each)?,
        Detail::Bins => snapshot.tenants(range, each)?,
        Detail::Sums => snapshot.sums(range, |row| add(row, None, None))?,
    }
    result?;
    reading.group()?;
    let mut table = group::answer(vec![reading.grouping], query, options.threads())?;
    table.statistics.add(&reading.statistics);
    Ok(table)
}

/// Accounts on their way into groups.
struct Reading<'a> {
    query: &'a Query,
    grouping: Grouping<'a>,
    selector: Selector,
    rows: Rows,
    statistics: Statistics,
}

/// Accounts as rows of a batch, column by column.
#[derive(Default)]
struct Rows {
    present: Vec<u64>,
    starts: Vec<i64>,
    exporters: Vec<Addr>,
    directions: Vec<u8>,
    tenants: Vec<u32>,
    hosts: Vec<Addr>,
    classes: Vec<u32>,
    amounts: [Vec<u64>; 4],
    weights: Vec<u64>,
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32, RandomState>,
}

const AMOUNTS: [Column; 4] =
    [Column::Octets, Column::Packets, Column::MeasuredOctets, Column::MeasuredPackets];

/// What is known of every account.
const ALWAYS: u64 = Column::Exporter.bit()
    | Column::Direction.bit()
    | AMOUNTS[0].bit()
    | AMOUNTS[1].bit()
    | AMOUNTS[2].bit()
    | AMOUNTS[3].bit();

impl Reading<'_> {
    fn add(&mut self, row: &SumRow<'_>, bin: Option<i64>, host: Option<Addr>) -> Result<(), Error> {
        self.statistics.accounts_read += 1;
        self.rows.push(row, bin, host);
        if self.rows.weights.len() >= ROWS { self.group() } else { Ok(()) }
    }

    /// Groups what there is, as records.
    fn group(&mut self) -> Result<(), Error> {
        let (batch, weights) = std::mem::take(&mut self.rows).batch();
        let condition = crate::query::Condition { range: None, ..self.query.condition() };
        let rows = self.selector.select(&batch, &condition);
        rows.each(&weights, |_, flows| self.statistics.matched_records += flows);
        self.grouping.add_shares(&batch, rows, &Shares { weights, ..Shares::default() })
    }
}

impl Rows {
    /// Adds an account; without a bin it is of the whole span.
    fn push(&mut self, row: &SumRow<'_>, bin: Option<i64>, host: Option<Addr>) {
        let known = [
            (bin.is_some(), Column::Start),
            (row.tenant.is_some(), Column::Tenant),
            (host.is_some(), Column::Host),
            (row.class.is_some(), Column::Class),
        ];
        let known = known.iter().filter(|(is_known, _)| *is_known);
        let present = known.fold(ALWAYS, |mask, (_, column)| mask | column.bit());
        let [tenant, class] = [row.tenant, row.class].map(|name| name.map_or(0, |name| self.number(name)));
        self.present.push(present);
        self.starts.push(bin.unwrap_or_default());
        self.exporters.push(row.exporter);
        self.directions.push(direction(row.kind).code());
        self.tenants.push(tenant);
        self.hosts.push(host.unwrap_or_default());
        self.classes.push(class);
        let c = &row.counts;
        let counts = [c.octets, c.packets, c.measured_octets, c.measured_packets];
        for (all, count) in self.amounts.iter_mut().zip(counts) {
            all.push(count);
        }
        self.weights.push(c.flows);
    }

    /// The batch, and how many flows each of its rows counts for.
    fn batch(self) -> (Batch, Vec<u64>) {
        let mut columns = vec![
            (Column::Start, Values::Time(self.starts)),
            (Column::Exporter, Values::Addr(self.exporters)),
            (Column::Direction, Values::U8(self.directions)),
            (Column::Tenant, Values::U32(self.tenants)),
            (Column::Host, Values::Addr(self.hosts)),
            (Column::Class, Values::U32(self.classes)),
        ];
        columns.extend(AMOUNTS.into_iter().zip(self.amounts.map(Values::U64)));
        (Batch::from_columns(self.present, columns, self.names.into()), self.weights)
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }
}

/// The direction of the records in an account of this kind.
fn direction(kind: Kind) -> Direction {
    match kind {
        Kind::In => Direction::In,
        Kind::Out => Direction::Out,
        Kind::LocalIn | Kind::LocalOut => Direction::Local,
        Kind::Transit => Direction::Transit,
        Kind::Duplicate => Direction::Duplicate,
        Kind::Unmatched | Kind::Decoded => Direction::Unmatched,
    }
}
