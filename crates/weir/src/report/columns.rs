//! Answers as files of columns: Parquet, and Arrow's stream where this weir has it.

#[cfg(feature = "sql")]
use super::arrow;
use super::parquet;
use super::pipe::{Closed, Pipe};
use super::sheet::{Head, Sheet};
use super::{Form, binary_output};
use crate::exit::Outcome;

/// A file that is being written onto standard output. All sheets must have the same heads.
pub(crate) struct File {
    writer: Writer,
    closed: Closed,
}

enum Writer {
    Parquet(parquet::File<Pipe>),
    #[cfg(feature = "sql")]
    Arrow(arrow::File<Pipe>),
}

impl File {
    /// A file of these columns; `None` if the form is none of columns.
    ///
    /// # Errors
    /// Standard output is a terminal, or this weir has not the form.
    pub(crate) fn new(form: Form, heads: &[Head]) -> Outcome<Option<Self>> {
        match form {
            Form::Parquet => {
                let pipe = binary_output(form)?;
                let closed = pipe.closed();
                Ok(Some(Self { writer: Writer::Parquet(parquet::File::new(pipe, heads)?), closed }))
            }
            Form::Arrow => Self::arrow(heads).map(Some),
            Form::Table | Form::Json | Form::Ndjson | Form::Csv => Ok(None),
        }
    }

    #[cfg(feature = "sql")]
    fn arrow(heads: &[Head]) -> Outcome<Self> {
        let pipe = binary_output(Form::Arrow)?;
        let closed = pipe.closed();
        Ok(Self { writer: Writer::Arrow(arrow::File::new(pipe, heads)?), closed })
    }

    #[cfg(not(feature = "sql"))]
    fn arrow(_: &[Head]) -> Outcome<Self> {
        Err(crate::exit::Failure::new(WITHOUT))
    }

    /// Appends the rows.
    pub(crate) fn write(&mut self, sheet: &Sheet) -> Outcome {
        match &mut self.writer {
            Writer::Parquet(file) => file.write(sheet),
            #[cfg(feature = "sql")]
            Writer::Arrow(file) => file.write(sheet),
        }
    }

    /// Writes what ends it.
    pub(crate) fn finish(self) -> Outcome {
        match self.writer {
            Writer::Parquet(file) => file.finish(),
            #[cfg(feature = "sql")]
            Writer::Arrow(file) => file.finish(),
        }
    }

    /// Whether nobody reads it any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is()
    }
}

/// Where the program has no Arrow in it.
#[cfg(not(feature = "sql"))]
const WITHOUT: &str = "this weir was built without Arrow, which weir's packages have: cargo install --path crates/weir \
                       --features sql; -o parquet has the same columns";

/// Prints an answer in a form of columns.
pub(crate) fn print(form: Form, sheet: &Sheet) -> Outcome {
    let Some(mut file) = File::new(form, &sheet.heads)? else { return Ok(()) };
    file.write(sheet)?;
    file.finish()
}

#[cfg(all(test, not(feature = "sql")))]
mod tests {
    use super::*;

    #[test]
    fn without_arrow_it_says_how_to_get_it() {
        let failure = File::new(Form::Arrow, &[]).map(|_| ()).unwrap_err();
        assert!(failure.to_string().contains("--features sql; -o parquet has the same columns"), "{failure}");
    }
}
