//! The filter language: which flow records a question is about.
//!
//! It is the language people know from tcpdump and nfdump, typed over the one [`schema`](crate::schema):
//!
//! ```
//! use weir_flow::filter::Filter;
//! let filter = Filter::parse("src net 192.168.31.0/24 and dst port https  # the office, browsing").unwrap();
//! assert_eq!(filter.to_string(), "src host 192.168.31.0/24 and dst port 443");
//! ```
//!
//! # What can be said
//! `docs/filter.md` has the whole language, with what becomes of the spellings of nfdump and tcpdump; a test reads
//! every example there. In short:
//! * Ends: `host A`, `net P/len`, `ip A`, or the address alone; `port N`, `as N`, `vlan N`, `mac M`; each with
//!   `src`, `dst`, `src or dst`, `src and dst`, `local` or `remote` before it. Without, either end may match. `host`
//!   also looks at the addresses behind NAT; `src_addr` and the like look at one column.
//! * Ways: `if N`, `in if N`, `out if N`, `exporter NAME` or address, `direction in`, `protocol_version 9`.
//! * Who: `tenant NAME` (its own traffic and its part of local traffic), `own tenant`, `peer tenant`, `own host A`.
//! * What: `proto tcp`, `tcp`, `icmp type 8`, `flags S and not flags A` (each letter set; `flags S/SA` for S
//!   without A; `flags = S` for nothing but S), `tos N`, `dscp ef`, `ipv4`, `ipv6`.
//! * How much: `octets > 10M`, `packets`, `duration > 60s`, `bps`, `pps`, `octets/packets`, and every other column by
//!   its name: `src_port >= 1024`, `start >= 2026-10-01T08:00`.
//! * When: `time 08:00-18:00`, `weekday mon-fri` of the start, `end time`, `end weekday` of the end.
//! * Values: one, a range `80-90` or `80..90`, a list `in [A, B, P/len]`, a file `in @networks.txt`; `= != < <= > >=`.
//! * `and or not ( )`, also `&& || !`; `@file` for a filter in a file; `#` comments to the end of the line; nothing at
//!   all is everything. `not` binds closest, then `and`, then `or`. As in tcpdump a value alone belongs to the words
//!   before it: `dst port 80 or 443`, `src net (10.0.0.0/8 or 192.168.0.0/16)`.
//!
//! What a filter needs from outside (names, files, hosts, the clocks of a zone) is in [`Names`]: nothing is read here.
//!
//! # The unknown
//! Truth has two values. A comparison with a value that is absent is false, whatever the comparison; `not` is the
//! plain complement. So of a record without ports neither `src_port = 80` nor `src_port != 80` is true, and
//! `not src_port = 80` is. Hence `not p` always finds exactly what `p` leaves:
//!
//! ```
//! use weir_flow::batch::RowBuilder;
//! use weir_flow::{Batch, Column, filter::Filter};
//! let mut batch = Batch::new();
//! RowBuilder::new().unsigned(Column::Proto, 50).push(&mut batch); // ESP has no ports
//! let matches = |text: &str| {
//!     let mut out = Vec::new();
//!     Filter::parse(text).unwrap().eval(&batch, &mut out);
//!     out == [true]
//! };
//! assert!(!matches("src_port = 80") && !matches("src_port != 80") && matches("not src_port = 80"));
//! ```
//!
//! # How it works
//! `lexer` cuts the text into tokens, `parser` makes an `expr` of them with the values read by `value`; every
//! comparison has become "the subject has a value in this set". `eval` runs that column by column, `prune` says
//! what it means for a file's statistics, `display` writes it down again.

mod address;
mod amount;
mod civil;
mod date;
mod display;
mod eval;
mod expr;
mod flag;
mod interface;
mod lexer;
mod mistake;
mod outside;
mod parser;
mod protocol;
mod prune;
mod range;
mod service;
mod subject;
mod value;

#[cfg(test)]
mod tests;

pub use interface::Interface;
pub use mistake::Mistake;
pub use outside::{Names, Outside};
pub use protocol::protocol_of;
pub use prune::{Bound, Bounds, Conjunct};
pub use service::service_of;

use crate::Batch;
use expr::Expr;
use std::fmt;
use std::str::FromStr;

/// The longest text of a filter, in bytes: room for some ten thousand addresses in a list, and little enough
/// that no text keeps the parser busy for long.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;

/// How deep parentheses and `not` may nest. The parser and all who walk the tree recurse; this keeps them well
/// within any thread's stack, and nobody reads deeper.
pub const DEPTH_MAX: usize = 64;

/// A filter: parsed, typed and resolved. Two filters are equal when they say the same in the same order.
///
/// [`Display`](fmt::Display) writes a text that parses to an equal filter in the same zone, with names resolved and the
/// values of files in their place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter(Expr);

impl Default for Filter {
    fn default() -> Self {
        Self::everything()
    }
}

impl Filter {
    /// The filter that every record matches.
    #[must_use]
    pub const fn everything() -> Self {
        Self(Expr::EVERYTHING)
    }

    /// Reads a filter in which no configured names occur.
    ///
    /// # Errors
    /// The first [`Mistake`] in the text.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        Self::parse_with(text, &Names::default())
    }

    /// Reads a filter.
    ///
    /// # Errors
    /// The first [`Mistake`] in the text.
    pub fn parse_with(text: &str, names: &Names) -> Result<Self, Mistake> {
        parser::parse(text, names).map(Self)
    }

    /// Whether every record matches because nothing is asked.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0 == Expr::EVERYTHING
    }

    /// The columns it reads, as a presence mask ([`Column::bit`](crate::Column::bit)): whoever loads a batch for
    /// [`Filter::eval`] loads these and the presence of their values.
    #[must_use]
    pub fn columns(&self) -> u64 {
        self.0.columns()
    }

    /// Says of each row whether it matches: `matches` becomes as long as the batch. A column that the batch has
    /// not loaded counts as absent in every row.
    pub fn eval(&self, batch: &Batch, matches: &mut Vec<bool>) {
        eval::eval(&self.0, batch, matches);
    }

    /// Conditions that every matching row meets, for leaving files, row groups and pages unread. All of them hold
    /// for each matching row; rows that meet them all may still not match. Empty where nothing can be said.
    #[must_use]
    pub fn conjuncts(&self) -> Vec<Conjunct> {
        prune::conjuncts(&self.0)
    }

    /// Whether a row that meets all [conjuncts](Self::conjuncts) matches, so that it need not be tested once it is known
    /// to meet them.
    #[must_use]
    pub fn is_told_by_conjuncts(&self) -> bool {
        prune::is_exact(&self.0)
    }

    /// Both filters at once.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0.and(other.0))
    }
}

/// [`Filter::parse`].
impl FromStr for Filter {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        Self::parse(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
