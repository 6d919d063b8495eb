//! Leaving unread what cannot match.
//!
//! The time span and the filter's necessary conditions are held against what is known of a segment without
//! reading it: its span of time in the manifest, the same of each row group in its footer, the least and
//! greatest value of each page in its page index, and the networks that occur in its rows. What remains may match;
//! rows are still tested.

use crate::error::Error;
use crate::query::Condition;
use crate::span::Spans;
use std::ops::Range;
use weir_flow::Column;
use weir_flow::filter;
use weir_store::segment::{Blocks, Bound, NETWORK_COLUMNS, PageBounds, Reader, RowGroup};

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
}

/// What is left of a row group.
#[derive(Clone, Default, Debug)]
pub(crate) struct Left {
    /// The rows that may match.
    pub(crate) rows: Spans,
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
        let Some(condition) = condition else { return Self { range: None, conjuncts: Vec::new() } };
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
        Self { range: condition.range.clone(), conjuncts }
    }

    /// Whether records that start no earlier than `start_min` and neither end nor start later than `end_max` may
    /// match.
    pub(crate) fn may_overlap(&self, start_min: i64, end_max: i64) -> bool {
        self.range.as_ref().is_none_or(|range| start_min < range.end && end_max >= range.start)
    }

    /// The rows of a row group that may match.
    ///
    /// # Errors
    /// What is known of it cannot be read.
    pub(crate) fn left(&self, reader: &Reader, at: usize, group: &RowGroup) -> Result<Left, Error> {
        if !self.may_overlap(group.start_min, group.end_max.max(group.start_max)) {
            return Ok(Left::default());
        }
        let networks = if self.asks_networks() { reader.networks(at)? } else { None };
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
        for conjunct in &self.conjuncts {
            let held: Option<Vec<Spans>> =
                conjunct.iter().map(|bounds| held(bounds, &seen, networks.as_ref())).collect();
            if let Some(held) = held {
                left.rows = left.rows.intersect(&Spans::union(&held));
            }
        }
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

/// The rows that may have a value within the bounds; `None` if the file has no index of the column.
fn held(
    bounds: &Bounds,
    seen: &[(Column, Option<Vec<PageBounds>>)],
    networks: Option<&Blocks>,
) -> Option<Spans> {
    let rows = in_pages(bounds, seen)?;
    let (Bound::Addr(low), Bound::Addr(high)) = (&bounds.low, &bounds.high) else { return Some(rows) };
    let networks = networks.filter(|_| NETWORK_COLUMNS & bounds.column.bit() != 0);
    let Some(blocks) = networks.and_then(|networks| networks.rows(*low, *high)) else { return Some(rows) };
    let mut inside = Spans::default();
    blocks.into_iter().for_each(|block| inside.push(block));
    Some(rows.intersect(&inside))
}

/// The rows of the pages that may hold a value within the bounds; `None` if the file has no index of them.
fn in_pages(bounds: &Bounds, seen: &[(Column, Option<Vec<PageBounds>>)]) -> Option<Spans> {
    let (_, pages) = seen.iter().find(|(column, _)| *column == bounds.column)?;
    let mut rows = Spans::default();
    for page in pages.as_ref()?.iter().filter(|page| page.may_hold(&bounds.low, &bounds.high)) {
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
