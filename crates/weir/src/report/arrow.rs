//! Answers as Arrow's stream format, with the columns and types of Parquet.

use super::sheet::{Head, Kind, Sheet, Value};
use crate::exit::{self, Failure, Outcome};
use std::io::{BufWriter, Write};
use weir_sql::{Encoder, Values};

/// Writes a stream piece by piece. All sheets must have the same heads.
pub(crate) struct File<W: Write> {
    encoder: Encoder,
    out: BufWriter<W>,
}

impl<W: Write> File<W> {
    /// A stream of these columns.
    pub(crate) fn new(out: W, heads: &[Head]) -> Outcome<Self> {
        let columns = heads.iter().map(|head| (head.name.as_str(), none(head.kind)));
        Ok(Self { encoder: Encoder::new(columns)?, out: BufWriter::new(out) })
    }

    /// Appends the rows.
    pub(crate) fn write(&mut self, sheet: &Sheet) -> Outcome {
        let columns = sheet.heads.iter().enumerate().map(|(at, head)| values(head.kind, sheet, at));
        self.encoder.append(columns.collect::<Outcome<Vec<_>>>()?)?;
        let bytes = self.encoder.take();
        self.out.write_all(&bytes).or_else(|error| exit::output(&error))
    }

    /// Writes the mark of the end.
    pub(crate) fn finish(mut self) -> Outcome {
        let bytes = self.encoder.finish()?;
        let done = self.out.write_all(&bytes).and_then(|()| self.out.flush());
        done.or_else(|error| exit::output(&error))
    }
}

/// No values of this kind.
fn none(kind: Kind) -> Values {
    match kind {
        Kind::Text => Values::Text(Vec::new()),
        Kind::Unsigned => Values::Unsigned(Vec::new()),
        Kind::Signed => Values::Signed(Vec::new()),
        Kind::Double => Values::Double(Vec::new()),
        Kind::Time => Values::Time(Vec::new()),
    }
}

/// The values of a column.
fn values(kind: Kind, sheet: &Sheet, at: usize) -> Outcome<Values> {
    let too_large = || Failure::new("a sum exceeds the 64 bits that Arrow has: use -o csv or -o json");
    let column = || sheet.rows.iter().map(|row| row.get(at).unwrap_or(&Value::Null));
    Ok(match kind {
        Kind::Text => {
            let text = |value: &Value| if let Value::Text(text) = value { Some(text.clone()) } else { None };
            Values::Text(column().map(text).collect())
        }
        Kind::Unsigned => {
            let number = |value: &Value| match value {
                Value::Unsigned(n) => u64::try_from(*n).map(Some).map_err(|_| too_large()),
                _ => Ok(None),
            };
            Values::Unsigned(column().map(number).collect::<Outcome<_>>()?)
        }
        Kind::Signed => {
            let number = |value: &Value| match value {
                Value::Signed(n) => i64::try_from(*n).map(Some).map_err(|_| too_large()),
                _ => Ok(None),
            };
            Values::Signed(column().map(number).collect::<Outcome<_>>()?)
        }
        Kind::Double => {
            let number = |value: &Value| if let Value::Double(n) = value { Some(*n) } else { None };
            Values::Double(column().map(number).collect())
        }
        Kind::Time => {
            let time = |value: &Value| if let Value::Time(ms) = value { Some(*ms) } else { None };
            Values::Time(column().map(time).collect())
        }
    })
}
