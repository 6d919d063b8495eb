//! What is known of segments from earlier questions and from roll-ups, and what of a question is worth keeping.

use super::cache::{Cache, Pen};
use super::file::{Content, Found};
use super::question::Question;
use crate::Options;
use crate::group::{Grouping, Packed, Recalled, Shared};
use crate::query::Query;
use crate::rollup::cover::Cover;
use crate::rollup::rows::Rolled;
use crate::table::Statistics;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use weir_store::SegmentEntry;

/// More groups of one segment are not kept,
const GROUPS_MAX: u64 = 1 << 16;
/// nor more than one for so many records (but a few are): finding them apart, keeping them and taking them in would cost about
/// what it saves.
const RECORDS_PER_GROUP: u64 = 16;
const GROUPS_FEW: u64 = 1 << 12;

/// A segment whose groups are found apart from the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Whole {
    /// Its place among the segments of the snapshot.
    pub(crate) at: usize,
    /// In how many parts it is read.
    pub(crate) parts: usize,
    /// More groups of it are not kept.
    pub(crate) groups_max: usize,
}

/// What is known of a segment.
#[derive(Debug)]
pub(crate) enum Known {
    /// What such a question found in it.
    Recalled(Recalled),
    /// What a roll-up says of it.
    Rolled(Box<Rolled>),
}

/// One question's look at what is kept.
#[derive(Debug)]
pub(crate) struct Lookup<'a> {
    store: &'a Path,
    cached: Option<Cached<'a>>,
    covers: Vec<Cover<'a>>,
    query: &'a Query,
    shared: &'a Shared,
    /// Whether nothing more is to be kept: segments have too many groups, or nothing can be written.
    is_hopeless: AtomicBool,
}

/// What earlier questions found.
#[derive(Debug)]
struct Cached<'a> {
    cache: &'a Cache,
    pen: Pen<'a>,
    question: Question,
}

impl<'a> Lookup<'a> {
    /// For this query over a store, whose groups are `shared`'s; `None` if nothing is to be looked up.
    pub(crate) fn new(
        store: &'a Path,
        query: &'a Query,
        options: &'a Options,
        shared: &'a Shared,
    ) -> Option<Self> {
        // Groups of no sum at all would be bytes of nothing.
        let cache = options.cache.as_ref().filter(|_| !query.summed().is_empty());
        let cached = cache.map(|cache| Cached { cache, pen: cache.pen(), question: Question::new(query) });
        let covers = Cover::all(&options.rollups, query);
        if cached.is_none() && covers.is_empty() {
            return None;
        }
        let is_hopeless = AtomicBool::new(cached.is_none());
        Some(Self { store, cached, covers, query, shared, is_hopeless })
    }

    /// What is known of a segment, so that it need not be read; counted.
    pub(crate) fn known(
        &self,
        at: usize,
        segment: &SegmentEntry,
        statistics: &mut Statistics,
    ) -> Option<Known> {
        if let Some(recalled) = self.recall(segment, statistics) {
            return Some(Known::Recalled(recalled));
        }
        let mut rolled = self.covers.iter().find_map(|cover| cover.find(self.store, segment, statistics))?;
        statistics.segments_rolled += 1;
        statistics.rolled_groups += rolled.len();
        rolled.whole = self.wants(at, segment, 1);
        Some(Known::Rolled(Box::new(rolled)))
    }

    /// What is known of a segment that was given up, as far as it counts; counted.
    pub(crate) fn rolled(&self, gone: &weir_store::Rolled, statistics: &mut Statistics) -> Option<Known> {
        let rolled = self.covers.iter().find_map(|cover| cover.find_of(gone, statistics))?;
        statistics.segments_gone += 1;
        statistics.rolled_groups += rolled.len();
        Some(Known::Rolled(Box::new(rolled)))
    }

    /// What an earlier question found in all of a segment, if that is kept.
    fn recall(&self, segment: &SegmentEntry, statistics: &mut Statistics) -> Option<Recalled> {
        let Cached { cache, question, .. } = self.cached.as_ref()?;
        if !is_whole(self.query, segment) {
            return None;
        }
        let groups = match cache.read(&question.of(segment)) {
            Found::Kept(Content::Groups(groups), _) => Packed::decode(&groups),
            Found::Damaged => None,
            Found::Nothing | Found::Kept(Content::TooMany, _) => return None,
        };
        let records = groups.as_ref().map_or(0, |groups| groups.records);
        let recalled = groups.and_then(|groups| self.shared.understand(groups));
        if recalled.is_some() && records <= segment.rows {
            statistics.segments_recalled += 1;
            statistics.matched_records += records;
            return recalled;
        }
        statistics.kept_damaged += 1;
        None
    }

    /// Whether the groups of a segment are to be found apart, so that they can be kept; it is read in so many parts.
    pub(crate) fn wants(&self, at: usize, segment: &SegmentEntry, parts: usize) -> Option<Whole> {
        if self.is_hopeless.load(Ordering::Relaxed) || !is_whole(self.query, segment) {
            return None;
        }
        if parts == 0 {
            // That nothing of it matches is also worth knowing.
            self.keep(segment, &Grouping::new(self.shared, 0), 0);
            return None;
        }
        let groups_max = (segment.rows / RECORDS_PER_GROUP).clamp(GROUPS_FEW, GROUPS_MAX);
        Some(Whole { at, parts, groups_max: usize::try_from(groups_max).unwrap_or_default() })
    }

    /// Keeps the groups that so many records of a segment are in.
    pub(crate) fn keep(&self, segment: &SegmentEntry, groups: &Grouping<'_>, records: u64) {
        let Some(Cached { pen, question, .. }) = &self.cached else { return };
        if !self.is_hopeless.load(Ordering::Relaxed)
            && !pen.write(&question.of(segment), groups.pack(records))
        {
            self.give_up();
        }
    }

    /// Nothing more is kept: what one segment has too many of, others have too.
    pub(crate) fn give_up(&self) {
        self.is_hopeless.store(true, Ordering::Relaxed);
    }
}

/// Whether all records of a segment, in all their parts, count in whatever span the query has.
pub(crate) fn is_whole(query: &Query, segment: &SegmentEntry) -> bool {
    let Some(range) = &query.range else { return true };
    let starts = segment.start_min..=segment.start_max;
    if query.is_spread() {
        holds_parts(range, query.step_ms(), &starts, segment.end_max)
    } else {
        segment.start_max < range.end && segment.end_min >= range.start
    }
}

/// Whether a span holds all parts of flows that start in `starts` and end up to `end_max`. A part begins no earlier than the
/// step that its flow starts in, and before the flow ends; or where it starts, if it ends before that.
fn holds_parts(
    range: &Range<i64>,
    step_ms: i64,
    starts: &std::ops::RangeInclusive<i64>,
    end_max: i64,
) -> bool {
    let first = starts.start().saturating_sub(starts.start().rem_euclid(step_ms.max(1)));
    first >= range.start && *starts.end() < range.end && end_max <= range.end
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_flow::time::BIN_MS;

    #[test]
    fn a_span_holds_all_parts_or_not() {
        let holds = |range: Range<i64>, from, to, end| holds_parts(&range, BIN_MS, &(from..=to), end);
        assert!(holds(0..BIN_MS, 0, BIN_MS - 1, BIN_MS));
        assert!(holds(0..BIN_MS, 7, 8, 0), "an end before the start is of no matter");
        assert!(!holds(0..BIN_MS, 0, BIN_MS - 1, BIN_MS + 1), "a part begins with the next bin");
        assert!(!holds(0..BIN_MS, 0, BIN_MS, BIN_MS));
        assert!(!holds(1..BIN_MS, 1, 2, 3), "their part begins with their bin, before the span");
        assert!(holds(-BIN_MS..0, -1, -1, 0));
    }
}
