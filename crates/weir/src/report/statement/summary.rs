//! The manager's page: all tenants in one table, with what they pay; their sum is the trial balance.

use super::part::{classes, local};
use super::{Head, Paper, Part, Section, Table, common_facts, complete, lead};
use crate::report::usage::{class, total, used};
use crate::report::{balance, bill, completeness, csv_line};
use crate::statement::language::fill;
use crate::statement::{Charges, Line, Summary};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use weir_account::money::{Currency, Money};
use weir_account::sums::Sums;
use weir_account::usage::Used;
use weir_flow::Addr;

/// The paper of the page.
pub(crate) fn of(summary: &Summary) -> Paper {
    let style = &summary.style;
    let w = style.language.words();
    let whole = whole(summary);
    let mut notices: Vec<String> = Vec::new();
    if !summary.balance.is_closed() {
        notices.push(w.unbalanced.to_owned());
    }
    notices.extend(complete::incomplete(&summary.completeness, style));
    let zone = summary.period.zone();
    Paper {
        language: style.language,
        title: style
            .title
            .as_ref()
            .map_or_else(|| w.summary.to_owned(), |title| format!("{title}: {}", w.summary)),
        subject: subject(summary),
        issuer: style.issuer.clone(),
        lead: lead(&whole, style),
        facts: common_facts(&summary.period, style),
        notices,
        sections: [Section { heading: w.traffic.to_owned(), parts: tenants(summary, &whole) }]
            .into_iter()
            .chain(classes(summary.classes.iter().map(|(class, used)| (class.as_str(), used)), style))
            .chain([trial(summary), complete::section(&summary.completeness, zone, style)])
            .collect(),
        footer: style.footer.clone(),
    }
}

/// The subject of a mail with it.
pub(crate) fn subject(summary: &Summary) -> String {
    fill(summary.style.language.words().subject_summary, &[("period", &summary.period.name())])
}

/// All tenants together. That it fits was seen when the balance was made.
fn whole(summary: &Summary) -> Used {
    let sum = summary.lines.iter().try_fold(Used::default(), |sum, line| sum.plus(line.used));
    sum.unwrap_or_default()
}

/// The table of tenants, and why some cannot be charged.
fn tenants(summary: &Summary, whole: &Used) -> Vec<Part> {
    let style = &summary.style;
    let (language, w) = (style.language, style.language.words());
    let is_charged = summary.lines.iter().any(|line| line.charges.is_some());
    let all = total(whole);
    let row = |name: &str, used: &Used, amount: String| {
        let size = |octets: u64| language.size(octets, style.unit);
        let mut cells = vec![
            name.to_owned(),
            size(used.r#in.octets),
            size(used.out.octets),
            language.size(local(used), style.unit),
            language.share(total(used), all),
        ];
        if is_charged {
            cells.push(amount);
        }
        cells
    };
    let money = |amount: Money, currency: &Currency| {
        language.money(amount, currency, style.currencies.get(currency.code()).map(String::as_str))
    };
    let mut wrong = Vec::new();
    let mut amount = |line: &Line| match &line.charges {
        Some(Ok(Charges { tariff, bill })) => money(bill.gross, &tariff.currency),
        Some(Err(why)) => {
            wrong.push(fill(w.not_charged, &[("why", why)]));
            "!".to_owned()
        }
        None => "–".to_owned(),
    };
    let rows: Vec<Vec<String>> =
        summary.lines.iter().map(|line| row(&line.tenant, &line.used, amount(line))).collect();
    let mut foot = vec![row(w.total, whole, String::new())];
    for (at, sum) in by_currency(summary).values().enumerate() {
        let text = sum.as_ref().map_or_else(|| "?".to_owned(), |(sum, currency)| money(*sum, currency));
        if at == 0 {
            if let Some(cell) = foot.first_mut().and_then(|row| row.last_mut()) {
                *cell = text;
            }
        } else {
            let empty = std::iter::repeat_n(String::new(), 5);
            foot.push(empty.chain([text]).collect());
        }
    }
    let mut heads = vec![Head::left(w.tenant)];
    heads.extend([w.r#in, w.out, w.local, w.share].map(Head::right));
    if is_charged {
        heads.push(Head::right(w.charged));
    }
    let mut parts = vec![Part::Table(Table { caption: w.summary.to_owned(), heads, rows, foot })];
    if !wrong.is_empty() {
        parts.push(Part::List(wrong));
    }
    parts
}

/// What all tenants pay, by currency: amounts of different ones are not added. `None` where a sum does not fit.
fn by_currency(summary: &Summary) -> BTreeMap<String, Option<(Money, Currency)>> {
    let mut sums: BTreeMap<String, Option<(Money, Currency)>> = BTreeMap::new();
    for charges in summary.lines.iter().filter_map(|line| line.charges.as_ref()?.as_ref().ok()) {
        let currency = &charges.tariff.currency;
        let sum =
            sums.entry(currency.code().to_owned()).or_insert_with(|| Some((Money::ZERO, currency.clone())));
        *sum = sum.take().and_then(|(sum, currency)| Some((sum.plus(charges.bill.gross)?, currency)));
    }
    sums
}

/// The trial balance, exactly: the tenants' rows are its first three lines.
fn trial(summary: &Summary) -> Section {
    let (style, lines) = (&summary.style, &summary.balance.total);
    let (language, w) = (style.language, style.language.words());
    let row = |name: &str, sums: Sums| {
        let numbers = [sums.octets, sums.packets, sums.flows].map(|n| language.number(n));
        [name.to_owned()].into_iter().chain(numbers).collect::<Vec<String>>()
    };
    let table = Table {
        caption: w.balance.to_owned(),
        heads: [Head::left("")].into_iter().chain([w.octets, w.packets, w.flows].map(Head::right)).collect(),
        rows: vec![
            row(w.from_outside, lines.tenant_in),
            row(w.to_outside, lines.tenant_out),
            row(w.local, lines.local),
            row(w.transit_row, lines.transit),
            row(w.unmatched_row, lines.unmatched),
            row(w.duplicate_row, lines.duplicate),
            row(w.discarded_row, lines.discarded),
        ],
        foot: vec![row(w.decoded, lines.decoded)],
    };
    let closes = if summary.balance.is_closed() { w.balance_closes } else { w.balance_open };
    Section { heading: w.balance.to_owned(), parts: vec![Part::Table(table), Part::Text(closes.to_owned())] }
}

/// For programs: the tenants as in `usage`, with what they pay.
pub(crate) fn json(summary: &Summary) -> Json {
    let exporter =
        |address: Addr| summary.exporters.get(&address).cloned().unwrap_or_else(|| address.to_string());
    let zone = summary.period.zone();
    let tenants = summary.lines.iter().map(|line| {
        let mut object = Map::from_iter([("tenant".to_owned(), json!(line.tenant))]);
        object.extend(used(&line.used));
        match &line.charges {
            Some(Ok(charges)) => {
                object.insert("charges".to_owned(), bill::charges(&charges.tariff, &charges.bill, zone));
            }
            Some(Err(why)) => {
                object.insert("not_charged".to_owned(), json!(why));
            }
            None => {}
        }
        Json::Object(object)
    });
    let tenants: Vec<Json> = tenants.collect();
    let sums = by_currency(summary);
    let gross = sums
        .iter()
        .map(|(code, sum)| (code.clone(), json!(sum.as_ref().map(|(sum, currency)| currency.text(*sum)))));
    let mut page = json!({
        "period": {
            "name": summary.period.name(),
            "from": summary.period.from(),
            "to": summary.period.to(),
            "zone": zone.name(),
        },
        "tenants": tenants,
        "gross": Json::Object(gross.collect()),
        "balance": balance::document(&summary.balance, &exporter),
        "completeness": completeness::document(&summary.completeness, zone),
    });
    if let (Some(object), false) = (page.as_object_mut(), summary.classes.is_empty()) {
        let classes = summary.classes.iter().map(|(name, used)| class(name, used));
        object.insert("classes".to_owned(), classes.collect());
    }
    page
}

/// For spreadsheets: a line a tenant.
pub(crate) fn csv(summary: &Summary) -> String {
    let ways = ["in", "out", "local_in", "local_out"];
    let heads = ways.iter().flat_map(|way| ["octets", "packets", "flows"].map(|sum| format!("{way}_{sum}")));
    let ends = ["net", "gross", "currency"].map(str::to_owned);
    let mut out = csv_line(["tenant".to_owned()].into_iter().chain(heads).chain(ends));
    for line in &summary.lines {
        let sums = [line.used.r#in, line.used.out, line.used.local_in, line.used.local_out];
        let numbers = sums.iter().flat_map(|s| [s.octets, s.packets, s.flows]).map(|n| n.to_string());
        let ends = match &line.charges {
            Some(Ok(Charges { tariff, bill })) => {
                let currency = &tariff.currency;
                [currency.text(bill.net), currency.text(bill.gross), currency.code().to_owned()]
            }
            _ => [const { String::new() }; 3],
        };
        out.push_str(&csv_line([super::csv::cell(&line.tenant)].into_iter().chain(numbers).chain(ends)));
    }
    out
}
