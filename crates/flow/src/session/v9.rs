//! NetFlow v9: the sequence number counts datagrams per source id; the clock is an uptime and a second.

use super::clock::Clock;
use super::sequence::Extent;
use super::template::Read;
use super::{Arrival, Session, Shared, Stamp, Unit};
use crate::Batch;
use weir_wire::netflow::v9;

impl Session {
    pub(super) fn ingest_v9(
        &mut self,
        arrival: &Arrival<'_>,
        message: &v9::Message<'_>,
        shared: &mut Shared,
        batch: &mut Batch,
    ) -> Read {
        let header = message.header();
        if self.is_again(arrival, header.sequence, 0) {
            return Read::default();
        }
        let clock = Clock {
            received: arrival.received,
            export: Some(i64::from(header.export_s) * 1000),
            uptime: Some(header.uptime_ms),
            init: None,
        };
        let read = self.ingest_sets(message.sets(), clock, shared, batch);
        let unit = self.unit.judge(header.sequence, read.extent.all);
        if let Some(gap) = unit.taken_back {
            self.sequence.take_back(gap);
            self.sequence.expect(header.sequence);
        }
        let extent = if unit.unit == Unit::Datagrams { Extent::of(1) } else { read.extent };
        let sent = Stamp { export_s: Some(header.export_s), uptime: Some(header.uptime_ms) };
        self.follow(header.sequence, extent, sent, unit.unit);
        read
    }
}

/// What this exporter counts. RFC 3954 §5.1 says datagrams; some count records all the same (their numbers
/// were v5's before), and a datagram would look like the loss of twenty. But a loss may also look like a datagram of
/// so many records: so two such steps are asked for, and what the first was counted as is taken back.
#[derive(Debug, Default)]
pub(super) struct Counting {
    unit: Counted,
    /// The newest message: its number and how many records it held.
    last: Option<(u32, u32)>,
}

#[derive(Debug, Default, Clone, Copy)]
enum Counted {
    #[default]
    Open,
    /// One step was as long as if records are counted; if datagrams are, `len` of them from `start` on are missing.
    Leaning {
        start: u32,
        len: u32,
    },
    Records,
    Datagrams,
}

/// What is taken to be counted.
pub(super) struct Judged {
    pub(super) unit: Unit,
    /// The gap, by its first number, that was counted and was none: it has just been found out that records are
    /// counted.
    pub(super) taken_back: Option<u32>,
}

impl Counting {
    /// Takes up what was known when the program stopped.
    pub(super) fn resume(&mut self, by_records: bool) {
        self.unit = if by_records { Counted::Records } else { Counted::Open };
    }

    /// Whether it is records, as far as known.
    pub(super) fn is_records(&self) -> bool {
        matches!(self.unit, Counted::Records)
    }

    /// What the step from the newest message to the one numbered `sequence`, which holds `records`, shows.
    fn judge(&mut self, sequence: u32, records: Option<u32>) -> Judged {
        let mut taken_back = None;
        if let Some((last, before)) = self.last {
            let step = sequence.wrapping_sub(last);
            let by_records = before > 1 && step == before;
            // Shorter than records would have it.
            let by_datagrams = before != 1 && step > 0 && step < before.max(2);
            match self.unit {
                Counted::Open if by_records => {
                    self.unit = Counted::Leaning { start: last.wrapping_add(1), len: before - 1 };
                }
                Counted::Leaning { start, .. } if by_records => {
                    self.unit = Counted::Records;
                    taken_back = Some(start);
                }
                // From where nothing would be missing.
                Counted::Leaning { start, len } if sequence.wrapping_sub(start) < len => {
                    self.unit = Counted::Datagrams;
                }
                Counted::Open | Counted::Leaning { .. } if by_datagrams => self.unit = Counted::Datagrams,
                _ => {}
            }
        }
        if self.last.is_none_or(|(last, _)| sequence.wrapping_sub(last) < 1 << 31) {
            self.last = records.map(|records| (sequence, records));
        }
        let unit = if matches!(self.unit, Counted::Records) { Unit::Records } else { Unit::Datagrams };
        Judged { unit, taken_back }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The units taken to be counted, message by message.
    fn play(messages: &[(u32, u32)]) -> Vec<Unit> {
        let mut counting = Counting::default();
        messages.iter().map(|(number, records)| counting.judge(*number, Some(*records)).unit).collect()
    }

    #[test]
    fn a_loss_is_not_taken_for_another_way_to_count() {
        // Messages 1 and 2 are lost: the step is as long as the first had records.
        assert_eq!(play(&[(0, 3), (3, 2), (4, 5), (9, 5), (14, 5)]), [Unit::Datagrams; 5]);
        // Message 1 only comes late.
        assert_eq!(play(&[(0, 2), (2, 2), (1, 2), (4, 2), (6, 2)]), [Unit::Datagrams; 5]);
    }

    #[test]
    fn two_steps_show_that_records_are_counted() {
        use Unit::{Datagrams, Records};
        assert_eq!(play(&[(0, 3), (3, 2), (5, 4), (9, 1)]), [Datagrams, Datagrams, Records, Records]);
    }
}
