//! Percentiles of five-minute rates: what "95th percentile billing" bills.
//!
//! A period is cut into slots of five minutes; each has the octets that came in and went out. The slots are put in
//! order, the highest few are forgiven, and the rate of the next one is the figure. Everything that providers do
//! differently is a setting here: which direction ([`Reading`]), which rank exactly ([`Method`]), and what a slot
//! without data is ([`Missing`]). The result names the slots that set it, so that it can be checked by hand.

use std::fmt;

/// The length of a slot, in seconds.
pub const SLOT_S: i128 = 300;

/// Octets of five minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its first instant, ms since 1970.
    pub start_ms: i64,
    /// Octets in and out; `None` where it is not known what there was: nobody listened, or nothing came.
    pub octets: Option<(u64, u64)>,
}

/// Which of a slot's figures is ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// What came in.
    In,
    /// What went out.
    Out,
    /// Both directions are ranked apart, and the greater result is taken: what most providers do.
    #[default]
    Greater,
    /// Of each slot the greater direction is ranked: never less than [`Reading::Greater`].
    GreaterEachSlot,
    /// Both directions together are ranked.
    Sum,
}

impl Reading {
    /// Every reading.
    pub const ALL: [Self; 5] = [Self::In, Self::Out, Self::Greater, Self::GreaterEachSlot, Self::Sum];

    /// Its word in configuration and on statements.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Greater => "max",
            Self::GreaterEachSlot => "max-each-slot",
            Self::Sum => "sum",
        }
    }
}

/// Which rank the percentile is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// The value at rank ⌈p·N⌉ in rising order. The same as to discard the highest N - ⌈p·N⌉ and to bill the next: of
    /// the 8,640 slots of 30 days 432 are discarded.
    #[default]
    NearestRank,
    /// Between the two neighbours of p·(N - 1), counted from 0, in proportion (`PERCENTILE.INC` of spreadsheets, the
    /// default of NumPy).
    Inclusive,
    /// Between the two neighbours of p·(N + 1), counted from 1 (`PERCENTILE.EXC`).
    Exclusive,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::NearestRank, Self::Inclusive, Self::Exclusive];

    /// Its word in configuration and on statements.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NearestRank => "nearest-rank",
            Self::Inclusive => "inclusive",
            Self::Exclusive => "exclusive",
        }
    }
}

/// What a slot without data counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// It is left out: fewer slots are ranked.
    #[default]
    LeaveOut,
    /// It counts as nothing: to the customer's advantage.
    Zero,
    /// There is no percentile while there is one such slot.
    Refuse,
}

impl Missing {
    /// Every rule.
    pub const ALL: [Self; 3] = [Self::LeaveOut, Self::Zero, Self::Refuse];

    /// Its word in configuration and on statements.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::LeaveOut => "leave-out",
            Self::Zero => "zero",
            Self::Refuse => "refuse",
        }
    }
}

/// Everything that makes a percentile one figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// In hundredths of a percent: 9500 is the 95th. Above 0 and at most 10,000, which is the highest slot.
    pub hundredths: u16,
    /// Of which figures.
    pub reading: Reading,
    /// At which rank.
    pub method: Method,
    /// What of slots without data.
    pub missing: Missing,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            hundredths: 9500,
            reading: Reading::default(),
            method: Method::default(),
            missing: Missing::default(),
        }
    }
}

/// Why there is no percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPercentile {
    /// No slot has data.
    Empty,
    /// So many slots have none, and the rule refuses that.
    Missing(usize),
    /// The percent is not above 0 and at most 100.
    Percent,
    /// A figure does not fit.
    Overflow,
}

impl fmt::Display for NoPercentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no slot with data to take a percentile of"),
            Self::Missing(slots) => {
                write!(
                    f,
                    "{slots} slots of five minutes have no data, and the percentile's rule is `missing = \"refuse\"`"
                )
            }
            Self::Percent => f.write_str("a percentile is above 0 and at most 100"),
            Self::Overflow => f.write_str("a slot's octets do not fit: the stored figures must be damaged"),
        }
    }
}

impl std::error::Error for NoPercentile {}

/// A slot that set a percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setter {
    /// Its first instant, ms since 1970.
    pub start_ms: i64,
    /// Its octets, of the direction ranked.
    pub octets: u128,
    /// Its rank, rising, from 1.
    pub rank: usize,
}

/// A percentile, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Percentile {
    /// Octets of a slot, as a fraction: numerator and denominator (above 0).
    pub octets: (i128, i128),
    /// The direction that set it; `None` where both together did.
    pub direction: Option<Direction>,
    /// The slots that set it: one, or two with a value in between.
    pub set_by: Vec<Setter>,
    /// How many slots were ranked.
    pub slots: usize,
    /// How many had no data (and were left out, or counted as nothing).
    pub missing: usize,
    /// How many ranked above it: those that are forgiven.
    pub above: usize,
}

/// One of a slot's two directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Came in.
    In,
    /// Went out.
    Out,
}

impl Percentile {
    /// Its rate in bits a second, as a fraction. `None` if it does not fit.
    #[must_use]
    pub fn bits_a_second(&self) -> Option<(i128, i128)> {
        let (numerator, denominator) = self.octets;
        Some((numerator.checked_mul(8)?, denominator.checked_mul(SLOT_S)?))
    }

    /// Of these slots, by this rule.
    ///
    /// # Errors
    /// [`NoPercentile`]
    pub fn of(slots: &[Slot], rule: Rule) -> Result<Self, NoPercentile> {
        if rule.hundredths == 0 || rule.hundredths > 10_000 {
            return Err(NoPercentile::Percent);
        }
        let of = |figure: fn(u64, u64) -> u128, direction| ranked(slots, rule, figure, direction);
        let came = || of(|came, _| came.into(), Some(Direction::In));
        let went = || of(|_, went| went.into(), Some(Direction::Out));
        match rule.reading {
            Reading::In => came(),
            Reading::Out => went(),
            Reading::Sum => of(|came, went| u128::from(came).saturating_add(went.into()), None),
            Reading::GreaterEachSlot => of(|came, went| came.max(went).into(), None),
            Reading::Greater => {
                let (came, went) = (came()?, went()?);
                let is_less = less(came.octets, went.octets).ok_or(NoPercentile::Overflow)?;
                Ok(if is_less { went } else { came })
            }
        }
    }
}

/// Whether one fraction is less than another.
fn less(a: (i128, i128), b: (i128, i128)) -> Option<bool> {
    Some(a.0.checked_mul(b.1)? < b.0.checked_mul(a.1)?)
}

/// The percentile of one figure of each slot.
fn ranked(
    slots: &[Slot],
    rule: Rule,
    figure: fn(u64, u64) -> u128,
    direction: Option<Direction>,
) -> Result<Percentile, NoPercentile> {
    let missing = slots.iter().filter(|slot| slot.octets.is_none()).count();
    if missing > 0 && rule.missing == Missing::Refuse {
        return Err(NoPercentile::Missing(missing));
    }
    let known = |slot: &Slot| match (slot.octets, rule.missing) {
        (Some((came, went)), _) => Some((figure(came, went), slot.start_ms)),
        (None, Missing::Zero) => Some((0, slot.start_ms)),
        (None, _) => None,
    };
    let mut values: Vec<(u128, i64)> = slots.iter().filter_map(known).collect();
    // Of equal slots the earlier has the lower rank, so that everybody names the same one.
    values.sort_unstable();
    let (low, part) = place(values.len(), rule).ok_or(NoPercentile::Empty)?;
    let setter = |at: usize| {
        let (octets, start_ms) = values.get(at).copied()?;
        Some(Setter { start_ms, octets, rank: at.checked_add(1)? })
    };
    let first = setter(low).ok_or(NoPercentile::Empty)?;
    let second = if part == 0 { None } else { low.checked_add(1).and_then(setter) };
    let octets = between(first.octets, second.map_or(first.octets, |second| second.octets), part)
        .ok_or(NoPercentile::Overflow)?;
    let top = second.map_or(first.rank, |second| second.rank);
    let above = values.len().saturating_sub(top);
    let set_by = std::iter::once(first).chain(second).collect();
    Ok(Percentile { octets, direction, set_by, slots: values.len(), missing, above })
}

/// Where the percentile of so many values lies: after which one, from 0, and how far towards the next, in
/// ten-thousandths. `None` of no values.
fn place(count: usize, rule: Rule) -> Option<(usize, u32)> {
    let last = u128::try_from(count).ok()?.checked_sub(1)?;
    let p = u128::from(rule.hundredths);
    let ten_thousandths = match rule.method {
        Method::NearestRank => {
            return Some((nearest_rank(count, rule.hundredths)?, 0));
        }
        Method::Inclusive => p.checked_mul(last)?,
        Method::Exclusive => p.checked_mul(last.checked_add(2)?)?.saturating_sub(10_000),
    };
    let at = ten_thousandths.checked_div(10_000)?;
    if at >= last {
        return Some((usize::try_from(last).ok()?, 0));
    }
    Some((usize::try_from(at).ok()?, u32::try_from(ten_thousandths.checked_rem(10_000)?).ok()?))
}

/// The place, from 0, of the value at rank ⌈p·N⌉ among so many in rising order, for p in hundredths of a percent; `None`
/// of no values.
#[must_use]
pub fn nearest_rank(count: usize, hundredths: u16) -> Option<usize> {
    let last = count.checked_sub(1)?;
    let rank = u128::try_from(count).ok()?.checked_mul(hundredths.into())?.div_ceil(10_000);
    Some(usize::try_from(rank.saturating_sub(1)).ok()?.min(last))
}

/// The value so many ten-thousandths of the way from one to the other.
fn between(low: u128, high: u128, part: u32) -> Option<(i128, i128)> {
    if part == 0 {
        return Some((i128::try_from(low).ok()?, 1));
    }
    let rest = 10_000u32.checked_sub(part)?;
    let sum = low.checked_mul(rest.into())?.checked_add(high.checked_mul(part.into())?)?;
    Some((i128::try_from(sum).ok()?, 10_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slots(values: &[u64]) -> Vec<Slot> {
        let slot = |(at, value): (i64, &u64)| Slot {
            start_ms: at * 300_000,
            octets: (*value != u64::MAX).then_some((*value, 0)),
        };
        (0..).zip(values).map(slot).collect()
    }

    fn rule(method: Method) -> Rule {
        Rule { method, reading: Reading::In, ..Rule::default() }
    }

    #[test]
    fn a_months_percentile_forgives_432_slots() {
        // 30 days: 8,640 slots of 1 to 8,640 octets, shuffled by a step that is prime to their number.
        let values: Vec<u64> = (0..8640u64).map(|i| (i * 4801) % 8640 + 1).collect();
        let found = Percentile::of(&slots(&values), rule(Method::NearestRank)).unwrap();
        assert_eq!((found.octets, found.above, found.slots), ((8208, 1), 432, 8640));
        assert_eq!(found.set_by.len(), 1);
        assert_eq!(found.set_by[0].rank, 8208);
        let at = usize::try_from(found.set_by[0].start_ms / 300_000).unwrap();
        assert_eq!(values[at], 8208);
        // 8,208 octets in 300 s are 218.88 bit/s.
        assert_eq!(found.bits_a_second(), Some((65_664, 300)));
    }

    #[test]
    fn the_definitions_differ_as_their_authors_say() {
        // Ten values; NumPy's "inverted_cdf", "linear" and "weibull" for the 95th and the 90th.
        let values = slots(&[15, 20, 35, 40, 50, 60, 70, 80, 90, 100]);
        let at = |hundredths, method| {
            let rule = Rule { hundredths, ..rule(method) };
            Percentile::of(&values, rule).unwrap().octets
        };
        assert_eq!(at(9500, Method::NearestRank), (100, 1));
        assert_eq!(at(9000, Method::NearestRank), (90, 1));
        assert_eq!(at(9500, Method::Inclusive), (955_000, 10_000));
        assert_eq!(at(9000, Method::Inclusive), (910_000, 10_000));
        assert_eq!(at(9500, Method::Exclusive), (100, 1));
        assert_eq!(at(9000, Method::Exclusive), (990_000, 10_000));
        assert_eq!(at(10_000, Method::Inclusive), (100, 1));
        assert_eq!(at(1, Method::NearestRank), (15, 1));
    }

    #[test]
    fn a_slot_without_data_is_what_the_rule_says() {
        const NONE: u64 = u64::MAX;
        let values = slots(&[10, NONE, 30, NONE]);
        let at = |missing| {
            let rule = Rule { hundredths: 5000, missing, ..rule(Method::NearestRank) };
            Percentile::of(&values, rule)
        };
        // 50 % of (10, 30): the first. Of (0, 0, 10, 30): the second.
        assert_eq!(at(Missing::LeaveOut).map(|p| (p.octets, p.slots, p.missing)), Ok(((10, 1), 2, 2)));
        assert_eq!(at(Missing::Zero).map(|p| (p.octets, p.slots, p.missing)), Ok(((0, 1), 4, 2)));
        assert_eq!(at(Missing::Refuse), Err(NoPercentile::Missing(2)));
        let nothing = slots(&[NONE, NONE]);
        assert_eq!(Percentile::of(&nothing, rule(Method::NearestRank)), Err(NoPercentile::Empty));
    }

    #[test]
    fn directions_are_read_as_asked() {
        let both = [(10, 1), (20, 2), (30, 3), (1, 40)];
        let slots: Vec<_> = both.iter().map(|octets| Slot { start_ms: 0, octets: Some(*octets) }).collect();
        let at = |reading| {
            let rule = Rule { hundredths: 7500, reading, ..Rule::default() };
            let found = Percentile::of(&slots, rule).unwrap();
            (found.octets.0, found.direction)
        };
        // Third of four: in 1 10 20 30, out 1 2 3 40, sum 11 22 33 41, greater 10 20 30 40.
        assert_eq!(at(Reading::In), (20, Some(Direction::In)));
        assert_eq!(at(Reading::Out), (3, Some(Direction::Out)));
        assert_eq!(at(Reading::Sum), (33, None));
        assert_eq!(at(Reading::Greater), (20, Some(Direction::In)));
        assert_eq!(at(Reading::GreaterEachSlot), (30, None));
    }

    proptest! {
        #[test]
        fn nearest_rank_is_what_discarding_leaves(values in prop::collection::vec(0u64..1000, 1..300), hundredths in 1u16..=10_000) {
            let found = Percentile::of(&slots(&values), Rule { hundredths, ..rule(Method::NearestRank) }).unwrap();
            // At least p of the values are at most it, and with one rank less they would not be.
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = found.set_by[0].rank;
            prop_assert_eq!(found.octets, (i128::from(sorted[rank - 1]), 1));
            let (p, n) = (u64::from(hundredths), values.len() as u64);
            prop_assert!(rank as u64 * 10_000 >= p * n && (rank as u64 - 1) * 10_000 < p * n);
            prop_assert_eq!(found.above, values.len() - rank);
        }

        #[test]
        fn no_method_leaves_the_range_nor_falls_with_the_percent(values in prop::collection::vec(0u64..1000, 1..100), a in 1u16..=10_000, b in 1u16..=10_000) {
            let (low, high) = (a.min(b), a.max(b));
            let (least, most) = (values.iter().min().copied().unwrap(), values.iter().max().copied().unwrap());
            for method in Method::ALL {
                let at = |hundredths| Percentile::of(&slots(&values), Rule { hundredths, ..rule(method) }).unwrap().octets;
                prop_assert_eq!(less(at(high), at(low)), Some(false));
                for octets in [at(low), at(high)] {
                    prop_assert_eq!(less(octets, (least.into(), 1)), Some(false));
                    prop_assert_eq!(less((most.into(), 1), octets), Some(false));
                }
            }
        }
    }
}
