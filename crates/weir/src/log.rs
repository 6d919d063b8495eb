//! The log: lines on standard error, and a limit on how many the network can cause.

use std::collections::HashMap;
use std::time::{Duration, Instant};
use weir_flow::Addr;
use weir_flow::session::Problem;
use weir_wire::Reason;

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

/// Logs problems with datagrams: who, why, at which octet; each exporter and reason once in ten seconds.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    known: HashMap<(Addr, Reason), (Instant, u64)>,
    unsaid: u64,
}

impl Problems {
    /// Notes a problem at the instant `now`.
    pub(crate) fn note(&mut self, problem: &Problem, now: Instant) {
        let key = (problem.exporter, problem.error.reason);
        let Some((last, held_back)) = self.known.get_mut(&key) else {
            if self.known.len() >= KNOWN_MAX {
                self.unsaid += 1;
                return;
            }
            self.known.insert(key, (now, 0));
            say(problem, 0);
            return;
        };
        if now.duration_since(*last) < EVERY {
            *held_back += 1;
            return;
        }
        say(problem, std::mem::take(held_back));
        *last = now;
    }
}

fn say(problem: &Problem, held_back: u64) {
    let error = problem.error;
    tracing::warn!(
        exporter = %problem.exporter,
        reason = error.reason.as_str(),
        offset = error.offset,
        more = held_back,
        "datagram not fully read: {}",
        error.reason.explanation()
    );
}
