//! `weir rebuild`: the accounts computed again from the records, and the store checked file by file.

use super::{Common, ask};
use crate::exit::{Failure, Outcome};
use crate::report::number::{grouped, things};
use crate::report::{self, Form};
use crate::{clock, log};
use clap::Args;
use serde_json::{Value as Json, json};
use std::fmt::Write;
use weir_store::{Damage, Difference, Error, Options, Rebuilt, Report, Writer};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir rebuild --check\n  \
    weir rebuild\n  \
    weir rebuild --from 2026-10-01 --to 2026-11-01 -o json")]
pub(super) struct Arguments {
    /// Change nothing: read every byte of the store and name every file that is damaged. The daemon may be running
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    when: ask::When,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    log::start();
    let form = arguments.common.form.text("rebuild")?;
    let config = arguments.common.config()?;
    if arguments.check {
        if !arguments.when.is_open() {
            return Err(Failure::usage("--check reads the whole store: leave --from, --to and --last out"));
        }
        return check(&weir_store::verify(&config.store)?, form);
    }
    if !weir_store::exists(&config.store) {
        // Says that there is none, and makes none.
        weir_store::Snapshot::open(&config.store)?;
    }
    let range = arguments.when.span(&config)?.to_bins().0.range();
    let (mut writer, recovery) = Writer::open(&config.store, Options::default())?;
    for damage in &recovery.damage {
        tracing::error!("{} is damaged: {}", damage.path.display(), damage.how);
    }
    let rebuilt = writer.rebuild(&range, clock::now_ms())?;
    writer.close(clock::now_ms())?;
    match form {
        Form::Json | Form::Ndjson => report::print_json(&document(&rebuilt))?,
        _ => report::print(&text(&rebuilt))?,
    }
    match rebuilt.damage.len() {
        0 => Ok(()),
        n => Err(Failure::new(format!(
            "{} could not be read; what is said above names it",
            things(n as u64, "file")
        ))),
    }
}

fn check(found: &Report, form: Form) -> Outcome {
    match form {
        Form::Json | Form::Ndjson => report::print_json(&json!({
            "files": found.files,
            "bytes": found.bytes,
            "records": found.rows,
            "problems": found.problems.iter().map(problem).collect::<Vec<_>>(),
            "journal_damage": found.damage.iter().map(damage).collect::<Vec<_>>(),
        }))?,
        _ => {
            let mut out = String::new();
            for error in &found.problems {
                // Writing into a string does not fail.
                let _ = writeln!(out, "{error}");
            }
            for damage in &found.damage {
                let _ = writeln!(out, "{} is damaged: {}", damage.path.display(), damage.how);
            }
            let _ = writeln!(
                out,
                "{} of {} read, {} records: {}",
                things(found.files, "file"),
                things(found.bytes, "byte"),
                grouped(found.rows),
                match found.problems.len() + found.damage.len() {
                    0 => "all is as it was written, and every account is what its records say".to_owned(),
                    n => things(n as u64, "problem"),
                }
            );
            report::print(&out)?;
        }
    }
    if found.problems.is_empty() && found.damage.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        "the store is damaged: restore the files named above from a copy, or run `weir rebuild` for accounts",
    ))
}

fn problem(error: &Error) -> Json {
    json!({ "file": error.path.to_string_lossy(), "problem": error.to_string() })
}

fn damage(damage: &Damage) -> Json {
    json!({ "file": damage.path.to_string_lossy(), "from": damage.bytes.start, "to": damage.bytes.end, "problem": damage.how })
}

fn document(rebuilt: &Rebuilt) -> Json {
    let counts =
        |c: weir_store::bins::Counts| json!({ "octets": c.octets, "packets": c.packets, "flows": c.flows });
    let difference = |d: &Difference| {
        json!({
            "bin": d.bin, "exporter": d.exporter.to_string(), "kind": d.kind.word(), "tenant": d.tenant, "class": d.class,
            "host": d.host.map(|host| host.to_string()), "before": counts(d.before), "after": counts(d.after),
        })
    };
    json!({
        "units": rebuilt.units,
        "records": rebuilt.rows,
        "units_without_all_records": rebuilt.partial,
        "files_written": rebuilt.files,
        "accounts_differing": rebuilt.differing,
        "differences": rebuilt.differences.iter().map(difference).collect::<Vec<_>>(),
        "problems": rebuilt.damage.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn text(rebuilt: &Rebuilt) -> String {
    let mut out = String::new();
    for error in &rebuilt.damage {
        let _ = writeln!(out, "{error}");
    }
    for d in &rebuilt.differences {
        let class = d.class.as_ref().map_or_else(String::new, |class| format!(" class {class}"));
        let who = format!("{}{class}", d.tenant.as_deref().unwrap_or("-"));
        let host = d.host.map_or_else(|| "-".to_owned(), |host| host.to_string());
        let _ = writeln!(
            out,
            "{} {} {who} {host} of exporter {}: {} octets before, {} from its records",
            weir_account::Zone::utc().rfc3339(d.bin),
            d.kind.word(),
            d.exporter,
            grouped(d.before.octets),
            grouped(d.after.octets)
        );
    }
    let _ = writeln!(
        out,
        "{} read: {} differed, {} of accounts written anew",
        things(rebuilt.rows, "record"),
        things(rebuilt.differing, "account"),
        things(rebuilt.files, "file")
    );
    if rebuilt.partial > 0 {
        let _ = writeln!(
            out,
            "{} passed over: their records were given up, and their accounts stay as they were counted",
            things(rebuilt.partial, "unit")
        );
    }
    out
}
