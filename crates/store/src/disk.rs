//! The few steps that change a disk, each in one place.
//!
//! Every step that a crash can come between goes through [`Disk`], so that tests can stop the world before any
//! of them ([`Disk::step`]) and look at what a next process finds.

use crate::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The store's folder, and the only way its files are created, named and removed.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    #[cfg(test)]
    pub(crate) mortal: Option<std::sync::Arc<Mortal>>,
}

/// A process that will die, for tests: how many more steps it lives, and how much of each file it has flushed.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Mortal {
    pub steps: std::sync::atomic::AtomicI64,
    pub synced: std::sync::Mutex<std::collections::BTreeMap<PathBuf, u64>>,
}

#[cfg(test)]
impl Mortal {
    /// Whether the step that failed was the first to: it may have been half done.
    fn dies_writing(&self) -> bool {
        self.steps.load(std::sync::atomic::Ordering::SeqCst) == -1
    }
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
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            #[cfg(test)]
            mortal: None,
        }
    }

    /// The store's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The full path of a name in the manifest.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A step that changes the disk begins; in tests, the process may die here.
    #[cfg(test)]
    pub(crate) fn step(&self, path: &Path) -> Result<(), Error> {
        let Some(mortal) = &self.mortal else { return Ok(()) };
        if mortal.steps.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) <= 0 {
            return Err(Error::io(path, "go on with (crash test)", io::Error::other("the process died")));
        }
        Ok(())
    }

    /// Makes a file's bytes durable. In tests of crashes it is only noted how many they are: the disk that loses
    /// its cache is simulated, and waiting for the real one would take minutes.
    #[cfg(test)]
    fn flush(&self, file: &File, path: &Path) -> io::Result<()> {
        let Some(mortal) = &self.mortal else { return file.sync_all() };
        let len = file.metadata()?.len();
        mortal.synced.lock().map_err(|_| io::Error::other("poisoned"))?.insert(path.to_path_buf(), len);
        Ok(())
    }

    /// Makes a file's bytes durable.
    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests note it")]
    fn flush(&self, file: &File, _path: &Path) -> io::Result<()> {
        file.sync_data()
    }

    /// A step that changes the disk begins.
    #[cfg(not(test))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "tests stop the world here")]
    pub(crate) fn step(&self, _path: &Path) -> Result<(), Error> {
        Ok(())
    }

    /// Creates a folder and what leads to it, durably.
    pub(crate) fn create_folder(&self, folder: &Path) -> Result<(), Error> {
        if folder.is_dir() {
            return Ok(());
        }
        self.step(folder)?;
        fs::create_dir_all(folder).map_err(Error::doing(folder, "create"))?;
        if let Some(parent) = folder.parent() {
            sync_folder(parent)?;
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
        self.step(&temporary)?;
        let file = File::create(&temporary).map_err(Error::doing(&temporary, "create"))?;
        let mut sink =
            Sink { file, buffer: Vec::with_capacity(SINK_BYTES), written: Written { bytes: 0, crc: 0 } };
        let result = write(&mut sink, &temporary)
            .and_then(|()| sink.flush().map_err(Error::doing(&temporary, "write")))
            .and_then(|()| self.step(&temporary))
            .and_then(|()| self.flush(&sink.file, &path).map_err(Error::doing(&temporary, "flush")))
            .and_then(|()| self.step(&path))
            .and_then(|()| fs::rename(&temporary, &path).map_err(Error::doing(&path, "name")))
            .and_then(|()| self.step(&folder))
            .and_then(|()| sync_folder(&folder));
        match result {
            Ok(()) => Ok(sink.written),
            Err(error) => {
                // A failure other than a crash leaves no debris; what a crash leaves, the next writer removes.
                if self.step(&temporary).is_ok() {
                    let _ = fs::remove_file(&temporary);
                }
                Err(error)
            }
        }
    }

    /// Opens (or creates) a file that is only ever appended to.
    pub(crate) fn append_to(&self, path: &Path) -> Result<File, Error> {
        self.step(path)?;
        let new = !path.exists();
        let file =
            OpenOptions::new().append(true).create(true).open(path).map_err(Error::doing(path, "open"))?;
        if new && let Some(folder) = path.parent() {
            sync_folder(folder)?;
        }
        Ok(file)
    }

    /// Appends bytes in one write, which a reader sees as a whole or as a torn tail.
    pub(crate) fn append(&self, mut file: &File, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let step = self.step(path);
        #[cfg(test)]
        if step.is_err() && self.mortal.as_ref().is_some_and(|m| m.dies_writing()) {
            let _ = file.write_all(bytes.get(..bytes.len() / 2).unwrap_or_default());
        }
        step?;
        file.write_all(bytes).map_err(Error::doing(path, "append to"))
    }

    /// Makes what was appended durable.
    pub(crate) fn sync(&self, file: &File, path: &Path) -> Result<(), Error> {
        self.step(path)?;
        self.flush(file, path).map_err(Error::doing(path, "flush"))
    }

    /// Cuts a file to its first `len` bytes, durably.
    pub(crate) fn cut(&self, path: &Path, len: u64) -> Result<(), Error> {
        self.step(path)?;
        let file = OpenOptions::new().write(true).open(path).map_err(Error::doing(path, "open"))?;
        file.set_len(len).and_then(|()| self.flush(&file, path)).map_err(Error::doing(path, "cut"))
    }

    /// Removes a file; one that is gone already is as good as removed.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), Error> {
        self.step(path)?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(path, "remove", error)),
            _ => Ok(()),
        }
    }

    /// Gives a file another name in the same folder.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.step(from)?;
        fs::rename(from, to).map_err(Error::doing(from, "rename"))
    }
}

/// Flushes a folder, so that names in it survive a power failure.
fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(Error::doing(folder, "flush"))
}

/// So much is gathered before it is written: few system calls, little memory.
const SINK_BYTES: usize = 1 << 18;

/// A file being written, that knows its length and checksum.
pub(crate) struct Sink {
    file: File,
    buffer: Vec<u8>,
    written: Written,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > SINK_BYTES {
            self.file.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        if bytes.len() >= SINK_BYTES {
            self.file.write_all(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        self.written.bytes += bytes.len() as u64;
        self.written.crc = crc32c::crc32c_append(self.written.crc, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        self.file.flush()
    }
}
