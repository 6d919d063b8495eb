//! A question answered from beginning to end, for programs that are not asynchronous.

use crate::cell::Cell;
use crate::error::{Error, Reason};
use crate::job::{self, Job};
use crate::lookup::Lookup;
use crate::meter::Reading;
use crate::session::{Answer, Engine, Head, Limits, heads, rows};
use crate::stop::Stop;
use std::ops::ControlFlow;
use std::sync::Arc;
use weir_store::Snapshot;

/// Takes an answer.
pub trait Taker {
    /// The columns, before any row.
    fn head(&mut self, head: &[Head]) -> ControlFlow<()>;
    /// A row. `Break`: no more are wanted.
    fn row(&mut self, row: &[Cell]) -> ControlFlow<()>;
}

/// Answers one question over a snapshot. `None` if it was stopped.
///
/// # Errors
/// It is not understood, not allowed, or cannot be answered.
pub fn run(
    sql: &str,
    snapshot: Snapshot,
    lookup: &Arc<dyn Lookup>,
    limits: Limits,
    stop: &Stop,
    taker: &mut dyn Taker,
) -> Result<Option<Reading>, Error> {
    let workers = job::workers(limits.threads)?;
    let result = Engine::new(limits).and_then(|engine| {
        let asked = ask(sql.to_owned(), Arc::new(snapshot), Arc::clone(lookup), engine, stop.clone());
        workers.block_on(async {
            let (schema, job) = Job::begin(workers.handle(), stop.clone(), asked).await?;
            take(&heads(&schema), job, taker).await
        })
    });
    job::end(workers);
    match result {
        Err(error) if error.reason() == Reason::Stopped => Ok(None),
        result => result.map(Some),
    }
}

/// Makes rows of cells of a batch.
type Cells = fn(&datafusion::arrow::array::RecordBatch) -> Result<Vec<Vec<Cell>>, Error>;

async fn ask(
    sql: String,
    snapshot: Arc<Snapshot>,
    lookup: Arc<dyn Lookup>,
    engine: Engine,
    stop: Stop,
) -> Result<(Answer, Cells), Error> {
    let answer = engine.session(&snapshot, &lookup)?.ask(&sql, &stop).await?;
    Ok((answer, rows))
}

async fn take(head: &[Head], mut job: Job<Vec<Vec<Cell>>>, taker: &mut dyn Taker) -> Result<Reading, Error> {
    if taker.head(head).is_continue() {
        'rows: while let Some(rows) = job.next().await? {
            for row in rows {
                if taker.row(&row).is_break() {
                    break 'rows;
                }
            }
        }
    }
    Ok(job.reading())
}
