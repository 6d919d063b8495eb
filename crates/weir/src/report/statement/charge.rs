//! How an amount comes about, in words of each language: the same for `weir rate` and for statements.

use crate::statement::language::fill;
use crate::statement::{ALL, Language, Style};
use weir_account::Zone;
use weir_account::money::{Money, Rounding};
use weir_account::percentile::{self, Method, Missing, Percentile, Reading};
use weir_account::statement::Unit;
use weir_account::tariff::{Detail, Direction, Hours, InTier, Line, Proportion, Tariff, Unrated};

/// What the amounts of a tariff are told with.
pub(crate) struct Words<'a> {
    language: Language,
    unit: Unit,
    tariff: &'a Tariff,
    zone: &'a Zone,
    /// How the currency is written, if not by its code.
    currency: Option<&'a str>,
}

impl<'a> Words<'a> {
    /// As a statement's style has them.
    pub(crate) fn new(style: &'a Style, tariff: &'a Tariff, zone: &'a Zone) -> Self {
        let currency = style.currencies.get(tariff.currency.code()).map(String::as_str);
        Self { language: style.language, unit: style.unit, tariff, zone, currency }
    }

    /// In English, and with the code of the currency.
    pub(crate) fn plain(unit: Unit, tariff: &'a Tariff, zone: &'a Zone) -> Self {
        Self { language: Language::English, unit, tariff, zone, currency: None }
    }

    /// What the currency is called.
    pub(crate) fn currency(&self) -> &str {
        self.currency.unwrap_or(self.tariff.currency.code())
    }

    /// An amount without its currency.
    pub(crate) fn amount(&self, amount: Money) -> String {
        self.language.amount(amount, &self.tariff.currency)
    }

    /// An amount with its currency.
    pub(crate) fn money(&self, amount: Money) -> String {
        self.language.money(amount, &self.tariff.currency, self.currency)
    }

    /// Traffic that costs nothing because no rule is about it.
    pub(crate) fn unrated(&self, unrated: &Unrated) -> String {
        let [came, went] = [unrated.volume.came, unrated.volume.went].map(|octets| self.size(octets.into()));
        let w = self.language.words();
        match unrated.class.as_str() {
            ALL => self.fill(w.unrated, &[("in", came), ("out", went)]),
            class => self.fill(w.unrated_class, &[("class", class.to_owned()), ("in", came), ("out", went)]),
        }
    }

    /// What is charged besides the octets of IP, if anything is.
    pub(crate) fn overhead(&self) -> Option<String> {
        let octets = self.size(self.tariff.overhead.into());
        (self.tariff.overhead > 0).then(|| self.fill(self.language.words().overhead, &[("octets", octets)]))
    }

    /// How an amount comes about, and of which classes' traffic, if not of all.
    pub(crate) fn how(&self, line: &Line) -> String {
        let mut how = self.detail(line);
        if !line.classes.is_empty() {
            let classes = line.classes.join(", ");
            how.push_str(&self.fill(self.language.words().of_classes, &[("classes", classes)]));
        }
        how
    }

    fn detail(&self, line: &Line) -> String {
        let w = self.language.words();
        match &line.detail {
            Detail::Flat { price, days } => {
                self.fill(w.flat, &[("price", self.decimal(price)), ("part", self.part(*days))])
            }
            Detail::Volume { direction, hours, octets, billed, unit, units, price, allowance, tier } => {
                // In thousands of what the price is for, whatever the rest of the page is in.
                let size = |octets: u128| self.language.size(octets, base(*unit));
                let mut amount = size(*billed);
                if let Some(allowance) = allowance {
                    let parts = [("all", size(*octets)), ("allowance", size(*allowance)), ("billed", amount)];
                    amount = self.fill(w.less, &parts);
                }
                if let Some(units) = units {
                    amount.push_str(&self.fill(w.begun, &[("units", self.language.number(*units))]));
                }
                amount.push_str(&format!(" {}", self.direction(*direction)));
                amount.push_str(&hours.as_ref().map_or_else(String::new, |hours| self.hours(hours)));
                amount.push_str(&tier.map_or_else(String::new, |tier| self.tier(&tier, base(*unit))));
                let values =
                    [("amount", amount), ("price", self.decimal(price)), ("unit", self.piece(*unit))];
                self.fill(w.at_price, &values)
            }
            Detail::Committed { rate, unit, price } => {
                let values = [
                    ("amount", self.amount_of_bits(*rate)),
                    ("price", self.decimal(price)),
                    ("unit", self.bits(*unit)),
                ];
                self.fill(w.committed, &values)
            }
            Detail::Percentile { rule, percentile, committed, unit, price } => {
                self.percentile(rule, percentile, (*committed, *unit, self.decimal(price)))
            }
            Detail::Once { at_ms } => self.language.date(&self.zone.date_text(*at_ms)),
            Detail::Minimum { least, days } => {
                self.fill(w.minimum, &[("least", self.money(*least)), ("part", self.part(*days))])
            }
            Detail::Tax { percent, of } => {
                self.fill(w.tax, &[("percent", self.decimal(percent)), ("amount", self.amount(*of))])
            }
        }
    }

    /// Which way's octets.
    fn direction(&self, direction: Direction) -> &'static str {
        let w = self.language.words();
        match direction {
            Direction::In => w.incoming,
            Direction::Out => w.outgoing,
            Direction::Sum => w.in_and_out,
            Direction::Greater => w.greater,
        }
    }

    /// `, only Mon Tue Wed Thu Fri 08:00–18:00`.
    fn hours(&self, hours: &Hours) -> String {
        let w = self.language.words();
        let named = w.weekdays.split(' ').zip(hours.days()).filter(|(_, is_on)| *is_on);
        let named: Vec<&str> = named.map(|(day, _)| day).collect();
        let days = if named.len() == 7 { String::new() } else { named.join(" ") + " " };
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let (from, to) = hours.minutes();
        self.fill(w.only_hours, &[("days", days), ("from", clock(from)), ("to", clock(to))])
    }

    /// ` in tier 2 (above 1 GB)`.
    fn tier(&self, tier: &InTier, base: Unit) -> String {
        let w = self.language.words();
        let size = |octets: u64| self.language.size(octets, base);
        let span = match (tier.above, tier.up_to) {
            (above, None) => self.fill(w.tier_above, &[("from", size(above))]),
            (0, Some(to)) => self.fill(w.tier_up_to, &[("to", size(to))]),
            (above, Some(to)) => self.fill(w.tier_between, &[("from", size(above)), ("to", size(to))]),
        };
        let text = if tier.is_whole { w.tier_whole } else { w.tier };
        self.fill(text, &[("tier", tier.number.to_string()), ("span", span)])
    }

    /// Which percentile it is: `percentile 95 by nearest rank, the greater of in and out`.
    fn rule(&self, rule: &percentile::Rule) -> String {
        let w = self.language.words();
        let method = match rule.method {
            Method::NearestRank => w.nearest_rank,
            Method::Inclusive => w.inclusive,
            Method::Exclusive => w.exclusive,
        };
        let reading = match rule.reading {
            Reading::In => w.incoming,
            Reading::Out => w.outgoing,
            Reading::Greater => w.greater_rank,
            Reading::GreaterEachSlot => w.greater_each,
            Reading::Sum => w.in_and_out,
        };
        let (whole, part) = (rule.hundredths / 100, rule.hundredths % 100);
        let plain = format!("{whole}.{part:02}");
        let plain = plain.trim_end_matches('0').trim_end_matches('.');
        let values = [
            ("percent", self.language.decimal(plain)),
            ("method", method.to_owned()),
            ("reading", reading.to_owned()),
        ];
        self.fill(w.percentile_rule, &values)
    }

    fn percentile(
        &self,
        rule: &percentile::Rule,
        percentile: &Percentile,
        (committed, unit, price): (u64, u64, String),
    ) -> String {
        let w = self.language.words();
        let number = |n: usize| self.language.number(n as u64);
        let above = match committed {
            0 => String::new(),
            some => self.fill(w.percentile_above, &[("amount", self.amount_of_bits(some))]),
        };
        let missing = match percentile.missing {
            0 => String::new(),
            slots => {
                let text =
                    if rule.missing == Missing::Zero { w.without_data_zero } else { w.without_data_left_out };
                self.fill(text, &[("slots", number(slots))])
            }
        };
        let direction = match percentile.direction {
            Some(percentile::Direction::In) => format!(" {}", w.r#in),
            Some(percentile::Direction::Out) => format!(" {}", w.out),
            None => String::new(),
        };
        let set = percentile.set_by.iter().map(|one| self.language.instant(&self.zone.rfc3339(one.start_ms)));
        let set = set.collect::<Vec<_>>().join(w.and);
        self.fill(
            w.percentile,
            &[
                ("rule", self.rule(rule)),
                ("rate", self.rate(percentile)),
                ("direction", direction),
                ("above", above),
                ("price", price),
                ("unit", self.bits(unit)),
                ("set", set),
                ("over", number(percentile.above)),
                ("slots", number(percentile.slots)),
                ("missing", missing),
            ],
        )
    }

    fn part(&self, days: Option<Proportion>) -> String {
        let Some((some, all)) = days else { return String::new() };
        self.fill(self.language.words().part, &[("some", some.to_string()), ("all", all.to_string())])
    }

    fn fill(&self, text: &str, values: &[(&str, String)]) -> String {
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fill(text, &values)
    }

    fn decimal(&self, price: &weir_account::money::Decimal) -> String {
        self.language.decimal(&price.to_string())
    }

    fn size(&self, octets: u128) -> String {
        self.language.size(octets, self.unit)
    }

    /// The rate of a percentile, to the bit a second.
    fn rate(&self, percentile: &Percentile) -> String {
        let exact =
            percentile.bits_a_second().and_then(|(above, below)| Rounding::HalfUp.quotient(above, below));
        let bits = exact.and_then(|bits| u64::try_from(bits).ok());
        bits.map_or_else(|| "?".to_owned(), |bits| format!("{} bit/s", self.language.number(bits)))
    }

    /// Bits a second, exactly where they are a round number of a unit.
    fn bits(&self, rate: u64) -> String {
        self.multiple(rate, &BITS).unwrap_or_else(|| format!("{} bit/s", self.language.number(rate)))
    }

    /// Bits a second as an amount: `1 Mbit/s`.
    fn amount_of_bits(&self, rate: u64) -> String {
        let text = self.bits(rate);
        if text.starts_with(|c: char| c.is_ascii_digit()) { text } else { format!("1 {text}") }
    }

    /// So many octets that something costs so much a piece of: `GB`, `10 GB`.
    fn piece(&self, octets: u64) -> String {
        let w = self.language.words();
        let names = match base(octets) {
            Unit::Decimal => &w.decimal_units,
            Unit::Binary => &w.binary_units,
        };
        let factors = std::iter::successors(Some(1u64), |one| one.checked_mul(base(octets).factor().into()));
        let mut units: Vec<(u64, &str)> = factors.zip(names.iter().copied()).collect();
        units.reverse();
        self.multiple(octets, &units).unwrap_or_default()
    }

    /// A unit, or how many of the largest that it is a multiple of: `GB`, `10 GB`.
    fn multiple(&self, number: u64, names: &[(u64, &str)]) -> Option<String> {
        let (factor, name) =
            names.iter().find(|(factor, _)| number >= *factor && number.is_multiple_of(*factor))?;
        Some(match number / factor {
            1 => (*name).to_owned(),
            times => format!("{} {name}", self.language.number(times)),
        })
    }
}

/// What a thousand is in a unit: 1024, if it is a multiple of that and not of 1000.
fn base(octets: u64) -> Unit {
    if octets.is_multiple_of(1024) && !octets.is_multiple_of(1000) { Unit::Binary } else { Unit::Decimal }
}

const BITS: [(u64, &str); 3] = [(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1000, "kbit/s")];
