//! The committed files that figures of a span rest on: what whoever keeps such figures writes down beside them.

use crate::manifest::BinsFile;
use crate::{Snapshot, Totals};
use std::ops::Range;
use weir_flow::time::bin;

/// What is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Flow records.
    Records(Totals),
    /// Accounts; so many rows.
    Accounts(u64),
    /// Counts of what was received and lost; so many rows.
    Counts(u64),
}

/// A file that the manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its path inside the store. No other file ever has the same.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// CRC-32C of all of them.
    pub crc32c: u32,
    /// What is in it.
    pub holds: Holds,
}

impl Snapshot {
    /// The files that accounts of the range (ms since 1970), their counts, and the records behind them are in, in the order
    /// they were committed.
    #[must_use]
    pub fn committed(&self, range: &Range<i64>) -> Vec<Committed> {
        let touches = |start: i64, end: i64| bin(start) < range.end && end.max(start) >= range.start;
        let records =
            self.segments.iter().filter(|s| touches(s.start_min, s.end_max.max(s.start_max))).map(|s| {
                let entry = s.entry();
                let holds = Holds::Records(entry.totals);
                Committed { name: entry.name.clone(), bytes: entry.bytes, crc32c: entry.crc32c.0, holds }
            });
        let small = |file: &BinsFile, holds: fn(u64) -> Holds| Committed {
            name: file.name.clone(),
            bytes: file.bytes,
            crc32c: file.crc32c.0,
            holds: holds(file.rows),
        };
        let files = self.files();
        let accounts = files.bins.iter().filter(|file| file.overlaps(range)).flat_map(BinsFile::each);
        let counts = files.health.iter().filter(|file| file.overlaps(range));
        let accounts = accounts.map(|file| small(file, Holds::Accounts));
        records.chain(accounts).chain(counts.map(|file| small(file, Holds::Counts))).collect()
    }

    /// How many records that may lie in the range are in the journal, not in a file yet.
    #[must_use]
    pub fn journaled(&self, range: &Range<i64>) -> u64 {
        let touches =
            |e: &&crate::TailEntry| bin(e.start_min) < range.end && e.end_max.max(e.start_max) >= range.start;
        self.tail.iter().filter(touches).map(|entry| entry.rows as u64).sum()
    }
}
