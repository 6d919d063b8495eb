//! Putting single rows of several batches together into one batch, in any order.

use crate::name::Names;
use std::sync::Arc;
use weir_flow::schema::{COLUMNS, Kind};
use weir_flow::{Batch, Column, Values};

/// A row of one of several batches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) batch: u32,
    pub(crate) row: u32,
}

/// How many bytes a row of these columns (a presence mask) takes in a batch, about.
#[must_use]
pub fn row_bytes(columns: u64) -> usize {
    let width = |kind| match kind {
        Kind::Addr => 16,
        Kind::Time | Kind::Mac | Kind::Unsigned(33..) => 8,
        Kind::Name | Kind::Unsigned(17..) => 4,
        Kind::Unsigned(9..) => 2,
        Kind::Word(_) | Kind::Unsigned(_) => 1,
        // A guess: how long strings are is known only when they are read.
        Kind::Text => 4 + 16,
        Kind::Elements => 4 + 128,
    };
    let asked = COLUMNS.iter().filter(|definition| columns & definition.column.bit() != 0);
    size_of::<u64>() + asked.map(|definition| width(definition.kind)).sum::<usize>()
}

/// The rows at these places, in this order, in the columns whose bits are set. Every batch must have the rows
/// named; a column that a batch has not loaded is absent in its rows.
pub(crate) fn assemble(batches: &[Batch], places: &[Place], columns: u64) -> Batch {
    let mut present = Vec::with_capacity(places.len());
    let masks: Vec<&[u64]> = batches.iter().map(Batch::present).collect();
    pick(&masks, places, &mut present);
    for mask in &mut present {
        *mask &= columns;
    }
    let names = Names::default();
    let numbers: Vec<Vec<u32>> = batches.iter().map(|batch| names.translate(batch.names())).collect();
    let asked =
        COLUMNS.iter().map(|definition| definition.column).filter(|column| columns & column.bit() != 0);
    let columns = asked.map(|column| (column, values(batches, places, column, &numbers))).collect();
    let names: Arc<[Box<str>]> = names.list().iter().map(|name| Box::from(&**name)).collect();
    Batch::from_columns(present, columns, names)
}

/// One column of the rows.
fn values(batches: &[Batch], places: &[Place], column: Column, numbers: &[Vec<u32>]) -> Values {
    macro_rules! picked {
        ($out:ident, $get:ident) => {{
            let slices: Vec<_> = batches.iter().map(|batch| batch.$get(column)).collect();
            pick(&slices, places, $out);
        }};
    }
    let mut values = Values::new(column.kind());
    match &mut values {
        Values::U8(out) => picked!(out, u8s),
        Values::U16(out) => picked!(out, u16s),
        Values::U32(out) if column.kind() == Kind::Name => {
            out.extend(places.iter().map(|place| {
                let batch = place.batch as usize;
                let number = batches.get(batch).and_then(|b| b.u32s(column).get(place.row as usize));
                let translated = number.and_then(|n| numbers.get(batch)?.get(*n as usize));
                translated.copied().unwrap_or_default()
            }));
        }
        Values::U32(out) => picked!(out, u32s),
        Values::U64(out) => picked!(out, u64s),
        Values::Time(out) => picked!(out, times),
        Values::Addr(out) => picked!(out, addrs),
        Values::Bytes(out) => {
            for place in places {
                let values = batches.get(place.batch as usize).map(|batch| batch.values(column));
                let string = match values {
                    Some(Values::Bytes(strings)) => strings.get(place.row as usize),
                    _ => None,
                };
                out.push(string.unwrap_or_default());
            }
        }
    }
    values
}

/// The values at these places; the zero of the type where a column has none.
fn pick<T: Copy + Default>(slices: &[&[T]], places: &[Place], out: &mut Vec<T>) {
    out.extend(places.iter().map(|place| {
        let slice = slices.get(place.batch as usize);
        slice.and_then(|slice| slice.get(place.row as usize)).copied().unwrap_or_default()
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_flow::batch::{RowBuilder, Value};

    #[test]
    fn rows_of_several_batches_keep_values_names_and_what_is_unknown() {
        let batch = |names: [&str; 2], port: Option<u64>| {
            let mut batch = Batch::new();
            batch.set_names(names.map(Box::from).into());
            for tenant in [0, 1] {
                let row = RowBuilder::new().unsigned(Column::Tenant, tenant).unsigned(Column::Proto, 6);
                port.map_or(row.clone(), |port| row.unsigned(Column::SrcPort, port + tenant))
                    .push(&mut batch);
            }
            batch
        };
        let batches = [batch(["a", "b"], Some(80)), batch(["b", "c"], None)];
        let places = [(1, 1), (0, 1), (1, 0), (0, 1)].map(|(batch, row)| Place { batch, row });
        let all = assemble(&batches, &places, Column::Tenant.bit() | Column::SrcPort.bit());
        let row = |row| (all.get(row, Column::Tenant).unwrap(), all.get(row, Column::SrcPort));
        assert_eq!(row(0), (Value::Name("c"), None));
        assert_eq!(row(1), (Value::Name("b"), Some(Value::Unsigned(81))));
        assert_eq!(row(2), (Value::Name("b"), None));
        assert_eq!(row(3), row(1));
        assert_eq!(all.len(), 4);
        assert_eq!(all.get(0, Column::Proto), None, "not asked for");
        assert_eq!(
            row_bytes(Column::Tenant.bit() | Column::SrcAddr.bit() | Column::SrcPort.bit()),
            8 + 4 + 16 + 2
        );
    }
}
