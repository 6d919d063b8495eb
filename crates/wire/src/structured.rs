//! Structured data: lists within an IPFIX record (RFC 6313).
//!
//! A field of type `basicList`, `subTemplateList` or `subTemplateMultiList` holds a list, and the values in a list
//! may be lists again.
//!
//! ```text
//! basicList             semantic (1) | element (2) | length (2) [| enterprise (4)] | values
//! subTemplateList       semantic (1) | template (2) | records
//! subTemplateMultiList  semantic (1) | then any number of: template (2) | octets, these 4 included (2) | records
//! ```
//! (RFC 6313 §4.5.) The length of a basicList's element may be [`VARIABLE`](crate::template::VARIABLE): then every
//! value says its own.
//!
//! [`BasicList`], [`SubTemplateList`] and [`SubTemplateMultiList`] are one list each, checked, still in place.
//! [`walk`] goes through a list and all in it. It goes at most [`DEPTH_MAX`] lists deep and visits at most
//! [`VISITS_MAX`] values, so that no message, however crooked, costs more than that.

mod walk;

pub use walk::{DEPTH_MAX, Item, VISITS_MAX, walk};

use crate::error::{Error, Reason};
use crate::reader::Reader;
use crate::record::Records;
use crate::template::{Dialect, Field, Role, Set, Template, take_field};

/// How the elements of a list belong together (RFC 6313 §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Semantic {
    /// None of the elements are actual properties of the record.
    NoneOf,
    /// Exactly one is.
    ExactlyOneOf,
    /// One or more are.
    OneOrMoreOf,
    /// All are.
    AllOf,
    /// All are, in this order.
    Ordered,
    /// Nothing is said.
    Undefined,
    /// A number that the registry does not have.
    Other(u8),
}

impl Semantic {
    /// The semantic of this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::NoneOf,
            1 => Self::ExactlyOneOf,
            2 => Self::OneOrMoreOf,
            3 => Self::AllOf,
            4 => Self::Ordered,
            255 => Self::Undefined,
            other => Self::Other(other),
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::NoneOf => 0,
            Self::ExactlyOneOf => 1,
            Self::OneOrMoreOf => 2,
            Self::AllOf => 3,
            Self::Ordered => 4,
            Self::Undefined => 255,
            Self::Other(number) => number,
        }
    }

    /// The registry's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoneOf => "noneOf",
            Self::ExactlyOneOf => "exactlyOneOf",
            Self::OneOrMoreOf => "oneOrMoreOf",
            Self::AllOf => "allOf",
            Self::Ordered => "ordered",
            Self::Undefined => "undefined",
            Self::Other(_) => "unassigned",
        }
    }
}

/// Values of one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasicList<'a> {
    /// How the values belong together.
    pub semantic: Semantic,
    /// What they are, and how long: every one, or [`VARIABLE`](crate::template::VARIABLE).
    pub field: Field,
    values: Reader<'a>,
}

impl<'a> BasicList<'a> {
    /// Reads the head of a list whose first octet is `offset` octets into the datagram.
    ///
    /// # Errors
    /// [`Reason::Truncated`] without a whole head; [`Reason::EmptyRecord`] for values of no octets, of which any
    /// number would fit.
    pub fn new_checked(bytes: &'a [u8], offset: usize) -> Result<Self, Error> {
        let mut reader = Reader::at(bytes, offset);
        let semantic = Semantic::from_number(reader.u8()?);
        let element = reader.u16()?;
        let empty = reader.error(Reason::EmptyRecord);
        let length = reader.u16()?;
        let enterprise = if element & 0x8000 == 0 { 0 } else { reader.u32()? };
        if length == 0 && !reader.is_empty() {
            return Err(empty);
        }
        let field = Field { element: element & 0x7fff, enterprise, length, role: Role::Value };
        Ok(Self { semantic, field, values: reader })
    }

    /// The octets of the values, in their order. After an `Err` there is nothing more.
    #[must_use]
    pub const fn values(&self) -> Values<'a> {
        Values { length: self.field.length, rest: self.values }
    }
}

/// The values of a [`BasicList`], each with the octets from the start of the datagram to it.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    length: u16,
    rest: Reader<'a>,
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<(usize, &'a [u8]), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        Some(match take_field(&mut self.rest, self.length) {
            Ok(value) => Ok((self.rest.offset().wrapping_sub(value.len()), value)),
            Err(error) => {
                self.rest = Reader::at(&[], error.offset);
                Err(error)
            }
        })
    }
}

impl core::iter::FusedIterator for Values<'_> {}

/// Records of one template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubTemplateList<'a> {
    /// How the records belong together.
    pub semantic: Semantic,
    /// The template of the records; 256 or more.
    pub template_id: u16,
    /// Octets from the start of the datagram to `body`.
    pub offset: usize,
    /// The records' octets.
    pub body: &'a [u8],
}

impl<'a> SubTemplateList<'a> {
    /// Reads the head of a list whose first octet is `offset` octets into the datagram.
    ///
    /// # Errors
    /// [`Reason::Truncated`] without a whole head, [`Reason::BadTemplateId`] below 256.
    pub fn new_checked(bytes: &'a [u8], offset: usize) -> Result<Self, Error> {
        let mut reader = Reader::at(bytes, offset);
        let semantic = Semantic::from_number(reader.u8()?);
        let template_id = template_id(&mut reader)?;
        Ok(Self { semantic, template_id, offset: reader.offset(), body: reader.rest() })
    }

    /// The records, read with this template (that of [`template_id`](Self::template_id)).
    #[must_use]
    pub const fn records<'t>(&self, template: &'t Template<'t>) -> Records<'t, 'a> {
        // To a template, a list of records is a data set without a header.
        let set = Set {
            dialect: Dialect::Ipfix,
            id: self.template_id,
            offset: self.offset,
            body: self.body,
            is_cut: false,
        };
        Records::new(template, &set)
    }
}

/// Records of several templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubTemplateMultiList<'a> {
    /// How the records belong together.
    pub semantic: Semantic,
    rest: Reader<'a>,
}

impl<'a> SubTemplateMultiList<'a> {
    /// Reads the head of a list whose first octet is `offset` octets into the datagram.
    ///
    /// # Errors
    /// [`Reason::Truncated`] without an octet.
    pub fn new_checked(bytes: &'a [u8], offset: usize) -> Result<Self, Error> {
        let mut reader = Reader::at(bytes, offset);
        Ok(Self { semantic: Semantic::from_number(reader.u8()?), rest: reader })
    }

    /// The lists of records of one template each; they have the semantic of the whole. After an `Err` there is
    /// nothing more.
    #[must_use]
    pub const fn lists(&self) -> Lists<'a> {
        Lists { semantic: self.semantic, rest: self.rest }
    }
}

/// The lists of a [`SubTemplateMultiList`].
#[derive(Debug, Clone)]
pub struct Lists<'a> {
    semantic: Semantic,
    rest: Reader<'a>,
}

impl<'a> Lists<'a> {
    fn list(&mut self) -> Result<SubTemplateList<'a>, Error> {
        let template_id = template_id(&mut self.rest)?;
        let bad_length = self.rest.error(Reason::BadLength);
        let len = usize::from(self.rest.u16()?).checked_sub(4).ok_or(bad_length)?;
        let overrun = self.rest.error(Reason::FieldOverrun);
        let body = self.rest.sub(len).map_err(|_| overrun)?;
        Ok(SubTemplateList { semantic: self.semantic, template_id, offset: body.offset(), body: body.rest() })
    }
}

impl<'a> Iterator for Lists<'a> {
    type Item = Result<SubTemplateList<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        Some(self.list().inspect_err(|error| self.rest = Reader::at(&[], error.offset)))
    }
}

impl core::iter::FusedIterator for Lists<'_> {}

fn template_id(reader: &mut Reader<'_>) -> Result<u16, Error> {
    let bad_id = reader.error(Reason::BadTemplateId);
    match reader.u16()? {
        id @ 256.. => Ok(id),
        _ => Err(bad_id),
    }
}

#[cfg(test)]
mod tests;
