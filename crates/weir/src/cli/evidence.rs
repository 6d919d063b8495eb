//! `weir evidence`: a tenant's period in a folder, for a dispute.

use super::{Common, usage};
use crate::closing::evidence::{Order, evidence};
use crate::exit::Outcome;
use crate::report::number::{grouped, things};
use crate::report::{self, Form};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir evidence avtotrade --period 2026-10 --out avtotrade-2026-10\n  \
    weir evidence avtotrade --period 2026-10 --out for-them --mask-peers\n\n\
    The folder has the tenant's flow records and accounts of five minutes (Parquet and CSV), its statement, SHA256SUMS,\n\
    and a README that says how all of it is checked without weir. See docs/closing.md.")]
pub(super) struct Arguments {
    /// Whose
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// Of which period: 2026-10, last, 2026-10-05..2026-10-18
    #[arg(long, value_name = "PERIOD")]
    period: String,
    /// The folder, which is made
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Of addresses that are not the tenant's show only the network: /24, /48
    #[arg(long)]
    mask_peers: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let form = arguments.common.form.text("evidence")?;
    let config = arguments.common.config()?;
    let period = usage::period_of(&arguments.tenant, &arguments.period, &config)?;
    let order = Order {
        tenant: &arguments.tenant,
        period: &period,
        out: &arguments.out,
        is_masked: arguments.mask_peers,
    };
    let pack = evidence(&config, &order)?;
    for (what, before) in [("flow records", pack.flows_before), ("accounts", pack.accounts_before)] {
        if let Some(before) = before {
            let before = period.zone().rfc3339(before);
            aside!(
                "weir: {what} before {before} were given up: they are not in the folder, and its README.md says so"
            );
        }
    }
    match form {
        Form::Json | Form::Ndjson => report::print_json(&json!({
            "folder": arguments.out.to_string_lossy(),
            "records": pack.records,
            "records_over_an_end": pack.crossing,
            "records_given_up_before": pack.flows_before.map(|ms| period.zone().rfc3339(ms)),
            "accounts_given_up_before": pack.accounts_before.map(|ms| period.zone().rfc3339(ms)),
            "files": pack.files,
        })),
        _ => report::print(&format!(
            "{}: {} records in {}; its README.md says how they are checked\n",
            arguments.out.display(),
            grouped(pack.records),
            things(pack.files.len() as u64 + 1, "file")
        )),
    }
}
