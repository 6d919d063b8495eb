//! What the store's columns are in SQL, and batches of them as Arrow's arrays.

use datafusion::arrow::array::{
    ArrayRef, BinaryViewBuilder, FixedSizeBinaryArray, RecordBatch, RecordBatchOptions, StringViewBuilder,
    TimestampMillisecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use datafusion::arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use std::ops::Range;
use std::sync::Arc;
use weir_flow::schema::{COLUMNS, Kind};
use weir_flow::{Addr, Batch, Column, Mac, Values};

/// How many octets an address has: IPv4 is mapped into IPv6, as [`Addr`] holds it.
const ADDR_OCTETS: i32 = 16;
const MAC_OCTETS: i32 = 6;

/// An address. Nothing else in SQL has this type, so it says by itself how it is shown.
pub(crate) const ADDR: DataType = DataType::FixedSizeBinary(ADDR_OCTETS);
/// A MAC address.
pub(crate) const MAC: DataType = DataType::FixedSizeBinary(MAC_OCTETS);

/// The columns that every row has.
const REQUIRED: u64 = Column::Start.bit()
    | Column::End.bit()
    | Column::Received.bit()
    | Column::TimeSource.bit()
    | Column::Exporter.bit()
    | Column::Domain.bit()
    | Column::ProtocolVersion.bit();

/// Milliseconds since 1970, as the clocks of this zone show them: what is cut to a day is cut to one of theirs.
pub(crate) fn time(zone: &Arc<str>) -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some(Arc::clone(zone)))
}

/// The zone of times that nobody asked for in another.
pub(crate) fn utc() -> Arc<str> {
    Arc::from("UTC")
}

/// The type of a column of this kind.
pub(crate) fn data_type(kind: Kind, zone: &Arc<str>) -> DataType {
    match kind {
        Kind::Time => time(zone),
        Kind::Addr => ADDR,
        Kind::Mac => MAC,
        Kind::Unsigned(0..=8) => DataType::UInt8,
        Kind::Unsigned(9..=16) => DataType::UInt16,
        Kind::Unsigned(17..=32) => DataType::UInt32,
        Kind::Unsigned(_) => DataType::UInt64,
        Kind::Word(_) | Kind::Name | Kind::Text => DataType::Utf8View,
        Kind::Elements => DataType::BinaryView,
    }
}

/// The schema of `flows`.
pub(crate) fn flows(zone: &Arc<str>) -> SchemaRef {
    let field = |definition: &weir_flow::schema::Definition| {
        let nullable = REQUIRED & definition.column.bit() == 0;
        Field::new(definition.name, data_type(definition.kind, zone), nullable)
    };
    Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
}

/// These rows of a batch in these columns, which it must hold.
///
/// # Errors
/// The arrays do not fit the schema, which would be a mistake of ours.
pub(crate) fn rows(
    batch: &Batch,
    columns: &[Column],
    schema: &SchemaRef,
    rows: Range<usize>,
) -> Result<RecordBatch, ArrowError> {
    let arrays: Result<Vec<_>, _> = columns
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| array(batch, *column, field.data_type(), rows.clone()))
        .collect();
    // A question that only counts has no columns.
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays?, &options)
}

fn array(
    batch: &Batch,
    column: Column,
    data_type: &DataType,
    rows: Range<usize>,
) -> Result<ArrayRef, ArrowError> {
    let nulls = nulls(batch, column, &rows);
    Ok(match (batch.values(column), column.kind()) {
        (Values::U8(codes), Kind::Word(words)) => {
            strings(part(codes, &rows), words.iter().copied(), nulls.as_ref())?
        }
        (Values::U8(v), _) => Arc::new(UInt8Array::new(part(v, &rows).to_vec().into(), nulls)),
        (Values::U16(v), _) => Arc::new(UInt16Array::new(part(v, &rows).to_vec().into(), nulls)),
        (Values::U32(places), Kind::Name) => {
            strings(part(places, &rows), batch.names().iter().map(|name| &**name), nulls.as_ref())?
        }
        (Values::U32(v), _) => Arc::new(UInt32Array::new(part(v, &rows).to_vec().into(), nulls)),
        (Values::U64(v), Kind::Mac) => {
            let octets: Vec<u8> = part(v, &rows).iter().flat_map(|mac| Mac(*mac).octets()).collect();
            Arc::new(FixedSizeBinaryArray::try_new(MAC_OCTETS, octets.into(), nulls)?)
        }
        (Values::U64(v), _) => Arc::new(UInt64Array::new(part(v, &rows).to_vec().into(), nulls)),
        (Values::Time(v), _) => times(part(v, &rows).to_vec(), nulls, data_type),
        (Values::Addr(v), _) => addrs(part(v, &rows).iter(), nulls)?,
        (Values::Bytes(v), kind) => {
            let present = |at: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(at));
            let values = rows.clone().enumerate().map(|(at, row)| v.get(row).filter(|_| present(at)));
            if kind == Kind::Elements {
                let mut builder = BinaryViewBuilder::with_capacity(rows.len());
                values.for_each(|value| builder.append_option(value));
                Arc::new(builder.finish())
            } else {
                let mut builder = StringViewBuilder::with_capacity(rows.len());
                values.for_each(|value| builder.append_option(value.map(String::from_utf8_lossy)));
                Arc::new(builder.finish())
            }
        }
    })
}

/// Moments, ms since 1970, of a type that [`time`] gave.
pub(crate) fn times(ms: Vec<i64>, nulls: Option<NullBuffer>, data_type: &DataType) -> ArrayRef {
    let zone = match data_type {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    Arc::new(TimestampMillisecondArray::new(ms.into(), nulls).with_timezone_opt(zone))
}

/// Addresses.
pub(crate) fn addrs<'a>(
    addrs: impl Iterator<Item = &'a Addr>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    let octets: Vec<u8> = addrs.flat_map(|addr| *addr.octets()).collect();
    Ok(Arc::new(FixedSizeBinaryArray::try_new(ADDR_OCTETS, octets.into(), nulls)?))
}

fn part<'a, T>(values: &'a [T], rows: &Range<usize>) -> &'a [T] {
    values.get(rows.clone()).unwrap_or_default()
}

/// `None` where every row has a value.
fn nulls(batch: &Batch, column: Column, rows: &Range<usize>) -> Option<NullBuffer> {
    if REQUIRED & column.bit() != 0 {
        return None;
    }
    let present = part(batch.present(), rows);
    let bits = BooleanBuffer::collect_bool(present.len(), |row| {
        present.get(row).is_some_and(|mask| mask & column.bit() != 0)
    });
    let nulls = NullBuffer::new(bits);
    (nulls.null_count() > 0).then_some(nulls)
}

/// Strings of which there are few: each is in memory once, whatever number of rows has it.
fn strings<'a, T: Copy + Into<u64>>(
    places: &[T],
    all: impl Iterator<Item = &'a str>,
    nulls: Option<&NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    let mut text = String::new();
    let mut spots = Vec::new();
    for string in all {
        let spot = (u32::try_from(text.len()), u32::try_from(string.len()));
        text.push_str(string);
        spots.push((spot.0.unwrap_or(u32::MAX), spot.1.unwrap_or(u32::MAX)));
    }
    let mut builder = StringViewBuilder::with_capacity(places.len());
    let block = builder.append_block(Buffer::from(text.into_bytes()));
    for (row, place) in places.iter().enumerate() {
        let spot = usize::try_from((*place).into()).ok().and_then(|place| spots.get(place));
        match spot.filter(|_| nulls.is_none_or(|nulls| nulls.is_valid(row))) {
            Some((start, length)) => builder.try_append_view(block, *start, *length)?,
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}
