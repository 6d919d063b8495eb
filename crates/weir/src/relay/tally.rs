//! What the relays did, counted by their threads and collected by the writer, so that it is stored like
//! everything else that is counted.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use weir_flow::health::{Counter, Row};
use weir_flow::{Addr, Batch, time};

/// Exporters counted apart between two collections; those beyond share one line.
const KEYS_MAX: usize = 4096;

/// Counts since they were collected last.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: Mutex<HashMap<(Addr, Counter, &'static str), i64>>,
}

/// The tally, held: for many counts in a row.
pub(super) struct Held<'a>(MutexGuard<'a, HashMap<(Addr, Counter, &'static str), i64>>);

impl Tally {
    pub(super) fn hold(&self) -> Held<'_> {
        Held(self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was counted, as a batch without rows; `None` if nothing was.
    pub(super) fn take(&self, now: i64) -> Option<Batch> {
        let counts = std::mem::take(&mut *self.hold().0);
        if counts.is_empty() {
            return None;
        }
        let mut batch = Batch::new();
        batch.health = counts
            .into_iter()
            .map(|((exporter, counter, reason), value)| {
                let what = match reason {
                    "" => counter.name().into(),
                    reason => format!("{}:{reason}", counter.name()).into(),
                };
                Row { bin: time::bin(now), exporter, domain: 0, what, value }
            })
            .collect();
        Some(batch)
    }
}

impl Held<'_> {
    /// Counts; the reason is empty where the counter has none.
    pub(super) fn add(&mut self, exporter: Addr, counter: Counter, reason: &'static str, value: usize) {
        let key = (exporter, counter, reason);
        let has_room = self.0.len() < KEYS_MAX || self.0.contains_key(&key);
        let key = if has_room { key } else { (Addr::UNSPECIFIED, counter, reason) };
        let count = self.0.entry(key).or_default();
        *count = count.saturating_add(i64::try_from(value).unwrap_or(i64::MAX));
    }
}
