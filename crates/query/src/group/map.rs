//! The groups of one thread, for keys of a fixed number of words.

use super::entry::Entries;
use super::index::{Index, hash};
use super::key::Layout;
use super::spill::{PARTS, part};
use super::worked::Beside;
use crate::budget::{Budget, Full};
use crate::query::Measure;
use crate::rows::Rows;
use foldhash::fast::RandomState;
use weir_flow::Batch;

/// Rows are grouped in pieces of so many, so that their packed keys and group numbers stay in the first-level
/// cache from one loop to the next.
const PIECE: usize = 512;

/// Groups that can be read, wherever they are.
pub(crate) trait Sums {
    /// How many groups there are.
    fn len(&self) -> usize;

    /// The words of a key.
    fn key_words(&self) -> usize;

    /// The sums of a group.
    fn measures(&self) -> usize;

    /// Whether a sum may take more than 64 bits.
    fn is_wide(&self) -> bool;

    /// The packed key of one group.
    fn key(&self, group: usize) -> &[u64];

    /// The exact sum of a measure in a group, the measures counted in the scheme's order.
    fn sum(&self, group: usize, measure: usize) -> u128;

    /// All sums of a group, where they are known to take no more than 64 bits each: cheaper than one by one.
    fn narrow(&self, _group: usize) -> Option<&[u64]> {
        None
    }
}

/// How far something was taken in, and in pieces of how many: where memory is used up in between, it goes on from there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) done: usize,
    pub(crate) piece: usize,
}

impl Progress {
    pub(crate) fn start() -> Self {
        Self { done: 0, piece: PIECE }
    }
}

/// Groups, whatever the width of their keys.
pub(crate) trait Groups: Sums + Send + Sync {
    /// Adds these rows of a batch, from where `progress` is. `beside` is what belongs to it beside its columns.
    fn add(
        &mut self,
        batch: &Batch,
        rows: Rows<'_>,
        beside: &Beside,
        scheme: &Scheme,
        budget: &Budget<'_>,
        progress: &mut Progress,
    ) -> Result<(), Full>;

    /// Adds sums whose keys are all known, from where `progress` is: the key of each is what the row of that number in
    /// `keys` has.
    fn add_sums(
        &mut self,
        keys: &Batch,
        sums: &dyn Sums,
        scheme: &Scheme,
        budget: &Budget<'_>,
        progress: &mut Progress,
    ) -> Result<(), Full>;

    /// Adds the groups of another thread, or of the disk, which have keys of the same width.
    fn merge(&mut self, other: &dyn Sums, budget: &Budget<'_>, progress: &mut Progress) -> Result<(), Full>;

    /// Forgets how to find groups, and gives that memory back: from now on they can only be read.
    fn end(&mut self, budget: &Budget<'_>);

    /// The groups by the part of all hashes they are in at a level: their order, and where each part ends in it.
    fn parted(&self, seed: &RandomState, level: u32) -> (Vec<u32>, [usize; PARTS]);

    /// Forgets all groups, and gives their memory back.
    fn clear(&mut self, scheme: &Scheme, budget: &Budget<'_>);

    /// The same, to be read.
    fn as_sums(&self) -> &dyn Sums;
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
            bits,
            index: Index::new(bits, &self.seed),
            entries: Entries::new(self.measures.len()),
            packed: Vec::with_capacity(PIECE),
            numbers: Vec::with_capacity(PIECE),
        })
    }
}

/// Groups of keys of `N` words.
struct Map<const N: usize> {
    /// The bits that their keys take, at most.
    bits: u32,
    index: Index<N>,
    entries: Entries<N>,
    /// The packed keys of a piece, and the numbers of their groups: kept for their memory only.
    packed: Vec<[u64; N]>,
    numbers: Vec<u32>,
}

impl<const N: usize> Map<N> {
    /// The numbers of the packed keys' groups. Where there is no memory for them, nothing is changed.
    fn number(&mut self, budget: &Budget<'_>) -> Result<(), Full> {
        self.entries.reserve(self.packed.len(), budget)?;
        self.index.find(&self.packed, &mut self.entries, &mut self.numbers, budget)
    }
}

impl<const N: usize> Groups for Map<N> {
    fn add(
        &mut self,
        batch: &Batch,
        rows: Rows<'_>,
        beside: &Beside,
        scheme: &Scheme,
        budget: &Budget<'_>,
        progress: &mut Progress,
    ) -> Result<(), Full> {
        for piece in rows.from(progress.done).pieces(progress.piece) {
            scheme.layout.pack(batch, piece, beside, &mut self.packed);
            self.number(budget)?;
            self.entries.add(batch, piece, &beside.shares, &scheme.measures, &self.numbers);
            progress.done += piece.len();
        }
        Ok(())
    }

    fn add_sums(
        &mut self,
        keys: &Batch,
        sums: &dyn Sums,
        scheme: &Scheme,
        budget: &Budget<'_>,
        progress: &mut Progress,
    ) -> Result<(), Full> {
        let beside = Beside::default();
        while progress.done < sums.len() {
            let end = sums.len().min(progress.done + progress.piece);
            scheme.layout.pack(keys, Rows::Span(progress.done, end), &beside, &mut self.packed);
            self.number(budget)?;
            self.entries.merge(sums, progress.done, &self.numbers);
            progress.done = end;
        }
        Ok(())
    }

    fn merge(&mut self, other: &dyn Sums, budget: &Budget<'_>, progress: &mut Progress) -> Result<(), Full> {
        while progress.done < other.len() {
            let end = other.len().min(progress.done + progress.piece);
            self.packed.clear();
            for group in progress.done..end {
                self.packed.extend(other.key(group).first_chunk::<N>());
            }
            self.number(budget)?;
            self.entries.merge(other, progress.done, &self.numbers);
            progress.done = end;
        }
        Ok(())
    }

    fn end(&mut self, budget: &Budget<'_>) {
        self.index.end(budget);
    }

    fn parted(&self, seed: &RandomState, level: u32) -> (Vec<u32>, [usize; PARTS]) {
        let of_group = |group: usize| {
            let key = self.entries.key(group).first_chunk::<N>();
            key.map_or(0, |key| part(hash(seed, key), level))
        };
        let mut ends = [0; PARTS];
        (0..self.len()).for_each(|group| ends[of_group(group)] += 1);
        let mut sum = 0;
        for end in &mut ends {
            // Where the part begins, until its groups are there.
            sum += std::mem::replace(end, sum);
        }
        let mut order = vec![0; self.len()];
        for (group, number) in (0..self.len()).zip(0u32..) {
            let next = &mut ends[of_group(group)];
            order[*next] = number;
            *next += 1;
        }
        (order, ends)
    }

    fn clear(&mut self, scheme: &Scheme, budget: &Budget<'_>) {
        self.index.end(budget);
        self.index = Index::new(self.bits, &scheme.seed);
        self.entries.clear(budget);
    }

    fn as_sums(&self) -> &dyn Sums {
        self
    }
}

impl<const N: usize> Sums for Map<N> {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn key_words(&self) -> usize {
        N
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
