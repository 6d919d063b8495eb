//! The only clock of the program: everybody else is told the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Now, by both clocks: the one that people read, and the one that never jumps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Milliseconds since 1970.
    pub(crate) ms: i64,
    /// For how long something took, and when it is due.
    pub(crate) at: Instant,
}

impl Moment {
    /// Reads both.
    pub(crate) fn now() -> Self {
        Self { ms: now_ms(), at: Instant::now() }
    }
}
