//! What the clockwork has done, for `/metrics`.

use crate::mail::postman::Round;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the daemon began.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    jobs_done: AtomicU64,
    jobs_failed: AtomicU64,
    sent: AtomicU64,
    deferred: AtomicU64,
    failed: AtomicU64,
    waiting: AtomicU64,
}

impl Tally {
    /// A postman's round.
    pub(super) fn note(&self, round: Round) {
        self.sent.fetch_add(round.sent, Ordering::Relaxed);
        self.deferred.fetch_add(round.deferred, Ordering::Relaxed);
        self.failed.fetch_add(round.failed, Ordering::Relaxed);
    }

    /// How many letters wait.
    pub(super) fn waits(&self, letters: u64) {
        self.waiting.store(letters, Ordering::Relaxed);
    }

    /// A job was done, or failed.
    pub(super) fn job(&self, is_done: bool) {
        let count = if is_done { &self.jobs_done } else { &self.jobs_failed };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Jobs, by what became of them.
    pub(crate) fn jobs(&self) -> [(&'static str, u64); 2] {
        [("done", &self.jobs_done), ("failed", &self.jobs_failed)].map(read)
    }

    /// Letters, by what became of handing them over.
    pub(crate) fn letters(&self) -> [(&'static str, u64); 3] {
        [("sent", &self.sent), ("deferred", &self.deferred), ("failed", &self.failed)].map(read)
    }

    /// Letters that wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }
}

fn read((word, count): (&'static str, &AtomicU64)) -> (&'static str, u64) {
    (word, count.load(Ordering::Relaxed))
}
