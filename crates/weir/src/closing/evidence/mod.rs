//! `weir evidence`: a folder for a dispute, that whoever gets it can check without weir.
//!
//! The tenant's flow records and accounts of a period as Parquet and CSV, its statement, a page that says what all of it is
//! and how it is checked, and the digests of all files.

mod mask;
mod readme;
mod share;

use super::figure::{Used, WAYS};
use super::kept::{self, Paper};
use crate::cli::snapshot;
use crate::clock;
use crate::config::Config;
use crate::exit::{self, Failure, Outcome};
use crate::report::flows::{Writer, columns};
use crate::report::name::Names;
use crate::report::sheet::{Head, Kind, Sheet, Value};
use crate::report::{Form, parquet};
use crate::statement;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Write};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use weir_account::Period;
use weir_books::digest::hex;
use weir_flow::filter::Filter;
use weir_flow::label::Labels;
use weir_flow::{Addr, Batch, Column};
use weir_query::{Listing, Options};
use weir_store::Snapshot;

/// What is asked for.
pub(crate) struct Order<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) period: &'a Period,
    /// The folder: made, or empty.
    pub(crate) out: &'a Path,
    /// Of addresses that are not the tenant's only the network: /24, /48.
    pub(crate) is_masked: bool,
}

/// What was put there.
#[derive(Debug, Default)]
pub(crate) struct Pack {
    /// Files with their digests, in the order of names.
    pub(crate) files: BTreeMap<String, String>,
    /// Flow records.
    pub(crate) records: u64,
    /// Of these, such as reach over an end of the period: only a part of them counts.
    pub(crate) crossing: u64,
    /// Octets, packets and flows of the others, by way.
    pub(crate) inside: [[u128; 3]; 4],
    /// What the accounts add up to, by way.
    pub(crate) accounts: [[u128; 3]; 4],
    /// What of shared addresses is the tenant's, by way; `None` if there is no share.
    pub(crate) shares: Option<[[u128; 3]; 4]>,
    /// What is said of the statement.
    pub(crate) statement: String,
    /// What it says by way, if it is closed.
    pub(crate) stated: Option<Used>,
    /// The period begins before this, ms since 1970, and flow records that ended before it were given up,
    pub(crate) flows_before: Option<i64>,
    /// or accounts of before it.
    pub(crate) accounts_before: Option<i64>,
}

/// Puts everything there.
///
/// # Errors
/// The folder is not empty, there is no such tenant, or something cannot be read or written.
pub(crate) fn evidence(config: &Config, order: &Order<'_>) -> Outcome<Pack> {
    let snapshot = snapshot(config, Some(&range(order.period)))?;
    let (papers, note, stated) = papers(config, order)?;
    folder(order.out)?;
    let gone = |before: Option<i64>| before.filter(|before| order.period.from_ms() < *before);
    let mut pack = Pack {
        statement: note,
        stated,
        flows_before: gone(snapshot.flows_before()),
        accounts_before: gone(snapshot.accounts_before()),
        ..Pack::default()
    };
    for (name, bytes) in papers {
        fs::write(order.out.join(&name), bytes)
            .map_err(|error| exit::io("cannot write", &order.out.join(&name), &error))?;
    }
    accounts(&snapshot, order, &mut pack)?;
    share::write(config, &snapshot, order, &mut pack)?;
    flows(config, &snapshot, order, &mut pack)?;
    let path = order.out.join("README.md");
    fs::write(&path, readme::text(order, &pack)).map_err(|error| exit::io("cannot write", &path, &error))?;
    pack.files = sums(order.out)?;
    Ok(pack)
}

fn folder(out: &Path) -> Outcome {
    fs::create_dir_all(out).map_err(|error| exit::io("cannot make", out, &error))?;
    let mut inside = fs::read_dir(out).map_err(|error| exit::io("cannot read", out, &error))?;
    if inside.next().is_some() {
        return Err(Failure::new(format!(
            "{} is not empty: name a folder that is, or that is not there yet",
            out.display()
        )));
    }
    Ok(())
}

/// Files by their names.
type Papers = Vec<(String, Vec<u8>)>;

/// The statement in all forms, as it was closed, or as it is now; a sentence on which, and the figures that were closed.
fn papers(config: &Config, order: &Order<'_>) -> Outcome<(Papers, String, Option<Used>)> {
    let named =
        |form: &str, bytes| (format!("statement.{}", if form == "text" { "txt" } else { form }), bytes);
    if let Some(paper) = kept::kept(config, order.tenant, order.period)? {
        let forms = ["json", "text", "html", "csv", "pdf"].into_iter();
        let kept = forms.filter_map(|form| paper.bytes(form).ok().map(|bytes| named(form, bytes)));
        return Ok((kept.collect(), closed(&paper)?, Some(paper.figures()?.used)));
    }
    let document = statement::one(config, order.period, clock::now_ms(), order.tenant)?;
    let papers = vec![
        named("json", format!("{:#}\n", document.json()).into_bytes()),
        named("text", document.text().into_bytes()),
        named("html", document.html().into_bytes()),
        named("csv", document.csv().into_bytes()),
        named("pdf", document.pdf()?),
    ];
    Ok((papers, "The period is not closed: the statement is as it would be now.".to_owned(), None))
}

fn closed(paper: &Paper) -> Outcome<String> {
    Ok(format!("The statement is closed: {}.", paper.note()?))
}

/// The tenant's accounts of five minutes.
fn accounts(snapshot: &Snapshot, order: &Order<'_>, pack: &mut Pack) -> Outcome {
    let mut all: BTreeMap<(i64, usize, Option<Addr>, Addr), [u128; 5]> = BTreeMap::new();
    snapshot.bins_of(range(order.period), &[order.tenant], |row| {
        let Some(way) = WAYS.iter().position(|way| *way == row.kind.word()) else { return };
        let c = row.counts;
        let counts = [c.octets, c.packets, c.flows, c.measured_octets, c.measured_packets];
        let sums = all.entry((row.bin, way, row.host, row.exporter)).or_default();
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += u128::from(count));
    })?;
    let texts = ["way", "host", "exporter"].map(|name| Head::new(name, Kind::Text));
    let sums = ["octets", "packets", "flows", "measured_octets", "measured_packets"];
    let mut heads = vec![Head::new("begin", Kind::Time)];
    heads.extend(texts);
    heads.extend(sums.map(|name| Head::new(name, Kind::Unsigned)));
    let mut sheet = Sheet { heads, rows: Vec::with_capacity(all.len()) };
    for ((bin, way, host, exporter), sums) in all {
        if let Some(whole) = pack.accounts.get_mut(way) {
            whole.iter_mut().zip(sums).for_each(|(whole, sum)| *whole += sum);
        }
        let host = host.map_or(Value::Null, |host| Value::Text(host.to_string()));
        let way = WAYS.get(way).copied().unwrap_or_default();
        let mut row =
            vec![Value::Time(bin), Value::Text(way.to_owned()), host, Value::Text(exporter.to_string())];
        row.extend(sums.map(Value::Unsigned));
        sheet.rows.push(row);
    }
    let path = order.out.join("accounts.csv");
    fs::write(&path, sheet.csv()).map_err(|error| exit::io("cannot write", &path, &error))?;
    let mut file = parquet::File::new(create(&order.out.join("accounts.parquet"))?, &sheet.heads)?;
    file.write(&sheet)?;
    file.finish()
}

fn range(period: &Period) -> Range<i64> {
    period.from_ms()..period.to_ms()
}

fn create(path: &Path) -> Outcome<fs::File> {
    fs::File::create_new(path).map_err(|error| exit::io("cannot make", path, &error))
}

/// The tenant's flow records.
fn flows(config: &Config, snapshot: &Snapshot, order: &Order<'_>, pack: &mut Pack) -> Outcome {
    let names = Names::new(Labels::new(&snapshot.memory()?), config);
    let exporter = |address| config.exporter_name(address);
    let zone = order.period.zone();
    let mut text = Writer::new(Form::Csv, false, zone, &exporter, &names);
    let plain = Writer::new(Form::Parquet, false, zone, &exporter, &names);
    let path = order.out.join("flows.csv");
    let mut csv = BufWriter::new(create(&path)?);
    let mut file = parquet::File::new(create(&order.out.join("flows.parquet"))?, &plain.heads())?;
    let wrong = |error: std::io::Error| exit::io("cannot write", &path, &error);
    csv.write_all(text.head().as_bytes()).map_err(wrong)?;
    let listing = Listing {
        range: Some(range(order.period)),
        filter: Some(of_tenant(order.tenant)?),
        columns: columns(Form::Csv, false),
        limit: None,
    };
    let mut result = Ok(());
    weir_query::list(snapshot, &listing, &Options::default(), |batch| {
        pack.count(batch, order);
        let masked = order.is_masked.then(|| mask::peers(batch, order.tenant));
        let batch = masked.as_ref().unwrap_or(batch);
        let rows: String = (0..batch.len()).map(|row| text.row(batch, row)).collect();
        result = csv.write_all(rows.as_bytes()).map_err(wrong).and_then(|()| file.write(&plain.sheet(batch)));
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    result?;
    csv.flush().map_err(wrong)?;
    file.finish()
}

/// Its own traffic, and its part of local traffic.
fn of_tenant(tenant: &str) -> Outcome<Filter> {
    let text = format!("tenant \"{}\"", tenant.replace('\\', "\\\\").replace('"', "\\\""));
    Filter::parse(&text).map_err(|mistake| Failure::new(format!("in {text}: {mistake}")))
}

/// In which ways of a tenant's traffic a record counts: in local traffic inside it, in two.
fn ways(batch: &Batch, row: usize, tenant: &str) -> [bool; 4] {
    use weir_flow::batch::Value;
    let word = |column| match batch.get(row, column) {
        Some(Value::Word(word) | Value::Name(word)) => Some(word),
        _ => None,
    };
    let is_own = word(Column::Tenant) == Some(tenant);
    let is_local = word(Column::Direction) == Some("local");
    [
        is_own && word(Column::Direction) == Some("in"),
        is_own && word(Column::Direction) == Some("out"),
        is_local && word(Column::PeerTenant) == Some(tenant),
        is_local && is_own,
    ]
}

impl Pack {
    /// Adds up what whoever checks it adds up.
    fn count(&mut self, batch: &Batch, order: &Order<'_>) {
        let (starts, ends) = (batch.times(Column::Start), batch.times(Column::End));
        let period = range(order.period);
        for (row, (start, end)) in starts.iter().zip(ends).enumerate() {
            self.records += 1;
            if !period.contains(start) || *end > period.end {
                self.crossing += 1;
                continue;
            }
            let amount = |column| {
                let values = batch.u64s(column);
                values.get(row).filter(|_| batch.is_present(row, column)).copied().unwrap_or_default()
            };
            let sums = [amount(Column::Octets), amount(Column::Packets), 1].map(u128::from);
            for (inside, _) in
                self.inside.iter_mut().zip(ways(batch, row, order.tenant)).filter(|(_, counts)| *counts)
            {
                inside.iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
            }
        }
    }
}

/// The digests of all files, and the file of them.
fn sums(out: &Path) -> Outcome<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let entries = fs::read_dir(out).map_err(|error| exit::io("cannot read", out, &error))?;
    let paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(name, digest(&path)?);
    }
    let text: String = files.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
    let path = out.join("SHA256SUMS");
    fs::write(&path, text).map_err(|error| exit::io("cannot write", &path, &error))?;
    Ok(files)
}

fn digest(path: &Path) -> Outcome<String> {
    let wrong = |error: std::io::Error| exit::io("cannot read", path, &error);
    let mut file = fs::File::open(path).map_err(wrong)?;
    let mut digest = Sha256::new();
    std::io::copy(&mut file, &mut digest).map_err(wrong)?;
    Ok(hex(&digest.finalize()))
}
