//! Letters that are no statements: written, and put into the outbox for each of those they are for.

use super::letter::{Body, Head};
use crate::config::Mail;
use lettre::message::Mailbox;
use sha2::{Digest, Sha256};
use weir_books::{About, Books, Letter};

/// What is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notice<'a> {
    /// What it is about: its kind, of whom, and a number among those. Nobody is written to twice about the same.
    pub(crate) about: About<'a>,
    pub(crate) to: &'a [String],
    pub(crate) subject: &'a str,
    pub(crate) text: &'a str,
}

/// Puts a notice into the outbox, from which the postman hands it over to each by itself; how many had not been written to.
/// An address that is none is said, and holds up no other.
///
/// # Errors
/// None of them is an address, or it cannot be written or queued.
pub(crate) fn queue(
    books: &mut Books,
    mail: &Mail,
    notice: &Notice<'_>,
    now_ms: i64,
) -> Result<usize, String> {
    let Notice { about, subject, text, .. } = *notice;
    let (mut to, mut wrong): (Vec<Mailbox>, Vec<String>) = (Vec::new(), Vec::new());
    for one in notice.to {
        match one.parse() {
            Ok(mailbox) => to.push(mailbox),
            Err(error) => wrong.push(format!("\"{one}\" is no address: {error}")),
        }
    }
    if to.is_empty() {
        return Err(wrong.join("; "));
    }
    wrong.iter().for_each(|why| tracing::error!("{subject}: {why}"));
    let body = Body {
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: None,
        attached: Vec::new(),
        digest: Sha256::digest(text).into(),
    };
    let head = Head { mail, to: &to, about, edition: 1, date_ms: now_ms };
    let message = head.write(&body).map_err(|failure| failure.to_string())?;
    let letter = Letter {
        about,
        edition: 1,
        digest: body.digest,
        message_id: &head.message_id(&body),
        subject,
        message: &message,
    };
    let recipients: Vec<String> = to.iter().map(|mailbox| mailbox.email.to_string()).collect();
    books.queue(&letter, &recipients, now_ms).map(|queued| queued.len()).map_err(|error| error.to_string())
}
