//! What was read for a question.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What has been read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Flow records in the store, sealed or not, added up over all uses of the table in the question.
    pub stored_records: u64,
    /// Flow records of which at least one column was read.
    pub scanned_records: u64,
}

/// The counters behind a [`Reading`], shared by all threads of a question.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    stored: AtomicU64,
    scanned: AtomicU64,
}

impl Meter {
    pub(crate) fn stored(&self, records: u64) {
        self.0.stored.fetch_add(records, Ordering::Relaxed);
    }

    pub(crate) fn scanned(&self, records: usize) {
        self.0.scanned.fetch_add(records as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Reading {
        Reading {
            stored_records: self.0.stored.load(Ordering::Relaxed),
            scanned_records: self.0.scanned.load(Ordering::Relaxed),
        }
    }
}
