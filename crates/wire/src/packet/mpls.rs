//! The MPLS label stack (RFC 3032 §2.1).
//!
//! ```text
//! one entry, 32 bits:  label 20 | traffic class 3 | bottom of stack 1 | TTL 8
//! ```
//! Nothing in the stack says what follows it. As routers and analysers do, IP is recognised by its version
//! field; anything else (a pseudowire, whose control word begins with 0) is not looked into. A pseudowire
//! without control word begins with a hardware address, which may begin with 4 as well (RFC 4928 §3): what
//! looks like IPv4 must have the right header checksum. IPv6 has none.

use super::link::Next;
use super::{Packet, checksum};
use crate::error::{Error, Reason};
use crate::reader::Reader;

/// Labels kept, from the top of the stack: as many as IPFIX exporters usually report.
pub const LABELS_KEPT: usize = 4;
/// Entries walked before the stack is given up. Segment routing seldom stacks more than ten.
const ENTRIES_MAX: u8 = 32;

/// A label stack, the top first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Stack {
    labels: [u32; LABELS_KEPT],
    depth: u8,
}

impl Stack {
    /// Entries in the stack, also those whose label was not kept.
    #[must_use]
    pub const fn depth(&self) -> u8 {
        self.depth
    }

    /// The first labels, at most [`LABELS_KEPT`], 20 bits each, the top of the stack first.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        self.labels.get(..usize::from(self.depth)).unwrap_or(&self.labels)
    }

    fn push(&mut self, label: u32) {
        if let Some(slot) = self.labels.get_mut(usize::from(self.depth)) {
            *slot = label;
        }
        self.depth = self.depth.saturating_add(1);
    }
}

/// Reads label stack entries down to the bottom of the stack.
pub(super) fn parse(reader: &mut Reader<'_>, packet: &mut Packet<'_>) -> Result<Next, Error> {
    for _ in 0..ENTRIES_MAX {
        let entry = reader.u32()?;
        packet.mpls.push(entry >> 12);
        if entry & 0x100 != 0 {
            return Ok(payload(reader.rest()));
        }
    }
    Err(reader.error(Reason::LimitExceeded))
}

/// What `bytes` behind the bottom of a stack seem to be.
fn payload(bytes: &[u8]) -> Next {
    match bytes.first().map(|octet| (octet >> 4, octet & 0x0f)) {
        Some((4, words)) => {
            let header = bytes.get(..usize::from(words).saturating_mul(4)).unwrap_or(bytes);
            if checksum::internet(header) == 0 { Next::Ipv4 } else { Next::Other }
        }
        Some((6, _)) => Next::Ipv6,
        _ => Next::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Link, dissect};

    /// 20 octets, no payload, protocol 59, with its checksum.
    const IPV4_HEADER: [u8; 20] = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 59, 0x66, 0xad, 10, 0, 0, 1, 10, 0, 0, 2];

    #[test]
    fn deconstruct_three_labels() {
        let mut frame = std::vec![0x00, 0x01, 0x00, 0xff, 0x00, 0x02, 0x06, 0xff, 0xff, 0xff, 0xf1, 0x40];
        frame.extend_from_slice(&IPV4_HEADER);
        let packet = dissect(Link::Mpls, &frame);
        assert_eq!(packet.mpls.labels(), [16, 32, 0xf_ffff]);
        assert_eq!(packet.mpls.depth(), 3);
        assert_eq!(packet.network.unwrap().version, 4);
    }

    #[test]
    fn a_deep_stack_keeps_the_top() {
        let mut stack = Stack::default();
        assert_eq!(stack.labels(), []);
        for label in 1..=6 {
            stack.push(label);
        }
        assert_eq!((stack.depth(), stack.labels()), (6, &[1, 2, 3, 4][..]));
    }

    #[test]
    fn a_pseudowire_is_not_looked_into() {
        let packet = dissect(Link::Mpls, &[0x00, 0x01, 0x01, 0xff, 0, 0, 0, 0, 0x45]);
        assert_eq!((packet.network, packet.problem), (None, None));
        // Without a control word: a frame to 45:00:00:14:00:00, which is no IPv4 header.
        let mut frame = std::vec![0x00, 0x01, 0x01, 0xff];
        frame.extend_from_slice(&IPV4_HEADER);
        assert!(dissect(Link::Mpls, &frame).network.is_some());
        frame[4 + 10] = 0;
        assert_eq!(dissect(Link::Mpls, &frame).network, None);
    }

    #[test]
    fn a_stack_without_bottom_ends() {
        let truncated = dissect(Link::Mpls, &[0; 10]);
        assert_eq!(truncated.problem, Some(Error::new(Reason::Truncated, 8)));
        let endless = dissect(Link::Mpls, &[0; 4000]);
        assert_eq!(endless.problem, Some(Error::new(Reason::LimitExceeded, 128)));
    }
}
