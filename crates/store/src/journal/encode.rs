//! How the rows of a batch are written into a journal's frame. [`Frame`](super::Frame) takes them out again.
//!
//! All numbers are little-endian. Rows are: how many; the presence masks; the names that name columns
//! point into; and the columns of which any row has a value, each in the shortest of its forms ([`Form`]).
//! FORMAT.md has the bytes.

use super::item::put_len;
use super::mask;
use super::raw::{Form, SAME, cut, wide};
use super::strings;
use weir_flow::schema::{COLUMNS, Column, Kind};
use weir_flow::{Addr, Batch, Values};

/// Columns that hold the same as the first of the two where nothing is sampled.
const TWINS: [(Column, Column); 2] =
    [(Column::Octets, Column::MeasuredOctets), (Column::Packets, Column::MeasuredPackets)];

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
    let any = mask::put(batch.present(), out)?;
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
                let place = |at: &u32| places.get(*at as usize).copied().unwrap_or(0);
                let v: Vec<u32> = v.iter().map(place).collect();
                encode_numbers(&v, u32::to_le_bytes, out);
            }
            (_, Values::Bytes(v)) => strings::put(column, v, batch.present(), out)?,
            (_, Values::Addr(v)) => encode_addrs(column, v, batch, any, out),
            _ => match TWINS.iter().find(|(of, twin)| *twin == column && is_same(batch, any, *of, *twin)) {
                Some((of, _)) => out.extend([SAME, u8::try_from(of.index()).unwrap_or_default()]),
                None => encode_values(values, out),
            },
        }
    }
    Ok(())
}

/// Writes the names that any row has (a batch may know thousands and use a few); returns what the places of all
/// become.
fn encode_names(batch: &Batch, any: u64, out: &mut Vec<u8>) -> Result<Vec<u32>, String> {
    let mut used = vec![false; batch.names().len()];
    let columns = COLUMNS.iter().filter(|d| d.kind == Kind::Name).map(|d| d.column);
    for column in columns.filter(|c| any & c.bit() != 0) {
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
        // Written by their column, which says whether they are text, or whose addresses.
        Values::Addr(_) | Values::Bytes(_) => {}
    }
}

/// Whether two columns of 64 bits have the same values, where the first is written at all.
fn is_same(batch: &Batch, any: u64, of: Column, twin: Column) -> bool {
    any & of.bit() != 0 && batch.u64s(of) == batch.u64s(twin)
}

fn encode_addrs(column: Column, addrs: &[Addr], batch: &Batch, any: u64, out: &mut Vec<u8>) {
    if let Some(first) = addrs.first()
        && addrs.iter().all(|addr| addr == first)
    {
        out.push(Form::Constant as u8);
        out.extend_from_slice(first.octets());
        return;
    }
    if column == Column::Host && encode_sides(addrs, batch, any, out) {
        return;
    }
    let rows = (0u32..).zip(addrs.iter().zip(batch.present()));
    let long = rows.filter(|(_, (addr, mask))| *mask & column.bit() != 0 && !addr.is_v4());
    let long: Vec<(u32, Addr)> = long.map(|(row, (addr, _))| (row, *addr)).collect();
    let v4 = |a: Addr| if a.is_v4() { a.octets().last_chunk().copied().unwrap_or_default() } else { [0; 4] };
    if long.is_empty() {
        out.push(Form::V4 as u8);
        put_all(addrs, v4, out);
    } else if 20 * long.len() < 12 * addrs.len() {
        out.push(Form::Mixed as u8);
        // There are at most `ROWS_MAX`.
        out.extend(u32::try_from(long.len()).unwrap_or_default().to_le_bytes());
        put_all(addrs, v4, out);
        put_all(&long, |(row, _)| row.to_le_bytes(), out);
        put_all(&long, |(_, addr)| *addr.octets(), out);
    } else {
        out.push(Form::Plain as u8);
        put_all(addrs, |a| *a.octets(), out);
    }
}

/// Writes hosts as which of their rows' two addresses they are; false, and nothing written, if one is neither.
fn encode_sides(hosts: &[Addr], batch: &Batch, any: u64, out: &mut Vec<u8>) -> bool {
    let (src, dst) = (Column::SrcAddr, Column::DstAddr);
    if any & src.bit() == 0 || any & dst.bit() == 0 {
        return false;
    }
    let base = out.len();
    out.push(Form::Sides as u8);
    let sides = batch.addrs(src).iter().zip(batch.addrs(dst)).zip(batch.present());
    let mut neither = false;
    out.extend(hosts.iter().zip(sides).map(|(host, ((source, destination), mask))| {
        let is = |side: &Addr, column: Column| (side == host) & (mask & column.bit() != 0);
        let is_src = (mask & Column::Host.bit() == 0) | is(source, src);
        neither |= !is_src & !is(destination, dst);
        u8::from(!is_src)
    }));
    if neither {
        out.truncate(base);
    }
    !neither
}

fn encode_numbers<T: Copy + Ord, const N: usize>(
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
    out: &mut Vec<u8>,
) {
    let Some(first) = values.first() else { return out.push(Form::Plain as u8) };
    let (min, max) = values.iter().fold((*first, *first), |(min, max), v| (min.min(*v), max.max(*v)));
    if min == max {
        out.push(Form::Constant as u8);
        out.extend(bytes(min));
        return;
    }
    let base = wide(&bytes(min));
    let distance = |value: T| wide(&bytes(value)).wrapping_sub(base);
    let form = Form::of_span(distance(max), N);
    out.push(form as u8);
    if form != Form::Plain {
        out.extend(bytes(min));
    }
    match form {
        Form::Near8 => put_all(values, |v| cut::<1>(distance(v)), out),
        Form::Near16 => put_all(values, |v| cut::<2>(distance(v)), out),
        Form::Near32 => put_all(values, |v| cut::<4>(distance(v)), out),
        _ => put_all(values, bytes, out),
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
