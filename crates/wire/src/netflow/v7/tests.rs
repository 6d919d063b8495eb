use super::*;
use crate::error::Reason;
use std::vec::Vec;

/// A datagram of one record, written by hand.
#[rustfmt::skip]
static BYTES: [u8; 76] = [
    // version 7, count 1, uptime 60,000 ms, 2001-09-09T01:46:40Z, 7 ns, sequence 99, 4 reserved
    0, 7, 0, 1, 0, 0, 0xea, 0x60, 0x3b, 0x9a, 0xca, 0x00, 0, 0, 0, 7, 0, 0, 0, 99, 0, 0, 0, 0,
    // 10.1.0.1 → 10.2.0.2 via 10.3.0.3
    10, 1, 0, 1, 10, 2, 0, 2, 10, 3, 0, 3,
    // in 1, out 2, 20 packets, 1680 octets
    0, 1, 0, 2, 0, 0, 0, 20, 0, 0, 0x06, 0x90,
    // first 1000, last 59,000
    0, 0, 0x03, 0xe8, 0, 0, 0xe6, 0x78,
    // port 53 → 2048, valid flags 1, TCP flags 2, UDP, tos 4
    0, 53, 8, 0, 1, 2, 17, 4,
    // AS 5 → 6, masks 24 and 16, invalid flags 0x0102, router 10.9.9.9
    0, 5, 0, 6, 24, 16, 1, 2, 10, 9, 9, 9,
];

const HEADER: Header = Header { uptime_ms: 60_000, export_s: 1_000_000_000, export_ns: 7, sequence: 99 };

const RECORD: Record = Record {
    src_addr: [10, 1, 0, 1],
    dst_addr: [10, 2, 0, 2],
    next_hop: [10, 3, 0, 3],
    ingress_if: 1,
    egress_if: 2,
    packets: 20,
    octets: 1680,
    first_ms: 1000,
    last_ms: 59_000,
    src_port: 53,
    dst_port: 2048,
    valid_flags: 1,
    tcp_flags: 2,
    proto: 17,
    tos: 4,
    src_as: 5,
    dst_as: 6,
    src_mask: 24,
    dst_mask: 16,
    invalid_flags: 0x0102,
    router: [10, 9, 9, 9],
};

#[test]
fn deconstruct() {
    let datagram = Datagram::new_checked(&BYTES).unwrap();
    assert_eq!(datagram.header(), HEADER);
    assert_eq!(datagram.body(), &BYTES[24..]);
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
    assert_eq!(out, BYTES[24..]);
}

#[test]
fn emits() {
    let mut out = [0xa5; 100];
    assert_eq!(emit(&HEADER, &[RECORD], &mut out), Ok(76));
    assert_eq!(out[..76], BYTES);
    assert_eq!(emit(&HEADER, &[RECORD], &mut out[..75]), Err(Error::new(Reason::NoSpace, 75)));
    assert_eq!(emit(&HEADER, &[RECORD; 29], &mut [0; 1600]), Err(Error::new(Reason::CountMismatch, 2)));
    assert_eq!(emit(&HEADER, &[RECORD; 28], &mut [0; 1600]), Ok(24 + 28 * 52));
}

#[test]
fn refuses() {
    assert_eq!(Datagram::new_checked(&BYTES[..23]), Err(Error::new(Reason::Truncated, 23)));
    assert_eq!(Datagram::new_checked(&BYTES[..75]), Err(Error::new(Reason::CountMismatch, 2)));
    assert_eq!(Datagram::new_checked(&[0, 5]), Err(Error::new(Reason::BadVersion, 0)));
}
