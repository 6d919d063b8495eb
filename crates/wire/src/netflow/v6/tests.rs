use super::*;
use crate::error::Reason;
use std::vec::Vec;

/// A datagram of one record, written by hand from flow-tools' description.
#[rustfmt::skip]
static BYTES: [u8; 76] = [
    // version 6, count 1, uptime 1,000,000 ms
    0, 6, 0, 1, 0, 0x0f, 0x42, 0x40,
    // 2024-01-01T00:00:00Z and 500,000,000 ns
    0x65, 0x92, 0x00, 0x80, 0x1d, 0xcd, 0x65, 0x00,
    // sequence 4096, engine 1/2, reserved
    0, 0, 0x10, 0, 1, 2, 0, 0,
    // 192.0.2.1 → 198.51.100.7 via 203.0.113.254
    192, 0, 2, 1, 198, 51, 100, 7, 203, 0, 113, 254,
    // in 3, out 65535, 10 packets, 15001 octets
    0, 3, 0xff, 0xff, 0, 0, 0, 10, 0, 0, 0x3a, 0x99,
    // first 900,000, last 999,999
    0, 0x0d, 0xbb, 0xa0, 0, 0x0f, 0x42, 0x3f,
    // ports 49152 → 443, pad, flags 0x1b, TCP, tos 0xb8
    0xc0, 0, 0x01, 0xbb, 0, 0x1b, 6, 0xb8,
    // AS 64496 → 23456, masks 24 and 32, encapsulations of 4 and 14 octets
    0xfb, 0xf0, 0x5b, 0xa0, 24, 32, 4, 14,
    // next hop within the peer
    203, 0, 113, 7,
];

fn header() -> Header {
    Header {
        uptime_ms: 1_000_000,
        export_s: 1_704_067_200,
        export_ns: 500_000_000,
        sequence: 4096,
        engine_type: 1,
        engine_id: 2,
    }
}

fn record() -> Record {
    Record {
        src_addr: [192, 0, 2, 1],
        dst_addr: [198, 51, 100, 7],
        next_hop: [203, 0, 113, 254],
        ingress_if: 3,
        egress_if: 65535,
        packets: 10,
        octets: 15_001,
        first_ms: 900_000,
        last_ms: 999_999,
        src_port: 49152,
        dst_port: 443,
        tcp_flags: 0x1b,
        proto: 6,
        tos: 0xb8,
        src_as: 64496,
        dst_as: 23456,
        src_mask: 24,
        dst_mask: 32,
        ingress_encapsulation: 4,
        egress_encapsulation: 14,
        peer_next_hop: [203, 0, 113, 7],
    }
}

#[test]
fn reads_what_was_written_by_hand() {
    let datagram = Datagram::new_checked(&BYTES).unwrap();
    assert_eq!(datagram.header(), header());
    assert_eq!(datagram.records().collect::<Vec<_>>(), [record()]);
    assert_eq!(datagram.body(), &BYTES[24..]);
    assert_eq!(datagram.raw_records()[0][..], BYTES[24..]);
}

#[test]
fn writes_what_was_written_by_hand() {
    let mut out = [0xa5; 100];
    assert_eq!(emit(&header(), &[record()], &mut out), Ok(76));
    assert_eq!(out[..76], BYTES);
    assert_eq!(out[76], 0xa5);
}

#[test]
fn what_cannot_be_true_is_refused() {
    let mismatch = Err(Error::new(Reason::CountMismatch, 2));
    for count in [0, 2, 27, 28, 65535] {
        let mut bytes = BYTES;
        bytes[2..4].copy_from_slice(&u16::to_be_bytes(count));
        assert_eq!(Datagram::new_checked(&bytes), mismatch, "count {count}, records 1");
    }
    assert_eq!(Datagram::new_checked(&BYTES[..75]), mismatch);
    assert_eq!(Datagram::new_checked(&BYTES[..23]), Err(Error::new(Reason::Truncated, 23)));
    assert_eq!(Datagram::new_checked(&[0, 5, 0, 1]), Err(Error::new(Reason::BadVersion, 0)));
    assert_eq!(emit(&header(), &[record(); 28], &mut [0; 2000]), mismatch.map(|_| 0));
    assert_eq!(emit(&header(), &[record(); 27], &mut [0; 1427]), Err(Error::new(Reason::NoSpace, 1427)));
    assert_eq!(emit(&header(), &[record(); 27], &mut [0; 1428]), Ok(1428));
}
