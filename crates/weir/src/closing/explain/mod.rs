//! `weir explain`: from a figure on a closed statement to what is behind it.
//!
//! A figure is a sum of accounts of five minutes; an account is a sum of shares of records; a record's octets are what an
//! exporter measured times a sampling interval, which has a source. What a sum costs is said by rules. Each step is shown
//! with its own sum, so that one can see where they part.

mod page;

use super::adjust::Again;
use super::figure::{Classes, Figures, WAYS};
use super::recount::Recount;
use crate::cli::snapshot;
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::report;
use crate::report::bill::{Charged, Report};
use crate::statement;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use weir_account::class::OTHER;
use weir_account::percentile::Reading;
use weir_account::tariff::{Charge, Direction, Hours, Tariff};
use weir_account::usage::Kind;
use weir_account::{Overflow, Period, Pool, Sums, Zone};
use weir_books::{Books, Kept};
use weir_flow::filter::Filter;
use weir_flow::{Addr, Column};
use weir_query::{Cell, Count, Key, Measure, Options, Order, Query};
use weir_store::{Committed, Snapshot};

/// A statement, and what is behind its figures.
pub(crate) struct Explained {
    pub(crate) kept: Kept,
    pub(crate) again: Again,
    pub(crate) ways: Vec<Way>,
    /// The files that there are now.
    pub(crate) files: Vec<Committed>,
    pub(crate) journaled: u64,
    /// What of the document says how complete it is.
    pub(crate) completeness: Json,
    /// The bill as computed now, rule by rule, for people and for programs.
    pub(crate) bill: Option<(String, Json)>,
    /// What it has of earlier periods.
    pub(crate) brought: Vec<Brought>,
    /// What it says is to pay, with the currency.
    pub(crate) to_pay: Option<String>,
}

/// A difference of an earlier period, which stands on the statement.
pub(crate) struct Brought {
    pub(crate) period: String,
    /// The number of the statement that it adjusts; `None` if the tenant had none then.
    pub(crate) statement: Option<i64>,
    pub(crate) figures: Figures,
}

/// What is behind the traffic of one way.
pub(crate) struct Way {
    /// Its place among [`WAYS`].
    pub(crate) at: usize,
    /// Of this class of traffic only, if of one.
    pub(crate) class: Option<String>,
    /// In these hours only, if a rule is about some.
    pub(crate) hours: Option<Hours>,
    /// Octets, packets and flows of all hours as they were closed,
    pub(crate) closed: [i128; 3],
    /// with what was adjusted since.
    pub(crate) stands: [i128; 3],
    pub(crate) accounts: Accounts,
    /// `None` if some were given up.
    pub(crate) records: Option<Records>,
}

/// The accounts behind a figure.
#[derive(Default)]
pub(crate) struct Accounts {
    /// How many there are.
    pub(crate) rows: u64,
    /// Of so many stretches of five minutes,
    pub(crate) bins: BTreeSet<i64>,
    /// hosts,
    pub(crate) hosts: BTreeSet<Option<Addr>>,
    /// and exporters.
    pub(crate) exporters: BTreeSet<Addr>,
    pub(crate) sums: [i128; 3],
    /// What of the sums is a share of a shared address, by its name, and what there was in all.
    pub(crate) shares: BTreeMap<String, [[i128; 3]; 2]>,
}

/// The records behind a figure.
pub(crate) struct Records {
    /// How many have a share in it.
    pub(crate) matched: u64,
    pub(crate) sources: Vec<Sampled>,
}

/// Records of one exporter with one sampling interval from one source.
pub(crate) struct Sampled {
    pub(crate) exporter: Option<Addr>,
    /// 1 in so many; `None` is unknown.
    pub(crate) interval: Option<u64>,
    /// Where it comes from.
    pub(crate) source: Option<String>,
    pub(crate) octets: u128,
    pub(crate) packets: u128,
    pub(crate) flows: u128,
    pub(crate) measured_octets: u128,
}

/// Lines of a bill that other lines make.
const SUMS: [&str; 3] = ["minimum", "net", "to pay"];
/// The line of what is of earlier periods.
const ADJUSTMENTS: &str = "adjustments";

/// Finds what is behind a statement: its number, or `TENANT/PERIOD`; and of it one line, if any is named: a way, a class
/// of traffic, a rule or a tax of the tariff, its minimum, or the adjustments.
///
/// # Errors
/// There is no such statement or line, or the store cannot be read.
pub(crate) fn explain(config: &Config, statement: &str, line: Option<&str>) -> Outcome<Explained> {
    let Some(books) = crate::books::read(&config.store)? else {
        return Err(Failure::new(format!(
            "nothing is closed in {}: run `weir close` first",
            config.store.display()
        )));
    };
    let kept = find(&books, statement)?;
    let closed = books.closing(kept.closing)?;
    let again = Again::of(closed.ok_or_else(|| Failure::new("its closing is gone: run `weir verify`"))?)?;
    let snapshot = snapshot(config, Some(&again.span.range()))?;
    let charged = again.charged();
    let tariff = charged.get(kept.tenant.as_str()).copied();
    let figures = Figures::parse(&kept.figures).ok_or_else(|| {
        Failure::new(format!("the figures of statement {} cannot be read: run `weir verify`", kept.number))
    })?;
    let stands = again.stands_of(&books, &kept.tenant, &figures)?;
    let asked = asked(line, tariff, &figures)?;
    if let Some(before) = statement::given_up(&snapshot, &again.span.range()) {
        let said = report::completeness::given_up(before, &again.span.zone);
        aside!("weir: {said}, and so are accounts and bill computed now");
    }
    let has_records = snapshot.flows_before().is_none_or(|before| before <= again.span.from_ms);
    let mut ways = Vec::new();
    for asked in asked {
        let filter = filter(&kept.tenant, &asked, &stands.classes)?;
        let records = has_records.then(|| records(&snapshot, &again, filter)).transpose()?;
        let (closed, now) = (asked.sums(&figures), asked.sums(&stands));
        let accounts = accounts(&snapshot, &again, &kept.tenant, &asked)?;
        let Asked { at, class, hours } = asked;
        ways.push(Way { at, class, hours, closed, stands: now, accounts, records });
    }
    let bill = tariff.map(|tariff| bill(&snapshot, &again, &kept.tenant, tariff)).transpose()?;
    let document: Json = serde_json::from_slice(&kept.document).unwrap_or_default();
    let completeness = document.get("completeness").cloned().unwrap_or_default();
    let (files, journaled) =
        (snapshot.committed(&again.span.range()), snapshot.journaled(&again.span.range()));
    let brought = brought(&books, &kept)?;
    let currency = figures.bill.as_ref().map(|bill| bill.currency.code());
    let to_pay = document.get("to_pay").and_then(Json::as_str);
    let to_pay = to_pay.zip(currency).map(|(amount, code)| format!("{amount} {code}"));
    Ok(Explained { kept, again, ways, files, journaled, completeness, bill, brought, to_pay })
}

/// What a statement has of earlier periods.
fn brought(books: &Books, kept: &Kept) -> Outcome<Vec<Brought>> {
    let mut brought = Vec::new();
    for one in books.adjustments(kept.closing)?.into_iter().filter(|one| one.tenant == kept.tenant) {
        let figures = Figures::parse(&one.figures)
            .ok_or_else(|| Failure::new("the figures of an adjustment cannot be read: run `weir verify`"))?;
        let closed = books.closing(one.adjusts)?;
        let period =
            closed.map_or_else(|| format!("closing {}", one.adjusts), |closed| closed.closing.period);
        brought.push(Brought { period, statement: one.statement, figures });
    }
    Ok(brought)
}

fn find(books: &Books, text: &str) -> Outcome<Kept> {
    let none = |what: String| {
        Failure::new(format!("{what}; `weir close --period …` of a closed period lists its statements"))
    };
    if let Ok(number) = text.parse() {
        return books.statement(number)?.ok_or_else(|| none(format!("there is no statement {number}")));
    }
    let Some((tenant, period)) = text.rsplit_once('/') else {
        return Err(Failure::usage(format!(
            "\"{text}\" is no statement: write its number, or TENANT/PERIOD"
        )));
    };
    let mut closings = books.closings()?;
    closings.retain(|closed| closed.closing.period == period);
    if closings.is_empty() {
        return Err(none(format!("{period} is not closed")));
    }
    // On several calendars it was closed several times, and once for each tenant.
    for closed in closings {
        if let Some(kept) = books.statement_of(closed.place, tenant)? {
            return Ok(kept);
        }
    }
    Err(none(format!("\"{tenant}\" has no statement of {period}")))
}

/// A way whose traffic is asked for, of one class only if one is named, and in a rule's hours only.
struct Asked {
    at: usize,
    class: Option<String>,
    hours: Option<Hours>,
}

impl Asked {
    /// What figures say of it.
    fn sums(&self, figures: &Figures) -> [i128; 3] {
        match &self.class {
            None => figures.used.get(self.at).copied().unwrap_or_default(),
            Some(class) => {
                figures.classes.get(class).and_then(|ways| ways.get(self.at)).copied().unwrap_or_default()
            }
        }
    }

    /// Whether an account of its way is of its class and hours. What was given no class is of the last resort.
    fn takes(&self, class: Option<&str>, bin: i64, zone: &Zone) -> bool {
        self.class.as_deref().is_none_or(|asked| asked == class.unwrap_or(OTHER))
            && self.hours.is_none_or(|hours| hours.contains(bin, zone))
    }
}

/// Which ways are meant: the one that is named, those of the class that is named, or those that a rule of the tariff is
/// about.
fn asked(line: Option<&str>, tariff: Option<&Tariff>, figures: &Figures) -> Outcome<Vec<Asked>> {
    let all = |ways: &[usize]| -> Vec<Asked> {
        ways.iter().map(|at| Asked { at: *at, class: None, hours: None }).collect()
    };
    let Some(line) = line else { return Ok(all(&[0, 1, 2, 3])) };
    if let Some(at) = WAYS.iter().position(|way| *way == line.replace(' ', "_")) {
        return Ok(all(&[at]));
    }
    let of_class = |class: &str, ways: &[usize]| -> Vec<Asked> {
        ways.iter().map(|at| Asked { at: *at, class: Some(class.to_owned()), hours: None }).collect()
    };
    let rules = tariff.map(|tariff| tariff.rules.as_slice()).unwrap_or_default();
    if let Some(rule) = rules.iter().find(|rule| rule.name == line) {
        let ways = ways(&rule.charge);
        let mut asked = match rule.charge.classes() {
            [] => all(ways),
            classes => classes.iter().flat_map(|class| of_class(class, ways)).collect(),
        };
        if let Charge::Volume { of, .. } = &rule.charge {
            asked.iter_mut().for_each(|one| one.hours = of.hours);
        }
        return Ok(asked);
    }
    // Sums of other lines, and what is of other periods: no traffic is behind them by itself.
    let taxes = tariff.map(|tariff| tariff.taxes.as_slice()).unwrap_or_default();
    let taxes = taxes.iter().map(|tax| tax.name.as_str());
    let sums: Vec<&str> = SUMS.into_iter().chain(taxes).filter(|_| tariff.is_some()).collect();
    if line == ADJUSTMENTS || sums.contains(&line) {
        return Ok(Vec::new());
    }
    let classes = figures.classes.keys().map(|class| format!("class {class}"));
    let classes: Vec<String> = classes.collect();
    if let Some(class) = classes.iter().find(|class| *class == line) {
        return Ok(of_class(class.trim_start_matches("class "), &[0, 1]));
    }
    let names = WAYS.iter().copied().chain(rules.iter().map(|rule| rule.name.as_str()));
    let names = names.chain(classes.iter().map(String::as_str)).chain(sums).chain([ADJUSTMENTS]);
    let names: Vec<&str> = names.collect();
    let near = crate::config::nearest(line, &names)
        .map_or_else(String::new, |near| format!("did you mean {near}? "));
    Err(Failure::usage(format!("there is no line \"{line}\" on it; {near}there are {}", names.join(", "))))
}

/// The ways whose traffic something costs.
fn ways(charge: &Charge) -> &'static [usize] {
    match charge {
        Charge::Flat { .. } | Charge::Once { .. } => &[],
        Charge::Volume { of, .. } => match of.direction {
            Direction::In => &[0],
            Direction::Out => &[1],
            Direction::Sum | Direction::Greater => &[0, 1],
        },
        Charge::Percentile { rule, .. } => match rule.reading {
            Reading::In => &[0],
            Reading::Out => &[1],
            Reading::Greater | Reading::GreaterEachSlot | Reading::Sum => &[0, 1],
        },
    }
}

fn accounts(snapshot: &Snapshot, again: &Again, tenant: &str, asked: &Asked) -> Outcome<Accounts> {
    let way = WAYS.get(asked.at).copied().unwrap_or_default();
    let mut accounts = Accounts::default();
    let mut pool = Pool::behind(&again.config.tenants, &[tenant]);
    let shared: Vec<String> = pool.names().map(str::to_owned).collect();
    let names: Vec<&str> = std::iter::once(tenant).chain(shared.iter().map(String::as_str)).collect();
    let mut taken = Ok(());
    snapshot.bins_of(again.span.range(), &names, |row| {
        if row.kind.word() != way || !asked.takes(row.class, row.bin, &again.span.zone) {
            return;
        }
        let c = row.counts;
        if let (Some(name), Some(kind), true) = (row.tenant, Kind::by_name(way), taken.is_ok()) {
            let sums = Sums::new(c.octets, c.packets, c.flows);
            taken = pool.take(name, kind, row.class, row.bin, sums).map(drop);
        }
        if row.tenant != Some(tenant) {
            return;
        }
        accounts.rows += 1;
        accounts.bins.insert(row.bin);
        accounts.hosts.insert(row.host);
        accounts.exporters.insert(row.exporter);
        plus(&mut accounts.sums, Sums::new(c.octets, c.packets, c.flows));
    })?;
    taken?;
    pool.share_out(|part| {
        if part.tenant == tenant && part.shared != tenant {
            let [own, whole] = accounts.shares.entry(part.shared.to_owned()).or_default();
            plus(own, part.sums);
            plus(whole, part.whole);
            plus(&mut accounts.sums, part.sums);
        }
        Ok::<(), Overflow>(())
    })?;
    Ok(accounts)
}

fn plus(sums: &mut [i128; 3], more: Sums) {
    let more = [more.octets, more.packets, more.flows].map(i128::from);
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

/// The records that have a share in a tenant's traffic of a way, which has these classes.
fn filter(tenant: &str, asked: &Asked, classes: &Classes) -> Outcome<Filter> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    let name = quoted(tenant);
    let text = match asked.at {
        0 => format!("own tenant {name} and direction in"),
        1 => format!("own tenant {name} and direction out"),
        2 => format!("peer tenant {name} and direction local"),
        _ => format!("own tenant {name} and direction local"),
    };
    let of_class = match asked.class.as_deref() {
        None => String::new(),
        // So is what was given none.
        Some(OTHER) => {
            let known = classes.keys().filter(|class| *class != OTHER);
            known.map(|class| format!(" and not class {}", quoted(class))).collect()
        }
        Some(class) => format!(" and class {}", quoted(class)),
    };
    let text = text + &of_class;
    Filter::parse(&text).map_err(|mistake| Failure::new(format!("in {text}: {mistake}")))
}

fn records(snapshot: &Snapshot, again: &Again, filter: Filter) -> Outcome<Records> {
    let keys = [Column::Exporter, Column::SamplingInterval, Column::SamplingSource].map(Key::Column);
    let query = Query {
        range: Some(again.span.range()),
        count: Count::Inside,
        filter: Some(filter),
        measures: vec![Measure::Octets, Measure::Packets, Measure::Flows, Measure::MeasuredOctets],
        order: Order::Key,
        limit: None,
        ..Query::top(keys.to_vec(), 0)
    };
    let options = Options { accounts: false, ..Options::default() };
    let table = weir_query::run(snapshot, &query, &options)?;
    let sources = table.rows().map(|row| {
        let sum = |at: usize| row.sums.get(at).copied().unwrap_or_default();
        let key = |at: usize| row.keys.get(at).and_then(Option::as_ref);
        Sampled {
            exporter: match key(0) {
                Some(Cell::Addr(addr)) => Some(*addr),
                _ => None,
            },
            interval: match key(1) {
                Some(Cell::Unsigned(interval)) => Some(*interval),
                _ => None,
            },
            source: key(2).map(ToString::to_string),
            octets: sum(0),
            packets: sum(1),
            flows: sum(2),
            measured_octets: sum(3),
        }
    });
    Ok(Records { matched: table.statistics.matched_records, sources: sources.collect() })
}

/// The bill by the tariff that the period was closed with.
fn bill(snapshot: &Snapshot, again: &Again, tenant: &str, tariff: &Tariff) -> Outcome<(String, Json)> {
    let charged = [(tenant, tariff)].into();
    let recount = Recount::of_one(&again.config, snapshot, &again.span, &charged, tenant)?;
    let bill = recount.bill(tenant, tariff)?;
    let period = Period::parse(&again.closed.closing.period, &again.span.zone, again.config.day)
        .map_err(|error| Failure::new(error.to_string()))?;
    let charged = Charged { tenant, tariff, bill };
    let text = report::bill::text(&charged, again.config.unit, &again.span.zone);
    let unit = again.config.unit;
    let report = Report { period: &period, unit, bills: vec![charged], given_up_before: None };
    Ok((text, report.document().pointer("/bills/0").cloned().unwrap_or_default()))
}
