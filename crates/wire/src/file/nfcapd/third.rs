//! A flow of layout 2, nfdump's "V3 record": a header, and extensions with their own lengths in any order.
//!
//! ```text
//! record      4  extensions (2)   6  engine_type   7  engine_id   8  exporter's number (2)   10  flags   11  version
//! extension   0  kind (2)         2  octets with this header (2)
//!  1  flow        first_ms, last_ms, received_ms, packets, octets (8 each), src_port, dst_port (2), proto, tcp_flags,
//!                 forwarding, tos            2  3  addresses, IPv4 and IPv6          8 to 13  routers, IPv4 and IPv6 in turn
//!  4  misc        ingress_if, egress_if (4), src_mask, dst_mask, direction, dst_tos, biflow, end_reason
//!  5  out         flows, packets, octets (8)      6  VLANs (4)      7  AS (4)      14  ten labels (4)      15  four MACs (8)
//! 18  sampler     id (4) and interval, or id (8)          19  firewall   at_ms (8), connection (4), event (2), event
//! 20 21 22  after translation: addresses and ports        24  user (66)        25  translator  at_ms (8), pool (4), event;
//!           before 1.7: at_ms, VRFs (4), pool, event      27  application      33  point (8), domain (4)
//! 36  VRFs out, in (4)    38  VLANs again, for exporters that name them so (2 each)     42  0, fragments, min_ttl, max_ttl
//! ```
//! An IPv6 address is two numbers of 8 octets, the higher half first, each in the file's byte order.

use super::super::order::Order;
use super::{Firewall, Flow, Macs, Misc};
use crate::error::{Error, Reason};
use crate::reader::Reader;
use core::net::IpAddr;

const EVENT: u8 = 1;
const SAMPLED: u8 = 2;

/// Reads the record behind kind and length. An extension that is shorter than it must be ends it with an error;
/// unknown ones are stepped over.
pub(super) fn parse(order: Order, mut body: Reader<'_>) -> Result<Flow<'_>, Error> {
    let mut flow = Flow::default();
    let extensions = order.u16(&mut body)?;
    flow.engine_type = body.u8()?;
    flow.engine_id = body.u8()?;
    flow.exporter = order.u16(&mut body)?;
    let flags = body.u8()?;
    flow.is_event = flags & EVENT != 0;
    flow.is_sampled = flags & SAMPLED != 0;
    flow.version = body.u8()?;
    for _ in 0..extensions {
        if body.is_empty() {
            break;
        }
        let at = body.offset();
        let kind = order.u16(&mut body)?;
        let len = usize::from(order.u16(&mut body)?);
        let len = len.checked_sub(4).ok_or(Error::new(Reason::BadLength, at.saturating_add(2)))?;
        extension(kind, order, body.sub(len)?, &mut flow)?;
    }
    Ok(flow)
}

fn extension<'a>(kind: u16, order: Order, mut body: Reader<'a>, flow: &mut Flow<'a>) -> Result<(), Error> {
    let from = &mut body;
    match kind {
        1 => generic(order, from, flow)?,
        2 => flow.addrs = Some((v4(order, from)?, v4(order, from)?)),
        3 => flow.addrs = Some((v6(order, from)?, v6(order, from)?)),
        4 => flow.misc = misc(order, from)?,
        5 => flow.out = Some((order.u64(from)?, order.u64(from)?, order.u64(from)?)),
        6 => flow.vlans = Some((order.u32(from)?, order.u32(from)?)),
        7 => flow.systems = Some((order.u32(from)?, order.u32(from)?)),
        8 => flow.bgp_next_hop = Some(v4(order, from)?),
        9 => flow.bgp_next_hop = Some(v6(order, from)?),
        10 => flow.next_hop = Some(v4(order, from)?),
        11 => flow.next_hop = Some(v6(order, from)?),
        12 => flow.router = Some(v4(order, from)?),
        13 => flow.router = Some(v6(order, from)?),
        14 => flow.mpls = Some(order.u32(from)?),
        15 => flow.macs = Some(macs(order, from)?),
        18 => flow.sampler = sampler(order, *from),
        19 => flow.firewall = Some(firewall(order, from)?),
        20 => flow.nat_addrs = Some((v4(order, from)?, v4(order, from)?)),
        21 => flow.nat_addrs = Some((v6(order, from)?, v6(order, from)?)),
        22 => flow.nat_ports = Some((order.u16(from)?, order.u16(from)?)),
        24 => flow.user = text(from.rest()),
        25 => translator(order, *from, flow)?,
        27 => flow.application = Some(from.rest()),
        33 => {
            from.skip(8)?;
            flow.domain = Some(order.u32(from)?);
        }
        36 => {
            let (egress, ingress) = (order.u32(from)?, order.u32(from)?);
            flow.vrfs = Some((ingress, egress));
        }
        38 if flow.vlans.is_none() => {
            let [ingress, _, egress, _] = [(); 4].map(|()| order.u16(from));
            flow.vlans = Some((ingress?.into(), egress?.into()));
        }
        42 => {
            from.skip(2)?;
            flow.ttls = Some((from.u8()?, from.u8()?));
        }
        _ => {}
    }
    Ok(())
}

fn generic(order: Order, from: &mut Reader<'_>, flow: &mut Flow<'_>) -> Result<(), Error> {
    flow.first_ms = order.u64(from)?;
    flow.last_ms = order.u64(from)?;
    flow.received_ms = Some(order.u64(from)?).filter(|ms| *ms != 0);
    flow.packets = order.u64(from)?;
    flow.octets = order.u64(from)?;
    flow.src_port = order.u16(from)?;
    flow.dst_port = order.u16(from)?;
    flow.proto = from.u8()?;
    flow.tcp_flags = from.u8()?;
    flow.forwarding = from.u8()?;
    flow.tos = from.u8()?;
    Ok(())
}

fn misc(order: Order, from: &mut Reader<'_>) -> Result<Misc, Error> {
    let (ingress_if, egress_if) = (order.u32(from)?, order.u32(from)?);
    let (src_mask, dst_mask, direction) = (from.u8()?, from.u8()?, from.u8()?);
    from.skip(1)?;
    Ok(Misc { ingress_if, egress_if, src_mask, dst_mask, direction, biflow: from.u8()? })
}

pub(super) fn macs(order: Order, from: &mut Reader<'_>) -> Result<Macs, Error> {
    let (in_src, out_dst) = (order.u64(from)?, order.u64(from)?);
    Ok(Macs { in_src, out_dst, in_dst: order.u64(from)?, out_src: order.u64(from)? })
}

/// 12 octets with an id of 4 up to 1.7.1, since then with one of 8.
fn sampler(order: Order, mut from: Reader<'_>) -> Option<u64> {
    // Which of the two it is shows nowhere. Ids are small: the higher half of a long one is zero, and in its place the
    // short form has an interval.
    let (low, high) = (order.u32(&mut from).ok()?, order.u32(&mut from).ok()?);
    match order {
        Order::Little => Some(if high == 0 { low.into() } else { return None }),
        Order::Big => Some(if low == 0 { high.into() } else { return None }),
    }
}

fn firewall(order: Order, from: &mut Reader<'_>) -> Result<Firewall, Error> {
    let (at_ms, connection) = (order.u64(from)?, order.u32(from)?);
    from.skip(2)?;
    Ok(Firewall { at_ms, connection, event: from.u8()? })
}

fn translator(order: Order, mut from: Reader<'_>, flow: &mut Flow<'_>) -> Result<(), Error> {
    let has_vrfs = from.len() >= 24;
    from.skip(8)?;
    if has_vrfs {
        let (egress, ingress) = (order.u32(&mut from)?, order.u32(&mut from)?);
        flow.vrfs = Some((ingress, egress));
    }
    from.skip(4)?;
    flow.translator = Some(from.u8()?);
    Ok(())
}

pub(super) fn v4(order: Order, from: &mut Reader<'_>) -> Result<IpAddr, Error> {
    Ok(IpAddr::from(order.u32(from)?.to_be_bytes()))
}

pub(super) fn v6(order: Order, from: &mut Reader<'_>) -> Result<IpAddr, Error> {
    let (high, low) = (order.u64(from)?, order.u64(from)?);
    Ok(IpAddr::from((u128::from(high) << 64 | u128::from(low)).to_be_bytes()))
}

/// Text up to its zero.
pub(super) fn text(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split(|octet| *octet == 0).next().filter(|text| !text.is_empty())
}
