//! Distinct values of a column chunk, sorted, and for each value its place among them.
//!
//! The dictionary is sorted in the order of Parquet's bounds, so the smallest and largest value of a page are
//! those of its smallest and largest place, and neighbours share their first bytes, which compress away.

use super::pack::Place;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::Hash;
use std::ops::Range;

/// A value that a chunk can hold, ordered as Parquet orders it. Columns of a fixed width are numbers by the time
/// they come here, as narrow as they are: addresses and names by their places in sorted lists, times by their distance from
/// the earliest.
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

    /// Itself in 64 bits, if it is a number.
    fn wide(self) -> u64 {
        0
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

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Cell for $number {
            #[inline]
            fn wide(self) -> u64 {
                self.into()
            }

            fn limit(cells: &[Self]) -> Option<usize> {
                cells.iter().fold(0, |all, cell| all | cell).small()
            }

            #[inline]
            fn from_small(small: u32) -> Self {
                Self::try_from(small).unwrap_or_default()
            }

            #[inline]
            fn small(self) -> Option<usize> {
                usize::try_from(self).ok()
            }
        }
    )*};
}

numbers! { u8 u16 u32 u64 }

/// After so many values it is seen whether a dictionary would be worth it.
const LOOK: usize = 16 * 1024;

/// Tables have at least so many entries, and at most a few times as many as there are values.
const TABLE_LEN: usize = 1 << 16;

/// Finds distinct values, chunk after chunk, in memory that is used again.
pub(crate) struct Finder<T> {
    /// The distinct values, ascending.
    pub values: Vec<T>,
    /// By code, the place of its value among them. A small value is its own code.
    table: Vec<u32>,
    /// The codes of the chunk's values, where some are no code themselves.
    codes: Option<Vec<u32>>,
    /// Which codes there are.
    met: Vec<u8>,
    map: HashMap<T, u32, RandomState>,
    /// Memory of codes, while they are not needed.
    spare: Vec<u32>,
}

impl<T: Cell> Default for Finder<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            table: Vec::new(),
            codes: None,
            met: Vec::new(),
            map: HashMap::default(),
            spare: Vec::new(),
        }
    }
}

impl<T: Cell> Finder<T> {
    /// Finds the distinct values. False, and nothing found, if these may be many (`may_differ`) and so many of the first
    /// differ that those themselves are shorter.
    pub(crate) fn find(&mut self, cells: &[T], may_differ: bool) -> bool {
        self.values.clear();
        self.table.clear();
        self.spare = self.codes.take().unwrap_or_else(|| std::mem::take(&mut self.spare));
        let limit = TABLE_LEN.max(4 * cells.len());
        let largest = T::limit(cells).filter(|largest| *largest < limit);
        if may_differ && cells.len() > 2 * LOOK && self.differ(cells.get(..LOOK).unwrap_or_default()) {
            return false;
        }
        match largest {
            Some(largest) => self.by_table(cells, largest),
            None => self.by_hash(cells),
        }
        true
    }

    /// Puts the places of a part of the chunk's values here.
    #[inline]
    pub(crate) fn put_places<P: Place>(&self, cells: &[T], part: Range<usize>, out: &mut Vec<P>) {
        let place = |code: usize| P::of(self.table.get(code).copied().unwrap_or_default());
        out.clear();
        match &self.codes {
            Some(codes) => {
                out.extend(codes.get(part).unwrap_or_default().iter().map(|code| place(*code as usize)));
            }
            None => {
                let cells = cells.get(part).unwrap_or_default();
                out.extend(cells.iter().map(|cell| place(cell.small().unwrap_or_default())));
            }
        }
    }

    /// Whether nearly all of these differ.
    fn differ(&mut self, cells: &[T]) -> bool {
        self.map.clear();
        self.map.extend(cells.iter().map(|cell| (*cell, 0)));
        self.map.len() > cells.len() / 8 * 7
    }

    /// A table of all numbers up to the largest.
    fn by_table(&mut self, cells: &[T], largest: usize) {
        self.met.clear();
        self.met.resize(largest + 1, 0);
        for cell in cells {
            if let Some(slot) = self.met.get_mut(cell.small().unwrap_or_default()) {
                *slot = 1;
            }
        }
        self.rank_met();
    }

    /// Of numbers that may be large: most are small, and only the others are hashed. So are strings.
    fn by_hash(&mut self, cells: &[T]) {
        let small = |cell: &T| cell.small().filter(|small| *small < TABLE_LEN);
        let first = if T::IS_LONG { 0 } else { TABLE_LEN };
        self.met.clear();
        self.met.resize(first, 0);
        self.map.clear();
        let mut codes = std::mem::take(&mut self.spare);
        codes.clear();
        codes.reserve(cells.len());
        let mut large: Vec<(T, u32)> = Vec::new();
        let mut last: Option<(T, u32)> = None;
        for cell in cells {
            if let Some(slot) = small(cell).and_then(|small| self.met.get_mut(small)) {
                *slot = 1;
                codes.push(small(cell).and_then(|small| u32::try_from(small).ok()).unwrap_or_default());
                continue;
            }
            // Rows are sorted: what was there a row ago is often there again.
            let code = match last {
                Some((before, code)) if before == *cell => code,
                _ => *self.map.entry(*cell).or_insert_with(|| {
                    let code = u32::try_from(first + large.len()).unwrap_or(u32::MAX);
                    large.push((*cell, code));
                    code
                }),
            };
            last = Some((*cell, code));
            codes.push(code);
        }
        self.codes = Some(codes);
        self.rank_met();
        self.table.resize(first + large.len(), 0);
        large.sort_unstable();
        for (value, code) in large {
            if let Some(slot) = self.table.get_mut(code as usize) {
                *slot = place(self.values.len());
            }
            self.values.push(value);
        }
    }

    /// Gives the codes that there are their places.
    fn rank_met(&mut self) {
        self.table.resize(self.met.len(), 0);
        for (small, (slot, _)) in
            (0u32..).zip(self.table.iter_mut().zip(&self.met)).filter(|(_, (_, met))| **met != 0)
        {
            *slot = place(self.values.len());
            self.values.push(T::from_small(small));
        }
    }
}

/// There are no more values than rows, far fewer than 2^32.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<T: Cell + std::fmt::Debug>(finder: &mut Finder<T>, cells: &[T]) {
        assert!(finder.find(cells, false));
        assert!(finder.values.is_sorted_by(|a, b| a < b));
        let (mut places, mut narrow) = (Vec::<u32>::new(), Vec::<u16>::new());
        finder.put_places(cells, 0..cells.len(), &mut places);
        let back: Vec<T> = places.iter().map(|p| finder.values[*p as usize]).collect();
        assert_eq!(back, cells);
        let half = cells.len() / 2..cells.len();
        finder.put_places(cells, half.clone(), &mut narrow);
        assert_eq!(narrow.iter().map(|p| u32::from(*p)).collect::<Vec<_>>(), places[half]);
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
            check(&mut Finder::default(), &wide.iter().map(|v| v.to_le_bytes()[0]).collect::<Vec<_>>());
            check(&mut Finder::default(), &small.iter().map(|v| u16::try_from(v * 1200).unwrap()).collect::<Vec<_>>());
            check(&mut long_finder, &long);
            check(&mut long_finder, &mixed);
            check(&mut Finder::default(), &bytes.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }

    #[test]
    fn many_distinct_values_are_not_worth_a_dictionary() {
        let values: Vec<u64> = (0..100_000).collect();
        assert!(!Finder::default().find(&values, true));
        assert!(Finder::default().find(&values, false));
        assert!(Finder::default().find(&values.iter().map(|v| v % 1000).collect::<Vec<_>>(), true));
    }
}
