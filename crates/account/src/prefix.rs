//! A network of either family: an address and how many of its first bits count.
//!
//! IPv4 prefixes are held in the mapped space that [`Addr`] uses (`10.0.0.0/8` is 104 of 128 bits), so that one
//! order and one comparison serve both. The families stay apart all the same: `::/0` holds no IPv4 address.

use std::fmt;
use std::str::FromStr;
use weir_flow::Addr;

/// How many bits of a mapped address come before the IPv4 address in it.
const MAPPED_BITS: u8 = 96;

/// The 96 bits before a mapped IPv4 address, as a number.
const MAPPED: u128 = 0xffff;

/// A network. Its bits past the length are zero; [`Prefix::from_str`] refuses others.
///
/// Ordered by first address, and an enclosing network before what it encloses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    bits: u128,
    /// Of 128, in the mapped space.
    length: u8,
}

/// The bits that a prefix of `length` of 128 fixes.
fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128u32.saturating_sub(length.into())).unwrap_or(0)
}

impl Prefix {
    /// The network of `length` bits (at most 32 for IPv4, 128 for IPv6) that `addr` lies in. `None` if the
    /// length is greater than that.
    #[must_use]
    pub fn containing(addr: Addr, length: u8) -> Option<Self> {
        let length = if addr.is_v4() { length.checked_add(MAPPED_BITS)? } else { length };
        (length <= 128).then(|| Self { bits: addr.bits() & mask(length), length })
    }

    /// The network of this one address.
    #[must_use]
    pub fn host(addr: Addr) -> Self {
        Self { bits: addr.bits(), length: 128 }
    }

    /// Whether this is an IPv4 network.
    #[must_use]
    pub fn is_v4(&self) -> bool {
        self.length >= MAPPED_BITS && self.bits >> 32 == MAPPED
    }

    /// The length in bits of its own family: at most 32 for IPv4, 128 for IPv6.
    #[must_use]
    pub fn length(&self) -> u8 {
        if self.is_v4() { self.length.saturating_sub(MAPPED_BITS) } else { self.length }
    }

    /// The first address.
    #[must_use]
    pub fn first(&self) -> Addr {
        Addr::from_bits(self.bits)
    }

    /// The last address.
    #[must_use]
    pub fn last(&self) -> Addr {
        Addr::from_bits(self.bits | !mask(self.length))
    }

    /// Whether the address lies in it.
    #[must_use]
    pub fn contains(&self, addr: Addr) -> bool {
        addr.bits() & mask(self.length) == self.bits && addr.is_v4() == self.is_v4()
    }

    /// Whether every address of `other` lies in it (a network encloses itself).
    #[must_use]
    pub fn encloses(&self, other: &Self) -> bool {
        self.length <= other.length && self.contains(other.first()) && self.is_v4() == other.is_v4()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first(), self.length())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no network. Says what to write instead where that can be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// What stands before the `/` is no address.
    Address {
        /// The text as given.
        text: String,
    },
    /// What stands after the `/` is no length of this family.
    Length {
        /// The text as given.
        text: String,
        /// The greatest length: 32 or 128.
        length_max: u8,
    },
    /// A netmask stands after the `/`.
    Netmask {
        /// The text as given.
        text: String,
        /// The same network, written with a length.
        network: Prefix,
    },
    /// Bits past the length are set, so it is unclear whether a network or a host is meant.
    HostBits {
        /// The text as given.
        text: String,
        /// The network that encloses it.
        network: Prefix,
    },
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { text } => {
                write!(f, "\"{text}\" is no network: write an address or a prefix, such as 192.168.31.0/24")
            }
            Self::Length { text, length_max } => {
                write!(f, "\"{text}\" is no network: after the \"/\" comes a length from 0 to {length_max}")
            }
            Self::Netmask { text, network } => {
                write!(f, "\"{text}\" has a netmask; with a length it is \"{network}\"")
            }
            Self::HostBits { text, network } => {
                write!(f, "\"{text}\" has bits set past its length; the network is \"{network}\"")
            }
        }
    }
}

impl std::error::Error for PrefixError {}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// Reads `192.168.31.0/24`, `2001:db8:31::/64`, or a bare address, which is a network of one.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let bad_address = || PrefixError::Address { text: text.to_owned() };
        let Some((addr, length)) = text.split_once('/') else {
            return text.parse().map(Self::host).map_err(|_| bad_address());
        };
        // The family as written: `::ffff:10.0.0.0/104` counts its bits as IPv6 does.
        let ip: std::net::IpAddr = addr.parse().map_err(|_| bad_address())?;
        let addr = Addr::from(ip);
        let (length_max, before) = if ip.is_ipv4() { (32, MAPPED_BITS) } else { (128, 0) };
        let bad_length = || PrefixError::Length { text: text.to_owned(), length_max };
        if let Some(network) = netmask(addr, length) {
            return Err(PrefixError::Netmask { text: text.to_owned(), network });
        }
        if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad_length());
        }
        let length: u8 = length.parse().map_err(|_| bad_length())?;
        if length > length_max {
            return Err(bad_length());
        }
        let length = length.saturating_add(before);
        let network = Self { bits: addr.bits() & mask(length), length };
        if network.bits == addr.bits() {
            Ok(network)
        } else {
            Err(PrefixError::HostBits { text: text.to_owned(), network })
        }
    }
}

/// The network of `addr` with this dotted netmask, if it is one.
fn netmask(addr: Addr, text: &str) -> Option<Prefix> {
    let bits = u32::from(text.parse::<std::net::Ipv4Addr>().ok()?);
    let length = bits.leading_ones();
    (addr.is_v4() && length == bits.count_ones())
        .then(|| Prefix::containing(addr, u8::try_from(length).ok()?))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    fn error(text: &str) -> String {
        text.parse::<Prefix>().unwrap_err().to_string()
    }

    #[test]
    fn reads_and_prints_both_families() {
        for text in ["192.168.31.0/24", "2001:db8:31::/64", "10.0.0.0/8", "0.0.0.0/0", "::/0", "10.1.2.3/32"]
        {
            assert_eq!(prefix(text).to_string(), text);
        }
        assert_eq!(prefix("192.168.31.2").to_string(), "192.168.31.2/32");
        assert_eq!(prefix("2001:db8::1").to_string(), "2001:db8::1/128");
        assert_eq!(prefix("::ffff:10.0.0.0/104"), prefix("10.0.0.0/8"));
        assert_eq!(prefix("192.168.31.0/24").last().to_string(), "192.168.31.255");
        assert_eq!(Prefix::containing("192.168.31.77".parse().unwrap(), 24), Some(prefix("192.168.31.0/24")));
        assert_eq!(Prefix::containing("192.168.31.77".parse().unwrap(), 33), None);
    }

    #[test]
    fn a_mistake_is_answered_with_what_to_write() {
        assert_eq!(
            error("192.168.31.5/24"),
            "\"192.168.31.5/24\" has bits set past its length; the network is \"192.168.31.0/24\""
        );
        assert_eq!(
            error("2001:db8:31::1/64"),
            "\"2001:db8:31::1/64\" has bits set past its length; the network is \"2001:db8:31::/64\""
        );
        assert_eq!(
            error("192.168.31.0/255.255.255.0"),
            "\"192.168.31.0/255.255.255.0\" has a netmask; with a length it is \"192.168.31.0/24\""
        );
        assert!(error("192.168.31.0/33").contains("0 to 32"));
        assert!(error("2001:db8::/129").contains("0 to 128"));
        assert!(error("192.168.31.0/+24").contains("0 to 32"));
        assert!(error("192.168.31.0/").contains("0 to 32"));
        assert!(error("192.168.31/24").contains("is no network"));
        assert!(error("").contains("is no network"));
    }

    #[test]
    fn the_families_stay_apart() {
        let v4: Addr = "10.1.2.3".parse().unwrap();
        let v6: Addr = "2001:db8::1".parse().unwrap();
        assert!(prefix("::/0").contains(v6) && !prefix("::/0").contains(v4));
        assert!(prefix("0.0.0.0/0").contains(v4) && !prefix("0.0.0.0/0").contains(v6));
        assert!(prefix("10.0.0.0/8").encloses(&prefix("10.1.0.0/16")));
        assert!(!prefix("10.1.0.0/16").encloses(&prefix("10.0.0.0/8")));
        assert!(!prefix("::/0").encloses(&prefix("10.0.0.0/8")));
        assert!(prefix("10.0.0.0/8") < prefix("10.0.0.0/16"), "an enclosing network comes first");
    }
}
