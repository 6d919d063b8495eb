//! Questions over a store, held against answers worked out row by row over the same records: however they are
//! spread over segments and the journal, with and without pruning, on one thread and on two.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod world;

use proptest::prelude::*;
use std::ops::ControlFlow;
use std::path::Path;
use weir_flow::batch::RowBuilder;
use weir_flow::{Addr, Batch, Column};
use weir_query::{Listing, Options, Spill, list, run};
use weir_store::{Snapshot, Writer};

/// A store of these batches: after each that is marked, everything before is sealed.
fn store(path: &Path, batches: &[(Batch, bool)]) -> Snapshot {
    let options = weir_store::Options { seal_rows: u64::MAX, seal_ms: i64::MAX, ..Default::default() };
    let (mut writer, _) = Writer::open(path, options).unwrap();
    for (batch, seal) in batches {
        if !batch.is_empty() {
            writer.append(batch, world::EPOCH_MS).unwrap();
        }
        if *seal {
            writer.seal(world::EPOCH_MS).unwrap();
        }
    }
    writer.sync().unwrap();
    Snapshot::open(path).unwrap()
}

fn batches() -> impl Strategy<Value = Vec<(Batch, bool)>> {
    prop::collection::vec((world::batch(0..40), any::<bool>()), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_table_says_what_adding_row_by_row_says(
        parts in batches(), queries in prop::collection::vec(world::query(), 8),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let snapshot = store(&folder.path().join("store"), &parts);
        let batches: Vec<Batch> = parts.into_iter().map(|(batch, _)| batch).collect();
        for query in &queries {
            let truth = world::truth(&batches, query);
            for (threads, prune) in [(1, true), (1, false), (2, true), (2, false)] {
                let options = Options { threads, prune, accounts: false, ..Options::default() };
                let table = run(&snapshot, query, &options).unwrap();
                prop_assert_eq!(&world::said(&table), &truth, "threads {} prune {} {:?}", threads, prune, query);
                let stored: usize = batches.iter().map(Batch::len).sum();
                prop_assert_eq!(table.statistics.stored_records, stored as u64);
                prop_assert!(prune || table.statistics.scanned_records == stored as u64);
            }
            // Memory for a few groups at a time: they go to disk, and parts of them again.
            for (threads, table_bytes) in [(1, 700), (2, 700), (1, 3000)] {
                let spill = Some(Spill { table_bytes, ..Spill::to(folder.path(), u64::MAX) });
                let options = Options { threads, accounts: false, spill, ..Options::default() };
                let table = run(&snapshot, query, &options).unwrap();
                prop_assert_eq!(&world::said(&table), &truth, "{} bytes {:?}", table_bytes, query);
            }
        }
    }

    #[test]
    fn a_listing_has_every_record_once_and_the_oldest_first(
        parts in batches(), listings in prop::collection::vec(world::listing(), 6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let snapshot = store(&folder.path().join("store"), &parts);
        let batches: Vec<Batch> = parts.into_iter().map(|(batch, _)| batch).collect();
        for listing in &listings {
            let mut answers = Vec::new();
            // Hardly any memory: many rounds; the order must not depend on it, nor on pruning.
            for (memory_bytes, prune) in [(1 << 30, true), (0, true), (0, false)] {
                let options = Options { memory_bytes, prune, ..Options::default() };
                answers.push(world::listed(|each| {
                    let statistics = list(&snapshot, listing, &options, &mut *each).unwrap();
                    assert!(statistics.matched_records <= batches.iter().map(|b| b.len() as u64).sum());
                }));
            }
            world::check_listing(&answers[0], &batches, listing);
            prop_assert_eq!(&answers[0], &answers[1]);
            prop_assert_eq!(&answers[0], &answers[2]);
        }
    }
}

#[test]
fn segments_that_overlap_are_listed_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let batch = |starts: &[i64]| {
        let mut batch = Batch::new();
        for start in starts {
            let row = RowBuilder::new()
                .time(Column::Start, *start)
                .time(Column::End, *start)
                .time(Column::Received, *start)
                .unsigned(Column::TimeSource, 0)
                .addr(Column::Exporter, Addr::v4([192, 0, 2, 1]))
                .unsigned(Column::Domain, 0)
                .unsigned(Column::ProtocolVersion, 0);
            row.push(&mut batch);
        }
        batch
    };
    let parts = [(batch(&[0, 20, 40]), true), (batch(&[10, 30, 30]), true), (batch(&[5, 50]), false)];
    let snapshot = store(&folder.path().join("store"), &parts);
    let listing = Listing { range: None, filter: None, columns: Column::Start.bit(), limit: None };
    let listed = |snapshot: &Snapshot, limit: Option<usize>| {
        let mut starts = Vec::new();
        list(snapshot, &Listing { limit, ..listing.clone() }, &Options::default(), |batch| {
            starts.extend_from_slice(batch.times(Column::Start));
            ControlFlow::Continue(())
        })
        .unwrap();
        starts
    };
    for limit in (0..9).map(Some).chain([None]) {
        let expected = [0, 5, 10, 20, 30, 30, 40, 50];
        assert_eq!(listed(&snapshot, limit), expected[..limit.unwrap_or(8).min(8)]);
    }
    // One after the other, and the limit ends where one does.
    let parts = [(batch(&[0, 1]), true), (batch(&[10, 20]), true), (batch(&[30, 31]), false)];
    let snapshot = store(&folder.path().join("other"), &parts);
    for limit in 0..7 {
        assert_eq!(listed(&snapshot, Some(limit)), [0, 1, 10, 20, 30, 31][..limit.min(6)]);
    }
}
