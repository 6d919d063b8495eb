//! Capture files, read piece by piece: [`pcap`] and [`pcapng`]. And what other collectors keep: [`nfcapd`] and
//! [`flowtools`] have records instead of frames, and readers of their own.
//!
//! [`Reader`] is a state machine without input of its own. The caller holds a buffer, shows it what is there,
//! and drops from the front what was consumed; a whole file in one slice is the case of a buffer that is
//! complete from the start ([`frames`]).
//!
//! ```text
//! loop {
//!     match reader.next(&buffer)? {
//!         Next::Frame { consumed, frame } => { use frame; drop consumed octets }
//!         Next::Skip { consumed, problem } => { count problem, if any; drop consumed octets }
//!         Next::More { needed } => read until the buffer holds `needed`; at end of file: the file is cut short
//!         Next::End => read on; at end of file: the file ends where it may
//!     }
//! }
//! ```
//! What the reader never does: hold a frame, allocate, or ask for more than [`BLOCK_BYTES_MAX`] at once.

pub mod flowtools;
pub mod lzo;
pub mod nfcapd;
mod order;
pub mod pcap;
pub mod pcapng;

use crate::error::{Error, Reason};
use crate::packet::Link;
pub use order::Order;

/// Octets of a frame that are accepted: twice the largest packet that segmentation offload makes today
/// (512 KiB), so that a file cannot make its reader buffer more.
pub const FRAME_BYTES_MAX: u32 = 1 << 20;
/// Octets of a block that must be seen whole: a frame, and as much again for its options.
pub const BLOCK_BYTES_MAX: u32 = FRAME_BYTES_MAX * 2;

/// Formats of capture files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// libpcap's classic format, with times in micro- or nanoseconds.
    Pcap,
    /// The block format of today.
    Pcapng,
}

/// Tells the format of a file by its first four octets.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<Kind> {
    let magic = *bytes.first_chunk::<4>()?;
    if pcap::Header::magic(magic).is_some() {
        Some(Kind::Pcap)
    } else if magic == pcapng::SECTION_HEADER.to_be_bytes() {
        Some(Kind::Pcapng)
    } else {
        None
    }
}

/// A captured frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it was captured: nanoseconds since 1970-01-01 00:00 UTC. `None` where the file does not say.
    pub at_ns: Option<u64>,
    /// What it begins with.
    pub link: Link,
    /// The interface it was captured on, counted from 0 in its section; always 0 in a pcap file.
    pub interface: u32,
    /// Octets it had on the wire, as the file says.
    pub orig_len: u32,
    /// Octets from the start of the file to `bytes`.
    pub offset: u64,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

/// What stands at the front of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    /// A frame.
    Frame {
        /// Octets to drop from the front of the buffer.
        consumed: usize,
        /// The frame.
        frame: Frame<'a>,
    },
    /// Something that is no frame, or a frame that cannot be used.
    Skip {
        /// Octets to drop from the front of the buffer; at least 1.
        consumed: usize,
        /// Set if it should have been a frame.
        problem: Option<Error>,
    },
    /// The buffer ends inside something.
    More {
        /// Octets that the buffer must hold, those there now included, before it is worth calling again.
        needed: usize,
    },
    /// The buffer is empty at a place where a file may end.
    End,
}

/// Reads any kind of capture file.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    state: State,
}

#[derive(Debug, Clone, Default)]
#[expect(clippy::large_enum_variant, reason = "one per file, and boxing needs an allocator")]
enum State {
    #[default]
    Start,
    Pcap(pcap::Reader),
    Pcapng(pcapng::Reader),
}

impl Reader {
    /// A reader at the start of a file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The format, once the first octets have been seen.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        match self.state {
            State::Start => None,
            State::Pcap(_) => Some(Kind::Pcap),
            State::Pcapng(_) => Some(Kind::Pcapng),
        }
    }

    /// Reads what stands at the front of `buf`, where the last call's consumed octets have been dropped.
    ///
    /// # Errors
    /// What makes the rest of the file unreadable: [`Reason::BadMagic`], [`Reason::BadVersion`],
    /// [`Reason::BadBlock`], [`Reason::LimitExceeded`]. The offset counts from the start of the file.
    pub fn next<'a>(&mut self, buf: &'a [u8]) -> Result<Next<'a>, Error> {
        match &mut self.state {
            State::Pcap(reader) => reader.next(buf),
            State::Pcapng(reader) => reader.next(buf),
            State::Start if buf.len() < 4 => Ok(Next::More { needed: 4 }),
            State::Start => {
                self.state = match detect(buf).ok_or(Error::new(Reason::BadMagic, 0))? {
                    Kind::Pcap => State::Pcap(pcap::Reader::new()),
                    Kind::Pcapng => State::Pcapng(pcapng::Reader::new()),
                };
                self.next(buf)
            }
        }
    }
}

/// The frames of a whole file.
///
/// A frame that cannot be used is an `Err` and iteration goes on; a file that cannot be read further, or ends
/// inside a frame ([`Reason::Truncated`]), gives a last `Err`.
#[must_use]
pub fn frames(file: &[u8]) -> Frames<'_> {
    Frames { reader: Reader::new(), rest: file, offset: 0, done: false }
}

/// Iterator of [`frames`].
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    reader: Reader,
    rest: &'a [u8],
    offset: usize,
    done: bool,
}

impl Frames<'_> {
    fn drop_front(&mut self, consumed: usize) {
        self.rest = self.rest.get(consumed..).unwrap_or_default();
        self.offset = self.offset.saturating_add(consumed);
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            match self.reader.next(self.rest) {
                Ok(Next::Frame { consumed, frame }) => {
                    self.drop_front(consumed);
                    return Some(Ok(frame));
                }
                Ok(Next::Skip { consumed, problem }) => {
                    self.drop_front(consumed);
                    if let Some(error) = problem {
                        return Some(Err(error));
                    }
                }
                Ok(Next::More { .. }) => {
                    self.done = true;
                    let end = self.offset.saturating_add(self.rest.len());
                    return Some(Err(Error::new(Reason::Truncated, end)));
                }
                Ok(Next::End) => self.done = true,
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
