//! Unpacking of numbers of a fixed number of bits, lowest bits first.

/// Fills `out` with the values of `width` (at most 32) bits that begin at bit `from`. `None` if the bytes end
/// before them.
pub(crate) fn unpack_u32(bytes: &[u8], from: usize, width: u8, out: &mut [u32]) -> Option<()> {
    let mask = if width == 0 { 0 } else { u64::MAX >> (64 - u32::from(width.min(32))) };
    windows(bytes, from, usize::from(width), out, |window, shift| {
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
        fn unpacks_as_the_naive_way_does(bytes in prop::collection::vec(any::<u8>(), 0..200), from in 0usize..40,
                                         width in 0u8..=64, count in 0usize..100) {
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
