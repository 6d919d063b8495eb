//! Grouping what a store has committed, on several threads.
//!
//! Each thread takes parts of the store from the plan, brings in what matches of them ([`fetch`]: first the columns
//! that the filter reads, and of the others only what is around the rows that matched) and groups it. At the end
//! the threads' groups are merged.

use crate::error::Error;
use crate::group::{Grouping, Ranked, Share, Shared};
use crate::plan::{Part, Queue};
use crate::prune::Pruner;
use crate::query::{Condition, Query};
use crate::select::Selector;
use crate::table::{Statistics, Table};
use crate::{Options, accounts, fetch};
use foldhash::fast::RandomState;
use weir_flow::Spare;
use weir_store::Snapshot;

/// If the groups do not fit in memory at once, they are tried again in so many shares, one after the other, each
/// time reading everything: a limit bounds what has to be kept of each.
const PASSES: [u32; 5] = [1, 2, 4, 8, 16];

/// Answers a query from what a store has committed.
///
/// # Errors
/// A file of the store cannot be read ([`Error::Store`]), or there are more groups than `options` allow memory
/// for ([`Error::Memory`]).
pub fn run(snapshot: &Snapshot, query: &Query, options: &Options) -> Result<Table, Error> {
    query.check()?;
    if options.accounts
        && let Ok(plan) = accounts::plan(query, snapshot)
    {
        return accounts::run(snapshot, query, &plan, options);
    }
    let seed = RandomState::default();
    let in_passes = |of| {
        let pass = |part| one_pass(snapshot, query, options, Share { part, of }, &seed);
        let mut ranked = pass(0)?;
        let once = ranked.table.statistics;
        for part in 1..of {
            ranked = ranked.merge(&pass(part)?, query);
        }
        ranked.table.statistics = Statistics { passes: of.into(), ..once };
        Ok(ranked.table)
    };
    let [once, more @ ..] = PASSES;
    more.into_iter().fold(in_passes(once), |answer, of| match answer {
        Err(Error::Memory { .. }) if query.limit.is_some() => in_passes(of),
        answer => answer,
    })
}

/// Answers it for one share of the groups.
fn one_pass(
    snapshot: &Snapshot,
    query: &Query,
    options: &Options,
    share: Share,
    seed: &RandomState,
) -> Result<Ranked, Error> {
    let condition = query.condition();
    let pruner = Pruner::new(options.prune.then_some(&condition));
    let queue = Queue::new(snapshot, &pruner);
    let shared = Shared::new(query, options.memory_bytes, share, seed);
    let work = || {
        let done = Worker::new(query, &shared).work(&queue);
        if done.is_err() {
            queue.end();
        }
        done
    };
    let mut workers = on_threads(options.threads(), work)?.into_iter();
    let Some(mut first) = workers.next() else { return Err(Error::Thread) };
    for other in workers {
        first.statistics.add(&other.statistics);
        first.grouping.merge(other.grouping)?;
    }
    let mut ranked = first.grouping.table(query)?;
    ranked.table.statistics = queue.statistics();
    ranked.table.statistics.add(&first.statistics);
    Ok(ranked)
}

/// Does the same work on so many threads, this one among them.
///
/// # Errors
/// The first error of the work; [`Error::Thread`] if it panicked.
fn on_threads<R: Send>(threads: usize, work: impl Fn() -> Result<R, Error> + Sync) -> Result<Vec<R>, Error> {
    if threads <= 1 {
        return Ok(vec![work()?]);
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(&work)).collect();
        let mine = work();
        let others = others.into_iter().map(|thread| thread.join().unwrap_or(Err(Error::Thread)));
        std::iter::once(mine).chain(others).collect()
    })
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
            grouping: Grouping::new(shared),
            selector: Selector::default(),
            spare: Spare::default(),
            statistics: Statistics::default(),
        }
    }

    /// Takes parts until there are none.
    fn work(mut self, queue: &Queue<'_>) -> Result<Self, Error> {
        while let Some(part) = queue.next()? {
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
