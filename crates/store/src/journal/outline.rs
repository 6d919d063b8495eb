//! A journal file as readers see it that mostly want no rows: the summary of each frame, and where its rows are.
//!
//! The file stays open: its rows can be read when it has been sealed and removed meanwhile. Whatever is not as it
//! should be makes the whole file be read, as the writer reads it, so that damage is told alike.

use super::account::Origin;
use super::file::{Damage, scan};
use super::frame::Frame;
use super::header::{Format, Header, Version};
use super::summary::Summary;
use crate::Error;
use bytes::Bytes;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A frame of which the rows may not have been read.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    /// Its place in the order of all frames, from 1.
    pub sequence: u64,
    /// What it says without its rows.
    pub summary: Summary,
    rows: Rows,
}

/// Where the rows of a frame are.
#[derive(Clone, Debug)]
enum Rows {
    Here(Arc<Frame>),
    InFile { file: Arc<Open>, header: Header, at: u64 },
}

/// A journal file, open.
#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    format: Format,
}

/// What readers see of a journal file.
#[derive(Debug, Default)]
pub(crate) struct Outlines {
    pub frames: Vec<Outline>,
    /// What was passed over.
    pub damage: Vec<Damage>,
}

impl Outline {
    fn of_frame(frame: Frame) -> Self {
        let (sequence, summary) = (frame.sequence, frame.summary.clone());
        Self { sequence, summary, rows: Rows::Here(Arc::new(frame)) }
    }

    /// The frame with its rows, which are checked by their checksum.
    pub(crate) fn frame(&self) -> Result<Arc<Frame>, Error> {
        match &self.rows {
            Rows::Here(frame) => Ok(Arc::clone(frame)),
            Rows::InFile { file, header, at } => {
                let rows = file.rows(header, *at)?;
                let bad = |how| Error::damaged(&file.path, how);
                let Some(rows) = rows else {
                    return Err(bad(format!("the checksum of the rows of frame {} is wrong", self.sequence)));
                };
                let frame = Frame::parse(self.sequence, self.summary.clone(), rows, &file.format.columns);
                let unread = |how| bad(format!("frame {} cannot be read: {how}", self.sequence));
                frame.map(Arc::new).map_err(unread)
            }
        }
    }

    /// All that it says without its rows, the accounts of hosts among it: those are read now.
    pub(crate) fn whole_summary(&self) -> Result<Summary, Error> {
        let Rows::InFile { file, header, at } = &self.rows else { return Ok(self.summary.clone()) };
        let bad = |how: &str| {
            Error::damaged(
                &file.path,
                format!("the summary of frame {} cannot be read: {how}", self.sequence),
            )
        };
        let bytes = file.read_at(*at + file.format.version.header_bytes() as u64, header.summary_bytes)?;
        if !header.vouches_for_summary(&bytes) {
            return Err(bad("its checksum is wrong"));
        }
        Summary::parse(Bytes::from(bytes), Origin::File).map_err(|how| bad(&how))
    }

    /// Whether the rows are what was written.
    fn is_whole(&self) -> bool {
        match &self.rows {
            Rows::Here(_) => true,
            Rows::InFile { file, header, at } => file.rows(header, *at).is_ok_and(|rows| rows.is_some()),
        }
    }
}

impl Open {
    fn read_at(&self, at: u64, len: usize) -> Result<Vec<u8>, Error> {
        read_at(&self.file, &self.path, at, len)
    }

    /// The rows of a frame that begins here; `None` if they are not what was written.
    fn rows(&self, header: &Header, at: u64) -> Result<Option<Bytes>, Error> {
        let start = at + (self.format.version.header_bytes() + header.summary_bytes) as u64;
        let rows = self.read_at(start, header.bytes.saturating_sub(header.summary_bytes))?;
        Ok(header.vouches_for_rows(&rows).then(|| Bytes::from(rows)))
    }

    /// The frame that begins here; `None` if there is anything wrong with it.
    /// `buffer` is used again for every one: fresh memory costs more than what is read into it.
    fn outline(
        self: &Arc<Self>,
        at: u64,
        len: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<(Outline, u64)>, Error> {
        let header_bytes = self.format.version.header_bytes();
        if len - at < header_bytes as u64 {
            return Ok(None);
        }
        let header = Header::parse(&self.read_at(at, header_bytes)?, self.format.version);
        let Some(header) = header.filter(|header| header.schema == self.format.schema) else {
            return Ok(None);
        };
        let start = at + header_bytes as u64;
        let end = start.saturating_add(header.bytes as u64);
        if end > len {
            return Ok(None);
        }
        buffer.resize(header.summary_bytes, 0);
        self.file.read_exact_at(buffer, start).map_err(Error::doing(&self.path, "read"))?;
        if !header.vouches_for_summary(buffer) {
            return Ok(None);
        }
        let Ok(summary) = Summary::parse_cut(buffer) else { return Ok(None) };
        let rows = Rows::InFile { file: Arc::clone(self), header, at };
        Ok(Some((Outline { sequence: header.sequence, summary, rows }, end)))
    }
}

fn read_at(file: &File, path: &Path, at: u64, len: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, at).map_err(Error::doing(path, "read"))?;
    Ok(bytes)
}

/// Reads the summaries of a journal file.
pub(crate) fn outline(path: &Path) -> Result<Outlines, Error> {
    let mut file = File::open(path).map_err(Error::doing(path, "read"))?;
    let len = file.metadata().map_err(Error::doing(path, "read"))?.len();
    if let Some(frames) = summaries(&file, path, len)? {
        return Ok(Outlines { frames, damage: Vec::new() });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Error::doing(path, "read"))?;
    let contents = scan(path, &Bytes::from(bytes));
    let frames = contents.frames.into_iter().map(Outline::of_frame).collect();
    Ok(Outlines { frames, damage: contents.damage })
}

/// The summaries of a file of which every frame is whole as far as can be told without reading rows; else `None`.
fn summaries(file: &File, path: &Path, len: u64) -> Result<Option<Vec<Outline>>, Error> {
    let Some(format) = format(file, path, len)? else { return Ok(None) };
    let (format, mut at) = format;
    let file = file.try_clone().map_err(Error::doing(path, "read"))?;
    let file = Arc::new(Open { path: path.to_path_buf(), file, format });
    let (mut frames, mut buffer) = (Vec::new(), Vec::new());
    while at < len {
        let Some((frame, end)) = file.outline(at, len, &mut buffer)? else { return Ok(None) };
        frames.push(frame);
        at = end;
    }
    // A power failure leaves the length of what it took: that is seen where the file ends.
    Ok(frames.last().is_none_or(Outline::is_whole).then_some(frames))
}

/// How the file is to be read, and where its frames begin; `None` if it must be read whole.
fn format(file: &File, path: &Path, len: u64) -> Result<Option<(Format, u64)>, Error> {
    let begin = |bytes: u64| read_at(file, path, 0, usize::try_from(bytes.min(len)).unwrap_or(usize::MAX));
    let Some(header) = Format::header_bytes(&begin(12)?) else { return Ok(None) };
    let header = begin(header as u64)?;
    let format = Format::parse(&header).ok().filter(|(format, _)| format.version != Version::V2);
    Ok(format.map(|(format, at)| (format, at as u64)))
}
