//! `weir rate`: what a period's traffic costs, by the tenants' tariffs or by another one, as a what-if. Nothing is
//! kept: the same accounts and the same tariff give the same amounts.

use super::{Common, usage};
use crate::config::{self, Config};
use crate::exit::{Failure, Outcome};
use crate::report;
use crate::report::bill::{self, Charged, Report};
use crate::statement::{self, Account, Level, Wanted};
use clap::Args;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use weir_account::Period;
use weir_account::tariff::Tariff;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir rate --period 2026-10\n  \
    weir rate avtotrade --period last\n  \
    weir rate --period 2026-10 --tariff new.toml      what it would have cost by that file's tariff\n  \
    weir rate --period 2026-10 --tariff new.toml:gold if there are several in it")]
pub(super) struct Arguments {
    /// Only these tenants
    #[arg(value_name = "TENANT")]
    tenants: Vec<String>,
    /// A period: 2026-10 (the billing month), last, 2026-10-05..2026-10-18, 2026-W41
    #[arg(long, value_name = "PERIOD")]
    period: String,
    /// This tariff for all, instead of their own: its name in the configuration, or a file with tariffs
    #[arg(long, value_name = "TARIFF")]
    tariff: Option<String>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let form = arguments.common.form.text("rate")?;
    let config = arguments.common.config()?;
    let one = arguments.tariff.as_deref().map(|text| find(text, &config)).transpose()?;
    if let Some((what, cure)) =
        one.as_ref().and_then(|tariff| config::class::unknown(&config.classes, tariff))
    {
        return Err(Failure::new(format!("{what}; {cure}")));
    }
    let periods = usage::periods(&arguments.tenants, &arguments.period, &config)?;
    let views: Vec<(Cow<'_, Config>, Period, Vec<String>)> =
        periods.into_iter().map(|(period, tenants)| (config.of(&period), period, tenants)).collect();
    let mut reports = Vec::new();
    let mut nobody = Ok(());
    for (config, period, tenants) in &views {
        match rated(config, period, tenants, one.as_ref()) {
            Ok(report) => reports.push(report),
            // On another calendar somebody may have a tariff.
            Err(failure) if tenants.is_empty() && views.len() > 1 && !is_charged(config, one.as_ref()) => {
                nobody = Err(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    if reports.is_empty() {
        return nobody;
    }
    for report in &reports {
        if let Some(before) = report.given_up_before {
            let said = report::completeness::given_up(before, report.period.zone());
            aside!("weir: {said}: these bills are of that");
        }
    }
    report::print(&bill::render(&reports, form))
}

/// Whether anybody of a configuration has a tariff.
fn is_charged(config: &Config, one: Option<&Tariff>) -> bool {
    config.payers().any(|tenant| one.or_else(|| statement::tariff(config, &tenant.name)).is_some())
}

/// The bills of a period; by one tariff, or by each tenant's own.
fn rated<'a>(
    config: &'a Config,
    period: &'a Period,
    tenants: &[String],
    one: Option<&'a Tariff>,
) -> Outcome<Report<'a>> {
    let mut charged: Vec<(&str, &Tariff)> = Vec::new();
    for tenant in config.payers() {
        if let Some(tariff) = one.or_else(|| statement::tariff(config, &tenant.name)) {
            charged.push((&tenant.name, tariff));
        }
    }
    let charged = asked(charged, tenants)?;
    let wanted = Wanted {
        range: period.from_ms()..period.to_ms(),
        level: Level::Tenants,
        days: None,
        charged: charged.iter().copied().collect(),
        zone: period.zone(),
        of: None,
    };
    let account = Account::read(config, &wanted)?;
    let mut bills = Vec::new();
    for (tenant, tariff) in charged {
        let Some(meter) = account.meter(tenant) else { continue };
        let bill = tariff.rate(meter).map_err(|error| Failure::new(format!("{tenant}: {error}")))?;
        bills.push(Charged { tenant, tariff, bill });
    }
    let given_up_before = account.completeness.given_up_before;
    Ok(Report { period, unit: config.unit, bills, given_up_before })
}

/// Those of the tenants that were asked for.
fn asked<'a>(all: Vec<(&'a str, &'a Tariff)>, names: &[String]) -> Outcome<Vec<(&'a str, &'a Tariff)>> {
    let known: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    for name in names {
        if !known.contains(&name.as_str()) {
            let near = config::nearest(name, &known)
                .map_or_else(String::new, |near| format!("; did you mean {near}?"));
            return Err(Failure::new(format!("there is no tenant \"{name}\" with a tariff{near}")));
        }
    }
    if all.is_empty() {
        let cure =
            "write [[tariff]] and tariff = \"…\" in [[tenant]], or ask with --tariff FILE (docs/tariffs.md)";
        return Err(Failure::new(format!("no tenant has a tariff: {cure}")));
    }
    Ok(all.into_iter().filter(|(name, _)| names.is_empty() || names.iter().any(|one| one == name)).collect())
}

/// The tariff of a name in the configuration, or the one in a file (or the one of a name in it).
fn find(text: &str, config: &Config) -> Outcome<Tariff> {
    if let Some(tariff) = config.tariffs.iter().find(|tariff| tariff.name == text) {
        return Ok(tariff.clone());
    }
    let (path, name) = match text.rsplit_once(':') {
        Some((path, name)) if !Path::new(text).exists() => (PathBuf::from(path), Some(name)),
        _ => (PathBuf::from(text), None),
    };
    if !path.exists() {
        let known: Vec<&str> = config.tariffs.iter().map(|tariff| tariff.name.as_str()).collect();
        let near =
            config::nearest(text, &known).map_or_else(String::new, |near| format!("; did you mean {near}?"));
        return Err(Failure::new(format!(
            "there is no tariff \"{text}\" in the configuration, and no such file{near}"
        )));
    }
    let (file, _) = config::load(Some(&path))?;
    let mut tariffs = file.tariffs.into_iter().filter(|tariff| name.is_none_or(|name| tariff.name == name));
    match (tariffs.next(), tariffs.next()) {
        (Some(tariff), None) => Ok(tariff),
        (None, _) => Err(Failure::new(format!("{}: there is no such [[tariff]] in it", path.display()))),
        (Some(_), Some(_)) => {
            Err(Failure::new(format!("{}: there are several tariffs in it: write FILE:NAME", path.display())))
        }
    }
}
