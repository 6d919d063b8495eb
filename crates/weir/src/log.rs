//! The log: lines on standard error, and a limit on how many the network can cause.
//!
//! What exporters do wrong is counted, always; a line in the log is for the one who looks for the reason. So each
//! exporter and reason has at most one line in ten seconds, all together at most [`LINES_MAX`], and of the rest one
//! line says how many there were. Whoever sends garbage from a thousand addresses does not write the log.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};
use weir_flow::Addr;
use weir_flow::session::Problem;

/// A span for which lines are limited.
const EVERY: Duration = Duration::from_secs(10);
/// Lines in that time, of all threads: what a person reads.
const LINES_MAX: u64 = 50;
/// Exporters without a line that are told apart in that time; of more, it is said that there are more.
const TOLD_APART_MAX: usize = 65_536;

/// Starts the log of a daemon.
pub(crate) fn start() {
    let _ = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .try_init();
}

/// The lines that all threads share. Nobody waits for it.
#[derive(Debug, Default)]
struct Ration {
    begun: OnceLock<Instant>,
    /// The span, counted from the first, in the upper half; lines taken in it in the lower.
    taken: AtomicU64,
}

static RATION: LazyLock<Ration> = LazyLock::new(Ration::default);

impl Ration {
    /// Takes a line of the span that `now` is in, if one is left.
    fn take(&self, now: Instant) -> bool {
        let begun = *self.begun.get_or_init(|| now);
        let span = now.saturating_duration_since(begun).as_secs() / EVERY.as_secs();
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
            let lines = if taken >> 32 == span { taken & u64::from(u32::MAX) } else { 0 };
            (lines < LINES_MAX).then_some(span << 32 | (lines + 1))
        });
        taken.is_ok()
    }
}

/// Who may be logged about what, and what was held back.
#[derive(Debug, Default)]
pub(crate) struct Limit {
    since: Option<Instant>,
    /// Those that had their line in this span: never more than all lines.
    said: HashSet<(Addr, &'static str)>,
    /// Lines held back, by reason.
    held_back: BTreeMap<&'static str, u64>,
    /// Whose they were.
    exporters: HashMap<Addr, (), foldhash::fast::RandomState>,
}

impl Limit {
    /// Whether a line may be written at the instant `now`.
    pub(crate) fn pass(&mut self, exporter: Addr, reason: &'static str, now: Instant) -> bool {
        self.pass_by(&RATION, exporter, reason, now)
    }

    fn pass_by(&mut self, ration: &Ration, exporter: Addr, reason: &'static str, now: Instant) -> bool {
        self.since.get_or_insert(now);
        if !self.said.contains(&(exporter, reason)) && ration.take(now) {
            self.said.insert((exporter, reason));
            return true;
        }
        *self.held_back.entry(reason).or_default() += 1;
        if self.exporters.len() < TOLD_APART_MAX {
            self.exporters.insert(exporter, ());
        }
        false
    }

    /// When the ten seconds are over, or at the end: what there is to say of the lines that were held back.
    pub(crate) fn conclude(&mut self, now: Instant, is_last: bool) -> Option<String> {
        let since = self.since?;
        if !is_last && now.duration_since(since) < EVERY {
            return None;
        }
        let mut reasons = String::new();
        let mut all = 0;
        for (reason, lines) in std::mem::take(&mut self.held_back) {
            let comma = if reasons.is_empty() { "" } else { ", " };
            // Writing into a string does not fail.
            let _ = write!(reasons, "{comma}{lines} {reason}");
            all += lines;
        }
        let least = if self.exporters.len() < TOLD_APART_MAX { "" } else { "at least " };
        let exporters = match self.exporters.len() {
            1 => "1 exporter".to_owned(),
            n => format!("{n} exporters"),
        };
        *self = Self::default();
        let seconds = EVERY.as_secs();
        (all > 0)
            .then(|| format!("… and {all} more of {least}{exporters} in the last {seconds} s: {reasons}"))
    }

    /// Says it.
    pub(crate) fn tell(&mut self, now: Instant, is_last: bool) {
        if let Some(rest) = self.conclude(now, is_last) {
            tracing::warn!("{rest}");
        }
    }

    /// Logs a problem with a datagram: who, why, at which octet.
    pub(crate) fn note(&mut self, problem: &Problem, now: Instant) {
        let error = problem.error;
        if self.pass(problem.exporter, error.reason.as_str(), now) {
            tracing::warn!(
                exporter = %problem.exporter,
                reason = error.reason.as_str(),
                offset = error.offset,
                "datagram not fully read: {}",
                error.reason.explanation()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_in_ten_seconds_and_what_was_held_back() {
        let (ration, mut limit) = (Ration::default(), Limit::default());
        let (exporter, begun) = (Addr::v4([192, 0, 2, 1]), Instant::now());
        let at = |s| begun + Duration::from_secs(s);
        assert!(limit.pass_by(&ration, exporter, "a", begun));
        assert!(limit.pass_by(&ration, exporter, "b", begun));
        assert!(!limit.pass_by(&ration, exporter, "a", at(9)));
        assert_eq!(limit.conclude(at(9), false), None);
        assert_eq!(
            limit.conclude(at(10), false).as_deref(),
            Some("… and 1 more of 1 exporter in the last 10 s: 1 a")
        );
        assert!(limit.pass_by(&ration, exporter, "a", at(10)));
        assert_eq!(limit.conclude(at(30), true), None);
    }

    #[test]
    fn a_thousand_exporters_write_fifty_lines_and_one() {
        let ration = Ration::default();
        // Two threads share the lines.
        let (mut one, mut other) = (Limit::default(), Limit::default());
        let now = Instant::now();
        let mut lines = 0;
        for i in 0..1000u128 {
            for (limit, reason) in [(&mut one, "a"), (&mut other, "b")] {
                lines += u32::from(limit.pass_by(&ration, Addr::from_bits(i), reason, now));
            }
        }
        assert_eq!(lines, 50);
        let rest = one.conclude(now + EVERY, false);
        assert_eq!(rest.as_deref(), Some("… and 975 more of 975 exporters in the last 10 s: 975 a"));
        // The next ten seconds have lines of their own.
        assert!(other.pass_by(&ration, Addr::from_bits(5000), "b", now + EVERY));
    }
}
