//! Ethernet II, IEEE 802.3 with LLC/SNAP, 802.1Q and 802.1ad tags, PPPoE sessions.
//!
//! ```text
//! octets  0..6   destination
//!         6..12  source
//!        12..14  EtherType, or (below 0x0600) the length of an 802.3 frame
//! ```
//! A tag is an EtherType of 0x8100, 0x88a8 or 0x9100 followed by two octets (priority 3 bits, drop eligible
//! 1 bit, VLAN id 12 bits) and another EtherType. A PPPoE session (0x8864, RFC 2516 §4) is version/type,
//! code, session id (2), length (2), then a PPP protocol.

use super::link::{self, IPV4, IPV6, Next};
use super::{Packet, mpls};
use crate::error::Error;
use crate::reader::Reader;
use crate::writer::Writer;

/// EtherTypes that begin a tag: 802.1Q, 802.1ad, and the number used for stacking before 802.1ad.
const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// EtherTypes of an MPLS label stack: unicast, and multicast or upstream-assigned.
const MPLS: [u16; 2] = [0x8847, 0x8848];
/// EtherType of a PPPoE session.
const PPPOE_SESSION: u16 = 0x8864;
/// Below this an EtherType field is a length (IEEE 802.3 §3.2.6).
const FIRST_ETHER_TYPE: u16 = 0x0600;
/// Tags walked; the frame is left alone beyond. Two are usual, three exist in provider backbones, and a
/// frame of nothing but tags must not cost more.
const TAGS_MAX: u8 = 8;

/// The 14 octets at the front of an Ethernet II frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Destination address.
    pub dst: [u8; 6],
    /// Source address.
    pub src: [u8; 6],
    /// EtherType, or the length of an 802.3 frame.
    pub ether_type: u16,
}

impl Header {
    /// Octets of an Ethernet header without tags.
    pub const LEN: usize = 14;

    /// Reads the header at the front of `reader`.
    ///
    /// # Errors
    /// [`crate::Reason::Truncated`].
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { dst: reader.array()?, src: reader.array()?, ether_type: reader.u16()? })
    }

    /// Writes the header.
    ///
    /// # Errors
    /// [`crate::Reason::NoSpace`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Error> {
        out.bytes(&self.dst)?;
        out.bytes(&self.src)?;
        out.u16(self.ether_type)
    }
}

/// The two octets of an 802.1Q or 802.1ad tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag {
    /// VLAN, 12 bits. 0 is a tag that carries a priority only.
    pub vlan: u16,
    /// Priority code point, 3 bits.
    pub priority: u8,
    /// Whether the frame may be dropped first.
    pub drop_eligible: bool,
}

impl Tag {
    /// The tag with this control information.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        let [high, _] = bits.to_be_bytes();
        Self { vlan: bits & 0x0fff, priority: high >> 5, drop_eligible: high & 0x10 != 0 }
    }

    /// The control information of this tag; bits beyond a field's width are dropped.
    #[must_use]
    pub const fn bits(self) -> u16 {
        let drop_eligible = if self.drop_eligible { 0x1000 } else { 0 };
        u16::from_be_bytes([(self.priority & 7) << 5, 0]) | drop_eligible | (self.vlan & 0x0fff)
    }
}

/// Reads an Ethernet header and what may stand between it and the network header.
pub(super) fn parse(reader: &mut Reader<'_>, packet: &mut Packet<'_>) -> Result<Next, Error> {
    let header = Header::parse(reader)?;
    packet.dst_mac = Some(header.dst);
    packet.src_mac = Some(header.src);
    after_type(header.ether_type, reader, packet)
}

/// Goes on behind an EtherType (or 802.3 length) field, through tags to what is carried.
pub(super) fn after_type(
    ether_type: u16,
    reader: &mut Reader<'_>,
    packet: &mut Packet<'_>,
) -> Result<Next, Error> {
    let mut ether_type = ether_type;
    for _ in 0..TAGS_MAX {
        if !TAGS.contains(&ether_type) {
            break;
        }
        let tag = Tag::from_bits(reader.u16()?);
        if packet.vlan.is_none() {
            packet.vlan = Some(tag);
        } else if packet.inner_vlan.is_none() {
            packet.inner_vlan = Some(tag);
        }
        ether_type = reader.u16()?;
    }
    if ether_type < FIRST_ETHER_TYPE {
        match snap(reader) {
            Some(inner) => ether_type = inner,
            None => return Ok(Next::Other),
        }
    }
    packet.ether_type = Some(ether_type);
    match ether_type {
        IPV4 => Ok(Next::Ipv4),
        IPV6 => Ok(Next::Ipv6),
        PPPOE_SESSION => pppoe(reader, packet),
        _ if MPLS.contains(&ether_type) => mpls::parse(reader, packet),
        _ => Ok(Next::Other),
    }
}

/// The EtherType behind LLC `aa aa 03` and an organization of 0 (RFC 1042); other LLC carries no IP of ours.
fn snap(reader: &mut Reader<'_>) -> Option<u16> {
    match reader.rest() {
        [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, ..] => {
            let inner = u16::from_be_bytes([*high, *low]);
            reader.skip(8).ok()?;
            Some(inner)
        }
        _ => None,
    }
}

/// Reads a PPPoE session header (RFC 2516 §4) and the PPP protocol behind it.
pub(super) fn pppoe(reader: &mut Reader<'_>, packet: &mut Packet<'_>) -> Result<Next, Error> {
    reader.skip(1)?; // version and type
    let code = reader.u8()?;
    reader.skip(4)?; // session id, length
    // Code 0 is session data; everything else is discovery.
    if code == 0 { link::ppp(reader, packet) } else { Ok(Next::Other) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Link, dissect};

    static FRAME: [u8; 14] = [0xff, 1, 2, 3, 4, 5, 0x02, 9, 8, 7, 6, 5, 0x08, 0x00];
    const HEADER: Header =
        Header { dst: [0xff, 1, 2, 3, 4, 5], src: [0x02, 9, 8, 7, 6, 5], ether_type: 0x0800 };

    #[test]
    fn parse_header() {
        let mut reader = Reader::new(&FRAME);
        assert_eq!(Header::parse(&mut reader), Ok(HEADER));
        assert_eq!(reader.offset(), Header::LEN);
    }

    #[test]
    fn emit_header() {
        let mut out = [0; 14];
        HEADER.emit(&mut Writer::new(&mut out)).unwrap();
        assert_eq!(out, FRAME);
    }

    #[test]
    fn tags_round_trip() {
        for bits in 0..=u16::MAX {
            assert_eq!(Tag::from_bits(bits).bits(), bits);
        }
        let tag = Tag { vlan: 300, priority: 5, drop_eligible: true };
        assert_eq!(tag.bits(), 0xb12c);
        assert_eq!(Tag::from_bits(0xb12c), tag);
    }

    #[test]
    fn deconstruct_two_tags() {
        let frame =
            [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x20, 0xc8, 0x08, 0x06];
        let packet = dissect(Link::Ethernet, &frame);
        assert_eq!(packet.vlan.unwrap().vlan, 100);
        assert_eq!(packet.inner_vlan, Some(Tag { vlan: 200, priority: 1, drop_eligible: false }));
        assert_eq!(packet.ether_type, Some(0x0806));
        assert_eq!((packet.network, packet.problem), (None, None));
    }

    #[test]
    fn deconstruct_snap_and_pppoe() {
        let ip = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 59, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let mut snap = [0; 14 + 8 + 20];
        snap[13] = 28;
        snap[14..22].copy_from_slice(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
        snap[22..].copy_from_slice(&ip);
        assert_eq!(dissect(Link::Ethernet, &snap).network.unwrap().octets, Some(20));

        let mut pppoe = [0; 14 + 8 + 20];
        pppoe[12..22].copy_from_slice(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 22, 0, 0x21]);
        pppoe[22..].copy_from_slice(&ip);
        assert_eq!(dissect(Link::Ethernet, &pppoe).network.unwrap().octets, Some(20));
        // The same as discovery carries nothing.
        pppoe[15] = 9;
        assert_eq!(dissect(Link::Ethernet, &pppoe).network, None);
    }

    #[test]
    fn a_frame_of_nothing_but_tags_ends() {
        let frame = [0x81, 0x00].repeat(700);
        let packet = dissect(Link::Ethernet, &frame);
        assert_eq!(packet.ether_type, Some(0x8100));
        assert_eq!(packet.network, None);
    }
}
