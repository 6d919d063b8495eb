//! An answer of any columns, in every form.

use crate::exit::{self, Outcome};
use crate::report::table::{Align, Columns};
use crate::report::value::printable;
use crate::report::{Form, csv_line, number};
use serde_json::Value as Json;
use std::io::{BufWriter, Stdout, Write};
use std::ops::ControlFlow;
use weir_sql::{Cell, Class, Head, Reading, Taker};

/// Rows that a table for people has at most: it is laid out as a whole.
const TABLE_ROWS_MAX: usize = 100_000;

/// Prints rows as they come, but a table when all are there.
pub(super) struct Printer {
    form: Form,
    out: BufWriter<Stdout>,
    heads: Vec<Head>,
    table: Option<Columns>,
    rows: usize,
    failed: Option<std::io::Error>,
    cut: bool,
}

impl Printer {
    /// Nothing is printed as Parquet or Arrow: those are no text.
    pub(super) fn new(form: Form) -> Self {
        let out = BufWriter::new(std::io::stdout());
        Self { form, out, heads: Vec::new(), table: None, rows: 0, failed: None, cut: false }
    }

    fn write(&mut self, text: &str) -> ControlFlow<()> {
        match self.out.write_all(text.as_bytes()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn object(&self, row: &[Cell]) -> String {
        let member = |(head, cell): (&Head, &Cell)| format!("{}:{}", quoted(&head.name), json(cell));
        let members: Vec<String> = self.heads.iter().zip(row).map(member).collect();
        format!("{{{}}}", members.join(","))
    }

    /// Prints what is left, and under a table how much was read for it.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(super) fn finish(mut self, reading: Reading) -> Outcome {
        let foot = match self.form {
            Form::Json if self.rows == 0 => "]\n".to_owned(),
            Form::Json => "\n]\n".to_owned(),
            Form::Table => self.foot(reading),
            _ => String::new(),
        };
        if self.failed.is_none() {
            let _ = self.write(&foot);
        }
        if let Some(error) = self.failed {
            return exit::output(&error);
        }
        self.out.flush().or_else(|error| exit::output(&error))
    }

    fn foot(&self, reading: Reading) -> String {
        let table = self.table.as_ref().map(Columns::render).unwrap_or_default();
        let rows = if self.rows == 1 { "row" } else { "rows" };
        let mut foot = format!("{table}\n{} {rows}", number::grouped(self.rows as u64));
        if self.cut {
            foot.push_str(" (more than a table shows: add LIMIT, or -o csv, -o ndjson, -o json)");
        }
        if reading.stored_records > 0 {
            let [scanned, stored] = [reading.scanned_records, reading.stored_records].map(number::grouped);
            foot.push_str(&format!("; {scanned} of {stored} records read"));
        }
        foot + "\n"
    }
}

impl Taker for Printer {
    fn head(&mut self, head: &[Head]) -> ControlFlow<()> {
        self.heads = head.to_vec();
        match self.form {
            Form::Table => {
                let align = |class: Class| if class.is_number() { Align::Right } else { Align::Left };
                let heads = head.iter().map(|head| (printable(&head.name), align(head.class)));
                self.table = Some(Columns::new(heads));
                ControlFlow::Continue(())
            }
            Form::Csv => self.write(&csv_line(head.iter().map(|head| head.name.as_str()))),
            Form::Json => self.write("["),
            Form::Ndjson | Form::Parquet | Form::Arrow => ControlFlow::Continue(()),
        }
    }

    fn row(&mut self, row: &[Cell]) -> ControlFlow<()> {
        if self.form == Form::Table && self.rows == TABLE_ROWS_MAX {
            self.cut = true;
            return ControlFlow::Break(());
        }
        self.rows += 1;
        match self.form {
            Form::Table => {
                if let Some(table) = &mut self.table {
                    lay_out(table, row);
                }
                ControlFlow::Continue(())
            }
            Form::Csv => self.write(&csv_line(row.iter().map(plain))),
            Form::Ndjson | Form::Parquet | Form::Arrow => {
                let line = self.object(row) + "\n";
                self.write(&line)
            }
            Form::Json => {
                let object = self.object(row);
                self.write(&format!("{}\n  {object}", if self.rows == 1 { "" } else { "," }))
            }
        }
    }
}

/// A row, or as many as its longest cell has lines: plans have several.
fn lay_out(table: &mut Columns, row: &[Cell]) {
    let cells: Vec<String> = row.iter().map(readable).collect();
    let height = cells.iter().map(|cell| cell.lines().count()).max().unwrap_or_default().max(1);
    for line in 0..height {
        table.row(cells.iter().map(|cell| printable(cell.lines().nth(line).unwrap_or_default())));
    }
}

fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

fn json(cell: &Cell) -> String {
    match cell {
        Cell::Null => "null".to_owned(),
        Cell::Bool(value) => value.to_string(),
        Cell::Number(number) => number.clone(),
        Cell::Text(text) => quoted(text),
    }
}

fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Bool(value) => value.to_string(),
        Cell::Number(text) | Cell::Text(text) => text.clone(),
    }
}

fn readable(cell: &Cell) -> String {
    match cell {
        Cell::Null => "–".to_owned(),
        other => plain(other),
    }
}
