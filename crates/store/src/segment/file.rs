//! Puts encoded column chunks together into a Parquet file.
//!
//! The Parquet crate's file writer would copy every chunk into the file. Columns that hold the same in all rows of a
//! row group (octets and measured octets, where nothing is sampled) need not be there twice: the footer says of each
//! column where its chunk is, and says the same place for both.

use super::pages::Chunk;
use super::schema::CREATED_BY;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::page_index::PageIndexBuilder;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, ParquetMetaDataBuilder, ParquetMetaDataWriter,
    RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::writer::TrackedWrite;
use parquet::schema::types::SchemaDescPtr;
use std::io::Write;
use std::sync::Arc;

/// What a Parquet file begins with.
const MAGIC: &[u8; 4] = b"PAR1";

/// The version of the format: pages are of the first.
const VERSION: i32 = 1;

/// The two page indexes of a column chunk.
type Indexes = (Option<ColumnIndexMetaData>, Option<OffsetIndexMetaData>);

/// A Parquet file being written.
pub(crate) struct FileWriter<W: Write> {
    sink: TrackedWrite<W>,
    schema: SchemaDescPtr,
    groups: Vec<RowGroupMetaData>,
    /// By row group and column.
    indexes: Vec<Vec<Indexes>>,
}

impl<W: Write + Send> FileWriter<W> {
    /// Begins a file.
    pub(crate) fn new(sink: W, schema: SchemaDescPtr) -> Result<Self> {
        let mut sink = TrackedWrite::new(sink);
        sink.write_all(MAGIC).map_err(io)?;
        Ok(Self { sink, schema, groups: Vec::new(), indexes: Vec::new() })
    }

    /// Adds a row group: a chunk for each column of the schema. Chunks that share their bytes ([`Chunk::twin`]) are
    /// written once.
    pub(crate) fn group(&mut self, chunks: Vec<Chunk>) -> Result<()> {
        let mut written: Vec<(bytes::Bytes, i64)> = Vec::new();
        let (mut columns, mut indexes) = (Vec::new(), Vec::new());
        let ordinal = i16::try_from(self.groups.len()).ok();
        let (first, mut bytes, mut rows) = (self.place()?, 0, 0);
        for Chunk { bytes: own, close, .. } in chunks {
            let same =
                written.iter().find(|(other, _)| other.as_ptr() == own.as_ptr() && other.len() == own.len());
            let at = match same {
                Some((_, at)) => *at,
                None => {
                    let at = self.place()?;
                    self.sink.write_all(&own).map_err(io)?;
                    written.push((own, at));
                    at
                }
            };
            rows = close.metadata.num_values();
            bytes += close.metadata.uncompressed_size();
            columns.push(moved(close.metadata, at)?);
            let mut offsets = close.offset_index;
            for page in offsets.iter_mut().flat_map(|offsets| &mut offsets.page_locations) {
                page.offset += at;
            }
            indexes.push((close.column_index, offsets));
        }
        let mut group = RowGroupMetaData::builder(Arc::clone(&self.schema))
            .set_column_metadata(columns)
            .set_total_byte_size(bytes)
            .set_num_rows(rows)
            .set_file_offset(first);
        if let Some(ordinal) = ordinal {
            group = group.set_ordinal(ordinal.into());
        }
        self.groups.push(group.build()?);
        self.indexes.push(indexes);
        Ok(())
    }

    /// Adds bytes that belong to no column, and says where they lie. Readers of Parquet pass over them.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<i64> {
        let at = self.place()?;
        self.sink.write_all(bytes).map_err(io)?;
        Ok(at)
    }

    /// Where the next byte comes to lie.
    fn place(&self) -> Result<i64> {
        i64::try_from(self.sink.bytes_written())
            .map_err(|_| ParquetError::General("the file is too large".to_owned()))
    }

    /// Writes the page indexes and the footer, which says these pairs. `tail` is called when all chunks are written.
    pub(crate) fn finish(mut self, pairs: Vec<KeyValue>, tail: impl FnOnce(&mut W)) -> Result<()> {
        self.sink.flush().map_err(io)?;
        tail(self.sink.inner_mut());
        let mut index = PageIndexBuilder::new(self.groups.len(), self.schema.num_columns());
        for (group, columns) in self.indexes.into_iter().enumerate() {
            for (column, (bounds, offsets)) in columns.into_iter().enumerate() {
                if let Some(bounds) = bounds {
                    index.put_column_index(bounds, group, column);
                }
                if let Some(offsets) = offsets {
                    index.put_offset_index(offsets, group, column);
                }
            }
        }
        let rows = self.groups.iter().map(RowGroupMetaData::num_rows).sum();
        let pairs = if pairs.is_empty() { None } else { Some(pairs) };
        let file = FileMetaData::new(VERSION, rows, Some(CREATED_BY.to_owned()), pairs, self.schema, None);
        let metadata = ParquetMetaDataBuilder::new(file)
            .set_row_groups(self.groups)
            .set_page_index(Some(Arc::new(index.build())))
            .build();
        ParquetMetaDataWriter::new_with_tracked(self.sink, &metadata).finish()
    }
}

/// The same with offsets that count from this place.
fn moved(metadata: ColumnChunkMetaData, at: i64) -> Result<ColumnChunkMetaData> {
    let data = metadata.data_page_offset() + at;
    let dictionary = metadata.dictionary_page_offset().map(|dictionary| dictionary + at);
    metadata.into_builder().set_data_page_offset(data).set_dictionary_page_offset(dictionary).build()
}

fn io(error: std::io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}
