//! Giving up what is old: segments, and apart from them accounts, counts and interface counters, which are small
//! and which bills rest on.
//!
//! A file is given up as a whole, when everything in it (and in the other segments of its unit) is older than
//! asked. One line of the manifest takes all of
//! them out of the store; then they are removed. A reader that had taken its snapshot before finds one gone, and
//! takes another.

use crate::manifest::{BinsFile, Line, Retire, SegmentFile};
use crate::unit::Unit;
use crate::writer::Writer;
use crate::{Error, heir};
use weir_flow::time::BIN_MS;

/// How old things may be: what ended before these times (ms since 1970) is given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Of flow records.
    pub flows_before: Option<i64>,
    /// Of accounts, counts and interface counters.
    pub accounts_before: Option<i64>,
}

/// What was given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Flow records in them.
    pub rows: u64,
    /// Roll-ups of them that were to be kept longer, and could not be read.
    pub rollups_lost: u64,
}

impl Retired {
    /// Adds what was given up later.
    pub(crate) fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.rows += other.rows;
        self.rollups_lost += other.rollups_lost;
    }
}

impl SegmentFile {
    /// When the last of its flows ended, ms since 1970.
    pub(crate) fn ended(&self) -> i64 {
        self.end.1.max(self.start.1)
    }
}

/// So many segments of a unit are given up together, or not yet.
const TOGETHER_MAX: usize = 4;

impl Writer {
    /// Gives up what is older than asked; `now_ms` is the time. Where nothing is, nothing is written.
    ///
    /// # Errors
    /// The disk refuses. Either all is given up or nothing; files that could not be removed any more are removed
    /// by the next writer.
    pub fn retire(&mut self, retention: Retention, now_ms: i64) -> Result<Retired, Error> {
        let mut segments = Vec::new();
        let units = &self.log.manifest.units;
        if let Some(before) = retention.flows_before {
            let is_old = |f: &&SegmentFile| f.ended() < before;
            // Accounts of a unit that keeps some of its segments cannot be computed again: where it has few, all of
            // them go together.
            let goes = |unit: &&Unit| {
                let segments = &unit.files.segments;
                segments.len() > TOGETHER_MAX || segments.iter().all(|f| is_old(&f))
            };
            let old = units.iter().filter(goes);
            segments.extend(old.flat_map(|unit| &unit.files.segments).filter(is_old).cloned());
        }
        let mut small = Vec::new();
        if let Some(before) = retention.accounts_before {
            let files = self.log.manifest.files();
            let old = |f: &&BinsFile| f.bin.1.saturating_add(BIN_MS) <= before;
            small.extend(files.bins.iter().chain(&files.health).chain(&files.counters).filter(old).cloned());
        }
        self.retire_files(&segments, &small, retention, now_ms)
    }

    /// Gives up these files.
    pub(crate) fn retire_files(
        &mut self,
        segments: &[SegmentFile],
        small: &[BinsFile],
        retention: Retention,
        now_ms: i64,
    ) -> Result<Retired, Error> {
        let mut names: Vec<String> = segments.iter().map(|f| f.name.clone()).collect();
        let small: Vec<&BinsFile> = small.iter().flat_map(BinsFile::each).collect();
        names.extend(small.iter().map(|f| f.name.clone()));
        let mut retired = Retired::default();
        for file in segments {
            retired.bytes += file.bytes;
            retired.rows += file.totals.rows;
        }
        retired.bytes += small.iter().map(|f| f.bytes).sum::<u64>();
        let outlived = heir::outlived(&self.log.manifest, &self.heirs, now_ms);
        names.extend(outlived);
        if names.is_empty() {
            return Ok(retired);
        }
        let (remains, lost) = heir::adopt(&self.disk, &self.heirs, segments, now_ms)?;
        retired.rollups_lost = lost.len() as u64;
        retired.files = names.len() as u64;
        // Only of what goes now: as long as no account is given up, all of them are there, however old they may be.
        let until = |before: Option<i64>, is_any: bool| before.filter(|_| is_any).unwrap_or(i64::MIN);
        let flows_before = until(retention.flows_before, !segments.is_empty());
        let accounts_before = until(retention.accounts_before, !small.is_empty());
        let line = Retire { at: now_ms, flows_before, accounts_before, names: names.clone(), remains };
        self.log.append(&self.disk, Line::Retire(line))?;
        self.damage.extend(lost);
        for name in names {
            self.disk.remove(&self.disk.path(&name))?;
        }
        Ok(retired)
    }
}
