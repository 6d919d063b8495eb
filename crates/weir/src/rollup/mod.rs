//! Roll-ups in the daemon and by hand: segments that have none get theirs, and what is of segments that are gone is removed.
//!
//! Whoever builds needs no lock: a roll-up is a file of its own that appears whole, of a segment that never changes. Where
//! two build the same one they write the same. The daemon has a thread for it, of the lowest priority, which waits with small
//! segments until they are as they stay for a while.

use crate::config::Config;
use crate::exit::{self, Failure, Outcome};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use weir_query::rollup::State;
use weir_query::{Error, Options, Rollup, Stop};
use weir_store::{Heir, SegmentEntry, Snapshot};

/// How often is looked for new segments.
const EVERY: Duration = Duration::from_secs(60);
/// How often is looked whether to stop.
const STEP: Duration = Duration::from_millis(100);
/// The priority of the thread, in the steps of nice(2): the lowest there is.
const NICE: i32 = 19;
/// A segment of so many records stays as it is: compaction leaves it alone.
const LARGE_ROWS: u64 = 1 << 19;
/// A smaller one is put together with others when its hour is over; until then its roll-up would be made for minutes.
const RIPE_MS: i64 = 80 * 60_000;
/// The same trouble is said again after so long.
const SAID_EVERY: Duration = Duration::from_secs(600);

/// How far a roll-up is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Progress {
    pub(crate) name: String,
    /// Segments in the store.
    pub(crate) segments: u64,
    /// Segments that have their roll-up.
    pub(crate) built: u64,
    /// Those of them that got it just now.
    pub(crate) new: u64,
    /// Segments that have so many groups that there is none of them.
    pub(crate) too_many: u64,
    /// Files of segments that are gone, removed just now.
    pub(crate) removed: u64,
}

impl Progress {
    fn new(rollup: &Rollup, snapshot: &Snapshot) -> Self {
        let segments = snapshot.segments.len() as u64;
        Self { name: rollup.name().to_owned(), segments, built: 0, new: 0, too_many: 0, removed: 0 }
    }

    /// Segments that have none yet.
    pub(crate) fn missing(&self) -> u64 {
        self.segments.saturating_sub(self.built).saturating_sub(self.too_many)
    }

    fn count(&mut self, state: State) {
        match state {
            State::Missing => {}
            State::Built => self.built += 1,
            State::TooMany => self.too_many += 1,
        }
    }
}

/// The roll-ups that the store keeps when it gives up what they are of.
pub(crate) fn heirs(config: &Config) -> Vec<Heir> {
    config.rollups.iter().filter_map(Rollup::heir).collect()
}

/// How far the roll-ups of a configuration are. Only the beginning of each file is read.
pub(crate) fn look(config: &Config, snapshot: &Snapshot) -> Vec<Progress> {
    let of = |rollup: &Rollup| {
        let mut progress = Progress::new(rollup, snapshot);
        snapshot.segments.iter().for_each(|segment| progress.count(rollup.state(&config.store, segment)));
        progress
    };
    config.rollups.iter().map(of).collect()
}

/// Builds what is missing of segments that `is_ripe` lets through, and removes what is of none. `each` is called after every
/// segment, with how many were looked at. What cannot be built is given back beside what was.
pub(crate) fn build(
    config: &Config,
    snapshot: &Snapshot,
    is_ripe: &dyn Fn(&SegmentEntry) -> bool,
    stop: &Stop,
    each: &dyn Fn(u64),
) -> (Vec<Progress>, Option<Failure>) {
    let store: &Path = &config.store;
    let options = Options { stop: stop.clone(), ..Options::default() };
    let mut all: Vec<Progress> = config.rollups.iter().map(|r| Progress::new(r, snapshot)).collect();
    let mut failed: Option<Failure> = None;
    for (done, segment) in (1..).zip(&snapshot.segments) {
        for (rollup, progress) in config.rollups.iter().zip(&mut all) {
            let mut state = rollup.state(store, segment);
            if state == State::Missing && is_ripe(segment) && !stop.is_stopped() {
                match rollup.build(store, segment, &options) {
                    Ok(built) => {
                        state = built;
                        progress.new += u64::from(built == State::Built);
                    }
                    // Another has taken its place since.
                    Err(Error::Store(error)) if error.is_vanished() => {}
                    Err(Error::Stopped) => {}
                    Err(error) => failed = failed.or(Some(error.into())),
                }
            }
            progress.count(state);
        }
        each(done);
    }
    // Building may have taken hours: what others built meanwhile is of segments that are in the store now.
    match Snapshot::open(store) {
        Ok(now) => {
            for (rollup, progress) in config.rollups.iter().zip(&mut all) {
                match rollup.sweep(&now) {
                    Ok(removed) => progress.removed = removed,
                    Err(error) => {
                        let folder = rollup.folder(store);
                        failed = failed.or(Some(exit::io("cannot clear the roll-ups in", &folder, &error)));
                    }
                }
            }
        }
        Err(error) => failed = failed.or(Some(error.into())),
    }
    (all, failed)
}

/// The daemon's thread, until it is dropped.
pub(crate) struct Builder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Builder {
    /// Starts it. `config` gives the configuration of the moment, `now_ms` the time.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn start(
        config: impl Fn() -> Arc<Config> + Send + 'static,
        now_ms: impl Fn() -> i64 + Send + 'static,
    ) -> Outcome<Self> {
        let stop = Arc::<AtomicBool>::default();
        let flag = Arc::clone(&stop);
        let thread = thread::Builder::new().name("rollup".to_owned()).spawn(move || {
            // Refused, it is as before.
            let _ = rustix::process::nice(NICE);
            let mut round = Round { stop: Arc::clone(&flag).into(), ..Round::default() };
            while !flag.load(Ordering::Relaxed) {
                round.go(&config(), now_ms());
                let begun = Instant::now();
                while begun.elapsed() < EVERY && !flag.load(Ordering::Relaxed) {
                    thread::sleep(STEP);
                }
            }
        });
        let thread =
            thread.map_err(|error| Failure::new(format!("cannot start building roll-ups: {error}")))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the roll-ups ended before its time");
        }
    }
}

/// What the thread remembers from round to round.
#[derive(Default)]
struct Round {
    stop: Stop,
    /// What the last round was about, and whether something was left to be done.
    seen: Option<(Vec<Rollup>, u64)>,
    is_done: bool,
    said: Option<Instant>,
}

impl Round {
    fn go(&mut self, config: &Config, now_ms: i64) {
        if config.rollups.is_empty() {
            return;
        }
        // Nothing is committed but by a line of the manifest.
        let manifest = std::fs::metadata(config.store.join("manifest")).map_or(0, |manifest| manifest.len());
        let seen = Some((config.rollups.clone(), manifest));
        if self.is_done && self.seen == seen {
            return;
        }
        let failed = match Snapshot::open(&config.store) {
            Ok(snapshot) => {
                let is_ripe = |segment: &SegmentEntry| is_ripe(segment, now_ms);
                let (all, failed) = build(config, &snapshot, &is_ripe, &self.stop, &|_| {});
                for one in all.iter().filter(|one| one.new > 0) {
                    tracing::debug!(
                        "roll-up {}: {} segments more, {} of {}",
                        one.name,
                        one.new,
                        one.built,
                        one.segments
                    );
                }
                self.is_done = all.iter().all(|one| one.missing() == 0);
                failed
            }
            Err(error) => {
                self.is_done = false;
                Some(error.into())
            }
        };
        self.seen = seen;
        if let Some(failure) = failed
            && self.said.is_none_or(|said| said.elapsed() >= SAID_EVERY)
        {
            self.said = Some(Instant::now());
            tracing::warn!("roll-ups: {failure}");
        }
    }
}

/// Whether a segment will stay for a while.
fn is_ripe(segment: &SegmentEntry, now_ms: i64) -> bool {
    segment.rows >= LARGE_ROWS
        || segment.received_max().is_none_or(|received| now_ms.saturating_sub(received) >= RIPE_MS)
}
