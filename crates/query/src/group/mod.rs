//! Grouping: from the rows of many batches to one sum for each distinct key.
//!
//! Each thread has a [`Grouping`] of its own. Rows come as a batch and the places in it that matched; their keys
//! are packed into words column by column ([`key`]), the words are looked up ([`index`]), and each measure's
//! column is added in one loop ([`entry`]). At the end the threads' groups are merged and ordered ([`top`]); where they do
//! not fit in memory they go to disk in between ([`spill`]) and are merged part by part ([`parts`]).

mod entry;
mod index;
mod key;
mod map;
mod narrow;
mod packed;
mod parts;
mod placed;
mod ranked;
mod spill;
mod spread;
mod top;
mod worked;

use crate::Options;
use crate::budget::{Budget, Full};
use crate::error::Error;
use crate::key::Key;
use crate::name::Names;
use crate::query::Query;
use crate::rows::Rows;
use crate::stop::Stop;
use crate::table::{Cell, Table};
use foldhash::fast::RandomState;
pub(crate) use key::{Layout, unordered};
pub(crate) use map::Sums;
use map::{Groups, Progress, Scheme};
pub(crate) use packed::Packed;
pub(crate) use parts::answer;
use placed::Placed;
use ranked::Ranked;
pub(crate) use spill::Page;
pub(crate) use spill::leaves_room;
use spill::{Disk, LEVELS, Run, Runs};
use spread::Spread;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use weir_flow::{Batch, Column, Values};
use weir_store::segment::Places;
use worked::{Beside, Work};
pub(crate) use worked::{Shares, time};

/// Groups are read from disk so many at a time.
const PAGE_GROUPS: usize = 8192;

/// What the groupings of all threads of one query share.
#[derive(Debug)]
pub(crate) struct Shared {
    scheme: Scheme,
    names: Names,
    budget: Budget<'static>,
    /// What a thread may have of it, before it writes its groups to disk.
    table_bytes: usize,
    disk: Option<Disk>,
    keys: Vec<Key>,
    work: Work,
    spread: Option<Spread>,
    stop: Stop,
    /// The rows of the answer so far, of all parts.
    rows: AtomicUsize,
}

impl Shared {
    /// For the groups of a query, on so many threads.
    pub(crate) fn new(query: &Query, options: &Options, threads: usize) -> Self {
        let scheme = Scheme {
            layout: Layout::new(&query.keys),
            measures: query.summed(),
            seed: RandomState::default(),
        };
        let spread = Spread::new(query);
        let work = Work {
            keys: key::worked_out(&query.keys),
            civil: query.civil.clone(),
            membership: query.membership.clone(),
            fine_ms: spread.as_ref().map_or(weir_flow::time::BIN_MS, |spread| spread.fine_ms),
        };
        let disk = options.spill.clone().map(Disk::new);
        // Without a disk whoever needs memory takes it; else none takes so much that another must write tiny runs, and a
        // quarter is left for the rows of the answer.
        let part = options.memory_bytes / threads.max(1) / 4 * 3;
        let table_bytes = disk.as_ref().map_or(usize::MAX, |disk| disk.table_bytes().min(part));
        Self {
            scheme,
            names: Names::default(),
            budget: Budget::new(options.memory_bytes),
            table_bytes,
            disk,
            keys: query.keys.clone(),
            work,
            spread,
            stop: options.stop.clone(),
            rows: AtomicUsize::new(0),
        }
    }

    /// Groups that were kept, in the numbers of this question; `None` where they are not those of one like it, or where
    /// there is no memory for their names.
    pub(crate) fn understand(&self, kept: Packed) -> Option<Recalled> {
        let widths = self.scheme.layout.widths();
        let is_alike = |page: &Page, width: usize| {
            page.key_words() == width && page.measures() == self.scheme.measures.len()
        };
        if !kept.halves.iter().zip(widths).all(|(page, width)| is_alike(page, width)) {
            return None;
        }
        let numbers = self.names.number_kept(&kept.names, &self.budget).ok()?;
        let mut number = |old: u64| numbers.get(usize::try_from(old).ok()?).map(|new| u64::from(*new));
        let mut halves = kept.halves;
        for page in &mut halves {
            for key in page.keys_mut() {
                self.scheme.layout.renumber(key, &mut number)?;
            }
        }
        Some(Recalled(halves))
    }

    /// What the groups are.
    fn what(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(Key::to_string).collect();
        format!("groups by {}", keys.join(", "))
    }

    /// What a row of the answer takes.
    fn row_bytes(&self) -> usize {
        self.scheme.measures.len() * size_of::<u128>() + self.keys.len() * size_of::<Option<Cell>>()
    }

    /// The rows of the answer so far, and so many more, do not fit.
    fn too_many_rows(&self, more: usize) -> Error {
        let rows = self.rows.load(Ordering::Relaxed).saturating_add(more);
        let cure = "ask for the first of them only, narrow the time span or the filter, or allow more memory";
        Error::Memory {
            count: rows,
            of: self.what(),
            limit_bytes: self.budget.limit_bytes(),
            cure: cure.to_owned(),
        }
    }
}

/// Groups that were kept, in the numbers of a question.
#[derive(Debug)]
pub(crate) struct Recalled([Page; 2]);

/// The groups of one thread.
pub(crate) struct Grouping<'a> {
    shared: &'a Shared,
    /// This thread's part of the memory.
    budget: Budget<'a>,
    /// Rows whose keys are all known.
    complete: Box<dyn Groups>,
    /// Rows where at least one key is unknown.
    partial: Box<dyn Groups>,
    /// What is on disk of it, parted by these bits of the hash.
    runs: Runs,
    level: u32,
    /// The names of the last batch: batches of one segment share them.
    translated: Arc<[Box<str>]>,
    /// Their numbers, those of the last batch's text, and what was worked out of it.
    beside: Beside,
    /// Places of rows, kept for the memory only.
    split: (Vec<u32>, Vec<u32>),
    whole: Vec<u32>,
}

impl fmt::Debug for Grouping<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grouping").field("groups", &self.len()).finish_non_exhaustive()
    }
}

impl<'a> Grouping<'a> {
    /// No groups yet; `level` is how often they were parted before, 0 for the rows of the store.
    pub(crate) fn new(shared: &'a Shared, level: u32) -> Self {
        Self {
            shared,
            budget: shared.budget.part(shared.table_bytes),
            runs: Runs::default(),
            level,
            complete: shared.scheme.complete(),
            partial: shared.scheme.partial(),
            translated: Arc::default(),
            beside: Beside::default(),
            split: Default::default(),
            whole: Vec::new(),
        }
    }

    /// # Errors
    /// The question is given up.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.shared.stop.check()
    }

    /// Adds these rows, spread over time if the query asks for that.
    ///
    /// # Errors
    /// There is no memory left for the groups.
    pub(crate) fn add(&mut self, batch: &Batch, rows: Rows<'_>) -> Result<(), Error> {
        let Some(spread) = &self.shared.spread else {
            return self.add_shares(batch, rows, &Shares::default());
        };
        let mut whole = std::mem::take(&mut self.whole);
        let split = spread.split(batch, rows, &mut whole, |parts| {
            let rows = batch.gather(&parts.rows);
            self.add_shares(&rows, Rows::Span(0, rows.len()), &parts.shares)
        });
        let added = split.and_then(|()| self.add_shares(batch, Rows::Picked(&whole), &Shares::default()));
        self.whole = whole;
        added
    }

    /// Adds these rows as they are. `shares` says, by row of the batch, what they are where they are parts of flows.
    ///
    /// # Errors
    /// There is no memory left for the groups.
    pub(crate) fn add_shares(&mut self, batch: &Batch, rows: Rows<'_>, shares: &Shares) -> Result<(), Error> {
        self.shared.stop.check()?;
        self.translate(batch, rows).map_err(|Full| self.full())?;
        self.beside.shares.clone_from(shares);
        self.beside.work(&self.shared.work, batch, rows);
        self.add_split(batch, rows, |groups, rows, partial| groups.add_some(batch, rows, partial))
    }

    /// Adds rows whose keys are all made of one address, of which is known where in a list it is: the batch has no such
    /// column, but says which rows have an address. They must not be parts of flows.
    ///
    /// # Errors
    /// There is no memory left for the groups.
    pub(crate) fn add_placed(
        &mut self,
        batch: &mut Batch,
        rows: Rows<'_>,
        column: Column,
        places: &Places,
    ) -> Result<(), Error> {
        self.shared.stop.check()?;
        self.beside.shares = Shares::default();
        self.beside.work(&self.shared.work, batch, rows);
        let scheme = &self.shared.scheme;
        let mut is_done = true;
        self.add_split(batch, rows, |groups, rows, partial| {
            if partial {
                return groups.add_some(batch, rows, true);
            }
            let Ok(placed) = Placed::new(batch, rows, places, &scheme.measures, &groups.budget) else {
                is_done = false;
                return Ok(());
            };
            let keys = placed.keys(places, column);
            let added = groups.fill(false, |groups, budget, progress| {
                groups.add_sums(&keys, &placed, scheme, budget, progress)
            });
            placed.end(&groups.budget);
            added
        })?;
        if is_done {
            return Ok(());
        }
        batch.load(column, places.values());
        let add_known = |groups: &mut Self, rows: Rows<'_>, partial| {
            if partial { Ok(()) } else { groups.add_some(batch, rows, false) }
        };
        self.add_split(batch, rows, add_known)
    }

    /// Hands rows on, first those whose keys are all known, then the others.
    fn add_split(
        &mut self,
        batch: &Batch,
        rows: Rows<'_>,
        mut add: impl FnMut(&mut Self, Rows<'_>, bool) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mask = self.shared.scheme.layout.mask();
        let mut all = u64::MAX;
        rows.each(self.beside.present(batch), |_, present| all &= present);
        if all & mask == mask {
            return add(self, rows, false);
        }
        let (mut known, mut unknown) = std::mem::take(&mut self.split);
        known.clear();
        unknown.clear();
        let present = self.beside.present(batch);
        for place in rows.places() {
            let known_here = present.get(place as usize).is_some_and(|p| p & mask == mask);
            if known_here { known.push(place) } else { unknown.push(place) }
        }
        let added =
            add(self, Rows::Picked(&known), false).and_then(|()| add(self, Rows::Picked(&unknown), true));
        self.split = (known, unknown);
        added
    }

    /// Adds rows whose keys are all known, or rows where one is not.
    fn add_some(&mut self, batch: &Batch, rows: Rows<'_>, partial: bool) -> Result<(), Error> {
        let scheme = &self.shared.scheme;
        let beside = std::mem::take(&mut self.beside);
        let added = self.fill(partial, |groups, budget, progress| {
            groups.add(batch, rows, &beside, scheme, budget, progress)
        });
        self.beside = beside;
        added
    }

    /// Lets groups take something in, piece by piece. Where there is no memory for a piece, what there is goes to disk; where
    /// there is nothing, the pieces are too large.
    fn fill(
        &mut self,
        partial: bool,
        mut step: impl FnMut(&mut dyn Groups, &Budget<'a>, &mut Progress) -> Result<(), Full>,
    ) -> Result<(), Error> {
        let mut progress = Progress::start();
        loop {
            let groups = if partial { &mut self.partial } else { &mut self.complete };
            match step(groups.as_mut(), &self.budget, &mut progress) {
                Ok(()) => return Ok(()),
                Err(Full) if self.len() > 0 => self.spill()?,
                Err(Full) if progress.piece > 1 => {
                    progress.piece /= 2;
                    // What was taken for the larger piece.
                    self.complete.clear(&self.shared.scheme, &self.budget);
                    self.partial.clear(&self.shared.scheme, &self.budget);
                }
                Err(Full) => return Err(self.full()),
            }
        }
    }

    /// Sees to it that this batch's names and the text of these rows have numbers.
    fn translate(&mut self, batch: &Batch, rows: Rows<'_>) -> Result<(), Full> {
        let Shared { scheme, names, budget, work, .. } = self.shared;
        if scheme.layout.has_names() && !Arc::ptr_eq(batch.names(), &self.translated) {
            self.translated = Arc::clone(batch.names());
            self.beside.numbers.names = names.translate(batch.names());
            let group = |depth| (depth, names.translate_groups(batch.names(), &work.membership, depth));
            self.beside.numbers.groups = work.depths().map(group).collect();
        }
        self.beside.numbers.text.clear();
        for column in scheme.layout.texts() {
            if let Values::Bytes(strings) = batch.values(column) {
                let numbers = names.number_text(batch, column, strings, rows, budget)?;
                self.beside.numbers.text.push((column, numbers));
            }
        }
        Ok(())
    }

    /// Adds the groups of another thread.
    ///
    /// # Errors
    /// There is no memory left for the groups.
    fn merge(&mut self, mut other: Self) -> Result<(), Error> {
        other.complete.end(&other.budget);
        other.partial.end(&other.budget);
        for (groups, partial) in [(&other.complete, false), (&other.partial, true)] {
            self.take_in(groups.as_sums(), partial)?;
        }
        Ok(())
    }

    /// Adds the groups that were found of a part of the store alone, wherever they are.
    ///
    /// # Errors
    /// There is no memory left for the groups.
    pub(crate) fn absorb(&mut self, mut other: Self) -> Result<(), Error> {
        self.runs.append(other.take_runs());
        self.merge(other)
    }

    /// The groups as bytes, of which so many records are.
    pub(crate) fn pack(&self, records: u64) -> Vec<u8> {
        let halves = [self.complete.as_sums(), self.partial.as_sums()];
        packed::encode(halves, &self.shared.scheme.layout, &self.shared.names.list(), records)
    }

    /// Adds groups that were kept.
    ///
    /// # Errors
    /// There is no memory left for the groups.
    pub(crate) fn recall(&mut self, kept: &Recalled) -> Result<(), Error> {
        for (groups, partial) in kept.0.iter().zip([false, true]) {
            self.take_in(groups, partial)?;
        }
        Ok(())
    }

    /// Adds groups whose keys are all known, or where one is not.
    fn take_in(&mut self, other: &dyn Sums, partial: bool) -> Result<(), Error> {
        self.shared.stop.check()?;
        self.fill(partial, |groups, budget, progress| groups.merge(other, budget, progress))
    }

    /// Adds groups that are on disk.
    fn load(&mut self, run: Run) -> Result<(), Error> {
        let Some(disk) = &self.shared.disk else { return Err(self.full()) };
        let groups = if run.partial { &self.partial } else { &self.complete };
        let (key_words, measures) = (groups.key_words(), groups.measures());
        for from in (0..run.groups).step_by(PAGE_GROUPS) {
            let page = disk.read(run, from, PAGE_GROUPS, key_words, measures);
            let page = page.map_err(|denied| disk.error(denied, self.shared.what(), String::new()))?;
            self.take_in(&page, run.partial)?;
        }
        Ok(())
    }

    /// Writes all groups to disk, and begins anew.
    ///
    /// # Errors
    /// There is no disk to write to, or no room on it.
    fn spill(&mut self) -> Result<(), Error> {
        self.shared.stop.check()?;
        let Some(disk) = self.shared.disk.as_ref().filter(|_| self.level < LEVELS) else {
            return Err(self.full());
        };
        for partial in [false, true] {
            let groups = if partial { &mut self.partial } else { &mut self.complete };
            if groups.len() == 0 {
                continue;
            }
            groups.end(&self.budget);
            let (order, ends) = groups.parted(&self.shared.scheme.seed, self.level);
            let written = disk.write(groups.as_sums(), &order, &ends, partial, &mut self.runs);
            if let Err(denied) = written {
                return Err(disk.error(denied, self.shared.what(), self.cure()));
            }
            groups.clear(&self.shared.scheme, &self.budget);
        }
        Ok(())
    }

    /// Whether some of the groups are on disk.
    pub(crate) fn is_on_disk(&self) -> bool {
        !self.runs.is_empty()
    }

    fn take_runs(&mut self) -> Runs {
        std::mem::take(&mut self.runs)
    }

    pub(crate) fn len(&self) -> usize {
        self.complete.len() + self.partial.len()
    }

    /// What to narrow.
    fn cure(&self) -> String {
        let names = self.shared.names.list();
        let most = if self.complete.len() < self.partial.len() { &self.partial } else { &self.complete };
        narrow::cure(&self.shared.keys, most.as_sums(), &self.shared.scheme.layout, &names)
    }

    /// The error that says what to narrow.
    fn full(&self) -> Error {
        Error::Memory {
            count: self.len(),
            of: self.shared.what(),
            limit_bytes: self.shared.budget.limit_bytes(),
            cure: self.cure(),
        }
    }

    /// The table that the query asks for.
    ///
    /// # Errors
    /// There is no memory left for its rows.
    fn table(&self, query: &Query) -> Result<Ranked, Error> {
        self.shared.stop.check()?;
        let parts = [self.complete.as_sums(), self.partial.as_sums()];
        let names = self.shared.names.list();
        let ranking = top::Ranking { parts, scheme: &self.shared.scheme, names: &names };
        let (budget, row_bytes) = (&self.shared.budget, self.shared.row_bytes());
        let shown = ranking.best(query.order, query.limit, budget, row_bytes);
        let shown = shown.map_err(|Full| self.shared.too_many_rows(self.len()))?;
        self.shared.rows.fetch_add(shown.len(), Ordering::Relaxed);

        let shown_measures = query.measures.len();
        // Every matched row is in exactly one group.
        let sum = |at| {
            parts.iter().map(|part| (0..part.len()).map(|group| part.sum(group, at)).sum::<u128>()).sum()
        };
        let total = (0..shown_measures).map(sum).collect();
        let mut table = Table::new(query.keys.clone(), query.measures.clone(), total);
        table.groups = parts.iter().map(|part| part.len() as u64).sum();
        for place in &shown {
            let part = parts[usize::from(place.partial)];
            let cells = self.shared.scheme.layout.cells(part.key(place.group as usize), &names);
            let sums = (0..shown_measures).map(|at| part.sum(place.group as usize, at));
            table.push(cells, sums);
        }
        Ok(Ranked { table, ranks: shown.iter().map(|place| place.sum).collect() })
    }
}
