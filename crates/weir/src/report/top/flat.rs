//! Groups as plain columns: keys, measures, names beside them, and what else was asked for.

use super::Reading;
use crate::report::sheet::{Head, Kind, Sheet, Value};
use crate::top::{Answer, Line};
use weir_flow::schema;
use weir_query::{Cell, Key, Measure};

/// The answer as a sheet. With the others, a column says which rows are groups.
pub(crate) fn sheet(answer: &Answer, reading: &Reading<'_>) -> Sheet {
    let is_measured = |name: &str| answer.measures.iter().any(|measure| measure.name() == name);
    // What is grouped by a number that is added up as well has two columns of one name.
    let called = |key: &Key| match key.to_string() {
        name if is_measured(&name) => format!("by_{name}"),
        name => name,
    };
    let mut heads: Vec<Head> = answer.keys.iter().map(|key| Head::new(called(key), kind(*key))).collect();
    heads.extend(answer.measures.iter().map(|measure| Head::new(measure.name(), Kind::Unsigned)));
    let names = reading.beside.places(&answer.keys);
    heads.extend(names.iter().map(|(_, name)| Head::optional(name)));
    heads.extend(reading.beside.known_heads(&answer.keys));
    heads.extend(extra_heads(answer, reading));
    if answer.others.is_some() {
        heads.push(Head::new("row", Kind::Text));
    }
    let lines = answer.lines.iter().map(|line| (line, "group"));
    let lines = lines.chain(answer.others.iter().map(|others| (others, "others")));
    let rows = lines.map(|(line, what)| {
        let mut row: Vec<Value> = line.keys.iter().map(|cell| value(cell.as_ref())).collect();
        row.extend(line.sums.iter().map(|sum| Value::Unsigned(*sum)));
        let name = |at| reading.beside.name(&answer.keys, &line.keys, at, reading);
        row.extend(names.iter().map(|(at, _)| name(*at).map_or(Value::Null, Value::Text)));
        row.extend(reading.beside.known_values(&answer.keys, &line.keys));
        row.extend(extras(line, what == "group", answer, reading));
        if answer.others.is_some() {
            row.push(Value::Text(what.to_owned()));
        }
        row
    });
    Sheet { rows: rows.collect(), heads }
}

fn kind(key: Key) -> Kind {
    match key {
        Key::Time(_) => Kind::Time,
        Key::HourOfDay => Kind::Unsigned,
        Key::Column(column) => match column.kind() {
            schema::Kind::Time => Kind::Time,
            schema::Kind::Unsigned(_) => Kind::Unsigned,
            _ => Kind::Text,
        },
        _ => Kind::Text,
    }
}

pub(super) fn value(cell: Option<&Cell>) -> Value {
    match cell {
        None => Value::Null,
        Some(Cell::Time(ms)) => Value::Time(*ms),
        Some(Cell::Unsigned(n)) => Value::Unsigned((*n).into()),
        Some(other) => Value::Text(other.to_string()),
    }
}

fn extra_heads(answer: &Answer, reading: &Reading<'_>) -> Vec<Head> {
    let mut heads = Vec::new();
    let mut measures = |prefix: &str, suffix: &str, kind| {
        heads
            .extend(answer.measures.iter().map(|m| Head::new(format!("{prefix}{}{suffix}", m.name()), kind)));
    };
    if answer.total.ways.is_some() {
        measures("out_", "", Kind::Unsigned);
        measures("in_", "", Kind::Unsigned);
    }
    if answer.total.before.is_some() {
        measures("previous_", "", Kind::Unsigned);
        measures("", "_change", Kind::Signed);
        heads.push(Head::new("change", Kind::Text));
    }
    if reading.averages {
        heads.extend(["bps", "pps", "bpp"].map(|name| Head::new(name, Kind::Unsigned)));
    }
    if let Some(percent) = reading.percentile {
        heads.push(Head::new(format!("p{percent}_bps"), Kind::Unsigned));
    }
    heads
}

fn extras(line: &Line, is_group: bool, answer: &Answer, reading: &Reading<'_>) -> Vec<Value> {
    let mut values = Vec::new();
    if answer.total.ways.is_some() {
        let ways = line.ways.iter().flatten().flatten();
        values.extend(ways.map(|sum| Value::Unsigned(*sum)));
    }
    if let Some(before) = &line.before {
        values.extend(before.iter().map(|sum| Value::Unsigned(*sum)));
        values.extend(
            line.sums.iter().zip(before).map(|(now, before)| Value::Signed(difference(*now, *before))),
        );
        values
            .push(state(line).filter(|_| is_group).map_or(Value::Null, |word| Value::Text(word.to_owned())));
    }
    if reading.averages {
        let averages = Averages::of(line, answer, reading);
        let averages = [averages.bps, averages.pps, averages.bpp];
        values.extend(averages.map(|average| average.map_or(Value::Null, Value::Unsigned)));
    }
    if reading.percentile.is_some() {
        values.push(line.percentile_bps.map_or(Value::Null, Value::Unsigned));
    }
    values
}

/// Now less before.
pub(super) fn difference(now: u128, before: u128) -> i128 {
    // Sums are of 64-bit figures; 127 bits hold more of them than there can be records.
    let signed = |n: u128| i128::try_from(n).unwrap_or(i128::MAX);
    signed(now).saturating_sub(signed(before))
}

/// Whether a group is new or gone.
pub(super) fn state(line: &Line) -> Option<&'static str> {
    let before = line.before.as_ref()?;
    let none = |sums: &[u128]| sums.iter().all(|sum| *sum == 0);
    match (none(before), none(&line.sums)) {
        (true, false) => Some("new"),
        (false, true) => Some("gone"),
        _ => None,
    }
}

/// Means over the time of a line, rounded half up; `None` where time or packets are unknown or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Averages {
    /// Bits per second.
    pub(super) bps: Option<u128>,
    /// Packets per second.
    pub(super) pps: Option<u128>,
    /// Octets per packet.
    pub(super) bpp: Option<u128>,
}

impl Averages {
    pub(super) fn of(line: &Line, answer: &Answer, reading: &Reading<'_>) -> Self {
        let sum = |measure| answer.place(measure).and_then(|at| line.sums.get(at)).copied();
        let (octets, packets) = (sum(Measure::Octets), sum(Measure::Packets));
        let ms = length_ms(line, answer, reading).filter(|ms| *ms > 0);
        let per_second = |n: Option<u128>| Some((n?.checked_mul(1000)? + ms? / 2) / ms?);
        Self {
            bps: per_second(octets.and_then(|octets| octets.checked_mul(8))),
            pps: per_second(packets),
            bpp: packets
                .filter(|packets| *packets > 0)
                .and_then(|packets| Some((octets? + packets / 2) / packets)),
        }
    }
}

/// How long the time is that a line is about: its bucket, or the whole span.
fn length_ms(line: &Line, answer: &Answer, reading: &Reading<'_>) -> Option<u128> {
    for (key, cell) in answer.keys.iter().zip(&line.keys) {
        match (key, cell) {
            (Key::Time(bucket), Some(Cell::Time(start))) => {
                return Some(bucket.end(*start, reading.civil).abs_diff(*start).into());
            }
            (Key::HourOfDay | Key::Weekday, _) => return None,
            _ => {}
        }
    }
    reading.span.as_ref().map(|span| span.end.abs_diff(span.start).into())
}
