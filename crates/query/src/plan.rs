//! What is to be read for a question, and in which parts.
//!
//! A part is a row group of a segment, or a piece of a large one, less the rows that cannot match; or a batch of the
//! journal that is not in a segment yet. Parts are independent of each other; threads take them one by one from a [`Queue`], which opens
//! a segment only when its turn comes, so that a year of segments needs no more open files than a day.

use crate::error::Error;
use crate::kept::lookup::{Known, Lookup, Whole};
use crate::prune::Pruner;
use crate::span::Spans;
use crate::table::Statistics;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use weir_store::segment::Reader;
use weir_store::{SegmentEntry, Snapshot, TailEntry};

/// Where the rows of a part come from.
#[derive(Clone, Debug)]
pub(crate) enum Source<'a> {
    /// A row group of a segment.
    Group(Arc<Reader>, usize),
    /// A batch of the journal.
    Tail(&'a TailEntry),
}

/// Of a row group at most so many rows are read in one go: thirty pages, whose columns fit in a processor's cache.
const PART_ROWS_MAX: usize = 30 * 8 * 1024;

/// Rows that are read in one go.
#[derive(Clone, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) source: Source<'a>,
    /// The rows that may match.
    pub(crate) rows: Spans,
    /// Whether all of them are known to.
    pub(crate) is_sure: bool,
    /// Columns known to have no value in any row.
    pub(crate) absent: u64,
    /// No row starts earlier; ms since 1970.
    pub(crate) start_min: i64,
    /// No row starts later.
    pub(crate) start_max: i64,
    /// Its segment, if the groups of that are to be found apart.
    pub(crate) whole: Option<Whole>,
}

/// What a thread does next.
#[derive(Debug)]
pub(crate) enum Work<'a> {
    /// Reads a part.
    Rows(Part<'a>),
    /// Takes in what is known of a segment.
    Known(Known),
}

/// How the rows of a row group come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lots {
    /// In the order they are stored.
    One,
    /// Those that are known to match before those that may, so that the first need not be tested.
    Two,
}

/// Opens a segment and says what of it may match. What was left out is counted.
///
/// # Errors
/// It cannot be opened.
pub(crate) fn of_segment(
    segment: &SegmentEntry,
    pruner: &Pruner,
    lots: Lots,
    statistics: &mut Statistics,
) -> Result<Vec<Part<'static>>, Error> {
    let reader = Arc::new(segment.open()?);
    let mut parts = Vec::new();
    for (at, group) in reader.row_groups().iter().enumerate() {
        let left = pruner.left(&reader, at, group)?;
        statistics.row_groups += 1;
        statistics.pages += left.pages;
        statistics.pages_read += left.pages_left;
        if !left.rows.is_empty() {
            statistics.row_groups_read += 1;
            let (sure, others) = match lots {
                Lots::Two => (left.sure.clone(), left.rows.without(&left.sure)),
                Lots::One => (Spans::default(), left.rows),
            };
            for (is_sure, rows) in [(true, sure), (false, others)] {
                parts.extend(rows.cut(PART_ROWS_MAX).into_iter().map(|rows| Part {
                    source: Source::Group(Arc::clone(&reader), at),
                    rows,
                    is_sure,
                    absent: left.absent,
                    start_min: group.start_min,
                    start_max: group.start_max,
                    whole: None,
                }));
            }
        }
    }
    if !parts.is_empty() {
        statistics.segments_read += 1;
        statistics.bytes_touched += segment.bytes;
    }
    Ok(parts)
}

/// All of a batch of the journal, of which nothing but its times is known beforehand.
pub(crate) fn of_tail(entry: &TailEntry) -> Part<'_> {
    let TailEntry { start_min, start_max, .. } = *entry;
    let rows = Spans::all(entry.rows);
    Part { source: Source::Tail(entry), rows, is_sure: false, absent: 0, start_min, start_max, whole: None }
}

/// What there is before anything is read.
pub(crate) fn stored(snapshot: &Snapshot) -> Statistics {
    let sealed: u64 = snapshot.segments.iter().map(|segment| segment.rows).sum();
    let tail: u64 = snapshot.tail.iter().map(|entry| entry.rows as u64).sum();
    let segments = snapshot.segments.len() as u64;
    Statistics { segments, stored_records: sealed + tail, ..Statistics::default() }
}

/// The parts of a store, for several threads to take from.
#[derive(Debug)]
pub(crate) struct Queue<'a> {
    snapshot: &'a Snapshot,
    pruner: &'a Pruner,
    lookup: Option<&'a Lookup<'a>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    next_segment: usize,
    next_gone: usize,
    next_tail: usize,
    /// Parts of opened segments, each with the row group that it is of.
    ready: VecDeque<(Place, Part<'static>)>,
    /// The row groups that threads took their last parts of.
    taken: Vec<Place>,
    /// How many threads are opening a segment, whose parts others may wait for.
    opening: usize,
    ended: bool,
    statistics: Statistics,
}

/// A row group: the number of its segment in the snapshot, and its own in the segment.
///
/// Its dictionaries are decoded by whoever reads the first part of it, and by everybody who does so at the same time; so one
/// thread reads all parts of it, as long as there is something else for the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    segment: usize,
    group: usize,
}

impl State {
    /// The next part of the row group that the thread is at; else the first of one that no other thread is at.
    fn take(&mut self, at: &mut Option<Place>) -> Option<Part<'static>> {
        if let Some(place) = *at {
            if let Some(next) = self.ready.iter().position(|(other, _)| *other == place) {
                return self.ready.remove(next).map(|(_, part)| part);
            }
            *at = None;
            if let Some(mine) = self.taken.iter().position(|taken| *taken == place) {
                self.taken.swap_remove(mine);
            }
        }
        let next = self.ready.iter().position(|(place, _)| !self.taken.contains(place))?;
        self.ready.remove(next).map(|next| self.taken_by(at, next))
    }

    /// The first part of all.
    fn take_any(&mut self, at: &mut Option<Place>) -> Option<Part<'static>> {
        self.ready.pop_front().map(|next| self.taken_by(at, next))
    }

    fn taken_by(&mut self, at: &mut Option<Place>, (place, part): (Place, Part<'static>)) -> Part<'static> {
        *at = Some(place);
        self.taken.push(place);
        part
    }
}

/// A segment is being opened; ends when dropped, also by a panic, for others wait for it.
struct Opening<'q, 'a>(&'q Queue<'a>);

impl Drop for Opening<'_, '_> {
    fn drop(&mut self) {
        self.0.lock().opening -= 1;
        self.0.changed.notify_all();
    }
}

impl<'a> Queue<'a> {
    /// All parts of the snapshot that may match; what is known of its segments is looked up.
    pub(crate) fn new(snapshot: &'a Snapshot, pruner: &'a Pruner, lookup: Option<&'a Lookup<'a>>) -> Self {
        let state = State {
            next_segment: 0,
            next_gone: 0,
            next_tail: 0,
            ready: VecDeque::new(),
            taken: Vec::new(),
            opening: 0,
            ended: false,
            statistics: stored(snapshot),
        };
        Self { snapshot, pruner, lookup, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the thread is to do next that is at this row group; `None` when there is nothing.
    ///
    /// # Errors
    /// A segment cannot be opened.
    pub(crate) fn next(&self, place: &mut Option<Place>) -> Result<Option<Work<'a>>, Error> {
        let mut state = self.lock();
        loop {
            if state.ended {
                return Ok(None);
            }
            if let Some(part) = state.take(place) {
                return Ok(Some(Work::Rows(part)));
            }
            let at = state.next_segment;
            if let Some(segment) = self.snapshot.segments.get(at) {
                state.next_segment += 1;
                if self.pruner.may_overlap(segment.start_min, segment.end_max.max(segment.start_max)) {
                    state.opening += 1;
                    drop(state);
                    if let Some(known) = self.open(at, segment)? {
                        return Ok(Some(Work::Known(known)));
                    }
                    state = self.lock();
                }
            } else if let Some(gone) = self.snapshot.rolled.get(state.next_gone) {
                state.next_gone += 1;
                let segment = &gone.segment;
                let lookup = self.lookup.filter(|_| {
                    self.pruner.may_overlap(segment.start_min, segment.end_max.max(segment.start_max))
                });
                if let Some(lookup) = lookup {
                    drop(state);
                    let mut statistics = Statistics::default();
                    let known = lookup.rolled(gone, &mut statistics);
                    state = self.lock();
                    state.statistics.add(&statistics);
                    if let Some(known) = known {
                        return Ok(Some(Work::Known(known)));
                    }
                }
            } else if let Some(entry) = self.snapshot.tail.get(state.next_tail) {
                state.next_tail += 1;
                if entry.rows > 0
                    && self.pruner.may_overlap(entry.start_min, entry.end_max.max(entry.start_max))
                {
                    return Ok(Some(Work::Rows(of_tail(entry))));
                }
            } else if let Some(part) = state.take_any(place) {
                return Ok(Some(Work::Rows(part)));
            } else if state.opening > 0 {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                return Ok(None);
            }
        }
    }

    /// Opens a segment, whose parts are then ready; or gives what is known of all of it.
    fn open(&self, at: usize, segment: &SegmentEntry) -> Result<Option<Known>, Error> {
        let opening = Opening(self);
        let mut statistics = Statistics::default();
        let known = self.lookup.and_then(|lookup| lookup.known(at, segment, &mut statistics));
        let mut parts = Vec::new();
        if known.is_none() {
            parts = of_segment(segment, self.pruner, Lots::Two, &mut statistics)?;
            let whole = self.lookup.and_then(|lookup| lookup.wants(at, segment, parts.len()));
            parts.iter_mut().for_each(|part| part.whole = whole);
        }
        let group = |part: &Part<'_>| match part.source {
            Source::Group(_, group) => group,
            Source::Tail(_) => 0,
        };
        let parts = parts.into_iter().map(|part| (Place { segment: at, group: group(&part) }, part));
        let mut state = self.lock();
        state.ready.extend(parts);
        state.statistics.add(&statistics);
        drop(state);
        drop(opening);
        Ok(known)
    }

    /// No more parts are given out: somebody failed.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// What there was, and what was left out.
    pub(crate) fn statistics(&self) -> Statistics {
        self.lock().statistics
    }
}
