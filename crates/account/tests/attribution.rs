//! The truth table of attribution, counting once, and that every row has exactly one place.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use weir_account::attribution::own_networks_default;
use weir_account::{Attachment, Attribution, Count, Network, Port, Prefix, Span, Tenant, Tenants};
use weir_flow::batch::{RowBuilder, Value};
use weir_flow::names::{Direction, FlowDirection};
use weir_flow::{Addr, Batch, Column};

const CORE: &str = "192.0.2.1";
const EDGE: &str = "192.0.2.2";

fn addr(text: &str) -> Addr {
    text.parse().unwrap()
}

fn tenants() -> Tenants {
    let tenant = |name: &str, networks: &[&str]| Tenant {
        name: name.into(),
        networks: networks.iter().map(|n| n.parse().unwrap()).collect(),
        ..Tenant::default()
    };
    Tenants::new(vec![
        tenant("avtotrade", &["192.168.31.0/24", "2001:db8:31::/64"]),
        tenant("bureau", &["192.168.32.0/24", "2001:db8:32::/64"]),
        tenant("server", &["198.51.100.7"]),
    ])
    .unwrap()
}

fn attribution(count: Count) -> Attribution {
    Attribution::new(&tenants(), &own_networks_default(), [(addr(CORE), count)])
}

/// A record of these ends; `-` is an address that the exporter did not say.
fn row(src: &str, dst: &str) -> RowBuilder {
    row_of(CORE, src, dst)
}

fn row_of(exporter: &str, src: &str, dst: &str) -> RowBuilder {
    let mut row = RowBuilder::new().addr(Column::Exporter, addr(exporter)).traffic(1_000, 10);
    if src != "-" {
        row = row.addr(Column::SrcAddr, addr(src));
    }
    if dst != "-" {
        row = row.addr(Column::DstAddr, addr(dst));
    }
    row
}

/// Direction, tenant, peer tenant and host of a row, `-` for none.
fn place(batch: &Batch, at: usize) -> String {
    let text = |column| match batch.get(at, column) {
        None => "-".to_owned(),
        Some(Value::Word(word)) => word.to_owned(),
        Some(Value::Name(name)) => name.to_owned(),
        Some(Value::Addr(addr)) => addr.to_string(),
        other => panic!("{other:?}"),
    };
    [Column::Direction, Column::Tenant, Column::PeerTenant, Column::Host].map(text).join(" ")
}

fn attributed(row: &RowBuilder, count: Count) -> String {
    let mut batch = Batch::new();
    row.push(&mut batch);
    attribution(count).attribute(&mut batch, 0);
    place(&batch, 0)
}

#[test]
fn the_truth_table() {
    let table = [
        // To, from and between tenants, both families.
        ("203.0.113.5", "192.168.31.2", "in avtotrade - 192.168.31.2"),
        ("192.168.31.2", "203.0.113.5", "out avtotrade - 192.168.31.2"),
        ("192.168.31.2", "192.168.32.9", "local avtotrade bureau 192.168.31.2"),
        ("192.168.31.2", "192.168.31.3", "local avtotrade avtotrade 192.168.31.2"),
        ("2001:db8:ffff::1", "2001:db8:31::2", "in avtotrade - 2001:db8:31::2"),
        ("2001:db8:31::2", "2001:db8:ffff::1", "out avtotrade - 2001:db8:31::2"),
        ("2001:db8:31::2", "2001:db8:32::2", "local avtotrade bureau 2001:db8:31::2"),
        // A tenant and an end that is ours or unknown is still the tenant's.
        ("192.168.99.1", "192.168.31.2", "in avtotrade - 192.168.31.2"),
        ("192.168.31.2", "-", "out avtotrade - 192.168.31.2"),
        ("0.0.0.0", "192.168.31.2", "in avtotrade - 192.168.31.2"),
        // A hole in the list of tenants.
        ("192.168.99.1", "203.0.113.5", "unmatched - - -"),
        ("203.0.113.5", "10.0.0.1", "unmatched - - -"),
        ("fd00::1", "2001:db8:ffff::1", "unmatched - - -"),
        ("10.0.0.1", "10.0.0.2", "unmatched - - -"),
        // Nobody knows.
        ("-", "-", "unmatched - - -"),
        ("203.0.113.5", "-", "unmatched - - -"),
        ("::", "203.0.113.5", "unmatched - - -"),
        // Through traffic.
        ("203.0.113.5", "198.51.100.8", "transit - - -"),
        ("2001:db8:ffff::1", "2001:db8:fffe::1", "transit - - -"),
    ];
    for (src, dst, expected) in table {
        assert_eq!(attributed(&row(src, dst), Count::All), expected, "{src} -> {dst}");
    }
}

#[test]
fn a_network_that_is_own_and_a_tenants_is_the_tenants() {
    let networks: Vec<Prefix> = ["192.168.31.2", "192.168.32.0/24", "::1"].map(|n| n.parse().unwrap()).into();
    let owned = networks.iter().copied().map(Network::from).collect();
    let list = vec![Tenant { name: "t".into(), networks: owned, ..Tenant::default() }];
    let attribution = Attribution::new(&Tenants::new(list).unwrap(), &networks, []);
    let expected = [
        ("192.168.31.1", "transit - - -"),
        ("192.168.31.2", "out t - 192.168.31.2"),
        ("192.168.31.3", "transit - - -"),
        ("192.168.32.255", "out t - 192.168.32.255"),
        ("192.168.33.0", "transit - - -"),
        ("::1", "out t - ::1"),
        ("::2", "transit - - -"),
    ];
    for (src, expected) in expected {
        let mut batch = Batch::new();
        row(src, "203.0.113.5").push(&mut batch);
        attribution.attribute(&mut batch, 0);
        assert_eq!(place(&batch, 0), expected, "{src}");
    }
}

#[test]
fn behind_nat_the_inside_host_is_accounted() {
    let nat = |src: &str, dst: &str, nat_src: &str, nat_dst: &str| {
        let mut row = row(src, dst);
        if nat_src != "-" {
            row = row.addr(Column::NatSrcAddr, addr(nat_src));
        }
        if nat_dst != "-" {
            row = row.addr(Column::NatDstAddr, addr(nat_dst));
        }
        attributed(&row, Count::All)
    };
    let (inside, outside, web) = ("192.168.31.2", "198.51.100.1", "203.0.113.5");
    // The leg out: the source is translated to the router's address.
    assert_eq!(nat(inside, web, outside, web), "out avtotrade - 192.168.31.2");
    assert_eq!(nat(inside, web, outside, "-"), "out avtotrade - 192.168.31.2");
    // The leg back: the destination is translated to the host.
    assert_eq!(nat(web, outside, web, inside), "in avtotrade - 192.168.31.2");
    assert_eq!(nat(web, outside, "-", inside), "in avtotrade - 192.168.31.2");
    // The same of IPv6 (NPTv6).
    assert_eq!(
        nat("2001:db8:ffff::1", "2001:db8:1::9", "-", "2001:db8:31::9"),
        "in avtotrade - 2001:db8:31::9"
    );
    // A record observed outside, with the inside address as translated source.
    assert_eq!(nat(outside, web, inside, "-"), "out avtotrade - 192.168.31.2");
    // A tenant that is known by its public address.
    assert_eq!(nat("10.9.9.9", web, "198.51.100.7", web), "out server - 198.51.100.7");
    assert_eq!(nat(web, "198.51.100.7", web, "10.9.9.9"), "in server - 198.51.100.7");
    // Both addresses are tenants': the inside one is accounted.
    assert_eq!(nat(web, "198.51.100.7", "-", inside), "in avtotrade - 192.168.31.2");
    assert_eq!(nat(inside, web, "198.51.100.7", "-"), "out avtotrade - 192.168.31.2");
    // Zeros in the translated fields say nothing.
    assert_eq!(nat(web, inside, "0.0.0.0", "0.0.0.0"), "in avtotrade - 192.168.31.2");
    assert_eq!(nat(web, "203.0.113.9", "0.0.0.0", "::"), "transit - - -");
    // Both ends translated: a tenant reaches a neighbour by its outside address.
    assert_eq!(nat(inside, outside, outside, "192.168.32.9"), "local avtotrade bureau 192.168.31.2");
    // Translated to one of ours that is no tenant's: a hole, not through traffic.
    assert_eq!(nat(web, "203.0.113.9", "-", "192.168.99.1"), "unmatched - - -");
}

/// A record seen at these interfaces, which the exporter says it observed entering, leaving, or does not say.
fn seen(exporter: &str, ingress: u32, egress: u32, direction: Option<FlowDirection>) -> RowBuilder {
    let row = row_of(exporter, "203.0.113.5", "192.168.31.2")
        .unsigned(Column::IngressIf, ingress.into())
        .unsigned(Column::EgressIf, egress.into());
    match direction {
        Some(direction) => row.unsigned(Column::FlowDirection, direction.code().into()),
        None => row,
    }
}

fn counts(row: &RowBuilder, count: Count) -> bool {
    match attributed(row, count).as_str() {
        "in avtotrade - 192.168.31.2" => true,
        "duplicate - - -" => false,
        other => panic!("{other}"),
    }
}

fn interfaces(of: &[u32]) -> Count {
    Count::Interfaces(of.iter().copied().collect())
}

#[test]
fn a_record_counts_where_the_operator_says() {
    let (wan, vlan31) = (1, 31);
    let entering = seen(CORE, wan, vlan31, Some(FlowDirection::Ingress));
    let leaving = seen(CORE, wan, vlan31, Some(FlowDirection::Egress));
    let unsaid = seen(CORE, wan, vlan31, None);
    let table = [
        (Count::All, [true, true, true]),
        (Count::None, [false, false, false]),
        (Count::Ingress, [true, false, true]),
        (Count::Egress, [false, true, true]),
        (interfaces(&[vlan31]), [false, true, true]),
        (interfaces(&[wan]), [true, false, true]),
        (interfaces(&[wan, vlan31]), [true, true, true]),
        (interfaces(&[5]), [false, false, false]),
        (interfaces(&[]), [false, false, false]),
    ];
    for (count, expected) in table {
        let found = [&entering, &leaving, &unsaid].map(|row| counts(row, count.clone()));
        assert_eq!(found, expected, "{count}");
    }
    // A record without interfaces was seen at none of those named.
    assert!(!counts(&row("203.0.113.5", "192.168.31.2"), interfaces(&[0, 1])));
    // Another exporter's rule is none of this one's business.
    let other = row_of(EDGE, "203.0.113.5", "192.168.31.2");
    assert!(counts(&other, Count::None));
}

/// Octets of the batch by direction, and by tenant.
fn octets(batch: &Batch) -> (BTreeMap<&'static str, u64>, BTreeMap<String, u64>) {
    let (mut directions, mut tenants) = (BTreeMap::new(), BTreeMap::new());
    for at in 0..batch.len() {
        let Some(Value::Unsigned(octets)) = batch.get(at, Column::Octets) else { panic!("no octets") };
        let Some(Value::Word(direction)) = batch.get(at, Column::Direction) else { panic!("no direction") };
        *directions.entry(direction).or_default() += octets;
        if let Some(Value::Name(tenant)) = batch.get(at, Column::Tenant) {
            *tenants.entry(tenant.to_owned()).or_default() += octets;
        }
    }
    (directions, tenants)
}

#[test]
fn a_transfer_seen_at_1_2_and_4_places_bills_once() {
    // A router whose every interface meters both ways, and a second router on the path that does the same.
    let (wan, vlan31, uplink, core_port) = (1, 31, 7, 8);
    let points = [
        seen(CORE, wan, vlan31, Some(FlowDirection::Egress)),
        seen(CORE, wan, vlan31, Some(FlowDirection::Ingress)),
        seen(EDGE, uplink, core_port, Some(FlowDirection::Ingress)),
        seen(EDGE, uplink, core_port, Some(FlowDirection::Egress)),
    ];
    let rules = [(addr(CORE), interfaces(&[vlan31])), (addr(EDGE), Count::None)];
    let attribution = Attribution::new(&tenants(), &own_networks_default(), rules);
    for places in [1, 2, 4] {
        let mut batch = Batch::new();
        for point in points.iter().take(places) {
            point.push(&mut batch);
        }
        attribution.attribute(&mut batch, 0);
        let (directions, by_tenant) = octets(&batch);
        assert_eq!(by_tenant, BTreeMap::from([("avtotrade".to_owned(), 1_000)]), "{places} places");
        assert_eq!(directions["in"], 1_000);
        assert_eq!(directions.get("duplicate").copied().unwrap_or(0), 1_000 * (places as u64 - 1));
    }
    // Without a rule all four count, which is what the rule is for.
    let mut batch = Batch::new();
    points.iter().for_each(|point| point.push(&mut batch));
    Attribution::new(&tenants(), &[], []).attribute(&mut batch, 0);
    assert_eq!(octets(&batch).1["avtotrade"], 4_000);
}

#[test]
fn traffic_between_tenants_is_neither_lost_nor_doubled() {
    // Both tenants' interfaces meter both ways: the router sees the transfer enter by one, leave by the other.
    let (wan, vlan31, vlan32) = (1, 31, 32);
    let between = |direction| {
        row("192.168.31.2", "192.168.32.9")
            .unsigned(Column::IngressIf, vlan31)
            .unsigned(Column::EgressIf, vlan32)
            .unsigned(Column::FlowDirection, u64::from(FlowDirection::code(direction)))
    };
    let named = interfaces(&[31, 32]);
    let local = "local avtotrade bureau 192.168.31.2";
    assert_eq!(attributed(&between(FlowDirection::Ingress), named.clone()), local);
    assert_eq!(attributed(&between(FlowDirection::Egress), named), "duplicate - - -");
    // Where only one of the interfaces is named, the one observation there counts.
    assert_eq!(attributed(&between(FlowDirection::Egress), interfaces(&[32])), local);
    assert_eq!(attributed(&between(FlowDirection::Ingress), interfaces(&[32])), "duplicate - - -");
    assert_eq!(attributed(&between(FlowDirection::Ingress), interfaces(&[31])), local);
    assert_eq!(attributed(&between(FlowDirection::Egress), interfaces(&[31])), "duplicate - - -");
    // What comes from outside counts where it leaves, although its way in is named too.
    assert!(counts(&seen(CORE, wan, 31, Some(FlowDirection::Egress)), interfaces(&[1, 31])));
}

#[test]
fn rules_are_shown_as_statements_name_them() {
    let shown =
        [Count::All, interfaces(&[32, 7]), Count::Ingress, Count::Egress, Count::None].map(|c| c.to_string());
    assert_eq!(shown, ["all", "interfaces 7, 32", "ingress", "egress", "none"]);
}

#[test]
fn rows_are_attributed_as_they_come_and_again_when_the_snapshot_changes() {
    let first = attribution(Count::All);
    let mut batch = Batch::new();
    row("203.0.113.5", "192.168.31.2").push(&mut batch);
    first.attribute(&mut batch, 0);
    row("192.168.32.9", "203.0.113.5").push(&mut batch);
    first.attribute(&mut batch, 1);
    assert_eq!(place(&batch, 0), "in avtotrade - 192.168.31.2");
    assert_eq!(place(&batch, 1), "out bureau - 192.168.32.9");
    assert_eq!(
        batch.names().iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
        ["avtotrade", "bureau", "server"]
    );

    // The configuration is read again: another order of names, and one tenant less.
    let networks = vec!["192.168.32.0/24".parse().unwrap()];
    let list = vec![Tenant { name: "bureau".into(), networks, ..Tenant::default() }];
    let second = Attribution::new(&Tenants::new(list).unwrap(), &own_networks_default(), []);
    row("203.0.113.5", "192.168.32.1").push(&mut batch);
    second.attribute(&mut batch, 2);
    assert_eq!(place(&batch, 0), "unmatched - - -");
    assert_eq!(place(&batch, 1), "out bureau - 192.168.32.9");
    assert_eq!(place(&batch, 2), "in bureau - 192.168.32.1");

    // Without any tenant the same holds: rows before `from_row` are left as they are.
    let none = Attribution::new(&Tenants::default(), &own_networks_default(), []);
    none.attribute(&mut batch, 3);
    assert_eq!(place(&batch, 1), "unmatched - - -");
    *batch.present_mut().first_mut().unwrap() = 0;
    none.attribute(&mut batch, 1);
    assert_eq!(place(&batch, 0), "- - - -");
}

/// An address of each owner, or unknown.
fn any_addr() -> impl Strategy<Value = Option<Addr>> {
    prop_oneof![
        Just(None),
        any::<u8>().prop_map(|x| Some(Addr::v4([192, 168, 31, x]))),
        any::<u8>().prop_map(|x| Some(Addr::v4([192, 168, 32, x]))),
        any::<u8>().prop_map(|x| Some(Addr::v4([192, 168, 99, x]))),
        any::<[u8; 4]>().prop_map(|x| Some(Addr::v4(x))),
        any::<u64>().prop_map(|x| Some(Addr::from_bits(0x2001_0db8_0031_0000_u128 << 64 | u128::from(x)))),
        any::<[u8; 16]>().prop_map(|x| Some(Addr::v6(x))),
        Just(Some(Addr::UNSPECIFIED)),
    ]
}

fn any_count() -> impl Strategy<Value = Count> {
    prop_oneof![
        Just(Count::All),
        Just(Count::None),
        Just(Count::Ingress),
        Just(Count::Egress),
        prop::collection::btree_set(0u32..4, 0..4).prop_map(Count::Interfaces),
    ]
}

fn any_row() -> impl Strategy<Value = (RowBuilder, u64)> {
    let addrs = (any_addr(), any_addr(), any_addr(), any_addr());
    let numbers = (prop::option::of(0u64..4), prop::option::of(0u64..4), prop::option::of(0u64..3));
    (addrs, numbers, 0u64..1_000_000, 1u8..4).prop_map(
        |((src, dst, nat_src, nat_dst), (i, e, d), octets, x)| {
            let mut row =
                RowBuilder::new().addr(Column::Exporter, Addr::v4([192, 0, 2, x])).traffic(octets, 1);
            let columns = [Column::SrcAddr, Column::DstAddr, Column::NatSrcAddr, Column::NatDstAddr];
            for (column, addr) in columns.into_iter().zip([src, dst, nat_src, nat_dst]) {
                if let Some(addr) = addr {
                    row = row.addr(column, addr);
                }
            }
            let columns = [Column::IngressIf, Column::EgressIf, Column::FlowDirection];
            for (column, number) in columns.into_iter().zip([i, e, d]) {
                if let Some(number) = number {
                    row = row.unsigned(column, number);
                }
            }
            (row, octets)
        },
    )
}

proptest! {
    /// Each row has one direction; tenant, peer and host are there exactly where the direction has them; and
    /// octets by direction sum to all octets.
    #[test]
    fn every_row_has_one_place(rows in prop::collection::vec(any_row(), 0..60), count in any_count(),
                               splits in prop::collection::btree_set(0usize..60, 0..5)) {
        let attribution = attribution(count);
        // In one go, and as datagrams come.
        let (mut whole, mut pieces) = (Batch::new(), Batch::new());
        let mut attributed = 0;
        for (at, (row, _)) in rows.iter().enumerate() {
            row.push(&mut whole);
            row.push(&mut pieces);
            if splits.contains(&at) {
                attribution.attribute(&mut pieces, attributed);
                attributed = pieces.len();
            }
        }
        attribution.attribute(&mut whole, 0);
        attribution.attribute(&mut pieces, attributed);
        let mut has = BTreeSet::new();
        for at in 0..whole.len() {
            prop_assert_eq!(place(&whole, at), place(&pieces, at));
            let Some(Value::Word(direction)) = whole.get(at, Column::Direction) else { panic!("no direction") };
            let given = [Column::Tenant, Column::PeerTenant, Column::Host].map(|c| whole.get(at, c).is_some());
            has.insert((direction, given));
        }
        for (direction, given) in has {
            let expected = match direction {
                "in" | "out" => [true, false, true],
                "local" => [true, true, true],
                _ => [false, false, false],
            };
            prop_assert_eq!(given, expected, "{}", direction);
        }
        let (by_direction, _) = octets(&whole);
        prop_assert_eq!(by_direction.values().sum::<u64>(), rows.iter().map(|(_, octets)| octets).sum::<u64>());
        prop_assert!(by_direction.keys().all(|word| Direction::WORDS.contains(word)));
    }
}

/// Tenants that are known by where they are attached; `moved` has its VLAN from the instant 100 on.
fn attached_tenants() -> Tenants {
    let port = |name: &str, port, from_ms| Tenant {
        name: name.into(),
        ports: vec![Attachment { port, time: Span { from_ms, to_ms: None } }],
        ..Tenant::default()
    };
    let list = vec![
        Tenant { networks: vec!["10.9.0.0/16".parse().unwrap()], ..port("both", Port::Vlan(9), None) },
        port("rack", Port::Interface(addr(CORE), 31), None),
        port("moved", Port::Vlan(40), Some(100)),
        port("box", Port::Mac("02:00:00:00:00:01".parse().unwrap()), None),
    ];
    Tenants::new(list).unwrap()
}

#[test]
fn who_has_no_address_is_known_by_where_it_is_attached() {
    let attribution = Attribution::new(&attached_tenants(), &own_networks_default(), []);
    let placed = |row: &RowBuilder| {
        let mut batch = Batch::new();
        row.push(&mut batch);
        attribution.attribute(&mut batch, 0);
        place(&batch, 0)
    };
    let (here, there, inside, own) = ("198.51.100.9", "203.0.113.5", "10.9.0.1", "10.1.0.1");
    let via = |exporter: &str, src: &str, dst: &str, ingress: u64, egress: u64| {
        placed(
            &row_of(exporter, src, dst)
                .unsigned(Column::IngressIf, ingress)
                .unsigned(Column::EgressIf, egress),
        )
    };
    // Interfaces: of that exporter, and the side that they are on.
    assert_eq!(via(CORE, here, there, 31, 1), "out rack - 198.51.100.9");
    assert_eq!(via(CORE, there, here, 1, 31), "in rack - 198.51.100.9");
    assert_eq!(via(CORE, here, there, 31, 31), "local rack rack 198.51.100.9");
    assert_eq!(via(EDGE, here, there, 31, 1), "transit - - -");
    // An address goes before a port.
    assert_eq!(via(CORE, inside, there, 31, 1), "out both - 10.9.0.1");
    assert_eq!(via(CORE, there, "-", 1, 31), "unmatched - - -");
    // VLANs: on the way in and out; of one VLAN the end with an own address, if one of them has.
    let vlans = |src: &str, dst: &str, vlans: [Option<u64>; 2], start: i64| {
        let mut row = row(src, dst).time(Column::Start, start);
        for (column, vlan) in [Column::SrcVlan, Column::DstVlan].into_iter().zip(vlans) {
            row = vlan.into_iter().fold(row, |row, vlan| row.unsigned(column, vlan));
        }
        placed(&row)
    };
    assert_eq!(vlans(here, there, [Some(40), Some(1)], 100), "out moved - 198.51.100.9");
    assert_eq!(vlans(there, here, [Some(1), Some(40)], 100), "in moved - 198.51.100.9");
    assert_eq!(vlans(here, there, [Some(40), Some(1)], 99), "transit - - -");
    for one in [[Some(40), None], [None, Some(40)], [Some(40), Some(40)]] {
        assert_eq!(vlans(own, there, one, 100), "out moved - 10.1.0.1");
        assert_eq!(vlans(there, own, one, 100), "in moved - 10.1.0.1");
        assert_eq!(vlans(here, there, one, 100), "transit - - -");
        assert_eq!(vlans(own, "10.1.0.2", one, 100), "unmatched - - -");
    }
    // MAC addresses, before VLANs.
    let macs = |column| row(here, there).unsigned(column, 0x0200_0000_0001);
    assert_eq!(placed(&macs(Column::SrcMac)), "out box - 198.51.100.9");
    assert_eq!(placed(&macs(Column::DstMac)), "in box - 203.0.113.5");
    let both = macs(Column::SrcMac).unsigned(Column::SrcVlan, 9).unsigned(Column::DstVlan, 1);
    assert_eq!(placed(&both), "out box - 198.51.100.9");
}
