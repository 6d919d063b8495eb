//! IPv4 (RFC 791 §3.1).
//!
//! ```text
//! octets  0      version (4 bits), header length in words of 4 octets (4 bits)
//!         1      type of service
//!         2..4   total length, header included
//!         4..6   identification
//!         6..8   reserved, do not fragment, more fragments (1 bit each), fragment offset in units of 8 (13 bits)
//!         8      time to live
//!         9      protocol
//!        10..12  header checksum
//!        12..16  source          16..20  destination          20..  options
//! ```
//! The checksum is not verified when reading: senders that offload it leave it wrong in captures, and a
//! router has dropped what was really damaged.

use core::net::Ipv4Addr;

use super::{Fragment, Ip, Packet, checksum};
use crate::error::{Error, Reason};
use crate::reader::Reader;
use crate::writer::Writer;

/// An IPv4 header without options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Octets of the header, options included: 20 to 60.
    pub header_len: u8,
    /// Type of service.
    pub tos: u8,
    /// Octets of header and payload. 0 is seen where segmentation is left to the network card.
    pub total_len: u16,
    /// Identification.
    pub id: u16,
    /// Whether routers must not fragment.
    pub dont_fragment: bool,
    /// Whether fragments follow.
    pub more_fragments: bool,
    /// Octets of the payload before this fragment: a multiple of 8.
    pub fragment_offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// Protocol of the payload.
    pub proto: u8,
    /// Source.
    pub src: Ipv4Addr,
    /// Destination.
    pub dst: Ipv4Addr,
}

impl Header {
    /// Octets of a header without options.
    pub const LEN: usize = 20;

    /// Reads the fixed 20 octets at the front of `reader`; options are left unread.
    ///
    /// # Errors
    /// [`Reason::Truncated`], [`Reason::BadVersion`], or [`Reason::BadHeaderLength`] for less than 20 octets.
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let start = *reader;
        let first = reader.u8()?;
        if first >> 4 != 4 {
            return Err(start.error(Reason::BadVersion));
        }
        let header_len = (first & 0x0f) << 2;
        if usize::from(header_len) < Self::LEN {
            return Err(start.error(Reason::BadHeaderLength));
        }
        // The rest at once: one look at the length instead of one for each field.
        let Ok([tos, t0, t1, i0, i1, f0, f1, ttl, proto, _, _, s0, s1, s2, s3, d0, d1, d2, d3]) =
            reader.array()
        else {
            return Err(Self::cut(start));
        };
        let fragment = u16::from_be_bytes([f0, f1]);
        Ok(Self {
            header_len,
            tos,
            total_len: u16::from_be_bytes([t0, t1]),
            id: u16::from_be_bytes([i0, i1]),
            dont_fragment: fragment & 0x4000 != 0,
            more_fragments: fragment & 0x2000 != 0,
            fragment_offset: fragment << 3,
            ttl,
            proto,
            src: [s0, s1, s2, s3].into(),
            dst: [d0, d1, d2, d3].into(),
        })
    }

    /// The error of a header that ends early: at the first field that is not whole.
    #[cold]
    fn cut(mut reader: Reader<'_>) -> Error {
        for width in [1, 1, 2, 2, 2, 1, 1, 2, 4, 4] {
            if let Err(error) = reader.skip(width) {
                return error;
            }
        }
        reader.error(Reason::Truncated)
    }

    /// Writes 20 octets with their checksum; `header_len` is taken to be 20.
    ///
    /// # Errors
    /// [`Reason::NoSpace`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Error> {
        let mut header = [0; Self::LEN];
        let mut writer = Writer::new(&mut header);
        let flags = u16::from(self.dont_fragment) << 14 | u16::from(self.more_fragments) << 13;
        writer.u8(0x45)?;
        writer.u8(self.tos)?;
        writer.u16(self.total_len)?;
        writer.u16(self.id)?;
        writer.u16(flags | self.fragment_offset >> 3)?;
        writer.u8(self.ttl)?;
        writer.u8(self.proto)?;
        writer.u16(0)?;
        writer.bytes(&self.src.octets())?;
        writer.bytes(&self.dst.octets())?;
        let sum = checksum::internet(writer.written());
        writer.patch(10, &sum.to_be_bytes())?;
        out.bytes(&header)
    }

    /// The place of this fragment, if it is one.
    #[must_use]
    pub fn fragment(&self) -> Option<Fragment> {
        (self.more_fragments || self.fragment_offset != 0).then_some(Fragment {
            id: u32::from(self.id),
            offset: self.fragment_offset,
            more: self.more_fragments,
        })
    }
}

/// Reads an IPv4 header into `packet` and returns its payload, cut to the total length.
pub(super) fn parse<'a>(reader: &mut Reader<'a>, packet: &mut Packet<'a>) -> Result<Reader<'a>, Error> {
    let start = *reader;
    let header = Header::parse(reader)?;
    let ip = packet.network.insert(Ip {
        version: 4,
        src: header.src.into(),
        dst: header.dst.into(),
        proto: header.proto,
        tos: header.tos,
        ttl: header.ttl,
        flow_label: None,
        octets: None,
        header_at: start.offset(),
        fragment: header.fragment(),
        payload: &[],
    });
    let total_len = match header.total_len {
        0 => start.len(),
        short if short < u16::from(header.header_len) => return Err(start.error(Reason::BadLength)),
        total => {
            ip.octets = Some(u32::from(total));
            usize::from(total)
        }
    };
    // Ethernet pads short frames: what lies beyond the total length is not the packet's.
    let captured_len = total_len.min(start.len());
    let mut whole = start;
    let mut inside = whole.sub(captured_len)?;
    inside.skip(usize::from(header.header_len))?;
    Ok(inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Link, dissect};
    use proptest::prelude::*;

    /// A header whose checksum is known: the example commonly given for RFC 1071, b861.
    static BYTES: [u8; 20] = [
        0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0,
        0xa8, 0x00, 0xc7,
    ];

    const HEADER: Header = Header {
        header_len: 20,
        tos: 0,
        total_len: 115,
        id: 0,
        dont_fragment: true,
        more_fragments: false,
        fragment_offset: 0,
        ttl: 64,
        proto: 17,
        src: Ipv4Addr::new(192, 168, 0, 1),
        dst: Ipv4Addr::new(192, 168, 0, 199),
    };

    #[test]
    fn deconstruct() {
        let ip = dissect(Link::Raw, &BYTES).network.unwrap();
        assert_eq!((ip.octets, ip.proto, ip.ttl, ip.header_at), (Some(115), 17, 64, 0));
        assert_eq!(checksum::internet(&BYTES), 0);
    }

    #[test]
    fn construct() {
        let header = Header { more_fragments: true, fragment_offset: 1480, dont_fragment: false, ..HEADER };
        let mut out = [0; 20];
        header.emit(&mut Writer::new(&mut out)).unwrap();
        assert_eq!(out[6..8], [0x20, 0xb9]);
        assert_eq!(checksum::internet(&out), 0);
        let fragment = dissect(Link::Raw, &out).network.unwrap().fragment;
        assert_eq!(fragment, Some(Fragment { id: 0, offset: 1480, more: true }));
    }

    #[test]
    fn parse_header() {
        assert_eq!(Header::parse(&mut Reader::new(&BYTES)), Ok(HEADER));
    }

    #[test]
    fn emit_header() {
        let mut out = [0xff; 20];
        HEADER.emit(&mut Writer::new(&mut out)).unwrap();
        assert_eq!(out, BYTES);
        assert_eq!(HEADER.emit(&mut Writer::new(&mut [0; 19])), Err(Error::new(Reason::NoSpace, 0)));
    }

    #[test]
    fn refuses_what_cannot_be() {
        let mut bytes = BYTES;
        bytes[0] = 0x65;
        assert_eq!(dissect(Link::Ipv4, &bytes).problem, Some(Error::new(Reason::BadVersion, 0)));
        bytes[0] = 0x44;
        let packet = dissect(Link::Ipv4, &bytes);
        assert_eq!((packet.network, packet.problem), (None, Some(Error::new(Reason::BadHeaderLength, 0))));
        // A total length below the header's own: addresses are known, octets are not.
        let mut bytes = BYTES;
        bytes[3] = 19;
        let packet = dissect(Link::Ipv4, &bytes);
        assert_eq!(packet.network.unwrap().octets, None);
        assert_eq!(packet.problem, Some(Error::new(Reason::BadLength, 0)));
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        let mut bytes = std::vec::Vec::from(BYTES);
        bytes.extend_from_slice(&[0; 95]);
        bytes[6..8].copy_from_slice(&[0x00, 0x01]);
        let packet = dissect(Link::Raw, &bytes);
        assert_eq!((packet.transport, packet.problem), (None, None));
        assert_eq!(packet.payload.len(), 95);
        // The first one has.
        bytes[6..8].copy_from_slice(&[0x20, 0x00]);
        bytes[24..26].copy_from_slice(&[0, 95]);
        assert_eq!(dissect(Link::Raw, &bytes).transport.unwrap().ports(), Some((0, 0)));
    }

    proptest! {
        #[test]
        fn emit_then_parse(
            (tos, id, ttl, proto) in any::<(u8, u16, u8, u8)>(),
            (dont_fragment, more_fragments) in any::<(bool, bool)>(),
            total_len in 20_u16..,
            offset_words in 0_u16..0x2000,
            (src, dst) in any::<([u8; 4], [u8; 4])>(),
        ) {
            let header = Header {
                header_len: 20, tos, total_len, id, dont_fragment, more_fragments,
                fragment_offset: offset_words << 3, ttl, proto, src: src.into(), dst: dst.into(),
            };
            let mut out = [0; 20];
            header.emit(&mut Writer::new(&mut out)).unwrap();
            prop_assert_eq!(Header::parse(&mut Reader::new(&out)), Ok(header));
            prop_assert_eq!(checksum::internet(&out), 0);
        }
    }
}
