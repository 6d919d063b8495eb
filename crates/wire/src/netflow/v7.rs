//! NetFlow version 7: Catalyst switches with a multilayer switching card.
//!
//! As version 5 without an engine and sampling, and with the address of the router that was bypassed.
//!
//! ```text
//! header, 24 octets             record, 52 octets
//!    0  version = 7                 0  src_addr        36  valid_flags
//!    2  count                       4  dst_addr        37  tcp_flags
//!    4  uptime_ms                   8  next_hop        38  proto
//!    8  export_s                   12  ingress_if      39  tos
//!   12  export_ns                  14  egress_if       40  src_as
//!   16  sequence                   16  packets         42  dst_as
//!   20  (4 reserved)               20  octets          44  src_mask
//!                                  24  first_ms        45  dst_mask
//!                                  28  last_ms         46  invalid_flags
//!                                  32  src_port        48  router
//!                                  34  dst_port
//! ```

use super::{checked_header, checked_records, emit_records};
use crate::error::Error;
#[cfg(doc)]
use crate::error::Reason;
use crate::value::{be, put};

/// The version number in the first two octets.
pub const VERSION: u16 = 7;
/// Octets of the header.
pub const HEADER_LEN: usize = 24;
/// Octets of a record.
pub const RECORD_LEN: usize = 52;
/// Records that a datagram may have. Cisco's switches send up to 27, others one more.
pub const RECORDS_MAX: usize = 28;

/// Where the header's fields begin.
mod header_field {
    pub(super) const VERSION: usize = 0;
    pub(super) const COUNT: usize = 2;
    pub(super) const UPTIME_MS: usize = 4;
    pub(super) const EXPORT_S: usize = 8;
    pub(super) const EXPORT_NS: usize = 12;
    pub(super) const SEQUENCE: usize = 16;
    pub(super) const RESERVED: usize = 20;
}

/// Where a record's fields begin.
mod field {
    pub(super) const SRC_ADDR: usize = 0;
    pub(super) const DST_ADDR: usize = 4;
    pub(super) const NEXT_HOP: usize = 8;
    pub(super) const INGRESS_IF: usize = 12;
    pub(super) const EGRESS_IF: usize = 14;
    pub(super) const PACKETS: usize = 16;
    pub(super) const OCTETS: usize = 20;
    pub(super) const FIRST_MS: usize = 24;
    pub(super) const LAST_MS: usize = 28;
    pub(super) const SRC_PORT: usize = 32;
    pub(super) const DST_PORT: usize = 34;
    pub(super) const VALID_FLAGS: usize = 36;
    pub(super) const TCP_FLAGS: usize = 37;
    pub(super) const PROTO: usize = 38;
    pub(super) const TOS: usize = 39;
    pub(super) const SRC_AS: usize = 40;
    pub(super) const DST_AS: usize = 42;
    pub(super) const SRC_MASK: usize = 44;
    pub(super) const DST_MASK: usize = 45;
    pub(super) const INVALID_FLAGS: usize = 46;
    pub(super) const ROUTER: usize = 48;
}

/// The header of a datagram, without the count: that is the number of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Milliseconds since the exporter started, when it sent the datagram; wraps every 49.7 days.
    pub uptime_ms: u32,
    /// Seconds since 1970, UTC, when it sent the datagram.
    pub export_s: u32,
    /// Nanoseconds past `export_s`. Some exporters send microseconds or nonsense here.
    pub export_ns: u32,
    /// Flow records sent before this datagram, modulo 2^32.
    pub sequence: u32,
}

impl Header {
    #[inline]
    fn parse(bytes: &[u8; HEADER_LEN]) -> Self {
        use header_field as at;
        Self {
            uptime_ms: be!(bytes, at::UPTIME_MS, u32),
            export_s: be!(bytes, at::EXPORT_S, u32),
            export_ns: be!(bytes, at::EXPORT_NS, u32),
            sequence: be!(bytes, at::SEQUENCE, u32),
        }
    }

    fn emit(&self, count: u16, out: &mut [u8; HEADER_LEN]) {
        use header_field as at;
        put!(out, at::VERSION, u16, VERSION);
        put!(out, at::COUNT, u16, count);
        put!(out, at::UPTIME_MS, u32, self.uptime_ms);
        put!(out, at::EXPORT_S, u32, self.export_s);
        put!(out, at::EXPORT_NS, u32, self.export_ns);
        put!(out, at::SEQUENCE, u32, self.sequence);
        put!(out, at::RESERVED, u32, 0_u32);
    }
}

/// One flow record: the numbers as they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// Source IPv4 address.
    pub src_addr: [u8; 4],
    /// Destination IPv4 address.
    pub dst_addr: [u8; 4],
    /// Address of the next router; 0.0.0.0 where there is none.
    pub next_hop: [u8; 4],
    /// Interface index the packets came in by; 0 where the exporter does not know.
    pub ingress_if: u16,
    /// Interface index the packets left by; 0 where they went nowhere or it does not know.
    pub egress_if: u16,
    /// Packets, as measured: not multiplied by a sampling interval.
    pub packets: u32,
    /// Octets of the packets from the IP header on, as measured.
    pub octets: u32,
    /// Uptime in milliseconds at the first packet.
    pub first_ms: u32,
    /// Uptime in milliseconds at the last packet.
    pub last_ms: u32,
    /// Source port; 0 where the protocol has none.
    pub src_port: u16,
    /// Destination port; for ICMP type × 256 + code.
    pub dst_port: u16,
    /// Which fields the switch did not fill in (bit set: invalid).
    pub valid_flags: u8,
    /// All TCP flags seen, or-ed; a Catalyst always sends 0.
    pub tcp_flags: u8,
    /// IP protocol number; 0 with destination-only flow masks.
    pub proto: u8,
    /// Type of service octet.
    pub tos: u8,
    /// Autonomous system of the source; always 0 from a Catalyst.
    pub src_as: u16,
    /// Autonomous system of the destination; always 0 from a Catalyst.
    pub dst_as: u16,
    /// Bits of the source's route prefix; always 0 from a Catalyst.
    pub src_mask: u8,
    /// Bits of the destination's route prefix; always 0 from a Catalyst.
    pub dst_mask: u8,
    /// Which flows are invalid or decided elsewhere, as the switch says.
    pub invalid_flags: u16,
    /// Address of the router whose shortcut this flow is.
    pub router: [u8; 4],
}

impl Record {
    /// Reads a record; every value is one.
    #[must_use]
    #[inline]
    pub const fn parse(bytes: &[u8; RECORD_LEN]) -> Self {
        Self {
            src_addr: be!(bytes, field::SRC_ADDR, addr),
            dst_addr: be!(bytes, field::DST_ADDR, addr),
            next_hop: be!(bytes, field::NEXT_HOP, addr),
            ingress_if: be!(bytes, field::INGRESS_IF, u16),
            egress_if: be!(bytes, field::EGRESS_IF, u16),
            packets: be!(bytes, field::PACKETS, u32),
            octets: be!(bytes, field::OCTETS, u32),
            first_ms: be!(bytes, field::FIRST_MS, u32),
            last_ms: be!(bytes, field::LAST_MS, u32),
            src_port: be!(bytes, field::SRC_PORT, u16),
            dst_port: be!(bytes, field::DST_PORT, u16),
            valid_flags: be!(bytes, field::VALID_FLAGS, u8),
            tcp_flags: be!(bytes, field::TCP_FLAGS, u8),
            proto: be!(bytes, field::PROTO, u8),
            tos: be!(bytes, field::TOS, u8),
            src_as: be!(bytes, field::SRC_AS, u16),
            dst_as: be!(bytes, field::DST_AS, u16),
            src_mask: be!(bytes, field::SRC_MASK, u8),
            dst_mask: be!(bytes, field::DST_MASK, u8),
            invalid_flags: be!(bytes, field::INVALID_FLAGS, u16),
            router: be!(bytes, field::ROUTER, addr),
        }
    }

    /// Writes the record, its padding as zeros.
    pub fn emit(&self, out: &mut [u8; RECORD_LEN]) {
        out.fill(0);
        put!(out, field::SRC_ADDR, addr, self.src_addr);
        put!(out, field::DST_ADDR, addr, self.dst_addr);
        put!(out, field::NEXT_HOP, addr, self.next_hop);
        put!(out, field::INGRESS_IF, u16, self.ingress_if);
        put!(out, field::EGRESS_IF, u16, self.egress_if);
        put!(out, field::PACKETS, u32, self.packets);
        put!(out, field::OCTETS, u32, self.octets);
        put!(out, field::FIRST_MS, u32, self.first_ms);
        put!(out, field::LAST_MS, u32, self.last_ms);
        put!(out, field::SRC_PORT, u16, self.src_port);
        put!(out, field::DST_PORT, u16, self.dst_port);
        put!(out, field::VALID_FLAGS, u8, self.valid_flags);
        put!(out, field::TCP_FLAGS, u8, self.tcp_flags);
        put!(out, field::PROTO, u8, self.proto);
        put!(out, field::TOS, u8, self.tos);
        put!(out, field::SRC_AS, u16, self.src_as);
        put!(out, field::DST_AS, u16, self.dst_as);
        put!(out, field::SRC_MASK, u8, self.src_mask);
        put!(out, field::DST_MASK, u8, self.dst_mask);
        out[field::INVALID_FLAGS..field::INVALID_FLAGS + 2]
            .copy_from_slice(&self.invalid_flags.to_be_bytes());
        put!(out, field::ROUTER, addr, self.router);
    }
}

/// A checked datagram: a header and at least one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    header: Header,
    records: &'a [[u8; RECORD_LEN]],
}

impl<'a> Datagram<'a> {
    /// Checks version, length and count.
    ///
    /// # Errors
    /// [`Reason::Truncated`] without a whole header, [`Reason::BadVersion`], and [`Reason::CountMismatch`] if
    /// the count is not from 1 to [`RECORDS_MAX`], or there are not exactly so many records (zeros may follow).
    #[inline]
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Error> {
        let (head, after) = checked_header::<HEADER_LEN>(bytes, VERSION)?;
        let records = checked_records(after, be!(head, header_field::COUNT, u16), RECORDS_MAX)?;
        Ok(Self { header: Header::parse(head), records })
    }

    /// The header.
    #[must_use]
    #[inline]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// The records.
    #[inline]
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record> + Clone + use<'a> {
        self.records.iter().map(Record::parse)
    }

    /// The records, each as the octets that were sent.
    #[must_use]
    #[inline]
    pub const fn raw_records(&self) -> &'a [[u8; RECORD_LEN]] {
        self.records
    }

    /// The records as one run of octets, which begins [`HEADER_LEN`] octets into the datagram.
    #[must_use]
    #[inline]
    pub const fn body(&self) -> &'a [u8] {
        self.records.as_flattened()
    }
}

/// Writes a datagram and returns its length in octets.
///
/// # Errors
/// [`Reason::CountMismatch`] without records or with more than [`RECORDS_MAX`], [`Reason::NoSpace`].
pub fn emit(header: &Header, records: &[Record], out: &mut [u8]) -> Result<usize, Error> {
    let head = |count, head: &mut _| header.emit(count, head);
    emit_records::<HEADER_LEN, RECORD_LEN, _>(records, RECORDS_MAX, out, head, Record::emit)
}

#[cfg(test)]
mod tests;
