use super::*;
use crate::error::Reason;
use crate::template::{Field, Role, SetKind, Template};
use std::vec::Vec;

/// A message with a template, an options template and a record of each, written by hand.
#[rustfmt::skip]
static BYTES: [u8; 88] = [
    // version 9, count 4, uptime 256, export 512, sequence 7, source id 0x01020304
    0, 9, 0, 4, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 7, 1, 2, 3, 4,
    // template set of 16: template 256 of octets (1) in 4, protocol (4) in 1
    0, 0, 0, 16, 1, 0, 0, 2, 0, 1, 0, 4, 0, 4, 0, 1,
    // options template set of 20: 257, scope 4 octets, options 4 octets: system in 4, interval (34) in 4;
    // two octets of padding
    0, 1, 0, 20, 1, 1, 0, 4, 0, 4, 0, 1, 0, 4, 0, 34, 0, 4, 0, 0,
    // options data of 12: system 9, interval 100
    1, 1, 0, 12, 0, 0, 0, 9, 0, 0, 0, 100,
    // data of 16: 1500 octets of protocol 6, 40 octets of 17, two octets of padding
    1, 0, 0, 16, 0, 0, 5, 220, 6, 0, 0, 0, 40, 17, 0, 0,
    // zeros
    0, 0, 0, 0,
];

fn header() -> Header {
    Header { count: 4, uptime_ms: 256, export_s: 512, sequence: 7, source_id: 0x0102_0304 }
}

fn scope(element: u16, length: u16) -> Field {
    Field { element, enterprise: 0, length, role: Role::V9Scope }
}

#[test]
fn deconstruct() {
    let message = Message::new_checked(&BYTES).unwrap();
    assert_eq!(message.header(), header());
    assert_eq!(message.body(), &BYTES[20..]);
    let sets: Vec<_> = message.sets().map(Result::unwrap).collect();
    let kinds: Vec<_> = sets.iter().map(|set| (set.kind(), set.offset, set.body.len())).collect();
    let expected = [
        (SetKind::Template, 24, 12),
        (SetKind::OptionsTemplate, 40, 16),
        (SetKind::Data(257), 60, 8),
        (SetKind::Data(256), 72, 12),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn parse() {
    let message = Message::new_checked(&BYTES).unwrap();
    let sets: Vec<_> = message.sets().map(Result::unwrap).collect();
    let template: Template<'_> = sets[0].templates().next().unwrap().unwrap();
    assert_eq!((template.id, template.field_count, template.scope_count), (256, 2, 0));
    assert_eq!((template.record_len_min, template.is_variable, template.offset), (5, false, 24));
    assert_eq!(template.fields().collect::<Vec<_>>(), [Field::new(1, 4), Field::new(4, 1)]);
    assert_eq!(sets[0].templates().count(), 1);

    let options: Template<'_> = sets[1].templates().next().unwrap().unwrap();
    assert_eq!((options.id, options.field_count, options.scope_count), (257, 2, 1));
    assert_eq!(options.fields().collect::<Vec<_>>(), [scope(1, 4), Field::new(34, 4)]);
    assert_eq!(sets[1].templates().count(), 1);

    let records: Vec<_> = template.records(&sets[3]).map(Result::unwrap).collect();
    let offsets: Vec<_> = records.iter().map(|record| (record.offset, record.bytes)).collect();
    assert_eq!(offsets, [(72, &[0, 0, 5, 220, 6][..]), (77, &[0, 0, 0, 40, 17][..])]);
    let values: Vec<_> = records[1].values().map(|(field, value)| (field.element, value)).collect();
    assert_eq!(values, [(1, &[0, 0, 0, 40][..]), (4, &[17][..])]);
}

#[test]
fn emits() {
    let mut out = [0xa5; 200];
    let mut writer = Writer::new(&mut out, header()).unwrap();
    writer.template(256, &[Field::new(1, 4), Field::new(4, 1)]).unwrap();
    writer.options_template(257, &[scope(scope::SYSTEM, 4)], &[Field::new(34, 4)]).unwrap();
    writer.begin_data(257).unwrap();
    writer.record(&[0, 0, 0, 9, 0, 0, 0, 100]).unwrap();
    writer.begin_data(256).unwrap();
    writer.record(&[0, 0, 5, 220, 6]).unwrap();
    writer.record(&[0, 0, 0, 40, 17]).unwrap();
    // Five parts were written; the example above claims one too few, as is seen in the field.
    assert_eq!(writer.finish(), Ok(84));
    assert_eq!(out[2..4], [0, 5]);
    assert_eq!(out[4..84], BYTES[4..84]);
}

#[test]
fn refuses() {
    assert_eq!(Message::new_checked(&BYTES[..19]), Err(Error::new(Reason::Truncated, 19)));
    assert_eq!(Message::new_checked(&[0]), Err(Error::new(Reason::Truncated, 0)));
    assert_eq!(Message::new_checked(&[0, 10]), Err(Error::new(Reason::BadVersion, 0)));
}

#[test]
fn a_malformed_set_costs_itself() {
    let mut bytes = BYTES;
    // The scope's length is no multiple of four.
    bytes[43] = 3;
    let sets: Vec<_> = Message::new_checked(&bytes).unwrap().sets().map(Result::unwrap).collect();
    assert_eq!(sets.len(), 4);
    let problems: Vec<_> = sets[1].templates().collect();
    assert_eq!(problems, [Err(Error::new(Reason::BadScope, 42))]);
}

#[test]
fn enterprise_numbers_do_not_exist() {
    let mut out = [0; 100];
    let mut writer = Writer::new(&mut out, Header::default()).unwrap();
    let error = writer.template(256, &[Field::enterprise(9, 12232, 4)]);
    assert_eq!(error, Err(Error::new(Reason::BadTemplate, 20)));
    // What would be the enterprise bit is part of the type here.
    writer.template(256, &[Field::new(57590, 2)]).unwrap();
    let len = writer.finish().unwrap();
    let message = Message::new_checked(&out[..len]).unwrap();
    let set = message.sets().next().unwrap().unwrap();
    let template = set.templates().next().unwrap().unwrap();
    assert_eq!(template.fields().collect::<Vec<_>>(), [Field::new(57590, 2)]);
}
