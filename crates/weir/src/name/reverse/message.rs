//! One question and its answers, as messages of the DNS (RFC 1035; `in-addr.arpa` there, `ip6.arpa` RFC 3596).

use super::{Answer, Said};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};
use std::net::IpAddr;
use weir_flow::Addr;

/// The name under which the DNS knows an address.
pub(super) fn pointer(address: Addr) -> String {
    match IpAddr::from(address) {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            let digits: Vec<String> = nibbles.map(|nibble| format!("{nibble:x}")).collect();
            format!("{}.ip6.arpa", digits.join("."))
        }
    }
}

/// The question for an address's name; `None` if it cannot be written, which no address brings about.
pub(super) fn question(id: u16, address: Addr) -> Option<Vec<u8>> {
    let pointer = pointer(address);
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(&pointer).ok()?;
    packet.questions.push(Question::new(name, TYPE::PTR.into(), CLASS::IN.into(), false));
    packet.build_bytes_vec().ok()
}

/// Whether it answers, and answers what was asked.
pub(super) fn is_answer_to(packet: &Packet<'_>, address: Addr) -> bool {
    let asked = pointer(address);
    let [question] = packet.questions.as_slice() else { return false };
    packet.has_flags(PacketFlag::RESPONSE) && question.qname.to_string().eq_ignore_ascii_case(&asked)
}

/// What it says.
pub(super) fn read(packet: &Packet<'_>) -> Answer {
    let (said, ttl_s) = match (packet.rcode(), name_in(packet)) {
        (RCODE::NoError, Some((name, ttl_s))) => (Said::Name(name), Some(ttl_s)),
        // The names did not fit, so that there is none here says nothing.
        (RCODE::NoError, None) if packet.has_flags(PacketFlag::TRUNCATION) => (Said::Failed, None),
        (RCODE::NoError | RCODE::NameError, _) => (Said::Nothing, nothing_for_s(packet)),
        _ => (Said::Failed, None),
    };
    Answer { said, ttl_s }
}

/// The first name that is one of a host, and how long it is good for, s. Networks smaller than an octet have theirs behind
/// an alias (RFC 2317), so the owner of the record is not looked at.
fn name_in(packet: &Packet<'_>) -> Option<(String, u32)> {
    let names = packet.answers.iter().filter_map(|record| match &record.rdata {
        RData::PTR(pointer) => Some((pointer.0.to_string(), record.ttl)),
        _ => None,
    });
    let plain = names.map(|(name, ttl_s)| (name.trim_end_matches('.').to_lowercase(), ttl_s));
    plain.into_iter().find(|(name, _)| is_plain(name))
}

/// How long it is good that there is no name, s (RFC 2308 §5).
fn nothing_for_s(packet: &Packet<'_>) -> Option<u32> {
    packet.name_servers.iter().find_map(|record| match &record.rdata {
        RData::SOA(zone) => Some(record.ttl.min(zone.minimum)),
        _ => None,
    })
}

/// Whether a name may be shown: letters, digits, `-`, `_` and dots. Names come from strangers, and what a terminal takes
/// for a command is one of theirs, too.
pub(in crate::name) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && name.bytes().any(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> Addr {
        text.parse().unwrap()
    }

    #[test]
    fn pointers_are_those_of_the_standards() {
        assert_eq!(pointer(addr("192.0.2.5")), "5.2.0.192.in-addr.arpa");
        // RFC 3596 §2.5.
        assert_eq!(
            pointer(addr("4321:0:1:2:3:4:567:89ab")),
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa"
        );
    }

    #[test]
    fn a_question_is_of_the_octets_that_the_standard_says() {
        let mut octets = vec![0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in ["5", "2", "0", "192", "in-addr", "arpa", ""] {
            octets.push(u8::try_from(label.len()).unwrap());
            octets.extend(label.as_bytes());
        }
        octets.extend([0, 12, 0, 1]);
        assert_eq!(question(0x1234, addr("192.0.2.5")), Some(octets));
    }

    #[test]
    fn names_that_command_terminals_are_none() {
        for name in ["host.example", "a-b_c.0.example", "xn--bcher-kva.example"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", "-", "..", "a b", "a\u{1b}[2J", "bücher.example", "a\n", &"a".repeat(254)] {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
