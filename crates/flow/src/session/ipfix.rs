//! IPFIX: the sequence number counts data records, options included, per domain and transport session.

use super::clock::Clock;
use super::template::Read;
use super::{Arrival, Session, Shared, Stamp, Unit};
use crate::Batch;
use crate::health::Counter;
use weir_wire::{Error, Reason, ipfix};

impl Session {
    pub(super) fn ingest_ipfix(
        &mut self,
        arrival: &Arrival<'_>,
        message: &ipfix::Message<'_>,
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
            uptime: None,
            init: None,
        };
        let mut read = self.ingest_sets(message.sets(), clock, shared, batch);
        // One datagram holds one message (RFC 7011 §10.3); what follows it, other than padding, is not read.
        let after = arrival.payload.get(message.len()..).unwrap_or_default();
        if after.iter().any(|octet| *octet != 0) {
            self.counts.add_reason(Counter::Malformed, Reason::BadLength.as_str());
            read.problem.get_or_insert(Error::new(Reason::BadLength, message.len()));
        }
        let sent = Stamp { export_s: Some(header.export_s), uptime: None };
        self.follow(header.sequence, read.extent, sent, Unit::Records);
        read
    }
}
