//! What is known of a running daemon, for `/metrics`, `/healthz`, `/readyz` and `weir doctor`.
//!
//! Its threads leave figures in the `hub`: the writer notes every batch in the running `books`, which must add up, and
//! listeners give signs of life (`pulse`). `page` writes the metrics of the `catalog` as `text`; `memory`, `disk` and
//! `process` ask what nobody has to leave; `door` tells it to commands on the same machine.

pub(crate) mod books;
pub(crate) mod catalog;
pub(crate) mod disk;
pub(crate) mod door;
pub(crate) mod hub;
pub(crate) mod memory;
pub(crate) mod page;
pub(crate) mod process;
pub(crate) mod pulse;
#[cfg(test)]
mod tests;
pub(crate) mod text;

pub(crate) use hub::Hub;
pub(crate) use pulse::Ear;
