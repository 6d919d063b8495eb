//! The schema of a segment as Parquet has it: one flat column for each line of weir's schema, in its order.

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};
use std::sync::Arc;
use weir_flow::batch::ALWAYS;
use weir_flow::schema::{COLUMNS, Definition, Kind};

/// A page holds at most so many rows (unless all rows of the row group are alike), so that the page index leads to few of them.
pub(crate) const PAGE_ROWS: usize = 8 * 1024;

/// What this program calls itself in the files it writes.
pub(crate) const CREATED_BY: &str = concat!("weir ", env!("CARGO_PKG_VERSION"));

type Result<T> = parquet::errors::Result<T>;

/// The whole schema.
pub(crate) fn descriptor() -> Result<SchemaDescriptor> {
    Ok(SchemaDescriptor::new(root("flow", COLUMNS.iter().map(field).collect::<Result<_>>()?)?))
}

/// A schema of these columns.
pub(crate) fn root(name: &str, fields: Vec<TypePtr>) -> Result<TypePtr> {
    Ok(Arc::new(Type::group_type_builder(name).with_fields(fields).build()?))
}

fn field(definition: &Definition) -> Result<TypePtr> {
    column(definition.name, definition.kind, ALWAYS & definition.column.bit() != 0)
}

/// A column of this kind, required or nullable.
pub(crate) fn column(name: &str, kind: Kind, required: bool) -> Result<TypePtr> {
    let (physical, logical) = match kind {
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        Kind::Addr | Kind::Mac | Kind::Elements => (Physical::BYTE_ARRAY, None),
        Kind::Word(_) | Kind::Name | Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Unsigned(33..) => (Physical::INT64, Some(LogicalType::integer(64, false))),
        Kind::Unsigned(17..) => (Physical::INT32, Some(LogicalType::integer(32, false))),
        Kind::Unsigned(9..) => (Physical::INT32, Some(LogicalType::integer(16, false))),
        Kind::Unsigned(_) => (Physical::INT32, Some(LogicalType::integer(8, false))),
    };
    let repetition = if required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
    let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
    Ok(Arc::new(builder.with_logical_type(logical).build()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parquet_has_the_columns_of_the_schema_in_its_order() {
        let descriptor = descriptor().unwrap();
        for (parquet, ours) in descriptor.columns().iter().zip(&COLUMNS) {
            assert_eq!(parquet.name(), ours.name);
            let required = ALWAYS & ours.column.bit() != 0;
            assert_eq!(parquet.max_def_level(), i16::from(!required), "{}", ours.name);
        }
        assert_eq!(descriptor.num_columns(), COLUMNS.len());
    }
}
