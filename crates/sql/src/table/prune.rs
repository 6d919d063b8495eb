//! Leaving unread what cannot match: conditions held against what is known of rows without reading them.
//!
//! DataFusion turns a condition into one over least and greatest values ([`PruningPredicate`]). It is asked three
//! times: over the spans of time that the manifest has of each segment, over those of each row group, and over the
//! bounds of pages. Pages of different columns do not begin at the same rows, so the row group is cut wherever a page
//! of any column in the condition begins; each piece lies in one page of each. Of what is left, conditions on addresses
//! exclude the rows that are known not to have them (`address`).

use super::address::Asked;
use crate::column::{data_type, time, utc};
use datafusion::arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column as Named, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;
use weir_flow::schema::Kind;
use weir_flow::{Column, Mac};
use weir_query::{Places, Spans};
use weir_store::segment::{Bound, PageBounds, Reader};
use weir_store::{Error, SegmentEntry};

/// What is asked of every row.
#[derive(Clone, Debug)]
pub(super) struct Pruner {
    condition: Option<Arc<Condition>>,
    addresses: Option<Asked>,
}

#[derive(Debug)]
struct Condition {
    predicate: PruningPredicate,
    columns: Vec<Column>,
}

impl Pruner {
    /// `filters` are the condition again, before it was planned. `None`, or a condition of which nothing follows,
    /// excludes nothing.
    pub(super) fn new(
        condition: Option<Arc<dyn PhysicalExpr>>,
        filters: &[Expr],
        schema: &SchemaRef,
    ) -> Self {
        let condition = condition.and_then(|condition| {
            let names = collect_columns(&condition);
            let columns = names.iter().filter_map(|column| Column::by_name(column.name())).collect();
            let builder = PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema));
            let predicate = builder.try_build(condition).ok().filter(|one| !one.always_true())?;
            Some(Arc::new(Condition { predicate, columns }))
        });
        Self { condition, addresses: Asked::of(filters) }
    }

    /// Whether rows with these spans of `start` and `end` may match.
    pub(super) fn may_match(&self, start: (i64, i64), end: (i64, i64)) -> bool {
        let Some(condition) = &self.condition else { return true };
        // Where it cannot be decided the rows are read.
        condition.predicate.prune(&Times { start, end }).map_or(true, |kept| kept.iter().all(|kept| *kept))
    }

    /// The same of a segment that is not opened yet.
    pub(super) fn may_match_segment(&self, segment: &SegmentEntry) -> bool {
        self.may_match((segment.start_min, segment.start_max), (segment.end_min, segment.end_max))
    }

    /// The rows of a row group that may match.
    ///
    /// # Errors
    /// What is known of it cannot be read.
    pub(super) fn rows(&self, reader: &Reader, group: usize) -> Result<Spans, Error> {
        let Some(known) = reader.row_groups().get(group) else { return Ok(Spans::default()) };
        if !self.may_match((known.start_min, known.start_max), (known.end_min, known.end_max)) {
            return Ok(Spans::default());
        }
        let rows = self.in_pages(reader, group, known.rows);
        let Some(asked) = self.addresses.as_ref().filter(|_| !rows.is_empty()) else { return Ok(rows) };
        let places = Places::of(reader, group)?;
        Ok(match asked.rows(&places)? {
            Some(inside) => rows.intersect(&inside),
            None => rows,
        })
    }

    /// The rows of pages that may match.
    fn in_pages(&self, reader: &Reader, group: usize, all: usize) -> Spans {
        let Some(condition) = &self.condition else { return Spans::all(all) };
        let pieces = Pieces::new(reader, group, all, &condition.columns);
        let Ok(kept) = condition.predicate.prune(&pieces) else { return Spans::all(all) };
        let mut rows = Spans::default();
        let kept = pieces.pieces.iter().zip(kept).filter(|(_, kept)| *kept);
        kept.for_each(|(piece, _)| rows.push(piece.clone()));
        rows
    }
}

/// The spans of one set of rows.
struct Times {
    start: (i64, i64),
    end: (i64, i64),
}

impl Times {
    fn of(&self, column: &Named) -> Option<(i64, i64)> {
        match Column::by_name(&column.name)? {
            Column::Start => Some(self.start),
            Column::End => Some(self.end),
            _ => None,
        }
    }
}

/// The engine takes bounds in whatever zone.
fn moment(ms: i64) -> Option<ArrayRef> {
    ScalarValue::TimestampMillisecond(Some(ms), Some("UTC".into())).to_array().ok()
}

impl PruningStatistics for Times {
    fn min_values(&self, column: &Named) -> Option<ArrayRef> {
        moment(self.of(column)?.0)
    }

    fn max_values(&self, column: &Named) -> Option<ArrayRef> {
        moment(self.of(column)?.1)
    }

    fn num_containers(&self) -> usize {
        1
    }

    fn null_counts(&self, _: &Named) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        None
    }

    fn contained(&self, _: &Named, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// A row group, cut where pages begin.
struct Pieces {
    pieces: Vec<Range<usize>>,
    /// The pages of each column in the condition of which the file says something.
    pages: Vec<(Column, Vec<PageBounds>)>,
}

impl Pieces {
    fn new(reader: &Reader, group: usize, rows: usize, columns: &[Column]) -> Self {
        let known = |column: &Column| Some((*column, reader.page_ranges(group, *column)?));
        let pages: Vec<(Column, Vec<PageBounds>)> = columns.iter().filter_map(known).collect();
        let starts = pages.iter().flat_map(|(_, pages)| pages.iter().map(|page| page.rows.start));
        let cuts: BTreeSet<usize> = starts.filter(|at| *at < rows).chain([0, rows]).collect();
        let ends = cuts.iter().skip(1);
        let pieces = cuts.iter().zip(ends).map(|(from, to)| *from..*to).collect();
        Self { pieces, pages }
    }

    /// Of each piece the page of this column that it lies in.
    fn pages(&self, column: &Named) -> Option<(Column, impl Iterator<Item = Option<&PageBounds>>)> {
        let column = Column::by_name(&column.name)?;
        let (_, pages) = self.pages.iter().find(|(one, _)| *one == column)?;
        let page = |piece: &Range<usize>| {
            let at = pages.partition_point(|page| page.rows.end <= piece.start);
            pages.get(at).filter(|page| page.rows.start <= piece.start)
        };
        Some((column, self.pieces.iter().map(page)))
    }

    fn bounds(&self, column: &Named, bound: impl Fn(&PageBounds) -> Option<&Bound>) -> Option<ArrayRef> {
        let (column, pages) = self.pages(column)?;
        let kind = column.kind();
        let scalars: Option<Vec<ScalarValue>> =
            pages.map(|page| scalar(kind, page.and_then(&bound))).collect();
        ScalarValue::iter_to_array(scalars?).ok()
    }
}

impl PruningStatistics for Pieces {
    fn min_values(&self, column: &Named) -> Option<ArrayRef> {
        self.bounds(column, |page| page.min.as_ref())
    }

    fn max_values(&self, column: &Named) -> Option<ArrayRef> {
        self.bounds(column, |page| page.max.as_ref())
    }

    fn num_containers(&self) -> usize {
        self.pieces.len()
    }

    fn null_counts(&self, column: &Named) -> Option<ArrayRef> {
        let (_, pages) = self.pages(column)?;
        // A piece is a part of its page: only all or nothing is known of it.
        let nulls = pages.zip(&self.pieces).map(|(page, piece)| {
            let page = page?;
            if page.all_null { Some(piece.len() as u64) } else { page.nulls.filter(|n| *n == 0).map(|_| 0) }
        });
        Some(Arc::new(nulls.collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = self.pieces.iter().map(|piece| piece.len() as u64);
        Some(Arc::new(UInt64Array::from_iter_values(rows)))
    }

    fn contained(&self, _: &Named, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// A bound as a value of its column; null where it is not known. `None` if it is not of this kind.
fn scalar(kind: Kind, bound: Option<&Bound>) -> Option<ScalarValue> {
    let null = || ScalarValue::try_from(data_type(kind, &utc())).ok();
    let Some(bound) = bound else { return null() };
    Some(match (kind, bound) {
        (Kind::Time, Bound::Time(ms)) => {
            ScalarValue::TimestampMillisecond(Some(*ms), Some("UTC".into())).cast_to(&time(&utc())).ok()?
        }
        (Kind::Addr, Bound::Addr(addr)) => ScalarValue::FixedSizeBinary(16, Some(addr.octets().to_vec())),
        (Kind::Mac, Bound::Unsigned(mac)) => {
            ScalarValue::FixedSizeBinary(6, Some(Mac(*mac).octets().to_vec()))
        }
        (Kind::Unsigned(_), Bound::Unsigned(number)) => {
            ScalarValue::UInt64(Some(*number)).cast_to(&data_type(kind, &utc())).ok()?
        }
        (Kind::Word(_) | Kind::Name | Kind::Text, Bound::Text(text)) => {
            ScalarValue::Utf8View(Some(text.to_string()))
        }
        _ => return null(),
    })
}
