//! Makes the journal durable while the writer goes on appending: flushing many megabytes takes as long as the disk
//! takes, and whoever waits for that loses datagrams.
//!
//! After a flush that failed nobody knows what of the file is on the disk: the kernel forgets the pages it could
//! not write, and a second flush would say that all is well. So such a file takes no more, what is in it counts as
//! not durable until it is sealed into other files, and the writer goes on in a new one.

use crate::Error;
use crate::disk::Disk;
use crate::worker::Worker;
use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// A file of the journal that is to be made durable, up to the frame of this sequence.
#[derive(Debug)]
pub(crate) struct Flush {
    pub file: Arc<File>,
    pub path: PathBuf,
    pub to: u64,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Flushed {
    pub path: PathBuf,
    pub to: u64,
    pub result: Result<(), Error>,
}

/// Flushes one file after the other, in a thread.
#[derive(Debug)]
pub(crate) struct Flusher {
    worker: Worker<Flush, Flushed>,
    is_busy: bool,
    /// There is one flush at a time of the file that is being written, and one more of each that is full: what waits
    /// is as bounded as the journal is.
    waiting: VecDeque<Flush>,
}

#[expect(clippy::unnecessary_wraps, reason = "what failed must be known with its file")]
fn perform(disk: &Disk, flush: Flush) -> Result<Flushed, Error> {
    let Flush { file, path, to } = flush;
    let result = disk.sync(&file, &path);
    Ok(Flushed { path, to, result })
}

impl Flusher {
    /// Starts the thread.
    pub(crate) fn start(disk: &Disk) -> Result<Self, Error> {
        let worker = Worker::start("weir-flush", disk, false, perform)?;
        Ok(Self { worker, is_busy: false, waiting: VecDeque::new() })
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_busy
    }

    /// Hands over a file.
    pub(crate) fn begin(&mut self, flush: Flush) -> Result<(), Error> {
        self.waiting.push_back(flush);
        self.go_on()
    }

    fn go_on(&mut self) -> Result<(), Error> {
        if !self.is_busy
            && let Some(next) = self.waiting.pop_front()
        {
            self.worker.begin(next)?;
            self.is_busy = true;
        }
        Ok(())
    }

    /// What has come back, in the order it was begun.
    pub(crate) fn poll(&mut self) -> Result<Option<Flushed>, Error> {
        let flushed = if self.is_busy { self.worker.poll() } else { None };
        flushed.map_or(Ok(None), |flushed| self.take(flushed))
    }

    /// Waits for the next; `None` if nothing is under way.
    pub(crate) fn wait(&mut self) -> Result<Option<Flushed>, Error> {
        if !self.is_busy {
            return Ok(None);
        }
        let flushed = self.worker.wait();
        self.take(flushed)
    }

    fn take(&mut self, flushed: Result<Flushed, Error>) -> Result<Option<Flushed>, Error> {
        self.is_busy = false;
        self.go_on()?;
        flushed.map(Some)
    }
}
