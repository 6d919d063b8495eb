//! The books of a store, opened so that they stay the store owner's: an administrator closes periods as root, and the daemon is
//! another user.

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use weir_books::{Books, FILE, Result};
use weir_store::Owner;

/// What SQLite has beside the file while somebody has it open. It gives these to the file's owner when it makes them.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Opens the books for writing, and makes them if there are none.
///
/// # Errors
/// As [`Books::open`].
pub(crate) fn open(store: &Path) -> Result<Books> {
    make(store);
    give(store);
    Books::open(store)
}

/// Opens the books for reading; `None` if there are none.
///
/// # Errors
/// As [`Books::read`].
pub(crate) fn read(store: &Path) -> Result<Option<Books>> {
    give(store);
    Books::read(store)
}

/// Makes an empty file, which is a database without tables, for whom it belongs to. Whatever is in the way, SQLite says it
/// better.
fn make(store: &Path) {
    let (path, owner) = (store.join(FILE), Owner::of(store));
    if !owner.is_another() || path.exists() {
        return;
    }
    // Under another name until it is closed again: closing a file lets go of all locks that the process has on it.
    let new = tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(store);
    let _ = new.map(|new| {
        owner.give(new.as_file());
        new.into_temp_path().persist_noclobber(&path)
    });
}

/// Gives what root left to whom it belongs.
fn give(store: &Path) {
    let owner = Owner::of(store);
    owner.give_named(&store.join(FILE));
    for end in BESIDE {
        let mut name = OsString::from(FILE);
        name.push(end);
        owner.give_named(&store.join(name));
    }
}
