//! What a question's syntax is made of before it is planned, wherever it is asked: what PostgreSQL understands and the engine
//! does not.

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value, visit_expressions_mut};
use std::ops::ControlFlow;

/// `-octets` is `0 - octets`: the engine has no sign for integers that have none.
pub(crate) fn plain(statement: &mut Statement) {
    let Statement::Statement(ast) = statement else { return };
    // It goes through to the end.
    let _ = visit_expressions_mut(ast.as_mut(), |expr| {
        if let Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } = expr
            && !matches!(**inner, Expr::Value(_) | Expr::Interval(_))
        {
            let right = Box::new(Expr::Nested(inner.clone()));
            let left = Box::new(Expr::value(Value::Number("0".to_owned(), false)));
            let difference = Expr::BinaryOp { left, op: BinaryOperator::Minus, right };
            *expr = Expr::Nested(Box::new(difference));
        }
        ControlFlow::<()>::Continue(())
    });
}
