//! The presence masks of a frame's rows: as runs, or one octet a row where masks alternate.

use super::cursor::Cursor;
use super::item::put_len;
use std::ops::Range;

/// What stands where the number of runs would, if there is an octet a row.
const CODED: u32 = u32::MAX;

/// The most masks that octets stand for.
const CODES_MAX: usize = 255;

/// Octets of a run: a mask, and how many rows have it.
const RUN: usize = 12;

/// Masks of rows, checked.
#[derive(Clone, Debug)]
pub(super) enum Masks {
    /// Masks, and how many rows in a row have them.
    Runs(Vec<(u64, u32)>),
    /// The masks there are, and where the octets of the rows lie.
    Coded(Vec<u64>, Range<usize>),
}

/// Writes masks in the shorter form; returns the union of all.
pub(super) fn put(present: &[u64], out: &mut Vec<u8>) -> Result<u64, String> {
    let changes = present.iter().zip(present.iter().skip(1)).filter(|(a, b)| a != b).count();
    let base = out.len();
    if RUN * changes > present.len()
        && let Some(any) = put_coded(present, out)
    {
        return Ok(any);
    }
    out.truncate(base);
    let mut any = 0;
    put_len(out, if present.is_empty() { 0 } else { changes + 1 })?;
    for run in present.chunk_by(|a, b| a == b) {
        let mask = run.first().copied().unwrap_or_default();
        any |= mask;
        out.extend_from_slice(&mask.to_le_bytes());
        put_len(out, run.len())?;
    }
    Ok(any)
}

/// Codes of masks met lately, by some of the masks' bits.
const LATELY: usize = 64;

/// Writes an octet a row; `None` if there are too many masks for that.
fn put_coded(present: &[u64], out: &mut Vec<u8>) -> Option<u64> {
    let mut masks: Vec<u64> = Vec::new();
    let mut codes = Vec::with_capacity(present.len());
    let mut lately = [(0u64, 0u8); LATELY];
    for mask in present {
        let slot = usize::try_from(mask.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58).unwrap_or_default();
        let slot = lately.get_mut(slot)?;
        // No stored row has a mask of 0; if one had, it would be looked for.
        if slot.0 != *mask || *mask == 0 {
            let at = masks.iter().position(|m| m == mask).unwrap_or_else(|| {
                masks.push(*mask);
                masks.len() - 1
            });
            *slot = (*mask, u8::try_from(at).ok().filter(|at| usize::from(*at) < CODES_MAX)?);
        }
        codes.push(slot.1);
    }
    out.extend_from_slice(&CODED.to_le_bytes());
    out.push(u8::try_from(masks.len()).ok()?);
    out.extend(masks.iter().flat_map(|mask| mask.to_le_bytes()));
    out.extend_from_slice(&codes);
    Some(masks.iter().fold(0, |any, mask| any | mask))
}

impl Masks {
    /// Takes the masks of so many rows off a payload and checks them.
    pub(super) fn parse(cursor: &mut Cursor<'_>, rows: usize) -> Result<Self, String> {
        let count = cursor.u32()?;
        if count == CODED {
            return Self::parse_coded(cursor, rows);
        }
        let mut runs = Vec::new();
        let mut total = 0usize;
        for _ in 0..count {
            let run = (cursor.u64()?, cursor.u32()?);
            total = total.saturating_add(run.1 as usize);
            runs.push(run);
        }
        if total == rows {
            Ok(Self::Runs(runs))
        } else {
            Err(format!("it has masks for {total} rows and says {rows}"))
        }
    }

    fn parse_coded(cursor: &mut Cursor<'_>, rows: usize) -> Result<Self, String> {
        let [count] = cursor.array()?;
        let masks = cursor.take(8 * usize::from(count))?.as_chunks::<8>().0;
        let masks: Vec<u64> = masks.iter().map(|mask| u64::from_le_bytes(*mask)).collect();
        let at = cursor.at;
        let largest = cursor.take(rows)?.iter().max().copied();
        match largest.is_none_or(|largest| largest < count) {
            true => Ok(Self::Coded(masks, at..cursor.at)),
            false => Err("a row in it has a mask that it does not say".to_owned()),
        }
    }

    /// Appends the mask of every row; `payload` is what they were taken off.
    pub(super) fn append(&self, payload: &[u8], out: &mut Vec<u64>) {
        match self {
            Self::Runs(runs) => {
                for (mask, count) in runs {
                    out.resize(out.len() + *count as usize, *mask);
                }
            }
            Self::Coded(masks, range) => {
                let mut by_code = [0; 256];
                by_code.iter_mut().zip(masks).for_each(|(slot, mask)| *slot = *mask);
                let codes = payload.get(range.clone()).unwrap_or_default();
                out.extend(codes.iter().map(|code| by_code[usize::from(*code)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn back(present: &[u64], out: &[u8]) -> Vec<u64> {
        let mut cursor = Cursor { bytes: out, at: 0 };
        let masks = Masks::parse(&mut cursor, present.len()).unwrap();
        assert_eq!(cursor.at, out.len());
        let mut all = Vec::new();
        masks.append(out, &mut all);
        all
    }

    proptest! {
        #[test]
        fn masks_come_back(kinds in 1u64..400, rows in prop::collection::vec(any::<u64>(), 0..600)) {
            let present: Vec<u64> = rows.iter().map(|row| (row % kinds).wrapping_mul(0x0101_0101)).collect();
            let mut out = Vec::new();
            let any = put(&present, &mut out).unwrap();
            prop_assert_eq!(any, present.iter().fold(0, |a, b| a | b));
            prop_assert_eq!(back(&present, &out), present);
        }
    }

    #[test]
    fn masks_that_alternate_take_an_octet_a_row_and_others_none() {
        let mut out = Vec::new();
        put(&[5, 9].repeat(500), &mut out).unwrap();
        assert_eq!(out.len(), 4 + 1 + 2 * 8 + 1000);
        out.clear();
        put(&[5; 1000], &mut out).unwrap();
        assert_eq!(out.len(), 4 + 12);
        out.clear();
        put(&[], &mut out).unwrap();
        assert_eq!(out, [0; 4]);
        // A code that stands for nothing is refused.
        let bytes = [&CODED.to_le_bytes()[..], &[1], &7u64.to_le_bytes(), &[0, 1]].concat();
        let error = Masks::parse(&mut Cursor { bytes: &bytes, at: 0 }, 2).unwrap_err();
        assert_eq!(error, "a row in it has a mask that it does not say");
    }
}
