//! The lock that the one writer holds.

use crate::Error;
use crate::error::What;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;

/// The name of the lock's file in the store.
const NAME: &str = "lock";

/// Held as long as it lives; the operating system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the store in this folder, and leaves our process id in its file.
    pub(crate) fn take(root: &Path) -> Result<Self, Error> {
        let path = root.join(NAME);
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
        let mut file = options.open(&path).map_err(Error::doing(&path, "open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(Error::new(root, What::Locked { pid }));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io(&path, "lock", error)),
        }
        let note = |file: &mut File| {
            file.set_len(0)?;
            writeln!(file, "{}", std::process::id())
        };
        note(&mut file).map_err(Error::doing(&path, "write"))?;
        Ok(Self { _file: file })
    }
}
