//! A crossing in words: for the log and the audit trail, for a webhook, for a program's arguments.

use super::errand::Errand;
use super::meter::Metered;
use super::whose::Whose;
use crate::config::Config;
use crate::config::quota::Quota;
use crate::report::number::octets;
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
    /// As: 80 % passed: used 80.123 GB of 100.000 GB (80.1 %) in 2026-11, about 0.6 GB more not yet reported.
    pub(super) fn sentence(&self) -> String {
        let used = used(self.metered, self.quota, self.unit);
        let at = self.change.threshold;
        let how = match (self.change.what, at) {
            (Edge::Passed, Threshold::Forecast) => {
                let when = self.quota.rule.forecast_ms(&self.metered.seen).map(|ms| self.zone.rfc3339(ms));
                match when {
                    Some(when) => {
                        format!("at this pace the limit is passed at {when}, before the cycle ends")
                    }
                    None => "at this pace the limit is passed before the cycle ends".to_owned(),
                }
            }
            (Edge::Passed, _) => format!("{at} passed"),
            (Edge::Turned, _) => format!("{at} taken back: a new cycle, {}, has begun", self.metered.cycle),
            (Edge::Fell, Threshold::Percent(_)) => {
                format!("{at} taken back: figures were corrected, or the limit raised")
            }
            (Edge::Fell, _) => format!("{at} taken back: it goes slower now"),
        };
        format!("{how}: {used}")
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
        let whom = &metered.whose;
        let subject = format!("{}: {} {} {}", quota.name, whom, change.threshold, change.what.word());
        let (from, to_end) = (zone.rfc3339(metered.seen.cycle.start), zone.rfc3339(metered.seen.cycle.end));
        let text =
            format!("{whom}\n\n{}\n\nQuota: {}, from {from} to {to_end}\n", self.sentence(), quota.name);
        let mut to: Vec<String> = to.iter().flat_map(expand).collect();
        let mut known = BTreeSet::new();
        to.retain(|one| known.insert(one.clone()));
        Errand::Mail { to, subject, text }
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
pub(crate) fn used(metered: &Metered, quota: &Quota, unit: Unit) -> String {
    let (used, limit) = (metered.seen.used, quota.rule.limit);
    let more = match metered.more {
        Some(0) => ", no more expected of what is not yet reported".to_owned(),
        Some(more) => format!(", about {} more not yet reported", octets(more, unit).trim()),
        None => ", and an unknown amount not yet reported".to_owned(),
    };
    let (percent, cycle) = (percent(used, limit), &metered.cycle);
    let of = match &quota.classes[..] {
        [] => String::new(),
        classes => format!(" of class {}", classes.join(", ")),
    };
    format!("used {} of {} ({percent} %){of} in {cycle}{more}", octets(used, unit), octets(limit, unit))
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
