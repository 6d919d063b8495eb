//! Names of what has numbers: what the words of a filter mean outside of it, and what is known of addresses besides
//! their numbers (`book`: files of names, the DNS, files in MaxMind's format).
//!
//! A filter may name files, hosts, services and times of the clock; the crate that reads filters reads none of
//! these itself. It is asked for here, on the command line only: never where datagrams come in.

mod book;
mod cache;
mod forward;
mod place;
mod reverse;
mod service;

pub(crate) use book::{Book, Glossary, Known};
pub(crate) use forward::{outside, read_list};
#[cfg(feature = "sql")]
pub(crate) use service::of_ports;
pub(crate) use service::services;
