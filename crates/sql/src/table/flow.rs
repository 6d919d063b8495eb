//! `flows`: the records in the segments and in the journal.
//!
//! Parts (some pages of a row group, less what cannot match; batches of the journal) are dealt out to as many partitions
//! as there are cores. Which part is whose is fixed, for a partition may be read again, as by a recursive question. A segment is
//! looked into by the first partition that comes to it, and forgotten when the last has read its parts.

use super::prune::Pruner;
use super::{BATCH_ROWS, Feed, Sink, span, store};
use crate::column;
use crate::meter::Meter;
use crate::source::{ALWAYS, Shelf};
use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::StreamingTableExec;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use weir_flow::schema::COLUMNS;
use weir_flow::{Batch, Column};
use weir_query::Spans;
use weir_store::segment::Reader;
use weir_store::{SegmentEntry, Snapshot};

/// Of a row group at most so many rows are read in one go: ten pages, whose columns fit in a processor's cache.
const PART_ROWS_MAX: usize = 10 * 8192;

/// The table.
#[derive(Debug)]
pub(crate) struct Flows {
    shelf: Arc<Shelf>,
    schema: SchemaRef,
    meter: Meter,
}

impl Flows {
    pub(crate) fn new(shelf: Arc<Shelf>, meter: Meter, zone: &Arc<str>) -> Self {
        Self { shelf, schema: column::flows(zone), meter }
    }

    /// Of rows that meet these conditions none begins at its end or later, nor ends before it.
    pub(super) fn span(filters: &[Expr]) -> Range<i64> {
        let (starts, ends) = (span::of(filters, "start"), span::of(filters, "end"));
        starts.start.max(ends.start)..starts.end
    }
}

#[async_trait]
impl TableProvider for Flows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Every condition may exclude rows unread; all are tested again on the rows that are read.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let snapshot = self.shelf.take(&ALWAYS).map_err(store)?;
        let condition = conjunction(filters.iter().cloned())
            .map(|all| state.create_physical_expr(all, &DFSchema::try_from(Arc::clone(&self.schema))?))
            .transpose()?;
        let places: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..COLUMNS.len()).collect());
        let schema: SchemaRef = Arc::new(self.schema.project(&places)?);
        let scan = Arc::new(Scan {
            columns: places.iter().filter_map(|at| Some(COLUMNS.get(*at)?.column)).collect(),
            schema: Arc::clone(&schema),
            pruner: Pruner::new(condition, filters, &self.schema),
            open: snapshot.segments.iter().map(|_| Mutex::default()).collect(),
            snapshot: Arc::clone(&snapshot),
            meter: self.meter.clone(),
        });
        self.meter.stored(snapshot.segments.iter().map(|segment| segment.rows).sum());
        self.meter.stored(snapshot.tail.iter().map(|entry| entry.rows as u64).sum());
        let partitions = state.config().target_partitions().max(1);
        let feeds = (0..partitions).map(|one| {
            let scan = Arc::clone(&scan);
            Feed::stream(Arc::clone(&schema), move |sink| scan.run(one, partitions, sink))
        });
        plan(&schema, feeds.collect(), limit)
    }
}

/// A plan that reads these.
pub(super) fn plan(
    schema: &SchemaRef,
    feeds: Vec<Arc<dyn datafusion::physical_plan::streaming::PartitionStream>>,
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let unsorted: Option<LexOrdering> = None;
    Ok(Arc::new(StreamingTableExec::try_new(Arc::clone(schema), feeds, None, unsorted, false, limit)?))
}

/// A segment that is being read: what of its row groups may match, in parts.
struct Opened {
    reader: Reader,
    parts: Vec<(usize, Spans)>,
}

/// One use of the table in a question.
struct Scan {
    snapshot: Arc<Snapshot>,
    columns: Vec<Column>,
    schema: Arc<Schema>,
    pruner: Pruner,
    /// Segments that some partition has open.
    open: Vec<Mutex<Weak<Opened>>>,
    meter: Meter,
}

impl Scan {
    /// Reads the parts of one of `partitions`.
    fn run(&self, one: usize, partitions: usize, sink: &mut Sink<'_>) -> Result<()> {
        for (number, (segment, open)) in self.snapshot.segments.iter().zip(&self.open).enumerate() {
            if !self.pruner.may_match_segment(segment) {
                continue;
            }
            let opened = self.opened(segment, open)?;
            let mine = |(part, _): &(usize, _)| (number + part) % partitions == one;
            for (_, (group, rows)) in opened.parts.iter().enumerate().filter(mine) {
                let batch = opened.reader.read(*group, self.mask(), rows.as_slice()).map_err(store)?;
                if self.hand_over(&batch, sink)?.is_break() {
                    return Ok(());
                }
            }
        }
        let mine = |(number, _): &(usize, _)| number % partitions == one;
        for (_, entry) in self.snapshot.tail.iter().enumerate().filter(mine) {
            let may =
                self.pruner.may_match((entry.start_min, entry.start_max), (entry.end_min, entry.end_max));
            if entry.rows > 0 && may {
                let batch = entry.read(self.mask()).map_err(store)?;
                if self.hand_over(&batch, sink)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The segment with its parts: as another partition has it open, or opened now.
    fn opened(&self, segment: &SegmentEntry, open: &Mutex<Weak<Opened>>) -> Result<Arc<Opened>> {
        // Who comes second waits, and has not the same to do.
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = open.upgrade() {
            return Ok(opened);
        }
        let reader = segment.open().map_err(store)?;
        let mut parts = Vec::new();
        for group in 0..reader.row_groups().len() {
            let rows = self.pruner.rows(&reader, group).map_err(store)?;
            parts.extend(rows.cut(PART_ROWS_MAX).into_iter().map(|rows| (group, rows)));
        }
        let opened = Arc::new(Opened { reader, parts });
        *open = Arc::downgrade(&opened);
        Ok(opened)
    }

    fn hand_over(&self, batch: &Batch, sink: &mut Sink<'_>) -> Result<ControlFlow<()>> {
        self.meter.scanned(batch.len());
        for from in (0..batch.len()).step_by(BATCH_ROWS) {
            let rows = from..(from + BATCH_ROWS).min(batch.len());
            if sink(column::rows(batch, &self.columns, &self.schema, rows)?).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn mask(&self) -> u64 {
        self.columns.iter().fold(0, |mask, column| mask | column.bit())
    }
}
