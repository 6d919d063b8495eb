//! Grouping what a store has committed, on several threads.
//!
//! Each thread takes parts of the store from the plan, brings in what matches of them ([`fetch`]: first the columns
//! that the filter reads, and of the others only what is around the rows that matched) and groups it. At the end
//! the threads' groups are merged (`group`).

use crate::error::Error;
use crate::group::{self, Grouping, Shared};
use crate::plan::{Part, Queue};
use crate::prune::Pruner;
use crate::query::{Condition, Query};
use crate::select::Selector;
use crate::table::{Statistics, Table};
use crate::thread::on_threads;
use crate::{Options, accounts, fetch};
use weir_flow::Spare;
use weir_store::Snapshot;

/// Answers a query from what a store has committed.
///
/// # Errors
/// A file of the store cannot be read ([`Error::Store`]), there are more groups than `options` allow memory
/// for ([`Error::Memory`]) or disk ([`Error::Disk`]), or it is given up ([`Error::Stopped`]).
pub fn run(snapshot: &Snapshot, query: &Query, options: &Options) -> Result<Table, Error> {
    query.check()?;
    if options.accounts
        && let Ok(plan) = accounts::plan(query, snapshot)
    {
        return accounts::run(snapshot, query, &plan, options);
    }
    let condition = query.condition();
    let pruner = Pruner::new(options.prune.then_some(&condition));
    let queue = Queue::new(snapshot, &pruner);
    let threads = options.threads();
    let shared = Shared::new(query, options, threads);
    let work = || {
        let done = Worker::new(query, &shared).work(&queue);
        if done.is_err() {
            queue.end();
        }
        done
    };
    let workers = on_threads(threads, work)?;
    let mut statistics = queue.statistics();
    workers.iter().for_each(|worker| statistics.add(&worker.statistics));
    let found = workers.into_iter().map(|worker| worker.grouping).collect();
    let mut table = group::answer(found, query, threads)?;
    table.statistics.add(&statistics);
    Ok(table)
}

/// One thread's part of the work.
struct Worker<'a> {
    condition: Condition<'a>,
    /// The columns that keys and measures read.
    columns: u64,
    grouping: Grouping<'a>,
    selector: Selector,
    /// What the part before was read into.
    spare: Spare,
    statistics: Statistics,
}

impl<'a> Worker<'a> {
    fn new(query: &'a Query, shared: &'a Shared) -> Self {
        Self {
            condition: query.condition(),
            columns: query.value_columns(),
            grouping: Grouping::new(shared, 0),
            selector: Selector::default(),
            spare: Spare::default(),
            statistics: Statistics::default(),
        }
    }

    /// Takes parts until there are none.
    fn work(mut self, queue: &Queue<'_>) -> Result<Self, Error> {
        while let Some(part) = queue.next()? {
            self.grouping.check()?;
            self.part(&part)?;
        }
        Ok(self)
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Error> {
        self.statistics.scanned_records += part.rows.rows() as u64;
        let Self { condition, columns, selector, spare, .. } = self;
        let Some(found) = fetch::matching(part, condition, *columns, selector, spare)? else {
            return Ok(());
        };
        self.statistics.matched_records += found.rows().len() as u64;
        self.grouping.add(&found.batch, found.rows())?;
        self.spare.put(found.batch);
        Ok(())
    }
}
