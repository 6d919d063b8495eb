//! Who pays by which tariff, and what their meters begin with: the same for statements, for `weir rate` and for what is
//! counted again.

use crate::config::Config;
use crate::exit::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use weir_account::class::OTHER;
use weir_account::tariff::{Meter, Tariff};
use weir_account::{Span, Tenants, Zone};
use weir_flow::Addr;
use weir_store::Snapshot;

const HOUR_MS: i64 = 3_600_000;
/// Length of a slot of meters, ms.
pub(crate) const SLOT_MS: i64 = 300_000;
/// The class of all traffic with the outside, until there are classes.
pub(crate) const ALL: &str = "all";

/// What a meter calls traffic that was given no class: where there are classes, records from before there were.
pub(crate) fn unclassed(config: &Config) -> &'static str {
    if config.classes.is_empty() { ALL } else { OTHER }
}

/// Tenants and the tariffs that they pay by.
pub(crate) type Charged<'a> = BTreeMap<&'a str, &'a Tariff>;

/// Who pays by what, of a configuration.
pub(crate) fn charged(config: &Config) -> Charged<'_> {
    let names = config.tenants.iter().map(|tenant| tenant.name.as_str());
    names.filter(|name| config.is_here(name)).filter_map(|name| Some((name, tariff(config, name)?))).collect()
}

/// The tariff of a tenant, if it has one.
pub(crate) fn tariff<'a>(config: &'a Config, tenant: &str) -> Option<&'a Tariff> {
    let name = config.tenants.get(tenant)?.tariff.as_ref()?;
    config.tariffs.iter().find(|tariff| tariff.name == *name)
}

/// Meters of a span before anything is metered: what they know of its slots.
#[derive(Clone, Debug)]
pub(crate) struct Blank {
    empty: Meter,
    /// With the slots of hours in which nothing was heard: nobody knows what there was.
    watched: Option<Meter>,
    /// When those who pay were there, who were not always.
    presence: BTreeMap<String, Range<i64>>,
}

impl Blank {
    /// Of a span in a zone. Which hours were heard is looked for only if any of the tariffs asks for slots.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn of(
        tenants: &Tenants,
        snapshot: &Snapshot,
        range: &Range<i64>,
        zone: &Zone,
        charged: &Charged<'_>,
    ) -> Outcome<Self> {
        let empty = Meter::new(zone, range.start, range.end);
        let dated = charged.keys().map(|tenant| (*tenant, tenants.presence(tenant)));
        let dated = dated.filter(|(_, presence)| *presence != Span::default());
        let presence = dated.map(|(tenant, presence)| (tenant.to_owned(), presence.range())).collect();
        if !charged.values().any(|tariff| tariff.is_by_slot()) {
            return Ok(Self { empty, watched: None, presence });
        }
        let watched = watched(snapshot, range, zone, |_| true)?;
        Ok(Self { empty, watched: Some(watched), presence })
    }

    /// A meter of a tenant for this tariff.
    pub(crate) fn meter(&self, tenant: &str, tariff: &Tariff) -> Meter {
        let watched = self.watched.as_ref().filter(|_| tariff.is_by_slot());
        let meter = watched.unwrap_or(&self.empty).clone();
        match self.presence.get(tenant) {
            Some(there) => meter.active(there.start, there.end),
            None => meter,
        }
    }
}

/// A meter of a span before anything is metered, that knows the slots of hours in which nothing was heard of these exporters:
/// nobody knows what there was.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn watched(
    snapshot: &Snapshot,
    range: &Range<i64>,
    zone: &Zone,
    is_asked: impl Fn(Addr) -> bool,
) -> Outcome<Meter> {
    let mut heard = BTreeSet::new();
    snapshot.health(range.clone(), |row| {
        if row.is_heard() && is_asked(row.exporter) {
            heard.insert(row.bin.div_euclid(HOUR_MS));
        }
    })?;
    let mut watched = Meter::new(zone, range.start, range.end);
    let mut slot = range.start;
    while slot < range.end {
        if !heard.contains(&slot.div_euclid(HOUR_MS)) {
            watched.miss(slot);
        }
        slot = slot.saturating_add(SLOT_MS);
    }
    Ok(watched)
}
