//! What went wrong with the books.

use std::fmt;
use std::path::{Path, PathBuf};

/// What a function of this crate gives.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of the file: its name, what was tried, and why it failed.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    doing: &'static str,
    cause: rusqlite::Error,
}

impl Error {
    pub(crate) fn new(path: &Path, doing: &'static str, cause: rusqlite::Error) -> Self {
        Self { path: path.to_owned(), doing, cause }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: cannot {}: {}", self.path.display(), self.doing, self.cause)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}
