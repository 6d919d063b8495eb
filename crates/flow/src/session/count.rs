//! Counts per exporter and observation domain, gathered in plain integers and handed over as health rows.

use crate::health::{Counter, Row};
use crate::{Addr, Batch, time};

const COUNTERS: usize = Counter::ALL.len();

/// What was counted for one exporter and domain since it was last handed over.
#[derive(Debug)]
pub(super) struct Counts {
    exporter: Addr,
    domain: u32,
    /// The bin of arrival that the values belong to.
    bin: i64,
    values: [i64; COUNTERS],
    /// Octets that did not fit beside those that were there: of absurd exporters only.
    spilled: Vec<(Counter, i64)>,
    /// Values with a reason: few, so a list.
    reasons: Vec<(Counter, &'static str, i64)>,
    dirty: bool,
}

impl Counts {
    pub(super) fn new(exporter: Addr, domain: u32) -> Self {
        Self {
            exporter,
            domain,
            bin: i64::MIN,
            values: [0; COUNTERS],
            spilled: Vec::new(),
            reasons: Vec::new(),
            dirty: false,
        }
    }

    /// Begins to count for a datagram that arrived at `received`; what belongs to an older bin is handed over.
    pub(super) fn at(&mut self, received: i64, batch: &mut Batch) {
        let bin = time::bin(received);
        if bin != self.bin {
            self.hand_over(batch);
            self.bin = bin;
        }
    }

    /// Reads something of every cache line.
    #[inline]
    pub(super) fn warm(&self) -> u64 {
        self.values.iter().step_by(8).fold(0, |all, value| all ^ value.cast_unsigned())
    }

    #[inline]
    pub(super) fn add(&mut self, counter: Counter, value: i64) {
        if let Some(v) = self.values.get_mut(counter as usize) {
            self.dirty = true;
            match v.checked_add(value) {
                Some(sum) => *v = sum,
                None if counter == Counter::Octets => {
                    self.spilled.push((counter, std::mem::replace(v, value)));
                }
                None => *v = v.saturating_add(value),
            }
        }
    }

    /// The same for amounts of traffic, which the wire gives as unsigned numbers. Octets are exact however many they
    /// are, because the trial balance is made with them; the others stand at their maximum.
    pub(super) fn add_amount(&mut self, counter: Counter, value: u128) {
        if counter != Counter::Octets {
            return self.add(counter, i64::try_from(value).unwrap_or(i64::MAX));
        }
        let mut rest = value;
        while let Err(_too_large) = i64::try_from(rest) {
            self.add(counter, i64::MAX);
            rest -= u128::from(i64::MAX.unsigned_abs());
        }
        self.add(counter, i64::try_from(rest).unwrap_or_default());
    }

    /// The same for numbers of things in memory.
    pub(super) fn add_len(&mut self, counter: Counter, value: usize) {
        self.add(counter, i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub(super) fn add_reason(&mut self, counter: Counter, reason: &'static str) {
        self.add_reason_value(counter, reason, 1);
    }

    pub(super) fn add_reason_value(&mut self, counter: Counter, reason: &'static str, more: i64) {
        self.dirty = true;
        match self.reasons.iter_mut().find(|(c, r, _)| *c == counter && *r == reason) {
            Some((_, _, value)) => *value = value.saturating_add(more),
            None => self.reasons.push((counter, reason, more)),
        }
    }

    /// Moves what was counted into the batch, as rows.
    pub(super) fn hand_over(&mut self, batch: &mut Batch) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let (bin, exporter, domain) = (self.bin, self.exporter, self.domain);
        let mut row = |what, value| {
            if value != 0 {
                batch.health.push(Row { bin, exporter, domain, what, value });
            }
        };
        for (counter, value) in Counter::ALL.iter().zip(&mut self.values) {
            row(counter.name().into(), std::mem::take(value));
        }
        for (counter, value) in self.spilled.drain(..) {
            row(counter.name().into(), value);
        }
        for (counter, reason, value) in self.reasons.drain(..) {
            row(format!("{}:{reason}", counter.name()).into(), value);
        }
    }
}
