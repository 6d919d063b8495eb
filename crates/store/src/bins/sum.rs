//! What accounts add up to over hosts and bins, across the files of a span.

use super::file::{read_sums, read_sums_of};
use super::interned::Interned;
use super::tally::{Key, Tally};
use super::{Counts, Kind, NOBODY, SumRow, UNCLASSED};
use crate::Error;
use crate::manifest::BinsFile;
use crate::source::Source;
use std::ops::Range;
use weir_flow::Addr;

/// Accounts of a span, being added up.
#[derive(Default)]
pub(crate) struct Sums {
    tally: Tally,
    tenants: Interned<Box<str>>,
    classes: Interned<Box<str>>,
    exporters: Interned<Addr>,
}

impl Sums {
    /// Adds what a file says of the range: what it adds up to, if all of it lies in there, else bin by bin.
    ///
    /// # Errors
    /// A file cannot be read, or is damaged.
    pub(crate) fn add_file(
        &mut self,
        source: impl Fn(&str) -> Source,
        entry: &BinsFile,
        range: &Range<i64>,
    ) -> Result<(), Error> {
        read_sums(source, entry, range, &mut |row| self.add(row))
    }

    /// The same, of which only the accounts of these tenants are told apart.
    ///
    /// # Errors
    /// As [`Sums::add_file`].
    pub(crate) fn add_file_of(
        &mut self,
        source: impl Fn(&str) -> Source,
        entry: &BinsFile,
        range: &Range<i64>,
        tenants: &[&str],
    ) -> Result<(), Error> {
        read_sums_of(source, entry, range, tenants, &mut |row| self.add(row))
    }

    /// Adds all of another.
    pub(crate) fn absorb(&mut self, other: &Self) {
        other.for_all(|row| self.add(row));
    }

    /// Adds an account.
    pub(crate) fn add(&mut self, row: &SumRow<'_>) {
        let tenant = row.tenant.map_or(NOBODY, |name| self.tenants.place_of(name));
        let class = row.class.map_or(UNCLASSED, |name| {
            // Of so many classes as there are not, the last would have none.
            u16::try_from(self.classes.place_of(name)).unwrap_or(UNCLASSED)
        });
        let exporter = self.exporters.place(&row.exporter);
        let kind = row.kind.code();
        self.tally.add(Key { host: 0, bin: 0, exporter, tenant, class, kind, has_host: false }, row.counts);
    }

    /// Calls `f` with every account but those of nothing at all, in no order.
    pub(crate) fn for_each(&self, mut f: impl FnMut(&SumRow<'_>)) {
        self.for_all(|row| {
            if row.counts != Counts::default() {
                f(row);
            }
        });
    }

    /// The same, with those of nothing at all.
    pub(crate) fn for_all(&self, mut f: impl FnMut(&SumRow<'_>)) {
        for (key, counts) in &self.tally.accounts {
            let Some(kind) = Kind::from_code(key.kind) else { continue };
            f(&SumRow {
                exporter: self.exporters.values.get(key.exporter as usize).copied().unwrap_or_default(),
                kind,
                tenant: self.tenants.values.get(key.tenant as usize).map(|name| &**name),
                class: self.classes.values.get(usize::from(key.class)).map(|name| &**name),
                counts: *counts,
            });
        }
    }
}
