//! Which rows of a batch are meant: a span of them, or single ones picked by a filter.
//!
//! Loops over a column are written once, here, so that a span costs no indirection and picked rows no test.

use std::ops::Range;

/// Some rows of a batch, in rising order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows<'a> {
    /// All rows from the first place up to the second.
    Span(usize, usize),
    /// The rows at these places.
    Picked(&'a [u32]),
}

impl<'a> Rows<'a> {
    /// Those at these places; else all of a batch of so many.
    pub(crate) fn of(places: Option<&'a [u32]>, len: usize) -> Self {
        places.map_or(Self::Span(0, len), Self::Picked)
    }

    /// How many rows there are.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Span(from, to) => to.saturating_sub(from),
            Self::Picked(rows) => rows.len(),
        }
    }

    /// The rows less the first so many.
    pub(crate) fn from(self, first: usize) -> Self {
        match self {
            Self::Span(from, to) => Self::Span(to.min(from + first), to),
            Self::Picked(rows) => Self::Picked(rows.get(first..).unwrap_or(&[])),
        }
    }

    /// The rows in pieces of at most `size`, so that what is worked out for a piece stays in the cache.
    pub(crate) fn pieces(self, size: usize) -> impl Iterator<Item = Rows<'a>> {
        (0..self.len()).step_by(size).map(move |at| {
            let end = self.len().min(at + size);
            match self {
                Self::Span(from, _) => Self::Span(from + at, from + end),
                Self::Picked(rows) => Self::Picked(rows.get(at..end).unwrap_or(&[])),
            }
        })
    }

    /// Calls `f` with the running number (from 0) and the value of each row. A column that is not loaded has no
    /// values: then `f` is not called.
    #[inline]
    pub(crate) fn each<T: Copy>(self, values: &[T], mut f: impl FnMut(usize, T)) {
        match self {
            Self::Span(from, to) => {
                for (i, value) in values.get(from..to).unwrap_or(&[]).iter().enumerate() {
                    f(i, *value);
                }
            }
            Self::Picked(rows) => {
                for (i, row) in rows.iter().enumerate() {
                    if let Some(value) = values.get(*row as usize) {
                        f(i, *value);
                    }
                }
            }
        }
    }

    /// The same, with the place in the batch of each row between them.
    #[inline]
    pub(crate) fn each_place<T: Copy>(self, values: &[T], mut f: impl FnMut(usize, usize, T)) {
        match self {
            Self::Span(from, to) => {
                for (i, value) in values.get(from..to).unwrap_or(&[]).iter().enumerate() {
                    f(i, from + i, *value);
                }
            }
            Self::Picked(rows) => {
                for (i, row) in rows.iter().enumerate() {
                    if let Some(value) = values.get(*row as usize) {
                        f(i, *row as usize, *value);
                    }
                }
            }
        }
    }

    /// The place in the batch of each row.
    pub(crate) fn places(self) -> impl Iterator<Item = u32> + 'a {
        let (span, picked): (Range<usize>, &[u32]) = match self {
            Self::Span(from, to) => (from..to, &[]),
            Self::Picked(rows) => (0..0, rows),
        };
        span.map(|row| u32::try_from(row).unwrap_or(u32::MAX)).chain(picked.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(rows: Rows<'_>) -> Vec<(usize, char)> {
        let mut seen = Vec::new();
        rows.each(&['a', 'b', 'c', 'd', 'e'], |i, c| seen.push((i, c)));
        seen
    }

    #[test]
    fn spans_and_picks_number_their_rows_from_zero() {
        assert_eq!(values(Rows::Span(1, 4)), [(0, 'b'), (1, 'c'), (2, 'd')]);
        assert_eq!(values(Rows::Picked(&[0, 4])), [(0, 'a'), (1, 'e')]);
        assert!(values(Rows::Span(3, 9)).is_empty(), "a column that is not loaded gives nothing");
        assert_eq!(Rows::Picked(&[3, 7]).places().collect::<Vec<_>>(), [3, 7]);
        assert_eq!(Rows::Span(3, 5).places().collect::<Vec<_>>(), [3, 4]);
        let mut pairs = Vec::new();
        Rows::Picked(&[2]).each_place(&[1, 2, 3], |i, place, value| pairs.push((i, place, value)));
        Rows::Span(1, 3).each_place(&[1, 2, 3], |i, place, value| pairs.push((i, place, value)));
        assert_eq!(pairs, [(0, 2, 3), (0, 1, 2), (1, 2, 3)]);
    }

    #[test]
    fn pieces_cover_everything_once() {
        let spans: Vec<_> = Rows::Span(5, 12).pieces(3).map(|p| p.places().collect::<Vec<_>>()).collect();
        assert_eq!(spans, [vec![5, 6, 7], vec![8, 9, 10], vec![11]]);
        let picked: Vec<_> =
            Rows::Picked(&[1, 3, 5]).pieces(2).map(|p| p.places().collect::<Vec<_>>()).collect();
        assert_eq!(picked, [vec![1, 3], vec![5]]);
        assert_eq!(Rows::Span(4, 4).pieces(3).count(), 0);
        assert_eq!(Rows::Span(5, 12).from(4).places().collect::<Vec<_>>(), [9, 10, 11]);
        assert_eq!(Rows::Picked(&[1, 3, 5]).from(2).places().collect::<Vec<_>>(), [5]);
        assert_eq!(Rows::Span(5, 12).from(7).len() + Rows::Picked(&[1]).from(3).len(), 0);
    }
}
