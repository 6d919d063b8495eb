//! Where the daemon's threads leave what is known of them, and where those who ask find it.
//!
//! Nobody waits here for long: the one lock that the writer takes is held by others only while they copy.

use super::books::{Books, Invariant};
use super::process::Process;
use super::pulse::{Ear, Pulse};
use crate::clock;
use crate::config::Config;
use crate::quota::figure::Figures;
use crate::schedule::Tally;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weir_flow::{Addr, Batch};
use weir_store::{Budget, Forecast, Outage, Retired, Status, Taken, Writer};

/// A thread that gave no sign of life for so long does not get on.
pub(crate) const STUCK_MS: i64 = 30_000;
/// How often the store's figures are taken.
const STORE_EVERY_MS: i64 = 1000;
/// How often it is foretold how long the store lasts.
const OUTLOOK_EVERY_MS: i64 = 5000;
/// Seals for want of memory are at least so far apart.
const PRESS_EVERY_MS: i64 = 15_000;
/// When nothing came for so long,
const QUIET_MS: i64 = 30_000;
/// rows are not kept in memory for their seal that take more than this.
const QUIET_BYTES: u64 = 32 << 20;

/// How long the store lasts, and what was given up for that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outlook {
    pub(crate) forecast: Forecast,
    /// Since the daemon began.
    pub(crate) retired: Retired,
    /// Whether all detail is given up and what is left is still too much.
    pub(crate) is_over_budget: bool,
}

impl Outlook {
    fn of(writer: &Writer) -> Self {
        Self {
            forecast: writer.forecast(),
            retired: writer.retired(),
            is_over_budget: writer.over_budget().is_some(),
        }
    }
}

/// What is known of the daemon.
#[derive(Debug)]
pub(crate) struct Hub {
    /// When it began, ms since 1970.
    pub(crate) since_ms: i64,
    pub(crate) store: PathBuf,
    /// What the store may take, and for how long.
    budget: Mutex<Budget>,
    /// The memory budget, bytes.
    pub(crate) memory: u64,
    books: Mutex<Books>,
    status: Mutex<Status>,
    status_at: AtomicI64,
    outlook: Mutex<Option<Outlook>>,
    outlook_at: AtomicI64,
    /// What the operator calls exporters, by the configuration of the moment.
    names: Mutex<HashMap<Addr, String>>,
    /// By name of the listener.
    ears: Mutex<Vec<(String, Arc<Ear>)>>,
    /// The writer's sign of life.
    pub(crate) writer: Pulse,
    /// Batches on their way to the writer,
    pub(crate) queued: AtomicU64,
    /// records that were handed to it, and those of them that it has done with,
    pub(crate) sent: AtomicU64,
    pub(crate) written: AtomicU64,
    /// and as many as there may be.
    pub(crate) queue_max: u64,
    /// Bytes of journaled rows that may be kept in memory.
    pub(crate) held_max: u64,
    /// From so many resident bytes on the daemon does what it can to take less.
    pressure_bytes: u64,
    /// When it last did, ms since 1970.
    pressed_at: AtomicI64,
    /// Batches when they were last counted, and when there was another one.
    batches_seen: AtomicU64,
    busy_at: AtomicI64,
    is_ready: AtomicBool,
    is_stopping: AtomicBool,
    /// Why nothing is stored, while nothing is.
    outage: Mutex<Option<String>>,
    /// Seals for want of memory.
    pub(crate) early_seals: AtomicU64,
    /// Connections that the web refused.
    pub(crate) http_refused: AtomicU64,
    /// Connections that SQL refused.
    pub(crate) sql_refused: Arc<AtomicU64>,
    /// What the schedule and its letters have come to.
    pub(crate) post: Tally,
    /// What was done about quotas.
    pub(crate) quota: Figures,
}

fn names(config: &Config) -> HashMap<Addr, String> {
    config.exporters.iter().map(|exporter| (exporter.address, exporter.name.clone())).collect()
}

impl Hub {
    /// Of a daemon that begins now.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            since_ms: clock::now_ms(),
            store: config.store.clone(),
            budget: Mutex::new(config.budget),
            memory: config.memory.limit_bytes,
            books: Mutex::default(),
            status: Mutex::default(),
            status_at: AtomicI64::new(i64::MIN),
            outlook: Mutex::default(),
            outlook_at: AtomicI64::new(i64::MIN),
            names: Mutex::new(names(config)),
            ears: Mutex::default(),
            writer: Pulse::default(),
            queued: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            written: AtomicU64::new(0),
            queue_max: u64::try_from(config.memory.queue_batches()).unwrap_or(u64::MAX),
            held_max: u64::try_from(config.memory.store_options().held_bytes).unwrap_or(u64::MAX),
            // Questions in SQL have memory of their own.
            pressure_bytes: config
                .memory
                .pressure_bytes()
                .saturating_add(config.sql.as_ref().map_or(0, |sql| sql.memory_bytes)),
            pressed_at: AtomicI64::new(i64::MIN),
            batches_seen: AtomicU64::new(0),
            busy_at: AtomicI64::new(i64::MIN),
            is_ready: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            outage: Mutex::default(),
            early_seals: AtomicU64::new(0),
            http_refused: AtomicU64::new(0),
            sql_refused: Arc::default(),
            post: Tally::default(),
            quota: Figures::default(),
        }
    }

    /// Goes by another configuration.
    pub(crate) fn renew(&self, config: &Config) {
        *locked(&self.names) = names(config);
    }

    /// What the operator calls exporters.
    pub(crate) fn names(&self) -> HashMap<Addr, String> {
        locked(&self.names).clone()
    }

    /// A new listener thread.
    pub(crate) fn ear(&self, name: String) -> Arc<Ear> {
        let ear = Arc::<Ear>::default();
        locked(&self.ears).push((name, Arc::clone(&ear)));
        ear
    }

    /// A listener thread has ended.
    pub(crate) fn leave(&self, ear: &Arc<Ear>) {
        locked(&self.ears).retain(|(_, one)| !Arc::ptr_eq(one, ear));
    }

    /// All listeners.
    pub(crate) fn ears(&self) -> Vec<(String, Arc<Ear>)> {
        locked(&self.ears).clone()
    }

    /// The store is open and every listener has its address.
    pub(crate) fn is_up(&self) {
        self.is_ready.store(true, Ordering::Relaxed);
    }

    /// The daemon was told to stop.
    pub(crate) fn is_going(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Enters a batch into the books, and what became of it.
    pub(crate) fn note(&self, batch: &Batch, taken: Taken, outage: Option<&Outage>, now_ms: i64) {
        let mut books = locked(&self.books);
        let broken = match (taken, outage) {
            (Taken::Stored(_), _) => books.note(batch, now_ms),
            (Taken::Held, Some(outage)) if outage.is_full => books.discard(batch, "disk_full", now_ms),
            (Taken::Held, _) => books.discard(batch, "disk_error", now_ms),
        };
        drop(books);
        self.tell(&broken);
    }

    fn tell(&self, broken: &[Invariant]) {
        if broken.is_empty() {
            return;
        }
        let books = self.books();
        for (invariant, off, times) in books.invariants().filter(|(i, ..)| broken.contains(i)) {
            tracing::error!(
                invariant = invariant.word(), difference = %off, times,
                "the books do not add up: {}; this is a defect of weir, and its figures since {} are not to be trusted: \
                 please report it", invariant.sentence(), self.since_ms
            );
        }
    }

    /// Records that were handed to the writer and are not yet written; and those that are.
    pub(crate) fn records(&self) -> (u64, u64) {
        let written = self.written.load(Ordering::Relaxed);
        (self.sent.load(Ordering::Relaxed).saturating_sub(written), written)
    }

    /// A copy of the books.
    pub(crate) fn books(&self) -> Books {
        locked(&self.books).clone()
    }

    /// The writer has been round, at `now_ms`.
    pub(crate) fn turn(&self, writer: &mut Writer, now_ms: i64) {
        let before = self.status_at.load(Ordering::Relaxed);
        if now_ms.saturating_sub(before).unsigned_abs() >= STORE_EVERY_MS.unsigned_abs() {
            self.status_at.store(now_ms, Ordering::Relaxed);
            *locked(&self.status) = writer.status();
            self.relieve(writer, now_ms);
            self.set_outage(writer.outage().map(|outage| outage.error.clone()));
        }
        let before = self.outlook_at.load(Ordering::Relaxed);
        if now_ms.saturating_sub(before).unsigned_abs() >= OUTLOOK_EVERY_MS.unsigned_abs() {
            self.outlook_at.store(now_ms, Ordering::Relaxed);
            self.set_outlook(Outlook::of(writer));
        }
    }

    /// How long the store lasts.
    pub(crate) fn set_outlook(&self, outlook: Outlook) {
        *locked(&self.outlook) = Some(outlook);
    }

    /// How long the store lasts, as it was within the last seconds; `None` while the store is being opened.
    pub(crate) fn outlook(&self) -> Option<Outlook> {
        *locked(&self.outlook)
    }

    /// What the store may take, and for how long.
    pub(crate) fn budget(&self) -> Budget {
        *locked(&self.budget)
    }

    /// The store has another budget from now on.
    pub(crate) fn set_budget(&self, budget: Budget) {
        *locked(&self.budget) = budget;
        self.outlook_at.store(i64::MIN, Ordering::Relaxed);
    }

    /// Seals early if memory is short, or if nothing comes: most of what can be given back are rows that wait for their
    /// seal.
    fn relieve(&self, writer: &mut Writer, now_ms: i64) {
        let status = self.status();
        let batches = locked(&self.books).batches;
        if self.batches_seen.swap(batches, Ordering::Relaxed) != batches {
            self.busy_at.store(now_ms, Ordering::Relaxed);
        }
        let quiet_ms = now_ms.saturating_sub(self.busy_at.load(Ordering::Relaxed));
        if quiet_ms >= QUIET_MS && status.held_bytes > QUIET_BYTES {
            writer.seal_early(now_ms);
            return;
        }
        let resident = Process::resident_bytes().unwrap_or_default();
        let is_again = now_ms.saturating_sub(self.pressed_at.load(Ordering::Relaxed)) < PRESS_EVERY_MS;
        if resident < self.pressure_bytes || is_again || !writer.seal_early(now_ms) {
            return;
        }
        self.pressed_at.store(now_ms, Ordering::Relaxed);
        if self.early_seals.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                "weir takes {resident} bytes of memory, of {} that it may have ([limits] memory): the journal is \
                 sealed early from now on, which makes smaller segments",
                self.memory
            );
        }
    }

    /// How the writer was within the last second or so.
    pub(crate) fn status(&self) -> Status {
        locked(&self.status).clone()
    }

    /// Why nothing is stored, if nothing is.
    pub(crate) fn set_outage(&self, why: Option<String>) {
        *locked(&self.outage) = why;
    }

    /// Why nothing is stored, if nothing is.
    pub(crate) fn outage(&self) -> Option<String> {
        locked(&self.outage).clone()
    }

    /// What is wrong with the daemon itself, as sentences: threads that do not get on, books that do not add up.
    pub(crate) fn ails(&self, now_ms: i64) -> Vec<String> {
        let stuck_s = |pulse: &Pulse| {
            pulse.age_ms(now_ms).filter(|_| pulse.is_still(STUCK_MS, now_ms)).map(|age| age / 1000)
        };
        let mut ails = Vec::new();
        if let Some(age_s) = stuck_s(&self.writer) {
            ails.push(format!("the writer has not got on for {age_s} s"));
        }
        for (name, ear) in self.ears() {
            if let Some(age_s) = stuck_s(&ear.pulse) {
                ails.push(format!("the listener {name} has not got on for {age_s} s"));
            }
        }
        for (invariant, off, _) in locked(&self.books).invariants().filter(|(_, off, _)| *off != 0) {
            ails.push(format!("the books do not add up by {off}: {}", invariant.sentence()));
        }
        ails
    }

    /// Why the daemon does not do its work at the moment, as a sentence.
    pub(crate) fn not_ready(&self, now_ms: i64) -> Option<String> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Some("weir is stopping".to_owned());
        }
        if !self.is_ready.load(Ordering::Relaxed) {
            return Some("weir is starting: the store is being opened".to_owned());
        }
        let outage = self.outage().map(|why| format!("nothing is stored: {why}"));
        outage.or_else(|| self.ails(now_ms).into_iter().next())
    }
}

/// What a lock holds is whole after every statement, so a thread that panicked with it spoiled nothing.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
