//! Filters as people write them, and the rows they find.

use super::super::{Bound, Bounds, Conjunct, Filter, Names};
use super::{eval, names};
use crate::batch::RowBuilder;
use crate::names::{Direction, Version};
use crate::schema::Column;
use crate::{Addr, Batch};

/// 2026-10-01T00:00:00Z.
const DAY: i64 = 1_790_812_800_000;

fn addr(text: &str) -> Addr {
    text.parse().unwrap()
}

/// Six flows of one morning, told apart by their numbers.
///
/// 0: the office browses (TCP, SYN ACK FIN, 12 MB in 90 s) · 1: it asks a name server (UDP, translated) ·
/// 2: an IPv6 ping · 3: a scan (SYN only) · 4: ESP, without ports, with AS numbers and VLANs · 5: nothing known.
fn morning() -> Batch {
    let mut batch = Batch::new();
    batch.set_names(["ООО Авто".into(), "avtotrade".into()].into());
    let flow = |src: &str, dst: &str, proto: u64, start: i64, end: i64| {
        RowBuilder::new()
            .time(Column::Start, DAY + start)
            .time(Column::End, DAY + end)
            .addr(Column::SrcAddr, addr(src))
            .addr(Column::DstAddr, addr(dst))
            .unsigned(Column::Proto, proto)
    };
    let ports = |row: RowBuilder, src, dst| row.unsigned(Column::SrcPort, src).unsigned(Column::DstPort, dst);
    ports(flow("192.168.31.2", "203.0.113.7", 6, 0, 90_000), 50_000, 443)
        .unsigned(Column::TcpFlags, 0x13)
        .unsigned(Column::Tenant, 1)
        .unsigned(Column::IngressIf, 5)
        .unsigned(Column::EgressIf, 7)
        .addr(Column::Exporter, addr("192.0.2.1"))
        .unsigned(Column::ProtocolVersion, Version::V9.code().into())
        .direction(Direction::Out)
        .traffic(12_000_000, 8000)
        .push(&mut batch);
    ports(flow("192.168.32.9", "9.9.9.9", 17, 60_000, 60_000), 40_000, 53)
        .addr(Column::NatSrcAddr, addr("198.51.100.1"))
        .unsigned(Column::Tenant, 1)
        .unsigned(Column::PeerTenant, 0)
        .unsigned(Column::IngressIf, 7)
        .addr(Column::Exporter, addr("192.0.2.2"))
        .unsigned(Column::Tos, 0xb8)
        .direction(Direction::Local)
        .traffic(80, 1)
        .push(&mut batch);
    flow("2001:db8:31::2", "2001:db8::53", 58, 0, 60_001)
        .unsigned(Column::IcmpType, 128)
        .unsigned(Column::IcmpCode, 0)
        .unsigned(Column::Tenant, 0)
        .addr(Column::Exporter, addr("2001:db8::1"))
        .direction(Direction::In)
        .traffic(1500, 10)
        .push(&mut batch);
    ports(flow("198.51.100.66", "192.168.31.2", 6, 10_000, 10_999), 80, 22)
        .unsigned(Column::TcpFlags, 0x02)
        .direction(Direction::Unmatched)
        .traffic(40, 1)
        .push(&mut batch);
    flow("10.1.2.3", "10.1.2.4", 50, -1, 86_400_000)
        .unsigned(Column::SrcAs, 64_500)
        .unsigned(Column::DstAs, 65_546)
        .unsigned(Column::SrcVlan, 31)
        .unsigned(Column::DstVlan, 32)
        .unsigned(Column::SrcMac, 0x0200_5e00_0001)
        .traffic(1000, 2)
        .push(&mut batch);
    RowBuilder::new().push(&mut batch);
    batch
}

/// The numbers of the rows a filter finds.
fn found(text: &str) -> Vec<usize> {
    let filter = Filter::parse_with(text, &names()).unwrap_or_else(|m| panic!("{}", m.render(text)));
    let rows = eval(&filter, &morning());
    assert_eq!(rows.len(), 6);
    rows.iter().enumerate().filter(|(_, found)| **found).map(|(row, _)| row).collect()
}

#[test]
fn the_contracts_examples() {
    assert_eq!(found("src net 192.168.31.0/24 and dst port 443"), [0]);
    assert_eq!(found("host 192.168.31.2"), [0, 3]);
    assert_eq!(found("net 192.168.0.0/16"), [0, 1, 3]);
    assert_eq!(found("port 53"), [1]);
    assert_eq!(found("proto tcp"), [0, 3]);
    assert_eq!(found("as 64500"), [4]);
    assert_eq!(found("src as 64500"), [4]);
    assert!(found("dst as 64500").is_empty());
    assert_eq!(found("dst as 1.10"), [4]);
    assert_eq!(found("if 7"), [0, 1]);
    assert_eq!(found("in if 7"), [1]);
    assert_eq!(found("out if 7"), [0]);
    assert_eq!(found("exporter core"), [0, 2]);
    assert_eq!(found("exporter 192.0.2.2"), [1]);
    assert_eq!(found("tenant avtotrade"), [0, 1]);
    assert_eq!(found("tenant \"ООО Авто\""), [1, 2]);
    assert_eq!(found("vlan 31"), [4]);
    assert_eq!(found("octets > 10M"), [0]);
    assert_eq!(found("packets = 1"), [1, 3]);
    assert_eq!(found("duration > 60s"), [0, 2, 4]);
    assert_eq!(found("flags S and not flags A"), [3]);
    assert_eq!(found("tos 184"), [1]);
    assert_eq!(found("ip in [10.1.2.3, 9.9.9.9, 2001:db8:31::/48]"), [1, 2, 4]);
    assert!(found("proto tcp and not (port 22 or port 443) # nothing left").is_empty());
}

#[test]
fn nothing_and_comments_are_everything() {
    for text in ["", " \n\t", "# all of it", "any", "any and any", "any or port 1"] {
        assert_eq!(found(text), [0, 1, 2, 3, 4, 5], "{text}");
    }
    assert!(found("not any").is_empty());
    assert!(Filter::parse("# x").unwrap().is_everything() && Filter::default().is_everything());
    assert_eq!(Filter::everything().columns(), 0);
}

#[test]
fn precedence_is_not_then_and_then_or() {
    assert_eq!(found("port 53 or proto tcp and port 22"), [1, 3]);
    assert_eq!(found("(port 53 or proto tcp) and port 22"), [3]);
    assert_eq!(found("not proto tcp and port 53"), [1]);
    assert_eq!(found("!(proto tcp && port 53) && !proto 50 || port 22"), [0, 1, 2, 3, 5]);
    assert_eq!(found("NOT NOT tcp AND port 22"), [3]);
}

#[test]
fn ends_qualifiers_and_what_they_share() {
    assert_eq!(found("192.168.31.2"), [0, 3]);
    assert_eq!(found("192.168.31.0/24"), [0, 3]);
    assert_eq!(found("src 192.168.31.2"), [0]);
    assert_eq!(found("src or dst port 80"), [3]);
    assert!(found("src and dst net 192.168.0.0/16").is_empty());
    assert_eq!(found("src and dst net 10.1.2.0/24"), [4]);
    // Behind NAT: the address outside finds the flow too, in `host` and `src host`; `src_addr` is exact.
    assert_eq!(found("host 198.51.100.1"), [1]);
    assert_eq!(found("src host 198.51.100.1"), [1]);
    assert!(found("dst host 198.51.100.1").is_empty());
    assert!(found("src_addr 198.51.100.1").is_empty());
    assert_eq!(found("nat_src_addr = 198.51.100.1"), [1]);
    // tcpdump's habit: a value alone belongs to the words before it.
    assert_eq!(found("dst port 443 or 53"), [0, 1]);
    assert_eq!(found("dst port (ssh or https)"), [0, 3]);
    assert_eq!(found("src net 10.0.0.0/8 or 192.168.31.2"), [0, 4]);
    assert_eq!(found("src net (10.0.0.0/8 or 192.168.31.2) and not 10.1.2.3"), [0]);
    assert_eq!(found("tcp dst port 443 or udp port domain"), [0, 1]);
    assert!(found("tcp port 53").is_empty());
    assert_eq!(found("mac 02:00:5e:00:00:01"), [4]);
    assert_eq!(found("mac 02-00-5e-00-00-01 or mac 02:00:5e:00:00:02"), [4]);
}

#[test]
fn values_of_every_kind() {
    assert_eq!(found("port 20-25"), [3]);
    assert_eq!(found("port 20..53"), [1, 3]);
    assert_eq!(found("port in [22 53]"), [1, 3]);
    assert_eq!(found("src_port not in [80, 50000]"), [1]);
    assert_eq!(found("src_port != 80"), [0, 1]);
    assert_eq!(found("not src_port = 80"), [0, 1, 2, 4, 5]);
    assert_eq!(found("src_port >= 40000 and src_port < 50000"), [1]);
    assert_eq!(found("ingress_if = 5"), [0]);
    assert_eq!(found("direction in"), [2]);
    assert_eq!(found("direction in [in, out]"), [0, 2]);
    assert_eq!(found("direction != unmatched"), [0, 1, 2]);
    assert_eq!(found("protocol_version v9"), [0]);
    assert_eq!(found("icmp6 type 128 code 0"), [2]);
    assert!(found("icmp type 128").is_empty());
    assert_eq!(found("icmp_type 128"), [2]);
    assert_eq!(found("ipv6"), [2]);
    assert_eq!(found("ipv4"), [0, 1, 3, 4]);
    assert_eq!(found("net ::/0"), [2]);
    assert_eq!(found("dscp ef"), [1]);
    assert!(found("dscp 0").is_empty());
    assert_eq!(found("flags SA"), [0]);
    assert_eq!(found("flags S/SA"), [3]);
    assert_eq!(found("flags = S"), [3]);
    assert_eq!(found("flags 0x12"), [0]);
    assert_eq!(found("tcp_flags > 2"), [0]);
    assert_eq!(found("own tenant avtotrade"), [0, 1]);
    assert_eq!(found("own tenant != avtotrade"), [2]);
    assert_eq!(found("peer tenant 'ООО Авто'"), [1]);
    assert_eq!(found("tenant in [avtotrade, \"gone\"]"), [0, 1]);
    // A group is all tenants in it and below it.
    assert_eq!(found("group \"campus/floor 3\""), found("tenant avtotrade"));
    assert_eq!(found("group campus"), found("tenant in [avtotrade, \"ООО Авто\"]"));
    assert_eq!(found("own group 'campus/floor 3'"), [0, 1]);
    assert_eq!(found("own group != \"campus/floor 3\""), [2]);
    assert_eq!(found("peer group in [campus] and not own group campus"), Vec::<usize>::new());
    assert_eq!(found("group campus and tenant avtotrade"), [0, 1]);
}

#[test]
fn times_mean_what_they_name() {
    assert_eq!(found("start 2026-10-01"), [0, 1, 2, 3]);
    assert_eq!(found("start = 2026-10-01"), [0, 1, 2, 3]);
    assert_eq!(found("start < 2026-10-01"), [4]);
    assert_eq!(found("start = 2026-10-01T00:01"), [1]);
    assert_eq!(found("start = 2026-10-01T00:00:10"), [3]);
    assert_eq!(found("start = 2026-10-01T02:00:10+02:00"), [3]);
    assert_eq!(found("end >= 2026-10-02"), [4]);
    assert_eq!(found("end > 2026-10-01"), [4]);
    assert_eq!(found("start in [2026-10-01T00:00:10..2026-10-01T00:01:59]"), [1, 3]);
}

#[test]
fn figures_worked_out_of_others() {
    // 12,000,000 octets in 90 s are 1,066,666 bit/s and 88 packets/s of 1500 octets.
    assert_eq!(found("bps = 1066666"), [0]);
    assert!(found("bps > 1066666").is_empty());
    assert_eq!(found("bps >= 1M"), [0]);
    assert_eq!(found("pps = 88"), [0]);
    assert_eq!(found("bpp = 1500"), [0]);
    assert_eq!(found("bpp 80"), [1]);
    // A flow of no duration has no speed; its duration is known to be 0.
    assert_eq!(found("bps >= 0"), [0, 2, 3, 4]);
    assert_eq!(found("duration 0"), [1]);
    assert_eq!(found("duration = 60001ms"), [2]);
    assert_eq!(found("duration <= 999ms"), [1, 3]);
    assert_eq!(found("duration >= 1d"), [4]);
}

#[test]
fn a_column_that_is_not_loaded_is_absent() {
    let batch = morning();
    let filter = Filter::parse("port 443 or proto 17").unwrap();
    let read = filter.columns();
    assert_eq!(read, Column::SrcPort.bit() | Column::DstPort.bit() | Column::Proto.bit());
    let columns = [Column::SrcPort, Column::Proto].map(|c| (c, batch.values(c).clone())).to_vec();
    let part = Batch::from_columns(batch.present().to_vec(), columns, batch.names().clone());
    assert_eq!(eval(&filter, &part), [false, true, false, false, false, false]);
    assert_eq!(eval(&filter, &Batch::new()), [false; 0]);
    let duration = Filter::parse("duration >= 0").unwrap();
    assert_eq!(duration.columns(), Column::Start.bit() | Column::End.bit());
    assert_eq!(eval(&duration, &part), [false; 6]);
}

#[test]
fn filters_are_written_as_people_would() {
    for (text, written) in [
        ("", "any"),
        ("src net 192.168.31.0/24 && dst port https", "src host 192.168.31.0/24 and dst port 443"),
        ("octets > 10M", "octets > 10M"),
        ("octets >= 10M and octets <= 5", "octets >= 10M and octets <= 5"),
        ("octets < 1Ki", "octets < 1Ki"),
        ("duration > 60s or duration < 1500ms", "duration not in [1500ms..1m]"),
        ("duration > 60s or port 1 or duration < 1h", "duration > 1m or port 1 or duration < 1h"),
        ("not (tcp or udp)", "not proto in [tcp, udp]"),
        ("port 80 or port 443 or 80-90", "port in [80..90, 443]"),
        ("src_port != 80", "src port != 80"),
        ("src_port not in [443, 80]", "src port not in [80, 443]"),
        ("src port not in [80-90]", "src port not in [80..90]"),
        ("own tenant not in ['a', b]", "own tenant not in [\"a\", \"b\"]"),
        ("direction != in", "direction != in"),
        ("flags S and not flags A", "flags S and not flags A"),
        ("flags = SA or flags s/sa", "flags = SA or flags S/SA"),
        ("exporter core", "exporter in [192.0.2.1, 2001:db8::1]"),
        ("tenant avtotrade", "tenant \"avtotrade\""),
        ("group campus", "tenant in [\"avtotrade\", \"ООО Авто\"]"),
        ("own group 'campus/floor 3'", "own tenant \"avtotrade\""),
        ("host 10.0.0.1 or host ::1", "host in [10.0.0.1, ::1]"),
        ("ipv6", "src_addr ::/0 or dst_addr ::/0"),
        ("src_addr != 10.0.0.0/8", "src_addr != 10.0.0.0/8"),
        ("start >= 2026-10-01T08:00", "start >= 2026-10-01T08:00Z"),
        ("start < 2026-10-01", "start < 2026-10-01"),
        ("start = 2026-10-01", "start = 2026-10-01"),
        ("tcp port 80 and (icmp or vlan 3)", "proto tcp and port 80 and (proto icmp or vlan 3)"),
    ] {
        // The tenants here are not those of `names`.
        let names = Names { tenants: Vec::new(), ..names() };
        let filter = Filter::parse_with(text, &names).unwrap();
        let shown = filter.to_string();
        assert_eq!(shown, written, "{text}");
        assert_eq!(Filter::parse(&shown).unwrap(), filter, "{shown}");
    }
}

#[test]
fn simple_filters_are_told_by_their_conjuncts() {
    let is_told = |text: &str| Filter::parse(text).unwrap().is_told_by_conjuncts();
    for text in [
        "",
        "host 10.0.0.1",
        "tenant a",
        "net 10.0.0.0/8 and tcp and dst port 443",
        "tcp or port 80",
        "direction in",
    ] {
        assert!(is_told(text), "{text}");
    }
    let long = format!("port in [{}]", (0..100).map(|n| (3 * n).to_string()).collect::<Vec<_>>().join(","));
    for text in [
        "not tcp",
        "own tenant != a",
        "duration > 1s",
        "local port 80",
        "flags S/SA",
        "(tcp and port 80) or udp",
        &long,
    ] {
        assert!(!is_told(text), "{text}");
    }
}

#[test]
fn conjuncts_say_what_statistics_can_rule_out() {
    let conjuncts = |text: &str| Filter::parse(text).unwrap().conjuncts();
    let bounds = |column, low, high| Bounds { column, low, high };
    let one = |column, bound: Bound| bounds(column, bound.clone(), bound);
    let x = Bound::Addr(addr("10.0.0.1"));
    let host = [Column::SrcAddr, Column::DstAddr, Column::NatSrcAddr, Column::NatDstAddr];
    assert_eq!(
        conjuncts("host 10.0.0.1 and start >= 1970-01-01T00:00:01"),
        [
            Conjunct { any: host.map(|c| one(c, x.clone())).to_vec() },
            Conjunct { any: vec![bounds(Column::Start, Bound::Time(1000), Bound::Time(i64::MAX))] },
        ]
    );
    let tenant = |c| one(c, Bound::Text("a".into()));
    assert_eq!(
        conjuncts("tenant a or (proto 6 and port < 10)"),
        [
            Conjunct {
                any: vec![
                    tenant(Column::Tenant),
                    tenant(Column::PeerTenant),
                    one(Column::Proto, Bound::Unsigned(6)),
                ]
            },
            Conjunct {
                any: vec![
                    tenant(Column::Tenant),
                    tenant(Column::PeerTenant),
                    bounds(Column::SrcPort, Bound::Unsigned(0), Bound::Unsigned(9)),
                    bounds(Column::DstPort, Bound::Unsigned(0), Bound::Unsigned(9)),
                ]
            },
        ]
    );
    // `not` also finds rows without a value: nothing can be said. But it may stand for an `and`.
    assert_eq!(conjuncts("not proto 6"), []);
    assert_eq!(conjuncts("proto 6 or not port 1"), []);
    assert_eq!(
        conjuncts("not (not proto 6 or port 1)"),
        [Conjunct { any: vec![one(Column::Proto, Bound::Unsigned(6))] }]
    );
    assert_eq!(conjuncts("duration > 1s"), []);
    assert_eq!(conjuncts("direction in").len(), 1);
    assert_eq!(conjuncts("own tenant != a"), []);
    assert_eq!(
        conjuncts("flags S/SA"),
        [Conjunct { any: vec![bounds(Column::TcpFlags, Bound::Unsigned(2), Bound::Unsigned(0xffef))] }]
    );
    // Many alternatives become spans, which still cover each of them and nothing beyond.
    let many: Vec<String> = (10..210).map(|n| format!("port {n} or udp")).collect();
    let [conjunct] = conjuncts(&many.join(" or ")).try_into().unwrap();
    assert!(conjunct.any.len() <= 256 && conjunct.any.contains(&one(Column::Proto, Bound::Unsigned(17))));
    for column in [Column::SrcPort, Column::DstPort] {
        let covers = |n| {
            let n = Bound::Unsigned(n);
            conjunct.any.iter().any(|b| b.column == column && b.low <= n && n <= b.high)
        };
        assert!((10..210).all(covers) && !covers(9) && !covers(210));
    }
    // A long list becomes its span.
    let list: Vec<String> = (0..100).map(|n| (n * 2).to_string()).collect();
    assert_eq!(
        conjuncts(&format!("src port in [{}]", list.join(" "))),
        [Conjunct { any: vec![bounds(Column::SrcPort, Bound::Unsigned(0), Bound::Unsigned(198))] }]
    );
}
