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
//! (0:1004)  user          charset, source's user | charset, destination's user
//! (0:1005)  URL           1 source's, 2 destination's | URL | host
//! (0:1006)  MPLS          next hop | label stack in | label stack out
//! (0:1007)  NAT           source and destination address on the other side
//! (0:1008–1011)  MPLS     tunnel and VC: name | id | class; FTN: description | mask; FEC: prefix length
//! (0:1012)  VLAN tunnel   tags that were stripped, TPID and TCI of each in a word
//! (0:1013–1015)  802.11   decrypted payload; received; transmitted
//! (0:1020)  NAT ports     source and destination port on the other side
//! (0:1021–1026)  tunnel   as 2, 3, 4: the header put on (odd, egress) or taken off (even, ingress)
//! (0:1027–1030)  tunnel   offset of the inner header; virtual network: egress, ingress
//! (0:1036–1043)  queue, function, delay, depth, traps, time of a packet
//! (0:2100–2103)  socket   protocol | local and remote address | ports; the last two of a proxy
//! ```
//! (sFlow version 5 §5; "sFlow 802.11 Structures", "sFlow Tunnel Structures", "sFlow Transit Delay Structures",
//! "sFlow Host Structures"; the drop monitor's by hsflowd.) Numbers that have less than 32 bits in their protocols
//! come in words here; one that does not fit is nonsense and leaves as `None`.

mod device;
mod label;
mod packet;
mod route;
mod wireless;

use core::net::{Ipv4Addr, Ipv6Addr};

pub use device::{Side, Socket, Trap, Url, User};
pub use label::{Forwarding, Label, Labels, Mpls, Named};
pub use packet::{Ethernet, Ip, RawHeader};
pub use route::{AsPath, Gateway, Nat, NatPort, Router, Segment, Switch};
pub use wireless::{Payload, Received, Transmitted};

use super::block::Block;
use crate::error::{Error, Reason};
use crate::reader::Reader;

/// Record formats of enterprise 0 that the writer knows.
pub(super) mod format {
    pub(in crate::sflow) const RAW_HEADER: u32 = 1;
    pub(in crate::sflow) const SWITCH: u32 = 1001;
    pub(in crate::sflow) const ROUTER: u32 = 1002;
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
    Gateway(Gateway<'a>),
    /// Who is behind the addresses.
    User(User<'a>),
    /// What was asked for.
    Url(Url<'a>),
    /// Label stacks, before and behind the device.
    Mpls(Mpls<'a>),
    /// The addresses on the other side of a translation.
    Nat(Nat),
    /// The ports on the other side of a translation.
    NatPort(NatPort),
    /// The MPLS tunnel it goes into.
    MplsTunnel(Named<'a>),
    /// The MPLS virtual circuit it goes into.
    MplsVc(Named<'a>),
    /// The forwarding class it is in.
    MplsFtn(Forwarding<'a>),
    /// Bits of the prefix of the forwarding class (LDP).
    MplsFec(u32),
    /// Tags that were stripped, the outermost first: TPID in the upper half, TCI in the lower.
    VlanTunnel(Words<'a>),
    /// What a radio frame holds, decrypted.
    Wireless(Payload<'a>),
    /// How a radio frame was received.
    Received(Received<'a>),
    /// How a radio frame was sent.
    Transmitted(Transmitted<'a>),
    /// The Ethernet header of a tunnel.
    EthernetTunnel(Side, Ethernet),
    /// The IPv4 header of a tunnel.
    Ipv4Tunnel(Side, Ip<Ipv4Addr>),
    /// The IPv6 header of a tunnel.
    Ipv6Tunnel(Side, Ip<Ipv6Addr>),
    /// Octets of the sampled header before the header inside the tunnel.
    Decapsulation(Side, u32),
    /// The virtual network (VXLAN, GRE, …).
    VirtualNetwork(Side, u32),
    /// The queue it left by.
    EgressQueue(u32),
    /// The function of the software that saw it.
    Function(&'a [u8]),
    /// Nanoseconds it took through the device; `u32::MAX` is that or more.
    TransitDelay(u32),
    /// Octets in the queue it left by.
    QueueDepth(u32),
    /// The trap that dropped it (Linux devlink).
    Trap(Trap<'a>),
    /// Why the kernel dropped it (Linux).
    DropReason(&'a [u8]),
    /// When it was seen: nanoseconds since 1970, UTC.
    Timestamp(u64),
    /// The IPv4 socket it belongs to.
    Socket4(Socket<Ipv4Addr>),
    /// The IPv6 socket it belongs to.
    Socket6(Socket<Ipv6Addr>),
    /// The IPv4 socket of the other half of a proxy.
    ProxySocket4(Socket<Ipv4Addr>),
    /// The IPv6 socket of the other half of a proxy.
    ProxySocket6(Socket<Ipv6Addr>),
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
            (0, 2) => Ethernet::parse(&mut body).map(Self::Ethernet),
            (0, 3) => Ip::parse(&mut body).map(Self::Ipv4),
            (0, 4) => Ip::parse(&mut body).map(Self::Ipv6),
            (0, format::SWITCH) => Switch::parse(&mut body).map(Self::Switch),
            (0, format::ROUTER) => Router::parse(&mut body).map(Self::Router),
            (0, 1003) => Gateway::parse(&mut body).map(Self::Gateway),
            (0, format @ 1004..) => Self::parse_rare(format, body),
            (enterprise, format) => Ok(Self::Other { enterprise, format, body: body.rest() }),
        }
    }

    /// What few agents send.
    fn parse_rare(format: u32, mut body: Reader<'a>) -> Result<Self, Error> {
        let body = &mut body;
        let side = Side::of(format);
        match format {
            1004 => User::parse(body).map(Self::User),
            1005 => Url::parse(body).map(Self::Url),
            1006 => Mpls::parse(body).map(Self::Mpls),
            1007 => Nat::parse(body).map(Self::Nat),
            1008 => Named::parse(body).map(Self::MplsTunnel),
            1009 => Named::parse(body).map(Self::MplsVc),
            1010 => Forwarding::parse(body).map(Self::MplsFtn),
            1011 => body.u32().map(Self::MplsFec),
            1012 => Words::parse(body).map(Self::VlanTunnel),
            1013 => Payload::parse(body).map(Self::Wireless),
            1014 => Received::parse(body).map(Self::Received),
            1015 => Transmitted::parse(body).map(Self::Transmitted),
            1020 => NatPort::parse(body).map(Self::NatPort),
            1021 | 1022 => Ethernet::parse(body).map(|header| Self::EthernetTunnel(side, header)),
            1023 | 1024 => Ip::parse(body).map(|header| Self::Ipv4Tunnel(side, header)),
            1025 | 1026 => Ip::parse(body).map(|header| Self::Ipv6Tunnel(side, header)),
            1027 | 1028 => body.u32().map(|offset| Self::Decapsulation(side, offset)),
            1029 | 1030 => body.u32().map(|network| Self::VirtualNetwork(side, network)),
            1036 => body.u32().map(Self::EgressQueue),
            1038 => opaque(body).map(Self::Function),
            1039 => body.u32().map(Self::TransitDelay),
            1040 => body.u32().map(Self::QueueDepth),
            1041 => Trap::parse(body).map(Self::Trap),
            1042 => opaque(body).map(Self::DropReason),
            1043 => body.u64().map(Self::Timestamp),
            2100 => Socket::parse(body).map(Self::Socket4),
            2101 => Socket::parse(body).map(Self::Socket6),
            2102 => Socket::parse(body).map(Self::ProxySocket4),
            2103 => Socket::parse(body).map(Self::ProxySocket6),
            format => Ok(Self::Other { enterprise: 0, format, body: body.rest() }),
        }
    }
}

/// The name of a record format that is not read but known, for a log or a list: sflow.org's word for it.
#[must_use]
pub const fn name(enterprise: u32, format: u32) -> Option<&'static str> {
    Some(match (enterprise, format) {
        (0, 1016) => "extended_80211_aggregation",
        (0, 1031) => "extended_infiniband_lrh",
        (0, 1032) => "extended_infiniband_grh",
        (0, 1033) => "extended_infiniband_bth",
        (0, 1034) => "extended_vlan_in",
        (0, 1035) => "extended_vlan_out",
        (0, 1037) => "extended_acl",
        (0, 2200) => "memcache_operation",
        (0, 2201 | 2206) => "http_request",
        (0, 2202) => "app_operation",
        (0, 2203) => "app_parent_context",
        (0, 2204) => "app_initiator",
        (0, 2205) => "app_target",
        (0, 2207) => "extended_proxy_request",
        (0, 2208) => "extended_nav_timing",
        (0, 2209) => "extended_tcp_info",
        (0, 2210) => "extended_entities",
        (4413, 1) => "bst_egress_queue",
        _ => return None,
    })
}

/// The value in a narrower type, if it fits.
fn narrow<T: TryFrom<u32>>(value: u32) -> Option<T> {
    T::try_from(value).ok()
}

/// Opaque data or a string: its length, its octets, padding to a multiple of four (which may be missing at the end
/// of a record).
fn opaque<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Error> {
    let len = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    let bytes = reader.bytes(len)?;
    let padding = len.wrapping_neg() % 4;
    reader.skip(padding.min(reader.len()))?;
    Ok(bytes)
}

/// A list of 32-bit numbers, still in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Words<'a>(&'a [[u8; 4]]);

impl<'a> Words<'a> {
    /// Their number, then they.
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let too_many = reader.error(Reason::Truncated);
        let count = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        reader.bytes(count.checked_mul(4).ok_or(too_many)?).map(Self::of)
    }

    fn of(octets: &'a [u8]) -> Self {
        Self(octets.as_chunks().0)
    }

    fn octets(self) -> &'a [u8] {
        self.0.as_flattened()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for Words<'a> {
    type Item = u32;
    type IntoIter = core::iter::Map<core::slice::Iter<'a, [u8; 4]>, fn(&[u8; 4]) -> u32>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|octets| u32::from_be_bytes(*octets))
    }
}

#[cfg(test)]
mod tests;
