//! Answers in Arrow's stream format (IPC): what pandas, Polars, DuckDB and R take as it is, without parsing.
//!
//! Addresses are text, as in all answers. Nothing has a type that only the newest readers know: text is `utf8`.

use crate::cell;
use crate::column::{ADDR, MAC, time, times, utc};
use crate::error::{Error, Reason};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    UInt64Array,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::ipc::writer::StreamWriter;
use std::sync::Arc;

/// A column of values that may be unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Text.
    Text(Vec<Option<String>>),
    /// Numbers that are never negative.
    Unsigned(Vec<Option<u64>>),
    /// Numbers that may be negative.
    Signed(Vec<Option<i64>>),
    /// Numbers with a fraction.
    Double(Vec<Option<f64>>),
    /// Moments, ms since 1970.
    Time(Vec<Option<i64>>),
}

impl Values {
    fn data_type(&self) -> DataType {
        match self {
            Self::Text(_) => DataType::Utf8,
            Self::Unsigned(_) => DataType::UInt64,
            Self::Signed(_) => DataType::Int64,
            Self::Double(_) => DataType::Float64,
            Self::Time(_) => time(&utc()),
        }
    }

    fn array(self) -> ArrayRef {
        match self {
            Self::Text(values) => Arc::new(StringArray::from(values)),
            Self::Unsigned(values) => Arc::new(UInt64Array::from(values)),
            Self::Signed(values) => Arc::new(Int64Array::from(values)),
            Self::Double(values) => Arc::new(Float64Array::from(values)),
            Self::Time(values) => {
                let known: NullBuffer = values.iter().map(Option::is_some).collect::<Vec<_>>().into();
                let ms = values.into_iter().map(Option::unwrap_or_default).collect();
                times(ms, Some(known), &time(&utc()))
            }
        }
    }
}

/// A stream that is being written.
pub struct Encoder {
    writer: StreamWriter<Vec<u8>>,
    schema: SchemaRef,
}

impl Encoder {
    /// A stream of these columns; `Values` without a value say what they are of.
    ///
    /// # Errors
    /// There are no such streams, which would be a mistake of ours.
    pub fn new<'a>(columns: impl IntoIterator<Item = (&'a str, Values)>) -> Result<Self, Error> {
        let field = |(name, values): (&str, Values)| Field::new(name, values.data_type(), true);
        Self::of(Arc::new(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>())))
    }

    /// A stream of answers with this schema.
    pub(crate) fn of(schema: SchemaRef) -> Result<Self, Error> {
        Ok(Self { writer: StreamWriter::try_new(Vec::new(), &schema)?, schema })
    }

    /// Appends rows: of each column as many values.
    ///
    /// # Errors
    /// They are not the stream's columns.
    pub fn append(&mut self, columns: impl IntoIterator<Item = Values>) -> Result<(), Error> {
        let arrays = columns.into_iter().map(Values::array).collect();
        self.append_batch(&RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)
    }

    pub(crate) fn append_batch(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        Ok(self.writer.write(batch)?)
    }

    /// What is written since it was taken last.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.get_mut())
    }

    /// The rest, with the mark of the end.
    ///
    /// # Errors
    /// There is no end, which would be a mistake of ours.
    pub fn finish(mut self) -> Result<Vec<u8>, Error> {
        self.writer.finish()?;
        Ok(self.take())
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// How an answer of this schema is shown.
pub(crate) fn shown_schema(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| {
        let shown = shown_type(field.data_type());
        Field::new(field.name(), shown, field.is_nullable())
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

/// These rows as they are shown.
///
/// # Errors
/// A value is none of its type, which would be a mistake of the engine's.
pub(crate) fn shown(batch: &RecordBatch) -> Result<RecordBatch, Error> {
    let arrays = batch.columns().iter().map(shown_array).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(shown_schema(&batch.schema()), arrays, &options)?)
}

fn shown_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        address if *address == ADDR || *address == MAC => DataType::Utf8,
        other => other.clone(),
    }
}

fn shown_array(array: &ArrayRef) -> Result<ArrayRef, Error> {
    let data_type = array.data_type();
    if *data_type != ADDR && *data_type != MAC {
        return Ok(cast(array, &shown_type(data_type))?);
    }
    let Some(octets) = array.as_fixed_size_binary_opt() else {
        return Err(Error::new(Reason::Failed, "a column of addresses has none: an error of weir"));
    };
    let text = |row: usize| octets.is_valid(row).then(|| cell::text(data_type, octets.value(row)));
    Ok(Arc::new((0..octets.len()).map(text).collect::<StringArray>()))
}
