//! The store as a whole: what is appended is seen once, through seals, crashes, imports and damage.
#![expect(clippy::cast_possible_wrap, reason = "numbers here are small")]

mod account;
mod budget;
mod compact;
mod damage;
mod full;
mod gap;
mod late;
mod memory;
mod mortal;
mod reattribute;

use crate::bins::{BinRow, SumRow};
use crate::disk::Disk;
use crate::error::What;
use crate::{Error, Options, Retention, Snapshot, Writer, sample, verify};
use mortal::{Mortal, immortal};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use tempfile::TempDir;
use weir_flow::Batch;

/// Noon of a day in 2026.
const NOON: i64 = 1_780_056_000_000;

/// Seals after four rows.
const SMALL: Options =
    Options { group_ms: 200, seal_rows: 4, seal_ms: 60_000, backlog_bytes: 1 << 20, held_bytes: 4096 };

/// Every row that a reader sees, as text, sorted.
fn rows(path: &Path) -> Vec<String> {
    let snapshot = Snapshot::open(path).unwrap();
    let mut all: Vec<Batch> = snapshot.tail.iter().map(|t| t.read(u64::MAX).unwrap()).collect();
    for segment in &snapshot.segments {
        let reader = segment.open().unwrap();
        for group in 0..reader.row_groups().len() {
            all.push(reader.read_all(group, u64::MAX).unwrap());
        }
    }
    sample::sorted(&all)
}

/// The octets of all accounts by kind, and of all counts.
fn sums(path: &Path) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    let snapshot = Snapshot::open(path).unwrap();
    let mut add = |key: String, value: i64| *sums.entry(key).or_default() += value;
    snapshot
        .bins(i64::MIN..i64::MAX, |r: &BinRow<'_>| add(r.kind.word().to_owned(), r.counts.octets as i64))
        .unwrap();
    snapshot.health(i64::MIN..i64::MAX, |r| add(r.what.clone().into_owned(), r.value)).unwrap();
    sums
}

/// Batches that are told apart by their octets: 1, 2, 3 and so on.
fn batches(count: u64) -> Vec<Batch> {
    (1..=count).map(|i| sample::tiny(i, NOON + i as i64)).collect()
}

fn assert_holds(path: &Path, batches: &[Batch]) {
    assert_eq!(rows(path), sample::sorted(batches));
    let octets: u64 = batches.iter().map(|b| b.u64s(weir_flow::Column::Octets)[0]).sum();
    let want = [("out", octets as i64), ("decoded", octets as i64), ("records", batches.len() as i64)];
    let want: BTreeMap<_, _> =
        want.into_iter().filter(|w| w.1 != 0).map(|(k, v)| (k.to_owned(), v)).collect();
    assert_eq!(sums(path), want);
    let totals = Snapshot::open(path).unwrap().totals();
    assert_eq!((totals.rows, totals.octets), (batches.len() as u64, octets.into()));
}

#[test]
fn rows_are_seen_once_before_and_after_every_seal() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store");
    let (mut writer, recovery) = Writer::open(&path, SMALL).unwrap();
    assert_eq!(recovery, crate::Recovery::default());
    let all = batches(23);
    for (i, batch) in all.iter().enumerate() {
        let sequence = writer.append(batch, NOON + i as i64).unwrap();
        assert_eq!(sequence, i as u64 + 1);
        assert_holds(&path, &all[..=i]);
    }
    writer.seal(NOON + 100).unwrap();
    assert_eq!((writer.sealed(), writer.synced()), (23, 23));
    assert_holds(&path, &all);
    assert!(Snapshot::open(&path).unwrap().tail.is_empty());
    writer.close(NOON + 200).unwrap();
    assert_holds(&path, &all);
    assert_eq!(std::fs::read_dir(path.join("journal")).unwrap().count(), 0);
    let report = verify(&path).unwrap();
    assert_eq!((report.rows, report.problems.len()), (23, 0));
}

/// Ticks at this time until the threads have come so far.
fn tick_until(writer: &mut Writer, now_ms: i64, is_there: impl Fn(&Writer) -> bool) {
    for _ in 0..2000 {
        writer.tick(now_ms).unwrap();
        if is_there(writer) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("it never came");
}

#[test]
fn groups_and_seals_come_when_they_are_due() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = Writer::open(folder.path(), Options { seal_rows: 100, ..SMALL }).unwrap();
    let all = batches(3);
    writer.append(&all[0], NOON).unwrap();
    writer.tick(NOON + 199).unwrap();
    assert_eq!(writer.synced(), 0);
    writer.append(&all[1], NOON + 199).unwrap();
    tick_until(&mut writer, NOON + 200, |writer| writer.synced() == 2);
    writer.append(&all[2], NOON + 300).unwrap();
    writer.tick(NOON + 499).unwrap();
    assert_eq!(writer.synced(), 2);
    tick_until(&mut writer, NOON + 59_999, |writer| writer.synced() == 3);
    assert_eq!(writer.sealed(), 0);
    tick_until(&mut writer, NOON + 60_000, |writer| writer.sealed() == 3);
    assert_holds(folder.path(), &all);
}

#[test]
fn there_is_one_writer_and_no_reader_without_a_store() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("nowhere");
    let error = Snapshot::open(&missing).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no weir store at {}: run `weir import` or `weir run` first, or name another with --store",
            missing.display()
        )
    );
    assert!(!crate::exists(&missing));
    let _writer = Writer::open(folder.path(), SMALL).unwrap();
    assert!(crate::exists(folder.path()));
    let error = Writer::open(folder.path(), SMALL).unwrap_err();
    assert!(matches!(error.what, What::Locked { pid } if pid == Some(std::process::id())), "{error}");
}

#[test]
fn a_row_that_lacks_what_every_row_has_is_refused_with_its_names() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = Writer::open(folder.path(), SMALL).unwrap();
    let mut batch = sample::tiny(1, NOON);
    batch.present_mut()[0] &= !weir_flow::Column::Exporter.bit() & !weir_flow::Column::End.bit();
    let error = writer.append(&batch, NOON).unwrap_err();
    assert!(error.to_string().ends_with("cannot be stored: row 0 has no end, no exporter"), "{error}");
    assert_holds(folder.path(), &[]);
}

/// How a world ends.
#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    /// The process is killed: what it wrote is there.
    Process,
    /// The power fails: of files that are appended to, only what was flushed is there.
    Power,
}

/// Runs `work` on a fresh store again and again, dying one step later each time, until it lives to the end; then
/// looks at what the next process finds. `check` is told how the run went.
fn die_at_every_step<T>(
    end: End,
    prepare: impl Fn(&Path),
    work: impl Fn(Disk) -> (T, Result<(), Error>),
    check: impl Fn(&Path, T),
) {
    for steps in 0.. {
        let folder = TempDir::new().unwrap();
        prepare(folder.path());
        let mortal = Mortal::after(steps);
        // What was there before is flushed.
        for file in files(folder.path()) {
            let len = std::fs::metadata(&file).unwrap().len();
            mortal.synced.lock().unwrap().insert(file.into(), len);
        }
        let disk = Disk::new(folder.path()).with_fate(mortal.clone());
        let (told, result) = work(disk);
        let died = mortal.is_dead();
        assert!(died || result.is_ok(), "step {steps}: {result:?}");
        if died && end == End::Power {
            mortal.lose_what_was_not_flushed(folder.path());
        }
        check(folder.path(), told);
        if !died {
            assert!(steps > 20, "the world ended after {steps} steps");
            return;
        }
    }
}

#[test]
fn a_process_killed_between_any_two_steps_loses_nothing_and_doubles_nothing() {
    write_until_the(End::Process);
}

#[test]
fn a_power_failure_between_any_two_steps_loses_nothing_durable_and_doubles_nothing() {
    write_until_the(End::Power);
}

fn write_until_the(end: End) {
    let all = batches(10);
    die_at_every_step(
        end,
        |_| {},
        |disk| {
            // What was appended, and how much of it was told to be durable.
            let (mut appended, mut durable) = (0, 0);
            let mut run = || -> Result<(), Error> {
                let (mut writer, _) = Writer::open_on(disk.clone(), SMALL)?;
                for (i, batch) in all.iter().enumerate() {
                    writer.append(batch, NOON + 300 * i as i64)?;
                    appended += 1;
                    writer.tick(NOON + 300 * i as i64 + 250)?;
                    durable = writer.synced();
                }
                writer.seal(NOON + 10_000)?;
                durable = writer.synced();
                writer.close(NOON + 10_001)
            };
            let result = run();
            ((appended, durable), result)
        },
        |path, (appended, durable)| {
            let (writer, recovery) = Writer::open(path, SMALL).unwrap();
            assert_eq!(recovery.damage, []);
            drop(writer);
            let found = rows(path).len();
            assert!(found >= usize::try_from(durable).unwrap(), "{found} of {durable}");
            // A batch may be written and its writer die before it can say so.
            assert!(
                found <= appended + 1 && (end == End::Power || found >= appended),
                "{found} of {appended}"
            );
            assert_holds(path, &all[..found]);
            // A second writer seals what the first left, once.
            let (writer, _) = Writer::open(path, SMALL).unwrap();
            writer.close(NOON + 20_000).unwrap();
            assert_holds(path, &all[..found]);
            assert_eq!(verify(path).unwrap().problems.len(), 0);
        },
    );
}

#[test]
fn a_crash_while_recovering_from_a_crash_is_no_worse() {
    let all = batches(6);
    die_at_every_step(
        End::Process,
        |path| {
            // A journal of six batches, a torn seventh, an orphan, a half-written file, a torn manifest.
            let (mut writer, _) = Writer::open(path, Options { seal_rows: 100, ..SMALL }).unwrap();
            for batch in &all {
                writer.append(batch, NOON).unwrap();
            }
            drop(writer);
            let wal = path.join("journal/00000001.wal");
            let bytes = std::fs::read(&wal).unwrap();
            std::fs::write(&wal, [&bytes[..], &bytes[bytes.len() - 90..bytes.len() - 60]].concat()).unwrap();
            std::fs::write(&wal, [&bytes[..], &[0xf5, b'w', b'f']].concat()).unwrap();
            std::fs::create_dir_all(path.join("flows/2026-05-29")).unwrap();
            std::fs::write(path.join("flows/2026-05-29/6-0.parquet"), b"PAR1").unwrap();
            std::fs::write(path.join("flows/2026-05-29/6-0.tmp"), b"PA").unwrap();
            let manifest = path.join("manifest");
            let bytes = std::fs::read(&manifest).unwrap();
            std::fs::write(&manifest, [&bytes[..], b"0123abcd {\"se"].concat()).unwrap();
        },
        |disk| {
            let run = || {
                let (mut writer, recovery) = Writer::open_on(disk.clone(), SMALL)?;
                assert_eq!((recovery.frames, recovery.rows), (6, 6));
                writer.seal(NOON)?;
                writer.close(NOON)
            };
            ((), run())
        },
        |path, ()| {
            assert_holds(path, &all);
            let (writer, recovery) = Writer::open(path, SMALL).unwrap();
            assert_eq!(recovery.damage, []);
            writer.close(NOON).unwrap();
            assert_holds(path, &all);
            assert!(!path.join("flows/2026-05-29/6-0.tmp").exists());
            assert_eq!(verify(path).unwrap().problems.len(), 0);
        },
    );
}

const DIGEST: [u8; 32] = [0xab; 32];

fn import(disk: Disk, all: &[Batch]) -> Result<(), Error> {
    let (mut writer, _) = Writer::open_on(disk, SMALL)?;
    let mut import = writer.import("day.pcap", false)?;
    for batch in all {
        import.append(batch)?;
    }
    import.commit(&DIGEST, 1234, NOON)
}

#[test]
fn an_import_is_there_whole_or_not_at_all_wherever_it_dies() {
    let all = batches(10);
    die_at_every_step(
        End::Power,
        |_| {},
        |disk| {
            let result = import(disk, &all);
            (result.is_ok(), result)
        },
        |path, committed| {
            let (writer, _) = Writer::open(path, SMALL).unwrap();
            let there = writer.is_imported(&DIGEST).is_some();
            drop(writer);
            // A crash right after the line was written leaves it committed and untold.
            assert!(there || !committed);
            assert_holds(path, if there { &all } else { &[] });
            if !there {
                import(Disk::new(path), &all).unwrap();
                assert_holds(path, &all);
            }
            let error = import(Disk::new(path), &all).unwrap_err();
            assert!(
                matches!(&error.what, What::Imported { label, at: NOON } if label == "day.pcap"),
                "{error}"
            );
            assert_holds(path, &all);
            assert_eq!(verify(path).unwrap().problems.len(), 0);
        },
    );
}

/// The files below a folder.
fn files(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() { found.extend(files(&entry)) } else { found.push(entry.display().to_string()) }
    }
    found.sort();
    found
}

#[test]
fn an_import_dropped_leaves_nothing_and_again_counts_twice() {
    let folder = TempDir::new().unwrap();
    let all = batches(10);
    let (mut writer, _) = Writer::open(folder.path(), SMALL).unwrap();
    let before = files(folder.path());
    let mut import = writer.import("a", false).unwrap();
    all.iter().for_each(|b| import.append(b).unwrap());
    drop(import);
    assert_eq!(files(folder.path()), before);
    assert!(writer.imported_sizes().is_empty());
    for again in [false, true] {
        let mut import = writer.import("a", again).unwrap();
        all.iter().for_each(|b| import.append(b).unwrap());
        import.commit(&DIGEST, 77, NOON).unwrap();
    }
    assert_eq!(writer.imported_sizes(), [77, 77]);
    let twice: Vec<Batch> = all.iter().chain(&all).cloned().collect();
    assert_holds(folder.path(), &twice);
    let snapshot = Snapshot::open(folder.path()).unwrap();
    assert_eq!(snapshot.imports().len(), 2);
    assert_eq!(
        (snapshot.imports()[0].label.as_str(), snapshot.imports()[0].digest.as_str()),
        ("a", "ab".repeat(32).as_str())
    );
    // Live rows go on beside it.
    writer.append(&all[0], NOON).unwrap();
    assert_eq!(rows(folder.path()).len(), 21);
}

#[test]
fn a_disk_that_refuses_for_a_while_costs_nothing_that_was_taken() {
    let all = batches(10);
    for steps in 0..120 {
        let folder = TempDir::new().unwrap();
        let mortal = Mortal::after(i64::MAX);
        let disk = Disk::new(folder.path()).with_fate(mortal.clone());
        let (mut writer, _) = Writer::open_on(disk, SMALL).unwrap();
        mortal.steps.store(steps, Ordering::SeqCst);
        let mut refused = 0;
        for (i, batch) in all.iter().enumerate() {
            let now = NOON + i as i64 * 250;
            if writer.append(batch, now).is_err() {
                refused += 1;
                // There is room again.
                mortal.steps.store(i64::MAX, Ordering::SeqCst);
                writer.append(batch, now).unwrap();
            }
            // What goes wrong in the background is told here, and tried again.
            let _ = writer.tick(now);
            assert_eq!(rows(folder.path()), sample::sorted(&all[..=i]), "step {steps}");
            assert_eq!(Snapshot::open(folder.path()).unwrap().damage(), [], "step {steps}");
        }
        mortal.steps.store(i64::MAX, Ordering::SeqCst);
        // A seal that fails while we look may be told once more.
        if writer.seal(NOON + 60_000).is_err() {
            writer.seal(NOON + 60_000).unwrap();
        }
        assert!(refused <= 1);
        assert_holds(folder.path(), &all);
        assert_eq!(verify(folder.path()).unwrap().problems.len(), 0);
    }
}

/// Three seals, a day apart.
fn three_days(disk: &Disk) -> (Writer, Vec<Batch>) {
    let (mut writer, _) = Writer::open_on(disk.clone(), SMALL).unwrap();
    let days: Vec<Batch> = (0..3).map(|day| sample::tiny(day + 1, NOON + day as i64 * 86_400_000)).collect();
    for batch in &days {
        writer.append(batch, NOON).unwrap();
        writer.seal(NOON).unwrap();
    }
    (writer, days)
}

#[test]
fn what_is_open_is_read_whatever_becomes_of_the_files() {
    let folder = TempDir::new().unwrap();
    let (mut writer, days) = three_days(&Disk::new(folder.path()));
    let always = i64::MIN..i64::MAX;
    let open = Snapshot::open_span(folder.path(), &always).unwrap();
    let last = Snapshot::open_span(folder.path(), &(NOON + 2 * 86_400_000..i64::MAX)).unwrap();
    let named = Snapshot::open(folder.path()).unwrap();
    let all = Retention { flows_before: Some(i64::MAX), accounts_before: Some(i64::MAX) };
    writer.retire(all, NOON).unwrap();
    // What sessions remember is written anew at every seal.
    writer.append(&days[0], NOON).unwrap();
    writer.seal(NOON).unwrap();
    assert!(named.segments[0].open().unwrap_err().is_vanished());
    assert!(last.segments[0].open().unwrap_err().is_vanished(), "a day before the span");
    let rows = |segments: &[crate::SegmentEntry]| -> usize {
        segments.iter().map(|one| one.open().unwrap().read_all(0, u64::MAX).unwrap().len()).sum()
    };
    assert_eq!((rows(&open.segments), rows(&last.segments[2..])), (3, 1));
    let octets = |snapshot: &Snapshot| {
        let mut sums = [0, 0];
        snapshot.bins(always.clone(), |row| sums[0] += row.counts.octets).unwrap();
        snapshot.tenants(always.clone(), |row| sums[1] += row.counts.octets).unwrap();
        sums
    };
    // 1, 2 and 3 octets went out, and were decoded.
    assert_eq!(octets(&open), [12, 12]);
    let mut records = 0;
    open.health(always.clone(), |row| records += row.value).unwrap();
    assert_eq!(records, 3);
    open.memory().unwrap();
}

#[test]
fn what_is_old_is_given_up_file_by_file_and_accounts_apart_from_flows() {
    let folder = TempDir::new().unwrap();
    let (mut writer, days) = three_days(&Disk::new(folder.path()));
    let day = |n: i64| Some(NOON + n * 86_400_000);
    // A flow ends a second after it starts.
    let at_its_end = Retention { flows_before: Some(NOON + 1000), ..Retention::default() };
    assert_eq!(writer.retire(at_its_end, NOON).unwrap(), crate::Retired::default());
    let before = Snapshot::open(folder.path()).unwrap();
    let retired = writer.retire(Retention { flows_before: day(1), ..Retention::default() }, NOON).unwrap();
    assert_eq!((retired.files, retired.rows), (1, 1));
    assert_eq!(rows(folder.path()), sample::sorted(&days[1..]));
    assert_eq!(
        sums(folder.path()),
        [("decoded", 6), ("out", 6), ("records", 3)].map(|(k, v)| (k.to_owned(), v)).into()
    );
    assert!(before.segments[0].open().unwrap_err().is_vanished());
    assert_eq!(verify(folder.path()).unwrap().problems.len(), 0);
    let all = Retention { flows_before: day(9), accounts_before: day(1) };
    // Two segments; accounts of hosts, of tenants, and counts.
    assert_eq!(writer.retire(all, NOON).unwrap().files, 5);
    assert_eq!(rows(folder.path()), [""; 0]);
    assert_eq!(
        sums(folder.path()),
        [("decoded", 5), ("out", 5), ("records", 2)].map(|(k, v)| (k.to_owned(), v)).into()
    );
    assert_eq!(verify(folder.path()).unwrap().problems.len(), 0);
}

#[test]
fn rows_with_more_strings_than_a_column_holds_are_several_segments_that_are_given_up_together() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = Writer::open(folder.path(), Options { seal_rows: 100, ..SMALL }).unwrap();
    let mut all = Vec::new();
    for (i, mut batch) in batches(5).into_iter().enumerate() {
        // In tests a column holds 1 MiB.
        let octets = i.to_le_bytes().repeat(50_000);
        *batch.values_mut(weir_flow::Column::Other) = {
            let mut strings = weir_flow::Bytes::new();
            strings.push(&octets);
            weir_flow::Values::Bytes(strings)
        };
        batch.present_mut()[0] |= weir_flow::Column::Other.bit();
        writer.append(&batch, NOON).unwrap();
        all.push(batch);
    }
    writer.seal(NOON).unwrap();
    assert_holds(folder.path(), &all);
    let snapshot = Snapshot::open(folder.path()).unwrap();
    assert_eq!(snapshot.segments.iter().map(|s| s.rows).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(verify(folder.path()).unwrap().problems.len(), 0);
    // The last flow ends at NOON + 5 + 1000.
    for (before, files) in [(1_004, 0), (1_006, 3)] {
        let retention = Retention { flows_before: Some(NOON + before), ..Retention::default() };
        assert_eq!(writer.retire(retention, NOON).unwrap().files, files);
    }
}

#[test]
fn retiring_is_whole_or_not_at_all_wherever_it_dies() {
    for steps in 0..8 {
        let folder = TempDir::new().unwrap();
        let (mut writer, days) = three_days(&Disk::new(folder.path()));
        let mortal = Mortal::after(steps);
        writer.disk = Disk::new(folder.path()).with_fate(mortal);
        let until = Retention { flows_before: Some(NOON + 2 * 86_400_000), ..Retention::default() };
        let result = writer.retire(until, NOON);
        drop(writer);
        let left = rows(folder.path());
        assert!(left == sample::sorted(&days) || left == sample::sorted(&days[2..]), "step {steps}");
        let (writer, recovery) = Writer::open(folder.path(), SMALL).unwrap();
        assert!(result.is_err() || recovery.orphans == 0);
        drop(writer);
        assert_eq!(rows(folder.path()), left);
        assert_eq!(verify(folder.path()).unwrap().problems.len(), 0);
    }
}

#[test]
fn rollups_go_over_to_the_store_with_their_segment_or_not_at_all_wherever_it_dies() {
    for steps in 0..24 {
        let folder = TempDir::new().unwrap();
        let (mut writer, days) = three_days(&Disk::new(folder.path()));
        let names: Vec<String> =
            writer.log.manifest.files().segments.iter().map(|s| s.name.clone()).collect();
        for name in &names {
            let path = name.replace("flows/", "rollups/a/").replace(".parquet", ".part");
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        // A roll-up is its segment's name; that of the second is another's.
        let judge: crate::Judge = std::sync::Arc::new(|segment: &crate::SegmentEntry, bytes: &[u8]| {
            let name = segment.path.to_string_lossy();
            name.ends_with(std::str::from_utf8(bytes).unwrap()) && !name.ends_with("/2-0.parquet")
        });
        let heir = crate::Heir { name: "a".to_owned(), keep_ms: 10 * 86_400_000, judge };
        writer.set_heirs(vec![heir.clone()]);
        writer.disk = Disk::new(folder.path()).with_fate(Mortal::after(steps));
        let until = Retention { flows_before: Some(NOON + 2 * 86_400_000), ..Retention::default() };
        let result = writer.retire(until, NOON);
        drop(writer);
        let is_done = rows(folder.path()) == sample::sorted(&days[2..]);
        assert!(is_done || rows(folder.path()) == sample::sorted(&days), "step {steps}");
        assert!(is_done || result.is_err());
        let (mut writer, _) = Writer::open(folder.path(), SMALL).unwrap();
        let rolled = folder.path().join("rolled");
        let kept = if rolled.exists() { files(&rolled) } else { Vec::new() };
        assert_eq!(kept.len(), usize::from(is_done), "step {steps}");
        writer.log.checkpoint(&writer.disk).unwrap();
        let snapshot = Snapshot::open(folder.path()).unwrap();
        let named = snapshot.rolled.iter().filter_map(|one| one.part("a"));
        assert_eq!(named.map(|path| path.display().to_string()).collect::<Vec<_>>(), kept);
        assert_eq!(verify(folder.path()).unwrap().problems.len(), 0);
        writer.set_heirs(vec![heir]);
        writer.retire(Retention::default(), NOON + 11 * 86_400_000).unwrap();
        assert!(!rolled.exists() || files(&rolled).is_empty());
    }
}

#[test]
fn a_rollup_that_cannot_be_read_keeps_no_record_from_going() {
    let folder = TempDir::new().unwrap();
    let (mut writer, days) = three_days(&Disk::new(folder.path()));
    let segments = writer.log.manifest.files().segments;
    let parts = segments.iter().map(|segment| {
        folder.path().join(segment.name.replace("flows/", "rollups/a/").replace(".parquet", ".part"))
    });
    let parts: Vec<_> = parts.collect();
    for part in &parts[1..] {
        std::fs::create_dir_all(part.parent().unwrap()).unwrap();
        std::fs::write(part, "whole").unwrap();
    }
    // A folder is not to be read as a file.
    std::fs::create_dir_all(&parts[0]).unwrap();
    let judge: crate::Judge = std::sync::Arc::new(|_: &crate::SegmentEntry, bytes: &[u8]| bytes == b"whole");
    writer.set_heirs(vec![crate::Heir { name: "a".to_owned(), keep_ms: 10 * 86_400_000, judge }]);
    let until = Retention { flows_before: Some(NOON + 2 * 86_400_000), ..Retention::default() };
    let retired = writer.retire(until, NOON).unwrap();
    assert_eq!((retired.rows, retired.rollups_lost), (2, 1));
    assert_eq!(rows(folder.path()), sample::sorted(&days[2..]));
    assert_eq!(files(&folder.path().join("rolled")).len(), 1);
    let damage = writer.take_damage();
    assert_eq!(damage.iter().map(|one| &one.path).collect::<Vec<_>>(), [&parts[0]]);
}

#[test]
fn damage_in_the_journal_is_told_and_the_file_is_kept() {
    let folder = TempDir::new().unwrap();
    let all = batches(3);
    let (mut writer, _) = Writer::open(folder.path(), SMALL).unwrap();
    for batch in &all {
        writer.append(batch, NOON).unwrap();
    }
    drop(writer);
    let wal = folder.path().join("journal/00000001.wal");
    let mut bytes = std::fs::read(&wal).unwrap();
    let middle = bytes.windows(4).enumerate().filter(|w| w.1 == [0xf5, b'w', b'f', 0x0a]).nth(1).unwrap().0;
    bytes[middle + 40] ^= 4;
    std::fs::write(&wal, &bytes).unwrap();
    let left = [all[0].clone(), all[2].clone()];
    assert_eq!(Snapshot::open(folder.path()).unwrap().damage()[0].how, "the checksum of frame 2 is wrong");
    assert_holds(folder.path(), &left);
    let (writer, recovery) = Writer::open(folder.path(), SMALL).unwrap();
    assert_eq!((recovery.frames, recovery.damage.len()), (2, 1));
    assert_eq!(recovery.damage[0].path, wal);
    writer.close(NOON).unwrap();
    assert_holds(folder.path(), &left);
    assert_eq!(std::fs::read(wal.with_extension("wal.damaged")).unwrap(), bytes);
}

#[test]
fn readers_see_every_row_once_while_a_writer_seals() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_path_buf();
    let (mut writer, _) = Writer::open(&path, SMALL).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            let mut looks = 0;
            while !stop.load(Ordering::Relaxed) {
                let totals = Snapshot::open(&path).unwrap().totals();
                // Octets are 1, 2, 3 …: each once makes a triangular number.
                assert_eq!(totals.octets, u128::from(totals.rows * (totals.rows + 1) / 2));
                assert!(totals.rows >= last);
                last = totals.rows;
                looks += 1;
            }
            looks
        });
        for (i, batch) in batches(120).iter().enumerate() {
            writer.append(batch, NOON + i as i64).unwrap();
            writer.tick(NOON + i as i64).unwrap();
        }
        writer.seal(NOON + 1000).unwrap();
        stop.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
    assert_eq!(rows(&path).len(), 120);
}
