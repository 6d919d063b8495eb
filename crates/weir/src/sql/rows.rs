//! An answer of any columns as a Parquet file: rows are laid out in columns, so many at a time.

use crate::exit::{Failure, Outcome};
use crate::report::Form;
use crate::report::columns::File;
use crate::report::sheet::{Head as Column, Kind, Sheet, Value};
use std::ops::ControlFlow;
use weir_sql::{Cell, Class, Head, Taker};

/// Rows of a row group.
const GROUP_ROWS: usize = 1 << 16;

/// Writes rows as they come.
#[derive(Default)]
pub(super) struct Rows {
    sheet: Sheet,
    file: Option<File>,
    failed: Option<Failure>,
}

impl Rows {
    /// Writes what is left.
    ///
    /// # Errors
    /// Standard output is a terminal or cannot be written, or a value does not fit its column.
    pub(super) fn finish(mut self) -> Outcome {
        if self.failed.is_none() {
            let _ = self.put();
        }
        match (self.failed, self.file) {
            (Some(failure), _) => Err(failure),
            (None, Some(file)) => file.finish(),
            (None, None) => Ok(()),
        }
    }

    /// Hands the rows to the file.
    fn put(&mut self) -> ControlFlow<()> {
        let Some(file) = &mut self.file else { return ControlFlow::Continue(()) };
        let written = file.write(&self.sheet);
        self.sheet.rows.clear();
        match written {
            Ok(()) if file.is_closed() => ControlFlow::Break(()),
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => self.fail(failure),
        }
    }

    fn fail(&mut self, failure: Failure) -> ControlFlow<()> {
        self.failed = Some(failure);
        ControlFlow::Break(())
    }
}

impl Taker for Rows {
    fn head(&mut self, head: &[Head]) -> ControlFlow<()> {
        self.sheet.heads = head.iter().map(|head| Column::new(head.name.clone(), kind(head.class))).collect();
        match File::new(Form::Parquet, &self.sheet.heads) {
            Ok(file) => {
                self.file = file;
                ControlFlow::Continue(())
            }
            Err(failure) => self.fail(failure),
        }
    }

    fn row(&mut self, row: &[Cell]) -> ControlFlow<()> {
        let values = self.sheet.heads.iter().zip(row).map(|(head, cell)| value(head, cell));
        match values.collect::<Outcome<Vec<Value>>>() {
            Ok(row) => self.sheet.rows.push(row),
            Err(failure) => return self.fail(failure),
        }
        if self.sheet.rows.len() < GROUP_ROWS { ControlFlow::Continue(()) } else { self.put() }
    }
}

fn kind(class: Class) -> Kind {
    match class {
        Class::Unsigned => Kind::Unsigned,
        Class::Signed => Kind::Signed,
        Class::Double => Kind::Double,
        Class::Time => Kind::Time,
        Class::Other => Kind::Text,
    }
}

/// A cell as its column has it.
fn value(head: &Column, cell: &Cell) -> Outcome<Value> {
    let wrong = |text: &str| {
        Failure::new(format!("\"{text}\" is nothing for the column {}, which is an error of weir", head.name))
    };
    let text = match cell {
        Cell::Null => return Ok(Value::Null),
        Cell::Bool(value) => return Ok(Value::Text(value.to_string())),
        Cell::Number(text) | Cell::Text(text) => text,
    };
    Ok(match head.kind {
        Kind::Text => Value::Text(text.clone()),
        Kind::Unsigned => Value::Unsigned(text.parse().map_err(|_| wrong(text))?),
        Kind::Signed => Value::Signed(text.parse().map_err(|_| wrong(text))?),
        Kind::Double => Value::Double(text.parse().map_err(|_| wrong(text))?),
        Kind::Time => {
            let moment: jiff::Timestamp = text.parse().map_err(|_| wrong(text))?;
            Value::Time(moment.as_millisecond())
        }
    })
}
