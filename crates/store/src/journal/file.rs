//! Files of the journal: frames one after the other, each with its length, sequence and checksums.
//!
//! Reading never trusts a length that its own checksum does not vouch for. Where bytes are not a whole frame,
//! the reader looks for the next one: if there is one, what lies between is damage, and is reported; if there is
//! none, the file was torn there by a crash, and everything before the tear counts.

use super::account::Origin;
use super::frame::Frame;
use super::header::{Format, Header, MARK, Version, file_header};
use super::maker::Maker;
use super::summary::Summary;
use crate::Error;
use bytes::Bytes;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use weir_flow::Batch;
use weir_flow::health::{self, Counter};

/// Why rows are discarded whose frame is damaged.
const DAMAGED: &str = "journal_damaged";

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

/// Reads a whole journal file.
pub(crate) fn read(path: &Path) -> Result<Contents, Error> {
    let bytes = fs::read(path).map_err(Error::doing(path, "read"))?;
    Ok(scan(path, &Bytes::from(bytes)))
}

pub(super) fn scan(path: &Path, bytes: &Bytes) -> Contents {
    let mut contents = Contents::default();
    let (format, mut at) = match Format::parse(bytes) {
        Ok(found) => found,
        // A file that a crash left before its header was whole has no frames; nor has one of zeros, where the
        // length was noted and the data was not.
        Err(_) if file_header().starts_with(bytes) || bytes.iter().all(|b| *b == 0) => {
            contents.torn = bytes.len() as u64;
            return contents;
        }
        Err(how) => {
            let format = Format::assumed(bytes);
            let at = next_frame(bytes, 0, format.version).unwrap_or(bytes.len());
            contents.report(path, 0..at, how);
            (format, at)
        }
    };
    contents.good = at as u64;
    while at < bytes.len() {
        match frame_at(bytes, at, &format) {
            Ok((frame, end)) => {
                contents.frames.push(frame);
                at = end;
                contents.good = at as u64;
            }
            Err(how) => match next_frame(bytes, at + 1, format.version) {
                // Its last frame may be one that a loss of power left half written, and was never durable; of any other the
                // rows were there once.
                Some(next) => {
                    let left = without_rows(bytes, at, &format).filter(|(_, end)| *end <= next);
                    contents.report(path, at..next, how);
                    contents.frames.extend(left.map(|(frame, _)| frame));
                    at = next;
                }
                None => {
                    contents.tail(path, bytes, at, how, format.version);
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
    fn tail(&mut self, path: &Path, bytes: &[u8], at: usize, how: String, version: Version) {
        let rest = bytes.get(at..).unwrap_or_default();
        self.torn = rest.len() as u64;
        let header_bytes = version.header_bytes();
        let cut_short = match Header::parse(rest, version) {
            Some(header) => rest.len() < header_bytes.saturating_add(header.bytes),
            None => rest.len() < header_bytes && MARK.starts_with(rest.get(..4).unwrap_or(rest)),
        };
        let unwritten = rest.iter().all(|b| *b == 0);
        if !cut_short && !unwritten {
            self.report(path, at..bytes.len(), how);
        }
    }
}

/// The frame that begins here, and where it ends.
fn frame_at(bytes: &Bytes, at: usize, format: &Format) -> Result<(Frame, usize), String> {
    let rest = bytes.get(at..).unwrap_or_default();
    let header = Header::parse(rest, format.version).ok_or("no frame begins here")?;
    let start = at + format.version.header_bytes();
    let end = start.checked_add(header.bytes).filter(|end| *end <= bytes.len());
    let end = end.ok_or("a frame is cut short")?;
    let payload = bytes.slice(start..end);
    let sequence = header.sequence;
    if !header.vouches_for(&payload) {
        return Err(format!("the checksum of frame {sequence} is wrong"));
    }
    if header.schema != format.schema {
        return Err(format!("frame {sequence} has columns that the file's header does not name"));
    }
    let frame = match format.version {
        Version::V2 => Frame::parse_v2(sequence, payload, &format.columns),
        Version::V3 | Version::V4 => {
            let rows = payload.slice(header.summary_bytes..);
            Summary::parse(payload.slice(..header.summary_bytes), Origin::File)
                .and_then(|summary| Frame::parse(sequence, summary, rows, &format.columns))
        }
    };
    Ok((frame.map_err(|how| format!("frame {sequence} cannot be read: {how}"))?, end))
}

/// What is left of a frame whose rows are damaged and whose summary is not, and where it ends: everything but the rows, which
/// are counted as discarded. So what was decoded is still the sum of what is stored and what is not.
fn without_rows(bytes: &Bytes, at: usize, format: &Format) -> Option<(Frame, usize)> {
    let header = Header::parse(bytes.get(at..)?, format.version).filter(|h| h.schema == format.schema)?;
    if format.version == Version::V2 {
        return None;
    }
    let start = at + format.version.header_bytes();
    let end = start.checked_add(header.bytes).filter(|end| *end <= bytes.len())?;
    let summary = bytes.slice(start..start.checked_add(header.summary_bytes)?);
    let summary =
        header.vouches_for_summary(&summary).then(|| Summary::parse(summary, Origin::File))?.ok()?;
    let mut batch = Batch::new();
    batch.health = summary.health();
    let discarded: Vec<health::Row> = batch.health.iter().filter_map(discarded).collect();
    batch.health.extend(discarded);
    batch.memory = summary.memory();
    batch.counters = summary.counters();
    batch.rescales = summary.rescales();
    Some((Maker::new().frame(header.sequence, &batch).ok()?, end))
}

/// The count of what is discarded of what was decoded, if it is one that rows add up to.
fn discarded(row: &health::Row) -> Option<health::Row> {
    let counter = match row.counter() {
        (Some(Counter::Flows), None) => Counter::DiscardedFlows,
        (Some(Counter::Octets), None) => Counter::DiscardedOctets,
        (Some(Counter::Packets), None) => Counter::DiscardedPackets,
        _ => return None,
    };
    Some(health::Row { what: format!("{}:{DAMAGED}", counter.name()).into(), ..row.clone() })
}

/// Where the next whole frame begins, from here on.
fn next_frame(bytes: &Bytes, from: usize, version: Version) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        let found = at + rest.windows(MARK.len()).position(|w| w == MARK)?;
        if let Some(header) = Header::parse(bytes.get(found..)?, version) {
            let start = found + version.header_bytes();
            let payload = start.checked_add(header.bytes).and_then(|end| bytes.get(start..end));
            if payload.is_some_and(|payload| header.vouches_for(payload)) {
                return Some(found);
            }
        }
        at = found + 1;
    }
}
