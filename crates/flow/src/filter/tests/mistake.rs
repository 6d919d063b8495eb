//! Mistakes: the place, and what to write instead.

use super::super::{DEPTH_MAX, Filter, Mistake, TEXT_BYTES_MAX};
use super::names;

fn mistake(text: &str) -> Mistake {
    match Filter::parse_with(text, &names()) {
        Ok(filter) => panic!("{text} is no mistake but {filter}"),
        Err(mistake) => mistake,
    }
}

#[test]
fn suggestions_put_in_their_place_make_it_right() {
    for (text, place, suggestion) in [
        ("prot tcp", "prot", "proto"),
        ("prot 80", "prot", "port"),
        ("porto tcp", "porto", "proto"),
        ("dst prot 80", "prot", "port"),
        ("hots 10.0.0.1", "hots", "host"),
        ("src hots 10.0.0.1", "hots", "host"),
        ("src 80", "80", "port 80"),
        ("in 5", "5", "if 5"),
        ("443", "443", "port 443"),
        ("https", "https", "port https"),
        ("port htps", "htps", "https"),
        ("proto tpc", "tpc", "tcp"),
        ("net 192.168.31.5/24", "192.168.31.5/24", "192.168.31.0/24"),
        ("net 2001:db8::1/32", "2001:db8::1/32", "2001:db8::/32"),
        ("port 80 host 10.0.0.1", "host", "and host"),
        ("tcp udp", "udp", "and udp"),
        ("port 80 443", "443", "or 443"),
        ("port 80 adn host 10.0.0.1", "adn", "and"),
        ("(port 80 or port 443", "", ")"),
        ("port in [80, 443", "", "]"),
        ("tcp & udp", "&", "&&"),
        ("tcp | udp", "|", "||"),
        ("tenant \"avtotrade", "\"avtotrade", "\"avtotrade\""),
        ("tenant avtotrad", "avtotrad", "avtotrade"),
        ("avtotrade", "avtotrade", "tenant avtotrade"),
        ("group camps", "camps", "campus"),
        ("campus", "campus", "group campus"),
        ("exporter coer", "coer", "core"),
        ("core", "core", "exporter core"),
        ("duration > 60", "60", "60s"),
        ("direction inn", "inn", "in"),
        ("flags syx", "syx", "syn"),
        ("flags S/A", "S/A", "S/SA"),
        ("port \"80\"", "\"80\"", "80"),
        ("ocets > 5", "ocets", "octets"),
        ("dport 53", "dport", "dst port"),
        ("host 192.168", "192.168", "192.168.0.0/16"),
        ("net 10.1/8", "10.1/8", "10.0.0.0/8"),
        ("time 8-18", "8-18", "08:00-18:00"),
        ("weekday fry", "fry", "fri"),
        ("weekday munday", "munday", "monday"),
        ("local 22", "22", "port 22"),
        ("octets/duration > 5", "octets/duration", "bps"),
        // nfdump takes it for "none of them", which is not what `not` is.
        ("not flags SA", "not flags SA", "flags 0/SA"),
        ("flags 18", "18", "= 18"),
        ("less 100", "less 100", "octets/packets <= 100"),
        ("greater 100", "greater 100", "octets/packets >= 100"),
        ("vlan", "vlan", "vlan > 0"),
        ("tcp and inbound", "inbound", "direction in"),
        ("ip broadcast", "broadcast", "and dst 255.255.255.255"),
        ("ident core", "ident", "exporter"),
        ("engine-id 5", "engine-id", "domain"),
        ("prev as 5", "prev", "src"),
        ("mpls label2 5", "mpls label2", "mpls_label"),
        ("router core", "router", "exporter"),
        // A value belongs to the condition right before it, not to one further back.
        ("vlan 3 and tcp and 443", "443", "port 443"),
        ("(port 80) or 443", "443", "port 443"),
        ("src_port > 80 or 443", "443", "port 443"),
    ] {
        let mistake = mistake(text);
        assert_eq!(text.get(mistake.place.clone()), Some(place), "{text}: {mistake}");
        assert_eq!(mistake.suggestion.as_deref(), Some(suggestion), "{text}: {mistake}");
        let mut right = text.to_owned();
        right.replace_range(mistake.place.clone(), suggestion);
        assert!(Filter::parse_with(&right, &names()).is_ok(), "{right}");
    }
}

/// Texts, the place that is wrong, and why.
const UNGUESSED: &[(&str, &str, &str)] = &[
    ("port 65536", "65536", "`65536` is more than the greatest value there is, 65535"),
    (
        "port 99999999999999999999999999999999999999999",
        "99999999999999999999999999999999999999999",
        "`99999999999999999999999999999999999999999` is more than the greatest value there is, 65535",
    ),
    ("port 90-80", "90-80", "the range `90-80` ends before it begins"),
    ("port", "", "`port` needs a value: a port's number or a service's name"),
    ("port and tcp", "and", "`port` needs a value: a port's number or a service's name"),
    ("host example.org", "example.org", "`example.org` is not an address (host names are not looked up)"),
    ("net 10.0.0.0/33", "10.0.0.0/33", "the length of the prefix `10.0.0.0/33` is not a number from 0 to 32"),
    ("src in @nets.txt", "@nets.txt", "cannot read the file `nets.txt`: no files are read here"),
    ("src in @", "@", "after `@` the name of a file is missing"),
    (
        "net 10.0.0.0 255.0.255.0",
        "255.0.255.0",
        "the ones of the netmask `255.0.255.0` do not all stand at its beginning",
    ),
    (
        "flows > 1",
        "flows",
        "no `flows`: a filter is about single records, each of which is one flow: `weir top` counts them",
    ),
    ("tcp[0:2] = 80", "[0:2]", "of a packet's octets, flows know tcp[tcpflags]"),
    (
        "tcp[tcpflags] & tcp-syn = 18",
        "= 18",
        "flags are compared with `=` and `!=`, and no other flags than those before it",
    ),
    (
        "time 08:00-08:00",
        "08:00-08:00",
        "`08:00-08:00` is not a time of day like 08:00, or a span of it like 08:00-18:00",
    ),
    (
        "local port != 22",
        "!= 22",
        "`local port` looks at several columns, of which one may differ: write `not local port …`",
    ),
    ("tcp)", ")", "this parenthesis was never opened"),
    ("()", "()", "there is nothing in these parentheses"),
    ("port in []", "[]", "there is nothing in this list"),
    ("tcp and", "", "a condition is missing at the end"),
    ("and tcp", "and", "a condition is missing before `and`"),
    ("= 5", "=", "`=` has nothing before it to compare"),
    ("port != 80", "!= 80", "`port` looks at several columns, of which one may differ: write `not port …`"),
    ("src_port < 0", "< 0", "no value is left that could match"),
    ("src_port > 65535", "> 65535", "no value is left that could match"),
    ("host > 10.0.0.1", "> 10.0.0.1", "the values of `host` have no order: compare with `=` or a list"),
    (
        "direction sideways",
        "sideways",
        "`sideways` is none of the words there are: in, out, local, transit, unmatched, duplicate",
    ),
    ("tenant nobody", "nobody", "there is no tenant `nobody` (put a former tenant's name in quotes)"),
    ("group nobody", "nobody", "no tenant is in a group `nobody`"),
    ("group \"floor 3\"", "\"floor 3\"", "no tenant is in a group `floor 3`"),
    ("own group", "", "`group` needs a value: a name"),
    ("exporter \"10.0.0.1\"", "\"10.0.0.1\"", "no exporter has this name: \"10.0.0.1\""),
    (
        "src or dst tenant x",
        "tenant",
        "`host`, `net`, `port`, `as`, `vlan`, `mac` or `mask` is expected after `src`",
    ),
    ("dscp 64", "64", "`dscp` needs a code point: 0 to 63, ef, cs0 to cs7 or af11 to af43"),
    ("start > yesterday", "yesterday", "`yesterday` is not a time like 2026-10-01 or 2026-10-01T08:00:00Z"),
];

#[test]
fn mistakes_without_a_guess_have_a_place_and_a_reason() {
    for (text, place, message) in UNGUESSED {
        let mistake = mistake(text);
        assert_eq!(text.get(mistake.place.clone()), Some(*place), "{text}: {mistake}");
        assert_eq!(mistake.message, *message, "{text}");
        assert_eq!(mistake.suggestion, None, "{text}");
    }
}

#[test]
fn a_mistake_is_shown_under_its_line() {
    let text = "src net 192.168.31.0/24 and  # the office\n  prot tcp";
    assert_eq!(
        mistake(text).render(text),
        "`prot` is no word of filters\n    prot tcp\n    ^^^^\n    did you mean `proto`?"
    );
    let text = "tenant \"ООО Авто\" prot tcp";
    assert_eq!(
        mistake(text).render(text),
        "`and` or `or` is missing before `prot`\n  tenant \"ООО Авто\" prot tcp\n                    ^^^^\n                    did you mean `and prot`?"
    );
}

#[test]
fn names_are_checked_only_where_they_are_known() {
    assert!(Filter::parse("tenant nobody").is_ok());
    assert_eq!(mistake("exporter nobody").message, "no exporter has this name: nobody");
    let unnamed = Filter::parse("exporter core").unwrap_err();
    assert_eq!(unnamed.message, "no exporter is named in the configuration: core");
    // In quotes a tenant of the past can be asked for.
    assert!(Filter::parse_with("tenant \"nobody\"", &names()).is_ok());
}

#[test]
fn depth_and_length_have_limits() {
    let nested = |depth: usize| format!("{}tcp{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&nested(DEPTH_MAX)).is_ok());
    let deep = Filter::parse(&nested(DEPTH_MAX + 1)).unwrap_err();
    assert_eq!((deep.message.as_str(), deep.place), ("parentheses are more than 64 deep", 64..65));
    assert!(Filter::parse(&"(".repeat(200_000)).is_err());
    // Nothing is read twice within parentheses, which would double with each of them.
    assert!(Filter::parse(&"src and dst port (".repeat(60)).is_err());
    // `not` is counted, not nested.
    assert_eq!(Filter::parse(&format!("{}tcp", "not ".repeat(10_001))).unwrap().to_string(), "not proto tcp");
    let alternating = (0..DEPTH_MAX).fold("tcp".to_owned(), |text, _| format!("not (udp and {text})"));
    let filter = Filter::parse(&alternating).unwrap();
    assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter);
    assert!(Filter::parse(&" ".repeat(TEXT_BYTES_MAX + 1)).is_err());
}

#[test]
fn long_lists_are_read() {
    let hosts: Vec<String> = (0..15_000u32).map(|n| std::net::Ipv4Addr::from(n * 2).to_string()).collect();
    let list = Filter::parse(&format!("ip in [{}]", hosts.join(","))).unwrap();
    let chain = Filter::parse(&format!("host {}", hosts.join(" or "))).unwrap();
    assert_eq!(list, chain);
}
