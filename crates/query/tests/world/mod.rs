//! Random records, random questions, and the plainest possible way to answer them: the truth for all tests.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use weir_flow::batch::{ALWAYS, RowBuilder, Value};
use weir_flow::filter::Filter;
use weir_flow::schema::{COLUMNS, Kind};
use weir_flow::time::spread;
use weir_flow::{Addr, Batch, Column};
use weir_query::{Cell, Civil, Count, Key, Listing, Measure, Membership, Order, Query, Table};

/// Names of tenants; batches number them differently.
const TENANTS: [&str; 3] = ["avtotrade", "OOO Avto", "b"];

/// What exporters call applications.
const TEXTS: [&str; 5] = ["", "dns", "ssl", "s", "b\u{fc}ro"];

/// The groups that they are in; one is in none.
pub(crate) fn membership() -> Membership {
    Membership::new([("avtotrade", "campus/north"), ("b", "campus/south")])
}

/// The time all random records lie around.
pub(crate) const EPOCH_MS: i64 = 1_790_000_000_000;

/// One column's value of a random record: few different ones, so that groups have several records.
fn value(column: Column, seed: u64, row: RowBuilder) -> RowBuilder {
    match column.kind() {
        Kind::Time => {
            let start = i64::try_from(seed % 50).unwrap() * 10_000;
            let long = if seed.is_multiple_of(7) { 2_000_000 } else { 15_000 };
            row.time(column, EPOCH_MS + start + if column == Column::End { long } else { 0 })
        }
        Kind::Addr => row.addr(column, addr(seed)),
        Kind::Word(words) => row.unsigned(column, seed % words.len() as u64),
        Kind::Name => row.unsigned(column, seed % TENANTS.len() as u64),
        Kind::Text => row.octets(column, TEXTS[usize::try_from(seed % 5).unwrap()].as_bytes()),
        Kind::Elements => row.octets(column, &seed.to_be_bytes()[..usize::try_from(seed % 9).unwrap()]),
        Kind::Mac => row.unsigned(column, 0x0200_0000_0000 + seed % 3),
        // Now and then as large as can be, so that sums overflow 64 bits.
        Kind::Unsigned(64) if seed.is_multiple_of(11) => row.unsigned(column, u64::MAX),
        Kind::Unsigned(bits) => row.unsigned(column, (seed % 5).pow(6) % (1 << (bits - 1))),
    }
}

/// An address of either family, some equal, some near each other.
fn addr(seed: u64) -> Addr {
    let last = u8::try_from(seed % 7).unwrap();
    if seed.is_multiple_of(3) {
        Addr::v6([0x20, 1, 0xd, 0xb8, 0, 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
    } else {
        Addr::v4([192, 168, 31, last])
    }
}

/// The columns that random records have values in, beside those that all have.
const OFTEN: [Column; 17] = [
    Column::SrcAddr,
    Column::DstAddr,
    Column::SrcPort,
    Column::DstPort,
    Column::Proto,
    Column::TcpFlags,
    Column::IngressIf,
    Column::SrcMac,
    Column::Octets,
    Column::Packets,
    Column::MeasuredOctets,
    Column::Tenant,
    Column::Direction,
    Column::Host,
    Column::Class,
    Column::Application,
    Column::Other,
];

/// A record: a seed for each column's value, and which optional columns are absent.
fn row() -> impl Strategy<Value = RowBuilder> {
    (prop::collection::vec(any::<u64>(), COLUMNS.len()), any::<u32>(), any::<u32>()).prop_map(
        |(seeds, absent, absent_too)| {
            // Both bits set: a quarter of the optional values is absent.
            let absent = absent & absent_too;
            COLUMNS.iter().zip(seeds).fold(RowBuilder::new(), |row, (definition, seed)| {
                let column = definition.column;
                let often = OFTEN.iter().position(|c| *c == column);
                let known = ALWAYS & column.bit() != 0 || often.is_some_and(|at| absent >> at & 1 == 0);
                if known { value(column, seed, row) } else { row }
            })
        },
    )
}

/// A sealed batch of up to so many records.
pub(crate) fn batch(rows: Range<usize>) -> impl Strategy<Value = Batch> {
    (prop::collection::vec(row(), rows), 0..TENANTS.len()).prop_map(|(rows, turn)| {
        let mut batch = Batch::new();
        let mut names = TENANTS;
        names.rotate_left(turn);
        batch.set_names(names.iter().map(|name| Box::from(*name)).collect());
        for row in rows {
            row.push(&mut batch);
        }
        batch
    })
}

/// Filters of many kinds, which match some of the random records.
const FILTERS: [&str; 10] = [
    "",
    "dst net 192.168.31.0/29",
    "host 192.168.31.2",
    "not host 2001:db8:1f::3",
    "tenant avtotrade and direction in",
    "src_port > 60 or proto 64",
    "octets > 1000",
    "src_addr in [192.168.31.4, 2001:db8:1f::1] and not tenant \"OOO Avto\"",
    "src net 2001:db8:1f::/64 and dst host 192.168.31.1",
    "proto 255",
];

fn filter() -> impl Strategy<Value = Option<Filter>> {
    prop::option::of(prop::sample::select(FILTERS.to_vec()).prop_map(|text| Filter::parse(text).unwrap()))
}

fn range() -> impl Strategy<Value = Option<Range<i64>>> {
    prop::option::of((-2i64..60, 0i64..40).prop_map(|(from, length)| {
        let from = EPOCH_MS + from * 10_000 + 5_000;
        from..from + length * 10_000
    }))
}

/// Keys that are no columns.
const WORKED: [&str; 12] = [
    "src/29",
    "dst/24/127",
    "remote",
    "remote/16",
    "service",
    "time/5m",
    "hour",
    "hour_of_day",
    "weekday",
    "day",
    "group",
    "group/1",
];

/// Clocks that are ahead by hours and minutes, so that hours do not begin with UTC's.
const AHEAD_MS: i64 = 20_700_000;

/// Any query of up to four keys.
pub(crate) fn query() -> impl Strategy<Value = Query> {
    let columns =
        [&OFTEN[..OFTEN.len() - 1], &[Column::Exporter, Column::Start, Column::Domain, Column::TimeSource]]
            .concat();
    let column = prop::sample::select(columns).prop_map(Key::Column);
    let worked = prop::sample::select(WORKED.to_vec()).prop_map(|name| Key::by_name(name).unwrap());
    let keys = prop::collection::vec(prop_oneof![2 => column, 1 => worked], 0..5);
    let measures = prop::sample::subsequence(Measure::ALL.to_vec(), 0..=5);
    let order =
        prop_oneof![prop::sample::select(Measure::ALL.to_vec()).prop_map(Order::Largest), Just(Order::Key)];
    let count = prop_oneof![3 => Just(Count::Whole), 1 => Just(Count::Inside)];
    (range(), count, filter(), keys, measures, order, prop::option::of(0usize..6)).prop_map(
        |(range, count, filter, keys, measures, order, limit)| Query {
            range,
            count,
            civil: Civil::new(AHEAD_MS, []),
            membership: membership(),
            filter,
            keys,
            measures,
            order,
            limit,
        },
    )
}

/// Any listing of all columns.
pub(crate) fn listing() -> impl Strategy<Value = Listing> {
    (range(), filter(), prop::option::of(0usize..20)).prop_map(|(range, filter, limit)| Listing {
        range,
        filter,
        columns: u64::MAX,
        limit,
    })
}

/// One value as a key of a table.
fn cell(value: Value<'_>) -> Cell {
    match value {
        Value::Time(ms) => Cell::Time(ms),
        Value::Addr(addr) => Cell::Addr(addr),
        Value::Mac(mac) => Cell::Mac(mac),
        Value::Unsigned(number) => Cell::Unsigned(number),
        Value::Word(word) => Cell::Word(word),
        Value::Name(name) => Cell::Name(name.into()),
        Value::Text(text) => Cell::Text(text.into()),
        Value::Elements(octets) => panic!("nobody groups by {octets:?}"),
    }
}

/// The rows of a batch that are meant, found one by one.
fn matching(batch: &Batch, range: Option<&Range<i64>>, filter: Option<&Filter>, inside: bool) -> Vec<usize> {
    let mut matches = vec![true; batch.len()];
    if let Some(filter) = filter {
        filter.eval(batch, &mut matches);
    }
    let time = |row, column| match batch.get(row, column) {
        Some(Value::Time(ms)) => ms,
        other => panic!("{} is {other:?}", column.name()),
    };
    (0..batch.len())
        .filter(|row| matches[*row])
        .filter(|row| {
            range.is_none_or(|range| {
                let (start, end) = (time(*row, Column::Start), time(*row, Column::End));
                start < range.end && (end >= range.start || inside && start >= range.start)
            })
        })
        .collect()
}

/// One row of an answer, owned.
pub(crate) type Answer = (Vec<Option<Cell>>, Vec<u128>);

/// What a table says: rows, totals, number of groups, matched records.
pub(crate) type Said = (Vec<Answer>, Vec<u128>, u64, u64);

/// The answer worked out row by row.
pub(crate) fn truth(batches: &[Batch], query: &Query) -> Said {
    let mut groups: BTreeMap<Vec<Option<Cell>>, [u128; 5]> = BTreeMap::new();
    let mut totals = [0u128; 5];
    let mut matched = 0;
    for batch in batches {
        let rows = matching(batch, query.range.as_ref(), query.filter.as_ref(), query.is_spread());
        matched += rows.len() as u64;
        for row in rows {
            for (part, amounts) in parts(batch, row, query) {
                let key = query.keys.iter().map(|key| key_of(*key, batch, row, part)).collect();
                let group = groups.entry(key).or_default();
                for (at, amount) in amounts.into_iter().enumerate() {
                    group[at] += amount;
                    totals[at] += amount;
                }
            }
        }
    }
    let at = |measure: Measure| Measure::ALL.iter().position(|m| *m == measure).unwrap();
    let pick = |sums: &[u128; 5]| query.measures.iter().map(|m| sums[at(*m)]).collect::<Vec<_>>();
    let mut rows: Vec<_> = groups.into_iter().collect();
    if let Order::Largest(measure) = query.order {
        // The map gave them in the order of their keys, and sorting is stable.
        rows.sort_by(|a, b| b.1[at(measure)].cmp(&a.1[at(measure)]));
    }
    let count = rows.len() as u64;
    rows.truncate(query.limit.unwrap_or(usize::MAX));
    let rows = rows.into_iter().map(|(key, sums)| (key, pick(&sums))).collect();
    (rows, pick(&totals), count, matched)
}

/// What a row adds, in the order of [`Measure::ALL`]: all of it, or a part for each bin (and the bin).
fn parts(batch: &Batch, row: usize, query: &Query) -> Vec<(i64, [u128; 5])> {
    let amount = |measure: Measure| match measure.column().map(|column| batch.get(row, column)) {
        None => 1,
        Some(Some(Value::Unsigned(number))) => number,
        Some(_) => 0,
    };
    let all = Measure::ALL.map(amount);
    if !query.is_spread() {
        return vec![(0, all.map(u128::from))];
    }
    let (start, end) = (batch.times(Column::Start)[row], batch.times(Column::End)[row]);
    let mut parts = Vec::new();
    spread(start, end, all[0], all[1], |p| parts.push((p.bin, [p.octets, p.packets, p.flows, 0, 0])));
    let mut at = 0;
    spread(start, end, all[3], all[4], |p| {
        (parts[at].1[3], parts[at].1[4]) = (p.octets, p.packets);
        at += 1;
    });
    let is_anything = |amounts: &[u64; 5]| amounts.iter().any(|amount| *amount > 0);
    let is_inside = |bin: &i64| query.range.as_ref().is_none_or(|range| range.contains(bin));
    parts.retain(|(bin, amounts)| is_inside(bin) && is_anything(amounts));
    parts.into_iter().map(|(bin, amounts)| (bin, amounts.map(u128::from))).collect()
}

/// The value of a key, worked out plainly.
fn key_of(key: Key, batch: &Batch, row: usize, part: i64) -> Option<Cell> {
    let unsigned = |column| match batch.get(row, column) {
        Some(Value::Unsigned(number)) => Some(number),
        _ => None,
    };
    let addr = |column| match batch.get(row, column) {
        Some(Value::Addr(addr)) => Some(addr),
        _ => None,
    };
    let remote = || match batch.get(row, Column::Direction)? {
        Value::Word("in") => addr(Column::SrcAddr),
        Value::Word("out") => addr(Column::DstAddr),
        Value::Word("local") => addr(Column::NatDstAddr).or(addr(Column::DstAddr)),
        _ => None,
    };
    let net = |addr: Addr, v4: u8, v6: u8| match std::net::IpAddr::from(addr) {
        std::net::IpAddr::V4(ip) => {
            let first = (u64::from(u32::from(ip)) >> (32 - v4)) << (32 - v4);
            Cell::Net(Addr::v4(u32::try_from(first).unwrap().to_be_bytes()), v4)
        }
        std::net::IpAddr::V6(ip) => {
            let first = (u128::from(ip) >> (128 - v6)) << (128 - v6);
            Cell::Net(Addr::v6(first.to_be_bytes()), v6)
        }
    };
    let local = part + AHEAD_MS;
    const HOUR_MS: i64 = 3_600_000;
    Some(match key.to_string().as_str() {
        "src_addr/29" => net(addr(Column::SrcAddr)?, 29, 48),
        "dst_addr/24/127" => net(addr(Column::DstAddr)?, 24, 127),
        "remote" => Cell::Addr(remote()?),
        "remote/16" => net(remote()?, 16, 48),
        "service" => {
            let proto = u8::try_from(unsigned(Column::Proto)?).unwrap();
            let ports = [Column::SrcPort, Column::DstPort].map(unsigned).into_iter().flatten();
            // None of the random ports is a service's.
            let port = ports.min().filter(|_| [6, 17, 33, 132, 136].contains(&proto));
            Cell::Service { proto, port: port.map(|port| u16::try_from(port).unwrap()) }
        }
        "group" | "group/1" => {
            let path = match batch.get(row, Column::Tenant)? {
                Value::Name("avtotrade") => "campus/north",
                Value::Name("b") => "campus/south",
                _ => return None,
            };
            Cell::Name(if key.to_string() == "group" { path } else { "campus" }.into())
        }
        "time/5m" => Cell::Time(part),
        "hour" => Cell::Time(local - local % HOUR_MS - AHEAD_MS),
        "day" => Cell::Time(local - local % (24 * HOUR_MS) - AHEAD_MS),
        "hour_of_day" => Cell::Unsigned((local / HOUR_MS % 24).try_into().unwrap()),
        "weekday" => Cell::Weekday(((local / (24 * HOUR_MS) + 3) % 7).try_into().unwrap()),
        _ => return batch.get(row, key.column().unwrap()).map(cell),
    })
}

/// The same of a table.
pub(crate) fn said(table: &Table) -> Said {
    let rows = table.rows().map(|row| (row.keys.to_vec(), row.sums.to_vec())).collect();
    (rows, table.total.clone(), table.groups, table.statistics.matched_records)
}

/// A record as text, whole.
fn record(batch: &Batch, row: usize) -> (i64, String) {
    let values: Vec<String> = COLUMNS
        .iter()
        .map(|d| batch.get(row, d.column).map_or(String::new(), |v| format!("{v:?}")))
        .collect();
    (batch.times(Column::Start)[row], values.join(" "))
}

/// The records that a listing handed out, in their order.
pub(crate) fn listed(run: impl FnOnce(&mut dyn FnMut(&Batch) -> ControlFlow<()>)) -> Vec<(i64, String)> {
    let mut records = Vec::new();
    run(&mut |batch| {
        records.extend((0..batch.len()).map(|row| record(batch, row)));
        ControlFlow::Continue(())
    });
    records
}

/// Holds a listing against all records that match.
pub(crate) fn check_listing(listed: &[(i64, String)], batches: &[Batch], listing: &Listing) {
    let mut truth = Vec::new();
    for batch in batches {
        let rows = matching(batch, listing.range.as_ref(), listing.filter.as_ref(), false);
        truth.extend(rows.into_iter().map(|row| record(batch, row)));
    }
    truth.sort();
    let limit = listing.limit.unwrap_or(usize::MAX);
    // Records of the same start may come in any order, and the limit may fall between them.
    let starts = |records: &[(i64, String)]| records.iter().take(limit).map(|r| r.0).collect::<Vec<_>>();
    assert_eq!(starts(listed), starts(&truth));
    assert_eq!(listed.len(), truth.len().min(limit));
    let mut sorted = listed.to_vec();
    sorted.sort();
    if truth.len() <= limit {
        assert_eq!(sorted, truth);
    } else {
        let mut rest = truth.iter();
        assert!(sorted.iter().all(|record| rest.any(|other| other == record)), "each once, and none made up");
    }
}
