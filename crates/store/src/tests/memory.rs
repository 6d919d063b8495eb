//! What sessions remember, and interface counters: through seals, imports and crashes.

use super::*;
use std::sync::Arc;
use weir_flow::Addr;
use weir_flow::counter::{Sample, Side};
use weir_flow::memory::{Change, Memory};

fn put(key: &str, value: &str) -> Change {
    Change::Put { key: key.as_bytes().into(), value: value.as_bytes().into() }
}

fn forget(prefix: &str) -> Change {
    Change::Forget { prefix: prefix.as_bytes().into() }
}

/// Batches of one row, each of which remembers something and forgets something before it.
fn remembering(count: u64) -> Vec<Batch> {
    let mut all = batches(count);
    for (i, batch) in all.iter_mut().enumerate().filter(|(i, _)| i % 3 != 2) {
        batch.memory = vec![put(&format!("k{i}"), &format!("value {i}")), put("last", &i.to_string())];
        if i % 4 == 3 {
            batch.memory.push(forget(&format!("k{}", i - 3)));
        }
    }
    all
}

fn after(batches: &[Batch]) -> Memory {
    let mut memory = Memory::new();
    batches.iter().flat_map(|b| &b.memory).for_each(|change| memory.apply(change));
    memory
}

#[test]
fn a_crash_loses_neither_rows_nor_what_was_remembered_with_them() {
    let all = remembering(10);
    for end in [End::Process, End::Power] {
        die_at_every_step(
            end,
            |_| {},
            |disk| {
                let run = || -> Result<(), Error> {
                    let (mut writer, _) = Writer::open_on(disk.clone(), SMALL)?;
                    for (i, batch) in all.iter().enumerate() {
                        writer.append(batch, NOON + 300 * i as i64)?;
                        writer.tick(NOON + 300 * i as i64 + 250)?;
                    }
                    writer.close(NOON + 10_000)
                };
                ((), run())
            },
            |path, ()| {
                let (writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
                let found = rows(path).len();
                assert_eq!(*writer.memory(), after(&all[..found]));
                assert_eq!(Snapshot::open(path).unwrap().memory().unwrap(), after(&all[..found]));
                writer.close(NOON + 20_000).unwrap();
                assert_eq!(Snapshot::open(path).unwrap().memory().unwrap(), after(&all[..found]));
                let files = files(path).into_iter().filter(|f| f.contains("/memory/")).count();
                assert!(files <= 1, "{files}");
                assert_eq!(verify(path).unwrap().problems.len(), 0);
                let (writer, recovery) = Writer::open_on(immortal(path), SMALL).unwrap();
                assert_eq!((writer.memory(), recovery.orphans), (&after(&all[..found]), 0));
            },
        );
    }
}

#[test]
fn an_import_remembers_when_it_is_committed_and_an_old_seal_does_not_undo_it() {
    let all = remembering(12);
    die_at_every_step(
        End::Power,
        |_| {},
        |disk| {
            let mut told = 0;
            let mut run = || -> Result<(), Error> {
                let (mut writer, _) = Writer::open_on(disk.clone(), SMALL)?;
                for batch in &all[..6] {
                    writer.append(batch, NOON)?;
                    writer.sync()?;
                    told += 1;
                }
                let mut import = writer.import("day", false)?;
                for batch in &all[6..10] {
                    import.append(batch)?;
                }
                import.commit(&DIGEST, 9, NOON)?;
                told = 10;
                for batch in &all[10..] {
                    writer.append(batch, NOON)?;
                    writer.sync()?;
                    told += 1;
                }
                writer.close(NOON)
            };
            let result = run();
            (told, result)
        },
        |path, told| {
            let (writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
            let found = rows(path).len();
            assert!(found >= told && found <= if told == 6 { 10 } else { told + 1 }, "{found} of {told}");
            assert_eq!(*writer.memory(), after(&all[..found]));
            writer.close(NOON).unwrap();
            assert_eq!(Snapshot::open(path).unwrap().memory().unwrap(), after(&all[..found]));
        },
    );
}

#[test]
fn nothing_is_written_where_nothing_changes() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = Writer::open(folder.path(), SMALL).unwrap();
    let kept = |path: &Path| files(path).into_iter().filter(|f| f.contains("/memory/")).collect::<Vec<_>>();
    let mut batch = Batch::new();
    batch.memory.push(put("a", "b"));
    writer.append(&batch, NOON).unwrap();
    writer.seal(NOON).unwrap();
    let first = kept(folder.path());
    assert_eq!(first.len(), 1);
    for batch in batches(9) {
        writer.append(&batch, NOON).unwrap();
    }
    writer.seal(NOON).unwrap();
    assert_eq!(kept(folder.path()), first);
    assert_eq!(writer.memory_refused(), 0);
}

fn counters(count: u64) -> Vec<Batch> {
    let mut all = batches(count);
    for (batch, i) in all.iter_mut().zip(0u32..) {
        let known = |n: u64| if n.is_multiple_of(3) { None } else { Some(u64::MAX - n) };
        let side = |n: u64| Side {
            octets: known(n),
            unicast: known(n + 1),
            multicast: known(n + 2),
            broadcast: known(n + 3),
            discards: known(n + 4),
            errors: known(n + 5),
        };
        batch.counters.push(Sample {
            received: NOON + i64::from(i),
            exporter: Addr::v4([192, 0, 2, 1]),
            domain: 7,
            interface: i % 2,
            kind: Some(6).filter(|_| i % 2 == 0),
            speed: known(u64::from(i)),
            status: Some(3).filter(|_| i % 3 == 0),
            ingress: side(u64::from(i)),
            egress: side(u64::from(i) + 1),
        });
    }
    all
}

#[test]
fn counters_come_back_as_they_were_from_journal_seal_and_import() {
    let folder = TempDir::new().unwrap();
    let all = counters(12);
    let (mut writer, _) = Writer::open(folder.path(), SMALL).unwrap();
    let want = |batches: &[Batch], range: std::ops::Range<i64>| {
        let mut want: Vec<Sample> = batches.iter().flat_map(|b| b.counters.clone()).collect();
        want.retain(|s| range.contains(&s.received));
        want.sort_by_key(|s| (s.interface, s.received));
        want
    };
    for (i, batch) in all[..8].iter().enumerate() {
        writer.append(batch, NOON).unwrap();
        let found = Snapshot::open(folder.path()).unwrap().counters(i64::MIN..i64::MAX).unwrap();
        assert_eq!(found, want(&all[..=i], i64::MIN..i64::MAX));
    }
    let mut import = writer.import("x", false).unwrap();
    all[8..].iter().for_each(|batch| import.append(batch).unwrap());
    import.commit(&DIGEST, 1, NOON).unwrap();
    writer.close(NOON).unwrap();
    let snapshot = Snapshot::open(folder.path()).unwrap();
    for range in [i64::MIN..i64::MAX, NOON + 2..NOON + 9, NOON..NOON] {
        assert_eq!(snapshot.counters(range.clone()).unwrap(), want(&all, range));
    }
    assert_eq!(verify(folder.path()).unwrap().problems.len(), 0);
    // They go with the accounts.
    let (mut writer, _) = Writer::open(folder.path(), SMALL).unwrap();
    let day = Some(NOON + 86_400_000);
    writer.retire(Retention { flows_before: day, accounts_before: None }, NOON).unwrap();
    assert_eq!(Snapshot::open(folder.path()).unwrap().counters(i64::MIN..i64::MAX).unwrap().len(), 12);
    writer.retire(Retention { flows_before: None, accounts_before: day }, NOON).unwrap();
    assert_eq!(Snapshot::open(folder.path()).unwrap().counters(i64::MIN..i64::MAX).unwrap(), []);
}

/// A disk of which one flush of the journal fails, and that has no time to seal until it is waited for.
#[derive(Debug, Default)]
struct Forgetful {
    refusals: std::sync::atomic::AtomicU32,
}

impl crate::Fate for Forgetful {
    fn judge(&self, step: &crate::Step<'_>) -> crate::Verdict {
        let is_journal = step.path.extension().is_some_and(|extension| extension == "wal");
        if step.kind == crate::Kind::Sync && is_journal && self.refusals.fetch_add(1, Ordering::SeqCst) == 0 {
            return crate::Verdict::Fail(std::io::Error::other("the disk refuses"));
        }
        crate::Verdict::Pass
    }

    fn is_time(&self) -> bool {
        false
    }
}

#[test]
fn an_import_waits_for_what_a_failed_flush_left_in_doubt() {
    let all = remembering(8);
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let disk = Disk::new(path).with_fate(Arc::new(Forgetful::default())).single_threaded();
    let (mut writer, _) = Writer::open_on(disk, SMALL).unwrap();
    for batch in &all[..3] {
        writer.append(batch, NOON).unwrap();
    }
    writer.sync().unwrap_err();
    writer.sync().unwrap();
    assert_eq!((writer.synced(), writer.last_sequence()), (0, 3), "nobody knows what the disk has of it");
    let mut import = writer.import("day", false).unwrap();
    import.append(&all[3]).unwrap();
    import.commit(&DIGEST, 9, NOON).unwrap();
    assert_eq!(writer.synced(), 3);
    drop(writer);
    // The power fails, and what was in doubt is gone.
    std::fs::remove_dir_all(path.join("journal")).unwrap();
    let (mut writer, _) = Writer::open(path, SMALL).unwrap();
    for batch in &all[4..6] {
        writer.append(batch, NOON).unwrap();
    }
    drop(writer);
    let (writer, _) = Writer::open(path, SMALL).unwrap();
    assert_eq!(rows(path), sample::sorted(&all[..6]));
    // What was remembered after the import has a sequence that the import did not know.
    assert_eq!(*writer.memory(), after(&all[..6]));
}
