//! A store of many pages: pruning leaves most of it unread and never changes an answer.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../examples/questions/traffic.rs"]
mod traffic;

use std::ops::ControlFlow;
use std::path::Path;
use traffic::Traffic;
use weir_flow::filter::Filter;
use weir_flow::{Batch, Column};
use weir_query::{
    Key, Listing, Options, Order, Query, Statistics, Table, list, list_batches, run, run_batches,
};
use weir_store::{Snapshot, Writer};

const RECORDS: usize = 300_000;

/// Two segments, and the rest in the journal.
fn make(path: &Path) -> (Snapshot, Vec<Batch>) {
    let options = weir_store::Options { seal_rows: u64::MAX, seal_ms: i64::MAX, ..Default::default() };
    let (mut writer, _) = Writer::open(path, options).unwrap();
    let mut traffic = Traffic::new(7);
    let batches: Vec<Batch> = (0..RECORDS / 20_000).map(|_| traffic.batch(20_000)).collect();
    for (i, batch) in batches.iter().enumerate() {
        writer.append(batch, traffic::BEGIN_MS).unwrap();
        if i == 1 || i == 13 {
            writer.seal(traffic::BEGIN_MS).unwrap();
        }
    }
    writer.sync().unwrap();
    (Snapshot::open(path).unwrap(), batches)
}

/// What a table says, without how it was found.
fn said(table: &Table) -> Table {
    let mut table = table.clone();
    table.statistics = Statistics::default();
    table
}

/// Asks in every way; all answers must be the same. Returns what was read with pruning.
fn check(snapshot: &Snapshot, batches: &[Batch], query: &Query) -> Table {
    let expected = run_batches(batches, query, &Options::default()).unwrap();
    let mut tables = Vec::new();
    for (threads, prune) in [(1, true), (2, true), (2, false)] {
        let table =
            run(snapshot, query, &Options { threads, prune, accounts: false, ..Options::default() }).unwrap();
        assert_eq!(said(&table), said(&expected), "threads {threads} prune {prune} {query:?}");
        assert_eq!(table.statistics.matched_records, expected.statistics.matched_records);
        tables.push(table);
    }
    assert_eq!(tables[0].statistics, tables[1].statistics, "threads read the same");
    assert_eq!(tables[2].statistics.scanned_records, RECORDS as u64);
    tables.swap_remove(0)
}

fn top(keys: &str, filter: &str) -> Query {
    let keys = keys.split(',').filter(|key| !key.is_empty()).map(|key| Key::by_name(key).unwrap()).collect();
    Query { filter: Some(Filter::parse(filter).unwrap()), ..Query::top(keys, 50) }
}

#[test]
fn pruning_never_changes_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (snapshot, batches) = make(&folder.path().join("store"));
    assert_eq!((snapshot.segments.len(), snapshot.tail.len()), (2, 1));

    for keys in
        ["dst_addr", "src_addr,dst_addr", "src_addr,dst_addr,src_port,dst_port,proto", "", "tenant,direction"]
    {
        let table = check(&snapshot, &batches, &top(keys, ""));
        assert_eq!(table.statistics.matched_records, RECORDS as u64);
    }
    for (filter, keys) in [
        ("net 192.168.31.0/24", "direction,proto"),
        ("host 192.168.31.2", "peer_tenant,tenant,src_port"),
        ("src host 192.168.40.9 and not tcp", "dst_addr"),
        ("own host in [192.168.3.0/24, 2001:db8:109::/64]", "host,tenant"),
        ("octets > 100M", "start"),
        ("direction in and proto 17 and dst port 1024-1100", "exporter,dst_port"),
        ("tenant nobody", "host"),
        ("nat_src_addr = 10.0.0.1 or icmp_type = 8", "host"),
    ] {
        check(&snapshot, &batches, &top(keys, filter));
    }
    let tenant = check(&snapshot, &batches, &top("host", "tenant tenant31"));
    let tail = 20_000;
    assert!(
        tenant.statistics.scanned_records < (RECORDS as u64 - tail) / 4 + tail,
        "{:?}",
        tenant.statistics
    );
    assert!(tenant.statistics.matched_records > 1_000);

    // Two seconds, a minute after the first segment ends; the rest must be looked at.
    let mut span = top("host", "");
    span.range = Some(traffic::BEGIN_MS + 60_000..traffic::BEGIN_MS + 62_000);
    span.order = Order::Key;
    let table = check(&snapshot, &batches, &span);
    assert_eq!((table.statistics.segments, table.statistics.segments_read), (2, 1));
    assert!(table.statistics.matched_records > 4_000);
    assert_eq!(table.statistics.stored_records, RECORDS as u64);
}

#[test]
fn too_many_groups_for_the_memory_take_several_passes_and_give_the_same_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (snapshot, batches) = make(&folder.path().join("store"));
    let mut query = top("src_addr,dst_addr,src_port,dst_port", "");
    let expected = run_batches(&batches, &query, &Options::default()).unwrap();
    assert!(expected.groups > 250_000, "{}", expected.groups);
    // A group takes 64 bytes, what finds it at most 26: all fit, or a quarter of them, or a sixteenth.
    for (memory_bytes, passes) in [(40 << 20, 1..=1), (9 << 20, 2..=4), (3 << 20, 8..=16)] {
        let options = Options { threads: 1, memory_bytes, ..Options::default() };
        let table = run(&snapshot, &query, &options).unwrap();
        assert_eq!(said(&table), said(&expected), "{passes:?} passes");
        assert!(passes.contains(&table.statistics.passes), "{:?}", table.statistics);
        assert_eq!(table.statistics.matched_records, RECORDS as u64);
        let table = run(&snapshot, &query, &Options { threads: 2, ..options }).unwrap();
        assert_eq!(said(&table), said(&expected), "{passes:?} passes or more");
    }
    let options = Options { memory_bytes: 1 << 20, ..Options::default() };
    let error = run(&snapshot, &query, &options).unwrap_err().to_string();
    assert!(
        error.contains("groups by src_addr, dst_addr, src_port, dst_port do not fit in 1 MiB"),
        "{error}"
    );
    // Without a limit all groups are the answer, so passes would not help.
    query.limit = None;
    assert!(run(&snapshot, &query, &Options { memory_bytes: 12 << 20, ..options }).is_err());
}

#[test]
fn a_listing_of_everything_is_in_the_order_of_time_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (snapshot, batches) = make(&folder.path().join("store"));
    let columns = Column::Start.bit() | Column::SrcAddr.bit() | Column::Tenant.bit() | Column::Octets.bit();
    let listing = Listing { range: None, filter: None, columns, limit: None };
    let sums = |batch: &Batch| batch.u64s(Column::Octets).iter().sum::<u64>();
    let all: u64 = batches.iter().map(sums).sum();
    // Room for about 50,000 records at a time.
    for memory_bytes in [1 << 30, 6_000_000] {
        let (mut records, mut octets, mut last) = (0, 0, i64::MIN);
        let options = Options { memory_bytes, ..Options::default() };
        let statistics = list(&snapshot, &listing, &options, |batch| {
            for start in batch.times(Column::Start) {
                assert!(*start >= last, "{start} after {last}");
                last = *start;
            }
            assert!(!batch.is_loaded(Column::DstAddr));
            records += batch.len();
            octets += sums(batch);
            ControlFlow::Continue(())
        });
        assert_eq!((records, octets), (RECORDS, all));
        let statistics = statistics.unwrap();
        assert_eq!(
            (statistics.matched_records, statistics.scanned_records),
            (RECORDS as u64, RECORDS as u64)
        );
    }
    // The first few of a filter are found without reading everything, and are those of a full sort.
    let listing =
        Listing { limit: Some(15), filter: Some(Filter::parse("tenant tenant05").unwrap()), ..listing };
    let (mut stored, mut in_memory) = (Vec::new(), Vec::new());
    let statistics = list(&snapshot, &listing, &Options::default(), |batch| {
        stored.extend_from_slice(batch.times(Column::Start));
        ControlFlow::Continue(())
    });
    list_batches(&batches, &listing, &Options::default(), |batch| {
        in_memory.extend_from_slice(batch.times(Column::Start));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(stored.len(), 15);
    assert_eq!(stored, in_memory);
    assert!(statistics.unwrap().scanned_records < RECORDS as u64 / 2);
    // Whoever listens may stop.
    let mut calls = 0;
    list(&snapshot, &Listing { filter: None, limit: None, ..listing }, &Options::default(), |_| {
        calls += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!(calls, 1);
}
