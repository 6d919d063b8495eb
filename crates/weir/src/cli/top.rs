//! `weir top`: groups of flows, the largest first.

use super::Common;
use super::ask::{self, Asked, Source};
use crate::clock::Moment;
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::name::{Book, Glossary};
use crate::report;
use crate::report::Form;
use crate::report::name::{Names, named};
use crate::report::top::{Beside, Reading, Seen, is_address, is_system};
use crate::top::{Answer, Series, compare, is_pair, merge};
use clap::Args;
use std::collections::BTreeSet;
use std::ops::Range;
use weir_flow::schema::Column;
use weir_flow::time::{BIN_MS, bin};
use weir_query::{Bucket, Cell, Count, Key, Measure, Order, Query};

/// What people read under the options.
const EXAMPLES: &str = "Examples:
  weir top dst_addr --last 24h
  weir top src/24,service --from 2026-10-01 --to 2026-11-01 --others
  weir top tenant,day --last 30d -n 0 -o csv
  weir top hour 'tenant avtotrade' --last 7d
  weir top src,dst -n 50 --by packets,octets 'dst port 53'
  weir top group,tenant --last 30d
  weir top dst_as 'own group campus/north' --last 1d
  weir top host --last 1d --compare 1w
  weir top conversation --bi --last 1h --averages
  weir top tenant --last 30d --percentile 95
  weir top host -r capture.pcap
  weir top remote,dst_as --last 1d --names

Keys:
  any column            src_addr, dst_port, proto, tenant, host, exporter, src_as, ... (docs/columns.md)
  short                 src, dst, sport, dport, in_if, out_if; if, as, port, pair, conversation are several
  src/24, dst/48        the network: up to 32 is IPv4's length (IPv6 /48), above it IPv6's (IPv4 /24);
                        src/24/56 says both; also host/N, remote/N and every other address
  remote                the other side of the tenant's host
  group, group/1        the group of the tenant; the first names of its path: campus of campus/north
  service               protocol and the port that tells the service: the one with a name, else the lower
  time/5m, minute, hour, day, week, month    buckets of time, as the zone's clocks show it
  hour_of_day, weekday  the same of all days, of all weeks
With a key of time a flow is spread over the buckets it lies in, as in the accounts, and what falls into the span
counts; without, a flow that overlaps the span counts whole, unless --inside is given.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// What to group by, separated by commas: columns, networks (src/24), service, remote, time (hour, day)
    #[arg(value_name = "KEYS")]
    keys: String,
    #[command(flatten)]
    which: ask::Which,
    /// How many groups; 0 is all [default: 20; all where the first key is of time]
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// What is added up and shown first; the first of several orders the groups
    #[arg(long, value_name = "MEASURES", default_value = "octets", value_delimiter = ',',
        value_parser = ["octets", "packets", "flows", "measured_octets", "measured_packets"])]
    by: Vec<String>,
    /// The largest first, or by the keys [default: largest; key where the first key is of time]
    #[arg(long, value_name = "ORDER", value_parser = ["largest", "key"])]
    order: Option<String>,
    /// A row for what is not among those shown, so that the column adds up
    #[arg(long)]
    others: bool,
    /// Means over the span (or the bucket): bits and packets per second, octets per packet
    #[arg(long)]
    averages: bool,
    /// The same over the span before (previous), or so much earlier (1d, 1w); implies --inside
    #[arg(long, value_name = "WHEN", conflicts_with = "bidirectional")]
    compare: Option<String>,
    /// The two directions of a conversation as one row, with what went out and what came back
    #[arg(long = "bi")]
    bidirectional: bool,
    /// Bits per second that so many percent of all five minutes do not exceed
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    percentile: Option<u8>,
    /// How each group went over the span, as a small line
    #[arg(long)]
    spark: bool,
    /// Of flows that overlap the span in part, only what falls into it, as in the accounts
    #[arg(long)]
    inside: bool,
    /// Beside addresses what is known of them: names (files, DNS), countries, networks; beside AS numbers who runs them
    #[arg(long)]
    names: bool,
    /// Say on standard error what was read for the answer, and why
    #[arg(long)]
    explain: bool,
    /// No bars on a terminal
    #[arg(long)]
    no_bars: bool,
    #[command(flatten)]
    cost: ask::Cost,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let config = arguments.common.config()?;
    let mut query = query(arguments, &config)?;
    check(arguments, &query)?;
    if query.is_spread() {
        widen(&mut query);
    }
    let source = arguments.which.source(&config)?;
    let asked = Asked { source: &source, options: arguments.cost.options(&config) };
    let span = asked.span_of(&query);
    let before = arguments.compare.as_deref().map(|when| earlier(when, &query)).transpose()?;
    let mut answer = asked.answer(arguments, &query, before.as_ref())?;
    asked.series(arguments, &query, span.as_ref(), &mut answer)?;
    let gone = match &source {
        Source::Store(snapshot) if answer.statistics.from_accounts => {
            ask::accounts_gone(snapshot, query.range.as_ref(), &config)
        }
        Source::Store(snapshot) => {
            ask::records_gone(snapshot, query.range.as_ref(), answer.statistics.segments_gone, &config)
        }
        Source::Files(_) => None,
    };
    ask::tell(gone);
    if arguments.explain {
        let why = match &source {
            Source::Files(_) => Some("files are read, which have none".to_owned()),
            Source::Store(snapshot) => weir_query::why_records(snapshot, &query),
        };
        aside!("{}", report::top::explain(&answer, why.as_deref()).trim_end_matches('\n'));
    }
    let names = Names::new(source.labels()?, &config);
    let seen = seen(&asked, &query, &names)?;
    let glossary = glossary(arguments, &config, &answer)?;
    let beside = Beside { names: &names, span: query.range.clone(), seen, glossary: glossary.as_ref() };
    let exporter = |address| config.exporter_name(address);
    let reading = Reading {
        zone: &config.zone,
        civil: &query.civil,
        unit: config.unit,
        by: &measures(&arguments.by),
        exporter: &exporter,
        beside: &beside,
        span,
        before,
        averages: arguments.averages,
        percentile: arguments.percentile,
        bars: !arguments.no_bars && report::is_terminal(),
    };
    match arguments.common.form {
        form @ (Form::Parquet | Form::Arrow) => {
            report::columns::print(form, &report::top::sheet(&answer, &reading))
        }
        form => report::print(&report::top::render(&answer, form, &reading)),
    }
}

/// What is known of the addresses and systems shown, if that was asked for.
fn glossary(arguments: &Arguments, config: &Config, answer: &Answer) -> Outcome<Option<Glossary>> {
    if !arguments.names {
        return Ok(None);
    }
    let (mut addresses, mut systems) = (Vec::new(), BTreeSet::new());
    for line in &answer.lines {
        for (key, cell) in answer.keys.iter().zip(&line.keys) {
            match cell {
                Some(Cell::Addr(address)) if is_address(*key) => addresses.push(*address),
                Some(Cell::Unsigned(n)) if is_system(*key) => systems.extend(u32::try_from(*n).ok()),
                _ => {}
            }
        }
    }
    let mut book = Book::open(config, Moment::now())?;
    let glossary = book.look_up(&addresses, &systems, Moment::now());
    super::name::remark(&book);
    Ok(Some(glossary))
}

/// The question that was typed.
fn query(arguments: &Arguments, config: &Config) -> Outcome<Query> {
    let keys = keys(&arguments.keys)?;
    let by = measures(&arguments.by);
    let mut shown = by.clone();
    shown.extend([Measure::Octets, Measure::Packets, Measure::Flows]);
    let mut measures: Vec<Measure> = Vec::new();
    for measure in if by.len() > 1 { shown } else { in_usual_order(&by) } {
        if !measures.contains(&measure) {
            measures.push(measure);
        }
    }
    let of_time = keys.first().is_some_and(|key| key.is_of_time());
    let by_key = arguments.order.as_deref().map_or(of_time, |order| order == "key");
    let largest = by.first().copied().unwrap_or(Measure::Octets);
    let limit = arguments.limit.unwrap_or(if of_time { 0 } else { 20 });
    let inside = arguments.inside || arguments.compare.is_some();
    Ok(Query {
        range: arguments.which.range(config)?,
        count: if inside { Count::Inside } else { Count::Whole },
        civil: ask::civil(&config.zone),
        membership: config.membership(),
        filter: arguments.which.filter(config)?,
        keys,
        measures,
        order: if by_key { Order::Key } else { Order::Largest(largest) },
        limit: Some(limit).filter(|limit| *limit > 0),
    })
}

/// One measure changes the order of the rows and not of the columns.
fn in_usual_order(by: &[Measure]) -> Vec<Measure> {
    let usual = [Measure::Octets, Measure::Packets, Measure::Flows];
    usual.into_iter().chain(by.iter().copied()).collect()
}

fn measures(names: &[String]) -> Vec<Measure> {
    names.iter().filter_map(|name| Measure::by_name(name)).collect()
}

/// What does not go together.
fn check(arguments: &Arguments, query: &Query) -> Outcome {
    let has_time = query.keys.iter().any(|key| key.is_of_time());
    let is_dated = query.keys.iter().any(|key| matches!(key, Key::Time(_)));
    let wrong = |sentence: &str| Err(Failure::usage(sentence));
    if arguments.bidirectional && !is_pair(&query.keys) {
        return wrong(
            "--bi needs both ends among the keys, as: weir top pair --bi, weir top conversation --bi",
        );
    }
    if (arguments.percentile.is_some() || arguments.spark) && (has_time || arguments.bidirectional) {
        return wrong(
            "--percentile and --spark look at each group over time: leave out keys of time, and --bi",
        );
    }
    if arguments.compare.is_some() && is_dated {
        return wrong(
            "--compare holds groups of two spans together, and no bucket of time is in both: group by hour_of_day or weekday",
        );
    }
    Ok(())
}

/// Parts of flows are counted in whole steps.
fn widen(query: &mut Query) {
    let step = query.step_ms();
    let Some(range) = &mut query.range else { return };
    let down = |ms: i64| if matches!(ms, i64::MIN | i64::MAX) { ms } else { ms - ms.rem_euclid(step) };
    let (from, to) = (down(range.start), down(range.end));
    let to = if to < range.end { to.saturating_add(step) } else { to };
    if (from..to) != *range {
        *range = from..to;
        let step = report::number::duration(step.unsigned_abs());
        aside!("weir: parts of flows are counted in steps of {step}: the span is widened to whole ones");
    }
}

/// The same span, earlier.
fn earlier(when: &str, query: &Query) -> Outcome<Range<i64>> {
    let closed = query.range.as_ref().filter(|range| range.start != i64::MIN && range.end != i64::MAX);
    let Some(range) = closed else {
        return Err(Failure::usage("--compare needs a span with both ends, as: --last 1d --compare 1w"));
    };
    if when == "previous" {
        return Ok(range.start.saturating_sub(range.end.saturating_sub(range.start))..range.start);
    }
    let number = when.get(..when.len().saturating_sub(1)).and_then(|digits| digits.parse::<i64>().ok());
    let days = |days: i64| {
        let at = |ms| query.civil.days_later(ms, -days);
        at(range.start)..at(range.end)
    };
    match (number.filter(|n| (1..=3660).contains(n)), when.chars().last()) {
        (Some(n), Some('h')) => {
            let ms = n.saturating_mul(3_600_000);
            Ok(range.start.saturating_sub(ms)..range.end.saturating_sub(ms))
        }
        (Some(n), Some('d')) => Ok(days(n)),
        (Some(n), Some('w')) => Ok(days(n.saturating_mul(7))),
        _ => {
            Err(Failure::usage(format!("--compare {when}: write previous, or how much earlier: 6h, 1d, 1w")))
        }
    }
}

impl Asked<'_> {
    /// The groups that are shown, with what stands beside them.
    fn answer(&self, arguments: &Arguments, query: &Query, before: Option<&Range<i64>>) -> Outcome<Answer> {
        let limit = query.limit.unwrap_or(0);
        let all = Query { limit: None, ..query.clone() };
        let mut answer = match before {
            Some(before) => {
                let mut now = Answer::of(&self.table(&all)?);
                let earlier = Query { range: Some(before.clone()), ..all };
                compare(&mut now, &Answer::of(&self.table(&earlier)?), query.order);
                now
            }
            None if arguments.bidirectional => {
                let mut both = Answer::of(&self.table(&all)?);
                merge(&mut both, query.order);
                both
            }
            None => Answer::of(&self.table(query)?),
        };
        answer.cut(limit, arguments.others);
        Ok(answer)
    }

    /// Percentiles and small lines of the groups that are shown.
    fn series(
        &self,
        arguments: &Arguments,
        query: &Query,
        span: Option<&Range<i64>>,
        answer: &mut Answer,
    ) -> Outcome {
        if let Some(percent) = arguments.percentile {
            let series = self.over_time(query, Measure::Octets, Bucket::Width(BIN_MS), span)?;
            for line in &mut answer.lines {
                let octets = series.percentile(&line.keys, percent);
                let seconds = u128::from(BIN_MS.unsigned_abs() / 1000);
                line.percentile_bps = Some((octets * 8 + seconds / 2) / seconds);
            }
        }
        if arguments.spark {
            let by = measures(&arguments.by).first().copied().unwrap_or(Measure::Octets);
            let length = span.map_or(0, |span| span.end.saturating_sub(span.start));
            let series = self.over_time(query, by, ask::bucket_for(length, 32), span)?;
            for line in &mut answer.lines {
                line.series = Some(series.of(&line.keys).map_or_else(Vec::new, <[u128]>::to_vec));
            }
        }
        Ok(())
    }

    fn over_time(
        &self,
        query: &Query,
        by: Measure,
        bucket: Bucket,
        span: Option<&Range<i64>>,
    ) -> Outcome<Series> {
        let mut keys = query.keys.clone();
        keys.push(Key::Time(bucket));
        let mut query = Query { keys, measures: vec![by], order: Order::Key, limit: None, ..query.clone() };
        let span = span.cloned().unwrap_or(0..0);
        if query.range.is_some() {
            query.range = Some(bin(span.start)..bin(span.end.saturating_add(BIN_MS - 1)));
        }
        let span = query.range.clone().unwrap_or(bin(span.start)..bin(span.end.saturating_add(BIN_MS - 1)));
        let table = self.table(&query)?;
        Series::new(&table, bucket, &query.civil, &span)
            .ok_or_else(|| Failure::usage("the span has too many steps of time: give a shorter one"))
    }
}

/// Which exporters have the numbers that may be named, where the exporter is no key itself: a number of two
/// exporters is two things.
fn seen(asked: &Asked<'_>, query: &Query, names: &Names) -> Outcome<Seen> {
    let mut seen = Seen::new();
    let exporter = Key::Column(Column::Exporter);
    let is_by_exporter = query.keys.contains(&exporter);
    for key in query.keys.iter().filter(|_| !is_by_exporter && !names.is_empty()) {
        let Some(column) = key.column().filter(|column| named(*column).is_some()) else { continue };
        let apart = Query { keys: vec![*key, exporter], limit: None, ..query.clone() };
        for row in asked.table(&apart)?.rows() {
            if let [Some(Cell::Unsigned(number)), Some(Cell::Addr(exporter))] = row.keys {
                seen.entry((column, *number)).or_default().insert(*exporter);
            }
        }
    }
    Ok(seen)
}

/// The keys by their names, each once.
pub(super) fn keys(text: &str) -> Outcome<Vec<Key>> {
    let mut keys = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let meant = Key::all_by_name(&name.to_ascii_lowercase());
        if meant.is_empty() {
            return Err(unknown(name));
        }
        for key in meant {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    if keys.is_empty() {
        return Err(Failure::usage("top needs something to group by, as: weir top dst_addr"));
    }
    Ok(keys)
}

fn unknown(name: &str) -> Failure {
    let words: Vec<&str> = Key::words().collect();
    let (word, rest) = name.split_once('/').map_or((name, None), |(word, rest)| (word, Some(rest)));
    let cure = match rest {
        Some(rest) if word == "time" => {
            let widths = weir_query::civil::WIDTHS_MS.iter().map(|width| Bucket::Width(*width).to_string());
            let widths: Vec<String> = widths.map(|name| name.replace("time/", "")).collect();
            format!("{rest} is no bucket of time; there are {}", widths.join(", "))
        }
        Some(_) if word == "group" => "write how many names of its path, as group/1".to_owned(),
        Some(_) if Key::by_name(word).is_some() => {
            "a network is an address column and lengths, as src/24, dst/24/48".to_owned()
        }
        _ => {
            let near = crate::config::nearest(word, &words)
                .map_or_else(String::new, |n| format!("did you mean {n}? "));
            format!("{near}there are {}", words.join(", "))
        }
    };
    Failure::usage(format!("there is nothing \"{name}\" to group by; {cure}"))
}
