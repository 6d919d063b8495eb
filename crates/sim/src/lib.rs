//! A seeded, faulty world that drives the whole path and knows the true answer.
//!
//! Exporters of all six protocols (`exporter`) tell of the traffic of a town (`town`, `traffic`) over a
//! network that loses, doubles, delays, cuts and damages (`network`), to a collector made of weir's own
//! sessions, attribution and store (`collector`), which is killed and whose power is cut (`power`). Beside it
//! a `ledger` is kept by other means, and after every death and at the end the `check`ers compare the two:
//! every row that was durable is there exactly once, the balance closes in total and by exporter, tenants, bins
//! and counters are those of the ledger.
//!
//! The same seed makes the same world, step by step ([`world`]), with one exception: the store seals in a thread
//! of its own, and when that is done relative to the steps differs from run to run. What is checked must hold
//! whenever it is.
//!
//! ```text
//! cargo run -p weir-sim -- --seeds 20      # seeds 0 to 19
//! cargo run -p weir-sim -- --seed 7        # one
//! ```
#![forbid(unsafe_code)]

mod chance;
mod check;
mod collector;
mod exporter;
mod ledger;
mod message;
mod network;
mod power;
mod row;
#[cfg(test)]
mod tests;
mod town;
mod traffic;
pub mod world;
