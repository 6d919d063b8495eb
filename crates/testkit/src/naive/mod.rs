//! A second decoder of flow exports, for tests: slow, plain, written from the documents alone.
//!
//! It shares nothing with the decoder that it checks: no code, no structure, no cleverness. A record becomes a list
//! of values, each an information element's number and its octets, copied out of the datagram one after the other;
//! formats without templates are tables of which octets are which element. What the documents leave open is marked
//! **Rule** where weir has decided it.
//!
//! | file | from |
//! |---|---|
//! | `fixed` | Cisco, "NetFlow Export Datagram Format" (versions 1, 5, 6, 7, 8) |
//! | `template` | RFC 3954 (version 9), RFC 7011 (IPFIX), RFC 5103 (reverse elements are elements of enterprise 29305) |
//! | `sflow` | sflow.org, "sFlow Version 5" |
//! | `packet` | IEEE 802.3, RFC 791, RFC 8200, RFC 9293, RFC 768, RFC 3032, RFC 2516, RFC 1661 |
//!
//! Every function is total: there is no input that makes it panic.

mod fixed;
mod packet;
mod sflow;
mod template;

pub use template::{Domain, Waiting};

use std::collections::BTreeMap;

/// One value of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Who defined the element; 0 is IANA.
    pub enterprise: u32,
    /// The element.
    pub element: u16,
    /// Its octets, as they were sent.
    pub octets: Vec<u8>,
    /// Whether the record said how long it is (RFC 7011 §7).
    pub is_variable: bool,
}

/// When a message was sent, as it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Milliseconds since 1970.
    pub export_ms: Option<i128>,
    /// Milliseconds since the exporter started.
    pub uptime_ms: Option<i128>,
}

/// One flow record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The version of the format: 1, 5, 6, 7, 8, 9, 10; 0 is sFlow.
    pub version: u16,
    /// The clock of the message it came in.
    pub sent: Sent,
    /// Its values in their order.
    pub values: Vec<Value>,
}

/// One datagram, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Datagram {
    /// The version of the format, as in [`Record::version`].
    pub version: u16,
    /// Which part of the exporter sent it.
    pub domain: u32,
    /// Its number, where the format has one.
    pub sequence: Option<u32>,
    /// Its flow records, set by set; those that waited for a template that it brings are a set of their own.
    pub sets: Vec<Vec<Record>>,
    /// Whether options data told names of applications.
    pub has_names: bool,
}

/// What one observer keeps of its exporters.
#[derive(Debug, Default)]
pub struct Decoder {
    /// By exporter, version and observation domain.
    domains: BTreeMap<(u64, u16, u32), Domain>,
}

impl Decoder {
    /// Reads a datagram of this exporter; `None` if nothing of it can be used.
    pub fn datagram(&mut self, exporter: u64, bytes: &[u8]) -> Option<Datagram> {
        match (number(bytes, 0, 2)?, number(bytes, 0, 4)) {
            (1, _) => fixed::v1(bytes),
            (5, _) => fixed::v5(bytes),
            (6, _) => fixed::v6(bytes),
            (7, _) => fixed::v7(bytes),
            (8, _) => fixed::v8(bytes),
            (version @ (9 | 10), _) => {
                let header = template::header(version, bytes)?;
                let domain = self.domains.entry((exporter, header.version, header.domain)).or_default();
                Some(domain.message(&header, bytes))
            }
            (0, Some(5)) => sflow::datagram(bytes),
            _ => None,
        }
    }

    /// Data sets that wait for their template, and the octets of their bodies, of all exporters.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        let all = self.domains.values().flat_map(|domain| &domain.waiting);
        all.fold((0, 0), |(sets, octets), waiting| (sets + 1, octets + waiting.body.len()))
    }
}

/// The octets from `at` on, so many; `None` if they are not all there.
fn octets(bytes: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(len)?)
}

/// A big-endian number of so many octets (at most 8).
fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let mut number = 0;
    for octet in octets(bytes, at, len)? {
        number = number * 256 + u64::from(*octet);
    }
    Some(number)
}

/// The same, of at most 4 octets.
fn word(bytes: &[u8], at: usize, len: usize) -> Option<u32> {
    u32::try_from(number(bytes, at, len)?).ok()
}

/// A value of IANA's registry.
fn value(element: u16, octets: &[u8]) -> Value {
    Value { enterprise: 0, element, octets: octets.to_vec(), is_variable: false }
}

/// Whether there are only zeros.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|octet| *octet == 0)
}
