//! Lists by address that are read in part: some hundreds of items at a time are a sheet, compressed by itself, and a table of
//! contents says between which addresses each sheet's items lie. A question about a host reads the contents and one sheet or
//! two of them.
//!
//! All numbers little-endian:
//!
//! | octets | |
//! |--:|---|
//! | LEB128 | how many sheets |
//! | … | of each: its length (LEB128) before it was compressed by zstd, and after; what its first item counts from (LEB128); its families (1): 1 IPv4, 2 IPv6; of each of these the least and the greatest address (4 or 16, twice) |
//! | … | the sheets, one after the other |
//!
//! What an item is, its writer and its reader know: [`super::runs`] and [`super::far`].

use super::compression;
use super::hybrid::leb128;
use super::pack::put_leb128;
use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;
use weir_flow::Addr;
use zstd::bulk::Compressor;

/// So many items are a sheet.
const SHEET_ITEMS: usize = 512;

/// The least and the greatest address of IPv4, and of IPv6.
type Families = [Option<(Addr, Addr)>; 2];

/// Widens the span of the address's family.
fn widen(families: &mut Families, addr: Addr) {
    let [v4, v6] = families;
    let span = if addr.is_v4() { v4 } else { v6 };
    let (low, high) = span.unwrap_or((addr, addr));
    *span = Some((low.min(addr), high.max(addr)));
}

/// A list being written.
pub(super) struct Writer {
    compressor: Compressor<'static>,
    count: u64,
    contents: Vec<u8>,
    packed: Vec<u8>,
    /// The sheet under way: its bytes, how many items, what they count from, and where their addresses lie.
    sheet: Vec<u8>,
    items: usize,
    counted_from: usize,
    families: Families,
}

impl Writer {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            compressor: compression::compressor().map_err(failed)?,
            count: 0,
            contents: Vec::new(),
            packed: Vec::new(),
            sheet: Vec::new(),
            items: 0,
            counted_from: 0,
            families: [None; 2],
        })
    }

    /// Where to write the next item. It is about this address, if about any, and counts from here if it is the first of its
    /// sheet.
    pub(super) fn item(&mut self, addr: Option<Addr>, counted_from: usize) -> Result<&mut Vec<u8>> {
        if self.items == SHEET_ITEMS {
            self.end_sheet()?;
        }
        if self.items == 0 {
            self.counted_from = counted_from;
        }
        self.items += 1;
        if let Some(addr) = addr {
            widen(&mut self.families, addr);
        }
        Ok(&mut self.sheet)
    }

    fn end_sheet(&mut self) -> Result<()> {
        let packed = self.compressor.compress(&self.sheet).map_err(failed)?;
        for number in [self.sheet.len(), packed.len(), self.counted_from] {
            put_leb128(number as u64, &mut self.contents);
        }
        let [v4, v6] = self.families;
        self.contents.push(u8::from(v4.is_some()) | u8::from(v6.is_some()) << 1);
        for (low, high) in [v4, v6].into_iter().flatten() {
            self.contents.extend(low.natural());
            self.contents.extend(high.natural());
        }
        self.packed.extend(packed);
        self.count += 1;
        self.sheet.clear();
        (self.items, self.families) = (0, [None; 2]);
        Ok(())
    }

    /// Appends the list.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.items > 0 {
            self.end_sheet()?;
        }
        put_leb128(self.count, out);
        out.extend(self.contents);
        out.extend(self.packed);
        Ok(())
    }
}

fn failed(error: std::io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// A list as read. Of the sheets that were asked for it keeps what they were read as.
pub(super) struct Sheets<T> {
    bytes: Bytes,
    sheets: Vec<Sheet<T>>,
}

struct Sheet<T> {
    at: Range<usize>,
    len: usize,
    counted_from: usize,
    families: Families,
    read: OnceLock<Option<T>>,
}

impl<T> Sheets<T> {
    /// Reads the table of contents of a list whose sheets are no longer than this together; `None` if it is not what is
    /// written.
    pub(super) fn parse(bytes: &Bytes, len_max: usize) -> Option<Self> {
        let mut rest: &[u8] = bytes;
        let count = leb128(&mut rest)?;
        let (mut sheets, mut total, mut end) = (Vec::new(), 0usize, 0usize);
        for _ in 0..count {
            let mut number = || usize::try_from(leb128(&mut rest)?).ok();
            let (len, packed, counted_from) = (number()?, number()?, number()?);
            total = total.checked_add(len).filter(|total| *total <= len_max)?;
            let families = families(&mut rest)?;
            // Where sheets lie is counted from the contents' end.
            let start = end;
            end = start.checked_add(packed)?;
            sheets.push(Sheet { at: start..end, len, counted_from, families, read: OnceLock::new() });
        }
        let start = bytes.len() - rest.len();
        (rest.len() == end).then(|| Self { bytes: bytes.slice(start..), sheets })
    }

    /// What the sheets are read as that may have items between these two addresses, both included; `None` if one of them
    /// makes no sense. To `read` are given a sheet's bytes, and what its first item counts from.
    pub(super) fn between(
        &self,
        low: Addr,
        high: Addr,
        read: impl Fn(Vec<u8>, usize) -> Option<T>,
    ) -> Option<Vec<&T>> {
        let is_asked = |sheet: &&Sheet<T>| {
            sheet.families.iter().flatten().any(|(least, most)| *least <= high && low <= *most)
        };
        let opened = self.sheets.iter().filter(is_asked).map(|sheet| {
            let open = || read(self.plain(sheet)?, sheet.counted_from);
            sheet.read.get_or_init(open).as_ref()
        });
        opened.collect()
    }

    fn plain(&self, sheet: &Sheet<T>) -> Option<Vec<u8>> {
        compression::exactly(self.bytes.get(sheet.at.clone())?, sheet.len)
    }
}

fn families(rest: &mut &[u8]) -> Option<Families> {
    let form = *rest.split_off_first()?;
    let mut addr = |len| Addr::from_slice(rest.split_off(..len)?);
    let mut families = [None; 2];
    for (number, (slot, len)) in families.iter_mut().zip([4, 16]).enumerate() {
        if form >> number & 1 != 0 {
            *slot = Some((addr(len)?, addr(len)?));
        }
    }
    (form < 4).then_some(families)
}

impl<T> fmt::Debug for Sheets<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sheets of {} bytes", self.sheets.len(), self.bytes.len())
    }
}
