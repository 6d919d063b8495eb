//! One value of an answer, as it is shown.

use crate::column::{ADDR, MAC};
use crate::error::Error;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use weir_flow::{Addr, Mac};

/// A value of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Unknown.
    Null,
    /// True or false.
    Bool(bool),
    /// A number, in decimal.
    Number(String),
    /// Anything else, as people write it: times by RFC 3339 with the offset of their zone, addresses in their usual form, octets in
    /// hexadecimal.
    Text(String),
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Integers that are never below 0.
    Unsigned,
    /// Integers.
    Signed,
    /// Numbers with a fraction.
    Double,
    /// Moments.
    Time,
    /// Anything else.
    Other,
}

impl Class {
    pub(crate) fn of(data_type: &DataType) -> Self {
        match data_type {
            one if one.is_unsigned_integer() => Self::Unsigned,
            one if one.is_integer() => Self::Signed,
            DataType::Decimal128(_, 0) | DataType::Decimal256(_, 0) => Self::Signed,
            one if one.is_numeric() => Self::Double,
            DataType::Timestamp(_, Some(_)) => Self::Time,
            _ => Self::Other,
        }
    }

    /// Whether its values are numbers.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Self::Unsigned | Self::Signed | Self::Double)
    }
}

/// How times and durations look.
const FORMAT: FormatOptions<'static> = FormatOptions::new()
    .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.3f%:z"))
    .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.3f"));

/// The offset of UTC, which is written as Z.
const ZERO: &str = "+00:00";

/// A column of an answer, ready to be shown.
pub(crate) struct Shown<'a> {
    array: &'a ArrayRef,
    formatter: ArrayFormatter<'a>,
}

impl<'a> Shown<'a> {
    pub(crate) fn new(array: &'a ArrayRef) -> Result<Self, Error> {
        Ok(Self { array, formatter: ArrayFormatter::try_new(array.as_ref(), &FORMAT)? })
    }

    /// The value in this row.
    pub(crate) fn cell(&self, row: usize) -> Result<Cell, Error> {
        if row >= self.array.len() || self.array.is_null(row) {
            return Ok(Cell::Null);
        }
        let data_type = self.array.data_type();
        Ok(match data_type {
            DataType::Null => Cell::Null,
            DataType::Boolean => Cell::Bool(self.array.as_boolean().value(row)),
            DataType::FixedSizeBinary(_) => Cell::Text(octets(self.array, row)),
            DataType::Float32 => float(self.array.as_primitive::<Float32Type>().value(row).into()),
            DataType::Float64 => float(self.array.as_primitive::<Float64Type>().value(row)),
            _ => {
                let mut text = self.formatter.value(row).try_to_string()?;
                if matches!(data_type, DataType::Timestamp(_, Some(_))) && text.ends_with(ZERO) {
                    text.truncate(text.len() - ZERO.len());
                    text.push('Z');
                }
                if data_type.is_numeric() { Cell::Number(text) } else { Cell::Text(text) }
            }
        })
    }
}

/// Infinite and undefined numbers are no numbers in JSON: they come as text.
fn float(value: f64) -> Cell {
    if value.is_finite() { Cell::Number(value.to_string()) } else { Cell::Text(value.to_string()) }
}

/// An address, a MAC address, or hexadecimal.
fn octets(array: &ArrayRef, row: usize) -> String {
    let octets = array.as_fixed_size_binary().value(row);
    text(array.data_type(), octets)
}

/// Octets of a type of fixed length as text.
pub(crate) fn text(data_type: &DataType, octets: &[u8]) -> String {
    if *data_type == ADDR
        && let Some(addr) = Addr::from_slice(octets)
    {
        return addr.to_string();
    }
    if *data_type == MAC
        && let Ok(octets) = octets.try_into()
    {
        return Mac::from_octets(octets).to_string();
    }
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
