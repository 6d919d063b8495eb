//! Disks that are full: a small one of the kernel's own, filled by somebody else and emptied again.

use super::{NOON, batches, files, rows, tick_until};
use crate::{Options, Snapshot, Taken, Writer, sample, verify};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use weir_flow::memory::Change;
use weir_flow::{Batch, Column};

/// A disk of a few megabytes, unmounted when dropped.
struct Small {
    folder: TempDir,
}

impl Small {
    /// `None` where none can be made; the test is skipped then.
    fn mount(test: &str, bytes: u64) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let size = format!("size={bytes}");
        let mount =
            || Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).status();
        if !weir_testkit::is_root() || !mount().is_ok_and(|status| status.success()) {
            weir_testkit::skip(test, "only root can mount a small disk");
            return None;
        }
        Some(Self { folder })
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    /// Somebody else takes all the room there is.
    fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::options().append(true).create(true).open(self.ballast()).unwrap();
        let mut size = 1 << 16;
        while size > 0 {
            if file.write_all(&vec![1; size]).is_err() {
                size /= 2;
            }
        }
    }

    fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.folder.path()).status();
    }
}

/// The sum of a count over the whole store.
fn count(path: &Path, what: &str) -> i64 {
    let mut sum = 0;
    let add = |row: &weir_flow::health::Row| sum += if row.what == what { row.value } else { 0 };
    Snapshot::open(path).unwrap().health(i64::MIN..i64::MAX, add).unwrap();
    sum
}

#[test]
fn a_full_disk_costs_rows_that_are_counted_and_nothing_else() {
    let Some(disk) = Small::mount("a_full_disk_costs_rows_that_are_counted_and_nothing_else", 4 << 20) else {
        return;
    };
    let path = disk.store();
    let options = Options { seal_rows: 1 << 20, ..Options::default() };
    let (mut writer, _) = Writer::open(&path, options).unwrap();
    let mut all = batches(60);
    for (i, batch) in all.iter_mut().enumerate() {
        let (key, value) = (format!("key {i}").as_bytes().into(), Box::from(&b"x"[..]));
        batch.memory.push(Change::Put { key, value });
    }
    let mut now = NOON;
    let mut take = |writer: &mut Writer, batch: &Batch| {
        now += 10;
        writer.take(batch, now).unwrap()
    };
    for batch in &all[..20] {
        assert!(matches!(take(&mut writer, batch), Taken::Stored(_)));
    }
    assert_eq!(writer.outage(), None);
    disk.fill();
    // What the journal's last page has room for is stored still.
    let taken: Vec<Taken> = all[20..40].iter().map(|batch| take(&mut writer, batch)).collect();
    let stored = 20 + taken.iter().filter(|taken| matches!(taken, Taken::Stored(_))).count();
    assert!(stored < 40 && taken[stored - 20..].iter().all(|taken| *taken == Taken::Held), "{stored}");
    let outage = writer.outage().unwrap().clone();
    assert!(outage.is_full && outage.error.contains("journal"), "{outage:?}");
    assert_eq!(outage.flows, 40 - stored as u64);
    // Questions are answered while nothing is stored.
    assert_eq!(rows(&path), sample::sorted(&all[..stored]));
    // A seal does not get through either, and says so.
    assert!(writer.seal(now).unwrap_err().is_full());
    assert_eq!(rows(&path), sample::sorted(&all[..stored]));
    disk.empty();
    writer.tick(now + 2_000).unwrap();
    assert_eq!(writer.outage(), None);
    now += 2_000;
    for batch in &all[40..] {
        assert!(matches!(writer.take(batch, now).unwrap(), Taken::Stored(_)));
    }
    let remembered = writer.memory().clone();
    assert_eq!(remembered.len(), 60, "what batches wanted remembered while the disk was full is there");
    tick_until(&mut writer, now + 20_000, |writer| writer.sealed() >= stored as u64);
    writer.close(now + 30_000).unwrap();
    let kept: Vec<Batch> = all[..stored].iter().chain(&all[40..]).cloned().collect();
    assert_eq!(rows(&path), sample::sorted(&kept));
    // Octets are 1, 2, 3 and so on: stored and discarded are what came.
    let octets = |batches: &[Batch]| batches.iter().map(|b| b.u64s(Column::Octets)[0]).sum::<u64>();
    assert_eq!(count(&path, "discarded_flows:disk_full"), 40 - stored as i64);
    assert_eq!(count(&path, "discarded_octets:disk_full").unsigned_abs(), octets(&all[stored..40]));
    assert_eq!(count(&path, "records"), 60, "what was counted is not discarded");
    assert_eq!(Snapshot::open(&path).unwrap().totals().octets, octets(&kept).into());
    assert_eq!(Snapshot::open(&path).unwrap().memory().unwrap(), remembered);
    assert_eq!(verify(&path).unwrap().problems.len(), 0);
}

#[test]
fn a_store_is_opened_on_a_full_disk() {
    let Some(disk) = Small::mount("a_store_is_opened_on_a_full_disk", 2 << 20) else { return };
    let path = disk.store();
    let all = batches(9);
    let (mut writer, _) = Writer::open(&path, Options::default()).unwrap();
    for batch in &all[..4] {
        writer.append(batch, NOON).unwrap();
    }
    drop(writer);
    disk.fill();
    let (mut writer, recovery) = Writer::open(&path, Options::default()).unwrap();
    assert_eq!(recovery.rows, 4);
    assert_eq!(writer.take(&all[4], NOON).unwrap(), Taken::Held);
    assert_eq!(rows(&path), sample::sorted(&all[..4]));
    disk.empty();
    assert!(matches!(writer.take(&all[5], NOON + 5_000).unwrap(), Taken::Stored(_)));
    writer.close(NOON + 100_000).unwrap();
    assert_eq!(rows(&path), sample::sorted(&[&all[..4], &all[5..6]].concat()));
    assert_eq!(count(&path, "discarded_octets:disk_full"), 5);
    assert!(files(&path.join("journal")).is_empty());
}
