//! Runs a filter over a batch, column by column.
//!
//! Each comparison is one tight loop over a column and the presence masks; `and`, `or` and `not` combine whole
//! vectors of truth. Nothing is looked up or matched on per row.

use super::expr::{Expr, Set, Test};
use super::range::Ranges;
use super::subject::{Side, Sided, Subject, columns};
use super::value::time_ms;
use crate::batch::Values;
use crate::names::Direction;
use crate::schema::Column;
use crate::{Addr, Batch};

/// Says of each row whether it matches.
pub(super) fn eval(expr: &Expr, batch: &Batch, matches: &mut Vec<bool>) {
    let held = batch.present().iter().fold(0, |held, mask| held | mask);
    Evaluation { batch, held, spare: Vec::new() }.run(expr, matches);
}

/// One filter on one batch.
struct Evaluation<'b> {
    batch: &'b Batch,
    /// The columns in which any row has a value; the others need not be looked at.
    held: u64,
    /// Vectors that deeper levels can use again.
    spare: Vec<Vec<bool>>,
}

impl Evaluation<'_> {
    /// Writes the truth of `expr` into `out`.
    fn run(&mut self, expr: &Expr, out: &mut Vec<bool>) {
        out.clear();
        match expr {
            Expr::Test(test) => {
                out.resize(self.batch.len(), false);
                self.compare(test, out);
            }
            Expr::Not(inner) => {
                self.run(inner, out);
                out.iter_mut().for_each(|truth| *truth = !*truth);
            }
            Expr::All(members) => self.combine(members, out, false),
            Expr::Any(members) => self.combine(members, out, true),
        }
    }

    /// Combines the members with `and`, or (if `either`) with `or`. What can no longer change is not worked out.
    fn combine(&mut self, members: &[Expr], out: &mut Vec<bool>, either: bool) {
        let Some((first, others)) = members.split_first() else {
            out.resize(self.batch.len(), !either);
            return;
        };
        self.run(first, out);
        for member in others {
            if out.iter().all(|truth| *truth == either) {
                return;
            }
            let mut more = self.spare.pop().unwrap_or_default();
            self.run(member, &mut more);
            for (truth, more) in out.iter_mut().zip(&more) {
                *truth = if either { *truth | more } else { *truth & more };
            }
            self.spare.push(more);
        }
    }

    fn compare(&self, test: &Test, out: &mut [bool]) {
        match (test.subject, &test.set) {
            (Subject::Columns(mask), set) => self.compare_columns(mask, set, out),
            (Subject::Side(side, sided), set) => self.compare_side(side, sided, set, out),
            (Subject::TimeOfDay(column), Set::Civil { ranges, zone }) => {
                compare_civil(self.batch, column, ranges, out, |ms| zone.time_of_day_ms(ms).into());
            }
            (Subject::Weekday(column), Set::Civil { ranges, zone }) => {
                compare_civil(self.batch, column, ranges, out, |ms| zone.weekday(ms).into());
            }
            (derived, Set::Ranges(ranges)) => compare_derived(derived, self.batch, ranges, out),
            (_, Set::Bits { .. } | Set::Names { .. } | Set::Civil { .. }) => {}
        }
    }

    /// Makes `out` true where any of the columns has a value in the set.
    fn compare_columns(&self, mask: u64, set: &Set, out: &mut [bool]) {
        let batch = self.batch;
        for column in columns(mask & self.held).filter(|c| batch.is_loaded(*c)) {
            match set {
                Set::Ranges(ranges) => compare_ranges(batch, column, ranges, out),
                Set::Bits { mask, value } => compare_bits(batch, column, *mask, *value, out),
                Set::Names { names, excluded } => compare_names(batch, column, names, *excluded, out),
                Set::Civil { .. } => debug_assert!(false, "{} has no time of day", column.name()),
            }
        }
    }

    /// Both ends are compared over the whole columns; which of them counts each row's direction says.
    fn compare_side(&self, side: Side, sided: &Sided, set: &Set, out: &mut [bool]) {
        let batch = self.batch;
        let Values::U8(directions) = batch.values(Column::Direction) else { return };
        if !batch.is_loaded(Column::Direction) {
            return;
        }
        let [src, dst] = [sided.src, sided.dst].map(|mask| {
            let mut truth = vec![false; batch.len()];
            self.compare_columns(mask, set, &mut truth);
            truth
        });
        let [to, from, between] = [Direction::In, Direction::Out, Direction::Local].map(Direction::code);
        // The direction in which the source is on the side that is asked for, and that of the destination.
        let (at_src, at_dst) = if side == Side::Local { (from, to) } else { (to, from) };
        let rows = out.iter_mut().zip(batch.present()).zip(directions).zip(src.iter().zip(&dst));
        for (((truth, mask), direction), (src, dst)) in rows {
            let local = *direction == between;
            let found = (*src & (local | (*direction == at_src))) | (*dst & (local | (*direction == at_dst)));
            *truth |= (mask & Column::Direction.bit() != 0) & found;
        }
    }
}

/// Compares what the clocks show of a time.
fn compare_civil(
    batch: &Batch,
    column: Column,
    ranges: &Ranges,
    out: &mut [bool],
    shown: impl Fn(i64) -> u128,
) {
    if let Values::Time(values) = batch.values(column) {
        mark(batch, column, values, out, |ms| ranges.contains(shown(ms)));
    }
}

/// Makes `out` true where the column has a value for which `holds`.
fn mark<T: Copy>(batch: &Batch, column: Column, values: &[T], out: &mut [bool], holds: impl Fn(T) -> bool) {
    let bit = column.bit();
    for ((truth, mask), value) in out.iter_mut().zip(batch.present()).zip(values) {
        *truth |= (mask & bit != 0) & holds(*value);
    }
}

fn compare_ranges(batch: &Batch, column: Column, ranges: &Ranges, out: &mut [bool]) {
    macro_rules! numbers {
        ($values:ident, $type:ty) => {{
            let pairs = clip(ranges, <$type>::MAX.into(), |n| <$type>::try_from(n).unwrap_or(<$type>::MAX));
            compare_pairs(batch, column, $values, &pairs, out, |v| v);
        }};
    }
    match batch.values(column) {
        Values::U8(values) => numbers!(values, u8),
        Values::U16(values) => numbers!(values, u16),
        Values::U32(values) => numbers!(values, u32),
        Values::U64(values) => numbers!(values, u64),
        Values::Time(values) => {
            let pairs = clip(ranges, u64::MAX.into(), time_ms);
            compare_pairs(batch, column, values, &pairs, out, |v| v);
        }
        Values::Addr(values) => compare_pairs(batch, column, values, ranges.pairs(), out, Addr::bits),
        Values::Bytes(_) => debug_assert!(false, "{} is text", column.name()),
    }
}

/// So many ranges are compared one after the other, which has no branches to guess; more are searched.
const COMPARED_MAX: usize = 8;

fn compare_pairs<V: Copy, N: PartialOrd + Copy>(
    batch: &Batch,
    column: Column,
    values: &[V],
    pairs: &[(N, N)],
    out: &mut [bool],
    number: impl Fn(V) -> N,
) {
    let within = |(low, high): &(N, N), n: N| (*low <= n) & (n <= *high);
    match pairs {
        [single] => mark(batch, column, values, out, |v| within(single, number(v))),
        few if few.len() <= COMPARED_MAX => mark(batch, column, values, out, |v| {
            let n = number(v);
            few.iter().fold(false, |found, pair| found | within(pair, n))
        }),
        many => mark(batch, column, values, out, |v| {
            let n = number(v);
            let at = many.partition_point(|(_, high)| *high < n);
            many.get(at).is_some_and(|(low, _)| *low <= n)
        }),
    }
}

/// The ranges as numbers of a column's own type, of which `max` is the greatest.
fn clip<T>(ranges: &Ranges, max: u128, number: impl Fn(u128) -> T) -> Vec<(T, T)> {
    let pairs = ranges.pairs().iter().filter(|(low, _)| *low <= max);
    pairs.map(|(low, high)| (number(*low), number(*high.min(&max)))).collect()
}

fn compare_bits(batch: &Batch, column: Column, mask: u16, wanted: u16, out: &mut [bool]) {
    match batch.values(column) {
        Values::U8(values) => mark(batch, column, values, out, |v| u16::from(v) & mask == wanted),
        Values::U16(values) => mark(batch, column, values, out, |v| v & mask == wanted),
        _ => debug_assert!(false, "{} has no bits to compare", column.name()),
    }
}

fn compare_names(batch: &Batch, column: Column, names: &[String], excluded: bool, out: &mut [bool]) {
    let is_named = |name: &[u8]| names.binary_search_by(|n| n.as_bytes().cmp(name)).is_ok() != excluded;
    if let Values::Bytes(values) = batch.values(column) {
        for ((truth, mask), text) in out.iter_mut().zip(batch.present()).zip(values.iter()) {
            *truth |= mask & column.bit() != 0 && is_named(text);
        }
        return;
    }
    // Names are compared once a batch, rows by their place in it.
    let holds: Vec<bool> = batch.names().iter().map(|name| is_named(name.as_bytes())).collect();
    let Values::U32(values) = batch.values(column) else { return };
    mark(batch, column, values, out, |v| holds.get(v as usize).copied().unwrap_or(false));
}

fn compare_derived(subject: Subject, batch: &Batch, ranges: &Ranges, out: &mut [bool]) {
    let reads = subject.reads();
    if !columns(reads).all(|column| batch.is_loaded(column)) {
        return;
    }
    let (starts, ends) = (batch.times(Column::Start), batch.times(Column::End));
    let (octets, packets) = (batch.u64s(Column::Octets), batch.u64s(Column::Packets));
    for (row, (truth, mask)) in out.iter_mut().zip(batch.present()).enumerate() {
        if mask & reads != reads {
            continue;
        }
        let duration = || Some(duration_ms(*starts.get(row)?, *ends.get(row)?));
        let count = |values: &[u64]| values.get(row).copied();
        let value = match subject {
            Subject::Duration => duration().map(u128::from),
            Subject::BitsPerSecond => quotient(count(octets), 8000, duration()),
            Subject::PacketsPerSecond => quotient(count(packets), 1000, duration()),
            Subject::OctetsPerPacket => quotient(count(octets), 1, count(packets)),
            Subject::Columns(_) | Subject::Side(..) | Subject::TimeOfDay(_) | Subject::Weekday(_) => None,
        };
        *truth |= value.is_some_and(|v| ranges.contains(v.min(u64::MAX.into())));
    }
}

/// How long a flow lasted; one whose end precedes its start lasted no time.
fn duration_ms(start: i64, end: i64) -> u64 {
    if end < start { 0 } else { end.abs_diff(start) }
}

fn quotient(dividend: Option<u64>, factor: u32, divisor: Option<u64>) -> Option<u128> {
    (u128::from(dividend?) * u128::from(factor)).checked_div(divisor?.into())
}
