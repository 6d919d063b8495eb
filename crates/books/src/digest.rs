//! Digests that hold rows together: each covers all that a row says and the digest before it, so that no row can be
//! changed, taken out or put in unseen.

use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest as _, Sha256};
use std::fmt::Write;

/// SHA-256.
pub type Digest = [u8; 32];

/// Before the first row.
pub(super) const NONE: Digest = [0; 32];

pub(super) const TABLES: &str = "
create table if not exists head (
    chain text primary key,
    rows integer not null,
    digest blob not null
) strict, without rowid;";

/// The digest of these bytes.
#[must_use]
pub fn of(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// A digest as 64 hexadecimal digits.
#[must_use]
pub fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut out, byte| {
        // Writing into a string does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The digest of a row, field by field. Lengths stand before texts and bytes, so that no two rows read alike.
pub(super) struct Row(Sha256);

impl Row {
    /// Of a table's row, after this digest.
    pub(super) fn after(before: &[u8], table: &str) -> Self {
        Self(Sha256::new()).bytes(before).text(table)
    }

    pub(super) fn number(mut self, number: i64) -> Self {
        self.0.update(number.to_be_bytes());
        self
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    pub(super) fn end(self) -> Digest {
        self.0.finalize().into()
    }
}

/// Where a chain ends: how many rows it has, and the digest of the last. Kept apart from the rows, or the last ones could
/// be taken out unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) rows: i64,
    pub(super) digest: Vec<u8>,
}

impl Head {
    /// The head of a chain; of an empty one where there is none yet.
    pub(super) fn read(db: &rusqlite::Connection, chain: &str) -> rusqlite::Result<Self> {
        let select = "select rows, digest from head where chain = ?";
        let head = db.query_row(select, [chain], |row| Ok(Self { rows: row.get(0)?, digest: row.get(1)? }));
        Ok(head.optional()?.unwrap_or(Self { rows: 0, digest: NONE.to_vec() }))
    }

    /// Puts it in the place of the one before.
    pub(super) fn write(&self, db: &Transaction<'_>, chain: &str) -> rusqlite::Result<()> {
        db.execute(
            "insert or replace into head (chain, rows, digest) values (?, ?, ?)",
            params![chain, self.rows, self.digest],
        )?;
        Ok(())
    }
}
