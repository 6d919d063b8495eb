//! Progress on a terminal, and none in a pipe.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A bar on standard error, where people look at it.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Counts bytes up to a total.
    pub(crate) fn bytes(total: u64) -> Self {
        Self::new(total, "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
    }

    /// Counts steps up to a total.
    pub(crate) fn steps(total: u64, what: &str) -> Self {
        Self::new(total, &format!("{{bar:30}} {what} {{pos}}/{{len}} {{eta}}"))
    }

    fn new(total: u64, template: &str) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(8)
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total), target);
        bar.set_style(style);
        Self(bar)
    }

    pub(crate) fn set(&self, done: u64) {
        self.0.set_position(done);
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
