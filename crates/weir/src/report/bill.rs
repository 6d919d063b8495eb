//! What traffic costs: the lines of a bill, as text, JSON and CSV.

use super::number::octets;
use super::statement::charge::Words;
use super::table::{Align, Columns};
use super::{Form, csv_line};
use crate::statement::ALL;
use serde_json::{Value as Json, json};
use weir_account::Zone;
use weir_account::money::Money;
use weir_account::percentile::{self, Direction, Percentile};
use weir_account::statement::Unit;
use weir_account::tariff::{Bill, Detail, Hours, InTier, Line, Proportion, Tariff};

/// A tenant's bill of a period.
pub(crate) struct Charged<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) tariff: &'a Tariff,
    pub(crate) bill: Bill,
}

/// Bills in a form: of one period, or of several of one name.
pub(crate) fn render(reports: &[Report<'_>], form: Form) -> String {
    match form {
        Form::Json => {
            format!("{:#}\n", super::listed(reports.iter().map(Report::document).collect()))
        }
        Form::Ndjson => {
            let one = |report: &Report<'_>| -> String {
                let zone = report.period.zone();
                report.bills.iter().map(|charged| format!("{}\n", document(charged, zone))).collect()
            };
            reports.iter().map(one).collect()
        }
        Form::Csv => super::joined_csv(reports.iter().map(Report::csv)),
        Form::Table | Form::Parquet | Form::Arrow => {
            reports.iter().map(Report::text).collect::<Vec<_>>().join("\n")
        }
    }
}

/// Bills of a period, of one tenant or of many.
pub(crate) struct Report<'a> {
    pub(crate) period: &'a weir_account::Period,
    pub(crate) unit: Unit,
    pub(crate) bills: Vec<Charged<'a>>,
    /// Accounts of before this, ms since 1970, were given up, and the period begins before it.
    pub(crate) given_up_before: Option<i64>,
}

impl Report<'_> {
    /// For programs.
    pub(crate) fn document(&self) -> Json {
        let zone = self.period.zone();
        let mut document = json!({
            "period": {
                "name": self.period.name(),
                "from": self.period.from(),
                "to": self.period.to(),
                "zone": zone.name(),
            },
            "bills": self.bills.iter().map(|charged| document(charged, zone)).collect::<Vec<_>>(),
        });
        if let (Some(before), Some(map)) = (self.given_up_before, document.as_object_mut()) {
            map.insert("accounts_given_up_before".to_owned(), json!(zone.rfc3339(before)));
        }
        document
    }

    fn csv(&self) -> String {
        let mut out = csv_line(["tenant", "tariff", "line", "what", "amount", "currency"]);
        for Charged { tenant, tariff, bill } in &self.bills {
            let code = tariff.currency.code();
            let words = Words::plain(self.unit, tariff, self.period.zone());
            let mut line = |name: &str, what: &str, amount: Money| {
                let amount = tariff.currency.text(amount);
                out.push_str(&csv_line([tenant, tariff.name.as_str(), name, what, &amount, code]));
            };
            for one in bill.lines.iter().chain(&bill.taxes) {
                line(&one.rule, &words.how(one), one.amount);
            }
            line("to pay", "", bill.gross);
        }
        out
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for charged in &self.bills {
            if !out.is_empty() {
                out.push('\n');
            }
            let name = &charged.tariff.name;
            out.push_str(&format!("{}, {}, by the tariff \"{name}\"\n", charged.tenant, self.period.name()));
            out.push_str(&text(charged, self.unit, self.period.zone()));
        }
        out
    }
}

/// The lines of one bill.
pub(crate) fn text(charged: &Charged<'_>, unit: Unit, zone: &Zone) -> String {
    let Charged { tariff, bill, .. } = charged;
    let mut table =
        Columns::new([("", Align::Left), ("", Align::Left), (tariff.currency.code(), Align::Right)]);
    let words = Words::plain(unit, tariff, zone);
    let row = |line: &Line| [line.rule.clone(), words.how(line), tariff.currency.text(line.amount)];
    bill.lines.iter().for_each(|line| table.row(row(line)));
    if !bill.taxes.is_empty() {
        table.rule();
        table.row(["net", "", tariff.currency.text(bill.net).as_str()]);
        bill.taxes.iter().for_each(|line| table.row(row(line)));
    }
    table.rule();
    table.row(["to pay", "", tariff.currency.text(bill.gross).as_str()]);
    let mut out = table.render();
    if tariff.overhead > 0 {
        let around = octets(tariff.overhead, unit);
        out.push_str(&format!("with {around} a packet besides the octets of IP\n"));
    }
    for unrated in &bill.unrated {
        let (came, went) = (octets(unrated.volume.came, unit), octets(unrated.volume.went, unit));
        let of_class = match unrated.class.as_str() {
            ALL => String::new(),
            class => format!(" of class {class}"),
        };
        out.push_str(&format!("no rule is about: {came} in, {went} out{of_class}\n"));
    }
    out
}

fn document(charged: &Charged<'_>, zone: &Zone) -> Json {
    let mut document = charges(charged.tariff, &charged.bill, zone);
    if let Some(map) = document.as_object_mut() {
        map.shift_insert(0, "tenant".to_owned(), json!(charged.tenant));
    }
    document
}

/// What it costs by a tariff, line by line.
pub(crate) fn charges(tariff: &Tariff, bill: &Bill, zone: &Zone) -> Json {
    let money = |amount: Money| json!(tariff.currency.text(amount));
    let line = |line: &Line| {
        let mut object = json!({"rule": line.rule, "amount": money(line.amount), "by": detail(&line.detail, tariff, zone)});
        if let (Some(object), false) = (object.as_object_mut(), line.classes.is_empty()) {
            object.insert("classes".to_owned(), json!(line.classes));
        }
        object
    };
    let unrated = |one: &weir_account::tariff::Unrated| json!({"class": one.class, "in": one.volume.came, "out": one.volume.went});
    let mut charges = json!({
        "tariff": tariff.name,
        "currency": tariff.currency.code(),
        "rounding": tariff.rounding.word(),
        "lines": bill.lines.iter().map(line).collect::<Vec<_>>(),
        "net": money(bill.net),
        "taxes": bill.taxes.iter().map(line).collect::<Vec<_>>(),
        "gross": money(bill.gross),
        "unrated": bill.unrated.iter().map(unrated).collect::<Vec<_>>(),
    });
    if let (Some(object), true) = (charges.as_object_mut(), tariff.overhead > 0) {
        object.insert("overhead_octets_a_packet".to_owned(), json!(tariff.overhead));
    }
    charges
}

/// How an amount comes about, for programs. Prices are texts: exact decimals.
fn detail(detail: &Detail, tariff: &Tariff, zone: &Zone) -> Json {
    let days = |days: &Option<Proportion>| days.map(|(some, all)| json!({"days": some, "of": all}));
    match detail {
        Detail::Flat { price, days: part } => json!({"flat": price.to_string(), "part": days(part)}),
        Detail::Volume { direction, hours, octets, billed, unit, units, price, allowance, tier } => json!({
            "direction": direction.word(), "hours": hours.as_ref().map(self::hours), "octets": number(*octets), "billed_octets": number(*billed), "unit_octets": unit,
            "units": units.map(number), "price": price.to_string(), "allowance_octets": allowance.map(number), "tier": tier.as_ref().map(self::tier),
        }),
        Detail::Committed { rate, unit, price } => {
            json!({"committed_bps": rate, "unit_bps": unit, "price": price.to_string()})
        }
        Detail::Percentile { rule, percentile: found, committed, unit, price } => {
            let mut object = percentile(found, zone);
            if let Some(map) = object.as_object_mut() {
                map.insert("rule".to_owned(), self::rule(rule));
                map.insert("committed_bps".to_owned(), json!(committed));
                map.insert("unit_bps".to_owned(), json!(unit));
                map.insert("price".to_owned(), json!(price.to_string()));
            }
            object
        }
        Detail::Once { at_ms } => json!({"on": zone.date_text(*at_ms)}),
        Detail::Minimum { least, days: part } => {
            json!({"minimum": tariff.currency.text(*least), "part": days(part)})
        }
        Detail::Tax { percent, of } => {
            json!({"percent": percent.to_string(), "of": tariff.currency.text(*of)})
        }
    }
}

/// Hours of a week.
pub(crate) fn hours(hours: &Hours) -> Json {
    let (from, to) = hours.minutes();
    let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let days = days.iter().zip(hours.days()).filter(|(_, is_on)| *is_on).map(|(day, _)| *day);
    json!({"from": clock(from), "to": clock(to), "weekdays": days.collect::<Vec<_>>()})
}

fn tier(tier: &InTier) -> Json {
    let InTier { number, above, up_to, is_whole } = tier;
    json!({"number": number, "above_octets": above, "up_to_octets": up_to, "whole": is_whole})
}

/// What makes a percentile one figure.
fn rule(rule: &percentile::Rule) -> Json {
    json!({
        "hundredths_of_a_percent": rule.hundredths, "reading": rule.reading.word(), "method": rule.method.word(),
        "missing": rule.missing.word(),
    })
}

/// A percentile, and the slots that set it.
pub(super) fn percentile(found: &Percentile, zone: &Zone) -> Json {
    let set_by = found.set_by.iter().map(
        |one| json!({"start": zone.rfc3339(one.start_ms), "octets": number(one.octets), "rank": one.rank}),
    );
    json!({
        "slot_octets": {"numerator": number(found.octets.0.unsigned_abs()), "denominator": number(found.octets.1.unsigned_abs())},
        "direction": found.direction.map(|d| match d { Direction::In => "in", Direction::Out => "out" }),
        "set_by": set_by.collect::<Vec<_>>(), "slots": found.slots, "above": found.above,
        "missing": found.missing,
    })
}

/// An integer of 128 bits as JSON: a number where it fits 64 bits, which all but damaged figures do.
pub(super) fn number(n: u128) -> Json {
    u64::try_from(n).map_or_else(|_| json!(n.to_string()), |n| json!(n))
}
