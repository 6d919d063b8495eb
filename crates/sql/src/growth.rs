//! Functions that make more text than they are given: how much of it at once.
//!
//! A function computes a batch of rows before anybody can count what came of it: `replace(text, 'a', other)` of
//! 8,192 rows may be gigabytes. So before such a function is called the most that it could make is worked out from what it is
//! given, and refused where that is more than its [`Allowance`]. Those that make any length from a number are not
//! offered at all ([`LEFT_OUT`]). The engine's own simplifications of a bounded function are passed over: what they make of it
//! would not be bounded.

use crate::error::{Error, Reason};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::kernels::concat_elements::concat_elements_utf8;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExpressionPlacement, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Scalar functions of the engine's that are not offered: each makes text of any length from one number.
pub(crate) const LEFT_OUT: [&str; 3] = ["lpad", "repeat", "rpad"];

/// How long a text of a question, or one computed once for all rows, may be: it may stand in every row of a batch.
pub(crate) const CONSTANT_BYTES_MAX: usize = 8 << 10;

/// Of the memory of all questions, one question's functions may fill this part at once.
const PART: usize = 8;

/// However little that is.
const ALLOWED_MIN: usize = 512 << 10;

/// What a row costs beside its octets.
const ROW_BYTES: usize = 16;

/// The most that a function makes of what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Growth {
    /// All of its arguments, so many times.
    Sum(usize),
    /// The first argument between all others.
    Separated,
    /// The longest of the others beside every octet of the first.
    Product,
}

impl Growth {
    /// Of a function of the engine's; `None` if it makes no more than it is given, or some octets a row.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "concat" | "overlay" | "named_struct" | "struct" => Self::Sum(1),
            "encode" => Self::Sum(2),
            "translate" => Self::Sum(4),
            "concat_ws" => Self::Separated,
            "replace" | "regexp_replace" => Self::Product,
            _ => return None,
        })
    }

    /// The octets that may come of these arguments in so many rows.
    fn bound(self, arguments: &[ColumnarValue], rows: usize) -> usize {
        let all = |arguments: &[ColumnarValue]| arguments.iter().map(|one| octets(one, rows)).sum::<usize>();
        let (first, others) = arguments.split_at(arguments.len().min(1));
        let made = match self {
            Self::Sum(times) => all(arguments).saturating_mul(times),
            Self::Separated => all(others).saturating_add(all(first).saturating_mul(others.len())),
            Self::Product => {
                let longest = others.iter().map(longest).max().unwrap_or_default();
                all(first).saturating_add(rows).saturating_mul(longest.saturating_add(1))
            }
        };
        made.saturating_add(rows.saturating_mul(ROW_BYTES))
    }
}

/// The octets of an argument in all rows.
fn octets(argument: &ColumnarValue, rows: usize) -> usize {
    match argument {
        ColumnarValue::Scalar(scalar) => length(scalar).saturating_mul(rows),
        ColumnarValue::Array(array) => match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().iter().flatten().map(str::len).sum(),
            DataType::LargeUtf8 => array.as_string::<i64>().iter().flatten().map(str::len).sum(),
            DataType::Utf8View => array.as_string_view().iter().flatten().map(str::len).sum(),
            _ => array.get_array_memory_size(),
        },
    }
}

/// The octets of a constant.
pub(crate) fn length(scalar: &ScalarValue) -> usize {
    scalar.try_as_str().map_or_else(|| scalar.size(), |text| text.map_or(0, str::len))
}

/// The octets of the longest value of an argument.
fn longest(argument: &ColumnarValue) -> usize {
    let most = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    match argument {
        ColumnarValue::Scalar(scalar) => length(scalar),
        ColumnarValue::Array(array) => match array.data_type() {
            DataType::Utf8 => most(&mut array.as_string::<i32>().iter().flatten().map(str::len)),
            DataType::LargeUtf8 => most(&mut array.as_string::<i64>().iter().flatten().map(str::len)),
            DataType::Utf8View => most(&mut array.as_string_view().iter().flatten().map(str::len)),
            _ => array.get_array_memory_size(),
        },
    }
}

/// How many octets one call may make, for all calls of a question.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    /// For all calls together.
    all: usize,
    each: Arc<AtomicUsize>,
}

impl Allowance {
    /// Of questions that may have so much memory together, on so many threads.
    pub(crate) fn new(memory_bytes: usize, threads: usize) -> Self {
        let all = memory_bytes / PART / threads.max(1);
        let each = Arc::new(AtomicUsize::new(all.max(ALLOWED_MIN)));
        Self { all, each }
    }

    /// Shares it among so many calls.
    fn share(&self, calls: usize) {
        self.each.store((self.all / calls.max(1)).max(ALLOWED_MIN), Ordering::Relaxed);
    }

    fn check(&self, name: &str, bytes: usize, rows: Option<usize>) -> Result<()> {
        let (limit, of) = match rows {
            Some(rows) => (self.each.load(Ordering::Relaxed), format!("{rows} rows at once")),
            None => (CONSTANT_BYTES_MAX, "constants".to_owned()),
        };
        if bytes <= limit {
            return Ok(());
        }
        let sentence = format!(
            "{name} could make {bytes} octets of {of}, and may make {limit}: shorten the texts (left, substr), or allow more \
             memory (--memory, or memory of [sql])"
        );
        Err(DataFusionError::External(Box::new(Error::new(Reason::TooLarge, sentence))))
    }
}

/// Bounds the functions of a plan that make more than they are given, and shares the allowance among them.
///
/// # Errors
/// The engine does not take the plan, which would be a mistake of ours.
pub(crate) fn in_calls(plan: LogicalPlan, allowance: &Allowance) -> Result<LogicalPlan> {
    let mut calls = 0;
    let mut bounded = |expr: Expr| -> Result<Transformed<Expr>> {
        let Expr::ScalarFunction(mut call) = expr else { return Ok(Transformed::no(expr)) };
        if call.func.inner().is::<Bounded>() {
            calls += 1;
        } else if let Some(growth) = Growth::of(call.func.name()) {
            call.func = wrapped(Arc::clone(call.func.inner()), growth, allowance);
            calls += 1;
        }
        Ok(Transformed::yes(Expr::ScalarFunction(call)))
    };
    let plan = plan
        .transform_up_with_subqueries(|node| node.map_expressions(|expr| expr.transform_up(&mut bounded)))?
        .data;
    allowance.share(calls);
    Ok(plan)
}

/// `left || right` of texts.
pub(crate) fn joined(allowance: &Allowance) -> Arc<ScalarUDF> {
    let joined = Joined { signature: Signature::user_defined(Volatility::Immutable) };
    wrapped(Arc::new(joined), Growth::Sum(1), allowance)
}

fn wrapped(inner: Arc<dyn ScalarUDFImpl>, growth: Growth, allowance: &Allowance) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Bounded { inner, growth, allowance: allowance.clone() }))
}

/// A function that is called only where what it may make is allowed.
#[derive(Debug)]
struct Bounded {
    inner: Arc<dyn ScalarUDFImpl>,
    growth: Growth,
    allowance: Allowance,
}

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.inner.name() == other.inner.name() && Arc::ptr_eq(&self.allowance.each, &other.allowance.each)
    }
}

impl Eq for Bounded {}

impl Hash for Bounded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.name().hash(state);
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        self.inner.schema_name(arguments)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = Arc::clone(self.inner.with_updated_config(config)?.inner());
        Some(ScalarUDF::from(Self { inner, growth: self.growth, allowance: self.allowance.clone() }))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn placement(&self, arguments: &[ExpressionPlacement]) -> ExpressionPlacement {
        self.inner.placement(arguments)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = arguments.args.iter().all(|one| matches!(one, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { arguments.number_rows };
        let bytes = self.growth.bound(&arguments.args, rows);
        self.allowance.check(self.name(), bytes, (!is_constant).then_some(rows))?;
        self.inner.invoke_with_args(arguments)
    }
}

/// `||`, of whatever can be text; null where a side is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Joined {
    signature: Signature,
}

impl ScalarUDFImpl for Joined {
    fn name(&self) -> &'static str {
        "||"
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        let names =
            arguments.iter().map(|one| Ok(one.schema_name().to_string())).collect::<Result<Vec<_>>>()?;
        Ok(names.join(" || "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![DataType::Utf8; types.len()])
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = arguments.args.iter().all(|one| matches!(one, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { arguments.number_rows };
        let sides = arguments.args.iter().map(|one| one.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let [left, right] = sides.as_slice() else {
            return Err(DataFusionError::Internal("|| has two sides".to_owned()));
        };
        let joined = Arc::new(concat_elements_utf8(left.as_string::<i32>(), right.as_string::<i32>())?)
            as Arc<dyn Array>;
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&joined, 0)?));
        }
        Ok(ColumnarValue::Array(joined))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{ArrayRef, StringArray, StringViewArray};
    use datafusion::prelude::SessionContext;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// The functions as the engine has them.
    fn functions() -> HashMap<String, Arc<ScalarUDF>> {
        SessionContext::new().state().scalar_functions().clone().into_iter().collect()
    }

    fn call(function: &ScalarUDF, arguments: Vec<ColumnarValue>, rows: usize) -> usize {
        let types: Vec<DataType> = arguments.iter().map(ColumnarValue::data_type).collect();
        let field = |data_type: &DataType| {
            Arc::new(datafusion::arrow::datatypes::Field::new("a", data_type.clone(), true))
        };
        let made = function.invoke_with_args(ScalarFunctionArgs {
            args: arguments,
            arg_fields: types.iter().map(field).collect(),
            number_rows: rows,
            return_field: field(&function.return_type(&types).unwrap()),
            config_options: Arc::new(ConfigOptions::default()),
        });
        octets(&ColumnarValue::Array(made.unwrap().to_array(rows).unwrap()), rows)
    }

    proptest! {
        #[test]
        fn no_function_makes_more_than_its_bound(
            rows in prop::collection::vec(("[ab.]{0,9}", "[ab.]{0,3}", "[xyß]{0,9}"), 1..9), constant in 0..4usize,
        ) {
            let all = functions();
            let column = |at: usize, text: &dyn Fn(&(String, String, String)) -> String| {
                if constant == at {
                    return ColumnarValue::Scalar(ScalarValue::Utf8(Some(text(&rows[0]))));
                }
                ColumnarValue::Array(Arc::new(rows.iter().map(|row| Some(text(row))).collect::<StringArray>()) as ArrayRef)
            };
            let three = [column(0, &|row| row.0.clone()), column(1, &|row| row.1.clone()), column(2, &|row| row.2.clone())];
            let mut arguments = vec![("concat", three.to_vec()), ("concat_ws", three.to_vec()), ("replace", three.to_vec())];
            arguments.push(("translate", three.to_vec()));
            let [text, _, new] = three;
            let one = |text: &str| ColumnarValue::Scalar(ScalarValue::Utf8(Some(text.to_owned())));
            arguments.push(("regexp_replace", vec![text.clone(), one("a|b|^"), new, one("g")]));
            let binary = match text {
                ColumnarValue::Scalar(text) => ColumnarValue::Scalar(text.cast_to(&DataType::Binary).unwrap()),
                ColumnarValue::Array(texts) => {
                    ColumnarValue::Array(datafusion::arrow::compute::cast(&texts, &DataType::Binary).unwrap())
                }
            };
            arguments.push(("encode", vec![binary, one("hex")]));
            for (name, arguments) in arguments {
                let bound = Growth::of(name).unwrap().bound(&arguments, rows.len());
                let made = call(&all[name], arguments, rows.len());
                prop_assert!(made <= bound, "{name}: {made} of {bound}");
            }
        }
    }

    #[test]
    fn what_is_bounded_is_there_and_constants_are_short() {
        let all = functions();
        for name in [
            "concat",
            "concat_ws",
            "encode",
            "named_struct",
            "overlay",
            "regexp_replace",
            "replace",
            "struct",
            "translate",
        ] {
            assert!(all.contains_key(name) && Growth::of(name).is_some(), "{name}");
        }
        assert!(LEFT_OUT.iter().all(|name| all.contains_key(*name)));
        let view =
            ColumnarValue::Array(Arc::new(StringViewArray::from(vec![Some("a long text of its own"), None])));
        assert_eq!((octets(&view, 2), longest(&view)), (22, 22));
        let allowance = Allowance::new(64 << 20, 2);
        allowance.share(2);
        assert!(allowance.check("concat", 2 << 20, Some(8192)).is_ok());
        let error = allowance.check("concat", (2 << 20) + 1, Some(8192)).unwrap_err();
        assert!(
            Error::from(error)
                .to_string()
                .starts_with("concat could make 2097153 octets of 8192 rows at once")
        );
        let error = Error::from(allowance.check("||", CONSTANT_BYTES_MAX + 1, None).unwrap_err());
        assert_eq!(error.reason(), Reason::TooLarge);
    }
}
