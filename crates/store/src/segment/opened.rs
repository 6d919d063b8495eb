//! A segment's file, open for reading.

use crate::Error;
use bytes::Bytes;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is never changed. Several threads may read from one at once.
#[derive(Debug)]
pub(crate) struct Opened {
    path: PathBuf,
    file: Arc<File>,
    len: u64,
}

impl Opened {
    /// Opens it, unless it is open already.
    pub(crate) fn new(path: &Path, open: Option<Arc<File>>) -> Result<Self, Error> {
        let open = open.map_or_else(|| File::open(path).map(Arc::new), Ok);
        let file = open.map_err(Error::doing(path, "read"))?;
        let len = file.metadata().map_err(Error::doing(path, "read"))?.len();
        Ok(Self { path: path.to_path_buf(), file, len })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The error that says what is wrong with it.
    pub(crate) fn damaged(&self, how: impl std::fmt::Display) -> Error {
        Error::damaged(&self.path, how)
    }

    /// So many of its bytes from there on.
    pub(crate) fn read(&self, at: u64, len: u64) -> Result<Bytes, Error> {
        // Checked before there is memory for it: what names the length may be damaged.
        let inside = at.checked_add(len).is_some_and(|end| end <= self.len);
        let len = usize::try_from(len).ok().filter(|_| inside);
        let mut bytes = vec![0; len.ok_or_else(|| self.damaged("it is shorter than its footer says"))?];
        self.fill(&mut bytes, at)?;
        Ok(bytes.into())
    }

    /// Its bytes from there on, without moving its position, which other threads share.
    pub(crate) fn fill(&self, bytes: &mut [u8], at: u64) -> Result<(), Error> {
        self.file.read_exact_at(bytes, at).map_err(Error::doing(&self.path, "read"))
    }
}
