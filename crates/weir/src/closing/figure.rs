//! The figures of a statement that can be computed again: what was used, and what it costs.

use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use weir_account::money::{Currency, Decimal, Money};
use weir_account::tariff::{Bill, Tariff};
use weir_account::usage::Kind;

/// The four ways of a tenant's traffic, in the order of figures.
pub(crate) const WAYS: [&str; 4] = ["in", "out", "local_in", "local_out"];
/// What is counted of each.
pub(crate) const UNITS: [&str; 3] = ["octets", "packets", "flows"];

/// Octets, packets and flows of the four ways. Differences may be below zero.
pub(crate) type Used = [[i128; 3]; 4];

/// The same of what came in and went out, the first two ways, by class of traffic.
pub(crate) type Classes = BTreeMap<String, [[i128; 3]; 2]>;

/// The place of a kind of account among the ways; `None` if it is no tenant's.
pub(crate) fn way(kind: Kind) -> Option<usize> {
    WAYS.iter().position(|way| *way == kind.name())
}

/// What a tenant used in a period and what that costs, or by how much that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) used: Used,
    /// None where there are no classes.
    pub(crate) classes: Classes,
    /// `None` where traffic costs nothing.
    pub(crate) bill: Option<Amounts>,
}

/// What it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Amounts {
    /// The tariff's name.
    pub(crate) tariff: String,
    pub(crate) currency: Currency,
    pub(crate) net: Money,
    /// With taxes.
    pub(crate) gross: Money,
}

/// A figure that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `in.octets`, `bill.gross`.
    pub(crate) field: String,
    /// What was closed, with what was adjusted since,
    pub(crate) closed: String,
    /// and what is computed now.
    pub(crate) now: String,
}

impl Amounts {
    pub(crate) fn of(tariff: &Tariff, bill: &Bill) -> Self {
        let (name, currency) = (tariff.name.clone(), tariff.currency.clone());
        Self { tariff: name, currency, net: bill.net, gross: bill.gross }
    }

    /// An amount as text.
    fn text(&self, amount: Money) -> String {
        self.currency.text(amount)
    }

    /// What is to pay, with the currency.
    pub(crate) fn to_pay(&self) -> String {
        self.with_code(self.gross)
    }

    /// An amount with the currency.
    pub(crate) fn with_code(&self, amount: Money) -> String {
        format!("{} {}", self.text(amount), self.currency.code())
    }

    fn combined(&self, other: &Self, combine: fn(i128, i128) -> i128) -> Self {
        let both = |a: Money, b: Money| Money { minor: combine(a.minor, b.minor) };
        Self { net: both(self.net, other.net), gross: both(self.gross, other.gross), ..self.clone() }
    }

    fn nothing(&self) -> Self {
        Self { net: Money::ZERO, gross: Money::ZERO, ..self.clone() }
    }
}

impl Figures {
    /// Both together. Sums of 64-bit figures are far from the end of 128 bits.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        self.combined(other, i128::saturating_add)
    }

    /// This less the other.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        self.combined(other, i128::saturating_sub)
    }

    fn combined(&self, other: &Self, combine: fn(i128, i128) -> i128) -> Self {
        let mut used = self.used;
        for (mine, theirs) in used.as_flattened_mut().iter_mut().zip(other.used.as_flattened()) {
            *mine = combine(*mine, *theirs);
        }
        let mut classes = self.classes.clone();
        for (class, theirs) in &other.classes {
            let mine = classes.entry(class.clone()).or_default();
            for (mine, theirs) in mine.as_flattened_mut().iter_mut().zip(theirs.as_flattened()) {
                *mine = combine(*mine, *theirs);
            }
        }
        classes.retain(|_, sums| *sums != [[0; 3]; 2]);
        let bill = match (&self.bill, &other.bill) {
            (Some(mine), Some(theirs)) => Some(mine.combined(theirs, combine)),
            (Some(mine), None) => Some(mine.clone()),
            (None, Some(theirs)) => Some(theirs.nothing().combined(theirs, combine)),
            (None, None) => None,
        };
        Self { used, classes, bill }
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_zero(&self) -> bool {
        self.used == Used::default()
            && self.classes.is_empty()
            && self.bill.as_ref().is_none_or(|b| b.net == Money::ZERO && b.gross == Money::ZERO)
    }

    /// The first figure in which what was closed is not what is computed now.
    pub(crate) fn difference(closed: &Self, now: &Self) -> Option<Difference> {
        let classes: BTreeSet<&str> =
            closed.classes.keys().chain(now.classes.keys()).map(String::as_str).collect();
        let both = closed.named(&classes).into_iter().zip(now.named(&classes));
        both.into_iter().find_map(|((field, closed), (_, now))| {
            (closed != now).then_some(Difference { field, closed, now })
        })
    }

    /// Every figure with its name, of these classes.
    fn named(&self, classes: &BTreeSet<&str>) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for (way, sums) in WAYS.iter().zip(self.used) {
            for (unit, sum) in UNITS.iter().zip(sums) {
                all.push((format!("{way}.{unit}"), sum.to_string()));
            }
        }
        for class in classes {
            let sums = self.classes.get(*class).copied().unwrap_or_default();
            for (way, sums) in WAYS.iter().zip(sums) {
                for (unit, sum) in UNITS.iter().zip(sums) {
                    all.push((format!("class {class}, {way}.{unit}"), sum.to_string()));
                }
            }
        }
        let amount = |of: fn(&Amounts) -> Money| {
            self.bill
                .as_ref()
                .map_or_else(|| "nothing".to_owned(), |b| format!("{} {}", b.text(of(b)), b.currency.code()))
        };
        all.push(("bill.net".to_owned(), amount(|bill| bill.net)));
        all.push(("bill.gross".to_owned(), amount(|bill| bill.gross)));
        all
    }

    /// As JSON members.
    pub(crate) fn members(&self) -> Map<String, Json> {
        let mut members: Map<String, Json> =
            WAYS.iter().zip(self.used).map(|(way, used)| ((*way).to_owned(), sums(used))).collect();
        if !self.classes.is_empty() {
            let classes = self.classes.iter().map(|(class, ways)| {
                let ways = WAYS.iter().zip(*ways).map(|(way, of_class)| ((*way).to_owned(), sums(of_class)));
                (class.clone(), Json::Object(ways.collect()))
            });
            members.insert("classes".to_owned(), Json::Object(classes.collect()));
        }
        if let Some(bill) = &self.bill {
            let Amounts { tariff, currency, net, gross } = bill;
            let amounts = json!({
                "tariff": tariff, "currency": currency.code(), "net": bill.text(*net), "gross": bill.text(*gross),
            });
            members.insert("bill".to_owned(), amounts);
        }
        members
    }

    /// As the text that the books keep.
    pub(crate) fn text(&self) -> String {
        Json::Object(self.members()).to_string()
    }

    /// What [`Figures::text`] gave; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let json: Json = serde_json::from_str(text).ok()?;
        let mut figures = Self::default();
        for (way, sums) in WAYS.iter().zip(&mut figures.used) {
            for (unit, sum) in UNITS.iter().zip(sums) {
                *sum = integer(json.get(way)?.get(unit)?)?;
            }
        }
        for (class, ways) in json.get("classes").and_then(Json::as_object).into_iter().flatten() {
            let of_class = figures.classes.entry(class.clone()).or_default();
            for (way, sums) in WAYS.iter().zip(of_class) {
                for (unit, sum) in UNITS.iter().zip(sums) {
                    *sum = integer(ways.get(way)?.get(unit)?)?;
                }
            }
        }
        if let Some(bill) = json.get("bill") {
            let text = |key: &str| bill.get(key)?.as_str();
            let currency = Currency::by_code(text("currency")?)?;
            let amount = |key: &str| currency.amount(Decimal::parse(text(key)?).ok()?).ok();
            let (net, gross) = (amount("net")?, amount("gross")?);
            figures.bill = Some(Amounts { tariff: text("tariff")?.to_owned(), currency, net, gross });
        }
        Some(figures)
    }

    /// The first figure that a document says otherwise, if it has these figures: members as those of
    /// [`Figures::members`].
    pub(crate) fn contradicts(&self, document: &Json) -> Option<Difference> {
        for (way, sums) in WAYS.iter().zip(self.used) {
            for (unit, sum) in UNITS.iter().zip(sums) {
                let said = document.get(way).and_then(|sums| sums.get(unit));
                if let Some(said) = said.filter(|said| integer(said) != Some(sum)) {
                    let field = format!("{way}.{unit}");
                    return Some(Difference { field, closed: said.to_string(), now: sum.to_string() });
                }
            }
        }
        let of_class = self.contradicts_classes(document);
        if of_class.is_some() {
            return of_class;
        }
        let said = document.pointer("/charges/gross")?;
        let gross = self.bill.as_ref().map(|bill| bill.text(bill.gross));
        let field = "bill.gross".to_owned();
        (said.as_str() != gross.as_deref()).then(|| Difference {
            field,
            closed: said.to_string(),
            now: gross.unwrap_or_else(|| "nothing".to_owned()),
        })
    }
}

impl Figures {
    /// The first figure of a class that a document says otherwise, or not at all.
    fn contradicts_classes(&self, document: &Json) -> Option<Difference> {
        let listed = document.get("classes").and_then(Json::as_array);
        let listed = listed.into_iter().flatten().filter_map(|one| one.get("class")?.as_str());
        let classes: BTreeSet<&str> = listed.chain(self.classes.keys().map(String::as_str)).collect();
        for class in classes {
            let own = self.classes.get(class).copied().unwrap_or_default();
            for (way, sums) in WAYS.iter().zip(own) {
                for (unit, sum) in UNITS.iter().zip(sums) {
                    let said = said(document, class, way, unit);
                    if said != Some(sum) {
                        let closed = said.map_or_else(|| "nothing".to_owned(), |said| said.to_string());
                        let field = format!("class {class}, {way}.{unit}");
                        return Some(Difference { field, closed, now: sum.to_string() });
                    }
                }
            }
        }
        None
    }
}

/// The figure of a class that a document says, or does not: as members of `classes` in it.
fn said(document: &Json, class: &str, way: &str, unit: &str) -> Option<i128> {
    let classes = document.get("classes")?.as_array()?;
    let one = classes.iter().find(|one| one.get("class").and_then(Json::as_str) == Some(class))?;
    integer(one.get(way)?.get(unit)?)
}

/// Octets, packets and flows as JSON.
pub(crate) fn sums(sums: [i128; 3]) -> Json {
    Json::Object(UNITS.iter().zip(sums).map(|(unit, sum)| ((*unit).to_owned(), number(sum))).collect())
}

/// An integer as JSON: text where readers of JSON would not keep it.
pub(crate) fn number(n: i128) -> Json {
    match (i64::try_from(n), u64::try_from(n)) {
        (Ok(n), _) => json!(n),
        (_, Ok(n)) => json!(n),
        _ => json!(n.to_string()),
    }
}

/// The same, back.
fn integer(json: &Json) -> Option<i128> {
    match json {
        Json::Number(n) => n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from)),
        Json::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amounts(net: i128, gross: i128) -> Option<Amounts> {
        let currency = Currency::by_code("EUR").unwrap();
        Some(Amounts {
            tariff: "gold".into(),
            currency,
            net: Money { minor: net },
            gross: Money { minor: gross },
        })
    }

    proptest! {
        /// What is written is read; what was taken off is there again.
        #[test]
        fn figures_survive(
            a in any::<[[u64; 3]; 4]>(),
            b in any::<[[u64; 3]; 4]>(),
            c in any::<[Option<[[u64; 3]; 2]>; 2]>(),
            d in any::<[Option<[[u64; 3]; 2]>; 2]>(),
            net in -10_000_000_000i64..10_000_000_000,
            gross in -10_000_000_000i64..10_000_000_000,
            costs in any::<[bool; 2]>(),
        ) {
            let used = |used: [[u64; 3]; 4]| used.map(|sums| sums.map(i128::from));
            let classes = |some: [Option<[[u64; 3]; 2]>; 2]| -> Classes {
                let named = ["free", "other"].map(str::to_owned).into_iter().zip(some);
                let named = named.filter_map(|(name, sums)| Some((name, sums?.map(|sums| sums.map(i128::from)))));
                named.filter(|(_, sums)| *sums != [[0; 3]; 2]).collect()
            };
            let (bill, other_bill) = (amounts(net.into(), gross.into()), amounts(7, gross.into()));
            let one = Figures { used: used(a), classes: classes(c), bill: bill.filter(|_| costs[0]) };
            let two = Figures { used: used(b), classes: classes(d), bill: other_bill.filter(|_| costs[1]) };
            let difference = two.minus(&one);
            prop_assert_eq!(Figures::parse(&one.text()), Some(one.clone()));
            prop_assert_eq!(Figures::parse(&difference.text()), Some(difference.clone()));
            prop_assert!(two.minus(&one.plus(&difference)).is_zero());
            let is_same = one.used == two.used && one.classes == two.classes;
            prop_assert_eq!(difference.is_zero(), is_same && difference.bill.is_none_or(|b| b.net.minor == 0 && b.gross.minor == 0));
        }
    }

    #[test]
    fn the_first_difference_is_named() {
        let used = [[1000, 2, 1], [0; 3], [0; 3], [0; 3]];
        let closed = Figures { used, classes: Classes::new(), bill: amounts(100, 119) };
        let mut now = closed.clone();
        assert_eq!(Figures::difference(&closed, &now), None);
        now.bill = amounts(100, 120);
        let named = |field: &str, closed: &str, now: &str| {
            Some(Difference { field: field.into(), closed: closed.into(), now: now.into() })
        };
        assert_eq!(Figures::difference(&closed, &now), named("bill.gross", "1.19 EUR", "1.20 EUR"));
        now.used[0][1] = 3;
        assert_eq!(Figures::difference(&closed, &now), named("in.packets", "2", "3"));
        let document = json!({"tenant": "acme", "in": {"octets": 1000, "packets": 2, "flows": 1}});
        assert_eq!(closed.contradicts(&document), None);
        assert_eq!(now.contradicts(&document), named("in.packets", "2", "3"));
        let charged = json!({"charges": {"gross": "1.18"}});
        assert_eq!(closed.contradicts(&charged), named("bill.gross", "\"1.18\"", "1.19"));
    }
}
