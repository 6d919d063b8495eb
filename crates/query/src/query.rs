//! What can be asked: a [`Query`] groups and adds up, a [`Listing`] shows single records.
//!
//! Both are plain values, already valid, that say nothing about how they are answered: the same query is
//! answered from the store's files, from batches in memory, or by another engine fed with the same records.

use std::fmt;
use std::ops::Range;
use weir_flow::Column;
use weir_flow::filter::Filter;
use weir_flow::schema::Kind;

/// What records are grouped by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Key {
    /// The value of a column; records where it is unknown are one group of their own.
    Column(Column),
}

impl Key {
    /// The key of this name: any column of the schema but `other`, whose value is many values.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Column::by_name(name).filter(|column| column.kind() != Kind::Elements).map(Self::Column)
    }

    /// The column that the key is read from.
    #[must_use]
    pub fn column(self) -> Column {
        match self {
            Self::Column(column) => column,
        }
    }
}

/// The name that heads the key's column in every output.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.column().name())
    }
}

/// What is added up in each group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Measure {
    /// IP octets, sampling undone. A record whose octets are unknown adds nothing.
    Octets,
    /// Packets, sampling undone.
    Packets,
    /// Flow records.
    Flows,
    /// IP octets as the exporter measured them.
    MeasuredOctets,
    /// Packets as the exporter measured them.
    MeasuredPackets,
}

impl Measure {
    /// All there are, in the order they are shown.
    pub const ALL: [Self; 5] =
        [Self::Octets, Self::Packets, Self::Flows, Self::MeasuredOctets, Self::MeasuredPackets];

    /// Its name in every output and in `--by`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.column().map_or("flows", Column::name)
    }

    /// The measure of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// The column that is added up; none where records are counted.
    #[must_use]
    pub fn column(self) -> Option<Column> {
        match self {
            Self::Octets => Some(Column::Octets),
            Self::Packets => Some(Column::Packets),
            Self::Flows => None,
            Self::MeasuredOctets => Some(Column::MeasuredOctets),
            Self::MeasuredPackets => Some(Column::MeasuredPackets),
        }
    }
}

/// In which order the groups come. Equal groups come in the order of their keys, so that the same records
/// always give the same table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The largest sum of this measure first; it need not be among those shown.
    Largest(Measure),
    /// By the keys, the first one first: numbers, times and addresses rising, text by its letters, unknown
    /// before everything.
    Key,
}

/// A question that is answered with a [`crate::Table`]: of the records in `range` that `filter` lets through,
/// the sums of `measures` for each distinct value of `keys`.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    /// Only flows that overlap this span, ms since 1970: `start < range.end && end >= range.start`.
    pub range: Option<Range<i64>>,
    /// Only records that this lets through.
    pub filter: Option<Filter>,
    /// What to group by, in the order of the table's columns. None at all: one group of everything matched.
    pub keys: Vec<Key>,
    /// What to add up, in the order of the table's columns.
    pub measures: Vec<Measure>,
    /// The order of the groups.
    pub order: Order,
    /// At most so many groups; the totals are over all of them nevertheless.
    pub limit: Option<usize>,
}

impl Query {
    /// The `limit` groups of `keys` with the most octets: what `weir top` asks unless told otherwise.
    #[must_use]
    pub fn top(keys: Vec<Key>, limit: usize) -> Self {
        Self {
            range: None,
            filter: None,
            keys,
            measures: vec![Measure::Octets, Measure::Packets, Measure::Flows],
            order: Order::Largest(Measure::Octets),
            limit: Some(limit),
        }
    }

    /// What it asks of each record before anything is added up.
    pub(crate) fn condition(&self) -> Condition<'_> {
        Condition { range: self.range.clone(), filter: self.filter.as_ref() }
    }

    /// The columns that keys and measures read, as a presence mask.
    pub(crate) fn value_columns(&self) -> u64 {
        let keys = self.keys.iter().map(|key| key.column().bit());
        let measures = self.summed().into_iter().filter_map(Measure::column).map(Column::bit);
        keys.chain(measures).fold(0, |mask, bit| mask | bit)
    }

    /// What is added up: the measures shown, and the one ordered by where it is not among them.
    pub(crate) fn summed(&self) -> Vec<Measure> {
        let mut summed = self.measures.clone();
        if let Order::Largest(measure) = self.order
            && !summed.contains(&measure)
        {
            summed.push(measure);
        }
        summed
    }
}

/// A question that is answered with the records themselves, oldest first: by `start`, and among equal starts
/// in the order they are stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Listing {
    /// Only flows that overlap this span, ms since 1970: `start < range.end && end >= range.start`.
    pub range: Option<Range<i64>>,
    /// Only records that this lets through.
    pub filter: Option<Filter>,
    /// The columns asked for, as a presence mask ([`Column::bit`]); others are not read.
    pub columns: u64,
    /// At most so many records, the oldest.
    pub limit: Option<usize>,
}

impl Listing {
    /// What it asks of each record.
    pub(crate) fn condition(&self) -> Condition<'_> {
        Condition { range: self.range.clone(), filter: self.filter.as_ref() }
    }
}

/// Which records are meant: both shapes of question have one.
#[derive(Clone, Debug)]
pub(crate) struct Condition<'a> {
    pub(crate) range: Option<Range<i64>>,
    pub(crate) filter: Option<&'a Filter>,
}

impl Condition<'_> {
    /// Whether it leaves out anything at all.
    pub(crate) fn asks(&self) -> bool {
        self.range.is_some() || self.filter.is_some_and(|filter| !filter.is_everything())
    }

    /// The columns that must be read to decide, as a presence mask.
    pub(crate) fn columns(&self) -> u64 {
        let times = if self.range.is_some() { Column::Start.bit() | Column::End.bit() } else { 0 };
        times | self.filter.map_or(0, Filter::columns)
    }
}
