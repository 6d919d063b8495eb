//! A flow of layout 1, nfdump's "common record": fields that all have, then extensions in the order of a map.
//!
//! ```text
//! record of kind 10    4  flags (2)   6  map (2)   8  ms of first (2)   10  ms of last (2)   12  first (4)   16  last (4)
//!                     20  forwarding  21 tcp_flags  22 proto  23 tos    24  src_port (2)     26  dst_port (2)
//!                     28  exporter's number (2)   30  biflow  31 end_reason   32  the rest
//! record of kind 1     4  flags   5  exporter's number   the same up to 28, then the rest
//! the rest             addresses (8 or 32), packets (4 or 8), octets (4 or 8), by the flags; then the map's extensions
//! map                  4  its number (2)   6  octets of all extensions (2)   8..  numbers of extensions (2), up to a zero
//!  4  5  interfaces (2, 4)      6  7  AS (2, 4)      8  dst_tos, direction, masks      9 to 12, 23, 24  routers, IPv4 and IPv6
//! 13  VLANs (2)     14 15  packets out (4, 8)     16 17  octets out     18 19  flows     20 21  MACs (8)     22  ten labels (4)
//! 25  2, engine_type, engine_id     26  neighbours' AS (4)     27  received (8)     37  firewall (20)     38 39 40  translated
//! 41  lists (24)    42 43  user (24, 72)     45  delays (24)     46  translator, VRFs (12)     47 48  translated, ports (8)
//! ```
//! A map may be used by any later block of the file: whoever reads it keeps the maps.

use super::super::order::Order;
use super::third::{text, v4, v6};
use super::{Firewall, Flow, Macs};
use crate::error::{Error, Reason};
use crate::reader::Reader;

const IPV6: u16 = 1;
const PACKETS_64: u16 = 2;
const OCTETS_64: u16 = 4;
const EVENT: u16 = 64;
const SAMPLED: u16 = 128;

/// Which extensions follow the fields of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map<'a> {
    /// Its number, by which flows name it.
    pub number: u16,
    order: Order,
    numbers: &'a [u8],
}

impl<'a> Map<'a> {
    pub(super) fn parse(order: Order, mut body: Reader<'a>) -> Result<Self, Error> {
        let number = order.u16(&mut body)?;
        body.skip(2)?;
        Ok(Self { number, order, numbers: body.rest() })
    }

    /// The extensions' numbers, in their order.
    pub fn extensions(&self) -> impl Iterator<Item = u16> + use<'a> {
        let order = self.order;
        let number = move |octets: &[u8]| order.u16(&mut Reader::new(octets)).unwrap_or_default();
        self.numbers.chunks_exact(2).map(number).take_while(|number| *number != 0)
    }
}

/// A flow of which only the fields that all have are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed<'a> {
    /// The map that says how to read on.
    pub map: u16,
    flow: Flow<'a>,
    order: Order,
    rest: Reader<'a>,
}

impl<'a> Packed<'a> {
    pub(super) fn parse(is_old: bool, order: Order, mut body: Reader<'a>) -> Result<Self, Error> {
        let from = &mut body;
        let mut flow = Flow::default();
        let flags = if is_old {
            let flags = from.u8()?.into();
            flow.exporter = from.u8()?.into();
            flags
        } else {
            order.u16(from)?
        };
        flow.is_event = flags & EVENT != 0;
        flow.is_sampled = flags & SAMPLED != 0;
        let map = order.u16(from)?;
        let (first_ms, last_ms) = (order.u16(from)?, order.u16(from)?);
        let (first_s, last_s) = (order.u32(from)?, order.u32(from)?);
        let ms = |s: u32, ms: u16| u64::from(s).saturating_mul(1000).saturating_add(ms.into());
        (flow.first_ms, flow.last_ms) = (ms(first_s, first_ms), ms(last_s, last_ms));
        flow.forwarding = from.u8()?;
        flow.tcp_flags = from.u8()?;
        flow.proto = from.u8()?;
        flow.tos = from.u8()?;
        flow.src_port = order.u16(from)?;
        flow.dst_port = order.u16(from)?;
        if !is_old {
            flow.exporter = order.u16(from)?;
            flow.misc.biflow = from.u8()?;
            from.skip(1)?;
        }
        let is_v6 = flags & IPV6 != 0;
        let address = if is_v6 { v6 } else { v4 };
        flow.addrs = Some((address(order, from)?, address(order, from)?));
        flow.packets = counter(flags & PACKETS_64 != 0, order, from)?;
        flow.octets = counter(flags & OCTETS_64 != 0, order, from)?;
        Ok(Self { map, flow, order, rest: body })
    }

    /// The flow, with the extensions of its map.
    ///
    /// # Errors
    /// [`Reason::Truncated`] if the record is too short for its map, [`Reason::Unsupported`] for an extension whose
    /// length is not known.
    pub fn unpack(&self, extensions: impl Iterator<Item = u16>) -> Result<Flow<'a>, Error> {
        let (mut flow, mut rest) = (self.flow, self.rest);
        for number in extensions {
            extension(number, self.order, &mut rest, &mut flow)?;
        }
        Ok(flow)
    }
}

fn counter(is_long: bool, order: Order, from: &mut Reader<'_>) -> Result<u64, Error> {
    if is_long { order.u64(from) } else { Ok(order.u32(from)?.into()) }
}

fn extension<'a>(number: u16, order: Order, from: &mut Reader<'a>, flow: &mut Flow<'a>) -> Result<(), Error> {
    match number {
        1..=3 => {}
        4 => (flow.misc.ingress_if, flow.misc.egress_if) = (order.u16(from)?.into(), order.u16(from)?.into()),
        5 => (flow.misc.ingress_if, flow.misc.egress_if) = (order.u32(from)?, order.u32(from)?),
        6 => flow.systems = Some((order.u16(from)?.into(), order.u16(from)?.into())),
        7 => flow.systems = Some((order.u32(from)?, order.u32(from)?)),
        8 => {
            from.skip(1)?;
            flow.misc.direction = from.u8()?;
            (flow.misc.src_mask, flow.misc.dst_mask) = (from.u8()?, from.u8()?);
        }
        9 => flow.next_hop = Some(v4(order, from)?),
        10 => flow.next_hop = Some(v6(order, from)?),
        11 => flow.bgp_next_hop = Some(v4(order, from)?),
        12 => flow.bgp_next_hop = Some(v6(order, from)?),
        13 => flow.vlans = Some((order.u16(from)?.into(), order.u16(from)?.into())),
        14..=19 => sums(number, order, from, flow)?,
        20 | 21 => macs(number, order, from, flow)?,
        22 => {
            flow.mpls = Some(order.u32(from)?);
            from.skip(36)?;
        }
        23 => flow.router = Some(v4(order, from)?),
        24 => flow.router = Some(v6(order, from)?),
        25 => {
            from.skip(2)?;
            (flow.engine_type, flow.engine_id) = (from.u8()?, from.u8()?);
        }
        26 | 47 | 48 => from.skip(8)?,
        27 => flow.received_ms = Some(order.u64(from)?).filter(|ms| *ms != 0),
        37 => firewall(order, from, flow)?,
        38 => flow.nat_ports = Some((order.u16(from)?, order.u16(from)?)),
        39 => flow.nat_addrs = Some((v4(order, from)?, v4(order, from)?)),
        40 => flow.nat_addrs = Some((v6(order, from)?, v6(order, from)?)),
        41 | 45 => from.skip(24)?,
        42 => flow.user = text(from.bytes(24)?),
        43 => flow.user = text(from.bytes(72)?),
        46 => {
            flow.translator = Some(from.u8()?);
            from.skip(3)?;
            let (egress, ingress) = (order.u32(from)?, order.u32(from)?);
            flow.vrfs = Some((ingress, egress));
        }
        _ => return Err(from.error(Reason::Unsupported)),
    }
    Ok(())
}

fn sums(number: u16, order: Order, from: &mut Reader<'_>, flow: &mut Flow<'_>) -> Result<(), Error> {
    let value = counter(number % 2 == 1, order, from)?;
    let (flows, packets, octets) = flow.out.get_or_insert_default();
    match number {
        14 | 15 => *packets = value,
        16 | 17 => *octets = value,
        _ => *flows = value,
    }
    Ok(())
}

fn macs(number: u16, order: Order, from: &mut Reader<'_>, flow: &mut Flow<'_>) -> Result<(), Error> {
    let pair = (order.u64(from)?, order.u64(from)?);
    let macs = flow.macs.get_or_insert(Macs::default());
    if number == 20 {
        (macs.in_src, macs.out_dst) = pair;
    } else {
        (macs.in_dst, macs.out_src) = pair;
    }
    Ok(())
}

fn firewall(order: Order, from: &mut Reader<'_>, flow: &mut Flow<'_>) -> Result<(), Error> {
    let (at_ms, connection) = (order.u64(from)?, order.u32(from)?);
    let icmp = order.u16(from)?;
    let event = from.u8()?;
    from.skip(1 + 2 + 2)?;
    flow.firewall = Some(Firewall { at_ms, connection, event });
    // nfdump writes type and code here, and leaves the port at 0.
    if matches!(flow.proto, 1 | 58) && flow.dst_port == 0 {
        flow.dst_port = icmp;
    }
    Ok(())
}
