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
    Error, Key, Listing, Options, Order, Query, Spill, Statistics, Table, list, list_batches, run,
    run_batches,
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

    // A host's rows are gone to, and known to be meant; only where its network is the other end is looked around.
    let host = check(&snapshot, &batches, &top("proto", "host 192.168.0.1"));
    let s = host.statistics;
    let (scanned, untested) = (s.scanned_records - tail, s.untested_records);
    assert!(untested > 10_000 && scanned - untested < RECORDS as u64 / 8, "{s:?}");
    // What is asked of all is known of all that is sealed.
    let all = check(&snapshot, &batches, &top("proto", "")).statistics;
    assert_eq!((all.scanned_records, all.untested_records), (RECORDS as u64, RECORDS as u64 - tail));
    // A condition that no index tells leaves every row to be tested.
    let some = check(&snapshot, &batches, &top("proto", "not tcp")).statistics;
    assert_eq!(some.untested_records, 0);

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
fn groups_that_do_not_fit_in_memory_go_to_disk_and_give_the_same_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (snapshot, batches) = make(&folder.path().join("store"));
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let query = top("src_addr,dst_addr,src_port,dst_port", "");
    let expected = run_batches(&batches, &query, &Options::default()).unwrap();
    assert!(expected.groups > 250_000, "{}", expected.groups);
    let all = Query { limit: None, ..query.clone() };
    let expected_all = run_batches(&batches, &all, &Options::default()).unwrap();
    let ask = |query: &Query, threads, memory_bytes, bytes_max| {
        let spill = Some(Spill::to(&disk, bytes_max));
        run(&snapshot, query, &Options { threads, memory_bytes, spill, ..Options::default() })
    };
    for threads in [1, 2] {
        // A group takes 64 bytes, what finds it at most 26, and growing by half leaves some unused: all fit in the memory
        // of both threads; or some; or so few that parts must be parted again.
        for (memory_bytes, spills) in
            [(120 << 20, false), (12 << 20, true), (3 << 20, true), (400 << 10, true)]
        {
            let table = ask(&query, threads, memory_bytes, u64::MAX).unwrap();
            assert_eq!(said(&table), said(&expected), "{memory_bytes} bytes on {threads} threads");
            assert_eq!(table.statistics.matched_records, RECORDS as u64);
            // Every group once for each time that it is parted.
            let written = table.statistics.spilled_bytes;
            assert_eq!(written > 0, spills, "{memory_bytes} bytes on {threads} threads: {written}");
            assert!(!spills || written >= expected.groups * 56, "{written}");
        }
        // Every group is a row of the answer, but not of one thread's memory.
        let spill = Some(Spill { table_bytes: 1 << 20, ..Spill::to(&disk, u64::MAX) });
        let options = Options { threads, spill, ..Options::default() };
        let table = run(&snapshot, &all, &options).unwrap();
        assert_eq!(said(&table), said(&expected_all), "{threads} threads");
        assert!(table.statistics.spilled_bytes > 0);
    }
    assert_eq!(std::fs::read_dir(&disk).unwrap().count(), 0, "nothing has a name");

    // The rows of the answer do not fit.
    let error = ask(&all, 1, 12 << 20, u64::MAX).unwrap_err();
    assert!(matches!(error, Error::Memory { .. }), "{error}");
    assert!(
        error.to_string().contains("do not fit in 12 MiB of memory: ask for the first of them only"),
        "{error}"
    );
    // There is not enough room on disk.
    let error = ask(&query, 1, 3 << 20, 4 << 20).unwrap_err();
    assert!(matches!(error, Error::Disk { .. }), "{error}");
    assert!(error.to_string().contains("where there may be 4 MiB of them"), "{error}");
    // There is no disk.
    let options = Options { memory_bytes: 1 << 20, ..Options::default() };
    let error = run(&snapshot, &query, &options).unwrap_err().to_string();
    let says = "groups by src_addr, dst_addr, src_port, dst_port do not fit in 1 MiB of memory: ";
    assert!(error.contains(says) && error.contains("narrow the time span or the filter"), "{error}");
    let spill = Some(Spill::to(folder.path().join("nowhere"), u64::MAX));
    let error = run(&snapshot, &query, &Options { spill, ..options }).unwrap_err();
    assert!(matches!(error, Error::Spill(..)), "{error}");
}

#[test]
fn addresses_that_are_told_apart_by_their_places_give_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (snapshot, batches) = make(&folder.path().join("store"));
    let spilling = |memory_bytes| Options {
        memory_bytes,
        spill: Some(Spill::to(folder.path(), u64::MAX)),
        accounts: false,
        ..Options::default()
    };
    // Some of whose rows all match, some of which a tenth, and nearly none; some that read the address to decide.
    for filter in ["", "proto udp", "octets > 20k", "src port 22 and octets > 1M", "src net 192.168.0.0/16"] {
        for keys in
            ["src_addr", "dst_addr", "host", "host/20", "dst_addr,dst_addr/9", "exporter", "nat_src_addr"]
        {
            let query = top(keys, filter);
            let expected = said(&run_batches(&batches, &query, &Options::default()).unwrap());
            check(&snapshot, &batches, &query);
            // Of these, the first has no room for the places beside the groups.
            for memory_bytes in [600 << 10, 12 << 20] {
                let table = run(&snapshot, &query, &spilling(memory_bytes)).unwrap();
                assert_eq!(said(&table), expected, "{memory_bytes} bytes, {query:?}");
            }
        }
    }
}

#[test]
fn a_question_that_is_given_up_ends_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (snapshot, batches) = make(&folder.path().join("store"));
    let query = top("src_addr,dst_addr,src_port,dst_port", "");
    let listing = Listing { range: None, filter: None, columns: Column::Start.bit(), limit: None };
    let options = Options::default();
    // Before it begins; the accounts would answer the second.
    options.stop.stop();
    assert!(options.stop.is_stopped());
    for query in [&query, &top("tenant", ""), &top("", "dst port 1")] {
        assert!(matches!(run(&snapshot, query, &options), Err(Error::Stopped)), "{query:?}");
        assert!(matches!(run_batches(&batches, query, &options), Err(Error::Stopped)), "{query:?}");
    }
    let never = |_: &Batch| -> ControlFlow<()> { unreachable!() };
    assert!(matches!(list(&snapshot, &listing, &options, never), Err(Error::Stopped)));
    assert!(matches!(list_batches(&batches, &listing, &options, never), Err(Error::Stopped)));
    // While records are handed out.
    let options = Options::default();
    let mut calls = 0;
    let listed = list(&snapshot, &listing, &options, |_| {
        calls += 1;
        options.stop.stop();
        ControlFlow::Continue(())
    });
    assert!(matches!(listed, Err(Error::Stopped)));
    assert_eq!(calls, 1);
    // While it goes on, somewhere between reading, writing to disk and merging: it ends, either way.
    let spill = Some(Spill { table_bytes: 64 << 10, ..Spill::to(folder.path(), u64::MAX) });
    let expected = run_batches(&batches, &query, &Options::default()).unwrap();
    let whole = Options { spill, accounts: false, ..Options::default() };
    for ms in 0..20 {
        let options = Options { stop: weir_query::Stop::default(), ..whole.clone() };
        let answer = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(ms * 20));
                options.stop.stop();
            });
            run(&snapshot, &query, &options)
        });
        match answer {
            Ok(table) => assert_eq!(said(&table), said(&expected)),
            Err(error) => assert!(matches!(error, Error::Stopped), "{error}"),
        }
    }
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
