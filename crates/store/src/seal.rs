//! Turns frames into files: the segment, the accounts of its bins, and its counts. And the thread that does so
//! while the writer goes on taking batches.

use crate::bins::{self, Accumulator};
use crate::disk::Disk;
use crate::error::What;
use crate::journal::{self, Damage, Frame};
use crate::manifest::Files;
use crate::segment::{self, Rows};
use crate::{Error, day, health};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use weir_flow::Values;
use weir_flow::schema::Column;

/// Folders of the store's files.
pub(crate) const FLOWS: &str = "flows";
pub(crate) const BINS: &str = "bins";
pub(crate) const HEALTH: &str = "health";

/// Where the frames of a task are.
#[derive(Debug)]
pub(crate) enum Source {
    /// In these journal files: the ones with these sequences.
    Journal { files: Vec<PathBuf>, from: u64, to: u64 },
    /// In memory.
    Frames(Vec<Frame>),
}

/// Something to be made into files.
#[derive(Debug)]
pub(crate) struct Task {
    pub source: Source,
    /// Names of its files begin so; no other task's do.
    pub prefix: String,
}

/// The files of a task, none of them named in the manifest yet.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub files: Files,
    /// Parts of the journal that could not be read.
    pub damage: Vec<Damage>,
}

/// Makes a task into files.
pub(crate) fn perform(disk: &Disk, task: Task) -> Result<Done, Error> {
    let mut done = Done::default();
    let frames = match task.source {
        Source::Frames(frames) => frames,
        Source::Journal { files, from, to } => {
            let mut frames = Vec::new();
            for file in files {
                let contents = journal::read(&file)?;
                frames.extend(contents.frames.into_iter().filter(|f| (from..=to).contains(&f.sequence)));
                done.damage.extend(contents.damage);
            }
            frames
        }
    };
    let counts = health::sum(frames.iter().flat_map(Frame::health));
    if let Some(first) = counts.iter().map(|r| r.bin).min() {
        let name = format!("{HEALTH}/{}/{}-0.parquet", day::folder(first), task.prefix);
        done.files.health.push(health::write(disk, &name, &counts)?);
    }
    if frames.iter().all(|f| f.rows() == 0) {
        return Ok(done);
    }
    let first = frames.iter().filter_map(first_start).min().unwrap_or_default();
    let day = day::folder(first);
    let rows = Rows::new(frames);
    let name = format!("{FLOWS}/{day}/{}-0.parquet", task.prefix);
    // Sorted rows find their accounts where those of the row before are: half the time of adding them as they came.
    let (segment, sorted) = segment::write(disk, &name, &rows, bins::columns(rows.has_local()))?;
    drop(rows);
    let mut accounts = Accumulator::new();
    accounts.add(&sorted);
    drop(sorted);
    let name = format!("{BINS}/{day}/{}-0.parquet", task.prefix);
    done.files.bins.push(bins::write(disk, &name, &accounts)?);
    done.files.segments.push(segment);
    Ok(done)
}

fn first_start(frame: &Frame) -> Option<i64> {
    match frame.values(Column::Start) {
        Values::Time(start) => start.into_iter().min(),
        _ => None,
    }
}

/// The thread that performs tasks, one at a time. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    tasks: Option<SyncSender<Task>>,
    done: Receiver<Result<Done, Error>>,
    thread: Option<JoinHandle<()>>,
    disk: Disk,
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(disk: &Disk) -> Result<Self, Error> {
        let (tasks, inbox) = sync_channel::<Task>(1);
        let (outbox, done) = sync_channel(2);
        let own = disk.clone();
        let work = move || {
            while let Ok(task) = inbox.recv() {
                if outbox.send(perform(&own, task)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("weir-seal".to_owned()).spawn(work);
        let thread = thread.map_err(Error::doing(disk.root(), "start the sealing thread for"))?;
        Ok(Self { tasks: Some(tasks), done, thread: Some(thread), disk: disk.clone() })
    }

    /// Hands over a task; waits while another one is waiting to be begun.
    pub(crate) fn begin(&self, task: Task) -> Result<(), Error> {
        let sent = self.tasks.as_ref().map(|tasks| tasks.send(task));
        if matches!(sent, Some(Ok(()))) { Ok(()) } else { Err(self.stopped()) }
    }

    /// A finished task, in the order they were begun; `None` if none is finished.
    pub(crate) fn poll(&self) -> Option<Result<Done, Error>> {
        match self.done.try_recv() {
            Ok(done) => Some(done),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(self.stopped())),
        }
    }

    /// Waits for a task that was begun.
    pub(crate) fn wait(&self) -> Result<Done, Error> {
        self.done.recv().unwrap_or_else(|_| Err(self.stopped()))
    }

    fn stopped(&self) -> Error {
        Error::new(self.disk.root(), What::Stopped)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.tasks = None;
        // What is finished and not fetched must not keep the thread waiting.
        while self.done.recv().is_ok() {}
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
