//! What a session takes back when the program was started again, and what it learns from options from then on.

use super::late::For;
use super::memory::{self, Attic, Entry, HELD, NAME, POSITION, RECORD, Realm, SAMPLING, TEMPLATE, UNKNOWN};
use super::options::{self, Record};
use super::plan::Plan;
use super::sampling::Learned;
use super::{Key, Session, Shared, fate, hold, late};
use crate::Batch;
use crate::health::Counter;
use crate::names::SamplingSource;
use crate::schema::Column;
use weir_wire::Error;

impl Session {
    /// Takes from the attic what is remembered of this session.
    pub(super) fn recall(
        &mut self,
        key: &Key,
        attic: &Attic,
        realm: Realm,
        shared: &mut Shared,
        batch: &mut Batch,
    ) {
        let entries = attic.take(&self.prefix);
        // Stores of before 23 November 2026 have it in the record, and only of a program that was stopped in good order.
        let has_position = entries.iter().any(|entry| entry.kind == POSITION);
        for entry in entries {
            let known = match entry.kind {
                TEMPLATE => self.restore_template(&entry.value, key.protocol, shared),
                SAMPLING => self.restore_sampling(entry),
                UNKNOWN => late::Unknown::decode(&entry.value).map(|late| self.late = late).is_some(),
                NAME => self.names.restore(&entry.rest, &entry.value),
                HELD => self.restore_held(entry, shared, batch),
                RECORD => self.restore_record(&entry.value, realm == Realm::Live && !has_position),
                POSITION => self.restore_position(&entry.value, realm),
                _ => true,
            };
            if !known {
                self.counts.add_reason(Counter::Evictions, "memory");
                memory::forget(batch, &self.prefix, entry.kind, &entry.rest);
            }
        }
    }

    fn restore_sampling(&mut self, entry: &Entry) -> bool {
        let whose = For::decode(&entry.rest);
        let interval = entry.value.first_chunk().map(|octets| u32::from_be_bytes(*octets)).filter(|n| *n > 0);
        let Some((whose, interval)) = whose.zip(interval) else { return false };
        self.sampling.set(whose, interval);
        true
    }

    fn restore_held(&mut self, entry: &Entry, shared: &mut Shared, batch: &mut Batch) -> bool {
        let Some(held) = hold::Held::decode(&entry.rest, &entry.value) else { return false };
        let leads = i64::from(held.leads);
        if self.held.restore(held, &mut shared.held) {
            return true;
        }
        memory::forget(batch, &self.prefix, HELD, &entry.rest);
        self.counts.add(Counter::HeldDropped, 1);
        self.counts.add(Counter::Awaiting, -1);
        fate::give_up(&mut self.counts, fate::NO_ROOM, leads);
        true
    }

    /// Reads a set of options records; returns how many it held and what was wrong behind them.
    pub(super) fn ingest_options(
        &mut self,
        plan: &options::Plan,
        body: &[u8],
        now: i64,
        batch: &mut Batch,
    ) -> (usize, Option<Error>) {
        let mut records = 0;
        let problem = plan.records(body, |record| {
            records += 1;
            self.learn_options(&record, now, batch);
        });
        self.counts.add_len(Counter::OptionsRecords, records);
        (records, problem)
    }

    fn learn_options(&mut self, record: &Record<'_>, now: i64, batch: &mut Batch) {
        match self.sampling.learn(record.sampling) {
            Learned::Nothing => {}
            Learned::NoRoom => self.counts.add_reason(Counter::Evictions, "sampler"),
            Learned::Changed(whose, interval) => self.remember_sampling(whose, interval, batch),
            Learned::New(whose, interval) => {
                self.remember_sampling(whose, interval, batch);
                self.scale_late(whose, interval, now, batch);
            }
        }
        if let Some(init) = record.init.and_then(|ms| i64::try_from(ms).ok()) {
            self.init = Some(init);
        }
        for named in record.names() {
            if !self.names.learn(named, now, &self.prefix, batch) {
                self.counts.add_reason(Counter::Evictions, "name");
            }
        }
        self.unsent.learn(record.unsent, &mut self.counts);
    }

    fn remember_sampling(&self, whose: For, interval: u32, batch: &mut Batch) {
        memory::put(batch, &self.prefix, SAMPLING, &whose.encode(), interval.to_be_bytes());
    }

    /// Has rows scaled that waited for this interval.
    fn scale_late(&mut self, whose: For, interval: u32, now: i64, batch: &mut Batch) {
        if self.late.is_empty() {
            return;
        }
        let owner = (self.exporter, self.domain);
        batch.rescales.extend(self.late.settle(whose, interval, owner, now));
        self.remember_late(batch);
    }

    fn remember_late(&self, batch: &mut Batch) {
        if self.late.is_empty() {
            memory::forget(batch, &self.prefix, UNKNOWN, &[]);
        } else {
            memory::put(batch, &self.prefix, UNKNOWN, &[], self.late.encode());
        }
    }

    /// Takes note that there are rows of unknown sampling from `base` on.
    pub(super) fn note_unknown(&mut self, plan: &Plan, base: usize, now: i64, batch: &mut Batch) {
        let mut news = false;
        if plan.sampler.is_some() {
            let samplers = batch.u64s(Column::Sampler).get(base..).unwrap_or_default();
            let present = batch.present().get(base..).unwrap_or_default();
            let sources = batch.u8s(Column::SamplingSource).get(base..).unwrap_or_default();
            let is_open = |mask: u64, source: u8| {
                mask & Column::SamplingInterval.bit() == 0 || source == SamplingSource::Default.code()
            };
            let rows = present.iter().zip(sources).zip(samplers);
            for (_, sampler) in rows.filter(|((mask, source), _)| is_open(**mask, **source)) {
                news |= self.late.note(Some(*sampler), now);
            }
        } else {
            news |= self.late.note(None, now);
        }
        if news {
            self.remember_late(batch);
        }
    }
}
