//! Addresses as they are kept in columns: sixteen octets for IP, forty-eight bits for MAC.

use core::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IP address. IPv4 is held IPv4-mapped (`::ffff:a.b.c.d`, RFC 4291 §2.5.5.2), so that one column holds
/// both families, both sort in one order, and a prefix match is one comparison of 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Addr([u8; 16]);

const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

impl Addr {
    /// `::`, which an exporter sends where it knows no address.
    pub const UNSPECIFIED: Self = Self([0; 16]);

    /// From the four octets of an IPv4 address, in network order.
    #[inline]
    #[must_use]
    pub const fn v4(octets: [u8; 4]) -> Self {
        let [a, b, c, d] = octets;
        Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d])
    }

    /// From the sixteen octets of an IPv6 address, in network order.
    #[inline]
    #[must_use]
    pub const fn v6(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// From 4 or 16 octets in network order, as the store's Parquet files hold addresses.
    #[must_use]
    pub fn from_slice(octets: &[u8]) -> Option<Self> {
        if let Ok(v4) = <[u8; 4]>::try_from(octets) {
            return Some(Self::v4(v4));
        }
        <[u8; 16]>::try_from(octets).ok().map(Self)
    }

    /// From the 128 bits of the (mapped) address, as [`Addr::bits`] gives them.
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits.to_be_bytes())
    }

    /// The sixteen octets, IPv4 mapped.
    #[inline]
    #[must_use]
    pub const fn octets(&self) -> &[u8; 16] {
        &self.0
    }

    /// The address as a number: numeric order is address order.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The address in its natural width: 4 octets for IPv4, 16 for IPv6.
    #[must_use]
    pub fn natural(&self) -> &[u8] {
        if self.is_v4() { self.0.get(12..).unwrap_or(&[]) } else { &self.0 }
    }

    /// Whether this is an IPv4 (mapped) address.
    #[inline]
    #[must_use]
    pub fn is_v4(&self) -> bool {
        self.0.starts_with(&MAPPED)
    }

    /// Whether the exporter meant "none": `0.0.0.0` or `::`.
    #[inline]
    #[must_use]
    pub fn is_unspecified(&self) -> bool {
        // Compared as they lie in memory: no octet need be moved.
        const NONE_V4: u128 = u128::from_ne_bytes(Addr::v4([0; 4]).0);
        let bits = u128::from_ne_bytes(self.0);
        (bits == 0) | (bits == NONE_V4)
    }
}

impl From<IpAddr> for Addr {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self::v4(v4.octets()),
            IpAddr::V6(v6) => Self(v6.octets()),
        }
    }
}

impl From<Addr> for IpAddr {
    fn from(addr: Addr) -> Self {
        let v6 = Ipv6Addr::from(addr.0);
        v6.to_ipv4_mapped().map_or(Self::V6(v6), Self::V4)
    }
}

impl From<Ipv4Addr> for Addr {
    fn from(ip: Ipv4Addr) -> Self {
        Self::v4(ip.octets())
    }
}

impl FromStr for Addr {
    type Err = std::net::AddrParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        IpAddr::from_str(text).map(Self::from)
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        IpAddr::from(*self).fmt(f)
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A MAC address in the low 48 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mac(pub u64);

impl Mac {
    /// The six octets in transmission order.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        let [_, _, a, b, c, d, e, f] = self.0.to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// From six octets in transmission order.
    #[must_use]
    pub const fn from_octets(octets: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = octets;
        Self(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.octets();
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut octets = [0u8; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            *octet = u8::from_str_radix(parts.next().ok_or(())?, 16).map_err(|_| ())?;
        }
        if parts.next().is_some() { Err(()) } else { Ok(Self::from_octets(octets)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_in_one_column() {
        let v4: Addr = "192.168.31.2".parse().unwrap();
        assert!(v4.is_v4());
        assert_eq!(v4.natural(), [192, 168, 31, 2]);
        assert_eq!(v4.to_string(), "192.168.31.2");
        assert_eq!(Addr::from_slice(v4.natural()), Some(v4));
        let v6: Addr = "2001:db8:31::2".parse().unwrap();
        assert!(!v6.is_v4());
        assert_eq!(v6.natural().len(), 16);
        assert_eq!(v6.to_string(), "2001:db8:31::2");
        assert_eq!(Addr::from_bits(v6.bits()), v6);
        assert!(Addr::v4([0; 4]).is_unspecified() && Addr::UNSPECIFIED.is_unspecified());
        assert_eq!(Addr::from_slice(&[1, 2, 3]), None);
    }

    #[test]
    fn mac_reads_and_prints() {
        let mac: Mac = "02:00:5e:00:01:fe".parse().unwrap();
        assert_eq!(mac.octets(), [2, 0, 0x5e, 0, 1, 0xfe]);
        assert_eq!(mac.to_string(), "02:00:5e:00:01:fe");
        assert!("02:00:5e:00:01".parse::<Mac>().is_err());
    }
}
