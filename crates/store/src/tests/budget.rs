//! The oldest detail goes first, before the budget is reached, and accounts stay.

use super::mortal::immortal;
use super::{NOON, SMALL, files, rows, sums};
use crate::{Budget, Snapshot, Writer, sample, verify};
use std::path::Path;
use tempfile::TempDir;
use weir_flow::{Batch, Column};

const HOUR: i64 = 3_600_000;

/// What the files of a store take, by the disk.
fn bytes(path: &Path) -> u64 {
    files(path).iter().map(|file| std::fs::metadata(file).unwrap().len()).sum()
}

#[test]
fn the_oldest_detail_goes_first_and_the_budget_is_never_passed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    // (A file that is being written is not counted until it is there.)
    let (mut writer, _) = Writer::open_on(immortal(path).single_threaded(), SMALL).unwrap();
    let limit = 300_000;
    writer.set_budget(Budget { bytes: Some(limit), ..Budget::default() });
    let mut all = Vec::new();
    for i in 1..=60u64 {
        // Ten minutes apart; four of them make a segment.
        let now = NOON + 600_000 * i as i64;
        let batch = sample::tiny(i, now);
        writer.append(&batch, now).unwrap();
        all.push(batch);
        if i % 4 == 0 {
            writer.seal(now).unwrap();
        }
        // (What others have taken the place of stays for a minute.)
        writer.tick(now + 1).unwrap();
        writer.tick(now + 61_000).unwrap();
        assert!(bytes(path) <= limit, "{} after {i}", bytes(path));
        // The disk agrees, but for the lock.
        assert!(bytes(path).abs_diff(writer.space().total()) < 20, "{} {:?}", bytes(path), writer.space());
    }
    writer.seal(NOON + 100 * HOUR).unwrap();
    let left = usize::try_from(Snapshot::open(path).unwrap().totals().rows).unwrap();
    assert!((8..=56).contains(&left), "{left} of 60");
    assert_eq!(rows(path), sample::sorted(&all[60 - left..]));
    assert_eq!(writer.retired().rows, 60 - left as u64);
    let octets = |batches: &[Batch]| batches.iter().map(|b| b.u64s(Column::Octets)[0] as i64).sum::<i64>();
    assert_eq!(sums(path)["decoded"], octets(&all), "the accounts of all are there");
    let before = Snapshot::open(path).unwrap().flows_before().unwrap();
    let oldest = all[60 - left].times(Column::Start)[0];
    assert!(before <= oldest, "{before} {oldest}");
    assert!(writer.over_budget().is_none());
    assert_eq!(verify(path).unwrap().problems.len(), 0);
    // No room at all: all detail goes, and it is said that this is not enough.
    writer.set_budget(Budget { bytes: Some(20_000), ..Budget::default() });
    writer.tick(NOON + 100 * HOUR).unwrap();
    writer.tick(NOON + 101 * HOUR).unwrap();
    assert_eq!(Snapshot::open(path).unwrap().totals().rows, 0);
    assert_eq!(sums(path)["decoded"], octets(&all));
    let (used, may) = writer.over_budget().unwrap();
    assert!(used > may && may == 20_000);
}

#[test]
fn copies_go_before_what_is_stored_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (mut writer, _) = Writer::open_on(immortal(path).single_threaded(), SMALL).unwrap();
    let all: Vec<Batch> = (1..=40).map(|i| sample::tiny(i, NOON + i as i64)).collect();
    for batch in &all {
        writer.append(batch, NOON).unwrap();
        writer.seal(NOON).unwrap();
    }
    // An hour later they are put together: what they were put together from stays for a minute.
    let now = NOON + 2 * HOUR;
    for _ in 0..100 {
        writer.tick(now).unwrap();
    }
    let (live, all_bytes) = (Snapshot::open(path).unwrap().forecast(None).space.total(), bytes(path));
    assert!(all_bytes > 2 * live, "{live} of {all_bytes}");
    // Room for everything once, and for some of the copies.
    writer.set_budget(Budget { bytes: Some(live * 3 / 2), ..Budget::default() });
    writer.tick(now).unwrap();
    assert_eq!(rows(path), sample::sorted(&all));
    assert_eq!(writer.retired().rows, 0);
    assert!(bytes(path) <= live * 3 / 2, "{} of {live}", bytes(path));
}

#[test]
fn what_is_too_old_goes_by_its_age() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (mut writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
    let all: Vec<Batch> = (1..=6).map(|i| sample::tiny(i, NOON + HOUR * i as i64)).collect();
    for batch in &all {
        writer.append(batch, NOON).unwrap();
        writer.seal(NOON).unwrap();
    }
    writer.set_budget(Budget { flows_ms: Some(3 * HOUR), accounts_ms: Some(5 * HOUR), ..Budget::default() });
    writer.tick(NOON + 5 * HOUR).unwrap();
    assert_eq!(rows(path), sample::sorted(&all[1..]), "what ended more than three hours ago is gone");
    assert_eq!(sums(path)["decoded"], 21);
    writer.tick(NOON + 7 * HOUR).unwrap();
    assert_eq!(rows(path), sample::sorted(&all[3..]));
    assert_eq!(sums(path)["decoded"], 20, "and the accounts of the first hour");
}

#[test]
fn what_is_foretold_is_the_pace_of_the_last_days() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (mut writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
    assert_eq!(writer.forecast().segments_per_day, None);
    for i in 0..=24u64 {
        let now = NOON + HOUR * i as i64;
        writer.append(&sample::tiny(i + 1, now), now).unwrap();
        writer.seal(now).unwrap();
        if i == 0 {
            assert_eq!(writer.forecast().detail_ms, None, "one instant is no pace");
        }
    }
    let limit = 1_000_000;
    writer.set_budget(Budget { bytes: Some(limit), ..Budget::default() });
    let forecast = writer.forecast();
    let segments: u64 = Snapshot::open(path).unwrap().segments.iter().map(|s| s.bytes).sum();
    // All of it came within a day.
    assert_eq!((forecast.space.segments, forecast.segments_per_day), (segments, Some(segments)));
    let beside = forecast.space.total() - segments;
    let days = (limit - beside) as f64 / segments as f64;
    let detail = forecast.detail_ms.unwrap() as f64 / (24.0 * HOUR as f64);
    assert!((detail - days).abs() < 0.01, "{detail} {days}");
    assert!(forecast.accounts_ms.unwrap() > 0 && forecast.limit == limit);
    let read = Snapshot::open(path).unwrap().forecast(Some(limit));
    assert_eq!((read.segments_per_day, read.limit), (forecast.segments_per_day, limit));
}
