//! Groups and their sums.

use super::name::{Names, named};
use super::number::{count, grouped, octets, share};
use super::table::{Align, Columns};
use super::{Form, csv_line, value};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use weir_account::Zone;
use weir_account::statement::Unit;
use weir_flow::Addr;
use weir_flow::schema::Column;
use weir_query::{Cell, Measure, Table};

/// What a table needs to be read.
pub(crate) struct Reading<'a> {
    pub(crate) zone: &'a Zone,
    pub(crate) unit: Unit,
    /// The measure that orders the rows; shares are of it.
    pub(crate) by: Measure,
    pub(crate) exporter: &'a dyn Fn(weir_flow::Addr) -> String,
    pub(crate) beside: &'a Beside<'a>,
}

/// Which exporters have a number of a column, where the exporter is no key.
pub(crate) type Seen = HashMap<(Column, u64), BTreeSet<Addr>>;

/// Names beside the numbers of keys.
pub(crate) struct Beside<'a> {
    pub(crate) names: &'a Names,
    /// The time that the sums are of, ms since 1970; a name must have held throughout.
    pub(crate) span: Option<Range<i64>>,
    pub(crate) seen: Seen,
}

impl Beside<'_> {
    /// The name of the number in this place of a row's keys, if it is the same at all exporters concerned.
    fn name(&self, table: &Table, keys: &[Option<Cell>], at: usize) -> Option<&str> {
        let column = table.keys.get(at)?.column();
        let Some(Some(Cell::Unsigned(number))) = keys.get(at) else { return None };
        let by_exporter = table.keys.iter().position(|key| key.column() == Column::Exporter);
        let one = by_exporter.and_then(|i| match keys.get(i) {
            Some(Some(Cell::Addr(exporter))) => Some(BTreeSet::from([*exporter])),
            _ => None,
        });
        let exporters = one.as_ref().or_else(|| self.seen.get(&(column, *number)))?;
        let span = self.span.clone().unwrap_or(i64::MIN..i64::MAX);
        self.names.shared(exporters, column, *number, &span)
    }

    /// The keys of a table that may have names: their place, and what the name is called.
    fn places(table: &Table) -> impl Iterator<Item = (usize, &'static str)> {
        table.keys.iter().enumerate().filter_map(|(i, key)| Some((i, named(key.column())?.0)))
    }
}

/// The table in a form.
pub(crate) fn render(table: &Table, form: Form, reading: &Reading<'_>) -> String {
    match form {
        Form::Json => format!("{:#}\n", document(table, reading.beside)),
        Form::Ndjson => rows(table, reading.beside).map(|row| format!("{row}\n")).collect(),
        Form::Csv => csv(table, reading.beside),
        Form::Table => columns(table, reading),
    }
}

fn heads(table: &Table) -> Vec<String> {
    let keys = table.keys.iter().map(ToString::to_string);
    let measures = table.measures.iter().map(|m| m.name().to_owned());
    keys.chain(measures).chain(Beside::places(table).map(|(_, name)| name.to_owned())).collect()
}

/// A sum as JSON: an integer as long as JSON's readers can be expected to keep it, text beyond.
fn sum(n: u128) -> Json {
    u64::try_from(n).map_or_else(|_| json!(n.to_string()), |n| json!(n))
}

fn cell(cell: Option<&Cell>) -> Json {
    match cell {
        None => Json::Null,
        Some(Cell::Time(ms)) => json!(ms),
        Some(Cell::Unsigned(n)) => json!(n),
        Some(other) => json!(other.to_string()),
    }
}

fn sums(table: &Table, values: &[u128]) -> impl Iterator<Item = (String, Json)> {
    table
        .measures
        .iter()
        .zip(values)
        .map(|(m, n)| (m.name().to_owned(), sum(*n)))
        .collect::<Vec<_>>()
        .into_iter()
}

fn rows<'a>(table: &'a Table, beside: &'a Beside<'_>) -> impl Iterator<Item = Json> + 'a {
    table.rows().map(move |row| {
        let keys = table.keys.iter().zip(row.keys).map(|(key, c)| (key.to_string(), cell(c.as_ref())));
        let names = Beside::places(table)
            .filter_map(|(at, name)| Some((name.to_owned(), json!(beside.name(table, row.keys, at)?))));
        Json::Object(keys.chain(names).chain(sums(table, row.sums)).collect::<Map<_, _>>())
    })
}

fn document(table: &Table, beside: &Beside<'_>) -> Json {
    json!({
        "keys": table.keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "rows": rows(table, beside).collect::<Vec<_>>(),
        "total": Json::Object(sums(table, &table.total).collect()),
        "groups": table.groups,
        "matched_records": table.statistics.matched_records,
        "scanned_records": table.statistics.scanned_records,
    })
}

fn csv(table: &Table, beside: &Beside<'_>) -> String {
    let mut out = csv_line(heads(table));
    for row in table.rows() {
        let keys = row.keys.iter().map(|c| c.as_ref().map(ToString::to_string).unwrap_or_default());
        let names = Beside::places(table)
            .map(|(at, _)| beside.name(table, row.keys, at).unwrap_or_default().to_owned());
        out.push_str(&csv_line(keys.chain(row.sums.iter().map(u128::to_string)).chain(names)));
    }
    out
}

fn columns(table: &Table, reading: &Reading<'_>) -> String {
    if table.is_empty() {
        return "no flows match\n".to_owned();
    }
    let left = table.keys.iter().map(|key| (key.to_string(), Align::Left));
    let right = table.measures.iter().map(|m| (m.name().to_owned(), Align::Right));
    let mut out = Columns::new(left.chain(right).chain([("share".to_owned(), Align::Right)]));
    let whole = table.total_of(reading.by).unwrap_or_default();
    let by = table.measures.iter().position(|m| *m == reading.by);
    let share_of = |sums: &[u128]| share(by.and_then(|i| sums.get(i)).copied().unwrap_or_default(), whole);
    for row in table.rows() {
        let keys = table.keys.iter().zip(row.keys).enumerate().map(|(at, (key, c))| {
            let number = readable(key.column(), c.as_ref(), reading);
            match reading.beside.name(table, row.keys, at) {
                Some(name) => format!("{number} {}", value::printable(name)),
                None => number,
            }
        });
        let sums = table.measures.iter().zip(row.sums).map(|(m, n)| amount(*m, *n, reading.unit));
        out.row(keys.chain(sums).chain([share_of(row.sums)]));
    }
    out.rule();
    let shown = grouped(u64::try_from(table.len()).unwrap_or_default());
    let label = if table.groups == table.len() as u64 {
        "total".to_owned()
    } else {
        format!("total ({shown} of {} shown)", grouped(table.groups))
    };
    let blanks = table.keys.iter().skip(1).map(|_| String::new());
    let sums = table.measures.iter().zip(&table.total).map(|(m, n)| amount(*m, *n, reading.unit));
    out.row([label].into_iter().chain(blanks).chain(sums).chain([share_of(&table.total)]));
    out.render()
}

fn amount(measure: Measure, n: u128, unit: Unit) -> String {
    match measure {
        Measure::Octets | Measure::MeasuredOctets => octets(n, unit),
        Measure::Packets | Measure::MeasuredPackets | Measure::Flows => count(n),
    }
}

fn readable(column: Column, cell: Option<&Cell>, reading: &Reading<'_>) -> String {
    match (column, cell) {
        (_, None) => "–".to_owned(),
        (Column::Proto, Some(Cell::Unsigned(proto))) => value::protocol(*proto),
        (Column::Exporter, Some(Cell::Addr(addr))) => (reading.exporter)(*addr),
        (_, Some(Cell::Time(ms))) => value::time(*ms, reading.zone),
        (_, Some(Cell::Text(text))) => value::printable(text),
        (_, Some(cell)) => cell.to_string(),
    }
}
