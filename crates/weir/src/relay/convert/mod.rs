//! Records into NetFlow v5, NetFlow v9 or IPFIX.
//!
//! Every exporter and observation domain becomes a stream of its own, with its own domain (v9: source id, v5:
//! engine) and its own sequence numbers, so that a receiver can tell what was lost on the way from here. What the
//! stream is called follows from exporter and domain alone, and so is the same after a restart.
//!
//! Octets and packets are sent as measured, with the sampling interval beside them, so that the receiver scales
//! once. A format that cannot carry a record says so by reason ([`Skip`]), and what it cannot carry whole is
//! counted too. v9 and IPFIX carry the exporter's address in every record (elements 130, 131).
//!
//! `row` reads a record out of a batch; `layout` has the templates; `templated` writes v9 and IPFIX, `v5` v5.

mod layout;
mod row;
mod templated;
#[cfg(test)]
mod tests;
mod v5;

use super::balance::{halves, mix};
use crate::config::Format;
use layout::Layout;
use std::collections::{HashMap, HashSet};
use weir_flow::{Addr, Batch, Column};

/// Streams kept. Those that spoke least lately go first; they begin anew when they speak again.
const STREAMS_MAX: usize = 16_384;
/// Templates are sent again after so long: what a receiver that comes late misses.
const TEMPLATES_EVERY_MS: i64 = 60_000;
/// The uptime that headers claim when weir starts: flows of the last days have a positive one.
const UPTIME_MS: i64 = 4 * 86_400_000;
/// Flow times further back cannot be said as an uptime of 32 bits, half of which is for the future.
const AGE_MS_MAX: i64 = 1 << 31;
/// Flow times further ahead cannot either: receivers take them for times of long ago.
const AHEAD_MS_MAX: i64 = 3_600_000;

/// What could not be converted, or not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    /// v5 has room for IPv4 only.
    Ipv6,
    /// The record has no source or no destination.
    NoAddress,
    /// v5's times reach back 24 days.
    TooOld,
    /// More octets than a thousand v5 records carry.
    TooLarge,
    /// The exporter has more kinds of records than templates are kept.
    Layouts,
    /// v5 has AS numbers of 16 bits: AS_TRANS (RFC 6793) stands for the others.
    AsNumber,
    /// v5 has interface indexes of 16 bits: 0, unknown, stands for the others.
    Interface,
    /// v5 has sampling intervals of 14 bits: beyond, estimated octets go with an interval of 1.
    SamplingInterval,
}

impl Skip {
    /// The reason under which it is counted.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ipv6 => "ipv6",
            Self::NoAddress => "no_address",
            Self::TooOld => "too_old",
            Self::TooLarge => "too_large",
            Self::Layouts => "layouts",
            Self::AsNumber => "as_number",
            Self::Interface => "interface",
            Self::SamplingInterval => "sampling_interval",
        }
    }

    /// Whether the record is not sent at all.
    pub(super) fn is_loss(self) -> bool {
        !matches!(self, Self::AsNumber | Self::Interface | Self::SamplingInterval)
    }
}

/// Where converted datagrams go.
pub(super) trait Sink {
    /// Takes a datagram with so many records of this exporter.
    fn datagram(&mut self, exporter: Addr, payload: &[u8], records: usize);
    /// Takes note of a record that could not be converted, or not whole.
    fn skipped(&mut self, exporter: Addr, skip: Skip);
}

/// One exporter's observation domain, as it is sent onward.
#[derive(Debug)]
struct Stream {
    exporter: Addr,
    /// What the stream is called: domain, source id or (its low 16 bits) engine.
    id: u32,
    /// Records (IPFIX, v5) or datagrams (v9) sent before the next datagram.
    sequence: u32,
    layouts: Vec<Layout>,
    by_layout: HashMap<Layout, usize>,
    /// How many of the layouts have been sent since `templates_ms`, from the front.
    announced: usize,
    templates_ms: i64,
    used_ms: i64,
}

/// Converts batches into datagrams of one format.
#[derive(Debug)]
pub(super) struct Converter {
    format: Format,
    mtu: usize,
    /// When we claim to have been started, ms since 1970.
    boot_ms: i64,
    streams: HashMap<(Addr, u32), Stream>,
    ids: HashSet<u32>,
    buffer: Vec<u8>,
}

impl Converter {
    /// Datagrams have at most `mtu` octets; `now` is when this begins, ms since 1970.
    pub(super) fn new(format: Format, mtu: usize, now: i64) -> Self {
        // A whole second, as headers have.
        let boot_ms = (now - UPTIME_MS).div_euclid(1000) * 1000;
        Self { format, mtu, boot_ms, streams: HashMap::new(), ids: HashSet::new(), buffer: vec![0; mtu] }
    }

    /// Converts a batch, as sent at `now`, ms since 1970; only what `is_wanted` says of the exporters.
    pub(super) fn convert(
        &mut self,
        batch: &Batch,
        now: i64,
        is_wanted: &dyn Fn(Addr) -> bool,
        sink: &mut dyn Sink,
    ) {
        let mut rows: HashMap<(Addr, u32), Vec<usize>> = HashMap::new();
        let origins = batch.addrs(Column::Exporter).iter().zip(batch.u32s(Column::Domain));
        for (row, (exporter, domain)) in origins.enumerate() {
            if is_wanted(*exporter) {
                rows.entry((*exporter, *domain)).or_default().push(row);
            }
        }
        let moment = Moment { now, boot_ms: self.boot_ms };
        for ((exporter, domain), rows) in rows {
            let (format, mtu) = (self.format, self.mtu);
            let mut buffer = std::mem::take(&mut self.buffer);
            let room = buffer.get_mut(..mtu).unwrap_or_default();
            let stream = self.stream(exporter, domain, now);
            match format {
                Format::Netflow5 => v5::write(stream, (batch, &rows), moment, room, sink),
                Format::Netflow9 => templated::write(stream, (batch, &rows), moment, true, room, sink),
                Format::Ipfix => templated::write(stream, (batch, &rows), moment, false, room, sink),
            }
            self.buffer = buffer;
        }
    }

    /// Leaves out the numbers of records that were dropped before they came here.
    pub(super) fn leave_out(&mut self, exporter: Addr, domain: u32, records: u32) {
        let counts_datagrams = self.format == Format::Netflow9;
        if let Some(stream) = self.streams.get_mut(&(exporter, domain)) {
            // How many datagrams they would have been nobody knows: one at least.
            let gap = if counts_datagrams { 1 } else { records };
            stream.sequence = stream.sequence.wrapping_add(gap);
        }
    }

    fn stream(&mut self, exporter: Addr, domain: u32, now: i64) -> &mut Stream {
        let key = (exporter, domain);
        if self.streams.len() >= STREAMS_MAX && !self.streams.contains_key(&key) {
            self.forget_the_oldest();
        }
        let (ids, format) = (&mut self.ids, self.format);
        let stream = self.streams.entry(key).or_insert_with(|| {
            let id = free_id(exporter, domain, format, ids);
            tracing::info!("exporter {exporter}, domain {domain} goes onward as {} {id}", id_word(format));
            Stream {
                exporter,
                id,
                sequence: 0,
                layouts: Vec::new(),
                by_layout: HashMap::new(),
                announced: 0,
                templates_ms: now,
                used_ms: now,
            }
        });
        stream.used_ms = now;
        stream
    }

    /// Forgets a quarter of the streams.
    fn forget_the_oldest(&mut self) {
        let mut used: Vec<i64> = self.streams.values().map(|stream| stream.used_ms).collect();
        used.sort_unstable();
        let limit = used.get(used.len() / 4).copied().unwrap_or_default();
        let mut left = STREAMS_MAX / 4;
        let ids = &mut self.ids;
        self.streams.retain(|_, stream| {
            let goes = stream.used_ms <= limit && left > 0;
            if goes {
                left -= 1;
                ids.remove(&stream.id);
            }
            !goes
        });
    }
}

fn id_word(format: Format) -> &'static str {
    match format {
        Format::Netflow5 => "engine (type × 256 + id)",
        Format::Netflow9 => "source id",
        Format::Ipfix => "observation domain",
    }
}

/// A name for the stream: a number that follows from exporter and domain, or the next free one.
fn free_id(exporter: Addr, domain: u32, format: Format, taken: &mut HashSet<u32>) -> u32 {
    let [high, low] = halves(exporter.bits());
    let [_, _, _, _, a, b, c, d] = mix(mix(high ^ u64::from(domain)) ^ low).to_be_bytes();
    let mask = if format == Format::Netflow5 { 0xffff } else { u32::MAX };
    // 0 is what exporters say that have no domains.
    let mut id = (u32::from_be_bytes([a, b, c, d]) & mask).max(1);
    while !taken.insert(id) {
        id = (id.wrapping_add(1) & mask).max(1);
    }
    id
}

/// When a datagram is sent, as its header says it.
#[derive(Debug, Clone, Copy)]
struct Moment {
    now: i64,
    boot_ms: i64,
}

impl Moment {
    /// Whole seconds since 1970. The uptime is that of the whole second too: so flow times come out to the
    /// millisecond.
    fn export_s(self) -> u32 {
        u32::try_from(self.now.div_euclid(1000)).unwrap_or_default()
    }

    fn uptime_ms(self) -> u32 {
        self.uptime_at(i64::from(self.export_s()) * 1000)
    }

    /// The uptime at a time, modulo 2^32.
    fn uptime_at(self, ms: i64) -> u32 {
        let [_, _, _, _, a, b, c, d] = ms.wrapping_sub(self.boot_ms).to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Whether times can be said as uptimes.
    fn reaches(self, start: i64, end: i64) -> bool {
        start >= self.now - AGE_MS_MAX && end <= self.now + AHEAD_MS_MAX && start <= end
    }
}
