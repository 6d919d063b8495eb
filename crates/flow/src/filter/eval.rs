//! Runs a filter over a batch, column by column.
//!
//! Each comparison is one tight loop over a column and the presence masks; `and`, `or` and `not` combine whole
//! vectors of truth. Nothing is looked up or matched on per row.

use super::expr::{Expr, Set, Test};
use super::range::Ranges;
use super::subject::{Subject, columns};
use super::value::time_ms;
use crate::batch::Values;
use crate::schema::Column;
use crate::{Addr, Batch};

/// Says of each row whether it matches.
pub(super) fn eval(expr: &Expr, batch: &Batch, matches: &mut Vec<bool>) {
    let mut spare = Vec::new();
    run(expr, batch, &mut spare, matches);
}

/// Writes the truth of `expr` into `out`. `spare` holds vectors that deeper levels can use again.
fn run(expr: &Expr, batch: &Batch, spare: &mut Vec<Vec<bool>>, out: &mut Vec<bool>) {
    out.clear();
    match expr {
        Expr::Test(test) => {
            out.resize(batch.len(), false);
            compare(test, batch, out);
        }
        Expr::Not(inner) => {
            run(inner, batch, spare, out);
            out.iter_mut().for_each(|truth| *truth = !*truth);
        }
        Expr::All(members) => {
            out.resize(batch.len(), true);
            combine(members, batch, spare, out, false);
        }
        Expr::Any(members) => {
            out.resize(batch.len(), false);
            combine(members, batch, spare, out, true);
        }
    }
}

/// Combines the members with `and`, or (if `either`) with `or`, into `out`, which holds the neutral truth. What
/// can no longer change is not worked out.
fn combine(members: &[Expr], batch: &Batch, spare: &mut Vec<Vec<bool>>, out: &mut Vec<bool>, either: bool) {
    for (i, member) in members.iter().enumerate() {
        if i == 0 {
            run(member, batch, spare, out);
            continue;
        }
        if out.iter().all(|truth| *truth == either) {
            return;
        }
        let mut other = spare.pop().unwrap_or_default();
        run(member, batch, spare, &mut other);
        for (truth, more) in out.iter_mut().zip(&other) {
            *truth = if either { *truth | more } else { *truth & more };
        }
        spare.push(other);
    }
}

fn compare(test: &Test, batch: &Batch, out: &mut [bool]) {
    match test.subject {
        Subject::Columns(mask) => {
            for column in columns(mask).filter(|c| batch.is_loaded(*c)) {
                match &test.set {
                    Set::Ranges(ranges) => compare_ranges(batch, column, ranges, out),
                    Set::Bits { mask, value } => compare_bits(batch, column, *mask, *value, out),
                    Set::Names { names, excluded } => compare_names(batch, column, names, *excluded, out),
                }
            }
        }
        derived => {
            if let Set::Ranges(ranges) = &test.set {
                compare_derived(derived, batch, ranges, out);
            }
        }
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
    /// One range is two comparisons a row; several are a search.
    macro_rules! numbers {
        ($values:ident, $type:ty) => {{
            let pairs = clip(ranges, <$type>::MAX.into(), |n| <$type>::try_from(n).unwrap_or(<$type>::MAX));
            match pairs.as_slice() {
                [(low, high)] => mark(batch, column, $values, out, |v| (*low <= v) & (v <= *high)),
                pairs => mark(batch, column, $values, out, |v| among(pairs, v)),
            }
        }};
    }
    match batch.values(column) {
        Values::U8(values) => numbers!(values, u8),
        Values::U16(values) => numbers!(values, u16),
        Values::U32(values) => numbers!(values, u32),
        Values::U64(values) => numbers!(values, u64),
        Values::Time(values) => {
            let pairs = clip(ranges, u64::MAX.into(), time_ms);
            mark(batch, column, values, out, |v| among(&pairs, v));
        }
        Values::Addr(values) => match ranges.pairs() {
            [(low, high)] => mark(batch, column, values, out, |v: Addr| {
                let bits = v.bits();
                (*low <= bits) & (bits <= *high)
            }),
            pairs => mark(batch, column, values, out, |v: Addr| among(pairs, v.bits())),
        },
    }
}

/// The ranges as numbers of a column's own type, of which `max` is the greatest.
fn clip<T>(ranges: &Ranges, max: u128, number: impl Fn(u128) -> T) -> Vec<(T, T)> {
    let pairs = ranges.pairs().iter().filter(|(low, _)| *low <= max);
    pairs.map(|(low, high)| (number(*low), number(*high.min(&max)))).collect()
}

/// Whether the value lies in one of these sorted ranges.
fn among<T: PartialOrd>(pairs: &[(T, T)], value: T) -> bool {
    let at = pairs.partition_point(|(_, high)| *high < value);
    pairs.get(at).is_some_and(|(low, _)| *low <= value)
}

fn compare_bits(batch: &Batch, column: Column, mask: u16, wanted: u16, out: &mut [bool]) {
    match batch.values(column) {
        Values::U8(values) => mark(batch, column, values, out, |v| u16::from(v) & mask == wanted),
        Values::U16(values) => mark(batch, column, values, out, |v| v & mask == wanted),
        _ => debug_assert!(false, "{} has no bits to compare", column.name()),
    }
}

fn compare_names(batch: &Batch, column: Column, names: &[String], excluded: bool, out: &mut [bool]) {
    // Names are compared once a batch, rows by their place in it.
    let holds: Vec<bool> = batch
        .names()
        .iter()
        .map(|name| names.binary_search_by(|n| n.as_str().cmp(name)).is_ok() != excluded)
        .collect();
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
            Subject::Columns(_) => None,
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
