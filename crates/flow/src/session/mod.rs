//! Sessions: all that a decoder must remember of an exporter.
//!
//! A session is an exporter's address and port, the protocol, and the observation domain (for v5 the engine, for
//! sFlow the sub-agent). [`Sessions::ingest`] takes a datagram, finds its session, judges its sequence number, and
//! writes its flow records straight into the columns of a batch; [`Sessions::finish`] gives the batch its last
//! touch before it leaves.
//!
//! Decoding yields records *and* problems: a malformed set costs that set, a malformed datagram itself; each is
//! counted by reason, and the first [`Problem`] of a datagram is handed back for the log. Everything that the
//! network can make grow has a stated maximum and a counter.
//!
//! | file | what it knows |
//! |---|---|
//! | `v1` `v5` `v6` `v7` `v8` `v9` `ipfix` `sflow` | what is particular to a protocol |
//! | `legacy` | the fixed records of v1, v5, v6 and v7 |
//! | `template`, `plan`, `gather`, `data` | templates, compiled into column moves |
//! | `shelf` | the compiled form of a template, once for all sessions that have it |
//! | `hold` | data sets that came before their template |
//! | `memory`, `recall` | what is remembered across a restart |
//! | `firewall`, `total` | totals of which a part was reported before |
//! | `options`, `sampling`, `late`, `name`, `unsent` | what exporters say about themselves |
//! | `text`, `list` | text as exporters write it, lists within records |
//! | `sequence` | lost, late, doubled, begun anew |
//! | `loss` | what a loss comes to |
//! | `clock` | uptimes and the rest to milliseconds since 1970 |
//! | `record` | what was seen of an exporter |
//! | `rows`, `normal` | what all protocols do with their rows |
//! | `fate` | decoded, held or refused: what becomes of a datagram |
//! | `count` | counters on their way into health rows |
//! | `stranger` | sessions that have given nothing yet, and may be forged |
//! | `archive`, `nfcapd`, `flowtools` | records that another collector kept, without any session |

pub mod archive;
mod clock;
mod count;
mod data;
mod fate;
mod firewall;
mod flowtools;
mod gather;
mod hold;
mod ipfix;
mod late;
mod legacy;
mod list;
mod loss;
pub mod memory;
mod name;
mod nfcapd;
mod normal;
mod options;
mod plan;
mod recall;
mod recent;
pub mod record;
mod rows;
mod sampling;
mod sequence;
mod sflow;
mod shelf;
mod stranger;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod total;
mod unsent;
mod v1;
mod v5;
mod v6;
mod v7;
mod v8;
mod v9;

use crate::health::Counter;
use crate::names::Version;
use crate::schema::Column;
use crate::{Addr, Batch};
use clock::Clock;
use count::Counts;
use fate::Fate;
use hashbrown::HashMap;
use loss::{Unit, Worth};
use rows::Origin;
use sequence::{Extent, Seen, Sequence, Signs, Verdict};
use std::hash::BuildHasher;
use std::sync::Arc;
use stranger::{Standing, Strangers};
use weir_wire::{Error, Protocol, Reason};

/// Sessions remembered. Ten thousand exporters of several domains fit; whoever forges source addresses does
/// not get more.
pub const SESSIONS_MAX: usize = 65_536;
/// Templates kept per session, unless [`Settings`] say otherwise. Routers define some dozens; a firewall with an
/// application catalogue some hundreds.
pub const TEMPLATES_MAX: usize = 2048;
/// Exporters of which nothing could be decoded that are counted apart.
const STRAYS_MAX: usize = 4096;
/// So long it stays open whether copies of an exporter's first datagram are duplicates: until its second number
/// comes, mostly within a second.
const COPIES_OPEN_MS: i64 = 30_000;
/// Octets of data sets held for their template, in all.
pub const HELD_BYTES_MAX: usize = 64 << 20;

/// What the operator says about exporters.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Sampling intervals that override what the exporter says, by exporter.
    pub sampling: std::collections::HashMap<Addr, u32>,
    /// The sampling interval of exporters that say nothing.
    pub sampling_default: Option<u32>,
    /// Whose memory the sessions have.
    pub realm: memory::Realm,
    /// Leave out the elements that have no column.
    pub without_other: bool,
    /// Templates kept per session; [`TEMPLATES_MAX`] where nothing is said.
    pub templates_max: Option<usize>,
    /// Octets of data sets that may wait for their template; [`HELD_BYTES_MAX`] where nothing is said.
    pub held_bytes_max: Option<usize>,
}

/// A datagram's arrival.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// When it came, ms since 1970.
    pub received: i64,
    /// The address it came from: the exporter.
    pub from: Addr,
    /// The port it came from: with the address, the transport session.
    pub port: u16,
    /// The UDP payload.
    pub payload: &'a [u8],
}

/// What was wrong with a datagram, for one line of the log. It has been counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// Who sent it.
    pub exporter: Addr,
    /// What, and at which octet of the datagram.
    pub error: Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    from: Addr,
    port: u16,
    protocol: Protocol,
    domain: u32,
}

/// When a datagram was sent, as its header says.
#[derive(Debug, Default, Clone, Copy)]
struct Stamp {
    /// Seconds since 1970, where the format has them.
    export_s: Option<u32>,
    /// The exporter's uptime in ms, where the format has it.
    uptime: Option<u32>,
}

/// One session.
#[derive(Debug)]
struct Session {
    exporter: Addr,
    domain: u32,
    version: Version,
    /// Whether it has something for the next batch.
    is_touched: bool,
    counts: Counts,
    standing: Standing,
    /// What becomes of the datagram at hand.
    fate: Fate,
    sequence: Sequence,
    /// What v9 counts, once that is known.
    unit: v9::Counting,
    /// When the newest datagram was sent.
    newest: Stamp,
    sent: loss::Sent,
    /// What is missing, all in all.
    loss: loss::Loss,
    sampling: sampling::Sampling,
    /// Rows that wait for a sampling interval.
    late: late::Unknown,
    watch: record::Watch,
    names: name::Names,
    unsent: unsent::Unsent,
    templates: template::Templates,
    held: hold::Holding,
    /// Where its memory begins.
    prefix: memory::Prefix,
    /// Stands for it in what sessions share.
    tag: u64,
    keeps_other: bool,
    /// Whether the exporter's record is to be written.
    record_due: bool,
    /// When the exporter started, if its options say so.
    init: Option<i64>,
    /// Copies of the first datagram, while it is open whether the exporter counts.
    copies: Option<Copies>,
}

/// Copies of one datagram that may be duplicates.
#[derive(Debug)]
struct Copies {
    number: u32,
    /// Records in one, where that can be told without reading it.
    records: u32,
    received: i64,
    payload: Box<[u8]>,
}

/// What sessions share: room to work in, the budget for held sets, and what is bounded for all together.
#[derive(Debug)]
struct Shared {
    scratch: data::Scratch,
    samples: sflow::Scratch,
    held: hold::Budget,
    firewall: firewall::Connections,
    totals: total::Totals,
    shelf: shelf::Shelf,
    strangers: Strangers,
    templates_max: usize,
}

/// All sessions that one worker keeps.
#[derive(Debug)]
pub struct Sessions {
    settings: Settings,
    sessions: HashMap<Key, Session, foldhash::fast::RandomState>,
    strays: HashMap<Addr, Counts, foldhash::fast::RandomState>,
    /// Sessions that have something for the next batch, so that nobody walks over ten thousand for a few.
    touched: Vec<Key>,
    shared: Shared,
    attic: Arc<memory::Attic>,
    /// When the newest datagram arrived, ms since 1970.
    latest: i64,
}

impl Sessions {
    /// No sessions yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::recalling(settings, Arc::default())
    }

    /// No sessions yet; each that comes takes from the attic what is remembered of it.
    #[must_use]
    pub fn recalling(settings: Settings, attic: Arc<memory::Attic>) -> Self {
        let shared = Shared {
            scratch: data::Scratch::default(),
            samples: sflow::Scratch::default(),
            held: hold::Budget { used: 0, max: settings.held_bytes_max.unwrap_or(HELD_BYTES_MAX) },
            firewall: firewall::Connections::default(),
            totals: total::Totals::default(),
            shelf: shelf::Shelf::default(),
            strangers: Strangers::default(),
            templates_max: settings.templates_max.unwrap_or(TEMPLATES_MAX),
        };
        Self {
            settings,
            sessions: HashMap::default(),
            strays: HashMap::default(),
            touched: Vec::new(),
            shared,
            attic,
            latest: i64::MIN,
        }
    }

    /// Goes by other settings from the next datagram on; whose memory the sessions have stays. Sessions keep what they
    /// know of their exporters, and what was decoded before is as it is.
    pub fn renew(&mut self, settings: Settings) {
        self.shared.templates_max = settings.templates_max.unwrap_or(TEMPLATES_MAX);
        for (key, session) in &mut self.sessions {
            session.sampling.renew(settings.sampling.get(&key.from).copied(), settings.sampling_default);
            session.keeps_other = !settings.without_other;
        }
        self.settings = Settings { realm: self.settings.realm, ..settings };
    }

    /// How many sessions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// What all of this takes in memory, bytes; what each session has on the heap is estimated. Quick: nobody walks over
    /// the sessions.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// A session's templates, names and counts, as they mostly are.
        const HEAP: usize = 2048;
        let whole = size_of::<(Key, Session)>().saturating_mul(self.sessions.capacity());
        let heap = HEAP.saturating_mul(self.sessions.len());
        let strays = size_of::<(Addr, Counts)>().saturating_mul(self.strays.capacity());
        whole.saturating_add(heap).saturating_add(strays).saturating_add(self.shared.held.used)
    }

    /// Data sets that wait for their template, and how many octets they are.
    #[must_use]
    pub fn awaiting(&self) -> (usize, usize) {
        self.sessions.values().map(|s| s.held.len()).fold((0, 0), |(n, b), (dn, db)| (n + dn, b + db))
    }

    /// Takes in a datagram: appends its flow records to the batch and counts everything. The first problem,
    /// if there was one, is handed back to be logged.
    pub fn ingest(&mut self, arrival: &Arrival<'_>, batch: &mut Batch) -> Option<Problem> {
        let base = batch.len();
        self.latest = self.latest.max(arrival.received);
        let result = self.dispatch(arrival, base, batch);
        let error = match result {
            Ok(problem) => problem?,
            Err(error) => {
                self.stray(arrival, error, batch);
                error
            }
        };
        Some(Problem { exporter: arrival.from, error })
    }

    /// Gives the batch its last touch before it leaves: rows are normalised, columns filled up, and what was
    /// counted since the last batch goes with it, and where each exporter's numbers stand now. Call once for each batch, also for an empty one at the end.
    ///
    /// Copies of an exporter's first datagram, of which it is open for a while whether they are duplicates or the
    /// exporter does not number what it sends, are counted.
    pub fn finish(&mut self, batch: &mut Batch) {
        let old = self.latest.saturating_sub(COPIES_OPEN_MS);
        let touched = std::mem::take(&mut self.touched);
        self.count_copies(&touched, |copies| copies.received <= old, batch);
        batch.seal();
        normal::normalise(batch, 0);
        for key in &touched {
            if let Some(session) = self.sessions.get_mut(key) {
                session.is_touched = false;
                session.counts.hand_over(batch);
                if self.settings.realm == memory::Realm::Live && session.standing != Standing::Nameless {
                    session.record_position(batch);
                }
            }
        }
        self.touched = touched;
        self.touched.clear();
        for counts in self.strays.values_mut() {
            counts.hand_over(batch);
        }
    }

    /// To be called before the last [`Sessions::finish`]: nothing more will come. What is still open is decided, and
    /// what was seen of each exporter is written down.
    pub fn conclude(&mut self, batch: &mut Batch) {
        let all: Vec<Key> = self.sessions.keys().copied().collect();
        self.count_copies(&all, |_| true, batch);
        for (key, session) in &mut self.sessions {
            if session.standing != Standing::Nameless {
                session.record(key, batch);
            }
        }
    }

    /// Counts what happened outside of decoding (socket drops) for this exporter, or for nobody in particular
    /// (`Addr::UNSPECIFIED`).
    pub fn count(&mut self, received: i64, exporter: Addr, counter: Counter, value: i64, batch: &mut Batch) {
        let counts = self.stray_counts(exporter);
        counts.at(received, batch);
        counts.add(counter, value);
    }

    /// The same for what is counted by reason.
    pub fn count_reason(
        &mut self,
        received: i64,
        exporter: Addr,
        counted: (Counter, &'static str),
        value: i64,
        batch: &mut Batch,
    ) {
        let counts = self.stray_counts(exporter);
        counts.at(received, batch);
        counts.add_reason_value(counted.0, counted.1, value);
    }

    /// Ends a transport session that had an end (TCP, TLS, SCTP): its templates and its sequence are forgotten
    /// (RFC 7011 §8), sets that still wait for a template are given up, and what was counted goes with the batch.
    /// How many sessions that were, one for each observation domain.
    pub fn end(&mut self, from: Addr, port: u16, batch: &mut Batch) -> usize {
        let is_its_own = |key: &Key| key.from == from && key.port == port;
        let ending: Vec<Key> = self.sessions.keys().filter(|key| is_its_own(key)).copied().collect();
        self.count_copies(&ending, |_| true, batch);
        for key in &ending {
            if let Some(mut session) = self.sessions.remove(key) {
                session.forget(&mut self.shared, batch);
            }
        }
        ending.len()
    }

    /// Takes in the copies that nothing showed to be duplicates, of these sessions.
    fn count_copies(&mut self, keys: &[Key], is_asked: impl Fn(&Copies) -> bool, batch: &mut Batch) {
        let mut open: Vec<(Key, Copies)> = Vec::new();
        for key in keys {
            if let Some(session) = self.sessions.get_mut(key)
                && let Some(copies) = session.copies.take_if(|copies| is_asked(copies))
            {
                session.sequence.stands_still();
                open.push((*key, copies));
            }
        }
        for (key, copies) in open {
            let (from, port) = (key.from, key.port);
            let arrival = Arrival { received: copies.received, from, port, payload: &copies.payload };
            for _ in 0..copies.number {
                let base = batch.len();
                // They were good once, and counted as arrived then.
                if self.dispatch(&arrival, base, batch).is_ok()
                    && let Some(session) = self.sessions.get_mut(&key)
                {
                    session.counts.add(Counter::Datagrams, -1);
                    session.counts.add(Counter::DatagramsHeld, -1);
                }
            }
        }
    }

    fn dispatch(
        &mut self,
        arrival: &Arrival<'_>,
        base: usize,
        batch: &mut Batch,
    ) -> Result<Option<Error>, Error> {
        use weir_wire::{ipfix, netflow, sflow};
        let payload = arrival.payload;
        let protocol = weir_wire::detect(payload).ok_or(Error::new(Reason::BadVersion, 0))?;
        let engine = |kind: u8, id: u8| u32::from(kind) << 8 | u32::from(id);
        macro_rules! with {
            ($domain:expr, $method:ident($datagram:expr $(, $shared:ident)?)) => {{
                let key = Key { from: arrival.from, port: arrival.port, protocol, domain: $domain };
                let (session, shared) = self.session(arrival, key, batch);
                let problem = Found::from(session.$method(arrival, $datagram $(, with!(@$shared shared))?, batch));
                std::mem::take(&mut session.fate).settle(&mut session.counts);
                session.learn(base, batch);
                session.become_known(shared, batch);
                if session.record_due {
                    session.record(&key, batch);
                }
                Ok(problem.0)
            }};
            (@shared $shared:ident) => { $shared };
        }
        match protocol {
            Protocol::NetflowV1 => {
                let datagram = netflow::v1::Datagram::new_checked(payload)?;
                with!(0, ingest_v1(&datagram))
            }
            Protocol::NetflowV5 => {
                let datagram = netflow::v5::Datagram::new_checked(payload)?;
                let header = datagram.header();
                with!(engine(header.engine_type, header.engine_id), ingest_v5(&datagram))
            }
            Protocol::NetflowV6 => {
                let datagram = netflow::v6::Datagram::new_checked(payload)?;
                let header = datagram.header();
                with!(engine(header.engine_type, header.engine_id), ingest_v6(&datagram))
            }
            Protocol::NetflowV7 => {
                let datagram = netflow::v7::Datagram::new_checked(payload)?;
                with!(0, ingest_v7(&datagram))
            }
            Protocol::NetflowV8 => {
                let datagram = netflow::v8::Datagram::new_checked(payload)?;
                with!(v8::stream(&datagram.header()), ingest_v8(&datagram))
            }
            Protocol::NetflowV9 => {
                let message = netflow::v9::Message::new_checked(payload)?;
                with!(message.header().source_id, ingest_v9(&message, shared))
            }
            Protocol::Ipfix => {
                let message = ipfix::Message::from_datagram(payload)?;
                with!(message.header().domain, ingest_ipfix(&message, shared))
            }
            Protocol::SflowV2 | Protocol::SflowV4 | Protocol::SflowV5 => {
                let datagram = sflow::Datagram::new_checked(payload)?;
                with!(datagram.header().sub_agent, ingest_sflow(&datagram, shared))
            }
        }
    }

    /// The session a datagram belongs to, made if it is new.
    fn session(&mut self, arrival: &Arrival<'_>, key: Key, batch: &mut Batch) -> (&mut Session, &mut Shared) {
        if self.sessions.len() >= SESSIONS_MAX && !self.sessions.contains_key(&key) {
            self.evict(arrival.received, batch);
        }
        let session = match self.sessions.entry(key) {
            hashbrown::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hashbrown::hash_map::Entry::Vacant(entry) => {
                let session = entry.insert(Session::new(&key, &self.settings));
                if !self.attic.knows(&session.prefix) {
                    session.begin_as(self.shared.strangers.admit(arrival.received));
                }
                session.counts.at(arrival.received, batch);
                session.recall(&key, &self.attic, self.settings.realm, &mut self.shared, batch);
                session
            }
        };
        session.counts.at(arrival.received, batch);
        session.counts.add(Counter::Datagrams, 1);
        if !std::mem::replace(&mut session.is_touched, true) {
            self.touched.push(key);
        }
        let is_due = session.watch.arrived(arrival.received);
        session.record_due = is_due && session.standing != Standing::Nameless;
        std::hint::black_box(session.warm());
        (session, &mut self.shared)
    }

    /// Makes room: an eighth of the sessions are forgotten, those first that have given nothing, else whichever come
    /// first. They are learned again from the next templates; what they had counted goes with the batch.
    fn evict(&mut self, received: i64, batch: &mut Batch) {
        let mut left = SESSIONS_MAX / 8;
        let shared = &mut self.shared;
        let mut forgotten = 0;
        for spares_known in [true, false] {
            self.sessions.retain(|_, session| {
                if left == 0 || (spares_known && session.standing == Standing::Known) {
                    return true;
                }
                left -= 1;
                forgotten += 1;
                session.forget(shared, batch);
                false
            });
        }
        let counts = self.stray_counts(Addr::UNSPECIFIED);
        counts.at(received, batch);
        counts.add(Counter::Evictions, forgotten);
    }

    /// Counts a datagram of which nothing could be used.
    fn stray(&mut self, arrival: &Arrival<'_>, error: Error, batch: &mut Batch) {
        let counts = self.stray_counts(arrival.from);
        counts.at(arrival.received, batch);
        counts.add(Counter::Datagrams, 1);
        counts.add_reason(Counter::Undecodable, error.reason.as_str());
        fate::refuse(counts, error.reason.as_str(), 1);
    }

    /// Counters of an exporter without a session; beyond the maximum all share one.
    fn stray_counts(&mut self, exporter: Addr) -> &mut Counts {
        let room = self.strays.len() < STRAYS_MAX || self.strays.contains_key(&exporter);
        let exporter = if room { exporter } else { Addr::UNSPECIFIED };
        self.strays.entry(exporter).or_insert_with(|| Counts::new(exporter, 0))
    }
}

/// What a protocol hands back: the first problem of a datagram, or nothing where there can be none.
struct Found(Option<Error>);

impl From<()> for Found {
    fn from((): ()) -> Self {
        Self(None)
    }
}

impl From<template::Read> for Found {
    fn from(read: template::Read) -> Self {
        Self(read.problem)
    }
}

impl From<Option<Error>> for Found {
    fn from(problem: Option<Error>) -> Self {
        Self(problem)
    }
}

impl Session {
    fn new(key: &Key, settings: &Settings) -> Self {
        let version = match key.protocol {
            Protocol::NetflowV1 => Version::V1,
            Protocol::NetflowV5 => Version::V5,
            Protocol::NetflowV6 => Version::V6,
            Protocol::NetflowV7 => Version::V7,
            Protocol::NetflowV8 => Version::V8,
            Protocol::NetflowV9 => Version::V9,
            Protocol::Ipfix => Version::Ipfix,
            Protocol::SflowV2 | Protocol::SflowV4 | Protocol::SflowV5 => Version::Sflow,
        };
        Self {
            exporter: key.from,
            domain: key.domain,
            version,
            is_touched: false,
            counts: Counts::new(key.from, key.domain),
            standing: Standing::Known,
            fate: Fate::default(),
            sequence: Sequence::default(),
            unit: v9::Counting::default(),
            newest: Stamp::default(),
            sent: loss::Sent::default(),
            loss: loss::Loss::default(),
            sampling: sampling::Sampling::new(
                settings.sampling.get(&key.from).copied(),
                settings.sampling_default,
            ),
            templates: template::Templates::default(),
            late: late::Unknown::default(),
            watch: record::Watch::default(),
            names: name::Names::default(),
            unsent: unsent::Unsent::default(),
            held: hold::Holding::default(),
            prefix: memory::prefix(settings.realm, key),
            tag: FINGERPRINT.hash_one(key) & !1,
            keeps_other: !settings.without_other,
            record_due: false,
            init: None,
            copies: None,
        }
    }

    /// Nothing is known of it yet.
    fn begin_as(&mut self, standing: Standing) {
        self.standing = standing;
        if standing == Standing::Nameless {
            self.counts.share();
        }
    }

    /// Whoever has given a template or a record is a stranger no more, and counted by its own name.
    fn become_known(&mut self, shared: &mut Shared, batch: &mut Batch) {
        let has_given = self.sent.records > 0 || !self.templates.is_empty();
        if self.standing != Standing::Known && has_given {
            shared.strangers.leave(self.standing);
            self.standing = Standing::Known;
            self.counts.own(batch);
        }
    }

    /// The last there is to do with a session: sets that still wait are given up, and the counts handed over.
    fn forget(&mut self, shared: &mut Shared, batch: &mut Batch) {
        let (sets, bytes) = self.held.len();
        fate::give_up(&mut self.counts, fate::NO_TEMPLATE, self.held.leading());
        let copies = self.copies.take().map_or(0, |copies| copies.number);
        fate::give_up(&mut self.counts, fate::FORGOTTEN, copies.into());
        shared.held.used = shared.held.used.saturating_sub(bytes);
        shared.strangers.leave(self.standing);
        memory::forget_all(batch, &self.prefix);
        self.counts.add_len(Counter::HeldDropped, sets);
        self.counts.add(Counter::Awaiting, -i64::try_from(sets).unwrap_or_default());
        self.counts.hand_over(batch);
    }

    /// What its sequence numbers count.
    fn counted(&self) -> &'static str {
        let by_records = match self.version {
            Version::V9 => self.unit.is_records(),
            Version::Sflow => false,
            _ => true,
        };
        if by_records { record::RECORDS } else { "datagrams" }
    }

    /// Reads a little of all that a datagram will need, so that it comes from memory at once and not one after the
    /// other: of ten thousand sessions the one at hand is in no cache.
    fn warm(&self) -> u64 {
        self.counts.warm() ^ self.sequence.warm() ^ self.templates.warm() ^ self.sent.octets
    }

    fn origin(&self, clock: Clock) -> Origin {
        Origin { exporter: self.exporter, domain: self.domain, version: self.version, clock }
    }

    /// Whether a datagram was seen before and is not to be read (again, or not yet); counted. `records`: how many
    /// it holds, where that can be told without reading it.
    fn is_again(&mut self, arrival: &Arrival<'_>, sequence: u32, records: u32) -> bool {
        let fingerprint = FINGERPRINT.hash_one(arrival.payload);
        let seen = self.sequence.see(sequence, fingerprint);
        if seen == Seen::Copy {
            let (received, payload) = (arrival.received, arrival.payload);
            let copies = || Copies { number: 0, records, received, payload: payload.into() };
            self.copies.get_or_insert_with(copies).number += 1;
            self.counts.add(Counter::DatagramsHeld, 1);
        }
        if seen == Seen::Duplicate {
            self.count_duplicates(1, records);
            fate::refuse(&mut self.counts, fate::DUPLICATE, 1);
        }
        if self.sequence.has_moved()
            && let Some(copies) = self.copies.take()
        {
            // It counts: the copies were duplicates.
            self.count_duplicates(copies.number, copies.records);
            fate::give_up(&mut self.counts, fate::DUPLICATE, copies.number.into());
        }
        if seen != Seen::New {
            self.fate = Fate::Settled;
        }
        seen != Seen::New
    }

    fn count_duplicates(&mut self, datagrams: u32, records: u32) {
        self.counts.add(Counter::DuplicateDatagrams, datagrams.into());
        self.counts.add(Counter::DuplicateRecords, i64::from(datagrams) * i64::from(records));
    }

    /// Judges the sequence number of a datagram that was read, and counts what it shows.
    fn follow(&mut self, sequence: u32, extent: Extent, sent: Stamp, unit: Unit) {
        let worth = self.sent.worth(unit);
        let overtaken = sent.export_s.zip(self.newest.export_s).is_some_and(|(sent, newest)| sent <= newest);
        let signs = Signs { rebooted: self.rebooted(sent.uptime), overtaken };
        let verdict = self.sequence.judge(sequence, extent, signs, worth);
        if let Some(returned) = self.sequence.take_returned() {
            self.count_loss(-i64::from(returned.units), returned.worth);
        }
        match verdict {
            Verdict::Expected => {}
            Verdict::Gap(units) => self.count_loss(i64::from(units), worth),
            Verdict::Late(filled) => {
                self.counts.add(Counter::Reordered, 1);
                self.count_loss(-i64::from(filled.units), filled.worth);
            }
            Verdict::Passed => self.counts.add(Counter::Reordered, 1),
            Verdict::Restart => {
                self.counts.add(Counter::Restarts, 1);
                self.watch.restarted();
            }
        }
        if !matches!(verdict, Verdict::Late(_) | Verdict::Passed) {
            self.watch.sent(sent, self.newest);
            self.newest = sent;
        }
    }

    fn count_loss(&mut self, units: i64, worth: Worth) {
        let (records, datagrams) = self.loss.add(units, worth);
        self.counts.add(Counter::RecordsLost, records);
        self.counts.add(Counter::DatagramsLost, datagrams);
        let octets = i64::try_from(worth.octets).unwrap_or(i64::MAX);
        self.counts.add(Counter::OctetsLostEstimate, units.saturating_mul(octets));
    }

    /// Whether the uptime shows a restart since the last datagram: it went back, and not by wrapping.
    fn rebooted(&self, uptime: Option<u32>) -> bool {
        const SLACK_MS: u32 = 60_000;
        const NEAR_WRAP_MS: u32 = 86_400_000;
        let (Some(last), Some(now)) = (self.newest.uptime, uptime) else { return false };
        let wrapped = last > u32::MAX - NEAR_WRAP_MS && now < NEAR_WRAP_MS;
        last > now && last - now > SLACK_MS && !wrapped
    }

    /// Remembers what the datagram at hand was worth.
    fn learn(&mut self, base: usize, batch: &Batch) {
        let octets = batch.u64s(Column::Octets).get(base..).unwrap_or_default();
        let sum = octets.iter().fold(0u64, |sum, x| sum.saturating_add(*x));
        self.sent.add(octets.len(), sum);
    }
}

/// Two datagrams are the same if their octets hash to the same number. The hash need not be secret: who can
/// make two datagrams collide could as well not send the second.
static FINGERPRINT: std::sync::LazyLock<foldhash::fast::FixedState> =
    std::sync::LazyLock::new(foldhash::fast::FixedState::default);

/// Whose name a key of the memory holds: the exporter, what it names, and its number.
pub(crate) fn memory_of_names(key: &[u8]) -> Option<(Addr, crate::label::Kind, u64)> {
    let (exporter, kind, rest) = memory::split(key)?;
    let (what, number) = (kind == memory::NAME).then(|| name::key(rest))??;
    Some((exporter, what, number))
}
