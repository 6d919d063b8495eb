//! Which of tshark's fields says what a column of weir says: by tshark's names, and in this order where several do.

use weir_flow::schema::Column;

/// How the value of a column is read off what tshark shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// A number, of at most so many bits.
    Number(u8),
    /// The same, of which tshark shows some bits only.
    Octets(u8),
    Address,
    Mac,
    /// An MPLS label stack entry (RFC 3032 §2.1), of which tshark shows the label.
    Label,
    /// Type and code of ICMP in one number.
    IcmpPair,
    Text,
    /// An application by number (RFC 6759).
    Application,
    /// What a firewall (233) or a translator (230) reports. It has no column of its own octets: they stay in `other`.
    Firewall,
    Translator,
}

use Form::{Address, Application, Firewall, IcmpPair, Label, Mac, Number, Octets, Text, Translator};

/// Columns, tshark's names, and how to read them. Names of one column stand in order of preference.
pub(crate) const FEEDS: &[(Column, &str, Form)] = &[
    (Column::SrcAddr, "cflow.srcaddr", Address),
    (Column::SrcAddr, "cflow.srcaddrv6", Address),
    (Column::DstAddr, "cflow.dstaddr", Address),
    (Column::DstAddr, "cflow.dstaddrv6", Address),
    (Column::SrcPort, "cflow.srcport", Number(16)),
    (Column::DstPort, "cflow.dstport", Number(16)),
    (Column::Proto, "cflow.protocol", Number(8)),
    (Column::TcpFlags, "cflow.tcpflags", Number(16)),
    (Column::TcpFlags, "cflow.tcpflags16", Number(16)),
    (Column::Tos, "cflow.tos", Number(8)),
    (Column::IcmpType, "cflow.icmp_ipv4_type", Number(8)),
    (Column::IcmpType, "cflow.icmp_ipv6_type", Number(8)),
    (Column::IcmpCode, "cflow.icmp_ipv4_code", Number(8)),
    (Column::IcmpCode, "cflow.icmp_ipv6_code", Number(8)),
    (Column::IngressIf, "cflow.inputint", Number(32)),
    (Column::IngressIf, "cflow.ingress_physical_interface", Number(32)),
    (Column::EgressIf, "cflow.outputint", Number(32)),
    (Column::EgressIf, "cflow.egress_physical_interface", Number(32)),
    (Column::FlowDirection, "cflow.direction", Number(8)),
    (Column::SrcAs, "cflow.srcas", Number(32)),
    (Column::DstAs, "cflow.dstas", Number(32)),
    (Column::SrcMask, "cflow.srcmask", Number(8)),
    (Column::SrcMask, "cflow.srcmaskv6", Number(8)),
    (Column::DstMask, "cflow.dstmask", Number(8)),
    (Column::DstMask, "cflow.dstmaskv6", Number(8)),
    (Column::NextHop, "cflow.nexthop", Address),
    (Column::NextHop, "cflow.nexthopv6", Address),
    (Column::BgpNextHop, "cflow.bgpnexthop", Address),
    (Column::BgpNextHop, "cflow.bgpnexthopv6", Address),
    (Column::SrcVlan, "cflow.vlanid", Number(16)),
    (Column::SrcVlan, "cflow.dot1q_vlan_id", Number(16)),
    (Column::DstVlan, "cflow.post_vlanid", Number(16)),
    (Column::DstVlan, "cflow.post_dot1q_vlan_id", Number(16)),
    (Column::SrcMac, "cflow.srcmac", Mac),
    (Column::SrcMac, "cflow.post_srcmac", Mac),
    (Column::DstMac, "cflow.dstmac", Mac),
    (Column::DstMac, "cflow.post_dstmac", Mac),
    (Column::IngressVrf, "cflow.ingress_vrfid", Number(32)),
    (Column::EgressVrf, "cflow.egress_vrfid", Number(32)),
    (Column::MinTtl, "cflow.ttl_min", Number(8)),
    (Column::MinTtl, "cflow.ip_ttl", Number(8)),
    (Column::MaxTtl, "cflow.ttl_max", Number(8)),
    (Column::MaxTtl, "cflow.ip_ttl", Number(8)),
    (Column::Sampler, "cflow.selector_id", Number(64)),
    (Column::Sampler, "cflow.sampler_id", Number(64)),
    (Column::NatSrcAddr, "cflow.post_natsource_ipv4_address", Address),
    (Column::NatSrcAddr, "cflow.post_nat_source_ipv6_address", Address),
    (Column::NatDstAddr, "cflow.post_natdestination_ipv4_address", Address),
    (Column::NatDstAddr, "cflow.post_nat_destination_ipv6_address", Address),
    (Column::NatSrcPort, "cflow.post_naptsource_transport_port", Number(16)),
    (Column::NatDstPort, "cflow.post_naptdestination_transport_port", Number(16)),
    (Column::MeasuredOctets, "cflow.octets", Number(64)),
    (Column::MeasuredOctets, "cflow.permanent_octets", Number(64)),
    (Column::MeasuredOctets, "cflow.initiator_octets", Number(64)),
    (Column::MeasuredOctets, "cflow.post_octets", Number(64)),
    (Column::MeasuredPackets, "cflow.packets", Number(64)),
    (Column::MeasuredPackets, "cflow.permanent_packets", Number(64)),
    (Column::MeasuredPackets, "cflow.initiator_packets", Number(64)),
    (Column::MeasuredPackets, "cflow.post_packets", Number(64)),
    (Column::SamplingInterval, "cflow.sampling_interval", Number(32)),
    (Column::SamplingInterval, "cflow.sampler_random_interval", Number(32)),
    (Column::SamplingInterval, "cflow.sampling_packet_interval", Number(32)),
    (Column::Application, "cflow.appl_name", Text),
    (Column::Application, "cflow.pie.ntop.l7_proto_name", Text),
    (Column::User, "cflow.user_name", Text),
    (Column::User, "cflow.aaa_username", Text),
    (Column::Event, "cflow.firewall_event", Firewall),
    (Column::Event, "cflow.nat_event", Translator),
];

/// Elements that tshark shows as several fields, or under a name it uses for others as well. They come before
/// all names of the same column, but for those of [`LAST`].
pub(crate) const BY_ELEMENT: &[(Column, u32, u16, Form)] = &[
    (Column::MplsLabel, 0, 70, Label),
    (Column::ForwardingStatus, 0, 89, Octets(8)),
    (Column::Application, 25_461, 56_701, Text),
    (Column::Application, 0, 56_701, Text),
    (Column::User, 25_461, 56_702, Text),
    (Column::User, 0, 56_702, Text),
];

/// What serves where nothing else says it.
pub(crate) const LAST: &[(Column, u32, u16, Form)] = &[
    (Column::IcmpType, 0, 32, IcmpPair),
    (Column::IcmpType, 0, 139, IcmpPair),
    (Column::Application, 0, 95, Application),
];

/// Elements whose values go into `start`, `end` and the scaled counters, of which the record keeps nothing else.
/// Seconds, milliseconds and so on are in order of preference.
pub(crate) const STARTS: &[u16] = &[152, 156, 154, 150, 22, 158, 323, 324, 325, 322];
pub(crate) const ENDS: &[u16] = &[153, 157, 155, 151, 21, 159, 323, 324, 325, 322];
pub(crate) const DURATION: u16 = 161;
pub(crate) const SPACE: u16 = 306;
pub(crate) const INIT: u16 = 160;
pub(crate) const PADDING: u16 = 210;
