//! Questions and answers.

use crate::cell::{Cell, Class, Shown};
use crate::error::{Error, Reason};
use crate::growth::{Allowance, LEFT_OUT};
use crate::meter::Meter;
use crate::rewrite::Rewrite;
use crate::source::{Shelf, Source};
use crate::stop::{self, Stop};
use crate::table::{self, Account, BATCH_ROWS, Content, Flows};
use crate::{function, growth, guard, held, sum, syntax};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ParamValues;
use datafusion::config::Dialect;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{FunctionRegistry, SendableRecordBatchStream, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use futures::StreamExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The catalog and the schema that the tables are in, as PostgreSQL's clients expect them.
pub(crate) const CATALOG: &str = "weir";
pub(crate) const SCHEMA: &str = "public";

/// What all questions together may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Memory for sorting, grouping and joining. What does not fit is spilled.
    pub memory_bytes: usize,
    /// Disk to spill to. What needs more is refused.
    pub spill_bytes: u64,
    /// Where that is. Folders of the engine's own are made in it, and removed. Where they cannot be made nothing is
    /// spilled: what does not fit is refused.
    pub spill_to: PathBuf,
    /// How many threads read and compute.
    pub threads: usize,
}

impl Default for Limits {
    /// 1 GiB, 16 GiB where the system keeps large temporary files, all cores.
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            spill_bytes: 16 << 30,
            spill_to: spill_to(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// `TMPDIR`, if somebody says so; else `/var/tmp`: what else is for temporary files is memory on many systems.
fn spill_to() -> PathBuf {
    match std::env::var_os("TMPDIR") {
        Some(folder) => folder.into(),
        None => Path::new("/var/tmp").into(),
    }
}

/// What questions share: memory, and room to spill.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    runtime: Arc<RuntimeEnv>,
    limits: Limits,
}

impl Engine {
    /// An engine with these limits.
    ///
    /// # Errors
    /// The engine does not take them, which would be a mistake of ours.
    pub(crate) fn new(limits: Limits) -> Result<Self, Error> {
        let environment = |mode| {
            let disk = DiskManagerBuilder::default()
                .with_mode(mode)
                .with_max_temp_directory_size(limits.spill_bytes);
            RuntimeEnvBuilder::new()
                .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)))
                .with_disk_manager_builder(disk)
                .build_arc()
        };
        let none = || environment(DiskManagerMode::Disabled);
        let runtime = if limits.spill_bytes == 0 {
            none()?
        } else {
            let folder = limits.spill_to.clone();
            environment(DiskManagerMode::Directories(vec![folder])).or_else(|_| none())?
        };
        Ok(Self { runtime, limits })
    }

    /// The tables of this store, for one question, whose times are those of this zone.
    ///
    /// # Errors
    /// The engine does not take a table or a function, which would be a mistake of ours.
    pub(crate) fn session(&self, source: &Arc<dyn Source>, zone: &Arc<str>) -> Result<Session, Error> {
        let mut config = SessionConfig::new()
            .with_information_schema(true)
            .with_default_catalog_and_schema(CATALOG, SCHEMA)
            .with_target_partitions(self.limits.threads)
            .with_batch_size(BATCH_ROWS);
        let options = config.options_mut();
        options.sql_parser.dialect = Dialect::PostgreSQL;
        options.sql_parser.collect_spans = true;
        options.execution.time_zone = Some(zone.to_string());
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&self.runtime))
            .with_default_features()
            .build();
        let context = SessionContext::new_with_state(state);
        let allowance = Allowance::new(self.limits.memory_bytes, self.limits.threads);
        {
            let state = context.state_ref();
            let mut state = state.write();
            let rewrite = Arc::new(Rewrite { joined: growth::joined(&allowance) });
            state.register_function_rewrite(Arc::clone(&rewrite) as _)?;
            state.register_expr_planner(rewrite)?;
            state.register_udaf(sum::exact())?;
            for name in LEFT_OUT {
                state.deregister_udf(name)?;
            }
            for function in function::all(&source.lookup()) {
                state.register_udf(function)?;
            }
        }
        let (meter, shelf) = (Meter::default(), Arc::new(Shelf::new(Arc::clone(source))));
        context.register_table("flows", Arc::new(Flows::new(Arc::clone(&shelf), meter.clone(), zone)))?;
        for content in Content::ALL {
            context
                .register_table(content.name(), Arc::new(Account::new(content, Arc::clone(&shelf), zone)))?;
        }
        Ok(Session { context, meter, shelf, allowance })
    }
}

/// The tables of a store, for one question.
pub(crate) struct Session {
    context: SessionContext,
    meter: Meter,
    shelf: Arc<Shelf>,
    /// What its functions may make at once.
    allowance: Allowance,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// The engine's own session.
    pub(crate) fn context(&self) -> &SessionContext {
        &self.context
    }

    /// What a question means, or why it is none.
    ///
    /// # Errors
    /// It is not understood, or no question.
    pub(crate) async fn plan(&self, sql: &str) -> Result<LogicalPlan, Error> {
        let mut statements = guard::parsed(sql)?;
        let statement = match (statements.pop_front(), statements.len()) {
            (Some(statement), 0) => statement,
            (Some(_), _) => {
                return Err(Error::new(Reason::Wrong, "there is more than one question: ask one at a time"));
            }
            (None, _) => {
                return Err(Error::new(
                    Reason::Wrong,
                    "there is no question, as: SELECT count(*) FROM flows",
                ));
            }
        };
        self.plan_statement(statement).await
    }

    /// The same of a statement that is parsed.
    pub(crate) async fn plan_statement(&self, mut statement: Statement) -> Result<LogicalPlan, Error> {
        syntax::plain(&mut statement);
        guard::statement(&statement)?;
        let plan = self.context.state().statement_to_plan(statement).await?;
        guard::plan(&plan)?;
        Ok(growth::in_calls(plan, &self.allowance)?)
    }

    /// Begins to answer.
    ///
    /// # Errors
    /// It is not understood, not allowed, or cannot be answered.
    pub(crate) async fn ask(&self, sql: &str, stop: &Stop) -> Result<Answer, Error> {
        let plan = self.plan(sql).await?;
        self.execute(plan, None, stop).await
    }

    /// Begins to answer a planned question with the values of its parameters.
    pub(crate) async fn execute(
        &self,
        plan: LogicalPlan,
        values: Option<ParamValues>,
        stop: &Stop,
    ) -> Result<Answer, Error> {
        let plan = match values {
            Some(values) => {
                guard::values(&values)?;
                plan.with_param_values(values)?
            }
            None => plan,
        };
        let (state, plan) = self.context.execute_logical_plan(plan).await?.into_parts();
        let plan = stop::in_conditions(state.optimize(&plan)?, stop)?;
        if let Some(span) = table::span_of(&plan)? {
            self.shelf.take(&span).map_err(table::store)?;
        }
        let plan = state.query_planner().create_physical_plan(&plan, &state).await?;
        let plan = stop::between_batches(held::by_windows(plan)?)?;
        let stream = execute_stream(plan, state.task_ctx())?;
        Ok(Answer { stream, meter: self.meter.clone() })
    }

    /// The columns that a planned question will give, with the types they will have.
    pub(crate) fn schema(&self, plan: &LogicalPlan) -> SchemaRef {
        let state = self.context.state();
        // Types are settled only then. A question whose parameters have no types yet has those that are planned.
        let settled = state.analyzer().execute_and_check(plan.clone(), state.config_options(), |_, _| {});
        Arc::new(settled.as_ref().unwrap_or(plan).schema().as_arrow().clone())
    }
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub class: Class,
}

/// An answer, whose rows come as they are found.
pub(crate) struct Answer {
    stream: SendableRecordBatchStream,
    meter: Meter,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

impl Answer {
    /// Its columns.
    pub(crate) fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// The store cannot be read, or memory or disk do not suffice.
    pub(crate) async fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        Ok(self.stream.next().await.transpose()?)
    }

    /// What counts the reading for it.
    pub(crate) fn meter(&self) -> Meter {
        self.meter.clone()
    }
}

/// The columns of an answer.
pub(crate) fn heads(schema: &SchemaRef) -> Vec<Head> {
    let fields = schema.fields().iter();
    fields.map(|field| Head { name: field.name().clone(), class: Class::of(field.data_type()) }).collect()
}

/// The rows of a batch, cell by cell.
pub(crate) fn rows(batch: &RecordBatch) -> Result<Vec<Vec<Cell>>, Error> {
    let shown = batch.columns().iter().map(Shown::new).collect::<Result<Vec<_>, _>>()?;
    (0..batch.num_rows()).map(|row| shown.iter().map(|column| column.cell(row)).collect()).collect()
}
