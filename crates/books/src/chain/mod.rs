//! Closed statements: what was said of a period, for ever, and what was said later to correct it.
//!
//! A closing is the statements of all tenants for one period, made at one instant: of all whose calendar has that period.
//! Statements are numbered from 1 without a gap through all periods, as books of account are: a number that is missing is seen without knowing what it
//! was. One chain of digests runs through everything: the adjustments of a closing, its statements with their
//! renderings, then the closing itself, then those of the next. A closing is written in one transaction with its
//! entry in the audit trail ([`Draft`]), so that a program killed at any instant has closed all of a period or nothing.
//!
//! Nothing here is ever changed. What turns out later to have been otherwise is an [`Adjustment`] in a later closing.

mod check;
mod draft;
mod read;
#[cfg(test)]
mod tests;

pub use draft::{Begun, Draft};

use crate::digest::{Digest, Row};

pub(super) const TABLES: &str = "
create table if not exists closing (
    place integer primary key,
    period text not null,
    zone text not null,
    from_ms integer not null,
    to_ms integer not null,
    at_ms integer not null,
    is_early integer not null,
    version text not null,
    configuration text not null,
    made_from text not null,
    first integer not null,
    statements integer not null,
    adjustments integer not null,
    digest blob not null
) strict;
create table if not exists statement (
    number integer primary key,
    closing integer not null,
    tenant text not null,
    period text not null,
    document blob not null,
    figures text not null,
    digest blob not null,
    unique (closing, tenant)
) strict;
create table if not exists rendering (
    number integer not null,
    form text not null,
    bytes blob not null,
    primary key (number, form)
) strict;
create table if not exists adjustment (
    place integer primary key,
    closing integer not null,
    adjusts integer not null,
    statement integer,
    tenant text not null,
    figures text not null,
    amount text not null,
    currency text not null,
    digest blob not null,
    unique (closing, adjusts, tenant)
) strict;";

/// The name of the chain.
const CHAIN: &str = "statements";

/// A period that is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The period's name: `2026-10`.
    pub period: String,
    /// The zone whose calendar it follows.
    pub zone: String,
    /// Its first instant, ms since 1970.
    pub from_ms: i64,
    /// The first instant after it, ms since 1970.
    pub to_ms: i64,
    /// When it was closed, ms since 1970.
    pub at_ms: i64,
    /// Whether that was before its end.
    pub is_early: bool,
    /// The program that closed it.
    pub version: String,
    /// What of the configuration the statements rest on.
    pub configuration: String,
    /// What they were made from, as JSON.
    pub made_from: String,
}

/// A period as closings have it. Tenants on different calendars have different ones of the same name, which may overlap; no tenant
/// has two statements that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term<'a> {
    /// The period's name: `2026-10`.
    pub period: &'a str,
    /// The zone whose calendar it follows.
    pub zone: &'a str,
    /// Its first instant, ms since 1970.
    pub from_ms: i64,
    /// The first instant after it, ms since 1970.
    pub to_ms: i64,
}

impl Term<'_> {
    /// Whether it is this period that is closed.
    #[must_use]
    pub fn is_of(&self, closed: &Closed) -> bool {
        let Closing { period, zone, from_ms, to_ms, .. } = &closed.closing;
        *self == Term { period, zone, from_ms: *from_ms, to_ms: *to_ms }
    }
}

/// A closing as it stands in the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Its number, from 1.
    pub place: i64,
    /// What it says.
    pub closing: Closing,
    /// The number of its first statement,
    pub first: i64,
    /// and how many there are.
    pub statements: i64,
    /// How many adjustments of earlier periods.
    pub adjustments: i64,
    /// The digest of all up to here.
    pub digest: Digest,
}

/// A tenant's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Whose.
    pub tenant: String,
    /// The document: all that is said, for programs.
    pub document: Vec<u8>,
    /// What later figures are compared with, as JSON.
    pub figures: String,
    /// The same document in forms for people: a form's name and its bytes, each form once.
    pub renderings: Vec<(String, Vec<u8>)>,
}

/// A statement as it stands in the books, without its renderings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number, from 1 through all periods.
    pub number: i64,
    /// The closing it belongs to.
    pub closing: i64,
    /// Whose.
    pub tenant: String,
    /// Of which period.
    pub period: String,
    /// The document.
    pub document: Vec<u8>,
    /// What later figures are compared with.
    pub figures: String,
    /// The digest of all up to here.
    pub digest: Digest,
}

/// What an earlier statement should have said beyond what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// The number of the closing that it corrects.
    pub adjusts: i64,
    /// The number of the statement; `None` where the tenant had none in that period.
    pub statement: Option<i64>,
    /// Whose.
    pub tenant: String,
    /// What was more (or, below zero, less), as JSON.
    pub figures: String,
    /// The same in money, as a decimal; empty where traffic costs nothing.
    pub amount: String,
    /// The currency's code.
    pub currency: String,
}

impl Closing {
    fn digest(&self, before: &[u8], place: i64, first: i64, statements: i64, adjustments: i64) -> Digest {
        let Self { period, zone, from_ms, to_ms, at_ms, is_early, version, configuration, made_from } = self;
        let row = Row::after(before, "closing").number(place).text(period).text(zone);
        let row = row.number(*from_ms).number(*to_ms).number(*at_ms).number(i64::from(*is_early));
        let row = row.text(version).text(configuration).text(made_from);
        row.number(first).number(statements).number(adjustments).end()
    }
}

/// What a statement's digest covers beside its renderings.
struct Covered<'a> {
    number: i64,
    closing: i64,
    tenant: &'a str,
    period: &'a str,
    document: &'a [u8],
    figures: &'a str,
}

impl Covered<'_> {
    fn digest<'r>(&self, before: &[u8], renderings: impl Iterator<Item = (&'r str, &'r [u8])>) -> Digest {
        let Self { number, closing, tenant, period, document, figures } = self;
        let row = Row::after(before, "statement").number(*number).number(*closing).text(tenant).text(period);
        let row = row.bytes(document).text(figures);
        renderings.fold(row, |row, (form, bytes)| row.text(form).bytes(bytes)).end()
    }
}

impl Adjustment {
    fn digest(&self, before: &[u8], place: i64, closing: i64) -> Digest {
        let Self { adjusts, statement, tenant, figures, amount, currency } = self;
        let row = Row::after(before, "adjustment").number(place).number(closing).number(*adjusts);
        let row = match statement {
            Some(number) => row.number(1).number(*number),
            None => row.number(0),
        };
        row.text(tenant).text(figures).text(amount).text(currency).end()
    }
}
