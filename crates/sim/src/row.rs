//! A flow record as the world knows it: the columns that are known, in the order of the schema.

use std::fmt;
use weir_flow::batch::Value;
use weir_flow::schema::COLUMNS;
use weir_flow::{Addr, Batch, Column};

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Number(u64),
    Time(i64),
    Addr(Addr),
    Word(Box<str>),
}

/// What is known of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row(Vec<(Column, Cell)>);

impl Row {
    /// Sets a value; what is there is replaced.
    pub(crate) fn set(&mut self, column: Column, cell: Cell) {
        match self.0.binary_search_by_key(&column, |(c, _)| *c) {
            Ok(at) => self.0[at].1 = cell,
            Err(at) => self.0.insert(at, (column, cell)),
        }
    }

    /// Forgets what a sampling interval changes.
    pub(crate) fn forget_sampling(&mut self) {
        let changed = [Column::Octets, Column::Packets, Column::SamplingInterval, Column::SamplingSource];
        self.0.retain(|(column, _)| !changed.contains(column));
    }

    pub(crate) fn number(&mut self, column: Column, value: u64) {
        self.set(column, Cell::Number(value));
    }

    /// Sets a number unless it is 0, which exporters write for "none".
    pub(crate) fn number_but_0(&mut self, column: Column, value: u64) {
        if value != 0 {
            self.number(column, value);
        }
    }

    pub(crate) fn time(&mut self, column: Column, ms: i64) {
        self.set(column, Cell::Time(ms));
    }

    pub(crate) fn addr(&mut self, column: Column, addr: Addr) {
        self.set(column, Cell::Addr(addr));
    }

    pub(crate) fn word(&mut self, column: Column, word: &str) {
        self.set(column, Cell::Word(word.into()));
    }

    /// A value, if it is known.
    pub(crate) fn get(&self, column: Column) -> Option<&Cell> {
        let at = self.0.binary_search_by_key(&column, |(c, _)| *c).ok()?;
        self.0.get(at).map(|(_, cell)| cell)
    }

    /// A number that is there, or 0.
    pub(crate) fn amount(&self, column: Column) -> u64 {
        match self.get(column) {
            Some(Cell::Number(number)) => *number,
            _ => 0,
        }
    }

    /// A time that is there, or 0.
    pub(crate) fn moment(&self, column: Column) -> i64 {
        match self.get(column) {
            Some(Cell::Time(ms)) => *ms,
            _ => 0,
        }
    }

    /// An address that is there.
    pub(crate) fn address(&self, column: Column) -> Option<Addr> {
        match self.get(column) {
            Some(Cell::Addr(addr)) => Some(*addr),
            _ => None,
        }
    }

    /// A word that is there, or nothing.
    pub(crate) fn text(&self, column: Column) -> &str {
        match self.get(column) {
            Some(Cell::Word(word)) => word,
            _ => "",
        }
    }

    /// Row `at` of a batch.
    pub(crate) fn of(batch: &Batch, at: usize) -> Self {
        let cell = |column| {
            Some(match batch.get(at, column)? {
                Value::Time(ms) => Cell::Time(ms),
                Value::Addr(addr) => Cell::Addr(addr),
                Value::Mac(mac) => Cell::Number(mac.0),
                Value::Unsigned(number) => Cell::Number(number),
                Value::Name(text) | Value::Word(text) | Value::Text(text) => Cell::Word(text.into()),
                Value::Elements(_) => return None,
            })
        };
        Self(COLUMNS.iter().filter_map(|d| Some((d.column, cell(d.column)?))).collect())
    }

    /// All rows of a batch.
    pub(crate) fn all(batch: &Batch) -> impl Iterator<Item = Self> {
        (0..batch.len()).map(|at| Self::of(batch, at))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (column, cell) in &self.0 {
            write!(f, "{}=", column.name())?;
            match cell {
                Cell::Number(number) => write!(f, "{number} ")?,
                Cell::Time(ms) => write!(f, "{ms} ")?,
                Cell::Addr(addr) => write!(f, "{addr} ")?,
                Cell::Word(word) => write!(f, "{word} ")?,
            }
        }
        Ok(())
    }
}
