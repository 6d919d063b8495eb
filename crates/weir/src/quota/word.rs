//! A crossing in words: for the log and the audit trail, for a webhook, for a program's arguments.

use super::errand::Errand;
use super::meter::Metered;
use super::whose::Whose;
use crate::config::Config;
use crate::config::quota::Quota;
use crate::statement::language::fill;
use crate::statement::{Language, Style};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use weir_account::quota::{Change, Edge, Threshold};
use weir_account::{Unit, Zone};

/// Who did what weir does by itself.
pub(super) const SELF: &str = "weir";

/// A threshold that was crossed, and all that is said of it.
pub(super) struct Crossing<'a> {
    pub(super) quota: &'a Quota,
    pub(super) metered: &'a Metered,
    pub(super) change: &'a Change,
    pub(super) zone: &'a Zone,
    pub(super) unit: Unit,
}

impl Crossing<'_> {
    /// In English, for the log, the audit trail and programs. As: 80 % passed: used 80.123 GB of 100.000 GB (80 %) in 2026-11,
    /// about 600.000 MB more not yet reported.
    pub(super) fn sentence(&self) -> String {
        self.told(Language::English, self.unit)
    }

    /// The same in a language and unit.
    fn told(&self, language: Language, unit: Unit) -> String {
        let w = language.words();
        let at = threshold(self.change.threshold, language);
        let forecast_ms = || self.quota.rule.forecast_ms(&self.metered.seen);
        let when = |ms| language.instant(&self.zone.rfc3339(ms));
        let how = match (self.change.what, self.change.threshold) {
            (Edge::Passed, Threshold::Forecast) => match forecast_ms() {
                Some(ms) => fill(w.quota_forecast_at, &[("when", &when(ms))]),
                None => w.quota_forecast.to_owned(),
            },
            (Edge::Passed, _) => fill(w.quota_passed, &[("at", &at)]),
            (Edge::Turned, _) => fill(w.quota_turned, &[("at", &at), ("cycle", &self.metered.cycle)]),
            (Edge::Fell, Threshold::Percent(_)) => fill(w.quota_fell, &[("at", &at)]),
            (Edge::Fell, _) => fill(w.quota_slower, &[("at", &at)]),
        };
        format!("{how}: {}", used(self.metered, self.quota, language, unit))
    }

    /// A mail to these addresses; `tenant` stands for the tenant's own (of a group: all its tenants'), `group` for those of
    /// the `[[group]]`.
    pub(super) fn mail(&self, to: &[String], config: &Config) -> Errand {
        let Self { quota, metered, change, zone, .. } = self;
        let tenants = || -> Vec<String> {
            match &metered.whose {
                Whose::Tenant(name) | Whose::Host(name, _) => {
                    config.tenants.get(name).map_or_else(Vec::new, |tenant| tenant.mail.clone())
                }
                Whose::Group(group) => {
                    config.tenants.in_group(group).flat_map(|tenant| tenant.mail.clone()).collect()
                }
            }
        };
        let group = || {
            let entry = metered.whose.group().and_then(|group| config.group(group));
            entry.map_or_else(Vec::new, |entry| entry.mail.clone())
        };
        let expand = |to: &String| match to.as_str() {
            "tenant" => tenants(),
            "group" => group(),
            _ => vec![to.clone()],
        };
        let whom = metered.whose.to_string();
        let style = self.style(to, config);
        let (language, w) = (style.language, style.language.words());
        let edge = match change.what {
            Edge::Passed => w.quota_edge_passed,
            Edge::Turned => w.quota_edge_turned,
            Edge::Fell => w.quota_edge_fell,
        };
        let at = threshold(change.threshold, language);
        let subject = format!("{}: {whom} {at} {edge}", quota.name);
        let [from, until] =
            [metered.seen.cycle.start, metered.seen.cycle.end].map(|ms| language.instant(&zone.rfc3339(ms)));
        let about = fill(w.quota_about, &[("quota", &quota.name), ("from", &from), ("to", &until)]);
        let text = format!("{whom}\n\n{}\n\n{about}\n", self.told(language, style.unit));
        let mut to: Vec<String> = to.iter().flat_map(expand).collect();
        let mut known = BTreeSet::new();
        to.retain(|one| known.insert(one.clone()));
        Errand::Mail { to, subject, text }
    }

    /// The language and unit of a mail: the tenant's where it goes to that, else the group's, else everybody's.
    fn style(&self, to: &[String], config: &Config) -> Style {
        let is_to = |word: &str| to.iter().any(|one| one == word);
        match (&self.metered.whose, self.metered.whose.group()) {
            (Whose::Tenant(name) | Whose::Host(name, _), _) if is_to("tenant") => config.style(Some(name)),
            (_, Some(group)) if is_to("group") => config.group_style(group),
            _ => config.style(None),
        }
    }

    /// What a webhook is sent. `id` is added when it is: the same however often it is tried.
    pub(super) fn document(&self) -> Json {
        let Self { quota, metered, change, zone, .. } = self;
        let mut document = json!({
            "id": null,
            "event": change.what.word(),
            "quota": quota.name,
            "tenant": metered.whose.tenant(),
            "host": metered.whose.host().map(|host| host.to_string()),
            "threshold": change.threshold.to_string(),
            "cycle": {
                "name": metered.cycle,
                "from": zone.rfc3339(metered.seen.cycle.start),
                "to": zone.rfc3339(metered.seen.cycle.end),
            },
            "direction": quota.direction.word(),
            "used_octets": metered.seen.used,
            "limit_octets": quota.rule.limit,
            "not_yet_reported_octets_estimate": metered.more,
            "time": zone.rfc3339(metered.seen.now_ms),
            "says": self.sentence(),
        });
        if let Some(object) = document.as_object_mut() {
            let group = metered.whose.group().map(|group| ("group", json!(group.path())));
            let classes = (!quota.classes.is_empty()).then(|| ("classes", json!(quota.classes)));
            let more = group.into_iter().chain(classes);
            object.extend(more.map(|(key, value)| (key.to_owned(), value)));
        }
        document
    }

    /// A program's words with what they ask for in its place. `{id}` stays until the deed has a number.
    pub(super) fn fill(&self, program: &[String]) -> Vec<String> {
        let Self { quota, metered, change, zone, .. } = self;
        let values = [
            ("quota", quota.name.clone()),
            ("tenant", metered.whose.tenant().unwrap_or_default().to_owned()),
            ("host", metered.whose.host().map_or_else(String::new, |host| host.to_string())),
            ("group", metered.whose.group().map_or_else(String::new, ToString::to_string)),
            ("cycle", metered.cycle.clone()),
            ("event", change.what.word().to_owned()),
            ("threshold", change.threshold.to_string()),
            ("used", metered.seen.used.to_string()),
            ("limit", quota.rule.limit.to_string()),
            ("percent", percent(metered.seen.used, quota.rule.limit).to_string()),
            ("time", zone.rfc3339(metered.seen.now_ms)),
        ];
        let (first, rest) =
            program.split_first().map_or((None, program), |(first, rest)| (Some(first), rest));
        first.into_iter().cloned().chain(rest.iter().map(|word| filled(word, &values))).collect()
    }
}

/// A word with every name in braces replaced once: what comes in is not looked through again.
fn filled(word: &str, values: &[(&str, String)]) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let known = after.split_once('}').and_then(|(name, left)| {
            let value = values.iter().find(|(known, _)| *known == name)?;
            Some((&value.1, left))
        });
        match known {
            Some((value, left)) => {
                out.push_str(value);
                rest = left;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

/// Whole percents, rounded down.
pub(crate) fn percent(used: u64, limit: u64) -> u128 {
    u128::from(used).saturating_mul(100).checked_div(limit.into()).unwrap_or_default()
}

/// What was used, of what, and what is likely to come: used 98.200 GB of 100.000 GB (98 %) in 2026-11, about 600.000 MB
/// more not yet reported.
fn used(metered: &Metered, quota: &Quota, language: Language, unit: Unit) -> String {
    let w = language.words();
    let size = |octets: u64| language.size(octets, unit);
    let more = match metered.more {
        Some(0) => w.quota_no_more.to_owned(),
        Some(more) => fill(w.quota_more, &[("more", &size(more))]),
        None => w.quota_more_unknown.to_owned(),
    };
    let of = match &quota.classes[..] {
        [] => String::new(),
        classes => fill(w.of_classes, &[("classes", &classes.join(", "))]),
    };
    let percent = percent(metered.seen.used, quota.rule.limit).to_string();
    let (used, limit) = (size(metered.seen.used), size(quota.rule.limit));
    let values = [("used", &*used), ("limit", &limit), ("percent", &percent), ("of", &of)];
    fill(w.quota_used, &[&values[..], &[("cycle", &metered.cycle), ("more", &more)]].concat())
}

/// A threshold in words.
fn threshold(threshold: Threshold, language: Language) -> String {
    let w = language.words();
    match threshold {
        Threshold::Percent(_) => threshold.to_string(),
        Threshold::Pace(_) => threshold.to_string().replace("pace", w.quota_pace),
        Threshold::Forecast => w.quota_forecast_word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_filled_once() {
        let values = [("tenant", "{host}; $(reboot)".to_owned()), ("host", "10.0.0.1".to_owned())];
        for (word, expected) in [
            ("{tenant}", "{host}; $(reboot)"),
            ("a={host},{host}", "a=10.0.0.1,10.0.0.1"),
            ("{id}{other}{", "{id}{other}{"),
            ("}{host", "}{host"),
            ("plain", "plain"),
        ] {
            assert_eq!(filled(word, &values), expected);
        }
    }
}
