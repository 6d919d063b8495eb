//! Sampling intervals that came after the records they are for.
//!
//! An exporter says its sampling interval in options records, and sends them when it likes. Rows that came
//! before stand as measured, marked as of unknown sampling; when the interval comes, they are scaled by it,
//! wherever they are by then: in a batch, in the journal, or in a segment. A row whose interval is known is
//! never touched, so nothing is scaled twice however often this is done.

use crate::health::{self, Counter};
use crate::names::SamplingSource;
use crate::schema::Column;
use crate::{Addr, Batch, time};
use std::collections::BTreeMap;

/// An interval for rows that came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rescale {
    /// Whose rows: the exporter's
    pub exporter: Addr,
    /// and observation domain's,
    pub domain: u32,
    /// if `Some`, only those that name this sampler,
    pub sampler: Option<u64>,
    /// if `Some`, only those that came in by this interface,
    pub ingress_if: Option<u32>,
    /// that arrived not before this (ms since 1970)
    pub from: i64,
    /// and not after this.
    pub until: i64,
    /// One packet in so many was measured; not 0.
    pub interval: u32,
    /// Where that was learned.
    pub source: SamplingSource,
}

/// Rows of one bin of arrival that were scaled.
#[derive(Default)]
struct Sum {
    unknown: i64,
    octets: i64,
    packets: i64,
    sampled: i64,
}

impl Rescale {
    /// Scales the rows of a sealed batch that this interval is for, and counts what that changes in `health`.
    /// Returns how many rows changed. Rows of which the operator's default was assumed are among them: what an
    /// exporter says comes first.
    pub fn apply(&self, batch: &mut Batch, health: &mut Vec<health::Row>) -> usize {
        let rows: Vec<usize> = (0..batch.len()).filter(|row| self.is_for(batch, *row)).collect();
        let mut sums: BTreeMap<i64, Sum> = BTreeMap::new();
        for row in &rows {
            let received = batch.times(Column::Received).get(*row).copied().unwrap_or_default();
            self.scale(batch, *row, sums.entry(time::bin(received)).or_default());
        }
        for (bin, sum) in sums {
            let mut count = |counter: Counter, value| {
                if value != 0 {
                    let (exporter, domain) = (self.exporter, self.domain);
                    health.push(health::Row { bin, exporter, domain, what: counter.name().into(), value });
                }
            };
            count(Counter::UnknownSamplingRecords, -sum.unknown);
            count(Counter::Octets, sum.octets);
            count(Counter::Packets, sum.packets);
            count(Counter::SampledOctets, sum.sampled);
        }
        rows.len()
    }

    /// Whether any row of these times of arrival could be meant.
    #[must_use]
    pub fn overlaps(&self, first_received: i64, last_received: i64) -> bool {
        self.from <= last_received && first_received <= self.until
    }

    fn is_for(&self, batch: &Batch, row: usize) -> bool {
        let at = |values: &[i64]| values.get(row).copied();
        let received = at(batch.times(Column::Received));
        let named = |column| batch.is_present(row, column);
        let source = batch.u8s(Column::SamplingSource).get(row).copied();
        let open = !named(Column::SamplingInterval)
            || (named(Column::SamplingSource) && source == Some(SamplingSource::Default.code()));
        open && received.is_some_and(|t| self.from <= t && t <= self.until)
            && batch.addrs(Column::Exporter).get(row) == Some(&self.exporter)
            && batch.u32s(Column::Domain).get(row) == Some(&self.domain)
            && self
                .sampler
                .is_none_or(|id| named(Column::Sampler) && batch.u64s(Column::Sampler).get(row) == Some(&id))
            && self.ingress_if.is_none_or(|index| {
                named(Column::IngressIf) && batch.u32s(Column::IngressIf).get(row) == Some(&index)
            })
    }

    fn scale(&self, batch: &mut Batch, row: usize, sum: &mut Sum) {
        let was_unknown = !batch.is_present(row, Column::SamplingInterval);
        sum.unknown += i64::from(was_unknown);
        let factor = u64::from(self.interval);
        let was_sampled = !was_unknown
            && batch.u32s(Column::SamplingInterval).get(row).is_some_and(|interval| *interval > 1);
        for (measured, estimate, is_octets) in [
            (Column::MeasuredOctets, Column::Octets, true),
            (Column::MeasuredPackets, Column::Packets, false),
        ] {
            if !batch.is_present(row, measured) {
                continue;
            }
            let value = batch.u64s(measured).get(row).copied().unwrap_or_default().saturating_mul(factor);
            let Some(slot) = batch.u64s_mut(estimate).get_mut(row) else { continue };
            let before = std::mem::replace(slot, value);
            let wide = |x: u64| i64::try_from(x).unwrap_or(i64::MAX);
            let change = wide(value).saturating_sub(wide(before));
            if is_octets {
                sum.octets = sum.octets.saturating_add(change);
                let sampled = i64::from(factor > 1).saturating_mul(wide(value));
                let before = i64::from(was_sampled).saturating_mul(wide(before));
                sum.sampled = sum.sampled.saturating_add(sampled.saturating_sub(before));
            } else {
                sum.packets = sum.packets.saturating_add(change);
            }
        }
        if let Some(slot) = batch.u32s_mut(Column::SamplingInterval).get_mut(row) {
            *slot = self.interval;
        }
        if let Some(slot) = batch.u8s_mut(Column::SamplingSource).get_mut(row) {
            *slot = self.source.code();
        }
        if let Some(mask) = batch.present_mut().get_mut(row) {
            *mask |= Column::SamplingInterval.bit() | Column::SamplingSource.bit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::RowBuilder;

    const EXPORTER: Addr = Addr::v4([192, 0, 2, 1]);

    fn row(received: i64, sampler: Option<u64>) -> RowBuilder {
        let row = RowBuilder::new()
            .time(Column::Received, received)
            .addr(Column::Exporter, EXPORTER)
            .unsigned(Column::Domain, 7)
            .unsigned(Column::Octets, 100)
            .unsigned(Column::MeasuredOctets, 100)
            .unsigned(Column::Packets, 2)
            .unsigned(Column::MeasuredPackets, 2);
        match sampler {
            Some(id) => row.unsigned(Column::Sampler, id),
            None => row,
        }
    }

    #[test]
    fn rows_of_unknown_sampling_are_scaled_once() {
        let mut batch = Batch::new();
        row(10, Some(1)).push(&mut batch);
        row(20, Some(2)).push(&mut batch);
        row(20, None).push(&mut batch);
        row(300_000, Some(1)).push(&mut batch);
        row(20, Some(1))
            .unsigned(Column::SamplingInterval, 3)
            .unsigned(Column::SamplingSource, SamplingSource::Header.code().into())
            .push(&mut batch);
        row(20, Some(1))
            .unsigned(Column::SamplingInterval, 3)
            .unsigned(Column::SamplingSource, SamplingSource::Default.code().into())
            .push(&mut batch);
        let late = Rescale {
            exporter: EXPORTER,
            domain: 7,
            sampler: Some(1),
            ingress_if: None,
            from: 10,
            until: 300_000,
            interval: 50,
            source: SamplingSource::Sampler,
        };
        let mut health = Vec::new();
        assert_eq!(late.apply(&mut batch, &mut health), 3);
        assert_eq!(batch.u64s(Column::Octets), [5000, 100, 100, 5000, 100, 5000]);
        assert_eq!(batch.u64s(Column::Packets), [100, 2, 2, 100, 2, 100]);
        assert_eq!(batch.u64s(Column::MeasuredOctets), [100; 6]);
        let value = |bin, counter: Counter| -> i64 {
            health.iter().filter(|r| r.bin == bin && r.what == counter.name()).map(|r| r.value).sum()
        };
        assert_eq!(value(0, Counter::UnknownSamplingRecords), -1);
        assert_eq!(value(300_000, Counter::UnknownSamplingRecords), -1);
        // The row by default stood at 100 and was counted as sampled by 3.
        assert_eq!((value(0, Counter::Octets), value(0, Counter::SampledOctets)), (9800, 9900));
        assert_eq!((value(0, Counter::Packets), value(300_000, Counter::Packets)), (196, 98));
        assert_eq!(late.apply(&mut batch, &mut health), 0);
        let other = Rescale { domain: 8, ..late };
        assert_eq!(other.apply(&mut batch, &mut health), 0);
    }
}
