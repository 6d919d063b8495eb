//! Quotas in the daemon: a thread of its own looks every minute at what was used and does what the configuration says.
//!
//! `meter` reads committed accounts; `look` decides what follows, with the pure machine of `weir_account::quota`, and puts
//! it into the books; `enforce` brings the sets of nftables to what the books say, `errand` makes the calls and runs the
//! programs that are open in them, through the `hand`s. Deciding and doing are apart, so that a stop between any two
//! steps loses nothing and does nothing twice: what was decided stands in the books with the mark of what was done.
//!
//! The thread has nothing to do with receiving and storing but that it reads what is committed. What fails is said and
//! tried again at the next look.

mod element;
mod enforce;
mod errand;
pub(crate) mod figure;
mod hand;
mod look;
pub(crate) mod meter;
pub(crate) mod undo;
pub(crate) mod whose;
pub(crate) mod word;

use crate::clock;
use crate::config::Config;
use crate::exit::Outcome;
use crate::metrics::Hub;
use enforce::Site;
use figure::Figures;
use hand::{Hands, Machine};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use weir_books::Books;
use weir_store::Snapshot;

/// How often the thread looks whether to stop.
const NAP: Duration = Duration::from_millis(100);
/// How often it looks whether somebody else wrote the books: a block that was undone ends then.
const GLANCE: Duration = Duration::from_secs(1);
/// Looking takes at most one part in so many of the time, however long a look takes.
const SHARE: u32 = 20;
/// The same trouble is said again after so long.
const AGAIN: Duration = Duration::from_secs(600);

/// Looks until told to stop. `config` gives the configuration of the moment.
pub(crate) fn watch(config: &dyn Fn() -> Arc<Config>, hub: &Hub, stop: &AtomicBool) {
    let (mut turn, mut voice) = (Turn::default(), Voice::default());
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        if turn.is_due(begun) {
            let config = config();
            voice.tell(turn.look(&config, &hub.quota, &mut Machine, clock::now_ms(), stop), begun);
            let every = Duration::from_millis(config.quotas.every_ms.unsigned_abs());
            turn.next = Some(begun + every.max(begun.elapsed() * SHARE));
        } else if turn.is_glance_due(begun) {
            let config = config();
            voice.tell(turn.glance(&config, &hub.quota, &mut Machine, clock::now_ms(), stop), begun);
        }
        thread::sleep(NAP);
    }
}

/// What the thread keeps from look to look.
#[derive(Default)]
struct Turn {
    /// Opened when there is something to write or to read in them.
    books: Option<Books>,
    next: Option<Instant>,
    glanced: Option<Instant>,
    version: i64,
}

impl Turn {
    fn is_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    fn is_glance_due(&mut self, now: Instant) -> bool {
        let is_due = self.glanced.is_none_or(|before| now.duration_since(before) >= GLANCE);
        if is_due {
            self.glanced = Some(now);
        }
        is_due
    }

    /// The books of the store, opened once.
    fn books(&mut self, store: &Path) -> Outcome<&mut Books> {
        match &mut self.books {
            Some(books) => Ok(books),
            none => Ok(none.insert(crate::books::open(store)?)),
        }
    }

    /// Reads, decides, and acts.
    fn look(
        &mut self,
        config: &Config,
        figures: &Figures,
        hands: &mut dyn Hands,
        now_ms: i64,
        stop: &AtomicBool,
    ) -> Outcome {
        // Without quotas there may be blocks of those that there were.
        if config.quotas.list.is_empty() && !config.store.join(weir_books::FILE).exists() {
            return Ok(());
        }
        let books = self.books(&config.store)?;
        step(config, books, figures, hands, now_ms, stop)?;
        if !config.quotas.list.is_empty() {
            figures.looked(now_ms);
        }
        Ok(())
    }

    /// Acts if somebody else wrote the books.
    fn glance(
        &mut self,
        config: &Config,
        figures: &Figures,
        hands: &mut dyn Hands,
        now_ms: i64,
        stop: &AtomicBool,
    ) -> Outcome {
        let Some(books) = &mut self.books else { return Ok(()) };
        let version = books.version()?;
        if std::mem::replace(&mut self.version, version) == version {
            return Ok(());
        }
        act(&mut Site { books, hands, figures, mail: config.mail.as_ref(), now_ms }, stop)
    }
}

/// One look: a function of the configuration, the store, the books, the world and the instant.
fn step(
    config: &Config,
    books: &mut Books,
    figures: &Figures,
    hands: &mut dyn Hands,
    now_ms: i64,
    stop: &AtomicBool,
) -> Outcome {
    // Files that are read are kept open: the writer may replace any meanwhile.
    let snapshot = Snapshot::open_span(&config.store, &meter::span(config, now_ms)?)?;
    let reading = meter::read(config, &snapshot, now_ms)?;
    let changes = look::look(config, books, &reading, figures)?;
    if !changes.is_empty() {
        books.enact(&changes)?;
    }
    act(&mut Site { books, hands, figures, mail: config.mail.as_ref(), now_ms }, stop)
}

/// Does what the books say is to be done.
fn act(site: &mut Site<'_>, stop: &AtomicBool) -> Outcome {
    enforce::pass(site)?;
    errand::pass(site, stop)
}

/// Ends blocks that the books let go, where no daemon does.
pub(crate) fn enforce_now(books: &mut Books) -> Outcome {
    let figures = Figures::default();
    enforce::pass(&mut Site {
        books,
        hands: &mut Machine,
        figures: &figures,
        mail: None,
        now_ms: clock::now_ms(),
    })
}

/// Whether sets of nftables can be changed on this machine.
pub(crate) fn has_nft() -> bool {
    hand::has_nft()
}

/// What was said of troubles.
#[derive(Default)]
struct Voice {
    told: Option<(String, Instant)>,
}

impl Voice {
    /// Says that a look failed, unless it just said the same.
    fn tell(&mut self, outcome: Outcome, now: Instant) {
        let Err(failure) = outcome else {
            if self.told.take().is_some() {
                tracing::info!("quotas are looked at again");
            }
            return;
        };
        let sentence = failure.to_string();
        let is_told = |(told, at): &(String, Instant)| *told == sentence && now.duration_since(*at) < AGAIN;
        if !self.told.as_ref().is_some_and(is_told) {
            tracing::error!("quotas cannot be looked at: {sentence}; it is tried again");
            self.told = Some((sentence, now));
        }
    }
}

#[cfg(test)]
mod tests;
