//! Segments: immutable Parquet files of flow records.
//!
//! A segment is written once, from the frames of a seal or of an import (`rows` orders them, `chunk` encodes
//! a column of a row group, `write` puts the file together), and read by [`Reader`], which brings in only the
//! pages that a question needs (`bound` says what each page may hold) and decodes them itself (`page`,
//! `hybrid`, `delta`) into the columns of a batch. Every page has a checksum in the file's footer, and the
//! footer has one in the manifest, so a flipped bit is an error and never another number.

mod bits;
mod bound;
mod chunk;
mod delta;
mod dictionary;
mod hybrid;
mod pack;
mod page;
mod pages;
mod read;
mod rows;
mod schema;
mod write;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use bound::{Bound, PageBounds};
pub use read::{Reader, RowGroup};
pub(crate) use rows::Rows;
pub(crate) use write::{is_complete, write};

/// What other Parquet files of the store are made with.
pub(crate) mod parts {
    pub(crate) use super::chunk::{Encoder, Input, Slice};
    pub(crate) use super::page::{Names, Target, decode};
    pub(crate) use super::schema::{column, properties, root};
    pub(crate) use super::write::parquet_error;
}
