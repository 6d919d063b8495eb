//! Traffic that is counted more than once: the same transfer, told from two places.
//!
//! A packet that crosses two routers, or one router that meters what comes in and what leaves, is told twice, and a
//! bill that adds everything up is too high. Nothing in a record says so; but the records of one transfer have one
//! 5-tuple, overlap in time and agree in packets and octets. So: records are brought together by 5-tuple, added up
//! by the *place* that saw them, and places that saw the same are held against the one that saw most.
//!
//! What looks alike and is not:
//! - **a request and its response** have different 5-tuples, and so are two transfers;
//! - **a long flow told in slices**, or a record told again, is of one place, and added up there; two routers may
//!   cut it differently, so sums are compared, not records;
//! - **a flow that moved** to another path does not overlap in time;
//! - **multicast and broadcast** leave by many interfaces, and each copy is traffic; **link-local** addresses mean
//!   another host on every link.
//!
//! With sampling, two places see different packets of one transfer: sums are compared within what chance allows,
//! and only transfers that the coarsest sampling could not miss are judged.
//!
//! What it cannot see: one place that tells both directions without saying which (NetFlow v5 with `ip flow egress`),
//! and traffic whose addresses were translated in between.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use weir_flow::Addr;
use weir_flow::names::FlowDirection;

/// Clocks of two exporters may differ by so much, and one may notice a packet so much later.
const SLACK_MS: i64 = 30_000;
/// Sampled transfers are judged from so many expected samples on.
const SAMPLES_MIN: u128 = 10;
/// Lengths of two places differ by at most so many octets a packet: tags, tunnels, frames instead of packets.
const HEADER_MAX: u128 = 58;

/// Where a record was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Point {
    pub(crate) exporter: Addr,
    pub(crate) domain: u32,
    /// The interface the packets crossed there; `None` if the record does not say.
    pub(crate) interface: Option<u32>,
    /// Which way; `None` if the record does not say.
    pub(crate) way: Option<FlowDirection>,
}

/// Whose traffic: what identifies a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tuple {
    pub(crate) src: Addr,
    pub(crate) dst: Addr,
    pub(crate) src_port: Option<u16>,
    pub(crate) dst_port: Option<u16>,
    pub(crate) proto: u8,
}

/// What is needed of a flow record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) tuple: Tuple,
    pub(crate) point: Point,
    /// ms since 1970.
    pub(crate) start: i64,
    /// ms since 1970.
    pub(crate) end: i64,
    /// Sampling undone.
    pub(crate) octets: u64,
    /// Sampling undone.
    pub(crate) packets: u64,
    /// 1 packet in so many was measured; 1 where nobody says.
    pub(crate) interval: u32,
}

/// Two places that told of the same traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The place that saw most.
    pub(crate) one: Point,
    /// The place that saw it, too.
    pub(crate) other: Point,
    /// Octets that both told of, as the second counted them.
    pub(crate) octets: u128,
}

/// How much is counted more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Overlap {
    /// Octets of the records that could be judged.
    pub(crate) judged: u128,
    /// Octets among them that belong to transfers told from more than one place.
    pub(crate) repeated: u128,
    /// Octets that would be left out if each transfer were counted once.
    pub(crate) excess: u128,
    /// Transfers told from more than one place.
    pub(crate) transfers: u64,
    /// The most places that told of one transfer.
    pub(crate) places: usize,
    /// Which places, the most octets first.
    pub(crate) pairs: Vec<Pair>,
}

/// Looks for transfers that were told from more than one place. The sightings are sorted for it.
pub(crate) fn find(sightings: &mut [Sighting]) -> Overlap {
    sightings.sort_unstable_by_key(|s| (s.tuple, s.point, s.start));
    let coarsest = sightings.iter().map(|s| s.interval).max().unwrap_or(1);
    let packets_min = if coarsest > 1 { SAMPLES_MIN * u128::from(coarsest) } else { 1 };
    let mut overlap = Overlap::default();
    let mut pairs: BTreeMap<(Point, Point), u128> = BTreeMap::new();
    for transfer in sightings.chunk_by(|a, b| a.tuple == b.tuple) {
        if transfer.first().is_some_and(|s| is_everywhere(&s.tuple)) {
            continue;
        }
        let mut seen: Vec<Seen> = transfer.chunk_by(|a, b| a.point == b.point).filter_map(Seen::of).collect();
        // The place that saw most is what the others are held against.
        seen.sort_by_key(|s| std::cmp::Reverse((s.packets, s.octets, s.point)));
        let Some((most, others)) = seen.split_first() else { continue };
        if most.packets < packets_min {
            continue;
        }
        overlap.judged += seen.iter().map(|s| s.octets).sum::<u128>();
        let again: Vec<&Seen> = others.iter().filter(|other| most.is_same(other)).collect();
        if again.is_empty() {
            continue;
        }
        let octets: u128 = again.iter().map(|s| s.octets).sum();
        overlap.repeated += most.octets + octets;
        overlap.excess += octets;
        overlap.transfers += 1;
        overlap.places = overlap.places.max(again.len() + 1);
        for other in again {
            *pairs.entry((most.point, other.point)).or_default() += other.octets;
        }
    }
    overlap.pairs = joined(pairs);
    overlap
}

/// A pair whichever of its places saw more, the most octets first.
fn joined(pairs: BTreeMap<(Point, Point), u128>) -> Vec<Pair> {
    let mut sums: BTreeMap<(Point, Point), (u128, Pair)> = BTreeMap::new();
    for ((one, other), octets) in pairs {
        let key = (one.min(other), one.max(other));
        let entry = sums.entry(key).or_insert((0, Pair { one, other, octets: 0 }));
        entry.0 += octets;
    }
    let mut pairs: Vec<Pair> = sums.into_values().map(|(octets, pair)| Pair { octets, ..pair }).collect();
    pairs.sort_by_key(|p| (std::cmp::Reverse(p.octets), p.one, p.other));
    pairs
}

/// What one place saw of a transfer.
#[derive(Debug, Clone, Copy)]
struct Seen {
    point: Point,
    start: i64,
    end: i64,
    octets: u128,
    packets: u128,
    interval: u128,
}

impl Seen {
    /// The sum of its records, each once: a record that is told again is the same to the millisecond.
    fn of(records: &[Sighting]) -> Option<Self> {
        let first = records.first()?;
        let mut seen = Self {
            point: first.point,
            start: first.start,
            end: first.end,
            octets: 0,
            packets: 0,
            interval: 1,
        };
        let mut last: Option<&Sighting> = None;
        for record in records {
            if last == Some(record) {
                continue;
            }
            last = Some(record);
            seen.start = seen.start.min(record.start);
            seen.end = seen.end.max(record.end);
            seen.octets += u128::from(record.octets);
            seen.packets += u128::from(record.packets);
            seen.interval = seen.interval.max(record.interval.into());
        }
        Some(seen)
    }

    /// Whether another place saw the same, as far as time and sums can tell.
    fn is_same(&self, other: &Self) -> bool {
        self.overlaps(other) && self.agrees(other)
    }

    /// Most of the shorter span lies in the longer one.
    fn overlaps(&self, other: &Self) -> bool {
        let widened = |s: &Self| (s.start.saturating_sub(SLACK_MS), s.end.saturating_add(SLACK_MS));
        let ((a, b), (c, d)) = (widened(self), widened(other));
        let both = b.min(d).saturating_sub(a.max(c));
        let shorter = b.saturating_sub(a).min(d.saturating_sub(c));
        both >= shorter / 2
    }

    /// The sums are equal, but for the ends of the sample, tags and tunnels, and what sampling does by chance.
    fn agrees(&self, other: &Self) -> bool {
        let apart = self.packets.abs_diff(other.packets);
        let usual = 2 + self.packets.max(other.packets) / 50;
        // A sum of n packets, 1 in N of them measured, has a variance of n × N; four deviations either way.
        let variance = self.packets * (self.interval - 1) + other.packets * (other.interval - 1);
        if apart > usual + 4 * variance.isqrt() {
            return false;
        }
        let (Some(a), Some(b)) =
            (self.octets.checked_div(self.packets), other.octets.checked_div(other.packets))
        else {
            return false;
        };
        // Chance picks long and short packets, too: the mean length of sampled ones may differ by a third.
        let by_chance = if self.interval.max(other.interval) > 1 { a.max(b) / 3 } else { 0 };
        a.abs_diff(b) <= HEADER_MAX.max(by_chance)
    }
}

/// Whether the same 5-tuple may be seen at many places and still be traffic each time.
fn is_everywhere(tuple: &Tuple) -> bool {
    let many = |addr: Addr| match IpAddr::from(addr) {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_multicast() || v6.is_unicast_link_local() || v6.is_unspecified(),
    };
    many(tuple.src) || many(tuple.dst)
}
