//! `sum`, exact: of integers it is computed in 128 bits, for a sum that wraps around is another number.

use crate::function::wrong;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};
use std::sync::Arc;

/// 20 digits hold any 64-bit number, and sums of them have 30.
pub(crate) const WIDE: DataType = DataType::Decimal128(20, 0);

/// The function, in place of the engine's.
pub(crate) fn exact() -> Arc<AggregateUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(AggregateUDF::from(Exact { inner: Sum::new(), signature }))
}

/// The engine's own sum, given integers of 128 bits instead of 64.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    inner: Sum,
    signature: Signature,
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [one] = types else { return Err(wrong("sum takes one argument, as sum(octets)")) };
        Ok(vec![match one {
            number if number.is_integer() || *number == DataType::Null => WIDE,
            number if number.is_floating() => DataType::Float64,
            number if number.is_decimal() => number.clone(),
            DataType::Duration(_) | DataType::Interval(_) => one.clone(),
            other => return Err(wrong(format!("sum adds numbers up, and {other} is none"))),
        }])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}
