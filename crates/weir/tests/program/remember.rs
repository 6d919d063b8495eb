//! What must not be forgotten when the collector is killed or stopped: sets that wait for their template, rows that
//! wait for their sampling interval, where an exporter's numbers stood.

use crate::daemon::{Daemon, usage_when};
use crate::netflow::{self, Octets};
use crate::run::Place;
use serde_json::Value;
use std::net::UdpSocket;

/// Template 256: source, destination, octets, ingress, sampler.
fn template() -> Vec<u8> {
    netflow::set(2, &netflow::template(256, &[(8, 4), (12, 4), (1, 4), (10, 4), (48, 1)]))
}

/// A record of sampler 7, out of the tenant.
fn data(octets: u32) -> Vec<u8> {
    let record = Octets::default().all(&[192, 168, 31, 2]).all(&[203, 0, 113, 7]).u32(octets).u32(3);
    netflow::set(256, &record.all(&[7]).0)
}

/// Options: sampler 7 measures 1 packet in 100.
fn sampling() -> [Vec<u8>; 2] {
    let template = Octets::default().u16(257).u16(2).u16(1).u16(48).u16(1).u16(34).u16(4);
    [netflow::set(3, &template.0), netflow::set(257, &Octets::default().all(&[7]).u32(100).0)]
}

fn out(usage: &Value) -> &Value {
    &usage["tenants"][0]["out"]["octets"]
}

#[test]
fn killed_or_stopped_nothing_is_forgotten_and_nothing_counted_twice() {
    let place = Place::with("[[tenant]]\nname = \"avtotrade\"\nnetworks = [\"192.168.31.0/24\"]\n");
    // One socket: a session is an exporter's address and port.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let send = |daemon: &Daemon, sequence, sets: &[Vec<u8>]| {
        socket.send_to(&netflow::ipfix(sequence, sets), daemon.to).unwrap();
    };
    let daemon = Daemon::start(&place);
    send(&daemon, 0, &[data(1000)]);
    send(&daemon, 1, &[data(500)]);
    let waiting = |n: u64| move |u: &Value| u["completeness"]["records_awaiting_template"] == n;
    usage_when(&place, "two sets that wait", waiting(2));
    daemon.kill();

    let daemon = Daemon::start(&place);
    send(&daemon, 2, &[data(1)]);
    usage_when(&place, "a third, beside the two", waiting(3));
    send(&daemon, 3, &[template()]);
    let usage = usage_when(&place, "the template", |u| *out(u) == 1501);
    assert_eq!(usage["completeness"]["records_awaiting_template"], 0);
    assert_eq!(usage["completeness"]["unknown_sampling_records"], 3);
    // The interval comes after its rows, which were journalled long ago.
    send(&daemon, 3, &sampling());
    let usage = usage_when(&place, "the interval", |u| *out(u) == 150_100);
    assert_eq!(usage["completeness"]["unknown_sampling_records"], 0);
    assert_eq!(usage["balance"]["difference"], 0);
    daemon.stop();

    // 50 records are sent to nobody: the options record was number 3.
    let daemon = Daemon::start(&place);
    send(&daemon, 54, &[data(10)]);
    let usage = usage_when(&place, "what came after the stop", |u| *out(u) == 151_100);
    assert_eq!(usage["completeness"]["records_lost"], 50);
    assert_eq!(usage["balance"]["difference"], 0);
    daemon.kill();

    // And 30 more, however it ended.
    let daemon = Daemon::start(&place);
    send(&daemon, 85, &[data(10)]);
    let usage = usage_when(&place, "what came after the kill", |u| *out(u) == 152_100);
    assert_eq!(usage["completeness"]["records_lost"], 80);
    assert_eq!(usage["balance"]["difference"], 0);
    daemon.stop();
    let sealed: Value = serde_json::from_str(&place.done("usage -o json")).unwrap();
    assert_eq!((out(&sealed), &sealed["balance"]), (out(&usage), &usage["balance"]));
}
