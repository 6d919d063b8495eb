//! Lists by hand, from RFC 6313 §4.5 and §8.

use super::*;
use crate::template::{SetKind, VARIABLE};
use crate::value::unsigned;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

/// RFC 6313 §8.1: a multicast packet that left by the interfaces 1, 4 and 8, all of them.
#[rustfmt::skip]
static EGRESS: [u8; 17] = [3, 0, 14, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 8];

fn template(raw: &[u8]) -> Template<'_> {
    let set = Set { dialect: Dialect::Ipfix, id: 2, offset: 0, body: raw, is_cut: false };
    assert_eq!(set.kind(), SetKind::Template);
    set.templates().next().unwrap().unwrap()
}

/// What a walk comes by, in words.
fn outline(element: u16, bytes: &[u8], templates: &[Template<'static>]) -> (Vec<String>, Result<(), Error>) {
    let mut seen = Vec::new();
    let lookup = |id| templates.iter().find(|template| template.id == id).copied();
    let mut visit = |item: Item<'_>| {
        seen.push(match item {
            Item::Begin { semantic, template_id } => {
                std::format!("[{} {}", semantic.as_str(), template_id.unwrap_or_default())
            }
            Item::Record => "record".to_string(),
            Item::Value { field, bytes, offset } => {
                std::format!("{}={}@{offset}", field.element, unsigned(bytes).unwrap_or_default())
            }
            Item::Opaque { template_id, bytes } => std::format!("{template_id}?{}", bytes.len()),
            Item::End => "]".to_string(),
        });
    };
    let result = walk(Field::new(element, VARIABLE), bytes, 100, &lookup, &mut visit);
    (seen, result)
}

#[test]
fn the_multicast_record_of_the_rfc() {
    let list = BasicList::new_checked(&EGRESS, 50).unwrap();
    assert_eq!((list.semantic, list.field), (Semantic::AllOf, Field::new(14, 4)));
    let values: Vec<_> =
        list.values().map(|value| value.map(|(at, octets)| (at, unsigned(octets)))).collect();
    assert_eq!(values, [Ok((55, Some(1))), Ok((59, Some(4))), Ok((63, Some(8)))]);
    // In a record: template 256 of §8.1, the list with a length of one octet and of three.
    let body = [1, 0, 0, 5, 0, 10, 0, 4, 0, 8, 0, 4, 0, 12, 0, 4, 0, 195, 0, 1, 1, 35, 0xff, 0xff];
    let template = template(&body);
    let head = [0, 0, 0, 9, 192, 0, 2, 201, 233, 252, 0, 1, 46];
    for prefix in [&[17][..], &[255, 0, 17]] {
        let data = [&head[..], prefix, &EGRESS].concat();
        let set = Set { dialect: Dialect::Ipfix, id: 256, offset: 20, body: &data, is_cut: false };
        let record = template.records(&set).next().unwrap().unwrap();
        let (field, octets) = record.values().last().unwrap();
        assert_eq!((field.element, octets), (291, &EGRESS[..]));
    }
    let (seen, result) = outline(291, &EGRESS, &[]);
    assert_eq!(seen, ["[allOf 0", "14=1@105", "14=4@109", "14=8@113", "]"]);
    assert_eq!(result, Ok(()));
}

#[test]
fn values_of_variable_length_and_of_enterprises() {
    // Two interface names; one octet of length, then three.
    let bytes = [4, 0, 82, 0xff, 0xff, 2, b'e', b'0', 255, 0, 3, b'l', b'a', b'n'];
    let list = BasicList::new_checked(&bytes, 0).unwrap();
    assert_eq!(list.semantic, Semantic::Ordered);
    let values: Vec<_> = list.values().collect();
    assert_eq!(values, [Ok((6, &b"e0"[..])), Ok((11, b"lan"))]);
    // Cisco's 4254, of four octets.
    let bytes = [255, 0x90, 0x9e, 0, 4, 0, 0, 0, 9, 0, 0, 0, 7];
    let list = BasicList::new_checked(&bytes, 0).unwrap();
    assert_eq!((list.semantic, list.field), (Semantic::Undefined, Field::enterprise(9, 4254, 4)));
    assert_eq!(list.values().collect::<Vec<_>>(), [Ok((9, &[0, 0, 0, 7][..]))]);
    // A registered list is a list: bgpSourceCommunityList of two communities (RFC 8549).
    let bytes = [255, 1, 0xe3, 0, 4, 0xfb, 0xf4, 0, 1, 0xfb, 0xf4, 0, 2];
    let (seen, result) = outline(484, &bytes, &[]);
    assert_eq!(seen, ["[undefined 0", "483=4227072001@105", "483=4227072002@109", "]"]);
    assert_eq!(result, Ok(()));
}

#[test]
fn what_does_not_fit_is_an_error_behind_what_did() {
    let list = BasicList::new_checked(&EGRESS[..15], 0).unwrap();
    let values: Vec<_> = list.values().map(|value| value.map(|(at, _)| at)).collect();
    assert_eq!(values, [Ok(5), Ok(9), Err(Error::new(Reason::FieldOverrun, 13))]);
    for len in 0..5 {
        let error = BasicList::new_checked(&EGRESS[..len], 7).unwrap_err();
        assert_eq!(error.reason, Reason::Truncated);
        assert!(error.offset <= 7 + len);
    }
    // Values of no octets: none are fine, any number is not.
    assert_eq!(BasicList::new_checked(&[3, 0, 14, 0, 0, 9], 0), Err(Error::new(Reason::EmptyRecord, 3)));
    assert_eq!(BasicList::new_checked(&[3, 0, 14, 0, 0], 0).unwrap().values().count(), 0);
}

/// Source port and octets; then protocol and a list of those.
static PORTS: [u8; 12] = [1, 0, 0, 2, 0, 7, 0, 2, 0, 1, 0, 4];
static NESTED: [u8; 12] = [1, 1, 0, 2, 0, 4, 0, 1, 1, 36, 0xff, 0xff];

#[test]
fn records_of_templates_in_each_other() {
    let templates = [template(&PORTS), template(&NESTED)];
    // Template 257: protocol 6 with two records of 256, protocol 17 with none.
    let inner = [3, 1, 0, 0, 80, 0, 0, 0, 5, 1, 187, 0, 0, 0, 6];
    let bytes = [&[3, 1, 1, 6, 15][..], &inner, &[17, 3, 255, 1, 0]].concat();
    let (seen, result) = outline(292, &bytes, &templates);
    let expected = [
        "[allOf 257",
        "record",
        "4=6@103",
        "[allOf 256",
        "record",
        "7=80@108",
        "1=5@110",
        "record",
        "7=443@114",
        "1=6@116",
        "]",
        "record",
        "4=17@120",
        "[undefined 256",
        "]",
        "]",
    ];
    assert_eq!((seen, result), (expected.map(String::from).to_vec(), Ok(())));
    // One template is not known: its octets are handed out, and the walk goes on.
    let (seen, result) = outline(292, &bytes, &templates[1..]);
    assert_eq!(seen[3..6], ["[allOf 256", "256?12", "]"]);
    assert_eq!((seen.len(), result), (12, Ok(())));
}

#[test]
fn records_of_several_templates() {
    let templates = [template(&PORTS), template(&NESTED)];
    let first = [1, 0, 0, 10, 0, 80, 0, 0, 0, 5];
    let second = [1, 1, 0, 9, 6, 3, 3, 1, 0];
    let bytes = [&[1][..], &first, &second].concat();
    let list = SubTemplateMultiList::new_checked(&bytes, 0).unwrap();
    assert_eq!(list.semantic, Semantic::ExactlyOneOf);
    let lists: Vec<_> =
        list.lists().map(|list| list.map(|l| (l.template_id, l.offset, l.body.len()))).collect();
    assert_eq!(lists, [Ok((256, 5, 6)), Ok((257, 15, 5))]);
    let (seen, result) = outline(293, &bytes, &templates);
    let expected = [
        "[exactlyOneOf 256",
        "record",
        "7=80@105",
        "1=5@107",
        "]",
        "[exactlyOneOf 257",
        "record",
        "4=6@115",
        "[allOf 256",
        "]",
        "]",
    ];
    assert_eq!((seen, result), (expected.map(String::from).to_vec(), Ok(())));
    let lists = |bytes: &[u8]| -> Vec<_> {
        SubTemplateMultiList::new_checked(bytes, 0)
            .unwrap()
            .lists()
            .map(|l| l.map(|l| l.template_id))
            .collect()
    };
    assert_eq!(lists(&[0, 1, 0, 0, 3]), [Err(Error::new(Reason::BadLength, 3))]);
    assert_eq!(lists(&[0, 1, 0, 0, 5]), [Err(Error::new(Reason::FieldOverrun, 5))]);
    assert_eq!(lists(&[0, 0, 255, 0, 4]), [Err(Error::new(Reason::BadTemplateId, 1))]);
    assert_eq!(lists(&[0]), []);
}

#[test]
fn depth_and_work_are_bounded() {
    // A list in a list in a list, …: each a basicList of one basicList.
    let mut bytes = EGRESS.to_vec();
    for depth in 1..=DEPTH_MAX {
        let (seen, result) = outline(291, &bytes, &[]);
        assert_eq!((seen.len(), result), (2 * depth + 3, Ok(())), "{depth}");
        let len = u8::try_from(bytes.len()).unwrap();
        bytes = [&[3, 1, 35, 0xff, 0xff, len][..], &bytes].concat();
    }
    let (_, result) = outline(291, &bytes, &[]);
    assert_eq!(result.map_err(|error| error.reason), Err(Reason::LimitExceeded));
    // A template of 1,000 fields, all but one of no octets, and many records of one octet.
    let mut raw = vec![1, 0, 3, 232, 0, 4, 0, 1];
    raw.extend([0, 5, 0, 0].repeat(999));
    let raw: &'static [u8] = raw.leak();
    let bytes = [&[3, 1, 0][..], &[6; 1000]].concat();
    let (seen, result) = outline(292, &bytes, &[template(raw)]);
    assert_eq!(seen.len(), VISITS_MAX);
    assert_eq!(result.map_err(|error| error.reason), Err(Reason::LimitExceeded));
}

#[test]
fn semantics_have_numbers_and_words() {
    for number in 0..=255 {
        assert_eq!(Semantic::from_number(number).number(), number);
    }
    assert_eq!(Semantic::from_number(2).as_str(), "oneOrMoreOf");
    assert_eq!(Semantic::from_number(9), Semantic::Other(9));
}
