//! Link layers: what a frame begins with, by the link type that a capture file or an sFlow sample names.
//!
//! | link | what stands before the network header |
//! |---|---|
//! | Ethernet | 14 octets, tags, perhaps LLC/SNAP or PPPoE: see [`super::ethernet`] |
//! | Linux SLL | 16 octets: direction, ARPHRD type, address length, address (8), protocol |
//! | Linux SLL2 | 20 octets: protocol, reserved, interface index, ARPHRD type, direction, address length, address (8) |
//! | null, loop | 4 octets: address family, in either byte order |
//! | PPP | perhaps `ff 03`, then a protocol of 1 or 2 octets (RFC 1661 §2, RFC 1662 §3.1) |
//! | Cisco HDLC | 4 octets: address, control, EtherType |
//! | raw IP | nothing; the first four bits are the version |

use super::{Packet, ethernet, mpls};
use crate::error::{Error, Reason};
use crate::reader::Reader;

/// What a frame begins with.
///
/// The numbers of [`Link::from_linktype`] are those of the pcap registry (`LINKTYPE_…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// BSD loopback: an address family in the byte order of the machine that captured.
    Null,
    /// Ethernet II or IEEE 802.3, with or without tags.
    Ethernet,
    /// PPP, with or without its HDLC-like `ff 03`.
    Ppp,
    /// PPPoE session header, then PPP.
    PppEther,
    /// Cisco HDLC.
    CiscoHdlc,
    /// IPv4 or IPv6, told apart by the version field.
    Raw,
    /// OpenBSD loopback: an address family, big endian.
    Loop,
    /// Linux "cooked" capture.
    LinuxSll,
    /// Linux "cooked" capture, version 2.
    LinuxSll2,
    /// IPv4 and nothing else.
    Ipv4,
    /// IPv6 and nothing else.
    Ipv6,
    /// An MPLS label stack.
    Mpls,
    /// A link type that is not read, by its number.
    Unknown(u16),
}

impl Link {
    /// The link of this number of the pcap registry.
    #[must_use]
    pub const fn from_linktype(linktype: u16) -> Self {
        match linktype {
            0 => Self::Null,
            1 => Self::Ethernet,
            9 | 50 => Self::Ppp,
            51 => Self::PppEther,
            // 12 and 14 are the numbers that some systems' DLT_RAW has; both are seen in files.
            12 | 14 | 101 => Self::Raw,
            104 => Self::CiscoHdlc,
            108 => Self::Loop,
            113 => Self::LinuxSll,
            219 => Self::Mpls,
            228 => Self::Ipv4,
            229 => Self::Ipv6,
            276 => Self::LinuxSll2,
            other => Self::Unknown(other),
        }
    }

    /// The number of this link in the pcap registry.
    #[must_use]
    pub const fn linktype(self) -> u16 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Ppp => 9,
            Self::PppEther => 51,
            Self::Raw => 101,
            Self::CiscoHdlc => 104,
            Self::Loop => 108,
            Self::LinuxSll => 113,
            Self::Mpls => 219,
            Self::Ipv4 => 228,
            Self::Ipv6 => 229,
            Self::LinuxSll2 => 276,
            Self::Unknown(number) => number,
        }
    }
}

/// What follows a link header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// An IPv4 packet.
    Ipv4,
    /// An IPv6 packet.
    Ipv6,
    /// Something whose first four bits are an IP version.
    Ip,
    /// Nothing that is accounted (ARP, spanning tree, …).
    Other,
}

/// EtherType of IPv4.
pub(super) const IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub(super) const IPV6: u16 = 0x86dd;

/// ARPHRD types of a Linux cooked frame whose protocol field is no EtherType.
mod arphrd {
    /// Netlink.
    pub(super) const NETLINK: u16 = 824;
    /// 802.11 with its own headers.
    pub(super) const IEEE80211: [u16; 3] = [801, 802, 803];
}

/// Reads the link header at the front of `reader` into `packet` and says what follows.
pub(super) fn parse(link: Link, reader: &mut Reader<'_>, packet: &mut Packet<'_>) -> Result<Next, Error> {
    match link {
        Link::Ethernet => ethernet::parse(reader, packet),
        Link::Null | Link::Loop => family(reader),
        Link::Ppp => ppp(reader, packet),
        Link::PppEther => ethernet::pppoe(reader, packet),
        Link::CiscoHdlc => cisco_hdlc(reader, packet),
        Link::Raw => Ok(Next::Ip),
        Link::Ipv4 => Ok(Next::Ipv4),
        Link::Ipv6 => Ok(Next::Ipv6),
        Link::Mpls => mpls::parse(reader, packet),
        Link::LinuxSll => sll(reader, packet),
        Link::LinuxSll2 => sll2(reader, packet),
        Link::Unknown(_) => Err(reader.error(Reason::UnknownLink)),
    }
}

/// The address family of a loopback frame: small numbers, in whichever byte order makes them small.
fn family(reader: &mut Reader<'_>) -> Result<Next, Error> {
    let bytes = reader.array::<4>()?;
    let family = u32::from_be_bytes(bytes).min(u32::from_le_bytes(bytes));
    Ok(match family {
        2 => Next::Ipv4,
        // AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, Darwin.
        10 | 24 | 28 | 30 => Next::Ipv6,
        _ => Next::Other,
    })
}

fn sll(reader: &mut Reader<'_>, packet: &mut Packet<'_>) -> Result<Next, Error> {
    reader.skip(2)?; // direction
    let hardware = reader.u16()?;
    let address_len = reader.u16()?;
    let address = reader.array::<8>()?;
    let protocol = reader.u16()?;
    cooked(hardware, address_len, address, protocol, reader, packet)
}

fn sll2(reader: &mut Reader<'_>, packet: &mut Packet<'_>) -> Result<Next, Error> {
    let protocol = reader.u16()?;
    reader.skip(6)?; // reserved, interface index
    let hardware = reader.u16()?;
    reader.skip(1)?; // direction
    let address_len = u16::from(reader.u8()?);
    let address = reader.array::<8>()?;
    cooked(hardware, address_len, address, protocol, reader, packet)
}

fn cooked(
    hardware: u16,
    address_len: u16,
    address: [u8; 8],
    protocol: u16,
    reader: &mut Reader<'_>,
    packet: &mut Packet<'_>,
) -> Result<Next, Error> {
    if hardware == arphrd::NETLINK || arphrd::IEEE80211.contains(&hardware) {
        return Ok(Next::Other);
    }
    if address_len == 6 {
        let [a, b, c, d, e, f, ..] = address;
        packet.src_mac = Some([a, b, c, d, e, f]);
    }
    ethernet::after_type(protocol, reader, packet)
}

/// PPP: `ff 03` if address and control are there, then the protocol, of one octet if that is odd
/// (protocol field compression, RFC 1661 §6.5).
pub(super) fn ppp(reader: &mut Reader<'_>, packet: &mut Packet<'_>) -> Result<Next, Error> {
    match reader.rest() {
        [0xff, 0x03, ..] => reader.skip(2)?,
        // Cisco HDLC is found under PPP's link type as well: unicast 0f, multicast 8f, control 00.
        [0x0f | 0x8f, 0x00, ..] => return cisco_hdlc(reader, packet),
        _ => {}
    }
    let first = reader.u8()?;
    let protocol = if first & 1 == 1 { u16::from(first) } else { u16::from_be_bytes([first, reader.u8()?]) };
    match protocol {
        0x0021 => Ok(Next::Ipv4),
        0x0057 => Ok(Next::Ipv6),
        0x0281 | 0x0283 => mpls::parse(reader, packet),
        _ => Ok(Next::Other),
    }
}

fn cisco_hdlc(reader: &mut Reader<'_>, packet: &mut Packet<'_>) -> Result<Next, Error> {
    reader.skip(2)?; // address, control
    let ether_type = reader.u16()?;
    ethernet::after_type(ether_type, reader, packet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::dissect;

    /// The shortest IPv4 header: 20 octets, no payload, protocol 59, with its checksum.
    const IPV4_HEADER: [u8; 20] = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 59, 0x66, 0xad, 10, 0, 0, 1, 10, 0, 0, 2];

    fn version_of(link: Link, prefix: &[u8]) -> Option<u8> {
        let mut frame = std::vec::Vec::from(prefix);
        frame.extend_from_slice(&IPV4_HEADER);
        dissect(link, &frame).network.map(|ip| ip.version)
    }

    #[test]
    fn linktype_round_trip() {
        for number in 0..=u16::MAX {
            let link = Link::from_linktype(number);
            assert_eq!(Link::from_linktype(link.linktype()), link, "{number}");
        }
    }

    #[test]
    fn every_link_finds_the_packet() {
        assert_eq!(version_of(Link::Raw, &[]), Some(4));
        assert_eq!(version_of(Link::Ipv4, &[]), Some(4));
        assert_eq!(version_of(Link::Ipv6, &[]), None);
        assert_eq!(version_of(Link::Null, &[2, 0, 0, 0]), Some(4));
        assert_eq!(version_of(Link::Null, &[0, 0, 0, 2]), Some(4));
        assert_eq!(version_of(Link::Loop, &[0, 0, 0, 2]), Some(4));
        assert_eq!(version_of(Link::Ppp, &[0xff, 3, 0, 0x21]), Some(4));
        assert_eq!(version_of(Link::Ppp, &[0, 0x21]), Some(4));
        assert_eq!(version_of(Link::Ppp, &[0x21]), Some(4));
        assert_eq!(version_of(Link::Ppp, &[0x0f, 0, 8, 0]), Some(4));
        assert_eq!(version_of(Link::Ppp, &[0xc0, 0x21]), None); // LCP
        assert_eq!(version_of(Link::PppEther, &[0x11, 0, 0, 1, 0, 22, 0, 0x21]), Some(4));
        assert_eq!(version_of(Link::CiscoHdlc, &[0x0f, 0, 8, 0]), Some(4));
        assert_eq!(version_of(Link::Mpls, &[0, 0, 0x11, 64]), Some(4));
        assert_eq!(version_of(Link::Unknown(147), &[]), None);
    }

    #[test]
    fn cooked_captures_keep_the_address() {
        let mut frame = std::vec![0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 8, 0];
        frame.extend_from_slice(&IPV4_HEADER);
        let packet = dissect(Link::LinuxSll, &frame);
        assert_eq!((packet.src_mac, packet.dst_mac), (Some([2, 0, 0, 0, 0, 9]), None));
        assert_eq!(packet.network.unwrap().octets, Some(20));

        let mut frame = std::vec![8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0];
        frame.extend_from_slice(&IPV4_HEADER);
        let packet = dissect(Link::LinuxSll2, &frame);
        assert_eq!((packet.src_mac, packet.dst_mac), (Some([2, 0, 0, 0, 0, 9]), None));
        assert_eq!(packet.network.unwrap().octets, Some(20));
    }

    #[test]
    fn an_unknown_link_is_a_problem() {
        let packet = dissect(Link::Unknown(147), &[0; 60]);
        assert_eq!(packet.problem, Some(Error::new(Reason::UnknownLink, 0)));
    }
}
