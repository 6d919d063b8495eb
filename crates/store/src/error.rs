//! What can go wrong with a store: always which file, what is wrong with it, and what to do.

use crate::Damage;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// An error of the store. It displays as one sentence that names the file.
#[derive(Debug)]
pub struct Error {
    /// The file or folder it is about.
    pub path: PathBuf,
    /// What happened.
    pub what: What,
}

/// What happened to the file an [`Error`] names.
#[derive(Debug)]
pub enum What {
    /// There is no store.
    Missing,
    /// The store is of a later format than this program knows.
    TooNew(u64),
    /// Another process writes this store.
    Locked {
        /// Its process id, where the lock file tells it.
        pid: Option<u32>,
    },
    /// The bytes are not what was written, or were never ours.
    Damaged(String),
    /// A file that the manifest named is not there (any more): take a new snapshot.
    Vanished,
    /// The operating system refused.
    Io {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// The same bytes were imported before.
    Imported {
        /// What they were called then.
        label: String,
        /// When, ms since 1970.
        at: i64,
    },
    /// A batch handed in is not one that can be stored.
    Batch(String),
    /// The background thread is gone.
    Stopped,
}

impl Error {
    /// An error about this file.
    pub(crate) fn new(path: &Path, what: What) -> Self {
        Self { path: path.to_path_buf(), what }
    }

    /// The file holds something else than it should.
    pub(crate) fn damaged(path: &Path, how: impl fmt::Display) -> Self {
        Self::new(path, What::Damaged(how.to_string()))
    }

    /// The operating system refused; a file that is not there has vanished.
    pub(crate) fn io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        if doing == "read" && source.kind() == io::ErrorKind::NotFound {
            return Self::new(path, What::Vanished);
        }
        Self::new(path, What::Io { doing, source })
    }

    /// For `map_err` where a file is read or written.
    pub(crate) fn doing<'a>(path: &'a Path, doing: &'static str) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self::io(path, doing, source)
    }

    /// Whether the disk (or the quota) is full: storing may resume by itself.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(&self.what, What::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    /// Whether we may not: the file or its folder is another's.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(&self.what, What::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Whether a file is not what was written, or is gone though it should be there.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        matches!(self.what, What::Damaged(_) | What::Vanished)
    }

    /// The same, as damage of the whole file.
    pub(crate) fn into_damage(self) -> Damage {
        let how = match &self.what {
            What::Damaged(how) => how.clone(),
            _ => self.to_string(),
        };
        Damage { path: self.path, bytes: 0..0, how }
    }

    /// Whether a named file has vanished, so that a new snapshot would help.
    #[must_use]
    pub fn is_vanished(&self) -> bool {
        matches!(self.what, What::Vanished)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.what {
            What::Missing => write!(
                f,
                "no weir store at {path}: run `weir import` or `weir run` first, or name another with --store"
            ),
            What::TooNew(version) => {
                write!(f, "{path} is of store format {version}, which a later weir wrote: use that one")
            }
            What::Locked { pid: Some(pid) } => {
                write!(f, "{path} is being written by process {pid}: stop it first, or use another store")
            }
            What::Locked { pid: None } => {
                write!(f, "{path} is being written by another process: stop it first, or use another store")
            }
            What::Damaged(how) => write!(
                f,
                "{path} is damaged: {how}; restore it from a copy; `weir rebuild --check` names all that \
                 is, and `weir rebuild` computes accounts again"
            ),
            What::Vanished => write!(
                f,
                "{path} is no longer there: it was retired meanwhile, or removed by hand; ask again"
            ),
            What::Io { doing, source } if self.is_refused() => write!(
                f,
                "cannot {doing} {path}: {source}; a store is its owner's: run weir as that user or as root; if root made \
                 this file, `chown -R --reference=STORE STORE` puts that right"
            ),
            What::Io { doing, source } => write!(f, "cannot {doing} {path}: {source}"),
            What::Imported { label, .. } => write!(
                f,
                "{path} has these bytes already, imported as `{label}`: say --again to count them twice"
            ),
            What::Batch(how) => write!(f, "a batch for {path} cannot be stored: {how}"),
            What::Stopped => write!(
                f,
                "the thread that seals {path} has stopped: restart weir; nothing that was journaled is lost"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.what {
            What::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
