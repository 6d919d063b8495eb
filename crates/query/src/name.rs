//! One numbering of names for a whole query.
//!
//! Every batch numbers its tenants' names for itself, and has text as it came. Groups of different batches and
//! threads can only be told apart and merged by one numbering, which is kept here. The lock is taken once for a
//! batch. There are as many names as the configuration has tenants, so they need no limit of their own; text comes
//! from the network, so it is taken from the query's memory.

use crate::budget::{Budget, Full};
use crate::membership::Membership;
use crate::rows::Rows;
use hashbrown::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use weir_flow::{Batch, Bytes, Column};

type Map = HashMap<Arc<str>, u32, foldhash::fast::RandomState>;

/// What a name takes beside its octets, about: it is in a map and in a list.
const NAME_BYTES: usize = 64;

/// The numbers of a batch's names and text in the numbering of the query.
#[derive(Default, Debug)]
pub(crate) struct Numbers {
    /// By the batch's own numbers of names.
    pub(crate) names: Vec<u32>,
    /// Of columns of text, by row.
    pub(crate) text: Vec<(Column, Vec<u32>)>,
    /// Of the groups that names are in, so many names of their paths: by the batch's own numbers of names.
    pub(crate) groups: Vec<(u8, Vec<Option<u32>>)>,
}

impl Numbers {
    /// Of a column of text, by row.
    pub(crate) fn of(&self, column: Column) -> &[u32] {
        self.text.iter().find(|(c, _)| *c == column).map_or(&[], |(_, numbers)| numbers)
    }

    /// Of the groups, so many names of their paths.
    pub(crate) fn of_groups(&self, depth: u8) -> &[Option<u32>] {
        self.groups.iter().find(|(d, _)| *d == depth).map_or(&[], |(_, numbers)| numbers)
    }
}

/// The names met so far.
#[derive(Default, Debug)]
pub(crate) struct Names {
    met: Mutex<(Map, Vec<Arc<str>>)>,
}

impl Names {
    /// The numbers of these names, in the same order.
    pub(crate) fn translate(&self, names: &[Box<str>]) -> Vec<u32> {
        self.number(names.iter().map(|name| &**name), |_| Ok(())).unwrap_or_default()
    }

    /// The numbers of the groups that these names are in, so many names of their paths; in the same order.
    pub(crate) fn translate_groups(
        &self,
        names: &[Box<str>],
        membership: &Membership,
        depth: u8,
    ) -> Vec<Option<u32>> {
        let groups: Vec<Option<&str>> = names.iter().map(|name| membership.group(name, depth)).collect();
        let numbers = self.number(groups.iter().copied().flatten(), |_| Ok(())).unwrap_or_default();
        let mut numbers = numbers.into_iter();
        groups.into_iter().map(|group| group.and_then(|_| numbers.next())).collect()
    }

    /// The numbers of these, in the same order. `charge` is asked for the memory of each new one.
    fn number<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        mut charge: impl FnMut(usize) -> Result<(), Full>,
    ) -> Result<Vec<u32>, Full> {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let (numbers, list) = &mut *met;
        let mut number = |name: &str| {
            if let Some(number) = numbers.get(name) {
                return Ok(*number);
            }
            charge(name.len() + NAME_BYTES)?;
            let number = u32::try_from(list.len()).map_err(|_| Full)?;
            let name: Arc<str> = Arc::from(name);
            list.push(Arc::clone(&name));
            numbers.insert(name, number);
            Ok(number)
        };
        names.map(&mut number).collect()
    }

    /// The numbers of names and text that were kept, in the same order.
    pub(crate) fn number_kept(&self, names: &[Box<str>], budget: &Budget<'_>) -> Result<Vec<u32>, Full> {
        self.number(names.iter().map(|name| &**name), |bytes| budget.take(bytes))
    }

    /// The number of the text in each of these rows of a column; rows without text have any.
    pub(crate) fn number_text(
        &self,
        batch: &Batch,
        column: Column,
        strings: &Bytes,
        rows: Rows<'_>,
        budget: &Budget<'_>,
    ) -> Result<Vec<u32>, Full> {
        // Distinct ones first, so that the lock is held for few.
        let mut places: HashMap<&[u8], u32, foldhash::fast::RandomState> = HashMap::default();
        let mut distinct: Vec<&str> = Vec::new();
        let mut numbers = vec![0; batch.len()];
        for row in rows.places().map(|row| row as usize).filter(|row| batch.is_present(*row, column)) {
            let string = strings.get(row).unwrap_or_default();
            let place = *places.entry(string).or_insert_with(|| {
                // The store has checked that it is UTF-8.
                distinct.push(str::from_utf8(string).unwrap_or_default());
                u32::try_from(distinct.len() - 1).unwrap_or(u32::MAX)
            });
            if let Some(slot) = numbers.get_mut(row) {
                *slot = place;
            }
        }
        let named = self.number(distinct.into_iter(), |bytes| budget.take(bytes))?;
        for number in &mut numbers {
            *number = named.get(*number as usize).copied().unwrap_or_default();
        }
        Ok(numbers)
    }

    /// All names by their numbers.
    pub(crate) fn list(&self) -> Vec<Arc<str>> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_has_the_same_number_in_every_batch() {
        let names = Names::default();
        assert_eq!(names.translate(&["a".into(), "b".into()]), [0, 1]);
        assert_eq!(names.translate(&["c".into(), "b".into(), "a".into()]), [2, 1, 0]);
        assert_eq!(names.list().iter().map(|n| &**n).collect::<Vec<_>>(), ["a", "b", "c"]);
        // A group may be called as a tenant is: it is the same text.
        let membership = Membership::new([("a", "x/y"), ("b", "x/z"), ("c", "b")]);
        let groups = |depth| {
            names.translate_groups(&["a".into(), "d".into(), "b".into(), "c".into()], &membership, depth)
        };
        assert_eq!(groups(1), [Some(3), None, Some(3), Some(1)]);
        assert_eq!(groups(0), [Some(4), None, Some(5), Some(1)]);
    }
}
