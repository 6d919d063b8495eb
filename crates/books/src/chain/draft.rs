//! A period being closed: in one transaction, or not at all.

use super::{Adjustment, CHAIN, Closed, Closing, Covered, Statement, Term, read};
use crate::audit::{self, Entry};
use crate::digest::{self, Digest};
use crate::{Books, Error, Result};
use rusqlite::{Transaction, params};
use std::path::PathBuf;

/// What came of the wish to close a period.
#[derive(Debug)]
pub enum Begun<'a> {
    /// It may be closed.
    Draft(Box<Draft<'a>>),
    /// It is closed already, or one of the tenants has a statement of a part of it: by this closing.
    Overlaps(Box<Closed>),
    /// Something else was closed since the books were looked at: look again.
    Moved,
}

/// A closing that is being written. Nothing of it is there until [`Draft::finish`]; when dropped before, nothing ever was.
#[derive(Debug)]
pub struct Draft<'a> {
    change: Transaction<'a>,
    path: PathBuf,
    /// Its place among the closings.
    place: i64,
    period: String,
    /// The number of its first statement.
    first: i64,
    statements: i64,
    adjustments: i64,
    head: digest::Head,
}

impl Books {
    /// Where the chain of statements ends: what [`Books::draft`] wants to know again.
    ///
    /// # Errors
    /// [`Error`] if it cannot be read.
    pub fn end(&self) -> Result<Digest> {
        let head = digest::Head::read(&self.db, CHAIN).map_err(self.failed("read the end of"))?;
        Ok(as_digest(head.digest))
    }

    /// Begins to close a period for these tenants. `end` is [`Books::end`] as it was when the adjustments were worked out:
    /// closings follow each other, and of two at once one must look again.
    ///
    /// # Errors
    /// [`Error`] if it cannot be written.
    pub fn draft(&mut self, term: &Term<'_>, tenants: &[&str], end: &Digest) -> Result<Begun<'_>> {
        let failed = self.failed("close a period in");
        let path = self.path.clone();
        let change = self.begin().map_err(&failed)?;
        if let Some(closed) = read::clash(&change, term, tenants).map_err(&failed)? {
            return Ok(Begun::Overlaps(Box::new(closed)));
        }
        let head = digest::Head::read(&change, CHAIN).map_err(&failed)?;
        if head.digest.as_slice() != end.as_slice() {
            return Ok(Begun::Moved);
        }
        let last = |select: &str| change.query_row(select, [], |row| row.get::<_, i64>(0)).map_err(&failed);
        let place = last("select coalesce(max(place), 0) from closing")?.saturating_add(1);
        let first = last("select coalesce(max(number), 0) from statement")?.saturating_add(1);
        let period = term.period.to_owned();
        let (statements, adjustments) = (0, 0);
        Ok(Begun::Draft(Box::new(Draft {
            change,
            path,
            place,
            period,
            first,
            statements,
            adjustments,
            head,
        })))
    }
}

impl Draft<'_> {
    fn failed(&self) -> impl Fn(rusqlite::Error) -> Error + use<> {
        let path = self.path.clone();
        move |error| Error::new(&path, "close a period in", error)
    }

    /// The chain goes on.
    fn link(&mut self, digest: Digest) {
        self.head = digest::Head { rows: self.head.rows.saturating_add(1), digest: digest.to_vec() };
    }

    /// Adds an adjustment. All of them come before the first statement.
    ///
    /// # Errors
    /// [`Error`] if it cannot be written.
    pub fn adjust(&mut self, adjustment: &Adjustment) -> Result<()> {
        let failed = self.failed();
        let select = "select coalesce(max(place), 0) + 1 from adjustment";
        let place: i64 = self.change.query_row(select, [], |row| row.get(0)).map_err(&failed)?;
        let digest = adjustment.digest(&self.head.digest, place, self.place);
        let Adjustment { adjusts, statement, tenant, figures, amount, currency } = adjustment;
        let insert = "insert into adjustment (place, closing, adjusts, statement, tenant, figures, amount, currency, \
                      digest) values (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let values = params![
            place,
            self.place,
            adjusts,
            statement,
            tenant,
            figures,
            amount,
            currency,
            digest.as_slice()
        ];
        self.change.execute(insert, values).map_err(failed)?;
        self.adjustments = self.adjustments.saturating_add(1);
        self.link(digest);
        Ok(())
    }

    /// Adds a tenant's statement; its number.
    ///
    /// # Errors
    /// [`Error`] if it cannot be written, or the tenant has one already.
    pub fn state(&mut self, statement: &Statement) -> Result<i64> {
        let failed = self.failed();
        let number = self.first.saturating_add(self.statements);
        let Statement { tenant, document, figures, renderings } = statement;
        let mut renderings: Vec<(&str, &[u8])> =
            renderings.iter().map(|(form, bytes)| (form.as_str(), bytes.as_slice())).collect();
        renderings.sort_unstable_by_key(|(form, _)| *form);
        let covered =
            Covered { number, closing: self.place, tenant, period: &self.period, document, figures };
        let digest = covered.digest(&self.head.digest, renderings.iter().copied());
        let insert = "insert into statement (number, closing, tenant, period, document, figures, digest) values (?, ?, ?, \
                      ?, ?, ?, ?)";
        let values = params![number, self.place, tenant, self.period, document, figures, digest.as_slice()];
        self.change.execute(insert, values).map_err(&failed)?;
        for (form, bytes) in renderings {
            let insert = "insert into rendering (number, form, bytes) values (?, ?, ?)";
            self.change.execute(insert, params![number, form, bytes]).map_err(&failed)?;
        }
        self.statements = self.statements.saturating_add(1);
        self.link(digest);
        Ok(number)
    }

    /// Writes the closing itself and its entry in the audit trail, which `entry` makes of what is closed, and makes all of
    /// it stand.
    ///
    /// # Errors
    /// [`Error`] if it cannot be written: then nothing is closed.
    pub fn finish(mut self, closing: &Closing, entry: impl FnOnce(&Closed) -> Entry) -> Result<Closed> {
        let failed = self.failed();
        let Self { place, first, statements, adjustments, .. } = self;
        let digest = closing.digest(&self.head.digest, place, first, statements, adjustments);
        let insert = "insert into closing (place, period, zone, from_ms, to_ms, at_ms, is_early, version, configuration, \
                      made_from, first, statements, adjustments, digest) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let Closing { period, zone, from_ms, to_ms, at_ms, is_early, version, configuration, made_from } =
            closing;
        let values = params![
            place,
            period,
            zone,
            from_ms,
            to_ms,
            at_ms,
            i64::from(*is_early),
            version,
            configuration,
            made_from,
            first,
            statements,
            adjustments,
            digest.as_slice()
        ];
        self.change.execute(insert, values).map_err(&failed)?;
        self.link(digest);
        self.head.write(&self.change, CHAIN).map_err(&failed)?;
        let closed = Closed { place, closing: closing.clone(), first, statements, adjustments, digest };
        audit::append(&self.change, &entry(&closed)).map_err(&failed)?;
        self.change.commit().map_err(failed)?;
        Ok(closed)
    }
}

/// A digest of the file, which is not one if it was changed: then it is compared with none.
pub(super) fn as_digest(bytes: Vec<u8>) -> Digest {
    bytes.try_into().unwrap_or(digest::NONE)
}
