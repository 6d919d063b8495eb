//! Rows grouped by where in a list their key is.
//!
//! A segment's addresses are places in a dictionary. Rows of one place have one key, so they are added up by it, in a small
//! table and without a hash; only what comes of that is looked up among all groups, once for each place instead of once
//! for each row.

use super::entry::Entries;
use super::map::Sums;
use super::worked::Shares;
use crate::budget::{Budget, Full};
use crate::query::Measure;
use crate::rows::Rows;
use std::sync::Arc;
use weir_flow::{Addr, Batch, Column, Values};
use weir_store::segment::Places;

/// Rows are added in pieces of so many, as in [`super::map`].
const PIECE: usize = 512;

/// A place that no row was met of.
const NONE: u32 = u32::MAX;

/// It takes at most one part in so many of the memory for groups: the rest is for what comes of it.
const SHARE: usize = 4;

/// The sums of rows by the place of their address.
pub(crate) struct Placed {
    /// The group of each place.
    groups: Vec<u32>,
    entries: Entries<1>,
    /// The groups of a piece: kept for the memory only.
    numbers: Vec<u32>,
}

impl Placed {
    /// Adds up these rows of a batch, which lacks the column that their places are of. Of each something is known in it.
    ///
    /// # Errors
    /// There is not memory enough, or not much more than that.
    pub(crate) fn new(
        batch: &Batch,
        rows: Rows<'_>,
        places: &Places,
        measures: &[Measure],
        budget: &Budget<'_>,
    ) -> Result<Self, Full> {
        let len = places.list().len();
        let entry_bytes = (1 + measures.len()) * size_of::<u64>();
        if !budget.has_room_for(len.saturating_mul(size_of::<u32>() + entry_bytes).saturating_mul(SHARE)) {
            return Err(Full);
        }
        budget.take(len * size_of::<u32>())?;
        let (groups, numbers) = (vec![NONE; len], Vec::with_capacity(PIECE));
        let mut placed = Self { groups, entries: Entries::new(measures.len()), numbers };
        if placed.entries.reserve(len, budget).is_err() {
            placed.end(budget);
            return Err(Full);
        }
        placed.add(batch, rows, places.places(), measures);
        Ok(placed)
    }

    fn add(&mut self, batch: &Batch, rows: Rows<'_>, places: &[u32], measures: &[Measure]) {
        let Self { groups, entries, numbers } = self;
        for piece in rows.pieces(PIECE) {
            numbers.clear();
            piece.each(places, |_, place| {
                let group = &mut groups[place as usize];
                if *group == NONE {
                    *group = u32::try_from(entries.len()).unwrap_or(NONE);
                    entries.push(&[place.into()]);
                }
                numbers.push(*group);
            });
            entries.add(batch, piece, &Shares::default(), measures, numbers);
        }
    }

    /// The addresses of the groups, one a row, as the column that they are of.
    pub(crate) fn keys(&self, places: &Places, column: Column) -> Batch {
        let addr = |group: usize| {
            let place = self.entries.key(group).first().and_then(|place| usize::try_from(*place).ok());
            place.and_then(|place| places.list().get(place)).copied().unwrap_or_default()
        };
        let addrs: Vec<Addr> = (0..self.entries.len()).map(addr).collect();
        Batch::from_columns(
            vec![column.bit(); addrs.len()],
            vec![(column, Values::Addr(addrs))],
            Arc::default(),
        )
    }

    /// Gives the memory back.
    pub(crate) fn end(mut self, budget: &Budget<'_>) {
        self.entries.clear(budget);
        budget.give_back(self.groups.len() * size_of::<u32>());
    }
}

impl Sums for Placed {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn key_words(&self) -> usize {
        1
    }

    fn measures(&self) -> usize {
        self.entries.measures()
    }

    fn is_wide(&self) -> bool {
        self.entries.is_wide()
    }

    fn key(&self, group: usize) -> &[u64] {
        self.entries.key(group)
    }

    fn sum(&self, group: usize, measure: usize) -> u128 {
        self.entries.sum(group, measure)
    }

    fn narrow(&self, group: usize) -> Option<&[u64]> {
        self.entries.narrow(group)
    }
}
