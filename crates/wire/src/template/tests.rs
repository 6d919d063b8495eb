use super::*;
use std::vec;
use std::vec::Vec;

/// A set of this dialect and id with this body, 20 octets into a datagram.
fn set(dialect: Dialect, id: u16, body: &[u8]) -> Set<'_> {
    Set { dialect, id, offset: 24, body, is_cut: false }
}

fn outline(set: &Set<'_>) -> Vec<Result<(u16, usize, usize), Error>> {
    set.templates().map(|t| t.map(|t| (t.id, t.field_count, t.record_len_min))).collect()
}

fn error<T>(reason: Reason, offset: usize) -> Result<T, Error> {
    Err(Error::new(reason, offset))
}

#[test]
fn several_templates_in_a_set() {
    let body = [1, 0, 0, 1, 0, 1, 0, 4, 1, 1, 0, 2, 0, 8, 0, 4, 0, 12, 0, 4, 0, 0];
    let set = set(Dialect::V9, 0, &body);
    assert_eq!(outline(&set), [Ok((256, 1, 4)), Ok((257, 2, 8))]);
    let second = set.templates().nth(1).unwrap().unwrap();
    assert_eq!((second.offset, second.raw, second.body), (32, &body[8..20], &body[12..20]));
}

#[test]
fn a_kept_template_parses_to_the_same() {
    let body = [1, 0, 0, 1, 0, 1, 0, 4, 1, 1, 0, 2, 0x80, 1, 0, 4, 0, 0, 0x72, 0x79, 0, 2, 0, 4];
    let set = set(Dialect::Ipfix, 2, &body);
    let second = set.templates().nth(1).unwrap().unwrap();
    let kept = Set { body: second.raw, offset: second.offset, ..set };
    assert_eq!(kept.templates().collect::<Vec<_>>(), [Ok(second)]);
}

#[test]
fn data_and_reserved_sets_hold_no_templates() {
    let body = [1, 0, 0, 1, 0, 1, 0, 4];
    for id in [2, 3, 255, 256, 300] {
        assert_eq!(outline(&set(Dialect::V9, id, &body)), []);
    }
    for id in [0, 1, 4, 256] {
        assert_eq!(outline(&set(Dialect::Ipfix, id, &body)), []);
    }
}

#[test]
fn a_refused_template_costs_itself_where_its_end_is_known() {
    // Id 255; records of no octets; then a good one.
    let body = [0, 255, 0, 1, 0, 1, 0, 4, 1, 1, 0, 2, 0, 1, 0, 0, 0, 2, 0, 0, 1, 2, 0, 1, 0, 1, 0, 4];
    let expected = [error(Reason::BadTemplateId, 24), error(Reason::EmptyRecord, 32), Ok((258, 1, 4))];
    assert_eq!(outline(&set(Dialect::V9, 0, &body)), expected);
    assert_eq!(outline(&set(Dialect::Ipfix, 2, &body)), expected);
}

#[test]
fn a_template_cut_short_ends_the_set() {
    let body = [1, 0, 0, 1, 0, 1, 0, 4, 1, 1, 0, 2, 0, 8, 0, 4, 0, 12];
    assert_eq!(outline(&set(Dialect::V9, 0, &body)), [Ok((256, 1, 4)), error(Reason::Truncated, 42)]);
    let body = [1, 0, 0, 1, 0x80, 1, 0, 4, 0, 0];
    assert_eq!(outline(&set(Dialect::Ipfix, 2, &body)), [error(Reason::Truncated, 32)]);
    assert_eq!(outline(&set(Dialect::V9, 1, &[1, 0, 0, 4])), [error(Reason::Truncated, 28)]);
    assert_eq!(outline(&set(Dialect::Ipfix, 3, &[1, 0, 0, 4, 0])), [error(Reason::Truncated, 28)]);
}

#[test]
fn padding_is_no_template() {
    assert_eq!(outline(&set(Dialect::V9, 0, &[0; 3])), []);
    assert_eq!(outline(&set(Dialect::V9, 1, &[0; 64])), []);
    assert_eq!(outline(&set(Dialect::Ipfix, 2, &[0; 64])), []);
    assert_eq!(outline(&set(Dialect::Ipfix, 2, &[1, 2, 3])), []);
    let body = [1, 0, 0, 1, 0, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(outline(&set(Dialect::V9, 0, &body)), [Ok((256, 1, 4))]);
}

#[test]
fn zero_length_fields_are_allowed() {
    // Two of no octets, one of four: seen in the field.
    let body = [1, 0, 0, 3, 0, 1, 0, 0, 0, 2, 0, 4, 0, 3, 0, 0];
    let set = set(Dialect::V9, 0, &body);
    assert_eq!(outline(&set), [Ok((256, 3, 4))]);
    // A scope of no octets.
    let body = [1, 0, 0, 4, 0, 4, 0, 1, 0, 0, 0, 34, 0, 4];
    let options = Set { id: 1, body: &body, ..set };
    assert_eq!(outline(&options), [Ok((256, 2, 4))]);
}

#[test]
fn variable_fields_count_one_octet_at_least_in_both_dialects() {
    let body = [1, 0, 0, 2, 0, 96, 0xff, 0xff, 0, 2, 0, 4];
    assert_eq!(outline(&set(Dialect::V9, 0, &body)), [Ok((256, 2, 5))]);
    assert_eq!(outline(&set(Dialect::Ipfix, 2, &body)), [Ok((256, 2, 5))]);
    let template = set(Dialect::V9, 0, &body).templates().next().unwrap().unwrap();
    let lens: Vec<_> = template.fields().map(|field| (field.is_variable(), field.len_min())).collect();
    assert_eq!((template.is_variable, lens), (true, vec![(true, 1), (false, 4)]));
}

#[test]
fn withdrawals() {
    let set = set(Dialect::Ipfix, 2, &[1, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0]);
    let all: Vec<_> = set.templates().collect();
    let first = all[0].unwrap();
    assert!(first.is_withdrawal() && !first.is_withdrawal_of_all());
    assert_eq!((first.id, first.fields().count(), first.raw), (256, 0, &[1, 0, 0, 0][..]));
    assert!(all[1].unwrap().is_withdrawal_of_all());
    assert_eq!(all[2], error(Reason::BadTemplateId, 32), "3 withdraws all options templates, not here");
    assert_eq!(first.records(&Set { id: 256, ..set }).count(), 0);
    // In a set of options templates there is no scope count behind the 0.
    let options = Set { id: 3, body: &[1, 1, 0, 0, 0, 3, 0, 0], ..set };
    let ids: Vec<_> = options.templates().map(|t| t.map(|t| (t.id, t.is_options))).collect();
    assert_eq!(ids, [Ok((257, true)), Ok((3, true))]);
    // v9 has none.
    let v9 = Set { dialect: Dialect::V9, id: 0, body: &[1, 0, 0, 0], ..set };
    assert_eq!(outline(&v9), [error(Reason::BadTemplate, 26)]);
}

#[test]
fn scopes_must_fit_the_fields() {
    let body = [1, 0, 0, 1, 0, 2, 0, 1, 0, 4, 1, 1, 0, 1, 0, 1, 0, 1, 0, 4];
    let expected = [error(Reason::BadScope, 28), Ok((257, 1, 4))];
    assert_eq!(outline(&set(Dialect::Ipfix, 3, &body)), expected);
    // In v9 the octets of scope and options are skipped where they make no fields.
    let body = [1, 0, 0, 3, 0, 1, 9, 9, 9, 9, 1, 1, 0, 4, 0, 0, 0, 1, 0, 4];
    let expected = [error(Reason::BadScope, 26), Ok((257, 1, 4))];
    assert_eq!(outline(&set(Dialect::V9, 1, &body)), expected);
}

#[test]
fn too_many_fields_are_refused_and_stepped_over() {
    let template = |id: u16, count: u16| {
        let mut bytes = [id.to_be_bytes(), count.to_be_bytes()].concat();
        bytes.extend((0..count).flat_map(|_| [0, 1, 0, 4]));
        bytes
    };
    let body = [template(256, 1025), template(257, 1024)].concat();
    let expected = [error(Reason::TooManyFields, 26), Ok((257, 1024, 4096))];
    assert_eq!(outline(&set(Dialect::V9, 0, &body)), expected);
}

#[test]
fn variable_lengths() {
    let take = |bytes: &[u8]| {
        let mut reader = Reader::at(bytes, 50);
        let field = take_field(&mut reader, VARIABLE).map(<[u8]>::to_vec);
        (field, reader.offset())
    };
    assert_eq!(take(&[0, 1]), (Ok(vec![]), 51));
    assert_eq!(take(&[2, 7, 8, 9]), (Ok(vec![7, 8]), 53));
    assert_eq!(take(&[255, 0, 1, 7, 8]), (Ok(vec![7]), 54));
    assert_eq!(take(&[254]), (error(Reason::FieldOverrun, 50), 50));
    assert_eq!(take(&[]), (error(Reason::FieldOverrun, 50), 50));
    assert_eq!(take(&[255, 0]), (error(Reason::FieldOverrun, 50), 50));
    assert_eq!(take(&[255, 0, 2, 1]), (error(Reason::FieldOverrun, 50), 50));
    let mut reader = Reader::at(&[1, 2], 50);
    assert_eq!(take_field(&mut reader, 3), error(Reason::FieldOverrun, 50));
    assert_eq!(take_field(&mut reader, 2), Ok(&[1, 2][..]));
    assert_eq!(take_field(&mut reader, 0), Ok(&[][..]));
}

#[test]
fn variable_lengths_emit() {
    for len in [0, 1, 254, 255, 256, 65535] {
        let value = vec![0x5a; len];
        let mut out = vec![0; len + 3];
        let mut writer = Writer::new(&mut out);
        put_field(&mut writer, VARIABLE, &value).unwrap();
        assert_eq!(writer.len(), len + if len < 255 { 1 } else { 3 });
        let mut reader = Reader::new(writer.written());
        assert_eq!(take_field(&mut reader, VARIABLE), Ok(&value[..]));
        assert!(reader.is_empty());
    }
    let mut out = [0; 4];
    let mut writer = Writer::new(&mut out);
    assert_eq!(put_field(&mut writer, 2, &[1]), error(Reason::BadLength, 0));
    assert_eq!(put_field(&mut writer, VARIABLE, &[0; 65536]), error(Reason::BadLength, 0));
    assert_eq!(put_field(&mut writer, VARIABLE, &[0; 4]), error(Reason::NoSpace, 1));
    assert_eq!(writer.len(), 0);
    assert_eq!(put_field(&mut writer, 4, &[1, 2, 3, 4]), Ok(()));
}

#[test]
fn records_end_at_padding_or_at_a_field_that_does_not_fit() {
    let body = [1, 0, 0, 2, 0, 96, 0xff, 0xff, 0, 4, 0, 1];
    let template = set(Dialect::Ipfix, 2, &body).templates().next().unwrap().unwrap();
    let data = [2, b'a', b'b', 6, 0, 17, 9, 9];
    let records: Vec<_> = template.records(&set(Dialect::Ipfix, 256, &data)).collect();
    assert_eq!(records.len(), 3);
    assert_eq!(records[0].map(|r| (r.offset, r.bytes)), Ok((24, &data[..4])));
    assert_eq!(records[1].map(|r| (r.offset, r.bytes)), Ok((28, &data[4..6])));
    assert_eq!(records[2].map(|r| r.offset), error(Reason::FieldOverrun, 30));
    let records: Vec<_> = template.records(&set(Dialect::Ipfix, 256, &data[..7])).collect();
    assert_eq!(records.len(), 2, "one octet is less than a record");
}

#[test]
fn what_a_cut_goes_through_is_no_second_error() {
    // A set of templates, and one of records, each of whose ends are missing.
    let whole = [
        &[0, 2, 0, 20, 1, 0, 0, 1, 0, 82, 0xff, 0xff, 1, 1, 0, 1, 0, 1, 0, 4][..],
        &[1, 0, 0, 12, 3, b'l', b'a', b'n', 3, b'w', b'a', b'n'],
    ]
    .concat();
    let named = set(Dialect::Ipfix, 2, &whole[4..12]);
    let template = named.templates().next().unwrap().unwrap();
    for len in 1..whole.len() {
        let (mut errors, mut records) = (Vec::new(), 0);
        for found in Sets::new(Dialect::Ipfix, &whole[..len], 16) {
            match found {
                Ok(found) => {
                    errors.extend(found.templates().filter_map(Result::err));
                    if found.id == 256 {
                        records += template.records(&found).filter(Result::is_ok).count();
                        errors.extend(template.records(&found).filter_map(Result::err));
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        // A cut between the sets leaves nothing to see, and one behind a zero looks like padding.
        assert_eq!(errors.len(), usize::from(len != 20 && len != 1), "{len}: {errors:?}");
        assert_eq!(records, usize::from(len >= 28), "{len}");
    }
}

#[test]
fn fields_may_be_there_twice() {
    // RFC 7011 §8: the order tells them apart. Two octetDeltaCount, of 4 and of 8 octets.
    let body = [1, 0, 0, 2, 0, 1, 0, 4, 0, 1, 0, 8];
    let set_of = set(Dialect::Ipfix, 2, &body);
    let template = set_of.templates().next().unwrap().unwrap();
    let octets = [0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9];
    let data = set(Dialect::Ipfix, 256, &octets);
    let record = template.records(&data).next().unwrap().unwrap();
    let values: Vec<_> =
        record.values().map(|(field, value)| (field.element, crate::value::unsigned(value))).collect();
    assert_eq!(values, [(1, Some(7)), (1, Some(9))]);
}

#[test]
fn a_scope_of_nothing_is_refused_where_it_is_forbidden() {
    // RFC 7011 §3.4.2.2. Behind it a good one.
    let body = [1, 0, 0, 1, 0, 0, 0, 41, 0, 8, 1, 1, 0, 2, 0, 1, 0, 149, 0, 4, 0, 41, 0, 8];
    let options = set(Dialect::Ipfix, 3, &body);
    assert_eq!(outline(&options), [error(Reason::BadScope, 28), Ok((257, 2, 12))]);
    // RFC 3954 does not forbid it, and routers send it: the record is about the exporter.
    let body = [1, 0, 0, 0, 0, 4, 0, 41, 0, 4];
    assert_eq!(outline(&set(Dialect::V9, 1, &body)), [Ok((256, 1, 4))]);
}

#[test]
fn common_properties_are_options_like_any_others() {
    // RFC 5473 §5: the scope is commonPropertiesId (137), the values are what the flows share.
    let body = [1, 2, 0, 3, 0, 1, 0, 137, 0, 8, 0, 8, 0, 4, 0, 12, 0, 4];
    let options = set(Dialect::Ipfix, 3, &body);
    let template = options.templates().next().unwrap().unwrap();
    assert_eq!((template.scope_count, template.field_count), (1, 3));
    let octets = [0, 0, 0, 0, 0, 0, 0, 101, 192, 0, 2, 1, 198, 51, 100, 7];
    let data = set(Dialect::Ipfix, 258, &octets);
    let record = template.records(&data).next().unwrap().unwrap();
    let values: Vec<_> = record.values().collect();
    assert_eq!((values[0].0.role, values[0].1), (Role::Scope, &octets[..8]));
    assert_eq!((values[1].1, values[2].1), (&octets[8..12], &octets[12..]));
}
