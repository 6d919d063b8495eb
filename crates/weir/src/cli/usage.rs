//! `weir usage` and `weir statement`: accounts of a span or a period, from the bins.

use super::{Common, ask};
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::hosts::Hosts;
use crate::report::statement::Sheet;
use crate::report::usage::{self, Report};
use crate::{clock, report};
use clap::Args;
use std::ops::Range;
use weir_account::statement::{Basis, Daily, Statement};
use weir_account::usage::{Kind, Usage};
use weir_account::{Balance, Completeness, Period, Span, Sums};
use weir_flow::Addr;
use weir_flow::health::Counter;
use weir_store::Snapshot;
use weir_store::bins::BinRow;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir usage --period 2026-10\n  \
    weir usage avtotrade --period 2026-10 --hosts\n  \
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
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir statement avtotrade --period 2026-10\n  \
    weir statement avtotrade --period 2026-10 -o json > avtotrade-2026-10.json")]
pub(super) struct StatementArguments {
    /// Whose
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// Of which period: 2026-10, last
    #[arg(long, value_name = "PERIOD")]
    period: String,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let config = arguments.common.config()?;
    let (span, range) = span(arguments, &config)?;
    print_usage(&config, span, range, arguments.tenant.as_deref(), arguments.hosts, arguments.common.form)
}

/// The usage of a period.
pub(crate) fn usage_of(config: &Config, period: &Period) -> Outcome<Usage> {
    Ok(Account::read(config, &(period.from_ms()..period.to_ms()), Level::Hosts, |_, _, _| Ok(()))?.usage)
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
    let level = if with_hosts { Level::Hosts } else { Level::Tenants };
    let account = Account::read(config, &range, level, |_, _, _| Ok(()))?;
    if let Some(tenant) = tenant
        && account.usage.tenant(tenant).is_none()
    {
        return Err(no_tenant(tenant, &account.usage));
    }
    let hosts = Hosts::of_store(&config.store);
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
        report::Form::Parquet => report::print_parquet(&report.sheet()),
        form => report::print(&report.render(form)),
    }
}

/// The span asked for, widened to whole bins, and its name.
fn span(arguments: &Arguments, config: &Config) -> Outcome<(usage::Span, Range<i64>)> {
    if let Some(text) = &arguments.period {
        let period = period(text, config)?;
        return Ok((named(&period.name(), Span::from(&period), config), period.from_ms()..period.to_ms()));
    }
    let asked = arguments.when.span(config)?;
    let (span, widened) = asked.to_bins();
    if widened {
        eprintln!("weir: accounts are kept in bins of 5 minutes: the span is widened to whole ones");
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

pub(super) fn period(text: &str, config: &Config) -> Outcome<Period> {
    Period::named(text, &config.zone, config.day, clock::now_ms())
        .map_err(|error| Failure::usage(error.to_string()))
}

fn no_tenant(tenant: &str, usage: &Usage) -> Failure {
    let names: Vec<&str> = usage.tenants().map(|(name, _)| name).collect();
    let near =
        crate::config::nearest(tenant, &names).map_or_else(String::new, |n| format!("did you mean {n}? "));
    Failure::new(format!("there is no tenant \"{tenant}\"; {near}there are {}", names.join(", ")))
}

/// How far accounts are broken down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// By tenant: a small part of what there is of hosts.
    Tenants,
    /// By tenant and host.
    Hosts,
}

/// Everything the store says of a span.
struct Account {
    usage: Usage,
    balance: Balance,
    completeness: Completeness,
}

impl Account {
    /// Adds up bins and counts; `each` sees every tenant's row on the way.
    fn read(
        config: &Config,
        range: &Range<i64>,
        level: Level,
        mut each: impl FnMut(&str, i64, (Kind, Sums)) -> Outcome,
    ) -> Outcome<Self> {
        let snapshot = ask::snapshot(config, Some(range))?;
        let mut usage = Usage::new(config.tenants.iter().map(|t| t.name.as_str()));
        let mut result = Ok(());
        let add = |row: &BinRow<'_>| {
            if result.is_ok() {
                let kind = Kind::by_name(row.kind.word()).unwrap_or(Kind::Unmatched);
                let c = row.counts;
                let sums = Sums { octets: c.octets, packets: c.packets, flows: c.flows };
                result = usage.add(kind, row.tenant, row.host, row.exporter, sums).map_err(Failure::from);
                if let (Ok(()), Some(tenant)) = (&result, row.tenant) {
                    result = each(tenant, row.bin, (kind, sums));
                }
            }
        };
        match level {
            Level::Tenants => snapshot.tenants(range.clone(), add)?,
            Level::Hosts => snapshot.bins(range.clone(), add)?,
        }
        result?;
        add_discarded(&snapshot, range, &mut usage)?;
        let completeness = completeness(&snapshot, range, usage.total().decoded.octets)?;
        let balance = Balance::of(&usage);
        Ok(Self { usage, balance, completeness })
    }
}

/// Adds what was decoded and could not be stored: no bin holds it, it is counted when it arrived.
fn add_discarded(snapshot: &Snapshot, range: &Range<i64>, usage: &mut Usage) -> Outcome {
    let mut result = Ok(());
    snapshot.health(range.clone(), |row| {
        let (Some(counter), Some(reason)) = row.counter() else { return };
        let value = u64::try_from(row.value).unwrap_or_default();
        let sums = match counter {
            Counter::DiscardedOctets => Sums { octets: value, ..Sums::default() },
            Counter::DiscardedPackets => Sums { packets: value, ..Sums::default() },
            Counter::DiscardedFlows => Sums { flows: value, ..Sums::default() },
            _ => return,
        };
        if result.is_ok() {
            result = usage.add_discarded(reason, row.exporter, sums);
        }
    })?;
    Ok(result?)
}

fn completeness(snapshot: &Snapshot, range: &Range<i64>, octets: u64) -> Outcome<Completeness> {
    let mut builder = Completeness::builder();
    let mut result = Ok(());
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    snapshot.health(range.clone(), |row| {
        first = first.min(row.bin);
        last = last.max(row.bin);
        if result.is_ok() {
            result = builder.add(row);
        }
    })?;
    result?;
    if first <= last {
        // Silence is looked for between what there is: before the first and after the last datagram nobody knows.
        let end = range.end.min(clock::now_ms()).min(last.saturating_add(1));
        builder = builder.with_silences(first.max(range.start), end);
    }
    Ok(builder.finish(octets))
}

pub(super) fn statement(arguments: &StatementArguments) -> Outcome {
    let config = arguments.common.config()?;
    let period = period(&arguments.period, &config)?;
    let form = arguments.common.form.text("statement")?;
    if let Some(closed) = crate::closing::kept(&config, &arguments.tenant, &period)? {
        return closed.print(form);
    }
    report::print(&rendered(&config, &period, &arguments.tenant, |sheet| sheet.render(form))?)
}

/// A statement as JSON, text and CSV.
pub(crate) fn statement_in_forms(config: &Config, period: &Period, tenant: &str) -> Outcome<[String; 3]> {
    use report::Form::{Csv, Json, Table};
    rendered(config, period, tenant, |sheet| [Json, Table, Csv].map(|form| sheet.render(form)))
}

fn rendered<T>(
    config: &Config,
    period: &Period,
    tenant: &str,
    render: impl FnOnce(&Sheet<'_>) -> T,
) -> Outcome<T> {
    let range = period.from_ms()..period.to_ms();
    let mut daily = Daily::new(period);
    let account = Account::read(config, &range, Level::Hosts, |name, bin, (kind, sums)| {
        if name == tenant { Ok(daily.add(bin, kind, sums)?) } else { Ok(()) }
    })?;
    let usage = account.usage.tenant(tenant).ok_or_else(|| no_tenant(tenant, &account.usage))?;
    let basis = basis(config, tenant, &account.balance);
    let statement = Statement::new(tenant, daily, usage, account.balance, account.completeness, basis)?;
    let hosts = Hosts::of_store(&config.store);
    let sheet = Sheet {
        statement: &statement,
        exporter: &|address| config.exporter_name(address),
        host_name: &|address| hosts.name(address),
    };
    Ok(render(&sheet))
}

/// What the figures rest on: the tenant's networks, and the counting rule of every exporter heard.
fn basis(config: &Config, tenant: &str, balance: &Balance) -> Basis {
    let attribution = config.attribution();
    let rule = |address: Addr| (config.exporter_name(address), attribution.count(address).to_string());
    let networks = config.tenants.get(tenant).map(|t| t.networks.iter().map(ToString::to_string).collect());
    Basis {
        counts: balance.exporters.iter().map(|(address, _)| rule(*address)).collect(),
        networks: networks.unwrap_or_default(),
        unit: config.unit,
    }
}
