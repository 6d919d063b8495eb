//! Files of a snapshot, by their names, or kept open so that they can be read whatever becomes of their names.
//!
//! A daemon replaces small files by larger ones and gives up old ones all the time, and a question may take longer than
//! that. Who has a file open reads it to its end; the disk keeps it until then.

use crate::Error;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file to be read.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    open: Option<Arc<File>>,
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self { path, open: None }
    }
}

impl Source {
    /// Its path, for errors.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Error> {
        let all = || match &self.open {
            None => fs::read(&self.path),
            Some(file) => {
                let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
                let mut bytes = vec![0; len];
                file.read_exact_at(&mut bytes, 0)?;
                Ok(bytes)
            }
        };
        all().map_err(Error::doing(&self.path, "read"))
    }
}

/// The files that a snapshot keeps open, by their names in the store.
#[derive(Debug, Default)]
pub(crate) struct Open(HashMap<Box<str>, Arc<File>>);

impl Open {
    /// Opens these files of a store. Those that there are no more descriptors for are left closed: they can still be
    /// read by name, if they are there then.
    ///
    /// # Errors
    /// One cannot be opened ([`Error::is_vanished`] if it is not there any more).
    pub(crate) fn new<'a>(root: &Path, names: impl Iterator<Item = &'a str>) -> Result<Self, Error> {
        let mut open = Self::default();
        for name in names {
            let path = root.join(name);
            match File::open(&path) {
                Ok(file) => {
                    open.0.insert(name.into(), Arc::new(file));
                }
                Err(error) if is_out_of_descriptors(&error) => break,
                Err(error) => return Err(Error::doing(&path, "read")(error)),
            }
        }
        Ok(open)
    }

    /// The file of this name.
    pub(crate) fn source(&self, root: &Path, name: &str) -> Source {
        Source { path: root.join(name), open: self.get(name) }
    }

    /// The file of this name, if it is open.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<File>> {
        self.0.get(name).cloned()
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let is = |errno: Errno| error.raw_os_error() == Some(errno.raw_os_error());
    is(Errno::MFILE) || is(Errno::NFILE)
}
