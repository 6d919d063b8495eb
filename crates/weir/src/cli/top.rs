//! `weir top`: groups of flows, the largest first.

use super::Common;
use super::ask::{self, Source};
use crate::exit::{Failure, Outcome};
use crate::report;
use crate::report::name::{Names, named};
use crate::report::top::{Beside, Reading, Seen};
use clap::Args;
use weir_flow::schema::{COLUMNS, Column};
use weir_query::{Cell, Key, Measure, Options, Order, Query, Table};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir top dst_addr --last 24h\n  \
    weir top tenant,proto --from 2026-10-01 --to 2026-11-01\n  \
    weir top src_addr,dst_addr -n 50 --by packets 'dst port 53'\n  \
    weir top host -r capture.pcap")]
pub(super) struct Arguments {
    /// What to group by: column names, separated by commas
    #[arg(value_name = "KEYS")]
    keys: String,
    #[command(flatten)]
    which: ask::Which,
    /// How many groups
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// What they are ordered by
    #[arg(long, value_name = "MEASURE", default_value = "octets", value_parser = ["octets", "packets", "flows"])]
    by: String,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let config = arguments.common.config()?;
    let by = Measure::by_name(&arguments.by).unwrap_or(Measure::Octets);
    let query = Query {
        range: arguments.which.range(&config)?,
        filter: arguments.which.filter(&config)?,
        keys: keys(&arguments.keys)?,
        measures: vec![Measure::Octets, Measure::Packets, Measure::Flows],
        order: Order::Largest(by),
        limit: Some(arguments.limit),
    };
    let source = arguments.which.source(&config)?;
    let names = Names::new(source.labels()?, &config);
    let table = ask_for(&source, &query)?;
    let beside = Beside { names: &names, span: query.range.clone(), seen: seen(&source, &query, &names)? };
    let exporter = |address| config.exporter_name(address);
    let reading = Reading { zone: &config.zone, unit: config.unit, by, exporter: &exporter, beside: &beside };
    report::print(&report::top::render(&table, arguments.common.form, &reading))
}

fn ask_for(source: &Source, query: &Query) -> Outcome<Table> {
    Ok(match source {
        Source::Files(batches) => weir_query::run_batches(batches.clone(), query, &Options::default())?,
        Source::Store(snapshot) => weir_query::run(snapshot, query, &Options::default())?,
    })
}

/// Which exporters have the numbers that may be named, where the exporter is no key itself: a number of two
/// exporters is two things.
fn seen(source: &Source, query: &Query, names: &Names) -> Outcome<Seen> {
    let mut seen = Seen::new();
    let is_by_exporter = query.keys.iter().any(|key| key.column() == Column::Exporter);
    for key in query.keys.iter().filter(|key| named(key.column()).is_some()) {
        let Some(exporter) = Key::by_name("exporter").filter(|_| !is_by_exporter && !names.is_empty()) else {
            continue;
        };
        let apart = Query { keys: vec![*key, exporter], limit: None, ..query.clone() };
        for row in ask_for(source, &apart)?.rows() {
            if let [Some(Cell::Unsigned(number)), Some(Cell::Addr(exporter))] = row.keys {
                seen.entry((key.column(), *number)).or_default().insert(*exporter);
            }
        }
    }
    Ok(seen)
}

/// The keys by their names, with the few short forms that people type without thinking.
fn keys(text: &str) -> Outcome<Vec<Key>> {
    let mut keys = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let full = match name {
            "src" | "src_ip" | "srcip" => "src_addr",
            "dst" | "dst_ip" | "dstip" => "dst_addr",
            "sport" | "srcport" => "src_port",
            "dport" | "dstport" => "dst_port",
            "version" => "protocol_version",
            other => other,
        };
        let key = Key::by_name(full).ok_or_else(|| unknown(name))?;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return Err(Failure::usage("top needs something to group by, as: weir top dst_addr"));
    }
    Ok(keys)
}

fn unknown(name: &str) -> Failure {
    let names: Vec<&str> =
        COLUMNS.iter().map(|d| d.name).filter(|name| Key::by_name(name).is_some()).collect();
    let near =
        crate::config::nearest(name, &names).map_or_else(String::new, |n| format!("did you mean {n}? "));
    Failure::usage(format!("there is no column \"{name}\" to group by; {near}there are {}", names.join(", ")))
}
