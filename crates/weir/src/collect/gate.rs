//! Who is let in: the allow-list, and how many datagrams one exporter may send in a second.
//!
//! Both are asked before anything of a datagram is read. The clock is an argument.

use crate::config::{Collect, Config};
use std::collections::HashSet;
use weir_account::Prefix;
use weir_flow::Addr;

/// Why a datagram or a connection is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its address is not among those that may speak.
    NotAllowed,
    /// The exporter sent more than it may in a second.
    ExporterLimit,
}

impl Refusal {
    /// The reason under which it is counted.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::ExporterLimit => "exporter_limit",
        }
    }

    /// What it means and what to do, for the log.
    pub(super) fn explanation(self) -> &'static str {
        match self {
            Self::NotAllowed => {
                "it is not among those that may speak: add it to `allow` of [collect], or as an [[exporter]]"
            }
            Self::ExporterLimit => "it sends more than `datagrams_per_second` of [collect]",
        }
    }
}

/// Who may speak.
#[derive(Debug)]
pub(super) struct Gate {
    declared: HashSet<Addr>,
    /// Besides the declared; `None`: everybody.
    allow: Option<Vec<Prefix>>,
    /// Datagrams in a second.
    limit: Option<u32>,
}

impl Gate {
    pub(super) fn new(config: &Config) -> Self {
        let Collect { allow, only_declared, datagrams_per_second, .. } = &config.collect;
        let is_open = allow.is_empty() && !only_declared;
        Self {
            declared: config.exporters.iter().map(|e| e.address).collect(),
            allow: (!is_open).then(|| allow.clone()),
            limit: *datagrams_per_second,
        }
    }

    /// Whether the operator named this exporter.
    pub(super) fn is_declared(&self, exporter: Addr) -> bool {
        self.declared.contains(&exporter)
    }

    /// Whether this address may speak at all.
    pub(super) fn allows(&self, exporter: Addr) -> bool {
        let Some(allow) = &self.allow else { return true };
        self.is_declared(exporter) || allow.iter().any(|network| network.contains(exporter))
    }

    /// Whether exporters have a limit at all.
    pub(super) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// Takes a datagram out of the exporter's bucket at `now`, ms; false if it is empty.
    pub(super) fn take(&self, bucket: &mut Bucket, now: i64) -> bool {
        self.limit.is_none_or(|limit| bucket.take(limit, now))
    }

    /// Whether there is one in it.
    pub(super) fn has_any(&self, bucket: &mut Bucket, now: i64) -> bool {
        self.limit.is_none_or(|limit| bucket.fill(limit, now) >= WHOLE)
    }
}

/// One datagram, in thousandths.
const WHOLE: i64 = 1000;

/// What an exporter may still send: a token bucket that holds a second's worth.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Bucket {
    /// Thousandths of datagrams, and when they were that many, ms. `None`: never used, so full.
    state: Option<(i64, i64)>,
}

impl Bucket {
    /// Thousandths of datagrams in it at `now`. A clock that was set back gives nothing and takes nothing.
    fn fill(&mut self, limit: u32, now: i64) -> i64 {
        let full = i64::from(limit) * WHOLE;
        let left = match self.state {
            None => full,
            // A datagram a second is a thousandth in a millisecond.
            Some((left, at)) => {
                let elapsed = now.saturating_sub(at).max(0);
                left.saturating_add(elapsed.saturating_mul(limit.into())).min(full)
            }
        };
        self.state = Some((left, now));
        left
    }

    fn take(&mut self, limit: u32, now: i64) -> bool {
        let left = self.fill(limit, now);
        if left < WHOLE {
            return false;
        }
        self.state = Some((left - WHOLE, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(text: &str) -> Gate {
        Gate::new(&crate::config::read(text).unwrap())
    }

    #[test]
    fn who_may_speak() {
        let [inside, outside, declared]: [Addr; 3] =
            ["192.0.2.7", "198.51.100.1", "2001:db8::1"].map(|a| a.parse().unwrap());
        let exporter = "[[exporter]]\naddress = \"2001:db8::1\"\n";
        let who = |gate: &Gate| [inside, outside, declared].map(|exporter| gate.allows(exporter));
        assert_eq!(who(&gate("")), [true, true, true]);
        let allow = format!("[collect]\nallow = [\"192.0.2.0/24\"]\n{exporter}");
        assert_eq!(who(&gate(&allow)), [true, false, true]);
        let only = format!("[collect]\nonly_declared = true\n{exporter}");
        assert_eq!(who(&gate(&only)), [false, false, true]);
    }

    #[test]
    fn a_second_s_worth_and_then_as_they_come() {
        let gate = gate("[collect]\ndatagrams_per_second = 10\n");
        let mut bucket = Bucket::default();
        let mut taken = |now: i64, tries: usize| (0..tries).filter(|_| gate.take(&mut bucket, now)).count();
        assert_eq!(taken(5000, 25), 10);
        // A tenth of a second is one datagram; less is none.
        assert_eq!([taken(5099, 5), taken(5100, 5), taken(5350, 5)], [0, 1, 2]);
        // An hour of silence saves up a second's worth.
        assert_eq!(taken(3_605_000, 25), 10);
        // The clock is set back by a minute: it goes on from there.
        assert_eq!([taken(3_545_000, 5), taken(3_545_500, 25)], [0, 5]);
    }
}
