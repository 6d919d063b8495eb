//! Parquet's DELTA_BINARY_PACKED for 64-bit integers: times.
//!
//! A header (block size, miniblocks per block, number of values, first value), then blocks of differences: each
//! block has the smallest of its differences, a bit width for each miniblock, and what the differences exceed the
//! smallest by, packed.

use super::bits;
use super::dictionary::Cell;
use super::hybrid::leb128;
use super::pack::{kernel, pack, put_leb128, width};

/// Differences unpacked at once: the size of our own writer's miniblocks; other sizes are whole multiples of it.
const STEP: usize = 32;

fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// Appends the `count` values that the bytes hold. `None` if they hold another number of values or end too early.
pub(crate) fn decode(mut bytes: &[u8], count: usize, out: &mut Vec<i64>) -> Option<()> {
    let block = usize::try_from(leb128(&mut bytes)?).ok()?;
    let miniblocks = usize::try_from(leb128(&mut bytes)?).ok()?;
    let total = usize::try_from(leb128(&mut bytes)?).ok()?;
    let mut value = zigzag(leb128(&mut bytes)?);
    if total != count || miniblocks == 0 || !block.is_multiple_of(miniblocks) {
        return None;
    }
    let size = block / miniblocks;
    if size == 0 || !size.is_multiple_of(STEP) {
        return None;
    }
    if count == 0 {
        return Some(());
    }
    out.push(value);
    let mut left = count - 1;
    let mut scratch = [0u64; STEP];
    while left > 0 {
        let smallest = zigzag(leb128(&mut bytes)?);
        let (widths, rest) = bytes.split_at_checked(miniblocks)?;
        bytes = rest;
        for width in widths {
            if left == 0 {
                break;
            }
            let (packed, rest) = bytes.split_at_checked(size.checked_mul(usize::from(*width))? / 8)?;
            bytes = rest;
            for step in (0..size).step_by(STEP) {
                bits::unpack_u64(packed, step * usize::from(*width), *width, &mut scratch)?;
                let take = left.min(STEP);
                for more in scratch.get(..take)? {
                    value = value.wrapping_add(smallest).wrapping_add(more.cast_signed());
                    out.push(value);
                }
                left -= take;
            }
        }
    }
    Some(())
}

/// Our own blocks: 128 differences in 4 miniblocks.
const BLOCK: usize = 128;
const MINIBLOCK: usize = 32;

fn unzigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

/// Appends values, counted from `base`, by their differences.
pub(crate) fn encode<T: Cell>(values: &[T], base: i64, out: &mut Vec<u8>) {
    put_leb128(BLOCK as u64, out);
    put_leb128((BLOCK / MINIBLOCK) as u64, out);
    put_leb128(values.len() as u64, out);
    let mut before = values.first().map_or(0, |value| value.wide());
    put_leb128(unzigzag(if values.is_empty() { 0 } else { base.wrapping_add_unsigned(before) }), out);
    let mut differences = [0i64; BLOCK];
    for block in values.get(1..).unwrap_or_default().chunks(BLOCK) {
        for (slot, value) in differences.iter_mut().zip(block) {
            let value = value.wide();
            *slot = value.wrapping_sub(before).cast_signed();
            before = value;
        }
        put_block(differences.get(..block.len()).unwrap_or_default(), out);
    }
}

fn put_block(differences: &[i64], out: &mut Vec<u8>) {
    let smallest = differences.iter().copied().min().unwrap_or_default();
    put_leb128(unzigzag(smallest), out);
    let more = |d: &i64| d.wrapping_sub(smallest).cast_unsigned();
    let miniblocks = differences.chunks(MINIBLOCK);
    let mut widths = [0u8; BLOCK / MINIBLOCK];
    for (slot, miniblock) in widths.iter_mut().zip(miniblocks.clone()) {
        *slot = width(miniblock.iter().map(more).fold(0, |a, b| a | b));
    }
    out.extend_from_slice(&widths);
    for (miniblock, width) in miniblocks.zip(widths) {
        if width > 32 {
            let missing = std::iter::repeat_n(0, MINIBLOCK - miniblock.len());
            pack(miniblock.iter().map(more).chain(missing), width, out);
            continue;
        }
        let mut narrow = [0u32; MINIBLOCK];
        for (slot, difference) in narrow.iter_mut().zip(miniblock) {
            #[expect(clippy::cast_possible_truncation, reason = "it has at most 32 bits")]
            let low = more(difference) as u32;
            *slot = low;
        }
        kernel(width)(&narrow, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(near in prop::collection::vec(-5i64..1000, 0..300), far: Vec<i64>) {
            for values in [near, far] {
                let (mut bytes, mut out) = (Vec::new(), Vec::new());
                let base = values.iter().copied().min().unwrap_or_default();
                let offsets: Vec<u64> = values.iter().map(|v| v.wrapping_sub(base).cast_unsigned()).collect();
                encode(&offsets, base, &mut bytes);
                prop_assert_eq!(decode(&bytes, values.len(), &mut out), Some(()));
                prop_assert_eq!(&out, &values);
                // Narrower numbers are written alike.
                if let Ok(narrow) = offsets.iter().map(|v| u32::try_from(*v)).collect::<Result<Vec<_>, _>>() {
                    let mut other = Vec::new();
                    encode(&narrow, base, &mut other);
                    prop_assert_eq!(other, bytes);
                }
            }
        }
    }

    #[test]
    fn the_example_of_the_parquet_specification() {
        // 7, 5, 3, 1, 2, 3, 4, 5: first 7, smallest difference -2, widths 2 0 0 0, packed 0 0 0 3 3 3 3.
        let bytes = [
            128,
            1,  // block size
            4,  // miniblocks
            8,  // values
            14, // zigzag(7)
            3,  // zigzag(-2)
            2,
            0,
            0,
            0, // widths
            0b1100_0000,
            0b0011_1111,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        let mut out = Vec::new();
        assert_eq!(decode(&bytes, 8, &mut out), Some(()));
        assert_eq!(out, [7, 5, 3, 1, 2, 3, 4, 5]);
        assert_eq!(decode(&bytes, 7, &mut Vec::new()), None);
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end], 8, &mut Vec::new()), None);
        }
    }
}
