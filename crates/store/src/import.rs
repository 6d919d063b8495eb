//! Imports: rows that come into the store all together or not at all, and once.

use crate::Error;
use crate::error::What;
use crate::journal::{Frame, Maker};
use crate::manifest::{self, Files, Line, MemoryFile};
use crate::memory;
use crate::seal::{self, Done, Sealer, Source, Task};
use crate::snapshot::Imported;
use crate::unit::{Late, Place, Unit};
use crate::writer::{SEAL_BYTES, Writer, check};
use weir_flow::memory::Memory;
use weir_flow::{Batch, Rescale};

/// An import under way. Its rows go into files as they come, which no manifest names; [`Import::commit`] names
/// them all at once. Dropped without that, it leaves nothing.
#[derive(Debug)]
pub struct Import<'a> {
    writer: &'a mut Writer,
    label: String,
    again: bool,
    worker: Sealer,
    /// Rows that are not yet being written.
    frames: Vec<Frame>,
    rows: u64,
    /// Their bytes.
    bytes: usize,
    /// Rows and what is beside them come in this order.
    sequence: u64,
    /// What sessions remember, once the import has changed it.
    memory: Option<Memory>,
    refused: u64,
    /// Sampling intervals that came late, and the task they came in.
    rescales: Vec<(u64, Rescale)>,
    /// How many tasks were begun, and how many of them have come back.
    begun: u64,
    fetched: u64,
    files: Files,
    committed: bool,
    maker: Maker,
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
            worker: seal::start(&writer.disk)?,
            label: label.to_owned(),
            again,
            frames: Vec::new(),
            rows: 0,
            bytes: 0,
            sequence: 0,
            memory: None,
            refused: 0,
            rescales: Vec::new(),
            begun: 0,
            fetched: 0,
            files: Files::default(),
            committed: false,
            maker: Maker::of_import(),
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
        let bad = |how: String| Error::new(self.writer.disk.root(), What::Batch(how));
        let frame = self.maker.frame(self.sequence + 1, batch).map_err(bad)?;
        self.sequence += 1;
        self.rows += batch.len() as u64;
        self.bytes += frame.bytes();
        self.frames.push(frame);
        if !batch.memory.is_empty() {
            let memory = self.memory.get_or_insert_with(|| self.writer.memory.clone());
            self.refused += memory::apply(memory, &batch.memory);
        }
        self.rescales.extend(batch.rescales.iter().map(|rescale| (self.begun, *rescale)));
        while self.fetched < self.begun
            && let Some(done) = self.worker.poll()
        {
            self.fetch(done)?;
        }
        let is_full = self.rows >= self.writer.options.seal_rows || self.bytes >= SEAL_BYTES;
        if is_full { self.begin_task() } else { Ok(()) }
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
        // The import names the last frame before it: one that is lost would give its number to another.
        self.writer.sync()?;
        if self.writer.synced() < self.writer.last_sequence() {
            // After a flush that failed, only what is sealed is durable.
            self.writer.seal(now_ms)?;
        }
        let memory = self.write_memory()?;
        let import = manifest::Import {
            label: self.label.clone(),
            digest: hex(digest),
            size,
            at: now_ms,
            after: self.writer.last_sequence(),
            files: self.files.clone(),
            rescales: self.late(),
            memory: memory.clone(),
        };
        let old = self.writer.log.manifest.memory.clone().filter(|_| memory.is_some());
        self.writer.log.append(&self.writer.disk, Line::Import(import))?;
        self.committed = true;
        if let Some(memory) = self.memory.take() {
            self.writer.memory = memory;
            self.writer.memory_refused += self.refused;
        }
        self.writer.forget_file(old);
        Ok(())
    }

    /// All that is remembered from here on, the journal's changes among it.
    fn write_memory(&mut self) -> Result<Option<MemoryFile>, Error> {
        let Some(memory) = self.memory.as_ref().filter(|memory| **memory != self.writer.memory) else {
            return Ok(None);
        };
        let name = format!("{}/i{}.bin", memory::FOLDER, self.writer.log.manifest.lines);
        memory::write(&self.writer.disk, &name, memory, self.writer.last_sequence()).map(Some)
    }

    /// The sampling intervals that may be for rows of earlier tasks and earlier units, or of frames that are not
    /// sealed yet. (Rows of their own task were scaled when it was written.)
    fn late(&self) -> Vec<Late> {
        let manifest = &self.writer.log.manifest;
        let sequence = self.writer.last_sequence();
        let import = manifest.imports.len() as u64 + 1;
        let own = Unit::of_import(sequence, import, &self.files);
        let late = self.rescales.iter().map(|(task, rescale)| Late {
            place: Place { sequence, import, task: *task },
            rescale: *rescale,
        });
        let is_open = sequence > manifest.sealed;
        late.filter(|late| is_open || manifest.units.iter().chain(&own).any(|unit| late.is_for(unit)))
            .collect()
    }

    /// Hands what was gathered to the thread.
    fn begin_task(&mut self) -> Result<(), Error> {
        // The number of the manifest's next line is never used twice by imports that are committed; what one that
        // is not committed leaves is removed before there is another.
        let prefix = format!("i{}-{}", self.writer.log.manifest.lines, self.begun);
        let frames = std::mem::take(&mut self.frames);
        self.rows = 0;
        self.bytes = 0;
        // The thread holds one task while another waits; a third waits here, so memory is bounded.
        while self.begun - self.fetched > 1 {
            let done = self.worker.wait();
            self.fetch(done)?;
        }
        self.worker.begin(Task { source: Source::Frames(frames), prefix, late: Vec::new() })?;
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
