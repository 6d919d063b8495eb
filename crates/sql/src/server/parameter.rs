//! The values that clients send beside a question, for `$1`, `$2`, ….

use super::problem;
use crate::error::{Error, Reason};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;
use pgwire::api::Type;
use pgwire::api::portal::Portal;
use pgwire::error::PgWireResult;
use std::collections::HashMap;

/// Microseconds from 1970 to 2000, where PostgreSQL's binary time begins; and days.
const Y2K_US: i64 = 946_684_800_000_000;
const Y2K_DAYS: i32 = 10_957;

/// The types of the parameters of a question: as the client says, else as they are used, else text.
pub(super) fn types(plan: &LogicalPlan, said: &[Option<Type>]) -> Result<Vec<(Type, DataType)>, Error> {
    let used: HashMap<String, Option<DataType>> = plan.get_parameter_types()?;
    let count = used.keys().filter_map(|name| name.trim_start_matches('$').parse::<usize>().ok()).max();
    let one = |at: usize| {
        let used = used.get(&format!("${}", at + 1)).cloned().flatten();
        let said = said.get(at).cloned().flatten().filter(|said| *said != Type::UNKNOWN);
        let pg_type = said.or_else(|| used.as_ref().map(super::value::pg_type)).unwrap_or(Type::TEXT);
        let data_type = used.unwrap_or(DataType::Utf8);
        (pg_type, data_type)
    };
    Ok((0..count.unwrap_or_default()).map(one).collect())
}

/// The values, each of the type in which the question uses it.
pub(super) fn values<S: Clone>(
    portal: &Portal<S>,
    types: &[(Type, DataType)],
) -> PgWireResult<Vec<ScalarValue>> {
    let one = |(at, (pg_type, data_type)): (usize, &(Type, DataType))| {
        let Some(octets) = portal.parameters.get(at) else {
            let sentence = format!("there is no value for ${}", at + 1);
            return Err(problem(&Error::new(Reason::Wrong, sentence)));
        };
        let Some(octets) = octets else {
            return ScalarValue::try_from(data_type).map_err(|error| problem(&error.into()));
        };
        let is_binary = match &portal.parameter_format {
            pgwire::api::portal::Format::Individual(codes) => codes.get(at) == Some(&1),
            format => format.is_binary(at),
        };
        let value = if is_binary { binary(octets, pg_type) } else { text(octets) };
        let bad = || problem(&Error::new(Reason::Wrong, format!("the value of ${} is no {pg_type}", at + 1)));
        value.and_then(|value| value.cast_to(data_type).ok()).ok_or_else(bad)
    };
    types.iter().enumerate().map(one).collect()
}

fn text(octets: &[u8]) -> Option<ScalarValue> {
    Some(ScalarValue::Utf8(Some(std::str::from_utf8(octets).ok()?.to_owned())))
}

fn binary(octets: &[u8], pg_type: &Type) -> Option<ScalarValue> {
    Some(match *pg_type {
        Type::BOOL => ScalarValue::Boolean(Some(*octets.first()? != 0)),
        Type::INT2 => ScalarValue::Int64(Some(i16::from_be_bytes(octets.try_into().ok()?).into())),
        Type::INT4 => ScalarValue::Int64(Some(i32::from_be_bytes(octets.try_into().ok()?).into())),
        Type::INT8 => ScalarValue::Int64(Some(i64::from_be_bytes(octets.try_into().ok()?))),
        Type::OID => ScalarValue::Int64(Some(u32::from_be_bytes(octets.try_into().ok()?).into())),
        Type::FLOAT4 => ScalarValue::Float64(Some(f32::from_be_bytes(octets.try_into().ok()?).into())),
        Type::FLOAT8 => ScalarValue::Float64(Some(f64::from_be_bytes(octets.try_into().ok()?))),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            let us = i64::from_be_bytes(octets.try_into().ok()?).checked_add(Y2K_US)?;
            ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into()))
        }
        Type::DATE => {
            ScalarValue::Date32(Some(i32::from_be_bytes(octets.try_into().ok()?).checked_add(Y2K_DAYS)?))
        }
        Type::TEXT | Type::VARCHAR | Type::NAME | Type::BPCHAR | Type::UNKNOWN => text(octets)?,
        _ => return None,
    })
}
