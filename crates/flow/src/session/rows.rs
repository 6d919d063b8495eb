//! What every protocol does with rows it has appended: who sent them and when, what they measured and what
//! that stands for. Column by column, without a branch for each row where nothing is out of the ordinary.

use super::clock::Clock;
use super::count::Counts;
use super::sampling::Interval;
use crate::health::Counter;
use crate::names::{TimeSource, Version};
use crate::schema::Column;
use crate::{Addr, Batch, batch};

/// Columns that [`stamp`], [`times`] and [`scale`] fill, whatever the record said.
pub(super) const STAMPED: u64 = batch::ALWAYS | Column::ProtocolVersion.bit();

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
    batch.times_from(Column::Received, base).resize(len, origin.clock.received);
    batch.addrs_from(Column::Exporter, base).resize(len, origin.exporter);
    batch.u32s_from(Column::Domain, base).resize(len, origin.domain);
    batch.u8s_from(Column::ProtocolVersion, base).resize(len, origin.version.code());
}

/// Fills start, end and time_source of the rows from `base` on, where every record says both. False if there is
/// one that cannot be true: then [`times`] has to look at each.
#[inline]
pub(super) fn spans(
    batch: &mut Batch,
    base: usize,
    clock: &Clock,
    starts: impl Iterator<Item = i64>,
    ends: impl Iterator<Item = i64>,
) -> bool {
    let len = batch.len();
    batch.times_from(Column::Start, base).extend(starts);
    batch.times_from(Column::End, base).extend(ends);
    let (starts, ends) = (batch.times(Column::Start), batch.times(Column::End));
    let good =
        starts.len() == len && ends.len() == len && clock.are_good(tail(starts, base), tail(ends, base));
    batch.u8s_from(Column::TimeSource, base).resize(len, TimeSource::Flow.code());
    good
}

/// Fills start, end and time_source of the rows from `base` on, from what each record says.
pub(super) fn times(
    batch: &mut Batch,
    base: usize,
    clock: &Clock,
    counts: &mut Counts,
    said: impl Iterator<Item = (Option<i64>, Option<i64>)>,
) {
    // Taken out for the loop, so that nothing is looked up in it.
    let mut starts = std::mem::take(batch.times_from(Column::Start, base));
    let mut ends = std::mem::take(batch.times_from(Column::End, base));
    let sources = batch.u8s_from(Column::TimeSource, base);
    let mut doubts = 0;
    for (start, end) in said {
        let (start, end, source, doubt) = clock.judge(start, end);
        doubts += i64::from(doubt);
        starts.push(start);
        ends.push(end);
        sources.push(source.code());
    }
    *batch.times_mut(Column::Start) = starts;
    *batch.times_mut(Column::End) = ends;
    if doubts > 0 {
        counts.add(Counter::ClockDoubts, doubts);
    }
}

/// Fills start, end and time_source where no record says anything of time.
pub(super) fn untimed(batch: &mut Batch, base: usize, clock: &Clock, counts: &mut Counts) {
    let len = batch.len();
    let (start, end, source, doubt) = clock.judge(None, None);
    batch.times_from(Column::Start, base).resize(len, start);
    batch.times_from(Column::End, base).resize(len, end);
    batch.u8s_from(Column::TimeSource, base).resize(len, source.code());
    if doubt {
        counts.add_len(Counter::ClockDoubts, len - base);
    }
}

/// Fills octets and packets from what was measured, and counts what was decoded, where all rows from `base` on
/// have one sampling interval.
pub(super) fn scale(batch: &mut Batch, base: usize, counts: &mut Counts, interval: Interval) {
    let len = batch.len();
    let (factor, source, bits) = parts(interval);
    let octets = estimate(batch, base, Column::MeasuredOctets, Column::Octets, factor);
    let packets = estimate(batch, base, Column::MeasuredPackets, Column::Packets, factor);
    batch.u32s_from(Column::SamplingInterval, base).resize(len, factor);
    batch.u8s_from(Column::SamplingSource, base).resize(len, source);
    for mask in batch.present_mut().iter_mut().skip(base) {
        *mask |= estimated(*mask) | bits;
    }
    let sampled = if factor == 1 { 0 } else { octets.estimated };
    let unknown = if interval.is_none() { len - base } else { 0 };
    count(counts, len - base, octets, packets, sampled, unknown);
}

/// The same where every row from `base` on has an interval of its own.
pub(super) fn scale_each(batch: &mut Batch, base: usize, counts: &mut Counts, intervals: &[Interval]) {
    let len = batch.len();
    let measured = [Column::MeasuredOctets, Column::MeasuredPackets].map(|column| {
        batch.pad_column(column, len);
        std::mem::take(batch.u64s_mut(column))
    });
    let mut estimates =
        [Column::Octets, Column::Packets].map(|column| std::mem::take(batch.u64s_from(column, base)));
    let mut factors = std::mem::take(batch.u32s_from(Column::SamplingInterval, base));
    let mut sources = std::mem::take(batch.u8s_from(Column::SamplingSource, base));
    let (mut sums, mut sampled, mut unknown) = ([Amount::default(); 2], 0u128, 0);
    let unsaid = std::iter::repeat(&None);
    let rows = batch.present_mut().iter_mut().skip(base).zip(intervals.iter().chain(unsaid));
    for (row, (mask, interval)) in (base..).zip(rows) {
        let (factor, source, bits) = parts(*interval);
        for ((sum, measured), estimates) in sums.iter_mut().zip(&measured).zip(&mut estimates) {
            estimates.push(sum.add(measured.get(row).copied().unwrap_or_default(), factor));
        }
        factors.push(factor);
        sources.push(source);
        *mask |= estimated(*mask) | bits;
        unknown += usize::from(interval.is_none());
        if factor != 1 {
            let octets = estimates.first().and_then(|column| column.last());
            sampled += u128::from(octets.copied().unwrap_or_default());
        }
    }
    for (column, values) in [Column::MeasuredOctets, Column::MeasuredPackets].into_iter().zip(measured) {
        *batch.u64s_mut(column) = values;
    }
    for (column, values) in [Column::Octets, Column::Packets].into_iter().zip(estimates) {
        *batch.u64s_mut(column) = values;
    }
    *batch.u32s_mut(Column::SamplingInterval) = factors;
    *batch.u8s_mut(Column::SamplingSource) = sources;
    let [octets, packets] = sums;
    count(counts, len - base, octets, packets, sampled, unknown);
}

/// Factor, code of the source, and the presence bits of both. An interval of 0 (an operator's: exporters' are
/// unknown) is a factor, and no interval.
#[inline]
fn parts(interval: Interval) -> (u32, u8, u64) {
    let Some((factor, source)) = interval else { return (1, 0, 0) };
    let known = if factor == 0 { 0 } else { Column::SamplingInterval.bit() };
    (factor, source.code(), known | Column::SamplingSource.bit())
}

/// An estimate is known where its measurement is.
#[inline]
fn estimated(mask: u64) -> u64 {
    let bit = |measured: Column, estimate: Column| (mask >> measured.index() & 1) << estimate.index();
    bit(Column::MeasuredOctets, Column::Octets) | bit(Column::MeasuredPackets, Column::Packets)
}

/// Fills an estimate's column from that of its measurement.
fn estimate(batch: &mut Batch, base: usize, from: Column, to: Column, factor: u32) -> Amount {
    batch.pad_column(from, batch.len());
    // Taken out, so that both columns can be had.
    let column = std::mem::take(batch.u64s_mut(from));
    let measured = tail(&column, base);
    let estimates = batch.u64s_from(to, base);
    let (sum, any) = measured.iter().fold((0u64, 0), |(sum, any), x| (sum.wrapping_add(*x), any | x));
    let fits = any <= u32::MAX.into() && measured.len() <= 1 << 31;
    let amount = if fits {
        // No product leaves 64 bits, nor the sum of what was measured.
        if factor == 1 {
            estimates.extend_from_slice(measured);
        } else {
            estimates.extend(measured.iter().map(|x| x * u64::from(factor)));
        }
        let product = u128::from(sum) * u128::from(factor);
        Amount { measured: sum.into(), estimated: product, saturated: 0 }
    } else {
        let mut amount = Amount::default();
        estimates.extend(measured.iter().map(|x| amount.add(*x, factor)));
        amount
    };
    *batch.u64s_mut(from) = column;
    amount
}

/// The rows from `base` on.
#[inline]
fn tail<T>(column: &[T], base: usize) -> &[T] {
    column.get(base..).unwrap_or_default()
}

/// What the rows at hand come to, of octets or of packets.
#[derive(Default, Clone, Copy)]
struct Amount {
    measured: u128,
    estimated: u128,
    saturated: i64,
}

impl Amount {
    /// Adds what was measured and gives the estimate. A product that does not fit is a defect of the exporter; it
    /// stands at the maximum and is counted.
    #[inline]
    fn add(&mut self, measured: u64, factor: u32) -> u64 {
        let estimate = measured.checked_mul(factor.into()).unwrap_or_else(|| {
            self.saturated += 1;
            u64::MAX
        });
        self.measured += u128::from(measured);
        self.estimated += u128::from(estimate);
        estimate
    }
}

fn count(counts: &mut Counts, rows: usize, octets: Amount, packets: Amount, sampled: u128, unknown: usize) {
    counts.add_len(Counter::Flows, rows);
    counts.add_amount(Counter::Octets, octets.estimated);
    counts.add_amount(Counter::Packets, packets.estimated);
    counts.add_amount(Counter::MeasuredOctets, octets.measured);
    counts.add_amount(Counter::MeasuredPackets, packets.measured);
    counts.add_amount(Counter::SampledOctets, sampled);
    counts.add_len(Counter::UnknownSamplingRecords, unknown);
    counts.add(Counter::Saturated, octets.saturated + packets.saturated);
}
