//! The daemon's clockwork: what `[[schedule]]` asks for when it is [`due`], and the letters that wait.
//!
//! It has a thread of its own, which nothing of receiving and storing waits for. What was done is kept in the books: a job
//! that was missed while the daemon was down is done once when it is back, of each period that ended meanwhile; none is done
//! twice. A job that fails is tried again after growing waits; what it does (closing, mail) can be done again without harm.
//! Where only some letters cannot be written, the job is done and these are owed: they alone are tried again.

mod due;
mod tally;

pub(crate) use tally::Tally;

use crate::clock;
use crate::closing;
use crate::config::{Act, Calendar, Config, Schedule};
use crate::exit::{Failure, Outcome};
use crate::mail::order::{self, Order, Unwritten};
use crate::mail::postman::Postman;
use crate::metrics::Hub;
use due::Due;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use weir_books::{Books, Entry, Owed};

/// How often is looked what is due.
const EVERY: Duration = Duration::from_secs(3);
/// How often is looked whether to stop.
const STEP: Duration = Duration::from_millis(100);
/// When stopping, how long a letter in hand is waited for. It is taken up again at the next start.
const LAST_WAIT: Duration = Duration::from_secs(10);
/// Waits after a job failed the first time, the second and so on, minutes; then always the last.
const PAUSES_MIN: [i64; 4] = [1, 5, 15, 60];
const MINUTE_MS: i64 = 60_000;
/// How often it is said that the books cannot be had.
const SAID_EVERY_MS: i64 = 10 * MINUTE_MS;
/// Who does all this, for the audit trail.
const WHO: &str = "weir";

/// The thread, until it is dropped.
pub(crate) struct Clockwork {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Clockwork {
    /// Starts it. `config` gives the configuration of the moment.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn start(config: impl Fn() -> Arc<Config> + Send + 'static, hub: &Arc<Hub>) -> Outcome<Self> {
        let stop = Arc::<AtomicBool>::default();
        let mut work = Work::new(Arc::clone(hub), Arc::clone(&stop));
        let thread = thread::Builder::new().name("schedule".to_owned()).spawn(move || {
            while !work.stop.load(Ordering::Relaxed) {
                work.go_round(&config(), &clock::now_ms);
                let begun = Instant::now();
                while begun.elapsed() < EVERY && !work.stop.load(Ordering::Relaxed) {
                    thread::sleep(STEP);
                }
            }
        });
        let thread = thread.map_err(|error| Failure::new(format!("cannot start the schedule: {error}")))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Clockwork {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return };
        let begun = Instant::now();
        while !thread.is_finished() && begun.elapsed() < LAST_WAIT {
            thread::sleep(STEP);
        }
        if !thread.is_finished() {
            tracing::warn!("a letter or a job is still under way: it is taken up again at the next start");
        } else if thread.join().is_err() {
            tracing::error!("the thread of the schedule ended before its time");
        }
    }
}

/// A schedule on a calendar.
#[derive(Clone)]
struct Job<'a> {
    /// As the books know it.
    name: String,
    schedule: &'a Schedule,
    calendar: Calendar<'a>,
}

impl<'a> Job<'a> {
    fn new(config: &Config, schedule: &'a Schedule, calendar: Calendar<'a>) -> Self {
        let name = match calendar == config.calendar() {
            true => schedule.to_string(),
            false => format!("{schedule}, {calendar}"),
        };
        Self { name, schedule, calendar }
    }
}

/// What the thread knows.
struct Work {
    hub: Arc<Hub>,
    stop: Arc<AtomicBool>,
    books: Option<Books>,
    /// Jobs whose next time was said.
    announced: HashSet<String>,
    /// Jobs and letters that failed: how often, and until when (ms since 1970) they are left alone.
    failed: HashMap<String, (usize, i64)>,
    /// When it was last said that nothing can be done, ms since 1970.
    said_ms: Option<i64>,
}

impl Work {
    fn new(hub: Arc<Hub>, stop: Arc<AtomicBool>) -> Self {
        Self { hub, stop, books: None, announced: HashSet::new(), failed: HashMap::new(), said_ms: None }
    }

    /// Does what is due, and sends what waits.
    fn go_round(&mut self, config: &Config, now_ms: &dyn Fn() -> i64) {
        if config.mail.is_none() && config.schedules.is_empty() {
            return;
        }
        let Err(failure) = self.try_round(config, now_ms) else { return };
        // Perhaps the file went away under us.
        self.books = None;
        let now_ms = now_ms();
        if self.said_ms.is_none_or(|said_ms| now_ms.saturating_sub(said_ms) >= SAID_EVERY_MS) {
            self.said_ms = Some(now_ms);
            tracing::error!("the schedule stands still: {failure}");
        }
    }

    fn try_round(&mut self, config: &Config, now_ms: &dyn Fn() -> i64) -> Outcome {
        let mut books = match self.books.take() {
            Some(books) => books,
            None => crate::books::open(&config.store)?,
        };
        let mut done = Ok(());
        // On each calendar that tenants have, at its own time.
        let calendars = config.calendars();
        for job in
            config.schedules.iter().flat_map(|one| calendars.iter().map(move |on| Job::new(config, one, *on)))
        {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            // One that cannot be done holds up neither the others nor what waits to be sent.
            done = done.and(self.job(config, &mut books, &job, now_ms()));
        }
        if config.mail.is_some() {
            let stop = Arc::clone(&self.stop);
            let is_stopping = || stop.load(Ordering::Relaxed);
            let mut postman =
                Postman { config, books: &mut books, who: WHO, now_ms, is_stopping: &is_stopping };
            if let Some(round) = postman.go_round()? {
                self.hub.post.note(round);
            }
            self.hub.post.waits(books.waiting()?.0);
        }
        self.books = Some(books);
        done
    }

    /// Does what is due of one schedule on one calendar.
    fn job(&mut self, config: &Config, books: &mut Books, job: &Job<'_>, now_ms: i64) -> Outcome {
        let Job { name, schedule, calendar: Calendar { zone, day } } = job.clone();
        let done_ms = books.job_done_ms(&name, now_ms)?;
        if self.announced.insert(name.clone())
            && let Some(next_ms) = due::next_ms(schedule, zone, day, done_ms, now_ms)?
        {
            tracing::info!("schedule: {name}; next at {}", zone.rfc3339(next_ms));
        }
        self.owed(config, books, job, now_ms)?;
        if self.is_waiting(&name, now_ms) {
            return Ok(());
        }
        for due in due::due(schedule, zone, day, done_ms, now_ms)? {
            match act(config, books, schedule, &due, now_ms) {
                Ok(Done { words, unwritten }) => {
                    self.failed.remove(&name);
                    let period = due.period.name();
                    let owed: Vec<Owed> = unwritten.into_iter().map(|one| owed(&period, one)).collect();
                    let entry = Entry {
                        at_ms: now_ms,
                        who: WHO.to_owned(),
                        what: "schedule".to_owned(),
                        subject: format!("{name}: {}", due.period),
                        why: format!("due at {}; {words}", zone.rfc3339(due.at_ms)),
                    };
                    books.finish_job(&name, due.at_ms, &owed, &entry)?;
                    self.hub.post.job(true);
                    tracing::info!("schedule: {name}: {} is done: {words}", due.period);
                    for one in &owed {
                        self.fails(
                            config,
                            key(&name, one),
                            now_ms,
                            &format!("{name}: {}", named(one)),
                            &one.why,
                        );
                    }
                }
                Err(failure) => {
                    let what = format!("{name}: {}", due.period);
                    self.fails(config, name, now_ms, &what, &failure.to_string());
                    break;
                }
            }
        }
        Ok(())
    }

    /// Writes what a job still owes: letters of periods that it has done for everybody else.
    fn owed(&mut self, config: &Config, books: &mut Books, job: &Job<'_>, now_ms: i64) -> Outcome {
        let name = job.name.as_str();
        for one in books.owed(name)? {
            let key = key(name, &one);
            if self.is_waiting(&key, now_ms) {
                continue;
            }
            let period = job.calendar.period(&one.period, now_ms);
            let period = period.map_err(|error| Failure::new(error.to_string()))?;
            let letter = (one.kind.as_str(), one.about.as_str());
            let queued = order::queue_one(config, books, &period, letter, now_ms)
                .and_then(|queued| queued.check().map(|()| queued));
            let queued = match queued {
                Ok(queued) => queued,
                Err(failure) => {
                    self.fails(
                        config,
                        key,
                        now_ms,
                        &format!("{name}: {}", named(&one)),
                        &failure.to_string(),
                    );
                    continue;
                }
            };
            self.failed.remove(&key);
            let why = match (queued.deliveries, queued.before) {
                (0, 0) => "the configuration has nobody to be written to about it any more".to_owned(),
                (new, before) => format!("{new} letters queued, {before} were sent before"),
            };
            let what = named(&one);
            let entry = Entry {
                at_ms: now_ms,
                who: WHO.to_owned(),
                what: "schedule".to_owned(),
                subject: format!("{name}: {what}"),
                why: format!("owed, because: {}; {why}", one.why),
            };
            books.settle_owed(name, &one, &entry)?;
            tracing::info!("schedule: {name}: {what} is made up for: {why}");
        }
        Ok(())
    }

    /// Whether something that failed is still left alone.
    fn is_waiting(&self, key: &str, now_ms: i64) -> bool {
        self.failed.get(key).is_some_and(|(_, until_ms)| now_ms < *until_ms)
    }

    /// Leaves something that failed alone for a while, longer each time.
    fn fails(&mut self, config: &Config, key: String, now_ms: i64, what: &str, why: &str) {
        let times = self.failed.get(&key).map_or(0, |(times, _)| *times);
        let pause = PAUSES_MIN.get(times).or(PAUSES_MIN.last()).copied().unwrap_or(60);
        let until_ms = now_ms.saturating_add(pause.saturating_mul(MINUTE_MS));
        self.failed.insert(key, (times.saturating_add(1), until_ms));
        self.hub.post.job(false);
        let again = config.zone.rfc3339(until_ms);
        tracing::error!("schedule: {what} failed, the next try is at {again}: {why}");
    }
}

/// What is owed, as a key that no job is called.
fn key(job: &str, owed: &Owed) -> String {
    let Owed { period, kind, about, .. } = owed;
    format!("{job}\n{period}\n{kind}\n{about}")
}

/// The same in words.
fn named(owed: &Owed) -> String {
    let Owed { period, kind, about, .. } = owed;
    let of = if about.is_empty() { String::new() } else { format!(" of {about}") };
    format!("the {kind}{of} for {period}")
}

fn owed(period: &str, unwritten: Unwritten) -> Owed {
    let Unwritten { kind, about, why } = unwritten;
    Owed { period: period.to_owned(), kind: kind.to_owned(), about, why }
}

/// What a job did.
struct Done {
    /// In words.
    words: String,
    /// Letters that it owes.
    unwritten: Vec<Unwritten>,
}

/// Does everything of a schedule for a period; what came of it, in words.
fn act(config: &Config, books: &mut Books, schedule: &Schedule, due: &Due, now_ms: i64) -> Outcome<Done> {
    let (mut words, mut unwritten) = (Vec::new(), Vec::new());
    for act in &schedule.acts {
        words.push(match act {
            Act::Close => {
                let order = closing::Order { period: &due.period, is_early: false, without_pdf: false };
                let done = closing::close(config, &order)?;
                let how = if done.is_known { "closed before" } else { "closed" };
                format!("{how}: {} statements from number {}", done.closed.statements, done.closed.first)
            }
            Act::Mail => {
                let order = Order { period: &due.period, tenants: &[], groups: &[], to: &[], again: false };
                let queued = order::queue(config, books, &order, now_ms)?;
                unwritten.extend(queued.failed);
                let owed = match unwritten.len() {
                    0 => String::new(),
                    n => format!(", {n} cannot be written yet"),
                };
                format!("{} letters queued, {} were sent before{owed}", queued.deliveries, queued.before)
            }
        });
    }
    Ok(Done { words: words.join("; "), unwritten })
}

#[cfg(test)]
mod tests;
