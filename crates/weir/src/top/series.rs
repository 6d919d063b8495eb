//! A group over time, in steps: for percentiles, sparklines and plots.

use super::Group;
use std::collections::HashMap;
use std::ops::Range;
use weir_account::percentile::nearest_rank;
use weir_query::{Bucket, Cell, Civil, Table};

/// The sums of the first measure by group and step. A step without traffic is zero, as long as it lies in the span.
#[derive(Debug)]
pub(crate) struct Series {
    /// When each step begins, ms since 1970.
    pub(crate) steps: Vec<i64>,
    groups: HashMap<Group, Vec<u128>>,
}

/// Longer than this no series is: what a person looks at, or bills, has fewer steps (a year of five minutes).
const STEPS_MAX: usize = 120_000;

impl Series {
    /// From a table of the groups' keys and, as the last one, this bucket; `None` if the span has too many steps.
    pub(crate) fn new(table: &Table, bucket: Bucket, civil: &Civil, span: &Range<i64>) -> Option<Self> {
        let mut steps = Vec::new();
        let mut at = bucket.start(span.start, civil);
        while at < span.end {
            if steps.len() >= STEPS_MAX {
                return None;
            }
            steps.push(at);
            at = bucket.end(at, civil).max(at.saturating_add(1));
        }
        let mut groups: HashMap<Group, Vec<u128>> = HashMap::new();
        for row in table.rows() {
            let Some((Some(Cell::Time(start)), keys)) = row.keys.split_last() else { continue };
            let (Ok(step), Some(sum)) = (steps.binary_search(start), row.sums.first()) else { continue };
            let sums = groups.entry(keys.to_vec()).or_insert_with(|| vec![0; steps.len()]);
            if let Some(slot) = sums.get_mut(step) {
                *slot += sum;
            }
        }
        Some(Self { steps, groups })
    }

    /// The sums of a group, step by step.
    pub(crate) fn of(&self, group: &Group) -> Option<&[u128]> {
        self.groups.get(group).map(Vec::as_slice)
    }

    /// The sum that so many percent of a group's steps do not exceed: the nearest rank, of all steps of the span.
    pub(crate) fn percentile(&self, group: &Group, percent: u8) -> u128 {
        let Some(mut sums) = self.of(group).map(<[u128]>::to_vec) else { return 0 };
        sums.sort_unstable();
        let place = nearest_rank(sums.len(), u16::from(percent) * 100);
        place.and_then(|place| sums.get(place)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(sums: &[u128]) -> Series {
        let steps = (0..).map(|i| i * 300_000).take(sums.len()).collect();
        Series { steps, groups: HashMap::from([(vec![None], sums.to_vec())]) }
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let twenty: Vec<u128> = (1..=20).rev().collect();
        let of = |percent| series(&twenty).percentile(&vec![None], percent);
        assert_eq!([95, 50, 100, 1, 96].map(of), [19, 10, 20, 1, 20]);
        assert_eq!(series(&[7]).percentile(&vec![None], 95), 7);
        assert_eq!(series(&[7]).percentile(&vec![Some(Cell::Unsigned(1))], 95), 0, "no traffic at all");
    }
}
