//! Sending from the exporter's address: whole IP packets, made here.
//!
//! The kernel does not let a UDP socket speak for another machine; a raw socket does, with `CAP_NET_RAW`. The
//! receiver sees address and port of the exporter, as if nothing were between. (Its network must not filter such
//! packets by their source: reverse path filtering does.)

use super::Unsent;
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use weir_flow::Addr;

const UDP: u8 = 17;
/// IPv6's fragment header, as next header.
const FRAGMENT: u8 = 44;
/// Protocol of a raw socket whose packets bring their own header.
const RAW: i32 = 255;
const V4_HEADER_LEN: usize = 20;
const V6_HEADER_LEN: usize = 40;
const UDP_HEADER_LEN: usize = 8;
const HOPS: u8 = 64;
/// What every link takes (IPv6's least): packets that are too large for theirs are sent in pieces of it.
const PIECE_LEN: usize = 1280;
/// How long a send may wait for a device.
const WAIT: Duration = Duration::from_millis(10);

/// Raw sockets of both families; that of a family is opened if a target has it.
#[derive(Debug)]
pub(super) struct Raw {
    v4: Option<Socket>,
    v6: Option<Socket>,
    packet: Vec<u8>,
    /// Identification of the next packet in pieces.
    id: u16,
}

impl Raw {
    /// Opens what these targets need.
    ///
    /// # Errors
    /// We may not, mostly.
    pub(super) fn open(targets: &[SocketAddr]) -> io::Result<Self> {
        let open = |domain, is_wanted: bool| -> io::Result<Option<Socket>> {
            if !is_wanted {
                return Ok(None);
            }
            let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(RAW)))?;
            socket.set_write_timeout(Some(WAIT))?;
            Ok(Some(socket))
        };
        Ok(Self {
            v4: open(Domain::IPV4, targets.iter().any(SocketAddr::is_ipv4))?,
            v6: open(Domain::IPV6, targets.iter().any(SocketAddr::is_ipv6))?,
            packet: Vec::with_capacity(2048),
            id: 0,
        })
    }

    /// Sends a datagram as if it came from the exporter.
    pub(super) fn send(&mut self, from: (Addr, u16), to: SocketAddr, payload: &[u8]) -> Result<(), Unsent> {
        let from = SocketAddr::new(from.0.into(), from.1);
        let socket = match (from.ip(), to.ip()) {
            (IpAddr::V4(_), IpAddr::V4(_)) => self.v4.as_ref(),
            (IpAddr::V6(_), IpAddr::V6(_)) => self.v6.as_ref(),
            _ => return Err(Unsent::OtherFamily),
        };
        let socket = socket.ok_or(Unsent::SendError)?;
        // The port of the address would be taken for the protocol.
        let address = SockAddr::from(SocketAddr::new(to.ip(), 0));
        put_packet(from, to, payload, &mut self.packet).ok_or(Unsent::SendError)?;
        match socket.send_to(&self.packet, &address) {
            Ok(_) => Ok(()),
            Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
                self.id = self.id.wrapping_add(1).max(1);
                let sent = pieces(&self.packet, self.id)
                    .into_iter()
                    .try_for_each(|piece| socket.send_to(&piece, &address).map(|_| ()));
                sent.map_err(|_| Unsent::SendError)
            }
            Err(_) => Err(Unsent::SendError),
        }
    }
}

/// Makes a packet with this UDP payload; `None` if it would be larger than a packet can be, or of two families.
fn put_packet(from: SocketAddr, to: SocketAddr, payload: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.clear();
    let udp_len = u16::try_from(UDP_HEADER_LEN + payload.len()).ok()?;
    let header_len = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let len = udp_len.checked_add(20)?;
            out.extend([0x45, 0]);
            out.extend(len.to_be_bytes());
            // Identification, fragment; the header's checksum is the kernel's.
            out.extend([0, 0, 0, 0, HOPS, UDP, 0, 0]);
            out.extend(from.octets());
            out.extend(to.octets());
            V4_HEADER_LEN
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            out.extend([0x60, 0, 0, 0]);
            out.extend(udp_len.to_be_bytes());
            out.extend([UDP, HOPS]);
            out.extend(from.octets());
            out.extend(to.octets());
            V6_HEADER_LEN
        }
        _ => return None,
    };
    out.extend(from.port().to_be_bytes());
    out.extend(to.port().to_be_bytes());
    out.extend(udp_len.to_be_bytes());
    out.extend([0, 0]);
    out.extend(payload);
    // Over a pseudo header: the addresses, the protocol and the length (RFC 768, RFC 8200 §8.1).
    let addresses_at = if header_len == V4_HEADER_LEN { 12 } else { 8 };
    let sum = u64::from(UDP) + u64::from(udp_len) + sum_of(out.get(addresses_at..)?);
    let checksum = match !folded(sum) {
        // 0 means that there is none.
        0 => 0xffff,
        checksum => checksum,
    };
    out.get_mut(header_len + 6..header_len + 8)?.copy_from_slice(&checksum.to_be_bytes());
    Some(())
}

/// The sum of big-endian words, an odd octet followed by a zero.
fn sum_of(octets: &[u8]) -> u64 {
    let (words, odd) = octets.as_chunks::<2>();
    let last = odd.first().map_or(0, |octet| u64::from(*octet) << 8);
    words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum::<u64>() + last
}

/// The carries added in (RFC 1071).
fn folded(mut sum: u64) -> u16 {
    loop {
        match u16::try_from(sum) {
            Ok(sum) => return sum,
            Err(_) => sum = (sum & 0xffff) + (sum >> 16),
        }
    }
}

/// The packet in fragments of at most [`PIECE_LEN`] octets (RFC 791 §3.2, RFC 8200 §4.5).
fn pieces(packet: &[u8], id: u16) -> Vec<Vec<u8>> {
    let is_v4 = packet.first().is_some_and(|first| first >> 4 == 4);
    let header_len = if is_v4 { V4_HEADER_LEN } else { V6_HEADER_LEN };
    let Some((header, body)) = packet.split_at_checked(header_len) else { return Vec::new() };
    let own_len = if is_v4 { header_len } else { header_len + 8 };
    // Offsets are counted in eights.
    let chunk_len = (PIECE_LEN - own_len) / 8 * 8;
    let last = body.len().div_ceil(chunk_len).saturating_sub(1);
    let piece = |(i, chunk): (usize, &[u8])| {
        let (eights, more) = (u16::try_from(i * chunk_len / 8).ok()?, u16::from(i < last));
        let mut out = header.to_vec();
        if is_v4 {
            let len = u16::try_from(header_len + chunk.len()).ok()?;
            out.get_mut(2..4)?.copy_from_slice(&len.to_be_bytes());
            out.get_mut(4..6)?.copy_from_slice(&id.to_be_bytes());
            out.get_mut(6..8)?.copy_from_slice(&(more << 13 | eights).to_be_bytes());
        } else {
            let len = u16::try_from(8 + chunk.len()).ok()?;
            out.get_mut(4..6)?.copy_from_slice(&len.to_be_bytes());
            *out.get_mut(6)? = FRAGMENT;
            out.extend([UDP, 0]);
            out.extend((eights << 3 | more).to_be_bytes());
            out.extend(u32::from(id).to_be_bytes());
        }
        out.extend(chunk);
        Some(out)
    };
    body.chunks(chunk_len).enumerate().filter_map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(from: &str, to: &str, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_packet(from.parse().unwrap(), to.parse().unwrap(), payload, &mut out).unwrap();
        out
    }

    #[test]
    fn a_packet_by_hand() {
        let got = packet("192.0.2.1:40000", "198.51.100.9:2055", b"abc");
        // The pseudo header (addresses, protocol, length), the header and the payload, word by word.
        let words =
            [0xc000u32, 0x0201, 0xc633, 0x6409, 0x0011, 0x000b, 0x9c40, 0x0807, 0x000b, 0x6162, 0x6300];
        let sum: u32 = words.iter().sum();
        let checksum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
        let mut expected = vec![0x45, 0, 0, 31, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 9];
        expected.extend([0x9c, 0x40, 0x08, 0x07, 0, 11]);
        expected.extend(checksum.to_be_bytes());
        expected.extend(b"abc");
        assert_eq!(got, expected);
    }

    #[test]
    fn the_other_family_has_its_own_header() {
        let got = packet("[2001:db8::1]:9", "[2001:db8::2]:2055", &[0xff; 4]);
        assert_eq!(&got[..8], [0x60, 0, 0, 0, 0, 12, 17, 64]);
        assert_eq!(got.len(), 40 + 8 + 4);
        // A receiver adds up everything, checksum included, and gets all ones.
        assert_eq!(folded(u64::from(UDP) + 12 + sum_of(&got[8..])), 0xffff);
        assert_eq!(
            put_packet("192.0.2.1:9".parse().unwrap(), "[::1]:9".parse().unwrap(), &[], &mut Vec::new()),
            None
        );
    }

    #[test]
    fn pieces_are_the_whole() {
        let payload: Vec<u8> = (0..4000u32).map(|i| (i % 251) as u8).collect();
        for (from, to, header) in [("192.0.2.1:9", "192.0.2.2:9", 20), ("[::1]:9", "[::2]:9", 40)] {
            let whole = packet(from, to, &payload);
            let pieces = pieces(&whole, 7);
            let mut body: Vec<u8> = Vec::new();
            for (i, piece) in pieces.iter().enumerate() {
                assert!(piece.len() <= PIECE_LEN);
                let word = |at: usize| usize::from(u16::from_be_bytes([piece[at], piece[at + 1]]));
                let (offset, more, content) = match header {
                    20 => (word(6) % 0x2000 * 8, word(6) / 0x2000, &piece[20..]),
                    _ => (word(42) / 8 * 8, word(42) % 8, &piece[48..]),
                };
                assert_eq!((offset, more), (body.len(), usize::from(i + 1 < pieces.len())));
                body.extend(content);
            }
            assert_eq!(body, &whole[header..]);
        }
    }
}
