//! Sampling intervals that come after the rows they are for: which rows wait, and what becomes of them.

use super::{Counts, Expected};
use crate::row::{Cell, Row};
use std::collections::BTreeMap;
use weir_flow::names::SamplingSource;
use weir_flow::time::bin;
use weir_flow::{Addr, Column};

/// Rows whose interval a session was not told yet: when the first came, by the sampler they name, and when the last
/// of all did, if that is remembered.
#[derive(Debug, Default, Clone)]
pub(super) struct Open {
    since: BTreeMap<Option<u64>, i64>,
    last: Option<i64>,
}

/// An interval for rows that came before it: those of this exporter and domain (and sampler) that arrived in this span
/// and whose interval is not known, or only assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Late {
    pub exporter: Addr,
    pub domain: u32,
    pub sampler: Option<u64>,
    pub span: (i64, i64),
    pub interval: u32,
}

/// Whether what is said later still matters for a row.
pub(super) fn is_open(interval: Option<(u32, SamplingSource)>) -> bool {
    matches!(interval, None | Some((_, SamplingSource::Default)))
}

impl Open {
    /// A row waits.
    pub(super) fn add(&mut self, sampler: Option<u64>, received: i64) {
        let since = self.since.entry(sampler).or_insert(received);
        *since = received.min(*since);
        self.last = self.last.max(Some(received));
    }

    /// The collector has died: nobody knows when the last one came.
    pub(super) fn forget_last(&mut self) {
        self.last = (!self.since.is_empty()).then_some(i64::MAX);
    }

    /// The rows of this sampler, or all, wait no more; when they came, if there are any.
    pub(super) fn settle(&mut self, sampler: Option<u64>) -> Option<(i64, i64)> {
        let last = self.last?;
        if sampler.is_some() {
            return self.since.remove(&sampler).map(|since| (since, last));
        }
        let Self { since, .. } = std::mem::take(self);
        since.into_values().min().map(|since| (since, last))
    }
}

impl Late {
    /// Scales the rows that it is for, and counts what that changes.
    pub(super) fn apply(&self, batch: &mut Expected) {
        let Expected { rows, counts, .. } = batch;
        for row in rows.iter_mut().filter(|row| self.is_for(row)) {
            self.scale(row, counts);
        }
    }

    fn is_for(&self, row: &Row) -> bool {
        let by_default = row.text(Column::SamplingSource) == SamplingSource::Default.word();
        (row.get(Column::SamplingInterval).is_none() || by_default)
            && row.address(Column::Exporter) == Some(self.exporter)
            && row.amount(Column::Domain) == u64::from(self.domain)
            && (self.span.0..=self.span.1).contains(&row.moment(Column::Received))
            && self.sampler.is_none_or(|id| row.get(Column::Sampler) == Some(&Cell::Number(id)))
    }

    fn scale(&self, row: &mut Row, counts: &mut Counts) {
        let was = row.get(Column::SamplingInterval).map(|_| row.amount(Column::SamplingInterval));
        let place = bin(row.moment(Column::Received));
        let mut count = |what, value: i64| {
            *counts.entry((place, self.exporter, self.domain, what)).or_default() += value;
        };
        let wide = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
        count("unknown_sampling_records", -i64::from(was.is_none()));
        let before = row.amount(Column::Octets);
        for (measured, estimate, what) in [
            (Column::MeasuredOctets, Column::Octets, "octets"),
            (Column::MeasuredPackets, Column::Packets, "packets"),
        ] {
            let value = row.amount(measured) * u64::from(self.interval);
            count(what, wide(value) - wide(row.amount(estimate)));
            row.number(estimate, value);
        }
        let sampled_before = if was > Some(1) { wide(before) } else { 0 };
        let sampled = if self.interval > 1 { wide(row.amount(Column::Octets)) } else { 0 };
        count("sampled_octets", sampled - sampled_before);
        row.number(Column::SamplingInterval, self.interval.into());
        let source = if self.sampler.is_some() { SamplingSource::Sampler } else { SamplingSource::Options };
        row.word(Column::SamplingSource, source.word());
    }
}
