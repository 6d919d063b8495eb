//! Many tenants in one table, with what they pay: the manager's page, whose sum is the trial balance, and the paper of a
//! group.

use super::part::{classes, local, quotas};
use super::{Head, Paper, Part, Section, Table, common_facts, complete, lead};
use crate::report::usage::{class, total, used};
use crate::report::{balance, completeness, csv_line};
use crate::statement::language::fill;
use crate::statement::{Coins, Line, Part as Share, Purse, Row, Summary};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use weir_account::group::Subtotal;
use weir_account::money::Money;
use weir_account::sums::Sums;
use weir_account::usage::Used;
use weir_flow::Addr;

/// The paper of the page.
pub(crate) fn of(summary: &Summary) -> Paper {
    let style = &summary.style;
    let w = style.language.words();
    let whole = &summary.whole().usage;
    let mut notices: Vec<String> = Vec::new();
    if !summary.balance.is_closed() {
        notices.push(w.unbalanced.to_owned());
    }
    let zone = summary.period.zone();
    notices.extend(complete::running(summary.as_of, zone, style));
    notices.extend(complete::incomplete(&summary.completeness, zone, style));
    let mut sections = vec![Section { heading: w.traffic.to_owned(), parts: tenants(summary) }];
    let by_class = whole.classes.iter().map(|(class, used)| (&**class, used));
    sections.extend(classes(by_class, style).map(|section| match summary.of {
        Some(_) => classes_of_tenants(summary, section),
        None => section,
    }));
    let of_group = summary.of.iter().filter_map(|about| quotas(&about.quotas, style));
    sections.extend(of_group);
    // What others used is nothing for a group.
    sections.extend(summary.of.is_none().then(|| trial(summary)));
    sections.push(complete::section(&summary.completeness, zone, style));
    Paper {
        language: style.language,
        title: title(summary),
        subject: subject(summary),
        issuer: style.issuer.clone(),
        lead: lead(&whole.used, style),
        facts: facts(summary),
        notices,
        sections,
        footer: style.footer.clone(),
    }
}

fn title(summary: &Summary) -> String {
    let w = summary.style.language.words();
    match (&summary.style.title, &summary.of) {
        (Some(title), Some(_)) => title.clone(),
        (None, Some(_)) => w.statement.to_owned(),
        (Some(title), None) => format!("{title}: {}", w.summary),
        (None, None) => w.summary.to_owned(),
    }
}

/// The group, if it is of one, the period and the unit.
fn facts(summary: &Summary) -> Vec<(String, String)> {
    let w = summary.style.language.words();
    let group = summary.of.as_ref().map(|about| (w.group.to_owned(), about.title.clone()));
    group.into_iter().chain(common_facts(&summary.period, &summary.style)).collect()
}

/// The subject of a mail with it.
pub(crate) fn subject(summary: &Summary) -> String {
    let (w, name) = (summary.style.language.words(), summary.period.name());
    let period = match &summary.calendar {
        Some(calendar) => format!("{name} ({calendar})"),
        None => name,
    };
    match &summary.of {
        Some(about) => fill(w.subject, &[("tenant", &about.title), ("period", &period)]),
        None => fill(w.subject_summary, &[("period", &period)]),
    }
}

/// How far a row is inside others: with spaces at which no line is broken.
fn indented(level: usize, name: &str) -> String {
    format!("{}{name}", "\u{a0}\u{a0}".repeat(level))
}

/// What the mark means, if a tenant has it.
fn other_calendars(summary: &Summary) -> Option<String> {
    let calendars: BTreeSet<&str> =
        summary.lines.iter().filter_map(|line| line.calendar.as_deref()).collect();
    let list = calendars.into_iter().collect::<Vec<_>>().join("; ");
    let words = summary.style.language.words();
    (!list.is_empty()).then(|| fill(words.other_calendar, &[("calendars", &list)]))
}

/// A tenant's name, with a mark where its calendar is another one.
fn marked(line: &Line) -> String {
    let mark = if line.calendar.is_some() { " *" } else { "" };
    format!("{}{mark}", line.tenant)
}

/// How amounts stand in the table: what is to pay; where anything was adjusted, what is charged and the adjustments before it.
struct Amounts<'a> {
    summary: &'a Summary,
    /// None where nothing is charged.
    columns: usize,
}

impl<'a> Amounts<'a> {
    fn of(summary: &'a Summary) -> Self {
        let is_charged = summary.lines.iter().any(|line| line.cost.is_some());
        let columns = match (is_charged, summary.has_adjustments()) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 3,
        };
        Self { summary, columns }
    }

    fn heads(&self) -> impl Iterator<Item = Head> {
        let w = self.summary.style.language.words();
        self.those([w.gross, w.adjusted_short, w.charged]).into_iter().map(Head::right)
    }

    /// The last so many of three.
    fn those<T>(&self, [gross, adjusted, to_pay]: [T; 3]) -> Vec<T> {
        match self.columns {
            0 => Vec::new(),
            1 => vec![to_pay],
            _ => vec![gross, adjusted, to_pay],
        }
    }

    /// One currency's.
    fn coins(&self, coins: Option<&Coins>) -> Vec<String> {
        let style = &self.summary.style;
        let Some(coins) = coins else { return self.mark("?") };
        let word = style.currencies.get(coins.currency.code()).map(String::as_str);
        let text = |sum: Option<Money>| {
            sum.map_or_else(|| "?".to_owned(), |sum| style.language.money(sum, &coins.currency, word))
        };
        self.those([Some(coins.gross), Some(coins.adjusted), coins.to_pay()]).into_iter().map(text).collect()
    }

    /// Instead of amounts.
    fn mark(&self, mark: &str) -> Vec<String> {
        self.those(["", "", mark]).into_iter().map(str::to_owned).collect()
    }

    /// Those of all currencies in one row.
    fn purse(&self, purse: &Purse) -> Vec<String> {
        let all: Vec<Vec<String>> = purse.iter().map(|(_, coins)| self.coins(coins)).collect();
        let column =
            |at: usize| all.iter().filter_map(|one| one.get(at)).cloned().collect::<Vec<_>>().join(", ");
        (0..self.columns).map(column).collect()
    }
}

/// The table of tenants, with the sums of groups, and why some cannot be charged.
fn tenants(summary: &Summary) -> Vec<Part> {
    let style = &summary.style;
    let (language, w) = (style.language, style.language.words());
    let (whole, purse) = (&summary.whole().usage.used, &summary.whole().purse);
    let amounts = Amounts::of(summary);
    let all = total(whole);
    let row = |name: String, used: &Used, amounts: Vec<String>| {
        let size = |octets: u64| language.size(octets, style.unit);
        let traffic = [
            name,
            size(used.r#in.octets),
            size(used.out.octets),
            language.size(local(used), style.unit),
            language.share(total(used), all),
        ];
        traffic.into_iter().chain(amounts).collect::<Vec<String>>()
    };
    let mut wrong = Vec::new();
    let mut cost = |line: &Line| match &line.cost {
        Some(Ok(cost)) => amounts.coins(Some(&Coins::of(cost))),
        Some(Err(why)) => {
            wrong.push(fill(w.not_charged, &[("why", why)]));
            amounts.mark("!")
        }
        None => amounts.mark("–"),
    };
    let part = |name: String, part: &Share| row(name, &part.usage.used, amounts.purse(&part.purse));
    let rows = summary.rows().into_iter().map(|one| match one {
        Row::Group(group, subtotal, level) => {
            part(indented(level, &format!("{}/", group.name())), &subtotal.sum)
        }
        Row::Rest(subtotal) => part(w.without_group.to_owned(), &subtotal.sum),
        Row::Tenant(line, level) => row(indented(level, &marked(line)), &line.usage.used, cost(line)),
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let mut sums = purse.iter().map(|(_, coins)| amounts.coins(coins));
    let mut foot = vec![row(w.total.to_owned(), whole, sums.next().unwrap_or_else(|| amounts.mark("")))];
    foot.extend(sums.map(|sums| std::iter::repeat_n(String::new(), 5).chain(sums).collect()));
    let heads = [Head::left(w.tenant)].into_iter();
    let heads = heads.chain([w.r#in, w.out, w.local, w.share].map(Head::right)).chain(amounts.heads());
    let table = Table { caption: w.summary.to_owned(), heads: heads.collect(), rows, foot };
    let mut parts = vec![Part::Table(table)];
    parts.extend(other_calendars(summary).map(Part::Text));
    if !wrong.is_empty() {
        parts.push(Part::List(wrong));
    }
    let is_group_charged = summary.of.is_some() && amounts.columns > 0;
    parts.extend(is_group_charged.then(|| Part::Text(w.group_note.to_owned())));
    parts.extend(summary.is_closed.then(|| Part::Text(w.group_closed.to_owned())));
    parts
}

/// The classes of a group's traffic, and below them those of each tenant's.
fn classes_of_tenants(summary: &Summary, mut section: Section) -> Section {
    let (language, unit) = (summary.style.language, summary.style.unit);
    let w = language.words();
    let row = |tenant: &str, class: &str, used: &Used| {
        vec![
            tenant.to_owned(),
            class.to_owned(),
            language.size(used.r#in.octets, unit),
            language.size(used.out.octets, unit),
            language.number(used.r#in.octets),
            language.number(used.out.octets),
        ]
    };
    let rows = summary.lines.iter().flat_map(|line| {
        let classes = line.usage.classes.iter();
        classes.map(|(class, used)| row(&line.tenant, class, used))
    });
    let octets = [w.r#in, w.out].map(|way| Head::right(&format!("{}, {way}", w.octets)));
    let ways = [w.r#in, w.out].map(Head::right);
    let table = Table {
        caption: w.classes.to_owned(),
        heads: [w.tenant, w.class].map(Head::left).into_iter().chain(ways).chain(octets).collect(),
        rows: rows.collect(),
        foot: Vec::new(),
    };
    section.parts.push(Part::Table(table));
    section
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
    let mut parts = vec![Part::Table(table), Part::Text(closes.to_owned())];
    let stated = &summary.whole().usage.used;
    let is_same = (stated.r#in, stated.out) == (lines.tenant_in, lines.tenant_out);
    parts.extend((summary.is_closed && !is_same).then(|| Part::Text(w.closed_since.to_owned())));
    Section { heading: w.balance.to_owned(), parts }
}

/// For programs: the tenants as in `usage`, with what they pay, and the sums of groups.
pub(crate) fn json(summary: &Summary) -> Json {
    let exporter =
        |address: Addr| summary.exporters.get(&address).cloned().unwrap_or_else(|| address.to_string());
    let zone = summary.period.zone();
    let has_groups = summary.subtotals.has_groups();
    let tenants: Vec<Json> = summary.lines.iter().map(|line| tenant(line, summary)).collect();
    let mut page = Map::new();
    let mut put = |key: &str, value: Json| drop(page.insert(key.to_owned(), value));
    if let Some(about) = &summary.of {
        put("group", json!(about.group.path()));
        put("title", json!(about.title));
    }
    put("closed", json!(summary.is_closed));
    put(
        "period",
        json!({
            "name": summary.period.name(),
            "from": summary.period.from(),
            "to": summary.period.to(),
            "zone": zone.name(),
        }),
    );
    if let Some(as_of) = summary.as_of {
        put("as_of", json!(zone.rfc3339(as_of)));
    }
    put("tenants", json!(tenants));
    if has_groups {
        put("groups", groups(summary));
    }
    if let Some(about) = &summary.of {
        put("sum", Json::Object(share(summary.whole())));
        if !about.quotas.is_empty() {
            put("quotas", super::json::quotas(&about.quotas));
        }
    }
    put("gross", amounts(&summary.whole().purse, |coins| Some(coins.gross)));
    put("to_pay", amounts(&summary.whole().purse, Coins::to_pay));
    put("balance", balance::document(&summary.balance, &exporter));
    put("completeness", completeness::document(&summary.completeness, zone));
    let by_class = &summary.whole().usage.classes;
    if !by_class.is_empty() {
        put("classes", by_class.iter().map(|(name, used)| class(name, used)).collect());
    }
    Json::Object(page)
}

fn tenant(line: &Line, summary: &Summary) -> Json {
    let mut object = Map::from_iter([("tenant".to_owned(), json!(line.tenant))]);
    if summary.subtotals.has_groups() {
        object.insert("group".to_owned(), json!(line.group.as_ref().map(weir_account::Group::path)));
    }
    if let Some(calendar) = &line.calendar {
        object.insert("calendar".to_owned(), json!(calendar));
    }
    object.extend(used(&line.usage.used));
    if summary.of.is_some() && !line.usage.classes.is_empty() {
        let classes = line.usage.classes.iter().map(|(name, used)| class(name, used));
        object.insert("classes".to_owned(), classes.collect());
    }
    match &line.cost {
        Some(Ok(cost)) => {
            object.insert("charges".to_owned(), cost.document.clone());
            let coins = Coins::of(cost);
            object.insert("adjusted".to_owned(), json!(coins.currency.text(coins.adjusted)));
            object.insert("to_pay".to_owned(), json!(coins.to_pay().map(|sum| coins.currency.text(sum))));
        }
        Some(Err(why)) => {
            object.insert("not_charged".to_owned(), json!(why));
        }
        None => {}
    }
    Json::Object(object)
}

/// What groups come to, each with all below it, and at the end the tenants in none (`null`).
fn groups(summary: &Summary) -> Json {
    let group = |path: Json, level: usize, subtotal: &Subtotal<Share>| {
        let head = [("group", path), ("level", json!(level)), ("tenants", json!(subtotal.tenants))];
        let head = head.into_iter().map(|(key, value)| (key.to_owned(), value));
        Json::Object(head.chain(share(&subtotal.sum)).collect())
    };
    let known = summary.groups().map(|(one, subtotal)| group(json!(one.path()), one.level(), subtotal));
    let rest = summary.subtotals.rest().map(|rest| group(Json::Null, 1, rest));
    known.chain(rest).collect()
}

/// What tenants come to: traffic, and amounts by currency.
fn share(part: &Share) -> Map<String, Json> {
    let mut object: Map<String, Json> = used(&part.usage.used).into_iter().collect();
    object.insert("net".to_owned(), amounts(&part.purse, |coins| Some(coins.net)));
    object.insert("gross".to_owned(), amounts(&part.purse, |coins| Some(coins.gross)));
    object.insert("to_pay".to_owned(), amounts(&part.purse, Coins::to_pay));
    object
}

/// Amounts by the codes of their currencies; `null` where a sum does not fit.
fn amounts(purse: &Purse, of: fn(&Coins) -> Option<Money>) -> Json {
    let text = |coins: &Coins| of(coins).map(|amount| coins.currency.text(amount));
    Json::Object(purse.iter().map(|(code, coins)| (code.to_owned(), json!(coins.and_then(text)))).collect())
}

/// For spreadsheets: a line a tenant; where there are groups, behind them a line a group, which has no tenant.
pub(crate) fn csv(summary: &Summary) -> String {
    let ways = ["in", "out", "local_in", "local_out"];
    let heads = ways.iter().flat_map(|way| ["octets", "packets", "flows"].map(|sum| format!("{way}_{sum}")));
    let has_groups = summary.subtotals.has_groups();
    let ends = ["net", "gross", "adjusted", "to_pay", "currency", "group"];
    let ends = ends.into_iter().take(if has_groups { 6 } else { 5 });
    let mut out = csv_line(["tenant".to_owned()].into_iter().chain(heads).chain(ends.map(str::to_owned)));
    let mut line = |tenant: &str, figures: Option<&Used>, coins: Option<&Coins>, group: &str| {
        let numbers = match figures {
            Some(used) => numbers(used),
            None => vec![String::new(); 12],
        };
        let money = coins.map_or_else(<[String; 5]>::default, |coins| {
            let Coins { currency, net, gross, adjusted } = coins;
            let to_pay = coins.to_pay().map_or_else(String::new, |sum| currency.text(sum));
            let [net, gross, adjusted] = [net, gross, adjusted].map(|amount| currency.text(*amount));
            [net, gross, adjusted, to_pay, currency.code().to_owned()]
        });
        let group = has_groups.then(|| super::csv::cell(group));
        out.push_str(&csv_line(
            [super::csv::cell(tenant)].into_iter().chain(numbers).chain(money).chain(group),
        ));
    };
    for one in &summary.lines {
        let coins = match &one.cost {
            Some(Ok(cost)) => Some(Coins::of(cost)),
            _ => None,
        };
        let group = one.group.as_ref().map_or("", weir_account::Group::path);
        line(&one.tenant, Some(&one.usage.used), coins.as_ref(), group);
    }
    // Amounts of a second currency have a line of their own, without the traffic, so that columns add up.
    for (group, subtotal) in summary.groups() {
        let mut figures = Some(&subtotal.sum.usage.used);
        let purse: Vec<Option<&Coins>> = subtotal.sum.purse.iter().map(|(_, coins)| coins).collect();
        for coins in if purse.is_empty() { vec![None] } else { purse } {
            line("", figures.take(), coins, group.path());
        }
    }
    out
}

/// The figures of a line.
fn numbers(used: &Used) -> Vec<String> {
    let sums = [used.r#in, used.out, used.local_in, used.local_out];
    sums.iter().flat_map(|s| [s.octets, s.packets, s.flows]).map(|n| n.to_string()).collect()
}
