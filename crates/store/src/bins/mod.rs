//! Bins: the accounts of five minutes, by exporter, kind, tenant, host and class.
//!
//! A row's octets and packets are spread over the bins its flow lies in, by
//! [`spread`](weir_flow::time::spread), so the parts sum to the whole. Each row adds to the kind of its
//! direction; a local row adds to two: `local_out` of the source's tenant and host, and `local_in` of the
//! destination's. Every row also adds to `decoded`, by a pass of its own straight from its octets and packets.
//! So for every exporter and bin
//!
//! > decoded = in + out + local_out + transit + unmatched + duplicate
//!
//! and a report can print both sides as the trial balance.
//!
//! What they add up to over hosts is computed when a batch arrives (`Gather`), and travels in its frame of the journal: a
//! question about what is not yet sealed adds frames' accounts up ([`Accumulator`]). Those of hosts are nearly as many as
//! rows there; a question about hosts reads the rows, and a seal, which has these sorted by host, computes them in
//! passing (`sorted`). Whoever wants to be sure computes all of them again from the rows
//! ([`Snapshot::recompute_bins`](crate::Snapshot::recompute_bins)).

mod accumulator;
mod file;
mod fold;
mod gather;
mod interned;
mod order;
mod row;
mod sorted;
mod sum;
mod tally;
#[cfg(test)]
mod tests;

pub use accumulator::Accumulator;
pub(crate) use file::{read, read_of, read_tenants, read_tenants_of, write};
pub(crate) use gather::{Entry, Gather};
pub(crate) use sum::Sums;

use weir_flow::Addr;
use weir_flow::schema::Column;

/// What an account counts: a place in the trial balance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// To a tenant from the outside.
    In,
    /// From a tenant to the outside.
    Out,
    /// Local traffic, at its destination: the mirror of `LocalOut`, not another part of the sum.
    LocalIn,
    /// Local traffic, at its source.
    LocalOut,
    /// Neither end is ours.
    Transit,
    /// No tenant answers for it; also rows that nobody attributed.
    Unmatched,
    /// Seen where the operator does not account it.
    Duplicate,
    /// Everything that was decoded, added up apart from the others.
    Decoded,
}

/// The place of a tenant that is none.
const NOBODY: u32 = u32::MAX;

/// The place of a class that is none. So many classes can be told apart where accounts are added up; of more, which no
/// configuration has, the last would have none.
const UNCLASSED: u16 = u16::MAX;

impl Kind {
    /// Every kind, in the order of the codes.
    pub const ALL: &'static [Self] = &[
        Self::In,
        Self::Out,
        Self::LocalIn,
        Self::LocalOut,
        Self::Transit,
        Self::Unmatched,
        Self::Duplicate,
        Self::Decoded,
    ];
    /// Their words, in the same order.
    pub const WORDS: &'static [&'static str] =
        &["in", "out", "local_in", "local_out", "transit", "unmatched", "duplicate", "decoded"];

    /// The kind with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Its code.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Its word in files and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.get(usize::from(self as u8)).copied().unwrap_or_default()
    }

    /// Whether it is of a tenant and its host.
    pub(crate) fn has_tenant(self) -> bool {
        matches!(self, Self::In | Self::Out | Self::LocalIn | Self::LocalOut)
    }

    /// Whether its octets are a part of the trial balance's sum.
    #[must_use]
    pub fn is_part(self) -> bool {
        !matches!(self, Self::LocalIn | Self::Decoded)
    }
}

/// What an account says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Octets, sampling undone.
    pub octets: u64,
    /// Packets, sampling undone.
    pub packets: u64,
    /// Flows that begin in the bin.
    pub flows: u64,
    /// Octets as measured.
    pub measured_octets: u64,
    /// Packets as measured.
    pub measured_packets: u64,
}

impl Counts {
    /// Both together; `None` if any sum exceeds 64 bits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            octets: self.octets.checked_add(other.octets)?,
            packets: self.packets.checked_add(other.packets)?,
            flows: self.flows.checked_add(other.flows)?,
            measured_octets: self.measured_octets.checked_add(other.measured_octets)?,
            measured_packets: self.measured_packets.checked_add(other.measured_packets)?,
        })
    }
}

/// An account of one bin. The same bin, exporter, kind, tenant, host and class may come in several rows (from several
/// files, or because one would exceed 64 bits): they add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BinRow<'a> {
    /// Start of the bin, ms since 1970.
    pub bin: i64,
    /// Who exported.
    pub exporter: Addr,
    /// The place in the trial balance.
    pub kind: Kind,
    /// The tenant, of kinds in, out and local.
    pub tenant: Option<&'a str>,
    /// The tenant's host, of the same.
    pub host: Option<Addr>,
    /// The class, of kinds in and out, where there are classes.
    pub class: Option<&'a str>,
    /// What was counted.
    pub counts: Counts,
}

/// What accounts add up to over hosts and bins: an account of a span. The same exporter, kind, tenant and class come
/// twice only where one sum would exceed 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumRow<'a> {
    /// Who exported.
    pub exporter: Addr,
    /// The place in the trial balance.
    pub kind: Kind,
    /// The tenant, of kinds in, out and local.
    pub tenant: Option<&'a str>,
    /// The class, of kinds in and out, where there are classes.
    pub class: Option<&'a str>,
    /// What was counted.
    pub counts: Counts,
}

impl<'a> From<&BinRow<'a>> for SumRow<'a> {
    fn from(row: &BinRow<'a>) -> Self {
        let BinRow { exporter, kind, tenant, class, counts, .. } = *row;
        Self { exporter, kind, tenant, class, counts }
    }
}

/// The columns that bins are made from.
pub const COLUMNS: u64 = Column::Start.bit()
    | Column::End.bit()
    | Column::Exporter.bit()
    | Column::DstAddr.bit()
    | Column::NatDstAddr.bit()
    | Column::Octets.bit()
    | Column::Packets.bit()
    | Column::MeasuredOctets.bit()
    | Column::MeasuredPackets.bit()
    | Column::Tenant.bit()
    | Column::PeerTenant.bit()
    | Column::Direction.bit()
    | Column::Host.bit()
    | Column::Class.bit();
