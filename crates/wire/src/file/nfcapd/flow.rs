//! One flow record, whichever layout it comes from. `None` is what the file does not have.

use core::net::IpAddr;

/// A flow, or an event, as nfdump wrote it down.
///
/// nfdump fills whole groups of fields where an exporter named one of them, so that a zero often stands for nothing:
/// what that means is for whoever reads this to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow<'a> {
    /// The number by which the file knows the exporter ([`super::Exporter`]).
    pub exporter: u16,
    /// Kind of the flow switching engine.
    pub engine_type: u8,
    /// Slot of the flow switching engine.
    pub engine_id: u8,
    /// The export version it came in: 5, 9, 10, 0 if that is not known. Others are of programs without exporter.
    pub version: u8,
    /// Whether the writer multiplied the counters by a sampling interval.
    pub is_sampled: bool,
    /// Whether it reports an event.
    pub is_event: bool,
    /// First packet, ms since 1970.
    pub first_ms: u64,
    /// Last packet, ms since 1970.
    pub last_ms: u64,
    /// When the datagram arrived at the collector, ms since 1970.
    pub received_ms: Option<u64>,
    /// Packets.
    pub packets: u64,
    /// Octets.
    pub octets: u64,
    /// Source port.
    pub src_port: u16,
    /// Destination port; of ICMP, type × 256 + code.
    pub dst_port: u16,
    /// IP protocol.
    pub proto: u8,
    /// TCP flags seen.
    pub tcp_flags: u8,
    /// Forwarding status (element 89); 0 is also "not said".
    pub forwarding: u8,
    /// Type of service.
    pub tos: u8,
    /// Source and destination address.
    pub addrs: Option<(IpAddr, IpAddr)>,
    /// Interfaces, masks and direction.
    pub misc: Misc,
    /// Flows added up, and packets and octets after the exporter, or of the way back.
    pub out: Option<(u64, u64, u64)>,
    /// VLAN on the way in and on the way out.
    pub vlans: Option<(u32, u32)>,
    /// Autonomous systems of source and destination.
    pub systems: Option<(u32, u32)>,
    /// The next router that speaks BGP.
    pub bgp_next_hop: Option<IpAddr>,
    /// The next router.
    pub next_hop: Option<IpAddr>,
    /// The address that the datagram came from.
    pub router: Option<IpAddr>,
    /// The top label of the MPLS stack, 24 bits as on the wire.
    pub mpls: Option<u32>,
    /// MAC addresses.
    pub macs: Option<Macs>,
    /// The sampler that the record names.
    pub sampler: Option<u64>,
    /// What a firewall reports.
    pub firewall: Option<Firewall>,
    /// What a translator reports (element 230).
    pub translator: Option<u8>,
    /// Source and destination after translation.
    pub nat_addrs: Option<(IpAddr, IpAddr)>,
    /// Ports after translation.
    pub nat_ports: Option<(u16, u16)>,
    /// The user, as text without its closing zero.
    pub user: Option<&'a [u8]>,
    /// The application's number (element 95), as octets.
    pub application: Option<&'a [u8]>,
    /// The observation domain, where the record says it.
    pub domain: Option<u32>,
    /// Routing tables on the way in and on the way out.
    pub vrfs: Option<(u32, u32)>,
    /// Smallest and largest time to live.
    pub ttls: Option<(u8, u8)>,
}

/// What nfdump keeps together; all zero where the exporter said none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Misc {
    /// Interface index the packets came in by.
    pub ingress_if: u32,
    /// Interface index the packets left by.
    pub egress_if: u32,
    /// Bits of the source's prefix.
    pub src_mask: u8,
    /// Bits of the destination's prefix.
    pub dst_mask: u8,
    /// 0 for entering, or not said; 1 for leaving.
    pub direction: u8,
    /// Which end began the flow (element 239): 0 is not said.
    pub biflow: u8,
}

/// MAC addresses, 48 bits each; 0 is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Macs {
    /// Source, coming in (element 56).
    pub in_src: u64,
    /// Destination, leaving (57).
    pub out_dst: u64,
    /// Destination, coming in (80).
    pub in_dst: u64,
    /// Source, leaving (81).
    pub out_src: u64,
}

/// What a firewall (Cisco ASA) says of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Firewall {
    /// When it happened, ms since 1970.
    pub at_ms: u64,
    /// The connection's number.
    pub connection: u32,
    /// What happened (element 233).
    pub event: u8,
}
