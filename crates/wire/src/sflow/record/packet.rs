//! What was sampled: the first octets of a frame, or what the agent read of them itself.

use super::narrow;
use crate::error::Error;
use crate::packet::{self, Link, Packet};
use crate::reader::Reader;

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

    pub(in crate::sflow) fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let protocol = reader.u32()?;
        let frame_length = reader.u32()?;
        let stripped = reader.u32()?;
        Ok(Self { protocol, frame_length, stripped, header: super::opaque(reader)? })
    }

    /// The form of versions 2 and 4, which does not say what was taken off.
    pub(in crate::sflow) fn parse_legacy(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let protocol = reader.u32()?;
        let frame_length = reader.u32()?;
        Ok(Self { protocol, frame_length, stripped: 0, header: super::opaque(reader)? })
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
    pub(in crate::sflow) fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
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
    pub(in crate::sflow) fn parse<const N: usize>(reader: &mut Reader<'_>) -> Result<Self, Error>
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
