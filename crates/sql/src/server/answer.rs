//! Statements answered: what is asked is planned and computed by the engine's threads, and its rows come as they are found.

use super::cancel::{Running, Ticket};
use super::parameter;
use super::statement::{Meaning, read};
use super::{auth, catalog, problem, value};
use crate::error::{Error, Reason};
use crate::job::Job;
use crate::session::{Engine, Session};
use crate::source::Source;
use crate::stop::Stop;
use crate::zone;
use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use futures::stream;
use pgwire::api::portal::Format;
use pgwire::api::results::{QueryResponse, Response, Tag};
use pgwire::api::{ClientInfo, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::data::DataRow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Answers everybody's statements.
#[derive(Clone)]
pub(super) struct Answers {
    pub(super) engine: Engine,
    pub(super) source: Arc<dyn Source>,
    pub(super) running: Arc<Running>,
    pub(super) time_max: Duration,
    /// The threads that compute.
    pub(super) workers: Handle,
}

/// A statement that is understood, and what it will give.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) meaning: Meaning,
    /// The types of its parameters, for the client and for the engine.
    pub(super) parameters: Vec<(Type, DataType)>,
    /// The columns of its answer, if it has one.
    pub(super) schema: Option<SchemaRef>,
}

/// A column of text, of what is answered without the engine.
fn words<'a>(names: impl IntoIterator<Item = &'a str>) -> SchemaRef {
    let fields: Vec<Field> = names.into_iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    Arc::new(Schema::new(fields))
}

impl Answers {
    /// The tables, with the catalogs.
    async fn session(&self, user: &str, zone: &Arc<str>) -> Result<Session, Error> {
        let session = self.engine.session(&self.source, zone)?;
        catalog::add(&session, user, zone).await?;
        Ok(session)
    }

    async fn plan(
        &self,
        statement: &Statement,
        (user, zone): &(String, Arc<str>),
    ) -> Result<(Session, LogicalPlan), Error> {
        let session = self.session(user, zone).await?;
        let plan = session.plan_statement(statement.clone()).await?;
        Ok((session, plan))
    }

    /// What a statement gives that needs no engine; `None` if it needs one.
    pub(super) fn without_engine(meaning: &Meaning) -> Option<PgWireResult<Response>> {
        Some(Ok(match meaning {
            Meaning::Ask(_) => return None,
            Meaning::Begin => Response::TransactionStart(Tag::new("BEGIN")),
            Meaning::End(word) => Response::TransactionEnd(Tag::new(word)),
            Meaning::Done(word) => Response::Execution(Tag::new(word)),
            Meaning::Zone(_) => Response::Execution(Tag::new("SET")),
            Meaning::Nothing(columns) => {
                let fields = value::fields(&words(columns.iter().map(String::as_str)), &Format::UnifiedText);
                Response::Query(QueryResponse::new(Arc::new(fields), stream::empty()))
            }
            Meaning::Show(name, setting) => match shown(name, setting) {
                Ok(response) => response,
                Err(error) => return Some(Err(problem(&error))),
            },
        }))
    }

    /// Understands a text, which is one statement; `None` if it is none.
    pub(super) async fn prepare(
        &self,
        sql: &str,
        types: &[Option<Type>],
        client: &impl ClientInfo,
    ) -> Result<Option<Prepared>, Error> {
        let mut meanings = read(sql)?;
        if meanings.len() > 1 {
            return Err(Error::new(Reason::Wrong, "a prepared statement is one statement"));
        }
        let Some(meaning) = meanings.pop() else { return Ok(None) };
        let (parameters, schema) = match &meaning {
            Meaning::Ask(statement) => {
                let ticket = self.running.begin(client, self.time_max);
                let (answers, statement, whose) = (self.clone(), statement.clone(), self.whose(client)?);
                let types = types.to_vec();
                let planned = async move {
                    let (session, plan) = answers.plan(&statement, &whose).await?;
                    Ok((parameter::types(&plan, &types)?, session.schema(&plan)))
                };
                let (types, schema) = elsewhere(&self.workers, ticket.stop(), planned).await?;
                (types, Some(schema))
            }
            Meaning::Nothing(columns) => (Vec::new(), Some(words(columns.iter().map(String::as_str)))),
            Meaning::Show(name, _) => (Vec::new(), Some(words([name.as_str()]))),
            Meaning::Begin | Meaning::End(_) | Meaning::Done(_) | Meaning::Zone(_) => (Vec::new(), None),
        };
        Ok(Some(Prepared { meaning, parameters, schema }))
    }

    /// Who asks, and in which zone: what the client set last, else what it came with, else the store's. What it came with may be
    /// a name of its own system, and is passed over then.
    fn whose(&self, client: &impl ClientInfo) -> Result<(String, Arc<str>), Error> {
        let zone = client.metadata().get(ZONE).map_or_else(
            || auth::zone(client).map_or_else(|| zone::of(&self.source.zone()), Ok),
            |name| zone::of(name),
        )?;
        Ok((user(client), zone))
    }

    /// What a statement means to this client: one that is about its zone changes that.
    ///
    /// # Errors
    /// There is no such zone.
    pub(super) fn settled(&self, meaning: Meaning, client: &mut impl ClientInfo) -> Result<Meaning, Error> {
        Ok(match meaning {
            Meaning::Zone(asked) => {
                let name = asked.map_or_else(|| Ok(Arc::from(self.source.zone())), |name| zone::of(&name))?;
                client.metadata_mut().insert(ZONE.to_owned(), name.to_string());
                Meaning::Zone(Some(name.to_string()))
            }
            Meaning::Show(name, _) if name == "timezone" => {
                let (_, zone) = self.whose(client)?;
                Meaning::Show(name, zone.to_string())
            }
            other => other,
        })
    }

    /// Begins to answer, in these formats.
    pub(super) async fn ask(
        &self,
        statement: &Statement,
        client: &impl ClientInfo,
        format: &Format,
        values: Option<Vec<ScalarValue>>,
    ) -> PgWireResult<Response> {
        let ticket = self.running.begin(client, self.time_max);
        let whose = self.whose(client).map_err(|error| problem(&error))?;
        let (answers, statement) = (self.clone(), statement.clone());
        let (stop, formats) = (ticket.stop(), format.clone());
        let begin = async move {
            let (session, plan) = answers.plan(&statement, &whose).await?;
            let answer = session.execute(plan, values.map(Into::into), &stop).await?;
            let fields = value::fields(&answer.schema(), &formats);
            Ok((answer, move |batch: &RecordBatch| value::rows(batch, &fields)))
        };
        let begun = Job::begin(&self.workers, ticket.stop(), begin).await;
        let (schema, job) = begun.map_err(|error| problem(&error))?;
        let flow = Flow { job, _ticket: ticket, rows: VecDeque::new() };
        let rows =
            stream::try_unfold(flow, |mut flow| async move { Ok(flow.next().await?.map(|row| (row, flow))) });
        Ok(Response::Query(QueryResponse::new(Arc::new(value::fields(&schema, format)), rows)))
    }
}

/// Where a connection keeps the zone that was set on it. No client can come with such a name.
const ZONE: &str = "\0zone";

/// Whose question it is.
fn user(client: &impl ClientInfo) -> String {
    client.metadata().get("user").cloned().unwrap_or_default()
}

/// A setting, as an answer.
fn shown(name: &str, setting: &str) -> Result<Response, Error> {
    let schema = words([name]);
    let fields = Arc::new(value::fields(&schema, &Format::UnifiedText));
    let batch = RecordBatch::try_new(schema, vec![Arc::new(StringArray::from(vec![setting]))])?;
    let rows = value::rows(&batch, &fields)?;
    Ok(Response::Query(QueryResponse::new(fields, stream::iter(rows.into_iter().map(Ok)))))
}

/// Waits for work that other threads do, but no longer than until it is to stop.
async fn elsewhere<T: Send + 'static>(
    workers: &Handle,
    stop: Stop,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let mut task = workers.spawn(work);
    tokio::select! {
        biased;
        why = stop.wait() => {
            task.abort();
            Err(why.into())
        }
        done = &mut task => done.unwrap_or_else(|_| Err(crate::job::broken())),
    }
}

/// An answer on its way.
struct Flow {
    job: Job<Vec<DataRow>>,
    /// As long as it is there, the question may be stopped.
    _ticket: Ticket,
    rows: VecDeque<DataRow>,
}

impl Flow {
    async fn next(&mut self) -> Result<Option<DataRow>, PgWireError> {
        loop {
            if let Some(row) = self.rows.pop_front() {
                return Ok(Some(row));
            }
            match self.job.next().await.map_err(|error| problem(&error))? {
                Some(rows) => self.rows = rows.into(),
                None => return Ok(None),
            }
        }
    }
}
