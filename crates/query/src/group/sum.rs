//! The sums of all groups.
//!
//! A sum is held in 64 bits, which is enough for everything but a hostile or broken exporter's figures; where
//! one overflows, the carry is counted beside it, so that what is read off is the exact sum in 128 bits.

use crate::query::Measure;
use crate::rows::Rows;
use hashbrown::HashMap;
use weir_flow::Batch;

/// One sum for each measure of each group.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    width: usize,
    /// Group after group, one figure for each measure.
    low: Vec<u64>,
    /// How often the figure at a place overflowed, where it did.
    carries: HashMap<usize, u64, foldhash::fast::RandomState>,
}

impl Sums {
    /// No groups, of `width` measures each.
    pub(crate) fn new(width: usize) -> Self {
        Self { width, low: Vec::new(), carries: HashMap::default() }
    }

    /// Makes room for the groups up to `groups`, their sums 0.
    pub(crate) fn resize(&mut self, groups: usize) {
        self.low.resize(groups * self.width, 0);
    }

    /// Adds one batch's rows: row `i` to the group `groups[i]`.
    pub(crate) fn add(&mut self, batch: &Batch, rows: Rows<'_>, measures: &[Measure], groups: &[u32]) {
        for (at, measure) in measures.iter().enumerate() {
            let Some(column) = measure.column() else {
                for group in groups {
                    self.add_one(*group, at, 1);
                }
                continue;
            };
            let bit = column.bit();
            rows.each2(batch.u64s(column), batch.present(), |i, value, present| {
                if let Some(group) = groups.get(i) {
                    self.add_one(*group, at, if present & bit == 0 { 0 } else { value });
                }
            });
        }
    }

    /// Adds the figures of the groups of `other` from number `from` on: its group `from + i` to our group
    /// `groups[i]`.
    pub(crate) fn merge(&mut self, other: &Self, from: usize, groups: &[u32]) {
        debug_assert_eq!(self.width, other.width);
        for (i, group) in groups.iter().enumerate() {
            for at in 0..self.width {
                let place = (from + i) * self.width + at;
                self.add_one(*group, at, other.low[place]);
                if !other.carries.is_empty()
                    && let Some(carries) = other.carries.get(&place)
                {
                    *self.carries.entry(*group as usize * self.width + at).or_default() += carries;
                }
            }
        }
    }

    #[inline]
    fn add_one(&mut self, group: u32, at: usize, value: u64) {
        let place = group as usize * self.width + at;
        let (sum, carry) = self.low[place].overflowing_add(value);
        self.low[place] = sum;
        if carry {
            self.carry(place);
        }
    }

    #[cold]
    fn carry(&mut self, place: usize) {
        *self.carries.entry(place).or_default() += 1;
    }

    /// The exact sum of a measure in a group.
    pub(crate) fn get(&self, group: usize, at: usize) -> u128 {
        let place = group * self.width + at;
        let low = u128::from(self.low.get(place).copied().unwrap_or_default());
        if self.carries.is_empty() {
            return low;
        }
        low + (u128::from(self.carries.get(&place).copied().unwrap_or_default()) << 64)
    }

    /// How much memory one group takes.
    pub(crate) fn group_bytes(&self) -> usize {
        self.width * size_of::<u64>()
    }
}

/// The sums of these rows over everything, in the order of `measures`.
pub(crate) fn total(batch: &Batch, rows: Rows<'_>, measures: &[Measure], totals: &mut [u128]) {
    for (measure, total) in measures.iter().zip(totals) {
        let Some(column) = measure.column() else {
            *total += rows.len() as u128;
            continue;
        };
        let bit = column.bit();
        let mut sum = 0u128;
        rows.each2(batch.u64s(column), batch.present(), |_, value, present| {
            sum += u128::from(if present & bit == 0 { 0 } else { value });
        });
        *total += sum;
    }
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
        let mut sums = Sums::new(2);
        sums.resize(2);
        let batch = batch(&[u64::MAX, 5, u64::MAX, u64::MAX]);
        sums.add(&batch, Rows::Span(0, 4), &MEASURES, &[1, 0, 1, 1]);
        assert_eq!(sums.get(0, 0), 5);
        assert_eq!(sums.get(1, 0), 3 * u128::from(u64::MAX));
        assert_eq!((sums.get(0, 1), sums.get(1, 1)), (1, 3));

        let mut merged = Sums::new(2);
        merged.resize(2);
        merged.merge(&sums, 0, &[1, 0]);
        merged.merge(&sums, 0, &[0]);
        merged.merge(&sums, 1, &[0]);
        assert_eq!(merged.get(0, 0), 6 * u128::from(u64::MAX) + 5);
        assert_eq!(merged.get(1, 0), 5);
        assert_eq!((merged.get(0, 1), merged.get(1, 1)), (7, 1));

        let mut totals = [0; 2];
        total(&batch, Rows::Picked(&[1, 2, 3]), &MEASURES, &mut totals);
        assert_eq!(totals, [2 * u128::from(u64::MAX) + 5, 3]);
    }

    #[test]
    fn an_unknown_value_adds_nothing() {
        let mut batch = batch(&[7, 8]);
        batch.present_mut()[1] = 0;
        let mut sums = Sums::new(2);
        sums.resize(1);
        sums.add(&batch, Rows::Span(0, 2), &MEASURES, &[0, 0]);
        assert_eq!((sums.get(0, 0), sums.get(0, 1)), (7, 2));
        let mut totals = [0; 2];
        total(&batch, Rows::Span(0, 2), &MEASURES, &mut totals);
        assert_eq!(totals, [7, 2]);
    }
}
