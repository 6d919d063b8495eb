//! Answers a typed question with a table.
//!
//! A [`Query`] groups records and adds them up; a [`Listing`] shows them, oldest first. Both are answered from
//! what a store has committed or from batches in memory.
//!
//! # How a question is answered
//! [`query`] says what can be asked, [`table`] what comes back. A store is divided into parts that can be read
//! independently (`plan`), less what cannot match (`prune`). Of each part the columns that the filter reads are
//! brought in first (`fetch`), the matching rows found (`select`), and the other columns brought in for these.
//! `group` adds rows up, on all threads (`scan`); `list` hands them out in the order of time. `memory` does
//! both for batches without a store. What is found of whole segments is kept for the next time (`kept`), and [`Rollup`]s are that before
//! anybody asks. What the accounts of five minutes hold anyway is read there (`accounts`).
//!
//! [`key`] is what can be grouped by: columns, networks, services, groups of tenants ([`Membership`]), and time as the
//! clocks show it ([`civil`]).
//!
//! # Architecture invariants
//! * The answer depends on the records and the question only: not on the number of threads, nor on what pruning
//!   left out, nor on how records are spread over segments and the journal (but for the order of records that
//!   start in the same millisecond).
//! * Memory is bounded by [`Options`]; what does not fit goes to a file without a name, where that is allowed
//!   ([`Spill`]), and is an error that says what to narrow otherwise; never a part of the answer.
//! * Nothing but the store's files is read, and nothing is written but that file and what is kept in the store's folders
//!   `cache` ([`Cache`]) and `rollups`, which no answer depends on.
//! * A question ends soon after it is given up ([`Stop`]).

#![forbid(unsafe_code)]

mod accounts;
mod assemble;
mod budget;
pub mod civil;
mod error;
mod fetch;
mod group;
mod kept;
pub mod key;
mod list;
mod membership;
mod memory;
mod name;
mod place;
mod plan;
mod prune;
pub mod query;
pub mod rollup;
mod rows;
mod scan;
mod select;
mod span;
mod stop;
pub mod table;
mod thread;

pub use assemble::row_bytes;
pub use civil::{Bucket, Civil};
pub use error::Error;
pub use kept::cache::Cache;
pub use key::Key;
pub use list::list;
pub use membership::Membership;
pub use memory::{list_batches, run_batches};
pub use place::Places;
pub use query::{Count, Listing, Measure, Order, Query};
pub use rollup::Rollup;
pub use scan::run;
pub use span::Spans;
pub use stop::Stop;
pub use table::{Cell, Row, Statistics, Table};

/// Why records are read for a question, and not the accounts; `None` where the accounts answer it.
#[must_use]
pub fn why_records(snapshot: &weir_store::Snapshot, query: &Query) -> Option<String> {
    accounts::plan(query, snapshot).err()
}

/// Where groups go that do not fit in memory: one file that never has a name, so that nothing is left of it however the
/// program ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spill {
    /// The folder, on a real disk: what is kept in memory anyway gains nothing.
    pub folder: std::path::PathBuf,
    /// How large the file may get. It also never takes the last GiB of its file system, or the last twentieth of a small
    /// one.
    pub bytes_max: u64,
    /// A thread's groups go there when they take so much memory; never more than its part of
    /// [`Options::memory_bytes`].
    pub table_bytes: usize,
}

impl Spill {
    /// In this folder, of so many bytes at most, when memory is used up.
    #[must_use]
    pub fn to(folder: impl Into<std::path::PathBuf>, bytes_max: u64) -> Self {
        Self { folder: folder.into(), bytes_max, table_bytes: usize::MAX }
    }
}

/// What an answer may cost.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many threads read and group; 0 is as many as the machine has processors.
    pub threads: usize,
    /// The memory for groups, or for the places of a listing's records, in all threads together. What is being
    /// read comes on top: one row group in the columns needed for each thread.
    pub memory_bytes: usize,
    /// Whether what cannot match is left unread. The answer is the same without; only slower.
    pub prune: bool,
    /// Whether the accounts answer what they can. The answer is the same without, as long as every record stored
    /// was attributed and is still there; where detail was given up, the accounts know more.
    pub accounts: bool,
    /// Where groups go that do not fit in memory; `None`: the question is refused.
    pub spill: Option<Spill>,
    /// Where what is found of whole segments is kept for the next time, and looked for; `None`: everything is read. The
    /// answer is the same.
    pub cache: Option<Cache>,
    /// Roll-ups that may say what is asked, where they are built. The answer is the same without; only slower.
    pub rollups: Vec<Rollup>,
    /// Gives the question up.
    pub stop: Stop,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 0,
            memory_bytes: 1 << 30,
            prune: true,
            accounts: true,
            spill: None,
            cache: None,
            rollups: Vec::new(),
            stop: Stop::default(),
        }
    }
}

impl Options {
    /// The number of threads meant.
    fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        }
    }
}
