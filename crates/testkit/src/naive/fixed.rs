//! NetFlow 1, 5, 6, 7 and 8: a header that counts records, and records of one length.

use super::{Datagram, Record, Sent, is_zero, number, octets, value, word};

/// Where in a record an element lies: its number, the first octet, how many.
type Table = &'static [(u16, usize, usize)];

/// What versions 1, 5, 6 and 7 have in common: octets 0 to 36.
const FIRST: Table = &[
    (8, 0, 4),   // sourceIPv4Address
    (12, 4, 4),  // destinationIPv4Address
    (15, 8, 4),  // ipNextHopIPv4Address
    (10, 12, 2), // ingressInterface
    (14, 14, 2), // egressInterface
    (2, 16, 4),  // packets
    (1, 20, 4),  // octets
    (22, 24, 4), // flowStartSysUpTime
    (21, 28, 4), // flowEndSysUpTime
    (7, 32, 2),  // source port
    (11, 34, 2), // destination port
];
const V1: Table = &[(4, 38, 1), (5, 39, 1), (6, 40, 1)];
/// Flags, protocol, type of service, autonomous systems, prefix lengths.
const V5: Table = &[(6, 37, 1), (4, 38, 1), (5, 39, 1), (16, 40, 2), (17, 42, 2), (9, 44, 1), (13, 45, 1)];

pub(super) fn v1(bytes: &[u8]) -> Option<Datagram> {
    // Rule: 30 records, the most that fit into a packet of 1500 octets.
    fixed(bytes, 1, (16, 48, 30), &[FIRST, V1])
}

pub(super) fn v5(bytes: &[u8]) -> Option<Datagram> {
    let mut datagram = fixed(bytes, 5, (24, 48, 30), &[FIRST, V5])?;
    // engine_type and engine_id
    datagram.domain = word(bytes, 20, 2)?;
    datagram.sequence = word(bytes, 16, 4);
    Some(datagram)
}

pub(super) fn v6(bytes: &[u8]) -> Option<Datagram> {
    let mut datagram = fixed(bytes, 6, (24, 52, 27), &[FIRST, V5])?;
    datagram.domain = word(bytes, 20, 2)?;
    datagram.sequence = word(bytes, 16, 4);
    Some(datagram)
}

pub(super) fn v7(bytes: &[u8]) -> Option<Datagram> {
    let mut datagram = fixed(bytes, 7, (24, 52, 28), &[FIRST, V5])?;
    datagram.sequence = word(bytes, 16, 4);
    Some(datagram)
}

/// The counters and times that aggregations 1 to 5 and 9 to 14 begin with (octets 0 to 4 are a number of flows).
const SUMS: Table = &[(2, 4, 4), (1, 8, 4), (22, 12, 4), (21, 16, 4)];

/// The length of a record of an aggregation, and where its elements lie.
fn aggregation(scheme: u64) -> Option<(usize, &'static [Table])> {
    Some(match scheme {
        1 => (28, &[SUMS, &[(16, 20, 2), (17, 22, 2), (10, 24, 2), (14, 26, 2)]]),
        2 => (28, &[SUMS, &[(4, 20, 1), (7, 24, 2), (11, 26, 2)]]),
        3 => (32, &[SUMS, &[(8, 20, 4), (9, 24, 1), (16, 26, 2), (10, 28, 2)]]),
        4 => (32, &[SUMS, &[(12, 20, 4), (13, 24, 1), (17, 26, 2), (14, 28, 2)]]),
        5 => (40, &[SUMS, PREFIXES, &[(16, 32, 2), (17, 34, 2), (10, 36, 2), (14, 38, 2)]]),
        6 => (32, &[&[(12, 0, 4), (2, 4, 4), (1, 8, 4), (22, 12, 4), (21, 16, 4), (14, 20, 2), (5, 22, 1)]]),
        7 => (
            40,
            &[
                &[(12, 0, 4), (8, 4, 4), (2, 8, 4), (1, 12, 4), (22, 16, 4), (21, 20, 4)],
                &[(14, 24, 2), (10, 26, 2), (5, 28, 1)],
            ],
        ),
        8 => (
            44,
            &[
                &[(12, 0, 4), (8, 4, 4), (11, 8, 2), (7, 10, 2), (2, 12, 4), (1, 16, 4), (22, 20, 4)],
                &[(21, 24, 4), (14, 28, 2), (10, 30, 2), (5, 32, 1), (4, 33, 1)],
            ],
        ),
        9 => (32, &[SUMS, &[(16, 20, 2), (17, 22, 2), (10, 24, 2), (14, 26, 2), (5, 28, 1)]]),
        10 => (32, &[SUMS, &[(4, 20, 1), (5, 21, 1), (7, 24, 2), (11, 26, 2), (10, 28, 2), (14, 30, 2)]]),
        11 => (32, &[SUMS, &[(8, 20, 4), (9, 24, 1), (5, 25, 1), (16, 26, 2), (10, 28, 2)]]),
        12 => (32, &[SUMS, &[(12, 20, 4), (13, 24, 1), (5, 25, 1), (17, 26, 2), (14, 28, 2)]]),
        13 => (40, &[SUMS, PREFIXES, &[(5, 30, 1), (16, 32, 2), (17, 34, 2), (10, 36, 2), (14, 38, 2)]]),
        14 => (
            40,
            &[SUMS, PREFIXES, &[(5, 30, 1), (4, 31, 1), (7, 32, 2), (11, 34, 2), (10, 36, 2), (14, 38, 2)]],
        ),
        _ => return None,
    })
}

/// **Rule**: the destination's mask stands before the source's (flow-tools, pmacct; Wireshark has it the other way).
const PREFIXES: Table = &[(8, 20, 4), (12, 24, 4), (13, 28, 1), (9, 29, 1)];

pub(super) fn v8(bytes: &[u8]) -> Option<Datagram> {
    let scheme = number(bytes, 22, 1)?;
    // The version of the aggregation's records: there is no other.
    if number(bytes, 23, 1)? != 2 {
        return None;
    }
    let (record_len, tables) = aggregation(scheme)?;
    // Rule: as many as fit into a packet of 1500 octets: less 20 of IP, 8 of UDP and 28 of this header.
    let mut datagram = fixed(bytes, 8, (28, record_len, (1500 - 56) / record_len), tables)?;
    // Rule: every aggregation is a stream of its own: aggregation, engine_type, engine_id.
    datagram.domain = word(bytes, 22, 1)? * 65_536 + word(bytes, 20, 2)?;
    datagram.sequence = word(bytes, 16, 4);
    Some(datagram)
}

/// **Rule**: a count of 0, of more than there can be, or of more than there are refuses the datagram, and so do
/// octets behind the last record that are not zeros.
fn fixed(
    bytes: &[u8],
    version: u16,
    (header_len, record_len, records_max): (usize, usize, usize),
    tables: &[Table],
) -> Option<Datagram> {
    let body = bytes.get(header_len..)?;
    let count = usize::try_from(number(bytes, 2, 2)?).ok()?;
    if count == 0 || count > records_max {
        return None;
    }
    let uptime_ms = i128::from(number(bytes, 4, 4)?);
    let (seconds, nanoseconds) = (i128::from(number(bytes, 8, 4)?), i128::from(number(bytes, 12, 4)?));
    // Rule: nanoseconds beyond a second are nonsense and count as none.
    let ms = if nanoseconds < 1_000_000_000 { nanoseconds / 1_000_000 } else { 0 };
    let sent = Sent { export_ms: Some(seconds * 1000 + ms), uptime_ms: Some(uptime_ms) };
    let mut records = Vec::new();
    for i in 0..count {
        let record = octets(body, i * record_len, record_len)?;
        let mut values = Vec::new();
        for (element, at, len) in tables.iter().copied().flatten() {
            values.push(value(*element, octets(record, *at, *len)?));
        }
        records.push(Record { version, sent, values });
    }
    if !is_zero(body.get(count * record_len..)?) {
        return None;
    }
    Some(Datagram { version, sets: vec![records], ..Datagram::default() })
}
