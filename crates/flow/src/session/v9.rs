//! NetFlow v9: the sequence number counts datagrams per source id; the clock is an uptime and a second.

use super::clock::Clock;
use super::template::Read;
use super::{Arrival, Session, Shared, Unit};
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
        let unit = self.unit.judge(header.sequence);
        if unit.is_decided_now {
            self.sequence.expect(header.sequence);
        }
        let verdict = self.judge(arrival, header.sequence, Some(header.uptime_ms), unit.unit);
        if verdict.is_again() {
            return Read::default();
        }
        let clock = Clock {
            received: arrival.received,
            export: Some(i64::from(header.export_s) * 1000),
            uptime: Some(header.uptime_ms),
            init: None,
        };
        let read = self.ingest_sets(message.sets(), clock, shared, batch);
        self.unit.note(header.sequence, read.records);
        let units = if unit.unit == Unit::Datagrams { Some(1) } else { read.records };
        self.advance(verdict, header.sequence, units);
        read
    }
}

/// What this exporter counts. RFC 3954 §5.1 says datagrams; some count records all the same (their numbers
/// were v5's before), and a datagram would look like the loss of twenty.
#[derive(Debug, Default)]
pub(super) struct Counting {
    unit: Option<Unit>,
    /// The last message: its number and how many records it held.
    last: Option<(u32, u32)>,
}

/// What is taken to be counted, and whether that was found out just now to be records.
pub(super) struct Judged {
    pub(super) unit: Unit,
    pub(super) is_decided_now: bool,
}

impl Counting {
    /// What the step from the last message to the one numbered `sequence` shows.
    fn judge(&mut self, sequence: u32) -> Judged {
        let mut is_decided_now = false;
        if let (None, Some((last, records))) = (self.unit, self.last) {
            if records > 1 && sequence == last.wrapping_add(records) {
                self.unit = Some(Unit::Records);
                is_decided_now = true;
            } else if records != 1 && sequence == last.wrapping_add(1) {
                self.unit = Some(Unit::Datagrams);
            }
        }
        Judged { unit: self.unit.unwrap_or(Unit::Datagrams), is_decided_now }
    }

    fn note(&mut self, sequence: u32, records: Option<u32>) {
        self.last = records.map(|records| (sequence, records));
    }
}
