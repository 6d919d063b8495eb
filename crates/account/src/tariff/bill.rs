//! A tariff applied to what was metered.

use super::{
    BillError, Charge, Direction, Hours, Meter, Price, Proration, Rule, Selection, Tariff, Tier, Volume,
};
use crate::money::{Decimal, Money};
use crate::percentile::{self, Percentile, Reading};

/// A part of a whole: so many of so many days.
pub type Proportion = (u32, u32);

/// What a tariff makes of a tenant's period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// A line for each rule, or for each tier of one; the minimum last.
    pub lines: Vec<Line>,
    /// Their sum.
    pub net: Money,
    /// A line for each tax.
    pub taxes: Vec<Line>,
    /// Net and taxes.
    pub gross: Money,
    /// Traffic that no rule is about.
    pub unrated: Vec<Unrated>,
}

/// What one thing costs, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The rule's name.
    pub rule: String,
    /// The classes of traffic that it is about; of all, if none is named.
    pub classes: Vec<String>,
    /// How the amount comes about.
    pub detail: Detail,
    /// What it costs.
    pub amount: Money,
}

/// How an amount comes about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// So much a period.
    Flat {
        /// For a whole one.
        price: Decimal,
        /// The days paid for, if they are not all.
        days: Option<Proportion>,
    },
    /// Octets.
    Volume {
        /// In which direction,
        direction: Direction,
        /// and only in these hours.
        hours: Option<Hours>,
        /// All that the rule is about.
        octets: u128,
        /// Of these, what the line is about: less the allowance, or what lies in the tier.
        billed: u128,
        /// So many octets are a unit.
        unit: u64,
        /// The units paid for, if only whole ones are.
        units: Option<u128>,
        /// What a unit costs.
        price: Decimal,
        /// The octets that cost nothing.
        allowance: Option<u128>,
        /// The tier, where there are any.
        tier: Option<InTier>,
    },
    /// What is paid in any case.
    Committed {
        /// Bits a second.
        rate: u64,
        /// So many of them are a unit.
        unit: u64,
        /// What a unit costs.
        price: Decimal,
    },
    /// A percentile, above what is committed.
    Percentile {
        /// Which one.
        rule: percentile::Rule,
        /// Where it comes from.
        percentile: Percentile,
        /// What is paid in any case, bits a second.
        committed: u64,
        /// So many bits a second are a unit.
        unit: u64,
        /// What a unit above it costs.
        price: Decimal,
    },
    /// One thing once.
    Once {
        /// When, ms since 1970.
        at_ms: i64,
    },
    /// What is missing to the least that a period costs.
    Minimum {
        /// The least.
        least: Money,
        /// The days paid for, if they are not all.
        days: Option<Proportion>,
    },
    /// A tax.
    Tax {
        /// In percent,
        percent: Decimal,
        /// of this.
        of: Money,
    },
}

/// A tier of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InTier {
    /// Its number, from 1.
    pub number: usize,
    /// It begins above so many octets,
    pub above: u64,
    /// and goes up to and with so many; without end in the last one.
    pub up_to: Option<u64>,
    /// Whether all octets are at its price, and not only those in it.
    pub is_whole: bool,
}

/// Traffic that no rule of a tariff is about: it costs nothing, and it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrated {
    /// Its class.
    pub class: String,
    /// What there was, in the directions that no rule is about.
    pub volume: Volume,
}

impl Tariff {
    /// What a tenant's period costs.
    ///
    /// # Errors
    /// The tariff is wrong ([`Tariff::check`]), a percentile cannot be taken, or an amount does not fit.
    pub fn rate(&self, meter: &Meter) -> Result<Bill, BillError> {
        self.check()?;
        let rater = Rater { tariff: self, meter };
        let mut lines = Vec::new();
        for rule in &self.rules {
            rater.rule(rule, &mut lines)?;
        }
        lines.extend(rater.minimum(&lines)?);
        let net = sum(&lines)?;
        let mut taxes = Vec::new();
        for tax in &self.taxes {
            let percent = tax.percent.fraction();
            let amount = rater.money(&[(net.minor, 1), percent, (1, 100)], 0)?;
            let detail = Detail::Tax { percent: tax.percent, of: net };
            taxes.push(Line { rule: tax.name.clone(), classes: Vec::new(), detail, amount });
        }
        let gross = net.plus(sum(&taxes)?).ok_or(BillError::Overflow)?;
        Ok(Bill { lines, net, taxes, gross, unrated: rater.unrated()? })
    }
}

fn sum(lines: &[Line]) -> Result<Money, BillError> {
    Money::sum(lines.iter().map(|line| line.amount)).ok_or(BillError::Overflow)
}

struct Rater<'a> {
    tariff: &'a Tariff,
    meter: &'a Meter,
}

impl Rater<'_> {
    /// A product of fractions as money, of which the factors are in units of 10^-`places`.
    fn money(&self, factors: &[(i128, i128)], places: u8) -> Result<Money, BillError> {
        self.tariff.rounding.product(factors, places).ok_or(BillError::Overflow)
    }

    /// The same, of prices in the currency as it is written.
    fn priced(&self, factors: &[(i128, i128)]) -> Result<Money, BillError> {
        self.money(factors, self.tariff.currency.places())
    }

    /// The days to be paid for, if these are not all.
    fn days(&self, proration: Proration) -> Option<Proportion> {
        let days = self.meter.days();
        (proration == Proration::Days && days.0 != days.1).then_some(days)
    }

    fn rule(&self, rule: &Rule, lines: &mut Vec<Line>) -> Result<(), BillError> {
        let mut line = |detail, amount| {
            let (name, classes) = (rule.name.clone(), rule.charge.classes().to_vec());
            lines.push(Line { rule: name, classes, detail, amount });
        };
        match &rule.charge {
            // What is paid for being there, or is paid once by who is.
            Charge::Flat { .. } | Charge::Percentile { .. } | Charge::Once { .. }
                if self.meter.is_absent() => {}
            Charge::Flat { amount, proration } => {
                let days = self.days(*proration);
                let paid = self.priced(&[amount.fraction(), fraction(days)])?;
                line(Detail::Flat { price: *amount, days }, paid);
            }
            Charge::Once { amount, at_ms } => {
                let (from_ms, to_ms) = self.meter.period();
                if (from_ms..to_ms).contains(at_ms) {
                    line(Detail::Once { at_ms: *at_ms }, self.priced(&[amount.fraction()])?);
                }
            }
            Charge::Volume { of, unit, is_whole, price } => {
                for (detail, amount) in self.volume(of, *unit, *is_whole, price)? {
                    line(detail, amount);
                }
            }
            Charge::Percentile { classes, rule: ranks, unit, committed, price, excess } => {
                if *committed > 0 {
                    let paid = self.priced(&[((*committed).into(), (*unit).into()), price.fraction()])?;
                    line(Detail::Committed { rate: *committed, unit: *unit, price: *price }, paid);
                }
                let slots = self.meter.slots(classes).map_err(|_| BillError::Overflow)?;
                let percentile = Percentile::of(&slots, *ranks)
                    .map_err(|why| BillError::Percentile { rule: rule.name.clone(), why })?;
                let (rate, parts) = percentile.bits_a_second().ok_or(BillError::Overflow)?;
                let paid_already = i128::from(*committed).checked_mul(parts).ok_or(BillError::Overflow)?;
                let above = rate.checked_sub(paid_already).ok_or(BillError::Overflow)?.max(0);
                let paid = self.priced(&[(above, parts), (1, (*unit).into()), excess.fraction()])?;
                let (rule, committed) = (*ranks, *committed);
                let detail = Detail::Percentile { rule, percentile, committed, unit: *unit, price: *excess };
                line(detail, paid);
            }
        }
        Ok(())
    }

    /// The lines of a rule about octets: one, or one for each tier that is reached.
    fn volume(
        &self,
        of: &Selection,
        unit: u64,
        is_whole: bool,
        price: &Price,
    ) -> Result<Vec<(Detail, Money)>, BillError> {
        let volume = self.meter.volume(&of.classes, of.hours.as_ref()).map_err(|_| BillError::Overflow)?;
        let octets = of.direction.of(volume.pair());
        let line = |billed: u128, price: Decimal, allowance, tier| {
            let units = is_whole.then(|| billed.div_ceil(unit.into()));
            let quantity = match units {
                Some(units) => (i128::try_from(units).map_err(|_| BillError::Overflow)?, 1),
                None => (i128::try_from(billed).map_err(|_| BillError::Overflow)?, unit.into()),
            };
            let amount = self.priced(&[quantity, price.fraction()])?;
            let (direction, hours) = (of.direction, of.hours);
            Ok((
                Detail::Volume { direction, hours, octets, billed, unit, units, price, allowance, tier },
                amount,
            ))
        };
        match price {
            Price::Each(price) => Ok(vec![line(octets, *price, None, None)?]),
            Price::Above { allowance, proration, price } => {
                let (part, whole) = fraction(self.days(*proration));
                // An octet that is free in part is not free.
                let free = i128::from(*allowance).checked_mul(part).and_then(|free| free.checked_div(whole));
                let free = free.and_then(|free| u128::try_from(free).ok()).ok_or(BillError::Overflow)?;
                Ok(vec![line(octets.saturating_sub(free), *price, Some(free), None)?])
            }
            Price::Graduated(tiers) => {
                let parts = graduated(octets, tiers).into_iter();
                parts.map(|(tier, billed, price)| line(billed, price, None, Some(tier))).collect()
            }
            Price::Whole(tiers) => {
                let reached = |tier: &&Tier| tier.up_to.is_none_or(|end| octets <= end.into());
                let Some(tier) = tiers.iter().find(reached) else { return Ok(Vec::new()) };
                let before = tiers.iter().take_while(|one| !reached(one));
                let above = before.clone().last().and_then(|one| one.up_to).unwrap_or(0);
                let number = before.count().saturating_add(1);
                let tier = (tier.price, InTier { number, above, up_to: tier.up_to, is_whole: true });
                Ok(vec![line(octets, tier.0, None, Some(tier.1))?])
            }
        }
    }

    /// What is missing to the minimum, if anything is.
    fn minimum(&self, lines: &[Line]) -> Result<Option<Line>, BillError> {
        let Some(minimum) = self.tariff.minimum.as_ref().filter(|_| !self.meter.is_absent()) else {
            return Ok(None);
        };
        let days = self.days(minimum.proration);
        let least = self.priced(&[minimum.amount.fraction(), fraction(days)])?;
        let missing = least.minor.checked_sub(sum(lines)?.minor).ok_or(BillError::Overflow)?;
        let line = |minor| Line {
            rule: "minimum".to_owned(),
            classes: Vec::new(),
            detail: Detail::Minimum { least, days },
            amount: Money { minor },
        };
        Ok((missing > 0).then(|| line(missing)))
    }

    /// What no rule is about, by class.
    fn unrated(&self) -> Result<Vec<Unrated>, BillError> {
        let mut unrated = Vec::new();
        for class in self.meter.classes() {
            let all = [class.to_owned()];
            let outside = |is_rated: fn(Direction) -> bool| {
                let rules = self.tariff.rules.iter().filter_map(|rule| rule.rates(class));
                // Without hours a rule is about every one.
                let hours: Option<Vec<&Hours>> =
                    rules.filter(|(direction, _)| is_rated(*direction)).map(|(_, hours)| hours).collect();
                hours.map_or(Ok(Volume::default()), |hours| self.meter.volume_outside(&all, &hours))
            };
            let came =
                outside(|direction| direction != Direction::Out).map_err(|_| BillError::Overflow)?.came;
            let went = outside(|direction| direction != Direction::In).map_err(|_| BillError::Overflow)?.went;
            let volume = Volume { came, went };
            if !volume.is_zero() {
                unrated.push(Unrated { class: class.to_owned(), volume });
            }
        }
        Ok(unrated)
    }
}

impl Rule {
    /// Which direction's traffic of this class it is about, and in which hours, if not in all; `None` if of none.
    fn rates(&self, class: &str) -> Option<(Direction, Option<&Hours>)> {
        let (classes, direction, hours) = match &self.charge {
            Charge::Volume { of, .. } => (&of.classes, of.direction, of.hours.as_ref()),
            Charge::Percentile { classes, rule, .. } => {
                let direction = match rule.reading {
                    Reading::In => Direction::In,
                    Reading::Out => Direction::Out,
                    Reading::Greater | Reading::GreaterEachSlot | Reading::Sum => Direction::Sum,
                };
                (classes, direction, None)
            }
            Charge::Flat { .. } | Charge::Once { .. } => return None,
        };
        let is_about = classes.is_empty() || classes.iter().any(|one| one == class);
        is_about.then_some((direction, hours))
    }
}

/// Some days of all as a fraction; all of them is one.
fn fraction(days: Option<Proportion>) -> (i128, i128) {
    let (part, whole) = days.unwrap_or((1, 1));
    (part.into(), i128::from(whole).max(1))
}

/// What of these octets lies in each tier: which, octets, and price. The first tier is always there.
fn graduated(octets: u128, tiers: &[Tier]) -> Vec<(InTier, u128, Decimal)> {
    let mut parts = Vec::new();
    let mut above = 0u64;
    for (number, tier) in (1..).zip(tiers) {
        let end = tier.up_to.map_or(u128::MAX, u128::from);
        let inside = octets.min(end).saturating_sub(above.into());
        if inside > 0 || number == 1 {
            parts.push((InTier { number, above, up_to: tier.up_to, is_whole: false }, inside, tier.price));
        }
        above = tier.up_to.unwrap_or(u64::MAX);
    }
    parts
}
