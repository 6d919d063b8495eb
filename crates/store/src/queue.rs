//! From the journal to files: what is full waits in a queue, on the disk, until the background thread has sealed it.
//!
//! The writer never waits for that, unless more journal waits than [`Options::backlog_bytes`](crate::Options): a
//! seal that is slower than what arrives must end somewhere, and then `append` waits, which is counted.

use crate::journal::Frame;
use crate::manifest::{Line, MemoryFile, Seal};
use crate::recovery::Leftover;
use crate::seal::{Done, Source, Task};
use crate::unit::Late;
use crate::writer::{GRACE_MS, RETRY_MS, Writer, is_due};
use crate::{Error, recovery};
use std::path::PathBuf;

/// A journal file that takes no more, on its way to be sealed.
#[derive(Debug)]
pub(crate) struct Job {
    pub path: PathBuf,
    pub from: u64,
    pub to: u64,
    /// Its length.
    pub bytes: u64,
    pub damaged: bool,
    /// All its frames, if they are in memory.
    pub frames: Option<Vec<Frame>>,
    pub state: State,
}

#[derive(Debug)]
pub(crate) enum State {
    /// To be begun, not before this time.
    Waiting { not_before: i64 },
    /// In the background thread.
    Running,
    /// Its files are written; the manifest's line is not.
    Written(Box<Done>, i64),
}

impl Job {
    /// Of a file that another writer left.
    pub(crate) fn of(left: Leftover) -> Self {
        let Leftover { path, from, to, bytes, damaged } = left;
        Self { path, from, to, bytes, damaged, frames: None, state: State::Waiting { not_before: i64::MIN } }
    }
}

impl Writer {
    /// Takes in what the background thread has finished, and gives it the next.
    pub(crate) fn advance(&mut self, now_ms: i64) {
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
        let is_busy = self.rewriting.is_some() || self.compaction.running.is_some();
        is_busy || first.is_some_and(|job| matches!(job.state, State::Running))
    }

    /// Hands the first job to the thread, if it is idle; if no job can be begun, a unit to be written anew.
    pub(crate) fn begin_next(&mut self, now_ms: i64) -> Result<(), Error> {
        if self.is_running() {
            return Ok(());
        }
        if self.has_many_small() {
            self.begin_merge(now_ms)?;
            if self.is_running() {
                return Ok(());
            }
        }
        let ready =
            |job: &&mut Job| matches!(job.state, State::Waiting { not_before } if not_before <= now_ms);
        let Some(job) = self.jobs.front_mut().filter(ready) else { return self.begin_rewrite(now_ms) };
        let memory = self.log.manifest.memory.clone();
        let (from, to, frames) = (job.from, job.to, job.frames.take());
        let source = Source::Journal { files: vec![job.path.clone()], frames, from, to, memory };
        job.state = State::Running;
        // Between these frames and an import that was committed since there may be frames that say otherwise, and what
        // they say comes first: the round of all units brings that import's, when those are sealed.
        let is_next = |late: &&Late| late.place.sequence <= to;
        let late = self.log.manifest.pending.iter().filter(is_next).copied().collect();
        self.worker.begin(Task { source, prefix: job.to.to_string(), late })
    }

    /// Takes a result of the thread.
    pub(crate) fn finish(&mut self, done: Result<Done, Error>, now_ms: i64) {
        if let Some(unit) = self.rewriting.take() {
            return self.finish_rewrite(&unit, done, now_ms);
        }
        if let Some(units) = self.compaction.running.take() {
            return self.finish_merge(&units, done, now_ms);
        }
        let Some(job) = self.jobs.front_mut() else { return };
        match done {
            Ok(mut done) => {
                job.damaged |= !done.damage.is_empty();
                self.damage.append(&mut done.damage);
                job.state = State::Written(Box::new(done), now_ms);
                self.commit(now_ms);
            }
            Err(error) => {
                job.state = State::Waiting { not_before: now_ms.saturating_add(RETRY_MS) };
                self.trouble = Some(error);
            }
        }
    }

    /// Commits the first job, if its files are written, and removes its journal file.
    pub(crate) fn commit(&mut self, now_ms: i64) {
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
        self.compaction.seals_since += 1;
        self.forget_file(stale);
        self.settle_doubt();
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
    pub(crate) fn bury(&mut self, now_ms: i64) {
        while let Some((_, name)) = self.doomed.front().filter(|(since, _)| is_due(*since, GRACE_MS, now_ms))
        {
            if let Err(error) = self.disk.remove(&self.disk.path(name)) {
                self.trouble = Some(error);
            }
            self.doomed.pop_front();
        }
    }

    /// Removes them at once: the room is needed. Who reads one has it open.
    pub(crate) fn bury_all(&mut self) {
        self.bury(i64::MAX);
    }

    /// Puts the journal's file in the queue; the next batch begins a new one.
    pub(crate) fn rotate(&mut self, now_ms: i64) {
        let Some(mut full) = self.journal.take() else { return };
        let Some((from, to)) = full.sequences else {
            self.journal = Some(full);
            return;
        };
        self.begin_flush(full.flush());
        let (path, bytes) = (full.path().to_path_buf(), full.bytes());
        let frames = full.take_frames();
        let state = State::Waiting { not_before: i64::MIN };
        self.jobs.push_back(Job { path, from, to, bytes, damaged: false, frames, state });
        if let Err(error) = self.begin_next(now_ms) {
            self.trouble = Some(error);
        }
    }

    /// Bytes of journal that wait to be sealed or are being sealed.
    pub(crate) fn backlog_bytes(&self) -> u64 {
        self.jobs.iter().map(|job| job.bytes).sum()
    }

    /// Waits while too much waits to be sealed, unless nothing is being sealed.
    pub(crate) fn wait_for_room(&mut self, now_ms: i64) {
        if self.backlog_bytes() < self.options.backlog_bytes || !self.is_running() {
            return;
        }
        self.stalls += 1;
        while self.backlog_bytes() >= self.options.backlog_bytes && self.is_running() {
            let done = self.worker.wait();
            self.finish(done, now_ms);
            self.advance(now_ms);
        }
    }
}
