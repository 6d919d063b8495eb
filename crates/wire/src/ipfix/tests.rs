use super::*;
use crate::template::{Field, Role, SetKind, VARIABLE, put_field};
use std::vec::Vec;

/// A message with a template, an options template and a record of each, written by hand.
#[rustfmt::skip]
static BYTES: [u8; 87] = [
    // version 10, length 87, export 512, sequence 7, domain 0x01020304
    0, 10, 0, 87, 0, 0, 2, 0, 0, 0, 0, 7, 1, 2, 3, 4,
    // template set of 24: template 300 of octets (1) in 8, name (82) variable, reverse octets (29305/1) in 4
    0, 2, 0, 24, 1, 44, 0, 3, 0, 1, 0, 8, 0, 82, 0xff, 0xff, 0x80, 1, 0, 4, 0, 0, 0x72, 0x79,
    // options template set of 20: 301, two fields, one of them scope: line card (141) in 4, interval (34) in 4;
    // two octets of padding
    0, 3, 0, 20, 1, 45, 0, 2, 0, 1, 0, 141, 0, 4, 0, 34, 0, 4, 0, 0,
    // data of 300, 27 octets: 5 octets, "ab", reverse 9 octets; one of padding
    1, 44, 0, 27, 0, 0, 0, 0, 0, 0, 0, 5, 2, b'a', b'b', 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0,
];

fn header() -> Header {
    Header { length: 87, export_s: 512, sequence: 7, domain: 0x0102_0304 }
}

#[test]
fn deconstruct() {
    let message = Message::new_checked(&BYTES).unwrap();
    assert_eq!(message.header(), header());
    assert_eq!((message.len(), message.is_whole(), message.body()), (87, true, &BYTES[16..]));
    let kinds: Vec<_> = message.sets().map(|set| set.map(|set| (set.kind(), set.offset))).collect();
    let expected =
        [Ok((SetKind::Template, 20)), Ok((SetKind::OptionsTemplate, 44)), Ok((SetKind::Data(300), 64))];
    assert_eq!(kinds, expected);
}

#[test]
fn parse() {
    let sets: Vec<_> = Message::new_checked(&BYTES).unwrap().sets().map(Result::unwrap).collect();
    let template = sets[0].templates().next().unwrap().unwrap();
    let fields = [Field::new(1, 8), Field::new(82, VARIABLE), Field::enterprise(29305, 1, 4)];
    assert_eq!(template.fields().collect::<Vec<_>>(), fields);
    assert_eq!(template.fields().len(), 3);
    assert_eq!((template.record_len_min, template.is_variable), (13, true));

    let options = sets[1].templates().next().unwrap().unwrap();
    let line_card = Field { role: Role::Scope, ..Field::new(141, 4) };
    assert_eq!(options.fields().collect::<Vec<_>>(), [line_card, Field::new(34, 4)]);
    assert_eq!((options.scope_count, options.is_options), (1, true));

    let records: Vec<_> = template.records(&sets[2]).collect();
    assert_eq!(records.len(), 1, "eight octets are less than a record: padding");
    let record = records[0].unwrap();
    let values: Vec<_> = record.values().map(|(_, value)| value).collect();
    assert_eq!((record.offset, record.bytes.len()), (64, 15));
    assert_eq!(values, [&[0, 0, 0, 0, 0, 0, 0, 5][..], b"ab", &[0, 0, 0, 9]]);
}

#[test]
fn emits() {
    let mut out = [0xa5; 200];
    let mut writer = Writer::new(&mut out, header()).unwrap();
    let fields = [Field::new(1, 8), Field::new(82, VARIABLE), Field::enterprise(29305, 1, 4)];
    writer.template(300, &fields).unwrap();
    writer.options_template(301, &[Field::new(141, 4)], &[Field::new(34, 4)]).unwrap();
    writer.begin_data(300).unwrap();
    let mut record = [0; 20];
    let mut fields = crate::writer::Writer::new(&mut record);
    fields.u64(5).unwrap();
    put_field(&mut fields, VARIABLE, b"ab").unwrap();
    fields.u32(9).unwrap();
    writer.record(fields.written()).unwrap();
    // Without the padding: 2 octets of the options template set and 8 of the data set.
    assert_eq!(writer.finish(), Ok(77));
    assert_eq!((&out[..4], &out[4..16]), (&[0, 10, 0, 77][..], &BYTES[4..16]));
    assert_eq!(out[16..40], BYTES[16..40]);
    assert_eq!((&out[40..44], &out[44..58]), (&[0, 3, 0, 18][..], &BYTES[44..58]));
    assert_eq!((&out[58..62], &out[62..77]), (&[1, 44, 0, 19][..], &BYTES[64..79]));
}

#[test]
fn refuses() {
    assert_eq!(Message::new_checked(&BYTES[..15]), Err(Error::new(Reason::Truncated, 15)));
    assert_eq!(Message::new_checked(&BYTES[..86]), Err(Error::new(Reason::Truncated, 86)));
    assert_eq!(Message::new_checked(&[0, 9, 0, 0]), Err(Error::new(Reason::BadVersion, 0)));
    let mut bytes = BYTES;
    bytes[3] = 15;
    assert_eq!(Message::new_checked(&bytes), Err(Error::new(Reason::BadLength, 2)));
    assert_eq!(Message::from_datagram(&bytes), Err(Error::new(Reason::BadLength, 2)));
}

#[test]
fn messages_follow_each_other_in_a_stream() {
    let stream = [&BYTES[..], &BYTES[..], &BYTES[..50]].concat();
    let first = Message::new_checked(&stream).unwrap();
    let second = Message::new_checked_at(&stream[first.len()..], first.len()).unwrap();
    let offsets: Vec<_> = second.sets().map(|set| set.unwrap().offset).collect();
    assert_eq!(offsets, [87 + 20, 87 + 44, 87 + 64]);
    let at = first.len() + second.len();
    let third = Message::new_checked_at(&stream[at..], at);
    assert_eq!(third, Err(Error::new(Reason::Truncated, 224)));
    let fourth = Message::new_checked_at(&stream[222..], 222);
    assert_eq!(fourth, Err(Error::new(Reason::BadVersion, 222)));
}

#[test]
fn a_datagram_cut_short_still_says_what_arrived() {
    let message = Message::from_datagram(&BYTES[..86]).unwrap();
    assert!(!message.is_whole());
    let sets: Vec<_> = message.sets().collect();
    assert_eq!(sets.len(), 4);
    assert_eq!(sets[2].unwrap().body, &BYTES[64..86]);
    assert_eq!(sets[3], Err(Error::new(Reason::Truncated, 86)));
    // Cut between two sets: the sets are whole, the message is not.
    let sets: Vec<_> = Message::from_datagram(&BYTES[..60]).unwrap().sets().collect();
    assert_eq!((sets.len(), sets[2]), (3, Err(Error::new(Reason::Truncated, 60))));
}

#[test]
fn what_follows_a_message_is_left_alone() {
    let datagram = [&BYTES[..], &[1, 44, 0, 4]].concat();
    let message = Message::from_datagram(&datagram).unwrap();
    assert_eq!((message.len(), message.is_whole(), message.sets().count()), (87, true, 3));
}
