//! The order of rows: cut by start into groups of equal size, and sorted inside each by key, start and arrival.
//!
//! A row's key, its start and its place are put into one number of 64 bits where they fit; where they do not, first the
//! start and the place, and then the key and the place: numbers sort several times faster than anything else.

use super::pack::width;
use std::ops::Range;

/// Buckets that starts are counted in.
const BUCKETS: usize = 1 << 12;

/// Appends the places of rows with these starts and keys in their order, and where in it runs of one key begin; returns
/// the groups.
pub(crate) fn order(
    start: &[i64],
    keys: &[u64],
    rows_max: usize,
    out: &mut Vec<u32>,
    runs: &mut Vec<u32>,
) -> Vec<Range<usize>> {
    let groups = cut(start.len(), rows_max);
    out.reserve(start.len());
    let key_bits = u32::from(width(keys.iter().fold(0, |a, b| a | b)));
    let row_bits = u32::from(width(start.len() as u64));
    for rows in partition(start, &groups) {
        let value = |row: &u32| {
            let at = *row as usize;
            (keys.get(at).copied().unwrap_or_default(), start.get(at).copied().unwrap_or_default(), *row)
        };
        let starts = rows.iter().map(|row| value(row).1);
        let (min, max) = starts.fold((i64::MAX, i64::MIN), |(min, max), at| (min.min(at), max.max(at)));
        let start_bits = u32::from(width(max.abs_diff(min)));
        let mut run = None;
        let mut put = |key: u64, row: u32| {
            if run.replace(key) != Some(key) {
                runs.push(u32::try_from(out.len()).unwrap_or(u32::MAX));
            }
            out.push(row);
        };
        if key_bits.max(start_bits) + row_bits > 64 {
            let mut sorted: Vec<(u64, i64, u32)> = rows.iter().map(value).collect();
            sorted.sort_unstable();
            sorted.iter().for_each(|(key, _, row)| put(*key, *row));
            continue;
        }
        if key_bits + start_bits + row_bits > 64 {
            let mut sorted: Vec<u64> = rows.iter().map(|row| u64::from(*row)).collect();
            round(&mut sorted, row_bits, start_bits, |row| value(&row).1.abs_diff(min));
            round(&mut sorted, row_bits, key_bits, |row| value(&row).0);
            sorted.into_iter().for_each(|packed| put(packed >> row_bits, row_of(packed, row_bits)));
            continue;
        }
        let packed = |row: &u32| {
            let (key, start, row) = value(row);
            let high = key.checked_shl(start_bits).unwrap_or_default() | start.abs_diff(min);
            high.checked_shl(row_bits).unwrap_or_default() | u64::from(row)
        };
        let mut sorted: Vec<u64> = rows.iter().map(packed).collect();
        // Where rows come in the order of their places, these need not be sorted by.
        sort(&mut sorted, row_bits, key_bits + start_bits);
        for packed in sorted {
            let key = packed.checked_shr(start_bits + row_bits).unwrap_or_default();
            put(key, row_of(packed, row_bits));
        }
    }
    groups
}

/// Brings rows, which are the lowest `row_bits` of these numbers, into the order of a number each has, of so many bits; of
/// equal ones the earlier stays before the later. It comes to stand above the row.
fn round(numbers: &mut Vec<u64>, row_bits: u32, bits: u32, number: impl Fn(u32) -> u64) {
    for packed in &mut *numbers {
        let row = row_of(*packed, row_bits);
        *packed = number(row).checked_shl(row_bits).unwrap_or_default() | u64::from(row);
    }
    if !by_digits(numbers, row_bits, bits) {
        numbers.sort_by_key(|packed| packed >> row_bits);
    }
}

/// The row in the lowest bits of a number.
fn row_of(packed: u64, row_bits: u32) -> u32 {
    u32::try_from(packed & ((1 << row_bits) - 1)).unwrap_or_default()
}

/// Bits that are sorted by at once.
const DIGIT: u32 = 11;

/// Fewer numbers than this, or those of more digits, are sorted sooner by comparing them.
const RADIX_MIN: usize = 1 << 12;
const DIGITS_MAX: u32 = 5;

/// Sorts numbers that are in the order of their lowest `sorted` bits, and have `bits` more.
pub(crate) fn sort(numbers: &mut Vec<u64>, sorted: u32, bits: u32) {
    if !by_digits(numbers, sorted, bits) {
        numbers.sort_unstable();
    }
}

/// Brings numbers into the order of so many bits above these; of equal ones the earlier stays before the later. False,
/// and nothing done, where comparing them is sooner done.
fn by_digits(numbers: &mut Vec<u64>, above: u32, bits: u32) -> bool {
    let digits = bits.div_ceil(DIGIT);
    if numbers.len() < RADIX_MIN || digits > DIGITS_MAX {
        return false;
    }
    let mut other = vec![0; numbers.len()];
    for digit in 0..digits {
        scatter(numbers, above + digit * DIGIT, &mut other);
        std::mem::swap(numbers, &mut other);
    }
    true
}

/// Brings numbers into the order of the digit above these bits; of equal ones the earlier stays before the later.
fn scatter(numbers: &[u64], shift: u32, out: &mut [u64]) {
    const LEN: usize = 1 << DIGIT;
    let digit = |number: &u64| usize::try_from(number >> shift).unwrap_or_default() % LEN;
    let mut places = [0usize; LEN];
    for number in numbers {
        places[digit(number)] += 1;
    }
    let mut next = 0;
    for place in &mut places {
        next += std::mem::replace(place, next);
    }
    for number in numbers {
        let place = &mut places[digit(number)];
        if let Some(slot) = out.get_mut(*place) {
            *slot = *number;
        }
        *place += 1;
    }
}

/// Equal row groups, as few as keep to the limit: so where there is more than one, each has at least half of that.
fn cut(rows: usize, rows_max: usize) -> Vec<Range<usize>> {
    let groups = rows.div_ceil(rows_max);
    (0..groups).map(|g| g * rows / groups..(g + 1) * rows / groups).collect()
}

/// The rows of each group: none starts before those of the group before it, and of equal starts the earlier rows
/// come first. Starts are counted in buckets; only rows in a bucket that a boundary lies in need be sorted.
fn partition(start: &[i64], groups: &[Range<usize>]) -> Vec<Vec<u32>> {
    let all = 0..u32::try_from(start.len()).unwrap_or(u32::MAX);
    if groups.len() < 2 {
        return groups.iter().map(|_| all.clone().collect()).collect();
    }
    let (min, max) = (start.iter().min().copied().unwrap_or(0), start.iter().max().copied().unwrap_or(0));
    let shift = (64 - max.abs_diff(min).leading_zeros()).saturating_sub(BUCKETS.trailing_zeros());
    let bucket = |start: i64| usize::try_from(start.abs_diff(min) >> shift).unwrap_or_default();
    let mut counts = vec![0usize; BUCKETS];
    for start in start {
        if let Some(count) = counts.get_mut(bucket(*start)) {
            *count += 1;
        }
    }
    let group_of = |place: usize| groups.partition_point(|group| group.end <= place);
    // The group of each bucket; of those that are cut, where they begin.
    let (mut whole, mut cuts, mut first) = (Vec::with_capacity(BUCKETS), Vec::new(), 0);
    for count in counts {
        let group = group_of(first);
        let is_cut = count > 0 && group_of(first + count - 1) != group;
        whole.push(if is_cut { usize::MAX } else { group });
        if is_cut {
            cuts.push(first..first + count);
        }
        first += count;
    }
    let mut parts: Vec<Vec<u32>> = groups.iter().map(|group| Vec::with_capacity(group.len())).collect();
    let mut between = Vec::new();
    for (start, row) in start.iter().zip(all) {
        match whole.get(bucket(*start)).and_then(|group| parts.get_mut(*group)) {
            Some(part) => part.push(row),
            None => between.push((*start, row)),
        }
    }
    between.sort_unstable();
    for ((_, row), place) in between.into_iter().zip(cuts.into_iter().flatten()) {
        if let Some(part) = parts.get_mut(group_of(place)) {
            part.push(row);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn row_groups_are_equal_and_neither_large_nor_tiny() {
        const MAX: usize = 256 * 1024;
        assert_eq!(cut(0, MAX), []);
        let sizes = |rows| cut(rows, MAX).into_iter().map(|g| g.len()).collect::<Vec<_>>();
        assert_eq!(sizes(1), [1]);
        assert_eq!(sizes(MAX), [MAX]);
        assert_eq!(cut(MAX + 2, MAX), [0..131_073, 131_073..262_146]);
        assert_eq!(cut(1 << 20, MAX).len(), 4);
    }

    #[test]
    fn many_rows_of_wide_keys_are_sorted_in_rounds() {
        // 2^16 rows, starts of 30 bits, keys of 30 bits and few of them: 76 bits together.
        let mix = |row: u64| row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 34;
        let start: Vec<i64> = (0..1 << 16).map(|row| mix(row).cast_signed()).collect();
        let keys: Vec<u64> = (0..1 << 16).map(|row| mix(row % 997)).collect();
        let (mut got, mut runs) = (Vec::new(), Vec::new());
        assert_eq!(order(&start, &keys, 1 << 20, &mut got, &mut runs).len(), 1);
        let mut want: Vec<u32> = (0..1 << 16).collect();
        want.sort_by_key(|row| (keys[*row as usize], start[*row as usize], *row));
        assert_eq!(got, want);
        assert_eq!(runs.len(), 997);
    }

    proptest! {
        #[test]
        fn digits_sort_as_comparing_does(high in prop::collection::vec(any::<u64>(), 0..50), bits in 1u32..=46, few in 1u64..9) {
            // Enough for digits: each number, by its place, many times.
            let all = high.iter().cycle().take(high.len() * 200);
            let cut = |value: u64| value & ((1 << bits) - 1);
            let numbers: Vec<u64> =
                (0u64..).zip(all).map(|(place, high)| cut(high.wrapping_mul(1 + place % few)) << 16 | place).collect();
            let (mut got, mut want) = (numbers.clone(), numbers);
            sort(&mut got, 16, bits);
            want.sort_unstable();
            prop_assert_eq!(got, want);
        }

        #[test]
        fn rows_are_cut_by_start_and_sorted_by_key(
            rows in prop::collection::vec((prop_oneof![-9i64..9, 0i64..100_000, any::<i64>()], prop_oneof![0u64..4, any::<u64>()]), 0..200),
            near in 0..3, rows_max in 1usize..60,
        ) {
            let near = |(start, key): (i64, u64)| match near {
                0 => (start & 0xff, key & 3),
                // Too much for one number, not for one after the other.
                1 => (start & ((1 << 40) - 1), key & ((1 << 33) - 1)),
                _ => (start, key),
            };
            let (start, keys): (Vec<i64>, Vec<u64>) = rows.into_iter().map(near).unzip();
            let (mut got, mut runs) = (Vec::new(), Vec::new());
            let groups = order(&start, &keys, rows_max, &mut got, &mut runs);
            let mut want: Vec<u32> = (0u32..).take(start.len()).collect();
            want.sort_by_key(|row| (start[*row as usize], *row));
            for group in &groups {
                want[group.clone()].sort_by_key(|row| (keys[*row as usize], start[*row as usize], *row));
            }
            prop_assert_eq!(&got, &want);
            let key = |at: usize| keys[want[at] as usize];
            let begins = |at: &usize| groups.iter().any(|group| group.start == *at) || key(*at) != key(*at - 1);
            let starts = (0..want.len()).filter(begins).map(|at| u32::try_from(at).unwrap());
            prop_assert_eq!(runs, starts.collect::<Vec<_>>());
        }
    }
}
