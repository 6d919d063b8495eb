//! Accounts that frames carry and seals add up, against those computed again from the rows.

use super::*;
use proptest::prelude::*;
use weir_flow::names::SamplingSource;
use weir_flow::{Addr, Rescale};

/// Octets, packets, flows, and both as measured, by everything that an account is of.
fn add(sums: &mut BTreeMap<String, [u128; 5]>, row: &BinRow<'_>) {
    let c = row.counts;
    let BinRow { bin, exporter, kind, tenant, host, class, .. } = row;
    let key = format!("{bin} {exporter:?} {kind:?} {tenant:?} {host:?} {class:?}");
    let add = [c.octets, c.packets, c.flows, c.measured_octets, c.measured_packets];
    sums.entry(key).or_default().iter_mut().zip(add).for_each(|(sum, add)| *sum += u128::from(add));
}

fn over_bins<'a>(row: &SumRow<'a>) -> BinRow<'a> {
    let SumRow { exporter, kind, tenant, class, counts } = *row;
    BinRow { bin: 0, exporter, kind, tenant, host: None, class, counts }
}

fn rescale() -> impl Strategy<Value = Rescale> {
    let source = SamplingSource::Options;
    (0u8..4, 0u32..4, 1u32..9).prop_map(move |(exporter, domain, interval)| Rescale {
        exporter: Addr::v4([10, 0, 0, exporter]),
        domain,
        sampler: None,
        ingress_if: None,
        from: i64::MIN,
        until: i64::MAX,
        interval,
        source,
    })
}

fn assert_accounts(path: &Path, range: std::ops::Range<i64>) {
    let snapshot = Snapshot::open(path).unwrap();
    let (mut kept, mut again) = (BTreeMap::new(), BTreeMap::new());
    snapshot.bins(range.clone(), |row| add(&mut kept, row)).unwrap();
    snapshot.recompute_bins(range.clone()).unwrap().for_each(|row| add(&mut again, row));
    assert_eq!(kept, again);
    // The level above: what hosts add up to.
    let (mut tenants, mut summed) = (BTreeMap::new(), BTreeMap::new());
    snapshot.tenants(range.clone(), |row| add(&mut tenants, row)).unwrap();
    snapshot.bins(range.clone(), |row| add(&mut summed, &BinRow { host: None, ..*row })).unwrap();
    assert_eq!(tenants, summed);
    // And above that, what they add up to over bins: each once.
    let (mut sums, mut summed) = (BTreeMap::new(), BTreeMap::new());
    snapshot.sums(range.clone(), |row| add(&mut sums, &over_bins(row))).unwrap();
    snapshot.tenants(range.clone(), |row| add(&mut summed, &over_bins(&row.into()))).unwrap();
    summed.retain(|_, sum| *sum != [0; 5]);
    assert_eq!(sums, summed);
    // Of some tenants only: what a look at all of them finds.
    for names in [&["acme"][..], &["zeta", "b\u{fc}ro", "nobody"], &[]] {
        let (mut own, mut picked) = (BTreeMap::new(), BTreeMap::new());
        snapshot.bins_of(range.clone(), names, |row| add(&mut own, row)).unwrap();
        let is_named = |row: &BinRow<'_>| row.tenant.is_some_and(|tenant| names.contains(&tenant));
        snapshot
            .bins(range.clone(), |row| {
                if is_named(row) {
                    add(&mut picked, row);
                }
            })
            .unwrap();
        assert_eq!(own, picked);
        let (mut own, mut picked) = (BTreeMap::new(), BTreeMap::new());
        snapshot.tenants_of(range.clone(), names, |row| add(&mut own, row)).unwrap();
        snapshot
            .tenants(range.clone(), |row| {
                if is_named(row) {
                    add(&mut picked, row);
                }
            })
            .unwrap();
        assert_eq!(own, picked);
        // Of the others, what they come to.
        let (mut own, mut picked) = (BTreeMap::new(), BTreeMap::new());
        snapshot.sums_of(range.clone(), names, |row| add(&mut own, &over_bins(row))).unwrap();
        snapshot
            .tenants(range.clone(), |row| {
                let row = over_bins(&row.into());
                let others = BinRow { tenant: None, class: None, ..row };
                add(&mut picked, if is_named(&row) { &row } else { &others });
            })
            .unwrap();
        assert_eq!(own, picked);
    }
    let octets: u128 = kept.iter().filter(|(key, _)| key.contains("Decoded")).map(|(_, sum)| sum[0]).sum();
    assert!(octets <= snapshot.totals().octets);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(32)))]
    #[test]
    fn accounts_are_those_of_the_rows_journaled_sealed_and_scaled_late(
        loads in prop::collection::vec((sample::batch(20), prop::collection::vec(rescale(), 0..2)), 1..8)
    ) {
        let folder = TempDir::new().unwrap();
        let options = Options { seal_rows: 30, ..SMALL };
        let (mut writer, _) = Writer::open(folder.path(), options).unwrap();
        for (step, (batch, rescales)) in loads.into_iter().enumerate() {
            let mut batch = batch;
            batch.rescales = rescales;
            writer.append(&batch, NOON).unwrap();
            assert_accounts(folder.path(), i64::MIN..i64::MAX);
            let noon = weir_flow::time::bin(NOON + 43_200_000);
            assert_accounts(folder.path(), noon..noon + 3_600_000);
            if step % 3 == 2 {
                // From files, not from memory.
                drop(writer);
                (writer, _) = Writer::open(folder.path(), options).unwrap();
            }
        }
        writer.seal(NOON).unwrap();
        writer.settle(NOON).unwrap();
        assert_accounts(folder.path(), i64::MIN..i64::MAX);
        // Put together, and computed again, which finds no difference at either level.
        let late = NOON + 2 * 86_400_000;
        tick_until(&mut writer, late, |writer| !writer.is_running());
        assert_accounts(folder.path(), i64::MIN..i64::MAX);
        let rebuilt = writer.rebuild(&(i64::MIN..i64::MAX), late).unwrap();
        prop_assert_eq!((rebuilt.differing, rebuilt.files, rebuilt.damage.len()), (0, 0, 0));
        prop_assert_eq!(verify(folder.path()).unwrap().problems.len(), 0);
        writer.close(NOON).unwrap();
    }
}

#[test]
fn rows_of_a_snapshot_are_read_after_their_journal_file_was_sealed_and_removed() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = Writer::open(folder.path(), SMALL).unwrap();
    let all = batches(3);
    for batch in &all {
        writer.append(batch, NOON).unwrap();
    }
    let before = Snapshot::open(folder.path()).unwrap();
    writer.close(NOON).unwrap();
    assert!(!folder.path().join("journal/00000001.wal").exists());
    let read: Vec<Batch> = before.tail.iter().map(|entry| entry.read(u64::MAX).unwrap()).collect();
    assert_eq!(sample::sorted(&read), sample::sorted(&all));
}

/// Octets by kind and tenant.
fn octets(path: &Path, range: std::ops::Range<i64>) -> Result<BTreeMap<String, u64>, Error> {
    let mut octets = BTreeMap::new();
    Snapshot::open(path)?.sums(range, |row| {
        let before =
            octets.insert(format!("{} {}", row.kind.word(), row.tenant.unwrap_or("-")), row.counts.octets);
        assert_eq!(before, None, "each once");
    })?;
    Ok(octets)
}

#[test]
fn a_file_that_lies_in_the_span_is_read_as_what_it_adds_up_to() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = Writer::open(folder.path(), Options { seal_rows: 100, ..SMALL }).unwrap();
    // 1 to 24 octets, one after the other in as many bins; the odd ones are beta's.
    let bin = |n: i64| weir_flow::time::bin(NOON) + n * weir_flow::time::BIN_MS;
    for n in 1..=24 {
        writer.append(&sample::tiny(n, bin(n as i64)), NOON).unwrap();
    }
    let want = |acme: u64, beta: u64| {
        let all = [("decoded -", acme + beta), ("out acme", acme), ("out beta", beta)];
        all.map(|(who, octets)| (who.to_owned(), octets)).into_iter().collect::<BTreeMap<_, _>>()
    };
    let (all, but_two) = (bin(1)..bin(25), bin(3)..bin(25));
    for is_sealed in [false, true] {
        if is_sealed {
            writer.seal(NOON).unwrap();
        }
        assert_eq!(octets(folder.path(), all.clone()).unwrap(), want(156, 144));
        assert_eq!(octets(folder.path(), but_two.clone()).unwrap(), want(154, 143));
        assert_eq!(
            octets(folder.path(), bin(1)..bin(2)).unwrap(),
            BTreeMap::from([("decoded -".to_owned(), 1), ("out beta".to_owned(), 1),])
        );
    }
    // It is there, and is what is read: where it is damaged the span has no answer, and a part of it has.
    let snapshot = Snapshot::open(folder.path()).unwrap();
    let file = snapshot.files().bins[0].clone();
    let (sums, tenants) = (file.sums.unwrap(), file.tenants.unwrap());
    assert_eq!((sums.rows, tenants.rows, sums.bin), (3, 48, (bin(1), bin(24))));
    let path = folder.path().join(&sums.name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = octets(folder.path(), all).unwrap_err();
    assert!(error.to_string().contains("sums/"), "{error}");
    assert_eq!(octets(folder.path(), but_two).unwrap(), want(154, 143));
}
