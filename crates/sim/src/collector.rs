//! What is tried: sessions, attribution and store put together as the program puts them together, and the ways
//! in which it dies.

use crate::chance::Dice;
use crate::drive::{Cut, Drive};
use crate::message::Delivery;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_account::Attribution;
use weir_flow::Batch;
use weir_flow::session::memory::{Attic, Realm};
use weir_flow::session::{Arrival, Problem, Sessions, Settings};
use weir_store::{Disk, Error, Options, Recovery, Retention, Snapshot, TailEntry, Taken, What, Writer};

/// A collector with its store.
#[derive(Debug)]
pub(crate) struct Collector {
    store: PathBuf,
    options: Options,
    settings: Settings,
    attribution: Attribution,
    pub(crate) drive: Arc<Drive>,
    /// None only while it is dead.
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    writer: Writer,
    sessions: Sessions,
    batch: Batch,
}

/// How a collector dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// The process is killed: what was written stays written.
    Killed,
    /// The machine loses power: what was not flushed may be gone, or half there.
    PowerCut,
}

/// What was found after a death.
#[derive(Debug)]
pub(crate) struct Survival {
    /// Batches up to this one are in files,
    pub sealed: u64,
    /// and these are in the journal.
    pub found: BTreeSet<u64>,
    pub recovery: Recovery,
    pub cut: Cut,
}

impl Survival {
    /// Whether this batch is there.
    pub(crate) fn holds(&self, sequence: u64) -> bool {
        sequence <= self.sealed || self.found.contains(&sequence)
    }

    /// The last batch that is there.
    pub(crate) fn last(&self) -> u64 {
        self.found.last().copied().unwrap_or(0).max(self.sealed)
    }

    /// Whether a batch is lost and a later one is there: of two files of the journal that were not flushed, one may
    /// reach the disk and the other not.
    pub(crate) fn has_hole(&self) -> bool {
        (self.sealed + 1..self.last()).any(|sequence| !self.found.contains(&sequence))
    }
}

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The process has died.
    Dead,
    /// The disk refuses as it was told to: full, or an error.
    Disk,
    /// What should not be.
    Wrong(String),
}

/// What became of something.
pub(crate) type Outcome<T> = Result<T, Refusal>;

impl From<String> for Refusal {
    fn from(wrong: String) -> Self {
        Self::Wrong(wrong)
    }
}

impl Collector {
    /// Begins a store in this folder.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn new(
        store: &Path,
        options: Options,
        settings: Settings,
        attribution: Attribution,
        dice: Dice,
    ) -> Result<Self, String> {
        let drive = Arc::new(Drive::new(&store.with_extension("attic"), dice));
        let store = store.to_path_buf();
        let mut collector = Self { store, options, settings, attribution, drive, running: None };
        match collector.start() {
            Ok(_) => Ok(collector),
            Err(refusal) => Err(format!("begin: {refusal:?}")),
        }
    }

    fn disk(&self) -> Disk {
        Disk::new(&self.store).with_fate(self.drive.clone()).single_threaded()
    }

    fn start(&mut self) -> Outcome<Recovery> {
        let opened = Writer::open_on(self.disk(), self.options);
        let (writer, recovery) = opened.map_err(|error| self.refusal("open", &error))?;
        let attic = Arc::new(Attic::new(writer.memory(), Realm::Live));
        let sessions = Sessions::recalling(self.settings.clone(), attic);
        self.running = Some(Running { writer, sessions, batch: Batch::new() });
        Ok(recovery)
    }

    fn refusal(&self, doing: &str, error: &Error) -> Refusal {
        refusal(&self.drive, doing, error)
    }

    fn running(&mut self) -> Result<&mut Running, String> {
        self.running.as_mut().ok_or_else(|| "the collector is dead".to_owned())
    }

    /// What a writer does, and what becomes of it: a death may show only in what it leaves undone.
    fn write<T>(&mut self, doing: &str, act: impl FnOnce(&mut Writer) -> Result<T, Error>) -> Outcome<T> {
        let drive = Arc::clone(&self.drive);
        let done = act(&mut self.running()?.writer);
        let done = done.map_err(|error| refusal(&drive, doing, &error));
        if drive.is_dead() { Err(Refusal::Dead) } else { done }
    }

    /// Takes in a datagram; its problem, if it had one, has been counted.
    ///
    /// # Errors
    /// It is dead.
    pub(crate) fn ingest(&mut self, received: i64, delivery: &Delivery) -> Result<Option<Problem>, String> {
        let running = self.running()?;
        let arrival =
            Arrival { received, from: delivery.from, port: delivery.port, payload: &delivery.bytes };
        Ok(running.sessions.ingest(&arrival, &mut running.batch))
    }

    /// Counts datagrams that the kernel dropped.
    ///
    /// # Errors
    /// It is dead.
    pub(crate) fn count_drops(&mut self, received: i64, drops: i64) -> Result<(), String> {
        let running = self.running()?;
        let nobody = weir_flow::Addr::UNSPECIFIED;
        let counter = weir_flow::health::Counter::SocketDrops;
        running.sessions.count(received, nobody, counter, drops, &mut running.batch);
        Ok(())
    }

    /// The batch, finished and attributed.
    ///
    /// # Errors
    /// It is dead.
    pub(crate) fn take(&mut self) -> Result<Batch, String> {
        let attribution = self.attribution.clone();
        let running = self.running()?;
        running.sessions.finish(&mut running.batch);
        attribution.attribute(&mut running.batch, 0);
        Ok(std::mem::take(&mut running.batch))
    }

    /// Stores a batch, or what is not its rows is held and these are discarded.
    ///
    /// # Errors
    /// It has died.
    pub(crate) fn store(&mut self, batch: &Batch, now_ms: i64) -> Outcome<Taken> {
        self.write("store", |writer| writer.take(batch, now_ms))
    }

    /// Lets the store do what is due.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn tick(&mut self, now_ms: i64) -> Outcome<()> {
        self.write("tick", |writer| writer.tick(now_ms))
    }

    /// Seals everything, and brings late sampling intervals to all their rows.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn settle(&mut self, now_ms: i64) -> Outcome<()> {
        self.write("settle", |writer| writer.settle(now_ms))
    }

    /// Gives up flow records that ended before this.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn retire(&mut self, before_ms: i64, now_ms: i64) -> Outcome<u64> {
        let retention = Retention { flows_before: Some(before_ms), ..Retention::default() };
        self.write("retire", |writer| writer.retire(retention, now_ms)).map(|retired| retired.rows)
    }

    /// Imports a batch, and commits that or not. Told twice to import the same, it refuses the second time.
    ///
    /// # Errors
    /// The store's, or it does not refuse.
    pub(crate) fn import(
        &mut self,
        batch: &Batch,
        digest: [u8; 32],
        commits: bool,
        now_ms: i64,
    ) -> Outcome<()> {
        self.write("import", |writer| {
            let mut import = writer.import("a file", false)?;
            import.append(batch)?;
            if commits { import.commit(&digest, 1, now_ms) } else { Ok(()) }
        })?;
        if !commits {
            return Ok(());
        }
        let again = self.write("import again", |writer| {
            let mut again = writer.import("the same file", false)?;
            again.append(batch)?;
            Ok(again.commit(&digest, 1, now_ms))
        });
        match again {
            Ok(Err(error)) if matches!(error.what, What::Imported { .. }) => Ok(()),
            Ok(Err(error)) => Err(self.refusal("import again", &error)),
            Ok(Ok(())) => Err(Refusal::Wrong("import: the same digest was imported twice".to_owned())),
            // Room for the copy was not to be had: the first is there.
            Err(Refusal::Disk) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// Whether something of this digest was imported.
    ///
    /// # Errors
    /// It is dead.
    pub(crate) fn is_imported(&mut self, digest: &[u8; 32]) -> Result<bool, String> {
        Ok(self.running()?.writer.is_imported(digest).is_some())
    }

    /// The last sequence in use, and whether the disk takes something.
    ///
    /// # Errors
    /// It is dead.
    pub(crate) fn reached(&mut self) -> Result<(u64, bool), String> {
        let writer = &self.running()?.writer;
        Ok((writer.last_sequence(), writer.outage().is_none()))
    }

    /// The last batch that survives anything.
    ///
    /// # Errors
    /// It is dead.
    pub(crate) fn synced(&mut self) -> Result<u64, String> {
        Ok(self.running()?.writer.synced())
    }

    /// Dies, if it is not dead yet, and comes back; it may die again as it does (`again`: after so many steps).
    ///
    /// # Errors
    /// The store's: whatever a death leaves must be put right.
    pub(crate) fn die(&mut self, death: Death, mut again: Option<u64>) -> Result<Survival, String> {
        let mut cut = Cut::default();
        loop {
            self.drive.kill();
            // Without a word to the writer: no step that it takes now is taken.
            drop(self.running.take());
            if death == Death::PowerCut {
                let more = self.drive.cut().map_err(|error| format!("the world failed to cut: {error}"))?;
                cut.inside |= more.inside;
            }
            self.drive.revive();
            if let Some(steps) = again.take() {
                self.drive.arm(steps);
            }
            match self.start() {
                Ok(recovery) => {
                    self.drive.revive();
                    let sealed = self.running()?.writer.sealed();
                    let found = self.snapshot()?.tail.iter().map(TailEntry::sequence).collect();
                    return Ok(Survival { sealed, found, recovery, cut });
                }
                Err(Refusal::Dead) => {}
                // Nobody starts on a full disk; so there is room again.
                Err(Refusal::Disk) => self.drive.set_full(false),
                Err(Refusal::Wrong(wrong)) => return Err(format!("after {death:?}: {wrong}")),
            }
        }
    }

    /// Ends in good order.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn close(&mut self, now_ms: i64) -> Result<(), String> {
        let running = self.running.take().ok_or("the collector is dead")?;
        running.writer.close(now_ms).map_err(|error| format!("close: {error}"))
    }

    /// Where its store is.
    pub(crate) fn path(&self) -> &Path {
        &self.store
    }

    /// What a reader sees.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, String> {
        Snapshot::open(&self.store).map_err(|error| format!("snapshot: {error}"))
    }
}

/// Why a store says no: it has died, its disk was told to refuse, or something is wrong.
fn refusal(drive: &Drive, doing: &str, error: &Error) -> Refusal {
    if drive.is_dead() {
        return Refusal::Dead;
    }
    match &error.what {
        What::Io { source, .. } if source.to_string() == "the simulated disk refuses" => Refusal::Disk,
        _ => Refusal::Wrong(format!("{doing}: {error}")),
    }
}
