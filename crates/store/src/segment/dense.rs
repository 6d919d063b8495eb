//! A column of all frames, brought together in the order the rows came, in vectors that are used again for the
//! next column. A column that all frames have one value of is that one value.

use super::chunk::Slice;
use super::rows::Rows;
use crate::journal::{Frame, Raw};
use weir_flow::schema::{Column, Kind};
use weir_flow::{Addr, Values};

/// The vectors, by the type of their values.
#[derive(Default)]
pub(crate) struct Dense {
    u8: Vec<u8>,
    u16: Vec<u16>,
    u32: Vec<u32>,
    u64: Vec<u64>,
    time: Vec<i64>,
    addr: Vec<Addr>,
}

/// Whether no row has a value in a column, or all frames say that all their rows have the same one. (Names are
/// places, which mean something else in each frame.)
pub(crate) fn is_constant(frames: &[Frame], column: Column) -> bool {
    let first = frames.first().map_or(Raw::None, |f| f.raw(column));
    let alike = match first {
        Raw::None => true,
        Raw::Constant(_) => column.kind() != Kind::Name,
        _ => false,
    };
    alike && frames.iter().all(|f| f.raw(column) == first)
}

impl Dense {
    /// A column of a fixed width, and which of its values a row has: its own, or all the first.
    pub(crate) fn column<'a>(&'a mut self, rows: &'a Rows, column: Column) -> (Slice<'a>, bool) {
        let constant = is_constant(&rows.frames, column);
        let frames = if constant { rows.frames.get(..1).unwrap_or_default() } else { &rows.frames };
        let width = if constant { Width::Own } else { Width::of(frames, column) };
        let values = match width {
            Width::Own => Values::new(column.kind()),
            Width::Octets1 => {
                let tiny = |[low, _, _, _]: [u8; 4]| low;
                return (Slice::U8(fill(&mut self.u8, frames, column, tiny)), constant);
            }
            Width::Octets2 if column.kind() == Kind::Unsigned(32) => {
                let short = |[low, high, _, _]: [u8; 4]| u16::from_le_bytes([low, high]);
                return (Slice::U16(fill(&mut self.u16, frames, column, short)), constant);
            }
            Width::Octets2 => {
                let short = |[low, high, ..]: [u8; 8]| u16::from_le_bytes([low, high]);
                return (Slice::U16(fill(&mut self.u16, frames, column, short)), constant);
            }
            Width::Octets4 => return (Slice::U32(fill(&mut self.u32, frames, column, low32)), constant),
            Width::Since(first) => {
                let since = |time| low32(i64::from_le_bytes(time).wrapping_sub(first).to_le_bytes());
                return (Slice::Since(fill(&mut self.u32, frames, column, since), first), constant);
            }
        };
        let slice = match (values, column.kind()) {
            (Values::U8(_), _) => Slice::U8(fill(&mut self.u8, frames, column, u8::from_le_bytes)),
            (Values::U16(_), _) => Slice::U16(fill(&mut self.u16, frames, column, u16::from_le_bytes)),
            (Values::U32(_), Kind::Name) => Slice::U32(fill_names(&mut self.u32, rows, frames, column)),
            (Values::U32(_), _) => Slice::U32(fill(&mut self.u32, frames, column, u32::from_le_bytes)),
            (Values::U64(_), _) => Slice::U64(fill(&mut self.u64, frames, column, u64::from_le_bytes)),
            (Values::Time(_), _) => Slice::Time(fill(&mut self.time, frames, column, i64::from_le_bytes)),
            (Values::Addr(_), _) => match rows.addresses.ranks(column) {
                Some(ranks) => Slice::Ranked(ranks, &rows.addresses.list),
                None => Slice::Addr(fill(&mut self.addr, frames, column, Addr::v6)),
            },
            (Values::Bytes(_), _) => Slice::U8(&[]),
        };
        (slice, constant)
    }
}

/// How narrow the numbers of a wide column are. Rows are picked out of it in another order than they came in, so it should
/// fit the processor's caches.
enum Width {
    /// As wide as any.
    Own,
    Octets1,
    Octets2,
    Octets4,
    /// Times that are this one and less than 2^32 ms after it.
    Since(i64),
}

impl Width {
    fn of(frames: &[Frame], column: Column) -> Self {
        let most = || frames.iter().map(|frame| frame.raw(column).most()).max().unwrap_or_default();
        match column.kind() {
            Kind::Time => {
                let spans = frames.iter().filter_map(|frame| times(frame, column));
                let span = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
                match span {
                    Some((first, last)) if u32::try_from(last.abs_diff(first)).is_ok() => Self::Since(first),
                    _ => Self::Own,
                }
            }
            Kind::Unsigned(32) => match most() {
                ..=0xff => Self::Octets1,
                0x100..=0xffff => Self::Octets2,
                _ => Self::Own,
            },
            Kind::Unsigned(64) => match most() {
                ..=0xffff => Self::Octets2,
                0x1_0000..=0xffff_ffff => Self::Octets4,
                _ => Self::Own,
            },
            _ => Self::Own,
        }
    }
}

fn low32([a, b, c, d, ..]: [u8; 8]) -> u32 {
    u32::from_le_bytes([a, b, c, d])
}

/// The first and the last of a frame's times.
fn times(frame: &Frame, column: Column) -> Option<(i64, i64)> {
    let bounds = frame.summary.bounds;
    match column {
        Column::Start => Some(bounds.start),
        Column::End => Some(bounds.end),
        Column::Received => Some(bounds.received),
        _ => None,
    }
}

/// One value a row of these frames.
pub(crate) fn fill<'a, T: Copy + Default, const N: usize>(
    out: &'a mut Vec<T>,
    frames: &[Frame],
    column: Column,
    value: impl Fn([u8; N]) -> T,
) -> &'a [T] {
    out.clear();
    out.reserve(frames.iter().map(Frame::rows).sum());
    for frame in frames {
        // Addresses that differ are ranked, and not asked for here.
        frame.raw(column).append(frame.rows(), &value, out);
    }
    out
}

/// Places in the names of all frames.
pub(crate) fn fill_names<'a>(
    out: &'a mut Vec<u32>,
    rows: &Rows,
    frames: &[Frame],
    column: Column,
) -> &'a [u32] {
    out.clear();
    for (frame, places) in frames.iter().zip(&rows.places) {
        let base = out.len();
        frame.raw(column).append(frame.rows(), &u32::from_le_bytes, out);
        for place in out.iter_mut().skip(base) {
            *place = places.get(*place as usize).copied().unwrap_or(0);
        }
    }
    out
}
