//! What the accounts must say in the end, added up by the model itself.
//!
//! Nothing of weir's decoding has a part in it: whose a flow is, the model knows from who talked, and what was
//! handed out, from having done so. The demonstration compares its report with this, to the byte.

use super::flow::{Flow, Owner};
use super::office::TENANTS;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::AddAssign;

/// A sum of flow records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Octets of IP packets.
    pub(crate) octets: u64,
    /// Packets.
    pub(crate) packets: u64,
    /// Flow records.
    pub(crate) flows: u64,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.octets += other.octets;
        self.packets += other.packets;
        self.flows += other.flows;
    }
}

/// What somebody used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// From the outside.
    pub(crate) inward: Figures,
    /// To the outside.
    pub(crate) outward: Figures,
    /// From another tenant, or from oneself.
    pub(crate) local_in: Figures,
    /// To another tenant, or to oneself.
    pub(crate) local_out: Figures,
}

/// What never arrived, though the exporter counted it as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The exporter's name in the configuration; empty if nothing was lost.
    pub(crate) exporter: &'static str,
    /// When the first and the last of them would have been handed out, ms since 1970.
    pub(crate) first_ms: i64,
    /// See `first_ms`.
    pub(crate) last_ms: i64,
    /// Datagrams.
    pub(crate) datagrams: u64,
    /// Data records in them as the sequence number counts them: flow records and options records.
    pub(crate) records: u64,
    /// What the flow records in them said.
    pub(crate) flows: Figures,
}

/// What one exporter handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Its name in the configuration.
    pub(crate) exporter: &'static str,
    /// Its address.
    pub(crate) address: IpAddr,
    /// Datagrams, those with templates included.
    pub(crate) datagrams: u64,
    /// Templates and options templates, each time they were sent.
    pub(crate) templates: u64,
    /// Options records.
    pub(crate) options_records: u64,
    /// Flow records and what they said.
    pub(crate) flows: Figures,
}

/// The true figures of the datagrams that were handed out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    /// All flow records: the sum of the tenants' `inward` and `outward`, `local`, `unmatched` and `transit`.
    pub(crate) total: Figures,
    /// The tenants by name, in the order of the configuration.
    pub(crate) tenants: Vec<(&'static str, Share)>,
    /// The tenants' hosts by their own addresses.
    pub(crate) hosts: BTreeMap<IpAddr, Share>,
    /// Between tenants, each record once.
    pub(crate) local: Figures,
    /// Neither end is a tenant's, and one is in a private network: the printers.
    pub(crate) unmatched: Figures,
    /// Both ends are foreign by their addresses: the router's own traffic on its lines.
    pub(crate) transit: Figures,
    /// By exporter.
    pub(crate) sent: Vec<Sent>,
    /// What did not arrive. It is in no other figure.
    pub(crate) lost: Lost,
}

impl Truth {
    /// Nothing yet, of all tenants.
    pub(super) fn new() -> Self {
        Self {
            tenants: TENANTS.iter().map(|tenant| (tenant.name, Share::default())).collect(),
            ..Self::default()
        }
    }

    /// Counts a record that was handed out.
    pub(super) fn count(&mut self, flow: &Flow) {
        let figures = flow.figures();
        self.total += figures;
        match (flow.src.owner, flow.dst.owner) {
            (None, None) if flow.src.vlan > 0 || flow.dst.vlan > 0 => self.unmatched += figures,
            (None, None) => self.transit += figures,
            (Some(src), None) => self.share(src, |share| share.outward += figures),
            (None, Some(dst)) => self.share(dst, |share| share.inward += figures),
            (Some(src), Some(dst)) => {
                self.local += figures;
                self.share(src, |share| share.local_out += figures);
                self.share(dst, |share| share.local_in += figures);
            }
        }
    }

    fn share(&mut self, owner: Owner, add: impl Fn(&mut Share)) {
        if let Some((_, share)) = self.tenants.get_mut(owner.tenant) {
            add(share);
        }
        add(self.hosts.entry(owner.host).or_default());
    }
}

impl Flow {
    /// What the record says.
    pub(super) fn figures(&self) -> Figures {
        Figures { octets: self.octets.into(), packets: self.packets.into(), flows: 1 }
    }
}
