//! Groups of whole segments, found apart from the others by several threads.
//!
//! A thread that reads parts of such a segment groups them in a [`Side`] of its own and hands that over when its next part
//! is of another segment. Whoever hands over the last part of a segment puts all of them together, has them kept, and takes
//! them in among its own. Where a segment has too many groups, everybody takes theirs in as they are.

use super::lookup::{Lookup, Whole};
use crate::error::Error;
use crate::group::Grouping;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use weir_store::SegmentEntry;

/// The segments that are being read.
#[derive(Debug)]
pub(crate) struct Keeper<'a> {
    lookup: &'a Lookup<'a>,
    segments: &'a [SegmentEntry],
    open: Mutex<HashMap<usize, Open<'a>>>,
}

/// What is found of one segment so far.
#[derive(Debug, Default)]
struct Open<'a> {
    /// How many parts were read.
    parts: usize,
    records: u64,
    found: Vec<Grouping<'a>>,
    /// It has too many groups.
    is_refused: bool,
}

/// One thread's groups of one segment.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    pub(crate) whole: Whole,
    pub(crate) groups: Grouping<'a>,
    pub(crate) records: u64,
    pub(crate) parts: usize,
}

impl Side<'_> {
    /// Whether it has so many groups that they are not kept.
    pub(crate) fn is_too_large(&self) -> bool {
        is_too_large(self.whole, &self.groups)
    }
}

impl<'a> Keeper<'a> {
    pub(crate) fn new(lookup: &'a Lookup<'a>, segments: &'a [SegmentEntry]) -> Self {
        Self { lookup, segments, open: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Open<'a>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the segment has too many groups to be kept.
    pub(crate) fn is_refused(&self, whole: Whole) -> bool {
        self.lock().get(&whole.at).is_some_and(|open| open.is_refused)
    }

    /// Takes over what a thread found; gives back what it is to take in among its own groups, if anything.
    ///
    /// # Errors
    /// There is no memory left for the groups.
    pub(crate) fn hand_over(&self, side: Side<'a>) -> Result<Vec<Grouping<'a>>, Error> {
        let Side { whole, groups, records, parts } = side;
        let is_too_large = self::is_too_large(whole, &groups);
        let mut all = {
            let mut open = self.lock();
            let one = open.entry(whole.at).or_default();
            one.parts += parts;
            one.records += records;
            one.found.push(groups);
            one.is_refused |= is_too_large;
            if one.is_refused {
                let found = std::mem::take(&mut one.found);
                drop(open);
                if is_too_large {
                    self.lookup.give_up();
                }
                return Ok(found);
            }
            if one.parts < whole.parts {
                return Ok(Vec::new());
            }
            open.remove(&whole.at).unwrap_or_default()
        };
        let Some(mut groups) = all.found.pop() else { return Ok(Vec::new()) };
        for other in all.found {
            groups.absorb(other)?;
        }
        if self::is_too_large(whole, &groups) {
            self.lookup.give_up();
        } else if let Some(segment) = self.segments.get(whole.at) {
            self.lookup.keep(segment, &groups, all.records);
        }
        Ok(vec![groups])
    }
}

/// Whether a segment has so many groups that they are not kept.
fn is_too_large(whole: Whole, groups: &Grouping<'_>) -> bool {
    groups.len() > whole.groups_max || groups.is_on_disk()
}
