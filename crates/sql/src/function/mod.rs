//! Functions that know addresses and names, and those that PostgreSQL has otherwise than the engine.

mod address;
mod format;
mod named;
mod network;

use crate::lookup::Lookup;

use crate::error::{Error, Reason};
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;
use weir_flow::Addr;

/// All of them; those that know names ask `lookup`.
pub(crate) fn all(lookup: &Arc<dyn Lookup>) -> Vec<Arc<ScalarUDF>> {
    let pure = [
        &address::ADDR_OF,
        &address::MAC_OF,
        &address::IP_OF,
        &network::NET,
        &network::IN_NET,
        &format::TO_CHAR,
    ];
    let named = named::all(lookup).into_iter().map(Arc::new);
    pure.into_iter().map(|one| Arc::clone(one)).chain(named).collect()
}

/// `addr('10.0.0.1')`.
pub(crate) fn addr() -> Arc<ScalarUDF> {
    Arc::clone(&address::ADDR_OF)
}

/// `mac('02:00:5e:00:01:fe')`.
pub(crate) fn mac() -> Arc<ScalarUDF> {
    Arc::clone(&address::MAC_OF)
}

/// `ip(src_addr)`.
pub(crate) fn ip() -> Arc<ScalarUDF> {
    Arc::clone(&address::IP_OF)
}

/// A mistake in the question.
pub(crate) fn wrong(sentence: impl Into<String>) -> DataFusionError {
    DataFusionError::External(Box::new(Error::new(Reason::Wrong, sentence)))
}

/// Whether values of this type are text.
pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8)
}

/// The text of each row.
fn texts(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(cast(array, &DataType::Utf8)?)
}

/// The text in a row of what [`texts`] gave.
fn text_at(array: &ArrayRef, row: usize) -> Option<&str> {
    let strings = array.as_string_opt::<i32>()?;
    strings.is_valid(row).then(|| strings.value(row))
}

/// The address in a row.
fn addr_at(array: &ArrayRef, row: usize) -> Option<Addr> {
    let octets = array.as_fixed_size_binary_opt()?;
    if octets.is_null(row) { None } else { Addr::from_slice(octets.value(row)) }
}
