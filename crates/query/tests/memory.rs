//! Questions over batches in memory, held against answers worked out row by row.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod world;

use proptest::prelude::*;
use weir_flow::batch::RowBuilder;
use weir_flow::{Batch, Column};
use weir_query::{Cell, Error, Key, Listing, Measure, Options, Order, Query, list_batches, run_batches};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_table_says_what_adding_row_by_row_says(
        batches in prop::collection::vec(world::batch(0..60), 0..4), query in world::query(),
    ) {
        let table = run_batches(&batches, &query, &Options::default()).unwrap();
        prop_assert_eq!(world::said(&table), world::truth(&batches, &query));
    }

    #[test]
    fn a_listing_has_every_record_once_and_the_oldest_first(
        batches in prop::collection::vec(world::batch(0..60), 0..4), listing in world::listing(),
    ) {
        let listed = world::listed(|each| {
            list_batches(&batches, &listing, &Options::default(), &mut *each).unwrap();
        });
        world::check_listing(&listed, &batches, &listing);
    }
}

/// `groups` groups by source port, each of one record of one octet but the one of port 7, which has 100.
fn ports(groups: u16) -> Batch {
    let mut batch = Batch::new();
    for port in 0..groups {
        let octets = if port == 7 { 100 } else { 1 };
        let row = RowBuilder::new().unsigned(Column::SrcPort, port.into()).unsigned(Column::Octets, octets);
        row.unsigned(Column::Domain, port.into()).push(&mut batch);
    }
    batch
}

fn by(name: &str) -> Vec<Key> {
    name.split(',').map(|name| Key::by_name(name).unwrap()).collect()
}

#[test]
fn equal_sums_come_in_the_order_of_the_keys_however_many_there_are() {
    let batch = ports(5_000);
    for key in ["src_port", "domain", "src_port,domain"] {
        let table = run_batches([&batch], &Query::top(by(key), 3), &Options::default()).unwrap();
        let firsts: Vec<_> = table.rows().map(|row| (row.keys[0].clone().unwrap(), row.sums[0])).collect();
        let expected = [(7, 100), (0, 1), (1, 1)].map(|(port, octets)| (Cell::Unsigned(port), octets));
        assert_eq!(firsts, expected, "by {key}");
        assert_eq!((table.groups, table.total), (5_000, vec![5_099, 0, 5_000]));
    }
}

#[test]
fn what_is_ordered_by_need_not_be_shown() {
    let mut query = Query::top(by("src_port"), 1);
    query.measures = vec![Measure::Flows];
    query.order = Order::Largest(Measure::Octets);
    let table = run_batches([ports(20)], &query, &Options::default()).unwrap();
    let row = table.row(0).unwrap();
    assert_eq!((row.keys, row.sums), (&[Some(Cell::Unsigned(7))][..], &[1][..]));
    assert_eq!(table.total, [20]);
    assert_eq!(table.total_of(Measure::Flows), Some(20));
    assert_eq!(table.total_of(Measure::Octets), None);
}

#[test]
fn too_many_groups_are_an_error_that_says_what_to_narrow() {
    let batch = ports(60_000);
    let options = Options { memory_bytes: 2 << 20, ..Options::default() };
    let error = run_batches([&batch], &Query::top(by("domain,src_port,octets"), 3), &options).unwrap_err();
    assert!(matches!(error, Error::Memory { .. }));
    let text = error.to_string();
    assert!(text.contains("groups by domain, src_port, octets do not fit in 2 MiB of memory"), "{text}");
    assert!(text.contains("narrow the time span or the filter"), "{text}");
    assert!(!text.contains("leave out"), "each tells them apart alone: {text}");
    // Of several keys, the one that makes them many.
    let error =
        run_batches([&batch], &Query::top(by("proto,src_port"), 3), &options).unwrap_err().to_string();
    assert!(
        error.contains("leave out src_port, without which there are about 1/4096 as many; narrow"),
        "{error}"
    );
    // The same question with fewer groups fits, however many records there are.
    let table = run_batches(vec![&batch; 20], &Query::top(by("proto"), 3), &options).unwrap();
    assert_eq!((table.groups, table.total[2]), (1, 1_200_000));
}

#[test]
fn a_listing_with_a_limit_holds_little_and_one_without_says_what_to_narrow() {
    let batch = ports(60_000);
    let mut listing = Listing { range: None, filter: None, columns: Column::SrcPort.bit(), limit: Some(3) };
    let options = Options { memory_bytes: 5 << 20, ..Options::default() };
    let mut ports = Vec::new();
    // All starts are equal, so the order of arrival counts.
    list_batches(vec![&batch; 20], &listing, &options, |batch| {
        ports.extend_from_slice(batch.u16s(Column::SrcPort));
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(ports, [0, 1, 2]);
    listing.limit = None;
    let error = list_batches(vec![&batch; 20], &listing, &options, |_| unreachable!()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("records do not fit in 5 MiB of memory: narrow"), "{text}");
}
