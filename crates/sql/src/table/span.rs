//! Which span of time a question can be about, read off its conditions; and its days, read one after the other.

use crate::source::ALWAYS;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use std::ops::Range;

const DAY_MS: i64 = 86_400_000;
/// Into so many pieces at most a span is cut, however absurd a time in it is.
const PIECES_MAX: i64 = 10_000;

/// The moments (ms since 1970) of `column` that may meet all of these conditions. Conditions that are not
/// understood exclude nothing.
pub(super) fn of(filters: &[Expr], column: &str) -> Range<i64> {
    filters.iter().fold(ALWAYS, |span, filter| narrow(span, filter, column))
}

/// A range in pieces that together are the whole: a day each of what is `sealed`, and what lies before and behind.
/// Between two of them a question can be stopped, and of those that are read as a whole only one is in memory.
pub(super) fn days(
    range: &Range<i64>,
    sealed: Option<Range<i64>>,
) -> impl Iterator<Item = Range<i64>> + use<> {
    let sealed = sealed.unwrap_or(range.start..range.start);
    let (from, to) = (sealed.start.max(range.start), sealed.end.min(range.end));
    let length = to.saturating_sub(from) / PIECES_MAX;
    let (mut at, last) = (range.start, range.end);
    let mut next = from.saturating_add(DAY_MS.max(length));
    std::iter::from_fn(move || {
        if at >= last {
            return None;
        }
        let piece = at..if next < to { next } else { last };
        at = piece.end;
        next = next.saturating_add(DAY_MS.max(length));
        Some(piece)
    })
}

fn narrow(span: Range<i64>, filter: &Expr, column: &str) -> Range<i64> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            narrow(narrow(span, left, column), right, column)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (moment(left), moment(right)) {
            (None, Some(ms)) if is(left, column) => bound(span, *op, ms),
            (Some(ms), None) if is(right, column) => op.swap().map_or(span.clone(), |op| bound(span, op, ms)),
            _ => span,
        },
        Expr::Between(between) if !between.negated && is(&between.expr, column) => {
            let low = moment(&between.low).map_or(span.start, |low| low.max(span.start));
            let high = moment(&between.high).map_or(span.end, |high| high.saturating_add(1).min(span.end));
            low..high
        }
        _ => span,
    }
}

fn bound(span: Range<i64>, op: Operator, ms: i64) -> Range<i64> {
    let Range { start, end } = span;
    match op {
        Operator::Eq => start.max(ms)..end.min(ms.saturating_add(1)),
        Operator::Gt => start.max(ms.saturating_add(1))..end,
        Operator::GtEq => start.max(ms)..end,
        Operator::Lt => start..end.min(ms),
        Operator::LtEq => start..end.min(ms.saturating_add(1)),
        _ => start..end,
    }
}

fn is(expr: &Expr, column: &str) -> bool {
    matches!(expr, Expr::Column(one) if one.name == column)
}

fn moment(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::TimestampMillisecond(Some(ms), _), _) => Some(*ms),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{col, lit};

    fn at(ms: i64) -> Expr {
        lit(ScalarValue::TimestampMillisecond(Some(ms), Some("UTC".into())))
    }

    #[test]
    fn bounds_narrow_and_what_is_not_understood_does_not() {
        assert_eq!(of(&[], "bin"), ALWAYS);
        assert_eq!(of(&[col("bin").gt_eq(at(5)), col("bin").lt(at(9))], "bin"), 5..9);
        assert_eq!(of(&[col("bin").between(at(5), at(9))], "bin"), 5..10);
        assert_eq!(of(&[at(5).lt(col("bin")).and(at(9).gt_eq(col("bin")))], "bin"), 6..10);
        assert_eq!(of(&[col("bin").eq(at(7))], "bin"), 7..8);
        assert_eq!(of(&[col("bin").eq(at(7)).or(col("bin").eq(at(9)))], "bin"), ALWAYS);
        assert_eq!(of(&[col("received").eq(at(7)), col("bin").not_eq(at(7))], "bin"), ALWAYS);
        assert_eq!(of(&[col("bin").not_between(at(5), at(9))], "bin"), ALWAYS);
    }

    #[test]
    fn days_together_are_the_whole() {
        let cut = |range: Range<i64>, sealed| days(&range, sealed).collect::<Vec<_>>();
        let day = |n: i64| n * DAY_MS;
        assert_eq!(
            cut(ALWAYS, Some(day(5)..day(7) + 1)),
            [i64::MIN..day(6), day(6)..day(7), day(7)..i64::MAX]
        );
        let inside = day(6)..day(6) + 9;
        assert_eq!(cut(inside.clone(), Some(day(5)..day(7))), std::slice::from_ref(&inside));
        assert_eq!(cut(ALWAYS, None), std::slice::from_ref(&ALWAYS));
        assert_eq!(cut(9..9, Some(0..day(9))), []);
        // A time that is absurd does not make a piece of every day until then.
        let pieces = cut(ALWAYS, Some(0..i64::MAX));
        assert!(pieces.len() <= usize::try_from(PIECES_MAX).unwrap() + 1);
        assert!(pieces.windows(2).all(|two| two[0].end == two[1].start));
        assert_eq!((pieces[0].start, pieces.last().unwrap().end), (ALWAYS.start, ALWAYS.end));
    }
}
