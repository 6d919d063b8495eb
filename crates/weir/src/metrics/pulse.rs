//! Signs of life: that threads get on, and what a listener's sockets are like.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// A thread's sign of life, which it gives at every turn of its loop.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    beat_ms: AtomicI64,
    /// Whether it can do nothing but wait for the writer: then the writer's pulse counts.
    waits: AtomicBool,
}

impl Pulse {
    /// It gets on, at `now_ms`.
    pub(crate) fn beat(&self, now_ms: i64) {
        self.beat_ms.store(now_ms, Ordering::Relaxed);
    }

    /// It does this, and can do nothing about it if it takes long.
    pub(crate) fn wait<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.waits.store(true, Ordering::Relaxed);
        let result = wait();
        self.waits.store(false, Ordering::Relaxed);
        result
    }

    /// Whether it has moved since `before`, which becomes what it is now; or waits, and is excused.
    pub(crate) fn has_moved(&self, before: &mut i64) -> bool {
        let beat_ms = self.beat_ms.load(Ordering::Relaxed);
        std::mem::replace(before, beat_ms) != beat_ms || self.waits.load(Ordering::Relaxed)
    }

    /// Whether it has not moved for so long, and does not wait.
    pub(crate) fn is_still(&self, for_ms: i64, now_ms: i64) -> bool {
        !self.waits.load(Ordering::Relaxed) && self.age_ms(now_ms).is_some_and(|age| age >= for_ms)
    }

    /// How long ago its last beat was, ms; `None` before the first.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_the_writer_is_excused() {
        let (pulse, mut before) = (Pulse::default(), 0);
        assert!(!pulse.has_moved(&mut before));
        pulse.beat(1000);
        assert!(pulse.has_moved(&mut before));
        assert!(!pulse.has_moved(&mut before));
        assert_eq!([2999, 3000].map(|now_ms| pulse.is_still(2000, now_ms)), [false, true]);
        pulse.wait(|| assert!(pulse.has_moved(&mut before) && !pulse.is_still(2000, 3000)));
        assert!(!pulse.has_moved(&mut before) && pulse.is_still(2000, 3000));
    }
}
