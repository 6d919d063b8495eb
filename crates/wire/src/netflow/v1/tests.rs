use super::*;
use crate::error::Reason;
use std::vec::Vec;

/// A datagram of one record, written by hand.
#[rustfmt::skip]
static BYTES: [u8; 64] = [
    // version 1, count 1, uptime 60,000 ms, 2001-09-09T01:46:40Z, 7 ns
    0, 1, 0, 1, 0, 0, 0xea, 0x60, 0x3b, 0x9a, 0xca, 0x00, 0, 0, 0, 7,
    // 172.17.0.2 → 172.17.0.1 via 0.0.0.0
    172, 17, 0, 2, 172, 17, 0, 1, 0, 0, 0, 0,
    // in 1, out 2, 20 packets, 1680 octets
    0, 1, 0, 2, 0, 0, 0, 20, 0, 0, 0x06, 0x90,
    // first 1000, last 59,000
    0, 0, 0x03, 0xe8, 0, 0, 0xe6, 0x78,
    // port 53 → 2048, 2 pad, UDP, tos 4, flags 0x10, 7 reserved
    0, 53, 8, 0, 0, 0, 17, 4, 0x10, 0, 0, 0, 0, 0, 0, 0,
];

const HEADER: Header = Header { uptime_ms: 60_000, export_s: 1_000_000_000, export_ns: 7 };

const RECORD: Record = Record {
    src_addr: [172, 17, 0, 2],
    dst_addr: [172, 17, 0, 1],
    next_hop: [0; 4],
    ingress_if: 1,
    egress_if: 2,
    packets: 20,
    octets: 1680,
    first_ms: 1000,
    last_ms: 59_000,
    src_port: 53,
    dst_port: 2048,
    proto: 17,
    tos: 4,
    tcp_flags: 0x10,
};

#[test]
fn deconstruct() {
    let datagram = Datagram::new_checked(&BYTES).unwrap();
    assert_eq!(datagram.header(), HEADER);
    assert_eq!(datagram.body(), &BYTES[16..]);
    assert_eq!(datagram.raw_records().len(), 1);
}

#[test]
fn parse() {
    assert_eq!(Datagram::new_checked(&BYTES).unwrap().records().collect::<Vec<_>>(), [RECORD]);
}

#[test]
fn construct() {
    let mut out = [0xa5; RECORD_LEN];
    RECORD.emit(&mut out);
    assert_eq!(out, BYTES[16..]);
}

#[test]
fn emits() {
    let mut out = [0xa5; 100];
    assert_eq!(emit(&HEADER, &[RECORD], &mut out), Ok(64));
    assert_eq!(out[..64], BYTES);
    assert_eq!(emit(&HEADER, &[RECORD], &mut out[..63]), Err(Error::new(Reason::NoSpace, 63)));
    assert_eq!(emit(&HEADER, &[RECORD; 31], &mut [0; 1600]), Err(Error::new(Reason::CountMismatch, 2)));
    assert_eq!(emit(&HEADER, &[RECORD; 29], &mut [0; 1500]), Ok(16 + 29 * 48));
}

#[test]
fn refuses() {
    assert_eq!(Datagram::new_checked(&BYTES[..15]), Err(Error::new(Reason::Truncated, 15)));
    assert_eq!(Datagram::new_checked(&BYTES[..63]), Err(Error::new(Reason::CountMismatch, 2)));
    assert_eq!(Datagram::new_checked(&[0, 5]), Err(Error::new(Reason::BadVersion, 0)));
}
