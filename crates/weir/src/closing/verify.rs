//! `weir verify`: everything against everything. The store's files against their checksums and accounts, the books against
//! their digests, and every closed period against what is computed now.

use super::adjust::{Again, Due};
use super::basis;
use super::figure::{Difference, Figures};
use super::recount::Origin;
use crate::config::Config;
use crate::exit::Outcome;
use serde_json::Value as Json;
use weir_books::{Books, Checked, Entry, FILE, Kept, digest};
use weir_store::{Damage, Error, Snapshot};

/// Something that is not as it should be.
#[derive(Debug)]
pub(crate) enum Problem {
    /// A file of the store.
    File(Error),
    /// A part of the journal.
    Journal(Damage),
    /// A row of the books.
    Row { table: String, row: String, what: String },
    /// A figure of a closed statement.
    Figure(Box<Wrong>),
    /// A closed period cannot be computed again.
    Period { period: String, why: String },
}

/// A figure that is not what was closed.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// The number of the statement; `None` if the tenant had none.
    pub(crate) statement: Option<i64>,
    pub(crate) tenant: String,
    pub(crate) period: String,
    pub(crate) difference: Difference,
    /// What says otherwise.
    pub(crate) against: &'static str,
    /// Whether more was found since, which the next closing adjusts.
    pub(crate) is_more: bool,
}

/// A closed period that was computed again.
#[derive(Debug)]
pub(crate) struct Recomputed {
    pub(crate) period: String,
    /// Its first instant, RFC 3339 in its zone.
    pub(crate) starts_at: String,
    pub(crate) zone: String,
    pub(crate) statements: i64,
    /// From what.
    pub(crate) from: Source,
    /// Adjustments made since.
    pub(crate) adjustments: usize,
}

/// What a closed period was computed again from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Whole(Origin),
    /// The store has given up what it takes.
    GivenUp,
    /// It could not be read: that is one of the problems.
    Unreadable,
}

/// All that was looked at.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    /// `None` if nothing was ever closed, nor anything else written into books.
    pub(crate) books: Option<Checked>,
    /// Where the chain of statements ends.
    pub(crate) end: String,
    pub(crate) periods: Vec<Recomputed>,
    /// The first thing first.
    pub(crate) problems: Vec<Problem>,
}

/// Looks at everything.
///
/// # Errors
/// There is no store, or its manifest or the books cannot be read at all. What is wrong with them otherwise is in what
/// comes back.
pub(crate) fn verify(config: &Config) -> Outcome<Verified> {
    let report = weir_store::verify(&config.store)?;
    let mut verified =
        Verified { files: report.files, bytes: report.bytes, records: report.rows, ..Verified::default() };
    verified.problems.extend(report.problems.into_iter().map(Problem::File));
    verified.problems.extend(report.damage.into_iter().map(Problem::Journal));
    let Some(books) = crate::books::read(&config.store)? else { return Ok(verified) };
    let checked = books.check()?;
    let rows = checked.flaws.iter().map(|flaw| Problem::Row {
        table: flaw.table.to_owned(),
        row: flaw.row.clone(),
        what: flaw.what.clone(),
    });
    verified.problems.extend(rows);
    verified.books = Some(checked);
    verified.end = digest::hex(&books.end()?);
    // Its files are opened when they are read: one that is gone takes only away what is in it.
    let (snapshot, audit) = (Snapshot::open(&config.store)?, books.audit()?);
    for closed in books.closings()? {
        let period = closed.closing.period.clone();
        witnessed(&audit, &period, &digest::hex(&closed.digest), &mut verified.problems);
        // What is kept of a closing may be what was tampered with.
        if let Err(failure) = Again::of(closed).and_then(|again| verified.period(&again, &books, &snapshot)) {
            verified.problems.push(Problem::Period { period, why: failure.to_string() });
        }
    }
    Ok(verified)
}

/// The audit trail tells of every closing.
fn witnessed(audit: &[Entry], period: &str, digest: &str, problems: &mut Vec<Problem>) {
    let tells =
        |entry: &Entry| entry.what == "close" && entry.subject == period && entry.why.contains(digest);
    if !audit.iter().any(tells) {
        problems.push(Problem::Row {
            table: "audit".to_owned(),
            row: format!("the closing of {period}"),
            what: "is not in it as it is in the books".to_owned(),
        });
    }
}

impl Verified {
    fn period(&mut self, again: &Again, books: &Books, snapshot: &Snapshot) -> Outcome {
        let closed = &again.closed;
        let period = &closed.closing.period;
        if let Some((name, then, now)) = basis::changed_file(snapshot, &again.span, &again.made_from) {
            let path = snapshot.root().join(name);
            let why = format!(
                "{} is another file than the one it was closed with: {now}, and was {then}",
                path.display()
            );
            self.problems.push(Problem::Period { period: period.clone(), why });
        }
        books.statements(closed.place, |kept| self.problems.extend(document(&kept)))?;
        let origin = Origin::best(snapshot, &again.span);
        let from = match origin.map(|origin| (origin, again.due(books, snapshot, origin))) {
            None => Source::GivenUp,
            Some((origin, Ok(due))) => {
                let wrong = due.into_iter().filter_map(|due| wrong(due, origin));
                self.problems.extend(wrong.map(Problem::Figure));
                Source::Whole(origin)
            }
            Some((_, Err(failure))) => {
                let why = format!("it cannot be computed again: {failure}");
                self.problems.push(Problem::Period { period: period.clone(), why });
                Source::Unreadable
            }
        };
        let adjustments = books.adjustments_to(closed.place)?.len();
        let (period, zone, statements) = (period.clone(), closed.closing.zone.clone(), closed.statements);
        let starts_at = again.span.zone.rfc3339(again.span.from_ms);
        self.periods.push(Recomputed { period, starts_at, zone, statements, from, adjustments });
        Ok(())
    }
}

/// A statement whose document and figures are not of one mind.
fn document(kept: &Kept) -> Option<Problem> {
    let row = |what: String| Problem::Row {
        table: "statement".to_owned(),
        row: format!("number {} of {}, {},", kept.number, kept.tenant, kept.period),
        what,
    };
    let Some(figures) = Figures::parse(&kept.figures) else { return Some(row("has no figures".to_owned())) };
    let document: Json = match serde_json::from_slice(&kept.document) {
        Ok(document) => document,
        Err(error) => return Some(row(format!("has a document that is none: {error}"))),
    };
    figures.contradicts(&document).map(|difference| {
        Problem::Figure(Box::new(Wrong {
            statement: Some(kept.number),
            tenant: kept.tenant.clone(),
            period: kept.period.clone(),
            difference,
            against: "the figures beside its document",
            is_more: false,
        }))
    })
}

fn wrong(due: Due, origin: Origin) -> Option<Box<Wrong>> {
    let difference = Figures::difference(&due.stands, &due.now)?;
    let is_more = due.difference().used.as_flattened().iter().all(|sum| *sum >= 0);
    Some(Box::new(Wrong {
        statement: due.statement,
        tenant: due.tenant,
        period: due.period,
        difference,
        against: match origin {
            Origin::Accounts => "the accounts",
            Origin::Records => "the records",
        },
        is_more,
    }))
}

impl Problem {
    /// In one line.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::File(error) => error.to_string(),
            Self::Journal(damage) => format!("{} is damaged: {}", damage.path.display(), damage.how),
            Self::Row { table, row, what } => format!("{FILE}, table {table}: {row} {what}"),
            Self::Period { period, why } => format!("{period}: {why}"),
            Self::Figure(wrong) => wrong.sentence(),
        }
    }
}

impl Wrong {
    fn sentence(&self) -> String {
        let Self { statement, tenant, period, difference, against, is_more } = self;
        let Difference { field, closed, now } = difference;
        let which =
            statement.map_or_else(|| "no statement".to_owned(), |number| format!("statement {number}"));
        let cure = if *is_more {
            "; if records came late, closing the next period adjusts it; if none did, they were changed"
        } else {
            ""
        };
        format!("{which} of {tenant}, {period}: {field} is closed as {closed}, and {against} say {now}{cure}")
    }
}
