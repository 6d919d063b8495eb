//! `weir explain`: what is behind a figure of a closed statement.

use super::Common;
use crate::closing::explain;
use crate::exit::Outcome;
use crate::report::{self, Form};
use clap::Args;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir explain 7\n  \
    weir explain 7 in\n  \
    weir explain avtotrade/2026-10 traffic      the rule of this name on its bill\n  \
    weir explain 7 'class national'             its traffic of this class\n  \
    weir explain 7 adjustments                  what it has of earlier periods\n  \
    weir explain 7 -o json\n\n\
    From a figure to the accounts of five minutes behind it, to the records behind these: how many, from which\n\
    exporter, with which sampling interval as said by whom; to the files they are in, and the rules that make money\n\
    of them. See docs/closing.md.")]
pub(super) struct Arguments {
    /// Its number, or TENANT/PERIOD
    #[arg(value_name = "STATEMENT")]
    statement: String,
    /// One line of it: in, out, local_in, local_out, "class NAME", a rule or a tax of the tariff, minimum, adjustments
    #[arg(value_name = "LINE")]
    line: Option<String>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let form = arguments.common.form.text("explain")?;
    let config = arguments.common.config()?;
    let explained = explain::explain(&config, &arguments.statement, arguments.line.as_deref())?;
    let exporter = |address| config.exporter_name(address);
    match form {
        Form::Json => report::print_json(&explained.document(&exporter)),
        Form::Ndjson => report::print(&format!("{}\n", explained.document(&exporter))),
        _ => report::print(&explained.text(&exporter)),
    }
}
