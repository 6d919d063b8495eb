//! sFlow version 5: samples of packets. Everything is a word of four octets, or padded to four.
//!
//! A sample becomes the values that an exporter of flows would send for its one packet.

use super::packet::{self, Frame};
use super::{Datagram, Record, Sent, Value, number, octets, value, word};

/// Octets that are read word by word.
struct Words<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    fn word(&mut self) -> Option<u32> {
        let word = word(self.bytes, self.at, 4)?;
        self.at += 4;
        Some(word)
    }

    fn octets(&mut self, len: usize) -> Option<&'a [u8]> {
        let octets = octets(self.bytes, self.at, len)?;
        self.at += len;
        Some(octets)
    }

    /// A length and so many octets, filled up to four. **Rule**: at the end the filling may be missing.
    fn string(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.word()?).ok()?;
        let string = self.octets(len)?;
        self.at = (self.at + (4 - len % 4) % 4).min(self.bytes.len());
        Some(string)
    }

    /// 0: unknown, 1 and four octets, 2 and sixteen.
    fn address(&mut self) -> Option<&'a [u8]> {
        match self.word()? {
            0 => Some(&[]),
            1 => self.octets(4),
            2 => self.octets(16),
            _ => None,
        }
    }
}

pub(super) fn datagram(bytes: &[u8]) -> Option<Datagram> {
    let mut header = Words { bytes, at: 4 };
    let agent = header.address()?;
    let (domain, sequence) = (header.word()?, header.word()?);
    let _uptime = header.word()?;
    let count = header.word()?;
    // Rule: the agent has an address.
    if agent.is_empty() {
        return None;
    }
    let mut records = Vec::new();
    for (format, body, _) in blocks(bytes.get(header.at..)?, count) {
        // Rule: a sample that runs past the end is read as far as it goes.
        let values = match format {
            1 => sample(body, false),
            3 => sample(body, true),
            _ => None,
        };
        if let Some(values) = values {
            records.push(Record { version: 0, sent: Sent::default(), values });
        }
    }
    Some(Datagram { domain, sequence: Some(sequence), sets: vec![records], ..Datagram::default() })
}

/// Samples and records: enterprise and format in one word, a length, a body; at most `count`. Whether the body runs
/// past the end.
fn blocks(bytes: &[u8], count: u32) -> Vec<(u32, &[u8], bool)> {
    let mut out = Vec::new();
    let mut at = 0;
    for _ in 0..count {
        let (Some(format), Some(length)) = (word(bytes, at, 4), number(bytes, at + 4, 4)) else { break };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let rest = bytes.get(at + 8..).unwrap_or_default();
        let is_cut = length > rest.len();
        out.push((format, rest.get(..length).unwrap_or(rest), is_cut));
        if is_cut {
            break;
        }
        // Rule: the body is padded to four octets even where its length does not say so.
        at += 8 + length.div_ceil(4) * 4;
    }
    out
}

/// What is known of the packet, from the records of its sample.
#[derive(Default)]
struct Known {
    frame: Option<Frame>,
    /// Source and destination MAC of an Ethernet record.
    ethernet: Option<Vec<Value>>,
    ip: Option<Vec<Value>>,
    switch: Option<[Option<u16>; 2]>,
    router: Option<(Vec<u8>, [u32; 2])>,
    gateway: Option<(Vec<u8>, u32, Option<u32>)>,
    user: Option<Vec<u8>>,
    label: Option<u32>,
    nat: Option<Vec<Value>>,
    nat_ports: Option<Vec<Value>>,
}

fn sample(body: &[u8], is_expanded: bool) -> Option<Vec<Value>> {
    let mut words = Words { bytes: body, at: 0 };
    words.octets(if is_expanded { 12 } else { 8 })?; // sequence, source
    let interval = words.word()?;
    words.octets(8)?; // pool, drops
    let ingress = interface(&mut words, is_expanded)?;
    let egress = interface(&mut words, is_expanded)?;
    let count = words.word()?;
    let mut known = Known::default();
    for (format, record, is_cut) in blocks(body.get(words.at..)?, count) {
        // Rule: of records, what is not whole is not used; of several of a kind, the last counts.
        if !is_cut {
            let _ = note(&mut known, format, record);
        }
    }
    let mut values = vec![value(2, &[1])];
    for (element, index) in [(10, ingress), (14, egress)] {
        values.extend(index.map(|index| value(element, &index.to_be_bytes())));
    }
    if interval > 0 {
        values.push(value(34, &interval.to_be_bytes()));
    }
    known.tell(&mut values);
    Some(values)
}

/// 2 bits of format and 30 of value, or a word each. Format 0 is an index, 0 of which is unknown and 2^30 − 1 the
/// device itself; format 1 a packet discarded; 2 several interfaces.
///
/// **Rule**: the device itself and nowhere are 0, as in NetFlow.
fn interface(words: &mut Words<'_>, is_expanded: bool) -> Option<Option<u32>> {
    let first = words.word()?;
    let (format, value) =
        if is_expanded { (first, words.word()?) } else { (first >> 30, first & 0x3fff_ffff) };
    Some(match (format, value) {
        (0, 0) => None,
        (0, 0x3fff_ffff) | (1, _) => Some(0),
        (0, index) => Some(index),
        _ => None,
    })
}

fn note(known: &mut Known, format: u32, record: &[u8]) -> Option<()> {
    let mut words = Words { bytes: record, at: 0 };
    match format {
        1 => {
            let (protocol, frame_len) = (words.word()?, words.word()?);
            words.word()?; // stripped
            let len = usize::try_from(words.word()?).ok()?;
            known.frame = Some(packet::frame(protocol, frame_len, words.octets(len)?));
        }
        2 => {
            words.word()?;
            let src = words.octets(8)?;
            let dst = words.octets(8)?;
            words.word()?;
            known.ethernet = Some(vec![value(56, octets(src, 0, 6)?), value(80, octets(dst, 0, 6)?)]);
        }
        3 | 4 => known.ip = Some(ip(&mut words, if format == 3 { 4 } else { 16 })?),
        1001 => {
            let mut vlan = || -> Option<Option<u16>> {
                let (vlan, _priority) = (words.word()?, words.word()?);
                // Rule: what has more than the 12 bits of a VLAN is none.
                Some(u16::try_from(vlan).ok().filter(|vlan| *vlan < 4096))
            };
            known.switch = Some([vlan()?, vlan()?]);
        }
        1002 => {
            let next_hop = words.address()?.to_vec();
            known.router = Some((next_hop, [words.word()?, words.word()?]));
        }
        1003 => {
            let next_hop = words.address()?.to_vec();
            let _own = words.word()?;
            let src_as = words.word()?;
            let _peer = words.word()?;
            let mut last = None;
            for _ in 0..words.word()? {
                let _kind = words.word()?;
                for _ in 0..words.word()? {
                    last = Some(words.word()?);
                }
            }
            for _ in 0..words.word()? {
                words.word()?; // communities
            }
            words.word()?; // local preference
            known.gateway = Some((next_hop, src_as, last));
        }
        1004 => known.user = Some(user(&mut words)?),
        1006 => known.label = label(&mut words)?,
        1007 => {
            let (src, dst) = (words.address()?, words.address()?);
            known.nat =
                Some([address(src, 225, 281), address(dst, 226, 282)].into_iter().flatten().collect());
        }
        1020 => {
            let (src, dst) = (words.word()?, words.word()?);
            known.nat_ports =
                Some([narrow(227, src, 2), narrow(228, dst, 2)].into_iter().flatten().collect());
        }
        _ => {}
    }
    Some(())
}

/// Character set and name of the source's user, and of the destination's.
///
/// **Rule**: the source's, or else the destination's.
fn user(words: &mut Words<'_>) -> Option<Vec<u8>> {
    words.word()?;
    let src = words.string()?;
    words.word()?;
    let dst = words.string()?;
    Some(if src.is_empty() { dst } else { src }.to_vec())
}

/// Next hop, the label stack it came with, and the one it left with.
///
/// **Rule**: the top label it came with, or else the one it left with.
fn label(words: &mut Words<'_>) -> Option<Option<u32>> {
    words.address()?;
    let mut tops = Vec::new();
    for _ in 0..2 {
        for i in 0..words.word()? {
            let entry = words.word()?;
            tops.extend((i == 0).then_some(entry));
        }
    }
    Some(tops.first().copied())
}

/// An address as the element of its family.
fn address(octets: &[u8], v4: u16, v6: u16) -> Option<Value> {
    match octets.len() {
        4 => Some(value(v4, octets)),
        16 => Some(value(v6, octets)),
        _ => None,
    }
}

/// **Rule**: a number that does not fit its protocol's field is none.
fn narrow(element: u16, number: u32, len: usize) -> Option<Value> {
    let octets = number.to_be_bytes();
    let (high, low) = octets.split_at_checked(4 - len)?;
    super::is_zero(high).then(|| value(element, low))
}

/// Sampled IPv4 or IPv6: length, protocol, addresses, ports, flags, type of service.
fn ip(words: &mut Words<'_>, address_len: usize) -> Option<Vec<Value>> {
    let length = words.word()?;
    let proto = words.word()?;
    let (src, dst) = (words.octets(address_len)?, words.octets(address_len)?);
    let (src_port, dst_port, flags, tos) = (words.word()?, words.word()?, words.word()?, words.word()?);
    let mut values = vec![value(1, &length.to_be_bytes())];
    let all = [
        narrow(4, proto, 1),
        address(src, 8, 27),
        address(dst, 12, 28),
        narrow(7, src_port, 2),
        narrow(11, dst_port, 2),
        narrow(6, flags, 2),
        narrow(5, tos, 1),
    ];
    values.extend(all.into_iter().flatten());
    Some(values)
}

impl Known {
    /// **Rule**: what was read of the header goes before what the agent says of the packet; a switch's VLAN before
    /// the tag; a router's next hop before the border gateway's.
    fn tell(self, values: &mut Vec<Value>) {
        let switch = self.switch.unwrap_or_default();
        let mut is_ip = false;
        if let Some(frame) = self.frame {
            is_ip = frame.is_ip;
            let tag = |value: &Value| value.element == 58;
            values.extend(frame.values.into_iter().filter(|value| !tag(value) || switch[0].is_none()));
        } else {
            values.extend(self.ethernet.unwrap_or_default());
        }
        if !is_ip {
            values.extend(self.ip.unwrap_or_default());
        }
        for (element, vlan) in [(58, switch[0]), (59, switch[1])] {
            values.extend(vlan.map(|vlan| value(element, &vlan.to_be_bytes())));
        }
        let mut next_hop = None;
        if let Some((hop, src_as, dst_as)) = self.gateway {
            next_hop = address(&hop, 15, 62);
            values.extend(address(&hop, 18, 63));
            values.push(value(16, &src_as.to_be_bytes()));
            values.extend(dst_as.map(|number| value(17, &number.to_be_bytes())));
        }
        if let Some((hop, masks)) = self.router {
            next_hop = address(&hop, 15, 62).or(next_hop);
            for (element, mask) in [(9, masks[0]), (13, masks[1])] {
                // Rule: no prefix is longer than 128 bits.
                values.extend(narrow(element, mask, 1).filter(|_| mask <= 128));
            }
        }
        values.extend(next_hop);
        values.extend(self.user.map(|user| value(371, &user)));
        // Element 70 is such an entry without its last octet.
        values.extend(self.label.and_then(|entry| Some(value(70, octets(&entry.to_be_bytes(), 0, 3)?))));
        values.extend(self.nat.unwrap_or_default());
        values.extend(self.nat_ports.unwrap_or_default());
    }
}
