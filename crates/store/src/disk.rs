//! The few steps that change a disk, each in one place.
//!
//! Every step that a crash can come between goes through [`Disk`], which asks its [`Fate`], if it has one, before
//! any of them: so tests and the simulator can stop the world there, and look at what a next process finds.

use crate::fate::{Fate, Kind, Step, Verdict};
use crate::{Error, Owner};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The store's folder, and the only way its files are created, named and removed.
#[derive(Clone, Debug)]
pub struct Disk {
    root: PathBuf,
    fate: Option<Arc<dyn Fate>>,
    is_single_threaded: bool,
}

/// What a finished file is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Its length in bytes.
    pub bytes: u64,
    /// CRC-32C of all its bytes.
    pub crc: u32,
}

impl Disk {
    /// The store in this folder.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), fate: None, is_single_threaded: false }
    }

    /// The same, and every step is decided by this.
    #[must_use]
    pub fn with_fate(mut self, fate: Arc<dyn Fate>) -> Self {
        self.fate = Some(fate);
        self
    }

    /// The same, and what is done in the background otherwise is done by the writer's own thread, in
    /// [`crate::Writer::tick`] and where a result is waited for: the same calls always give the same steps in the
    /// same order.
    #[must_use]
    pub fn single_threaded(mut self) -> Self {
        self.is_single_threaded = true;
        self
    }

    /// The store's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whose its files are.
    fn owner(&self) -> Owner {
        Owner::of(&self.root)
    }

    /// The full path of a name in the manifest.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Whether there are to be no threads.
    pub(crate) fn is_single_threaded(&self) -> bool {
        self.is_single_threaded
    }

    /// Whether what is done in the background may be done by now, if there are no threads.
    pub(crate) fn is_time(&self) -> bool {
        self.fate.as_ref().is_none_or(|fate| fate.is_time())
    }

    /// Takes a step, unless the fate has another end for it.
    fn step<T>(
        &self,
        kind: Kind,
        path: &Path,
        bytes: u64,
        act: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, Error> {
        if let Some(fate) = &self.fate
            && let Verdict::Fail(error) | Verdict::Half(_, error) =
                fate.judge(&Step { kind, path, to: None, bytes })
        {
            return Err(Error::io(path, kind.doing(), error));
        }
        act().map_err(Error::doing(path, kind.doing()))
    }

    /// Makes something durable, or notes that it is.
    fn flush(&self, kind: Kind, path: &Path, act: impl FnOnce() -> io::Result<()>) -> Result<(), Error> {
        if let Some(fate) = &self.fate {
            match fate.judge(&Step { kind, path, to: None, bytes: 0 }) {
                Verdict::Pass => {}
                Verdict::Noted => return Ok(()),
                Verdict::Fail(error) | Verdict::Half(_, error) => {
                    return Err(Error::io(path, kind.doing(), error));
                }
            }
        }
        act().map_err(Error::doing(path, kind.doing()))
    }

    /// Gives a file another name in the same folder.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        if let Some(fate) = &self.fate
            && let Verdict::Fail(error) | Verdict::Half(_, error) =
                fate.judge(&Step { kind: Kind::Rename, path: from, to: Some(to), bytes: 0 })
        {
            return Err(Error::io(from, Kind::Rename.doing(), error));
        }
        fs::rename(from, to).map_err(Error::doing(from, Kind::Rename.doing()))
    }

    /// Writes bytes at the end of a file.
    fn write(&self, mut file: &File, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(fate) = &self.fate {
            let step = Step { kind: Kind::Append, path, to: None, bytes: bytes.len() as u64 };
            match fate.judge(&step) {
                Verdict::Pass | Verdict::Noted => {}
                Verdict::Fail(error) => return Err(error),
                Verdict::Half(len, error) => {
                    let part = usize::try_from(len).ok().and_then(|len| bytes.get(..len));
                    file.write_all(part.unwrap_or(bytes))?;
                    return Err(error);
                }
            }
        }
        file.write_all(bytes)
    }

    /// Creates a folder and what leads to it, durably.
    pub(crate) fn create_folder(&self, folder: &Path) -> Result<(), Error> {
        let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.is_dir()).collect();
        for folder in missing.into_iter().rev().filter(|folder| !folder.as_os_str().is_empty()) {
            self.step(Kind::CreateFolder, folder, 0, || self.owner().make_folder(folder, 0o777))?;
            // A name is durable when the folder that it is in is flushed: each of them.
            let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
            self.sync_folder(parent.unwrap_or(Path::new(".")))?;
        }
        if folder != self.root && folder.starts_with(&self.root) {
            self.owner().give_named(folder);
        }
        Ok(())
    }

    /// Writes a whole new file so that it is there under its name complete and durable, or not at all: to a
    /// temporary name, flushed, renamed, and the folder flushed. `write` may write in any pieces.
    pub(crate) fn create(
        &self,
        name: &str,
        write: impl FnOnce(&mut Sink, &Path) -> Result<(), Error>,
    ) -> Result<Written, Error> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.root).to_path_buf();
        self.create_folder(&folder)?;
        let temporary = path.with_extension("tmp");
        let file = self.step(Kind::Create, &temporary, 0, || {
            let options = OpenOptions::new().write(true).create(true).truncate(true).clone();
            self.owner().open(&options, &temporary)
        })?;
        let mut sink = Sink {
            disk: self.clone(),
            path: temporary.clone(),
            file,
            buffer: Vec::with_capacity(SINK_BYTES),
            written: Written { bytes: 0, crc: 0 },
            failed: None,
        };
        let result = write(&mut sink, &temporary)
            .and_then(|()| sink.flush().map_err(Error::doing(&temporary, "write")))
            .and_then(|()| self.sync(&sink.file, &temporary))
            .and_then(|()| self.rename(&temporary, &path))
            .and_then(|()| self.sync_folder(&folder));
        match result {
            Ok(()) => Ok(sink.written),
            Err(error) => {
                // A failure other than a crash leaves no debris; what a crash leaves, the next writer removes.
                let _ = self.remove(&temporary);
                Err(error)
            }
        }
    }

    /// Opens (or creates) a file that is only ever appended to.
    pub(crate) fn append_to(&self, path: &Path) -> Result<File, Error> {
        let new = !path.exists();
        let open = || self.owner().open(OpenOptions::new().append(true).create(true), path);
        let file = self.step(Kind::Open, path, 0, open)?;
        if new && let Some(folder) = path.parent() {
            self.sync_folder(folder)?;
        }
        Ok(file)
    }

    /// Appends bytes in one write, which a reader sees as a whole or as a torn tail.
    pub(crate) fn append(&self, file: &File, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        self.write(file, path, bytes).map_err(Error::doing(path, Kind::Append.doing()))
    }

    /// Makes what was appended durable.
    pub(crate) fn sync(&self, file: &File, path: &Path) -> Result<(), Error> {
        self.flush(Kind::Sync, path, || file.sync_data())
    }

    /// Cuts a file to its first `len` bytes, durably.
    pub(crate) fn cut(&self, path: &Path, len: u64) -> Result<(), Error> {
        let cut = || {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(len).map(|()| file)
        };
        let file = self.step(Kind::Cut, path, len, cut)?;
        self.sync(&file, path)
    }

    /// Removes a file; one that is gone already is as good as removed.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), Error> {
        let remove = || match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        self.step(Kind::Remove, path, 0, remove)
    }

    /// Flushes a folder, so that names in it survive a power failure.
    pub(crate) fn sync_folder(&self, folder: &Path) -> Result<(), Error> {
        self.flush(Kind::SyncFolder, folder, || File::open(folder).and_then(|f| f.sync_all()))
    }
}

impl Disk {
    /// Flushes the store's folder, what it is in, and its folders: a process that was killed may have left names in
    /// them that are not durable, and what rests on them now must not go with them.
    pub(crate) fn settle_names(&self) -> Result<(), Error> {
        let parent = self.root.parent().filter(|parent| !parent.as_os_str().is_empty());
        // That one is not ours, and perhaps not ours to read.
        let _ = self.sync_folder(parent.unwrap_or(Path::new(".")));
        self.sync_folder(&self.root)?;
        let entries = fs::read_dir(&self.root).map_err(Error::doing(&self.root, "list"))?;
        let mut folders = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::doing(&self.root, "list"))?.path();
            folders.extend(path.is_dir().then_some(path));
        }
        // In the same order whatever the file system's.
        folders.sort();
        for folder in folders {
            match self.sync_folder(&folder) {
                // What we may not read (a file system's `lost+found`) is not ours.
                Err(error) if error.is_refused() => {}
                done => done?,
            }
        }
        Ok(())
    }
}

/// So much is gathered before it is written: few system calls, little memory.
const SINK_BYTES: usize = 1 << 18;

/// A file being written, that knows its length and checksum.
pub(crate) struct Sink {
    disk: Disk,
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    written: Written,
    /// What failed first. A writer in between may keep that to itself (a buffer does, when it is dropped): so it is
    /// said again whenever more is written and, at the latest, when the file is flushed.
    failed: Option<io::Error>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_failed(|sink| {
            if sink.buffer.len() + bytes.len() > SINK_BYTES {
                sink.pour()?;
            }
            if bytes.len() >= SINK_BYTES {
                sink.disk.write(&sink.file, &sink.path, bytes)?;
            } else {
                sink.buffer.extend_from_slice(bytes);
            }
            sink.written.bytes += bytes.len() as u64;
            sink.written.crc = crc32c::crc32c_append(sink.written.crc, bytes);
            Ok(bytes.len())
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_failed(|sink| {
            sink.pour()?;
            sink.file.flush()
        })
    }
}

impl Sink {
    /// Does this, unless something failed before.
    fn unless_failed<T>(&mut self, act: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        let same = |error: &io::Error| match error.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        if let Some(failed) = &self.failed {
            return Err(same(failed));
        }
        act(self).inspect_err(|error| self.failed = Some(same(error)))
    }

    /// Writes what was gathered.
    fn pour(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.disk.write(&self.file, &self.path, &self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}
