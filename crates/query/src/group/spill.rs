//! Groups on disk, where they do not fit in memory.
//!
//! Groups are parted by bits of the hash of their keys, so that all there is of one group is in one part. A thread whose
//! memory is used up writes what it has as one run for each part, and begins anew. In the end a part is read, run by run,
//! as one reads the groups of another thread; a part that does not fit is parted again by the next bits.
//!
//! The file never has a name: when the program ends, in whatever way, the system takes it back.

use super::map::Sums;
use crate::error::Error;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bits of a hash by which groups are parted at a time.
const PART_BITS: u32 = 6;
/// So many parts.
pub(crate) const PARTS: usize = 1 << PART_BITS;
/// So often a part can be parted, before the hash has no bits left.
pub(crate) const LEVELS: u32 = u32::BITS / PART_BITS;
/// Written at once.
const BUFFER_BYTES: usize = 256 << 10;
/// Of its file system the file leaves so much free, or one part in so many of a small one.
const LEFT_FREE_BYTES: u64 = 1 << 30;
const LEFT_FREE_PART: u64 = 20;

/// Whether a file system has room for so many bytes and for those that are left free.
pub(crate) fn leaves_room(system: &rustix::fs::StatVfs, bytes: u64) -> bool {
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let part = system.f_blocks.saturating_mul(system.f_frsize) / LEFT_FREE_PART;
    free >= bytes.saturating_add(part.min(LEFT_FREE_BYTES))
}

/// Which part a hash is in, at this level.
#[inline]
pub(crate) fn part(hash: u32, level: u32) -> usize {
    (hash >> (u32::BITS - PART_BITS * (level + 1))) as usize & (PARTS - 1)
}

/// Why groups cannot be written.
#[derive(Debug)]
pub(crate) enum Denied {
    /// There is no more room.
    Full,
    Failed(io::Error),
}

impl From<io::Error> for Denied {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull { Self::Full } else { Self::Failed(error) }
    }
}

/// The file of one query, for all of its threads.
#[derive(Debug)]
pub(crate) struct Disk {
    options: crate::Spill,
    file: Mutex<Option<Arc<File>>>,
    /// How much was written, or is being written.
    bytes: AtomicU64,
}

/// Groups of one part, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    at: u64,
    pub(crate) groups: usize,
    /// Whether a key of each is unknown.
    pub(crate) partial: bool,
    /// Whether sums are of 128 bits.
    wide: bool,
}

/// What was written, by part.
#[derive(Default, Debug)]
pub(crate) struct Runs(Vec<Vec<Run>>);

impl Runs {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn part(&self, part: usize) -> &[Run] {
        self.0.get(part).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, part: usize, run: Run) {
        self.0.resize_with(PARTS, Vec::new);
        if let Some(runs) = self.0.get_mut(part) {
            runs.push(run);
        }
    }

    /// Takes those of another thread in.
    pub(crate) fn append(&mut self, other: Self) {
        for (part, runs) in other.0.into_iter().enumerate() {
            runs.into_iter().for_each(|run| self.add(part, run));
        }
    }
}

impl Disk {
    pub(crate) fn new(options: crate::Spill) -> Self {
        Self { options, file: Mutex::default(), bytes: AtomicU64::new(0) }
    }

    /// How much was written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The size of a thread's table from which on it is written.
    pub(crate) fn table_bytes(&self) -> usize {
        self.options.table_bytes
    }

    /// The error of a question about these.
    pub(crate) fn error(&self, denied: Denied, of: String, cure: String) -> Error {
        let folder = self.options.folder.clone();
        match denied {
            Denied::Full => Error::Disk { folder, bytes_max: self.options.bytes_max, of, cure },
            Denied::Failed(error) => Error::Spill(folder, error),
        }
    }

    fn file(&self) -> io::Result<Arc<File>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = file.as_ref() {
            return Ok(Arc::clone(file));
        }
        let made = Arc::new(tempfile::tempfile_in(&self.options.folder)?);
        Ok(Arc::clone(file.insert(made)))
    }

    /// Room for so much.
    fn room(&self, bytes: u64) -> Result<Pen, Denied> {
        let file = self.file()?;
        let at = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if at.saturating_add(bytes) > self.options.bytes_max {
            return Err(Denied::Full);
        }
        if !leaves_room(&rustix::fs::fstatvfs(&*file).map_err(io::Error::from)?, bytes) {
            return Err(Denied::Full);
        }
        Ok(Pen { file, at, buffer: Vec::with_capacity(BUFFER_BYTES) })
    }

    /// Writes groups, a run for each part. `order` has them part by part, and `ends` where each part ends in it.
    pub(crate) fn write(
        &self,
        groups: &dyn Sums,
        order: &[u32],
        ends: &[usize; PARTS],
        partial: bool,
        runs: &mut Runs,
    ) -> Result<(), Denied> {
        let wide = groups.is_wide();
        let group_bytes = (groups.key_words() + sum_words(groups.measures(), wide)) * size_of::<u64>();
        let mut pen = self.room(group_bytes as u64 * order.len() as u64)?;
        let mut from = 0;
        for (part, end) in ends.iter().enumerate() {
            let of_part = order.get(from..*end).unwrap_or(&[]);
            from = *end;
            if of_part.is_empty() {
                continue;
            }
            runs.add(part, Run { at: pen.place(), groups: of_part.len(), partial, wide });
            for group in of_part {
                let group = *group as usize;
                groups.key(group).iter().for_each(|word| pen.word(*word));
                for at in 0..groups.measures() {
                    let sum = groups.sum(group, at);
                    pen.word(low_half(sum));
                    if wide {
                        pen.word(low_half(sum >> 64));
                    }
                }
                pen.flush_when_full()?;
            }
        }
        Ok(pen.flush()?)
    }

    /// Reads some groups of a run.
    pub(crate) fn read(
        &self,
        run: Run,
        from: usize,
        groups: usize,
        key_words: usize,
        measures: usize,
    ) -> Result<Page, Denied> {
        let stride = key_words + sum_words(measures, run.wide);
        let group_bytes = stride * size_of::<u64>();
        let groups = groups.min(run.groups.saturating_sub(from));
        let mut bytes = vec![0; groups * group_bytes];
        self.file()?.read_exact_at(&mut bytes, run.at + (from * group_bytes) as u64)?;
        let words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)).collect();
        Ok(Page::new(words, key_words, measures, run.wide))
    }
}

/// The words of a group's sums.
const fn sum_words(measures: usize, wide: bool) -> usize {
    if wide { 2 * measures } else { measures }
}

/// Writes on from a place.
struct Pen {
    file: Arc<File>,
    /// Where what is in the buffer goes.
    at: u64,
    buffer: Vec<u8>,
}

impl Pen {
    fn place(&self) -> u64 {
        self.at + self.buffer.len() as u64
    }

    fn word(&mut self, word: u64) {
        self.buffer.extend_from_slice(&word.to_ne_bytes());
    }

    fn flush_when_full(&mut self) -> io::Result<()> {
        if self.buffer.len() < BUFFER_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.buffer, self.at)?;
        self.at = self.place();
        self.buffer.clear();
        Ok(())
    }
}

/// Groups that were read.
#[derive(Debug)]
pub(crate) struct Page {
    words: Vec<u64>,
    stride: usize,
    key_words: usize,
    measures: usize,
    wide: bool,
}

impl Page {
    /// Groups of so many words of a key and so many measures, one after the other.
    pub(crate) fn new(words: Vec<u64>, key_words: usize, measures: usize, wide: bool) -> Self {
        Self { words, stride: key_words + sum_words(measures, wide), key_words, measures, wide }
    }

    /// The packed key of each group.
    pub(crate) fn keys_mut(&mut self) -> impl Iterator<Item = &mut [u64]> {
        self.words.chunks_mut(self.stride.max(1)).filter_map(|group| group.get_mut(..self.key_words))
    }

    fn word(&self, at: usize) -> u64 {
        self.words.get(at).copied().unwrap_or_default()
    }
}

impl Sums for Page {
    fn len(&self) -> usize {
        self.words.len() / self.stride.max(1)
    }

    fn key_words(&self) -> usize {
        self.key_words
    }

    fn measures(&self) -> usize {
        self.measures
    }

    fn is_wide(&self) -> bool {
        self.wide
    }

    fn key(&self, group: usize) -> &[u64] {
        let from = group * self.stride;
        self.words.get(from..from + self.key_words).unwrap_or(&[])
    }

    fn sum(&self, group: usize, measure: usize) -> u128 {
        let at = group * self.stride + self.key_words + sum_words(measure, self.wide);
        let high = if self.wide { self.word(at + 1) } else { 0 };
        u128::from(high) << 64 | u128::from(self.word(at))
    }
}

/// The low 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "it is the purpose")]
const fn low_half(sum: u128) -> u64 {
    sum as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_parts_by_other_bits() {
        let hash = 1 << 26 | 2 << 20 | 3 << 14 | 4 << 8 | 5 << 2 | 3;
        assert_eq!((0..LEVELS).map(|level| part(hash, level)).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_is_written_is_read_and_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(crate::Spill::to(folder.path(), 200));
        for wide in [false, true] {
            let sums = if wide { vec![7, 1, 8, 0] } else { vec![7, 8] };
            let one = [vec![1, 2], sums.clone()].concat();
            let page = Page {
                words: [one, [vec![3, 4], sums].concat()].concat(),
                stride: if wide { 6 } else { 4 },
                key_words: 2,
                measures: 2,
                wide,
            };
            let mut ends = [0; PARTS];
            ends[5..].fill(1);
            ends[9..].fill(2);
            let mut runs = Runs::default();
            disk.write(&page, &[1, 0], &ends, true, &mut runs).unwrap();
            let [run] = runs.part(5) else { panic!("one run") };
            let read = disk.read(*run, 0, 10, 2, 2).unwrap();
            assert_eq!((read.len(), read.key(0), read.sum(0, 1)), (1, &[3, 4][..], 8));
            assert_eq!(read.sum(0, 0), if wide { 7 + (1 << 64) } else { 7 });
            assert_eq!(disk.read(runs.part(9)[0], 0, 10, 2, 2).unwrap().key(0), [1, 2]);
            assert!(runs.part(6).is_empty());
        }
        assert_eq!(disk.bytes(), 2 * 32 + 2 * 48);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no name in the folder");
        let page = Page { words: vec![0; 8], stride: 4, key_words: 2, measures: 2, wide: false };
        let denied = disk.write(&page, &[0, 1], &[2; PARTS], false, &mut Runs::default());
        assert!(matches!(denied, Err(Denied::Full)), "more than there may be");
    }
}
