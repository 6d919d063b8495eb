//! Datagrams of NetFlow v1, v5 and v7.

use super::{DATAGRAM_LEN_MAX, Moment};
use crate::chance::Dice;
use crate::message::{Content, Interval, Message, Number, Record, SessionId, Set, Told, What};
use crate::row::Row;
use crate::traffic::{Bounds, Flow};
use std::rc::Rc;
use weir_flow::names::Version;
use weir_flow::{Addr, Column};
use weir_wire::netflow::{v1, v5, v7};
use weir_wire::{Error, Protocol};

/// Records of a datagram, mostly.
const RECORDS_MAX: u64 = 12;

pub(super) fn emit(
    session: SessionId,
    number: Number,
    interval: u32,
    moment: &Moment<'_>,
    dice: &mut Dice,
) -> Result<Message, Error> {
    let bounds =
        Bounds { v6: false, nat: false, boot_ms: moment.boot_ms, now_ms: moment.now_ms, grain_ms: 1 };
    let count = dice.between(1, RECORDS_MAX);
    let flows: Vec<Flow> = (0..count).map(|_| Flow::new(moment.town, &bounds, dice)).collect();
    let mut out = [0; DATAGRAM_LEN_MAX];
    let sequence = number.value;
    let (uptime_ms, export_s, export_ns) =
        (moment.uptime(moment.now_ms), moment.seconds(), moment.nanoseconds());
    let (len, version) = match session.protocol {
        Protocol::NetflowV1 => {
            let records: Vec<_> = flows.iter().map(|flow| record_v1(flow, moment)).collect();
            (v1::emit(&v1::Header { uptime_ms, export_s, export_ns }, &records, &mut out)?, Version::V1)
        }
        Protocol::NetflowV7 => {
            let records: Vec<_> = flows.iter().map(|flow| record_v7(flow, moment)).collect();
            (
                v7::emit(&v7::Header { uptime_ms, export_s, export_ns, sequence }, &records, &mut out)?,
                Version::V7,
            )
        }
        _ => {
            let [.., engine_type, engine_id] = session.domain.to_be_bytes();
            let sampling = v5::Sampling { mode: 1, interval: u16::try_from(interval).unwrap_or_default() };
            let header =
                v5::Header { uptime_ms, export_s, export_ns, sequence, engine_type, engine_id, sampling };
            let records: Vec<_> = flows.iter().map(|flow| record_v5(flow, moment)).collect();
            (v5::emit(&header, &records, &mut out)?, Version::V5)
        }
    };
    let units = u32::try_from(flows.len()).unwrap_or_default();
    let records = flows
        .iter()
        .map(|flow| Record { end: len, what: What::Flow(Rc::new(told(flow, version, interval, moment))) });
    Ok(Message {
        session,
        version,
        number: (version != Version::V1).then_some(Number { units, ..number }),
        export_ms: (!moment.is_unset).then_some(moment.now_ms),
        indivisible: len,
        sets: vec![Set { at: len, content: Content::Data(None, records.collect()) }],
        bytes: out.get(..len).unwrap_or_default().to_vec(),
    })
}

fn v4(addr: Addr) -> [u8; 4] {
    <[u8; 4]>::try_from(addr.natural()).unwrap_or_default()
}

fn u32_of(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn u16_of(number: u32) -> u16 {
    u16::try_from(number).unwrap_or_default()
}

fn record_v1(flow: &Flow, moment: &Moment<'_>) -> v1::Record {
    v1::Record {
        src_addr: v4(flow.ends.src),
        dst_addr: v4(flow.ends.dst),
        next_hop: [0; 4],
        ingress_if: u16_of(flow.ingress_if),
        egress_if: u16_of(flow.egress_if),
        packets: u32_of(flow.packets),
        octets: u32_of(flow.octets),
        first_ms: moment.uptime(flow.start_ms),
        last_ms: moment.uptime(flow.end_ms),
        src_port: flow.src_port,
        dst_port: flow.dst_port,
        proto: flow.proto,
        tos: flow.tos,
        tcp_flags: flow.tcp_flags,
    }
}

fn record_v5(flow: &Flow, moment: &Moment<'_>) -> v5::Record {
    v5::Record {
        src_addr: v4(flow.ends.src),
        dst_addr: v4(flow.ends.dst),
        ingress_if: u16_of(flow.ingress_if),
        egress_if: u16_of(flow.egress_if),
        packets: u32_of(flow.packets),
        octets: u32_of(flow.octets),
        first_ms: moment.uptime(flow.start_ms),
        last_ms: moment.uptime(flow.end_ms),
        src_port: flow.src_port,
        dst_port: flow.dst_port,
        proto: flow.proto,
        tos: flow.tos,
        tcp_flags: flow.tcp_flags,
        src_as: flow.src_as,
        dst_as: flow.dst_as,
        src_mask: 24,
        dst_mask: 0,
        ..v5::Record::default()
    }
}

fn record_v7(flow: &Flow, moment: &Moment<'_>) -> v7::Record {
    v7::Record {
        src_addr: v4(flow.ends.src),
        dst_addr: v4(flow.ends.dst),
        ingress_if: u16_of(flow.ingress_if),
        egress_if: u16_of(flow.egress_if),
        packets: u32_of(flow.packets),
        octets: u32_of(flow.octets),
        first_ms: moment.uptime(flow.start_ms),
        last_ms: moment.uptime(flow.end_ms),
        src_port: flow.src_port,
        dst_port: flow.dst_port,
        proto: flow.proto,
        tos: flow.tos,
        tcp_flags: flow.tcp_flags,
        src_as: flow.src_as,
        dst_as: flow.dst_as,
        src_mask: 24,
        dst_mask: 0,
        ..v7::Record::default()
    }
}

/// What is to be understood of a record.
fn told(flow: &Flow, version: Version, interval: u32, moment: &Moment<'_>) -> Told {
    let mut row = Row::default();
    row.addr(Column::SrcAddr, flow.ends.src);
    row.addr(Column::DstAddr, flow.ends.dst);
    row.number(Column::IngressIf, flow.ingress_if.into());
    row.number(Column::EgressIf, flow.egress_if.into());
    row.number(Column::Tos, flow.tos.into());
    flow.transport(&mut row);
    if version != Version::V1 {
        row.number_but_0(Column::SrcAs, flow.src_as.into());
        row.number_but_0(Column::DstAs, flow.dst_as.into());
        row.number(Column::SrcMask, 24);
        row.number(Column::DstMask, 0);
    }
    let (times, doubtful) = moment.times(flow);
    let interval = if version == Version::V5 { Interval::Header(interval) } else { Interval::None };
    Told {
        row,
        times,
        doubtful,
        octets: flow.octets,
        packets: flow.packets,
        interval,
        place: flow.place(moment.rule, [flow.ingress_if, flow.egress_if], false),
    }
}
