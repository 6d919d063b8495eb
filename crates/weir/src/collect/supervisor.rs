//! Beside the threads that hear and the one that writes: signals, the configuration read again, the service manager.
//!
//! * SIGHUP: the configuration is read again. Sockets and sessions stay; what changed of tenants, exporters, sampling
//!   and limits holds from the next batch of each worker on, so that no batch is attributed by two configurations;
//!   listeners come and go. A mistake is said, and the configuration before it stays.
//! * SIGTERM, SIGINT: listeners take what the kernel holds, the writer stores it, and all end. A second one, or a writer
//!   that has stopped moving, ends it without more waiting: what is in the journal comes back at the next start.
//! * Watchdog: the service manager is told that we live only while every worker and the writer move.

use super::listener::{self, Running, Source};
use super::share::{Orders, Outbox, Share};
use super::systemd::Systemd;
use super::worker::Worker;
use crate::config::{Config, Listen};
use crate::exit::{Failure, Outcome};
use crate::relay::{self, Tap};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};
use weir_flow::memory::Memory;

/// How often signals are looked for.
const EVERY: Duration = Duration::from_millis(50);
/// How often the service manager is told how things are.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// When stopping, how long the writer may stand still until it is not waited for any more. Less than the 90 s that
/// systemd waits, more than a slow disk takes for anything.
const STILL: Duration = Duration::from_secs(60);
/// How long after a second signal everything is given up.
const HURRY: Duration = Duration::from_secs(5);
/// How long a listener is waited for whose address another gives up.
const FREE_WITHIN: Duration = Duration::from_secs(10);
/// The exit code of a stop that did not wait for the store.
const CUT_SHORT: i32 = 1;

/// The signals that are heard, from now on.
///
/// # Errors
/// The kernel does not let us.
pub(super) fn signals() -> Outcome<Signals> {
    Signals::new([SIGHUP, SIGINT, SIGTERM])
        .map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))
}

/// Starts and ends threads, and watches them.
pub(super) struct Supervisor<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    share: Arc<Share>,
    /// What new workers are given; none once all are to stop, so that the writer sees the end.
    ways: Option<(Outbox, Tap)>,
    manager: Systemd,
    running: Vec<Running<'scope>>,
    /// Listeners whose address is not free yet, and since when they wait.
    waiting: Vec<(Listen, Instant)>,
    /// Beats of the workers and the writer when they were last looked at.
    beats: Vec<i64>,
    status_told: Instant,
    stop: Option<Stop>,
}

/// A stop that is under way.
struct Stop {
    /// When the writer was seen to move last.
    moved: Instant,
    beat_ms: i64,
    /// When to give up, after a second signal.
    until: Option<Instant>,
}

impl<'scope, 'env> Supervisor<'scope, 'env> {
    pub(super) fn new(
        scope: &'scope Scope<'scope, 'env>,
        share: Arc<Share>,
        outbox: Outbox,
        tap: Tap,
        manager: Systemd,
    ) -> Self {
        Self {
            scope,
            share,
            ways: Some((outbox, tap)),
            manager,
            running: Vec::new(),
            waiting: Vec::new(),
            beats: Vec::new(),
            status_told: Instant::now(),
            stop: None,
        }
    }

    /// Gives each source a thread.
    pub(super) fn start(&mut self, listen: &Listen, sources: Vec<Source>) {
        let Some((outbox, tap)) = &self.ways else { return };
        let mut running = Running { listen: listen.clone(), orders: Vec::new(), threads: Vec::new() };
        for (number, source) in sources.into_iter().enumerate() {
            let ear = self.share.hub.ear(source.name());
            source.describe(&ear);
            let orders = Arc::new(Orders::of(Arc::clone(&ear)));
            let worker = Worker::new(&self.share, &orders, tap.feeds(), outbox.clone());
            let (listen, hub) = (listen.clone(), Arc::clone(&self.share.hub));
            running.threads.push(self.scope.spawn(move || {
                listener::pin(&listen, number);
                source.hear(worker);
                hub.leave(&ear);
            }));
            running.orders.push(orders);
        }
        match running.threads.len() {
            1 => tracing::info!("listening on {listen}"),
            n => tracing::info!("listening on {listen} with {n} workers"),
        }
        self.running.push(running);
    }

    /// Does what is to be done until the writer is done.
    pub(super) fn supervise(
        mut self,
        mut signals: Signals,
        reread: &dyn Fn() -> Outcome<Config>,
        is_done: &AtomicBool,
    ) {
        self.manager.ready();
        while !is_done.load(Ordering::Relaxed) {
            let now = Instant::now();
            for signal in signals.pending() {
                match signal {
                    SIGHUP if self.stop.is_none() => self.reload(reread, now),
                    SIGHUP => {}
                    _ => self.stop(now),
                }
            }
            self.running.retain(|running| !running.is_over() || running.orders.is_empty());
            self.open_waiting(now);
            self.tell(now);
            self.watch_stop(now);
            thread::sleep(EVERY);
        }
    }

    /// The service manager is told how things are, and that we live, if we do.
    fn tell(&mut self, now: Instant) {
        if self.manager.is_due(now) {
            if self.is_alive() {
                self.manager.alive();
            } else {
                tracing::error!("a thread stands still: the service manager is not told that we live");
            }
        }
        if now.duration_since(self.status_told) >= STATUS_EVERY {
            self.status_told = now;
            let (waiting, written) = self.share.hub.records();
            let listeners = self.running.len();
            self.manager.status(&format!(
                "{listeners} listeners; {written} records stored since the start, {waiting} on the way"
            ));
        }
    }

    /// Whether every worker and the writer have moved since this was asked last.
    fn is_alive(&mut self) -> bool {
        let workers = self.running.iter().flat_map(|running| &running.orders).map(|orders| &orders.ear.pulse);
        let pulses: Vec<_> = std::iter::once(&self.share.hub.writer).chain(workers).collect();
        // Where listeners came or went, each is asked again from the beginning.
        if self.beats.len() != pulses.len() {
            self.beats = vec![i64::MIN; pulses.len()];
        }
        // All are asked, none left out.
        let moved = pulses.into_iter().zip(&mut self.beats).map(|(pulse, before)| pulse.has_moved(before));
        moved.filter(|has_moved| !has_moved).count() == 0
    }

    /// Told to stop: the first time all listeners are, the second time in a hurry.
    fn stop(&mut self, now: Instant) {
        if let Some(stop) = &mut self.stop {
            stop.until.get_or_insert(now + HURRY);
            return;
        }
        tracing::info!("stopping: what the kernel holds is taken, then everything is stored");
        self.manager.stopping();
        self.share.stop();
        self.ways = None;
        self.waiting.clear();
        self.stop = Some(Stop { moved: now, beat_ms: 0, until: None });
    }

    /// Ends the program if the store does not come to an end.
    fn watch_stop(&mut self, now: Instant) {
        let Some(stop) = &mut self.stop else { return };
        if self.share.hub.writer.has_moved(&mut stop.beat_ms) {
            stop.moved = now;
        }
        let is_still = now.duration_since(stop.moved) >= STILL;
        if !is_still && stop.until.is_none_or(|until| now < until) {
            return;
        }
        let (waiting, written) = self.share.hub.records();
        let why = if is_still { "the store stands still" } else { "told to stop twice" };
        tracing::error!(
            "{why}, so weir ends without waiting for it: {waiting} records that were received are not stored; {written} \
             are, or are in the journal and come back at the next start"
        );
        std::process::exit(CUT_SHORT);
    }

    /// Reads the configuration again and goes by it, or says why not.
    fn reload(&mut self, reread: &dyn Fn() -> Outcome<Config>, now: Instant) {
        self.manager.reloading();
        if let Err(failure) = reread().and_then(|config| self.change(config, now)) {
            tracing::error!("the configuration stays as it was: {failure}");
        }
        self.manager.ready();
    }

    /// Goes by another configuration.
    fn change(&mut self, mut config: Config, now: Instant) -> Outcome {
        let (_, before) = self.share.config();
        if config.listens_by_default {
            config.listen.clone_from(&before.listen);
        }
        relay::refuse_loops(&config)?;
        let is_new = |listen: &&Listen| !self.running.iter().any(|running| running.listen.is_same(listen));
        let mut opened = Vec::new();
        let mut waiting = Vec::new();
        for listen in config.listen.iter().filter(is_new) {
            match listener::open(listen, Vec::new(), &Memory::new()) {
                Ok(sources) => opened.push((listen.clone(), sources)),
                // Another listener may have the address that is to go.
                Err(_) if self.is_to_be_free(listen, &config) => waiting.push((listen.clone(), now)),
                Err(failure) => return Err(failure),
            }
        }
        keep_what_stays(&before, &mut config);
        let config = Arc::new(config);
        self.share.publish(Arc::clone(&config));
        for running in &self.running {
            if !config.listen.iter().any(|listen| listen.is_same(&running.listen)) {
                tracing::info!("no longer listening on {}", running.listen);
                running.orders.iter().for_each(|orders| orders.stop());
            }
        }
        for (listen, sources) in opened {
            self.start(&listen, sources);
        }
        self.waiting.extend(waiting);
        let since = jiff::Timestamp::now();
        tracing::info!("the configuration was read again: it holds for what is decoded from {since:.3} on");
        Ok(())
    }

    /// Whether a listener that goes has the port that this one is to have.
    fn is_to_be_free(&self, listen: &Listen, config: &Config) -> bool {
        let goes = |one: &Listen| !config.listen.iter().any(|listen| listen.is_same(one));
        let mut going = self.running.iter().map(|running| &running.listen).filter(|one| goes(one));
        going.any(|one| {
            one.address.port() == listen.address.port()
                && (one.transport.word() == "udp") == (listen.transport.word() == "udp")
        })
    }

    /// Opens listeners whose address has become free.
    fn open_waiting(&mut self, now: Instant) {
        for (listen, since) in std::mem::take(&mut self.waiting) {
            match listener::open(&listen, Vec::new(), &Memory::new()) {
                Ok(sources) => self.start(&listen, sources),
                Err(_) if now.duration_since(since) < FREE_WITHIN => self.waiting.push((listen, since)),
                Err(failure) => tracing::error!("{failure}; nothing is heard there"),
            }
        }
    }
}

/// What of the new configuration has to wait for a restart stays in it as it is, for everything that goes by the
/// configuration (quotas, schedules, roll-ups) must mean what runs; and it is said.
fn keep_what_stays(running: &Config, config: &mut Config) {
    let mut changed = Vec::new();
    let mut keep = |differs: bool, what: &str| {
        if differs {
            changed.push(what.to_owned());
        }
    };
    keep(std::mem::replace(&mut config.store, running.store.clone()) != running.store, "path of [store]");
    keep(std::mem::replace(&mut config.memory, running.memory) != running.memory, "memory of [limits]");
    keep(std::mem::replace(&mut config.web, running.web) != running.web, "[web]");
    keep(std::mem::replace(&mut config.sql, running.sql.clone()) != running.sql, "[sql]");
    keep(std::mem::replace(&mut config.relays, running.relays.clone()) != running.relays, "[[relay]]");
    for listen in &mut config.listen {
        let known = running.listen.iter().find(|known| known.is_same(listen));
        let Some(known) =
            known.filter(|known| (known.workers, &known.cpus) != (listen.workers, &listen.cpus))
        else {
            continue;
        };
        changed.push(format!("workers and cpus of {listen}"));
        listen.clone_from(known);
    }
    for what in changed {
        tracing::warn!("{what}: changed in the configuration, and takes a restart to hold");
    }
}
