//! `weir plot`: a picture of traffic over time.

use super::Common;
use super::ask::{self, Asked, Source};
use super::top::keys;
use crate::config::Config;
use crate::exit::{Failure, Outcome, io};
use crate::plot::{Layer, Plot, Shape, render};
use crate::report;
use crate::report::name::Names;
use crate::report::top::{Beside, Reading, Seen, labels};
use crate::top::{Answer, Group, Series};
use clap::Args;
use std::ops::Range;
use std::path::PathBuf;
use weir_query::{Bucket, Count, Key, Measure, Order, Query};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir plot --last 24h -o day.svg\n  \
    weir plot --by src/24 --last 24h -o out.svg\n  \
    weir plot --by tenant 'direction in' --last 30d --step hour -o tenants.svg\n  \
    weir plot --by service -n 5 --shape line --measure packets --last 7d -o services.svg\n\n\
    What is drawn is the mean over each step. Where nothing at all is stored there is a gap.")]
pub(super) struct Arguments {
    #[command(flatten)]
    which: ask::Which,
    /// A layer for each of the largest groups of these keys (as of top); else one for everything
    #[arg(long, value_name = "KEYS", default_value = "")]
    by: String,
    /// How many groups; what is left is drawn as others
    #[arg(short = 'n', long, value_name = "N", default_value_t = 7)]
    limit: usize,
    /// What is drawn
    #[arg(long, value_name = "MEASURE", default_value = "octets", value_parser = ["octets", "packets", "flows"])]
    measure: String,
    /// How time is cut: 5m, hour, day [default: what the width of the picture can show]
    #[arg(long, value_name = "BUCKET")]
    step: Option<String>,
    /// One on the other, or each by itself
    #[arg(long, value_enum, default_value_t = Shape::Area)]
    shape: Shape,
    /// What stands above it [default: measure, keys and filter]
    #[arg(long)]
    title: Option<String>,
    /// The file; else standard output
    #[arg(short = 'o', long = "output", value_name = "FILE.svg")]
    file: Option<PathBuf>,
    /// The store, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// The time zone of the axis, as Europe/Berlin, instead of the configuration's
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// The configuration; else ./weir.toml or /etc/weir/weir.toml, where there is one
    #[arg(short = 'c', long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let (config, store, zone) = (&arguments.config, &arguments.store, &arguments.zone);
    let common = Common {
        config: config.clone(),
        store: store.clone(),
        zone: zone.clone(),
        form: report::Form::Table,
    };
    if let Some(path) = &arguments.file
        && path.extension().is_some_and(|name| !name.eq_ignore_ascii_case("svg"))
    {
        return Err(Failure::usage(format!(
            "{}: pictures are written as .svg; a browser or rsvg-convert makes other kinds of it",
            path.display()
        )));
    }
    let config = common.config()?;
    let keys = if arguments.by.is_empty() { Vec::new() } else { keys(&arguments.by)? };
    if keys.iter().any(|key| key.is_of_time()) {
        return Err(Failure::usage(
            "a plot is over time already: leave keys of time out of --by, and say --step",
        ));
    }
    let source = arguments.which.source(&config)?;
    let asked = Asked { source: &source, options: ask::Cost::default().options(&config) };
    let range = arguments.which.range(&config)?;
    let Some(span) = asked.span(range.as_ref()) else {
        return Err(Failure::new("nothing is stored to be drawn"));
    };
    let bucket = bucket(arguments, &span)?;
    let asked_span = span.clone();
    let measure = Measure::by_name(&arguments.measure).unwrap_or(Measure::Octets);
    let mut query = Query {
        range: Some(span),
        count: Count::Inside,
        civil: ask::civil(&config.zone),
        membership: config.membership(),
        filter: arguments.which.filter(&config)?,
        keys,
        measures: vec![measure],
        order: Order::Largest(measure),
        limit: Some(arguments.limit),
    };
    let span = widen(&mut query, bucket);
    let Drawn { steps, layers } = layers(&asked, &query, bucket, &span, &config)?;
    if let Source::Store(snapshot) = &source {
        ask::tell(match weir_query::why_records(snapshot, &query) {
            Some(_) => ask::records_gone(snapshot, Some(&asked_span), 0, &config),
            None => ask::accounts_gone(snapshot, Some(&asked_span), &config),
        });
    }
    let plot = Plot {
        title: arguments.title.clone().unwrap_or_else(|| title(arguments, &query)),
        unit: match measure {
            Measure::Packets => "packets/s",
            Measure::Flows => "flows/s",
            _ => "bit/s",
        },
        shape: arguments.shape,
        zone: &config.zone,
        civil: &query.civil,
        span,
        steps,
        layers,
    };
    let svg = render(&plot);
    match &arguments.file {
        Some(path) => std::fs::write(path, svg).map_err(|error| io("cannot write", path, &error)),
        None => report::print(&svg),
    }
}

/// How time is cut: as asked, or so that a step is a few points wide.
fn bucket(arguments: &Arguments, span: &Range<i64>) -> Outcome<Bucket> {
    match &arguments.step {
        None => Ok(ask::bucket_for(span.end.saturating_sub(span.start), 300)),
        Some(name) => Bucket::by_name(name).ok_or_else(|| {
            Failure::usage(format!("--step {name}: write a bucket of time, as 5m, 15m, hour, day, week"))
        }),
    }
}

/// Whole buckets, so that a step is not cut and looks small.
fn widen(query: &mut Query, bucket: Bucket) -> Range<i64> {
    let span = query.range.clone().unwrap_or(0..0);
    let from = bucket.start(span.start, &query.civil);
    let last = bucket.start(span.end.saturating_sub(1), &query.civil);
    let span = from..bucket.end(last, &query.civil);
    query.range = Some(span.clone());
    span
}

struct Drawn {
    steps: Vec<i64>,
    layers: Vec<Layer>,
}

/// The largest groups over time, and what is not among them.
fn layers(
    asked: &Asked<'_>,
    query: &Query,
    bucket: Bucket,
    span: &Range<i64>,
    config: &Config,
) -> Outcome<Drawn> {
    let over_time = |query: &Query| {
        let mut keys = query.keys.clone();
        keys.push(Key::Time(bucket));
        let table = asked.table(&Query { keys, order: Order::Key, limit: None, ..query.clone() })?;
        Series::new(&table, bucket, &query.civil, span)
            .ok_or_else(|| Failure::usage("so many steps fit in no picture: give a longer --step"))
    };
    let nothing: Group = Vec::new();
    // What is stored at all: steps of which nothing is are gaps, whatever the filter.
    // A flow is counted where it begins, its octets wherever it lies.
    let mut is_stored: Vec<bool> = Vec::new();
    for measure in [Measure::Flows, Measure::Octets] {
        let everything = Query { filter: None, keys: Vec::new(), measures: vec![measure], ..query.clone() };
        let stored = over_time(&everything)?;
        is_stored.resize(stored.steps.len(), false);
        let sums = stored.of(&nothing).unwrap_or_default();
        is_stored.iter_mut().zip(sums).for_each(|(stored, sum)| *stored |= *sum > 0);
    }
    let all = over_time(&Query { keys: Vec::new(), ..query.clone() })?;
    let mut left: Vec<u128> = all.of(&nothing).map_or_else(|| vec![0; all.steps.len()], <[u128]>::to_vec);
    let answer = Answer::of(&asked.table(query)?);
    let series = over_time(query)?;
    let ends: Vec<i64> = all.steps.iter().skip(1).copied().chain([span.end]).collect();
    let octets = query.measures.first() == Some(&Measure::Octets);
    let layer = |name: String, sums: &[u128]| {
        let values = sums.iter().zip(all.steps.iter().zip(&ends)).zip(&is_stored).map(
            |((sum, (from, to)), stored)| {
                let ms = u128::from(to.abs_diff(*from)).max(1);
                let scaled = if octets { sum * 8000 } else { sum * 1000 };
                stored.then_some((scaled + ms / 2) / ms)
            },
        );
        Layer { name, values: values.collect() }
    };
    let names = named(asked, query, &answer, config)?;
    let mut layers = Vec::new();
    for (line, name) in answer.lines.iter().zip(names) {
        let none = vec![0; left.len()];
        let sums = series.of(&line.keys).unwrap_or(&none);
        left.iter_mut().zip(sums).for_each(|(left, sum)| *left = left.saturating_sub(*sum));
        layers.push(layer(if query.keys.is_empty() { "all".to_owned() } else { name }, sums));
    }
    if answer.groups > answer.lines.len() as u64 {
        layers.push(layer("others".to_owned(), &left));
    }
    Ok(Drawn { steps: all.steps.clone(), layers })
}

/// What the groups are called.
fn named(asked: &Asked<'_>, query: &Query, answer: &Answer, config: &Config) -> Outcome<Vec<String>> {
    let names = Names::new(asked.source.labels()?, config);
    let beside = Beside { names: &names, span: query.range.clone(), seen: Seen::new(), glossary: None };
    let reading = Reading {
        zone: &config.zone,
        civil: &query.civil,
        unit: config.unit,
        by: &query.measures,
        exporter: &|address| config.exporter_name(address),
        beside: &beside,
        span: None,
        before: None,
        averages: false,
        percentile: None,
        bars: false,
    };
    Ok(labels(answer, &reading))
}

fn title(arguments: &Arguments, query: &Query) -> String {
    let mut title = arguments.measure.clone();
    if !query.keys.is_empty() {
        let keys: Vec<String> = query.keys.iter().map(ToString::to_string).collect();
        title.push_str(&format!(" by {}", keys.join(", ")));
    }
    if let Some(filter) = &query.filter {
        title.push_str(&format!(", {filter}"));
    }
    title
}
