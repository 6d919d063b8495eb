//! How the rows of a batch are written into a journal's frame. [`Frame`](super::Frame) takes them out again.
//!
//! All numbers are little-endian. Rows are: how many; the presence masks as runs; the names that name columns
//! point into; and the columns of which any row has a value, each in the shortest of three forms ([`Form`]).
//! FORMAT.md has the bytes.

use super::item::put_len;
use super::strings;
use weir_flow::schema::{COLUMNS, Column, Kind};
use weir_flow::{Addr, Batch, Values};

/// How the values of a column lie in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One value that all rows have.
    Constant = 1,
    /// One value a row.
    Plain = 2,
    /// Four octets a row: IPv4 addresses all.
    V4 = 3,
}

/// The text that names the columns and their widths, in the order of their numbers in a payload. Two files with
/// the same text have payloads of the same layout and of words of the same numbers.
pub(crate) fn schema_text() -> String {
    let mut text = String::new();
    for definition in &COLUMNS {
        let kind = match definition.kind {
            Kind::Time => "time".to_owned(),
            Kind::Addr => "addr".to_owned(),
            Kind::Mac => "mac".to_owned(),
            Kind::Unsigned(bits) => format!("u{bits}"),
            Kind::Word(words) => format!("word({})", words.join(",")),
            Kind::Name => "name".to_owned(),
            Kind::Text => "text".to_owned(),
            Kind::Elements => "elements".to_owned(),
        };
        text.push_str(definition.name);
        text.push(':');
        text.push_str(&kind);
        text.push('\n');
    }
    text
}

/// The most rows that one frame holds; a reader refuses more, so that few bytes cannot ask for much memory.
pub(super) const ROWS_MAX: usize = 1 << 22;

/// Writes the rows of a sealed batch. An error says what is wrong with it.
pub(super) fn encode(batch: &Batch, out: &mut Vec<u8>) -> Result<(), String> {
    if batch.len() > ROWS_MAX {
        return Err(format!("it has {} rows, and at most {ROWS_MAX} go together", batch.len()));
    }
    put_len(out, batch.len())?;
    let any = encode_masks(batch.present(), out)?;
    let places = encode_names(batch, any, out)?;
    let columns = COLUMNS.iter().filter(|d| any & d.column.bit() != 0);
    put_len(out, columns.clone().count())?;
    for definition in columns {
        let column = definition.column;
        let values = batch.values(column);
        if values.len() != batch.len() {
            return Err(format!(
                "column {} has {} values for {} rows",
                column.name(),
                values.len(),
                batch.len()
            ));
        }
        check_codes(column, values, batch.present(), batch.names().len())?;
        out.push(u8::try_from(column.index()).map_err(|_| "too many columns".to_owned())?);
        match (definition.kind, values) {
            (Kind::Name, Values::U32(v)) => {
                let place = |at: u32| places.get(at as usize).copied().unwrap_or(0);
                encode_numbers(v, |at| place(at).to_le_bytes(), out);
            }
            (_, Values::Bytes(v)) => strings::put(column, v, batch.present(), out)?,
            _ => encode_values(values, out),
        }
    }
    Ok(())
}

/// Writes the names that any row has (a batch may know thousands and use a few); returns what the places of all
/// become.
fn encode_names(batch: &Batch, any: u64, out: &mut Vec<u8>) -> Result<Vec<u32>, String> {
    let mut used = vec![false; batch.names().len()];
    for column in [Column::Tenant, Column::PeerTenant].into_iter().filter(|c| any & c.bit() != 0) {
        let mut last = None;
        for (place, mask) in batch.u32s(column).iter().zip(batch.present()) {
            if mask & column.bit() != 0
                && last != Some(*place)
                && let Some(slot) = used.get_mut(*place as usize)
            {
                *slot = true;
                last = Some(*place);
            }
        }
    }
    put_len(out, used.iter().filter(|used| **used).count())?;
    let (mut places, mut next) = (Vec::with_capacity(used.len()), 0);
    for (name, used) in batch.names().iter().zip(used) {
        places.push(next);
        if used {
            put_len(out, name.len())?;
            out.extend_from_slice(name.as_bytes());
            next += 1;
        }
    }
    Ok(places)
}

/// Writes the masks as runs of equal ones; returns the union of all.
fn encode_masks(present: &[u64], out: &mut Vec<u8>) -> Result<u64, String> {
    let at = out.len();
    put_len(out, 0)?;
    let mut runs = 0u32;
    let mut any = 0;
    for run in present.chunk_by(|a, b| a == b) {
        let mask = run.first().copied().unwrap_or_default();
        any |= mask;
        out.extend_from_slice(&mask.to_le_bytes());
        put_len(out, run.len())?;
        runs += 1;
    }
    if let Some(count) = out.get_mut(at..at + 4) {
        count.copy_from_slice(&runs.to_le_bytes());
    }
    Ok(any)
}

/// Whether every present code and place in the names means something.
pub(super) fn check_codes(
    column: Column,
    values: &Values,
    present: &[u64],
    names: usize,
) -> Result<(), String> {
    let is_good = match (column.kind(), values) {
        (Kind::Word(words), Values::U8(v)) => are_below(v, words.len(), present, column),
        (Kind::Name, Values::U32(v)) => are_below(v, names, present, column),
        _ => true,
    };
    if is_good {
        Ok(())
    } else {
        Err(format!("column {} holds a code that stands for nothing", column.name()))
    }
}

/// Whether all codes that rows have are below `end`.
fn are_below<T: Copy + Ord + Into<u32>>(codes: &[T], end: usize, present: &[u64], column: Column) -> bool {
    let is_below = |code: T| (code.into() as usize) < end;
    // Mostly even those are that rows do not have, and this is many at once.
    codes.iter().copied().max().is_none_or(is_below)
        || codes.iter().zip(present).all(|(code, mask)| is_below(*code) || mask & column.bit() == 0)
}

fn encode_values(values: &Values, out: &mut Vec<u8>) {
    match values {
        Values::U8(v) => encode_numbers(v, u8::to_le_bytes, out),
        Values::U16(v) => encode_numbers(v, u16::to_le_bytes, out),
        Values::U32(v) => encode_numbers(v, u32::to_le_bytes, out),
        Values::U64(v) => encode_numbers(v, u64::to_le_bytes, out),
        Values::Time(v) => encode_numbers(v, i64::to_le_bytes, out),
        Values::Addr(v) if !is_constant(v) && v.iter().all(Addr::is_v4) => {
            out.push(Form::V4 as u8);
            put_all(v, |a| a.octets().last_chunk::<4>().copied().unwrap_or_default(), out);
        }
        Values::Addr(v) => encode_numbers(v, |a| *a.octets(), out),
        // Written by their column, which says whether they are text.
        Values::Bytes(_) => {}
    }
}

fn is_constant<T: Copy + PartialEq>(values: &[T]) -> bool {
    values.first().is_some_and(|first| values.iter().all(|v| v == first))
}

fn encode_numbers<T: Copy + PartialEq, const N: usize>(
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
    out: &mut Vec<u8>,
) {
    if is_constant(values) {
        out.push(Form::Constant as u8);
        put_all(values.get(..1).unwrap_or_default(), bytes, out);
    } else {
        out.push(Form::Plain as u8);
        put_all(values, bytes, out);
    }
}

/// So many values are turned into bytes before they are appended: as few as stay in the nearest cache.
const CHUNK: usize = 256;

fn put_all<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N], out: &mut Vec<u8>) {
    out.reserve(N * values.len());
    for chunk in values.chunks(CHUNK) {
        let mut buffer = [[0; N]; CHUNK];
        for (slot, value) in buffer.iter_mut().zip(chunk) {
            *slot = bytes(*value);
        }
        out.extend_from_slice(buffer.as_flattened().get(..N * chunk.len()).unwrap_or_default());
    }
}
