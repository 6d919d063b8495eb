//! Each judgement by itself: patients that have one thing wrong with them.

use super::judge::{collector, judge};
use super::patient::{Pace, Patient, Sampled, Spread, Tally, Template};
use crate::advice::cure::{Kinds, cures, likely};
use crate::advice::finding::{Finding, Severity, Twice};
use crate::advice::{Topic, device};
use std::collections::BTreeSet;
use weir_flow::Addr;
use weir_flow::health::Row;
use weir_flow::names::{SamplingSource, Version};
use weir_flow::session::record::{Exporter as Session, Template as Said};

const NEWEST: i64 = 1_795_312_800_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn tally(counts: &[(&'static str, i64)]) -> Tally {
    let mut tally = Tally::default();
    for (what, value) in counts {
        let row = Row { bin: 0, exporter: Addr::UNSPECIFIED, domain: 0, what: (*what).into(), value: *value };
        tally.add(&row);
    }
    tally
}

/// Somebody with whom all is well, and these counts.
fn patient(counts: &[(&'static str, i64)]) -> Patient {
    let usual =
        [("datagrams", 100_000), ("records", 2_000_000), ("octets", 1_000_000_000), ("templates", 60)];
    let mut counts = counts.to_vec();
    counts.extend(
        usual.iter().filter(|(name, _)| !counts.iter().any(|(n, _)| n == name)).copied().collect::<Vec<_>>(),
    );
    let around = |least: i64, most: i64| Some(Spread { least, median: (least + most) / 2, greatest: most });
    Patient {
        address: Addr::v4([192, 0, 2, 1]),
        versions: BTreeSet::from([Version::V9]),
        first: Some(NEWEST - 24 * HOUR),
        last: Some(NEWEST),
        tally: tally(&counts),
        sampling: vec![Sampled {
            interval: Some(100),
            source: Some(SamplingSource::Options),
            records: 2_000_000,
        }],
        pace: Some(Pace { longest_ms: 61_000, long_octets: 0, octets: 1_000_000_000 }),
        lag: around(2000, 61_000),
        ..Patient::default()
    }
}

fn found(counts: &[(&'static str, i64)]) -> Vec<Finding> {
    judge(&patient(counts), NEWEST)
}

fn one(patient: &Patient) -> Finding {
    let findings = judge(patient, NEWEST);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.into_iter().next().unwrap()
}

#[test]
fn who_is_well_is_left_alone() {
    assert_eq!(found(&[]), []);
    // A few datagrams out of order and restarts after an update are life.
    assert_eq!(found(&[("reordered", 12), ("duplicate_datagrams", 3), ("restarts", 1), ("events", 40)]), []);
    // What waited and was decoded is nothing any more.
    assert_eq!(found(&[("awaiting_template", 7), ("awaiting_template", -7), ("released", 7)]), []);
}

#[test]
fn templates() {
    assert_eq!(found(&[("awaiting_template", 3)]), [Finding::DataAwaitsTemplate { sets: 3 }]);
    assert_eq!(found(&[("held_dropped", 5)]), [Finding::HeldDropped { sets: 5 }]);
    let never =
        [("records", 0), ("templates", 0), ("octets", 0), ("awaiting_template", 9), ("held_dropped", 1)];
    assert_eq!(found(&never), [Finding::NoTemplate { sets: 10 }]);
    let mut rare = patient(&[]);
    rare.templates = vec![
        Template { id: 256, refreshed: NEWEST, every_ms: Some(60_000) },
        Template { id: 257, refreshed: NEWEST, every_ms: Some(1_800_000) },
    ];
    assert_eq!(one(&rare), Finding::RareTemplates { every_ms: 1_800_000 });
}

#[test]
fn templates_that_are_told_no_more() {
    let template = |id, refreshed| Said { id, refreshed, ..Said::default() };
    let session = |last, templates| Session { last, templates, ..Session::default() };
    let mut stale = patient(&[]);
    // One that is out of use is told no more; the other was, 14 minutes ago.
    stale.sessions =
        vec![session(NEWEST, vec![template(256, NEWEST - 20 * HOUR), template(257, NEWEST - 14 * MINUTE)])];
    assert_eq!(judge(&stale, NEWEST), []);
    stale.sessions.push(session(NEWEST, vec![template(256, NEWEST - 16 * MINUTE)]));
    assert_eq!(one(&stale), Finding::StaleTemplates { for_ms: 960_000 });
    // Over a connection they are told once.
    stale.connects = true;
    assert_eq!(judge(&stale, NEWEST), []);
}

#[test]
fn what_waited_before_the_span_still_waits() {
    let mut waits = patient(&[]);
    waits.sessions = vec![Session { awaiting: (3, 4000), ..Session::default() }];
    assert_eq!(one(&waits), Finding::DataAwaitsTemplate { sets: 3 });
}

#[test]
fn connections_and_relays() {
    assert_eq!(
        found(&[("connections", 9), ("connection_errors:framing", 2), ("connection_errors:tls", 3)]),
        [
            Finding::ConnectionErrors { reason: "tls".into(), connections: 3 },
            Finding::ConnectionErrors { reason: "framing".into(), connections: 2 },
        ]
    );
    assert_eq!(
        found(&[("relayed", 9), ("relay_dropped:queue_full", 2), ("relay_unconvertible:no_ipv4", 3)]),
        [
            Finding::RelayDropped { reason: "queue_full".into(), parcels: 2 },
            Finding::RelayUnconvertible { reason: "no_ipv4".into(), records: 3 },
        ]
    );
}

#[test]
fn sampling() {
    // Others of this exporter are 1 in 100: these are too few by that.
    assert_eq!(found(&[("unknown_sampling_records", 8)]), [Finding::UnknownSampling { records: 8 }]);
    let mut silent = patient(&[("unknown_sampling_records", 8)]);
    silent.sampling = vec![Sampled { interval: None, source: None, records: 8 }];
    assert_eq!(one(&silent), Finding::SamplingNotSaid { records: 8 });
    silent.sampling = vec![Sampled { interval: Some(1), source: Some(SamplingSource::Header), records: 8 }];
    assert_eq!(one(&silent), Finding::SamplingNotSaid { records: 8 });
}

#[test]
fn clocks_by_the_headers() {
    let by = |least: i64, median: i64, greatest: i64| {
        let mut patient = patient(&[]);
        patient.offset = Some(Spread { least, median, greatest });
        judge(&patient, NEWEST)
    };
    assert_eq!(by(100, 600, 1100), []);
    assert_eq!(by(-2000, -1500, -1000), []);
    assert_eq!(by(-40_000, -39_500, -39_000), [Finding::ClockOffset { ms: 39_500 }]);
    assert_eq!(by(3000, 4000, 5000), [Finding::ClockOffset { ms: -4000 }]);
    assert_eq!(by(-2 * HOUR, -2 * HOUR + 500, -2 * HOUR + 900), [Finding::ClockLocalTime { minutes: 120 }]);
    assert_eq!(by(0, 5 * HOUR + 2000, 9 * HOUR), [Finding::ClockLocalTime { minutes: -300 }]);
    assert_eq!(by(0, -(5 * HOUR + 45 * MINUTE), 0), [Finding::ClockLocalTime { minutes: 345 }]);
    // No zone is 15 minutes or 15 hours from UTC.
    assert_eq!(by(0, -15 * MINUTE, 0), [Finding::ClockOffset { ms: 15 * MINUTE }]);
    assert_eq!(by(0, -15 * HOUR, 0), [Finding::ClockOffset { ms: 15 * HOUR }]);
    assert_eq!(by(0, -100 * MINUTE, 0), [Finding::ClockOffset { ms: 100 * MINUTE }]);
    assert_eq!(by(-8000, 500, 2000), [Finding::ClockDrift { ms: 10_000 }]);
}

#[test]
fn clocks_by_the_flows() {
    let by = |least: i64| {
        let mut patient = patient(&[]);
        patient.lag = Some(Spread { least, median: least + 30_000, greatest: least + 60_000 });
        judge(&patient, NEWEST)
    };
    assert_eq!(by(0), []);
    // An inactive timeout of five minutes is no clock's fault.
    assert_eq!(by(5 * MINUTE + 5000), []);
    assert_eq!(by(-20_000), [Finding::ClockOffset { ms: 20_000 }]);
    assert_eq!(by(20 * MINUTE), [Finding::ClockOffset { ms: -20 * MINUTE }]);
    // Flows were told 15 s after their end, by a clock two hours ahead.
    assert_eq!(by(15_000 - 2 * HOUR), [Finding::ClockLocalTime { minutes: 120 }]);
    assert_eq!(by(15_000 + 8 * HOUR), [Finding::ClockLocalTime { minutes: -480 }]);
    // Headers know better.
    let mut patient = patient(&[]);
    patient.lag = Some(Spread { least: -HOUR, median: 0, greatest: 0 });
    patient.offset = Some(Spread { least: 0, median: 500, greatest: 1000 });
    assert_eq!(judge(&patient, NEWEST), []);
}

#[test]
fn the_way() {
    let loss = Finding::Loss { lost: 105, arrived: 2_000_000, datagrams: 5 };
    assert_eq!(found(&[("records_lost", 105), ("datagrams_lost", 5)]), std::slice::from_ref(&loss));
    // 0.005 % does not show on a statement, 0.01 % does.
    assert_eq!(loss.severity(), Severity::Watch);
    assert_eq!(Finding::Loss { lost: 201, arrived: 2_000_000, datagrams: 7 }.severity(), Severity::Bill);
    assert!(
        loss.meaning().contains("105 records in about 5 datagrams did not arrive, 0.006 % of"),
        "{}",
        loss.meaning()
    );
    assert_eq!(found(&[("reordered", 1001)]), [Finding::Reorder { datagrams: 1001, of: 100_000 }]);
    assert_eq!(found(&[("duplicate_datagrams", 101)]), [Finding::Duplicates { datagrams: 101, of: 100_000 }]);
    assert_eq!(found(&[("not_sent_records", 4)]), [Finding::NotSent { records: 4, octets: 0 }]);
    assert_eq!(
        found(&[("not_sent_records", 4), ("not_sent_octets", 600)]),
        [Finding::NotSent { records: 4, octets: 600 }]
    );
    assert_eq!(
        found(&[("undecodable:bad_version", 2), ("malformed:truncated", 1)]),
        [
            Finding::Malformed { reason: "truncated".into(), parts: 1 },
            Finding::Undecodable { reason: "bad_version".into(), datagrams: 2, of: 100_000 },
        ]
    );
    let noise = found(&[("undecodable:bad_version", 2000)]);
    assert_eq!(noise.first().map(Finding::severity), Some(Severity::Bill));
    assert_eq!(
        found(&[("refused:not_allowed", 6)]),
        [Finding::Refused { reason: "not_allowed".into(), datagrams: 6 }]
    );
    let sign = |sign: &str| Finding::RewrittenSource { sign: sign.into() };
    assert_eq!(found(&[("rewritten_source:gateway", 1)]), [sign("gateway")]);
    assert_eq!((sign("gateway").severity(), sign("agent").severity()), (Severity::Bill, Severity::Note));
}

#[test]
fn records() {
    assert_eq!(found(&[("octets", 0), ("events", 40)]), [Finding::EventsOnly { events: 40 }]);
    assert_eq!(found(&[("saturated", 1)]), [Finding::Saturated { counters: 1 }]);
    assert_eq!(found(&[("evictions", 2)]), [Finding::Evictions { times: 2 }]);
    assert_eq!(found(&[("restarts", 9)]), [Finding::Restarts { times: 9 }]);
    let mut long = patient(&[]);
    let pace = Pace { longest_ms: 1_800_000, long_octets: 10_000_000, octets: 1_000_000_000 };
    long.pace = Some(pace);
    let finding = one(&long);
    assert_eq!(
        finding,
        Finding::NoActiveTimeout { longest_ms: 1_800_000, long_octets: 10_000_000, octets: 1_000_000_000 }
    );
    assert!(finding.meaning().starts_with("flows last up to 30 m 00 s, and 1.0 % of the octets"));
    // One odd flow is none.
    long.pace = Some(Pace { long_octets: 9_000_000, ..pace });
    assert_eq!(judge(&long, NEWEST), []);
}

#[test]
fn silence_is_against_the_others() {
    let mut quiet = patient(&[]);
    quiet.last = Some(NEWEST - 16 * MINUTE);
    assert_eq!(one(&quiet), Finding::Silent { for_ms: 960_000 });
    quiet.last = Some(NEWEST - 15 * MINUTE);
    assert_eq!(judge(&quiet, NEWEST), []);
    let mut new = patient(&[]);
    new.is_new = true;
    assert_eq!(one(&new), Finding::NewExporter);
}

#[test]
fn the_collector() {
    assert_eq!(collector(&tally(&[]), Some(NEWEST), NEWEST + MINUTE), []);
    assert_eq!(
        collector(&tally(&[("socket_drops", 12)]), Some(NEWEST), NEWEST + HOUR),
        [Finding::SocketDrops { datagrams: 12 }, Finding::AllSilent { for_ms: 3_600_000 }]
    );
}

#[test]
fn the_gravest_come_first() {
    let all = found(&[("restarts", 5), ("records_lost", 1), ("held_dropped", 1), ("clock_doubts", 3)]);
    let severities: Vec<Severity> = all.iter().map(Finding::severity).collect();
    assert_eq!(severities, [Severity::Bill, Severity::Watch, Severity::Watch, Severity::Note]);
}

fn every_finding() -> Vec<Finding> {
    let reason = || "not_allowed".to_owned();
    let twice = Twice {
        judged: 1000,
        repeated: 410,
        excess: 205,
        places: 2,
        pairs: vec![("core vlan31 out".into(), "core wan in".into(), 205)],
        is_one_exporter: true,
        exporter: "192.0.2.1".into(),
    };
    vec![
        Finding::NoTemplate { sets: 1 },
        Finding::DataAwaitsTemplate { sets: 2 },
        Finding::HeldDropped { sets: 3 },
        Finding::RareTemplates { every_ms: 1_800_000 },
        Finding::StaleTemplates { for_ms: 1_800_000 },
        Finding::ConnectionErrors { reason: "framing".into(), connections: 1 },
        Finding::RelayDropped { reason: "queue_full".into(), parcels: 2 },
        Finding::RelayUnconvertible { reason: "not_ipv4".into(), records: 3 },
        Finding::RelayNarrowed { reason: "interface".into(), values: 4 },
        Finding::UnknownSampling { records: 4 },
        Finding::SamplingNotSaid { records: 5 },
        Finding::ClockOffset { ms: -39_500 },
        Finding::ClockLocalTime { minutes: -210 },
        Finding::ClockDrift { ms: 9000 },
        Finding::ClockDoubts { records: 6 },
        Finding::UptimeWrap { wraps: 1 },
        Finding::Loss { lost: 105, arrived: 1000, datagrams: 5 },
        Finding::NotSent { records: 7, octets: 700 },
        Finding::SocketDrops { datagrams: 8 },
        Finding::Discarded { flows: 16, octets: 1600 },
        Finding::Reorder { datagrams: 9, of: 100 },
        Finding::Duplicates { datagrams: 9, of: 100 },
        Finding::Undecodable { reason: reason(), datagrams: 9, of: 100 },
        Finding::Malformed { reason: reason(), parts: 10 },
        Finding::Refused { reason: reason(), datagrams: 11 },
        Finding::RewrittenSource { sign: "gateway".into() },
        Finding::CountedTwice(Box::new(twice)),
        Finding::NoActiveTimeout { longest_ms: 1_800_000, long_octets: 1, octets: 2 },
        Finding::EventsOnly { events: 12 },
        Finding::Saturated { counters: 13 },
        Finding::Restarts { times: 14 },
        Finding::Evictions { times: 15 },
        Finding::Silent { for_ms: 960_000 },
        Finding::AllSilent { for_ms: 960_000 },
        Finding::NewExporter,
    ]
}

#[test]
fn every_finding_has_a_name_a_sentence_and_figures() {
    let mut names = BTreeSet::new();
    let findings = every_finding();
    for finding in &findings {
        assert!(names.insert(finding.name()));
        let says = finding.meaning();
        assert!(says.len() > 30 && !says.ends_with('.') && !says.contains('\n'), "{says}");
        assert!(finding.figures().is_object());
    }
    let says = |name: &str| findings.iter().find(|f| f.name() == name).unwrap().meaning();
    assert_eq!(
        says("counted_twice"),
        "41.0 % of the octets look counted more than once: core vlan31 out / core wan in; counted once there would be \
         20.5 % less"
    );
    assert_eq!(
        says("clock_local_time"),
        "its clock shows local time, UTC−3:30, where UTC is meant: flows are put into bins so much too early"
    );
    assert_eq!(says("clock_offset"), "its clock is 39.5 s behind: flows are put into bins so much too early");
}

/// Whatever touches the bill can be cured by lines that are copied.
#[test]
fn what_touches_the_bill_has_a_cure() {
    for finding in every_finding().iter().filter(|f| f.severity() == Severity::Bill) {
        // Open vSwitch and the like may have none of a kind: all kinds together always have one.
        let all = cures(finding, "192.0.2.1", &Kinds::All, &[]);
        assert!(!all.is_empty(), "{}", finding.name());
        for cure in &all {
            assert!(!cure.lines.is_empty() && !cure.on.is_empty(), "{finding:?}");
        }
    }
}

#[test]
fn cures_are_those_of_the_kind() {
    let lines = |finding: &Finding, kinds: &Kinds| {
        let found =
            cures(finding, "192.0.2.1", kinds, &likely(&BTreeSet::from([Version::V9]), &BTreeSet::new()));
        found.into_iter().map(|c| format!("{}: {}", c.on, c.lines)).collect::<Vec<_>>()
    };
    let waits = Finding::DataAwaitsTemplate { sets: 1 };
    for (kind, line) in [
        ("cisco-ios", "template data timeout 60"),
        ("cisco-ios-xr", "template data timeout 60"),
        ("cisco-nx-os", "template data timeout 60"),
        ("cisco-asa", "flow-export template timeout-rate 1"),
        ("junos", "template-refresh-rate seconds 60"),
        ("mikrotik", "v9-template-timeout=1m"),
        ("huawei", "ip netstream export template timeout-rate 1"),
        ("arista", "template interval 60000"),
        ("fortinet", "set template-tx-timeout 60"),
        ("palo-alto", "template-refresh-rate minutes 1"),
        ("freebsd", "settemplate '{ time=60 packets=500 }'"),
    ] {
        let found = lines(&waits, &Kinds::One(kind));
        assert!(
            found.len() == 1 && found[0].starts_with(kind) && found[0].contains(line),
            "{kind}: {found:?}"
        );
    }
    assert_eq!(lines(&waits, &Kinds::Likely).len(), 3);
    let drops = lines(&Finding::SocketDrops { datagrams: 1 }, &Kinds::Likely);
    assert!(drops[0].contains("net.core.rmem_max"), "{drops:?}");
    // What cannot say that it samples is told to weir.
    let unknown = lines(&Finding::UnknownSampling { records: 1 }, &Kinds::One("mikrotik"));
    assert!(unknown[0].contains("[[exporter]]\naddress = \"192.0.2.1\"\nsampling = "), "{unknown:?}");
    assert!(unknown[1].contains("packet-sampling=no"));
}

#[test]
fn makers_are_known_by_their_elements() {
    let kinds = |versions: &[Version], enterprises: &[u32]| {
        let found = likely(&versions.iter().copied().collect(), &enterprises.iter().copied().collect());
        found.iter().map(|d| d.name).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&[Version::Ipfix], &[2636]), ["junos", "junos-srx"]);
    assert_eq!(kinds(&[Version::V9], &[9])[0], "cisco-ios-xe");
    assert_eq!(kinds(&[Version::Ipfix], &[29_305, 25_461]), ["palo-alto"]);
    assert_eq!(kinds(&[Version::Sflow], &[])[0], "arista");
    assert_eq!(kinds(&[Version::V5], &[])[0], "cisco-ios-classic");
    for number in [9, 2636, 14_988, 2011, 25_461, 12_356, 30_065, 6527, 6876, 35_632, 43_874, 41_112] {
        assert!(!kinds(&[], &[number]).is_empty(), "{number}");
    }
    assert!(device("junos").unwrap().cure(Topic::Template).is_some());
}
