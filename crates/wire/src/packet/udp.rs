//! UDP (RFC 768), and whole frames around a payload: what captures of exporters consist of.
//!
//! ```text
//! octets  0..2   source port      2..4   destination port
//!         4..6   length, these 8 octets included
//!         6..8   checksum over addresses, protocol, length, this header and the payload; 0 is "none"
//! ```

use core::net::{IpAddr, SocketAddr};

use super::link::{IPV4, IPV6};
use super::transport::proto;
use super::{checksum, ethernet, ipv4, ipv6};
use crate::error::{Error, Reason};
use crate::reader::Reader;
use crate::writer::Writer;

/// The time to live of frames made here: the usual default of hosts.
const TTL: u8 = 64;

/// A UDP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Octets of header and payload.
    pub len: u16,
    /// Checksum; 0 is "none".
    pub checksum: u16,
}

impl Header {
    /// Octets of the header.
    pub const LEN: usize = 8;

    /// Reads the header at the front of `reader`.
    ///
    /// # Errors
    /// [`Reason::Truncated`].
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            src_port: reader.u16()?,
            dst_port: reader.u16()?,
            len: reader.u16()?,
            checksum: reader.u16()?,
        })
    }

    /// Writes the header.
    ///
    /// # Errors
    /// [`Reason::NoSpace`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Error> {
        out.u16(self.src_port)?;
        out.u16(self.dst_port)?;
        out.u16(self.len)?;
        out.u16(self.checksum)
    }

    /// The checksum of this header (its own field taken as 0) and its payload between two addresses.
    ///
    /// A sum of 0 is sent as `ffff`, since 0 is "none".
    #[must_use]
    pub fn checksum(&self, src: IpAddr, dst: IpAddr, payload: &[u8]) -> u16 {
        let mut sum = checksum::Sum::default();
        for address in [src, dst] {
            sum = match address {
                IpAddr::V4(address) => sum.with(&address.octets()),
                IpAddr::V6(address) => sum.with(&address.octets()),
            };
        }
        sum = sum.with(&[0, proto::UDP]).with(&self.len.to_be_bytes());
        sum = sum.with(&self.src_port.to_be_bytes()).with(&self.dst_port.to_be_bytes());
        match sum.with(&self.len.to_be_bytes()).with(payload).finish() {
            0 => 0xffff,
            sum => sum,
        }
    }
}

/// Link-layer addresses of frames made here: locally administered, so nobody's.
const SRC_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 1];
const DST_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 2];

/// Writes an Ethernet frame with one UDP datagram, checksums included, and returns its length.
///
/// # Errors
/// [`Reason::BadAddress`] if one address is IPv4 and the other IPv6, [`Reason::BadLength`] if the payload is
/// longer than a UDP datagram can be, [`Reason::NoSpace`].
pub fn frame(src: SocketAddr, dst: SocketAddr, payload: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    let mut out = Writer::new(out);
    let bad_length = out.error(Reason::BadLength);
    let len = |before: usize| u16::try_from(payload.len().saturating_add(before)).map_err(|_| bad_length);
    let mut udp = Header { src_port: src.port(), dst_port: dst.port(), len: len(Header::LEN)?, checksum: 0 };
    udp.checksum = udp.checksum(src.ip(), dst.ip(), payload);
    let ethernet = |ether_type| ethernet::Header { dst: DST_MAC, src: SRC_MAC, ether_type };
    match (src, dst) {
        (SocketAddr::V4(src), SocketAddr::V4(dst)) => {
            ethernet(IPV4).emit(&mut out)?;
            let header = ipv4::Header {
                header_len: 20,
                tos: 0,
                total_len: len(ipv4::Header::LEN.saturating_add(Header::LEN))?,
                id: 0,
                dont_fragment: true,
                more_fragments: false,
                fragment_offset: 0,
                ttl: TTL,
                proto: proto::UDP,
                src: *src.ip(),
                dst: *dst.ip(),
            };
            header.emit(&mut out)?;
        }
        (SocketAddr::V6(src), SocketAddr::V6(dst)) => {
            ethernet(IPV6).emit(&mut out)?;
            let header = ipv6::Header {
                traffic_class: 0,
                flow_label: 0,
                payload_len: udp.len,
                next_header: proto::UDP,
                hop_limit: TTL,
                src: *src.ip(),
                dst: *dst.ip(),
            };
            header.emit(&mut out)?;
        }
        _ => return Err(out.error(Reason::BadAddress)),
    }
    udp.emit(&mut out)?;
    out.bytes(payload)?;
    Ok(out.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Link, dissect};
    use proptest::prelude::*;
    use std::vec;

    static BYTES: [u8; 8] = [0x00, 0x35, 0xc0, 0x01, 0x00, 0x0c, 0xab, 0xcd];
    const HEADER: Header = Header { src_port: 53, dst_port: 49153, len: 12, checksum: 0xabcd };

    #[test]
    fn parse_header() {
        assert_eq!(Header::parse(&mut Reader::new(&BYTES)), Ok(HEADER));
    }

    #[test]
    fn emit_header() {
        let mut out = [0; 8];
        HEADER.emit(&mut Writer::new(&mut out)).unwrap();
        assert_eq!(out, BYTES);
    }

    #[test]
    fn construct() {
        let mut out = [0xff; 60];
        let (src, dst) = ("192.0.2.1:2055".parse().unwrap(), "192.0.2.2:9995".parse().unwrap());
        assert_eq!(frame(src, dst, &[1, 2, 3], &mut out), Ok(45));
        #[rustfmt::skip]
        let expected = [
            2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
            0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17, 0xb6, 0xca, 192, 0, 2, 1, 192, 0, 2, 2,
            0x08, 0x07, 0x27, 0x0b, 0, 11, 0x48, 0xc0, 1, 2, 3,
        ];
        assert_eq!(out[..45], expected);
    }

    #[test]
    fn deconstruct() {
        let mut out = [0; 80];
        let (src, dst) = ("[2001:db8::1]:6343".parse().unwrap(), "[2001:db8::2]:53".parse().unwrap());
        let len = frame(src, dst, &[9; 10], &mut out).unwrap();
        let packet = dissect(Link::Ethernet, &out[..len]);
        assert_eq!(packet.network.unwrap().octets, Some(58));
        assert_eq!(packet.transport.unwrap().ports(), Some((6343, 53)));
        assert_eq!(packet.payload, [9; 10]);
    }

    #[test]
    fn refuses_what_cannot_be() {
        let (v4, v6) = ("192.0.2.1:1".parse().unwrap(), "[2001:db8::1]:1".parse().unwrap());
        let mut out = vec![0; 70_000];
        assert_eq!(frame(v4, v6, &[], &mut out).unwrap_err().reason, Reason::BadAddress);
        assert_eq!(frame(v4, v4, &[0; 65_508], &mut out).unwrap_err().reason, Reason::BadLength);
        assert_eq!(frame(v4, v4, &[0; 65_507], &mut out), Ok(65_549));
        assert_eq!(frame(v4, v4, &[0; 10], &mut [0; 51]).unwrap_err().reason, Reason::NoSpace);
    }

    proptest! {
        #[test]
        fn frame_then_dissect(
            (a, b, src_port, dst_port) in any::<(u32, u32, u16, u16)>(),
            payload in prop::collection::vec(any::<u8>(), 0..100),
            v6 in any::<bool>(),
        ) {
            let address = |bits: u32| match v6 {
                true => IpAddr::from((u128::from(bits) << 64).to_be_bytes()),
                false => IpAddr::from(bits.to_be_bytes()),
            };
            let (src, dst) = ((address(a), src_port).into(), (address(b), dst_port).into());
            let mut out = [0; 200];
            let len = frame(src, dst, &payload, &mut out).unwrap();
            let packet = dissect(Link::Ethernet, &out[..len]);
            let ip = packet.network.unwrap();
            prop_assert_eq!((ip.src, ip.dst), (address(a), address(b)));
            prop_assert_eq!(packet.transport.unwrap().ports(), Some((src_port, dst_port)));
            prop_assert_eq!(packet.payload, &payload[..]);
            prop_assert_eq!(packet.problem, None);
            // With its checksum the pseudo header, header and payload sum to zero.
            let udp = Header::parse(&mut Reader::new(ip.payload)).unwrap();
            prop_assert_eq!(udp.checksum(ip.src, ip.dst, &payload), udp.checksum);
        }
    }
}
