//! Files of the journal: frames one after the other, each with its length, sequence and checksums.
//!
//! Reading never trusts a length that its own checksum does not vouch for. Where bytes are not a whole frame,
//! the reader looks for the next one: if there is one, what lies between is damage, and is reported; if there is
//! none, the file was torn there by a crash, and everything before the tear counts.

use super::encode::{self, schema_text};
use super::frame::Frame;
use crate::Error;
use bytes::Bytes;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use weir_flow::Batch;
use weir_flow::schema::{COLUMNS, Column};

/// How every journal file begins; the last byte is the version of the format.
const MAGIC: [u8; 8] = *b"WEIRWAL\x02";
/// How every frame begins.
const MARK: [u8; 4] = [0xf5, b'w', b'f', 0x0a];
/// Length of a frame's header: mark, length, sequence, schema, checksum of the payload, checksum of the header.
pub(crate) const HEADER: usize = 28;

/// Damage that was found and passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The bytes that are not what was written.
    pub bytes: Range<u64>,
    /// What is wrong there.
    pub how: String,
}

/// What a journal file holds.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The whole frames, in the order of the file.
    pub frames: Vec<Frame>,
    /// What was passed over.
    pub damage: Vec<Damage>,
    /// Where the last whole frame ends; what follows (if `torn` says that anything does) is a torn tail.
    pub good: u64,
    /// How many bytes of a torn tail follow.
    pub torn: u64,
}

/// The bytes a new file begins with.
pub(crate) fn file_header() -> Vec<u8> {
    let text = schema_text();
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out
}

/// What stands for the schema in every frame's header.
pub(crate) fn schema_crc() -> u32 {
    crc32c::crc32c(schema_text().as_bytes())
}

/// Writes a whole frame, header and payload. An error says what is wrong with the batch; then `out` is as it was.
pub(crate) fn encode_frame(
    sequence: u64,
    schema: u32,
    batch: &Batch,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let base = out.len();
    out.resize(base + HEADER, 0);
    let result = encode::encode(batch, out).and_then(|()| {
        let payload = out.get(base + HEADER..).unwrap_or_default();
        let len = u32::try_from(payload.len()).map_err(|_| "it is larger than 4 GiB".to_owned())?;
        let header = header(len, sequence, schema, crc32c::crc32c(payload));
        if let Some(slot) = out.get_mut(base..base + HEADER) {
            slot.copy_from_slice(&header);
        }
        Ok(())
    });
    if result.is_err() {
        out.truncate(base);
    }
    result
}

fn header(len: u32, sequence: u64, schema: u32, payload_crc: u32) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    let parts = [
        &MARK[..],
        &len.to_le_bytes(),
        &sequence.to_le_bytes(),
        &schema.to_le_bytes(),
        &payload_crc.to_le_bytes(),
    ];
    let without_crc = parts.concat();
    let crc = crc32c::crc32c(&without_crc).to_le_bytes();
    for (slot, byte) in out.iter_mut().zip(without_crc.iter().chain(&crc)) {
        *slot = *byte;
    }
    out
}

/// A frame's header, its own checksum checked.
struct Header {
    len: usize,
    sequence: u64,
    schema: u32,
    payload_crc: u32,
}

fn parse_header(bytes: &[u8]) -> Option<Header> {
    let header = bytes.first_chunk::<HEADER>()?;
    let (body, crc) = header.split_last_chunk::<4>()?;
    let rest = body.strip_prefix(&MARK)?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (sequence, rest) = rest.split_first_chunk::<8>()?;
    let (schema, rest) = rest.split_first_chunk::<4>()?;
    Some(Header {
        len: usize::try_from(u32::from_le_bytes(*len)).ok()?,
        sequence: u64::from_le_bytes(*sequence),
        schema: u32::from_le_bytes(*schema),
        payload_crc: u32::from_le_bytes(*rest.first_chunk::<4>()?),
    })
}

/// Reads a whole journal file.
pub(crate) fn read(path: &Path) -> Result<Contents, Error> {
    let bytes = fs::read(path).map_err(Error::doing(path, "read"))?;
    Ok(scan(path, &Bytes::from(bytes)))
}

/// What this file's frames call their columns: the schema's checksum, and the columns in order.
struct Schema {
    crc: u32,
    columns: Vec<Column>,
}

impl Schema {
    /// The one this program writes, for files whose header is damaged.
    fn current() -> Self {
        Self { crc: schema_crc(), columns: COLUMNS.iter().map(|d| d.column).collect() }
    }
}

/// The schema, and where the first frame begins.
fn parse_file_header(bytes: &[u8]) -> Result<(Schema, usize), String> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or("it does not begin as a journal of this version does")?;
    let (len, rest) = rest.split_first_chunk::<4>().ok_or("its header is cut short")?;
    let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| "its header is too long")?;
    let (text, rest) = rest.split_at_checked(len).ok_or("its header is cut short")?;
    let crc = rest.first_chunk::<4>().ok_or("its header is cut short")?;
    let end = MAGIC.len() + 4 + len;
    if crc32c::crc32c(bytes.get(..end).unwrap_or_default()) != u32::from_le_bytes(*crc) {
        return Err("the checksum of its header is wrong".to_owned());
    }
    let ours = schema_text();
    let known: Vec<&str> = ours.lines().collect();
    let mut columns = Vec::new();
    for line in std::str::from_utf8(text).map_err(|_| "its header is not text")?.lines() {
        let column = known.iter().position(|k| is_readable(line, k)).and_then(|at| COLUMNS.get(at));
        columns.push(
            column.ok_or_else(|| format!("it has a column `{line}` that this weir does not know"))?.column,
        );
    }
    Ok((Schema { crc: crc32c::crc32c(text), columns }, end + 4))
}

/// Whether a column of this line of a schema is the one of ours: the same, or of words of which we know more.
fn is_readable(theirs: &str, ours: &str) -> bool {
    let words = |line: &str| line.strip_suffix(')').filter(|line| line.contains("word(")).map(str::to_owned);
    match (words(theirs), words(ours)) {
        (Some(theirs), Some(ours)) => {
            ours.strip_prefix(&theirs).is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
        }
        _ => theirs == ours,
    }
}

fn scan(path: &Path, bytes: &Bytes) -> Contents {
    let mut contents = Contents::default();
    let (schema, mut at) = match parse_file_header(bytes) {
        Ok(found) => found,
        // A file that a crash left before its header was whole has no frames; nor has one of zeros, where the
        // length was noted and the data was not.
        Err(_) if file_header().starts_with(bytes) || bytes.iter().all(|b| *b == 0) => {
            contents.torn = bytes.len() as u64;
            return contents;
        }
        Err(how) => {
            let at = next_frame(bytes, 0).unwrap_or(bytes.len());
            contents.report(path, 0..at, how);
            (Schema::current(), at)
        }
    };
    contents.good = at as u64;
    while at < bytes.len() {
        match frame_at(bytes, at, &schema) {
            Ok((frame, end)) => {
                contents.frames.push(frame);
                at = end;
                contents.good = at as u64;
            }
            Err(how) => match next_frame(bytes, at + 1) {
                Some(next) => {
                    contents.report(path, at..next, how);
                    at = next;
                }
                None => {
                    contents.tail(path, bytes, at, how);
                    break;
                }
            },
        }
    }
    contents
}

impl Contents {
    fn report(&mut self, path: &Path, bytes: Range<usize>, how: String) {
        let bytes = bytes.start as u64..bytes.end as u64;
        self.damage.push(Damage { path: path.to_path_buf(), bytes, how });
    }

    /// What follows the last whole frame. A write that a crash cut short leaves a proper beginning, or zeros
    /// where the length was noted and the data was not; anything else is damage.
    fn tail(&mut self, path: &Path, bytes: &[u8], at: usize, how: String) {
        let rest = bytes.get(at..).unwrap_or_default();
        self.torn = rest.len() as u64;
        let cut_short = match parse_header(rest) {
            Some(header) => rest.len() < HEADER.saturating_add(header.len),
            None => rest.len() < HEADER && MARK.starts_with(rest.get(..4).unwrap_or(rest)),
        };
        let unwritten = rest.iter().all(|b| *b == 0);
        if !cut_short && !unwritten {
            self.report(path, at..bytes.len(), how);
        }
    }
}

/// The frame that begins here, and where it ends.
fn frame_at(bytes: &Bytes, at: usize, schema: &Schema) -> Result<(Frame, usize), String> {
    let header = parse_header(bytes.get(at..).unwrap_or_default()).ok_or("no frame begins here")?;
    let start = at + HEADER;
    let end = start.checked_add(header.len).filter(|end| *end <= bytes.len());
    let end = end.ok_or("a frame is cut short")?;
    let payload = bytes.slice(start..end);
    if crc32c::crc32c(&payload) != header.payload_crc {
        return Err(format!("the checksum of frame {} is wrong", header.sequence));
    }
    if header.schema != schema.crc {
        return Err(format!("frame {} has columns that the file's header does not name", header.sequence));
    }
    let frame = Frame::parse(header.sequence, payload, &schema.columns)
        .map_err(|how| format!("frame {} cannot be read: {how}", header.sequence))?;
    Ok((frame, end))
}

/// Where the next whole frame begins, from here on.
fn next_frame(bytes: &Bytes, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        let found = at + rest.windows(MARK.len()).position(|w| w == MARK)?;
        if let Some(header) = parse_header(bytes.get(found..)?) {
            let start = found + HEADER;
            let payload = start.checked_add(header.len).and_then(|end| bytes.get(start..end));
            if payload.is_some_and(|p| crc32c::crc32c(p) == header.payload_crc) {
                return Some(found);
            }
        }
        at = found + 1;
    }
}
