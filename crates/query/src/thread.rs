//! The same work on several threads.

use crate::error::Error;

/// Does the same work on so many threads, this one among them.
///
/// # Errors
/// The first error of the work; [`Error::Thread`] if it panicked.
pub(crate) fn on_threads<R: Send>(
    threads: usize,
    work: impl Fn() -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    if threads <= 1 {
        return Ok(vec![work()?]);
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(&work)).collect();
        let mine = work();
        let others = others.into_iter().map(|thread| thread.join().unwrap_or(Err(Error::Thread)));
        std::iter::once(mine).chain(others).collect()
    })
}
