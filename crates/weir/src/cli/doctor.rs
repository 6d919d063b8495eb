//! `weir doctor`: every exporter, what is wrong with it, and the lines that cure it.

use super::{Common, ask};
use crate::advice::cure::Kinds;
use crate::exit::{Failure, Outcome};
use crate::metrics::door;
use crate::report::{self, doctor::Report};
use crate::{advice, clock, doctor};
use clap::Args;
use weir_account::Span;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir doctor\n  \
    weir doctor --last 7d\n  \
    weir doctor core --kind cisco-ios-xr\n  \
    weir doctor -o json --all-cures\n\n\
    Ends with 0 if nothing that was found touches a bill, with 1 if something does, or if it could not look.")]
pub(super) struct Arguments {
    /// Only this exporter, by name or address
    #[arg(value_name = "EXPORTER")]
    exporter: Option<String>,
    #[command(flatten)]
    when: ask::When,
    /// What the exporters are, for the cures: as in weir exporter-config --list
    #[arg(long, value_name = "KIND", conflicts_with = "all_cures")]
    kind: Option<String>,
    /// The cures of every kind of exporter, not only of those it is likely to be
    #[arg(long)]
    all_cures: bool,
    #[command(flatten)]
    common: Common,
}

/// What is looked at if nobody says: the last day.
const USUAL_MS: i64 = 86_400_000;

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let config = arguments.common.config()?;
    let now = clock::now_ms();
    let span = if arguments.when.is_open() {
        Span { from_ms: Some(now - USUAL_MS), to_ms: None }
    } else {
        arguments.when.span(&config)?
    };
    let kinds = kinds(arguments)?;
    let form = arguments.common.form.text("doctor")?;
    let snapshot = ask::snapshot(&config, Some(&span.range()))?;
    let mut checkup = doctor::checkup(&snapshot, &config, span.range(), now)?;
    if let Some(name) = &arguments.exporter {
        let is_meant = |address| config.exporter_name(address) == *name || address.to_string() == *name;
        checkup.exporters.retain(|(patient, _)| is_meant(patient.address));
        if checkup.exporters.is_empty() {
            return Err(Failure::new(format!("nothing came from an exporter \"{name}\" in that time")));
        }
    }
    if checkup.exporters.is_empty() {
        return Err(Failure::new(nothing(&snapshot, &config)));
    }
    let exporter = |address| config.exporter_name(address);
    let holder = weir_store::holder(&config.store);
    let daemon = door::ask(&config.store);
    let zone = &config.zone;
    let forecast = snapshot.forecast(config.budget.bytes);
    let report =
        Report { checkup: &checkup, holder, daemon, forecast, zone, kinds: &kinds, exporter: &exporter };
    report::print(&report.render(form))?;
    match checkup.grave() {
        0 => Ok(()),
        1 => Err(Failure::new("1 finding touches the bill: its line begins with ✗, its cure is under it")),
        n => Err(Failure::new(format!(
            "{n} findings touch the bill: their lines begin with ✗, their cures are under them"
        ))),
    }
}

fn kinds(arguments: &Arguments) -> Outcome<Kinds> {
    let Some(kind) = &arguments.kind else {
        return Ok(if arguments.all_cures { Kinds::All } else { Kinds::Likely });
    };
    advice::device(kind)
        .map(|device| Kinds::One(device.name))
        .ok_or_else(|| super::exporter_config::unknown(kind))
}

/// Why there is nothing to say.
fn nothing(snapshot: &weir_store::Snapshot, config: &crate::config::Config) -> String {
    let mut last = None;
    // What cannot be read was readable a moment ago; the sentence then only says less.
    let _ = snapshot.health(i64::MIN..i64::MAX, |row| last = last.max(Some(row.bin)));
    match last {
        Some(bin) => format!(
            "nothing came in that time; the newest datagram is of {}: weir doctor --from {}",
            config.zone.rfc3339(bin),
            config.zone.rfc3339(bin).get(..10).unwrap_or_default()
        ),
        None => {
            "nothing has come yet: weir exporter-config --list says how exporters are told to send".to_owned()
        }
    }
}
