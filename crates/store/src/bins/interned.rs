//! Values by place, each once: what keys of accounts hold in place of the values.

use super::{NOBODY, UNCLASSED};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::Hash;

/// Values by place, each once.
#[derive(Debug)]
pub(super) struct Interned<T> {
    pub values: Vec<T>,
    places: HashMap<T, u32, RandomState>,
    /// The place asked for last: neighbouring rows mostly share exporter and bin.
    last: Option<u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { values: Vec::new(), places: HashMap::default(), last: None }
    }
}

impl<T: Hash + Eq + Clone> Interned<T> {
    /// The place of a value, which is new if it was not there.
    #[inline]
    pub(super) fn place(&mut self, value: &T) -> u32 {
        match self.last {
            Some(place) if self.values.get(place as usize) == Some(value) => place,
            _ => self.look_up(value),
        }
    }

    fn look_up(&mut self, value: &T) -> u32 {
        // There are fewer rows than places.
        let next = u32::try_from(self.values.len()).unwrap_or(NOBODY);
        let place = *self.places.entry_ref(value).or_insert_with(|| {
            self.values.push(value.clone());
            next
        });
        self.last = Some(place);
        place
    }

    /// Forgets all values and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.places.clear();
        self.last = None;
    }

    /// What each place is in the sorted order, and the values in that order.
    pub(super) fn ranks(&self) -> (Vec<u32>, Vec<T>)
    where
        T: Ord,
    {
        let mut order: Vec<(&T, u32)> = self.values.iter().zip(0u32..).collect();
        order.sort_unstable();
        let mut ranks = vec![0; order.len()];
        for (rank, (_, place)) in (0u32..).zip(&order) {
            if let Some(slot) = ranks.get_mut(*place as usize) {
                *slot = rank;
            }
        }
        (ranks, order.into_iter().map(|(value, _)| value.clone()).collect())
    }
}

/// So few values are looked through sooner than a table is asked.
const FEW: usize = 4;

impl Interned<i64> {
    /// The place of a bin. Mostly there are few, and rows alternate between them.
    #[inline]
    pub(super) fn bin(&mut self, bin: i64) -> u32 {
        let known = self.values.iter().take(FEW).position(|known| *known == bin);
        known.and_then(|at| u32::try_from(at).ok()).unwrap_or_else(|| self.place(&bin))
    }
}

impl Interned<u32> {
    /// The place, in few bits, of the place of a name; of none ([`NOBODY`]) it is [`UNCLASSED`].
    #[inline]
    pub(super) fn short(&mut self, name: u32) -> u16 {
        if name == NOBODY { UNCLASSED } else { u16::try_from(self.place(&name)).unwrap_or(UNCLASSED) }
    }
}

impl Interned<Box<str>> {
    /// The place of a name that is borrowed.
    #[inline]
    pub(super) fn place_of(&mut self, name: &str) -> u32 {
        // Files have their names in the same order: it is the one asked for last, or mostly the one after it.
        let near = self.last.into_iter().flat_map(|last| [last, last.saturating_add(1)]);
        for place in near {
            if self.values.get(place as usize).is_some_and(|known| **known == *name) {
                return *self.last.insert(place);
            }
        }
        match self.places.get(name) {
            Some(place) => *self.last.insert(*place),
            None => self.look_up(&name.into()),
        }
    }
}
