//! The elements of records of fixed length that no column holds, copied as they are.

use super::super::gather::{Place, Records};
use super::element::PADDING;
use crate::{Bytes, other};
use weir_wire::template::Field;

/// What one record contributes to the `other` column: the same octets each time but for the values.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Rest {
    /// The run of elements with its values left zero.
    skeleton: Vec<u8>,
    /// Where in the skeleton a field's value belongs.
    values: Vec<(usize, Place)>,
}

impl Rest {
    /// Adds a field; padding is left out.
    pub(super) fn add(&mut self, field: &Field, place: Place) {
        if field.enterprise == 0 && field.element == PADDING {
            return;
        }
        let (header, len) = other::header(field.enterprise, field.element, place.width);
        self.skeleton.extend_from_slice(header.get(..len).unwrap_or_default());
        self.values.push((self.skeleton.len(), place));
        self.skeleton.resize(self.skeleton.len().saturating_add(place.width), 0);
    }

    /// Whether every field has a column.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Appends the run of every record.
    pub(in super::super) fn append(&self, records: Records<'_>, out: &mut Bytes) {
        for record in records.iter() {
            out.push_parts(|data| {
                let base = data.len();
                data.extend_from_slice(&self.skeleton);
                for (at, place) in &self.values {
                    let value = record.get(place.offset..place.offset.saturating_add(place.width));
                    let start = base.saturating_add(*at);
                    let slot = data.get_mut(start..start.saturating_add(place.width));
                    if let (Some(slot), Some(value)) = (slot, value) {
                        slot.copy_from_slice(value);
                    }
                }
            });
        }
    }
}
