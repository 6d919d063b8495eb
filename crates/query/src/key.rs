//! What records are grouped by: columns, and what is worked out from them.

use crate::civil::Bucket;
use std::fmt;
use weir_flow::schema::{COUNT, Kind};
use weir_flow::{Addr, Column};

/// What records are grouped by. Records where a key is unknown are one group of their own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Key {
    /// The value of a column.
    Column(Column),
    /// The network that an address is in.
    Net(Address, Lengths),
    /// The address at the other side of the tenant's host: the source of traffic `in`; the destination of traffic
    /// `out`, and of `local` traffic the one after translation, as in the accounts. Unknown of all other traffic.
    Remote,
    /// The protocol, and of its two ports the one that tells the service: the one that has a service's name if
    /// only one has, else the lower. Without ports it is the protocol alone.
    Service,
    /// A bucket of time. A flow of several buckets is spread over them as over the bins of the accounts.
    Time(Bucket),
    /// The hour that the clocks show, 0 to 23.
    HourOfDay,
    /// The day of the week.
    Weekday,
    /// The group that the record's tenant is in, as [`Membership`](crate::Membership) says: so many names of its path from
    /// the outermost on, or all of them (0). Unknown where there is no tenant, or it is in none.
    Group(u8),
}

/// An address that networks are made of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// A column of addresses.
    Column(Column),
    /// [`Key::Remote`].
    Remote,
}

/// How many bits of an address are the network's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lengths {
    /// Of an IPv4 address: 0 to 32.
    v4: u8,
    /// Of an IPv6 address: 0 to 128.
    v6: u8,
}

/// A site's network of IPv6, where only the length for IPv4 is said.
const V6_DEFAULT: u8 = 48;
/// The other way round.
const V4_DEFAULT: u8 = 24;

impl Lengths {
    /// `24`, `48` or `24/56`: one length of at most 32 is IPv4's, a longer one IPv6's.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let length = |text: &str| text.parse::<u8>().ok();
        let (v4, v6) = match text.split_once('/') {
            Some((v4, v6)) => (length(v4)?, length(v6)?),
            None => match length(text)? {
                v4 @ 0..=32 => (v4, V6_DEFAULT),
                v6 => (V4_DEFAULT, v6),
            },
        };
        (v4 <= 32 && v6 <= 128).then_some(Self { v4, v6 })
    }

    /// Whether networks of these lengths are made of whole networks of the others.
    pub(crate) fn is_within(self, longer: Self) -> bool {
        self.v4 <= longer.v4 && self.v6 <= longer.v6
    }

    /// The length for an address.
    #[must_use]
    pub fn of(self, addr: Addr) -> u8 {
        if addr.is_v4() { self.v4 } else { self.v6 }
    }

    /// The first address of the network that an address is in.
    #[inline]
    #[must_use]
    pub fn first(self, addr: Addr) -> Addr {
        let kept = if addr.is_v4() { 96 + u32::from(self.v4) } else { u32::from(self.v6) };
        let mask = u128::MAX.checked_shl(128 - kept).unwrap_or(0);
        Addr::from_bits(addr.bits() & mask)
    }
}

impl fmt::Display for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { v4, v6: V6_DEFAULT } => v4.fmt(f),
            Self { v4, v6 } => write!(f, "{v4}/{v6}"),
        }
    }
}

/// What people type, and what it is short for.
const ALIASES: &[(&str, &str)] = &[
    ("src", "src_addr"),
    ("src_ip", "src_addr"),
    ("srcip", "src_addr"),
    ("srcaddr", "src_addr"),
    ("source", "src_addr"),
    ("dst", "dst_addr"),
    ("dst_ip", "dst_addr"),
    ("dstip", "dst_addr"),
    ("dstaddr", "dst_addr"),
    ("destination", "dst_addr"),
    ("sport", "src_port"),
    ("srcport", "src_port"),
    ("dport", "dst_port"),
    ("dstport", "dst_port"),
    ("protocol", "proto"),
    ("srcas", "src_as"),
    ("dstas", "dst_as"),
    ("in_if", "ingress_if"),
    ("inif", "ingress_if"),
    ("out_if", "egress_if"),
    ("outif", "egress_if"),
    ("router", "exporter"),
    ("version", "protocol_version"),
    ("flags", "tcp_flags"),
    ("app", "application"),
    ("peer", "remote"),
    ("time", "time/5m"),
    ("date", "day"),
    ("ip", "host"),
];

/// Words that stand for several keys.
const SEVERAL: &[(&str, &[&str])] = &[
    ("if", &["ingress_if", "egress_if"]),
    ("as", &["src_as", "dst_as"]),
    ("port", &["src_port", "dst_port"]),
    ("pair", &["src_addr", "dst_addr"]),
    ("conversation", &["src_addr", "dst_addr", "proto", "src_port", "dst_port"]),
];

/// Keys that are no columns.
const WORDS: &[(&str, Key)] = &[
    ("remote", Key::Remote),
    ("service", Key::Service),
    ("hour_of_day", Key::HourOfDay),
    ("weekday", Key::Weekday),
    ("group", Key::Group(0)),
];

impl Key {
    /// The key of this name, as [`Key`] displays it or as people say it: `dst_addr`, `src/24`, `time/5m`, `day`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, full)| full);
        if let Some((_, key)) = WORDS.iter().find(|(word, _)| *word == name) {
            return Some(*key);
        }
        if let Some((what, rest)) = name.split_once('/') {
            if what == "time" {
                return Bucket::by_name(rest).map(Self::Time);
            }
            if what == "group" {
                return rest.parse().ok().filter(|depth| *depth > 0).map(Self::Group);
            }
            let address = match Self::by_name(what)? {
                Self::Remote => Address::Remote,
                Self::Column(column) if column.kind() == Kind::Addr => Address::Column(column),
                _ => return None,
            };
            return Some(Self::Net(address, Lengths::parse(rest)?));
        }
        if let Some(bucket) =
            ["minute", "hour", "day", "week", "month"].contains(&name).then(|| Bucket::by_name(name))
        {
            return bucket.map(Self::Time);
        }
        // `other` is many values at once.
        Column::by_name(name).filter(|column| column.kind() != Kind::Elements).map(Self::Column)
    }

    /// The keys of this name: one, or of a word such as `if` several. Empty where there is none.
    #[must_use]
    pub fn all_by_name(name: &str) -> Vec<Self> {
        match SEVERAL.iter().find(|(word, _)| *word == name) {
            Some((_, names)) => names.iter().filter_map(|name| Self::by_name(name)).collect(),
            None => Self::by_name(name).into_iter().collect(),
        }
    }

    /// Every word that names keys, without lengths: for suggestions.
    pub fn words() -> impl Iterator<Item = &'static str> {
        let columns = weir_flow::schema::COLUMNS.iter();
        let columns = columns.filter(|d| d.kind != Kind::Elements).map(|definition| definition.name);
        let buckets = ["minute", "hour", "day", "week", "month", "time"];
        columns
            .chain(WORDS.iter().map(|(word, _)| *word))
            .chain(buckets)
            .chain(SEVERAL.iter().map(|(word, _)| *word))
    }

    /// The column whose value the key is, where it is one.
    #[must_use]
    pub fn column(self) -> Option<Column> {
        match self {
            Self::Column(column) => Some(column),
            _ => None,
        }
    }

    /// The columns it is worked out from, as a presence mask.
    #[must_use]
    pub fn columns(self) -> u64 {
        match self {
            Self::Column(column) | Self::Net(Address::Column(column), _) => column.bit(),
            Self::Net(Address::Remote, _) | Self::Remote => {
                Column::Direction.bit()
                    | Column::SrcAddr.bit()
                    | Column::DstAddr.bit()
                    | Column::NatDstAddr.bit()
            }
            Self::Group(_) => Column::Tenant.bit(),
            Self::Service => Column::Proto.bit() | Column::SrcPort.bit() | Column::DstPort.bit(),
            Self::Time(_) | Self::HourOfDay | Self::Weekday => Column::Start.bit() | Column::End.bit(),
        }
    }

    /// Whether it is a part of the time that a flow took, so that the flow may belong to several groups.
    #[must_use]
    pub fn is_of_time(self) -> bool {
        matches!(self, Self::Time(_) | Self::HourOfDay | Self::Weekday)
    }

    /// Whether it is the value of a column, or part of it.
    pub(crate) fn is_read(self) -> bool {
        matches!(self, Self::Column(_) | Self::Net(Address::Column(_), _))
    }
}

/// At most so many keys of a query may be worked out from several columns: their presence takes the bits that
/// columns leave.
pub(crate) const WORKED_MAX: usize = 64 - COUNT;

/// The name that heads the key's column in every output.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => f.write_str(column.name()),
            Self::Net(Address::Column(column), lengths) => write!(f, "{}/{lengths}", column.name()),
            Self::Net(Address::Remote, lengths) => write!(f, "remote/{lengths}"),
            Self::Time(bucket) => bucket.fmt(f),
            Self::Remote => f.write_str("remote"),
            Self::Service => f.write_str("service"),
            Self::HourOfDay => f.write_str("hour_of_day"),
            Self::Weekday => f.write_str("weekday"),
            Self::Group(0) => f.write_str("group"),
            Self::Group(depth) => write!(f, "group/{depth}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        Key::by_name(text).map(|key| key.to_string())
    }

    #[test]
    fn keys_are_what_people_type() {
        for (typed, full) in [
            ("src", "src_addr"),
            ("dst/24", "dst_addr/24"),
            ("src/48", "src_addr/24"),
            ("srcip/16/40", "src_addr/16/40"),
            ("host/56", "host/24/56"),
            ("remote/24", "remote/24"),
            ("time/300s", "time/5m"),
            ("time/1h", "hour"),
            ("day", "day"),
            ("time", "time/5m"),
            ("weekday", "weekday"),
            ("group", "group"),
            ("group/2", "group/2"),
            ("proto", "proto"),
        ] {
            assert_eq!(name(typed).as_deref(), Some(full), "{typed}");
            assert_eq!(name(full).as_deref(), Some(full), "a name is its own");
        }
        for wrong in [
            "", "srcc", "src/33/0", "src/129", "src/", "proto/8", "time/7m", "other", "day/2", "5m",
            "group/0", "group/x",
        ] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
        assert_eq!(Key::all_by_name("if").len(), 2);
        assert_eq!(Key::all_by_name("src").len(), 1);
        assert!(Key::words().all(|word| !Key::all_by_name(word).is_empty()));
    }

    #[test]
    fn networks_are_the_first_bits() {
        let first = |lengths: &str, addr: &str| {
            let (lengths, addr) = (Lengths::parse(lengths).unwrap(), addr.parse().unwrap());
            format!("{}/{}", lengths.first(addr), lengths.of(addr))
        };
        assert_eq!(first("24", "192.168.31.77"), "192.168.31.0/24");
        assert_eq!(first("0", "192.168.31.77"), "0.0.0.0/0");
        assert_eq!(first("32", "192.168.31.77"), "192.168.31.77/32");
        assert_eq!(first("24", "2001:db8:31:7::1"), "2001:db8:31::/48");
        assert_eq!(first("20/0", "2001:db8:31:7::1"), "::/0");
        assert_eq!(first("128", "2001:db8:31:7::1"), "2001:db8:31:7::1/128");
    }
}
