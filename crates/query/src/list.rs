//! Listing records oldest first, in bounded memory, however many there are.
//!
//! Inside a row group records lie by tenant and host, and segments may overlap in time. So the places of
//! matching records are collected part by part, in the order of the parts' earliest starts; as soon as no unread
//! part can hold anything older, they are sorted, their columns brought in, and handed out. If more records than
//! fit in memory overlap, only the oldest are kept and the parts of the others are read again in a later round:
//! that costs time, never memory.

use crate::Options;
use crate::assemble::{Place, assemble, row_bytes};
use crate::error::Error;
use crate::fetch;
use crate::plan::{self, Lots, Part};
use crate::prune::Pruner;
use crate::query::Listing;
use crate::select::Selector;
use crate::stop::Stop;
use crate::table::Statistics;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use weir_flow::{Batch, Column};
use weir_store::{SegmentEntry, Snapshot, TailEntry};

/// Records are handed out in batches of at most so many.
pub(crate) const HANDED_ROWS: usize = 8192;

/// Elements without a column may be long, and how long is known only when they are read: rows with them are brought
/// in in pieces of so many.
const LONG_ROWS: usize = 1 << 16;

/// However little memory is allowed, so many records are kept, or the parts would be read over and over.
const ROOM_MIN: usize = 64;

/// Calls `each` with the records of a listing, oldest first: batches of some thousand, in the columns asked for,
/// until there are no more or it breaks. `matched_records` of what is returned are those handed out.
///
/// # Errors
/// A file of the store cannot be read, or it is given up.
pub fn list(
    snapshot: &Snapshot,
    listing: &Listing,
    options: &Options,
    each: impl FnMut(&Batch) -> ControlFlow<()>,
) -> Result<Statistics, Error> {
    let mut sweep = Sweep::new(snapshot, listing, options, each);
    sweep.run()?;
    Ok(sweep.statistics)
}

/// Where a record lies: parts are numbered in the order they are first met. Places compare in the order in which
/// records are listed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Candidate {
    pub(crate) start: i64,
    pub(crate) part: u32,
    pub(crate) row: u32,
}

/// A segment or a batch of the journal that is not opened yet.
#[derive(Clone, Copy)]
enum Closed<'a> {
    Segment(&'a SegmentEntry),
    Tail(&'a TailEntry),
}

impl Closed<'_> {
    fn start_min(&self) -> i64 {
        match self {
            Self::Segment(segment) => segment.start_min,
            Self::Tail(entry) => entry.start_min,
        }
    }

    fn end_max(&self) -> i64 {
        match self {
            Self::Segment(segment) => segment.end_max,
            Self::Tail(entry) => entry.end_max,
        }
    }
}

struct Sweep<'a, F> {
    listing: &'a Listing,
    pruner: Pruner,
    selector: Selector,
    each: F,
    stop: Stop,
    statistics: Statistics,
    /// How many places are kept at most, because their rows must fit in memory.
    room: usize,
    /// How many records may still be handed out.
    left: usize,
    /// What is not opened yet, the one with the earliest start last.
    closed: Vec<Closed<'a>>,
    /// Parts not read yet, by their earliest start and the order they were opened in.
    waiting: BTreeMap<(i64, u64), Part<'a>>,
    opened: u64,
    /// Parts read whose records are not all handed out, by their numbers.
    active: BTreeMap<u32, Part<'a>>,
    met: u32,
    found: Vec<Candidate>,
    /// Everything up to here is handed out.
    floor: Option<Candidate>,
    /// Everything after this was dropped for lack of room.
    ceiling: Option<Candidate>,
}

impl<'a, F: FnMut(&Batch) -> ControlFlow<()>> Sweep<'a, F> {
    fn new(snapshot: &'a Snapshot, listing: &'a Listing, options: &Options, each: F) -> Self {
        let condition = listing.condition();
        let pruner = Pruner::new(options.prune.then_some(&condition));
        let segments = snapshot.segments.iter().map(Closed::Segment);
        let tail = snapshot.tail.iter().filter(|entry| entry.rows > 0).map(Closed::Tail);
        let mut closed: Vec<Closed<'_>> = segments
            .chain(tail)
            .filter(|closed| pruner.may_overlap(closed.start_min(), closed.end_max()))
            .collect();
        closed.sort_by_key(Closed::start_min);
        closed.reverse();
        // A row is in memory as its place twice over, in its part's batch and in the one handed out.
        let bytes = 2 * (size_of::<Candidate>() + size_of::<Place>() + row_bytes(listing.columns));
        Self {
            listing,
            pruner,
            selector: Selector::default(),
            each,
            stop: options.stop.clone(),
            statistics: plan::stored(snapshot),
            room: (options.memory_bytes / bytes).max(ROOM_MIN),
            left: listing.limit.unwrap_or(usize::MAX),
            closed,
            waiting: BTreeMap::new(),
            opened: 0,
            active: BTreeMap::new(),
            met: 0,
            found: Vec::new(),
            floor: None,
            ceiling: None,
        }
    }

    fn run(&mut self) -> Result<(), Error> {
        while self.left > 0 {
            self.open_next()?;
            let next = self.waiting.first_key_value().map(|((start, _), _)| *start);
            let Some(next) = next.filter(|next| self.ceiling.is_none_or(|ceiling| *next <= ceiling.start))
            else {
                // Nothing unread is older than what was kept.
                if self.hand_out()?.is_break() || (self.active.is_empty() && next.is_none()) {
                    return Ok(());
                }
                self.read_active_again()?;
                continue;
            };
            if self.ceiling.is_none() && self.found.iter().all(|candidate| candidate.start <= next) {
                // Parts met later come later among equals, so everything found is older than everything unread.
                if self.hand_out()?.is_break() {
                    return Ok(());
                }
            }
            let Some((_, part)) = self.waiting.pop_first() else { return Ok(()) };
            let number = self.met;
            self.met += 1;
            self.statistics.scanned_records += part.rows.rows() as u64;
            self.read(number, &part)?;
            self.active.insert(number, part);
        }
        Ok(())
    }

    /// Opens whatever may hold the earliest unread record, so that the first waiting part does.
    fn open_next(&mut self) -> Result<(), Error> {
        while let Some(closed) = self.closed.last() {
            let waiting = self.waiting.first_key_value().map(|((start, _), _)| *start);
            let bound = self.ceiling.map(|ceiling| ceiling.start);
            let soonest = [waiting, bound].into_iter().flatten().min();
            if soonest.is_some_and(|soonest| closed.start_min() > soonest) {
                return Ok(());
            }
            let parts = match closed {
                Closed::Segment(segment) => {
                    plan::of_segment(segment, &self.pruner, Lots::One, &mut self.statistics)?
                }
                Closed::Tail(entry) => vec![plan::of_tail(entry)],
            };
            self.closed.pop();
            for part in parts {
                self.waiting.insert((part.start_min, self.opened), part);
                self.opened += 1;
            }
        }
        Ok(())
    }

    /// Collects the places of a part's matching records that are not handed out yet.
    fn read(&mut self, number: u32, part: &Part<'a>) -> Result<(), Error> {
        self.stop.check()?;
        let condition = self.listing.condition();
        let batch = fetch::read(part, condition.columns() | Column::Start.bit(), &part.rows)?;
        let rows = self.selector.select(&batch, &condition);
        let places: Vec<u32> = rows.places().collect();
        let starts = batch.times(Column::Start);
        for (place, row) in places.iter().zip(fetch::numbers(&part.rows, &places)) {
            let start = starts.get(*place as usize).copied().unwrap_or_default();
            let candidate = Candidate { start, part: number, row: u32::try_from(row).unwrap_or(u32::MAX) };
            let done = self.floor.is_some_and(|floor| candidate <= floor);
            if !done && self.ceiling.is_none_or(|ceiling| candidate <= ceiling) {
                self.found.push(candidate);
            }
        }
        let keep = self.room.min(self.left);
        if self.found.len() > keep {
            self.found.select_nth_unstable(keep - 1);
            self.found.truncate(keep);
            self.ceiling = self.found.last().copied();
        }
        Ok(())
    }

    /// Begins a new round with the parts that have records after what was handed out.
    fn read_active_again(&mut self) -> Result<(), Error> {
        for (number, part) in std::mem::take(&mut self.active) {
            self.read(number, &part)?;
            self.active.insert(number, part);
        }
        Ok(())
    }

    /// Hands out everything found, and forgets the parts that have nothing more.
    fn hand_out(&mut self) -> Result<ControlFlow<()>, Error> {
        self.found.sort_unstable();
        let found = std::mem::take(&mut self.found);
        let at_once = if self.listing.columns & Column::Other.bit() != 0 { LONG_ROWS } else { usize::MAX };
        for found in found.chunks(at_once) {
            let (batches, places) = self.bring_in(found)?;
            for places in places.chunks(HANDED_ROWS) {
                self.stop.check()?;
                let batch = assemble(&batches, places, self.listing.columns);
                self.left -= batch.len();
                self.statistics.matched_records += batch.len() as u64;
                if (self.each)(&batch).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        self.floor = found.last().copied().or(self.floor);
        if self.left == 0 {
            return Ok(ControlFlow::Break(()));
        }
        match self.ceiling.take() {
            Some(ceiling) => self.active.retain(|_, part| part.start_max >= ceiling.start),
            None => self.active.clear(),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The columns of these records: a batch for each part, and each record's place in them.
    fn bring_in(&self, found: &[Candidate]) -> Result<(Vec<Batch>, Vec<Place>), Error> {
        let mut by_part: Vec<usize> = (0..found.len()).collect();
        by_part.sort_unstable_by_key(|at| (found[*at].part, found[*at].row));
        let mut batches: Vec<Batch> = Vec::new();
        let mut places = vec![Place { batch: 0, row: 0 }; found.len()];
        for of_part in by_part.chunk_by(|a, b| found[*a].part == found[*b].part) {
            let Some(part) = of_part.first().and_then(|at| self.active.get(&found[*at].part)) else {
                continue;
            };
            let numbers: Vec<usize> = of_part.iter().map(|at| found[*at].row as usize).collect();
            let batch = u32::try_from(batches.len()).unwrap_or(u32::MAX);
            batches.push(fetch::rows_at(part, self.listing.columns, &numbers)?);
            for (row, at) in (0u32..).zip(of_part) {
                places[*at] = Place { batch, row };
            }
        }
        Ok((batches, places))
    }
}
