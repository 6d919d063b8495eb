//! Makes batches into frames, in memory that is used again.

use super::encode;
use super::frame::Frame;
use super::header::{self, HEADER};
use super::summary;
use crate::bins::Gather;
use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use weir_flow::Batch;

/// Memory of frames that are no longer needed is kept for the next ones up to so many bytes: fresh memory costs a
/// page fault every 4 KiB, which is more than writing it. A daemon is idle for long, and keeps less.
const SPARE_BYTES: usize = 16 << 20;
/// An import needs it again at once.
const SPARE_BYTES_IMPORT: usize = 160 << 20;

/// The memory of frames: lent to them, and taken back when nobody has them any more.
#[derive(Debug, Default)]
struct Pool {
    spare: Mutex<Vec<Vec<u8>>>,
    spare_bytes: AtomicUsize,
    spare_bytes_max: usize,
    lent_bytes: AtomicUsize,
}

/// A frame's memory, on loan.
struct Loan {
    bytes: Vec<u8>,
    pool: Arc<Pool>,
}

impl AsRef<[u8]> for Loan {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let capacity = bytes.capacity();
        self.pool.lent_bytes.fetch_sub(capacity, Ordering::Relaxed);
        if self.pool.spare_bytes.load(Ordering::Relaxed) + capacity <= self.pool.spare_bytes_max
            && let Ok(mut spare) = self.pool.spare.lock()
        {
            self.pool.spare_bytes.fetch_add(capacity, Ordering::Relaxed);
            spare.push(bytes);
        }
    }
}

/// Makes batches into frames.
#[derive(Debug)]
pub(crate) struct Maker {
    gather: Gather,
    pool: Arc<Pool>,
    /// What the frame before took: the next one takes about as much.
    last_bytes: usize,
    /// Frames may be kept in memory up to so many bytes.
    held_bytes: usize,
}

impl Maker {
    /// For frames that are kept nowhere.
    pub(crate) fn new() -> Self {
        Self::holding(0)
    }

    /// For what is journaled. Frames may be kept in memory up to so many bytes.
    pub(crate) fn holding(held_bytes: usize) -> Self {
        Self { held_bytes, ..Self::keeping(SPARE_BYTES) }
    }

    /// For an import.
    pub(crate) fn of_import() -> Self {
        Self::keeping(SPARE_BYTES_IMPORT)
    }

    fn keeping(spare_bytes_max: usize) -> Self {
        let pool = Pool { spare_bytes_max, ..Pool::default() };
        Self { gather: Gather::default(), pool: Arc::new(pool), last_bytes: 0, held_bytes: 0 }
    }

    /// Whether one more frame may be kept in memory.
    pub(crate) fn may_hold(&self) -> bool {
        self.lent_bytes() <= self.held_bytes
    }

    /// A frame that is in no journal. An error says what is wrong with the batch.
    pub(crate) fn frame(&mut self, sequence: u64, batch: &Batch) -> Result<Frame, String> {
        let mut bytes = self.borrow();
        let split = parts(batch, &mut self.gather, &mut bytes)?;
        let bytes = self.lend(bytes);
        Frame::own(sequence, bytes.slice(..split), bytes.slice(split..))
    }

    /// A frame, and all its bytes as a journal has them.
    pub(crate) fn journal_frame(
        &mut self,
        sequence: u64,
        schema: u32,
        batch: &Batch,
    ) -> Result<(Frame, Bytes), String> {
        let mut bytes = self.borrow();
        let split = encode_frame(sequence, schema, batch, &mut self.gather, &mut bytes)?;
        let bytes = self.lend(bytes);
        let frame = Frame::own(sequence, bytes.slice(HEADER..split), bytes.slice(split..))?;
        Ok((frame, bytes))
    }

    /// Bytes of the frames made here that somebody still has.
    pub(crate) fn lent_bytes(&self) -> usize {
        self.pool.lent_bytes.load(Ordering::Relaxed)
    }

    fn borrow(&self) -> Vec<u8> {
        let spare = self.pool.spare.lock().ok().and_then(|mut spare| spare.pop());
        let mut bytes = spare.unwrap_or_default();
        if bytes.capacity() > 0 {
            self.pool.spare_bytes.fetch_sub(bytes.capacity(), Ordering::Relaxed);
        }
        bytes.clear();
        bytes.reserve(self.last_bytes + self.last_bytes / 16);
        bytes
    }

    fn lend(&mut self, bytes: Vec<u8>) -> Bytes {
        self.last_bytes = bytes.len();
        self.pool.lent_bytes.fetch_add(bytes.capacity(), Ordering::Relaxed);
        Bytes::from_owner(Loan { bytes, pool: Arc::clone(&self.pool) })
    }
}

/// Appends the two parts of a frame; returns where the rows begin.
fn parts(batch: &Batch, gather: &mut Gather, out: &mut Vec<u8>) -> Result<usize, String> {
    let are_few = gather.take(batch);
    summary::put(batch, Some(&*gather).filter(|_| are_few), out)?;
    let split = out.len();
    encode::encode(batch, out)?;
    Ok(split)
}

/// Appends a whole frame with its header; returns where the rows begin. An error says what is wrong with the
/// batch; then `out` is as it was.
pub(super) fn encode_frame(
    sequence: u64,
    schema: u32,
    batch: &Batch,
    gather: &mut Gather,
    out: &mut Vec<u8>,
) -> Result<usize, String> {
    let base = out.len();
    out.resize(base + HEADER, 0);
    let result = parts(batch, gather, out).and_then(|split| {
        let summary = out.get(base + HEADER..split).unwrap_or_default();
        let rows = out.get(split..).unwrap_or_default();
        let header = header::header(sequence, schema, summary, rows)?;
        if let Some(slot) = out.get_mut(base..base + HEADER) {
            slot.copy_from_slice(&header);
        }
        Ok(split)
    });
    if result.is_err() {
        out.truncate(base);
    }
    result
}
