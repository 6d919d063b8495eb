//! `weir doctor`: how each exporter is, and what cures it.
//!
//! Three steps, each by itself: `observe` reads from the store what is known of every exporter ([`Patient`]: counters,
//! how its records were sampled, a sample of the newest records), `judge` says what is wrong, purely, and `overlap`
//! looks whether traffic is counted more than once. What a finding means, and what cures it, is `advice`'s; how it
//! looks is `report`'s.

pub(crate) mod judge;
mod observe;
pub(crate) mod overlap;
pub(crate) mod patient;
mod sample;
mod session;
#[cfg(test)]
mod tests;

use crate::advice::finding::{Finding, Severity, Twice};
use crate::config::Config;
use crate::exit::Outcome;
use overlap::{Overlap, Point};
use patient::Patient;
use std::ops::Range;
use std::path::Path;
use weir_flow::Addr;
use weir_flow::names::FlowDirection;
use weir_store::Snapshot;

/// Less than so many transfers, or 1 octet in so many, counted twice is chance.
const TRANSFERS_MIN: u64 = 10;
const REPEATED_MIN: u128 = 50;
/// Pairs of places that are named.
const PAIRS_MAX: usize = 3;

/// What was found.
#[derive(Debug)]
pub(crate) struct Checkup {
    /// What was looked at, ms since 1970.
    pub(crate) range: Range<i64>,
    /// When that was, and when the newest datagram of anybody had come by then; ms since 1970.
    pub(crate) now: i64,
    pub(crate) newest: Option<i64>,
    /// What concerns no single exporter.
    pub(crate) collector: Vec<Finding>,
    /// Every exporter that was heard, and what is wrong with it.
    pub(crate) exporters: Vec<(Patient, Vec<Finding>)>,
    /// How much is counted more than once.
    pub(crate) overlap: Overlap,
    /// The records that were looked at one by one.
    pub(crate) sampled: Sampled,
}

/// Which records were looked at one by one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sampled {
    pub(crate) records: u64,
    /// Whether there were more of that time than are looked at.
    pub(crate) is_cut: bool,
}

impl Checkup {
    /// How many findings touch the bill.
    pub(crate) fn grave(&self) -> usize {
        self.findings().filter(|f| f.severity() == Severity::Bill).count()
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.collector.iter().chain(self.exporters.iter().flat_map(|(_, findings)| findings))
    }
}

/// Looks at every exporter heard in the range (ms since 1970).
///
/// # Errors
/// The store cannot be read.
pub(crate) fn checkup(snapshot: &Snapshot, config: &Config, range: Range<i64>, now: i64) -> Outcome<Checkup> {
    let seen = observe::observe(snapshot, config, &range)?;
    let until = now.min(range.end);
    let mut collector = judge::collector(&seen.nobody, seen.newest, until);
    let mut sightings = seen.sightings;
    let overlap = overlap::find(&mut sightings);
    collector.extend(twice(&overlap, config));
    collector.extend(put_aside(snapshot)?);
    collector.sort_by_key(Finding::severity);
    let newest = seen.newest.unwrap_or(until);
    let exporters = seen.patients.into_iter().map(|patient| {
        let findings = judge::judge(&patient, newest);
        (patient, findings)
    });
    Ok(Checkup {
        range,
        now,
        newest: seen.newest,
        collector,
        exporters: exporters.collect(),
        overlap,
        sampled: seen.sampled,
    })
}

/// Whether traffic of a period (ms since 1970) is counted more than once, as far as the hour of it with the most traffic tells.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn counted_twice(
    snapshot: &Snapshot,
    config: &Config,
    range: &Range<i64>,
) -> Outcome<Option<Finding>> {
    let mut sightings = sample::busiest(snapshot, range)?;
    Ok(twice(&overlap::find(&mut sightings), config))
}

/// Files that were put aside because they are damaged, by their names in the store.
fn put_aside(snapshot: &Snapshot) -> Outcome<Option<Finding>> {
    let aside = snapshot.put_aside()?;
    let name = |path: &Path| path.strip_prefix(snapshot.root()).unwrap_or(path).display().to_string();
    let files: Vec<String> = aside.iter().map(|(path, _)| name(path)).collect();
    let octets = aside.iter().map(|(_, octets)| octets).sum();
    Ok((!files.is_empty()).then_some(Finding::PutAside { files, octets }))
}

/// Whether traffic is counted more than once, in the operator's names.
fn twice(overlap: &Overlap, config: &Config) -> Option<Finding> {
    let pair = overlap.pairs.first()?;
    if overlap.transfers < TRANSFERS_MIN || overlap.repeated * REPEATED_MIN < overlap.judged {
        return None;
    }
    let pairs = overlap.pairs.iter().take(PAIRS_MAX);
    Some(Finding::CountedTwice(Box::new(Twice {
        judged: overlap.judged,
        repeated: overlap.repeated,
        excess: overlap.excess,
        places: overlap.places,
        pairs: pairs.map(|p| (place(&p.one, config), place(&p.other, config), p.octets)).collect(),
        is_one_exporter: pair.one.exporter == pair.other.exporter,
        exporter: pair.other.exporter.to_string(),
    })))
}

/// A place as the operator calls it: `core vlan31 out`.
fn place(point: &Point, config: &Config) -> String {
    let mut name = config.exporter_name(point.exporter);
    match point.interface {
        Some(index) => name.push_str(&format!(" {}", interface(point.exporter, index, config))),
        None => name.push_str(&format!(" domain {}", point.domain)),
    }
    match point.way {
        Some(FlowDirection::Ingress) => name.push_str(" in"),
        Some(FlowDirection::Egress) => name.push_str(" out"),
        None => {}
    }
    name
}

fn interface(exporter: Addr, index: u32, config: &Config) -> String {
    let known = config.exporters.iter().find(|e| e.address == exporter);
    let named = known.and_then(|e| e.interfaces.iter().find(|(_, number)| *number == index));
    named.map_or_else(|| format!("interface {index}"), |(name, _)| name.clone())
}
