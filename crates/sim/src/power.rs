//! What a loss of power does to a store's files.
//!
//! What was flushed stays. Of what was appended to the newest journal file after that, any part may be missing
//! from the end on, or be zeros where the length was noted and the data was not. A file that was removed may be
//! there again. A line of the manifest that was being appended may be there in part. Files that nothing names
//! may lie about.

use crate::chance::Dice;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Up to where the newest journal file is durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Floor {
    /// Where the frame of each batch ends that is not known to be durable.
    ends: BTreeMap<u64, (PathBuf, u64)>,
    /// The same of the last durable one.
    durable: Option<(PathBuf, u64)>,
}

impl Floor {
    /// A batch was appended to this file, which is now so long.
    pub(crate) fn appended(&mut self, sequence: u64, end: (PathBuf, u64)) {
        self.ends.insert(sequence, end);
    }

    /// Batches up to this one are durable.
    pub(crate) fn synced(&mut self, sequence: u64) {
        let later = self.ends.split_off(&(sequence + 1));
        if let Some((_, end)) = self.ends.pop_last() {
            self.durable = Some(end);
        }
        self.ends = later;
    }

    fn of(&self, path: &Path) -> u64 {
        self.durable.as_ref().filter(|(file, _)| file == path).map_or(0, |(_, len)| *len)
    }

    /// Where frames of this file end that are not known to be durable, and where the durable part ends.
    fn frames(&self, path: &Path) -> Vec<u64> {
        let ends = self.ends.values().filter(|(file, _)| file == path).map(|(_, len)| *len);
        std::iter::once(self.of(path)).chain(ends).collect()
    }
}

fn fail(doing: &'static str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("the world itself failed: {doing}: {error}")
}

/// The journal's files, by number.
pub(crate) fn journal(store: &Path) -> Result<Vec<PathBuf>, String> {
    files(&store.join("journal"))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder).map_err(fail("list"))? {
        let path = entry.map_err(fail("list"))?.path();
        if path.extension().is_some_and(|extension| extension == "wal") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The newest journal file and its length.
pub(crate) fn newest(store: &Path) -> Result<(PathBuf, u64), String> {
    let path = journal(store)?.pop().ok_or("the store has no journal")?;
    let len = fs::metadata(&path).map_err(fail("measure"))?.len();
    Ok((path, len))
}

/// Where files are remembered that may be removed: beside the store, under the same names.
fn attic(store: &Path) -> PathBuf {
    store.with_extension("attic")
}

/// Remembers the journal's files, so that removing them can be undone.
pub(crate) fn remember(store: &Path) -> Result<(), String> {
    let attic = attic(store);
    fs::create_dir_all(&attic).map_err(fail("create"))?;
    for path in journal(store)? {
        let Some(name) = path.file_name() else { continue };
        match fs::hard_link(&path, attic.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(fail("link")(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Forgets what was removed.
pub(crate) fn forget(store: &Path) -> Result<(), String> {
    for path in files(&attic(store))? {
        fs::remove_file(path).map_err(fail("remove"))?;
    }
    Ok(())
}

/// The power goes.
pub(crate) fn cut(store: &Path, floor: &Floor, dice: &mut Dice) -> Result<(), String> {
    tear_journal(store, floor, dice)?;
    if dice.percent(50) {
        undo_removals(store, dice)?;
    }
    if dice.percent(30) {
        tear_manifest(store, dice)?;
    }
    if dice.percent(30) {
        leave_debris(store)?;
    }
    Ok(())
}

fn tear_journal(store: &Path, floor: &Floor, dice: &mut Dice) -> Result<(), String> {
    let (path, len) = newest(store)?;
    let file = OpenOptions::new().write(true).open(&path).map_err(fail("open"))?;
    if dice.percent(70) {
        return file.set_len(dice.between(floor.of(&path), len)).map_err(fail("cut"));
    }
    // Whole frames are zeros: a file that is cut and grown again holds them. (Of a frame that is zeros in part the
    // store says that it is damaged, which is as good.)
    let frames = floor.frames(&path);
    let from = frames.get(dice.between::<usize>(0, frames.len() as u64 - 1)).copied().unwrap_or(len);
    file.set_len(from.min(len)).and_then(|()| file.set_len(len)).map_err(fail("cut"))
}

fn undo_removals(store: &Path, dice: &mut Dice) -> Result<(), String> {
    for path in files(&attic(store))? {
        let Some(name) = path.file_name() else { continue };
        let old = store.join("journal").join(name);
        // Drawn for every file: how many are already removed depends on the store's thread.
        if dice.percent(70) && !old.exists() {
            fs::copy(&path, &old).map_err(fail("copy"))?;
        }
    }
    Ok(())
}

/// Appends a part of a line.
fn tear_manifest(store: &Path, dice: &mut Dice) -> Result<(), String> {
    let path = store.join("manifest");
    let mut text = Vec::new();
    fs::File::open(&path).and_then(|mut file| file.read_to_end(&mut text)).map_err(fail("read"))?;
    let line = text.split_inclusive(|byte| *byte == b'\n').next_back().unwrap_or_default();
    let part = line
        .get(..dice.between::<usize>(1, (line.len() as u64).saturating_sub(1).max(1)))
        .unwrap_or_default();
    let mut file = OpenOptions::new().append(true).open(&path).map_err(fail("open"))?;
    file.write_all(part).map_err(fail("append"))
}

/// Leaves files of a seal that was never committed.
fn leave_debris(store: &Path) -> Result<(), String> {
    for top in ["flows", "bins", "health"] {
        let folder = store.join(top).join("2026-01-01");
        fs::create_dir_all(&folder).map_err(fail("create"))?;
        fs::write(folder.join("999999-0.parquet"), b"PAR1 and then nothing").map_err(fail("write"))?;
        fs::write(folder.join("999999-1.tmp"), b"").map_err(fail("write"))?;
    }
    Ok(())
}
