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
