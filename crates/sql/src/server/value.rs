//! Values in PostgreSQL's formats: text for all types, binary for those that clients ask for in binary.

use super::projection;
use crate::cell::{Cell, Shown};
use crate::error::{Error, Reason};
use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float64Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
};
use pgwire::api::Type;
use pgwire::api::portal::Format;
use pgwire::api::results::{FieldFormat, FieldInfo};
use pgwire::messages::data::DataRow;
use std::sync::Arc;

/// Microseconds from 1970 to 2000, where PostgreSQL's binary time begins.
const Y2K_US: i64 = 946_684_800_000_000;
/// PostgreSQL's numbers of any length have digits of this base.
const BASE: u128 = 10_000;

/// The type that clients are told. What PostgreSQL has no type for is text.
pub(super) fn pg_type(data_type: &DataType) -> Type {
    match data_type {
        DataType::Boolean => Type::BOOL,
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => Type::INT2,
        DataType::UInt16 | DataType::Int32 => Type::INT4,
        // Octets beyond 63 bits are refused when they come: nobody sends so many, and a `numeric` is no number in
        // most clients.
        DataType::UInt32 | DataType::Int64 | DataType::UInt64 => Type::INT8,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Type::FLOAT8,
        DataType::Decimal128(..)
        | DataType::Decimal256(..)
        | DataType::Decimal64(..)
        | DataType::Decimal32(..) => Type::NUMERIC,
        DataType::Timestamp(_, Some(_)) => Type::TIMESTAMPTZ,
        DataType::Timestamp(_, None) => Type::TIMESTAMP,
        DataType::Date32 | DataType::Date64 => Type::DATE,
        _ => Type::TEXT,
    }
}

/// The columns of an answer.
pub(super) fn fields(schema: &Schema, format: &Format) -> Vec<FieldInfo> {
    let field = |(at, field): (usize, &Arc<datafusion::arrow::datatypes::Field>)| {
        let pg_type = pg_type(field.data_type());
        let size = width(&pg_type);
        let format = match format {
            Format::Individual(codes) => FieldFormat::from(codes.get(at).copied().unwrap_or_default()),
            other => other.format_for(at),
        };
        FieldInfo::new(projection::shown(field.name()).to_owned(), None, None, pg_type, format)
            .with_type_size(size)
    };
    schema.fields().iter().enumerate().map(field).collect()
}

/// How many octets values of a type have; -1 where that differs.
pub(super) fn width(pg_type: &Type) -> i16 {
    match *pg_type {
        Type::BOOL => 1,
        Type::INT2 => 2,
        Type::INT4 | Type::DATE => 4,
        Type::INT8 | Type::FLOAT8 | Type::TIMESTAMP | Type::TIMESTAMPTZ => 8,
        _ => -1,
    }
}

/// The rows of a batch.
///
/// # Errors
/// A number does not fit its type.
pub(super) fn rows(batch: &RecordBatch, fields: &[FieldInfo]) -> Result<Vec<DataRow>, Error> {
    let columns: Result<Vec<_>, Error> =
        batch.columns().iter().zip(fields).map(|(array, field)| Column::new(array, field)).collect();
    let columns = columns?;
    let shown = columns.iter().map(|column| Shown::new(&column.array)).collect::<Result<Vec<_>, _>>()?;
    let count = i16::try_from(columns.len()).unwrap_or(i16::MAX);
    let mut rows = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let mut out = BytesMut::new();
        for (column, shown) in columns.iter().zip(&shown) {
            column.put(row, shown, &mut out)?;
        }
        rows.push(DataRow::new(out, count));
    }
    Ok(rows)
}

/// A column of a batch, to be written.
struct Column {
    array: ArrayRef,
    pg_type: Type,
    is_binary: bool,
}

impl Column {
    fn new(array: &ArrayRef, field: &FieldInfo) -> Result<Self, Error> {
        let pg_type = field.datatype().clone();
        // One type of array for each type of PostgreSQL.
        let to = match pg_type {
            Type::INT2 | Type::INT4 | Type::INT8 => Some(DataType::Int64),
            Type::FLOAT8 => Some(DataType::Float64),
            Type::TIMESTAMP => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
            Type::TIMESTAMPTZ => match array.data_type() {
                DataType::Timestamp(_, zone) => {
                    Some(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
                }
                _ => None,
            },
            Type::DATE => Some(DataType::Date32),
            _ => None,
        };
        let cast_to = |to: DataType| {
            let cast = cast(array, &to)?;
            // What does not fit becomes null, and is said instead.
            if cast.null_count() > array.null_count() {
                let name = field.name();
                let sentence =
                    format!("a value of {name} does not fit 64 bits with a sign: ask for {name}::numeric");
                return Err(Error::new(Reason::Wrong, sentence));
            }
            Ok(cast)
        };
        let array = to.map_or_else(|| Ok(Arc::clone(array)), cast_to)?;
        Ok(Self { array, pg_type, is_binary: field.format() == FieldFormat::Binary })
    }

    fn put(&self, row: usize, shown: &Shown<'_>, out: &mut BytesMut) -> Result<(), Error> {
        if self.array.is_null(row) || *self.array.data_type() == DataType::Null {
            out.put_i32(-1);
            return Ok(());
        }
        let mut value = BytesMut::new();
        if self.is_binary {
            self.binary(row, shown, &mut value)?;
        } else {
            self.text(row, shown, &mut value)?;
        }
        let length = i32::try_from(value.len());
        out.put_i32(length.map_err(|_| Error::new(Reason::TooLarge, "a value is longer than 2 GiB"))?);
        out.extend_from_slice(&value);
        Ok(())
    }

    fn text(&self, row: usize, shown: &Shown<'_>, out: &mut BytesMut) -> Result<(), Error> {
        let text = match shown.cell(row)? {
            Cell::Null => String::new(),
            Cell::Bool(value) => if value { "t" } else { "f" }.to_owned(),
            Cell::Number(text) => text,
            // `2026-10-05T14:00:00.123Z` is `2026-10-05 14:00:00.123+00` in PostgreSQL, +02:00 is +02, +05:30 is +05:30.
            Cell::Text(text) if self.pg_type == Type::TIMESTAMPTZ => {
                let text = text.replace('T', " ").replace('Z', "+00");
                text.strip_suffix(":00").filter(|rest| is_offset(rest)).map_or(text.clone(), str::to_owned)
            }
            Cell::Text(text) if self.pg_type == Type::TIMESTAMP => text.replace('T', " "),
            Cell::Text(text) => text.replace('\0', "\u{fffd}"),
        };
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn binary(&self, row: usize, shown: &Shown<'_>, out: &mut BytesMut) -> Result<(), Error> {
        let integer = || self.array.as_primitive::<Int64Type>().value(row);
        let micros =
            || self.array.as_primitive::<TimestampMicrosecondType>().value(row).saturating_sub(Y2K_US);
        match self.pg_type {
            Type::BOOL => out.put_u8(self.array.as_boolean().value(row).into()),
            Type::INT2 => out.put_i16(i16::try_from(integer()).unwrap_or_default()),
            Type::INT4 => out.put_i32(i32::try_from(integer()).unwrap_or_default()),
            Type::INT8 => out.put_i64(integer()),
            Type::FLOAT8 => out.put_f64(self.array.as_primitive::<Float64Type>().value(row)),
            Type::TIMESTAMP | Type::TIMESTAMPTZ => out.put_i64(micros()),
            Type::DATE => {
                let days = self.array.as_primitive::<datafusion::arrow::datatypes::Date32Type>().value(row);
                out.put_i32(days.saturating_sub(10_957));
            }
            Type::NUMERIC => {
                let DataType::Decimal128(_, scale) = self.array.data_type() else {
                    return Err(Error::new(
                        Reason::Wrong,
                        "such long numbers are sent as text only: cast it to text",
                    ));
                };
                numeric(self.array.as_primitive::<Decimal128Type>().value(row), *scale, out);
            }
            _ => self.text(row, shown, out)?,
        }
        Ok(())
    }
}

/// Whether a time ends with whole hours of offset: `… 14:00:00.123+02`.
fn is_offset(text: &str) -> bool {
    let mut end = text.bytes().rev();
    let digits = end.next().zip(end.next()).is_some_and(|(a, b)| a.is_ascii_digit() && b.is_ascii_digit());
    digits && matches!(end.next(), Some(b'+' | b'-'))
}

/// A decimal number in PostgreSQL's binary form: digits of base 10,000, the place of the first, sign, and how many
/// decimal places are shown.
fn numeric(value: i128, scale: i8, out: &mut BytesMut) {
    let places = u32::try_from(scale.max(0)).unwrap_or_default();
    // So many more zeros that the places are whole digits of the base.
    let padding = (4 - places % 4) % 4;
    let factor = 10u128.pow(padding + u32::try_from((-scale).max(0)).unwrap_or_default());
    let mut rest = value.unsigned_abs().saturating_mul(factor);
    let behind = i16::try_from((places + padding) / 4).unwrap_or_default();
    let mut digits = Vec::new();
    while rest > 0 {
        digits.push(u16::try_from(rest % BASE).unwrap_or_default());
        rest /= BASE;
    }
    digits.reverse();
    let count = i16::try_from(digits.len()).unwrap_or_default();
    out.put_i16(count);
    out.put_i16(if count == 0 { 0 } else { count - behind - 1 });
    out.put_u16(if value < 0 { 0x4000 } else { 0 });
    out.put_u16(u16::try_from(places).unwrap_or_default());
    digits.into_iter().for_each(|digit| out.put_u16(digit));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(value: i128, scale: i8) -> Vec<u16> {
        let mut out = BytesMut::new();
        numeric(value, scale, &mut out);
        out.chunks(2).map(|two| u16::from_be_bytes([two[0], two[1]])).collect()
    }

    /// As `SELECT encode(numeric_send(…), 'hex')` of PostgreSQL 16 writes them.
    #[test]
    fn numbers_are_written_as_postgresql_writes_them() {
        assert_eq!(words(0, 0), [0, 0, 0, 0]);
        assert_eq!(words(12_345, 0), [2, 1, 0, 0, 1, 2345]);
        assert_eq!(words(-7, 0), [1, 0, 0x4000, 0, 7]);
        assert_eq!(words(150, 2), [2, 0, 0, 2, 1, 5000]);
        assert_eq!(words(5, 3), [1, 0xffff, 0, 3, 50]);
        assert_eq!(words(1 << 64, 0), [5, 4, 0, 0, 1844, 6744, 737, 955, 1616].map(|x| x)[..]);
    }
}
