//! The sections of a statement that have figures in them.

use super::charge;
use super::{Bar, Chart, Head, MONTH_DAYS, Part, Section, Table, shared};
use crate::report::usage::total;
use crate::statement::language::fill;
use crate::statement::{Document, Language, QuotaUse, Style};
use weir_account::class::OTHER;
use weir_account::money::Money;
use weir_account::statement::{HostLine, ShareLine, Unit};
use weir_account::sums::Sums;
use weir_account::usage::Used;

/// Steps that lines across a chart stand for: 1, 2 or 5 times a power of ten.
const STEPS: [u128; 3] = [1, 2, 5];
/// So many of them at most.
const LINES_MAX: u128 = 5;

/// The totals, exactly.
pub(super) fn traffic(document: &Document) -> Section {
    let (language, unit) = (document.style.language, document.style.unit);
    let (w, used) = (language.words(), &document.statement.used);
    let row = |name: &str, sums: Sums| {
        vec![
            name.to_owned(),
            language.size(sums.octets, unit),
            language.number(sums.octets),
            language.number(sums.packets),
            language.number(sums.flows),
        ]
    };
    let heads = [w.amount, w.octets, w.packets, w.flows].map(Head::right);
    let table = Table {
        caption: w.traffic.to_owned(),
        heads: [Head::left("")].into_iter().chain(heads).collect(),
        rows: vec![
            row(w.from_outside, used.r#in),
            row(w.to_outside, used.out),
            row(w.local_in, used.local_in),
            row(w.local_out, used.local_out),
        ],
        foot: Vec::new(),
    };
    Section { heading: w.traffic.to_owned(), parts: vec![Part::Table(table)] }
}

/// Traffic with the outside by class, if there are classes.
pub(super) fn classes<'a>(
    classes: impl Iterator<Item = (&'a str, &'a Used)>,
    style: &Style,
) -> Option<Section> {
    let (language, w) = (style.language, style.language.words());
    let lines: Vec<(&str, &Used)> = classes.collect();
    let of = |used: &Used| u128::from(used.r#in.octets) + u128::from(used.out.octets);
    let whole: u128 = lines.iter().map(|(_, used)| of(used)).sum();
    let row = |(name, used): &(&str, &Used)| {
        vec![
            (*name).to_owned(),
            language.size(used.r#in.octets, style.unit),
            language.size(used.out.octets, style.unit),
            language.number(used.r#in.octets),
            language.number(used.out.octets),
            language.share(of(used), whole),
        ]
    };
    let octets = [w.r#in, w.out].map(|way| Head::right(&format!("{}, {way}", w.octets)));
    let [octets_in, octets_out] = octets;
    let table = Table {
        caption: w.classes.to_owned(),
        heads: vec![
            Head::left(w.class),
            Head::right(w.r#in),
            Head::right(w.out),
            octets_in,
            octets_out,
            Head::right(w.share),
        ],
        rows: lines.iter().map(row).collect(),
        foot: Vec::new(),
    };
    let parts = vec![Part::Table(table), Part::Text(fill(w.classes_note, &[("other", OTHER)]))];
    (!lines.is_empty()).then(|| Section { heading: w.classes.to_owned(), parts })
}

/// What it costs, if there is a tariff.
pub(super) fn charges(document: &Document) -> Option<Section> {
    let charges = document.charges.as_ref()?;
    let (language, tariff) = (document.style.language, &charges.tariff);
    let w = language.words();
    let words = charge::Words::new(&document.style, tariff, document.statement.period.zone());
    let line = |line: &weir_account::tariff::Line| {
        vec![line.rule.clone(), words.how(line), words.amount(line.amount)]
    };
    let mut foot = Vec::new();
    let sum = |name: &str, amount: Money| vec![name.to_owned(), String::new(), words.amount(amount)];
    if !charges.bill.taxes.is_empty() {
        foot.push(sum(w.net, charges.bill.net));
        foot.extend(charges.bill.taxes.iter().map(line));
    }
    let adjusted: Vec<Money> = document.adjustments.iter().filter_map(|one| one.amount).collect();
    let adjustment = Money::sum(adjusted.iter().copied());
    if let (Some(adjustment), false) = (adjustment, adjusted.is_empty()) {
        foot.push(sum(w.adjusted, adjustment));
    }
    let due = document.to_pay().map_or_else(|| "?".to_owned(), |due| words.money(due));
    foot.push(vec![w.to_pay.to_owned(), String::new(), due]);
    let table = Table {
        caption: w.charges.to_owned(),
        heads: vec![Head::left(w.rule), Head::long(w.how), Head::right(tariff.currency.code())],
        rows: charges.bill.lines.iter().map(line).collect(),
        foot,
    };
    let by = fill(w.charges_by, &[("tariff", &tariff.name), ("currency", words.currency())]);
    let mut parts = vec![Part::Text(by)];
    parts.extend(words.overhead().map(Part::Text));
    parts.push(Part::Table(table));
    parts.extend(charges.bill.unrated.iter().map(|one| Part::Text(words.unrated(one))));
    Some(Section { heading: w.charges.to_owned(), parts })
}

/// What was found of earlier periods, if anything was.
pub(super) fn adjustments(document: &Document) -> Option<Section> {
    if document.adjustments.is_empty() {
        return None;
    }
    let language = document.style.language;
    let w = language.words();
    let currency = document.charges.as_ref().map(|charges| &charges.tariff.currency);
    let amount = |amount: Option<Money>| match (amount, currency) {
        (Some(amount), Some(currency)) => language.amount(amount, currency),
        (Some(amount), None) => language.signed(amount.minor),
        (None, _) => "–".to_owned(),
    };
    let reason = |elsewhere: Option<&String>| {
        let more = elsewhere.map(|amount| fill(w.late_elsewhere, &[("amount", amount)]));
        w.late.to_owned() + &more.unwrap_or_default()
    };
    let rows = document.adjustments.iter().map(|one| {
        vec![
            one.statement.map_or_else(|| "–".to_owned(), |number| number.to_string()),
            one.period.clone(),
            reason(one.elsewhere.as_ref()),
            language.signed(one.in_octets),
            language.signed(one.out_octets),
            amount(one.amount),
        ]
    });
    let code = currency.map_or("", |currency| currency.code());
    let table = Table {
        caption: w.adjustments.to_owned(),
        heads: vec![
            Head::left(w.statement_number),
            Head::left(w.period),
            Head::long(w.reason),
            Head::right(w.octets_in),
            Head::right(w.out),
            Head::right(code),
        ],
        rows: rows.collect(),
        foot: Vec::new(),
    };
    Some(Section { heading: w.adjustments.to_owned(), parts: vec![Part::Table(table)] })
}

/// What was used of quotas, if there are any.
pub(super) fn quotas(quotas: &[QuotaUse], style: &Style) -> Option<Section> {
    if quotas.is_empty() {
        return None;
    }
    let (language, unit) = (style.language, style.unit);
    let w = language.words();
    let rows = quotas.iter().map(|quota| {
        vec![
            quota.name.clone(),
            language.size(quota.used_octets, unit),
            language.size(quota.limit_octets, unit),
            language.share(quota.used_octets.into(), quota.limit_octets.into()),
        ]
    });
    let table = Table {
        caption: w.quotas.to_owned(),
        heads: vec![Head::left(w.quota), Head::right(w.used), Head::right(w.of), Head::right(w.share)],
        rows: rows.collect(),
        foot: Vec::new(),
    };
    Some(Section { heading: w.quotas.to_owned(), parts: vec![Part::Table(table)] })
}

/// The days, as a chart and as a table.
pub(super) fn days(document: &Document) -> Section {
    let (language, unit) = (document.style.language, document.style.unit);
    let w = language.words();
    let size = |octets: u64| language.size(octets, unit);
    let days = &document.statement.days;
    let rows = days.iter().map(|line| {
        let used = &line.used;
        let local = local(used);
        vec![
            language.date(&line.day.date),
            size(used.r#in.octets),
            size(used.out.octets),
            language.size(local, unit),
        ]
    });
    let table = Table {
        caption: w.days.to_owned(),
        heads: vec![Head::left(w.day), Head::right(w.r#in), Head::right(w.out), Head::right(w.local)],
        rows: rows.collect(),
        foot: Vec::new(),
    };
    let bars = days.iter().map(|line| {
        let [came, went] = [line.used.r#in.octets, line.used.out.octets];
        let date = language.date(&line.day.date);
        Bar {
            label: label(&line.day.date, days.len() > MONTH_DAYS),
            hint: format!("{date}: {} {}, {} {}", w.r#in, size(came), w.out, size(went)),
            values: [came.into(), went.into()],
        }
    });
    let bars: Vec<Bar> = bars.collect();
    let largest = days.iter().max_by_key(|line| line.used.r#in.octets.saturating_add(line.used.out.octets));
    let alt = match largest {
        Some(line) if line.used.r#in.octets > 0 || line.used.out.octets > 0 => {
            let date = language.date(&line.day.date);
            let (came, went) = (size(line.used.r#in.octets), size(line.used.out.octets));
            fill(w.days_alt, &[("day", &date), ("in", &came), ("out", &went)])
        }
        _ => w.days_none.to_owned(),
    };
    let top = bars.iter().map(|bar| bar.values.iter().sum::<u128>()).max().unwrap_or_default();
    let chart =
        Chart { alt, legend: [w.r#in.to_owned(), w.out.to_owned()], bars, lines: lines(top, language, unit) };
    Section { heading: w.days.to_owned(), parts: vec![Part::Chart(chart, table)] }
}

/// What stands under a day's bar: the day of the month, or month and day.
fn label(date: &str, is_long: bool) -> String {
    let (month, day) = date.split_once('-').and_then(|(_, rest)| rest.split_once('-')).unwrap_or(("", date));
    if is_long { format!("{month}-{day}") } else { day.trim_start_matches('0').to_owned() }
}

/// Round values from above nothing to above the largest, of the unit that the largest is told in.
fn lines(top: u128, language: Language, unit: Unit) -> Vec<(u128, String)> {
    let factor = u128::from(unit.factor());
    let mut whole = 1u128;
    while top / whole >= factor {
        whole *= factor;
    }
    let mut power = 1;
    let step = loop {
        let fits = STEPS.iter().map(|step| step * power).find(|step| top.div_ceil(whole * step) <= LINES_MAX);
        match fits {
            Some(step) => break whole * step,
            None => power *= 10,
        }
    };
    let count = top.div_ceil(step).max(1);
    (1..=count).map(|n| (n * step, short(n * step, language, unit))).collect()
}

/// A round number of octets without places: `20 GB`.
fn short(octets: u128, language: Language, unit: Unit) -> String {
    let text = language.size(octets, unit);
    let (number, name) = text.rsplit_once(' ').unwrap_or((&text, ""));
    let number = number.strip_suffix("000").and_then(|rest| rest.strip_suffix(['.', ','])).unwrap_or(number);
    format!("{number} {name}")
}

/// The hosts, those that used most by themselves and the others in one line.
pub(super) fn hosts(document: &Document) -> Option<Section> {
    let statement = &document.statement;
    if statement.hosts.is_empty() && statement.shares.is_empty() {
        return None;
    }
    let (language, style) = (document.style.language, &document.style);
    let w = language.words();
    let whole = total(&statement.used);
    let row = |label: String, used: &Used| {
        vec![
            label,
            language.number(used.r#in.flows),
            language.number(used.r#in.octets),
            language.number(used.r#in.packets),
            language.size(used.out.octets, style.unit),
            language.size(local(used), style.unit),
            language.share(total(used), whole),
        ]
    };
    let label = |line: &HostLine| match line.address {
        None => w.no_address.to_owned(),
        Some(address) => match document.names.get(&address) {
            Some(name) => format!("{address} {name}"),
            None => address.to_string(),
        },
    };
    let (shown, others) = statement.hosts.split_at(style.hosts.min(statement.hosts.len()));
    let mut rows: Vec<Vec<String>> = Vec::with_capacity(shown.len().saturating_add(statement.shares.len()));
    let mut shares: Vec<&ShareLine> = statement.shares.iter().collect();
    // The greatest last: from there they are taken.
    shares.sort_by_key(|line| total(&line.share.used));
    let share = |line: &ShareLine| row(shared::host(document, line), &line.share.used);
    for line in shown {
        while let Some(next) = shares.pop_if(|one| shared::is_before(one, &line.used)) {
            rows.push(share(next));
        }
        rows.push(row(label(line), &line.used));
    }
    rows.extend(shares.into_iter().rev().map(share));
    if !others.is_empty() {
        let sum = others.iter().try_fold(Used::default(), |sum, line| sum.plus(line.used));
        let count = language.number(others.len() as u64);
        // The whole is a sum of these and fits.
        rows.push(row(fill(w.others, &[("hosts", &count)]), &sum.unwrap_or_default()));
    }
    let numbers = [w.flows_in, w.octets_in, w.packets_in, w.out, w.local, w.share].map(Head::right);
    let table = Table {
        caption: w.hosts.to_owned(),
        heads: [Head::left(w.host)].into_iter().chain(numbers).collect(),
        rows,
        foot: vec![row(w.total.to_owned(), &statement.used)],
    };
    let parts = vec![Part::Text(w.hosts_note.to_owned()), Part::Table(table)];
    Some(Section { heading: w.hosts.to_owned(), parts })
}

/// Local octets, both directions.
pub(super) fn local(used: &Used) -> u128 {
    u128::from(used.local_in.octets) + u128::from(used.local_out.octets)
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::statement::Language;
    use weir_account::statement::Unit;

    #[test]
    fn lines_across_are_round() {
        let texts = |top, language, unit| -> Vec<String> {
            lines(top, language, unit).into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(texts(0, Language::English, Unit::Decimal), ["1 B"]);
        assert_eq!(texts(2_734_000_000, Language::English, Unit::Decimal), ["1 GB", "2 GB", "3 GB"]);
        assert_eq!(
            texts(9_100_000_000, Language::German, Unit::Decimal),
            ["2 GB", "4 GB", "6 GB", "8 GB", "10 GB"]
        );
        assert_eq!(texts(600 << 20, Language::English, Unit::Binary), ["200 MiB", "400 MiB", "600 MiB"]);
        assert_eq!(texts(999_999, Language::Russian, Unit::Decimal).last().unwrap(), "1 МБ");
    }
}
