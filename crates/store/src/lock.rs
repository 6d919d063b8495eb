//! The lock that the one writer holds.

use crate::error::What;
use crate::{Error, Owner};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

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
        let mut file = Owner::of(root).open(&options, &path).map_err(Error::doing(&path, "open"))?;
        match patiently(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = noted(&path);
                return Err(Error::new(root, What::Locked { pid }));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io(&path, "lock", error)),
        }
        let note = |file: &mut File| {
            file.set_len(0)?;
            writeln!(file, "{}", std::process::id())
        };
        match note(&mut file).map_err(Error::doing(&path, "write")) {
            // On a full disk it is held all the same; nobody learns by whom.
            Err(error) if !error.is_full() => Err(error),
            _ => Ok(Self { _file: file }),
        }
    }
}

/// Whoever only asks who holds the lock has it for an instant: that must not turn a writer away.
fn patiently(file: &File) -> Result<(), TryLockError> {
    for _ in 0..10 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(2)),
            done => return done,
        }
    }
    file.try_lock()
}

/// The process id in the lock's file.
fn noted(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok())
}

/// The process that writes to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id, where the lock's file tells it.
    pub pid: Option<u32>,
}

/// Who writes to the store in this folder at this moment: a collector or an import. `None` if nobody does, or if
/// that cannot be told.
#[must_use]
pub fn holder(root: &Path) -> Option<Holder> {
    let path = root.join(NAME);
    let file = File::open(&path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(Holder { pid: noted(&path) }),
        // Released when the file is closed, at the end of this.
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_it_is_told_and_not_disturbed() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(holder(place.path()), None);
        let lock = Lock::take(place.path()).unwrap();
        assert_eq!(holder(place.path()), Some(Holder { pid: Some(std::process::id()) }));
        drop(lock);
        assert_eq!(holder(place.path()), None);
        // Somebody who asks, at the same instant.
        let path = place.path().join(NAME);
        let asking = File::open(&path).unwrap();
        asking.try_lock_shared().unwrap();
        let asks = thread::spawn(move || {
            thread::sleep(Duration::from_millis(4));
            drop(asking);
        });
        assert!(Lock::take(place.path()).is_ok());
        asks.join().unwrap();
    }
}
