//! What outlives segments: roll-ups of them that are to be kept longer than their records.
//!
//! A roll-up is made by others, as a file below `rollups`, of a segment that is there; the store knows nothing of it. When the
//! segment is given up, every roll-up of it that has an [`Heir`] becomes a file of the store: it is copied to `rolled`, flushed,
//! and named by the very line that takes the segment away. It is given up in turn when it is as old as its heir says.

use crate::Error;
use crate::disk::Disk;
use crate::journal::Damage;
use crate::manifest::{Hex, Manifest, PartFile, Remains, SegmentFile};
use crate::snapshot::SegmentEntry;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where roll-ups of segments lie that are there.
const SOURCE: &str = "rollups";
/// Where those of segments that were given up lie.
pub(crate) const FOLDER: &str = "rolled";

/// Says whether bytes are a roll-up of a segment.
pub type Judge = Arc<dyn Fn(&SegmentEntry, &[u8]) -> bool + Send + Sync>;

/// A roll-up that is kept longer than the records it is of.
#[derive(Clone)]
pub struct Heir {
    /// Its name; its files are below `rollups/NAME`, where they have the names of their segments.
    pub name: String,
    /// It is kept for so many ms after the last flow of its segment ended.
    pub keep_ms: i64,
    /// What is no roll-up, or damaged, is not taken over.
    pub judge: Judge,
}

impl fmt::Debug for Heir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heir")
            .field("name", &self.name)
            .field("keep_ms", &self.keep_ms)
            .finish_non_exhaustive()
    }
}

impl Heir {
    /// Whether it wants what ended then, ms since 1970.
    fn wants(&self, ended: i64, now_ms: i64) -> bool {
        ended.saturating_add(self.keep_ms) > now_ms
    }

    /// Takes over its roll-up of a segment; `None` if there is none. One that is there and cannot be used is lost.
    fn adopt(
        &self,
        disk: &Disk,
        segment: &SegmentFile,
        lost: &mut Vec<Damage>,
    ) -> Result<Option<PartFile>, Error> {
        // A segment is `flows/DAY/NAME.parquet`.
        let mut inside = Path::new(&segment.name).components();
        inside.next();
        let day = inside.as_path().parent().unwrap_or(Path::new(""));
        let stem = inside.as_path().file_stem().unwrap_or_default().to_string_lossy();
        let source = disk.path(SOURCE).join(&self.name).join(day).join(format!("{stem}.part"));
        let bytes = match fs::read(&source) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            // Records are given up for room or for their age: neither waits until somebody has mended a file beside the store.
            Err(error) => {
                lost.push(Error::io(&source, "read", error).into_damage());
                return Ok(None);
            }
        };
        if !(self.judge)(&SegmentEntry::new(disk.root(), segment), &bytes) {
            lost.push(Error::damaged(&source, "it is no roll-up of its segment").into_damage());
            return Ok(None);
        }
        let name = format!("{FOLDER}/{}/{stem}.{}.part", day.display(), self.name);
        let written =
            disk.create(&name, |sink, path| sink.write_all(&bytes).map_err(Error::doing(path, "write")))?;
        Ok(Some(PartFile { name, rollup: self.name.clone(), bytes: written.bytes, crc32c: Hex(written.crc) }))
    }
}

/// What is kept of segments that are given up now; its files are durable, and not of the store yet. And roll-ups that were to be
/// kept and cannot be.
pub(crate) fn adopt(
    disk: &Disk,
    heirs: &[Heir],
    segments: &[SegmentFile],
    now_ms: i64,
) -> Result<(Vec<Remains>, Vec<Damage>), Error> {
    let (mut all, mut lost) = (Vec::new(), Vec::new());
    for segment in segments {
        let mut parts = Vec::new();
        for heir in heirs.iter().filter(|heir| heir.wants(segment.ended(), now_ms)) {
            match heir.adopt(disk, segment, &mut lost) {
                Ok(part) => parts.extend(part),
                // Segments are given up for the room that they take: where there is none for a copy, that comes first.
                Err(error) if error.is_full() => {}
                Err(error) => return Err(error),
            }
        }
        if !parts.is_empty() {
            all.push(Remains { segment: segment.clone(), parts });
        }
    }
    Ok((all, lost))
}

/// The names of what was kept long enough. What has no heir any more is kept: nobody said how long.
pub(crate) fn outlived(manifest: &Manifest, heirs: &[Heir], now_ms: i64) -> Vec<String> {
    let mut names = Vec::new();
    for remains in &manifest.remains {
        let is_outlived = |part: &&PartFile| {
            heirs.iter().any(|heir| heir.name == part.rollup && !heir.wants(remains.segment.ended(), now_ms))
        };
        names.extend(remains.parts.iter().filter(is_outlived).map(|part| part.name.clone()));
    }
    names
}

/// A segment that was given up, of which there are roll-ups.
#[derive(Clone, Debug)]
pub struct Rolled {
    /// As it was; it cannot be opened.
    pub segment: SegmentEntry,
    /// The roll-ups by their names, and where they are.
    pub parts: Vec<(String, PathBuf)>,
}

impl Rolled {
    pub(crate) fn new(root: &Path, remains: &Remains) -> Self {
        let parts = remains.parts.iter().map(|part| (part.rollup.clone(), root.join(&part.name)));
        Self { segment: SegmentEntry::new(root, &remains.segment), parts: parts.collect() }
    }

    /// Where the roll-up of this name is.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&Path> {
        self.parts.iter().find(|(rollup, _)| rollup == name).map(|(_, path)| path.as_path())
    }
}
