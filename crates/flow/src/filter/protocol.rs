//! IP protocols by name: the IANA registry's, as far as people type them.

/// Names and numbers. The first name of a number is the one that is written.
const PROTOCOLS: &[(&str, u8)] = &[
    ("hopopt", 0),
    ("icmp", 1),
    ("igmp", 2),
    ("ggp", 3),
    ("ipip", 4),
    ("tcp", 6),
    ("egp", 8),
    ("igp", 9),
    ("igrp", 9),
    ("udp", 17),
    ("rdp", 27),
    ("dccp", 33),
    ("ipv6", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("idrp", 45),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmp6", 58),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("eigrp", 88),
    ("ospf", 89),
    ("etherip", 97),
    ("encap", 98),
    ("pim", 103),
    ("ipcomp", 108),
    ("vrrp", 112),
    ("carp", 112),
    ("pgm", 113),
    ("l2tp", 115),
    ("isis", 124),
    ("sctp", 132),
    ("fc", 133),
    ("mobility", 135),
    ("udplite", 136),
    ("mpls-in-ip", 137),
    ("manet", 138),
    ("hip", 139),
    ("shim6", 140),
    ("wesp", 141),
    ("rohc", 142),
    ("ethernet", 143),
];

/// The number of a protocol's name, in lower case.
pub(super) fn number(name: &str) -> Option<u8> {
    PROTOCOLS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// The name of a protocol's number.
pub(super) fn name(number: u128) -> Option<&'static str> {
    PROTOCOLS.iter().find(|(_, known)| u128::from(*known) == number).map(|(name, _)| *name)
}

/// The name of a protocol's number, where it has one.
#[must_use]
pub fn protocol_of(number: u8) -> Option<&'static str> {
    name(number.into())
}

/// All names, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PROTOCOLS.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_numbers_and_back() {
        assert_eq!((number("tcp"), number("ospf"), number("x")), (Some(6), Some(89), None));
        assert_eq!((name(6), name(58), name(255), name(262)), (Some("tcp"), Some("icmp6"), None, None));
        assert!(names().all(|n| name(number(n).unwrap().into()).is_some()));
    }
}
