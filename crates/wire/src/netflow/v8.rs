//! NetFlow version 8: flows that the router has added up before it sends them.
//!
//! A router with aggregation caches sends one record for all flows that agree in the key of a [`Scheme`]: the
//! pair of autonomous systems, the source's prefix, and so on. What the key does not hold is not known any more,
//! so a [`Record`] has a field for everything that any scheme knows, and `None` for what its own does not.
//!
//! ```text
//! header, 28 octets
//!    0  version = 8        16  sequence             22  aggregation: the scheme
//!    2  count              20  engine_type          23  aggregation version = 2
//!    4  uptime_ms          21  engine_id            24  sampling: 2 bits mode, 14 bits interval
//!    8  export_s                                    26  (2 reserved)
//!   12  export_ns
//! ```
//! (Cisco, "NetFlow ToS-Based Router Aggregation", IOS 12.0(15)S. Before sampling there were four reserved
//! octets from 24 on: zero, which means no sampling here too.) The records are in `layout`.

mod layout;

pub use layout::{Record, Scheme};

use super::v5::Sampling;
use super::{checked_header, checked_tail};
use crate::error::{Error, Reason};
use crate::value::{be, put};

/// The version number in the first two octets.
pub const VERSION: u16 = 8;
/// Octets of the header.
pub const HEADER_LEN: usize = 28;
/// The one version of the aggregations' layouts that was ever sent.
pub const AGGREGATION_VERSION: u8 = 2;

/// Where the header's fields begin.
mod header_field {
    pub(super) const VERSION: usize = 0;
    pub(super) const COUNT: usize = 2;
    pub(super) const UPTIME_MS: usize = 4;
    pub(super) const EXPORT_S: usize = 8;
    pub(super) const EXPORT_NS: usize = 12;
    pub(super) const SEQUENCE: usize = 16;
    pub(super) const ENGINE_TYPE: usize = 20;
    pub(super) const ENGINE_ID: usize = 21;
    pub(super) const AGGREGATION: usize = 22;
    pub(super) const AGGREGATION_VERSION: usize = 23;
    pub(super) const SAMPLING: usize = 24;
    pub(super) const RESERVED: usize = 26;
}

/// The header of a datagram, without the count: that is the number of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Milliseconds since the exporter started, when it sent the datagram; wraps every 49.7 days.
    pub uptime_ms: u32,
    /// Seconds since 1970, UTC, when it sent the datagram.
    pub export_s: u32,
    /// Nanoseconds past `export_s`. Some exporters send microseconds or nonsense here.
    pub export_ns: u32,
    /// Records sent before this datagram in this export stream, modulo 2^32.
    pub sequence: u32,
    /// Kind of the flow switching engine.
    pub engine_type: u8,
    /// Slot of the flow switching engine.
    pub engine_id: u8,
    /// What the records are the sums of.
    pub scheme: Scheme,
    /// How packets were chosen.
    pub sampling: Sampling,
}

impl Header {
    fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, Error> {
        use header_field as at;
        let unsupported = |at| Error::new(Reason::Unsupported, at);
        if be!(bytes, at::AGGREGATION_VERSION, u8) != AGGREGATION_VERSION {
            return Err(unsupported(at::AGGREGATION_VERSION));
        }
        let scheme = Scheme::from_number(be!(bytes, at::AGGREGATION, u8));
        Ok(Self {
            uptime_ms: be!(bytes, at::UPTIME_MS, u32),
            export_s: be!(bytes, at::EXPORT_S, u32),
            export_ns: be!(bytes, at::EXPORT_NS, u32),
            sequence: be!(bytes, at::SEQUENCE, u32),
            engine_type: be!(bytes, at::ENGINE_TYPE, u8),
            engine_id: be!(bytes, at::ENGINE_ID, u8),
            scheme: scheme.ok_or(unsupported(at::AGGREGATION))?,
            sampling: Sampling::from_bits(be!(bytes, at::SAMPLING, u16)),
        })
    }

    fn emit(&self, count: u16, out: &mut [u8; HEADER_LEN]) {
        use header_field as at;
        put!(out, at::VERSION, u16, VERSION);
        put!(out, at::COUNT, u16, count);
        put!(out, at::UPTIME_MS, u32, self.uptime_ms);
        put!(out, at::EXPORT_S, u32, self.export_s);
        put!(out, at::EXPORT_NS, u32, self.export_ns);
        put!(out, at::SEQUENCE, u32, self.sequence);
        put!(out, at::ENGINE_TYPE, u8, self.engine_type);
        put!(out, at::ENGINE_ID, u8, self.engine_id);
        put!(out, at::AGGREGATION, u8, self.scheme.number());
        put!(out, at::AGGREGATION_VERSION, u8, AGGREGATION_VERSION);
        put!(out, at::SAMPLING, u16, self.sampling.bits());
        put!(out, at::RESERVED, u16, 0_u16);
    }
}

/// A checked datagram: a header and at least one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    header: Header,
    body: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Checks version, aggregation, its version, length and count.
    ///
    /// # Errors
    /// [`Reason::Truncated`] without a whole header, [`Reason::BadVersion`], [`Reason::Unsupported`] for an
    /// aggregation or a version of it that does not exist, and [`Reason::CountMismatch`] if the count is not from
    /// 1 to [`Scheme::records_max`], or there are not exactly so many records (zeros may follow).
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Error> {
        let (head, after) = checked_header::<HEADER_LEN>(bytes, VERSION)?;
        let header = Header::parse(head)?;
        let count = usize::from(be!(head, header_field::COUNT, u16));
        let mismatch = Error::new(Reason::CountMismatch, header_field::COUNT);
        if count == 0 || count > header.scheme.records_max() {
            return Err(mismatch);
        }
        // At most 51 × 28 or 32 × 44: no overflow.
        let len = count.saturating_mul(header.scheme.record_len());
        let (body, tail) = after.split_at_checked(len).ok_or(mismatch)?;
        checked_tail(tail)?;
        Ok(Self { header, body })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// The records.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record> + Clone + use<'a> {
        let scheme = self.header.scheme;
        self.body.chunks_exact(scheme.record_len()).map(move |bytes| scheme.parse(bytes))
    }

    /// The records as one run of octets, which begins [`HEADER_LEN`] octets into the datagram; each is
    /// [`Scheme::record_len`] octets long.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// Writes a datagram and returns its length in octets. Of a record it writes what the scheme has a place for;
/// what the record does not know is written as zero.
///
/// # Errors
/// [`Reason::CountMismatch`] without records or with more than [`Scheme::records_max`], [`Reason::NoSpace`].
pub fn emit(header: &Header, records: &[Record], out: &mut [u8]) -> Result<usize, Error> {
    let scheme = header.scheme;
    if records.is_empty() || records.len() > scheme.records_max() {
        return Err(Error::new(Reason::CountMismatch, header_field::COUNT));
    }
    let count = u16::try_from(records.len()).unwrap_or(u16::MAX);
    let no_space = Error::new(Reason::NoSpace, out.len());
    let (head, after) = out.split_first_chunk_mut().ok_or(no_space)?;
    let len = records.len().saturating_mul(scheme.record_len());
    let body = after.get_mut(..len).ok_or(no_space)?;
    header.emit(count, head);
    for (record, slot) in records.iter().zip(body.chunks_exact_mut(scheme.record_len())) {
        scheme.emit(record, slot);
    }
    Ok(len.saturating_add(HEADER_LEN))
}

#[cfg(test)]
mod tests;
