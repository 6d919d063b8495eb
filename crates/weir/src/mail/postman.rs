//! The postman: takes from the outbox what is due, hands it over, and notes what became of it.
//!
//! There is one at a time in a store (`mail.lock`), the daemon's or a command's: so what is found in hand was left there by
//! one who is gone. Before a letter is handed over the books say that it is, and after that what the server said.

use super::carrier::{Carrier, Verdict};
use super::{settings, wait};
use crate::config::{Config, Mail};
use crate::exit::{self, Failure, Outcome};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use weir_books::{Books, Delivery, Fate, Parcel, State};
use weir_store::Owner;

/// What shows that a postman is at work.
const LOCK: &str = "mail.lock";

/// What became of the letters of one round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Round {
    /// The server took them.
    pub(crate) sent: u64,
    /// To be tried again later.
    pub(crate) deferred: u64,
    /// They will not be tried again.
    pub(crate) failed: u64,
}

/// What a postman works with.
pub(crate) struct Postman<'a> {
    pub(crate) config: &'a Config,
    pub(crate) books: &'a mut Books,
    /// Who sends, for the audit trail.
    pub(crate) who: &'a str,
    /// What time it is, ms since 1970.
    pub(crate) now_ms: &'a dyn Fn() -> i64,
    /// Whether to stop after the letter in hand.
    pub(crate) is_stopping: &'a dyn Fn() -> bool,
}

impl Postman<'_> {
    /// Hands over everything that is due; `None` if another postman is at work, who does that.
    ///
    /// # Errors
    /// Mail is not configured, or the books cannot be written.
    pub(crate) fn go_round(&mut self) -> Outcome<Option<Round>> {
        let config = self.config;
        let mail = settings(config)?;
        let Some(_lock) = lock(config)? else { return Ok(None) };
        let mut carrier = Carrier::new(mail);
        let mut round = Round::default();
        let done = loop {
            if (self.is_stopping)() {
                break Ok(());
            }
            let parcel = match self.books.take_due((self.now_ms)()) {
                Ok(Some(parcel)) => parcel,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            };
            match self.hand_over(mail, &mut carrier, &parcel, &mut round) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        carrier.close();
        done.map(|()| Some(round))
    }

    /// Hands over one letter; false if nothing can be handed over now.
    fn hand_over(
        &mut self,
        mail: &Mail,
        carrier: &mut Carrier<'_>,
        parcel: &Parcel,
        round: &mut Round,
    ) -> Outcome<bool> {
        let delivery = &parcel.delivery;
        if delivery.state == State::Handing {
            tracing::warn!(
                "{}: weir ended while the mail server had it, and may have taken it: it is sent again with the same \
                 Message-ID, {}",
                named(delivery),
                delivery.message_id
            );
        }
        let verdict = carrier.carry(&mail.from.email, &delivery.recipient, &parcel.message);
        let now_ms = (self.now_ms)();
        let tries = delivery.tries.saturating_add(1);
        let next_ms = wait::next_ms(tries, delivery.queued_ms, mail.give_up_days, now_ms);
        let is_open = !matches!(verdict, Verdict::Closed(_));
        let fate = match verdict {
            Verdict::Taken(words) => Fate::Sent(words),
            Verdict::Refused(words) => Fate::Failed(words),
            Verdict::Later(words) | Verdict::Closed(words) => match next_ms {
                Some(next_ms) => Fate::Later(words, next_ms),
                None => Fate::Failed(format!("given up after {} days: {words}", mail.give_up_days)),
            },
        };
        self.books.settle(parcel, &fate, self.who, now_ms)?;
        self.tell(delivery, &fate);
        match fate {
            Fate::Sent(_) => round.sent += 1,
            Fate::Failed(_) => round.failed += 1,
            Fate::Later(words, next_ms) => {
                round.deferred += 1;
                if !is_open {
                    // Nobody else would be let in either.
                    let others = self.books.put_off(&words, now_ms, next_ms)?;
                    round.deferred += u64::try_from(others).unwrap_or(u64::MAX);
                }
            }
        }
        Ok(is_open)
    }

    fn tell(&self, delivery: &Delivery, fate: &Fate) {
        let what = named(delivery);
        match fate {
            Fate::Sent(words) => tracing::info!("sent {what}: {words}"),
            Fate::Failed(words) => tracing::error!("{what} cannot be sent: {words}"),
            Fate::Later(words, next_ms) => {
                let when = self.config.zone.rfc3339(*next_ms);
                tracing::warn!("{what} is not sent yet: {words}; the next try is at {when}");
            }
        }
    }
}

/// What it is and to whom, in words.
fn named(delivery: &Delivery) -> String {
    let Delivery { kind, about, period, recipient, .. } = delivery;
    let of = if about.is_empty() { String::new() } else { format!(" of {about}") };
    format!("the {kind}{of} for {period} to {recipient}")
}

/// Begins a postman's work in a store, if nobody else is at it. It ends when the file is closed, however we end.
fn lock(config: &Config) -> Outcome<Option<File>> {
    let path = config.store.join(LOCK);
    let options = File::options().create(true).truncate(false).write(true).clone();
    let file = Owner::of(&config.store).open(&options, &path);
    let file = file.map_err(|error| exit::io("cannot open", &path, &error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(Failure::new(format!("cannot lock {}: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_books::{About, Letter};

    /// A store whose mail goes to a script that writes down whom it is called for.
    fn place(script: &str) -> (tempfile::TempDir, Config) {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let sendmail = folder.path().join("sendmail");
        let took = folder.path().join("took");
        let text = format!("#!/bin/sh\nto=$5\n{script}\ncat > /dev/null; echo $to >> '{}'\n", took.display());
        std::fs::write(&sendmail, text).unwrap();
        std::fs::set_permissions(&sendmail, std::fs::Permissions::from_mode(0o755)).unwrap();
        let text = format!("[mail]\nfrom = \"weir@example.org\"\nsendmail = \"{}\"\n", sendmail.display());
        let mut config = crate::config::read(&text).unwrap();
        config.store = folder.path().to_owned();
        (folder, config)
    }

    fn queued(config: &Config, recipients: &[&str]) -> Books {
        let mut books = Books::open(&config.store).unwrap();
        let recipients: Vec<String> = recipients.iter().map(ToString::to_string).collect();
        let about = About { kind: "statement", about: "acme", period: "2026-10" };
        let letter = Letter {
            about,
            edition: 1,
            digest: [0; 32],
            message_id: "<a@b>",
            subject: "s",
            message: b"x\r\n",
        };
        books.queue(&letter, &recipients, 0).unwrap();
        books
    }

    fn go(config: &Config, books: &mut Books, now_ms: i64) -> Round {
        let mut postman = Postman { config, books, who: "anna", now_ms: &|| now_ms, is_stopping: &|| false };
        alone(&mut postman)
    }

    /// A round. Another test that begins a program just now has our lock, too, until that program runs: it is waited for.
    fn alone(postman: &mut Postman<'_>) -> Round {
        for _ in 0..500 {
            if let Some(round) = postman.go_round().unwrap() {
                return round;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("somebody else is at work for five seconds");
    }

    #[test]
    fn one_who_is_refused_holds_up_nobody() {
        let (folder, config) = place("case $to in b@*) exit 67;; c@*) exit 75;; esac");
        let mut books = queued(&config, &["a@x.org", "b@x.org", "c@x.org", "d@x.org"]);
        assert_eq!(go(&config, &mut books, 0), Round { sent: 2, deferred: 1, failed: 1 });
        // Not due yet; due, and still busy; after five days it is given up.
        assert_eq!(go(&config, &mut books, 59_999), Round::default());
        assert_eq!(go(&config, &mut books, 60_000), Round { deferred: 1, ..Round::default() });
        assert_eq!(books.waiting().unwrap(), (1, Some(60_000 + 300_000)));
        assert_eq!(go(&config, &mut books, 5 * 86_400_000), Round { failed: 1, ..Round::default() });
        let took = std::fs::read_to_string(folder.path().join("took")).unwrap();
        assert_eq!(took, "a@x.org\nd@x.org\n");
        let last = books.deliveries_since(0).unwrap().remove(2);
        assert!(
            last.reply.starts_with("given up after 5 days: ") && last.reply.ends_with(" ended with 75"),
            "{last:?}"
        );
    }

    #[test]
    fn where_nobody_takes_letters_all_are_put_off_together() {
        let (folder, config) = place("");
        let mut books = queued(&config, &["a@x.org", "b@x.org", "c@x.org"]);
        std::fs::remove_file(folder.path().join("sendmail")).unwrap();
        assert_eq!(go(&config, &mut books, 0), Round { deferred: 3, ..Round::default() });
        assert_eq!(books.waiting().unwrap(), (3, Some(60_000)));
        // One was tried, none of the others: they wait as long as it does.
        let tries: Vec<u32> = books.deliveries_since(0).unwrap().iter().map(|one| one.tries).collect();
        assert_eq!(tries, [1, 0, 0]);
    }

    #[test]
    fn there_is_one_postman_at_a_time() {
        let (_folder, config) = place("");
        let mut books = queued(&config, &["a@x.org"]);
        let other = lock(&config).unwrap().unwrap();
        let mut postman = Postman {
            config: &config,
            books: &mut books,
            who: "anna",
            now_ms: &|| 0,
            is_stopping: &|| false,
        };
        assert_eq!(postman.go_round().unwrap(), None);
        drop(other);
        assert_eq!(alone(&mut postman), Round { sent: 1, ..Round::default() });
    }
}
