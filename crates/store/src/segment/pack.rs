//! Writes numbers as Parquet's RLE/bit-packing hybrid, and packs bits; [`hybrid`](super::hybrid) and
//! [`bits`](super::bits) read them.

/// Packed values come in groups of so many.
const GROUP: usize = 8;

/// Groups of one value from which on a run is worth its header and that of what follows.
const RUN_GROUPS: usize = 2;

/// Values packed at once.
const BLOCK: usize = 32;

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

/// A number that stands for a value: as narrow as their width allows, for narrow ones take less memory, and whole octets
/// need no packing.
pub(crate) trait Place: Copy + Ord + Default + Into<u32> {
    /// From a number that is as small as this is narrow.
    fn of(place: u32) -> Self;

    /// Whether any of these is another.
    fn differ(group: &[Self], from: Self) -> bool;

    /// Appends the octets of these; false, and nothing appended, if the width is not theirs.
    fn put(_values: &[Self], _width: u8, _out: &mut Vec<u8>) -> bool {
        false
    }
}

impl Place for u8 {
    #[inline]
    fn of(place: u32) -> Self {
        place.to_le_bytes()[0]
    }

    #[inline]
    fn differ(group: &[Self], from: Self) -> bool {
        group.iter().fold(0, |differ, v| differ | (v ^ from)) != 0
    }

    fn put(values: &[Self], width: u8, out: &mut Vec<u8>) -> bool {
        if width == 8 {
            out.extend_from_slice(values);
        }
        width == 8
    }
}

impl Place for u16 {
    #[inline]
    fn of(place: u32) -> Self {
        let [low, high, ..] = place.to_le_bytes();
        Self::from_le_bytes([low, high])
    }

    #[inline]
    fn differ(group: &[Self], from: Self) -> bool {
        group.iter().fold(0, |differ, v| differ | (v ^ from)) != 0
    }

    fn put(values: &[Self], width: u8, out: &mut Vec<u8>) -> bool {
        if width != 16 {
            return false;
        }
        for block in values.chunks(BLOCK) {
            let mut octets = [[0; 2]; BLOCK];
            octets.iter_mut().zip(block).for_each(|(slot, value)| *slot = value.to_le_bytes());
            out.extend_from_slice(octets.as_flattened().get(..2 * block.len()).unwrap_or_default());
        }
        true
    }
}

impl Place for u32 {
    #[inline]
    fn of(place: u32) -> Self {
        place
    }

    #[inline]
    fn differ(group: &[Self], from: Self) -> bool {
        group.iter().fold(0, |differ, v| differ | (v ^ from)) != 0
    }
}

/// Appends values of `width` (at most 32) bits. Runs are looked for in whole groups only: that costs one comparison
/// of eight values at once.
pub(crate) fn encode<P: Place>(values: &[P], width: u8, out: &mut Vec<u8>) {
    let (groups, rest) = values.as_chunks::<GROUP>();
    let is_all = |group: &[P], value: P| !P::differ(group, value);
    let (mut at, mut packed) = (0, 0);
    while let Some(group) = groups.get(at) {
        let value = group[0];
        if !is_all(group, value) {
            at += 1;
            continue;
        }
        let more = groups.get(at + 1..).unwrap_or_default();
        let run = 1 + more.iter().take_while(|group| is_all(*group, value)).count();
        if run >= RUN_GROUPS {
            // The last run takes the rest along, if that is the same.
            let is_last = at + run == groups.len() && is_all(rest, value);
            put_packed(values.get(packed..at * GROUP).unwrap_or_default(), width, out);
            put_run(value.into(), run * GROUP + if is_last { rest.len() } else { 0 }, width, out);
            packed = if is_last { values.len() } else { (at + run) * GROUP };
        }
        at += run;
    }
    put_packed(values.get(packed..).unwrap_or_default(), width, out);
}

/// Appends the bit at this place of each mask, all packed.
pub(crate) fn put_bits(masks: &[u64], place: u32, out: &mut Vec<u8>) {
    put_leb128((masks.len().div_ceil(GROUP) as u64) << 1 | 1, out);
    let (groups, rest) = masks.as_chunks::<GROUP>();
    let byte = |group: &[u64]| group.iter().rev().fold(0, |byte, mask| byte << 1 | (mask >> place & 1));
    out.extend(groups.iter().map(|group| low_byte(byte(group))));
    if !rest.is_empty() {
        out.push(low_byte(byte(rest)));
    }
}

/// Appends a run of one value.
pub(crate) fn put_run(value: u32, run: usize, width: u8, out: &mut Vec<u8>) {
    put_leb128((run as u64) << 1, out);
    out.extend(value.to_le_bytes().iter().take(usize::from(width).div_ceil(8)));
}

fn put_packed<P: Place>(values: &[P], width: u8, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(GROUP);
    put_leb128((groups as u64) << 1 | 1, out);
    let end = out.len() + groups * usize::from(width);
    out.reserve(groups * usize::from(width) + 4 * BLOCK);
    if P::put(values, width, out) {
        return out.resize(end, 0);
    }
    let (blocks, rest) = values.as_chunks::<BLOCK>();
    let put = kernel(width);
    blocks.iter().for_each(|block| put(&block.map(Into::into), out));
    if !rest.is_empty() {
        let mut last = [0; BLOCK];
        last.iter_mut().zip(rest).for_each(|(slot, value)| *slot = (*value).into());
        put(&last, out);
    }
    // What the last group lacks is zeros; groups beyond it are not wanted.
    out.truncate(end);
}

/// Packs a block in so many bits a value.
type Kernel = fn(&[u32; BLOCK], &mut Vec<u8>);

/// Packs 32 values of `W` bits, which fill `W` words: bits are gathered until there is a word of them.
#[inline(never)]
fn put_block<const W: usize>(values: &[u32; BLOCK], out: &mut Vec<u8>) {
    let mut words = [[0; 4]; W];
    let mut slots = words.iter_mut();
    let (mut waiting, mut bits) = (0u64, 0);
    for value in values {
        waiting |= u64::from(*value) << bits;
        bits += W;
        if bits >= 32 {
            let [a, b, c, d, ..] = waiting.to_le_bytes();
            if let Some(slot) = slots.next() {
                *slot = [a, b, c, d];
            }
            waiting >>= 32;
            bits -= 32;
        }
    }
    out.extend_from_slice(words.as_flattened());
}

/// The kernel of a width (of at most 32).
pub(super) fn kernel(width: u8) -> Kernel {
    macro_rules! of_widths {
        ($($width:literal)*) => {
            match width {
                0 => |_, _| {},
                $($width => put_block::<$width>,)*
                _ => put_block::<32>,
            }
        };
    }
    of_widths!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31)
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
        encode(&[0u32, 1, 2, 3, 4, 5, 6, 7], 3, &mut out);
        assert_eq!(out, [3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        let mut out = Vec::new();
        encode(&[4u32; 100], 3, &mut out);
        assert_eq!(out, [200, 1, 4]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(runs in prop::collection::vec((any::<u32>(), 1usize..40), 0..40), width in 1u8..=32) {
            let cut = |v: u32| v & (u32::MAX >> (32 - width));
            let values: Vec<u32> = runs.iter().flat_map(|(v, n)| std::iter::repeat_n(cut(*v), *n)).collect();
            let mut out = Vec::new();
            encode(&values, width, &mut out);
            prop_assert_eq!(back(&out, width, values.len()), Some(values.clone()));
            // Narrower numbers are packed alike.
            if width <= 16 {
                let mut narrow = Vec::new();
                encode(&values.iter().map(|v| u16::of(*v)).collect::<Vec<_>>(), width, &mut narrow);
                prop_assert_eq!(&narrow, &out);
            }
            if width <= 8 {
                let mut narrow = Vec::new();
                encode(&values.iter().map(|v| u8::of(*v)).collect::<Vec<_>>(), width, &mut narrow);
                prop_assert_eq!(&narrow, &out);
            }
        }
    }
}
