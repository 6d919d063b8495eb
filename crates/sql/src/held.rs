//! What window functions hold is counted as all else is that a question keeps.
//!
//! DataFusion's window operators keep the rows of a partition, or of all partitions, until their frames have passed, and
//! reserve no memory for them. So what goes into one is reserved here, and freed as its rows come out; where there
//! is no more, the question is refused as it is elsewhere.

use datafusion::arrow::array::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The operators that are meant, by their names.
const WINDOWS: [&str; 2] = ["WindowAggExec", "BoundedWindowAggExec"];

/// They keep what came, and put it together once more to compute on it.
const COPIES: usize = 2;

/// Counts what the window functions of a plan hold.
///
/// # Errors
/// The engine does not take the plan, which would be a mistake of ours.
pub(crate) fn by_windows(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let counted = |node: Arc<dyn ExecutionPlan>| -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
        let Some(input) = node.children().first().map(|input| Arc::clone(input)) else {
            return Ok(Transformed::no(node));
        };
        if !WINDOWS.contains(&node.name()) {
            return Ok(Transformed::no(node));
        }
        let held = Arc::new(Held::default());
        let below = Arc::new(Counted { input, held: Arc::clone(&held), side: Side::In });
        let window = node
            .replace_children(vec![below], ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))?;
        Ok(Transformed::yes(Arc::new(Counted { input: window, held, side: Side::Out })))
    };
    Ok(plan.transform_up(counted)?.data)
}

/// What an operator holds, by partition.
#[derive(Debug, Default)]
struct Held(Mutex<HashMap<usize, Queue>>);

/// What went in and has not come out.
#[derive(Debug)]
struct Queue {
    reservation: MemoryReservation,
    /// Rows and bytes of each batch, less what came out of the first.
    batches: VecDeque<(usize, usize)>,
}

impl Held {
    fn take(&self, partition: usize, batch: &RecordBatch, context: &TaskContext) -> Result<()> {
        let bytes = get_record_batch_memory_size(batch).saturating_mul(COPIES);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = held.entry(partition).or_insert_with(|| Queue {
            reservation: MemoryConsumer::new("window functions").register(context.memory_pool()),
            batches: VecDeque::new(),
        });
        queue.reservation.try_grow(bytes)?;
        queue.batches.push_back((batch.num_rows(), bytes));
        Ok(())
    }

    /// Rows come out in the order they went in.
    fn give(&self, partition: usize, mut rows: usize) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = held.get_mut(&partition) else { return };
        while let Some((first, bytes)) = queue.batches.front_mut() {
            if *first > rows {
                let part = u128::try_from(*bytes).unwrap_or_default() * rows as u128 / *first as u128;
                let part = usize::try_from(part).unwrap_or_default();
                (*first, *bytes) = (*first - rows, *bytes - part);
                queue.reservation.shrink(part);
                return;
            }
            rows -= *first;
            queue.reservation.shrink(*bytes);
            queue.batches.pop_front();
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Side {
    In,
    Out,
}

/// Passes batches on, and counts them in or out.
#[derive(Clone, Debug)]
struct Counted {
    input: Arc<dyn ExecutionPlan>,
    held: Arc<Held>,
    side: Side,
}

impl DisplayAs for Counted {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counted: {:?}", self.side)
    }
}

impl ExecutionPlan for Counted {
    fn name(&self) -> &'static str {
        "Counted"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.into_iter().next().unwrap_or_else(|| Arc::clone(&self.input));
        Ok(Arc::new(Self { input, ..Self::clone(&self) }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let stream = self.input.execute(partition, Arc::clone(&context))?;
        let (schema, held, side) = (stream.schema(), Arc::clone(&self.held), self.side);
        let counted = stream.map(move |batch| {
            let batch = batch?;
            match side {
                Side::In => held.take(partition, &batch, &context)?,
                Side::Out => held.give(partition, batch.num_rows()),
            }
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, counted)))
    }
}
