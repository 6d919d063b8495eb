//! A cursor that writes big-endian values into a buffer of fixed size.
//!
//! Every `Err` is [`Reason::NoSpace`] at the place where the value would have begun; a failed write changes
//! nothing.

use crate::error::{Error, Reason};

/// Writes values one behind the other.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    /// A writer at the start of `out`.
    #[must_use]
    pub const fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// Octets written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Octets for which there is still room.
    #[must_use]
    pub const fn space(&self) -> usize {
        self.out.len().saturating_sub(self.len)
    }

    /// What has been written.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.out.get(..self.len).unwrap_or_default()
    }

    /// An error with this reason at the current place.
    #[must_use]
    pub const fn error(&self, reason: Reason) -> Error {
        Error::new(reason, self.len)
    }

    /// Writes these octets.
    ///
    /// # Errors
    /// [`Reason::NoSpace`] if they do not fit.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let end = self.len.saturating_add(bytes.len());
        let error = self.error(Reason::NoSpace);
        self.out.get_mut(self.len..end).ok_or(error)?.copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    /// Writes `len` zeros.
    ///
    /// # Errors
    /// [`Reason::NoSpace`] if they do not fit.
    pub fn zeros(&mut self, len: usize) -> Result<(), Error> {
        let end = self.len.saturating_add(len);
        let error = self.error(Reason::NoSpace);
        self.out.get_mut(self.len..end).ok_or(error)?.fill(0);
        self.len = end;
        Ok(())
    }

    /// Writes one octet.
    ///
    /// # Errors
    /// [`Reason::NoSpace`] if it does not fit.
    pub fn u8(&mut self, value: u8) -> Result<(), Error> {
        self.bytes(&[value])
    }

    /// Writes two octets.
    ///
    /// # Errors
    /// [`Reason::NoSpace`] if they do not fit.
    pub fn u16(&mut self, value: u16) -> Result<(), Error> {
        self.bytes(&value.to_be_bytes())
    }

    /// Writes the low three octets of `value`.
    ///
    /// # Errors
    /// [`Reason::NoSpace`] if they do not fit, [`Reason::BadLength`] if the value needs four.
    pub fn u24(&mut self, value: u32) -> Result<(), Error> {
        match value.to_be_bytes() {
            [0, low @ ..] => self.bytes(&low),
            _ => Err(self.error(Reason::BadLength)),
        }
    }

    /// Writes four octets.
    ///
    /// # Errors
    /// [`Reason::NoSpace`] if they do not fit.
    pub fn u32(&mut self, value: u32) -> Result<(), Error> {
        self.bytes(&value.to_be_bytes())
    }

    /// Writes eight octets.
    ///
    /// # Errors
    /// [`Reason::NoSpace`] if they do not fit.
    pub fn u64(&mut self, value: u64) -> Result<(), Error> {
        self.bytes(&value.to_be_bytes())
    }

    /// Replaces octets written before (a length that is known only now).
    ///
    /// # Errors
    /// [`Reason::NoSpace`] if `at..at + bytes.len()` has not been written yet.
    pub fn patch(&mut self, at: usize, bytes: &[u8]) -> Result<(), Error> {
        let error = Error::new(Reason::NoSpace, at);
        let written = self.out.get_mut(..self.len).ok_or(error)?;
        written.get_mut(at..at.saturating_add(bytes.len())).ok_or(error)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Forgets everything from `len` on; does nothing if less than that has been written.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_in_order_and_patches() {
        let mut out = [0xff; 19];
        let mut writer = Writer::new(&mut out);
        writer.u8(1).unwrap();
        writer.u16(2).unwrap();
        writer.u24(3).unwrap();
        writer.u32(4).unwrap();
        writer.u64(5).unwrap();
        writer.zeros(1).unwrap();
        assert_eq!((writer.len(), writer.space()), (19, 0));
        writer.patch(1, &[9, 9]).unwrap();
        assert_eq!(writer.written(), [1, 9, 9, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5, 0]);
    }

    #[test]
    fn no_space_changes_nothing() {
        let mut out = [7; 3];
        let mut writer = Writer::new(&mut out);
        writer.u16(1).unwrap();
        let full = Err(Error::new(Reason::NoSpace, 2));
        assert_eq!(writer.u16(2), full);
        assert_eq!(writer.zeros(2), full);
        assert_eq!(writer.patch(1, &[0, 0]), Err(Error::new(Reason::NoSpace, 1)));
        assert_eq!(writer.patch(usize::MAX, &[0, 0]), Err(Error::new(Reason::NoSpace, usize::MAX)));
        assert_eq!(writer.u24(1 << 24), Err(Error::new(Reason::BadLength, 2)));
        assert_eq!(writer.written(), [0, 1]);
        writer.truncate(1);
        assert_eq!(writer.written(), [0]);
        assert_eq!(out, [0, 1, 7]);
    }
}
