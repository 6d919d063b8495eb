//! Wrong datagrams among good ones: each costs only itself, and is counted and named.

use crate::daemon::{Daemon, usage_when};
use crate::dice::Dice;
use crate::netflow::{self, Flow, TEMPLATE_ID};
use crate::run::{Place, named, number};
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

/// A datagram that is wrong: why, counted how, and at which octet.
struct Wrong {
    what: &'static str,
    datagram: Vec<u8>,
    counter: &'static str,
    reason: &'static str,
    offset: usize,
}

fn flow(octets: u32) -> Flow {
    Flow { src: [192, 0, 2, 1], dst: [198, 51, 100, 2], src_port: 40_000, dst_port: 443, octets, packets: 1 }
}

/// Each says what `Error` promises of its offset: the octet of the datagram where the field that is wrong begins,
/// or, where something is missing, where it should begin.
fn wrongs() -> Vec<Wrong> {
    use netflow::{data, ipfix, set, sflow, template, templates, v5, v9};
    let two = [flow(1), flow(2)];
    let mut list = Vec::new();
    let mut add = |what, datagram, counter, reason, offset| {
        list.push(Wrong { what, datagram, counter, reason, offset });
    };
    let with = |mut datagram: Vec<u8>, at: usize, value: u16| {
        datagram[at..at + 2].copy_from_slice(&value.to_be_bytes());
        datagram
    };
    let cut = |mut datagram: Vec<u8>, by: usize| {
        datagram.truncate(datagram.len() - by);
        datagram
    };
    let mut dice = Dice::new(17);
    let noise: Vec<u8> =
        [0xfe, 0xdc].into_iter().chain((0..200).map(|_| dice.next().to_le_bytes()[0])).collect();
    add("noise", noise, "undecodable", "bad_version", 0);
    add("nothing", Vec::new(), "undecodable", "bad_version", 0);
    add("v5 without its last octet", cut(v5(0, &two), 1), "undecodable", "count_mismatch", 2);
    add("v5 that says 30 records", with(v5(0, &two), 2, 30), "undecodable", "count_mismatch", 2);
    add("v5 that says 55582 records", with(v5(0, &two), 2, 55_582), "undecodable", "count_mismatch", 2);
    add("v5 of half a header", v5(0, &two)[..10].to_vec(), "undecodable", "truncated", 10);
    let message = ipfix(0, &[templates(2), data(&two)]);
    add("IPFIX without its last octet", cut(message.clone(), 1), "malformed", "truncated", message.len() - 1);
    add("IPFIX shorter than its header", with(message.clone(), 2, 15), "undecodable", "bad_length", 2);
    add("a set of 3 octets", with(message.clone(), 18, 3), "malformed", "bad_set_length", 18);
    add("a set beyond the message", with(message.clone(), 62, 4000), "malformed", "set_overrun", 62);
    add("a template called 255", with(message, 20, 255), "malformed", "bad_template_id", 20);
    let datagram = v9(3, 0, &[templates(0), data(&two)]);
    add("a flow set of 3 octets", with(datagram.clone(), 22, 3), "malformed", "bad_set_length", 22);
    add("a flow set beyond the datagram", with(datagram, 66, 4000), "malformed", "set_overrun", 66);
    let variable = set(2, &template(TEMPLATE_ID, &[(8, 4), (12, 4), (1, 4), (2, 4), (82, 65_535)]));
    // The name is the fifth field, behind sixteen octets of the record.
    let at = 16 + variable.len() + 4 + 16;
    let record = [&[192, 0, 2, 1, 198, 51, 100, 2, 0, 0, 0, 7, 0, 0, 0, 1, 200][..], b"eth0"].concat();
    add(
        "a name longer than its set",
        ipfix(0, &[variable, set(TEMPLATE_ID, &record)]),
        "malformed",
        "field_overrun",
        at,
    );
    let sample = netflow::sample(1, &flow(700));
    let datagram = sflow(0, std::slice::from_ref(&sample));
    add("a sample beyond the datagram", with(datagram.clone(), 34, 4000), "malformed", "sample_overrun", 32);
    let end = datagram.len();
    add("sFlow that says 5 samples", with(datagram.clone(), 26, 5), "malformed", "count_mismatch", end);
    add("sFlow of half a header", datagram[..20].to_vec(), "undecodable", "truncated", 20);
    list
}

/// Good datagrams of an exporter that was never wrong, before, between and after.
const GOOD: u32 = 30;

#[test]
fn each_wrong_datagram_costs_itself_and_is_named() {
    let wrongs = wrongs();
    let place = Place::new();
    let daemon = Daemon::start(&place);
    let good = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (i, wrong) in (0u32..).zip(&wrongs) {
        if i < GOOD {
            good.send_to(&netflow::v5(i, &[flow(1000 + i)]), daemon.to).unwrap();
        }
        from(i).send_to(&wrong.datagram, daemon.to).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    for i in u32::try_from(wrongs.len()).unwrap()..GOOD {
        good.send_to(&netflow::v5(i, &[flow(1000 + i)]), daemon.to).unwrap();
    }
    let sent = u64::from(GOOD) + u64::try_from(wrongs.len()).unwrap();
    let usage = usage_when(&place, "all datagrams", |u| {
        u["completeness"]["datagrams_received"].as_u64() >= Some(sent)
    });
    let log = daemon.stop();

    let completeness = &usage["completeness"];
    assert_eq!(number(completeness, "datagrams_received"), sent);
    assert_eq!(usage["balance"]["difference"], 0);
    let exporter = named(&usage["balance"]["exporters"], "exporter", "127.0.0.1");
    let octets: u32 = (0..GOOD).map(|i| 1000 + i).sum();
    assert_eq!(exporter["decoded"], json!({"octets": octets, "packets": GOOD, "flows": GOOD}));

    let mut differences = Vec::new();
    for (i, Wrong { what, counter, reason, offset, .. }) in (0u32..).zip(&wrongs) {
        let source = from(i).local_addr().unwrap().ip().to_string();
        let line = format!("exporter={source} reason=\"{reason}\" offset={offset}");
        if !log.lines().any(|logged| logged.ends_with(&line)) {
            let said: Vec<&str> =
                log.lines().filter(|l| l.contains(&format!("exporter={source} "))).collect();
            differences.push(format!("{what}: no log line with {line} but {said:?}"));
        }
        let total = completeness["reasons"][format!("{counter}:{reason}")].as_u64();
        let same = |w: &&Wrong| (w.counter, w.reason) == (*counter, *reason);
        let expected = wrongs.iter().filter(same).count();
        if total != Some(u64::try_from(expected).unwrap()) {
            differences.push(format!("{what}: {counter}:{reason} is {total:?}, should be {expected}"));
        }
    }
    assert!(differences.is_empty(), "{}\n{:#}", differences.join("\n"), completeness["reasons"]);
    let undecodable = wrongs.iter().filter(|w| w.counter == "undecodable").count();
    assert_eq!(number(completeness, "datagrams_undecodable"), u64::try_from(undecodable).unwrap());
    assert_eq!(number(completeness, "malformed"), u64::try_from(wrongs.len() - undecodable).unwrap());
}

/// An exporter of its own for the i-th wrong datagram.
fn from(i: u32) -> UdpSocket {
    UdpSocket::bind(format!("127.0.{}.{}:0", 1 + i / 200, 1 + i % 200)).unwrap()
}

/// Thousands of datagrams with some bits flipped, in all protocols: good exporters do not notice.
#[test]
fn flipped_bits_and_noise_do_not_reach_the_good() {
    const ROUNDS: u32 = 1500;
    let place = Place::new();
    let daemon = Daemon::start(&place);
    let (good, bad) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.9:0").unwrap());
    let mut dice = Dice::new(23);
    for i in 0..ROUNDS {
        let two = [flow(10 + i), flow(20 + i)];
        let datagram = match i % 4 {
            0 => netflow::v5(2 * i, &two),
            1 => netflow::v9(3, i, &[netflow::templates(0), netflow::data(&two)]),
            2 => netflow::ipfix(2 * i, &[netflow::templates(2), netflow::data(&two)]),
            _ => netflow::sflow(i, &[netflow::sample(i, &flow(700))]),
        };
        send(&bad, &spoil(datagram, &mut dice), daemon.to);
        send(&good, &netflow::ipfix(2 * i, &[netflow::templates(2), netflow::data(&two)]), daemon.to);
        thread::sleep(Duration::from_micros(200));
    }
    let all = u64::from(2 * ROUNDS);
    let usage = usage_when(&place, "all datagrams", |u| {
        u["completeness"]["datagrams_received"].as_u64() >= Some(all)
    });
    let log = daemon.stop();
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(number(&usage, "completeness.datagrams_received"), all);
    let exporter = named(&usage["balance"]["exporters"], "exporter", "127.0.0.1");
    let octets: u32 = (0..ROUNDS).map(|i| 30 + 2 * i).sum();
    assert_eq!(exporter["decoded"], json!({"octets": octets, "packets": 2 * ROUNDS, "flows": 2 * ROUNDS}));
    for source in usage["completeness"]["exporters"].as_array().unwrap() {
        if source["exporter"] == "127.0.0.1" {
            assert_eq!((&source["records_lost"], &source["malformed"]), (&json!(0), &json!(0)));
        }
    }
    assert_eq!(usage["balance"]["difference"], 0);
    // The log is not a way to fill the disk: a line for an exporter and reason in ten seconds.
    assert!(log.lines().count() < 60, "{} lines", log.lines().count());
}

fn send(socket: &UdpSocket, datagram: &[u8], to: SocketAddr) {
    socket.send_to(datagram, to).unwrap();
}

/// Flips one to four bits, cuts the end off, adds noise to it, or replaces it all.
fn spoil(mut datagram: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    match dice.below(8) {
        0 => datagram.truncate(dice.below(datagram.len())),
        1 => datagram.extend((0..dice.below(64)).map(|_| 0xa5)),
        2 => datagram.iter_mut().for_each(|octet| *octet = dice.next().to_le_bytes()[0]),
        _ => {
            for _ in 0..=dice.below(4) {
                let at = dice.below(datagram.len());
                datagram[at] ^= 1 << dice.below(8);
            }
        }
    }
    datagram
}
