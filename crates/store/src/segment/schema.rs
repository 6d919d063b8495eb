//! The schema of a segment as Parquet has it: one flat column for each line of weir's schema, in its order.

use parquet::basic::{Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::schema::types::{ColumnPath, SchemaDescriptor, Type, TypePtr};
use std::sync::Arc;
use weir_flow::batch::ALWAYS;
use weir_flow::schema::{COLUMNS, Definition, Kind};

/// A page holds about so many rows, so that the page index leads to few of them.
pub(crate) const PAGE_ROWS: usize = 20 * 1024;

/// Rows given to the Parquet writer at once; pages are cut between such pieces.
pub(crate) const PIECE_ROWS: usize = 1024;

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
        Kind::Addr | Kind::Mac => (Physical::BYTE_ARRAY, None),
        Kind::Word(_) | Kind::Name => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Unsigned(33..) => (Physical::INT64, Some(LogicalType::integer(64, false))),
        Kind::Unsigned(17..) => (Physical::INT32, Some(LogicalType::integer(32, false))),
        Kind::Unsigned(9..) => (Physical::INT32, Some(LogicalType::integer(16, false))),
        Kind::Unsigned(_) => (Physical::INT32, Some(LogicalType::integer(8, false))),
    };
    let repetition = if required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
    let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
    Ok(Arc::new(builder.with_logical_type(logical).build()?))
}

/// How columns are encoded: zstd 1; times by their differences, all else by a dictionary while it is small;
/// bounds of every page, not cut, because a cut bound of an address is another address.
pub(crate) fn properties() -> Result<WriterPropertiesPtr> {
    properties_for(COLUMNS.iter().filter(|d| d.kind == Kind::Time).map(|d| d.name))
}

/// The same for a file in which these columns are times.
pub(crate) fn properties_for<'a>(times: impl Iterator<Item = &'a str>) -> Result<WriterPropertiesPtr> {
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(None)
        .set_column_index_truncate_length(None)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PIECE_ROWS)
        .set_max_row_group_row_count(None);
    for name in times {
        let path = ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    Ok(Arc::new(builder.build()))
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
