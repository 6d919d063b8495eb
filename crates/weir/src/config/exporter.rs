//! Exporters as other parts of the configuration name them: by the name of an `[[exporter]]`, or by address.

use super::Exporter;
use super::mistake::nearest;
use super::read::Reader;
use std::ops::Range;
use weir_flow::Addr;

/// The address of an exporter, and what its interfaces are called.
pub(super) type Named<'a> = (Addr, &'a [(String, u32)]);

impl Reader {
    /// The exporter that a text names. One that is no `[[exporter]]` has an address and no names of interfaces.
    pub(super) fn exporter_named<'a>(
        &mut self,
        text: &str,
        place: Range<usize>,
        known: &'a [Exporter],
    ) -> Option<Named<'a>> {
        let address = text.parse().ok();
        let is_meant = |one: &&Exporter| one.name == text || Some(one.address) == address;
        let named = known.iter().find(is_meant).map(|one| (one.address, &one.interfaces[..]));
        let found = named.or_else(|| Some((address?, &[][..])));
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|exporter| exporter.name.as_str()).collect();
            let cure = match nearest(text, &names) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add [[exporter]] with name = \"{text}\", or write its address"),
            };
            self.note(place, format!("there is no exporter \"{text}\""), cure);
        }
        found
    }
}
