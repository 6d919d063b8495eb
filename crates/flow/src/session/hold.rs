//! Data sets that came before their template, kept until it comes.
//!
//! They are remembered in the store as well ([`super::memory`]), so a restart does not lose them: the frame that
//! takes a set in holds the set, and the frame that holds its records forgets it.

use super::clock::Clock;
use super::memory::{self, HELD, Prefix};
use crate::Batch;
use std::collections::VecDeque;

/// Sets held per session: at one datagram a second, over an hour until a router repeats its templates.
const SETS_MAX: usize = 4096;

/// The bit beside that of the first time by which a set says that it leads.
const LEADS: u8 = 2;

/// A data set whose template is not known yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Whether its datagram waits with it: nothing else of that was read, and this is its first set.
    pub(super) leads: bool,
    /// Its number in the session.
    pub(super) number: u64,
    /// The template it waits for.
    pub(super) id: u16,
    /// The clock of the message it came in.
    pub(super) clock: Clock,
    /// Its records.
    pub(super) body: Box<[u8]>,
}

/// The waiting sets of one session, oldest first.
#[derive(Debug, Default)]
pub(super) struct Holding {
    sets: VecDeque<Held>,
    next: u64,
}

/// How many octets of sets wait in all sessions, and may.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) used: usize,
    pub(super) max: usize,
}

impl Holding {
    /// Keeps a set if there is room: in this session, and in all together. Its number, if there was.
    pub(super) fn push(
        &mut self,
        (id, clock, body, leads): (u16, Clock, &[u8], bool),
        budget: &mut Budget,
        prefix: &Prefix,
        batch: &mut Batch,
    ) -> Option<u64> {
        let held = Held { leads, number: self.next, id, clock, body: body.into() };
        let (number, value) = (held.number, held.encode());
        if !self.restore(held, budget) {
            return None;
        }
        memory::put(batch, prefix, HELD, &number.to_be_bytes(), value);
        Some(number)
    }

    /// The set of this number, which led, leads no more; false if it is not here.
    pub(super) fn follow(&mut self, number: u64, prefix: &Prefix, batch: &mut Batch) -> bool {
        // It came with the datagram at hand, so it is among the last.
        let Some(held) = self.sets.iter_mut().rev().find(|held| held.number == number) else { return false };
        held.leads = false;
        memory::put(batch, prefix, HELD, &number.to_be_bytes(), held.encode());
        true
    }

    /// How many datagrams wait with their sets.
    pub(super) fn leading(&self) -> i64 {
        self.sets.iter().map(|held| i64::from(held.leads)).sum()
    }

    /// Takes back a set that is remembered.
    pub(super) fn restore(&mut self, held: Held, budget: &mut Budget) -> bool {
        let size = held.body.len();
        if self.sets.len() >= SETS_MAX || budget.used.saturating_add(size) > budget.max {
            return false;
        }
        budget.used = budget.used.saturating_add(size);
        self.next = self.next.max(held.number.saturating_add(1));
        self.sets.push_back(held);
        true
    }

    /// Takes out the sets that wait for this template, oldest first.
    pub(super) fn take(
        &mut self,
        id: u16,
        budget: &mut Budget,
        prefix: &Prefix,
        batch: &mut Batch,
    ) -> Vec<Held> {
        if self.sets.is_empty() {
            return Vec::new();
        }
        let (taken, left): (VecDeque<Held>, VecDeque<Held>) =
            self.sets.drain(..).partition(|held| held.id == id);
        self.sets = left;
        for held in &taken {
            budget.used = budget.used.saturating_sub(held.body.len());
            memory::forget(batch, prefix, HELD, &held.number.to_be_bytes());
        }
        taken.into()
    }

    /// How many sets wait, and how many octets they are.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.sets.len(), self.sets.iter().map(|held| held.body.len()).sum())
    }
}

impl Held {
    fn encode(&self) -> Vec<u8> {
        let mut out = self.id.to_be_bytes().to_vec();
        let clock = &self.clock;
        out.extend_from_slice(&clock.received.to_be_bytes());
        let times = [clock.export, clock.uptime.map(i64::from), clock.init];
        for (time, leads) in times.into_iter().zip([self.leads, false, false]) {
            out.push(u8::from(time.is_some()) | (u8::from(leads) * LEADS));
            out.extend_from_slice(&time.unwrap_or_default().to_be_bytes());
        }
        out.extend_from_slice(&self.body);
        out
    }

    /// From a key's rest and its value; `None` if they are none of ours.
    pub(super) fn decode(rest: &[u8], value: &[u8]) -> Option<Self> {
        fn time(value: &[u8]) -> Option<(Option<i64>, &[u8])> {
            let ([known], value) = value.split_first_chunk()?;
            let (time, value) = value.split_first_chunk()?;
            Some(((known & 1 == 1).then(|| i64::from_be_bytes(*time)), value))
        }
        let number = u64::from_be_bytes(rest.try_into().ok()?);
        let (id, value) = value.split_first_chunk()?;
        let (received, value) = value.split_first_chunk()?;
        let leads = value.first()? & LEADS != 0;
        let (export, value) = time(value)?;
        let (uptime, value) = time(value)?;
        let (init, body) = time(value)?;
        let uptime = uptime.and_then(|ms| u32::try_from(ms).ok());
        let clock = Clock { received: i64::from_be_bytes(*received), export, uptime, init };
        Some(Self { leads, number, id: u16::from_be_bytes(*id), clock, body: body.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_a_set_is_the_set() {
        for (export, uptime, init) in [(None, None, None), (Some(-5), Some(u32::MAX), Some(1 << 40))] {
            let leads = export.is_none();
            let clock = Clock { received: 1_767_225_600_000, export, uptime, init };
            let held = Held { leads, number: 7, id: 256, clock, body: [1, 2, 3].into() };
            assert_eq!(Held::decode(&7u64.to_be_bytes(), &held.encode()), Some(held));
        }
        assert_eq!(Held::decode(&[0; 8], &[0; 36]), None);
        assert_eq!(Held::decode(&[0; 7], &[0; 40]), None);
    }
}
