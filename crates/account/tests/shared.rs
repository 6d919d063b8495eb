//! Several tenants behind one address, each with ports of its own: whose a record is, worked by hand.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use weir_account::attribution::own_networks_default;
use weir_account::{Attribution, Network, Prefix, Tenant, Tenants};
use weir_flow::batch::{RowBuilder, Value};
use weir_flow::{Addr, Batch, Column};

const CORE: &str = "192.0.2.1";
const NAT: &str = "203.0.113.7";
const WEB: &str = "198.51.100.80";
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;

fn addr(text: &str) -> Addr {
    text.parse().unwrap()
}

/// `203.0.113.7` or `203.0.113.7 1024-2047`.
fn network(text: &str) -> Network {
    let (prefix, ports) = text.split_once(' ').unwrap_or((text, ""));
    let prefix: Prefix = prefix.parse().unwrap();
    Network { ports: ports.parse().ok(), ..prefix.into() }
}

fn tenant(name: &str, networks: &[&str]) -> Tenant {
    Tenant {
        name: name.into(),
        networks: networks.iter().map(|text| network(text)).collect(),
        nested: true,
        ..Tenant::default()
    }
}

/// alpha and beta behind the NAT's address; gamma has the address beside it but for a block of delta's.
fn attribution() -> Attribution {
    let list = vec![
        tenant("alpha", &["203.0.113.7 1024-2047", "192.168.31.0/24"]),
        tenant("beta", &["203.0.113.7 2048-3071"]),
        tenant("gamma", &["203.0.113.8"]),
        tenant("delta", &["203.0.113.8 5000-5999", "2001:db8:64::7 1024-2047"]),
    ];
    Attribution::new(&Tenants::new(list).unwrap(), &own_networks_default(), [])
}

/// An end: an address and a port.
type End = (&'static str, u16);

fn row(protocol: u8, from: End, to: End) -> RowBuilder {
    RowBuilder::new()
        .addr(Column::Exporter, addr(CORE))
        .addr(Column::SrcAddr, addr(from.0))
        .addr(Column::DstAddr, addr(to.0))
        .unsigned(Column::SrcPort, from.1.into())
        .unsigned(Column::DstPort, to.1.into())
        .unsigned(Column::Proto, protocol.into())
        .traffic(1_000, 10)
}

/// Direction, tenant, peer tenant and host, `-` for none.
fn place(row: &RowBuilder) -> String {
    let mut batch = Batch::new();
    row.push(&mut batch);
    attribution().attribute(&mut batch, 0);
    let text = |column| match batch.get(0, column) {
        None => "-".to_owned(),
        Some(Value::Word(text) | Value::Name(text)) => text.to_owned(),
        Some(Value::Addr(addr)) => addr.to_string(),
        other => panic!("{other:?}"),
    };
    [Column::Direction, Column::Tenant, Column::PeerTenant, Column::Host].map(text).join(" ")
}

#[test]
fn the_port_at_that_end_decides() {
    let table = [
        // In and out, at the edges of the blocks.
        (TCP, (WEB, 443), (NAT, 1024), "in alpha - 203.0.113.7"),
        (TCP, (WEB, 443), (NAT, 2047), "in alpha - 203.0.113.7"),
        (TCP, (WEB, 443), (NAT, 2048), "in beta - 203.0.113.7"),
        (UDP, (NAT, 3071), (WEB, 443), "out beta - 203.0.113.7"),
        (UDP, (NAT, 1500), (WEB, 2500), "out alpha - 203.0.113.7"),
        // Ports that are nobody's: a hole, and not through traffic.
        (TCP, (WEB, 443), (NAT, 1023), "unmatched - - -"),
        (TCP, (NAT, 3072), (WEB, 443), "unmatched - - -"),
        // No port: ICMP, ESP, a later fragment.
        (ICMP, (NAT, 1500), (WEB, 0), "unmatched - - -"),
        (50, (NAT, 1500), (WEB, 1500), "unmatched - - -"),
        (UDP, (NAT, 0), (WEB, 0), "unmatched - - -"),
        // The others that have ports: DCCP, SCTP, UDP-Lite.
        (33, (NAT, 1500), (WEB, 1), "out alpha - 203.0.113.7"),
        (132, (NAT, 1500), (WEB, 1), "out alpha - 203.0.113.7"),
        (136, (NAT, 1500), (WEB, 1), "out alpha - 203.0.113.7"),
        // A network without ports has what is in no block, with a port or without.
        (TCP, (WEB, 443), ("203.0.113.8", 5000), "in delta - 203.0.113.8"),
        (TCP, (WEB, 443), ("203.0.113.8", 6000), "in gamma - 203.0.113.8"),
        (ICMP, (WEB, 0), ("203.0.113.8", 5000), "in gamma - 203.0.113.8"),
        // The other family; and its neighbour is a stranger.
        (TCP, ("2001:db8:64::7", 1024), ("2001:db8:ffff::1", 443), "out delta - 2001:db8:64::7"),
        (TCP, ("2001:db8:64::8", 1024), ("2001:db8:ffff::1", 443), "transit - - -"),
    ];
    for (protocol, from, to, expected) in table {
        assert_eq!(place(&row(protocol, from, to)), expected, "{protocol} {from:?} -> {to:?}");
    }
}

#[test]
fn hairpin_traffic_has_two_ends() {
    let nat = |from, to| place(&row(TCP, (NAT, from), (NAT, to)));
    assert_eq!(nat(1500, 2500), "local alpha beta 203.0.113.7");
    assert_eq!(nat(2500, 1500), "local beta alpha 203.0.113.7");
    assert_eq!(nat(1500, 1600), "local alpha alpha 203.0.113.7");
    assert_eq!(nat(1500, 80), "out alpha - 203.0.113.7");
    assert_eq!(nat(80, 2500), "in beta - 203.0.113.7");
    assert_eq!(nat(80, 81), "unmatched - - -");
    assert_eq!(place(&row(TCP, (NAT, 2500), ("203.0.113.8", 9))), "local beta gamma 203.0.113.7");
}

#[test]
fn what_the_record_says_of_the_translation_goes_first() {
    let nat = |row: RowBuilder, side: &str, to: &str, port: Option<u16>| {
        let (address, column) = match side {
            "source" => (Column::NatSrcAddr, Column::NatSrcPort),
            _ => (Column::NatDstAddr, Column::NatDstPort),
        };
        let row = row.addr(address, addr(to));
        place(&port.into_iter().fold(row, |row, port| row.unsigned(column, port.into())))
    };
    // Inside and out: the inside host is the tenant's, whatever port it was given.
    let inside = row(TCP, ("192.168.31.2", 50_000), (WEB, 443));
    assert_eq!(nat(inside, "source", NAT, Some(2500)), "out alpha - 192.168.31.2");
    let back = row(TCP, (WEB, 443), (NAT, 2500));
    assert_eq!(nat(back.clone(), "destination", "192.168.31.2", Some(50_000)), "in alpha - 192.168.31.2");
    // The inside address is nobody's: then the outside one counts, with the port after translation and no other.
    let nobody = row(TCP, ("10.9.9.9", 1500), (WEB, 443));
    assert_eq!(nat(nobody.clone(), "source", NAT, Some(2500)), "out beta - 203.0.113.7");
    assert_eq!(nat(nobody, "source", NAT, None), "unmatched - - -");
    assert_eq!(nat(back, "destination", "10.9.9.9", Some(1500)), "in beta - 203.0.113.7");
}

#[test]
fn a_record_that_says_no_port_or_no_protocol_has_none() {
    let without = |column: Column| {
        let mut batch = Batch::new();
        row(TCP, (WEB, 443), (NAT, 1024)).push(&mut batch);
        *batch.present_mut().first_mut().unwrap() &= !column.bit();
        attribution().attribute(&mut batch, 0);
        batch.get(0, Column::Direction) == Some(Value::Word("unmatched"))
    };
    assert!(without(Column::DstPort) && without(Column::Proto) && !without(Column::SrcPort));
}

#[test]
fn an_address_alone_is_whose_the_rest_of_it_is() {
    let who = |text: &str| attribution().tenant(addr(CORE), addr(text), 0).map(str::to_owned);
    assert_eq!((who(NAT), who("203.0.113.8").as_deref()), (None, Some("gamma")));
}
