//! sFlow, of any version: every flow sample is one packet that stands for as many as its sampling interval says.
//!
//! A sample has no times of its own: its packet was seen just before the datagram was sent, and a datagram says
//! only its agent's uptime, so start and end are the time of arrival. Octets are those of the IP packet, by
//! its own header, not the frame's (which has link headers, tags, padding and a check sequence).

use super::clock::Clock;
use super::rows::{self, STAMPED};
use super::sampling::Interval;
use super::sequence::Extent;
use super::{Arrival, Session, Shared, Stamp, Unit, text};
use crate::counter::Side;
use crate::health::Counter;
use crate::names::SamplingSource;
use crate::schema::Column;
use crate::{Addr, Batch, Bytes, Mac, Values};
use std::net::IpAddr;
use weir_wire::packet::{Packet, Transport};
use weir_wire::sflow::counter::{self, CounterRecord};
use weir_wire::sflow::{self, CounterSample, FlowRecord, FlowSample, Interface, RawHeader, Sample};
use weir_wire::{Error, Reason};

/// What the samples of one datagram show, before it is written column by column.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    rows: Vec<Row>,
    intervals: Vec<Interval>,
    /// Who is behind each row's source, or its destination; fewer than rows where nobody is known any more.
    users: Bytes,
}

/// One sampled packet: the values whose bits are set in the mask.
#[derive(Debug, Default, Clone, Copy)]
struct Row {
    mask: u64,
    octets: u64,
    src_addr: Addr,
    dst_addr: Addr,
    next_hop: Addr,
    nat_src_addr: Addr,
    nat_dst_addr: Addr,
    bgp_next_hop: Addr,
    src_mac: u64,
    dst_mac: u64,
    ingress_if: u32,
    egress_if: u32,
    src_as: u32,
    dst_as: u32,
    mpls_label: u32,
    src_port: u16,
    dst_port: u16,
    tcp_flags: u16,
    src_vlan: u16,
    dst_vlan: u16,
    nat_src_port: u16,
    nat_dst_port: u16,
    proto: u8,
    tos: u8,
    icmp_type: u8,
    icmp_code: u8,
    src_mask: u8,
    dst_mask: u8,
}

/// Sets a field of a row, if there is a value, and its column's bit.
macro_rules! set {
    ($row:expr, $column:ident, $field:ident = $value:expr) => {
        if let Some(value) = $value {
            $row.$field = value;
            $row.mask |= Column::$column.bit();
        }
    };
}

impl Session {
    pub(super) fn ingest_sflow(
        &mut self,
        arrival: &Arrival<'_>,
        datagram: &sflow::Datagram<'_>,
        shared: &mut Shared,
        batch: &mut Batch,
    ) -> Option<Error> {
        let header = datagram.header();
        if self.is_again(arrival, header.sequence, 0) {
            return None;
        }
        let sent = Stamp { export_s: None, uptime: Some(header.uptime_ms) };
        self.follow(header.sequence, Extent::of(1), sent, Unit::Datagrams);
        let clock = Clock { received: arrival.received, export: None, uptime: None, init: None };
        let Scratch { rows, intervals, users } = &mut shared.samples;
        rows.clear();
        users.truncate(0);
        intervals.clear();
        let uniform = self.sampling.uniform(None);
        let is_overridden = matches!(uniform, Some((_, SamplingSource::Override)));
        let mut problem = None;
        for sample in datagram.samples() {
            let result = match sample {
                Ok(Sample::Flow(sample)) => {
                    let said = sample.header.sampling_interval.filter(|_| !is_overridden);
                    intervals.push(said.map(|n| (n.get(), SamplingSource::Record)).or(uniform));
                    self.read_sample(&sample, rows, users)
                }
                Ok(Sample::Counter(sample)) => {
                    self.counts.add(Counter::CounterSamples, 1);
                    let (exporter, domain) = (self.exporter, self.domain);
                    append_counters(&sample, (arrival.received, exporter, domain), batch)
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
        self.counts.add_len(Counter::Records, rows.len());
        let base = append(rows, batch);
        append_users(users, base, batch);
        rows::stamp(batch, base, &self.origin(clock));
        rows::untimed(batch, base, &clock, &mut self.counts);
        match intervals.split_first() {
            // The usual case: the agent samples all its ports alike.
            Some((interval, others)) if others.iter().all(|other| other == interval) => {
                rows::scale(batch, base, &mut self.counts, *interval);
            }
            _ => rows::scale_each(batch, base, &mut self.counts, intervals),
        }
        problem
    }

    /// Reads one sampled packet. A record in it that contradicts itself costs itself.
    fn read_sample(
        &mut self,
        sample: &FlowSample<'_>,
        rows: &mut Vec<Row>,
        users: &mut Bytes,
    ) -> Result<(), Error> {
        // Filled where it lies: it is too large to be moved about.
        rows.push(Row { mask: STAMPED | Column::MeasuredPackets.bit(), ..Row::default() });
        let before = rows.len().saturating_sub(1);
        let Some(row) = rows.last_mut() else { return Ok(()) };
        set!(row, IngressIf, ingress_if = interface(sample.header.ingress));
        set!(row, EgressIf, egress_if = interface(sample.header.egress));
        let mut found = Found::default();
        let mut result = Ok(());
        for record in sample.records() {
            match record {
                Ok(record) => found.take(record),
                Err(error) if result.is_ok() => result = Err(error),
                Err(error) => self.counts.add_reason(Counter::Malformed, error.reason.as_str()),
            }
        }
        if let Some(user) = &found.user {
            users.pad(before);
            text::push(users, if user.src.is_empty() { user.dst } else { user.src });
        }
        if !found.fill(row) {
            self.counts.add(Counter::NotIp, 1);
        }
        result
    }
}

/// Appends who is behind the rows from `base` on.
fn append_users(users: &Bytes, base: usize, batch: &mut Batch) {
    if !users.is_empty()
        && let Values::Bytes(column) = batch.open(Column::User, base)
    {
        column.append(users);
        text::mark(batch, Column::User, base);
    }
}

/// Keeps what a sample says of an interface's counters; other counters are stepped over.
fn append_counters(
    sample: &CounterSample<'_>,
    (received, exporter, domain): (i64, Addr, u32),
    batch: &mut Batch,
) -> Result<(), Error> {
    let side = |counted: counter::Direction| Side {
        octets: counted.octets,
        unicast: counted.unicast.map(u64::from),
        multicast: counted.multicast.map(u64::from),
        broadcast: counted.broadcast.map(u64::from),
        discards: counted.discards.map(u64::from),
        errors: counted.errors.map(u64::from),
    };
    for record in sample.records() {
        if let CounterRecord::Interface(interface) = record? {
            batch.counters.push(crate::counter::Sample {
                received,
                exporter,
                domain,
                interface: interface.index,
                kind: interface.kind,
                speed: interface.speed_bps,
                status: interface.status,
                ingress: side(interface.ingress),
                egress: side(interface.egress),
            });
        }
    }
    Ok(())
}

/// Appends rows, column by column; columns that none of them has are left out. Returns the place of the first.
fn append(rows: &[Row], batch: &mut Batch) -> usize {
    let base = batch.extend_masks(rows.iter().map(|row| row.mask));
    let any = rows.iter().fold(0, |any, row| any | row.mask);
    macro_rules! fill {
        ($($from:ident $column:ident = $field:ident;)+) => {
            $(if any & Column::$column.bit() != 0 {
                batch.$from(Column::$column, base).extend(rows.iter().map(|row| row.$field));
            })+
        };
    }
    fill! {
        addrs_from SrcAddr = src_addr;
        addrs_from DstAddr = dst_addr;
        addrs_from NextHop = next_hop;
        addrs_from NatSrcAddr = nat_src_addr;
        addrs_from NatDstAddr = nat_dst_addr;
        addrs_from BgpNextHop = bgp_next_hop;
        u16s_from NatSrcPort = nat_src_port;
        u16s_from NatDstPort = nat_dst_port;
        u64s_from SrcMac = src_mac;
        u64s_from DstMac = dst_mac;
        u64s_from MeasuredOctets = octets;
        u32s_from IngressIf = ingress_if;
        u32s_from EgressIf = egress_if;
        u32s_from SrcAs = src_as;
        u32s_from DstAs = dst_as;
        u32s_from MplsLabel = mpls_label;
        u16s_from SrcPort = src_port;
        u16s_from DstPort = dst_port;
        u16s_from TcpFlags = tcp_flags;
        u16s_from SrcVlan = src_vlan;
        u16s_from DstVlan = dst_vlan;
        u8s_from Proto = proto;
        u8s_from Tos = tos;
        u8s_from IcmpType = icmp_type;
        u8s_from IcmpCode = icmp_code;
        u8s_from SrcMask = src_mask;
        u8s_from DstMask = dst_mask;
    }
    // A sample is one packet.
    batch.u64s_from(Column::MeasuredPackets, base).resize(base + rows.len(), 1);
    base
}

/// 0 is the device itself, as in NetFlow; what the agent does not know stays unknown.
fn interface(interface: Interface) -> Option<u32> {
    match interface {
        Interface::Known(index) => Some(index),
        Interface::Internal | Interface::Discarded(_) => Some(0),
        Interface::Unknown | Interface::Multiple(_) | Interface::Other { .. } => None,
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
    mpls: Option<sflow::record::Mpls<'a>>,
    user: Option<sflow::record::User<'a>>,
    ethernet: Option<sflow::record::Ethernet>,
    ip: Option<sflow::record::Ip<IpAddr>>,
}

impl<'a> Found<'a> {
    #[inline]
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
            FlowRecord::Mpls(mpls) => self.mpls = Some(mpls),
            FlowRecord::User(user) => self.user = Some(user),
            // No column says what these do.
            _ => {}
        }
    }

    /// Fills a row; false if there is no IP packet in the sample.
    fn fill(&self, row: &mut Row) -> bool {
        let mut is_ip = false;
        if let Some(raw) = &self.raw {
            let packet = raw.dissect();
            set!(row, SrcVlan, src_vlan = packet.vlan.map(|tag| tag.vlan));
            macs(packet.src_mac, packet.dst_mac, row);
            let octets = packet.network.and_then(|ip| ip.octets_in(raw.frame_length));
            is_ip = fill_packet(&packet, octets, row);
        } else if let Some(ethernet) = &self.ethernet {
            macs(Some(ethernet.src_mac), Some(ethernet.dst_mac), row);
        }
        if let (Some(ip), false) = (&self.ip, is_ip) {
            fill_ip(ip, row);
            is_ip = true;
        }
        // What the switch says goes before the tag in the frame, which is the one on the way in.
        if let Some(switch) = &self.switch {
            set!(row, SrcVlan, src_vlan = switch.src_vlan);
            set!(row, DstVlan, dst_vlan = switch.dst_vlan);
        }
        if let Some(gateway) = &self.gateway {
            set!(row, NextHop, next_hop = gateway.next_hop.map(Addr::from));
            set!(row, BgpNextHop, bgp_next_hop = gateway.next_hop.map(Addr::from));
            set!(row, SrcAs, src_as = Some(gateway.src_as));
            set!(row, DstAs, dst_as = gateway.dst_as);
        }
        // Its next hop goes before the gateway's, which is the border of the network.
        if let Some(router) = &self.router {
            set!(row, NextHop, next_hop = router.next_hop.map(Addr::from));
            set!(row, SrcMask, src_mask = router.src_mask);
            set!(row, DstMask, dst_mask = router.dst_mask);
        }
        if let Some(mpls) = self.mpls {
            let top = mpls.ingress.entries().next().or_else(|| mpls.egress.entries().next());
            set!(row, MplsLabel, mpls_label = top.map(|entry| entry.label));
        }
        if let Some(nat) = &self.nat {
            set!(row, NatSrcAddr, nat_src_addr = nat.src.map(Addr::from));
            set!(row, NatDstAddr, nat_dst_addr = nat.dst.map(Addr::from));
        }
        if let Some(ports) = &self.nat_port {
            set!(row, NatSrcPort, nat_src_port = ports.src);
            set!(row, NatDstPort, nat_dst_port = ports.dst);
        }
        is_ip
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

fn macs(src: Option<[u8; 6]>, dst: Option<[u8; 6]>, row: &mut Row) {
    set!(row, SrcMac, src_mac = src.map(|octets| Mac::from_octets(octets).0));
    set!(row, DstMac, dst_mac = dst.map(|octets| Mac::from_octets(octets).0));
}

/// Fills in what a sampled header shows; false if there is no IP header in it.
fn fill_packet(packet: &Packet<'_>, octets: Option<u32>, row: &mut Row) -> bool {
    let Some(ip) = &packet.network else { return false };
    set!(row, SrcAddr, src_addr = Some(ip.src.into()));
    set!(row, DstAddr, dst_addr = Some(ip.dst.into()));
    set!(row, Proto, proto = Some(ip.proto));
    set!(row, Tos, tos = Some(ip.tos));
    set!(row, MeasuredOctets, octets = octets.map(u64::from));
    match packet.transport {
        Some(Transport::Tcp { src_port, dst_port, flags }) => {
            set!(row, SrcPort, src_port = Some(src_port));
            set!(row, DstPort, dst_port = Some(dst_port));
            set!(row, TcpFlags, tcp_flags = flags);
        }
        Some(Transport::Ports { src_port, dst_port }) => {
            set!(row, SrcPort, src_port = Some(src_port));
            set!(row, DstPort, dst_port = Some(dst_port));
        }
        Some(Transport::Icmp { kind, code }) => {
            set!(row, IcmpType, icmp_type = Some(kind));
            set!(row, IcmpCode, icmp_code = Some(code));
        }
        None => {}
    }
    true
}

/// Fills in what an agent says of a packet whose header it does not send.
fn fill_ip(ip: &sflow::record::Ip<IpAddr>, row: &mut Row) {
    set!(row, SrcAddr, src_addr = Some(ip.src.into()));
    set!(row, DstAddr, dst_addr = Some(ip.dst.into()));
    set!(row, MeasuredOctets, octets = Some(ip.octets.into()));
    set!(row, Proto, proto = ip.proto);
    set!(row, Tos, tos = ip.tos);
    set!(row, SrcPort, src_port = ip.src_port);
    set!(row, DstPort, dst_port = ip.dst_port);
    set!(row, TcpFlags, tcp_flags = ip.tcp_flags);
}
