//! The accounts of one batch, computed as it arrives: what its frame of the journal carries.

use super::interned::Interned;
use super::row::{Amounts, Side, View};
use super::{Counts, Kind, NOBODY};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use weir_flow::{Addr, Batch};

/// A batch of more accounts than this (flows of weeks, each over thousands of bins) carries none: they are
/// computed from its rows when they are asked for.
const ACCOUNTS_MAX: usize = if cfg!(test) { 512 } else { 1 << 18 };

/// An account by the places of its bin, exporter and tenant in the lists of whoever holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub kind: Kind,
    pub bin: u32,
    pub exporter: u32,
    /// `None` of kinds that have none.
    pub tenant: Option<u32>,
    pub host: Option<Addr>,
    pub counts: Counts,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Key {
    host: u128,
    bin: u32,
    exporter: u32,
    tenant: u32,
    kind: Kind,
    has_host: bool,
}

impl Key {
    #[inline]
    fn hash(&self, state: &RandomState) -> u64 {
        let places = u128::from(self.bin) << 96
            | u128::from(self.exporter) << 64
            | u128::from(self.tenant) << 32
            | u128::from(self.kind as u8);
        state.hash_one(self.host ^ places.rotate_left(17))
    }
}

/// Adds up the accounts of one batch after the other. In a batch most rows belong to an account that another row
/// belongs to, in any order; the table is small enough for the processor's caches, and is used again.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    /// Places in `accounts`.
    table: HashTable<u32>,
    accounts: Vec<(Key, Counts)>,
    state: RandomState,
    exporters: Interned<Addr>,
    bins: Interned<i64>,
}

impl Gather {
    /// Takes the accounts of this batch in place of those of the one before. False if they are too many: then
    /// there are none.
    pub(crate) fn take(&mut self, batch: &Batch) -> bool {
        self.clear();
        let view = View::new(batch);
        for (row, mask, exporter) in view.rows() {
            let amounts = view.amounts(row, mask);
            let exporter = self.exporters.place(exporter);
            let (side, mirror) = view.sides(row, mask);
            self.add_row(&amounts, exporter, side);
            if let Some(mirror) = mirror {
                self.add_row(&amounts, exporter, mirror);
            }
            if self.accounts.len() > ACCOUNTS_MAX {
                self.clear();
                return false;
            }
        }
        view.decoded(|bin, exporter, counts| {
            let key = Key {
                host: 0,
                bin: self.bins.place(&bin),
                exporter: self.exporters.place(exporter),
                tenant: NOBODY,
                kind: Kind::Decoded,
                has_host: false,
            };
            self.add(key, counts);
        });
        true
    }

    fn clear(&mut self) {
        self.table.clear();
        self.accounts.clear();
        self.exporters.clear();
        self.bins.clear();
    }

    #[inline]
    fn add_row(&mut self, amounts: &Amounts, exporter: u32, side: Side) {
        let Side { kind, tenant, host } = side;
        let has_host = host.is_some();
        let host = host.unwrap_or_default().bits();
        amounts.spread(|bin, counts| {
            let bin = self.bins.place(&bin);
            self.add(Key { host, bin, exporter, tenant, kind, has_host }, counts);
        });
    }

    #[inline]
    fn add(&mut self, key: Key, counts: Counts) {
        let Self { table, accounts, state, .. } = self;
        let at = |place: &u32| accounts.get(*place as usize).is_some_and(|(k, _)| *k == key);
        let hash = key.hash(state);
        // There are fewer accounts than places.
        let next = u32::try_from(accounts.len()).unwrap_or(NOBODY);
        let Some(place) = table.find_mut(hash, at) else {
            let again = |place: &u32| accounts.get(*place as usize).map_or(0, |(key, _)| key.hash(state));
            table.insert_unique(hash, next, again);
            accounts.push((key, counts));
            return;
        };
        let Some((_, sum)) = accounts.get_mut(*place as usize) else { return };
        match sum.checked_add(counts) {
            Some(both) => *sum = both,
            // What exceeds 64 bits goes on in a second account.
            None => {
                *place = next;
                accounts.push((key, counts));
            }
        }
    }

    /// The bins that accounts name by place: their starts, ms since 1970.
    pub(crate) fn bins(&self) -> &[i64] {
        &self.bins.values
    }

    /// The exporters that accounts name by place.
    pub(crate) fn exporters(&self) -> &[Addr] {
        &self.exporters.values
    }

    /// The accounts; tenants are places in the batch's names. An account of nothing at all is left out.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.accounts.iter().filter(|(_, counts)| *counts != Counts::default()).map(|(key, counts)| Entry {
            kind: key.kind,
            bin: key.bin,
            exporter: key.exporter,
            tenant: (key.tenant != NOBODY).then_some(key.tenant),
            host: key.has_host.then(|| Addr::from_bits(key.host)),
            counts: *counts,
        })
    }
}
