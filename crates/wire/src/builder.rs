//! Writing a message of sets: what the writers of NetFlow v9 and IPFIX share.
//!
//! Templates of one kind that follow each other share a set, and so do records of one template. A part that
//! does not fit is refused whole with [`Reason::NoSpace`] and leaves the message as it was: finish it, start
//! the next one, write the part again.

use crate::error::{Error, Reason};
use crate::template::{Dialect, FIELDS_MAX, Field};
use crate::writer::Writer;

/// A message header that a [`Builder`] can write when all else is known.
pub trait MessageHeader {
    /// The protocol.
    const DIALECT: Dialect;
    /// Octets of the header.
    const LEN: usize;
    /// The header, given the octets of the whole message and the number of records and templates in it.
    fn emit(&self, len: u16, count: u16, out: &mut Writer<'_>) -> Result<(), Error>;
}

/// Writes one message of sets into a buffer.
#[derive(Debug)]
pub struct Builder<'a, H> {
    header: H,
    writer: Writer<'a>,
    open: Option<Open>,
    /// The template of the records to come.
    data: Option<u16>,
    count: u16,
}

/// The set that is being written.
#[derive(Debug, Clone, Copy)]
struct Open {
    id: u16,
    /// Where its header is.
    at: usize,
    /// Octets of its shortest record so far.
    record_len_min: usize,
}

/// Octets of a message and of a set: what a length of 16 bits can say, down to a multiple of four.
const LEN_MAX: usize = 0xfffc;

impl<'a, H: MessageHeader> Builder<'a, H> {
    /// Starts a message in `out`, of which at most 65532 octets are used.
    ///
    /// # Errors
    /// [`Reason::NoSpace`] if not even the header fits.
    pub fn new(out: &'a mut [u8], header: H) -> Result<Self, Error> {
        let len = out.len().min(LEN_MAX);
        let mut writer = Writer::new(out.get_mut(..len).unwrap_or_default());
        writer.zeros(H::LEN)?;
        Ok(Self { header, writer, open: None, data: None, count: 0 })
    }

    /// Octets written so far, header included, the padding of the last set not.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.writer.len()
    }

    /// Whether no template and no record has been written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Writes a template. The fields' roles are not looked at.
    ///
    /// # Errors
    /// [`Reason::BadTemplateId`], [`Reason::TooManyFields`], [`Reason::BadTemplate`] for no fields or a field
    /// that the protocol cannot say, [`Reason::NoSpace`].
    pub fn template(&mut self, id: u16, fields: &[Field]) -> Result<(), Error> {
        self.check_template(id, fields, &[])?;
        let set_id = match H::DIALECT {
            Dialect::V9 => 0,
            Dialect::Ipfix => 2,
        };
        let field_count = self.u16(fields.len())?;
        self.part(set_id, |writer| {
            writer.u16(id)?;
            writer.u16(field_count)?;
            put_fields(writer, fields)
        })
    }

    /// Writes an options template. In v9 the scope's elements are scope types.
    ///
    /// # Errors
    /// As [`template`](Self::template), and [`Reason::BadScope`] for an empty scope.
    pub fn options_template(&mut self, id: u16, scope: &[Field], fields: &[Field]) -> Result<(), Error> {
        self.check_template(id, scope, fields)?;
        if scope.is_empty() {
            return Err(self.writer.error(Reason::BadScope));
        }
        let (scope_count, field_count) = (self.u16(scope.len())?, self.u16(fields.len())?);
        let (set_id, first, second) = match H::DIALECT {
            Dialect::V9 => (1, scope_count.saturating_mul(4), field_count.saturating_mul(4)),
            Dialect::Ipfix => (3, scope_count.saturating_add(field_count), scope_count),
        };
        self.part(set_id, |writer| {
            writer.u16(id)?;
            writer.u16(first)?;
            writer.u16(second)?;
            put_fields(writer, scope)?;
            put_fields(writer, fields)
        })
    }

    /// Says of which template the records to come are. The set itself begins with the first of them.
    ///
    /// # Errors
    /// [`Reason::BadTemplateId`] below 256.
    pub fn begin_data(&mut self, template_id: u16) -> Result<(), Error> {
        if template_id < 256 {
            return Err(self.writer.error(Reason::BadTemplateId));
        }
        self.data = Some(template_id);
        Ok(())
    }

    /// Writes one record of the template that [`begin_data`](Self::begin_data) named.
    ///
    /// # Errors
    /// [`Reason::BadOrder`] if none was named, [`Reason::EmptyRecord`] for no octets, [`Reason::NoSpace`].
    pub fn record(&mut self, record: &[u8]) -> Result<(), Error> {
        let id = self.data.ok_or(self.writer.error(Reason::BadOrder))?;
        if record.is_empty() {
            return Err(self.writer.error(Reason::EmptyRecord));
        }
        self.part(id, |writer| writer.bytes(record))
    }

    /// Closes the last set, fills the header in and returns the octets of the message.
    ///
    /// # Errors
    /// None that the other functions have not already returned.
    pub fn finish(mut self) -> Result<usize, Error> {
        self.close()?;
        let len = self.u16(self.writer.len())?;
        let mut header = [0; 32];
        let mut writer = Writer::new(&mut header);
        self.header.emit(len, self.count, &mut writer)?;
        self.writer.patch(0, writer.written())?;
        Ok(self.writer.len())
    }

    /// Writes a template, an options template or a record into the set with this id, or nothing at all.
    fn part(&mut self, id: u16, put: impl FnOnce(&mut Writer<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let before = (self.writer.len(), self.open);
        let result = self.begin(id).and_then(|()| {
            let start = self.writer.len();
            put(&mut self.writer)?;
            let len = self.writer.len().saturating_sub(start);
            let open = self.open.as_mut().ok_or(Error::new(Reason::BadOrder, start))?;
            open.record_len_min = open.record_len_min.min(len);
            // The padding must have room too, otherwise the set could not be closed.
            if self.padding() > self.writer.space() {
                return Err(self.writer.error(Reason::NoSpace));
            }
            self.count = self.count.checked_add(1).ok_or(self.writer.error(Reason::NoSpace))?;
            Ok(())
        });
        if result.is_err() {
            self.writer.truncate(before.0);
            self.open = before.1;
        }
        result
    }

    /// Makes the set with this id the open one. On an error the caller takes everything back.
    fn begin(&mut self, id: u16) -> Result<(), Error> {
        if self.open.is_some_and(|open| open.id == id) {
            return Ok(());
        }
        self.close()?;
        let at = self.writer.len();
        self.writer.u16(id)?;
        self.writer.u16(0)?;
        self.open = Some(Open { id, at, record_len_min: usize::MAX });
        Ok(())
    }

    /// Octets of padding that the open set needs.
    ///
    /// v9 sets end on a multiple of four (RFC 3954 §5.3). IPFIX leaves it free (RFC 7011 §3.3.1), and what is
    /// not written cannot be taken for a record. Neither pads with as much as a record's length.
    const fn padding(&self) -> usize {
        let Some(open) = self.open else { return 0 };
        match H::DIALECT {
            Dialect::Ipfix => 0,
            Dialect::V9 => {
                let padding = self.writer.len().wrapping_neg() & 3;
                if padding < open.record_len_min { padding } else { 0 }
            }
        }
    }

    /// Ends the open set: pads it and writes its length.
    fn close(&mut self) -> Result<(), Error> {
        let Some(open) = self.open else { return Ok(()) };
        self.writer.zeros(self.padding())?;
        let len = self.u16(self.writer.len().saturating_sub(open.at))?;
        self.writer.patch(open.at.saturating_add(2), &len.to_be_bytes())?;
        self.open = None;
        Ok(())
    }

    fn check_template(&self, id: u16, first: &[Field], second: &[Field]) -> Result<(), Error> {
        let speakable = |field: &Field| match H::DIALECT {
            Dialect::V9 => field.enterprise == 0,
            Dialect::Ipfix => field.element < 0x8000,
        };
        let count = first.len().saturating_add(second.len());
        let reason = if id < 256 {
            Reason::BadTemplateId
        } else if count > FIELDS_MAX {
            Reason::TooManyFields
        } else if count == 0 || !first.iter().chain(second).all(speakable) {
            Reason::BadTemplate
        } else {
            return Ok(());
        };
        Err(self.writer.error(reason))
    }

    fn u16(&self, value: usize) -> Result<u16, Error> {
        u16::try_from(value).map_err(|_| self.writer.error(Reason::NoSpace))
    }
}

/// Writes field specifiers; the enterprise bit follows from the enterprise number.
fn put_fields(writer: &mut Writer<'_>, fields: &[Field]) -> Result<(), Error> {
    for field in fields {
        if field.enterprise == 0 {
            writer.u16(field.element)?;
            writer.u16(field.length)?;
        } else {
            writer.u16(field.element | 0x8000)?;
            writer.u16(field.length)?;
            writer.u32(field.enterprise)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
