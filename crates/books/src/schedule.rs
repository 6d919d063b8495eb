//! Until when each job of a schedule has been done, so that one that was missed is caught up, and none is done twice.

use super::audit::{self, Entry};
use super::{Books, Result};
use rusqlite::{OptionalExtension, TransactionBehavior, params};

pub(super) const TABLES: &str = "
create table if not exists job (
    name text primary key,
    done_ms integer not null
) strict;
create table if not exists owed (
    job text not null,
    period text not null,
    kind text not null,
    about text not null,
    why text not null,
    primary key (job, period, kind, about)
) strict;";

/// One letter that a job still owes of a period that it has done otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owed {
    /// The name of the period.
    pub period: String,
    /// What the letter is: `statement`, `summary`.
    pub kind: String,
    /// Of whom it is; empty where it is about all.
    pub about: String,
    /// Why it could not be written.
    pub why: String,
}

impl Books {
    /// Until when (ms since 1970) everything that was due of a job has been done. A job that nobody knew yet begins at
    /// `now_ms`: what would have been due before it was asked for is not.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be read or written.
    pub fn job_done_ms(&mut self, name: &str, now_ms: i64) -> Result<i64> {
        let failed = self.failed("read the schedule of");
        let select = "select done_ms from job where name = ?1";
        let known = self.db.query_row(select, params![name], |row| row.get(0)).optional().map_err(&failed)?;
        if let Some(done_ms) = known {
            return Ok(done_ms);
        }
        let insert = "insert or ignore into job (name, done_ms) values (?1, ?2)";
        self.db.execute(insert, params![name, now_ms]).map_err(&failed)?;
        self.db.query_row(select, params![name], |row| row.get(0)).map_err(failed)
    }

    /// Everything that was due of a job until `done_ms` (ms since 1970) has been done, but for what it owes; an entry of the
    /// audit trail says it.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be written.
    pub fn finish_job(&mut self, name: &str, done_ms: i64, owed: &[Owed], entry: &Entry) -> Result<()> {
        let failed = self.failed("write the schedule of");
        let change = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let finish = "insert into job (name, done_ms) values (?1, ?2)
                      on conflict (name) do update set done_ms = max(done_ms, excluded.done_ms)";
        change.execute(finish, params![name, done_ms]).map_err(&failed)?;
        for Owed { period, kind, about, why } in owed {
            let owe =
                "insert or replace into owed (job, period, kind, about, why) values (?1, ?2, ?3, ?4, ?5)";
            change.execute(owe, params![name, period, kind, about, why]).map_err(&failed)?;
        }
        audit::append(&change, entry).map_err(&failed)?;
        change.commit().map_err(failed)
    }

    /// What a job owes, the oldest periods first.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be read.
    pub fn owed(&self, name: &str) -> Result<Vec<Owed>> {
        let failed = self.failed("read the schedule of");
        let select = "select period, kind, about, why from owed where job = ?1 order by rowid";
        let mut select = self.db.prepare_cached(select).map_err(&failed)?;
        let row = |row: &rusqlite::Row<'_>| {
            Ok(Owed { period: row.get(0)?, kind: row.get(1)?, about: row.get(2)?, why: row.get(3)? })
        };
        let rows = select.query_map(params![name], row).map_err(&failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// A job owes this no longer; an entry of the audit trail says why.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be written.
    pub fn settle_owed(&mut self, name: &str, owed: &Owed, entry: &Entry) -> Result<()> {
        let failed = self.failed("write the schedule of");
        let change = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let Owed { period, kind, about, .. } = owed;
        let settle = "delete from owed where job = ?1 and period = ?2 and kind = ?3 and about = ?4";
        change.execute(settle, params![name, period, kind, about]).map_err(&failed)?;
        audit::append(&change, entry).map_err(&failed)?;
        change.commit().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_begins_when_it_is_first_seen_and_never_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut books = Books::open(folder.path()).unwrap();
        assert_eq!(books.job_done_ms("mail last", 1000).unwrap(), 1000);
        assert_eq!(books.job_done_ms("mail last", 2000).unwrap(), 1000);
        let entry = Entry {
            at_ms: 2500,
            who: "weir".to_owned(),
            what: "schedule".to_owned(),
            subject: "mail last".to_owned(),
            why: "due".to_owned(),
        };
        let owed = |about: &str| Owed {
            period: "2026-10".to_owned(),
            kind: "statement".to_owned(),
            about: about.to_owned(),
            why: "its tariff".to_owned(),
        };
        books.finish_job("mail last", 2400, &[owed("bolt"), owed("acme")], &entry).unwrap();
        books.finish_job("mail last", 2300, &[], &entry).unwrap();
        books.settle_owed("mail last", &owed("bolt"), &entry).unwrap();
        drop(books);
        let mut books = Books::open(folder.path()).unwrap();
        assert_eq!(books.job_done_ms("mail last", 9000).unwrap(), 2400);
        assert_eq!(books.job_done_ms("close last", 9000).unwrap(), 9000);
        assert_eq!(books.owed("mail last").unwrap(), [owed("acme")]);
        assert_eq!(books.owed("close last").unwrap(), []);
    }
}
