//! Roll-ups: of every segment what a question that is asked often finds in it, made before anybody asks.
//!
//! A [`Rollup`] says by which keys, and in buckets of which width, all amounts of a segment are added up. That is what a
//! question by these keys and that time finds in the segment, so a roll-up of a segment is kept as such an answer is
//! (`kept`), as a file under the store's folder `rollups`. It answers every question that asks for nothing else (`cover`): its
//! groups are then grouped and filtered as records would be (`rows`).
//!
//! A roll-up is of one segment, and no segment is ever changed. What comes late is in another segment, or in the journal;
//! compaction, late sampling intervals and reattribution put new segments in the place of old ones. So a roll-up is never
//! wrong: where there is none of a segment (yet), the segment is read.

pub(crate) mod cover;
pub(crate) mod rows;

use crate::civil::{Bucket, Civil, WIDTHS_MS};
use crate::error::Error;
use crate::fetch::{self, Wanted};
use crate::group::{Grouping, Shared};
use crate::kept::file::{self, Content};
use crate::kept::question::Question;
use crate::key::{Address, Key};
use crate::membership::Membership;
use crate::prune::Pruner;
use crate::query::{Count, Measure, Order, Query};
use crate::select::Selector;
use crate::table::Statistics;
use crate::{Options, plan};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_flow::schema::Kind;
use weir_flow::time::BIN_MS;
use weir_flow::{Column, Spare};
use weir_store::{Heir, SegmentEntry, Snapshot};

/// The folder in a store.
const FOLDER: &str = "rollups";
/// A roll-up has at most one group for so many records of its segment (but a few it always may have): with more it would
/// take as long to read as they do.
const RECORDS_PER_GROUP: u64 = 8;
const GROUPS_FEW: u64 = 1 << 12;
/// Memory for them while one is built.
const MEMORY_BYTES: usize = 128 << 20;
/// What a roll-up cannot be by: it is by buckets of time, and these are what is added up.
const NO_KEYS: [Column; 6] = [
    Column::Start,
    Column::End,
    Column::Octets,
    Column::Packets,
    Column::MeasuredOctets,
    Column::MeasuredPackets,
];

/// What is added up of every segment.
#[derive(Clone, PartialEq, Debug)]
pub struct Rollup {
    name: String,
    width_ms: i64,
    keep_ms: Option<i64>,
    /// What it answers: its keys and the bucket of time, all measures.
    query: Query,
}

/// What there is of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nothing yet.
    Missing,
    /// The roll-up.
    Built,
    /// It would have so many groups that it is not kept.
    TooMany,
}

impl Rollup {
    /// A roll-up of this name (lower-case letters, digits and `-`), by these keys, in buckets of this width in UTC, ms.
    ///
    /// # Errors
    /// What of it cannot be, in words.
    pub fn new(name: &str, mut keys: Vec<Key>, width_ms: i64) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
            return Err(format!("\"{name}\" is no name of lower-case letters, digits and -"));
        }
        if width_ms < BIN_MS || !WIDTHS_MS.contains(&width_ms) {
            return Err(
                "its width is none of 5m, 10m, 15m, 20m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d".to_owned()
            );
        }
        if keys.is_empty() {
            return Err("it has no keys".to_owned());
        }
        let mut columns: Vec<Column> = Vec::new();
        for key in &keys {
            let column = base(*key).ok_or_else(|| {
                format!(
                    "{key} is no column and no network of one: write the columns that it is worked out from"
                )
            })?;
            if NO_KEYS.contains(&column) || column.kind() == Kind::Elements {
                return Err(format!("{key} is what is added up, or when: it is no key of a roll-up"));
            }
            if columns.contains(&column) {
                return Err(format!("{} is among its keys twice", column.name()));
            }
            columns.push(column);
        }
        keys.push(Key::Time(Bucket::Width(width_ms)));
        let query = Query {
            range: None,
            count: Count::Whole,
            civil: Civil::default(),
            membership: Membership::default(),
            filter: None,
            keys,
            measures: Measure::ALL.to_vec(),
            order: Order::Key,
            limit: None,
        };
        Ok(Self { name: name.to_owned(), width_ms, keep_ms: None, query })
    }

    /// The same, to be kept for so many ms, also when its segments are given up before.
    #[must_use]
    pub fn kept_for(self, keep_ms: Option<i64>) -> Self {
        Self { keep_ms, ..self }
    }

    /// How long it is to be kept, ms; `None` is as long as its segments.
    #[must_use]
    pub fn keep_ms(&self) -> Option<i64> {
        self.keep_ms
    }

    /// As the store knows it, which keeps it when its segments are given up; `None` if it is not to be.
    #[must_use]
    pub fn heir(&self) -> Option<Heir> {
        let question = self.question();
        let judge =
            move |segment: &SegmentEntry, bytes: &[u8]| file::holds_groups(bytes, &question.of(segment));
        Some(Heir { name: self.name.clone(), keep_ms: self.keep_ms?, judge: Arc::new(judge) })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its keys, without the bucket of time.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        self.query.keys.split_last().map_or(&[], |(_, keys)| keys)
    }

    /// The width of its buckets, ms.
    #[must_use]
    pub fn width_ms(&self) -> i64 {
        self.width_ms
    }

    /// Where its files are in a store.
    #[must_use]
    pub fn folder(&self, store: &Path) -> PathBuf {
        store.join(FOLDER).join(&self.name)
    }

    fn path(&self, store: &Path, segment: &SegmentEntry) -> PathBuf {
        // A segment is `flows/DAY/NAME.parquet`.
        let mut inside = segment.path.strip_prefix(store).unwrap_or(&segment.path).components();
        inside.next();
        self.folder(store).join(inside.as_path()).with_extension("part")
    }

    /// What it asks of a segment.
    fn question(&self) -> Question {
        Question::lasting(&self.query)
    }

    /// What there is of a segment, without reading it all.
    #[must_use]
    pub fn state(&self, store: &Path, segment: &SegmentEntry) -> State {
        match file::glance(&self.path(store, segment), &self.question().of(segment)) {
            None => State::Missing,
            Some(true) => State::Built,
            Some(false) => State::TooMany,
        }
    }

    /// Adds up a segment, and keeps what it comes to; only [`Options::stop`] of `options` matters.
    ///
    /// # Errors
    /// The segment cannot be read, the file not be written ([`Error::Keep`]), or it is given up.
    pub fn build(&self, store: &Path, segment: &SegmentEntry, options: &Options) -> Result<State, Error> {
        let groups = self.add_up(segment, options)?;
        let state = if groups.is_some() { State::Built } else { State::TooMany };
        let path = self.path(store, segment);
        let digest = self.question().of(segment);
        let write = || -> io::Result<()> {
            let bytes = file::encode(&digest, &groups.map_or(Content::TooMany, Content::Groups))?;
            file::make_folder(path.parent().unwrap_or(store), store)?;
            file::write(&path, &bytes, store)
        };
        write().map_err(|error| Error::Keep(path.clone(), error))?;
        Ok(state)
    }

    /// The groups of a segment, packed; `None` if there are too many.
    fn add_up(&self, segment: &SegmentEntry, options: &Options) -> Result<Option<Vec<u8>>, Error> {
        let memory = Options {
            memory_bytes: MEMORY_BYTES,
            threads: 1,
            stop: options.stop.clone(),
            ..Options::default()
        };
        let shared = Shared::new(&self.query, &memory, 1);
        let mut groups = Grouping::new(&shared, 0);
        let (mut selector, mut spare) = (Selector::default(), Spare::default());
        let condition = self.query.condition();
        let wanted = Wanted { columns: self.query.value_columns(), placed: None };
        let groups_max = (segment.rows / RECORDS_PER_GROUP).max(GROUPS_FEW);
        let mut records = 0;
        for part in
            plan::of_segment(segment, &Pruner::new(None), plan::Lots::One, &mut Statistics::default())?
        {
            groups.check()?;
            let found = fetch::matching(&part, &condition, wanted, &mut selector, &mut spare)?;
            let Some(found) = found else { continue };
            records += found.rows().len() as u64;
            match groups.add(&found.batch, found.rows()) {
                Ok(()) => {}
                Err(Error::Memory { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
            spare.put(found.batch);
            if groups.len() as u64 > groups_max {
                return Ok(None);
            }
        }
        Ok(Some(groups.pack(records)))
    }

    /// Removes what is kept of segments that are not there any more; how many files that were.
    ///
    /// # Errors
    /// A folder cannot be read, or a file not be removed.
    pub fn sweep(&self, snapshot: &Snapshot) -> io::Result<u64> {
        let store = snapshot.root();
        let there: HashSet<PathBuf> = snapshot.segments.iter().map(|s| self.path(store, s)).collect();
        let mut removed = 0;
        for day in list(&self.folder(store))? {
            for path in list(&day)? {
                if !there.contains(&path) && !file::is_being_written(&path) {
                    fs::remove_file(&path)?;
                    removed += 1;
                }
            }
            // Of a folder that is not empty this is refused, as it should be.
            let _ = fs::remove_dir(&day);
        }
        Ok(removed)
    }
}

/// Whether any of these roll-ups says all that a query asks for.
#[must_use]
pub fn is_covered(rollups: &[Rollup], query: &Query) -> bool {
    !cover::Cover::all(rollups, query).is_empty()
}

/// The column that a key of a roll-up is read from.
fn base(key: Key) -> Option<Column> {
    match key {
        Key::Column(column) | Key::Net(Address::Column(column), _) => Some(column),
        _ => None,
    }
}

/// What is in a folder; nothing if there is none.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollup_is_by_columns_and_networks() {
        let rollup = |name: &str, keys: &str, width| {
            let keys = keys.split(',').filter_map(Key::by_name).collect();
            Rollup::new(name, keys, width).map(|rollup| rollup.query.keys.len())
        };
        let hour = 3_600_000;
        assert_eq!(rollup("as-by-hour", "src_as,dst_as", hour), Ok(3));
        assert_eq!(rollup("nets", "src/24,dst/16/40,proto", BIN_MS), Ok(4));
        for (name, keys, width, why) in [
            ("As", "src_as", hour, "no name"),
            ("../x", "src_as", hour, "no name"),
            ("a", "", hour, "no keys"),
            ("a", "src_as", 60_000, "its width"),
            ("a", "src_as", 7 * BIN_MS, "its width"),
            ("a", "src_as,service", hour, "service is no column"),
            ("a", "hour", hour, "hour is no column"),
            ("a", "octets", hour, "added up"),
            ("a", "start", hour, "or when"),
            ("a", "src,src/24", hour, "src_addr is among its keys twice"),
        ] {
            let said = rollup(name, keys, width).unwrap_err();
            assert!(said.contains(why), "{name} {keys} {width}: {said}");
        }
    }
}
