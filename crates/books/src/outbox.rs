//! The outbox: letters, to whom each goes, and what became of it.
//!
//! A letter is written once and kept with its text until everybody has it, so that what is tried again is the same to the
//! octet. Nobody is sent two letters of the same kind about the same thing and period, however often it is asked for,
//! unless a new edition is.
//!
//! A delivery is `queued`, then `handing` while the mail server has it, then `sent` or `failed`; what was sent may come back,
//! and then it has `failed`, too. One that is still
//! `handing` when another postman comes was under way when the program ended: nobody knows whether the server took it. It
//! is tried again, with the same Message-ID, by which receivers see that they have it already.

use super::audit::{self, Entry};
use super::{Books, Result};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

pub(super) const TABLES: &str = "
create table if not exists letter (
    number integer primary key,
    kind text not null,
    about text not null,
    period text not null,
    edition integer not null,
    digest blob not null,
    message_id text not null,
    subject text not null,
    queued_ms integer not null,
    message blob
) strict;
create index if not exists letter_about on letter (kind, about, period);
create table if not exists delivery (
    letter integer not null references letter (number),
    recipient text not null,
    state text not null check (state in ('queued', 'handing', 'sent', 'failed')),
    tries integer not null,
    at_ms integer not null,
    next_ms integer,
    reply text not null,
    primary key (letter, recipient)
) strict;
create index if not exists delivery_open on delivery (next_ms) where state in ('queued', 'handing');";

/// What a letter is about: nobody is sent two with the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About<'a> {
    /// What it is: `statement`, `summary`.
    pub kind: &'a str,
    /// Of whom: a tenant; empty where it is about all.
    pub about: &'a str,
    /// Of when: the name of a period.
    pub period: &'a str,
}

/// A letter to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// What it is about.
    pub about: About<'a>,
    /// 1, and one more for each that was to be sent though there was one already.
    pub edition: u32,
    /// A digest of what it says, by which is seen whether that has changed since.
    pub digest: [u8; 32],
    /// Its Message-ID.
    pub message_id: &'a str,
    /// Its subject.
    pub subject: &'a str,
    /// The whole message as it is handed over.
    pub message: &'a [u8],
}

/// What has become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for its first try or the next.
    Queued,
    /// The mail server has it and has not answered, or had when the program ended.
    Handing,
    /// The mail server took it.
    Sent,
    /// It will not be tried again.
    Failed,
}

impl State {
    const ALL: [Self; 4] = [Self::Queued, Self::Handing, Self::Sent, Self::Failed];

    /// The word in the file and for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Handing => "handing",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// A letter to one recipient, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The number of the letter.
    pub letter: i64,
    /// What the letter is: `statement`, `summary`.
    pub kind: String,
    /// Of whom it is; empty where it is about all.
    pub about: String,
    /// The name of the period it is of.
    pub period: String,
    /// Its edition, from 1.
    pub edition: u32,
    /// A digest of what it says.
    pub digest: [u8; 32],
    /// Its Message-ID.
    pub message_id: String,
    /// Its subject.
    pub subject: String,
    /// When it was queued, ms since 1970.
    pub queued_ms: i64,
    /// The address it goes to.
    pub recipient: String,
    /// What has become of it,
    pub state: State,
    /// since when, ms since 1970.
    pub at_ms: i64,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next, ms since 1970; `None` if it will not be.
    pub next_ms: Option<i64>,
    /// What the mail server said last, or why it could not be asked.
    pub reply: String,
}

/// A delivery in the postman's hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// What is delivered to whom. Its state is the one before it was taken: [`State::Handing`] if a postman before had it
    /// and did not say what became of it.
    pub delivery: Delivery,
    /// The whole message.
    pub message: Vec<u8>,
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server took it, and said this.
    Sent(String),
    /// Not now, and why; when to try next, ms since 1970.
    Later(String, i64),
    /// Never, and why.
    Failed(String),
}

const COLUMNS: &str = "letter.number, kind, about, period, edition, digest, message_id, subject, queued_ms, recipient, \
                       state, at_ms, tries, next_ms, reply";

impl Books {
    /// Those of the recipients who have not been written to about this, whatever became of it.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be read.
    pub fn unwritten(&self, about: &About<'_>, recipients: &[String]) -> Result<Vec<String>> {
        unwritten(&self.db, about, recipients).map_err(self.failed("read the outbox of"))
    }

    /// All deliveries of letters about this, in the order they were queued.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be read.
    pub fn deliveries_about(&self, about: &About<'_>) -> Result<Vec<Delivery>> {
        let select = format!(
            "select {COLUMNS} from delivery join letter on letter = number
             where kind = ?1 and about = ?2 and period = ?3 order by number, delivery.rowid"
        );
        let About { kind, about, period } = about;
        list(&self.db, &select, params![kind, about, period]).map_err(self.failed("read the outbox of"))
    }

    /// All deliveries that were queued at `since_ms` (ms since 1970) or after, or wait still; in the order they were queued.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be read.
    pub fn deliveries_since(&self, since_ms: i64) -> Result<Vec<Delivery>> {
        let select = format!(
            "select {COLUMNS} from delivery join letter on letter = number
             where queued_ms >= ?1 or state in ('queued', 'handing') order by number, delivery.rowid"
        );
        list(&self.db, &select, params![since_ms]).map_err(self.failed("read the outbox of"))
    }

    /// Queues a letter for those of the recipients who have not been written to about the same in this edition or, of a
    /// first edition, in any; who they are. None is left out between looking and writing, however many processes do this.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be written.
    pub fn queue(&mut self, letter: &Letter<'_>, recipients: &[String], now_ms: i64) -> Result<Vec<String>> {
        let failed = self.failed("write the outbox of");
        let change = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let queued = queue(&change, letter, recipients, now_ms).map_err(&failed)?;
        change.commit().map_err(failed)?;
        Ok(queued)
    }

    /// Takes the delivery that is due longest, if one is due at `now_ms`, and marks it as being handed over. There is one
    /// postman at a time: what another has in hand is taken for left behind.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be written.
    pub fn take_due(&mut self, now_ms: i64) -> Result<Option<Parcel>> {
        let failed = self.failed("write the outbox of");
        let change = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let parcel = take_due(&change, now_ms).map_err(&failed)?;
        change.commit().map_err(failed)?;
        Ok(parcel)
    }

    /// Says what became of a parcel. What was sent or has failed is an entry of the audit trail, by `who`.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be written.
    pub fn settle(&mut self, parcel: &Parcel, fate: &Fate, who: &str, now_ms: i64) -> Result<()> {
        let failed = self.failed("write the outbox of");
        let change = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        settle(&change, &parcel.delivery, fate, who, now_ms).map_err(&failed)?;
        change.commit().map_err(failed)
    }

    /// Puts everything that is due at `now_ms` off until `next_ms`, because nothing can be sent at all; how many there are.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be written.
    pub fn put_off(&mut self, why: &str, now_ms: i64, next_ms: i64) -> Result<usize> {
        let put_off = "update delivery set next_ms = ?1, reply = ?2, at_ms = ?3
                       where state = 'queued' and next_ms <= ?3";
        self.db.execute(put_off, params![next_ms, why, now_ms]).map_err(self.failed("write the outbox of"))
    }

    /// Notes that a letter came back: its deliveries to these addresses (in any case of letters; all of them, if it went to
    /// one address only) were taken by the mail server, and failed later. Each is an entry of the audit trail. `None` if
    /// no letter has this Message-ID; else the deliveries that are meant, as they are now.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be written.
    pub fn come_back(
        &mut self,
        message_id: &str,
        addresses: &[String],
        why: &str,
        who: &str,
        now_ms: i64,
    ) -> Result<Option<Vec<Delivery>>> {
        let failed = self.failed("write the outbox of");
        let change = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let back = come_back(&change, message_id, addresses, why, who, now_ms).map_err(&failed)?;
        change.commit().map_err(failed)?;
        Ok(back)
    }

    /// Makes everything due at `now_ms` that waits for another try or has failed and whose text is still kept; how many there
    /// are.
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be written.
    pub fn retry(&mut self, now_ms: i64) -> Result<usize> {
        let failed = self.failed("write the outbox of");
        let change = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        // The days after which it is given up count anew.
        let letters = "update letter set queued_ms = ?1 where message is not null
                       and number in (select letter from delivery where state = 'failed')";
        change.execute(letters, params![now_ms]).map_err(&failed)?;
        let retry = "update delivery set state = 'queued', next_ms = ?1, at_ms = ?1, tries = 0
                     where state in ('queued', 'failed')
                     and exists (select 1 from letter where number = letter and message is not null)";
        let retried = change.execute(retry, params![now_ms]).map_err(&failed)?;
        change.commit().map_err(failed)?;
        Ok(retried)
    }

    /// How many deliveries wait, and when the next is due (ms since 1970).
    ///
    /// # Errors
    /// [`Error`](super::Error) if the file cannot be read.
    pub fn waiting(&self) -> Result<(u64, Option<i64>)> {
        let count = "select count(*), min(next_ms) from delivery where state in ('queued', 'handing')";
        let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?));
        let (count, next_ms) =
            self.db.query_row(count, [], row).map_err(self.failed("read the outbox of"))?;
        Ok((u64::try_from(count).unwrap_or_default(), next_ms))
    }
}

fn unwritten(db: &Connection, about: &About<'_>, recipients: &[String]) -> rusqlite::Result<Vec<String>> {
    let select = "select 1 from delivery join letter on letter = number
                  where kind = ?1 and about = ?2 and period = ?3 and recipient = ?4";
    let mut select = db.prepare_cached(select)?;
    let mut new = Vec::new();
    for recipient in recipients {
        if !select.exists(params![about.kind, about.about, about.period, recipient])?
            && !new.contains(recipient)
        {
            new.push(recipient.clone());
        }
    }
    Ok(new)
}

fn queue(
    db: &Connection,
    letter: &Letter<'_>,
    recipients: &[String],
    now_ms: i64,
) -> rusqlite::Result<Vec<String>> {
    let About { kind, about, period } = letter.about;
    let has = "select 1 from delivery join letter on letter = number
               where kind = ?1 and about = ?2 and period = ?3 and edition >= ?4 and recipient = ?5";
    let mut queued: Vec<String> = Vec::new();
    for recipient in recipients {
        let is_known =
            db.prepare_cached(has)?.exists(params![kind, about, period, letter.edition, recipient])?;
        if !is_known && !queued.contains(recipient) {
            queued.push(recipient.clone());
        }
    }
    if queued.is_empty() {
        return Ok(queued);
    }
    db.execute(
        "insert into letter (kind, about, period, edition, digest, message_id, subject, queued_ms, message)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            kind,
            about,
            period,
            letter.edition,
            letter.digest.as_slice(),
            letter.message_id,
            letter.subject,
            now_ms,
            letter.message
        ],
    )?;
    let number = db.last_insert_rowid();
    for recipient in &queued {
        db.execute(
            "insert into delivery (letter, recipient, state, tries, at_ms, next_ms, reply)
             values (?1, ?2, 'queued', 0, ?3, ?3, '')",
            params![number, recipient, now_ms],
        )?;
    }
    Ok(queued)
}

fn take_due(db: &Connection, now_ms: i64) -> rusqlite::Result<Option<Parcel>> {
    let select = format!(
        "select {COLUMNS}, message from delivery join letter on letter = number
         where state = 'handing' or (state = 'queued' and next_ms <= ?1)
         order by next_ms, number, delivery.rowid limit 1"
    );
    let row = |row: &Row<'_>| Ok(Parcel { delivery: delivery(row)?, message: row.get("message")? });
    let Some(parcel) = db.query_row(&select, params![now_ms], row).optional()? else { return Ok(None) };
    db.execute(
        "update delivery set state = 'handing', tries = tries + 1, at_ms = ?1 where letter = ?2 and recipient = ?3",
        params![now_ms, parcel.delivery.letter, parcel.delivery.recipient],
    )?;
    Ok(Some(parcel))
}

fn settle(
    db: &rusqlite::Transaction<'_>,
    delivery: &Delivery,
    fate: &Fate,
    who: &str,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let (state, reply, next_ms) = match fate {
        Fate::Sent(reply) => (State::Sent, reply, None),
        Fate::Later(why, next_ms) => (State::Queued, why, Some(*next_ms)),
        Fate::Failed(why) => (State::Failed, why, None),
    };
    db.execute(
        "update delivery set state = ?1, reply = ?2, next_ms = ?3, at_ms = ?4 where letter = ?5 and recipient = ?6",
        params![state.word(), reply, next_ms, now_ms, delivery.letter, delivery.recipient],
    )?;
    // The text is kept for who has not got it; what failed may be tried again when somebody asks for it.
    db.execute(
        "update letter set message = null where number = ?1
         and not exists (select 1 from delivery where letter = ?1 and state <> 'sent')",
        params![delivery.letter],
    )?;
    match state {
        State::Sent => note(db, "send", delivery, reply, who, now_ms),
        State::Failed => note(db, "fail to send", delivery, reply, who, now_ms),
        State::Queued | State::Handing => Ok(()),
    }
}

/// Writes what became of a delivery into the audit trail.
fn note(
    db: &rusqlite::Transaction<'_>,
    what: &str,
    delivery: &Delivery,
    why: &str,
    who: &str,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let Delivery { kind, about, period, recipient, .. } = delivery;
    let subject = [kind, about, period].into_iter().filter(|part| !part.is_empty());
    let subject = subject.map(String::as_str).collect::<Vec<_>>().join(" ");
    let subject = format!("{subject} to {recipient}");
    let (who, what, why) = (who.to_owned(), what.to_owned(), why.to_owned());
    audit::append(db, &Entry { at_ms: now_ms, who, what, subject, why })
}

fn come_back(
    db: &rusqlite::Transaction<'_>,
    message_id: &str,
    addresses: &[String],
    why: &str,
    who: &str,
    now_ms: i64,
) -> rusqlite::Result<Option<Vec<Delivery>>> {
    let select = format!(
        "select {COLUMNS} from delivery join letter on letter = number where message_id = ?1 order by delivery.rowid"
    );
    let mut all = list(db, &select, [message_id])?;
    if all.is_empty() {
        return Ok(None);
    }
    if all.len() > 1 {
        let is_named =
            |one: &Delivery| addresses.iter().any(|addr| addr.eq_ignore_ascii_case(&one.recipient));
        all.retain(is_named);
    }
    for delivery in all.iter_mut().filter(|one| one.state != State::Failed) {
        db.execute(
            "update delivery set state = 'failed', reply = ?1, next_ms = null, at_ms = ?2 where letter = ?3 and recipient = ?4",
            params![why, now_ms, delivery.letter, delivery.recipient],
        )?;
        note(db, "come back", delivery, why, who, now_ms)?;
        (delivery.state, delivery.reply) = (State::Failed, why.to_owned());
        (delivery.at_ms, delivery.next_ms) = (now_ms, None);
    }
    Ok(Some(all))
}

fn list(db: &Connection, select: &str, values: impl rusqlite::Params) -> rusqlite::Result<Vec<Delivery>> {
    let mut select = db.prepare(select)?;
    select.query_map(values, delivery)?.collect()
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let word: String = row.get("state")?;
    // The table admits no other word.
    let state = State::ALL.into_iter().find(|state| state.word() == word).unwrap_or(State::Failed);
    Ok(Delivery {
        letter: row.get("number")?,
        kind: row.get("kind")?,
        about: row.get("about")?,
        period: row.get("period")?,
        edition: row.get("edition")?,
        digest: row.get("digest")?,
        message_id: row.get("message_id")?,
        subject: row.get("subject")?,
        queued_ms: row.get("queued_ms")?,
        recipient: row.get("recipient")?,
        state,
        at_ms: row.get("at_ms")?,
        tries: row.get("tries")?,
        next_ms: row.get("next_ms")?,
        reply: row.get("reply")?,
    })
}

#[cfg(test)]
mod tests;
