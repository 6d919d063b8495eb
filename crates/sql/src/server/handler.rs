//! The protocol's two ways to ask: a text of statements (simple), and prepared statements (extended).

use super::answer::{Answers, Prepared};
use super::statement::{Meaning, read};
use super::{parameter, problem, value};
use async_trait::async_trait;
use futures::{SinkExt, StreamExt};
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::api::results::{
    DescribePortalResponse, DescribeResponse, DescribeStatementResponse, FieldInfo, Response, Tag,
};
use pgwire::api::stmt::{QueryParser, StoredStatement};
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME, PgWireConnectionState, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::extendedquery::{Execute, PortalSuspended};
use pgwire::messages::startup::ParameterStatus;
use std::fmt::Debug;
use std::sync::Arc;

#[async_trait]
impl SimpleQueryHandler for Answers {
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + futures::Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as futures::Sink<PgWireBackendMessage>>::Error>,
    {
        let mut responses = Vec::new();
        for meaning in read(query).map_err(|error| problem(&error))? {
            let meaning = self.settled(meaning, client).map_err(|error| problem(&error))?;
            tell_zone(client, &meaning).await?;
            responses.push(match &meaning {
                Meaning::Ask(statement) => self.ask(statement, client, &Format::UnifiedText, None).await?,
                other => match Self::without_engine(other) {
                    Some(response) => response?,
                    None => continue,
                },
            });
        }
        Ok(responses)
    }
}

/// Tells a client the zone that it set: some read times by that.
async fn tell_zone<C>(client: &mut C, meaning: &Meaning) -> PgWireResult<()>
where
    C: futures::Sink<PgWireBackendMessage> + Unpin + Send + Sync,
    PgWireError: From<<C as futures::Sink<PgWireBackendMessage>>::Error>,
{
    let Meaning::Zone(Some(zone)) = meaning else { return Ok(()) };
    let status = ParameterStatus::new("TimeZone".to_owned(), zone.clone());
    Ok(client.send(PgWireBackendMessage::ParameterStatus(status)).await?)
}

#[async_trait]
impl QueryParser for Answers {
    type Statement = Prepared;

    async fn parse_sql<C>(
        &self,
        client: &C,
        sql: &str,
        types: &[Option<Type>],
    ) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        self.prepare(sql, types, client).await.map_err(|error| problem(&error))
    }

    fn get_parameter_types(&self, statement: &Prepared) -> PgWireResult<Vec<Type>> {
        Ok(statement.parameters.iter().map(|(pg_type, _)| pg_type.clone()).collect())
    }

    fn get_result_schema(
        &self,
        statement: &Prepared,
        format: Option<&Format>,
    ) -> PgWireResult<Vec<FieldInfo>> {
        let format = format.unwrap_or(&Format::UnifiedText);
        Ok(statement.schema.as_ref().map(|schema| value::fields(schema, format)).unwrap_or_default())
    }
}

#[async_trait]
impl ExtendedQueryHandler for Answers {
    type Statement = Prepared;
    type QueryParser = Self;

    fn query_parser(&self) -> Arc<Self> {
        Arc::new(self.clone())
    }

    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + futures::Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as futures::Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let Some(Entry::Value(portal)) = client.portal_store().get_portal(name) else {
            return self._on_execute(client, message).await;
        };
        // What has no rows is pgwire's to say. Of rows it would collect all that a client asks for at once, before it
        // sends the first, and make room for them first.
        if !matches!(portal.statement.statement.meaning, Meaning::Ask(_)) {
            return self._on_execute(client, message).await;
        }
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        client.set_state(PgWireConnectionState::QueryInProgress);
        let state = portal.state();
        let mut state = state.lock().await;
        if matches!(*state, PortalExecutionState::Initial)
            && let Response::Query(rows) = ExtendedQueryHandler::do_query(self, client, &portal, 0).await?
        {
            *state = PortalExecutionState::Suspended(rows);
        }
        let rows_max = usize::try_from(message.max_rows).ok().filter(|rows| *rows > 0);
        let sent = send_rows(client, &mut state, rows_max.unwrap_or(usize::MAX)).await?;
        let last = match *state {
            PortalExecutionState::Suspended(_) => {
                PgWireBackendMessage::PortalSuspended(PortalSuspended::new())
            }
            _ => PgWireBackendMessage::CommandComplete(Tag::new("SELECT").with_rows(sent).into()),
        };
        client.send(last).await?;
        client.set_state(PgWireConnectionState::ReadyForQuery);
        Ok(())
    }

    async fn do_query<C>(&self, client: &mut C, portal: &Portal<Prepared>, _: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + futures::Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as futures::Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &portal.statement.statement;
        let meaning = self.settled(prepared.meaning.clone(), client).map_err(|error| problem(&error))?;
        tell_zone(client, &meaning).await?;
        match &meaning {
            Meaning::Ask(statement) => {
                let values = parameter::values(portal, &prepared.parameters)?;
                let values = (!values.is_empty()).then_some(values);
                self.ask(statement, client, &portal.result_column_format, values).await
            }
            other => Self::without_engine(other).unwrap_or(Ok(Response::EmptyQuery)),
        }
    }

    async fn do_describe_statement<C>(
        &self,
        _: &mut C,
        statement: &StoredStatement<Prepared>,
    ) -> PgWireResult<DescribeStatementResponse>
    where
        C: ClientInfo + ClientPortalStore + futures::Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as futures::Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &statement.statement;
        let types = self.get_parameter_types(prepared)?;
        Ok(match prepared.schema {
            Some(_) => DescribeStatementResponse::new(types, self.get_result_schema(prepared, None)?),
            None => DescribeStatementResponse::no_data(),
        })
    }

    async fn do_describe_portal<C>(
        &self,
        _: &mut C,
        portal: &Portal<Prepared>,
    ) -> PgWireResult<DescribePortalResponse>
    where
        C: ClientInfo + ClientPortalStore + futures::Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as futures::Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &portal.statement.statement;
        Ok(match prepared.schema {
            Some(_) => DescribePortalResponse::new(
                self.get_result_schema(prepared, Some(&portal.result_column_format))?,
            ),
            None => DescribePortalResponse::no_data(),
        })
    }
}

/// Sends the next rows of a portal, as they come; how many. After the last the portal is finished.
async fn send_rows<C>(
    client: &mut C,
    state: &mut PortalExecutionState,
    rows_max: usize,
) -> PgWireResult<usize>
where
    C: futures::Sink<PgWireBackendMessage> + Unpin + Send,
    PgWireError: From<<C as futures::Sink<PgWireBackendMessage>>::Error>,
{
    let mut sent = 0;
    while let PortalExecutionState::Suspended(rows) = state {
        if sent == rows_max {
            break;
        }
        match rows.data_rows().next().await.transpose()? {
            Some(row) => client.feed(PgWireBackendMessage::DataRow(row)).await?,
            None => {
                *state = PortalExecutionState::Finished;
                break;
            }
        }
        sent += 1;
    }
    Ok(sent)
}
