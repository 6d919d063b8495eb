//! Quotas that were passed: which thresholds of which cycle, what is done about it, and who is blocked.
//!
//! What a look at the quotas changes goes into the books at once or not at all ([`Books::enact`]): the thresholds, the
//! [`Deed`]s and [`Block`]s that follow from them, and the entries of the audit trail that say why. Only then anything is
//! done, and each thing is marked when it is. So after a stop at any moment the books say what was decided, and the
//! marks what of it is not known to have happened.

mod block;
mod deed;

pub use block::{Block, BlockState};
pub use deed::{Deed, DeedState};

use super::audit::{Entry, append};
use super::{Books, Result};
use rusqlite::{Row, Transaction, params};

pub(super) const TABLES: &str = "
create table if not exists quota_watch (
    quota text not null,
    tenant text not null,
    host text not null,
    is_dry integer not null,
    cycle_ms integer not null,
    marks text not null,
    primary key (quota, tenant, host)
) strict, without rowid;
create table if not exists quota_deed (
    id integer primary key,
    quota text not null,
    tenant text not null,
    host text not null,
    at_ms integer not null,
    threshold text not null,
    edge text not null,
    kind text not null,
    task text not null,
    state text not null,
    tries integer not null,
    next_ms integer not null,
    ended_ms integer,
    said text not null
) strict;
create index if not exists quota_deed_state on quota_deed (state, next_ms);
create table if not exists quota_block (
    id integer primary key,
    quota text not null,
    tenant text not null,
    host text not null,
    place text not null,
    element text not null,
    state text not null,
    is_ours integer,
    since_ms integer not null,
    until_ms integer,
    fuse integer not null,
    why text not null,
    said text not null,
    failed_ms integer,
    unique (quota, tenant, host, place, element)
) strict;";

/// Whom a quota is looked at for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The quota's name.
    pub quota: String,
    /// The tenant's name.
    pub tenant: String,
    /// The tenant's host, where the quota is each host's.
    pub host: Option<String>,
}

impl Subject {
    /// As the audit trail names it.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.host {
            Some(host) => format!("quota {}: {} {host}", self.quota, self.tenant),
            None => format!("quota {}: {}", self.quota, self.tenant),
        }
    }

    /// The three columns that every table begins with; no host is an empty text.
    fn columns(&self) -> [&str; 3] {
        [&self.quota, &self.tenant, self.host.as_deref().unwrap_or_default()]
    }

    /// From the columns at `from` and the two after it.
    fn of(row: &Row<'_>, from: usize) -> rusqlite::Result<Self> {
        let host: String = row.get(from + 2)?;
        Ok(Self {
            quota: row.get(from)?,
            tenant: row.get(from + 1)?,
            host: (!host.is_empty()).then_some(host),
        })
    }
}

/// A threshold that was passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which, as text.
    pub threshold: String,
    /// Octets used when it was.
    pub used: u64,
}

/// What is remembered of a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Of whom.
    pub subject: Subject,
    /// Whether it was a dry run that passed them.
    pub is_dry: bool,
    /// The first instant of the cycle, ms since 1970.
    pub cycle_ms: i64,
    /// What was passed in it; with nothing here the subject is forgotten.
    pub marks: Vec<Mark>,
}

/// A block that is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its [`Block::id`].
    pub id: i64,
    /// Why, as a sentence.
    pub why: String,
}

/// All that one look changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Watches as they are now.
    pub kept: Vec<Kept>,
    /// What is to be done.
    pub deeds: Vec<Deed>,
    /// Who is to be blocked, or refused to be.
    pub blocks: Vec<Block>,
    /// Which blocks are to end.
    pub releases: Vec<Release>,
    /// What the audit trail says of it.
    pub entries: Vec<Entry>,
}

impl Changes {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
            && self.deeds.is_empty()
            && self.blocks.is_empty()
            && self.releases.is_empty()
            && self.entries.is_empty()
    }
}

impl Books {
    /// All that is remembered of quotas.
    ///
    /// # Errors
    /// [`Error`](super::Error) if it cannot be read.
    pub fn watches(&self) -> Result<Vec<Kept>> {
        let failed = self.failed("read the quotas of");
        let read = || -> rusqlite::Result<Vec<Kept>> {
            let sql = "select quota, tenant, host, is_dry, cycle_ms, marks from quota_watch order by 1, 2, 3";
            let mut query = self.db.prepare(sql)?;
            let rows = query.query_map([], |row| {
                let marks: String = row.get(5)?;
                Ok(Kept {
                    subject: Subject::of(row, 0)?,
                    is_dry: row.get(3)?,
                    cycle_ms: row.get(4)?,
                    marks: marks.lines().filter_map(parse_mark).collect(),
                })
            })?;
            rows.collect()
        };
        read().map_err(failed)
    }

    /// Takes in what a look changed: all of it or nothing.
    ///
    /// # Errors
    /// [`Error`](super::Error) if it cannot be written.
    pub fn enact(&mut self, changes: &Changes) -> Result<()> {
        let failed = self.failed("write the quotas of");
        let mut enact = || {
            let db = self.db.transaction()?;
            for kept in &changes.kept {
                keep(&db, kept)?;
            }
            for deed in &changes.deeds {
                deed.insert(&db)?;
            }
            for Release { id, why } in &changes.releases {
                // Who was refused has nothing in force: the row just goes.
                db.execute("delete from quota_block where id = ? and state = 'refused'", [id])?;
                let sql = "update quota_block set state = 'leaving', why = ?, said = '', failed_ms = null where id = ?";
                db.execute(sql, params![why, id])?;
            }
            // What ends and begins at once goes on.
            for block in &changes.blocks {
                block.insert(&db)?;
            }
            for entry in &changes.entries {
                append(&db, entry)?;
            }
            db.commit()
        };
        enact().map_err(failed)
    }

    /// The newest entries of the audit trail that are about quotas, the newest first.
    ///
    /// # Errors
    /// [`Error`](super::Error) if they cannot be read.
    pub fn quota_entries(&self, most: u32) -> Result<Vec<Entry>> {
        let failed = self.failed("read the audit trail of");
        let read = || -> rusqlite::Result<Vec<Entry>> {
            let sql = "select at_ms, who, what, subject, why from audit where subject like 'quota %' \
                       order by place desc limit ?";
            let mut query = self.db.prepare(sql)?;
            let rows = query.query_map([most], |row| {
                Ok(Entry {
                    at_ms: row.get(0)?,
                    who: row.get(1)?,
                    what: row.get(2)?,
                    subject: row.get(3)?,
                    why: row.get(4)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(failed)
    }

    /// A number that changes whenever another process or connection has written the books.
    ///
    /// # Errors
    /// [`Error`](super::Error) if it cannot be read.
    pub fn version(&self) -> Result<i64> {
        self.db.pragma_query_value(None, "data_version", |row| row.get(0)).map_err(self.failed("read"))
    }
}

fn keep(db: &Transaction<'_>, kept: &Kept) -> rusqlite::Result<()> {
    let [quota, tenant, host] = kept.subject.columns();
    if kept.marks.is_empty() {
        let sql = "delete from quota_watch where quota = ? and tenant = ? and host = ?";
        db.execute(sql, params![quota, tenant, host])?;
        return Ok(());
    }
    let marks: String =
        kept.marks.iter().map(|mark| format!("{}\t{}\n", mark.threshold, mark.used)).collect();
    let sql = "insert or replace into quota_watch (quota, tenant, host, is_dry, cycle_ms, marks) \
               values (?, ?, ?, ?, ?, ?)";
    db.execute(sql, params![quota, tenant, host, kept.is_dry, kept.cycle_ms, marks])?;
    Ok(())
}

fn parse_mark(line: &str) -> Option<Mark> {
    let (threshold, used) = line.split_once('\t')?;
    Some(Mark { threshold: threshold.to_owned(), used: used.parse().ok()? })
}

#[cfg(test)]
mod tests;
