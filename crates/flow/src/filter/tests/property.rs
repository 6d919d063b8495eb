//! Random filters on random rows, against an evaluator that knows no columns, ranges or sets: it goes row by row
//! and compares values as they stand. It shares nothing with the filter but the batch.

use super::super::{Bound, Conjunct, Filter, Names};
use super::{eval, names};
use crate::batch::{RowBuilder, Value};
use crate::civil::Civil;
use crate::names::Direction;
use crate::schema::{Column, Kind};
use crate::{Addr, Batch};
use proptest::prelude::*;
use std::net::IpAddr;

/// A filter as the naive evaluator sees it.
#[derive(Clone, Debug)]
enum Naive {
    Both(Box<Naive>, Box<Naive>),
    Either(Box<Naive>, Box<Naive>),
    Not(Box<Naive>),
    Test(Test),
}

/// A comparison: how it is written, the columns of which any may match, and what a value must be.
#[derive(Clone, Debug)]
struct Test {
    text: String,
    columns: Vec<&'static str>,
    wanted: Wanted,
}

#[derive(Clone, Debug)]
enum Wanted {
    /// Compares as this sign says.
    Number(&'static str, u64),
    /// One of these.
    OneOf(Vec<u64>),
    /// None of these.
    NoneOf(Vec<u64>),
    /// Within the first so many bits of this address.
    Within(IpAddr, u32),
    /// Any address outside that.
    Outside(IpAddr, u32),
    Name(&'static str),
    Word(&'static str),
    /// All of these bits are set.
    Bits(u64),
    Time(&'static str, i64),
    /// `end - start` compares as this sign says.
    Duration(&'static str, u64),
    /// The clocks show a time of day from the first to before the second, in ms, over midnight where that is less.
    Clock(i64, i64),
    /// The calendar shows this day of the week; Monday is 0.
    Weekday(i64),
    /// What another column's value leaves of one's, times a factor, compares as this sign says.
    Quotient(&'static str, u64, Divisor, &'static str, u64),
    /// On the local side (or else the remote one): one of these numbers.
    Side(bool, Vec<u64>),
    /// On the local side (or else the remote one): within the first bits of this address.
    SideWithin(bool, IpAddr, u32),
}

#[derive(Clone, Copy, Debug)]
enum Divisor {
    Packets,
    Duration,
}

/// Clocks that go forward by an hour at 2 ms after 1970 began.
fn zone() -> Names {
    Names { zone: Civil::new(3_600_000, [(2, 7_200_000)]), ..Names::default() }
}

fn local(ms: i64) -> i64 {
    if ms < 2 { ms + 3_600_000 } else { ms + 7_200_000 }
}

fn compares<T: PartialOrd + Copy>(sign: &str, value: T, with: T) -> bool {
    match sign {
        "=" | "==" | "" => value == with,
        "!=" => value != with,
        "<" => value < with,
        "<=" => value <= with,
        ">" => value > with,
        ">=" => value >= with,
        _ => unreachable!(),
    }
}

fn within(addr: Addr, ip: IpAddr, length: u32) -> bool {
    match (IpAddr::from(addr), ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (0..length).all(|i| (a.to_bits() ^ b.to_bits()) & (1 << (31 - i)) == 0)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (0..length).all(|i| (a.to_bits() ^ b.to_bits()) & (1 << (127 - i)) == 0)
        }
        _ => false,
    }
}

impl Naive {
    fn text(&self) -> String {
        match self {
            Self::Both(a, b) => format!("({}) and ({})", a.text(), b.text()),
            Self::Either(a, b) => format!("({}) || ({})", a.text(), b.text()),
            Self::Not(a) => format!("not ({})", a.text()),
            Self::Test(test) => test.text.clone(),
        }
    }

    fn holds(&self, batch: &Batch, row: usize) -> bool {
        match self {
            Self::Both(a, b) => a.holds(batch, row) && b.holds(batch, row),
            Self::Either(a, b) => a.holds(batch, row) || b.holds(batch, row),
            Self::Not(a) => !a.holds(batch, row),
            Self::Test(test) => test.holds(batch, row),
        }
    }
}

impl Test {
    fn holds(&self, batch: &Batch, row: usize) -> bool {
        let number = |name: &str| match batch.get(row, Column::by_name(name).unwrap()) {
            Some(Value::Unsigned(n)) => Some(n),
            _ => None,
        };
        let duration = || match (batch.get(row, Column::Start), batch.get(row, Column::End)) {
            (Some(Value::Time(start)), Some(Value::Time(end))) => Some((end - start).max(0).unsigned_abs()),
            _ => None,
        };
        match self.wanted {
            Wanted::Duration(sign, ms) => return duration().is_some_and(|d| compares(sign, d, ms)),
            Wanted::Quotient(dividend, factor, divisor, sign, with) => {
                let divisor = match divisor {
                    Divisor::Packets => number("packets"),
                    Divisor::Duration => duration(),
                };
                let quotient = number(dividend).zip(divisor).and_then(|(a, b)| (a * factor).checked_div(b));
                return quotient.is_some_and(|quotient| compares(sign, quotient, with));
            }
            Wanted::Side(..) | Wanted::SideWithin(..) => return self.side_holds(batch, row),
            _ => {}
        }
        let values = self.columns.iter().filter_map(|name| batch.get(row, Column::by_name(name).unwrap()));
        values.into_iter().any(|value| match (&self.wanted, value) {
            (Wanted::Number(sign, with), Value::Unsigned(v)) => compares(sign, v, *with),
            (Wanted::OneOf(list), Value::Unsigned(v)) => list.contains(&v),
            (Wanted::NoneOf(list), Value::Unsigned(v)) => !list.contains(&v),
            (Wanted::Within(ip, length), Value::Addr(v)) => within(v, *ip, *length),
            (Wanted::Outside(ip, length), Value::Addr(v)) => !within(v, *ip, *length),
            (Wanted::Name(name), Value::Name(v)) => v == *name,
            (Wanted::Word(word), Value::Word(v)) => v == *word,
            (Wanted::Bits(bits), Value::Unsigned(v)) => v & bits == *bits,
            (Wanted::Time(sign, with), Value::Time(v)) => compares(sign, v, *with),
            (Wanted::Clock(from, to), Value::Time(v)) => {
                let shown = local(v).rem_euclid(86_400_000);
                if from < to { *from <= shown && shown < *to } else { *from <= shown || shown < *to }
            }
            (Wanted::Weekday(day), Value::Time(v)) => {
                (local(v).div_euclid(86_400_000) + 3).rem_euclid(7) == *day
            }
            (wanted, value) => panic!("{wanted:?} of {value:?}"),
        })
    }
}

impl Test {
    /// Of the ends that the row's direction puts on the side, one has a value that matches.
    fn side_holds(&self, batch: &Batch, row: usize) -> bool {
        let Some(Value::Word(direction)) = batch.get(row, Column::Direction) else { return false };
        let is_local = match self.wanted {
            Wanted::Side(is_local, _) | Wanted::SideWithin(is_local, ..) => is_local,
            _ => unreachable!(),
        };
        let ends: &[&str] = match (direction, is_local) {
            ("out", true) | ("in", false) => &["src"],
            ("in", true) | ("out", false) => &["dst"],
            ("local", _) => &["src", "dst"],
            _ => &[],
        };
        let columns = self.columns.iter().filter(|name| ends.iter().any(|end| name.contains(end)));
        let mut values = columns.filter_map(|name| batch.get(row, Column::by_name(name).unwrap()));
        values.any(|value| match (&self.wanted, value) {
            (Wanted::Side(_, list), Value::Unsigned(v)) => list.contains(&v),
            (Wanted::SideWithin(_, ip, length), Value::Addr(v)) => within(v, *ip, *length),
            (wanted, value) => panic!("{wanted:?} of {value:?}"),
        })
    }
}

const SIGNS: [&str; 7] = ["=", "==", "!=", "<", "<=", ">", ">="];

/// Addresses that lie near each other and near the edges of both families.
fn ip() -> impl Strategy<Value = IpAddr> {
    let four = (prop::sample::select(vec![0u32, 0x0a00_0000, 0xc0a8_1f00, 0xffff_ff00]), 0u32..4)
        .prop_map(|(base, host)| IpAddr::V4((base | host).into()));
    let six =
        (prop::sample::select(vec![0u128, 0xffff_0000, 0x1_0000_0000_0000, 0x2001_0db8 << 96]), 0u128..4)
            .prop_map(|(base, host)| IpAddr::V6((base | host).into()));
    prop_oneof![four, six]
}

/// An address with the bits beyond the length cleared.
fn prefix() -> impl Strategy<Value = (IpAddr, u32)> {
    (ip(), prop::sample::select(vec![0u32, 1, 8, 24, 30, 31, 32])).prop_map(|(ip, length)| match ip {
        IpAddr::V4(v4) => {
            (IpAddr::V4((v4.to_bits() & u32::MAX.checked_shl(32 - length).unwrap_or(0)).into()), length)
        }
        IpAddr::V6(v6) => {
            let length = length * 4;
            (IpAddr::V6((v6.to_bits() & u128::MAX.checked_shl(128 - length).unwrap_or(0)).into()), length)
        }
    })
}

fn test() -> impl Strategy<Value = Test> {
    prop_oneof![
        address_test(),
        number_test(),
        pair_test(),
        word_test(),
        time_test(),
        civil_test(),
        quotient_test(),
        side_test()
    ]
}

fn sign() -> impl Strategy<Value = &'static str> {
    prop::sample::select(SIGNS.to_vec())
}

fn address_test() -> impl Strategy<Value = Test> {
    let sides = prop::sample::select(vec![
        ("host", vec!["src_addr", "dst_addr", "nat_src_addr", "nat_dst_addr"]),
        ("net", vec!["src_addr", "dst_addr", "nat_src_addr", "nat_dst_addr"]),
        ("src net", vec!["src_addr", "nat_src_addr"]),
        ("dst", vec!["dst_addr", "nat_dst_addr"]),
        ("own host", vec!["host"]),
        ("exporter", vec!["exporter"]),
        ("next_hop", vec!["next_hop"]),
    ]);
    let inside = (sides, prefix()).prop_map(|((word, columns), (ip, length))| Test {
        text: format!("{word} {ip}/{length}"),
        columns,
        wanted: Wanted::Within(ip, length),
    });
    let outside = prefix().prop_map(|(ip, length)| Test {
        text: format!("src_addr != {ip}/{length}"),
        columns: vec!["src_addr"],
        wanted: Wanted::Outside(ip, length),
    });
    prop_oneof![3 => inside, 1 => outside]
}

fn number_test() -> impl Strategy<Value = Test> {
    let columns =
        ["src_port", "dst_port", "proto", "tos", "ingress_if", "src_as", "octets", "tcp_flags", "src_vlan"];
    let columns = prop::sample::select(columns.to_vec());
    let number = (columns.clone(), sign(), 1u64..7).prop_map(|(column, sign, n)| Test {
        text: format!("{column} {sign} {n}"),
        columns: vec![column],
        wanted: Wanted::Number(sign, n),
    });
    let list =
        (columns, prop::collection::vec(0u64..8, 1..4), any::<bool>()).prop_map(|(column, list, not)| {
            let items = list.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            let (word, wanted) =
                if not { ("not in", Wanted::NoneOf(list)) } else { ("in", Wanted::OneOf(list)) };
            Test { text: format!("{column} {word} [{items}]"), columns: vec![column], wanted }
        });
    prop_oneof![number, list]
}

fn pair_test() -> impl Strategy<Value = Test> {
    let pairs = prop::sample::select(vec![
        ("port", "src_port", "dst_port"),
        ("as", "src_as", "dst_as"),
        ("if", "ingress_if", "egress_if"),
        ("vlan", "src_vlan", "dst_vlan"),
    ]);
    (pairs, 0u64..4, 0u64..4).prop_map(|((word, a, b), low, more)| Test {
        text: format!("{word} {low}-{}", low + more),
        columns: vec![a, b],
        wanted: Wanted::OneOf((low..=low + more).collect()),
    })
}

fn word_test() -> impl Strategy<Value = Test> {
    let tenant = prop::sample::select(vec!["avtotrade", "ООО Авто", "x"]).prop_map(|name| Test {
        text: format!("tenant \"{name}\""),
        columns: vec!["tenant", "peer_tenant"],
        wanted: Wanted::Name(name),
    });
    let direction = prop::sample::select(Direction::WORDS.to_vec()).prop_map(|word| Test {
        text: format!("direction {word}"),
        columns: vec!["direction"],
        wanted: Wanted::Word(word),
    });
    let flags = vec![("F", 1u64), ("S", 2), ("FS", 3), ("R", 4), ("RF", 5)];
    let flags = prop::sample::select(flags).prop_map(|(letters, bits)| Test {
        text: format!("flags {letters}"),
        columns: vec!["tcp_flags"],
        wanted: Wanted::Bits(bits),
    });
    prop_oneof![tenant, direction, flags]
}

fn time_test() -> impl Strategy<Value = Test> {
    let time = (sign(), -4i64..5).prop_map(|(sign, ms)| Test {
        text: format!("start {sign} {ms}"),
        columns: vec!["start"],
        wanted: Wanted::Time(sign, ms),
    });
    let duration = (sign(), 1u64..5).prop_map(|(sign, ms)| Test {
        text: format!("duration {sign} {ms}ms"),
        columns: vec![],
        wanted: Wanted::Duration(sign, ms),
    });
    prop_oneof![time, duration]
}

/// Around what the clocks showed when 1970 began: 01:00, and 02:00 from 2 ms on.
fn civil_test() -> impl Strategy<Value = Test> {
    let column = prop::sample::select(vec![("", "start"), ("start ", "start"), ("end ", "end")]);
    let hour = 3_600_000i64;
    let moment =
        (prop::sample::select(vec![0, hour, 2 * hour, 22 * hour]), 0i64..5).prop_map(|(h, ms)| h + ms);
    let clock = (column.clone(), moment.clone(), moment)
        .prop_filter("the ends differ", |(_, from, to)| from != to)
        .prop_map(|((end, column), from, to)| {
            let show = |ms: i64| format!("{:02}:00:00.{:03}", ms / 3_600_000, ms % 1000);
            Test {
                text: format!("{end}time {}-{}", show(from), show(to)),
                columns: vec![column],
                wanted: Wanted::Clock(from, to),
            }
        });
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let weekday = (column, 0usize..7).prop_map(move |((end, column), day)| Test {
        text: format!("{end}weekday {}", days[day]),
        columns: vec![column],
        wanted: Wanted::Weekday(i64::try_from(day).unwrap()),
    });
    prop_oneof![clock, weekday]
}

fn quotient_test() -> impl Strategy<Value = Test> {
    let kinds = vec![
        ("bpp", "octets", 1, Divisor::Packets),
        ("octets/packets", "octets", 1, Divisor::Packets),
        ("bps", "octets", 8000, Divisor::Duration),
        ("pps", "packets", 1000, Divisor::Duration),
        ("packets / duration", "packets", 1000, Divisor::Duration),
    ];
    // Numbers that speeds of so few octets in so few ms have.
    let number = prop::sample::select(vec![1u64, 2, 3, 200, 500, 1000, 2000, 8000]);
    (prop::sample::select(kinds), sign(), number).prop_map(
        |((word, dividend, factor, divisor), sign, with)| Test {
            text: format!("{word} {sign} {with}"),
            columns: vec![],
            wanted: Wanted::Quotient(dividend, factor, divisor, sign, with),
        },
    )
}

fn side_test() -> impl Strategy<Value = Test> {
    let side = prop::sample::select(vec![("local", true), ("remote", false)]);
    let nouns = prop::sample::select(vec![
        ("port", vec!["src_port", "dst_port"]),
        ("as", vec!["src_as", "dst_as"]),
        ("vlan", vec!["src_vlan", "dst_vlan"]),
    ]);
    let number =
        (side.clone(), nouns, 0u64..4, 0u64..4).prop_map(|((word, is_local), (noun, columns), low, more)| {
            Test {
                text: format!("{word} {noun} {low}-{}", low + more),
                columns,
                wanted: Wanted::Side(is_local, (low..=low + more).collect()),
            }
        });
    let host = (side, prefix()).prop_map(|((word, is_local), (ip, length))| Test {
        text: format!("{word} net {ip}/{length}"),
        columns: vec!["src_addr", "dst_addr", "nat_src_addr", "nat_dst_addr"],
        wanted: Wanted::SideWithin(is_local, ip, length),
    });
    prop_oneof![number, host]
}

fn naive() -> impl Strategy<Value = Naive> {
    test().prop_map(Naive::Test).prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Naive::Both(a.into(), b.into())),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Naive::Either(a.into(), b.into())),
            inner.prop_map(|a| Naive::Not(a.into())),
        ]
    })
}

/// A row in which every value may be absent.
fn row() -> impl Strategy<Value = RowBuilder> {
    let addresses = ["src_addr", "dst_addr", "nat_src_addr", "nat_dst_addr", "host", "exporter", "next_hop"];
    let numbers = [
        "src_port",
        "dst_port",
        "proto",
        "tos",
        "ingress_if",
        "egress_if",
        "src_as",
        "dst_as",
        "octets",
        "packets",
        "tcp_flags",
        "src_vlan",
        "dst_vlan",
    ];
    let below = [("tenant", 2u64), ("peer_tenant", 2), ("direction", 6)];
    (
        prop::collection::vec(prop::option::of(ip()), addresses.len()),
        prop::collection::vec(prop::option::of(0u64..8), numbers.len()),
        prop::collection::vec(prop::option::of(0u64..6), below.len()),
        prop::collection::vec(prop::option::of(-5i64..6), 2),
    )
        .prop_map(move |(ips, values, codes, times)| {
            let column = |name: &str| Column::by_name(name).unwrap();
            let mut row = RowBuilder::new();
            for (name, ip) in addresses.iter().zip(ips) {
                row = ip.map_or(row.clone(), |ip| row.addr(column(name), ip.into()));
            }
            for (name, value) in numbers.iter().zip(values) {
                row = value.map_or(row.clone(), |value| row.unsigned(column(name), value));
            }
            for ((name, below), code) in below.iter().zip(codes) {
                row = code.map_or(row.clone(), |code| row.unsigned(column(name), code % below));
            }
            for (name, time) in ["start", "end"].iter().zip(times) {
                row = time.map_or(row.clone(), |time| row.time(column(name), time));
            }
            row
        })
}

fn batch(rows: &[RowBuilder]) -> Batch {
    let mut batch = Batch::new();
    batch.set_names(["avtotrade".into(), "ООО Авто".into()].into());
    rows.iter().for_each(|row| row.push(&mut batch));
    batch
}

/// Whether the bounds of a conjunct are of the kind that their columns have.
fn is_of_its_kind(conjunct: &Conjunct) -> bool {
    conjunct.any.iter().all(|bounds| {
        [&bounds.low, &bounds.high].iter().all(|bound| match (bound, bounds.column.kind()) {
            (Bound::Time(_), kind) => kind == Kind::Time,
            (Bound::Addr(_), kind) => kind == Kind::Addr,
            (Bound::Text(_), kind) => matches!(kind, Kind::Word(_) | Kind::Name | Kind::Text),
            (Bound::Unsigned(_), kind) => matches!(kind, Kind::Unsigned(_) | Kind::Mac),
        })
    })
}

/// Pieces of filters, to be put together without sense.
const PIECES: &str = "src dst net host port 80 443 80-90 10.0.0.0/8 10.0.0.1 ::1 and or not ( ) [ ] , in if 5 = != < >= \
    tcp icmp type 8 flags S S/SA tenant \"é\" avtotrade exporter core octets 10M duration 60s start 2026-10-01 any own \
    peer direction out local ipv6 dscp ef && | ! # proto 6 mac 02:00:5e:00:00:01 as 1.10 src_port bps 0x1f http prot \
    @file @include local remote time 08:00-18:00 weekday mon-fri end / octets/packets bytes net 10 mask 255.0.0.0 & \
    tcp[tcpflags] tcp-syn [13] next bgpnext router nat event add ether multicast ip ip6 example.org lt less greater X 0/SA \
    é \\ ' code 3 nat_src_addr 10.0.0.1-10.0.0.9 2026-10-01T08:00Z..2026-10-02 packets sflow protocol_version";

fn piece() -> impl Strategy<Value = String> {
    let known: Vec<String> = PIECES.split_whitespace().map(String::from).collect();
    prop_oneof![9 => prop::sample::select(known), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(512)))]

    #[test]
    fn columns_rows_and_statistics_agree(naive in naive(), rows in prop::collection::vec(row(), 1..12)) {
        let text = naive.text();
        let parse = |text: &str| {
            Filter::parse_with(text, &zone()).map_err(|m| TestCaseError::fail(m.render(text)))
        };
        let filter = parse(&text)?;
        let batch = batch(&rows);
        let found = eval(&filter, &batch);
        let expected: Vec<bool> = (0..batch.len()).map(|row| naive.holds(&batch, row)).collect();
        prop_assert_eq!(&found, &expected, "{}", text);

        let written = filter.to_string();
        prop_assert_eq!(&parse(&written)?, &filter, "{}", written);

        // What is unknown matches no comparison, and `not` is the complement all the same.
        let complement = eval(&parse(&format!("not ({text})"))?, &batch);
        prop_assert!(found.iter().zip(&complement).all(|(found, left)| found != left), "{}", text);
        let mut unknown = Batch::new();
        RowBuilder::new().push(&mut unknown);
        if let Naive::Test(_) = naive {
            prop_assert_eq!(eval(&filter, &unknown), [false], "{}", text);
        }

        // Reading no more than the columns it names gives the same answer.
        let read = crate::schema::COLUMNS.iter().map(|d| d.column).filter(|c| filter.columns() & c.bit() != 0);
        let columns = read.map(|c| (c, batch.values(c).clone())).collect();
        let part = Batch::from_columns(batch.present().to_vec(), columns, batch.names().clone());
        prop_assert_eq!(eval(&filter, &part), found.clone());

        let conjuncts = filter.conjuncts();
        for (row, found) in found.iter().enumerate() {
            for conjunct in conjuncts.iter().filter(|_| *found) {
                prop_assert!(is_of_its_kind(conjunct), "{}: {:?}", text, conjunct);
                prop_assert!(conjunct.is_met(&batch, row), "{}: {:?}", text, conjunct);
            }
            if filter.is_told_by_conjuncts() {
                let is_met = conjuncts.iter().all(|conjunct| conjunct.is_met(&batch, row));
                prop_assert_eq!(is_met, *found, "{}: row {}", text, row);
            }
        }
    }

    #[test]
    fn no_text_is_too_strange(pieces in prop::collection::vec(piece(), 0..14)) {
        for text in [pieces.join(" "), pieces.concat()] {
            match Filter::parse_with(&text, &names()) {
                Ok(filter) => prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter), "{}", text),
                Err(mistake) => {
                    prop_assert!(text.get(mistake.place.clone()).is_some(), "{:?} of {}", mistake.place, text);
                    prop_assert!(mistake.render(&text).lines().count() >= 3);
                }
            }
        }
    }
}
