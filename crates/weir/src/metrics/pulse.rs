//! Signs of life: that threads get on, and what a listener's sockets are like.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A thread's sign of life, which it gives at every turn of its loop.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    beat_ms: AtomicI64,
}

impl Pulse {
    /// It gets on, at `now_ms`.
    pub(crate) fn beat(&self, now_ms: i64) {
        self.beat_ms.store(now_ms, Ordering::Relaxed);
    }

    /// How long ago that was, ms; `None` before the first time.
    pub(crate) fn age_ms(&self, now_ms: i64) -> Option<i64> {
        let beat = self.beat_ms.load(Ordering::Relaxed);
        // A clock that was set back says nothing of a thread's age.
        (beat != 0).then(|| now_ms.saturating_sub(beat).max(0))
    }
}

/// What is known of one listener's thread and its socket.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    /// Whether its thread gets on.
    pub(crate) pulse: Pulse,
    /// The kernel's receive buffer as it was granted, bytes; 0 for connections, which have theirs.
    pub(crate) buffer_bytes: AtomicU64,
    /// What was asked for.
    pub(crate) buffer_wanted_bytes: AtomicU64,
    /// Datagrams and messages that came.
    pub(crate) datagrams: AtomicU64,
    /// Datagrams that the kernel dropped for want of room.
    pub(crate) drops: AtomicU64,
    /// What its sessions take in memory, bytes; estimated.
    pub(crate) session_bytes: AtomicU64,
    /// How many sessions it has.
    pub(crate) sessions: AtomicU64,
}

impl Ear {
    /// Adds to one of its figures.
    pub(crate) fn add(figure: &AtomicU64, more: u64) {
        figure.fetch_add(more, Ordering::Relaxed);
    }

    /// Sets one of them.
    pub(crate) fn set(figure: &AtomicU64, value: u64) {
        figure.store(value, Ordering::Relaxed);
    }

    /// Reads one of them.
    pub(crate) fn get(figure: &AtomicU64) -> u64 {
        figure.load(Ordering::Relaxed)
    }
}
