//! Sets: the envelopes of templates and data in NetFlow v9 (RFC 3954 §5, "FlowSets") and IPFIX (RFC 7011 §3.3).
//!
//! A set is an id and a length of two octets each, the length counting these four, then a body. Sets are
//! iterated by the bytes present; a header's count is not consulted, because exporters are known that put a
//! smaller number there than they send.
//!
//! What is wrong with the envelope costs as little as can be told:
//! * a set that runs past the end is handed out **cut** at the end, then comes [`Reason::SetOverrun`]: its whole
//!   records are good, and it is known that something is missing. What the cut goes through (a template, a record) is
//!   no second error;
//! * a length below four leaves no way to the next set: [`Reason::BadSetLength`], the end;
//! * a tail of zeros only (whole-buffer senders) is no set and no error.

use crate::error::{Error, Reason};
use crate::template::Templates;

/// Which of the two template protocols a set or template was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// NetFlow version 9, RFC 3954: template sets have the ids 0 and 1, there are no enterprise numbers.
    V9,
    /// IPFIX, RFC 7011: template sets have the ids 2 and 3.
    Ipfix,
}

/// What a set holds, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetKind {
    /// Templates.
    Template,
    /// Options templates.
    OptionsTemplate,
    /// Records of the template with this id (256 or more).
    Data(u16),
    /// An id that means nothing in this protocol: the set is to be stepped over.
    Reserved(u16),
}

/// One set: its id and its body, not yet interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set<'a> {
    /// The protocol it was written in.
    pub dialect: Dialect,
    /// Below 256 a kind of set, from 256 on the template of its records.
    pub id: u16,
    /// Octets from the start of the datagram to `body`; the set's header is the four before.
    pub offset: usize,
    /// Everything behind the set's header, padding included.
    pub body: &'a [u8],
    /// Whether the end of it is missing: the error that says so follows the set.
    pub is_cut: bool,
}

impl<'a> Set<'a> {
    /// What the set holds.
    #[must_use]
    #[inline]
    pub const fn kind(&self) -> SetKind {
        match (self.dialect, self.id) {
            (_, 256..) => SetKind::Data(self.id),
            (Dialect::V9, 0) | (Dialect::Ipfix, 2) => SetKind::Template,
            (Dialect::V9, 1) | (Dialect::Ipfix, 3) => SetKind::OptionsTemplate,
            _ => SetKind::Reserved(self.id),
        }
    }

    /// The templates or options templates in it; none if it is of another kind.
    #[must_use]
    #[inline]
    pub const fn templates(&self) -> Templates<'a> {
        Templates::new(self)
    }
}

/// The sets of one message, in order. After an `Err` there is nothing more.
#[derive(Debug, Clone)]
pub struct Sets<'a> {
    dialect: Dialect,
    rest: &'a [u8],
    offset: usize,
    /// What to say at the end: that the message itself was cut short.
    cut: Option<Error>,
    /// What to say next, after a set that was handed out cut.
    pending: Option<Error>,
}

impl<'a> Sets<'a> {
    /// Iterates the sets in `bytes`, which begin `offset` octets into the datagram.
    #[must_use]
    #[inline]
    pub const fn new(dialect: Dialect, bytes: &'a [u8], offset: usize) -> Self {
        Self { dialect, rest: bytes, offset, cut: None, pending: None }
    }

    /// The same, of a message of which the end is missing: the last item is this error.
    #[must_use]
    pub(crate) const fn cut(mut self, error: Option<Error>) -> Self {
        self.cut = error;
        self
    }

    /// The way off the fast path: a set that runs past the end, or what is no set.
    #[cold]
    fn slow(&mut self) -> Option<Result<Set<'a>, Error>> {
        if let Some(error) = self.pending.take() {
            return Some(Err(error));
        }
        let (rest, offset) = (core::mem::take(&mut self.rest), self.offset);
        let length_at = offset.wrapping_add(2);
        match rest.split_first_chunk() {
            Some((header, body)) if header_length(header) >= HEADER_LEN => {
                let overrun = Error::new(Reason::SetOverrun, length_at);
                self.pending = self.cut.take().or(Some(overrun));
                Some(Ok(Set { is_cut: true, ..self.set(header, body) }))
            }
            // Zeros are padding, anything else that is no set header is an error.
            _ if rest.iter().all(|&octet| octet == 0) => self.cut.take().map(Err),
            Some(_) => Some(Err(self.cut.take().unwrap_or(Error::new(Reason::BadSetLength, length_at)))),
            None => Some(Err(self.cut.take().unwrap_or(Error::new(Reason::Truncated, offset)))),
        }
    }

    #[inline]
    const fn set(&self, header: &[u8; HEADER_LEN], body: &'a [u8]) -> Set<'a> {
        let [id_high, id_low, _, _] = *header;
        let id = u16::from_be_bytes([id_high, id_low]);
        Set { dialect: self.dialect, id, offset: self.offset.wrapping_add(HEADER_LEN), body, is_cut: false }
    }
}

/// Octets of a set's header.
const HEADER_LEN: usize = 4;

/// What a set's header says of its length.
#[inline]
fn header_length(header: &[u8; HEADER_LEN]) -> usize {
    let [_, _, high, low] = *header;
    usize::from(u16::from_be_bytes([high, low]))
}

impl<'a> Iterator for Sets<'a> {
    type Item = Result<Set<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Some((header, after)) = self.rest.split_first_chunk() else { return self.slow() };
        let length = header_length(header);
        let Some(body_len) = length.checked_sub(HEADER_LEN) else { return self.slow() };
        let Some((body, after)) = after.split_at_checked(body_len) else { return self.slow() };
        let set = self.set(header, body);
        self.rest = after;
        self.offset = self.offset.wrapping_add(length);
        Some(Ok(set))
    }
}

impl core::iter::FusedIterator for Sets<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// A set's id, offset and body, or what was wrong.
    type Seen<'a> = Result<(u16, usize, &'a [u8]), Error>;

    fn sets(bytes: &[u8]) -> Vec<Seen<'_>> {
        Sets::new(Dialect::V9, bytes, 20).map(|set| set.map(|set| (set.id, set.offset, set.body))).collect()
    }

    #[test]
    fn walks_by_length() {
        let bytes = [0, 0, 0, 6, 1, 2, 1, 4, 0, 4, 1, 5, 0, 5, 9];
        assert_eq!(sets(&bytes), [Ok((0, 24, &[1, 2][..])), Ok((260, 30, &[][..])), Ok((261, 34, &[9][..]))]);
    }

    #[test]
    fn an_overrunning_set_is_cut_and_reported() {
        let bytes = [1, 0, 0, 9, 1, 2, 3];
        assert_eq!(sets(&bytes), [Ok((256, 24, &[1, 2, 3][..])), Err(Error::new(Reason::SetOverrun, 22))]);
        let cut = Some(Error::new(Reason::Truncated, 27));
        let all: Vec<_> = Sets::new(Dialect::Ipfix, &bytes, 20).cut(cut).collect();
        assert_eq!((all.len(), all[1]), (2, Err(Error::new(Reason::Truncated, 27))));
        let all: Vec<_> = Sets::new(Dialect::Ipfix, &[1, 0, 0, 4], 16).cut(cut).collect();
        assert_eq!((all.len(), all[1]), (2, Err(Error::new(Reason::Truncated, 27))));
    }

    #[test]
    fn a_length_below_four_ends() {
        let bytes = [1, 0, 0, 4, 1, 1, 0, 3, 1, 2, 0, 4];
        assert_eq!(sets(&bytes), [Ok((256, 24, &[][..])), Err(Error::new(Reason::BadSetLength, 26))]);
    }

    #[test]
    fn a_tail_of_zeros_is_silent() {
        assert_eq!(sets(&[0; 1220]), []);
        assert_eq!(sets(&[0; 3]), []);
        assert_eq!(sets(&[0, 0, 0, 0, 1]), [Err(Error::new(Reason::BadSetLength, 22))]);
        assert_eq!(sets(&[0, 1]), [Err(Error::new(Reason::Truncated, 20))]);
    }

    #[test]
    fn kinds_depend_on_the_dialect() {
        let kind = |dialect, id| Set { dialect, id, offset: 0, body: &[], is_cut: false }.kind();
        assert_eq!(kind(Dialect::V9, 0), SetKind::Template);
        assert_eq!(kind(Dialect::V9, 1), SetKind::OptionsTemplate);
        assert_eq!(kind(Dialect::V9, 2), SetKind::Reserved(2));
        assert_eq!(kind(Dialect::Ipfix, 0), SetKind::Reserved(0));
        assert_eq!(kind(Dialect::Ipfix, 2), SetKind::Template);
        assert_eq!(kind(Dialect::Ipfix, 3), SetKind::OptionsTemplate);
        assert_eq!(kind(Dialect::Ipfix, 255), SetKind::Reserved(255));
        assert_eq!(kind(Dialect::Ipfix, 256), SetKind::Data(256));
        assert_eq!(kind(Dialect::V9, 65535), SetKind::Data(65535));
    }
}
