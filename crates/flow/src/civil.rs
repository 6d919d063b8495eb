//! Civil time without a calendar library: the offsets of a zone as a plain list.
//!
//! Who asks knows the zone (`weir_account::Zone`) and hands in when its clocks change; here it is arithmetic. Every
//! instant then has one time of day, on days of 23 and 25 hours too.

use std::sync::Arc;

const HOUR_MS: i64 = 3_600_000;
/// A day of 24 hours.
const DAY_MS: i64 = 24 * HOUR_MS;

/// Local time less UTC, by instant. The default is UTC.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Civil {
    /// The offset before the first change, ms.
    first_ms: i64,
    /// From when on which offset holds, both ms, rising; each differs from the one before.
    changes: Arc<[(i64, i64)]>,
}

impl Civil {
    /// A zone whose clocks are `first_ms` ahead of UTC, and from each instant of `changes` (ms since 1970, in
    /// order) on so many ms.
    #[must_use]
    pub fn new(first_ms: i64, changes: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut kept: Vec<(i64, i64)> = Vec::new();
        for (at, offset) in changes {
            if kept.last().map_or(first_ms, |(_, before)| *before) != offset {
                kept.push((at, offset));
            }
        }
        Self { first_ms, changes: kept.into() }
    }

    /// Local time less UTC at an instant.
    #[must_use]
    pub fn offset_ms(&self, ms: i64) -> i64 {
        let after = self.changes.partition_point(|(at, _)| *at <= ms);
        after.checked_sub(1).and_then(|at| self.changes.get(at)).map_or(self.first_ms, |(_, offset)| *offset)
    }

    /// The last change of the clocks up to an instant, ms since 1970.
    #[must_use]
    pub fn changed_ms(&self, ms: i64) -> Option<i64> {
        let after = self.changes.partition_point(|(at, _)| *at <= ms);
        after.checked_sub(1).and_then(|at| self.changes.get(at)).map(|(at, _)| *at)
    }

    /// What the clocks show, as ms since 1970 there.
    #[must_use]
    pub fn local(&self, ms: i64) -> i64 {
        ms.saturating_add(self.offset_ms(ms))
    }

    /// The instant at which the clocks first show `local`; where they go forward over it, the instant they do.
    #[must_use]
    pub fn instant(&self, local: i64) -> i64 {
        // Offsets are less than a day: one of those in force around here is right.
        let mut best: Option<i64> = None;
        let from = self.changes.partition_point(|(at, _)| *at <= local.saturating_sub(DAY_MS));
        let before = from.checked_sub(1).and_then(|at| self.changes.get(at));
        let before = before.map_or(self.first_ms, |(_, offset)| *offset);
        let near = self.changes.iter().skip(from).take_while(|(at, _)| *at <= local.saturating_add(DAY_MS));
        for offset in std::iter::once(before).chain(near.clone().map(|(_, offset)| *offset)) {
            let instant = local.saturating_sub(offset);
            if self.offset_ms(instant) == offset {
                best = Some(best.map_or(instant, |best| best.min(instant)));
            }
        }
        let jump = || near.map(|(at, _)| *at).find(|at| self.local(*at) >= local);
        best.or_else(jump).unwrap_or(local.saturating_sub(before))
    }

    /// The same time on the clocks, so many days later (or earlier).
    #[must_use]
    pub fn days_later(&self, ms: i64, days: i64) -> i64 {
        self.instant(self.local(ms).saturating_add(days.saturating_mul(DAY_MS)))
    }

    /// The milliseconds since midnight that the clocks show.
    #[must_use]
    pub fn time_of_day_ms(&self, ms: i64) -> u64 {
        self.local(ms).rem_euclid(DAY_MS).cast_unsigned()
    }

    /// The hour that the clocks show: 0 to 23.
    #[must_use]
    pub fn hour(&self, ms: i64) -> u64 {
        self.time_of_day_ms(ms) / HOUR_MS.cast_unsigned()
    }

    /// The day of the week, 0 for Monday.
    #[must_use]
    pub fn weekday(&self, ms: i64) -> u64 {
        (self.local(ms).div_euclid(DAY_MS) + 3).rem_euclid(7).cast_unsigned()
    }
}
