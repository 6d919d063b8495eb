//! Shares of shared addresses, as a statement tells them.

use super::{Part, Section};
use crate::report::usage::{total, used as members};
use crate::statement::Document;
use crate::statement::language::fill;
use serde_json::{Map, Value as Json, json};
use weir_account::shared::Proportion;
use weir_account::statement::ShareLine;
use weir_account::usage::Used;

/// The shares, if there are any.
pub(super) fn section(document: &Document) -> Option<Section> {
    let w = document.style.language.words();
    let lines: Vec<String> =
        document.statement.shares.iter().flat_map(|line| lines(document, line)).collect();
    let parts = vec![Part::Text(w.shared_note.to_owned()), Part::List(lines)];
    (!document.statement.shares.is_empty()).then(|| Section { heading: w.shared.to_owned(), parts })
}

/// A line for each direction that there was anything of.
fn lines(document: &Document, line: &ShareLine) -> Vec<String> {
    let (style, w) = (&document.style, document.style.language.words());
    let (rule, share) = (rule(document, &line.shared), &line.share);
    let local = |used: &Used| super::part::local(used);
    let ways = [
        (w.shared_in, "in", share.used.r#in.octets.into(), share.whole.r#in.octets.into()),
        (w.shared_out, "out", share.used.out.octets.into(), share.whole.out.octets.into()),
        (w.shared_local, "local", local(&share.used), local(&share.whole)),
    ];
    let some = ways.into_iter().filter(|(.., whole)| *whole > 0);
    some.map(|(text, way, own, whole): (&str, &str, u128, u128)| {
        let [own, whole] = [own, whole].map(|octets| style.language.size(octets, style.unit));
        fill(text, &[("rule", &rule), ("name", &line.shared), (way, &own), ("all", &whole)])
    })
    .collect()
}

/// What stands among the hosts for a share: no host of the tenant's own had it.
pub(super) fn host(document: &Document, line: &ShareLine) -> String {
    let rule = rule(document, &line.shared);
    fill(document.style.language.words().shared_host, &[("name", &line.shared), ("rule", &rule)])
}

/// The rule in words: `2 of 3`, with its dates where it did not hold for all of the period.
fn rule(document: &Document, shared: &str) -> String {
    let (language, period) = (document.style.language, &document.statement.period);
    let edge = |ms: Option<i64>| {
        let text = ms.map(|ms| period.zone().edge_text(ms)).unwrap_or_default();
        if text.contains('T') { language.instant(&text) } else { language.date(&text) }
    };
    let one = |one: &Proportion| {
        let [share, all] = [one.share, one.of].map(|n| language.number(n));
        let share = fill(language.words().share_of, &[("share", &share), ("all", &all)]);
        match one.time == period.into() {
            true => share,
            false => format!("{share} · {} – {}", edge(one.time.from_ms), edge(one.time.to_ms)),
        }
    };
    let rules = document.rules.get(shared).into_iter().flatten();
    rules.map(one).collect::<Vec<_>>().join("; ")
}

/// For programs.
pub(super) fn json(document: &Document) -> Json {
    let period = &document.statement.period;
    let edge = |ms: Option<i64>| ms.map(|ms| period.zone().rfc3339(ms));
    let rule = |one: &Proportion| json!({"share": one.share, "of": one.of, "from": edge(one.time.from_ms), "to": edge(one.time.to_ms)});
    let line = |line: &ShareLine| {
        let rules = document.rules.get(&line.shared).into_iter().flatten().map(rule);
        let mut object = Map::from_iter([
            ("shared".to_owned(), json!(line.shared)),
            ("rule".to_owned(), rules.collect::<Vec<_>>().into()),
        ]);
        object.extend(members(&line.share.used));
        object.insert("whole".to_owned(), Json::Object(members(&line.share.whole).into_iter().collect()));
        Json::Object(object)
    };
    document.statement.shares.iter().map(line).collect()
}

/// Whether a share stands before a host: the greater comes first.
pub(super) fn is_before(share: &ShareLine, used: &Used) -> bool {
    total(&share.share.used) > total(used)
}
