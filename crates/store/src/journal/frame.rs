//! A frame of the journal, read: a checked view over its bytes.
//!
//! A frame is a [`Summary`] and rows. [`Frame::parse`] checks every length of these once; afterwards columns are taken out one by one, only those that
//! are asked for, straight into vectors.

use super::account::Origin;
use super::cursor::{Cursor, SHORT};
use super::encode::ROWS_MAX;
use super::mask::Masks;
use super::raw::{Form, Mixed, Raw, SAME};
use super::strings::{self, Strings};
use super::summary::{self, Beside, Summary};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use weir_flow::schema::{COLUMNS, COUNT, Column, Definition, Kind};
use weir_flow::{Addr, Batch, Values};

/// Rows and counts that were appended together. Cloning one shares its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Its place in the order of all frames, from 1.
    pub sequence: u64,
    /// What it says without its rows.
    pub summary: Summary,
    rows: usize,
    /// The rows as they lie.
    payload: Bytes,
    masks: Masks,
    columns: Columns,
    names: Arc<[Box<str>]>,
}

impl Frame {
    /// Checks the rows that belong to a summary. `schema` says which column each number in them stands for. An
    /// error says what is wrong.
    pub(crate) fn parse(
        sequence: u64,
        summary: Summary,
        rows: Bytes,
        schema: &[Column],
    ) -> Result<Self, String> {
        let frame = Self::take(sequence, summary, rows, schema)?;
        frame.check_codes()?;
        Ok(frame)
    }

    /// A frame of our own encoding, the columns in the order of our schema: its codes need not be checked.
    pub(super) fn own(sequence: u64, summary: Bytes, rows: Bytes) -> Result<Self, String> {
        let schema: Vec<Column> = COLUMNS.iter().map(|d| d.column).collect();
        Self::take(sequence, Summary::parse(summary, Origin::Own)?, rows, &schema)
    }

    fn take(sequence: u64, summary: Summary, payload: Bytes, schema: &[Column]) -> Result<Self, String> {
        let bytes = payload.clone();
        let mut cursor = Cursor { bytes: &bytes, at: 0 };
        let (rows, masks, names, columns) = parse_rows(&mut cursor, schema)?;
        if cursor.at != bytes.len() {
            return Err("there is more in it than it says".to_owned());
        }
        if rows != summary.rows() {
            return Err(format!("it has {rows} rows and says {}", summary.rows()));
        }
        Ok(Self { sequence, summary, rows, payload, masks, columns, names })
    }

    /// Checks the payload of a frame of version 2: rows, and then what is beside them.
    pub(super) fn parse_v2(sequence: u64, payload: Bytes, schema: &[Column]) -> Result<Self, String> {
        let bytes = payload.clone();
        let mut cursor = Cursor { bytes: &bytes, at: 0 };
        let (rows, masks, names, columns) = parse_rows(&mut cursor, schema)?;
        let beside = Beside::parse(&mut cursor)?;
        if cursor.at != bytes.len() {
            return Err("there is more in it than it says".to_owned());
        }
        let summary = Summary::of_v2(payload.clone(), beside);
        let mut frame = Self { sequence, summary, rows, payload, masks, columns, names };
        frame.check_codes()?;
        frame.summary.describe(&frame.batch(summary::DESCRIBED));
        Ok(frame)
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes it has.
    pub(crate) fn bytes(&self) -> usize {
        self.payload.len() + self.summary.bytes()
    }

    /// The names that name columns point into.
    pub(crate) fn names(&self) -> &Arc<[Box<str>]> {
        &self.names
    }

    /// Whether any row has a value in this column.
    pub(crate) fn has(&self, column: Column) -> bool {
        self.columns.get(column.index()).is_some_and(Option::is_some)
    }

    /// The presence mask of every row.
    pub(crate) fn append_present(&self, out: &mut Vec<u64>) {
        self.masks.append(&self.payload, out);
    }

    /// The values of a column, one a row, appended to a vector of its type; zeros where no row has one.
    pub(crate) fn append_values(&self, column: Column, out: &mut Values) {
        let (raw, rows) = (self.raw(column), self.rows);
        match out {
            Values::Bytes(v) => {
                let strings = self.strings(column).unwrap_or(Strings::Constant(&[]));
                v.reserve(rows);
                for row in 0..rows {
                    v.push(strings.get(row));
                }
            }
            Values::U8(v) => raw.append(rows, &u8::from_le_bytes, v),
            Values::U16(v) => raw.append(rows, &u16::from_le_bytes, v),
            Values::U32(v) => raw.append(rows, &u32::from_le_bytes, v),
            Values::U64(v) => raw.append(rows, &u64::from_le_bytes, v),
            Values::Time(v) => raw.append(rows, &i64::from_le_bytes, v),
            Values::Addr(v) => self.append_addrs(raw, v),
        }
    }

    fn append_addrs(&self, raw: Raw<'_>, out: &mut Vec<Addr>) {
        match raw {
            Raw::V4(bytes) => out.extend(bytes.as_chunks().0.iter().map(|octets| Addr::v4(*octets))),
            Raw::Mixed(mixed) => mixed.append(out),
            Raw::Sides(sides) => {
                let of = |column| match self.values(column) {
                    Values::Addr(addrs) => addrs,
                    _ => Vec::new(),
                };
                let both = of(Column::SrcAddr).into_iter().zip(of(Column::DstAddr));
                out.extend(
                    sides.iter().zip(both).map(|(side, (src, dst))| if *side == 0 { src } else { dst }),
                );
            }
            other => other.append(self.rows, &Addr::v6, out),
        }
    }

    /// The values of a column of fixed width as they lie in the payload.
    pub(crate) fn raw(&self, column: Column) -> Raw<'_> {
        let Some(Some((form, range))) = self.columns.get(column.index()) else { return Raw::None };
        let bytes = self.payload.get(range.clone()).unwrap_or_default();
        Raw::new(*form, bytes, self.rows, width(column.kind()))
    }

    /// Whether two columns of the same type hold the same in all rows, or nothing.
    pub(crate) fn are_equal(&self, a: Column, b: Column) -> bool {
        self.columns.get(a.index()) == self.columns.get(b.index()) || self.raw(a) == self.raw(b)
    }

    /// The values of a column, one a row.
    pub(crate) fn values(&self, column: Column) -> Values {
        let mut values = Values::new(column.kind());
        self.append_values(column, &mut values);
        values
    }

    /// The rows with only these columns, without the counts.
    pub(crate) fn batch(&self, columns: u64) -> Batch {
        let mut present = Vec::with_capacity(self.rows);
        self.append_present(&mut present);
        for mask in &mut present {
            *mask &= columns;
        }
        let wanted = weir_flow::schema::COLUMNS.iter().map(|d| d.column).filter(|c| columns & c.bit() != 0);
        Batch::from_columns(present, wanted.map(|c| (c, self.values(c))).collect(), Arc::clone(&self.names))
    }

    /// The strings of a column, where they lie; `None` where no row has one.
    pub(crate) fn strings(&self, column: Column) -> Option<Strings<'_>> {
        let (form, range) = self.columns.get(column.index())?.as_ref()?;
        Some(Strings::new(*form, self.rows, self.payload.get(range.clone())?))
    }

    /// Octets of the strings of all rows, in the column that has most.
    pub(crate) fn string_bytes(&self) -> usize {
        let strings = COLUMNS.iter().filter(|d| matches!(d.kind, Kind::Text | Kind::Elements));
        let len = |d: &Definition| self.strings(d.column).map_or(0, |s| s.len(self.rows));
        strings.map(len).max().unwrap_or(0)
    }

    /// Whether the codes of words and the places of names that rows have stand for something.
    fn check_codes(&self) -> Result<(), String> {
        let mut present = Vec::new();
        self.append_present(&mut present);
        for definition in &weir_flow::schema::COLUMNS {
            let column = definition.column;
            if matches!(definition.kind, Kind::Word(_) | Kind::Name) && self.has(column) {
                super::encode::check_codes(column, &self.values(column), &present, self.names.len())?;
            }
        }
        Ok(())
    }
}

/// Rows as they are taken off a frame: how many, masks, names, columns.
type Parsed = (usize, Masks, Arc<[Box<str>]>, Columns);

fn parse_rows(cursor: &mut Cursor<'_>, schema: &[Column]) -> Result<Parsed, String> {
    let rows = cursor.len()?;
    if rows > ROWS_MAX {
        return Err(format!("it says it has {rows} rows"));
    }
    let masks = Masks::parse(cursor, rows)?;
    let names = parse_names(cursor)?;
    Ok((rows, masks, names, parse_columns(cursor, rows, schema)?))
}

fn parse_names(cursor: &mut Cursor<'_>) -> Result<Arc<[Box<str>]>, String> {
    let count = cursor.len()?;
    let mut names: Vec<Box<str>> = Vec::new();
    for _ in 0..count {
        names.push(cursor.text()?.into());
    }
    Ok(names.into())
}

type Columns = [Option<(Form, Range<usize>)>; COUNT];

fn parse_columns(cursor: &mut Cursor<'_>, rows: usize, schema: &[Column]) -> Result<Columns, String> {
    let mut columns: Columns = std::array::from_fn(|_| None);
    for _ in 0..cursor.len()? {
        let [number, form] = cursor.array()?;
        let column = *schema.get(usize::from(number)).ok_or("it has a column that nobody named")?;
        let found = if form == SAME {
            same(cursor, column, &columns, schema)?
        } else {
            take_column(cursor, rows, column, form, &columns)?
        };
        if let Some(slot) = columns.get_mut(column.index()) {
            *slot = Some(found);
        }
    }
    Ok(columns)
}

/// Where the values are of a column that holds what one before it holds.
fn same(
    cursor: &mut Cursor<'_>,
    column: Column,
    columns: &Columns,
    schema: &[Column],
) -> Result<(Form, Range<usize>), String> {
    let [of] = cursor.array()?;
    let of = schema.get(usize::from(of)).filter(|of| of.kind() == column.kind());
    let found = of.and_then(|of| columns.get(of.index())?.clone());
    // What leans on other columns is not leant on.
    let found = found.filter(|(form, _)| *form != Form::Sides);
    found.ok_or_else(|| format!("column {} is the same as none", column.name()))
}

fn take_column(
    cursor: &mut Cursor<'_>,
    rows: usize,
    column: Column,
    form: u8,
    columns: &Columns,
) -> Result<(Form, Range<usize>), String> {
    let kind = column.kind();
    let how = |how: String| format!("column {}: {how}", column.name());
    let near =
        |form: Form| (form, form.near().and_then(|near| near.checked_mul(rows)?.checked_add(width(kind))));
    let (form, len) = match (form, kind) {
        (1 | 2, Kind::Text | Kind::Elements) => {
            let form = if form == 1 { Form::Constant } else { Form::Plain };
            return Ok((form, strings::check(cursor, form, rows, kind).map_err(how)?));
        }
        (1, _) => (Form::Constant, Some(width(kind))),
        (2, _) => (Form::Plain, width(kind).checked_mul(rows)),
        (3, Kind::Addr) => (Form::V4, 4usize.checked_mul(rows)),
        (4, _) if (2..=8).contains(&width(kind)) => near(Form::Near8),
        (5, _) if (4..=8).contains(&width(kind)) => near(Form::Near16),
        (6, _) if width(kind) == 8 => near(Form::Near32),
        (7, Kind::Addr) => {
            let at = cursor.at;
            Mixed::check(cursor, rows).map_err(how)?;
            return Ok((Form::Mixed, at..cursor.at));
        }
        (8, Kind::Addr) if has_sides(column, columns) => (Form::Sides, Some(rows)),
        _ => return Err(format!("column {} has the unknown form {form}", column.name())),
    };
    let at = cursor.at;
    let bytes = cursor.take(len.ok_or(SHORT)?)?;
    if form == Form::Sides && bytes.iter().any(|side| *side > 1) {
        return Err(how("it has a side that is none".to_owned()));
    }
    Ok((form, at..cursor.at))
}

/// Whether both addresses of rows are there, and another column may lean on them.
fn has_sides(column: Column, columns: &Columns) -> bool {
    let sides = [Column::SrcAddr, Column::DstAddr];
    let is_there = |side: &Column| columns.get(side.index()).is_some_and(Option::is_some);
    !sides.contains(&column) && sides.iter().all(is_there)
}

/// How many bytes a value of this kind takes.
fn width(kind: Kind) -> usize {
    match Values::new(kind) {
        Values::U8(_) => 1,
        Values::U16(_) => 2,
        Values::U32(_) => 4,
        Values::U64(_) | Values::Time(_) => 8,
        Values::Addr(_) => 16,
        // As long as they are: `Strings` knows.
        Values::Bytes(_) => 0,
    }
}
