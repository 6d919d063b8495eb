//! `/metrics`, `/healthz`, `/readyz` of a running daemon: counters are what was sent, and clients that behave badly harm
//! nobody.

use crate::daemon::{Daemon, free_port, until, usage_when};
use crate::netflow::{self, Flow};
use crate::run::Place;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A flow of our tenant, or of nobody.
fn flow(src: [u8; 4], dst: [u8; 4], octets: u32) -> Flow {
    Flow { src, dst, src_port: 40_000, dst_port: 443, octets, packets: 1 }
}

/// A daemon that answers HTTP; where.
fn start(more: &str) -> (Place, Daemon, SocketAddr) {
    let web = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let place = Place::with(&format!("[web]\nlisten = \"{web}\"\n\n{more}"));
    let daemon = Daemon::start(&place);
    (place, daemon, web)
}

/// What is answered: the code and the body.
pub(crate) fn get(web: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(web).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // A connection that is refused is closed, perhaps before all was said.
    let _ = write!(stream, "GET {path} HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (code, body.to_owned())
}

/// Samples of the page, by name and labels.
fn samples(web: SocketAddr) -> BTreeMap<String, String> {
    let (code, page) = get(web, "/metrics");
    assert_eq!(code, 200);
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit_once(' ')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

#[test]
fn counters_are_what_was_sent() {
    let tenants = "[[tenant]]\nname = \"ours\"\nnetworks = [\"192.0.2.0/24\"]\n\n\
                   [[exporter]]\nname = \"edge\"\naddress = \"127.0.0.1\"\n";
    let (_place, daemon, web) = start(tenants);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let send = |datagram: &[u8]| socket.send_to(datagram, daemon.to).unwrap();
    let (ours, other, third) = ([192, 0, 2, 1], [198, 51, 100, 2], [203, 0, 113, 3]);
    // 40 datagrams of three flows: 1000 octets out, 200 in, 30 from stranger to stranger. One comes twice, after two.
    let flows = [flow(ours, other, 1000), flow(other, ours, 200), flow(other, third, 30)];
    for number in 0..40 {
        let datagram = netflow::v5(number * 3, &flows);
        send(&datagram);
        if number == 2 {
            send(&datagram);
        }
    }
    // Two that are nothing, three of v9 that wait, the template, and one that is too short for its header.
    send(b"garbage");
    send(&[0, 5, 0, 1]);
    let waits = |sequence| netflow::v9(1, sequence, &[netflow::data(&[flow(ours, ours, 7)])]);
    for sequence in 0..3 {
        send(&waits(sequence));
    }
    until("46 datagrams", || samples(web).get("weir_datagrams_total").is_some_and(|n| n == "46"));
    assert_eq!(samples(web)["weir_datagrams_held_total"], "3");
    send(&netflow::v9(1, 3, &[netflow::templates(0)]));
    until("47 datagrams", || samples(web).get("weir_datagrams_total").is_some_and(|n| n == "47"));
    let page = samples(web);
    let expected = [
        ("weir_datagrams_decoded_total", "44"),
        ("weir_datagrams_held_total", "3"),
        ("weir_datagrams_held_settled_total", "3"),
        ("weir_datagrams_refused_total{reason=\"duplicate\"}", "1"),
        ("weir_records_total", "123"),
        ("weir_flows_total", "123"),
        ("weir_octets_total", "49221"),
        ("weir_class_octets_total{class=\"out\"}", "40000"),
        ("weir_class_octets_total{class=\"in\"}", "8000"),
        ("weir_class_octets_total{class=\"local\"}", "21"),
        ("weir_class_octets_total{class=\"transit\"}", "1200"),
        ("weir_class_octets_total{class=\"unmatched\"}", "0"),
        ("weir_class_flows_total{class=\"transit\"}", "40"),
        ("weir_invariant_violations_total{invariant=\"datagrams\"}", "0"),
        ("weir_invariant_violations_total{invariant=\"octets\"}", "0"),
        ("weir_invariant_difference{invariant=\"octets\"}", "0"),
        ("weir_records_lost_total", "0"),
        ("weir_kernel_drops_total", "0"),
        ("weir_exporters", "1"),
        ("weir_exporter_datagrams_total{exporter=\"127.0.0.1\",name=\"edge\"}", "47"),
        ("weir_exporter_datagrams_refused_total{exporter=\"127.0.0.1\",name=\"edge\"}", "3"),
        ("weir_exporter_octets_total{exporter=\"127.0.0.1\",name=\"edge\"}", "49221"),
        ("weir_store_journal_rows", "123"),
        ("weir_store_is_storing", "1"),
    ];
    until("the store's figures", || samples(web).get("weir_store_journal_rows").is_some_and(|n| n == "123"));
    let now = samples(web);
    for (name, value) in expected {
        let found = if name.starts_with("weir_store") { now.get(name) } else { page.get(name) };
        assert_eq!(found.map(String::as_str), Some(value), "{name}");
    }
    let heard = format!("weir_listener_datagrams_total{{listener=\"udp {}\"}}", daemon.to);
    until("the listener's figures", || samples(web).get(&heard).is_some_and(|n| n == "47"));
    let refused: u64 = page
        .iter()
        .filter(|(name, _)| name.starts_with("weir_datagrams_refused_total"))
        .map(|(_, value)| value.parse::<u64>().unwrap())
        .sum();
    assert_eq!(refused, 3);
    assert_eq!(get(web, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(web, "/readyz"), (200, "ok\n".to_owned()));
    assert_eq!(get(web, "/secrets").0, 404);
    daemon.stop();
    assert!(TcpStream::connect(web).is_err());
}

#[test]
fn names_follow_a_reload() {
    let edge = "[[exporter]]\nname = \"edge\"\naddress = \"127.0.0.1\"\n";
    let (place, daemon, web) = start(edge);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&netflow::v5(0, &[flow([10, 0, 0, 1], [10, 0, 0, 2], 9)]), daemon.to).unwrap();
    let has = |name: &str| {
        let label = format!("weir_exporter_datagrams_total{{exporter=\"127.0.0.1\",name=\"{name}\"}}");
        samples(web).get(&label).is_some_and(|n| n == "1")
    };
    until("the exporter by its name", || has("edge"));
    let text = std::fs::read_to_string(place.path("weir.toml")).unwrap();
    place.write("weir.toml", text.replace("\"edge\"", "\"core\""));
    daemon.signal("HUP");
    until("the exporter by its new name", || has("core") && !has("edge"));
    daemon.stop();
}

#[test]
fn promtool_reads_the_page_of_a_daemon() {
    let Some(promtool) = weir_testkit::program("promtool") else {
        return weir_testkit::skip("promtool_reads_the_page_of_a_daemon", "promtool is not installed");
    };
    let (_place, daemon, web) = start("");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&netflow::v5(0, &[flow([10, 0, 0, 1], [10, 0, 0, 2], 9)]), daemon.to).unwrap();
    until("a datagram", || samples(web).get("weir_datagrams_total").is_some_and(|n| n == "1"));
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(get(web, "/metrics").1.as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    let text = [said.stdout, said.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(said.status.success() && text.is_empty(), "{text}");
}

#[test]
fn clients_that_say_nothing_hold_up_nobody() {
    let (place, daemon, web) = start("");
    // As many as may be connected, and more: none says anything, some begin and do not end.
    let mut idle: Vec<TcpStream> = (0..80).map(|_| TcpStream::connect(web).unwrap()).collect();
    for stream in idle.iter_mut().take(20) {
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nX-Slow: ");
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..10 {
        let datagram = netflow::v5(number, &[flow([10, 0, 0, 1], [10, 0, 0, 2], 9)]);
        socket.send_to(&datagram, daemon.to).unwrap();
    }
    usage_when(&place, "ten datagrams", |u| u["completeness"]["datagrams_received"] == 10);
    // They are let go without our doing: who says nothing for 5 s has had his time.
    until("room for others", || get(web, "/healthz").0 == 200);
    let page = samples(web);
    let refused: u64 = page["weir_http_connections_refused_total"].parse().unwrap();
    assert!(refused >= 16, "{refused}");
    drop(idle);
    // A head that never ends is no request.
    let mut stream = TcpStream::connect(web).unwrap();
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(100_000)).as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(get(web, "/healthz").0, 200);
    daemon.stop();
}

/// A file system of its own, gone when this is.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(path: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        let said = mount.args(["-t", "tmpfs", "-o", "size=4m", "weir-test"]).arg(&path).output().ok()?;
        said.status.success().then_some(Self(path))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_not_ready_and_what_it_costs_is_counted() {
    const NAME: &str = "a_full_disk_is_not_ready_and_what_it_costs_is_counted";
    let web = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let place = Place::with(&format!("[web]\nlisten = \"{web}\"\n"));
    let Some(small) = Small::mount(place.path("store")) else {
        return weir_testkit::skip(NAME, "no file system can be mounted");
    };
    let daemon = Daemon::spawn_and_wait(&place, free_port());
    assert_eq!(get(web, "/readyz").0, 200);
    let ballast = small.0.join("ballast");
    std::fs::write(&ballast, vec![1; 8 << 20]).unwrap_err();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut sent = 0;
    let mut send = || {
        let datagram = netflow::v5(sent, &[flow([10, 0, 0, 1], [10, 0, 0, 2], 100)]);
        socket.send_to(&datagram, daemon.to).unwrap();
        sent += 1;
        sent
    };
    until("not to be ready", || {
        send();
        get(web, "/readyz").0 == 503
    });
    assert!(get(web, "/readyz").1.starts_with("nothing is stored: "), "{:?}", get(web, "/readyz"));
    assert_eq!(get(web, "/healthz").0, 200);
    assert_eq!(samples(web)["weir_store_is_storing"], "0");
    std::fs::remove_file(&ballast).unwrap();
    until("to be ready again", || {
        send();
        get(web, "/readyz").0 == 200
    });
    let all = send();
    until("all to be counted", || samples(web)["weir_datagrams_total"] == all.to_string());
    let page = samples(web);
    let number = |name: &str| page.get(name).map_or(0, |value| value.parse::<u64>().unwrap());
    let discarded = number("weir_discarded_octets_total{reason=\"disk_full\"}");
    assert!(discarded >= 100);
    let stored = number("weir_class_octets_total{class=\"unmatched\"}");
    assert_eq!(stored + discarded, u64::from(all) * 100);
    assert_eq!(number("weir_invariant_violations_total{invariant=\"octets\"}"), 0);
    let log = daemon.stop();
    assert!(!log.contains("do not add up"), "{log}");
}
