//! Quotas: what a subject may use in a cycle, and what happens at which part of it.
//!
//! A [`Watch`] remembers which thresholds of a cycle were passed, and is asked again and again with what is known by
//! now. It answers with what *changed*: each threshold rises once, and falls when the cycle turns, or when it is well
//! below again (hysteresis), so that nobody is blocked and unblocked by a trickle. It is pure: where it is kept, and
//! what is done about an answer, is the program's.
//!
//! Three measures have thresholds: the *percent* of the limit that was used; the *pace*, how many times faster than even
//! use the limit is being used up; and the *forecast*, whether at that pace the limit is passed before the cycle ends.
//! Pace and forecast are unknown while there is too little to judge by; what is unknown changes nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Where something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Threshold {
    /// So many percent of the limit were used.
    Percent(u16),
    /// The limit is used up so many hundredths of times as fast as would use it up evenly: 200 is twice as fast.
    Pace(u16),
    /// At this pace the limit is passed before the cycle ends.
    Forecast,
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent} %"),
            Self::Pace(hundredths) => {
                let (whole, rest) = (hundredths.div_euclid(100), hundredths.rem_euclid(100));
                match (rest, rest.rem_euclid(10)) {
                    (0, _) => write!(f, "pace {whole}"),
                    (_, 0) => write!(f, "pace {whole}.{}", rest.div_euclid(10)),
                    _ => write!(f, "pace {whole}.{rest:02}"),
                }
            }
            Self::Forecast => f.write_str("forecast"),
        }
    }
}

impl FromStr for Threshold {
    type Err = ();

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "forecast" {
            return Ok(Self::Forecast);
        }
        if let Some(pace) = text.strip_prefix("pace ") {
            return hundredths(pace).map(Self::Pace).ok_or(());
        }
        let percent = text.strip_suffix(" %").ok_or(())?;
        percent.parse().map(Self::Percent).map_err(|_| ())
    }
}

/// `1.5` as 150: a number with at most two digits after the point, exactly.
#[must_use]
pub fn hundredths(text: &str) -> Option<u16> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(rest) || rest.len() > 2 {
        return None;
    }
    let tens = if rest.len() == 1 { 10 } else { 1 };
    let rest = rest.parse::<u16>().ok()?.checked_mul(tens)?;
    whole.parse::<u16>().ok()?.checked_mul(100)?.checked_add(rest)
}

/// What may be used in one cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Octets in a cycle.
    pub limit: u64,
    /// Where something happens, rising: percents, then paces, then the forecast.
    pub thresholds: Vec<Threshold>,
    /// A threshold that was passed is taken back only if so many percent less: of the limit, of the pace, of the octets
    /// that are foretold.
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

/// What is known of a subject when it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The cycle, ms since 1970.
    pub cycle: Range<i64>,
    /// Now, ms since 1970.
    pub now_ms: i64,
    /// Octets used since the cycle began.
    pub used: u64,
    /// What of them were used lately; `None` while there is too little time to judge by.
    pub lately: Option<Lately>,
}

/// The pace of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lately {
    /// From when, ms since 1970, until now.
    pub since_ms: i64,
    /// Octets that were used since then.
    pub octets: u64,
}

/// What changed since the quota was looked at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The threshold.
    pub threshold: Threshold,
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
    /// It is well below again: figures were corrected, or the pace slackened.
    Fell,
}

impl Edge {
    /// Its word in the books and for programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Turned => "turned",
            Self::Fell => "fell",
        }
    }
}

/// Which thresholds were passed in the present cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// The first instant of the cycle, ms since 1970.
    cycle_ms: Option<i64>,
    /// Thresholds that were passed, and the octets used when they were.
    passed: BTreeMap<Threshold, u64>,
}

impl Quota {
    /// A quota that makes sense, with its thresholds in order.
    ///
    /// # Errors
    /// [`QuotaError`]
    pub fn new(limit: u64, thresholds: Vec<Threshold>, hysteresis: u16) -> Result<Self, QuotaError> {
        if limit == 0 {
            return Err(QuotaError::Limit);
        }
        let is_zero = |threshold: &Threshold| matches!(threshold, Threshold::Percent(0) | Threshold::Pace(0));
        if thresholds.is_empty() || thresholds.iter().any(is_zero) || !thresholds.is_sorted_by(|a, b| a < b) {
            return Err(QuotaError::Thresholds);
        }
        let room = match thresholds.first() {
            Some(Threshold::Percent(first)) => (*first).min(100),
            _ => 100,
        };
        if hysteresis >= room {
            return Err(QuotaError::Hysteresis);
        }
        Ok(Self { limit, thresholds, hysteresis })
    }

    /// Whether a threshold less `slack` percent is reached. `None` if that is unknown.
    fn reaches(&self, threshold: Threshold, seen: &Seen, slack: u16) -> Option<bool> {
        let limit = u128::from(self.limit);
        let rest = u128::from(100u16.saturating_sub(slack));
        match threshold {
            Threshold::Percent(percent) => {
                let percent = u128::from(percent.saturating_sub(slack));
                Some(u128::from(seen.used).saturating_mul(100) >= limit.saturating_mul(percent))
            }
            Threshold::Pace(hundredths) => {
                let (lately, span) = seen.pace()?;
                let cycle = u128::try_from(seen.cycle.end.checked_sub(seen.cycle.start)?).ok()?;
                // lately / span against limit / cycle.
                let is = lately.saturating_mul(cycle).saturating_mul(10_000);
                let may = limit.saturating_mul(span).saturating_mul(hundredths.into()).saturating_mul(rest);
                Some(is >= may)
            }
            Threshold::Forecast => Some(seen.foretold()?.saturating_mul(100) >= limit.saturating_mul(rest)),
        }
    }

    /// Whether a threshold that was not passed is passed now. A forecast is one only of what has not happened.
    fn is_passed(&self, threshold: Threshold, seen: &Seen) -> bool {
        let is_over = threshold == Threshold::Forecast && seen.used >= self.limit;
        !is_over && self.reaches(threshold, seen, 0) == Some(true)
    }

    /// When the limit is reached if it goes on as of late; ms since 1970. `None` if it is reached already, never by this
    /// pace, or if the pace is unknown.
    #[must_use]
    pub fn forecast_ms(&self, seen: &Seen) -> Option<i64> {
        let left = u128::from(self.limit.checked_sub(seen.used).filter(|left| *left > 0)?);
        let (lately, span) = seen.pace()?;
        let wait = left.checked_mul(span)?.checked_add(lately)?.checked_sub(1)?.checked_div(lately)?;
        seen.now_ms.checked_add(i64::try_from(wait).ok()?)
    }

    /// How many hundredths of times as fast as evenly the limit is used up; rounded down. `None` if that is unknown.
    #[must_use]
    pub fn pace_hundredths(&self, seen: &Seen) -> Option<u64> {
        let (lately, span) = seen.pace()?;
        let cycle = u128::try_from(seen.cycle.end.checked_sub(seen.cycle.start)?).ok()?;
        let evenly = u128::from(self.limit).checked_mul(span)?;
        u64::try_from(lately.checked_mul(cycle)?.checked_mul(100)?.checked_div(evenly)?).ok()
    }
}

impl Seen {
    /// Octets of late, and in how many ms.
    fn pace(&self) -> Option<(u128, u128)> {
        let lately = self.lately?;
        let span = self.now_ms.checked_sub(lately.since_ms).filter(|span| *span > 0)?;
        Some((lately.octets.into(), u128::try_from(span).ok()?))
    }

    /// Octets that will have been used at the cycle's end, if it goes on as of late; rounded down. `None` if the pace is
    /// unknown.
    #[must_use]
    pub fn foretold(&self) -> Option<u128> {
        let (lately, span) = self.pace()?;
        let left = u128::try_from(self.cycle.end.saturating_sub(self.now_ms).max(0)).ok()?;
        u128::from(self.used).checked_add(lately.checked_mul(left)?.checked_div(span)?)
    }
}

impl Watch {
    /// As it was kept: the cycle, and the thresholds that were passed in it.
    #[must_use]
    pub fn restored(cycle_ms: i64, passed: impl IntoIterator<Item = (Threshold, u64)>) -> Self {
        Self { cycle_ms: Some(cycle_ms), passed: passed.into_iter().collect() }
    }

    /// What is to be kept: the cycle's first instant, and the thresholds that were passed with the octets used then.
    #[must_use]
    pub fn kept(&self) -> Option<(i64, Vec<(Threshold, u64)>)> {
        Some((self.cycle_ms?, self.passed.iter().map(|(threshold, used)| (*threshold, *used)).collect()))
    }

    /// The thresholds that were passed in this cycle.
    pub fn passed(&self) -> impl Iterator<Item = Threshold> + '_ {
        self.passed.keys().copied()
    }

    /// Whether there is nothing to be remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.passed.is_empty()
    }

    /// Looks at what is known, and says what changed, thresholds that are taken back first. A cycle before the one that
    /// is known (a clock that was set back) changes nothing.
    pub fn look(&mut self, quota: &Quota, seen: &Seen) -> Vec<Change> {
        let cycle_ms = seen.cycle.start;
        if self.cycle_ms.is_some_and(|known| cycle_ms < known) {
            return Vec::new();
        }
        let has_turned = self.cycle_ms.is_some_and(|known| cycle_ms > known);
        self.cycle_ms = Some(cycle_ms);
        let change = |threshold, what| Change { threshold, what, used: seen.used, limit: quota.limit };
        let mut changes = Vec::new();
        for threshold in self.passed.keys().rev().copied().collect::<Vec<_>>() {
            let is_known = quota.thresholds.contains(&threshold);
            let is_below = quota.reaches(threshold, seen, quota.hysteresis) == Some(false);
            if has_turned || !is_known || is_below {
                self.passed.remove(&threshold);
                changes.push(change(threshold, if has_turned { Edge::Turned } else { Edge::Fell }));
            }
        }
        for threshold in &quota.thresholds {
            if !self.passed.contains_key(threshold) && quota.is_passed(*threshold, seen) {
                self.passed.insert(*threshold, seen.used);
                changes.push(change(*threshold, Edge::Passed));
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests;
