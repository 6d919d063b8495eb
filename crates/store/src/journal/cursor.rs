//! Taking a payload apart from its beginning: every length is checked.

/// Takes bytes off the front of a payload and knows where it is.
pub(super) struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

pub(super) const SHORT: &str = "it ends too early";

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(len).ok_or(SHORT)?;
        let part = self.bytes.get(self.at..end).ok_or(SHORT)?;
        self.at = end;
        Ok(part)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| SHORT.to_owned())
    }

    pub(super) fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn len(&mut self) -> Result<usize, String> {
        usize::try_from(self.u32()?).map_err(|_| SHORT.to_owned())
    }

    pub(super) fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, String> {
        let len = self.len()?;
        std::str::from_utf8(self.take(len)?).map_err(|_| "a name in it is not UTF-8".to_owned())
    }
}
