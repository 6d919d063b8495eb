//! The store, as it is when a question is asked.

use crate::lookup::Lookup;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use weir_store::Snapshot;

/// All time, ms since 1970.
pub(crate) const ALWAYS: Range<i64> = i64::MIN..i64::MAX;

/// Where the store is, each time it is asked.
pub trait Source: Send + Sync + 'static {
    /// The store as it is now. What it has of this span (ms since 1970) is kept open, as far as descriptors go: a
    /// daemon replaces files and gives them up while a question is answered.
    ///
    /// # Errors
    /// It cannot be read.
    fn snapshot(&self, span: &Range<i64>) -> Result<Snapshot, weir_store::Error>;
    /// The zone whose clocks times are shown by, and days and hours are of, unless a question is asked in another: a name of the
    /// time zone database.
    fn zone(&self) -> String;
    /// The names as they are now.
    fn lookup(&self) -> Arc<dyn Lookup>;
}

/// The store for one question, the same for all its tables. It is taken when the question is planned and its span of
/// time is known. A question that is not about the store, as most are that clients look around with, takes none.
pub(crate) struct Shelf {
    source: Arc<dyn Source>,
    taken: Mutex<Option<Arc<Snapshot>>>,
}

impl Shelf {
    pub(crate) fn new(source: Arc<dyn Source>) -> Self {
        Self { source, taken: Mutex::default() }
    }

    /// The store; taken now for this span, unless it has been.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn take(&self, span: &Range<i64>) -> Result<Arc<Snapshot>, weir_store::Error> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = &*taken {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(self.source.snapshot(span)?);
        *taken = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}
