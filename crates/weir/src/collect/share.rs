//! What the threads of the daemon have in common: the configuration of the moment, the order to stop, and the bounded
//! channel to the writer.
//!
//! A worker looks at one number to see whether there is a newer configuration, and at two flags to see whether to stop;
//! it takes a lock only when there is one.

use super::Delivery;
use crate::clock;
use crate::config::Config;
use crate::metrics::{Ear, Hub};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_flow::session::memory::Attic;

/// What one worker is told, and tells.
#[derive(Debug)]
pub(super) struct Orders {
    /// Where what is known of its listener is left.
    pub(super) ear: Arc<Ear>,
    stop: AtomicBool,
    /// The configuration it goes by.
    pub(super) version: AtomicU64,
}

impl Orders {
    pub(super) fn of(ear: Arc<Ear>) -> Self {
        Self { ear, stop: AtomicBool::new(false), version: AtomicU64::new(0) }
    }

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
        self.hub.renew(&config);
        let mut current = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        *current = config;
        self.version.fetch_add(1, Ordering::Release) + 1
    }
}

/// The channel to the writer, in which so many batches may wait; the hub knows how many do.
pub(super) fn channel(queue_batches: usize, hub: &Arc<Hub>) -> (Outbox, Inbox) {
    let (sender, receiver) = sync_channel(queue_batches);
    let inbox = Inbox { receiver, hub: Arc::clone(hub), in_hand: Cell::default() };
    (Outbox { sender, hub: Arc::clone(hub) }, inbox)
}

/// A worker's end of it.
#[derive(Clone)]
pub(super) struct Outbox {
    sender: SyncSender<Delivery>,
    hub: Arc<Hub>,
}

impl Outbox {
    /// Sends a batch, waiting if the writer is behind; false if the writer is gone.
    pub(super) fn send(&self, delivery: Delivery) -> bool {
        self.hub.sent.fetch_add(delivery.batch.len() as u64, Ordering::Relaxed);
        self.hub.queued.fetch_add(1, Ordering::Relaxed);
        self.sender.send(delivery).is_ok()
    }
}

/// The writer's end of it.
pub(super) struct Inbox {
    receiver: Receiver<Delivery>,
    hub: Arc<Hub>,
    /// Records of the batch that was received last.
    in_hand: Cell<u64>,
}

impl Inbox {
    /// The next batch. To ask for it says that the one before is written, and that the writer lives.
    ///
    /// # Errors
    /// None came in time, or all workers are gone.
    pub(super) fn recv_timeout(&self, timeout: Duration) -> Result<Delivery, RecvTimeoutError> {
        self.hub.writer.beat(clock::now_ms());
        self.hub.written.fetch_add(self.in_hand.take(), Ordering::Relaxed);
        let delivery = self.receiver.recv_timeout(timeout)?;
        self.hub.queued.fetch_sub(1, Ordering::Relaxed);
        self.in_hand.set(delivery.batch.len() as u64);
        Ok(delivery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_way_is_known() {
        let hub = Arc::new(Hub::new(&Config::default()));
        let (outbox, inbox) = channel(64, &hub);
        let (back, _returned) = sync_channel(1);
        let delivery = || {
            let mut batch = weir_flow::Batch::new();
            batch.extend_rows(3, 0);
            Delivery { batch, back: back.clone() }
        };
        let known = || (hub.queued.load(Ordering::Relaxed), hub.records());
        assert!(outbox.send(delivery()) && outbox.send(delivery()));
        assert_eq!(known(), (2, (6, 0)));
        let _first = inbox.recv_timeout(Duration::ZERO).unwrap();
        // It is being written.
        assert_eq!(known(), (1, (6, 0)));
        let _second = inbox.recv_timeout(Duration::ZERO).unwrap();
        assert_eq!(known(), (0, (3, 3)));
        assert!(inbox.recv_timeout(Duration::ZERO).is_err());
        assert_eq!(known(), (0, (0, 6)));
        assert!(hub.writer.age_ms(clock::now_ms()).is_some());
        drop(inbox);
        assert!(!outbox.send(delivery()));
    }
}
