//! What every listener's thread does with what it receives: lets it in, watches it, relays it, decodes it, and
//! hands full batches to the writer.

use super::gate::{Bucket, Gate, Refusal};
use super::share::{Orders, Outbox, Share};
use super::source::{Surroundings, Verdict, Watch};
use super::{Decoder, Delivery};
use crate::clock::{self, Moment};
use crate::config::Config;
use crate::log;
use crate::metrics::Ear;
use crate::relay::Feeds;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use weir_flow::health::Counter;
use weir_flow::memory::Change;
use weir_flow::session::Arrival;
use weir_flow::session::memory::Realm;
use weir_flow::{Addr, Batch};

/// A batch that is not full leaves after so long: what arrived is seen by questions within it.
const TICK: Duration = Duration::from_millis(200);
/// Stored batches that wait to be used again; of more, the memory is given up.
const BACK_BATCHES: usize = 2;
/// Exporters of which a listener remembers more than their sessions; those beyond share what is remembered.
const EXPORTERS_MAX: usize = 65_536;
/// Who was silent for so long makes room for others, where they are that many.
const SILENT_MS: i64 = 600_000;
/// Room is made at most so often: it takes a walk over all.
const ROOM_EVERY_MS: i64 = 10_000;

/// What a listener remembers of an exporter besides its sessions.
#[derive(Debug, Default)]
struct Exporter {
    bucket: Bucket,
    watch: Watch,
    /// When it was heard last, ms since 1970.
    heard: i64,
}

/// One listener's share of the work.
pub(super) struct Worker {
    decoder: Decoder,
    outbox: Outbox,
    /// Where batches come back, stored.
    back: SyncSender<Batch>,
    returned: Receiver<Batch>,
    share: Arc<Share>,
    orders: Arc<Orders>,
    /// The number of the configuration that is gone by.
    version: u64,
    gate: Gate,
    here: Surroundings,
    exporters: HashMap<Addr, Exporter, foldhash::fast::RandomState>,
    /// Of all exporters beyond the maximum.
    others: Exporter,
    /// When room was made last, ms since 1970.
    room_made: i64,
    feeds: Feeds,
    log: log::Limit,
    batch_since: Instant,
    /// Datagrams and messages since its ear was told.
    heard: u64,
}

impl Worker {
    pub(super) fn new(share: &Arc<Share>, orders: &Arc<Orders>, feeds: Feeds, outbox: Outbox) -> Self {
        let (back, returned) = sync_channel(BACK_BATCHES);
        let (version, config) = share.config();
        orders.version.store(version, Ordering::Release);
        Self {
            decoder: Decoder::new(&config, Realm::Live, Arc::clone(&share.attic)),
            outbox,
            back,
            returned,
            share: Arc::clone(share),
            orders: Arc::clone(orders),
            version,
            gate: Gate::new(&config),
            here: surroundings(),
            exporters: HashMap::default(),
            others: Exporter::default(),
            room_made: i64::MIN,
            feeds,
            log: log::Limit::default(),
            batch_since: Instant::now(),
            heard: 0,
        }
    }

    /// Whether it was asked to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.share.is_stopping(&self.orders)
    }

    /// The number of the configuration it goes by, which changes in [`Worker::tick`].
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The configuration of the moment.
    pub(super) fn config(&self) -> Arc<Config> {
        self.share.config().1
    }

    /// Takes in a datagram.
    pub(super) fn datagram(&mut self, payload: &[u8], from: SocketAddr, now: Moment) {
        let address = Addr::from(from.ip());
        self.heard += 1;
        if !self.gate.allows(address) {
            return self.refuse(address, Refusal::NotAllowed, now);
        }
        let exporter = self.exporter(address, now);
        let verdict = exporter.0.watch.see(address, payload, exporter.2);
        if !exporter.1.take(&mut exporter.0.bucket, now.ms) {
            return self.refuse(address, Refusal::ExporterLimit, now);
        }
        if let Some(verdict) = verdict {
            self.tell(verdict, now);
        }
        if !self.feeds.is_empty() {
            self.feeds.offer(payload, address, from.port());
            self.count_unrelayed(now.ms);
        }
        self.decode(&Arrival { received: now.ms, from: address, port: from.port(), payload }, now);
    }

    /// Takes in a message of a connection, which was let in when it was opened.
    pub(super) fn message(&mut self, payload: &[u8], from: SocketAddr, now: Moment) {
        let address = Addr::from(from.ip());
        self.heard += 1;
        let exporter = self.exporter(address, now);
        // Who sends too much is read more slowly (see `may_read`); what was read is not thrown away.
        exporter.1.take(&mut exporter.0.bucket, now.ms);
        if !self.feeds.is_empty() {
            // A message of a connection is none that a datagram could stand for: its templates came once.
            let copies = i64::try_from(self.feeds.copies(address)).unwrap_or(i64::MAX);
            self.count_reason(now.ms, address, (Counter::RelayDropped, "from_connection"), copies);
        }
        self.decode(&Arrival { received: now.ms, from: address, port: from.port(), payload }, now);
    }

    fn decode(&mut self, arrival: &Arrival<'_>, now: Moment) {
        if let Some(problem) = self.decoder.ingest(arrival) {
            self.log.note(&problem, now.at);
        }
    }

    /// Whether a connection from here may be opened; counted and said if not.
    pub(super) fn admits(&mut self, from: SocketAddr, now: Moment) -> bool {
        let address = Addr::from(from.ip());
        let is_allowed = self.gate.allows(address);
        if is_allowed {
            self.exporter(address, now);
        } else {
            let refusal = Refusal::NotAllowed;
            self.refuse_connection(address, refusal.word(), refusal.explanation(), now);
        }
        is_allowed
    }

    /// Whether the exporter may be read from now; if not, it waits, as reliable transports can.
    pub(super) fn may_read(&mut self, from: SocketAddr, now: Moment) -> bool {
        if !self.gate.is_limited() {
            return true;
        }
        let exporter = self.exporter(Addr::from(from.ip()), now);
        exporter.1.has_any(&mut exporter.0.bucket, now.ms)
    }

    /// Ends a connection's sessions.
    pub(super) fn end(&mut self, from: SocketAddr) {
        let (sessions, batch) = self.decoder.sessions();
        sessions.end(Addr::from(from.ip()), from.port(), batch);
    }

    /// What is remembered of an exporter, which is announced if it is new; with it the gate and where we are.
    fn exporter(&mut self, address: Addr, now: Moment) -> (&mut Exporter, &Gate, &Surroundings) {
        if self.exporters.len() >= EXPORTERS_MAX && !self.exporters.contains_key(&address) {
            self.make_room(now.ms);
        }
        let exporter = if self.exporters.len() < EXPORTERS_MAX || self.exporters.contains_key(&address) {
            self.exporters.entry(address).or_insert_with(|| {
                if !self.gate.is_declared(address) && self.log.pass(address, "new", now.at) {
                    tracing::info!(
                        "new exporter {address}: not named in the configuration, accounted all the same"
                    );
                }
                Exporter::default()
            })
        } else {
            &mut self.others
        };
        exporter.heard = now.ms;
        (exporter, &self.gate, &self.here)
    }

    /// Forgets exporters that have been silent, which are counted: what they have in sessions stays.
    fn make_room(&mut self, now: i64) {
        if now.saturating_sub(self.room_made) < ROOM_EVERY_MS {
            return;
        }
        self.room_made = now;
        let before = self.exporters.len();
        let gate = &self.gate;
        self.exporters.retain(|address, exporter| {
            gate.is_declared(*address) || now.saturating_sub(exporter.heard) < SILENT_MS
        });
        let forgotten = i64::try_from(before - self.exporters.len()).unwrap_or(i64::MAX);
        self.count(now, Addr::UNSPECIFIED, Counter::Evictions, forgotten);
    }

    fn refuse(&mut self, exporter: Addr, refusal: Refusal, now: Moment) {
        self.count(now.ms, exporter, Counter::Datagrams, 1);
        self.count_reason(now.ms, exporter, (Counter::Refused, refusal.word()), 1);
        self.count_reason(now.ms, exporter, (Counter::DatagramsRefused, refusal.word()), 1);
        if self.log.pass(exporter, refusal.word(), now.at) {
            tracing::warn!(%exporter, reason = refusal.word(), "datagram refused: {}", refusal.explanation());
        }
    }

    /// Counts and says that a connection was turned away.
    pub(super) fn refuse_connection(
        &mut self,
        exporter: Addr,
        reason: &'static str,
        explanation: &str,
        now: Moment,
    ) {
        self.count_reason(now.ms, exporter, (Counter::Refused, reason), 1);
        if self.log.pass(exporter, reason, now.at) {
            tracing::warn!(%exporter, reason, "connection refused: {explanation}");
        }
    }

    /// Says that a connection was opened, within the limit of the log: who opens and closes them does not write it.
    pub(super) fn connection_opened(&mut self, from: SocketAddr, now: Moment) {
        if self.log.pass(from.ip().into(), "connection_opened", now.at) {
            tracing::info!("connection from {from}");
        }
    }

    /// Says that a connection came to its usual end, within the same limit.
    pub(super) fn connection_closed(&mut self, from: SocketAddr, how: &str, now: Moment) {
        if self.log.pass(from.ip().into(), "connection_closed", now.at) {
            tracing::info!("connection from {from} {how}");
        }
    }

    /// Counts and says why a connection ended.
    pub(super) fn connection_error(
        &mut self,
        from: SocketAddr,
        reason: &'static str,
        explanation: &str,
        now: Moment,
    ) {
        let exporter = Addr::from(from.ip());
        self.count_reason(now.ms, exporter, (Counter::ConnectionErrors, reason), 1);
        if self.log.pass(exporter, reason, now.at) {
            tracing::warn!(%exporter, port = from.port(), reason, "connection ended: {explanation}");
        }
    }

    fn tell(&mut self, verdict: Verdict, now: Moment) {
        let word = verdict.sign.word();
        self.count_reason(now.ms, verdict.exporter, (Counter::RewrittenSource, word), 1);
        if !self.log.pass(verdict.exporter, word, now.at) {
            return;
        }
        if verdict.sign.is_weak() {
            tracing::info!("{verdict}");
        } else {
            tracing::warn!("{verdict}");
        }
    }

    /// Counts datagrams that the kernel dropped. `remembered`: what the next process is to know of it.
    pub(super) fn dropped(&mut self, number: u32, remembered: Option<Change>, now: Moment) {
        Ear::add(&self.orders.ear.drops, number.into());
        self.count(now.ms, Addr::UNSPECIFIED, Counter::SocketDrops, number.into());
        self.decoder.batch.memory.extend(remembered);
    }

    /// Counts what happened outside of decoding.
    pub(super) fn count(&mut self, now: i64, exporter: Addr, counter: Counter, value: i64) {
        let (sessions, batch) = self.decoder.sessions();
        sessions.count(now, exporter, counter, value, batch);
    }

    fn count_reason(&mut self, now: i64, exporter: Addr, counted: (Counter, &'static str), value: i64) {
        if value != 0 {
            let (sessions, batch) = self.decoder.sessions();
            sessions.count_reason(now, exporter, counted, value, batch);
        }
    }

    /// Whether there are datagrams to go onward that wait for company; see [`Worker::flush`].
    pub(super) fn is_holding(&self) -> bool {
        self.feeds.is_holding()
    }

    /// Sends on what waits: to be called when nothing more is there to be received.
    pub(super) fn flush(&mut self) {
        self.feeds.flush();
        self.count_unrelayed(clock::now_ms());
    }

    fn count_unrelayed(&mut self, now: i64) {
        for (exporter, copies) in self.feeds.take_dropped().unwrap_or_default() {
            let copies = i64::try_from(copies).unwrap_or(i64::MAX);
            self.count_reason(now, exporter, (Counter::RelayDropped, "queue_full"), copies);
        }
    }

    /// Hands the batch over if it is full, its time has come, or another configuration is to be gone by, waiting if the
    /// writer is behind; false if the writer is gone. `is_last`: whatever it holds.
    pub(super) fn tick(&mut self, now: Moment, is_last: bool) -> bool {
        let is_renewed = self.share.version() != self.version;
        let is_due = self.decoder.is_full() || now.at.duration_since(self.batch_since) >= TICK;
        if !(is_last || is_renewed || is_due) {
            return true;
        }
        self.flush();
        self.log.tell(now.at, is_last);
        self.batch_since = now.at;
        self.give_a_sign(now.ms);
        if let Ok(batch) = self.returned.try_recv() {
            self.decoder.give_back(batch);
        }
        let batch = if is_last { self.decoder.conclude() } else { self.decoder.take() };
        if is_renewed {
            self.renew();
        }
        if batch.is_void() {
            return true;
        }
        let back = self.back.clone();
        self.orders.ear.pulse.wait(|| self.outbox.send(Delivery { batch, back }))
    }

    /// Goes by the configuration of the moment from here on. The batch before was attributed by the one before: none is
    /// attributed by two.
    fn renew(&mut self) {
        let (version, config) = self.share.config();
        self.decoder.renew(&config);
        self.gate = Gate::new(&config);
        self.version = version;
        self.orders.version.store(version, Ordering::Release);
    }

    /// Leaves what is known of this listener where it is asked for.
    fn give_a_sign(&mut self, now: i64) {
        let (ear, wide) = (&self.orders.ear, |len: usize| u64::try_from(len).unwrap_or(u64::MAX));
        ear.pulse.beat(now);
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
