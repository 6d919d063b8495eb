//! What is kept in memory while the disk takes nothing: everything of the batches but their rows.
//!
//! Rows that cannot be stored are given up, and counted as `discarded` beside what was decoded, so that the trial
//! balance closes. What was counted, what sessions want remembered, what interfaces counted and sampling intervals
//! that came late are small: they are held, added up, and journalled as one batch without rows when the disk takes
//! something again. All of it has a limit, however long that takes.

use std::collections::{BTreeMap, HashMap};
use weir_flow::health::{Counter, Row};
use weir_flow::memory::{Change, Memory};
use weir_flow::time::bin;
use weir_flow::{Addr, Batch, Column, Rescale, counter::Sample};

/// Counts of so many things are told apart; those beyond count for no exporter.
const COUNTS_MAX: usize = if cfg!(test) { 8 } else { 1 << 18 };
/// So many bytes of changes of what sessions remember are listed; with more, all that is remembered is written.
const CHANGES_MAX_BYTES: usize = if cfg!(test) { 1 << 10 } else { 32 << 20 };
/// So many samples of interface counters are held, and so many late sampling intervals.
const LIST_MAX: usize = if cfg!(test) { 4 } else { 1 << 16 };

/// What happened to a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is stored, under this sequence.
    Stored(u64),
    /// Its rows are discarded and counted, because the disk refuses; the rest of it is held.
    Held,
}

/// Why nothing is stored, since when, and what that cost so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When it began, ms since 1970.
    pub since_ms: i64,
    /// What the operating system said, as one sentence that names the file.
    pub error: String,
    /// Whether the disk (or the quota) is full.
    pub is_full: bool,
    /// Rows given up.
    pub flows: u64,
    /// Their octets, sampling undone.
    pub octets: u128,
    /// Their packets, sampling undone.
    pub packets: u128,
}

/// Bin, exporter, domain, and what was counted.
type Key = (i64, Addr, u32, std::borrow::Cow<'static, str>);

/// What batches brought while nothing could be stored.
#[derive(Debug)]
pub(crate) struct Hold {
    pub outage: Outage,
    /// When the disk was tried last.
    pub tried_ms: i64,
    counts: BTreeMap<Key, i128>,
    changes: Vec<Change>,
    /// Where the last `Put` of a key stands among the changes, if no key was forgotten since.
    puts: HashMap<Box<[u8]>, usize>,
    change_bytes: usize,
    /// Too much was changed to be listed.
    is_all_changed: bool,
    counters: Vec<Sample>,
    rescales: Vec<Rescale>,
}

impl Hold {
    pub(crate) fn new(error: &crate::Error, now_ms: i64) -> Self {
        let outage = Outage {
            since_ms: now_ms,
            error: error.to_string(),
            is_full: error.is_full(),
            flows: 0,
            octets: 0,
            packets: 0,
        };
        Self {
            outage,
            tried_ms: now_ms,
            counts: BTreeMap::new(),
            changes: Vec::new(),
            puts: HashMap::new(),
            change_bytes: 0,
            is_all_changed: false,
            counters: Vec::new(),
            rescales: Vec::new(),
        }
    }

    /// The reason in the counters of what is given up.
    fn reason(&self) -> &'static str {
        if self.outage.is_full { "disk_full" } else { "disk_error" }
    }

    /// Takes in a batch that is not stored.
    pub(crate) fn take(&mut self, batch: &Batch, now_ms: i64) {
        for row in &batch.health {
            self.count((row.bin, row.exporter, row.domain, row.what.clone()), row.value.into());
        }
        self.discard(batch);
        batch.memory.iter().for_each(|change| self.change(change));
        let reason = self.reason();
        for sample in &batch.counters {
            if self.counters.len() < LIST_MAX {
                self.counters.push(*sample);
                continue;
            }
            let place = (bin(sample.received), sample.exporter, sample.domain);
            self.count_reason(place, Counter::DiscardedSamples, reason, 1);
        }
        for rescale in &batch.rescales {
            if self.rescales.len() < LIST_MAX {
                self.rescales.push(*rescale);
                continue;
            }
            let place = (bin(now_ms), rescale.exporter, rescale.domain);
            self.count_reason(place, Counter::DiscardedIntervals, reason, 1);
        }
    }

    /// Counts the rows of a batch as given up, in the bins they arrived in.
    fn discard(&mut self, batch: &Batch) {
        let (received, exporter) = (batch.times(Column::Received), batch.addrs(Column::Exporter));
        let domain = batch.u32s(Column::Domain);
        let (octets, packets) = (batch.u64s(Column::Octets), batch.u64s(Column::Packets));
        let mut sums: HashMap<(i64, Addr, u32), [i128; 3]> = HashMap::new();
        for (row, mask) in batch.present().iter().enumerate() {
            let amount = |column: Column, values: &[u64]| {
                let value = values.get(row).copied().filter(|_| mask & column.bit() != 0);
                i128::from(value.unwrap_or(0))
            };
            let key = (
                bin(received.get(row).copied().unwrap_or_default()),
                exporter.get(row).copied().unwrap_or_default(),
                domain.get(row).copied().unwrap_or_default(),
            );
            let sum = sums.entry(key).or_default();
            let more = [1, amount(Column::Octets, octets), amount(Column::Packets, packets)];
            sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
        let reason = self.reason();
        for (place, [flows, octets, packets]) in sums {
            self.count_reason(place, Counter::DiscardedFlows, reason, flows);
            self.count_reason(place, Counter::DiscardedOctets, reason, octets);
            self.count_reason(place, Counter::DiscardedPackets, reason, packets);
            self.outage.flows += u64::try_from(flows).unwrap_or_default();
            self.outage.octets += octets.unsigned_abs();
            self.outage.packets += packets.unsigned_abs();
        }
    }

    fn count_reason(&mut self, place: (i64, Addr, u32), counter: Counter, reason: &str, value: i128) {
        let (bin, exporter, domain) = place;
        self.count((bin, exporter, domain, format!("{}:{reason}", counter.name()).into()), value);
    }

    fn count(&mut self, key: Key, value: i128) {
        if self.counts.len() < COUNTS_MAX || self.counts.contains_key(&key) {
            *self.counts.entry(key).or_default() += value;
            return;
        }
        // The sums stay right; whose they are is no longer told.
        let first = self.counts.keys().next().map_or(key.0, |first| first.0);
        *self.counts.entry((first, Addr::UNSPECIFIED, 0, key.3)).or_default() += value;
    }

    fn change(&mut self, change: &Change) {
        if self.is_all_changed {
            return;
        }
        match change {
            Change::Put { key, value } => {
                self.change_bytes += key.len() + value.len();
                match self.puts.get(key).and_then(|at| self.changes.get_mut(*at)) {
                    Some(slot) => {
                        if let Change::Put { key, value } = slot {
                            self.change_bytes -= key.len() + value.len();
                        }
                        *slot = change.clone();
                    }
                    None => {
                        self.puts.insert(key.clone(), self.changes.len());
                        self.changes.push(change.clone());
                    }
                }
            }
            Change::Forget { prefix } => {
                self.puts.clear();
                self.change_bytes += prefix.len();
                self.changes.push(change.clone());
            }
        }
        let entries = self.changes.len().saturating_mul(weir_flow::memory::ENTRY_BYTES);
        if self.change_bytes.saturating_add(entries) > CHANGES_MAX_BYTES {
            self.is_all_changed = true;
            self.changes = Vec::new();
            self.puts = HashMap::new();
        }
    }

    /// All that is held, as a batch without rows. `memory` is what is remembered now.
    pub(crate) fn batch(&self, memory: &Memory) -> Batch {
        let mut batch = Batch::with_columns(0);
        for ((bin, exporter, domain, what), value) in &self.counts {
            let mut rest = *value;
            while rest != 0 {
                // A sum that exceeds 64 bits becomes several rows.
                let value = i64::try_from(rest).unwrap_or(if rest < 0 { i64::MIN } else { i64::MAX });
                rest -= i128::from(value);
                let (bin, exporter, domain) = (*bin, *exporter, *domain);
                batch.health.push(Row { bin, exporter, domain, what: what.clone(), value });
            }
        }
        batch.memory = if self.is_all_changed { whole(memory) } else { self.changes.clone() };
        batch.counters = self.counters.clone();
        batch.rescales = self.rescales.clone();
        batch
    }
}

/// Changes after which this is remembered, whatever was before.
fn whole(memory: &Memory) -> Vec<Change> {
    let puts = memory.iter().map(|(key, value)| Change::Put { key: key.into(), value: value.into() });
    std::iter::once(Change::Forget { prefix: Box::default() }).chain(puts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, sample};
    use std::io;
    use std::path::Path;

    fn full() -> Hold {
        let error = Error::io(Path::new("j"), "append to", io::ErrorKind::StorageFull.into());
        Hold::new(&error, 5)
    }

    fn put(key: &str, value: &str) -> Change {
        Change::Put { key: key.as_bytes().into(), value: value.as_bytes().into() }
    }

    #[test]
    fn rows_become_counts_and_the_sums_stay_right_beyond_the_limit() {
        let mut hold = full();
        let mut exporters = 0;
        for i in 1..=20u64 {
            let mut batch = sample::tiny(1000 + i, i64::try_from(i).unwrap() * 300_000);
            exporters += batch.health.len();
            batch.health.iter_mut().for_each(|row| row.bin = i64::try_from(i).unwrap());
            hold.take(&batch, 5);
        }
        assert!(exporters > 0);
        let batch = hold.batch(&Memory::new());
        assert!(batch.is_empty() && batch.health.len() <= COUNTS_MAX + 8, "{}", batch.health.len());
        let sum = |what: &str| batch.health.iter().filter(|r| r.what == what).map(|r| r.value).sum::<i64>();
        assert_eq!(sum("discarded_flows:disk_full"), 20);
        assert_eq!(sum("discarded_octets:disk_full"), 20 * 1000 + 210);
        assert_eq!((hold.outage.flows, hold.outage.octets), (20, 20_210));
        assert_eq!(sum("records"), 20);
    }

    #[test]
    fn changes_are_held_in_their_order_and_all_is_written_when_they_are_many() {
        let mut hold = full();
        let mut memory = Memory::new();
        let mut before = Memory::new();
        before.apply(&put("gone", "x"));
        memory.apply(&put("gone", "x"));
        let changes =
            [put("a", "1"), put("a", "2"), Change::Forget { prefix: (*b"g").into() }, put("a", "3")];
        for change in &changes {
            memory.apply(change);
            hold.change(change);
        }
        assert_eq!(hold.changes.len(), 3, "a put that is put again before anything is forgotten is one");
        let replay = |hold: &Hold, memory: &Memory| {
            let mut found = before.clone();
            hold.batch(memory).memory.iter().for_each(|change| found.apply(change));
            found
        };
        assert_eq!(replay(&hold, &memory), memory);
        for i in 0..100 {
            let change = put(&format!("key {i}"), "value");
            memory.apply(&change);
            hold.change(&change);
        }
        assert!(hold.is_all_changed && hold.changes.is_empty());
        assert_eq!(replay(&hold, &memory), memory);
    }
}
