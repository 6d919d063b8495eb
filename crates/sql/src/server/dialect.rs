//! From what PostgreSQL's clients write to what the engine understands.
//!
//! Clients look the tables up in PostgreSQL's own catalog before they ask, with syntax that nobody else has: casts to
//! `regclass`, `OPERATOR(pg_catalog.~)`, `COLLATE`, functions qualified with `pg_catalog`. Here that syntax becomes
//! plain SQL over the tables and functions of [`super::catalog`]. A question to a catalog that is always empty here
//! (indexes, triggers, policies, …) is answered without the engine: it has no rows, whatever else it says.

use super::{catalog, projection};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr, Statement,
    Subscript, TableFactor, Value, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// The schema of PostgreSQL's catalog.
const PG_CATALOG: &str = "pg_catalog";

/// Makes a statement one that the engine understands.
pub(super) fn translate(statement: &mut Statement) {
    // It goes through to the end.
    let _ = statement.visit(&mut Translator);
}

/// The columns of a question that has no rows, because it is to a catalog that is empty.
pub(super) fn columns_of_nothing(query: &Query) -> Option<Vec<String>> {
    body_of_nothing(&query.body)
}

fn body_of_nothing(body: &SetExpr) -> Option<Vec<String>> {
    match body {
        SetExpr::Select(select) if is_empty(select) && !may_count(select) => {
            Some(select.projection.iter().map(name).collect())
        }
        SetExpr::Query(query) => columns_of_nothing(query),
        SetExpr::SetOperation { left, right, .. } => {
            let columns = body_of_nothing(left)?;
            body_of_nothing(right).map(|_| columns)
        }
        _ => None,
    }
}

/// Whether one of the tables that every row needs is empty.
fn is_empty(select: &Select) -> bool {
    select.from.iter().any(|from| {
        let joined =
            from.joins.iter().filter(|join| is_inner(&join.join_operator)).map(|join| &join.relation);
        std::iter::once(&from.relation).chain(joined).any(|factor| match factor {
            TableFactor::Table { name, .. } => last(name).is_some_and(catalog::is_empty),
            TableFactor::Derived { subquery, .. } => columns_of_nothing(subquery).is_some(),
            _ => false,
        })
    })
}

fn is_inner(operator: &datafusion::sql::sqlparser::ast::JoinOperator) -> bool {
    use datafusion::sql::sqlparser::ast::JoinOperator as Join;
    matches!(operator, Join::Join(_) | Join::Inner(_) | Join::CrossJoin(_))
}

/// A sum over nothing is a row.
fn may_count(select: &Select) -> bool {
    select.projection.iter().any(|item| {
        let (SelectItem::UnnamedExpr(Expr::Function(function))
        | SelectItem::ExprWithAlias { expr: Expr::Function(function), .. }) = item
        else {
            return false;
        };
        let name = last(&function.name).unwrap_or_default().to_lowercase();
        ["count", "max", "min", "sum", "string_agg", "array_agg"].contains(&name.as_str())
    })
}

/// What PostgreSQL calls a column.
pub(super) fn name(item: &SelectItem) -> String {
    let nameless = || "?column?".to_owned();
    match item {
        SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
        SelectItem::UnnamedExpr(expr) => match expr {
            Expr::Identifier(ident) => ident.value.clone(),
            Expr::CompoundIdentifier(parts) => parts.last().map_or_else(nameless, |part| part.value.clone()),
            Expr::Function(function) => last(&function.name).map_or_else(nameless, str::to_owned),
            _ => nameless(),
        },
        _ => nameless(),
    }
}

/// The last part of a name.
pub(super) fn last(name: &ObjectName) -> Option<&str> {
    name.0.last().and_then(ObjectNamePart::as_ident).map(|ident| ident.value.as_str())
}

struct Translator;

impl VisitorMut for Translator {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        // PostgreSQL looks in its catalog first.
        if relation.0.len() == 1 && last(relation).is_some_and(catalog::is_known) {
            relation.0.insert(0, ObjectNamePart::Identifier(Ident::new(PG_CATALOG)));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_mut() {
            projection::apart(select);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        // A value looked up in a catalog that is empty.
        if let Expr::Subquery(query) = expr
            && columns_of_nothing(query).is_some()
        {
            *expr = null();
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let taken = std::mem::replace(expr, null());
        *expr = translated(taken);
        ControlFlow::Continue(())
    }
}

fn translated(expr: Expr) -> Expr {
    match expr {
        Expr::Collate { expr, .. } => *expr,
        Expr::BinaryOp { left, op: BinaryOperator::PGCustomBinaryOperator(name), right } => {
            let op = operator(name);
            Expr::BinaryOp { left, op, right }
        }
        Expr::Cast { kind, expr, data_type, array, format } => match meant(&data_type) {
            Some(Meant::Relation) => relation(*expr),
            Some(Meant::TypeName) => call("format_type", vec![*expr, null()]),
            Some(Meant::Type(data_type)) => Expr::Cast { kind, expr, data_type, array, format },
            None => Expr::Cast { kind, expr, data_type, array, format },
        },
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, is_some } => match schemas(&right) {
            Some(list) => Expr::InList { expr: left, list, negated: false },
            None => Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, is_some },
        },
        // Where a client reads the search path, it is what it is: public.
        Expr::InSubquery { expr, subquery, negated } if subquery.to_string().contains("search_path") => {
            Expr::InList { expr, list: vec![text("public")], negated }
        }
        Expr::CompoundFieldAccess { root, access_chain } => {
            part_of_name(&root, &access_chain).unwrap_or(Expr::CompoundFieldAccess { root, access_chain })
        }
        Expr::Function(function) => function_call(function),
        other => other,
    }
}

/// What a cast to one of PostgreSQL's own types means.
enum Meant {
    Relation,
    TypeName,
    Type(DataType),
}

fn meant(data_type: &DataType) -> Option<Meant> {
    let DataType::Custom(name, _) = data_type else {
        return matches!(data_type, DataType::Regclass).then_some(Meant::Relation);
    };
    Some(match last(name)?.to_lowercase().as_str() {
        "regclass" => Meant::Relation,
        "regtype" => Meant::TypeName,
        "oid" | "xid" => Meant::Type(DataType::BigInt(None)),
        "text" | "name" | "char" | "varchar" | "regproc" | "regnamespace" | "regrole" | "inet"
        | "unknown" => Meant::Type(DataType::Text),
        "int4" => Meant::Type(DataType::Int(None)),
        "int8" => Meant::Type(DataType::BigInt(None)),
        _ => return None,
    })
}

/// `'flows'::regclass` is its number, `c.oid::regclass` its name.
fn relation(expr: Expr) -> Expr {
    let function = if matches!(expr, Expr::Value(_)) { "to_regclass" } else { "pg_relation_name" };
    call(function, vec![expr])
}

fn operator(name: Vec<String>) -> BinaryOperator {
    match name.last().map(String::as_str) {
        Some("~") => BinaryOperator::PGRegexMatch,
        Some("~*") => BinaryOperator::PGRegexIMatch,
        Some("!~") => BinaryOperator::PGRegexNotMatch,
        Some("!~*") => BinaryOperator::PGRegexNotIMatch,
        Some("~~") => BinaryOperator::PGLikeMatch,
        Some("!~~") => BinaryOperator::PGNotLikeMatch,
        Some("=") => BinaryOperator::Eq,
        Some("<>") => BinaryOperator::NotEq,
        _ => BinaryOperator::PGCustomBinaryOperator(name),
    }
}

/// `ANY (current_schemas(true))` and `ANY (ARRAY['r', 'v'])` as lists.
fn schemas(right: &Expr) -> Option<Vec<Expr>> {
    match right {
        Expr::Nested(inner) => schemas(inner),
        Expr::Function(function) if last(&function.name)? == "current_schemas" => {
            Some(vec![text(PG_CATALOG), text("public")])
        }
        Expr::Array(array) => Some(array.elem.clone()),
        _ => None,
    }
}

fn function_call(mut function: Function) -> Expr {
    if function.name.0.len() == 2
        && function
            .name
            .0
            .first()
            .and_then(ObjectNamePart::as_ident)
            .is_some_and(|schema| schema.value == PG_CATALOG)
    {
        function.name.0.remove(0);
    }
    let name = last(&function.name).unwrap_or_default().to_lowercase();
    match name.as_str() {
        // How many parts a name has that is written out.
        "array_length" => match argument(&function).and_then(|inner| names(&inner)) {
            Some(parts) => number(parts.len()),
            None => Expr::Function(function),
        },
        "array" if matches!(function.args, FunctionArguments::Subquery(_)) => null(),
        "current_user" | "session_user" | "user" | "current_role" | "current_catalog" => {
            let name = if name == "user" { "current_user" } else { &name };
            call(name, Vec::new())
        }
        _ => Expr::Function(function),
    }
}

fn argument(function: &Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.first()? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    }
}

/// The parts of `parse_ident('public.flows')`.
fn names(expr: &Expr) -> Option<Vec<String>> {
    match expr {
        Expr::Nested(inner) => names(inner),
        Expr::Function(function) if last(&function.name)? == "parse_ident" => match argument(function)? {
            Expr::Value(value) => match value.value {
                Value::SingleQuotedString(text) => {
                    Some(text.split('.').map(|part| part.trim_matches('"').to_owned()).collect())
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// `(parse_ident('public.flows'))[1]`.
fn part_of_name(root: &Expr, chain: &[AccessExpr]) -> Option<Expr> {
    let parts = names(root)?;
    let [AccessExpr::Subscript(Subscript::Index { index })] = chain else { return None };
    let at: usize = index.to_string().parse().ok()?;
    Some(parts.get(at.checked_sub(1)?).map_or_else(null, |part| text(part)))
}

fn null() -> Expr {
    Expr::value(Value::Null)
}

fn text(text: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(text.to_owned()))
}

fn number(number: usize) -> Expr {
    Expr::value(Value::Number(number.to_string(), false))
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|one| FunctionArg::Unnamed(FunctionArgExpr::Expr(one))).collect();
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
