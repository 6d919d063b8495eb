//! Distinct values of a column chunk, sorted, and for each value its place among them.
//!
//! The dictionary is sorted in the order of Parquet's bounds, so the smallest and largest value of a page are
//! those of its smallest and largest place, and neighbours share their first bytes, which compress away.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::Hash;
use weir_flow::Addr;

/// A value that a chunk can hold, ordered as Parquet orders it.
pub(crate) trait Cell: Copy + Ord + Hash + Default {
    /// Itself, if it is a small number: then its distinct values are found without hashing.
    fn small(self) -> Option<u16> {
        None
    }

    /// How many octets it has, if it may have very many: then pages and dictionaries are limited by them too.
    const IS_LONG: bool = false;

    /// Its octets, of long ones.
    fn octets(self) -> usize {
        0
    }
}

impl Cell for &[u8] {
    const IS_LONG: bool = true;

    fn octets(self) -> usize {
        self.len()
    }
}

impl Cell for u32 {
    #[inline]
    fn small(self) -> Option<u16> {
        u16::try_from(self).ok()
    }
}

impl Cell for u64 {}

impl Cell for i64 {}

/// An address in the order of its 4 or 16 octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Natural(pub Addr);

impl Natural {
    /// The octets from the left, and how many they are: their order is that of byte strings.
    fn key(self) -> (u128, u8) {
        if self.0.is_v4() { (self.0.bits() << 96, 4) } else { (self.0.bits(), 16) }
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    #[inline]
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Cell for Natural {}

/// In the order of numbers, which keeps the families apart.
impl Cell for Addr {}

/// A sorted dictionary.
pub(crate) struct Dictionary<T> {
    /// The distinct values, ascending.
    pub values: Vec<T>,
    /// The place of each value of the chunk.
    pub places: Vec<u32>,
}

/// After so many values it is seen whether a dictionary would be worth it.
const LOOK: usize = 16 * 1024;

/// Finds the distinct values. `None` if more than about one in `spread` of the values is one: then the values
/// themselves are shorter.
pub(crate) fn distinct<T: Cell>(values: &[T], spread: usize) -> Option<Dictionary<T>> {
    let small = values.iter().try_fold(0u16, |max, v| Some(max.max(v.small()?)));
    match small {
        Some(max) => Some(by_table(values, max)),
        None => by_hash(values, spread),
    }
}

/// For numbers below 65,536: a table of all of them.
fn by_table<T: Cell>(values: &[T], max: u16) -> Dictionary<T> {
    let at = |v: &T| usize::from(v.small().unwrap_or_default());
    let mut table: Vec<Option<T>> = vec![None; usize::from(max) + 1];
    for value in values {
        if let Some(slot) = table.get_mut(at(value)) {
            *slot = Some(*value);
        }
    }
    let mut places = vec![0u32; table.len()];
    let mut found = Vec::new();
    for (place, value) in places.iter_mut().zip(&table) {
        // There are at most 65,536.
        *place = u32::try_from(found.len()).unwrap_or_default();
        found.extend(value);
    }
    let places = values.iter().map(|v| places.get(at(v)).copied().unwrap_or_default()).collect();
    Dictionary { values: found, places }
}

fn by_hash<T: Cell>(values: &[T], spread: usize) -> Option<Dictionary<T>> {
    let mut map: HashMap<T, u32, RandomState> = HashMap::default();
    let mut found: Vec<T> = Vec::new();
    let mut places = Vec::with_capacity(values.len());
    let mut last: Option<(T, u32)> = None;
    for (at, value) in values.iter().enumerate() {
        // Rows are sorted: what was there a row ago is mostly there again.
        let place = match last {
            Some((before, place)) if before == *value => place,
            _ => *map.entry(*value).or_insert_with(|| {
                found.push(*value);
                u32::try_from(found.len() - 1).unwrap_or(u32::MAX)
            }),
        };
        last = Some((*value, place));
        places.push(place);
        if at >= LOOK && at.is_multiple_of(LOOK) && found.len() > at / spread {
            return None;
        }
    }
    let mut order: Vec<(T, u32)> = found.iter().copied().zip(0u32..).collect();
    order.sort_unstable();
    let mut ranks = vec![0u32; order.len()];
    for (rank, (_, place)) in (0u32..).zip(&order) {
        if let Some(slot) = ranks.get_mut(*place as usize) {
            *slot = rank;
        }
    }
    for place in &mut places {
        *place = ranks.get(*place as usize).copied().unwrap_or_default();
    }
    Some(Dictionary { values: order.into_iter().map(|(value, _)| value).collect(), places })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<T: Cell + std::fmt::Debug>(values: &[T]) {
        let dictionary = distinct(values, 1).unwrap();
        assert!(dictionary.values.is_sorted_by(|a, b| a < b));
        let back: Vec<T> = dictionary.places.iter().map(|p| dictionary.values[*p as usize]).collect();
        assert_eq!(back, values);
    }

    proptest! {
        #[test]
        fn places_lead_back_to_the_values(small in prop::collection::vec(0u32..50, 0..200), wide: Vec<u32>, long: Vec<u64>) {
            check(&small);
            check(&wide);
            check(&long);
        }

        #[test]
        fn addresses_are_in_the_order_of_their_octets(a: [u8; 16], b: [u8; 16], c: [u8; 4], d: [u8; 4]) {
            let mut all = [Addr::v6(a), Addr::v6(b), Addr::v4(c), Addr::v4(d)].map(Natural);
            all.sort();
            prop_assert!(all.is_sorted_by_key(|n| n.0.natural().to_vec()));
        }
    }

    #[test]
    fn many_distinct_values_are_not_worth_a_dictionary() {
        let values: Vec<u64> = (0..100_000).collect();
        assert!(distinct(&values, 2).is_none());
        assert!(distinct(&values.iter().map(|v| v % 1000).collect::<Vec<_>>(), 2).is_some());
    }
}
