//! Bringing in the columns of a part: first those that decide, then the others for what matched.

use crate::error::Error;
use crate::plan::{Part, Source};
use crate::query::Condition;
use crate::rows::Rows;
use crate::select::Selector;
use crate::span::Spans;
use weir_flow::schema::{COLUMNS, Kind};
use weir_flow::{Batch, Column, Spare, Values};
use weir_store::segment::Places;

/// Gaps of fewer rows than this between rows that matched are read over.
const GAP_ROWS: usize = 64;

/// If at least one row in so many matched, the other columns are read for all rows: pages are decoded as a whole
/// anyway, and picking rows costs more than it saves.
const DENSE: usize = 8;

/// Where on the average fewer rows than this have the same address, they are told apart by it, and not by where in a list
/// it is.
const SAME_ROWS_MIN: usize = 1;

/// What is asked for of rows that match.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Columns, as a presence mask.
    pub(crate) columns: u64,
    /// One of them that may come as places in a list.
    pub(crate) placed: Option<Column>,
}

/// The matching rows of a part with the columns asked for.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) batch: Batch,
    /// Which of its rows matched; `None` is all.
    pub(crate) places: Option<Vec<u32>>,
    /// The column that came as places in a list; it is not in the batch.
    pub(crate) placed: Option<(Column, Places)>,
}

impl Found {
    /// The rows that matched.
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows::of(self.places.as_deref(), self.batch.len())
    }
}

/// Reads what matches of a part, in the columns asked for (and perhaps others), into memory to spare. `None` if nothing
/// does.
///
/// # Errors
/// The part's file cannot be read.
pub(crate) fn matching(
    part: &Part<'_>,
    condition: &Condition<'_>,
    wanted: Wanted,
    selector: &mut Selector,
    spare: &mut Spare,
) -> Result<Option<Found>, Error> {
    let columns = wanted.columns & !part.absent;
    let deciding = condition.columns() & !part.absent;
    if part.is_sure || !condition.asks() {
        let (batch, placed) = read_wanted(part, Wanted { columns, ..wanted }, spare)?;
        return Ok((!batch.is_empty()).then_some(Found { batch, places: None, placed }));
    }
    let first = read_into(part, deciding, &part.rows, spare)?;
    let rows = selector.select(&first, condition);
    if rows.len() == 0 {
        spare.put(first);
        return Ok(None);
    }
    let missing = missing(columns, deciding);
    if missing == 0 {
        let places = picked(rows, first.len());
        return Ok(Some(Found { batch: first, places, placed: None }));
    }
    let tail = matches!(part.source, Source::Tail(_));
    if tail || rows.len().saturating_mul(DENSE) >= first.len() {
        let places = picked(rows, first.len());
        let (second, placed) = read_wanted(part, Wanted { columns: missing, ..wanted }, spare)?;
        return Ok(Some(Found { batch: join(first, second, missing), places, placed }));
    }
    let places: Vec<u32> = rows.places().collect();
    let second = rows_at(part, missing, &numbers(&part.rows, &places))?;
    let batch = join(first.gather(&places), second, missing);
    Ok(Some(Found { batch, places: None, placed: None }))
}

/// Reads all rows of a part in the columns asked for. Where it pays, the one that may comes as places in a list.
fn read_wanted(
    part: &Part<'_>,
    Wanted { columns, placed }: Wanted,
    spare: &mut Spare,
) -> Result<(Batch, Option<(Column, Places)>), Error> {
    let (Some(column), Source::Group(reader, group)) = (placed, &part.source) else {
        return Ok((read_into(part, columns, &part.rows, spare)?, None));
    };
    if columns & column.bit() == 0 {
        return Ok((read_into(part, columns, &part.rows, spare)?, None));
    }
    let mut batch = read_into(part, columns & !column.bit(), &part.rows, spare)?;
    let places = reader.read_places(*group, column, part.rows.as_slice(), batch.present_mut())?;
    let Some(places) = places else {
        spare.put(batch);
        return Ok((read_into(part, columns, &part.rows, spare)?, None));
    };
    if places.list().len().saturating_mul(SAME_ROWS_MIN) <= batch.len() {
        return Ok((batch, Some((column, places))));
    }
    batch.load(column, places.values());
    Ok((batch, None))
}

/// Reads these rows of a part, by their numbers in the row group (or batch), rising: exactly these, in this order.
///
/// # Errors
/// The part's file cannot be read.
pub(crate) fn rows_at(part: &Part<'_>, columns: u64, numbers: &[usize]) -> Result<Batch, Error> {
    if let Source::Tail(entry) = part.source {
        let places: Vec<u32> =
            numbers.iter().map(|number| u32::try_from(*number).unwrap_or(u32::MAX)).collect();
        return Ok(entry.read(columns)?.gather(&places));
    }
    let spans = Spans::of_places(numbers.iter().copied(), GAP_ROWS);
    let batch = read(part, columns, &spans)?;
    if batch.len() == numbers.len() {
        return Ok(batch);
    }
    Ok(batch.gather(&ranks(&spans, numbers)))
}

/// These rows of a part in these columns. A batch of the journal is always read as a whole.
///
/// # Errors
/// The part's file cannot be read.
pub(crate) fn read(part: &Part<'_>, columns: u64, rows: &Spans) -> Result<Batch, Error> {
    read_into(part, columns, rows, &mut Spare::default())
}

/// The same, into memory to spare.
fn read_into(part: &Part<'_>, columns: u64, rows: &Spans, spare: &mut Spare) -> Result<Batch, Error> {
    let columns = columns & !part.absent;
    match &part.source {
        Source::Group(reader, group) => Ok(reader.read_into(*group, columns, rows.as_slice(), spare)?),
        Source::Tail(entry) => Ok(entry.read(columns)?),
    }
}

/// Which columns are still to be read. Names of two readings are numbered differently, so that where one column
/// of names is missing, all are read again.
fn missing(columns: u64, loaded: u64) -> u64 {
    let names = COLUMNS.iter().filter(|d| d.kind == Kind::Name).fold(0, |mask, d| mask | d.column.bit());
    let missing = columns & !loaded;
    if missing & names == 0 { missing } else { missing | columns & names }
}

/// The places of the rows, unless they are all rows of the batch.
fn picked(rows: Rows<'_>, len: usize) -> Option<Vec<u32>> {
    (rows.len() < len).then(|| rows.places().collect())
}

/// The batch with the columns in `added` from `second`, which has the same rows.
fn join(mut first: Batch, mut second: Batch, added: u64) -> Batch {
    let columns = COLUMNS.iter().map(|definition| definition.column);
    let mut joined: Vec<(Column, Values)> = Vec::new();
    for column in columns {
        let from = if added & column.bit() != 0 { &mut second } else { &mut first };
        if from.is_loaded(column) {
            joined.push((column, std::mem::replace(from.values_mut(column), Values::new(column.kind()))));
        }
    }
    first.present_mut().iter_mut().zip(second.present()).for_each(|(a, b)| *a |= b);
    let names_added = COLUMNS.iter().any(|d| d.kind == Kind::Name && added & d.column.bit() != 0);
    let names = if names_added { second.names() } else { first.names() }.clone();
    Batch::from_columns(first.into_present(), joined, names)
}

/// The row numbers at these places of a set of rows, both rising.
pub(crate) fn numbers(rows: &Spans, places: &[u32]) -> Vec<usize> {
    let mut numbers = Vec::with_capacity(places.len());
    let mut spans = rows.as_slice().iter();
    let (mut span, mut before) = (spans.next(), 0);
    for place in places {
        while let Some(here) = span {
            if (*place as usize) < before + here.len() {
                numbers.push(here.start + (*place as usize - before));
                break;
            }
            before += here.len();
            span = spans.next();
        }
    }
    numbers
}

/// The places of these row numbers in a set of rows that holds them all, both rising.
fn ranks(rows: &Spans, numbers: &[usize]) -> Vec<u32> {
    let mut ranks = Vec::with_capacity(numbers.len());
    let mut spans = rows.as_slice().iter();
    let (mut span, mut before) = (spans.next(), 0);
    for number in numbers {
        while let Some(here) = span {
            if *number < here.end {
                let rank = before + number.saturating_sub(here.start);
                ranks.push(u32::try_from(rank).unwrap_or(u32::MAX));
                break;
            }
            before += here.len();
            span = spans.next();
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_flow::batch::{RowBuilder, Value};

    #[test]
    fn numbers_and_ranks_are_each_others_inverse() {
        let rows = Spans::of_places([3, 4, 5, 9, 20, 21].into_iter(), 1);
        assert_eq!(numbers(&rows, &[0, 2, 3, 5]), [3, 5, 9, 21]);
        assert_eq!(ranks(&rows, &[3, 5, 9, 21]), [0, 2, 3, 5]);
        assert!(numbers(&rows, &[]).is_empty());
    }

    #[test]
    fn joined_batches_keep_their_own_names_and_presence() {
        let tenant = |number, names: [&str; 2], column| {
            let mut batch = Batch::with_columns(Column::Proto.bit() | Column::Tenant.bit() | column);
            batch.set_names(names.map(Box::from).into());
            let row = RowBuilder::new().unsigned(Column::Tenant, number);
            if column == 0 {
                row.unsigned(Column::Proto, 6)
            } else {
                row.unsigned(Column::PeerTenant, 1 - number)
            }
            .push(&mut batch);
            batch
        };
        let first = tenant(0, ["a", "b"], 0);
        let second = tenant(1, ["b", "a"], Column::PeerTenant.bit());
        let added = missing(Column::PeerTenant.bit() | Column::Tenant.bit(), Column::Tenant.bit());
        let joined = join(first, second, added);
        assert_eq!(joined.get(0, Column::Tenant), Some(Value::Name("a")));
        assert_eq!(joined.get(0, Column::PeerTenant), Some(Value::Name("b")));
        assert_eq!(joined.get(0, Column::Proto), Some(Value::Unsigned(6)));
        assert_eq!(joined.get(0, Column::DstPort), None);
        assert!(!joined.is_loaded(Column::DstPort));
    }
}
