//! Many tenants of a period in one table: the manager's page of all, whose sum is the trial balance, and the paper of a
//! group. What they come to, group by group, is added up here and nowhere else.

use super::{Charges, QuotaUse, Style};
use crate::closing::Amounts;
use crate::exit::Outcome;
use crate::report::statement as paper;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use weir_account::group::{Subtotal, Subtotals};
use weir_account::money::{Currency, Money};
use weir_account::usage::TenantUsage;
use weir_account::{Balance, Completeness, Group, Overflow, Period};
use weir_flow::Addr;

/// Tenants of a period.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) period: Period,
    /// The calendar whose period it is, where tenants have several.
    pub(crate) calendar: Option<String>,
    /// The group that they are in; `None`: they are all there are.
    pub(crate) of: Option<About>,
    /// Whether these are the figures of statements that were closed.
    pub(crate) is_closed: bool,
    /// When it was made, if the period was not over then, ms since 1970.
    pub(crate) as_of: Option<i64>,
    /// In the order of names.
    pub(crate) lines: Vec<Line>,
    /// What they come to: by group, in no group, and all.
    pub(crate) subtotals: Subtotals<Part>,
    pub(crate) balance: Balance,
    pub(crate) completeness: Completeness,
    pub(crate) exporters: BTreeMap<Addr, String>,
    pub(crate) style: Style,
}

/// A group that a paper is about.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) group: Group,
    /// What it is called.
    pub(crate) title: String,
    /// Its own quotas.
    pub(crate) quotas: Vec<QuotaUse>,
}

/// One tenant.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) tenant: String,
    pub(crate) group: Option<Group>,
    /// What it used, without its hosts.
    pub(crate) usage: TenantUsage,
    /// What it costs, or why that cannot be said.
    pub(crate) cost: Option<Result<Cost, String>>,
    /// Its calendar, where that has another period of this name: what it costs is said of that one.
    pub(crate) calendar: Option<String>,
}

/// What a tenant pays.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub(crate) amounts: Amounts,
    /// What the statement has of earlier periods: nothing, until it is closed.
    pub(crate) adjusted: Money,
    /// How it comes about, as on the tenant's statement for programs.
    pub(crate) document: Json,
}

impl Cost {
    pub(crate) fn of(charges: &Charges, zone: &weir_account::Zone) -> Self {
        let Charges { tariff, bill } = charges;
        Self {
            amounts: Amounts::of(tariff, bill),
            adjusted: Money::ZERO,
            document: crate::report::bill::charges(tariff, bill, zone),
        }
    }
}

/// What several tenants come to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    /// The whole, and by class.
    pub(crate) usage: TenantUsage,
    pub(crate) purse: Purse,
}

impl Part {
    fn add(&mut self, line: &Line) -> Result<(), Overflow> {
        self.usage.join(&line.usage)?;
        if let Some(Ok(cost)) = &line.cost {
            self.purse.put(Coins::of(cost));
        }
        Ok(())
    }
}

/// Amounts by currency: those of different ones are not added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Purse(BTreeMap<String, Option<Coins>>);

/// Amounts of one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Coins {
    pub(crate) currency: Currency,
    pub(crate) net: Money,
    pub(crate) gross: Money,
    /// Of earlier periods.
    pub(crate) adjusted: Money,
}

impl Coins {
    /// What one tenant pays.
    pub(crate) fn of(cost: &Cost) -> Self {
        let Cost { amounts, adjusted, .. } = cost;
        Self {
            currency: amounts.currency.clone(),
            net: amounts.net,
            gross: amounts.gross,
            adjusted: *adjusted,
        }
    }

    /// What is to pay; `None` if it does not fit.
    pub(crate) fn to_pay(&self) -> Option<Money> {
        self.gross.plus(self.adjusted)
    }

    fn plus(self, more: &Self) -> Option<Self> {
        Some(Self {
            net: self.net.plus(more.net)?,
            gross: self.gross.plus(more.gross)?,
            adjusted: self.adjusted.plus(more.adjusted)?,
            ..self
        })
    }
}

impl Purse {
    fn put(&mut self, coins: Coins) {
        match self.0.get_mut(coins.currency.code()) {
            Some(sum) => *sum = sum.take().and_then(|sum| sum.plus(&coins)),
            None => drop(self.0.insert(coins.currency.code().to_owned(), Some(coins))),
        }
    }

    /// By the codes of currencies; `None` where a sum does not fit.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Option<&Coins>)> {
        self.0.iter().map(|(code, coins)| (code.as_str(), coins.as_ref()))
    }
}

/// A row of the table, so many levels inside.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Row<'a> {
    Group(&'a Group, &'a Subtotal<Part>, usize),
    /// The tenants in no group.
    Rest(&'a Subtotal<Part>),
    Tenant(&'a Line, usize),
}

impl Summary {
    /// Adds lines up.
    ///
    /// # Errors
    /// A sum does not fit.
    pub(super) fn add_up(lines: &[Line]) -> Outcome<Subtotals<Part>> {
        let mut subtotals = Subtotals::default();
        for line in lines {
            subtotals.add(line.group.as_ref(), |part: &mut Part| part.add(line))?;
        }
        Ok(subtotals)
    }

    /// All of them together.
    pub(crate) fn whole(&self) -> &Part {
        &self.subtotals.whole().sum
    }

    /// Whether any statement has something of earlier periods.
    pub(crate) fn has_adjustments(&self) -> bool {
        let mut costs = self.lines.iter().filter_map(|line| line.cost.as_ref()?.as_ref().ok());
        costs.any(|cost| cost.adjusted != Money::ZERO)
    }

    /// The groups in it, each with its level: all there are, or those inside the group that it is of.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&Group, &Subtotal<Part>)> {
        let of = self.of.as_ref().map(|about| &about.group);
        self.subtotals.groups().filter(move |(group, _)| of.is_none_or(|of| !group.encloses(of)))
    }

    /// The lines under their groups, each group before what is in it, tenants without one at the end.
    pub(crate) fn rows(&self) -> Vec<Row<'_>> {
        let base = self.of.as_ref().map_or(0, |about| about.group.level());
        let mut members: BTreeMap<&Group, Vec<&Line>> = BTreeMap::new();
        let mut others: Vec<&Line> = Vec::new();
        for line in &self.lines {
            match &line.group {
                Some(group) => members.entry(group).or_default().push(line),
                None => others.push(line),
            }
        }
        let mut rows = Vec::new();
        let mut tenants = |group: &Group, level| {
            let lines = members.remove(group).unwrap_or_default();
            lines.into_iter().map(move |line| Row::Tenant(line, level))
        };
        if let Some(about) = &self.of {
            rows.extend(tenants(&about.group, 0));
        }
        for (group, subtotal) in self.groups() {
            let level = group.level().saturating_sub(base);
            rows.push(Row::Group(group, subtotal, level.saturating_sub(1)));
            rows.extend(tenants(group, level));
        }
        let rest = self.subtotals.rest().filter(|_| self.subtotals.has_groups());
        rows.extend(rest.map(Row::Rest));
        rows.extend(others.into_iter().map(|line| Row::Tenant(line, usize::from(rest.is_some()))));
        rows
    }

    /// For programs.
    pub(crate) fn json(&self) -> Json {
        paper::summary::json(self)
    }

    /// For a mail or a terminal.
    pub(crate) fn text(&self) -> String {
        paper::text::render(&paper::summary::of(self))
    }

    /// One file without anything from elsewhere.
    pub(crate) fn html(&self) -> String {
        paper::html::render(&paper::summary::of(self))
    }

    /// For a spreadsheet.
    pub(crate) fn csv(&self) -> String {
        paper::summary::csv(self)
    }

    /// For the printer and the archive.
    ///
    /// # Errors
    /// As [`Document::pdf`](super::Document::pdf).
    pub(crate) fn pdf(&self) -> Outcome<Vec<u8>> {
        paper::pdf::render(&paper::summary::of(self))
    }

    /// The subject of a mail.
    pub(crate) fn subject(&self) -> String {
        paper::summary::subject(self)
    }
}

#[cfg(test)]
mod tests;
