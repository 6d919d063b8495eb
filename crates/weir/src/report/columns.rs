//! Answers as files of columns: Parquet, and Arrow's stream where this weir has it.

#[cfg(feature = "sql")]
use super::arrow;
use super::parquet;
use super::sheet::{Head, Sheet};
use super::{Form, binary_output};
use crate::exit::Outcome;
use std::io::Stdout;

/// A file that is being written onto standard output. All sheets must have the same heads.
pub(crate) enum File {
    Parquet(parquet::File<Stdout>),
    #[cfg(feature = "sql")]
    Arrow(arrow::File<Stdout>),
}

impl File {
    /// A file of these columns; `None` if the form is none of columns.
    ///
    /// # Errors
    /// Standard output is a terminal, or this weir has not the form.
    pub(crate) fn new(form: Form, heads: &[Head]) -> Outcome<Option<Self>> {
        match form {
            Form::Parquet => Ok(Some(Self::Parquet(parquet::File::new(binary_output(form)?, heads)?))),
            Form::Arrow => Self::arrow(heads).map(Some),
            Form::Table | Form::Json | Form::Ndjson | Form::Csv => Ok(None),
        }
    }

    #[cfg(feature = "sql")]
    fn arrow(heads: &[Head]) -> Outcome<Self> {
        Ok(Self::Arrow(arrow::File::new(binary_output(Form::Arrow)?, heads)?))
    }

    #[cfg(not(feature = "sql"))]
    fn arrow(_: &[Head]) -> Outcome<Self> {
        Err(crate::exit::Failure::new(WITHOUT))
    }

    /// Appends the rows.
    pub(crate) fn write(&mut self, sheet: &Sheet) -> Outcome {
        match self {
            Self::Parquet(file) => file.write(sheet),
            #[cfg(feature = "sql")]
            Self::Arrow(file) => file.write(sheet),
        }
    }

    /// Writes what ends it.
    pub(crate) fn finish(self) -> Outcome {
        match self {
            Self::Parquet(file) => file.finish(),
            #[cfg(feature = "sql")]
            Self::Arrow(file) => file.finish(),
        }
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
