//! Sets of rows as sorted spans that neither touch nor overlap: what pruning leaves to be read.

use std::ops::Range;

/// A set of rows.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Spans(Vec<Range<usize>>);

impl Spans {
    /// All rows of `0..rows`.
    pub fn all(rows: usize) -> Self {
        let mut spans = Self::default();
        spans.push(0..rows);
        spans
    }

    /// The rows at these places, in rising order, and those in gaps of fewer than `gap` rows between them:
    /// stopping and starting again costs more than reading on a little.
    pub fn of_places(places: impl Iterator<Item = usize>, gap: usize) -> Self {
        let mut spans: Vec<Range<usize>> = Vec::new();
        for place in places {
            match spans.last_mut() {
                Some(last) if place < last.end.saturating_add(gap) => last.end = last.end.max(place + 1),
                _ => spans.push(place..place + 1),
            }
        }
        Self(spans)
    }

    /// Appends a span that begins no earlier than the last one did.
    pub fn push(&mut self, span: Range<usize>) {
        match self.0.last_mut() {
            _ if span.is_empty() => {}
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => self.0.push(span),
        }
    }

    /// The rows that are in any of the sets.
    pub fn union(sets: &[Self]) -> Self {
        let mut all: Vec<Range<usize>> = sets.iter().flat_map(|set| set.0.iter().cloned()).collect();
        all.sort_unstable_by_key(|span| span.start);
        let mut union = Self::default();
        all.into_iter().for_each(|span| union.push(span));
        union
    }

    /// The rows that are in both sets.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let (mut mine, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Self::default();
        while let (Some(a), Some(b)) = (mine.peek(), theirs.peek()) {
            both.push(a.start.max(b.start)..a.end.min(b.end));
            if a.end <= b.end {
                mine.next();
            } else {
                theirs.next();
            }
        }
        both
    }

    /// The rows that are not in the other set.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Self::default();
        let mut theirs = other.0.iter().peekable();
        for mine in &self.0 {
            let mut at = mine.start;
            while let Some(span) = theirs.peek().filter(|span| span.start < mine.end) {
                left.push(at..span.start.max(at));
                at = at.max(span.end);
                if span.end > mine.end {
                    break;
                }
                theirs.next();
            }
            left.push(at.min(mine.end)..mine.end);
        }
        left
    }

    /// The same rows in sets of at most so many, one after the other.
    pub fn cut(self, rows_max: usize) -> Vec<Self> {
        let mut sets = Vec::new();
        let (mut set, mut room) = (Self::default(), rows_max);
        for mut span in self.0 {
            while !span.is_empty() {
                let end = span.end.min(span.start.saturating_add(room));
                set.push(span.start..end);
                room -= end - span.start;
                span.start = end;
                if room == 0 {
                    sets.push(std::mem::take(&mut set));
                    room = rows_max;
                }
            }
        }
        if !set.is_empty() {
            sets.push(set);
        }
        sets
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.0.iter().map(Range::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any row of this span is in the set.
    pub fn touches(&self, span: &Range<usize>) -> bool {
        let at = self.0.partition_point(|mine| mine.end <= span.start);
        !span.is_empty() && self.0.get(at).is_some_and(|mine| mine.start < span.end)
    }

    /// The spans.
    pub fn as_slice(&self) -> &[Range<usize>] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn each(spans: &Spans) -> Vec<usize> {
        spans.as_slice().iter().cloned().flatten().collect()
    }

    fn spans(places: &[usize]) -> Spans {
        let mut places = places.to_vec();
        places.sort_unstable();
        Spans::of_places(places.into_iter(), 1)
    }

    proptest! {
        #[test]
        fn spans_are_sets(a in prop::collection::vec(0usize..30, 0..30), b in prop::collection::vec(0usize..30, 0..30),
                          from in 0usize..30, length in 0usize..5) {
            let (mine, theirs) = (spans(&a), spans(&b));
            let both: Vec<usize> = (0..30).filter(|i| a.contains(i) && b.contains(i)).collect();
            let intersection = mine.intersect(&theirs);
            prop_assert_eq!(intersection.rows(), both.len());
            prop_assert_eq!(intersection.is_empty(), both.is_empty());
            prop_assert_eq!(each(&intersection), both);
            let only: Vec<usize> = (0..30).filter(|i| a.contains(i) && !b.contains(i)).collect();
            prop_assert_eq!(each(&mine.without(&theirs)), only);
            let any: Vec<usize> = (0..30).filter(|i| a.contains(i) || b.contains(i)).collect();
            prop_assert_eq!(each(&Spans::union(&[mine.clone(), theirs])), any);
            let pieces = mine.clone().cut(length + 1);
            prop_assert_eq!(pieces.iter().flat_map(each).collect::<Vec<_>>(), each(&mine));
            prop_assert!(pieces.iter().rev().skip(1).all(|piece| piece.rows() == length + 1));
            prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
            let span = from..from + length;
            prop_assert_eq!(mine.touches(&span), a.iter().any(|i| span.contains(i)));
        }
    }

    #[test]
    fn small_gaps_are_read_over() {
        let spans = Spans::of_places([3, 4, 9, 40].into_iter(), 5);
        assert_eq!(spans.as_slice(), [3..10, 40..41]);
        assert_eq!(Spans::all(0), Spans::default());
        assert_eq!(Spans::all(7).rows(), 7);
    }
}
