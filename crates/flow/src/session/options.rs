//! Options data: what an exporter says about itself. Today: sampling, and when it started.

use super::sampling::Said;
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
pub(super) struct Record {
    pub(super) sampling: Said,
    /// When the exporter started (160), ms since 1970.
    pub(super) init: Option<u64>,
}

impl Plan {
    pub(super) fn compile(template: &Template<'_>) -> Self {
        Self { fields: template.fields().collect(), len_min: template.record_len_min.max(1) }
    }

    /// Reads the records of a set's body.
    ///
    /// # Errors
    /// What is wrong, at its place in the body, if a record ran past the end; those before it were read.
    pub(super) fn records(&self, body: &[u8], mut each: impl FnMut(Record)) -> Option<Error> {
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

impl Record {
    fn note(&mut self, field: &Field, octets: &[u8]) {
        let Some(number) = value::unsigned(octets) else { return };
        let number = Some(number);
        match (field.role, field.enterprise, field.element) {
            // Scope type 2 of v9 is an interface; in IPFIX a scope is an element like any other.
            (Role::V9Scope, _, 2) | (_, 0, 10 | 14) if field.is_scope() => self.sampling.interface = number,
            (Role::V9Scope, ..) => {}
            (_, 0, 10) => self.sampling.interface = number,
            (_, 0, 48 | 302) => self.sampling.sampler = number,
            (_, 0, 34 | 50 | 305) => self.sampling.interval = number,
            (_, 0, 306) => self.sampling.space = number,
            (_, 0, 309) => self.sampling.size = number,
            (_, 0, 310) => self.sampling.population = number,
            (_, 0, 160) => self.init = number,
            _ => {}
        }
    }
}
