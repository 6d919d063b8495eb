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
}

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
    /// A name; not held in ranges.
    Name,
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
];

/// Other words for the nouns of [`PHRASES`].
const ALIASES: &[(&str, &str)] = &[
    ("net", "host"),
    ("ip", "host"),
    ("addr", "host"),
    ("portrange", "port"),
    ("asn", "as"),
    ("interface", "if"),
    ("iface", "if"),
    ("ether", "mac"),
    ("protocol", "proto"),
];

impl Subject {
    /// The subject of a phrase: its qualifier (`src`, `in`, …, or nothing) and its noun, in lower case.
    pub(super) fn by_phrase(qualifier: &str, noun: &str) -> Option<Self> {
        let noun = ALIASES.iter().find(|(alias, _)| *alias == noun).map_or(noun, |(_, meant)| meant);
        let columns = PHRASES.iter().find(|(phrase, _)| match phrase.split_once(' ') {
            Some((first, second)) => first == qualifier && second == noun,
            None => qualifier.is_empty() && *phrase == noun,
        });
        columns.map(|(_, mask)| Self::Columns(*mask))
    }

    /// The subject of a single word: a phrase without qualifier, a derived figure or a column of the schema.
    pub(super) fn by_word(word: &str) -> Option<Self> {
        if let Some(subject) = Self::by_phrase("", word) {
            return Some(subject);
        }
        if let Some((_, subject)) = DERIVED.iter().find(|(name, _)| *name == word) {
            return Some(*subject);
        }
        Column::by_name(word).filter(|column| is_compared(*column)).map(Self::column)
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
            derived => DERIVED.iter().find(|(_, s)| *s == derived).map_or("", |(name, _)| name),
        }
    }

    /// The single words that name a subject, for suggestions.
    pub(super) fn words() -> impl Iterator<Item = &'static str> {
        let phrases = PHRASES.iter().map(|(phrase, _)| *phrase).filter(|phrase| !phrase.contains(' '));
        phrases
            .chain(DERIVED.iter().map(|(name, _)| *name))
            .chain(ALIASES.iter().map(|(alias, _)| *alias))
            .chain(COLUMNS.iter().filter(|d| is_compared(d.column)).map(|d| d.name))
    }

    /// Either end, of a subject that is one end; others stay as they are.
    pub(super) fn with_other_end(self) -> Self {
        let noun = self.name().split_once(' ').filter(|(end, _)| matches!(*end, "src" | "dst"));
        noun.and_then(|(_, noun)| Self::by_phrase("", noun)).unwrap_or(self)
    }

    /// The nouns that may follow a qualifier.
    pub(super) fn nouns(qualifier: &str) -> impl Iterator<Item = &'static str> {
        let split = PHRASES.iter().filter_map(|(phrase, _)| phrase.split_once(' '));
        let nouns = split.filter(move |(first, _)| *first == qualifier).map(|(_, noun)| noun);
        nouns.flat_map(|noun| if noun == "host" { vec![noun, "net"] } else { vec![noun] })
    }

    /// The columns that must be read to compare it, as a presence mask.
    pub(super) const fn reads(self) -> u64 {
        match self {
            Self::Columns(mask) => mask,
            Self::Duration => pair(Column::Start, Column::End),
            Self::BitsPerSecond => pair(Column::Start, Column::End) | Column::Octets.bit(),
            Self::PacketsPerSecond => pair(Column::Start, Column::End) | Column::Packets.bit(),
            Self::OctetsPerPacket => pair(Column::Octets, Column::Packets),
        }
    }

    /// Whether it is more than one column.
    pub(super) const fn is_several(self) -> bool {
        matches!(self, Self::Columns(mask) if mask.count_ones() > 1)
    }

    /// What its values are.
    pub(super) fn domain(self) -> Domain {
        match self {
            Self::Columns(mask) => columns(mask).next().map_or(Domain::Count, domain),
            Self::Duration => Domain::Duration,
            Self::BitsPerSecond | Self::PacketsPerSecond | Self::OctetsPerPacket => Domain::Count,
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
            Self::Number(max) => max.into(),
            Self::Port | Self::Flags => u16::MAX.into(),
            Self::Proto => u8::MAX.into(),
            Self::As => u32::MAX.into(),
            Self::Word(words) => (words.len() as u128).saturating_sub(1),
            Self::Name | Self::Text => 0,
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
        for subject in subjects {
            let found = match subject.name().split_once(' ') {
                Some((qualifier, noun)) => Subject::by_phrase(qualifier, noun),
                None => Subject::by_word(subject.name()),
            };
            assert_eq!(found, Some(subject), "{}", subject.name());
            if let Subject::Columns(mask) = subject {
                assert!(columns(mask).all(|c| domain(c) == subject.domain()), "{}", subject.name());
            }
        }
    }

    #[test]
    fn both_ends_are_the_columns_of_either() {
        for noun in Subject::nouns("src") {
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
