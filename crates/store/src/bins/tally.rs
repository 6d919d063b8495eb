//! Accounts in a hash table: for as many as there are keys, not rows.

use super::{Counts, NOBODY};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// What an account is of, in few bytes: bin, exporter, tenant and class by their places in lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(super) struct Key {
    pub host: u128,
    pub bin: u32,
    pub exporter: u32,
    pub tenant: u32,
    pub class: u16,
    pub kind: u8,
    pub has_host: bool,
}

/// Half a line of the processor's caches.
const _: () = assert!(size_of::<Key>() == 32);

impl Key {
    /// A number that differs where keys do, mostly.
    #[inline]
    pub(super) fn mix(&self, state: &RandomState) -> u64 {
        let places = u128::from(self.bin) << 96
            | u128::from(self.exporter) << 64
            | u128::from(self.tenant) << 32
            | u128::from(!self.class) << 8
            | u128::from(self.kind);
        state.hash_one(self.host ^ places.rotate_left(17))
    }
}

/// Accounts by their keys, in the order in which they were first met.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Places in `accounts`.
    table: HashTable<u32>,
    pub accounts: Vec<(Key, Counts)>,
    state: RandomState,
}

impl Tally {
    /// Adds to an account; returns its place.
    #[inline]
    pub(super) fn add(&mut self, key: Key, counts: Counts) -> u32 {
        let Self { table, accounts, state } = self;
        let at = |place: &u32| accounts.get(*place as usize).is_some_and(|(k, _)| *k == key);
        let hash = key.mix(state);
        // There are fewer accounts than places.
        let next = u32::try_from(accounts.len()).unwrap_or(NOBODY);
        let Some(place) = table.find_mut(hash, at) else {
            let again = |place: &u32| accounts.get(*place as usize).map_or(0, |(key, _)| key.mix(state));
            table.insert_unique(hash, next, again);
            accounts.push((key, counts));
            return next;
        };
        let Some((_, sum)) = accounts.get_mut(*place as usize) else { return *place };
        match sum.checked_add(counts) {
            Some(both) => *sum = both,
            // What exceeds 64 bits goes on in a second account.
            None => {
                *place = next;
                accounts.push((key, counts));
            }
        }
        *place
    }

    /// Adds to the account at this place, if it is of this key and has room; else false.
    #[inline]
    pub(super) fn add_at(&mut self, place: u32, key: &Key, counts: Counts) -> bool {
        let Some((known, sum)) = self.accounts.get_mut(place as usize) else { return false };
        match sum.checked_add(counts).filter(|_| known == key) {
            Some(both) => {
                *sum = both;
                true
            }
            None => false,
        }
    }

    /// Forgets all and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.accounts.clear();
    }

    /// Takes all accounts out.
    pub(super) fn take(&mut self) -> Vec<(Key, Counts)> {
        self.table.clear();
        std::mem::take(&mut self.accounts)
    }
}
