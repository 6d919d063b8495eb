//! NetFlow v5: IPv4, counters of 32 bits, one sampling interval for a datagram.

use super::row::Row;
use super::{Moment, Sink, Skip, Stream};
use weir_flow::{Addr, Batch, Column};
use weir_wire::netflow::v5::{self, HEADER_LEN, Header, RECORD_LEN, RECORDS_MAX, Record, Sampling};

/// Records that one record may become, because its octets need more than 32 bits.
const PARTS_MAX: u64 = 1024;
/// What stands for an AS number of more than 16 bits (RFC 6793 §9).
const AS_TRANS: u16 = 23_456;
/// The header's field has 14 bits.
const INTERVAL_MAX: u64 = (1 << 14) - 1;
const ICMP: u8 = 1;

/// Sends rows of one stream.
pub(super) fn write(
    stream: &mut Stream,
    (batch, rows): (&Batch, &[usize]),
    moment: Moment,
    room: &mut [u8],
    sink: &mut dyn Sink,
) {
    let mut records: Vec<(u16, Record)> = Vec::with_capacity(rows.len());
    for row in rows {
        let mut notes = Vec::new();
        match convert(Row::new(batch, *row), moment, &mut notes) {
            Ok((interval, record, octets, packets)) => {
                records.extend(
                    parts(octets, packets)
                        .map(|(octets, packets)| (interval, Record { octets, packets, ..record })),
                );
            }
            Err(skip) => notes.push(skip),
        }
        notes.into_iter().for_each(|skip| sink.skipped(stream.exporter, skip));
    }
    // A datagram has one interval.
    records.sort_by_key(|(interval, _)| *interval);
    let most =
        room.len().saturating_sub(HEADER_LEN).checked_div(RECORD_LEN).unwrap_or(1).clamp(1, RECORDS_MAX);
    for same in records.chunk_by(|(a, _), (b, _)| a == b) {
        for chunk in same.chunks(most) {
            send(stream, chunk, moment, room, sink);
        }
    }
}

fn send(stream: &mut Stream, chunk: &[(u16, Record)], moment: Moment, room: &mut [u8], sink: &mut dyn Sink) {
    let interval = chunk.first().map_or(0, |(interval, _)| *interval);
    let [_, _, engine_type, engine_id] = stream.id.to_be_bytes();
    let header = Header {
        uptime_ms: moment.uptime_ms(),
        export_s: moment.export_s(),
        export_ns: 0,
        sequence: stream.sequence,
        engine_type,
        engine_id,
        // 1: deterministic; how packets were chosen is not kept.
        sampling: Sampling { mode: u8::from(interval > 1), interval },
    };
    let records: Vec<Record> = chunk.iter().map(|(_, record)| *record).collect();
    if let Ok(len) = v5::emit(&header, &records, room) {
        sink.datagram(stream.exporter, room.get(..len).unwrap_or_default(), records.len());
    }
    // Also those that were not sent have their numbers: then the receiver sees a loss.
    stream.sequence = stream.sequence.wrapping_add(u32::try_from(records.len()).unwrap_or(u32::MAX));
}

/// The sampling interval (0: unknown), the record without its counters, octets and packets.
fn convert(row: Row<'_>, moment: Moment, notes: &mut Vec<Skip>) -> Result<(u16, Record, u64, u64), Skip> {
    let (start, end) = (row.time(Column::Start), row.time(Column::End));
    let (src_addr, dst_addr) = (v4(row, Column::SrcAddr)?, v4(row, Column::DstAddr)?);
    if !moment.reaches(start, end) {
        return Err(Skip::TooOld);
    }
    let (interval, octets, packets) = traffic(row, notes);
    if octets.div_ceil(u32::MAX.into()) > PARTS_MAX || packets.div_ceil(u32::MAX.into()) > PARTS_MAX {
        return Err(Skip::TooLarge);
    }
    let proto = row.small(Column::Proto);
    let record = Record {
        src_addr,
        dst_addr,
        next_hop: v4(row, Column::NextHop).unwrap_or_default(),
        ingress_if: narrowed(row.number(Column::IngressIf), 0, Skip::Interface, notes),
        egress_if: narrowed(row.number(Column::EgressIf), 0, Skip::Interface, notes),
        packets: 0,
        octets: 0,
        first_ms: moment.uptime_at(start),
        last_ms: moment.uptime_at(end),
        src_port: row.small(Column::SrcPort),
        dst_port: if proto == ICMP { icmp(row) } else { row.small(Column::DstPort) },
        tcp_flags: u8::try_from(row.number(Column::TcpFlags) & 0xff).unwrap_or_default(),
        proto,
        tos: row.small(Column::Tos),
        src_as: narrowed(row.number(Column::SrcAs), AS_TRANS, Skip::AsNumber, notes),
        dst_as: narrowed(row.number(Column::DstAs), AS_TRANS, Skip::AsNumber, notes),
        src_mask: row.small(Column::SrcMask),
        dst_mask: row.small(Column::DstMask),
    };
    Ok((interval, record, octets, packets))
}

fn v4(row: Row<'_>, column: Column) -> Result<[u8; 4], Skip> {
    let addr = row.addr(column).ok_or(Skip::NoAddress)?;
    let v4 = Some(addr).filter(Addr::is_v4).and_then(|addr| addr.natural().first_chunk().copied());
    v4.ok_or(Skip::Ipv6)
}

/// The interval, and measured octets and packets; where the interval is too long for the header, estimated ones.
fn traffic(row: Row<'_>, notes: &mut Vec<Skip>) -> (u16, u64, u64) {
    let measured = (row.number(Column::MeasuredOctets), row.number(Column::MeasuredPackets));
    match row.known(Column::SamplingInterval) {
        None => (0, measured.0, measured.1),
        Some(interval) if interval <= INTERVAL_MAX => {
            (u16::try_from(interval).unwrap_or_default(), measured.0, measured.1)
        }
        Some(_) => {
            notes.push(Skip::SamplingInterval);
            (1, row.number(Column::Octets), row.number(Column::Packets))
        }
    }
}

/// What ICMP has instead of a destination port.
fn icmp(row: Row<'_>) -> u16 {
    u16::from_be_bytes([row.small(Column::IcmpType), row.small(Column::IcmpCode)])
}

fn narrowed(value: u64, instead: u16, skip: Skip, notes: &mut Vec<Skip>) -> u16 {
    u16::try_from(value).unwrap_or_else(|_| {
        notes.push(skip);
        instead
    })
}

/// Octets and packets as so few records of 32-bit counters as carry them; their sums are exact.
fn parts(octets: u64, packets: u64) -> impl Iterator<Item = (u32, u32)> {
    let count = octets.max(packets).div_ceil(u32::MAX.into()).max(1);
    (0..count).map(move |i| (share(octets, i, count), share(packets, i, count)))
}

/// The i-th of `count` nearly equal parts.
fn share(sum: u64, i: u64, count: u64) -> u32 {
    u32::try_from(sum / count + u64::from(i < sum % count)).unwrap_or(u32::MAX)
}
