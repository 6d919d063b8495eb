//! Classes of traffic: which one a record is of, by hand and against a walk through the list; that no octet is of two or
//! of none; and what they cost.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use weir_account::attribution::own_networks_default;
use weir_account::class::{Class, Classes, List, OTHER, TooMany, Way};
use weir_account::money::{Currency, Decimal, Rounding};
use weir_account::statement::{Basis, Daily, StatementError};
use weir_account::tariff::{
    Charge, Direction as Charged, Hours, Meter, Price, Rule, Selection, Tariff, Volume,
};
use weir_account::usage::{Kind, Usage};
use weir_account::{
    Attribution, Balance, Completeness, Period, Prefix, Statement, Sums, Tenant, Tenants, Zone,
};
use weir_flow::batch::{RowBuilder, Value};
use weir_flow::names::SamplingSource;
use weir_flow::{Addr, Batch, Column, Rescale};

const CORE: &str = "192.0.2.1";
const EDGE: &str = "192.0.2.2";
const OURS: &str = "192.168.31.2";
/// 2026-10-01T00:00:00Z, a Thursday: two in the morning in Berlin.
const DAY_MS: i64 = 1_790_812_800_000;
const HOUR_MS: i64 = 3_600_000;

fn addr(text: &str) -> Addr {
    text.parse().unwrap()
}

fn networks(texts: &[&str]) -> Vec<Prefix> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn class(name: &str, prefixes: &[&str]) -> Class {
    Class { name: name.into(), networks: networks(prefixes), ..Class::default() }
}

fn berlin() -> Zone {
    Zone::parse("Europe/Berlin").unwrap()
}

fn attribution(classes: &Classes) -> Attribution {
    let tenant = |name: &str, network: &str| Tenant {
        name: name.into(),
        networks: vec![network.parse().unwrap()],
        ..Tenant::default()
    };
    // A class may be called as a tenant is.
    let tenants = Tenants::new(vec![tenant("office", "192.168.31.0/24"), tenant("free", "192.168.32.0/24")]);
    let attribution = Attribution::new(&tenants.unwrap(), &own_networks_default(), []);
    attribution.with_classes(classes, &berlin())
}

/// Three classes as an operator writes them: what is free, with an exception above it; what is national, from a file;
/// and the nights.
fn classes() -> Classes {
    let night = Hours::new([true; 7], 22 * 60, 6 * 60);
    let file = List {
        path: "national.txt".into(),
        networks: networks(&["203.0.113.0/24", "2001:db8:49::/48"]).into(),
    };
    Classes::new(vec![
        class(OTHER, &["198.51.100.128/25"]),
        class("free", &["198.51.100.0/24", "2001:db8:f::/48"]),
        Class { name: "national".into(), listed: Some(file), ..Class::default() },
        Class { systems: [64_500, 64_501].into(), ..class("peering", &[]) },
        Class {
            interfaces: Some((addr(EDGE), [7].into())),
            direction: Some(Way::Out),
            ..class("peering", &[])
        },
        Class { hours: night, ..class("night", &[]) },
    ])
    .unwrap()
}

fn row(src: &str, dst: &str) -> RowBuilder {
    // Noon in Berlin.
    row_of(CORE, src, dst).time(Column::Start, DAY_MS + 10 * HOUR_MS)
}

fn row_of(exporter: &str, src: &str, dst: &str) -> RowBuilder {
    let row = RowBuilder::new().addr(Column::Exporter, addr(exporter));
    let row = row.unsigned(Column::Octets, 1_000).unsigned(Column::MeasuredOctets, 1_000);
    [(Column::SrcAddr, src), (Column::DstAddr, dst)]
        .into_iter()
        .filter(|(_, text)| *text != "-")
        .fold(row, |row, (column, text)| row.addr(column, addr(text)))
}

/// The class of a row, `-` for none.
fn class_of(batch: &Batch, at: usize) -> String {
    match batch.get(at, Column::Class) {
        None => "-".to_owned(),
        Some(Value::Name(name)) => name.to_owned(),
        other => panic!("{other:?}"),
    }
}

fn classified(row: &RowBuilder) -> String {
    let mut batch = Batch::new();
    row.push(&mut batch);
    attribution(&classes()).attribute(&mut batch, 0);
    class_of(&batch, 0)
}

#[test]
fn the_remote_side_decides_in_the_order_written() {
    let both = |remote: &str, class: &str| {
        assert_eq!(classified(&row(remote, OURS)), class, "from {remote}");
        assert_eq!(classified(&row(OURS, remote)), class, "to {remote}");
    };
    both("198.51.100.1", "free");
    both("198.51.100.127", "free");
    // The exception stands above what it is an exception of.
    both("198.51.100.128", OTHER);
    both("198.51.100.255", OTHER);
    both("198.51.101.0", OTHER);
    both("2001:db8:f::1", "free");
    both("203.0.113.9", "national");
    both("2001:db8:49:ffff::1", "national");
    both("2001:db8:50::1", OTHER);
    both("-", OTHER);
    // Traffic between tenants, of nobody and of strangers has none.
    assert_eq!(classified(&row(OURS, "192.168.32.9")), "-");
    assert_eq!(classified(&row("198.51.100.1", "203.0.113.9")), "-");
    assert_eq!(classified(&row("198.51.100.1", "10.1.1.1")), "-");
}

#[test]
fn conditions_beside_the_address_all_hold() {
    let remote = "8.8.8.8";
    // The AS of the remote side, not of ours.
    assert_eq!(classified(&row(remote, OURS).unsigned(Column::SrcAs, 64_501)), "peering");
    assert_eq!(classified(&row(remote, OURS).unsigned(Column::DstAs, 64_501)), OTHER);
    assert_eq!(classified(&row(OURS, remote).unsigned(Column::DstAs, 64_500)), "peering");
    // The interface at the remote side, of this exporter, and only what went out.
    let edge = |src, dst| row_of(EDGE, src, dst).time(Column::Start, DAY_MS + 10 * HOUR_MS);
    assert_eq!(classified(&edge(OURS, remote).unsigned(Column::EgressIf, 7)), "peering");
    assert_eq!(classified(&edge(OURS, remote).unsigned(Column::IngressIf, 7)), OTHER);
    assert_eq!(classified(&edge(OURS, remote).unsigned(Column::EgressIf, 8)), OTHER);
    assert_eq!(classified(&row(OURS, remote).unsigned(Column::EgressIf, 7)), OTHER);
    assert_eq!(classified(&edge(remote, OURS).unsigned(Column::IngressIf, 7)), OTHER);
    // Hours are civil, and those in which the record began: 22:00 in Berlin is 20:00 UTC.
    let at = |ms: i64| classified(&row_of(CORE, remote, OURS).time(Column::Start, DAY_MS + ms));
    assert_eq!(at(20 * HOUR_MS - 1), OTHER);
    assert_eq!([20, 23, 24, 27].map(|hour| at(hour * HOUR_MS)), ["night"; 4]);
    assert_eq!(at(28 * HOUR_MS), OTHER);
    // What comes before in the list comes before.
    assert_eq!(classified(&row_of(CORE, "198.51.100.1", OURS).time(Column::Start, DAY_MS)), "free");
}

#[test]
fn behind_nat_the_remote_side_is_the_remote_side() {
    let inside = row("198.51.100.1", "192.0.2.99").addr(Column::NatDstAddr, addr(OURS));
    assert_eq!(classified(&inside), "free");
    let out = row(OURS, "203.0.113.9").addr(Column::NatSrcAddr, addr("192.0.2.99"));
    assert_eq!(classified(&out), "national");
    // Only what it was translated to is known of it.
    let known = row(OURS, "-").addr(Column::NatDstAddr, addr("198.51.100.1"));
    assert_eq!(classified(&known), "free");
}

#[test]
fn another_list_of_classes_replaces_what_was_said_and_none_takes_it_away() {
    let mut batch = Batch::new();
    ["198.51.100.1", "203.0.113.9", "8.8.8.8"].iter().for_each(|remote| row(remote, OURS).push(&mut batch));
    row(OURS, "192.168.32.9").push(&mut batch);
    let said = |batch: &Batch| (0..4).map(|at| class_of(batch, at)).collect::<Vec<_>>();
    attribution(&classes()).attribute(&mut batch, 0);
    assert_eq!(said(&batch), ["free", "national", OTHER, "-"]);
    let eight = Classes::new(vec![class("eight", &["8.0.0.0/8"])]).unwrap();
    attribution(&eight).attribute(&mut batch, 0);
    assert_eq!(said(&batch), [OTHER, OTHER, "eight", "-"]);
    attribution(&Classes::default()).attribute(&mut batch, 0);
    assert_eq!(said(&batch), ["-"; 4]);
    assert!(batch.present().iter().all(|mask| mask & Column::Class.bit() == 0));
}

#[test]
fn names_are_listed_once_and_other_last() {
    assert_eq!(classes().names(), ["free", "national", "peering", "night", OTHER]);
    assert!(Classes::default().names().is_empty());
    let many = |count: u16| {
        let one = |n: u16| Class { hours: Hours::new([true; 7], n, n + 1), ..class("c", &[]) };
        Classes::new((0..count).map(one).collect())
    };
    assert!(many(64).is_ok());
    assert_eq!(many(65), Err(TooMany::Hours));
    assert_eq!(Classes::new(vec![class("c", &[]); 1001]), Err(TooMany::Classes));
}

#[test]
fn an_interval_that_comes_late_scales_a_class_and_leaves_it_one() {
    let mut batch = Batch::new();
    let received = |row: RowBuilder| row.time(Column::Received, DAY_MS).unsigned(Column::Domain, 0);
    received(row("198.51.100.1", OURS)).push(&mut batch);
    received(row("203.0.113.9", OURS)).push(&mut batch);
    batch.seal();
    attribution(&classes()).attribute(&mut batch, 0);
    let late = Rescale {
        exporter: addr(CORE),
        domain: 0,
        sampler: None,
        ingress_if: None,
        from: i64::MIN,
        until: i64::MAX,
        interval: 50,
        source: SamplingSource::Options,
    };
    assert_eq!(late.apply(&mut batch, &mut Vec::new()), 2);
    assert_eq!(batch.u64s(Column::Octets), [50_000, 50_000]);
    assert_eq!([0, 1].map(|at| class_of(&batch, at)), ["free", "national"]);
}

/// The class that a walk through the list finds.
fn walked(list: &[Class], batch: &Batch, at: usize) -> String {
    let way = match batch.get(at, Column::Direction) {
        Some(Value::Word("in")) => Way::In,
        Some(Value::Word("out")) => Way::Out,
        _ => return "-".to_owned(),
    };
    let side =
        |of_source, of_destination| batch.get(at, if way == Way::In { of_source } else { of_destination });
    let remote = match side(Column::SrcAddr, Column::DstAddr) {
        Some(Value::Addr(addr)) => Some(addr),
        _ => None,
    };
    let number = |value| match value {
        Some(Value::Unsigned(number)) => u32::try_from(number).ok(),
        _ => None,
    };
    let (system, interface) =
        (number(side(Column::SrcAs, Column::DstAs)), number(side(Column::IngressIf, Column::EgressIf)));
    let Some(Value::Time(start)) = batch.get(at, Column::Start) else { panic!("every row has a start") };
    let holds = |class: &&Class| {
        let listed = class.listed.iter().flat_map(|list| list.networks.iter());
        let mut prefixes = class.networks.iter().chain(listed);
        let is_of_all = class.networks.is_empty() && class.listed.is_none();
        (is_of_all || remote.is_some_and(|remote| prefixes.any(|prefix| prefix.contains(remote))))
            && (class.systems.is_empty() || system.is_some_and(|system| class.systems.contains(&system)))
            && class.interfaces.as_ref().is_none_or(|(exporter, list)| {
                batch.get(at, Column::Exporter) == Some(Value::Addr(*exporter))
                    && interface.is_some_and(|interface| list.contains(&interface))
            })
            && class.hours.is_none_or(|hours| hours.contains(start, &berlin()))
            && class.direction.is_none_or(|direction| direction == way)
    };
    list.iter().find(holds).map_or(OTHER, |class| &class.name).to_owned()
}

/// An address of few, so that prefixes meet them.
fn remote() -> impl Strategy<Value = Addr> {
    prop_oneof![
        3 => (0u8..4, 0u8..4, 0u8..4).prop_map(|(b, c, d)| Addr::v4([198, b * 80, c * 85, d * 85])),
        1 => (0u8..4, 0u8..4).prop_map(|(b, d)| {
            Addr::v6([0x20, 1, 0xd, 0xb8, b * 85, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, d * 85])
        }),
    ]
}

fn prefix() -> impl Strategy<Value = Prefix> {
    (remote(), 0u8..=32, any::<bool>()).prop_map(|(addr, length, is_host)| {
        let length = if addr.is_v4() { length } else { length * 4 };
        if is_host { Prefix::host(addr) } else { Prefix::containing(addr, length).unwrap() }
    })
}

fn any_class() -> impl Strategy<Value = Class> {
    let prefixes = || prop::collection::vec(prefix(), 0..5);
    let listed = prop::option::weighted(0.2, prefixes());
    let systems = prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(0u32..3, 1..3)];
    let interfaces = prop::option::weighted(0.2, (any::<bool>(), prop::collection::btree_set(0u32..3, 0..3)));
    let hours = prop::option::weighted(0.3, (0u16..1440, 1u16..1440, any::<[bool; 7]>()));
    let way = prop::option::weighted(0.2, prop::sample::select(vec![Way::In, Way::Out]));
    let rest = (systems, interfaces, hours, way);
    ("[a-d]", prefixes(), listed, rest).prop_map(
        |(name, networks, listed, (systems, interfaces, hours, way))| Class {
            name,
            networks,
            listed: listed.map(|list| List { path: "list".into(), networks: list.into() }),
            systems: systems.into_iter().collect(),
            interfaces: interfaces.map(|(is_edge, list)| (addr(if is_edge { EDGE } else { CORE }), list)),
            hours: hours.and_then(|(from, length, days)| Hours::new(days, from, (from + length) % 1440)),
            direction: way,
        },
    )
}

/// A row of one of two tenants, with the outside or not.
fn any_row() -> impl Strategy<Value = RowBuilder> {
    let parts = (prop::option::weighted(0.95, remote()), 0u8..4, any::<bool>(), any::<bool>());
    let numbers = (prop::option::of(0u64..4), prop::option::of(0u64..4), 0i64..14 * 24 * 60, 0u64..5_000);
    (parts, numbers).prop_map(|((remote, host, is_in, is_edge), (system, interface, minute, octets))| {
        let ours = Addr::v4([192, 168, 31 + (host & 1), 1 + host]);
        let start = DAY_MS + minute * 60_000;
        let [own, theirs, their_as, their_if] = if is_in {
            [Column::DstAddr, Column::SrcAddr, Column::SrcAs, Column::IngressIf]
        } else {
            [Column::SrcAddr, Column::DstAddr, Column::DstAs, Column::EgressIf]
        };
        let row = RowBuilder::new()
            .addr(Column::Exporter, addr(if is_edge { EDGE } else { CORE }))
            .time(Column::Start, start)
            .time(Column::End, start)
            .addr(own, ours)
            .traffic(octets, octets / 100);
        let row = remote.into_iter().fold(row, |row, addr| row.addr(theirs, addr));
        let row = system.into_iter().fold(row, |row, system| row.unsigned(their_as, system));
        interface.into_iter().fold(row, |row, interface| row.unsigned(their_if, interface))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(256)))]

    /// The table of all prefixes gives what a walk through the list gives; and every octet that came in or went out is
    /// of one class, so that classes are the whole.
    #[test]
    fn a_class_is_the_first_that_holds_and_no_octet_is_of_two_or_of_none(
        list in prop::collection::vec(any_class(), 0..8),
        rows in prop::collection::vec(any_row(), 1..60),
        parted in 0usize..60,
    ) {
        let mut batch = Batch::new();
        let classes = Classes::new(list.clone()).unwrap();
        let attribution = attribution(&classes);
        // As batches are: attributed as rows come, datagram by datagram.
        for (at, row) in rows.iter().enumerate() {
            row.push(&mut batch);
            if at == parted {
                attribution.attribute(&mut batch, 0);
            }
        }
        attribution.attribute(&mut batch, if parted < rows.len() { parted + 1 } else { 0 });
        batch.seal();
        let period = Period::parse("2026-10", &berlin(), 1).unwrap();
        let mut usage = Usage::new(["office", "free"]);
        let mut daily: BTreeMap<String, Daily> = BTreeMap::new();
        for at in 0..rows.len() {
            let expected = if list.is_empty() { "-".to_owned() } else { walked(&list, &batch, at) };
            prop_assert_eq!(class_of(&batch, at), expected.clone(), "row {}", at);
            let kind = if batch.get(at, Column::Direction) == Some(Value::Word("in")) { Kind::In } else { Kind::Out };
            let Some(Value::Name(tenant)) = batch.get(at, Column::Tenant) else { continue };
            let sums = Sums::new(batch.u64s(Column::Octets)[at], batch.u64s(Column::Packets)[at], 1);
            usage.add(kind, Some(tenant), None, addr(CORE), sums).unwrap();
            usage.add(Kind::Decoded, None, None, addr(CORE), sums).unwrap();
            let bin = batch.times(Column::Start)[at];
            daily.entry(tenant.to_owned()).or_insert_with(|| Daily::new(&period)).add(bin, kind, sums).unwrap();
            if expected != "-" {
                usage.add_class(tenant, &expected, kind, sums).unwrap();
            }
        }
        usage.complete_classes().unwrap();
        for (tenant, daily) in daily {
            let used = usage.tenant(&tenant).unwrap();
            let statement = Statement::new(&tenant, daily, used, Balance::of(&usage), Completeness::default(), Basis::default());
            let statement = statement.unwrap();
            let sum = |of: fn(&weir_account::usage::Used) -> Sums| Sums::sum(statement.classes.iter().map(|line| of(&line.used))).unwrap();
            if !list.is_empty() {
                prop_assert_eq!((sum(|used| used.r#in), sum(|used| used.out)), (used.used.r#in, used.used.out));
            }
            prop_assert_eq!(statement.classes.is_empty(), list.is_empty());
        }
    }
}

#[test]
fn what_was_given_no_class_is_of_the_last_one_and_a_statement_refuses_less() {
    let period = Period::parse("2026-10", &Zone::utc(), 1).unwrap();
    let mut usage = Usage::new(["office"]);
    let mut daily = Daily::new(&period);
    let mut add = |usage: &mut Usage, kind, class: Option<&str>, octets| {
        let sums = Sums::new(octets, 1, 1);
        usage.add(kind, Some("office"), None, addr(CORE), sums).unwrap();
        daily.add(period.from_ms(), kind, sums).unwrap();
        if let Some(class) = class {
            usage.add_class("office", class, kind, sums).unwrap();
        }
    };
    add(&mut usage, Kind::In, Some("free"), 700);
    add(&mut usage, Kind::In, None, 30);
    add(&mut usage, Kind::Out, Some(OTHER), 5);
    add(&mut usage, Kind::Out, None, 2);
    let state = |usage: &Usage| {
        let of_tenant = usage.tenant("office").unwrap();
        Statement::new(
            "office",
            daily.clone(),
            of_tenant,
            Balance::default(),
            Completeness::default(),
            Basis::default(),
        )
    };
    assert_eq!(state(&usage), Err(StatementError::Classes));
    usage.complete_classes().unwrap();
    let lines: Vec<_> = state(&usage)
        .unwrap()
        .classes
        .iter()
        .map(|line| (line.class.clone(), line.used.r#in.octets, line.used.out.octets))
        .collect();
    assert_eq!(lines, [("free".to_owned(), 700, 0), (OTHER.to_owned(), 30, 7)]);
    // Done once, it is done.
    let before = usage.clone();
    usage.complete_classes().unwrap();
    assert_eq!(usage, before);
}

/// Prices that differ by class, and 18 octets around each packet.
#[test]
fn a_tariff_is_about_classes_and_counts_what_is_around_packets() {
    let rule = |name: &str, classes: &[&str], direction, price: &str| Rule {
        name: name.into(),
        charge: Charge::Volume {
            of: Selection {
                direction,
                classes: classes.iter().map(ToString::to_string).collect(),
                hours: None,
            },
            unit: 1_000_000,
            is_whole: false,
            price: Price::Each(Decimal::parse(price).unwrap()),
        },
    };
    let tariff = Tariff {
        name: "t".into(),
        currency: Currency::by_code("EUR").unwrap(),
        rounding: Rounding::HalfUp,
        overhead: 18,
        rules: vec![
            rule("national", &["national", "peering"], Charged::Sum, "0.02"),
            rule("world", &[OTHER], Charged::In, "0.50"),
        ],
        minimum: None,
        taxes: Vec::new(),
    };
    assert_eq!(tariff.classes().collect::<Vec<_>>(), ["national", OTHER, "peering"]);
    // 1,500,000 octets in 1,000 packets are 1,518,000 on the wire.
    assert_eq!(tariff.octets(1_500_000, 1_000), Ok(1_518_000));
    assert!(tariff.octets(u64::MAX, 1).is_err() && tariff.octets(0, u64::MAX).is_err());
    let period = Period::parse("2026-10", &Zone::utc(), 1).unwrap();
    let mut meter = Meter::new(period.zone(), period.from_ms(), period.to_ms());
    let mut add =
        |class: &str, came, went| meter.add(class, period.from_ms(), Volume { came, went }).unwrap();
    add("national", 40_000_000, 10_000_000);
    add("peering", 5_000_000, 0);
    add(OTHER, 7_000_000, 3_000_000);
    add("free", 999, 0);
    let bill = tariff.rate(&meter).unwrap();
    // 55 × 0.02, and 7 × 0.50; what went out of the others, and what is free, no rule is about.
    assert_eq!(bill.lines.iter().map(|line| line.amount.minor).collect::<Vec<_>>(), [110, 350]);
    assert_eq!(bill.lines[0].classes, ["national", "peering"]);
    let unrated: Vec<_> =
        bill.unrated.iter().map(|one| (one.class.as_str(), one.volume.came, one.volume.went)).collect();
    assert_eq!(unrated, [("free", 999, 0), (OTHER, 0, 3_000_000)]);
}
