//! What questions have in common: which flows, of which time, from where.

use crate::collect::{Decoder, file};
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::{clock, log};
use clap::Args;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;
use weir_account::Span;
use weir_account::span::SpanText;
use weir_flow::Batch;
use weir_flow::filter::{Filter, Names};
use weir_store::Snapshot;

/// Which flows.
#[derive(Args, Debug, Clone)]
pub(super) struct Which {
    /// A filter, as: src net 192.168.31.0/24 and dst port 443
    #[arg(value_name = "FILTER", trailing_var_arg = true)]
    filter: Vec<String>,
    #[command(flatten)]
    pub(super) when: When,
    /// Read these files, without any store
    #[arg(short = 'r', long = "read", value_name = "FILE", num_args = 1..)]
    pub(super) files: Vec<PathBuf>,
}

/// Which time.
#[derive(Args, Debug, Clone)]
pub(super) struct When {
    /// From here on: a date, a time (RFC 3339), or how long ago
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until before here
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The last so long: 90m, 24h, 7d
    #[arg(long, value_name = "LENGTH")]
    last: Option<String>,
}

impl When {
    /// The span asked for; open where nothing is said.
    pub(super) fn span(&self, config: &Config) -> Outcome<Span> {
        let text =
            SpanText { from: self.from.as_deref(), to: self.to.as_deref(), last: self.last.as_deref() };
        Span::parse(text, &config.zone, clock::now_ms()).map_err(|error| Failure::usage(error.to_string()))
    }

    pub(super) fn is_open(&self) -> bool {
        self.from.is_none() && self.to.is_none() && self.last.is_none()
    }
}

impl Which {
    /// The filter, with the configuration's names understood.
    pub(super) fn filter(&self, config: &Config) -> Outcome<Option<Filter>> {
        let text = self.filter.join(" ");
        let exporters = config.exporter_names().into_iter().collect();
        let tenants = config.tenants.iter().map(|tenant| tenant.name.clone()).collect();
        let names = Names { exporters, tenants };
        let filter = Filter::parse_with(&text, &names)
            .map_err(|mistake| Failure::usage(format!("in the filter: {}", mistake.render(&text))))?;
        Ok(Some(filter).filter(|f| !f.is_everything()))
    }

    /// The span as queries take it.
    pub(super) fn range(&self, config: &Config) -> Outcome<Option<Range<i64>>> {
        if self.when.is_open() {
            return Ok(None);
        }
        Ok(Some(self.when.span(config)?.range()))
    }

    /// The records of the files, in memory: decoded and attributed as an import would.
    pub(super) fn batches(&self, config: &Config) -> Outcome<Vec<Batch>> {
        let mut decoder = Decoder::new(config);
        let mut batches = Vec::new();
        let mut problems = log::Problems::default();
        for path in &self.files {
            file::read(
                path,
                None,
                clock::now_ms(),
                &mut |arrival| {
                    if let Some(problem) = decoder.ingest(arrival) {
                        problems.note(&problem, Instant::now());
                    }
                    if decoder.is_full() {
                        batches.push(decoder.take());
                    }
                    Ok(())
                },
                &|_| {},
            )?;
        }
        batches.push(decoder.take());
        Ok(batches)
    }
}

/// The store as it is now.
pub(super) fn snapshot(config: &Config) -> Outcome<Snapshot> {
    let snapshot = Snapshot::open(&config.store)?;
    for damage in snapshot.damage() {
        eprintln!(
            "weir: the journal is damaged, its whole records are used: {} in {}",
            damage.how,
            damage.path.display()
        );
    }
    Ok(snapshot)
}
