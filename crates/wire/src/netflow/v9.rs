//! NetFlow version 9, RFC 3954: records described by templates.
//!
//! ```text
//! header, 20 octets
//!    0  version = 9        4  uptime_ms       12  sequence
//!    2  count              8  export_s        16  source_id        then sets
//! ```
//! The header has no length: a message is its datagram. The count (of records, templates included) is shown
//! and not used: exporters are known that send 1 and mean five sets. What the sets hold is in
//! [`template`](crate::template).

use super::checked_header;
use crate::builder::{Builder, MessageHeader};
use crate::error::Error;
use crate::template::{Dialect, Sets};
use crate::value::be;

/// The version number in the first two octets.
pub const VERSION: u16 = 9;
/// Octets of the header.
pub const HEADER_LEN: usize = 20;

/// Where the header's fields begin.
mod field {
    pub(super) const COUNT: usize = 2;
    pub(super) const UPTIME_MS: usize = 4;
    pub(super) const EXPORT_S: usize = 8;
    pub(super) const SEQUENCE: usize = 12;
    pub(super) const SOURCE_ID: usize = 16;
}

/// The scope types of options templates (RFC 3954 §6.1), which are not information elements.
pub mod scope {
    /// The exporter as a whole.
    pub const SYSTEM: u16 = 1;
    /// An interface, by its index.
    pub const INTERFACE: u16 = 2;
    /// A line card.
    pub const LINE_CARD: u16 = 3;
    /// A NetFlow cache.
    pub const CACHE: u16 = 4;
    /// A template.
    pub const TEMPLATE: u16 = 5;
}

/// The header of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Records and templates in the message, as the exporter claims. When emitting, it is computed.
    pub count: u16,
    /// Milliseconds since the exporter started, when it sent the message; wraps every 49.7 days.
    pub uptime_ms: u32,
    /// Seconds since 1970, UTC, when it sent the message.
    pub export_s: u32,
    /// Messages sent before this one with the same source id, modulo 2^32.
    pub sequence: u32,
    /// The observation domain: which part of the exporter; templates are its own.
    pub source_id: u32,
}

/// A checked message: a header, and sets that are checked while iterating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    header: Header,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Checks version and header.
    ///
    /// # Errors
    /// [`Reason::Truncated`](crate::Reason::Truncated), [`Reason::BadVersion`](crate::Reason::BadVersion).
    #[inline]
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Error> {
        let (head, body) = checked_header::<HEADER_LEN>(bytes, VERSION)?;
        let header = Header {
            count: be!(head, field::COUNT, u16),
            uptime_ms: be!(head, field::UPTIME_MS, u32),
            export_s: be!(head, field::EXPORT_S, u32),
            sequence: be!(head, field::SEQUENCE, u32),
            source_id: be!(head, field::SOURCE_ID, u32),
        };
        Ok(Self { header, body })
    }

    /// The header.
    #[must_use]
    #[inline]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// Everything behind the header, which is [`HEADER_LEN`] octets into the datagram.
    #[must_use]
    #[inline]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The sets, in order; see [`Sets`] for what happens to malformed ones.
    #[must_use]
    #[inline]
    pub const fn sets(&self) -> Sets<'a> {
        Sets::new(Dialect::V9, self.body, HEADER_LEN)
    }
}

/// Writes one message: `Writer::new(out, header)`, templates and records, `finish`.
pub type Writer<'a> = Builder<'a, Header>;

impl MessageHeader for Header {
    const DIALECT: Dialect = Dialect::V9;
    const LEN: usize = HEADER_LEN;

    fn emit(&self, _len: u16, count: u16, out: &mut crate::writer::Writer<'_>) -> Result<(), Error> {
        out.u16(VERSION)?;
        out.u16(count)?;
        out.u32(self.uptime_ms)?;
        out.u32(self.export_s)?;
        out.u32(self.sequence)?;
        out.u32(self.source_id)
    }
}

#[cfg(test)]
mod tests;
