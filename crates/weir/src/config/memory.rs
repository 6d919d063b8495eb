//! `[limits]`: the memory that the daemon may have, and how it is divided.
//!
//! The program itself, its threads and what the allocator keeps take [`BASE_BYTES`]. Of what is left, the batches that
//! wait for the writer have an eighth, what waits for a template an eighth, the journal's rows that are kept for their
//! seal an eighth, and the sealing itself, which sorts the rows of a segment, a quarter; the rest is sessions, their
//! templates and what is remembered of them. The least that can be asked for is [`LEAST_BYTES`].

use super::Config;
use super::read::{Reader, Table};
use super::store::bytes;
use std::fmt::{self, Write};
use weir_flow::session::HELD_BYTES_MAX;
use weir_store::Options;

/// A full batch in memory: 9,216 rows of every column.
pub(crate) const BATCH_BYTES: u64 = 9_216 * 300;
/// What there is before anything came.
const BASE_BYTES: u64 = 64 << 20;
/// With less, some share would be too small to work with.
const LEAST_BYTES: u64 = 256 << 20;
/// What a row takes, beside what the journal keeps of it, while its segment is sorted and written.
const SEALING_ROW_BYTES: u64 = 400;
/// Batches that may wait: at least so many, so that a flush of the disk is outlasted, and not more than are useful.
const QUEUE: (u64, u64) = (8, 64);
/// Rows of a journal file: fewer make small segments, more are no better.
const SEAL_ROWS: (u64, u64) = (1 << 17, 1 << 20);

/// How much memory there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// For the whole daemon.
    pub(crate) limit_bytes: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { limit_bytes: 2_000_000_000 }
    }
}

impl Memory {
    fn shared(self) -> u64 {
        self.limit_bytes.saturating_sub(BASE_BYTES)
    }

    /// Batches that may wait for the writer, of all listeners.
    pub(crate) fn queue_batches(self) -> usize {
        let batches = (self.shared() / 8 / BATCH_BYTES).clamp(QUEUE.0, QUEUE.1);
        usize::try_from(batches).unwrap_or(usize::MAX)
    }

    /// Octets of sets that may wait for their template, at each of so many workers.
    pub(crate) fn held_bytes(self, workers: usize) -> usize {
        let share = self.shared() / 8 / u64::try_from(workers.max(1)).unwrap_or(u64::MAX);
        usize::try_from(share).unwrap_or(usize::MAX).min(HELD_BYTES_MAX)
    }

    /// When the journal is sealed.
    pub(crate) fn store_options(self) -> Options {
        let usual = Options::default();
        let seal_rows = (self.shared() / 4 / SEALING_ROW_BYTES).clamp(SEAL_ROWS.0, SEAL_ROWS.1);
        let held_bytes = usize::try_from(self.shared() / 8).unwrap_or(usize::MAX).min(usual.held_bytes);
        Options { seal_rows, held_bytes, ..usual }
    }

    /// The resident bytes from which the daemon does what it can to take less.
    pub(crate) fn pressure_bytes(self) -> u64 {
        self.limit_bytes / 8 * 7
    }

    pub(super) fn write(self, out: &mut String) -> fmt::Result {
        writeln!(out, "\n[limits]\nmemory = \"{}\"", self.limit_bytes)
    }
}

impl Reader {
    pub(super) fn limits(&mut self, table: Table<'_>, config: &mut Config) {
        self.keys(table, "[limits]", &["memory"]);
        let Some((text, place)) = self.string(table, "memory") else { return };
        match bytes(text) {
            Some(limit_bytes) if limit_bytes >= LEAST_BYTES => config.memory = Memory { limit_bytes },
            Some(_) => {
                self.note(
                    place,
                    format!("\"{text}\" of memory is too little"),
                    "give it at least \"256 MiB\"",
                );
            }
            None => {
                self.note(place, format!("\"{text}\" is no amount of memory"), "write for example \"1 GB\"");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: &str) -> Memory {
        super::super::read(&format!("[limits]\nmemory = \"{text}\"")).unwrap().memory
    }

    #[test]
    fn shares_fit_into_the_whole() {
        for text in ["256 MiB", "1 GB", "2 GiB", "64 GiB"] {
            let memory = limit(text);
            let queue = u64::try_from(memory.queue_batches()).unwrap() * BATCH_BYTES;
            let held = u64::try_from(memory.held_bytes(1)).unwrap();
            let store = memory.store_options();
            let sealing = store.seal_rows * SEALING_ROW_BYTES;
            let frames = u64::try_from(store.held_bytes).unwrap();
            assert!(BASE_BYTES + queue + held + frames + sealing <= memory.limit_bytes, "{text}");
        }
        assert_eq!(limit("64 GiB").queue_batches(), 64);
        assert_eq!(limit("64 GiB").store_options(), Options::default());
        assert_eq!(Memory::default().store_options(), Options::default());
        assert_eq!(limit("256 MiB").queue_batches(), 9);
        assert_eq!(limit("1 GiB").held_bytes(2), 60 << 20);
    }

    #[test]
    fn too_little_is_no_budget() {
        for text in ["255 MiB", "lots", ""] {
            let mistakes = super::super::read(&format!("[limits]\nmemory = \"{text}\"")).unwrap_err();
            assert_eq!(mistakes.len(), 1, "{text}");
        }
    }
}
