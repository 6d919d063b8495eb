//! A cursor over bytes that knows how far it is from the start of the datagram.
//!
//! Every `Err` is [`Reason::Truncated`] at the place where the missing value should begin; a failed read
//! consumes nothing.

use crate::error::{Error, Reason};

/// Reads big-endian values from the front of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// A reader over the start of a datagram.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// A reader over bytes that begin `offset` octets into the datagram.
    #[must_use]
    #[inline]
    pub const fn at(bytes: &'a [u8], offset: usize) -> Self {
        Self { rest: bytes, offset }
    }

    /// Octets from the start of the datagram to the next value.
    #[must_use]
    #[inline]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What has not been read yet.
    #[must_use]
    #[inline]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Octets not read yet.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything has been read.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// An error with this reason at the current offset.
    #[must_use]
    #[inline]
    pub const fn error(&self, reason: Reason) -> Error {
        Error::new(reason, self.offset)
    }

    /// The next `N` octets.
    ///
    /// # Errors
    /// [`Reason::Truncated`] if fewer are left.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or(self.error(Reason::Truncated))?;
        self.rest = tail;
        // Wrapping is impossible while the offset counts octets in memory; it only spares a branch.
        self.offset = self.offset.wrapping_add(N);
        Ok(*head)
    }

    /// The next `len` octets.
    ///
    /// # Errors
    /// [`Reason::Truncated`] if fewer are left.
    #[inline]
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or(self.error(Reason::Truncated))?;
        self.rest = tail;
        self.offset = self.offset.wrapping_add(len);
        Ok(head)
    }

    /// Steps over `len` octets.
    ///
    /// # Errors
    /// [`Reason::Truncated`] if fewer are left.
    #[inline]
    pub fn skip(&mut self, len: usize) -> Result<(), Error> {
        self.bytes(len).map(|_| ())
    }

    /// The next `len` octets as a reader of their own, which keeps the true offsets.
    ///
    /// # Errors
    /// [`Reason::Truncated`] if fewer are left.
    #[inline]
    pub fn sub(&mut self, len: usize) -> Result<Self, Error> {
        let offset = self.offset;
        self.bytes(len).map(|bytes| Self::at(bytes, offset))
    }

    /// One octet.
    ///
    /// # Errors
    /// [`Reason::Truncated`] at the end.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, Error> {
        self.array().map(|[octet]| octet)
    }

    /// Two octets.
    ///
    /// # Errors
    /// [`Reason::Truncated`] if fewer are left.
    #[inline]
    pub fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    /// Three octets.
    ///
    /// # Errors
    /// [`Reason::Truncated`] if fewer are left.
    #[inline]
    pub fn u24(&mut self) -> Result<u32, Error> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Four octets.
    ///
    /// # Errors
    /// [`Reason::Truncated`] if fewer are left.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight octets.
    ///
    /// # Errors
    /// [`Reason::Truncated`] if fewer are left.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_in_order() {
        let mut reader = Reader::new(&[1, 0, 2, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5, 6, 7, 8]);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.u16(), Ok(2));
        assert_eq!(reader.u24(), Ok(3));
        assert_eq!(reader.u32(), Ok(4));
        assert_eq!(reader.u64(), Ok(5));
        assert_eq!(reader.offset(), 18);
        assert_eq!(reader.bytes(2), Ok(&[6, 7][..]));
        assert_eq!(reader.rest(), &[8]);
        assert_eq!(reader.skip(1), Ok(()));
        assert!(reader.is_empty());
    }

    #[test]
    fn the_end_is_an_error_with_its_place_and_consumes_nothing() {
        let mut reader = Reader::at(&[1, 2, 3], 40);
        assert_eq!(reader.u8(), Ok(1));
        let end = Err(Error::new(Reason::Truncated, 41));
        assert_eq!(reader.u32(), end);
        assert_eq!(reader.u24(), end);
        assert_eq!(reader.u64().map(|_| 0_u32), end);
        assert_eq!(reader.bytes(usize::MAX).map(|_| 0_u32), end);
        assert_eq!(reader.u16(), Ok(0x0203));
        assert_eq!(reader.u8(), Err(Error::new(Reason::Truncated, 43)));
    }

    #[test]
    fn a_sub_reader_keeps_true_offsets() {
        let mut reader = Reader::at(&[0, 1, 2, 3, 4], 100);
        reader.skip(1).unwrap();
        let mut inner = reader.sub(2).unwrap();
        assert_eq!(inner.u8(), Ok(1));
        assert_eq!(inner.u16(), Err(Error::new(Reason::Truncated, 102)));
        assert_eq!(reader.u8(), Ok(3));
    }
}
