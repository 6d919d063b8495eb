//! Grouping: from the rows of many batches to one sum for each distinct key.
//!
//! Each thread has a [`Grouping`] of its own. Rows come as a batch and the places in it that matched; their keys
//! are packed into words column by column ([`key`]), the words are looked up ([`index`]), and each measure's
//! column is added in one loop ([`entry`]). At the end the threads' groups are merged and ordered ([`top`]).

mod entry;
mod index;
mod key;
mod map;
mod ranked;
mod spread;
mod top;
mod worked;

use crate::budget::{Budget, Full};
use crate::error::Error;
use crate::key::Key;
use crate::name::Names;
use crate::query::Query;
use crate::rows::Rows;
use crate::table::Table;
use foldhash::fast::RandomState;
use key::Layout;
pub(crate) use map::Share;
use map::{Groups, Scheme};
pub(crate) use ranked::Ranked;
use spread::Spread;
use std::fmt;
use std::sync::Arc;
use weir_flow::{Batch, Values};
pub(crate) use worked::Shares;
use worked::{Beside, Work};

/// What the groupings of all threads of one query share.
#[derive(Debug)]
pub(crate) struct Shared {
    scheme: Scheme,
    names: Names,
    budget: Budget,
    keys: Vec<Key>,
    work: Work,
    spread: Option<Spread>,
}

impl Shared {
    /// For this share of a query's groups, in so much memory. All shares must have the same seed.
    pub(crate) fn new(query: &Query, memory_bytes: usize, share: Share, seed: &RandomState) -> Self {
        let scheme =
            Scheme { layout: Layout::new(&query.keys), measures: query.summed(), seed: seed.clone(), share };
        let spread = Spread::new(query);
        let work = Work {
            keys: key::worked_out(&query.keys),
            civil: query.civil.clone(),
            fine_ms: spread.as_ref().map_or(weir_flow::time::BIN_MS, |spread| spread.fine_ms),
        };
        let budget = Budget::new(memory_bytes);
        Self { scheme, names: Names::default(), budget, keys: query.keys.clone(), work, spread }
    }

    /// The error that says what to narrow.
    fn full(&self, groups: usize) -> Error {
        let keys: Vec<String> = self.keys.iter().map(Key::to_string).collect();
        let of = format!("groups by {}", keys.join(", "));
        Error::Memory { count: groups, of, limit_bytes: self.budget.limit_bytes() }
    }
}

/// The groups of one thread.
pub(crate) struct Grouping<'a> {
    shared: &'a Shared,
    /// Rows whose keys are all known.
    complete: Box<dyn Groups>,
    /// Rows where at least one key is unknown.
    partial: Box<dyn Groups>,
    /// The names of the last batch: batches of one segment share them.
    translated: Arc<[Box<str>]>,
    /// Their numbers, those of the last batch's text, and what was worked out of it.
    beside: Beside,
    /// Places of rows, kept for the memory only.
    split: (Vec<u32>, Vec<u32>),
    whole: Vec<u32>,
}

impl fmt::Debug for Grouping<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.complete.len() + self.partial.len();
        f.debug_struct("Grouping").field("groups", &groups).finish_non_exhaustive()
    }
}

impl<'a> Grouping<'a> {
    /// No groups yet.
    pub(crate) fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            complete: shared.scheme.complete(),
            partial: shared.scheme.partial(),
            translated: Arc::default(),
            beside: Beside::default(),
            split: Default::default(),
            whole: Vec::new(),
        }
    }

    /// Adds these rows, spread over time if the query asks for that.
    ///
    /// # Errors
    /// There is no memory left for the groups.
    pub(crate) fn add(&mut self, batch: &Batch, rows: Rows<'_>) -> Result<(), Error> {
        let Some(spread) = &self.shared.spread else {
            return self.add_shares(batch, rows, &Shares::default());
        };
        let mut whole = std::mem::take(&mut self.whole);
        let split = spread.split(batch, rows, &mut whole, |parts| {
            let rows = batch.gather(&parts.rows);
            self.add_shares(&rows, Rows::Span(0, rows.len()), &parts.shares)
        });
        let added = split.and_then(|()| self.add_shares(batch, Rows::Picked(&whole), &Shares::default()));
        self.whole = whole;
        added
    }

    /// Adds these rows as they are. `shares` says, by row of the batch, what they are where they are parts of flows.
    ///
    /// # Errors
    /// There is no memory left for the groups.
    pub(crate) fn add_shares(&mut self, batch: &Batch, rows: Rows<'_>, shares: &Shares) -> Result<(), Error> {
        self.translate(batch, rows).map_err(|Full| self.full())?;
        self.beside.shares.clone_from(shares);
        self.beside.work(&self.shared.work, batch, rows);
        let mask = self.shared.scheme.layout.mask();
        let mut all = u64::MAX;
        rows.each(self.beside.present(batch), |_, present| all &= present);
        let added = if all & mask == mask {
            self.add_complete(batch, rows)
        } else {
            let (mut known, mut unknown) = std::mem::take(&mut self.split);
            known.clear();
            unknown.clear();
            let present = self.beside.present(batch);
            for place in rows.places() {
                let known_here = present.get(place as usize).is_some_and(|p| p & mask == mask);
                if known_here { known.push(place) } else { unknown.push(place) }
            }
            let added = self
                .add_complete(batch, Rows::Picked(&known))
                .and_then(|()| self.add_partial(batch, Rows::Picked(&unknown)));
            self.split = (known, unknown);
            added
        };
        added.map_err(|Full| self.full())
    }

    fn add_complete(&mut self, batch: &Batch, rows: Rows<'_>) -> Result<(), Full> {
        let Shared { scheme, budget, .. } = self.shared;
        self.complete.add(batch, rows, &self.beside, scheme, budget)
    }

    fn add_partial(&mut self, batch: &Batch, rows: Rows<'_>) -> Result<(), Full> {
        let Shared { scheme, budget, .. } = self.shared;
        self.partial.add(batch, rows, &self.beside, scheme, budget)
    }

    /// Sees to it that this batch's names and the text of these rows have numbers.
    fn translate(&mut self, batch: &Batch, rows: Rows<'_>) -> Result<(), Full> {
        let Shared { scheme, names, budget, .. } = self.shared;
        if scheme.layout.has_names() && !Arc::ptr_eq(batch.names(), &self.translated) {
            self.translated = Arc::clone(batch.names());
            self.beside.numbers.names = names.translate(batch.names());
        }
        self.beside.numbers.text.clear();
        for column in scheme.layout.texts() {
            if let Values::Bytes(strings) = batch.values(column) {
                let numbers = names.number_text(batch, column, strings, rows, budget)?;
                self.beside.numbers.text.push((column, numbers));
            }
        }
        Ok(())
    }

    /// Adds the groups of another thread.
    ///
    /// # Errors
    /// There is no memory left for the groups.
    pub(crate) fn merge(&mut self, mut other: Self) -> Result<(), Error> {
        let budget = &self.shared.budget;
        other.complete.end(budget);
        other.partial.end(budget);
        let merged = self
            .complete
            .merge(other.complete.as_ref(), budget)
            .and_then(|()| self.partial.merge(other.partial.as_ref(), budget));
        budget.give_back(other.complete.bytes() + other.partial.bytes());
        merged.map_err(|Full| self.full())
    }

    fn full(&self) -> Error {
        self.shared.full(self.complete.len() + self.partial.len())
    }

    /// The table that the query asks for.
    ///
    /// # Errors
    /// There is no memory left for its rows.
    pub(crate) fn table(&self, query: &Query) -> Result<Ranked, Error> {
        let parts = [self.complete.as_ref(), self.partial.as_ref()];
        let names = self.shared.names.list();
        let ranking = top::Ranking { parts, scheme: &self.shared.scheme, names: &names };
        let shown =
            ranking.best(query.order, query.limit, &self.shared.budget).map_err(|Full| self.full())?;

        let shown_measures = query.measures.len();
        // Every matched row is in exactly one group.
        let sum = |at| {
            parts.iter().map(|part| (0..part.len()).map(|group| part.sum(group, at)).sum::<u128>()).sum()
        };
        let total = (0..shown_measures).map(sum).collect();
        let mut table = Table::new(query.keys.clone(), query.measures.clone(), total);
        table.groups = parts.iter().map(|part| part.len() as u64).sum();
        for place in &shown {
            let part = parts[usize::from(place.partial)];
            let cells = self.shared.scheme.layout.cells(part.key(place.group as usize), &names);
            let sums = (0..shown_measures).map(|at| part.sum(place.group as usize, at));
            table.push(cells, sums);
        }
        Ok(Ranked { table, ranks: shown.iter().map(|place| place.sum).collect() })
    }
}
