//! A budget for the disk: the oldest detail goes first, accounts stay.
//!
//! Everything in the store's folder counts, the journal too; a disk that is smaller than the budget is the budget.
//! Segments are given up before the budget is reached, so that what arrives meanwhile finds room.
//! What accounts take is never given up for room: if they alone take too much, that is said.

use crate::Error;
use crate::manifest::{BinsFile, Files, SegmentFile};
use crate::retention::{Retention, Retired};
use crate::snapshot::Snapshot;
use crate::writer::{SEAL_BYTES, Writer, is_due};
use std::path::Path;
use weir_flow::time::BIN_MS;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The pace is that of so much time, the latest there is.
const PACE_MS: i64 = 7 * DAY_MS;
/// With less to go by, nothing is foretold.
const KNOWN_MS: i64 = HOUR_MS;
/// How often the budget is looked at when nothing changes but the journal.
const LOOK_MS: i64 = 1_000;
/// The journal is sealed before one file of it takes more than this part of the budget,
const JOURNAL_PART: u64 = 32;
/// but not before it has so many bytes.
const JOURNAL_LEAST: u64 = 1 << 20;

/// What a store may take, and how old it may be. `None` is as much as there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of all its files.
    pub bytes: Option<u64>,
    /// Flow records that ended longer ago than this, ms, are given up.
    pub flows_ms: Option<i64>,
    /// Accounts, counts and interface counters of bins that ended longer ago than this, ms, are given up.
    pub accounts_ms: Option<i64>,
}

/// What the files of a store take, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Flow records.
    pub segments: u64,
    /// Accounts, counts and interface counters.
    pub accounts: u64,
    /// What is not sealed yet.
    pub journal: u64,
    /// All else: the manifest, what sessions remember, roll-ups of what was given up, and files that others have taken the
    /// place of.
    pub other: u64,
}

impl Space {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.segments.saturating_add(self.accounts).saturating_add(self.journal).saturating_add(self.other)
    }
}

/// How long what there is room for lasts, at the pace of the last days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// What the store takes now.
    pub space: Space,
    /// What it may take: the budget, or the disk's size if that is less; without one what the disk has room for.
    pub limit: u64,
    /// Bytes of flow records a day; `None` if there is less than an hour to go by.
    pub segments_per_day: Option<u64>,
    /// The same of accounts, counts and interface counters.
    pub accounts_per_day: Option<u64>,
    /// How many ms of flow records there is room for beside what else there is.
    pub detail_ms: Option<i64>,
    /// How many ms of accounts there is room for if all flow records are given up.
    pub accounts_ms: Option<i64>,
}

/// What files say of the pace: their bytes, and when they came (first and last, ms since 1970).
struct Came {
    bytes: u64,
    span: (i64, i64),
}

impl Came {
    fn segment(file: &SegmentFile) -> Self {
        let span = if file.received.0 == i64::MIN { file.start } else { file.received };
        Self { bytes: file.bytes, span }
    }

    fn small(file: &BinsFile) -> Self {
        Self { bytes: file.bytes, span: (file.bin.0, file.bin.1.saturating_add(BIN_MS)) }
    }
}

/// Bytes a day, of the latest days there are.
fn pace(files: &[Came]) -> Option<u64> {
    let last = files.iter().map(|f| f.span.1).max()?;
    let since = last.saturating_sub(PACE_MS);
    let recent = || files.iter().filter(|f| f.span.0 >= since);
    let first = recent().map(|f| f.span.0).min()?;
    let known = u128::try_from(last.saturating_sub(first).max(0)).ok()?;
    if known < KNOWN_MS.unsigned_abs().into() {
        return None;
    }
    let bytes: u128 = recent().map(|f| u128::from(f.bytes)).sum();
    u64::try_from(bytes * u128::from(DAY_MS.unsigned_abs()) / known).ok()
}

/// How long a room lasts.
fn lasts(room: u64, per_day: Option<u64>) -> Option<i64> {
    let ms = u128::from(room) * u128::from(DAY_MS.unsigned_abs()) / u128::from(per_day.filter(|n| *n > 0)?);
    Some(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// What a store may take. A disk that is smaller than the budget is the limit; one that others fill is not: what
/// they take must not cost our history. Without a budget it is what there is and what the disk has room for.
fn limit(root: &Path, budget: Option<u64>, used: u64) -> u64 {
    let Ok(stat) = rustix::fs::statvfs(root) else { return budget.unwrap_or(u64::MAX) };
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    let reserved = stat.f_bfree.saturating_sub(stat.f_bavail);
    match budget {
        Some(budget) => budget.min(bytes(stat.f_blocks.saturating_sub(reserved))),
        None => used.saturating_add(bytes(stat.f_bavail)),
    }
}

/// What a store of this space needs, with room for what comes before the next look. What is journaled will be sealed, beside
/// what it was journaled as.
fn wanted(space: Space, limit: u64) -> u64 {
    space.total().saturating_add(limit / 20).saturating_add(space.journal / 2)
}

fn forecast(files: &Files, space: Space, limit: u64) -> Forecast {
    let segments: Vec<Came> = files.segments.iter().map(Came::segment).collect();
    let segments_per_day = pace(&segments);
    let accounts_per_day = pace(&files.small().map(Came::small).collect::<Vec<_>>());
    let beside = space.total().saturating_sub(space.segments);
    Forecast {
        space,
        limit,
        segments_per_day,
        accounts_per_day,
        detail_ms: lasts(limit.saturating_sub(beside), segments_per_day),
        accounts_ms: lasts(limit.saturating_sub(space.accounts), accounts_per_day),
    }
}

/// What the files that a manifest names take; the journal and the rest are somebody else's to add.
fn named(files: &Files) -> Space {
    Space {
        segments: files.segments.iter().map(|f| f.bytes).sum(),
        accounts: files.small().map(|f| f.bytes).sum(),
        ..Space::default()
    }
}

fn bytes_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

impl Snapshot {
    /// How long the store lasts, with this budget in bytes (or none).
    #[must_use]
    pub fn forecast(&self, budget: Option<u64>) -> Forecast {
        let mut space = named(self.files());
        let journal = crate::journal::files(self.root()).unwrap_or_default();
        space.journal = journal.iter().map(|(_, path)| bytes_of(path)).sum();
        space.other = bytes_of(&self.root().join(crate::manifest::NAME))
            .saturating_add(self.memory_file().map_or(0, |file| file.bytes))
            .saturating_add(self.parts().iter().map(|part| part.bytes).sum());
        forecast(self.files(), space, limit(self.root(), budget, space.total()))
    }
}

impl Writer {
    /// From now on the store keeps within this: [`Writer::tick`] gives up what is too old or too much.
    pub fn set_budget(&mut self, budget: Budget) {
        self.budget = budget;
        let part = budget.bytes.map_or(u64::MAX, |bytes| (bytes / JOURNAL_PART).max(JOURNAL_LEAST));
        self.seal_bytes = part.min(SEAL_BYTES as u64);
        self.looked = None;
    }

    /// From now on these roll-ups are kept when their segments are given up, and are given up in turn when they are older
    /// than they say.
    pub fn set_heirs(&mut self, heirs: Vec<crate::Heir>) {
        self.heirs = heirs;
        self.looked = None;
    }

    /// What the store takes.
    #[must_use]
    pub fn space(&self) -> Space {
        let mut space = named(&self.log.manifest.files());
        space.journal =
            self.backlog_bytes() + self.journal.as_ref().map_or(0, crate::journal::Journal::bytes);
        let doomed: u64 = self.doomed.iter().map(|(_, name)| bytes_of(&self.disk.path(name))).sum();
        let memory = self.log.manifest.memory.as_ref().map_or(0, |file| file.bytes);
        let rolled: u64 = self.log.manifest.parts().map(|part| part.bytes).sum();
        space.other =
            doomed.saturating_add(memory).saturating_add(rolled).saturating_add(self.log.manifest.len);
        space
    }

    /// How long the store lasts, at the pace of the last days.
    #[must_use]
    pub fn forecast(&self) -> Forecast {
        let space = self.space();
        forecast(&self.log.manifest.files(), space, limit(self.disk.root(), self.budget.bytes, space.total()))
    }

    /// Whether all detail is given up and the store still takes more than its budget: what it takes, and what it may.
    #[must_use]
    pub fn over_budget(&self) -> Option<(u64, u64)> {
        self.over_budget
    }

    /// All that was given up for the budget or its age since the store was opened.
    #[must_use]
    pub fn retired(&self) -> Retired {
        self.retired
    }

    /// Gives up what is too old or too much, if it is time to look.
    pub(crate) fn keep_budget(&mut self, now_ms: i64) -> Result<(), Error> {
        let lines = self.log.manifest.lines;
        let is_same = |(at, seen): (i64, u64)| seen == lines && !is_due(at, LOOK_MS, now_ms);
        let is_unlimited = self.budget == Budget::default() && self.heirs.is_empty();
        if is_unlimited || self.looked.is_some_and(is_same) {
            return Ok(());
        }
        self.looked = Some((now_ms, lines));
        let before = |age: Option<i64>| age.map(|ms| now_ms.saturating_sub(ms));
        let retention = Retention {
            flows_before: before(self.budget.flows_ms),
            accounts_before: before(self.budget.accounts_ms),
        };
        let aged = self.retire(retention, now_ms)?;
        self.retired.add(aged);
        let Some(bytes) = self.budget.bytes else { return Ok(()) };
        if self.is_too_much(bytes) {
            // Copies of what is stored elsewhere go before anything that is stored once.
            self.bury_all();
        }
        let space = self.space();
        let limit = limit(self.disk.root(), Some(bytes), space.total());
        let wanted = wanted(space, limit);
        self.over_budget = None;
        if wanted > limit {
            let enough = (wanted - limit).saturating_add(limit / 50);
            let given_up = self.give_up(enough, now_ms)?;
            self.retired.add(given_up);
            if given_up.files == 0 && space.total() > limit {
                self.over_budget = Some((space.total(), limit));
            }
        }
        Ok(())
    }

    /// Whether the store needs more than so much, as far as the disk has that.
    fn is_too_much(&self, bytes: u64) -> bool {
        let space = self.space();
        let limit = limit(self.disk.root(), Some(bytes), space.total());
        wanted(space, limit) > limit
    }

    /// Gives up the oldest segments, until so many bytes are.
    fn give_up(&mut self, bytes: u64, now_ms: i64) -> Result<Retired, Error> {
        let mut segments = self.log.manifest.files().segments;
        segments.sort_by_key(SegmentFile::ended);
        let mut sum = 0u64;
        let enough = segments.iter().position(|segment| {
            sum = sum.saturating_add(segment.bytes);
            sum >= bytes
        });
        segments.truncate(enough.map_or(segments.len(), |at| at + 1));
        let Some(last) = segments.last() else { return Ok(Retired::default()) };
        let retention =
            Retention { flows_before: Some(last.ended().saturating_add(1)), accounts_before: None };
        self.retire_files(&segments, &[], retention, now_ms)
    }
}
