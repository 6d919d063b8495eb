//! Brings late sampling intervals to the units that are sealed already, one after the other, while the thread has
//! no seal to do.
//!
//! The manifest names the intervals that are not everywhere yet. A *round* visits every unit that may hold rows of
//! theirs; each is written anew in one step, or left as it is. When all were visited, one line says that the
//! intervals are settled. A crash at any point costs no more than visiting again: rows that are scaled know it.

use crate::Error;
use crate::manifest::{Line, Replace, Settle};
use crate::rescale::Intervals;
use crate::rewrite::Rewrite;
use crate::seal::{Done, Source, Task};
use crate::unit::{Late, Place, Unit};
use crate::writer::{RETRY_MS, Writer};
use std::collections::HashSet;

/// One visit of all units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// With so many intervals, the oldest of those that are pending.
    count: usize,
    /// The last unit visited.
    visited: Option<Place>,
    /// After a failure: not before this time.
    not_before: i64,
    failures: u64,
}

impl Writer {
    /// Seals everything, and waits until late sampling intervals are brought to all rows that they are for. That
    /// happens in the background too; a crash delays it and loses nothing.
    ///
    /// # Errors
    /// The disk refuses. What is not done is done later.
    pub fn settle(&mut self, now_ms: i64) -> Result<(), Error> {
        self.seal(now_ms)?;
        if let Some(round) = &mut self.round {
            round.not_before = i64::MIN;
        }
        loop {
            self.begin_next(now_ms)?;
            if let Some(error) = self.trouble.take() {
                return Err(error);
            }
            if !self.is_running() {
                return Ok(());
            }
            let done = self.worker.wait();
            self.finish(done, now_ms);
        }
    }

    /// Whether there are sampling intervals that are not yet brought to all rows that they are for.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.log.manifest.pending.is_empty()
    }

    /// Hands the next unit to the thread, or ends the round.
    pub(crate) fn begin_rewrite(&mut self, now_ms: i64) -> Result<(), Error> {
        let manifest = &self.log.manifest;
        if manifest.pending.is_empty() {
            return Ok(());
        }
        // Those of an import are for frames before it too: what these say comes first.
        if self.round.is_none() && manifest.pending.iter().any(|late| late.place.sequence > manifest.sealed) {
            return Ok(());
        }
        let start = Round { count: manifest.pending.len(), visited: None, not_before: i64::MIN, failures: 0 };
        let round = *self.round.get_or_insert(start);
        if round.not_before > now_ms {
            return Ok(());
        }
        let pending = manifest.pending.get(..round.count).unwrap_or_default();
        let fresh = |unit: &&Unit| round.visited.is_none_or(|visited| unit.place > visited);
        let concerned = |unit: &&Unit| pending.iter().any(|late| late.is_for(unit));
        let next = manifest.units.iter().filter(fresh).filter(concerned).min_by_key(|unit| unit.place);
        let Some(unit) = next.cloned() else {
            self.round = None;
            self.log.append(&self.disk, Line::Settle(Settle { at: now_ms, count: round.count }))?;
            // More may have come meanwhile.
            return self.begin_rewrite(now_ms);
        };
        let mut late: Vec<Late> = pending.iter().filter(|late| late.is_for(&unit)).copied().collect();
        late.sort_by_key(|late| late.place);
        let rewrite = Rewrite {
            change: Intervals(late.iter().map(|late| late.rescale).collect()),
            accounts_before: manifest.accounts_before.unwrap_or(i64::MIN),
            unit: unit.clone(),
        };
        // No two lines of the manifest have the same number, so no other file has such a name.
        let prefix = format!("{}r{}x{}", unit.prefix, manifest.lines, round.failures);
        self.rewriting = Some(unit);
        self.worker.begin(Task { source: Source::Unit(Box::new(rewrite)), prefix, late: Vec::new() })
    }

    /// Takes the files of a unit that was written anew.
    pub(crate) fn finish_rewrite(&mut self, unit: &Unit, done: Result<Done, Error>, now_ms: i64) {
        let replaced = done.and_then(|done| self.replace(done, now_ms));
        let Some(round) = &mut self.round else { return };
        match replaced {
            Ok(()) => round.visited = Some(unit.place),
            // What cannot be read is not scaled; that must not keep the others from it, nor the store from writing.
            Err(error) if error.is_damaged() => {
                round.visited = Some(unit.place);
                self.damage.push(error.into_damage());
            }
            Err(error) => {
                round.not_before = now_ms.saturating_add(RETRY_MS);
                round.failures += 1;
                self.trouble = Some(error);
            }
        }
    }

    /// Puts files in the place of a unit's segments, bins and counts, in one step.
    fn replace(&mut self, done: Done, now_ms: i64) -> Result<(), Error> {
        if done.files.segments.is_empty() {
            return Ok(());
        }
        let names = done.replaced;
        let now = self.log.manifest.files();
        let there: HashSet<&str> = now.names().collect();
        let files = done.files;
        let new: Vec<String> = files.names().map(str::to_owned).collect();
        if !names.iter().all(|name| there.contains(name.as_str())) {
            // Given up meanwhile, in part: what is left of it is visited again.
            self.doomed.extend(new.into_iter().map(|name| (now_ms, name)));
            self.round = None;
            return Ok(());
        }
        // If this fails the line may stand for all that; the new files are left, for the next writer to judge.
        self.log.append(&self.disk, Line::Replace(Replace { at: now_ms, names: names.clone(), files }))?;
        self.doomed.extend(names.into_iter().map(|name| (now_ms, name)));
        Ok(())
    }
}
