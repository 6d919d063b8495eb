//! Writes numbers as Parquet's RLE/bit-packing hybrid, and packs bits; [`hybrid`](super::hybrid) and
//! [`bits`](super::bits) read them.

/// Repeats of a value from which on a run is shorter than packing.
const RUN_MIN: usize = 8;

/// Appends a number as LEB128.
pub(crate) fn put_leb128(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

/// The least number of bits that hold values up to this one.
pub(crate) fn width(max: u64) -> u8 {
    u8::try_from(64 - max.leading_zeros()).unwrap_or(64)
}

/// Appends values of `width` (at most 32) bits.
pub(crate) fn encode(values: &[u32], width: u8, out: &mut Vec<u8>) {
    let (mut at, mut packed) = (0, 0);
    while let Some(value) = values.get(at) {
        let rest = values.get(at + 1..).unwrap_or_default();
        let run = 1 + rest.iter().take_while(|v| *v == value).count();
        // Packed values come in groups of eight: a run gives up what fills the group before it.
        let fill = (at - packed).wrapping_neg() % 8;
        if run >= RUN_MIN && run >= RUN_MIN + fill {
            put_packed(values.get(packed..at + fill).unwrap_or_default(), width, out);
            put_run(*value, run - fill, width, out);
            packed = at + run;
        }
        at += run;
    }
    put_packed(values.get(packed..).unwrap_or_default(), width, out);
}

/// Appends a run of one value.
pub(crate) fn put_run(value: u32, run: usize, width: u8, out: &mut Vec<u8>) {
    put_leb128((run as u64) << 1, out);
    out.extend(value.to_le_bytes().iter().take(usize::from(width).div_ceil(8)));
}

fn put_packed(values: &[u32], width: u8, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    put_leb128((groups as u64) << 1 | 1, out);
    let end = out.len() + groups * usize::from(width);
    let (mut waiting, mut bits) = (0u64, 0u32);
    for value in values {
        waiting |= u64::from(*value) << bits;
        bits += u32::from(width);
        if bits >= 32 {
            #[expect(clippy::cast_possible_truncation, reason = "the low half is what is written")]
            out.extend_from_slice(&(waiting as u32).to_le_bytes());
            waiting >>= 32;
            bits -= 32;
        }
    }
    out.extend(waiting.to_le_bytes().iter().take(bits.div_ceil(8) as usize));
    // What the last group lacks is zeros.
    out.resize(end, 0);
}

/// Appends values of `width` bits, lowest bits first; together they must fill whole bytes.
pub(crate) fn pack(values: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    let (mut waiting, mut bits) = (0u128, 0u32);
    for value in values {
        waiting |= u128::from(value) << bits;
        bits += u32::from(width);
        if bits >= 64 {
            #[expect(clippy::cast_possible_truncation, reason = "the low half is what is written")]
            out.extend_from_slice(&(waiting as u64).to_le_bytes());
            waiting >>= 64;
            bits -= 64;
        }
    }
    out.extend(waiting.to_le_bytes().iter().take(bits.div_ceil(8) as usize));
}

#[cfg(test)]
mod tests {
    use super::super::hybrid::{Piece, decode};
    use super::*;
    use proptest::prelude::*;

    fn back(bytes: &[u8], width: u8, count: usize) -> Option<Vec<u32>> {
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
        let mut out = Vec::new();
        encode(&[0, 1, 2, 3, 4, 5, 6, 7], 3, &mut out);
        assert_eq!(out, [3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        let mut out = Vec::new();
        encode(&[4; 100], 3, &mut out);
        assert_eq!(out, [200, 1, 4]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(runs in prop::collection::vec((any::<u32>(), 1usize..40), 0..40), width in 1u8..=32) {
            let cut = |v: u32| v & (u32::MAX >> (32 - width));
            let values: Vec<u32> = runs.iter().flat_map(|(v, n)| std::iter::repeat_n(cut(*v), *n)).collect();
            let mut out = Vec::new();
            encode(&values, width, &mut out);
            prop_assert_eq!(back(&out, width, values.len()), Some(values));
        }
    }
}
