//! Through a list and all lists in it.

use super::{BasicList, Semantic, SubTemplateList, SubTemplateMultiList};
use crate::element::{self, Type};
use crate::error::{Error, Reason};
use crate::template::{Field, Template};

/// Lists within lists that are followed. The deepest in use (YAF's DPI, Cisco's flexible probes) have three.
pub const DEPTH_MAX: usize = 8;

/// Values and lists that one walk visits.
pub const VISITS_MAX: usize = 1 << 16;

/// What a walk comes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A list begins. Of a `subTemplateMultiList` one begins for every template.
    Begin {
        /// How its parts belong together.
        semantic: Semantic,
        /// The template of its records; `None` for values of one element.
        template_id: Option<u16>,
    },
    /// A record of the list begins.
    Record,
    /// A value.
    Value {
        /// What it is.
        field: Field,
        /// Its octets.
        bytes: &'a [u8],
        /// Octets from the start of the datagram to them.
        offset: usize,
    },
    /// Records of a template that the lookup does not know: nothing but octets.
    Opaque {
        /// The template.
        template_id: u16,
        /// The octets of the records.
        bytes: &'a [u8],
    },
    /// The list ends.
    End,
}

/// What a walk needs at every depth.
struct Walk<'w, L, V> {
    lookup: &'w L,
    visit: &'w mut V,
    visits_left: usize,
}

/// Walks a list of this type (that of the field which holds it), whose octets begin `offset` octets into the
/// datagram. `lookup` gives the templates of the observation domain. Other types than lists are visited as a value.
///
/// # Errors
/// What is wrong with a list; [`Reason::LimitExceeded`] for more than [`DEPTH_MAX`] lists in each other or more than
/// [`VISITS_MAX`] visits. What was visited before was there.
pub fn walk<'a, 't, L, V>(
    field: Field,
    bytes: &'a [u8],
    offset: usize,
    lookup: &L,
    visit: &mut V,
) -> Result<(), Error>
where
    L: Fn(u16) -> Option<Template<'t>>,
    V: FnMut(Item<'a>),
{
    let mut walk = Walk { lookup, visit, visits_left: VISITS_MAX };
    walk.value(field, bytes, offset, DEPTH_MAX)
}

impl<'a, 't, L, V> Walk<'_, L, V>
where
    L: Fn(u16) -> Option<Template<'t>>,
    V: FnMut(Item<'a>),
{
    fn visit(&mut self, item: Item<'a>, offset: usize) -> Result<(), Error> {
        let limit = Error::new(Reason::LimitExceeded, offset);
        self.visits_left = self.visits_left.checked_sub(1).ok_or(limit)?;
        (self.visit)(item);
        Ok(())
    }

    /// A value, which may be a list.
    fn value(
        &mut self,
        field: Field,
        bytes: &'a [u8],
        offset: usize,
        depth_left: usize,
    ) -> Result<(), Error> {
        let data_type = element::lookup(field.enterprise, field.element).map(|element| element.data_type);
        let deeper = depth_left.checked_sub(1).ok_or(Error::new(Reason::LimitExceeded, offset));
        match data_type {
            Some(Type::BasicList) => self.basic(BasicList::new_checked(bytes, offset)?, offset, deeper?),
            Some(Type::SubTemplateList) => {
                self.records(SubTemplateList::new_checked(bytes, offset)?, deeper?)
            }
            Some(Type::SubTemplateMultiList) => {
                let deeper = deeper?;
                for list in SubTemplateMultiList::new_checked(bytes, offset)?.lists() {
                    self.records(list?, deeper)?;
                }
                Ok(())
            }
            _ => self.visit(Item::Value { field, bytes, offset }, offset),
        }
    }

    fn basic(&mut self, list: BasicList<'a>, offset: usize, depth_left: usize) -> Result<(), Error> {
        self.visit(Item::Begin { semantic: list.semantic, template_id: None }, offset)?;
        for value in list.values() {
            let (at, bytes) = value?;
            self.value(list.field, bytes, at, depth_left)?;
        }
        self.visit(Item::End, offset)
    }

    fn records(&mut self, list: SubTemplateList<'a>, depth_left: usize) -> Result<(), Error> {
        let SubTemplateList { semantic, template_id, offset, body } = list;
        self.visit(Item::Begin { semantic, template_id: Some(template_id) }, offset)?;
        match (self.lookup)(template_id) {
            Some(template) => {
                for record in list.records(&template) {
                    let record = record?;
                    self.visit(Item::Record, record.offset)?;
                    let mut values = record.values();
                    while let Some((field, bytes)) = values.next() {
                        // The offset of what has just been taken.
                        let at = values.offset().wrapping_sub(bytes.len());
                        self.value(field, bytes, at, depth_left)?;
                    }
                }
            }
            None => self.visit(Item::Opaque { template_id, bytes: body }, offset)?,
        }
        self.visit(Item::End, offset)
    }
}
