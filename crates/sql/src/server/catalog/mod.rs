//! PostgreSQL's own catalog, as far as clients look into it: which tables there are, which columns they have, and of
//! what types.
//!
//! `pg_catalog` and `information_schema` are small tables made for a session from the tables it has (`relation`,
//! `describe`); `function` has the functions that are asked about them. What a store does not have (indexes, triggers,
//! constraints, …) is a table without rows.

mod describe;
mod function;
mod relation;

use crate::error::Error;
use crate::server::auth::VERSION;
use crate::session::Session;
use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::MemorySchemaProvider;
use datafusion::catalog::{MemTable, SchemaProvider};
use datafusion::common::Result;
use std::sync::Arc;

/// The number that PostgreSQL gives the owner of everything.
const OWNER: i64 = 10;
/// The numbers of the schemas.
const PG_CATALOG: i64 = 11;
const PUBLIC: i64 = 2200;
const INFORMATION_SCHEMA: i64 = 13_000;
/// The number of the database.
const DATABASE: i64 = 16_383;
/// Tables of the store have numbers from here on, in the order of [`TABLES`].
const FIRST_TABLE: i64 = 16_384;
/// The tables of the store.
pub(super) const TABLES: [&str; 5] = ["flows", "bins", "tenants", "health", "counters"];

/// The numbers that PostgreSQL gives tables of its catalog, by which descriptions say what they are of.
const CATALOGS: [(&str, i64); 5] = [
    ("pg_type", 1247),
    ("pg_attribute", 1249),
    ("pg_proc", 1255),
    ("pg_class", 1259),
    ("pg_namespace", 2615),
];

/// A value of a catalog's table.
#[derive(Clone, Debug)]
enum Value {
    Int(i64),
    Text(String),
    Bool(bool),
    Null,
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// Settings that clients ask for.
const SETTINGS: &[(&str, &str)] = &[
    ("application_name", ""),
    ("bytea_output", "hex"),
    ("client_encoding", "UTF8"),
    ("datestyle", "ISO, MDY"),
    ("default_transaction_read_only", "on"),
    ("integer_datetimes", "on"),
    ("intervalstyle", "postgres"),
    ("is_superuser", "off"),
    ("lc_collate", "C"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("search_path", "public"),
    ("server_encoding", "UTF8"),
    ("server_version", VERSION),
    ("server_version_num", "160006"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("timezone", "UTC"),
    ("transaction_isolation", "repeatable read"),
    ("transaction_read_only", "on"),
];

/// The value of a setting.
pub(super) fn setting(name: &str) -> Option<String> {
    let name = name.to_lowercase();
    SETTINGS.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

/// Whether there is a table of this name in `pg_catalog`.
pub(super) fn is_known(name: &str) -> bool {
    relation::NAMES.contains(&name) || is_empty(name)
}

/// Whether it never has a row.
pub(super) fn is_empty(name: &str) -> bool {
    relation::EMPTY.iter().any(|(known, _)| *known == name)
}

/// The number of a table of the store, by its name.
fn number_of(name: &str) -> Option<i64> {
    let name = name.replace('"', "");
    let name = name.trim_start_matches("public.");
    let catalog = name.trim_start_matches("pg_catalog.");
    if let Some((_, number)) = CATALOGS.iter().find(|(known, _)| *known == catalog) {
        return Some(*number);
    }
    (FIRST_TABLE..).zip(TABLES).find(|(_, table)| *table == name).map(|(number, _)| number)
}

/// Its name, by its number.
fn name_of(number: i64) -> Option<&'static str> {
    let at = usize::try_from(number.checked_sub(FIRST_TABLE)?).ok()?;
    TABLES.get(at).copied()
}

/// Gives a session the catalogs.
///
/// # Errors
/// The engine does not take them, which would be a mistake of ours.
pub(super) async fn add(session: &Session, user: &str, zone: &str) -> Result<(), Error> {
    let context = session.context();
    let mut tables = Vec::new();
    for name in TABLES {
        tables.push((name, context.table_provider(name).await?.schema()));
    }
    let catalog = MemorySchemaProvider::new();
    for (name, table) in relation::all(&tables, user)? {
        catalog.register_table(name.to_owned(), table)?;
    }
    let information = MemorySchemaProvider::new();
    for (name, table) in describe::all(&tables)? {
        information.register_table(name.to_owned(), table)?;
    }
    // The engine's own has its own names of types.
    context.state_ref().write().config_mut().options_mut().catalog.information_schema = false;
    if let Some(database) = context.catalog(crate::session::CATALOG) {
        database.register_schema("pg_catalog", Arc::new(catalog))?;
        database.register_schema("information_schema", Arc::new(information))?;
    }
    let asker = function::Asker { user: user.to_owned(), zone: zone.to_owned() };
    for function in function::all(&asker) {
        context.register_udf(function);
    }
    Ok(())
}

/// A table of these columns (`name:type`, separated by spaces; the types are `int`, `text` and `bool`) and rows.
fn table(columns: &str, rows: &[Vec<Value>]) -> Result<Arc<MemTable>> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (at, column) in columns.split_whitespace().enumerate() {
        let (name, kind) = column.split_once(':').unwrap_or((column, "text"));
        let values = rows.iter().map(|row| row.get(at).unwrap_or(&Value::Null));
        let (data_type, array): (DataType, ArrayRef) = match kind {
            "int" => {
                let int = |value: &Value| if let Value::Int(value) = value { Some(*value) } else { None };
                (DataType::Int64, Arc::new(values.map(int).collect::<Int64Array>()))
            }
            "bool" => {
                let bool = |value: &Value| if let Value::Bool(value) = value { Some(*value) } else { None };
                (DataType::Boolean, Arc::new(values.map(bool).collect::<BooleanArray>()))
            }
            _ => {
                let text =
                    |value: &Value| if let Value::Text(value) = value { Some(value.clone()) } else { None };
                (DataType::Utf8, Arc::new(values.map(text).collect::<StringArray>()))
            }
        };
        fields.push(Field::new(name, data_type, true));
        arrays.push(array);
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
}
