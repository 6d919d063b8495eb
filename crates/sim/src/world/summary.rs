//! How a run ended.

use std::fmt;
use std::ops::AddAssign;

/// How a run ended well; of several runs, their sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// The steps taken.
    pub steps: u64,
    /// The time that passed in the world, ms.
    pub simulated_ms: u64,
    /// Datagrams that arrived.
    pub datagrams: u64,
    /// Records stored at the end.
    pub records: u64,
    /// Batches stored, some of which a crash took again.
    pub batches: u64,
    /// How often the collector was killed,
    pub kills: u64,
    /// and lost power.
    pub power_cuts: u64,
    /// Deaths of these in the middle of a step of the disk.
    pub amid: u64,
    /// Bits that were flipped.
    pub bit_flips: u64,
    /// How often the disk was full for a while.
    pub full_spells: u64,
    /// Steps of the disk.
    pub disk_steps: u64,
    /// Steps of the disk that were refused.
    pub refused_steps: u64,
    /// How often the whole store was checked,
    pub checks: u64,
    /// and the rows that were compared, one by one.
    pub rows_checked: u64,
}

impl Summary {
    /// How often the collector died.
    #[must_use]
    pub fn deaths(&self) -> u64 {
        self.kills + self.power_cuts
    }
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.simulated_ms += other.simulated_ms;
        self.datagrams += other.datagrams;
        self.records += other.records;
        self.batches += other.batches;
        self.kills += other.kills;
        self.power_cuts += other.power_cuts;
        self.amid += other.amid;
        self.bit_flips += other.bit_flips;
        self.full_spells += other.full_spells;
        self.disk_steps += other.disk_steps;
        self.refused_steps += other.refused_steps;
        self.checks += other.checks;
        self.rows_checked += other.rows_checked;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { datagrams, records, batches, kills, power_cuts, amid, .. } = self;
        let minutes = self.simulated_ms / 60_000;
        write!(
            f,
            "{}.{} h, {datagrams} datagrams, {records} records in {batches} batches, {kills} kills and \
             {power_cuts} power cuts ({amid} amid a step), {} bit flips, disk full {} times, {} of {} disk steps \
             refused, {} checks of {} rows",
            minutes / 60,
            minutes % 60 / 6,
            self.bit_flips,
            self.full_spells,
            self.refused_steps,
            self.disk_steps,
            self.checks,
            self.rows_checked
        )
    }
}

/// How a run ended badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The order that was run.
    pub order: super::Order,
    /// The step at which something was found.
    pub step: u64,
    /// Which checker complains, and of what; or what refused to work.
    pub complaint: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { order, step, complaint } = self;
        write!(f, "seed {} FAILED at step {step}: {complaint}\n  again: {order}", order.seed)
    }
}
