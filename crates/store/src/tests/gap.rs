//! A loss of power that took a part of an older journal file, and left a newer one.

use super::{NOON, SMALL, assert_holds, batches};
use crate::{Disk, Fate, Kind, Recovery, Step, Verdict, Writer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use weir_flow::Batch;

/// A disk on which nothing is ever sealed.
#[derive(Debug)]
struct Slow;

impl Fate for Slow {
    fn judge(&self, step: &Step<'_>) -> Verdict {
        if matches!(step.kind, Kind::Sync | Kind::SyncFolder) { Verdict::Noted } else { Verdict::Pass }
    }

    fn is_time(&self) -> bool {
        false
    }
}

fn open(path: &Path) -> (Writer, Recovery) {
    Writer::open_on(Disk::new(path).with_fate(Arc::new(Slow)).single_threaded(), SMALL).unwrap()
}

/// Ten batches of one row in three files of the journal: 1 to 4, 5 to 8, 9 and 10.
fn three_files() -> (TempDir, Vec<Batch>) {
    let folder = TempDir::new().unwrap();
    let all = batches(10);
    let (mut writer, _) = open(folder.path());
    for batch in &all {
        writer.append(batch, NOON).unwrap();
    }
    drop(writer);
    assert!(file(&folder, 3).exists() && !file(&folder, 4).exists());
    (folder, all)
}

fn file(folder: &TempDir, number: u64) -> PathBuf {
    folder.path().join(format!("journal/{number:08}.wal"))
}

/// Opens it, and sees that so many of the batches are there and so many were cut off; that what is appended then stays
/// after them; and that the next writers find the same.
fn assert_cut(folder: &TempDir, all: &[Batch], left: usize, cut: u64) {
    let (mut writer, recovery) = open(folder.path());
    assert_eq!((recovery.frames, recovery.cut_frames, recovery.cut_rows), (left as u64, cut, cut));
    assert_eq!(recovery.damage, []);
    assert_holds(folder.path(), &all[..left]);
    let sequence = writer.append(&all[left], NOON).unwrap();
    assert_eq!(sequence, left as u64 + 1);
    drop(writer);
    let (writer, recovery) = open(folder.path());
    assert_eq!((recovery.frames, recovery.cut_frames), (sequence, 0));
    drop(writer);
    Writer::open(folder.path(), SMALL).unwrap().0.close(NOON).unwrap();
    assert_holds(folder.path(), &all[..=left]);
}

#[test]
fn what_is_behind_a_torn_file_goes() {
    let (folder, all) = three_files();
    let path = file(&folder, 2);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    assert_cut(&folder, &all, 7, 2);
}

#[test]
fn what_is_behind_a_file_that_is_gone_goes() {
    let (folder, all) = three_files();
    std::fs::remove_file(file(&folder, 2)).unwrap();
    assert_cut(&folder, &all, 4, 2);
    let (folder, all) = three_files();
    std::fs::remove_file(file(&folder, 1)).unwrap();
    assert_cut(&folder, &all, 0, 6);
}

#[test]
fn the_last_file_may_be_gone() {
    let (folder, all) = three_files();
    std::fs::remove_file(file(&folder, 3)).unwrap();
    assert_cut(&folder, &all, 8, 0);
}

#[test]
fn what_is_behind_damage_stays() {
    let mark = [0xf5, b'w', b'f', 0x0a];
    // The last frame of a file, and all of them: that file is put aside when the store is opened.
    for (spoiled, left) in [(3..4, vec![1, 2, 3, 4, 5, 6, 7, 9, 10]), (0..4, vec![1, 2, 3, 4, 9, 10])] {
        let (folder, all) = three_files();
        let mut bytes = std::fs::read(file(&folder, 2)).unwrap();
        let marks = bytes.windows(4).enumerate().filter(|(_, w)| *w == mark);
        let frames: Vec<usize> = marks.map(|(at, _)| at).collect();
        assert_eq!(frames.len(), 4);
        for at in &frames[spoiled] {
            bytes[at + 40] ^= 4;
        }
        std::fs::write(file(&folder, 2), &bytes).unwrap();
        let left: Vec<Batch> = left.into_iter().map(|n: usize| all[n - 1].clone()).collect();
        // A second writer may find the damaged file under another name.
        for _ in 0..3 {
            let (writer, recovery) = open(folder.path());
            assert_eq!((recovery.frames, recovery.cut_frames), (left.len() as u64, 0));
            drop(writer);
            assert_holds(folder.path(), &left);
        }
        Writer::open(folder.path(), SMALL).unwrap().0.close(NOON).unwrap();
        assert_holds(folder.path(), &left);
    }
}

/// Which folders were flushed since a file in them had another name.
#[derive(Debug, Default)]
struct Names(std::sync::Mutex<Vec<PathBuf>>);

impl Fate for Names {
    fn judge(&self, step: &Step<'_>) -> Verdict {
        let mut open = self.0.lock().unwrap();
        match (step.kind, step.to) {
            (Kind::Rename, Some(to)) => open.push(to.to_path_buf()),
            (Kind::SyncFolder, _) => open.retain(|name| name.parent() != Some(step.path)),
            _ => {}
        }
        Verdict::Pass
    }
}

#[test]
fn a_damaged_file_is_put_aside_for_good() {
    let (folder, _) = three_files();
    Writer::open(folder.path(), SMALL).unwrap().0.close(NOON).unwrap();
    // Of a file that is sealed already, and that a loss of power brought back, in part.
    std::fs::write(file(&folder, 7), [[0xf5, b'w', b'f', 0x0a].as_slice(), &[7; 300]].concat()).unwrap();
    let names = Arc::new(Names::default());
    let disk = Disk::new(folder.path()).with_fate(names.clone()).single_threaded();
    let (_writer, recovery) = Writer::open_on(disk, SMALL).unwrap();
    assert_eq!(recovery.damage.len(), 1);
    assert!(file(&folder, 7).with_extension("wal.damaged").exists());
    assert_eq!(*names.0.lock().unwrap(), Vec::<PathBuf>::new(), "a loss of power would tell it again");
}

#[test]
fn a_file_put_aside_explains_no_later_gap() {
    let (folder, all) = three_files();
    Writer::open(folder.path(), SMALL).unwrap().0.close(NOON).unwrap();
    // Long ago a file was damaged, and the journal has been empty since.
    std::fs::write(file(&folder, 2).with_extension("wal.damaged"), b"what was left").unwrap();
    let (mut writer, _) = open(folder.path());
    for batch in &all {
        writer.append(batch, NOON).unwrap();
    }
    drop(writer);
    assert!(!file(&folder, 2).exists() && file(&folder, 3).exists());
    // Of the first of three new files power takes all.
    std::fs::remove_file(file(&folder, 3)).unwrap();
    let (_writer, recovery) = open(folder.path());
    assert_eq!((recovery.frames, recovery.cut_frames), (0, 6));
    assert_holds(folder.path(), &all);
}
