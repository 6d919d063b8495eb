//! Garbage from thousands of addresses, beside an exporter who has something to say.

use crate::daemon::{Daemon, usage_when};
use crate::dice::Dice;
use crate::netflow::{self, Flow, Octets};
use crate::run::{Place, number};
use serde_json::Value;
use std::net::{SocketAddr, UdpSocket};

/// Addresses that garbage comes from, and datagrams of each.
const FORGERS: u16 = 500;
const EACH: u32 = 8;
/// Datagrams of the exporter among them, one flow of 1000 octets each.
const GOOD: u32 = 2000;

/// Random octets; a v9 header with nothing, with a set of an unknown template, with a set that is longer than the
/// datagram, with a template of a thousand fields that are not there; a v5 datagram that says more than it has.
fn garbage(dice: &mut Dice, kind: u32) -> Vec<u8> {
    let noise = |dice: &mut Dice, len: usize| -> Vec<u8> {
        (0..len).map(|_| u8::try_from(dice.below(256)).unwrap()).collect()
    };
    let header = |dice: &mut Dice| {
        let random = u32::try_from(dice.below(1 << 31)).unwrap();
        Octets::default().u16(9).u16(1).u32(1000).u32(netflow::now_s()).u32(random).u32(random % 7)
    };
    match kind % 6 {
        0 => {
            // No version that there is.
            let mut octets = noise(dice, 200);
            octets[0] = 0xff;
            octets
        }
        1 => header(dice).0,
        2 => {
            let body = noise(dice, 400);
            header(dice).all(&netflow::set(4000, &body)).0
        }
        3 => header(dice).u16(300).u16(60_000).all(&[0; 40]).0,
        4 => header(dice).u16(0).u16(12).u16(65_535).u16(1000).u32(0).0,
        _ => {
            let flow = Flow { src: [1; 4], dst: [2; 4], src_port: 1, dst_port: 2, octets: 1, packets: 1 };
            let mut datagram = netflow::v5(0, &[flow]);
            datagram[3] = 30;
            datagram.truncate(50);
            datagram
        }
    }
}

#[test]
fn garbage_harms_nobody_is_counted_and_does_not_write_the_log() {
    let place = Place::new();
    let daemon = Daemon::start(&place);
    let exporter = UdpSocket::bind("127.0.0.1:0").unwrap();
    let flow = Flow {
        src: [192, 0, 2, 1],
        dst: [198, 51, 100, 2],
        src_port: 1,
        dst_port: 2,
        octets: 1000,
        packets: 1,
    };
    exporter.send_to(&netflow::v9(1, 0, &[netflow::templates(0)]), daemon.to).unwrap();
    let forgers: Vec<UdpSocket> = (0..FORGERS)
        .map(|i| {
            let [high, low] = i.to_be_bytes();
            UdpSocket::bind(SocketAddr::from(([127, 1, high, low], 0))).unwrap()
        })
        .collect();
    let mut dice = Dice::new(11);
    let mut bad = 0u32;
    for i in 0..GOOD {
        exporter.send_to(&netflow::v9(1, i + 1, &[netflow::data(&[flow])]), daemon.to).unwrap();
        for _ in 0..u32::from(FORGERS) * EACH / GOOD {
            let forger = &forgers[bad as usize % forgers.len()];
            let datagram = garbage(&mut dice, bad / u32::from(FORGERS) + bad);
            forger.send_to(&datagram, daemon.to).unwrap();
            bad += 1;
        }
    }
    let sent = u64::from(GOOD) + 1 + u64::from(bad);
    let all = |usage: &Value| {
        let of = |what: &str| usage["completeness"][what].as_u64().unwrap_or_default();
        of("datagrams_received") + of("socket_drops") == sent
    };
    usage_when(&place, "everything that was sent", all);
    let log = daemon.stop();
    let usage = place.json("usage -o json");
    assert_eq!(number(&usage, "completeness.socket_drops"), 0);
    // Not one flow is missing, and not one was made up.
    let exporters = usage["balance"]["exporters"].as_array().unwrap();
    let good: Vec<&Value> = exporters.iter().filter(|one| one["decoded"]["flows"] != 0).collect();
    assert_eq!(good.len(), 1, "{exporters:?}");
    assert_eq!(number(good[0], "decoded.octets"), u64::from(GOOD) * 1000);
    // A third of the garbage are random octets or half a v5 datagram, of which nothing can be used.
    let reasons = &usage["completeness"]["reasons"];
    let unusable: u64 = reasons
        .as_object()
        .unwrap()
        .iter()
        .filter(|(reason, _)| reason.starts_with("undecodable:"))
        .map(|(_, n)| n.as_u64().unwrap())
        .sum();
    let expected = (0..bad).filter(|bad| matches!((bad / u32::from(FORGERS) + bad) % 6, 0 | 5)).count();
    assert_eq!(unusable, expected as u64, "{reasons:#}");
    // At most fifty lines in ten seconds, and what they are a sample of.
    let lines = log.lines().count();
    assert!(lines < 500, "{lines} lines");
    assert!(log.contains("… and "), "{log}");
}
