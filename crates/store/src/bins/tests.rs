//! Accounts against a computation row by row, in exact arithmetic.

use super::*;
use crate::journal::Maker;
use crate::sample::{self, Account, Sums, collect};
use crate::segment::Rows;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use tempfile::TempDir;
use weir_flow::Batch;
use weir_flow::batch::{RowBuilder, Value};
use weir_flow::names::Direction;
use weir_flow::time::{BIN_MS, Part, spread};

/// What the documentation says, as directly as it can be written.
fn naive(batches: &[Batch]) -> BTreeMap<Account, Sums> {
    let mut sums: BTreeMap<Account, Sums> = BTreeMap::new();
    for batch in batches {
        for row in 0..batch.len() {
            let number = |c| match batch.get(row, c) {
                Some(Value::Unsigned(v)) => v,
                _ => 0,
            };
            let addr = |c| match batch.get(row, c) {
                Some(Value::Addr(a)) => Some(a),
                _ => None,
            };
            let name = |c| match batch.get(row, c) {
                Some(Value::Name(n)) => Some(n.to_owned()),
                _ => None,
            };
            let (Some(Value::Time(start)), Some(Value::Time(end))) =
                (batch.get(row, Column::Start), batch.get(row, Column::End))
            else {
                panic!("every row has times")
            };
            let exporter = addr(Column::Exporter).unwrap();
            let own = (name(Column::Tenant), addr(Column::Host));
            let class = name(Column::Class);
            let peer = (name(Column::PeerTenant), addr(Column::NatDstAddr).or(addr(Column::DstAddr)));
            let nobody = || (None, None);
            let mut accounts = vec![("decoded", nobody(), None)];
            match batch.get(row, Column::Direction) {
                Some(Value::Word("in")) => accounts.push(("in", own, class)),
                Some(Value::Word("out")) => accounts.push(("out", own, class)),
                Some(Value::Word("local")) => {
                    accounts.extend([("local_out", own, None), ("local_in", peer, None)]);
                }
                Some(Value::Word("transit")) => accounts.push(("transit", nobody(), None)),
                Some(Value::Word("duplicate")) => accounts.push(("duplicate", nobody(), None)),
                _ => accounts.push(("unmatched", nobody(), None)),
            }
            let mut parts: BTreeMap<i64, Sums> = BTreeMap::new();
            spread(start, end, number(Column::Octets), number(Column::Packets), |p: Part| {
                let slot = parts.entry(p.bin).or_default();
                slot[0] += u128::from(p.octets);
                slot[1] += u128::from(p.packets);
                slot[2] += u128::from(p.flows);
            });
            spread(start, end, number(Column::MeasuredOctets), number(Column::MeasuredPackets), |p: Part| {
                let slot = parts.entry(p.bin).or_default();
                slot[3] += u128::from(p.octets);
                slot[4] += u128::from(p.packets);
            });
            for (kind, (tenant, host), class) in accounts {
                // A bin in which a flow neither begins nor leaves an octet has no account.
                for (bin, add) in parts.iter().filter(|(_, add)| **add != [0; 5]) {
                    let sum =
                        sums.entry((*bin, exporter, kind, tenant.clone(), host, class.clone())).or_default();
                    sum.iter_mut().zip(add).for_each(|(s, a)| *s += a);
                }
            }
        }
    }
    sums
}

fn accumulated(batches: &[Batch]) -> Accumulator {
    let mut accumulator = Accumulator::new();
    batches.iter().for_each(|b| accumulator.add(b));
    accumulator
}

/// The same as a seal has them: from frames, and from their rows in the order of a segment.
fn sealed(batches: &[Batch]) -> Accumulator {
    let mut accumulator = Accumulator::new();
    let frames = batches.iter().map(|batch| Maker::new().frame(0, batch).unwrap());
    accumulator.add_sorted(&Rows::new(frames.collect()));
    accumulator
}

fn listed(bins: &Accumulator) -> BTreeMap<Account, Sums> {
    let mut all = BTreeMap::new();
    bins.for_each(|row| collect(&mut all, row));
    all
}

/// Writes accounts and reads them back.
fn through_a_file(bins: &Accumulator, range: Range<i64>) -> BTreeMap<Account, Sums> {
    let folder = TempDir::new().unwrap();
    let disk = crate::disk::Disk::new(folder.path());
    let entry = write(&disk, "bins/day/1-0.parquet", bins).unwrap();
    let mut sums = BTreeMap::new();
    read(&disk.path(&entry.name).into(), &entry, &range, &mut |row| collect(&mut sums, row)).unwrap();
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(64)))]
    #[test]
    fn accounts_are_what_the_naive_computation_says(batches in prop::collection::vec(sample::batch(30), 1..4)) {
        let want = naive(&batches);
        prop_assert_eq!(&listed(&sealed(&batches)), &want);
        let bins = accumulated(&batches);
        prop_assert_eq!(&listed(&bins), &want);
        prop_assert_eq!(through_a_file(&bins, i64::MIN..i64::MAX), want);
        // The trial balance, by exporter and bin.
        let mut balance: BTreeMap<(i64, Addr), [i128; 5]> = BTreeMap::new();
        bins.for_each(|row| {
            let sign = if row.kind == Kind::Decoded { -1 } else { i128::from(row.kind.is_part()) };
            let c = row.counts;
            let add = [c.octets, c.packets, c.flows, c.measured_octets, c.measured_packets];
            let slot = balance.entry((row.bin, row.exporter)).or_default();
            slot.iter_mut().zip(add).for_each(|(s, a)| *s += sign * i128::from(a));
        });
        prop_assert!(balance.values().all(|b| *b == [0; 5]));
    }
}

fn flow(start: i64, length: i64, octets: u64) -> RowBuilder {
    RowBuilder::new()
        .time(Column::Start, start)
        .time(Column::End, start + length)
        .addr(Column::Exporter, "192.0.2.1".parse().unwrap())
        .unsigned(Column::Octets, octets)
        .unsigned(Column::Packets, 3)
}

#[test]
fn one_transfer_in_figures() {
    let mut batch = Batch::new();
    batch.set_names(["acme".into(), "zeta".into()].into());
    // acme to zeta, behind NAT there, over three whole bins from an edge: 15,001 octets are 5,001 + 5,000 + 5,000.
    flow(600_000, 900_000, 15_001)
        .direction(Direction::Local)
        .unsigned(Column::Tenant, 0)
        .addr(Column::Host, "10.0.0.1".parse().unwrap())
        .unsigned(Column::PeerTenant, 1)
        .addr(Column::DstAddr, "198.51.100.1".parse().unwrap())
        .addr(Column::NatDstAddr, "10.9.9.9".parse().unwrap())
        .push(&mut batch);
    let mut got = Vec::new();
    accumulated(&[batch]).for_each(|r| {
        let host = r.host.map_or(String::new(), |h| h.to_string());
        got.push((
            r.kind.word(),
            r.tenant.unwrap_or_default().to_owned(),
            host,
            r.bin,
            r.counts.octets,
            r.counts.flows,
        ));
    });
    let row = |kind, tenant: &str, host: &str, bin, octets, flows| {
        (kind, tenant.to_owned(), host.to_owned(), bin, octets, flows)
    };
    assert_eq!(
        got,
        [
            row("local_in", "zeta", "10.9.9.9", 600_000, 5_001, 1),
            row("local_in", "zeta", "10.9.9.9", 900_000, 5_000, 0),
            row("local_in", "zeta", "10.9.9.9", 1_200_000, 5_000, 0),
            row("local_out", "acme", "10.0.0.1", 600_000, 5_001, 1),
            row("local_out", "acme", "10.0.0.1", 900_000, 5_000, 0),
            row("local_out", "acme", "10.0.0.1", 1_200_000, 5_000, 0),
            row("decoded", "", "", 600_000, 5_001, 1),
            row("decoded", "", "", 900_000, 5_000, 0),
            row("decoded", "", "", 1_200_000, 5_000, 0),
        ]
    );
}

#[test]
fn an_account_that_would_overflow_goes_on_in_a_second_row() {
    let mut batch = Batch::new();
    for _ in 0..3 {
        flow(0, 0, u64::MAX).direction(Direction::Transit).push(&mut batch);
    }
    let bins = accumulated(&[batch]);
    let mut rows = Vec::new();
    bins.for_each(|r| rows.push((r.kind, r.counts.octets, r.counts.flows)));
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|r| (r.1, r.2) == (u64::MAX, 1)));
    let total: u128 = through_a_file(&bins, 0..1).values().map(|s| s[0]).sum();
    assert_eq!(total, 6 * u128::from(u64::MAX));
}

#[test]
fn a_frame_of_too_many_accounts_is_sealed_with_all_of_them() {
    let mut batch = Batch::new();
    batch.set_names(["acme".into()].into());
    // 49 days are 14,112 bins each; the limit of these tests is 512 accounts a frame.
    for direction in [Direction::In, Direction::Transit] {
        let row = flow(0, 14_112 * BIN_MS, 14_112_000).direction(direction);
        let row = row.unsigned(Column::Tenant, 0).addr(Column::Host, "10.0.0.1".parse().unwrap());
        row.push(&mut batch);
    }
    assert!(Maker::new().frame(0, &batch).unwrap().summary.folded().is_none());
    let all = listed(&sealed(std::slice::from_ref(&batch)));
    assert_eq!(all, naive(std::slice::from_ref(&batch)));
    // In, transit and decoded: 3 packets lie in three bins, octets in all.
    assert_eq!(all.len(), 3 * 14_112);
}

#[test]
fn a_range_is_half_open() {
    let mut batch = Batch::new();
    for bin in 0..4 {
        flow(bin * BIN_MS, 0, 1).direction(Direction::Transit).push(&mut batch);
    }
    let bins: Vec<i64> =
        through_a_file(&accumulated(&[batch]), BIN_MS..3 * BIN_MS).keys().map(|k| k.0 / BIN_MS).collect();
    assert_eq!(bins, [1, 1, 2, 2]);
}
