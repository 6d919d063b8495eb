//! What is tried: sessions, attribution and store put together as the program puts them together, and the ways
//! in which it dies.

use crate::chance::Dice;
use crate::message::Delivery;
use crate::power::{self, Floor};
use std::path::{Path, PathBuf};
use std::time::Duration;
use weir_account::Attribution;
use weir_flow::Batch;
use weir_flow::session::{Arrival, Problem, Sessions, Settings};
use weir_store::{Options, Recovery, Snapshot, What, Writer};

/// How long a seal may take before something must be wrong, in waits of a millisecond.
const PATIENCE_MS: u32 = 60_000;
/// So many journal files are never more than one seal behind, so that when a file is full never depends on how
/// fast the sealing thread is, and a seed always gives the same store.
const FILES_MAX: usize = 2;

/// A collector with its store.
#[derive(Debug)]
pub(crate) struct Collector {
    store: PathBuf,
    options: Options,
    settings: Settings,
    attribution: Attribution,
    /// None only while it is dead.
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    writer: Writer,
    sessions: Sessions,
    batch: Batch,
    /// Where the frames of batches end that were appended and not made durable when last looked at.
    floor: Floor,
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
    /// The last batch that is there.
    pub last: u64,
    pub recovery: Recovery,
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
    ) -> Result<Self, String> {
        let mut collector =
            Self { store: store.to_path_buf(), options, settings, attribution, running: None };
        collector.start()?;
        Ok(collector)
    }

    fn start(&mut self) -> Result<Recovery, String> {
        let (writer, recovery) =
            Writer::open(&self.store, self.options).map_err(|error| format!("open: {error}"))?;
        let sessions = Sessions::new(self.settings.clone());
        let floor = Floor::default();
        self.running = Some(Running { writer, sessions, batch: Batch::new(), floor });
        Ok(recovery)
    }

    fn running(&mut self) -> Result<&mut Running, String> {
        self.running.as_mut().ok_or_else(|| "the collector is dead".to_owned())
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
        // The ledger does not know yet that rows are scaled when their interval comes: the store's own tests have a
        // model of that (`crates/store/src/tests/late.rs`). Here rows stay as they were decoded.
        running.batch.rescales.clear();
        Ok(std::mem::take(&mut running.batch))
    }

    /// Stores a batch; returns its sequence.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn append(&mut self, batch: &Batch, now_ms: i64) -> Result<u64, String> {
        self.settle(now_ms, FILES_MAX)?;
        let store = self.store.clone();
        let running = self.running()?;
        power::remember(&store)?;
        let sequence = running.writer.append(batch, now_ms).map_err(|error| format!("append: {error}"))?;
        running.floor.appended(sequence, power::newest(&store)?);
        running.floor.synced(running.writer.synced());
        Ok(sequence)
    }

    /// Lets the store do what is due.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn tick(&mut self, now_ms: i64) -> Result<(), String> {
        power::remember(&self.store)?;
        let running = self.running()?;
        running.writer.tick(now_ms).map_err(|error| format!("tick: {error}"))?;
        running.floor.synced(running.writer.synced());
        Ok(())
    }

    /// Ticks until there are at most so many journal files.
    ///
    /// # Errors
    /// The store's, or it never gets there.
    pub(crate) fn settle(&mut self, now_ms: i64, files: usize) -> Result<(), String> {
        for _ in 0..PATIENCE_MS {
            self.tick(now_ms)?;
            if power::journal(&self.store)?.len() <= files {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(format!("settle: after {PATIENCE_MS} ms there are still more than {files} journal files"))
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
    ) -> Result<(), String> {
        let fail = |error: weir_store::Error| format!("import: {error}");
        power::remember(&self.store)?;
        let running = self.running()?;
        let mut import = running.writer.import("a file", false).map_err(fail)?;
        import.append(batch).map_err(fail)?;
        if !commits {
            return Ok(());
        }
        import.commit(&digest, 1, now_ms).map_err(fail)?;
        let mut again = running.writer.import("the same file", false).map_err(fail)?;
        again.append(batch).map_err(fail)?;
        match again.commit(&digest, 1, now_ms) {
            Err(error) if matches!(error.what, What::Imported { .. }) => Ok(()),
            Err(error) => Err(fail(error)),
            Ok(()) => Err("import: the same digest was imported twice".to_owned()),
        }
    }

    /// The last batch that survives anything.
    ///
    /// # Errors
    /// It is dead.
    pub(crate) fn synced(&mut self) -> Result<u64, String> {
        Ok(self.running()?.writer.synced())
    }

    /// Dies and comes back.
    ///
    /// # Errors
    /// The store's: whatever a death leaves must be put right.
    pub(crate) fn die(&mut self, death: Death, dice: &mut Dice) -> Result<Survival, String> {
        let running = self.running.take().ok_or("the collector is dead")?;
        let floor = running.floor.clone();
        // Without a word to the writer. Its thread finishes the file it is at, which nothing names.
        drop(running);
        if death == Death::PowerCut {
            power::cut(&self.store, &floor, dice)?;
        }
        power::forget(&self.store)?;
        let recovery = self.start()?;
        let sealed = self.running()?.writer.sealed();
        Ok(Survival { last: sealed + recovery.frames, recovery })
    }

    /// Ends in good order.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn close(&mut self, now_ms: i64) -> Result<(), String> {
        let running = self.running.take().ok_or("the collector is dead")?;
        running.writer.close(now_ms).map_err(|error| format!("close: {error}"))
    }

    /// What a reader sees.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, String> {
        Snapshot::open(&self.store).map_err(|error| format!("snapshot: {error}"))
    }
}
