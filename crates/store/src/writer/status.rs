//! How a writer is: what waits, and what there is. Asked every second or so by who watches it.

use super::Writer;
use crate::journal::Journal;

/// Files of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
}

impl Files {
    fn add(&mut self, bytes: u64, rows: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.rows = self.rows.saturating_add(rows);
    }
}

/// How a writer is. Whoever asks sees no more than the writer itself: nothing is read from disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Bytes of the journal's open file.
    pub journal_bytes: u64,
    /// Rows in it.
    pub journal_rows: u64,
    /// Since when the oldest batch waits that a power failure would lose, ms since 1970.
    pub unsynced_since: Option<i64>,
    /// Since when the oldest batch waits that is in no segment, of the open file.
    pub unsealed_since: Option<i64>,
    /// Full journal files that wait for the thread that seals, or are with it.
    pub seals_waiting: u64,
    /// Segments: flow records.
    pub flows: Files,
    /// Accounts by bin.
    pub bins: Files,
    /// Counts of what moved and what was lost.
    pub health: Files,
    /// What interfaces counted themselves.
    pub counters: Files,
    /// Journaled rows that are kept in memory until they are sealed, bytes.
    pub held_bytes: u64,
    /// What sessions remember, as it is in memory.
    pub memory_bytes: u64,
    /// Entries of that.
    pub memory_entries: u64,
    /// `Put`s of it that were refused for want of room.
    pub memory_refused: u64,
    /// Before this, ms since 1970, flow records may have been given up.
    pub flows_before: Option<i64>,
    /// Before this, accounts may have been.
    pub accounts_before: Option<i64>,
}

impl Writer {
    /// How it is.
    #[must_use]
    pub fn status(&self) -> Status {
        let wide = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        let journal = self.journal.as_ref();
        let holds_any = journal.is_some_and(|journal| journal.sequences.is_some());
        let mut status = Status {
            journal_bytes: journal.map_or(0, Journal::bytes),
            journal_rows: journal.map_or(0, |journal| journal.rows),
            unsynced_since: (self.synced < self.last_sequence).then_some(self.unsynced_since),
            unsealed_since: holds_any.then_some(self.unsealed_since),
            seals_waiting: wide(self.jobs.len()),
            held_bytes: wide(self.maker.lent_bytes()),
            memory_bytes: wide(self.memory.bytes()),
            memory_entries: wide(self.memory.len()),
            memory_refused: self.memory_refused,
            flows_before: self.log.manifest.flows_before,
            accounts_before: self.log.manifest.accounts_before,
            ..Status::default()
        };
        for files in self.log.manifest.units.iter().map(|unit| &unit.files) {
            files.segments.iter().for_each(|f| status.flows.add(f.bytes, f.totals.rows));
            files.bins.iter().for_each(|f| status.bins.add(f.bytes, f.rows));
            files.health.iter().for_each(|f| status.health.add(f.bytes, f.rows));
            files.counters.iter().for_each(|f| status.counters.add(f.bytes, f.rows));
        }
        status
    }

    /// Begins to seal what is journaled, although it is not due, because its memory is wanted back; false if there is
    /// nothing to seal, or sealing is under way anyhow.
    pub fn seal_early(&mut self, now_ms: i64) -> bool {
        let has_any = self.journal.as_ref().is_some_and(|journal| journal.rows > 0);
        if !has_any || !self.jobs.is_empty() {
            return false;
        }
        self.rotate(now_ms);
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::sample;
    use crate::{Options, Writer};

    const NOW: i64 = 1_767_225_600_000;

    #[test]
    fn what_waits_and_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = Writer::open(folder.path(), Options::default()).unwrap();
        assert_eq!(writer.status().unsealed_since, None);
        for octets in [1, 2, 3] {
            writer.append(&sample::tiny(octets, 1_767_225_600_000), 1_767_225_600_000).unwrap();
        }
        let status = writer.status();
        assert_eq!((status.journal_rows, status.flows.files), (3, 0));
        assert_eq!(status.unsynced_since, Some(1_767_225_600_000));
        writer.sync().unwrap();
        assert_eq!(writer.status().unsynced_since, None);
        writer.seal(1_767_225_601_000).unwrap();
        let status = writer.status();
        assert_eq!((status.journal_rows, status.unsealed_since, status.seals_waiting), (0, None, 0));
        assert_eq!((status.flows.files, status.flows.rows), (1, 3));
        let on_disk: u64 = walk(&folder.path().join("flows"));
        assert_eq!(status.flows.bytes, on_disk);
    }

    #[test]
    fn sealed_early_when_asked_and_there_is_something() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = Writer::open(folder.path(), Options::default()).unwrap();
        assert!(!writer.seal_early(NOW));
        writer.append(&sample::tiny(7, NOW), NOW).unwrap();
        assert!(writer.status().held_bytes > 0);
        assert!(writer.seal_early(NOW));
        assert!(!writer.seal_early(NOW));
        for _ in 0..2000 {
            writer.tick(NOW).unwrap();
            if writer.sealed() == 1 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let status = writer.status();
        assert_eq!((status.flows.rows, status.journal_rows, status.held_bytes), (1, 0, 0));
    }

    /// Bytes of the files in a folder and those in it.
    fn walk(folder: &std::path::Path) -> u64 {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let sizes =
            entries.map(|e| if e.path().is_dir() { walk(&e.path()) } else { e.metadata().unwrap().len() });
        sizes.sum()
    }
}
