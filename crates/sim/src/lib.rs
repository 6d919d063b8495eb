//! A seeded, faulty world that drives the whole path and knows the true answer.
//!
//! Exporters of all six protocols (`exporter`) tell of the traffic of a town (`town`, `traffic`) over a
//! network that loses, doubles, delays, cuts and damages (`network`), to a collector made of weir's own
//! sessions, attribution and store (`collector`). Some send in another's name; some have clocks of another zone, or
//! none; the collector's clock is set forward and back. Its disk (`drive`) is full for a while, slow, or refuses
//! once; it is killed and its power is cut, between any two steps of the disk or halfway through one, and while it
//! recovers from that; bits flip in what it has written (`rot`).
//!
//! Beside it a `ledger` is kept by other means, and at random moments, after every death and at the end the
//! `check`ers compare the two: every row that was durable is there exactly once, the balance closes in total and by
//! exporter, tenants, bins and counters are those of the ledger, a civil day is as long as the clocks of its zone say
//! (`civil`), what was to be durable by the stated window is, and a flipped bit is an error that names its file.
//!
//! The same seed makes the same world, step by step ([`world`]), to the number of the disk's steps: there is one
//! thread, and no clock but the world's.
//!
//! ```text
//! cargo run -p sim -- --seeds 20                # seeds 0 to 19
//! cargo run -p sim -- --seed 7 --hours 24       # one, for a simulated day
//! cargo run -p sim -- --seeds 5000 --jobs 2     # a night
//! ```
#![forbid(unsafe_code)]

mod chance;
mod check;
mod civil;
mod collector;
mod drive;
mod exporter;
mod ledger;
mod message;
mod network;
mod rot;
mod row;
#[cfg(test)]
mod tests;
mod town;
mod traffic;
pub mod world;

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use world::{Failure, Order, Summary};

/// The commit that was built, as `git` knew it then, with `-dirty` if there was more than that; and what the sources
/// are at by now, if that is something else.
#[must_use]
pub fn commit() -> String {
    let built = env!("SIM_COMMIT");
    let arguments = ["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty", "--abbrev=12"];
    let said = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success());
    let now = said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match now {
        Some(now) if now != built => format!("{built} (when built; the sources are at {now} now)"),
        _ => built.to_owned(),
    }
}

/// Runs `count` worlds from the seed of `first` on, `jobs` at once, and tells of each as it ends.
///
/// # Errors
/// There is no folder to work in.
pub fn run_many(
    first: Order,
    count: u64,
    jobs: u64,
    tell: impl FnMut(Order, &Result<Summary, Failure>) + Send,
) -> Result<(), String> {
    let next = AtomicU64::new(0);
    let tell = Mutex::new(tell);
    let work = || -> Result<(), String> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return Ok(());
            }
            let order = Order { seed: first.seed.saturating_add(at), ..first };
            let folder = world::folder().map_err(|error| format!("no folder to work in: {error}"))?;
            let result = world::run(order, folder.path());
            let mut tell = tell.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            (*tell)(order, &result);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let ends =
            threads.into_iter().map(|thread| thread.join().map_err(|_| "a world panicked".to_owned())?);
        ends.collect()
    })
}
