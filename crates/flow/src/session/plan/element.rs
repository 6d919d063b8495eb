//! Which information element feeds which column, and which comes first where several could.

use super::super::clock::Form;
use crate::schema::Column;

/// An element, the column it feeds, and how many octets make sense.
#[derive(Clone, Copy)]
pub(super) struct Feed(pub(super) u16, pub(super) Column, pub(super) Width);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Number,
    V4,
    V6,
    Mac,
    /// An MPLS label stack entry: 20 bits of label before 4 of other things (RFC 3032 §2.1).
    Label,
}

impl Width {
    pub(super) fn accepts(self, length: u16) -> bool {
        match self {
            Self::Number => (1..=8).contains(&length),
            Self::V4 => length == 4,
            Self::V6 => length == 16,
            Self::Mac => length == 6,
            Self::Label => length == 3 || length == 4,
        }
    }
}

/// Elements that are plain moves. Where several feed one column, the one that stands first here wins.
pub(super) const ELEMENTS: &[Feed] = &[
    Feed(4, Column::Proto, Width::Number),
    Feed(5, Column::Tos, Width::Number),
    Feed(6, Column::TcpFlags, Width::Number),
    Feed(7, Column::SrcPort, Width::Number),
    Feed(180, Column::SrcPort, Width::Number),
    Feed(182, Column::SrcPort, Width::Number),
    Feed(11, Column::DstPort, Width::Number),
    Feed(181, Column::DstPort, Width::Number),
    Feed(183, Column::DstPort, Width::Number),
    Feed(8, Column::SrcAddr, Width::V4),
    Feed(27, Column::SrcAddr, Width::V6),
    Feed(12, Column::DstAddr, Width::V4),
    Feed(28, Column::DstAddr, Width::V6),
    Feed(9, Column::SrcMask, Width::Number),
    Feed(29, Column::SrcMask, Width::Number),
    Feed(13, Column::DstMask, Width::Number),
    Feed(30, Column::DstMask, Width::Number),
    Feed(10, Column::IngressIf, Width::Number),
    Feed(252, Column::IngressIf, Width::Number),
    Feed(14, Column::EgressIf, Width::Number),
    Feed(253, Column::EgressIf, Width::Number),
    Feed(15, Column::NextHop, Width::V4),
    Feed(62, Column::NextHop, Width::V6),
    Feed(18, Column::BgpNextHop, Width::V4),
    Feed(63, Column::BgpNextHop, Width::V6),
    Feed(16, Column::SrcAs, Width::Number),
    Feed(17, Column::DstAs, Width::Number),
    Feed(56, Column::SrcMac, Width::Mac),
    Feed(81, Column::SrcMac, Width::Mac),
    Feed(80, Column::DstMac, Width::Mac),
    Feed(57, Column::DstMac, Width::Mac),
    Feed(58, Column::SrcVlan, Width::Number),
    Feed(243, Column::SrcVlan, Width::Number),
    Feed(59, Column::DstVlan, Width::Number),
    Feed(254, Column::DstVlan, Width::Number),
    Feed(61, Column::FlowDirection, Width::Number),
    Feed(176, Column::IcmpType, Width::Number),
    Feed(178, Column::IcmpType, Width::Number),
    Feed(177, Column::IcmpCode, Width::Number),
    Feed(179, Column::IcmpCode, Width::Number),
    Feed(234, Column::IngressVrf, Width::Number),
    Feed(235, Column::EgressVrf, Width::Number),
    Feed(70, Column::MplsLabel, Width::Label),
    Feed(52, Column::MinTtl, Width::Number),
    Feed(192, Column::MinTtl, Width::Number),
    Feed(53, Column::MaxTtl, Width::Number),
    Feed(192, Column::MaxTtl, Width::Number),
    Feed(89, Column::ForwardingStatus, Width::Number),
    Feed(302, Column::Sampler, Width::Number),
    Feed(48, Column::Sampler, Width::Number),
    Feed(225, Column::NatSrcAddr, Width::V4),
    Feed(281, Column::NatSrcAddr, Width::V6),
    Feed(226, Column::NatDstAddr, Width::V4),
    Feed(282, Column::NatDstAddr, Width::V6),
    Feed(227, Column::NatSrcPort, Width::Number),
    Feed(228, Column::NatDstPort, Width::Number),
    // Cisco ASA before 8.4: the same, by numbers of its own.
    Feed(40_001, Column::NatSrcAddr, Width::V4),
    Feed(40_002, Column::NatDstAddr, Width::V4),
    Feed(40_003, Column::NatSrcPort, Width::Number),
    Feed(40_004, Column::NatDstPort, Width::Number),
];
/// What a firewall reports: IANA's element, and Cisco ASA's of before 8.4.
pub(super) const FIREWALL_EVENTS: &[u16] = &[233, 40_005];

/// Elements that are text, by enterprise. Numbers above 32,767 without an enterprise are NetFlow v9's.
pub(super) const TEXTS: &[(u32, u16, Column)] = &[
    (0, 96, Column::Application),
    (25_461, 56_701, Column::Application), // Palo Alto Networks: App-ID
    (0, 56_701, Column::Application),
    (35_632, 119, Column::Application), // ntop: L7_PROTO_NAME
    (0, 57_591, Column::Application),
    (0, 371, Column::User),
    (25_461, 56_702, Column::User), // Palo Alto Networks: User-ID
    (0, 56_702, Column::User),
    (9, 40_000, Column::User), // Cisco ASA: username
    (0, 40_000, Column::User),
];
/// An application by number (RFC 6759): its name comes in options records.
pub(super) const APPLICATION: u16 = 95;
/// Octets that only fill up a record.
pub(super) const PADDING: u16 = 210;

/// Elements that give the start, best first.
pub(super) const STARTS: &[(u16, Form)] = &[
    (152, Form::Millis),
    (156, Form::Ntp),
    (154, Form::Ntp),
    (150, Form::Seconds),
    (22, Form::Uptime),
    (158, Form::DeltaMicros),
    (323, Form::Millis),
    (324, Form::Ntp),
    (325, Form::Ntp),
    (322, Form::Seconds),
];

/// Elements that give the end, best first.
pub(super) const ENDS: &[(u16, Form)] = &[
    (153, Form::Millis),
    (157, Form::Ntp),
    (155, Form::Ntp),
    (151, Form::Seconds),
    (21, Form::Uptime),
    (159, Form::DeltaMicros),
    (323, Form::Millis),
    (324, Form::Ntp),
    (325, Form::Ntp),
    (322, Form::Seconds),
];

/// Counters of a flow, best first: delta, total, initiator's, what left after a middlebox.
pub(super) const OCTETS: &[u16] = &[1, 85, 231, 23];
pub(super) const PACKETS: &[u16] = &[2, 86, 298, 24];
/// What the responder sent, in one record with what the initiator sent.
pub(super) const RESPONDER_OCTETS: u16 = 232;
pub(super) const RESPONDER_PACKETS: u16 = 299;
