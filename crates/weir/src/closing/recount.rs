//! What tenants used in a span, counted again: from the accounts, or from the records themselves.

use super::figure::{Amounts, Classes, Figures, Used, way};
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::statement::{Blank, Charged, SLOT_MS, unclassed};
use std::collections::BTreeMap;
use std::ops::Range;
use weir_account::class::OTHER;
use weir_account::shared::Part;
use weir_account::tariff::{Bill, Meter, Tariff, Volume};
use weir_account::usage::Kind;
use weir_account::{Overflow, Period, Pool, Sums, Zone};
use weir_store::Snapshot;
use weir_store::bins::BinRow;

/// A span in a zone: a period, or one that was closed under another configuration.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) zone: Zone,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

impl From<&Period> for Span {
    fn from(period: &Period) -> Self {
        Self { zone: period.zone().clone(), from_ms: period.from_ms(), to_ms: period.to_ms() }
    }
}

impl Span {
    pub(crate) fn range(&self) -> Range<i64> {
        self.from_ms..self.to_ms
    }
}

/// Where figures are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The accounts of five minutes, which were made when the records came.
    Accounts,
    /// The records themselves.
    Records,
}

impl Origin {
    /// Its word in answers.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Records => "records",
        }
    }

    /// The best that a store still has of a span; `None` if it has not all of it.
    pub(crate) fn best(snapshot: &Snapshot, span: &Span) -> Option<Self> {
        // With the accounts the counts go that say which hours were heard: records alone do not tell those.
        if snapshot.whole_from() <= span.from_ms {
            return Some(Self::Records);
        }
        snapshot.accounts_before().is_none_or(|before| before <= span.from_ms).then_some(Self::Accounts)
    }
}

/// What all tenants used in a span.
#[derive(Debug)]
pub(crate) struct Recount {
    span: Span,
    tenants: BTreeMap<String, Counted>,
    blank: Blank,
    /// What meters call traffic without a class.
    unclassed: &'static str,
    /// Octets, packets and flows of everything that was decoded.
    pub(crate) decoded: [i128; 3],
}

/// What one tenant used.
#[derive(Debug, Default)]
struct Counted {
    used: Used,
    /// What came in and went out of each class that there is any of.
    classes: Classes,
    /// By class (empty for none) and five minutes, where the tariff asks for that.
    slots: Option<BTreeMap<String, BTreeMap<i64, Volume>>>,
    /// Octets that the tariff charges beside those of each packet.
    overhead: u64,
}

impl Recount {
    /// Counts.
    ///
    /// # Errors
    /// A file of the store cannot be read, or a sum does not fit.
    pub(crate) fn of(
        config: &Config,
        snapshot: &Snapshot,
        span: &Span,
        charged: &Charged<'_>,
        from: Origin,
    ) -> Outcome<Self> {
        let mut recount = Self::blank(config, snapshot, span, charged)?;
        recount.count(Pool::new(&config.tenants), |add| match from {
            Origin::Accounts => snapshot.tenants(span.range(), add),
            Origin::Records => snapshot.recompute_bins(span.range()).map(|bins| bins.for_each(add)),
        })?;
        Ok(recount)
    }

    /// Before anything is counted.
    fn blank(config: &Config, snapshot: &Snapshot, span: &Span, charged: &Charged<'_>) -> Outcome<Self> {
        let blank = Blank::of(&config.tenants, snapshot, &span.range(), &span.zone, charged)?;
        let slots = |tariff: &&Tariff| tariff.is_by_slot().then(BTreeMap::new);
        let by_slot = charged.iter().map(|(tenant, tariff)| {
            let overhead = tariff.overhead.into();
            ((*tenant).to_owned(), Counted { slots: slots(tariff), overhead, ..Counted::default() })
        });
        Ok(Self {
            span: span.clone(),
            tenants: by_slot.collect(),
            blank,
            unclassed: unclassed(config),
            decoded: [0; 3],
        })
    }

    /// Counts what one tenant used, from its accounts and those of the shared addresses that it is behind.
    ///
    /// # Errors
    /// As [`Recount::of`].
    pub(crate) fn of_one(
        config: &Config,
        snapshot: &Snapshot,
        span: &Span,
        charged: &Charged<'_>,
        tenant: &str,
    ) -> Outcome<Self> {
        let mut recount = Self::blank(config, snapshot, span, charged)?;
        let pool = Pool::behind(&config.tenants, &[tenant]);
        let shared: Vec<String> = pool.names().map(str::to_owned).collect();
        let names: Vec<&str> = std::iter::once(tenant).chain(shared.iter().map(String::as_str)).collect();
        recount.count(pool, |add| snapshot.tenants_of(span.range(), &names, add))?;
        Ok(recount)
    }

    /// Adds all accounts that are read.
    fn count(
        &mut self,
        mut pool: Pool,
        read: impl FnOnce(&mut dyn FnMut(&BinRow<'_>)) -> Result<(), weir_store::Error>,
    ) -> Outcome {
        let mut result = Ok(());
        read(&mut |row| {
            if result.is_ok() {
                result = self.add(row, &mut pool);
            }
        })?;
        result?;
        Ok(pool.share_out(|part| {
            let Part { tenant, kind, class, start_ms, sums, .. } = part;
            self.put(tenant, kind, class, start_ms, sums)
        })?)
    }

    /// Adds an account; one of a shared address to what is shared out when all is there.
    fn add(&mut self, row: &BinRow<'_>, pool: &mut Pool) -> Result<(), Overflow> {
        let sums = Sums::new(row.counts.octets, row.counts.packets, row.counts.flows);
        let Some(kind) = Kind::by_name(row.kind.word()) else { return Ok(()) };
        if kind == Kind::Decoded {
            plus(&mut self.decoded, wide(sums));
        }
        let Some(tenant) = row.tenant.filter(|_| kind.has_tenant()) else { return Ok(()) };
        if pool.take(tenant, kind, row.class, row.bin, sums)? {
            return Ok(());
        }
        self.put(tenant, kind, row.class, row.bin, sums)
    }

    fn put(
        &mut self,
        tenant: &str,
        kind: Kind,
        class: Option<&str>,
        bin: i64,
        sums: Sums,
    ) -> Result<(), Overflow> {
        let Some(way) = way(kind) else { return Ok(()) };
        let counted = match self.tenants.get_mut(tenant) {
            Some(counted) => counted,
            None => self.tenants.entry(tenant.to_owned()).or_default(),
        };
        if let Some(used) = counted.used.get_mut(way) {
            plus(used, wide(sums));
        }
        if matches!(kind, Kind::In | Kind::Out) {
            counted.add(way, class, bin, sums)?;
        }
        Ok(())
    }

    /// Whom there is traffic of, and who pays.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = &str> {
        self.tenants.keys().map(String::as_str)
    }

    /// Whether a tenant has any traffic.
    pub(crate) fn has(&self, tenant: &str) -> bool {
        self.tenants.get(tenant).is_some_and(|counted| counted.used != Used::default())
    }

    /// A tenant's figures; with this tariff, if any.
    ///
    /// # Errors
    /// The tariff cannot be applied, or a sum does not fit.
    pub(crate) fn figures(&self, tenant: &str, tariff: Option<&Tariff>) -> Outcome<Figures> {
        let counted = self.tenants.get(tenant);
        let used = counted.map_or_else(Used::default, |counted| counted.used);
        let classes = counted.map(Counted::classes).unwrap_or_default();
        let bill = tariff.map(|tariff| Ok::<_, Failure>(Amounts::of(tariff, &self.bill(tenant, tariff)?)));
        Ok(Figures { used, classes, bill: bill.transpose()? })
    }

    /// The bill of a tenant, line by line.
    ///
    /// # Errors
    /// As [`Recount::figures`].
    pub(crate) fn bill(&self, tenant: &str, tariff: &Tariff) -> Outcome<Bill> {
        let nothing = Counted::default();
        let counted = self.tenants.get(tenant).unwrap_or(&nothing);
        let meter = self.meter(tenant, counted, tariff)?;
        tariff.rate(&meter).map_err(|error| Failure::new(format!("{tenant}: {error}")))
    }

    fn meter(&self, tenant: &str, counted: &Counted, tariff: &Tariff) -> Outcome<Meter> {
        let mut meter = self.blank.meter(tenant, tariff);
        let named = |class: &str| if class.is_empty() { self.unclassed } else { class }.to_owned();
        if let Some(slots) = &counted.slots {
            for (class, slots) in slots {
                for (start_ms, volume) in slots {
                    meter.add(&named(class), *start_ms, *volume)?;
                }
            }
            return Ok(meter);
        }
        // It does not matter when.
        let charged = |[octets, packets, _]: [i128; 3]| {
            let sum = octets + packets * i128::from(counted.overhead);
            u64::try_from(sum).map_err(|_| Overflow)
        };
        let rest = ("", counted.unclassed());
        let all = counted.classes.iter().map(|(class, sums)| (class.as_str(), *sums)).chain([rest]);
        for (class, [came, went]) in all {
            let volume = Volume { came: charged(came)?, went: charged(went)? };
            if !volume.is_zero() {
                meter.add(&named(class), self.span.from_ms, volume)?;
            }
        }
        Ok(meter)
    }
}

impl Counted {
    /// Adds to class and slot what came in or went out.
    fn add(&mut self, way: usize, class: Option<&str>, bin: i64, sums: Sums) -> Result<(), Overflow> {
        if let Some(class) = class {
            if !self.classes.contains_key(class) {
                self.classes.insert(class.to_owned(), Default::default());
            }
            if let Some(of_class) = self.classes.get_mut(class).and_then(|ways| ways.get_mut(way)) {
                plus(of_class, wide(sums));
            }
        }
        let Some(slots) = &mut self.slots else { return Ok(()) };
        let class = class.unwrap_or_default();
        if !slots.contains_key(class) {
            slots.insert(class.to_owned(), BTreeMap::new());
        }
        let Some(slots) = slots.get_mut(class) else { return Ok(()) };
        let slot = slots.entry(bin.div_euclid(SLOT_MS).saturating_mul(SLOT_MS)).or_default();
        let figure = if way == 0 { &mut slot.came } else { &mut slot.went };
        let around = sums.packets.checked_mul(self.overhead).ok_or(Overflow)?;
        let more = sums.octets.checked_add(around);
        *figure = more.and_then(|more| figure.checked_add(more)).ok_or(Overflow)?;
        Ok(())
    }

    /// What came in and went out of no class: from before there were any.
    fn unclassed(&self) -> [[i128; 3]; 2] {
        let [came, went, ..] = self.used;
        let mut rest = [came, went];
        for of_class in self.classes.values() {
            for (rest, sums) in rest.as_flattened_mut().iter_mut().zip(of_class.as_flattened()) {
                *rest -= sums;
            }
        }
        rest
    }

    /// By class, as statements have it: where there are classes, what is of none is of the last resort.
    fn classes(&self) -> Classes {
        let mut classes = self.classes.clone();
        let rest = self.unclassed();
        if !classes.is_empty() && rest != [[0; 3]; 2] {
            let other = classes.entry(OTHER.to_owned()).or_default();
            other.iter_mut().zip(rest).for_each(|(sums, more)| plus(sums, more));
        }
        classes
    }
}

fn wide(sums: Sums) -> [i128; 3] {
    [sums.octets, sums.packets, sums.flows].map(i128::from)
}

fn plus(sums: &mut [i128; 3], more: [i128; 3]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.saturating_add(more));
}
