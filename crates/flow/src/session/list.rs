//! Lists within records (RFC 6313): what is in them goes into the `other` column value by value, so that each can be
//! found by its name. A list whose template is not known, or that is damaged, stays as it came.

use super::Session;
use super::plan::Plan;
use super::template::Templates;
use crate::Bytes;
use crate::health::Counter;
use crate::other::{self, Element, Elements};
use weir_wire::element::{self, Type};
use weir_wire::structured::{self, Item};
use weir_wire::template::{Dialect, Field};

/// Whether an element is a list.
pub(super) fn is_list(enterprise: u32, number: u16) -> bool {
    let data_type = element::lookup(enterprise, number).map(|element| element.data_type);
    matches!(data_type, Some(Type::BasicList | Type::SubTemplateList | Type::SubTemplateMultiList))
}

impl Session {
    /// Opens the lists in the runs of elements of each record; `runs` is what was read, `out` the column.
    pub(super) fn append_opened(&mut self, plan: &Plan, runs: &Bytes, out: &mut Bytes) {
        if !plan.has_lists {
            return out.append(runs);
        }
        let mut damaged = 0;
        for run in runs.iter() {
            out.push_parts(|data| damaged += open(run, &self.templates, data));
        }
        for _ in 0..damaged {
            self.counts.add_reason(Counter::Malformed, "list");
        }
    }
}

/// Appends a run with its lists opened; returns how many lists were damaged.
fn open(run: &[u8], templates: &Templates, out: &mut Vec<u8>) -> usize {
    let mut damaged = 0;
    for element in Elements::new(run) {
        let before = out.len();
        if is_list(element.enterprise, element.number) {
            match open_list(element, templates, out) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(_) => damaged += 1,
            }
            out.truncate(before);
        }
        other::push(out, element);
    }
    damaged
}

/// Appends the values in a list; false if there are records in it that nobody can read yet.
fn open_list(list: Element<'_>, templates: &Templates, out: &mut Vec<u8>) -> Result<bool, weir_wire::Error> {
    let field = Field::enterprise(list.enterprise, list.number, weir_wire::template::VARIABLE);
    let mut all = true;
    let lookup = |id| templates.flows(id, Dialect::Ipfix);
    structured::walk(field, list.value, 0, &lookup, &mut |item| match item {
        Item::Value { field, bytes, .. } if !bytes.is_empty() => {
            let (enterprise, number) = (field.enterprise, field.element);
            other::push(out, Element { enterprise, number, value: bytes });
        }
        Item::Opaque { .. } => all = false,
        _ => {}
    })?;
    Ok(all)
}
