//! What can go wrong with a question.

use std::fmt;

/// Why there is no answer. Each displays as one sentence: what, where, what to do.
#[derive(Debug)]
pub enum Error {
    /// The store's files cannot be read.
    Store(weir_store::Error),
    /// The answer needs more memory than was allowed.
    Memory {
        /// How many groups or records there were when it was full.
        count: usize,
        /// What they are: "groups by src_addr, dst_addr", or "records".
        of: String,
        /// The memory allowed.
        limit_bytes: usize,
    },
    /// Too many keys that are no columns.
    Keys {
        /// How many there may be.
        max: usize,
    },
    /// A thread of the query panicked: an error of the program.
    Thread,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Memory { count, of, limit_bytes } => write!(
                f,
                "more than {count} {of} do not fit in {} MiB of memory: narrow the time span or the filter, ask \
                 for fewer columns, or allow more memory",
                limit_bytes >> 20
            ),
            Self::Keys { max } => {
                write!(f, "more than {max} keys are not columns but worked out from them: ask for fewer")
            }
            Self::Thread => f.write_str(
                "a thread of the query failed, which is an error of weir: please report the line before this one",
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl From<weir_store::Error> for Error {
    fn from(error: weir_store::Error) -> Self {
        Self::Store(error)
    }
}
