//! What questions found of whole segments, kept for the next time.
//!
//! A segment is never changed: it is replaced by others of other names. So the groups that a question finds in it, where
//! the segment lies wholly in the span asked for, follow from the question and from the segment alone, whatever else is
//! stored, comes late, or is given up. They are kept as a file for each segment ([`file`]), named by a digest of everything
//! they follow from ([`question`]), in a folder of a stated size ([`cache`]). The next such question takes them in and
//! leaves the segment closed ([`lookup`]); what is in the journal, and segments that lie in the span only in part, are read
//! as ever. While a question reads, the groups of such segments are found apart from the others ([`keeper`]).
//!
//! Nothing of this is ever needed: a file that is missing, or not what was written, costs the reading of its segment.

pub(crate) mod cache;
pub(crate) mod file;
pub(crate) mod keeper;
pub(crate) mod lookup;
pub(crate) mod question;
