//! Names that exporters say of their interfaces, beside the numbers.

use crate::daemon::{Daemon, usage_when};
use crate::netflow::{self, Octets};
use crate::run::Place;
use serde_json::{Value, json};
use std::net::{SocketAddr, UdpSocket};

/// Options template 310: scope ingressInterface (10), interfaceName (82) of 16 octets.
fn naming() -> Vec<u8> {
    netflow::set(3, &Octets::default().u16(310).u16(2).u16(1).u16(10).u16(4).u16(82).u16(16).0)
}

/// One interface and its name.
fn name(index: u32, name: &str) -> Vec<u8> {
    let mut padded = name.as_bytes().to_vec();
    padded.resize(16, 0);
    netflow::set(310, &Octets::default().u32(index).all(&padded).0)
}

/// Template 320: source, destination, octets, packets, ingress, egress.
fn template() -> Vec<u8> {
    let fields = [(8, 4), (12, 4), (1, 4), (2, 4), (10, 4), (14, 4)];
    netflow::set(2, &netflow::template(320, &fields))
}

fn data(octets: u32, ingress: u32, egress: u32) -> Vec<u8> {
    let record = Octets::default().all(&[203, 0, 113, 7]).all(&[192, 168, 31, 2]).u32(octets).u32(1);
    netflow::set(320, &record.u32(ingress).u32(egress).0)
}

/// Two exporters of which both call their interface 1 the same, and their interface 2 not.
fn told(place: &Place) {
    let daemon = Daemon::start(place);
    for (last, second, octets) in [(2, "lan", 1000), (3, "dmz", 200)] {
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
        let sets = [naming(), template(), name(1, "wan"), name(2, second), data(octets, 1, 2)];
        socket.send_to(&netflow::ipfix(0, &sets), daemon.to).unwrap();
        // An interface without a name.
        socket.send_to(&netflow::ipfix(3, &[data(octets, 2, 9)]), daemon.to).unwrap();
    }
    usage_when(place, "all datagrams", |u| u["completeness"]["datagrams_received"] == 4);
    daemon.stop();
}

#[test]
fn names_are_beside_numbers() {
    let place = Place::with("");
    told(&place);
    let flows = place.done("flows exporter 127.0.0.2 -o ndjson");
    let rows: Vec<Value> = flows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2, "{flows}");
    let first = rows.iter().find(|row| row["ingress_if"] == 1).unwrap();
    assert_eq!((&first["ingress_if_name"], &first["egress_if"]), (&json!("wan"), &json!(2)));
    assert_eq!(first["egress_if_name"], "lan");
    let other = rows.iter().find(|row| row["ingress_if"] == 2).unwrap();
    assert_eq!((&other["ingress_if_name"], &other["egress_if"]), (&json!("lan"), &json!(9)));
    assert!(other.get("egress_if_name").is_none(), "{other}");
    let table = place.done("flows exporter 127.0.0.3");
    assert!(table.contains("1 wan") && table.contains("2 dmz"), "{table}");
    let csv = place.done("flows -o csv");
    assert!(
        csv.lines()
            .next()
            .unwrap()
            .ends_with(",ingress_if_name,egress_if_name,sampler_name,ingress_vrf_name,egress_vrf_name")
    );
    assert_eq!(csv.lines().filter(|line| line.ends_with(",wan,lan,,,")).count(), 1, "{csv}");
}

#[test]
fn top_names_what_is_the_same_everywhere() {
    let place = Place::with("");
    told(&place);
    let rows = |line: &str| -> Vec<Value> {
        let answer: Value = serde_json::from_str(&place.done(line)).unwrap();
        answer["rows"].as_array().unwrap().clone()
    };
    let by_number = rows("top ingress_if -o json");
    let of = |index: u64| by_number.iter().find(|row| row["ingress_if"] == index).unwrap();
    assert_eq!((&of(1)["ingress_if_name"], &of(1)["octets"]), (&json!("wan"), &json!(1200)));
    assert!(of(2).get("ingress_if_name").is_none(), "{}", of(2));
    let apart = rows("top exporter,ingress_if -o json");
    let names: Vec<(&str, u64, &str)> = apart
        .iter()
        .map(|row| {
            let text = |member: &str| row[member].as_str().unwrap();
            (text("exporter"), row["ingress_if"].as_u64().unwrap(), text("ingress_if_name"))
        })
        .collect();
    for expected in
        [("127.0.0.2", 1, "wan"), ("127.0.0.2", 2, "lan"), ("127.0.0.3", 1, "wan"), ("127.0.0.3", 2, "dmz")]
    {
        assert!(names.contains(&expected), "{expected:?} in {names:?}");
    }
    assert!(place.done("top ingress_if").contains("1 wan"));
    // Of one exporter's flows only, its name is the name.
    assert!(place.done("top ingress_if exporter 127.0.0.3").contains("2 dmz"));
    let csv = place.done("top exporter,ingress_if -o csv");
    assert_eq!(csv.lines().next(), Some("exporter,ingress_if,octets,packets,flows,ingress_if_name"));
}
