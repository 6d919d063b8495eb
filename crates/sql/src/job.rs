//! A question that the engine's threads answer, while whoever asked waits elsewhere.
//!
//! What waits (a connection, a person at a terminal) and what computes are never the same thread: a computation that
//! does not give way for a while delays no other client, no time limit and no request to stop. Rows come over a channel
//! that holds [`WAITING`] batches, so that a slow reader holds no more than that, and the computation waits for it.

use crate::error::{Error, Reason};
use crate::meter::{Meter, Reading};
use crate::session::Answer;
use crate::stop::Stop;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Batches that wait to be taken.
const WAITING: usize = 1;
/// Questions nest as deep as this stack is: [`crate::guard`] refuses those that nest deeper. Only what is used of it
/// is memory.
pub(crate) const STACK_BYTES: usize = 64 << 20;
/// How much the engine's threads give way to those that receive and store.
const NICE: i32 = 5;
/// How long what still computes is waited for at the end.
const END_WITHIN: Duration = Duration::from_secs(1);

/// Threads that compute.
///
/// # Errors
/// The system has none left.
pub(crate) fn workers(threads: usize) -> Result<Runtime, Error> {
    Builder::new_multi_thread()
        .worker_threads(threads.max(1))
        .thread_name("sql-work")
        .thread_stack_size(STACK_BYTES)
        .on_thread_start(|| {
            // On Linux this is the thread's own. Where it is not allowed, all are equal.
            let _ = rustix::process::nice(NICE);
        })
        .build()
        .map_err(|error| Error::new(Reason::Failed, format!("cannot start threads: {error}")))
}

/// Ends them; what was spilled to disk is removed by those that end in time.
pub(crate) fn end(workers: Runtime) {
    workers.shutdown_timeout(END_WITHIN);
}

/// A question that is being answered, in pieces of `T`. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Job<T> {
    pieces: mpsc::Receiver<T>,
    task: Option<JoinHandle<Result<(), Error>>>,
    meter: Meter,
    stop: Stop,
}

impl<T: Send + 'static> Job<T> {
    /// Begins, on these threads. `begin` gives the answer, and what makes a piece of each of its batches.
    ///
    /// # Errors
    /// What `begin` says; or it was stopped.
    pub(crate) async fn begin<B, F>(
        workers: &Handle,
        stop: Stop,
        begin: B,
    ) -> Result<(SchemaRef, Self), Error>
    where
        B: Future<Output = Result<(Answer, F), Error>> + Send + 'static,
        F: Fn(&RecordBatch) -> Result<T, Error> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let (sender, pieces) = mpsc::channel(WAITING);
        let stopped = stop.clone();
        let task = workers.spawn(async move {
            let work = async {
                let (mut answer, piece) = begin.await?;
                // Who is not there any more is noticed when a piece is sent.
                let _ = tell.send((answer.schema(), answer.meter()));
                while let Some(batch) = answer.next_batch().await? {
                    if sender.send(piece(&batch)?).await.is_err() {
                        break;
                    }
                }
                Ok(())
            };
            tokio::select! {
                biased;
                why = stopped.wait() => Err(why.into()),
                () = sender.closed() => Ok(()),
                result = work => result,
            }
        });
        let told = tokio::select! {
            biased;
            why = stop.wait() => return Err(why.into()),
            told = told => told,
        };
        match told {
            Ok((schema, meter)) => Ok((schema, Self { pieces, task: Some(task), meter, stop })),
            Err(_) => Err(ended(task).await.err().unwrap_or_else(broken)),
        }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// It cannot be answered further, or was stopped.
    pub(crate) async fn next(&mut self) -> Result<Option<T>, Error> {
        let piece = tokio::select! {
            biased;
            why = self.stop.wait() => return Err(why.into()),
            piece = self.pieces.recv() => piece,
        };
        if piece.is_none()
            && let Some(task) = self.task.take()
        {
            ended(task).await?;
        }
        Ok(piece)
    }

    /// What has been read for it so far.
    pub(crate) fn reading(&self) -> Reading {
        self.meter.read()
    }
}

/// How the computation ended.
async fn ended(task: JoinHandle<Result<(), Error>>) -> Result<(), Error> {
    task.await.unwrap_or_else(|_| Err(broken()))
}

/// It panicked, which has been said on standard error.
pub(crate) fn broken() -> Error {
    Error::new(
        Reason::Failed,
        "the SQL engine failed at this question, which is a mistake of its own: please report it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::Why;

    type Nothing = fn(&RecordBatch) -> Result<(), Error>;

    fn never() -> impl Future<Output = Result<(Answer, Nothing), Error>> {
        std::future::pending()
    }

    #[test]
    fn a_question_that_is_stopped_says_why() {
        let workers = workers(1).unwrap();
        let stop = Stop::default();
        stop.set(Why::Time(Duration::from_secs(2)));
        // The first reason counts.
        stop.stop();
        let outcome = workers.block_on(Job::begin(workers.handle(), stop, never()));
        let error = outcome.map(|_| ()).unwrap_err();
        assert_eq!(error.reason(), Reason::TooLong);
        assert!(error.to_string().contains("longer than 2 s"), "{error}");
    }

    #[test]
    fn a_computation_that_panics_is_an_error_and_not_the_end() {
        let workers = workers(1).unwrap();
        let panics = async {
            assert!(std::hint::black_box(false), "on purpose");
            never().await
        };
        let outcome = workers.block_on(Job::begin(workers.handle(), Stop::default(), panics));
        assert_eq!(outcome.map(|_| ()).unwrap_err().reason(), Reason::Failed);
    }
}
