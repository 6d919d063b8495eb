//! The statement: everything one tenant is told about one period. Pure data; the program renders it.
//!
//! It is made by [`Statement::new`] only, which refuses parts that do not sum to the whole.

use crate::balance::Balance;
use crate::completeness::Completeness;
use crate::period::{Day, Period};
use crate::sums::{Overflow, Sums};
use crate::usage::{Kind, Share, TenantUsage, Used};
use std::collections::BTreeMap;
use std::fmt;
use weir_flow::Addr;

/// What a thousand is when octets are written short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// 1 MB is 1,000,000 octets.
    #[default]
    Decimal,
    /// 1 MiB is 1,048,576 octets.
    Binary,
}

impl Unit {
    /// From the configuration's `unit`: 1000 or 1024.
    #[must_use]
    pub const fn from_factor(factor: u32) -> Option<Self> {
        match factor {
            1000 => Some(Self::Decimal),
            1024 => Some(Self::Binary),
            _ => None,
        }
    }

    /// 1000 or 1024.
    #[must_use]
    pub const fn factor(self) -> u32 {
        match self {
            Self::Decimal => 1000,
            Self::Binary => 1024,
        }
    }
}

/// What the figures rest on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// Where each exporter's traffic is counted, as [`Count`](crate::Count) shows it; of the others all is.
    pub counts: Vec<(String, String)>,
    /// The tenant's networks.
    pub networks: Vec<String>,
    /// What a thousand is.
    pub unit: Unit,
}

/// One of the tenant's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostLine {
    /// The address; `None` is the rest that no address is known for.
    pub address: Option<Addr>,
    /// What it used.
    pub used: Used,
}

/// What was used of one class of traffic with the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassLine {
    /// Its name.
    pub class: String,
    /// What came in and went out of it.
    pub used: Used,
}

/// What of the whole is a share of a shared address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareLine {
    /// The shared address's name.
    pub shared: String,
    /// The share, and what there was in all.
    pub share: Share,
}

/// One civil day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayLine {
    /// The day.
    pub day: Day,
    /// What was used in it.
    pub used: Used,
}

/// Why there is no statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementError {
    /// A sum does not fit.
    Overflow,
    /// The hosts' lines exceed the total.
    Hosts,
    /// The days' lines are not the total.
    Days,
    /// The classes' lines are not what came in and went out.
    Classes,
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = match self {
            Self::Overflow => return Overflow.fmt(f),
            Self::Hosts => "hosts",
            Self::Days => "days",
            Self::Classes => "classes",
        };
        write!(f, "the {parts} of a statement do not sum to its total: run `weir verify`")
    }
}

impl std::error::Error for StatementError {}

impl From<Overflow> for StatementError {
    fn from(_: Overflow) -> Self {
        Self::Overflow
    }
}

/// What one tenant used in one period, and how sure that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The tenant's name.
    pub tenant: String,
    /// The period.
    pub period: Period,
    /// The whole.
    pub used: Used,
    /// By class of traffic, in the order of names; none if there are no classes.
    pub classes: Vec<ClassLine>,
    /// By address, most octets first, the rest without an address last.
    pub hosts: Vec<HostLine>,
    /// What of the whole no host of its own had, but is a share of shared addresses; in the order of names.
    pub shares: Vec<ShareLine>,
    /// By civil day in the period's zone, every day of the period.
    pub days: Vec<DayLine>,
    /// The trial balance of all traffic in the period.
    pub balance: Balance,
    /// How complete the period is.
    pub completeness: Completeness,
    /// What the figures rest on.
    pub basis: Basis,
}

impl Statement {
    /// Puts a statement together.
    ///
    /// # Errors
    /// [`StatementError`] if hosts, days or classes do not sum to the tenant's total.
    pub fn new(
        tenant: &str,
        daily: Daily,
        usage: &TenantUsage,
        balance: Balance,
        completeness: Completeness,
        basis: Basis,
    ) -> Result<Self, StatementError> {
        let hosts = host_lines(usage)?;
        let mut whole = Used::default();
        for day in &daily.lines {
            whole = whole.plus(day.used)?;
        }
        if whole != usage.used {
            return Err(StatementError::Days);
        }
        let classes = class_lines(usage)?;
        let shares = usage.shares.iter();
        let shares = shares.map(|(shared, share)| ShareLine { shared: shared.to_string(), share: *share });
        Ok(Self {
            tenant: tenant.to_owned(),
            period: daily.period,
            used: usage.used,
            classes,
            hosts,
            shares: shares.collect(),
            days: daily.lines,
            balance,
            completeness,
            basis,
        })
    }

    /// Whether there is nothing to state.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn is_empty(&self) -> Result<bool, Overflow> {
        Ok(self.used.total()?.is_zero())
    }
}

/// A tenant's usage day by day, while bins are added up.
#[derive(Clone, Debug)]
pub struct Daily {
    period: Period,
    lines: Vec<DayLine>,
}

impl Daily {
    /// All days of a period, without usage.
    #[must_use]
    pub fn new(period: &Period) -> Self {
        let lines = period.days().into_iter().map(|day| DayLine { day, used: Used::default() }).collect();
        Self { period: period.clone(), lines }
    }

    /// Adds a bin row of the tenant, by the bin's start (ms since 1970). Bins outside of the period are passed
    /// over, as are kinds that belong to no tenant.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn add(&mut self, bin_ms: i64, kind: Kind, sums: Sums) -> Result<(), Overflow> {
        let after = self.lines.partition_point(|line| line.day.from_ms <= bin_ms);
        match after.checked_sub(1).and_then(|at| self.lines.get_mut(at)) {
            Some(line) if bin_ms < line.day.to_ms => line.used.add(kind, sums),
            _ => Ok(()),
        }
    }

    /// The days in order.
    #[must_use]
    pub fn lines(&self) -> &[DayLine] {
        &self.lines
    }
}

/// The classes' lines.
fn class_lines(usage: &TenantUsage) -> Result<Vec<ClassLine>, StatementError> {
    let mut whole = Used::default();
    for used in usage.classes.values() {
        whole = whole.plus(*used)?;
    }
    if !usage.classes.is_empty() && (whole.r#in, whole.out) != (usage.used.r#in, usage.used.out) {
        return Err(StatementError::Classes);
    }
    let lines = usage.classes.iter().map(|(class, used)| ClassLine { class: class.to_string(), used: *used });
    Ok(lines.collect())
}

/// The hosts' lines, most octets first, and of equal ones the lower address; the rest last.
fn host_lines(usage: &TenantUsage) -> Result<Vec<HostLine>, StatementError> {
    let mut keyed = Vec::with_capacity(usage.hosts.len());
    let mut whole = Used::default();
    for (address, used) in &usage.hosts {
        whole = whole.plus(*used)?;
        keyed.push((used.total()?.octets, HostLine { address: Some(*address), used: *used }));
    }
    // Stable: the map is in the order of addresses.
    keyed.sort_by_key(|(octets, _)| std::cmp::Reverse(*octets));
    let mut lines: Vec<HostLine> = keyed.into_iter().map(|(_, line)| line).collect();
    for share in usage.shares.values() {
        whole = whole.plus(share.used)?;
    }
    let rest = rest(usage.used, whole).ok_or(StatementError::Hosts)?;
    if rest != Used::default() {
        lines.push(HostLine { address: None, used: rest });
    }
    Ok(lines)
}

/// `whole` less `part`; `None` if the part is greater.
fn rest(whole: Used, part: Used) -> Option<Used> {
    Some(Used {
        r#in: whole.r#in.minus(part.r#in)?,
        out: whole.out.minus(part.out)?,
        local_in: whole.local_in.minus(part.local_in)?,
        local_out: whole.local_out.minus(part.local_out)?,
    })
}

/// One [`Daily`] for every tenant, for programs that read the bins once.
#[derive(Clone, Debug)]
pub struct DailyByTenant {
    empty: Daily,
    tenants: BTreeMap<Box<str>, Daily>,
}

impl DailyByTenant {
    /// No tenant yet.
    #[must_use]
    pub fn new(period: &Period) -> Self {
        Self { empty: Daily::new(period), tenants: BTreeMap::new() }
    }

    /// Adds a bin row of a tenant, as [`Daily::add`] does.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn add(&mut self, tenant: &str, bin_ms: i64, kind: Kind, sums: Sums) -> Result<(), Overflow> {
        if let Some(daily) = self.tenants.get_mut(tenant) {
            return daily.add(bin_ms, kind, sums);
        }
        let daily = self.tenants.entry(tenant.into()).or_insert(self.empty.clone());
        daily.add(bin_ms, kind, sums)
    }

    /// The day of the period that an instant (ms since 1970) lies in, if any does.
    #[must_use]
    pub fn day_of(&self, ms: i64) -> Option<&Day> {
        let after = self.empty.lines.partition_point(|line| line.day.from_ms <= ms);
        let line = after.checked_sub(1).and_then(|at| self.empty.lines.get(at))?;
        (ms < line.day.to_ms).then_some(&line.day)
    }

    /// The days of a tenant, without usage if no bin named it.
    #[must_use]
    pub fn of(&self, tenant: &str) -> Daily {
        self.tenants.get(tenant).unwrap_or(&self.empty).clone()
    }
}
