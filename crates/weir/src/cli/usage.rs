//! `weir usage`: accounts of a span or a period, from the bins.

use super::{Common, ask};
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::hosts::Hosts;
use crate::report::group::Groups;
use crate::report::usage::{self, Report};
use crate::statement::{self, Account, Level, Wanted};
use crate::{clock, report};
use clap::Args;
use std::collections::BTreeMap;
use std::ops::Range;
use weir_account::group::Subtotals;
use weir_account::usage::{TenantUsage, Usage};
use weir_account::{Period, Span};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir usage --period 2026-10\n  \
    weir usage avtotrade --period 2026-10 --hosts\n  \
    weir usage --period 2026-10 --groups\n  \
    weir usage --last 7d -o json")]
pub(super) struct Arguments {
    /// Only this tenant
    #[arg(value_name = "TENANT")]
    tenant: Option<String>,
    /// A period: 2026-10 (the billing month), last, 2026-10-05, 2026-10-05..2026-10-18, 2026-W41, 2026
    #[arg(long, value_name = "PERIOD", conflicts_with_all = ["from", "to", "last"])]
    period: Option<String>,
    #[command(flatten)]
    when: ask::When,
    /// Each tenant's hosts, too
    #[arg(long)]
    hosts: bool,
    /// Groups of tenants, each with all that is in it; their sum is the whole
    #[arg(long, conflicts_with_all = ["tenant", "hosts"])]
    groups: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut config = arguments.common.config()?;
    if let Some(tenant) = &arguments.tenant {
        // Told in the time of whom it is about.
        config.zone = config.calendar_of(tenant).zone.clone();
    }
    let (span, range) = span(arguments, &config)?;
    if arguments.groups {
        return print_groups(&config, span, range, arguments.common.form);
    }
    print_usage(&config, span, range, arguments.tenant.as_deref(), arguments.hosts, arguments.common.form)
}

fn print_groups(config: &Config, span: usage::Span, range: Range<i64>, form: report::Form) -> Outcome {
    let account = Account::of_span(config, &range, None, false)?;
    let mut subtotals = Subtotals::<TenantUsage>::default();
    for (tenant, usage) in account.usage.tenants() {
        let group = config.tenants.get(tenant).and_then(|tenant| tenant.group.as_ref());
        subtotals.add(group, |sum| sum.join(usage))?;
    }
    let report = Groups {
        span,
        zone: &config.zone,
        unit: config.unit,
        subtotals: &subtotals,
        balance: &account.balance,
        completeness: &account.completeness,
        exporter: &|address| config.exporter_name(address),
    };
    match form {
        form @ (report::Form::Parquet | report::Form::Arrow) => report::columns::print(form, &report.sheet()),
        form => report::print(&report.render(form)),
    }
}

/// The usage of a period.
pub(crate) fn usage_of(config: &Config, period: &Period) -> Outcome<Usage> {
    Ok(every_host(config, period.from_ms()..period.to_ms())?.usage)
}

/// Prints the usage of a period: the last page of the demonstration.
pub(crate) fn print_period(config: &Config, period: &Period) -> Outcome {
    let span = named(&period.name(), Span::from(period), config);
    print_usage(config, span, period.from_ms()..period.to_ms(), None, false, report::Form::Table)
}

fn print_usage(
    config: &Config,
    span: usage::Span,
    range: Range<i64>,
    tenant: Option<&str>,
    with_hosts: bool,
    form: report::Form,
) -> Outcome {
    let account = match tenant {
        None if with_hosts => every_host(config, range.clone())?,
        _ => Account::of_span(config, &range, tenant, with_hosts)?,
    };
    if let Some(tenant) = tenant
        && account.usage.tenant(tenant).is_none()
    {
        let all = Account::of_span(config, &range, None, false)?;
        return Err(statement::no_tenant(
            config,
            tenant,
            "that time",
            all.usage.tenants().map(|(name, _)| name),
        ));
    }
    let hosts = Hosts::given(config)?;
    let report = Report {
        span,
        zone: &config.zone,
        unit: config.unit,
        usage: &account.usage,
        balance: &account.balance,
        completeness: &account.completeness,
        tenant,
        hosts: with_hosts,
        exporter: &|address| config.exporter_name(address),
        host_name: &|address| hosts.name(address),
    };
    match form {
        form @ (report::Form::Parquet | report::Form::Arrow) => report::columns::print(form, &report.sheet()),
        form => report::print(&report.render(form)),
    }
}

/// The span asked for, widened to whole bins, and its name.
fn span(arguments: &Arguments, config: &Config) -> Outcome<(usage::Span, Range<i64>)> {
    if let Some(text) = &arguments.period {
        let period = match &arguments.tenant {
            Some(tenant) => period_of(tenant, text, config)?,
            None => period(text, config)?,
        };
        return Ok((named(&period.name(), Span::from(&period), config), period.from_ms()..period.to_ms()));
    }
    let asked = arguments.when.span(config)?;
    let (span, widened) = asked.to_bins();
    if widened {
        aside!("weir: accounts are kept in bins of 5 minutes: the span is widened to whole ones");
    }
    let named = named("", span, config);
    Ok((named, span.range()))
}

/// A span for the report: its name, or its ends where it has none.
fn named(name: &str, span: Span, config: &Config) -> usage::Span {
    let from = span.from_ms.map(|ms| config.zone.rfc3339(ms));
    let to = span.to_ms.map(|ms| config.zone.rfc3339(ms));
    let name = match (name, &from, &to) {
        ("", None, None) => "of everything stored".to_owned(),
        ("", Some(from), None) => format!("from {from}"),
        ("", None, Some(to)) => format!("until {to}"),
        ("", Some(from), Some(to)) => format!("{from} to {to}"),
        (name, ..) => name.to_owned(),
    };
    usage::Span { name, from, to }
}

/// The period of this name, or word, on the calendar of `[billing]`.
pub(super) fn period(text: &str, config: &Config) -> Outcome<Period> {
    config.calendar().period(text, clock::now_ms()).map_err(|error| Failure::usage(error.to_string()))
}

/// The same on a tenant's.
pub(super) fn period_of(tenant: &str, text: &str, config: &Config) -> Outcome<Period> {
    let calendar = config.calendar_of(tenant);
    calendar.period(text, clock::now_ms()).map_err(|error| Failure::usage(error.to_string()))
}

/// The same on the calendars of these tenants, each with those whose it is; on all calendars, if none is named.
pub(super) fn periods(
    tenants: &[String],
    text: &str,
    config: &Config,
) -> Outcome<Vec<(Period, Vec<String>)>> {
    config.periods_of(tenants, text, clock::now_ms()).map_err(|error| Failure::usage(error.to_string()))
}

/// What every host used, and nothing that only statements need.
fn every_host(config: &Config, range: Range<i64>) -> Outcome<Account> {
    let wanted = Wanted {
        range,
        level: Level::Hosts,
        days: None,
        charged: BTreeMap::new(),
        zone: &config.zone,
        of: None,
    };
    Account::read(config, &wanted)
}
