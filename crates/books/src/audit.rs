//! The audit trail: who did what, when and why. Entries are chained by their digests, so that none can be changed or taken out
//! unseen.

use super::check::Flaw;
use super::digest::{Digest, Head, NONE, Row};
use super::{Books, Result};
use rusqlite::params;

pub(super) const TABLES: &str = "
create table if not exists audit (
    place integer primary key,
    at_ms integer not null,
    who text not null,
    what text not null,
    subject text not null,
    why text not null,
    digest blob not null
) strict;";

/// The name of its chain.
const CHAIN: &str = "audit";

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, ms since 1970.
    pub at_ms: i64,
    /// Who: a user's name, or `weir` where the program did it by itself.
    pub who: String,
    /// What: `close`, `send`, `block`, `unblock`.
    pub what: String,
    /// To whom or what: a tenant, a period, an address.
    pub subject: String,
    /// Why, as a sentence.
    pub why: String,
}

impl Entry {
    /// The digest of this entry, the one of this number, after the one before.
    fn digest(&self, place: i64, before: &[u8]) -> Digest {
        let row = Row::after(before, CHAIN).number(place).number(self.at_ms);
        [&self.who, &self.what, &self.subject, &self.why]
            .into_iter()
            .fold(row, |row, text| row.text(text))
            .end()
    }
}

impl Books {
    /// Writes an entry at the end of the audit trail.
    ///
    /// # Errors
    /// [`Error`](super::Error) if it cannot be written.
    pub fn record(&mut self, entry: &Entry) -> Result<()> {
        let failed = self.failed("write the audit trail of");
        let change = self.begin().map_err(&failed)?;
        append(&change, entry).map_err(&failed)?;
        change.commit().map_err(failed)
    }

    /// The audit trail, the oldest entry first.
    ///
    /// # Errors
    /// [`Error`](super::Error) if it cannot be read.
    pub fn audit(&self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let read = each(&self.db, |_, entry, _| entries.push(entry));
        read.map_err(self.failed("read the audit trail of"))?;
        Ok(entries)
    }

    /// What is wrong with the audit trail, the first thing first; and how many entries it has.
    pub(super) fn check_audit(&self, flaws: &mut Vec<Flaw>) -> rusqlite::Result<u64> {
        let mut before = NONE.to_vec();
        let mut last = 0;
        each(&self.db, |place, entry, digest| {
            let named = format!("entry {place} ({} {} by {})", entry.what, entry.subject, entry.who);
            Flaw::numbered(flaws, "audit", last, place);
            if entry.digest(place, &before) != *digest {
                flaws.push(Flaw::digest("audit", &named));
            }
            (last, before) = (place, digest);
        })?;
        Flaw::head(flaws, "audit", &Head::read(&self.db, CHAIN)?, last, &before);
        Ok(u64::try_from(last).unwrap_or_default())
    }
}

/// Calls `f` with every entry's number, the entry, and the digest beside it.
fn each(db: &rusqlite::Connection, mut f: impl FnMut(i64, Entry, Vec<u8>)) -> rusqlite::Result<()> {
    let mut select =
        db.prepare("select place, at_ms, who, what, subject, why, digest from audit order by place")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let entry = Entry {
            at_ms: row.get(1)?,
            who: row.get(2)?,
            what: row.get(3)?,
            subject: row.get(4)?,
            why: row.get(5)?,
        };
        f(row.get(0)?, entry, row.get(6)?);
    }
    Ok(())
}

/// Writes an entry as part of a transaction, together with what it speaks of.
pub(super) fn append(db: &rusqlite::Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    let head = Head::read(db, CHAIN)?;
    let place = head.rows.saturating_add(1);
    let digest = entry.digest(place, &head.digest);
    let Entry { at_ms, who, what, subject, why } = entry;
    db.execute(
        "insert into audit (place, at_ms, who, what, subject, why, digest) values (?, ?, ?, ?, ?, ?, ?)",
        params![place, at_ms, who, what, subject, why, digest.as_slice()],
    )?;
    Head { rows: place, digest: digest.to_vec() }.write(db, CHAIN)
}
