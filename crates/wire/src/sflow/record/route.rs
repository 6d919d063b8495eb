//! What a switch, a router, a BGP speaker and a translator know of a packet.

use core::net::IpAddr;

use super::super::address;
use super::{Words, narrow};
use crate::error::Error;
use crate::reader::Reader;

/// What a switch knows of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// VLAN it came in on. 0 is an untagged frame where the agent knows no VLAN.
    pub src_vlan: Option<u16>,
    /// Priority it came in with.
    pub src_priority: Option<u8>,
    /// VLAN it went out on.
    pub dst_vlan: Option<u16>,
    /// Priority it went out with.
    pub dst_priority: Option<u8>,
}

impl Switch {
    pub(in crate::sflow) fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let vlan = |value| narrow::<u16>(value).filter(|vlan| *vlan < 4096);
        Ok(Self {
            src_vlan: vlan(reader.u32()?),
            src_priority: narrow(reader.u32()?),
            dst_vlan: vlan(reader.u32()?),
            dst_priority: narrow(reader.u32()?),
        })
    }
}

/// What a router knows of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Router {
    /// The next router.
    pub next_hop: Option<IpAddr>,
    /// Length in bits of the source's prefix.
    pub src_mask: Option<u8>,
    /// Length in bits of the destination's prefix.
    pub dst_mask: Option<u8>,
}

impl Router {
    pub(in crate::sflow) fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mask = |value| narrow::<u8>(value).filter(|mask| *mask <= 128);
        Ok(Self { next_hop: address(reader)?, src_mask: mask(reader.u32()?), dst_mask: mask(reader.u32()?) })
    }
}

/// What a BGP speaker knows of a packet. An AS of 0 is the agent's own, or one it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gateway<'a> {
    /// The next border router; version 2 and 4 do not say.
    pub next_hop: Option<IpAddr>,
    /// The agent's AS.
    pub as_number: u32,
    /// The source's AS.
    pub src_as: u32,
    /// The AS it came through last.
    pub src_peer_as: u32,
    /// The way to the destination.
    pub path: AsPath<'a>,
    /// The first AS of the path to the destination; `None` for an empty path.
    pub dst_peer_as: Option<u32>,
    /// The last AS of the path to the destination: the destination's. `None` for an empty path.
    pub dst_as: Option<u32>,
    /// Communities of the route; none in version 2.
    pub communities: Words<'a>,
    /// Local preference of the route; version 2 does not say.
    pub local_preference: Option<u32>,
}

impl<'a> Gateway<'a> {
    pub(in crate::sflow) fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let next_hop = address(reader)?;
        Ok(Self { next_hop, ..Self::parse_v4(reader)? })
    }

    /// The form of version 4, without the next hop.
    pub(in crate::sflow) fn parse_v4(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let numbers = [reader.u32()?, reader.u32()?, reader.u32()?];
        let path = AsPath::parse(reader)?;
        let communities = Words::parse(reader)?;
        let local_preference = Some(reader.u32()?);
        Ok(Self { communities, local_preference, ..Self::of(numbers, path) })
    }

    /// The form of version 2: the path is one sequence, and there is nothing behind it.
    pub(in crate::sflow) fn parse_v2(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let numbers = [reader.u32()?, reader.u32()?, reader.u32()?];
        let body = Words::parse(reader)?;
        Ok(Self::of(numbers, AsPath { body: body.octets(), is_flat: true }))
    }

    fn of([as_number, src_as, src_peer_as]: [u32; 3], path: AsPath<'a>) -> Self {
        let dst_peer_as = path.numbers().next();
        let dst_as = path.numbers().last();
        let (next_hop, local_preference) = (None, None);
        let communities = Words::default();
        Self {
            next_hop,
            as_number,
            src_as,
            src_peer_as,
            path,
            dst_peer_as,
            dst_as,
            communities,
            local_preference,
        }
    }
}

/// A BGP path: segments, each a set or a sequence of AS numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsPath<'a> {
    body: &'a [u8],
    /// One sequence without a head (version 2).
    is_flat: bool,
}

/// A part of a BGP path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// 1: a set (in no order), 2: a sequence.
    pub kind: u32,
    /// Its AS numbers.
    pub numbers: Words<'a>,
}

impl Segment<'_> {
    /// The number of a set in [`Segment::kind`].
    pub const SET: u32 = 1;
    /// The number of a sequence in [`Segment::kind`].
    pub const SEQUENCE: u32 = 2;
}

impl<'a> AsPath<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let count = reader.u32()?;
        let start = *reader;
        // Bounded by the octets: every segment takes two words at least.
        for _ in 0..count {
            reader.skip(4)?;
            Words::parse(reader)?;
        }
        let len = start.len().saturating_sub(reader.len());
        Ok(Self { body: start.rest().get(..len).unwrap_or_default(), is_flat: false })
    }

    /// Its segments, from the agent to the destination.
    pub fn segments(self) -> impl Iterator<Item = Segment<'a>> {
        let mut reader = Reader::new(self.body);
        core::iter::from_fn(move || {
            if self.is_flat && !reader.is_empty() {
                let numbers = Words::of(reader.bytes(reader.len()).ok()?);
                return Some(Segment { kind: Segment::SEQUENCE, numbers });
            }
            let kind = reader.u32().ok()?;
            Some(Segment { kind, numbers: Words::parse(&mut reader).ok()? })
        })
    }

    /// Its AS numbers, whatever segment they are in.
    pub fn numbers(self) -> impl Iterator<Item = u32> {
        self.segments().flat_map(|segment| segment.numbers)
    }
}

/// The addresses on the other side of a translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nat {
    /// Source.
    pub src: Option<IpAddr>,
    /// Destination.
    pub dst: Option<IpAddr>,
}

impl Nat {
    pub(in crate::sflow) fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { src: address(reader)?, dst: address(reader)? })
    }
}

/// The ports on the other side of a translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatPort {
    /// Source port.
    pub src: Option<u16>,
    /// Destination port.
    pub dst: Option<u16>,
}

impl NatPort {
    pub(in crate::sflow) fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { src: narrow(reader.u32()?), dst: narrow(reader.u32()?) })
    }
}
