//! The running books: what came in with every batch, and whether it adds up.
//!
//! Two equations hold after every batch, exactly, or something in weir is broken:
//!
//! * `datagrams = decoded + held + refused{reason}`: each datagram has one fate (`weir_flow`'s `session::fate`);
//! * `octets decoded = in + out + local + transit + unmatched + duplicate + discarded{reason}`: the trial balance. The
//!   left side is counted by the sessions, straight from the records; the right side is read off the rows after they
//!   were attributed.
//!
//! Values that the network can choose have a maximum: exporters beyond [`EXPORTERS_MAX`] are counted together, and so
//! are reasons beyond [`REASONS_MAX`].

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use weir_flow::health::{Counter, Row};
use weir_flow::names::Direction;
use weir_flow::{Addr, Batch, Column};

/// Exporters that have figures of their own.
pub(crate) const EXPORTERS_MAX: usize = 1000;
/// Pairs of a counter and a reason that have figures of their own. There are some sixty.
const REASONS_MAX: usize = 256;
/// The reason of all reasons beyond the maximum.
const OTHER: &str = "other";

/// A sum that only grows, of what was counted and of what was taken back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Counted.
    pub(crate) up: u128,
    /// Taken back: late datagrams take their loss back, sets that waited are released.
    pub(crate) down: u128,
}

impl Sum {
    fn add(&mut self, value: i64) {
        let side = if value < 0 { &mut self.down } else { &mut self.up };
        *side = side.saturating_add(value.unsigned_abs().into());
    }

    /// What is left of it.
    pub(crate) fn net(self) -> i128 {
        let wide = |value| i128::try_from(value).unwrap_or(i128::MAX);
        wide(self.up).saturating_sub(wide(self.down))
    }
}

/// What was counted, by counter and without reasons.
#[derive(Debug, Clone)]
pub(crate) struct Tally([Sum; Counter::ALL.len()]);

impl Default for Tally {
    fn default() -> Self {
        Self([Sum::default(); Counter::ALL.len()])
    }
}

impl Tally {
    fn add(&mut self, counter: Counter, value: i64) {
        if let Some(sum) = self.0.get_mut(counter as usize) {
            sum.add(value);
        }
    }

    /// The sum of a counter.
    pub(crate) fn of(&self, counter: Counter) -> Sum {
        self.0.get(counter as usize).copied().unwrap_or_default()
    }

    /// Datagrams that arrived, less those that have a fate. Must be 0.
    fn datagrams_difference(&self) -> i128 {
        let fates = [Counter::DatagramsDecoded, Counter::DatagramsHeld, Counter::DatagramsRefused];
        let net = |counter| self.of(counter).net();
        fates.into_iter().fold(net(Counter::Datagrams), |rest, fate| rest.saturating_sub(net(fate)))
    }
}

/// What one exporter sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exporter {
    /// What was counted.
    pub(crate) tally: Tally,
    /// When something was heard of it last, ms since 1970.
    pub(crate) last_ms: i64,
}

/// Flows and octets in one place of the trial balance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Rows.
    pub(crate) flows: u128,
    /// Their octets, sampling undone; an unknown number adds nothing.
    pub(crate) octets: u128,
}

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invariant {
    /// Every datagram has one fate, of each exporter.
    Datagrams,
    /// Every octet lies in one place.
    Octets,
}

impl Invariant {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Datagrams, Self::Octets];

    /// The label in the metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Datagrams => "datagrams",
            Self::Octets => "octets",
        }
    }

    /// What it says.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Datagrams => "datagrams = decoded + held + refused",
            Self::Octets => "octets decoded = in + out + local + transit + unmatched + duplicate + discarded",
        }
    }
}

/// Everything since the daemon began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    /// Of all exporters.
    pub(crate) total: Tally,
    exporters: HashMap<Addr, Exporter, foldhash::fast::RandomState>,
    /// Exporters beyond the maximum, together.
    pub(crate) others: Option<Exporter>,
    /// What has reasons, by counter and reason.
    pub(crate) reasons: BTreeMap<(Counter, Cow<'static, str>), Sum>,
    places: [Place; Direction::ALL.len()],
    /// Decoded and not stored, by reason.
    pub(crate) discarded: BTreeMap<&'static str, Place>,
    /// Batches.
    pub(crate) batches: u64,
    differences: [i128; Invariant::ALL.len()],
    violations: [u64; Invariant::ALL.len()],
}

impl Books {
    /// Takes in a batch that is stored, at `now_ms`; the invariants that it broke.
    pub(crate) fn note(&mut self, batch: &Batch, now_ms: i64) -> Vec<Invariant> {
        let places = places(batch);
        for (sum, more) in self.places.iter_mut().zip(places) {
            sum.flows = sum.flows.saturating_add(more.flows);
            sum.octets = sum.octets.saturating_add(more.octets);
        }
        self.count(batch, now_ms)
    }

    /// Takes in a batch whose rows were not stored, and why; the invariants that it broke.
    pub(crate) fn discard(&mut self, batch: &Batch, reason: &'static str, now_ms: i64) -> Vec<Invariant> {
        let sum = self.discarded.entry(reason).or_default();
        for more in places(batch) {
            sum.flows = sum.flows.saturating_add(more.flows);
            sum.octets = sum.octets.saturating_add(more.octets);
        }
        self.count(batch, now_ms)
    }

    fn count(&mut self, batch: &Batch, now_ms: i64) -> Vec<Invariant> {
        self.batches = self.batches.saturating_add(1);
        for row in &batch.health {
            self.count_row(row, now_ms);
        }
        // Of a batch, not of each of its rows: a datagram and its fate may be counted on both sides of a bin's end.
        let mut last = None;
        let mut news = batch.health.iter().filter(|row| last.replace(row.exporter) != Some(row.exporter));
        let is_unfair = news.any(|row| self.is_unfair(row.exporter));
        let decoded = self.total.of(Counter::Octets).net();
        let mut octets = decoded;
        for place in self.places.iter().chain(self.discarded.values()) {
            octets = octets.saturating_sub(i128::try_from(place.octets).unwrap_or(i128::MAX));
        }
        let datagrams = match self.total.datagrams_difference() {
            // Two exporters' differences may cancel out.
            0 if is_unfair => 1,
            difference => difference,
        };
        self.judge([datagrams, octets])
    }

    /// Whether this exporter's datagrams do not add up.
    fn is_unfair(&self, exporter: Addr) -> bool {
        let found = self.exporters.get(&exporter).or(self.others.as_ref());
        found.is_some_and(|exporter| exporter.tally.datagrams_difference() != 0)
    }

    fn judge(&mut self, differences: [i128; Invariant::ALL.len()]) -> Vec<Invariant> {
        let mut broken = Vec::new();
        let before = std::mem::replace(&mut self.differences, differences);
        for (((invariant, violations), before), after) in
            Invariant::ALL.into_iter().zip(&mut self.violations).zip(before).zip(differences)
        {
            // What does not add up once does not add up from then on: only a change is news.
            if after != before && after != 0 {
                *violations = violations.saturating_add(1);
                broken.push(invariant);
            }
        }
        broken
    }

    fn count_row(&mut self, row: &Row, now_ms: i64) {
        let (Some(counter), reason) = row.counter() else { return };
        self.total.add(counter, row.value);
        if let Some(reason) = reason {
            let key = (counter, Cow::Owned(reason.to_owned()));
            let has_room = self.reasons.len() < REASONS_MAX || self.reasons.contains_key(&key);
            let key = if has_room { key } else { (counter, OTHER.into()) };
            self.reasons.entry(key).or_default().add(row.value);
        }
        if row.exporter == Addr::UNSPECIFIED && !self.is_known(row.exporter) && !is_of_datagrams(counter) {
            // Nobody in particular: the kernel's drops, evictions, what relays counted.
            return;
        }
        let has_room = self.exporters.len() < EXPORTERS_MAX || self.is_known(row.exporter);
        let exporter = if has_room {
            self.exporters.entry(row.exporter).or_default()
        } else {
            self.others.get_or_insert_default()
        };
        exporter.tally.add(counter, row.value);
        exporter.last_ms = now_ms;
    }

    fn is_known(&self, exporter: Addr) -> bool {
        self.exporters.contains_key(&exporter)
    }

    /// The exporters that have figures of their own.
    pub(crate) fn exporters(&self) -> impl Iterator<Item = (Addr, &Exporter)> {
        self.exporters.iter().map(|(address, exporter)| (*address, exporter))
    }

    /// How many exporters have figures of their own.
    pub(crate) fn exporters_len(&self) -> usize {
        self.exporters.len()
    }

    /// The places of the trial balance.
    pub(crate) fn places(&self) -> impl Iterator<Item = (Direction, Place)> {
        Direction::ALL.iter().copied().zip(self.places)
    }

    /// By how much each invariant is off, and how often it went off.
    pub(crate) fn invariants(&self) -> impl Iterator<Item = (Invariant, i128, u64)> {
        let both = self.differences.into_iter().zip(self.violations);
        Invariant::ALL.into_iter().zip(both).map(|(invariant, (off, times))| (invariant, off, times))
    }
}

fn is_of_datagrams(counter: Counter) -> bool {
    matches!(
        counter,
        Counter::Datagrams | Counter::DatagramsDecoded | Counter::DatagramsHeld | Counter::DatagramsRefused
    )
}

/// Where the rows of a batch lie. A row that lies nowhere is in none of them, and the balance shows it.
fn places(batch: &Batch) -> [Place; Direction::ALL.len()] {
    const NEEDED: u64 = Column::Direction.bit();
    let mut places = [Place::default(); Direction::ALL.len()];
    let (directions, octets) = (batch.u8s(Column::Direction), batch.u64s(Column::Octets));
    for ((mask, direction), octets) in batch.present().iter().zip(directions).zip(octets) {
        if mask & NEEDED == 0 {
            continue;
        }
        if let Some(place) = places.get_mut(usize::from(*direction)) {
            place.flows += 1;
            let is_known = mask & Column::Octets.bit() != 0;
            place.octets += u128::from(if is_known { *octets } else { 0 });
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_flow::batch::RowBuilder;

    const A: Addr = Addr::v4([192, 0, 2, 1]);

    fn counted(exporter: Addr, what: &'static str, value: i64) -> Row {
        Row { bin: 0, exporter, domain: 0, what: what.into(), value }
    }

    fn batch(rows: &[(Direction, u64)], health: &[Row]) -> Batch {
        let mut batch = Batch::new();
        for (direction, octets) in rows {
            RowBuilder::new()
                .unsigned(Column::Direction, direction.code().into())
                .unsigned(Column::Octets, *octets)
                .push(&mut batch);
        }
        batch.seal();
        batch.health.extend_from_slice(health);
        batch
    }

    fn off(books: &Books) -> Vec<(i128, u64)> {
        books.invariants().map(|(_, off, times)| (off, times)).collect()
    }

    #[test]
    fn books_that_add_up() {
        let mut books = Books::default();
        let rows = [(Direction::In, 700), (Direction::Unmatched, 40), (Direction::In, u64::MAX)];
        let health = [
            counted(A, "datagrams", 5),
            counted(A, "datagrams_decoded", 2),
            counted(A, "datagrams_held", 1),
            counted(A, "datagrams_refused:duplicate", 2),
            counted(A, "octets", 740),
            counted(A, "octets", i64::MAX),
            counted(A, "octets", i64::MAX),
            counted(A, "octets", 1),
            counted(Addr::UNSPECIFIED, "socket_drops", 9),
        ];
        assert_eq!(books.note(&batch(&rows, &health), 1), []);
        // The template came: what waited is decoded. The disk was full.
        let health = [
            counted(A, "datagrams", 1),
            counted(A, "datagrams_held", -1),
            counted(A, "datagrams_decoded", 2),
            counted(A, "octets", 60),
        ];
        assert_eq!(books.discard(&batch(&[(Direction::Out, 60)], &health), "disk_full", 2), []);
        assert_eq!(off(&books), [(0, 0), (0, 0)]);
        let places: Vec<_> =
            books.places().filter(|(_, p)| p.flows > 0).map(|(d, p)| (d, p.octets)).collect();
        assert_eq!(places, [(Direction::In, 700 + u128::from(u64::MAX)), (Direction::Unmatched, 40)]);
        assert_eq!(books.discarded.get("disk_full"), Some(&Place { flows: 1, octets: 60 }));
        assert_eq!(books.total.of(Counter::DatagramsHeld), Sum { up: 1, down: 1 });
        assert_eq!(books.exporters_len(), 1);
    }

    #[test]
    fn a_difference_is_told_once_for_every_change() {
        let mut books = Books::default();
        let lost = [counted(A, "datagrams", 2), counted(A, "datagrams_decoded", 1), counted(A, "octets", 5)];
        let broken = books.note(&batch(&[], &lost), 0);
        assert_eq!(broken, [Invariant::Datagrams, Invariant::Octets]);
        assert_eq!(off(&books), [(1, 1), (5, 1)]);
        assert_eq!(books.note(&batch(&[], &[]), 0), []);
        assert_eq!(books.note(&batch(&[(Direction::In, 2)], &[]), 0), [Invariant::Octets]);
        assert_eq!(off(&books), [(1, 1), (3, 2)]);
    }

    #[test]
    fn exporters_do_not_make_up_for_each_other() {
        let mut books = Books::default();
        let b = Addr::v4([192, 0, 2, 2]);
        let crossed = [counted(A, "datagrams", 1), counted(b, "datagrams_decoded", 1)];
        assert_eq!(books.note(&batch(&[], &crossed), 0), [Invariant::Datagrams]);
    }

    #[test]
    fn a_row_in_no_place_is_seen() {
        let mut books = Books::default();
        let mut nowhere = batch(&[(Direction::In, 10)], &[counted(A, "octets", 10)]);
        nowhere.present_mut()[0] &= !Column::Direction.bit();
        assert_eq!(books.note(&nowhere, 0), [Invariant::Octets]);
    }

    #[test]
    fn ten_thousand_exporters_are_a_thousand_and_the_others() {
        let mut books = Books::default();
        for n in 0..10_000u32 {
            let exporter = Addr::v4(n.to_be_bytes());
            let health = [counted(exporter, "datagrams", 1), counted(exporter, "datagrams_decoded", 1)];
            assert_eq!(books.note(&batch(&[], &health), 0), []);
        }
        assert_eq!(books.exporters_len(), EXPORTERS_MAX);
        let others = books.others.as_ref().unwrap().tally.of(Counter::Datagrams).up;
        assert_eq!(others, 10_000 - EXPORTERS_MAX as u128);
    }
}
