//! `weir close`: the statements of a period, made to stand.

use super::adjust::{self, Due};
use super::basis;
use super::figure::{Amounts, Figures};
use super::recount::{Origin, Recount, Span};
use super::{Term, VERSION, who};
use crate::cli::snapshot;
use crate::clock;
use crate::config::Config;
use crate::doctor;
use crate::exit::{Failure, Outcome};
use crate::report::number::things;
use crate::statement::{self, Charged, Document, Prepared, charged};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use weir_account::Period;
use weir_account::money::Currency;
use weir_books::{Adjustment, Begun, Books, Closed, Closing, Draft, Entry, Statement, digest};
use weir_store::Snapshot;

/// How often it is begun anew when records come in, or somebody else closes, meanwhile.
const TRIES: usize = 5;

/// So many statements are made before they are written: their papers are in memory meanwhile.
const TOGETHER: usize = 256;

/// So many tenants of whom no statement can be made are named.
const NAMED_MAX: usize = 10;

/// What to close, and how.
pub(crate) struct Order<'a> {
    pub(crate) period: &'a Period,
    /// Though it is not over.
    pub(crate) is_early: bool,
    /// Keep no PDF: of ten thousand tenants they take time and room.
    pub(crate) without_pdf: bool,
}

/// What came of it.
pub(crate) struct Done {
    pub(crate) books: Books,
    pub(crate) closed: Closed,
    /// Whether it was closed before.
    pub(crate) is_known: bool,
    /// Tenants whose calendar has another zone than before, and the time between, ms since 1970, which is on no statement.
    pub(crate) between: Vec<(String, Range<i64>)>,
}

/// What one try gave.
enum Tried {
    Done(Box<Closed>),
    /// By somebody else, meanwhile.
    Known(Box<Closed>),
    /// Something changed while it was looked at.
    Again,
}

/// Closes a period, or finds that it is closed.
///
/// # Errors
/// It is not over, overlaps what is closed in part, or its statements cannot be made. Then nothing is closed.
pub(crate) fn close(config: &Config, order: &Order<'_>) -> Outcome<Done> {
    let period = order.period;
    // Says that there is no store, before books are made in it.
    let snapshot = Snapshot::open(&config.store)?;
    let known =
        |books, closed| -> Outcome<Done> { Ok(Done { books, closed, is_known: true, between: Vec::new() }) };
    if let Some(books) = crate::books::read(&config.store)? {
        let theirs = config.of(period);
        let tenants: Vec<&str> = theirs.payers().map(|tenant| tenant.name.as_str()).collect();
        if let Some(closed) = books.clash(&Term::new(period).books(), &tenants)? {
            same(&closed, period)?;
            return known(books, closed);
        }
    }
    let now_ms = clock::now_ms();
    if now_ms < period.to_ms() && !order.is_early {
        return Err(Failure::new(format!(
            "{period} is not over before {}: close it then, or now with --early, and what comes until then will be an \
             adjustment of the next period",
            period.to()
        )));
    }
    if now_ms < period.from_ms() {
        return Err(Failure::new(format!(
            "{period} has not begun: it begins at {}, and there is nothing to close",
            period.from()
        )));
    }
    has_accounts(&snapshot, period)?;
    once(config, &snapshot, period)?;
    let mut books = crate::books::open(&config.store)?;
    for _ in 0..TRIES {
        match attempt(config, order, &mut books, now_ms)? {
            Tried::Done(closed) => {
                let between = between(config, &books, period)?;
                return Ok(Done { books, closed: *closed, is_known: false, between });
            }
            Tried::Known(closed) => {
                same(&closed, period)?;
                return known(books, *closed);
            }
            Tried::Again => {}
        }
    }
    Err(Failure::new(format!(
        "records of {period} came in each of {TRIES} times while its statements were made: nothing is closed, try again later"
    )))
}

/// Whose statements are of another zone's periods now, which begin later than the others ended.
fn between(config: &Config, books: &Books, period: &Period) -> Outcome<Vec<(String, Range<i64>)>> {
    let config = config.of(period);
    let stated = books.stated_until(period.from_ms())?.into_iter();
    let is_between = |(tenant, to_ms, zone): &(String, i64, String)| {
        *to_ms < period.from_ms() && zone != period.zone().name() && config.is_here(tenant)
    };
    Ok(stated.filter(is_between).map(|(tenant, to_ms, _)| (tenant, to_ms..period.from_ms())).collect())
}

/// A bill of what was counted twice is too high, and closed it stays so.
fn once(config: &Config, snapshot: &Snapshot, period: &Period) -> Outcome {
    if config.accepts_counted_twice {
        return Ok(());
    }
    let range = period.from_ms()..period.to_ms();
    match doctor::counted_twice(snapshot, config, &range)? {
        None => Ok(()),
        Some(finding) => Err(Failure::new(format!(
            "nothing is closed: in the hour of {period} with the most traffic {}. Say where traffic is counted (`weir doctor` \
             shows how, count = … of [[exporter]]) and run `weir reattribute --period {}`; if it is right as it is, write \
             counted_twice = \"accept\" under [billing]",
            finding.meaning(),
            period.name()
        ))),
    }
}

/// Nobody can stand by a statement of accounts that are gone.
fn has_accounts(snapshot: &Snapshot, period: &Period) -> Outcome {
    match snapshot.accounts_before().filter(|before| *before > period.from_ms()) {
        None => Ok(()),
        Some(before) => Err(Failure::new(format!(
            "accounts before {} were given up (accounts = … in [store]), and {period} begins before that: nothing is closed; \
             close a period while its accounts are there",
            period.zone().rfc3339(before)
        ))),
    }
}

/// Whether it is this very period that is closed.
fn same(closed: &Closed, period: &Period) -> Outcome {
    if Term::new(period).books().is_of(closed) {
        return Ok(());
    }
    let closing = &closed.closing;
    let zone = super::zone(&closing.zone)?;
    Err(Failure::new(format!(
        "{period} in {} overlaps {}, which is closed, from {} to {} in {}: periods that are closed follow each other",
        period.zone().name(),
        closing.period,
        zone.rfc3339(closing.from_ms),
        zone.rfc3339(closing.to_ms),
        closing.zone
    )))
}

fn attempt(whole: &Config, order: &Order<'_>, books: &mut Books, now_ms: i64) -> Outcome<Tried> {
    let (period, span) = (order.period, Span::from(order.period));
    let config = &*whole.of(period);
    let snapshot = snapshot(config, None)?;
    let end = books.end()?;
    // Who left is told, too, though nothing else is on the statement. Who is on another calendar is, with the next period of that.
    let mut due = adjust::due(books, &snapshot, span.from_ms)?;
    due.retain(|due| config.is_here(&due.tenant));
    let prepared = statement::prepare(whole, period, now_ms)?.with(due.iter().map(|due| due.tenant.as_str()));
    let charged = charged(config);
    let recount = Recount::of(config, &snapshot, &span, &charged, Origin::Accounts)?;
    let tenants: Vec<&str> = prepared.tenants().collect();
    let stated: BTreeSet<&str> = tenants.iter().copied().collect();
    let mut used = recount.tenants().filter(|tenant| recount.has(tenant) && config.is_here(tenant));
    if let Some(tenant) = used.find(|tenant| !stated.contains(tenant)) {
        return Err(Failure::new(format!(
            "there is traffic of \"{tenant}\" in {period}, and no statement for it"
        )));
    }
    let mut draft = match books.draft(&Term::new(period).books(), &tenants, &end)? {
        Begun::Draft(draft) => draft,
        Begun::Overlaps(closed) => return Ok(Tried::Known(closed)),
        Begun::Moved => return Ok(Tried::Again),
    };
    let mut by_tenant: BTreeMap<String, Vec<&Due>> = BTreeMap::new();
    for one in &due {
        draft.adjust(&row(one))?;
        by_tenant.entry(one.tenant.clone()).or_default().push(one);
    }
    let making = Making { order, recount: &recount, charged: &charged, due: &by_tenant, prepared: &prepared };
    let mut failures = Vec::new();
    for some in tenants.chunks(TOGETHER) {
        for made in making.statements(some) {
            match made {
                Ok(Some(statement)) => drop(draft.state(&statement)?),
                Ok(None) => return Ok(Tried::Again),
                Err(failure) => failures.push(failure.to_string()),
            }
        }
    }
    if !failures.is_empty() {
        return Err(unstated(period, &failures));
    }
    finish(whole, order, *draft, (&snapshot, &recount), now_ms).map(|closed| Tried::Done(Box::new(closed)))
}

fn finish(
    config: &Config,
    order: &Order<'_>,
    draft: Draft<'_>,
    (snapshot, recount): (&Snapshot, &Recount),
    now_ms: i64,
) -> Outcome<Closed> {
    let (period, span) = (order.period, Span::from(order.period));
    let configuration = basis::configuration(config)?;
    let made_from = basis::made_from(snapshot, &span, recount, &configuration).to_string();
    let is_early = now_ms < span.to_ms;
    let closing = Closing {
        period: period.name(),
        zone: period.zone().name().to_owned(),
        from_ms: span.from_ms,
        to_ms: span.to_ms,
        at_ms: now_ms,
        is_early,
        version: VERSION.to_owned(),
        configuration,
        made_from,
    };
    let entry = |closed: &Closed| Entry {
        at_ms: now_ms,
        who: who(),
        what: "close".to_owned(),
        subject: period.name(),
        why: format!(
            "{}statements {} to {}, {} adjustments; the chain ends in {}",
            if is_early { "before its end; " } else { "" },
            closed.first,
            closed.first.saturating_add(closed.statements).saturating_sub(1),
            closed.adjustments,
            digest::hex(&closed.digest)
        ),
    };
    Ok(draft.finish(&closing, entry)?)
}

/// Statements could not be made: of whom, and what helps. All of a period are closed together, or none.
fn unstated(period: &Period, failures: &[String]) -> Failure {
    let (named, more) = failures.split_at(NAMED_MAX.min(failures.len()));
    let more = match more.len() {
        0 => String::new(),
        n => format!("\n  and {n} more"),
    };
    Failure::new(format!(
        "nothing of {period} is closed: of {} no statement can be made:\n  {}{more}\nmend the tariff (docs/tariffs.md), or give who \
         cannot be charged by it another one, and close again",
        things(failures.len() as u64, "tenant"),
        named.join("\n  ")
    ))
}

/// An adjustment as the books keep it.
fn row(due: &Due) -> Adjustment {
    let difference = due.difference();
    let bill = difference.bill.as_ref();
    Adjustment {
        adjusts: due.closing,
        statement: due.statement,
        tenant: due.tenant.clone(),
        figures: difference.text(),
        amount: bill.map_or_else(String::new, |bill| bill.currency.text(bill.gross)),
        currency: bill.map_or_else(String::new, |bill| bill.currency.code().to_owned()),
    }
}

/// Making statements.
struct Making<'a> {
    order: &'a Order<'a>,
    recount: &'a Recount,
    charged: &'a Charged<'a>,
    due: &'a BTreeMap<String, Vec<&'a Due>>,
    prepared: &'a Prepared,
}

impl Making<'_> {
    /// These tenants' statements, in their order, by as many threads as there are processors.
    fn statements(&self, tenants: &[&str]) -> Vec<Outcome<Option<Statement>>> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let one =
            |tenant: &&str| self.prepared.one(tenant).and_then(|document| self.statement(tenant, document));
        std::thread::scope(|scope| {
            let parts = tenants.chunks(tenants.len().div_ceil(threads).max(1));
            let made: Vec<_> =
                parts.map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>())).collect();
            let ended = made.into_iter().map(|part| {
                part.join()
                    .unwrap_or_else(|_| vec![Err(Failure::new("a thread ended badly: this is a defect"))])
            });
            ended.flatten().collect()
        })
    }

    /// A tenant's statement as the books keep it; `None` if it was made from other accounts than the figures, because
    /// records came in between.
    fn statement(&self, tenant: &str, document: Document) -> Outcome<Option<Statement>> {
        let figures = self.recount.figures(tenant, self.charged.get(tenant).copied())?;
        if figures.contradicts(&document.json()).is_some() {
            return Ok(None);
        }
        let due = self.due.get(tenant).map(Vec::as_slice).unwrap_or_default();
        let document = match due {
            [] => document,
            due => {
                let currency = self.charged.get(tenant).map(|tariff| &tariff.currency);
                document.with_adjustments(due.iter().map(|due| told(due, currency)).collect())
            }
        };
        let mut renderings = vec![
            ("text".to_owned(), document.text().into_bytes()),
            ("html".to_owned(), document.html().into_bytes()),
            ("csv".to_owned(), document.csv().into_bytes()),
        ];
        if !self.order.without_pdf {
            renderings.push(("pdf".to_owned(), document.pdf()?));
        }
        let json = format!("{:#}\n", document.json());
        let statement = Statement {
            tenant: tenant.to_owned(),
            document: json.into_bytes(),
            figures: figures.text(),
            renderings,
        };
        Ok(Some(statement))
    }
}

/// An adjustment as the tenant is told, whose amounts are in this currency now: an amount of another one is said in words.
fn told(due: &Due, currency: Option<&Currency>) -> statement::Adjustment {
    let Figures { used: [came, went, ..], bill, .. } = due.difference();
    let octets = |[octets, ..]: [i128; 3]| octets;
    let (same, other): (Option<Amounts>, Option<Amounts>) = match bill {
        Some(bill) if currency == Some(&bill.currency) => (Some(bill), None),
        other => (None, other),
    };
    statement::Adjustment {
        statement: due.statement,
        period: due.period.clone(),
        elsewhere: other.map(|other| other.to_pay()),
        in_octets: octets(came),
        out_octets: octets(went),
        amount: same.map(|bill| bill.gross),
    }
}
