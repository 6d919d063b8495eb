//! Keeps batches of flow records as immutable Parquet segments and 5-minute bins under one manifest.
//!
//! A [`Writer`] (one at a time, it holds a lock) takes batches. Each is first a frame of the journal, where
//! readers see it at once and a crash does not lose it; from time to time the journal is *sealed*: a background
//! thread sorts its rows and writes them as a segment, the accounts of their bins, and their counts, and one line
//! appended to the manifest makes these the store in place of the journal. A [`Snapshot`] (any number, in any
//! process, without a lock) is the store at one instant: the files that the manifest names and the frames that
//! are not yet in them, each row exactly once.
//!
//! Files made from the same rows are a *unit*. It can be written anew, and takes the place of the old one by one
//! line of the manifest: so sampling intervals that came late reach rows that are long sealed (`rescale`, `settle`), and
//! so does whose they are, where the operator was wrong about that (`reattribute`).
//! With the rows a batch brings what sessions are to remember through a restart ([`Writer::memory`]) and what
//! interfaces counted themselves ([`Snapshot::counters`]).
//!
//! `FORMAT.md` beside this crate's sources describes every byte on disk.
//!
//! # Architecture invariants
//! * A segment and its bins become visible together or not at all: appending one line to the manifest is the only
//!   commit. Nothing committed is changed in place.
//! * No clock is read here: every time is an argument.
//! * Files are untrusted input: a damaged one gives an error that names it, never a panic, never other data.

#![forbid(unsafe_code)]

pub mod bins;
mod budget;
mod committed;
mod compact;
mod counter;
mod day;
mod disk;
mod error;
mod fate;
mod flush;
mod health;
mod heir;
mod hold;
mod import;
mod journal;
mod lock;
mod log;
mod manifest;
mod memory;
mod mend;
mod owner;
mod queue;
mod reattribute;
mod rebuild;
mod recovery;
mod rescale;
mod retention;
mod rewrite;
#[cfg(test)]
mod sample;
mod seal;
pub mod segment;
mod settle;
mod snapshot;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod totals;
mod unit;
mod verify;
mod worker;
mod writer;

pub use budget::{Budget, Forecast, Space};
pub use committed::{Committed, Holds};
pub use disk::Disk;
pub use error::{Error, What};
pub use fate::{Fate, Kind, Step, Verdict};
pub use heir::{Heir, Judge, Rolled};
pub use hold::{Outage, Taken};
pub use import::Import;
pub use journal::Damage;
pub use lock::{Holder, holder};
pub use owner::Owner;
pub use reattribute::{Account, Move, Reattributed, Reattribution};
pub use rebuild::{Difference, Rebuilt};
pub use recovery::Recovery;
pub use retention::{Retention, Retired};
pub use snapshot::{Imported, SegmentEntry, Snapshot, TailEntry, exists};
pub use totals::Totals;
pub use verify::{Report, verify};
pub use writer::{Files, Options, Status, Writer};
