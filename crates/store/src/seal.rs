//! Turns frames into files: the segment, the accounts of its bins, and its counts.

use crate::bins::{self, Accumulator};
use crate::compact::Merge;
use crate::disk::Disk;
use crate::journal::{self, Damage, Frame};
use crate::manifest::{Files, MemoryFile};
use crate::rescale::{self, Intervals};
use crate::rewrite::Rewrite;
use crate::segment::{self, Rows};
use crate::unit::Late;
use crate::worker::Worker;
use crate::{Error, counter, day, health, memory};
use std::path::PathBuf;

/// Folders of the store's files.
pub(crate) const FLOWS: &str = "flows";
pub(crate) const BINS: &str = "bins";
/// Accounts without hosts.
pub(crate) const TENANTS: &str = "tenants";
/// Accounts without hosts and bins.
pub(crate) const SUMS: &str = "sums";
pub(crate) const HEALTH: &str = "health";
pub(crate) const COUNTERS: &str = "counters";

/// Where the frames of a task are.
#[derive(Debug)]
pub(crate) enum Source {
    /// In these journal files: the ones with these sequences. `frames` are all of them, if they are in memory still.
    /// `memory` is what was remembered before them.
    Journal {
        files: Vec<PathBuf>,
        frames: Option<Vec<Frame>>,
        from: u64,
        to: u64,
        memory: Option<MemoryFile>,
    },
    /// In memory.
    Frames(Vec<Frame>),
    /// In files: a unit that is to be written anew.
    Unit(Box<Rewrite<Intervals>>),
    /// In files: small ones that are to be put together.
    Merge(Box<Merge>),
}

/// Something to be made into files.
#[derive(Debug)]
pub(crate) struct Task {
    pub source: Source,
    /// Names of its files begin so; no other task's do.
    pub prefix: String,
    /// Sampling intervals that came late and not in these frames.
    pub late: Vec<Late>,
}

/// The files of a task, none of them named in the manifest yet.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub files: Files,
    /// Of units that were written anew or put together: the files that these take the place of.
    pub replaced: Vec<String>,
    /// What is remembered after its frames, where they changed that.
    pub memory: Option<MemoryFile>,
    /// Sampling intervals that came late, in its frames.
    pub rescales: Vec<Late>,
    /// Parts of the journal that could not be read.
    pub damage: Vec<Damage>,
}

/// The thread that does so.
pub(crate) type Sealer = Worker<Task, Done>;

/// Starts it.
pub(crate) fn start(disk: &Disk) -> Result<Sealer, Error> {
    // What is journaled can wait to be sealed; what arrives cannot wait to be journaled.
    Worker::start("weir-seal", disk, true, perform)
}

/// Makes a task into files.
pub(crate) fn perform(disk: &Disk, task: Task) -> Result<Done, Error> {
    let mut done = Done::default();
    let frames = match task.source {
        Source::Frames(frames) => frames,
        Source::Journal { files, frames: held, from, to, memory } => {
            let files = if held.is_some() { Vec::new() } else { files };
            let mut frames = held.unwrap_or_default();
            for file in files {
                let contents = journal::read(&file)?;
                frames.extend(contents.frames.into_iter().filter(|f| (from..=to).contains(&f.sequence)));
                done.damage.extend(contents.damage);
            }
            let name = format!("{}/{}.bin", memory::FOLDER, task.prefix);
            done.memory = memory::advance(disk, &name, memory.as_ref(), &frames, to)?;
            frames
        }
        Source::Unit(mut rewrite) => {
            let written = rewrite.perform(disk, &task.prefix)?.unwrap_or_default();
            done.files = written.files;
            done.replaced = written.names;
            return Ok(done);
        }
        Source::Merge(merge) => {
            return merge.perform(disk, &task.prefix);
        }
    };
    let mut parts = Parts { bins: true, ..Parts::default() };
    for frame in &frames {
        parts.counts.append(&mut frame.summary.health());
        parts.counters.append(&mut frame.summary.counters());
        done.rescales.extend(Late::of_frame(frame.sequence, &frame.summary));
    }
    let mut late = task.late;
    late.extend_from_slice(&done.rescales);
    late.sort_by_key(|late| late.place);
    for frame in frames {
        parts.frames.push(rescale::scale(disk, frame, &late, &mut parts.counts)?);
    }
    done.files = parts.write(disk, &task.prefix)?;
    Ok(done)
}

/// What the files of a unit are made from.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub frames: Vec<Frame>,
    pub counts: Vec<weir_flow::health::Row>,
    pub counters: Vec<weir_flow::counter::Sample>,
    /// Whether accounts are written.
    pub bins: bool,
}

/// Frames with more strings than this are written as several segments: a column of a batch holds at most 4 GiB.
const STRING_BYTES: usize = if cfg!(test) { 1 << 20 } else { 1 << 31 };

impl Parts {
    /// Writes the files.
    pub(crate) fn write(self, disk: &Disk, prefix: &str) -> Result<Files, Error> {
        let mut files = Files::default();
        let counts = health::sum(self.counts);
        if let Some(first) = counts.iter().map(|r| r.bin).min() {
            let name = format!("{HEALTH}/{}/{prefix}-0.parquet", day::folder(first));
            files.health.push(health::write(disk, &name, &counts)?);
        }
        if let Some(first) = self.counters.iter().map(|s| s.received).min() {
            let name = format!("{COUNTERS}/{}/{prefix}-0.parquet", day::folder(first));
            files.counters.push(counter::write(disk, &name, self.counters)?);
        }
        if self.frames.iter().all(|f| f.rows() == 0) {
            return Ok(files);
        }
        let with_rows = self.frames.iter().map(|f| &f.summary).filter(|summary| summary.rows() > 0);
        let first = with_rows.map(|summary| summary.bounds.start.0).min().unwrap_or_default();
        let day = day::folder(first);
        let mut accounts = Accumulator::new();
        for (number, frames) in split(self.frames).into_iter().enumerate() {
            let rows = Rows::new(frames);
            let name = format!("{FLOWS}/{day}/{prefix}-{number}.parquet");
            // Accounts and segment are made from the same rows, neither from the other.
            let segment = std::thread::scope(|scope| {
                if self.bins {
                    scope.spawn(|| accounts.add_sorted(&rows));
                }
                segment::write(disk, &name, &rows)
            });
            files.segments.push(segment?);
        }
        if self.bins {
            let name = format!("{BINS}/{day}/{prefix}-0.parquet");
            files.bins.push(bins::write(disk, &name, &accounts)?);
        }
        Ok(files)
    }
}

/// The frames, in parts of which no column has more than [`STRING_BYTES`] (unless a single frame has).
fn split(frames: Vec<Frame>) -> Vec<Vec<Frame>> {
    let mut parts: Vec<Vec<Frame>> = Vec::new();
    let mut bytes = 0usize;
    for frame in frames {
        let more = frame.string_bytes();
        bytes = bytes.saturating_add(more);
        match parts.last_mut().filter(|_| bytes <= STRING_BYTES) {
            Some(part) => part.push(frame),
            None => {
                bytes = more;
                parts.push(vec![frame]);
            }
        }
    }
    parts
}
