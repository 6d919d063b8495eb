//! The answer from what all threads found: in memory, or part by part where that is not large enough.

use super::spill::{PARTS, Runs};
use super::{Grouping, Ranked, Shared};
use crate::error::Error;
use crate::query::Query;
use crate::table::Table;
use crate::thread::on_threads;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The table that the query asks for, of all groups that were found.
///
/// # Errors
/// There is no memory, and no disk, for its groups or rows.
pub(crate) fn answer(mut found: Vec<Grouping<'_>>, query: &Query, threads: usize) -> Result<Table, Error> {
    let Some(mut first) = found.pop() else { return Err(Error::Thread) };
    let shared = first.shared;
    if !first.is_on_disk() && !found.iter().any(Grouping::is_on_disk) {
        // What the others have is given back as they are taken in.
        first.budget.lift();
        while let Some(other) = found.pop() {
            first.merge(other)?;
        }
    }
    if !first.is_on_disk() && found.is_empty() {
        match first.table(query) {
            Err(Error::Memory { .. }) if shared.disk.is_some() => {}
            done => return Ok(done?.table),
        }
    }
    let mut runs = Runs::default();
    found.push(first);
    for mut grouping in found {
        grouping.spill()?;
        runs.append(grouping.take_runs());
    }
    let mut table = of_parts(shared, &runs, 1, query, threads)?.table;
    table.statistics.spilled_bytes = shared.disk.as_ref().map_or(0, super::spill::Disk::bytes);
    Ok(table)
}

/// What all parts say, which have no group in common. `level` is how often they were parted.
fn of_parts(
    shared: &Shared,
    runs: &Runs,
    level: u32,
    query: &Query,
    threads: usize,
) -> Result<Ranked, Error> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut held = Held::new(shared, query);
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= PARTS {
                return Ok(held.all);
            }
            if let Err(error) = of_part(shared, runs, part, level, query).and_then(|one| held.add(one)) {
                next.store(PARTS, Ordering::Relaxed);
                return Err(error);
            }
        }
    };
    let mut held = Held::new(shared, query);
    for one in on_threads(threads, work)?.into_iter().flatten() {
        held.add(one)?;
    }
    held.merge()
}

/// What one part says; one that does not fit in memory is parted again.
fn of_part(shared: &Shared, runs: &Runs, part: usize, level: u32, query: &Query) -> Result<Ranked, Error> {
    let mut grouping = Grouping::new(shared, level);
    for run in runs.part(part) {
        grouping.load(*run)?;
    }
    if !grouping.is_on_disk() {
        return grouping.table(query);
    }
    grouping.spill()?;
    let runs = grouping.take_runs();
    drop(grouping);
    of_parts(shared, &runs, level + 1, query, 1)
}

/// Tables of several parts, of which no more rows are kept than the limit asks for, about.
struct Held<'a> {
    shared: &'a Shared,
    query: &'a Query,
    all: Vec<Ranked>,
    rows: usize,
}

impl<'a> Held<'a> {
    fn new(shared: &'a Shared, query: &'a Query) -> Self {
        Self { shared, query, all: Vec::new(), rows: 0 }
    }

    fn add(&mut self, one: Ranked) -> Result<(), Error> {
        self.rows += one.table.len();
        self.all.push(one);
        let many = self.query.limit.map_or(usize::MAX, |limit| limit.saturating_mul(2).max(64));
        if self.rows > many {
            let merged = self.merge()?;
            self.rows = merged.table.len();
            self.all.push(merged);
        }
        Ok(())
    }

    /// All of them as one; nothing is held any more.
    fn merge(&mut self) -> Result<Ranked, Error> {
        let all = std::mem::take(&mut self.all);
        let budget = &self.shared.budget;
        let before: usize = all.iter().map(|one| one.table.len()).sum();
        let kept = before.min(self.query.limit.unwrap_or(usize::MAX));
        // The rows that are kept are there twice for a while.
        let twice = kept.saturating_mul(self.shared.row_bytes());
        budget.take(twice).map_err(|crate::budget::Full| self.shared.too_many_rows(0))?;
        let merged = Ranked::merge(&all, self.query);
        budget.give_back(twice + (before - kept) * self.shared.row_bytes());
        Ok(merged)
    }
}
