//! The chain, walked from its first row to its last.

use super::{CHAIN, Closed, Covered, Kept, read};
use crate::Books;
use crate::check::{Checked, Flaw};
use crate::digest::{Head, NONE};
use rusqlite::Connection;

/// Where the walk is.
struct Walk<'a> {
    db: &'a Connection,
    flaws: &'a mut Vec<Flaw>,
    /// The digest of the last row, as it is kept beside it: so one wrong row is one flaw.
    before: Vec<u8>,
    rows: i64,
    /// The last number of each table.
    closing: i64,
    statement: i64,
    adjustment: i64,
    renderings: i64,
    statements_seen: i64,
    adjustments_seen: i64,
}

impl Books {
    /// What is wrong with closings, statements, renderings and adjustments.
    pub(crate) fn check_chain(&self, checked: &mut Checked) -> rusqlite::Result<()> {
        let mut closings = Vec::new();
        read::each_closing(&self.db, |closed| closings.push(closed))?;
        let mut walk = Walk {
            db: &self.db,
            flaws: &mut checked.flaws,
            before: NONE.to_vec(),
            rows: 0,
            closing: 0,
            statement: 0,
            adjustment: 0,
            renderings: 0,
            statements_seen: 0,
            adjustments_seen: 0,
        };
        for closed in &closings {
            walk.closing(closed)?;
        }
        walk.strays()?;
        Flaw::head(walk.flaws, "closing", &Head::read(&self.db, CHAIN)?, walk.rows, &walk.before);
        let count = |n: i64| u64::try_from(n).unwrap_or_default();
        (checked.statements, checked.adjustments) =
            (count(walk.statements_seen), count(walk.adjustments_seen));
        checked.closings = closings.len() as u64;
        Ok(())
    }
}

impl Walk<'_> {
    fn link(&mut self, table: &'static str, row: &str, digest: &[u8], kept: &[u8]) {
        if digest != kept {
            self.flaws.push(Flaw::digest(table, row));
        }
        self.before = kept.to_vec();
        self.rows = self.rows.saturating_add(1);
    }

    fn closing(&mut self, closed: &Closed) -> rusqlite::Result<()> {
        let period = &closed.closing.period;
        let row = format!("number {} ({period})", closed.place);
        Flaw::numbered(self.flaws, "closing", self.closing, closed.place);
        self.closing = closed.place;
        let adjustments = self.adjustments(closed.place)?;
        let first = self.statement.saturating_add(1);
        let mut statements = 0i64;
        let db = self.db;
        read::each_statement(db, closed.place, |kept| {
            statements = statements.saturating_add(1);
            self.statement(&kept)
        })?;
        for (what, there, written) in
            [("statements", statements, closed.statements), ("adjustments", adjustments, closed.adjustments)]
        {
            if there != written {
                let what = format!("has {there} {what}, and {written} were written");
                self.flaws.push(Flaw::new("closing", &row, what));
            }
        }
        if closed.first != first && statements == closed.statements {
            let what = format!("says that its first statement is {}, and it is {first}", closed.first);
            self.flaws.push(Flaw::new("closing", &row, what));
        }
        let Closed { place, first, statements, adjustments, .. } = *closed;
        let digest = closed.closing.digest(&self.before, place, first, statements, adjustments);
        self.link("closing", &row, &digest, &closed.digest);
        Ok(())
    }

    /// How many there are.
    fn adjustments(&mut self, closing: i64) -> rusqlite::Result<i64> {
        let mut there = 0i64;
        let db = self.db;
        read::each_adjustment(db, closing, |place, adjustment, kept| {
            there = there.saturating_add(1);
            Flaw::numbered(self.flaws, "adjustment", self.adjustment, place);
            self.adjustment = place;
            let digest = adjustment.digest(&self.before, place, closing);
            self.link("adjustment", &format!("number {place} of {}", adjustment.tenant), &digest, &kept);
        })?;
        self.adjustments_seen = self.adjustments_seen.saturating_add(there);
        Ok(there)
    }

    fn statement(&mut self, kept: &Kept) -> rusqlite::Result<()> {
        let Kept { number, closing, tenant, period, document, figures, digest } = kept;
        Flaw::numbered(self.flaws, "statement", self.statement, *number);
        (self.statement, self.statements_seen) = (*number, self.statements_seen.saturating_add(1));
        let renderings = read::renderings(self.db, *number)?;
        self.renderings = self.renderings.saturating_add(i64::try_from(renderings.len()).unwrap_or(i64::MAX));
        let covered = Covered { number: *number, closing: *closing, tenant, period, document, figures };
        let renderings = renderings.iter().map(|(form, bytes)| (form.as_str(), bytes.as_slice()));
        let computed = covered.digest(&self.before, renderings);
        self.link("statement", &format!("number {number} of {tenant}, {period},"), &computed, digest);
        Ok(())
    }

    /// Rows that belong to nothing.
    fn strays(&mut self) -> rusqlite::Result<()> {
        let tables = [
            ("statement", self.statements_seen),
            ("adjustment", self.adjustments_seen),
            ("rendering", self.renderings),
        ];
        for (table, seen) in tables {
            let there: i64 =
                self.db.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0))?;
            if there != seen {
                let stray = there.saturating_sub(seen);
                self.flaws.push(Flaw::new(
                    table,
                    format!("{stray} rows"),
                    "belong to nothing that is closed",
                ));
            }
        }
        Ok(())
    }
}
