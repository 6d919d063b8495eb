//! What a writer does first: puts right what the last one left when it died.

use crate::disk::Disk;
use crate::flush::Flush;
use crate::journal::{self, Damage};
use crate::manifest::{Manifest, MemoryFile};
use crate::{Error, heir, memory, seal};
use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_flow::memory::Memory;

/// What was found and put right when a store was opened for writing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Batches found in the journal that are not yet in segments. They are being sealed.
    pub frames: u64,
    /// Their rows.
    pub rows: u64,
    /// Bytes of writes that a crash cut short: their rows were never acknowledged as durable.
    pub torn_bytes: u64,
    /// Batches that a power failure left behind others that it lost, and that were cut off: none of them was ever
    /// acknowledged as durable, and accounts, counts and what sessions remember are then those of one moment.
    pub cut_frames: u64,
    /// Their rows.
    pub cut_rows: u64,
    /// Files that a crash left unfinished or uncommitted, and that were removed.
    pub orphans: u64,
    /// Files that should have been removed, or folders that should have been looked through for them, and that we may not: they
    /// are another's. They take room, and do no other harm.
    pub refused: Vec<PathBuf>,
    /// Parts of the journal that are not what was written: their rows are lost. And what sessions remembered, if it
    /// cannot be read. The files are kept, with `.damaged` added to their names.
    pub damage: Vec<Damage>,
}

/// A journal file to be sealed.
#[derive(Debug)]
pub(crate) struct Leftover {
    pub path: PathBuf,
    pub from: u64,
    pub to: u64,
    pub bytes: u64,
    pub damaged: bool,
}

impl Leftover {
    /// It, to be made durable.
    pub(crate) fn flush(&self) -> Result<Flush, Error> {
        let file = File::open(&self.path).map_err(Error::doing(&self.path, "open"))?;
        Ok(Flush { file: Arc::new(file), path: self.path.clone(), to: self.to })
    }
}

/// What the journal holds beyond the manifest.
#[derive(Debug, Default)]
pub(crate) struct Journaled {
    pub leftovers: Vec<Leftover>,
    /// The last sequence in use.
    pub last: u64,
    /// The number of the last file.
    pub number: u64,
    /// What sessions remember.
    pub memory: Memory,
    /// The file of it that cannot be read.
    pub lost_memory: Option<MemoryFile>,
    /// How many changes of it were refused: it is full.
    pub refused: u64,
}

/// Removes every file that the manifest does not name, and what has a temporary name.
pub(crate) fn remove_orphans(disk: &Disk, manifest: &Manifest) -> Result<Recovery, Error> {
    let files = manifest.files();
    let mut named: HashSet<PathBuf> = files.names().map(|name| disk.path(name)).collect();
    named.extend(manifest.memory.iter().map(|file| disk.path(&file.name)));
    named.extend(manifest.parts().map(|part| disk.path(&part.name)));
    let mut recovery = Recovery::default();
    for file in recovery.list(&disk.path(memory::FOLDER))? {
        if !named.contains(&file) && file.extension().is_none_or(|e| e != "damaged") {
            recovery.remove(disk, file)?;
        }
    }
    for top in
        [seal::FLOWS, seal::BINS, seal::TENANTS, seal::SUMS, seal::HEALTH, seal::COUNTERS, heir::FOLDER]
    {
        for folder in recovery.list(&disk.path(top))? {
            for file in recovery.list(&folder)? {
                if !named.contains(&file) {
                    recovery.remove(disk, file)?;
                }
            }
            // Of a folder that is not empty this is refused, as it should be.
            let _ = fs::remove_dir(&folder);
        }
    }
    Ok(recovery)
}

impl Recovery {
    /// Removes an orphan, unless we may not.
    fn remove(&mut self, disk: &Disk, file: PathBuf) -> Result<(), Error> {
        match disk.remove(&file) {
            Err(error) if error.is_refused() => self.refused.push(file),
            done => {
                done?;
                self.orphans += 1;
            }
        }
        Ok(())
    }

    /// What is in a folder; nothing if there is none, or we may not look.
    fn list(&mut self, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        match list(folder) {
            Err(error) if error.is_refused() => {
                self.refused.push(folder.to_path_buf());
                Ok(Vec::new())
            }
            listed => listed,
        }
    }
}

/// What is in a folder; nothing where there is none.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Error::io(folder, "list", error)),
    };
    entries.map(|e| e.map(|e| e.path()).map_err(Error::doing(folder, "list"))).collect()
}

/// Where frames are missing between two files of the journal, and whether damage is why.
///
/// Files are flushed in their order, so that after a loss of power a newer one may be there of which nothing was
/// durable, and a part of an older one not. What lies behind such a gap goes. Where a file is damaged, or was put
/// aside for that, what lies behind it may be durable, and stays.
#[derive(Debug, Default)]
struct Order {
    /// Files put aside, by number.
    aside: Vec<u64>,
    /// The number of the last file that has frames.
    before: Option<u64>,
    /// Whether that file, or one without frames after it, is damaged.
    is_damaged: bool,
    /// Whether a gap was found: then all that follows goes.
    is_broken: bool,
}

impl Order {
    /// Takes in a file, whose first frame (if it has any) is to be the one after `last`; whether it is behind a gap.
    fn is_behind_gap(&mut self, number: u64, first: Option<u64>, last: u64, is_damaged: bool) -> bool {
        self.is_damaged |= is_damaged;
        let Some(first) = first else { return false };
        let since = self.before.unwrap_or(number.saturating_sub(1));
        let is_explained = self.is_damaged || self.aside.iter().any(|n| (since..number).contains(n));
        self.is_broken |= first > last.saturating_add(1) && !is_explained;
        self.before = Some(number);
        self.is_damaged = is_damaged;
        self.is_broken
    }
}

/// Reads the journal, cuts torn tails and what is behind a gap, and removes files of which everything is sealed.
pub(crate) fn read_journal(
    disk: &Disk,
    manifest: &Manifest,
    recovery: &mut Recovery,
) -> Result<Journaled, Error> {
    recovery.damage.extend(manifest.mended.map(|at| Damage::of_manifest(disk.root(), at)));
    let sealed = manifest.sealed;
    let mut journaled = Journaled { last: sealed, ..Journaled::default() };
    let mut known = 0;
    if let Some(file) = &manifest.memory {
        match memory::read(&disk.path(&file.name).into(), file) {
            Ok(memory) => journaled.memory = memory,
            Err(error) if error.is_damaged() => {
                journaled.lost_memory = Some(file.clone());
                recovery.damage.push(Damage::of_memory(error));
            }
            Err(error) => return Err(error),
        }
        known = file.sequence;
    }
    let mut order = Order { aside: journal::put_aside(disk.root())?, ..Order::default() };
    // A number is given once: a file put aside says what became of its own, and not of a later one.
    journaled.number = order.aside.iter().copied().max().unwrap_or(0);
    for (number, path) in journal::files(disk.root())? {
        journaled.number = journaled.number.max(number);
        let contents = journal::read(&path)?;
        let damaged = !contents.damage.is_empty();
        if contents.torn > 0 && !damaged {
            disk.cut(&path, contents.good)?;
            recovery.torn_bytes += contents.torn;
        }
        recovery.damage.extend(contents.damage);
        let fresh: Vec<_> = contents.frames.iter().filter(|f| f.sequence > sealed).collect();
        let first = fresh.first().map(|frame| frame.sequence);
        if order.is_behind_gap(number, first, journaled.last, damaged) {
            recovery.cut_frames += fresh.len() as u64;
            recovery.cut_rows += fresh.iter().map(|f| f.rows() as u64).sum::<u64>();
            if !damaged {
                // Their sequences are given again: they must not come back if power fails before the name is gone.
                disk.cut(&path, 0)?;
            }
            discard(disk, &path, damaged)?;
            continue;
        }
        let (Some(first), Some(last)) = (fresh.first(), fresh.last()) else {
            discard(disk, &path, damaged)?;
            continue;
        };
        for frame in fresh.iter().filter(|frame| frame.sequence > known) {
            journaled.refused += memory::apply(&mut journaled.memory, &frame.summary.memory());
        }
        recovery.rows += fresh.iter().map(|f| f.rows() as u64).sum::<u64>();
        recovery.frames += fresh.len() as u64;
        journaled.last = journaled.last.max(last.sequence);
        let (from, to, bytes) = (first.sequence, last.sequence, contents.good);
        journaled.leftovers.push(Leftover { path, from, to, bytes, damaged });
    }
    Ok(journaled)
}

/// Removes a journal file whose frames are sealed; one that is damaged is kept under another name, which is durable: damage
/// is told once, also where power fails afterwards.
pub(crate) fn discard(disk: &Disk, path: &Path, damaged: bool) -> Result<(), Error> {
    if !damaged {
        return disk.remove(path);
    }
    disk.rename(path, &path.with_extension("wal.damaged"))?;
    path.parent().map_or(Ok(()), |journal| disk.sync_folder(journal))
}
