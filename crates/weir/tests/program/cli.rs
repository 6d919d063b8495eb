//! Command lines, right and wrong: exit codes, sentences, and nothing on standard output but the result.

use crate::daemon::{Daemon, until};
use crate::run::{Place, number};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::process::Stdio;
use std::time::Duration;

const CONFIG: &str = r#"
[[exporter]]
name = "core"
address = "203.0.113.1"

[[tenant]]
name = "avtotrade"
networks = ["10.31.0.0/24", "2001:db8:31::/64"]

[[tenant]]
name = "bolt"
networks = ["10.32.0.0/24", "2001:db8:32::/64"]

[billing]
zone = "Europe/Berlin"
"#;

/// A place with a recorded capture of softflowd in it, `export.pcap`: 10 datagrams, 192 flows.
pub(crate) fn with_capture() -> Place {
    let place = Place::with(CONFIG);
    let capture = "testdata/captures/softflowd-v9/export.pcap";
    place.bring(&weir_testkit::repository().join(capture), "export.pcap");
    place
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_right() {
    let place = with_capture();
    place.done("import export.pcap");
    for (line, says) in [
        ("", "Usage: weir <COMMAND>"),
        ("frobnicate", "unrecognized subcommand 'frobnicate'"),
        ("import", "<FILE>..."),
        ("top src_adr", "did you mean src_addr?"),
        ("top sevice", "did you mean service?"),
        ("top time/7m", "5m, 10m"),
        ("top proto/8", "a network is an address column"),
        ("top src/24 --bi", "weir top pair --bi"),
        ("top proto --compare 1w", "--last 1d --compare 1w"),
        ("top day --percentile 95", "leave out keys of time"),
        ("plot --by day", "leave keys of time out"),
        ("plot -o traffic.png", "rsvg-convert"),
        ("flows --sort octet", "did you mean octets?"),
        ("flows --follow -o json", "--follow has no end"),
        ("doctor -o parquet", "no answer in columns"),
        ("top ''", "as: weir top dst_addr"),
        ("top proto -n many", "--limit"),
        ("top proto --by bytes", "octets, packets, flows"),
        ("top proto 'src nett 10.0.0.0/8'", "did you mean `net`?"),
        ("flows 'dst port 99999'", "65535"),
        ("flows 'tenant avtotrad'", "did you mean `avtotrade`?"),
        ("flows 'exporter cor'", "did you mean `core`?"),
        ("flows 'proto tpc and host 10.0.0.1'", "did you mean `tcp`?"),
        ("flows '(proto tcp'", "did you mean `)`?"),
        ("flows nothing such", "`nothing` is no word of filters"),
        ("flows -r export.pcap 'src prot 443'", "did you mean `port`?"),
        ("flows -o xml", "table, json, ndjson, csv, parquet"),
        ("flows --from 2026-11-30 --to 2026-11-01", "not after its start"),
        ("usage --last 5", "90m, 24h, 7d"),
        ("usage --period 2026-13", "write a month 2026-10"),
        ("usage --period 2026-11 --last 7d", "cannot be used with"),
        ("usage --zone Kolkata", "did you mean Asia/Kolkata?"),
        ("usage --zone Europe/Berln", "did you mean Europe/Berlin?"),
        ("statement avtotrade", "--period"),
        ("run --listen 2055", "invalid socket address"),
        ("send export.pcap --to nowhere", "HOST:PORT"),
        ("send export.pcap --to 127.0.0.1:9 --pps 0", "--pps 0"),
        ("send export.pcap --to 127.0.0.1:9 --pps 5 --speed 2", "cannot be used with"),
        ("demo --period yesterday", "write a month 2026-10"),
    ] {
        let said = place.fails(line, 2);
        assert!(said.contains(says), "weir {line}: {says}\n{said}");
    }
}

/// A mistake in a filter is shown in its place.
#[test]
fn the_place_of_a_mistake_is_pointed_at() {
    let place = with_capture();
    let said = place.fails("flows -r export.pcap 'proto tcp and dst prt 443'", 2);
    let lines: Vec<&str> = said.lines().collect();
    let at = lines[1].find("prt").unwrap();
    assert_eq!(lines[1].trim(), "proto tcp and dst prt 443");
    assert_eq!(lines[2].find("^^^"), Some(at), "{said}");
}

#[test]
fn what_cannot_be_done_ends_with_1_and_one_sentence() {
    let place = with_capture();
    place.write("notes.txt", "not a capture");
    for (line, says) in [
        ("usage", "no weir store at"),
        ("flows", "run `weir import` or `weir run` first"),
        ("top proto", "--store"),
        ("statement avtotrade --period 2026-11", "no weir store at"),
        ("import missing.pcap", "cannot read missing.pcap: No such file"),
        ("import notes.txt", "notes.txt: this is neither a capture"),
        ("import .", "cannot read .: Is a directory"),
        ("flows -r missing.pcap", "cannot read missing.pcap"),
        ("top proto -r export.pcap missing.pcap", "cannot read missing.pcap"),
        ("send missing.pcap --to 127.0.0.1:9", "cannot read missing.pcap"),
        ("send notes.txt --to 127.0.0.1:9", "neither a capture"),
    ] {
        let said = place.fails(line, 1);
        assert!(said.contains(says), "weir {line}: {says}\n{said}");
        assert_eq!(said.lines().count(), 1, "weir {line}\n{said}");
        assert!(said.starts_with("weir: "), "weir {line}\n{said}");
    }
    place.done("import export.pcap");
    let said = place.fails("usage avtotrad", 1);
    assert_eq!(
        said,
        "weir: there is no tenant \"avtotrad\"; did you mean avtotrade? there are avtotrade, bolt\n"
    );
    place.fails("statement bol --period 2026-11", 1);
}

/// A store has one writer: the second says who has it, and readers go on.
#[test]
fn a_store_has_one_writer_and_readers_do_not_mind() {
    let place = with_capture();
    let daemon = Daemon::start(&place);
    let said = place.fails("import export.pcap", 1);
    assert!(said.contains("is being written by process "), "{said}");
    assert_eq!(place.json("usage -o json")["balance"]["decoded"]["flows"], 0);
    let port = daemon.to;
    let said = place.fails(&format!("run --store other --listen {port}"), 1);
    assert!(
        said.contains(&format!("cannot listen on {port}")) && said.contains("another program has the port")
    );
    assert!(daemon.stop().contains("stopped; everything received is stored"));
    place.done("import export.pcap");
}

/// Filters may stand before and after options, quoted or not; all give the same.
#[test]
fn a_filter_and_options_in_any_order() {
    let place = with_capture();
    place.done("import export.pcap");
    let expected = place.done("flows -o csv -n 3 'src net 10.31.0.0/24 and proto tcp'");
    assert_eq!(expected.lines().count(), 4);
    for line in [
        "flows 'src net 10.31.0.0/24 and proto tcp' -n 3 -o csv",
        "flows src net 10.31.0.0/24 and proto tcp -n 3 -o csv",
        "flows -n 3 src net 10.31.0.0/24 and proto tcp -o csv -c weir.toml",
        "flows -n 3 -o csv -- src net 10.31.0.0/24 and proto tcp",
        "flows -r export.pcap 'src net 10.31.0.0/24 and proto tcp' -n 3 -o csv",
        "flows -r export.pcap src net 10.31.0.0/24 and proto tcp -n 3 -o csv",
        "flows 'src net 10.31.0.0/24 and proto tcp' -n 3 -o csv -r export.pcap",
        "flows -r export.pcap -n 3 -o csv -- src net 10.31.0.0/24 and proto tcp",
    ] {
        assert_eq!(place.done(line), expected, "weir {line}");
    }
}

/// `weir flows | head`: the reader that has enough is no failure.
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = with_capture();
    for _ in 0..4 {
        place.done("import --again export.pcap");
    }
    for form in ["table", "json", "ndjson", "csv"] {
        let mut child = place.command(&format!("flows -o {form}"));
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        assert!(out.read_line(&mut line).unwrap() > 0);
        drop(out);
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""), "{form}");
    }
}

/// Every command has help with examples.
#[test]
fn help_has_examples() {
    let place = Place::new();
    let help = place.done("--help");
    for command in ["demo", "run", "import", "flows", "top", "usage", "statement", "send", "check"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        let text = place.done(&format!("{command} --help"));
        assert!(text.contains("Examples:\n  weir "), "{text}");
    }
    assert_eq!(place.done("--version"), format!("weir {}\n", env!("CARGO_PKG_VERSION")));
}

/// `weir send` sends the capture's datagrams, all of them, in order, as they are, and says so.
#[test]
fn send_says_exactly_what_it_sent() {
    let place = with_capture();
    let payloads = payloads(&fs::read(place.path("export.pcap")).unwrap());
    let total: usize = payloads.iter().map(Vec::len).sum();
    for more in ["", " --pps 1000", " --speed 1000"] {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let to = socket.local_addr().unwrap();
        let sent = place.json(&format!("send export.pcap --to {to} -o json{more}"));
        assert_eq!(number(&sent, "datagrams"), 10);
        assert_eq!(number(&sent, "payload_bytes"), u64::try_from(total).unwrap());
        assert_eq!((&sent["by_version"], &sent["sources"]), (&json!({"9": 10}), &json!(1)));
        let mut buffer = [0; 65_536];
        let mut receive = || {
            let len = socket.recv(&mut buffer).unwrap();
            buffer[..len].to_vec()
        };
        let received: Vec<Vec<u8>> = (0..10).map(|_| receive()).collect();
        assert!(received == payloads, "other octets arrived{more}");
        let text = place.done(&format!("send export.pcap --to {to}{more}"));
        let said = format!(
            "sent 10 datagrams (10 of version 9), {} octets of payload, from 1 port to {to}\n",
            grouped(total)
        );
        assert_eq!(text, said);
    }
    // It waits at least as long as the pace says, between the first and the last.
    let slow = place.json("send export.pcap --to 127.0.0.1:9 -o json --pps 50");
    assert!(number(&slow, "elapsed_ms") >= 9 * 20, "{slow}");
}

fn grouped(n: usize) -> String {
    assert!((1000..1_000_000).contains(&n));
    format!("{},{:03}", n / 1000, n % 1000)
}

/// UDP payloads of a capture (pcap, little-endian, Ethernet, IPv4 without options): as libpcap's papers say.
fn payloads(pcap: &[u8]) -> Vec<Vec<u8>> {
    assert_eq!(pcap[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let (mut payloads, mut at) = (Vec::new(), 24);
    while at < pcap.len() {
        let captured = u32::from_le_bytes(pcap[at + 8..at + 12].try_into().unwrap());
        let frame = &pcap[at + 16..at + 16 + usize::try_from(captured).unwrap()];
        let udp_len = usize::from(u16::from_be_bytes([frame[38], frame[39]]));
        assert_eq!((frame[12], frame[13], frame[14], frame[23]), (8, 0, 0x45, 17));
        payloads.push(frame[42..34 + udp_len].to_vec());
        at += 16 + frame.len();
    }
    payloads
}

/// What is sent to a collector is what an import of the same file gives.
#[test]
fn a_capture_played_to_a_collector_is_the_capture_imported() {
    let place = with_capture();
    let imported = place.json("import --store imported export.pcap -o json");
    let daemon = Daemon::start(&place);
    place.done(&format!("send export.pcap --to {} --pps 500", daemon.to));
    let arrived = |usage: &Value| usage["completeness"]["datagrams_received"] == 10;
    until("the capture", || arrived(&place.json("usage -o json")));
    let log = daemon.stop();
    assert!(log.contains("new exporter 127.0.0.1"), "{log}");
    let (live, file) = (place.json("usage -o json"), place.json("usage --store imported -o json"));
    assert_eq!(live["tenants"], file["tenants"]);
    assert_eq!(live["balance"]["decoded"], file["balance"]["decoded"]);
    assert_eq!(live["balance"]["decoded"]["octets"], imported["octets"]);
}
