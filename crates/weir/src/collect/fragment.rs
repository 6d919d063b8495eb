//! Datagrams that were captured in pieces: IP fragments put together again (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! A socket gets whole datagrams from the kernel; a capture has what was on the wire, and an exporter that fills its
//! datagrams beyond the MTU sends them in fragments. They are kept until all are there, within stated limits, and
//! what had to be given up is counted by reason.
//!
//! Fragments that overlap are an attack or damage: the whole datagram is refused, with all that still comes of it
//! (RFC 5722 §4). A fragment that is there twice, the same both times, is only there twice.

use std::collections::HashMap;
use std::net::IpAddr;
use weir_wire::packet::{Fragment, Ip};

/// Datagrams that may be incomplete at a time.
const DATAGRAMS_MAX: usize = 1024;
/// Bytes kept of them in all.
const BYTES_MAX: usize = 16 << 20;
/// How long the rest of a datagram is waited for, by the capture's clock; as the kernel does.
const WAIT_MS: i64 = 30_000;
/// Fragments that one datagram may have: 65,535 octets in the smallest pieces that links still make.
const FRAGMENTS_MAX: usize = 1024;
/// Octets of a UDP header.
const UDP_HEADER_LEN: usize = 8;

/// What fragments came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Datagrams that were put together.
    pub(crate) whole: u64,
    /// Given up: a part did not come in time, or before the end of the file.
    pub(crate) incomplete: u64,
    /// Given up: two parts say different things about the same octets.
    pub(crate) overlapping: u64,
    /// Given up: the parts or the whole cannot be a UDP datagram.
    pub(crate) malformed: u64,
    /// Given up: too many others were incomplete.
    pub(crate) crowded_out: u64,
}

impl Tally {
    /// All that were given up.
    pub(crate) const fn given_up(&self) -> u64 {
        self.incomplete + self.overlapping + self.malformed + self.crowded_out
    }
}

/// Which datagram a fragment belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    proto: u8,
    id: u32,
}

/// A datagram of which parts are there.
#[derive(Debug)]
struct Partial {
    /// When the first of them came.
    since: i64,
    /// By their place, in order, none twice.
    parts: Vec<(usize, Box<[u8]>)>,
    /// Where the last part ends, once that is there.
    end: Option<usize>,
    /// Refused: what still comes is dropped.
    is_refused: bool,
}

/// Why a datagram is refused.
enum Refusal {
    Overlapping,
    Malformed,
}

/// Puts datagrams together.
#[derive(Debug, Default)]
pub(crate) struct Reassembler {
    partial: HashMap<Key, Partial>,
    bytes: usize,
    tally: Tally,
}

/// A UDP datagram that was put together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// The port it came from.
    pub(crate) src_port: u16,
    octets: Vec<u8>,
}

impl Datagram {
    /// What it carries.
    pub(crate) fn payload(&self) -> &[u8] {
        self.octets.get(UDP_HEADER_LEN..).unwrap_or_default()
    }

    /// Checks the UDP header against what is there.
    fn parse(mut octets: Vec<u8>) -> Option<Self> {
        let &[a, b, _, _, c, d, _, _] = octets.first_chunk()?;
        let len = usize::from(u16::from_be_bytes([c, d]));
        if len < UDP_HEADER_LEN || len > octets.len() {
            return None;
        }
        octets.truncate(len);
        Some(Self { src_port: u16::from_be_bytes([a, b]), octets })
    }
}

impl Reassembler {
    /// Takes in a fragment that came at `now` (ms since 1970); gives the datagram that it completes.
    pub(crate) fn push(&mut self, ip: &Ip<'_>, now: i64) -> Option<Datagram> {
        let fragment = ip.fragment?;
        let key = Key { src: ip.src, dst: ip.dst, proto: ip.proto, id: fragment.id };
        self.expire(now);
        if !self.partial.contains_key(&key) {
            self.make_room(ip.payload.len());
        }
        let new = || Partial { since: now, parts: Vec::new(), end: None, is_refused: false };
        let partial = self.partial.entry(key).or_insert_with(new);
        if partial.is_refused {
            return None;
        }
        match partial.add(fragment, ip.payload) {
            Err(refusal) => {
                match refusal {
                    Refusal::Overlapping => self.tally.overlapping += 1,
                    Refusal::Malformed => self.tally.malformed += 1,
                }
                self.bytes -= partial.refuse();
                return None;
            }
            Ok(added) => self.bytes += added,
        }
        if !partial.is_whole() {
            return None;
        }
        let partial = self.partial.remove(&key)?;
        self.bytes -= partial.len();
        let datagram = Datagram::parse(partial.parts.into_iter().flat_map(|(_, part)| part).collect());
        match datagram {
            Some(_) => self.tally.whole += 1,
            None => self.tally.malformed += 1,
        }
        datagram
    }

    /// Gives up what is still incomplete at the end of a file, and says what all came to.
    pub(crate) fn finish(mut self) -> Tally {
        self.tally.incomplete += count(self.partial.values());
        self.tally
    }

    /// Gives up what has waited too long. A clock that goes back makes nobody wait longer than it did before.
    fn expire(&mut self, now: i64) {
        let is_late = |partial: &Partial| now.saturating_sub(partial.since) > WAIT_MS;
        if !self.partial.values().any(is_late) {
            return;
        }
        let (bytes, tally) = (&mut self.bytes, &mut self.tally);
        self.partial.retain(|_, partial| {
            if is_late(partial) {
                *bytes -= partial.len();
                tally.incomplete += u64::from(!partial.is_refused);
                return false;
            }
            true
        });
    }

    /// Gives up the oldest until another of so many octets fits.
    fn make_room(&mut self, len: usize) {
        while self.partial.len() >= DATAGRAMS_MAX || self.bytes + len > BYTES_MAX {
            let oldest = self.partial.iter().min_by_key(|(_, partial)| partial.since).map(|(key, _)| *key);
            let Some(partial) = oldest.and_then(|key| self.partial.remove(&key)) else { return };
            self.bytes -= partial.len();
            self.tally.crowded_out += u64::from(!partial.is_refused);
        }
    }
}

fn count<'a>(partial: impl Iterator<Item = &'a Partial>) -> u64 {
    partial.filter(|partial| !partial.is_refused).map(|_| 1).sum()
}

impl Partial {
    /// Bytes kept.
    fn len(&self) -> usize {
        self.parts.iter().map(|(_, part)| part.len()).sum()
    }

    /// Drops what is there; says how many bytes that were.
    fn refuse(&mut self) -> usize {
        let len = self.len();
        self.parts = Vec::new();
        self.is_refused = true;
        len
    }

    /// Adds a part; says how many bytes it added.
    fn add(&mut self, fragment: Fragment, octets: &[u8]) -> Result<usize, Refusal> {
        let start = usize::from(fragment.offset);
        let end = start + octets.len();
        let is_broken = octets.is_empty() || (fragment.more && !octets.len().is_multiple_of(8));
        if is_broken || end > usize::from(u16::MAX) || self.parts.len() >= FRAGMENTS_MAX {
            return Err(Refusal::Malformed);
        }
        let at = self.parts.partition_point(|(place, _)| *place < start);
        if let Some((place, part)) = self.parts.get(at)
            && (*place, &**part) == (start, octets)
            && fragment.more != (self.end == Some(end))
        {
            return Ok(0);
        }
        let overlaps_next = self.parts.get(at).is_some_and(|(place, _)| *place < end);
        let before = at.checked_sub(1).and_then(|at| self.parts.get(at));
        let overlaps_previous = before.is_some_and(|(place, part)| place + part.len() > start);
        let last = self.parts.last().map_or(0, |(place, part)| place + part.len());
        let ends_twice = if fragment.more {
            self.end.is_some_and(|known| end > known)
        } else {
            self.end.is_some() || last > end
        };
        if overlaps_next || overlaps_previous || ends_twice {
            return Err(Refusal::Overlapping);
        }
        if !fragment.more {
            self.end = Some(end);
        }
        self.parts.insert(at, (start, octets.into()));
        Ok(octets.len())
    }

    /// Whether no part is missing: parts do not overlap, so that their octets tell.
    fn is_whole(&self) -> bool {
        self.end == Some(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600_000;

    /// A UDP datagram from port 9995 that carries these octets.
    fn udp(payload: &[u8]) -> Vec<u8> {
        let len = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
        [&[0x27, 0x0b, 8, 7, len[0], len[1], 0, 0][..], payload].concat()
    }

    fn ip(id: u32, offset: usize, more: bool, payload: &[u8]) -> Ip<'_> {
        Ip {
            version: 4,
            src: [192, 0, 2, 1].into(),
            dst: [192, 0, 2, 2].into(),
            proto: 17,
            tos: 0,
            ttl: 64,
            flow_label: None,
            octets: None,
            header_at: 14,
            fragment: Some(Fragment { id, offset: u16::try_from(offset).unwrap(), more }),
            payload,
        }
    }

    /// Places and ends of the fragments of so many octets, `size` each.
    fn cuts(len: usize, size: usize) -> Vec<(usize, usize)> {
        (0..len).step_by(size).map(|start| (start, (start + size).min(len))).collect()
    }

    #[test]
    fn parts_in_any_order_and_twice() {
        let payload: Vec<u8> = (0..4000u32).map(|n| n.to_be_bytes()[3]).collect();
        let octets = udp(&payload);
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let mut reassembler = Reassembler::default();
            let cuts = cuts(octets.len(), 1480);
            assert_eq!(cuts.len(), 3);
            for (nth, part) in order.into_iter().enumerate() {
                let (start, end) = cuts[part];
                let fragment = ip(7, start, part < 2, &octets[start..end]);
                let found = reassembler.push(&fragment, NOW);
                if nth < 2 {
                    assert_eq!((found, reassembler.push(&fragment, NOW)), (None, None));
                } else {
                    let found = found.unwrap();
                    assert_eq!((found.src_port, found.payload()), (9995, &payload[..]));
                }
            }
            assert_eq!(reassembler.bytes, 0);
            assert_eq!(reassembler.finish(), Tally { whole: 1, ..Tally::default() });
        }
    }

    #[test]
    fn overlaps_refuse_the_datagram_and_all_of_it() {
        let octets = udp(&[1; 92]);
        for (start, end, more) in [(8, 56, true), (40, 72, true), (0, 24, true), (48, 64, false)] {
            let mut reassembler = Reassembler::default();
            assert_eq!(reassembler.push(&ip(7, 0, true, &octets[..48]), NOW), None);
            assert!(reassembler.push(&ip(7, 48, false, &octets[48..]), NOW + 1).is_some());
            let mut reassembler = Reassembler::default();
            reassembler.push(&ip(7, 0, true, &octets[..48]), NOW);
            reassembler.push(&ip(7, 64, false, &octets[64..]), NOW);
            assert_eq!(reassembler.push(&ip(7, start, more, &octets[start..end]), NOW), None);
            // What would have completed it.
            assert_eq!(reassembler.push(&ip(7, 48, true, &octets[48..64]), NOW), None);
            assert_eq!(reassembler.bytes, 0);
            assert_eq!(reassembler.finish(), Tally { overlapping: 1, ..Tally::default() });
        }
    }

    #[test]
    fn what_cannot_be_a_datagram() {
        // A length that is no multiple of eight; no octets; beyond 65,535; a UDP length beyond what is there.
        let octets = udp(&[1; 92]);
        let mut reassembler = Reassembler::default();
        assert_eq!(reassembler.push(&ip(1, 0, true, &octets[..47]), NOW), None);
        assert_eq!(reassembler.push(&ip(2, 0, true, &[]), NOW), None);
        assert_eq!(reassembler.push(&ip(3, 65_528, false, &octets[..8]), NOW), None);
        let mut long = octets.clone();
        long[5] += 1;
        assert_eq!(reassembler.push(&ip(4, 0, true, &long[..48]), NOW), None);
        assert_eq!(reassembler.push(&ip(4, 48, false, &long[48..]), NOW), None);
        assert_eq!(reassembler.finish(), Tally { malformed: 4, ..Tally::default() });
    }

    #[test]
    fn what_is_missing_is_given_up_in_time() {
        let octets = udp(&[1; 92]);
        let mut reassembler = Reassembler::default();
        reassembler.push(&ip(1, 0, true, &octets[..48]), NOW);
        assert!(reassembler.push(&ip(1, 48, false, &octets[48..]), NOW + WAIT_MS).is_some());
        reassembler.push(&ip(2, 0, true, &octets[..48]), NOW);
        assert!(reassembler.push(&ip(2, 48, false, &octets[48..]), NOW + WAIT_MS + 1).is_none());
        // The second half is alone now.
        assert_eq!(reassembler.finish(), Tally { whole: 1, incomplete: 2, ..Tally::default() });
    }

    #[test]
    fn memory_is_bounded() {
        let part = vec![0; 32_000];
        let mut reassembler = Reassembler::default();
        for id in 0..5000 {
            reassembler.push(&ip(id, 0, true, &part), NOW + i64::from(id));
            assert!(reassembler.bytes <= BYTES_MAX && reassembler.partial.len() <= DATAGRAMS_MAX);
        }
        let tally = reassembler.finish();
        assert_eq!(tally.given_up(), 5000);
        assert_eq!(tally.incomplete, u64::try_from(BYTES_MAX / 32_000).unwrap());
    }

    #[test]
    fn any_cut_in_any_order() {
        for (len, size) in
            [(1, 8), (8, 8), (9, 8), (500, 8), (1000, 24), (8951, 64), (9000, 1480), (65_000, 1440)]
        {
            let payload: Vec<u8> = (0..len).map(|n: usize| n.to_le_bytes()[0]).collect();
            let octets = udp(&payload);
            for turn in 0..50_u64 {
                let mut cuts = cuts(octets.len(), size);
                // A permutation by a multiplicative hash of the place.
                cuts.sort_by_key(|(start, _)| {
                    let place = u64::try_from(*start).unwrap() + 1;
                    place.wrapping_mul(turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).rotate_left(17)
                });
                let mut reassembler = Reassembler::default();
                let mut found = Vec::new();
                for (start, end) in &cuts {
                    let fragment = ip(7, *start, *end < octets.len(), &octets[*start..*end]);
                    found.extend(reassembler.push(&fragment, NOW));
                }
                assert_eq!(found.len(), 1, "{len} octets, {size} each");
                assert_eq!((found[0].payload(), reassembler.bytes), (&payload[..], 0));
            }
        }
    }
}
