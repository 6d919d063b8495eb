//! From what was observed to what is wrong: pure, so that each judgement can be tested by itself.

use super::patient::{Patient, Spread, Tally};
use crate::advice::finding::Finding;
use weir_flow::health::Counter;

/// A clock that is wrong by less, ms, is right: NetFlow says whole seconds, and the way takes its time.
const OFFSET_MS: i64 = 2500;
/// Where only ends of flows are known: an exporter may keep a flow that ended for so long, and no clock is to blame.
const KEPT_MS: i64 = 330_000;
/// Local times differ from UTC by a multiple of a quarter of an hour, from half an hour to 14 hours.
const ZONE_MS: i64 = 900_000;
const ZONES: std::ops::RangeInclusive<i64> = 2..=56;
/// And are kept to the second; but where only ends of flows are known, the exporter's patience comes on top.
const ZONE_SLACK_MS: i64 = 60_000;
/// A clock that moved by more, ms, drifts.
const DRIFT_MS: i64 = 5000;
/// Templates that come less often, ms, are rare.
const RARE_MS: u64 = 900_000;
/// A flow of a bin and the patience of an active timeout of a minute, ms.
const LONG_MS: u64 = 360_000;
/// An exporter is silent if it misses three bins, ms.
const SILENT_MS: i64 = 900_000;
/// Restarts that are normal in a day.
const RESTARTS: u64 = 2;

/// What is wrong with an exporter, the gravest first. `newest` is when the newest datagram of anybody came, ms
/// since 1970: an exporter is silent against the others, not against a clock on the wall.
pub(crate) fn judge(patient: &Patient, newest: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    templates(patient, &mut findings);
    sampling(patient, &mut findings);
    clock(patient, &mut findings);
    way(patient, &mut findings);
    records(patient, &mut findings);
    let flows = patient.tally.of(Counter::DiscardedFlows);
    if flows > 0 {
        findings.push(Finding::Discarded { flows, octets: patient.tally.of(Counter::DiscardedOctets) });
    }
    if let Some(last) = patient.last.filter(|last| newest.saturating_sub(*last) > SILENT_MS) {
        findings.push(Finding::Silent { for_ms: newest.saturating_sub(last).unsigned_abs() });
    }
    if patient.is_new {
        findings.push(Finding::NewExporter);
    }
    findings.sort_by_key(Finding::severity);
    findings
}

/// What is wrong with the collector itself: what was counted of nobody in particular.
pub(crate) fn collector(tally: &Tally, newest: Option<i64>, now: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let drops = tally.of(Counter::SocketDrops);
    if drops > 0 {
        findings.push(Finding::SocketDrops { datagrams: drops });
    }
    relay(tally, &mut findings);
    if let Some(quiet) = newest.map(|newest| now.saturating_sub(newest)).filter(|quiet| *quiet > SILENT_MS) {
        findings.push(Finding::AllSilent { for_ms: quiet.unsigned_abs() });
    }
    findings
}

fn templates(patient: &Patient, findings: &mut Vec<Finding>) {
    let tally = &patient.tally;
    // What waits since before the span is waiting all the same.
    let kept = patient.sessions.iter().map(|s| s.awaiting.0 as u64).sum();
    let waiting = tally.of(Counter::Awaiting).max(kept);
    let dropped = tally.of(Counter::HeldDropped);
    if waiting + dropped > 0 && tally.of(Counter::Records) == 0 && tally.of(Counter::Templates) == 0 {
        findings.push(Finding::NoTemplate { sets: waiting + dropped });
        return;
    }
    if waiting > 0 {
        findings.push(Finding::DataAwaitsTemplate { sets: waiting });
    }
    if dropped > 0 {
        findings.push(Finding::HeldDropped { sets: dropped });
    }
    let rarest = patient.templates.iter().filter_map(|t| t.every_ms).max();
    if let Some(every_ms) = rarest.filter(|every_ms| *every_ms > RARE_MS) {
        findings.push(Finding::RareTemplates { every_ms });
    } else if let Some(for_ms) = patient.stale_templates_ms().filter(|for_ms| *for_ms > RARE_MS) {
        findings.push(Finding::StaleTemplates { for_ms });
    }
}

fn sampling(patient: &Patient, findings: &mut Vec<Finding>) {
    let unknown = patient.tally.of(Counter::UnknownSamplingRecords);
    if unknown == 0 {
        return;
    }
    let others_sample = patient.sampling.iter().any(|s| s.records > 0 && s.interval.is_some_and(|n| n > 1));
    findings.push(if others_sample {
        Finding::UnknownSampling { records: unknown }
    } else {
        Finding::SamplingNotSaid { records: unknown }
    });
}

fn clock(patient: &Patient, findings: &mut Vec<Finding>) {
    match (patient.offset, patient.lag) {
        (Some(offset), _) => {
            if offset.median.abs() > OFFSET_MS {
                findings.push(by_headers(offset.median));
            } else if offset.greatest.saturating_sub(offset.least) > DRIFT_MS {
                let ms = offset.greatest.saturating_sub(offset.least).unsigned_abs();
                findings.push(Finding::ClockDrift { ms });
            }
        }
        (None, Some(lag)) => findings.extend(by_flows(lag)),
        (None, None) => {}
    }
    let doubts = patient.tally.of(Counter::ClockDoubts);
    if doubts > 0 {
        findings.push(Finding::ClockDoubts { records: doubts });
    }
    if patient.wraps > 0 {
        findings.push(Finding::UptimeWrap { wraps: patient.wraps });
    }
    let restarts = patient.tally.of(Counter::Restarts);
    if restarts > RESTARTS {
        findings.push(Finding::Restarts { times: restarts });
    }
}

/// Export times say it to the second: arrival less export.
fn by_headers(late_ms: i64) -> Finding {
    zone(late_ms, ZONE_SLACK_MS).map_or(Finding::ClockOffset { ms: -late_ms }, |minutes| {
        Finding::ClockLocalTime { minutes: -minutes }
    })
}

/// Ends of flows say it roughly: nothing ends after it arrived, and what ended is told before long.
fn by_flows(lag: Spread) -> Option<Finding> {
    if is_right(lag) {
        return None;
    }
    // The freshest flows had just ended, or had been kept for an inactive timeout.
    Some(match zone(lag.least, KEPT_MS) {
        Some(minutes) => Finding::ClockLocalTime { minutes: -minutes },
        None => Finding::ClockOffset { ms: -lag.least },
    })
}

/// Whether flows end when they should, by what arrives when.
pub(crate) fn is_right(lag: Spread) -> bool {
    (-OFFSET_MS..=KEPT_MS).contains(&lag.least)
}

/// The zone, in minutes, whose local time would look so late; up to `kept_ms` may come on top.
fn zone(late_ms: i64, kept_ms: i64) -> Option<i64> {
    let quarters = late_ms.saturating_add(ZONE_SLACK_MS).div_euclid(ZONE_MS);
    let rest = late_ms - quarters * ZONE_MS;
    (ZONES.contains(&quarters.abs()) && (-ZONE_SLACK_MS..=kept_ms).contains(&rest)).then_some(quarters * 15)
}

fn way(patient: &Patient, findings: &mut Vec<Finding>) {
    let tally = &patient.tally;
    let of = tally.of(Counter::Datagrams);
    let lost = tally.of(Counter::RecordsLost);
    let datagrams_lost = tally.of(Counter::DatagramsLost);
    if lost + datagrams_lost > 0 {
        let arrived = tally.of(Counter::Records);
        findings.push(Finding::Loss { lost, arrived, datagrams: datagrams_lost });
    }
    let (records, octets) = (tally.of(Counter::NotSentRecords), tally.of(Counter::NotSentOctets));
    if records + octets > 0 {
        findings.push(Finding::NotSent { records, octets });
    }
    let reordered = tally.of(Counter::Reordered);
    if reordered * 100 > of {
        findings.push(Finding::Reorder { datagrams: reordered, of });
    }
    let twice = tally.of(Counter::DuplicateDatagrams);
    if twice * 1000 > of {
        findings.push(Finding::Duplicates { datagrams: twice, of });
    }
    for (reason, datagrams) in tally.reasons(Counter::Undecodable.name()) {
        findings.push(Finding::Undecodable { reason, datagrams, of });
    }
    for (reason, parts) in tally.reasons(Counter::Malformed.name()) {
        findings.push(Finding::Malformed { reason, parts });
    }
    for (reason, datagrams) in tally.reasons("refused") {
        findings.push(Finding::Refused { reason, datagrams });
    }
    for (sign, _) in tally.reasons("rewritten_source") {
        findings.push(Finding::RewrittenSource { sign });
    }
    for (reason, connections) in tally.reasons(Counter::ConnectionErrors.name()) {
        findings.push(Finding::ConnectionErrors { reason, connections });
    }
    relay(tally, findings);
    let evictions = tally.of(Counter::Evictions);
    if evictions > 0 {
        findings.push(Finding::Evictions { times: evictions });
    }
}

/// What did not go onward, or not whole.
fn relay(tally: &Tally, findings: &mut Vec<Finding>) {
    let reasons = |counter: Counter| tally.reasons(counter.name()).into_iter();
    findings.extend(
        reasons(Counter::RelayDropped)
            .map(|(reason, parcels)| Finding::RelayDropped { reason, parcels })
            .chain(
                reasons(Counter::RelayUnconvertible)
                    .map(|(reason, records)| Finding::RelayUnconvertible { reason, records }),
            )
            .chain(
                reasons(Counter::RelayNarrowed)
                    .map(|(reason, values)| Finding::RelayNarrowed { reason, values }),
            ),
    );
}

fn records(patient: &Patient, findings: &mut Vec<Finding>) {
    let tally = &patient.tally;
    let events = tally.of(Counter::Events);
    if events > 0 && tally.of(Counter::Octets) == 0 {
        findings.push(Finding::EventsOnly { events });
    }
    let saturated = tally.of(Counter::Saturated);
    if saturated > 0 {
        findings.push(Finding::Saturated { counters: saturated });
    }
    // One odd flow is no missing timeout: one octet in a hundred is.
    if let Some(pace) = patient.pace.filter(|p| p.longest_ms > LONG_MS && p.long_octets * 100 >= p.octets) {
        findings.push(Finding::NoActiveTimeout {
            longest_ms: pace.longest_ms,
            long_octets: pace.long_octets,
            octets: pace.octets,
        });
    }
}
