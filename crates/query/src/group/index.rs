//! From a packed key to the number of its group.
//!
//! Groups are numbered as they are met, and lie in [`Entries`] by that number. The index only finds the number: for keys of few bits it is a table with the key as its place, for all others a hash table
//! whose slots hold 32 bits of the hash and the number, so that one cache line decides, and growing reads no
//! keys. Hashes are seeded at random, for keys are chosen by whoever sends traffic.

use super::entry::Entries;
use crate::budget::{Budget, Full};
use foldhash::fast::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Keys of at most so many bits have a place of their own each: 256 KiB of numbers.
const DIRECT_BITS_MAX: u32 = 16;

/// A slot or place that holds no group yet.
const NONE: u32 = u32::MAX;
const EMPTY: u64 = u64::MAX;

/// Where groups are found; `N` is the number of words of their keys.
#[derive(Debug)]
pub(crate) enum Index<const N: usize> {
    /// The key itself is the place of the group's number.
    Direct(Vec<u32>),
    /// Hashed, open addressing.
    Hashed(Hashed),
}

/// The slots of a hash table: hash in the high 32 bits, the group's number in the low ones.
#[derive(Debug)]
pub(crate) struct Hashed {
    slots: Vec<u64>,
    seed: RandomState,
    /// The hashes of the keys sought, and the slots their hashes lead to: kept for the memory only.
    hashes: Vec<u32>,
    firsts: Vec<u64>,
}

impl<const N: usize> Index<N> {
    /// An empty index over keys of so many bits.
    pub(crate) fn new(bits: u32, seed: &RandomState) -> Self {
        if N <= 1 && bits <= DIRECT_BITS_MAX {
            return Self::Direct(vec![NONE; 1 << bits]);
        }
        let seed = seed.clone();
        Self::Hashed(Hashed { slots: Vec::new(), seed, hashes: Vec::new(), firsts: Vec::new() })
    }

    /// The number of each key's group, into `groups`; new ones are appended to `entries`.
    pub(crate) fn find(
        &mut self,
        sought: &[[u64; N]],
        entries: &mut Entries<N>,
        groups: &mut Vec<u32>,
        budget: &Budget<'_>,
    ) -> Result<(), Full> {
        groups.clear();
        match self {
            Self::Direct(places) => {
                groups.extend(sought.iter().map(|key| direct(places, key, entries)));
                Ok(())
            }
            Self::Hashed(hashed) => {
                hashed.reserve(entries.len(), sought.len(), budget)?;
                hashed.find(sought, entries, groups);
                Ok(())
            }
        }
    }
}

impl<const N: usize> Index<N> {
    /// Forgets everything, and gives its memory back.
    pub(crate) fn end(&mut self, budget: &Budget<'_>) {
        if let Self::Hashed(hashed) = self {
            budget.give_back(hashed.slots.len() * size_of::<u64>());
        }
        *self = Self::Direct(Vec::new());
    }
}

/// The number of a key that is its own place.
#[inline]
fn direct<const N: usize>(places: &mut [u32], key: &[u64; N], entries: &mut Entries<N>) -> u32 {
    // A layout of so few bits sets no others, and without any keys there is one place.
    let at = key.first().map_or(0, |word| usize::try_from(*word).unwrap_or(0));
    let place = &mut places[at];
    if *place == NONE {
        *place = number(entries.len());
        entries.push(key);
    }
    *place
}

/// The number of a hashed key, sought slot by slot; a new one if there is none.
fn probe<const N: usize>(
    slots: &mut [u64],
    mask: usize,
    hash: u32,
    key: &[u64; N],
    entries: &mut Entries<N>,
) -> u32 {
    let mut at = hash as usize & mask;
    loop {
        let slot = slots[at];
        if slot == EMPTY {
            let group = number(entries.len());
            slots[at] = u64::from(hash) << 32 | u64::from(group);
            entries.push(key);
            return group;
        }
        if slot >> 32 == u64::from(hash) {
            let group = low_half(slot);
            if entries.is_key(group as usize, key) {
                return group;
            }
        }
        at = (at + 1) & mask;
    }
}

/// 32 bits of hash of a key.
#[inline]
pub(crate) fn hash<const N: usize>(seed: &RandomState, key: &[u64; N]) -> u32 {
    let mut hasher = seed.build_hasher();
    for word in key {
        hasher.write_u64(*word);
    }
    low_half(hasher.finish() >> 32)
}

impl Hashed {
    /// The number of each key's group. The table is never full, so an empty slot ends every search.
    ///
    /// Slots lie all over a large table: first all hashes are worked out, then all first slots read, with nothing
    /// in between that a processor would have to wait for; only then is each looked at.
    fn find<const N: usize>(&mut self, sought: &[[u64; N]], entries: &mut Entries<N>, groups: &mut Vec<u32>) {
        let Self { slots, seed, hashes, firsts } = self;
        let mask = slots.len() - 1;
        hashes.clear();
        hashes.extend(sought.iter().map(|key| hash(seed, key)));
        firsts.clear();
        firsts.extend(hashes.iter().map(|hash| slots[*hash as usize & mask]));
        for ((key, hash), first) in sought.iter().zip(&*hashes).zip(&*firsts) {
            let known = low_half(*first) as usize;
            let same_hash = *first >> 32 == u64::from(*hash);
            if same_hash && entries.is_key(known, key) {
                groups.push(low_half(*first));
            } else {
                groups.push(probe(slots, mask, *hash, key, entries));
            }
        }
    }

    /// Makes room for `more` keys beside the `len` there are, so that the table stays at most five eighths full:
    /// then a search is short, and the slots are smaller than the entries.
    fn reserve(&mut self, len: usize, more: usize, budget: &Budget<'_>) -> Result<(), Full> {
        let needed = len.saturating_add(more).saturating_mul(8) / 5;
        if needed <= self.slots.len() {
            return Ok(());
        }
        // Numbers of groups are of 32 bits, and one of them means "none".
        if len + more >= NONE as usize {
            return Err(Full);
        }
        let size = needed.next_power_of_two().max(16);
        budget.take(size * size_of::<u64>())?;
        let mut slots = vec![EMPTY; size];
        for slot in self.slots.iter().filter(|slot| **slot != EMPTY) {
            let mut at = low_half(slot >> 32) as usize & (size - 1);
            while slots[at] != EMPTY {
                at = (at + 1) & (size - 1);
            }
            slots[at] = *slot;
        }
        budget.give_back(self.slots.len() * size_of::<u64>());
        self.slots = slots;
        Ok(())
    }
}

/// A group's number; [`Hashed::reserve`] sees to it that all fit.
#[inline]
fn number(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(NONE)
}

/// The low 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "it is the purpose")]
#[inline]
const fn low_half(bits: u64) -> u32 {
    bits as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn check<const N: usize>(bits: u32, sought: &[[u64; N]]) {
        let budget = Budget::new(usize::MAX);
        let mut index = Index::<N>::new(bits, &RandomState::default());
        let (mut entries, mut groups, mut model) = (Entries::new(0), Vec::new(), HashMap::new());
        for part in sought.chunks(1000) {
            index.find(part, &mut entries, &mut groups, &budget).unwrap();
            for (key, group) in part.iter().zip(&groups) {
                let next = model.len();
                assert_eq!(*model.entry(*key).or_insert(next), *group as usize);
                assert_eq!(entries.key(*group as usize), *key);
            }
        }
        assert_eq!(entries.len(), model.len());
    }

    #[test]
    fn equal_keys_have_one_number_and_others_another() {
        let numbers: Vec<u64> =
            (0..50_000u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 20_000).collect();
        check::<1>(16, &numbers.iter().map(|i| [*i]).collect::<Vec<_>>());
        check::<1>(64, &numbers.iter().map(|i| [*i << 40]).collect::<Vec<_>>());
        check::<4>(256, &numbers.iter().map(|i| [0, *i, 1, *i % 7]).collect::<Vec<_>>());
        check::<0>(0, &[[], [], []]);
    }

    #[test]
    fn what_does_not_fit_is_refused_before_it_is_allocated() {
        let budget = Budget::new(4096 * 8 + 2048 * 8);
        let mut index = Index::<2>::new(128, &RandomState::default());
        let (mut entries, mut groups) = (Entries::new(3), Vec::new());
        let many: Vec<[u64; 2]> = (0..2500).map(|i| [i, 0]).collect();
        index.find(&many, &mut entries, &mut groups, &budget).unwrap();
        assert_eq!(index.find(&[[9, 9]; 100], &mut entries, &mut groups, &budget), Err(Full));
    }
}
