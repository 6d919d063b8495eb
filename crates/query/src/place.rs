//! Where the addresses of a row group are, as far as its file says without any row being read.
//!
//! A file says it in two lists: of the hosts that have rows of their own, where these lie ([`Runs`]); and of all other
//! addresses, in which blocks of rows their networks occur ([`Blocks`]). Neither says anything without the other. A third one,
//! where there is one, names the rows in which hosts are the far end of others' traffic ([`FarEnds`]): of their networks it says
//! exactly what the blocks say roughly.

use crate::span::Spans;
use weir_flow::{Addr, Column};
use weir_store::segment::{Blocks, FarEnds, Reader, Runs};

/// Where the addresses of one row group are.
#[derive(Debug, Default)]
pub struct Places {
    runs: Option<Runs>,
    networks: Option<Blocks>,
    far: Option<FarEnds>,
}

impl Places {
    /// Those of the row group of this number.
    ///
    /// # Errors
    /// The file cannot be read, or what it says is damaged.
    pub fn of(reader: &Reader, row_group: usize) -> Result<Self, weir_store::Error> {
        let (runs, networks) = (reader.runs(row_group)?, reader.networks(row_group)?);
        Ok(Self { runs, networks, far: reader.far_ends(row_group)? })
    }

    /// The rows that may have an address between these two (both included) in the column, which is one of
    /// [`weir_store::segment::NETWORK_COLUMNS`]; `None` if nothing can be said.
    #[must_use]
    pub fn held(&self, column: Column, low: Addr, high: Addr) -> Option<Spans> {
        let others = self.far(column, low, high).or_else(|| self.blocks(low, high))?;
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
        Spans::union(&[met, self.far(column, low, high).unwrap_or_default()])
    }

    /// The rows whose far end is meant, exactly; `None` if that is not known of these addresses.
    fn far(&self, column: Column, low: Addr, high: Addr) -> Option<Spans> {
        let rows = self.runs.as_ref().and(self.far.as_ref())?.rows(column, low, high)?;
        Some(Spans::of_places(rows.into_iter(), 1))
    }

    /// The blocks of rows that may have such an address beside that of their run.
    fn blocks(&self, low: Addr, high: Addr) -> Option<Spans> {
        let mut blocks = Spans::default();
        self.networks.as_ref()?.rows(low, high)?.into_iter().for_each(|block| blocks.push(block));
        Some(blocks)
    }
}
