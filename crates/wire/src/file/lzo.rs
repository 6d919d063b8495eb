//! LZO1X, the compression of nfdump 1.6's files: a decoder for whoever has the block and the room.
//!
//! A stream is a row of instructions; each copies literals from the stream, or octets that were written before, and its
//! lowest two bits say how many literals follow (as the kernel's `Documentation/staging/lzo.rst` tells it).
//!
//! ```text
//! 0000 LLLL             after a copy without literals: L + 3 literals, of L = 0 at least 18: see [`long`]
//! 0000 DDSS HHHHHHHH    after 1 to 3 literals: 2 octets from (H << 2) + D + 1 back; after more: 3 from 2048 further back
//! 0001 HLLL ..SS        L + 2 octets from 16384 + (H << 14) + D back, D of 14 bits behind; of distance 0 the end
//! 001L LLLL ..SS        L + 2 octets from D + 1 back
//! 01LD DDSS HHHHHHHH    L + 3 octets from (H << 3) + D + 1 back
//! 1LLD DDSS HHHHHHHH    L + 5 octets from there
//! ```

use crate::error::{Error, Reason};
use crate::reader::Reader;

/// What was written so far.
struct Output<'a> {
    octets: &'a mut [u8],
    len: usize,
}

impl Output<'_> {
    /// Where the next `len` octets go, if there is room.
    fn room(&self, len: usize, error: Error) -> Result<usize, Error> {
        let end = self.len.checked_add(len).filter(|end| *end <= self.octets.len());
        end.ok_or(Error { reason: Reason::LimitExceeded, ..error })
    }

    fn literals(&mut self, len: usize, from: &mut Reader<'_>) -> Result<(), Error> {
        let end = self.room(len, from.error(Reason::LimitExceeded))?;
        let literals = from.bytes(len)?;
        if let Some(slot) = self.octets.get_mut(self.len..end) {
            slot.copy_from_slice(literals);
        }
        self.len = end;
        Ok(())
    }

    fn copy(&mut self, back: usize, len: usize, error: Error) -> Result<(), Error> {
        let start = self.len.checked_sub(back).ok_or(error)?;
        let end = self.room(len, error)?;
        if back >= len {
            // Both ends are inside what was just measured.
            self.octets.copy_within(start..start.saturating_add(len), self.len);
        } else {
            // It reads what it writes: a pattern that goes on.
            for (from, to) in (start..).zip(self.len..end) {
                let octet = self.octets.get(from).copied().unwrap_or_default();
                if let Some(slot) = self.octets.get_mut(to) {
                    *slot = octet;
                }
            }
        }
        self.len = end;
        Ok(())
    }
}

/// What went before, which decides what small instructions mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// So many literals, 0 to 3.
    Few(u8),
    /// A run of literals.
    Run,
}

/// Unpacks a whole stream into `out` and returns how many octets it came to.
///
/// # Errors
/// [`Reason::Truncated`] if it ends before its end, [`Reason::LimitExceeded`] if `out` is too small,
/// [`Reason::BadBlock`] if it refers to what was never written, or something follows its end.
pub fn decompress(packed: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    let mut from = Reader::new(packed);
    let mut out = Output { octets: out, len: 0 };
    let mut before = begin(&mut from, &mut out)?;
    while let Some(literals) = step(before, &mut from, &mut out)? {
        before = literals;
    }
    if !from.is_empty() {
        return Err(from.error(Reason::BadBlock));
    }
    Ok(out.len)
}

/// A first octet above 17 stands for literals.
fn begin(from: &mut Reader<'_>, out: &mut Output<'_>) -> Result<Before, Error> {
    let mut ahead = *from;
    let Some(few) = ahead.u8()?.checked_sub(17).filter(|few| *few > 0) else { return Ok(Before::Few(0)) };
    *from = ahead;
    out.literals(few.into(), from)?;
    Ok(if few < 4 { Before::Few(few) } else { Before::Run })
}

/// One instruction; `None` is the end.
fn step(before: Before, from: &mut Reader<'_>, out: &mut Output<'_>) -> Result<Option<Before>, Error> {
    let bad = from.error(Reason::BadBlock);
    let code = from.u8()?;
    let (low, wide) = (code & 3, usize::from(code));
    let (back, len, literals) = match (code, before) {
        (..16, Before::Few(0)) => {
            let len = long(wide, 15, from)?.saturating_add(3);
            out.literals(len, from)?;
            return Ok(Some(Before::Run));
        }
        (..16, before) => {
            let near = (usize::from(from.u8()?) << 2) + (wide >> 2);
            if before == Before::Run { (near + 2049, 3, low) } else { (near + 1, 2, low) }
        }
        (16..32, _) => {
            let len = long(wide & 7, 7, from)?.saturating_add(2);
            let (back, literals) = far(from)?;
            let back = back + ((wide & 8) << 11);
            if back == 0 {
                return if len == 3 { Ok(None) } else { Err(bad) };
            }
            (back + 16_384, len, literals)
        }
        (32..64, _) => {
            let len = long(wide & 31, 31, from)?.saturating_add(2);
            let (back, literals) = far(from)?;
            (back + 1, len, literals)
        }
        (64.., _) => {
            let back = (usize::from(from.u8()?) << 3) + (wide >> 2 & 7) + 1;
            (back, (wide >> 5) + 1, low)
        }
    };
    out.copy(back, len, bad)?;
    out.literals(literals.into(), from)?;
    Ok(Some(Before::Few(literals)))
}

/// A length that did not fit its bits: 255 for every octet of zero that follows, and the octet behind those.
fn long(bits: usize, most: usize, from: &mut Reader<'_>) -> Result<usize, Error> {
    if bits != 0 {
        return Ok(bits);
    }
    let mut len = most;
    loop {
        match from.u8()? {
            0 => len = len.saturating_add(255),
            last => return Ok(len.saturating_add(last.into())),
        }
    }
}

/// A distance of 14 bits, and literals in two: least significant octet first.
fn far(from: &mut Reader<'_>) -> Result<(usize, u8), Error> {
    let [low, high] = from.array()?;
    Ok((usize::from(u16::from_le_bytes([low, high]) >> 2), low & 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    fn unpack(packed: &[u8]) -> Result<Vec<u8>, Reason> {
        let mut out = vec![0; 1 << 16];
        let len = decompress(packed, &mut out).map_err(|error| error.reason)?;
        out.truncate(len);
        Ok(out)
    }

    /// The end: instruction 17, distance 0.
    const END: [u8; 3] = [0x11, 0, 0];

    fn stream(parts: &[&[u8]]) -> Vec<u8> {
        let mut all = parts.concat();
        all.extend_from_slice(&END);
        all
    }

    #[test]
    fn every_instruction_does_what_it_says() {
        // Four literals by the first octet, then 4 from 4 back (01 L=1: 4 octets, D = 3, H = 0), and one literal.
        assert_eq!(
            unpack(&stream(&[&[17 + 4], b"abcd", &[0x40 | 0x20 | 3 << 2 | 1, 0], b"x"])).unwrap(),
            b"abcdabcdx"
        );
        // After one literal a small instruction is two octets, from (H << 2) + D + 1 = 1 back.
        let one = [&[17 + 4][..], b"abcd", &[0x40 | 0x20 | 3 << 2 | 1, 0], b"x", &[0, 0]];
        assert_eq!(unpack(&stream(&one)).unwrap(), b"abcdabcdxxx");
        // 001: L = 0 is 31 + 3 + 2 = 36 octets from 1 back; no literals behind, so that a run may follow: 1 + 3.
        let run = [&[17 + 4][..], b"abcd", &[0x20, 3, 0, 0], &[1], b"wxyz"];
        let mut expected = b"abcd".to_vec();
        expected.extend([b'd'; 36]);
        expected.extend(b"wxyz");
        assert_eq!(unpack(&stream(&run)).unwrap(), expected);
        // A run of 18 + 255 + 7 literals after nothing.
        let literals = [9; 280];
        assert_eq!(unpack(&stream(&[&[0, 0, 7], &literals])).unwrap(), literals);
        // From 2049 back after a run, and from beyond 16384.
        let mut far = vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 255 - 18 + 1];
        let run_len = 18 + 255 * 8 + 238;
        far.extend((0..run_len).map(|i| u8::try_from(i % 251).unwrap()));
        far.extend([0, 0]);
        let out = unpack(&stream(&[&far])).unwrap();
        assert_eq!(out.len(), run_len + 3);
        assert_eq!(out[run_len..], out[run_len - 2049..run_len - 2046]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(unpack(&END).unwrap(), b"");
        assert_eq!(unpack(&[]), Err(Reason::Truncated));
        assert_eq!(unpack(&[17 + 4, 1, 2]), Err(Reason::Truncated));
        assert_eq!(unpack(&stream(&[&[17 + 4], b"abcd", &[0x60 | 4 << 2, 0]])), Err(Reason::BadBlock));
        assert_eq!(unpack(&[&stream(&[&[17 + 4], b"abcd"])[..], &[0]].concat()), Err(Reason::BadBlock));
        // A length made of zeros does not overflow and does not fit.
        let mut bomb = stream(&[&[17 + 4], b"abcd", &[0x20]]);
        bomb.truncate(6);
        bomb.extend([0; 70_000]);
        bomb.extend([1, 0, 0]);
        assert_eq!(unpack(&bomb), Err(Reason::LimitExceeded));
    }
}
