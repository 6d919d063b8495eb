//! Bins, and the one function that spreads a flow over them.
//!
//! A flow of several bins is spread over `[start, end)` in proportion to time, in integers, by largest
//! remainder: the parts sum to the whole, always. Bins are half-open: a flow that starts on a bin's edge lies in
//! that bin and not in the one before; one that ends on an edge has nothing in the bin that begins there.

/// The width of an account's bin: five minutes.
pub const BIN_MS: i64 = 300_000;

/// Flows longer than this are taken for a clock error by the session (see `session::clock`), so that spreading
/// one is bounded work: 49.7 days, the range of a 32-bit uptime.
pub const FLOW_MS_MAX: i64 = 1 << 32;

/// The start of the bin that holds `ms` (also for times before 1970).
#[inline]
#[must_use]
pub const fn bin(ms: i64) -> i64 {
    ms.saturating_sub(ms.rem_euclid(BIN_MS))
}

/// One bin's share of a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// Start of the bin, ms since 1970.
    pub bin: i64,
    /// The octets that fall to it.
    pub octets: u64,
    /// The packets that fall to it.
    pub packets: u64,
    /// 1 in the bin the flow starts in, else 0: a flow is counted once.
    pub flows: u64,
}

/// Spreads `octets` and `packets` over the bins of `[start, end)`, calling `part` for each bin in order of
/// time. A flow of no duration (or whose end precedes its start) lies in its start's bin.
#[inline]
pub fn spread(start: i64, end: i64, octets: u64, packets: u64, mut part: impl FnMut(Part)) {
    let first = bin(start);
    // Nearly all flows lie in one bin.
    if end <= first.saturating_add(BIN_MS) {
        part(Part { bin: first, octets, packets, flows: 1 });
        return;
    }
    spread_long(start, end, octets, packets, &mut part);
}

#[cold]
fn spread_long(start: i64, end: i64, octets: u64, packets: u64, part: &mut dyn FnMut(Part)) {
    let first = bin(start);
    let second = first.saturating_add(BIN_MS);
    // Of those that do not, nearly all lie in two.
    if end <= second.saturating_add(BIN_MS)
        && let (Some(octets), Some(packets)) =
            (halves(start, second, end, octets), halves(start, second, end, packets))
    {
        part(Part { bin: first, octets: octets.0, packets: packets.0, flows: 1 });
        part(Part { bin: second, octets: octets.1, packets: packets.1, flows: 0 });
        return;
    }
    let octets = shares(start, end, octets);
    let packets = shares(start, end, packets);
    let mut bin = bin(start);
    for (i, (octets, packets)) in octets.into_iter().zip(packets).enumerate() {
        part(Part { bin, octets, packets, flows: u64::from(i == 0) });
        bin = bin.saturating_add(BIN_MS);
    }
}

/// What [`shares`] gives where `[start, end)` lies in two bins, which meet at `edge`; `None` where a product would
/// exceed 64 bits. What flooring leaves over is 0 or 1, and goes to the larger remainder.
fn halves(start: i64, edge: i64, end: i64, total: u64) -> Option<(u64, u64)> {
    let (before, duration) = (edge.abs_diff(start), end.abs_diff(start));
    let exact = total.checked_mul(before)?;
    let (share, remainder) = (exact.checked_div(duration)?, exact.checked_rem(duration)?);
    // The remainders of both are 0, or add up to the duration.
    let first =
        share.saturating_add(u64::from(remainder > 0 && remainder >= duration.saturating_sub(remainder)));
    Some((first, total.saturating_sub(first)))
}

/// `total` divided over the bins of `[start, end)`, `end > start`, by largest remainder; of equal remainders
/// the earlier bin goes first.
fn shares(start: i64, end: i64, total: u64) -> Vec<u64> {
    let duration = u128::from(end.abs_diff(start)).max(1);
    let mut parts = Vec::new();
    let mut remainders: Vec<(u128, usize)> = Vec::new();
    let mut given = 0u64;
    let mut from = start;
    while from < end {
        let to = bin(from).saturating_add(BIN_MS).min(end);
        let exact = u128::from(total) * u128::from(to.abs_diff(from));
        // The quotient is at most `total`, for `to - from` is at most the duration.
        let share = u64::try_from(exact / duration).unwrap_or(total);
        remainders.push((exact % duration, parts.len()));
        parts.push(share);
        given = given.saturating_add(share);
        from = to;
    }
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    // What flooring left over is less than one for each bin.
    let left = total.saturating_sub(given);
    for (_, i) in remainders.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        if let Some(part) = parts.get_mut(i) {
            *part += 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn two_bins_are_shared_as_many_are(
            before in 1..=BIN_MS, after in 1..=BIN_MS, total in prop_oneof![0u64..5000, any::<u64>(), Just(u64::MAX)]
        ) {
            let (start, end) = (BIN_MS - before, BIN_MS + after);
            if let Some((first, second)) = halves(start, BIN_MS, end, total) {
                prop_assert_eq!(vec![first, second], shares(start, end, total));
            } else {
                prop_assert!(total > u64::MAX / BIN_MS.unsigned_abs());
            }
        }
    }

    fn parts(start: i64, end: i64, octets: u64, packets: u64) -> Vec<Part> {
        let mut out = Vec::new();
        spread(start, end, octets, packets, |p| out.push(p));
        out
    }

    #[test]
    fn fifteen_thousand_and_one_octets_stay_so() {
        // Three whole bins from an edge: 15,001 = 5,001 + 5,000 + 5,000, and nothing in the bin before.
        let p = parts(600_000, 1_500_000, 15_001, 100);
        assert_eq!(p.iter().map(|p| p.octets).collect::<Vec<_>>(), [5_001, 5_000, 5_000]);
        assert_eq!(p.iter().map(|p| p.packets).collect::<Vec<_>>(), [34, 33, 33]);
        assert_eq!(p.iter().map(|p| p.bin).collect::<Vec<_>>(), [600_000, 900_000, 1_200_000]);
        assert_eq!(p.iter().map(|p| p.flows).sum::<u64>(), 1);
    }

    #[test]
    fn edges_are_half_open() {
        assert_eq!(parts(300_000, 600_000, 7, 7).len(), 1);
        assert_eq!(parts(300_000, 600_001, 7, 7).len(), 2);
        assert_eq!(parts(300_000, 300_000, 7, 7), [Part { bin: 300_000, octets: 7, packets: 7, flows: 1 }]);
        assert_eq!(parts(299_999, 300_001, 2, 1).iter().map(|p| p.octets).collect::<Vec<_>>(), [1, 1]);
        // An end before the start is the exporter's error, not a reason to lose octets.
        assert_eq!(parts(900_000, 1, 9, 1), [Part { bin: 900_000, octets: 9, packets: 1, flows: 1 }]);
        assert_eq!(bin(-1), -300_000);
    }

    proptest! {
        #[test]
        fn the_parts_sum_to_the_whole(start in 0i64..4_000_000_000_000, length in 0i64..200_000_000,
                                      octets: u64, packets in 0u64..1_000_000) {
            let parts = parts(start, start + length, octets, packets);
            prop_assert_eq!(parts.iter().map(|p| u128::from(p.octets)).sum::<u128>(), u128::from(octets));
            prop_assert_eq!(parts.iter().map(|p| p.packets).sum::<u64>(), packets);
            prop_assert_eq!(parts.iter().map(|p| p.flows).sum::<u64>(), 1);
            for p in &parts {
                prop_assert_eq!(p.bin % BIN_MS, 0);
                prop_assert!(p.bin + BIN_MS > start && (p.bin < start + length || length == 0));
            }
        }
    }
}
