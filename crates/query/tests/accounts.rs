//! Questions that the accounts answer: whatever the planner takes from them must be what the records say.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[expect(dead_code, reason = "other tests ask for more of it")]
mod world;

use proptest::prelude::*;
use std::path::Path;
use weir_flow::batch::RowBuilder;
use weir_flow::filter::Filter;
use weir_flow::names::Direction;
use weir_flow::time::BIN_MS;
use weir_flow::{Addr, Batch, Column};
use weir_query::{Civil, Count, Key, Measure, Options, Order, Query, run, why_records};
use weir_store::{Snapshot, Writer};

fn store(path: &Path, batches: &[(Batch, bool)]) -> Snapshot {
    let options = weir_store::Options { seal_rows: u64::MAX, seal_ms: i64::MAX, ..Default::default() };
    let (mut writer, _) = Writer::open(path, options).unwrap();
    for (batch, seal) in batches.iter().filter(|(batch, _)| !batch.is_empty()) {
        writer.append(batch, world::EPOCH_MS).unwrap();
        if *seal {
            writer.seal(world::EPOCH_MS).unwrap();
        }
    }
    writer.sync().unwrap();
    Snapshot::open(path).unwrap()
}

/// As the daemon attributes records: a direction always; a tenant and a host exactly where it says so; a class only in
/// traffic with the outside.
fn attributed(mut batch: Batch) -> Batch {
    let owned = Column::Tenant.bit() | Column::Host.bit();
    for row in 0..batch.len() {
        let known = batch.present()[row];
        let code = batch.u8s(Column::Direction)[row];
        let direction = Direction::from_code(code).filter(|_| known & Column::Direction.bit() != 0);
        let direction = direction.unwrap_or(Direction::Unmatched);
        let has_owner = matches!(direction, Direction::In | Direction::Out | Direction::Local);
        let (direction, present) = match (has_owner, known & owned == owned) {
            (true, true) => (direction, known),
            (true, false) => (Direction::Transit, known & !owned),
            (false, _) => (direction, known & !owned),
        };
        batch.u8s_mut(Column::Direction)[row] = direction.code();
        let is_outside = matches!(direction, Direction::In | Direction::Out);
        let present = if is_outside { present } else { present & !Column::Class.bit() };
        batch.present_mut()[row] = present | Column::Direction.bit();
    }
    batch
}

fn batches() -> impl Strategy<Value = Vec<(Batch, bool)>> {
    let batch = world::batch(0..60).prop_map(attributed);
    prop::collection::vec((batch, any::<bool>()), 0..5)
}

const KEYS: [&str; 15] = [
    "tenant",
    "class",
    "host",
    "exporter",
    "direction",
    "host/29",
    "exporter/8",
    "time/5m",
    "time/10m",
    "hour",
    "day",
    "weekday",
    "hour_of_day",
    "group",
    "group/1",
];

const FILTERS: [&str; 10] = [
    "",
    "class avtotrade",
    "direction in and not class avtotrade",
    "direction in",
    "not direction local",
    "own tenant avtotrade",
    "not own tenant avtotrade",
    "own host 192.168.31.2",
    "own host 192.168.31.4 or direction out",
    "exporter 192.168.31.1",
];

/// Questions about what accounts say, in spans of whole bins.
fn query() -> impl Strategy<Value = Query> {
    let keys = prop::collection::vec(prop::sample::select(KEYS.to_vec()), 0..4);
    let range = prop::option::of((-1i64..4, 0i64..9).prop_map(|(from, bins)| {
        let from = world::EPOCH_MS - world::EPOCH_MS % BIN_MS + from * BIN_MS;
        from..from + bins * BIN_MS
    }));
    let order =
        prop_oneof![prop::sample::select(Measure::ALL.to_vec()).prop_map(Order::Largest), Just(Order::Key)];
    let filter = prop::sample::select(FILTERS.to_vec());
    (range, any::<bool>(), filter, keys, order, prop::option::of(0usize..6)).prop_map(
        |(range, inside, filter, keys, order, limit)| Query {
            range,
            count: if inside { Count::Inside } else { Count::Whole },
            civil: Civil::new(3_600_000, [(world::EPOCH_MS + 700_000, 7_200_000)]),
            membership: world::membership(),
            filter: Some(Filter::parse(filter).unwrap()),
            keys: keys.into_iter().map(|name| Key::by_name(name).unwrap()).collect(),
            measures: Measure::ALL.to_vec(),
            order,
            limit,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn accounts_say_what_records_say(
        parts in batches(), queries in prop::collection::vec(query(), 12),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let snapshot = store(&folder.path().join("store"), &parts);
        for query in &queries {
            let from_records = run(&snapshot, query, &Options { accounts: false, ..Options::default() }).unwrap();
            let table = run(&snapshot, query, &Options::default()).unwrap();
            let why = why_records(&snapshot, query);
            prop_assert_eq!(table.statistics.from_accounts, why.is_none());
            prop_assert!(!from_records.statistics.from_accounts);
            // Only flows taken whole, of a span that some are not in, need the records.
            let whole = query.range.is_some() && !query.is_spread();
            prop_assert!(whole || why.is_none(), "{:?} {:?}", why, query);
            let (accounts, records) = (world::said(&table), world::said(&from_records));
            prop_assert_eq!(&accounts.0, &records.0, "{:?}", query);
            prop_assert_eq!((&accounts.1, accounts.2), (&records.1, records.2), "{:?}", query);
        }
    }
}

#[test]
fn what_accounts_do_not_say_is_read_from_records_and_why_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut batch = Batch::new();
    batch.set_names(["a".into()].into());
    let row = RowBuilder::new()
        .time(Column::Start, BIN_MS - 1)
        .time(Column::End, BIN_MS + 1)
        .time(Column::Received, BIN_MS)
        .unsigned(Column::TimeSource, 0)
        .addr(Column::Exporter, Addr::v4([192, 0, 2, 1]))
        .unsigned(Column::Domain, 0)
        .unsigned(Column::ProtocolVersion, 0)
        .unsigned(Column::Tenant, 0)
        .addr(Column::Host, Addr::v4([10, 0, 0, 1]))
        .direction(Direction::In)
        .traffic(3, 1);
    row.push(&mut batch);
    let snapshot = store(&folder.path().join("store"), &[(batch, true)]);
    let query = |keys: &str, filter: &str| Query {
        filter: Some(Filter::parse(filter).unwrap()),
        ..Query::top(keys.split(',').map(|name| Key::by_name(name).unwrap()).collect(), 5)
    };
    let why = |query: &Query| why_records(&snapshot, query).unwrap_or_default();
    assert_eq!(why(&query("tenant,hour", "own tenant a")), "");
    assert!(why(&query("tenant,proto", "")).contains("proto is read from proto"));
    assert!(why(&query("tenant,minute", "")).contains("less than the accounts' five minutes"));
    assert!(why(&query("tenant", "tenant a")).contains("the filter reads peer_tenant"));
    let spans = |range, count| Query { range: Some(range), count, ..query("tenant", "") };
    assert_eq!(why(&spans(0..BIN_MS, Count::Whole)), "", "all flows overlap it");
    assert!(why(&spans(0..BIN_MS - 1, Count::Whole)).contains("whole"));
    assert_eq!(why(&spans(0..BIN_MS, Count::Inside)), "");
    assert!(why(&spans(0..BIN_MS - 1, Count::Inside)).contains("five minutes of the clock"));
    let octets = |query: &Query| run(&snapshot, query, &Options::default()).unwrap().total[0];
    assert_eq!(octets(&spans(0..BIN_MS, Count::Whole)), 3);
    assert_eq!(octets(&spans(0..BIN_MS, Count::Inside)), 2, "half of three, the remainder to the first");
    assert_eq!(octets(&spans(BIN_MS..2 * BIN_MS, Count::Inside)), 1);
}
