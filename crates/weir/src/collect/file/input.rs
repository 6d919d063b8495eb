//! The bytes of a file, with their digest; unpacked on the way where the whole file is.
//!
//! People keep what they captured as `.gz`, `.bz2` or `.zst`. The digest and the size are of the file as it lies there,
//! because that is what an import knows it by, and what its progress is measured in.

use crate::exit::{Failure, Outcome};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::rc::Rc;

/// Bytes read at once: what is still in the processor's cache when it is digested and decoded.
const CHUNK_BYTES: usize = 1 << 17;
/// Octets that tell how a file is packed.
const MAGIC_BYTES: u64 = 6;

/// A file as it lies there.
struct Raw {
    file: File,
    digest: Sha256,
    size: u64,
    /// The disk gave an error: what comes of it is no damage of the file.
    has_failed: bool,
}

impl Raw {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, digest: Sha256::new(), size: 0, has_failed: false })
    }
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer).inspect_err(|_| self.has_failed = true)?;
        self.digest.update(buffer.get(..read).unwrap_or_default());
        self.size += read as u64;
        Ok(read)
    }
}

/// The same, read by whoever unpacks it.
#[derive(Clone)]
struct Shared(Rc<RefCell<Raw>>);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

/// What a file's bytes are, unpacked, in a buffer that holds as much of them as is asked for.
pub(super) struct Input {
    raw: Shared,
    unpacked: Box<dyn Read>,
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that are done with.
    pub(super) done: usize,
    /// What is wrong with how the file is packed: nothing more can be had of it.
    damage: Option<String>,
}

impl Input {
    /// # Errors
    /// The file cannot be read, or is packed in a way that is not read.
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        let cannot_read = |error: io::Error| crate::exit::io("cannot read", path, &error);
        let raw = Shared(Rc::new(RefCell::new(Raw::open(path).map_err(cannot_read)?)));
        let mut head = Vec::new();
        raw.clone().take(MAGIC_BYTES).read_to_end(&mut head).map_err(cannot_read)?;
        let packing = Packing::detect(&head);
        let all = BufReader::with_capacity(CHUNK_BYTES, Cursor::new(head).chain(raw.clone()));
        let unpacked: Box<dyn Read> = match packing {
            Packing::None => Box::new(all),
            Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(all)),
            Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(all)),
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(all).map_err(cannot_read)?),
            Packing::Other { name, command } => {
                return Err(Failure::new(format!(
                    "{}: weir does not read files packed with {name} (it does .gz, .bz2 and .zst): unpack it first, \
                     with \"{command} {}\"",
                    path.display(),
                    path.display()
                )));
            }
        };
        Ok(Self { raw, unpacked, buffer: Vec::new(), done: 0, damage: None })
    }

    /// Bytes of the file read so far, as it lies there.
    pub(super) fn size(&self) -> u64 {
        self.raw.0.borrow().size
    }

    /// The bytes that are there.
    pub(super) fn rest(&self) -> &[u8] {
        self.buffer.get(self.done..).unwrap_or_default()
    }

    /// Why nothing more can be had of the file, if its packing is damaged.
    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// Reads on until at least `needed` bytes are there; false at the end of the file, or where its packing is damaged.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn fill(&mut self, needed: usize) -> io::Result<bool> {
        self.buffer.drain(..self.done);
        self.done = 0;
        while self.buffer.len() < needed {
            let len = self.buffer.len();
            self.buffer.resize(len + CHUNK_BYTES.max(needed - len), 0);
            let read = match self.damage {
                None => self.unpacked.read(self.buffer.get_mut(len..).unwrap_or_default()),
                Some(_) => Ok(0),
            };
            self.buffer.truncate(len + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.raw.0.borrow().has_failed => return Err(error),
                Err(error) => {
                    self.damage = Some(error.to_string());
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Reads what is left of the file, and gives its size and digest.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn finish(self) -> io::Result<(u64, [u8; 32])> {
        let Self { raw, unpacked, .. } = self;
        drop(unpacked);
        drain(&mut raw.clone())?;
        let raw = raw.0.borrow();
        Ok((raw.size, raw.digest.clone().finalize().into()))
    }
}

/// The digest of a file, read for nothing else.
pub(super) fn digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut raw = Raw::open(path)?;
    drain(&mut raw)?;
    Ok(raw.digest.finalize().into())
}

fn drain(from: &mut impl Read) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    while from.read(&mut chunk)? > 0 {}
    Ok(())
}

/// How a whole file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Bzip2,
    Zstd,
    /// Known, and not read.
    Other {
        name: &'static str,
        command: &'static str,
    },
}

impl Packing {
    fn detect(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => Self::Bzip2,
            // An empty one has the end in place of the first block.
            [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, ..] => Self::Bzip2,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Self::Other { name: "xz", command: "unxz -k" },
            [0x89, b'L', b'Z', b'O', 0, ..] => Self::Other { name: "lzop", command: "lzop -d" },
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Other { name: "lz4", command: "unlz4" },
            [0x1f, 0x9d, ..] => Self::Other { name: "compress", command: "uncompress -k" },
            [b'P', b'K', 3, 4, ..] => Self::Other { name: "zip", command: "unzip" },
            [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c] => Self::Other { name: "7-Zip", command: "7z x" },
            _ => Self::None,
        }
    }
}
