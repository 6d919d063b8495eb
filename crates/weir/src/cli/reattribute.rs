//! `weir reattribute`: whose the records of an open period are, decided again by the configuration as it is now.
//!
//! What is closed stands: a closed period is refused, and a record that reaches into one is left as it is. The audit trail
//! in the books says what moved, before it does.

use super::{Common, ask, usage};
use crate::closing;
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::report;
use crate::report::moves::{Report, account, left};
use crate::report::number::things;
use crate::{clock, log};
use clap::Args;
use std::ops::Range;
use weir_account::Zone;
use weir_books::{Books, Entry, digest};
use weir_store::{Options, Reattributed, Reattribution, Snapshot, Writer};

/// So many moves are told one by one in the audit trail.
const TOLD_MAX: usize = 20;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir reattribute --period this --dry-run    what would move; the daemon may be running\n  \
    weir reattribute --period 2026-10\n  \
    weir reattribute --from 2026-10-14T12:00 --to 2026-10-20\n  \
    weir reattribute --last 7d -o json\n\n\
    For after a correction of [[tenant]], [[class]], `count` or `own`: records that start in that time are attributed as\n\
    if the configuration had been like this when they came, with their accounts, all at once or not at all. A period\n\
    that is closed is refused: see docs/closing.md for what can be done then. Stop the daemon first. See docs/tenants.md.")]
pub(super) struct Arguments {
    /// A period: this, last, 2026-10 (the billing month), 2026-10-05, 2026-10-05..2026-10-18, 2026-W41
    #[arg(long, value_name = "PERIOD", conflicts_with_all = ["from", "to", "last"])]
    period: Option<String>,
    #[command(flatten)]
    when: ask::When,
    /// Change nothing: say what would move
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

/// Of which time, as people call it.
struct Time {
    name: String,
    range: Range<i64>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    log::start();
    let form = arguments.common.form.text("reattribute")?;
    let config = arguments.common.config()?;
    let time = time(arguments, &config)?;
    // Says that there is none, before one is made.
    let snapshot = Snapshot::open(&config.store)?;
    let closed = closed(&config, &time)?;
    kept(&snapshot, &time, &config.zone)?;
    let attribution = config.attribution();
    let order = Reattribution {
        range: time.range.clone(),
        closed,
        attribute: &|batch| attribution.attribute(batch, 0),
    };
    let done = match arguments.dry_run {
        true => order.preview(&snapshot)?,
        false => {
            drop(snapshot);
            perform(&config, &time, &order)?
        }
    };
    let (zone, is_dry) = (&config.zone, arguments.dry_run);
    let report =
        Report { name: &time.name, range: &time.range, zone, unit: config.unit, is_dry, done: &done };
    report::print(&report.render(form))
}

fn time(arguments: &Arguments, config: &Config) -> Outcome<Time> {
    if let Some(text) = &arguments.period {
        let period = usage::period(text, config)?;
        return Ok(Time { name: period.name(), range: period.from_ms()..period.to_ms() });
    }
    if arguments.when.is_open() {
        return Err(Failure::usage(
            "of which time? write --period this, --period 2026-10, --from 2026-10-14 or --last 7d",
        ));
    }
    let span = arguments.when.span(config)?;
    Ok(Time { name: span.text(&config.zone).trim_start().to_owned(), range: span.range() })
}

/// The spans of all closed periods; none of them may be in the time.
fn closed(config: &Config, time: &Time) -> Outcome<Vec<Range<i64>>> {
    let Some(books) = crate::books::read(&config.store)? else { return Ok(Vec::new()) };
    refuse_closed(&books, time)?;
    Ok(books.closings()?.iter().map(|closed| closed.closing.from_ms..closed.closing.to_ms).collect())
}

fn refuse_closed(books: &Books, time: &Time) -> Outcome {
    let overlapping = books.overlapping(time.range.start, time.range.end)?;
    let Some(closed) = overlapping.first() else { return Ok(()) };
    let (closing, zone) = (&closed.closing, closing::zone(&closed.closing.zone)?);
    Err(Failure::new(format!(
        "{} is closed, from {} to {} in {}, and stands as it is: nothing is changed; name a time outside of it",
        closing.period,
        zone.rfc3339(closing.from_ms),
        zone.rfc3339(closing.to_ms),
        zone.name()
    )))
}

/// All records of the time must be there.
fn kept(snapshot: &Snapshot, time: &Time, zone: &Zone) -> Outcome {
    match snapshot.flows_before().filter(|before| *before > time.range.start) {
        None => Ok(()),
        Some(before) => Err(given_up(before, zone)),
    }
}

fn given_up(before_ms: i64, zone: &Zone) -> Failure {
    let before = zone.rfc3339(before_ms);
    Failure::new(format!(
        "records of before {before} were given up to keep the disk's budget, and what was counted of them cannot be \
         divided anew: nothing is changed; name a time after that, as --from {before}"
    ))
}

fn perform(config: &Config, time: &Time, order: &Reattribution<'_>) -> Outcome<Reattributed> {
    let now_ms = clock::now_ms();
    let (mut writer, recovery) = Writer::open(&config.store, Options::default())?;
    for damage in &recovery.damage {
        tracing::error!("{} is damaged: {}", damage.path.display(), damage.how);
    }
    let mut written = Ok(());
    let done = writer.reattribute(order, now_ms, |done| {
        // Closed meanwhile?
        written = write_down(config, time, "reattribute", why(config, done));
        written.is_ok()
    });
    let done = match (written, done) {
        (Err(failure), _) => return Err(failure),
        (Ok(()), Ok(done)) => done,
        (Ok(()), Err(error)) => {
            let _ = write_down(config, time, "reattribute failed", error.to_string());
            return Err(error.into());
        }
    };
    if let Some(before_ms) = done.stuck_before {
        return Err(given_up(before_ms, &config.zone));
    }
    writer.close(now_ms)?;
    Ok(done)
}

/// An entry in the audit trail, unless the time was closed.
fn write_down(config: &Config, time: &Time, what: &str, why: String) -> Outcome {
    let mut books = crate::books::open(&config.store)?;
    refuse_closed(&books, time)?;
    let (at_ms, who, subject) = (clock::now_ms(), closing::who(), time.name.clone());
    Ok(books.record(&Entry { at_ms, who, what: what.to_owned(), subject, why })?)
}

/// What is done, as a sentence of the audit trail.
fn why(config: &Config, done: &Reattributed) -> String {
    let told = done.moves.iter().take(TOLD_MAX).map(|one| {
        let (octets, records) = (things(one.octets, "octet"), things(one.flows, "record"));
        format!("{octets} in {records} from {} to {}", account(&one.from), account(&one.to))
    });
    let mut parts: Vec<String> = told.collect();
    if let Some(more) = done.moves.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
        parts.push(format!("and {more} moves more"));
    }
    let mut why = format!("{} changed", things(done.changed, "record"));
    if !parts.is_empty() {
        why.push_str(&format!(": {}", parts.join("; ")));
    }
    why.push_str(&left(done));
    let tenants = digest::hex(&digest::of(config.dump().as_bytes()));
    format!("{why}; by the configuration whose dump has SHA-256 {tenants}")
}
