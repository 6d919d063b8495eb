//! Adds batches up into accounts.

use super::interned::Interned;
use super::order::{Ranks, in_order, merge};
use super::row::{Amounts, Side, View};
use super::tally::{Key, Tally};
use super::{BinRow, Counts, Kind, NOBODY, UNCLASSED};
use crate::journal::Accounts;
use foldhash::fast::RandomState;
use weir_flow::{Addr, Batch};

/// What an account is of, written out. `tenant` is a place among the sorted tenants, `class` one among the sorted classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Account {
    pub bin: i64,
    pub exporter: Addr,
    pub kind: Kind,
    pub tenant: u32,
    pub host: Option<Addr>,
    pub class: u16,
}

/// The names that accounts hold places of, each list in its order.
#[derive(Debug, Default)]
pub(super) struct NameLists {
    pub tenants: Vec<Box<str>>,
    pub classes: Vec<Box<str>>,
}

impl NameLists {
    pub(super) fn tenant(&self, place: u32) -> Option<&str> {
        self.tenants.get(place as usize).map(AsRef::as_ref)
    }

    pub(super) fn class(&self, place: u16) -> Option<&str> {
        self.classes.get(usize::from(place)).map(AsRef::as_ref)
    }
}

/// So many accounts are at hand while rows are added: few enough for the processor's nearest caches (and so few
/// in tests that all of this happens).
const RECENT: usize = if cfg!(test) { 8 } else { 1024 };

/// Accounts put away are added together when so many more have come.
const MERGE_EVERY: usize = if cfg!(test) { 64 } else { 1 << 18 };

/// Those of sorted rows hardly come twice: so many are kept before they are looked through for such.
const KEPT_MAX: usize = if cfg!(test) { 64 } else { 1 << 20 };

/// Accounts being added up.
///
/// Rows mostly belong to an account that a row shortly before belonged to, above all when they are sorted. So a
/// few accounts are at hand in a small table; one that has to make room is put away in a list, and the same
/// account may be there several times. Now and then the list is sorted and its like are added together. (One
/// large hash table costs a cache miss for every row, and that is several times the time.) Accounts that frames carry
/// are far fewer than rows, and in no order: they have that table. Rows in the order of a segment need none at all
/// (`sorted`).
#[derive(Debug, Default)]
pub struct Accumulator {
    recent: Vec<(Key, Counts)>,
    away: Vec<(Key, Counts)>,
    /// Those that frames and files carried.
    carried: Tally,
    /// How many were left in `away` when it was last merged.
    merged: usize,
    state: RandomState,
    tenants: Interned<Box<str>>,
    pub(super) classes: Interned<Box<str>>,
    pub(super) exporters: Interned<Addr>,
    pub(super) bins: Interned<i64>,
}

/// What places in somebody's names are here.
pub(super) struct Named<'a> {
    names: &'a [Box<str>],
    /// As places of tenants, which most names are.
    pub tenants: Vec<u32>,
    /// As places of classes, once one was met; [`UNCLASSED`] where it was not.
    classes: Vec<u16>,
}

impl Named<'_> {
    /// A class by its place in the names.
    #[inline]
    pub(super) fn class(&mut self, place: u32, known: &mut Interned<Box<str>>) -> u16 {
        match self.classes.get(place as usize) {
            Some(class) if *class != UNCLASSED => *class,
            _ => self.meet(place, known),
        }
    }

    #[cold]
    fn meet(&mut self, place: u32, known: &mut Interned<Box<str>>) -> u16 {
        self.classes.resize(self.names.len(), UNCLASSED);
        let class = self.names.get(place as usize).map_or(UNCLASSED, |name| short(known.place(name)));
        if let Some(slot) = self.classes.get_mut(place as usize) {
            *slot = class;
        }
        class
    }
}

/// A place among the classes, of which there are few.
fn short(place: u32) -> u16 {
    u16::try_from(place).unwrap_or(UNCLASSED)
}

impl Accumulator {
    /// No accounts yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there are no accounts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.away.is_empty() && self.carried.accounts.is_empty() && self.at_hand().next().is_none()
    }

    /// Adds the rows of a batch, of which at least [`COLUMNS`](super::COLUMNS) are loaded.
    pub fn add(&mut self, batch: &Batch) {
        self.add_some(batch, |_| true);
    }

    /// Of the accounts that rows add to, those of no tenant: transit and the like, and all that was decoded.
    pub(super) fn add_nobodys(&mut self, batch: &Batch) {
        self.add_some(batch, |kind| !kind.has_tenant());
    }

    fn add_some(&mut self, batch: &Batch, is_wanted: impl Fn(Kind) -> bool) {
        let view = View::new(batch);
        let mut named = self.named(batch.names());
        for (row, mask, exporter) in view.rows() {
            let (side, mirror) = view.sides(row, mask);
            let amounts = view.amounts(row, mask);
            let exporter = self.exporters.place(exporter);
            for side in [Some(side), mirror].into_iter().flatten().filter(|side| is_wanted(side.kind)) {
                self.add_row(&amounts, exporter, side, &mut named);
            }
        }
        view.decoded(|bin, exporter, counts| {
            let (bin, exporter) = (self.bins.place(&bin), self.exporters.place(exporter));
            let kind = Kind::Decoded as u8;
            self.add_to(
                Key { host: 0, bin, exporter, tenant: NOBODY, class: UNCLASSED, kind, has_host: false },
                counts,
            );
        });
    }

    /// What the places of these names are here.
    pub(super) fn named<'a>(&mut self, names: &'a [Box<str>]) -> Named<'a> {
        let tenants = names.iter().map(|name| self.tenants.place(name)).collect();
        Named { names, tenants, classes: Vec::new() }
    }

    #[inline]
    fn add_row(&mut self, amounts: &Amounts, exporter: u32, side: Side, named: &mut Named<'_>) {
        let has_host = side.host.is_some();
        let host = side.host.unwrap_or_default().bits();
        let tenant = named.tenants.get(side.tenant as usize).copied().unwrap_or(NOBODY);
        let class = if side.class == NOBODY { UNCLASSED } else { named.class(side.class, &mut self.classes) };
        amounts.spread(|bin, counts| {
            let bin = self.bins.place(&bin);
            self.add_to(Key { host, bin, exporter, tenant, class, kind: side.kind as u8, has_host }, counts);
        });
    }

    /// Adds the accounts that a frame carries.
    pub(crate) fn merge(&mut self, accounts: Accounts<'_>) {
        self.merge_some(accounts, |_| true);
    }

    /// Of the accounts that a frame carries, those of no tenant: transit and the like, and all that was decoded.
    pub(super) fn merge_nobodys(&mut self, accounts: Accounts<'_>) {
        self.merge_some(accounts, |kind| !kind.has_tenant());
    }

    fn merge_some(&mut self, accounts: Accounts<'_>, is_wanted: impl Fn(Kind) -> bool) {
        let mut named = self.named(accounts.names);
        let exporters: Vec<u32> = accounts.exporters.iter().map(|e| self.exporters.place(e)).collect();
        let bins: Vec<u32> = accounts.bins.iter().map(|bin| self.bins.place(bin)).collect();
        let place = |places: &[u32], at: u32| places.get(at as usize).copied().unwrap_or(NOBODY);
        accounts.for_each(|entry| {
            if !is_wanted(entry.kind) {
                return;
            }
            let key = Key {
                host: entry.host.unwrap_or_default().bits(),
                bin: place(&bins, entry.bin),
                exporter: place(&exporters, entry.exporter),
                tenant: entry.tenant.map_or(NOBODY, |at| place(&named.tenants, at)),
                class: entry.class.map_or(UNCLASSED, |at| named.class(at, &mut self.classes)),
                kind: entry.kind as u8,
                has_host: entry.host.is_some(),
            };
            self.carried.add(key, entry.counts);
        });
    }

    /// How many accounts were carried here.
    pub(crate) fn carried_rows(&self) -> u64 {
        self.carried.accounts.len() as u64
    }

    /// Adds an account of a file.
    pub(crate) fn carry(&mut self, row: &BinRow<'_>) {
        let key = Key {
            host: row.host.unwrap_or_default().bits(),
            bin: self.bins.place(&row.bin),
            exporter: self.exporters.place(&row.exporter),
            tenant: row.tenant.map_or(NOBODY, |tenant| self.tenants.place_of(tenant)),
            class: row.class.map_or(UNCLASSED, |class| short(self.classes.place_of(class))),
            kind: row.kind as u8,
            has_host: row.host.is_some(),
        };
        self.carried.add(key, row.counts);
    }

    #[inline]
    pub(super) fn add_to(&mut self, key: Key, counts: Counts) {
        if self.recent.is_empty() {
            self.recent.resize(RECENT, Default::default());
        }
        let place = usize::try_from(key.mix(&self.state) % RECENT as u64).unwrap_or_default();
        let Some(slot) = self.recent.get_mut(place) else { return };
        let sum = if slot.0 == key { slot.1.checked_add(counts) } else { None };
        if let Some(sum) = sum {
            slot.1 = sum;
            return;
        }
        let before = std::mem::replace(slot, (key, counts));
        if before.1 != Counts::default() {
            self.put_away(before);
        }
    }

    /// Puts accounts away that are not expected to come again.
    pub(super) fn keep(&mut self, accounts: &mut Vec<(Key, Counts)>) {
        for account in accounts.drain(..).filter(|(_, counts)| *counts != Counts::default()) {
            if self.away.len() < KEPT_MAX {
                self.away.push(account);
            } else {
                self.put_away(account);
            }
        }
    }

    fn put_away(&mut self, account: (Key, Counts)) {
        self.away.push(account);
        if self.away.len() >= 2 * self.merged + MERGE_EVERY {
            self.away.sort_unstable_by_key(|(key, counts)| (*key, counts.octets, counts.packets));
            merge(&mut self.away);
            self.merged = self.away.len();
        }
    }

    /// The accounts at hand; an empty slot counts nothing.
    fn at_hand(&self) -> impl Iterator<Item = &(Key, Counts)> {
        self.recent.iter().filter(|(_, counts)| *counts != Counts::default())
    }

    /// Forgets accounts of bins that do not begin in the range.
    pub fn retain(&mut self, range: &std::ops::Range<i64>) {
        let inside: Vec<bool> = self.bins.values.iter().map(|bin| range.contains(bin)).collect();
        let inside = |key: &Key| inside.get(key.bin as usize).copied().unwrap_or(false);
        self.recent.iter_mut().filter(|(key, _)| !inside(key)).for_each(|slot| *slot = Default::default());
        let carried = self.carried.take();
        self.away.extend(carried);
        self.away.retain(|(key, _)| inside(key));
    }

    /// Calls `f` with every account, in the order of files: kind, tenant, host, class, bin, exporter.
    pub fn for_each(&self, mut f: impl FnMut(&BinRow<'_>)) {
        self.each(|names, account, counts| {
            let Account { bin, exporter, kind, tenant, host, class } = account;
            let (tenant, class) = (names.tenant(tenant), names.class(class));
            f(&BinRow { bin, exporter, kind, tenant, host, class, counts });
        });
    }

    /// Calls `f` with the accounts that frames carried ([`Accumulator::merge`]), in no order.
    pub(crate) fn for_each_carried(&self, f: &mut dyn FnMut(&BinRow<'_>)) {
        for (key, counts) in &self.carried.accounts {
            let values =
                (self.bins.values.get(key.bin as usize), self.exporters.values.get(key.exporter as usize));
            let ((Some(bin), Some(exporter)), Some(kind)) = (values, Kind::from_code(key.kind)) else {
                continue;
            };
            let tenant = self.tenants.values.get(key.tenant as usize).map(|name| &**name);
            let host = key.has_host.then(|| Addr::from_bits(key.host));
            let class = self.classes.values.get(usize::from(key.class)).map(|name| &**name);
            f(&BinRow { bin: *bin, exporter: *exporter, kind, tenant, host, class, counts: *counts });
        }
    }

    /// Calls `f` with the names in their order and every account, in the order of files; returns the names.
    pub(super) fn each(&self, mut f: impl FnMut(&NameLists, Account, Counts)) -> NameLists {
        let (tenant_ranks, tenants) = self.tenants.ranks();
        let (class_ranks, classes) = self.classes.ranks();
        let names = NameLists { tenants, classes };
        let (bin_ranks, bins) = self.bins.ranks();
        let (exporter_ranks, exporters) = self.exporters.ranks();
        let ranks =
            Ranks { tenants: tenant_ranks, classes: class_ranks, bins: bin_ranks, exporters: exporter_ranks };
        let rows: Vec<&(Key, Counts)> =
            self.away.iter().chain(&self.carried.accounts).chain(self.at_hand()).collect();
        in_order(&rows, &ranks, |key, counts| {
            let (bin, exporter) = (bins.get(key.bin as usize), exporters.get(key.exporter as usize));
            if let ((Some(bin), Some(exporter)), Some(kind)) = ((bin, exporter), Kind::from_code(key.kind)) {
                let host = key.has_host.then(|| Addr::from_bits(key.host));
                let (bin, exporter, Key { tenant, class, .. }) = (*bin, *exporter, *key);
                f(&names, Account { bin, exporter, kind, tenant, host, class }, counts);
            }
        });
        names
    }
}
