//! Puts small files together, in the background: what was sealed in an hour becomes the files of that hour, and
//! those of a day the files of the day.
//!
//! One line of the manifest (a `replace` that names files of several units) makes several units one. Accounts,
//! counts and interface counters are always put together; segments only where they are smaller than full ones,
//! which stay as they are. One group of units is done at a time, of so few rows that it takes no more memory than a
//! seal does, and while seals wait only so often that it is a small part of the work.
//!
//! Of the present hour units are put together as soon as there are [`MANY`] of like size: the largest is at most as
//! large as the others together. So what was put together is read again only when as much has come as it has itself,
//! and there are never many more units with accounts than `MANY`.
//!
//! A sampling interval that comes late is for all units before its place. So units are put together only when
//! every interval that came among them has been brought to its rows, and together they stand where the last stood.

use crate::bins::{Accumulator, BinRow};
use crate::disk::Disk;
use crate::journal::Frame;
use crate::manifest::{BinsFile, Files, Line, Replace, SegmentFile};
use crate::seal::{BINS, COUNTERS, Done, HEALTH, Parts, Source, Task};
use crate::snapshot::SegmentEntry;
use crate::unit::Unit;
use crate::writer::{RETRY_MS, Writer};
use crate::{Error, bins, counter, day, health, rewrite};
use std::collections::{BTreeMap, HashSet};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// An hour or a day is over so long after its end: what arrived in it is sealed by then.
const OVER_MS: i64 = 15 * 60_000;
/// So many units of the present hour are put together without waiting for its end.
const MANY: usize = if cfg!(test) { 6 } else { 16 };
/// No more units than this become one at a time.
const UNITS_MAX: usize = 512;
/// Nor more rows of counts and interface counters than this, nor files of many more accounts: a few hundred bytes of
/// memory each. Accounts of one hour are mostly of the same hosts, so that how many rows they become is known only
/// when they are added up: then as many units are put together as stay below this.
const SMALL_ROWS_MAX: u64 = 1 << 19;

/// Units that are being put together, and how that goes.
#[derive(Debug, Default)]
pub(crate) struct Compaction {
    /// In the background thread.
    pub running: Option<Vec<Unit>>,
    /// Not before this time, after a failure.
    not_before: i64,
    failures: u64,
    /// Lines of the manifest, and the hour, when nothing was found to be done.
    idle_at: Option<(u64, i64)>,
    /// Seals since something was put together.
    pub seals_since: u64,
    /// Files that cannot be read: their units are left as they are.
    damaged: HashSet<String>,
}

/// Files that are to be put together.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    /// Of each unit: everything but segments that stay as they are.
    units: Vec<Files>,
}

/// What a unit can be put together with: units of the same time, with accounts of the same nature.
type Group = (i64, i64, bool, bool);

impl Unit {
    /// When it arrived, ms since 1970, as far as that is known.
    fn arrived(&self) -> Option<i64> {
        let segments = self.files.segments.iter();
        let received =
            segments.map(|s| if s.received.0 == i64::MIN { s.start.0 } else { s.received.0 }).min();
        received.or_else(|| self.files.health.iter().chain(&self.files.bins).map(|f| f.bin.0).min())
    }

    fn small(&self) -> impl Iterator<Item = &BinsFile> {
        self.files.bins.iter().chain(&self.files.health).chain(&self.files.counters)
    }

    /// Rows of its accounts by host.
    fn accounts(&self) -> u64 {
        self.files.bins.iter().map(|file| file.rows).sum()
    }

    /// Rows of its segments that are less than half full.
    fn loose_rows(&self, full: u64) -> u64 {
        loose(&self.files, full).map(|s| s.totals.rows).sum()
    }
}

fn loose(files: &Files, full: u64) -> impl Iterator<Item = &SegmentFile> {
    files.segments.iter().filter(move |segment| segment.totals.rows < full / 2)
}

/// The units that are to become one next, by their places among all.
fn choose(units: &[Unit], sealed: u64, full: u64, now_ms: i64, skip: &HashSet<String>) -> Vec<usize> {
    let mut groups: BTreeMap<Group, Vec<usize>> = BTreeMap::new();
    for (at, unit) in units.iter().enumerate() {
        let rows: u64 = unit.small().map(|file| file.rows).sum();
        let is_done = rows > SMALL_ROWS_MAX / 2 && unit.loose_rows(full) == 0;
        // Before frames that are not sealed yet there may be intervals that are for some of them and not for others.
        let is_open = unit.place.sequence > sealed;
        let Some(arrived) = unit.arrived().filter(|_| !is_done && !is_open) else { continue };
        if unit.files.names().any(|name| skip.contains(name)) {
            continue;
        }
        let day = arrived.div_euclid(DAY_MS) * DAY_MS;
        let is_day_over = day.saturating_add(DAY_MS + OVER_MS) <= now_ms;
        let (from, length) =
            if is_day_over { (day, DAY_MS) } else { (arrived.div_euclid(HOUR_MS) * HOUR_MS, HOUR_MS) };
        groups.entry((from, length, unit.is_partial, unit.files.bins.is_empty())).or_default().push(at);
    }
    let mut best = Vec::new();
    for ((from, length, ..), mut places) in groups {
        let is_over = from.saturating_add(length).saturating_add(OVER_MS) <= now_ms;
        if !is_over {
            alike(units, &mut places);
        }
        let least = if is_over { 2 } else { MANY };
        let run = longest(units, &places, full);
        if run.len() >= least && run.len() > best.len() {
            best = run;
        }
    }
    best
}

/// Leaves out units that are larger than all smaller ones together.
fn alike(units: &[Unit], places: &mut Vec<usize>) {
    let rows = |at: usize| units.get(at).map_or(0, Unit::accounts);
    places.sort_by_key(|at| (rows(*at), *at));
    let mut sum = 0;
    let mut count = 0;
    for (before, at) in places.iter().enumerate() {
        let more = rows(*at);
        if more <= sum || before < MANY / 2 {
            count = before + 1;
        }
        sum += more;
    }
    places.truncate(count);
    places.sort_unstable();
}

/// The longest run of these units that is within the limits.
fn longest(units: &[Unit], places: &[usize], full: u64) -> Vec<usize> {
    let (mut best, mut run, mut rows, mut counts) = (Vec::new(), Vec::new(), 0u64, 0u64);
    for at in places {
        let Some(unit) = units.get(*at) else { continue };
        let more = (unit.loose_rows(full), unit.small().map(|file| file.rows).sum::<u64>() - unit.accounts());
        if rows + more.0 > full || counts + more.1 > SMALL_ROWS_MAX || run.len() >= UNITS_MAX {
            if run.len() > best.len() {
                best = std::mem::take(&mut run);
            }
            run.clear();
            (rows, counts) = (0, 0);
        }
        run.push(*at);
        rows += more.0;
        counts += more.1;
    }
    if run.len() > best.len() { run } else { best }
}

impl Writer {
    /// Begins to put units together, if the thread has nothing else to do and there is something to be gained.
    pub(crate) fn begin_merge(&mut self, now_ms: i64) -> Result<(), Error> {
        let manifest = &self.log.manifest;
        let state = Some((manifest.lines, now_ms.div_euclid(HOUR_MS / 4)));
        let is_settled = manifest.pending.is_empty() && self.round.is_none();
        if self.is_running()
            || !is_settled
            || self.compaction.not_before > now_ms
            || self.compaction.idle_at == state
        {
            return Ok(());
        }
        let full = self.options.seal_rows;
        let chosen = choose(&manifest.units, manifest.sealed, full, now_ms, &self.compaction.damaged);
        let is_urgent = chosen.len() >= MANY && self.has_many_small();
        if chosen.is_empty() || (!self.jobs.is_empty() && !is_urgent) {
            if self.jobs.is_empty() {
                self.compaction.idle_at = state;
            }
            return Ok(());
        }
        let units: Vec<Unit> = chosen.iter().filter_map(|at| manifest.units.get(*at)).cloned().collect();
        let merge = Merge::of(&units, full);
        let prefix = format!("m{}x{}", manifest.lines, self.compaction.failures);
        self.compaction.seals_since = 0;
        self.compaction.running = Some(units);
        self.worker.begin(Task { source: Source::Merge(Box::new(merge)), prefix, late: Vec::new() })
    }

    /// Whether so much was sealed, without a pause, that small files must be put together before more is.
    pub(crate) fn has_many_small(&self) -> bool {
        !self.jobs.is_empty() && self.compaction.seals_since >= MANY as u64
    }

    /// Commits what was put together.
    pub(crate) fn finish_merge(&mut self, units: &[Unit], done: Result<Done, Error>, now_ms: i64) {
        match done.and_then(|done| self.exchange(done, now_ms)) {
            Ok(()) => {}
            Err(error) => {
                self.compaction.failures += 1;
                if error.is_damaged() {
                    // Queries over it say so too. The others are put together without it.
                    let units = units
                        .iter()
                        .filter(|unit| unit.files.names().any(|n| self.disk.path(n) == error.path));
                    self.compaction.damaged.extend(units.flat_map(|u| u.files.names()).map(str::to_owned));
                    self.damage.push(error.into_damage());
                    return;
                }
                self.compaction.not_before = now_ms.saturating_add(RETRY_MS);
                self.trouble = Some(error);
            }
        }
    }

    /// Puts files in the place of others, in one step, unless some of these are gone.
    fn exchange(&mut self, done: Done, now_ms: i64) -> Result<(), Error> {
        let Done { files, replaced: names, .. } = done;
        let now = self.log.manifest.files();
        let there: HashSet<&str> = now.names().collect();
        if !names.iter().all(|name| there.contains(name.as_str())) {
            // Given up meanwhile: what was made is of no use.
            self.doomed.extend(files.names().map(|name| (now_ms, name.to_owned())));
            return Ok(());
        }
        self.log.append(&self.disk, Line::Replace(Replace { at: now_ms, names: names.clone(), files }))?;
        self.doomed.extend(names.into_iter().map(|name| (now_ms, name)));
        Ok(())
    }
}

impl Merge {
    /// What of these units is put together.
    fn of(units: &[Unit], full: u64) -> Self {
        let part = |unit: &Unit| Files {
            segments: loose(&unit.files, full).cloned().collect(),
            ..unit.files.clone()
        };
        Self { units: units.iter().map(part).collect() }
    }

    /// Writes the files that are to be there instead, and says of which.
    pub(crate) fn perform(self, disk: &Disk, prefix: &str) -> Result<Done, Error> {
        let (accounts, taken) = self.accounts(disk)?;
        let mut old = Files::default();
        self.units.iter().take(taken).for_each(|files| old.extend(files));
        if old.segments.len() < 2 {
            old.segments.clear();
        }
        let mut files = Files::default();
        if let Some(first) = first(&old.bins) {
            let name = format!("{BINS}/{}/{prefix}-0.parquet", day::folder(first));
            files.bins.push(bins::write(disk, &name, &accounts)?);
        }
        drop(accounts);
        let always = i64::MIN..i64::MAX;
        if let Some(first) = first(&old.health) {
            let mut rows = Vec::new();
            for file in &old.health {
                health::read(&disk.path(&file.name).into(), file, &always, &mut |row| {
                    rows.push(row.clone());
                })?;
            }
            let name = format!("{HEALTH}/{}/{prefix}-0.parquet", day::folder(first));
            files.health.push(health::write(disk, &name, &health::sum(rows))?);
        }
        if let Some(first) = first(&old.counters) {
            let mut samples = Vec::new();
            for file in &old.counters {
                counter::read(&disk.path(&file.name).into(), file, &always, &mut |sample| {
                    samples.push(sample);
                })?;
            }
            let name = format!("{COUNTERS}/{}/{prefix}-0.parquet", day::folder(first));
            files.counters.push(counter::write(disk, &name, samples)?);
        }
        if !old.segments.is_empty() {
            let parts = Parts { frames: frames(disk, &old.segments)?, ..Parts::default() };
            files.segments = parts.write(disk, prefix)?.segments;
        }
        let replaced = old.names().map(str::to_owned).collect();
        Ok(Done { files, replaced, ..Done::default() })
    }

    /// The accounts of the units, added up, of as many units as have few enough; and how many these are.
    fn accounts(&self, disk: &Disk) -> Result<(Accumulator, usize), Error> {
        let mut accounts = Accumulator::new();
        for (before, files) in self.units.iter().enumerate() {
            if before >= 2 && accounts.carried_rows() > SMALL_ROWS_MAX {
                return Ok((accounts, before));
            }
            for file in &files.bins {
                let mut add = |row: &BinRow<'_>| accounts.carry(row);
                bins::read(&disk.path(&file.name).into(), file, &(i64::MIN..i64::MAX), &mut add)?;
            }
        }
        Ok((accounts, self.units.len()))
    }
}

/// The rows of these segments.
fn frames(disk: &Disk, segments: &[SegmentFile]) -> Result<Vec<Frame>, Error> {
    let mut frames = Vec::new();
    for entry in segments {
        let reader = SegmentEntry::new(disk.root(), entry).open()?;
        for group in 0..reader.row_groups().len() {
            frames.push(rewrite::reframe(disk, &reader.read_all(group, u64::MAX)?, 0)?);
        }
    }
    Ok(frames)
}

/// The earliest bin of these files; `None` if there are none.
fn first(files: &[BinsFile]) -> Option<i64> {
    files.iter().map(|file| file.bin.0).min()
}
