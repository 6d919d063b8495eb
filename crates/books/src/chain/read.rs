//! What is closed, read.

use super::draft::as_digest;
use super::{Adjustment, Closed, Closing, Covered, Kept, Term};
use crate::digest::NONE;
use crate::{Books, Error, Result};
use rusqlite::{Connection, OptionalExtension, Row, params};

const CLOSING: &str = "select place, period, zone, from_ms, to_ms, at_ms, is_early, version, configuration, made_from, first, \
                       statements, adjustments, digest from closing";
const STATEMENT: &str = "select number, closing, tenant, period, document, figures, digest from statement";
const ADJUSTMENT: &str =
    "select adjusts, statement, tenant, figures, amount, currency, place, closing, digest from adjustment";

impl Books {
    /// All that is closed, in the order it was.
    ///
    /// # Errors
    /// [`Error`] if it cannot be read; so for all of these.
    pub fn closings(&self) -> Result<Vec<Closed>> {
        let mut all = Vec::new();
        each_closing(&self.db, |closed| all.push(closed)).map_err(self.failed("read closings of"))?;
        Ok(all)
    }

    /// The closings that a part of this span (ms since 1970) lies in, in the order they were made.
    ///
    /// # Errors
    /// As [`Books::closings`].
    pub fn overlapping(&self, from_ms: i64, to_ms: i64) -> Result<Vec<Closed>> {
        overlapping(&self.db, from_ms, to_ms).map_err(self.failed("read closings of"))
    }

    /// The closing of this very period, if it is closed.
    ///
    /// # Errors
    /// As [`Books::closings`].
    pub fn closed(&self, term: &Term<'_>) -> Result<Option<Closed>> {
        Ok(self.overlapping(term.from_ms, term.to_ms)?.into_iter().find(|closed| term.is_of(closed)))
    }

    /// What keeps a period from being closed for these tenants: it is closed, or one of them has a statement of a part of
    /// it.
    ///
    /// # Errors
    /// As [`Books::closings`].
    pub fn clash(&self, term: &Term<'_>, tenants: &[&str]) -> Result<Option<Closed>> {
        clash(&self.db, term, tenants).map_err(self.failed("read closings of"))
    }

    /// Until when each tenant has statements of what was before an instant (ms since 1970), and in which zone the last of them is.
    ///
    /// # Errors
    /// As [`Books::closings`].
    pub fn stated_until(&self, before_ms: i64) -> Result<Vec<(String, i64, String)>> {
        let read = || {
            // A bare column beside max() is of the row with the greatest.
            let mut select = self.db.prepare(
                "select tenant, max(to_ms), zone from statement join closing on closing.place = statement.closing \
                 where to_ms <= ? group by tenant order by tenant",
            )?;
            let rows = select.query_map([before_ms], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(self.failed("read statements of"))
    }

    /// Calls `f` with every statement of a closing, in the order of their numbers.
    ///
    /// # Errors
    /// As [`Books::closings`].
    pub fn statements(&self, closing: i64, mut f: impl FnMut(Kept)) -> Result<()> {
        let each = |kept| {
            f(kept);
            Ok(())
        };
        each_statement(&self.db, closing, each).map_err(self.failed("read statements of"))
    }

    /// The statement of this number.
    ///
    /// # Errors
    /// As [`Books::closings`], or it is not what was closed.
    pub fn statement(&self, number: i64) -> Result<Option<Kept>> {
        let select = format!("{STATEMENT} where number = ?");
        let found = self.db.query_row(&select, [number], kept).optional();
        self.vouched(found.map_err(self.failed("read a statement of"))?)
    }

    /// A tenant's statement in a closing.
    ///
    /// # Errors
    /// As [`Books::closings`], or it is not what was closed.
    pub fn statement_of(&self, closing: i64, tenant: &str) -> Result<Option<Kept>> {
        let select = format!("{STATEMENT} where closing = ? and tenant = ?");
        let found = self.db.query_row(&select, params![closing, tenant], kept).optional();
        self.vouched(found.map_err(self.failed("read a statement of"))?)
    }

    fn vouched(&self, found: Option<Kept>) -> Result<Option<Kept>> {
        found.iter().try_for_each(|kept| self.vouch(kept))?;
        Ok(found)
    }

    /// Holds a statement and its forms for people against the digest that they were closed with. That all digests are those
    /// of one chain, [`Books::check`] says.
    ///
    /// # Errors
    /// It is not what was closed, or cannot be read.
    pub fn vouch(&self, kept: &Kept) -> Result<()> {
        let read = || Ok((before(&self.db, kept)?, renderings(&self.db, kept.number)?));
        let (before, renderings) = read().map_err(self.failed("read a statement of"))?;
        let Kept { number, closing, tenant, period, document, figures, digest } = kept;
        let covered = Covered { number: *number, closing: *closing, tenant, period, document, figures };
        let renderings = renderings.iter().map(|(form, bytes)| (form.as_str(), bytes.as_slice()));
        if covered.digest(&before, renderings) == *digest {
            return Ok(());
        }
        Err(Error::changed(&self.path, format!("statement {number} of {tenant}, {period},")))
    }

    /// The closing of this number.
    ///
    /// # Errors
    /// As [`Books::closings`].
    pub fn closing(&self, place: i64) -> Result<Option<Closed>> {
        let select = format!("{CLOSING} where place = ?");
        self.db.query_row(&select, [place], closed).optional().map_err(self.failed("read a closing of"))
    }

    /// A statement in a form for people.
    ///
    /// # Errors
    /// As [`Books::closings`].
    pub fn rendering(&self, number: i64, form: &str) -> Result<Option<Vec<u8>>> {
        let select = "select bytes from rendering where number = ? and form = ?";
        let found = self.db.query_row(select, params![number, form], |row| row.get(0)).optional();
        found.map_err(self.failed("read a statement of"))
    }

    /// The adjustments that a closing charges.
    ///
    /// # Errors
    /// As [`Books::closings`].
    pub fn adjustments(&self, closing: i64) -> Result<Vec<Adjustment>> {
        self.adjustments_where("closing", closing)
    }

    /// The adjustments that were made to a closing, later.
    ///
    /// # Errors
    /// As [`Books::closings`].
    pub fn adjustments_to(&self, closing: i64) -> Result<Vec<Adjustment>> {
        self.adjustments_where("adjusts", closing)
    }

    fn adjustments_where(&self, column: &str, closing: i64) -> Result<Vec<Adjustment>> {
        let read = || {
            let mut select = self.db.prepare(&format!("{ADJUSTMENT} where {column} = ? order by place"))?;
            let rows = select.query_map([closing], adjustment)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(self.failed("read adjustments of"))
    }
}

/// The digest of the row before a statement in the chain: of the statement before it in its closing, else of the closing's last
/// adjustment, else of the closing before.
fn before(db: &Connection, kept: &Kept) -> rusqlite::Result<Vec<u8>> {
    let digest = |select: &str, values: [i64; 2]| db.query_row(select, values, |row| row.get(0)).optional();
    let (number, closing) = (kept.number.saturating_sub(1), kept.closing);
    let candidates = [
        ("select digest from statement where number = ? and closing = ?", [number, closing]),
        ("select digest from adjustment where closing = ? and ? order by place desc limit 1", [closing, 1]),
        ("select digest from closing where place = ? and ?", [closing.saturating_sub(1), 1]),
    ];
    for (select, values) in candidates {
        if let Some(found) = digest(select, values)? {
            return Ok(found);
        }
    }
    Ok(NONE.to_vec())
}

fn overlapping(db: &Connection, from_ms: i64, to_ms: i64) -> rusqlite::Result<Vec<Closed>> {
    let mut select = db.prepare(&format!("{CLOSING} where from_ms < ? and to_ms > ? order by place"))?;
    let rows = select.query_map(params![to_ms, from_ms], closed)?;
    rows.collect()
}

pub(super) fn clash(db: &Connection, term: &Term<'_>, tenants: &[&str]) -> rusqlite::Result<Option<Closed>> {
    let mut overlapping = overlapping(db, term.from_ms, term.to_ms)?;
    if let Some(place) = overlapping.iter().position(|closed| term.is_of(closed)) {
        return Ok(Some(overlapping.swap_remove(place)));
    }
    let mut stated = db.prepare("select 1 from statement where closing = ? and tenant = ?")?;
    for closed in overlapping {
        // Of one without a statement nobody knows whom it was for.
        let is_for_nobody = closed.statements == 0 && closed.closing.zone == term.zone;
        let mut is_theirs = || -> rusqlite::Result<bool> {
            for tenant in tenants {
                if stated.exists(params![closed.place, tenant])? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        if is_for_nobody || is_theirs()? {
            return Ok(Some(closed));
        }
    }
    Ok(None)
}

pub(super) fn each_closing(db: &Connection, mut f: impl FnMut(Closed)) -> rusqlite::Result<()> {
    let mut select = db.prepare(&format!("{CLOSING} order by place"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        f(closed(row)?);
    }
    Ok(())
}

pub(super) fn each_statement(
    db: &Connection,
    closing: i64,
    mut f: impl FnMut(Kept) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut select = db.prepare(&format!("{STATEMENT} where closing = ? order by number"))?;
    let mut rows = select.query([closing])?;
    while let Some(row) = rows.next()? {
        f(kept(row)?)?;
    }
    Ok(())
}

/// Calls `f` with every adjustment that a closing charges, its number, and the digest beside it.
pub(super) fn each_adjustment(
    db: &Connection,
    closing: i64,
    mut f: impl FnMut(i64, Adjustment, Vec<u8>),
) -> rusqlite::Result<()> {
    let mut select = db.prepare(&format!("{ADJUSTMENT} where closing = ? order by place"))?;
    let mut rows = select.query([closing])?;
    while let Some(row) = rows.next()? {
        f(row.get(6)?, adjustment(row)?, row.get(8)?);
    }
    Ok(())
}

/// The renderings of a statement, in the order of their forms.
pub(super) fn renderings(db: &Connection, number: i64) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    let mut select = db.prepare_cached("select form, bytes from rendering where number = ? order by form")?;
    let rows = select.query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn closed(row: &Row<'_>) -> rusqlite::Result<Closed> {
    let closing = Closing {
        period: row.get(1)?,
        zone: row.get(2)?,
        from_ms: row.get(3)?,
        to_ms: row.get(4)?,
        at_ms: row.get(5)?,
        is_early: truth(row, 6)?,
        version: row.get(7)?,
        configuration: row.get(8)?,
        made_from: row.get(9)?,
    };
    Ok(Closed {
        place: row.get(0)?,
        closing,
        first: row.get(10)?,
        statements: row.get(11)?,
        adjustments: row.get(12)?,
        digest: as_digest(row.get(13)?),
    })
}

/// A yes or no; SQLite has numbers only, and another number than these was not written by us.
fn truth(row: &Row<'_>, column: usize) -> rusqlite::Result<bool> {
    match row.get(column)? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(rusqlite::Error::IntegralValueOutOfRange(column, other)),
    }
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        number: row.get(0)?,
        closing: row.get(1)?,
        tenant: row.get(2)?,
        period: row.get(3)?,
        document: row.get(4)?,
        figures: row.get(5)?,
        digest: as_digest(row.get(6)?),
    })
}

fn adjustment(row: &Row<'_>) -> rusqlite::Result<Adjustment> {
    Ok(Adjustment {
        adjusts: row.get(0)?,
        statement: row.get(1)?,
        tenant: row.get(2)?,
        figures: row.get(3)?,
        amount: row.get(4)?,
        currency: row.get(5)?,
    })
}
