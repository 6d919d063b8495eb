//! NetFlow v9: the sequence number counts datagrams per source id; the clock is an uptime and a second.

use super::clock::Clock;
use super::sequence::Extent;
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
        if unit.is_decided_now {
            self.sequence.expect(header.sequence);
        }
        let extent = if unit.unit == Unit::Datagrams { Extent::of(1) } else { read.extent };
        self.follow(header.sequence, extent, Some(header.uptime_ms), unit.unit);
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
    /// What the step from the last message to the one numbered `sequence`, which holds `records`, shows.
    fn judge(&mut self, sequence: u32, records: Option<u32>) -> Judged {
        let mut is_decided_now = false;
        if let (None, Some((last, before))) = (self.unit, self.last) {
            if before > 1 && sequence == last.wrapping_add(before) {
                self.unit = Some(Unit::Records);
                is_decided_now = true;
            } else if before != 1 && sequence == last.wrapping_add(1) {
                self.unit = Some(Unit::Datagrams);
            }
        }
        self.last = records.map(|records| (sequence, records));
        Judged { unit: self.unit.unwrap_or(Unit::Datagrams), is_decided_now }
    }
}
