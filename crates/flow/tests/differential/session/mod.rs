//! Two decoders, one sequence of datagrams: live [`Sessions`] and the naive decoder of `weir-testkit` must find the
//! same records, and of every record every element, in a column or in `other`.

mod expect;
mod frame;
mod script;

use expect::{Expected, Row};
use std::collections::{BTreeMap, HashMap};
use weir_flow::batch::Value;
use weir_flow::other::Elements;
use weir_flow::schema::{COLUMNS, Column};
use weir_flow::session::{Arrival, HELD_BYTES_MAX, Sessions, Settings};
use weir_flow::{Addr, Batch};
use weir_testkit::naive::{Datagram, Decoder, Record};

/// When every datagram arrives, ms since 1970.
pub(crate) const NOW: i64 = 1_767_225_600_000;
/// Datagrams of one input: fewer than a session remembers to tell duplicates by.
const DATAGRAMS_MAX: usize = 200;
/// Octets of one input: fewer than it takes to define more templates than a session keeps.
const INPUT_MAX: usize = 8_192;

/// One input. An even first octet: datagrams as they are, each behind its exporter and its length; an odd one: what
/// follows chooses what exporters do ([`script`]).
pub(crate) fn session(data: &[u8]) {
    let data = &data[..data.len().min(INPUT_MAX)];
    let Some((mode, rest)) = data.split_first() else { return };
    let mut pair = Pair::default();
    if mode % 2 == 1 {
        return script::play(rest, &mut |exporter, datagram| pair.feed(exporter, datagram));
    }
    let mut rest = rest;
    while let Some((&[exporter, high, low], after)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([high, low])).min(after.len());
        pair.feed(exporter % 4, &after[..len]);
        rest = &after[len..];
    }
}

/// Whose datagram: exporter, version, observation domain.
type Whose = (u8, u16, u32);

/// The two decoders, and what is known of duplicates.
struct Pair {
    sessions: Sessions,
    naive: Decoder,
    batch: Batch,
    /// Every datagram, and whose session it belonged to.
    seen: HashMap<(u8, Vec<u8>), Option<Whose>>,
    /// The first number of each session, and whether another was seen since.
    numbers: BTreeMap<Whose, (u32, bool)>,
    count: usize,
    /// Whether options data told names of applications.
    has_names: bool,
}

impl Default for Pair {
    fn default() -> Self {
        Self {
            sessions: Sessions::new(Settings::default()),
            naive: Decoder::default(),
            batch: Batch::new(),
            seen: HashMap::new(),
            numbers: BTreeMap::new(),
            count: 0,
            has_names: false,
        }
    }
}

impl Pair {
    /// Gives a datagram to both, and compares.
    fn feed(&mut self, exporter: u8, datagram: &[u8]) {
        // What the naive decoder does not read.
        let is_legacy_sflow = datagram.starts_with(&[0, 0, 0, 2]) || datagram.starts_with(&[0, 0, 0, 4]);
        if is_legacy_sflow || self.count == DATAGRAMS_MAX {
            return;
        }
        let key = (exporter, datagram.to_vec());
        let decoded = match self.seen.get(&key) {
            // Version 1 has no numbers, so there are no duplicates.
            Some(Some(whose)) if whose.1 != 1 => {
                // While it is open whether an exporter counts, so is what a copy is.
                if self.numbers.get(whose).is_none_or(|(_, moved)| !moved) {
                    return;
                }
                None
            }
            _ => self.naive.datagram(exporter.into(), datagram),
        };
        self.count += 1;
        if let Some(datagram) = &decoded {
            let whose = (exporter, datagram.version, datagram.domain);
            if let Some(sequence) = datagram.sequence {
                let (first, moved) = self.numbers.entry(whose).or_insert((sequence, false));
                *moved |= *first != sequence;
            }
            self.has_names |= datagram.has_names;
            self.seen.insert(key, Some(whose));
        } else {
            self.seen.entry(key).or_insert(None);
        }
        self.batch.clear();
        let from = Addr::v4([192, 0, 2, exporter]);
        let arrival = Arrival { received: NOW, from, port: 2055, payload: datagram };
        self.sessions.ingest(&arrival, &mut self.batch);
        self.sessions.finish(&mut self.batch);
        self.compare(&decoded.unwrap_or_default());
    }

    fn compare(&self, decoded: &Datagram) {
        let batch = &self.batch;
        let records: Vec<&Record> = decoded.sets.iter().flatten().collect();
        let rows: Vec<Row> = decoded.sets.iter().flat_map(|set| expect::rows(set, NOW)).collect();
        assert_eq!(batch.len(), rows.len(), "rows of {decoded:#?}");
        for (at, row) in rows.iter().enumerate() {
            for definition in &COLUMNS {
                self.compare_column(at, definition.column, row, decoded);
            }
        }
        let counted = |what| batch.health.iter().filter(|row| row.what == what).map(|row| row.value).sum();
        let counted: [i64; 2] = [counted("records"), counted("flows")];
        let expected = [records.len(), rows.len()].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        assert_eq!(counted, expected, "records and flows counted, of {decoded:#?}");
        let waiting = self.sessions.awaiting();
        assert_eq!(waiting, self.naive.waiting(), "sets and octets that wait");
        assert!(waiting.1 <= HELD_BYTES_MAX);
    }

    fn compare_column(&self, at: usize, column: Column, row: &Row, decoded: &Datagram) {
        let value = self.batch.get(at, column);
        let expected = row.columns.get(&column);
        let is_same = match (column, expected, &value) {
            (Column::Start | Column::End, None, _) => true,
            (Column::Start | Column::End, Some(Expected::Unsigned(ms)), Some(Value::Time(time))) => {
                u64::try_from(*time) == Ok(*ms)
            }
            (Column::Other, _, value) => {
                let found = elements(value.as_ref());
                row.other.as_ref().map_or(value.is_none(), |other| is_all_there(other, &found))
            }
            (column, None | Some(Expected::Nothing), value) => value.is_none() || !is_of_record(column),
            (_, Some(Expected::Unsigned(n)), Some(Value::Unsigned(value))) => n == value,
            (_, Some(Expected::AtMost(n)), Some(Value::Unsigned(value))) => value <= n,
            (_, Some(Expected::Unsigned(n)), Some(Value::Mac(mac))) => *n == mac.0,
            (_, Some(Expected::Addr(octets)), Some(Value::Addr(addr))) => octets == addr.octets(),
            (_, Some(Expected::Text(text)), Some(Value::Text(value) | Value::Word(value))) => {
                text == value.as_bytes()
            }
            (_, Some(Expected::Application(id)), Some(Value::Text(value))) => {
                self.has_names || id == value.as_bytes()
            }
            (_, Some(Expected::Application(_)), None) => self.has_names,
            _ => false,
        };
        assert!(
            is_same,
            "row {at}, column {}: expected {expected:?}, found {value:?}; other expected {:?}, found {:?}\n{decoded:#?}",
            column.name(),
            row.other,
            elements(self.batch.get(at, Column::Other).as_ref()),
        );
    }
}

/// Whether the record itself says what is in the column.
fn is_of_record(column: Column) -> bool {
    !matches!(
        column,
        Column::Received
            | Column::TimeSource
            | Column::Exporter
            | Column::Domain
            | Column::ProtocolVersion
            | Column::Octets
            | Column::Packets
            | Column::SamplingInterval
            | Column::SamplingSource
    )
}

/// Whether the elements found are those expected. Lists (291 to 293) are opened, which the naive decoder does not do
/// (`structured` has a target of its own): beside one, no other element must be missing.
fn is_all_there(expected: &[(u32, u16, Vec<u8>)], found: &[(u32, u16, Vec<u8>)]) -> bool {
    let is_list = |element: &(u32, u16, Vec<u8>)| element.0 == 0 && (291..=293).contains(&element.1);
    if !expected.iter().any(is_list) {
        return expected == found;
    }
    let mut found = found.iter();
    expected.iter().filter(|element| !is_list(element)).all(|element| found.any(|other| other == element))
}

fn elements(value: Option<&Value<'_>>) -> Vec<(u32, u16, Vec<u8>)> {
    let Some(Value::Elements(run)) = value else { return Vec::new() };
    Elements::new(run).map(|e| (e.enterprise, e.number, e.value.to_vec())).collect()
}
