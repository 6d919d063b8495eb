//! Distinct values of a column chunk, sorted, and for each value its place among them.
//!
//! The dictionary is sorted in the order of Parquet's bounds, so the smallest and largest value of a page are
//! those of its smallest and largest place, and neighbours share their first bytes, which compress away.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::Hash;

/// A value that a chunk can hold, ordered as Parquet orders it. Columns of a fixed width are numbers by the time
/// they come here: addresses and names by their places in sorted lists, times by their distance from the earliest.
pub(crate) trait Cell: Copy + Ord + Hash + Default {
    /// Itself as a place in a table, if it is small enough for one: then it is found without hashing.
    fn small(self) -> Option<usize> {
        None
    }

    /// No cell is larger than this, if they are numbers: all their bits together, which is found faster than the largest.
    fn limit(_cells: &[Self]) -> Option<usize> {
        None
    }

    /// The value that is `small` as itself.
    fn from_small(_small: u32) -> Self {
        Self::default()
    }

    /// Whether values may be so many and so wide that a dictionary does not pay.
    const IS_WIDE: bool = false;

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
    fn small(self) -> Option<usize> {
        usize::try_from(self).ok()
    }

    fn limit(cells: &[Self]) -> Option<usize> {
        cells.iter().fold(0, |all, cell| all | cell).small()
    }

    #[inline]
    fn from_small(small: u32) -> Self {
        small
    }
}

impl Cell for u64 {
    const IS_WIDE: bool = true;

    fn limit(cells: &[Self]) -> Option<usize> {
        cells.iter().fold(0, |all, cell| all | cell).small()
    }

    #[inline]
    fn from_small(small: u32) -> Self {
        small.into()
    }

    #[inline]
    fn small(self) -> Option<usize> {
        usize::try_from(self).ok()
    }
}

/// After so many values it is seen whether a dictionary would be worth it.
const LOOK: usize = 16 * 1024;

/// Tables have at least so many entries, and at most a few times as many as there are values.
const TABLE_LEN: usize = 1 << 16;

/// Finds distinct values, chunk after chunk, in memory that is used again.
pub(crate) struct Finder<T> {
    /// The distinct values, ascending.
    pub values: Vec<T>,
    /// The place of each value of the chunk among them.
    pub places: Vec<u32>,
    /// By value, its place.
    table: Vec<u32>,
    map: HashMap<T, u32, RandomState>,
}

impl<T: Cell> Default for Finder<T> {
    fn default() -> Self {
        Self { values: Vec::new(), places: Vec::new(), table: Vec::new(), map: HashMap::default() }
    }
}

impl<T: Cell> Finder<T> {
    /// Finds the distinct values. False, and nothing found, if so many of the first values differ that those
    /// themselves are shorter.
    pub(crate) fn find(&mut self, cells: &[T]) -> bool {
        self.values.clear();
        self.places.clear();
        let limit = TABLE_LEN.max(4 * cells.len());
        let largest = T::limit(cells).filter(|largest| *largest < limit);
        if T::IS_WIDE && cells.len() > 2 * LOOK && self.differ(cells.get(..LOOK).unwrap_or_default()) {
            return false;
        }
        match largest {
            Some(largest) => self.by_table(cells, largest),
            None if T::IS_LONG => self.by_hash(cells),
            None => self.by_both(cells),
        }
        true
    }

    /// Whether nearly all of these differ.
    fn differ(&mut self, cells: &[T]) -> bool {
        self.map.clear();
        self.map.extend(cells.iter().map(|cell| (*cell, 0)));
        self.map.len() > cells.len() / 8 * 7
    }

    /// A table of all numbers up to the largest: marked, counted, and looked up in.
    fn by_table(&mut self, cells: &[T], largest: usize) {
        let at = |cell: &T| cell.small().unwrap_or_default();
        self.table.clear();
        self.table.resize(largest + 1, 0);
        for cell in cells {
            if let Some(slot) = self.table.get_mut(at(cell)) {
                *slot = 1;
            }
        }
        self.rank_table();
        let table = &self.table;
        self.places.extend(cells.iter().map(|cell| table.get(at(cell)).copied().unwrap_or_default()));
    }

    /// Of numbers that may be large: most are small, and only the others are hashed.
    fn by_both(&mut self, cells: &[T]) {
        let small = |cell: &T| cell.small().filter(|small| *small < TABLE_LEN);
        self.table.clear();
        self.table.resize(TABLE_LEN, 0);
        self.map.clear();
        for cell in cells {
            match small(cell).and_then(|small| self.table.get_mut(small)) {
                Some(slot) => *slot = 1,
                None => drop(self.map.entry(*cell).or_insert(0)),
            }
        }
        self.rank_table();
        let first = self.values.len();
        self.values.extend(self.map.keys());
        if let Some(large) = self.values.get_mut(first..) {
            large.sort_unstable();
            for (place, cell) in (0u32..).zip(&self.values).skip(first) {
                self.map.insert(*cell, place);
            }
        }
        let (table, map) = (&self.table, &self.map);
        let place = |cell: &T| match small(cell) {
            Some(small) => table.get(small).copied(),
            None => map.get(cell).copied(),
        };
        self.places.extend(cells.iter().map(|cell| place(cell).unwrap_or_default()));
    }

    /// Gives the marked entries of the table their places.
    fn rank_table(&mut self) {
        for (small, slot) in (0u32..).zip(&mut self.table).filter(|(_, slot)| **slot != 0) {
            // There are no more values than a table has entries, far fewer than 2^32.
            *slot = u32::try_from(self.values.len()).unwrap_or_default();
            self.values.push(T::from_small(small));
        }
    }

    fn by_hash(&mut self, cells: &[T]) {
        self.map.clear();
        self.places.reserve(cells.len());
        let mut last: Option<(T, u32)> = None;
        for cell in cells {
            // Rows are sorted: what was there a row ago is mostly there again.
            let place = match last {
                Some((before, place)) if before == *cell => place,
                _ => *self.map.entry(*cell).or_insert_with(|| {
                    self.values.push(*cell);
                    u32::try_from(self.values.len() - 1).unwrap_or(u32::MAX)
                }),
            };
            last = Some((*cell, place));
            self.places.push(place);
        }
        let mut order: Vec<(T, u32)> = self.values.iter().copied().zip(0u32..).collect();
        order.sort_unstable();
        self.table.clear();
        self.table.resize(order.len(), 0);
        for (rank, (_, place)) in (0u32..).zip(&order) {
            if let Some(slot) = self.table.get_mut(*place as usize) {
                *slot = rank;
            }
        }
        for place in &mut self.places {
            *place = self.table.get(*place as usize).copied().unwrap_or_default();
        }
        self.values.clear();
        self.values.extend(order.into_iter().map(|(value, _)| value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<T: Cell + std::fmt::Debug>(finder: &mut Finder<T>, cells: &[T]) {
        assert!(finder.find(cells));
        assert!(finder.values.is_sorted_by(|a, b| a < b));
        let back: Vec<T> = finder.places.iter().map(|p| finder.values[*p as usize]).collect();
        assert_eq!(back, cells);
    }

    proptest! {
        #[test]
        fn places_lead_back_to_the_values(
            small in prop::collection::vec(0u32..50, 0..200), wide: Vec<u32>, long: Vec<u64>, bytes: Vec<Vec<u8>>,
            mixed in prop::collection::vec(prop_oneof![0u64..9, 65_530u64..65_540, u64::MAX - 3..=u64::MAX], 0..99),
        ) {
            let (mut narrow, mut long_finder) = (Finder::default(), Finder::default());
            // The same finder, chunk after chunk.
            check(&mut narrow, &small);
            check(&mut narrow, &wide);
            check(&mut narrow, &small);
            check(&mut long_finder, &long);
            check(&mut long_finder, &mixed);
            check(&mut Finder::default(), &bytes.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }

    #[test]
    fn many_distinct_values_are_not_worth_a_dictionary() {
        let values: Vec<u64> = (0..100_000).collect();
        assert!(!Finder::default().find(&values));
        assert!(Finder::default().find(&values.iter().map(|v| v % 1000).collect::<Vec<_>>()));
    }
}
