//! The groups: their keys and their sums.
//!
//! A sum is held in 64 bits, which is enough for everything but a hostile or broken exporter's figures; where
//! one overflows, the carry is counted beside it, so that what is read off is the exact sum in 128 bits.

use super::map::Sums;
use super::worked::Shares;
use crate::budget::{Budget, Full};
use crate::query::Measure;
use crate::rows::Rows;
use hashbrown::HashMap;
use weir_flow::Batch;

/// The groups of one thread: of each, by its number, its packed key and then one sum for each measure, all in one
/// place, so that looking a group up brings its sums into the cache.
#[derive(Clone, Debug)]
pub(crate) struct Entries<const N: usize> {
    words: Vec<u64>,
    /// The words of an entry: `N` of the key, and the sums.
    stride: usize,
    len: usize,
    /// How many words there is memory for, which is taken from the budget.
    room: usize,
    /// How often the sum at a place of `words` overflowed, where it did.
    carries: HashMap<usize, u64, foldhash::fast::RandomState>,
}

/// What a row adds to a sum.
#[derive(Clone, Copy)]
enum Added<'a> {
    One,
    /// Its value, if its presence mask has all of these bits.
    Values(&'a [u64], u64),
}

impl Added<'_> {
    #[inline]
    fn of(self, row: usize, present: u64) -> u64 {
        match self {
            Self::One => 1,
            Self::Values(values, bit) if present & bit == bit => values.get(row).copied().unwrap_or_default(),
            Self::Values(..) => 0,
        }
    }
}

impl<const N: usize> Entries<N> {
    /// No groups yet, of so many measures.
    pub(crate) fn new(measures: usize) -> Self {
        Self { words: Vec::new(), stride: N + measures, len: 0, room: 0, carries: HashMap::default() }
    }

    /// How many groups there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The measures of a group.
    pub(crate) fn measures(&self) -> usize {
        self.stride - N
    }

    /// Whether a sum takes more than 64 bits.
    pub(crate) fn is_wide(&self) -> bool {
        !self.carries.is_empty()
    }

    /// Sees to it that there is memory for so many groups more.
    pub(crate) fn reserve(&mut self, more: usize, budget: &Budget<'_>) -> Result<(), Full> {
        let needed = self.len.saturating_add(more).saturating_mul(self.stride);
        if needed <= self.room {
            return Ok(());
        }
        let take = |room: usize| budget.take((room - self.room) * size_of::<u64>()).map(|()| room);
        // By half, so that growing is rare; or by what is needed, if there is not that much.
        let room = take(needed.max(self.room + self.room / 2)).or_else(|Full| take(needed))?;
        self.words.reserve_exact(room - self.words.len());
        self.room = room;
        Ok(())
    }

    /// Forgets all groups, and gives their memory back.
    pub(crate) fn clear(&mut self, budget: &Budget<'_>) {
        budget.give_back(self.room * size_of::<u64>());
        *self = Self::new(self.measures());
    }

    /// The packed key of a group.
    #[inline]
    pub(crate) fn key(&self, group: usize) -> &[u64] {
        self.words.get(group * self.stride..).and_then(|entry| entry.get(..N)).unwrap_or(&[])
    }

    /// Whether this is the packed key of a group.
    #[inline]
    pub(crate) fn is_key(&self, group: usize, key: &[u64; N]) -> bool {
        self.words.get(group * self.stride..).and_then(|entry| entry.first_chunk::<N>()) == Some(key)
    }

    /// Appends a group whose sums are 0.
    pub(crate) fn push(&mut self, key: &[u64; N]) {
        self.words.extend_from_slice(key);
        self.len += 1;
        self.words.resize(self.len * self.stride, 0);
    }

    /// Adds one batch's rows: row `i` to the group `groups[i]`. `shares` says what rows are that are
    /// parts of flows.
    pub(crate) fn add(
        &mut self,
        batch: &Batch,
        rows: Rows<'_>,
        shares: &Shares,
        measures: &[Measure],
        groups: &[u32],
    ) {
        let added = |measure: &Measure| match measure.column() {
            Some(column) => Added::Values(shares.amounts(batch, column), column.bit()),
            None if shares.weights.is_empty() => Added::One,
            None => Added::Values(&shares.weights, 0),
        };
        let present = batch.present();
        let mut at = 0;
        // Measures of one row lie side by side, and so that one addition need not wait for another, up to three go at once.
        for some in measures.chunks(3) {
            match some {
                [a] => self.add_some(rows, present, at, [a].map(added), groups),
                [a, b] => self.add_some(rows, present, at, [a, b].map(added), groups),
                [a, b, c] => self.add_some(rows, present, at, [a, b, c].map(added), groups),
                _ => {}
            }
            at += some.len();
        }
    }

    /// Adds `M` measures from place `at` on.
    fn add_some<const M: usize>(
        &mut self,
        rows: Rows<'_>,
        present: &[u64],
        at: usize,
        added: [Added<'_>; M],
        groups: &[u32],
    ) {
        rows.each_place(present, |i, row, present| {
            let Some(group) = groups.get(i) else { return };
            let place = self.place(*group as usize, at);
            let Some(sums) = self.words.get_mut(place..).and_then(<[u64]>::first_chunk_mut::<M>) else {
                return;
            };
            let mut carried = [false; M];
            for ((sum, carry), added) in sums.iter_mut().zip(&mut carried).zip(&added) {
                (*sum, *carry) = sum.overflowing_add(added.of(row, present));
            }
            if carried.contains(&true) {
                (place..).zip(carried).filter(|(_, carry)| *carry).for_each(|(place, _)| self.carry(place));
            }
        });
    }

    /// The sums of a group, unless one of any group takes more than 64 bits.
    pub(crate) fn narrow(&self, group: usize) -> Option<&[u64]> {
        let at = self.place(group, 0);
        self.words.get(at..at + self.measures()).filter(|_| !self.is_wide())
    }

    /// Adds the sums of the groups of `other` from number `from` on: its group `from + i` to our group
    /// `groups[i]`. Both have the same measures.
    pub(crate) fn merge(&mut self, other: &dyn Sums, from: usize, groups: &[u32]) {
        for (i, group) in groups.iter().enumerate() {
            if let Some(sums) = other.narrow(from + i) {
                sums.iter().enumerate().for_each(|(at, sum)| self.add_one(*group, at, *sum));
                continue;
            }
            for at in 0..self.stride - N {
                let sum = other.sum(from + i, at);
                self.add_one(*group, at, low_half(sum));
                let carries = low_half(sum >> 64);
                if carries > 0 {
                    *self.carries.entry(self.place(*group as usize, at)).or_default() += carries;
                }
            }
        }
    }

    /// Where the sum of a measure lies.
    #[inline]
    fn place(&self, group: usize, at: usize) -> usize {
        group * self.stride + N + at
    }

    #[inline]
    fn add_one(&mut self, group: u32, at: usize, value: u64) {
        let place = self.place(group as usize, at);
        let (sum, carry) = self.words[place].overflowing_add(value);
        self.words[place] = sum;
        if carry {
            self.carry(place);
        }
    }

    #[cold]
    fn carry(&mut self, place: usize) {
        *self.carries.entry(place).or_default() += 1;
    }

    /// The exact sum of a measure in a group.
    pub(crate) fn sum(&self, group: usize, at: usize) -> u128 {
        let place = self.place(group, at);
        let low = u128::from(self.words.get(place).copied().unwrap_or_default());
        if self.carries.is_empty() {
            return low;
        }
        low + (u128::from(self.carries.get(&place).copied().unwrap_or_default()) << 64)
    }
}

/// The low 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "it is the purpose")]
const fn low_half(sum: u128) -> u64 {
    sum as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_flow::Column;
    use weir_flow::batch::RowBuilder;

    const MEASURES: [Measure; 2] = [Measure::Octets, Measure::Flows];

    fn batch(octets: &[u64]) -> Batch {
        let mut batch = Batch::new();
        for octets in octets {
            RowBuilder::new().unsigned(Column::Octets, *octets).push(&mut batch);
        }
        batch
    }

    #[test]
    fn sums_do_not_wrap() {
        let mut entries = Entries::new(2);
        entries.push(&[70]);
        entries.push(&[71]);
        let batch = batch(&[u64::MAX, 5, u64::MAX, u64::MAX]);
        entries.add(&batch, Rows::Span(0, 4), &Shares::default(), &MEASURES, &[1, 0, 1, 1]);
        assert_eq!(entries.sum(0, 0), 5);
        assert_eq!(entries.sum(1, 0), 3 * u128::from(u64::MAX));
        assert_eq!((entries.sum(0, 1), entries.sum(1, 1)), (1, 3));
        assert_eq!((entries.key(0), entries.key(1)), (&[70][..], &[71][..]));
        assert!(entries.is_key(1, &[71]) && !entries.is_key(1, &[70]) && !entries.is_key(2, &[71]));
        assert_eq!((entries.len(), entries.measures(), entries.is_wide()), (2, 2, true));
    }

    #[test]
    fn memory_is_taken_before_it_is_used_and_given_back() {
        let budget = Budget::new(1000);
        let mut entries = Entries::<1>::new(2);
        assert_eq!(entries.reserve(41, &budget).and_then(|()| entries.reserve(42, &budget)), Err(Full));
        assert_eq!(budget.take(1000 - 41 * 24), Ok(()), "not more than was needed");
        entries.clear(&budget);
        assert_eq!(entries.reserve(41, &budget), Ok(()));
    }

    #[test]
    fn an_unknown_value_adds_nothing() {
        let mut batch = batch(&[7, 8]);
        batch.present_mut()[1] = 0;
        let mut entries = Entries::<0>::new(2);
        entries.push(&[]);
        entries.add(&batch, Rows::Span(0, 2), &Shares::default(), &MEASURES, &[0, 0]);
        assert_eq!((entries.sum(0, 0), entries.sum(0, 1)), (7, 2));
        assert!(entries.key(0).is_empty() && entries.is_key(0, &[]));
    }
}
