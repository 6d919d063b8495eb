//! What tenants used in a span, counted again: from the accounts, or from the records themselves.

use super::figure::{Amounts, Figures, Used, way};
use crate::exit::{Failure, Outcome};
use crate::statement::{ALL, Blank, Charged, SLOT_MS};
use std::collections::BTreeMap;
use std::ops::Range;
use weir_account::tariff::{Bill, Meter, Tariff, Volume};
use weir_account::usage::Kind;
use weir_account::{Overflow, Period, Tenants, Zone};
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
        let has = |before: Option<i64>| before.is_none_or(|before| before <= span.from_ms);
        if has(snapshot.retired_before()) {
            return Some(Self::Records);
        }
        has(snapshot.accounts_before()).then_some(Self::Accounts)
    }
}

/// What all tenants used in a span.
#[derive(Debug)]
pub(crate) struct Recount {
    span: Span,
    tenants: BTreeMap<String, Counted>,
    /// When those who pay were there, who were not always.
    presence: BTreeMap<String, Range<i64>>,
    blank: Blank,
    /// Octets, packets and flows of everything that was decoded.
    pub(crate) decoded: [i128; 3],
}

/// What one tenant used.
#[derive(Debug, Default)]
struct Counted {
    used: Used,
    /// By five minutes, where the tariff asks for that.
    slots: Option<BTreeMap<i64, Volume>>,
}

impl Recount {
    /// Counts.
    ///
    /// # Errors
    /// A file of the store cannot be read, or a sum does not fit.
    pub(crate) fn of(
        snapshot: &Snapshot,
        span: &Span,
        (charged, tenants): (&Charged<'_>, &Tenants),
        from: Origin,
    ) -> Outcome<Self> {
        let blank = Blank::of(snapshot, &span.range(), &span.zone, charged)?;
        let slots = |tariff: &&Tariff| tariff.is_by_slot().then(BTreeMap::new);
        let by_slot = charged.iter().map(|(tenant, tariff)| {
            ((*tenant).to_owned(), Counted { slots: slots(tariff), ..Counted::default() })
        });
        let dated = charged.keys().map(|tenant| (*tenant, tenants.presence(tenant)));
        let dated = dated.filter(|(_, presence)| *presence != weir_account::Span::default());
        let presence = dated.map(|(tenant, presence)| (tenant.to_owned(), presence.range())).collect();
        let mut recount =
            Self { span: span.clone(), tenants: by_slot.collect(), presence, blank, decoded: [0; 3] };
        let mut result = Ok(());
        let mut add = |row: &BinRow<'_>| {
            if result.is_ok() {
                result = recount.add(row);
            }
        };
        match from {
            Origin::Accounts => snapshot.tenants(span.range(), add)?,
            Origin::Records => snapshot.recompute_bins(span.range())?.for_each(&mut add),
        }
        result?;
        Ok(recount)
    }

    fn add(&mut self, row: &BinRow<'_>) -> Result<(), Overflow> {
        let c = row.counts;
        let sums = [c.octets, c.packets, c.flows].map(i128::from);
        let kind = Kind::by_name(row.kind.word());
        if kind == Some(Kind::Decoded) {
            plus(&mut self.decoded, sums);
        }
        let (Some(way), Some(tenant)) = (kind.and_then(way), row.tenant) else { return Ok(()) };
        let counted = match self.tenants.get_mut(tenant) {
            Some(counted) => counted,
            None => self.tenants.entry(tenant.to_owned()).or_default(),
        };
        if let Some(used) = counted.used.get_mut(way) {
            plus(used, sums);
        }
        if let (Some(slots), Some(Kind::In | Kind::Out)) = (&mut counted.slots, kind) {
            let slot = slots.entry(row.bin.div_euclid(SLOT_MS).saturating_mul(SLOT_MS)).or_default();
            let figure = if kind == Some(Kind::In) { &mut slot.came } else { &mut slot.went };
            *figure = figure.checked_add(c.octets).ok_or(Overflow)?;
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
        let used = self.tenants.get(tenant).map_or_else(Used::default, |counted| counted.used);
        let bill = tariff.map(|tariff| Ok::<_, Failure>(Amounts::of(tariff, &self.bill(tenant, tariff)?)));
        Ok(Figures { used, bill: bill.transpose()? })
    }

    /// The bill of a tenant, line by line.
    ///
    /// # Errors
    /// As [`Recount::figures`].
    pub(crate) fn bill(&self, tenant: &str, tariff: &Tariff) -> Outcome<Bill> {
        let nothing = Counted::default();
        let mut meter = self.meter(self.tenants.get(tenant).unwrap_or(&nothing), tariff)?;
        if let Some(there) = self.presence.get(tenant) {
            meter = meter.active(there.start, there.end);
        }
        tariff.rate(&meter).map_err(|error| Failure::new(format!("{tenant}: {error}")))
    }

    fn meter(&self, counted: &Counted, tariff: &Tariff) -> Outcome<Meter> {
        let mut meter = self.blank.meter(tariff);
        let Some(slots) = &counted.slots else {
            // It does not matter when.
            let octets = |way: usize| {
                let octets = counted.used.get(way).and_then(|sums| sums.first()).copied().unwrap_or_default();
                u64::try_from(octets).map_err(|_| Overflow)
            };
            let volume = Volume { came: octets(0)?, went: octets(1)? };
            if !volume.is_zero() {
                meter.add(ALL, self.span.from_ms, volume)?;
            }
            return Ok(meter);
        };
        for (start_ms, volume) in slots {
            meter.add(ALL, *start_ms, *volume)?;
        }
        Ok(meter)
    }
}

fn plus(sums: &mut [i128; 3], more: [i128; 3]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.saturating_add(more));
}
