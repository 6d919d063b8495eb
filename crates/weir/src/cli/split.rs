//! `weir split`: what providers charge for their uplinks, shared out among those who used them. Nothing is kept: the same
//! accounts and the same configuration give the same parts.

use super::{Common, usage};
use crate::config::{self, Config, Uplink};
use crate::exit::{Failure, Outcome};
use crate::report::split::Report;
use crate::report::{self, Form};
use crate::statement::uplink::{share_out, totals};
use clap::Args;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir split --period last\n  \
    weir split carrier-a --period 2026-10\n  \
    weir split --period 2026-10 -o csv")]
pub(super) struct Arguments {
    /// Only these uplinks
    #[arg(value_name = "UPLINK")]
    uplinks: Vec<String>,
    /// A period: 2026-10 (the billing month), last, 2026-10-05..2026-10-18, 2026-W41
    #[arg(long, value_name = "PERIOD")]
    period: String,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let form = arguments.common.form.text("split")?;
    let config = arguments.common.config()?;
    let period = usage::period(&arguments.period, &config)?;
    let asked = asked(&config, &arguments.uplinks)?;
    let (used, account) = share_out(&config, &period, &asked)?;
    let why =
        |(name, why): (&str, &str)| format!("the bill of the uplink \"{name}\" cannot be shared out: {why}");
    let failed: Vec<String> = used
        .iter()
        .filter_map(|used| Some((used.uplink.name.as_str(), used.shared.as_ref().err()?.as_str())))
        .map(why)
        .collect();
    if failed.len() == used.len() {
        return Err(Failure::new(failed.join("\n")));
    }
    let report = Report {
        period: &period,
        unit: config.unit,
        used: &used,
        totals: &totals(&used)?,
        completeness: &account.completeness,
        exporter: &|address| config.exporter_name(address),
    };
    if form == Form::Csv || form == Form::Ndjson {
        report.caveats().iter().for_each(|caveat| aside!("weir: {caveat}"));
    }
    report::print(&report.render(form))?;
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join("\n"))) }
}

/// The uplinks that were asked for; all, if none is named.
fn asked<'a>(config: &'a Config, names: &[String]) -> Outcome<Vec<&'a Uplink>> {
    let known: Vec<&str> = config.uplinks.iter().map(|uplink| uplink.name.as_str()).collect();
    if known.is_empty() {
        let cure = "write [[uplink]] with its provider's bill (docs/tariffs.md)";
        return Err(Failure::new(format!("there is no uplink: {cure}")));
    }
    for name in names {
        if !known.contains(&name.as_str()) {
            let near = config::nearest(name, &known).map_or_else(
                || format!("there are {}", known.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            return Err(Failure::new(format!("there is no uplink \"{name}\"; {near}")));
        }
    }
    let is_asked = |uplink: &&Uplink| names.is_empty() || names.contains(&uplink.name);
    Ok(config.uplinks.iter().filter(is_asked).collect())
}
