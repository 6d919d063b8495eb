//! What flow exports mean.
//!
//! `weir-wire` says what the bytes of a datagram say; this crate says what they mean. It keeps, per
//! exporter and observation domain, what a decoder must remember ([`session`]: templates, options,
//! sampling, clock, sequence, duplicates), and writes flow records straight into the columns of a
//! [`Batch`]. There is one record and one [`schema`]: the store, the query engine, JSON, CSV and the
//! documentation all read the same list of columns. The [`filter`] language is typed over that schema,
//! and [`time`] holds the one function that spreads a flow over bins.
//!
//! # Architecture invariants
//! * This crate never reads a clock, a file, a socket or the environment: time is an argument called
//!   `received` or `now` (its own `clippy.toml` refuses the rest).
//! * Unknown is not zero: a value that the exporter did not say is absent from the row's presence mask.
//! * A record is never discarded for lack of a template, a sampling interval or a name: it is held or kept
//!   and marked, and every loss has a [`health::Counter`].

#![forbid(unsafe_code)]

pub mod addr;
pub mod batch;
pub mod bytes;
pub mod civil;
pub mod counter;
pub mod filter;
pub mod health;
pub mod label;
pub mod memory;
pub mod names;
pub mod other;
pub mod quirk;
pub mod rescale;
pub mod schema;
pub mod session;
pub mod spare;
pub mod time;

pub use addr::{Addr, Mac};
pub use batch::{Batch, Values};
pub use bytes::Bytes;
pub use rescale::Rescale;
pub use schema::Column;
pub use spare::Spare;
