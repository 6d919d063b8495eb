//! NetFlow v1: no sequence numbers, no engine, no sampling: what was lost cannot be told.

use super::clock::Clock;
use super::legacy;
use super::{Arrival, Session};
use crate::Batch;
use weir_wire::netflow::v1;

impl Session {
    pub(super) fn ingest_v1(
        &mut self,
        arrival: &Arrival<'_>,
        datagram: &v1::Datagram<'_>,
        batch: &mut Batch,
    ) {
        let header = datagram.header();
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
            src_as: 0,
            dst_as: 0,
            src_mask: 0,
            dst_mask: 0,
        });
        let interval = self.sampling.uniform(None);
        legacy::append(records, legacy::V1, &self.origin(clock), interval, batch, &mut self.counts);
    }
}
