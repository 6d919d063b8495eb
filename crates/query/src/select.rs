//! Which rows of a batch a question is about: the time span and the filter, evaluated over whole columns.

use crate::query::Condition;
use crate::rows::Rows;
use weir_flow::{Batch, Column};

/// Finds the matching rows of one batch after the other, keeping its memory.
#[derive(Debug, Default)]
pub(crate) struct Selector {
    matches: Vec<bool>,
    places: Vec<u32>,
}

impl Selector {
    /// The rows that meet the condition: all as one span if all do, else each by its place.
    pub(crate) fn select(&mut self, batch: &Batch, condition: &Condition<'_>) -> Rows<'_> {
        if !condition.asks() {
            return Rows::Span(0, batch.len());
        }
        match condition.filter {
            Some(filter) => filter.eval(batch, &mut self.matches),
            None => {
                self.matches.clear();
                self.matches.resize(batch.len(), true);
            }
        }
        if let Some(range) = &condition.range {
            let (starts, ends) = (batch.times(Column::Start), batch.times(Column::End));
            for ((matches, start), end) in self.matches.iter_mut().zip(starts).zip(ends) {
                let last = if condition.inside { *end.max(start) } else { *end };
                *matches &= (*start < range.end) & (last >= range.start);
            }
        }
        self.collect()
    }

    /// The places of the rows marked.
    fn collect(&mut self) -> Rows<'_> {
        let count = self.matches.iter().filter(|matches| **matches).count();
        if count == self.matches.len() {
            return Rows::Span(0, count);
        }
        self.places.clear();
        // Writing every place and moving on only where it matched has no branch to mispredict.
        self.places.resize(count + 1, 0);
        let mut at = 0;
        for (place, matches) in (0u32..).zip(&self.matches) {
            self.places[at] = place;
            at += usize::from(*matches);
        }
        self.places.truncate(count);
        Rows::Picked(&self.places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_flow::batch::RowBuilder;
    use weir_flow::filter::Filter;

    #[test]
    fn a_flow_is_in_range_if_it_overlaps_it() {
        let mut batch = Batch::new();
        for (start, end) in [(0, 99), (0, 100), (150, 160), (199, 500), (200, 200), (160, 150)] {
            RowBuilder::new().time(Column::Start, start).time(Column::End, end).push(&mut batch);
        }
        let mut selector = Selector::default();
        let mut places =
            |condition: &Condition<'_>| -> Vec<u32> { selector.select(&batch, condition).places().collect() };
        let range = Condition { range: Some(100..200), filter: None, inside: false };
        assert_eq!(places(&range), [1, 2, 3, 5]);
        assert_eq!(
            places(&Condition { range: Some(0..1000), filter: None, inside: false }),
            [0, 1, 2, 3, 4, 5]
        );
        assert_eq!(
            places(&Condition { range: None, filter: Some(&Filter::everything()), inside: false }).len(),
            6
        );
        let inside = Condition { range: Some(155..200), filter: None, inside: true };
        assert_eq!(places(&inside), [2, 3, 5], "which starts in it");
        assert!(places(&Condition { range: Some(900..1000), filter: None, inside: false }).is_empty());
    }
}
