//! The same answers over batches in memory: files read without a store.

use crate::assemble::{Place, assemble, row_bytes};
use crate::group::{self, Grouping, Shared};
use crate::list::HANDED_ROWS;
use crate::select::Selector;
use crate::{Error, Listing, Options, Query, Statistics, Table};
use std::borrow::Borrow;
use std::ops::ControlFlow;
use weir_flow::{Batch, Column};

/// Answers a query over these batches, one after the other on this thread. They must be sealed
/// ([`Batch::seal`]) and hold the columns that the query names.
///
/// # Errors
/// [`Error::Memory`], if there are more groups than `options` allow for.
pub fn run_batches<B: Borrow<Batch>>(
    batches: impl IntoIterator<Item = B>,
    query: &Query,
    options: &Options,
) -> Result<Table, Error> {
    query.check()?;
    let shared = Shared::new(query, options, 1);
    let mut grouping = Grouping::new(&shared, 0);
    let mut selector = Selector::default();
    let condition = query.condition();
    let (mut scanned, mut matched) = (0, 0);
    for batch in batches {
        let batch = batch.borrow();
        let rows = selector.select(batch, &condition);
        scanned += batch.len() as u64;
        matched += rows.len() as u64;
        grouping.add(batch, rows)?;
    }
    let mut table = group::answer(vec![grouping], query, options.threads())?;
    table.statistics.stored_records = scanned;
    table.statistics.scanned_records = scanned;
    table.statistics.matched_records = matched;
    Ok(table)
}

/// Calls `each` with the records of a listing, oldest first, records of the same start in the order they came.
/// As in [`crate::list`], but the records that match are all held, or the oldest of them if there is a limit.
///
/// # Errors
/// [`Error::Memory`], if they do not fit in the memory that `options` allow.
pub fn list_batches<B: Borrow<Batch>>(
    batches: impl IntoIterator<Item = B>,
    listing: &Listing,
    options: &Options,
    mut each: impl FnMut(&Batch) -> ControlFlow<()>,
) -> Result<Statistics, Error> {
    let mut held = Held::new(listing, options);
    let mut statistics = Statistics::default();
    for batch in batches {
        options.stop.check()?;
        statistics.stored_records += batch.borrow().len() as u64;
        held.add(batch.borrow())?;
    }
    statistics.scanned_records = statistics.stored_records;
    held.sort();
    let places: Vec<Place> = held.places.iter().map(|(_, place)| *place).collect();
    for places in places.chunks(HANDED_ROWS) {
        options.stop.check()?;
        let batch = assemble(&held.batches, places, listing.columns);
        statistics.matched_records += batch.len() as u64;
        if each(&batch).is_break() {
            break;
        }
    }
    Ok(statistics)
}

/// How many records more than the limit are held before the younger ones are dropped.
const SPARE_ROWS: usize = 1 << 16;

/// The records of a listing, in the order they came.
struct Held<'a> {
    listing: &'a Listing,
    selector: Selector,
    /// Matching rows, in the columns asked for and their start.
    batches: Vec<Batch>,
    /// The start of each, and where it is.
    places: Vec<(i64, Place)>,
    columns: u64,
    limit_bytes: usize,
}

impl<'a> Held<'a> {
    fn new(listing: &'a Listing, options: &Options) -> Self {
        Self {
            listing,
            selector: Selector::default(),
            batches: Vec::new(),
            places: Vec::new(),
            columns: listing.columns | Column::Start.bit(),
            limit_bytes: options.memory_bytes,
        }
    }

    /// Keeps what matches of a batch.
    fn add(&mut self, batch: &Batch) -> Result<(), Error> {
        let matched = self.selector.select(batch, &self.listing.condition());
        let matched: Vec<Place> = matched.places().map(|row| Place { batch: 0, row }).collect();
        if matched.is_empty() {
            return Ok(());
        }
        let rows = assemble(std::slice::from_ref(batch), &matched, self.columns);
        let number = u32::try_from(self.batches.len()).unwrap_or(u32::MAX);
        let starts = rows.times(Column::Start).iter();
        self.places.extend(starts.zip(0u32..).map(|(start, row)| (*start, Place { batch: number, row })));
        self.batches.push(rows);
        let limit = self.listing.limit.unwrap_or(usize::MAX);
        if self.places.len() > limit.saturating_mul(2).saturating_add(SPARE_ROWS) {
            self.drop_the_younger();
        }
        let bytes = size_of::<(i64, Place)>() + row_bytes(self.columns);
        if self.places.len().saturating_mul(bytes) > self.limit_bytes {
            let of = "records".to_owned();
            let cure =
                "narrow the time span or the filter, ask for fewer columns, or for the first of them only";
            let (count, cure) = (self.places.len(), cure.to_owned());
            return Err(Error::Memory { count, of, limit_bytes: self.limit_bytes, cure });
        }
        Ok(())
    }

    /// Brings the places in order, and leaves out those beyond the limit.
    fn sort(&mut self) {
        // The sort is stable, so records of the same start stay in the order they came.
        self.places.sort_by_key(|(start, _)| *start);
        self.places.truncate(self.listing.limit.unwrap_or(usize::MAX));
    }

    /// Keeps the oldest up to the limit, in one batch.
    fn drop_the_younger(&mut self) {
        self.sort();
        let places: Vec<Place> = self.places.iter().map(|(_, place)| *place).collect();
        self.batches = vec![assemble(&self.batches, &places, self.columns)];
        for (row, (_, place)) in (0u32..).zip(&mut self.places) {
            *place = Place { batch: 0, row };
        }
    }
}
