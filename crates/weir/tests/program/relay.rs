//! What goes onward. Untouched datagrams are compared octet by octet; what was converted is read by nfcapd and by a
//! second weir, and must come to the same totals.

use crate::daemon::{Daemon, free_port, until, usage_when};
use crate::flowgen;
use crate::netflow::{self, Flow};
use crate::run::{Place, number};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

fn flow(octets: u32) -> Flow {
    let (src, dst) = ([192, 0, 2, 1], [198, 51, 100, 2]);
    Flow { src, dst, src_port: 40_000, dst_port: 443, octets, packets: 1 }
}

fn collector(place: &Place, configuration: &str) -> (Daemon, SocketAddr) {
    let to = free_port();
    let text = format!("[store]\npath = \"store\"\n\n[[listen]]\nudp = \"{to}\"\n\n{configuration}");
    place.write("weir.toml", text);
    (Daemon::start_as_configured(place, &format!("listening on udp {to}")), to)
}

/// A receiver that waits a while.
fn receiver() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 65_536];
    let (len, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer[..len].to_vec(), from)
}

fn reason(usage: &Value, name: &str) -> u64 {
    usage["completeness"]["reasons"][name].as_u64().unwrap_or_default()
}

/// Every protocol, what is none, and the largest datagram there is.
#[test]
fn datagrams_go_onward_untouched_to_all() {
    let place = Place::new();
    let [(one, first), (two, second)] = [receiver(), receiver()];
    let (daemon, to) = collector(&place, &format!("[[relay]]\nto = [\"{first}\", \"{second}\"]\n"));
    let datagrams = [
        netflow::v5(0, &[flow(100)]),
        netflow::ipfix(0, &[netflow::templates(2), netflow::data(&[flow(300)])]),
        netflow::sflow(0, &[netflow::sample(0, &flow(400))]),
        b"no flow export at all".to_vec(),
        Vec::new(),
        vec![0xee; 65_507],
    ];
    let exporters: Vec<UdpSocket> =
        (1..=3).map(|i| UdpSocket::bind(format!("127.0.0.{i}:0")).unwrap()).collect();
    let mut ports: BTreeMap<SocketAddr, BTreeSet<SocketAddr>> = BTreeMap::new();
    for exporter in &exporters {
        for datagram in &datagrams {
            exporter.send_to(datagram, to).unwrap();
            for socket in [&one, &two] {
                let (got, from) = receive(socket);
                assert!(got == *datagram, "{} octets became {}", datagram.len(), got.len());
                ports.entry(exporter.local_addr().unwrap()).or_default().insert(from);
            }
        }
    }
    // From a port of its own each, so that the receiver can tell them apart.
    let all: BTreeSet<_> = ports.values().flatten().collect();
    assert!(ports.values().all(|own| own.len() == 1) && all.len() == 3, "{ports:?}");
    let log = daemon.stop();
    assert!(log.contains("relaying datagrams as they come to"), "{log}");
}

#[test]
fn an_exporter_always_meets_the_same_target_and_all_have_some() {
    let place = Place::new();
    let receivers: Vec<_> = (0..3).map(|_| receiver()).collect();
    let targets: Vec<String> = receivers.iter().map(|(_, to)| format!("\"{to}\"")).collect();
    let relay = format!(
        "[[exporter]]\nname = \"core\"\naddress = \"127.0.9.1\"\n\n[[relay]]\nto = [{}]\nmode = \"balance\"\n\
         exporters = [\"127.0.1.0/24\", \"core\"]\n",
        targets.join(", ")
    );
    let (daemon, to) = collector(&place, &relay);
    let exporter = |address: String| UdpSocket::bind(format!("{address}:0")).unwrap();
    for round in 0..4u32 {
        for i in 1..=30u32 {
            exporter(format!("127.0.1.{i}")).send_to(&netflow::v5(round, &[flow(i)]), to).unwrap();
            // These are not to go onward.
            exporter(format!("127.0.2.{i}")).send_to(&netflow::v5(round, &[flow(1000 + i)]), to).unwrap();
        }
    }
    exporter("127.0.9.1".to_owned()).send_to(&netflow::v5(0, &[flow(31)]), to).unwrap();
    usage_when(&place, "all of it", |u| u["completeness"]["datagrams_received"] == 241);
    daemon.stop();
    let mut met: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    let mut count = 0;
    for (at, (socket, _)) in receivers.iter().enumerate() {
        socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 2000];
        while let Ok((len, _)) = socket.recv_from(&mut buffer) {
            assert_eq!(len, 72);
            met.entry(u32::from_be_bytes(buffer[44..48].try_into().unwrap())).or_default().insert(at);
            count += 1;
        }
    }
    assert_eq!((count, met.len()), (121, 31));
    assert!(met.values().all(|targets| targets.len() == 1), "{met:?}");
    assert_eq!(met.values().flatten().collect::<BTreeSet<_>>().len(), 3, "{met:?}");
    let usage = place.json("usage -o json");
    assert_eq!(reason(&usage, "relay_dropped:send_error"), 0);
}

/// Two namespaces and a cable: the receiver sees the exporter's address and port, also of a datagram that is larger
/// than the cable takes.
#[test]
fn the_exporter_s_address_is_kept() {
    let test = "the_exporter_s_address_is_kept";
    if !weir_testkit::is_root() {
        return weir_testkit::skip(test, "namespaces need root");
    }
    let Some(_) = weir_testkit::program("python3") else {
        return weir_testkit::skip(test, "python3 is not installed");
    };
    let Some(_) = weir_testkit::program("ip") else {
        return weir_testkit::skip(test, "ip is not installed");
    };
    let cable = Cable::new();
    if !cable.is_there {
        return weir_testkit::skip(test, "no namespaces can be made here");
    }
    let place = Place::new();
    place.write(
        "weir.toml",
        "[store]\npath = \"store\"\n[[listen]]\nudp = \"[::]:2055\"\n\
         [[relay]]\nto = [\"10.77.0.2:9995\", \"[fd77::2]:9995\"]\nsource = \"keep\"\n",
    );
    let receive = "import json, socket\n\
        got = []\n\
        for family, any in ((socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, 'fd77::2')):\n\
        \x20   s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(40); s.bind((any, 9995)); got.append(s)\n\
        print('ready', flush=True)\n\
        out = []\n\
        for s, n in ((got[0], 2), (got[1], 2)):\n\
        \x20   for _ in range(n):\n\
        \x20       data, peer = s.recvfrom(65536); out.append([peer[0], peer[1], data.hex()])\n\
        print(json.dumps(out), flush=True)\n";
    let mut receiver = cable.exec(1, &["python3", "-c", receive]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(receiver.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let log = std::fs::File::create(place.path("run.log")).unwrap();
    let config = place.path("weir.toml").display().to_string();
    let weir = cable
        .exec(0, &[env!("CARGO_BIN_EXE_weir"), "run", "-c", &config])
        .current_dir(place.path("."))
        .stderr(log)
        .spawn();
    let mut weir = Guard(weir.unwrap());
    let said = || std::fs::read_to_string(place.path("run.log")).unwrap();
    until("weir run to listen", || said().contains("listening on udp"));
    // Exporters that live elsewhere: addresses of the loopback of weir's namespace.
    let send = "import socket, sys\n\
        small, large = bytes([0, 5, 1, 2, 3]), bytes(i % 251 for i in range(6001))\n\
        four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); four.bind(('192.0.2.7', 40007))\n\
        six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); six.bind(('2001:db8::7', 40007))\n\
        for data in (small, large):\n\
        \x20   four.sendto(data, ('192.0.2.7', 2055)); six.sendto(data, ('2001:db8::7', 2055))\n";
    assert!(cable.exec(0, &["python3", "-c", send]).status().unwrap().success());
    let got: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    receiver.wait().unwrap();
    let large: String = (0..6001u32).map(|i| format!("{:02x}", i % 251)).collect();
    let mut expected = Vec::new();
    for from in ["192.0.2.7", "2001:db8::7"] {
        expected.push(serde_json::json!([from, 40_007, "0005010203"]));
        expected.push(serde_json::json!([from, 40_007, large]));
    }
    assert_eq!(got, Value::Array(expected));
    weir.0.kill().unwrap();
    weir.0.wait().unwrap();
    // Each family reaches the target of its own, and the other is counted: see `other_family`.
}

/// Killed when dropped.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Two network namespaces with a cable of 1500 octets between them.
struct Cable {
    names: [String; 2],
    is_there: bool,
}

impl Cable {
    fn new() -> Self {
        let id = std::process::id();
        let names = [format!("weir-a{id}"), format!("weir-b{id}")];
        let mut cable = Self { names, is_there: false };
        let [a, b] = &cable.names;
        let script = format!(
            "set -e\nip netns add {a}; ip netns add {b}\n\
             ip link add va{id} netns {a} type veth peer name vb{id} netns {b}\n\
             for n in {a} {b}; do ip -n $n link set lo up; done\n\
             ip -n {a} link set va{id} up; ip -n {b} link set vb{id} up\n\
             ip -n {a} addr add 10.77.0.1/24 dev va{id}; ip -n {b} addr add 10.77.0.2/24 dev vb{id}\n\
             ip -n {a} addr add fd77::1/64 dev va{id} nodad; ip -n {b} addr add fd77::2/64 dev vb{id} nodad\n\
             ip -n {a} addr add 192.0.2.7/32 dev lo; ip -n {a} addr add 2001:db8::7/128 dev lo\n\
             ip -n {b} route add default via 10.77.0.1; ip -n {b} -6 route add default via fd77::1\n"
        );
        cable.is_there = Command::new("sh").arg("-c").arg(script).status().is_ok_and(|s| s.success());
        cable
    }

    fn exec(&self, side: usize, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[side]]).args(words).stdin(Stdio::null());
        command
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).stderr(Stdio::null()).status();
        }
    }
}

#[test]
fn v5_is_converted_to_v9() {
    converts("v5_is_converted_to_v9", "v5", "netflow9");
}

#[test]
fn v9_is_converted_to_ipfix() {
    converts("v9_is_converted_to_ipfix", "v9", "ipfix");
}

#[test]
fn ipfix_is_converted_to_v9() {
    converts("ipfix_is_converted_to_v9", "ipfix", "netflow9");
}

#[test]
fn v9_is_converted_to_v5() {
    converts("v9_is_converted_to_v5", "v9", "netflow5");
}

#[test]
fn sflow_is_converted_to_ipfix() {
    converts("sflow_is_converted_to_ipfix", "sflow", "ipfix");
}

/// Generated traffic of three exporters through weir, in another format, to a second weir and to nfcapd.
fn converts(test: &str, from: &str, to: &str) {
    const FLOWS: u64 = 20_000;
    let place = Place::new();
    let second = Place::new();
    let listening = Daemon::start(&second);
    let nfcapd = Nfcapd::start(&place);
    let also = nfcapd.as_ref().map(|nfcapd| format!(", \"{}\"", nfcapd.to)).unwrap_or_default();
    let relay = format!("[[relay]]\nto = [\"{}\"{also}]\nas = \"{to}\"\n", listening.to);
    let (daemon, at) = collector(&place, &relay);
    let Some(program) = flowgen::program() else {
        return weir_testkit::skip(test, "no ../shared/tools/flowgen");
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let six = if to == "netflow5" { "0" } else { "0.15" };
    let made = Command::new(program)
        .args([
            "--flows",
            &FLOWS.to_string(),
            "--proto",
            from,
            "--sources",
            "3",
            "--start",
            &(now - 3600).to_string(),
        ])
        .args(["--pps", "1500", "--v6", if from == "v5" { "0" } else { six }, "--send", &at.to_string()])
        .output()
        .unwrap();
    assert!(made.status.success(), "flowgen: {}", String::from_utf8_lossy(&made.stderr));
    let there = usage_when(&place, "everything there", |u| u["balance"]["decoded"]["flows"] == FLOWS);
    let sent = &there["balance"]["decoded"];
    let usage =
        usage_when(&second, "everything on the other side", |u| u["balance"]["decoded"]["flows"] == FLOWS);
    let log = daemon.stop();
    assert!(log.contains(&format!("relaying records as {to}")), "{log}");
    assert_eq!(usage["balance"]["decoded"], *sent);
    for nothing in ["records_lost", "duplicate_datagrams", "reordered", "datagrams_undecodable", "malformed"]
    {
        assert_eq!(number(&usage["completeness"], nothing), 0, "{nothing}");
    }
    listening.stop();
    // Every exporter has a domain of its own there, with the same totals.
    let by = |place: &Place, what: &str| {
        let top = place.json(&format!("top {what} -o json"));
        let rows = top["rows"].as_array().unwrap().iter();
        rows.map(|row| [number(row, "octets"), number(row, "packets"), number(row, "flows")])
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(by(&place, "exporter,domain"), by(&second, "domain"));
    for what in ["src_addr -n 100000", "dst_addr,dst_port,proto -n 100000"] {
        assert_eq!(by(&place, what), by(&second, what), "{what}");
    }
    let usage = place.json("usage -o json");
    let reasons = usage["completeness"]["reasons"].as_object().unwrap();
    // Some of the generator's AS numbers have 32 bits.
    let is_narrow = |key: &&String| key.starts_with("relay") && *key != "relay_narrowed:as_number";
    assert_eq!(reasons.keys().find(is_narrow), None);
    assert_eq!(reasons.contains_key("relay_narrowed:as_number"), to == "netflow5");
    let Some(nfcapd) = nfcapd else {
        return weir_testkit::skip(test, "nfcapd is not installed");
    };
    // nfdump 1.7 does not scale by the interval of a record (element 34): it shows what was measured.
    let listing = place.done("flows -o ndjson");
    let rows = listing.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let measured = rows.fold([0, 0], |[octets, packets], row| {
        [octets + number(&row, "measured_octets"), packets + number(&row, "measured_packets")]
    });
    nfcapd.assert(&place, FLOWS, measured[0], measured[1]);
}

/// nfdump's collector.
struct Nfcapd {
    child: Guard,
    to: SocketAddr,
}

impl Nfcapd {
    fn start(place: &Place) -> Option<Self> {
        weir_testkit::program("nfdump")?;
        let program = weir_testkit::program("nfcapd")?;
        let to = free_port();
        std::fs::create_dir(place.path("nfcapd")).unwrap();
        let child = Command::new(program)
            .args(["-b", "127.0.0.1", "-B", "8000000", "-p", &to.port().to_string(), "-w"])
            .arg(place.path("nfcapd"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(place.path("nfcapd.log")).unwrap())
            .spawn()
            .unwrap();
        let port = format!(":{:04X} ", to.port());
        until("nfcapd to listen", || std::fs::read_to_string("/proc/net/udp").unwrap().contains(&port));
        Some(Self { child: Guard(child), to })
    }

    /// Stops it, and compares what it has.
    fn assert(mut self, place: &Place, flows: u64, octets: u64, packets: u64) {
        let told =
            Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.0.id())).status().unwrap();
        assert!(told.success());
        self.child.0.wait().unwrap();
        let said = Command::new("nfdump").arg("-I").arg("-R").arg(place.path("nfcapd")).output().unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let figure = |name: &str| -> u64 {
            let line = said.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            line.unwrap_or_else(|| panic!("no {name} in {said}")).trim().parse().unwrap()
        };
        assert_eq!([figure("Flows"), figure("Bytes"), figure("Packets")], [flows, octets, packets], "{said}");
        assert_eq!(figure("Sequence failures"), 0, "{said}");
    }
}

/// A relay to our own listener is refused, written so or so.
#[test]
fn a_relay_to_ourselves_is_refused() {
    let place = Place::new();
    let config = |to: &str| {
        place.write(
            "weir.toml",
            format!(
                "[store]\npath = \"store\"\n[[listen]]\nudp = \"[::]:20559\"\n[[relay]]\nto = [\"{to}\"]\n"
            ),
        );
    };
    config("127.0.0.1:20559");
    let said = place.fails("check -c weir.toml", 1);
    assert!(said.contains("weir.toml:6: 127.0.0.1:20559 is our own listener udp [::]:20559"), "{said}");
    // An address of this machine that only this machine knows to be one.
    let probe = UdpSocket::bind("0.0.0.0:0").unwrap();
    if probe.connect("192.0.2.1:9").is_ok() && !probe.local_addr().unwrap().ip().is_loopback() {
        let own = probe.local_addr().unwrap().ip();
        config(&format!("{own}:20559"));
        let said = place.fails("run -c weir.toml", 1);
        assert!(said.contains("would send to our own listener"), "{said}");
    }
}

/// What v5 cannot carry is counted by reason, and what it can goes on.
#[test]
fn what_the_format_cannot_carry_is_counted() {
    let place = Place::new();
    let (socket, to) = receiver();
    let (daemon, at) = collector(&place, &format!("[[relay]]\nto = [\"{to}\"]\nas = \"netflow5\"\n"));
    let template = netflow::template(300, &[(27, 16), (28, 16), (1, 8), (2, 4)]);
    let six = [&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..]; 2].concat();
    let record = [&six[..], &500u64.to_be_bytes(), &1u32.to_be_bytes()].concat();
    let sets = [
        netflow::set(2, &template),
        netflow::set(300, &record),
        netflow::templates(2),
        netflow::data(&[flow(70)]),
    ];
    let exporter = UdpSocket::bind("127.0.0.1:0").unwrap();
    exporter.send_to(&netflow::ipfix(0, &sets), at).unwrap();
    let (got, _) = receive(&socket);
    assert_eq!((got.len(), &got[..4]), (72, &[0, 5, 0, 1][..]));
    assert_eq!(got[44..48], 70u32.to_be_bytes());
    let usage = usage_when(&place, "the count", |u| reason(u, "relay_unconvertible:ipv6") == 1);
    assert_eq!(number(&usage, "balance.decoded.octets"), 570);
    daemon.stop();
}
