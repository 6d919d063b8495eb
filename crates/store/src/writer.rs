//! The one writer of a store.
//!
//! A batch that [`Writer::append`] has taken is seen by readers; it survives a power failure at the latest
//! `group_ms` later. When the journal's file is large or old enough, it is handed to a background thread, which
//! seals it into files; the writer goes on in a new file, and commits the seal, by one line of the manifest, in
//! the next `append` or `tick` after the thread is done. The journal's file is removed after that.

use crate::disk::Disk;
use crate::error::What;
use crate::import::Import;
use crate::journal::{Frame, Journal, Maker};
use crate::lock::Lock;
use crate::manifest::{Line, Log, MemoryFile, Seal};
use crate::recovery::{self, Recovery};
use crate::seal::{self, Done, Sealer, Source, Task};
use crate::segment::is_complete;
use crate::settle::Round;
use crate::snapshot::Imported;
use crate::unit::Unit;
use crate::{Damage, Error, memory};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use weir_flow::Batch;
use weir_flow::batch::ALWAYS;
use weir_flow::memory::Memory;
use weir_flow::schema::COLUMNS;

/// When a writer flushes and seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A batch is durable at most so many ms after it was appended.
    pub group_ms: i64,
    /// The journal is sealed when it has so many rows,
    pub seal_rows: u64,
    /// or when its oldest batch is so many ms old.
    pub seal_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self { group_ms: 200, seal_rows: 1 << 20, seal_ms: 600_000 }
    }
}

/// So many seals may be under way or waiting before `append` waits for one.
const OUTSTANDING_MAX: usize = 2;

/// The journal is sealed when it has so many bytes, however few rows: sealing reads all of them into memory.
pub(crate) const SEAL_BYTES: usize = 256 << 20;

/// Files that were written anew stay so many ms for readers that have them open or are about to.
const GRACE_MS: i64 = 60_000;

/// A seal that failed (a full disk, mostly) is tried again after so many ms.
pub(crate) const RETRY_MS: i64 = 10_000;

/// A journal file that takes no more, on its way to be sealed.
#[derive(Debug)]
struct Job {
    path: PathBuf,
    from: u64,
    to: u64,
    damaged: bool,
    /// All its frames, if they are in memory.
    frames: Option<Vec<Frame>>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// To be begun, not before this time.
    Waiting { not_before: i64 },
    /// In the background thread.
    Running,
    /// Its files are written; the manifest's line is not.
    Written(Done, i64),
}

/// The writer of a store: there is one at a time.
#[derive(Debug)]
pub struct Writer {
    pub(crate) disk: Disk,
    pub(crate) options: Options,
    pub(crate) log: Log,
    journal: Journal,
    maker: Maker,
    /// The number of the journal's file.
    number: u64,
    last_sequence: u64,
    synced: u64,
    /// When the oldest batch that is not durable was appended.
    unsynced_since: i64,
    /// When the oldest batch of the journal's file was appended.
    unsealed_since: i64,
    jobs: VecDeque<Job>,
    pub(crate) worker: Sealer,
    /// A failure in the background that no `tick` has told yet.
    pub(crate) trouble: Option<Error>,
    pub(crate) damage: Vec<Damage>,
    /// What sessions remember after everything appended.
    pub(crate) memory: Memory,
    pub(crate) memory_refused: u64,
    /// How far late sampling intervals have been brought.
    pub(crate) round: Option<Round>,
    /// Files that others have taken the place of, and since when.
    pub(crate) doomed: VecDeque<(i64, String)>,
    /// The unit that the background thread writes anew.
    pub(crate) rewriting: Option<Unit>,
    // Released last.
    _lock: Lock,
}

impl Writer {
    /// Opens the store in this folder for writing, or begins one, and puts right what a crash left.
    ///
    /// # Errors
    /// Another writer has it ([`What::Locked`]), its manifest is damaged, or the disk refuses.
    pub fn open(path: &Path, options: Options) -> Result<(Self, Recovery), Error> {
        Self::open_on(Disk::new(path), options)
    }

    /// The same, on a disk that may have a fate ([`crate::Fate`]).
    ///
    /// # Errors
    /// As [`Writer::open`].
    pub fn open_on(disk: Disk, options: Options) -> Result<(Self, Recovery), Error> {
        disk.create_folder(disk.root())?;
        let lock = Lock::take(disk.root())?;
        let log = Log::open(&disk)?;
        let mut recovery =
            Recovery { orphans: recovery::remove_orphans(&disk, &log.manifest)?, ..Recovery::default() };
        let journaled = recovery::read_journal(&disk, &log.manifest, &mut recovery)?;
        let number = journaled.number + 1;
        let journal = Journal::create(&disk, number)?;
        let jobs = journaled.leftovers.into_iter().map(|l| Job {
            path: l.path,
            from: l.from,
            to: l.to,
            damaged: l.damaged,
            frames: None,
            state: State::Waiting { not_before: i64::MIN },
        });
        let mut writer = Self {
            worker: seal::start(&disk)?,
            journal,
            maker: Maker::new(),
            number,
            last_sequence: journaled.last,
            synced: journaled.last,
            unsynced_since: 0,
            unsealed_since: 0,
            jobs: jobs.collect(),
            trouble: None,
            damage: Vec::new(),
            memory: journaled.memory,
            memory_refused: journaled.refused,
            round: None,
            doomed: VecDeque::new(),
            rewriting: None,
            options,
            log,
            disk,
            _lock: lock,
        };
        writer.begin_next(i64::MIN)?;
        Ok((writer, recovery))
    }

    /// Takes a sealed batch; returns its sequence (of an empty one, that of the batch before). `now_ms` is the
    /// time. Readers see it at once.
    ///
    /// # Errors
    /// The batch lacks a column that every row must have, or the disk refuses (when it is full, say): then
    /// nothing of the batch was taken, and it can be appended again later.
    pub fn append(&mut self, batch: &Batch, now_ms: i64) -> Result<u64, Error> {
        check(&self.disk, batch)?;
        self.advance(now_ms);
        if batch.is_void() {
            return Ok(self.last_sequence);
        }
        if self.is_full() {
            // Only if a rotation failed before, or seals are behind.
            while self.jobs.len() >= OUTSTANDING_MAX && self.is_running() {
                let done = self.worker.wait();
                self.finish(done, now_ms);
                self.advance(now_ms);
            }
            self.rotate(now_ms);
        }
        let sequence = self.last_sequence + 1;
        let first = self.journal.sequences.is_none();
        let synced = !self.journal.unsynced || first;
        self.journal.append(&self.disk, &mut self.maker, sequence, batch)?;
        self.last_sequence = sequence;
        self.memory_refused += memory::apply(&mut self.memory, &batch.memory);
        if first {
            self.unsealed_since = now_ms;
        }
        if synced {
            self.unsynced_since = now_ms;
        }
        if self.is_full() && self.jobs.len() < OUTSTANDING_MAX {
            self.rotate(now_ms);
        }
        Ok(sequence)
    }

    /// Whether the journal's file is to be sealed for its size.
    fn is_full(&self) -> bool {
        self.journal.rows >= self.options.seal_rows || self.journal.bytes() >= SEAL_BYTES as u64
    }

    /// To be called often: makes appended batches durable when their group is due, begins seals that are due and
    /// commits those that are finished.
    ///
    /// # Errors
    /// The disk refuses. Nothing is lost by that: what could not be done is tried again by a later `tick`.
    pub fn tick(&mut self, now_ms: i64) -> Result<(), Error> {
        self.advance(now_ms);
        if self.journal.unsynced && is_due(self.unsynced_since, self.options.group_ms, now_ms) {
            self.sync()?;
        }
        let due = is_due(self.unsealed_since, self.options.seal_ms, now_ms) || self.is_full();
        if self.journal.sequences.is_some() && due && self.jobs.len() < OUTSTANDING_MAX {
            self.rotate(now_ms);
        }
        self.bury(now_ms);
        self.trouble.take().map_or(Ok(()), Err)
    }

    /// Makes everything appended durable now.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.journal.sync(&self.disk)?;
        self.synced = self.last_sequence;
        Ok(())
    }

    /// The last sequence that survives a power failure.
    #[must_use]
    pub fn synced(&self) -> u64 {
        self.synced
    }

    /// The last sequence that is in segments.
    #[must_use]
    pub fn sealed(&self) -> u64 {
        self.log.manifest.sealed
    }

    /// The last sequence in use.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// What sessions remember: after opening, all that the writer before was told.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// How many `Put`s were refused since the store was opened, because 256 MiB are remembered already. Their keys
    /// are forgotten.
    #[must_use]
    pub fn memory_refused(&self) -> u64 {
        self.memory_refused
    }

    /// Parts of the journal, or segments to be written anew, that were found damaged; each is told once.
    pub fn take_damage(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.damage)
    }

    /// Seals everything appended so far and waits until it is committed.
    ///
    /// # Errors
    /// The disk refuses. What is journaled stays so.
    pub fn seal(&mut self, now_ms: i64) -> Result<(), Error> {
        self.sync()?;
        self.trouble = None;
        if self.journal.sequences.is_some() {
            self.rotate(now_ms);
        }
        if let Some(error) = self.trouble.take() {
            return Err(error);
        }
        for job in &mut self.jobs {
            if let State::Waiting { not_before } | State::Written(_, not_before) = &mut job.state {
                *not_before = i64::MIN;
            }
        }
        while !self.jobs.is_empty() {
            self.commit(now_ms);
            self.begin_next(now_ms)?;
            if self.is_running() {
                let done = self.worker.wait();
                self.finish(done, now_ms);
            }
            if let Some(error) = self.trouble.take() {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Seals everything and lets go of the store.
    ///
    /// # Errors
    /// As [`Writer::seal`]; the next writer then seals what the journal holds.
    pub fn close(mut self, now_ms: i64) -> Result<(), Error> {
        self.seal(now_ms)?;
        self.bury(i64::MAX);
        self.disk.remove(self.journal.path())
    }

    /// Begins an import: rows that are to be in the store all together or not at all. `label` says to people what
    /// is imported. With `again`, something that was imported before may be imported once more.
    ///
    /// # Errors
    /// The background thread cannot be started.
    pub fn import(&mut self, label: &str, again: bool) -> Result<Import<'_>, Error> {
        Import::begin(self, label, again)
    }

    /// The import of this digest, if it was committed.
    #[must_use]
    pub fn is_imported(&self, digest: &[u8; 32]) -> Option<Imported> {
        let digest = crate::import::hex(digest);
        self.log.manifest.imports.iter().rev().find(|i| i.digest == digest).map(Imported::new)
    }

    /// The sizes of everything imported: what has another size need not be digested to know that it is new.
    #[must_use]
    pub fn imported_sizes(&self) -> Vec<u64> {
        self.log.manifest.imports.iter().map(|i| i.size).collect()
    }

    /// Takes in what the background thread has finished, and gives it the next.
    fn advance(&mut self, now_ms: i64) {
        while self.is_running()
            && let Some(done) = self.worker.poll()
        {
            self.finish(done, now_ms);
        }
        self.commit(now_ms);
        if let Err(error) = self.begin_next(now_ms) {
            self.trouble = Some(error);
        }
    }

    /// Whether the thread has something to do.
    pub(crate) fn is_running(&self) -> bool {
        let first = self.jobs.front();
        self.rewriting.is_some() || first.is_some_and(|job| matches!(job.state, State::Running))
    }

    /// Hands the first job to the thread, if it is idle; if no job can be begun, a unit to be written anew.
    pub(crate) fn begin_next(&mut self, now_ms: i64) -> Result<(), Error> {
        if self.is_running() {
            return Ok(());
        }
        let ready =
            |job: &&mut Job| matches!(job.state, State::Waiting { not_before } if not_before <= now_ms);
        let Some(job) = self.jobs.front_mut().filter(ready) else { return self.begin_rewrite(now_ms) };
        let memory = self.log.manifest.memory.clone();
        let (from, to, frames) = (job.from, job.to, job.frames.take());
        let source = Source::Journal { files: vec![job.path.clone()], frames, from, to, memory };
        job.state = State::Running;
        let late = self.log.manifest.pending.clone();
        self.worker.begin(Task { source, prefix: job.to.to_string(), late })
    }

    /// Takes a result of the thread.
    pub(crate) fn finish(&mut self, done: Result<Done, Error>, now_ms: i64) {
        if let Some(unit) = self.rewriting.take() {
            return self.finish_rewrite(&unit, done, now_ms);
        }
        let Some(job) = self.jobs.front_mut() else { return };
        match done {
            Ok(mut done) => {
                job.damaged |= !done.damage.is_empty();
                self.damage.append(&mut done.damage);
                job.state = State::Written(done, now_ms);
                self.commit(now_ms);
            }
            Err(error) => {
                job.state = State::Waiting { not_before: now_ms.saturating_add(RETRY_MS) };
                self.trouble = Some(error);
            }
        }
    }

    /// Commits the first job, if its files are written, and removes its journal file.
    fn commit(&mut self, now_ms: i64) {
        let Some(job) = self.jobs.front_mut() else { return };
        let State::Written(done, not_before) = &mut job.state else { return };
        if *not_before > now_ms {
            return;
        }
        // An import may have written all that is remembered since the seal was begun.
        let named = self.log.manifest.memory.clone();
        let is_newer = |file: &MemoryFile| named.as_ref().is_none_or(|named| named.sequence < file.sequence);
        let (memory, stale) = match done.memory.clone() {
            Some(file) if is_newer(&file) => (Some(file), named),
            other => (None, other),
        };
        let units = &self.log.manifest.units;
        let rescales =
            done.rescales.iter().copied().filter(|late| units.iter().any(|unit| late.is_for(unit))).collect();
        let files = done.files.clone();
        let seal = Seal { from: job.from, to: job.to, at: now_ms, files, memory, rescales };
        if let Err(error) = self.log.append(&self.disk, Line::Seal(seal)) {
            *not_before = now_ms.saturating_add(RETRY_MS);
            self.trouble = Some(error);
            return;
        }
        self.forget_file(stale);
        if let Some(job) = self.jobs.pop_front()
            && let Err(error) = recovery::discard(&self.disk, &job.path, job.damaged)
        {
            // The next writer removes it: its frames are known to be sealed.
            self.trouble = Some(error);
        }
    }

    /// Removes a file of what was remembered that another one has taken the place of.
    pub(crate) fn forget_file(&mut self, file: Option<MemoryFile>) {
        // What cannot be removed, or may be being read, the next writer removes: no line names it.
        if let Some(file) = file.filter(|_| !self.is_running())
            && let Err(error) = self.disk.remove(&self.disk.path(&file.name))
        {
            self.trouble = Some(error);
        }
    }

    /// Removes files that others have taken the place of, after readers had time to finish with them.
    fn bury(&mut self, now_ms: i64) {
        while let Some((_, name)) = self.doomed.front().filter(|(since, _)| is_due(*since, GRACE_MS, now_ms))
        {
            if let Err(error) = self.disk.remove(&self.disk.path(name)) {
                self.trouble = Some(error);
            }
            self.doomed.pop_front();
        }
    }

    /// Begins a new file of the journal and puts the full one in the queue.
    fn rotate(&mut self, now_ms: i64) {
        let Some((from, to)) = self.journal.sequences else { return };
        let new = self.sync().and_then(|()| Journal::create(&self.disk, self.number + 1));
        match new {
            Ok(journal) => {
                let mut full = std::mem::replace(&mut self.journal, journal);
                self.number += 1;
                let path = full.path().to_path_buf();
                let state = State::Waiting { not_before: i64::MIN };
                let frames = full.take_frames();
                self.jobs.push_back(Job { path, from, to, damaged: false, frames, state });
                if let Err(error) = self.begin_next(now_ms) {
                    self.trouble = Some(error);
                }
            }
            // The full one takes more until there is room for a new one.
            Err(error) => self.trouble = Some(error),
        }
    }
}

/// Whether something is due that is due `after_ms` after `since`. A clock that was set back makes it due.
fn is_due(since: i64, after_ms: i64, now_ms: i64) -> bool {
    now_ms < since || now_ms.saturating_sub(since) >= after_ms
}

/// Every stored row has the columns of [`ALWAYS`].
pub(crate) fn check(disk: &Disk, batch: &Batch) -> Result<(), Error> {
    let Some((row, mask)) = batch.present().iter().enumerate().find(|(_, mask)| !is_complete(**mask)) else {
        return Ok(());
    };
    let missing: Vec<_> =
        COLUMNS.iter().filter(|d| ALWAYS & !mask & d.column.bit() != 0).map(|d| d.name).collect();
    Err(Error::new(disk.root(), What::Batch(format!("row {row} has no {}", missing.join(", no ")))))
}
