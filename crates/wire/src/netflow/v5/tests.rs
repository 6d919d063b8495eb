use super::*;
use crate::error::Reason;
use std::vec::Vec;

/// A datagram of two records, written by hand.
#[rustfmt::skip]
static BYTES: [u8; 120] = [
    // version 5, count 2, uptime 1,000,000 ms
    0, 5, 0, 2, 0, 0x0f, 0x42, 0x40,
    // 2024-01-01T00:00:00Z and 500,000,000 ns
    0x65, 0x92, 0x00, 0x80, 0x1d, 0xcd, 0x65, 0x00,
    // sequence 4096, engine 1/2, sampling mode 1, interval 1000
    0, 0, 0x10, 0, 1, 2, 0x43, 0xe8,
    // 192.0.2.1 → 198.51.100.7 via 203.0.113.254
    192, 0, 2, 1, 198, 51, 100, 7, 203, 0, 113, 254,
    // in 3, out 65535, 10 packets, 15001 octets
    0, 3, 0xff, 0xff, 0, 0, 0, 10, 0, 0, 0x3a, 0x99,
    // first 900,000, last 999,999
    0, 0x0d, 0xbb, 0xa0, 0, 0x0f, 0x42, 0x3f,
    // ports 49152 → 443, pad, flags 0x1b, TCP, tos 0xb8
    0xc0, 0, 0x01, 0xbb, 0, 0x1b, 6, 0xb8,
    // AS 64496 → 65551 mod 2^16 (AS_TRANS), masks 24 and 32, pad
    0xfb, 0xf0, 0x5b, 0xa0, 24, 32, 0, 0,
    // 10.0.0.1 → 10.0.0.2, all else largest
    10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0,
];

fn header() -> Header {
    Header {
        uptime_ms: 1_000_000,
        export_s: 1_704_067_200,
        export_ns: 500_000_000,
        sequence: 4096,
        engine_type: 1,
        engine_id: 2,
        sampling: Sampling { mode: 1, interval: 1000 },
    }
}

fn records() -> [Record; 2] {
    let first = Record {
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
    };
    let second = Record {
        src_addr: [10, 0, 0, 1],
        dst_addr: [10, 0, 0, 2],
        next_hop: [0; 4],
        ingress_if: u16::MAX,
        egress_if: u16::MAX,
        packets: u32::MAX,
        octets: u32::MAX,
        first_ms: u32::MAX,
        last_ms: u32::MAX,
        src_port: u16::MAX,
        dst_port: u16::MAX,
        tcp_flags: 0xff,
        proto: 0xff,
        tos: 0xff,
        src_as: u16::MAX,
        dst_as: u16::MAX,
        src_mask: 0xff,
        dst_mask: 0xff,
    };
    [first, second]
}

#[test]
fn deconstruct() {
    let datagram = Datagram::new_checked(&BYTES).unwrap();
    assert_eq!(datagram.header(), header());
    assert_eq!(datagram.records().len(), 2);
    assert_eq!(datagram.body(), &BYTES[24..]);
    assert_eq!(datagram.raw_records()[1][..], BYTES[72..]);
}

#[test]
fn parse() {
    let parsed: Vec<_> = Datagram::new_checked(&BYTES).unwrap().records().collect();
    assert_eq!(parsed, records());
}

#[test]
fn construct() {
    let mut out = [0xa5; 48];
    records()[0].emit(&mut out);
    assert_eq!(out, BYTES[24..72]);
}

#[test]
fn emits() {
    let mut out = [0xa5; 200];
    assert_eq!(emit(&header(), &records(), &mut out), Ok(120));
    assert_eq!(out[..120], BYTES);
    assert_eq!(out[120], 0xa5);
}

#[test]
fn emit_refuses_what_would_be_refused() {
    let no_space = Err(Error::new(Reason::NoSpace, 119));
    assert_eq!(emit(&header(), &records(), &mut [0; 119]), no_space);
    assert_eq!(emit(&header(), &records(), &mut [0; 5]), Err(Error::new(Reason::NoSpace, 5)));
    let mismatch = Err(Error::new(Reason::CountMismatch, 2));
    assert_eq!(emit(&header(), &[], &mut [0; 2000]), mismatch);
    assert_eq!(emit(&header(), &[records()[0]; 31], &mut [0; 2000]), mismatch);
    assert_eq!(emit(&header(), &[records()[0]; 30], &mut [0; 1464]), Ok(1464));
}

#[test]
fn a_count_that_cannot_be_true_costs_the_datagram() {
    let mismatch = Err(Error::new(Reason::CountMismatch, 2));
    for count in [0, 1, 3, 30, 31, 163, 55582] {
        let mut bytes = BYTES;
        bytes[2..4].copy_from_slice(&u16::to_be_bytes(count));
        assert_eq!(Datagram::new_checked(&bytes), mismatch, "count {count}, records 2");
    }
    assert_eq!(Datagram::new_checked(&BYTES[..119]), mismatch);
    assert_eq!(Datagram::new_checked(&BYTES[..24]), mismatch);
}

#[test]
fn zeros_behind_the_records_are_let_pass_and_nothing_else() {
    let mut bytes = [0; 1464];
    bytes[..120].copy_from_slice(&BYTES);
    assert_eq!(Datagram::new_checked(&bytes).unwrap().records().len(), 2);
    bytes[1463] = 1;
    assert_eq!(Datagram::new_checked(&bytes), Err(Error::new(Reason::CountMismatch, 2)));
}

#[test]
fn what_is_no_header() {
    assert_eq!(Datagram::new_checked(&[]), Err(Error::new(Reason::Truncated, 0)));
    assert_eq!(Datagram::new_checked(&BYTES[..23]), Err(Error::new(Reason::Truncated, 23)));
    assert_eq!(Datagram::new_checked(&[0, 9, 0, 2]), Err(Error::new(Reason::BadVersion, 0)));
}

#[test]
fn sampling_is_mode_and_interval() {
    for mode in 0..4 {
        for interval in [0, 1, 1000, 0x3fff] {
            let sampling = Sampling { mode, interval };
            assert_eq!(Sampling::from_bits(sampling.bits()), sampling);
        }
    }
    assert_eq!(Sampling::from_bits(0xc3e8), Sampling { mode: 3, interval: 1000 });
    assert_eq!(Sampling { mode: 0, interval: 0 }.one_in(), None);
    assert_eq!(Sampling { mode: 0, interval: 100 }.one_in().map(NonZeroU16::get), Some(100));
}
