//! `weir run` under a service manager: told to reload, to stop, restarted on sockets that stay, and heard to live.

use crate::daemon::{Daemon, free_port, until, usage_when};
use crate::netflow::{self, Flow};
use crate::run::{Place, number};
use serde_json::Value;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

fn flow(last: u8, octets: u32) -> Flow {
    let src = [192, 0, 2, last];
    Flow { src, dst: [198, 51, 100, 2], src_port: 40_000, dst_port: 443, octets, packets: 1 }
}

fn sender(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    socket
}

fn received(usage: &Value) -> u64 {
    usage["completeness"]["datagrams_received"].as_u64().unwrap_or_default()
}

/// Tenants change between two datagrams of one exporter, whose template came once: each datagram is accounted by the
/// configuration of its time. A file with a mistake changes nothing.
#[test]
fn a_reload_keeps_sessions_and_changes_tenants() {
    let to = free_port();
    let place = Place::new();
    let configuration = |more: &str| {
        place
            .write("weir.toml", format!("[store]\npath = \"store\"\n\n[[listen]]\nudp = \"{to}\"\n\n{more}"));
    };
    configuration("[[tenant]]\nname = \"one\"\nnetworks = [\"192.0.2.0/24\"]\n");
    let daemon = Daemon::start_as_configured(&place, "listening on udp");
    let exporter = sender(to);
    exporter.send(&netflow::v9(2, 0, &[netflow::templates(0), netflow::data(&[flow(1, 1000)])])).unwrap();
    usage_when(&place, "the first datagram", |usage| received(usage) == 1);

    // A mistake: said with its place, and nothing changes.
    configuration("[[tenant]]\nname = \"two\"\nnetwork = [\"192.0.2.0/24\"]\n");
    daemon.signal("HUP");
    until("the mistake to be said", || daemon.log().contains("the configuration stays as it was"));
    assert!(daemon.log().contains("weir.toml:9: unknown key \"network\""), "{}", daemon.log());
    // Who asks reads the file too; the daemon is not told of it.
    configuration("[[tenant]]\nname = \"one\"\nnetworks = [\"192.0.2.0/24\"]\n");
    exporter.send(&netflow::v9(1, 1, &[netflow::data(&[flow(2, 200)])])).unwrap();
    usage_when(&place, "the second datagram", |usage| received(usage) == 2);

    // Another tenant, and another listener beside.
    let more = free_port();
    configuration(&format!(
        "[[listen]]\nudp = \"{more}\"\n\n[[tenant]]\nname = \"two\"\nnetworks = [\"192.0.2.0/24\"]\n"
    ));
    daemon.signal("HUP");
    until("the new listener", || daemon.log().contains(&format!("listening on udp {more}")));
    until("the new configuration", || daemon.log().contains("the configuration was read again"));
    // Its workers go by it with their next batch.
    std::thread::sleep(Duration::from_millis(500));
    exporter.send(&netflow::v9(1, 2, &[netflow::data(&[flow(3, 30)])])).unwrap();
    sender(more).send(&netflow::v5(0, &[flow(4, 4)])).unwrap();
    usage_when(&place, "the last datagrams", |usage| received(usage) == 4);

    // The first listener goes.
    place.write("weir.toml", format!("[store]\npath = \"store\"\n\n[[listen]]\nudp = \"{more}\"\n"));
    daemon.signal("HUP");
    until("the listener to go", || daemon.log().contains(&format!("no longer listening on udp {to}")));
    until("its port to be free", || UdpSocket::bind(to).is_ok());
    let log = daemon.stop();
    assert_eq!(log.matches(&format!("listening on udp {to}")).count(), 2, "opened once, closed once: {log}");

    let flows = place.done("flows -o ndjson");
    let mut accounted: Vec<(u64, String)> = flows
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|row| (row["octets"].as_u64().unwrap(), row["tenant"].as_str().unwrap_or("-").to_owned()))
        .collect();
    accounted.sort();
    let expected = [(4, "two"), (30, "two"), (200, "one"), (1000, "one")];
    assert_eq!(accounted, expected.map(|(octets, tenant)| (octets, tenant.to_owned())));
}

/// A budget holds without a restart; what does not is said.
#[test]
fn a_reload_changes_the_budget_and_says_what_takes_a_restart() {
    let to = free_port();
    let place = Place::new();
    let configuration = |store: &str, more: &str| {
        let text = format!("[store]\npath = \"store\"\n{store}\n[[listen]]\nudp = \"{to}\"\n\n{more}");
        place.write("weir.toml", text);
    };
    configuration("", "");
    let daemon = Daemon::start_as_configured(&place, "listening on udp");
    sender(to).send(&netflow::v5(0, &[flow(1, 1000)])).unwrap();
    usage_when(&place, "the first datagram", |usage| received(usage) == 1);
    assert_eq!(place.json("doctor -o json")["daemon"]["store"]["disk_budget_bytes"], Value::Null);

    configuration("disk = \"3 GB\"\n", "[limits]\nmemory = \"1 GB\"\n\n[web]\nlisten = \"127.0.0.1:1\"\n");
    daemon.signal("HUP");
    until("the budget", || {
        let said = place.json("doctor -o json");
        said["daemon"]["store"]["disk_budget_bytes"] == 3_000_000_000u64
    });
    let disk = &place.json("doctor -o json")["disk"];
    assert_eq!(disk["limit_bytes"], 3_000_000_000u64, "{disk}");
    assert!(place.done("doctor").contains(" of 3.000 GB; there is less than an hour to judge by"));
    let log = daemon.stop();
    for what in ["memory of [limits]", "[web]"] {
        let line = format!("{what}: changed in the configuration, and takes a restart to hold");
        assert_eq!(log.matches(&line).count(), 1, "{log}");
    }
    assert!(!log.contains("path of [store]"), "{log}");
    assert_eq!(log.matches("the store goes by the budget").count(), 1, "{log}");
}

/// What takes a restart stays as it runs, for everything that goes by the configuration; put back, nothing is changed.
#[test]
fn a_reload_goes_on_with_the_store_that_is_open() {
    let to = free_port();
    let place = Place::new();
    let tenant = "[[tenant]]\nname = \"a\"\nnetworks = [\"192.168.31.0/24\"]\n";
    let configuration = |store: &str| {
        let text = format!("[store]\npath = \"{store}\"\n\n[[listen]]\nudp = \"{to}\"\n\n{tenant}");
        place.write("weir.toml", text);
    };
    configuration("store");
    let daemon = Daemon::start_as_configured(&place, "listening on udp");
    let read = |count| move |log: &str| log.matches("the configuration was read again").count() == count;
    let until_read = |count| until("a reload", || read(count)(&daemon.log()));
    configuration("elsewhere");
    daemon.signal("HUP");
    until_read(1);
    sender(to).send(&netflow::v5(0, &[flow(1, 1000)])).unwrap();
    configuration("store");
    usage_when(&place, "the datagram", |usage| received(usage) == 1);
    daemon.signal("HUP");
    until_read(2);
    let log = daemon.stop();
    let said = "path of [store]: changed in the configuration, and takes a restart to hold";
    assert_eq!(log.matches(said).count(), 1, "{log}");
    assert!(!place.path("elsewhere").exists(), "nothing looks for anything there");
}

/// Whatever was sent before the signal is stored, or the kernel dropped it; and nobody else.
#[test]
fn a_stop_under_load_loses_nothing() {
    const SENT: u32 = 30_000;
    let place = Place::new();
    let daemon = Daemon::start(&place);
    let exporter = sender(daemon.to);
    for i in 0..SENT {
        exporter.send(&netflow::v5(i, &[flow(1, 100)])).unwrap();
    }
    daemon.stop();
    let usage = place.json("usage -o json");
    let drops = number(&usage, "completeness.socket_drops");
    assert_eq!(received(&usage) + drops, u64::from(SENT));
    assert_eq!(number(&usage, "balance.decoded.octets"), 100 * received(&usage));
}

/// Three workers share a port: every datagram of sixty exporters arrives once.
#[test]
fn workers_share_a_port_and_lose_nothing() {
    let to = free_port();
    let place = Place::with(&format!("[[listen]]\nudp = \"{to}\"\nworkers = 3\n"));
    let daemon = Daemon::start_as_configured(&place, "with 3 workers");
    for round in 0..20u32 {
        for host in 1..=60u8 {
            // Each time from another port: the exporter was started again.
            let exporter = UdpSocket::bind(SocketAddr::from(([127, 0, 9, host], 0))).unwrap();
            exporter.send_to(&netflow::v5(round, &[flow(host, 10)]), to).unwrap();
        }
    }
    usage_when(&place, "all datagrams", |usage| received(usage) == 1200);
    daemon.stop();
    let usage = place.json("usage -o json");
    assert_eq!(number(&usage, "balance.decoded.octets"), 12_000);
    assert_eq!(number(&usage, "completeness.socket_drops"), 0);
    let exporters = usage["balance"]["exporters"].as_array().unwrap();
    assert_eq!(exporters.len(), 60);
    assert!(exporters.iter().all(|one| number(one, "decoded.octets") == 200), "{exporters:?}");
}

/// The service manager keeps the socket: what is sent while weir is down is there when it is up again.
#[test]
fn a_restart_on_a_socket_that_stays_loses_nothing() {
    let place = Place::new();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap();
    let exporter = sender(to);
    let send = |numbers: std::ops::Range<u32>| {
        for number in numbers {
            exporter.send(&netflow::v9(1, number, &[netflow::data(&[flow(1, 100)])])).unwrap();
        }
    };
    // Nothing in the configuration says where to listen: the socket does.
    let daemon = Daemon::start_on_socket(&place, &socket);
    exporter.send(&netflow::v9(2, 0, &[netflow::templates(0), netflow::data(&[flow(1, 100)])])).unwrap();
    send(1..50);
    daemon.stop();
    send(50..120);
    let daemon = Daemon::start_on_socket(&place, &socket);
    send(120..150);
    daemon.stop();
    send(150..200);
    let daemon = Daemon::start_on_socket(&place, &socket);
    usage_when(&place, "everything", |usage| usage["balance"]["decoded"]["flows"].as_u64() >= Some(200));
    daemon.stop();
    let usage = place.json("usage -o json");
    assert_eq!(number(&usage, "balance.decoded.octets"), 200 * 100);
    let completeness = &usage["completeness"];
    assert_eq!([&completeness["records_lost"], &completeness["socket_drops"]], [0, 0]);
}

#[test]
fn a_socket_that_nobody_asked_for_is_said() {
    let elsewhere = free_port();
    let place = Place::with(&format!("[[listen]]\nudp = \"{elsewhere}\"\n"));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap();
    let output = Daemon::command_on_socket(&place, &socket).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("a socket on udp {to} (weir.socket) that no [[listen]] names")), "{said}");
}

/// What the service manager hears, word by word.
#[test]
fn the_service_manager_is_told() {
    let place = Place::new();
    let manager = UnixDatagram::bind(place.path("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let hear = |what: &str| {
        let mut said = [0; 512];
        loop {
            let len = manager.recv(&mut said).unwrap();
            let said = String::from_utf8_lossy(&said[..len]).into_owned();
            if said.contains(what) {
                return said;
            }
        }
    };
    let environment = [
        ("NOTIFY_SOCKET", place.path("notify").display().to_string()),
        ("WATCHDOG_USEC", "400000".to_owned()),
    ];
    let daemon = Daemon::start_in(&place, &environment);
    hear("READY=1");
    hear("WATCHDOG=1");
    daemon.signal("HUP");
    assert!(hear("RELOADING=1").contains("MONOTONIC_USEC="));
    hear("READY=1");
    // Held up: no sign of life. Continued: again.
    daemon.signal("STOP");
    manager.set_nonblocking(true).unwrap();
    while manager.recv(&mut [0; 512]).is_ok() {}
    std::thread::sleep(Duration::from_secs(1));
    assert!(manager.recv(&mut [0; 512]).is_err(), "it says that it lives, and does not");
    manager.set_nonblocking(false).unwrap();
    daemon.signal("CONT");
    hear("WATCHDOG=1");
    daemon.signal("TERM");
    hear("STOPPING=1");
    daemon.stop();
}
