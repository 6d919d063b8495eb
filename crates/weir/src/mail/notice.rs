//! Letters that are no statements: handed over at once, and not kept. Who has one sent tries again by itself.

use super::carrier::{Carrier, Verdict};
use super::letter::{Body, Head};
use crate::config::Mail;
use lettre::message::Mailbox;
use sha2::{Digest, Sha256};
use weir_books::About;

/// What is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notice<'a> {
    /// What it is: `quota`.
    pub(crate) kind: &'a str,
    /// Its number among its kind: a second try has the same Message-ID.
    pub(crate) id: i64,
    pub(crate) to: &'a [String],
    pub(crate) subject: &'a str,
    pub(crate) text: &'a str,
}

/// Hands a notice over to each of those it is for.
///
/// # Errors
/// One of them did not get it: who, and the server's words.
pub(crate) fn send(mail: &Mail, notice: &Notice<'_>, now_ms: i64) -> Result<(), String> {
    let to: Vec<Mailbox> = notice
        .to
        .iter()
        .map(|to| to.parse().map_err(|error| format!("\"{to}\" is no address: {error}")))
        .collect::<Result<_, _>>()?;
    let body = Body {
        subject: notice.subject.to_owned(),
        text: notice.text.to_owned(),
        html: None,
        attached: Vec::new(),
        digest: Sha256::digest(notice.text).into(),
    };
    let id = notice.id.to_string();
    let about = About { kind: notice.kind, about: notice.subject, period: &id };
    let head = Head { mail, to: &to, about, edition: 1, date_ms: now_ms };
    let message = head.write(&body).map_err(|failure| failure.to_string())?;
    let mut carrier = Carrier::new(mail);
    let mut failed = Vec::new();
    for to in &to {
        match carrier.carry(&mail.from.email, to.email.as_ref(), &message) {
            Verdict::Taken(_) => {}
            Verdict::Later(words) | Verdict::Refused(words) | Verdict::Closed(words) => {
                failed.push(format!("{}: {words}", to.email));
            }
        }
    }
    carrier.close();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}
