//! Datagrams of sFlow v5: the headers of sampled packets.

use super::{DATAGRAM_LEN_MAX, Moment};
use crate::chance::Dice;
use crate::message::{Content, Interval, Message, Number, Record, SessionId, Set, Told, What};
use crate::row::Row;
use crate::traffic::{Bounds, Flow};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::rc::Rc;
use weir_flow::Column;
use weir_flow::names::Version;
use weir_wire::Error;
use weir_wire::packet::{ethernet, ipv4, ipv6};
use weir_wire::sflow::{self, FlowHeader, Interface, RawHeader, Source};
use weir_wire::writer::Writer;

const SRC_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const DST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// Type and length of a sample, and the fixed words of a compact one: up to here nothing is seen of it.
const SAMPLE_HEADER_LEN: usize = 8 + 32;
/// What a frame has besides its IP packet: the link header and the check sequence.
const LINK_LEN: u32 = 18;

pub(super) fn emit(
    session: SessionId,
    number: Number,
    interval: u32,
    moment: &Moment<'_>,
    dice: &mut Dice,
) -> Result<Message, Error> {
    let header = sflow::Header {
        agent: session.from.into(),
        sub_agent: session.domain,
        sequence: number.value,
        uptime_ms: moment.uptime(moment.now_ms),
        samples: 0,
    };
    let header_len = if session.from.is_v4() { 28 } else { 40 };
    let mut out = [0; DATAGRAM_LEN_MAX];
    let mut writer = sflow::Writer::new(&mut out, &header)?;
    let mut end = header_len;
    let mut sets = Vec::new();
    for _ in 0..dice.between(1, 6) {
        let bounds = Bounds {
            v6: dice.percent(30),
            nat: false,
            boot_ms: moment.boot_ms,
            now_ms: moment.now_ms,
            grain_ms: 1,
        };
        let flow = Flow::new(moment.town, &bounds, dice);
        let octets: u16 = dice.between(64, 1500);
        let frame = frame(&flow, octets)?;
        writer.begin_flow(&FlowHeader {
            sequence: 1,
            source: Source { kind: 0, index: 3 },
            sampling_interval: NonZeroU32::new(interval),
            pool: 0,
            drops: 0,
            ingress: Interface::from_parts(0, flow.ingress_if),
            egress: Interface::from_parts(0, flow.egress_if),
            expanded: false,
        })?;
        let frame_length = u32::from(octets) + LINK_LEN;
        writer.raw_header(&RawHeader {
            protocol: RawHeader::ETHERNET,
            frame_length,
            stripped: 4,
            header: &frame,
        })?;
        let at = end + SAMPLE_HEADER_LEN;
        // The record: format, length, four words, the frame padded to words.
        end = at + 8 + 16 + frame.len().next_multiple_of(4);
        let record = Record { end, what: What::Flow(Rc::new(told(&flow, octets, interval, moment))) };
        sets.push(Set { at, content: Content::Data(None, vec![record]) });
    }
    let len = writer.finish()?;
    if len != end {
        // The offsets above are not those of the writer.
        return Err(Error::new(weir_wire::Reason::BadLength, end));
    }
    Ok(Message {
        session,
        version: Version::Sflow,
        number: Some(Number { units: 1, ..number }),
        export_ms: None,
        indivisible: header_len,
        sets,
        bytes: out.get(..len).unwrap_or_default().to_vec(),
    })
}

/// The headers of a packet of so many octets.
fn frame(flow: &Flow, octets: u16) -> Result<Vec<u8>, Error> {
    let mut out = [0; 128];
    let mut writer = Writer::new(&mut out);
    let (src, dst) = (IpAddr::from(flow.ends.src), IpAddr::from(flow.ends.dst));
    let ether_type = if src.is_ipv4() { 0x0800 } else { 0x86dd };
    ethernet::Header { dst: DST_MAC, src: SRC_MAC, ether_type }.emit(&mut writer)?;
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => ipv4::Header {
            header_len: 20,
            tos: flow.tos,
            total_len: octets,
            id: 1,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            ttl: 60,
            proto: flow.proto,
            src,
            dst,
        }
        .emit(&mut writer)?,
        (IpAddr::V6(src), IpAddr::V6(dst)) => ipv6::Header {
            traffic_class: flow.tos,
            flow_label: 0,
            payload_len: octets.saturating_sub(40),
            next_header: flow.proto,
            hop_limit: 60,
            src,
            dst,
        }
        .emit(&mut writer)?,
        _ => return Err(Error::new(weir_wire::Reason::BadAddress, 14)),
    }
    match flow.proto {
        6 => {
            writer.u16(flow.src_port)?;
            writer.u16(flow.dst_port)?;
            writer.zeros(8)?;
            writer.u16(0x5000 | u16::from(flow.tcp_flags))?;
            writer.zeros(6)?;
        }
        17 => {
            writer.u16(flow.src_port)?;
            writer.u16(flow.dst_port)?;
            writer.u16(octets.saturating_sub(if src.is_ipv4() { 20 } else { 40 }))?;
            writer.zeros(2)?;
        }
        1 | 58 => {
            writer.u16(flow.dst_port)?;
            writer.zeros(6)?;
        }
        _ => writer.zeros(16)?,
    }
    Ok(writer.written().to_vec())
}

/// What is to be understood of a sample.
fn told(flow: &Flow, octets: u16, interval: u32, moment: &Moment<'_>) -> Told {
    let mac = |mac: [u8; 6]| weir_flow::Mac::from_octets(mac).0;
    let mut row = Row::default();
    row.addr(Column::SrcAddr, flow.ends.src);
    row.addr(Column::DstAddr, flow.ends.dst);
    row.number(Column::Tos, flow.tos.into());
    row.number(Column::SrcMac, mac(SRC_MAC));
    row.number(Column::DstMac, mac(DST_MAC));
    // An index of 0 is "not known".
    row.number_but_0(Column::IngressIf, flow.ingress_if.into());
    row.number_but_0(Column::EgressIf, flow.egress_if.into());
    flow.transport(&mut row);
    let interval = if interval > 0 { Interval::Record(interval) } else { Interval::None };
    let place = flow.place(moment.rule, [flow.ingress_if, flow.egress_if], false);
    Told { row, times: None, doubtful: false, octets: octets.into(), packets: 1, interval, place }
}
