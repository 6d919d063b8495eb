//! The accounts of one batch, added up over hosts, computed as it arrives: what its frame of the journal carries.
//!
//! Those of hosts are nearly as many as rows, so nobody would gain by them: who asks for hosts reads the rows, and a seal
//! has them sorted by host (`sorted`).

use super::interned::Interned;
use super::row::{Amounts, Side, View};
use super::tally::{Key, Tally};
use super::{Counts, Kind, NOBODY, UNCLASSED};
use weir_flow::{Addr, Batch};

/// A batch of more accounts than this (flows of weeks, each over thousands of bins) carries none: they are
/// computed from its rows when they are asked for.
const ACCOUNTS_MAX: usize = if cfg!(test) { 512 } else { 1 << 18 };

/// Rows mostly add to one of few accounts: so many places are remembered, by some of their keys' bits.
const LATELY: usize = 1024;

/// Sums of all that was decoded, by some of their keys' bits: so many bins or exporters may take turns.
const DECODED: usize = 4;

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

/// Adds up the accounts of one batch after the other, in memory that is used again.
#[derive(Debug)]
pub(crate) struct Gather {
    tally: Tally,
    /// Places of accounts that rows added to lately. One may be of another account, and is then not used.
    lately: [u32; LATELY],
    exporters: Interned<Addr>,
    bins: Interned<i64>,
    /// Classes, by their places in the batch's names.
    classes: Interned<u32>,
}

impl Default for Gather {
    fn default() -> Self {
        let (tally, exporters) = (Tally::default(), Interned::default());
        Self {
            tally,
            lately: [0; LATELY],
            exporters,
            bins: Interned::default(),
            classes: Interned::default(),
        }
    }
}

impl Gather {
    /// Takes the accounts of this batch in place of those of the one before. False if they are too many: then
    /// there are none.
    pub(crate) fn take(&mut self, batch: &Batch) -> bool {
        self.clear();
        let view = View::new(batch);
        let mut decoded: [Option<(u32, u32, Counts)>; DECODED] = [None; DECODED];
        for (row, mask, exporter) in view.rows() {
            let amounts = view.amounts(row, mask);
            let exporter = self.exporters.place(exporter);
            let (side, mirror) = view.sides(row, mask);
            let named = (side.tenant, self.classes.short(side.class));
            amounts.spread(|bin, counts| {
                let bin = self.bins.bin(bin);
                self.add(bin, exporter, side.kind, named, counts);
                // Rows near each other mostly share exporter and bin, or one of few.
                let Some(decoded) = decoded.get_mut((bin ^ exporter) as usize % DECODED) else { return };
                let before = decoded.filter(|(b, e, _)| (*b, *e) == (bin, exporter));
                let sum = before.and_then(|(_, _, sum)| sum.checked_add(counts));
                if let (None, Some(before)) = (sum, *decoded) {
                    self.add_decoded(before);
                }
                *decoded = Some((bin, exporter, sum.unwrap_or(counts)));
            });
            if let Some(mirror) = mirror {
                self.add_row(&amounts, exporter, mirror);
            }
            if self.tally.accounts.len() > ACCOUNTS_MAX {
                self.clear();
                return false;
            }
        }
        decoded.into_iter().flatten().for_each(|last| self.add_decoded(last));
        true
    }

    fn add_decoded(&mut self, (bin, exporter, counts): (u32, u32, Counts)) {
        self.add(bin, exporter, Kind::Decoded, (NOBODY, UNCLASSED), counts);
    }

    fn clear(&mut self) {
        self.tally.clear();
        self.exporters.clear();
        self.bins.clear();
        self.classes.clear();
    }

    #[inline]
    fn add_row(&mut self, amounts: &Amounts, exporter: u32, side: Side) {
        let named = (side.tenant, self.classes.short(side.class));
        amounts.spread(|bin, counts| {
            let bin = self.bins.bin(bin);
            self.add(bin, exporter, side.kind, named, counts);
        });
    }

    #[inline]
    fn add(&mut self, bin: u32, exporter: u32, kind: Kind, (tenant, class): (u32, u16), counts: Counts) {
        let kind = kind.code();
        let key = Key { host: 0, bin, exporter, tenant, class, kind, has_host: false };
        let bits =
            tenant.wrapping_mul(8) ^ u32::from(kind) ^ bin.wrapping_mul(0x35) ^ exporter.wrapping_mul(0x6b);
        let Some(place) = self.lately.get_mut(bits as usize % LATELY) else { return };
        if !self.tally.add_at(*place, &key, counts) {
            *place = self.tally.add(key, counts);
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

    /// The accounts; tenants and classes are places in the batch's names. An account of nothing at all is left out.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        let accounts = self.tally.accounts.iter().filter(|(_, counts)| *counts != Counts::default());
        accounts.filter_map(|(key, counts)| {
            Some(Entry {
                kind: Kind::from_code(key.kind)?,
                bin: key.bin,
                exporter: key.exporter,
                tenant: (key.tenant != NOBODY).then_some(key.tenant),
                host: None,
                class: self.classes.values.get(usize::from(key.class)).copied(),
                counts: *counts,
            })
        })
    }
}
