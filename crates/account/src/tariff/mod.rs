//! Tariffs: what traffic costs, as rules that are named, exact, and applied one after the other.
//!
//! A [`Tariff`] is a list of [`Rule`]s. [`rate`](Tariff::rate) applies them to what was metered ([`Meter`]) and gives a
//! [`Bill`]: a line for every rule (and every tier of one), each an exact fraction rounded once, then the minimum,
//! then taxes. What no rule is about is said too ([`Bill::unrated`]), so that forgotten traffic is seen.
//!
//! Octets and money are integers, prices decimals as they are written; there is no float. docs/tariffs.md has each
//! kind of rule worked by hand.

mod bill;
mod hours;
mod meter;

pub use bill::{Bill, Detail, InTier, Line, Proportion, Unrated};
pub use hours::Hours;
pub use meter::{Meter, Volume};

use crate::money::{Currency, Decimal, Money, Rounding};
use crate::percentile;
use crate::sums::Overflow;
use std::collections::BTreeSet;
use std::fmt;

/// What traffic costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// Its name, which statements show.
    pub name: String,
    /// What it is in.
    pub currency: Currency,
    /// How the amount of a line is rounded.
    pub rounding: Rounding,
    /// So many octets are charged for each packet besides those of IP: what a frame has around it, where layer 2 is
    /// what is paid for. Nothing else counts them.
    pub overhead: u16,
    /// In the order of the statement's lines.
    pub rules: Vec<Rule>,
    /// The net amount of a whole period is at least this.
    pub minimum: Option<Minimum>,
    /// Each on the net amount.
    pub taxes: Vec<Tax>,
}

/// One thing that costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, which its line shows.
    pub name: String,
    /// What it costs.
    pub charge: Charge,
}

/// What something costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charge {
    /// So much a period.
    Flat {
        /// For a whole one.
        amount: Decimal,
        /// For a part of one.
        proration: Proration,
    },
    /// By octets.
    Volume {
        /// Which of them.
        of: Selection,
        /// So many octets are one unit: 1,000,000,000 for a price a GB.
        unit: u64,
        /// Whether units that were begun cost as whole ones.
        is_whole: bool,
        /// What a unit costs.
        price: Price,
    },
    /// By a percentile of five-minute rates.
    Percentile {
        /// Of which traffic: these classes, or all of none named.
        classes: Vec<String>,
        /// Which percentile.
        rule: percentile::Rule,
        /// So many bits a second are one unit: 1,000,000 for a price a Mbit/s.
        unit: u64,
        /// So many bits a second are paid in any case.
        committed: u64,
        /// What a unit of what is committed costs,
        price: Decimal,
        /// and a unit above it.
        excess: Decimal,
    },
    /// One thing once.
    Once {
        /// An amount; below zero it is a credit.
        amount: Decimal,
        /// When, ms since 1970: it is on the statement of the period that this lies in.
        at_ms: i64,
    },
}

/// Whether a part of a period costs less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proration {
    /// A part costs as much as the whole.
    #[default]
    None,
    /// By civil days: those that the tenant was there, of those of the period.
    Days,
}

/// Which octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// In which direction.
    pub direction: Direction,
    /// Of these classes; of all, if none is named.
    pub classes: Vec<String>,
    /// Only in these hours.
    pub hours: Option<Hours>,
}

/// Which direction's octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// What came in.
    In,
    /// What went out.
    Out,
    /// Both together.
    #[default]
    Sum,
    /// The greater of both, over the period.
    Greater,
}

impl Direction {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::In, Self::Out, Self::Sum, Self::Greater];

    /// Its word in configuration and on statements.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Sum => "sum",
            Self::Greater => "max",
        }
    }

    /// Of what came and went.
    #[must_use]
    pub fn of(self, (came, went): (u64, u64)) -> u128 {
        match self {
            Self::In => came.into(),
            Self::Out => went.into(),
            Self::Sum => u128::from(came).saturating_add(went.into()),
            Self::Greater => came.max(went).into(),
        }
    }
}

/// What a unit costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Price {
    /// Each the same.
    Each(Decimal),
    /// So many octets cost nothing, each unit above them so much.
    Above {
        /// The octets that are free.
        allowance: u64,
        /// What of them in a part of a period.
        proration: Proration,
        /// A unit above them.
        price: Decimal,
    },
    /// Each octet at the price of the tier it lies in.
    Graduated(Vec<Tier>),
    /// All octets at the price of the tier that the last of them lies in.
    Whole(Vec<Tier>),
}

/// A price up to some volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Up to and with so many octets; without end in the last one.
    pub up_to: Option<u64>,
    /// What a unit costs in it.
    pub price: Decimal,
}

/// The least that a period costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minimum {
    /// A whole one.
    pub amount: Decimal,
    /// A part of one.
    pub proration: Proration,
}

/// A tax on the net amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tax {
    /// Its name on the statement.
    pub name: String,
    /// In percent.
    pub percent: Decimal,
}

/// Why there is no bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillError {
    /// The tariff itself is wrong, in the rule of this name.
    Rule {
        /// The rule.
        rule: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A percentile cannot be taken, for the rule of this name.
    Percentile {
        /// The rule.
        rule: String,
        /// Why.
        why: percentile::NoPercentile,
    },
    /// An amount does not fit.
    Overflow,
}

impl fmt::Display for BillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { rule, what } => write!(f, "rule \"{rule}\" of the tariff: {what}"),
            Self::Percentile { rule, why } => write!(f, "rule \"{rule}\" of the tariff: {why}"),
            Self::Overflow => {
                f.write_str("an amount of money does not fit: look at the tariff's prices and units")
            }
        }
    }
}

impl std::error::Error for BillError {}

impl Tariff {
    /// Whether its rules can be applied to anything at all: units above zero, tiers that rise and end, amounts that
    /// its currency has.
    ///
    /// # Errors
    /// [`BillError::Rule`], with the first mistake.
    pub fn check(&self) -> Result<(), BillError> {
        for rule in &self.rules {
            rule.mistake(&self.currency)
                .map_or(Ok(()), |what| Err(BillError::Rule { rule: rule.name.clone(), what }))?;
        }
        let wrong = |rule: &str, what| Err(BillError::Rule { rule: rule.to_owned(), what });
        match &self.minimum {
            Some(minimum) if minimum.amount.is_negative() => wrong("minimum", "a minimum is not below zero"),
            Some(minimum) if self.currency.amount(minimum.amount).is_err() => wrong("minimum", FRACTION),
            _ => match self.taxes.iter().find(|tax| tax.percent.is_negative()) {
                Some(tax) => wrong(&tax.name, "a tax is not below zero"),
                None => Ok(()),
            },
        }
    }

    /// The octets that it charges for, of so many octets of IP in so many packets.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn octets(&self, octets: u64, packets: u64) -> Result<u64, Overflow> {
        let around = packets.checked_mul(self.overhead.into());
        around.and_then(|around| octets.checked_add(around)).ok_or(Overflow)
    }

    /// The classes that its rules name, each once.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        let named = self.rules.iter().flat_map(|rule| rule.charge.classes());
        named.map(String::as_str).collect::<BTreeSet<_>>().into_iter()
    }

    /// Whether it matters to it in which five minutes there was what: then its meter has to be told slot by slot, and
    /// which slots nobody knows of.
    #[must_use]
    pub fn is_by_slot(&self) -> bool {
        self.rules.iter().any(|rule| match &rule.charge {
            Charge::Percentile { .. } => true,
            Charge::Volume { of, .. } => of.hours.is_some(),
            Charge::Flat { .. } | Charge::Once { .. } => false,
        })
    }

    /// An amount of its currency, as text with the code.
    #[must_use]
    pub fn text(&self, amount: Money) -> String {
        format!("{} {}", self.currency.text(amount), self.currency.code())
    }
}

/// An amount that a currency has no coins for.
const FRACTION: &str = "an amount has more places behind the point than its currency";

impl Charge {
    /// The classes that it is about; of all, if none is named, and of none, if traffic does not matter.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Volume { of, .. } => &of.classes,
            Self::Percentile { classes, .. } => classes,
            Self::Flat { .. } | Self::Once { .. } => &[],
        }
    }
}

impl Rule {
    /// What is wrong with it.
    fn mistake(&self, currency: &Currency) -> Option<&'static str> {
        let tiers = |tiers: &[Tier]| {
            let ends: Vec<Option<u64>> = tiers.iter().map(|tier| tier.up_to).collect();
            match ends.split_last() {
                None => Some("it has no tier"),
                Some((Some(_), _)) => Some("its last tier has an end: leave `up_to` out there"),
                Some((None, before)) if before.iter().any(Option::is_none) => {
                    Some("only its last tier is without an end")
                }
                Some((None, before))
                    if !before.is_sorted_by(|a, b| a < b) || before.first() == Some(&Some(0)) =>
                {
                    Some("its tiers do not rise")
                }
                _ => None,
            }
        };
        match &self.charge {
            Charge::Flat { amount, .. } | Charge::Once { amount, .. } => {
                currency.amount(*amount).is_err().then_some(FRACTION)
            }
            Charge::Volume { unit: 0, .. } | Charge::Percentile { unit: 0, .. } => Some("its unit is zero"),
            Charge::Volume { price: Price::Graduated(list) | Price::Whole(list), .. } => tiers(list),
            Charge::Volume { .. } => None,
            Charge::Percentile { rule, .. } => {
                let is_one = (1..=10_000).contains(&rule.hundredths);
                (!is_one).then_some("a percentile is above 0 and at most 100")
            }
        }
    }
}

#[cfg(test)]
mod tests;
