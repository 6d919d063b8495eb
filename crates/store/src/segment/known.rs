//! Dictionaries of the row groups that are being read.
//!
//! A row group is read in several parts, by several threads. A dictionary of a hundred thousand addresses takes longer to
//! decode than what one part needs of it, so it is decoded once for all parts.

use std::sync::{Arc, Mutex, PoisonError};
use weir_flow::Values;

/// The dictionary of a column of a row group.
#[derive(Debug)]
struct Entry {
    group: usize,
    place: usize,
    values: Arc<Values>,
}

/// Those of the two row groups that were read last.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Vec<Entry>>);

impl Known {
    /// The dictionary of the column at this place, if it is known.
    pub(crate) fn get(&self, group: usize, place: usize) -> Option<Arc<Values>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.iter().find(|entry| entry.group == group && entry.place == place)?;
        Some(Arc::clone(&entry.values))
    }

    /// Keeps it.
    pub(crate) fn put(&self, group: usize, place: usize, values: Arc<Values>) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let other = entries.iter().rev().map(|entry| entry.group).find(|other| *other != group);
        entries.retain(|entry| (entry.group == group && entry.place != place) || Some(entry.group) == other);
        entries.push(Entry { group, place, values });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_groups_are_kept() {
        let known = Known::default();
        let numbers = |n| Values::U8(vec![n]);
        for (group, place) in [(0u8, 1u8), (0, 2), (1, 1), (0, 2)] {
            known.put(group.into(), place.into(), Arc::new(numbers(10 * group + place)));
        }
        let is = |group, place| known.get(group, place).map(|values| (*values).clone());
        assert_eq!(
            [is(0, 1), is(0, 2), is(1, 1), is(1, 2)],
            [Some(numbers(1)), Some(numbers(2)), Some(numbers(11)), None]
        );
        known.put(2, 7, Arc::new(numbers(27)));
        assert_eq!([is(0, 2), is(1, 1), is(2, 7)], [Some(numbers(2)), None, Some(numbers(27))]);
    }
}
