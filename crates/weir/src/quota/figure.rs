//! What the daemon's thread has done about quotas, for `/metrics`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What is done, as `/metrics` calls it.
pub(crate) const ACTIONS: [&str; 5] = ["mail", "webhook", "exec", "block", "unblock"];

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Result {
    Done,
    Failed,
    /// More blocks than there may be at a time, or never this one.
    Refused,
    /// A dry run only said it.
    Dry,
}

impl Result {
    pub(crate) const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Refused, Self::Dry];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Dry => "dry",
        }
    }
}

/// The figures.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// When it last looked, ms since 1970; 0 before the first time.
    looked_ms: AtomicI64,
    /// Subjects blocked.
    pub(crate) blocked: AtomicU64,
    /// Elements that are to be put somewhere or taken away, and could not be so far.
    pub(crate) failing: AtomicU64,
    /// Subjects over a threshold that are not watched, because too many are.
    pub(crate) unwatched: AtomicU64,
    results: Mutex<BTreeMap<(&'static str, Result), u64>>,
}

impl Figures {
    /// It has looked at all quotas.
    pub(crate) fn looked(&self, now_ms: i64) {
        self.looked_ms.store(now_ms, Ordering::Relaxed);
    }

    /// How long ago it looked, ms; `None` if it never did.
    pub(crate) fn age_ms(&self, now_ms: i64) -> Option<i64> {
        let looked_ms = self.looked_ms.load(Ordering::Relaxed);
        (looked_ms != 0).then(|| now_ms.saturating_sub(looked_ms).max(0))
    }

    /// Something was done, or not. Actions that are none of [`ACTIONS`] are not counted.
    pub(crate) fn count(&self, action: &str, result: Result) {
        if let Some(action) = ACTIONS.into_iter().find(|one| *one == action) {
            let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
            *results.entry((action, result)).or_default() += 1;
        }
    }

    /// How often.
    pub(crate) fn times(&self, action: &'static str, result: Result) -> u64 {
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.get(&(action, result)).copied().unwrap_or_default()
    }
}
