//! Columns of an answer that are called the same, as PostgreSQL allows them and the engine does not.

use super::dialect::name;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Select, SelectItem, SelectItemQualifiedWildcardKind,
};
use std::collections::HashSet;

/// Ends a name that stands twice; what follows tells the two apart, and no client sees it.
const MARK: char = '\u{1}';

/// A column's name as clients are told it.
pub(super) fn shown(name: &str) -> &str {
    name.split(MARK).next().unwrap_or(name)
}

/// Makes the names of a question's columns differ.
pub(super) fn apart(select: &mut Select) {
    let whole: HashSet<String> = select.projection.iter().filter_map(wildcard).collect();
    // `SELECT c.oid, c.*`: who asks twice for a column looks for it by its name.
    select.projection.retain(|item| !table(item).is_some_and(|table| whole.contains(&table)));
    // `SELECT src_addr, *`: beside all columns each that is named is a second one.
    let is_all = select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
    let (mut names, mut said) = (HashSet::new(), HashSet::new());
    for (at, item) in select.projection.iter_mut().enumerate() {
        let called = name(item).to_lowercase();
        let taken = std::mem::replace(item, SelectItem::UnnamedExpr(Expr::Value(nothing())));
        *item = match taken {
            SelectItem::ExprWithAlias { expr, alias } if names.contains(&called) => {
                SelectItem::ExprWithAlias { expr, alias: marked(&alias.value, at) }
            }
            SelectItem::UnnamedExpr(expr @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_))) if is_all => {
                SelectItem::ExprWithAlias { expr, alias: marked(&called, at) }
            }
            SelectItem::UnnamedExpr(expr)
                if said.contains(&expr.to_string()) || is_called(&names, &expr, &called) =>
            {
                let alias = marked(&column(&expr, &called), at);
                SelectItem::ExprWithAlias { expr, alias }
            }
            other => other,
        };
        match item {
            SelectItem::ExprWithAlias { .. } => drop(names.insert(called)),
            SelectItem::UnnamedExpr(expr) => {
                said.insert(expr.to_string());
                // A column of one table and one of another are told apart by their tables.
                if matches!(expr, Expr::Identifier(_)) {
                    names.insert(called);
                }
            }
            _ => {}
        }
    }
}

/// What the engine calls a column: a function by its arguments.
fn column(expr: &Expr, called: &str) -> String {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => called.to_owned(),
        other => other.to_string(),
    }
}

/// Whether a column without a name of its own is called as one that has.
fn is_called(names: &HashSet<String>, expr: &Expr, called: &str) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) && names.contains(called)
}

fn marked(name: &str, at: usize) -> Ident {
    Ident::with_quote('"', format!("{name}{MARK}{at}"))
}

fn nothing() -> datafusion::sql::sqlparser::ast::ValueWithSpan {
    datafusion::sql::sqlparser::ast::Value::Null.into()
}

/// The table of `c.*`.
fn wildcard(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(ObjectName(parts)), _) => {
            parts.last().and_then(|part| part.as_ident()).map(|ident| ident.value.to_lowercase())
        }
        _ => None,
    }
}

/// The table of `c.oid`.
fn table(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) if parts.len() == 2 => {
            parts.first().map(|table| table.value.to_lowercase())
        }
        _ => None,
    }
}
