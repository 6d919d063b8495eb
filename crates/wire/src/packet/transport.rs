//! The part of a transport header that an account needs: ports, TCP flags, ICMP type and code.
//!
//! ```text
//! all with ports  0..2 source   2..4 destination        TCP (6), DCCP (33), UDP (17), SCTP (132), UDP-Lite (136)
//! UDP             4..6 length, these 8 octets included
//! TCP            12..14 header length in words of 4 octets (4 bits), control bits (12 bits)
//! ICMP            0 type        1 code                  ICMP (1), ICMPv6 (58)
//! ```

use crate::error::{Error, Reason};
use crate::reader::Reader;

/// IP protocol numbers read here.
pub mod proto {
    /// Internet Control Message Protocol.
    pub const ICMP: u8 = 1;
    /// Transmission Control Protocol.
    pub const TCP: u8 = 6;
    /// User Datagram Protocol.
    pub const UDP: u8 = 17;
    /// Datagram Congestion Control Protocol.
    pub const DCCP: u8 = 33;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// Stream Control Transmission Protocol.
    pub const SCTP: u8 = 132;
    /// UDP with partial checksums.
    pub const UDP_LITE: u8 = 136;
}

/// What follows the IP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
        /// The 12 control bits, FIN the lowest (RFC 9293 §3.1). `None` if they were not captured.
        flags: Option<u16>,
    },
    /// UDP, UDP-Lite, SCTP, DCCP.
    Ports {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
    },
    /// ICMP, ICMPv6.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
    },
}

impl Transport {
    /// Source and destination port.
    #[must_use]
    pub const fn ports(self) -> Option<(u16, u16)> {
        match self {
            Self::Tcp { src_port, dst_port, .. } | Self::Ports { src_port, dst_port } => {
                Some((src_port, dst_port))
            }
            Self::Icmp { .. } => None,
        }
    }

    /// TCP control bits.
    #[must_use]
    pub const fn tcp_flags(self) -> Option<u16> {
        match self {
            Self::Tcp { flags, .. } => flags,
            Self::Ports { .. } | Self::Icmp { .. } => None,
        }
    }

    /// ICMP type and code.
    #[must_use]
    pub const fn icmp(self) -> Option<(u8, u8)> {
        match self {
            Self::Icmp { kind, code } => Some((kind, code)),
            Self::Tcp { .. } | Self::Ports { .. } => None,
        }
    }
}

/// Reads the transport header at the front of `reader` and leaves `reader` at its payload.
///
/// `transport` is filled in reading order, so that a header cut after its ports still gives the ports.
pub(super) fn parse(
    proto: u8,
    reader: &mut Reader<'_>,
    transport: &mut Option<Transport>,
) -> Result<(), Error> {
    match proto {
        proto::TCP => tcp(reader, transport),
        proto::UDP => udp(reader, transport),
        proto::UDP_LITE => ports(reader, transport).and_then(|()| reader.skip(4)),
        proto::SCTP | proto::DCCP => ports(reader, transport).and_then(|()| reader.skip(8)),
        proto::ICMP | proto::ICMPV6 => {
            let [kind, code] = reader.array()?;
            *transport = Some(Transport::Icmp { kind, code });
            reader.skip(2) // checksum
        }
        _ => Ok(()),
    }
}

fn ports(reader: &mut Reader<'_>, transport: &mut Option<Transport>) -> Result<(), Error> {
    let [a, b, c, d] = reader.array()?;
    let (src_port, dst_port) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    *transport = Some(Transport::Ports { src_port, dst_port });
    Ok(())
}

fn tcp(reader: &mut Reader<'_>, transport: &mut Option<Transport>) -> Result<(), Error> {
    let [a, b, c, d] = reader.array()?;
    let (src_port, dst_port) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    *transport = Some(Transport::Tcp { src_port, dst_port, flags: None });
    reader.skip(8)?; // sequence and acknowledgement number
    let bits_at = *reader;
    let bits = reader.u16()?;
    *transport = Some(Transport::Tcp { src_port, dst_port, flags: Some(bits & 0x0fff) });
    // 14 of the header's octets have been read; 20 is the least it can have.
    match usize::from(bits >> 12).saturating_mul(4).checked_sub(14) {
        Some(rest @ 6..) => reader.skip(rest),
        _ => Err(bits_at.error(Reason::BadHeaderLength)),
    }
}

fn udp(reader: &mut Reader<'_>, transport: &mut Option<Transport>) -> Result<(), Error> {
    ports(reader, transport)?;
    let len_at = *reader;
    let len = usize::from(reader.u16()?);
    reader.skip(2)?; // checksum
    match len.checked_sub(8) {
        Some(payload_len) => *reader = reader.sub(payload_len.min(reader.len()))?,
        None if len == 0 => {} // a jumbogram's (RFC 2675 §4): everything there is
        None => return Err(len_at.error(Reason::BadLength)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of `bytes` as the payload of an IP packet, and how many octets of payload follow.
    fn read(proto: u8, bytes: &[u8]) -> (Option<Transport>, Result<usize, Error>) {
        let mut transport = None;
        let mut reader = Reader::new(bytes);
        let result = parse(proto, &mut reader, &mut transport);
        (transport, result.map(|()| reader.len()))
    }

    #[test]
    fn tcp_with_options() {
        let bytes =
            [0, 22, 0x30, 0x39, 0, 0, 0, 1, 0, 0, 0, 2, 0x61, 0x18, 0, 9, 0, 0, 0, 0, 2, 4, 5, 0xb4, 7, 7];
        let whole = Transport::Tcp { src_port: 22, dst_port: 12345, flags: Some(0x118) };
        assert_eq!(read(6, &bytes), (Some(whole), Ok(2)));
        let cut = Transport::Tcp { src_port: 22, dst_port: 12345, flags: None };
        assert_eq!(read(6, &bytes[..13]), (Some(cut), Err(Error::new(Reason::Truncated, 12))));
        assert_eq!(read(6, &bytes[..3]), (None, Err(Error::new(Reason::Truncated, 0))));
        let mut short = bytes;
        short[12] = 0x40;
        let flagged = Transport::Tcp { src_port: 22, dst_port: 12345, flags: Some(0x018) };
        assert_eq!(read(6, &short), (Some(flagged), Err(Error::new(Reason::BadHeaderLength, 12))));
    }

    #[test]
    fn udp_is_cut_to_its_length() {
        let bytes = [0, 53, 0x30, 0x39, 0, 10, 0, 0, 1, 2, 0, 0];
        let ports = Some(Transport::Ports { src_port: 53, dst_port: 12345 });
        assert_eq!(read(17, &bytes), (ports, Ok(2)));
        let with_len = |len| [0, 53, 0x30, 0x39, 0, len, 0, 0, 1, 2, 0, 0];
        assert_eq!(read(17, &with_len(0)), (ports, Ok(4)));
        assert_eq!(read(17, &with_len(200)), (ports, Ok(4)));
        assert_eq!(read(17, &with_len(7)), (ports, Err(Error::new(Reason::BadLength, 4))));
    }

    #[test]
    fn the_others() {
        let bytes = [8, 0, 0x30, 0x39, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(read(1, &bytes), (Some(Transport::Icmp { kind: 8, code: 0 }), Ok(10)));
        assert_eq!(read(58, &bytes).0.unwrap().icmp(), Some((8, 0)));
        for (proto, left) in [(132, 2), (33, 2), (136, 6)] {
            let (transport, rest) = read(proto, &bytes);
            assert_eq!((transport.unwrap().ports(), rest), (Some((2048, 12345)), Ok(left)), "{proto}");
        }
        assert_eq!(read(47, &bytes), (None, Ok(14)));
    }
}
