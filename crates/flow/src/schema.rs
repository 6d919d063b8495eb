//! The one schema: every column of a flow record, with its name, type, unit and information element.
//!
//! The store's Parquet files, SQL, JSON, CSV, the filter language and `docs/columns.md` are all read off
//! [`COLUMNS`]. To add a column: add a variant to [`Column`] and its line to [`COLUMNS`] (a test holds the two
//! together), and say in `session` which elements feed it.

use crate::names::{Direction, Event, FlowDirection, SamplingSource, TimeSource, Version};

/// A column of the flow record. The discriminant is its place in [`COLUMNS`] and its bit in a row's
/// presence mask.
#[expect(missing_docs, reason = "each column is described once, in COLUMNS")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Column {
    Start,
    End,
    Received,
    TimeSource,
    Exporter,
    Domain,
    ProtocolVersion,
    SrcAddr,
    DstAddr,
    SrcPort,
    DstPort,
    Proto,
    TcpFlags,
    Tos,
    IcmpType,
    IcmpCode,
    IngressIf,
    EgressIf,
    FlowDirection,
    SrcAs,
    DstAs,
    SrcMask,
    DstMask,
    NextHop,
    BgpNextHop,
    SrcVlan,
    DstVlan,
    SrcMac,
    DstMac,
    IngressVrf,
    EgressVrf,
    MplsLabel,
    MinTtl,
    MaxTtl,
    ForwardingStatus,
    Application,
    User,
    Event,
    NatSrcAddr,
    NatDstAddr,
    NatSrcPort,
    NatDstPort,
    Octets,
    Packets,
    MeasuredOctets,
    MeasuredPackets,
    SamplingInterval,
    SamplingSource,
    Sampler,
    Tenant,
    PeerTenant,
    Direction,
    Host,
    Class,
    Other,
}

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Time,
    /// An IP address of either family.
    Addr,
    /// A MAC address.
    Mac,
    /// An unsigned number of at most this many bits: 8, 16, 32 or 64.
    Unsigned(u8),
    /// One of a closed list of words.
    Word(&'static [&'static str]),
    /// A name from an open list (tenants, classes).
    Name,
    /// Text as the exporter wrote it, UTF-8.
    Text,
    /// Information elements that no column holds, as [`crate::other`] lays them out.
    Elements,
}

/// One line of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Which column.
    pub column: Column,
    /// Its name everywhere: Parquet, SQL, JSON, CSV, filters.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// The unit of its values, empty where there is none.
    pub unit: &'static str,
    /// The main IANA information element (RFC 7012) that feeds it, where there is one.
    pub element: Option<u16>,
    /// What it means, in one sentence.
    pub doc: &'static str,
}

const fn line(
    column: Column,
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    element: u16,
    doc: &'static str,
) -> Definition {
    let element = if element == 0 { None } else { Some(element) };
    Definition { column, name, kind, unit, element, doc }
}

use Kind::{Addr, Elements, Mac, Name, Text, Time, Unsigned, Word};

/// How many columns there are; they fit one 64-bit presence mask.
pub const COUNT: usize = 55;

/// The schema, in the order columns are written.
pub const COLUMNS: [Definition; COUNT] = [
    line(Column::Start, "start", Time, "ms", 152, "When the first packet of the flow was seen."),
    line(Column::End, "end", Time, "ms", 153, "When the last packet of the flow was seen."),
    line(Column::Received, "received", Time, "ms", 0, "When the datagram arrived here."),
    line(Column::TimeSource, "time_source", Word(TimeSource::WORDS), "", 0, "What start and end rest on."),
    line(Column::Exporter, "exporter", Addr, "", 130, "The address the datagram came from."),
    line(
        Column::Domain,
        "domain",
        Unsigned(32),
        "",
        149,
        "The observation domain (v9 source id, v5 engine type and id, v8 aggregation and engine, sFlow sub-agent).",
    ),
    line(
        Column::ProtocolVersion,
        "protocol_version",
        Word(Version::WORDS),
        "",
        0,
        "The export format: 1, 5, 6, 7, 8, 9, 10 (IPFIX) or sflow. Archives of captured packets have none.",
    ),
    line(Column::SrcAddr, "src_addr", Addr, "", 8, "Source address."),
    line(Column::DstAddr, "dst_addr", Addr, "", 12, "Destination address."),
    line(Column::SrcPort, "src_port", Unsigned(16), "", 7, "Source port, of protocols that have ports."),
    line(
        Column::DstPort,
        "dst_port",
        Unsigned(16),
        "",
        11,
        "Destination port, of protocols that have ports.",
    ),
    line(Column::Proto, "proto", Unsigned(8), "", 4, "IP protocol number."),
    line(
        Column::TcpFlags,
        "tcp_flags",
        Unsigned(16),
        "",
        6,
        "TCP flags seen in any packet of the flow, of TCP.",
    ),
    line(Column::Tos, "tos", Unsigned(8), "", 5, "Type of service or traffic class."),
    line(Column::IcmpType, "icmp_type", Unsigned(8), "", 176, "ICMP or ICMPv6 type, of those protocols."),
    line(Column::IcmpCode, "icmp_code", Unsigned(8), "", 177, "ICMP or ICMPv6 code, of those protocols."),
    line(
        Column::IngressIf,
        "ingress_if",
        Unsigned(32),
        "",
        10,
        "Index of the interface the packets came in by; 0 is the exporter itself.",
    ),
    line(
        Column::EgressIf,
        "egress_if",
        Unsigned(32),
        "",
        14,
        "Index of the interface the packets left by; 0 is the exporter itself, or dropped.",
    ),
    line(
        Column::FlowDirection,
        "flow_direction",
        Word(FlowDirection::WORDS),
        "",
        61,
        "Whether the flow was observed entering or leaving.",
    ),
    line(Column::SrcAs, "src_as", Unsigned(32), "", 16, "Autonomous system of the source."),
    line(Column::DstAs, "dst_as", Unsigned(32), "", 17, "Autonomous system of the destination."),
    line(Column::SrcMask, "src_mask", Unsigned(8), "bits", 9, "Length of the source's routing prefix."),
    line(Column::DstMask, "dst_mask", Unsigned(8), "bits", 13, "Length of the destination's routing prefix."),
    line(Column::NextHop, "next_hop", Addr, "", 15, "Address of the next router."),
    line(Column::BgpNextHop, "bgp_next_hop", Addr, "", 18, "Address of the next router that speaks BGP."),
    line(Column::SrcVlan, "src_vlan", Unsigned(16), "", 58, "VLAN on the way in."),
    line(Column::DstVlan, "dst_vlan", Unsigned(16), "", 59, "VLAN on the way out."),
    line(Column::SrcMac, "src_mac", Mac, "", 56, "Source MAC address."),
    line(Column::DstMac, "dst_mac", Mac, "", 80, "Destination MAC address."),
    line(
        Column::IngressVrf,
        "ingress_vrf",
        Unsigned(32),
        "",
        234,
        "Routing table that the packets came in by.",
    ),
    line(Column::EgressVrf, "egress_vrf", Unsigned(32), "", 235, "Routing table that the packets left by."),
    line(Column::MplsLabel, "mpls_label", Unsigned(32), "", 70, "Top label of the MPLS stack, 20 bits."),
    line(Column::MinTtl, "min_ttl", Unsigned(8), "hops", 52, "Smallest time to live or hop limit seen."),
    line(Column::MaxTtl, "max_ttl", Unsigned(8), "hops", 53, "Largest time to live or hop limit seen."),
    line(
        Column::ForwardingStatus,
        "forwarding_status",
        Unsigned(8),
        "",
        89,
        "What became of the packets: 64 to 127 forwarded, 128 to 191 dropped, 192 and above consumed.",
    ),
    line(
        Column::Application,
        "application",
        Text,
        "",
        96,
        "The application, by the name that the exporter gives it; `engine:selector` where it gives none.",
    ),
    line(Column::User, "user", Text, "", 371, "The user, as the exporter knows it."),
    line(Column::Event, "event", Word(Event::WORDS), "", 233, "What a firewall or translator reports."),
    line(Column::NatSrcAddr, "nat_src_addr", Addr, "", 225, "Source address after translation."),
    line(Column::NatDstAddr, "nat_dst_addr", Addr, "", 226, "Destination address after translation."),
    line(Column::NatSrcPort, "nat_src_port", Unsigned(16), "", 227, "Source port after translation."),
    line(Column::NatDstPort, "nat_dst_port", Unsigned(16), "", 228, "Destination port after translation."),
    line(
        Column::Octets,
        "octets",
        Unsigned(64),
        "octets",
        1,
        "IP octets: measured octets times the sampling interval.",
    ),
    line(
        Column::Packets,
        "packets",
        Unsigned(64),
        "packets",
        2,
        "Packets: measured packets times the sampling interval.",
    ),
    line(
        Column::MeasuredOctets,
        "measured_octets",
        Unsigned(64),
        "octets",
        1,
        "IP octets as the exporter measured them.",
    ),
    line(
        Column::MeasuredPackets,
        "measured_packets",
        Unsigned(64),
        "packets",
        2,
        "Packets as the exporter measured them.",
    ),
    line(
        Column::SamplingInterval,
        "sampling_interval",
        Unsigned(32),
        "packets",
        34,
        "One packet in so many was measured.",
    ),
    line(
        Column::SamplingSource,
        "sampling_source",
        Word(SamplingSource::WORDS),
        "",
        0,
        "Where the sampling interval was learned.",
    ),
    line(Column::Sampler, "sampler", Unsigned(64), "", 302, "The sampler that the record names."),
    line(Column::Tenant, "tenant", Name, "", 0, "The tenant accounted; in local traffic the source's."),
    line(Column::PeerTenant, "peer_tenant", Name, "", 0, "The destination's tenant, in local traffic."),
    line(
        Column::Direction,
        "direction",
        Word(Direction::WORDS),
        "",
        0,
        "Its place in the trial balance: in, out, local, transit, unmatched or duplicate.",
    ),
    line(
        Column::Host,
        "host",
        Addr,
        "",
        0,
        "The tenant's own address, behind NAT the inside one; in local traffic the source's.",
    ),
    line(
        Column::Class,
        "class",
        Name,
        "",
        0,
        "The class of traffic with the outside, by its remote side; `other` is of none of those configured.",
    ),
    line(
        Column::Other,
        "other",
        Elements,
        "",
        0,
        "Elements of the record that have no column of their own: `weir flows --all` shows them by name.",
    ),
];

impl Column {
    /// Its line in the schema.
    #[inline]
    #[must_use]
    pub fn definition(self) -> &'static Definition {
        // The enum and the table have the same length and order; a test holds them together.
        COLUMNS.get(self.index()).unwrap_or(&COLUMNS[0])
    }

    /// Its place in [`COLUMNS`].
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its bit in a row's presence mask.
    #[inline]
    #[must_use]
    pub const fn bit(self) -> u64 {
        1 << (self as u8)
    }

    /// Its name everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// What its values are.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.definition().kind
    }

    /// The column of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        COLUMNS.iter().find(|d| d.name == name).map(|d| d.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_names_are_unique() {
        let mut names = HashSet::new();
        for (i, d) in COLUMNS.iter().enumerate() {
            assert_eq!(d.column.index(), i, "{}", d.name);
            assert!(names.insert(d.name), "{}", d.name);
            assert_eq!(Column::by_name(d.name), Some(d.column));
        }
        const { assert!(COUNT <= 64, "the presence mask has 64 bits") };
    }
}
