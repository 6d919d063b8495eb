//! Encodes one column of one row group into the bytes of its column chunk.
//!
//! The Parquet crate can do this too, but value by value, and for addresses with an allocation each. Sealing is
//! the dearest thing that a store does, so it is done here column by column: the values that are there, their
//! sorted dictionary where one is shorter, and pages cut from both.

use super::dictionary::{Cell, Dictionary, Natural, distinct};
use super::pages::{Bounds, Chunk, Data, Pages};
use super::schema::PAGE_ROWS;
use super::{delta, pack};
use parquet::basic::{Encoding, Type as Physical};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescPtr;
use std::borrow::Cow;
use std::ops::Range;
use weir_flow::schema::Kind;
use weir_flow::{Addr, Bytes, Mac, Values};
use zstd::bulk::Compressor;

/// The level that all pages are compressed with: higher ones gain little and cost much.
const ZSTD_LEVEL: i32 = 1;

/// A page of strings, and a dictionary of them, is not larger: so reading one needs little memory.
const LONG_BYTES: usize = 1 << 20;

/// What a column chunk is encoded from.
pub(crate) struct Input<'a> {
    /// What the values are.
    pub kind: Kind,
    /// The values of the row group's rows.
    pub values: Slice<'a>,
    /// The presence masks of the row group's rows, and the bit in them that says whether a row has a value.
    pub present: &'a [u64],
    pub bit: u64,
    /// What places in name columns stand for, ascending.
    pub names: &'a [Box<str>],
}

/// A row group's part of a column.
#[derive(Clone, Copy)]
pub(crate) enum Slice<'a> {
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    U64(&'a [u64]),
    Time(&'a [i64]),
    Addr(&'a [Addr]),
    /// Of exactly the row group's rows (or none, where no row has one).
    Bytes(&'a Bytes),
}

impl<'a> Slice<'a> {
    /// These rows of a column.
    pub(crate) fn new(values: &'a Values, rows: Range<usize>) -> Self {
        match values {
            Values::U8(v) => Self::U8(v.get(rows).unwrap_or_default()),
            Values::U16(v) => Self::U16(v.get(rows).unwrap_or_default()),
            Values::U32(v) => Self::U32(v.get(rows).unwrap_or_default()),
            Values::U64(v) => Self::U64(v.get(rows).unwrap_or_default()),
            Values::Time(v) => Self::Time(v.get(rows).unwrap_or_default()),
            Values::Addr(v) => Self::Addr(v.get(rows).unwrap_or_default()),
            // Strings are not cut: their column is brought together row group by row group.
            Values::Bytes(v) => Self::Bytes(v),
        }
    }
}

/// Encodes column chunks one after the other, keeping what can be used again.
pub(crate) struct Encoder {
    compressor: Compressor<'static>,
}

impl Encoder {
    /// An encoder for one thread.
    pub(crate) fn new() -> Result<Self> {
        let compressor = Compressor::new(ZSTD_LEVEL).map_err(|e| ParquetError::External(Box::new(e)))?;
        Ok(Self { compressor })
    }

    /// Encodes a column chunk.
    pub(crate) fn encode(&mut self, input: &Input<'_>, descriptor: &ColumnDescPtr) -> Result<Chunk> {
        let rows = Rows::new(input, descriptor.max_def_level() > 0);
        let bounds = Bounds::Exact;
        let mut job = Job { rows: &rows, descriptor, compressor: &mut self.compressor, bounds };
        let le4 = |number: u32, out: &mut Vec<u8>| out.extend_from_slice(&number.to_le_bytes());
        match (input.values, input.kind) {
            (Slice::U8(v), Kind::Word(words)) => {
                // Words are written in the order of their letters, as bounds are.
                let mut sorted = words.to_vec();
                sorted.sort_unstable();
                let rank = |word: &&str| sorted.binary_search(word).ok().and_then(|r| u32::try_from(r).ok());
                let ranks: Vec<u32> = words.iter().map(|w| rank(w).unwrap_or_default()).collect();
                let cells = rows.pick(v, |code| ranks.get(usize::from(code)).copied().unwrap_or_default());
                job.cells(&cells, |rank, out| put_text(sorted.get(rank as usize).copied(), out))
            }
            (Slice::U8(v), _) => job.cells(&rows.pick(v, u32::from), le4),
            (Slice::U16(v), _) => job.cells(&rows.pick(v, u32::from), le4),
            (Slice::U32(v), Kind::Name) => job.cells(&rows.same(v), |place, out| {
                put_text(input.names.get(place as usize).map(|n| &**n), out);
            }),
            (Slice::U32(v), _) => job.cells(&rows.same(v), le4),
            (Slice::U64(v), Kind::Mac) => job.cells(&rows.same(v), |mac, out| {
                out.extend_from_slice(&Mac(mac).octets());
            }),
            (Slice::U64(v), _) => job.cells(&rows.same(v), |number, out| {
                out.extend_from_slice(&number.to_le_bytes());
            }),
            (Slice::Time(v), _) => job.times(&rows.same(v)),
            (Slice::Addr(v), _) => job.cells(&rows.pick(v, Natural), |addr, out| {
                out.extend_from_slice(addr.0.natural());
            }),
            (Slice::Bytes(v), kind) => {
                job.bounds = if kind == Kind::Text { Bounds::Short } else { Bounds::None };
                job.cells(&rows.strings(v), |string, out| out.extend_from_slice(string))
            }
        }
    }
}

fn put_text(text: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// Which rows have a value.
struct Rows<'a> {
    present: &'a [u64],
    bit: u64,
    /// Whether rows may lack one; if not, all have one.
    nullable: bool,
    /// How many have one.
    valid: usize,
}

impl<'a> Rows<'a> {
    fn new(input: &Input<'a>, nullable: bool) -> Self {
        let mut rows = Self { present: input.present, bit: input.bit, nullable, valid: 0 };
        rows.valid = rows.valid_in(&(0..rows.present.len()));
        rows
    }

    fn masks(&self, rows: &Range<usize>) -> &'a [u64] {
        self.present.get(rows.clone()).unwrap_or_default()
    }

    fn valid_in(&self, rows: &Range<usize>) -> usize {
        if !self.nullable {
            return rows.len();
        }
        self.masks(rows).iter().filter(|mask| *mask & self.bit != 0).count()
    }

    /// The values that are there.
    fn pick<T: Copy, U>(&self, values: &[T], cell: impl Fn(T) -> U) -> Vec<U> {
        if self.valid == self.present.len() {
            return values.iter().map(|v| cell(*v)).collect();
        }
        if self.valid == 0 {
            return Vec::new();
        }
        let there = values.iter().zip(self.present).filter(|(_, mask)| *mask & self.bit != 0);
        there.map(|(v, _)| cell(*v)).collect()
    }

    /// The strings that are there.
    fn strings<'v>(&self, values: &'v Bytes) -> Vec<&'v [u8]> {
        let there =
            values.iter().zip(self.present).filter(|(_, mask)| !self.nullable || *mask & self.bit != 0);
        there.map(|(v, _)| v).collect()
    }

    /// The values that are there, as they are.
    fn same<'v, T: Copy>(&self, values: &'v [T]) -> Cow<'v, [T]> {
        if self.valid == self.present.len() {
            Cow::Borrowed(values)
        } else {
            Cow::Owned(self.pick(values, |v| v))
        }
    }

    /// The definition levels of these rows, as a data page has them.
    fn put_levels(&self, rows: &Range<usize>, valid: usize, out: &mut Vec<u8>) {
        if !self.nullable {
            return;
        }
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        if valid == 0 || valid == rows.len() {
            pack::put_run(u32::from(valid > 0), rows.len(), 1, out);
        } else {
            let levels: Vec<u32> =
                self.masks(rows).iter().map(|mask| u32::from(mask & self.bit != 0)).collect();
            pack::encode(&levels, 1, out);
        }
        let len = u32::try_from(out.len() - at - 4).unwrap_or_default();
        if let Some(slot) = out.get_mut(at..at + 4) {
            slot.copy_from_slice(&len.to_le_bytes());
        }
    }
}

/// A column chunk being encoded.
struct Job<'a> {
    rows: &'a Rows<'a>,
    descriptor: &'a ColumnDescPtr,
    compressor: &'a mut Compressor<'static>,
    bounds: Bounds,
}

/// How values are written where a dictionary does not pay, and how many bytes all of them take so.
struct Otherwise<'a, T> {
    encoding: Encoding,
    put: &'a dyn Fn(&[T], &mut Vec<u8>),
    bytes: usize,
}

/// A dictionary that pays.
struct Indexed<T> {
    dictionary: Dictionary<T>,
    /// It as a page.
    bytes: Vec<u8>,
    /// Bits of a place in it.
    width: u8,
    /// The length of each of its values.
    lengths: Vec<usize>,
}

impl Job<'_> {
    /// Values that `put` writes: with a dictionary, or plain.
    fn cells<T: Cell>(&mut self, cells: &[T], put: impl Fn(T, &mut Vec<u8>)) -> Result<Chunk> {
        let has_lengths = self.descriptor.physical_type() == Physical::BYTE_ARRAY;
        let plain = |cells: &[T], out: &mut Vec<u8>| put_plain(cells, has_lengths, &put, out);
        let indexed = distinct(cells, 2).map(|d| Indexed::new(d, &put, has_lengths));
        // The mean length of distinct values stands for that of all.
        let mean = |i: &Indexed<T>| i.bytes.len().saturating_mul(cells.len()) / i.lengths.len().max(1);
        let bytes = indexed.as_ref().map_or(0, mean);
        let otherwise = Otherwise { encoding: Encoding::PLAIN, put: &plain, bytes };
        self.write(cells, indexed, &otherwise, &put)
    }

    /// Times: by their differences, unless few times are repeated often.
    fn times(&mut self, cells: &[i64]) -> Result<Chunk> {
        let put = |ms: i64, out: &mut Vec<u8>| out.extend_from_slice(&ms.to_le_bytes());
        let mut bytes = Vec::new();
        delta::encode(cells, &mut bytes);
        let otherwise =
            Otherwise { encoding: Encoding::DELTA_BINARY_PACKED, put: &delta::encode, bytes: bytes.len() };
        let indexed = distinct(cells, 8).map(|d| Indexed::new(d, &put, false));
        self.write(cells, indexed, &otherwise, &put)
    }

    fn write<T: Cell>(
        &mut self,
        cells: &[T],
        indexed: Option<Indexed<T>>,
        otherwise: &Otherwise<'_, T>,
        put: &dyn Fn(T, &mut Vec<u8>),
    ) -> Result<Chunk> {
        let count = self.rows.present.len();
        let indexed = indexed.filter(|i| i.bytes_with(cells.len()) < otherwise.bytes);
        let indexed = indexed.filter(|i| !T::IS_LONG || i.bytes.len() <= LONG_BYTES);
        let long = (T::IS_LONG && indexed.is_none() && !cells.is_empty()).then(|| self.long_pages(cells));
        let mut pages = Pages::new(self.descriptor, self.compressor, put, self.bounds);
        if let Some(indexed) = &indexed {
            pages.dictionary(&indexed.bytes, indexed.lengths.len())?;
        }
        // Where all rows are alike there is nothing that smaller pages would let a reader pass over.
        let alike =
            cells.is_empty() || cells.len() == count && cells.iter().all(|c| Some(c) == cells.first());
        let page_rows = if alike { count.max(1) } else { PAGE_ROWS };
        let short = || (0..count).step_by(page_rows).map(|from| from..count.min(from + page_rows)).collect();
        let ranges: Vec<Range<usize>> = long.unwrap_or_else(short);
        let mut at = 0;
        for range in ranges {
            let valid = self.rows.valid_in(&range);
            let here = at..at + valid;
            at += valid;
            let mut bytes = Vec::new();
            self.rows.put_levels(&range, valid, &mut bytes);
            let levels = bytes.len();
            let (encoding, bounds, values) = match &indexed {
                Some(indexed) => indexed.page(here, &mut bytes),
                None => {
                    let cells = cells.get(here).unwrap_or_default();
                    (otherwise.put)(cells, &mut bytes);
                    (otherwise.encoding, bounds(cells), (bytes.len() - levels).saturating_sub(4 * valid))
                }
            };
            pages.data(&bytes, &Data { rows: range.len(), valid, encoding, bounds, values })?;
        }
        pages.close()
    }
}

impl Job<'_> {
    /// The rows of pages that are not larger than [`LONG_BYTES`], unless a single value is.
    fn long_pages<T: Cell>(&self, cells: &[T]) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let mut cells = cells.iter();
        let (mut from, mut bytes) = (0, 0);
        for (row, mask) in self.rows.present.iter().enumerate() {
            let here = !self.rows.nullable || mask & self.rows.bit != 0;
            let octets = if here { cells.next().map_or(0, |c| 4 + c.octets()) } else { 0 };
            if row > from && (bytes + octets > LONG_BYTES || row - from == PAGE_ROWS) {
                ranges.push(from..row);
                (from, bytes) = (row, 0);
            }
            bytes += octets;
        }
        if from < self.rows.present.len() {
            ranges.push(from..self.rows.present.len());
        }
        ranges
    }
}

/// Writes values as Parquet's PLAIN: byte arrays with their lengths before them.
fn put_plain<T: Copy>(cells: &[T], has_lengths: bool, put: &impl Fn(T, &mut Vec<u8>), out: &mut Vec<u8>) {
    for cell in cells {
        let at = out.len();
        if has_lengths {
            out.extend_from_slice(&[0; 4]);
        }
        put(*cell, out);
        let written = out.get_mut(at..).and_then(<[u8]>::split_first_chunk_mut::<4>);
        if has_lengths && let Some((length, text)) = written {
            *length = u32::try_from(text.len()).unwrap_or_default().to_le_bytes();
        }
    }
}

impl<T: Cell> Indexed<T> {
    fn new(dictionary: Dictionary<T>, put: &impl Fn(T, &mut Vec<u8>), has_lengths: bool) -> Self {
        let (mut bytes, mut lengths) = (Vec::new(), Vec::with_capacity(dictionary.values.len()));
        let mut scratch = Vec::new();
        for value in &dictionary.values {
            scratch.clear();
            put(*value, &mut scratch);
            lengths.push(scratch.len());
        }
        put_plain(&dictionary.values, has_lengths, put, &mut bytes);
        let last = dictionary.values.len().saturating_sub(1);
        // Of a width of 0 not every reader knows.
        Self { bytes, width: pack::width(last as u64).max(1), lengths, dictionary }
    }

    /// How many bytes it takes to write so many values by it.
    fn bytes_with(&self, values: usize) -> usize {
        if self.lengths.is_empty() {
            usize::MAX
        } else {
            self.bytes.len() + values * usize::from(self.width) / 8
        }
    }

    /// Writes the places of these values; returns their bounds and the sum of their lengths too.
    fn page(&self, cells: Range<usize>, out: &mut Vec<u8>) -> (Encoding, Option<(T, T)>, usize) {
        let places = self.dictionary.places.get(cells).unwrap_or_default();
        out.push(self.width);
        pack::encode(places, self.width, out);
        let value = |place: Option<u32>| self.dictionary.values.get(place? as usize).copied();
        let bounds = value(places.iter().copied().min()).zip(value(places.iter().copied().max()));
        let values = places.iter().filter_map(|place| self.lengths.get(*place as usize)).sum();
        (Encoding::RLE_DICTIONARY, bounds, values)
    }
}

/// The smallest and the largest.
fn bounds<T: Cell>(cells: &[T]) -> Option<(T, T)> {
    Some((*cells.iter().min()?, *cells.iter().max()?))
}
