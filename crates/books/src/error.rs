//! What went wrong with the books.

use std::fmt;
use std::path::{Path, PathBuf};

/// What a function of this crate gives.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of the file: its name, what was tried, and why it failed.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The file cannot be read or written.
    Failed { doing: &'static str, cause: rusqlite::Error },
    /// A row is not what was closed.
    Changed(String),
}

impl Error {
    pub(crate) fn new(path: &Path, doing: &'static str, cause: rusqlite::Error) -> Self {
        Self { path: path.to_owned(), what: What::Failed { doing, cause } }
    }

    /// This row is not what was closed.
    pub(crate) fn changed(path: &Path, row: String) -> Self {
        Self { path: path.to_owned(), what: What::Changed(row) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.what {
            What::Failed { doing, cause } => write!(f, "{path}: cannot {doing}: {cause}"),
            What::Changed(row) => write!(
                f,
                "{path}: {row} is not what was closed: weir verify names everything that was changed, and a copy of \
                 the file has it as it was"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.what {
            What::Failed { cause, .. } => Some(cause),
            What::Changed(_) => None,
        }
    }
}
