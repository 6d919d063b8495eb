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
    /// Of a stranger that is counted with others: what stands there in its stead and may be taken back, in the order
    /// of [`LENT`].
    lent: Option<[i64; 2]>,
}

/// Counters of what is open, from which is taken what was added before.
const LENT: [Counter; 2] = [Counter::Awaiting, Counter::DatagramsHeld];

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
            lent: None,
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

    /// From now on it is counted with others.
    pub(super) fn share(&mut self) {
        self.lent = Some([0; 2]);
    }

    /// From now on it is counted by its own name; what is open comes over from the others.
    pub(super) fn own(&mut self, batch: &mut Batch) {
        let Some(lent) = self.lent.take() else { return };
        for (counter, value) in LENT.into_iter().zip(lent).filter(|(_, value)| *value != 0) {
            let (bin, what) = (self.bin, std::borrow::Cow::from(counter.name()));
            let nobody = Addr::UNSPECIFIED;
            batch.health.push(Row { bin, exporter: nobody, domain: 0, what: what.clone(), value: -value });
            batch.health.push(Row { bin, exporter: self.exporter, domain: self.domain, what, value });
        }
    }

    /// Moves what was counted into the batch, as rows.
    pub(super) fn hand_over(&mut self, batch: &mut Batch) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let (mut exporter, mut domain) = (self.exporter, self.domain);
        if let Some(lent) = &mut self.lent {
            (exporter, domain) = (Addr::UNSPECIFIED, 0);
            for (counter, lent) in LENT.into_iter().zip(lent) {
                *lent += self.values.get(counter as usize).copied().unwrap_or_default();
            }
        }
        let bin = self.bin;
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
