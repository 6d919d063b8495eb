//! The manifest open for appending: held by the one writer.
//!
//! Appending one line is the commit of whatever it names. When most of the lines are history, the manifest is
//! written anew, with all that they say together in one line: opening a store must not take longer with its age.

use crate::Error;
use crate::disk::Disk;
use crate::error::What;
use crate::manifest::{Checkpoint, FORMAT, Line, Manifest, NAME, format_line};
use std::fs::File;
use std::path::PathBuf;

/// It is written anew when it has so many lines beyond two for each thing there is.
const HISTORY_LINES: u64 = if cfg!(test) { 16 } else { 1024 };

/// The manifest, and its file.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    /// What it says so far.
    pub manifest: Manifest,
    /// Whether a part of a line follows that, which could not be taken back yet.
    torn: bool,
    /// Whether there may be another file under its name than the one that is open.
    is_stale: bool,
    /// After a failure it is not written anew before it has so many lines.
    not_before: u64,
}

impl Log {
    /// Opens the manifest, or begins one; cuts off a torn last line.
    pub(crate) fn open(disk: &Disk) -> Result<Self, Error> {
        let path = disk.path(NAME);
        let manifest = match Manifest::read(disk.root()) {
            Ok(manifest) => manifest,
            Err(error) if matches!(error.what, What::Missing) => Manifest::default(),
            Err(error) => return Err(error),
        };
        let half = path.with_extension("tmp");
        if half.exists() {
            disk.remove(&half)?;
        }
        if manifest.torn > 0 {
            disk.cut(&path, manifest.len)?;
        }
        let file = disk.append_to(&path)?;
        let mut log = Self { path, file, manifest, torn: false, is_stale: false, not_before: 0 };
        log.manifest.torn = 0;
        // Its last line is the store from here on: who wrote it may have been killed before it was durable.
        disk.sync(&log.file, &log.path)?;
        if log.manifest.lines == 0 {
            log.append(disk, Line::WeirStore(FORMAT))?;
        } else if log.manifest.format < FORMAT || log.manifest.mended.is_some() {
            log.checkpoint(disk)?;
        }
        Ok(log)
    }

    /// Commits a line: when this returns, what it names is the store, through any crash.
    pub(crate) fn append(&mut self, disk: &Disk, line: Line) -> Result<(), Error> {
        let bytes = format_line(&line).map_err(|how| Error::new(&self.path, What::Batch(how)))?;
        self.reopen(disk)?;
        self.take_back(disk)?;
        let appended =
            disk.append(&self.file, &self.path, &bytes).and_then(|()| disk.sync(&self.file, &self.path));
        if let Err(error) = appended {
            // If this fails too, it is tried again before anything else is appended.
            self.torn = true;
            let _ = self.take_back(disk);
            return Err(error);
        }
        self.manifest.apply(&self.path, line)?;
        self.manifest.lines += 1;
        self.manifest.lines_here += 1;
        self.manifest.len += bytes.len() as u64;
        Ok(())
    }

    /// Whether most of its lines are history.
    pub(crate) fn is_long(&self) -> bool {
        let m = &self.manifest;
        let things = (m.units.len() + m.imports.len() + m.pending.len() + m.remains.len()) as u64;
        m.lines_here > 2 * things + HISTORY_LINES && m.lines >= self.not_before
    }

    /// Writes it anew, with what it says in one line.
    pub(crate) fn checkpoint(&mut self, disk: &Disk) -> Result<(), Error> {
        let lines = [Line::WeirStore(FORMAT), Line::Checkpoint(Box::new(Checkpoint::of(&self.manifest)))];
        let mut bytes = Vec::new();
        for line in &lines {
            bytes.extend(format_line(line).map_err(|how| Error::new(&self.path, What::Batch(how)))?);
        }
        self.not_before = self.manifest.lines + HISTORY_LINES;
        self.is_stale = true;
        let written = disk.create(NAME, |sink, path| {
            std::io::Write::write_all(sink, &bytes).map_err(Error::doing(path, "write"))
        });
        self.reopen(disk)?;
        written.map(drop)
    }

    /// Opens the file that is there now, whatever became of the attempt to write it anew.
    fn reopen(&mut self, disk: &Disk) -> Result<(), Error> {
        if self.is_stale {
            let now = Manifest::read(disk.root())?;
            self.file = disk.append_to(&self.path)?;
            self.manifest.len = now.len;
            self.manifest.lines_here = now.lines_here;
            self.manifest.format = now.format;
            self.torn |= now.torn > 0;
            self.is_stale = false;
        }
        Ok(())
    }

    /// Cuts off what a failed append may have left.
    fn take_back(&mut self, disk: &Disk) -> Result<(), Error> {
        if self.torn {
            disk.cut(&self.path, self.manifest.len)?;
            self.torn = false;
        }
        Ok(())
    }
}
