//! One record of a batch, read column by column.

use weir_flow::batch::Value;
use weir_flow::{Addr, Batch, Column};

/// A record.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    batch: &'a Batch,
    row: usize,
}

impl<'a> Row<'a> {
    pub(super) fn new(batch: &'a Batch, row: usize) -> Self {
        Self { batch, row }
    }

    /// Which columns have a value.
    pub(super) fn present(self) -> u64 {
        self.batch.present().get(self.row).copied().unwrap_or_default()
    }

    /// A number, a word's code or a MAC address; 0 where unknown.
    pub(super) fn number(self, column: Column) -> u64 {
        match self.batch.get(self.row, column) {
            Some(Value::Unsigned(number)) => number,
            Some(Value::Mac(mac)) => mac.0,
            // A word's place in its list: what the column holds.
            Some(Value::Word(_)) => self.batch.u8s(column).get(self.row).copied().unwrap_or_default().into(),
            _ => 0,
        }
    }

    /// A number that the column's type keeps this small.
    pub(super) fn small<T: TryFrom<u64> + Default>(self, column: Column) -> T {
        T::try_from(self.number(column)).unwrap_or_default()
    }

    /// A number of 32 bits, or how it is unknown.
    pub(super) fn known(self, column: Column) -> Option<u64> {
        (self.present() & column.bit() != 0).then(|| self.number(column))
    }

    pub(super) fn addr(self, column: Column) -> Option<Addr> {
        match self.batch.get(self.row, column) {
            Some(Value::Addr(addr)) => Some(addr),
            _ => None,
        }
    }

    /// ms since 1970.
    pub(super) fn time(self, column: Column) -> i64 {
        match self.batch.get(self.row, column) {
            Some(Value::Time(ms)) => ms,
            _ => 0,
        }
    }
}
