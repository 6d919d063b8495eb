//! `information_schema`, with PostgreSQL's names of types.

use super::function::type_name;
use super::{Value, table};
use crate::server::value::pg_type;
use crate::session::{CATALOG, SCHEMA};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::MemTable;
use datafusion::common::Result;
use std::sync::Arc;

const TABLES: &str = "table_catalog table_schema table_name table_type self_referencing_column_name \
    reference_generation is_insertable_into is_typed commit_action";

const COLUMNS: &str = "table_catalog table_schema table_name column_name ordinal_position:int column_default is_nullable \
    data_type character_maximum_length:int character_octet_length:int numeric_precision:int numeric_precision_radix:int \
    numeric_scale:int datetime_precision:int udt_catalog udt_schema udt_name is_identity is_generated is_updatable";

const SCHEMATA: &str = "catalog_name schema_name schema_owner";

/// Views without rows.
const EMPTY: &[(&str, &str)] = &[
    ("views", "table_catalog table_schema table_name view_definition"),
    ("routines", "specific_schema specific_name routine_schema routine_name routine_type data_type"),
    ("parameters", "specific_schema specific_name parameter_name ordinal_position:int data_type"),
    (
        "table_constraints",
        "constraint_catalog constraint_schema constraint_name table_schema table_name constraint_type",
    ),
    (
        "key_column_usage",
        "constraint_schema constraint_name table_schema table_name column_name ordinal_position:int",
    ),
    ("constraint_column_usage", "table_schema table_name column_name constraint_schema constraint_name"),
    (
        "referential_constraints",
        "constraint_schema constraint_name unique_constraint_schema unique_constraint_name",
    ),
    ("role_table_grants", "grantor grantee table_schema table_name privilege_type"),
    ("table_privileges", "grantor grantee table_schema table_name privilege_type"),
    ("triggers", "trigger_schema trigger_name event_object_schema event_object_table"),
];

/// All of them.
///
/// # Errors
/// The engine does not take one.
pub(super) fn all(tables: &[(&'static str, SchemaRef)]) -> Result<Vec<(&'static str, Arc<MemTable>)>> {
    let text = |text: &str| Value::from(text);
    let listed: Vec<Vec<Value>> = tables
        .iter()
        .map(|(name, _)| {
            let head = [CATALOG, SCHEMA, name, "BASE TABLE"].map(text);
            let tail = [Value::Null, Value::Null, text("NO"), text("NO")];
            head.into_iter().chain(tail).collect()
        })
        .collect();
    let schemas = ["public", "pg_catalog", "information_schema"];
    let schemata: Vec<Vec<Value>> =
        schemas.iter().map(|name| [CATALOG, name, CATALOG].map(text).to_vec()).collect();
    let mut all = vec![
        ("tables", table(TABLES, &listed)?),
        ("columns", table(COLUMNS, &columns(tables))?),
        ("schemata", table(SCHEMATA, &schemata)?),
    ];
    for (name, columns) in EMPTY {
        all.push((name, table(columns, &[])?));
    }
    Ok(all)
}

fn columns(tables: &[(&str, SchemaRef)]) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (name, schema) in tables {
        for (number, field) in (1i64..).zip(schema.fields()) {
            let pg_type = pg_type(field.data_type());
            let nullable = if field.is_nullable() { "YES" } else { "NO" };
            let mut row: Vec<Value> = [CATALOG, SCHEMA, name, field.name()].map(Value::from).to_vec();
            row.extend([number.into(), Value::Null, nullable.into(), type_name(pg_type.oid()).into()]);
            row.extend(vec![Value::Null; 6]);
            row.extend([CATALOG, "pg_catalog", pg_type.name(), "NO", "NEVER", "NO"].map(Value::from));
            rows.push(row);
        }
    }
    rows
}
