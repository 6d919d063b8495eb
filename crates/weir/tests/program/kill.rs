//! `kill -9` at any moment of `weir run`, twenty times under load (or `WEIR_KILLS` times): what was seen is there, once,
//! and for ever.
//!
//! Every flow sent has octets that no other has, and the number of its round as destination port. So doubles
//! show, and what a round left can be compared later.

use crate::daemon::{Daemon, free_port, until, usage_when};
use crate::dice::Dice;
use crate::netflow::{self, Flow};
use crate::run::{Place, csv, number};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Kills, unless `WEIR_KILLS` says how many.
const ROUNDS: u16 = 20;
/// Flows of a datagram.
const FLOWS: u32 = 20;
/// Datagrams of the last round, of which nothing may be missing.
const LAST: u32 = 500;
const TENANTS: &str = "[[tenant]]\nname = \"left\"\nnetworks = [\"192.0.2.0/24\"]\n";

/// Flows by round.
type Rounds = BTreeMap<u64, u64>;

#[test]
fn twenty_kills_under_load_lose_nothing_that_was_seen_and_double_nothing() {
    let wanted = std::env::var("WEIR_KILLS").ok().map(|kills| kills.parse().unwrap());
    let kills: u16 = wanted.unwrap_or(ROUNDS);
    let place = Place::with(TENANTS);
    let to = free_port();
    let load = Load::start(to);
    let mut dice = Dice::new(std::process::id().into());
    let mut left = Rounds::new();
    for round in 1..=kills {
        load.round.store(round, Ordering::Relaxed);
        let daemon = Daemon::start_on(&place, to);
        // Some while they start and recover, some early, half of them when they have stored something.
        if round % 5 != 0 {
            daemon.until_listening();
        }
        if round % 2 == 0 {
            until("flows of this round", || rounds(&place).contains_key(&u64::from(round)));
        }
        thread::sleep(Duration::from_millis(u64::try_from(dice.below(500)).unwrap()));
        let seen = if round % 2 == 0 { rounds(&place) } else { left.clone() };
        thread::sleep(Duration::from_millis(u64::try_from(dice.below(30)).unwrap()));
        daemon.kill();
        let now = rounds(&place);
        for (of, flows) in &seen {
            assert!(now.get(of) >= Some(flows), "round {of} had {flows} flows before kill {round}: {now:?}");
        }
        for (of, flows) in &left {
            assert_eq!(now.get(of), Some(flows), "round {of} after kill {round}");
        }
        assert_consistent(&place.json("usage -o json"));
        left = now;
    }
    let sent = load.stop();
    assert!(left.len() >= usize::from(kills) / 2 && left.values().sum::<u64>() > 20_000, "{left:?}");

    // A last round of which everything must be there, stopped as it should be.
    let daemon = Daemon::start_on(&place, to);
    daemon.until_listening();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for i in 0..LAST {
        socket.send_to(&datagram(sent + i, kills + 1), to).unwrap();
        thread::sleep(Duration::from_micros(200));
    }
    daemon.stop();
    left.insert(u64::from(kills) + 1, u64::from(LAST * FLOWS));
    assert_eq!(rounds(&place), left);
    let usage = place.json("usage -o json");
    assert_consistent(&usage);
    assert_each_once(&place, number(&usage, "balance.decoded.flows"), (sent + LAST) * FLOWS);
    println!(
        "{kills} kills, {} flows there once of {} sent",
        left.values().sum::<u64>(),
        (sent + LAST) * FLOWS
    );
}

/// Every flow is one that was sent, is there once, and has kept the round it was sent in.
fn assert_each_once(place: &Place, flows: u64, sent: u32) {
    let listing = place.done("flows -o csv");
    let (heads, rows) = csv(&listing);
    let at = |name: &str| heads.iter().position(|head| *head == name).unwrap();
    let (octets, src_port, tenant) = (at("octets"), at("src_port"), at("tenant"));
    let mut seen = HashSet::new();
    for row in &rows {
        let id: u32 = row[octets].parse().unwrap();
        assert!(id < sent, "{id} was never sent");
        assert!(seen.insert(id), "{id} is there twice");
        assert_eq!(row[src_port], (id % 50_000).to_string());
        assert_eq!(row[tenant], "left");
    }
    assert_eq!(u64::try_from(rows.len()).unwrap(), flows);
}

/// The accounts close, and agree with the count of the datagrams that came with them.
fn assert_consistent(usage: &Value) {
    assert_eq!(usage["balance"]["difference"], 0);
    assert_eq!(usage["balance"]["difference_flows"], 0);
    let flows = number(usage, "balance.decoded.flows");
    assert_eq!(flows, number(usage, "completeness.datagrams_received") * u64::from(FLOWS));
    assert_eq!(flows, number(usage, "balance.tenant_out.flows"));
    assert_eq!(number(usage, "completeness.duplicate_datagrams"), 0);
}

/// Flows in the store by round.
fn rounds(place: &Place) -> Rounds {
    let answer = place.weir("top dst_port -n 1000 -o json");
    if answer.code == Some(1) && answer.err.contains("no weir store") {
        return Rounds::new();
    }
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let top: Value = serde_json::from_str(&answer.out).unwrap();
    let rows = top["rows"].as_array().unwrap();
    rows.iter().map(|row| (number(row, "dst_port"), number(row, "flows"))).collect()
}

/// The i-th datagram.
fn datagram(i: u32, round: u16) -> Vec<u8> {
    let flow = |id: u32| Flow {
        src: [192, 0, 2, 7],
        dst: [198, 51, 100, 9],
        src_port: u16::try_from(id % 50_000).unwrap(),
        dst_port: round,
        octets: id,
        packets: 1,
    };
    let flows: Vec<Flow> = (i * FLOWS..(i + 1) * FLOWS).map(flow).collect();
    netflow::v5(i * FLOWS, &flows)
}

/// An exporter that never rests, whether somebody listens or not.
struct Load {
    round: Arc<AtomicU16>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Load {
    fn start(to: SocketAddr) -> Self {
        let (round, stop) = (Arc::new(AtomicU16::new(0)), Arc::new(AtomicBool::new(false)));
        let (its_round, its_stop) = (Arc::clone(&round), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let mut sent = 0;
            while !its_stop.load(Ordering::Relaxed) {
                for _ in 0..4 {
                    // Refused while nobody listens: that is what the test is about.
                    let _ = socket.send_to(&datagram(sent, its_round.load(Ordering::Relaxed)), to);
                    sent += 1;
                }
                thread::sleep(Duration::from_millis(2));
            }
            sent
        });
        Self { round, stop, thread }
    }

    fn stop(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// A capture that `weir send` plays again and again to collectors that are killed: each time counts, once.
#[test]
fn what_was_seen_before_five_kills_adds_up() {
    let place = Place::new();
    let fixture = weir_testkit::repository().join("testdata/captures/softflowd-v5/export.pcap");
    place.bring(&fixture, "export.pcap");
    let expected =
        place.json("top src_addr,dst_addr,src_port,dst_port,start -n 10000 -o json -r export.pcap");
    let whole = &expected["total"];
    for round in 1..=5u64 {
        let daemon = Daemon::start(&place);
        let sent = place.json(&format!("send export.pcap --to {} -o json", daemon.to));
        assert_eq!(number(&sent, "datagrams"), 4);
        usage_when(&place, "the capture", |u| u["balance"]["decoded"]["flows"].as_u64() == Some(round * 96));
        daemon.kill();
        let usage = place.json("usage -o json");
        for unit in ["octets", "packets", "flows"] {
            let once = whole[unit].as_u64().unwrap();
            assert_eq!(
                number(&usage, &format!("balance.decoded.{unit}")),
                round * once,
                "{unit}, round {round}"
            );
        }
        assert_eq!(usage["balance"]["difference"], 0);
    }
    // Sealing what the journal holds changes nothing.
    let before = place.json("usage -o json");
    Daemon::start(&place).stop();
    assert_eq!(place.json("usage -o json"), before);
    let groups = place.json("top src_addr,dst_addr,src_port,dst_port,start -n 10000 -o json");
    assert_eq!(groups["groups"], expected["groups"]);
    for row in groups["rows"].as_array().unwrap() {
        assert_eq!(number(row, "flows") % 5, 0, "{row}");
    }
}
