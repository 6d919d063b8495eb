//! What a filter implies about single columns: enough to leave most of a month unread.
//!
//! Statistics of a file say "the values of this column lie between here and there". A filter answers with
//! conditions of the same form. They are necessary. Mostly rows are still tested; but of simple filters, which most are,
//! the conditions say all ([`is_exact`]), and rows that are known to meet them need not be.

use super::expr::{Expr, Set, Test};
use super::range::Ranges;
use super::subject::{Subject, columns};
use crate::batch::Value;
use crate::schema::{Column, Kind};
use crate::{Addr, Batch};
use std::net::Ipv6Addr;

/// A condition that every matching row meets: at least one of these bounds holds in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conjunct {
    /// The alternatives; never empty.
    pub any: Vec<Bounds>,
}

impl Conjunct {
    /// Whether a row meets it.
    ///
    /// This is what statistics of that row alone would say; it decides no question, but it is what those who prune by
    /// statistics may be tested against.
    #[must_use]
    pub fn is_met(&self, batch: &Batch, row: usize) -> bool {
        self.any.iter().any(|bounds| {
            let value = match batch.get(row, bounds.column) {
                Some(Value::Time(ms)) => Bound::Time(ms),
                Some(Value::Addr(addr)) => Bound::Addr(addr),
                Some(Value::Mac(mac)) => Bound::Unsigned(mac.0),
                Some(Value::Unsigned(number)) => Bound::Unsigned(number),
                Some(Value::Word(text) | Value::Name(text) | Value::Text(text)) => Bound::Text(text.into()),
                // No filter compares elements.
                Some(Value::Elements(_)) | None => return false,
            };
            bounds.low <= value && value <= bounds.high
        })
    }
}

/// The row has a value in this column, and it lies between two bounds. A row without a value does not meet it,
/// so a column that is absent throughout rules the bounds out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Which column.
    pub column: Column,
    /// The least value, included.
    pub low: Bound,
    /// The greatest value, included; of the same variant as `low`.
    pub high: Bound,
}

/// An end of [`Bounds`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Bound {
    /// Of numbers, and of MAC addresses as their 48 bits.
    Unsigned(u64),
    /// Of times, in ms since 1970.
    Time(i64),
    /// Of addresses, in the order of [`Addr`].
    Addr(Addr),
    /// Of words and names, in the order of their octets.
    Text(String),
}

/// More ranges than this in one column become one range from the first to the last: a list of ten thousand
/// addresses must not be held against every page.
const RANGES_MAX: usize = 64;

/// More alternatives than this in one condition become one range for each column.
const ALTERNATIVES_MAX: usize = 256;

/// More conditions than this from an `or` of `and`s are not combined; each alone is right.
const PRODUCT_MAX: usize = 16;

/// The necessary conditions of an expression.
pub(super) fn conjuncts(expr: &Expr) -> Vec<Conjunct> {
    implied(expr, false)
}

/// Whether the necessary conditions of an expression are sufficient too: a row that meets all of them matches.
pub(super) fn is_exact(expr: &Expr) -> bool {
    match expr {
        Expr::All(members) => members.iter().all(is_exact),
        // One condition of each, which are one condition together.
        Expr::Any(members) => {
            let alternatives = members.iter().map(|member| match member {
                Expr::Test(test) => exact_alternatives(test),
                _ => None,
            });
            let sum = alternatives.sum::<Option<usize>>();
            sum.is_some_and(|sum| sum <= ALTERNATIVES_MAX)
        }
        Expr::Test(test) => exact_alternatives(test).is_some(),
        Expr::Not(_) => false,
    }
}

/// Of how many bounds the condition of a comparison is made, if it says all that the comparison does.
fn exact_alternatives(test: &Test) -> Option<usize> {
    let Subject::Columns(mask) = test.subject else { return None };
    let of_one = match &test.set {
        Set::Ranges(ranges) => ranges.pairs().len(),
        Set::Names { names, excluded: false } => names.len(),
        Set::Names { excluded: true, .. } | Set::Bits { .. } | Set::Civil { .. } => return None,
    };
    let alternatives: usize = columns(mask).map(|column| of_column(column, &test.set).len()).sum();
    // A long list has become one range from the first to the last; of a word there may be no name.
    let is_all = of_one <= RANGES_MAX && (1..=ALTERNATIVES_MAX).contains(&alternatives);
    is_all.then_some(alternatives)
}

/// The necessary conditions of an expression, or of its complement.
fn implied(expr: &Expr, negated: bool) -> Vec<Conjunct> {
    match (expr, negated) {
        (Expr::Not(inner), _) => implied(inner, !negated),
        (Expr::All(members), false) | (Expr::Any(members), true) => {
            members.iter().flat_map(|e| implied(e, negated)).collect()
        }
        (Expr::Any(members), false) | (Expr::All(members), true) => either(members, negated),
        (Expr::Test(test), false) => of_test(test).into_iter().collect(),
        // Rows without a value are in the complement too, so it bounds nothing.
        (Expr::Test(_), true) => Vec::new(),
    }
}

/// Of alternatives: one condition of each, in every combination up to the limit.
fn either(members: &[Expr], negated: bool) -> Vec<Conjunct> {
    let mut product: Vec<Conjunct> = Vec::new();
    for (i, member) in members.iter().enumerate() {
        let mut conditions = implied(member, negated);
        if i == 0 {
            conditions.truncate(PRODUCT_MAX);
            product = conditions;
            continue;
        }
        conditions.truncate(PRODUCT_MAX / product.len().max(1));
        product = match conditions.as_slice() {
            // The usual case, and the one that may be long: nothing is copied but what is new.
            [single] => {
                for begun in &mut product {
                    let new = single.any.iter().filter(|bounds| !begun.any.contains(bounds));
                    let new: Vec<Bounds> = new.cloned().collect();
                    begun.any.extend(new);
                }
                product
            }
            several => several.iter().flat_map(|condition| extended(&product, condition)).collect(),
        };
        product.iter_mut().for_each(Conjunct::limit);
        if product.is_empty() {
            return product;
        }
    }
    product
}

/// Each conjunct with one more alternative.
fn extended(product: &[Conjunct], condition: &Conjunct) -> Vec<Conjunct> {
    let extend =
        |begun: &Conjunct| Conjunct { any: begun.any.iter().chain(&condition.any).cloned().collect() };
    product.iter().map(extend).collect()
}

impl Conjunct {
    /// Makes one range of all alternatives in a column, if there are too many.
    fn limit(&mut self) {
        if self.any.len() <= ALTERNATIVES_MAX {
            return;
        }
        let mut spans: Vec<Bounds> = Vec::new();
        for bounds in self.any.drain(..) {
            match spans.iter_mut().find(|span| span.column == bounds.column) {
                Some(span) => {
                    if bounds.low < span.low {
                        span.low = bounds.low;
                    }
                    if bounds.high > span.high {
                        span.high = bounds.high;
                    }
                }
                None => spans.push(bounds),
            }
        }
        self.any = spans;
    }
}

fn of_test(test: &Test) -> Option<Conjunct> {
    let any: Vec<Bounds> =
        columns(test.subject.compared()).flat_map(|column| of_column(column, &test.set)).collect();
    let mut conjunct = Conjunct { any };
    conjunct.limit();
    (!conjunct.any.is_empty()).then_some(conjunct)
}

fn of_column(column: Column, set: &Set) -> Vec<Bounds> {
    match (set, column.kind()) {
        (Set::Ranges(ranges), Kind::Word(words)) => of_words(column, ranges, words),
        (Set::Ranges(ranges), _) => of_ranges(column, ranges),
        (Set::Bits { mask, value }, _) => {
            let (low, high) = (u64::from(*value), u64::from(*value | !*mask));
            vec![Bounds { column, low: Bound::Unsigned(low), high: Bound::Unsigned(high) }]
        }
        (Set::Names { names, excluded: false }, _) => {
            names.iter().map(|name| of_text(column, name)).collect()
        }
        (Set::Names { excluded: true, .. } | Set::Civil { .. }, _) => Vec::new(),
    }
}

fn of_words(column: Column, ranges: &Ranges, words: &[&str]) -> Vec<Bounds> {
    let held = words.iter().enumerate().filter(|(code, _)| ranges.contains(*code as u128));
    held.map(|(_, word)| of_text(column, word)).collect()
}

fn of_text(column: Column, text: &str) -> Bounds {
    Bounds { column, low: Bound::Text(text.into()), high: Bound::Text(text.into()) }
}

fn of_ranges(column: Column, ranges: &Ranges) -> Vec<Bounds> {
    let hull = ranges.hull();
    let pairs = if ranges.pairs().len() > RANGES_MAX { hull.as_slice() } else { ranges.pairs() };
    let bound = |number| bound(column.kind(), number);
    pairs.iter().map(|(low, high)| Bounds { column, low: bound(*low), high: bound(*high) }).collect()
}

/// The bound of a number as [`Ranges`] hold it.
fn bound(kind: Kind, number: u128) -> Bound {
    match kind {
        Kind::Addr => Bound::Addr(Addr::v6(Ipv6Addr::from_bits(number).octets())),
        Kind::Time => Bound::Time(super::value::time_ms(number)),
        _ => Bound::Unsigned(u64::try_from(number).unwrap_or(u64::MAX)),
    }
}
