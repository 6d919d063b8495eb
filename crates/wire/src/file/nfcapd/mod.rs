//! Files of nfdump's collectors (nfcapd, sfcapd, nfpcapd) and of `nfdump -w`: layout 1, as nfdump 1.6 wrote it, and
//! layout 2, as 1.7 does.
//!
//! A header, then blocks. The octets of a block may be compressed, all in one file alike; whoever reads a file
//! unpacks them and hands them to [`Records`]. Numbers have the byte order of the machine that wrote the file, which
//! its first two octets tell. (nfdump, `nffile.h`, `nffileV2.h`.)
//!
//! ```text
//! layout 1    0  a50c    2  layout = 1    4  flags    8  blocks    12  name of the source, 128 octets
//!           140  totals, 136 octets: see [`Totals`]                276  the blocks
//! layout 2    0  a50c    2  layout = 2    4  version of nfdump     8  created, seconds since 1970 (8)
//!            16  compression   17  encryption   18  blocks of the appendix    20  which program
//!            24  octets before the appendix (8)   32  octets of a block at most   36  blocks    40  the blocks
//! block       0  records    4  octets after this header    8  kind (2)    10  flags (2)    12  the octets
//! ```
//! A file that is still being written says that it has no blocks, so the number in the header is not gone by: blocks
//! are read up to the end of the file.

mod flow;
mod packed;
mod record;
#[cfg(test)]
mod tests;
mod third;

pub use flow::{Firewall, Flow, Macs, Misc};
pub use packed::{Map, Packed};
pub use record::{Exporter, Failures, Record, Records, Sampler};

use super::order::Order;
use crate::error::{Error, Reason};
use crate::reader::Reader;

/// The first two octets of a file, as a number in the file's byte order.
pub const MAGIC: u16 = 0xa50c;
/// Octets of a block that are accepted, packed or not: nfdump's own buffers have 5 MiB.
pub const BLOCK_BYTES_MAX: usize = 16 << 20;
/// Octets of a block's header.
const BLOCK_LEN: usize = 12;
/// Octets of the header of layout 1 with the totals behind it.
const ONE_LEN: usize = 276;
/// Octets of the header of layout 2.
const TWO_LEN: usize = 40;

/// Whether these octets begin a file of nfdump, of whatever layout.
#[must_use]
pub fn is_magic(bytes: &[u8]) -> bool {
    matches!(bytes, [0x0c, 0xa5, 1 | 2, 0, ..] | [0xa5, 0x0c, 0, 1 | 2, ..])
}

/// How blocks are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// LZO1X.
    Lzo,
    /// bzip2.
    Bz2,
    /// LZ4, a block without a frame.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// The header of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Byte order of all numbers.
    pub order: Order,
    /// 1 or 2.
    pub layout: u16,
    /// How blocks are packed.
    pub compression: Compression,
    /// Blocks that the file says it has: 0 while it is being written.
    pub blocks: u32,
    /// Whether whoever wrote it closed it.
    pub is_closed: bool,
    /// When it was begun, seconds since 1970; layout 1 does not say.
    pub created_s: Option<u64>,
    /// What the writer counted. Layout 2 has it in a block of its own ([`Record::Totals`]).
    pub totals: Option<Totals>,
}

/// What the writer of a file counted: its own figures, to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Flow records.
    pub flows: u64,
    /// Their octets, as written.
    pub octets: u64,
    /// Their packets, as written.
    pub packets: u64,
    /// First start of a flow, ms since 1970.
    pub first_ms: u64,
    /// Last end of a flow, ms since 1970.
    pub last_ms: u64,
    /// Times that a sequence number was not the expected one. It says nothing of how much was missing.
    pub failures: u64,
}

impl Totals {
    fn one(order: Order, reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut totals = Self::counted(order, reader)?;
        let (first_s, last_s) = (order.u32(reader)?, order.u32(reader)?);
        let (first_ms, last_ms) = (order.u16(reader)?, order.u16(reader)?);
        let ms = |s: u32, ms: u16| u64::from(s).saturating_mul(1000).saturating_add(ms.into());
        totals.first_ms = ms(first_s, first_ms);
        totals.last_ms = ms(last_s, last_ms);
        totals.failures = order.u32(reader)?.into();
        Ok(totals)
    }

    fn two(order: Order, reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut totals = Self::counted(order, reader)?;
        totals.first_ms = order.u64(reader)?;
        totals.last_ms = order.u64(reader)?;
        totals.failures = order.u64(reader)?;
        Ok(totals)
    }

    /// Three sums, and the same by protocol, which nobody needs twice.
    fn counted(order: Order, reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (flows, octets, packets) = (order.u64(reader)?, order.u64(reader)?, order.u64(reader)?);
        reader.skip(12 * 8)?;
        Ok(Self { flows, octets, packets, ..Self::default() })
    }
}

impl Header {
    /// Reads the header at the start of a file, and says how many octets it has.
    ///
    /// # Errors
    /// [`Reason::BadMagic`], [`Reason::BadVersion`] for a layout that is neither 1 nor 2, [`Reason::Unsupported`] for
    /// an encrypted file or an unknown compression, [`Reason::Truncated`].
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), Error> {
        let mut reader = Reader::new(bytes);
        let order = match reader.u16()? {
            MAGIC => Order::Big,
            swapped if swapped.swap_bytes() == MAGIC => Order::Little,
            _ => return Err(Error::new(Reason::BadMagic, 0)),
        };
        match order.u16(&mut reader)? {
            1 => Ok((Self::one(order, reader)?, ONE_LEN)),
            2 => Ok((Self::two(order, reader)?, TWO_LEN)),
            _ => Err(Error::new(Reason::BadVersion, 2)),
        }
    }

    fn one(order: Order, mut reader: Reader<'_>) -> Result<Self, Error> {
        let compression = match order.u32(&mut reader)? & 0x19 {
            0 => Compression::None,
            0x01 => Compression::Lzo,
            0x08 => Compression::Bz2,
            0x10 => Compression::Lz4,
            _ => return Err(Error::new(Reason::Unsupported, 4)),
        };
        let blocks = order.u32(&mut reader)?;
        reader.skip(128)?;
        let totals = Totals::one(order, &mut reader)?;
        let is_closed = blocks > 0 || totals.flows > 0;
        Ok(Self { order, layout: 1, compression, blocks, is_closed, created_s: None, totals: Some(totals) })
    }

    fn two(order: Order, mut reader: Reader<'_>) -> Result<Self, Error> {
        reader.skip(4)?;
        let created_s = Some(order.u64(&mut reader)?).filter(|created| *created != 0);
        let compression = match reader.u8()? {
            0 => Compression::None,
            1 => Compression::Lzo,
            2 => Compression::Bz2,
            3 => Compression::Lz4,
            4 => Compression::Zstd,
            _ => return Err(Error::new(Reason::Unsupported, 16)),
        };
        if reader.u8()? != 0 {
            return Err(Error::new(Reason::Unsupported, 17));
        }
        let appendix = order.u16(&mut reader)?;
        reader.skip(4 + 8 + 4)?;
        let blocks = order.u32(&mut reader)?;
        let is_closed = appendix > 0;
        Ok(Self { order, layout: 2, compression, blocks, is_closed, created_s, totals: None })
    }
}

/// A block of a file, as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    /// Records that it says it has.
    pub records: u32,
    /// Its kind: 2 in layout 1; 3 in layout 2, and 4 for tables that hold no flows.
    pub kind: u16,
    /// Octets from the start of the file to `packed`.
    pub offset: u64,
    /// What is in it, compressed as the file's header says.
    pub packed: &'a [u8],
}

impl Block<'_> {
    /// Whether there can be flows in it, or what belongs to them. What a database of places or of networks has in a
    /// file of this form is none of ours.
    #[must_use]
    pub const fn has_records(&self) -> bool {
        matches!(self.kind, 2 | 3)
    }
}

/// What stands at the front of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    /// The file's header, which is the first thing.
    Header {
        /// Octets to drop from the front of the buffer.
        consumed: usize,
        /// The header.
        header: Header,
    },
    /// A block.
    Block {
        /// Octets to drop from the front of the buffer.
        consumed: usize,
        /// The block.
        block: Block<'a>,
    },
    /// The buffer ends inside something.
    More {
        /// Octets that the buffer must hold before it is worth calling again.
        needed: usize,
    },
    /// The buffer is empty at a place where a file may end.
    End,
}

/// Reads a file piece by piece, as [`super::Reader`] does captures.
#[derive(Debug, Clone, Default)]
pub struct Blocks {
    header: Option<Header>,
    offset: u64,
}

impl Blocks {
    /// A reader at the start of a file.
    #[must_use]
    pub const fn new() -> Self {
        Self { header: None, offset: 0 }
    }

    /// Reads what stands at the front of `buf`, where the last call's consumed octets have been dropped.
    ///
    /// # Errors
    /// Those of [`Header::parse`]; [`Reason::BadBlock`] for a block without octets, [`Reason::LimitExceeded`] for one
    /// beyond [`BLOCK_BYTES_MAX`]: behind either nothing can be found. Offsets count from the start of the file.
    pub fn next<'a>(&mut self, buf: &'a [u8]) -> Result<Next<'a>, Error> {
        let Some(header) = self.header else { return self.begin(buf) };
        if buf.is_empty() {
            return Ok(Next::End);
        }
        let mut reader = Reader::new(buf);
        let Ok(mut head) = reader.sub(BLOCK_LEN) else { return Ok(Next::More { needed: BLOCK_LEN }) };
        let order = header.order;
        let (records, len) = (order.u32(&mut head)?, order.u32(&mut head)?);
        let kind = order.u16(&mut head)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let here = usize::try_from(self.offset).unwrap_or(usize::MAX);
        if len == 0 {
            return Err(Error::new(Reason::BadBlock, here.saturating_add(4)));
        }
        if len > BLOCK_BYTES_MAX {
            return Err(Error::new(Reason::LimitExceeded, here.saturating_add(4)));
        }
        let consumed = BLOCK_LEN.saturating_add(len);
        let Ok(packed) = reader.bytes(len) else { return Ok(Next::More { needed: consumed }) };
        let offset = self.offset.saturating_add(12);
        self.advance(consumed);
        Ok(Next::Block { consumed, block: Block { records, kind, offset, packed } })
    }

    fn begin<'a>(&mut self, buf: &'a [u8]) -> Result<Next<'a>, Error> {
        match Header::parse(buf) {
            Ok((header, consumed)) => {
                self.header = Some(header);
                self.advance(consumed);
                Ok(Next::Header { consumed, header })
            }
            Err(Error { reason: Reason::Truncated, .. }) => {
                Ok(Next::More { needed: if is_one(buf) { ONE_LEN } else { TWO_LEN } })
            }
            Err(error) => Err(error),
        }
    }

    fn advance(&mut self, consumed: usize) {
        self.offset = self.offset.saturating_add(u64::try_from(consumed).unwrap_or(u64::MAX));
    }
}

/// Whether the octets begin a file of layout 1.
fn is_one(bytes: &[u8]) -> bool {
    matches!(bytes, [_, _, 1, 0, ..] | [_, _, 0, 1, ..])
}
