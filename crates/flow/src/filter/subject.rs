//! What a filter's comparison is about: columns of the schema, by name or by the words people know, and
//! figures worked out from them.

use crate::schema::{COLUMNS, Column, Kind};

/// What is compared. Of several columns, a row matches when any of them has a value that does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Subject {
    /// The columns whose bits are set; all of one kind.
    Columns(u64),
    /// `end - start` in ms; 0 where the end precedes the start.
    Duration,
    /// Bits a second, `octets * 8000 / duration` in whole bits; a flow of no duration has none.
    BitsPerSecond,
    /// Packets a second, `packets * 1000 / duration` in whole packets; a flow of no duration has none.
    PacketsPerSecond,
    /// Octets a packet, `octets / packets` in whole octets; a flow of no packets has none.
    OctetsPerPacket,
    /// The columns of one side of the flow, as seen from the tenant.
    Side(Side, &'static Sided),
    /// The time of day of this column, as the clocks of a zone show it.
    TimeOfDay(Column),
    /// The day of the week of this column, by the calendar of a zone.
    Weekday(Column),
}

/// A side of a flow, as seen from the tenant: of traffic with the outside one end each; in traffic between tenants
/// each end is local, and remote to the other, so either may match. Traffic of nobody has no sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// The tenant's.
    Local,
    /// The other one.
    Remote,
}

/// What has a side: its names there, and its columns at each end.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Sided {
    local: &'static str,
    remote: &'static str,
    /// Its columns at the source.
    pub(super) src: u64,
    /// Its columns at the destination.
    pub(super) dst: u64,
}

const fn sided(local: &'static str, remote: &'static str, src: u64, dst: u64) -> Sided {
    Sided { local, remote, src, dst }
}

/// All that has a side.
const SIDED: &[Sided] = &[
    sided(
        "local host",
        "remote host",
        pair(Column::SrcAddr, Column::NatSrcAddr),
        pair(Column::DstAddr, Column::NatDstAddr),
    ),
    sided("local port", "remote port", Column::SrcPort.bit(), Column::DstPort.bit()),
    sided("local as", "remote as", Column::SrcAs.bit(), Column::DstAs.bit()),
    sided("local vlan", "remote vlan", Column::SrcVlan.bit(), Column::DstVlan.bit()),
    sided("local mac", "remote mac", Column::SrcMac.bit(), Column::DstMac.bit()),
    sided("local mask", "remote mask", Column::SrcMask.bit(), Column::DstMask.bit()),
];

/// What the values of a subject are: how they are written, and how they are held in
/// [`Ranges`](super::range::Ranges).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Domain {
    /// An address, a prefix or a range of addresses; held as the bits of the mapped address.
    Addr,
    /// The same, or the name of a configured exporter.
    Exporter,
    /// A MAC address; held as its 48 bits.
    Mac,
    /// A time; held as the ms since the earliest one an `i64` can hold.
    Time,
    /// A length of time with its unit; held in ms.
    Duration,
    /// A time of day, or a span of it; held in ms since midnight.
    Clock,
    /// A day of the week, or several; Monday is held as 0.
    Weekday,
    /// A plain number up to this.
    Number(u64),
    /// A number that is often large: it may have a unit (`10M`).
    Count,
    /// A port, or the name of a service.
    Port,
    /// An IP protocol number or name.
    Proto,
    /// An autonomous system's number.
    As,
    /// TCP flags, by letters or as a number.
    Flags,
    /// One of a closed list of words; held as its place in the list.
    Word(&'static [&'static str]),
    /// A tenant's name; not held in ranges.
    Name,
    /// A class's name; not held in ranges.
    Class,
    /// Text as the exporter wrote it; not held in ranges.
    Text,
}

const fn pair(a: Column, b: Column) -> u64 {
    a.bit() | b.bit()
}

/// The words for columns that people know from other tools, each with the columns it looks at.
///
/// `host` looks at addresses before and after translation: who asks for a host behind NAT wants it found. For
/// one column exactly there is the column's own name (`src_addr`), except for `host` and `tenant`, whose names
/// are taken by these wider words: `own host` and `own tenant`.
pub(super) const PHRASES: &[(&str, u64)] = &[
    ("host", pair(Column::SrcAddr, Column::DstAddr) | pair(Column::NatSrcAddr, Column::NatDstAddr)),
    ("src host", pair(Column::SrcAddr, Column::NatSrcAddr)),
    ("dst host", pair(Column::DstAddr, Column::NatDstAddr)),
    ("own host", Column::Host.bit()),
    ("port", pair(Column::SrcPort, Column::DstPort)),
    ("src port", Column::SrcPort.bit()),
    ("dst port", Column::DstPort.bit()),
    ("as", pair(Column::SrcAs, Column::DstAs)),
    ("src as", Column::SrcAs.bit()),
    ("dst as", Column::DstAs.bit()),
    ("if", pair(Column::IngressIf, Column::EgressIf)),
    ("in if", Column::IngressIf.bit()),
    ("out if", Column::EgressIf.bit()),
    ("vlan", pair(Column::SrcVlan, Column::DstVlan)),
    ("src vlan", Column::SrcVlan.bit()),
    ("dst vlan", Column::DstVlan.bit()),
    ("mac", pair(Column::SrcMac, Column::DstMac)),
    ("src mac", Column::SrcMac.bit()),
    ("dst mac", Column::DstMac.bit()),
    ("nat host", pair(Column::NatSrcAddr, Column::NatDstAddr)),
    ("nat port", pair(Column::NatSrcPort, Column::NatDstPort)),
    ("mask", pair(Column::SrcMask, Column::DstMask)),
    ("src mask", Column::SrcMask.bit()),
    ("dst mask", Column::DstMask.bit()),
    ("tenant", pair(Column::Tenant, Column::PeerTenant)),
    ("own tenant", Column::Tenant.bit()),
    ("peer tenant", Column::PeerTenant.bit()),
    ("flags", Column::TcpFlags.bit()),
    ("proto", Column::Proto.bit()),
];

/// Figures that are worked out from several columns.
const DERIVED: &[(&str, Subject)] = &[
    ("duration", Subject::Duration),
    ("bps", Subject::BitsPerSecond),
    ("pps", Subject::PacketsPerSecond),
    ("bpp", Subject::OctetsPerPacket),
    ("time", Subject::TimeOfDay(Column::Start)),
    ("end time", Subject::TimeOfDay(Column::End)),
    ("weekday", Subject::Weekday(Column::Start)),
    ("end weekday", Subject::Weekday(Column::End)),
];

/// Other words for the nouns of [`PHRASES`].
const ALIASES: &[(&str, &str)] = &[
    ("net", "host"),
    ("ip", "host"),
    ("addr", "host"),
    ("portrange", "port"),
    ("service", "port"),
    ("asn", "as"),
    ("interface", "if"),
    ("iface", "if"),
    ("ether", "mac"),
    ("protocol", "proto"),
    // Whose values are groups of tenants: the parser puts the tenants in their place.
    ("group", "tenant"),
];

/// Phrases of nfdump and tcpdump for columns that have another name here: qualifier, noun, columns.
const FOREIGN: &[(&str, &str, u64)] = &[
    ("", "bytes", Column::Octets.bit()),
    ("in", "bytes", Column::Octets.bit()),
    ("in", "packets", Column::Packets.bit()),
    ("", "flowdir", Column::FlowDirection.bit()),
    ("router", "ip", Column::Exporter.bit()),
    ("next", "ip", Column::NextHop.bit()),
    ("bgpnext", "ip", Column::BgpNextHop.bit()),
    ("", "xip", pair(Column::NatSrcAddr, Column::NatDstAddr)),
    ("src", "xip", Column::NatSrcAddr.bit()),
    ("dst", "xip", Column::NatDstAddr.bit()),
    ("", "xnet", pair(Column::NatSrcAddr, Column::NatDstAddr)),
    ("src", "xnet", Column::NatSrcAddr.bit()),
    ("dst", "xnet", Column::NatDstAddr.bit()),
    ("", "nip", pair(Column::NatSrcAddr, Column::NatDstAddr)),
    ("src", "nip", Column::NatSrcAddr.bit()),
    ("dst", "nip", Column::NatDstAddr.bit()),
    ("", "xport", pair(Column::NatSrcPort, Column::NatDstPort)),
    ("src", "xport", Column::NatSrcPort.bit()),
    ("dst", "xport", Column::NatDstPort.bit()),
    ("", "nport", pair(Column::NatSrcPort, Column::NatDstPort)),
    ("src", "nport", Column::NatSrcPort.bit()),
    ("dst", "nport", Column::NatDstPort.bit()),
    ("in", "vrf", Column::IngressVrf.bit()),
    ("out", "vrf", Column::EgressVrf.bit()),
    ("in", "mac", pair(Column::SrcMac, Column::DstMac)),
    ("mpls", "label", Column::MplsLabel.bit()),
    ("mpls", "label1", Column::MplsLabel.bit()),
];

/// Columns of the source, and their counterparts of the destination.
const ENDS: &[(Column, Column)] = &[
    (Column::SrcAddr, Column::DstAddr),
    (Column::NatSrcAddr, Column::NatDstAddr),
    (Column::SrcPort, Column::DstPort),
    (Column::NatSrcPort, Column::NatDstPort),
    (Column::SrcAs, Column::DstAs),
    (Column::SrcVlan, Column::DstVlan),
    (Column::SrcMac, Column::DstMac),
    (Column::SrcMask, Column::DstMask),
];

impl Subject {
    /// The subject of a phrase: its qualifier (`src`, `in`, …, or nothing) and its noun, in lower case.
    pub(super) fn by_phrase(qualifier: &str, noun: &str) -> Option<Self> {
        let said = noun;
        let noun = ALIASES.iter().find(|(alias, _)| *alias == noun).map_or(noun, |(_, meant)| meant);
        let is = |phrase: &str| match phrase.split_once(' ') {
            Some((first, second)) => first == qualifier && second == noun,
            None => qualifier.is_empty() && phrase == noun,
        };
        let own = PHRASES.iter().find(|(phrase, _)| is(phrase)).map(|(_, mask)| Self::Columns(*mask));
        let side = || {
            SIDED.iter().find_map(|sided| match (is(sided.local), is(sided.remote)) {
                (true, _) => Some(Self::Side(Side::Local, sided)),
                (_, true) => Some(Self::Side(Side::Remote, sided)),
                _ => None,
            })
        };
        let derived = || DERIVED.iter().find(|(phrase, _)| is(phrase)).map(|(_, subject)| *subject);
        let foreign = || {
            let found = FOREIGN.iter().find(|(first, second, _)| (*first, *second) == (qualifier, said));
            found.map(|(.., mask)| Self::Columns(*mask))
        };
        own.or_else(side).or_else(derived).or_else(foreign)
    }

    /// The subject of a single word: a phrase without qualifier, a derived figure or a column of the schema.
    pub(super) fn by_word(word: &str) -> Option<Self> {
        let column = || Column::by_name(word).filter(|column| is_compared(*column)).map(Self::column);
        Self::by_phrase("", word).or_else(column)
    }

    /// One column exactly.
    pub(super) const fn column(column: Column) -> Self {
        Self::Columns(column.bit())
    }

    /// What it is called; [`Subject::by_phrase`] and [`Subject::by_word`] find it again by this.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Columns(mask) => {
                let phrase = PHRASES.iter().find(|(_, columns)| *columns == mask).map(|(phrase, _)| *phrase);
                phrase.or_else(|| columns(mask).next().map(Column::name)).unwrap_or_default()
            }
            Self::Side(Side::Local, sided) => sided.local,
            Self::Side(Side::Remote, sided) => sided.remote,
            derived => DERIVED.iter().find(|(_, s)| *s == derived).map_or("", |(name, _)| name),
        }
    }

    /// The single words that name a subject, for suggestions.
    pub(super) fn words() -> impl Iterator<Item = &'static str> {
        let phrases = PHRASES.iter().map(|(phrase, _)| *phrase).filter(|phrase| !phrase.contains(' '));
        phrases
            .chain(DERIVED.iter().map(|(name, _)| *name).filter(|name| !name.contains(' ')))
            .chain(FOREIGN.iter().filter(|(first, ..)| first.is_empty()).map(|(_, noun, _)| *noun))
            .chain(ALIASES.iter().map(|(alias, _)| *alias))
            .chain(COLUMNS.iter().filter(|d| is_compared(d.column)).map(|d| d.name))
    }

    /// Either end, of a subject that is one end; others stay as they are.
    pub(super) fn with_other_end(self) -> Self {
        let Self::Columns(mask) = self else { return self };
        let ends = ENDS.iter().map(|(src, dst)| pair(*src, *dst)).filter(|both| both & mask != 0);
        Self::Columns(ends.fold(mask, |mask, both| mask | both))
    }

    /// The nouns that may follow a qualifier.
    pub(super) fn nouns(qualifier: &str) -> impl Iterator<Item = &'static str> {
        let phrases = PHRASES.iter().map(|(phrase, _)| *phrase);
        let sides = SIDED.iter().flat_map(|sided| [sided.local, sided.remote]);
        let all = phrases.chain(sides).chain(DERIVED.iter().map(|(name, _)| *name));
        let own: Vec<&str> = all
            .filter_map(|phrase| phrase.split_once(' '))
            .filter(|(first, _)| *first == qualifier)
            .flat_map(|(_, noun)| if noun == "host" { vec![noun, "net"] } else { vec![noun] })
            .collect();
        let foreign = FOREIGN.iter().filter(move |(first, ..)| *first == qualifier).map(|(_, noun, _)| *noun);
        let foreign = if own.is_empty() { foreign.collect() } else { Vec::new() };
        own.into_iter().chain(foreign)
    }

    /// The columns that must be read to compare it, as a presence mask.
    pub(super) const fn reads(self) -> u64 {
        match self {
            Self::Columns(mask) => mask,
            Self::Duration => pair(Column::Start, Column::End),
            Self::BitsPerSecond => pair(Column::Start, Column::End) | Column::Octets.bit(),
            Self::PacketsPerSecond => pair(Column::Start, Column::End) | Column::Packets.bit(),
            Self::OctetsPerPacket => pair(Column::Octets, Column::Packets),
            Self::Side(_, sided) => sided.src | sided.dst | Column::Direction.bit(),
            Self::TimeOfDay(column) | Self::Weekday(column) => column.bit(),
        }
    }

    /// Whether it is more than one column, of which any may match.
    pub(super) const fn is_several(self) -> bool {
        match self {
            Self::Columns(mask) => mask.count_ones() > 1,
            Self::Side(..) => true,
            _ => false,
        }
    }

    /// The columns of which at least one has a value in the set, in every row that matches; 0 where nothing can be
    /// said.
    pub(super) const fn compared(self) -> u64 {
        match self {
            Self::Columns(mask) => mask,
            Self::Side(_, sided) => sided.src | sided.dst,
            _ => 0,
        }
    }

    /// What its values are.
    pub(super) fn domain(self) -> Domain {
        match self {
            Self::Columns(mask) => columns(mask).next().map_or(Domain::Count, domain),
            Self::Duration => Domain::Duration,
            Self::BitsPerSecond | Self::PacketsPerSecond | Self::OctetsPerPacket => Domain::Count,
            Self::Side(_, sided) => columns(sided.src).next().map_or(Domain::Count, domain),
            Self::TimeOfDay(_) => Domain::Clock,
            Self::Weekday(_) => Domain::Weekday,
        }
    }
}

/// Whether a filter can compare the column: all but the elements without a column.
fn is_compared(column: Column) -> bool {
    !matches!(column.kind(), Kind::Elements)
}

/// The columns of a presence mask.
pub(super) fn columns(mask: u64) -> impl Iterator<Item = Column> {
    COLUMNS.iter().map(|d| d.column).filter(move |column| mask & column.bit() != 0)
}

fn domain(column: Column) -> Domain {
    match (column, column.kind()) {
        (Column::Exporter, _) => Domain::Exporter,
        (Column::SrcPort | Column::DstPort | Column::NatSrcPort | Column::NatDstPort, _) => Domain::Port,
        (Column::Proto, _) => Domain::Proto,
        (Column::SrcAs | Column::DstAs, _) => Domain::As,
        (Column::TcpFlags, _) => Domain::Flags,
        (_, Kind::Addr) => Domain::Addr,
        (_, Kind::Mac) => Domain::Mac,
        (_, Kind::Time) => Domain::Time,
        (_, Kind::Word(words)) => Domain::Word(words),
        (Column::Class, _) => Domain::Class,
        (_, Kind::Name) => Domain::Name,
        (_, Kind::Text | Kind::Elements) => Domain::Text,
        (_, Kind::Unsigned(64)) => Domain::Count,
        (_, Kind::Unsigned(bits)) => {
            Domain::Number(1u64.checked_shl(bits.into()).unwrap_or(0).wrapping_sub(1))
        }
    }
}

impl Domain {
    /// The greatest number a value is held as; the least is 0.
    pub(super) fn max(self) -> u128 {
        match self {
            Self::Addr | Self::Exporter => u128::MAX,
            Self::Mac => (1 << 48) - 1,
            Self::Time | Self::Duration | Self::Count => u64::MAX.into(),
            Self::Clock => super::civil::DAY_MS - 1,
            Self::Weekday => 6,
            Self::Number(max) => max.into(),
            Self::Port | Self::Flags => u16::MAX.into(),
            Self::Proto => u8::MAX.into(),
            Self::As => u32::MAX.into(),
            Self::Word(words) => (words.len() as u128).saturating_sub(1),
            Self::Name | Self::Class | Self::Text => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_subjects_and_a_subject_is_of_one_domain() {
        let mut subjects: Vec<Subject> = PHRASES.iter().map(|(_, mask)| Subject::Columns(*mask)).collect();
        subjects.extend(COLUMNS.iter().map(|d| d.column).filter(|c| is_compared(*c)).map(Subject::column));
        subjects.extend(DERIVED.iter().map(|(_, s)| *s));
        subjects.extend(
            SIDED.iter().flat_map(|s| [Side::Local, Side::Remote].map(|side| Subject::Side(side, s))),
        );
        for subject in subjects {
            let found = match subject.name().split_once(' ') {
                Some((qualifier, noun)) => Subject::by_phrase(qualifier, noun),
                None => Subject::by_word(subject.name()),
            };
            assert_eq!(found, Some(subject), "{}", subject.name());
            assert!(columns(subject.compared()).all(|c| domain(c) == subject.domain()), "{}", subject.name());
        }
    }

    #[test]
    fn both_ends_are_the_columns_of_either() {
        let foreign = FOREIGN.iter().filter(|(first, ..)| *first == "src").map(|(_, noun, _)| *noun);
        for noun in Subject::nouns("src").chain(foreign) {
            let (src, dst) =
                (Subject::by_phrase("src", noun).unwrap(), Subject::by_phrase("dst", noun).unwrap());
            assert_eq!((src.with_other_end(), dst.with_other_end()), {
                let both = Subject::Columns(src.reads() | dst.reads());
                (both, both)
            });
        }
    }

    #[test]
    fn the_greatest_values_are_those_of_the_schema() {
        assert_eq!(Subject::column(Column::Tos).domain(), Domain::Number(255));
        assert_eq!(Subject::column(Column::SrcVlan).domain(), Domain::Number(65_535));
        assert_eq!(Subject::column(Column::IngressIf).domain(), Domain::Number(4_294_967_295));
        assert_eq!(Subject::column(Column::Direction).domain().max(), 5);
    }
}
