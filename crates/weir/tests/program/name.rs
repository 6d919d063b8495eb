//! What is known of addresses: from files of names, from a name server of our own, and from files in MaxMind's format
//! that are written here.

use crate::closing;
use crate::daemon::{Daemon, usage_when};
use crate::dice::Dice;
use crate::mmdb::{self, Value as Datum};
use crate::netflow::{self, Octets};
use crate::run::Place;
use serde_json::{Value, json};
use simple_dns::rdata::{PTR, RData};
use simple_dns::{CLASS, Name, Packet, RCODE, ResourceRecord};
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A name server that knows 192.0.2.7, and counts its questions.
fn name_server() -> (SocketAddr, Arc<AtomicU64>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            count.fetch_add(1, Ordering::SeqCst);
            let query = Packet::parse(&buffer[..length]).unwrap();
            let question = query.questions[0].clone();
            let mut reply = Packet::new_reply(query.id());
            if question.qname.to_string() == "7.2.0.192.in-addr.arpa" {
                let data = RData::PTR(PTR(Name::new_unchecked("seven.example.org")));
                reply.answers.push(ResourceRecord::new(question.qname.clone(), CLASS::IN, 86_400, data));
            } else {
                *reply.rcode_mut() = RCODE::NameError;
            }
            reply.questions.push(question);
            socket.send_to(&reply.build_bytes_vec().unwrap(), from).unwrap();
        }
    });
    (at, asked)
}

/// Files of names, countries and systems, and the name server.
fn place() -> (Place, Arc<AtomicU64>) {
    let (server, asked) = name_server();
    let place = Place::with(&format!(
        "[names]\nhosts = \"names.txt\"\ngeo = \"geo.mmdb\"\nasn = \"asn.mmdb\"\nservers = [\"{server}\"]\n\
         [[tenant]]\nname = \"ours\"\nnetworks = [\"192.168.31.0/24\"]\n\
         [[exporter]]\nname = \"core\"\naddress = \"127.0.0.1\"\n"
    ));
    place.write("names.txt", "# ours\n192.168.31.2 desk-1 alias\n");
    let country = |code| Datum::Map(vec![("country", Datum::Map(vec![("iso_code", Datum::Text(code))]))]);
    place.write("geo.mmdb", mmdb::write(&[("192.0.2.0", 24, country("DE"))]));
    place.write(
        "asn.mmdb",
        mmdb::write(&[
            ("192.0.2.0", 25, system(64_500, "Example One")),
            ("192.0.2.128", 25, system(64_501, "Example, Two")),
            ("2001:db8::", 32, system(65_546, "Example \u{1b}[31mSix")),
        ]),
    );
    (place, asked)
}

fn system(number: u32, name: &'static str) -> Datum {
    Datum::Map(vec![
        ("autonomous_system_number", Datum::Number(number)),
        ("autonomous_system_organization", Datum::Text(name)),
    ])
}

/// What is said without a remark.
fn done(place: &Place, line: &str) -> String {
    let answer = place.weir(line);
    assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""), "weir {line}");
    answer.out
}

#[test]
fn what_is_known_stands_beside_the_address() {
    let (place, asked) = place();
    let line = "name 192.168.31.2 192.0.2.7 192.0.2.200 2001:db8::1 127.0.0.1 -o json";
    let mut told: Value = serde_json::from_str(&done(&place, line)).unwrap();
    let as_of = told["addresses"][1].as_object_mut().unwrap().remove("as_of").unwrap();
    assert_eq!(
        told["addresses"],
        json!([
            { "address": "192.168.31.2", "name": "desk-1", "source": "names" },
            {
                "address": "192.0.2.7", "name": "seven.example.org", "source": "dns", "country": "DE", "as": 64_500,
                "organization": "Example One"
            },
            { "address": "192.0.2.200", "country": "DE", "as": 64_501, "organization": "Example, Two" },
            { "address": "2001:db8::1", "as": 65_546, "organization": "Example [31mSix" },
            { "address": "127.0.0.1", "name": "core", "source": "exporter" },
        ])
    );
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    // Answered before: nobody is asked again, not even about those without a name.
    let csv = done(&place, "name 192.0.2.7 192.0.2.200 192.0.2.7 -o csv");
    assert_eq!(
        csv,
        format!(
            "address,name,source,as_of,country,as,organization\n\
             192.0.2.7,seven.example.org,dns,{},DE,64500,Example One\n\
             192.0.2.200,,,,DE,64501,\"Example, Two\"\n",
            as_of.as_str().unwrap()
        )
    );
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    let table = done(&place, "name 192.0.2.7");
    assert!(table.contains("192.0.2.7  seven.example.org  dns   "), "{table}");
    // Unless one asks for that.
    done(&place, "name --again 192.0.2.7");
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[test]
fn nothing_is_asked_where_no_server_is_wanted() {
    let place = Place::with("[names]\nservers = []\n");
    let told: Value = serde_json::from_str(&done(&place, "name 192.0.2.7 -o ndjson")).unwrap();
    assert_eq!(told, json!({ "address": "192.0.2.7" }));
    let dumped = place.done("check --dump");
    assert!(dumped.contains("[names]\nservers = []\nprivate = false\nwait_ms = 2000\n"), "{dumped}");
}

/// A server that says nothing, and one that may not be asked: the answer comes all the same, and says so.
#[test]
fn silence_is_said_and_holds_nothing_up() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = socket.local_addr().unwrap();
    let place = Place::with(&format!("[names]\nservers = [\"{server}\"]\nwait_ms = 50\n"));
    let answer = place.weir("name 192.0.2.7 -o ndjson");
    assert_eq!((answer.code, answer.out.as_str()), (Some(0), "{\"address\":\"192.0.2.7\"}\n"));
    assert!(answer.err.contains(&format!("no answer from the name server {server}")), "{}", answer.err);
    assert!(!place.path("cache/weir/names").exists(), "silence is not kept");
    let place = Place::with("[names]\nservers = [\"8.8.8.8\"]\n");
    let answer = place.weir("name 10.1.2.3 -o ndjson");
    assert_eq!((answer.code, answer.out.as_str()), (Some(0), "{\"address\":\"10.1.2.3\"}\n"));
    assert!(answer.err.contains("not asked about private addresses: 1, "), "{}", answer.err);
}

/// Two flows from outside to a host of ours, with the systems that the exporter says.
fn told(place: &Place) {
    let fields = [(8, 4), (12, 4), (1, 4), (2, 4), (16, 4), (17, 4)];
    let template = netflow::set(2, &netflow::template(320, &fields));
    let record = |from: [u8; 4], octets, system| {
        let ends = Octets::default().all(&from).all(&[192, 168, 31, 2]);
        ends.u32(octets).u32(1).u32(system).u32(64_496).0
    };
    let records = [record([192, 0, 2, 7], 2000, 64_500), record([192, 0, 2, 200], 1000, 64_501)].concat();
    let daemon = Daemon::start(place);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&netflow::ipfix(0, &[template, netflow::set(320, &records)]), daemon.to).unwrap();
    usage_when(place, "the datagram", |u| u["completeness"]["datagrams_received"] == 1);
    daemon.stop();
}

#[test]
fn names_are_beside_the_numbers_of_top_and_flows() {
    let (place, asked) = place();
    told(&place);
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody is asked where datagrams come in");
    let top: Value = serde_json::from_str(&done(&place, "top src,dst,src_as --names -o json")).unwrap();
    let plain: Value = serde_json::from_str(&place.done("top src,dst,src_as -o json")).unwrap();
    let known = |name: &str| plain["rows"][0].get(name).is_some();
    for (row, was) in top["rows"].as_array().unwrap().iter().zip(plain["rows"].as_array().unwrap()) {
        for (member, value) in was.as_object().unwrap() {
            assert_eq!(row[member], *value, "{member} is as it is without names");
        }
    }
    assert_eq!(
        top["rows"][0],
        json!({
            "src_addr": "192.0.2.7", "dst_addr": "192.168.31.2", "src_as": 64_500, "octets": 2000, "packets": 1, "flows": 1,
            "src_addr_name": "seven.example.org", "src_addr_country": "DE", "src_addr_as": 64_500,
            "src_addr_organization": "Example One", "dst_addr_name": "desk-1", "src_as_name": "Example One"
        })
    );
    assert!(!known("src_addr_name"), "{plain:#}");
    assert_eq!(top["rows"][1]["src_addr_organization"], "Example, Two");
    let table = done(&place, "top src,dst,dst_as -n 5 --names");
    for cell in
        ["192.0.2.7 seven.example.org, DE", "192.0.2.200 AS64501 Example, Two, DE", "192.168.31.2 desk-1"]
    {
        assert!(table.contains(cell), "{table}");
    }
    let csv = done(&place, "top src -n 1 --names -o csv");
    assert_eq!(
        csv,
        "src_addr,octets,packets,flows,src_addr_name,src_addr_country,src_addr_as,src_addr_organization\n\
         192.0.2.7,2000,1,1,seven.example.org,DE,64500,Example One\n"
    );
    assert!(done(&place, "top exporter --names").contains("core"));
    let flows = done(&place, "flows --names --sort octets -o ndjson");
    let first: Value = serde_json::from_str(flows.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["src_addr"], &first["src_addr_name"]),
        (&json!("192.0.2.7"), &json!("seven.example.org"))
    );
    assert_eq!((&first["src_addr_as"], &first["dst_addr_name"]), (&json!(64_500), &json!("desk-1")));
    assert!(first.get("dst_addr_as").is_none() && first.get("nat_src_addr_name").is_none(), "{first}");
    let table = done(&place, "flows --names");
    assert!(
        table.contains("192.0.2.7 seven.example.org, DE") && table.contains("192.168.31.2 desk-1"),
        "{table}"
    );
    let csv = done(&place, "flows --names -o csv");
    let columns: Vec<usize> =
        csv.lines().map(|line| line.replace("Example, Two", "").split(',').count()).collect();
    assert!(columns.iter().all(|count| *count == columns[0]), "{csv}");
    assert!(csv.lines().next().unwrap().ends_with(",nat_dst_addr_organization"), "{csv}");
    // 192.0.2.7 and 192.0.2.200, once each.
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    // A host of ours by its name, in a filter and in the accounts.
    assert_eq!(place.json("top dst 'host desk-1' -o json")["total"]["octets"], 3000);
    assert_eq!(place.json("usage --hosts -o json")["tenants"][0]["hosts"][0]["name"], "desk-1");
}

/// A closed statement has the names that the operator gave when it was closed, and none of the DNS.
#[test]
fn a_closed_statement_keeps_its_names() {
    let (server, asked) = name_server();
    let place = closing::place();
    let configured = fs::read_to_string(place.path("weir.toml")).unwrap();
    place.write(
        "weir.toml",
        format!("{configured}\n[names]\nhosts = \"names.txt\"\nservers = [\"{server}\"]\n"),
    );
    place.write("names.txt", "10.31.0.5 desk-1\n");
    place.done("close --period 2025-10");
    let closed =
        ["", " -o json", " -o csv"].map(|form| place.done(&format!("statement acme --period 2025-10{form}")));
    assert!(closed[0].contains("10.31.0.5 desk-1"), "{}", closed[0]);
    place.write("names.txt", "10.31.0.5 desk-2\n");
    let again =
        ["", " -o json", " -o csv"].map(|form| place.done(&format!("statement acme --period 2025-10{form}")));
    assert_eq!(again, closed);
    place.done("verify");
    assert!(place.done("statement acme --period 2025-11").contains("10.31.0.5 desk-2"));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    // A file that is named and is not there is said, and no statement is made without its names.
    fs::remove_file(place.path("names.txt")).unwrap();
    assert!(place.fails("close --period 2025-11", 1).contains("cannot read the names in"));
}

/// A file with octets that are wrong says something, or nothing, or that it is no such file.
#[test]
fn damaged_files_of_places_are_survived() {
    let place = Place::with("[names]\nasn = \"asn.mmdb\"\nservers = []\n");
    let good = mmdb::write(&[
        ("192.0.2.0", 25, system(64_500, "Example One")),
        ("2001:db8::", 32, system(1, "Six")),
    ]);
    let mut dice = Dice::new(5);
    for _ in 0..40 {
        let mut bad = good.clone();
        for _ in 0..3 {
            let at = dice.below(bad.len());
            bad[at] = u8::try_from(dice.below(256)).unwrap();
        }
        bad.truncate(bad.len() - dice.below(3) * dice.below(100));
        place.write("asn.mmdb", &bad);
        let answer = place.weir("name 192.0.2.7 2001:db8::1 -o ndjson");
        let is_told = answer.code == Some(1) && answer.err.contains("cannot read");
        assert!(is_told || (answer.code == Some(0) && answer.out.lines().count() == 2), "{}", answer.err);
    }
}

#[test]
fn mistakes_say_what_to_do() {
    let place =
        Place::with("[names]\ngeo = \"missing.mmdb\"\nservers = [\"nowhere\"]\nhost = \"x\"\nwait_ms = -1\n");
    let said = place.fails("check", 1);
    assert!(said.contains("\"nowhere\" is no address of a name server"), "{said}");
    assert!(said.contains("did you mean \"hosts\"?"), "{said}");
    assert!(said.contains("wait_ms is no whole number from 0 to 60000"), "{said}");
    let place = Place::with("[names]\ngeo = \"names.txt\"\nservers = []\n");
    place.write("names.txt", "no database");
    for line in ["name 192.0.2.7", "check"] {
        assert!(place.fails(line, 1).contains("is it a file in MaxMind's format"));
    }
    assert!(place.fails("name example.org", 2).contains("\"example.org\" is no address"));
    assert!(place.fails("name 192.0.2.7 -o parquet", 2).contains("no answer in columns"));
}
