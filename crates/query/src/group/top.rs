//! The order of the groups, and the first few of them without sorting all.

use super::map::{Scheme, Sums};
use crate::budget::{Budget, Full};
use crate::query::Order;
use std::cmp::Ordering;
use std::sync::Arc;

/// A group, and what it is ordered by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) sum: u128,
    pub(super) group: u32,
    pub(super) partial: bool,
}

/// All groups, to be ordered.
pub(super) struct Ranking<'a> {
    /// The groups whose keys are all known, then the others.
    pub(super) parts: [&'a dyn Sums; 2],
    pub(super) scheme: &'a Scheme,
    pub(super) names: &'a [Arc<str>],
}

impl Ranking<'_> {
    /// The first `limit` groups (all, where there is no limit) in the order asked for.
    ///
    /// Takes the memory of their rows, of `row_bytes` each. At any time at most about twice as many candidates are held: when there are that many, the worse half is
    /// dropped, and what is worse than the last kept one is not considered any more.
    pub(super) fn best(
        &self,
        order: Order,
        limit: Option<usize>,
        budget: &Budget<'_>,
        row_bytes: usize,
    ) -> Result<Vec<Place>, Full> {
        let groups: usize = self.parts.iter().map(|part| part.len()).sum();
        let limit = limit.unwrap_or(groups).min(groups);
        let places_bytes = limit.saturating_mul(2 * size_of::<Place>());
        budget.take(limit.saturating_mul(row_bytes).saturating_add(places_bytes))?;
        // The rows stay; the places are forgotten as soon as the rows are there.
        budget.give_back(places_bytes);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let room = limit.saturating_mul(2).max(1024);
        let mut best: Vec<Place> = Vec::with_capacity(room.min(groups));
        let mut bound: Option<Place> = None;
        for place in self.places(order) {
            if bound.is_some_and(|bound| self.compare(&place, &bound).is_gt()) {
                continue;
            }
            best.push(place);
            if best.len() == room {
                best.select_nth_unstable_by(limit - 1, |a, b| self.compare(a, b));
                best.truncate(limit);
                bound = best.last().copied();
            }
        }
        best.sort_unstable_by(|a, b| self.compare(a, b));
        best.truncate(limit);
        Ok(best)
    }

    /// Every group with the sum that it is ordered by.
    fn places(&self, order: Order) -> impl Iterator<Item = Place> {
        let at = match order {
            Order::Largest(measure) => self.scheme.measures.iter().position(|m| *m == measure),
            Order::Key => None,
        };
        self.parts.into_iter().zip([false, true]).flat_map(move |(part, partial)| {
            (0..part.len()).map(move |group| Place {
                sum: at.map_or(0, |at| part.sum(group, at)),
                group: u32::try_from(group).unwrap_or(u32::MAX),
                partial,
            })
        })
    }

    /// The larger sum first, then by the keys, which no two groups share.
    fn compare(&self, a: &Place, b: &Place) -> Ordering {
        b.sum.cmp(&a.sum).then_with(|| {
            let [a, b] = [a, b].map(|place| self.parts[usize::from(place.partial)].key(place.group as usize));
            self.scheme.layout.compare(a, b, self.names)
        })
    }
}
