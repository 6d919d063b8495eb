//! What a provider charges for an uplink, shared out among those who used it.
//!
//! The bill of the provider is a fact; who pays which part of it is a rule ([`Key`]). Parts are whole units of the
//! currency and sum to the bill (largest remainder). What nobody's traffic stands for is the *remainder*, which is
//! shown and belongs to whoever runs the network, unless the rule shares it out too.
//!
//! The users' traffic is part of the uplink's, slot by slot. Where it is not (it was counted elsewhere, or by other
//! rules), nothing is shared out: a remainder cut to nothing would hide that.

use crate::money::{Money, shares};
use crate::percentile::{self, NoPercentile, Percentile, Reading, Rule, Slot};
use crate::tariff::Direction;
use std::borrow::Borrow;

/// The parts of an octet that weights by percentile are counted in: every method's fractions are such.
const PARTS: u128 = 10_000;

/// By what a bill is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// By octets of the period. With [`Direction::Greater`] everybody's count in that direction in which the uplink as a
    /// whole had more, so that the weights sum to the uplink's.
    Volume(Direction),
    /// By each one's own percentile. The sum of these is mostly more than the uplink's own: not everybody is busy at the
    /// same time.
    Percentile(Rule),
    /// By what each one had in the slots that set the uplink's percentile, or in its highest slot: who was there when it
    /// was decided what the uplink costs.
    Peak(Rule),
}

/// What the traffic that belongs to nobody does to the parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// It has a part as a tenant has, which is shown as the remainder.
    #[default]
    Own,
    /// It is left out: those who are known pay all.
    Shared,
}

/// The traffic of one who pays a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub name: String,
    /// Every slot of the period, in the order and at the times of the uplink's.
    pub slots: Vec<Slot>,
}

/// A bill that was shared out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Each one's part, in the order of the users.
    pub parts: Vec<Part>,
    /// What is left: of traffic that is nobody's, or all of it where there was none at all.
    pub remainder: Money,
    /// What the traffic that is nobody's weighs, by the same key; told also where it is left out.
    pub remainder_weight: u128,
    /// What all traffic of the uplink weighs, by the same key. By volume it is the sum of the others; by percentile
    /// mostly less.
    pub uplink_weight: u128,
    /// Every weight is so many of these to the octet: 1, or 10,000 for percentiles, which may lie between two slots.
    pub weights_per_octet: u128,
}

/// One's part of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose.
    pub name: String,
    /// What it rests on: octets of the period, or of slots, in the unit that [`Split::weights_per_octet`] says.
    pub weight: u128,
    /// What is to be paid.
    pub amount: Money,
}

/// Why a bill cannot be shared out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SplitError {
    /// There is no percentile: of this user, or of the uplink.
    Percentile(Option<String>, NoPercentile),
    /// The slots of this user are not those of the uplink.
    Slots(String),
    /// In the slot of this instant it is known of only one of both what there was: of this user, or of the uplink.
    Unknown(String, i64),
    /// In the slot of this instant the users together had more than the uplink.
    More(i64),
    /// Of no slot is it known what there was on the uplink.
    Nothing,
    /// A figure does not fit.
    Overflow,
}

impl std::fmt::Display for SplitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Percentile(None, why) => write!(f, "of the uplink: {why}"),
            Self::Percentile(Some(name), why) => write!(f, "of {name}: {why}"),
            Self::Slots(name) => write!(f, "the slots of {name} are not those of the uplink"),
            Self::Unknown(name, at) => write!(
                f,
                "in the slot at {at} ms it is known only of one, {name} or the uplink, what there was: both must be of \
                 the same hours"
            ),
            Self::More(at) => write!(
                f,
                "in the slot at {at} ms the users together had more than the uplink: take the uplink's traffic from \
                 where theirs is counted"
            ),
            Self::Nothing => f.write_str("it is not known what went over the uplink: no slot has data"),
            Self::Overflow => f.write_str("a figure does not fit: the stored figures must be damaged"),
        }
    }
}

impl std::error::Error for SplitError {}

/// Shares a bill out among users of an uplink, whose own slots are those of all traffic over it. A slot of which it is
/// not known what there was is so for all, and weighs nothing but by a percentile's rule. Users are looked at one after
/// the other, once: of ten thousand no more than one need be there at a time.
///
/// # Errors
/// [`SplitError`]: also if the users had more than the uplink. No part is ever a guess.
pub fn split(
    bill: Money,
    uplink: &[Slot],
    users: impl IntoIterator<Item = impl Borrow<User>>,
    key: Key,
    rest: Rest,
) -> Result<Split, SplitError> {
    let mut left = uplink.to_vec();
    let (mut names, mut weights) = (Vec::new(), Vec::new());
    let weigh = Scale::new(uplink, key);
    for user in users {
        let user = user.borrow();
        take(&mut left, user)?;
        // Of an uplink of which nothing is known there is no scale: that is said when all are known to be of its slots.
        if let Ok(weigh) = &weigh {
            weights.push(weigh.weight(&user.slots, Some(&user.name))?);
        }
        names.push(user.name.clone());
    }
    if uplink.iter().all(|slot| slot.octets.is_none()) {
        return Err(SplitError::Nothing);
    }
    let weigh = weigh?;
    let nobody = weigh.weight(&left, None)?;
    weights.push(if rest == Rest::Own { nobody } else { 0 });
    let (mut amounts, unshared) = shares(bill.minor, &weights).ok_or(SplitError::Overflow)?;
    let own = amounts.pop().unwrap_or(0);
    let parts = names.into_iter().zip(weights).zip(amounts);
    Ok(Split {
        parts: parts.map(|((name, weight), minor)| Part { name, weight, amount: Money { minor } }).collect(),
        remainder: Money { minor: own.checked_add(unshared).ok_or(SplitError::Overflow)? },
        remainder_weight: nobody,
        uplink_weight: weigh.weight(uplink, None)?,
        weights_per_octet: weigh.per_octet(),
    })
}

/// Takes what a user had from what is left of the uplink's.
fn take(left: &mut [Slot], user: &User) -> Result<(), SplitError> {
    let is_same = user.slots.len() == left.len()
        && user.slots.iter().zip(&*left).all(|(own, rest)| own.start_ms == rest.start_ms);
    if !is_same {
        return Err(SplitError::Slots(user.name.clone()));
    }
    for (own, rest) in user.slots.iter().zip(left) {
        let octets = match (rest.octets, own.octets) {
            (None, None) => continue,
            (Some((came, went)), Some(one)) => came.checked_sub(one.0).zip(went.checked_sub(one.1)),
            _ => return Err(SplitError::Unknown(user.name.clone(), own.start_ms)),
        };
        rest.octets = Some(octets.ok_or(SplitError::More(own.start_ms))?);
    }
    Ok(())
}

/// How traffic is weighed.
enum Scale {
    /// By what there was in this direction; `None`: in both.
    Volume(Option<percentile::Direction>),
    Percentile(Rule),
    /// By what there was in the slots of these instants, of the direction that set them.
    Peak(Rule, Vec<i64>, Option<percentile::Direction>),
}

impl Scale {
    fn new(uplink: &[Slot], key: Key) -> Result<Self, SplitError> {
        use percentile::Direction::{In, Out};
        Ok(match key {
            Key::Volume(Direction::In) => Self::Volume(Some(In)),
            Key::Volume(Direction::Out) => Self::Volume(Some(Out)),
            Key::Volume(Direction::Sum) => Self::Volume(None),
            Key::Volume(Direction::Greater) => {
                let (came, went) = (volume(uplink, Some(In))?, volume(uplink, Some(Out))?);
                Self::Volume(Some(if came < went { Out } else { In }))
            }
            Key::Percentile(rule) => {
                Percentile::of(uplink, rule).map_err(|why| SplitError::Percentile(None, why))?;
                Self::Percentile(rule)
            }
            Key::Peak(rule) => {
                let found = Percentile::of(uplink, rule).map_err(|why| SplitError::Percentile(None, why))?;
                let instants = found.set_by.iter().map(|setter| setter.start_ms).collect();
                Self::Peak(rule, instants, found.direction)
            }
        })
    }

    const fn per_octet(&self) -> u128 {
        match self {
            Self::Percentile(_) => PARTS,
            Self::Volume(_) | Self::Peak(..) => 1,
        }
    }

    fn weight(&self, slots: &[Slot], name: Option<&str>) -> Result<u128, SplitError> {
        match self {
            Self::Volume(direction) => volume(slots, *direction),
            Self::Percentile(rule) => {
                let why = |why| SplitError::Percentile(name.map(str::to_owned), why);
                let (numerator, denominator) = Percentile::of(slots, *rule).map_err(why)?.octets;
                let fraction = || {
                    let (numerator, denominator) =
                        (u128::try_from(numerator).ok()?, u128::try_from(denominator).ok()?);
                    numerator.checked_mul(PARTS)?.checked_div(denominator)
                };
                fraction().ok_or(SplitError::Overflow)
            }
            Self::Peak(rule, instants, direction) => {
                let meant = slots.iter().filter(|slot| instants.contains(&slot.start_ms));
                if rule.reading == Reading::GreaterEachSlot {
                    sum(meant.filter_map(|slot| slot.octets).map(|(came, went)| Some(came.max(went).into())))
                } else {
                    volume(meant, *direction)
                }
            }
        }
    }
}

/// The octets of slots in a direction, or in both.
fn volume<'a>(
    slots: impl IntoIterator<Item = &'a Slot>,
    direction: Option<percentile::Direction>,
) -> Result<u128, SplitError> {
    let figure = |(came, went): (u64, u64)| match direction {
        Some(percentile::Direction::In) => Some(came.into()),
        Some(percentile::Direction::Out) => Some(went.into()),
        None => u128::from(came).checked_add(went.into()),
    };
    sum(slots.into_iter().filter_map(|slot| slot.octets).map(figure))
}

fn sum(mut figures: impl Iterator<Item = Option<u128>>) -> Result<u128, SplitError> {
    figures.try_fold(0u128, |sum, figure| sum.checked_add(figure?)).ok_or(SplitError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percentile::{Method, Missing};
    use proptest::prelude::*;

    const VOLUME: Key = Key::Volume(Direction::Sum);

    fn slots(octets: &[(u64, u64)]) -> Vec<Slot> {
        let slot = |(at, octets): (i64, &(u64, u64))| Slot { start_ms: at * 300_000, octets: Some(*octets) };
        (0..).zip(octets).map(slot).collect()
    }

    fn user(name: &str, octets: &[(u64, u64)]) -> User {
        User { name: name.into(), slots: slots(octets) }
    }

    fn amounts(split: &Split) -> (Vec<i128>, i128) {
        (split.parts.iter().map(|part| part.amount.minor).collect(), split.remainder.minor)
    }

    #[test]
    fn by_volume_by_percentile_and_by_peak() {
        // Two users and 10 octets in each slot that are nobody's.
        let uplink = slots(&[(110, 0), (60, 0), (40, 0), (20, 0)]);
        let users =
            [user("a", &[(100, 0), (0, 0), (0, 0), (0, 0)]), user("b", &[(0, 0), (50, 0), (30, 0), (10, 0)])];
        let bill = Money { minor: 10_000 };
        let by = |key, rest| amounts(&split(bill, &uplink, &users, key, rest).unwrap());
        let volume = Key::Volume(Direction::Sum);
        // 100, 90 and 40 of 230; 100 and 90 of 190.
        assert_eq!(by(volume, Rest::Own), (vec![4348, 3913], 1739));
        assert_eq!(by(volume, Rest::Shared), (vec![5263, 4737], 0));
        // The third of four is 60 on the uplink, in the second slot; of a 0, of b 30, of the rest 10.
        let rule = Rule { hundredths: 7500, reading: Reading::In, ..Rule::default() };
        assert_eq!(by(Key::Percentile(rule), Rest::Own), (vec![0, 7500], 2500));
        assert_eq!(by(Key::Peak(rule), Rest::Own), (vec![0, 8333], 1667));
        // Its highest slot is the first.
        let highest = Rule { hundredths: 10_000, ..rule };
        assert_eq!(by(Key::Peak(highest), Rest::Own), (vec![9091, 0], 909));
    }

    #[test]
    fn where_nobody_used_anything_all_is_left() {
        let split =
            split(Money { minor: 999 }, &slots(&[(0, 0)]), &[user("a", &[(0, 0)])], VOLUME, Rest::Own);
        assert_eq!(amounts(&split.unwrap()), (vec![0], 999));
    }

    #[test]
    fn slots_that_do_not_match_are_refused() {
        let (uplink, other) = (slots(&[(1, 1)]), user("a", &[(1, 1), (2, 2)]));
        let error = split(Money { minor: 1 }, &uplink, &[other], VOLUME, Rest::Own).unwrap_err();
        assert_eq!(error, SplitError::Slots("a".into()));
    }

    fn weights(split: &Split) -> (Vec<u128>, u128, u128, u128) {
        let parts = split.parts.iter().map(|part| part.weight).collect();
        (parts, split.remainder_weight, split.uplink_weight, split.weights_per_octet)
    }

    #[test]
    fn volume_has_a_direction() {
        // In: a 60, b 20, nobody 20. Out: a 10, b 170, nobody 20.
        let uplink = slots(&[(70, 20), (30, 180)]);
        let users = [user("a", &[(50, 5), (10, 5)]), user("b", &[(10, 10), (10, 160)])];
        let bill = Money { minor: 10_000 };
        let by = |direction| split(bill, &uplink, &users, Key::Volume(direction), Rest::Own).unwrap();
        assert_eq!(weights(&by(Direction::In)), (vec![60, 20], 20, 100, 1));
        assert_eq!(amounts(&by(Direction::In)), (vec![6000, 2000], 2000));
        assert_eq!(weights(&by(Direction::Out)), (vec![10, 170], 20, 200, 1));
        assert_eq!(amounts(&by(Direction::Out)), (vec![500, 8500], 1000));
        // A third of a cent is left of each: the first has the cent.
        assert_eq!(weights(&by(Direction::Sum)), (vec![70, 190], 40, 300, 1));
        assert_eq!(amounts(&by(Direction::Sum)), (vec![2334, 6333], 1333));
        // The uplink had more going out, so a pays for what it sent, though it had more coming in.
        assert_eq!(by(Direction::Greater), by(Direction::Out));
    }

    #[test]
    fn weights_are_told_with_their_unit() {
        let uplink = slots(&[(110, 0), (60, 0), (40, 0), (20, 0)]);
        let users =
            [user("a", &[(100, 0), (0, 0), (0, 0), (0, 0)]), user("b", &[(0, 0), (50, 0), (30, 0), (10, 0)])];
        let by = |key, rest| split(Money { minor: 10_000 }, &uplink, &users, key, rest).unwrap();
        // The median of four, between the neighbours: of a 0, of b (10 + 30) / 2, of the rest 10, of all (40 + 60) / 2.
        let rule =
            Rule { hundredths: 5000, reading: Reading::In, method: Method::Inclusive, ..Rule::default() };
        let median = by(Key::Percentile(rule), Rest::Own);
        assert_eq!(weights(&median), (vec![0, 200_000], 100_000, 500_000, 10_000));
        assert_eq!(amounts(&median), (vec![0, 6667], 3333));
        // Half an octet is not lost: of b three quarters of the way from 0 to 10, of all from 20 to 40.
        let odd = by(Key::Percentile(Rule { hundredths: 2500, ..rule }), Rest::Own);
        assert_eq!(weights(&odd), (vec![0, 75_000], 100_000, 350_000, 10_000));
        // Left out of the parts, but told: 40 octets are nobody's.
        assert_eq!(weights(&by(VOLUME, Rest::Shared)), (vec![100, 90], 40, 230, 1));
        let peak = Rule { hundredths: 7500, reading: Reading::In, ..Rule::default() };
        assert_eq!(weights(&by(Key::Peak(peak), Rest::Own)), (vec![0, 50], 10, 60, 1));
    }

    #[test]
    fn users_with_more_than_the_uplink_are_refused() {
        // Together one octet more going out in the second slot; over the period there would be enough.
        let uplink = slots(&[(100, 100), (10, 10)]);
        let users = [user("a", &[(1, 1), (5, 5)]), user("b", &[(1, 1), (5, 6)])];
        for key in [VOLUME, Key::Percentile(Rule::default()), Key::Peak(Rule::default())] {
            for rest in [Rest::Own, Rest::Shared] {
                let error = split(Money { minor: 100 }, &uplink, &users, key, rest).unwrap_err();
                assert_eq!(error, SplitError::More(300_000));
            }
        }
        // Also where the users' own sum would not fit.
        let most = slots(&[(u64::MAX, 0)]);
        let users = [user("a", &[(u64::MAX, 0)]), user("b", &[(u64::MAX, 0)])];
        assert_eq!(split(Money { minor: 1 }, &most, &users, VOLUME, Rest::Own), Err(SplitError::More(0)));
    }

    #[test]
    fn figures_that_do_not_fit_are_refused() {
        let most = [(u64::MAX, u64::MAX)];
        let by = |minor| split(Money { minor }, &slots(&most), &[user("a", &most)], VOLUME, Rest::Own);
        assert_eq!(amounts(&by(1).unwrap()), (vec![1], 0));
        assert_eq!(by(i128::MAX), Err(SplitError::Overflow));
    }

    #[test]
    fn what_is_not_known_is_not_nothing() {
        let unknown = |at: i64| Slot { start_ms: at * 300_000, octets: None };
        let known = |at: i64, octets| Slot { start_ms: at * 300_000, octets: Some((octets, 0)) };
        let of = |slots: &[Slot]| [User { name: "a".into(), slots: slots.into() }];
        let bill = Money { minor: 100 };
        let by = |uplink: &[Slot], a: &[Slot], key| split(bill, uplink, of(a), key, Rest::Own);
        let uplink = [known(0, 40), unknown(1)];
        assert_eq!(amounts(&by(&uplink, &[known(0, 30), unknown(1)], VOLUME).unwrap()), (vec![75], 25));
        let one_sided = Err(SplitError::Unknown("a".into(), 300_000));
        assert_eq!(by(&uplink, &[known(0, 30), known(1, 0)], VOLUME), one_sided);
        assert_eq!(by(&[known(0, 40), known(1, 1)], &[known(0, 30), unknown(1)], VOLUME), one_sided);
        for key in [VOLUME, Key::Percentile(Rule::default()), Key::Peak(Rule::default())] {
            assert_eq!(by(&[unknown(0)], &[unknown(0)], key), Err(SplitError::Nothing));
        }
        let refuse = Rule { missing: Missing::Refuse, ..Rule::default() };
        let error = by(&uplink, &[known(0, 30), unknown(1)], Key::Peak(refuse)).unwrap_err();
        let sentence = error.to_string();
        assert!(sentence.starts_with("of the uplink: 1 slots of five minutes have no data"), "{sentence}");
        // There need be no tariff here.
        assert!(sentence.contains("`missing = \"refuse\"`") && !sentence.contains("tariff"), "{sentence}");
    }

    proptest! {
        #[test]
        fn parts_and_remainder_are_the_bill(
            bill in -1_000_000i128..1_000_000,
            all in prop::collection::vec(prop::collection::vec((0u64..1000, 0u64..1000), 12), 0..5),
            nobody in prop::collection::vec((0u64..1000, 0u64..1000), 12),
            key in 0usize..8,
        ) {
            let mut uplink = nobody.clone();
            for octets in &all {
                uplink.iter_mut().zip(octets).for_each(|(sum, one)| *sum = (sum.0 + one.0, sum.1 + one.1));
            }
            let users: Vec<User> = all.iter().enumerate().map(|(i, octets)| user(&i.to_string(), octets)).collect();
            let between = Rule { method: Method::Exclusive, reading: Reading::Sum, ..Rule::default() };
            let is_volume = key < 4;
            let key = match key {
                0..4 => Key::Volume(Direction::ALL[key]),
                4 => Key::Percentile(Rule::default()),
                5 => Key::Percentile(between),
                6 => Key::Peak(Rule::default()),
                _ => Key::Peak(between),
            };
            for rest in [Rest::Own, Rest::Shared] {
                let split = split(Money { minor: bill }, &slots(&uplink), &users, key, rest).unwrap();
                let (parts, remainder) = amounts(&split);
                prop_assert_eq!(parts.iter().sum::<i128>() + remainder, bill);
                // Nobody is paid for what others use.
                prop_assert!(parts.iter().chain([&remainder]).all(|part| part * bill.signum() >= 0));
                let (own, nobody, all, _) = weights(&split);
                let sum = own.iter().sum::<u128>();
                if is_volume {
                    prop_assert_eq!(sum + nobody, all);
                }
                if rest == Rest::Shared && sum > 0 {
                    prop_assert_eq!(remainder, 0);
                }
            }
        }
    }
}
