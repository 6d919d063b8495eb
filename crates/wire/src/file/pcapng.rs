//! The block format of captures (draft-ietf-opsawg-pcapng).
//!
//! ```text
//! every block   0..4  type      4..8  total length (12 at least, a multiple of 4)      …      last 4: the length again
//! section header (0a0d0d0a)   8..12  1a2b3c4d in the section's byte order    12..14 major version 1   14..16 minor
//! interface (1)               8..10  link type   12..16  snap length   16..  options
//! enhanced packet (6)         8..12  interface   12..20  time, high word first   20..24 captured   24..28 on the wire
//! obsolete packet (2)         8..10  interface   10..12  drops   then as the enhanced packet
//! simple packet (3)           8..12  on the wire   12..  octets of the first interface, cut to its snap length
//! option                      0..2   code   2..4  length   4..  value, padded to 4
//! ```
//! Option 9 of an interface is the unit of its times: 10^-n seconds, or 2^-n with the high bit set; without
//! it, microseconds. Option 14 is a number of seconds to add to every time.
//!
//! A new section header forgets the interfaces. Blocks of other types are passed over without being held, so
//! they may be of any length.

use super::order::Order;
use super::{BLOCK_BYTES_MAX, FRAME_BYTES_MAX, Frame, Next};
use crate::error::{Error, Reason};
use crate::packet::Link;
use crate::reader;
use crate::writer::Writer;

/// The type of a section header block, which reads the same in both byte orders.
pub const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Interfaces remembered of a section: a host with all its tunnels and bridges. Frames of further ones are
/// passed over with [`Reason::LimitExceeded`].
pub const INTERFACES_MAX: usize = 256;

const NS_PER_S: u128 = 1_000_000_000;

/// What an interface description says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Interface {
    link: Link,
    snap_len: u32,
    /// The value of option 9.
    resolution: u8,
    /// The value of option 14: seconds.
    offset_s: i64,
}

impl Interface {
    /// Microseconds: what holds without option 9.
    const RESOLUTION_DEFAULT: u8 = 6;

    /// What a slot holds that no interface has filled.
    const NONE: Self = Self { link: Link::Unknown(0), snap_len: 0, resolution: 0, offset_s: 0 };

    fn parse(mut reader: reader::Reader<'_>, order: Order) -> Result<Self, Error> {
        let link = Link::from_linktype(order.u16(&mut reader)?);
        reader.skip(2)?;
        let snap_len = order.u32(&mut reader)?;
        let mut interface = Self { link, snap_len, resolution: Self::RESOLUTION_DEFAULT, offset_s: 0 };
        while !reader.is_empty() {
            let code = order.u16(&mut reader)?;
            let len = usize::from(order.u16(&mut reader)?);
            let mut value = reader.sub(len)?;
            match (code, len) {
                (0, _) => break,
                (9, 1) => interface.resolution = value.u8()?,
                (14, 8) => interface.offset_s = order.u64(&mut value)?.cast_signed(),
                _ => {}
            }
            reader.skip(len.wrapping_neg() % 4)?;
        }
        Ok(interface)
    }

    /// Nanoseconds since 1970 of a time in this interface's unit; `None` if 64 bits do not hold them.
    fn at_ns(&self, ticks: u64) -> Option<u64> {
        let exponent = u32::from(self.resolution & 0x7f);
        let ticks = u128::from(ticks);
        let ns = if self.resolution & 0x80 != 0 {
            // 64 bits of ticks times 30 bits: no overflow.
            ticks.saturating_mul(NS_PER_S) >> exponent
        } else if let Some(finer) = exponent.checked_sub(9) {
            10_u128.checked_pow(finer).map_or(0, |unit| ticks / unit)
        } else {
            ticks.saturating_mul(10_u128.pow(9_u32.saturating_sub(exponent)))
        };
        let shift = i128::from(self.offset_s).saturating_mul(NS_PER_S.cast_signed());
        u64::try_from(i128::try_from(ns).ok()?.saturating_add(shift)).ok()
    }
}

/// Reads a pcapng file; see [`super::Reader`].
#[derive(Debug, Clone)]
pub struct Reader {
    order: Order,
    interfaces: [Interface; INTERFACES_MAX],
    /// Interfaces described in this section, also those beyond the table.
    interface_count: u32,
    /// Octets of a block being passed over.
    skip_left: usize,
    in_section: bool,
    offset: u64,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader at the start of a file.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            order: Order::Little,
            interfaces: [Interface::NONE; INTERFACES_MAX],
            interface_count: 0,
            skip_left: 0,
            in_section: false,
            offset: 0,
        }
    }

    /// See [`super::Reader::next`].
    ///
    /// # Errors
    /// [`Reason::BadBlock`] if a length contradicts itself or the file does not begin with a section,
    /// [`Reason::BadMagic`] and [`Reason::BadVersion`] of a section, [`Reason::LimitExceeded`] for a block
    /// with a frame beyond [`BLOCK_BYTES_MAX`].
    pub fn next<'a>(&mut self, buf: &'a [u8]) -> Result<Next<'a>, Error> {
        if self.skip_left > 0 {
            return Ok(self.pass_over(buf));
        }
        if buf.is_empty() {
            return Ok(if self.in_section { Next::End } else { Next::More { needed: 12 } });
        }
        if buf.len() < 12 {
            return Ok(Next::More { needed: 12 });
        }
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let mut reader = reader::Reader::at(buf, offset);
        let mut kind = reader;
        if kind.u32()? == SECTION_HEADER {
            self.begin_section(reader)?;
        } else if !self.in_section {
            return Err(reader.error(Reason::BadBlock));
        }
        let kind = self.order.u32(&mut reader)?;
        let bad_length = reader.error(Reason::BadBlock);
        let total_len = self.order.u32(&mut reader)?;
        if total_len < 12 || !total_len.is_multiple_of(4) {
            return Err(bad_length);
        }
        let len = usize::try_from(total_len).unwrap_or(usize::MAX);
        if !matches!(kind, SECTION_HEADER | INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET) {
            self.skip_left = len;
            return Ok(self.pass_over(buf));
        }
        if total_len > BLOCK_BYTES_MAX {
            return Err(Error::new(Reason::LimitExceeded, bad_length.offset));
        }
        if buf.len() < len {
            return Ok(Next::More { needed: len });
        }
        let body = reader.sub(len.saturating_sub(12))?;
        let trailer = reader.error(Reason::BadBlock);
        if self.order.u32(&mut reader)? != total_len {
            return Err(trailer);
        }
        self.offset = self.offset.saturating_add(u64::from(total_len));
        Ok(match self.block(kind, body) {
            Ok(Some(frame)) => Next::Frame { consumed: len, frame },
            Ok(None) => Next::Skip { consumed: len, problem: None },
            Err(error) => Next::Skip { consumed: len, problem: Some(error) },
        })
    }

    /// Consumes what the buffer has of a block that is not looked at.
    fn pass_over(&mut self, buf: &[u8]) -> Next<'static> {
        let consumed = self.skip_left.min(buf.len());
        if consumed == 0 {
            return Next::More { needed: self.skip_left.min(12) };
        }
        self.skip_left = self.skip_left.saturating_sub(consumed);
        self.offset = self.offset.saturating_add(u64::try_from(consumed).unwrap_or(u64::MAX));
        Next::Skip { consumed, problem: None }
    }

    /// Takes the byte order from a section header and forgets the section before.
    fn begin_section(&mut self, mut reader: reader::Reader<'_>) -> Result<(), Error> {
        reader.skip(8)?; // type, length
        let bad_magic = reader.error(Reason::BadMagic);
        let magic = reader.u32()?;
        self.order = match (magic, magic.swap_bytes()) {
            (BYTE_ORDER, _) => Order::Big,
            (_, BYTE_ORDER) => Order::Little,
            _ => return Err(bad_magic),
        };
        self.interface_count = 0;
        self.in_section = true;
        Ok(())
    }

    /// Reads the body of a block of a known kind.
    fn block<'a>(&mut self, kind: u32, body: reader::Reader<'a>) -> Result<Option<Frame<'a>>, Error> {
        match kind {
            INTERFACE => self.interface(body).map(|()| None),
            OBSOLETE_PACKET => self.obsolete_packet(body).map(Some),
            SIMPLE_PACKET => self.simple_packet(body).map(Some),
            ENHANCED_PACKET => self.enhanced_packet(body).map(Some),
            _ => self.section_version(body).map(|()| None),
        }
    }

    fn section_version(&self, mut body: reader::Reader<'_>) -> Result<(), Error> {
        body.skip(4)?; // byte order
        let bad_version = body.error(Reason::BadVersion);
        // Every minor version of 1 can be read: they add, they do not change.
        if self.order.u16(&mut body)? == 1 { Ok(()) } else { Err(bad_version) }
    }

    fn interface(&mut self, body: reader::Reader<'_>) -> Result<(), Error> {
        let index = usize::try_from(self.interface_count).unwrap_or(usize::MAX);
        self.interface_count = self.interface_count.saturating_add(1);
        // A description that cannot be read keeps its number: frames on it have an unknown link.
        if let Some(slot) = self.interfaces.get_mut(index) {
            *slot = Interface::NONE;
            *slot = Interface::parse(body, self.order)?;
        }
        Ok(())
    }

    /// The interface of this number.
    fn interface_at(&self, index: u32, error_at: usize) -> Result<&Interface, Error> {
        if index >= self.interface_count {
            return Err(Error::new(Reason::BadBlock, error_at));
        }
        let kept = usize::try_from(index).ok().and_then(|index| self.interfaces.get(index));
        kept.ok_or(Error::new(Reason::LimitExceeded, error_at))
    }

    fn enhanced_packet<'a>(&self, mut body: reader::Reader<'a>) -> Result<Frame<'a>, Error> {
        let index_at = body.offset();
        let index = self.order.u32(&mut body)?;
        self.packet(index, index_at, body)
    }

    fn obsolete_packet<'a>(&self, mut body: reader::Reader<'a>) -> Result<Frame<'a>, Error> {
        let index_at = body.offset();
        let index = u32::from(self.order.u16(&mut body)?);
        body.skip(2)?; // drops
        self.packet(index, index_at, body)
    }

    /// What enhanced and obsolete packets share: time, lengths, octets.
    fn packet<'a>(
        &self,
        index: u32,
        index_at: usize,
        mut body: reader::Reader<'a>,
    ) -> Result<Frame<'a>, Error> {
        let interface = self.interface_at(index, index_at)?;
        let high = self.order.u32(&mut body)?;
        let low = self.order.u32(&mut body)?;
        let captured_len = self.captured_len(&mut body)?;
        let orig_len = self.order.u32(&mut body)?;
        Ok(Frame {
            at_ns: interface.at_ns(u64::from(high) << 32 | u64::from(low)),
            link: interface.link,
            interface: index,
            orig_len,
            offset: u64::try_from(body.offset()).unwrap_or(u64::MAX),
            bytes: body.bytes(captured_len)?,
        })
    }

    fn captured_len(&self, body: &mut reader::Reader<'_>) -> Result<usize, Error> {
        let too_long = body.error(Reason::LimitExceeded);
        let len = self.order.u32(body)?;
        if len > FRAME_BYTES_MAX {
            return Err(too_long);
        }
        usize::try_from(len).map_err(|_| too_long)
    }

    fn simple_packet<'a>(&self, mut body: reader::Reader<'a>) -> Result<Frame<'a>, Error> {
        let interface = self.interface_at(0, body.offset())?;
        let orig_len = self.order.u32(&mut body)?;
        // The block says how long the frame was, not how much of it is here: the snap length or all of it.
        let mut captured_len = usize::try_from(orig_len).unwrap_or(usize::MAX);
        if interface.snap_len != 0 {
            captured_len = captured_len.min(usize::try_from(interface.snap_len).unwrap_or(usize::MAX));
        }
        Ok(Frame {
            at_ns: None,
            link: interface.link,
            interface: 0,
            orig_len,
            offset: u64::try_from(body.offset()).unwrap_or(u64::MAX),
            bytes: body.bytes(captured_len.min(body.len()))?,
        })
    }
}

/// Writes a little-endian section header of unknown length and returns how many octets that took.
///
/// # Errors
/// [`Reason::NoSpace`].
pub fn emit_section(out: &mut [u8]) -> Result<usize, Error> {
    let mut body = [0; 16];
    let mut writer = Writer::new(&mut body);
    writer.bytes(&BYTE_ORDER.to_le_bytes())?;
    writer.bytes(&[1, 0, 0, 0])?; // version 1.0
    writer.bytes(&[0xff; 8])?; // length of the section: not known
    emit_block(SECTION_HEADER, &[&body], out)
}

/// Writes an interface whose times are nanoseconds and returns how many octets that took.
///
/// `snap_len` is 0 for "no limit".
///
/// # Errors
/// [`Reason::NoSpace`].
pub fn emit_interface(link: Link, snap_len: u32, out: &mut [u8]) -> Result<usize, Error> {
    let [l0, l1] = link.linktype().to_le_bytes();
    let [s0, s1, s2, s3] = snap_len.to_le_bytes();
    let body = [l0, l1, 0, 0, s0, s1, s2, s3, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0];
    emit_block(INTERFACE, &[&body], out)
}

/// Writes an enhanced packet of an interface made by [`emit_interface`] and returns how many octets that took.
///
/// # Errors
/// [`Reason::NoSpace`]; [`Reason::BadLength`] if `bytes` is longer than [`FRAME_BYTES_MAX`].
pub fn emit_packet(
    interface: u32,
    at_ns: u64,
    orig_len: u32,
    bytes: &[u8],
    out: &mut [u8],
) -> Result<usize, Error> {
    let captured_len = u32::try_from(bytes.len())
        .ok()
        .filter(|len| *len <= FRAME_BYTES_MAX)
        .ok_or(Error::new(Reason::BadLength, 0))?;
    let [t0, t1, t2, t3, high @ ..] = at_ns.to_le_bytes();
    let mut head = [0; 20];
    let mut writer = Writer::new(&mut head);
    writer.bytes(&interface.to_le_bytes())?;
    writer.bytes(&high)?;
    writer.bytes(&[t0, t1, t2, t3])?;
    writer.bytes(&captured_len.to_le_bytes())?;
    writer.bytes(&orig_len.to_le_bytes())?;
    emit_block(ENHANCED_PACKET, &[&head, bytes], out)
}

/// Writes a block with this body, padded to 4 octets.
fn emit_block(kind: u32, body: &[&[u8]], out: &mut [u8]) -> Result<usize, Error> {
    let body_len = body.iter().map(|part| part.len()).sum::<usize>();
    let padding_len = body_len.wrapping_neg() % 4;
    let mut out = Writer::new(out);
    let bad_length = out.error(Reason::BadLength);
    let total = body_len.saturating_add(padding_len).saturating_add(12);
    let total = u32::try_from(total).map_err(|_| bad_length)?.to_le_bytes();
    out.bytes(&kind.to_le_bytes())?;
    out.bytes(&total)?;
    for part in body {
        out.bytes(part)?;
    }
    out.zeros(padding_len)?;
    out.bytes(&total)?;
    Ok(out.len())
}

#[cfg(test)]
mod tests;
