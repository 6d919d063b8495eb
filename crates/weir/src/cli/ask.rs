//! What questions have in common: which flows, of which time, from where.

use super::memory;
use crate::collect::{Decoder, file};
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::report::import::Summary;
use crate::{clock, log, name, report};
use clap::Args;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use weir_account::span::SpanText;
use weir_account::{Span, Unit, Zone};
use weir_flow::Batch;
use weir_flow::filter::{Filter, Interface, Names};
use weir_flow::label::{Kind, Labels};
use weir_flow::schema::Column;
use weir_flow::session::memory::Realm;
use weir_flow::time::BIN_MS;
use weir_query::civil::WIDTHS_MS;
use weir_query::{Bucket, Cache, Civil, Options, Query, Spill, Table};
use weir_store::Snapshot;

/// Which flows.
#[derive(Args, Debug, Clone)]
pub(super) struct Which {
    /// A filter, as: src net 192.168.31.0/24 and dst port 443
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    #[command(flatten)]
    pub(super) when: When,
    /// Read these files, without any store; a filter may follow them
    #[arg(short = 'r', long = "read", value_name = "FILE", num_args = 1..)]
    files: Vec<PathBuf>,
}

/// What an answer may cost.
#[derive(Args, Debug, Clone)]
pub(super) struct Cost {
    /// The memory for groups: 512M, 4G [default: a quarter of what is left]
    #[arg(long, value_name = "SIZE", value_parser = memory::bytes)]
    memory: Option<u64>,
    /// Where groups go that do not fit in memory; none: the question is refused [default: $TMPDIR, or /var/tmp]
    #[arg(long, value_name = "FOLDER")]
    spill: Option<PathBuf>,
    /// How much of them there may be
    #[arg(long, value_name = "SIZE", default_value = "16G", value_parser = memory::bytes)]
    spill_max: u64,
    /// Read everything: use neither roll-ups nor what earlier questions found, and keep nothing
    #[arg(long)]
    no_cache: bool,
}

impl Default for Cost {
    fn default() -> Self {
        Self { memory: None, spill: None, spill_max: 16 << 30, no_cache: false }
    }
}

impl Cost {
    /// As the query engine takes it.
    pub(super) fn options(&self, config: &Config) -> Options {
        let usual = || std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
        let folder = self.spill.clone().unwrap_or_else(usual);
        let is_none = folder.as_os_str() == "none" || (self.spill.is_none() && !folder.is_dir());
        Options {
            memory_bytes: usize::try_from(self.memory.unwrap_or_else(memory::unasked)).unwrap_or(usize::MAX),
            spill: (!is_none).then(|| Spill::to(folder, self.spill_max)),
            rollups: if self.no_cache { Vec::new() } else { config.rollups.clone() },
            cache: Cache::of_store(&config.store, config.cache_bytes).filter(|_| !self.no_cache),
            ..Options::default()
        }
    }
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
        let text = self.split(config).1;
        let labels = self.labels(config, &text)?;
        let filter = Filter::parse_with(&text, &names(config, &labels))
            .map_err(|mistake| Failure::usage(format!("in the filter: {}", mistake.render(&text))))?;
        Ok(Some(filter).filter(|f| !f.is_everything()))
    }

    /// The names that exporters said, if the filter is not understood without: in the files, or in the store.
    fn labels(&self, config: &Config, text: &str) -> Outcome<Labels> {
        let none = Labels::default();
        if Filter::parse_with(text, &names(config, &none)).is_ok() {
            return Ok(none);
        }
        Ok(if self.reads_files() {
            said(&self.batches(config)?.0)
        } else if weir_store::exists(&config.store) {
            told_to(&snapshot(config, Some(&(0..0)))?)?
        } else {
            none
        })
    }

    /// The files to read, and the text of the filter. What follows `-r a.pcap` without being a file is the
    /// filter, if it is one: people type `-r a.pcap 'dst port 443'`.
    fn split(&self, config: &Config) -> (&[PathBuf], String) {
        let text = self.filter.join(" ");
        let Some(at) = (1..self.files.len()).find(|i| self.files.get(*i).is_some_and(|path| !path.exists()))
        else {
            return (&self.files, text);
        };
        let (files, rest) = self.files.split_at_checked(at).unwrap_or_default();
        let words: Vec<_> = rest.iter().map(|path| path.to_string_lossy()).collect();
        let typed = words.join(" ");
        let is_meant = words.iter().any(|word| word.contains(' '))
            || Filter::parse_with(&typed, &names(config, &Labels::default())).is_ok();
        if text.is_empty() && is_meant { (files, typed) } else { (&self.files, text) }
    }

    /// Whether files are to be read, and no store.
    pub(super) fn reads_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// The span as queries take it.
    pub(super) fn range(&self, config: &Config) -> Outcome<Option<Range<i64>>> {
        if self.when.is_open() {
            return Ok(None);
        }
        Ok(Some(self.when.span(config)?.range()))
    }

    /// Where the records are.
    pub(super) fn source(&self, config: &Config) -> Outcome<Source> {
        Ok(if self.reads_files() {
            let (batches, summary) = self.batches(config)?;
            summary.remarks("read").iter().for_each(|remark| aside!("weir: {remark}"));
            Source::Files(batches)
        } else {
            Source::Store(Box::new(snapshot(config, self.range(config)?.as_ref())?))
        })
    }

    /// The records of the files, in memory, decoded and attributed as an import would; and what is to be said of the files.
    fn batches(&self, config: &Config) -> Outcome<(Vec<Batch>, Summary)> {
        // Of what is left half: they are held while the question is answered, which has a quarter.
        let most = memory::unasked().saturating_mul(2);
        let mut decoder = Decoder::new(config, Realm::Import, Arc::default());
        let (mut batches, mut summary, mut bytes) = (Vec::new(), Summary::default(), 0u64);
        let mut problems = log::Limit::default();
        for path in self.split(config).0 {
            let contents = file::read(
                path,
                None,
                clock::now_ms(),
                &mut |item| {
                    decoder.take_item(item, &mut problems, |decoder| {
                        let batch = decoder.take();
                        summary.add(&batch.health);
                        bytes = bytes.saturating_add(batch.bytes() as u64);
                        batches.push(batch);
                        if bytes > most { Err(too_much(path, most)) } else { Ok(()) }
                    })
                },
                &|_| {},
            )?;
            summary.file(path, &contents);
        }
        problems.tell(Instant::now(), true);
        let last = decoder.conclude();
        summary.add(&last.health);
        batches.push(last);
        scale_late(&mut batches);
        Ok((batches, summary))
    }
}

/// The records of files do not fit into the memory that may be taken for them, so many bytes.
fn too_much(path: &Path, most: u64) -> Failure {
    Failure::new(format!(
        "the records up to {} take more than {} of memory, which is half of what is left here: import the files (weir import) and \
         ask the store",
        path.display(),
        report::number::octets(most, Unit::Binary)
    ))
}

/// Where the records are that a question is about.
pub(super) enum Source {
    /// Read from files, in memory.
    Files(Vec<Batch>),
    /// In the store.
    Store(Box<Snapshot>),
}

impl Source {
    /// The names that exporters said.
    pub(super) fn labels(&self) -> Outcome<Labels> {
        Ok(match self {
            Self::Files(batches) => said(batches),
            Self::Store(snapshot) => told_to(snapshot)?,
        })
    }
}

/// The names that exporters said to a store. Without them a question has its answer, too: where they cannot be read, that is
/// said, and there are none.
fn told_to(snapshot: &Snapshot) -> Outcome<Labels> {
    match snapshot.memory() {
        Ok(memory) => Ok(Labels::new(&memory)),
        Err(error) if error.is_damaged() => {
            aside!(
                "weir: {error}; names of interfaces that exporters said are not shown until they say them again. The next \
                 start of weir run puts the file aside"
            );
            Ok(Labels::default())
        }
        Err(error) => Err(error.into()),
    }
}

/// Where questions go to.
pub(super) struct Asked<'a> {
    pub(super) source: &'a Source,
    pub(super) options: Options,
}

impl Asked<'_> {
    pub(super) fn table(&self, query: &Query) -> Outcome<Table> {
        Ok(match self.source {
            Source::Files(batches) => weir_query::run_batches(batches.iter(), query, &self.options)?,
            Source::Store(snapshot) => weir_query::run(snapshot, query, &self.options)?,
        })
    }

    /// The same of a question: what a roll-up says of it is stored, too, where the records were given up.
    pub(super) fn span_of(&self, query: &Query) -> Option<Range<i64>> {
        let stored = self.span(query.range.as_ref());
        let Source::Store(snapshot) = self.source else { return stored };
        let range = query.range.clone().unwrap_or(i64::MIN..i64::MAX);
        if range.start != i64::MIN || !weir_query::rollup::is_covered(&self.options.rollups, query) {
            return stored;
        }
        let first = snapshot.rolled.iter().map(|gone| gone.segment.start_min).min();
        match (stored, first) {
            (Some(stored), Some(first)) => Some(stored.start.min(first)..stored.end),
            (stored, _) => stored,
        }
    }

    /// The span with both ends: where one is open, that of what is stored.
    pub(super) fn span(&self, range: Option<&Range<i64>>) -> Option<Range<i64>> {
        let stored = match self.source {
            Source::Store(snapshot) => snapshot.span(),
            Source::Files(batches) => {
                let starts = batches.iter().flat_map(|batch| batch.times(Column::Start)).min();
                let ends = batches.iter().flat_map(|batch| batch.times(Column::End)).max();
                starts.zip(ends).map(|(start, end)| (*start, *end))
            }
        };
        let range = range.cloned().unwrap_or(i64::MIN..i64::MAX);
        let from = if range.start == i64::MIN { stored?.0 } else { range.start };
        let to = if range.end == i64::MAX { stored?.1.saturating_add(1) } else { range.end };
        (from < to).then_some(from..to)
    }
}

/// That records were given up which the span asks for (all of time, if there is none); roll-ups know of so many of their
/// segments.
pub(super) fn records_gone(
    snapshot: &Snapshot,
    range: Option<&Range<i64>>,
    rolled: u64,
    config: &Config,
) -> Option<String> {
    let before = begun_before(snapshot.flows_before(), range)?;
    let known = match rolled {
        0 => "they are not in this answer".to_owned(),
        n => format!("roll-ups say what is asked of {} of their segments", report::number::grouped(n)),
    };
    Some(format!("flow records before {} were given up: {known}", config.zone.rfc3339(before)))
}

/// That accounts were given up which the span asks for.
pub(super) fn accounts_gone(
    snapshot: &Snapshot,
    range: Option<&Range<i64>>,
    config: &Config,
) -> Option<String> {
    let before = begun_before(snapshot.accounts_before(), range)?;
    Some(format!(
        "accounts before {} were given up: they are not in this answer",
        config.zone.rfc3339(before)
    ))
}

fn begun_before(before: Option<i64>, range: Option<&Range<i64>>) -> Option<i64> {
    before.filter(|before| range.is_none_or(|range| range.start < *before))
}

/// Says it beside the answer.
pub(super) fn tell(what: Option<String>) {
    if let Some(what) = what {
        aside!("weir: {what}");
    }
}

/// The names in batches of files.
fn said(batches: &[Batch]) -> Labels {
    let mut labels = Labels::default();
    for change in batches.iter().flat_map(|batch| &batch.memory) {
        labels.apply(change);
    }
    labels
}

/// Scales rows whose sampling interval came in a later batch.
fn scale_late(batches: &mut [Batch]) {
    for last in 0..batches.len() {
        let late = batches.get_mut(last).map(|batch| std::mem::take(&mut batch.rescales)).unwrap_or_default();
        for rescale in late {
            for batch in batches.iter_mut().take(last + 1) {
                let mut changes = Vec::new();
                rescale.apply(batch, &mut changes);
                batch.health.append(&mut changes);
            }
        }
    }
}

/// Names that filters may use.
fn names(config: &Config, labels: &Labels) -> Names {
    let exporters = config.exporter_names().into_iter().collect();
    let tenants = config.tenants.iter().map(|tenant| tenant.name.clone()).collect();
    let own = config.exporters.iter().flat_map(|exporter| {
        exporter.interfaces.iter().map(|(name, index)| Interface {
            name: name.clone(),
            exporter: exporter.address,
            index: *index,
            when: i64::MIN..i64::MAX,
        })
    });
    let interfaces = labels.iter(Kind::Interface).flat_map(|(exporter, index, version, when)| {
        let index = u32::try_from(index).ok();
        let called = [&version.name, &version.description].into_iter().filter(|name| !name.is_empty());
        called.filter_map(move |name| {
            Some(Interface { name: name.to_string(), exporter, index: index?, when: when.clone() })
        })
    });
    Names {
        exporters,
        tenants,
        groups: config.group_members(),
        classes: config.classes.names().into_iter().map(str::to_owned).collect(),
        interfaces: interfaces.chain(own).collect(),
        services: name::services(),
        zone: civil(&config.zone),
        outside: Some(name::outside(config)),
    }
}

/// The clocks of a zone, for filters and for the query engine: until long after anything is stored.
pub(super) fn civil(zone: &Zone) -> Civil {
    const YEAR_2200_MS: i64 = 7_258_118_400_000;
    Civil::new(zone.offset_ms(0), zone.changes(0, YEAR_2200_MS))
}

/// The smallest bucket of five minutes or more that cuts so long a time into about so many steps at most.
pub(super) fn bucket_for(length_ms: i64, steps: i64) -> Bucket {
    let wide = |width: &&i64| **width >= BIN_MS && length_ms / **width <= steps;
    match WIDTHS_MS.iter().find(wide) {
        Some(width) => Bucket::Width(*width),
        None if length_ms / (7 * 86_400_000) <= steps => Bucket::Week,
        None => Bucket::Month,
    }
}

/// The store as it is now. What it has of the span (of all time, if there is none) is opened at once: a daemon may replace
/// or give up any file while the question is answered.
pub(crate) fn snapshot(config: &Config, range: Option<&Range<i64>>) -> Outcome<Snapshot> {
    Ok(open(&config.store, range.unwrap_or(&(i64::MIN..i64::MAX)))?)
}

/// The same of the store in this folder.
///
/// # Errors
/// It cannot be read.
pub(super) fn open(store: &Path, range: &Range<i64>) -> Result<Snapshot, weir_store::Error> {
    allow_open_files();
    let snapshot = Snapshot::open_span(store, range)?;
    for damage in snapshot.damage() {
        let path = damage.path.display();
        if damage.path.ends_with("manifest") {
            aside!("weir: {path}: {}", damage.how);
        } else {
            aside!("weir: the journal is damaged, its whole records are used: {} in {path}", damage.how);
        }
    }
    Ok(snapshot)
}

/// Raises the limit of open files to what this process may have: a shell's usual 1,024 are a few months of a store.
fn allow_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is refused, what cannot be kept open is opened when its turn comes.
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The query engine's arithmetic and the calendar library agree on every day, in zones of all kinds.
    #[test]
    fn days_begin_in_the_query_engine_when_they_do_in_the_calendar() {
        const DAY_MS: i64 = 86_400_000;
        for name in [
            "UTC",
            "Europe/Berlin",
            "America/New_York",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "America/Havana",
            "Asia/Beirut",
            "America/Asuncion",
            "Africa/Casablanca",
            "Pacific/Apia",
        ] {
            let zone = Zone::parse(name).unwrap();
            let civil = civil(&zone);
            let (from, to) = (1_577_836_800_000, 1_861_920_000_000); // 2020 to 2028
            for day in weir_account::period::days(&zone, from, to).iter().skip(1) {
                let bucket = Bucket::Width(DAY_MS);
                for ms in [day.from_ms, day.from_ms + 1, day.to_ms - 1] {
                    assert_eq!(bucket.start(ms, &civil), day.from_ms, "{name} {}", day.date);
                    assert_eq!(zone.offset_ms(ms), civil.offset_ms(ms));
                }
                if day.to_ms < to {
                    assert_eq!(bucket.end(day.from_ms, &civil), day.to_ms, "{name} {}", day.date);
                }
                let month = Bucket::Month.start(day.from_ms, &civil);
                assert_eq!(zone.date_text(month), format!("{}-01", &day.date[..7]), "{name}");
            }
        }
    }

    #[test]
    fn steps_are_as_fine_as_fits() {
        let hours = |n: i64| n * 3_600_000;
        assert_eq!(bucket_for(hours(1), 32).to_string(), "time/5m");
        assert_eq!(bucket_for(hours(24), 32).to_string(), "hour");
        assert_eq!(bucket_for(hours(24 * 30), 32).to_string(), "day");
        assert_eq!(bucket_for(hours(24 * 200), 32).to_string(), "week");
        assert_eq!(bucket_for(hours(24 * 2000), 32).to_string(), "month");
    }
}
