//! The books: what must not change any more, and what must not be done twice.
//!
//! One SQLite file in the store's folder (`books.sqlite`), apart from the traffic: closed statements in a chain of
//! digests, the audit trail, mail that was sent, quotas that were passed. It is a file of its own because these are few,
//! are changed in transactions, and outlive the traffic they were made from. Several processes may have it open (the
//! daemon, a command): SQLite's write-ahead log lets one write while others read, and a second writer waits.
//!
//! This crate knows nothing of traffic or money: documents are bytes, amounts are text, and time is an argument.

mod audit;
mod chain;
mod check;
pub mod digest;
mod error;
mod outbox;
pub mod quota;
mod schedule;

pub use audit::Entry;
pub use chain::{Adjustment, Begun, Closed, Closing, Draft, Kept, Statement, Term};
pub use check::{Checked, Flaw};
pub use digest::Digest;
pub use error::{Error, Result};
pub use outbox::{About, Delivery, Fate, Letter, Parcel, State};
pub use schedule::Owed;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file's name in the store's folder.
pub const FILE: &str = "books.sqlite";

/// How long one process waits for another's transaction. Transactions are short; this is for a slow disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tables, of each module its own. All are made when the file is opened for writing.
const TABLES: &[&str] =
    &[digest::TABLES, audit::TABLES, chain::TABLES, outbox::TABLES, schedule::TABLES, quota::TABLES];

/// Where the file says how many of them it has: a reader makes none.
const MADE: &str = "user_version";

/// How many there are now.
fn made() -> i64 {
    i64::try_from(TABLES.len()).unwrap_or(i64::MAX)
}

/// How many of them a file has.
fn tables(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, MADE, |row| row.get(0))
}

fn is_read_only(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly)
}

/// The open books.
#[derive(Debug)]
pub struct Books {
    db: Connection,
    path: PathBuf,
}

impl Books {
    /// Opens the books of a store for writing, and makes them if there are none.
    ///
    /// # Errors
    /// [`Error`] with the file's name if it cannot be opened or is no file of books.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let failed = |error| Error::new(&path, "open", error);
        let mut db = Connection::open(&path).map_err(failed)?;
        db.busy_timeout(PATIENCE).map_err(failed)?;
        db.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
        // A statement that was said to be closed is on the disk.
        db.pragma_update(None, "synchronous", "full").map_err(failed)?;
        db.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        let tables = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        for statement in TABLES {
            tables.execute_batch(statement).map_err(failed)?;
        }
        tables.pragma_update(None, MADE, made()).map_err(failed)?;
        tables.commit().map_err(failed)?;
        Ok(Self { db, path })
    }

    /// Opens the books of a store for reading; `None` if there are none. Books that an earlier version made, without tables
    /// that this one has, are first completed.
    ///
    /// # Errors
    /// As [`Books::open`].
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let failed = |error| Error::new(&path, "open", error);
        let reader = || {
            let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            db.busy_timeout(PATIENCE)?;
            let made = tables(&db)?;
            Ok((db, made))
        };
        let (db, there) = match reader() {
            // Who wrote was killed. What that left half done is undone by the next who may write.
            Err(error) if is_read_only(&error) => {
                let db = Connection::open(&path).map_err(failed)?;
                db.busy_timeout(PATIENCE).map_err(failed)?;
                tables(&db).map_err(failed)?;
                drop(db);
                reader().map_err(failed)?
            }
            read => read.map_err(failed)?,
        };
        match there {
            // A file without anything in it: who made it was killed right then.
            0 => Ok(None),
            some if some < made() => {
                drop(db);
                Self::open(folder).map(Some)
            }
            _ => Ok(Some(Self { db, path })),
        }
    }

    /// Begins to change something. Who writes says so before it reads, so that a second writer waits here and does not
    /// fail later.
    fn begin(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.db.transaction_with_behavior(TransactionBehavior::Immediate)
    }

    /// An error of this file.
    fn failed(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> Error + use<> {
        let path = self.path.clone();
        move |error| Error::new(&path, doing, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_a_killed_writer_left_half_done_is_undone_by_who_reads() {
        let (there, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Books::open(there.path()).unwrap();
        let db = Connection::open(there.path().join(FILE)).unwrap();
        // As a file is before it has a write-ahead log.
        db.pragma_update(None, "journal_mode", "delete").unwrap();
        db.pragma_update(None, "cache_size", 10).unwrap();
        db.execute_batch("begin immediate").unwrap();
        for place in 0..2_000 {
            let row = (place, "x".repeat(500));
            db.execute("insert into audit values (?1, 0, 'me', ?2, '', '', x'')", row).unwrap();
        }
        // What is on the disk now is what a kill leaves.
        let journal = format!("{FILE}-journal");
        for file in [FILE, &journal] {
            fs::copy(there.path().join(file), here.path().join(file)).unwrap();
        }
        let books = Books::read(here.path()).unwrap().unwrap();
        assert_eq!(books.audit().unwrap(), []);
    }
}
