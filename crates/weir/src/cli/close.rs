//! `weir close` and `weir verify`: a period made to stand, and the proof that it does.

use super::{Common, usage};
use crate::closing::{Order, close, page, verify};
use crate::exit::{Failure, Outcome};
use crate::report::{self, Form};
use clap::Args;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir close --period last\n  \
    weir close --period 2026-10 -o json\n  \
    weir close --period 2026-10 --zone Europe/Berlin\n  \
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
    let config = arguments.common.config()?;
    let period = usage::period(&arguments.period, &config)?;
    let order = Order { period: &period, is_early: arguments.early, without_pdf: arguments.without_pdf };
    let done = close(&config, &order)?;
    if done.is_known {
        eprintln!("weir: {period} was closed before: this is what was closed");
    }
    for tenant in &done.waiting {
        eprintln!(
            "weir: \"{tenant}\" has no statement in {period}: an adjustment of an earlier period waits for its next one"
        );
    }
    let page = page::Page::of(&done)?;
    match form {
        Form::Json => report::print_json(&page.document()?),
        Form::Ndjson => report::print(&format!("{}\n", page.document()?)),
        Form::Csv => report::print(&page.csv()),
        Form::Table | Form::Parquet | Form::Arrow => report::print(&page.text(config.unit)?),
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
