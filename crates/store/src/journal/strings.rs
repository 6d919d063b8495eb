//! Columns of octet strings in a payload.
//!
//! Text is UTF-8 from here on: what an exporter sent otherwise has its wrong octets replaced (by U+FFFD) when it
//! is written, so that one bad name costs that name; a payload that holds other text was not written by us and is
//! refused.

use super::cursor::{Cursor, SHORT};
use super::item::put_len;
use super::raw::Form;
use std::borrow::Cow;
use std::ops::Range;
use weir_flow::schema::Kind;
use weir_flow::{Bytes, Column};

/// A string that all rows have is written once if it is not longer: so few bytes cannot ask for much memory.
const CONSTANT_MAX: usize = 255;

/// Appends form and strings.
pub(super) fn put(column: Column, strings: &Bytes, present: &[u64], out: &mut Vec<u8>) -> Result<(), String> {
    let strings = match column.kind() {
        Kind::Text => clean(column, strings, present),
        _ => Cow::Borrowed(strings),
    };
    let first = strings.get(0).unwrap_or_default();
    if first.len() <= CONSTANT_MAX && strings.iter().all(|s| s == first) {
        out.push(Form::Constant as u8);
        put_len(out, first.len())?;
        out.extend_from_slice(first);
        return Ok(());
    }
    out.push(Form::Plain as u8);
    out.extend(strings.ends().iter().flat_map(|end| end.to_le_bytes()));
    out.extend_from_slice(strings.data());
    Ok(())
}

/// The same strings as UTF-8.
fn clean<'a>(column: Column, strings: &'a Bytes, present: &[u64]) -> Cow<'a, Bytes> {
    if is_text(strings.data(), strings.ends().iter().copied()) {
        return Cow::Borrowed(strings);
    }
    let mut clean = Bytes::new();
    for (string, mask) in strings.iter().zip(present) {
        let string = if mask & column.bit() != 0 { string } else { &[] };
        clean.push(String::from_utf8_lossy(string).as_bytes());
    }
    Cow::Owned(clean)
}

/// Whether all strings that end there are UTF-8.
fn is_text(data: &[u8], mut ends: impl Iterator<Item = u32>) -> bool {
    str::from_utf8(data).is_ok_and(|text| ends.all(|end| text.is_char_boundary(end as usize)))
}

/// Takes a column off a payload, checks it, and says where it is.
pub(super) fn check(
    cursor: &mut Cursor<'_>,
    form: Form,
    rows: usize,
    kind: Kind,
) -> Result<Range<usize>, String> {
    let is_constant = form == Form::Constant;
    let len = if is_constant { cursor.len()? } else { 0 };
    let at = cursor.at;
    if is_constant {
        let text = cursor.take(len)?;
        let is_good = len <= CONSTANT_MAX && (kind != Kind::Text || str::from_utf8(text).is_ok());
        return if is_good { Ok(at..cursor.at) } else { Err("a string in it is not one".to_owned()) };
    }
    let (ends, _) = cursor.take(rows.checked_mul(4).ok_or(SHORT)?)?.as_chunks::<4>();
    let last = ends.last().map_or(0, |end| u32::from_le_bytes(*end));
    let ends = || ends.iter().map(|end| u32::from_le_bytes(*end));
    if !ends().is_sorted() {
        return Err("its strings overlap".to_owned());
    }
    let data = cursor.take(usize::try_from(last).map_err(|_| SHORT)?)?;
    if kind == Kind::Text && !is_text(data, ends()) {
        return Err("text in it is not UTF-8".to_owned());
    }
    Ok(at..cursor.at)
}

/// The strings of a column, where they lie in a payload.
#[derive(Clone, Copy)]
pub(crate) enum Strings<'a> {
    /// All rows have this one.
    Constant(&'a [u8]),
    /// Where each ends, and all of them.
    Plain(&'a [[u8; 4]], &'a [u8]),
}

impl<'a> Strings<'a> {
    /// Of bytes that [`check`] has seen.
    pub(super) fn new(form: Form, rows: usize, bytes: &'a [u8]) -> Self {
        if form == Form::Constant {
            return Self::Constant(bytes);
        }
        let (ends, data) = bytes.split_at_checked(4 * rows).unwrap_or_default();
        Self::Plain(ends.as_chunks().0, data)
    }

    /// The string of a row.
    pub(crate) fn get(self, row: usize) -> &'a [u8] {
        let (ends, data) = match self {
            Self::Constant(string) => return string,
            Self::Plain(ends, data) => (ends, data),
        };
        let end = |row: usize| ends.get(row).map_or(0, |end| u32::from_le_bytes(*end) as usize);
        let start = row.checked_sub(1).map_or(0, end);
        data.get(start..end(row)).unwrap_or_default()
    }

    /// Octets of the strings of so many rows.
    pub(crate) fn len(self, rows: usize) -> usize {
        match self {
            Self::Constant(string) => string.len().saturating_mul(rows),
            Self::Plain(_, data) => data.len(),
        }
    }
}
