//! Answers to `weir top`: groups with their sums, and what is asked beside them.
//!
//! The query engine groups and adds up; here two of its tables are held against each other (`compare`), the two
//! directions of a conversation put together (`pair`), and a third table of the same groups in short steps of time
//! is read as a series for each group (`series`). All of it is exact and in integers.

mod compare;
mod pair;
mod series;

use weir_query::{Cell, Key, Measure, Statistics, Table};

pub(crate) use compare::compare;
pub(crate) use pair::{is_pair, merge};
pub(crate) use series::Series;

/// What identifies a group: the value of each key, `None` where it is unknown.
pub(crate) type Group = Vec<Option<Cell>>;

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) keys: Group,
    /// The sum of each measure.
    pub(crate) sums: Vec<u128>,
    /// The same in the span that it is compared with.
    pub(crate) before: Option<Vec<u128>>,
    /// Of a conversation: from the first end to the second, and back.
    pub(crate) ways: Option<[Vec<u128>; 2]>,
    /// Bits per second that so many percent of all five minutes do not exceed.
    pub(crate) percentile_bps: Option<u128>,
    /// The first measure in equal steps of the span.
    pub(crate) series: Option<Vec<u128>>,
}

impl Line {
    pub(crate) fn new(keys: Group, sums: Vec<u128>) -> Self {
        Self { keys, sums, before: None, ways: None, percentile_bps: None, series: None }
    }
}

/// The answer to one question, in the order it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) keys: Vec<Key>,
    pub(crate) measures: Vec<Measure>,
    pub(crate) lines: Vec<Line>,
    /// Over all groups, also those not shown.
    pub(crate) total: Line,
    /// What is not among the lines shown, where that is asked for: lines and others are the total.
    pub(crate) others: Option<Line>,
    /// How many groups there are.
    pub(crate) groups: u64,
    pub(crate) statistics: Statistics,
}

impl Answer {
    /// Of a table as it is.
    pub(crate) fn of(table: &Table) -> Self {
        let lines = table.rows().map(|row| Line::new(row.keys.to_vec(), row.sums.to_vec())).collect();
        Self {
            keys: table.keys.clone(),
            measures: table.measures.clone(),
            lines,
            total: Line::new(vec![None; table.keys.len()], table.total.clone()),
            others: None,
            groups: table.groups,
            statistics: table.statistics,
        }
    }

    /// The place of a measure.
    pub(crate) fn place(&self, measure: Measure) -> Option<usize> {
        self.measures.iter().position(|other| *other == measure)
    }

    /// Keeps so many lines (0 is all), and says what the others add up to if that is asked.
    pub(crate) fn cut(&mut self, limit: usize, with_others: bool) {
        if limit > 0 {
            self.lines.truncate(limit);
        }
        if with_others {
            let less = |total: &[u128], of: fn(&Line) -> Option<&[u128]>| {
                let mut left = total.to_vec();
                for sums in self.lines.iter().filter_map(of) {
                    left.iter_mut().zip(sums).for_each(|(left, sum)| *left = left.saturating_sub(*sum));
                }
                left
            };
            let mut others = Line::new(
                vec![None; self.keys.len()],
                less(&self.total.sums, |line| Some(line.sums.as_slice())),
            );
            others.before =
                self.total.before.as_deref().map(|total| less(total, |line| line.before.as_deref()));
            others.ways = self.total.ways.as_ref().map(|[out, back]| {
                [
                    less(out, |line| line.ways.as_ref().map(|ways| ways[0].as_slice())),
                    less(back, |line| line.ways.as_ref().map(|ways| ways[1].as_slice())),
                ]
            });
            self.others = Some(others);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn answer(lines: &[(&str, u128)]) -> Answer {
        let total = lines.iter().map(|(_, sum)| sum).sum();
        let line = |(name, sum): &(&str, u128)| Line::new(vec![Some(Cell::Name((*name).into()))], vec![*sum]);
        Answer {
            keys: vec![Key::by_name("tenant").unwrap()],
            measures: vec![Measure::Octets],
            lines: lines.iter().map(line).collect(),
            total: Line::new(vec![None], vec![total]),
            others: None,
            groups: lines.len() as u64,
            statistics: Statistics::default(),
        }
    }

    #[test]
    fn lines_and_others_are_the_total() {
        let mut cut = answer(&[("a", 7), ("b", 5), ("c", 3)]);
        cut.cut(1, true);
        assert_eq!((cut.lines.len(), cut.others.unwrap().sums), (1, vec![8]));
        let mut all = answer(&[("a", 7), ("b", 5)]);
        all.cut(0, true);
        assert_eq!((all.lines.len(), all.others.unwrap().sums), (2, vec![0]));
    }
}
