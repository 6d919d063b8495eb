//! What can go wrong with a question.

use std::fmt;
use std::path::PathBuf;

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
        /// What to narrow.
        cure: String,
    },
    /// The groups that do not fit in memory do not fit on disk either.
    Disk {
        /// Where they were to be put.
        folder: PathBuf,
        /// How much there may be, bytes.
        bytes_max: u64,
        /// What they are: "groups by src_addr".
        of: String,
        /// What to narrow.
        cure: String,
    },
    /// The groups that do not fit in memory cannot be put on disk.
    Spill(PathBuf, std::io::Error),
    /// A roll-up cannot be kept in this file.
    Keep(PathBuf, std::io::Error),
    /// It was given up: [`crate::Stop`].
    Stopped,
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
            Self::Memory { count, of, limit_bytes, cure } => {
                write!(f, "more than {count} {of} do not fit in {} of memory: {cure}", amount(*limit_bytes as u64))
            }
            Self::Disk { folder, bytes_max, of, cure } => write!(
                f,
                "{of} do not fit in memory, nor on the disk of {}, where there may be {} of them as long as it does not \
                 get full: {cure}",
                folder.display(),
                amount(*bytes_max)
            ),
            Self::Spill(folder, error) => {
                write!(f, "cannot keep what does not fit in memory in {}: {error}", folder.display())
            }
            Self::Keep(path, error) => write!(f, "cannot keep the roll-up {}: {error}", path.display()),
            Self::Stopped => f.write_str("the question was given up"),
            Self::Keys { max } => {
                write!(f, "more than {max} keys are not columns but worked out from them: ask for fewer")
            }
            Self::Thread => f.write_str(
                "a thread of the query failed, which is an error of weir: please report the line before this one",
            ),
        }
    }
}

/// Bytes, as people write such limits.
fn amount(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Spill(_, error) | Self::Keep(_, error) => Some(error),
            _ => None,
        }
    }
}

impl From<weir_store::Error> for Error {
    fn from(error: weir_store::Error) -> Self {
        Self::Store(error)
    }
}
