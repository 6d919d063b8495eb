//! `weir flows`: records, oldest first.

use super::Common;
use super::ask::{self, Source};
use crate::exit::{self, Failure, Outcome};
use crate::report::Form;
use crate::report::flows::{Writer, columns};
use crate::report::name::Names;
use clap::Args;
use std::io::Write;
use std::ops::ControlFlow;
use weir_query::{Listing, Options};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir flows host 192.168.31.2 --last 24h\n  \
    weir flows 'tenant avtotrade and dst port 443' -n 100 -o ndjson\n  \
    weir flows -r capture.pcap 'proto udp'\n  \
    weir flows -r capture.pcap --all -o ndjson")]
pub(super) struct Arguments {
    #[command(flatten)]
    which: ask::Which,
    /// At most so many, the oldest
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// Show also the elements of each record that have no column of their own, by name (in `other`)
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let (form, all) = (arguments.common.form, arguments.all);
    if all && form == Form::Table {
        return Err(Failure::usage("--all is too wide for a table: add -o ndjson, -o json or -o csv"));
    }
    let config = arguments.common.config()?;
    let listing = Listing {
        range: arguments.which.range(&config)?,
        filter: arguments.which.filter(&config)?,
        columns: columns(form, all),
        limit: arguments.limit,
    };
    let exporter = |address| config.exporter_name(address);
    let source = arguments.which.source(&config)?;
    let names = Names::new(source.labels()?, &config);
    let mut writer = Writer::new(form, all, &config.zone, &exporter, &names);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut result = out.write_all(writer.head().as_bytes());
    let each = |batch: &weir_flow::Batch| {
        for row in 0..batch.len() {
            result = out.write_all(writer.row(batch, row).as_bytes());
            if result.is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    };
    match source {
        Source::Files(batches) => {
            weir_query::list_batches(batches, &listing, &Options::default(), each)?;
        }
        Source::Store(snapshot) => {
            weir_query::list(&snapshot, &listing, &Options::default(), each)?;
        }
    }
    let foot = writer.foot();
    result
        .and_then(|()| out.write_all(foot.as_bytes()))
        .and_then(|()| out.flush())
        .or_else(|e| exit::output(&e))
}
