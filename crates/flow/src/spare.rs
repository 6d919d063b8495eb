//! Memory of batches that are done with, for those that come next.
//!
//! Who reads a store part by part needs megabytes for each. To give them back to the system and have them again, page by
//! page and zeroed, costs as much as reading them.

use crate::batch::{Batch, Values};
use crate::schema::{COLUMNS, COUNT, Column};

/// Vectors without contents, and with the room that they had.
#[derive(Debug)]
pub struct Spare {
    present: Vec<u64>,
    columns: [Values; COUNT],
}

impl Default for Spare {
    fn default() -> Self {
        let (present, columns) = Batch::new().into_columns();
        Self { present, columns }
    }
}

impl Spare {
    /// Keeps a batch's memory.
    pub fn put(&mut self, batch: Batch) {
        let loaded = COLUMNS.iter().map(|d| d.column).filter(|column| batch.is_loaded(*column));
        let loaded: Vec<Column> = loaded.collect();
        let (present, mut columns) = batch.into_columns();
        self.present = present;
        for column in loaded {
            let at = column.index();
            if let (Some(ours), Some(values)) = (self.columns.get_mut(at), columns.get_mut(at)) {
                values.clear();
                std::mem::swap(ours, values);
            }
        }
    }

    /// Presence masks of so many rows that have no value in any column.
    #[must_use]
    pub fn present(&mut self, rows: usize) -> Vec<u64> {
        let mut present = std::mem::take(&mut self.present);
        present.clear();
        present.resize(rows, 0);
        present
    }

    /// An empty vector for a column, with room for so many rows.
    #[must_use]
    pub fn values(&mut self, column: Column, rows: usize) -> Values {
        let mut values = Values::new(column.kind());
        if let Some(ours) = self.columns.get_mut(column.index()) {
            std::mem::swap(ours, &mut values);
        }
        values.reserve(rows);
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::RowBuilder;

    #[test]
    fn what_was_in_a_batch_is_not_in_the_next() {
        let mut batch = Batch::with_columns(Column::Octets.bit() | Column::Tenant.bit());
        RowBuilder::new().unsigned(Column::Octets, 7).push(&mut batch);
        let mut spare = Spare::default();
        spare.put(batch);
        assert_eq!(spare.present(2), [0, 0]);
        let octets = spare.values(Column::Octets, 5);
        assert!(octets.is_empty() && matches!(&octets, Values::U64(v) if v.capacity() >= 5));
        // And it is handed out once.
        assert!(matches!(spare.values(Column::Octets, 0), Values::U64(v) if v.capacity() == 0));
        assert!(matches!(spare.values(Column::Proto, 3), Values::U8(v) if v.capacity() >= 3));
    }
}
