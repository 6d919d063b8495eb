//! A thread that does one job after the other while the writer goes on: seals, for one.
//!
//! On a disk that is to be written by a single thread ([`crate::Disk::single_threaded`]) there is none: jobs are
//! then done when their results are asked for, so that a simulated world is the same every time.

use crate::Error;
use crate::disk::Disk;
use crate::error::What;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

/// How much later a thread has its turn that gives way.
const NICE: i32 = 10;

/// How a job is done.
pub(crate) type Perform<T, D> = fn(&Disk, T) -> Result<D, Error>;

/// Does jobs, one at a time, in their order. The thread ends when this is dropped; jobs that it has not begun by
/// then are not done.
#[derive(Debug)]
pub(crate) struct Worker<T, D> {
    hands: Hands<T, D>,
    disk: Disk,
}

#[derive(Debug)]
enum Hands<T, D> {
    Thread(Thread<T, D>),
    /// Jobs that were begun, for whoever asks.
    Own(VecDeque<T>, Perform<T, D>),
}

#[derive(Debug)]
struct Thread<T, D> {
    jobs: Option<SyncSender<T>>,
    done: Receiver<Result<D, Error>>,
    handle: Option<JoinHandle<()>>,
}

impl<T: Send + 'static, D: Send + 'static> Worker<T, D> {
    /// Starts a thread of this name, which has its turn when others have had theirs, if it is to `give_way`.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start(
        name: &str,
        disk: &Disk,
        give_way: bool,
        perform: Perform<T, D>,
    ) -> Result<Self, Error> {
        let hands = if disk.is_single_threaded() {
            Hands::Own(VecDeque::new(), perform)
        } else {
            Hands::Thread(Thread::start(name, disk, give_way, perform)?)
        };
        Ok(Self { hands, disk: disk.clone() })
    }

    /// Hands over a job; waits while another one is waiting to be begun.
    ///
    /// # Errors
    /// The thread has stopped.
    pub(crate) fn begin(&mut self, job: T) -> Result<(), Error> {
        let is_sent = match &mut self.hands {
            Hands::Thread(thread) => thread.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok()),
            Hands::Own(jobs, _) => {
                jobs.push_back(job);
                true
            }
        };
        if is_sent { Ok(()) } else { Err(stopped(&self.disk)) }
    }

    /// What became of a job, in the order they were begun; `None` if none is finished.
    pub(crate) fn poll(&mut self) -> Option<Result<D, Error>> {
        match &mut self.hands {
            Hands::Thread(thread) => match thread.done.try_recv() {
                Ok(done) => Some(done),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => Some(Err(stopped(&self.disk))),
            },
            Hands::Own(..) if !self.disk.is_time() => None,
            Hands::Own(jobs, perform) => jobs.pop_front().map(|job| perform(&self.disk, job)),
        }
    }

    /// Waits for a job that was begun.
    ///
    /// # Errors
    /// The job's, or the thread has stopped, or nothing was begun.
    pub(crate) fn wait(&mut self) -> Result<D, Error> {
        match &mut self.hands {
            Hands::Thread(thread) => thread.done.recv().unwrap_or_else(|_| Err(stopped(&self.disk))),
            Hands::Own(jobs, perform) => match jobs.pop_front() {
                Some(job) => perform(&self.disk, job),
                None => Err(stopped(&self.disk)),
            },
        }
    }
}

fn stopped(disk: &Disk) -> Error {
    Error::new(disk.root(), What::Stopped)
}

impl<T: Send + 'static, D: Send + 'static> Thread<T, D> {
    fn start(name: &str, disk: &Disk, give_way: bool, perform: Perform<T, D>) -> Result<Self, Error> {
        let (jobs, inbox) = sync_channel::<T>(1);
        let (outbox, done) = sync_channel(2);
        let own = disk.clone();
        let work = move || {
            if give_way {
                // On Linux this is the thread's own. Where it is not allowed, all are equal.
                let _ = rustix::process::nice(NICE);
            }
            while let Ok(job) = inbox.recv() {
                if outbox.send(perform(&own, job)).is_err() {
                    return;
                }
            }
        };
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        let handle = handle.map_err(Error::doing(disk.root(), "start a thread for"))?;
        Ok(Self { jobs: Some(jobs), done, handle: Some(handle) })
    }
}

impl<T, D> Drop for Thread<T, D> {
    fn drop(&mut self) {
        self.jobs = None;
        // What is finished and not fetched must not keep the thread waiting.
        while self.done.recv().is_ok() {}
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A job gives its double; an odd one fails.
    fn double(disk: &Disk, job: u32) -> Result<u32, Error> {
        if job % 2 == 1 { Err(Error::damaged(disk.root(), job)) } else { Ok(job * 2) }
    }

    #[test]
    fn jobs_are_done_in_their_order_with_a_thread_and_without() {
        let disk = Disk::new(Path::new("/nowhere"));
        for disk in [disk.clone(), disk.single_threaded()] {
            let mut worker = Worker::start("double", &disk, true, double).unwrap();
            for job in [2, 3] {
                worker.begin(job).unwrap();
            }
            assert_eq!(worker.wait().unwrap(), 4);
            assert!(worker.wait().unwrap_err().to_string().contains("damaged: 3"));
            worker.begin(8).unwrap();
            let done = loop {
                if let Some(done) = worker.poll() {
                    break done;
                }
            };
            assert_eq!(done.unwrap(), 16);
            assert!(worker.poll().is_none());
        }
    }
}
