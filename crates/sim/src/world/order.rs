//! Which world is to be run.

use std::fmt;

/// An order for a world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Order {
    /// Its seed.
    pub seed: u64,
    /// How long it lasts, in simulated hours; if `None`, some hundred steps.
    pub hours: Option<u32>,
    /// Whether things go wrong five times as often.
    pub is_deadly: bool,
    /// Whether it is said on stderr what happens.
    pub tells: bool,
}

impl Order {
    /// The world of this seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }
}

/// The command that runs it.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cargo run -p sim -- --seed {}", self.seed)?;
        if let Some(hours) = self.hours {
            write!(f, " --hours {hours}")?;
        }
        if self.is_deadly { write!(f, " --deadly") } else { Ok(()) }
    }
}
