//! A block of transport ports: the part of a shared address that is one tenant's.
//!
//! Several are behind one public address where a NAT gives each of them ports of its own: carrier-grade NAT with blocks of ports
//! (RFC 6888, and RFC 7422 where blocks follow from the inside address), MAP-E and Address plus Port (RFC 7597, RFC 6346), or a
//! router with a range for each tenant. Then the port says whose a record is, and nothing is guessed.
//!
//! What has no port is in no block: ICMP, whose query ids a NAT translates as it likes, other protocols, and later fragments and all
//! else for which exporters write port 0.

use std::fmt;
use std::str::FromStr;

/// The protocols whose ports a NAT shares out: TCP, UDP, DCCP, SCTP, UDP-Lite.
const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];

/// The port of a record's end, where the record says one: of these protocols, and not 0.
#[must_use]
pub fn port(protocol: u8, port: u16) -> Option<u16> {
    (port != 0 && WITH_PORTS.contains(&protocol)).then_some(port)
}

/// Ports from the first to the last, both of them in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block {
    first: u16,
    last: u16,
}

impl Block {
    /// Every port there is.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// From the first port to the last; `None` if the last comes before the first.
    #[must_use]
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The first port.
    #[must_use]
    pub fn first(self) -> u16 {
        self.first
    }

    /// The last port.
    #[must_use]
    pub fn last(self) -> u16 {
        self.last
    }

    /// The ports of both; `None` if there are none.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// Whether all ports of `other` are in it.
    #[must_use]
    pub fn encloses(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// What is left of it without another: what lies before, and what lies behind.
    pub(crate) fn without(self, other: Self) -> impl Iterator<Item = Self> {
        let inside = self.intersection(other);
        let before = match inside {
            None => Some(self),
            Some(inside) => inside.first.checked_sub(1).and_then(|last| Self::new(self.first, last)),
        };
        let after = inside.and_then(|inside| Self::new(inside.last.checked_add(1)?, self.last));
        [before, after].into_iter().flatten()
    }

    /// As a sentence has it: `1024 to 2047`, `80`.
    #[must_use]
    pub fn text(self) -> String {
        if self.first == self.last {
            self.first.to_string()
        } else {
            format!("{} to {}", self.first, self.last)
        }
    }
}

impl fmt::Display for Block {
    /// As it is written: `1024-2047`, `80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// A text is no block of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockError;

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no range of ports: write the first and the last, as \"1024-2047\", of 0 to 65535")
    }
}

impl std::error::Error for BlockError {}

impl FromStr for Block {
    type Err = BlockError;

    /// Reads `1024-2047`, or `80`.
    fn from_str(text: &str) -> Result<Self, BlockError> {
        let number = |text: &str| -> Result<u16, BlockError> {
            let text = text.trim();
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { text.parse().map_err(|_| BlockError) } else { Err(BlockError) }
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Self::new(number(first)?, number(last)?).ok_or(BlockError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Block {
        text.parse().unwrap()
    }

    #[test]
    fn blocks_are_read_and_written() {
        assert_eq!(block("1024-2047"), Block::new(1024, 2047).unwrap());
        assert_eq!(block(" 1024 - 2047 ").to_string(), "1024-2047");
        assert_eq!((block("80").to_string(), block("80").text()), ("80".into(), "80".into()));
        assert_eq!((block("0-65535"), block("0-1").text()), (Block::ALL, "0 to 1".into()));
        for wrong in ["", "-", "1-", "-1", "2-1", "65536", "1-65536", "+1", "a", "1-2-3", "1024–2047"] {
            assert_eq!(wrong.parse::<Block>(), Err(BlockError), "{wrong}");
        }
    }

    #[test]
    fn what_is_left_of_a_block() {
        let left = |of: &str, without: &str| -> Vec<String> {
            block(of).without(block(without)).map(|one| one.to_string()).collect()
        };
        assert_eq!(left("0-65535", "1024-2047"), ["0-1023", "2048-65535"]);
        assert_eq!(left("0-65535", "0-1023"), ["1024-65535"]);
        assert_eq!(left("1024-65535", "2048-65535"), ["1024-2047"]);
        assert_eq!(left("5-9", "10-12"), ["5-9"]);
        assert_eq!(left("5-9", "0-65535"), [""; 0]);
        assert!(block("5-9").encloses(block("9")) && !block("5-9").encloses(block("9-10")));
    }

    #[test]
    fn ports_are_those_of_protocols_that_have_some() {
        let of = |protocol: u8| port(protocol, 1024);
        assert_eq!([6, 17, 33, 132, 136].map(of), [Some(1024); 5]);
        // ICMP, GRE, ESP, ICMPv6; and a later fragment of UDP.
        assert_eq!([1, 47, 50, 58].map(of), [None; 4]);
        assert_eq!(port(17, 0), None);
    }
}
