//! Sequence numbers: what was lost, what was only late, what came twice, and when an exporter began anew.
//!
//! An exporter numbers what it sends: v5 and IPFIX count records, v9 and sFlow datagrams. The next number is
//! known from the last datagram, so a datagram *ahead* leaves a gap behind it, and one *behind* either fills a
//! gap (it was late: a reorder, not a loss), or is one of the last seen (a duplicate: not to be counted
//! again), or is neither (the exporter began anew). Losses are therefore taken back when the late datagram
//! comes; whoever adds up the signed values gets the true answer.

use std::collections::VecDeque;

/// Gaps that may be filled later. More than these are given up as lost, oldest first.
const GAPS_MAX: usize = 256;
/// Datagrams of which a second copy is recognised.
const RECENT_MAX: usize = 256;
/// A step ahead by more than this is no loss that anybody could believe, but a counter set anew.
const GAP_MAX: u32 = 1 << 26;

/// What a sequence number says about its datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The first one, or just the one expected.
    Expected,
    /// So many units are missing before it.
    Gap(u32),
    /// Late: it fills (part of) an earlier gap.
    Late,
    /// Seen already: do not count it again.
    Duplicate,
    /// The same octets as the first datagram, from an exporter that has not been seen counting yet: a
    /// duplicate, or a counter that stands still. The next number will tell.
    Copy,
    /// The exporter began its numbers anew.
    Restart,
}

#[derive(Debug, Clone, Copy)]
struct Gap {
    start: u32,
    len: u32,
    worth: Worth,
}

impl Verdict {
    /// Whether the datagram was seen before: not to be read, at least not now.
    pub(super) fn is_again(self) -> bool {
        matches!(self, Self::Duplicate | Self::Copy)
    }
}

/// What one missing unit is estimated at, from what the exporter sent lately. Kept with the gap, so that a late
/// datagram takes back what its loss was put at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Worth {
    pub(super) records: u32,
    pub(super) octets: u64,
}

/// Units that a late datagram fills.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) units: u32,
    pub(super) worth: Worth,
}

/// Follows the numbers of one stream.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The number expected next; unknown before the first datagram and after one of unknown extent.
    next: Option<u32>,
    /// Where the stream stood before it seemed to begin anew, in case the odd one out was a stray.
    before_restart: Option<u32>,
    gaps: VecDeque<Gap>,
    recent: VecDeque<u64>,
    /// The first number, until another one was seen.
    first: Option<u32>,
    /// Whether the exporter's number was seen to move.
    moved: bool,
    /// The number that an exporter which does not count sends every time.
    still: Option<u32>,
}

impl Sequence {
    /// Takes it that the exporter does not count: its copies were sent on purpose.
    pub(super) fn stands_still(&mut self) {
        self.still = self.first;
    }

    /// Whether the exporter was seen to count.
    pub(super) fn has_moved(&self) -> bool {
        self.moved
    }

    /// Judges a datagram that carries the number `sequence`, whose contents hash to `fingerprint`.
    /// `rebooted`: its header shows that the exporter was restarted since the last one.
    /// Call [`Sequence::advance`] afterwards unless it is a duplicate.
    pub(super) fn judge(&mut self, sequence: u32, fingerprint: u64, rebooted: bool, worth: Worth) -> Verdict {
        if *self.first.get_or_insert(sequence) != sequence {
            self.moved = true;
            self.still = None;
        }
        let verdict = match self.next {
            _ if self.still == Some(sequence) => Verdict::Expected,
            None => Verdict::Expected,
            Some(next) if sequence == next => Verdict::Expected,
            Some(next) => self.judge_step(next, sequence, fingerprint, rebooted, worth),
        };
        if !matches!(verdict, Verdict::Duplicate | Verdict::Copy) {
            if self.recent.len() == RECENT_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back(fingerprint);
        }
        verdict
    }

    fn judge_step(
        &mut self,
        next: u32,
        sequence: u32,
        fingerprint: u64,
        rebooted: bool,
        worth: Worth,
    ) -> Verdict {
        let ahead = sequence.wrapping_sub(next);
        let is_ahead = ahead < 1 << 31;
        if !is_ahead && self.recent.contains(&fingerprint) {
            return if self.moved { Verdict::Duplicate } else { Verdict::Copy };
        }
        if !is_ahead && self.gaps.iter().any(|gap| gap.holds(sequence)) {
            return Verdict::Late;
        }
        if self.before_restart.take() == Some(sequence) {
            return Verdict::Expected;
        }
        if rebooted || !is_ahead || ahead > GAP_MAX {
            self.before_restart = Some(next);
            self.gaps.clear();
            return Verdict::Restart;
        }
        if self.gaps.len() == GAPS_MAX {
            self.gaps.pop_front();
        }
        self.gaps.push_back(Gap { start: next, len: ahead, worth });
        Verdict::Gap(ahead)
    }

    /// Takes in that the datagram numbered `sequence` held `units`, after it was judged; returns how many of
    /// them fill a gap (none unless it was late). `None`: their number could not be told.
    pub(super) fn advance(&mut self, verdict: Verdict, sequence: u32, units: Option<u32>) -> Filled {
        match (verdict, units) {
            (Verdict::Duplicate | Verdict::Copy, _) => Filled::default(),
            (Verdict::Late, units) => self.fill(sequence, units.unwrap_or(0)),
            (_, units) => {
                self.next = units.map(|units| sequence.wrapping_add(units));
                Filled::default()
            }
        }
    }

    /// Takes `[sequence, sequence + units)` out of its gap.
    fn fill(&mut self, sequence: u32, units: u32) -> Filled {
        let Some(at) = self.gaps.iter().position(|gap| gap.holds(sequence)) else { return Filled::default() };
        let Some(gap) = self.gaps.remove(at) else { return Filled::default() };
        let before = sequence.wrapping_sub(gap.start);
        let filled = units.min(gap.len.saturating_sub(before));
        let after = gap.len.saturating_sub(before).saturating_sub(filled);
        if before > 0 {
            self.gaps.push_back(Gap { len: before, ..gap });
        }
        if after > 0 {
            self.gaps.push_back(Gap { start: sequence.wrapping_add(filled), len: after, ..gap });
        }
        Filled { units: filled, worth: gap.worth }
    }

    /// Sets what is expected next, where the unit was found out to be another one.
    pub(super) fn expect(&mut self, sequence: u32) {
        self.next = Some(sequence);
    }
}

impl Gap {
    fn holds(&self, sequence: u32) -> bool {
        sequence.wrapping_sub(self.start) < self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Plays datagrams of `units` numbered in units; returns (lost, late, duplicates, restarts).
    fn play(order: &[u32], units: u32) -> (i64, u32, u32, u32) {
        play_all(order, units).0
    }

    /// The same, and how many copies remain undecided.
    fn play_all(order: &[u32], units: u32) -> ((i64, u32, u32, u32), u32) {
        let mut copies = 0;
        let mut sequence = Sequence::default();
        let (mut lost, mut late, mut duplicates, mut restarts) = (0i64, 0, 0, 0);
        for &i in order {
            let number = i.wrapping_mul(units);
            let verdict = sequence.judge(number, u64::from(i), false, Worth::default());
            match verdict {
                Verdict::Gap(n) => lost += i64::from(n),
                Verdict::Late => late += 1,
                Verdict::Copy => copies += 1,
                Verdict::Duplicate => duplicates += 1,
                Verdict::Restart => restarts += 1,
                Verdict::Expected => {}
            }
            if sequence.has_moved() {
                duplicates += std::mem::take(&mut copies);
            }
            lost -= i64::from(sequence.advance(verdict, number, Some(units)).units);
        }
        ((lost, late, duplicates, restarts), copies)
    }

    #[test]
    fn the_case_that_others_get_wrong() {
        assert_eq!(play(&[0, 1, 3, 2, 4, 10, 10, 11], 21), (105, 1, 1, 0));
        assert_eq!(play(&[0, 1, 3, 2, 4, 10, 10, 11], 1), (5, 1, 1, 0));
    }

    #[test]
    fn copies_of_the_first_datagram_wait_for_the_second_number() {
        assert_eq!(play_all(&[0, 0, 0, 1, 2], 21), ((0, 0, 2, 0), 0));
        assert_eq!(play_all(&[0, 0, 0], 21), ((0, 0, 0, 0), 2));
        let mut sequence = Sequence::default();
        let judge = |s: &mut Sequence| s.judge(7, 1, false, Worth::default());
        let first = judge(&mut sequence);
        sequence.advance(first, 7, Some(3));
        assert_eq!(judge(&mut sequence), Verdict::Copy);
        sequence.stands_still();
        assert_eq!(judge(&mut sequence), Verdict::Expected);
    }

    #[test]
    fn numbers_wrap() {
        let top = u32::MAX / 30;
        assert_eq!(play(&[top - 1, top, top + 1, top + 3, top + 2], 30), (0, 1, 0, 0));
    }

    #[test]
    fn a_new_beginning_is_no_loss() {
        assert_eq!(play(&[1000, 1001, 0, 1, 2, 4], 1), (1, 0, 0, 1));
        // A stray among them does not count as two losses.
        assert_eq!(play(&[1000, 1001, 5, 1002, 1003], 1), (0, 0, 0, 1));
    }

    #[test]
    fn an_unknown_extent_is_not_judged() {
        let mut sequence = Sequence::default();
        let first = sequence.judge(10, 1, false, Worth::default());
        sequence.advance(first, 10, None);
        assert_eq!(sequence.judge(500, 2, false, Worth::default()), Verdict::Expected);
    }

    proptest! {
        /// Any order within a window, with losses and duplicates: the true numbers come out.
        #[test]
        fn lost_late_and_doubled_are_told_apart(
            fate in proptest::collection::vec((0u8..10, 0usize..4), 3..300), units in 1u32..40,
        ) {
            let mut order: Vec<u32> = Vec::new();
            let (mut lost, mut doubled) = (0i64, 0u32);
            // The first and the last arrive, in their places, so that every loss shows.
            let last = u32::try_from(fate.len()).unwrap() + 1;
            order.push(0);
            for (i, (kind, _)) in (1u32..).zip(&fate) {
                match kind {
                    0 => lost += i64::from(units),
                    1 => { order.extend([i, i]); doubled += 1; }
                    _ => order.push(i),
                }
            }
            order.push(last);
            // Swap some neighbours; a copy that overtakes its original is the same datagram.
            for (at, (_, swap)) in fate.iter().enumerate() {
                if *swap == 0 && at + 3 < order.len() { order.swap(at + 1, at + 2); }
            }
            let (got_lost, _, got_doubled, restarts) = play(&order, units);
            prop_assert_eq!((got_lost, got_doubled, restarts), (lost, doubled, 0));
        }
    }
}
