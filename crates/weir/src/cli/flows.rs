//! `weir flows`: records, oldest first.

use super::Common;
use super::ask::{self, Source};
use crate::clock::Moment;
use crate::config::Config;
use crate::exit::{self, Failure, Outcome};
use crate::name::{Book, Glossary};
use crate::report::flows::{Writer, addresses, columns};
use crate::report::name::Names;
use crate::report::{self, Form, columns, number};
use clap::Args;
use std::cmp::Reverse;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weir_account::Unit;
use weir_flow::batch::Value;
use weir_flow::filter::Filter;
use weir_flow::{Batch, Column};
use weir_query::{Listing, Options, Stop};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir flows host 192.168.31.2 --last 24h\n  \
    weir flows 'tenant avtotrade and dst port 443' -n 100 -o ndjson\n  \
    weir flows --sort octets -n 10 --last 1h\n  \
    weir flows --follow 'dst port 22'\n  \
    weir flows --last 7d -o parquet > week.parquet\n  \
    weir flows -r capture.pcap 'proto udp'\n  \
    weir flows --names 'tenant avtotrade and dst port 443' -n 20\n  \
    weir flows -r capture.pcap --all -o ndjson")]
pub(super) struct Arguments {
    #[command(flatten)]
    which: ask::Which,
    /// At most so many, the oldest; with --sort, the largest [default with --sort: 20]; 0 is all
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// The largest first: by octets, packets, duration, or any other column of numbers or times
    #[arg(long, value_name = "COLUMN", conflicts_with = "follow")]
    sort: Option<String>,
    /// Go on showing what is stored from now on, until Ctrl-C
    #[arg(short = 'f', long, conflicts_with_all = ["files", "from", "to", "last"])]
    follow: bool,
    /// Show also the elements of each record that have no column of their own, by name (in `other`)
    #[arg(long)]
    all: bool,
    /// Beside addresses what is known of them: names (files, DNS), countries, networks
    #[arg(long)]
    names: bool,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    /// What knows names, if they are asked for.
    fn book(&self, config: &Config) -> Outcome<Option<Book>> {
        self.names.then(|| Book::open(config, Moment::now())).transpose()
    }
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let (form, all) = (arguments.common.form, arguments.all);
    if all && form == Form::Table {
        return Err(Failure::usage("--all is too wide for a table: add -o ndjson, -o json or -o csv"));
    }
    let config = arguments.common.config()?;
    let mut listing = Listing {
        range: arguments.which.range(&config)?,
        filter: arguments.which.filter(&config)?,
        columns: columns(form, all),
        limit: arguments.limit.filter(|n| *n > 0),
    };
    let exporter = |address| config.exporter_name(address);
    if arguments.follow {
        return follow(arguments, &config, listing);
    }
    let source = arguments.which.source(&config)?;
    if let Source::Store(snapshot) = &source {
        ask::tell(ask::records_gone(snapshot, listing.range.as_ref(), 0, &config));
    }
    let names = Names::new(source.labels()?, &config);
    let writer = Writer::new(form, all, &config.zone, &exporter, &names);
    let book = arguments.book(&config)?;
    let writer = if book.is_some() { writer.with_addresses() } else { writer };
    let mut out = Out::new(writer, form, book)?;
    let options = ask::Cost::default().options(&config);
    match &arguments.sort {
        Some(by) => {
            let by = Sorted::by(by)?;
            if arguments.limit == Some(0) {
                return Err(Failure::usage("--sort shows the largest: say how many, as -n 100"));
            }
            listing.columns |= by.columns();
            let limit = listing.limit.take().unwrap_or(20);
            let largest = largest(&source, &listing, &options, by, limit)?;
            out.batch(&largest)?;
        }
        None => {
            let mut result = Ok(());
            list(&source, &listing, &options, |batch| {
                result = out.batch(batch);
                if result.is_ok() && !out.closed { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            result?;
        }
    }
    out.finish()
}

/// Hands the records over, oldest first.
fn list(
    source: &Source,
    listing: &Listing,
    options: &Options,
    each: impl FnMut(&Batch) -> ControlFlow<()>,
) -> Outcome {
    match source {
        Source::Files(batches) => drop(weir_query::list_batches(batches.iter(), listing, options, each)?),
        Source::Store(snapshot) => drop(weir_query::list(snapshot, listing, options, each)?),
    }
    Ok(())
}

/// Where records go: text as they come, or pieces of a file of columns.
struct Out<'a> {
    writer: Writer<'a>,
    book: Option<Book>,
    text: std::io::BufWriter<std::io::Stdout>,
    file: Option<columns::File>,
    /// The reader went away (`| head`).
    closed: bool,
}

impl<'a> Out<'a> {
    fn new(writer: Writer<'a>, form: Form, book: Option<Book>) -> Outcome<Self> {
        let file = columns::File::new(form, &writer.heads())?;
        let head = writer.head();
        let text = std::io::BufWriter::new(std::io::stdout());
        let mut out = Self { writer, book, text, file, closed: false };
        out.print(&head)?;
        Ok(out)
    }

    fn print(&mut self, text: &str) -> Outcome {
        match self.text.write_all(text.as_bytes()) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.closed = true;
                exit::output(&error)
            }
        }
    }

    fn batch(&mut self, batch: &Batch) -> Outcome {
        if let Some(book) = &mut self.book {
            self.writer.learn(known(book, batch, 0..batch.len()));
        }
        if let Some(file) = &mut self.file {
            file.write(&self.writer.sheet(batch))?;
            self.closed = file.is_closed();
            return Ok(());
        }
        for row in 0..batch.len() {
            let text = self.writer.row(batch, row);
            self.print(&text)?;
            if self.closed {
                break;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Outcome {
        if let Some(book) = &self.book {
            super::name::remark(book);
        }
        if let Some(file) = self.file {
            return file.finish();
        }
        let foot = self.writer.foot();
        if !self.closed {
            self.print(&foot)?;
        }
        if self.closed { Ok(()) } else { self.text.flush().or_else(|error| exit::output(&error)) }
    }
}

/// What is known of the addresses in these rows.
fn known(book: &mut Book, batch: &Batch, rows: impl Iterator<Item = usize>) -> Glossary {
    book.look_up(&addresses(batch, rows), &BTreeSet::new(), Moment::now())
}

/// What records are sorted by.
#[derive(Clone, Copy)]
enum Sorted {
    Column(Column),
    Duration,
}

impl Sorted {
    fn by(name: &str) -> Outcome<Self> {
        use weir_flow::schema::{COLUMNS, Kind};
        let sorts = |kind| matches!(kind, Kind::Time | Kind::Unsigned(_));
        match Column::by_name(name) {
            _ if name == "duration" => Ok(Self::Duration),
            Some(column) if sorts(column.kind()) => Ok(Self::Column(column)),
            _ => {
                let mut names: Vec<&str> =
                    COLUMNS.iter().filter(|definition| sorts(definition.kind)).map(|d| d.name).collect();
                names.push("duration");
                let near = crate::config::nearest(name, &names);
                let near = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
                let all = names.join(", ");
                Err(Failure::usage(format!("records cannot be sorted by \"{name}\"; {near}there are {all}")))
            }
        }
    }

    fn columns(self) -> u64 {
        match self {
            Self::Column(column) => column.bit(),
            Self::Duration => Column::Start.bit() | Column::End.bit(),
        }
    }

    /// The value of a row; `None` is unknown, and less than all.
    fn value(self, batch: &Batch, row: usize) -> Option<i128> {
        let value = |column| match batch.get(row, column)? {
            Value::Unsigned(n) => Some(i128::from(n)),
            Value::Time(ms) => Some(i128::from(ms)),
            _ => None,
        };
        match self {
            Self::Column(column) => value(column),
            Self::Duration => Some(value(Column::End)? - value(Column::Start)?),
        }
    }
}

/// The records with the largest values, the largest first; of equal ones, the oldest first. About twice as many are
/// held as are asked for.
fn largest(
    source: &Source,
    listing: &Listing,
    options: &Options,
    by: Sorted,
    limit: usize,
) -> Outcome<Batch> {
    const SPARE_ROWS: usize = 1 << 16;
    let rows = limit.saturating_mul(2).saturating_add(SPARE_ROWS);
    let bytes = rows.saturating_mul(weir_query::row_bytes(listing.columns));
    if bytes > options.memory_bytes {
        return Err(Failure::new(format!(
            "the {} largest records may take {} of memory, and a question has {}: ask for fewer (-n), or narrow it and leave \
             --sort out",
            number::grouped(limit as u64),
            number::octets(bytes as u64, Unit::Binary),
            number::octets(options.memory_bytes as u64, Unit::Binary)
        )));
    }
    let mut held: Option<Batch> = None;
    let keep = |batch: &Batch| {
        let mut rows: Vec<u32> = (0..u32::try_from(batch.len()).unwrap_or(u32::MAX)).collect();
        rows.sort_by_key(|row| Reverse(by.value(batch, *row as usize)));
        rows.truncate(limit);
        batch.gather(&rows)
    };
    list(source, listing, options, |batch| {
        let mut all = held.take().unwrap_or_else(|| Batch::with_columns(listing.columns));
        all.append(batch);
        held = Some(if all.len() > rows { keep(&all) } else { all });
        ControlFlow::Continue(())
    })?;
    Ok(held.map_or_else(Batch::new, |batch| keep(&batch)))
}

/// How far back records are looked for that were received while others were stored before them.
const LATE_MS: i64 = 30_000;

/// Shows what is stored from now on. Records are told apart by what is shown of them, each as often as it is stored.
fn follow(arguments: &Arguments, config: &Config, listing: Listing) -> Outcome {
    let form = arguments.common.form;
    if matches!(form, Form::Json | Form::Parquet | Form::Arrow) {
        return Err(Failure::usage(
            "--follow has no end, which this form needs: use -o table, ndjson or csv",
        ));
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Failure::new(format!("cannot hear of Ctrl-C: {error}")))?;
    }
    let mut following = Following {
        options: Options { stop: Stop::from(Arc::clone(&stop)), ..Options::default() },
        listing: Listing { columns: listing.columns | Column::Received.bit(), limit: None, ..listing },
        form,
        all: arguments.all,
        left: arguments.limit.filter(|n| *n > 0).unwrap_or(usize::MAX),
        book: arguments.book(config)?,
        seen: HashMap::new(),
        keys: [RandomState::new(), RandomState::new()],
        since: crate::clock::now_ms().saturating_sub(LATE_MS),
        headed: false,
    };
    following.look(config, false)?;
    while following.left > 0 && !stop.load(Ordering::Relaxed) {
        if wait(Duration::from_millis(500)) {
            break;
        }
        match following.look(config, true) {
            // Given up in the middle of it.
            Err(_) if stop.load(Ordering::Relaxed) => break,
            text => report::print(&text?)?,
        }
    }
    following.book.iter().for_each(super::name::remark);
    Ok(())
}

/// Waits so long; whether nobody reads standard output any more, which is then known at once.
fn wait(time: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let out = std::io::stdout();
    let mut fds = [PollFd::new(&out, PollFlags::empty())];
    let time = Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
    let is_told = poll(&mut fds, Some(&time)).is_ok_and(|n| n > 0);
    is_told && fds.iter().any(|fd| fd.revents().intersects(PollFlags::ERR | PollFlags::NVAL))
}

/// What was shown of the last half minute.
struct Following {
    options: Options,
    listing: Listing,
    form: Form,
    all: bool,
    /// How many records may still be shown.
    left: usize,
    book: Option<Book>,
    /// Records shown: when they were received, and how many of them there are. Their texts would be gigabytes at a provider's
    /// pace, so it is two hashes of them with keys of this process, 128 bits.
    seen: HashMap<(u64, u64), (i64, u64)>,
    keys: [RandomState; 2],
    /// What was received before is not looked for any more.
    since: i64,
    headed: bool,
}

impl Following {
    /// What came since the last time; with `show`, as text.
    fn look(&mut self, config: &Config, show: bool) -> Outcome<String> {
        let late = Filter::parse(&format!("received >= {}", self.since))
            .map_err(|mistake| Failure::new(mistake.to_string()))?;
        let asked = self.listing.filter.clone();
        let listing = Listing {
            filter: Some(asked.map_or(late.clone(), |asked| asked.and(late))),
            ..self.listing.clone()
        };
        let source = Source::Store(Box::new(ask::snapshot(config, self.listing.range.as_ref())?));
        let names = Names::new(source.labels()?, config);
        let exporter = |address| config.exporter_name(address);
        let mut writer = Writer::new(self.form, self.all, &config.zone, &exporter, &names);
        if self.book.is_some() {
            writer = writer.with_addresses();
        }
        let mut plain = Writer::new(Form::Ndjson, self.all, &config.zone, &exporter, &names);
        let mut counted: HashMap<(u64, u64), u64> = HashMap::new();
        let (mut out, mut rows, mut latest) = (writer.head(), 0, self.since);
        if self.headed {
            out.clear();
        }
        list(&source, &listing, &self.options, |batch| {
            let mut new = Vec::new();
            for row in 0..batch.len() {
                let text = plain.row(batch, row);
                let [one, other] = &self.keys;
                let record = (one.hash_one(&text), other.hash_one(&text));
                let received = batch.times(Column::Received).get(row).copied().unwrap_or_default();
                latest = latest.max(received);
                let count = counted.entry(record).or_default();
                *count += 1;
                let known = self.seen.entry(record).or_insert((received, 0));
                if *count > known.1 {
                    known.1 = *count;
                    if show && rows + new.len() < self.left {
                        new.push(row);
                    }
                }
            }
            if let Some(book) = self.book.as_mut().filter(|_| !new.is_empty()) {
                writer.learn(known(book, batch, new.iter().copied()));
            }
            rows += new.len();
            out.extend(new.into_iter().map(|row| writer.row(batch, row)));
            ControlFlow::Continue(())
        })?;
        self.since = self.since.max(latest.saturating_sub(LATE_MS));
        self.seen.retain(|_, (received, _)| *received >= self.since);
        if !show {
            return Ok(String::new());
        }
        self.left -= rows;
        if self.form == Form::Table && rows > 0 {
            let table = writer.foot();
            let (head, lines) = table.split_once('\n').unwrap_or_default();
            out = if self.headed { lines.to_owned() } else { format!("{head}\n{lines}") };
        }
        self.headed |= rows > 0 || self.form == Form::Csv;
        Ok(out)
    }
}
