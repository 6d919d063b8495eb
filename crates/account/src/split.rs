//! What a provider charges for an uplink, shared out among those who used it.
//!
//! The bill of the provider is a fact; who pays which part of it is a rule ([`Key`]). Parts are whole units of the
//! currency and sum to the bill (largest remainder). What nobody's traffic stands for is the *remainder*, which is
//! shown and belongs to whoever runs the network, unless the rule shares it out too.

use crate::money::{Money, shares};
use crate::percentile::{NoPercentile, Percentile, Rule, Slot};

/// By what a bill is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// By octets of the period, both directions together.
    Volume,
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
    /// What the traffic that is nobody's weighs, by the same key.
    pub remainder_weight: u128,
}

/// One's part of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose.
    pub name: String,
    /// What it rests on: octets of the period, or of slots.
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
    /// A figure does not fit.
    Overflow,
}

impl std::fmt::Display for SplitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Percentile(None, why) => write!(f, "of the uplink: {why}"),
            Self::Percentile(Some(name), why) => write!(f, "of {name}: {why}"),
            Self::Slots(name) => write!(f, "the slots of {name} are not those of the uplink"),
            Self::Overflow => f.write_str("a figure does not fit: the stored figures must be damaged"),
        }
    }
}

impl std::error::Error for SplitError {}

/// Shares a bill out among users of an uplink, whose own slots are those of all traffic over it.
///
/// # Errors
/// [`SplitError`]
pub fn split(
    bill: Money,
    uplink: &[Slot],
    users: &[User],
    key: Key,
    rest: Rest,
) -> Result<Split, SplitError> {
    for user in users {
        let is_same = user.slots.len() == uplink.len()
            && user.slots.iter().zip(uplink).all(|(own, all)| own.start_ms == all.start_ms);
        if !is_same {
            return Err(SplitError::Slots(user.name.clone()));
        }
    }
    let weigh = Scale::new(uplink, key)?;
    let mut weights = Vec::with_capacity(users.len().saturating_add(1));
    for user in users {
        weights.push(weigh.weight(&user.slots, Some(&user.name))?);
    }
    let known = users.iter().map(|user| &user.slots[..]).collect::<Vec<_>>();
    let nobody = weigh.weight(&left(uplink, &known), None)?;
    weights.push(if rest == Rest::Own { nobody } else { 0 });
    let (mut amounts, unshared) = shares(bill.minor, &weights).ok_or(SplitError::Overflow)?;
    let own = amounts.pop().unwrap_or(0);
    let part = |((user, weight), minor): ((&User, &u128), i128)| Part {
        name: user.name.clone(),
        weight: *weight,
        amount: Money { minor },
    };
    Ok(Split {
        parts: users.iter().zip(&weights).zip(amounts).map(part).collect(),
        remainder: Money { minor: own.checked_add(unshared).ok_or(SplitError::Overflow)? },
        remainder_weight: nobody,
    })
}

/// What the uplink had and none of the users. Who was seen with more than the uplink (another exporter counted, say)
/// leaves nothing.
fn left(uplink: &[Slot], users: &[&[Slot]]) -> Vec<Slot> {
    let less = |(at, slot): (usize, &Slot)| {
        let octets = slot.octets.map(|(came, went)| {
            let of_users = users.iter().filter_map(|slots| slots.get(at)?.octets);
            of_users
                .fold((came, went), |left, one| (left.0.saturating_sub(one.0), left.1.saturating_sub(one.1)))
        });
        Slot { start_ms: slot.start_ms, octets }
    };
    uplink.iter().enumerate().map(less).collect()
}

/// How traffic is weighed.
enum Scale {
    Volume,
    Percentile(Rule),
    /// By what there was in the slots of these instants, of the direction that set them.
    Peak(Rule, Vec<i64>, Percentile),
}

impl Scale {
    fn new(uplink: &[Slot], key: Key) -> Result<Self, SplitError> {
        Ok(match key {
            Key::Volume => Self::Volume,
            Key::Percentile(rule) => Self::Percentile(rule),
            Key::Peak(rule) => {
                let found = Percentile::of(uplink, rule).map_err(|why| SplitError::Percentile(None, why))?;
                Self::Peak(rule, found.set_by.iter().map(|setter| setter.start_ms).collect(), found)
            }
        })
    }

    fn weight(&self, slots: &[Slot], name: Option<&str>) -> Result<u128, SplitError> {
        use crate::percentile::{Direction, Reading};
        let both = |(came, went): (u64, u64)| u128::from(came).saturating_add(went.into());
        match self {
            Self::Volume => sum(slots.iter().filter_map(|slot| slot.octets).map(both)),
            Self::Percentile(rule) => match Percentile::of(slots, *rule) {
                // In ten-thousandths of an octet, which every method's fractions are.
                Ok(found) => {
                    let scale = 10_000i128.checked_div(found.octets.1).unwrap_or(1);
                    let scaled = found.octets.0.checked_mul(scale).ok_or(SplitError::Overflow)?;
                    u128::try_from(scaled).map_err(|_| SplitError::Overflow)
                }
                Err(NoPercentile::Empty) => Ok(0),
                Err(why) => Err(SplitError::Percentile(name.map(str::to_owned), why)),
            },
            Self::Peak(rule, instants, found) => {
                let of = |(came, went): (u64, u64)| match (rule.reading, found.direction) {
                    (Reading::In, _) | (Reading::Greater, Some(Direction::In)) => came.into(),
                    (Reading::Out, _) | (Reading::Greater, Some(Direction::Out)) => went.into(),
                    (Reading::GreaterEachSlot, _) => came.max(went).into(),
                    (Reading::Sum | Reading::Greater, _) => both((came, went)),
                };
                let meant = slots.iter().filter(|slot| instants.contains(&slot.start_ms));
                sum(meant.filter_map(|slot| slot.octets).map(of))
            }
        }
    }
}

fn sum(mut figures: impl Iterator<Item = u128>) -> Result<u128, SplitError> {
    figures.try_fold(0u128, u128::checked_add).ok_or(SplitError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percentile::Reading;
    use proptest::prelude::*;

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
        // 100, 90 and 40 of 230; 100 and 90 of 190.
        assert_eq!(by(Key::Volume, Rest::Own), (vec![4348, 3913], 1739));
        assert_eq!(by(Key::Volume, Rest::Shared), (vec![5263, 4737], 0));
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
            split(Money { minor: 999 }, &slots(&[(0, 0)]), &[user("a", &[(0, 0)])], Key::Volume, Rest::Own);
        assert_eq!(amounts(&split.unwrap()), (vec![0], 999));
    }

    #[test]
    fn slots_that_do_not_match_are_refused() {
        let (uplink, other) = (slots(&[(1, 1)]), user("a", &[(1, 1), (2, 2)]));
        let error = split(Money { minor: 1 }, &uplink, &[other], Key::Volume, Rest::Own).unwrap_err();
        assert_eq!(error, SplitError::Slots("a".into()));
    }

    proptest! {
        #[test]
        fn parts_and_remainder_are_the_bill(
            bill in -1_000_000i128..1_000_000,
            all in prop::collection::vec(prop::collection::vec((0u64..1000, 0u64..1000), 12), 0..5),
            nobody in prop::collection::vec((0u64..1000, 0u64..1000), 12),
            key in 0usize..3,
        ) {
            let mut uplink = nobody.clone();
            for octets in &all {
                uplink.iter_mut().zip(octets).for_each(|(sum, one)| *sum = (sum.0 + one.0, sum.1 + one.1));
            }
            let users: Vec<User> = all.iter().enumerate().map(|(i, octets)| user(&i.to_string(), octets)).collect();
            let key = [Key::Volume, Key::Percentile(Rule::default()), Key::Peak(Rule::default())][key];
            for rest in [Rest::Own, Rest::Shared] {
                let split = split(Money { minor: bill }, &slots(&uplink), &users, key, rest).unwrap();
                let (parts, remainder) = amounts(&split);
                prop_assert_eq!(parts.iter().sum::<i128>() + remainder, bill);
            }
        }
    }
}
