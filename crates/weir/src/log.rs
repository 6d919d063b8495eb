//! The log: lines on standard error, and a limit on how many the network can cause.

use std::collections::HashMap;
use std::time::{Duration, Instant};
use weir_flow::Addr;
use weir_flow::session::Problem;

/// One line for an exporter and reason in so long.
const EVERY: Duration = Duration::from_secs(10);
/// Exporters and reasons remembered; beyond them lines are only counted.
const KNOWN_MAX: usize = 1024;

/// Starts the log of a daemon.
pub(crate) fn start() {
    let _ = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .try_init();
}

/// Who may be logged about what: each exporter and reason once in ten seconds, and not for ever new ones.
#[derive(Debug, Default)]
pub(crate) struct Limit {
    known: HashMap<(Addr, &'static str), (Instant, u64)>,
}

impl Limit {
    /// Whether a line may be written at the instant `now`: then how many were held back since the last one.
    pub(crate) fn pass(&mut self, exporter: Addr, reason: &'static str, now: Instant) -> Option<u64> {
        let key = (exporter, reason);
        let Some((last, held_back)) = self.known.get_mut(&key) else {
            if self.known.len() >= KNOWN_MAX {
                return None;
            }
            self.known.insert(key, (now, 0));
            return Some(0);
        };
        if now.duration_since(*last) < EVERY {
            *held_back += 1;
            return None;
        }
        *last = now;
        Some(std::mem::take(held_back))
    }
}

/// Logs problems with datagrams: who, why, at which octet.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    limit: Limit,
}

impl Problems {
    /// Notes a problem at the instant `now`.
    pub(crate) fn note(&mut self, problem: &Problem, now: Instant) {
        let error = problem.error;
        if let Some(more) = self.limit.pass(problem.exporter, error.reason.as_str(), now) {
            tracing::warn!(
                exporter = %problem.exporter,
                reason = error.reason.as_str(),
                offset = error.offset,
                more,
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
    fn a_line_in_ten_seconds_and_not_for_everybody() {
        let mut limit = Limit::default();
        let (exporter, now) = (Addr::v4([192, 0, 2, 1]), Instant::now());
        assert_eq!(limit.pass(exporter, "a", now), Some(0));
        assert_eq!(limit.pass(exporter, "b", now), Some(0));
        assert_eq!(limit.pass(exporter, "a", now + Duration::from_secs(9)), None);
        assert_eq!(limit.pass(exporter, "a", now + Duration::from_secs(10)), Some(1));
        for i in 0..KNOWN_MAX as u128 {
            limit.pass(Addr::from_bits(i), "a", now);
        }
        assert_eq!(limit.pass(Addr::v4([192, 0, 2, 2]), "a", now), None);
    }
}
