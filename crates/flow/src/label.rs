//! Names that exporters give to what they number: interfaces, samplers, routing tables, applications.
//!
//! They come in options records (elements 82, 83, 84, 96 and 236) and may change: a name holds from when it was
//! first said until another is said of the same number. Before the first, the first is the best guess.

use crate::Addr;
use crate::memory::{Change, Memory};
use crate::session::memory_of_names as kept;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// An interface, by its index.
    Interface = 1,
    /// A sampler or selector, by its id.
    Sampler = 2,
    /// A routing table, by its id.
    Vrf = 3,
    /// An application, by engine (high octet) and selector.
    Application = 4,
}

impl Kind {
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Self::Interface, Self::Sampler, Self::Vrf, Self::Application].into_iter().find(|k| *k as u8 == code)
    }
}

/// Versions of one name that are kept; of more, the oldest are forgotten.
const VERSIONS_MAX: usize = 16;
/// Octets of a name or a description that are kept.
const NAME_BYTES_MAX: usize = 255;

/// One name, and since when it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Since when, ms since 1970.
    pub since: i64,
    /// The name.
    pub name: Box<str>,
    /// The description (interfaces), empty where there is none.
    pub description: Box<str>,
}

/// What one number is and was called, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions(Vec<Version>);

impl Versions {
    /// Takes in what was said at `now`; true if that is new. What is not said (empty) stays as it was.
    pub(crate) fn say(&mut self, name: &[u8], description: &[u8], now: i64) -> bool {
        let last = self.0.last();
        let word = |octets: &[u8], before: Option<&str>| {
            let text = text(octets);
            if text.is_empty() { before.unwrap_or_default().into() } else { text }
        };
        let name = word(name, last.map(|v| &*v.name));
        let description = word(description, last.map(|v| &*v.description));
        if last.is_some_and(|v| v.name == name && v.description == description)
            || (name.is_empty() && description.is_empty())
        {
            return false;
        }
        if self.0.len() >= VERSIONS_MAX {
            self.0.remove(0);
        }
        self.0.push(Version { since: now, name, description });
        true
    }

    /// The version that holds at a time, ms since 1970.
    #[must_use]
    pub fn at(&self, time: i64) -> Option<&Version> {
        self.0.iter().rev().find(|v| v.since <= time).or(self.0.first())
    }

    /// All versions, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Version] {
        &self.0
    }

    /// When each version holds; the first from ever, the last for ever.
    fn ranges(&self) -> impl Iterator<Item = (&Version, Range<i64>)> {
        self.0.iter().enumerate().map(|(i, version)| {
            let from = if i == 0 { i64::MIN } else { version.since };
            let until = self.0.get(i + 1).map_or(i64::MAX, |next| next.since);
            (version, from..until)
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for version in &self.0 {
            out.extend_from_slice(&version.since.to_be_bytes());
            for text in [&version.name, &version.description] {
                out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
                out.extend_from_slice(text.as_bytes());
            }
        }
        out
    }

    /// `None` if this is no such value.
    pub(crate) fn decode(mut value: &[u8]) -> Option<Self> {
        fn take(value: &mut &[u8]) -> Option<Box<str>> {
            let (len, rest) = value.split_first()?;
            let (text, rest) = rest.split_at_checked(usize::from(*len))?;
            *value = rest;
            Some(str::from_utf8(text).ok()?.into())
        }
        let mut versions = Vec::new();
        while let Some((since, rest)) = value.split_first_chunk() {
            value = rest;
            let (name, description) = (take(&mut value)?, take(&mut value)?);
            versions.push(Version { since: i64::from_be_bytes(*since), name, description });
        }
        value.is_empty().then_some(Self(versions))
    }
}

/// Text as an exporter writes it: padded with zeros or blanks, in what is hoped to be UTF-8.
fn text(octets: &[u8]) -> Box<str> {
    let end = octets.iter().position(|o| *o == 0).unwrap_or(octets.len());
    let text = String::from_utf8_lossy(octets.get(..end).unwrap_or_default());
    let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    let fits = |(at, c): &(usize, char)| at + c.len_utf8() <= NAME_BYTES_MAX;
    text.char_indices().take_while(fits).map(|(_, c)| c).collect::<String>().into()
}

/// All names, by exporter.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    exporters: HashMap<Addr, BTreeMap<(Kind, u64), Versions>>,
}

impl Labels {
    /// The names in what sessions remember.
    #[must_use]
    pub fn new(memory: &Memory) -> Self {
        let mut labels = Self::default();
        for (key, value) in memory.iter() {
            labels.take(key, value);
        }
        labels
    }

    /// Takes in a change; true if it changed a name.
    pub fn apply(&mut self, change: &Change) -> bool {
        match change {
            Change::Put { key, value } => self.take(key, value),
            Change::Forget { .. } => false,
        }
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> bool {
        let Some((exporter, kind, number)) = kept(key) else { return false };
        let Some(versions) = Versions::decode(value) else { return false };
        let slot = self.exporters.entry(exporter).or_default().entry((kind, number)).or_default();
        // Several sessions of one exporter (ports, domains) say the same: who spoke last knows best.
        let newest = |v: &Versions| v.0.last().map(|v| v.since);
        let is_newer = newest(&versions) >= newest(slot);
        if is_newer && *slot != versions {
            *slot = versions;
            return true;
        }
        false
    }

    /// What something was called at a time, ms since 1970.
    #[must_use]
    pub fn at(&self, exporter: Addr, kind: Kind, number: u64, time: i64) -> Option<&Version> {
        self.exporters.get(&exporter)?.get(&(kind, number))?.at(time)
    }

    /// What something was called throughout a span, ms since 1970; `None` if it had no name, or several.
    #[must_use]
    pub fn over(&self, exporter: Addr, kind: Kind, number: u64, span: &Range<i64>) -> Option<&str> {
        let versions = self.exporters.get(&exporter)?.get(&(kind, number))?;
        let mut names = versions
            .ranges()
            .filter(|(_, holds)| holds.start < span.end && span.start < holds.end)
            .map(|(version, _)| &*version.name);
        let name = names.next()?;
        names.all(|other| other == name).then_some(name)
    }

    /// Everything that has a name: whose, its number, its name and when it holds.
    pub fn iter(&self, kind: Kind) -> impl Iterator<Item = (Addr, u64, &Version, Range<i64>)> {
        self.exporters.iter().flat_map(move |(exporter, names)| {
            names
                .iter()
                .filter(move |((k, _), _)| *k == kind)
                .flat_map(move |((_, number), v)| v.ranges().map(move |(v, r)| (*exporter, *number, v, r)))
        })
    }

    /// Whether nothing has a name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exporters.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_until_the_next() {
        let mut versions = Versions::default();
        assert!(versions.say(b"Gi0/1\0\0\0", b"to core", 100));
        assert!(!versions.say(b"Gi0/1", b"", 150));
        assert!(versions.say(b"Gi0/1", b"to edge ", 200));
        assert!(versions.say(b"Te1/1", b"", 300));
        let at = |t| versions.at(t).map(|v| (&*v.name, &*v.description)).unwrap();
        assert_eq!(at(0), ("Gi0/1", "to core"));
        assert_eq!(at(199), ("Gi0/1", "to core"));
        assert_eq!(at(200), ("Gi0/1", "to edge"));
        assert_eq!(at(1_000), ("Te1/1", "to edge"));
        assert_eq!(Versions::decode(&versions.encode()), Some(versions.clone()));
        assert_eq!(Versions::decode(&versions.encode()[1..]), None);
        let ranges: Vec<_> = versions.ranges().map(|(_, range)| range).collect();
        assert_eq!(ranges, [i64::MIN..200, 200..300, 300..i64::MAX]);
    }

    #[test]
    fn one_name_throughout_or_none() {
        let exporter = Addr::v4([192, 0, 2, 1]);
        let mut versions = Versions::default();
        versions.say(b"Gi0/1", b"to core", 100);
        versions.say(b"Gi0/1", b"to edge", 200);
        versions.say(b"Te1/1", b"", 300);
        let names = BTreeMap::from([((Kind::Interface, 7), versions)]);
        let labels = Labels { exporters: HashMap::from([(exporter, names)]) };
        let over = |span: Range<i64>| labels.over(exporter, Kind::Interface, 7, &span);
        assert_eq!(over(0..300), Some("Gi0/1"));
        assert_eq!(over(0..301), None);
        assert_eq!(over(300..i64::MAX), Some("Te1/1"));
        assert_eq!(labels.over(exporter, Kind::Interface, 8, &(0..300)), None);
        assert_eq!(labels.over(exporter, Kind::Sampler, 7, &(0..300)), None);
    }

    #[test]
    fn what_is_no_text_is_made_text() {
        assert_eq!(&*text(b"\xffGi\x010/1  \0rest"), "\u{fffd}Gi0/1");
        assert_eq!(text(&[b'x'; 400]).len(), NAME_BYTES_MAX);
    }
}
