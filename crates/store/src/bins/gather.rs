//! The accounts of one batch, computed as it arrives: what its frame of the journal carries.

use super::interned::Interned;
use super::row::{Amounts, Side, View};
use super::tally::{Key, Tally};
use super::{Counts, Kind, NOBODY, UNCLASSED};
use weir_flow::{Addr, Batch};

/// A batch of more accounts than this (flows of weeks, each over thousands of bins) carries none: they are
/// computed from its rows when they are asked for.
const ACCOUNTS_MAX: usize = if cfg!(test) { 512 } else { 1 << 18 };

/// An account by the places of its bin, exporter, tenant and class in the lists of whoever holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub kind: Kind,
    pub bin: u32,
    pub exporter: u32,
    /// `None` of kinds that have none.
    pub tenant: Option<u32>,
    pub host: Option<Addr>,
    /// Among the same names as the tenant.
    pub class: Option<u32>,
    pub counts: Counts,
}

/// Adds up the accounts of one batch after the other. In a batch most rows belong to an account that another row
/// belongs to, in any order; the table is small enough for the processor's caches, and is used again.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    tally: Tally,
    /// What they add up to over hosts.
    folded: Tally,
    exporters: Interned<Addr>,
    bins: Interned<i64>,
    /// Classes, by their places in the batch's names.
    classes: Interned<u32>,
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
            if self.tally.accounts.len() > ACCOUNTS_MAX {
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
                class: UNCLASSED,
                kind: Kind::Decoded.code(),
                has_host: false,
            };
            self.tally.add(key, counts);
        });
        for (key, counts) in &self.tally.accounts {
            self.folded.add(Key { host: 0, has_host: false, ..*key }, *counts);
        }
        true
    }

    fn clear(&mut self) {
        self.tally.clear();
        self.folded.clear();
        self.exporters.clear();
        self.bins.clear();
        self.classes.clear();
    }

    #[inline]
    fn add_row(&mut self, amounts: &Amounts, exporter: u32, side: Side) {
        let Side { kind, tenant, host, class } = side;
        let class = self.classes.short(class);
        let has_host = host.is_some();
        let host = host.unwrap_or_default().bits();
        amounts.spread(|bin, counts| {
            let bin = self.bins.place(&bin);
            self.tally.add(Key { host, bin, exporter, tenant, class, kind: kind.code(), has_host }, counts);
        });
    }

    /// The bins that accounts name by place: their starts, ms since 1970.
    pub(crate) fn bins(&self) -> &[i64] {
        &self.bins.values
    }

    /// The exporters that accounts name by place.
    pub(crate) fn exporters(&self) -> &[Addr] {
        &self.exporters.values
    }

    /// Whether any account has a class.
    pub(crate) fn has_classes(&self) -> bool {
        !self.classes.values.is_empty()
    }

    /// The accounts; tenants and classes are places in the batch's names. An account of nothing at all is left out.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.of(&self.tally)
    }

    /// What they add up to over hosts.
    pub(crate) fn folded(&self) -> impl Iterator<Item = Entry> {
        self.of(&self.folded)
    }

    fn of<'a>(&'a self, tally: &'a Tally) -> impl Iterator<Item = Entry> + use<'a> {
        let accounts = tally.accounts.iter().filter(|(_, counts)| *counts != Counts::default());
        accounts.filter_map(|(key, counts)| {
            Some(Entry {
                kind: Kind::from_code(key.kind)?,
                bin: key.bin,
                exporter: key.exporter,
                tenant: (key.tenant != NOBODY).then_some(key.tenant),
                host: key.has_host.then(|| Addr::from_bits(key.host)),
                class: self.classes.values.get(usize::from(key.class)).copied(),
                counts: *counts,
            })
        })
    }
}
