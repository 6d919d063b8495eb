//! What is changed in a question before types are settled.
//!
//! * Beside an address, text is an address: `src_addr = '10.0.0.1'`, `host IN ('10.0.0.1', '2001:db8::1')`, `src_mac =
//!   '02:…'`. The text becomes `addr('…')`, which is computed once, and statistics exclude by it.
//! * An address used as text is text: `src_addr LIKE '10.%'`, `src_addr::text`, `src_addr || ':'`.
//! * Integers without a sign are added, subtracted and multiplied as PostgreSQL's integers are, which have one: the engine's own
//!   differences begin anew at the top, and 53 - 60325 would be 5264. Those of 64 bits become decimal numbers, which hold
//!   whatever comes of them.
//! * An integer by an integer is an integer, as in PostgreSQL. What else is divided, as a sum, is divided in double
//!   precision: the engine's own division of decimal numbers keeps four places, and a small share would be 0.

use crate::column::{ADDR, MAC};
use crate::function::{self, is_text};
use crate::sum;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{InList, Like, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, ExprSchemable, Operator, ScalarUDF, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub(crate) struct Rewrite {
    /// `||` of texts.
    pub(crate) joined: Arc<ScalarUDF>,
}

impl FunctionRewrite for Rewrite {
    fn name(&self) -> &'static str {
        "addresses"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, _: &ConfigOptions) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
                match beside(&left, &right, schema) {
                    Some((left, right)) => Transformed::yes(binary(left, op, right)),
                    None => Transformed::no(binary(*left, op, *right)),
                }
            }
            Expr::InList(InList { expr, list, negated }) if parser(&expr, schema).is_some() => {
                let list = list.into_iter().map(|item| as_address(&expr, item, schema)).collect();
                Transformed::yes(Expr::InList(InList { expr, list, negated }))
            }
            Expr::Between(Between { expr, negated, low, high }) if parser(&expr, schema).is_some() => {
                let low = Box::new(as_address(&expr, *low, schema));
                let high = Box::new(as_address(&expr, *high, schema));
                Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
            }
            Expr::Like(like) if parser(&like.expr, schema).is_some() => {
                Transformed::yes(Expr::Like(Like { expr: Box::new(shown(*like.expr)), ..like }))
            }
            Expr::Cast(Cast { expr, field })
                if is_text(field.data_type()) && parser(&expr, schema).is_some() =>
            {
                Transformed::yes(Expr::Cast(Cast { expr: Box::new(shown(*expr)), field }))
            }
            other => Transformed::no(other),
        })
    }
}

/// The same where a comparison is planned, for its type is asked at once if it is a column of the answer.
impl ExprPlanner for Rewrite {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let op = match expr.op {
            BinaryOperator::Eq => Operator::Eq,
            BinaryOperator::NotEq => Operator::NotEq,
            BinaryOperator::Lt => Operator::Lt,
            BinaryOperator::LtEq => Operator::LtEq,
            BinaryOperator::Gt => Operator::Gt,
            BinaryOperator::GtEq => Operator::GtEq,
            BinaryOperator::StringConcat => return Ok(self.joined(expr, schema)),
            BinaryOperator::Divide => return Ok(divided(expr, schema)),
            BinaryOperator::Plus => return Ok(reckoned(expr, Operator::Plus, schema)),
            BinaryOperator::Minus => return Ok(reckoned(expr, Operator::Minus, schema)),
            BinaryOperator::Multiply => return Ok(reckoned(expr, Operator::Multiply, schema)),
            _ => return Ok(PlannerResult::Original(expr)),
        };
        Ok(match beside(&expr.left, &expr.right, schema) {
            Some((left, right)) => PlannerResult::Planned(binary(left, op, right)),
            None => PlannerResult::Original(expr),
        })
    }
}

impl Rewrite {
    /// `src_addr || ':'`: addresses joined to text are text. Lists are joined by the engine.
    fn joined(&self, expr: RawBinaryExpr, schema: &DFSchema) -> PlannerResult<RawBinaryExpr> {
        let is_list = |expr: &Expr| expr.get_type(schema).is_ok_and(|data_type| data_type.is_list());
        if is_list(&expr.left) || is_list(&expr.right) {
            return PlannerResult::Original(expr);
        }
        let text = |expr: Expr| if parser(&expr, schema).is_some() { shown(expr) } else { expr };
        let sides = vec![text(expr.left), text(expr.right)];
        PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&self.joined), sides)))
    }
}

/// `sum(octets) / 300` in double precision, for a side is a decimal number; `octets / 300` as integers, of which the engine
/// would make decimal numbers where one has a sign and the other has not.
fn divided(expr: RawBinaryExpr, schema: &DFSchema) -> PlannerResult<RawBinaryExpr> {
    let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema)) else {
        return PlannerResult::Original(expr);
    };
    let as_both = if left.is_decimal() || right.is_decimal() {
        DataType::Float64
    } else if left.is_integer() && right.is_integer() && left != right {
        let wide = |data_type: &DataType, other: &Expr| *data_type == DataType::UInt64 && is_count(other);
        let unsigned = wide(&left, &expr.right) || wide(&right, &expr.left);
        if unsigned { DataType::UInt64 } else { DataType::Int64 }
    } else {
        return PlannerResult::Original(expr);
    };
    let (left, right) = (cast(expr.left, as_both.clone()), cast(expr.right, as_both));
    PlannerResult::Planned(binary(left, Operator::Divide, right))
}

/// Integers, of which one has no sign.
fn reckoned(expr: RawBinaryExpr, op: Operator, schema: &DFSchema) -> PlannerResult<RawBinaryExpr> {
    let (Some(left), Some(right)) = (integer(&expr.left, schema), integer(&expr.right, schema)) else {
        return PlannerResult::Original(expr);
    };
    let has_no_sign = left.is_unsigned_integer() || right.is_unsigned_integer();
    if !has_no_sign {
        return PlannerResult::Original(expr);
    }
    let is_long = |data_type: &DataType| *data_type == DataType::UInt64;
    let is_product = |a: &DataType, b: &DataType| {
        op == Operator::Multiply && *a == DataType::UInt32 && *b == DataType::UInt32
    };
    let is_wide = is_long(&left) || is_long(&right) || is_product(&left, &right);
    let as_both = if is_wide { sum::WIDE } else { DataType::Int64 };
    let (left, right) = (cast(expr.left, as_both.clone()), cast(expr.right, as_both));
    PlannerResult::Planned(binary(left, op, right))
}

/// The type of an integer. A parameter whose type nobody has said may be any: it is taken for one with a sign.
fn integer(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    match expr {
        Expr::Placeholder(placeholder) if placeholder.field.is_none() => Some(DataType::Int64),
        _ => expr.get_type(schema).ok().filter(DataType::is_integer),
    }
}

/// A number that is written out and has no sign.
fn is_count(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Int64(Some(0..)) | ScalarValue::UInt64(Some(_)), _))
}

fn is_comparison(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) })
}

/// Both sides of a comparison, where one is an address and the other is text.
fn beside(left: &Expr, right: &Expr, schema: &DFSchema) -> Option<(Expr, Expr)> {
    let is_text = |expr: &Expr| may_be_text(expr, schema);
    match (parser(left, schema), parser(right, schema)) {
        (Some(_), None) if is_text(right) => Some((left.clone(), as_address(left, right.clone(), schema))),
        (None, Some(_)) if is_text(left) => Some((as_address(right, left.clone(), schema), right.clone())),
        _ => None,
    }
}

/// Text, or a parameter whose value is not known yet.
fn may_be_text(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr, Expr::Placeholder(_)) || expr.get_type(schema).is_ok_and(|data_type| is_text(&data_type))
}

/// Of an address, what makes one of text.
fn parser(expr: &Expr, schema: &DFSchema) -> Option<Arc<ScalarUDF>> {
    match expr.get_type(schema).ok()? {
        data_type if data_type == ADDR => Some(function::addr()),
        data_type if data_type == MAC => Some(function::mac()),
        _ => None,
    }
}

/// Text beside an address as an address of the same kind.
fn as_address(address: &Expr, text: Expr, schema: &DFSchema) -> Expr {
    match parser(address, schema) {
        Some(func) if may_be_text(&text, schema) => call(func, text),
        _ => text,
    }
}

/// An address as text.
fn shown(address: Expr) -> Expr {
    call(function::ip(), address)
}

fn call(func: Arc<ScalarUDF>, argument: Expr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(func, vec![argument]))
}
