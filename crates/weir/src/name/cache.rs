//! What the DNS has said before, and when: a file of lines, `address name when until`, with `-` for an address that has
//! no name and `!` for one whose name could not be found out.
//!
//! It is nobody's truth: what cannot be read is asked again, and what cannot be written is forgotten. How long something
//! is believed is what the DNS says, within bounds: a name that changes every minute would make reports that wait for it.

use super::reverse::{Answer, Said, is_plain};
use std::collections::HashMap;
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use weir_flow::Addr;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How long a name is believed, ms.
const NAME_MS: RangeInclusive<i64> = HOUR_MS..=7 * DAY_MS;
/// How long that there is none is believed, ms: RFC 2308 §5 finds one to three hours sensible.
const NOTHING_MS: RangeInclusive<i64> = 10 * MINUTE_MS..=3 * HOUR_MS;
/// How long nobody is asked again after a failure, ms (RFC 9520 §3.2: at most five minutes).
const FAILED_MS: i64 = 5 * MINUTE_MS;
/// After so long a name is not shown any more, also where nobody can be asked for a new one (as RFC 8767), ms.
const STALE_MS: i64 = 30 * DAY_MS;
/// So many are kept; of more, the oldest are forgotten.
const NAMES_MAX: usize = 100_000;
/// A larger file is none of ours.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The first line, by which the file is known.
const HEAD: &str = "weir names 1";

/// Something that was said, and when, ms since 1970.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    said: Said,
    when: i64,
    /// Nobody is asked again before.
    until: i64,
}

/// Answers, and when they were given.
#[derive(Debug, Default)]
pub(super) struct Cache {
    path: Option<PathBuf>,
    known: HashMap<Addr, Entry>,
    /// Whether there is something that the file has not.
    is_new: bool,
}

impl Cache {
    /// What is in the file, less what is too old; nothing where there is no file.
    pub(super) fn open(path: Option<PathBuf>, now_ms: i64) -> Self {
        let known = path.as_deref().map(|path| read(path, now_ms)).unwrap_or_default();
        Self { path, known, is_new: false }
    }

    /// Whether nobody need be asked about an address.
    pub(super) fn knows(&self, address: Addr, now_ms: i64) -> bool {
        self.known.get(&address).is_some_and(|entry| (entry.when..entry.until).contains(&now_ms))
    }

    /// Believes nothing any more that was said of these addresses; their names stand until somebody says another.
    pub(super) fn doubt(&mut self, addresses: &[Addr]) {
        for address in addresses {
            if let Some(entry) = self.known.get_mut(address) {
                entry.until = entry.when;
            }
        }
    }

    /// The name that was said of an address, and when.
    pub(super) fn name(&self, address: Addr) -> Option<(&str, i64)> {
        match self.known.get(&address) {
            Some(Entry { said: Said::Name(name), when, .. }) => Some((name, *when)),
            _ => None,
        }
    }

    /// Takes answers in. A failure does not take a name away.
    pub(super) fn add(&mut self, answers: HashMap<Addr, Answer>, now_ms: i64) {
        for (address, Answer { said, ttl_s }) in answers {
            let until = now_ms.saturating_add(believed_ms(&said, ttl_s));
            self.is_new = true;
            match self.known.get_mut(&address) {
                Some(old) if said == Said::Failed && matches!(old.said, Said::Name(_)) => old.until = until,
                _ => drop(self.known.insert(address, Entry { said, when: now_ms, until })),
            }
        }
        forget(&mut self.known);
    }

    /// Writes the file, with what another run has put there meanwhile.
    pub(super) fn keep(&mut self, now_ms: i64) {
        let Some(path) = self.path.as_deref().filter(|_| self.is_new) else { return };
        for (address, theirs) in read(path, now_ms) {
            let ours = self.known.entry(address).or_insert_with(|| theirs.clone());
            if ours.when < theirs.when {
                *ours = theirs;
            }
        }
        forget(&mut self.known);
        // A cache that cannot be written costs time, nothing else.
        drop(write(path, &self.known));
        self.is_new = false;
    }
}

/// How long something is believed, ms.
fn believed_ms(said: &Said, ttl_s: Option<u32>) -> i64 {
    let within = |bounds: RangeInclusive<i64>| {
        let ms = ttl_s.map_or(*bounds.start(), |s| i64::from(s) * 1000);
        ms.clamp(*bounds.start(), *bounds.end())
    };
    match said {
        Said::Name(_) => within(NAME_MS),
        Said::Nothing => within(NOTHING_MS),
        Said::Failed => FAILED_MS,
    }
}

/// Keeps as many as may be, the youngest.
fn forget(known: &mut HashMap<Addr, Entry>) {
    let Some(excess) = known.len().checked_sub(NAMES_MAX).filter(|excess| *excess > 0) else { return };
    let mut ages: Vec<(i64, Addr)> = known.iter().map(|(address, entry)| (entry.when, *address)).collect();
    ages.select_nth_unstable(excess - 1);
    for (_, address) in ages.iter().take(excess) {
        known.remove(address);
    }
}

fn read(path: &Path, now_ms: i64) -> HashMap<Addr, Entry> {
    let is_small = std::fs::metadata(path).is_ok_and(|file| file.len() <= FILE_BYTES_MAX);
    let text = is_small.then(|| std::fs::read_to_string(path).ok()).flatten().unwrap_or_default();
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return HashMap::new();
    }
    let is_young = |entry: &Entry| (0..STALE_MS).contains(&now_ms.saturating_sub(entry.when));
    let mut known: HashMap<Addr, Entry> = lines.filter_map(parse).filter(|(_, e)| is_young(e)).collect();
    forget(&mut known);
    known
}

fn parse(line: &str) -> Option<(Addr, Entry)> {
    let mut words = line.split(' ');
    let address = words.next()?.parse().ok()?;
    let said = match words.next()? {
        "-" => Said::Nothing,
        "!" => Said::Failed,
        name => Said::Name(name.to_owned()).into_plain()?,
    };
    let (when, until): (i64, i64) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    // Nobody believes something for longer than names are.
    let until = until.min(when.saturating_add(*NAME_MS.end()));
    Some((address, Entry { said, when, until }))
}

impl Said {
    /// The same, unless it is a name that may not be shown.
    fn into_plain(self) -> Option<Self> {
        match &self {
            Self::Name(name) if !is_plain(name) => None,
            _ => Some(self),
        }
    }
}

/// Another run never sees half a file.
fn write(path: &Path, known: &HashMap<Addr, Entry>) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut lines: Vec<_> = known.iter().collect();
    lines.sort_unstable();
    let mut out = std::io::BufWriter::new(file.as_file_mut());
    writeln!(out, "{HEAD}")?;
    for (address, Entry { said, when, until }) in lines {
        let name = match said {
            Said::Name(name) => name,
            Said::Nothing => "-",
            Said::Failed => "!",
        };
        writeln!(out, "{address} {name} {when} {until}")?;
    }
    out.flush()?;
    drop(out);
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> Addr {
        text.parse().unwrap()
    }

    fn named(name: &str, ttl_s: u32) -> Answer {
        Answer { said: Said::Name(name.to_owned()), ttl_s: Some(ttl_s) }
    }

    fn said(said: Said) -> Answer {
        Answer { said, ttl_s: None }
    }

    #[test]
    fn answers_are_believed_for_their_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/names");
        let [one, two, three] = ["192.0.2.1", "2001:db8::2", "192.0.2.3"].map(addr);
        let mut cache = Cache::open(Some(path.clone()), 1000);
        assert!(!cache.knows(one, 1000));
        cache.add(
            HashMap::from([
                (one, named("one.example", 86_400)),
                (two, said(Said::Nothing)),
                (three, said(Said::Failed)),
            ]),
            1000,
        );
        cache.keep(1000);
        let at = |now| {
            let cache = Cache::open(Some(path.clone()), now);
            let known = [one, two, three].map(|address| cache.knows(address, now));
            (known, cache.name(one).map(|(name, when)| (name.to_owned(), when)))
        };
        let name = Some(("one.example".to_owned(), 1000));
        assert_eq!(at(1000), ([true, true, true], name.clone()));
        assert_eq!(at(1000 + FAILED_MS), ([true, true, false], name.clone()));
        assert_eq!(at(1000 + 10 * MINUTE_MS), ([true, false, false], name.clone()));
        // Asked again, and shown until somebody says something else.
        assert_eq!(at(1000 + DAY_MS), ([false; 3], name));
        assert_eq!(at(1000 + STALE_MS), ([false; 3], None));
        // A clock that went back makes nothing older than now.
        assert_eq!(at(999), ([false; 3], None));
    }

    #[test]
    fn what_the_dns_says_of_time_is_bounded() {
        assert_eq!(believed_ms(&Said::Name(String::new()), Some(0)), HOUR_MS);
        assert_eq!(believed_ms(&Said::Name(String::new()), Some(7200)), 2 * HOUR_MS);
        assert_eq!(believed_ms(&Said::Name(String::new()), Some(u32::MAX)), 7 * DAY_MS);
        assert_eq!(believed_ms(&Said::Nothing, Some(3600)), HOUR_MS);
        assert_eq!(believed_ms(&Said::Nothing, Some(86_400)), 3 * HOUR_MS);
        assert_eq!(believed_ms(&Said::Failed, Some(86_400)), 5 * MINUTE_MS);
    }

    #[test]
    fn a_failure_takes_no_name_away() {
        let one = addr("192.0.2.1");
        let mut cache = Cache::default();
        cache.add(HashMap::from([(one, named("one.example", 3600))]), 0);
        cache.add(HashMap::from([(one, said(Said::Failed))]), HOUR_MS);
        assert_eq!((cache.name(one), cache.knows(one, HOUR_MS)), (Some(("one.example", 0)), true));
        assert!(!cache.knows(one, HOUR_MS + FAILED_MS));
        cache.add(HashMap::from([(one, said(Said::Nothing))]), 2 * HOUR_MS);
        assert_eq!(cache.name(one), None);
    }

    #[test]
    fn two_runs_keep_what_both_heard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names");
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(addr);
        let [mut a, mut b] = [0, 0].map(|now| Cache::open(Some(path.clone()), now));
        a.add(HashMap::from([(one, named("old.example", 60))]), 10);
        b.add(HashMap::from([(one, named("new.example", 60)), (two, named("two.example", 60))]), 20);
        b.keep(20);
        a.keep(20);
        let both = Cache::open(Some(path), 20);
        assert_eq!((both.name(one), both.name(two)), (Some(("new.example", 20)), Some(("two.example", 20))));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut cache = Cache::default();
        let host = |n: u32| Addr::from(std::net::Ipv4Addr::from(n));
        for (from, now) in [(0, 1), (60_000, 2)] {
            cache.add((from..from + 60_000).map(|n| (host(n), said(Said::Nothing))).collect(), now);
        }
        assert_eq!(cache.known.len(), NAMES_MAX);
        assert!((60_000..120_000).all(|n| cache.knows(host(n), 2)), "the young ones are all there");
    }

    #[test]
    fn a_file_of_somebody_else_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names");
        let one = addr("192.0.2.1");
        for (text, expected) in [
            ("weir names 1\n192.0.2.1 one.example 1000 2000\n", Some(("one.example", 1000))),
            ("weir names 1\n192.0.2.1 bad\u{1b}name 1000 2000\nnonsense\n", None),
            ("weir names 2\n192.0.2.1 one.example 1000 2000\n", None),
            ("192.0.2.1 one.example 1000 2000\n", None),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Cache::open(Some(path.clone()), 1500).name(one), expected, "{text}");
        }
        std::fs::write(&path, [0xff; 100]).unwrap();
        assert_eq!(Cache::open(Some(path), 1500).name(one), None);
    }
}
