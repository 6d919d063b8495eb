//! Groups and their sums.

mod flat;
mod people;

use super::Form;
use super::name::{Names, named};
use super::{address, sheet::Head, sheet::Value};
use crate::name::Glossary;
use crate::top::{Answer, Group};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use weir_account::Zone;
use weir_account::statement::Unit;
use weir_flow::Addr;
use weir_flow::filter::service_of;
use weir_flow::schema::{self, Column};
use weir_query::{Cell, Civil, Key, Measure, Statistics};

pub(crate) use flat::sheet;
use flat::value;
pub(crate) use people::labels;

/// What an answer needs to be read.
pub(crate) struct Reading<'a> {
    pub(crate) zone: &'a Zone,
    pub(crate) civil: &'a Civil,
    pub(crate) unit: Unit,
    /// The measures that were asked for by name, the one that orders the rows first; shares are of these.
    pub(crate) by: &'a [Measure],
    pub(crate) exporter: &'a dyn Fn(weir_flow::Addr) -> String,
    pub(crate) beside: &'a Beside<'a>,
    /// The time that the sums are of; of all that is stored, its first and last.
    pub(crate) span: Option<Range<i64>>,
    /// What the sums are compared with.
    pub(crate) before: Option<Range<i64>>,
    /// Whether means over time are shown.
    pub(crate) averages: bool,
    pub(crate) percentile: Option<u8>,
    /// Whether bars are drawn.
    pub(crate) bars: bool,
}

/// Which exporters have a number of a column, where the exporter is no key.
pub(crate) type Seen = HashMap<(Column, u64), BTreeSet<Addr>>;

/// Names beside the numbers of keys.
pub(crate) struct Beside<'a> {
    pub(crate) names: &'a Names,
    /// The time that the sums are of, ms since 1970; a name must have held throughout.
    pub(crate) span: Option<Range<i64>>,
    pub(crate) seen: Seen,
    /// What is known of addresses and autonomous systems, where that was asked for.
    pub(crate) glossary: Option<&'a Glossary>,
}

impl Beside<'_> {
    /// What stands beside the value in this place of a row's keys: the name of a number, if it is the same at all
    /// exporters concerned; the usual name of a service's port; what the clocks show.
    fn name(&self, keys: &[Key], cells: &Group, at: usize, reading: &Reading<'_>) -> Option<String> {
        match (keys.get(at)?, cells.get(at)?.as_ref()?) {
            (Key::Service, Cell::Service { port, .. }) => service_of((*port)?).map(str::to_owned),
            (Key::Time(_), Cell::Time(ms)) => Some(reading.zone.rfc3339(*ms)),
            (Key::Column(column), Cell::Unsigned(number)) => {
                self.label(keys, cells, *column, *number).map(str::to_owned)
            }
            _ => None,
        }
    }

    fn label(&self, keys: &[Key], cells: &Group, column: Column, number: u64) -> Option<&str> {
        let by_exporter = keys.iter().position(|key| *key == Key::Column(Column::Exporter));
        let one = by_exporter.and_then(|i| match cells.get(i) {
            Some(Some(Cell::Addr(exporter))) => Some(BTreeSet::from([*exporter])),
            _ => None,
        });
        let exporters = one.as_ref().or_else(|| self.seen.get(&(column, number)))?;
        let span = self.span.clone().unwrap_or(i64::MIN..i64::MAX);
        self.names.shared(exporters, column, number, &span)
    }

    /// The columns of what is known of the addresses and systems among the keys.
    fn known_heads(&self, keys: &[Key]) -> Vec<Head> {
        let mut heads = Vec::new();
        for key in keys.iter().filter(|_| self.glossary.is_some()) {
            if is_address(*key) {
                heads.extend(address::heads(&key.to_string()));
            } else if is_system(*key) {
                heads.push(Head::optional(format!("{key}_name")));
            }
        }
        heads
    }

    /// What is known of a row's, in the order of the columns.
    fn known_values(&self, keys: &[Key], cells: &Group) -> Vec<Value> {
        let Some(glossary) = self.glossary else { return Vec::new() };
        let mut values = Vec::new();
        for (key, cell) in keys.iter().zip(cells) {
            match cell {
                Some(Cell::Addr(addr)) if is_address(*key) => {
                    values.extend(address::values(glossary.address(*addr)));
                }
                _ if is_address(*key) => values.extend(address::values(None)),
                Some(Cell::Unsigned(number)) if is_system(*key) => {
                    let name = glossary.system(*number);
                    values.push(name.map_or(Value::Null, |name| Value::Text(name.to_owned())));
                }
                _ if is_system(*key) => values.push(Value::Null),
                _ => {}
            }
        }
        values
    }

    /// What people read beside an address or a system.
    fn known(&self, key: Key, cell: Option<&Cell>) -> Option<String> {
        match cell? {
            Cell::Addr(addr) if is_address(key) => address::beside(self.glossary?.address(*addr)?),
            Cell::Unsigned(number) if is_system(key) => self.glossary?.system(*number).map(str::to_owned),
            _ => None,
        }
    }

    /// The keys that may have names: their place, and what the name is called.
    fn places(&self, keys: &[Key]) -> Vec<(usize, String)> {
        let name = |key: &Key| match key {
            Key::Service => Some("service_name".to_owned()),
            Key::Time(_) => Some(format!("{key}_local")),
            _ => key.column().and_then(named).map(|(name, _)| name.to_owned()),
        };
        keys.iter().enumerate().filter_map(|(at, key)| Some((at, name(key)?))).collect()
    }
}

/// Whether the values of a key are single addresses.
pub(crate) fn is_address(key: Key) -> bool {
    match key {
        Key::Remote => true,
        Key::Column(column) => column.kind() == schema::Kind::Addr,
        _ => false,
    }
}

/// Whether the values of a key are numbers of autonomous systems.
pub(crate) fn is_system(key: Key) -> bool {
    matches!(key, Key::Column(Column::SrcAs | Column::DstAs))
}

/// The answer in a form of text; the others are made from its [`sheet`].
pub(crate) fn render(answer: &Answer, form: Form, reading: &Reading<'_>) -> String {
    match form {
        Form::Json => format!("{:#}\n", document(answer, reading)),
        Form::Ndjson => sheet(answer, reading).ndjson(),
        Form::Csv => sheet(answer, reading).csv(),
        Form::Table | Form::Parquet | Form::Arrow => people::table(answer, reading),
    }
}

fn sums(measures: &[Measure], values: &[u128]) -> Json {
    let sum = |n: &u128| super::sheet::Value::Unsigned(*n).json();
    Json::Object(measures.iter().zip(values).map(|(m, n)| (m.name().to_owned(), sum(n))).collect())
}

fn document(answer: &Answer, reading: &Reading<'_>) -> Json {
    let shown = Answer { others: None, ..answer.clone() };
    let mut document = Map::from_iter([
        ("keys".to_owned(), json!(answer.keys.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("rows".to_owned(), sheet(&shown, reading).objects().collect()),
        ("total".to_owned(), sums(&answer.measures, &answer.total.sums)),
    ]);
    if let Some(others) = &answer.others {
        document.insert("others".to_owned(), sums(&answer.measures, &others.sums));
    }
    if let Some(before) = &answer.total.before {
        document.insert("previous_total".to_owned(), sums(&answer.measures, before));
    }
    if let Some(span) = &reading.before {
        let ends = json!({"from": reading.zone.rfc3339(span.start), "to": reading.zone.rfc3339(span.end)});
        document.insert("previous".to_owned(), ends);
    }
    if let Some([out, back]) = &answer.total.ways {
        document.insert("out_total".to_owned(), sums(&answer.measures, out));
        document.insert("in_total".to_owned(), sums(&answer.measures, back));
    }
    document.insert("groups".to_owned(), json!(answer.groups));
    document.insert("read_from".to_owned(), json!(read_from(answer)));
    document.insert("matched_records".to_owned(), json!(answer.statistics.matched_records));
    document.insert("scanned_records".to_owned(), json!(answer.statistics.scanned_records));
    document.insert("cached_segments".to_owned(), json!(answer.statistics.segments_recalled));
    document.insert("rolled_segments".to_owned(), json!(answer.statistics.segments_rolled));
    document.insert("given_up_segments_rolled".to_owned(), json!(answer.statistics.segments_gone));
    Json::Object(document)
}

/// Where the answer was read from.
fn read_from(answer: &Answer) -> &'static str {
    if answer.statistics.from_accounts { "accounts" } else { "records" }
}

/// What was read for the answer, and why: for `--explain`.
pub(crate) fn explain(answer: &Answer, why_records: Option<&str>) -> String {
    let s = &answer.statistics;
    let grouped = |n: u64| super::number::grouped(n);
    if s.from_accounts {
        return format!(
            "read: {} accounts of five minutes, and no record; the store has {} records\n\
             why: keys, filter and span ask for nothing that the accounts do not say\n",
            grouped(s.accounts_read),
            grouped(s.stored_records)
        );
    }
    let spilled = match s.spilled_bytes {
        0 => String::new(),
        bytes => format!(", of which {} bytes were kept on disk meanwhile", grouped(bytes)),
    };
    let untested = match s.untested_records {
        0 => String::new(),
        records => format!(", {} of which were known to match", grouped(records)),
    };
    let why = why_records.map_or_else(String::new, |why| format!("why not the accounts: {why}\n"));
    format!(
        "read: {} of {} records{untested}, from {} of {} segments ({} bytes long) and the journal\n\
         within them: {} of {} row groups, {} of {} pages that filter and span were held against\n\
         {}matched: {} records, {} groups{spilled}\n{why}",
        grouped(s.scanned_records),
        grouped(s.stored_records),
        grouped(s.segments_read),
        grouped(s.segments),
        grouped(s.bytes_touched),
        grouped(s.row_groups_read),
        grouped(s.row_groups),
        grouped(s.pages_read),
        grouped(s.pages),
        known(s),
        grouped(s.matched_records),
        grouped(answer.groups),
    )
}

/// What was known without reading.
fn known(s: &Statistics) -> String {
    let grouped = |n: u64| super::number::grouped(n);
    let mut known = String::new();
    if s.segments_recalled > 0 {
        let recalled = grouped(s.segments_recalled);
        known.push_str(&format!("not read again: {recalled} segments, whose part of the answer was kept\n"));
    }
    if s.segments_rolled > 0 {
        let (rolled, groups) = (grouped(s.segments_rolled), grouped(s.rolled_groups));
        known.push_str(&format!("from roll-ups: {rolled} segments, in {groups} groups\n"));
    }
    if s.segments_gone > 0 {
        let gone = grouped(s.segments_gone);
        known.push_str(&format!("given up, and known from roll-ups: {gone} segments\n"));
    }
    if s.kept_damaged > 0 {
        let damaged = grouped(s.kept_damaged);
        known.push_str(&format!("damaged: {damaged} files of what was kept; their segments were read\n"));
    }
    known
}
