//! A closed statement, printed as it was closed.

use super::figure::Figures;
use super::{Term, zone};
use crate::config::Config;
use crate::exit::{self, Failure, Outcome};
use crate::report::{self, Form};
use serde_json::Value as Json;
use std::io::Write;
use weir_account::Period;
use weir_account::money::{Currency, Decimal, Money};
use weir_books::{Books, Closed, Kept, digest};

/// A statement that is closed.
pub(crate) struct Paper {
    books: Books,
    closed: Closed,
    kept: Kept,
}

/// What there is of a tenant's statement in the books.
pub(crate) enum Standing {
    /// The period is not closed.
    Open,
    /// It is closed.
    Closed(Box<Paper>),
    /// The period is closed, and the tenant had no statement then.
    Without,
}

/// How a tenant's statement stands.
///
/// # Errors
/// The books cannot be read.
pub(crate) fn standing(config: &Config, tenant: &str, period: &Period) -> Outcome<Standing> {
    let Some(Shelf { books, closed }) = Shelf::of(config, period)? else { return Ok(Standing::Open) };
    let kept = books.statement_of(closed.place, tenant)?;
    Ok(kept.map_or(Standing::Without, |kept| Standing::Closed(Box::new(Paper { books, closed, kept }))))
}

/// A tenant's statement, if its period is closed.
///
/// # Errors
/// The books cannot be read, or the tenant had no statement then.
pub(crate) fn kept(config: &Config, tenant: &str, period: &Period) -> Outcome<Option<Paper>> {
    match standing(config, tenant, period)? {
        Standing::Open => Ok(None),
        Standing::Closed(paper) => Ok(Some(*paper)),
        Standing::Without => {
            Err(Failure::new(format!("\"{tenant}\" had no statement when {period} was closed")))
        }
    }
}

/// The statements of a period that is closed.
pub(crate) struct Shelf {
    books: Books,
    closed: Closed,
}

impl Shelf {
    /// Those of a period, if it is closed.
    ///
    /// # Errors
    /// The books cannot be read.
    pub(crate) fn of(config: &Config, period: &Period) -> Outcome<Option<Self>> {
        let Some(books) = crate::books::read(&config.store)? else { return Ok(None) };
        let closed = books.closed(&Term::new(period).books())?;
        Ok(closed.map(|closed| Self { books, closed }))
    }

    /// Whose statements they are, in the order of their numbers.
    ///
    /// # Errors
    /// The books cannot be read.
    pub(crate) fn tenants(&self) -> Outcome<Vec<String>> {
        let mut tenants = Vec::new();
        self.books.statements(self.closed.place, |kept| tenants.push(kept.tenant))?;
        Ok(tenants)
    }

    /// The figures of a tenant's statement, and the statement for programs; `None` if it had none then.
    ///
    /// # Errors
    /// The books cannot be read, or hold what is no figures.
    pub(crate) fn figures(&self, tenant: &str) -> Outcome<Option<(Figures, Json)>> {
        let Some(kept) = self.books.statement_of(self.closed.place, tenant)? else { return Ok(None) };
        let figures = Figures::parse(&kept.figures).zip(serde_json::from_slice(&kept.document).ok());
        figures.map(Some).ok_or_else(|| {
            Failure::new(format!("statement {} in the books has no figures: run weir verify", kept.number))
        })
    }
}

/// What stands on a closed statement of earlier periods, in the currency that it is paid in; `None` if that is no amount.
pub(crate) fn adjusted(document: &Json, currency: &Currency) -> Option<Money> {
    let listed = document.get("adjustments").and_then(Json::as_array);
    let amounts = listed.into_iter().flatten().filter_map(|one| one.get("amount")?.as_str());
    let amounts: Option<Vec<Money>> =
        amounts.map(|text| currency.amount(Decimal::parse(text).ok()?).ok()).collect();
    Money::sum(amounts?)
}

impl Paper {
    /// The bytes that were closed, in one of `json`, `text`, `html`, `csv`, `pdf`.
    ///
    /// # Errors
    /// The form was not kept.
    pub(crate) fn bytes(&self, form: &str) -> Outcome<Vec<u8>> {
        if form == "json" {
            return Ok(self.kept.document.clone());
        }
        self.books.rendering(self.kept.number, form)?.ok_or_else(|| {
            Failure::new(format!(
                "statement {} was closed without {form}: ask for another form",
                self.kept.number
            ))
        })
    }

    /// The configuration that it was closed with.
    ///
    /// # Errors
    /// It is no longer understood.
    pub(crate) fn configuration(&self) -> Outcome<Config> {
        let closing = &self.closed.closing;
        super::basis::kept_configuration(&closing.configuration, &closing.period)
    }

    /// Its figures.
    ///
    /// # Errors
    /// The books hold what is none.
    pub(crate) fn figures(&self) -> Outcome<Figures> {
        Figures::parse(&self.kept.figures).ok_or_else(|| {
            Failure::new(format!(
                "statement {} in the books has no figures: run weir verify",
                self.kept.number
            ))
        })
    }

    /// What is said beside it.
    ///
    /// # Errors
    /// The books cannot be read.
    pub(crate) fn note(&self) -> Outcome<String> {
        let Closed { closing, place, .. } = &self.closed;
        let zone = zone(&closing.zone)?;
        let later =
            self.books.adjustments_to(*place)?.into_iter().filter(|one| one.tenant == self.kept.tenant);
        let later = match later.count() {
            0 => String::new(),
            n => format!("; adjusted since, on {n} later statement{}", if n == 1 { "" } else { "s" }),
        };
        Ok(format!(
            "statement {} of {}, {}, closed {}{later}; SHA-256 of its JSON {}",
            self.kept.number,
            self.kept.tenant,
            closing.period,
            zone.rfc3339(closing.at_ms),
            digest::hex(&digest::of(&self.kept.document))
        ))
    }

    /// Prints it, and beside it that it is closed.
    ///
    /// # Errors
    /// The form was not kept, or cannot be written.
    pub(crate) fn print(&self, form: Form) -> Outcome {
        aside!("weir: {}", self.note()?);
        let bytes = match form {
            Form::Json => self.bytes("json")?,
            Form::Csv => self.bytes("csv")?,
            Form::Ndjson => {
                let json: Json = serde_json::from_slice(&self.kept.document)
                    .map_err(|error| Failure::new(format!("statement {}: {error}", self.kept.number)))?;
                return report::print(&format!("{json}\n"));
            }
            Form::Table | Form::Parquet | Form::Arrow => self.bytes("text")?,
        };
        let mut out = std::io::stdout().lock();
        out.write_all(&bytes).and_then(|()| out.flush()).or_else(|error| exit::output(&error))
    }
}
