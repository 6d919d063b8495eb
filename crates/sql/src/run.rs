//! A question answered from beginning to end, for programs that are not asynchronous.

use crate::cell::Cell;
use crate::error::{Error, Reason};
use crate::ipc::{self, Encoder};
use crate::job::{self, Job};
use crate::meter::Reading;
use crate::session::{Answer, Engine, Head, Limits, heads, rows};
use crate::source::Source;
use crate::stop::Stop;
use crate::zone;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Takes an answer.
pub trait Taker {
    /// The columns, before any row.
    fn head(&mut self, head: &[Head]) -> ControlFlow<()>;
    /// A row. `Break`: no more are wanted.
    fn row(&mut self, row: &[Cell]) -> ControlFlow<()>;
}

/// Answers one question over a store. `None` if it was stopped.
///
/// # Errors
/// It is not understood, not allowed, or cannot be answered.
pub fn run(
    sql: &str,
    source: Arc<dyn Source>,
    limits: Limits,
    stop: &Stop,
    taker: &mut dyn Taker,
) -> Result<Option<Reading>, Error> {
    answered(sql, source, limits, stop, rows, &mut Rows(taker))
}

/// The same in Arrow's stream format. `out` takes the bytes in order; `Break`: no more are wanted.
///
/// # Errors
/// As [`run`].
pub fn run_encoded(
    sql: &str,
    source: Arc<dyn Source>,
    limits: Limits,
    stop: &Stop,
    out: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Option<Reading>, Error> {
    let mut taker = Batches { encoder: None, out };
    answered(sql, source, limits, stop, ipc::shown, &mut taker)
}

/// Takes an answer in pieces of `T`.
trait Take<T> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<ControlFlow<()>, Error>;
    fn piece(&mut self, piece: T) -> Result<ControlFlow<()>, Error>;
    /// After the last piece, unless no more were wanted.
    fn end(&mut self) -> Result<(), Error>;
}

/// Row by row.
struct Rows<'a>(&'a mut dyn Taker);

impl Take<Vec<Vec<Cell>>> for Rows<'_> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<ControlFlow<()>, Error> {
        Ok(self.0.head(&heads(schema)))
    }

    fn piece(&mut self, rows: Vec<Vec<Cell>>) -> Result<ControlFlow<()>, Error> {
        Ok(rows.iter().try_for_each(|row| self.0.row(row)))
    }

    fn end(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// As a stream of bytes.
struct Batches<'a> {
    encoder: Option<Encoder>,
    out: &'a mut dyn FnMut(&[u8]) -> ControlFlow<()>,
}

impl Take<RecordBatch> for Batches<'_> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<ControlFlow<()>, Error> {
        let encoder = self.encoder.insert(Encoder::of(ipc::shown_schema(schema))?);
        Ok((self.out)(&encoder.take()))
    }

    fn piece(&mut self, batch: RecordBatch) -> Result<ControlFlow<()>, Error> {
        let Some(encoder) = &mut self.encoder else { return Ok(ControlFlow::Break(())) };
        encoder.append_batch(&batch)?;
        Ok((self.out)(&encoder.take()))
    }

    fn end(&mut self) -> Result<(), Error> {
        if let Some(encoder) = self.encoder.take() {
            // Who wants no more has been given all of it.
            let _ = (self.out)(&encoder.finish()?);
        }
        Ok(())
    }
}

/// Makes a piece of each batch.
type Piece<T> = fn(&RecordBatch) -> Result<T, Error>;

fn answered<T: Send + 'static>(
    sql: &str,
    source: Arc<dyn Source>,
    limits: Limits,
    stop: &Stop,
    piece: Piece<T>,
    taker: &mut dyn Take<T>,
) -> Result<Option<Reading>, Error> {
    let workers = job::workers(limits.threads)?;
    let result = Engine::new(limits).and_then(|engine| {
        let asked = ask(sql.to_owned(), source, engine, stop.clone(), piece);
        workers.block_on(async {
            let (schema, job) = Job::begin(workers.handle(), stop.clone(), asked).await?;
            take(&schema, job, taker).await
        })
    });
    job::end(workers);
    match result {
        Err(error) if error.reason() == Reason::Stopped => Ok(None),
        result => result.map(Some),
    }
}

async fn ask<T>(
    sql: String,
    source: Arc<dyn Source>,
    engine: Engine,
    stop: Stop,
    piece: Piece<T>,
) -> Result<(Answer, Piece<T>), Error> {
    let zone = zone::of(&source.zone())?;
    Ok((engine.session(&source, &zone)?.ask(&sql, &stop).await?, piece))
}

async fn take<T: Send + 'static>(
    schema: &SchemaRef,
    mut job: Job<T>,
    taker: &mut dyn Take<T>,
) -> Result<Reading, Error> {
    let mut taken = taker.begin(schema)?;
    while taken.is_continue() {
        match job.next().await? {
            Some(piece) => taken = taker.piece(piece)?,
            None => {
                taker.end()?;
                break;
            }
        }
    }
    Ok(job.reading())
}
