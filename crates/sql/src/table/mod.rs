//! The tables: how the rows of a snapshot come to DataFusion.

mod account;
mod address;
mod flow;
mod prune;
mod span;

pub(crate) use account::{Account, Content};
pub(crate) use flow::Flows;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{LogicalPlan, TableScan};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::PartitionStream;
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// Batches that wait for whoever takes them.
const WAITING_BATCHES: usize = 2;

/// Rows are handed over in batches of so many.
pub(crate) const BATCH_ROWS: usize = 8192;

/// Takes batches; `Break` when nobody wants more.
pub(crate) type Sink<'a> = dyn FnMut(RecordBatch) -> ControlFlow<()> + 'a;

/// Reads rows and gives them to the sink, until it breaks.
type Produce = dyn Fn(&mut Sink<'_>) -> Result<()> + Send + Sync;

/// Rows that are read by a thread of their own, and as far ahead as [`WAITING_BATCHES`].
pub(crate) struct Feed {
    schema: SchemaRef,
    produce: Arc<Produce>,
}

impl Feed {
    pub(crate) fn stream(
        schema: SchemaRef,
        produce: impl Fn(&mut Sink<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Arc<dyn PartitionStream> {
        Arc::new(Self { schema, produce: Arc::new(produce) })
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

impl PartitionStream for Feed {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), WAITING_BATCHES);
        let (sender, produce) = (builder.tx(), Arc::clone(&self.produce));
        builder.spawn_blocking(move || {
            produce(&mut |batch| match sender.blocking_send(Ok(batch)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        });
        builder.build()
    }
}

/// The span of time (ms since 1970) that a plan reads of the store, so far as its conditions say; `None` if it reads
/// nothing of it.
///
/// # Errors
/// The engine does not go through its plan, which would be a mistake of its own.
pub(crate) fn span_of(plan: &LogicalPlan) -> Result<Option<Range<i64>>> {
    let mut spans = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            spans.extend(scanned(scan));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(spans.into_iter().reduce(|all, one| all.start.min(one.start)..all.end.max(one.end)))
}

/// Of one use of a table, if it is one of ours.
fn scanned(scan: &TableScan) -> Option<Range<i64>> {
    let table = source_as_provider(&scan.source).ok()?;
    if table.is::<Flows>() {
        return Some(Flows::span(&scan.filters));
    }
    table.downcast_ref::<Account>().map(|account| account.span(&scan.filters))
}

/// An error of the store, which is a whole sentence.
pub(crate) fn store(error: weir_store::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
