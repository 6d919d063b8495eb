//! A server of the DNS in a thread, which answers some questions well, some badly and some not at all.

use super::*;
use simple_dns::rdata::{PTR, RData, SOA};
use simple_dns::{CLASS, Name, Packet, PacketFlag, RCODE, ResourceRecord};
use std::net::{Ipv4Addr, UdpSocket};

/// Long enough for everything, and not reached where all goes well.
const LONG: Duration = Duration::from_secs(30);

fn addr(text: &str) -> Addr {
    text.parse().unwrap()
}

/// What the server does with a question, by the last octet of the address.
fn answers(query: &Packet<'_>, count: u64) -> Vec<Vec<u8>> {
    let question = query.questions[0].clone();
    let asked = question.qname.to_string();
    let reply = |id: u16, names: &[&'static str]| {
        let mut reply = Packet::new_reply(id);
        reply.questions.push(question.clone());
        for name in names {
            let data = RData::PTR(PTR(Name::new_unchecked(name)));
            reply.answers.push(ResourceRecord::new(question.qname.clone(), CLASS::IN, 7200, data));
        }
        reply
    };
    let wire = |reply: Packet<'_>| reply.build_bytes_vec().unwrap();
    let good = |name: &'static str| wire(reply(query.id(), &[name]));
    let code = |code: RCODE| {
        let mut reply = reply(query.id(), &[]);
        *reply.rcode_mut() = code;
        reply
    };
    match asked.split('.').next().unwrap() {
        // An answer with another id, one about something else, noise, and then the true one.
        "1" => {
            let mut other = reply(query.id(), &["forged.example.org"]);
            other.questions[0].qname = Name::new_unchecked("9.9.9.9.in-addr.arpa");
            vec![
                wire(reply(query.id() ^ 1, &["forged.example.org"])),
                wire(other),
                wire(query.clone()),
                vec![0xff; 300],
                Vec::new(),
                good("Host.Example.org"),
            ]
        }
        // A name that would command a terminal, then one that is well.
        "2" => vec![wire(reply(query.id(), &["bad name\u{1b}[31m", "two.example.org"]))],
        // There is none, and for how long.
        "3" => {
            let mut none = code(RCODE::NameError);
            let zone = SOA {
                mname: Name::new_unchecked("ns.example.org"),
                rname: Name::new_unchecked("root.example.org"),
                serial: 1,
                refresh: 1,
                retry: 1,
                expire: 1,
                minimum: 300,
            };
            none.name_servers.push(ResourceRecord::new(question.qname, CLASS::IN, 900, RData::SOA(zone)));
            vec![wire(none)]
        }
        // The first question is lost.
        "4" if count == 1 => Vec::new(),
        "4" => vec![good("slow.example.org")],
        // Never.
        "5" => Vec::new(),
        "6" => vec![wire(code(RCODE::ServerFailure))],
        // Longer than anything that a server may send.
        "7" => vec![[good("long.example.org"), vec![0; 5000]].concat()],
        "8" => {
            let mut cut = code(RCODE::NoError);
            cut.set_flags(PacketFlag::TRUNCATION);
            vec![wire(cut)]
        }
        _ => vec![good("other.example.org")],
    }
}

fn server() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let query = Packet::parse(&buffer[..length]).unwrap();
            let count = counts.entry(query.questions[0].qname.to_string()).or_default();
            *count += 1;
            for message in answers(&query, *count) {
                socket.send_to(&message, from).unwrap();
            }
        }
    });
    at
}

/// A server that hears and says nothing; it is there as long as the socket.
fn mute() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = socket.local_addr().unwrap();
    (socket, at)
}

fn name(asked: &Asked, address: &str) -> Option<Said> {
    asked.answers.get(&addr(address)).map(|answer| answer.said.clone())
}

fn is(text: &str) -> Option<Said> {
    Some(Said::Name(text.to_owned()))
}

#[test]
fn names_come_from_the_server_that_is_asked_and_from_nobody_else() {
    let asked: Vec<Addr> = (1..10).map(|n| addr(&format!("192.0.2.{n}"))).collect();
    let found = ask(&[server()], &asked, false, LONG);
    assert_eq!(name(&found, "192.0.2.1"), is("host.example.org"));
    assert_eq!(name(&found, "192.0.2.2"), is("two.example.org"));
    assert_eq!(name(&found, "192.0.2.3"), Some(Said::Nothing));
    assert_eq!(name(&found, "192.0.2.4"), is("slow.example.org"));
    for failed in ["192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8"] {
        assert_eq!(name(&found, failed), Some(Said::Failed), "{failed}");
    }
    assert_eq!(name(&found, "192.0.2.9"), is("other.example.org"));
    let ttl = |n: usize| found.answers.get(&asked[n]).and_then(|answer| answer.ttl_s);
    assert_eq!((ttl(0), ttl(2), ttl(4)), (Some(7200), Some(300), None));
    assert_eq!((found.silent, found.withheld), (Vec::new(), 0));
}

#[test]
fn addresses_of_ipv6_are_asked_nibble_by_nibble() {
    // Its last nibble is its first label: the server takes it for the fourth, and loses the first question.
    let found = ask(&[server()], &[addr("2001:db8::4")], false, LONG);
    assert_eq!(name(&found, "2001:db8::4"), is("slow.example.org"));
}

#[test]
fn the_next_server_is_asked_what_the_first_leaves_open() {
    let (socket, quiet) = mute();
    // Nobody is there: the system says so, or says nothing.
    let (gone, nobody) = mute();
    drop(gone);
    let found = ask(&[nobody, quiet, server()], &[addr("192.0.2.1")], false, LONG);
    assert_eq!(name(&found, "192.0.2.1"), is("host.example.org"));
    assert_eq!(found.silent, [nobody, quiet]);
    drop(socket);
}

#[test]
fn a_server_that_says_nothing_leaves_nothing_behind() {
    let (socket, quiet) = mute();
    let asked: Vec<Addr> = (0..2000u32).map(|n| Addr::from(Ipv4Addr::from(0x0a00_0000 + n))).collect();
    let begun = Instant::now();
    let found = ask(&[quiet], &asked, false, Duration::from_millis(300));
    // Not how long it took, but that it did not take what asking all of them twice would.
    assert!(begun.elapsed() < LONG);
    assert!(found.answers.is_empty(), "silence says nothing of an address");
    assert_eq!(found.silent, [quiet]);
    drop(socket);
    let nobody = ask(&[], &asked, false, LONG);
    assert!(nobody.answers.is_empty() && nobody.silent.is_empty());
}

#[test]
fn more_than_fit_at_once_are_asked_in_turn() {
    let asked: Vec<Addr> = (0..1000u32).map(|n| Addr::from(Ipv4Addr::from(0x0a00_000b + (n << 8)))).collect();
    let found = ask(&[server()], &asked, false, LONG);
    let named = found.answers.values().filter(|answer| answer.said == Said::Name("other.example.org".into()));
    assert_eq!(named.count(), 1000);
}

#[test]
fn public_servers_are_not_asked_about_private_addresses() {
    // A public server that no question may reach: it would be asked nothing but private addresses.
    let public: SocketAddr = "8.8.8.8:53".parse().unwrap();
    let private = [addr("10.1.2.3"), addr("fd00::1"), addr("100.64.0.1"), addr("169.254.1.1")];
    let found = ask(&[public], &private, false, LONG);
    assert!(found.answers.is_empty() && found.silent.is_empty(), "nobody was asked");
    assert_eq!(found.withheld, 4);
    // A server inside of the network is.
    let found = ask(&[server()], &private, false, LONG);
    assert_eq!((name(&found, "10.1.2.3"), found.withheld), (Some(Said::Nothing), 0));
}

#[test]
fn inside_is_what_the_registries_say() {
    for inside in [
        "10.0.0.1",
        "172.31.0.1",
        "192.168.0.1",
        "100.127.0.1",
        "127.0.0.53",
        "169.254.0.1",
        "192.0.2.1",
        "198.19.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "::1",
        "::",
        "fd12::1",
        "fe80::1",
        "2001:db8::1",
        "ff02::1",
    ] {
        assert!(is_inside(inside.parse().unwrap()), "{inside}");
    }
    for public in
        ["1.1.1.1", "172.32.0.1", "100.128.0.1", "198.20.0.1", "223.255.255.1", "2001:db9::1", "2606::1"]
    {
        assert!(!is_inside(public.parse().unwrap()), "{public}");
    }
}

#[test]
fn servers_of_a_system() {
    let text = "# x\nsearch example.org\nnameserver 192.0.2.53\n nameserver\t2001:db8::53 # y\nnameserver fe80::1%eth0\n\
                nameservers 192.0.2.9\n";
    let found = servers(text);
    assert_eq!(found, ["192.0.2.53:53".parse().unwrap(), "[2001:db8::53]:53".parse().unwrap()]);
}
