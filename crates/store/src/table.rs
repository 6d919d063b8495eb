//! Small Parquet files that are always read as a whole: bins and counts.
//!
//! They share the segments' column encoding and decoding. Their checksum is in the manifest, and is checked
//! whenever one is read.

use crate::Error;
use crate::disk::Disk;
use crate::manifest::{BinsFile, Hex};
use crate::segment::parts::{self, Chunk, Encoder, FileWriter, Input, Names, Pick, Present, Slice, Target};
use crate::source::Source;
use bytes::Bytes;
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader, SerializedPageReader};
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};
use std::sync::Arc;
use weir_flow::Values;
use weir_flow::schema::Kind;

/// A column of such a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    /// Its name.
    pub name: &'static str,
    /// What its values are; `None` for signed 64-bit numbers, which are held as times are.
    pub kind: Option<Kind>,
    /// Whether a row may have none.
    pub nullable: bool,
}

/// A column that every row has.
pub(crate) const fn required(name: &'static str, kind: Kind) -> Definition {
    Definition { name, kind: Some(kind), nullable: false }
}

/// A column that rows may lack.
pub(crate) const fn nullable(name: &'static str, kind: Kind) -> Definition {
    Definition { name, kind: Some(kind), nullable: true }
}

/// A column of signed numbers.
pub(crate) const fn signed(name: &'static str) -> Definition {
    Definition { name, kind: None, nullable: false }
}

/// The rows of such a file, by column.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Bit `i` of a row's mask says whether it has a value in column `i`.
    pub present: Vec<u64>,
    /// The columns in the order of their definitions.
    pub columns: Vec<Values>,
    /// What places in name columns stand for.
    pub names: Vec<Box<str>>,
}

impl Definition {
    fn kind(self) -> Kind {
        self.kind.unwrap_or(Kind::Time)
    }

    fn field(self) -> Result<TypePtr, ParquetError> {
        if self.kind.is_some() {
            return parts::column(self.name, self.kind(), !self.nullable);
        }
        let builder =
            Type::primitive_type_builder(self.name, Physical::INT64).with_repetition(Repetition::REQUIRED);
        Ok(Arc::new(builder.with_logical_type(Some(LogicalType::integer(64, true))).build()?))
    }
}

/// Writes a table under this name. `bin` is the first and the last bin in it.
pub(crate) fn write(
    disk: &Disk,
    name: &str,
    definitions: &[Definition],
    table: &Table,
    bin: (i64, i64),
) -> Result<BinsFile, Error> {
    let written = disk.create(name, |sink, path| {
        let failed = |e: ParquetError| parts::parquet_error(path, e);
        let fields = definitions.iter().map(|d| d.field()).collect::<Result<_, _>>().map_err(failed)?;
        let descriptor = SchemaDescriptor::new(parts::root("rows", fields).map_err(failed)?);
        let chunks = encode(definitions, table, &descriptor).map_err(failed)?;
        let mut file = FileWriter::new(sink, Arc::new(descriptor)).map_err(failed)?;
        file.group(chunks).map_err(failed)?;
        file.finish(Vec::new(), |_| ()).map_err(failed)
    })?;
    let rows = table.present.len() as u64;
    Ok(BinsFile {
        name: name.to_owned(),
        bytes: written.bytes,
        crc32c: Hex(written.crc),
        rows,
        bin,
        tenants: None,
    })
}

/// Encodes the columns. One of numbers that holds the same as another before it shares its bytes.
fn encode(
    definitions: &[Definition],
    table: &Table,
    descriptor: &SchemaDescriptor,
) -> Result<Vec<Chunk>, ParquetError> {
    let mut encoder = Encoder::new()?;
    let mut chunks: Vec<Chunk> = Vec::with_capacity(definitions.len());
    for (place, (definition, values)) in definitions.iter().zip(&table.columns).enumerate() {
        let is_same = |of: &Values| matches!((of, values), (Values::U64(of), Values::U64(own)) if of == own);
        let before = definitions.iter().zip(&table.columns).zip(&chunks);
        let mut before = before.filter(|((of, _), _)| !of.nullable && !definition.nullable);
        let column = descriptor.column(place);
        let chunk = match before.find(|((of, values), _)| of.kind == definition.kind && is_same(values)) {
            Some((_, twin)) => twin.twin(&column)?,
            None => {
                let present = Present::new(&table.present, 1 << place, definition.nullable, (u64::MAX, 0));
                let (values, pick) = (Slice::new(values), Pick::Each);
                let input = Input { kind: definition.kind(), values, pick, present, names: &table.names };
                encoder.encode(&input, &column)?
            }
        };
        chunks.push(chunk);
    }
    Ok(chunks)
}

/// Reads a table that the manifest names, checked by its checksum.
pub(crate) fn read(source: &Source, entry: &BinsFile, definitions: &[Definition]) -> Result<Table, Error> {
    let (path, bytes) = (source.path(), Bytes::from(source.read()?));
    if crc32c::crc32c(&bytes) != entry.crc32c.0 {
        return Err(Error::damaged(path, "its checksum is not the one in the manifest"));
    }
    let table = parse(bytes, definitions).map_err(|how| Error::damaged(path, how))?;
    if table.present.len() as u64 != entry.rows {
        return Err(Error::damaged(path, "it has another number of rows than the manifest says"));
    }
    Ok(table)
}

fn parse(bytes: Bytes, definitions: &[Definition]) -> Result<Table, String> {
    let text = |e: ParquetError| e.to_string();
    let file = SerializedFileReader::new(bytes.clone()).map_err(text)?;
    let source = Arc::new(bytes);
    let mut names = Names::default();
    let columns = definitions.iter().map(|d| Values::new(d.kind())).collect();
    let mut table = Table { columns, ..Table::default() };
    for group in file.metadata().row_groups() {
        let rows = usize::try_from(group.num_rows()).map_err(|e| e.to_string())?;
        let base = table.present.len();
        table.present.resize(base + rows, 0);
        let present = table.present.get_mut(base..).unwrap_or_default();
        for (place, (definition, values)) in definitions.iter().zip(&mut table.columns).enumerate() {
            let chunk = group.columns().iter().find(|c| c.column_path().string() == definition.name);
            let Some(chunk) = chunk else {
                // A column that came later: no row of an older file has a value in it.
                if definition.nullable {
                    continue;
                }
                return Err(format!("it has no column {}", definition.name));
            };
            let mut reader =
                SerializedPageReader::new(Arc::clone(&source), chunk, rows, None).map_err(text)?;
            let mut pages = Vec::new();
            while let Some(page) = reader.get_next_page().map_err(text)? {
                pages.push(page);
            }
            let data = pages.iter().filter(|p| p.is_data_page()).map(Page::num_values);
            let wanted: Vec<_> =
                data.map(|n| (n as usize, std::iter::once(0..n as usize).collect())).collect();
            let target = Target {
                nullable: chunk.column_descr().max_def_level() > 0,
                values,
                present,
                bit: 1 << place,
                dictionary: None,
                names: &mut names,
            };
            parts::decode(definition.kind(), pages.into_iter().map(Ok), &wanted, target)?;
            if values.len() != base + rows {
                return Err(format!("column {} has another number of rows", definition.name));
            }
        }
    }
    table.names = names.list;
    Ok(table)
}
