//! Puts pages together into a column chunk: compressed, each with a checksum, and with the two page indexes.

use super::dictionary::Cell;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type as Physical, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::io::Write;
use zstd::bulk::Compressor;

/// An encoded column chunk.
pub(crate) struct Chunk {
    /// Its bytes; offsets in `close` count from their beginning.
    pub bytes: bytes::Bytes,
    /// What the file's footer is to say of it.
    pub close: ColumnCloseResult,
    /// CRC-32C of every page with its header, in the order of the bytes.
    pub page_crcs: Vec<u32>,
    /// The sum of its values, of 64-bit numbers.
    pub sum: u128,
}

impl Chunk {
    /// The same values as another column has them.
    pub(crate) fn twin(&self, descriptor: &ColumnDescPtr) -> Result<Self> {
        let mine = &self.close.metadata;
        let mut metadata = ColumnChunkMetaData::builder(descriptor.clone())
            .set_compression(mine.compression())
            .set_encodings_mask(*mine.encodings_mask())
            .set_total_compressed_size(mine.compressed_size())
            .set_total_uncompressed_size(mine.uncompressed_size())
            .set_num_values(mine.num_values())
            .set_data_page_offset(mine.data_page_offset())
            .set_dictionary_page_offset(mine.dictionary_page_offset())
            .set_unencoded_byte_array_data_bytes(mine.unencoded_byte_array_data_bytes());
        if let Some(stats) = mine.page_encoding_stats() {
            metadata = metadata.set_page_encoding_stats(stats.clone());
        }
        if let Some(statistics) = mine.statistics() {
            metadata = metadata.set_statistics(statistics.clone());
        }
        let close = ColumnCloseResult { metadata: metadata.build()?, ..self.close.clone() };
        Ok(Self { bytes: self.bytes.clone(), close, page_crcs: self.page_crcs.clone(), sum: self.sum })
    }
}

/// What is known of a data page beside its bytes.
pub(crate) struct Data<T> {
    pub rows: usize,
    /// How many of the rows have a value.
    pub valid: usize,
    pub encoding: Encoding,
    /// The smallest and the largest value.
    pub bounds: Option<(T, T)>,
    /// Sum of the lengths of byte arrays.
    pub values: usize,
}

/// What is said of the smallest and the largest value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bounds {
    /// They themselves.
    Exact,
    /// Of text that may be long: something short that is not larger, and something that is not smaller.
    Short,
    /// Nothing: their order means nothing.
    None,
}

/// Whether a page that has fewer bytes compresses says nothing about others.
const WORTH_MIN: usize = 4096;

/// Pages are compressed where that takes one byte in so many away: what they do not gain, no reader should undo.
const GAIN: usize = 16;

/// Bounds of text are cut to so many octets.
const SHORT_OCTETS: usize = 64;

/// The beginning of a text that is not longer than [`SHORT_OCTETS`].
fn beginning(text: &str) -> &str {
    let end = (0..=SHORT_OCTETS.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// A short text that is not smaller: the beginning, its last character that has a next one replaced by that.
fn after(text: &str) -> Option<String> {
    let mut short = beginning(text).to_owned();
    while let Some(last) = short.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            short.push(next);
            return Some(short);
        }
    }
    None
}

fn io(error: std::io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// The pages of a chunk so far.
pub(crate) struct Pages<'a, T> {
    descriptor: &'a ColumnDescPtr,
    compressor: &'a mut Compressor<'static>,
    /// Writes a value as bounds have it.
    put: &'a dyn Fn(T, &mut Vec<u8>),
    kept: Bounds,
    sink: TrackedWrite<Vec<u8>>,
    /// Whether pages are compressed: a probe decides, or the first page.
    compresses: Option<bool>,
    /// Bytes of the pages that were probed, before and after.
    probed: (usize, usize),
    crcs: Vec<u32>,
    columns: ColumnIndexBuilder,
    offsets: OffsetIndexBuilder,
    /// Length of the dictionary page.
    dictionary: Option<i64>,
    encoding: Encoding,
    uncompressed: i64,
    pages: i32,
    rows: i64,
    nulls: i64,
    values: i64,
    bounds: Option<(T, T)>,
    last: Option<(T, T)>,
    ascending: bool,
    descending: bool,
}

/// Lengths are far below 2^31: a page holds at most a row group's values.
fn narrow<A, B: TryFrom<A>>(value: A) -> Result<B> {
    B::try_from(value).map_err(|_| ParquetError::General("a page is too large".to_owned()))
}

impl<'a, T: Cell> Pages<'a, T> {
    /// No pages yet.
    pub(crate) fn new(
        descriptor: &'a ColumnDescPtr,
        compressor: &'a mut Compressor<'static>,
        put: &'a dyn Fn(T, &mut Vec<u8>),
        kept: Bounds,
    ) -> Self {
        Self {
            columns: ColumnIndexBuilder::new(descriptor.physical_type()),
            offsets: OffsetIndexBuilder::new(),
            descriptor,
            compressor,
            put,
            kept,
            sink: TrackedWrite::new(Vec::new()),
            compresses: None,
            probed: (0, 0),
            crcs: Vec::new(),
            dictionary: None,
            encoding: Encoding::PLAIN,
            uncompressed: 0,
            pages: 0,
            rows: 0,
            nulls: 0,
            values: 0,
            bounds: None,
            last: None,
            ascending: true,
            descending: true,
        }
    }

    /// Sees what compressing makes of a page of the chunk.
    pub(crate) fn probe(&mut self, page: &[u8]) -> Result<()> {
        self.probed.0 += page.len();
        self.probed.1 += self.compressor.compress(page).map_err(io)?.len();
        Ok(())
    }

    /// Decides whether pages are compressed, if there are so many times those that were probed, and a dictionary of so
    /// many bytes, which becomes about half of that: it is sorted.
    pub(crate) fn decide(&mut self, times: usize, dictionary: usize) {
        let before = self.probed.0.saturating_mul(times) + dictionary;
        let after = self.probed.1.saturating_mul(times) + dictionary / 2;
        self.compresses = Some(after < before / GAIN * (GAIN - 1));
    }

    /// Adds the dictionary page, which comes first.
    pub(crate) fn dictionary(&mut self, bytes: &[u8], values: usize) -> Result<()> {
        let num_values = narrow(values)?;
        let page = |buf| Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, is_sorted: true };
        let (_, len) = self.page(bytes, page)?;
        self.dictionary = Some(len);
        Ok(())
    }

    /// Adds a data page of these bytes (levels and values).
    pub(crate) fn data(&mut self, bytes: &[u8], data: &Data<T>) -> Result<()> {
        let num_values = narrow(data.rows)?;
        let (at, len) = self.page(bytes, |buf| Page::DataPage {
            buf,
            num_values,
            encoding: data.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        })?;
        let rows: i64 = narrow(data.rows)?;
        let nulls = rows - narrow::<_, i64>(data.valid)?;
        let values = narrow(data.values)?;
        self.encoding = data.encoding;
        self.pages += 1;
        self.rows += rows;
        self.nulls += nulls;
        self.values += values;
        self.offsets.append_row_count(rows);
        self.offsets.append_offset_and_size(at, narrow(len)?);
        if self.is_bytes() {
            self.offsets.append_unencoded_byte_array_data_bytes(Some(values));
        }
        if self.kept != Bounds::None {
            let bounds = |(min, max)| (self.bound(min), self.upper(max));
            let (min, max) = data.bounds.map_or_else(Default::default, bounds);
            self.columns.append(data.valid == 0, min, max, nulls, None);
        }
        if let Some(bounds) = data.bounds {
            self.take_bounds(bounds);
        }
        Ok(())
    }

    /// Compresses and writes a page; returns where it begins and how long it is.
    fn page(&mut self, bytes: &[u8], page: impl FnOnce(bytes::Bytes) -> Page) -> Result<(i64, i64)> {
        let from = self.sink.inner().len();
        let payload = if self.compresses == Some(false) {
            bytes.to_vec()
        } else {
            let compressed = self.compressor.compress(bytes).map_err(io)?;
            // Small pages are mostly a dictionary's.
            let gains = bytes.len() < WORTH_MIN || compressed.len() < bytes.len() / GAIN * (GAIN - 1);
            if *self.compresses.get_or_insert(gains) { compressed } else { bytes.to_vec() }
        };
        let page = CompressedPage::new(page(payload.into()), bytes.len());
        let written = SerializedPageWriter::new(&mut self.sink).write_page(page)?;
        // The sink buffers: what was written is there only after a flush.
        self.sink.flush().map_err(io)?;
        self.crcs.push(crc32c::crc32c(self.sink.inner().get(from..).unwrap_or_default()));
        self.uncompressed += narrow::<_, i64>(written.uncompressed_size)?;
        Ok((narrow(from)?, narrow(written.bytes_written)?))
    }

    fn take_bounds(&mut self, (min, max): (T, T)) {
        if let Some((last_min, last_max)) = self.last {
            self.ascending &= last_min <= min && last_max <= max;
            self.descending &= last_min >= min && last_max >= max;
        }
        self.last = Some((min, max));
        self.bounds = Some(self.bounds.map_or((min, max), |(a, b)| (a.min(min), b.max(max))));
    }

    fn bound(&self, value: T) -> Vec<u8> {
        let mut bytes = Vec::new();
        (self.put)(value, &mut bytes);
        if self.kept == Bounds::Short && bytes.len() > SHORT_OCTETS {
            let short = str::from_utf8(&bytes).map(beginning).unwrap_or_default().len();
            bytes.truncate(short);
        }
        bytes
    }

    /// What no value is larger than.
    fn upper(&self, value: T) -> Vec<u8> {
        if self.kept != Bounds::Short || value.octets() <= SHORT_OCTETS {
            return self.bound(value);
        }
        let mut bytes = Vec::new();
        (self.put)(value, &mut bytes);
        str::from_utf8(&bytes).ok().and_then(after).map_or(bytes, String::into_bytes)
    }

    fn is_bytes(&self) -> bool {
        self.descriptor.physical_type() == Physical::BYTE_ARRAY
    }

    /// The chunk.
    pub(crate) fn close(mut self) -> Result<Chunk> {
        self.columns.set_boundary_order(match (self.ascending, self.descending) {
            (true, _) => BoundaryOrder::ASCENDING,
            (_, true) => BoundaryOrder::DESCENDING,
            _ => BoundaryOrder::UNORDERED,
        });
        let statistics = self.statistics()?;
        let len = narrow(self.sink.inner().len())?;
        let mut encodings = vec![Encoding::RLE, self.encoding];
        let data =
            PageEncodingStats { page_type: PageType::DATA_PAGE, encoding: self.encoding, count: self.pages };
        let mut stats = vec![data];
        if self.dictionary.is_some() {
            encodings.push(Encoding::PLAIN);
            stats.push(PageEncodingStats {
                page_type: PageType::DICTIONARY_PAGE,
                encoding: Encoding::PLAIN,
                count: 1,
            });
        }
        let metadata = ColumnChunkMetaData::builder(self.descriptor.clone())
            .set_compression(match self.compresses {
                Some(false) => Compression::UNCOMPRESSED,
                _ => Compression::ZSTD(ZstdLevel::try_new(1)?),
            })
            .set_encodings(encodings)
            .set_page_encoding_stats(stats)
            .set_total_compressed_size(len)
            .set_total_uncompressed_size(self.uncompressed)
            .set_num_values(self.rows)
            .set_data_page_offset(self.dictionary.unwrap_or(0))
            .set_dictionary_page_offset(self.dictionary.map(|_| 0))
            .set_unencoded_byte_array_data_bytes(self.is_bytes().then_some(self.values))
            .set_statistics(statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: narrow(len)?,
            rows_written: narrow(self.rows)?,
            metadata,
            bloom_filter: None,
            column_index: if self.kept == Bounds::None { None } else { Some(self.columns.build()?) },
            offset_index: Some(self.offsets.build()),
        };
        Ok(Chunk { bytes: self.sink.into_inner()?.into(), close, page_crcs: self.crcs, sum: 0 })
    }

    fn statistics(&self) -> Result<Statistics> {
        let nulls = Some(narrow(self.nulls)?);
        let bounds = self.bounds.filter(|_| self.kept != Bounds::None);
        let (min, max) = (bounds.map(|b| self.bound(b.0)), bounds.map(|b| self.upper(b.1)));
        let int32 = |b: &Option<Vec<u8>>| {
            b.as_ref().and_then(|b| Some(i32::from_le_bytes(b.first_chunk().copied()?)))
        };
        let int64 = |b: &Option<Vec<u8>>| {
            b.as_ref().and_then(|b| Some(i64::from_le_bytes(b.first_chunk().copied()?)))
        };
        Ok(match self.descriptor.physical_type() {
            Physical::INT32 => Statistics::int32(int32(&min), int32(&max), None, nulls, false),
            Physical::INT64 => Statistics::int64(int64(&min), int64(&max), None, nulls, false),
            _ => {
                let exact = |value: Option<T>| value.is_none_or(|v| v.octets() <= SHORT_OCTETS);
                let (min_is_exact, max_is_exact) = (exact(bounds.map(|b| b.0)), exact(bounds.map(|b| b.1)));
                let (min, max) = (min.map(ByteArray::from), max.map(ByteArray::from));
                let values = ValueStatistics::new(min, max, None, nulls, false);
                Statistics::ByteArray(values.with_min_is_exact(min_is_exact).with_max_is_exact(max_is_exact))
            }
        })
    }
}
