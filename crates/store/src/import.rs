//! Imports: rows that come into the store all together or not at all, and once.

use crate::Error;
use crate::error::What;
use crate::journal::Frame;
use crate::manifest::{self, Files, Line};
use crate::seal::{Done, Source, Task, Worker};
use crate::snapshot::Imported;
use crate::writer::{Writer, check};
use weir_flow::Batch;

/// An import under way. Its rows go into files as they come, which no manifest names; [`Import::commit`] names
/// them all at once. Dropped without that, it leaves nothing.
#[derive(Debug)]
pub struct Import<'a> {
    writer: &'a mut Writer,
    label: String,
    again: bool,
    worker: Worker,
    /// Rows that are not yet being written.
    frames: Vec<Frame>,
    rows: u64,
    /// How many tasks were begun, and how many of them have come back.
    begun: u64,
    fetched: u64,
    files: Files,
    committed: bool,
    buffer: Vec<u8>,
}

/// A digest in hexadecimal, as the manifest has it.
pub(crate) fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Imported {
    pub(crate) fn new(import: &manifest::Import) -> Self {
        Self { label: import.label.clone(), digest: import.digest.clone(), size: import.size, at: import.at }
    }
}

impl<'a> Import<'a> {
    pub(crate) fn begin(writer: &'a mut Writer, label: &str, again: bool) -> Result<Self, Error> {
        Ok(Self {
            worker: Worker::start(&writer.disk)?,
            label: label.to_owned(),
            again,
            frames: Vec::new(),
            rows: 0,
            begun: 0,
            fetched: 0,
            files: Files::default(),
            committed: false,
            buffer: Vec::new(),
            writer,
        })
    }

    /// Takes a sealed batch.
    ///
    /// # Errors
    /// The batch lacks a column that every row must have, or the disk refused to write earlier ones: then the
    /// import cannot be completed.
    pub fn append(&mut self, batch: &Batch) -> Result<(), Error> {
        check(&self.writer.disk, batch)?;
        self.buffer.clear();
        let bad = |how: String| Error::new(self.writer.disk.root(), What::Batch(how));
        crate::journal::encode(batch, &mut self.buffer).map_err(bad)?;
        let frame = Frame::own(&self.buffer).map_err(bad)?;
        self.frames.push(frame);
        self.rows += batch.len() as u64;
        while let Some(done) = self.worker.poll().filter(|_| self.fetched < self.begun) {
            self.fetch(done)?;
        }
        if self.rows >= self.writer.options.seal_rows { self.begin_task() } else { Ok(()) }
    }

    /// Makes everything appended part of the store, under the digest of what was imported, which had `size`
    /// bytes; `now_ms` is the time.
    ///
    /// # Errors
    /// It was imported before ([`What::Imported`]) and the import was not begun with `again`; or the disk
    /// refuses. Then nothing was imported.
    pub fn commit(mut self, digest: &[u8; 32], size: u64, now_ms: i64) -> Result<(), Error> {
        if !self.again
            && let Some(before) = self.writer.is_imported(digest)
        {
            let what = What::Imported { label: before.label, at: before.at };
            return Err(Error::new(self.writer.disk.root(), what));
        }
        if !self.frames.is_empty() {
            self.begin_task()?;
        }
        while self.fetched < self.begun {
            let done = self.worker.wait();
            self.fetch(done)?;
        }
        let import = manifest::Import {
            label: self.label.clone(),
            digest: hex(digest),
            size,
            at: now_ms,
            files: self.files.clone(),
        };
        self.writer.log.append(&self.writer.disk, Line::Import(import))?;
        self.committed = true;
        Ok(())
    }

    /// Hands what was gathered to the thread.
    fn begin_task(&mut self) -> Result<(), Error> {
        // The number of the manifest's next line is never used twice by imports that are committed; what one that
        // is not committed leaves is removed before there is another.
        let prefix = format!("i{}-{}", self.writer.log.manifest.lines, self.begun);
        let frames = std::mem::take(&mut self.frames);
        self.rows = 0;
        // The thread holds one task while another waits; a third waits here, so memory is bounded.
        while self.begun - self.fetched > 1 {
            let done = self.worker.wait();
            self.fetch(done)?;
        }
        self.worker.begin(Task { source: Source::Frames(frames), prefix })?;
        self.begun += 1;
        Ok(())
    }

    fn fetch(&mut self, done: Result<Done, Error>) -> Result<(), Error> {
        self.fetched += 1;
        self.files.extend(&done?.files);
        Ok(())
    }
}

impl Drop for Import<'_> {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        while self.fetched < self.begun {
            let done = self.worker.wait();
            // A task that failed has left nothing to remove.
            let _ = self.fetch(done);
        }
        for name in self.files.names() {
            // What cannot be removed is an orphan, which the next writer removes.
            let _ = self.writer.disk.remove(&self.writer.disk.path(name));
        }
    }
}
