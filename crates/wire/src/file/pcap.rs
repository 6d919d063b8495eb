//! The classic capture format of libpcap, version 2.4.
//!
//! ```text
//! file header  0..4   magic: a1b2c3d4 (microseconds) or a1b23c4d (nanoseconds), in the writer's byte order
//!              4..6   major version 2       6..8   minor version 4
//!              8..16  reserved
//!             16..20  snap length: octets kept of a frame at most
//!             20..24  link type (low 16 bits), length of the frame check sequence (high 4 bits)
//! record       0..4   seconds since 1970    4..8   micro- or nanoseconds of the second
//!              8..12  octets captured      12..16  octets on the wire      16..  the octets captured
//! ```

use super::order;
use super::{FRAME_BYTES_MAX, Frame, Next};
use crate::error::{Error, Reason};
use crate::packet::Link;
use crate::reader;
use crate::writer::Writer;

pub use order::Order;

const MAGIC_MICRO: u32 = 0xa1b2_c3d4;
const MAGIC_NANO: u32 = 0xa1b2_3c4d;
const NS_PER_S: u64 = 1_000_000_000;

/// The unit of a record's fraction of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// Microseconds.
    Micro,
    /// Nanoseconds.
    Nano,
}

/// The header of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Byte order of this header and of the records' headers.
    pub order: Order,
    /// Unit of the fraction of a second.
    pub resolution: Resolution,
    /// What every frame begins with.
    pub link: Link,
    /// Octets kept of a frame at most, as the writer meant it; frames are not held to it.
    pub snap_len: u32,
}

impl Header {
    /// Octets of a file header.
    pub const LEN: usize = 24;

    /// Byte order and resolution, if this is the magic number of a pcap file.
    #[must_use]
    pub const fn magic(bytes: [u8; 4]) -> Option<(Order, Resolution)> {
        match (u32::from_be_bytes(bytes), u32::from_le_bytes(bytes)) {
            (MAGIC_MICRO, _) => Some((Order::Big, Resolution::Micro)),
            (MAGIC_NANO, _) => Some((Order::Big, Resolution::Nano)),
            (_, MAGIC_MICRO) => Some((Order::Little, Resolution::Micro)),
            (_, MAGIC_NANO) => Some((Order::Little, Resolution::Nano)),
            _ => None,
        }
    }

    /// Reads the 24 octets at the start of a file.
    ///
    /// # Errors
    /// [`Reason::BadMagic`], [`Reason::BadVersion`] for anything but 2.4, [`Reason::Truncated`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = reader::Reader::new(bytes);
        let bad_magic = reader.error(Reason::BadMagic);
        let (order, resolution) = Self::magic(reader.array()?).ok_or(bad_magic)?;
        let bad_version = reader.error(Reason::BadVersion);
        if (order.u16(&mut reader)?, order.u16(&mut reader)?) != (2, 4) {
            return Err(bad_version);
        }
        reader.skip(8)?; // time zone and accuracy: always 0 in practice
        let snap_len = order.u32(&mut reader)?;
        let [_, _, high, low] = order.u32(&mut reader)?.to_be_bytes();
        let link = Link::from_linktype(u16::from_be_bytes([high, low]));
        Ok(Self { order, resolution, link, snap_len })
    }

    /// The 24 octets of this header.
    #[must_use]
    pub fn emit(&self) -> [u8; Self::LEN] {
        let magic = match self.resolution {
            Resolution::Micro => MAGIC_MICRO,
            Resolution::Nano => MAGIC_NANO,
        };
        let [m0, m1, m2, m3] = self.order.bytes_u32(magic);
        let [v0, v1] = self.order.bytes_u16(2);
        let [v2, v3] = self.order.bytes_u16(4);
        let [s0, s1, s2, s3] = self.order.bytes_u32(self.snap_len);
        let [l0, l1, l2, l3] = self.order.bytes_u32(u32::from(self.link.linktype()));
        [m0, m1, m2, m3, v0, v1, v2, v3, 0, 0, 0, 0, 0, 0, 0, 0, s0, s1, s2, s3, l0, l1, l2, l3]
    }

    /// Writes one record, its header and octets, and returns how many octets that took.
    ///
    /// # Errors
    /// [`Reason::NoSpace`]; [`Reason::BadLength`] if `bytes` is longer than [`FRAME_BYTES_MAX`] or the time is
    /// past what 32 bits of seconds hold (the year 2106).
    pub fn emit_record(
        &self,
        at_ns: u64,
        orig_len: u32,
        bytes: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let mut out = Writer::new(out);
        let bad_length = out.error(Reason::BadLength);
        let captured_len =
            u32::try_from(bytes.len()).ok().filter(|len| *len <= FRAME_BYTES_MAX).ok_or(bad_length)?;
        let seconds = u32::try_from(at_ns / NS_PER_S).map_err(|_| bad_length)?;
        let fraction = match self.resolution {
            Resolution::Micro => at_ns % NS_PER_S / 1_000,
            Resolution::Nano => at_ns % NS_PER_S,
        };
        let fraction = u32::try_from(fraction).map_err(|_| bad_length)?;
        for word in [seconds, fraction, captured_len, orig_len] {
            out.bytes(&self.order.bytes_u32(word))?;
        }
        out.bytes(bytes)?;
        Ok(out.len())
    }
}

/// Octets of a record's header.
const RECORD_LEN: usize = 16;

/// Reads a pcap file; see [`super::Reader`].
#[derive(Debug, Clone, Default)]
pub struct Reader {
    header: Option<Header>,
    offset: u64,
}

impl Reader {
    /// A reader at the start of a file.
    #[must_use]
    pub const fn new() -> Self {
        Self { header: None, offset: 0 }
    }

    /// The file's header, once it has been read.
    #[must_use]
    pub const fn header(&self) -> Option<Header> {
        self.header
    }

    /// See [`super::Reader::next`].
    ///
    /// # Errors
    /// Those of [`Header::parse`]; [`Reason::LimitExceeded`] for a frame beyond [`FRAME_BYTES_MAX`], behind
    /// which nothing can be found.
    pub fn next<'a>(&mut self, buf: &'a [u8]) -> Result<Next<'a>, Error> {
        let Some(header) = self.header else {
            if buf.len() < Header::LEN {
                return Ok(Next::More { needed: Header::LEN });
            }
            self.header = Some(Header::parse(buf)?);
            return Ok(Next::Skip { consumed: self.advance(Header::LEN), problem: None });
        };
        if buf.is_empty() {
            return Ok(Next::End);
        }
        if buf.len() < RECORD_LEN {
            return Ok(Next::More { needed: RECORD_LEN });
        }
        let start = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let mut reader = reader::Reader::new(buf);
        let seconds = header.order.u32(&mut reader)?;
        let fraction = header.order.u32(&mut reader)?;
        let captured_len = header.order.u32(&mut reader)?;
        let orig_len = header.order.u32(&mut reader)?;
        if captured_len > FRAME_BYTES_MAX {
            return Err(Error::new(Reason::LimitExceeded, start.saturating_add(8)));
        }
        let captured_len = usize::try_from(captured_len).unwrap_or(usize::MAX);
        let Ok(bytes) = reader.bytes(captured_len) else {
            return Ok(Next::More { needed: RECORD_LEN.saturating_add(captured_len) });
        };
        let offset = self.offset.saturating_add(16);
        let consumed = self.advance(RECORD_LEN.saturating_add(captured_len));
        let fraction_ns = match header.resolution {
            Resolution::Micro => u64::from(fraction).saturating_mul(1_000),
            Resolution::Nano => u64::from(fraction),
        };
        // 2^32 seconds and 2^32 microseconds, in nanoseconds, stay below 2^63.
        let at_ns = Some(u64::from(seconds).saturating_mul(NS_PER_S).saturating_add(fraction_ns));
        let frame = Frame { at_ns, link: header.link, interface: 0, orig_len, offset, bytes };
        Ok(Next::Frame { consumed, frame })
    }

    fn advance(&mut self, consumed: usize) -> usize {
        self.offset = self.offset.saturating_add(u64::try_from(consumed).unwrap_or(u64::MAX));
        consumed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::frames;
    use std::vec::Vec;

    /// One frame of 3 octets out of 60 at 2001-09-09 01:46:40.000001, little endian, Ethernet.
    #[rustfmt::skip]
    static LITTLE_MICRO: [u8; 43] = [
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
        0x00, 0xca, 0x9a, 0x3b, 1, 0, 0, 0, 3, 0, 0, 0, 60, 0, 0, 0, 7, 8, 9,
    ];
    const HEADER: Header = Header {
        order: Order::Little,
        resolution: Resolution::Micro,
        link: Link::Ethernet,
        snap_len: 262_144,
    };

    #[test]
    fn deconstruct() {
        let all: Vec<_> = frames(&LITTLE_MICRO).collect();
        let frame = all[0].unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(frame.at_ns, Some(1_000_000_000_000_001_000));
        assert_eq!((frame.link, frame.orig_len, frame.offset), (Link::Ethernet, 60, 40));
        assert_eq!(frame.bytes, [7, 8, 9]);
    }

    #[test]
    fn construct() {
        let mut file = Vec::from(HEADER.emit());
        let mut record = [0; 32];
        let len = HEADER.emit_record(1_000_000_000_000_001_999, 60, &[7, 8, 9], &mut record).unwrap();
        file.extend_from_slice(&record[..len]);
        assert_eq!(file, LITTLE_MICRO);
    }

    #[test]
    fn parse_header() {
        assert_eq!(Header::parse(&LITTLE_MICRO), Ok(HEADER));
        // A frame check sequence of 3 words in the high bits of the link type.
        let mut bytes = LITTLE_MICRO;
        bytes[23] = 0x30;
        assert_eq!(Header::parse(&bytes), Ok(HEADER));
        bytes[4] = 3;
        assert_eq!(Header::parse(&bytes), Err(Error::new(Reason::BadVersion, 4)));
        bytes[0] = 0;
        assert_eq!(Header::parse(&bytes), Err(Error::new(Reason::BadMagic, 0)));
        assert_eq!(Header::parse(&LITTLE_MICRO[..20]), Err(Error::new(Reason::Truncated, 20)));
    }

    #[test]
    fn emit_header() {
        assert_eq!(HEADER.emit(), LITTLE_MICRO[..24]);
    }

    #[test]
    fn every_order_and_resolution() {
        for order in [Order::Big, Order::Little] {
            for (resolution, ns) in [(Resolution::Micro, 5_000), (Resolution::Nano, 5_678)] {
                let header = Header { order, resolution, link: Link::Raw, snap_len: 96 };
                let mut file = Vec::from(header.emit());
                let mut record = [0; 40];
                let len = header.emit_record(1_700_000_000_000_005_678, 1500, &[1; 20], &mut record).unwrap();
                file.extend_from_slice(&record[..len]);
                assert_eq!(Header::parse(&file), Ok(header));
                let frame = frames(&file).next().unwrap().unwrap();
                assert_eq!(frame.at_ns, Some(1_700_000_000_000_000_000 + ns));
                assert_eq!((frame.link, frame.orig_len, frame.bytes.len()), (Link::Raw, 1500, 20));
            }
        }
    }

    #[test]
    fn a_frame_too_long_ends_the_file() {
        let mut file = LITTLE_MICRO;
        file[34] = 0x11;
        let all: Vec<_> = frames(&file).collect();
        assert_eq!(all, [Err(Error::new(Reason::LimitExceeded, 32))]);
    }

    #[test]
    fn emit_refuses_what_cannot_be() {
        let mut out = [0; 18];
        assert_eq!(HEADER.emit_record(0, 3, &[1, 2, 3], &mut out), Err(Error::new(Reason::NoSpace, 16)));
        let late = u64::from(u32::MAX) * NS_PER_S + NS_PER_S;
        assert_eq!(HEADER.emit_record(late, 0, &[], &mut out), Err(Error::new(Reason::BadLength, 0)));
    }
}
