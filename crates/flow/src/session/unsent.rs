//! What an exporter says that it could not send (elements 166 to 168): counted since it started, so the
//! difference to what it said before is what is new.

use super::count::Counts;
use crate::health::Counter;

const COUNTERS: [Counter; 3] = [Counter::NotSentRecords, Counter::NotSentPackets, Counter::NotSentOctets];

/// What it said last.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    said: [Option<u64>; 3],
}

impl Unsent {
    /// Takes in what an options record says. The first saying is of a time before ours, and counts nothing; less
    /// than before means that the exporter began anew.
    pub(super) fn learn(&mut self, said: [Option<u64>; 3], counts: &mut Counts) {
        for ((slot, said), counter) in self.said.iter_mut().zip(said).zip(COUNTERS) {
            let Some(now) = said else { continue };
            let new = match *slot {
                Some(before) if now >= before => now - before,
                Some(_) => now,
                None => 0,
            };
            if new > 0 {
                counts.add_amount(counter, new.into());
            }
            *slot = Some(now);
        }
    }
}
