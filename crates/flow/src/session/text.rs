//! Text as exporters write it: padded with zeros, in what is hoped to be UTF-8.

use crate::schema::Column;
use crate::{Batch, Bytes, Values};

/// Appends text up to its first zero; what is not UTF-8 becomes U+FFFD.
pub(super) fn push(column: &mut Bytes, octets: &[u8]) {
    let end = octets.iter().position(|octet| *octet == 0).unwrap_or(octets.len());
    let octets = octets.get(..end).unwrap_or_default();
    column.push_parts(|data| {
        for chunk in octets.utf8_chunks() {
            data.extend_from_slice(chunk.valid().as_bytes());
            if !chunk.invalid().is_empty() {
                data.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
    });
}

/// Says of the rows from `base` on that they have a value, where they have one: an empty text is none.
pub(super) fn mark(batch: &mut Batch, column: Column, base: usize) {
    let (present, values) = batch.present_and(column);
    let Values::Bytes(values) = values else { return };
    let mut start = base.checked_sub(1).and_then(|row| values.ends().get(row).copied()).unwrap_or(0);
    for (mask, end) in present.iter_mut().skip(base).zip(values.ends().iter().skip(base)) {
        if *end > start {
            *mask |= column.bit();
        }
        start = *end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_zero_and_is_text() {
        let mut column = Bytes::new();
        for octets in [&b"ssh\0\0\0"[..], b"", b"\0x", b"a\xffb"] {
            push(&mut column, octets);
        }
        assert_eq!(column.iter().collect::<Vec<_>>(), [&b"ssh"[..], b"", b"", "a\u{fffd}b".as_bytes()]);
    }
}
