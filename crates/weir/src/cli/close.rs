//! `weir close` and `weir verify`: a period made to stand, and the proof that it does.

use super::{Common, usage};
use crate::closing::{Order, close, page, verify};
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::report::{self, Form};
use clap::Args;
use weir_account::Unit;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir close --period last\n  \
    weir close --period 2026-10 -o json\n  \
    weir close --period this --early            before it is over: what comes after is adjusted later\n\n\
    Every tenant's statement of the period is written into the books (books.sqlite in the store), numbered and chained,\n\
    and is never changed again. Records that come later are adjusted when a later period is closed. Closing what is\n\
    closed prints it again. See docs/closing.md.")]
pub(super) struct Arguments {
    /// Which: 2026-10 (the billing month), last, 2026-W41, 2026-10-05..2026-10-18
    #[arg(long, value_name = "PERIOD")]
    period: String,
    /// Close it though it is not over; that is written down
    #[arg(long)]
    early: bool,
    /// Keep no PDF of the statements (text, HTML, CSV and JSON are always kept)
    #[arg(long)]
    without_pdf: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let form = arguments.common.form.text("close")?;
    let config = in_its_zone(&arguments.common)?;
    if config.tenants.iter().next().is_none() {
        // What is closed stays so: without a configuration it would be a month in UTC that nobody is charged for.
        return Err(Failure::usage(
            "there is no [[tenant]] in the configuration, so there is nothing to close: name its file with -c",
        ));
    }
    let (mut pages, mut failures) = (Vec::new(), Vec::new());
    // On each calendar that tenants have, a period of its own.
    for (period, _) in usage::periods(&[], &arguments.period, &config)? {
        let order = Order { period: &period, is_early: arguments.early, without_pdf: arguments.without_pdf };
        let done = match close(&config, &order) {
            Ok(done) => done,
            Err(failure) => {
                failures.push(failure);
                continue;
            }
        };
        let label = config.label(&period);
        if done.is_known {
            aside!("weir: {label} was closed before: this is what was closed");
        }
        for (tenant, time) in &done.between {
            let [from, to] = [time.start, time.end].map(|ms| period.zone().rfc3339(ms));
            aside!(
                "weir: what \"{tenant}\" used from {from} to {to} is on no statement: its zone was another one"
            );
        }
        pages.push(page::Page::of(&done)?);
    }
    print(&pages, form, config.unit)?;
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0)),
        _ => Err(Failure::new(failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))),
    }
}

/// The configuration, whose zone no other is put in place of: to look at another zone's month is one thing, to make it stand for
/// ever another.
fn in_its_zone(common: &Common) -> Outcome<Config> {
    let (own, asked) = (Common { zone: None, ..common.clone() }.config()?, common.config()?);
    if own.zone == asked.zone {
        return Ok(own);
    }
    Err(Failure::usage(format!(
        "periods are closed in the zone of the configuration, {}: leave --zone {} out, or write zone = \"{}\" under [billing] if \
         that is the zone of the bills",
        own.zone.name(),
        asked.zone.name(),
        asked.zone.name()
    )))
}

/// Prints what was closed, if anything was.
fn print(pages: &[page::Page], form: Form, unit: Unit) -> Outcome {
    if pages.is_empty() {
        return Ok(());
    }
    let documents = || pages.iter().map(page::Page::document).collect::<Outcome<Vec<_>>>();
    match form {
        Form::Json => report::print_json(&report::listed(documents()?)),
        Form::Ndjson => report::print(&documents()?.iter().map(|one| format!("{one}\n")).collect::<String>()),
        Form::Csv => report::print(&report::joined_csv(pages.iter().map(page::Page::csv))),
        Form::Table | Form::Parquet | Form::Arrow => {
            let texts = pages.iter().map(|page| page.text(unit)).collect::<Outcome<Vec<_>>>()?;
            report::print(&texts.join("\n"))
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir verify\n  \
    weir verify -o json\n  \
    weir verify && echo 'everything stands'\n\n\
    Reads every byte of the store and of the books, computes every account and every closed period again, and names\n\
    what is not as it was written: the file or statement, the tenant, the figure, and both values. Changes nothing;\n\
    the daemon may be running. Ends with 1 if anything is wrong. See docs/closing.md.")]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    common: Common,
}

pub(super) fn verify(arguments: &VerifyArguments) -> Outcome {
    let form = arguments.common.form.text("verify")?;
    let found = verify::verify(&arguments.common.config()?)?;
    match form {
        Form::Json => report::print_json(&page::verified_document(&found))?,
        Form::Ndjson => report::print(&format!("{}\n", page::verified_document(&found)))?,
        _ => report::print(&page::verified(&found))?,
    }
    match found.problems.first() {
        None => Ok(()),
        Some(first) => Err(Failure::new(format!("not everything stands: {}", first.sentence()))),
    }
}
