//! Parquet's RLE/bit-packing hybrid: definition levels and dictionary indexes.
//!
//! Runs follow each other. A header (LEB128) with its lowest bit clear is a value repeated `header / 2` times;
//! with its lowest bit set, `header / 2` groups of eight values packed in `width` bits each, lowest bits first.

use super::bits;

/// Takes a LEB128 number off the front.
pub(crate) fn leb128(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A piece of decoded values.
pub(crate) enum Piece<'a> {
    /// The same value so many times.
    Run(u32, usize),
    /// Values one by one.
    Values(&'a [u32]),
}

/// Values unpacked at once.
const STEP: usize = 1024;

/// Decodes `count` values of `width` bits, piece by piece. `None` if the bytes do not hold so many.
pub(crate) fn decode(
    mut bytes: &[u8],
    width: u8,
    count: usize,
    mut piece: impl FnMut(Piece<'_>) -> Option<()>,
) -> Option<()> {
    if width > 32 {
        return None;
    }
    let mut left = count;
    let mut scratch = [0u32; STEP];
    while left > 0 {
        if width == 0 && bytes.is_empty() {
            // A width of zero needs no bytes at all: some writers leave even the header away.
            return piece(Piece::Run(0, left));
        }
        let header = leb128(&mut bytes)?;
        let length = usize::try_from(header >> 1).ok()?;
        if header & 1 == 0 {
            let (value, rest) = bytes.split_at_checked(usize::from(width).div_ceil(8))?;
            bytes = rest;
            let value = value.iter().rev().fold(0u32, |v, b| v << 8 | u32::from(*b));
            let run = length.min(left);
            piece(Piece::Run(value, run))?;
            left -= run;
            continue;
        }
        let values = length.checked_mul(8)?;
        let take = values.min(left);
        // The last group may be cut short by the end of the bytes, if its missing values are not wanted.
        let packed = values.checked_mul(usize::from(width))?.div_ceil(8).min(bytes.len());
        if packed < (take * usize::from(width)).div_ceil(8) {
            return None;
        }
        let (packed, rest) = bytes.split_at_checked(packed)?;
        bytes = rest;
        let mut done = 0;
        while done < take {
            let step = (take - done).min(STEP);
            let out = scratch.get_mut(..step)?;
            bits::unpack_u32(packed, done * usize::from(width), width, out)?;
            piece(Piece::Values(out))?;
            done += step;
        }
        left -= take;
    }
    Some(())
}

/// Which rows of a page have a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// All of them.
    All,
    /// None of them.
    None,
    /// For each row whether, and how many have.
    Some(Vec<bool>, usize),
}

impl Validity {
    /// From definition levels of at most 1.
    pub(crate) fn decode(bytes: &[u8], rows: usize) -> Option<Self> {
        let (mut each, mut valid, mut seen) = (Vec::new(), 0usize, 0usize);
        decode(bytes, 1, rows, |piece| {
            match piece {
                Piece::Run(level, run) => {
                    // Long runs of one level are the rule; rows are listed only once both levels have been met.
                    let alike = each.is_empty() && valid == if level == 0 { 0 } else { seen };
                    if !alike {
                        list(&mut each, seen, valid);
                        each.resize(each.len() + run, level != 0);
                    }
                    valid += if level == 0 { 0 } else { run };
                    seen += run;
                }
                Piece::Values(levels) => {
                    list(&mut each, seen, valid);
                    each.extend(levels.iter().map(|level| *level != 0));
                    valid += levels.iter().filter(|level| **level != 0).count();
                    seen += levels.len();
                }
            }
            Some(())
        })?;
        Some(if valid == rows {
            Self::All
        } else if valid == 0 {
            Self::None
        } else {
            Self::Some(each, valid)
        })
    }
}

/// Lists the rows seen so far, which were all alike.
fn list(each: &mut Vec<bool>, seen: usize, valid: usize) {
    if each.is_empty() {
        each.resize(seen, valid > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], width: u8, count: usize) -> Option<Vec<u32>> {
        let mut out = Vec::new();
        decode(bytes, width, count, |piece| {
            match piece {
                Piece::Run(value, run) => out.resize(out.len() + run, value),
                Piece::Values(values) => out.extend_from_slice(values),
            }
            Some(())
        })?;
        Some(out)
    }

    #[test]
    fn the_example_of_the_parquet_specification() {
        // 0..=7 in 3 bits: 10001000 11000110 11111010, after the header of one packed group.
        assert_eq!(all(&[3, 0b1000_1000, 0b1100_0110, 0b1111_1010], 3, 8), Some((0..8).collect()));
        // Seven times 4, then one packed group of which two are wanted.
        assert_eq!(all(&[14, 4, 3, 0b0000_1001, 0, 0], 3, 9), Some(vec![4, 4, 4, 4, 4, 4, 4, 1, 1]));
        assert_eq!(all(&[14, 4], 3, 8), None);
        assert_eq!(all(&[], 0, 5), Some(vec![0; 5]));
        assert_eq!(all(&[3, 1], 3, 8), None);
        assert_eq!(all(&[4, 0xff, 0xff, 0xff, 0xff], 33, 1), None);
    }

    #[test]
    fn levels_become_validity() {
        assert_eq!(Validity::decode(&[20, 1], 10), Some(Validity::All));
        assert_eq!(Validity::decode(&[20, 0], 10), Some(Validity::None));
        assert_eq!(
            Validity::decode(&[4, 1, 2, 0, 3, 0b0000_0101], 6),
            Some(Validity::Some(vec![true, true, false, true, false, true], 4))
        );
        assert_eq!(Validity::decode(&[4, 0, 2, 1], 3), Some(Validity::Some(vec![false, false, true], 1)));
        assert_eq!(Validity::decode(&[4, 0], 3), None);
    }
}
