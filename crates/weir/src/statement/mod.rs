//! Statements: what every tenant is told about a period.
//!
//! [`prepare`] reads the accounts once for all tenants, [`prepare_of`] those of few; [`Prepared::one`] makes a tenant's [`Document`] of it, and
//! [`Prepared::summary`] the manager's page, [`Prepared::group`] the paper of a group. What they look like is for [`report::statement`](crate::report::statement);
//! here is what stands in them. The same accounts and the same configuration give the same bytes, whenever asked
//! (Invariant 9).

pub(crate) mod account;
mod charged;
mod document;
mod group;
pub(crate) mod language;
mod summary;
pub(crate) mod uplink;

pub(crate) use account::{Account, Level, Wanted, given_up};
pub(crate) use charged::{ALL, Blank, Charged, SLOT_MS, charged, tariff, unclassed, watched};

pub(crate) use document::{Adjustment, Charges, Document, QuotaUse, Style};
pub(crate) use language::Language;
pub(crate) use summary::{Coins, Cost, Line, Part, Purse, Row, Summary};

use crate::config::quota::{Cycle, Each, Quota};
use crate::config::{self, Config};
use crate::exit::{Failure, Outcome};
use crate::hosts::Hosts;
use std::collections::BTreeMap;
use weir_account::group::Subtotals;
use weir_account::shared::{Proportion, proportions};
use weir_account::statement::Basis;
use weir_account::usage::{TenantUsage, Used};
use weir_account::{Group, Period, Span, Statement, Tenant};
use weir_flow::Addr;

/// All statements of a period.
pub(crate) struct Prepared {
    config: Config,
    period: Period,
    /// When the accounts were read, if the period was not over then, ms since 1970.
    as_of: Option<i64>,
    account: Account,
    hosts: Hosts,
    /// What every statement's figures rest on: where the traffic of each exporter heard is counted.
    counts: Vec<(String, String)>,
    /// What each exporter heard is called.
    exporters: BTreeMap<Addr, String>,
}

/// Reads the accounts of a period, for the statements of all tenants. It is `now_ms`, ms since 1970: of a period that is not
/// over, papers say so.
///
/// # Errors
/// There is no store, it is damaged, or a sum does not fit.
pub(crate) fn prepare(config: &Config, period: &Period, now_ms: i64) -> Outcome<Prepared> {
    prepare_that(config, period, now_ms, None)
}

/// The same for the statements of these tenants only: of the others no more is read than what the balance says of them.
///
/// # Errors
/// As [`prepare`].
pub(crate) fn prepare_of(
    config: &Config,
    period: &Period,
    now_ms: i64,
    tenants: &[&str],
) -> Outcome<Prepared> {
    prepare_that(config, period, now_ms, Some(tenants))
}

/// A tenant's statement, made without those of others.
///
/// # Errors
/// As [`prepare`] and [`Prepared::one`].
pub(crate) fn one(config: &Config, period: &Period, now_ms: i64, tenant: &str) -> Outcome<Document> {
    let prepared = prepare_of(config, period, now_ms, &[tenant])?;
    match prepared.account.usage.tenant(tenant) {
        Some(_) => prepared.one(tenant),
        // Who there is instead is said of everybody.
        None => prepare(config, period, now_ms)?.one(tenant),
    }
}

/// The paper of a group, made without the statements of others.
///
/// # Errors
/// As [`prepare`] and [`Prepared::group`].
pub(crate) fn of_group(config: &Config, period: &Period, now_ms: i64, group: &Group) -> Outcome<Summary> {
    let is_in = |tenant: &&Tenant| tenant.group.as_ref().is_some_and(|own| group.encloses(own));
    let names: Vec<&str> = config.tenants.iter().filter(is_in).map(|tenant| tenant.name.as_str()).collect();
    prepare_of(config, period, now_ms, &names)?.group(group)
}

fn prepare_that(config: &Config, period: &Period, now_ms: i64, of: Option<&[&str]>) -> Outcome<Prepared> {
    let config = &*config.of(period);
    let mut charged = charged(config);
    if let Some(of) = of {
        charged.retain(|tenant, _| of.contains(tenant));
    }
    let wanted = Wanted {
        range: period.from_ms()..period.to_ms(),
        level: Level::Hosts,
        days: Some(period),
        charged,
        zone: period.zone(),
        of,
    };
    let account = Account::read(config, &wanted)?;
    let attribution = config.attribution();
    let heard = || account.balance.exporters.iter().map(|(address, _)| *address);
    let counts = heard().map(|one| (config.exporter_name(one), attribution.count(one).to_string())).collect();
    let exporters = heard().chain(account.completeness.sources.iter().map(|source| source.exporter));
    let exporters = exporters.map(|one| (one, config.exporter_name(one))).collect();
    let hosts = Hosts::given(config)?;
    let as_of = (now_ms < period.to_ms()).then_some(now_ms);
    Ok(Prepared { config: config.clone(), period: period.clone(), as_of, account, hosts, counts, exporters })
}

impl Prepared {
    /// With statements of these, too, though they have neither networks nor traffic in the period.
    pub(crate) fn with<'a>(mut self, tenants: impl Iterator<Item = &'a str>) -> Self {
        tenants.for_each(|tenant| self.account.usage.declare(tenant));
        self
    }

    /// Whose statements there are: those configured, and those that the accounts name; in the order of names.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = &str> {
        self.payers().map(|(name, _)| name)
    }

    /// What everybody used who is told of it, in whose calendar the period is.
    fn payers(&self) -> impl Iterator<Item = (&str, &TenantUsage)> {
        self.everybody().filter(|(name, _)| self.config.is_here(name))
    }

    /// The same of all calendars. A shared address has nothing of its own, unless nobody was behind it.
    fn everybody(&self) -> impl Iterator<Item = (&str, &TenantUsage)> {
        let is_shared = |name: &str| self.config.tenants.get(name).is_some_and(|tenant| tenant.is_shared);
        let all = self.account.usage.tenants();
        all.filter(move |(name, usage)| usage.used != Used::default() || !is_shared(name))
    }

    /// A tenant's statement.
    ///
    /// # Errors
    /// There is no such tenant, its tariff cannot be applied, or its parts do not sum to the whole.
    pub(crate) fn one(&self, tenant: &str) -> Outcome<Document> {
        if !self.config.is_here(tenant) {
            return Err(elsewhere(tenant, &self.period));
        }
        let none = || no_tenant(&self.config, tenant, &self.period.name(), self.tenants());
        let usage = self.account.usage.tenant(tenant).ok_or_else(none)?;
        let account = &self.account;
        let style = self.config.style(Some(tenant));
        let basis = Basis { counts: self.counts.clone(), networks: self.networks(tenant), unit: style.unit };
        let (balance, completeness) = (account.balance.clone(), account.completeness.clone());
        let days = account.days_of(tenant, &self.period);
        let statement = Statement::new(tenant, days, usage, balance, completeness, basis)?;
        let named = statement.hosts.iter().filter_map(|line| line.address);
        let names = named.filter_map(|host| Some((host, self.hosts.name(host)?))).collect();
        Ok(Document {
            statement,
            as_of: self.as_of,
            charges: self.charges(tenant).transpose()?,
            names,
            exporters: self.exporters.clone(),
            style,
            adjustments: Vec::new(),
            quotas: self.quotas(tenant, usage)?,
            rules: self.rules(tenant),
        })
    }

    /// By which rules the tenant has shares of shared addresses in the period.
    fn rules(&self, tenant: &str) -> BTreeMap<String, Vec<Proportion>> {
        let shared = self.config.tenants.iter().filter(|one| one.is_shared);
        let rules =
            shared.map(|shared| (shared.name.clone(), proportions(shared, tenant, Span::from(&self.period))));
        rules.filter(|(_, rule)| !rule.is_empty()).collect()
    }

    /// The networks that were a tenant's in the period, with their dates.
    fn networks(&self, tenant: &str) -> Vec<String> {
        let period = Span::from(&self.period);
        let own = self.config.tenants.get(tenant).into_iter().flat_map(|tenant| &tenant.networks);
        let then = own.filter(|network| network.time.intersection(period).is_some());
        then.map(|network| network.text(self.period.zone())).collect()
    }

    /// What a tenant used of its quotas, if the statement is of a cycle of theirs.
    fn quotas(&self, tenant: &str, usage: &TenantUsage) -> Outcome<Vec<QuotaUse>> {
        self.quota_uses(usage, |quota| quota.each == Each::Tenant && quota.is_of(tenant))
    }

    /// What was used of these quotas by whoever used that.
    fn quota_uses(&self, usage: &TenantUsage, is_its: impl Fn(&Quota) -> bool) -> Outcome<Vec<QuotaUse>> {
        let is_month = self.period.is_billing_month();
        let is_shown = |quota: &&Quota| is_month && quota.cycle == Cycle::Month && is_its(quota);
        let shown = self.config.quotas.list.iter().filter(is_shown);
        let one = |quota: &Quota| {
            let used = match &quota.classes[..] {
                [] => usage.used,
                classes => usage.of_classes(classes)?,
            };
            let octets = quota.direction.of((used.r#in.octets, used.out.octets));
            Ok(QuotaUse {
                name: quota.name.clone(),
                used_octets: u64::try_from(octets).unwrap_or(u64::MAX),
                limit_octets: quota.rule.limit,
            })
        };
        shown.map(one).collect()
    }

    /// What a tenant's traffic costs, if it has a tariff.
    fn charges(&self, tenant: &str) -> Option<Outcome<Charges>> {
        let (tariff, meter) = (tariff(&self.config, tenant)?, self.account.meter(tenant)?);
        if !self.config.is_here(tenant) {
            return None;
        }
        let bill = tariff.rate(meter).map_err(|error| Failure::new(format!("{tenant}: {error}")));
        Some(bill.map(|bill| Charges { tariff: tariff.clone(), bill }))
    }

    /// The manager's page: all tenants in one table, as closed if the period is. A tenant whose tariff cannot be applied is on it, with why; what one
    /// on another calendar used in the period is on it, too, and what that costs is on the page of its own period.
    ///
    /// # Errors
    /// A sum does not fit, or the books cannot be read.
    pub(crate) fn summary(&self) -> Outcome<Summary> {
        let (lines, is_closed) = self.lines(|_| true)?;
        let subtotals = Summary::add_up(&lines)?;
        Ok(self.summed((lines, is_closed), subtotals))
    }

    /// A page with these lines, which come to that.
    fn summed(&self, (lines, is_closed): (Vec<Line>, bool), subtotals: Subtotals<Part>) -> Summary {
        Summary {
            period: self.period.clone(),
            calendar: self.config.own_calendar().map(|calendar| calendar.to_string()),
            of: None,
            is_closed,
            // What was closed says so itself.
            as_of: self.as_of.filter(|_| !is_closed),
            lines,
            subtotals,
            balance: self.account.balance.clone(),
            completeness: self.account.completeness.clone(),
            exporters: self.exporters.clone(),
            style: self.config.style(None),
        }
    }

    /// A tenant as a line among others.
    fn line(&self, tenant: &str, usage: &TenantUsage) -> Line {
        let zone = self.period.zone();
        let cost = self.charges(tenant);
        Line {
            tenant: tenant.to_owned(),
            group: self.group_of(tenant).cloned(),
            usage: TenantUsage { used: usage.used, classes: usage.classes.clone(), ..TenantUsage::default() },
            cost: cost.map(|charges| match charges {
                Ok(charges) => Ok(Cost::of(&charges, zone)),
                Err(failure) => Err(failure.to_string()),
            }),
            calendar: (!self.config.is_here(tenant)).then(|| self.config.calendar_of(tenant).to_string()),
        }
    }

    /// The group that a tenant is in, if it is in one.
    fn group_of(&self, tenant: &str) -> Option<&Group> {
        self.config.tenants.get(tenant)?.group.as_ref()
    }
}

/// A tenant is on another calendar than the period.
fn elsewhere(tenant: &str, period: &Period) -> Failure {
    let zone = period.zone().name();
    Failure::new(format!("\"{tenant}\" has a calendar of its own: {period} in {zone} is not its period"))
}

/// Nobody of this name is accounted for in a period.
pub(crate) fn no_tenant<'a>(
    config: &Config,
    tenant: &str,
    period: &str,
    known: impl Iterator<Item = &'a str>,
) -> Failure {
    if config.tenants.get(tenant).is_some() {
        return Failure::new(format!(
            "\"{tenant}\" had no network in {period}, and no traffic: there is nothing to say of it"
        ));
    }
    let names: Vec<&str> = known.collect();
    let near = config::nearest(tenant, &names).map_or_else(String::new, |n| format!("did you mean {n}? "));
    Failure::new(format!("there is no tenant \"{tenant}\"; {near}there are {}", names.join(", ")))
}
