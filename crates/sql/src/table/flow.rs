//! `flows`: the records in the segments and in the journal.
//!
//! Parts (row groups of segments, batches of the journal) are dealt out to as many partitions as there are cores.
//! A segment is opened by the first partition that comes to it, and closed when the last has read its parts, so that
//! a year of segments needs no more open files than a day.

use super::prune::Pruner;
use super::{BATCH_ROWS, Feed, Sink, store};
use crate::column;
use crate::meter::Meter;
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
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use weir_flow::schema::COLUMNS;
use weir_flow::{Batch, Column};
use weir_store::segment::Reader;
use weir_store::{SegmentEntry, Snapshot};

/// Row groups are decoded so many rows at a time: a multiple of the rows of a page.
const READ_ROWS: usize = 4 * 20_480;

/// The table.
#[derive(Debug)]
pub(crate) struct Flows {
    snapshot: Arc<Snapshot>,
    schema: SchemaRef,
    meter: Meter,
}

impl Flows {
    pub(crate) fn new(snapshot: Arc<Snapshot>, meter: Meter) -> Self {
        Self { snapshot, schema: column::flows(), meter }
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
        let condition = conjunction(filters.iter().cloned())
            .map(|all| state.create_physical_expr(all, &DFSchema::try_from(Arc::clone(&self.schema))?))
            .transpose()?;
        let places: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..COLUMNS.len()).collect());
        let schema: SchemaRef = Arc::new(self.schema.project(&places)?);
        let scan = Arc::new(Scan {
            columns: places.iter().filter_map(|at| Some(COLUMNS.get(*at)?.column)).collect(),
            schema: Arc::clone(&schema),
            pruner: Pruner::new(condition, &self.schema),
            open: self.snapshot.segments.iter().map(|_| Mutex::default()).collect(),
            snapshot: Arc::clone(&self.snapshot),
            meter: self.meter.clone(),
        });
        self.meter.stored(self.snapshot.segments.iter().map(|segment| segment.rows).sum());
        self.meter.stored(self.snapshot.tail.iter().map(|entry| entry.rows as u64).sum());
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

/// One use of the table in a question.
struct Scan {
    snapshot: Arc<Snapshot>,
    columns: Vec<Column>,
    schema: Arc<Schema>,
    pruner: Pruner,
    /// Segments that some partition has open.
    open: Vec<Mutex<Weak<Reader>>>,
    meter: Meter,
}

impl Scan {
    /// Reads the parts of one of `partitions`.
    fn run(&self, one: usize, partitions: usize, sink: &mut Sink<'_>) -> Result<()> {
        for (number, (segment, open)) in self.snapshot.segments.iter().zip(&self.open).enumerate() {
            if !self.pruner.may_match_segment(segment) {
                continue;
            }
            let reader = opened(segment, open)?;
            let mine = |group: &usize| (number + group) % partitions == one;
            for group in (0..reader.row_groups().len()).filter(mine) {
                if self.group(&reader, group, sink)?.is_break() {
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

    fn group(&self, reader: &Reader, group: usize, sink: &mut Sink<'_>) -> Result<ControlFlow<()>> {
        let rows = self.pruner.rows(reader, group);
        for range in rows {
            let mut from = range.start;
            while from < range.end {
                // To the end of a page, so that no page is decoded twice.
                let to = ((from / READ_ROWS + 1) * READ_ROWS).min(range.end);
                let batch =
                    reader.read(group, self.mask(), std::slice::from_ref(&(from..to))).map_err(store)?;
                if self.hand_over(&batch, sink)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                from = to;
            }
        }
        Ok(ControlFlow::Continue(()))
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

/// The segment, open: by another partition, or now.
fn opened(segment: &SegmentEntry, open: &Mutex<Weak<Reader>>) -> Result<Arc<Reader>> {
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(reader) = open.upgrade() {
        return Ok(reader);
    }
    let reader = Arc::new(segment.open().map_err(store)?);
    *open = Arc::downgrade(&reader);
    Ok(reader)
}
