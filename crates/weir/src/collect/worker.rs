//! What every listener's thread does with what it receives: lets it in, watches it, relays it, decodes it, and
//! hands full batches to the writer.

use super::gate::{Bucket, Gate, Refusal};
use super::source::{Surroundings, Verdict, Watch};
use super::{Decoder, Delivery};
use crate::config::Config;
use crate::metrics::{Ear, Hub};
use crate::relay::Feeds;
use crate::{clock, log};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use weir_flow::health::Counter;
use weir_flow::session::Arrival;
use weir_flow::session::memory::{Attic, Realm};
use weir_flow::{Addr, Batch};

/// A batch that is not full leaves after so long: what arrived is seen by questions within it.
const TICK: Duration = Duration::from_millis(200);
/// Stored batches that wait to be used again; of more, the memory is given up.
const BACK_BATCHES: usize = 2;
/// Exporters of which a listener remembers more than their sessions; those beyond share what is remembered.
const EXPORTERS_MAX: usize = 65_536;
/// First-seen exporters are announced up to this many; beyond, forgers would write the log.
const ANNOUNCED_MAX: usize = 1024;

/// What a listener remembers of an exporter besides its sessions.
#[derive(Debug, Default)]
struct Exporter {
    bucket: Bucket,
    watch: Watch,
}

/// One listener's share of the work.
pub(super) struct Worker {
    decoder: Decoder,
    sender: SyncSender<Delivery>,
    /// Where batches come back, stored.
    back: SyncSender<Batch>,
    returned: Receiver<Batch>,
    stop: Arc<AtomicBool>,
    gate: Gate,
    here: Surroundings,
    exporters: HashMap<Addr, Exporter, foldhash::fast::RandomState>,
    /// Of all exporters beyond the maximum.
    others: Exporter,
    feeds: Feeds,
    problems: log::Problems,
    refusals: log::Limit,
    batch_since: Instant,
    hub: Arc<Hub>,
    ear: Arc<Ear>,
    /// Datagrams and messages since the ear was told.
    heard: u64,
}

impl Worker {
    pub(super) fn new(
        config: &Config,
        attic: Arc<Attic>,
        feeds: Feeds,
        sender: SyncSender<Delivery>,
        stop: Arc<AtomicBool>,
        (hub, ear): (Arc<Hub>, Arc<Ear>),
    ) -> Self {
        let (back, returned) = sync_channel(BACK_BATCHES);
        Self {
            decoder: Decoder::new(config, Realm::Live, attic),
            sender,
            back,
            returned,
            stop,
            gate: Gate::new(config),
            here: surroundings(),
            exporters: HashMap::default(),
            others: Exporter::default(),
            feeds,
            problems: log::Problems::default(),
            refusals: log::Limit::default(),
            batch_since: Instant::now(),
            hub,
            ear,
            heard: 0,
        }
    }

    /// Where what is known of this listener is left.
    pub(super) fn ear(&self) -> &Ear {
        &self.ear
    }

    /// Whether everybody was asked to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Takes in a datagram.
    pub(super) fn datagram(&mut self, payload: &[u8], from: SocketAddr) {
        let now = clock::now_ms();
        let address = Addr::from(from.ip());
        self.heard += 1;
        if !self.gate.allows(address) {
            return self.refuse(address, Refusal::NotAllowed);
        }
        let exporter = self.exporter(address);
        let verdict = exporter.0.watch.see(address, payload, exporter.2);
        if !exporter.1.take(&mut exporter.0.bucket, now) {
            return self.refuse(address, Refusal::ExporterLimit);
        }
        if let Some(verdict) = verdict {
            self.tell(verdict);
        }
        if !self.feeds.is_empty() {
            self.feeds.offer(payload, address, from.port());
            self.count_unrelayed();
        }
        self.decode(&Arrival { received: now, from: address, port: from.port(), payload });
    }

    /// Takes in a message of a connection, which was let in when it was opened.
    pub(super) fn message(&mut self, payload: &[u8], from: SocketAddr) {
        let now = clock::now_ms();
        let address = Addr::from(from.ip());
        self.heard += 1;
        let exporter = self.exporter(address);
        // Who sends too much is read more slowly (see `may_read`); what was read is not thrown away.
        exporter.1.take(&mut exporter.0.bucket, now);
        if !self.feeds.is_empty() {
            // A message of a connection is none that a datagram could stand for: its templates came once.
            let copies = i64::try_from(self.feeds.copies(address)).unwrap_or(i64::MAX);
            self.count_reason(address, (Counter::RelayDropped, "from_connection"), copies);
        }
        self.decode(&Arrival { received: now, from: address, port: from.port(), payload });
    }

    fn decode(&mut self, arrival: &Arrival<'_>) {
        if let Some(problem) = self.decoder.ingest(arrival) {
            self.problems.note(&problem, Instant::now());
        }
    }

    /// Whether a connection from here may be opened; counted and said if not.
    pub(super) fn admits(&mut self, from: SocketAddr) -> bool {
        let address = Addr::from(from.ip());
        let is_allowed = self.gate.allows(address);
        if is_allowed {
            self.exporter(address);
        } else {
            self.refuse_connection(address, Refusal::NotAllowed.word(), Refusal::NotAllowed.explanation());
        }
        is_allowed
    }

    /// Whether the exporter may be read from now; if not, it waits, as reliable transports can.
    pub(super) fn may_read(&mut self, from: SocketAddr) -> bool {
        if !self.gate.is_limited() {
            return true;
        }
        let exporter = self.exporter(Addr::from(from.ip()));
        exporter.1.has_any(&mut exporter.0.bucket, clock::now_ms())
    }

    /// Ends a connection's sessions.
    pub(super) fn end(&mut self, from: SocketAddr) {
        let (sessions, batch) = self.decoder.sessions();
        sessions.end(Addr::from(from.ip()), from.port(), batch);
    }

    /// What is remembered of an exporter, which is announced if it is new; with it the gate and where we are.
    fn exporter(&mut self, address: Addr) -> (&mut Exporter, &Gate, &Surroundings) {
        let known = self.exporters.len();
        let exporter = if known < EXPORTERS_MAX || self.exporters.contains_key(&address) {
            self.exporters.entry(address).or_insert_with(|| {
                if known < ANNOUNCED_MAX && !self.gate.is_declared(address) {
                    tracing::info!(
                        "new exporter {address}: not named in the configuration, accounted all the same"
                    );
                }
                Exporter::default()
            })
        } else {
            &mut self.others
        };
        (exporter, &self.gate, &self.here)
    }

    fn refuse(&mut self, exporter: Addr, refusal: Refusal) {
        self.count(exporter, Counter::Datagrams, 1);
        self.count_reason(exporter, (Counter::Refused, refusal.word()), 1);
        self.count_reason(exporter, (Counter::DatagramsRefused, refusal.word()), 1);
        if let Some(more) = self.refusals.pass(exporter, refusal.word(), Instant::now()) {
            tracing::warn!(%exporter, reason = refusal.word(), more, "datagram refused: {}", refusal.explanation());
        }
    }

    /// Counts and says that a connection was turned away.
    pub(super) fn refuse_connection(&mut self, exporter: Addr, reason: &'static str, explanation: &str) {
        self.count_reason(exporter, (Counter::Refused, reason), 1);
        if let Some(more) = self.refusals.pass(exporter, reason, Instant::now()) {
            tracing::warn!(%exporter, reason, more, "connection refused: {explanation}");
        }
    }

    /// Counts and says why a connection ended.
    pub(super) fn connection_error(&mut self, from: SocketAddr, reason: &'static str, explanation: &str) {
        let exporter = Addr::from(from.ip());
        self.count_reason(exporter, (Counter::ConnectionErrors, reason), 1);
        if let Some(more) = self.refusals.pass(exporter, reason, Instant::now()) {
            tracing::warn!(%exporter, port = from.port(), reason, more, "connection ended: {explanation}");
        }
    }

    fn tell(&mut self, verdict: Verdict) {
        if verdict.sign.is_weak() {
            tracing::info!("{verdict}");
        } else {
            tracing::warn!("{verdict}");
        }
        self.count_reason(verdict.exporter, (Counter::RewrittenSource, verdict.sign.word()), 1);
    }

    /// Counts what happened outside of decoding.
    pub(super) fn count(&mut self, exporter: Addr, counter: Counter, value: i64) {
        let (sessions, batch) = self.decoder.sessions();
        sessions.count(clock::now_ms(), exporter, counter, value, batch);
    }

    fn count_reason(&mut self, exporter: Addr, counted: (Counter, &'static str), value: i64) {
        if value != 0 {
            let (sessions, batch) = self.decoder.sessions();
            sessions.count_reason(clock::now_ms(), exporter, counted, value, batch);
        }
    }

    /// Whether there are datagrams to go onward that wait for company; see [`Worker::flush`].
    pub(super) fn is_holding(&self) -> bool {
        self.feeds.is_holding()
    }

    /// Sends on what waits: to be called when nothing more is there to be received.
    pub(super) fn flush(&mut self) {
        self.feeds.flush();
        self.count_unrelayed();
    }

    fn count_unrelayed(&mut self) {
        for (exporter, copies) in self.feeds.take_dropped().unwrap_or_default() {
            let copies = i64::try_from(copies).unwrap_or(i64::MAX);
            self.count_reason(exporter, (Counter::RelayDropped, "queue_full"), copies);
        }
    }

    /// Hands the batch over if it is full or its time has come, waiting if the writer is behind; false if the
    /// writer is gone. `is_last`: whatever it holds.
    pub(super) fn tick(&mut self, now: Instant, is_last: bool) -> bool {
        if !is_last && !self.decoder.is_full() && now.duration_since(self.batch_since) < TICK {
            return true;
        }
        self.flush();
        self.batch_since = now;
        self.give_a_sign();
        if let Ok(batch) = self.returned.try_recv() {
            self.decoder.give_back(batch);
        }
        let batch = if is_last { self.decoder.conclude() } else { self.decoder.take() };
        if batch.is_void() {
            return true;
        }
        let back = self.back.clone();
        self.hub.queued.fetch_add(1, Ordering::Relaxed);
        self.sender.send(Delivery { batch, back }).is_ok()
    }

    /// Leaves what is known of this listener where it is asked for.
    fn give_a_sign(&mut self) {
        let (ear, wide) = (&self.ear, |len: usize| u64::try_from(len).unwrap_or(u64::MAX));
        ear.pulse.beat(clock::now_ms());
        Ear::add(&ear.datagrams, std::mem::take(&mut self.heard));
        let (sessions, _) = self.decoder.sessions();
        Ear::set(&ear.sessions, wide(sessions.len()));
        Ear::set(&ear.session_bytes, wide(sessions.bytes()));
    }
}

/// Where we are: containers have one of these files.
fn surroundings() -> Surroundings {
    let is_container =
        ["/.dockerenv", "/run/.containerenv"].iter().any(|path| std::path::Path::new(path).exists());
    if !is_container {
        return Surroundings::default();
    }
    std::fs::read_to_string("/proc/net/route")
        .map(|text| Surroundings::of_container(&text))
        .unwrap_or_default()
}
