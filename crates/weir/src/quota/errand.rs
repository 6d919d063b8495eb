//! Mails, calls and programs: done once for each crossing of a threshold, with a mark before and a mark after.
//!
//! A mail is done when it is in the outbox (`mail`), which hands it to each by itself.
//!
//! A call that was begun when weir stopped is made again: its document has a number by which its receiver knows it. A
//! program is not: nobody but its author knows whether that would do harm, so the books say that it is not known.

use super::enforce::Site;
use super::figure::Result as Became;
use crate::exit::Outcome;
use crate::mail::notice::{self, Notice};
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicBool, Ordering};
use weir_books::About;
use weir_books::quota::{Deed, DeedState};

/// What a mail is, as the outbox names it. The number of its deed is in the place of a period.
const QUOTA: &str = "quota";
/// Deeds of one pass; the others wait for the next.
const PASS_MAX: u32 = 50;
const MINUTE_MS: i64 = 60_000;
/// The longest wait between two tries.
const WAIT_MAX_MS: i64 = 60 * MINUTE_MS;
/// After so long nothing is tried again.
const GIVE_UP_MS: i64 = 24 * 60 * MINUTE_MS;

/// What a deed does, as it stands in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Errand {
    /// A mail.
    Mail { to: Vec<String>, subject: String, text: String },
    /// A document to an address.
    Call { url: String, body: Json },
    /// A program with its arguments.
    Run { program: Vec<String> },
}

impl Errand {
    /// As text for the books.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Mail { to, subject, text } => {
                json!({"to": to, "subject": subject, "text": text}).to_string()
            }
            Self::Call { url, body } => json!({"url": url, "body": body}).to_string(),
            Self::Run { program } => json!({"program": program}).to_string(),
        }
    }

    /// From the books, with the deed's number in it.
    fn of(deed: &Deed) -> Option<Self> {
        let task: Json = serde_json::from_str(&deed.task).ok()?;
        let text = |key: &str| Some(task.get(key)?.as_str()?.to_owned());
        let words = |key: &str| {
            let list = task.get(key)?.as_array()?.iter();
            list.map(|word| Some(word.as_str()?.to_owned())).collect::<Option<Vec<String>>>()
        };
        if let Some(to) = words("to") {
            return Some(Self::Mail { to, subject: text("subject")?, text: text("text")? });
        }
        if let Some(url) = text("url") {
            let mut body = task.get("body")?.clone();
            body.as_object_mut()?.insert("id".to_owned(), json!(deed.id));
            return Some(Self::Call { url, body });
        }
        let id = deed.id.to_string();
        let program = words("program")?.iter().map(|word| word.replace("{id}", &id)).collect();
        Some(Self::Run { program })
    }
}

/// Does what is due, until told to stop.
///
/// # Errors
/// The books cannot be read or written.
pub(super) fn pass(site: &mut Site<'_>, stop: &AtomicBool) -> Outcome {
    for mut deed in site.books.deeds_due(site.now_ms, PASS_MAX)? {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if deed.state == DeedState::Begun && deed.kind == "exec" {
            not_known(site, &mut deed)?;
            continue;
        }
        deed.state = DeedState::Begun;
        deed.tries = deed.tries.saturating_add(1);
        site.books.mark_deed(&deed)?;
        let done = match Errand::of(&deed) {
            Some(Errand::Mail { to, subject, text }) => mail(site, &deed, (&to, &subject, &text)),
            Some(Errand::Call { url, body }) => site.hands.call(&url, &body),
            Some(Errand::Run { program }) => site.hands.run(&program),
            None => Err("the books do not say what to do".to_owned()),
        };
        ended(site, &mut deed, done)?;
    }
    Ok(())
}

/// Puts a mail into the outbox: from there it goes to each by itself, once, as statements do.
fn mail(
    site: &mut Site<'_>,
    deed: &Deed,
    (to, subject, text): (&[String], &str, &str),
) -> Result<(), String> {
    let Some(mail) = site.mail else { return Err("the configuration has no [mail] any more".to_owned()) };
    let (name, number) = (deed.subject.name(), deed.id.to_string());
    if to.is_empty() {
        tracing::warn!("{name}: nobody is written to: there is no mail = […] in [[tenant]] or [[group]]");
        return Ok(());
    }
    let of = name.strip_prefix("quota ").unwrap_or(&name);
    // Asked for again after a stop, nobody is in the outbox twice.
    let about = About { kind: QUOTA, about: of, period: &number };
    notice::queue(site.books, mail, &Notice { about, to, subject, text }, site.now_ms).map(|_| ())
}

fn ended(site: &mut Site<'_>, deed: &mut Deed, done: Result<(), String>) -> Outcome {
    let (name, kind, at) = (deed.subject.name(), deed.kind.clone(), deed.threshold.clone());
    match done {
        Ok(()) => {
            tracing::info!("{name}: {kind} for {at} {} is done", deed.edge);
            deed.state = DeedState::Done;
            deed.ended_ms = Some(site.now_ms);
            deed.said.clear();
            site.figures.count(&kind, Became::Done);
        }
        Err(why) => {
            site.figures.count(&kind, Became::Failed);
            let is_late = site.now_ms.saturating_sub(deed.at_ms) >= GIVE_UP_MS;
            if is_late {
                tracing::error!(
                    "{name}: {kind} for {at} {} is given up after {} tries: {why}",
                    deed.edge,
                    deed.tries
                );
                deed.state = DeedState::GivenUp;
                deed.ended_ms = Some(site.now_ms);
            } else {
                let wait_ms = wait_ms(deed.tries);
                let minutes = wait_ms / MINUTE_MS;
                tracing::warn!("{name}: {kind} for {at} {} failed: {why}; again in {minutes} min", deed.edge);
                deed.state = DeedState::Open;
                deed.next_ms = site.now_ms.saturating_add(wait_ms);
            }
            deed.said = why;
        }
    }
    Ok(site.books.mark_deed(deed)?)
}

/// A program ran when weir was stopped without warning.
fn not_known(site: &mut Site<'_>, deed: &mut Deed) -> Outcome {
    "weir was stopped while it ran: whether it was done is not known, and it is not run again"
        .clone_into(&mut deed.said);
    tracing::error!("{}: {} for {}: {}", deed.subject.name(), deed.kind, deed.threshold, deed.said);
    deed.state = DeedState::Unknown;
    deed.ended_ms = Some(site.now_ms);
    site.figures.count("exec", Became::Failed);
    Ok(site.books.mark_deed(deed)?)
}

/// 1, 2, 4 … minutes, at most an hour.
fn wait_ms(tries: u32) -> i64 {
    let doubled = 1i64.checked_shl(tries.saturating_sub(1).min(30)).unwrap_or(i64::MAX);
    doubled.saturating_mul(MINUTE_MS).min(WAIT_MAX_MS)
}
