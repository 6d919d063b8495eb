//! Stopping a question before its end.
//!
//! Whoever waits for an answer is told at once. The question itself ends at its next batch, for the engine's threads
//! cannot be interrupted: DataFusion's sources give way after every few batches (tokio's budget). Two things of its do
//! not, so they are made to here: a join that multiplies rows gives way after every few batches of its output, and a
//! join whose condition is tested on pairs of rows asks at each test whether to go on.

use crate::error::{Error, Reason};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;

/// Why a question ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Whoever asked wants no answer any more.
    Asked,
    /// It has had all the time it may.
    Time(Duration),
}

impl From<Why> for Error {
    fn from(why: Why) -> Self {
        match why {
            Why::Asked => Self::new(Reason::Stopped, "stopped, as its client asked"),
            Why::Time(limit) => Self::new(
                Reason::TooLong,
                format!(
                    "the question took longer than {} s: narrow its time or its conditions, or raise seconds of [sql]",
                    limit.as_secs()
                ),
            ),
        }
    }
}

/// Stops a question, from any thread; before it begins, too.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    why: OnceLock<Why>,
    told: Notify,
}

impl Stop {
    /// The question stops.
    pub fn stop(&self) {
        self.set(Why::Asked);
    }

    /// It stops for this reason; of several the first counts.
    pub(crate) fn set(&self, why: Why) {
        if self.0.why.set(why).is_ok() {
            self.0.told.notify_waiters();
        }
    }

    /// Whether both stop the same question.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Why it is to stop, if it is.
    pub(crate) fn why(&self) -> Option<Why> {
        self.0.why.get().copied()
    }

    /// Waits until it is to stop.
    pub(crate) async fn wait(&self) -> Why {
        loop {
            // From here on it is woken, so that nothing is missed between the look and the wait.
            let told = self.0.told.notified();
            if let Some(why) = self.why() {
                return why;
            }
            told.await;
        }
    }
}

/// Lets conditions of joins ask whether to go on.
///
/// # Errors
/// The engine does not take the plan, which would be a mistake of ours.
pub(crate) fn in_conditions(plan: LogicalPlan, stop: &Stop) -> Result<LogicalPlan> {
    let goes_on = Arc::new(ScalarUDF::from(GoesOn {
        stop: stop.clone(),
        signature: Signature::nullary(Volatility::Volatile),
    }));
    let asks = |node: LogicalPlan| -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(mut join) = node else { return Ok(Transformed::no(node)) };
        let Some(condition) = join.filter.take() else { return Ok(Transformed::no(LogicalPlan::Join(join))) };
        // Asked first: if it fails, nothing else is tested.
        let ask = Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&goes_on), Vec::new()));
        join.filter = Some(ask.and(condition));
        Ok(Transformed::yes(LogicalPlan::Join(join)))
    };
    Ok(plan.transform_up_with_subqueries(asks)?.data)
}

/// Lets joins give way after every few batches of their output.
///
/// # Errors
/// The engine does not take the plan, which would be a mistake of ours.
pub(crate) fn between_batches(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let gives_way = |node: Arc<dyn ExecutionPlan>| -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
        if node.children().len() < 2 {
            return Ok(Transformed::no(node));
        }
        let node: Arc<dyn ExecutionPlan> = Arc::new(CooperativeExec::new(node));
        Ok(Transformed::yes(node))
    };
    Ok(plan.transform_up(gives_way)?.data)
}

/// True, until the question is to stop: then it fails.
#[derive(Debug)]
struct GoesOn {
    stop: Stop,
    signature: Signature,
}

impl PartialEq for GoesOn {
    fn eq(&self, other: &Self) -> bool {
        self.stop.is(&other.stop)
    }
}

impl Eq for GoesOn {}

impl Hash for GoesOn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for GoesOn {
    fn name(&self) -> &'static str {
        "goes_on"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match self.stop.why() {
            None => Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true)))),
            Some(why) => Err(DataFusionError::External(Box::new(Error::from(why)))),
        }
    }
}
