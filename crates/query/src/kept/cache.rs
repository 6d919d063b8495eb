//! The folder that questions keep their groups in, of a stated size.
//!
//! What was used longest ago goes first; the time a file was last used is its time of change. Processes need not know of
//! each other: files appear whole under names that say all, and one that another took away is one that is not there.

use super::file::{self, Content, Found};
use super::question::Digest;
use crate::group::leaves_room;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// The folder in a store.
const FOLDER: &str = "cache";
/// A use is noted where the last one was so long ago: the order of use need not be finer.
const USED_AGAIN: Duration = Duration::from_secs(60);
/// What is there is counted again after one part in so many of the size was written.
const PARTS: u64 = 16;
/// A file takes whole blocks; their size is this where the system does not say.
const BLOCK_BYTES: u64 = 512;

/// Where answers are kept for the next time, and how much.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cache {
    folder: PathBuf,
    store: PathBuf,
    bytes_max: u64,
}

impl Cache {
    /// In the folder `cache` of this store, of so many bytes; `None` if there are none.
    #[must_use]
    pub fn of_store(store: &Path, bytes_max: u64) -> Option<Self> {
        (bytes_max > 0).then(|| Self { folder: store.join(FOLDER), store: store.to_path_buf(), bytes_max })
    }

    /// What is kept under this digest; it is used now.
    pub(crate) fn read(&self, digest: &Digest) -> Found {
        let found = file::read(&self.folder.join(digest.name()), digest);
        if let Found::Kept(_, file) = &found {
            let now = SystemTime::now();
            let used = file.metadata().and_then(|metadata| metadata.modified());
            if used.is_ok_and(|used| now.duration_since(used).is_ok_and(|ago| ago >= USED_AGAIN)) {
                // Whoever may only read leaves it as old as it is.
                let _ = file.set_modified(now);
            }
        }
        found
    }

    /// What one question writes, which is counted from here on.
    pub(crate) fn pen(&self) -> Pen<'_> {
        Pen { cache: self, written: AtomicU64::new(0), counted: AtomicU64::new(0) }
    }

    /// Throws out what was used longest ago, until what there is takes a little less than it may; nothing if it does.
    fn shrink(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let (path, metadata) = entry.and_then(|e| Ok((e.path(), e.metadata()?))).ok()?;
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                metadata.is_file().then(|| (used, metadata.blocks().saturating_mul(BLOCK_BYTES), path))
            })
            .collect();
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        if bytes <= self.bytes_max {
            return;
        }
        files.sort_unstable();
        for (_, len, path) in files {
            if bytes <= self.bytes_max - self.bytes_max / PARTS {
                break;
            }
            // Another process may have thrown it out just now.
            let _ = fs::remove_file(path);
            bytes = bytes.saturating_sub(len);
        }
    }
}

/// One question's writing.
#[derive(Debug)]
pub(crate) struct Pen<'a> {
    cache: &'a Cache,
    written: AtomicU64,
    /// How much was written when what there is was last counted.
    counted: AtomicU64,
}

impl Pen<'_> {
    /// Keeps the groups of a segment. False if nothing more is to be kept: the folder cannot be written, its disk is nearly
    /// full, or this question has written half of what there may be.
    pub(crate) fn write(&self, digest: &Digest, groups: Vec<u8>) -> bool {
        self.try_write(digest, groups).unwrap_or(false)
    }

    fn try_write(&self, digest: &Digest, groups: Vec<u8>) -> io::Result<bool> {
        let Self { cache, written, counted } = self;
        let bytes = file::encode(digest, &Content::Groups(groups))?;
        let len = (bytes.len() as u64).next_multiple_of(4096);
        let before = written.fetch_add(len, Ordering::Relaxed);
        if before.saturating_add(len) > cache.bytes_max / 2 {
            return Ok(false);
        }
        file::make_folder(&cache.folder, &cache.store)?;
        if !leaves_room(&rustix::fs::statvfs(&cache.folder)?, len) {
            return Ok(false);
        }
        file::write(&cache.folder.join(digest.name()), &bytes, &cache.store)?;
        let before = counted.load(Ordering::Relaxed);
        let now = written.load(Ordering::Relaxed);
        if now.saturating_sub(before) >= cache.bytes_max / PARTS
            && counted.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            cache.shrink();
        }
        Ok(true)
    }
}

/// In the end no more is there than may be.
impl Drop for Pen<'_> {
    fn drop(&mut self) {
        if self.written.load(Ordering::Relaxed) > 0 {
            self.cache.shrink();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u8) -> Digest {
        Digest([number; 32])
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let store = tempfile::tempdir().unwrap();
        assert_eq!(Cache::of_store(store.path(), 0), None);
        let cache = Cache::of_store(store.path(), 64 << 10).unwrap();
        let is_kept = |number| matches!(cache.read(&digest(number)), Found::Kept(..));
        // A question each: what does not become smaller, in two blocks of 4 KiB.
        let mut noise = 1u64;
        let mut groups: Vec<u8> = (0..6000)
            .map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                noise.to_be_bytes()[0]
            })
            .collect();
        for number in 0..8 {
            groups[0] = number;
            assert!(cache.pen().write(&digest(number), groups.clone()));
            let old = SystemTime::now() - Duration::from_secs(3600 - 60 * u64::from(number));
            let path = cache.folder.join(digest(number).name());
            fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
        }
        // All eight are there; the first is used again.
        assert!(is_kept(0));
        assert!(cache.pen().write(&digest(8), groups.clone()));
        let left: Vec<u8> = (0..9).filter(|number| is_kept(*number)).collect();
        assert_eq!(left, [0, 3, 4, 5, 6, 7, 8], "one and two went: 72 KiB, of which 60 may stay");
        let taken: u64 =
            fs::read_dir(&cache.folder).unwrap().map(|e| e.unwrap().metadata().unwrap().blocks() * 512).sum();
        assert!(taken <= 64 << 10, "{taken}");
        // No question keeps more than half.
        let pen = cache.pen();
        let written: Vec<bool> = (10..16).map(|number| pen.write(&digest(number), groups.clone())).collect();
        assert_eq!(written, [true, true, true, true, false, false]);
    }

    #[test]
    fn who_may_not_write_does_not() {
        let store = tempfile::tempdir().unwrap();
        let cache = Cache::of_store(&store.path().join("is not there"), 1 << 20).unwrap();
        assert!(!cache.pen().write(&digest(1), vec![1]));
        assert!(matches!(cache.read(&digest(1)), Found::Nothing));
    }
}
