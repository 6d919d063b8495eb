//! Encodes one column of one row group into the bytes of its column chunk, with a checksum of every page.

use super::schema::PIECE_ROWS;
use parquet::column::page::{CompressedPage, PageWriteSpec, PageWriter};
use parquet::column::writer::{ColumnCloseResult, ColumnWriterImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::collections::HashMap;
use weir_flow::schema::Kind;
use weir_flow::{Addr, Mac, Values};

/// An encoded column chunk.
pub(crate) struct Chunk {
    /// Its bytes; offsets in `close` count from their beginning.
    pub bytes: Vec<u8>,
    /// What the file's footer is to say of it.
    pub close: ColumnCloseResult,
    /// CRC-32C of every page with its header, in the order of the bytes.
    pub page_crcs: Vec<u32>,
}

/// Collects pages and their checksums.
struct Pages {
    sink: TrackedWrite<Vec<u8>>,
    crcs: Vec<u32>,
}

impl PageWriter for &mut Pages {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec> {
        let from = self.sink.inner().len();
        let spec = SerializedPageWriter::new(&mut self.sink).write_page(page)?;
        // The sink buffers: what was written is there only after a flush.
        std::io::Write::flush(&mut self.sink)?;
        self.crcs.push(crc32c::crc32c(self.sink.inner().get(from..).unwrap_or_default()));
        Ok(spec)
    }

    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What a column chunk is encoded from.
pub(crate) struct Input<'a> {
    /// What the values are.
    pub kind: Kind,
    /// The bit in `present` that says whether a row has one.
    pub bit: u64,
    /// The values of the row group's rows.
    pub values: Slice<'a>,
    /// The presence masks of the row group's rows.
    pub present: &'a [u64],
    /// What places in name columns stand for.
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
}

impl<'a> Slice<'a> {
    /// These rows of a column.
    pub(crate) fn new(values: &'a Values, rows: std::ops::Range<usize>) -> Self {
        match values {
            Values::U8(v) => Self::U8(v.get(rows).unwrap_or_default()),
            Values::U16(v) => Self::U16(v.get(rows).unwrap_or_default()),
            Values::U32(v) => Self::U32(v.get(rows).unwrap_or_default()),
            Values::U64(v) => Self::U64(v.get(rows).unwrap_or_default()),
            Values::Time(v) => Self::Time(v.get(rows).unwrap_or_default()),
            Values::Addr(v) => Self::Addr(v.get(rows).unwrap_or_default()),
        }
    }
}

/// Encodes a column chunk.
pub(crate) fn encode(
    input: &Input<'_>,
    descriptor: ColumnDescPtr,
    properties: WriterPropertiesPtr,
) -> Result<Chunk> {
    let mut out = Writer { input, descriptor, properties };
    match (input.values, input.kind) {
        (Slice::U8(v), Kind::Word(words)) => {
            let words: Vec<ByteArray> = words.iter().map(|w| ByteArray::from(*w)).collect();
            out.write::<ByteArrayType, _>(v, |code| words.get(usize::from(code)).cloned().unwrap_or_default())
        }
        (Slice::U8(v), _) => out.write::<Int32Type, _>(v, i32::from),
        (Slice::U16(v), _) => out.write::<Int32Type, _>(v, i32::from),
        (Slice::U32(v), Kind::Name) => {
            let names: Vec<ByteArray> = input.names.iter().map(|n| ByteArray::from(&**n)).collect();
            out.write::<ByteArrayType, _>(v, |at| names.get(at as usize).cloned().unwrap_or_default())
        }
        (Slice::U32(v), _) => out.write::<Int32Type, _>(v, u32::cast_signed),
        (Slice::U64(v), Kind::Mac) => {
            let mut distinct = HashMap::new();
            out.write::<ByteArrayType, _>(v, |mac| {
                distinct.entry(mac).or_insert_with(|| ByteArray::from(Mac(mac).octets().to_vec())).clone()
            })
        }
        (Slice::U64(v), _) => out.write::<Int64Type, _>(v, u64::cast_signed),
        (Slice::Time(v), _) => out.write::<Int64Type, _>(v, |ms| ms),
        (Slice::Addr(v), _) => {
            let mut distinct = HashMap::new();
            out.write::<ByteArrayType, _>(v, |addr| {
                distinct.entry(addr).or_insert_with(|| ByteArray::from(addr.natural())).clone()
            })
        }
    }
}

struct Writer<'a, 'b> {
    input: &'a Input<'b>,
    descriptor: ColumnDescPtr,
    properties: WriterPropertiesPtr,
}

impl Writer<'_, '_> {
    fn write<T: DataType, V: Copy>(
        &mut self,
        values: &[V],
        mut convert: impl FnMut(V) -> T::T,
    ) -> Result<Chunk> {
        let mut pages = Pages { sink: TrackedWrite::new(Vec::new()), crcs: Vec::new() };
        let mut writer = ColumnWriterImpl::<T>::new(
            self.descriptor.clone(),
            self.properties.clone(),
            Box::new(&mut pages),
        );
        let bit = self.input.bit;
        let nullable = self.descriptor.max_def_level() > 0;
        let (mut converted, mut levels) = (Vec::new(), Vec::new());
        for (values, present) in values.chunks(PIECE_ROWS).zip(self.input.present.chunks(PIECE_ROWS)) {
            converted.clear();
            levels.clear();
            for (value, mask) in values.iter().zip(present) {
                let here = mask & bit != 0;
                levels.push(i16::from(here));
                if here || !nullable {
                    converted.push(convert(*value));
                }
            }
            writer.write_batch(&converted, nullable.then_some(&levels[..]), None)?;
        }
        let close = writer.close()?;
        Ok(Chunk { bytes: pages.sink.into_inner()?, close, page_crcs: pages.crcs })
    }
}
