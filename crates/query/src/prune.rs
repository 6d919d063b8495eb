//! Leaving unread what cannot match, and untested what must.
//!
//! The time span and the filter's necessary conditions are held against what is known of a segment without
//! reading it: its span of time in the manifest, the same of each row group in its footer, the least and
//! greatest value of each page in its page index, where the rows of each host lie, and the networks that occur in
//! its rows. What remains may match, and its rows are tested; but where the conditions say all that the filter does, those
//! need not be that are known to meet every one of them: of these the columns of the filter are not even read.

use crate::error::Error;
use crate::place::{Places, Told};
use crate::query::Condition;
use crate::span::Spans;
use std::ops::Range;
use weir_flow::filter;
use weir_flow::{Addr, Column};
use weir_store::segment::{Bound, NETWORK_COLUMNS, PageBounds, Reader, RowGroup};

/// A value of `column` lies between `low` and `high`, both included.
#[derive(Clone, Debug)]
struct Bounds {
    column: Column,
    low: Bound,
    high: Bound,
}

/// What every matching row meets: all of `conjuncts`, and of each at least one of its bounds.
#[derive(Clone, Debug)]
pub(crate) struct Pruner {
    range: Option<Range<i64>>,
    conjuncts: Vec<Vec<Bounds>>,
    /// Whether a row that meets them all matches.
    is_exact: bool,
}

/// What is left of a row group.
#[derive(Clone, Default, Debug)]
pub(crate) struct Left {
    /// The rows that may match.
    pub(crate) rows: Spans,
    /// Those of them that are known to.
    pub(crate) sure: Spans,
    /// Columns known to have no value in any row: reading them would bring nothing.
    pub(crate) absent: u64,
    /// Pages of the columns that were held against the conditions.
    pub(crate) pages: u64,
    /// Those of them that hold rows left.
    pub(crate) pages_left: u64,
}

impl Pruner {
    /// For this condition; `None` to leave out nothing.
    pub(crate) fn new(condition: Option<&Condition<'_>>) -> Self {
        let Some(condition) = condition else {
            return Self { range: None, conjuncts: Vec::new(), is_exact: false };
        };
        let is_exact = condition.filter.is_none_or(filter::Filter::is_told_by_conjuncts);
        let conjuncts = condition.filter.map(filter::Filter::conjuncts).unwrap_or_default();
        let mut conjuncts: Vec<Vec<Bounds>> =
            conjuncts.into_iter().map(|conjunct| conjunct.any.into_iter().map(bounds).collect()).collect();
        if let Some(range) = &condition.range {
            let bounds =
                |column, low, high| Bounds { column, low: Bound::Time(low), high: Bound::Time(high) };
            conjuncts.push(vec![bounds(Column::Start, i64::MIN, range.end.saturating_sub(1))]);
            let mut last = vec![bounds(Column::End, range.start, i64::MAX)];
            if condition.inside {
                last.push(bounds(Column::Start, range.start, i64::MAX));
            }
            conjuncts.push(last);
        }
        Self { range: condition.range.clone(), conjuncts, is_exact }
    }

    /// Whether records that start no earlier than `start_min` and neither end nor start later than `end_max` may
    /// match.
    pub(crate) fn may_overlap(&self, start_min: i64, end_max: i64) -> bool {
        self.range.as_ref().is_none_or(|range| start_min < range.end && end_max >= range.start)
    }

    /// What of a row group may match, and what is known to.
    ///
    /// # Errors
    /// What is known of it cannot be read.
    pub(crate) fn left(&self, reader: &Reader, at: usize, group: &RowGroup) -> Result<Left, Error> {
        if !self.may_overlap(group.start_min, group.end_max.max(group.start_max)) {
            return Ok(Left::default());
        }
        let places = if self.asks_networks() { Some(Places::of(reader, at)?) } else { None };
        let mut left = Left { rows: Spans::all(group.rows), ..Left::default() };
        let mut seen: Vec<(Column, Option<Vec<PageBounds>>)> = Vec::new();
        for bounds in self.conjuncts.iter().flatten() {
            if seen.iter().all(|(column, _)| *column != bounds.column) {
                seen.push((bounds.column, reader.page_ranges(at, bounds.column)));
            }
        }
        for (column, pages) in &seen {
            if pages.as_ref().is_some_and(|pages| pages.iter().all(|page| page.all_null)) {
                left.absent |= column.bit();
            }
        }
        let mut sure = if self.is_exact { left.rows.clone() } else { Spans::default() };
        for conjunct in &self.conjuncts {
            let told: Result<Vec<Told>, Error> =
                conjunct.iter().map(|bounds| told(bounds, &seen, places.as_ref())).collect();
            let (may, must): (Vec<Option<Spans>>, Vec<Spans>) =
                told?.into_iter().map(|told| (told.may, told.must)).unzip();
            if let Some(may) = may.into_iter().collect::<Option<Vec<_>>>() {
                left.rows = left.rows.intersect(&Spans::union(&may));
            }
            if !sure.is_empty() {
                sure = sure.intersect(&Spans::union(&must));
            }
        }
        left.sure = left.rows.intersect(&sure);
        for page in seen.iter().filter_map(|(_, pages)| pages.as_ref()).flatten() {
            left.pages += 1;
            left.pages_left += u64::from(left.rows.touches(&page.rows));
        }
        Ok(left)
    }

    /// Whether any condition is about addresses that networks are known of.
    fn asks_networks(&self) -> bool {
        self.conjuncts.iter().flatten().any(|bounds| NETWORK_COLUMNS & bounds.column.bit() != 0)
    }
}

/// The addresses that the bounds are about, if it is told where they are.
fn addresses(bounds: &Bounds) -> Option<(Addr, Addr)> {
    match (&bounds.low, &bounds.high) {
        (Bound::Addr(low), Bound::Addr(high)) if NETWORK_COLUMNS & bounds.column.bit() != 0 => {
            Some((*low, *high))
        }
        _ => None,
    }
}

/// The rows with a value within the bounds.
fn told(
    bounds: &Bounds,
    seen: &[(Column, Option<Vec<PageBounds>>)],
    places: Option<&Places<'_>>,
) -> Result<Told, Error> {
    let mut told = Told {
        may: in_pages(bounds, seen, |page| page.may_hold(&bounds.low, &bounds.high)),
        must: in_pages(bounds, seen, |page| page.must_hold(&bounds.low, &bounds.high)).unwrap_or_default(),
    };
    if let Some(((low, high), places)) = addresses(bounds).zip(places) {
        let there = places.told(bounds.column, low, high)?;
        told.may = match (told.may, there.may) {
            (Some(in_pages), Some(there)) => Some(in_pages.intersect(&there)),
            (in_pages, there) => in_pages.or(there),
        };
        told.must = Spans::union(&[told.must, there.must]);
    }
    Ok(told)
}

/// The rows of the pages of which that is true; `None` if the file has no index of them.
fn in_pages(
    bounds: &Bounds,
    seen: &[(Column, Option<Vec<PageBounds>>)],
    is_meant: impl Fn(&PageBounds) -> bool,
) -> Option<Spans> {
    let (_, pages) = seen.iter().find(|(column, _)| *column == bounds.column)?;
    let mut rows = Spans::default();
    for page in pages.as_ref()?.iter().filter(|page| is_meant(page)) {
        rows.push(page.rows.clone());
    }
    Some(rows)
}

/// The filter's bounds as the store's.
fn bounds(bounds: filter::Bounds) -> Bounds {
    let bound = |bound| match bound {
        filter::Bound::Unsigned(number) => Bound::Unsigned(number),
        filter::Bound::Time(ms) => Bound::Time(ms),
        filter::Bound::Addr(addr) => Bound::Addr(addr),
        filter::Bound::Text(text) => Bound::Text(text.into()),
    };
    Bounds { column: bounds.column, low: bound(bounds.low), high: bound(bounds.high) }
}
