//! A table with what its rows are ordered by, so that the tables of several parts can be put together.

use crate::query::Query;
use crate::table::{Row, Table};
use std::cmp::Reverse;

/// A table, and for each row the sum it is ordered by (0 where the order is that of the keys).
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    pub(crate) table: Table,
    pub(crate) ranks: Vec<u128>,
}

impl Ranked {
    /// The table of all of these, which have no group in common.
    #[must_use]
    pub(crate) fn merge(all: &[Self], query: &Query) -> Self {
        let sum = |at| all.iter().filter_map(|one| one.table.total.get(at)).sum();
        let total = (0..query.measures.len()).map(sum).collect();
        let mut table = Table::new(query.keys.clone(), query.measures.clone(), total);
        table.groups = all.iter().map(|one| one.table.groups).sum();
        // The larger sum first, then by the keys.
        let mut rows: Vec<(Reverse<u128>, Row<'_>)> = all.iter().flat_map(Self::rows).collect();
        rows.sort_unstable_by(|(a_rank, a), (b_rank, b)| a_rank.cmp(b_rank).then_with(|| a.keys.cmp(b.keys)));
        rows.truncate(query.limit.unwrap_or(usize::MAX));
        for (_, row) in &rows {
            table.push(row.keys.iter().cloned(), row.sums.iter().copied());
        }
        let ranks = rows.into_iter().map(|(rank, _)| rank.0).collect();
        Self { table, ranks }
    }

    fn rows(&self) -> impl Iterator<Item = (Reverse<u128>, Row<'_>)> {
        self.ranks.iter().map(|rank| Reverse(*rank)).zip(self.table.rows())
    }
}
