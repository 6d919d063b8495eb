//! What the threads of the daemon have in common: the configuration of the moment, the order to stop, signs of life,
//! and the bounded channel to the writer.
//!
//! A worker looks at one number to see whether there is a newer configuration, and at two flags to see whether to stop;
//! it takes a lock only when there is one.

use super::Delivery;
use crate::config::Config;
use crate::metrics::Hub;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_flow::session::memory::Attic;

/// A thread's sign of life.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    beats: AtomicU64,
    /// Whether it can do nothing but wait for the writer: then the writer's pulse counts.
    waits: AtomicBool,
}

impl Pulse {
    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it has moved since `before`, which becomes what it is now; or waits, and is excused.
    pub(super) fn has_moved(&self, before: &mut u64) -> bool {
        let now = self.beats.load(Ordering::Relaxed);
        std::mem::replace(before, now) != now || self.waits.load(Ordering::Relaxed)
    }
}

/// What one worker is told, and tells.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) pulse: Pulse,
    stop: AtomicBool,
    /// The configuration it goes by.
    pub(super) version: AtomicU64,
}

impl Orders {
    /// Tells it to stop, and nobody else.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What all share.
#[derive(Debug)]
pub(super) struct Share {
    stop: AtomicBool,
    version: AtomicU64,
    config: Mutex<Arc<Config>>,
    /// What sessions remembered when the program stopped.
    pub(super) attic: Arc<Attic>,
    /// Where what is known of the daemon is left.
    pub(super) hub: Arc<Hub>,
}

impl Share {
    pub(super) fn new(config: Arc<Config>, attic: Arc<Attic>, hub: Arc<Hub>) -> Self {
        Self {
            stop: AtomicBool::new(false),
            version: AtomicU64::new(0),
            config: Mutex::new(config),
            attic,
            hub,
        }
    }

    /// Tells all workers to stop.
    pub(super) fn stop(&self) {
        self.hub.is_going();
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether this worker was told to stop, or all were.
    pub(super) fn is_stopping(&self, orders: &Orders) -> bool {
        self.stop.load(Ordering::Relaxed) || orders.stop.load(Ordering::Relaxed)
    }

    /// The number of the configuration of the moment.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The configuration of the moment, and its number.
    pub(super) fn config(&self) -> (u64, Arc<Config>) {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        (self.version(), Arc::clone(&config))
    }

    /// Puts another in its place; its number.
    pub(super) fn publish(&self, config: Arc<Config>) -> u64 {
        let mut current = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        *current = config;
        self.version.fetch_add(1, Ordering::Release) + 1
    }
}

/// What is on the way to the writer.
#[derive(Debug, Default)]
pub(super) struct Transit {
    /// The writer's sign of life.
    pub(super) pulse: Pulse,
    sent: AtomicU64,
    written: AtomicU64,
}

impl Transit {
    /// Records that were handed to the writer and are not yet written; and those that are.
    pub(super) fn records(&self) -> (u64, u64) {
        let written = self.written.load(Ordering::Relaxed);
        (self.sent.load(Ordering::Relaxed).saturating_sub(written), written)
    }
}

/// The channel to the writer, in which so many batches may wait.
pub(super) fn channel(queue_batches: usize) -> (Outbox, Inbox) {
    let (sender, receiver) = sync_channel(queue_batches);
    let transit = Arc::new(Transit::default());
    let inbox = Inbox { receiver, transit: Arc::clone(&transit), in_hand: Cell::default() };
    (Outbox { sender, transit }, inbox)
}

/// A worker's end of it.
#[derive(Clone)]
pub(super) struct Outbox {
    sender: SyncSender<Delivery>,
    transit: Arc<Transit>,
}

impl Outbox {
    /// Sends a batch, waiting if the writer is behind; false if the writer is gone.
    pub(super) fn send(&self, delivery: Delivery, pulse: &Pulse) -> bool {
        self.transit.sent.fetch_add(delivery.batch.len() as u64, Ordering::Relaxed);
        pulse.waits.store(true, Ordering::Relaxed);
        let is_sent = self.sender.send(delivery).is_ok();
        pulse.waits.store(false, Ordering::Relaxed);
        is_sent
    }

    pub(super) fn transit(&self) -> Arc<Transit> {
        Arc::clone(&self.transit)
    }
}

/// The writer's end of it.
pub(super) struct Inbox {
    receiver: Receiver<Delivery>,
    transit: Arc<Transit>,
    /// Records of the batch that was received last.
    in_hand: Cell<u64>,
}

impl Inbox {
    /// The next batch. To ask for it says that the one before is written, and that the writer lives.
    ///
    /// # Errors
    /// None came in time, or all workers are gone.
    pub(super) fn recv_timeout(&self, timeout: Duration) -> Result<Delivery, RecvTimeoutError> {
        self.transit.pulse.beat();
        self.transit.written.fetch_add(self.in_hand.take(), Ordering::Relaxed);
        let delivery = self.receiver.recv_timeout(timeout)?;
        self.in_hand.set(delivery.batch.len() as u64);
        Ok(delivery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_way_is_known() {
        let (outbox, inbox) = channel(64);
        let transit = outbox.transit();
        let (back, _returned) = sync_channel(1);
        let delivery = || {
            let mut batch = weir_flow::Batch::new();
            batch.extend_rows(3, 0);
            Delivery { batch, back: back.clone() }
        };
        assert!(outbox.send(delivery(), &Pulse::default()) && outbox.send(delivery(), &Pulse::default()));
        assert_eq!(transit.records(), (6, 0));
        let _first = inbox.recv_timeout(Duration::ZERO).unwrap();
        // It is being written.
        assert_eq!(transit.records(), (6, 0));
        let _second = inbox.recv_timeout(Duration::ZERO).unwrap();
        assert_eq!(transit.records(), (3, 3));
        assert!(inbox.recv_timeout(Duration::ZERO).is_err());
        assert_eq!(transit.records(), (0, 6));
        drop(inbox);
        assert!(!outbox.send(delivery(), &Pulse::default()));
    }

    #[test]
    fn who_waits_for_the_writer_is_excused() {
        let (pulse, mut before) = (Pulse::default(), 0);
        assert!(!pulse.has_moved(&mut before));
        pulse.beat();
        assert!(pulse.has_moved(&mut before));
        assert!(!pulse.has_moved(&mut before));
        pulse.waits.store(true, Ordering::Relaxed);
        assert!(pulse.has_moved(&mut before));
    }
}
