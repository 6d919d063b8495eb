//! IPFIX over connections: framing, what belongs to one connection only, TLS and certificates, who may connect.

use crate::daemon::{Daemon, free_port, until, usage_when};
use crate::netflow::{self, Flow, data, ipfix, templates};
use crate::run::{Place, number};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

fn flow(octets: u32) -> Flow {
    let (src, dst) = ([192, 0, 2, 1], [198, 51, 100, 2]);
    Flow { src, dst, src_port: 40_000, dst_port: 443, octets, packets: 1 }
}

/// A TCP port of the loopback that nobody listens on.
fn free_tcp(host: &str) -> SocketAddr {
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap()
}

/// A collector with this configuration, once it has said `ready`.
fn collector(place: &Place, configuration: &str, ready: &str) -> Daemon {
    place.write("weir.toml", format!("[store]\npath = \"store\"\n\n{configuration}"));
    Daemon::start_as_configured(place, ready)
}

fn tcp(place: &Place, more: &str) -> (Daemon, SocketAddr) {
    let to = free_tcp("127.0.0.1");
    let daemon =
        collector(place, &format!("[[listen]]\ntcp = \"{to}\"\n{more}"), &format!("listening on tcp {to}"));
    (daemon, to)
}

fn octets(usage: &Value) -> u64 {
    usage["balance"]["decoded"]["octets"].as_u64().unwrap_or_default()
}

fn reason(usage: &Value, name: &str) -> u64 {
    usage["completeness"]["reasons"][name].as_u64().unwrap_or_default()
}

/// Waits until the other side has closed.
fn until_closed(mut stream: TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // Closed, or reset because something was still unread.
    let _ = stream.read(&mut [0; 16]);
}

#[test]
fn two_messages_in_one_segment_and_one_in_many() {
    let place = Place::new();
    let (daemon, to) = tcp(&place, "");
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    let first = ipfix(0, &[templates(2), data(&[flow(100)])]);
    let second = ipfix(1, &[data(&[flow(20), flow(3)])]);
    stream.write_all(&[first, second].concat()).unwrap();
    usage_when(&place, "two messages", |u| octets(u) == 123);
    for octet in ipfix(3, &[data(&[flow(4000)])]) {
        stream.write_all(&[octet]).unwrap();
    }
    usage_when(&place, "the third, octet by octet", |u| octets(u) == 4123);
    drop(stream);
    until("the end", || daemon.log().contains("closed by the exporter"));
    let log = daemon.stop();
    assert!(!log.contains("WARN"), "{log}");
    let usage = place.json("usage -o json");
    assert_eq!(number(&usage, "completeness.datagrams_received"), 3);
    assert_eq!(number(&usage, "completeness.records_lost"), 0);
}

/// Each has the template id 256, and each means something else by it.
#[test]
fn templates_of_one_connection_do_not_serve_another() {
    let place = Place::new();
    let (daemon, to) = tcp(&place, "");
    let mut one = TcpStream::connect(to).unwrap();
    let mut two = TcpStream::connect(to).unwrap();
    one.write_all(&ipfix(0, &[templates(2), data(&[flow(100)])])).unwrap();
    usage_when(&place, "the first connection", |u| octets(u) == 100);
    // No template came this way: what comes first waits, and is lost with its connection.
    two.write_all(&ipfix(0, &[data(&[flow(1_000_000)])])).unwrap();
    usage_when(&place, "a set that waits", |u| u["completeness"]["records_awaiting_template"] == 1);
    let mut three = TcpStream::connect(to).unwrap();
    // Octets (element 1) of two octets, packets (2) of one.
    let other = netflow::set(2, &netflow::template(256, &[(1, 2), (2, 1)]));
    three.write_all(&ipfix(0, &[other, netflow::set(256, &[0x30, 0x39, 7])])).unwrap();
    usage_when(&place, "another template with the same id", |u| octets(u) == 100 + 12_345);
    one.write_all(&ipfix(1, &[data(&[flow(5)])])).unwrap();
    usage_when(&place, "the first connection again", |u| octets(u) == 100 + 12_345 + 5);
    drop(two);
    usage_when(&place, "the set that was given up", |u| u["completeness"]["held_dropped"] == 1);
    // The next connection begins with nothing, too.
    drop(one);
    let mut four = TcpStream::connect(to).unwrap();
    four.write_all(&ipfix(0, &[data(&[flow(9)])])).unwrap();
    usage_when(&place, "another set that waits", |u| u["completeness"]["records_awaiting_template"] == 1);
    daemon.stop();
    let usage = place.json("usage -o json");
    assert_eq!(octets(&usage), 12_450);
    assert_eq!(usage["balance"]["difference"], 0);
}

#[test]
fn what_is_no_message_ends_its_connection_and_no_other() {
    let place = Place::new();
    let (daemon, to) = tcp(&place, "");
    let good = ipfix(0, &[templates(2), data(&[flow(1)])]);
    let mut healthy = TcpStream::connect(to).unwrap();
    let send = |tail: &[u8]| {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(&[&good, tail].concat()).unwrap();
        stream
    };
    until_closed(send(&netflow::v5(0, &[flow(1)])));
    until_closed(send(&[0, 10, 0, 15]));
    // Gone in the middle of a message.
    drop(send(&good[..30]));
    let usage = usage_when(&place, "three ends", |u| {
        ["bad_version", "bad_length", "cut"]
            .iter()
            .all(|word| reason(u, &format!("connection_errors:{word}")) == 1)
    });
    assert_eq!(octets(&usage), 3);
    healthy.write_all(&good).unwrap();
    usage_when(&place, "the other connection", |u| octets(u) == 4);
    let log = daemon.stop();
    assert!(log.contains("begins no IPFIX message: the version is 5, not 10"), "{log}");
    assert!(log.contains("says it has 15 octets"), "{log}");
    assert!(log.contains("it ended 30 octets into a message"), "{log}");
}

#[test]
fn there_are_not_more_connections_than_configured_and_none_idles_for_ever() {
    let place = Place::new();
    let (daemon, to) = tcp(&place, "connections = 2\nidle_s = 3\n");
    let good = ipfix(0, &[templates(2), data(&[flow(1)])]);
    let mut open: Vec<TcpStream> = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(&good).unwrap();
        open.push(stream);
    }
    usage_when(&place, "two connections", |u| octets(u) == 2);
    until_closed(TcpStream::connect(to).unwrap());
    usage_when(&place, "a third that is refused", |u| reason(u, "refused:connection_limit") == 1);
    open.into_iter().for_each(until_closed);
    usage_when(&place, "the silent ones ended", |u| reason(u, "connection_errors:idle") == 2);
    // There is room again.
    TcpStream::connect(to).unwrap().write_all(&good).unwrap();
    usage_when(&place, "the next", |u| octets(u) == 3);
    let log = daemon.stop();
    assert!(log.contains("as many are open as `connections` of [[listen]] says"), "{log}");
}

#[test]
fn who_is_not_on_the_list_is_not_heard() {
    let place = Place::new();
    let udp = free_port();
    let more = format!("[[listen]]\nudp = \"{udp}\"\n\n[collect]\nallow = [\"127.0.0.2/32\"]\n");
    let (daemon, to) = tcp(&place, &format!("\n{more}"));
    let good = ipfix(0, &[templates(2), data(&[flow(1)])]);
    until_closed(TcpStream::connect(to).unwrap());
    let stranger = std::net::UdpSocket::bind("127.0.0.3:0").unwrap();
    stranger.send_to(&good, udp).unwrap();
    stranger.send_to(&good, udp).unwrap();
    let friend = std::net::UdpSocket::bind("127.0.0.2:0").unwrap();
    friend.send_to(&good, udp).unwrap();
    let usage = usage_when(&place, "refusals", |u| reason(u, "refused:not_allowed") == 3 && octets(u) == 1);
    assert_eq!(number(&usage, "completeness.datagrams_received"), 3);
    let log = daemon.stop();
    assert!(log.contains("datagram refused: it is not among those that may speak"), "{log}");
    assert_eq!(log.matches("exporter=127.0.0.3").count(), 1, "once in ten seconds: {log}");
}

#[test]
fn more_than_an_exporter_may_is_refused_over_udp_and_waits_over_tcp() {
    let place = Place::new();
    let udp = free_port();
    let more = format!("[[listen]]\nudp = \"{udp}\"\n\n[collect]\ndatagrams_per_second = 5\n");
    let (daemon, to) = tcp(&place, &format!("\n{more}"));
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for i in 0..50 {
        socket.send_to(&netflow::v5(i, &[flow(1)]), udp).unwrap();
    }
    let usage = usage_when(&place, "fifty datagrams", |u| u["completeness"]["datagrams_received"] == 50);
    let refused = reason(&usage, "refused:exporter_limit");
    // A second's worth, and what more came due while they were sent.
    assert!((30..=45).contains(&refused), "{refused}");
    assert_eq!(octets(&usage) + refused, 50);
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(&ipfix(0, &[templates(2)])).unwrap();
    for i in 0..12 {
        stream.write_all(&ipfix(i, &[data(&[flow(1000)])])).unwrap();
    }
    let all = octets(&usage) + 12_000;
    let usage = usage_when(&place, "all of the connection", |u| octets(u) == all);
    assert_eq!(reason(&usage, "refused:exporter_limit"), refused);
    daemon.stop();
}

#[test]
fn both_families_and_several_listeners() {
    let test = "both_families_and_several_listeners";
    if TcpListener::bind("[::1]:0").is_err() {
        return weir_testkit::skip(test, "no IPv6 here");
    }
    let place = Place::new();
    let port = free_tcp("127.0.0.1").port();
    let other = free_tcp("127.0.0.1");
    let configuration = format!(
        "[[listen]]\ntcp = \"[::]:{port}\"\nudp = \"[::]:{port}\"\n\n[[listen]]\ntcp = \"{other}\"\n"
    );
    let daemon = collector(&place, &configuration, &format!("listening on tcp {other}"));
    for (to, octets) in
        [(format!("127.0.0.1:{port}"), 1), (format!("[::1]:{port}"), 20), (other.to_string(), 300)]
    {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(&ipfix(0, &[templates(2), data(&[flow(octets)])])).unwrap();
        // Of the same address and port, over UDP: another session, which knows none of that template.
        if octets == 1 {
            let datagrams = std::net::UdpSocket::bind(stream.local_addr().unwrap()).unwrap();
            datagrams.send_to(&ipfix(1, &[data(&[flow(5000)])]), ("127.0.0.1", port)).unwrap();
        }
    }
    usage_when(&place, "a set that waits", |u| u["completeness"]["records_awaiting_template"] == 1);
    usage_when(&place, "three connections", |u| octets(u) == 321);
    daemon.stop();
    let top = place.json("top exporter -o json");
    let rows = top["rows"].as_array().unwrap();
    let by = |name: &str| rows.iter().find(|row| row["exporter"] == name).unwrap()["octets"].clone();
    assert_eq!((by("127.0.0.1"), by("::1")), (301.into(), 20.into()));
}

/// Where the kernel has SCTP, it is heard; where not, that is said. Which it is, Python's sockets find out.
#[test]
fn sctp_where_the_kernel_has_it() {
    let test = "sctp_where_the_kernel_has_it";
    if weir_testkit::program("python3").is_none() {
        return weir_testkit::skip(test, "python3 is not installed");
    }
    let python =
        |script: &str| Command::new("python3").args(["-c", script]).stderr(Stdio::null()).status().unwrap();
    let has_sctp = python("import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)").success();
    let place = Place::new();
    let to = free_tcp("127.0.0.1");
    let listen = format!("[[listen]]\nsctp = \"{to}\"\n");
    if !has_sctp {
        place.write("weir.toml", format!("[store]\npath = \"store\"\n{listen}"));
        let said = place.fails("run -c weir.toml", 1);
        let cure = "the kernel has no SCTP: load the module `sctp`, or listen on tcp or udp";
        return assert!(said.contains(cure), "{said}");
    }
    let daemon = collector(&place, &listen, &format!("listening on sctp {to}"));
    let hex: String =
        ipfix(0, &[templates(2), data(&[flow(66)])]).iter().map(|octet| format!("{octet:02x}")).collect();
    let sent = python(&format!(
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132); \
         s.connect(('127.0.0.1', {})); s.sendall(bytes.fromhex('{hex}')); s.close()",
        to.port()
    ));
    assert!(sent.success());
    usage_when(&place, "the message", |u| octets(u) == 66);
    daemon.stop();
}

/// A capture of softflowd's IPFIX, once over UDP and once over TCP and TLS: the same figures.
#[test]
fn what_is_sent_over_connections_is_what_was_captured() {
    let test = "what_is_sent_over_connections_is_what_was_captured";
    let place = Place::new();
    let Some(()) = authority(test, &place) else { return };
    let fixture = weir_testkit::repository().join("testdata/captures/softflowd-v10/export.pcap");
    if !fixture.exists() {
        return weir_testkit::skip(test, "there is no capture of IPFIX");
    }
    place.bring(&fixture, "export.pcap");
    let expected = number(&place.json("top src_addr -o json -r export.pcap"), "total.octets");
    let (tcp, tls) = (free_tcp("127.0.0.1"), free_tcp("127.0.0.1"));
    let configuration = format!(
        "[[listen]]\ntcp = \"{tcp}\"\n\n[[listen]]\ntls = \"{tls}\"\ncertificate = \"server.pem\"\nkey = \"server.key\"\n\
         client_ca = \"ca.pem\"\n"
    );
    let daemon = collector(&place, &configuration, &format!("listening on tls {tls}"));
    let sent = place.json(&format!("send export.pcap --to {tcp} --tcp -o json"));
    assert!(number(&sent, "datagrams") > 0 && sent["not_ipfix"] == 0, "{sent}");
    usage_when(&place, "the capture over TCP", |u| octets(u) == expected);
    place.done(&format!(
        "send export.pcap --to localhost:{} --tls --ca ca.pem --cert client.pem --key client.key",
        tls.port()
    ));
    usage_when(&place, "the capture over TLS", |u| octets(u) == 2 * expected);
    let log = daemon.stop();
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn without_a_certificate_of_ours_nobody_is_heard() {
    let test = "without_a_certificate_of_ours_nobody_is_heard";
    let place = Place::new();
    let Some(()) = authority(test, &place) else { return };
    let to = free_tcp("127.0.0.1");
    let configuration = format!(
        "[[listen]]\ntls = \"{to}\"\ncertificate = \"server.pem\"\nkey = \"server.key\"\nclient_ca = \"ca.pem\"\n"
    );
    let daemon = collector(&place, &configuration, &format!("listening on tls {to}"));
    place.write("export.ipfix", ipfix(0, &[templates(2), data(&[flow(77)])]));
    let send = |more: &str| {
        place.weir(&format!("send export.ipfix --to localhost:{} --tls --ca ca.pem {more}", to.port()))
    };
    let nobody = send("");
    assert_eq!(nobody.code, Some(1), "{}", nobody.err);
    assert!(nobody.err.contains("CertificateRequired"), "{}", nobody.err);
    // Signed by itself.
    let stranger = send("--cert stranger.pem --key stranger.key");
    assert_eq!(stranger.code, Some(1), "{}", stranger.err);
    // Somebody who speaks no TLS at all.
    let mut bare = TcpStream::connect(to).unwrap();
    bare.write_all(&ipfix(0, &[templates(2)])).unwrap();
    until_closed(bare);
    usage_when(&place, "refusals", |u| {
        reason(u, "refused:certificate") == 2 && reason(u, "connection_errors:tls") == 1
    });
    let friend = send("--cert client.pem --key client.key");
    assert_eq!(friend.code, Some(0), "{}", friend.err);
    let usage = usage_when(&place, "the friend", |u| octets(u) == 77);
    assert_eq!(number(&usage, "completeness.datagrams_received"), 1);
    // Independent of our own client: OpenSSL's.
    let mut openssl = Command::new("openssl")
        .args(["s_client", "-quiet", "-CAfile", "ca.pem", "-cert", "client.pem", "-key", "client.key"])
        .args(["-verify_return_error", "-connect", &to.to_string()])
        .current_dir(place.path("."))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(&ipfix(0, &[templates(2), data(&[flow(1000)])])).unwrap();
    usage_when(&place, "OpenSSL's client", |u| octets(u) == 1077);
    let _ = openssl.kill();
    openssl.wait().unwrap();
    daemon.stop();
}

/// Makes an authority, a server's and a client's certificate, and a stranger's, in the place.
fn authority(test: &str, place: &Place) -> Option<()> {
    if weir_testkit::program("openssl").is_none() {
        weir_testkit::skip(test, "openssl is not installed");
        return None;
    }
    let script = r#"
set -e
own() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout $1.key -out $1.pem -subj /CN=$1 2>/dev/null; }
signed() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr -subj /CN=$1 2>/dev/null
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n' > $1.ext
  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile $1.ext -out $1.pem 2>/dev/null
}
own ca; own stranger; signed server; signed client
"#;
    let made = Command::new("sh").arg("-c").arg(script).current_dir(place.path(".")).status().unwrap();
    assert!(made.success());
    Some(())
}

/// What was told to stop still takes what has arrived, whatever more comes.
#[test]
fn a_stop_does_not_wait_for_connections() {
    let place = Place::new();
    let (daemon, to) = tcp(&place, "");
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(&ipfix(0, &[templates(2), data(&[flow(42)])])).unwrap();
    usage_when(&place, "the message", |u| octets(u) == 42);
    let log = daemon.stop();
    assert!(log.contains("stopped; everything received is stored"), "{log}");
    stream.shutdown(Shutdown::Both).ok();
}

#[test]
fn connections_that_come_and_go_do_not_write_the_log() {
    let place = Place::new();
    let (daemon, to) = tcp(&place, "");
    for number in 0..600 {
        let mut stream = TcpStream::connect(to).unwrap();
        // A third says nothing, a third what is no IPFIX, a third goes in the middle of a message.
        match number % 3 {
            0 => {}
            1 => stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap(),
            _ => stream.write_all(&ipfix(0, &[templates(2)])[..20]).unwrap(),
        }
        drop(stream);
    }
    let all = |usage: &Value| {
        usage["completeness"]["reasons"].as_object().is_some_and(|reasons| {
            let errors = reasons.iter().filter(|(name, _)| name.starts_with("connection_errors:"));
            errors.map(|(_, n)| n.as_u64().unwrap()).sum::<u64>() == 400
        })
    };
    usage_when(&place, "four hundred connections that failed", all);
    let log = daemon.stop();
    let lines = log.lines().filter(|line| line.contains("connection")).count();
    assert!(lines <= 60, "{lines} lines\n{log}");
    // What was not said is counted, and that is said: of each kind all but those that had a line.
    let told = |word: &str| log.lines().filter(|line| line.contains(word)).count() as u64;
    let held_back = |reason: &str| -> u64 {
        let parts =
            log.lines().filter(|line| line.contains("… and ")).flat_map(|line| line.split([':', ',']));
        parts.filter_map(|part| part.trim().strip_suffix(&format!(" {reason}"))?.parse::<u64>().ok()).sum()
    };
    assert_eq!(
        held_back("connection_opened") + told(" INFO connection from ") - told("closed by"),
        600,
        "{log}"
    );
    assert_eq!(held_back("connection_closed") + told("closed by"), 200, "{log}");
}
