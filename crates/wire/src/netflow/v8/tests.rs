//! Layouts against Cisco's tables, worked by hand: every octet of a record is its own place, so that what a field
//! holds says where it was read.

use super::*;
use std::vec::Vec;

/// A record in which octet n is n.
const RULER: [u8; 44] = {
    let mut ruler = [0; 44];
    let mut at: u8 = 0;
    while at < 44 {
        ruler[at as usize] = at;
        at += 1;
    }
    ruler
};

/// The four octets from this place on.
fn word(at: u8) -> Option<u32> {
    Some(u32::from_be_bytes([at, at + 1, at + 2, at + 3]))
}

/// The two octets from this place on.
fn half(at: u8) -> Option<u16> {
    Some(u16::from_be_bytes([at, at + 1]))
}

fn addr(at: u8) -> Option<[u8; 4]> {
    Some([at, at + 1, at + 2, at + 3])
}

fn header(scheme: Scheme) -> Header {
    Header {
        uptime_ms: 1_000_000,
        export_s: 1_704_067_200,
        export_ns: 500_000_000,
        sequence: 4096,
        engine_type: 1,
        engine_id: 2,
        scheme,
        sampling: Sampling { mode: 1, interval: 1000 },
    }
}

fn sums() -> Record {
    Record {
        flows: word(0),
        packets: word(4),
        octets: word(8),
        first_ms: word(12),
        last_ms: word(16),
        ..Record::default()
    }
}

/// What each scheme reads off the ruler, and octets of its records.
fn expected(scheme: Scheme) -> (usize, Record) {
    let ports = Record { src_port: half(24), dst_port: half(26), proto: Some(20), ..sums() };
    let systems = Record { src_as: half(20), dst_as: half(22), ..sums() };
    let systems = Record { ingress_if: half(24), egress_if: half(26), ..systems };
    let source = Record { src_addr: addr(20), src_mask: Some(24), src_as: half(26), ..sums() };
    let source = Record { ingress_if: half(28), ..source };
    let destination = Record { dst_addr: addr(20), dst_mask: Some(24), dst_as: half(26), ..sums() };
    let destination = Record { egress_if: half(28), ..destination };
    let both = Record { src_addr: addr(20), dst_addr: addr(24), ..sums() };
    let both = Record { dst_mask: Some(28), src_mask: Some(29), ..both };
    let both = Record { ingress_if: half(36), egress_if: half(38), ..both };
    match scheme {
        Scheme::As => (28, systems),
        Scheme::ProtoPort => (28, ports),
        Scheme::SrcPrefix => (32, source),
        Scheme::DstPrefix => (32, destination),
        Scheme::Prefix => (40, Record { src_as: half(32), dst_as: half(34), ..both }),
        Scheme::Dst | Scheme::SrcDst | Scheme::Full => catalyst(scheme),
        Scheme::AsTos => (32, Record { tos: Some(28), ..systems }),
        Scheme::ProtoPortTos => {
            (32, Record { tos: Some(21), ingress_if: half(28), egress_if: half(30), ..ports })
        }
        Scheme::SrcPrefixTos => (32, Record { tos: Some(25), ..source }),
        Scheme::DstPrefixTos => (32, Record { tos: Some(25), ..destination }),
        Scheme::PrefixTos => (40, Record { tos: Some(30), src_as: half(32), dst_as: half(34), ..both }),
        Scheme::PrefixPortTos => {
            let key = Record { tos: Some(30), proto: Some(31), ..both };
            (40, Record { src_port: half(32), dst_port: half(34), ..key })
        }
    }
}

/// The three of Catalyst switches.
fn catalyst(scheme: Scheme) -> (usize, Record) {
    let sums = |at: u8| Record {
        packets: word(at),
        octets: word(at + 4),
        first_ms: word(at + 8),
        last_ms: word(at + 12),
        dst_addr: addr(0),
        ..Record::default()
    };
    match scheme {
        Scheme::Dst => {
            let record = Record { egress_if: half(20), tos: Some(22), marked_tos: Some(23), ..sums(4) };
            (32, Record { extra_packets: word(24), router: addr(28), ..record })
        }
        Scheme::SrcDst => {
            let record = Record { src_addr: addr(4), egress_if: half(24), ingress_if: half(26), ..sums(8) };
            let record = Record { tos: Some(28), marked_tos: Some(29), ..record };
            (40, Record { extra_packets: word(32), router: addr(36), ..record })
        }
        _ => {
            let record = Record { src_addr: addr(4), dst_port: half(8), src_port: half(10), ..sums(12) };
            let record = Record { egress_if: half(28), ingress_if: half(30), ..record };
            let record = Record { tos: Some(32), proto: Some(33), marked_tos: Some(34), ..record };
            (44, Record { extra_packets: word(36), router: addr(40), ..record })
        }
    }
}

#[test]
fn every_scheme_reads_its_fields_where_they_are() {
    for (number, scheme) in (1..).zip(Scheme::ALL) {
        let (len, record) = expected(scheme);
        assert_eq!((scheme.number(), scheme.record_len()), (number, len));
        assert_eq!(Scheme::from_number(number), Some(scheme));
        assert_eq!(scheme.parse(&RULER[..len]), record, "{scheme:?}");
        // flow-tools has one less for records of 32 and 40 octets.
        let max = [(28, 51), (32, 45), (40, 36), (44, 32)].into_iter().find(|(of, _)| *of == len).unwrap().1;
        assert_eq!(scheme.records_max(), max, "{scheme:?}");
    }
    assert_eq!((Scheme::from_number(0), Scheme::from_number(15)), (None, None));
}

#[test]
fn what_is_written_is_read_and_the_rest_is_zeros() {
    for scheme in Scheme::ALL {
        let (len, record) = expected(scheme);
        let mut out = [0xa5; 200];
        let total = HEADER_LEN + 2 * len;
        assert_eq!(emit(&header(scheme), &[record; 2], &mut out), Ok(total));
        assert_eq!(out[total], 0xa5);
        let written = &out[HEADER_LEN..HEADER_LEN + len];
        assert!(written.iter().zip(&RULER).all(|(out, ruler)| out == ruler || *out == 0), "{scheme:?}");
        let datagram = Datagram::new_checked(&out[..total]).unwrap();
        assert_eq!(datagram.header(), header(scheme));
        assert_eq!(datagram.records().collect::<Vec<_>>(), [record; 2], "{scheme:?}");
        assert_eq!(datagram.body(), &out[HEADER_LEN..total]);
        // What the scheme has no place for is not written.
        let more = Record { src_port: Some(1), src_as: Some(2), src_addr: Some([3; 4]), ..record };
        assert_eq!(emit(&header(scheme), &[more], &mut out), Ok(HEADER_LEN + len));
        let again = Datagram::new_checked(&out[..HEADER_LEN + len]).unwrap().records().next().unwrap();
        assert_eq!(again.src_port.is_some(), record.src_port.is_some());
        assert_eq!(again.src_as.is_some(), record.src_as.is_some());
        assert_eq!(again.src_addr.is_some(), record.src_addr.is_some());
    }
}

/// A datagram of one AS aggregate, by hand.
#[rustfmt::skip]
static BYTES: [u8; 56] = [
    0, 8, 0, 1, 0, 0x0f, 0x42, 0x40, 0x65, 0x92, 0x00, 0x80, 0x1d, 0xcd, 0x65, 0x00,
    0, 0, 0x10, 0, 1, 2, 1, 2, 0x43, 0xe8, 0, 0,
    0, 0, 0, 3, 0, 0, 0, 10, 0, 0, 0x3a, 0x99, 0, 0x0d, 0xbb, 0xa0, 0, 0x0f, 0x42, 0x3f,
    0xfb, 0xf0, 0x5b, 0xa0, 0, 3, 0, 4,
];

#[test]
fn reads_what_was_written_by_hand() {
    let datagram = Datagram::new_checked(&BYTES).unwrap();
    assert_eq!(datagram.header(), header(Scheme::As));
    let record = Record {
        flows: Some(3),
        packets: Some(10),
        octets: Some(15_001),
        first_ms: Some(900_000),
        last_ms: Some(999_999),
        src_as: Some(64496),
        dst_as: Some(23456),
        ingress_if: Some(3),
        egress_if: Some(4),
        ..Record::default()
    };
    assert_eq!(datagram.records().collect::<Vec<_>>(), [record]);
}

#[test]
fn what_is_not_known_is_refused() {
    let changed = |at: usize, value: u8| {
        let mut bytes = BYTES;
        bytes[at] = value;
        Datagram::new_checked(&bytes).map(|datagram| datagram.records().len())
    };
    for scheme in [0, 15, 255] {
        assert_eq!(changed(22, scheme), Err(Error::new(Reason::Unsupported, 22)));
    }
    for version in [0, 1, 3] {
        assert_eq!(changed(23, version), Err(Error::new(Reason::Unsupported, 23)));
    }
    for count in [0, 2, 51, 52] {
        assert_eq!(changed(3, count), Err(Error::new(Reason::CountMismatch, 2)));
    }
    // Records of another scheme are longer: what is there cannot be one.
    assert_eq!(changed(22, 5), Err(Error::new(Reason::CountMismatch, 2)));
    assert_eq!(Datagram::new_checked(&BYTES[..27]), Err(Error::new(Reason::Truncated, 27)));
    assert_eq!(Datagram::new_checked(&BYTES[..55]), Err(Error::new(Reason::CountMismatch, 2)));
    assert_eq!(Datagram::new_checked(&[0, 7]), Err(Error::new(Reason::BadVersion, 0)));
    let long = [&BYTES[..], &[0; 300]].concat();
    assert_eq!(Datagram::new_checked(&long).unwrap().records().len(), 1);
    let long = [&BYTES[..], &[1]].concat();
    assert_eq!(Datagram::new_checked(&long), Err(Error::new(Reason::CountMismatch, 2)));
}

#[test]
fn emit_refuses_what_would_be_refused() {
    let mismatch = Err(Error::new(Reason::CountMismatch, 2));
    let record = Record::default();
    assert_eq!(emit(&header(Scheme::As), &[], &mut [0; 2000]), mismatch);
    assert_eq!(emit(&header(Scheme::As), &[record; 52], &mut [0; 2000]), mismatch);
    assert_eq!(emit(&header(Scheme::Full), &[record; 32], &mut [0; 2000]), Ok(28 + 32 * 44));
    assert_eq!(emit(&header(Scheme::As), &[record], &mut [0; 55]), Err(Error::new(Reason::NoSpace, 55)));
}
