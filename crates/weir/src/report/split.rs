//! Who pays what of providers' bills, and by what: as text, JSON and CSV.

use super::bill::{self, number};
use super::number::{grouped, octets, share};
use super::table::{Align, Columns};
use super::{Form, completeness, csv_line};
use crate::config::{Uplink, percent};
use crate::statement::uplink::{Nobody, Shared, Total, Used, Why};
use serde_json::{Map, Value as Json, json};
use weir_account::money::{Money, Rounding};
use weir_account::percentile;
use weir_account::split::{Key, Rest};
use weir_account::statement::Unit;
use weir_account::tariff::Direction;
use weir_account::{Completeness, Period};
use weir_flow::Addr;

/// Bills of a period that were shared out, or were to be.
pub(crate) struct Report<'a> {
    pub(crate) period: &'a Period,
    pub(crate) unit: Unit,
    pub(crate) used: &'a [Used<'a>],
    /// Of those that were shared out, by currency.
    pub(crate) totals: &'a [Total],
    pub(crate) completeness: &'a Completeness,
    pub(crate) exporter: &'a dyn Fn(Addr) -> String,
}

impl Report<'_> {
    /// The parts in a form.
    pub(crate) fn render(&self, form: Form) -> String {
        match form {
            Form::Json => format!("{:#}\n", self.document()),
            Form::Ndjson => self.used.iter().map(|used| format!("{}\n", self.uplink(used))).collect(),
            Form::Csv => self.csv(),
            Form::Table | Form::Parquet | Form::Arrow => self.text(),
        }
    }

    /// What is to be known beside the parts, a sentence each.
    pub(crate) fn caveats(&self) -> Vec<String> {
        let given_up = self.completeness.given_up_before;
        let given_up = given_up.map(|before| completeness::given_up(before, self.period.zone()));
        let many = self.used.len() > 1;
        let named = |used: &Used<'_>, note: String| {
            if many { format!("{}: {note}", used.uplink.name) } else { note }
        };
        let notes =
            self.used.iter().flat_map(|used| self.notes(used).into_iter().map(move |note| named(used, note)));
        given_up.into_iter().chain(notes).collect()
    }

    /// What is to be known of an uplink's parts.
    fn notes(&self, used: &Used<'_>) -> Vec<String> {
        let mut notes = Vec::new();
        let size = |n: u64| octets(n, self.unit);
        if let Nobody::Unknown { at_most, why } = used.nobody {
            notes.push(not_known(used, why, &size(at_most)));
        }
        if used.missing > 0 {
            notes.push(format!(
                "{} of {} slots of five minutes have no data",
                grouped(used.missing as u64),
                grouped(used.slots as u64)
            ));
        }
        if let Some(local) = used.local.filter(|octets| *octets > 0) {
            notes.push(format!("{} between tenants are not the uplink's, and count for nobody", size(local)));
        }
        if let Some(tariff) = used.tariff.filter(|tariff| tariff.overhead > 0) {
            let around = octets(tariff.overhead, self.unit);
            notes.push(format!(
                "all figures have {around} a packet besides the octets of IP, as the tariff has"
            ));
        }
        if let Ok(shared) = &used.shared
            && shared.weights(used.uplink) == 0
        {
            notes.push("nothing weighs anything: all of the bill is left".to_owned());
        }
        notes
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
            "uplinks": self.used.iter().map(|used| self.uplink(used)).collect::<Vec<_>>(),
            "totals": self.totals.iter().map(total).collect::<Vec<_>>(),
            "completeness": completeness::document(self.completeness, zone),
        })
    }

    fn uplink(&self, used: &Used<'_>) -> Json {
        let uplink = used.uplink;
        let mut object = Map::from_iter([("uplink".to_owned(), json!(uplink.name))]);
        let mut put = |key: &str, value: Json| drop(object.insert(key.to_owned(), value));
        if !uplink.classes.is_empty() {
            put("classes", json!(uplink.classes));
        }
        if !uplink.exporters.is_empty() {
            put("exporters", uplink.exporters.iter().map(|one| (self.exporter)(*one)).collect());
        }
        put("by", json!(uplink.by()));
        match &uplink.key {
            Key::Volume(direction) => put("direction", json!(direction.word())),
            Key::Percentile(rule) | Key::Peak(rule) => {
                put("percentile", json!(percent(rule)));
                put("reading", json!(rule.reading.word()));
                put("method", json!(rule.method.word()));
                put("missing", json!(rule.missing.word()));
            }
        }
        match &used.shared {
            Ok(shared) => self.parts(used, shared, &mut put),
            Err(why) => put("not_shared_out", json!(why)),
        }
        let (known, at_most) = match used.nobody {
            Nobody::Measured(octets) => (Some(octets), octets),
            Nobody::Unknown { at_most, .. } => (None, at_most),
        };
        put(
            "traffic",
            json!({
                "tenants_in": used.tenants.came, "tenants_out": used.tenants.went, "nobodys": known,
                "nobodys_at_most": at_most, "between_tenants": used.local,
            }),
        );
        put("slots", json!(used.slots));
        put("slots_without_data", json!(used.missing));
        put("notes", json!(self.notes(used)));
        Json::Object(object)
    }

    /// The parts of a bill, and what they rest on.
    fn parts(&self, used: &Used<'_>, shared: &Shared, put: &mut impl FnMut(&str, Json)) {
        let money = |amount: Money| json!(shared.currency.text(amount));
        put("currency", json!(shared.currency.code()));
        put("bill", money(shared.amount));
        if let (Some(tariff), Some(bill)) = (used.tariff, &shared.bill) {
            put("charges", bill::charges(tariff, bill, self.period.zone()));
        }
        if let Some(found) = &shared.percentile {
            put("set_by", bill::percentile(found, self.period.zone()));
        }
        let split = &shared.split;
        let parts = split.parts.iter().zip(&shared.volumes).map(|(part, volume)| {
            json!({
                "tenant": part.name, "in": volume.came, "out": volume.went, "weight": number(part.weight),
                "amount": money(part.amount),
            })
        });
        put("parts", parts.collect());
        put(
            "remainder",
            json!({
                "is": used.uplink.remainder(), "weight": known_remainder(used, shared).map(number),
                "amount": money(split.remainder),
            }),
        );
        put("weights", number(shared.weights(used.uplink)));
        put("uplink_weight", json!(is_measured(used).then(|| number(split.uplink_weight))));
        put("weights_per_octet", number(split.weights_per_octet));
    }

    fn csv(&self) -> String {
        let heads =
            ["uplink", "tenant", "in", "out", "weight", "weights", "weights_per_octet", "amount", "currency"];
        let mut out = csv_line(heads);
        for (used, shared) in self.shared() {
            let (name, code) = (used.uplink.name.as_str(), shared.currency.code());
            let split = &shared.split;
            let weights = [shared.weights(used.uplink), split.weights_per_octet].map(|n| n.to_string());
            let mut line = |tenant: &str, octets: [String; 2], weight: Option<u128>, amount: Money| {
                let weight = weight.map_or_else(String::new, |weight| weight.to_string());
                let (amount, [came, went]) = (shared.currency.text(amount), octets);
                let cells = [name, tenant, &came, &went, &weight, &weights[0], &weights[1], &amount, code];
                out.push_str(&csv_line(cells));
            };
            for (part, volume) in split.parts.iter().zip(&shared.volumes) {
                let octets = [volume.came, volume.went].map(|n| n.to_string());
                line(&part.name, octets, Some(part.weight), part.amount);
            }
            line("", Default::default(), known_remainder(used, shared), split.remainder);
        }
        out
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for used in self.used {
            out.push_str(&self.head(used));
            match &used.shared {
                Ok(shared) => out.push_str(&self.table(used, shared)),
                Err(why) => out.push_str(&format!("cannot be shared out: {why}\n")),
            }
            self.notes(used).iter().for_each(|note| out.push_str(&format!("{note}\n")));
            out.push('\n');
        }
        if self.used.len() > 1 {
            for total in self.totals {
                out.push_str(&text(total));
                out.push('\n');
            }
        }
        let zone = self.period.zone();
        out.push_str(&completeness::lines(self.completeness, zone, self.unit, self.exporter));
        out
    }

    fn head(&self, used: &Used<'_>) -> String {
        let Uplink { name, classes, exporters, .. } = used.uplink;
        let mut of = Vec::new();
        if !classes.is_empty() {
            of.push(format!("of {}", classes.join(", ")));
        }
        if !exporters.is_empty() {
            let names: Vec<String> = exporters.iter().map(|one| (self.exporter)(*one)).collect();
            of.push(format!("at {}", names.join(", ")));
        }
        let of = if of.is_empty() { String::new() } else { format!(", {}", of.join(" ")) };
        format!("{name}{of}, {}, {}\n", self.period.name(), self.by(used))
    }

    /// By what the bill is shared out, for people.
    fn by(&self, used: &Used<'_>) -> String {
        match &used.uplink.key {
            Key::Volume(direction) => format!("by volume ({})", ways(*direction)),
            Key::Percentile(rule) => format!("by each one's {} ({})", ranked(rule), rule.reading.word()),
            Key::Peak(rule) => {
                let set_by = used.shared.as_ref().ok().and_then(|shared| shared.percentile.as_ref());
                let slots = set_by.map_or_else(String::new, |found| {
                    let starts = found.set_by.iter().map(|one| self.period.zone().rfc3339(one.start_ms));
                    format!(", {}", starts.collect::<Vec<_>>().join(" and "))
                });
                format!("by who was there in the uplink's {} ({}{slots})", ranked(rule), rule.reading.word())
            }
        }
    }

    fn table(&self, used: &Used<'_>, shared: &Shared) -> String {
        let heads = [("", Align::Left), (self.head_of_weight(used), Align::Right), ("share", Align::Right)];
        let mut table = Columns::new(heads.into_iter().chain([(shared.currency.code(), Align::Right)]));
        let (split, weights) = (&shared.split, shared.weights(used.uplink));
        for part in &split.parts {
            let [weight, share] = [self.weight(used, shared, part.weight), share(part.weight, weights)];
            table.row([part.name.clone(), weight, share, shared.currency.text(part.amount)]);
        }
        table.rule();
        let (weight, of) = match known_remainder(used, shared) {
            Some(weight) if used.uplink.rest == Rest::Own => {
                (self.weight(used, shared, weight), share(weight, weights))
            }
            Some(weight) => (self.weight(used, shared, weight), "shared".to_owned()),
            None => ("not known".to_owned(), String::new()),
        };
        table.row(["remainder".to_owned(), weight, of, shared.currency.text(split.remainder)]);
        table.rule();
        let whole = match is_measured(used) {
            true => self.weight(used, shared, split.uplink_weight),
            false => "not known".to_owned(),
        };
        table.row(["the uplink".to_owned(), whole, String::new(), shared.currency.text(shared.amount)]);
        let mut out = table.render();
        if let (Some(tariff), Some(bill)) = (used.tariff, &shared.bill) {
            out.push_str(&format!("its bill, by the tariff \"{}\"\n", tariff.name));
            let charged = bill::Charged { tenant: &used.uplink.name, tariff, bill: bill.clone() };
            out.push_str(&bill::text(&charged, self.unit, self.period.zone()));
        }
        out
    }

    fn head_of_weight(&self, used: &Used<'_>) -> &'static str {
        match used.uplink.key {
            Key::Volume(_) => "octets",
            Key::Percentile(_) => "bit/s",
            Key::Peak(_) => "octets then",
        }
    }

    /// What a part rests on, for people: octets, of percentiles the rate.
    fn weight(&self, used: &Used<'_>, shared: &Shared, weight: u128) -> String {
        match used.uplink.key {
            Key::Volume(_) | Key::Peak(_) => octets(weight, self.unit),
            Key::Percentile(_) => {
                let below = percentile::SLOT_S
                    .checked_mul(i128::try_from(shared.split.weights_per_octet).unwrap_or(1));
                let above = i128::try_from(weight).ok().and_then(|weight| weight.checked_mul(8));
                let rate =
                    above.zip(below).and_then(|(above, below)| Rounding::HalfUp.quotient(above, below));
                rate.map_or_else(|| "?".to_owned(), |rate| grouped(rate.unsigned_abs()))
            }
        }
    }

    /// Those that could be shared out.
    fn shared(&self) -> impl Iterator<Item = (&Used<'_>, &Shared)> {
        self.used.iter().filter_map(|used| Some((used, used.shared.as_ref().ok()?)))
    }
}

/// Whether all that went over the uplink is known.
fn is_measured(used: &Used<'_>) -> bool {
    matches!(used.nobody, Nobody::Measured(_))
}

/// What the remainder weighs, if that is known.
fn known_remainder(used: &Used<'_>, shared: &Shared) -> Option<u128> {
    is_measured(used).then_some(shared.split.remainder_weight)
}

/// That it is not known what there was of nobody's, and what that means for the parts.
fn not_known(used: &Used<'_>, why: Why, at_most: &str) -> String {
    let hidden = match why {
        Why::Class => "of which class it is",
        Why::Direction => "in which direction it went",
    };
    let slots = match used.uplink.key {
        Key::Peak(_) => ", by the slots that they set together",
        Key::Volume(_) | Key::Percentile(_) => "",
    };
    let tariff = match (why, used.tariff) {
        (Why::Class, Some(_)) => "; the tariff is applied to their traffic alone",
        _ => "",
    };
    format!(
        "how much of the uplink's traffic belongs to nobody is not known (accounts do not hold {hidden}; at most {at_most}): \
         those who are known pay all{slots}{tariff}"
    )
}

fn total(total: &Total) -> Json {
    let money = |amount: Money| json!(total.currency.text(amount));
    let tenants =
        total.tenants.iter().map(|(name, amount)| json!({"tenant": name, "amount": money(*amount)}));
    json!({
        "currency": total.currency.code(), "tenants": tenants.collect::<Vec<_>>(), "remainder": money(total.remainder),
        "bills": money(total.bills),
    })
}

fn text(total: &Total) -> String {
    let mut table = Columns::new([("of all uplinks", Align::Left), (total.currency.code(), Align::Right)]);
    for (name, amount) in &total.tenants {
        table.row([name.as_str(), &total.currency.text(*amount)]);
    }
    table.rule();
    table.row(["remainder", &total.currency.text(total.remainder)]);
    table.rule();
    table.row(["the bills", &total.currency.text(total.bills)]);
    table.render()
}

fn ways(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Sum => "in and out together",
        Direction::Greater => "in the direction in which the uplink had more",
    }
}

/// `percentile 95`, or the highest slot.
fn ranked(rule: &percentile::Rule) -> String {
    match rule.hundredths {
        10_000 => "highest slot".to_owned(),
        n if n % 100 == 0 => format!("percentile {}", n / 100),
        _ => format!("percentile {}", percent(rule)),
    }
}
