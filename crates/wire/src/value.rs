//! The values of fields: integers of reduced size (RFC 7011 §6.2), signed integers, floats, booleans.
//!
//! A field's length comes from the template, not from its element: `octetDeltaCount` may have 1 to 8 octets.
//! A length that a type cannot have is `None`, never 0: an unknown value stays unknown.

/// The big-endian integer of type `$int` at a constant place of an array: no branch, no bounds check.
///
/// A macro and not a function, because only then the place is a constant for the compiler *and* for the lint
/// that forbids indexing.
macro_rules! be {
    ($bytes:expr, $at:expr, u8) => {
        $bytes[$at]
    };
    ($bytes:expr, $at:expr, u16) => {
        u16::from_be_bytes([$bytes[$at], $bytes[$at + 1]])
    };
    ($bytes:expr, $at:expr, u32) => {
        u32::from_be_bytes([$bytes[$at], $bytes[$at + 1], $bytes[$at + 2], $bytes[$at + 3]])
    };
    ($bytes:expr, $at:expr, addr) => {
        [$bytes[$at], $bytes[$at + 1], $bytes[$at + 2], $bytes[$at + 3]]
    };
}
pub(crate) use be;

/// Writes an integer or address at a constant place of an array: the reverse of [`be!`].
macro_rules! put {
    ($out:expr, $at:expr, u8, $value:expr) => {
        $out[$at] = $value
    };
    ($out:expr, $at:expr, u16, $value:expr) => {
        $out[$at..$at + 2].copy_from_slice(&$value.to_be_bytes())
    };
    ($out:expr, $at:expr, u32, $value:expr) => {
        $out[$at..$at + 4].copy_from_slice(&$value.to_be_bytes())
    };
    ($out:expr, $at:expr, addr, $value:expr) => {
        $out[$at..$at + 4].copy_from_slice(&$value)
    };
}
pub(crate) use put;

/// An unsigned integer of 1 to 8 octets, big endian; `None` for any other length.
#[must_use]
#[inline]
pub const fn unsigned(bytes: &[u8]) -> Option<u64> {
    match *bytes {
        [a] => Some(a as u64),
        [a, b] => Some(u16::from_be_bytes([a, b]) as u64),
        [a, b, c] => Some(u32::from_be_bytes([0, a, b, c]) as u64),
        [a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d]) as u64),
        [a, b, c, d, e] => Some(u64::from_be_bytes([0, 0, 0, a, b, c, d, e])),
        [a, b, c, d, e, f] => Some(u64::from_be_bytes([0, 0, a, b, c, d, e, f])),
        [a, b, c, d, e, f, g] => Some(u64::from_be_bytes([0, a, b, c, d, e, f, g])),
        [a, b, c, d, e, f, g, h] => Some(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}

/// A two's-complement integer of 1 to 8 octets, big endian, its sign extended; `None` for any other length.
#[must_use]
#[inline]
pub fn signed(bytes: &[u8]) -> Option<i64> {
    let fill = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
    let mut wide = [fill; 8];
    let start = wide.len().checked_sub(bytes.len())?;
    wide.get_mut(start..)?.copy_from_slice(bytes);
    Some(i64::from_be_bytes(wide))
}

/// A float of 4 or 8 octets (RFC 7011 §6.1.3; a `float64` may be sent in 4); `None` for any other length.
#[must_use]
#[inline]
pub fn float(bytes: &[u8]) -> Option<f64> {
    match *bytes {
        [a, b, c, d] => Some(f64::from(f32::from_be_bytes([a, b, c, d]))),
        [a, b, c, d, e, f, g, h] => Some(f64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}

/// A boolean of one octet: 1 is true and 2 is false (RFC 7011 §6.1.5); anything else is `None`.
#[must_use]
#[inline]
pub const fn boolean(bytes: &[u8]) -> Option<bool> {
    match *bytes {
        [1] => Some(true),
        [2] => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_takes_one_to_eight_octets() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let mut expected = 0_u64;
        assert_eq!(unsigned(&[]), None);
        for len in 1..=8 {
            expected = expected << 8 | u64::from(bytes[len - 1]);
            assert_eq!(unsigned(&bytes[..len]), Some(expected), "{len} octets");
        }
        assert_eq!(unsigned(&bytes), None);
        assert_eq!(unsigned(&[0xff; 8]), Some(u64::MAX));
    }

    #[test]
    fn signed_extends_the_sign() {
        assert_eq!(signed(&[]), None);
        assert_eq!(signed(&[0xff]), Some(-1));
        assert_eq!(signed(&[0x80, 0]), Some(-32768));
        assert_eq!(signed(&[0x7f, 0xff, 0xff]), Some(8_388_607));
        assert_eq!(signed(&i64::MIN.to_be_bytes()), Some(i64::MIN));
        assert_eq!(signed(&[0; 9]), None);
    }

    #[test]
    fn floats_and_booleans() {
        assert_eq!(float(&1.5_f32.to_be_bytes()), Some(1.5));
        assert_eq!(float(&(-2.25_f64).to_be_bytes()), Some(-2.25));
        assert_eq!(float(&[0; 5]), None);
        assert_eq!(boolean(&[1]), Some(true));
        assert_eq!(boolean(&[2]), Some(false));
        assert_eq!(boolean(&[0]), None);
        assert_eq!(boolean(&[0, 1]), None);
    }
}
