//! A frame of the journal, read: a checked view over its bytes.
//!
//! A frame is a [`Summary`] and rows. [`Frame::parse`] checks every length of these once; afterwards columns are taken out one by one, only those that
//! are asked for, straight into vectors.

use super::account::Origin;
use super::cursor::{Cursor, SHORT};
use super::encode::{Form, ROWS_MAX};
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
    /// Presence masks, and how many rows in a row have them.
    runs: Vec<(u64, u32)>,
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
        let (rows, runs, names, columns) = parse_rows(&mut cursor, schema)?;
        if cursor.at != bytes.len() {
            return Err("there is more in it than it says".to_owned());
        }
        if rows != summary.rows() {
            return Err(format!("it has {rows} rows and says {}", summary.rows()));
        }
        Ok(Self { sequence, summary, rows, payload, runs, columns, names })
    }

    /// Checks the payload of a frame of version 2: rows, and then what is beside them.
    pub(super) fn parse_v2(sequence: u64, payload: Bytes, schema: &[Column]) -> Result<Self, String> {
        let bytes = payload.clone();
        let mut cursor = Cursor { bytes: &bytes, at: 0 };
        let (rows, runs, names, columns) = parse_rows(&mut cursor, schema)?;
        let beside = Beside::parse(&mut cursor)?;
        if cursor.at != bytes.len() {
            return Err("there is more in it than it says".to_owned());
        }
        let summary = Summary::of_v2(payload.clone(), beside);
        let mut frame = Self { sequence, summary, rows, payload, runs, columns, names };
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
        for (mask, count) in &self.runs {
            out.resize(out.len() + *count as usize, *mask);
        }
    }

    /// The values of a column, one a row, appended to a vector of its type; zeros where no row has one.
    pub(crate) fn append_values(&self, column: Column, out: &mut Values) {
        let (form, bytes) = match self.columns.get(column.index()) {
            Some(Some((form, range))) => (*form, self.payload.get(range.clone()).unwrap_or_default()),
            _ => (Form::Constant, [0u8; 16].get(..width(column.kind())).unwrap_or_default()),
        };
        let rows = self.rows;
        match out {
            Values::Bytes(v) => {
                let strings = self.strings(column).unwrap_or(Strings::Constant(&[]));
                v.reserve(rows);
                for row in 0..rows {
                    v.push(strings.get(row));
                }
            }
            Values::U8(v) => take_all(bytes, form, rows, u8::from_le_bytes, v),
            Values::U16(v) => take_all(bytes, form, rows, u16::from_le_bytes, v),
            Values::U32(v) => take_all(bytes, form, rows, u32::from_le_bytes, v),
            Values::U64(v) => take_all(bytes, form, rows, u64::from_le_bytes, v),
            Values::Time(v) => take_all(bytes, form, rows, i64::from_le_bytes, v),
            Values::Addr(v) if form == Form::V4 => take_all(bytes, form, rows, Addr::v4, v),
            Values::Addr(v) => take_all(bytes, form, rows, Addr::v6, v),
        }
    }

    /// The values of a column of fixed width as they lie in the payload.
    pub(crate) fn raw(&self, column: Column) -> Raw<'_> {
        let Some(Some((form, range))) = self.columns.get(column.index()) else { return Raw::None };
        let bytes = self.payload.get(range.clone()).unwrap_or_default();
        match form {
            Form::Constant => Raw::Constant(bytes),
            Form::Plain => Raw::Plain(bytes),
            Form::V4 => Raw::V4(bytes),
        }
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

/// Values of a fixed width where they lie, little-endian (addresses: their octets).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raw<'a> {
    /// No row has a value.
    None,
    /// The one that all rows have.
    Constant(&'a [u8]),
    /// One a row.
    Plain(&'a [u8]),
    /// The four octets of an IPv4 address a row.
    V4(&'a [u8]),
}

/// Rows as they are taken off a frame: how many, masks, names, columns.
type Parsed = (usize, Vec<(u64, u32)>, Arc<[Box<str>]>, Columns);

fn parse_rows(cursor: &mut Cursor<'_>, schema: &[Column]) -> Result<Parsed, String> {
    let rows = cursor.len()?;
    if rows > ROWS_MAX {
        return Err(format!("it says it has {rows} rows"));
    }
    let runs = parse_runs(cursor, rows)?;
    let names = parse_names(cursor)?;
    Ok((rows, runs, names, parse_columns(cursor, rows, schema)?))
}

fn parse_runs(cursor: &mut Cursor<'_>, rows: usize) -> Result<Vec<(u64, u32)>, String> {
    let count = cursor.len()?;
    let mut runs = Vec::new();
    let mut total = 0usize;
    for _ in 0..count {
        let run = (cursor.u64()?, cursor.u32()?);
        total = total.saturating_add(run.1 as usize);
        runs.push(run);
    }
    if total == rows { Ok(runs) } else { Err(format!("it has masks for {total} rows and says {rows}")) }
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
        let (form, len) = match (form, column.kind()) {
            (1 | 2, kind @ (Kind::Text | Kind::Elements)) => {
                let form = if form == 1 { Form::Constant } else { Form::Plain };
                let how = |how: String| format!("column {}: {how}", column.name());
                let range = strings::check(cursor, form, rows, kind).map_err(how)?;
                if let Some(slot) = columns.get_mut(column.index()) {
                    *slot = Some((form, range));
                }
                continue;
            }
            (1, kind) => (Form::Constant, Some(width(kind))),
            (2, kind) => (Form::Plain, width(kind).checked_mul(rows)),
            (3, Kind::Addr) => (Form::V4, 4usize.checked_mul(rows)),
            _ => return Err(format!("column {} has the unknown form {form}", column.name())),
        };
        let at = cursor.at;
        cursor.take(len.ok_or(SHORT)?)?;
        if let Some(slot) = columns.get_mut(column.index()) {
            *slot = Some((form, at..cursor.at));
        }
    }
    Ok(columns)
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

fn take_all<T: Copy, const N: usize>(
    bytes: &[u8],
    form: Form,
    rows: usize,
    value: impl Fn([u8; N]) -> T,
    out: &mut Vec<T>,
) {
    let (chunks, _) = bytes.as_chunks::<N>();
    match (form, chunks.first()) {
        (Form::Constant, Some(one)) => out.resize(out.len() + rows, value(*one)),
        _ => out.extend(chunks.iter().map(|c| value(*c))),
    }
}
