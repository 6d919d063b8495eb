//! The journal: where batches are safe before they are sealed into segments.
//!
//! One file is open for appending ([`Journal`]); a seal takes whole files, so each seal begins a new one.
//! A batch is one frame, written in one piece: readers see it as soon as it is written, and it survives a
//! power failure as soon as the group it belongs to has been flushed ([`Journal::sync`]).

mod cursor;
mod encode;
mod file;
mod frame;
mod item;
mod strings;
#[cfg(test)]
mod tests;

pub(crate) use encode::encode;
pub use file::Damage;
pub(crate) use file::{encode_frame, file_header, read, schema_crc};
pub(crate) use frame::{Frame, Raw};
pub(crate) use item::known_name;
pub(crate) use strings::Strings;

use crate::disk::Disk;
use crate::{Error, error::What};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use weir_flow::Batch;
#[cfg(test)]
use weir_flow::schema::Column;

/// The folder of the journal inside the store.
pub(crate) const FOLDER: &str = "journal";

/// A journal file open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// Length of what was appended whole.
    len: u64,
    /// Whether half a frame follows that, which could not be taken back yet.
    torn: bool,
    /// Rows and bytes of payload in this file.
    pub rows: u64,
    /// First and last sequence appended.
    pub sequences: Option<(u64, u64)>,
    /// Whether something was appended that is not yet flushed.
    pub unsynced: bool,
    buffer: Vec<u8>,
    schema: u32,
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
            file,
            len,
            torn: false,
            rows: 0,
            sequences: None,
            unsynced: true,
            buffer: Vec::new(),
            schema: schema_crc(),
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
    pub(crate) fn append(&mut self, disk: &Disk, sequence: u64, batch: &Batch) -> Result<(), Error> {
        self.buffer.clear();
        encode_frame(sequence, self.schema, batch, &mut self.buffer)
            .map_err(|how| Error::new(disk.root(), What::Batch(how)))?;
        self.take_back(disk)?;
        if let Err(error) = disk.append(&self.file, &self.path, &self.buffer) {
            // If this fails too, it is tried again before anything else is appended.
            self.torn = true;
            let _ = self.take_back(disk);
            return Err(error);
        }
        self.len += self.buffer.len() as u64;
        self.rows += batch.len() as u64;
        self.sequences = Some((self.sequences.map_or(sequence, |(first, _)| first), sequence));
        self.unsynced = true;
        Ok(())
    }

    /// Cuts off what a failed append may have left, so that what follows can be read.
    fn take_back(&mut self, disk: &Disk) -> Result<(), Error> {
        if self.torn {
            disk.cut(&self.path, self.len)?;
            self.torn = false;
        }
        Ok(())
    }

    /// Makes everything appended durable.
    pub(crate) fn sync(&mut self, disk: &Disk) -> Result<(), Error> {
        if self.unsynced {
            disk.sync(&self.file, &self.path)?;
            self.unsynced = false;
        }
        Ok(())
    }
}

/// The journal files of a store, by number.
pub(crate) fn files(root: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let folder = root.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(&folder, "list", error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::doing(&folder, "list"))?.path();
        let number = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse().ok());
        if let Some(number) = number
            && path.extension().is_some_and(|e| e == "wal")
        {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}
