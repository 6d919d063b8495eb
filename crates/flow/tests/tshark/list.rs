//! Lists in records (RFC 6313 §4.5), which tshark shows as octets and weir opens: what is in them, read naively.

use super::netflow::{Field, Spec};
use std::collections::HashMap;
use weir_wire::element::{self, Type};

/// The templates of a session.
pub(crate) type Templates = HashMap<u16, Vec<Spec>>;

/// The fields with their lists replaced by what is in them, as far as the templates are known.
pub(crate) fn opened(fields: Vec<Field>, templates: &Templates) -> Vec<Field> {
    fields.into_iter().flat_map(|field| open(&field, templates).unwrap_or_else(|| vec![field])).collect()
}

/// What is in a list; `None` if the field is none, or holds what cannot be read.
fn open(field: &Field, templates: &Templates) -> Option<Vec<Field>> {
    let kind = element::lookup(field.enterprise, field.element?)?.data_type;
    let mut rest = field.octets.get(1..)?;
    let mut found = Vec::new();
    match kind {
        Type::BasicList => {
            let (element, length) = (word(&mut rest)?, word(&mut rest)?);
            let enterprise = if element & 0x8000 == 0 { 0 } else { u32::from(word(&mut rest)?) << 16 };
            let enterprise = if element & 0x8000 == 0 { 0 } else { enterprise | u32::from(word(&mut rest)?) };
            let spec = (enterprise, element & 0x7fff, usize::from(length));
            while !rest.is_empty() {
                record(&[spec], &mut rest, &mut found)?;
            }
        }
        Type::SubTemplateList => {
            let template = templates.get(&word(&mut rest)?)?;
            while !rest.is_empty() {
                record(template, &mut rest, &mut found)?;
            }
        }
        Type::SubTemplateMultiList => {
            while !rest.is_empty() {
                let (id, length) = (word(&mut rest)?, word(&mut rest)?);
                let mut records = rest.split_off(..usize::from(length).checked_sub(4)?)?;
                let template = templates.get(&id)?;
                while !records.is_empty() {
                    record(template, &mut records, &mut found)?;
                }
            }
        }
        _ => return None,
    }
    found.retain(|field| !field.octets.is_empty());
    Some(opened(found, templates))
}

/// Reads one record.
fn record(template: &[Spec], rest: &mut &[u8], found: &mut Vec<Field>) -> Option<()> {
    for (enterprise, element, length) in template {
        let length = match *length {
            0xffff => match *rest.split_off_first()? {
                255 => usize::from(word(rest)?),
                short => usize::from(short),
            },
            length => length,
        };
        let octets = rest.split_off(..length)?.to_vec();
        found.push(Field { enterprise: *enterprise, element: Some(*element), octets, ..Field::default() });
    }
    Some(())
}

fn word(rest: &mut &[u8]) -> Option<u16> {
    let octets = rest.split_off(..2)?;
    Some(u16::from_be_bytes([octets[0], octets[1]]))
}
