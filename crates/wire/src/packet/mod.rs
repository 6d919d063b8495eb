//! A metered packet: from the first octet of a frame to its ports.
//!
//! [`dissect`] never fails. It reads as far as the octets allow, leaves `None` what it could not learn, and
//! says in [`Packet::problem`] why it stopped. That suits captures cut short by a snap length and sampled
//! headers of 128 octets, where a packet that ends early is normal.
//!
//! Only the *outermost* network header is read: what a router forwards is what an account counts, whatever is
//! tunnelled inside.
//!
//! # How many octets
//! [`Ip::octets`] is what the IP header says: total length (IPv4), payload length + 40 (IPv6), the jumbo
//! payload option + 40 (RFC 2675). Link headers, tags, labels, padding and checksums are not in it. It is
//! `None` where the header does not say: segmentation offload writes 0 into the length of packets larger than
//! 65,535 octets before they reach a capture. [`Ip::octets_in`] then takes the rest of the frame, and never more
//! than that.
//!
//! # Where to look
//! [`link`](Link) and [`ethernet`] lead to the network header, [`mpls`] is the label stack on the way,
//! [`ipv4`] and [`ipv6`] are the network headers, [`transport`] the ports, [`udp`] builds whole frames.

pub mod checksum;
pub mod ethernet;
pub mod ipv4;
pub mod ipv6;
mod link;
pub mod mpls;
pub mod transport;
pub mod udp;

use core::net::IpAddr;

pub use link::Link;
pub use transport::Transport;
pub use udp::frame as udp_frame;

use crate::error::{Error, Reason};
use crate::reader::Reader;

/// What could be read of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packet<'a> {
    /// Source address of the link layer.
    pub src_mac: Option<[u8; 6]>,
    /// Destination address of the link layer.
    pub dst_mac: Option<[u8; 6]>,
    /// The outermost tag.
    pub vlan: Option<ethernet::Tag>,
    /// The second tag. Further ones are walked over.
    pub inner_vlan: Option<ethernet::Tag>,
    /// The EtherType behind the tags, where the link has one.
    pub ether_type: Option<u16>,
    /// MPLS labels before the network header.
    pub mpls: mpls::Stack,
    /// The outermost IP header.
    pub network: Option<Ip<'a>>,
    /// Ports, or ICMP type and code. `None` for other protocols and for fragments but the first.
    pub transport: Option<Transport>,
    /// What follows the transport header, without padding, as far as it was captured.
    pub payload: &'a [u8],
    /// Why reading stopped before its end, and at which octet of the frame.
    pub problem: Option<Error>,
}

/// What an IPv4 or IPv6 header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ip<'a> {
    /// 4 or 6.
    pub version: u8,
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Protocol; for IPv6 the next header behind the extension headers that were walked.
    pub proto: u8,
    /// Type of service, or traffic class: DSCP (6 bits) and ECN (2 bits).
    pub tos: u8,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Flow label, 20 bits; IPv6 only.
    pub flow_label: Option<u32>,
    /// Octets of the packet from its IP header on, as the header says. `None` where it does not say.
    pub octets: Option<u32>,
    /// Octets of the frame before the IP header.
    pub header_at: usize,
    /// Set if the packet is a fragment.
    pub fragment: Option<Fragment>,
    /// What follows the IP header and its extensions, without padding, as far as it was captured.
    pub payload: &'a [u8],
}

impl Ip<'_> {
    /// Octets of the packet inside a frame of `frame_len` octets on the wire: what the header says or, where it
    /// says nothing, the rest of the frame.
    ///
    /// Never more than that rest: a length that the frame cannot have carried is a forgery or damage, and
    /// would be billed. `None` if the frame is shorter than what stands before the header.
    #[must_use]
    #[inline]
    pub fn octets_in(&self, frame_len: u32) -> Option<u32> {
        let rest = frame_len.checked_sub(u32::try_from(self.header_at).ok()?)?;
        Some(self.octets.map_or(rest, |octets| octets.min(rest)))
    }
}

/// The place of a fragment in its packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fragment {
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Octets of the packet's payload before this fragment.
    pub offset: u16,
    /// Whether fragments follow.
    pub more: bool,
}

/// Reads a frame as far as it goes.
///
/// `bytes` is what was captured, which may be less than what was on the wire.
#[must_use]
pub fn dissect(link: Link, bytes: &[u8]) -> Packet<'_> {
    let mut packet = Packet::default();
    packet.problem = walk(link, bytes, &mut packet).err();
    packet
}

/// Fills `packet` in reading order, so that an error leaves what was read before it.
fn walk<'a>(link: Link, bytes: &'a [u8], packet: &mut Packet<'a>) -> Result<(), Error> {
    let mut reader = Reader::new(bytes);
    let version = match link::parse(link, &mut reader, packet)? {
        link::Next::Other => return Ok(()),
        link::Next::Ipv4 => 4,
        link::Next::Ipv6 => 6,
        link::Next::Ip => reader.rest().first().ok_or(reader.error(Reason::Truncated))? >> 4,
    };
    let mut payload = match version {
        4 => ipv4::parse(&mut reader, packet)?,
        6 => ipv6::parse(&mut reader, packet)?,
        _ => return Err(reader.error(Reason::BadVersion)),
    };
    let Some(ip) = &mut packet.network else { return Ok(()) };
    ip.payload = payload.rest();
    if ip.fragment.is_none_or(|fragment| fragment.offset == 0) {
        transport::parse(ip.proto, &mut payload, &mut packet.transport)?;
    }
    packet.payload = payload.rest();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Ethernet, IPv4 with an option, TCP SYN ACK ECE, padded to 60 octets.
    #[rustfmt::skip]
    static TCP: [u8; 60] = [
        0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0x08, 0x00,
        0x46, 0xb8, 0x00, 0x2c, 0x00, 0x01, 0x40, 0x00, 0x40, 0x06, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7,
        0x94, 0x04, 0, 0, // router alert
        0x01, 0xbb, 0xc0, 0x01, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x52, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    #[test]
    fn deconstruct_ipv4_tcp() {
        let packet = dissect(Link::Ethernet, &TCP);
        assert_eq!(packet.problem, None);
        assert_eq!(packet.ether_type, Some(0x0800));
        let ip = packet.network.unwrap();
        assert_eq!((ip.version, ip.proto, ip.tos, ip.ttl), (4, 6, 0xb8, 64));
        assert_eq!((ip.src, ip.dst), ([192, 0, 2, 1].into(), [198, 51, 100, 7].into()));
        assert_eq!((ip.octets, ip.header_at, ip.fragment), (Some(44), 14, None));
        assert_eq!(ip.payload.len(), 20);
        let transport = packet.transport.unwrap();
        assert_eq!(transport.ports(), Some((443, 49153)));
        assert_eq!(transport.tcp_flags(), Some(0x52));
        // The two octets of padding are not payload.
        assert_eq!(packet.payload, []);
    }

    #[test]
    fn every_cut_keeps_what_was_read() {
        for len in 0..TCP.len() {
            let packet = dissect(Link::Ethernet, &TCP[..len]);
            assert_eq!(packet.src_mac.is_some(), len >= 14, "{len}");
            assert_eq!(packet.network.is_some(), len >= 34, "{len}");
            assert_eq!(packet.network.and_then(|ip| ip.octets), (len >= 34).then_some(44), "{len}");
            assert_eq!(packet.transport.is_some(), len >= 42, "{len}");
            let flags = packet.transport.and_then(Transport::tcp_flags);
            assert_eq!(flags.is_some(), len >= 52, "{len}");
            assert_eq!(packet.problem.is_some(), len < 58, "{len}");
        }
    }

    #[test]
    fn offload_length_zero_takes_the_frame() {
        let mut frame = TCP;
        frame[16] = 0;
        frame[17] = 0;
        let ip = dissect(Link::Ethernet, &frame).network.unwrap();
        assert_eq!(ip.octets, None);
        assert_eq!(ip.octets_in(80_060), Some(80_046));
        assert_eq!(ip.octets_in(13), None);
    }

    #[test]
    fn a_forged_length_is_not_longer_than_its_frame() {
        let mut frame = TCP;
        frame[16..18].copy_from_slice(&[0xff, 0xff]);
        let ip = dissect(Link::Ethernet, &frame).network.unwrap();
        assert_eq!(ip.octets, Some(65_535));
        assert_eq!(ip.octets_in(60), Some(46));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(linktype in 0_u16..300, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let packet = dissect(Link::from_linktype(linktype), &bytes);
            prop_assert!(packet.payload.len() <= bytes.len());
            if let Some(problem) = packet.problem {
                prop_assert!(problem.offset <= bytes.len());
            }
        }

        #[test]
        fn damaged_frames_never_panic(changes in prop::collection::vec((0..60_usize, any::<u8>()), 1..6)) {
            let mut frame = TCP;
            for (at, value) in changes {
                frame[at] = value;
            }
            let packet = dissect(Link::Ethernet, &frame);
            prop_assert!(packet.payload.len() <= frame.len());
        }
    }
}
