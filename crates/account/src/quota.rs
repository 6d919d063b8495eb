//! Quotas: what a subject may use in a cycle, and what happens at which part of it.
//!
//! A [`Watch`] remembers which thresholds of a cycle were passed, and is asked again and again with what was used so
//! far. It answers with what *changed*: each threshold rises once in a cycle, and falls once when the cycle turns, or
//! when figures are corrected to well below it (hysteresis), so that nobody is blocked and unblocked by a trickle. It
//! is pure: where it is kept, and what is done about an answer, is the program's.

use std::collections::BTreeMap;
use std::fmt;

/// What may be used in one cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Octets in a cycle.
    pub limit: u64,
    /// Percents of the limit at which something happens, rising: 50, 80, 100.
    pub thresholds: Vec<u16>,
    /// A threshold that was passed is taken back only if so many percent less than it were used.
    pub hysteresis: u16,
}

/// Why a quota cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaError {
    /// The limit is zero.
    Limit,
    /// There is no threshold, one is zero, or they do not rise.
    Thresholds,
    /// The hysteresis is more than the first threshold.
    Hysteresis,
}

impl fmt::Display for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Limit => "a quota of nothing is passed by everybody: write octets above 0",
            Self::Thresholds => "thresholds are percents above 0 that rise, as in [50, 80, 100]",
            Self::Hysteresis => "hysteresis is less than the first threshold",
        })
    }
}

impl std::error::Error for QuotaError {}

/// What changed since the quota was looked at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The threshold, in percent.
    pub threshold: u16,
    /// Whether it was passed, or is taken back.
    pub what: Edge,
    /// Octets used then,
    pub used: u64,
    /// of so many.
    pub limit: u64,
}

/// Which way a threshold was crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// It was reached.
    Passed,
    /// The cycle turned, and it is no longer.
    Turned,
    /// The figures were corrected to well below it.
    Corrected,
}

/// Which thresholds were passed in the present cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// The first instant of the cycle, ms since 1970.
    cycle_ms: Option<i64>,
    /// Thresholds that were passed, and the octets used when they were.
    passed: BTreeMap<u16, u64>,
}

impl Quota {
    /// A quota that makes sense.
    ///
    /// # Errors
    /// [`QuotaError`]
    pub fn new(limit: u64, thresholds: Vec<u16>, hysteresis: u16) -> Result<Self, QuotaError> {
        if limit == 0 {
            return Err(QuotaError::Limit);
        }
        let first = thresholds.first().copied().filter(|first| *first > 0).ok_or(QuotaError::Thresholds)?;
        if !thresholds.is_sorted_by(|a, b| a < b) {
            return Err(QuotaError::Thresholds);
        }
        if hysteresis >= first {
            return Err(QuotaError::Hysteresis);
        }
        Ok(Self { limit, thresholds, hysteresis })
    }

    /// Whether so many octets reach so many percent of the limit.
    fn reaches(&self, used: u64, percent: u16) -> bool {
        let scaled = u128::from(used).saturating_mul(100);
        scaled >= u128::from(self.limit).saturating_mul(percent.into())
    }

    /// When the limit is reached if it goes on as in the time from `since_ms` to `now_ms`, in which `lately` octets were
    /// used of the `used` of this cycle; ms since 1970. `None` if it is reached already, or never by this pace.
    #[must_use]
    pub fn forecast_ms(&self, used: u64, lately: u64, since_ms: i64, now_ms: i64) -> Option<i64> {
        let left = self.limit.checked_sub(used).filter(|left| *left > 0)?;
        let span = i128::from(now_ms.checked_sub(since_ms).filter(|span| *span > 0)?);
        let wait = i128::from(left).checked_mul(span)?.checked_add(i128::from(lately))?.checked_sub(1)?;
        let wait = i64::try_from(wait.checked_div(i128::from(lately))?).ok()?;
        now_ms.checked_add(wait)
    }
}

impl Watch {
    /// As it was kept: the cycle, and the thresholds that were passed in it.
    #[must_use]
    pub fn restored(cycle_ms: i64, passed: impl IntoIterator<Item = (u16, u64)>) -> Self {
        Self { cycle_ms: Some(cycle_ms), passed: passed.into_iter().collect() }
    }

    /// What is to be kept: the cycle's first instant, and the thresholds that were passed with the octets used then.
    #[must_use]
    pub fn kept(&self) -> Option<(i64, Vec<(u16, u64)>)> {
        Some((self.cycle_ms?, self.passed.iter().map(|(threshold, used)| (*threshold, *used)).collect()))
    }

    /// The highest threshold that was passed in this cycle.
    #[must_use]
    pub fn highest(&self) -> Option<u16> {
        self.passed.last_key_value().map(|(threshold, _)| *threshold)
    }

    /// Looks at what was used since the cycle's first instant, and says what changed, thresholds that are taken back
    /// first. A cycle before the one that is known (a clock that was set back) changes nothing.
    pub fn look(&mut self, quota: &Quota, cycle_ms: i64, used: u64) -> Vec<Change> {
        if self.cycle_ms.is_some_and(|known| cycle_ms < known) {
            return Vec::new();
        }
        let has_turned = self.cycle_ms.is_some_and(|known| cycle_ms > known);
        self.cycle_ms = Some(cycle_ms);
        let change = |threshold, what| Change { threshold, what, used, limit: quota.limit };
        let mut changes = Vec::new();
        for threshold in self.passed.keys().rev().copied().collect::<Vec<_>>() {
            let is_known = quota.thresholds.contains(&threshold);
            let is_above = quota.reaches(used, threshold.saturating_sub(quota.hysteresis));
            if has_turned || !is_known || !is_above {
                self.passed.remove(&threshold);
                changes.push(change(threshold, if has_turned { Edge::Turned } else { Edge::Corrected }));
            }
        }
        for threshold in &quota.thresholds {
            if !self.passed.contains_key(threshold) && quota.reaches(used, *threshold) {
                self.passed.insert(*threshold, used);
                changes.push(change(*threshold, Edge::Passed));
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quota() -> Quota {
        Quota::new(1000, vec![50, 80, 100], 5).unwrap()
    }

    fn edges(changes: &[Change]) -> Vec<(u16, Edge)> {
        changes.iter().map(|change| (change.threshold, change.what)).collect()
    }

    #[test]
    fn each_threshold_is_told_once() {
        let (quota, mut watch) = (quota(), Watch::default());
        let mut look = |cycle, used| edges(&watch.look(&quota, cycle, used));
        assert_eq!(look(1, 499), []);
        assert_eq!(look(1, 500), [(50, Edge::Passed)]);
        assert_eq!(look(1, 799), []);
        assert_eq!(look(1, 1000), [(80, Edge::Passed), (100, Edge::Passed)]);
        assert_eq!(look(1, 5000), []);
        // Corrected by a little: within the hysteresis. By more: below 95 %.
        assert_eq!(look(1, 950), []);
        assert_eq!(look(1, 949), [(100, Edge::Corrected)]);
        assert_eq!(look(1, 1000), [(100, Edge::Passed)]);
        // The cycle turns; what was used in it already counts at once.
        assert_eq!(
            look(2, 600),
            [(100, Edge::Turned), (80, Edge::Turned), (50, Edge::Turned), (50, Edge::Passed)]
        );
        // A clock that was set back.
        assert_eq!(look(1, 5000), []);
    }

    #[test]
    fn what_is_kept_goes_on() {
        let (quota, mut watch) = (quota(), Watch::default());
        watch.look(&quota, 7, 850);
        let (cycle, passed) = watch.kept().unwrap();
        assert_eq!((cycle, &passed[..]), (7, &[(50, 850), (80, 850)][..]));
        let mut again = Watch::restored(cycle, passed);
        assert_eq!((again.highest(), again.look(&quota, 7, 860)), (Some(80), vec![]));
        assert_eq!(again, watch);
    }

    #[test]
    fn the_pace_says_when() {
        let quota = quota();
        // 400 left, 100 in 10 s: in 40 s.
        assert_eq!(quota.forecast_ms(600, 100, 0, 10_000), Some(50_000));
        assert_eq!(quota.forecast_ms(600, 300, 0, 10_000), Some(10_000 + 13_334));
        assert_eq!(quota.forecast_ms(600, 0, 0, 10_000), None);
        assert_eq!(quota.forecast_ms(1000, 5, 0, 10_000), None);
    }

    #[test]
    fn a_quota_that_cannot_be_is_refused() {
        assert_eq!(Quota::new(0, vec![100], 0), Err(QuotaError::Limit));
        for thresholds in [vec![], vec![0, 50], vec![80, 50], vec![50, 50]] {
            assert_eq!(Quota::new(1, thresholds, 0), Err(QuotaError::Thresholds));
        }
        assert_eq!(Quota::new(1, vec![50], 50), Err(QuotaError::Hysteresis));
    }

    proptest! {
        /// Passed and taken back alternate, whatever comes, and it makes no difference when it is kept and restored.
        #[test]
        fn edges_alternate(story in prop::collection::vec((0i64..4, 0u64..2000, any::<bool>()), 1..60)) {
            let (quota, mut watch) = (quota(), Watch::default());
            let mut is_up: BTreeMap<u16, bool> = BTreeMap::new();
            let mut cycle = 0;
            for (turns, used, restart) in story {
                cycle += i64::from(turns == 0);
                for change in watch.look(&quota, cycle, used) {
                    let before = is_up.insert(change.threshold, change.what == Edge::Passed).unwrap_or(false);
                    prop_assert_eq!(before, change.what != Edge::Passed);
                }
                for threshold in &quota.thresholds {
                    if quota.reaches(used, *threshold) {
                        prop_assert!(is_up.get(threshold) == Some(&true));
                    }
                }
                if restart && let Some((cycle, passed)) = watch.kept() {
                    watch = Watch::restored(cycle, passed);
                }
            }
        }
    }
}
