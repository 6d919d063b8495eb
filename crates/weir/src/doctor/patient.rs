//! What was observed of one exporter: the one thing that is judged.

use std::collections::{BTreeMap, BTreeSet};
use weir_flow::Addr;
use weir_flow::health::{Counter, Row};
use weir_flow::names::{SamplingSource, Version};
use weir_flow::session::record::Exporter as Session;

/// What was observed of one exporter in a span. Whoever knows more fills in more: what nobody knew is empty or
/// `None`, and judged by nobody.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patient {
    pub(crate) address: Addr,
    /// Its observation domains.
    pub(crate) domains: BTreeSet<u32>,
    /// Whether it was first heard in the span, is named nowhere, and others are known: by their names, or from before.
    pub(crate) is_new: bool,
    /// What it speaks.
    pub(crate) versions: BTreeSet<Version>,
    /// When the first and the newest datagram came within the span, ms since 1970; as good as the bins of five
    /// minutes are.
    pub(crate) first: Option<i64>,
    /// See [`Patient::first`].
    pub(crate) last: Option<i64>,
    /// Everything counted of it.
    pub(crate) tally: Tally,
    /// The sampling intervals of its records, and whose word each is.
    pub(crate) sampling: Vec<Sampled>,
    /// Octets by where they were metered.
    pub(crate) ways: Ways,
    /// How long its flows last, of a sample of its records.
    pub(crate) pace: Option<Pace>,
    /// Arrival less the end of the flow, ms, of a sample of its records.
    pub(crate) lag: Option<Spread>,
    /// Arrival less the export time of the datagram, ms.
    pub(crate) offset: Option<Spread>,
    /// Its templates.
    pub(crate) templates: Vec<Template>,
    /// The enterprises whose elements it uses: they tell whose make it is.
    pub(crate) enterprises: BTreeSet<u32>,
    /// How often its uptime wrapped.
    pub(crate) wraps: u32,
    /// Its sessions that were heard in the span, as they were written down about once a minute.
    pub(crate) sessions: Vec<Session>,
    /// Whether it ever connected (TCP, TLS, SCTP): over a connection templates are told once.
    pub(crate) connects: bool,
}

impl Patient {
    /// For how long its templates were not told while data went on, ms: of its sessions the longest. Of a session
    /// the youngest template counts, for a template that is out of use is told no more.
    pub(crate) fn stale_templates_ms(&self) -> Option<u64> {
        let stale = |s: &Session| Some(s.last.saturating_sub(s.templates.iter().map(|t| t.refreshed).max()?));
        let longest = self.sessions.iter().filter_map(stale).max().filter(|_| !self.connects)?;
        u64::try_from(longest).ok()
    }
}

/// Records with one sampling interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sampled {
    /// 1 in so many; `None` is unknown.
    pub(crate) interval: Option<u32>,
    /// Whose word that is.
    pub(crate) source: Option<SamplingSource>,
    pub(crate) records: u64,
}

/// Octets by where they were metered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ways {
    pub(crate) ingress: u128,
    pub(crate) egress: u128,
    /// The records do not say.
    pub(crate) unsaid: u128,
}

/// How long flows last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The longest, ms.
    pub(crate) longest_ms: u64,
    /// Octets of flows longer than a bin.
    pub(crate) long_octets: u128,
    /// Octets of all.
    pub(crate) octets: u128,
}

/// How a quantity is distributed, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spread {
    /// Of all but the lowest twentieth: what a few odd values do not move.
    pub(crate) least: i64,
    pub(crate) median: i64,
    /// Of all but the highest twentieth.
    pub(crate) greatest: i64,
}

impl Spread {
    /// Of values in any order; `None` of none.
    pub(crate) fn of(values: &mut [i64]) -> Option<Self> {
        values.sort_unstable();
        let at = |twentieths: usize| values.get(values.len().checked_sub(1)? * twentieths / 20).copied();
        Some(Self { least: at(1)?, median: at(10)?, greatest: at(19)? })
    }
}

/// A template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) id: u16,
    /// When it was last told, ms since 1970.
    pub(crate) refreshed: i64,
    /// How often it is told, ms; `None` if it was told once.
    pub(crate) every_ms: Option<u64>,
}

/// Counters by name, with what is taken back taken off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally(BTreeMap<Box<str>, i64>);

impl Tally {
    /// Adds a count.
    pub(crate) fn add(&mut self, row: &Row) {
        if let Some(sum) = self.0.get_mut(row.what.as_ref()) {
            *sum = sum.saturating_add(row.value);
        } else {
            self.0.insert(row.what.as_ref().into(), row.value);
        }
    }

    /// A counter, whatever its reasons.
    pub(crate) fn of(&self, counter: Counter) -> u64 {
        self.named(counter.name())
    }

    /// A counter by its name, whatever its reasons: also one that this version does not know.
    pub(crate) fn named(&self, name: &str) -> u64 {
        let sums = self.0.iter().filter(|(what, _)| what.split(':').next() == Some(name));
        u64::try_from(sums.map(|(_, sum)| sum).sum::<i64>()).unwrap_or_default()
    }

    /// The reasons of a counter, the most frequent first.
    pub(crate) fn reasons(&self, name: &str) -> Vec<(String, u64)> {
        let mut reasons: Vec<(String, u64)> = self
            .0
            .iter()
            .filter_map(|(what, sum)| {
                let (counter, reason) = what.split_once(':')?;
                let sum = u64::try_from(*sum).ok().filter(|n| *n > 0)?;
                (counter == name).then(|| (reason.to_owned(), sum))
            })
            .collect();
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_leave_out_a_twentieth_at_either_end() {
        assert_eq!(Spread::of(&mut []), None);
        assert_eq!(Spread::of(&mut [5]), Some(Spread { least: 5, median: 5, greatest: 5 }));
        let mut values: Vec<i64> = (0..=100).rev().collect();
        assert_eq!(Spread::of(&mut values), Some(Spread { least: 5, median: 50, greatest: 95 }));
    }

    #[test]
    fn counters_with_reasons_add_up() {
        let mut tally = Tally::default();
        let mut add = |what: &'static str, value| {
            tally.add(&Row { bin: 0, exporter: Addr::UNSPECIFIED, domain: 0, what: what.into(), value });
        };
        add("undecodable:version", 2);
        add("undecodable:truncated", 3);
        add("undecodable:version", 5);
        add("awaiting_template", 4);
        add("awaiting_template", -4);
        add("records_lost", -1);
        add("from_the_future:why", 1);
        assert_eq!(tally.of(Counter::Undecodable), 10);
        assert_eq!(tally.reasons("undecodable"), [("version".to_owned(), 7), ("truncated".to_owned(), 3)]);
        assert_eq!((tally.of(Counter::Awaiting), tally.of(Counter::RecordsLost)), (0, 0));
        assert_eq!(tally.named("from_the_future"), 1);
        assert_eq!(tally.named("undecod"), 0);
    }
}
