//! `[[tariff]]`: what traffic costs (docs/tariffs.md).

use super::dump::{list, quote};
use super::read::{Reader, Table};
use super::store::bytes;
use std::fmt::Write;
use std::ops::Range;
use toml::de::DeValue;
use weir_account::money::{Currency, Decimal, Rounding};
use weir_account::percentile::{self, Method, Missing, Reading};
use weir_account::tariff::{
    Charge, Direction, Hours, Minimum, Price, Proration, Rule, Selection, Tariff, Tax, Tier,
};
use weir_account::{Zone, period};

/// What a key of a rule says that it is.
const KINDS: [&str; 4] = ["flat", "per", "percentile", "once"];
const PRORATIONS: [(&str, Proration); 2] = [("none", Proration::None), ("days", Proration::Days)];
/// The most that is around a packet of any link.
const OVERHEAD_MAX: u16 = 1000;
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Reader {
    pub(super) fn tariffs(&mut self, root: Table<'_>, zone: &Zone) -> Vec<Tariff> {
        let mut tariffs: Vec<Tariff> = Vec::new();
        for (table, at) in self.tables(root, "tariff") {
            let before = self.mistakes.len();
            let Some(tariff) = self.tariff(table, at.clone(), zone) else { continue };
            if tariffs.iter().any(|known| known.name == tariff.name) {
                self.note(at.clone(), format!("there are two tariffs \"{}\"", tariff.name), "rename one");
            }
            // Of a tariff with mistakes of its own the rest is not worth a word.
            if self.mistakes.len() == before
                && let Err(error) = tariff.check()
            {
                self.note(at, error.to_string(), "see docs/tariffs.md");
            }
            tariffs.push(tariff);
        }
        tariffs
    }

    fn tariff(&mut self, table: Table<'_>, at: Range<usize>, zone: &Zone) -> Option<Tariff> {
        let known =
            ["name", "currency", "rounding", "overhead", "minimum", "minimum_proration", "tax", "rule"];
        self.keys(table, "[[tariff]]", &known);
        for (key, example) in [("name", "name = \"standard\""), ("currency", "currency = \"EUR\"")] {
            if !table.contains_key(key) {
                self.missing(at.clone(), "[[tariff]]", key, example);
            }
        }
        let name = self.string(table, "name").map(|(name, _)| name.to_owned());
        let currency = self.currency(table);
        let rounding =
            self.word(table, "rounding", &Rounding::ALL.map(|rounding| (rounding.word(), rounding)));
        let cure = "write the octets around each packet, as overhead = 18 of Ethernet";
        let overhead = self.number(table, "overhead", 0, OVERHEAD_MAX.into(), cure);
        let proration = self.word(table, "minimum_proration", &PRORATIONS).unwrap_or_default();
        let minimum = self.amount(table, "minimum").map(|amount| Minimum { amount, proration });
        let mut taxes = Vec::new();
        for (table, at) in self.tables(table, "tax") {
            self.keys(table, "tax", &["name", "percent"]);
            let name = self.string(table, "name").map_or("tax", |(name, _)| name).to_owned();
            match self.amount(table, "percent") {
                Some(percent) => taxes.push(Tax { name, percent }),
                None => self.missing(at, "tax", "percent", "percent = \"19\""),
            }
        }
        let mut rules = Vec::new();
        for (table, at) in self.tables(table, "rule") {
            let name = self.string(table, "name").map(|(name, _)| name.to_owned());
            let name = name.unwrap_or_else(|| format!("rule {}", rules.len() + 1));
            if let Some(charge) = self.charge(table, at, zone) {
                rules.push(Rule { name, charge });
            }
        }
        Some(Tariff {
            name: name?,
            currency: currency?,
            rounding: rounding.unwrap_or_default(),
            overhead: overhead.and_then(|octets| u16::try_from(octets).ok()).unwrap_or_default(),
            rules,
            minimum,
            taxes,
        })
    }

    pub(super) fn currency(&mut self, table: Table<'_>) -> Option<Currency> {
        let (code, place) = self.string(table, "currency")?;
        let currency = Currency::by_code(code);
        if currency.is_none() {
            let cure = "write three capital letters, as \"EUR\"";
            self.note(place, format!("\"{code}\" is no currency"), cure);
        }
        currency
    }

    fn charge(&mut self, table: Table<'_>, at: Range<usize>, zone: &Zone) -> Option<Charge> {
        let is = |key: &str| table.contains_key(key);
        match KINDS
            .into_iter()
            .filter(|kind| is(kind) && (*kind != "per" || !is("percentile")))
            .collect::<Vec<_>>()[..]
        {
            ["flat"] => {
                self.keys(table, "a flat rule", &["name", "flat", "proration"]);
                let proration = self.word(table, "proration", &PRORATIONS).unwrap_or_default();
                Some(Charge::Flat { amount: self.amount(table, "flat")?, proration })
            }
            ["once"] => {
                self.keys(table, "a rule of once", &["name", "once", "on"]);
                let amount = self.amount(table, "once");
                let Some((text, place)) = self.string(table, "on") else {
                    self.missing(at, "a rule of once", "on", "on = \"2026-10-05\"");
                    return None;
                };
                let Ok(day) = period::Period::parse(text, zone, 1) else {
                    self.note(place, format!("\"{text}\" is no day"), "write on = \"2026-10-05\"");
                    return None;
                };
                Some(Charge::Once { amount: amount?, at_ms: day.from_ms() })
            }
            ["percentile"] => self.percentile(table, at),
            ["per"] => self.volume(table, at),
            _ => {
                let cure =
                    "write one of flat = \"25.00\", per = \"GB\", percentile = \"95\" or once = \"99.00\"";
                self.note(at, "a rule of a tariff is of one kind", cure);
                None
            }
        }
    }

    fn percentile(&mut self, table: Table<'_>, at: Range<usize>) -> Option<Charge> {
        let known = [
            "name",
            "percentile",
            "per",
            "price",
            "excess",
            "committed",
            "reading",
            "method",
            "missing",
            "classes",
        ];
        self.keys(table, "a percentile rule", &known);
        let hundredths = self.hundredths(table, at.clone())?;
        let unit = self.rate(table, "per").unwrap_or(1_000_000);
        let committed = self.rate(table, "committed").unwrap_or(0);
        let Some(price) = self.amount(table, "price") else {
            self.missing(at, "a percentile rule", "price", "price = \"2.00\"");
            return None;
        };
        let excess = self.amount(table, "excess").unwrap_or(price);
        let rule = self.percentile_rule(table, hundredths);
        Some(Charge::Percentile { classes: self.class_names(table), rule, unit, committed, price, excess })
    }

    /// `percentile = "95"`, in hundredths of a percent.
    pub(super) fn hundredths(&mut self, table: Table<'_>, at: Range<usize>) -> Option<u16> {
        let percent = self
            .amount(table, "percentile")?
            .exactly(2)
            .and_then(|hundredths| u16::try_from(hundredths).ok());
        let hundredths = percent.filter(|hundredths| (1..=10_000).contains(hundredths));
        if hundredths.is_none() {
            let what = "a percentile is above 0 and at most 100, with two places";
            self.note(at, what, "write percentile = \"95\"");
        }
        hundredths
    }

    /// `reading`, `method` and `missing` of a percentile.
    pub(super) fn percentile_rule(&mut self, table: Table<'_>, hundredths: u16) -> percentile::Rule {
        let reading = self.word(table, "reading", &Reading::ALL.map(|one| (one.word(), one)));
        let method = self.word(table, "method", &Method::ALL.map(|one| (one.word(), one)));
        let missing = self.word(table, "missing", &Missing::ALL.map(|one| (one.word(), one)));
        percentile::Rule {
            hundredths,
            reading: reading.unwrap_or_default(),
            method: method.unwrap_or_default(),
            missing: missing.unwrap_or_default(),
        }
    }

    fn volume(&mut self, table: Table<'_>, at: Range<usize>) -> Option<Charge> {
        let known = [
            "name",
            "per",
            "price",
            "begun",
            "direction",
            "hours",
            "weekdays",
            "allowance",
            "proration",
            "tiers",
            "tiers_are",
            "classes",
        ];
        self.keys(table, "a rule by volume", &known);
        let unit = self.octets(table, "per");
        let direction = self.word(table, "direction", &Direction::ALL.map(|one| (one.word(), one)));
        let hours = self.hours(table);
        let allowance = self.octets(table, "allowance");
        let proration = self.word(table, "proration", &PRORATIONS).unwrap_or_default();
        let is_whole =
            self.word(table, "tiers_are", &[("graduated", false), ("whole", true)]).unwrap_or(false);
        let tiers = self.tiers(table);
        let price = self.amount(table, "price");
        let price = match (tiers.is_empty(), allowance, price) {
            (true, None, Some(price)) => Price::Each(price),
            (true, Some(allowance), Some(price)) => Price::Above { allowance, proration, price },
            (false, None, None) if is_whole => Price::Whole(tiers),
            (false, None, None) => Price::Graduated(tiers),
            _ => {
                let cure =
                    "write price, or allowance and price, or tiers; not tiers beside one of the others";
                self.note(at, "what a unit costs is not clear", cure);
                return None;
            }
        };
        let of =
            Selection { direction: direction.unwrap_or_default(), classes: self.class_names(table), hours };
        Some(Charge::Volume { of, unit: unit?, is_whole: self.boolean(table, "begun"), price })
    }

    /// `classes = ["free"]`: of all traffic with the outside, if it is left out.
    pub(super) fn class_names(&mut self, table: Table<'_>) -> Vec<String> {
        let names: Vec<String> =
            self.strings(table, "classes").into_iter().map(|(name, _)| name.to_owned()).collect();
        if let (Some(value), true) = (table.get("classes"), names.is_empty()) {
            let cure = "name one, or leave it out for all traffic with the outside";
            self.note(value.span(), "classes names no class", cure);
        }
        names
    }

    fn tiers(&mut self, table: Table<'_>) -> Vec<Tier> {
        let mut tiers = Vec::new();
        for (table, at) in self.tables(table, "tiers") {
            self.keys(table, "a tier", &["up_to", "price"]);
            let up_to = self.octets(table, "up_to");
            match self.amount(table, "price") {
                Some(price) => tiers.push(Tier { up_to, price }),
                None => self.missing(at, "a tier", "price", "price = \"0.05\""),
            }
        }
        tiers
    }

    /// `hours = "08:00-18:00"` and `weekdays = "mon-fri"`, one or both.
    pub(super) fn hours(&mut self, table: Table<'_>) -> Option<Hours> {
        let hours = self.string(table, "hours");
        let weekdays = self.string(table, "weekdays");
        let place = hours.as_ref().or(weekdays.as_ref())?.1.clone();
        let minutes = hours.map_or(Some((0, 24 * 60)), |(text, _)| {
            let (from, to) = text.split_once('-')?;
            Some((minute(from)?, minute(to)?))
        });
        let days = weekdays.map_or(Some([true; 7]), |(text, _)| days(text));
        let found = minutes.zip(days).and_then(|((from, to), days)| Hours::new(days, from, to));
        if found.is_none() {
            let cure = "write hours = \"08:00-18:00\" and weekdays = \"mon-fri\" or \"sat,sun\"";
            self.note(place, "these are no hours of a week", cure);
        }
        found
    }

    /// An exact amount: `"0.08"`, or a whole number.
    pub(super) fn amount(&mut self, table: Table<'_>, key: &str) -> Option<Decimal> {
        let value = table.get(key)?;
        let parsed = match value.get_ref() {
            DeValue::String(text) => Decimal::parse(text),
            DeValue::Integer(number) => Decimal::parse(number.as_str()),
            DeValue::Float(number) => Decimal::parse(number.as_str()),
            _ => Decimal::parse("?"),
        };
        if parsed.is_err() {
            self.note(value.span(), format!("{key} is no exact amount"), format!("write {key} = \"0.08\""));
        }
        parsed.ok()
    }

    /// Octets: `"GB"`, `"10 GB"`, `"1 GiB"`.
    fn octets(&mut self, table: Table<'_>, key: &str) -> Option<u64> {
        let (text, place) = self.string(table, key)?;
        let is_unit = !text.trim_start().starts_with(|c: char| c.is_ascii_digit());
        let octets = if is_unit { bytes(&format!("1{text}")) } else { bytes(text) };
        if octets.is_none() {
            self.note(place, format!("\"{text}\" are no octets"), format!("write {key} = \"100 GB\""));
        }
        octets
    }

    /// Bits a second: `"Mbit/s"`, `"50 Mbit/s"`.
    fn rate(&mut self, table: Table<'_>, key: &str) -> Option<u64> {
        let (text, place) = self.string(table, key)?;
        let rate = rate(text);
        if rate.is_none() {
            self.note(place, format!("\"{text}\" is no rate"), format!("write {key} = \"50 Mbit/s\""));
        }
        rate
    }
}

/// Bits a second: a whole number, or none for one, of bit/s, kbit/s, Mbit/s or Gbit/s.
fn rate(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(split)?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().trim_end_matches("bit/s") {
        "" => 1,
        "k" => 1000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        _ => return None,
    };
    let number = if number.is_empty() { 1 } else { number.parse::<u64>().ok()? };
    number.checked_mul(factor).filter(|rate| *rate > 0)
}

/// A minute of the day: `08:00`, `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour <= 24 && minute < 60).then(|| hour * 60 + minute).filter(|minute| *minute <= 24 * 60)
}

/// Days of the week: `mon-fri`, `sat,sun`; a range may go over Sunday.
fn days(text: &str) -> Option<[bool; 7]> {
    let day = |text: &str| WEEKDAYS.iter().position(|day| text.trim().eq_ignore_ascii_case(day));
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let count = (last + 7 - first) % 7 + 1;
        (0..count).for_each(|more| days[(first + more) % 7] = true);
    }
    Some(days)
}

/// The tariffs as TOML.
pub(super) fn write(tariffs: &[Tariff], zone: &Zone, out: &mut String) -> std::fmt::Result {
    for tariff in tariffs {
        writeln!(
            out,
            "\n[[tariff]]\nname = {}\ncurrency = \"{}\"",
            quote(&tariff.name),
            tariff.currency.code()
        )?;
        writeln!(out, "rounding = \"{}\"", tariff.rounding.word())?;
        if tariff.overhead > 0 {
            writeln!(out, "overhead = {}", tariff.overhead)?;
        }
        if let Some(minimum) = tariff.minimum {
            writeln!(
                out,
                "minimum = \"{}\"\nminimum_proration = \"{}\"",
                minimum.amount,
                prorated(minimum.proration)
            )?;
        }
        let taxes = tariff
            .taxes
            .iter()
            .map(|t| format!("{{ name = {}, percent = \"{}\" }}", quote(&t.name), t.percent));
        if !tariff.taxes.is_empty() {
            writeln!(out, "tax = [{}]", taxes.collect::<Vec<_>>().join(", "))?;
        }
        for rule in &tariff.rules {
            writeln!(out, "\n[[tariff.rule]]\nname = {}", quote(&rule.name))?;
            write_charge(&rule.charge, zone, out)?;
            if !rule.charge.classes().is_empty() {
                writeln!(out, "classes = {}", list(rule.charge.classes()))?;
            }
        }
    }
    Ok(())
}

fn prorated(proration: Proration) -> &'static str {
    PRORATIONS.iter().find(|(_, one)| *one == proration).map_or("none", |(word, _)| word)
}

fn write_charge(charge: &Charge, zone: &Zone, out: &mut String) -> std::fmt::Result {
    match charge {
        Charge::Flat { amount, proration } => {
            writeln!(out, "flat = \"{amount}\"\nproration = \"{}\"", prorated(*proration))
        }
        Charge::Once { amount, at_ms } => {
            writeln!(out, "once = \"{amount}\"\non = \"{}\"", zone.date_text(*at_ms))
        }
        Charge::Percentile { rule, unit, committed, price, excess, .. } => {
            writeln!(out, "percentile = \"{}\"", percent(rule))?;
            writeln!(out, "per = \"{unit} bit/s\"\nprice = \"{price}\"\nexcess = \"{excess}\"")?;
            if *committed > 0 {
                writeln!(out, "committed = \"{committed} bit/s\"")?;
            }
            write_reading(rule, out)
        }
        Charge::Volume { of, unit, is_whole, price } => {
            writeln!(out, "per = \"{unit}\"\nbegun = {is_whole}\ndirection = \"{}\"", of.direction.word())?;
            if let Some(hours) = of.hours {
                writeln!(out, "{}", hours_text(&hours))?;
            }
            write_price(price, out)
        }
    }
}

/// Which percentile, in percent with two places.
pub(crate) fn percent(rule: &percentile::Rule) -> String {
    format!("{}.{:02}", rule.hundredths / 100, rule.hundredths % 100)
}

/// What of a percentile's rule stands beside its percent.
pub(super) fn write_reading(rule: &percentile::Rule, out: &mut String) -> std::fmt::Result {
    let (reading, method, missing) = (rule.reading.word(), rule.method.word(), rule.missing.word());
    writeln!(out, "reading = \"{reading}\"\nmethod = \"{method}\"\nmissing = \"{missing}\"")
}

pub(super) fn hours_text(hours: &Hours) -> String {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let (from, to) = hours.minutes();
    let days = WEEKDAYS.iter().zip(hours.days()).filter(|(_, is_on)| *is_on).map(|(day, _)| *day);
    format!(
        "hours = \"{}-{}\"\nweekdays = \"{}\"",
        clock(from),
        clock(to),
        days.collect::<Vec<_>>().join(",")
    )
}

fn write_price(price: &Price, out: &mut String) -> std::fmt::Result {
    match price {
        Price::Each(price) => writeln!(out, "price = \"{price}\""),
        Price::Above { allowance, proration, price } => {
            writeln!(
                out,
                "allowance = \"{allowance}\"\nproration = \"{}\"\nprice = \"{price}\"",
                prorated(*proration)
            )
        }
        Price::Graduated(tiers) | Price::Whole(tiers) => {
            let is_whole = matches!(price, Price::Whole(_));
            let tier = |tier: &Tier| match tier.up_to {
                Some(end) => format!("{{ up_to = \"{end}\", price = \"{}\" }}", tier.price),
                None => format!("{{ price = \"{}\" }}", tier.price),
            };
            let tiers: Vec<String> = tiers.iter().map(tier).collect();
            let are = if is_whole { "whole" } else { "graduated" };
            writeln!(out, "tiers = [{}]\ntiers_are = \"{are}\"", tiers.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_hours_are_read() {
        let rates = ["Mbit/s", "50 Mbit/s", "1000 bit/s", "2Gbit/s", "50 MB/s", "0 bit/s", "fast"].map(rate);
        let expected = [Some(1_000_000), Some(50_000_000), Some(1000), Some(2_000_000_000), None, None, None];
        assert_eq!(rates, expected);
        assert_eq!(
            ["08:00", "24:00", "24:01", "7:60", "noon"].map(minute),
            [Some(480), Some(1440), None, None, None]
        );
        let on = |text| days(text).map(|days| days.map(u8::from));
        assert_eq!(on("mon-fri"), Some([1, 1, 1, 1, 1, 0, 0]));
        assert_eq!(on("sat-mon, wed"), Some([1, 0, 1, 0, 0, 1, 1]));
        assert_eq!(on("montag"), None);
    }
}
