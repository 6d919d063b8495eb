//! A batch of flow records, held by column.
//!
//! Every column is one vector of plain values; whether a value is there is one bit of the row's presence mask
//! (bit [`Column::bit`]), so a whole template's worth of absent columns costs one constant a row. Where the bit
//! is clear the value means nothing.
//!
//! A decoder appends rows with [`Batch::extend_rows`] and fills the columns that its template names; columns
//! nobody wrote are filled up by [`Batch::seal`]. A reader that loads only some columns says so
//! ([`Batch::is_loaded`]).

use crate::bytes::Bytes;
use crate::names::{Direction, SamplingSource};
use crate::rescale::Rescale;
use crate::schema::{COLUMNS, COUNT, Column, Kind};
use crate::{Addr, Mac};
use crate::{counter, health, memory};
use std::sync::Arc;

/// The values of one column, by their physical type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// [`Kind::Word`] and `Unsigned(8)`.
    U8(Vec<u8>),
    /// `Unsigned(16)`.
    U16(Vec<u16>),
    /// [`Kind::Name`] (a place in [`Batch::names`]) and `Unsigned(32)`.
    U32(Vec<u32>),
    /// [`Kind::Mac`] and `Unsigned(64)`.
    U64(Vec<u64>),
    /// [`Kind::Time`]: ms since 1970, UTC.
    Time(Vec<i64>),
    /// [`Kind::Addr`].
    Addr(Vec<Addr>),
    /// [`Kind::Text`] and [`Kind::Elements`].
    Bytes(Bytes),
}

/// Runs the same expression over whichever vector is inside.
macro_rules! each {
    ($values:expr, $v:ident => $body:expr) => {
        match $values {
            Values::U8($v) => $body,
            Values::U16($v) => $body,
            Values::U32($v) => $body,
            Values::U64($v) => $body,
            Values::Time($v) => $body,
            Values::Addr($v) => $body,
            Values::Bytes($v) => $body,
        }
    };
}

impl Values {
    /// An empty vector of the type that holds this kind.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Time => Self::Time(Vec::new()),
            Kind::Addr => Self::Addr(Vec::new()),
            Kind::Text | Kind::Elements => Self::Bytes(Bytes::new()),
            Kind::Mac | Kind::Unsigned(33..) => Self::U64(Vec::new()),
            Kind::Name | Kind::Unsigned(17..=32) => Self::U32(Vec::new()),
            Kind::Unsigned(9..=16) => Self::U16(Vec::new()),
            Kind::Word(_) | Kind::Unsigned(_) => Self::U8(Vec::new()),
        }
    }

    /// How many values there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        each!(self, v => v.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory it has, bytes.
    fn bytes(&self) -> usize {
        match self {
            Self::Bytes(v) => v.bytes(),
            Self::U8(v) => v.capacity(),
            Self::U16(v) => v.capacity().saturating_mul(2),
            Self::U32(v) => v.capacity().saturating_mul(4),
            Self::U64(v) => v.capacity().saturating_mul(8),
            Self::Time(v) => v.capacity().saturating_mul(8),
            Self::Addr(v) => v.capacity().saturating_mul(size_of::<Addr>()),
        }
    }

    fn pad(&mut self, len: usize) {
        match self {
            Self::Bytes(v) => v.pad(len),
            Self::U8(v) => grow(v, len),
            Self::U16(v) => grow(v, len),
            Self::U32(v) => grow(v, len),
            Self::U64(v) => grow(v, len),
            Self::Time(v) => grow(v, len),
            Self::Addr(v) => grow(v, len),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.truncate(0);
    }

    fn truncate(&mut self, len: usize) {
        each!(self, v => v.truncate(len));
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        each!(self, v => v.reserve(rows));
    }

    /// The values at these places, in this order; places past the end give nothing.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        macro_rules! pick {
            ($v:ident, $variant:ident) => {
                Self::$variant(rows.iter().filter_map(|&i| $v.get(i as usize).copied()).collect())
            };
        }
        match self {
            Self::U8(v) => pick!(v, U8),
            Self::U16(v) => pick!(v, U16),
            Self::U32(v) => pick!(v, U32),
            Self::U64(v) => pick!(v, U64),
            Self::Time(v) => pick!(v, Time),
            Self::Addr(v) => pick!(v, Addr),
            Self::Bytes(v) => Self::Bytes(v.gather(rows)),
        }
    }

    fn retain_from(&mut self, base: usize, keep: &[bool]) {
        each!(self, v => {
            let mut at = 0;
            v.retain(|_| {
                let kept = at < base || keep.get(at - base).copied().unwrap_or(true);
                at += 1;
                kept
            });
        });
    }

    fn append(&mut self, other: &Self) {
        match (self, other) {
            (Self::U8(a), Self::U8(b)) => a.extend_from_slice(b),
            (Self::U16(a), Self::U16(b)) => a.extend_from_slice(b),
            (Self::U32(a), Self::U32(b)) => a.extend_from_slice(b),
            (Self::U64(a), Self::U64(b)) => a.extend_from_slice(b),
            (Self::Time(a), Self::Time(b)) => a.extend_from_slice(b),
            (Self::Addr(a), Self::Addr(b)) => a.extend_from_slice(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.append(b),
            _ => debug_assert!(false, "one column, one type"),
        }
    }
}

fn grow<T: Clone + Default>(values: &mut Vec<T>, len: usize) {
    if values.len() < len {
        values.resize(len, T::default());
    }
}

/// One value of one row, for those who print or compare single rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Milliseconds since 1970, UTC.
    Time(i64),
    /// An address.
    Addr(Addr),
    /// A MAC address.
    Mac(Mac),
    /// A number.
    Unsigned(u64),
    /// A word of a closed list.
    Word(&'static str),
    /// A tenant's name.
    Name(&'a str),
    /// Text as the exporter wrote it.
    Text(&'a str),
    /// Elements without a column: [`crate::other::Elements`] reads them.
    Elements(&'a [u8]),
}

/// Rows by column. See the module's documentation.
#[derive(Clone, Debug)]
pub struct Batch {
    present: Vec<u64>,
    columns: [Values; COUNT],
    loaded: u64,
    /// Columns that somebody wrote since the batch was cleared. The others hold nothing but zeros, of any number:
    /// they are brought to the batch's length when it is sealed, or when they are first written. A batch that is
    /// used again therefore need not fill again what its exporters never say.
    written: u64,
    /// The names that [`Kind::Name`] columns point into.
    names: Arc<[Box<str>]>,
    /// What was counted since the batch before this one.
    pub health: Vec<health::Row>,
    /// What the sessions learned or forgot since the batch before this one.
    pub memory: Vec<memory::Change>,
    /// What interfaces counted themselves.
    pub counters: Vec<counter::Sample>,
    /// Sampling intervals that came after the rows they are for.
    pub rescales: Vec<Rescale>,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// An empty batch of all columns.
    #[must_use]
    pub fn new() -> Self {
        Self::with_columns(u64::MAX)
    }

    /// The memory that its rows have, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(Values::bytes).sum();
        columns.saturating_add(self.present.capacity().saturating_mul(8))
    }

    /// An empty batch that will hold only the columns whose bits are set.
    #[must_use]
    pub fn with_columns(loaded: u64) -> Self {
        Self {
            present: Vec::new(),
            columns: std::array::from_fn(|i| Values::new(COLUMNS.get(i).map_or(Kind::Time, |d| d.kind))),
            loaded,
            written: 0,
            names: Arc::default(),
            health: Vec::new(),
            memory: Vec::new(),
            counters: Vec::new(),
            rescales: Vec::new(),
        }
    }

    /// From columns read elsewhere. Each of `columns` must have as many values as `present` has rows.
    #[must_use]
    pub fn from_columns(present: Vec<u64>, columns: Vec<(Column, Values)>, names: Arc<[Box<str>]>) -> Self {
        let loaded = columns.iter().fold(0, |mask, (c, _)| mask | c.bit());
        let mut batch = Self::with_columns(loaded);
        batch.present = present;
        batch.names = names;
        batch.written = u64::MAX;
        for (column, values) in columns {
            debug_assert_eq!(values.len(), batch.present.len(), "{}", column.name());
            batch.columns[column.index()] = values;
        }
        batch
    }

    /// The presence masks and the vectors of all columns, by their place.
    pub(crate) fn into_columns(self) -> (Vec<u64>, [Values; COUNT]) {
        (self.present, self.columns)
    }

    /// How many rows there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.present.len()
    }

    /// Whether there are no rows (there may still be [`Batch::health`]).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    /// Whether this batch holds the column at all.
    #[inline]
    #[must_use]
    pub fn is_loaded(&self, column: Column) -> bool {
        self.loaded & column.bit() != 0
    }

    /// Whether there is nothing at all: no rows, and nothing beside them.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.is_empty()
            && self.health.is_empty()
            && self.memory.is_empty()
            && self.counters.is_empty()
            && self.rescales.is_empty()
    }

    /// The presence mask of every row.
    #[inline]
    #[must_use]
    pub fn present(&self) -> &[u64] {
        &self.present
    }

    /// The presence masks alone.
    #[must_use]
    pub fn into_present(self) -> Vec<u64> {
        self.present
    }

    /// The presence masks, to be changed where values are taken away or added.
    #[inline]
    pub fn present_mut(&mut self) -> &mut [u64] {
        &mut self.present
    }

    /// Whether row `row` has a value in `column`.
    #[inline]
    #[must_use]
    pub fn is_present(&self, row: usize, column: Column) -> bool {
        self.present.get(row).is_some_and(|mask| mask & column.bit() != 0)
    }

    /// The values of a column.
    #[inline]
    #[must_use]
    pub fn values(&self, column: Column) -> &Values {
        &self.columns[column.index()]
    }

    /// The values of a column, to be written.
    #[inline]
    pub fn values_mut(&mut self, column: Column) -> &mut Values {
        if self.written & column.bit() == 0 {
            self.written |= column.bit();
            self.columns[column.index()].truncate(self.present.len());
        }
        &mut self.columns[column.index()]
    }

    /// Takes in a column that it does not hold: a value for each row, of which those count that the presence masks say are
    /// there.
    pub fn load(&mut self, column: Column, values: Values) {
        debug_assert_eq!(values.len(), self.present.len(), "{}", column.name());
        self.loaded |= column.bit();
        self.written |= column.bit();
        self.columns[column.index()] = values;
    }

    /// The presence masks, to be changed, beside the values of a column that decide.
    #[inline]
    pub fn present_and(&mut self, column: Column) -> (&mut [u64], &Values) {
        (&mut self.present, &self.columns[column.index()])
    }

    /// Appends `rows` rows with this presence mask; returns the place of the first. Their values are still to
    /// be written, column by column; what is never written is filled up by [`Batch::seal`].
    pub fn extend_rows(&mut self, rows: usize, mask: u64) -> usize {
        let base = self.present.len();
        self.present.resize(base + rows, mask);
        base
    }

    /// Appends rows each with a presence mask of its own; returns the place of the first.
    pub(crate) fn extend_masks(&mut self, masks: impl Iterator<Item = u64>) -> usize {
        let base = self.present.len();
        self.present.extend(masks);
        base
    }

    /// Fills every column up to the number of rows. Call before reading columns of a batch being written.
    pub fn seal(&mut self) {
        let len = self.present.len();
        for (i, column) in self.columns.iter_mut().enumerate() {
            if self.written >> i & 1 == 0 {
                column.truncate(len);
            }
            column.pad(len);
        }
    }

    /// Fills one column up to `rows` values, before values for rows from there on are pushed.
    #[inline]
    pub fn pad_column(&mut self, column: Column, rows: usize) {
        let values = self.values_mut(column);
        // Mostly it is as long as that already.
        if values.len() < rows {
            values.pad(rows);
        }
    }

    /// A column to which values for the rows from `rows` on can be pushed: filled up to there, or cut.
    #[inline]
    pub(crate) fn open(&mut self, column: Column, rows: usize) -> &mut Values {
        let values = self.values_mut(column);
        if values.len() != rows {
            values.truncate(rows);
            values.pad(rows);
        }
        values
    }

    /// Makes room for so many more rows, so that appending them does not allocate.
    pub fn reserve(&mut self, rows: usize) {
        self.present.reserve(rows);
        for column in &mut self.columns {
            column.reserve(rows);
        }
    }

    /// Forgets all rows and counts, keeping the memory.
    pub fn clear(&mut self) {
        self.present.clear();
        for (i, column) in self.columns.iter_mut().enumerate() {
            if self.written >> i & 1 == 1 {
                column.truncate(0);
            }
        }
        self.written = 0;
        self.health.clear();
        self.memory.clear();
        self.counters.clear();
        self.rescales.clear();
    }

    /// Forgets the rows from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.present.truncate(len);
        for column in &mut self.columns {
            column.truncate(len);
        }
    }

    /// Keeps, of the rows from `base` on, those whose place in `keep` is true.
    pub fn retain_from(&mut self, base: usize, keep: &[bool]) {
        for column in &mut self.columns {
            column.retain_from(base, keep);
        }
        let mut at = 0;
        self.present.retain(|_| {
            let kept = at < base || keep.get(at - base).copied().unwrap_or(true);
            at += 1;
            kept
        });
    }

    /// The names that [`Kind::Name`] columns point into.
    #[must_use]
    pub fn names(&self) -> &Arc<[Box<str>]> {
        &self.names
    }

    /// Sets the names; the values of [`Kind::Name`] columns must be places in it.
    pub fn set_names(&mut self, names: Arc<[Box<str>]>) {
        self.names = names;
    }

    /// One value, or `None` where it is unknown (or not loaded).
    #[must_use]
    pub fn get(&self, row: usize, column: Column) -> Option<Value<'_>> {
        if !self.is_present(row, column) {
            return None;
        }
        Some(match (self.values(column), column.kind()) {
            (Values::Time(v), _) => Value::Time(*v.get(row)?),
            (Values::Addr(v), _) => Value::Addr(*v.get(row)?),
            (Values::U64(v), Kind::Mac) => Value::Mac(Mac(*v.get(row)?)),
            (Values::U64(v), _) => Value::Unsigned(*v.get(row)?),
            (Values::U32(v), Kind::Name) => Value::Name(self.names.get(*v.get(row)? as usize)?),
            (Values::U32(v), _) => Value::Unsigned((*v.get(row)?).into()),
            (Values::U16(v), _) => Value::Unsigned((*v.get(row)?).into()),
            (Values::U8(v), Kind::Word(words)) => Value::Word(words.get(usize::from(*v.get(row)?))?),
            (Values::U8(v), _) => Value::Unsigned((*v.get(row)?).into()),
            (Values::Bytes(v), Kind::Text) => Value::Text(str::from_utf8(v.get(row)?).ok()?),
            (Values::Bytes(v), _) => Value::Elements(v.get(row)?),
        })
    }

    /// The rows at these places, in this order; every column that is loaded. Counts are not taken along.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        Self {
            present: rows.iter().filter_map(|&i| self.present.get(i as usize).copied()).collect(),
            columns: std::array::from_fn(|i| self.columns[i].gather(rows)),
            loaded: self.loaded,
            written: u64::MAX,
            names: Arc::clone(&self.names),
            health: Vec::new(),
            memory: Vec::new(),
            counters: Vec::new(),
            rescales: Vec::new(),
        }
    }

    /// Appends the rows and counts of another sealed batch with the same columns; names are translated.
    pub fn append(&mut self, other: &Self) {
        let base = self.len();
        self.seal();
        self.written = u64::MAX;
        self.present.extend_from_slice(&other.present);
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            mine.append(theirs);
        }
        self.health.extend_from_slice(&other.health);
        self.memory.extend_from_slice(&other.memory);
        self.counters.extend_from_slice(&other.counters);
        self.rescales.extend_from_slice(&other.rescales);
        if !other.names.is_empty() && self.names != other.names {
            self.translate_names(base, &Arc::clone(&other.names));
        }
    }

    /// Makes the name columns of the rows from `base` on, which point into `from`, point into our names.
    fn translate_names(&mut self, base: usize, from: &[Box<str>]) {
        let mut names: Vec<Box<str>> = self.names.to_vec();
        let map: Vec<u32> = from
            .iter()
            .map(|name| {
                let at = names.iter().position(|n| n == name).unwrap_or_else(|| {
                    names.push(name.clone());
                    names.len() - 1
                });
                u32::try_from(at).unwrap_or(u32::MAX)
            })
            .collect();
        self.names = names.into();
        for column in COLUMNS.iter().filter(|d| d.kind == Kind::Name).map(|d| d.column) {
            let Values::U32(values) = &mut self.columns[column.index()] else { continue };
            for (value, mask) in values.iter_mut().zip(&self.present).skip(base) {
                if mask & column.bit() != 0 {
                    *value = map.get(*value as usize).copied().unwrap_or(u32::MAX);
                }
            }
        }
    }
}

macro_rules! typed {
    ($($(#[$doc:meta])* $get:ident $get_mut:ident $get_from:ident $variant:ident $type:ty;)+) => {
        impl Batch {
            $(
                $(#[$doc])*
                /// Empty where the column has another type, which a test of the schema rules out.
                #[inline]
                #[must_use]
                pub fn $get(&self, column: Column) -> &[$type] {
                    match &self.columns[column.index()] { Values::$variant(v) => v, _ => &[] }
                }

                /// The same, to be written.
                #[inline]
                /// # Panics
                /// If the column has another type: an error of the program, which a test of the schema rules out.
                pub fn $get_mut(&mut self, column: Column) -> &mut Vec<$type> {
                    match self.values_mut(column) {
                        Values::$variant(v) => v,
                        _ => panic!("column {} has another type", column.name()),
                    }
                }

                /// The same, filled up to `rows` values, or cut: what is pushed now is of the rows from there on.
                #[inline]
                pub(crate) fn $get_from(&mut self, column: Column, rows: usize) -> &mut Vec<$type> {
                    match self.open(column, rows) {
                        Values::$variant(v) => v,
                        _ => panic!("column {} has another type", column.name()),
                    }
                }
            )+
        }
    };
}

typed! {
    /// The values of an 8-bit column.
    u8s u8s_mut u8s_from U8 u8;
    /// The values of a 16-bit column.
    u16s u16s_mut u16s_from U16 u16;
    /// The values of a 32-bit column.
    u32s u32s_mut u32s_from U32 u32;
    /// The values of a 64-bit column.
    u64s u64s_mut u64s_from U64 u64;
    /// The values of a time column, ms since 1970.
    times times_mut times_from Time i64;
    /// The values of an address column.
    addrs addrs_mut addrs_from Addr Addr;
}

macro_rules! put {
    ($($put:ident $get_mut:ident $type:ty;)+) => {
        impl Batch {
            $(
                /// Writes a value into the last row (of a column that has none there yet).
                #[inline]
                pub fn $put(&mut self, column: Column, value: $type) {
                    let Some(row) = self.present.len().checked_sub(1) else { return };
                    let values = self.$get_mut(column);
                    values.resize(row, Default::default());
                    values.push(value);
                    if let Some(mask) = self.present.last_mut() {
                        *mask |= column.bit();
                    }
                }
            )+
        }
    };
}

put! {
    put_u8 u8s_mut u8;
    put_u16 u16s_mut u16;
    put_u32 u32s_mut u32;
    put_u64 u64s_mut u64;
    put_time times_mut i64;
    put_addr addrs_mut Addr;
}

/// The columns that every stored row has.
pub const ALWAYS: u64 = Column::Start.bit()
    | Column::End.bit()
    | Column::Received.bit()
    | Column::TimeSource.bit()
    | Column::Exporter.bit()
    | Column::Domain.bit();

/// A single row written by hand: tests, the demo, imports of other kinds.
#[derive(Clone, Debug, Default)]
pub struct RowBuilder {
    mask: u64,
    cells: Vec<(Column, Cell)>,
}

#[derive(Clone, Debug)]
enum Cell {
    Unsigned(u64),
    Time(i64),
    Addr(Addr),
    Octets(Box<[u8]>),
}

impl RowBuilder {
    /// A row with nothing known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a number, a word's code, a MAC's 48 bits or a name's place. What does not fit the column's type
    /// is cut by its width.
    #[must_use]
    pub fn unsigned(mut self, column: Column, value: u64) -> Self {
        self.mask |= column.bit();
        self.cells.push((column, Cell::Unsigned(value)));
        self
    }

    /// Sets a time in ms since 1970.
    #[must_use]
    pub fn time(mut self, column: Column, ms: i64) -> Self {
        self.mask |= column.bit();
        self.cells.push((column, Cell::Time(ms)));
        self
    }

    /// Sets an address.
    #[must_use]
    pub fn addr(mut self, column: Column, addr: Addr) -> Self {
        self.mask |= column.bit();
        self.cells.push((column, Cell::Addr(addr)));
        self
    }

    /// Sets text, or elements.
    #[must_use]
    pub fn octets(mut self, column: Column, octets: &[u8]) -> Self {
        self.mask |= column.bit();
        self.cells.push((column, Cell::Octets(octets.into())));
        self
    }

    /// Sets measured and estimated octets and packets, unsampled.
    #[must_use]
    pub fn traffic(self, octets: u64, packets: u64) -> Self {
        self.unsigned(Column::Octets, octets)
            .unsigned(Column::Packets, packets)
            .unsigned(Column::MeasuredOctets, octets)
            .unsigned(Column::MeasuredPackets, packets)
            .unsigned(Column::SamplingInterval, 1)
            .unsigned(Column::SamplingSource, SamplingSource::Override.code().into())
    }

    /// Sets the place in the trial balance.
    #[must_use]
    pub fn direction(self, direction: Direction) -> Self {
        self.unsigned(Column::Direction, direction.code().into())
    }

    /// Appends the row to a batch, which is then sealed.
    #[expect(clippy::cast_possible_truncation, reason = "a cell is cut to its column's width, as documented")]
    pub fn push(&self, batch: &mut Batch) {
        let row = batch.extend_rows(1, self.mask);
        for (column, cell) in &self.cells {
            batch.pad_column(*column, row);
            match (batch.values_mut(*column), cell) {
                (Values::U8(v), Cell::Unsigned(x)) => v.push(*x as u8),
                (Values::U16(v), Cell::Unsigned(x)) => v.push(*x as u16),
                (Values::U32(v), Cell::Unsigned(x)) => v.push(*x as u32),
                (Values::U64(v), Cell::Unsigned(x)) => v.push(*x),
                (Values::Time(v), Cell::Time(x)) => v.push(*x),
                (Values::Addr(v), Cell::Addr(x)) => v.push(*x),
                (Values::Bytes(v), Cell::Octets(x)) => {
                    v.push(x);
                }
                _ => debug_assert!(false, "{} has another type", column.name()),
            }
        }
        batch.seal();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(octets: u64, tenant: u64) -> RowBuilder {
        RowBuilder::new()
            .time(Column::Start, 5)
            .addr(Column::SrcAddr, Addr::v4([10, 0, 0, 1]))
            .unsigned(Column::Tenant, tenant)
            .traffic(octets, 1)
    }

    #[test]
    fn rows_keep_what_is_known_and_nothing_else() {
        let mut batch = Batch::new();
        batch.set_names(["a".into(), "b".into()].into());
        row(10, 1).push(&mut batch);
        RowBuilder::new().unsigned(Column::SrcPort, 443).push(&mut batch);
        assert_eq!(batch.len(), 2);
        assert_eq!(batch.get(0, Column::Octets), Some(Value::Unsigned(10)));
        assert_eq!(batch.get(0, Column::Tenant), Some(Value::Name("b")));
        assert_eq!(batch.get(0, Column::SamplingSource), Some(Value::Word("override")));
        assert_eq!(batch.get(0, Column::SrcPort), None);
        assert_eq!(batch.get(1, Column::SrcPort), Some(Value::Unsigned(443)));
        assert_eq!(batch.get(1, Column::Octets), None);
        assert_eq!(batch.u64s(Column::Octets), [10, 0]);
        for definition in &COLUMNS {
            assert_eq!(batch.values(definition.column).len(), 2, "{}", definition.name);
        }
    }

    #[test]
    fn append_translates_names() {
        let mut a = Batch::new();
        a.set_names(["x".into(), "y".into()].into());
        row(1, 0).push(&mut a);
        let mut b = Batch::new();
        b.set_names(["z".into(), "x".into()].into());
        row(2, 0).push(&mut b);
        row(3, 1).push(&mut b);
        a.append(&b);
        let names: Vec<_> = (0..3).map(|i| a.get(i, Column::Tenant)).collect();
        assert_eq!(names, [Some(Value::Name("x")), Some(Value::Name("z")), Some(Value::Name("x"))]);
        assert_eq!(a.u64s(Column::Octets), [1, 2, 3]);
        let picked = a.gather(&[2, 0]);
        assert_eq!(picked.u64s(Column::Octets), [3, 1]);
        assert_eq!(picked.get(0, Column::Tenant), Some(Value::Name("x")));
    }
}
