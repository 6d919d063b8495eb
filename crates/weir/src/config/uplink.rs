//! `[[uplink]]`: what a provider charges for, and by what its bill is shared out (docs/tariffs.md).

use super::dump::{list, quote};
use super::mistake::nearest;
use super::read::{Reader, Table};
use super::tariff::{percent, write_reading};
use super::{Config, Exporter};
use std::fmt::Write;
use std::ops::Range;
use toml::de::DeValue;
use weir_account::Period;
use weir_account::attribution::Count;
use weir_account::money::{Currency, Decimal, Money};
use weir_account::percentile;
use weir_account::split::{Key, Rest};
use weir_account::tariff::{Direction, Tariff};
use weir_flow::Addr;

const KEYS: [&str; 14] = [
    "name",
    "classes",
    "exporters",
    "currency",
    "bill",
    "bills",
    "tariff",
    "by",
    "direction",
    "percentile",
    "reading",
    "method",
    "missing",
    "remainder",
];
/// What a percentile's rule has, and a volume has not.
const OF_PERCENTILE: [&str; 4] = ["percentile", "reading", "method", "missing"];
const RESTS: [(&str, Rest); 2] = [("own", Rest::Own), ("shared", Rest::Shared)];
/// The highest slot: what a peak is of, unless the operator names a percentile.
const HIGHEST: u16 = 10_000;

/// One `[[uplink]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uplink {
    pub(crate) name: String,
    /// It carries traffic with the outside of these classes; of all, if none is named.
    pub(crate) classes: Vec<String>,
    /// It carries what these exporters account; all of them, if none is named.
    pub(crate) exporters: Vec<Addr>,
    pub(crate) cost: Cost,
    /// By what the bill is shared out.
    pub(crate) key: Key,
    /// What becomes of that which is nobody's.
    pub(crate) rest: Rest,
}

/// What an uplink costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cost {
    /// What the provider's bills say.
    Bills {
        currency: Currency,
        /// Of each billing month that has none of its own.
        each: Option<Money>,
        /// Those of periods, by their names.
        dated: Vec<(String, Money)>,
    },
    /// By this tariff, of what the uplink carried.
    Tariff(String),
}

impl Uplink {
    /// Whether it carries what this exporter accounts.
    pub(crate) fn is_at(&self, exporter: Addr) -> bool {
        self.exporters.is_empty() || self.exporters.contains(&exporter)
    }

    /// Whether there may be traffic that both carry.
    fn meets(&self, other: &Self) -> bool {
        let is_there = |some: &[Addr], others: &[Addr]| {
            some.is_empty() || others.is_empty() || some.iter().any(|one| others.contains(one))
        };
        let are_named = self.classes.is_empty() || other.classes.is_empty();
        is_there(&self.exporters, &other.exporters)
            && (are_named || self.classes.iter().any(|class| other.classes.contains(class)))
    }

    /// The word for what the bill is shared out by.
    pub(crate) fn by(&self) -> &'static str {
        match self.key {
            Key::Volume(_) => "volume",
            Key::Percentile(_) => "percentile",
            Key::Peak(_) => "peak",
        }
    }

    /// The word for what becomes of the remainder.
    pub(crate) fn remainder(&self) -> &'static str {
        RESTS.iter().find(|(_, rest)| *rest == self.rest).map_or("", |(word, _)| word)
    }
}

impl Config {
    /// What is no mistake of an uplink and may not be meant: traffic that is not its own.
    pub(super) fn uplink_notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (at, uplink) in self.uplinks.iter().enumerate() {
            for other in self.uplinks.iter().skip(at.saturating_add(1)).filter(|other| uplink.meets(other)) {
                notes.push(format!(
                    "uplinks \"{}\" and \"{}\" carry the same traffic: each bill is shared out by all of it",
                    uplink.name, other.name
                ));
            }
            let is_apart = |exporter: Addr| {
                let known = self.exporters.iter().find(|one| one.address == exporter);
                known.is_some_and(|one| matches!(one.count, Count::Interfaces(_)))
            };
            let exporters = uplink.exporters.iter().filter(|_| uplink.classes.is_empty());
            for exporter in exporters.filter(|exporter| !is_apart(**exporter)) {
                notes.push(format!(
                    "uplink \"{}\" carries all that the exporter \"{}\" accounts: name the uplink's interfaces in its count, or \
                     classes, if other traffic crosses it",
                    uplink.name,
                    self.exporter_name(*exporter)
                ));
            }
        }
        notes
    }
}

impl Reader {
    /// All uplinks. `config` has all that they name: classes, exporters, tariffs, and the zone of periods.
    pub(super) fn uplinks(&mut self, root: Table<'_>, config: &Config) -> Vec<Uplink> {
        let mut uplinks: Vec<Uplink> = Vec::new();
        for (table, at) in self.tables(root, "uplink") {
            let Some(uplink) = self.uplink(table, at.clone(), config) else { continue };
            if uplinks.iter().any(|known| known.name == uplink.name) {
                self.note(at, format!("there are two uplinks \"{}\"", uplink.name), "rename one");
            }
            uplinks.push(uplink);
        }
        uplinks
    }

    fn uplink(&mut self, table: Table<'_>, at: Range<usize>, config: &Config) -> Option<Uplink> {
        self.keys(table, "[[uplink]]", &KEYS);
        if !table.contains_key("name") {
            self.missing(at.clone(), "[[uplink]]", "name", "name = \"carrier\"");
        }
        let name = self.string(table, "name").map(|(name, _)| name.to_owned());
        let classes = self.classes_of_uplink(table, config);
        let exporters = self.exporters_of_uplink(table, &config.exporters);
        let cost = self.cost(table, at.clone(), config);
        let key = self.key(table, at);
        let rest = self.word(table, "remainder", &RESTS).unwrap_or_default();
        Some(Uplink { name: name?, classes, exporters, cost: cost?, key: key?, rest })
    }

    fn classes_of_uplink(&mut self, table: Table<'_>, config: &Config) -> Vec<String> {
        let names = self.class_names(table);
        let known = config.classes.names();
        for (name, place) in self.strings(table, "classes") {
            if !known.contains(&name) {
                let cure = match nearest(name, &known) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("add [[class]] with name = \"{name}\""),
                };
                self.note(
                    place,
                    format!("the uplink carries the class \"{name}\", which there is not"),
                    cure,
                );
            }
        }
        names
    }

    fn exporters_of_uplink(&mut self, table: Table<'_>, known: &[Exporter]) -> Vec<Addr> {
        let named = self.strings(table, "exporters");
        if let (Some(value), true) = (table.get("exporters"), named.is_empty()) {
            let cure = "name one, or leave it out for what all of them account";
            self.note(value.span(), "exporters names no exporter", cure);
        }
        let mut addresses = Vec::new();
        for (name, place) in named {
            let Some((address, _)) = self.exporter_named(name, place, known) else { continue };
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }

    /// `bill` and `bills` with their currency, or `tariff`.
    fn cost(&mut self, table: Table<'_>, at: Range<usize>, config: &Config) -> Option<Cost> {
        let is = |key: &str| table.contains_key(key);
        match (is("bill") || is("bills"), is("tariff")) {
            (true, false) => self.bills(table, at, config),
            (false, true) => {
                if let Some(value) = table.get("currency") {
                    self.note(value.span(), "the currency is that of the tariff", "take it out");
                }
                self.tariff_of_uplink(table, &config.tariffs)
            }
            _ => {
                let cure = "write one of bill = \"1234.56\", [uplink.bills] or tariff = \"NAME\"";
                self.note(at, "what an uplink costs is said in one way", cure);
                None
            }
        }
    }

    fn tariff_of_uplink(&mut self, table: Table<'_>, tariffs: &[Tariff]) -> Option<Cost> {
        let (name, place) = self.string(table, "tariff")?;
        let known: Vec<&str> = tariffs.iter().map(|tariff| tariff.name.as_str()).collect();
        if !known.contains(&name) {
            let cure = match nearest(name, &known) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add [[tariff]] with name = \"{name}\""),
            };
            self.note(place, format!("there is no tariff \"{name}\""), cure);
        }
        Some(Cost::Tariff(name.to_owned()))
    }

    fn bills(&mut self, table: Table<'_>, at: Range<usize>, config: &Config) -> Option<Cost> {
        if !table.contains_key("currency") {
            self.missing(at, "[[uplink]]", "currency", "currency = \"EUR\"");
        }
        let currency = self.currency(table)?;
        let each = self.money(table, "bill", &currency);
        let mut dated: Vec<(String, Money)> = Vec::new();
        let mut spans: Vec<(i64, i64)> = Vec::new();
        let bills = self.table(table, "bills");
        for (key, value) in bills.into_iter().flatten() {
            let (name, place): (&str, _) = (key.get_ref(), key.span());
            let amount = self.money_of(value, name, &currency);
            match Period::parse(name, &config.zone, config.day) {
                Ok(period) if spans.contains(&(period.from_ms(), period.to_ms())) => {
                    self.note(place, format!("there are two bills of {name}"), "take one out");
                }
                Ok(period) => {
                    spans.push((period.from_ms(), period.to_ms()));
                    dated.extend(amount.map(|amount| (name.to_owned(), amount)));
                }
                Err(_) => {
                    let cure = "write \"2026-10\" = \"1234.56\", or days as \"2026-10-05..2026-11-04\"";
                    self.note(place, format!("\"{name}\" is no period"), cure);
                }
            }
        }
        Some(Cost::Bills { currency, each, dated })
    }

    /// An amount that the currency has coins for.
    fn money(&mut self, table: Table<'_>, key: &str, currency: &Currency) -> Option<Money> {
        self.money_of(table.get(key)?, key, currency)
    }

    fn money_of(
        &mut self,
        value: &toml::Spanned<DeValue<'_>>,
        key: &str,
        currency: &Currency,
    ) -> Option<Money> {
        let written = match value.get_ref() {
            DeValue::String(text) => Decimal::parse(text).ok(),
            DeValue::Integer(number) => Decimal::parse(number.as_str()).ok(),
            DeValue::Float(number) => Decimal::parse(number.as_str()).ok(),
            _ => None,
        };
        let amount = written.and_then(|written| currency.amount(written).ok());
        if amount.is_none() {
            let what = format!("{key} is no exact amount of {}", currency.code());
            let example = currency.text(Money { minor: 123_456 });
            self.note(value.span(), what, format!("write it in quotes, as \"{example}\""));
        }
        amount
    }

    /// `by`, and what belongs to it.
    fn key(&mut self, table: Table<'_>, at: Range<usize>) -> Option<Key> {
        let words = [("volume", By::Volume), ("percentile", By::Percentile), ("peak", By::Peak)];
        let by = match table.get("by") {
            Some(_) => self.word(table, "by", &words)?,
            None => By::Volume,
        };
        let others: &[&str] = if by == By::Volume { &OF_PERCENTILE } else { &["direction"] };
        for (key, value) in others.iter().filter_map(|key| Some((key, table.get(*key)?))) {
            let cure = match by {
                By::Volume => "take it out, or write by = \"percentile\" or by = \"peak\"",
                By::Percentile | By::Peak => "write reading = \"in\", \"out\", \"sum\" or \"max\" instead",
            };
            let is_of = if by == By::Volume { "percentiles and peaks" } else { "volumes" };
            self.note(value.span(), format!("{key} is about {is_of}"), cure);
        }
        if by == By::Volume {
            let direction = self.word(table, "direction", &Direction::ALL.map(|one| (one.word(), one)));
            return Some(Key::Volume(direction.unwrap_or_default()));
        }
        let usual = match by {
            By::Peak => HIGHEST,
            By::Volume | By::Percentile => percentile::Rule::default().hundredths,
        };
        let hundredths = if table.contains_key("percentile") { self.hundredths(table, at)? } else { usual };
        let rule = self.percentile_rule(table, hundredths);
        Some(if by == By::Peak { Key::Peak(rule) } else { Key::Percentile(rule) })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Volume,
    Percentile,
    Peak,
}

/// The uplinks of a configuration as TOML.
pub(super) fn write(config: &Config, out: &mut String) -> std::fmt::Result {
    for uplink in &config.uplinks {
        writeln!(out, "\n[[uplink]]\nname = {}", quote(&uplink.name))?;
        if !uplink.classes.is_empty() {
            writeln!(out, "classes = {}", list(&uplink.classes))?;
        }
        if !uplink.exporters.is_empty() {
            let names: Vec<String> = uplink.exporters.iter().map(|one| config.exporter_name(*one)).collect();
            writeln!(out, "exporters = {}", list(&names))?;
        }
        write_cost(&uplink.cost, out)?;
        writeln!(out, "by = \"{}\"\nremainder = \"{}\"", uplink.by(), uplink.remainder())?;
        match &uplink.key {
            Key::Volume(direction) => writeln!(out, "direction = \"{}\"", direction.word())?,
            Key::Percentile(rule) | Key::Peak(rule) => {
                writeln!(out, "percentile = \"{}\"", percent(rule))?;
                write_reading(rule, out)?;
            }
        }
    }
    Ok(())
}

fn write_cost(cost: &Cost, out: &mut String) -> std::fmt::Result {
    match cost {
        Cost::Tariff(name) => writeln!(out, "tariff = {}", quote(name)),
        Cost::Bills { currency, each, dated } => {
            writeln!(out, "currency = \"{}\"", currency.code())?;
            if let Some(amount) = each {
                writeln!(out, "bill = \"{}\"", currency.text(*amount))?;
            }
            let bill = |(name, amount): &(String, Money)| {
                format!("{} = \"{}\"", quote(name), currency.text(*amount))
            };
            if each.is_none() || !dated.is_empty() {
                writeln!(out, "bills = {{ {} }}", dated.iter().map(bill).collect::<Vec<_>>().join(", "))?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read;
    use weir_account::percentile::{Method, Missing, Reading};

    const REST: &str = "[[exporter]]\nname = \"edge\"\naddress = \"192.0.2.1\"\n\n[[class]]\nname = \
                        \"transit\"\nnetworks = [\"198.51.100.0/24\"]\n\n[[tariff]]\nname = \"carrier\"\ncurrency = \
                        \"USD\"\n\n[[tariff.rule]]\nflat = \"100.00\"\n\n";

    #[test]
    fn uplinks_are_read_and_dumped() {
        let text = "[[uplink]]\nname = \"a\"\nclasses = [\"transit\", \"other\"]\nexporters = [\"edge\", \"192.0.2.1\", \
                    \"192.0.2.9\"]\ncurrency = \"EUR\"\nbill = \"1000\"\nby = \"volume\"\ndirection = \"max\"\nremainder \
                    = \"shared\"\n\n[uplink.bills]\n\"2026-10\" = \"1234.56\"\n\"2026-11\" = 1100\n\n[[uplink]]\nname = \
                    \"b\"\ntariff = \"carrier\"\nby = \"percentile\"\npercentile = \"97.5\"\nreading = \"sum\"\nmethod = \
                    \"inclusive\"\nmissing = \"refuse\"\n\n[[uplink]]\nname = \"c\"\ncurrency = \"JPY\"\nbills = { \
                    \"2026-10-05..2026-11-04\" = \"5000\" }\nby = \"peak\"\n";
        let config = read(&format!("{REST}{text}")).unwrap();
        let [a, b, c] = &config.uplinks[..] else { panic!("{:?}", config.uplinks) };
        assert_eq!(a.classes, ["transit", "other"]);
        let addresses: Vec<String> = a.exporters.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["192.0.2.1", "192.0.2.9"]);
        let eur = Currency::by_code("EUR").unwrap();
        let dated =
            vec![("2026-10".into(), Money { minor: 123_456 }), ("2026-11".into(), Money { minor: 110_000 })];
        assert_eq!(a.cost, Cost::Bills { currency: eur, each: Some(Money { minor: 100_000 }), dated });
        assert_eq!((a.key, a.rest), (Key::Volume(Direction::Greater), Rest::Shared));
        let rule = percentile::Rule {
            hundredths: 9750,
            reading: Reading::Sum,
            method: Method::Inclusive,
            missing: Missing::Refuse,
        };
        assert_eq!((&b.cost, b.key), (&Cost::Tariff("carrier".into()), Key::Percentile(rule)));
        assert_eq!((b.rest, b.classes.len(), b.exporters.len()), (Rest::Own, 0, 0));
        let highest = percentile::Rule { hundredths: 10_000, ..percentile::Rule::default() };
        assert_eq!(c.key, Key::Peak(highest));
        let Cost::Bills { each: None, dated, .. } = &c.cost else { panic!("{c:?}") };
        assert_eq!(dated[..], [("2026-10-05..2026-11-04".to_owned(), Money { minor: 5000 })]);
        let again = read(&config.dump()).unwrap();
        assert_eq!((&again.uplinks, again.dump()), (&config.uplinks, config.dump()));
    }

    /// The second example of docs/tariffs.md.
    #[test]
    fn the_example_is_understood() {
        let page = include_str!("../../../../docs/tariffs.md");
        let example = page.split("```toml\n").nth(2).and_then(|rest| rest.split_once("```")).unwrap().0;
        let peering = "[[class]]\nname = \"peering\"\nas = [64500]\n\n";
        let config = read(&format!("{}{peering}{example}", REST.replace("edge", "north"))).unwrap();
        let names: Vec<_> =
            config.uplinks.iter().map(|one| (one.name.as_str(), one.by(), one.remainder())).collect();
        assert_eq!(names, [("north", "volume", "own"), ("south", "percentile", "own")]);
    }

    #[test]
    fn traffic_that_is_not_its_own_is_noted() {
        let notes = |a: &str, b: &str, count: &str| {
            let uplink =
                |name: &str, of: &str| format!("[[uplink]]\nname = \"{name}\"\ntariff = \"carrier\"\n{of}\n");
            let rest = REST.replace("192.0.2.1\"\n", &format!("192.0.2.1\"\n{count}\n"));
            read(&format!("{rest}{}{}", uplink("a", a), uplink("b", b))).unwrap().notes(0)
        };
        let (edge, transit, other) =
            ("exporters = [\"edge\"]", "classes = [\"transit\"]", "classes = [\"other\"]");
        let same = "uplinks \"a\" and \"b\" carry the same traffic: each bill is shared out by all of it";
        assert_eq!(notes(transit, other, ""), Vec::<String>::new());
        assert_eq!(notes(transit, transit, ""), [same]);
        assert_eq!(
            notes(&format!("{transit}\n{edge}"), &format!("{transit}\nexporters = [\"192.0.2.9\"]"), "")
                .len(),
            0
        );
        let counted = notes(edge, transit, "count = [7]");
        assert_eq!(counted, [same]);
        let all = notes(edge, transit, "");
        assert_eq!(all.len(), 2);
        assert!(
            all[1].starts_with("uplink \"a\" carries all that the exporter \"edge\" accounts"),
            "{all:?}"
        );
    }

    #[test]
    fn mistakes_are_told_with_their_cure() {
        let told = |text: &str| -> Vec<String> {
            let text = format!("{REST}[[uplink]]\n{text}");
            let mistakes = read(&text).unwrap_err();
            mistakes.iter().map(|m| format!("{}; {}", m.message, m.cure)).collect()
        };
        let bill = "name = \"a\"\ncurrency = \"EUR\"\nbill = \"1\"\n";
        assert_eq!(
            told("currency = \"EUR\"\nbill = \"1\"\n"),
            ["[[uplink]] has no name; add name = \"carrier\""]
        );
        assert_eq!(
            told(&format!("{bill}classes = [\"transt\"]\n")),
            ["the uplink carries the class \"transt\", which there is not; did you mean \"transit\"?"]
        );
        assert_eq!(
            told(&format!("{bill}exporters = [\"egde\"]\n")),
            ["there is no exporter \"egde\"; did you mean \"edge\"?"]
        );
        assert_eq!(
            told("name = \"a\"\ntariff = \"carier\"\n"),
            ["there is no tariff \"carier\"; did you mean \"carrier\"?"]
        );
        let one_way = "what an uplink costs is said in one way; write one of bill = \"1234.56\", [uplink.bills] or \
                       tariff = \"NAME\"";
        assert_eq!(told("name = \"a\"\n"), [one_way]);
        assert_eq!(told(&format!("{bill}tariff = \"carrier\"\n")), [one_way]);
        assert_eq!(
            told("name = \"a\"\nbill = \"1\"\n"),
            ["[[uplink]] has no currency; add currency = \"EUR\""]
        );
        assert_eq!(
            told("name = \"a\"\ncurrency = \"EUR\"\nbill = \"1.005\"\n"),
            ["bill is no exact amount of EUR; write it in quotes, as \"1234.56\""]
        );
        assert_eq!(
            told(
                "name = \"a\"\ncurrency = \"EUR\"\n[uplink.bills]\n\"2026-13\" = \"1\"\n\"2026-10\" = \
                 \"1\"\n\"2026-10-01..2026-10-31\" = \"2\"\n"
            ),
            [
                "\"2026-13\" is no period; write \"2026-10\" = \"1234.56\", or days as \"2026-10-05..2026-11-04\"",
                "there are two bills of 2026-10-01..2026-10-31; take one out"
            ]
        );
        assert_eq!(
            told(&format!("{bill}by = \"percentil\"\n")),
            ["by = \"percentil\" is not known; did you mean \"percentile\"?"]
        );
        assert_eq!(
            told(&format!("{bill}missing = \"zero\"\n")),
            [
                "missing is about percentiles and peaks; take it out, or write by = \"percentile\" or by = \"peak\""
            ]
        );
        assert_eq!(
            told(&format!("{bill}by = \"peak\"\ndirection = \"in\"\n")),
            ["direction is about volumes; write reading = \"in\", \"out\", \"sum\" or \"max\" instead"]
        );
        let percent = told(&format!("{bill}by = \"peak\"\npercentile = \"101\"\n"));
        assert!(percent[0].starts_with("a percentile is above 0"), "{percent:?}");
        assert_eq!(told(&format!("{bill}[[uplink]]\n{bill}")), ["there are two uplinks \"a\"; rename one"]);
    }
}
