//! How answers look: the one place that formats numbers.
//!
//! Every answer has the same figures in every [`Form`]: exact integers in JSON and CSV, units that people read
//! in tables, with the exact figures under the balance. Nothing here reads a clock or a file.

pub(crate) mod address;
#[cfg(feature = "sql")]
mod arrow;
pub(crate) mod balance;
pub(crate) mod bill;
pub(crate) mod columns;
pub(crate) mod completeness;
pub(crate) mod doctor;
pub(crate) mod flows;
pub(crate) mod group;
pub(crate) mod import;
pub(crate) mod mail;
pub(crate) mod moves;
pub(crate) mod name;
pub(crate) mod number;
pub(crate) mod other;
pub(crate) mod outlook;
pub(crate) mod parquet;
pub(crate) mod pipe;
pub(crate) mod quota;
pub(crate) mod sheet;
pub(crate) mod split;
pub(crate) mod statement;
pub(crate) mod table;
pub(crate) mod top;
pub(crate) mod usage;
pub(crate) mod value;

use crate::exit::{self, Failure, Outcome};
use std::io::{IsTerminal, Write};

/// In which form an answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// Columns for people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values with a header line.
    Csv,
    /// A Parquet file, of top, flows and usage.
    Parquet,
    /// Arrow's stream, of top, flows, usage and sql; weir's packages have it.
    Arrow,
}

impl Form {
    /// The form of a command whose answers are no rows of columns.
    ///
    /// # Errors
    /// It is one of rows of columns.
    pub(crate) fn text(self, command: &str) -> Outcome<Self> {
        match self {
            Self::Parquet | Self::Arrow => Err(Failure::usage(format!(
                "{command} has no answer in columns: use -o table, json, ndjson or csv (Parquet and Arrow are for top, flows \
                 and usage)"
            ))),
            text => Ok(text),
        }
    }
}

/// Whether people look at standard output, so that emphasis is welcome.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Prints an answer. A reader that went away (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).or_else(|error| exit::output(&error))
}

/// Standard output for what no terminal can show.
pub(crate) fn binary_output(form: Form) -> Outcome<pipe::Pipe> {
    let out = std::io::stdout();
    if out.is_terminal() {
        let (what, end) =
            if form == Form::Arrow { ("Arrow", "arrows") } else { ("a Parquet file", "parquet") };
        return Err(Failure::usage(format!("{what} is nothing for a terminal: add > answer.{end}")));
    }
    Ok(pipe::Pipe::new(out))
}

/// Prints a JSON document, readable on a terminal and in a file.
pub(crate) fn print_json(value: &serde_json::Value) -> Outcome {
    print(&format!("{value:#}\n"))
}

/// Several documents for programs: one as it is, more as a list.
pub(crate) fn listed(mut documents: Vec<serde_json::Value>) -> serde_json::Value {
    match documents.len() {
        1 => documents.remove(0),
        _ => serde_json::Value::Array(documents),
    }
}

/// Several tables of CSV as one: the first line is said once.
pub(crate) fn joined_csv(tables: impl IntoIterator<Item = String>) -> String {
    let mut out = String::new();
    for table in tables {
        let rest = if out.is_empty() { Some(&*table) } else { table.split_once('\n').map(|(_, rest)| rest) };
        out.push_str(rest.unwrap_or_default());
    }
    out
}

/// A line of CSV: cells with a comma, a quote or a line end are quoted (RFC 4180).
pub(crate) fn csv_line<S: AsRef<str>>(cells: impl IntoIterator<Item = S>) -> String {
    let mut line = String::new();
    for (i, cell) in cells.into_iter().enumerate() {
        let cell = cell.as_ref();
        if i > 0 {
            line.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            line.push('"');
            line.push_str(&cell.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(cell);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::csv_line;

    #[test]
    fn csv_quotes_what_needs_it() {
        assert_eq!(csv_line(["a", "b,c", "d\"e"]), "a,\"b,c\",\"d\"\"e\"\n");
    }
}
