//! Templates: what the records of a data set look like, in NetFlow v9 and IPFIX.
//!
//! A template is an id and a list of fields, each an element and a length. The records themselves carry
//! neither: without its template a data set is only octets.
//!
//! ```text
//! v9 template            id, field count,                  then per field: type, length
//! v9 options template    id, scope length, option length   (in octets!), then per field: type, length
//! IPFIX template         id, field count,                  then per field: element, length [, enterprise]
//! IPFIX options template id, field count, scope count,     then per field: element, length [, enterprise]
//! IPFIX withdrawal       id, 0                             (id 2 or 3: all templates of that kind)
//! ```
//! (RFC 3954 §5.2 and §6.1, RFC 7011 §3.4.1, §3.4.2.2 and §8.1.) An enterprise number follows where the
//! element's highest bit is set; v9 has no such bit, its types are plain numbers up to 65535.
//!
//! A length of 65535 means that each record says how long the field is ([`take_field`], RFC 7011 §7); it is
//! accepted in v9 too, because H3C sends it. A length of 0 is accepted as well: Juniper and others send
//! fields of no octets. What is refused is a template whose records could have no octets at all, for any
//! number of them would fit anywhere.
//!
//! A refused template costs itself: [`Templates`] goes on behind it whenever its end is known.

use crate::error::{Error, Reason};
use crate::reader::Reader;
use crate::record::Records;
pub use crate::record::{FieldValues, Record};
pub use crate::set::{Dialect, Set, SetKind, Sets};
use crate::writer::Writer;

/// Fields that one template may have. The largest seen in the field has about 120; whoever keeps templates
/// keeps this many fields for each, so it is bounded well below the 16,000 that a datagram could hold.
pub const FIELDS_MAX: usize = 1024;

/// The field length that means "the record says".
pub const VARIABLE: u16 = 0xffff;

/// What a field of a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// A value of the record.
    #[default]
    Value,
    /// Part of the scope of an options record: `element` is an information element (IPFIX).
    Scope,
    /// Part of the scope of an options record: `element` is one of the five scope types of v9, **not** an
    /// information element (1 system, 2 interface, 3 line card, 4 cache, 5 template).
    V9Scope,
}

/// One field of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Field {
    /// The element's number, without the enterprise bit; with [`Role::V9Scope`] the scope type.
    pub element: u16,
    /// Who defines the element: a private enterprise number, 0 for IANA's registry (and always in v9).
    pub enterprise: u32,
    /// Octets in a record, or [`VARIABLE`].
    pub length: u16,
    /// Whether it is a value or part of a scope.
    pub role: Role,
}

impl Field {
    /// A value of IANA's registry, of so many octets.
    #[must_use]
    pub const fn new(element: u16, length: u16) -> Self {
        Self { element, enterprise: 0, length, role: Role::Value }
    }

    /// A value that an enterprise defines, of so many octets.
    #[must_use]
    pub const fn enterprise(enterprise: u32, element: u16, length: u16) -> Self {
        Self { element, enterprise, length, role: Role::Value }
    }

    /// Whether each record says how long the field is.
    #[must_use]
    #[inline]
    pub const fn is_variable(&self) -> bool {
        self.length == VARIABLE
    }

    /// Whether the field is part of a scope.
    #[must_use]
    #[inline]
    pub const fn is_scope(&self) -> bool {
        matches!(self.role, Role::Scope | Role::V9Scope)
    }

    /// The fewest octets it can have in a record: a variable field has at least its length octet.
    #[must_use]
    #[inline]
    pub const fn len_min(&self) -> u16 {
        if self.is_variable() { 1 } else { self.length }
    }
}

/// A template, an options template, or the withdrawal of one; checked, still in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template<'a> {
    /// The protocol it was written in.
    pub dialect: Dialect,
    /// The id that data sets name: 256 or more (a withdrawal may also have 2 or 3: all of its kind).
    pub id: u16,
    /// Whether it came in an options template set.
    pub is_options: bool,
    /// Fields, the scope's included; 0 for a withdrawal.
    pub field_count: usize,
    /// How many of the fields, from the front, are the scope; 0 unless `is_options`.
    pub scope_count: usize,
    /// Octets of a record: exactly, or at least if `is_variable`. Never 0, except for a withdrawal.
    pub record_len_min: usize,
    /// Whether any field has a variable length.
    pub is_variable: bool,
    /// Octets from the start of the datagram to `raw`.
    pub offset: usize,
    /// The whole template as it was sent, header and fields. As the body of a template set of the same
    /// kind it parses to the same template again: a form in which templates can be kept.
    pub raw: &'a [u8],
    /// The fields as they were sent. Two templates with equal `body` and `scope_count` are the same.
    pub body: &'a [u8],
}

impl<'a> Template<'a> {
    /// The fields, scope first.
    #[must_use]
    #[inline]
    pub const fn fields(&self) -> Fields<'a> {
        let (enterprise_bit, scope_role) = match self.dialect {
            Dialect::V9 => (0, Role::V9Scope),
            Dialect::Ipfix => (0x8000, Role::Scope),
        };
        Fields {
            rest: self.body,
            left: self.field_count,
            scope_left: self.scope_count,
            enterprise_bit,
            scope_role,
        }
    }

    /// Whether it takes a template back instead of giving one (IPFIX only).
    #[must_use]
    pub const fn is_withdrawal(&self) -> bool {
        self.field_count == 0
    }

    /// Whether it takes back all templates of its kind.
    #[must_use]
    pub const fn is_withdrawal_of_all(&self) -> bool {
        self.is_withdrawal() && self.id < 256
    }

    /// The records of a data set, for those who look at one field after the other (options, tests).
    #[must_use]
    pub const fn records<'t>(&'t self, set: &Set<'a>) -> Records<'t, 'a> {
        Records::new(self, set)
    }
}

/// The fields of a checked template.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
    left: usize,
    scope_left: usize,
    enterprise_bit: u16,
    scope_role: Role,
}

impl Iterator for Fields<'_> {
    type Item = Field;

    #[inline]
    fn next(&mut self) -> Option<Field> {
        let (&[element_high, element_low, length_high, length_low], mut rest) =
            self.rest.split_first_chunk()?;
        let element = u16::from_be_bytes([element_high, element_low]);
        let length = u16::from_be_bytes([length_high, length_low]);
        let mut enterprise = 0;
        if element & self.enterprise_bit != 0 {
            let (number, after) = rest.split_first_chunk()?;
            (enterprise, rest) = (u32::from_be_bytes(*number), after);
        }
        let role = if self.scope_left == 0 { Role::Value } else { self.scope_role };
        self.scope_left = self.scope_left.saturating_sub(1);
        self.left = self.left.saturating_sub(1);
        self.rest = rest;
        Some(Field { element: element & !self.enterprise_bit, enterprise, length, role })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// The templates of a set. A refused one is an `Err`; whether more can follow depends on the reason.
#[derive(Debug, Clone)]
pub struct Templates<'a> {
    reader: Reader<'a>,
    dialect: Dialect,
    is_options: bool,
    /// Whether the set's end is missing, so that a template that does not fit is no news.
    is_cut: bool,
}

/// What the first octets of a template say.
struct Head {
    id: u16,
    field_count: usize,
    scope_count: usize,
    /// Something in it is wrong, but the length of the template is known.
    problem: Option<Error>,
}

impl<'a> Templates<'a> {
    /// Iterates the templates of this set, none if it holds something else.
    #[must_use]
    #[inline]
    pub(crate) const fn new(set: &Set<'a>) -> Self {
        let (body, is_options) = match set.kind() {
            SetKind::Template => (set.body, false),
            SetKind::OptionsTemplate => (set.body, true),
            SetKind::Data(_) | SetKind::Reserved(_) => (&[] as &[u8], false),
        };
        Self { reader: Reader::at(body, set.offset), dialect: set.dialect, is_options, is_cut: set.is_cut }
    }

    /// One template, of which at least four octets are there. An `Err` in the outer result ends the set.
    fn template(&mut self) -> Result<Result<Template<'a>, Error>, Error> {
        let start = self.reader;
        let Head { id, field_count, scope_count, problem } = self.head()?;
        let fields_at = self.reader;
        let mut template = Template {
            dialect: self.dialect,
            id,
            is_options: self.is_options,
            field_count,
            scope_count,
            record_len_min: 0,
            is_variable: false,
            offset: start.offset(),
            raw: &[],
            body: &[],
        };
        for _ in 0..field_count {
            let length = self.skip_field()?;
            template.is_variable |= length == VARIABLE;
            let len_min = if length == VARIABLE { 1 } else { usize::from(length) };
            // At most 16,384 fields of 65,534 octets: no overflow even with 32 bits.
            template.record_len_min = template.record_len_min.saturating_add(len_min);
        }
        template.body = before(fields_at, self.reader);
        template.raw = before(start, self.reader);
        Ok(match problem.or_else(|| template.problem()) {
            Some(problem) => Err(problem),
            None => Ok(template),
        })
    }

    /// The part before the fields.
    fn head(&mut self) -> Result<Head, Error> {
        let id_at = self.reader.offset();
        let id = self.reader.u16()?;
        let count_at = self.reader.offset();
        let first = usize::from(self.reader.u16()?);
        let bad = |reason, offset| Some(Error::new(reason, offset));
        let mut head = Head { id, field_count: first, scope_count: 0, problem: None };
        match (self.dialect, self.is_options) {
            (Dialect::Ipfix, _) if first == 0 => {
                let all = if self.is_options { 3 } else { 2 };
                if id == all {
                    return Ok(head);
                }
            }
            (Dialect::Ipfix, true) => {
                head.scope_count = usize::from(self.reader.u16()?);
                // RFC 7011 §3.4.2.2: it must not be zero.
                if head.scope_count == 0 || head.scope_count > head.field_count {
                    head.problem = bad(Reason::BadScope, count_at.wrapping_add(2));
                }
            }
            (Dialect::V9, true) => {
                let (scope_len, options_len) = (first, usize::from(self.reader.u16()?));
                if !scope_len.is_multiple_of(4) || !options_len.is_multiple_of(4) {
                    // The fields cannot be told apart; the template's end is known all the same.
                    self.reader.skip(scope_len.saturating_add(options_len))?;
                    return Ok(Head { field_count: 0, problem: bad(Reason::BadScope, count_at), ..head });
                }
                head.scope_count = scope_len / 4;
                head.field_count = head.scope_count.saturating_add(options_len / 4);
            }
            (Dialect::Ipfix | Dialect::V9, false) => {}
        }
        if self.dialect == Dialect::V9 && head.field_count == 0 {
            head.problem = bad(Reason::BadTemplate, count_at);
        }
        if head.field_count > FIELDS_MAX {
            head.problem = bad(Reason::TooManyFields, count_at);
        }
        if id < 256 {
            head.problem = bad(Reason::BadTemplateId, id_at);
        }
        Ok(head)
    }

    /// Steps over one field and returns its length in a record.
    fn skip_field(&mut self) -> Result<u16, Error> {
        let element = self.reader.u16()?;
        let length = self.reader.u16()?;
        if self.dialect == Dialect::Ipfix && element & 0x8000 != 0 {
            self.reader.skip(4)?;
        }
        Ok(length)
    }
}

impl Template<'_> {
    /// What is wrong with a template that has been read whole.
    const fn problem(&self) -> Option<Error> {
        if !self.is_withdrawal() && self.record_len_min == 0 {
            return Some(Error::new(Reason::EmptyRecord, self.offset));
        }
        None
    }
}

/// The octets between two places of one reader.
fn before<'a>(start: Reader<'a>, end: Reader<'a>) -> &'a [u8] {
    let len = start.len().saturating_sub(end.len());
    start.rest().get(..len).unwrap_or_default()
}

impl<'a> Iterator for Templates<'a> {
    type Item = Result<Template<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // Fewer than four octets are padding, and so are zeros in whatever number: no template has the id 0.
        match self.reader.rest() {
            [] | [_] | [_, _] | [_, _, _] => return None,
            [0, 0, rest @ ..] if rest.iter().all(|&octet| octet == 0) => return None,
            _ => {}
        }
        match self.template() {
            Ok(template) => Some(template),
            Err(error) => {
                self.reader = Reader::at(&[], error.offset);
                (!self.is_cut).then_some(Err(error))
            }
        }
    }
}

impl core::iter::FusedIterator for Templates<'_> {}

/// Takes the octets of one field off the front of a record.
///
/// A fixed `length` is taken as it is; with [`VARIABLE`] the record says: one octet of length, or 255 and two
/// more (RFC 7011 §7; the long form is accepted for short fields, as the RFC allows).
///
/// # Errors
/// [`Reason::FieldOverrun`] at the field's beginning if it does not fit into what is left.
#[inline]
pub fn take_field<'a>(reader: &mut Reader<'a>, length: u16) -> Result<&'a [u8], Error> {
    if length == VARIABLE {
        return take_variable(reader);
    }
    let error = reader.error(Reason::FieldOverrun);
    reader.bytes(usize::from(length)).map_err(|_| error)
}

/// Takes a field that says itself how long it is.
///
/// # Errors
/// [`Reason::FieldOverrun`] at the field's beginning if it does not fit into what is left.
#[inline]
pub fn take_variable<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Error> {
    let error = reader.error(Reason::FieldOverrun);
    let (len, prefix_len) = match *reader.rest() {
        [255, high, low, ..] => (usize::from(u16::from_be_bytes([high, low])), 3),
        [255, ..] | [] => return Err(error),
        [len, ..] => (usize::from(len), 1),
    };
    let mut after = *reader;
    let field = after.skip(prefix_len).and_then(|()| after.bytes(len)).map_err(|_| error)?;
    *reader = after;
    Ok(field)
}

/// Writes the octets of one field, with its length in front if the template says [`VARIABLE`].
///
/// # Errors
/// [`Reason::BadLength`] if the value has not the template's length or more than 65535 octets,
/// [`Reason::NoSpace`] if it does not fit; nothing has been written then.
pub fn put_field(writer: &mut Writer<'_>, length: u16, value: &[u8]) -> Result<(), Error> {
    let len = u16::try_from(value.len()).map_err(|_| writer.error(Reason::BadLength))?;
    if length != VARIABLE {
        return if len == length { writer.bytes(value) } else { Err(writer.error(Reason::BadLength)) };
    }
    let start = writer.len();
    let written = match u8::try_from(len) {
        Ok(short) if short != 255 => writer.u8(short),
        _ => writer.u8(255).and_then(|()| writer.u16(len)),
    };
    written.and_then(|()| writer.bytes(value)).inspect_err(|_| writer.truncate(start))
}

#[cfg(test)]
mod tests;
