//! Properties: what is emitted parses to the same, and no octets whatever make a view panic or lie about places.

#![expect(clippy::unwrap_used, reason = "a test: what is not as expected ends it")]

use proptest::collection::vec;
use proptest::prelude::*;
use weir_wire::netflow::{v1, v5, v7, v9};
use weir_wire::reader::Reader;
use weir_wire::template::{self, Dialect, Field, Role, Set, SetKind, Sets, VARIABLE};
use weir_wire::writer::Writer;
use weir_wire::{Error, Reason, ipfix, value};

fn v5_record() -> impl Strategy<Value = v5::Record> {
    let addresses = any::<([u8; 4], [u8; 4], [u8; 4])>();
    let numbers = any::<(u16, u16, u32, u32, u32, u32, u16, u16)>();
    let rest = any::<(u8, u8, u8, u16, u16, u8, u8)>();
    (addresses, numbers, rest).prop_map(|(addresses, numbers, rest)| v5::Record {
        src_addr: addresses.0,
        dst_addr: addresses.1,
        next_hop: addresses.2,
        ingress_if: numbers.0,
        egress_if: numbers.1,
        packets: numbers.2,
        octets: numbers.3,
        first_ms: numbers.4,
        last_ms: numbers.5,
        src_port: numbers.6,
        dst_port: numbers.7,
        tcp_flags: rest.0,
        proto: rest.1,
        tos: rest.2,
        src_as: rest.3,
        dst_as: rest.4,
        src_mask: rest.5,
        dst_mask: rest.6,
    })
}

fn v5_header() -> impl Strategy<Value = v5::Header> {
    (any::<(u32, u32, u32, u32, u8, u8)>(), 0..4_u8, 0..0x4000_u16).prop_map(|(numbers, mode, interval)| {
        v5::Header {
            uptime_ms: numbers.0,
            export_s: numbers.1,
            export_ns: numbers.2,
            sequence: numbers.3,
            engine_type: numbers.4,
            engine_id: numbers.5,
            sampling: v5::Sampling { mode, interval },
        }
    })
}

/// The same flow in version 1, which knows less.
fn as_v1(record: &v5::Record) -> v1::Record {
    v1::Record {
        src_addr: record.src_addr,
        dst_addr: record.dst_addr,
        next_hop: record.next_hop,
        ingress_if: record.ingress_if,
        egress_if: record.egress_if,
        packets: record.packets,
        octets: record.octets,
        first_ms: record.first_ms,
        last_ms: record.last_ms,
        src_port: record.src_port,
        dst_port: record.dst_port,
        proto: record.proto,
        tos: record.tos,
        tcp_flags: record.tcp_flags,
    }
}

/// The same flow in version 7, which knows a little more.
fn as_v7(record: &v5::Record, router: [u8; 4], valid_flags: u8, invalid_flags: u16) -> v7::Record {
    v7::Record {
        src_addr: record.src_addr,
        dst_addr: record.dst_addr,
        next_hop: record.next_hop,
        ingress_if: record.ingress_if,
        egress_if: record.egress_if,
        packets: record.packets,
        octets: record.octets,
        first_ms: record.first_ms,
        last_ms: record.last_ms,
        src_port: record.src_port,
        dst_port: record.dst_port,
        valid_flags,
        tcp_flags: record.tcp_flags,
        proto: record.proto,
        tos: record.tos,
        src_as: record.src_as,
        dst_as: record.dst_as,
        src_mask: record.src_mask,
        dst_mask: record.dst_mask,
        invalid_flags,
        router,
    }
}

proptest! {
    #[test]
    fn v5_round_trip(header in v5_header(), records in vec(v5_record(), 1..=30), zeros in 0..64_usize) {
        let mut out = [0; 1600];
        let len = v5::emit(&header, &records, &mut out).unwrap();
        prop_assert_eq!(len, 24 + 48 * records.len());
        let datagram = v5::Datagram::new_checked(&out[..len + zeros]).unwrap();
        prop_assert_eq!(datagram.header(), header);
        prop_assert_eq!(datagram.records().collect::<Vec<_>>(), records);
        prop_assert_eq!(datagram.body(), &out[24..len]);
        let cut = v5::Datagram::new_checked(&out[..len - 1]);
        prop_assert_eq!(cut, Err(Error::new(Reason::CountMismatch, 2)));
    }

    #[test]
    fn v1_round_trip(numbers: [u32; 3], records in vec(v5_record(), 1..=24)) {
        let header = v1::Header { uptime_ms: numbers[0], export_s: numbers[1], export_ns: numbers[2] };
        let records: Vec<_> = records.iter().map(as_v1).collect();
        let mut out = [0; 1600];
        let len = v1::emit(&header, &records, &mut out).unwrap();
        let datagram = v1::Datagram::new_checked(&out[..len]).unwrap();
        prop_assert_eq!((len, datagram.header()), (16 + 48 * records.len(), header));
        prop_assert_eq!(datagram.records().collect::<Vec<_>>(), records);
    }

    #[test]
    fn v7_round_trip(
        numbers: [u32; 4], records in vec(v5_record(), 1..=28), router: [u8; 4], flags: u8, more: u16,
    ) {
        let header = v7::Header {
            uptime_ms: numbers[0], export_s: numbers[1], export_ns: numbers[2], sequence: numbers[3],
        };
        let records: Vec<_> = records.iter().map(|record| as_v7(record, router, flags, more)).collect();
        let mut out = [0; 1600];
        let len = v7::emit(&header, &records, &mut out).unwrap();
        let datagram = v7::Datagram::new_checked(&out[..len]).unwrap();
        prop_assert_eq!((len, datagram.header()), (24 + 52 * records.len(), header));
        prop_assert_eq!(datagram.records().collect::<Vec<_>>(), records);
    }

    #[test]
    fn numbers_of_reduced_size(value: u64, len in 1..=8_usize) {
        let reduced = value >> (64 - 8 * len);
        prop_assert_eq!(value::unsigned(&reduced.to_be_bytes()[8 - len..]), Some(reduced));
        let signed = value.cast_signed() >> (64 - 8 * len);
        prop_assert_eq!(value::signed(&signed.to_be_bytes()[8 - len..]), Some(signed));
    }

    #[test]
    fn variable_fields_round_trip(values in vec(vec(any::<u8>(), 0..400), 0..8)) {
        let mut out = [0; 4000];
        let mut writer = Writer::new(&mut out);
        for value in &values {
            template::put_field(&mut writer, VARIABLE, value).unwrap();
        }
        let mut reader = Reader::new(writer.written());
        for value in &values {
            prop_assert_eq!(template::take_field(&mut reader, VARIABLE).unwrap(), &value[..]);
        }
        prop_assert!(reader.is_empty());
    }
}

/// A part of a message of sets, with the octets of records as numbers of fields decide.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Template(u16, Vec<Field>),
    Options(u16, Vec<Field>, Vec<Field>),
    Record(u16, Vec<u8>),
}

fn field(dialect: Dialect, role: Role) -> impl Strategy<Value = Field> {
    let length = prop_oneof![6 => 1..=16_u16, 1 => Just(0), 1 => Just(VARIABLE), 1 => any::<u16>()];
    (any::<u16>(), prop_oneof![Just(0), any::<u32>()], length).prop_map(
        move |(element, enterprise, length)| match dialect {
            Dialect::V9 => Field { element, enterprise: 0, length, role },
            Dialect::Ipfix => Field { element: element & 0x7fff, enterprise, length, role },
        },
    )
}

/// Parts; records have one length for each template id, which is what a template would say.
fn parts(dialect: Dialect) -> impl Strategy<Value = Vec<Part>> {
    let scope_role = match dialect {
        Dialect::V9 => Role::V9Scope,
        Dialect::Ipfix => Role::Scope,
    };
    let value = || field(dialect, Role::Value);
    let record = (256..260_u16).prop_flat_map(|id| {
        vec(any::<u8>(), usize::from(id - 255)).prop_map(move |record| Part::Record(id, record))
    });
    let id = 256..300_u16;
    let template = (id.clone(), vec(value(), 1..12)).prop_map(|(id, fields)| Part::Template(id, fields));
    let options = (id, vec(field(dialect, scope_role), 1..4), vec(value(), 0..4))
        .prop_map(|(id, scope, fields)| Part::Options(id, scope, fields));
    vec(prop_oneof![2 => template, 1 => options, 6 => record], 0..60)
}

/// What comes out of a message, in order; records cut by their known lengths.
fn read(sets: Sets<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    for set in sets {
        let set = set.unwrap();
        if let SetKind::Data(id) = set.kind() {
            let records = set.body.chunks_exact(usize::from(id - 255));
            parts.extend(records.map(|record| Part::Record(id, record.to_vec())));
        }
        for template in set.templates() {
            let template = template.unwrap();
            let mut fields: Vec<_> = template.fields().collect();
            let values = fields.split_off(template.scope_count);
            parts.push(if template.is_options {
                Part::Options(template.id, fields, values)
            } else {
                Part::Template(template.id, values)
            });
        }
    }
    parts
}

/// Whether records of this template would have any octets.
fn is_emittable(part: &Part) -> bool {
    let has_octets = |fields: &[Field]| fields.iter().any(|field| field.length != 0);
    match part {
        Part::Template(_, fields) => has_octets(fields),
        Part::Options(_, scope, fields) => has_octets(scope) || has_octets(fields),
        Part::Record(..) => true,
    }
}

macro_rules! write_parts {
    ($writer:expr, $parts:expr) => {{
        let mut written = Vec::new();
        for part in $parts {
            let result = match part {
                Part::Template(id, fields) => $writer.template(*id, fields),
                Part::Options(id, scope, fields) => $writer.options_template(*id, scope, fields),
                Part::Record(id, record) => {
                    $writer.begin_data(*id).unwrap();
                    $writer.record(record)
                }
            };
            match result {
                Ok(()) => written.push(part.clone()),
                Err(error) => assert_eq!(error.reason, Reason::NoSpace),
            }
        }
        written
    }};
}

proptest! {
    /// Whatever part finds no room is refused whole; all the others come back in order.
    #[test]
    fn v9_round_trip(parts in parts(Dialect::V9), numbers: [u32; 4], size in 20..1500_usize) {
        let parts: Vec<_> = parts.into_iter().filter(is_emittable).collect();
        let [uptime_ms, export_s, sequence, source_id] = numbers;
        let header = v9::Header { count: 0, uptime_ms, export_s, sequence, source_id };
        let mut out = vec![0xa5; size];
        let mut writer = v9::Writer::new(&mut out, header).unwrap();
        let written = write_parts!(writer, &parts);
        let len = writer.finish().unwrap();
        prop_assert!(len.is_multiple_of(4) || has_short_records(&written));
        let message = v9::Message::new_checked(&out[..len]).unwrap();
        let count = u16::try_from(written.len()).unwrap();
        prop_assert_eq!(message.header(), v9::Header { count, ..header });
        prop_assert_eq!(read(message.sets()), written);
    }

    #[test]
    fn ipfix_round_trip(parts in parts(Dialect::Ipfix), numbers: [u32; 3], size in 16..1500_usize) {
        let parts: Vec<_> = parts.into_iter().filter(is_emittable).collect();
        let [export_s, sequence, domain] = numbers;
        let header = ipfix::Header { length: 0, export_s, sequence, domain };
        let mut out = vec![0xa5; size];
        let mut writer = ipfix::Writer::new(&mut out, header).unwrap();
        let written = write_parts!(writer, &parts);
        let len = writer.finish().unwrap();
        let message = ipfix::Message::new_checked(&out).unwrap_or_else(|error| panic!("{error}"));
        let length = u16::try_from(len).unwrap();
        prop_assert_eq!((message.header(), message.len()), (ipfix::Header { length, ..header }, len));
        prop_assert_eq!(read(message.sets()), written);
    }

    /// Any cut of a good message yields a prefix of its parts and then, at most, one error per view.
    #[test]
    fn a_cut_message_yields_a_prefix(parts in parts(Dialect::Ipfix), cut in 16..1500_usize) {
        let parts: Vec<_> = parts.into_iter().filter(is_emittable).collect();
        let mut out = [0; 1500];
        let mut writer = ipfix::Writer::new(&mut out, ipfix::Header::default()).unwrap();
        let written = write_parts!(writer, &parts);
        let len = writer.finish().unwrap();
        let cut = cut.min(len);
        let message = ipfix::Message::from_datagram(&out[..cut]).unwrap();
        prop_assert_eq!((message.is_whole(), message.len()), (cut == len, cut));
        let good: Vec<Set<'_>> = message.sets().filter_map(Result::ok).collect();
        let errors: Vec<Error> = message.sets().filter_map(Result::err).collect();
        let expected = if cut < len { vec![Error::new(Reason::Truncated, cut)] } else { vec![] };
        prop_assert_eq!(errors, expected);
        let octets: usize = good.iter().map(|set| set.body.len() + 4).sum();
        prop_assert!(octets + 16 <= cut && cut - octets - 16 < 4);
        let templates = good.iter().flat_map(Set::templates).filter_map(Result::ok).count();
        prop_assert!(templates <= written.len());
    }
}

/// Whether a set may end unpadded, because padding would look like its records.
fn has_short_records(written: &[Part]) -> bool {
    written.iter().any(|part| matches!(part, Part::Record(_, record) if record.len() < 4))
}
