//! Small Parquet files that are read as a whole, mostly: bins and counts.
//!
//! They share the segments' column encoding and decoding. Their checksum is in the manifest, and is checked
//! whenever one is read.

use crate::Error;
use crate::disk::Disk;
use crate::manifest::{BinsFile, Hex};
use crate::segment::Bound;
use crate::segment::parts::{self, Chunk, Encoder, FileWriter, Input, Names, Pick, Present, Slice, Target};
use crate::source::Source;
use bytes::Bytes;
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::page::PageReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::page_index::index_reader::{decode_column_index, decode_offset_index};
use parquet::file::reader::{FileReader, SerializedFileReader, SerializedPageReader};
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};
use std::ops::Range;
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

impl Table {
    /// Takes these columns out (places, ascending).
    pub(crate) fn take_out(&mut self, places: &[usize]) {
        for place in places.iter().rev() {
            self.columns.remove(*place);
            let below = (1u64 << place) - 1;
            self.present.iter_mut().for_each(|mask| *mask = (*mask & below) | (*mask >> 1 & !below));
        }
    }

    /// Puts columns in at these places (ascending), of which no row has a value.
    pub(crate) fn put_in(&mut self, places: &[usize], empty: impl Fn(usize) -> Values) {
        for place in places {
            self.columns.insert((*place).min(self.columns.len()), empty(*place));
            let below = (1u64 << place) - 1;
            self.present.iter_mut().for_each(|mask| *mask = (*mask & below) | (*mask & !below) << 1);
        }
    }
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
        sums: None,
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

/// Which names of a column are asked for, of a table that is ordered by them. Other names are nobody's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Only<'a> {
    /// The column's place among the definitions; it is of names.
    pub place: usize,
    pub names: &'a [&'a str],
    pub others: Others,
}

/// What becomes of the rows of others, who are not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// They are passed over.
    Skipped,
    /// They are read, and nobody is named in them.
    Unnamed,
}

/// Reads a table that the manifest names, checked by its checksum.
pub(crate) fn read(source: &Source, entry: &BinsFile, definitions: &[Definition]) -> Result<Table, Error> {
    read_asked(source, entry, definitions, None)
}

/// Reads all rows, or what is asked for. The whole file is compared with its checksum all the same; pages without such rows
/// are not decoded.
pub(crate) fn read_asked(
    source: &Source,
    entry: &BinsFile,
    definitions: &[Definition],
    only: Option<Only<'_>>,
) -> Result<Table, Error> {
    let (path, bytes) = (source.path(), Bytes::from(source.read()?));
    if crc32c::crc32c(&bytes) != entry.crc32c.0 {
        return Err(Error::damaged(path, "its checksum is not the one in the manifest"));
    }
    let table = parse(bytes, definitions, only).map_err(|how| Error::damaged(path, how))?;
    let is_all = only.is_none_or(|only| only.others == Others::Unnamed);
    if is_all && table.present.len() as u64 != entry.rows {
        let how = "it has another number of rows than the manifest says";
        return Err(Error::damaged(source.path(), how));
    }
    Ok(table)
}

fn parse(bytes: Bytes, definitions: &[Definition], only: Option<Only<'_>>) -> Result<Table, String> {
    let file = SerializedFileReader::new(bytes.clone()).map_err(|e| e.to_string())?;
    let source = Arc::new(bytes);
    let mut names = Names::default();
    for name in only.iter().flat_map(|only| only.names) {
        names.place(name).ok_or("it has too many names")?;
    }
    let asked = names.list.len();
    let columns = definitions.iter().map(|d| Values::new(d.kind())).collect();
    let mut table = Table { columns, ..Table::default() };
    for group in file.metadata().row_groups() {
        let group = Group { source: &source, group, rows: rows(group)?, asked };
        let wanted = match only {
            Some(only) if only.others == Others::Skipped => group.named(definitions, only, &mut names)?,
            _ => group.all(),
        };
        if wanted.is_empty() {
            continue;
        }
        let base = table.present.len();
        table.present.resize(base + wanted.iter().map(ExactSizeIterator::len).sum::<usize>(), 0);
        let present = table.present.get_mut(base..).unwrap_or_default();
        for (place, (definition, values)) in definitions.iter().zip(&mut table.columns).enumerate() {
            names.asked = only.filter(|only| only.place == place).map(|_| asked);
            group.read(*definition, &wanted, Place { values, present, bit: 1 << place }, &mut names)?;
        }
    }
    table.names = names.list;
    Ok(table)
}

fn rows(group: &RowGroupMetaData) -> Result<usize, String> {
    usize::try_from(group.num_rows()).map_err(|e| e.to_string())
}

/// A row group of a file in memory.
struct Group<'a> {
    source: &'a Arc<Bytes>,
    group: &'a RowGroupMetaData,
    rows: usize,
    /// How many names are asked for, if only some are.
    asked: usize,
}

/// Where a column goes.
struct Place<'a> {
    values: &'a mut Values,
    present: &'a mut [u64],
    bit: u64,
}

/// Row numbers, ascending and apart.
type Spans = [Range<usize>];

impl Group<'_> {
    fn all(&self) -> Vec<Range<usize>> {
        std::iter::once(0..self.rows).collect()
    }

    /// Reads these rows of a column.
    fn read(
        &self,
        definition: Definition,
        wanted: &Spans,
        to: Place<'_>,
        names: &mut Names,
    ) -> Result<(), String> {
        let text = |e: ParquetError| e.to_string();
        let chunk = self.group.columns().iter().find(|c| c.column_path().string() == definition.name);
        let Some(chunk) = chunk else {
            // A column that came later: no row of an older file has a value in it.
            let is_known = definition.nullable;
            return if is_known { Ok(()) } else { Err(format!("it has no column {}", definition.name)) };
        };
        let mut reader =
            SerializedPageReader::new(Arc::clone(self.source), chunk, self.rows, None).map_err(text)?;
        let (mut pages, mut parts, mut at) = (Vec::new(), Vec::new(), 0);
        while let Some(page) = reader.peek_next_page().map_err(text)? {
            if !page.is_dict {
                let rows =
                    page.num_rows.or(page.num_levels).ok_or("a page does not say how many rows it has")?;
                let inside = inside(wanted, at..at + rows);
                at += rows;
                if inside.is_empty() {
                    reader.skip_next_page().map_err(text)?;
                    continue;
                }
                parts.push((rows, inside));
            }
            pages.extend(reader.get_next_page().map_err(text)?);
        }
        let Place { values, present, bit } = to;
        let expected = values.len() + present.len();
        let nullable = chunk.column_descr().max_def_level() > 0;
        let target = Target { nullable, values: &mut *values, present, bit, dictionary: None, names };
        parts::decode(definition.kind(), pages.into_iter().map(Ok), &parts, target)?;
        if at != self.rows || values.len() != expected {
            return Err(format!("column {} has another number of rows", definition.name));
        }
        Ok(())
    }

    /// The rows of the pages that may have one of these names; `None` if the file does not say what its pages hold.
    fn near(&self, definition: Definition, names: &[&str]) -> Option<Vec<Range<usize>>> {
        let chunk = self.group.columns().iter().find(|c| c.column_path().string() == definition.name)?;
        let bytes = |range: Range<u64>| {
            self.source.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
        };
        let offsets = decode_offset_index(bytes(chunk.offset_index_range()?)?).ok()?;
        let columns = decode_column_index(bytes(chunk.column_index_range()?)?, chunk.column_type()).ok()?;
        let pages = parts::pages(definition.kind(), self.rows, &offsets, &columns)?;
        let names: Vec<Bound> = names.iter().map(|name| Bound::Text((*name).into())).collect();
        let near = pages.into_iter().filter(|page| names.iter().any(|name| page.may_hold(name, name)));
        Some(near.map(|page| page.rows).collect())
    }

    /// The rows that have one of these names.
    fn named(
        &self,
        definitions: &[Definition],
        only: Only<'_>,
        names: &mut Names,
    ) -> Result<Vec<Range<usize>>, String> {
        let definition = definitions.get(only.place).ok_or("it has other columns")?;
        let near = self.near(*definition, only.names).unwrap_or_else(|| self.all());
        let count = near.iter().map(ExactSizeIterator::len).sum();
        let (mut values, mut present) = (Values::new(definition.kind()), vec![0; count]);
        let to = Place { values: &mut values, present: &mut present, bit: 1 };
        let asked = self.asked;
        names.asked = Some(asked);
        self.read(*definition, &near, to, names)?;
        let Values::U32(values) = values else { return Ok(Vec::new()) };
        let is_wanted = |(place, mask): (&u32, &u64)| *mask != 0 && (*place as usize) < asked;
        let mut spans: Vec<Range<usize>> = Vec::new();
        let rows = near.into_iter().flatten();
        for (row, _) in rows.zip(values.iter().zip(&present)).filter(|(_, one)| is_wanted(*one)) {
            match spans.last_mut() {
                Some(last) if last.end == row => last.end += 1,
                _ => spans.push(row..row + 1),
            }
        }
        Ok(spans)
    }
}

/// What lies in a page of these rows, counted in the page.
fn inside(wanted: &Spans, page: Range<usize>) -> Vec<Range<usize>> {
    let first = wanted.partition_point(|span| span.end <= page.start);
    let touching = wanted.get(first..).unwrap_or_default().iter().take_while(|span| span.start < page.end);
    let cut =
        |span: &Range<usize>| span.start.max(page.start) - page.start..span.end.min(page.end) - page.start;
    touching.map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Definition; 2] = [nullable("tenant", Kind::Name), required("octets", Kind::Unsigned(64))];

    /// Names in order twice, as those of two kinds of traffic are, over many pages; at the end rows of nobody.
    #[test]
    fn of_some_names_only_pages_near_them_are_read() {
        let folder = tempfile::TempDir::new().unwrap();
        let (names, each) = (500u32, 61u64);
        let mut table =
            Table { columns: vec![Values::U32(Vec::new()), Values::U64(Vec::new())], ..Table::default() };
        table.names = (0..names).map(|n| format!("t{n:03}").into()).collect();
        let rows = u64::from(names) * each;
        for n in 0..2 * rows + 20_000 {
            let place = u32::try_from(n % rows / each).unwrap();
            table.present.push(if n < 2 * rows { 0b11 } else { 0b10 });
            let [Values::U32(tenant), Values::U64(octets)] = &mut table.columns[..] else { panic!() };
            tenant.push(place);
            octets.push(n);
        }
        let entry = write(&Disk::new(folder.path()), "accounts", &COLUMNS, &table, (0, 0)).unwrap();
        let source = Source::from(folder.path().join("accounts"));
        let read = |names: &[&str], others| {
            let only = Only { place: 0, names, others };
            let table = read_asked(&source, &entry, &COLUMNS, Some(only)).unwrap();
            let [Values::U32(tenant), Values::U64(octets)] = &table.columns[..] else { panic!() };
            let named =
                |at: usize| table.names.get(tenant[at] as usize).filter(|_| table.present[at] & 1 != 0);
            octets
                .iter()
                .enumerate()
                .map(|(at, octets)| (named(at).map(ToString::to_string), *octets))
                .collect::<Vec<_>>()
        };
        let of = |place: u64| {
            let first =
                (place * each..(place + 1) * each).chain(rows + place * each..rows + (place + 1) * each);
            first.map(move |n| (Some(format!("t{place:03}")), n)).collect::<Vec<_>>()
        };
        assert_eq!(read(&["t007"], Others::Skipped), of(7));
        assert_eq!(read(&["t499", "nobody", "t499"], Others::Skipped), of(499));
        assert_eq!(read(&["t"], Others::Skipped), []);
        let all = read(&["t007"], Others::Unnamed);
        assert_eq!(all.len() as u64, 2 * rows + 20_000);
        assert_eq!(all.into_iter().filter(|(name, _)| name.is_some()).collect::<Vec<_>>(), of(7));
        // What is not near is not even looked at.
        let bytes = Bytes::from(source.read().unwrap());
        let file = SerializedFileReader::new(bytes.clone()).unwrap();
        let group = Group {
            source: &Arc::new(bytes),
            group: file.metadata().row_group(0),
            rows: table.present.len(),
            asked: 1,
        };
        let near: usize = group.near(COLUMNS[0], &["t007"]).unwrap().iter().map(ExactSizeIterator::len).sum();
        assert!((122..=4 * 8192).contains(&near), "{near}");
    }
}
