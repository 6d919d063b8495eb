//! The books against themselves: is every row as it was written, and is none missing?

use super::digest::{Head, hex};
use super::{Books, Result};
use std::fmt;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The table.
    pub table: &'static str,
    /// The row, as a reader would call it: `entry 3`, `statement 7 of acme`.
    pub row: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.table, self.row, self.what)
    }
}

/// What was looked through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Entries of the audit trail.
    pub entries: u64,
    /// Periods that were closed.
    pub closings: u64,
    /// Statements in them.
    pub statements: u64,
    /// Adjustments in them.
    pub adjustments: u64,
    /// What is wrong, the first thing first; none means that all is as it was written.
    pub flaws: Vec<Flaw>,
}

impl Flaw {
    pub(super) fn new(table: &'static str, row: impl Into<String>, what: impl Into<String>) -> Self {
        Self { table, row: row.into(), what: what.into() }
    }

    /// A row that says something else than when it was written.
    pub(super) fn digest(table: &'static str, row: &str) -> Self {
        Self::new(table, row, "was changed after it was written, or put in: its digest is another")
    }

    /// Numbers follow each other without a gap.
    pub(super) fn numbered(flaws: &mut Vec<Self>, table: &'static str, before: i64, number: i64) {
        let due = before.saturating_add(1);
        if number != due {
            flaws.push(Self::new(
                table,
                format!("number {due}"),
                format!("is missing: {number} comes instead"),
            ));
        }
    }

    /// What is kept of a chain's end is its last row.
    pub(super) fn head(flaws: &mut Vec<Self>, table: &'static str, head: &Head, rows: i64, digest: &[u8]) {
        if head.rows != rows {
            let what =
                format!("are there, and {} were written: the last were taken out or put in", head.rows);
            flaws.push(Self::new(table, format!("{rows} rows"), what));
        } else if head.digest != digest {
            let what = format!("ends in {}, and is to end in {}", hex(digest), hex(&head.digest));
            flaws.push(Self::new(table, "the chain", what));
        }
    }
}

impl Books {
    /// Looks through every row: digests, numbers, and SQLite's own order of the file.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be read at all; also a row that is not of the kind it was written as.
    pub fn check(&self) -> Result<Checked> {
        let failed = self.failed("read every row of");
        let mut checked = Checked::default();
        self.check_file(&mut checked.flaws).map_err(&failed)?;
        checked.entries = self.check_audit(&mut checked.flaws).map_err(&failed)?;
        self.check_chain(&mut checked).map_err(failed)?;
        Ok(checked)
    }

    fn check_file(&self, flaws: &mut Vec<Flaw>) -> rusqlite::Result<()> {
        let mut select = self.db.prepare("pragma integrity_check(10)")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let said: String = row.get(0)?;
            if said != "ok" {
                flaws.push(Flaw::new("the file", "", said));
            }
        }
        Ok(())
    }
}
