//! Segments: immutable Parquet files of flow records.
//!
//! A segment is written once, from the frames of a seal or of an import, column by column: `rows` orders the rows
//! (`address` makes small numbers of addresses, `order` sorts), `dense` brings a column of all frames together,
//! `present` picks a row group's values out of it, `chunk` encodes them (`dictionary`, `pack`, `delta`, `pages`),
//! `write` has it done and `file` puts the file together. It is read by [`Reader`], which brings in only the
//! pages that a question needs (`bound` says what each page may hold, `runs`, `far` and `networks` whose traffic) and decodes them itself (`page`,
//! `hybrid`, `delta`) into the columns of a batch. Every page has a checksum in the file's footer, and the
//! footer has one in the manifest, so a flipped bit is an error and never another number.

mod address;
mod bits;
mod bound;
mod chunk;
mod compression;
mod delta;
mod dense;
mod dictionary;
mod far;
mod fetch;
mod file;
mod hybrid;
mod known;
mod measure;
mod networks;
mod opened;
mod order;
mod pack;
mod page;
mod pages;
mod present;
mod read;
mod rows;
mod runs;
mod schema;
mod sheets;
mod write;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use bound::{Bound, PageBounds};
pub use far::FarEnds;
#[doc(hidden)]
pub use measure::{Ordered, Sealing};
pub use networks::{Blocks, COLUMNS as NETWORK_COLUMNS};
pub use read::{Places, Reader, RowGroup};
pub(crate) use rows::{Addrs, Rows};
pub use runs::Runs;
pub(crate) use write::{is_complete, write};

/// What other Parquet files of the store are made with.
pub(crate) mod parts {
    pub(crate) use super::address::Ranked;
    pub(crate) use super::bound::pages;
    pub(crate) use super::chunk::{Encoder, Input, Pick, Slice};
    pub(crate) use super::file::FileWriter;
    pub(crate) use super::order::sort;
    #[cfg(test)]
    pub(crate) use super::pack::put_leb128;
    pub(crate) use super::pack::width;
    pub(crate) use super::page::{Names, Target, decode};
    pub(crate) use super::pages::Chunk;
    pub(crate) use super::present::Present;
    pub(crate) use super::schema::{column, root};
    pub(crate) use super::write::parquet_error;
}
