//! Groups as a table for people.

use super::flat::{Averages, difference, state};
use super::{Reading, value};
use crate::report::number::{bar, change, count, grouped, octets, share, spark};
use crate::report::sheet::Value;
use crate::report::table::{Align, Columns};
use crate::report::value as text;
use crate::top::{Answer, Line};
use weir_account::statement::Unit;
use weir_flow::schema::Column;
use weir_query::{Bucket, Cell, Key, Measure};

/// How wide a bar is where its row has everything.
const BAR_WIDTH: usize = 20;

pub(super) fn table(answer: &Answer, reading: &Reading<'_>) -> String {
    if answer.lines.is_empty() && answer.others.is_none() {
        return "no flows match\n".to_owned();
    }
    let mut out = Columns::new(heads(answer, reading));
    for line in &answer.lines {
        let keys = (0..answer.keys.len()).map(|at| key(answer, line, at, reading));
        out.row(keys.chain(figures(line, answer, reading, true)));
    }
    let label = |out: &mut Columns, label: String, line: &Line, with_bar| {
        let blanks = answer.keys.iter().skip(1).map(|_| String::new());
        let labels = [label].into_iter().filter(|_| !answer.keys.is_empty()).chain(blanks);
        out.row(labels.chain(figures(line, answer, reading, with_bar)));
    };
    if let Some(others) = &answer.others {
        label(&mut out, "others".to_owned(), others, true);
    }
    out.rule();
    let shown = answer.lines.len() as u64;
    let total = if answer.groups == shown {
        "total".to_owned()
    } else {
        format!("total ({} of {} shown)", grouped(shown), grouped(answer.groups))
    };
    label(&mut out, total, &answer.total, false);
    out.render()
}

/// What each group is called: its keys, as people read them.
pub(crate) fn labels(answer: &Answer, reading: &Reading<'_>) -> Vec<String> {
    let label = |line: &Line| {
        let keys: Vec<String> = (0..answer.keys.len()).map(|at| key(answer, line, at, reading)).collect();
        keys.join(" ")
    };
    answer.lines.iter().map(label).collect()
}

fn heads(answer: &Answer, reading: &Reading<'_>) -> Vec<(String, Align)> {
    let mut heads: Vec<(String, Align)> =
        answer.keys.iter().map(|key| (key.to_string(), align(*key))).collect();
    let mut right = |name: String| heads.push((name, Align::Right));
    for measure in &answer.measures {
        right(measure.name().to_owned());
    }
    if answer.total.ways.is_some() {
        right("out".to_owned());
        right("in".to_owned());
    }
    if answer.total.before.is_some() {
        right("before".to_owned());
        right("change".to_owned());
    }
    if reading.averages {
        ["bps", "pps", "octets/packet"].into_iter().for_each(|name| right(name.to_owned()));
    }
    if let Some(percent) = reading.percentile {
        right(format!("p{percent} bps"));
    }
    match reading.by {
        [_] | [] => right("share".to_owned()),
        several => several.iter().for_each(|measure| right(format!("% {}", measure.name()))),
    }
    if answer.lines.iter().any(|line| line.series.is_some()) {
        heads.push(("over time".to_owned(), Align::Left));
    }
    if reading.bars {
        heads.push((String::new(), Align::Left));
    }
    heads
}

/// Numbers to the right; addresses and words to the left.
fn align(key: Key) -> Align {
    match key {
        Key::HourOfDay => Align::Right,
        _ => Align::Left,
    }
}

/// What stands behind the keys.
fn figures(line: &Line, answer: &Answer, reading: &Reading<'_>, with_bar: bool) -> Vec<String> {
    let first = reading.by.first().and_then(|by| answer.place(*by)).unwrap_or_default();
    let of = |sums: &[u128], at: usize| sums.get(at).copied().unwrap_or_default();
    let shown = |sums: &[u128]| {
        answer.measures.get(first).map_or_else(String::new, |m| amount(*m, of(sums, first), reading.unit))
    };
    let sums = answer.measures.iter().zip(&line.sums);
    let mut cells: Vec<String> = sums.map(|(m, n)| amount(*m, *n, reading.unit)).collect();
    if let Some([out, back]) = &line.ways {
        cells.extend([shown(out), shown(back)]);
    }
    if let Some(before) = &line.before {
        let percent = change(of(&line.sums, first), of(before, first));
        let moved = difference(of(&line.sums, first), of(before, first));
        let sign = if moved < 0 { "−" } else { "+" };
        let moved = answer
            .measures
            .get(first)
            .map_or_else(String::new, |m| amount(*m, moved.unsigned_abs(), reading.unit));
        let word = state(line).map_or(percent, str::to_owned);
        cells.extend([shown(before), format!("{sign}{moved} {word}")]);
    }
    if reading.averages {
        let averages = Averages::of(line, answer, reading);
        let shown = |n: Option<u128>| n.map_or_else(|| "–".to_owned(), count);
        cells.extend([averages.bps, averages.pps, averages.bpp].map(shown));
    }
    if reading.percentile.is_some() {
        cells.push(line.percentile_bps.map_or_else(|| "–".to_owned(), count));
    }
    for measure in reading.by {
        let at = answer.place(*measure).unwrap_or_default();
        cells.push(share(of(&line.sums, at), of(&answer.total.sums, at)));
    }
    if answer.lines.iter().any(|line| line.series.is_some()) {
        cells.push(line.series.as_deref().map_or_else(String::new, spark));
    }
    if reading.bars {
        let whole = of(&answer.total.sums, first);
        cells.push(if with_bar { bar(of(&line.sums, first), whole, BAR_WIDTH) } else { String::new() });
    }
    cells
}

pub(super) fn amount(measure: Measure, n: u128, unit: Unit) -> String {
    match measure {
        Measure::Octets | Measure::MeasuredOctets => octets(n, unit),
        Measure::Packets | Measure::MeasuredPackets | Measure::Flows => count(n),
    }
}

fn key(answer: &Answer, line: &Line, at: usize, reading: &Reading<'_>) -> String {
    let (Some(key), Some(cell)) = (answer.keys.get(at), line.keys.get(at)) else { return String::new() };
    let shown = readable(*key, cell.as_ref(), reading);
    match reading.beside.name(&answer.keys, &line.keys, at, reading) {
        Some(name) if !matches!(key, Key::Time(_)) => format!("{shown} {}", text::printable(&name)),
        _ => match reading.beside.known(*key, cell.as_ref()).filter(|known| *known != shown) {
            Some(known) => format!("{shown} {}", text::printable(&known)),
            None => shown,
        },
    }
}

fn readable(key: Key, cell: Option<&Cell>, reading: &Reading<'_>) -> String {
    match (key, cell) {
        (_, None) => "–".to_owned(),
        (Key::Column(Column::Proto), Some(Cell::Unsigned(proto))) => text::protocol(*proto),
        (Key::Column(Column::Exporter), Some(Cell::Addr(addr))) => (reading.exporter)(*addr),
        (Key::Time(bucket), Some(Cell::Time(ms))) => time(bucket, *ms, reading),
        (_, Some(Cell::Time(ms))) => text::time(*ms, reading.zone),
        (_, Some(Cell::Text(words))) => text::printable(words),
        (_, Some(cell)) => match value(Some(cell)) {
            Value::Text(words) => words,
            _ => cell.to_string(),
        },
    }
}

/// When a bucket begins: the date where it is days; else with the offset, for an hour may come twice.
fn time(bucket: Bucket, ms: i64, reading: &Reading<'_>) -> String {
    let date = reading.zone.date_text(ms);
    match bucket {
        Bucket::Month => date.rsplit_once('-').map_or(date.clone(), |(month, _)| month.to_owned()),
        Bucket::Week | Bucket::Width(86_400_000) => date,
        Bucket::Width(_) => reading.zone.rfc3339(ms).replacen('T', " ", 1),
    }
}
