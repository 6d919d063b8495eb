//! Unpacking of numbers of a fixed number of bits, lowest bits first.

/// Fills `out` with the values of `width` (at most 32) bits that begin at bit `from`. `None` if the bytes end
/// before them.
pub(crate) fn unpack_u32(bytes: &[u8], from: usize, width: u8, out: &mut [u32]) -> Option<()> {
    // Whole bytes need no shifting, and dictionaries of flows have mostly such places.
    if from.is_multiple_of(8) && (width == 8 || width == 16) {
        let bytes = bytes.get(from / 8..)?;
        return if width == 8 {
            widen(bytes, out, u32::from)
        } else {
            widen(bytes.as_chunks::<2>().0, out, |bytes| u16::from_le_bytes(bytes).into())
        };
    }
    let mask = if width == 0 { 0 } else { u64::MAX >> (64 - u32::from(width.min(32))) };
    let from_byte = if from.is_multiple_of(8) { bytes.get(from / 8..) } else { None };
    let done = from_byte.map_or(0, |bytes| eights(bytes, width, out));
    let out = out.get_mut(done..)?;
    windows(bytes, from + done * usize::from(width), usize::from(width), out, |window, shift| {
        #[expect(clippy::cast_possible_truncation, reason = "masked to at most 32 bits")]
        let value = (window >> shift & mask) as u32;
        value
    })
}

/// Fills `out` with the values of `width` (at most 64) bits that begin at bit `from`. `None` if the bytes end
/// before them.
pub(crate) fn unpack_u64(bytes: &[u8], from: usize, width: u8, out: &mut [u64]) -> Option<()> {
    // A window of 64 bits holds a value of 57 wherever in a byte it begins.
    if width <= 57 {
        let mask = if width == 0 { 0 } else { u64::MAX >> (64 - u32::from(width)) };
        return windows(bytes, from, usize::from(width), out, |window, shift| window >> shift & mask);
    }
    let mask = u128::MAX >> (128 - u32::from(width.min(64)));
    let mut bit = from;
    for slot in out {
        let rest = bytes.get(bit / 8..)?;
        let window = window::<16>(rest);
        if rest.len() * 8 < bit % 8 + usize::from(width) {
            return None;
        }
        *slot = u64::try_from(u128::from_le_bytes(window) >> (bit % 8) & mask).ok()?;
        bit += usize::from(width);
    }
    Some(())
}

/// Fills the beginning of `out` with values of `width` bits, eight by eight, while there are bytes enough behind them;
/// returns how many. Code is made for each width, so that shifts are known when it is compiled.
fn eights(bytes: &[u8], width: u8, out: &mut [u32]) -> usize {
    macro_rules! of_widths {
        ($($width:literal)*) => {
            match width {
                $($width => eights_of::<$width>(bytes, out),)*
                _ => 0,
            }
        };
    }
    of_widths!(1 2 3 4 5 6 7 9 10 11 12 13 14 15 17 18 19 20 21 22 23 24)
}

fn eights_of<const WIDTH: usize>(bytes: &[u8], out: &mut [u32]) -> usize {
    let (eights, _) = out.as_chunks_mut::<8>();
    let mut done = 0;
    for (eight, from) in eights.iter_mut().zip((0..).step_by(WIDTH)) {
        // The last value's window reaches as far behind the eight as it is wide.
        let Some(bytes) = bytes.get(from..from + WIDTH + 8) else { break };
        for (at, slot) in eight.iter_mut().enumerate() {
            let window = bytes.get(at * WIDTH / 8..).and_then(<[u8]>::first_chunk::<8>);
            let window = window.map_or(0, |window| u64::from_le_bytes(*window));
            #[expect(clippy::cast_possible_truncation, reason = "masked to fewer than 32 bits")]
            let value = (window >> (at * WIDTH % 8) & ((1 << WIDTH) - 1)) as u32;
            *slot = value;
        }
        done += 8;
    }
    done
}

/// Fills `out` with what the first values are; `None` if there are not so many.
fn widen<T: Copy>(values: &[T], out: &mut [u32], wide: impl Fn(T) -> u32) -> Option<()> {
    let values = values.get(..out.len())?;
    out.iter_mut().zip(values).for_each(|(slot, value)| *slot = wide(*value));
    Some(())
}

/// The first bytes, filled up with zeros.
fn window<const N: usize>(bytes: &[u8]) -> [u8; N] {
    match bytes.first_chunk::<N>() {
        Some(chunk) => *chunk,
        None => {
            let mut out = [0; N];
            for (slot, byte) in out.iter_mut().zip(bytes) {
                *slot = *byte;
            }
            out
        }
    }
}

/// Calls `value` with the 64 bits around each value and the bit in them where it begins.
#[inline(always)]
fn windows<T>(
    bytes: &[u8],
    from: usize,
    width: usize,
    out: &mut [T],
    value: impl Fn(u64, usize) -> T,
) -> Option<()> {
    let end = out.len().checked_mul(width)?.checked_add(from)?;
    if end > bytes.len().checked_mul(8)? {
        return None;
    }
    // Values whose whole window lies inside the bytes need no copy.
    let whole = match (bytes.len() * 8).checked_sub(64 + from) {
        Some(bits) if width > 0 => (bits / width + 1).min(out.len()),
        _ => 0,
    };
    let (fast, slow) = out.split_at_mut_checked(whole)?;
    let mut bit = from;
    for slot in fast {
        let chunk = bytes.get(bit / 8..)?.first_chunk::<8>()?;
        *slot = value(u64::from_le_bytes(*chunk), bit % 8);
        bit += width;
    }
    for slot in slow {
        *slot = value(u64::from_le_bytes(window(bytes.get(bit / 8..).unwrap_or_default())), bit % 8);
        bit += width;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bit by bit, as the format says.
    fn naive(bytes: &[u8], from: usize, width: u8, at: usize) -> u64 {
        let first = from + at * usize::from(width);
        (0..usize::from(width)).map(|i| u64::from(bytes[(first + i) / 8] >> ((first + i) % 8) & 1) << i).sum()
    }

    proptest! {
        #[test]
        fn unpacks_as_the_naive_way_does(bytes in prop::collection::vec(any::<u8>(), 0..200),
                                         from in prop_oneof![0usize..40, (0usize..5).prop_map(|byte| byte * 8)],
                                         width in prop_oneof![0u8..=64, Just(8), Just(16)], count in 0usize..100) {
            let fits = from + count * usize::from(width) <= bytes.len() * 8;
            let want: Vec<u64> = (0..if fits { count } else { 0 }).map(|i| naive(&bytes, from, width, i)).collect();
            let mut out = vec![0; count];
            // No values at all may be read from anywhere, or not.
            prop_assert!(count == 0 || unpack_u64(&bytes, from, width, &mut out).is_some() == fits);
            if fits { prop_assert_eq!(&out, &want); }
            if width <= 32 {
                let mut out = vec![0u32; count];
                prop_assert!(count == 0 || unpack_u32(&bytes, from, width, &mut out).is_some() == fits);
                if fits { prop_assert_eq!(out.into_iter().map(u64::from).collect::<Vec<_>>(), want); }
            }
        }
    }
}
