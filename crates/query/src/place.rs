//! Where the addresses of a row group are, as far as its file says without any row being read.
//!
//! A file says it in two lists: of the hosts that have rows of their own, where these lie ([`Runs`]); and of all other
//! addresses, in which blocks of rows their networks occur ([`Blocks`]). Neither says anything without the other.

use crate::span::Spans;
use weir_flow::{Addr, Column};
use weir_store::segment::{Blocks, Reader, Runs};

/// Where the addresses of one row group are.
#[derive(Debug, Default)]
pub struct Places {
    runs: Option<Runs>,
    networks: Option<Blocks>,
}

impl Places {
    /// Those of the row group of this number.
    ///
    /// # Errors
    /// The file cannot be read, or what it says is damaged.
    pub fn of(reader: &Reader, row_group: usize) -> Result<Self, weir_store::Error> {
        Ok(Self { runs: reader.runs(row_group)?, networks: reader.networks(row_group)? })
    }

    /// The rows that may have an address between these two (both included) in the column, which is one of
    /// [`weir_store::segment::NETWORK_COLUMNS`]; `None` if nothing can be said.
    #[must_use]
    pub fn held(&self, column: Column, low: Addr, high: Addr) -> Option<Spans> {
        let mut others = Spans::default();
        self.networks.as_ref()?.rows(low, high)?.into_iter().for_each(|block| others.push(block));
        let Some(runs) = &self.runs else { return Some(others) };
        let mut own = Spans::default();
        runs.rows(column, low, high).for_each(|(rows, _)| own.push(rows));
        Some(Spans::union(&[own, others]))
    }

    /// The rows that are known to have one.
    pub(crate) fn met(&self, column: Column, low: Addr, high: Addr) -> Spans {
        let mut met = Spans::default();
        let runs = self.runs.iter().flat_map(|runs| runs.rows(column, low, high));
        runs.filter(|(_, in_all)| *in_all).for_each(|(rows, _)| met.push(rows));
        met
    }
}
