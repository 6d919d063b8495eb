//! The byte order of a capture file, which its first octets tell.

use crate::error::Error;
use crate::reader::Reader;

/// A byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Most significant octet first.
    Big,
    /// Least significant octet first.
    Little,
}

impl Order {
    /// The next two octets of `reader` in this order.
    pub(super) fn u16(self, reader: &mut Reader<'_>) -> Result<u16, Error> {
        let value = reader.u16()?;
        Ok(if self == Self::Big { value } else { value.swap_bytes() })
    }

    /// The next four octets of `reader` in this order.
    pub(super) fn u32(self, reader: &mut Reader<'_>) -> Result<u32, Error> {
        let value = reader.u32()?;
        Ok(if self == Self::Big { value } else { value.swap_bytes() })
    }

    /// The next eight octets of `reader` in this order.
    pub(super) fn u64(self, reader: &mut Reader<'_>) -> Result<u64, Error> {
        let value = reader.u64()?;
        Ok(if self == Self::Big { value } else { value.swap_bytes() })
    }

    /// Two octets in this order.
    pub(super) const fn bytes_u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Big => value.to_be_bytes(),
            Self::Little => value.to_le_bytes(),
        }
    }

    /// Four octets in this order.
    pub(super) const fn bytes_u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Big => value.to_be_bytes(),
            Self::Little => value.to_le_bytes(),
        }
    }
}
