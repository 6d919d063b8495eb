//! IPv6 (RFC 8200 §3) and its extension headers (§4).
//!
//! ```text
//! octets  0..4   version (4 bits), traffic class (8 bits), flow label (20 bits)
//!         4..6   payload length: everything behind these 40 octets
//!         6      next header
//!         7      hop limit
//!         8..24  source           24..40  destination
//! ```
//! An extension header begins with the next header and its own length in units of 8 octets, the first 8 not
//! counted (the authentication header counts in units of 4, the first 8 not counted; the fragment header has
//! always 8 octets). A payload length of 0 with a hop-by-hop option `c2 04` means that the option holds the
//! payload length: a jumbogram (RFC 2675 §2).

use core::net::Ipv6Addr;

use super::{Fragment, Ip, Packet};
use crate::error::{Error, Reason};
use crate::reader::Reader;
use crate::writer::Writer;

/// Extension headers walked. RFC 8200 §4.1 allows seven in a packet that makes sense.
const EXTENSIONS_MAX: u8 = 16;
/// The option that holds a jumbogram's payload length.
const JUMBO_PAYLOAD: u8 = 0xc2;
/// Below this a jumbo payload option is invalid (RFC 2675 §3).
const JUMBO_MIN: u32 = 65_536;

/// Next header values that are no upper-layer protocol.
mod next {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const NONE: u8 = 59;
    pub(super) const DESTINATION: u8 = 60;
}

/// An IPv6 header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Traffic class.
    pub traffic_class: u8,
    /// Flow label, 20 bits.
    pub flow_label: u32,
    /// Octets behind this header; 0 for a jumbogram.
    pub payload_len: u16,
    /// What follows: an extension header or an upper-layer protocol.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source.
    pub src: Ipv6Addr,
    /// Destination.
    pub dst: Ipv6Addr,
}

impl Header {
    /// Octets of the header.
    pub const LEN: usize = 40;

    /// Reads the 40 octets at the front of `reader`.
    ///
    /// # Errors
    /// [`Reason::Truncated`] or [`Reason::BadVersion`].
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let start = *reader;
        let first = reader.u32()?;
        if first >> 28 != 6 {
            return Err(start.error(Reason::BadVersion));
        }
        let [_, class, ..] = (first >> 4).to_be_bytes();
        Ok(Self {
            traffic_class: class,
            flow_label: first & 0x000f_ffff,
            payload_len: reader.u16()?,
            next_header: reader.u8()?,
            hop_limit: reader.u8()?,
            src: reader.array()?.into(),
            dst: reader.array()?.into(),
        })
    }

    /// Writes the header; a flow label's bits beyond 20 are dropped.
    ///
    /// # Errors
    /// [`Reason::NoSpace`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Error> {
        out.u32(6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label & 0x000f_ffff)?;
        out.u16(self.payload_len)?;
        out.u8(self.next_header)?;
        out.u8(self.hop_limit)?;
        out.bytes(&self.src.octets())?;
        out.bytes(&self.dst.octets())
    }
}

/// Reads an IPv6 header and its extensions into `packet` and returns what follows them, cut to the payload
/// length.
pub(super) fn parse<'a>(reader: &mut Reader<'a>, packet: &mut Packet<'a>) -> Result<Reader<'a>, Error> {
    let header_at = reader.offset();
    let header = Header::parse(reader)?;
    let ip = packet.network.insert(Ip {
        version: 6,
        src: header.src.into(),
        dst: header.dst.into(),
        proto: header.next_header,
        tos: header.traffic_class,
        ttl: header.hop_limit,
        flow_label: Some(header.flow_label),
        octets: None,
        header_at,
        fragment: None,
        payload: &[],
    });
    let stated_len = match (header.payload_len, header.next_header) {
        (0, next::NONE) => Some(0),
        (0, next::HOP_BY_HOP) => jumbo_payload(*reader)?,
        // Segmentation offload of today leaves the length of a large packet 0 without any option.
        (0, _) => None,
        (len, _) => Some(u32::from(len)),
    };
    let mut captured_len = reader.len();
    if let Some(len) = stated_len {
        ip.octets = len.checked_add(40);
        captured_len = captured_len.min(usize::try_from(len).unwrap_or(usize::MAX));
    }
    let mut inside = reader.sub(captured_len)?;
    extensions(&mut inside, ip)?;
    Ok(inside)
}

/// Walks extension headers up to the upper-layer protocol, which becomes `ip.proto`.
fn extensions(reader: &mut Reader<'_>, ip: &mut Ip<'_>) -> Result<(), Error> {
    for _ in 0..EXTENSIONS_MAX {
        let mut peek = *reader;
        match ip.proto {
            next::HOP_BY_HOP | next::ROUTING | next::DESTINATION => {
                let following = peek.u8()?;
                let units = usize::from(peek.u8()?);
                reader.skip(units.saturating_add(1).saturating_mul(8))?;
                ip.proto = following;
            }
            next::AUTHENTICATION => {
                let following = peek.u8()?;
                let units = usize::from(peek.u8()?);
                reader.skip(units.saturating_add(2).saturating_mul(4))?;
                ip.proto = following;
            }
            next::FRAGMENT => {
                let [following, _, high, low, a, b, c, d] = reader.array()?;
                let bits = u16::from_be_bytes([high, low]);
                ip.proto = following;
                let fragment = Fragment {
                    id: u32::from_be_bytes([a, b, c, d]),
                    offset: bits & 0xfff8,
                    more: bits & 1 != 0,
                };
                // An "atomic" fragment (RFC 6946) is the whole packet.
                if fragment.more || fragment.offset != 0 {
                    ip.fragment = Some(fragment);
                }
                if fragment.offset != 0 {
                    return Ok(());
                }
            }
            _ => return Ok(()),
        }
    }
    Err(reader.error(Reason::LimitExceeded))
}

/// The length in a jumbo payload option of the hop-by-hop header at the front of `reader`.
fn jumbo_payload(mut reader: Reader<'_>) -> Result<Option<u32>, Error> {
    reader.skip(1)?; // next header
    let units = usize::from(reader.u8()?);
    let options_len = units.saturating_mul(8).saturating_add(6);
    let mut options = reader.sub(options_len.min(reader.len()))?;
    while !options.is_empty() {
        let start = options;
        let kind = options.u8()?;
        if kind == 0 {
            continue; // Pad1 has no length.
        }
        let len = usize::from(options.u8()?);
        if kind != JUMBO_PAYLOAD {
            options.skip(len)?;
            continue;
        }
        let jumbo = options.u32()?;
        if len != 4 || jumbo < JUMBO_MIN {
            return Err(start.error(Reason::BadLength));
        }
        return Ok(Some(jumbo));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Link, dissect};
    use proptest::prelude::*;
    use std::vec::Vec;

    /// Traffic class a5, flow label 12345, 8 octets of UDP, hop limit 64, from 2001:db8::1 to 2001:db8::2.
    static BYTES: [u8; 48] = [
        0x6a, 0x51, 0x23, 0x45, 0x00, 0x08, 0x11, 0x40, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 1, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x00, 0x35, 0x04, 0x00, 0, 8, 0, 0,
    ];

    const HEADER: Header = Header {
        traffic_class: 0xa5,
        flow_label: 0x12345,
        payload_len: 8,
        next_header: 17,
        hop_limit: 64,
        src: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
        dst: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
    };

    /// The header of `BYTES` with another next header and payload length, then `payload`.
    fn with_payload(next_header: u8, payload_len: u16, payload: &[u8]) -> Vec<u8> {
        let mut out = [0; 40];
        Header { next_header, payload_len, ..HEADER }.emit(&mut Writer::new(&mut out)).unwrap();
        [&out[..], payload].concat()
    }

    #[test]
    fn deconstruct() {
        let packet = dissect(Link::Raw, &BYTES);
        let ip = packet.network.unwrap();
        assert_eq!((ip.version, ip.octets, ip.proto, ip.tos, ip.ttl), (6, Some(48), 17, 0xa5, 64));
        assert_eq!(ip.flow_label, Some(0x12345));
        assert_eq!(packet.transport.unwrap().ports(), Some((53, 1024)));
        assert_eq!(packet.problem, None);
    }

    #[test]
    fn construct() {
        let bytes = with_payload(17, 8, &BYTES[40..]);
        assert_eq!(bytes, BYTES);
    }

    #[test]
    fn parse_header() {
        assert_eq!(Header::parse(&mut Reader::new(&BYTES)), Ok(HEADER));
    }

    #[test]
    fn emit_header() {
        let mut out = [0xff; 40];
        HEADER.emit(&mut Writer::new(&mut out)).unwrap();
        assert_eq!(out, BYTES[..40]);
    }

    #[test]
    fn walks_extension_headers() {
        #[rustfmt::skip]
        let payload = [
            43, 0, 5, 2, 0, 0, 0, 0,                              // hop by hop
            51, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,      // routing
            60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,                  // authentication: (1 + 2) * 4
            44, 0, 1, 4, 0, 0, 0, 0,                              // destination options
            6, 0, 0x00, 0x01, 0, 0, 0, 9,                         // fragment: the first one
            0, 80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0,
        ];
        let bytes = with_payload(0, u16::try_from(payload.len()).unwrap(), &payload);
        let packet = dissect(Link::Raw, &bytes);
        let ip = packet.network.unwrap();
        assert_eq!((ip.proto, ip.octets), (6, Some(112)));
        assert_eq!(ip.fragment, Some(Fragment { id: 9, offset: 0, more: true }));
        assert_eq!(packet.transport.unwrap().ports(), Some((80, 256)));
        assert_eq!(packet.transport.unwrap().tcp_flags(), Some(2));
        // A later fragment has no ports, whatever its octets look like.
        let mut later = bytes;
        later[40 + 8 + 16 + 12 + 8 + 3] = 8;
        let packet = dissect(Link::Raw, &later);
        assert_eq!(packet.transport, None);
        assert_eq!(packet.network.unwrap().fragment, Some(Fragment { id: 9, offset: 8, more: false }));
    }

    #[test]
    fn a_jumbogram_says_its_length_in_an_option() {
        let bytes = with_payload(0, 0, &[6, 0, 0xc2, 4, 0, 1, 0x38, 0xa8, 0, 80, 0, 81]);
        let ip = dissect(Link::Raw, &bytes).network.unwrap();
        assert_eq!(ip.octets, Some(0x0001_38a8 + 40));
        // Too small to be one: RFC 2675 §3.
        let bytes = with_payload(0, 0, &[6, 0, 0xc2, 4, 0, 0, 0xff, 0xff, 0, 80, 0, 81]);
        let packet = dissect(Link::Raw, &bytes);
        assert_eq!(packet.network.unwrap().octets, None);
        assert_eq!(packet.problem, Some(Error::new(Reason::BadLength, 42)));
    }

    #[test]
    fn a_payload_length_of_zero_is_unknown_unless_nothing_follows() {
        let octets =
            |next_header| dissect(Link::Raw, &with_payload(next_header, 0, &[0; 8])).network.unwrap().octets;
        assert_eq!(octets(59), Some(40));
        assert_eq!(octets(6), None);
        assert_eq!(octets(0), None);
    }

    #[test]
    fn endless_extensions_end() {
        let bytes = with_payload(60, 800, &[60, 0, 1, 4, 0, 0, 0, 0].repeat(100));
        let packet = dissect(Link::Raw, &bytes);
        assert_eq!(packet.problem, Some(Error::new(Reason::LimitExceeded, 40 + 16 * 8)));
        assert_eq!(packet.network.unwrap().octets, Some(840));
    }

    proptest! {
        #[test]
        fn emit_then_parse(
            (traffic_class, payload_len, next_header, hop_limit) in any::<(u8, u16, u8, u8)>(),
            flow_label in 0_u32..1 << 20,
            (src, dst) in any::<([u8; 16], [u8; 16])>(),
        ) {
            let header = Header {
                traffic_class, flow_label, payload_len, next_header, hop_limit,
                src: src.into(), dst: dst.into(),
            };
            let mut out = [0; 40];
            header.emit(&mut Writer::new(&mut out)).unwrap();
            prop_assert_eq!(Header::parse(&mut Reader::new(&out)), Ok(header));
        }

        #[test]
        fn random_payloads_never_panic(
            next_header in prop::sample::select(&[0_u8, 6, 17, 43, 44, 51, 58, 59, 60][..]),
            payload_len in 0_u16..80,
            payload in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let bytes = with_payload(next_header, payload_len, &payload);
            let packet = dissect(Link::Raw, &bytes);
            prop_assert!(packet.network.is_some());
        }
    }
}
