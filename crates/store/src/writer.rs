//! The one writer of a store.
//!
//! A batch that [`Writer::append`] has taken is seen by readers; `group_ms` later a thread begins to flush it, and
//! when that is done it survives a power failure. When the journal's file is large or old enough, it is put in a
//! queue for another thread, which seals it into files; the writer goes on in a new file, and commits the seal, by
//! one line of the manifest, in the next `append` or `tick` after the thread is done. The journal's file is removed
//! after that.
//!
//! A disk that takes nothing stops none of this: see [`Writer::take`].

mod status;

use crate::budget::Budget;
use crate::compact::Compaction;
use crate::disk::Disk;
use crate::error::What;
use crate::flush::{Flush, Flushed, Flusher};
use crate::heir::Heir;
use crate::hold::{Hold, Outage, Taken};
use crate::import::Import;
use crate::journal::{Journal, Maker};
use crate::lock::Lock;
use crate::log::Log;
use crate::queue::{Job, State};
use crate::recovery::{self, Recovery};
use crate::retention::Retired;
use crate::seal::{self, Sealer};
use crate::segment::is_complete;
use crate::settle::Round;
use crate::snapshot::Imported;
use crate::unit::Unit;
use crate::{Damage, Error, memory};
use std::collections::VecDeque;
use std::path::Path;
use weir_flow::Batch;
use weir_flow::batch::ALWAYS;
use weir_flow::memory::Memory;
use weir_flow::schema::COLUMNS;

pub use status::{Files, Status};

/// When a writer flushes and seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A flush is begun when the oldest batch that none was begun for was appended so many ms before; until it is done,
    /// a power failure takes the batch.
    pub group_ms: i64,
    /// The journal is sealed when it has so many rows,
    pub seal_rows: u64,
    /// or when its oldest batch is so many ms old.
    pub seal_ms: i64,
    /// So many bytes of journal may wait to be sealed before [`Writer::append`] waits for that.
    pub backlog_bytes: u64,
    /// Frames that are journaled and not yet sealed are kept in memory up to so many bytes in all; beyond, those of a
    /// file are let go of together, and read back when they are sealed.
    pub held_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            group_ms: 200,
            seal_rows: 1 << 20,
            seal_ms: 600_000,
            backlog_bytes: BACKLOG_BYTES,
            held_bytes: HELD_BYTES,
        }
    }
}

const HELD_BYTES: usize = if cfg!(test) { 4096 } else { 192 << 20 };
/// More than a minute at 600,000 flows a second.
const BACKLOG_BYTES: u64 = 4 << 30;

/// The journal is sealed when it has so many bytes, however few rows: sealing reads all of them into memory.
pub(crate) const SEAL_BYTES: usize = 256 << 20;

/// Files that were written anew stay so many ms for readers that have them open or are about to.
pub(crate) const GRACE_MS: i64 = 60_000;

/// A seal that failed (a full disk, mostly) is tried again after so many ms;
pub(crate) const RETRY_MS: i64 = 10_000;

/// and an append of [`Writer::take`] after so many.
const RETRY_APPEND_MS: i64 = 1_000;

/// The writer of a store: there is one at a time.
#[derive(Debug)]
pub struct Writer {
    pub(crate) disk: Disk,
    pub(crate) options: Options,
    pub(crate) log: Log,
    /// The journal's file that takes batches, once there is one.
    pub(crate) journal: Option<Journal>,
    maker: Maker,
    /// The number of the journal's last file.
    number: u64,
    last_sequence: u64,
    synced: u64,
    flusher: Flusher,
    /// After a flush that failed: frames up to this one are not known to be durable until they are sealed.
    doubt: Option<u64>,
    /// How far flushes went that came after.
    flushed: u64,
    /// What is held while the disk takes nothing.
    hold: Option<Hold>,
    /// How often `append` had to wait for seals.
    pub(crate) stalls: u64,
    /// When the oldest batch that is not being made durable was appended.
    unsynced_since: i64,
    /// When the oldest batch of the journal's file was appended.
    unsealed_since: i64,
    pub(crate) jobs: VecDeque<Job>,
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
    pub(crate) compaction: Compaction,
    pub(crate) budget: Budget,
    /// Roll-ups that are kept longer than their segments.
    pub(crate) heirs: Vec<Heir>,
    /// When the budget was looked at, and how many lines the manifest had then.
    pub(crate) looked: Option<(i64, u64)>,
    pub(crate) over_budget: Option<(u64, u64)>,
    pub(crate) retired: Retired,
    /// The journal's file is sealed when it has so many bytes.
    pub(crate) seal_bytes: u64,
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
        disk.settle_names()?;
        let log = Log::open(&disk)?;
        let mut recovery = recovery::remove_orphans(&disk, &log.manifest)?;
        let journaled = recovery::read_journal(&disk, &log.manifest, &mut recovery)?;
        let mut flusher = Flusher::start(&disk)?;
        let mut jobs = VecDeque::new();
        for left in journaled.leftovers {
            // What a process left that was killed may be in the kernel's memory only.
            flusher.begin(left.flush()?)?;
            jobs.push_back(Job::of(left));
        }
        let mut writer = Self {
            worker: seal::start(&disk)?,
            journal: None,
            maker: Maker::holding(options.held_bytes),
            number: journaled.number,
            last_sequence: journaled.last,
            synced: log.manifest.sealed,
            flusher,
            doubt: None,
            flushed: 0,
            hold: None,
            stalls: 0,
            unsynced_since: 0,
            unsealed_since: 0,
            jobs,
            trouble: None,
            damage: Vec::new(),
            memory: journaled.memory,
            memory_refused: journaled.refused,
            round: None,
            doomed: VecDeque::new(),
            rewriting: None,
            compaction: Compaction::default(),
            budget: Budget::default(),
            heirs: Vec::new(),
            looked: None,
            over_budget: None,
            retired: Retired::default(),
            seal_bytes: SEAL_BYTES as u64,
            options,
            log,
            disk,
            _lock: lock,
        };
        if let Some(file) = &journaled.lost_memory {
            writer.put_memory_aside(file)?;
        }
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
        self.wait_for_room(now_ms);
        let sequence = self.last_sequence + 1;
        let journal = match &mut self.journal {
            Some(journal) => journal,
            none => none.insert(Journal::create(&self.disk, self.number + 1)?),
        };
        let first = journal.sequences.is_none();
        let synced = !journal.unsynced || first;
        if first {
            self.number += 1;
        }
        journal.append(&self.disk, &mut self.maker, sequence, batch)?;
        self.last_sequence = sequence;
        self.memory_refused += memory::apply(&mut self.memory, &batch.memory);
        if first {
            self.unsealed_since = now_ms;
        }
        if synced {
            self.unsynced_since = now_ms;
        }
        if self.is_full() {
            self.rotate(now_ms);
        }
        Ok(sequence)
    }

    /// Whether the journal's file is to be sealed for its size.
    fn is_full(&self) -> bool {
        let is_full = |j: &Journal| j.rows >= self.options.seal_rows || j.bytes() >= self.seal_bytes;
        self.journal.as_ref().is_some_and(is_full)
    }

    /// To be called often: makes appended batches durable when their group is due, begins seals that are due and
    /// commits those that are finished.
    ///
    /// # Errors
    /// The disk refuses. Nothing is lost by that: what could not be done is tried again by a later `tick`.
    pub fn tick(&mut self, now_ms: i64) -> Result<(), Error> {
        self.advance(now_ms);
        self.release(now_ms);
        while let Some(flushed) = self.flusher.poll()? {
            self.finish_flush(flushed, now_ms);
        }
        let is_unsynced = self.journal.as_ref().is_some_and(|journal| journal.unsynced);
        let due = is_due(self.unsynced_since, self.options.group_ms, now_ms);
        // One flush takes all that came while the one before was under way.
        if is_unsynced && due && self.flusher.is_idle() {
            let flush = self.journal.as_mut().and_then(Journal::flush);
            self.begin_flush(flush);
        }
        if self.journal.is_some() && is_due(self.unsealed_since, self.options.seal_ms, now_ms) {
            self.rotate(now_ms);
        }
        self.bury(now_ms);
        self.tidy(now_ms);
        self.trouble.take().map_or(Ok(()), Err)
    }

    /// What there is time for when nothing waits to be sealed.
    fn tidy(&mut self, now_ms: i64) {
        let done = self.keep_budget(now_ms).and_then(|()| self.begin_merge(now_ms));
        if let Err(error) = done {
            self.trouble = Some(error);
        }
        if self.log.is_long()
            && let Err(error) = self.log.checkpoint(&self.disk)
        {
            self.trouble = Some(error);
        }
    }

    /// Makes everything appended durable, and waits for that.
    ///
    /// # Errors
    /// The disk refuses. What was appended is not lost by that: it is sealed into other files.
    pub fn sync(&mut self) -> Result<(), Error> {
        let flush = self.journal.as_mut().and_then(Journal::flush);
        self.begin_flush(flush);
        let before = self.trouble.take();
        while let Some(flushed) = self.flusher.wait()? {
            self.finish_flush(flushed, i64::MIN);
        }
        let failed = self.trouble.take();
        self.trouble = before;
        failed.map_or(Ok(()), Err)
    }

    pub(crate) fn begin_flush(&mut self, flush: Option<Flush>) {
        if let Some(flush) = flush
            && let Err(error) = self.flusher.begin(flush)
        {
            self.trouble = Some(error);
        }
    }

    /// Takes in what became of a flush.
    fn finish_flush(&mut self, flushed: Flushed, now_ms: i64) {
        let Flushed { path, to, result } = flushed;
        let Err(error) = result else {
            if self.doubt.is_some() {
                self.flushed = self.flushed.max(to);
            } else {
                self.synced = self.synced.max(to);
            }
            return;
        };
        // A file that is sealed and gone has nothing that could be lost.
        let own =
            self.journal.as_ref().filter(|journal| journal.path() == path).and(Some(self.last_sequence));
        let doubtful = own.or_else(|| self.jobs.iter().find(|job| job.path == path).map(|job| job.to));
        self.doubt = self.doubt.max(doubtful);
        if own.is_some() {
            self.rotate(now_ms);
        }
        self.trouble = Some(error);
    }

    /// What is sealed is durable, whatever became of the journal.
    pub(crate) fn settle_doubt(&mut self) {
        let sealed = self.sealed();
        self.synced = self.synced.max(sealed);
        if self.doubt.is_some_and(|to| sealed >= to) {
            self.doubt = None;
            self.synced = self.synced.max(self.flushed);
        }
    }

    /// As [`Writer::append`], for those who must go on whatever the disk says: if it refuses, the rows are discarded
    /// and counted, and the rest of the batch is held, within limits. `take` and [`Writer::tick`] try the disk
    /// again after a second, and journal what was held.
    ///
    /// # Errors
    /// The batch lacks a column that every row must have.
    pub fn take(&mut self, batch: &Batch, now_ms: i64) -> Result<Taken, Error> {
        self.release(now_ms);
        if self.hold.is_none() {
            match self.append(batch, now_ms) {
                Ok(sequence) => return Ok(Taken::Stored(sequence)),
                Err(error @ Error { what: What::Batch(_), .. }) => return Err(error),
                Err(error) => self.begin_hold(&error, now_ms),
            }
        }
        if let Some(hold) = &mut self.hold {
            self.memory_refused += memory::apply(&mut self.memory, &batch.memory);
            hold.take(batch, now_ms);
        }
        Ok(Taken::Held)
    }

    /// Why nothing is stored at the moment; `None` while all is well.
    #[must_use]
    pub fn outage(&self) -> Option<&Outage> {
        self.hold.as_ref().map(|hold| &hold.outage)
    }

    fn begin_hold(&mut self, error: &Error, now_ms: i64) {
        self.hold = Some(Hold::new(error, now_ms));
        if !error.is_full() {
            // Whatever is wrong with this file may not be wrong with another.
            self.rotate(now_ms);
            self.number += u64::from(self.journal.take().is_some());
        }
    }

    /// Journals what is held, if it is time to try that.
    fn release(&mut self, now_ms: i64) {
        let due = |hold: &mut Hold| is_due(hold.tried_ms, RETRY_APPEND_MS, now_ms);
        let Some(mut hold) = self.hold.take_if(due) else { return };
        let refused = self.memory_refused;
        if let Err(error) = self.append(&hold.batch(&self.memory), now_ms) {
            hold.outage.error = error.to_string();
            hold.tried_ms = now_ms;
            self.hold = Some(hold);
        }
        // These changes were taken in when they came.
        self.memory_refused = refused;
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

    /// How often an append had to wait because too much journal waited to be sealed.
    #[must_use]
    pub fn stalls(&self) -> u64 {
        self.stalls
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
        self.trouble = None;
        self.rotate(now_ms);
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
        match self.journal.take() {
            Some(journal) => self.disk.remove(journal.path()),
            None => Ok(()),
        }
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
}

/// Whether something is due that is due `after_ms` after `since`. A clock that was set back makes it due.
pub(crate) fn is_due(since: i64, after_ms: i64, now_ms: i64) -> bool {
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
