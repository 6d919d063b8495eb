//! Which questions a roll-up answers, and of which segments.
//!
//! A roll-up covers a question that reads nothing but its keys, in the filter and to group by, and of time nothing finer
//! than its buckets. Of a segment that lies wholly in the span all its groups count. Where the span cuts a segment, flows
//! that count whole must be read; but where parts of flows count, the groups of buckets that lie in the span do, if the
//! span cuts no bucket. Nor may a bucket of the question's time begin inside one of the roll-up's: an hour of UTC is no
//! hour of a clock that is half an hour ahead. That is looked at bucket by bucket.

use super::Rollup;
use super::rows::Rolled;
use crate::civil::Bucket;
use crate::group::{Layout, Packed, Sums, time, unordered};
use crate::kept::file::{self, Content, Found};
use crate::kept::lookup::is_whole;
use crate::kept::question::Question;
use crate::key::{Address, Key};
use crate::query::{Measure, Query};
use crate::table::Statistics;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::path::Path;
use weir_flow::time::BIN_MS;
use weir_store::SegmentEntry;

/// A roll-up that answers a question.
#[derive(Debug)]
pub(crate) struct Cover<'a> {
    rollup: &'a Rollup,
    query: &'a Query,
    question: Question,
    layout: Layout,
    /// The question's keys of time.
    times: Vec<Key>,
}

/// The buckets of a roll-up, and whether they count.
pub(crate) type Buckets = HashMap<i64, bool, RandomState>;

impl<'a> Cover<'a> {
    /// The roll-ups that cover a query: those of the fewest keys first, and of these the widest.
    pub(crate) fn all(rollups: &'a [Rollup], query: &'a Query) -> Vec<Self> {
        let mut covers: Vec<Self> = rollups
            .iter()
            .filter(|rollup| covers(rollup, query))
            .map(|rollup| Self::new(rollup, query))
            .collect();
        covers.sort_by_key(|cover| (cover.rollup.keys().len(), -cover.rollup.width_ms()));
        covers
    }

    fn new(rollup: &'a Rollup, query: &'a Query) -> Self {
        let times = query.keys.iter().copied().filter(|key| key.is_of_time()).collect();
        let layout = Layout::new(&rollup.query.keys);
        Self { rollup, query, question: rollup.question(), layout, times }
    }

    /// What the roll-up says of a segment, as far as it counts; `None` if there is none, or the span or a bucket cuts its
    /// buckets. Damage is counted.
    pub(crate) fn find(
        &self,
        store: &Path,
        segment: &SegmentEntry,
        statistics: &mut Statistics,
    ) -> Option<Rolled> {
        self.find_in(&self.rollup.path(store, segment), segment, statistics)
    }

    /// The same of a segment that was given up.
    pub(crate) fn find_of(&self, gone: &weir_store::Rolled, statistics: &mut Statistics) -> Option<Rolled> {
        self.find_in(gone.part(self.rollup.name())?, &gone.segment, statistics)
    }

    fn find_in(&self, path: &Path, segment: &SegmentEntry, statistics: &mut Statistics) -> Option<Rolled> {
        let is_whole = is_whole(self.query, segment);
        if !is_whole && !self.query.is_spread() {
            return None;
        }
        // The bucket that the earliest flow starts in is among them.
        self.counts(
            segment.start_min.saturating_sub(segment.start_min.rem_euclid(self.rollup.width_ms)),
            is_whole,
        )?;
        let digest = self.question.of(segment);
        let groups = match file::read(path, &digest) {
            Found::Kept(Content::Groups(groups), _) => Packed::decode(&groups),
            Found::Damaged => None,
            Found::Nothing | Found::Kept(Content::TooMany, _) => return None,
        };
        let Some(groups) = groups.filter(|groups| self.is_alike(groups, segment)) else {
            statistics.kept_damaged += 1;
            return None;
        };
        // Sums of more than 64 bits are no amounts of a row.
        if groups.halves.iter().any(Sums::is_wide) {
            return None;
        }
        let buckets = self.buckets(&groups, is_whole)?;
        Some(Rolled::new(groups, buckets, self.rollup.keys(), self.layout.clone()))
    }

    /// Whether these are groups of the roll-up, of the segment.
    fn is_alike(&self, groups: &Packed, segment: &SegmentEntry) -> bool {
        let widths = self.layout.widths();
        let is_alike = |(page, width): (&crate::group::Page, usize)| {
            page.key_words() == width && page.measures() == Measure::ALL.len()
        };
        groups.records == segment.rows && groups.halves.iter().zip(widths).all(is_alike)
    }

    /// Which buckets there are, and which of them count; `None` if one of them is cut.
    fn buckets(&self, groups: &Packed, is_whole: bool) -> Option<Buckets> {
        let mut buckets = Buckets::default();
        let at = self.rollup.keys().len();
        for page in &groups.halves {
            for group in 0..page.len() {
                let start = start(&self.layout, at, page.key(group))?;
                if !buckets.contains_key(&start) {
                    buckets.insert(start, self.counts(start, is_whole)?);
                }
            }
        }
        Some(buckets)
    }

    /// Whether a bucket counts; `None` if only a part of it does, or if it is in several buckets of the question.
    fn counts(&self, start: i64, is_whole: bool) -> Option<bool> {
        let end = start.checked_add(self.rollup.width_ms)?;
        if let Some(range) = self.query.range.as_ref().filter(|_| !is_whole) {
            if end <= range.start || start >= range.end {
                return Some(false);
            }
            if start < range.start || end > range.end {
                return None;
            }
        }
        let bins = || (start..end).step_by(usize::try_from(BIN_MS).unwrap_or(usize::MAX));
        let is_one = |key: &Key| {
            let first = time(*key, start, &self.query.civil);
            bins().all(|bin| time(*key, bin, &self.query.civil) == first)
        };
        self.times.iter().all(is_one).then_some(true)
    }
}

/// The bucket of a packed key, whose time is the key at this place.
pub(crate) fn start(layout: &Layout, at: usize, key: &[u64]) -> Option<i64> {
    Some(unordered(u64::try_from(layout.bits_of(at, key)?).ok()?))
}

/// Whether a roll-up says all that a query reads.
fn covers(rollup: &Rollup, query: &Query) -> bool {
    let said =
        rollup.keys().iter().filter_map(|key| key.column()).fold(0, |mask, column| mask | column.bit());
    let read = query.filter.as_ref().map_or(0, weir_flow::filter::Filter::columns);
    let says = |key: &Key| match *key {
        Key::Time(Bucket::Width(width)) => width >= rollup.width_ms,
        Key::Time(_) | Key::HourOfDay | Key::Weekday => true,
        Key::Net(Address::Column(column), lengths) => rollup.keys().iter().any(|key| match *key {
            Key::Column(other) => other == column,
            Key::Net(Address::Column(other), longer) => other == column && lengths.is_within(longer),
            _ => false,
        }),
        key => key.columns() & !said == 0,
    };
    read & !said == 0 && query.keys.iter().all(says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::civil::Civil;
    use weir_flow::filter::Filter;

    const HOUR_MS: i64 = 3_600_000;

    fn keys(names: &str) -> Vec<Key> {
        names.split(',').filter(|name| !name.is_empty()).map(|name| Key::by_name(name).unwrap()).collect()
    }

    fn query(names: &str, filter: &str) -> Query {
        Query { filter: Some(Filter::parse(filter).unwrap()), ..Query::top(keys(names), 5) }
    }

    #[test]
    fn a_rollup_covers_what_asks_for_nothing_else() {
        let rollup = Rollup::new("a", keys("src/24,dst_addr,proto,src_port,dst_port"), HOUR_MS).unwrap();
        for (names, filter, is_covered) in [
            ("", "", true),
            ("src/24", "", true),
            ("src/16", "", true),
            ("src/28", "", false),
            ("src/16/56", "", false),
            ("src", "", false),
            ("dst", "", true),
            ("dst/24", "dst_addr in [10.0.0.0/9]", true),
            ("dst/24", "dst net 10.0.0.0/9", false),
            ("proto", "src_addr in [10.0.0.0/8]", false),
            ("service,hour,weekday", "dst port 80", true),
            ("time/5m", "", false),
            ("time/2h", "", true),
            ("minute", "", false),
            ("proto", "octets > 1000", false),
            ("proto", "time 08:00-18:00", false),
            ("remote", "", false),
            ("tenant", "", false),
        ] {
            assert_eq!(covers(&rollup, &query(names, filter)), is_covered, "{names}, {filter}");
        }
    }

    #[test]
    fn a_bucket_counts_if_neither_span_nor_clock_cuts_it() {
        let rollup = Rollup::new("a", keys("proto"), HOUR_MS).unwrap();
        let counts = |names: &str, range: Option<std::ops::Range<i64>>, ahead_ms, is_whole| {
            let civil = Civil::new(ahead_ms, []);
            let query = Query { range, civil, ..query(names, "") };
            Cover::new(&rollup, &query).counts(2 * HOUR_MS, is_whole)
        };
        assert_eq!(counts("hour", None, 0, true), Some(true));
        assert_eq!(counts("hour", None, HOUR_MS / 2, true), None, "two hours of those clocks");
        assert_eq!(counts("hour_of_day", None, HOUR_MS / 4, true), None);
        assert_eq!(counts("proto", None, HOUR_MS / 4, true), Some(true));
        assert_eq!(counts("time/5m", None, 0, true), None, "it is finer");
        assert_eq!(counts("day", None, -2 * HOUR_MS, true), Some(true), "the first hour of a day");
        assert_eq!(counts("day", None, -2 * HOUR_MS - BIN_MS, true), None, "midnight is in it");
        assert_eq!(counts("hour", Some(0..2 * HOUR_MS), 0, false), Some(false));
        assert_eq!(counts("hour", Some(3 * HOUR_MS..9 * HOUR_MS), 0, false), Some(false));
        assert_eq!(counts("hour", Some(2 * HOUR_MS..3 * HOUR_MS), 0, false), Some(true));
        assert_eq!(counts("hour", Some(0..3 * HOUR_MS - BIN_MS), 0, false), None);
        assert_eq!(
            counts("hour", Some(0..3 * HOUR_MS - BIN_MS), 0, true),
            Some(true),
            "all there is lies in it"
        );
        assert_eq!(counts("month", Some(i64::MIN..i64::MAX), 0, false), Some(true));
    }
}
