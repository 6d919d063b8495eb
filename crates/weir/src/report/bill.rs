//! What traffic costs: the lines of a bill, as text, JSON and CSV.

use super::number::{grouped, octets};
use super::table::{Align, Columns};
use super::{Form, csv_line};
use serde_json::{Value as Json, json};
use weir_account::Zone;
use weir_account::money::{Money, Rounding};
use weir_account::percentile::{Direction, Percentile};
use weir_account::statement::Unit;
use weir_account::tariff::{Bill, Detail, Line, Proportion, Tariff};

/// A tenant's bill of a period.
pub(crate) struct Charged<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) tariff: &'a Tariff,
    pub(crate) bill: Bill,
}

/// Bills of a period, of one tenant or of many.
pub(crate) struct Report<'a> {
    pub(crate) period: &'a weir_account::Period,
    pub(crate) unit: Unit,
    pub(crate) bills: Vec<Charged<'a>>,
}

impl Report<'_> {
    /// The bills in a form.
    pub(crate) fn render(&self, form: Form) -> String {
        let zone = self.period.zone();
        match form {
            Form::Json => format!("{:#}\n", self.document()),
            Form::Ndjson => {
                self.bills.iter().map(|charged| format!("{}\n", document(charged, zone))).collect()
            }
            Form::Csv => self.csv(),
            Form::Table | Form::Parquet => self.text(),
        }
    }

    fn document(&self) -> Json {
        let zone = self.period.zone();
        json!({
            "period": {
                "name": self.period.name(),
                "from": self.period.from(),
                "to": self.period.to(),
                "zone": zone.name(),
            },
            "bills": self.bills.iter().map(|charged| document(charged, zone)).collect::<Vec<_>>(),
        })
    }

    fn csv(&self) -> String {
        let mut out = csv_line(["tenant", "tariff", "line", "what", "amount", "currency"]);
        for Charged { tenant, tariff, bill } in &self.bills {
            let code = tariff.currency.code();
            let mut line = |name: &str, what: &str, amount: Money| {
                let amount = tariff.currency.text(amount);
                out.push_str(&csv_line([tenant, tariff.name.as_str(), name, what, &amount, code]));
            };
            for one in bill.lines.iter().chain(&bill.taxes) {
                line(&one.rule, &words(one, tariff, self.unit, self.period.zone()), one.amount);
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
    let row =
        |line: &Line| [line.rule.clone(), words(line, tariff, unit, zone), tariff.currency.text(line.amount)];
    bill.lines.iter().for_each(|line| table.row(row(line)));
    if !bill.taxes.is_empty() {
        table.rule();
        table.row(["net", "", tariff.currency.text(bill.net).as_str()]);
        bill.taxes.iter().for_each(|line| table.row(row(line)));
    }
    table.rule();
    table.row(["to pay", "", tariff.currency.text(bill.gross).as_str()]);
    let mut out = table.render();
    for unrated in &bill.unrated {
        let (came, went) = (octets(unrated.volume.came, unit), octets(unrated.volume.went, unit));
        out.push_str(&format!("no rule is about: {came} in, {went} out\n"));
    }
    out
}

/// How an amount comes about, for people.
fn words(line: &Line, tariff: &Tariff, unit: Unit, zone: &Zone) -> String {
    let part = |days: Option<Proportion>| {
        days.map_or_else(String::new, |(some, all)| format!(", {some} of {all} days"))
    };
    match &line.detail {
        Detail::Flat { price, days } => format!("{price} a period{}", part(*days)),
        Detail::Volume { octets: all, billed, unit: of, units, price, allowance, tier } => {
            let mut text = octets(*billed, unit);
            if let Some(allowance) = allowance {
                text = format!("{} less {} = {text}", octets(*all, unit), octets(*allowance, unit));
            }
            if let Some(units) = units {
                text.push_str(&format!(", {} begun", grouped(*units)));
            }
            if let Some(tier) = tier {
                text.push_str(&format!(" in tier {tier}"));
            }
            format!("{text} at {price} a {}", size(*of))
        }
        Detail::Committed { rate, unit, price } => {
            format!("{} committed at {price} a {}", bits(*rate), bits(*unit))
        }
        Detail::Percentile { percentile, committed, unit, price } => {
            let above =
                if *committed > 0 { format!(", {} committed", bits(*committed)) } else { String::new() };
            let set = percentile
                .set_by
                .iter()
                .map(|one| zone.rfc3339(one.start_ms))
                .collect::<Vec<_>>()
                .join(" and ");
            let missing = match percentile.missing {
                0 => String::new(),
                slots => format!(", {} without data", grouped(slots as u64)),
            };
            let direction = match percentile.direction {
                Some(Direction::In) => " in",
                Some(Direction::Out) => " out",
                None => "",
            };
            format!(
                "{}{direction}{above} at {price} a {}; set by {set}, {} of {} slots above it{missing}",
                rate(percentile),
                bits(*unit),
                grouped(percentile.above as u64),
                grouped(percentile.slots as u64)
            )
        }
        Detail::Once { at_ms } => zone.date_text(*at_ms),
        Detail::Minimum { least, days } => format!("to {}{}", tariff.text(*least), part(*days)),
        Detail::Tax { percent, of } => format!("{percent} % of {}", tariff.currency.text(*of)),
    }
}

/// A unit that something costs so much of: `GB`, `10 GB`.
fn size(unit: u64) -> String {
    const NAMES: [(u64, &str); 8] = [
        (1 << 40, "TiB"),
        (1_000_000_000_000, "TB"),
        (1 << 30, "GiB"),
        (1_000_000_000, "GB"),
        (1 << 20, "MiB"),
        (1_000_000, "MB"),
        (1 << 10, "KiB"),
        (1000, "kB"),
    ];
    named(unit, &NAMES).unwrap_or_else(|| format!("{unit} octets"))
}

/// Bits a second, exactly where they are a round number of a unit.
fn bits(rate: u64) -> String {
    const NAMES: [(u64, &str); 3] = [(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1000, "kbit/s")];
    named(rate, &NAMES).unwrap_or_else(|| format!("{} bit/s", grouped(rate)))
}

fn named(number: u64, names: &[(u64, &str)]) -> Option<String> {
    let (factor, name) =
        names.iter().find(|(factor, _)| number >= *factor && number.is_multiple_of(*factor))?;
    Some(match number / factor {
        1 => (*name).to_owned(),
        times => format!("{} {name}", grouped(times)),
    })
}

/// The rate of a percentile, to the bit a second.
fn rate(percentile: &Percentile) -> String {
    let exact = percentile.bits_a_second().and_then(|(above, below)| Rounding::HalfUp.quotient(above, below));
    exact
        .and_then(|bits| u64::try_from(bits).ok())
        .map_or_else(|| "?".to_owned(), |bits| format!("{} bit/s", grouped(bits)))
}

fn document(charged: &Charged<'_>, zone: &Zone) -> Json {
    let Charged { tenant, tariff, bill } = charged;
    let money = |amount: Money| json!(tariff.currency.text(amount));
    let line = |line: &Line| json!({"rule": line.rule, "amount": money(line.amount), "by": detail(&line.detail, tariff, zone)});
    let unrated = |one: &weir_account::tariff::Unrated| json!({"class": one.class, "in": one.volume.came, "out": one.volume.went});
    json!({
        "tenant": tenant,
        "tariff": tariff.name,
        "currency": tariff.currency.code(),
        "rounding": tariff.rounding.word(),
        "lines": bill.lines.iter().map(line).collect::<Vec<_>>(),
        "net": money(bill.net),
        "taxes": bill.taxes.iter().map(line).collect::<Vec<_>>(),
        "gross": money(bill.gross),
        "unrated": bill.unrated.iter().map(unrated).collect::<Vec<_>>(),
    })
}

/// How an amount comes about, for programs. Prices are texts: exact decimals.
fn detail(detail: &Detail, tariff: &Tariff, zone: &Zone) -> Json {
    let days = |days: &Option<Proportion>| days.map(|(some, all)| json!({"days": some, "of": all}));
    match detail {
        Detail::Flat { price, days: part } => json!({"flat": price.to_string(), "part": days(part)}),
        Detail::Volume { octets, billed, unit, units, price, allowance, tier } => json!({
            "octets": number(*octets), "billed_octets": number(*billed), "unit_octets": unit,
            "units": units.map(number), "price": price.to_string(), "allowance_octets": allowance.map(number), "tier": tier,
        }),
        Detail::Committed { rate, unit, price } => {
            json!({"committed_bps": rate, "unit_bps": unit, "price": price.to_string()})
        }
        Detail::Percentile { percentile, committed, unit, price } => {
            let set_by = percentile.set_by.iter().map(|one| {
                json!({"start": zone.rfc3339(one.start_ms), "octets": number(one.octets), "rank": one.rank})
            });
            json!({
                "slot_octets": {"numerator": number(percentile.octets.0.unsigned_abs()), "denominator": number(percentile.octets.1.unsigned_abs())},
                "direction": percentile.direction.map(|d| match d { Direction::In => "in", Direction::Out => "out" }),
                "set_by": set_by.collect::<Vec<_>>(), "slots": percentile.slots, "above": percentile.above,
                "missing": percentile.missing, "committed_bps": committed, "unit_bps": unit, "price": price.to_string(),
            })
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

/// An integer of 128 bits as JSON: a number where it fits 64 bits, which all but damaged figures do.
fn number(n: u128) -> Json {
    u64::try_from(n).map_or_else(|_| json!(n.to_string()), |n| json!(n))
}
