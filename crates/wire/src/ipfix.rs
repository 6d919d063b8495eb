//! IPFIX, RFC 7011: records described by templates; the version number is 10.
//!
//! ```text
//! header, 16 octets
//!    0  version = 10       4  export_s        12  domain
//!    2  length             8  sequence                             then sets
//! ```
//! The length counts the whole message. In a stream (TCP, a file of RFC 5655) messages follow each other and
//! only the length tells where the next begins: [`Message::new_checked`] takes one whole message off the front,
//! [`Message::len`] says how far it goes. A UDP datagram is one message, and when its end is missing
//! ([`Message::from_datagram`]) the sets that did arrive are still good. What they hold is in
//! [`template`](crate::template).

use crate::builder::{Builder, MessageHeader};
use crate::error::{Error, Reason};
use crate::netflow::checked_header;
use crate::template::{Dialect, Sets};
use crate::value::be;

/// The version number in the first two octets.
pub const VERSION: u16 = 10;
/// Octets of the header.
pub const HEADER_LEN: usize = 16;

/// Where the header's fields begin.
mod field {
    pub(super) const LENGTH: usize = 2;
    pub(super) const EXPORT_S: usize = 4;
    pub(super) const SEQUENCE: usize = 8;
    pub(super) const DOMAIN: usize = 12;
}

/// The header of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Octets of the message, header included, as the exporter claims. When emitting, it is computed.
    pub length: u16,
    /// Seconds since 1970, UTC, when the message was sent.
    pub export_s: u32,
    /// Data records sent before this message in the same domain and transport session, modulo 2^32.
    pub sequence: u32,
    /// The observation domain: which part of the exporter; templates are its own.
    pub domain: u32,
}

/// A checked message: a header, and sets that are checked while iterating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    header: Header,
    body: &'a [u8],
    /// Where the message begins in the datagram or stream.
    offset: usize,
    cut: Option<Error>,
}

impl<'a> Message<'a> {
    /// Takes the message at the front of `bytes`; it must be there whole. What follows is left alone.
    ///
    /// # Errors
    /// [`Reason::BadVersion`]; [`Reason::BadLength`] if the length is less than a header;
    /// [`Reason::Truncated`] if the message is not there whole (from a stream: read on).
    #[inline]
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::new_checked_at(bytes, 0)
    }

    /// The same for bytes that begin `offset` octets into a stream or datagram: errors say the true place.
    ///
    /// # Errors
    /// As [`new_checked`](Self::new_checked).
    #[inline]
    pub fn new_checked_at(bytes: &'a [u8], offset: usize) -> Result<Self, Error> {
        let message = Self::parse(bytes, offset)?;
        message.cut.map_or(Ok(message), Err)
    }

    /// Takes the message of a UDP datagram, of which the end may be missing: then the sets that are there are
    /// handed out, the last of them cut, and after them comes [`Reason::Truncated`].
    ///
    /// Octets past the message's length are not looked at; [`len`](Self::len) tells whether there are any.
    ///
    /// # Errors
    /// [`Reason::Truncated`] without a whole header, [`Reason::BadVersion`], [`Reason::BadLength`] if the
    /// length is less than a header.
    #[inline]
    pub fn from_datagram(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::parse(bytes, 0)
    }

    #[inline]
    fn parse(bytes: &'a [u8], offset: usize) -> Result<Self, Error> {
        let at = |error: Error| Error { offset: error.offset.wrapping_add(offset), ..error };
        let (head, after) = checked_header::<HEADER_LEN>(bytes, VERSION).map_err(at)?;
        let header = Header {
            length: be!(head, field::LENGTH, u16),
            export_s: be!(head, field::EXPORT_S, u32),
            sequence: be!(head, field::SEQUENCE, u32),
            domain: be!(head, field::DOMAIN, u32),
        };
        let body_len = usize::from(header.length)
            .checked_sub(HEADER_LEN)
            .ok_or(at(Error::new(Reason::BadLength, field::LENGTH)))?;
        let (body, cut) = match after.get(..body_len) {
            Some(body) => (body, None),
            None => (after, Some(at(Error::new(Reason::Truncated, bytes.len())))),
        };
        Ok(Self { header, body, offset, cut })
    }

    /// The header.
    #[must_use]
    #[inline]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// Octets of the message that are there, header included: where the next message begins.
    #[must_use]
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a message has a header at least, it is never empty")]
    pub const fn len(&self) -> usize {
        self.body.len().wrapping_add(HEADER_LEN)
    }

    /// Whether all octets of the message are there; always true after [`new_checked`](Self::new_checked).
    #[must_use]
    #[inline]
    pub const fn is_whole(&self) -> bool {
        self.cut.is_none()
    }

    /// Everything behind the header, which is [`HEADER_LEN`] octets into the message.
    #[must_use]
    #[inline]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The sets, in order; see [`Sets`] for what happens to malformed ones.
    #[must_use]
    #[inline]
    pub const fn sets(&self) -> Sets<'a> {
        Sets::new(Dialect::Ipfix, self.body, self.offset.wrapping_add(HEADER_LEN)).cut(self.cut)
    }
}

/// Writes one message: `Writer::new(out, header)`, templates and records, `finish`.
pub type Writer<'a> = Builder<'a, Header>;

impl MessageHeader for Header {
    const DIALECT: Dialect = Dialect::Ipfix;
    const LEN: usize = HEADER_LEN;

    fn emit(&self, len: u16, _count: u16, out: &mut crate::writer::Writer<'_>) -> Result<(), Error> {
        out.u16(VERSION)?;
        out.u16(len)?;
        out.u32(self.export_s)?;
        out.u32(self.sequence)?;
        out.u32(self.domain)
    }
}

#[cfg(test)]
mod tests;
