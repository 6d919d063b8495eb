//! weir-wire says what the bytes say, and no more.
//!
//! Every format is one module, found by its name: [`netflow`] (v1, v5 to v9), [`ipfix`], [`sflow`],
//! [`packet`] (the headers of a metered packet), [`file`](mod@file) (pcap, pcapng). What v9 and IPFIX share is in
//! [`template`] (sets, templates, variable lengths), lists within records in [`structured`]; what their numbers are called is in [`element`].
//!
//! # The contract
//! * **View, then meaning.** `Datagram::new_checked` / `Message::new_checked` is the one place where a
//!   length from the network is believed; after it succeeded, what the view hands out cannot run past the
//!   bytes. A length is never used to allocate: this crate has no allocator.
//! * **Records *and* problems.** Iterators yield `Result`s: a malformed set or template costs itself, and
//!   iteration goes on where the lengths still allow it. After an error that leaves no way on they end.
//! * **An error names its place.** [`Error`] is a stable [`Reason`] and the offset in octets from the
//!   start of the datagram. Views carry the offset they begin at, so that this is true deep inside as well.
//! * **Both directions.** What is parsed can be emitted: into a `&mut [u8]`, with [`Reason::NoSpace`] when
//!   it does not fit. `emit` does not check what `new_checked` would refuse about meaning, only sizes.
//! * **No clock, no file, no socket, no allocation, no panic**: `no_std`, `forbid(unsafe_code)`, no indexing.
//!
//! All integers on the wire are big endian (capture files excepted: their header says).

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

#[cfg(test)]
extern crate std;

mod builder;
pub mod element;
pub mod error;
pub mod file;
pub mod ipfix;
pub mod netflow;
pub mod packet;
pub mod reader;
mod record;
mod set;
pub mod sflow;
pub mod structured;
pub mod template;
pub mod value;
pub mod writer;

pub use error::{Error, Reason};

/// The export protocols that weir reads, each told apart by the first octets of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Cisco NetFlow version 1.
    NetflowV1,
    /// Cisco NetFlow version 5.
    NetflowV5,
    /// Cisco NetFlow version 6: version 5 with encapsulations.
    NetflowV6,
    /// Cisco NetFlow version 7 (Catalyst switches).
    NetflowV7,
    /// Cisco NetFlow version 8: aggregates of flows.
    NetflowV8,
    /// Cisco NetFlow version 9, RFC 3954.
    NetflowV9,
    /// IPFIX, RFC 7011 (its version number is 10).
    Ipfix,
    /// sFlow version 2, RFC 3176.
    SflowV2,
    /// sFlow version 4.
    SflowV4,
    /// sFlow version 5.
    SflowV5,
}

impl Protocol {
    /// Every protocol, in the order of its declaration.
    pub const ALL: [Self; 10] = [
        Self::NetflowV1,
        Self::NetflowV5,
        Self::NetflowV6,
        Self::NetflowV7,
        Self::NetflowV8,
        Self::NetflowV9,
        Self::Ipfix,
        Self::SflowV2,
        Self::SflowV4,
        Self::SflowV5,
    ];

    /// The short name under which figures are reported: the version number, or `sflow` (with a number if it is
    /// not 5).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NetflowV1 => "1",
            Self::NetflowV5 => "5",
            Self::NetflowV6 => "6",
            Self::NetflowV7 => "7",
            Self::NetflowV8 => "8",
            Self::NetflowV9 => "9",
            Self::Ipfix => "10",
            Self::SflowV2 => "sflow2",
            Self::SflowV4 => "sflow4",
            Self::SflowV5 => "sflow",
        }
    }
}

/// Tells the protocol of a datagram by its first octets, whatever port it came to.
///
/// NetFlow and IPFIX begin with a version of two octets, sFlow with one of four: an sFlow datagram begins
/// `00 00 00 05` (or 02, 04), and no NetFlow has version 0. `None` is a protocol that weir does not read.
#[must_use]
#[inline]
pub fn detect(payload: &[u8]) -> Option<Protocol> {
    match payload {
        [0, 1, ..] => Some(Protocol::NetflowV1),
        [0, 5, ..] => Some(Protocol::NetflowV5),
        [0, 6, ..] => Some(Protocol::NetflowV6),
        [0, 7, ..] => Some(Protocol::NetflowV7),
        [0, 8, ..] => Some(Protocol::NetflowV8),
        [0, 9, ..] => Some(Protocol::NetflowV9),
        [0, 10, ..] => Some(Protocol::Ipfix),
        [0, 0, 0, 2, ..] => Some(Protocol::SflowV2),
        [0, 0, 0, 4, ..] => Some(Protocol::SflowV4),
        [0, 0, 0, 5, ..] => Some(Protocol::SflowV5),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detects_by_content() {
        assert_eq!(detect(&[0, 1, 0, 2]), Some(Protocol::NetflowV1));
        assert_eq!(detect(&[0, 5, 0, 30]), Some(Protocol::NetflowV5));
        assert_eq!(detect(&[0, 6]), Some(Protocol::NetflowV6));
        assert_eq!(detect(&[0, 7]), Some(Protocol::NetflowV7));
        assert_eq!(detect(&[0, 8, 0, 1]), Some(Protocol::NetflowV8));
        assert_eq!(detect(&[0, 9, 0, 0]), Some(Protocol::NetflowV9));
        assert_eq!(detect(&[0, 10, 0, 16]), Some(Protocol::Ipfix));
        assert_eq!(detect(&[0, 0, 0, 2]), Some(Protocol::SflowV2));
        assert_eq!(detect(&[0, 0, 0, 4]), Some(Protocol::SflowV4));
        assert_eq!(detect(&[0, 0, 0, 5]), Some(Protocol::SflowV5));
    }

    #[test]
    fn knows_what_it_does_not_read() {
        for other in [&[][..], &[0], &[0, 0, 0], &[0, 0, 0, 3], &[0, 0, 0, 6], &[0, 2], &[5, 0], &[1, 5]] {
            assert_eq!(detect(other), None, "{other:?}");
        }
    }

    #[test]
    fn names_are_distinct() {
        for (at, protocol) in Protocol::ALL.iter().enumerate() {
            assert!(Protocol::ALL[..at].iter().all(|other| other.as_str() != protocol.as_str()));
        }
    }
}
