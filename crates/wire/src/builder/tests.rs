use super::*;
use crate::ipfix;
use crate::netflow::v9;
use crate::template::{SetKind, VARIABLE};
use std::vec;
use std::vec::Vec;

fn error<T>(reason: Reason, offset: usize) -> Result<T, Error> {
    Err(Error::new(reason, offset))
}

/// The sets of a v9 message: kind and body.
fn sets(message: &[u8]) -> Vec<(SetKind, &[u8])> {
    let sets = v9::Message::new_checked(message).unwrap().sets();
    sets.map(|set| set.map(|set| (set.kind(), set.body)).unwrap()).collect()
}

#[test]
fn records_of_one_template_share_a_set() {
    let mut out = [0xa5; 100];
    let mut writer = v9::Writer::new(&mut out, v9::Header::default()).unwrap();
    assert!(writer.is_empty());
    for (id, record) in [(256, [1, 2, 3, 4, 5]), (256, [6, 7, 8, 9, 10]), (257, [11; 5]), (256, [12; 5])] {
        writer.begin_data(id).unwrap();
        writer.record(&record).unwrap();
    }
    assert_eq!((writer.is_empty(), writer.len()), (false, 20 + 4 + 10 + 2 + 4 + 5 + 3 + 4 + 5));
    let len = writer.finish().unwrap();
    let expected = [
        (SetKind::Data(256), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0][..]),
        (SetKind::Data(257), &[11, 11, 11, 11, 11, 0, 0, 0]),
        (SetKind::Data(256), &[12, 12, 12, 12, 12, 0, 0, 0]),
    ];
    assert_eq!(sets(&out[..len]), expected);
    assert_eq!(out[2..4], [0, 4], "four records");
}

#[test]
fn an_empty_message_is_a_header() {
    let mut out = [0; 20];
    let mut writer = v9::Writer::new(&mut out, v9::Header::default()).unwrap();
    writer.begin_data(256).unwrap();
    assert_eq!(writer.finish(), Ok(20));
    assert_eq!(
        v9::Writer::new(&mut out[..19], v9::Header::default()).err(),
        error::<()>(Reason::NoSpace, 0).err()
    );
}

#[test]
fn what_does_not_fit_changes_nothing() {
    // Room for the header, a set of one record of five octets and its padding, and eleven octets more.
    let mut out = [0; 20 + 12 + 11];
    let mut writer = v9::Writer::new(&mut out, v9::Header::default()).unwrap();
    writer.begin_data(256).unwrap();
    writer.record(&[1; 5]).unwrap();
    let template = writer.template(300, &[Field::new(1, 4), Field::new(2, 4)]);
    assert_eq!(template.map_err(|error| error.reason), Err(Reason::NoSpace));
    assert_eq!(writer.len(), 29);
    // A record for which there is room, but not for the padding behind it.
    assert_eq!(writer.record(&[2; 13]).map_err(|error| error.reason), Err(Reason::NoSpace));
    writer.record(&[3; 5]).unwrap();
    let len = writer.finish().unwrap();
    assert_eq!(sets(&out[..len]), [(SetKind::Data(256), &[1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 0, 0][..])]);
    assert_eq!(out[2..4], [0, 2]);
}

#[test]
fn padding_never_looks_like_a_record() {
    let mut out = [0; 100];
    let mut writer = v9::Writer::new(&mut out, v9::Header::default()).unwrap();
    writer.begin_data(256).unwrap();
    writer.record(&[1, 2]).unwrap();
    writer.begin_data(257).unwrap();
    writer.record(&[1, 2, 3]).unwrap();
    let len = writer.finish().unwrap();
    let expected = [(SetKind::Data(256), &[1, 2][..]), (SetKind::Data(257), &[1, 2, 3, 0, 0, 0][..5])];
    let sets = sets(&out[..len]);
    assert_eq!(sets[0], expected[0]);
    assert!(sets[1].1.len() < 6, "less than two records: {:?}", sets[1]);
}

#[test]
fn refuses_what_the_format_cannot_say() {
    let mut out = [0; 100];
    let mut v9 = v9::Writer::new(&mut out, v9::Header::default()).unwrap();
    let good = [Field::new(1, 4)];
    assert_eq!(v9.record(&[1]), error(Reason::BadOrder, 20));
    assert_eq!(v9.begin_data(255), error(Reason::BadTemplateId, 20));
    assert_eq!(v9.template(255, &good), error(Reason::BadTemplateId, 20));
    assert_eq!(v9.template(256, &[]), error(Reason::BadTemplate, 20));
    assert_eq!(v9.template(256, &vec![good[0]; 1025]), error(Reason::TooManyFields, 20));
    assert_eq!(v9.template(256, &[Field::enterprise(9, 1, 4)]), error(Reason::BadTemplate, 20));
    assert_eq!(v9.options_template(256, &[], &good), error(Reason::BadScope, 20));
    v9.begin_data(256).unwrap();
    assert_eq!(v9.record(&[]), error(Reason::EmptyRecord, 20));
    let mut ipfix = ipfix::Writer::new(&mut out, ipfix::Header::default()).unwrap();
    assert_eq!(ipfix.template(256, &[Field::new(0x8001, 4)]), error(Reason::BadTemplate, 16));
    assert_eq!(ipfix.template(256, &[Field::new(1, VARIABLE)]), Ok(()));
}

#[test]
fn a_message_never_outgrows_its_length() {
    let mut out = vec![0; 100_000];
    let mut writer = ipfix::Writer::new(&mut out, ipfix::Header::default()).unwrap();
    writer.begin_data(256).unwrap();
    let written = (0..1000).take_while(|_| writer.record(&[7; 100]).is_ok()).count();
    assert_eq!(written, (65532 - 20) / 100);
    let len = writer.finish().unwrap();
    assert_eq!(len, 20 + 65500);
    let message = ipfix::Message::new_checked(&out).unwrap();
    assert_eq!(message.sets().next().unwrap().unwrap().body.len(), 65500);
}
