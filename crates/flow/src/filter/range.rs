//! Sets of numbers as sorted ranges: the one form every comparison of a filter takes.
//!
//! `octets > 10M`, `port in [80, 443]`, `src net 10.0.0.0/8` and `start < 2026-10-01` are all "the value lies in
//! one of these ranges". Numbers of every kind are held in 128 bits: an address as its bits, a time as its
//! distance from the earliest one.

/// A set of numbers: ranges that include both ends, sorted, that neither touch nor overlap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ranges(Vec<(u128, u128)>);

impl Ranges {
    /// The numbers from `low` to `high`, both included; none where `low > high`.
    pub(super) fn between(low: u128, high: u128) -> Self {
        Self::from_pairs(vec![(low, high)])
    }

    /// The numbers in any of these ranges.
    pub(super) fn from_pairs(pairs: Vec<(u128, u128)>) -> Self {
        let mut ranges = Self(pairs);
        ranges.settle();
        ranges
    }

    /// Takes the numbers of another set in. After the last one comes [`Ranges::settle`].
    pub(super) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Puts what was joined in order.
    pub(super) fn settle(&mut self) {
        self.0.retain(|(low, high)| low <= high);
        self.0.sort_unstable();
        self.0.dedup_by(|(low, high), last| {
            let touches = *low <= last.1.saturating_add(1);
            if touches {
                last.1 = last.1.max(*high);
            }
            touches
        });
    }

    /// The numbers from 0 to `max` that are not in the set.
    pub(super) fn complement(&self, max: u128) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut next = Some(0);
        for (low, high) in &self.0 {
            if let (Some(from), Some(to)) = (next, low.checked_sub(1)) {
                gaps.push((from, to.min(max)));
            }
            next = high.checked_add(1);
        }
        if let Some(from) = next {
            gaps.push((from, max));
        }
        Self::from_pairs(gaps)
    }

    /// The ranges, in order.
    pub(super) fn pairs(&self) -> &[(u128, u128)] {
        &self.0
    }

    /// Whether the set has no number at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The least and the greatest number.
    pub(super) fn hull(&self) -> Option<(u128, u128)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    /// Whether the number is in the set.
    pub(super) fn contains(&self, number: u128) -> bool {
        let at = self.0.partition_point(|(_, high)| *high < number);
        self.0.get(at).is_some_and(|(low, _)| *low <= number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let set = Ranges::from_pairs(vec![(5, 9), (1, 2), (3, 3), (12, 11), (10, 10)]);
        assert_eq!(set.pairs(), [(1, 3), (5, 10)]);
        assert_eq!(set.hull(), Some((1, 10)));
        assert_eq!(set.complement(12).pairs(), [(0, 0), (4, 4), (11, 12)]);
        assert_eq!(set.complement(7).pairs(), [(0, 0), (4, 4)]);
        let all = Ranges::between(0, u128::MAX);
        assert!(all.complement(u128::MAX).is_empty());
        assert_eq!(Ranges::from_pairs(vec![]).complement(u128::MAX), all);
        assert_eq!(Ranges::from_pairs(vec![(0, u128::MAX), (7, 8)]), all);
    }

    proptest! {
        #[test]
        fn sets_are_sets(a in prop::collection::vec((0u128..20, 0u128..20), 0..5),
                         b in prop::collection::vec((0u128..20, 0u128..20), 0..5)) {
            let holds = |pairs: &[(u128, u128)], n: u128| pairs.iter().any(|(l, h)| *l <= n && n <= *h);
            let union = |mut x: Ranges, y| {
                x.join(y);
                x.settle();
                x
            };
            let (x, y) = (Ranges::from_pairs(a.clone()), Ranges::from_pairs(b.clone()));
            for n in 0..20 {
                prop_assert_eq!(x.contains(n), holds(&a, n));
                prop_assert_eq!(union(x.clone(), y.clone()).contains(n), holds(&a, n) || holds(&b, n));
                prop_assert_eq!(x.complement(19).contains(n), !holds(&a, n));
            }
            for pair in x.pairs().windows(2) {
                prop_assert!(pair[0].1 + 1 < pair[1].0);
            }
            prop_assert_eq!(x.complement(19).complement(19), x);
        }
    }
}
