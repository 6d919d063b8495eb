//! What sessions remember ([`weir_flow::memory`]), as a file.
//!
//! Changes are journalled with the rows they belong to. A seal of frames that change something writes all that is
//! remembered after them as a new file, which takes the place of the one before; where nothing changes, nothing
//! is written. So what is remembered is the file that the manifest names, and the changes of the frames after it.

use crate::Error;
use crate::disk::Disk;
use crate::journal::Frame;
use crate::manifest::{Hex, MemoryFile};
use crate::source::Source;
use std::io::Write;
use weir_flow::memory::{Change, Memory};

/// The folder of these files.
pub(crate) const FOLDER: &str = "memory";

/// No more than this is remembered, in bytes of keys and values and some for each entry (Invariant 10).
pub(crate) const LIMIT_BYTES: usize = 256 << 20;

/// How a file begins; the last byte is the version of the format.
const MAGIC: [u8; 8] = *b"WEIRMEM\x01";

/// Takes in changes, within the limit; returns how many were refused.
pub(crate) fn apply(memory: &mut Memory, changes: &[Change]) -> u64 {
    changes.iter().map(|change| u64::from(!memory.apply_within(change, LIMIT_BYTES))).sum()
}

/// What is remembered after these frames, as the file of this name; `None` if they change nothing after `before`.
pub(crate) fn advance(
    disk: &Disk,
    name: &str,
    before: Option<&MemoryFile>,
    frames: &[Frame],
    to: u64,
) -> Result<Option<MemoryFile>, Error> {
    let known = before.map_or(0, |file| file.sequence);
    let fresh = || frames.iter().filter(|f| f.sequence > known && f.summary.changes_memory());
    if fresh().next().is_none() {
        return Ok(None);
    }
    let mut memory =
        before.map(|file| read(&disk.path(&file.name).into(), file)).transpose()?.unwrap_or_default();
    for frame in fresh() {
        apply(&mut memory, &frame.summary.memory());
    }
    write(disk, name, &memory, to).map(Some)
}

/// Writes all that is remembered after frame `sequence`.
pub(crate) fn write(disk: &Disk, name: &str, memory: &Memory, sequence: u64) -> Result<MemoryFile, Error> {
    let written = disk.create(name, |sink, path| {
        let mut crc = 0;
        let mut put = |bytes: &[u8]| {
            crc = crc32c::crc32c_append(crc, bytes);
            sink.write_all(bytes).map_err(Error::doing(path, "write"))
        };
        put(&MAGIC)?;
        put(&sequence.to_le_bytes())?;
        put(&(memory.len() as u64).to_le_bytes())?;
        for (key, value) in memory.iter() {
            for part in [key, value] {
                // The limit is far below 4 GiB.
                put(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes())?;
                put(part)?;
            }
        }
        sink.write_all(&crc.to_le_bytes()).map_err(Error::doing(path, "write"))
    })?;
    Ok(MemoryFile { name: name.to_owned(), bytes: written.bytes, crc32c: Hex(written.crc), sequence })
}

/// Reads the file that the manifest names, checked by its checksums.
pub(crate) fn read(source: &Source, file: &MemoryFile) -> Result<Memory, Error> {
    let (path, bytes) = (source.path(), source.read()?);
    if crc32c::crc32c(&bytes) != file.crc32c.0 || bytes.len() as u64 != file.bytes {
        return Err(Error::damaged(path, "its length or checksum is not the one in the manifest"));
    }
    parse(&bytes).ok_or_else(|| Error::damaged(path, "it is not what sessions remember"))
}

fn parse(bytes: &[u8]) -> Option<Memory> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let rest = body.strip_prefix(&MAGIC)?;
    let (_, rest) = rest.split_first_chunk::<8>()?;
    let (count, mut rest) = rest.split_first_chunk::<8>()?;
    let mut part = || {
        let (len, more) = rest.split_first_chunk::<4>()?;
        let (part, more) = more.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        rest = more;
        Some(Box::from(part))
    };
    let mut memory = Memory::new();
    for _ in 0..u64::from_le_bytes(*count) {
        memory.apply(&Change::Put { key: part()?, value: part()? });
    }
    rest.is_empty().then_some(memory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn what_is_written_is_read_and_a_flipped_bit_is_an_error() {
        let folder = TempDir::new().unwrap();
        let disk = Disk::new(folder.path());
        let mut memory = Memory::new();
        for (key, value) in [(&b"a"[..], &b""[..]), (b"", b"x"), (b"template 9", &[0; 300])] {
            memory.apply(&Change::Put { key: key.into(), value: value.into() });
        }
        let file = write(&disk, "memory/7.bin", &memory, 7).unwrap();
        assert_eq!(read(&folder.path().join(&file.name).into(), &file).unwrap(), memory);
        let path = folder.path().join("memory/7.bin");
        let bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(parse(&flipped).is_none(), "byte {at}");
            assert!(parse(&bytes[..at]).is_none(), "cut to {at}");
        }
        std::fs::write(&path, &bytes[1..]).unwrap();
        assert_eq!(read(&folder.path().join(&file.name).into(), &file).unwrap_err().path, path);
    }
}
