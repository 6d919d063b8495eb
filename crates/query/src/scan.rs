//! Grouping what a store has committed, on several threads.
//!
//! Each thread takes parts of the store from the plan, brings in what matches of them ([`fetch`]: first the columns
//! that the filter reads, and of the others only what is around the rows that matched) and groups it. At the end
//! the threads' groups are merged (`group`). What earlier questions found of a segment is taken in as it is, and what is
//! found of a whole segment is kept for later ones (`kept`).

use crate::error::Error;
use crate::fetch::{self, Found, Wanted};
use crate::group::{self, Grouping, Shared, Shares};
use crate::kept::keeper::{Keeper, Side};
use crate::kept::lookup::{Known, Lookup, Whole};
use crate::plan::{Part, Queue, Work};
use crate::prune::Pruner;
use crate::query::{Condition, Query};
use crate::rollup::rows::Rolled;
use crate::rows::Rows;
use crate::select::Selector;
use crate::table::{Statistics, Table};
use crate::thread::on_threads;
use crate::{Options, accounts};
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
    match scan(snapshot, query, options) {
        // Groups of single segments were found apart, which takes more memory: without that, they may fit.
        Err(Error::Memory { .. } | Error::Disk { .. } | Error::Spill(..)) if options.cache.is_some() => {
            scan(snapshot, query, &Options { cache: None, ..options.clone() })
        }
        done => done,
    }
}

fn scan(snapshot: &Snapshot, query: &Query, options: &Options) -> Result<Table, Error> {
    let condition = query.condition();
    let pruner = Pruner::new(options.prune.then_some(&condition));
    let threads = options.threads();
    let shared = Shared::new(query, options, threads);
    let lookup = Lookup::new(snapshot.root(), query, options, &shared);
    let keeper = lookup.as_ref().map(|lookup| Keeper::new(lookup, &snapshot.segments));
    let queue = Queue::new(snapshot, &pruner, lookup.as_ref());
    let work = || {
        let done = Worker::new(query, &shared).work(&queue, keeper.as_ref());
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
    wanted: Wanted,
    grouping: Grouping<'a>,
    /// Those of a segment that are found apart.
    side: Option<Side<'a>>,
    shared: &'a Shared,
    selector: Selector,
    /// What the part before was read into.
    spare: Spare,
    statistics: Statistics,
}

impl<'a> Worker<'a> {
    fn new(query: &'a Query, shared: &'a Shared) -> Self {
        Self {
            condition: query.condition(),
            wanted: Wanted { columns: query.value_columns(), placed: query.placed() },
            grouping: Grouping::new(shared, 0),
            side: None,
            shared,
            selector: Selector::default(),
            spare: Spare::default(),
            statistics: Statistics::default(),
        }
    }

    /// Takes parts until there are none.
    fn work(mut self, queue: &Queue<'_>, keeper: Option<&Keeper<'a>>) -> Result<Self, Error> {
        let mut place = None;
        while let Some(work) = queue.next(&mut place)? {
            self.grouping.check()?;
            match (work, keeper) {
                (Work::Known(Known::Recalled(known)), _) => self.grouping.recall(&known)?,
                (Work::Known(Known::Rolled(rolled)), Some(keeper)) => {
                    self.turn_to(rolled.whole, keeper)?;
                    self.rolled(&rolled)?;
                }
                (Work::Known(Known::Rolled(rolled)), None) => self.rolled(&rolled)?,
                (Work::Rows(part), Some(keeper)) => {
                    self.turn_to(part.whole, keeper)?;
                    self.part(&part)?;
                    if self.side.as_ref().is_some_and(Side::is_too_large) {
                        self.hand_over(keeper)?;
                    }
                }
                (Work::Rows(part), None) => self.part(&part)?,
            }
        }
        if let Some(keeper) = keeper {
            self.hand_over(keeper)?;
        }
        Ok(self)
    }

    /// What comes next is of this segment, if its groups are found apart.
    fn turn_to(&mut self, whole: Option<Whole>, keeper: &Keeper<'a>) -> Result<(), Error> {
        if self.side.as_ref().is_some_and(|side| Some(side.whole) != whole) {
            self.hand_over(keeper)?;
        }
        if let Some(whole) = whole.filter(|whole| self.side.is_none() && !keeper.is_refused(*whole)) {
            let groups = Grouping::new(self.shared, 0);
            self.side = Some(Side { whole, groups, records: 0, parts: 0 });
        }
        Ok(())
    }

    /// What was found apart goes to where the others put theirs.
    fn hand_over(&mut self, keeper: &Keeper<'a>) -> Result<(), Error> {
        let Some(side) = self.side.take() else { return Ok(()) };
        keeper.hand_over(side)?.into_iter().try_for_each(|groups| self.grouping.absorb(groups))
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Error> {
        let rows = part.rows.rows() as u64;
        self.statistics.scanned_records += rows;
        self.statistics.untested_records += if part.is_sure { rows } else { 0 };
        let Self { condition, wanted, selector, spare, .. } = self;
        let found = fetch::matching(part, condition, *wanted, selector, spare)?;
        let mut of_others = 0;
        let (groups, records) = match &mut self.side {
            Some(side) => {
                side.parts += 1;
                (&mut side.groups, &mut side.records)
            }
            None => (&mut self.grouping, &mut of_others),
        };
        let Some(Found { mut batch, places, placed }) = found else { return Ok(()) };
        let rows = Rows::of(places.as_deref(), batch.len());
        let matched = rows.len() as u64;
        self.statistics.matched_records += matched;
        *records += matched;
        match placed {
            Some((column, placed)) => groups.add_placed(&mut batch, rows, column, &placed)?,
            None => groups.add(&batch, rows)?,
        }
        self.spare.put(batch);
        Ok(())
    }

    /// What a roll-up says of a segment, as far as it counts.
    fn rolled(&mut self, rolled: &Rolled) -> Result<(), Error> {
        // Which rows lie in the span was decided bucket by bucket.
        let condition = Condition { range: None, ..self.condition.clone() };
        if let Some(side) = &mut self.side {
            side.parts += 1;
        }
        rolled.each(|batch, flows| {
            let rows = self.selector.select(batch, &condition);
            let mut matched = 0;
            rows.each(&flows, |_, flows| matched += flows);
            self.statistics.matched_records += matched;
            let groups = match &mut self.side {
                Some(side) => {
                    side.records += matched;
                    &mut side.groups
                }
                None => &mut self.grouping,
            };
            groups.add_shares(batch, rows, &Shares { weights: flows, ..Shares::default() })
        })
    }
}
