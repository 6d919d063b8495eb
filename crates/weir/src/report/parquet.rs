//! Answers as a Parquet file, column by column, in the types that DuckDB, pandas and Spark read as they are.

use super::sheet::{Head, Kind, Sheet, Value};
use crate::exit::{Failure, Outcome};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use std::io::{BufWriter, Write};
use std::sync::Arc;

/// Writes Parquet piece by piece; each sheet becomes a row group. All must have the same heads.
pub(crate) struct File<W: Write + Send> {
    writer: SerializedFileWriter<BufWriter<W>>,
}

impl From<ParquetError> for Failure {
    fn from(error: ParquetError) -> Self {
        Self::new(format!("cannot write the result as Parquet: {error}"))
    }
}

impl<W: Write + Send> File<W> {
    /// A file of these columns.
    pub(crate) fn new(out: W, heads: &[Head]) -> Outcome<Self> {
        let fields = heads.iter().map(field).collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::new(Type::group_type_builder("weir").with_fields(fields).build()?);
        let properties = WriterProperties::builder()
            .set_created_by(concat!("weir ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .build();
        let writer = SerializedFileWriter::new(BufWriter::new(out), schema, Arc::new(properties))?;
        Ok(Self { writer })
    }

    /// Appends the rows.
    pub(crate) fn write(&mut self, sheet: &Sheet) -> Outcome {
        if sheet.rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        let mut at = 0;
        while let Some(mut column) = group.next_column()? {
            write_column(column.untyped(), sheet, at)?;
            column.close()?;
            at += 1;
        }
        group.close()?;
        Ok(())
    }

    /// Writes the footer.
    pub(crate) fn finish(self) -> Outcome {
        self.writer
            .into_inner()?
            .flush()
            .map_err(|error| Failure::new(format!("cannot write the result: {error}")))
    }
}

fn field(head: &Head) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match head.kind {
        Kind::Text => (Physical::BYTE_ARRAY, LogicalType::String),
        Kind::Unsigned => (Physical::INT64, LogicalType::integer(64, false)),
        Kind::Signed => (Physical::INT64, LogicalType::integer(64, true)),
        Kind::Double => {
            let builder = Type::primitive_type_builder(&head.name, Physical::DOUBLE);
            return Ok(Arc::new(builder.with_repetition(Repetition::OPTIONAL).build()?));
        }
        Kind::Time => (Physical::INT64, LogicalType::timestamp(true, TimeUnit::MILLIS)),
    };
    let builder = Type::primitive_type_builder(&head.name, physical);
    Ok(Arc::new(builder.with_repetition(Repetition::OPTIONAL).with_logical_type(Some(logical)).build()?))
}

fn write_column(writer: &mut ColumnWriter<'_>, sheet: &Sheet, at: usize) -> Outcome {
    let values = || sheet.rows.iter().filter_map(|row| row.get(at));
    let known: Vec<i16> = values().map(|value| i16::from(*value != Value::Null)).collect();
    match writer {
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            let texts: Vec<ByteArray> = values()
                .filter_map(|value| match value {
                    Value::Text(text) => Some(ByteArray::from(text.as_str())),
                    _ => None,
                })
                .collect();
            writer.write_batch(&texts, Some(&known), None)?;
        }
        ColumnWriter::Int64ColumnWriter(writer) => {
            let numbers = values().filter(|value| **value != Value::Null).map(number);
            writer.write_batch(&numbers.collect::<Outcome<Vec<i64>>>()?, Some(&known), None)?;
        }
        ColumnWriter::DoubleColumnWriter(writer) => {
            let numbers: Vec<f64> = values()
                .filter_map(|value| if let Value::Double(n) = value { Some(*n) } else { None })
                .collect();
            writer.write_batch(&numbers, Some(&known), None)?;
        }
        _ => return Err(Failure::new("a column has a type that is not written: an error of weir")),
    }
    Ok(())
}

/// A number as 64 bits.
fn number(value: &Value) -> Outcome<i64> {
    let number = match value {
        Value::Unsigned(n) => u64::try_from(*n).ok().map(u64::cast_signed),
        Value::Signed(n) => i64::try_from(*n).ok(),
        Value::Time(ms) => Some(*ms),
        Value::Null | Value::Text(_) | Value::Double(_) => None,
    };
    number.ok_or_else(|| Failure::new("a sum exceeds the 64 bits that Parquet has: use -o csv or -o json"))
}
