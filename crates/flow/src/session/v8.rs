//! NetFlow v8: every record is the sum of the flows that agree in the key of its aggregation.
//!
//! They become flow records as the aggregates they are: what the key does not hold is unknown, not zero. A prefix
//! is an address (the network's) with a mask; a router that had no prefix for a flow says 0.0.0.0/0, which is no
//! address either. The number of flows in an aggregate is not kept.
//!
//! An aggregation is a cache of its own with an export stream of its own, and the sequence number counts the
//! records "sent for this export stream" (Cisco, "NetFlow ToS-Based Router Aggregation"): so the observation
//! domain is engine and aggregation.

use super::clock::{Clock, Form};
use super::legacy;
use super::rows::{self, STAMPED};
use super::sequence::Extent;
use super::{Arrival, Session, Stamp, Unit};
use crate::health::Counter;
use crate::schema::Column;
use crate::{Addr, Batch};
use weir_wire::netflow::v8::{Datagram, Header, Record};

/// The observation domain of a datagram: aggregation, engine type, engine id, an octet each.
pub(super) fn stream(header: &Header) -> u32 {
    u32::from_be_bytes([0, header.scheme.number(), header.engine_type, header.engine_id])
}

impl Session {
    pub(super) fn ingest_v8(&mut self, arrival: &Arrival<'_>, datagram: &Datagram<'_>, batch: &mut Batch) {
        let header = datagram.header();
        let records = datagram.records();
        let units = u32::try_from(records.len()).unwrap_or(u32::MAX);
        if self.is_again(arrival, header.sequence, units) {
            return;
        }
        let sent = Stamp { export_s: Some(header.export_s), uptime: Some(header.uptime_ms) };
        self.follow(header.sequence, Extent::of(units), sent, Unit::Records);
        let clock = Clock {
            received: arrival.received,
            export: Some(legacy::export_ms(header.export_s, header.export_ns)),
            uptime: Some(header.uptime_ms),
            init: None,
        };
        let base = batch.len();
        records.clone().for_each(|record| append(&record, batch));
        rows::stamp(batch, base, &self.origin(clock));
        let uptime = |ms: Option<u32>| clock.time(Form::Uptime, ms?.into());
        let said = records.clone().map(|r| (uptime(r.first_ms), uptime(r.last_ms)));
        rows::times(batch, base, &clock, &mut self.counts, said);
        let interval = self.sampling.uniform(header.sampling.one_in().map(|n| u32::from(n.get())));
        rows::scale(batch, base, &mut self.counts, interval);
        self.counts.add_len(Counter::Records, records.len());
        // A 32-bit counter at its end stopped there: at least so much.
        let is_full = |value: Option<u32>| value == Some(u32::MAX);
        let saturated = records.filter(|r| is_full(r.octets) || is_full(r.packets)).count();
        self.counts.add_len(Counter::Saturated, saturated);
    }
}

/// Appends what an aggregate knows.
fn append(record: &Record, batch: &mut Batch) {
    batch.extend_rows(1, STAMPED);
    let (src, src_mask) = network(record.src_addr, record.src_mask);
    let (dst, dst_mask) = network(record.dst_addr, record.dst_mask);
    macro_rules! put {
        ($($put:ident $column:ident = $value:expr;)+) => {
            $(if let Some(value) = $value {
                batch.$put(Column::$column, value.into());
            })+
        };
    }
    put! {
        put_addr SrcAddr = src;
        put_addr DstAddr = dst;
        put_u8 SrcMask = src_mask;
        put_u8 DstMask = dst_mask;
        put_u32 SrcAs = record.src_as;
        put_u32 DstAs = record.dst_as;
        put_u32 IngressIf = record.ingress_if;
        put_u32 EgressIf = record.egress_if;
        put_u64 MeasuredPackets = record.packets;
        put_u64 MeasuredOctets = record.octets;
        put_u16 SrcPort = record.src_port;
        put_u16 DstPort = record.dst_port;
        put_u8 Proto = record.proto;
        put_u8 Tos = record.tos;
    }
}

/// An address with its mask; 0.0.0.0/0 is a router that had no prefix.
pub(super) fn network(addr: Option<[u8; 4]>, mask: Option<u8>) -> (Option<Addr>, Option<u8>) {
    match (addr, mask) {
        (Some([0, 0, 0, 0]), Some(0)) => (None, None),
        (addr, mask) => (addr.map(Addr::v4), mask),
    }
}
