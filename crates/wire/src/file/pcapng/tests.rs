//! pcapng in the four directions, then what files of the wild do.

use super::*;
use crate::file::frames;
use std::vec::Vec;

/// Big endian: a section, an Ethernet interface with millisecond times 100 s late, one frame of 5 of 60 octets.
#[rustfmt::skip]
static BIG: [u8; 28 + 40 + 40] = [
    0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 28,
    0, 0, 0, 1, 0, 0, 0, 40, 0, 1, 0, 0, 0, 0, 0, 96, 0, 9, 0, 1, 3, 0, 0, 0,
    0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 40,
    0, 0, 0, 6, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0x00,
    0, 0, 0, 5, 0, 0, 0, 60, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 40,
];

/// The same frame as written here: little endian, nanoseconds.
#[rustfmt::skip]
static LITTLE: [u8; 28 + 32 + 40] = [
    0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 28, 0, 0, 0,
    1, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 96, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0,
    6, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0x01, 0, 0, 0,
    5, 0, 0, 0, 60, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 40, 0, 0, 0,
];

fn construct(at_ns: u64) -> Vec<u8> {
    let mut out = [0; 200];
    let mut len = emit_section(&mut out).unwrap();
    len += emit_interface(Link::Ethernet, 96, &mut out[len..]).unwrap();
    len += emit_packet(0, at_ns, 60, &[1, 2, 3, 4, 5], &mut out[len..]).unwrap();
    Vec::from(&out[..len])
}

#[test]
fn deconstruct() {
    let all: Vec<_> = frames(&BIG).collect();
    let frame = all[0].unwrap();
    assert_eq!(all.len(), 1);
    // e8d4a51000 is 10^12 milliseconds; plus 100 s.
    assert_eq!(frame.at_ns, Some(1_000_000_100_000_000_000));
    assert_eq!((frame.link, frame.interface, frame.orig_len), (Link::Ethernet, 0, 60));
    assert_eq!((frame.bytes, frame.offset), (&[1, 2, 3, 4, 5][..], 28 + 40 + 28));
}

#[test]
fn construct_section_interface_packet() {
    assert_eq!(construct(0x0000_0002_0000_0001), LITTLE);
}

#[test]
fn parse_little_endian() {
    let frame = frames(&LITTLE).next().unwrap().unwrap();
    assert_eq!(frame.at_ns, Some(0x0000_0002_0000_0001));
    assert_eq!(frame.bytes, [1, 2, 3, 4, 5]);
}

#[test]
fn emit_then_parse() {
    let file = construct(1_700_000_000_123_456_789);
    let frame = frames(&file).next().unwrap().unwrap();
    assert_eq!(frame.at_ns, Some(1_700_000_000_123_456_789));
}

#[test]
fn units_of_time() {
    let at_ns = |resolution, offset_s, ticks| {
        Interface { link: Link::Raw, snap_len: 0, resolution, offset_s }.at_ns(ticks)
    };
    assert_eq!(at_ns(6, 0, 1_000_001), Some(1_000_001_000));
    assert_eq!(at_ns(9, 0, 17), Some(17));
    assert_eq!(at_ns(12, 0, 17_999), Some(17));
    assert_eq!(at_ns(0, 0, 5), Some(5_000_000_000));
    assert_eq!(at_ns(0x80 | 20, 0, 1 << 20), Some(1_000_000_000));
    assert_eq!(at_ns(0x80 | 32, 0, 3 << 31), Some(1_500_000_000));
    assert_eq!(at_ns(6, -2, 3_000_000), Some(1_000_000_000));
    // What 64 bits of nanoseconds do not hold is unknown, not wrapped.
    assert_eq!(at_ns(6, 0, u64::MAX), None);
    assert_eq!(at_ns(6, -2, 1_000_000), None);
    assert_eq!(at_ns(6, i64::MAX, 0), None);
    assert_eq!(at_ns(127, 0, u64::MAX), Some(0));
}

#[test]
fn simple_and_obsolete_packets() {
    #[rustfmt::skip]
    let tail = [
        3, 0, 0, 0, 20, 0, 0, 0, 200, 0, 0, 0, 9, 8, 7, 6, 20, 0, 0, 0,
        2, 0, 0, 0, 36, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, 0, 36, 0, 0, 0,
    ];
    let file = [&LITTLE[..60], &tail].concat();
    let all: Vec<_> = frames(&file).map(Result::unwrap).collect();
    assert_eq!((all[0].at_ns, all[0].orig_len, all[0].bytes), (None, 200, &[9, 8, 7, 6][..]));
    assert_eq!((all[1].at_ns, all[1].orig_len, all[1].bytes), (Some(5), 3, &[1, 2, 3][..]));
}

#[test]
fn unknown_blocks_of_any_length_are_passed_over() {
    let mut file = Vec::from(&LITTLE[..60]);
    file.extend_from_slice(&[0xad, 0x0b, 0, 0, 24, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 24, 0, 0, 0]);
    file.extend_from_slice(&LITTLE[60..]);
    assert_eq!(frames(&file).map(Result::unwrap).count(), 1);

    // 4 GiB of something, of which the buffer never holds more than it has.
    let mut reader = Reader::new();
    let mut at = 0;
    while let Next::Skip { consumed, .. } = reader.next(&LITTLE[at..60]).unwrap() {
        at += consumed;
    }
    let head = [4, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    assert_eq!(reader.next(&head), Ok(Next::Skip { consumed: 12, problem: None }));
    assert_eq!(reader.next(&[0; 500]), Ok(Next::Skip { consumed: 500, problem: None }));
    assert_eq!(reader.next(&[]), Ok(Next::More { needed: 12 }));
}

#[test]
fn two_sections_of_different_order() {
    let file = [&LITTLE[..], &BIG].concat();
    let times: Vec<_> = frames(&file).map(|frame| frame.unwrap().at_ns).collect();
    assert_eq!(times, [Some(0x2_0000_0001), Some(1_000_000_100_000_000_000)]);
}

#[test]
fn a_bad_block_costs_itself_where_its_length_holds() {
    let mut packet = [0; 64];
    let len = emit_packet(1, 0, 3, &[1, 2, 3], &mut packet).unwrap();
    let file = [&LITTLE[..60], &packet[..len], &LITTLE[60..]].concat();
    let all: Vec<_> = frames(&file).collect();
    // No interface has the number 1.
    assert_eq!(all[0], Err(Error::new(Reason::BadBlock, 68)));
    assert_eq!(all[1].unwrap().bytes, [1, 2, 3, 4, 5]);
    assert_eq!(all.len(), 2);
    // A captured length beyond the block.
    let mut file = LITTLE;
    file[80] = 200;
    let all: Vec<_> = frames(&file).collect();
    assert_eq!(all, [Err(Error::new(Reason::Truncated, 88))]);
}

#[test]
fn lengths_that_contradict_themselves_end_the_file() {
    for (at, value, offset) in [(4, 8, 4), (4, 30, 4), (24, 32, 24), (64, 2, 64), (96, 44, 96)] {
        let mut file = LITTLE;
        file[at] = value;
        let last = frames(&file).last().unwrap();
        assert_eq!(last, Err(Error::new(Reason::BadBlock, offset)), "octet {at}");
    }
    let mut file = LITTLE;
    file[8] = 0;
    assert_eq!(frames(&file).next(), Some(Err(Error::new(Reason::BadMagic, 8))));
    let mut file = LITTLE;
    file[12] = 2;
    assert_eq!(frames(&file).next(), Some(Err(Error::new(Reason::BadVersion, 12))));
    assert_eq!(Reader::new().next(&LITTLE[28..]), Err(Error::new(Reason::BadBlock, 0)));
    // A frame that would have to be held whole.
    let mut file = LITTLE;
    file[66] = 0x21;
    assert_eq!(frames(&file).next(), Some(Err(Error::new(Reason::LimitExceeded, 64))));
}

#[test]
fn interfaces_beyond_the_table_are_counted_and_their_frames_passed_over() {
    let mut file = Vec::from(&LITTLE[..28]);
    for _ in 0..=INTERFACES_MAX {
        file.extend_from_slice(&LITTLE[28..60]);
    }
    let mut packet = [0; 64];
    for interface in [255, 256, 257] {
        let len = emit_packet(interface, 0, 3, &[1, 2, 3], &mut packet).unwrap();
        file.extend_from_slice(&packet[..len]);
    }
    let reasons: Vec<_> =
        frames(&file).map(|frame| frame.map(|_| ()).map_err(|error| error.reason)).collect();
    assert_eq!(reasons, [Ok(()), Err(Reason::LimitExceeded), Err(Reason::BadBlock)]);
}
