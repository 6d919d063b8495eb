//! sFlow, of any version: every flow sample is one packet that stands for as many as its sampling interval says.
//!
//! A sample has no times of its own: its packet was seen just before the datagram was sent, and a datagram says
//! only its agent's uptime, so start and end are the time of arrival. Octets are those of the IP packet, by
//! its own header, not the frame's (which has link headers, tags, padding and a check sequence).

use super::clock::Clock;
use super::rows::{self, STAMPED};
use super::sequence::Extent;
use super::{Arrival, Session, Stamp, Unit};
use crate::health::Counter;
use crate::names::SamplingSource;
use crate::schema::Column;
use crate::{Addr, Batch, Mac};
use std::net::IpAddr;
use weir_wire::packet::{Packet, Transport};
use weir_wire::sflow::{self, FlowRecord, FlowSample, Interface, RawHeader, Sample};
use weir_wire::{Error, Reason};

impl Session {
    pub(super) fn ingest_sflow(
        &mut self,
        arrival: &Arrival<'_>,
        datagram: &sflow::Datagram<'_>,
        batch: &mut Batch,
    ) -> Option<Error> {
        let header = datagram.header();
        if self.is_again(arrival, header.sequence, 0) {
            return None;
        }
        let sent = Stamp { export_s: None, uptime: Some(header.uptime_ms) };
        self.follow(header.sequence, Extent::of(1), sent, Unit::Datagrams);
        let clock = Clock { received: arrival.received, export: None, uptime: None, init: None };
        let base = batch.len();
        let mut intervals = Vec::new();
        let mut problem = None;
        for sample in datagram.samples() {
            let result = match sample {
                Ok(Sample::Flow(sample)) => {
                    intervals.push(sample.header.sampling_interval.map(std::num::NonZeroU32::get));
                    self.append_sample(&sample, batch)
                }
                Ok(Sample::Counter(_)) => {
                    self.counts.add(Counter::CounterSamples, 1);
                    Ok(())
                }
                Ok(Sample::Other { .. }) => {
                    self.counts.add_reason(Counter::Malformed, Reason::Unsupported.as_str());
                    Ok(())
                }
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                self.counts.add_reason(Counter::Malformed, error.reason.as_str());
                problem.get_or_insert(error);
            }
        }
        self.counts.add_len(Counter::Records, intervals.len());
        rows::stamp(batch, base, &self.origin(clock));
        rows::times(batch, base, &clock, &mut self.counts, |_| (None, None));
        let uniform = self.sampling.uniform(None);
        rows::scale(batch, base, &mut self.counts, |i| match uniform {
            Some((_, SamplingSource::Override)) => uniform,
            _ => intervals.get(i).copied().flatten().map(|n| (n, SamplingSource::Record)).or(uniform),
        });
        problem
    }

    /// Appends one sampled packet. A record in it that contradicts itself costs itself.
    fn append_sample(&mut self, sample: &FlowSample<'_>, batch: &mut Batch) -> Result<(), Error> {
        batch.extend_rows(1, STAMPED);
        batch.put_u64(Column::MeasuredPackets, 1);
        interface(sample.header.ingress, Column::IngressIf, batch);
        interface(sample.header.egress, Column::EgressIf, batch);
        let mut found = Found::default();
        let mut result = Ok(());
        for record in sample.records() {
            match record {
                Ok(record) => found.take(record),
                Err(error) if result.is_ok() => result = Err(error),
                Err(error) => self.counts.add_reason(Counter::Malformed, error.reason.as_str()),
            }
        }
        found.append(batch);
        if !found.is_ip {
            self.counts.add(Counter::NotIp, 1);
        }
        result
    }
}

/// 0 is the device itself, as in NetFlow; what the agent does not know stays unknown.
fn interface(interface: Interface, column: Column, batch: &mut Batch) {
    match interface {
        Interface::Known(index) => batch.put_u32(column, index),
        Interface::Internal | Interface::Discarded(_) => batch.put_u32(column, 0),
        Interface::Unknown | Interface::Multiple(_) | Interface::Other { .. } => {}
    }
}

/// What the records of one sample say together.
#[derive(Default)]
struct Found<'a> {
    raw: Option<RawHeader<'a>>,
    router: Option<sflow::record::Router>,
    gateway: Option<sflow::record::Gateway<'a>>,
    switch: Option<sflow::record::Switch>,
    nat: Option<sflow::record::Nat>,
    nat_port: Option<sflow::record::NatPort>,
    ethernet: Option<sflow::record::Ethernet>,
    ip: Option<sflow::record::Ip<IpAddr>>,
    is_ip: bool,
}

impl<'a> Found<'a> {
    fn take(&mut self, record: FlowRecord<'a>) {
        match record {
            FlowRecord::RawHeader(raw) => self.raw = Some(raw),
            FlowRecord::Ethernet(ethernet) => self.ethernet = Some(ethernet),
            FlowRecord::Ipv4(ip) => self.ip = Some(widen(ip)),
            FlowRecord::Ipv6(ip) => self.ip = Some(widen(ip)),
            FlowRecord::Switch(switch) => self.switch = Some(switch),
            FlowRecord::Router(router) => self.router = Some(router),
            FlowRecord::Gateway(gateway) => self.gateway = Some(gateway),
            FlowRecord::Nat(nat) => self.nat = Some(nat),
            FlowRecord::NatPort(ports) => self.nat_port = Some(ports),
            // No column says what these do.
            _ => {}
        }
    }

    fn append(&mut self, batch: &mut Batch) {
        let mut vlan = None;
        if let Some(raw) = &self.raw {
            let packet = raw.dissect();
            vlan = packet.vlan.map(|tag| tag.vlan);
            macs(packet.src_mac, packet.dst_mac, batch);
            self.is_ip = append_packet(&packet, raw.ip_octets(), batch);
        } else if let Some(ethernet) = &self.ethernet {
            macs(Some(ethernet.src_mac), Some(ethernet.dst_mac), batch);
        }
        if let (Some(ip), false) = (&self.ip, self.is_ip) {
            append_ip(ip, batch);
            self.is_ip = true;
        }
        // What the switch says goes before the tag in the frame, which is the one on the way in.
        let switch = self.switch;
        put_some(switch.and_then(|s| s.src_vlan).or(vlan), Column::SrcVlan, batch, Batch::put_u16);
        put_some(switch.and_then(|s| s.dst_vlan), Column::DstVlan, batch, Batch::put_u16);
        let hop = self.router.and_then(|r| r.next_hop).or(self.gateway.and_then(|g| g.next_hop));
        put_some(hop.map(Addr::from), Column::NextHop, batch, Batch::put_addr);
        put_some(self.router.and_then(|r| r.src_mask), Column::SrcMask, batch, Batch::put_u8);
        put_some(self.router.and_then(|r| r.dst_mask), Column::DstMask, batch, Batch::put_u8);
        put_some(self.gateway.map(|g| g.src_as), Column::SrcAs, batch, Batch::put_u32);
        put_some(self.gateway.and_then(|g| g.dst_as), Column::DstAs, batch, Batch::put_u32);
        put_some(self.nat.and_then(|n| n.src).map(Addr::from), Column::NatSrcAddr, batch, Batch::put_addr);
        put_some(self.nat.and_then(|n| n.dst).map(Addr::from), Column::NatDstAddr, batch, Batch::put_addr);
        put_some(self.nat_port.and_then(|n| n.src), Column::NatSrcPort, batch, Batch::put_u16);
        put_some(self.nat_port.and_then(|n| n.dst), Column::NatDstPort, batch, Batch::put_u16);
    }
}

fn widen<A: Into<IpAddr>>(ip: sflow::record::Ip<A>) -> sflow::record::Ip<IpAddr> {
    sflow::record::Ip {
        octets: ip.octets,
        proto: ip.proto,
        src: ip.src.into(),
        dst: ip.dst.into(),
        src_port: ip.src_port,
        dst_port: ip.dst_port,
        tcp_flags: ip.tcp_flags,
        tos: ip.tos,
    }
}

#[inline]
fn put_some<T>(value: Option<T>, column: Column, batch: &mut Batch, put: impl Fn(&mut Batch, Column, T)) {
    if let Some(value) = value {
        put(batch, column, value);
    }
}

fn macs(src: Option<[u8; 6]>, dst: Option<[u8; 6]>, batch: &mut Batch) {
    put_some(src.map(|m| Mac::from_octets(m).0), Column::SrcMac, batch, Batch::put_u64);
    put_some(dst.map(|m| Mac::from_octets(m).0), Column::DstMac, batch, Batch::put_u64);
}

/// Appends what a sampled header shows; false if there is no IP header in it.
fn append_packet(packet: &Packet<'_>, octets: Option<u32>, batch: &mut Batch) -> bool {
    let Some(ip) = packet.network else { return false };
    batch.put_addr(Column::SrcAddr, ip.src.into());
    batch.put_addr(Column::DstAddr, ip.dst.into());
    batch.put_u8(Column::Proto, ip.proto);
    batch.put_u8(Column::Tos, ip.tos);
    put_some(octets.map(u64::from), Column::MeasuredOctets, batch, Batch::put_u64);
    match packet.transport {
        Some(Transport::Tcp { src_port, dst_port, flags }) => {
            batch.put_u16(Column::SrcPort, src_port);
            batch.put_u16(Column::DstPort, dst_port);
            put_some(flags, Column::TcpFlags, batch, Batch::put_u16);
        }
        Some(Transport::Ports { src_port, dst_port }) => {
            batch.put_u16(Column::SrcPort, src_port);
            batch.put_u16(Column::DstPort, dst_port);
        }
        Some(Transport::Icmp { kind, code }) => {
            batch.put_u8(Column::IcmpType, kind);
            batch.put_u8(Column::IcmpCode, code);
        }
        None => {}
    }
    true
}

/// Appends what an agent says of a packet whose header it does not send.
fn append_ip(ip: &sflow::record::Ip<IpAddr>, batch: &mut Batch) {
    batch.put_addr(Column::SrcAddr, ip.src.into());
    batch.put_addr(Column::DstAddr, ip.dst.into());
    batch.put_u64(Column::MeasuredOctets, ip.octets.into());
    put_some(ip.proto, Column::Proto, batch, Batch::put_u8);
    put_some(ip.tos, Column::Tos, batch, Batch::put_u8);
    put_some(ip.src_port, Column::SrcPort, batch, Batch::put_u16);
    put_some(ip.dst_port, Column::DstPort, batch, Batch::put_u16);
    put_some(ip.tcp_flags, Column::TcpFlags, batch, Batch::put_u16);
}
