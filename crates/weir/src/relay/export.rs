//! Re-exporting records: batches that were stored, in another format, to the relay's targets.

use super::convert::{Converter, Sink, Skip};
use super::tally::Tally;
use super::{Out, copy};
use crate::clock;
use crate::config::{Format, Mode, Relay};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use weir_flow::health::Counter;
use weir_flow::{Addr, Batch, Column};

/// Batches that may wait for a relay: half a million records.
const QUEUE_BATCHES: usize = 64;
/// Exporters and domains remembered of which records were dropped.
const MISSING_MAX: usize = 4096;

/// Records that never came to the converter, by exporter and domain: their numbers stay free, so that the
/// receiver sees a gap.
type Missing = Arc<Mutex<HashMap<(Addr, u32), u32>>>;

/// The writer's way into one relay that converts.
#[derive(Debug)]
pub(super) struct Export {
    relay: Arc<Relay>,
    queue: SyncSender<Arc<Batch>>,
    missing: Missing,
    tally: Arc<Tally>,
}

/// The relay's end of it.
pub(super) struct Queue {
    batches: Receiver<Arc<Batch>>,
    missing: Missing,
}

impl Export {
    pub(super) fn new(relay: Arc<Relay>, tally: Arc<Tally>) -> (Self, Queue) {
        let (queue, batches) = sync_channel(QUEUE_BATCHES);
        let missing = Missing::default();
        let end = Queue { batches, missing: Arc::clone(&missing) };
        (Self { relay, queue, missing, tally }, end)
    }

    /// Puts a batch into the queue; if that is full, its records are counted as dropped.
    pub(super) fn offer(&self, batch: &Arc<Batch>) {
        let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.queue.try_send(Arc::clone(batch))
        else {
            return;
        };
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tally = self.tally.hold();
        let copies = if self.relay.mode == Mode::Balance { 1 } else { self.relay.to.len() };
        for (exporter, domain) in batch.addrs(Column::Exporter).iter().zip(batch.u32s(Column::Domain)) {
            if !self.relay.takes(*exporter) {
                continue;
            }
            tally.add(*exporter, Counter::RelayDropped, "queue_full", copies);
            let key = (*exporter, *domain);
            if missing.len() < MISSING_MAX || missing.contains_key(&key) {
                let count = missing.entry(key).or_default();
                *count = count.saturating_add(1);
            }
        }
    }
}

/// The relay's thread: converts and sends what comes until the writer is gone.
pub(super) fn run(relay: &Relay, format: Format, out: Out, queue: &Queue, tally: &Tally) {
    let mut converter = Converter::new(format, relay.mtu, clock::now_ms());
    let mut sender = Sender { relay, out, tally };
    while let Ok(batch) = queue.batches.recv() {
        let missing = std::mem::take(&mut *queue.missing.lock().unwrap_or_else(PoisonError::into_inner));
        for ((exporter, domain), records) in missing {
            converter.leave_out(exporter, domain, records);
        }
        converter.convert(&batch, clock::now_ms(), &|exporter| relay.takes(exporter), &mut sender);
    }
}

/// Where converted datagrams go, and where the converter says what it could not do.
struct Sender<'a> {
    relay: &'a Relay,
    out: Out,
    tally: &'a Tally,
}

impl Sink for Sender<'_> {
    fn datagram(&mut self, exporter: Addr, payload: &[u8], records: usize) {
        for to in copy::targets(self.relay, exporter) {
            // Ours: one port for all, for each exporter has its own domain. Kept: the exporter's address, and
            // the port that such datagrams go to.
            let from = match &self.out {
                Out::Own(_) => (Addr::UNSPECIFIED, 0),
                Out::Keep(_) => (exporter, to.port()),
            };
            let result = self.out.send(from, *to, payload);
            let mut tally = self.tally.hold();
            match result {
                Ok(()) => tally.add(exporter, Counter::RelayedRecords, "", records),
                Err(unsent) => tally.add(exporter, Counter::RelayDropped, unsent.word(), records),
            }
        }
    }

    fn skipped(&mut self, exporter: Addr, skip: Skip) {
        let counter = if skip.is_loss() { Counter::RelayUnconvertible } else { Counter::RelayNarrowed };
        self.tally.hold().add(exporter, counter, skip.word(), 1);
    }
}
