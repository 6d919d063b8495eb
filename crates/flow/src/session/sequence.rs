//! Sequence numbers: what was lost, what was only late, what came twice, and when an exporter began anew.
//!
//! An exporter numbers what it sends: v5 and IPFIX count records, v9 and sFlow datagrams. The next number is
//! known from the last datagram, so a datagram *ahead* leaves a gap behind it, and one *behind* either fills a
//! gap (it was late: a reorder, not a loss), or is one of the last seen (a duplicate: not to be counted
//! again), or is neither (the exporter began anew). Losses are therefore taken back when the late datagram
//! comes; whoever adds up the signed values gets the true answer.

use super::loss::Worth;
use std::collections::VecDeque;

/// Gaps that may be filled later. More than these are given up as lost, oldest first.
const GAPS_MAX: usize = 256;
/// Datagrams of which a second copy is recognised: as many as places that an octet can number, and no other number
/// would do.
const RECENT_MAX: usize = 256;
/// A step ahead by more than this is no loss that anybody could believe, but a counter set anew.
const GAP_MAX: u32 = 1 << 26;

/// Whether a datagram was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// No.
    New,
    /// Yes: do not count it again.
    Duplicate,
    /// The same octets as the first datagram, from an exporter that has not been seen counting yet: a
    /// duplicate, or a counter that stands still. The next number will tell.
    Copy,
}

/// What a sequence number says about its datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The first one, or just the one expected.
    Expected,
    /// So many units are missing before it.
    Gap(u32),
    /// Late: it fills so many units of an earlier gap.
    Late(Filled),
    /// Late, and never missed: it carries nothing that its number counts, or what came around it was of unknown
    /// extent.
    Passed,
    /// The exporter began its numbers anew.
    Restart,
}

/// What a datagram holds, in the unit that its exporter counts; `None` where that could not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// All that the standard counts.
    pub(super) all: Option<u32>,
    /// Without options records, which some exporters leave out.
    pub(super) flows: Option<u32>,
}

impl Extent {
    /// A datagram that holds so many, whoever counts.
    pub(super) fn of(units: u32) -> Self {
        Self { all: Some(units), flows: Some(units) }
    }
}

/// Which number an exporter gives a datagram.
///
/// The standards say: how many units were sent *before* it. softflowd (IPFIX) and Open vSwitch (v5) give the number
/// *with* those in it, so that the step from one datagram to the next is the size of the later one, not of
/// the earlier; taken literally, every change of size would look like a loss or a reorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Numbering {
    /// Not known yet: no two datagrams of different size have followed each other.
    #[default]
    Open,
    /// One step was the size of the later datagram; another such settles it.
    Leaning,
    Before,
    After,
}

/// Units that a late datagram fills.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) units: u32,
    pub(super) worth: Worth,
}

/// What the header of a datagram shows besides its number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// Its uptime went back: the exporter was restarted since the last datagram.
    pub(super) rebooted: bool,
    /// It was not sent after the newest datagram that has arrived, by the exporter's clock. What was sent anew after
    /// a restart is sent later.
    pub(super) overtaken: bool,
}

/// Units that were not there when they should have been.
#[derive(Debug, Clone, Copy)]
struct Gap {
    start: u32,
    len: u32,
    worth: Worth,
}

/// Follows the numbers of one stream.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The number expected next; unknown before the first datagram and after one of unknown extent.
    next: Option<u32>,
    /// Where the stream stood before it seemed to begin anew, in case the odd one out was a stray.
    before_restart: Option<u32>,
    gaps: VecDeque<Gap>,
    /// Gaps behind a datagram of unknown extent: how much is missing there nobody can say, but what comes late
    /// from there is late.
    unseen: VecDeque<Gap>,
    recent: Recent,
    /// The first number, until another one was seen.
    first: Option<u32>,
    /// Whether the exporter's number was seen to move.
    moved: bool,
    /// The number that an exporter which does not count sends every time.
    still: Option<u32>,
    numbering: Numbering,
    /// A loss that was counted and was none.
    returned: Option<Filled>,
    /// The last datagram's number and extent.
    last: Option<(u32, Extent)>,
}

impl Sequence {
    /// Where the stream stands, for a program that ends: the number expected next, and whether numbers stand for
    /// what a datagram holds too.
    pub(super) fn position(&self) -> Option<(u32, bool)> {
        let counts_after = self.numbering == Numbering::After;
        self.next.filter(|_| self.moved).map(|next| (next, counts_after))
    }

    /// Takes up where a program ended: what was sent since then is missing. Only of an exporter that counts there is such a
    /// place.
    pub(super) fn resume(&mut self, (next, counts_after): (u32, bool)) {
        self.next = Some(next);
        self.moved = true;
        self.numbering = if counts_after { Numbering::After } else { Numbering::Open };
    }

    /// Takes it that the exporter does not count: its copies were sent on purpose.
    pub(super) fn stands_still(&mut self) {
        self.still = self.first;
    }

    /// Whether the exporter was seen to count.
    pub(super) fn has_moved(&self) -> bool {
        self.moved
    }

    /// Reads where the next datagram will be looked for, and put.
    pub(super) fn warm(&self) -> u64 {
        let heads = self.recent.heads.iter().step_by(64).fold(0, |all, head| all ^ head);
        let oldest = self.recent.ring.get(usize::from(self.recent.at)).map_or(0, |seal| seal.fingerprint);
        oldest ^ u64::from(heads)
    }

    /// Whether a datagram that carries the number `sequence`, whose octets hash to `fingerprint`, came before.
    pub(super) fn see(&mut self, sequence: u32, fingerprint: u64) -> Seen {
        if *self.first.get_or_insert(sequence) != sequence {
            self.moved = true;
            self.still = None;
        }
        if self.still != Some(sequence) && self.recent.holds(fingerprint) {
            return if self.moved { Seen::Duplicate } else { Seen::Copy };
        }
        self.recent.push(fingerprint, sequence);
        Seen::New
    }

    /// Judges the number of a datagram that is new and was read. `worth` is what one unit is put at, should some be
    /// missing.
    pub(super) fn judge(&mut self, sequence: u32, extent: Extent, signs: Signs, worth: Worth) -> Verdict {
        if self.still == Some(sequence) {
            return Verdict::Expected;
        }
        let start = self.start(sequence, extent);
        let counts_after = matches!(self.numbering, Numbering::Leaning | Numbering::After);
        let units = if counts_after { extent.flows } else { extent.all };
        let verdict = match (self.next, self.last) {
            (None, None) => Verdict::Expected,
            (None, Some((last, _))) => self.judge_blind(last, start, units, signs, worth),
            (Some(next), _) if start == next => Verdict::Expected,
            (Some(next), _) => self.judge_step(next, start, units, signs, worth),
        };
        if !matches!(verdict, Verdict::Late(_) | Verdict::Passed) {
            self.next = units.map(|units| start.wrapping_add(units));
            self.last = Some((sequence, extent));
        }
        verdict
    }

    /// How many units were sent before this datagram, by the exporter's way of numbering, which the steps
    /// from datagram to datagram show.
    fn start(&mut self, sequence: u32, extent: Extent) -> u32 {
        // Behind a datagram of unknown extent a step shows nothing: neither reading can be excluded.
        let last = self.last.filter(|(_, extent)| extent.all.is_some());
        if let (Numbering::Open | Numbering::Leaning, Some((last, before))) = (self.numbering, last) {
            let step = Some(sequence.wrapping_sub(last));
            let (as_before, as_after) = (step == before.all, step == extent.flows);
            self.numbering = match (as_before, as_after, self.numbering) {
                (true, false, _) => Numbering::Before,
                (false, true, Numbering::Leaning) => Numbering::After,
                (false, true, _) => Numbering::Leaning,
                (_, _, as_it_was) => as_it_was,
            };
            // Whichever way it counts, nothing is missing.
            if as_after
                && self.numbering != Numbering::Before
                && !(as_before && self.numbering == Numbering::Open)
            {
                self.next = Some(last);
                return last;
            }
            if as_before {
                self.next = Some(sequence);
                return sequence;
            }
        }
        match (self.numbering, extent.flows) {
            (Numbering::Leaning | Numbering::After, Some(units)) => sequence.wrapping_sub(units),
            _ => sequence,
        }
    }

    /// Takes the gap back that begins here: it was none.
    pub(super) fn take_back(&mut self, start: u32) {
        if let Some(at) = self.gaps.iter().position(|gap| gap.start == start) {
            self.returned = self.gaps.remove(at).map(|gap| Filled { units: gap.len, worth: gap.worth });
        }
    }

    /// What was counted as lost and was found out by the last judgement not to be.
    pub(super) fn take_returned(&mut self) -> Option<Filled> {
        self.returned.take()
    }

    /// Judges a step from the datagram numbered `last`, of which it is not known how much it held.
    fn judge_blind(
        &mut self,
        last: u32,
        start: u32,
        units: Option<u32>,
        signs: Signs,
        worth: Worth,
    ) -> Verdict {
        let ahead = start.wrapping_sub(last);
        if signs.rebooted || ahead > GAP_MAX {
            return self.judge_step(last, start, units, signs, worth);
        }
        if ahead > 1 {
            push(&mut self.unseen, Gap { start: last.wrapping_add(1), len: ahead - 1, worth });
        }
        Verdict::Expected
    }

    fn judge_step(
        &mut self,
        next: u32,
        start: u32,
        units: Option<u32>,
        signs: Signs,
        worth: Worth,
    ) -> Verdict {
        let ahead = start.wrapping_sub(next);
        let is_ahead = ahead < 1 << 31;
        if !is_ahead && !signs.rebooted {
            if self.gaps.iter().any(|gap| gap.holds(start)) {
                return Verdict::Late(self.fill(start, units.unwrap_or(0)));
            }
            if signs.overtaken && self.was_passed(start) {
                return Verdict::Passed;
            }
        }
        if self.before_restart.take() == Some(start) {
            return Verdict::Expected;
        }
        if signs.rebooted || !is_ahead || ahead > GAP_MAX {
            self.before_restart = Some(next);
            self.gaps.clear();
            self.unseen.clear();
            return Verdict::Restart;
        }
        push(&mut self.gaps, Gap { start: next, len: ahead, worth });
        Verdict::Gap(ahead)
    }

    /// Whether a datagram of this number may have been overtaken without being missed: there is a gap of unknown
    /// size, or another datagram had the number too. (`see` has noted the one at hand.)
    fn was_passed(&self, start: u32) -> bool {
        self.unseen.iter().any(|gap| gap.holds(start)) || self.recent.holds_number_before_last(start)
    }

    /// Takes `[start, start + units)` out of its gap.
    fn fill(&mut self, start: u32, units: u32) -> Filled {
        let Some(at) = self.gaps.iter().position(|gap| gap.holds(start)) else { return Filled::default() };
        let Some(gap) = self.gaps.remove(at) else { return Filled::default() };
        let before = start.wrapping_sub(gap.start);
        let filled = units.min(gap.len.saturating_sub(before));
        let after = gap.len.saturating_sub(before).saturating_sub(filled);
        if before > 0 {
            self.gaps.push_back(Gap { len: before, ..gap });
        }
        if after > 0 {
            self.gaps.push_back(Gap { start: start.wrapping_add(filled), len: after, ..gap });
        }
        Filled { units: filled, worth: gap.worth }
    }

    /// Sets what is expected next, where the unit was found out to be another one.
    pub(super) fn expect(&mut self, sequence: u32) {
        self.next = Some(sequence);
        self.last = None;
        self.numbering = Numbering::Before;
    }
}

/// Remembers one more; the oldest is given up.
fn push(gaps: &mut VecDeque<Gap>, gap: Gap) {
    if gaps.len() == GAPS_MAX {
        gaps.pop_front();
    }
    gaps.push_back(gap);
}

/// Fingerprints and numbers of the last datagrams.
///
/// A ring, in which those with the same lowest octet of the fingerprint are chained, newest first: a new datagram is
/// told from the others by looking at one or two of them. Links are not undone when the oldest is overwritten: behind
/// the place of an overwritten one there were only older ones, and a link that leads nowhere older ends the search.
#[derive(Debug, Default)]
struct Recent {
    ring: Vec<Seal>,
    /// Where the newest of each chain lies.
    heads: Vec<u8>,
    /// Where the next one goes.
    at: u8,
}

/// What is remembered of a datagram.
#[derive(Debug, Clone, Copy)]
struct Seal {
    fingerprint: u64,
    number: u32,
    /// Where the one before it in its chain lies, or lay.
    before: u8,
}

impl Recent {
    fn chain(fingerprint: u64) -> usize {
        let [lowest, ..] = fingerprint.to_le_bytes();
        usize::from(lowest)
    }

    fn holds(&self, fingerprint: u64) -> bool {
        let mut place = self.heads.get(Self::chain(fingerprint)).copied().unwrap_or_default();
        let mut age = None;
        while let Some(seal) = self.ring.get(usize::from(place)) {
            if seal.fingerprint == fingerprint {
                return true;
            }
            // Datagrams since, less one.
            let now = Some(self.at.wrapping_sub(place).wrapping_sub(1));
            if now <= age {
                return false;
            }
            (age, place) = (now, seal.before);
        }
        false
    }

    fn push(&mut self, fingerprint: u64, number: u32) {
        if self.heads.is_empty() {
            self.heads.resize(RECENT_MAX, 0);
        }
        let Some(head) = self.heads.get_mut(Self::chain(fingerprint)) else { return };
        let seal = Seal { fingerprint, number, before: std::mem::replace(head, self.at) };
        match self.ring.get_mut(usize::from(self.at)) {
            Some(oldest) => *oldest = seal,
            None => self.ring.push(seal),
        }
        self.at = self.at.wrapping_add(1);
    }

    /// Whether a datagram other than the last had this number.
    fn holds_number_before_last(&self, number: u32) -> bool {
        let last = usize::from(self.at.wrapping_sub(1));
        self.ring.iter().enumerate().any(|(place, seal)| place != last && seal.number == number)
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

    /// What a played stream came to.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Told {
        lost: i64,
        late: u32,
        duplicates: u32,
        restarts: u32,
        /// Copies of which it is open what they are.
        copies: u32,
    }

    fn told(lost: i64, late: u32, duplicates: u32, restarts: u32) -> Told {
        Told { lost, late, duplicates, restarts, copies: 0 }
    }

    /// Plays datagrams given by their number and extent.
    fn play_numbers(datagrams: impl IntoIterator<Item = (u32, u32)>) -> Told {
        let mut sequence = Sequence::default();
        let mut out = Told::default();
        for (number, units) in datagrams {
            let seen = sequence.see(number, u64::from(number));
            if sequence.has_moved() {
                out.duplicates += std::mem::take(&mut out.copies);
            }
            match seen {
                Seen::New => {}
                Seen::Duplicate => out.duplicates += 1,
                Seen::Copy => out.copies += 1,
            }
            if seen != Seen::New {
                continue;
            }
            match sequence.judge(number, Extent::of(units), Signs::default(), Worth::default()) {
                Verdict::Expected => {}
                Verdict::Gap(n) => out.lost += i64::from(n),
                Verdict::Late(filled) => {
                    out.late += 1;
                    out.lost -= i64::from(filled.units);
                }
                Verdict::Passed => out.late += 1,
                Verdict::Restart => out.restarts += 1,
            }
        }
        out
    }

    /// Plays datagrams of `units` each, numbered in units.
    fn play(order: &[u32], units: u32) -> Told {
        play_numbers(order.iter().map(|i| (i.wrapping_mul(units), units)))
    }

    #[test]
    fn the_case_that_others_get_wrong() {
        assert_eq!(play(&[0, 1, 3, 2, 4, 10, 10, 11], 21), told(105, 1, 1, 0));
        assert_eq!(play(&[0, 1, 3, 2, 4, 10, 10, 11], 1), told(5, 1, 1, 0));
    }

    proptest! {
        /// The ring holds what the last 256 held, whatever the chains look like.
        #[test]
        fn the_ring_is_a_queue(fingerprints in proptest::collection::vec(0u64..2000, 0..1500), spread in 0u32..9) {
            let (mut ring, mut queue) = (Recent::default(), VecDeque::new());
            for (number, fingerprint) in (0u32..).zip(fingerprints) {
                let fingerprint = fingerprint << spread;
                let known = queue.iter().any(|(seen, _)| *seen == fingerprint);
                prop_assert_eq!(ring.holds(fingerprint), known);
                if !known {
                    if queue.len() == RECENT_MAX {
                        queue.pop_front();
                    }
                    queue.push_back((fingerprint, number / 2));
                    ring.push(fingerprint, number / 2);
                }
                let asked = number / 3;
                let before = queue.iter().rev().skip(1).any(|(_, number)| *number == asked);
                prop_assert_eq!(ring.holds_number_before_last(asked), before);
            }
        }
    }

    #[test]
    fn copies_of_the_first_datagram_wait_for_the_second_number() {
        assert_eq!(play(&[0, 0, 0, 1, 2], 21), told(0, 0, 2, 0));
        assert_eq!(play(&[0, 0, 0], 21), Told { copies: 2, ..Told::default() });
        let mut sequence = Sequence::default();
        assert_eq!(sequence.see(7, 1), Seen::New);
        assert_eq!(sequence.see(7, 1), Seen::Copy);
        sequence.stands_still();
        assert_eq!(sequence.see(7, 1), Seen::New);
        assert_eq!(sequence.judge(7, Extent::of(3), Signs::default(), Worth::default()), Verdict::Expected);
    }

    #[test]
    fn numbers_wrap() {
        let top = u32::MAX / 30;
        assert_eq!(play(&[top - 1, top, top + 1, top + 3, top + 2], 30), told(0, 1, 0, 0));
    }

    #[test]
    fn a_new_beginning_is_no_loss() {
        assert_eq!(play(&[1000, 1001, 0, 1, 2, 4], 1), told(1, 0, 0, 1));
        // A stray among them does not count as two losses.
        assert_eq!(play(&[1000, 1001, 5, 1002, 1003], 1), told(0, 0, 0, 1));
    }

    #[test]
    fn an_unknown_extent_is_not_judged() {
        let mut sequence = Sequence::default();
        let unknown = Extent { all: None, flows: None };
        assert_eq!(sequence.judge(10, unknown, Signs::default(), Worth::default()), Verdict::Expected);
        assert_eq!(sequence.judge(500, Extent::of(2), Signs::default(), Worth::default()), Verdict::Expected);
    }

    const UNKNOWN: Extent = Extent { all: None, flows: None };

    /// Plays numbers with their extents, all of them sent in the same second.
    fn judge_all(datagrams: &[(u32, Extent)]) -> Vec<Verdict> {
        let mut sequence = Sequence::default();
        let signs = Signs { rebooted: false, overtaken: true };
        let judge = |(at, (number, extent)): (usize, &(u32, Extent))| {
            assert_eq!(sequence.see(*number, at as u64), Seen::New);
            sequence.judge(*number, *extent, signs, Worth::default())
        };
        datagrams.iter().enumerate().map(judge).collect()
    }

    #[test]
    fn late_behind_an_unknown_extent_is_late() {
        // The second holds 5 and comes after the third; how much the first and the third hold is not known.
        let played = judge_all(&[(10, UNKNOWN), (20, UNKNOWN), (15, Extent::of(5)), (30, Extent::of(2))]);
        assert_eq!(played, [Verdict::Expected, Verdict::Expected, Verdict::Passed, Verdict::Expected]);
    }

    #[test]
    fn a_message_of_templates_only_may_come_late() {
        let (none, five) = (Extent::of(0), Extent::of(5));
        let played = judge_all(&[(0, Extent::of(4)), (4, five), (4, none), (9, five)]);
        assert_eq!(played, [Verdict::Expected, Verdict::Expected, Verdict::Passed, Verdict::Expected]);
    }

    #[test]
    fn a_step_behind_an_unknown_extent_says_nothing_of_the_numbering() {
        let played = judge_all(&[(10, UNKNOWN), (13, Extent::of(3)), (22, Extent::of(6))]);
        assert_eq!(played[1..], [Verdict::Expected, Verdict::Gap(6)]);
    }

    #[test]
    fn a_restart_into_a_gap_is_a_restart() {
        let mut sequence = Sequence::default();
        let mut judge = |number, rebooted| {
            let signs = Signs { rebooted, overtaken: false };
            sequence.judge(number, Extent::of(5), signs, Worth::default())
        };
        judge(0, false);
        assert_eq!(judge(20, false), Verdict::Gap(15));
        assert_eq!(judge(10, true), Verdict::Restart);
    }

    /// Numbers for datagrams of these sizes, with those in the datagram or without.
    fn numbered(sizes: &[u32], after: bool) -> Vec<(u32, u32)> {
        let mut sum = 0;
        let number = |n: &u32| {
            sum += n;
            (if after { sum } else { sum - n }, *n)
        };
        sizes.iter().map(number).collect()
    }

    #[test]
    fn exporters_that_count_the_datagram_at_hand_lose_nothing_by_it() {
        let sizes = [20, 20, 17, 20, 3, 20, 20, 9];
        assert_eq!(play_numbers(numbered(&sizes, false)), told(0, 0, 0, 0));
        assert_eq!(play_numbers(numbered(&sizes, true)), told(0, 0, 0, 0));
        // Once it is known how they count, a loss is exact.
        for after in [false, true] {
            let mut datagrams = numbered(&sizes, after);
            datagrams.remove(6);
            assert_eq!(play_numbers(datagrams.clone()), told(20, 0, 0, 0), "{after}");
            datagrams.swap(4, 5);
            datagrams.push(datagrams[5]);
            assert_eq!(play_numbers(datagrams).lost, 20, "{after}");
        }
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
            let got = play(&order, units);
            prop_assert_eq!((got.lost, got.duplicates, got.restarts), (lost, doubled, 0));
        }

        /// However an exporter numbers its datagrams of any sizes, nothing is lost where nothing is missing.
        #[test]
        fn nothing_missing_is_nothing_lost(sizes in proptest::collection::vec(1u32..30, 1..100), after: bool) {
            prop_assert_eq!(play_numbers(numbered(&sizes, after)), Told::default());
        }
    }
}
