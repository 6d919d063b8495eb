//! Who is blocked where. A block is wanted first, then held, then leaving, and then no more; between any two of these the
//! program may stop, and goes on from what is written here and what it finds.

use super::Subject;
use crate::{Books, Result};
use rusqlite::{Row, params};

/// How far a block is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockState {
    /// Decided, not yet seen in force.
    #[default]
    Wanted,
    /// Seen in force.
    Held,
    /// To be taken back.
    Leaving,
    /// Not done, because as many as there may be were in force.
    Refused,
}

impl BlockState {
    const ALL: [Self; 4] = [Self::Wanted, Self::Held, Self::Leaving, Self::Refused];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Held => "held",
            Self::Leaving => "leaving",
            Self::Refused => "refused",
        }
    }

    /// What is not understood is left alone, as what was refused is.
    fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.word() == word).unwrap_or(Self::Refused)
    }
}

/// One address or network that is blocked in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Its number, given when it is written.
    pub id: i64,
    /// Who is blocked.
    pub subject: Subject,
    /// Where.
    pub place: String,
    /// What is put there.
    pub element: String,
    /// How far it is.
    pub state: BlockState,
    /// Whether we put it there, so that it is ours to take away; `None` while nobody has looked.
    pub is_ours: Option<bool>,
    /// Since when, ms since 1970.
    pub since_ms: i64,
    /// Until when at most, ms since 1970.
    pub until_ms: Option<i64>,
    /// How many there might be when it was decided.
    pub fuse: u32,
    /// Why it is there, or is to go: a sentence.
    pub why: String,
    /// Why it could not be done so far; empty if nothing failed.
    pub said: String,
    /// When it failed last, ms since 1970.
    pub failed_ms: Option<i64>,
}

const COLUMNS: &str =
    "id, quota, tenant, host, place, element, state, is_ours, since_ms, until_ms, fuse, why, said, failed_ms";

impl Block {
    /// Where the same is on its way out it is wanted again; it stays whose it was.
    pub(super) fn insert(&self, db: &rusqlite::Transaction<'_>) -> rusqlite::Result<()> {
        let [quota, tenant, host] = self.subject.columns();
        let Self { place, element, state, is_ours, since_ms, until_ms, fuse, why, said, failed_ms, .. } =
            self;
        db.execute(
            "insert into quota_block (quota, tenant, host, place, element, state, is_ours, since_ms, until_ms, fuse, why, \
             said, failed_ms) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             on conflict (quota, tenant, host, place, element) do update set state = excluded.state, \
             since_ms = excluded.since_ms, until_ms = excluded.until_ms, fuse = excluded.fuse, why = excluded.why, \
             said = excluded.said, failed_ms = excluded.failed_ms",
            params![
                quota, tenant, host, place, element, state.word(), is_ours, since_ms, until_ms, fuse, why, said,
                failed_ms
            ],
        )?;
        Ok(())
    }

    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get(6)?;
        Ok(Self {
            id: row.get(0)?,
            subject: Subject::of(row, 1)?,
            place: row.get(4)?,
            element: row.get(5)?,
            state: BlockState::of(&state),
            is_ours: row.get(7)?,
            since_ms: row.get(8)?,
            until_ms: row.get(9)?,
            fuse: row.get(10)?,
            why: row.get(11)?,
            said: row.get(12)?,
            failed_ms: row.get(13)?,
        })
    }
}

impl Books {
    /// All blocks there are, in the order they were decided.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if they cannot be read.
    pub fn blocks(&self) -> Result<Vec<Block>> {
        let read = || -> rusqlite::Result<Vec<Block>> {
            let mut query = self.db.prepare(&format!("select {COLUMNS} from quota_block order by id"))?;
            let rows = query.query_map([], Block::of)?;
            rows.collect()
        };
        read().map_err(self.failed("read the quotas of"))
    }

    /// Marks how far a block is: its state, whose it is, and what failed. One that has become another's since (taken
    /// back while it was being put there) stays as it is, and false is given.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if it cannot be written.
    pub fn mark_block(&mut self, before: BlockState, block: &Block) -> Result<bool> {
        let failed = self.failed("write the quotas of");
        let Block { id, state, is_ours, said, failed_ms, .. } = block;
        let sql = "update quota_block set state = ?, is_ours = ?, said = ?, failed_ms = ? where id = ? and state = ?";
        let marked = self.db.execute(sql, params![state.word(), is_ours, said, failed_ms, id, before.word()]);
        marked.map(|rows| rows == 1).map_err(failed)
    }

    /// A block that was leaving is no more; false if it is wanted again meanwhile.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if it cannot be written.
    pub fn drop_block(&mut self, id: i64) -> Result<bool> {
        let failed = self.failed("write the quotas of");
        let dropped = self.db.execute("delete from quota_block where id = ? and state = 'leaving'", [id]);
        dropped.map(|rows| rows == 1).map_err(failed)
    }
}
