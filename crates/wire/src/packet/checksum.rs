//! The Internet checksum (RFC 1071): the one's complement of the one's complement sum of 16-bit words.

/// The running sum; feed it, then [`Sum::finish`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum(u64);

impl Sum {
    /// Adds these octets. All parts but the last must have an even length, or words would shift.
    #[must_use]
    pub fn with(self, bytes: &[u8]) -> Self {
        let (words, last) = bytes.as_chunks::<2>();
        let sum: u64 = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum();
        let tail = last.first().map_or(0, |octet| u64::from(*octet) << 8);
        Self(self.0.wrapping_add(sum).wrapping_add(tail))
    }

    /// The checksum of what was added.
    #[must_use]
    pub const fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff).wrapping_add(sum >> 16);
        }
        let [.., high, low] = sum.to_be_bytes();
        !u16::from_be_bytes([high, low])
    }
}

/// The checksum of these octets. 0 when they contain their own correct checksum.
#[must_use]
pub fn internet(bytes: &[u8]) -> u16 {
    Sum::default().with(bytes).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        // RFC 1071 §3: the sum of these is ddf2.
        assert_eq!(internet(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn an_odd_octet_is_a_high_octet() {
        assert_eq!(internet(&[0x12, 0x34, 0x56]), internet(&[0x12, 0x34, 0x56, 0x00]));
        assert_eq!(internet(&[]), 0xffff);
    }

    #[test]
    fn parts_sum_like_the_whole() {
        let bytes = [0xff_u8; 131];
        assert_eq!(Sum::default().with(&bytes[..64]).with(&bytes[64..]).finish(), internet(&bytes));
    }
}
