//! How the program ends: 0 done, 1 it could not be done, 2 wrong usage; and the one sentence that says why.

use std::fmt;
use std::process::ExitCode;

/// Why a command could not be done: one sentence of what, where, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    code: u8,
}

/// What a command gives back.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// It could not be done (exit code 1).
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), code: 1 }
    }

    /// It was asked wrongly (exit code 2).
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), code: 2 }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Failures of others that are whole sentences already.
macro_rules! sentences {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        })+
    };
}

sentences!(
    weir_books::Error,
    weir_store::Error,
    weir_account::Overflow,
    weir_account::UsageError,
    weir_account::StatementError,
);

impl From<weir_query::Error> for Failure {
    fn from(error: weir_query::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// A file that could not be read or written.
pub(crate) fn io(what: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{what} {}: {error}", path.display()))
}

/// Standard output that was closed by its reader (`| head`) is no failure.
pub(crate) fn output(error: &std::io::Error) -> Outcome {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(Failure::new(format!("cannot write the result: {error}")))
}
