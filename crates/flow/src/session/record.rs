//! What was seen of one exporter, for whoever asks how it is: [`Exporter`] is kept in the memory, once a minute and
//! when the program stops.

use super::Stamp;
use super::late::For;
use super::loss::Sent;
use super::memory::{self, POSITION, RECORD, Realm};
use super::{Key, Session};
use crate::memory::Memory;
use crate::{Addr, Batch};
use serde::{Deserialize, Serialize};
use weir_wire::template::Dialect;

/// What the numbers of most formats count.
pub(super) const RECORDS: &str = "records";
/// How often it is written.
const EVERY_MS: u64 = 60_000;
/// Templates that are listed; of more, those that were used most.
const TEMPLATES_MAX: usize = 64;
/// Sampling intervals that are listed.
const INTERVALS_MAX: usize = 64;

/// One session of an exporter, as of [`Exporter::last`]. Times are ms since 1970.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exporter {
    /// Its address.
    pub address: String,
    /// The port it sends from.
    pub port: u16,
    /// The export format: 1, 5, 6, 7, 8, 9, 10 (IPFIX) or sflow.
    pub protocol: String,
    /// The observation domain.
    pub domain: u32,
    /// When its first and its newest datagram came.
    pub first: i64,
    /// See [`Exporter::first`].
    pub last: i64,
    /// Datagrams since the first.
    pub datagrams: u64,
    /// Whether its sequence numbers count `records` or `datagrams`.
    pub counts: String,
    /// Its templates.
    pub templates: Vec<Template>,
    /// How many there are, listed or not.
    pub templates_known: usize,
    /// The enterprises whose elements it uses: they tell whose make it is.
    pub enterprises: Vec<u32>,
    /// The sampling intervals that its options say.
    pub sampling: Vec<Sampling>,
    /// Since when there are records whose interval nobody said.
    pub unknown_sampling_since: Option<i64>,
    /// Arrival less the time of export, ms: least, greatest and last, from the last datagram of the record before
    /// this one on. NetFlow and IPFIX say seconds, so up to 1,000 are no offset.
    pub offset_ms: Option<(i64, i64, i64)>,
    /// When it started, by its uptime or what its options say.
    pub started: Option<i64>,
    /// How often its uptime wrapped (every 49.7 days), and how often it started anew.
    pub wraps: u32,
    /// See [`Exporter::wraps`].
    pub restarts: u32,
    /// Sets that wait for their template, and their octets.
    pub awaiting: (usize, usize),
    /// Where its numbers stood when the program was stopped. It is only read: since 23 November 2026 the position is kept
    /// apart, with each batch.
    #[serde(skip_serializing)]
    pub stopped: Option<Position>,
}

/// Where an exporter's stream stands. It leaves with each batch, so that whatever ends the program, what the exporter sent
/// from the last batch on that is durable, is known to be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Position {
    /// The sequence number that was expected next.
    pub next: u32,
    /// Whether a number counts what is in its own datagram, too.
    pub counts_after: bool,
    /// The newest datagram's export time (seconds since 1970) and uptime (ms).
    pub export_s: Option<u32>,
    /// See [`Position::export_s`].
    pub uptime: Option<u32>,
    /// What it sent lately, to put a value on what is missing: datagrams, records, octets.
    pub sent: (u64, u64, u64),
}

impl Position {
    /// As it is remembered: a bit each for what is there and what is so (see below), then the numbers, the highest octet
    /// first; what is not there is 0. `by_records`: whether the numbers count records.
    fn encode(&self, by_records: bool) -> [u8; 37] {
        let bits = u8::from(self.counts_after)
            | u8::from(by_records) << 1
            | u8::from(self.export_s.is_some()) << 2
            | u8::from(self.uptime.is_some()) << 3;
        let mut bytes = [0; 37];
        let parts: [&[u8]; 7] = [
            &[bits],
            &self.next.to_be_bytes(),
            &self.export_s.unwrap_or_default().to_be_bytes(),
            &self.uptime.unwrap_or_default().to_be_bytes(),
            &self.sent.0.to_be_bytes(),
            &self.sent.1.to_be_bytes(),
            &self.sent.2.to_be_bytes(),
        ];
        bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(slot, octet)| *slot = *octet);
        bytes
    }

    /// What was encoded.
    fn decode(bytes: &[u8]) -> Option<(Self, bool)> {
        let (bits, rest) = <&[u8; 37]>::try_from(bytes).ok()?.split_first()?;
        let (shorts, longs) = rest.split_at_checked(12)?;
        let mut shorts = shorts.as_chunks::<4>().0.iter().map(|octets| u32::from_be_bytes(*octets));
        let mut longs = longs.as_chunks::<8>().0.iter().map(|octets| u64::from_be_bytes(*octets));
        let is = |bit: u8| bits & 1 << bit != 0;
        let position = Self {
            counts_after: is(0),
            next: shorts.next()?,
            export_s: shorts.next().filter(|_| is(2)),
            uptime: shorts.next().filter(|_| is(3)),
            sent: (longs.next()?, longs.next()?, longs.next()?),
        };
        Some((position, is(1)))
    }
}

/// A template that an exporter defined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Template {
    /// Its id.
    pub id: u16,
    /// Whether it is for options.
    pub options: bool,
    /// How many fields it has.
    pub fields: usize,
    /// When it was defined, and last repeated.
    pub defined: i64,
    /// See [`Template::defined`].
    pub refreshed: i64,
    /// Records read with it since the program started.
    pub records: u64,
}

/// An interval that options say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// `domain`, `sampler` or `interface`.
    pub of: String,
    /// Which sampler or interface.
    pub number: Option<u64>,
    /// One packet in so many.
    pub interval: u32,
}

/// All exporters in a memory, in the order of their addresses.
#[must_use]
pub fn exporters(memory: &Memory) -> Vec<Exporter> {
    let records =
        memory.iter().filter(|(key, _)| memory::split(key).is_some_and(|(_, kind, _)| kind == RECORD));
    let mut exporters: Vec<Exporter> =
        records.filter_map(|(_, value)| serde_json::from_slice(value).ok()).collect();
    let address = |e: &Exporter| e.address.parse::<Addr>().unwrap_or_default();
    exporters.sort_by_key(|e| (address(e), e.domain, e.port));
    exporters
}

/// What is watched of every datagram.
#[derive(Debug, Default)]
pub(super) struct Watch {
    first: Option<i64>,
    last: i64,
    datagrams: u64,
    offset: Option<(i64, i64, i64)>,
    started: Option<i64>,
    wraps: u32,
    restarts: u32,
    /// When it was last written.
    recorded: Option<i64>,
    /// Whether it is remembered where its numbers stand.
    has_position: bool,
}

impl Watch {
    /// A datagram arrived; true if it is time for a record.
    #[inline]
    pub(super) fn arrived(&mut self, received: i64) -> bool {
        self.first.get_or_insert(received);
        self.last = received;
        self.datagrams += 1;
        self.recorded.is_none_or(|at| received.abs_diff(at) >= EVERY_MS)
    }

    /// Its header says when it was sent.
    #[inline]
    pub(super) fn sent(&mut self, sent: Stamp, before: Stamp) {
        let Some(export) = sent.export_s.map(|s| i64::from(s) * 1000) else { return };
        let offset = self.last - export;
        self.offset = Some(match self.offset {
            Some((least, greatest, _)) => (least.min(offset), greatest.max(offset), offset),
            None => (offset, offset, offset),
        });
        let Some(uptime) = sent.uptime else { return };
        // Down by more than half of what it can hold: it wrapped.
        if before.uptime.is_some_and(|before| before > uptime && before - uptime > 1 << 31) {
            self.wraps += 1;
        }
        self.started = Some(export - i64::from(uptime) - (i64::from(self.wraps) << 32));
    }

    pub(super) fn restarted(&mut self) {
        self.restarts += 1;
        self.wraps = 0;
    }
}

impl Session {
    /// Writes the record.
    pub(super) fn record(&mut self, key: &Key, batch: &mut Batch) {
        let exporter = self.describe(key);
        self.watch.offset = self.watch.offset.map(|(.., last)| (last, last, last));
        self.watch.recorded = Some(self.watch.last);
        // A struct of numbers and strings cannot fail to be written.
        if let Ok(value) = serde_json::to_vec(&exporter) {
            memory::put(batch, &self.prefix, RECORD, &[], value);
        }
    }

    /// Has it remembered where its numbers stand, as of this batch; or forgotten where they stood, if that is not known any
    /// more.
    pub(super) fn record_position(&mut self, batch: &mut Batch) {
        let position = self.position();
        if let Some(position) = &position {
            let value = position.encode(self.counted() == RECORDS);
            memory::put(batch, &self.prefix, POSITION, &[], value);
        } else if self.watch.has_position {
            memory::forget(batch, &self.prefix, POSITION, &[]);
        }
        self.watch.has_position = position.is_some();
    }

    fn position(&self) -> Option<Position> {
        let (next, counts_after) = self.sequence.position()?;
        let Stamp { export_s, uptime } = self.newest;
        let sent = (self.sent.datagrams, self.sent.records, self.sent.octets);
        Some(Position { next, counts_after, export_s, uptime, sent })
    }

    fn resume(&mut self, position: Position, by_records: bool) {
        self.watch.has_position = true;
        self.sequence.resume((position.next, position.counts_after));
        self.unit.resume(by_records);
        self.newest = Stamp { export_s: position.export_s, uptime: position.uptime };
        let (datagrams, records, octets) = position.sent;
        self.sent = Sent { datagrams, records, octets };
    }

    /// Goes on from where the numbers stood. What files say is of any time: there nothing is missing in between.
    pub(super) fn restore_position(&mut self, value: &[u8], realm: Realm) -> bool {
        let Some((position, by_records)) = Position::decode(value) else { return false };
        if realm == Realm::Live {
            self.resume(position, by_records);
        }
        true
    }

    /// Takes up where the record ended; `resumes`: also where the numbers stood, if it says so.
    pub(super) fn restore_record(&mut self, value: &[u8], resumes: bool) -> bool {
        let Ok(exporter) = serde_json::from_slice::<Exporter>(value) else { return false };
        self.watch.first = Some(exporter.first);
        self.watch.datagrams = exporter.datagrams;
        self.watch.wraps = exporter.wraps;
        self.watch.restarts = exporter.restarts;
        if let Some(position) = exporter.stopped.filter(|_| resumes) {
            self.resume(position, exporter.counts == RECORDS);
        }
        self.templates.refreshed_as(&exporter.templates);
        true
    }

    fn describe(&self, key: &Key) -> Exporter {
        let dialect = match self.version {
            crate::names::Version::Ipfix => Dialect::Ipfix,
            _ => Dialect::V9,
        };
        let mut templates: Vec<Template> =
            self.templates.iter().map(|(id, known)| known.describe(id, dialect)).collect();
        templates.sort_by_key(|t| (std::cmp::Reverse(t.records), t.id));
        templates.truncate(TEMPLATES_MAX);
        let mut enterprises: Vec<u32> =
            self.templates.iter().flat_map(|(_, known)| known.enterprises(dialect)).collect();
        enterprises.sort_unstable();
        enterprises.dedup();
        let mut sampling: Vec<Sampling> = self.sampling.said().map(describe_sampling).collect();
        sampling.sort_by(|a, b| (&a.of, a.number).cmp(&(&b.of, b.number)));
        sampling.truncate(INTERVALS_MAX);
        let watch = &self.watch;
        Exporter {
            address: self.exporter.to_string(),
            port: key.port,
            protocol: self.version.word().to_owned(),
            domain: self.domain,
            first: watch.first.unwrap_or(watch.last),
            last: watch.last,
            datagrams: watch.datagrams,
            counts: self.counted().to_owned(),
            templates,
            templates_known: self.templates.iter().count(),
            enterprises,
            sampling,
            unknown_sampling_since: self.late.first(),
            offset_ms: watch.offset,
            started: watch.started.or(self.init),
            wraps: watch.wraps,
            restarts: watch.restarts,
            awaiting: self.held.len(),
            stopped: None,
        }
    }
}

fn describe_sampling((whose, interval): (For, u32)) -> Sampling {
    let (of, number) = match whose {
        For::Domain => ("domain", None),
        For::Sampler(id) => ("sampler", Some(id)),
        For::Interface(index) => ("interface", Some(index.into())),
    };
    Sampling { of: of.to_owned(), number, interval }
}
