//! `weir run`: several ports, any protocol on any of them, both families; and what the kernel drops is counted.

use crate::daemon::{Daemon, free_port, until, usage_when};
use crate::netflow::{self, Flow};
use crate::run::{Place, named, number};
use serde_json::{Value, json};
use std::net::{SocketAddr, UdpSocket};

fn flow(last: u8, octets: u32) -> Flow {
    let src = [192, 0, 2, last];
    Flow { src, dst: [198, 51, 100, 2], src_port: 40_000, dst_port: 443, octets, packets: 1 }
}

/// One datagram of each protocol, with 100 octets from host 5, 200 from 9, 300 from 10 and 400 from 6.
fn datagrams() -> [Vec<u8>; 4] {
    [
        netflow::v5(0, &[flow(5, 100)]),
        netflow::v9(2, 0, &[netflow::templates(0), netflow::data(&[flow(9, 200)])]),
        netflow::ipfix(0, &[netflow::templates(2), netflow::data(&[flow(10, 300)])]),
        netflow::sflow(0, &[netflow::sample(0, &flow(6, 400))]),
    ]
}

#[test]
fn any_protocol_is_heard_on_any_port_of_both_families() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return weir_testkit::skip("any_protocol_is_heard_on_any_port_of_both_families", "no IPv6 here");
    }
    let place = Place::new();
    let dual = free_port().port();
    place.write(
        "weir.toml",
        format!(
            "[store]\npath = \"store\"\n\n[[listen]]\nudp = \"[::]:{dual}\"\n\n\
             [[exporter]]\nname = \"core\"\naddress = \"127.0.0.1\"\n\n\
             [[exporter]]\nname = \"six\"\naddress = \"::1\"\n"
        ),
    );
    // What is typed replaces what is written: so both are typed, and the file names the exporters.
    let daemon = Daemon::start_with(&place, &format!("--listen [::]:{dual}"));
    let listening = daemon.log().matches("listening on udp").count();
    assert_eq!(listening, 2, "{}", daemon.log());
    let targets: [SocketAddr; 3] =
        [daemon.to, format!("127.0.0.1:{dual}").parse().unwrap(), format!("[::1]:{dual}").parse().unwrap()];
    for to in targets {
        let from = if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let socket = UdpSocket::bind(from).unwrap();
        for datagram in datagrams() {
            socket.send_to(&datagram, to).unwrap();
        }
    }
    usage_when(&place, "twelve datagrams", |u| u["completeness"]["datagrams_received"] == 12);
    let log = daemon.stop();
    assert!(!log.contains("new exporter"), "both are in the configuration: {log}");
    let top = place.json("top exporter,protocol_version,src_addr -o json");
    assert_eq!(number(&top, "groups"), 8);
    for (address, times) in [("127.0.0.1", 2), ("::1", 1)] {
        for (version, host, octets) in
            [("5", "5", 100), ("9", "9", 200), ("10", "10", 300), ("sflow", "6", 400)]
        {
            let of = |row: &&Value| row["exporter"] == address && row["protocol_version"] == version;
            let row = top["rows"].as_array().unwrap().iter().find(of).unwrap();
            assert_eq!(row["src_addr"], format!("192.0.2.{host}"));
            assert_eq!([&row["octets"], &row["flows"]], [&json!(octets * times), &json!(times)], "{row}");
        }
    }
    let usage = place.json("usage -o json");
    let six = named(&usage["balance"]["exporters"], "name", "six");
    assert_eq!(six["decoded"], json!({"octets": 1000, "packets": 4, "flows": 4}));
    assert_eq!(number(&place.json("top proto 'exporter core' -o json"), "total.octets"), 2000);
}

/// A collector that is held up: what the kernel cannot keep for it is counted, to the datagram.
#[test]
fn what_the_kernel_drops_is_a_number() {
    // A little more than the 64 MiB that are asked for, with what the kernel adds to each.
    const SENT: u64 = 2600;
    let place = Place::new();
    let daemon = Daemon::start(&place);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.signal("STOP");
    let large = vec![0xee; 60_000];
    for _ in 0..SENT {
        socket.send_to(&large, daemon.to).unwrap();
    }
    daemon.signal("CONT");
    let all = |usage: &Value| {
        let completeness = &usage["completeness"];
        completeness["datagrams_received"]
            .as_u64()
            .zip(completeness["socket_drops"].as_u64())
            .is_some_and(|(received, drops)| received + drops >= SENT)
    };
    usage_when(&place, "every datagram, received or dropped", all);
    let log = daemon.stop();
    let usage = place.json("usage -o json");
    let drops = number(&usage, "completeness.socket_drops");
    assert!(drops > 0, "nothing was dropped");
    assert_eq!(number(&usage, "completeness.datagrams_received") + drops, SENT);
    assert_eq!(usage["completeness"]["reasons"]["undecodable:bad_version"], SENT - drops);
    assert!(log.contains("the kernel dropped "), "{log}");
    let report = place.done("usage");
    assert!(report.contains("datagrams dropped by the kernel before they could be read"), "{report}");
}

/// Ctrl-C ends it as cleanly as SIGTERM.
#[test]
fn an_interrupt_ends_it_cleanly() {
    let place = Place::new();
    let daemon = Daemon::start(&place);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&netflow::v5(0, &[flow(1, 77)]), daemon.to).unwrap();
    daemon.signal("INT");
    until("the end", || daemon.log().contains("stopped; everything received is stored"));
    // What was in the kernel when it was told to stop is in the store.
    assert_eq!(number(&place.json("usage -o json"), "balance.decoded.octets"), 77);
    daemon.stop();
}
