//! The groups of one thread, for keys of a fixed number of words.

use super::entry::Entries;
use super::index::{Index, hash};
use super::key::Layout;
use super::worked::Beside;
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
    /// Adds these rows of a batch. `beside` is what belongs to it beside its columns.
    fn add(
        &mut self,
        batch: &Batch,
        rows: Rows<'_>,
        beside: &Beside,
        scheme: &Scheme,
        budget: &Budget,
    ) -> Result<(), Full>;

    /// Forgets how to find groups, and gives that memory back: from now on they can only be read.
    fn end(&mut self, budget: &Budget);

    /// The memory that the groups take, without what finds them.
    fn bytes(&self) -> usize;

    /// Adds the groups of another thread, which have keys of the same width.
    fn merge(&mut self, other: &dyn Groups, budget: &Budget) -> Result<(), Full>;

    /// How many groups there are.
    fn len(&self) -> usize;

    /// The packed key of one group.
    fn key(&self, group: usize) -> &[u64];

    /// The exact sum of a measure in a group, the measures counted in the scheme's order.
    fn sum(&self, group: usize, measure: usize) -> u128;
}

/// How rows are grouped and what is added up: the same for all threads of a query.
#[derive(Debug)]
pub(crate) struct Scheme {
    pub(crate) layout: Layout,
    pub(crate) measures: Vec<Measure>,
    pub(crate) seed: RandomState,
    /// Only groups of this share of all hashes are meant.
    pub(crate) share: Share,
}

/// One of several equal shares of all groups, by the hashes of their keys: where not all groups fit in memory,
/// the records are gone through once for each share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Share {
    /// Which one, from 0.
    pub(crate) part: u32,
    /// Of how many.
    pub(crate) of: u32,
}

impl Share {
    /// Everything at once.
    pub(crate) const ALL: Self = Self { part: 0, of: 1 };

    /// Whether a key of this hash belongs to it.
    fn has(self, hash: u32) -> bool {
        (u64::from(hash) * u64::from(self.of)) >> 32 == u64::from(self.part)
    }
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
            entries: Entries::new(self.measures.len()),
            packed: Vec::with_capacity(PIECE),
            numbers: Vec::with_capacity(PIECE),
            places: Vec::new(),
        })
    }
}

/// Groups of keys of `N` words.
struct Map<const N: usize> {
    index: Index<N>,
    entries: Entries<N>,
    /// The packed keys of a piece, the numbers of their groups, and the places of those in the share: kept for
    /// their memory only.
    packed: Vec<[u64; N]>,
    numbers: Vec<u32>,
    places: Vec<u32>,
}

impl<const N: usize> Map<N> {
    /// The numbers of the packed keys' groups.
    fn number(&mut self, budget: &Budget) -> Result<(), Full> {
        let before = self.entries.len();
        self.index.find(&self.packed, &mut self.entries, &mut self.numbers, budget)?;
        let new = self.entries.len() - before;
        if new > 0 {
            budget.take(new * self.entries.entry_bytes())?;
        }
        Ok(())
    }
}

impl<const N: usize> Map<N> {
    /// Of the packed rows keeps those in the share; their places in the batch are then in `places`.
    fn keep_share(&mut self, piece: Rows<'_>, scheme: &Scheme) {
        self.places.clear();
        let mut places = piece.places();
        self.packed.retain(|key| {
            let mine = scheme.share.has(hash(&scheme.seed, key));
            self.places.extend(places.next().filter(|_| mine));
            mine
        });
    }
}

impl<const N: usize> Groups for Map<N> {
    fn add(
        &mut self,
        batch: &Batch,
        rows: Rows<'_>,
        beside: &Beside,
        scheme: &Scheme,
        budget: &Budget,
    ) -> Result<(), Full> {
        for piece in rows.pieces(PIECE) {
            scheme.layout.pack(batch, piece, beside, &mut self.packed);
            let all = scheme.share == Share::ALL;
            if !all {
                self.keep_share(piece, scheme);
            }
            self.number(budget)?;
            let piece = if all { piece } else { Rows::Picked(&self.places) };
            self.entries.add(batch, piece, &beside.shares, &scheme.measures, &self.numbers);
        }
        Ok(())
    }

    fn end(&mut self, budget: &Budget) {
        self.index.end(budget);
    }

    fn bytes(&self) -> usize {
        self.entries.len() * self.entries.entry_bytes()
    }

    fn merge(&mut self, other: &dyn Groups, budget: &Budget) -> Result<(), Full> {
        for from in (0..other.len()).step_by(PIECE) {
            self.packed.clear();
            for group in from..other.len().min(from + PIECE) {
                self.packed.extend(other.key(group).first_chunk::<N>());
            }
            self.number(budget)?;
            self.entries.merge(other, from, &self.numbers);
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn key(&self, group: usize) -> &[u64] {
        self.entries.key(group)
    }

    fn sum(&self, group: usize, measure: usize) -> u128 {
        self.entries.sum(group, measure)
    }
}
