//! The groups of one thread, for keys of a fixed number of words.

use super::index::Index;
use super::key::Layout;
use super::sum::Sums;
use crate::budget::{Budget, Full};
use crate::query::Measure;
use crate::rows::Rows;
use foldhash::fast::RandomState;
use weir_flow::Batch;

/// Rows are grouped in pieces of so many, so that their packed keys and group numbers stay in the first-level
/// cache from one loop to the next.
const PIECE: usize = 512;

/// Groups, whatever the width of their keys.
pub(crate) trait Groups: Send + Sync {
    /// Adds these rows of a batch. `names` translates the batch's numbers of names.
    fn add(
        &mut self,
        batch: &Batch,
        rows: Rows<'_>,
        names: &[u32],
        scheme: &Scheme,
        budget: &Budget,
    ) -> Result<(), Full>;

    /// Adds the groups of another thread, which have keys of the same width.
    fn merge(&mut self, other: &dyn Groups, budget: &Budget) -> Result<(), Full>;

    /// How many groups there are.
    fn len(&self) -> usize;

    /// The packed keys of all groups, one after the other.
    fn words(&self) -> &[u64];

    /// The packed key of one group.
    fn key(&self, group: usize) -> &[u64];

    /// The sums of all groups.
    fn sums(&self) -> &Sums;
}

/// How rows are grouped and what is added up: the same for all threads of a query.
#[derive(Debug)]
pub(crate) struct Scheme {
    pub(crate) layout: Layout,
    pub(crate) measures: Vec<Measure>,
    pub(crate) seed: RandomState,
}

impl Scheme {
    /// No groups yet, for rows whose keys are all known.
    pub(crate) fn complete(&self) -> Box<dyn Groups> {
        self.groups(self.layout.words(), self.layout.bits())
    }

    /// No groups yet, for rows where at least one key is unknown.
    pub(crate) fn partial(&self) -> Box<dyn Groups> {
        self.groups(self.layout.words() + 1, u32::MAX)
    }

    /// Code is made for each number of words up to six (a flow's five-tuple takes five), then for a few.
    fn groups(&self, words: usize, bits: u32) -> Box<dyn Groups> {
        match words {
            0 => self.map::<0>(bits),
            1 => self.map::<1>(bits),
            2 => self.map::<2>(bits),
            3 => self.map::<3>(bits),
            4 => self.map::<4>(bits),
            5 => self.map::<5>(bits),
            6 => self.map::<6>(bits),
            _ => self.wide(words, bits),
        }
    }
}

impl Scheme {
    /// Keys of more words are filled up with zeros to the next width there is code for. All columns of the
    /// schema together take fewer words than the last one (a test sees to it).
    fn wide(&self, words: usize, bits: u32) -> Box<dyn Groups> {
        match words {
            0..=8 => self.map::<8>(bits),
            9..=12 => self.map::<12>(bits),
            13..=20 => self.map::<20>(bits),
            _ => self.map::<40>(bits),
        }
    }

    fn map<const N: usize>(&self, bits: u32) -> Box<dyn Groups> {
        Box::new(Map::<N> {
            index: Index::new(bits, &self.seed),
            keys: Vec::new(),
            sums: Sums::new(self.measures.len()),
            packed: Vec::with_capacity(PIECE),
            numbers: Vec::with_capacity(PIECE),
        })
    }
}

/// Groups of keys of `N` words.
struct Map<const N: usize> {
    index: Index<N>,
    keys: Vec<[u64; N]>,
    sums: Sums,
    /// The packed keys of a piece, and the numbers of their groups: kept for their memory only.
    packed: Vec<[u64; N]>,
    numbers: Vec<u32>,
}

impl<const N: usize> Map<N> {
    /// The numbers of the packed keys' groups, with room for their sums.
    fn number(&mut self, budget: &Budget) -> Result<(), Full> {
        let before = self.keys.len();
        self.index.find(&self.packed, &mut self.keys, &mut self.numbers, budget)?;
        let new = self.keys.len() - before;
        if new > 0 {
            budget.take(new * (size_of::<[u64; N]>() + self.sums.group_bytes()))?;
            self.sums.resize(self.keys.len());
        }
        Ok(())
    }
}

impl<const N: usize> Groups for Map<N> {
    fn add(
        &mut self,
        batch: &Batch,
        rows: Rows<'_>,
        names: &[u32],
        scheme: &Scheme,
        budget: &Budget,
    ) -> Result<(), Full> {
        for piece in rows.pieces(PIECE) {
            scheme.layout.pack(batch, piece, names, &mut self.packed);
            self.number(budget)?;
            self.sums.add(batch, piece, &scheme.measures, &self.numbers);
        }
        Ok(())
    }

    fn merge(&mut self, other: &dyn Groups, budget: &Budget) -> Result<(), Full> {
        if N == 0 {
            // Without keys there are no words to go through, and at most one group.
            self.packed.clear();
            self.packed.resize(other.len(), [0; N]);
            self.number(budget)?;
            self.sums.merge(other.sums(), 0, &self.numbers);
            return Ok(());
        }
        let (keys, _) = other.words().as_chunks::<N>();
        for (piece, keys) in keys.chunks(PIECE).enumerate() {
            self.packed.clear();
            self.packed.extend_from_slice(keys);
            self.number(budget)?;
            self.sums.merge(other.sums(), piece * PIECE, &self.numbers);
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.keys.len()
    }

    fn words(&self) -> &[u64] {
        self.keys.as_flattened()
    }

    fn key(&self, group: usize) -> &[u64] {
        self.keys.get(group).map_or(&[], |key| key)
    }

    fn sums(&self) -> &Sums {
        &self.sums
    }
}
