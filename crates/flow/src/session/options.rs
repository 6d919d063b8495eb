//! Options data: what an exporter says about itself: sampling, names, when it started, what it could not send.

use super::sampling::Said;
use crate::label::Kind;
use weir_wire::reader::Reader;
use weir_wire::template::{Field, Role, Template, take_field};
use weir_wire::{Error, value};

/// An options template, kept.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    fields: Vec<Field>,
    len_min: usize,
}

/// What one options record says that a session wants to know.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) sampling: Said,
    /// When the exporter started (160), ms since 1970.
    pub(super) init: Option<u64>,
    /// Names of interfaces (82), samplers (84), applications (96) and routing tables (236).
    interface: &'a [u8],
    description: &'a [u8],
    sampler: &'a [u8],
    application: &'a [u8],
    vrf: &'a [u8],
    application_id: Option<u64>,
    vrf_id: Option<u64>,
    /// What the exporter did not send, since it started: flows (166), packets (167), octets (168).
    pub(super) unsent: [Option<u64>; 3],
}

/// A name that an options record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) kind: Kind,
    pub(super) number: u64,
    pub(super) name: &'a [u8],
    pub(super) description: &'a [u8],
}

/// An application's number (RFC 6759 §4): the engine in the highest octet, the selector below. Engine 20 has an
/// enterprise's number before the selector; such a one is cut to 56 bits.
pub(super) fn application_id(octets: &[u8]) -> Option<u64> {
    let (engine, selector) = octets.split_first()?;
    let selector = selector.iter().fold(0u64, |n, octet| n << 8 | u64::from(*octet));
    Some(u64::from(*engine) << 56 | selector & (u64::MAX >> 8))
}

impl Plan {
    pub(super) fn compile(template: &Template<'_>) -> Self {
        Self { fields: template.fields().collect(), len_min: template.record_len_min.max(1) }
    }

    /// Reads the records of a set's body.
    ///
    /// # Errors
    /// What is wrong, at its place in the body, if a record ran past the end; those before it were read.
    pub(super) fn records<'a>(&self, body: &'a [u8], mut each: impl FnMut(Record<'a>)) -> Option<Error> {
        let mut reader = Reader::new(body);
        while reader.len() >= self.len_min {
            let mut record = Record::default();
            for field in &self.fields {
                match take_field(&mut reader, field.length) {
                    Ok(octets) => record.note(field, octets),
                    Err(error) => return Some(error),
                }
            }
            each(record);
        }
        None
    }
}

impl<'a> Record<'a> {
    fn note(&mut self, field: &Field, octets: &'a [u8]) {
        match (field.role, field.enterprise, field.element) {
            (Role::V9Scope, ..) => {}
            (_, 0, 82) => return self.interface = octets,
            (_, 0, 83) => return self.description = octets,
            (_, 0, 84 | 335) => return self.sampler = octets,
            (_, 0, 95) => return self.application_id = application_id(octets),
            (_, 0, 96) => return self.application = octets,
            (_, 0, 236) => return self.vrf = octets,
            _ => {}
        }
        let number = value::unsigned(octets);
        if number.is_none() {
            return;
        }
        match (field.role, field.enterprise, field.element) {
            // Scope type 2 of v9 is an interface; in IPFIX a scope is an element like any other.
            (Role::V9Scope, _, 2) => self.sampling.interface = number,
            (Role::V9Scope, ..) => {}
            (_, 0, 10 | 14 | 252 | 253) => self.sampling.interface = number,
            (_, 0, 48 | 302) => self.sampling.sampler = number,
            (_, 0, 34 | 50 | 305) => self.sampling.interval = number,
            (_, 0, 306) => self.sampling.space = number,
            (_, 0, 309) => self.sampling.size = number,
            (_, 0, 310) => self.sampling.population = number,
            (_, 0, 160) => self.init = number,
            (_, 0, 166) => self.unsent[0] = number,
            (_, 0, 167) => self.unsent[1] = number,
            (_, 0, 168) => self.unsent[2] = number,
            (_, 0, 234 | 235) => self.vrf_id = number,
            _ => {}
        }
    }

    /// The names it says.
    pub(super) fn names(&self) -> impl Iterator<Item = Named<'a>> {
        let interface = self.sampling.interface;
        let named = |kind, number: Option<u64>, name: &'a [u8], description: &'a [u8]| {
            let number = number.filter(|_| !name.is_empty() || !description.is_empty())?;
            Some(Named { kind, number, name, description })
        };
        [
            named(Kind::Interface, interface, self.interface, self.description),
            named(Kind::Sampler, self.sampling.sampler, self.sampler, &[]),
            named(Kind::Application, self.application_id, self.application, &[]),
            named(Kind::Vrf, self.vrf_id, self.vrf, &[]),
        ]
        .into_iter()
        .flatten()
    }
}
