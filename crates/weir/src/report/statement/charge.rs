//! How an amount comes about, in words of each language: the same for `weir rate` and for statements.

use crate::statement::language::fill;
use crate::statement::{ALL, Language, Style};
use weir_account::Zone;
use weir_account::money::{Money, Rounding};
use weir_account::percentile::{Direction, Percentile};
use weir_account::statement::Unit;
use weir_account::tariff::{Detail, Line, Proportion, Tariff, Unrated};

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
            Detail::Volume { octets, billed, unit, units, price, allowance, tier } => {
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
                if let Some(tier) = tier {
                    amount.push_str(&self.fill(w.tier, &[("tier", tier.to_string())]));
                }
                let values =
                    [("amount", amount), ("price", self.decimal(price)), ("unit", self.piece(*unit))];
                self.fill(w.at_price, &values)
            }
            Detail::Committed { rate, unit, price } => {
                let values = [
                    ("amount", self.bits(*rate)),
                    ("price", self.decimal(price)),
                    ("unit", self.bits(*unit)),
                ];
                self.fill(w.committed, &values)
            }
            Detail::Percentile { percentile, committed, unit, price } => {
                self.percentile(percentile, *committed, *unit, self.decimal(price))
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

    fn percentile(&self, percentile: &Percentile, committed: u64, unit: u64, price: String) -> String {
        let w = self.language.words();
        let number = |n: usize| self.language.number(n as u64);
        let above = match committed {
            0 => String::new(),
            some => self.fill(w.percentile_above, &[("amount", self.bits(some))]),
        };
        let missing = match percentile.missing {
            0 => String::new(),
            slots => self.fill(w.without_data, &[("slots", number(slots))]),
        };
        let direction = match percentile.direction {
            Some(Direction::In) => format!(" {}", w.r#in),
            Some(Direction::Out) => format!(" {}", w.out),
            None => String::new(),
        };
        let set = percentile.set_by.iter().map(|one| self.language.instant(&self.zone.rfc3339(one.start_ms)));
        let set = set.collect::<Vec<_>>().join(w.and);
        self.fill(
            w.percentile,
            &[
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
