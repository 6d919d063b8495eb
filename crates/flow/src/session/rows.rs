//! What every protocol does with rows it has appended: who sent them and when, what they measured and what
//! that stands for.

use super::clock::Clock;
use super::count::Counts;
use super::sampling::Interval;
use crate::health::Counter;
use crate::names::{TimeSource, Version};
use crate::schema::Column;
use crate::{Addr, Batch, batch};

/// Columns that [`stamp`], [`times`] and [`scale`] fill, whatever the record said.
pub(super) const STAMPED: u64 = batch::ALWAYS;

/// Where a datagram's rows come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) exporter: Addr,
    pub(super) domain: u32,
    pub(super) version: Version,
    pub(super) clock: Clock,
}

/// Fills the columns that are the same for all rows from `base` on.
pub(super) fn stamp(batch: &mut Batch, base: usize, origin: &Origin) {
    let len = batch.len();
    fn fill<T: Copy + Default>(column: &mut Vec<T>, base: usize, len: usize, value: T) {
        column.resize(base, T::default());
        column.resize(len, value);
    }
    fill(batch.times_mut(Column::Received), base, len, origin.clock.received);
    fill(batch.addrs_mut(Column::Exporter), base, len, origin.exporter);
    fill(batch.u32s_mut(Column::Domain), base, len, origin.domain);
    fill(batch.u8s_mut(Column::ProtocolVersion), base, len, origin.version.code());
}

/// Fills start, end and time_source of the rows from `base` on, from what each record says.
pub(super) fn times(
    batch: &mut Batch,
    base: usize,
    clock: &Clock,
    counts: &mut Counts,
    said: impl Fn(usize) -> (Option<i64>, Option<i64>),
) {
    let len = batch.len();
    for column in [Column::Start, Column::End, Column::TimeSource] {
        batch.pad_column(column, base);
    }
    let mut doubts = 0;
    for row in base..len {
        let (start, end) = said(row - base);
        let (start, end, source, doubt) = clock.judge(start, end);
        doubts += i64::from(doubt);
        batch.times_mut(Column::Start).push(start);
        batch.times_mut(Column::End).push(end);
        batch.u8s_mut(Column::TimeSource).push(TimeSource::code(source));
    }
    if doubts > 0 {
        counts.add(Counter::ClockDoubts, doubts);
    }
}

/// Fills octets and packets from what was measured, and counts what was decoded. `interval` gives the sampling
/// interval of each row, counted from `base`.
pub(super) fn scale(
    batch: &mut Batch,
    base: usize,
    counts: &mut Counts,
    interval: impl Fn(usize) -> Interval,
) {
    let len = batch.len();
    for column in [
        Column::MeasuredOctets,
        Column::MeasuredPackets,
        Column::Octets,
        Column::Packets,
        Column::SamplingInterval,
        Column::SamplingSource,
    ] {
        batch.pad_column(
            column,
            if matches!(column, Column::MeasuredOctets | Column::MeasuredPackets) { len } else { base },
        );
    }
    let mut sums = Sums::default();
    for row in base..len {
        let measured_octets = batch.u64s(Column::MeasuredOctets).get(row).copied().unwrap_or_default();
        let measured_packets = batch.u64s(Column::MeasuredPackets).get(row).copied().unwrap_or_default();
        let interval = interval(row - base);
        let (factor, source) = interval.map_or((1, 0), |(n, source)| (n, source.code()));
        let octets = sums.times(measured_octets, factor);
        let packets = sums.times(measured_packets, factor);
        sums.add(measured_octets, measured_packets, octets, packets, interval.map(|i| i.0));
        batch.u64s_mut(Column::Octets).push(octets);
        batch.u64s_mut(Column::Packets).push(packets);
        batch.u32s_mut(Column::SamplingInterval).push(factor);
        batch.u8s_mut(Column::SamplingSource).push(source);
        if let Some(mask) = batch.present_mut().get_mut(row) {
            *mask |= estimated(*mask);
            if interval.is_some() {
                *mask |= Column::SamplingInterval.bit() | Column::SamplingSource.bit();
            }
        }
    }
    sums.count(counts, len - base);
}

/// An estimate is known where its measurement is.
fn estimated(mask: u64) -> u64 {
    let mut bits = 0;
    if mask & Column::MeasuredOctets.bit() != 0 {
        bits |= Column::Octets.bit();
    }
    if mask & Column::MeasuredPackets.bit() != 0 {
        bits |= Column::Packets.bit();
    }
    bits
}

/// Sums of the rows at hand.
#[derive(Default)]
struct Sums {
    octets: u64,
    packets: u64,
    measured_octets: u64,
    measured_packets: u64,
    sampled_octets: u64,
    unknown: i64,
    saturated: i64,
}

impl Sums {
    /// A product that does not fit is a defect of the exporter; it stands at the maximum and is counted.
    #[inline]
    fn times(&mut self, measured: u64, factor: u32) -> u64 {
        measured.checked_mul(factor.into()).unwrap_or_else(|| {
            self.saturated += 1;
            u64::MAX
        })
    }

    #[inline]
    fn add(&mut self, m_octets: u64, m_packets: u64, octets: u64, packets: u64, interval: Option<u32>) {
        self.octets = self.octets.saturating_add(octets);
        self.packets = self.packets.saturating_add(packets);
        self.measured_octets = self.measured_octets.saturating_add(m_octets);
        self.measured_packets = self.measured_packets.saturating_add(m_packets);
        match interval {
            None => self.unknown += 1,
            Some(1) => {}
            Some(_) => self.sampled_octets = self.sampled_octets.saturating_add(octets),
        }
    }

    fn count(&self, counts: &mut Counts, rows: usize) {
        counts.add_len(Counter::Flows, rows);
        counts.add_amount(Counter::Octets, self.octets);
        counts.add_amount(Counter::Packets, self.packets);
        counts.add_amount(Counter::MeasuredOctets, self.measured_octets);
        counts.add_amount(Counter::MeasuredPackets, self.measured_packets);
        counts.add_amount(Counter::SampledOctets, self.sampled_octets);
        counts.add(Counter::UnknownSamplingRecords, self.unknown);
        counts.add(Counter::Saturated, self.saturated);
    }
}
