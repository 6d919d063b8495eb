//! What the service manager is told (`sd_notify(3)`): that we are ready, reload, stop, and that we live.
//!
//! Without a service manager nothing is told to anybody. What cannot be told is no reason to stop listening.

use sd_notify::NotifyState;
use std::time::{Duration, Instant};

/// The service manager, systemd or another that speaks its protocol.
#[derive(Debug)]
pub(super) struct Systemd {
    /// How often it wants a sign of life: twice in the time after which it would kill us.
    every: Option<Duration>,
    alive_told: Instant,
}

impl Systemd {
    /// As the environment says.
    pub(super) fn of_environment() -> Self {
        let every = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()).map(|limit| limit / 2);
        Self { every, alive_told: Instant::now() }
    }

    /// We listen, and what was in the journal is recovered.
    pub(super) fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// The configuration is being read again, until we are ready.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// We are stopping.
    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// What we are doing, in one line.
    pub(super) fn status(&self, line: &str) {
        tell(&[NotifyState::Status(line)]);
    }

    /// Whether a sign of life is due at `now`; it is to be given only if all live.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.every.is_some_and(|every| now.duration_since(self.alive_told) >= every);
        if is_due {
            self.alive_told = now;
        }
        is_due
    }

    /// All live.
    pub(super) fn alive(&self) {
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager does not listen: {error}");
    }
}
