//! NetFlow version 9 (RFC 3954) and IPFIX (RFC 7011).

use super::{Datagram, Record, Sent, Value, is_zero, number, octets, word};
use std::collections::BTreeMap;

/// The length of a field that says "see the record" (RFC 7011 §7).
const VARIABLE: usize = 65_535;
/// **Rule**: a template of more fields is refused.
const FIELDS_MAX: usize = 1024;

/// What a message's header says.
pub(super) struct Header {
    pub(super) version: u16,
    pub(super) domain: u32,
    sequence: u32,
    sent: Sent,
    /// Where the sets begin and end.
    sets: (usize, usize),
}

pub(super) fn header(version: u64, bytes: &[u8]) -> Option<Header> {
    if version == 9 {
        // RFC 3954 §5.1: version, count, sysUpTime, UNIX seconds, sequence, source id.
        let sent = Sent {
            export_ms: Some(i128::from(number(bytes, 8, 4)?) * 1000),
            uptime_ms: Some(i128::from(number(bytes, 4, 4)?)),
        };
        let (sequence, domain) = (word(bytes, 12, 4)?, word(bytes, 16, 4)?);
        return Some(Header { version: 9, domain, sequence, sent, sets: (20, bytes.len()) });
    }
    // RFC 7011 §3.1: version, length, export time, sequence, observation domain.
    let length = usize::try_from(number(bytes, 2, 2)?).ok()?;
    let sent = Sent { export_ms: Some(i128::from(number(bytes, 4, 4)?) * 1000), uptime_ms: None };
    let (sequence, domain) = (word(bytes, 8, 4)?, word(bytes, 12, 4)?);
    if length < 16 {
        return None;
    }
    // Rule: of a message that was cut short, what is there is good; one datagram holds one message.
    Some(Header { version: 10, domain, sequence, sent, sets: (16, length.min(bytes.len())) })
}

/// A template.
#[derive(Debug, Clone)]
struct Template {
    is_options: bool,
    /// Enterprise, element, length, in their order; the scope first.
    fields: Vec<(u32, u16, usize)>,
    /// How many of them are scopes of version 9, which are not elements.
    scopes: usize,
}

/// A data set whose template has not come yet.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The template.
    pub id: u16,
    /// What stands behind the set's header.
    pub body: Vec<u8>,
    sent: Sent,
}

/// What is kept of an observation domain.
#[derive(Debug, Default)]
pub struct Domain {
    templates: BTreeMap<u16, Template>,
    /// Data sets that wait, in the order they came.
    pub waiting: Vec<Waiting>,
}

/// A message on its way.
struct Reading<'a> {
    version: u16,
    sent: Sent,
    out: &'a mut Datagram,
}

impl Domain {
    pub(super) fn message(&mut self, header: &Header, bytes: &[u8]) -> Datagram {
        let mut out = Datagram {
            version: header.version,
            domain: header.domain,
            sequence: Some(header.sequence),
            ..Datagram::default()
        };
        let mut reading = Reading { version: header.version, sent: header.sent, out: &mut out };
        let sets = bytes.get(header.sets.0..header.sets.1).unwrap_or_default();
        let mut at = 0;
        // A set: id, length (its four octets counted), body.
        while let (Some(id), Some(length)) = (word(sets, at, 2), number(sets, at + 2, 2)) {
            // Rule: a length below four leaves no way on, and ends the message.
            let length = usize::try_from(length).unwrap_or_default();
            if length < 4 {
                break;
            }
            // Rule: a set that runs past the end is read as far as it goes.
            let body = sets.get(at + 4..(at + length).min(sets.len())).unwrap_or_default();
            self.set(id, body, &mut reading);
            at += length;
        }
        out
    }

    fn set(&mut self, id: u32, body: &[u8], reading: &mut Reading<'_>) {
        // RFC 3954 §5.2, §6.1: 0 and 1. RFC 7011 §3.3.2: 2 and 3. From 256 on, data.
        let first = if reading.version == 9 { 0 } else { 2 };
        if id == first {
            self.templates(false, body, reading);
        } else if id == first + 1 {
            self.templates(true, body, reading);
        } else if let (256.., Ok(id)) = (id, u16::try_from(id)) {
            let Some(template) = self.templates.get(&id).cloned() else {
                self.waiting.push(Waiting { id, body: body.to_vec(), sent: reading.sent });
                return;
            };
            data(&template, body, reading);
        }
    }

    fn templates(&mut self, is_options: bool, body: &[u8], reading: &mut Reading<'_>) {
        let mut at = 0;
        // Rule: fewer than four octets, or zeros to the end, are padding.
        while body.len() - at >= 4 && !is_zero(&body[at..]) {
            let Some((end, result)) = one(reading.version, is_options, body, at) else { return };
            at = end;
            match result {
                None => {}
                Some((id, None)) => self.withdraw(is_options, id),
                Some((id, Some(template))) => self.define(id, &template, reading),
            }
        }
    }

    /// RFC 7011 §8.1: the template of this id, or (id 2 or 3) all templates of the kind.
    fn withdraw(&mut self, is_options: bool, id: u16) {
        if id < 256 {
            self.templates.retain(|_, template| template.is_options != is_options);
        } else {
            // Rule: whatever its kind: there is one name space of ids.
            self.templates.remove(&id);
        }
    }

    /// The last definition counts. **Rule**: what waited for the id is read with the first definition that comes.
    fn define(&mut self, id: u16, template: &Template, reading: &mut Reading<'_>) {
        if self.templates.insert(id, template.clone()).is_some() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        for set in waiting {
            if set.id == id {
                let mut then = Reading { version: reading.version, sent: set.sent, out: reading.out };
                data(template, &set.body, &mut then);
            } else {
                self.waiting.push(set);
            }
        }
    }
}

/// What one template in a set says: its id, and no template if it is withdrawn; `None` if it is refused.
type Said = Option<(u16, Option<Template>)>;

/// Reads the template that begins at `at`; where it ends, and what it says. `None` if it runs past the end of the
/// set: then nothing of it is known, and nothing can follow.
fn one(version: u16, is_options: bool, body: &[u8], at: usize) -> Option<(usize, Said)> {
    let (id, count) = (u16::try_from(number(body, at, 2)?).ok()?, number(body, at + 2, 2)?);
    let mut count = usize::try_from(count).ok()?;
    let mut at = at + 4;
    let mut scopes = 0;
    // Rule: ids below 256 belong to sets.
    let mut is_good = id >= 256;
    if version == 10 && count == 0 {
        let all = if is_options { 3 } else { 2 };
        return Some((at, (id == all || is_good).then_some((id, None))));
    }
    if is_options {
        let second = usize::try_from(number(body, at, 2)?).ok()?;
        at += 2;
        if version == 10 {
            // RFC 7011 §3.4.2.2: the scope field count must not be zero, and is part of the field count.
            is_good &= second > 0 && second <= count;
            scopes = 0; // scopes of IPFIX are elements
        } else {
            // RFC 3954 §6.1: octets of scope fields, octets of option fields; four octets a field.
            if count % 4 != 0 || second % 4 != 0 {
                let end = at + count + second;
                return octets(body, at, end - at).map(|_| (end, None));
            }
            scopes = count / 4;
            count = scopes + second / 4;
        }
    }
    let mut fields = Vec::new();
    for _ in 0..count {
        let (element, length) = (number(body, at, 2)?, number(body, at + 2, 2)?);
        at += 4;
        let (mut element, mut enterprise) = (u16::try_from(element).ok()?, 0);
        // RFC 7011 §3.2: the highest bit says that an enterprise number follows. Version 9 has no such bit.
        if version == 10 && element >= 0x8000 {
            element -= 0x8000;
            enterprise = word(body, at, 4)?;
            at += 4;
        }
        fields.push((enterprise, element, usize::try_from(length).ok()?));
    }
    // Rule: a template is refused if its records could have no octets, or if it has too many fields.
    is_good &= shortest(&fields) > 0 && fields.len() <= FIELDS_MAX;
    let template = Template { is_options, fields, scopes };
    Some((at, is_good.then_some((id, Some(template)))))
}

/// The fewest octets that a record can have.
fn shortest(fields: &[(u32, u16, usize)]) -> usize {
    fields.iter().map(|(_, _, length)| if *length == VARIABLE { 1 } else { *length }).sum()
}

/// Reads the records of a data set.
fn data(template: &Template, body: &[u8], reading: &mut Reading<'_>) {
    let mut records = Vec::new();
    let mut at = 0;
    // RFC 7011 §3.3.1: padding is shorter than any record.
    while body.len() - at >= shortest(&template.fields) {
        // A record that runs past the end of its set ends it.
        let Some((end, values)) = record(template, body, at) else { break };
        at = end;
        records.push(Record { version: reading.version, sent: reading.sent, values });
    }
    if !template.is_options {
        reading.out.sets.push(records);
    } else if template.fields.iter().skip(template.scopes).any(|(_, element, _)| *element == 96) {
        reading.out.has_names |= !records.is_empty();
    }
}

fn record(template: &Template, body: &[u8], at: usize) -> Option<(usize, Vec<Value>)> {
    let mut at = at;
    let mut values = Vec::new();
    for (enterprise, element, length) in &template.fields {
        let mut length = *length;
        let is_variable = length == VARIABLE;
        if is_variable {
            // RFC 7011 §7: one octet of length, or 255 and two octets.
            length = usize::try_from(number(body, at, 1)?).ok()?;
            at += 1;
            if length == 255 {
                length = usize::try_from(number(body, at, 2)?).ok()?;
                at += 2;
            }
        }
        let octets = octets(body, at, length)?.to_vec();
        at += length;
        values.push(Value { enterprise: *enterprise, element: *element, octets, is_variable });
    }
    Some((at, values))
}
