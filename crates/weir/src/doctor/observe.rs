//! What the store knows of every exporter: counters, how records were sampled, and a sample of the newest records.

use super::Sampled as SampledRows;
use super::overlap::Sighting;
use super::patient::{Patient, Sampled, Tally};
use super::{sample, session};
use crate::config::Config;
use crate::exit::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use weir_flow::health::Counter;
use weir_flow::names::{FlowDirection, SamplingSource, Version};
use weir_flow::schema::Column;
use weir_flow::session::record;
use weir_flow::{Addr, health};
use weir_query::{Cell, Key, Measure, Options, Order, Query};
use weir_store::Snapshot;

/// The length of a bin, ms.
const BIN_MS: i64 = 300_000;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By address.
    pub(super) patients: Vec<Patient>,
    /// What was counted of nobody in particular.
    pub(super) nobody: Tally,
    /// When the newest datagram of anybody came, ms since 1970; at worst to the bin.
    pub(super) newest: Option<i64>,
    pub(super) sightings: Vec<Sighting>,
    pub(super) sampled: SampledRows,
}

/// Looks at a span of time, ms since 1970.
pub(super) fn observe(snapshot: &Snapshot, config: &Config, range: &Range<i64>) -> Outcome<Seen> {
    let mut patients: BTreeMap<Addr, Patient> = BTreeMap::new();
    let mut nobody = Tally::default();
    snapshot.health(range.clone(), |row| {
        if row.exporter.is_unspecified() {
            nobody.add(row);
        } else {
            count(patients.entry(row.exporter).or_default(), row);
        }
    })?;
    let mut known: BTreeSet<Addr> = config.exporters.iter().map(|e| e.address).collect();
    snapshot.health(i64::MIN..range.start, |row| {
        known.insert(row.exporter);
        if row.counter().0 == Some(Counter::Connections)
            && let Some(patient) = patients.get_mut(&row.exporter)
        {
            patient.connects = true;
        }
    })?;
    known.remove(&Addr::UNSPECIFIED);
    let newest = patients.values().filter_map(|p| p.last).max();
    let records = record::exporters(&snapshot.memory()?);
    session::take(records, range, &mut patients);
    groups(snapshot, range, &mut patients)?;
    let window = sample::window(newest.unwrap_or(range.end), range);
    let sample = sample::newest(snapshot, &window)?;
    for (address, observed) in sample.exporters {
        let Some(patient) = patients.get_mut(&address) else { continue };
        patient.versions.extend(observed.versions);
        patient.pace = Some(observed.pace);
        patient.lag = observed.lag;
    }
    // To the bin, unless the exporters' records know better.
    let newest = patients.values().filter_map(|p| p.last).max();
    for (address, patient) in &mut patients {
        patient.address = *address;
        // Where nobody is known nobody is new: that is how every store begins.
        patient.is_new = !known.is_empty() && !known.contains(address);
    }
    Ok(Seen {
        patients: patients.into_values().collect(),
        nobody,
        newest,
        sightings: sample.sightings,
        sampled: sample.rows,
    })
}

/// Adds a count of an exporter.
fn count(patient: &mut Patient, row: &health::Row) {
    patient.tally.add(row);
    patient.domains.insert(row.domain);
    patient.connects |= row.counter().0 == Some(Counter::Connections);
    if row.is_heard() {
        patient.first = Some(patient.first.map_or(row.bin, |first| first.min(row.bin)));
        let end = row.bin.saturating_add(BIN_MS);
        patient.last = Some(patient.last.map_or(end, |last| last.max(end)));
    }
}

/// How the records of the span were sampled, in which version they came and where they were metered.
fn groups(snapshot: &Snapshot, range: &Range<i64>, patients: &mut BTreeMap<Addr, Patient>) -> Outcome {
    let keys = ["exporter", "protocol_version", "sampling_interval", "sampling_source", "flow_direction"];
    let query = Query {
        range: Some(range.clone()),
        measures: vec![Measure::Octets, Measure::Flows],
        order: Order::Largest(Measure::Flows),
        limit: None,
        ..Query::top(keys.iter().filter_map(|name| Key::by_name(name)).collect(), 0)
    };
    let table = weir_query::run(snapshot, &query, &Options::default())?;
    for row in table.rows() {
        let [Some(Cell::Addr(address)), version, interval, source, way] = row.keys else { continue };
        let (Some(patient), [octets, flows]) = (patients.get_mut(address), row.sums) else { continue };
        if let Some(version) = word(version.as_ref(), Version::ALL, Version::word) {
            patient.versions.insert(version);
        }
        let interval = match interval {
            Some(Cell::Unsigned(n)) => u32::try_from(*n).ok(),
            _ => None,
        };
        let source = word(source.as_ref(), SamplingSource::ALL, SamplingSource::word);
        let records = u64::try_from(*flows).unwrap_or(u64::MAX);
        match patient.sampling.iter_mut().find(|s| (s.interval, s.source) == (interval, source)) {
            Some(known) => known.records = known.records.saturating_add(records),
            None => patient.sampling.push(Sampled { interval, source, records }),
        }
        let ways = &mut patient.ways;
        *match word(way.as_ref(), FlowDirection::ALL, FlowDirection::word) {
            Some(FlowDirection::Ingress) => &mut ways.ingress,
            Some(FlowDirection::Egress) => &mut ways.egress,
            None => &mut ways.unsaid,
        } += *octets;
    }
    Ok(())
}

/// The value of a closed list that a group has.
fn word<T: Copy>(cell: Option<&Cell>, all: &[T], text: impl Fn(T) -> &'static str) -> Option<T> {
    let Some(Cell::Word(word)) = cell else { return None };
    all.iter().copied().find(|value| text(*value) == *word)
}

/// The columns that a sample reads.
pub(super) const COLUMNS: &[Column] = &[
    Column::Start,
    Column::End,
    Column::Received,
    Column::TimeSource,
    Column::Exporter,
    Column::Domain,
    Column::ProtocolVersion,
    Column::SrcAddr,
    Column::DstAddr,
    Column::SrcPort,
    Column::DstPort,
    Column::Proto,
    Column::IngressIf,
    Column::EgressIf,
    Column::FlowDirection,
    Column::Octets,
    Column::Packets,
    Column::SamplingInterval,
    Column::Direction,
];
