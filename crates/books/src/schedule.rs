//! Until when each job of a schedule has been done, so that one that was missed is caught up, and none is done twice.

use super::audit::{self, Entry};
use super::{Books, Result};
use rusqlite::{OptionalExtension, TransactionBehavior, params};

pub(super) const TABLES: &str = "
create table if not exists job (
    name text primary key,
    done_ms integer not null
) strict;";

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

    /// Everything that was due of a job until `done_ms` (ms since 1970) has been done; an entry of the audit trail says it.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be written.
    pub fn finish_job(&mut self, name: &str, done_ms: i64, entry: &Entry) -> Result<()> {
        let failed = self.failed("write the schedule of");
        let change = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let finish = "insert into job (name, done_ms) values (?1, ?2)
                      on conflict (name) do update set done_ms = max(done_ms, excluded.done_ms)";
        change.execute(finish, params![name, done_ms]).map_err(&failed)?;
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
        books.finish_job("mail last", 2400, &entry).unwrap();
        books.finish_job("mail last", 2300, &entry).unwrap();
        drop(books);
        let mut books = Books::open(folder.path()).unwrap();
        assert_eq!(books.job_done_ms("mail last", 9000).unwrap(), 2400);
        assert_eq!(books.job_done_ms("close last", 9000).unwrap(), 9000);
    }
}
