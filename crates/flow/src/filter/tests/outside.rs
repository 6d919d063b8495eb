//! Files and hosts, as a caller hands them in.

use super::super::{Filter, Mistake, Names, Outside};
use crate::Addr;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug)]
struct World {
    files: BTreeMap<&'static str, &'static str>,
    hosts: BTreeMap<&'static str, Vec<Addr>>,
}

impl Outside for World {
    fn file(&self, path: &str) -> Result<String, String> {
        self.files.get(path).map(ToString::to_string).ok_or("no such file".into())
    }

    fn addresses(&self, host: &str) -> Result<Vec<Addr>, String> {
        self.hosts.get(host).cloned().ok_or("no such host".into())
    }
}

fn names() -> Names {
    let files = BTreeMap::from([
        ("nets.txt", "# ours\n10.0.0.0/8, 192.0.2.1\n\n2001:db8::/32 # six\n"),
        ("my ports", "80 443\n8000-8100\r\nssh\n"),
        ("as.txt", "AS64500\n64501"),
        ("empty", "# nothing\n"),
        ("wrong", "10.0.0.0/8\n10.0.0.1/8\n"),
        ("office", "src in @nets.txt\nor www.example.org # and no more"),
        ("bad", "tcp and\n  prot udp"),
        ("loop", "tcp or @loop2"),
        ("loop2", "udp or @loop"),
    ]);
    let addr = |text: &str| text.parse().unwrap();
    let hosts = BTreeMap::from([
        ("www.example.org", vec![addr("192.0.2.80"), addr("2001:db8::80")]),
        ("desk-1", vec![addr("10.0.0.5")]),
    ]);
    Names {
        outside: Some(Arc::new(World { files, hosts })),
        services: vec![("backup".into(), 9101), ("ssh".into(), 2222)],
        ..Names::default()
    }
}

fn same(text: &str, plain: &str) {
    let filter = Filter::parse_with(text, &names()).unwrap_or_else(|m| panic!("{}", m.render(text)));
    assert_eq!(filter, Filter::parse(plain).unwrap(), "{text}");
    assert_eq!(Filter::parse(&filter.to_string()).as_ref(), Ok(&filter), "{filter}");
}

fn mistake(text: &str) -> Mistake {
    let mistake = Filter::parse_with(text, &names()).unwrap_err();
    assert!(text.get(mistake.place.clone()).is_some());
    mistake
}

#[test]
fn a_list_without_brackets_is_no_host_named_in() {
    for text in ["ip in 10.0.0.0/8", "host in 10.0.0.1", "src_addr in 10.0.0.0/8"] {
        let mistake = mistake(text);
        assert_eq!(text.get(mistake.place.clone()), Some("in"), "{text}");
        assert!(
            mistake.message.starts_with("a list in brackets, or @file, is expected after `in`"),
            "{text}"
        );
    }
}

#[test]
fn files_are_lists() {
    let nets = "[10.0.0.0/8, 192.0.2.1, 2001:db8::/32]";
    same("src in @nets.txt", &format!("src net in {nets}"));
    same("src @nets.txt", &format!("src net in {nets}"));
    same("net @nets.txt", &format!("net in {nets}"));
    same("src ip in @nets.txt and tcp", &format!("src ip in {nets} and tcp"));
    same("src_addr not in @nets.txt", &format!("src_addr not in {nets}"));
    same("ip in [172.16.0.0/12, @nets.txt]", "ip in [172.16.0.0/12, 10.0.0.0/8, 192.0.2.1, 2001:db8::/32]");
    same("dst port in @\"my ports\"", "dst port in [22, 80, 443, 8000-8100]");
    same("as in @as.txt or tcp", "as in [64500, 64501] or tcp");
    same("src and dst net in @nets.txt", &format!("src and dst net in {nets}"));
    same("src or dst net in @nets.txt", &format!("net in {nets}"));
}

#[test]
fn files_are_filters() {
    // Within the file a value alone belongs to the words before it, as anywhere.
    let office = "src in [10.0.0.0/8, 192.0.2.1, 2001:db8::/32, 192.0.2.80, 2001:db8::80]";
    same("@office", office);
    same("tcp and @office", &format!("tcp and {office}"));
    same("tcp and not @include office", &format!("tcp and not {office}"));
    same("@include \"office\"", office);
    same("@empty", "any");
}

#[test]
fn mistakes_in_files_say_the_line() {
    let told = |text: &str| {
        let mistake = mistake(text);
        (text.get(mistake.place.clone()).unwrap().to_owned(), mistake.message)
    };
    assert_eq!(told("src in @wrong").0, "@wrong");
    assert_eq!(
        told("src in @wrong").1,
        "in `wrong`, line 2: `10.0.0.1/8` has bits beyond its length (did you mean `10.0.0.0/8`?)"
    );
    assert_eq!(told("src in @empty").1, "there is no value in `empty`");
    assert_eq!(told("src in @gone").1, "cannot read the file `gone`: no such file");
    assert_eq!(
        told("tcp or @bad").1,
        "in `bad`, line 2: `prot` is no word of filters (did you mean `proto`?)"
    );
    assert_eq!(told("port in @nets.txt").1.split(':').next(), Some("in `nets.txt`, line 2"));
    assert!(told("@loop").1.ends_with("`loop` names itself"), "{}", told("@loop").1);
}

#[test]
fn hosts_have_all_their_addresses() {
    same("host www.example.org", "host in [192.0.2.80, 2001:db8::80]");
    same("src host desk-1", "src host 10.0.0.5");
    same("src www.example.org or 10.0.0.9", "src host in [192.0.2.80, 2001:db8::80, 10.0.0.9]");
    same("host desk-1 or www.example.org", "host in [10.0.0.5, 192.0.2.80, 2001:db8::80]");
    same("ip in [desk-1, 10.0.0.6]", "ip in [10.0.0.5, 10.0.0.6]");
    same("next ip desk-1", "next_hop 10.0.0.5");
    same("remote host desk-1", "remote host 10.0.0.5");
    let gone = mistake("tcp and host www.example.net");
    assert_eq!(
        (gone.place, gone.message.as_str()),
        (13..28, "no address is known of the host `www.example.net`: no such host")
    );
}

#[test]
fn services_of_the_machine_come_after_those_known_everywhere() {
    same("port backup", "port 9101");
    same("service backup or https", "port in [9101, 443]");
    same("port ssh", "port 22");
}
