//! Batches for tests: every column, every kind of gap, names, and counts.

use crate::bins::BinRow;
use proptest::prelude::*;
use std::collections::BTreeMap;
use weir_flow::batch::ALWAYS;
pub(crate) use weir_flow::batch::RowBuilder;
use weir_flow::health::Row;
use weir_flow::schema::{COLUMNS, Column, Kind};
use weir_flow::{Addr, Batch};

/// Tenants that rows of random batches belong to.
const NAMES: [&str; 4] =
    ["acme", "b\u{fc}ro", "zeta", "a-very-long-name-of-a-tenant-that-is-longer-than-sixty-four-bytes-in-all"];

fn addr() -> impl Strategy<Value = Addr> {
    prop_oneof![
        (0u8..4).prop_map(|d| Addr::v4([10, 0, 0, d])),
        any::<[u8; 4]>().prop_map(Addr::v4),
        any::<[u8; 16]>().prop_map(Addr::v6),
        Just(Addr::UNSPECIFIED),
    ]
}

/// A time around one day, sometimes far from it.
fn time() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 1_780_000_000_000i64..1_780_086_400_000, 1 => -1_000_000i64..1_000_000]
}

fn number(bits: u8) -> BoxedStrategy<u64> {
    let max = u64::MAX >> (64 - u32::from(bits));
    prop_oneof![0..=3u64.min(max), 0..=max, Just(max)].boxed()
}

/// Mostly few short texts, sometimes one longer than bounds are.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["", "dns", "b\u{fc}ro"]).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
        1 => (60usize..70, "[a-z\u{10ffff}]{0,9}").prop_map(|(n, end)| "\u{fc}".repeat(n) + &end),
    ]
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => Just(vec![0, 1, 2, 1, 7]), 1 => prop::collection::vec(any::<u8>(), 0..20)]
}

fn cell(column: Column, row: RowBuilder) -> BoxedStrategy<RowBuilder> {
    match column.kind() {
        Kind::Time => time().prop_map(move |ms| row.clone().time(column, ms)).boxed(),
        Kind::Addr => addr().prop_map(move |a| row.clone().addr(column, a)).boxed(),
        Kind::Mac => number(48).prop_map(move |v| row.clone().unsigned(column, v)).boxed(),
        Kind::Unsigned(bits) => number(bits).prop_map(move |v| row.clone().unsigned(column, v)).boxed(),
        Kind::Word(words) => {
            (0..words.len() as u64).prop_map(move |v| row.clone().unsigned(column, v)).boxed()
        }
        Kind::Name => (0..NAMES.len() as u64).prop_map(move |v| row.clone().unsigned(column, v)).boxed(),
        Kind::Text => text().prop_map(move |v| row.clone().octets(column, v.as_bytes())).boxed(),
        Kind::Elements => octets().prop_map(move |v| row.clone().octets(column, &v)).boxed(),
    }
}

/// A row with these columns; flows of at most half an hour, so that bins are few.
fn row(mask: u64) -> impl Strategy<Value = RowBuilder> {
    let mut row = Just(RowBuilder::new()).boxed();
    // Start and end are set last, together.
    let mask = (mask | ALWAYS) & !Column::Start.bit() & !Column::End.bit();
    for column in COLUMNS.iter().map(|d| d.column).filter(|c| mask & c.bit() != 0) {
        row = row.prop_flat_map(move |r| cell(column, r)).boxed();
    }
    (row, time(), -10i64..1_800_000)
        .prop_map(|(row, start, length)| row.time(Column::Start, start).time(Column::End, start + length))
}

/// A sealed batch of at most `rows` rows.
pub(crate) fn batch(rows: usize) -> impl Strategy<Value = Batch> {
    let masks = prop_oneof![Just(u64::MAX), any::<u64>(), Just(0u64)];
    let rows = prop::collection::vec(masks.prop_flat_map(row), 0..=rows);
    let health = prop::collection::vec((0i64..3, 0u8..3, 0usize..3, any::<i32>()), 0..4);
    (rows, health, 0usize..NAMES.len()).prop_map(|(rows, health, turn)| {
        let mut batch = Batch::new();
        let mut names = NAMES;
        names.rotate_left(turn);
        batch.set_names(names.iter().map(|n| Box::from(*n)).collect());
        for row in &rows {
            row.push(&mut batch);
        }
        batch.seal();
        batch.health = health
            .into_iter()
            .map(|(bin, exporter, what, value)| Row {
                bin: bin * weir_flow::time::BIN_MS,
                exporter: Addr::v4([192, 0, 2, exporter]),
                domain: exporter.into(),
                what: ["records", "undecodable:truncated", "datagrams"][what].into(),
                value: value.into(),
            })
            .collect();
        batch
    })
}

/// A small row that is told from others by its octets.
pub(crate) fn tiny(octets: u64, start: i64) -> Batch {
    let mut batch = Batch::new();
    batch.set_names(["acme".into(), "beta".into()].into());
    RowBuilder::new()
        .time(Column::Start, start)
        .time(Column::End, start + 1000)
        .time(Column::Received, start + 2000)
        .unsigned(Column::TimeSource, 0)
        .addr(Column::Exporter, Addr::v4([192, 0, 2, 1]))
        .unsigned(Column::Domain, 7)
        .unsigned(Column::ProtocolVersion, 3)
        .addr(Column::SrcAddr, Addr::v4([10, 0, 0, 1]))
        .addr(Column::DstAddr, Addr::v4([198, 51, 100, 1]))
        .unsigned(Column::Tenant, octets % 2)
        .addr(Column::Host, Addr::v4([10, 0, 0, 1]))
        .direction(weir_flow::names::Direction::Out)
        .traffic(octets, 1)
        .push(&mut batch);
    batch.health.push(Row {
        bin: weir_flow::time::bin(start),
        exporter: Addr::v4([192, 0, 2, 1]),
        domain: 7,
        what: "records".into(),
        value: 1,
    });
    batch
}

/// Every value of every row as text, so that rows can be compared whatever order and place they are in.
pub(crate) fn rows(batch: &Batch) -> Vec<String> {
    let cell = |row: usize, column: Column| match batch.get(row, column) {
        Some(value) => format!("{}={value:?} ", column.name()),
        None => String::new(),
    };
    (0..batch.len()).map(|row| COLUMNS.iter().map(|d| cell(row, d.column)).collect()).collect()
}

/// The rows of several batches, sorted.
pub(crate) fn sorted<'a>(batches: impl IntoIterator<Item = &'a Batch>) -> Vec<String> {
    let mut all: Vec<String> = batches.into_iter().flat_map(rows).collect();
    all.sort();
    all
}

/// Bin, exporter, kind, tenant, host and class.
pub(crate) type Account = (i64, Addr, &'static str, Option<String>, Option<Addr>, Option<String>);
/// Octets, packets, flows, measured octets, measured packets.
pub(crate) type Sums = [u128; 5];

/// Adds rows of the same account, in exact arithmetic: an account beyond 64 bits is several rows, and where it is
/// parted depends on the order of additions.
pub(crate) fn collect(sums: &mut BTreeMap<Account, Sums>, row: &BinRow<'_>) {
    let name = |name: Option<&str>| name.map(str::to_owned);
    let key = (row.bin, row.exporter, row.kind.word(), name(row.tenant), row.host, name(row.class));
    let c = row.counts;
    let add = [c.octets, c.packets, c.flows, c.measured_octets, c.measured_packets];
    sums.entry(key).or_default().iter_mut().zip(add).for_each(|(s, a)| *s += u128::from(a));
}
