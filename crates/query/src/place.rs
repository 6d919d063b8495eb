//! Where the addresses of a row group are, as far as its file says without any row being read.
//!
//! A file says it in three lists: of the hosts that have rows of their own, where these lie ([`Runs`]); in which rows such
//! hosts' networks are the far end of others' traffic ([`FarEnds`]), exactly; and of all other addresses, in which blocks of
//! rows their networks occur ([`Blocks`]). The last one is long, and brought in where the second does not tell.

use crate::span::Spans;
use std::cell::OnceCell;
use weir_flow::{Addr, Column};
use weir_store::Error;
use weir_store::segment::{Blocks, FarEnds, Reader, Runs};

/// Where the addresses of one row group are.
#[derive(Debug)]
pub struct Places<'a> {
    reader: &'a Reader,
    row_group: usize,
    runs: Option<Runs>,
    far: Option<FarEnds>,
    networks: OnceCell<Option<Blocks>>,
}

/// In which rows addresses are.
#[derive(Debug, Default)]
pub struct Told {
    /// All that have one are among these; `None` if nothing can be said.
    pub may: Option<Spans>,
    /// All of these have one.
    pub must: Spans,
}

impl<'a> Places<'a> {
    /// Reads where they are.
    ///
    /// # Errors
    /// The file cannot be read, or what it says is damaged.
    pub fn of(reader: &'a Reader, row_group: usize) -> Result<Self, Error> {
        let runs = reader.runs(row_group)?;
        // Without the runs neither of the others is of all addresses.
        let far = runs.as_ref().map(|_| reader.far_ends(row_group)).transpose()?.flatten();
        Ok(Self { reader, row_group, runs, far, networks: OnceCell::new() })
    }

    /// The rows with an address between these two (both included) in the column, which is one of
    /// [`weir_store::segment::NETWORK_COLUMNS`].
    ///
    /// # Errors
    /// The file cannot be read, or what it says is damaged.
    pub fn told(&self, column: Column, low: Addr, high: Addr) -> Result<Told, Error> {
        let (mut own, mut met) = (Spans::default(), Spans::default());
        if let Some(runs) = &self.runs {
            let Some(runs) = runs.rows(column, low, high) else { return Ok(Told::default()) };
            for (rows, in_all) in runs {
                if in_all {
                    met.push(rows.clone());
                }
                own.push(rows);
            }
        }
        let far = self.far.as_ref().and_then(|far| far.rows(column, low, high));
        if let Some(far) = far {
            let far = Spans::of_places(far.into_iter(), 1);
            return Ok(Told {
                may: Some(Spans::union(&[own, far.clone()])),
                must: Spans::union(&[met, far]),
            });
        }
        Ok(Told { may: self.blocks(low, high)?.map(|others| Spans::union(&[own, others])), must: met })
    }

    /// The blocks of rows that may have such an address beside that of their run.
    fn blocks(&self, low: Addr, high: Addr) -> Result<Option<Spans>, Error> {
        let networks = match self.networks.get() {
            Some(networks) => networks,
            None => {
                let read = self.reader.networks(self.row_group)?;
                self.networks.get_or_init(|| read)
            }
        };
        Ok(networks.as_ref().and_then(|networks| networks.rows(low, high)).map(|blocks| {
            let mut spans = Spans::default();
            blocks.into_iter().for_each(|block| spans.push(block));
            spans
        }))
    }
}
