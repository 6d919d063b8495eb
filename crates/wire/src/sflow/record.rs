//! Flow records: what an agent says of a sampled packet.
//!
//! ```text
//! (0:1)     raw header    protocol | frame length | octets stripped | n, n octets of the frame
//! (0:2)     Ethernet      frame length | source (6 + 2) | destination (6 + 2) | EtherType
//! (0:3)     IPv4          IP length | protocol | source | destination | ports (2 words) | TCP flags | TOS
//! (0:4)     IPv6          the same with addresses of 16 octets
//! (0:1001)  switch        source VLAN, priority | destination VLAN, priority
//! (0:1002)  router        next hop | source mask length | destination mask length
//! (0:1003)  gateway       next hop | AS of the router, source, source's peer | AS path | communities | preference
//! (0:1007)  NAT           source and destination address on the other side
//! ```
//! Numbers that have less than 32 bits in their protocols come in words here; one that does not fit is
//! nonsense and leaves as `None`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::address;
use super::block::Block;
use crate::error::{Error, Reason};
use crate::packet::{self, Link, Packet};
use crate::reader::Reader;

/// Record formats of enterprise 0.
pub(super) mod format {
    pub(in crate::sflow) const RAW_HEADER: u32 = 1;
    pub(in crate::sflow) const ETHERNET: u32 = 2;
    pub(in crate::sflow) const IPV4: u32 = 3;
    pub(in crate::sflow) const IPV6: u32 = 4;
    pub(in crate::sflow) const SWITCH: u32 = 1001;
    pub(in crate::sflow) const ROUTER: u32 = 1002;
    pub(in crate::sflow) const GATEWAY: u32 = 1003;
    pub(in crate::sflow) const NAT: u32 = 1007;
}

/// One record of a flow sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowRecord<'a> {
    /// The first octets of the frame.
    RawHeader(RawHeader<'a>),
    /// An Ethernet header.
    Ethernet(Ethernet),
    /// An IPv4 header and ports.
    Ipv4(Ip<Ipv4Addr>),
    /// An IPv6 header and ports.
    Ipv6(Ip<Ipv6Addr>),
    /// What a switch knows.
    Switch(Switch),
    /// What a router knows.
    Router(Router),
    /// What a BGP speaker knows.
    Gateway(Gateway),
    /// The addresses on the other side of a translation.
    Nat(Nat),
    /// Anything else.
    Other {
        /// Who defined the format; 0 is sflow.org.
        enterprise: u32,
        /// The format's number.
        format: u32,
        /// Its octets.
        body: &'a [u8],
    },
}

impl<'a> FlowRecord<'a> {
    #[inline]
    pub(super) fn parse(block: &Block<'a>) -> Result<Self, Error> {
        let mut body = block.body;
        match (block.enterprise, block.format) {
            (0, format::RAW_HEADER) => RawHeader::parse(&mut body).map(Self::RawHeader),
            (0, format::ETHERNET) => Ethernet::parse(&mut body).map(Self::Ethernet),
            (0, format::IPV4) => Ip::parse(&mut body).map(Self::Ipv4),
            (0, format::IPV6) => Ip::parse(&mut body).map(Self::Ipv6),
            (0, format::SWITCH) => Switch::parse(&mut body).map(Self::Switch),
            (0, format::ROUTER) => Router::parse(&mut body).map(Self::Router),
            (0, format::GATEWAY) => Gateway::parse(&mut body).map(Self::Gateway),
            (0, format::NAT) => Nat::parse(&mut body).map(Self::Nat),
            (enterprise, format) => Ok(Self::Other { enterprise, format, body: body.rest() }),
        }
    }
}

/// The value in a narrower type, if it fits.
fn narrow<T: TryFrom<u32>>(value: u32) -> Option<T> {
    T::try_from(value).ok()
}

/// The first octets of the sampled frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawHeader<'a> {
    /// What the octets begin with, by sFlow's numbering: 1 Ethernet, 11 IPv4, 12 IPv6, …; see
    /// [`RawHeader::link`].
    pub protocol: u32,
    /// Octets of the frame on the wire, its frame check sequence usually included.
    pub frame_length: u32,
    /// Octets that were taken off the frame before the first octet here (and behind the last), which
    /// `frame_length` counts.
    pub stripped: u32,
    /// The octets.
    pub header: &'a [u8],
}

impl<'a> RawHeader<'a> {
    /// The number of Ethernet in [`RawHeader::protocol`].
    pub const ETHERNET: u32 = 1;
    /// The number of IPv4 in [`RawHeader::protocol`].
    pub const IPV4: u32 = 11;
    /// The number of IPv6 in [`RawHeader::protocol`].
    pub const IPV6: u32 = 12;

    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let protocol = reader.u32()?;
        let frame_length = reader.u32()?;
        let stripped = reader.u32()?;
        let len = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        Ok(Self { protocol, frame_length, stripped, header: reader.bytes(len)? })
    }

    /// What the octets begin with.
    #[must_use]
    pub const fn link(&self) -> Link {
        match self.protocol {
            Self::ETHERNET => Link::Ethernet,
            7 => Link::Ppp,
            Self::IPV4 => Link::Ipv4,
            Self::IPV6 => Link::Ipv6,
            13 => Link::Mpls,
            // Numbers of sFlow are not those of the pcap registry; 0 is in neither.
            _ => Link::Unknown(u16::MAX),
        }
    }

    /// The sampled packet, as far as its octets go.
    #[must_use]
    pub fn dissect(&self) -> Packet<'a> {
        packet::dissect(self.link(), self.header)
    }

    /// IP octets of the packet: what its IP header says, never more than the frame had room for. `None` if
    /// the frame carries no IP, or not enough of it was sampled.
    #[must_use]
    pub fn ip_octets(&self) -> Option<u32> {
        self.dissect().network?.octets_in(self.frame_length)
    }
}

/// An Ethernet header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ethernet {
    /// Octets of the frame.
    pub frame_length: u32,
    /// Source.
    pub src_mac: [u8; 6],
    /// Destination.
    pub dst_mac: [u8; 6],
    /// EtherType.
    pub ether_type: Option<u16>,
}

impl Ethernet {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let frame_length = reader.u32()?;
        let src_mac = reader.array()?;
        reader.skip(2)?;
        let dst_mac = reader.array()?;
        reader.skip(2)?;
        Ok(Self { frame_length, src_mac, dst_mac, ether_type: narrow(reader.u32()?) })
    }
}

/// An IP header and ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ip<A> {
    /// Octets of the packet from its IP header on.
    pub octets: u32,
    /// Protocol.
    pub proto: Option<u8>,
    /// Source.
    pub src: A,
    /// Destination.
    pub dst: A,
    /// Source port, or what the protocol has in its place.
    pub src_port: Option<u16>,
    /// Destination port.
    pub dst_port: Option<u16>,
    /// TCP control bits.
    pub tcp_flags: Option<u16>,
    /// Type of service, or traffic class.
    pub tos: Option<u8>,
}

impl<A> Ip<A> {
    fn parse<const N: usize>(reader: &mut Reader<'_>) -> Result<Self, Error>
    where
        A: From<[u8; N]>,
    {
        Ok(Self {
            octets: reader.u32()?,
            proto: narrow(reader.u32()?),
            src: A::from(reader.array::<N>()?),
            dst: A::from(reader.array::<N>()?),
            src_port: narrow(reader.u32()?),
            dst_port: narrow(reader.u32()?),
            tcp_flags: narrow(reader.u32()?),
            tos: narrow(reader.u32()?),
        })
    }
}

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
    fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
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
    fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mask = |value| narrow::<u8>(value).filter(|mask| *mask <= 128);
        Ok(Self { next_hop: address(reader)?, src_mask: mask(reader.u32()?), dst_mask: mask(reader.u32()?) })
    }
}

/// What a BGP speaker knows of a packet. An AS of 0 is the agent's own, or one it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gateway {
    /// The next border router.
    pub next_hop: Option<IpAddr>,
    /// The agent's AS.
    pub as_number: u32,
    /// The source's AS.
    pub src_as: u32,
    /// The AS it came through last.
    pub src_peer_as: u32,
    /// The first AS of the path to the destination; `None` for an empty path.
    pub dst_peer_as: Option<u32>,
    /// The last AS of the path to the destination: the destination's. `None` for an empty path.
    pub dst_as: Option<u32>,
    /// Local preference of the route.
    pub local_preference: u32,
}

impl Gateway {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let next_hop = address(reader)?;
        let as_number = reader.u32()?;
        let src_as = reader.u32()?;
        let src_peer_as = reader.u32()?;
        let (mut dst_peer_as, mut dst_as) = (None, None);
        // Bounded by the octets: every segment takes two words, every AS one.
        for _ in 0..reader.u32()? {
            reader.skip(4)?; // set or sequence
            for _ in 0..reader.u32()? {
                let number = reader.u32()?;
                dst_peer_as = dst_peer_as.or(Some(number));
                dst_as = Some(number);
            }
        }
        let too_many = reader.error(Reason::Truncated);
        let communities = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        reader.skip(communities.checked_mul(4).ok_or(too_many)?)?;
        let local_preference = reader.u32()?;
        Ok(Self { next_hop, as_number, src_as, src_peer_as, dst_peer_as, dst_as, local_preference })
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
    fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { src: address(reader)?, dst: address(reader)? })
    }
}
