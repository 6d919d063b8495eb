//! A statement for spreadsheets: a line for the total, each class, each host, each share of a shared address and what that is a
//! share of, each day, and each amount.

use super::super::csv_line;
use crate::statement::Document;
use weir_account::money::Money;
use weir_account::usage::Used;

/// How many figures a line of traffic has.
const FIGURES: usize = 12;

/// The lines. Octets are exact; amounts are as in the tariff's currency, with a point.
pub(crate) fn render(document: &Document) -> String {
    let s = &document.statement;
    let measures = ["in", "out", "local_in", "local_out"];
    let heads = measures.iter().flat_map(|m| ["octets", "packets", "flows"].map(|c| format!("{m}_{c}")));
    let first = ["line", "key"].map(str::to_owned);
    let last = ["amount", "currency"].map(str::to_owned);
    let mut out = csv_line(first.into_iter().chain(heads).chain(last));
    let mut traffic = |kind: &str, key: &str, used: &Used| {
        let sums = [used.r#in, used.out, used.local_in, used.local_out];
        let numbers = sums.iter().flat_map(|s| [s.octets, s.packets, s.flows]).map(|n| n.to_string());
        let ends = [String::new(), String::new()];
        out.push_str(&csv_line([kind, key].map(cell).into_iter().chain(numbers).chain(ends)));
    };
    traffic("total", &s.tenant, &s.used);
    for line in &s.classes {
        traffic("class", &line.class, &line.used);
    }
    for host in &s.hosts {
        traffic("host", &host.address.map(|a| a.to_string()).unwrap_or_default(), &host.used);
    }
    for line in &s.shares {
        traffic("share", &line.shared, &line.share.used);
        traffic("share_of", &line.shared, &line.share.whole);
    }
    for day in &s.days {
        traffic("day", &day.day.date, &day.used);
    }
    let Some(charges) = &document.charges else { return out };
    let currency = &charges.tariff.currency;
    let mut amount = |kind: &str, key: &str, amount: Money| {
        let none = std::iter::repeat_n(String::new(), FIGURES);
        let ends = [currency.text(amount), currency.code().to_owned()];
        out.push_str(&csv_line([kind, key].map(cell).into_iter().chain(none).chain(ends)));
    };
    for line in &charges.bill.lines {
        amount("charge", &line.rule, line.amount);
    }
    amount("net", "", charges.bill.net);
    for line in &charges.bill.taxes {
        amount("tax", &line.rule, line.amount);
    }
    amount("gross", "", charges.bill.gross);
    for one in &document.adjustments {
        if let Some(adjusted) = one.amount {
            let statement = one.statement.map(|number| number.to_string()).unwrap_or_default();
            amount("adjustment", &statement, adjusted);
        }
    }
    if let Some(to_pay) = document.to_pay() {
        amount("to_pay", "", to_pay);
    }
    out
}

/// A text as a spreadsheet's cell: one that would be taken for a formula gets an apostrophe before it.
pub(super) fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}
