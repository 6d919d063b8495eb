//! Small files are put together, and the manifest is written anew, while nothing else changes.

use super::mortal::immortal;
use super::{DIGEST, End, NOON, SMALL, assert_holds, batches, die_at_every_step, files, rows, sums};
use crate::{Error, Retention, Snapshot, Writer, sample, verify};
use std::path::Path;
use tempfile::TempDir;
use weir_flow::Batch;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Ticks until nothing more is put together.
fn rest(writer: &mut Writer, now_ms: i64) -> Result<(), Error> {
    for _ in 0..50 {
        writer.tick(now_ms)?;
        if writer.is_running() {
            let done = writer.worker.wait();
            writer.finish(done, now_ms);
        }
    }
    writer.tick(now_ms)
}

/// A row each, in a unit each, ten minutes apart from `from` on.
fn one_by_one(writer: &mut Writer, all: &[Batch], from: i64) -> Result<(), Error> {
    for (i, batch) in all.iter().enumerate() {
        let now = from + 600_000 * i as i64;
        writer.append(batch, now)?;
        writer.seal(now)?;
    }
    Ok(())
}

/// Rows of one minute each ten minutes, that arrived when they began.
fn hours(count: u64) -> Vec<Batch> {
    (1..=count).map(|i| sample::tiny(i, NOON + 600_000 * (i as i64 - 1))).collect()
}

fn units(path: &Path) -> usize {
    crate::manifest::Manifest::read(path).unwrap().units.len()
}

#[test]
fn an_hour_that_is_over_becomes_few_files_and_a_day_fewer() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = Writer::open_on(immortal(folder.path()), SMALL).unwrap();
    let all = hours(9);
    one_by_one(&mut writer, &all, NOON).unwrap();
    assert_eq!(units(folder.path()), 9);
    rest(&mut writer, NOON + HOUR).unwrap();
    assert_eq!(units(folder.path()), 9, "the first hour is not over for long enough");
    // Of each hour: four rows make a full segment, and then only the small files are put together.
    rest(&mut writer, NOON + HOUR + HOUR / 3).unwrap();
    assert_eq!(units(folder.path()), 4);
    assert_holds(folder.path(), &all);
    rest(&mut writer, NOON + 3 * HOUR).unwrap();
    assert_eq!(units(folder.path()), 2);
    assert_holds(folder.path(), &all);
    rest(&mut writer, NOON + 2 * DAY).unwrap();
    assert_eq!(units(folder.path()), 1);
    assert_holds(folder.path(), &all);
    let snapshot = Snapshot::open(folder.path()).unwrap();
    assert_eq!((snapshot.files().bins.len(), snapshot.files().health.len()), (1, 1));
    assert!(snapshot.segments.len() <= 4, "{}", snapshot.segments.len());
    // Readers of before have a minute; then the files are gone.
    writer.tick(NOON + 3 * DAY).unwrap();
    assert_eq!(files(&folder.path().join("flows")).len(), snapshot.segments.len());
    assert_eq!(files(&folder.path().join("bins")).len(), 1);
    assert_eq!(verify(folder.path()).unwrap().problems.len(), 0);
    writer.close(NOON + 3 * DAY).unwrap();
    assert_holds(folder.path(), &all);
}

#[test]
fn many_units_are_put_together_before_their_hour_is_over() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = Writer::open_on(immortal(folder.path()), SMALL).unwrap();
    let all = batches(24);
    for (i, batch) in all.chunks(4).enumerate() {
        for batch in batch {
            writer.append(batch, NOON + i as i64).unwrap();
        }
        writer.seal(NOON + i as i64).unwrap();
    }
    assert_eq!(units(folder.path()), 6, "each is full");
    rest(&mut writer, NOON + 100).unwrap();
    assert_eq!(units(folder.path()), 1);
    let snapshot = Snapshot::open(folder.path()).unwrap();
    assert_eq!((snapshot.segments.len(), snapshot.files().bins.len()), (6, 1), "full segments stay");
    assert_holds(folder.path(), &all);
}

#[test]
fn an_hour_at_line_rate_never_has_many_units() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = Writer::open_on(immortal(folder.path()), SMALL).unwrap();
    let all = batches(240);
    let mut most = 0;
    for (i, batch) in all.chunks(4).enumerate() {
        for batch in batch {
            writer.append(batch, NOON + i as i64).unwrap();
        }
        writer.seal(NOON + i as i64).unwrap();
        rest(&mut writer, NOON + i as i64).unwrap();
        most = most.max(units(folder.path()));
    }
    // In tests six of like size are put together: there are never so many left.
    assert!(most < 6, "{most}");
    let snapshot = Snapshot::open(folder.path()).unwrap();
    let tenants = snapshot.files().bins.iter().filter(|file| file.tenants.is_some()).count();
    assert_eq!((snapshot.segments.len(), tenants), (60, units(folder.path())));
    assert_holds(folder.path(), &all);
    assert_eq!(verify(folder.path()).unwrap().problems.len(), 0);
}

#[test]
fn what_dies_while_units_are_put_together_loses_and_doubles_nothing() {
    let all = hours(8);
    die_at_every_step(
        End::Power,
        |path| {
            let (mut writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
            one_by_one(&mut writer, &all, NOON).unwrap();
            writer.close(NOON + HOUR).unwrap();
        },
        |disk| {
            let run = || -> Result<(), Error> {
                let (mut writer, _) = Writer::open_on(disk, SMALL)?;
                for now in [NOON + 2 * HOUR, NOON + 2 * DAY, NOON + 3 * DAY] {
                    rest(&mut writer, now)?;
                }
                assert_eq!(units(writer.disk.root()), 1);
                writer.log.checkpoint(&writer.disk)?;
                writer.close(NOON + 3 * DAY)
            };
            ((), run())
        },
        |path, ()| {
            assert_holds(path, &all);
            let (mut writer, recovery) = Writer::open_on(immortal(path), SMALL).unwrap();
            assert_eq!(recovery.damage, []);
            rest(&mut writer, NOON + 4 * DAY).unwrap();
            rest(&mut writer, NOON + 5 * DAY).unwrap();
            assert_eq!(units(path), 1);
            writer.close(NOON + 6 * DAY).unwrap();
            assert_holds(path, &all);
            assert_eq!(verify(path).unwrap().problems.len(), 0);
            let named = Snapshot::open(path).unwrap().segments.len();
            assert_eq!(files(&path.join("flows")).len(), named, "nothing is left over");
        },
    );
}

#[test]
fn a_manifest_written_anew_says_the_same_and_its_names_go_on() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (mut writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
    let all = hours(30);
    let mut import = writer.import("day.pcap", false).unwrap();
    import.append(&all[0]).unwrap();
    import.commit(&DIGEST, 7, NOON).unwrap();
    one_by_one(&mut writer, &all[1..], NOON).unwrap();
    writer.retire(Retention { flows_before: Some(NOON + HOUR), ..Retention::default() }, NOON).unwrap();
    rest(&mut writer, NOON + 2 * DAY).unwrap();
    let (before, held, sums_before) = (writer.log.manifest.clone(), rows(path), sums(path));
    writer.log.checkpoint(&writer.disk).unwrap();
    let read = crate::manifest::Manifest::read(path).unwrap();
    assert_eq!(read.lines, before.lines);
    assert_eq!(read.lines_here, 2);
    assert_eq!(std::fs::read_to_string(path.join("manifest")).unwrap().lines().count(), 2);
    for (read, before) in [(&read, &before), (&writer.log.manifest, &before)] {
        assert_eq!(read.units, before.units);
        assert_eq!(read.imports, before.imports);
        assert_eq!((read.sealed, read.flows_before), (before.sealed, before.flows_before));
    }
    assert_eq!((rows(path), sums(path)), (held, sums_before));
    // It goes on from there, in this process and in the next.
    writer.append(&all[0], NOON).unwrap();
    writer.close(NOON + 2 * DAY).unwrap();
    let read = crate::manifest::Manifest::read(path).unwrap();
    assert_eq!((read.lines, read.lines_here), (before.lines + 1, 3));
    let (writer, recovery) = Writer::open(path, SMALL).unwrap();
    assert_eq!((recovery.orphans, recovery.rows), (0, 0));
    assert!(writer.is_imported(&DIGEST).is_some());
}

/// Until 23 November 2026 a checkpoint had only the later of two instants for flows: as many may be gone.
#[test]
fn a_checkpoint_of_before_is_read_with_care() {
    let read = |fields: &str| {
        let first = format!(r#"{{"weir_store":{}}}"#, crate::manifest::FORMAT);
        let second = format!(r#"{{"checkpoint":{{"lines":9,"sealed":0,"units":[]{fields}}}}}"#);
        let line = |json: String| format!("{:08x} {json}\n", crc32c::crc32c(json.as_bytes()));
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join(crate::manifest::NAME), line(first) + &line(second)).unwrap();
        let manifest = crate::manifest::Manifest::read(folder.path()).unwrap();
        (manifest.flows_before, manifest.accounts_before)
    };
    assert_eq!(read(r#","accounts_before":5,"retired_before":9"#), (Some(9), Some(5)));
    assert_eq!(read(r#","accounts_before":-9223372036854775808,"retired_before":9"#), (Some(9), None));
    assert_eq!(read(""), (None, None));
}

/// What is given up of one is not given up of the other.
#[test]
fn records_and_accounts_are_given_up_apart() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (mut writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
    one_by_one(&mut writer, &hours(60), NOON).unwrap();
    let gone = || {
        let snapshot = Snapshot::open(path).unwrap();
        (snapshot.flows_before(), snapshot.accounts_before(), snapshot.whole_from())
    };
    assert_eq!(gone(), (None, None, i64::MIN));
    // Nothing is so old: all is there, however old it may be.
    let ancient = Retention { flows_before: Some(1), accounts_before: Some(1) };
    writer.retire(ancient, NOON).unwrap();
    assert_eq!(gone(), (None, None, i64::MIN));
    let flows_before = Some(NOON + 4 * HOUR);
    writer.retire(Retention { flows_before, accounts_before: Some(1) }, NOON).unwrap();
    assert_eq!(gone(), (flows_before, None, NOON + 4 * HOUR));
    let accounts_before = Some(NOON + 5 * HOUR);
    writer.retire(Retention { flows_before: None, accounts_before }, NOON).unwrap();
    assert_eq!(gone(), (flows_before, accounts_before, NOON + 5 * HOUR));
    // Records without accounts are no damage.
    assert_eq!(verify(path).unwrap().problems.len(), 0);
}

#[test]
fn a_manifest_is_written_anew_when_most_of_it_is_history() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = Writer::open_on(immortal(folder.path()), SMALL).unwrap();
    let all = hours(60);
    one_by_one(&mut writer, &all, NOON).unwrap();
    rest(&mut writer, NOON + 5 * DAY).unwrap();
    rest(&mut writer, NOON + 6 * DAY).unwrap();
    let manifest = crate::manifest::Manifest::read(folder.path()).unwrap();
    assert!(manifest.lines > 61 && manifest.lines_here < 25, "{} {}", manifest.lines, manifest.lines_here);
    assert_holds(folder.path(), &all);
}

#[test]
fn a_store_of_the_first_format_is_read_and_becomes_one_of_this() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (mut writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
    let all = hours(3);
    one_by_one(&mut writer, &all, NOON).unwrap();
    writer.close(NOON).unwrap();
    let text = std::fs::read_to_string(path.join("manifest")).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    let first = "{\"weir_store\":1}";
    let first = format!("{:08x} {first}\n", crc32c::crc32c(first.as_bytes()));
    std::fs::write(path.join("manifest"), first + rest).unwrap();
    assert_holds(path, &all);
    assert_eq!(crate::manifest::Manifest::read(path).unwrap().format, 1);
    drop(Writer::open(path, SMALL).unwrap());
    let manifest = crate::manifest::Manifest::read(path).unwrap();
    assert_eq!((manifest.format, manifest.lines), (3, 4));
    assert_holds(path, &all);
}
