//! One bit of the manifest that is not what was written, found by the checksums.
//!
//! Everything hangs on the manifest, and there is one of it. Each line has a CRC-32C, which finds the place of a single flipped
//! bit: what the checksum should be and what it is differ by what that bit alone makes of it. A bit may also have made
//! another letter of a line's end, or a line's end of a letter, or be in the checksum itself. What is put right is read as a
//! whole again; where more than one bit is wrong nothing fits, and the manifest is damaged.

use crate::manifest::parse_line;

/// The polynomial of CRC-32C, its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// How long the checksum and the space behind it are.
const HEAD: usize = 9;

/// The place of the byte that is wrong, and what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mended {
    pub at: usize,
    pub byte: u8,
}

/// Looks for the one bit that is wrong in these lines; `None` if there is none, or it is not one alone.
pub(crate) fn find(bytes: &[u8]) -> Option<Mended> {
    let mut from = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let (to, whole) = (from + line.len(), line.strip_suffix(b"\n"));
        match whole {
            Some(whole) if parse_line(whole).is_ok() => from = to,
            Some(whole) => {
                return in_line(whole).map(|found| found.behind(from)).or_else(|| across(bytes, from, to));
            }
            // A last line without an end is one that was not committed, unless only its end is another letter.
            None => return ended(line).map(|found| found.behind(from)),
        }
    }
    None
}

impl Mended {
    fn behind(self, from: usize) -> Self {
        Self { at: self.at + from, ..self }
    }
}

/// A bit inside a line that ends where it should.
fn in_line(line: &[u8]) -> Option<Mended> {
    let (head, json) = line.split_at_checked(HEAD)?;
    let right = crc32c::crc32c(json);
    let written = format!("{right:08x} ");
    let mut differ =
        head.iter().zip(written.bytes()).enumerate().filter(|(_, (found, right))| **found != *right);
    if let (Some((at, (found, right))), None) = (differ.next(), differ.next())
        && is_one_bit(*found, right)
    {
        return Some(Mended { at, byte: right });
    }
    in_json(head, json, right).or_else(|| merged(line))
}

/// A bit of the JSON: the checksum says which.
fn in_json(head: &[u8], json: &[u8], found: u32) -> Option<Mended> {
    let syndrome = checksum(head)? ^ found;
    // What a bit makes of the checksum depends only on how many bits follow it.
    let mut made = POLYNOMIAL;
    for (at, byte) in json.iter().enumerate().rev() {
        for bit in (0..8).rev() {
            if made == syndrome {
                return Some(Mended { at: HEAD + at, byte: byte ^ (1 << bit) });
            }
            made = (made >> 1) ^ if made & 1 == 1 { POLYNOMIAL } else { 0 };
        }
    }
    None
}

/// Two lines whose end between them became another letter: what stands before it has the checksum at its beginning.
fn merged(line: &[u8]) -> Option<Mended> {
    let (head, json) = line.split_at_checked(HEAD)?;
    let expected = checksum(head)?;
    let (mut crc, mut done) = (0, 0);
    for (at, byte) in json.iter().enumerate().filter(|(_, byte)| is_one_bit(**byte, b'\n')) {
        crc = crc32c::crc32c_append(crc, json.get(done..at)?);
        done = at;
        if crc == expected {
            return Some(Mended { at: HEAD + at, byte: *byte }).map(|found| Mended { byte: b'\n', ..found });
        }
    }
    None
}

/// A letter of a line became an end: with the one that follows it is a line again.
fn across(bytes: &[u8], from: usize, to: usize) -> Option<Mended> {
    let rest = bytes.get(to..)?;
    let end = to + rest.iter().position(|byte| *byte == b'\n')?;
    let mut line = bytes.get(from..end)?.to_vec();
    let at = (to - from).checked_sub(1)?;
    (0..8).map(|bit| b'\n' ^ (1 << bit)).find_map(|byte| {
        *line.get_mut(at)? = byte;
        parse_line(&line).is_ok().then_some(Mended { at: from + at, byte })
    })
}

/// A last line that is whole, but for its end.
fn ended(line: &[u8]) -> Option<Mended> {
    let (last, rest) = line.split_last()?;
    (is_one_bit(*last, b'\n') && parse_line(rest).is_ok()).then_some(Mended { at: rest.len(), byte: b'\n' })
}

fn checksum(head: &[u8]) -> Option<u32> {
    let (digits, space) = head.split_at_checked(8)?;
    let text = std::str::from_utf8(digits).ok().filter(|_| space == b" ")?;
    u32::from_str_radix(text, 16).ok()
}

fn is_one_bit(a: u8, b: u8) -> bool {
    (a ^ b).is_power_of_two()
}
