//! Flows spread over time: which rows lie in one part of it, and the parts of the others.
//!
//! Flows are spread over five-minute bins as the accounts do ([`weir_flow::time::spread`]); where a question's
//! buckets are smaller, what falls to a bin is spread over its buckets in the same way, so that the sums of any
//! buckets are those of the bins they make up.

use super::worked::{AMOUNTS, Shares};
use crate::query::Query;
use crate::rows::Rows;
use std::ops::Range;
use weir_flow::time::{BIN_MS, spread};
use weir_flow::{Batch, Column};

/// Parts are handed on when there are so many, however many a flow of weeks has.
const PARTS: usize = 4096;

/// How a query's flows are spread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Spread {
    /// Parts count that begin in it.
    range: Option<Range<i64>>,
    /// The width of a part: a bin's, or one that divides it.
    pub(crate) fine_ms: i64,
}

/// Parts of flows: the row of each, and what it is of it.
#[derive(Default, Debug)]
pub(crate) struct Parts {
    pub(crate) rows: Vec<u32>,
    pub(crate) shares: Shares,
}

/// A part of one flow.
#[derive(Clone, Copy)]
struct Part {
    start: i64,
    amounts: [u64; 4],
    flows: u64,
}

impl Spread {
    /// For this query; `None` if flows are taken whole.
    pub(crate) fn new(query: &Query) -> Option<Self> {
        let fine_ms = query.step_ms();
        query.is_spread().then(|| Self { range: query.range.clone(), fine_ms })
    }

    fn floor(&self, ms: i64) -> i64 {
        ms.saturating_sub(ms.rem_euclid(self.fine_ms))
    }

    fn counts(&self, start: i64) -> bool {
        self.range.as_ref().is_none_or(|range| range.contains(&start))
    }

    /// Puts the rows that lie in one part and count into `whole`, and calls `each` with the parts of the others.
    pub(crate) fn split<E>(
        &self,
        batch: &Batch,
        rows: Rows<'_>,
        whole: &mut Vec<u32>,
        mut each: impl FnMut(&Parts) -> Result<(), E>,
    ) -> Result<(), E> {
        whole.clear();
        let (starts, ends) = (batch.times(Column::Start), batch.times(Column::End));
        let mut parts = Parts::default();
        for row in rows.places() {
            let at = row as usize;
            let (Some(start), Some(end)) = (starts.get(at), ends.get(at)) else { continue };
            let first = self.floor(*start);
            if *end <= first.saturating_add(self.fine_ms) {
                if self.counts(first) {
                    whole.push(row);
                }
                continue;
            }
            let mut done = Ok(());
            self.of_flow(*start, *end, amounts(batch, at), |part| {
                if done.is_ok() {
                    parts.push(row, part);
                    if parts.rows.len() >= PARTS {
                        done = each(&parts);
                        parts.clear();
                    }
                }
            });
            done?;
        }
        if parts.rows.is_empty() { Ok(()) } else { each(&parts) }
    }

    /// The parts of a flow that count.
    fn of_flow(&self, start: i64, end: i64, amounts: [u64; 4], mut each: impl FnMut(Part)) {
        let [octets, packets, measured_octets, measured_packets] = amounts;
        let mut bins: Vec<Part> = Vec::new();
        spread(start, end, octets, packets, |p| {
            bins.push(Part { start: p.bin, amounts: [p.octets, p.packets, 0, 0], flows: p.flows });
        });
        let mut measured = bins.iter_mut();
        spread(start, end, measured_octets, measured_packets, |p| {
            if let Some(part) = measured.next() {
                (part.amounts[2], part.amounts[3]) = (p.octets, p.packets);
            }
        });
        for bin in bins {
            if self.fine_ms == BIN_MS {
                if self.counts(bin.start) {
                    each(bin);
                }
            } else if self.touches(bin.start) {
                self.of_bin(bin, start, end, &mut each);
            }
        }
    }

    /// Whether any part of a bin may count.
    fn touches(&self, bin: i64) -> bool {
        let ends = bin.saturating_add(BIN_MS);
        self.range.as_ref().is_none_or(|range| bin < range.end && ends > range.start)
    }

    /// The smaller parts of what falls to a bin, by largest remainder; of equal ones the earlier goes first.
    fn of_bin(&self, bin: Part, start: i64, end: i64, each: &mut impl FnMut(Part)) {
        let (from, to) = (start.max(bin.start), end.min(bin.start.saturating_add(BIN_MS)));
        let mut pieces: Vec<(i64, u64)> = Vec::new();
        let mut at = from;
        while at < to {
            let next = self.floor(at).saturating_add(self.fine_ms).min(to);
            pieces.push((self.floor(at), next.abs_diff(at)));
            at = next;
        }
        let length = to.abs_diff(from);
        let shares = bin.amounts.map(|amount| shares(amount, length, &pieces));
        for (i, (start, _)) in pieces.iter().enumerate() {
            if self.counts(*start) {
                let amounts = shares.each_ref().map(|shares| shares.get(i).copied().unwrap_or_default());
                each(Part { start: *start, amounts, flows: if i == 0 { bin.flows } else { 0 } });
            }
        }
    }
}

/// `total` divided over pieces of so many ms of `length`, by largest remainder.
fn shares(total: u64, length: u64, pieces: &[(i64, u64)]) -> Vec<u64> {
    let length = u128::from(length.max(1));
    let exact = |ms: u64| u128::from(total) * u128::from(ms);
    // A piece is at most the length, so the quotient at most the total.
    let share = |ms: u64| u64::try_from(exact(ms) / length).unwrap_or(total);
    let mut shares: Vec<u64> = pieces.iter().map(|(_, ms)| share(*ms)).collect();
    let left = total - shares.iter().sum::<u64>();
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(exact(pieces[*at].1) % length));
    for at in order.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        shares[at] += 1;
    }
    shares
}

/// The amounts of a row; what is unknown adds nothing.
fn amounts(batch: &Batch, row: usize) -> [u64; 4] {
    AMOUNTS.map(|column| {
        let known = batch.is_present(row, column);
        batch.u64s(column).get(row).copied().filter(|_| known).unwrap_or_default()
    })
}

impl Parts {
    fn push(&mut self, row: u32, part: Part) {
        // A part of nothing makes no group, as it makes no account.
        if part.flows == 0 && part.amounts == [0; 4] {
            return;
        }
        self.rows.push(row);
        self.shares.starts.push(part.start);
        for (all, amount) in self.shares.amounts.iter_mut().zip(part.amounts) {
            all.push(amount);
        }
        self.shares.weights.push(part.flows);
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.shares.starts.clear();
        self.shares.amounts.iter_mut().for_each(Vec::clear);
        self.shares.weights.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn smaller_parts_sum_to_the_bins(
            start in 0i64..900_000, length in 0i64..2_000_000, octets: u64, packets in 0u64..50,
            fine in prop::sample::select(vec![1000i64, 5000, 60_000]),
        ) {
            let parts = |fine_ms| {
                let spread = Spread { range: None, fine_ms };
                let mut parts: Vec<(i64, [u64; 4], u64)> = Vec::new();
                let amounts = [octets, packets, octets / 3, packets];
                spread.of_flow(start, start + length, amounts, |p| {
                    parts.push((p.start, p.amounts, p.flows));
                });
                parts
            };
            let mut summed: Vec<(i64, [u64; 4], u64)> = Vec::new();
            for (start, amounts, flows) in parts(fine) {
                prop_assert_eq!(start % fine, 0);
                let bin = start - start.rem_euclid(BIN_MS);
                match summed.last_mut().filter(|last| last.0 == bin) {
                    Some(last) => {
                        last.1.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += amount);
                        last.2 += flows;
                    }
                    None => summed.push((bin, amounts, flows)),
                }
            }
            if length > 0 {
                prop_assert_eq!(summed, parts(BIN_MS));
            }
        }
    }

    #[test]
    fn ten_octets_over_three_seconds() {
        let spread = Spread { range: Some(1000..3000), fine_ms: 1000 };
        let mut parts = Vec::new();
        spread.of_flow(500, 3000, [10, 1, 10, 1], |p| {
            parts.push((p.start, p.amounts[0], p.amounts[1], p.flows));
        });
        // 2, 4, 4; the packet goes to the larger remainder; the flow began before the range.
        assert_eq!(parts, [(1000, 4, 1, 0), (2000, 4, 0, 0)]);
    }
}
