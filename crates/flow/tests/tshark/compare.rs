//! The rows that weir makes of a capture beside those that tshark's decode asks for.
//!
//! A row is found by its place: weir decodes the sets of a datagram in order, all records of a set, then the ways
//! back of those that have one; a set that waited for its template comes where the template does.

use super::capture::Datagram;
use super::expect::{self, Context, Memory, Row};
use super::list::{self, Templates};
use super::netflow::{Message, Part, Record};
use super::sflow;
use super::value;
use std::collections::{BTreeMap, HashMap};
use weir_flow::other::Elements;
use weir_flow::schema::Column;
use weir_flow::session::{Arrival, Sessions, Settings};
use weir_flow::{Addr, Batch, batch};

/// Where weir and tshark differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    /// tshark's name of the field, or what of a whole datagram differs.
    pub(crate) field: String,
    /// Where: frame, record, and what both say. Differences of one field are one line of the table.
    pub(crate) what: String,
}

/// What has been compared.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) datagrams: usize,
    pub(crate) records: usize,
    pub(crate) fields: usize,
    /// Datagrams that weir counted as sent twice.
    pub(crate) duplicates: usize,
    /// Sets that tshark could not decode for want of a template.
    pub(crate) waiting: usize,
    pub(crate) differences: Vec<Difference>,
}

impl Outcome {
    pub(crate) fn differ(&mut self, field: &str, what: String) {
        self.differences.push(Difference { field: field.into(), what });
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.records += other.records;
        self.fields += other.fields;
        self.duplicates += other.duplicates;
        self.waiting += other.waiting;
    }
}

/// All that tshark said of a frame.
#[derive(Debug)]
pub(crate) enum Said {
    Netflow(Message),
    Sflow(Vec<sflow::Sample>),
    Nothing,
}

/// A session, by both: exporter, port, version, domain.
type Session = (Addr, u16, u64, u64);

#[derive(Default)]
struct State {
    memories: HashMap<Session, Memory>,
    known: HashMap<Session, Templates>,
    /// The rows of sets that wait for a template.
    held: HashMap<(Session, u16), Vec<Row>>,
}

/// Decodes a capture's datagrams and compares each with what tshark says of its frame.
pub(crate) fn compare(datagrams: &[Datagram], said: &[Said]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut sessions = Sessions::new(Settings::default());
    let mut state = State::default();
    let mut copies = Vec::new();
    for datagram in datagrams {
        let mut batch = Batch::new();
        let (received, from, port) = (datagram.received, datagram.from, datagram.port);
        sessions.ingest(&Arrival { received, from, port, payload: &datagram.payload }, &mut batch);
        sessions.finish(&mut batch);
        let is_duplicate = count(&batch, "duplicate_datagrams") > 0;
        let expected = match said.get(datagram.frame) {
            Some(Said::Netflow(message)) => match state.rows(message, datagram, &mut outcome) {
                Some(rows) => rows,
                None => {
                    let what = format!(
                        "frame {}: malformed, says tshark; weir makes {} rows",
                        datagram.frame + 1,
                        batch.len()
                    );
                    outcome.differ("malformed", what);
                    continue;
                }
            },
            Some(Said::Sflow(samples)) if samples.iter().any(|sample| !sample.is_whole) => {
                outcome.differ("unknown record", format!("frame {}", datagram.frame + 1));
                continue;
            }
            Some(Said::Sflow(samples)) => samples.iter().map(|sample| sample.row(received)).collect(),
            _ => Vec::new(),
        };
        outcome.datagrams += 1;
        if is_duplicate && batch.is_empty() {
            outcome.duplicates += 1;
            continue;
        }
        if batch.is_empty() && !expected.is_empty() && is_first_again(datagrams, datagram) {
            copies.extend(expected);
            continue;
        }
        if batch.len() != expected.len() {
            let counts: Vec<_> =
                batch.health.iter().map(|row| format!("{}={}", row.what, row.value)).collect();
            let what = format!(
                "frame {}: weir makes {} rows, tshark's records ask for {} ({})",
                datagram.frame + 1,
                batch.len(),
                expected.len(),
                counts.join(" ")
            );
            outcome.differ("rows", what);
            continue;
        }
        for (row, expected) in expected.iter().enumerate() {
            let place = format!("frame {} row {}", datagram.frame + 1, row + 1);
            compare_row(&batch, row, expected, &place, &mut outcome);
        }
    }
    let mut batch = Batch::new();
    sessions.conclude(&mut batch);
    sessions.finish(&mut batch);
    if batch.len() != copies.len() {
        outcome.differ("rows", format!("copies: {} rows, not {}", batch.len(), copies.len()));
        return outcome;
    }
    for (row, expected) in copies.iter().enumerate() {
        compare_row(&batch, row, expected, &format!("copies row {}", row + 1), &mut outcome);
    }
    outcome
}

/// Whether this is a copy of its exporter's first datagram: weir leaves it open, until there is more, whether those
/// are duplicates or the exporter does not count.
fn is_first_again(datagrams: &[Datagram], datagram: &Datagram) -> bool {
    let first = datagrams.iter().find(|d| (d.from, d.port) == (datagram.from, datagram.port));
    first.is_some_and(|first| first.frame != datagram.frame && first.payload == datagram.payload)
}

fn count(batch: &Batch, what: &str) -> i64 {
    batch.health.iter().filter(|row| row.what == what).map(|row| row.value).sum()
}

impl State {
    /// The rows that a message must give; `None` if tshark gave up in it.
    fn rows(&mut self, message: &Message, datagram: &Datagram, outcome: &mut Outcome) -> Option<Vec<Row>> {
        let session = (datagram.from, datagram.port, message.version, message.domain);
        let mut rows = Vec::new();
        let mut is_whole = true;
        for part in &message.parts {
            match part {
                Part::Template { id, fields, .. } if fields.is_empty() => {
                    let known = self.known.entry(session).or_default();
                    known.retain(|known, _| known != id && *id >= 256);
                }
                Part::Template { id, fields } => {
                    let known = self.known.entry(session).or_default();
                    if known.insert(*id, fields.clone()).is_none() {
                        let held = self.held.remove(&(session, *id)).unwrap_or_default();
                        rows.extend(held);
                    }
                }
                Part::Malformed => is_whole = false,
                Part::Data { is_decoded: false, .. } => outcome.waiting += 1,
                Part::Data { id, is_options, records, .. } => {
                    let context = Context { message, received: datagram.received };
                    let memory = self.memories.entry(session).or_default();
                    if *is_options {
                        records.iter().for_each(|record| learn(record, memory));
                        continue;
                    }
                    let mut set = set_rows(records, &context, memory);
                    let known = self.known.entry(session).or_default();
                    for row in &mut set {
                        row.other = list::opened(std::mem::take(&mut row.other), known);
                    }
                    let is_known = self.known.get(&session).is_some_and(|known| known.contains_key(id));
                    if is_known || message.version < 9 {
                        rows.extend(set);
                    } else {
                        self.held.entry((session, *id)).or_default().extend(set);
                    }
                }
            }
        }
        is_whole.then_some(rows)
    }
}

/// The rows of a data set: all records, then the ways back.
fn set_rows(records: &[Record], context: &Context<'_>, memory: &mut Memory) -> Vec<Row> {
    let (mut forward, mut back) = (Vec::new(), Vec::new());
    for record in records {
        let (row, reverse) = expect::rows(record, context, memory);
        let interval = (context.message.version == 5).then_some(context.message.interval);
        forward.push(with_interval(row, interval));
        back.extend(reverse);
    }
    forward.extend(back);
    forward
}

/// v5 says the sampling interval in its header.
fn with_interval(mut row: Row, interval: Option<u64>) -> Row {
    if let Some(interval) = interval.filter(|interval| *interval > 0) {
        row.columns.insert(Column::SamplingInterval, Some(interval.to_string()));
        row.fields.insert(Column::SamplingInterval, "cflow.samplerate".into());
    }
    row
}

/// What options data says that rows show: the names of applications, and when the exporter started.
fn learn(record: &Record, memory: &mut Memory) {
    let find = |element: u16| record.fields.iter().find(|f| (f.enterprise, f.element) == (0, Some(element)));
    if let (Some(id), Some(name)) = (find(95), find(96)) {
        let Some((engine, selector)) = id.octets.split_first() else { return };
        let key = [&[*engine], &expect::unsigned(selector).to_be_bytes()[..]].concat();
        memory.applications.insert(key, expect::text(&name.octets));
    }
    if let Some(init) = find(160).and_then(|field| super::time::absolute(&field.show)) {
        memory.init = Some(init);
    }
}

/// Columns that a decode of the datagram alone does not decide.
const NOT_SAID: &[Column] = &[
    Column::Received,
    Column::Exporter,
    Column::Domain,
    Column::ProtocolVersion,
    Column::SamplingSource,
    Column::Octets,
    Column::Packets,
    Column::Tenant,
    Column::PeerTenant,
    Column::Direction,
    Column::Host,
    Column::Class,
    Column::Other,
];

fn compare_row(batch: &Batch, row: usize, expected: &Row, place: &str, outcome: &mut Outcome) {
    outcome.records += 1;
    for definition in &weir_flow::schema::COLUMNS {
        let column = definition.column;
        if NOT_SAID.contains(&column) {
            continue;
        }
        let right = expected.columns.get(&column).cloned().flatten();
        if column == Column::SamplingInterval && right.is_none() {
            // Options said it, or nobody did.
            continue;
        }
        outcome.fields += usize::from(right.is_some());
        let ours = batch.get(row, column).map(text);
        if ours != right {
            let field = expected.fields.get(&column).map_or(column.name(), String::as_str);
            let what = format!("{place}: {} is {ours:?} here, {right:?} by tshark", column.name());
            outcome.differ(field, what);
        }
    }
    let other = match batch.get(row, Column::Other) {
        Some(batch::Value::Elements(run)) => run,
        _ => &[],
    };
    compare_other(other, expected, place, outcome);
    for field in &expected.cut {
        let name = if field.name.is_empty() { "no field" } else { &field.name };
        let (enterprise, element) = (field.enterprise, field.element.unwrap_or_default());
        if is_in_parts(field) {
            continue;
        }
        let what = format!(
            "{place}: {enterprise}/{element} has {} octets here, tshark shows {name} {:?} of another length",
            field.octets.len(),
            field.show
        );
        outcome.differ(&format!("length of {name}"), what);
    }
}

/// Whether this is a field that tshark always shows in parts, or with the length of a part; or that it does not show.
fn is_in_parts(field: &super::netflow::Field) -> bool {
    let name = field.name.as_str();
    if name.is_empty() {
        return true;
    }
    match (field.enterprise, field.element) {
        (0 | 29_305, Some(95)) => name == "cflow.appl_id.classification_engine_id",
        (0 | 29_305, Some(139)) => name == "cflow.icmp_ipv6_type",
        (0 | 29_305, Some(70..=79)) => name == "cflow.mpls_label",
        (0 | 29_305, Some(21 | 22 | 150..=159)) => name.contains("time"),
        (9, Some(9357 | 12_235)) => name == "cflow.pie.cisco.application_http_uri_statistics",
        _ => false,
    }
}

/// What no column holds: the same elements with the same octets, in the same order, and the same reading.
fn compare_other(run: &[u8], expected: &Row, place: &str, outcome: &mut Outcome) {
    let mut left: BTreeMap<(u32, u16), Vec<&[u8]>> = BTreeMap::new();
    for element in Elements::new(run) {
        left.entry((element.enterprise, element.number)).or_default().push(element.value);
    }
    for values in left.values_mut() {
        values.reverse();
    }
    for field in &expected.other {
        outcome.fields += 1;
        let key = (field.enterprise, field.element.unwrap_or_default());
        let ours = left.get_mut(&key).and_then(Vec::pop);
        let name =
            if field.name.is_empty() { format!("element {}/{}", key.0, key.1) } else { field.name.clone() };
        if ours != Some(&field.octets) {
            let what =
                format!("{place}: {}/{} is {ours:02x?} here, {:02x?} by tshark", key.0, key.1, field.octets);
            outcome.differ(&name, what);
        } else if let Err(reading) = value::agrees(field, expected.version) {
            outcome.differ(&name, format!("{place}: {}/{}: {reading}", key.0, key.1));
        }
    }
    for (key, values) in left.into_iter().filter(|(_, values)| !values.is_empty()) {
        outcome.differ(&format!("element {}/{}", key.0, key.1), format!("{place}: only here: {values:02x?}"));
    }
}

/// A value in words.
fn text(value: batch::Value<'_>) -> String {
    use batch::Value as V;
    match value {
        V::Time(at) => at.to_string(),
        V::Addr(addr) => addr.to_string(),
        V::Mac(mac) => mac.to_string(),
        V::Unsigned(number) => number.to_string(),
        V::Word(word) => word.into(),
        V::Name(name) | V::Text(name) => name.into(),
        V::Elements(run) => format!("{run:?}"),
    }
}
