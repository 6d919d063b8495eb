//! What a session's numbers show: lost, late, doubled, begun anew. Told from the order in which datagrams were
//! sent, which the collector does not know, so that the answer is the true one as far as it can be known at all.

use crate::message::Number;
use std::collections::BTreeSet;

/// What one datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The next, or one further ahead.
    Ahead,
    /// Sent before others that have arrived.
    Late,
    /// It has arrived before.
    Again,
    /// It has arrived before, and no other number has yet: nobody can say whether it was doubled or its
    /// exporter sends the same number for ever.
    Open,
}

/// What changes by one datagram.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// Datagrams that turned out to be copies, this one or earlier ones that were open.
    pub(super) duplicates: u32,
    /// Units (what the protocol counts) within those.
    pub(super) duplicate_units: u32,
    pub(super) reordered: u32,
    pub(super) restarts: u32,
    /// Units missing; negative where they were late.
    pub(super) lost: i64,
}

/// Where a session's numbers stand: what came until then, whoever ends the collector.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    life: u32,
    newest: u64,
    newest_start: u64,
    behind: u64,
}

/// One session's numbers.
#[derive(Debug, Default)]
pub(super) struct Stream {
    life: Option<u32>,
    /// The newest datagram: its place, its first unit, and the first unit behind it, if that can be told.
    newest: u64,
    newest_start: u64,
    behind: Option<u64>,
    /// Whether two datagrams have shown which way their exporter numbers.
    is_plain: bool,
    is_murky: bool,
    arrived: BTreeSet<u64>,
    /// Places that were passed over in sight.
    missing: BTreeSet<u64>,
    first_value: Option<u32>,
    has_moved: bool,
    /// Whether the newest datagram came before the collector died: the step from it shows no way of numbering.
    is_resumed: bool,
    /// Open copies, and the units in them.
    open: (u32, u32),
}

impl Stream {
    /// Where its numbers stand, if its exporter counts and the end of the newest datagram is known.
    pub(super) fn position(&self) -> Option<Position> {
        let Self { newest, newest_start, .. } = *self;
        let (life, behind) = self.life.zip(self.behind).filter(|_| self.has_moved)?;
        Some(Position { life, newest, newest_start, behind })
    }

    /// Goes on from there: what is sent in between is missing.
    pub(super) fn resumed(Position { life, newest, newest_start, behind }: Position) -> Self {
        let (life, behind) = (Some(life), Some(behind));
        Self { life, newest, newest_start, behind, has_moved: true, is_resumed: true, ..Self::default() }
    }

    /// Whether it is open what a copy was.
    pub(super) fn is_open(&self) -> bool {
        self.open.0 > 0
    }

    /// Whether a loss was seen that looks like another way of numbering: some exporters count the records of the
    /// datagram at hand as well, and if the first step that shows anything is as long as the later datagram,
    /// nobody can say which it was. What is lost or late is then not known.
    pub(super) fn is_murky(&self) -> bool {
        self.is_murky
    }

    /// Takes in what the step to this datagram, which holds so many flow records, shows of the way of numbering.
    pub(super) fn show_numbering(&mut self, number: &Number, flows: u64) {
        let Some(behind) = self.behind.filter(|_| !self.is_resumed) else { return };
        let looks_other = number.start - self.newest_start == flows;
        if number.start > behind {
            self.is_murky |= looks_other && !self.is_plain;
        } else {
            self.is_plain |= !looks_other;
        }
    }

    /// Judges a datagram.
    pub(super) fn judge(&mut self, number: &Number) -> (Verdict, Shown) {
        let mut shown = Shown::default();
        if *self.first_value.get_or_insert(number.value) != number.value {
            self.has_moved = true;
            (shown.duplicates, shown.duplicate_units) = std::mem::take(&mut self.open);
        }
        if self.life != Some(number.life) {
            // Its first numbers came while nobody listened: what is left may look as if it went on, with a loss.
            self.is_murky |= self.is_resumed;
            shown.restarts = u32::from(self.life.is_some());
            (self.life, self.behind) = (Some(number.life), None);
            self.arrived.clear();
            self.missing.clear();
            return (Verdict::Ahead, shown);
        }
        if self.arrived.contains(&number.order) {
            if self.has_moved {
                shown.duplicates += 1;
                shown.duplicate_units += number.units;
                return (Verdict::Again, shown);
            }
            self.open = (self.open.0 + 1, self.open.1 + number.units);
            return (Verdict::Open, shown);
        }
        if number.order < self.newest {
            // So does one without records: its step back to the number before is as long as it is itself.
            self.is_murky |= number.units == 0 && !self.is_plain;
            shown.reordered = 1;
            return (Verdict::Late, shown);
        }
        if let Some(behind) = self.behind {
            // Behind a datagram of unknown extent nobody can say how much is missing.
            shown.lost = i64::try_from(number.start - behind).unwrap_or_default();
            self.missing.extend(self.newest + 1..number.order);
        }
        (Verdict::Ahead, shown)
    }

    /// Takes in how many units the datagram held, if that could be told; returns how many of them were missing.
    pub(super) fn advance(&mut self, number: &Number, verdict: Verdict, extent: Option<u32>) -> i64 {
        self.arrived.insert(number.order);
        if verdict == Verdict::Late {
            let was_missing = self.missing.remove(&number.order);
            return if was_missing { extent.unwrap_or(0).into() } else { 0 };
        }
        self.is_resumed = false;
        self.newest = number.order;
        self.newest_start = number.start;
        self.behind = extent.map(|extent| number.start + u64::from(extent));
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_of_the_eight_datagrams() {
        let mut stream = Stream::default();
        let mut sum = Shown::default();
        for order in [0u64, 1, 3, 2, 4, 10, 10, 11] {
            let value = u32::try_from(order * 21).unwrap();
            let number = Number { value, life: 0, order, start: order * 21, units: 21 };
            let (verdict, shown) = stream.judge(&number);
            sum.lost += shown.lost;
            sum.reordered += shown.reordered;
            sum.duplicates += shown.duplicates;
            sum.duplicate_units += shown.duplicate_units;
            sum.restarts += shown.restarts;
            if !matches!(verdict, Verdict::Again | Verdict::Open) {
                sum.lost -= stream.advance(&number, verdict, Some(21));
            }
        }
        assert_eq!(sum, Shown { duplicates: 1, duplicate_units: 21, reordered: 1, restarts: 0, lost: 105 });
    }
}
