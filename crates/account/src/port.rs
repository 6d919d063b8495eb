//! Whose an end of a flow is by where it is attached: an interface of an exporter, a VLAN, a MAC address.
//!
//! Addresses come first: only an end whose address is known and no tenant's is looked up here. Then, in this order, the
//! first that is a tenant's decides:
//!
//! | | the source is the tenant's by | the destination by |
//! |---|---|---|
//! | MAC address | the source MAC address | the destination MAC address |
//! | VLAN | the VLAN on the way in | the VLAN on the way out |
//! | interface | the ingress interface | the egress interface |
//!
//! A probe on a wire sees one VLAN whichever way a packet goes. One VLAN says which wire, and not which end: the end is the
//! tenant's whose address is the operator's own. Where that is neither of them or both, the VLAN decides nothing.

use crate::span::Span;
use crate::tenant::Tenant;
use std::collections::HashMap;
use std::fmt;
use weir_flow::{Addr, Batch, Column, Mac};

/// Where something is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Port {
    /// An interface of an exporter, by its index.
    Interface(Addr, u32),
    /// A VLAN, by its number.
    Vlan(u16),
    /// A MAC address.
    Mac(Mac),
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(exporter, index) => write!(f, "interface {index} of exporter {exporter}"),
            Self::Vlan(vlan) => write!(f, "VLAN {vlan}"),
            Self::Mac(mac) => write!(f, "MAC address {mac}"),
        }
    }
}

/// A place that is a tenant's, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Where.
    pub port: Port,
    /// When: half-open, an edge that is not given is open.
    pub time: Span,
}

/// The ports of all tenants that an exporter's records may be about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ports {
    tenants: HashMap<Port, Vec<(Span, u32)>>,
}

/// An end of a flow, as far as addresses told whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// A tenant's, or not known.
    Settled,
    /// The operator's own.
    Own,
    /// Somebody else's.
    Foreign,
}

impl Ports {
    /// Of these tenants, each with its place among all.
    pub(crate) fn new<'a>(tenants: impl Iterator<Item = (u32, &'a Tenant)>) -> Self {
        let mut ports = Self::default();
        for (place, tenant) in tenants {
            for Attachment { port, time } in &tenant.ports {
                ports.tenants.entry(*port).or_default().push((*time, place));
            }
        }
        ports
    }

    /// Whether there are none, as mostly.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    fn of(&self, port: Port, at_ms: i64) -> Option<u32> {
        let (_, tenant) = self.tenants.get(&port)?.iter().find(|(time, _)| time.contains(at_ms))?;
        Some(*tenant)
    }

    /// The tenants that source and destination of a row belong to, as far as ports say so.
    #[cold]
    pub(crate) fn ends(
        &self,
        attached: &Attached<'_>,
        row: usize,
        (source, destination): (Told, Told),
        at_ms: i64,
    ) -> (Option<u32>, Option<u32>) {
        let (from_vlan, to_vlan) = self.vlans(attached, row, (source, destination), at_ms);
        let mac = |column, values| self.of(Port::Mac(Mac(*attached.value(column, values, row)?)), at_ms);
        let interface = |column, values| {
            let exporter = attached.exporters.get(row).copied().unwrap_or_default();
            self.of(Port::Interface(exporter, *attached.value(column, values, row)?), at_ms)
        };
        let end = |told, mac: Option<u32>, vlan: Option<u32>, interface: Option<u32>| match told {
            Told::Settled => None,
            Told::Own | Told::Foreign => mac.or(vlan).or(interface),
        };
        (
            end(
                source,
                mac(Column::SrcMac, attached.macs.0),
                from_vlan,
                interface(Column::IngressIf, attached.interfaces.0),
            ),
            end(
                destination,
                mac(Column::DstMac, attached.macs.1),
                to_vlan,
                interface(Column::EgressIf, attached.interfaces.1),
            ),
        )
    }

    fn vlans(
        &self,
        attached: &Attached<'_>,
        row: usize,
        told: (Told, Told),
        at_ms: i64,
    ) -> (Option<u32>, Option<u32>) {
        let of = |vlan: &u16| self.of(Port::Vlan(*vlan), at_ms);
        let source = attached.value(Column::SrcVlan, attached.vlans.0, row);
        let destination = attached.value(Column::DstVlan, attached.vlans.1, row);
        let one = match (source, destination) {
            (Some(source), Some(destination)) if source != destination => {
                return (of(source), of(destination));
            }
            (one, other) => one.or(other).and_then(of),
        };
        match told {
            (Told::Own, Told::Foreign) => (one, None),
            (Told::Foreign, Told::Own) => (None, one),
            _ => (None, None),
        }
    }
}

/// The columns that say where ends are attached. They may be shorter than the batch where nobody wrote them.
pub(crate) struct Attached<'a> {
    present: &'a [u64],
    exporters: &'a [Addr],
    macs: (&'a [u64], &'a [u64]),
    vlans: (&'a [u16], &'a [u16]),
    interfaces: (&'a [u32], &'a [u32]),
}

impl<'a> Attached<'a> {
    pub(crate) fn of(batch: &'a Batch) -> Self {
        Self {
            present: batch.present(),
            exporters: batch.addrs(Column::Exporter),
            macs: (batch.u64s(Column::SrcMac), batch.u64s(Column::DstMac)),
            vlans: (batch.u16s(Column::SrcVlan), batch.u16s(Column::DstVlan)),
            interfaces: (batch.u32s(Column::IngressIf), batch.u32s(Column::EgressIf)),
        }
    }

    /// The value of a row, where it has one.
    fn value<T>(&self, column: Column, values: &'a [T], row: usize) -> Option<&'a T> {
        let is_there = self.present.get(row).is_some_and(|mask| mask & column.bit() != 0);
        values.get(row).filter(|_| is_there)
    }
}
