//! Whose the files of a store are: always the owner's of its folder.
//!
//! The daemon is a user of its own; an administrator closes, rebuilds and imports as root. What root makes in the daemon's
//! store is given to whoever the folder belongs to, or the daemon could not open it any more; and so is what root left there
//! before, where it is met. To everybody else all this does nothing: others can give nothing away, and need not.

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid, chownat, fstat};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// To whom new files are to be given, if to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(Option<(Uid, Gid)>);

impl Owner {
    /// The owner of the store in this folder. Nobody is given anything unless we are root and the folder is another's.
    #[must_use]
    pub fn of(store: &Path) -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self(None);
        }
        let folder = fs::metadata(store).ok().filter(|folder| folder.uid() != 0);
        Self(folder.map(|folder| (Uid::from_raw(folder.uid()), Gid::from_raw(folder.gid()))))
    }

    /// Whether we are root, and the store is another's.
    #[must_use]
    pub fn is_another(self) -> bool {
        self.0.is_some()
    }

    /// Opens a file of the store, and makes it where these options do.
    ///
    /// # Errors
    /// As [`OpenOptions::open`]. Where the folder is another's, a link in the place of the file is refused: who owns the folder
    /// could have us write elsewhere by it.
    pub fn open(self, options: &OpenOptions, path: &Path) -> io::Result<File> {
        if self.0.is_none() {
            return options.open(path);
        }
        let file = options.clone().custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(path)?;
        self.give(&file);
        Ok(file)
    }

    /// Gives an open file or folder. Where that is refused (a network's file system may) it stays whose it is.
    pub fn give(self, file: impl AsFd) {
        let Some((uid, gid)) = self.0 else { return };
        let Ok(stat) = fstat(&file) else { return };
        // A second name of a file may be one outside of the store.
        let is_ours = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => true,
            FileType::RegularFile => stat.st_nlink <= 1,
            _ => false,
        };
        if is_ours && (stat.st_uid, stat.st_gid) != (uid.as_raw(), gid.as_raw()) {
            let _ = chownat(file, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH);
        }
    }

    /// Gives what is there under this name, if anything is. It is not opened for that: closing a file lets go of the locks that
    /// the process has on it (SQLite's).
    pub fn give_named(self, path: &Path) {
        if self.0.is_some()
            && let Ok(there) =
                rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        {
            self.give(there);
        }
    }

    /// Makes a folder of the store, with these permissions less the mask of the process; one that is there is as good.
    ///
    /// # Errors
    /// As [`fs::create_dir`].
    pub fn make_folder(self, folder: &Path, mode: u32) -> io::Result<()> {
        match DirBuilder::new().mode(mode).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => self.give_named(folder),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{chown, symlink};
    use weir_testkit::{is_root, skip};

    const NOBODY: u32 = 65534;

    fn owner(path: &Path) -> (u32, u32) {
        let there = fs::symlink_metadata(path).unwrap();
        (there.uid(), there.gid())
    }

    #[test]
    fn what_root_makes_is_the_owners_of_the_folder_and_nothing_outside_is() {
        if !is_root() {
            return skip("what_root_makes_is_the_owners_of_the_folder_and_nothing_outside_is", "not root");
        }
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let store = at("store");
        fs::create_dir(&store).unwrap();
        assert_eq!(Owner::of(&store), Owner(None), "root's own store stays root's");
        chown(&store, Some(NOBODY), Some(7)).unwrap();
        let theirs = Owner::of(&store);
        let append = OpenOptions::new().append(true).create(true).clone();
        theirs.open(&append, &store.join("new")).unwrap();
        theirs.make_folder(&store.join("folder"), 0o777).unwrap();
        fs::write(store.join("old"), "").unwrap();
        theirs.make_folder(&store.join("folder"), 0o777).unwrap();
        theirs.open(&append, &store.join("old")).unwrap();
        fs::write(store.join("named"), "").unwrap();
        theirs.give_named(&store.join("named"));
        for name in ["new", "folder", "old", "named"] {
            assert_eq!(owner(&store.join(name)), (NOBODY, 7), "{name}");
        }
        // Names that lead out of the store.
        fs::write(at("shadow"), "").unwrap();
        symlink(at("shadow"), store.join("link")).unwrap();
        fs::hard_link(at("shadow"), store.join("second")).unwrap();
        theirs.open(&append, &store.join("link")).unwrap_err();
        theirs.give_named(&store.join("link"));
        theirs.open(&append, &store.join("second")).unwrap();
        assert_eq!(owner(&at("shadow")), (0, 0));
    }
}
