//! The values of a column where they lie in a frame, and taking them out.

use super::cursor::{Cursor, SHORT};
use weir_flow::Addr;

/// How the values of a column lie in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One value that all rows have.
    Constant = 1,
    /// One value a row.
    Plain = 2,
    /// Four octets a row: IPv4 addresses all.
    V4 = 3,
    /// The smallest value, and one octet a row: how much more it is.
    Near8 = 4,
    /// The same, two octets a row.
    Near16 = 5,
    /// The same, four octets a row.
    Near32 = 6,
    /// Four octets a row, and the places and octets of those addresses that have sixteen.
    Mixed = 7,
    /// One octet a row: 0, the row's source address; 1, its destination address.
    Sides = 8,
}

/// What stands for a form where a column holds what another one before it holds, which follows.
pub(super) const SAME: u8 = 9;

impl Form {
    /// The octets a row that differences from the smallest take, if that is the form.
    pub(super) fn near(self) -> Option<usize> {
        match self {
            Self::Near8 => Some(1),
            Self::Near16 => Some(2),
            Self::Near32 => Some(4),
            _ => None,
        }
    }

    /// The form for values of so many octets that are at most so far from the smallest.
    pub(super) fn of_span(span: u64, octets: usize) -> Self {
        match (span, octets) {
            (..=0xff, 2..) => Self::Near8,
            (..=0xffff, 4..) => Self::Near16,
            (..=0xffff_ffff, 8..) => Self::Near32,
            _ => Self::Plain,
        }
    }
}

/// Values of a fixed width where they lie, little-endian (addresses: their octets).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raw<'a> {
    /// No row has a value.
    None,
    /// The one that all rows have.
    Constant(&'a [u8]),
    /// One a row.
    Plain(&'a [u8]),
    /// The four octets of an IPv4 address a row.
    V4(&'a [u8]),
    /// How far each is from the smallest.
    Near(Near<'a>),
    /// Addresses of both families.
    Mixed(Mixed<'a>),
    /// Which of its row's two addresses each is: 0 the source's, 1 the destination's.
    Sides(&'a [u8]),
}

/// Numbers as their distances from the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Near<'a> {
    base: u64,
    /// Octets of a distance: 1, 2 or 4.
    octets: usize,
    distances: &'a [u8],
}

/// IPv4 addresses mostly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mixed<'a> {
    /// One a row; of rows with an IPv6 address it means nothing.
    pub v4: &'a [[u8; 4]],
    places: &'a [[u8; 4]],
    v6: &'a [[u8; 16]],
}

impl<'a> Raw<'a> {
    /// No number is larger, as far as the form tells.
    pub(crate) fn most(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Constant(bytes) if bytes.len() <= 8 => wide(bytes),
            Self::Near(Near { base, octets, .. }) => {
                base.saturating_add(u64::MAX >> (64 - 8 * octets.clamp(1, 8)))
            }
            _ => u64::MAX,
        }
    }

    /// Of bytes whose length was checked.
    pub(super) fn new(form: Form, bytes: &'a [u8], rows: usize, width: usize) -> Self {
        match form {
            Form::Constant => Self::Constant(bytes),
            Form::Plain => Self::Plain(bytes),
            Form::V4 => Self::V4(bytes),
            Form::Near8 | Form::Near16 | Form::Near32 => {
                let (base, distances) = bytes.split_at_checked(width).unwrap_or_default();
                Self::Near(Near { base: wide(base), octets: form.near().unwrap_or(1), distances })
            }
            Form::Mixed => Self::Mixed(Mixed::new(bytes, rows)),
            Form::Sides => Self::Sides(bytes),
        }
    }

    /// Appends numbers, one a row (or addresses of sixteen octets); a default where there are none.
    pub(crate) fn append<T: Copy + Default, const N: usize>(
        self,
        rows: usize,
        value: &impl Fn([u8; N]) -> T,
        out: &mut Vec<T>,
    ) {
        let end = out.len() + rows;
        match self {
            Self::Plain(bytes) => out.extend(bytes.as_chunks::<N>().0.iter().map(|chunk| value(*chunk))),
            Self::Constant(bytes) => {
                out.resize(end, bytes.first_chunk().map_or(T::default(), |one| value(*one)));
            }
            Self::Near(near) => near.append(value, out),
            Self::None | Self::V4(_) | Self::Mixed(_) | Self::Sides(_) => out.resize(end, T::default()),
        }
    }
}

impl Near<'_> {
    fn append<T, const N: usize>(self, value: &impl Fn([u8; N]) -> T, out: &mut Vec<T>) {
        let base = self.base;
        let value = |distance: u64| value(cut(base.wrapping_add(distance)));
        match self.octets {
            1 => out.extend(self.distances.iter().map(|d| value(u64::from(*d)))),
            2 => {
                let distances = self.distances.as_chunks().0.iter();
                out.extend(distances.map(|d| value(u64::from(u16::from_le_bytes(*d)))));
            }
            _ => {
                let distances = self.distances.as_chunks().0.iter();
                out.extend(distances.map(|d| value(u64::from(u32::from_le_bytes(*d)))));
            }
        }
    }
}

impl<'a> Mixed<'a> {
    fn new(bytes: &'a [u8], rows: usize) -> Self {
        let (count, rest) = bytes.split_at_checked(4).unwrap_or_default();
        let count = usize::try_from(wide(count)).unwrap_or_default();
        let (v4, rest) = rest.split_at_checked(4 * rows).unwrap_or_default();
        let (places, v6) = rest.split_at_checked(4 * count).unwrap_or_default();
        Self { v4: v4.as_chunks().0, places: places.as_chunks().0, v6: v6.as_chunks().0 }
    }

    /// Takes them off a payload and checks them.
    pub(super) fn check(cursor: &mut Cursor<'a>, rows: usize) -> Result<(), String> {
        let at = cursor.at;
        let count = cursor.len()?;
        let len = count.checked_mul(20).and_then(|len| len.checked_add(rows.checked_mul(4)?));
        cursor.take(len.ok_or(SHORT)?)?;
        let mixed = Self::new(cursor.bytes.get(at..cursor.at).unwrap_or_default(), rows);
        let places = || mixed.places.iter().map(|place| u32::from_le_bytes(*place));
        let is_good = places().is_sorted_by(|a, b| a < b) && places().all(|place| (place as usize) < rows);
        if is_good { Ok(()) } else { Err("it has an address of no row".to_owned()) }
    }

    /// The IPv6 addresses and their rows, ascending.
    pub(crate) fn v6(&self) -> impl Iterator<Item = (usize, [u8; 16])> {
        self.places.iter().zip(self.v6).map(|(place, octets)| (u32::from_le_bytes(*place) as usize, *octets))
    }

    /// Appends all addresses.
    pub(super) fn append(self, out: &mut Vec<Addr>) {
        let base = out.len();
        out.extend(self.v4.iter().map(|octets| Addr::v4(*octets)));
        for (row, octets) in self.v6() {
            if let Some(slot) = out.get_mut(base + row) {
                *slot = Addr::v6(octets);
            }
        }
    }
}

/// A number of at most eight octets, little-endian.
#[inline]
pub(super) fn wide(bytes: &[u8]) -> u64 {
    let mut wide = [0; 8];
    for (slot, byte) in wide.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    u64::from_le_bytes(wide)
}

/// The low octets of a number.
#[inline]
pub(super) fn cut<const N: usize>(value: u64) -> [u8; N] {
    value.to_le_bytes().first_chunk().copied().unwrap_or([0; N])
}
