//! Files and streams of flow-tools, versions 1 and 3 of the stream format.
//!
//! A header, then records of one length. The header says the byte order of everything behind its third octet,
//! which NetFlow the records came in, and what the collector counted; behind it, records are either plain or one
//! zlib stream, which somebody else inflates. (flow-tools, `lib/ftlib.h`, `lib/ftio.c`.)
//!
//! ```text
//! header, version 3     0  cf 10      2  byte order: 1 little, 2 big      3  stream version = 3
//!                       4  octets of the header      8..  fields: 2 octets type, 2 length, the value
//! header, version 1     0..4 as above            4  NetFlow version (2)     8  capture began      12  ended
//!                      16  flags    20 rotation    24 flows    28 datagrams lost    32 datagrams misordered
//!                      36  host, 68 octets    104  comment, 256 octets    360  the records
//! ```

mod record;
#[cfg(test)]
mod tests;

pub use record::{Layout, Record};

use super::order::Order;
use crate::error::{Error, Reason};
use crate::netflow::v8;
use crate::reader::Reader;

/// The first two octets of a file.
pub const MAGIC: [u8; 2] = [0xcf, 0x10];
/// Octets of a header that are accepted: a router of ten thousand named interfaces needs a tenth of it.
pub const HEADER_BYTES_MAX: usize = 4 << 20;
/// Octets of a header of version 1.
const FIRST_LEN: usize = 360;
/// Octets after which the length of a header is known.
const START_LEN: usize = 8;

/// Flag: the collector closed the file.
const DONE: u32 = 0x1;
/// Flag: the records are a zlib stream.
const COMPRESSED: u32 = 0x2;
/// Flag: written into a pipe, by somebody who could not come back to the header.
const STREAMING: u32 = 0x8;

/// Whether these octets begin a file of flow-tools.
#[must_use]
pub fn is_magic(bytes: &[u8]) -> bool {
    matches!(bytes, [0xcf, 0x10, 1 | 2, 1 | 3, ..])
}

/// The header of a file. `None` is what it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Octets of it: the records follow.
    pub len: usize,
    /// Byte order of the records.
    pub order: Order,
    /// What the records are.
    pub layout: Layout,
    /// Whether the records are a zlib stream.
    pub is_compressed: bool,
    /// Whether whoever wrote it closed it. A stream is never closed.
    pub is_closed: bool,
    /// Whether it was written into a pipe.
    pub is_stream: bool,
    /// The exporter, where all records are from one.
    pub exporter: Option<[u8; 4]>,
    /// When the capture began, seconds since 1970.
    pub begun_s: Option<u32>,
    /// When it ended, seconds since 1970.
    pub ended_s: Option<u32>,
    /// Records that were written.
    pub flows: Option<u32>,
    /// Records that are missing, by the exporters' sequence numbers.
    pub flows_lost: Option<u32>,
    /// Datagrams that are missing: version 1 counts these.
    pub datagrams_lost: Option<u32>,
    /// Records (in version 1 datagrams) that came in another order than sent.
    pub misordered: Option<u32>,
    /// Datagrams that could not be read.
    pub corrupt: Option<u32>,
    /// Times a sequence began anew.
    pub resets: Option<u32>,
    /// The host that captured, as text without its closing zero.
    pub host: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// Octets of the header that begins so, or how many are needed to tell.
    ///
    /// # Errors
    /// [`Reason::BadMagic`], [`Reason::BadVersion`], [`Reason::BadLength`] for one that is shorter than its start,
    /// [`Reason::LimitExceeded`] beyond [`HEADER_BYTES_MAX`].
    pub fn needed(bytes: &[u8]) -> Result<usize, Error> {
        let Some(start) = bytes.first_chunk::<START_LEN>() else { return Ok(START_LEN) };
        let [m0, m1, order, version, len @ ..] = *start;
        if [m0, m1] != MAGIC {
            return Err(Error::new(Reason::BadMagic, 0));
        }
        let order = order_of(order)?;
        match version {
            1 => Ok(FIRST_LEN),
            3 => {
                let len = order.u32(&mut Reader::new(&len))?;
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                match len {
                    ..START_LEN => Err(Error::new(Reason::BadLength, 4)),
                    START_LEN..=HEADER_BYTES_MAX => Ok(len),
                    _ => Err(Error::new(Reason::LimitExceeded, 4)),
                }
            }
            _ => Err(Error::new(Reason::BadVersion, 3)),
        }
    }

    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    /// Those of [`Header::needed`], [`Reason::Truncated`], and [`Reason::Unsupported`] for records of an unknown
    /// layout.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let len = Self::needed(bytes)?;
        let mut reader = Reader::new(bytes).sub(len)?;
        reader.skip(2)?;
        let order = order_of(reader.u8()?)?;
        if reader.u8()? == 1 { Self::first(order, reader) } else { Self::third(len, order, reader) }
    }

    fn empty(len: usize, order: Order) -> Self {
        Self {
            len,
            order,
            layout: Layout::Five,
            is_compressed: false,
            is_closed: false,
            is_stream: false,
            exporter: None,
            begun_s: None,
            ended_s: None,
            flows: None,
            flows_lost: None,
            datagrams_lost: None,
            misordered: None,
            corrupt: None,
            resets: None,
            host: None,
        }
    }

    fn flags(&mut self, flags: u32) {
        self.is_closed = flags & DONE != 0;
        self.is_compressed = flags & COMPRESSED != 0;
        self.is_stream = flags & STREAMING != 0;
    }

    fn first(order: Order, mut reader: Reader<'a>) -> Result<Self, Error> {
        let mut header = Self::empty(FIRST_LEN, order);
        header.layout = match order.u16(&mut reader)? {
            // Before version 5 there was nothing to tell apart.
            1 | u16::MAX => Layout::FirstOne,
            5 => Layout::FirstFive,
            _ => return Err(Error::new(Reason::Unsupported, 4)),
        };
        reader.skip(2)?;
        header.begun_s = known(order.u32(&mut reader)?);
        header.ended_s = known(order.u32(&mut reader)?);
        header.flags(order.u32(&mut reader)?);
        reader.skip(4)?;
        header.flows = known(order.u32(&mut reader)?);
        header.datagrams_lost = Some(order.u32(&mut reader)?);
        header.misordered = Some(order.u32(&mut reader)?);
        header.host = text(reader.bytes(68)?);
        Ok(header)
    }

    fn third(len: usize, order: Order, mut reader: Reader<'a>) -> Result<Self, Error> {
        let mut header = Self::empty(len, order);
        let (mut version, mut aggregation) = (None, (None, None));
        reader.skip(4)?;
        // What follows the last field fills up to a multiple of four.
        while reader.len() >= 4 {
            let kind = order.u16(&mut reader)?;
            let field_len = order.u16(&mut reader)?;
            let Ok(mut value) = reader.sub(field_len.into()) else { break };
            let mut number = || order.u32(&mut value).ok();
            match kind {
                0x02 => version = Some((order.u16(&mut value)?, value.offset())),
                0x03 => aggregation.0 = Some(value.u8()?),
                0x04 => aggregation.1 = Some(value.u8()?),
                0x05 => header.exporter = number().and_then(known).map(u32::to_be_bytes),
                0x06 => header.begun_s = number().and_then(known),
                0x07 => header.ended_s = number().and_then(known),
                0x08 => header.flags(number().unwrap_or_default()),
                0x0a => header.flows = number(),
                0x0b => header.flows_lost = number(),
                0x0c => header.misordered = number(),
                0x0d => header.corrupt = number(),
                0x0e => header.resets = number(),
                0x0f => header.host = text(value.rest()),
                _ => {}
            }
        }
        let (version, at) = version.ok_or(Error::new(Reason::Unsupported, START_LEN))?;
        let unsupported = Error::new(Reason::Unsupported, at.saturating_sub(2));
        header.layout = match (version, aggregation) {
            (1, _) => Layout::One,
            (5, _) => Layout::Five,
            (6, _) => Layout::Six,
            (7, _) => Layout::Seven,
            (8, (Some(2), Some(method))) => {
                Layout::Eight(v8::Scheme::from_number(method).ok_or(unsupported)?)
            }
            (1005, _) => Layout::Tagged,
            _ => return Err(unsupported),
        };
        Ok(header)
    }
}

fn order_of(octet: u8) -> Result<Order, Error> {
    match octet {
        1 => Ok(Order::Little),
        2 => Ok(Order::Big),
        _ => Err(Error::new(Reason::BadMagic, 2)),
    }
}

/// A time of zero, or an address, was not said.
fn known(value: u32) -> Option<u32> {
    (value != 0).then_some(value)
}

/// Text up to its zero.
fn text(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split(|octet| *octet == 0).next().filter(|text| !text.is_empty())
}
