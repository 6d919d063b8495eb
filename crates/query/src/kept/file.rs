//! Groups of a segment as a file.
//!
//! | bytes | |
//! |--:|---|
//! | 8 | `WEIRPART` |
//! | 4 | the version of the format, 1 |
//! | 4 | 0: groups follow; 1: there are too many of them to be kept |
//! | 32 | SHA-256 of the question and the segment |
//! | 8 | how many bytes the groups are |
//! | 8 | how many they are compressed |
//! | 4 | checksum of the compressed bytes |
//! | 4 | checksum of all before |
//! | … | the groups, compressed by zstd |
//!
//! Numbers are little-endian, checksums CRC-32C. What the groups look like is said where they are packed (`group`).

use super::question::Digest;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;
use weir_store::Owner;

const MARK: [u8; 8] = *b"WEIRPART";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 72;
/// What is compressed makes the most of the time; level 1 halves it about as well as others do.
const LEVEL: i32 = 1;
/// No file is larger, nor what is in it.
const BYTES_MAX: u64 = 1 << 30;
/// What names of files end with as long as they are being written,
const UNFINISHED: &str = ".tmp";
/// which takes less than this. One that is older is of a process that was killed.
const WRITTEN_WITHIN: Duration = Duration::from_secs(3600);

/// What a file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// The groups of a segment, packed.
    Groups(Vec<u8>),
    /// They are too many to be kept.
    TooMany,
}

/// What is there under a name.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing, or the answer to another question.
    Nothing,
    /// Not what was written.
    Damaged,
    /// What was kept, and the open file.
    Kept(Content, File),
}

/// The bytes of a file.
pub(crate) fn encode(digest: &Digest, content: &Content) -> io::Result<Vec<u8>> {
    let (kind, raw): (u32, &[u8]) = match content {
        Content::Groups(raw) => (0, raw),
        Content::TooMany => (1, &[]),
    };
    if raw.len() as u64 > BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let body = zstd::bulk::compress(raw, LEVEL)?;
    let mut out = Vec::with_capacity(HEADER_BYTES + body.len());
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&digest.0);
    out.extend_from_slice(&(raw.len() as u64).to_le_bytes());
    out.extend_from_slice(&(body.len() as u64).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out.extend_from_slice(&body);
    Ok(out)
}

/// Whether a file answers this: true with groups, false because they are too many; `None` if it does not. Only its beginning is
/// read.
pub(crate) fn glance(path: &Path, digest: &Digest) -> Option<bool> {
    let mut header = [0; HEADER_BYTES];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    let is_this = is_header(&header) && header.get(8..12)? == VERSION.to_le_bytes();
    (is_this && header.get(16..48)? == digest.0).then(|| header.get(12..16) == Some(&[0; 4][..]))
}

/// Whether these are the bytes of a file with groups that answer this.
pub(crate) fn holds_groups(bytes: &[u8], digest: &Digest) -> bool {
    matches!(decode(bytes, digest), Some(Some(Content::Groups(_))))
}

/// Whether the beginning of a file is what was written.
fn is_header(header: &[u8]) -> bool {
    let Some((said, sum)) = header.split_at_checked(HEADER_BYTES - 4) else { return false };
    said.starts_with(&MARK) && crc32c::crc32c(said).to_le_bytes() == *sum
}

/// Reads a file that should answer this.
pub(crate) fn read(path: &Path, digest: &Digest) -> Found {
    // Whoever may not read it has nothing of it.
    let Ok(file) = File::open(path) else { return Found::Nothing };
    let mut bytes = Vec::new();
    if (&file).take(BYTES_MAX).read_to_end(&mut bytes).is_err() {
        return Found::Damaged;
    }
    match decode(&bytes, digest) {
        Some(Some(content)) => Found::Kept(content, file),
        Some(None) => Found::Nothing,
        None => Found::Damaged,
    }
}

/// What a file says, if it answers this; `None` where it is damaged.
fn decode(bytes: &[u8], digest: &Digest) -> Option<Option<Content>> {
    let (said, body) = bytes.split_at_checked(HEADER_BYTES)?;
    let number = |at: usize| Some(u32::from_le_bytes(*said.get(at..)?.first_chunk()?));
    let long = |at: usize| Some(u64::from_le_bytes(*said.get(at..)?.first_chunk()?));
    if !is_header(said) {
        return None;
    }
    if number(8)? != VERSION || said.get(16..48)? != digest.0 {
        return Some(None);
    }
    if body.len() as u64 != long(56)? || crc32c::crc32c(body) != number(64)? {
        return None;
    }
    let len = usize::try_from(long(48)?).ok().filter(|len| *len as u64 <= BYTES_MAX)?;
    let raw = zstd::bulk::decompress(body, len).ok().filter(|raw| raw.len() == len)?;
    Some(Some(if number(12)? == 0 { Content::Groups(raw) } else { Content::TooMany }))
}

/// Writes a file of a store in one step: whoever reads finds all of it, or what was there before. It is not flushed to the disk.
pub(crate) fn write(path: &Path, bytes: &[u8], store: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".part-")
        .suffix(UNFINISHED)
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    Owner::of(store).give(temporary.as_file());
    temporary.persist(path).map(drop).map_err(|error| error.error)
}

/// Whether another process is still writing this file, by its name and age.
pub(crate) fn is_being_written(path: &Path) -> bool {
    let is_unfinished = path.as_os_str().as_encoded_bytes().ends_with(UNFINISHED.as_bytes());
    let changed = || fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    is_unfinished && changed().is_some_and(|at| at.elapsed().is_ok_and(|age| age < WRITTEN_WITHIN))
}

/// Makes a folder in the store for whoever the store belongs to, as open to others as that is.
pub(crate) fn make_folder(folder: &Path, store: &Path) -> io::Result<()> {
    if folder.is_dir() {
        Owner::of(store).give_named(folder);
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|above| *above != store && above.starts_with(store)) {
        make_folder(above, store)?;
    }
    Owner::of(store).make_folder(folder, 0o777)?;
    let mode = fs::metadata(store)?.mode() & 0o777;
    // If another process was quicker it is not ours to open, and is open already.
    let _ = fs::set_permissions(folder, Permissions::from_mode(mode));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_was_written_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.part");
        let (digest, other) = (Digest([7; 32]), Digest([8; 32]));
        let groups = Content::Groups((0..100u8).collect());
        for content in [groups.clone(), Content::TooMany] {
            write(&path, &encode(&digest, &content).unwrap(), folder.path()).unwrap();
            let Found::Kept(found, _) = read(&path, &digest) else { panic!("it is there") };
            assert_eq!(found, content);
            assert!(matches!(read(&path, &other), Found::Nothing));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
        assert_eq!((glance(&path, &digest), glance(&path, &other)), (Some(false), None));
        let bytes = encode(&digest, &groups).unwrap();
        write(&path, &bytes, folder.path()).unwrap();
        assert_eq!(glance(&path, &digest), Some(true));
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0x10;
            assert!(decode(&wrong, &digest).is_none(), "byte {at}");
            assert!(decode(&bytes[..at], &digest).is_none(), "cut at {at}");
        }
        assert!(matches!(read(&folder.path().join("y.part"), &digest), Found::Nothing));
        // What a process leaves that is killed while it writes.
        let left = folder.path().join(".part-x.tmp");
        fs::write(&left, b"half").unwrap();
        assert!(is_being_written(&left) && !is_being_written(&path));
        let old = std::time::SystemTime::now() - 2 * WRITTEN_WITHIN;
        File::options().write(true).open(&left).unwrap().set_modified(old).unwrap();
        assert!(!is_being_written(&left));
    }
}
