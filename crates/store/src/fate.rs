//! What may befall a disk: a seam for those who try a store out.
//!
//! Everything that changes the disk is a *step* ([`Step`]). A [`crate::Disk`] with a [`Fate`] asks it before each
//! of them; so a simulator can let a process die between any two steps, a disk be full for a while, a flush be slow,
//! and can note what was flushed, to take away what was not. Without one nothing is asked.

use std::fmt;
use std::io;
use std::path::Path;

/// A kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A folder is created.
    CreateFolder,
    /// A file is created under a temporary name.
    Create,
    /// A file is opened to be appended to, and created if it is not there.
    Open,
    /// Bytes are written at the end of a file.
    Append,
    /// A file is cut.
    Cut,
    /// A file's bytes are made durable.
    Sync,
    /// A file is given another name in the same folder.
    Rename,
    /// A file is removed.
    Remove,
    /// The names in a folder are made durable.
    SyncFolder,
}

impl Kind {
    /// What is being done, for an error.
    pub(crate) fn doing(self) -> &'static str {
        match self {
            Self::CreateFolder | Self::Create => "create",
            Self::Open => "open",
            Self::Append => "append to",
            Self::Cut => "cut",
            Self::Sync | Self::SyncFolder => "flush",
            Self::Rename => "rename",
            Self::Remove => "remove",
        }
    }
}

/// A step that is about to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// What is to be done,
    pub kind: Kind,
    /// to which file or folder.
    pub path: &'a Path,
    /// Its new name, if it is a [`Kind::Rename`].
    pub to: Option<&'a Path>,
    /// How many bytes are appended, or how many are left when it is cut; 0 for the others.
    pub bytes: u64,
}

/// What becomes of a step.
#[derive(Debug)]
pub enum Verdict {
    /// It is taken.
    Pass,
    /// It fails, and nothing was done.
    Fail(io::Error),
    /// It fails; of bytes that were appended the first so many were written.
    Half(u64, io::Error),
    /// It is told to be done and is not: flushes need not wait for a real disk where a simulated one notes them.
    Noted,
}

/// Decides what becomes of steps. It is asked from the writer's thread and, unless the disk is
/// [`crate::Disk::single_threaded`], from those in the background.
pub trait Fate: fmt::Debug + Send + Sync {
    /// What becomes of the step that is about to be taken.
    fn judge(&self, step: &Step<'_>) -> Verdict;

    /// Whether what is done in the background is done by now, if it is done on the writer's own thread: `false`
    /// is a slow disk.
    fn is_time(&self) -> bool {
        true
    }
}
