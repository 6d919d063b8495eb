//! Datagrams in, batches out: the same path from sockets and from files.
//!
//! A [`Decoder`] is one listener's: sessions, the batch being filled, and the attribution. `run` is the daemon:
//! each `listener` has threads with a `worker` each, fed from a socket by `udp` or from connections by `stream`, past the
//! `gate` (who may speak, how much) and the eyes of `source` (whose address is not its own); `deliver` stores what
//! they decode. The `supervisor` starts and stops them and speaks with `systemd`; `activation` takes over
//! the sockets it opened; `share` is what all threads have in common, `kernel` what only the kernel can do. `import`
//! feeds captures and archives through `file`, `send` is the way back.

mod activation;
mod deliver;
pub(crate) mod file;
mod fragment;
mod gate;
pub(crate) mod import;
mod kernel;
mod listener;
pub(crate) mod run;
pub(crate) mod send;
mod share;
mod source;
pub(crate) mod stream;
mod supervisor;
mod systemd;
mod udp;
mod worker;

use crate::config::Config;
use crate::exit::Outcome;
use crate::log;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Instant;
use weir_account::attribution::Attribution;
use weir_flow::Batch;
use weir_flow::session::archive::{Archive, Piece};
use weir_flow::session::memory::{Attic, Realm};
use weir_flow::session::{Arrival, Problem, Sessions};

/// Rows of a batch: large enough that what a batch costs does not show, small enough to stay in a cache.
pub(crate) const BATCH_ROWS: usize = 8192;

/// A batch on its way to the writer, and the way back to the worker for its memory.
pub(crate) struct Delivery {
    pub(crate) batch: Batch,
    pub(crate) back: SyncSender<Batch>,
}

/// One worker: decodes and attributes.
#[derive(Debug)]
pub(crate) struct Decoder {
    sessions: Sessions,
    /// What archives need: nobody sends any.
    archive: Option<Box<Archive>>,
    attribution: Attribution,
    batch: Batch,
    /// A batch that was given back: its memory is there already.
    spare: Option<Batch>,
}

impl Decoder {
    /// `realm`: whose memory it has, and `attic` what is remembered there.
    pub(crate) fn new(config: &Config, realm: Realm, attic: Arc<Attic>) -> Self {
        let archive = (realm == Realm::Import).then(|| Box::new(Archive::new(config.settings(realm))));
        let sessions = Sessions::recalling(config.settings(realm), attic);
        Self { sessions, archive, attribution: config.attribution(), batch: empty_batch(), spare: None }
    }

    /// Takes in records of an archive, as many as the batch should have. True if there are more.
    pub(crate) fn take_in(&mut self, piece: &mut dyn Piece) -> bool {
        let Some(archive) = &mut self.archive else { return false };
        piece.read(archive, BATCH_ROWS, &mut self.batch)
    }

    /// Takes in what a file holds, and hands itself to `leave` whenever the batch should be taken. Problems have been
    /// counted when they are noted.
    pub(crate) fn take_item(
        &mut self,
        item: file::Item<'_>,
        problems: &mut log::Limit,
        mut leave: impl FnMut(&mut Self) -> Outcome,
    ) -> Outcome {
        match item {
            file::Item::Datagram(arrival) => {
                if let Some(problem) = self.ingest(arrival) {
                    problems.note(&problem, Instant::now());
                }
            }
            file::Item::Records(piece) => {
                while self.take_in(piece) {
                    leave(self)?;
                }
            }
        }
        if self.is_full() { leave(self) } else { Ok(()) }
    }

    /// Takes in a datagram; its problem, if it had one, has been counted.
    pub(crate) fn ingest(&mut self, arrival: &Arrival<'_>) -> Option<Problem> {
        self.sessions.ingest(arrival, &mut self.batch)
    }

    /// Whether the batch should be taken.
    pub(crate) fn is_full(&self) -> bool {
        self.batch.len() >= BATCH_ROWS
    }

    /// The last batch there is, after which nothing more comes: what was open is decided.
    pub(crate) fn conclude(&mut self) -> Batch {
        self.sessions.conclude(&mut self.batch);
        self.take()
    }

    /// The batch, finished and attributed; counters come with it even where there are no rows.
    pub(crate) fn take(&mut self) -> Batch {
        if let Some(archive) = &mut self.archive {
            archive.finish(&mut self.batch);
        }
        self.sessions.finish(&mut self.batch);
        self.attribution.attribute(&mut self.batch, 0);
        let next = self.spare.take().unwrap_or_else(empty_batch);
        std::mem::replace(&mut self.batch, next)
    }

    /// Takes a batch back that is no longer needed. Most of what a new one costs is the kernel's first touch of its
    /// memory.
    pub(crate) fn give_back(&mut self, mut batch: Batch) {
        batch.clear();
        self.spare = Some(batch);
    }

    /// Goes by another configuration from the next datagram on. To be called when the batch was just taken.
    pub(crate) fn renew(&mut self, config: &Config) {
        self.sessions.renew(config.settings(Realm::Live));
        self.attribution = config.attribution();
    }

    /// The sessions, for what is counted outside of decoding.
    pub(crate) fn sessions(&mut self) -> (&mut Sessions, &mut Batch) {
        (&mut self.sessions, &mut self.batch)
    }
}

fn empty_batch() -> Batch {
    let mut batch = Batch::new();
    batch.reserve(BATCH_ROWS + 1024);
    batch
}
