//! `weir doctor`: exporters with one thing wrong with each, told apart and cured; the figures are those of what was
//! sent.

use crate::daemon::{Daemon, usage_when};
use crate::netflow::{self, Flow};
use crate::run::{Place, named, number};
use serde_json::Value;
use std::net::{SocketAddr, UdpSocket};

/// A socket of an exporter at this address of the loopback.
fn exporter(last: u8) -> UdpSocket {
    UdpSocket::bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap()
}

fn flow(host: u8, octets: u32) -> Flow {
    Flow {
        src: [203, 0, 113, 7],
        dst: [192, 168, 31, host],
        src_port: 443,
        dst_port: 50_000,
        octets,
        packets: 2,
    }
}

/// The export time of a v9 datagram, so many seconds later.
fn later(mut datagram: Vec<u8>, seconds: i64) -> Vec<u8> {
    let at = u32::try_from(i64::from(netflow::now_s()) + seconds).unwrap();
    datagram[8..12].copy_from_slice(&at.to_be_bytes());
    datagram
}

fn finding<'a>(exporter: &'a Value, name: &str) -> &'a Value {
    named(&exporter["findings"], "finding", name)
}

fn names(exporter: &Value) -> Vec<&str> {
    exporter["findings"].as_array().unwrap().iter().map(|f| f["finding"].as_str().unwrap()).collect()
}

/// The lines of a finding's cures, of whom they are for.
fn cures(finding: &Value) -> String {
    let cures = finding["cures"].as_array().unwrap().iter();
    let lines = cures.map(|cure| format!("{}: {}", cure["on"], cure["lines"]));
    lines.collect::<Vec<_>>().join("\n")
}

const CONFIG: &str = r#"
[[exporter]]
name = "good"
address = "127.0.0.2"
sampling = 1

[[exporter]]
name = "core"
address = "127.0.0.6"
interfaces = { wan = 1 }
"#;

/// One of each illness.
fn ill(place: &Place) -> (Value, String) {
    let daemon = Daemon::start(place);
    let to = daemon.to;
    let send = |last: u8, datagrams: &[Vec<u8>]| {
        let socket = exporter(last);
        for datagram in datagrams {
            socket.send_to(datagram, to).unwrap();
        }
    };
    send(2, &[netflow::v5(0, &[flow(1, 1000), flow(2, 2000)]), netflow::v5(2, &[flow(3, 3000)])]);
    // Data whose template never comes.
    send(3, &[netflow::v9(1, 0, &[netflow::data(&[flow(4, 500)])])]);
    // Ten flows are missing between these.
    send(4, &[netflow::v5(0, &[flow(5, 700)]), netflow::v5(11, &[flow(6, 700)])]);
    // Its clock is two hours ahead.
    let sets = [netflow::templates(0), netflow::data(&[flow(7, 900), flow(8, 900)])];
    send(5, &[later(netflow::v9(3, 0, &sets), 7200)]);
    // Two routers that tell of the same twenty transfers.
    let transfers: Vec<Flow> = (100..120).map(|host| flow(host, 10_000)).collect();
    send(6, &[netflow::v5(0, &transfers)]);
    send(7, &[netflow::v5(0, &transfers)]);
    usage_when(place, "all datagrams", |u| u["completeness"]["datagrams_received"].as_u64() >= Some(8));
    daemon.stop();
    let answer = place.weir("doctor -o json");
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    (serde_json::from_str(&answer.out).unwrap(), answer.err)
}

#[test]
fn each_illness_is_told_with_its_cure() {
    let place = Place::with(CONFIG);
    let (found, said) = ill(&place);
    assert!(said.contains("findings touch the bill"), "{said}");
    let of = |address: &str| named(&found["exporters"], "exporter", address);

    let good = of("127.0.0.2");
    assert_eq!((names(good), &good["name"]), (vec![], &Value::from("good")));
    assert_eq!((number(good, "datagrams"), number(good, "records"), number(good, "octets")), (2, 3, 6000));
    assert_eq!(good["sampling"], serde_json::json!([{"interval": 1, "source": "override", "records": 3}]));

    let waits = finding(of("127.0.0.3"), "no_template");
    assert_eq!((number(waits, "figures.sets"), &waits["severity"]), (1, &Value::from("bill")));
    let lines = cures(waits);
    for line in ["template data timeout 60", "v9-template-timeout=1m", "template-tx-timeout 60"] {
        assert!(lines.contains(line), "{line}\n{lines}");
    }

    let loss = finding(of("127.0.0.4"), "loss");
    assert_eq!((number(loss, "figures.records_lost"), number(loss, "figures.records")), (10, 2));
    assert!(loss["says"].as_str().unwrap().contains("10 records in about"), "{loss}");

    let ahead = finding(of("127.0.0.5"), "clock_local_time");
    assert_eq!(ahead["figures"]["minutes"], 120);
    assert!(cures(ahead).contains("ntp server"), "{ahead}");

    // 400,000 octets of 409,900 that were told are in transfers told twice. (The loss's and the good one's hosts are
    // others; what waits for its template is nobody's yet.)
    let twice = named(&found["findings"], "finding", "counted_twice");
    let told = 6000 + 1400 + 1800 + 400_000;
    assert_eq!(number(twice, "figures.judged_octets"), told);
    assert_eq!(number(twice, "figures.repeated_octets"), 400_000);
    assert_eq!(number(twice, "figures.excess_octets"), 200_000);
    let pairs = twice["figures"]["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 1);
    let mut ends = [pairs[0]["one"].as_str().unwrap(), pairs[0]["other"].as_str().unwrap()];
    ends.sort_unstable();
    assert_eq!(ends, ["127.0.0.7 interface 1", "core wan"]);
    assert!(cures(twice).contains("count = \\\"none\\\""), "{twice}");

    // Those that nobody named, where others are named.
    assert!(
        names(of("127.0.0.7")).contains(&"new_exporter") && !names(of("127.0.0.6")).contains(&"new_exporter")
    );
}

#[test]
fn the_same_is_said_in_every_form() {
    let place = Place::with(CONFIG);
    let (found, _) = ill(&place);
    let count: usize = found["findings"].as_array().unwrap().len()
        + found["exporters"].as_array().unwrap().iter().map(|e| names(e).len()).sum::<usize>();
    let text = place.weir("doctor");
    assert_eq!(text.code, Some(1));
    let marked = |line: &&str| ["  ✗ ", "  ! ", "  · "].iter().any(|mark| line.starts_with(mark));
    assert_eq!(text.out.lines().filter(marked).count(), count, "{}", text.out);
    assert!(text.out.contains("97.8 % of the octets look counted more than once"), "{}", text.out);
    assert!(text.out.lines().any(|line| line.starts_with("good ")), "{}", text.out);
    assert_eq!(place.weir("doctor -o csv").out.lines().count(), count + 1);
    assert_eq!(place.weir("doctor -o ndjson").out.lines().count(), 6);
    // One exporter, and the cures of the kind that it is.
    let one = place.weir("doctor 127.0.0.3 --kind mikrotik");
    assert!(
        one.out.contains("v9-template-timeout=1m") && !one.out.contains("template data timeout"),
        "{}",
        one.out
    );
    assert!(!one.out.lines().any(|line| line.starts_with("good ")), "{}", one.out);
    let all = place.weir("doctor 127.0.0.3 --all-cures").out;
    assert!(all.contains("template-refresh-rate seconds 60") && all.contains("settemplate"), "{all}");
}

#[test]
fn all_well_ends_with_0() {
    let place = Place::with(CONFIG);
    let daemon = Daemon::start(&place);
    exporter(2).send_to(&netflow::v5(0, &[flow(1, 1000)]), daemon.to).unwrap();
    usage_when(&place, "the datagram", |u| u["completeness"]["datagrams_received"] == 1);
    let text = place.done("doctor");
    assert!(text.contains("nothing found that touches a bill"), "{text}");
    // Also while the collector runs.
    drop(daemon);
}

#[test]
fn what_cannot_be_looked_at_is_said() {
    let place = Place::with(CONFIG);
    let said = place.fails("doctor", 1);
    assert!(said.contains("no weir store at"), "{said}");
    place
        .bring(&weir_testkit::repository().join("testdata/captures/softflowd-v9/export.pcap"), "export.pcap");
    place.done("import export.pcap");
    for (line, code, says) in [
        (
            "doctor --from 2020-01-01 --to 2020-01-02",
            1,
            "nothing came in that time; the newest datagram is of 2026-",
        ),
        ("doctor nobody --from 2020-01-01", 1, "nothing came from an exporter \"nobody\""),
        ("doctor --kind mikrotk", 2, "did you mean mikrotik?"),
        ("doctor --kind junos --all-cures", 2, "cannot be used with"),
        ("doctor --last 5", 2, "90m, 24h, 7d"),
    ] {
        let said = place.fails(line, code);
        assert!(said.contains(says), "weir {line}: {says}\n{said}");
    }
}

/// IPFIX with options that say what could not be sent and how packets are sampled, twice: 40 records of 100 more.
fn ipfix_with_options(octets: u32) -> [Vec<u8>; 2] {
    // Options template 300: scope exportingProcessId (144); not sent records, packets, octets (166, 167, 168).
    let unsent = netflow::Octets::default().u16(300).u16(4).u16(1);
    let unsent = unsent.u16(144).u16(4).u16(166).u16(8).u16(167).u16(8).u16(168).u16(8);
    // Options template 301: scope observationDomainId (149); samplingInterval (34).
    let sampling = netflow::Octets::default().u16(301).u16(2).u16(1).u16(149).u16(4).u16(34).u16(4);
    let says = |records: u32, packets: u32, octets: u32| {
        let record = netflow::Octets::default().u32(7).u32(0).u32(records).u32(0).u32(packets);
        netflow::set(300, &record.u32(0).u32(octets).0)
    };
    let first = [
        netflow::set(3, &[unsent.0, sampling.0].concat()),
        netflow::templates(2),
        netflow::set(301, &netflow::Octets::default().u32(0).u32(100).0),
        says(1000, 2000, 300_000),
        netflow::data(&[flow(1, octets)]),
    ];
    let second = [says(1040, 2090, 304_000), netflow::data(&[flow(2, octets)])];
    // Sequence numbers count data records, those of options too.
    [netflow::ipfix(0, &first), netflow::ipfix(3, &second)]
}

#[test]
fn what_was_written_down_of_an_exporter_is_shown() {
    let place = Place::with(CONFIG);
    let daemon = Daemon::start(&place);
    let socket = exporter(8);
    for datagram in ipfix_with_options(480) {
        socket.send_to(&datagram, daemon.to).unwrap();
    }
    // Data of a template that is not told.
    socket.send_to(&netflow::ipfix(5, &[netflow::set(999, &[0; 40])]), daemon.to).unwrap();
    let told = usage_when(&place, "all datagrams", |u| u["completeness"]["datagrams_received"] == 3);
    // (2 × 480 × 100) of that and 4,000.
    assert_eq!(number(&told, "completeness.records_not_sent"), 40);
    assert_eq!(number(&told, "completeness.octets_not_sent"), 4000);
    assert_eq!(told["completeness"]["percent"], "96.00 %");
    let running: Value = serde_json::from_str(&place.weir("doctor -o json").out).unwrap();
    assert_eq!(running["store_is_open"], true);
    daemon.stop();

    let answer = place.weir("doctor -o json");
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    let found: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(
        (&found["store_is_open"], &found["store_open_in_process"]),
        (&Value::from(false), &Value::Null)
    );
    assert!(number(&found, "newest_age_ms") < 60_000, "{found}");
    let one = named(&found["exporters"], "exporter", "127.0.0.8");
    let figures = finding(one, "not_sent");
    assert_eq!((number(figures, "figures.records"), number(figures, "figures.octets")), (40, 4000));
    assert_eq!(number(finding(one, "data_awaits_template"), "figures.sets"), 1);
    let session = &one["sessions"][0];
    assert_eq!(one["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(session["port"], socket.local_addr().unwrap().port());
    assert_eq!((&session["protocol"], number(session, "datagrams")), (&Value::from("10"), 3));
    assert_eq!(session["awaiting"], serde_json::json!({ "sets": 1, "octets": 40 }));
    assert_eq!(session["sampling"], serde_json::json!([{ "of": "domain", "number": null, "interval": 100 }]));
    let mut templates: Vec<_> = session["templates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| {
            (number(t, "id"), t["is_options"].as_bool().unwrap(), number(t, "fields"), number(t, "records"))
        })
        .collect();
    templates.sort_unstable();
    assert_eq!(templates, [(256, false, 9, 2), (300, true, 4, 2), (301, true, 2, 1)]);
    let offset = number(session, "offset_ms.greatest");
    assert!(offset < 2500, "{offset}");
    let text = place.weir("doctor").out;
    assert!(text.contains("no collector has the store open"), "{text}");
    assert!(text.contains("could not send 40 records (4,000 octets)"), "{text}");
}

#[test]
fn what_was_put_aside_is_told_until_it_is_taken_away() {
    let place = Place::with(CONFIG);
    let daemon = Daemon::start(&place);
    let journal = place.path("store/journal/00000001.wal");
    let socket = exporter(2);
    let mut first_ends = 0;
    for heard in 1..=2 {
        socket.send_to(&netflow::v5(heard - 1, &[flow(1, 1000)]), daemon.to).unwrap();
        usage_when(&place, "the datagram", |u| {
            u["completeness"]["datagrams_received"].as_u64() == Some(heard.into())
        });
        first_ends = if heard == 1 { std::fs::metadata(&journal).unwrap().len() } else { first_ends };
    }
    daemon.kill();
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[usize::try_from(first_ends).unwrap() - 20] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();
    Daemon::start(&place).stop();
    let found = || serde_json::from_str::<Value>(&place.weir("doctor -o json").out).unwrap();
    let before = found();
    let aside = named(&before["findings"], "finding", "put_aside");
    let name = "journal/00000001.wal.damaged";
    assert_eq!(aside["figures"], serde_json::json!({ "files": [name], "octets": bytes.len() }));
    assert_eq!(aside["severity"], "watch");
    assert!(place.weir("doctor").out.contains(&format!("{name} (")), "{}", place.weir("doctor").out);
    std::fs::remove_file(place.path(&format!("store/{name}"))).unwrap();
    assert!(!names(&found()).contains(&"put_aside"));
}
