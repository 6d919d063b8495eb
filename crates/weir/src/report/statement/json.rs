//! A statement for programs: what is stated, in the contract's names, and nothing of how it looks.

use super::super::usage::{class, used};
use super::super::{balance, bill, completeness};
use crate::statement::{Document, QuotaUse};
use serde_json::{Map, Value as Json, json};
use weir_account::statement::HostLine;
use weir_flow::Addr;

/// What is stated: the same figures and rules give the same bytes.
pub(crate) fn document(document: &Document) -> Json {
    object(document, &|_| None)
}

/// The same with the names that hosts have now.
pub(crate) fn named(document: &Document) -> Json {
    object(document, &|host| document.names.get(&host).cloned())
}

fn object(document: &Document, name: &dyn Fn(Addr) -> Option<String>) -> Json {
    let s = &document.statement;
    let exporter =
        |address: Addr| document.exporters.get(&address).cloned().unwrap_or_else(|| address.to_string());
    let period = json!({
        "name": s.period.name(),
        "from": s.period.from(),
        "to": s.period.to(),
        "zone": s.period.zone().name(),
    });
    let mut object = Map::from_iter([("tenant".to_owned(), json!(s.tenant)), ("period".to_owned(), period)]);
    if let Some(as_of) = document.as_of {
        object.insert("as_of".to_owned(), json!(s.period.zone().rfc3339(as_of)));
    }
    object.extend(used(&s.used));
    if !s.classes.is_empty() {
        let lines = s.classes.iter().map(|line| class(&line.class, &line.used));
        object.insert("classes".to_owned(), lines.collect());
    }
    if !s.shares.is_empty() {
        object.insert("shares".to_owned(), super::shared::json(document));
    }
    if let Some(charges) = &document.charges {
        object.insert("charges".to_owned(), bill::charges(&charges.tariff, &charges.bill, s.period.zone()));
    }
    if !document.adjustments.is_empty() {
        object.insert("adjustments".to_owned(), adjustments(document));
    }
    if let (Some(charges), Some(to_pay)) = (&document.charges, document.to_pay()) {
        object.insert("to_pay".to_owned(), json!(charges.tariff.currency.text(to_pay)));
    }
    if !document.quotas.is_empty() {
        object.insert("quotas".to_owned(), quotas(&document.quotas));
    }
    object.insert("hosts".to_owned(), s.hosts.iter().map(|line| host(line, name)).collect());
    let days = s.days.iter().map(|line| {
        let mut day = Map::from_iter([("date".to_owned(), json!(line.day.date))]);
        day.extend(used(&line.used));
        Json::Object(day)
    });
    object.insert("days".to_owned(), days.collect());
    object.insert("balance".to_owned(), balance::document(&s.balance, &exporter));
    object.insert("completeness".to_owned(), completeness::document(&s.completeness, s.period.zone()));
    let counts = s.basis.counts.iter().map(|(exporter, rule)| json!({"exporter": exporter, "counted": rule}));
    let basis = json!({
        "networks": s.basis.networks,
        "counting": counts.collect::<Vec<_>>(),
        "unit": s.basis.unit.factor(),
        "octets": "IP octets, headers of layer 3 and up",
    });
    object.insert("basis".to_owned(), basis);
    Json::Object(object)
}

/// What was used of quotas.
pub(super) fn quotas(quotas: &[QuotaUse]) -> Json {
    let one = |quota: &QuotaUse| json!({"quota": quota.name, "used_octets": quota.used_octets, "limit_octets": quota.limit_octets});
    quotas.iter().map(one).collect()
}

fn host(line: &HostLine, name: &dyn Fn(Addr) -> Option<String>) -> Json {
    let mut object = Map::from_iter([("address".to_owned(), json!(line.address.map(|a| a.to_string())))]);
    if let Some(name) = line.address.and_then(name) {
        object.insert("name".to_owned(), json!(name));
    }
    object.extend(used(&line.used));
    Json::Object(object)
}

fn adjustments(document: &Document) -> Json {
    let currency = document.charges.as_ref().map(|charges| &charges.tariff.currency);
    let number = |n: i128| i64::try_from(n).map_or_else(|_| json!(n.to_string()), |n| json!(n));
    let one = |one: &crate::statement::Adjustment| {
        let amount = one.amount.map(|amount| match currency {
            Some(currency) => currency.text(amount),
            None => amount.minor.to_string(),
        });
        json!({
            "statement": one.statement,
            "period": one.period,
            "reason": "late",
            "to_pay_elsewhere": one.elsewhere,
            "in_octets": number(one.in_octets),
            "out_octets": number(one.out_octets),
            "amount": amount,
        })
    };
    document.adjustments.iter().map(one).collect()
}
