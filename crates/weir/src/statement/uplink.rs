//! What went over an uplink in a period, whose it was, and what everybody pays of the provider's bill.
//!
//! Everything comes from the accounts, and all of it is on one grid of five-minute slots: a slot is known or not known for the
//! uplink and for all who used it. An uplink carries traffic with the outside; what tenants sent each other is not on it.
//!
//! What belongs to nobody is in the accounts by exporter, without a class and without a direction. So an uplink that is
//! told by exporters has it exactly where both directions count together; where one counts, or where classes say what the
//! uplink carries, it is not known how much of it there was, unless there was none at all ([`Nobody`]).

use super::account::{Account, Level, Wanted, counted, kind};
use super::{Charged, unclassed, watched};
use crate::cli::snapshot;
use crate::config::{Config, Cost, Uplink};
use crate::exit::Outcome;
use std::collections::BTreeMap;
use weir_account::money::{Currency, Money};
use weir_account::percentile::{Percentile, Reading, Slot};
use weir_account::split::{self, Key, Split, User};
use weir_account::tariff::{Bill, Charge, Direction, Meter, Tariff, Volume};
use weir_account::usage::Kind;
use weir_account::{Overflow, Period, Pool, Sums};
use weir_store::bins::BinRow;

/// Octets in and out by the first instant of a slot; only of slots that had any.
type Slots = BTreeMap<i64, (u64, u64)>;

/// An uplink in a period.
pub(crate) struct Used<'a> {
    pub(crate) uplink: &'a Uplink,
    /// What tenants had over it.
    pub(crate) tenants: Volume,
    /// What belongs to nobody.
    pub(crate) nobody: Nobody,
    /// What tenants sent each other, as the uplink's exporters saw it: it counts for nobody. Unknown by class.
    pub(crate) local: Option<u64>,
    /// How many slots the period has, and of how many nothing is known.
    pub(crate) slots: usize,
    pub(crate) missing: usize,
    /// The provider's tariff, if the bill is made by one.
    pub(crate) tariff: Option<&'a Tariff>,
    /// What everybody pays; or why the bill cannot be shared out.
    pub(crate) shared: Result<Shared, String>,
}

/// What there was on an uplink of traffic that belongs to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nobody {
    /// So many octets.
    Measured(u64),
    /// Nobody knows; at most so many octets, because accounts hold
    Unknown { at_most: u64, why: Why },
}

/// Why it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// no class of it.
    Class,
    /// no direction of it.
    Direction,
}

/// A bill that was shared out.
pub(crate) struct Shared {
    pub(crate) currency: Currency,
    pub(crate) amount: Money,
    /// How it comes about, if a tariff made it.
    pub(crate) bill: Option<Bill>,
    pub(crate) split: Split,
    /// What each tenant had in the period, in the order of the parts.
    pub(crate) volumes: Vec<Volume>,
    /// Which slots set the uplink's percentile, if the key has one.
    pub(crate) percentile: Option<Percentile>,
}

impl Shared {
    /// All weights that the bill was shared out by.
    pub(crate) fn weights(&self, uplink: &Uplink) -> u128 {
        let of_users = self.split.parts.iter().fold(0u128, |sum, part| sum.saturating_add(part.weight));
        match uplink.rest {
            split::Rest::Own => of_users.saturating_add(self.split.remainder_weight),
            split::Rest::Shared => of_users,
        }
    }
}

/// What everybody pays of all bills in a currency.
pub(crate) struct Total {
    pub(crate) currency: Currency,
    pub(crate) tenants: BTreeMap<String, Money>,
    pub(crate) remainder: Money,
    pub(crate) bills: Money,
}

/// What everybody pays of all bills that could be shared out, currency by currency.
///
/// # Errors
/// A sum does not fit.
pub(crate) fn totals(used: &[Used<'_>]) -> Outcome<Vec<Total>> {
    let mut totals: Vec<Total> = Vec::new();
    for shared in used.iter().filter_map(|used| used.shared.as_ref().ok()) {
        let known = totals.iter_mut().find(|total| total.currency == shared.currency);
        match known {
            Some(total) => total.add(shared)?,
            None => {
                let (tenants, remainder, bills) = (BTreeMap::new(), Money::ZERO, Money::ZERO);
                let mut total = Total { currency: shared.currency.clone(), tenants, remainder, bills };
                total.add(shared)?;
                totals.push(total);
            }
        }
    }
    Ok(totals)
}

impl Total {
    fn add(&mut self, shared: &Shared) -> Result<(), Overflow> {
        let plus = |sum: &mut Money, amount| {
            *sum = sum.plus(amount).ok_or(Overflow)?;
            Ok(())
        };
        for part in &shared.split.parts {
            plus(self.tenants.entry(part.name.clone()).or_default(), part.amount)?;
        }
        plus(&mut self.remainder, shared.split.remainder)?;
        plus(&mut self.bills, shared.amount)
    }
}

/// Shares the bills of these uplinks out; beside them everything else that the accounts say of the period.
///
/// # Errors
/// There is no store, it is damaged, or a sum does not fit. That one bill cannot be shared out is told with its uplink.
pub(crate) fn share_out<'a>(
    config: &'a Config,
    period: &Period,
    uplinks: &[&'a Uplink],
) -> Outcome<(Vec<Used<'a>>, Account)> {
    let range = period.from_ms()..period.to_ms();
    let snapshot = snapshot(config, Some(&range))?;
    let mut lines: Vec<Line<'a>> = Vec::new();
    for uplink in uplinks {
        // That another exporter was heard says nothing of what went over this uplink.
        let blank = watched(&snapshot, &range, period.zone(), |exporter| uplink.is_at(exporter))?;
        lines.push(Line::new(config, uplink, blank));
    }
    let wanted = Wanted {
        range: range.clone(),
        level: Level::Tenants,
        days: None,
        charged: Charged::new(),
        zone: period.zone(),
        of: None,
    };
    let account = Account::read_of(&snapshot, config, &wanted, |row| {
        lines.iter_mut().try_for_each(|line| line.add(row)).map_err(Into::into)
    })?;
    let there = config.payers().filter(|tenant| tenant.is_present(&range));
    let there: Vec<&str> = there.map(|tenant| tenant.name.as_str()).collect();
    let used = lines.into_iter().map(|line| line.finish(config, period, &there));
    Ok((used.collect::<Result<_, _>>()?, account))
}

/// What went over an uplink, while it is added up.
struct Line<'a> {
    uplink: &'a Uplink,
    tariff: Option<&'a Tariff>,
    unclassed: &'static str,
    /// What shared addresses had over it, until it is shared out.
    pool: Pool,
    tenants: BTreeMap<String, Slots>,
    /// What tenants had, by class, with what is known of slots.
    meter: Meter,
    /// Octets of nobody's by slot, of both directions: as charged for, and of IP.
    nobody: BTreeMap<i64, u64>,
    nobody_octets: u64,
    local: u64,
}

impl<'a> Line<'a> {
    fn new(config: &'a Config, uplink: &'a Uplink, meter: Meter) -> Self {
        let tariff = match &uplink.cost {
            Cost::Tariff(name) => config.tariffs.iter().find(|tariff| tariff.name == *name),
            Cost::Bills { .. } => None,
        };
        Self {
            uplink,
            tariff,
            unclassed: unclassed(config),
            pool: Pool::new(&config.tenants),
            tenants: BTreeMap::new(),
            meter,
            nobody: BTreeMap::new(),
            nobody_octets: 0,
            local: 0,
        }
    }

    fn add(&mut self, row: &BinRow<'_>) -> Result<(), Overflow> {
        let uplink = self.uplink;
        if !uplink.is_at(row.exporter) {
            return Ok(());
        }
        let (kind, sums) = (kind(row.kind), counted(&row.counts));
        match kind {
            Kind::In | Kind::Out => {
                let class = row.class.unwrap_or(self.unclassed);
                let is_on_it = uplink.classes.is_empty() || uplink.classes.iter().any(|one| one == class);
                // That each has a tenant is for the usage to say, which takes the same accounts.
                let Some(tenant) = row.tenant.filter(|_| is_on_it) else { return Ok(()) };
                if self.pool.take(tenant, kind, Some(class), row.bin, sums)? {
                    return Ok(());
                }
                self.put(tenant, kind, class, row.bin, sums)
            }
            Kind::LocalOut => add(&mut self.local, sums.octets),
            Kind::Transit | Kind::Unmatched => {
                add(&mut self.nobody_octets, sums.octets)?;
                let octets = self.charged(sums)?;
                add(self.nobody.entry(row.bin).or_default(), octets)
            }
            Kind::LocalIn | Kind::Duplicate | Kind::Decoded => Ok(()),
        }
    }

    /// The octets that are charged for: with what the provider's tariff has around each packet.
    fn charged(&self, sums: Sums) -> Result<u64, Overflow> {
        self.tariff.map_or(Ok(sums.octets), |tariff| tariff.octets(sums.octets, sums.packets))
    }

    fn put(&mut self, tenant: &str, kind: Kind, class: &str, bin: i64, sums: Sums) -> Result<(), Overflow> {
        let octets = self.charged(sums)?;
        let volume = if kind == Kind::In {
            Volume { came: octets, went: 0 }
        } else {
            Volume { came: 0, went: octets }
        };
        self.meter.add(class, bin, volume)?;
        let slots = match self.tenants.get_mut(tenant) {
            Some(slots) => slots,
            None => self.tenants.entry(tenant.to_owned()).or_default(),
        };
        let (came, went) = slots.entry(bin).or_default();
        add(came, volume.came)?;
        add(went, volume.went)
    }

    /// Gives the members of shared addresses their parts.
    fn share_out(&mut self) -> Result<(), Overflow> {
        let pool = std::mem::take(&mut self.pool);
        pool.share_out(|part| {
            self.put(part.tenant, part.kind, part.class.unwrap_or(self.unclassed), part.start_ms, part.sums)
        })
    }

    fn finish(mut self, config: &Config, period: &Period, there: &[&str]) -> Result<Used<'a>, Overflow> {
        self.share_out()?;
        for name in there {
            self.tenants.entry((*name).to_owned()).or_default();
        }
        let nobody = self.nobodys();
        let whole = self.with_nobody()?;
        let meter = if matches!(nobody, Nobody::Measured(_)) { &whole } else { &self.meter };
        let uplink = meter.slots(&[])?;
        Ok(Used {
            uplink: self.uplink,
            tenants: self.meter.volume(&[], None)?,
            nobody,
            local: self.uplink.classes.is_empty().then_some(self.local),
            slots: uplink.len(),
            missing: uplink.iter().filter(|slot| slot.octets.is_none()).count(),
            tariff: self.tariff,
            shared: self.shared(config, period, &whole, &uplink),
        })
    }

    /// What is known of that which belongs to nobody.
    fn nobodys(&self) -> Nobody {
        let octets = self.nobody_octets;
        let is_both = match &self.uplink.key {
            Key::Volume(direction) => *direction == Direction::Sum,
            Key::Percentile(rule) | Key::Peak(rule) => rule.reading == Reading::Sum,
        };
        match octets {
            0 => Nobody::Measured(0),
            _ if !self.uplink.classes.is_empty() => Nobody::Unknown { at_most: octets, why: Why::Class },
            _ if !is_both => Nobody::Unknown { at_most: octets, why: Why::Direction },
            _ => Nobody::Measured(octets),
        }
    }

    /// All that went over the uplink where classes do not matter. What is nobody's has no direction: it stands with what came in,
    /// for those who add both up.
    fn with_nobody(&self) -> Result<Meter, Overflow> {
        let mut whole = self.meter.clone();
        if self.uplink.classes.is_empty() {
            for (start_ms, octets) in &self.nobody {
                whole.add(self.unclassed, *start_ms, Volume { came: *octets, went: 0 })?;
            }
        }
        Ok(whole)
    }

    fn shared(
        &self,
        config: &Config,
        period: &Period,
        whole: &Meter,
        uplink: &[Slot],
    ) -> Result<Shared, String> {
        let (currency, amount, bill) = self.bill(config, period, whole)?;
        let users = self.tenants.iter().map(|(name, slots)| user(name, slots, uplink));
        let found = split::split(amount, uplink, users, self.uplink.key, self.uplink.rest);
        let split = found.map_err(|error| reason(&error, period))?;
        let percentile = match &self.uplink.key {
            Key::Volume(_) => None,
            Key::Percentile(rule) | Key::Peak(rule) => Percentile::of(uplink, *rule).ok(),
        };
        let volumes = self.tenants.values().map(volume).collect::<Result<_, _>>();
        let volumes = volumes.map_err(|error: Overflow| error.to_string())?;
        Ok(Shared { currency, amount, bill, split, volumes, percentile })
    }

    /// What the uplink costs in the period.
    fn bill(
        &self,
        config: &Config,
        period: &Period,
        whole: &Meter,
    ) -> Result<(Currency, Money, Option<Bill>), String> {
        match &self.uplink.cost {
            Cost::Bills { currency, each, dated } => {
                let is_it = |name: &str| {
                    Period::parse(name, &config.zone, config.day)
                        .is_ok_and(|one| (one.from_ms(), one.to_ms()) == (period.from_ms(), period.to_ms()))
                };
                let own = dated.iter().find(|(name, _)| is_it(name)).map(|(_, amount)| *amount);
                let usual = each.filter(|_| period.is_billing_month());
                let amount = own.or(usual).ok_or_else(|| no_bill(&period.name(), each.is_some()))?;
                Ok((currency.clone(), amount, None))
            }
            Cost::Tariff(name) => {
                let tariff = self.tariff.ok_or_else(|| format!("there is no tariff \"{name}\""))?;
                let is_whole = self.nobody_octets == 0 || is_of_both(tariff);
                if self.uplink.classes.is_empty() && !is_whole {
                    return Err(format!(
                        "the tariff \"{name}\" is about directions or classes, and {} octets over the uplink belong to nobody, of \
                         which accounts have neither: give their networks to a tenant, or write the provider's bill",
                        self.nobody_octets
                    ));
                }
                let bill = tariff.rate(whole).map_err(|error| error.to_string())?;
                Ok((tariff.currency.clone(), bill.gross, Some(bill)))
            }
        }
    }
}

/// Whether a tariff asks neither for a direction nor for a class of anything.
fn is_of_both(tariff: &Tariff) -> bool {
    tariff.classes().next().is_none()
        && tariff.rules.iter().all(|rule| match &rule.charge {
            Charge::Volume { of, .. } => of.direction == Direction::Sum,
            Charge::Percentile { rule, .. } => rule.reading == Reading::Sum,
            Charge::Flat { .. } | Charge::Once { .. } => true,
        })
}

fn no_bill(period: &str, has_usual: bool) -> String {
    let why = if has_usual { ": its bill is of a billing month, which this is not" } else { "" };
    format!("there is no bill of {period}{why}; write \"{period}\" = \"1234.56\" in its [uplink.bills]")
}

/// Why a bill cannot be shared out, with times as people read them.
fn reason(error: &split::SplitError, period: &Period) -> String {
    let at = |ms: i64| period.zone().rfc3339(ms);
    match error {
        split::SplitError::Unknown(name, ms) => {
            format!(
                "in the slot at {} it is known only of one, {name} or the uplink, what there was",
                at(*ms)
            )
        }
        split::SplitError::More(ms) => {
            format!("in the slot at {} the tenants together had more than the uplink", at(*ms))
        }
        other => other.to_string(),
    }
}

/// A tenant on the uplink's grid: what is known of the uplink in a slot is known of all who used it.
fn user(name: &str, slots: &Slots, uplink: &[Slot]) -> User {
    let own = |slot: &Slot| Slot {
        start_ms: slot.start_ms,
        octets: slot.octets.map(|_| slots.get(&slot.start_ms).copied().unwrap_or_default()),
    };
    User { name: name.to_owned(), slots: uplink.iter().map(own).collect() }
}

fn volume(slots: &Slots) -> Result<Volume, Overflow> {
    let mut sum = Volume::default();
    for (came, went) in slots.values() {
        add(&mut sum.came, *came)?;
        add(&mut sum.went, *went)?;
    }
    Ok(sum)
}

fn add(sum: &mut u64, octets: u64) -> Result<(), Overflow> {
    *sum = sum.checked_add(octets).ok_or(Overflow)?;
    Ok(())
}
