//! What is done once because a threshold was crossed: a mail, a call, a program.

use super::Subject;
use crate::{Books, Result};
use rusqlite::{Row, params};

/// Deeds that ended are kept for the history, the newest of them.
const ENDED_MAX: u32 = 10_000;

/// How far a deed is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeedState {
    /// To be done, or done again after a failure.
    #[default]
    Open,
    /// Begun. Whoever finds this after a restart does not know whether it was done.
    Begun,
    /// Done.
    Done,
    /// It failed too often.
    GivenUp,
    /// The program ended between the beginning and the mark.
    Unknown,
}

impl DeedState {
    const ALL: [Self; 5] = [Self::Open, Self::Begun, Self::Done, Self::GivenUp, Self::Unknown];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Begun => "begun",
            Self::Done => "done",
            Self::GivenUp => "given up",
            Self::Unknown => "unknown",
        }
    }

    fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.word() == word).unwrap_or(Self::Unknown)
    }
}

/// One thing to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deed {
    /// Its number, given when it is written: the same however often it is tried.
    pub id: i64,
    /// About whom.
    pub subject: Subject,
    /// When it was decided, ms since 1970.
    pub at_ms: i64,
    /// The threshold that was crossed,
    pub threshold: String,
    /// and which way.
    pub edge: String,
    /// What kind of thing: `mail`, `webhook`, `exec`.
    pub kind: String,
    /// What exactly, as its kind understands it.
    pub task: String,
    /// How far it is.
    pub state: DeedState,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next, ms since 1970.
    pub next_ms: i64,
    /// When it ended, ms since 1970.
    pub ended_ms: Option<i64>,
    /// What was last said of it: why it failed.
    pub said: String,
}

const COLUMNS: &str =
    "id, quota, tenant, host, at_ms, threshold, edge, kind, task, state, tries, next_ms, ended_ms, said";

impl Deed {
    pub(super) fn insert(&self, db: &rusqlite::Transaction<'_>) -> rusqlite::Result<()> {
        let [quota, tenant, host] = self.subject.columns();
        let Self { at_ms, threshold, edge, kind, task, state, tries, next_ms, ended_ms, said, .. } = self;
        db.execute(
            "insert into quota_deed (quota, tenant, host, at_ms, threshold, edge, kind, task, state, tries, next_ms, \
             ended_ms, said) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                quota, tenant, host, at_ms, threshold, edge, kind, task, state.word(), tries, next_ms, ended_ms, said
            ],
        )?;
        Ok(())
    }

    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get(9)?;
        Ok(Self {
            id: row.get(0)?,
            subject: Subject::of(row, 1)?,
            at_ms: row.get(4)?,
            threshold: row.get(5)?,
            edge: row.get(6)?,
            kind: row.get(7)?,
            task: row.get(8)?,
            state: DeedState::of(&state),
            tries: row.get(10)?,
            next_ms: row.get(11)?,
            ended_ms: row.get(12)?,
            said: row.get(13)?,
        })
    }
}

impl Books {
    /// What is to be done by `now_ms`, and what was begun and not ended; the oldest first, at most `most`.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if it cannot be read.
    pub fn deeds_due(&self, now_ms: i64, most: u32) -> Result<Vec<Deed>> {
        let sql = format!(
            "select {COLUMNS} from quota_deed where (state = 'open' and next_ms <= ?) or state = 'begun' \
             order by id limit ?"
        );
        self.deeds(&sql, params![now_ms, most])
    }

    /// The newest, whatever became of them, the newest first.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if it cannot be read.
    pub fn deeds_newest(&self, most: u32) -> Result<Vec<Deed>> {
        let sql = format!("select {COLUMNS} from quota_deed order by id desc limit ?");
        self.deeds(&sql, params![most])
    }

    fn deeds(&self, sql: &str, arguments: &[&dyn rusqlite::ToSql]) -> Result<Vec<Deed>> {
        let read = || -> rusqlite::Result<Vec<Deed>> {
            let mut query = self.db.prepare(sql)?;
            let rows = query.query_map(arguments, Deed::of)?;
            rows.collect()
        };
        read().map_err(self.failed("read the quotas of"))
    }

    /// Marks how far a deed is: its state, tries, time of the next one, end, and what was said.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if it cannot be written.
    pub fn mark_deed(&mut self, deed: &Deed) -> Result<()> {
        let failed = self.failed("write the quotas of");
        let Deed { id, state, tries, next_ms, ended_ms, said, .. } = deed;
        let mark = || {
            let sql = "update quota_deed set state = ?, tries = ?, next_ms = ?, ended_ms = ?, said = ? where id = ?";
            self.db.execute(sql, params![state.word(), tries, next_ms, ended_ms, said, id])?;
            let sql = "delete from quota_deed where ended_ms is not null and id <= (select max(id) from quota_deed) - ?";
            self.db.execute(sql, [ENDED_MAX])
        };
        mark().map(|_| ()).map_err(failed)
    }
}
