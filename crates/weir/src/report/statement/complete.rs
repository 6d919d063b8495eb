//! How sure the figures are: notices above them, what is missing, what was counted and where.

use super::{Part, Section};
use crate::statement::language::fill;
use crate::statement::{Document, Style};
use weir_account::Zone;
use weir_account::completeness::{Completeness, Silence};
use weir_flow::Addr;

/// So many times without data are listed; of the others, how many.
const SILENCES_MAX: usize = 5;

/// What must be read before any figure.
pub(super) fn notices(document: &Document) -> Vec<String> {
    let (w, statement) = (document.style.language.words(), &document.statement);
    let mut notices = Vec::new();
    if !statement.balance.is_closed() {
        notices.push(w.unbalanced.to_owned());
    }
    notices.extend(running(document.as_of, statement.period.zone(), &document.style));
    if document.is_empty() {
        notices.push(
            if document.is_incomplete() { w.nothing_used_incomplete } else { w.nothing_used }.to_owned(),
        );
    }
    notices.extend(incomplete(&statement.completeness, statement.period.zone(), &document.style));
    notices
}

/// That the period is not over, if it was not then.
pub(super) fn running(as_of: Option<i64>, zone: &Zone, style: &Style) -> Option<String> {
    let (language, w) = (style.language, style.language.words());
    as_of.map(|ms| fill(w.running, &[("at", &language.instant(&zone.rfc3339(ms)))]))
}

/// That something is missing, if it is.
pub(super) fn incomplete(completeness: &Completeness, zone: &Zone, style: &Style) -> Option<String> {
    let w = style.language.words();
    let Some(percent) = completeness.percent else { return Some(unknown(completeness, zone, style)) };
    if percent.hundredths() >= 10_000 {
        return None;
    }
    let percent = self::percent(completeness, style);
    Some(fill(w.incomplete, &[("percent", &percent), ("section", w.completeness)]))
}

/// Why it is not known how complete it is.
fn unknown(completeness: &Completeness, zone: &Zone, style: &Style) -> String {
    let (language, w) = (style.language, style.language.words());
    match completeness.given_up_before {
        Some(before) => fill(w.accounts_gone, &[("before", &language.instant(&zone.rfc3339(before)))]),
        None => w.incomplete_unknown.to_owned(),
    }
}

/// How complete, as people write it; a dash where nothing is known.
pub(super) fn percent(completeness: &Completeness, style: &Style) -> String {
    completeness.percent.map_or_else(
        || "–".to_owned(),
        |percent| {
            let text = percent.to_string();
            format!("{} %", style.language.decimal(text.trim_end_matches([' ', '%'])))
        },
    )
}

/// What is missing, each with its number, and what that means.
pub(super) fn section(completeness: &Completeness, zone: &Zone, style: &Style) -> Section {
    let (language, w) = (style.language, style.language.words());
    let c = &completeness.total;
    let number = |n: u64| language.number(n);
    let size = |n: u64| language.size(n, style.unit);
    let missing = [
        (w.lost, c.records_lost, number(c.records_lost)),
        (w.lost_octets, c.octets_lost_estimate, size(c.octets_lost_estimate)),
        (w.not_sent, c.records_not_sent, number(c.records_not_sent)),
        (w.not_sent_octets, c.octets_not_sent, size(c.octets_not_sent)),
        (w.gaps, c.sequence_gaps, number(c.sequence_gaps)),
        (w.undecodable, c.datagrams_undecodable, number(c.datagrams_undecodable)),
        (w.malformed, c.malformed, number(c.malformed)),
        (w.dropped, c.socket_drops, number(c.socket_drops)),
        (w.not_kept, c.discarded_octets, size(c.discarded_octets)),
        (w.awaiting, c.records_awaiting_template, number(c.records_awaiting_template)),
        (w.given_up, c.held_dropped, number(c.held_dropped)),
        (w.saturated, c.saturated, number(c.saturated)),
    ];
    let doubtful = [
        (w.unknown_sampling, c.unknown_sampling_records, number(c.unknown_sampling_records)),
        (w.clock, c.clock_doubts, number(c.clock_doubts)),
        (w.sampled, c.sampled_octets, size(c.sampled_octets)),
    ];
    let line = |(text, n, value): &(&str, u64, String)| (*n > 0).then(|| fill(text, &[("n", value)]));
    let mut list: Vec<String> = missing.iter().filter_map(line).collect();
    list.extend(silent_hours(completeness, style));
    list.extend(silences(completeness.silences.as_deref().unwrap_or_default(), zone, style));
    list.extend(absences(&completeness.absences, zone, style));
    let is_missing_any = !list.is_empty();
    list.extend(doubtful.iter().filter_map(line));
    let mut parts = Vec::new();
    match completeness.percent {
        None => parts.push(Part::Text(unknown(completeness, zone, style))),
        Some(_) if is_missing_any => parts.push(Part::Text(w.only_more.to_owned())),
        Some(_) => parts.push(Part::Text(w.complete.to_owned())),
    }
    if !list.is_empty() {
        parts.push(Part::List(list));
    }
    let heading = format!("{}: {}", w.completeness, percent(completeness, style));
    Section { heading, parts }
}

/// How many hours of the period are silent, all in all.
fn silent_hours(completeness: &Completeness, style: &Style) -> Option<String> {
    let (language, w) = (style.language, style.language.words());
    let (silent, hours) = (completeness.silent_hours(), completeness.hours);
    (silent > 0)
        .then(|| fill(w.silent_sum, &[("n", &language.number(silent)), ("hours", &language.number(hours))]))
}

/// Exporters that were silent while others were not.
fn absences(absences: &[(Addr, Silence)], zone: &Zone, style: &Style) -> Vec<String> {
    let (language, w) = (style.language, style.language.words());
    let (listed, more) = absences.split_at(SILENCES_MAX.min(absences.len()));
    let instant = |ms| language.instant(&zone.rfc3339(ms));
    let line = |(who, one): &(Addr, Silence)| {
        let (from, to) = (instant(one.from_ms), instant(one.to_ms));
        fill(w.absent, &[("exporter", &who.to_string()), ("from", &from), ("to", &to)])
    };
    let mut lines: Vec<String> = listed.iter().map(line).collect();
    if !more.is_empty() {
        lines.push(fill(w.absent_more, &[("n", &language.number(more.len() as u64))]));
    }
    lines
}

fn silences(silences: &[Silence], zone: &Zone, style: &Style) -> Vec<String> {
    let (language, w) = (style.language, style.language.words());
    let (listed, more) = silences.split_at(SILENCES_MAX.min(silences.len()));
    let instant = |ms| language.instant(&zone.rfc3339(ms));
    let mut lines: Vec<String> = listed
        .iter()
        .map(|one| fill(w.silent, &[("from", &instant(one.from_ms)), ("to", &instant(one.to_ms))]))
        .collect();
    if !more.is_empty() {
        lines.push(fill(w.silent_more, &[("n", &language.number(more.len() as u64))]));
    }
    lines
}

/// What is counted, where, and what is not.
pub(super) fn basis(document: &Document) -> Section {
    let (style, statement) = (&document.style, &document.statement);
    let w = style.language.words();
    let total = &statement.balance.total;
    let mut list =
        vec![if statement.balance.is_closed() { w.balance_closes } else { w.balance_open }.to_owned()];
    list.push(w.ip_octets.to_owned());
    list.push(w.local_apart.to_owned());
    let apart =
        [(w.duplicate, total.duplicate), (w.unmatched, total.unmatched), (w.discarded, total.discarded)];
    for (text, sums) in apart {
        if sums.octets > 0 {
            list.push(fill(text, &[("n", &style.language.size(sums.octets, style.unit))]));
        }
    }
    for (exporter, rule) in &statement.basis.counts {
        list.push(fill(w.counted_at, &[("exporter", exporter), ("rule", &count(rule, style))]));
    }
    list.push(w.recomputable.to_owned());
    Section { heading: w.basis.to_owned(), parts: vec![Part::List(list)] }
}

/// A rule of counting, in words.
fn count(rule: &str, style: &Style) -> String {
    let w = style.language.words();
    match rule {
        "all" => w.count_all.to_owned(),
        "ingress" => w.count_ingress.to_owned(),
        "egress" => w.count_egress.to_owned(),
        "none" => w.count_none.to_owned(),
        other => match other.strip_prefix("interfaces") {
            Some(list) => fill(w.count_interfaces, &[("list", list.trim_start())]),
            None => other.to_owned(),
        },
    }
}
