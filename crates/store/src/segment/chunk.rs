//! Encodes one column of one row group into the bytes of its column chunk.
//!
//! The Parquet crate can do this too, but value by value, and for addresses with an allocation each. Sealing is
//! the dearest thing that a store does, so it is done here column by column: the values that are there, their
//! sorted dictionary where one is shorter, and pages cut from both.

use super::address::Ranked;
use super::compression;
use super::dictionary::{Cell, Finder};
use super::pack::Place;
use super::pages::{Bounds, Chunk, Data, Pages};
use super::present::Present;
use super::schema::PAGE_ROWS;
use super::{delta, pack};
use parquet::basic::{Encoding, Type as Physical};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescPtr;
use std::ops::Range;
use weir_flow::schema::Kind;
use weir_flow::{Addr, Bytes, Mac, Values};
use zstd::bulk::Compressor;

/// So many pages from all over a chunk say whether compressing it is worth it; if it has no more, the first does.
const PROBED: usize = 3;

/// A page of strings, and a dictionary of them, is not larger: so reading one needs little memory.
const LONG_BYTES: usize = 1 << 20;

/// What a column chunk is encoded from.
pub(crate) struct Input<'a> {
    /// What the values are.
    pub kind: Kind,
    /// The values.
    pub values: Slice<'a>,
    /// Which of them a row of the row group has.
    pub pick: Pick<'a>,
    /// Which rows have one.
    pub present: Present<'a>,
    /// What places in name columns stand for, ascending.
    pub names: &'a [Box<str>],
}

/// The value of each row.
#[derive(Clone, Copy)]
pub(crate) enum Pick<'a> {
    /// One after the other.
    Each,
    /// Those at these places.
    Order(&'a [u32]),
    /// All the first.
    First,
}

/// A column, or a row group's part of it.
#[derive(Clone, Copy)]
pub(crate) enum Slice<'a> {
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    U64(&'a [u64]),
    Time(&'a [i64]),
    /// Times by how much later than this one they are.
    Since(&'a [u32], i64),
    Addr(&'a [Addr]),
    /// Places in a list of addresses, which is in the order of bounds.
    Ranked(&'a [u32], &'a [Addr]),
    /// Of exactly the row group's rows (or none, where no row has one).
    Bytes(&'a Bytes),
}

impl<'a> Slice<'a> {
    /// All values of a column.
    pub(crate) fn new(values: &'a Values) -> Self {
        match values {
            Values::U8(v) => Self::U8(v),
            Values::U16(v) => Self::U16(v),
            Values::U32(v) => Self::U32(v),
            Values::U64(v) => Self::U64(v),
            Values::Time(v) => Self::Time(v),
            Values::Addr(v) => Self::Addr(v),
            Values::Bytes(v) => Self::Bytes(v),
        }
    }
}

/// Encodes column chunks one after the other, keeping what can be used again.
pub(crate) struct Encoder {
    compressor: Compressor<'static>,
    tiny: Work<u8>,
    short: Work<u16>,
    narrow: Work<u32>,
    wide: Work<u64>,
    page: Vec<u8>,
    tiles: Tiles,
}

/// Places of a page's values, by how wide they are.
#[derive(Default)]
struct Tiles {
    tiny: Vec<u8>,
    short: Vec<u16>,
    narrow: Vec<u32>,
}

/// Values of one width being encoded.
#[derive(Default)]
struct Work<T: Cell> {
    /// Those that are there.
    cells: Vec<T>,
    finder: Finder<T>,
}

impl Encoder {
    /// An encoder for one thread.
    pub(crate) fn new() -> Result<Self> {
        let compressor = compression::compressor().map_err(|e| ParquetError::External(Box::new(e)))?;
        Ok(Self {
            compressor,
            tiny: Work::default(),
            short: Work::default(),
            narrow: Work::default(),
            wide: Work::default(),
            page: Vec::new(),
            tiles: Tiles::default(),
        })
    }

    /// Encodes a column chunk.
    pub(crate) fn encode(&mut self, input: &Input<'_>, descriptor: &ColumnDescPtr) -> Result<Chunk> {
        let Self { compressor, tiny, short, narrow, wide, page, tiles } = self;
        let rows = &input.present;
        let mut job = Job { rows, descriptor, compressor, page, tiles, bounds: Bounds::Exact, base: 0 };
        let pick = input.pick;
        match (input.values, input.kind) {
            (Slice::U8(v), Kind::Word(words)) => {
                // Words are written in the order of their letters, as bounds are.
                let mut sorted = words.to_vec();
                sorted.sort_unstable();
                let rank = |word: &&str| sorted.binary_search(word).ok().and_then(|r| u8::try_from(r).ok());
                let mut ranks = [0u8; 256];
                ranks.iter_mut().zip(words).for_each(|(slot, word)| *slot = rank(word).unwrap_or_default());
                rows.gather(v, pick, |code| ranks[usize::from(code)], &mut tiny.cells);
                job.cells(tiny, false, |rank, out| put_text(sorted.get(usize::from(rank)).copied(), out))
            }
            (Slice::U8(v), kind) => {
                rows.gather(v, pick, |v| v, &mut tiny.cells);
                job.numbers(tiny, kind)
            }
            (Slice::U16(v), kind) => {
                rows.gather(v, pick, |v| v, &mut short.cells);
                job.numbers(short, kind)
            }
            (Slice::U32(v), kind) => {
                rows.gather(v, pick, |v| v, &mut narrow.cells);
                if kind != Kind::Name {
                    return job.numbers(narrow, kind);
                }
                let name = |place: u32| input.names.get(place as usize).map(|n| &**n);
                job.cells(narrow, false, |place, out| put_text(name(place), out))
            }
            (Slice::U64(v), kind) => {
                rows.gather(v, pick, |v| v, &mut wide.cells);
                if kind != Kind::Mac {
                    return job.numbers(wide, kind);
                }
                job.cells(wide, true, |mac, out| out.extend_from_slice(&Mac(mac).octets()))
            }
            (Slice::Time(v), _) => {
                // Flipped, times are in the order of unsigned numbers; then they count from the first of the chunk.
                rows.gather(v, pick, |ms| ms.cast_unsigned() ^ FLIP, &mut wide.cells);
                let first = wide.cells.iter().copied().min().unwrap_or_default();
                wide.cells.iter_mut().for_each(|cell| *cell -= first);
                job.base = (first ^ FLIP).cast_signed();
                job.times(wide)
            }
            (Slice::Since(v, base), _) => {
                rows.gather(v, pick, |ms| ms, &mut narrow.cells);
                let first = narrow.cells.iter().copied().fold(u32::MAX, u32::min);
                narrow.cells.iter_mut().for_each(|cell| *cell -= first);
                job.base = base.wrapping_add_unsigned(first.into());
                job.times(narrow)
            }
            (Slice::Addr(v), _) => {
                let Ranked { list, places, .. } = Ranked::new(v.iter().copied());
                rows.gather(&places, pick, |rank| rank, &mut narrow.cells);
                job.cells(narrow, false, |rank, out| put_addr(&list, rank, out))
            }
            (Slice::Ranked(v, list), _) => {
                rows.gather(v, pick, |v| v, &mut narrow.cells);
                job.cells(narrow, false, |rank, out| put_addr(list, rank, out))
            }
            (Slice::Bytes(v), kind) => {
                job.bounds = if kind == Kind::Text { Bounds::Short } else { Bounds::None };
                let mut work = Work { cells: rows.strings(v), finder: Finder::default() };
                job.cells(&mut work, false, |string, out| out.extend_from_slice(string))
            }
        }
    }
}

/// The sign of a time.
const FLIP: u64 = 1 << 63;

fn put_text(text: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}

fn put_addr(list: &[Addr], rank: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(list.get(rank as usize).map(Addr::natural).unwrap_or_default());
}

/// A column chunk being encoded.
struct Job<'a> {
    rows: &'a Present<'a>,
    descriptor: &'a ColumnDescPtr,
    compressor: &'a mut Compressor<'static>,
    /// The page being put together.
    page: &'a mut Vec<u8>,
    tiles: &'a mut Tiles,
    bounds: Bounds,
    /// What times count from.
    base: i64,
}

/// How values are written where a dictionary does not pay, and how many bytes all of them take so.
struct Otherwise<'a, T> {
    encoding: Encoding,
    put: &'a dyn Fn(&[T], &mut Vec<u8>),
    bytes: usize,
}

/// A dictionary that pays.
struct Indexed<'a, T> {
    finder: &'a Finder<T>,
    /// It as a page.
    bytes: Vec<u8>,
    /// Bits of a place in it.
    width: u8,
    /// The length of each of its values; of them all, if they have the same.
    lengths: Vec<usize>,
    length: Option<usize>,
}

/// How values were written, their bounds, and the sum of their lengths.
type Written<T> = (Encoding, Option<(T, T)>, usize);

impl Job<'_> {
    /// Numbers: in eight octets those that have 64 bits, of which the sum is known too; in four all others.
    fn numbers<T: Cell>(&mut self, work: &mut Work<T>, kind: Kind) -> Result<Chunk> {
        if kind != Kind::Unsigned(64) {
            let four = |number: T, out: &mut Vec<u8>| {
                out.extend_from_slice(number.wide().to_le_bytes().first_chunk::<4>().unwrap_or(&[0; 4]));
            };
            return self.cells(work, false, four);
        }
        let sum: u128 = work.cells.iter().map(|number| u128::from(number.wide())).sum();
        // One may stand for that of all rows.
        let sum = sum * (self.rows.valid() / work.cells.len().max(1)) as u128;
        let eight = |number: T, out: &mut Vec<u8>| out.extend_from_slice(&number.wide().to_le_bytes());
        Ok(Chunk { sum, ..self.cells(work, true, eight)? })
    }

    /// Values that `put` writes: with a dictionary, or plain. `may_differ`: whether they may be so many and so wide that a
    /// dictionary does not pay.
    fn cells<T: Cell>(
        &mut self,
        work: &mut Work<T>,
        may_differ: bool,
        put: impl Fn(T, &mut Vec<u8>),
    ) -> Result<Chunk> {
        let has_lengths = self.descriptor.physical_type() == Physical::BYTE_ARRAY;
        let plain = |cells: &[T], out: &mut Vec<u8>| put_plain(cells, has_lengths, &put, out);
        let Work { cells, finder } = work;
        let found = finder.find(cells, may_differ).then_some(&*finder);
        let indexed = found.filter(|f| f.values.len() <= 1 + cells.len() / 2);
        let indexed = indexed.map(|finder| Indexed::new(finder, &put, has_lengths, may_differ));
        // The mean length of distinct values stands for that of all.
        let valid = self.rows.valid();
        let mean = |i: &Indexed<'_, T>| i.bytes.len().saturating_mul(valid) / i.lengths.len().max(1);
        let bytes = indexed.as_ref().map_or(0, mean);
        let otherwise = Otherwise { encoding: Encoding::PLAIN, put: &plain, bytes };
        self.write(cells, indexed, &otherwise, &put)
    }

    /// Times: by their differences, unless few times are repeated often.
    fn times<T: Cell>(&mut self, work: &mut Work<T>) -> Result<Chunk> {
        let base = self.base;
        let put = |ms: T, out: &mut Vec<u8>| {
            out.extend_from_slice(&base.wrapping_add_unsigned(ms.wide()).to_le_bytes());
        };
        let encode = |cells: &[T], out: &mut Vec<u8>| delta::encode(cells, base, out);
        let Work { cells, finder } = work;
        let found = finder.find(cells, true).then_some(&*finder);
        let indexed = found.filter(|f| f.values.len() <= 1 + cells.len() / 8);
        let indexed = indexed.map(|finder| Indexed::new(finder, &put, false, true));
        // The first page stands for all.
        let sample = cells.get(..PAGE_ROWS.min(cells.len())).unwrap_or_default();
        self.page.clear();
        if indexed.is_some() {
            encode(sample, self.page);
        }
        let bytes = self.page.len().saturating_mul(self.rows.valid()) / sample.len().max(1);
        let otherwise = Otherwise { encoding: Encoding::DELTA_BINARY_PACKED, put: &encode, bytes };
        self.write(cells, indexed, &otherwise, &put)
    }

    fn write<T: Cell>(
        &mut self,
        cells: &[T],
        indexed: Option<Indexed<'_, T>>,
        otherwise: &Otherwise<'_, T>,
        put: &dyn Fn(T, &mut Vec<u8>),
    ) -> Result<Chunk> {
        let (count, valid) = (self.rows.len(), self.rows.valid());
        // One value stands for that of all rows.
        let is_repeated = cells.len() < valid;
        let indexed = indexed.filter(|i| is_repeated || i.bytes_with(valid) < otherwise.bytes);
        let indexed = indexed.filter(|i| !T::IS_LONG || i.bytes.len() <= LONG_BYTES);
        let long = (T::IS_LONG && indexed.is_none() && !cells.is_empty()).then(|| self.long_pages(cells));
        // Where all rows are alike there is nothing that smaller pages would let a reader pass over.
        let alike = cells.is_empty() || valid == count && cells.iter().all(|c| Some(c) == cells.first());
        let page_rows = if alike { count.max(1) } else { PAGE_ROWS };
        let short = || (0..count).step_by(page_rows).map(|from| from..count.min(from + page_rows)).collect();
        let ranges: Vec<Range<usize>> = long.unwrap_or_else(short);
        let body = Body { rows: self.rows, cells, is_repeated, indexed: indexed.as_ref(), otherwise };
        let mut pages = Pages::new(self.descriptor, self.compressor, put, self.bounds);
        if ranges.len() > PROBED {
            for range in (1..=PROBED).filter_map(|part| ranges.get(part * ranges.len() / (PROBED + 1))) {
                body.put(range, self.rows.valid_before(range.start), self.tiles, self.page);
                pages.probe(self.page)?;
            }
            let dictionary = indexed.as_ref().map_or(0, |indexed| indexed.bytes.len());
            pages.decide(ranges.len() / PROBED, dictionary);
        }
        if let Some(indexed) = &indexed {
            pages.dictionary(&indexed.bytes, indexed.lengths.len())?;
        }
        let mut at = 0;
        for range in ranges {
            let (valid, (encoding, bounds, values)) = body.put(&range, at, self.tiles, self.page);
            at += valid;
            pages.data(self.page, &Data { rows: range.len(), valid, encoding, bounds, values })?;
        }
        pages.close()
    }
}

/// The values of a chunk, and how they are written.
struct Body<'a, T> {
    rows: &'a Present<'a>,
    cells: &'a [T],
    /// Whether there is one, which stands for that of all rows.
    is_repeated: bool,
    indexed: Option<&'a Indexed<'a, T>>,
    otherwise: &'a Otherwise<'a, T>,
}

impl<T: Cell> Body<'_, T> {
    /// Puts a page of these rows together, of which the first that has a value has the one `at` this place; returns how
    /// many have one.
    fn put(
        &self,
        range: &Range<usize>,
        at: usize,
        tiles: &mut Tiles,
        page: &mut Vec<u8>,
    ) -> (usize, Written<T>) {
        page.clear();
        let valid = self.rows.put_levels(range, page);
        let (levels, here) = (page.len(), at..at + valid);
        let written = match self.indexed {
            Some(indexed) if self.is_repeated => indexed.run(valid, page),
            Some(indexed) => indexed.page(self.cells, here, tiles, page),
            None => {
                let cells = self.cells.get(here).unwrap_or_default();
                (self.otherwise.put)(cells, page);
                let values = (page.len() - levels).saturating_sub(4 * valid);
                (self.otherwise.encoding, bounds(cells), values)
            }
        };
        (valid, written)
    }
}

impl Job<'_> {
    /// The rows of pages that are not larger than [`LONG_BYTES`], unless a single value is.
    fn long_pages<T: Cell>(&self, cells: &[T]) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let mut cells = cells.iter();
        let (mut from, mut bytes) = (0, 0);
        for (row, mask) in self.rows.masks().iter().enumerate() {
            let here = self.rows.is_in(*mask);
            let octets = if here { cells.next().map_or(0, |c| 4 + c.octets()) } else { 0 };
            if row > from && (bytes + octets > LONG_BYTES || row - from == PAGE_ROWS) {
                ranges.push(from..row);
                (from, bytes) = (row, 0);
            }
            bytes += octets;
        }
        if from < self.rows.len() {
            ranges.push(from..self.rows.len());
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

impl<'a, T: Cell> Indexed<'a, T> {
    fn new(
        finder: &'a Finder<T>,
        put: &impl Fn(T, &mut Vec<u8>),
        has_lengths: bool,
        may_differ: bool,
    ) -> Self {
        let (mut bytes, mut lengths) = (Vec::new(), Vec::with_capacity(finder.values.len()));
        for value in &finder.values {
            let at = bytes.len();
            put_plain(&[*value], has_lengths, put, &mut bytes);
            lengths.push(bytes.len() - at - if has_lengths { 4 } else { 0 });
        }
        let last = finder.values.len().saturating_sub(1);
        let length = lengths.first().copied().filter(|first| lengths.iter().all(|length| length == first));
        // Of a width of 0 not every reader knows. Places that begin with a byte compress better, which pays for a
        // few bits more; times do not compress either way.
        let width = match pack::width(last as u64).max(1) {
            5..=8 => 8,
            13..=16 if !may_differ || has_lengths => 16,
            width => width,
        };
        Self { bytes, width, lengths, length, finder }
    }

    /// How many bytes it takes to write so many values by it.
    fn bytes_with(&self, values: usize) -> usize {
        if self.lengths.is_empty() {
            usize::MAX
        } else {
            self.bytes.len() + values * usize::from(self.width) / 8
        }
    }

    /// Writes that so many rows have the first value; returns what [`Self::page`] does.
    fn run(&self, valid: usize, out: &mut Vec<u8>) -> Written<T> {
        out.push(self.width);
        pack::put_run(0, valid, self.width, out);
        let first = self.finder.values.first().copied();
        (Encoding::RLE_DICTIONARY, first.zip(first), self.length.unwrap_or_default() * valid)
    }

    /// Writes the places of this part of the values; returns their bounds and the sum of their lengths too.
    fn page(&self, cells: &[T], part: Range<usize>, tiles: &mut Tiles, out: &mut Vec<u8>) -> Written<T> {
        match self.width {
            ..=8 => self.put(cells, part, &mut tiles.tiny, out),
            9..=16 => self.put(cells, part, &mut tiles.short, out),
            _ => self.put(cells, part, &mut tiles.narrow, out),
        }
    }

    fn put<P: Place>(
        &self,
        cells: &[T],
        part: Range<usize>,
        tile: &mut Vec<P>,
        out: &mut Vec<u8>,
    ) -> Written<T> {
        self.finder.put_places(cells, part, tile);
        out.push(self.width);
        pack::encode(tile, self.width, out);
        let at = |place: P| Into::<u32>::into(place) as usize;
        let value = |place: P| self.finder.values.get(at(place)).copied();
        let bounds = bounds(tile).and_then(|(least, most)| value(least).zip(value(most)));
        let each = || tile.iter().filter_map(|place| self.lengths.get(at(*place))).sum();
        let values = self.length.map_or_else(each, |length| length * tile.len());
        (Encoding::RLE_DICTIONARY, bounds, values)
    }
}

/// The smallest and the largest.
fn bounds<T: Copy + Ord>(cells: &[T]) -> Option<(T, T)> {
    let first = *cells.first()?;
    Some(cells.iter().fold((first, first), |(least, most), cell| (least.min(*cell), most.max(*cell))))
}
