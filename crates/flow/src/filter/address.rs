//! Addresses, prefixes and ranges of addresses in filters.
//!
//! Both families lie in one space of 128 bits, IPv4 in the block `::ffff:0:0/96`. A text of IPv6 never means
//! IPv4 addresses by accident: `::/0` is all of IPv6, and that block is cut out of it. A text that lies wholly
//! within the block (`::ffff:192.0.2.1`) is the IPv4 it stands for.

use super::range::Ranges;
use crate::Addr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first and the last address of the block that holds IPv4.
const V4: (u128, u128) = (0xffff_0000_0000, 0xffff_ffff_ffff);

/// Why a text is not a set of addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    /// It does not look like one at all.
    NotAnAddress,
    /// The prefix's length is not a number up to this.
    Length(u32),
    /// There are bits beyond the prefix's length; this is the prefix without them.
    HostBits(String),
    /// Only the first octets of an IPv4 address are there; this is the prefix they may stand for.
    Short(String),
    /// The range's ends are of two families or in the wrong order.
    Ends,
}

/// The addresses a text means.
pub(super) fn read(text: &str) -> Result<Ranges, Trouble> {
    if let Some((ip, length)) = text.split_once('/') {
        return read_prefix(ip, length);
    }
    if let Some((low, high)) = text.split_once("..").or_else(|| text.split_once('-')) {
        return read_range(low, high);
    }
    match text.parse::<IpAddr>() {
        Ok(ip) => Ok(single(bits(ip))),
        Err(_) => Err(shortened(text, None).map_or(Trouble::NotAnAddress, Trouble::Short)),
    }
}

/// Whether a text is meant to be an address, right or wrong: it has the letters of one and a sign that only they
/// have.
pub(super) fn looks_like(text: &str) -> bool {
    let letters = text.bytes().all(|b| b.is_ascii_hexdigit() || b":./-".contains(&b));
    let dotted = text.starts_with(|c: char| c.is_ascii_digit()) && text.matches('.').count() >= 2;
    letters && (text.contains(':') || dotted || read(text).is_ok())
}

/// The bits of an address, IPv4 mapped.
fn bits(ip: IpAddr) -> u128 {
    Addr::from(ip).bits()
}

fn single(bits: u128) -> Ranges {
    Ranges::between(bits, bits)
}

/// The low `count` bits.
fn low_bits(count: u32) -> u128 {
    1u128.checked_shl(count).map_or(u128::MAX, |bit| bit - 1)
}

fn read_prefix(ip: &str, length: &str) -> Result<Ranges, Trouble> {
    let ip: IpAddr = ip.parse().map_err(|_| {
        let length = length.parse().ok();
        shortened(ip, length).map_or(Trouble::NotAnAddress, Trouble::Short)
    })?;
    let width = if ip.is_ipv4() { 32 } else { 128 };
    let is_number = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
    let length =
        length.parse::<u32>().ok().filter(|l| is_number && *l <= width).ok_or(Trouble::Length(width))?;
    let low = bits(ip);
    let host = low_bits(width - length);
    if low & host != 0 {
        let network = Addr::from_bits(low & !host);
        let network =
            if ip.is_ipv4() { network.to_string() } else { Ipv6Addr::from_bits(network.bits()).to_string() };
        return Err(Trouble::HostBits(format!("{network}/{length}")));
    }
    Ok(without_v4(low, low | host))
}

fn read_range(low: &str, high: &str) -> Result<Ranges, Trouble> {
    let parse = |text: &str| text.parse::<IpAddr>().map_err(|_| Trouble::NotAnAddress);
    let (low, high) = (parse(low)?, parse(high)?);
    if low.is_ipv4() != high.is_ipv4() || low > high {
        return Err(Trouble::Ends);
    }
    Ok(without_v4(bits(low), bits(high)))
}

/// The range without the block of IPv4, unless it lies wholly within it.
fn without_v4(low: u128, high: u128) -> Ranges {
    if V4.0 <= low && high <= V4.1 {
        return Ranges::between(low, high);
    }
    Ranges::from_pairs(vec![(low, high.min(V4.0 - 1)), (low.max(V4.1 + 1), high)])
}

/// `10`, `192.168` or `192.168.31.` as the prefix that tcpdump takes them for.
fn shortened(text: &str, length: Option<u32>) -> Option<String> {
    let octets: Option<Vec<u8>> =
        text.strip_suffix('.').unwrap_or(text).split('.').map(|o| o.parse().ok()).collect();
    let octets = octets.filter(|o| o.len() < 4 && (o.len() > 1 || length.is_some()))?;
    let mut all = [0u8; 4];
    all.iter_mut().zip(&octets).for_each(|(to, from)| *to = *from);
    let length = length.filter(|l| *l <= 32).or_else(|| u32::try_from(octets.len() * 8).ok())?;
    let network = Ipv4Addr::from(all).to_bits() & !u32::try_from(low_bits(32 - length)).unwrap_or(u32::MAX);
    Some(format!("{}/{length}", Ipv4Addr::from_bits(network)))
}

/// `10`, `192.168`, `10/8`: the prefix that everybody takes it for after the word `net`; `None` if the text is
/// none of these, or has bits beyond its length.
pub(super) fn short_net(text: &str) -> Option<Ranges> {
    let (network, length) = text.split_once('/').map_or((text, None), |(n, length)| (n, Some(length)));
    let octet = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?;
    let octets: Option<Vec<u8>> = network.split('.').map(octet).collect();
    let octets = octets.filter(|octets| octets.len() < 4)?;
    let mut all = [0u8; 4];
    all.iter_mut().zip(&octets).for_each(|(to, from)| *to = *from);
    let length = length.map_or_else(|| (octets.len() * 8).to_string(), str::to_owned);
    read_prefix(&Ipv4Addr::from(all).to_string(), &length).ok()
}

/// How many bits a netmask has; `None` if its ones do not all stand at its beginning.
pub(super) fn mask_length(mask: Ipv4Addr) -> Option<u32> {
    let bits = mask.to_bits();
    (bits.leading_ones() + bits.trailing_zeros().min(32) >= 32).then(|| bits.leading_ones())
}

/// The set as texts that [`read`] reads back: IPv4 first, then IPv6; prefixes where they fit.
pub(super) fn write(set: &Ranges) -> Vec<String> {
    let mut four = Vec::new();
    let mut six: Vec<(u128, u128)> = Vec::new();
    for (low, high) in set.pairs() {
        if *low <= V4.1 && V4.0 <= *high {
            four.push(((*low).max(V4.0), (*high).min(V4.1)));
        }
        for (low, high) in without_block(*low, *high) {
            match six.last_mut() {
                // What stands on both sides of the block was one before the block was cut out.
                Some(last) if last.1 == V4.0 - 1 && low == V4.1 + 1 => last.1 = high,
                _ => six.push((low, high)),
            }
        }
    }
    four.into_iter().chain(six).map(|(low, high)| write_range(low, high)).collect()
}

fn without_block(low: u128, high: u128) -> impl Iterator<Item = (u128, u128)> {
    [(low, high.min(V4.0 - 1)), (low.max(V4.1 + 1), high)].into_iter().filter(|(low, high)| low <= high)
}

fn write_range(low: u128, high: u128) -> String {
    let is_v4 = V4.0 <= low && high <= V4.1;
    let text = |bits| Addr::from_bits(bits).to_string();
    if low == high {
        return text(low);
    }
    let span = low ^ high;
    let host_bits = 128 - span.leading_zeros();
    let is_prefix = span == low_bits(host_bits) && low & span == 0;
    match (is_prefix, is_v4) {
        (true, true) => format!("{}/{}", text(low), 32 - host_bits),
        (true, false) => format!("{}/{}", text(low), 128 - host_bits),
        (false, _) => format!("{}-{}", text(low), text(high)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let set = read(text).unwrap();
        let address = |bits| Ipv6Addr::from_bits(bits).to_string();
        set.pairs().iter().map(|(l, h)| (address(*l), address(*h))).collect()
    }

    fn pair(low: &str, high: &str) -> (String, String) {
        (low.into(), high.into())
    }

    #[test]
    fn prefixes_and_ranges_of_both_families() {
        assert_eq!(pairs("10.0.0.1"), [pair("::ffff:10.0.0.1", "::ffff:10.0.0.1")]);
        assert_eq!(pairs("192.168.31.0/24"), [pair("::ffff:192.168.31.0", "::ffff:192.168.31.255")]);
        assert_eq!(pairs("0.0.0.0/0"), [pair("::ffff:0.0.0.0", "::ffff:255.255.255.255")]);
        assert_eq!(pairs("10.0.0.1-10.0.0.9"), [pair("::ffff:10.0.0.1", "::ffff:10.0.0.9")]);
        assert_eq!(pairs("2001:db8::/32"), [pair("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")]);
        assert_eq!(pairs("2001:db8::1..2001:db8::2"), [pair("2001:db8::1", "2001:db8::2")]);
        assert_eq!(pairs("::ffff:10.0.0.0/104"), [pair("::ffff:10.0.0.0", "::ffff:10.255.255.255")]);
        let ends = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        assert_eq!(pairs("::/0"), [pair("::", "::fffe:ffff:ffff"), pair("::1:0:0:0", ends)]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(read("192.168.31.5/24"), Err(Trouble::HostBits("192.168.31.0/24".into())));
        assert_eq!(read("2001:db8::1/64"), Err(Trouble::HostBits("2001:db8::/64".into())));
        assert_eq!(read("10.0.0.0/33"), Err(Trouble::Length(32)));
        assert_eq!(read("::/129"), Err(Trouble::Length(128)));
        assert_eq!(read("10.0.0.0/+8"), Err(Trouble::Length(32)));
        assert_eq!(read("192.168/16"), Err(Trouble::Short("192.168.0.0/16".into())));
        assert_eq!(read("192.168"), Err(Trouble::Short("192.168.0.0/16".into())));
        assert_eq!(read("10/8"), Err(Trouble::Short("10.0.0.0/8".into())));
        assert_eq!(read("10.0.0.9-10.0.0.1"), Err(Trouble::Ends));
        assert_eq!(read("10.0.0.9-::"), Err(Trouble::Ends));
        for text in ["", "x", "10.0.0.256", "443", "a.b.c.d", "1-2"] {
            assert_eq!(read(text), Err(Trouble::NotAnAddress), "{text}");
        }
    }

    #[test]
    fn networks_may_be_short() {
        for (short, long) in [
            ("10", "10.0.0.0/8"),
            ("192.168", "192.168.0.0/16"),
            ("10/8", "10.0.0.0/8"),
            ("172.16/12", "172.16.0.0/12"),
        ] {
            assert_eq!(short_net(short), read(long).ok(), "{short}");
        }
        for text in ["10.1/8", "256", "10.0.0.1", "10.0.0.0/8", "x", "", "10/33", "10/", "1..2", "+1"] {
            assert_eq!(short_net(text), None, "{text}");
        }
        let length = |mask: &str| mask_length(mask.parse().unwrap());
        assert_eq!(
            (length("255.0.0.0"), length("0.0.0.0"), length("255.255.255.255")),
            (Some(8), Some(0), Some(32))
        );
        assert_eq!((length("255.0.255.0"), length("0.255.0.0")), (None, None));
    }

    #[test]
    fn prefixes_are_written_as_prefixes() {
        for text in
            ["0.0.0.0/0", "::/0", "10.0.0.0/8", "2001:db8:31::/64", "10.0.0.1-10.0.0.9", "::1", "8000::/1"]
        {
            assert_eq!(write(&read(text).unwrap()), [text]);
        }
        assert_eq!(write(&Ranges::between(0, u128::MAX)), ["0.0.0.0/0", "::/0"]);
        assert_eq!(write(&read("10.0.0.1").unwrap().complement(u128::MAX)).len(), 3);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ends in prop::collection::vec((any::<u128>(), any::<u128>(), 0u32..128, 0u32..128), 1..5)) {
            // Shifting brings ends near zero and near the block of IPv4, where things happen.
            let pairs = ends.iter().map(|(a, b, i, j)| ((a >> i).min(b >> j), (a >> i).max(b >> j))).collect();
            let set = Ranges::from_pairs(pairs);
            let read = Ranges::from_pairs(write(&set).iter().flat_map(|t| read(t).unwrap().pairs().to_vec()).collect());
            prop_assert_eq!(read, set);
        }
    }
}
