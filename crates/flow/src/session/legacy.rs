//! NetFlow v1, v5, v6 and v7: records of one fixed form. They differ in their headers and in a few fields, so the
//! rows are written once here and each version says what it has: see [`super::v1`], [`super::v5`],
//! [`super::v6`], [`super::v7`].

use super::clock::{Clock, Form};
use super::count::Counts;
use super::rows::{self, Origin, STAMPED};
use super::sampling::Interval;
use crate::health::Counter;
use crate::schema::Column;
use crate::{Addr, Batch};

/// A record as all these versions have it, times in ms of uptime.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) src_addr: [u8; 4],
    pub(super) dst_addr: [u8; 4],
    pub(super) next_hop: [u8; 4],
    pub(super) ingress_if: u16,
    pub(super) egress_if: u16,
    pub(super) packets: u32,
    pub(super) octets: u32,
    pub(super) first_ms: u32,
    pub(super) last_ms: u32,
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) tcp_flags: u8,
    pub(super) proto: u8,
    pub(super) tos: u8,
    /// Version 1 has none of these four.
    pub(super) src_as: u16,
    pub(super) dst_as: u16,
    pub(super) src_mask: u8,
    pub(super) dst_mask: u8,
}

/// Columns of version 1.
pub(super) const V1: u64 = STAMPED
    | Column::SrcAddr.bit()
    | Column::DstAddr.bit()
    | Column::NextHop.bit()
    | Column::IngressIf.bit()
    | Column::EgressIf.bit()
    | Column::MeasuredPackets.bit()
    | Column::MeasuredOctets.bit()
    | Column::SrcPort.bit()
    | Column::DstPort.bit()
    | Column::TcpFlags.bit()
    | Column::Proto.bit()
    | Column::Tos.bit();

/// Columns of versions 5, 6 and 7.
pub(super) const V5: u64 =
    V1 | Column::SrcAs.bit() | Column::DstAs.bit() | Column::SrcMask.bit() | Column::DstMask.bit();

/// Appends records, column by column.
pub(super) fn append<I>(
    records: I,
    mask: u64,
    origin: &Origin,
    interval: Interval,
    batch: &mut Batch,
    counts: &mut Counts,
) where
    I: ExactSizeIterator<Item = Record> + Clone,
{
    let rows = records.len();
    let base = batch.extend_rows(rows, mask);
    macro_rules! fill {
        ($($get:ident $column:ident = $value:expr;)+) => {
            $(batch.$get(Column::$column, base).extend(records.clone().map($value));)+
        };
    }
    fill! {
        addrs_from SrcAddr = |r| Addr::v4(r.src_addr);
        addrs_from DstAddr = |r| Addr::v4(r.dst_addr);
        addrs_from NextHop = |r| Addr::v4(r.next_hop);
        u32s_from IngressIf = |r| u32::from(r.ingress_if);
        u32s_from EgressIf = |r| u32::from(r.egress_if);
        u64s_from MeasuredPackets = |r| u64::from(r.packets);
        u64s_from MeasuredOctets = |r| u64::from(r.octets);
        u16s_from SrcPort = |r| r.src_port;
        u16s_from DstPort = |r| r.dst_port;
        u16s_from TcpFlags = |r| u16::from(r.tcp_flags);
        u8s_from Proto = |r| r.proto;
        u8s_from Tos = |r| r.tos;
    }
    if mask & Column::SrcAs.bit() != 0 {
        fill! {
            u32s_from SrcAs = |r| u32::from(r.src_as);
            u32s_from DstAs = |r| u32::from(r.dst_as);
            u8s_from SrcMask = |r| r.src_mask;
            u8s_from DstMask = |r| r.dst_mask;
        }
    }
    rows::stamp(batch, base, origin);
    times(&records, base, &origin.clock, batch, counts);
    rows::scale(batch, base, counts, interval);
    counts.add_len(Counter::Records, rows);
    // A 32-bit counter at its end stopped there: at least so much.
    let saturated = records.map(|r| usize::from(r.octets == u32::MAX || r.packets == u32::MAX)).sum();
    counts.add_len(Counter::Saturated, saturated);
}

fn times<I>(records: &I, base: usize, clock: &Clock, batch: &mut Batch, counts: &mut Counts)
where
    I: ExactSizeIterator<Item = Record> + Clone,
{
    if let Some(time) = clock.uptimes() {
        let starts = records.clone().map(|r| time(r.first_ms));
        let ends = records.clone().map(|r| time(r.last_ms));
        if rows::spans(batch, base, clock, starts, ends) {
            return;
        }
    }
    let said = |ms: u32| clock.time(Form::Uptime, ms.into());
    rows::times(batch, base, clock, counts, records.clone().map(|r| (said(r.first_ms), said(r.last_ms))));
}

/// Milliseconds since 1970 of a header's seconds and nanoseconds; nonsense in the latter counts as 0.
pub(super) fn export_ms(seconds: u32, nanoseconds: u32) -> i64 {
    let ms = if nanoseconds < 1_000_000_000 { nanoseconds / 1_000_000 } else { 0 };
    i64::from(seconds) * 1000 + i64::from(ms)
}
