//! What samples and records have in common: a type, a length, a body, and a count somewhere before the first.

use crate::error::{Error, Reason};
use crate::reader::Reader;

/// One sample or record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    /// Who defined the format: 0 is sflow.org, others are private enterprise numbers.
    pub(super) enterprise: u32,
    /// The format's number.
    pub(super) format: u32,
    /// Octets from the start of the datagram to the length field.
    pub(super) length_at: usize,
    /// Whether the bytes end before the length says.
    pub(super) is_cut: bool,
    /// What there is of it.
    pub(super) body: Reader<'a>,
}

/// Walks blocks by their lengths, and checks their number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks<'a> {
    rest: Reader<'a>,
    left: u32,
    done: bool,
}

impl<'a> Blocks<'a> {
    /// The blocks in `rest`, of which there should be `count`.
    pub(super) const fn new(rest: Reader<'a>, count: u32) -> Self {
        Self { rest, left: count, done: false }
    }

    /// Ends the walk with this error.
    fn end(&mut self, reason: Reason) -> Option<Result<Block<'a>, Error>> {
        self.done = true;
        Some(Err(self.rest.error(reason)))
    }

    #[inline]
    fn block(&mut self) -> Result<Block<'a>, Error> {
        let kind = self.rest.u32()?;
        let length_at = self.rest.offset();
        let len = usize::try_from(self.rest.u32()?).unwrap_or(usize::MAX);
        // Mostly there is all of it, and no padding.
        if len % 4 == 0 && len <= self.rest.len() {
            let body = self.rest.sub(len)?;
            return Ok(Block {
                enterprise: kind >> 12,
                format: kind & 0xfff,
                length_at,
                is_cut: false,
                body,
            });
        }
        let is_cut = len > self.rest.len();
        let body = self.rest.sub(len.min(self.rest.len()))?;
        // XDR pads to 4; agents that forget this in a length still write the padding.
        let padding = len.wrapping_neg() % 4;
        self.rest.skip(padding.min(self.rest.len()))?;
        Ok(Block { enterprise: kind >> 12, format: kind & 0xfff, length_at, is_cut, body })
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.left.checked_sub(1) {
            // Zeros behind the last one are padding.
            None if self.rest.rest().iter().all(|octet| *octet == 0) => {
                self.done = true;
                None
            }
            None => self.end(Reason::CountMismatch),
            Some(_) if self.rest.is_empty() => self.end(Reason::CountMismatch),
            Some(left) => {
                self.left = left;
                let block = self.block();
                // A cut block has taken everything: what the count still promises is missing for that reason.
                self.done = block.is_err() || block.is_ok_and(|block| block.is_cut);
                Some(block)
            }
        }
    }
}
