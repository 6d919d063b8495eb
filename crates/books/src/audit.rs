//! The audit trail: who did what, when and why. Entries are chained by their digests, so that none can be changed or taken out
//! unseen.

use super::{Books, Result};
use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

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
    /// The digest of this entry after the one before. Lengths stand before texts, so that no two entries read alike.
    fn digest(&self, before: &[u8]) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(before);
        digest.update(self.at_ms.to_be_bytes());
        for text in [&self.who, &self.what, &self.subject, &self.why] {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        }
        digest.finalize().into()
    }
}

impl Books {
    /// Writes an entry at the end of the audit trail.
    ///
    /// # Errors
    /// [`Error`](super::Error) if it cannot be written.
    pub fn record(&mut self, entry: &Entry) -> Result<()> {
        let failed = self.failed("write the audit trail of");
        let change = self.db.transaction().map_err(&failed)?;
        append(&change, entry).map_err(&failed)?;
        change.commit().map_err(failed)
    }
}

/// Writes an entry as part of a transaction, together with what it speaks of.
pub(super) fn append(db: &rusqlite::Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    let before: Option<Vec<u8>> = db
        .query_row("select digest from audit order by place desc limit 1", [], |row| row.get(0))
        .optional()?;
    let digest = entry.digest(&before.unwrap_or_default());
    let Entry { at_ms, who, what, subject, why } = entry;
    db.execute(
        "insert into audit (at_ms, who, what, subject, why, digest) values (?, ?, ?, ?, ?, ?)",
        params![at_ms, who, what, subject, why, digest.as_slice()],
    )?;
    Ok(())
}
