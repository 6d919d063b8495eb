//! NetFlow v9 and IPFIX: an input is a sequence of messages from one exporter, and the templates of one serve the
//! next, as they do in life.

use std::collections::BTreeMap;
use weir_wire::template::{Dialect, FIELDS_MAX, Field, Record, Set, SetKind, Sets, Template};
use weir_wire::{Error, Reason, ipfix, netflow};

/// A sequence of NetFlow v9 messages.
pub fn v9(data: &[u8]) {
    let mut exporter = Exporter::default();
    for datagram in super::parts(data) {
        match netflow::v9::Message::new_checked(datagram) {
            Ok(message) => exporter.sets(message.header().source_id, datagram, message.sets()),
            Err(error) => assert!(error.offset <= datagram.len()),
        }
    }
}

/// A sequence of IPFIX messages.
pub fn ipfix(data: &[u8]) {
    let mut exporter = Exporter::default();
    for datagram in super::parts(data) {
        let message = match ipfix::Message::from_datagram(datagram) {
            Ok(message) => message,
            Err(error) => {
                assert_eq!(ipfix::Message::new_checked(datagram), Err(error));
                assert!(error.offset <= datagram.len());
                continue;
            }
        };
        match ipfix::Message::new_checked(datagram) {
            Ok(whole) => assert!(whole == message && whole.is_whole()),
            Err(error) => assert!(error.reason == Reason::Truncated && !message.is_whole()),
        }
        let (len, header) = (message.len(), message.header());
        assert!(len <= datagram.len() && message.is_whole() == (len == usize::from(header.length)));
        exporter.sets(header.domain, &datagram[..len], message.sets());
    }
}

/// What is kept between messages.
#[derive(Default)]
struct Exporter {
    /// Templates by domain and id, as they were sent.
    kept: BTreeMap<(u32, u16), (u16, Vec<u8>)>,
}

impl Exporter {
    fn sets(&mut self, domain: u32, message: &[u8], sets: Sets<'_>) {
        let (mut octets, mut ended) = (0, false);
        for set in sets {
            assert!(!ended, "an item after an error");
            match set {
                Ok(set) => {
                    super::assert_at(message, set.offset, set.body);
                    octets += set.body.len() + 4;
                    self.set(domain, message, &set);
                }
                Err(error) => {
                    assert!(error.offset <= message.len());
                    ended = true;
                }
            }
        }
        assert!(octets <= message.len());
    }

    fn set(&mut self, domain: u32, message: &[u8], set: &Set<'_>) {
        for template in set.templates() {
            match template {
                Ok(template) => {
                    check_template(message, set, &template);
                    if template.is_withdrawal() {
                        self.kept.remove(&(domain, template.id));
                    } else {
                        self.kept.insert((domain, template.id), (set.id, template.raw.to_vec()));
                    }
                }
                Err(error) => assert!(error.offset <= message.len()),
            }
        }
        let SetKind::Data(id) = set.kind() else { return };
        let Some((kind, raw)) = self.kept.get(&(domain, id)) else { return };
        let kept = Set { dialect: set.dialect, id: *kind, offset: 0, body: raw, is_cut: false };
        let template = kept.templates().next().unwrap().unwrap();
        let mut at = set.offset;
        let mut end = None;
        for record in template.records(set) {
            assert_eq!(end, None, "a record after an error");
            match record {
                Ok(record) => {
                    assert_eq!(record.offset, at);
                    super::assert_at(message, at, record.bytes);
                    check_record(&record);
                    at += record.bytes.len();
                }
                Err(error) => end = Some(error),
            }
        }
        let left = set.offset + set.body.len() - at;
        match end {
            None => assert!(set.is_cut || left < template.record_len_min, "{left} octets left"),
            Some(Error { reason, offset }) => {
                assert!(reason == Reason::FieldOverrun && (at..=at + left).contains(&offset));
            }
        }
    }
}

fn check_record(record: &Record<'_, '_>) {
    let template = record.template;
    let values: Vec<_> = record.values().collect();
    assert_eq!(values.len(), template.field_count);
    let octets: usize = values.iter().map(|(_, value)| value.len()).sum();
    assert!(octets <= record.bytes.len());
    assert!(record.bytes.len() >= template.record_len_min);
    if !template.is_variable {
        assert_eq!((record.bytes.len(), octets), (template.record_len_min, template.record_len_min));
    }
}

fn check_template(message: &[u8], set: &Set<'_>, template: &Template<'_>) {
    super::assert_at(message, template.offset, template.raw);
    assert!(template.raw.ends_with(template.body));
    let fields: Vec<Field> = template.fields().collect();
    assert_eq!(fields.len(), template.field_count);
    assert!(fields.len() <= FIELDS_MAX && template.scope_count <= fields.len());
    assert_eq!(fields.iter().filter(|field| field.is_scope()).count(), template.scope_count);
    let len_min: usize = fields.iter().map(|field| usize::from(field.len_min())).sum();
    assert_eq!((len_min, template.is_withdrawal()), (template.record_len_min, fields.is_empty()));
    assert_eq!(fields.iter().any(Field::is_variable), template.is_variable);
    let kept = Set { body: template.raw, offset: template.offset, is_cut: false, ..*set };
    assert!(kept.templates().eq([Ok(*template)]));
    emit_again(template, &fields);
}

/// A template that was read can be written and read again.
fn emit_again(template: &Template<'_>, fields: &[Field]) {
    // Of version 9 a scope of no fields is read, but not written.
    if template.is_withdrawal() || (template.is_options && template.scope_count == 0) {
        return;
    }
    let mut out = vec![0; 10_000];
    let (scope, values) = fields.split_at(template.scope_count);
    macro_rules! emit {
        ($writer:expr) => {{
            let mut writer = $writer.unwrap();
            if template.is_options {
                writer.options_template(template.id, scope, values).unwrap();
            } else {
                writer.template(template.id, values).unwrap();
            }
            writer.finish().unwrap()
        }};
    }
    let (len, header_len) = match template.dialect {
        Dialect::V9 => {
            (emit!(netflow::v9::Writer::new(&mut out, Default::default())), netflow::v9::HEADER_LEN)
        }
        Dialect::Ipfix => (emit!(ipfix::Writer::new(&mut out, Default::default())), ipfix::HEADER_LEN),
    };
    let set = Sets::new(template.dialect, &out[header_len..len], header_len).next().unwrap().unwrap();
    let again = set.templates().next().unwrap().unwrap();
    assert_eq!((again.id, again.is_options), (template.id, template.is_options));
    assert_eq!(again.scope_count, template.scope_count);
    assert!(again.fields().eq(fields.iter().copied()));
}
