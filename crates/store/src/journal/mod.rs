//! The journal: where batches are safe before they are sealed into segments.
//!
//! One file is open for appending ([`Journal`]); a seal takes whole files, so each seal begins a new one.
//! A batch is one frame, written in one piece: readers see it as soon as it is written, and it survives a
//! power failure as soon as the group it belongs to has been flushed ([`Journal::flush`], by a thread of its own).
//!
//! A frame is a [`Summary`], which has the accounts of the batch, and its rows. Questions about accounts and counts
//! read summaries only ([`outline`]). What was appended is also kept in memory, within a limit (`held_bytes` of the options), so
//! that a seal need not read it back.

mod account;
mod cursor;
mod encode;
mod file;
mod frame;
mod header;
mod item;
mod maker;
mod mask;
mod outline;
mod raw;
mod strings;
mod summary;
#[cfg(test)]
mod tests;

pub(crate) use account::Accounts;
pub use file::Damage;
pub(crate) use file::read;
pub(crate) use frame::Frame;
pub(crate) use item::known_name;
pub(crate) use maker::Maker;
pub(crate) use outline::{Outline, outline};
pub(crate) use raw::Raw;
pub(crate) use strings::Strings;
pub(crate) use summary::{Summary, totals};

use crate::disk::Disk;
use crate::flush::Flush;
use crate::{Error, error::What};
use header::{file_header, schema_crc};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_flow::Batch;
#[cfg(test)]
use weir_flow::schema::Column;

/// The folder of the journal inside the store.
pub(crate) const FOLDER: &str = "journal";

/// A journal file open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Arc<File>,
    /// Length of what was appended whole.
    len: u64,
    /// Whether half a frame follows that, which could not be taken back yet.
    torn: bool,
    /// Rows and bytes of payload in this file.
    pub rows: u64,
    /// First and last sequence appended.
    pub sequences: Option<(u64, u64)>,
    /// Whether something was appended after the last flush was begun.
    pub unsynced: bool,
    schema: u32,
    /// All frames of this file, unless they were too much.
    held: Option<Vec<Frame>>,
}

impl Journal {
    /// Begins a new file of this number.
    pub(crate) fn create(disk: &Disk, number: u64) -> Result<Self, Error> {
        let folder = disk.path(FOLDER);
        disk.create_folder(&folder)?;
        let path = folder.join(format!("{number:08}.wal"));
        let file = disk.append_to(&path)?;
        if file.metadata().map_err(Error::doing(&path, "read"))?.len() > 0 {
            // Left by an attempt that failed.
            disk.cut(&path, 0)?;
        }
        let header = file_header();
        disk.append(&file, &path, &header)?;
        let len = header.len() as u64;
        Ok(Self {
            path,
            file: Arc::new(file),
            len,
            torn: false,
            rows: 0,
            sequences: None,
            unsynced: true,
            schema: schema_crc(),
            held: Some(Vec::new()),
        })
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length.
    pub(crate) fn bytes(&self) -> u64 {
        self.len
    }

    /// Appends a batch as one frame. After an error nothing of it is in the file: `Err` with
    /// [`What::Io`] may be tried again when there is room.
    pub(crate) fn append(
        &mut self,
        disk: &Disk,
        maker: &mut Maker,
        sequence: u64,
        batch: &Batch,
    ) -> Result<(), Error> {
        let bad = |how| Error::new(disk.root(), What::Batch(how));
        let (frame, bytes) = maker.journal_frame(sequence, self.schema, batch).map_err(bad)?;
        self.take_back(disk)?;
        if let Err(error) = disk.append(&self.file, &self.path, &bytes) {
            // If this fails too, it is tried again before anything else is appended.
            self.torn = true;
            let _ = self.take_back(disk);
            return Err(error);
        }
        self.len += bytes.len() as u64;
        self.rows += batch.len() as u64;
        self.sequences = Some((self.sequences.map_or(sequence, |(first, _)| first), sequence));
        self.unsynced = true;
        match &mut self.held {
            Some(held) if maker.may_hold() => held.push(frame),
            _ => self.held = None,
        }
        Ok(())
    }

    /// All frames of this file, if they are in memory.
    pub(crate) fn take_frames(&mut self) -> Option<Vec<Frame>> {
        self.held.take()
    }

    /// Cuts off what a failed append may have left, so that what follows can be read.
    fn take_back(&mut self, disk: &Disk) -> Result<(), Error> {
        if self.torn {
            disk.cut(&self.path, self.len)?;
            self.torn = false;
        }
        Ok(())
    }

    /// What is to be flushed so that everything appended so far is durable; `None` if it is, or is under way.
    pub(crate) fn flush(&mut self) -> Option<Flush> {
        let (_, to) = self.sequences.filter(|_| self.unsynced)?;
        self.unsynced = false;
        Some(Flush { file: Arc::clone(&self.file), path: self.path.clone(), to })
    }
}

/// The journal files of a store, by number.
pub(crate) fn files(root: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    named(root, ".wal")
}

/// The numbers of the files that were put aside because they are damaged.
pub(crate) fn put_aside(root: &Path) -> Result<Vec<u64>, Error> {
    Ok(named(root, ".wal.damaged")?.into_iter().map(|(number, _)| number).collect())
}

/// The files whose name is a number and this, by number.
fn named(root: &Path, end: &str) -> Result<Vec<(u64, PathBuf)>, Error> {
    let folder = root.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(&folder, "list", error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::doing(&folder, "list"))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.strip_suffix(end)).and_then(|number| number.parse().ok());
        files.extend(number.map(|number| (number, path)));
    }
    files.sort();
    Ok(files)
}
