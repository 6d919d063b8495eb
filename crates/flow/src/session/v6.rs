//! NetFlow v6: v5 without sampling. Encapsulations and the next hop within the peer have no column.

use super::clock::Clock;
use super::legacy;
use super::sequence::Extent;
use super::{Arrival, Session, Stamp, Unit};
use crate::Batch;
use weir_wire::netflow::v6;

impl Session {
    pub(super) fn ingest_v6(
        &mut self,
        arrival: &Arrival<'_>,
        datagram: &v6::Datagram<'_>,
        batch: &mut Batch,
    ) {
        let header = datagram.header();
        let units = u32::try_from(datagram.records().len()).unwrap_or(u32::MAX);
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
        let records = datagram.records().map(|r| legacy::Record {
            src_addr: r.src_addr,
            dst_addr: r.dst_addr,
            next_hop: r.next_hop,
            ingress_if: r.ingress_if,
            egress_if: r.egress_if,
            packets: r.packets,
            octets: r.octets,
            first_ms: r.first_ms,
            last_ms: r.last_ms,
            src_port: r.src_port,
            dst_port: r.dst_port,
            tcp_flags: r.tcp_flags,
            proto: r.proto,
            tos: r.tos,
            src_as: r.src_as,
            dst_as: r.dst_as,
            src_mask: r.src_mask,
            dst_mask: r.dst_mask,
        });
        let interval = self.sampling.uniform(None);
        legacy::append(records, legacy::V5, &self.origin(clock), interval, batch, &mut self.counts);
    }
}
