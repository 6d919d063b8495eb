//! `[[quota]]` and `[quotas]`: what may be used, and what happens when it was (docs/quotas.md).

mod write;

use super::read::{Reader, Table};
use super::store::bytes;
use std::ops::Range;
use std::path::Path;
use toml::de::DeValue;
use weir_account::quota::{QuotaError, Threshold, hundredths};
use weir_account::tariff::Direction;
use weir_account::{Prefix, Tenants, quota};

/// Percents at which something happens, unless the operator names others.
const PERCENTS: [u16; 3] = [50, 80, 100];
/// A threshold is taken back so many percent below it.
const HYSTERESIS: u16 = 5;
/// Subjects that are blocked at a time.
const FUSE: u32 = 5;
/// Exporters tell of a flow that goes on at least so often, unless the operator knows better.
const LAG_MIN: i64 = 5;
const MINUTE_MS: i64 = 60_000;
/// How often the daemon looks.
const EVERY_MS: i64 = MINUTE_MS;

/// `[quotas]` and all `[[quota]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quotas {
    pub(crate) list: Vec<Quota>,
    /// How many subjects may be blocked at a time.
    pub(crate) fuse: u32,
    /// Who is never blocked.
    pub(crate) allow: Vec<Allow>,
    /// How long a block lasts at most.
    pub(crate) expire_ms: Option<i64>,
    /// How late exporters tell of flows that go on: their active timeout.
    pub(crate) lag_ms: i64,
    /// How often the daemon looks.
    pub(crate) every_ms: i64,
}

impl Default for Quotas {
    fn default() -> Self {
        let (fuse, lag_ms, every_ms) = (FUSE, LAG_MIN * MINUTE_MS, EVERY_MS);
        Self { list: Vec::new(), fuse, allow: Vec::new(), expire_ms: None, lag_ms, every_ms }
    }
}

/// Somebody who is never blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Allow {
    Tenant(String),
    Network(Prefix),
}

/// One `[[quota]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) name: String,
    /// Whose it is; everybody's where nobody is named.
    pub(crate) tenants: Option<Vec<String>>,
    pub(crate) each: Each,
    pub(crate) cycle: Cycle,
    pub(crate) direction: Direction,
    /// The limit, and where something happens.
    pub(crate) rule: quota::Quota,
    pub(crate) actions: Vec<Action>,
    /// Whether nothing is done, and only said what would be.
    pub(crate) is_dry: bool,
}

impl Quota {
    /// Whether it is this tenant's.
    pub(crate) fn is_of(&self, tenant: &str) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.iter().any(|one| one == tenant))
    }
}

/// Whose use is compared with the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Each {
    Tenant,
    Host,
}

impl Each {
    const ALL: [(&'static str, Self); 2] = [("tenant", Self::Tenant), ("host", Self::Host)];
}

/// After which the limit is whole again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cycle {
    Month,
    Week,
    Day,
}

impl Cycle {
    const ALL: [(&'static str, Self); 3] = [("month", Self::Month), ("week", Self::Week), ("day", Self::Day)];

    pub(crate) fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, one)| *one == self).map_or("", |(word, _)| word)
    }
}

/// What is done at a threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) at: Threshold,
    pub(crate) task: Task,
    /// Whether it is done, too, when the threshold is taken back. A block always ends then.
    pub(crate) back: bool,
}

/// What exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    Mail {
        to: Vec<String>,
    },
    Webhook {
        url: String,
    },
    Exec {
        program: Vec<String>,
    },
    /// Sets for IPv4 and for IPv6; one at least.
    Nftables {
        set: Option<String>,
        set6: Option<String>,
    },
}

impl Task {
    /// The word of `do`.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Mail { .. } => "mail",
            Self::Webhook { .. } => "webhook",
            Self::Exec { .. } => "exec",
            Self::Nftables { .. } => "nftables",
        }
    }
}

impl Reader {
    pub(super) fn quotas(&mut self, root: Table<'_>, tenants: &Tenants) -> Quotas {
        let mut quotas = Quotas::default();
        if let Some(table) = self.table(root, "quotas") {
            self.quotas_table(table, tenants, &mut quotas);
        }
        for (table, at) in self.tables(root, "quota") {
            let Some(quota) = self.quota(table, at.clone(), tenants) else { continue };
            if quotas.list.iter().any(|known| known.name == quota.name) {
                self.note(at, format!("there are two quotas \"{}\"", quota.name), "rename one");
            }
            quotas.list.push(quota);
        }
        quotas
    }

    fn quotas_table(&mut self, table: Table<'_>, tenants: &Tenants, quotas: &mut Quotas) {
        self.keys(table, "[quotas]", &["fuse", "allow", "expire", "lag", "every"]);
        let cure = "5 is what is taken without it: the most that are blocked at a time";
        if let Some(fuse) = self.number(table, "fuse", 0, 1_000_000, cure) {
            quotas.fuse = u32::try_from(fuse).unwrap_or(FUSE);
        }
        for (text, place) in self.strings(table, "allow") {
            if tenants.get(text).is_some() {
                quotas.allow.push(Allow::Tenant(text.to_owned()));
            } else if let Ok(network) = text.parse() {
                quotas.allow.push(Allow::Network(network));
            } else {
                self.no_tenant(text, place, tenants, ", or an address or network as \"10.0.0.1\"");
            }
        }
        if let Some((text, place)) = self.string(table, "expire") {
            quotas.expire_ms = self.span(text, place, "24h");
        }
        if let Some((text, place)) = self.string(table, "lag")
            && let Some(lag_ms) = self.span(text, place, "5 min")
        {
            quotas.lag_ms = lag_ms;
        }
        if let Some((text, place)) = self.string(table, "every")
            && let Some(every_ms) = self.span(text, place, "1 min")
        {
            quotas.every_ms = every_ms;
        }
    }

    fn quota(&mut self, table: Table<'_>, at: Range<usize>, tenants: &Tenants) -> Option<Quota> {
        let known = [
            "name",
            "tenants",
            "each",
            "cycle",
            "direction",
            "limit",
            "thresholds",
            "hysteresis",
            "pace",
            "forecast",
            "dry_run",
            "action",
        ];
        self.keys(table, "[[quota]]", &known);
        for (key, example) in [("name", "name = \"fair use\""), ("limit", "limit = \"100 GB\"")] {
            if !table.contains_key(key) {
                self.missing(at.clone(), "[[quota]]", key, example);
            }
        }
        let name = self.string(table, "name").map(|(name, _)| name.to_owned());
        let named = self.quota_tenants(table, tenants);
        let each = self.word(table, "each", &Each::ALL).unwrap_or(Each::Tenant);
        let cycle = self.word(table, "cycle", &Cycle::ALL).unwrap_or(Cycle::Month);
        let directions = Direction::ALL.map(|direction| (direction.word(), direction));
        let direction = self.word(table, "direction", &directions).unwrap_or_default();
        let limit = self.limit(table);
        let thresholds = self.thresholds(table);
        let most = i64::from(u16::MAX);
        let hysteresis = self.number(table, "hysteresis", 0, most, "write percents, as hysteresis = 5");
        let hysteresis = hysteresis.and_then(|n| u16::try_from(n).ok());
        let actions = self.actions(table, &thresholds);
        let is_dry = !table.contains_key("dry_run") || self.boolean(table, "dry_run");
        // Unless somebody says how much, it fits the first threshold.
        let first = thresholds.first().copied();
        let fitting =
            |first| if let Some(Threshold::Percent(p)) = first { HYSTERESIS.min(p / 2) } else { HYSTERESIS };
        let hysteresis = hysteresis.unwrap_or_else(|| fitting(first));
        match quota::Quota::new(limit?, thresholds, hysteresis) {
            Ok(rule) => {
                Some(Quota { name: name?, tenants: named, each, cycle, direction, rule, actions, is_dry })
            }
            Err(error) => {
                let (key, cure) = match error {
                    QuotaError::Limit => ("limit", "write limit = \"100 GB\""),
                    QuotaError::Thresholds => ("thresholds", "write thresholds = [50, 80, 100]"),
                    QuotaError::Hysteresis => ("hysteresis", "write hysteresis = 5, or leave it out"),
                };
                let place = table.get(key).map_or(at, toml::Spanned::span);
                self.note(place, error.to_string(), cure);
                None
            }
        }
    }

    fn quota_tenants(&mut self, table: Table<'_>, tenants: &Tenants) -> Option<Vec<String>> {
        let value = table.get("tenants")?;
        let names = self.strings(table, "tenants");
        if let (DeValue::Array(list), true) = (value.get_ref(), names.is_empty())
            && list.is_empty()
        {
            self.note(value.span(), "tenants is empty", "name some, or leave it out: then it is everybody's");
        }
        let mut known = Vec::new();
        for (name, place) in names {
            if tenants.get(name).is_none_or(|tenant| tenant.is_shared) {
                self.no_tenant(name, place, tenants, "");
            }
            known.push(name.to_owned());
        }
        Some(known)
    }

    fn no_tenant(&mut self, name: &str, place: Range<usize>, tenants: &Tenants, or: &str) {
        let known = tenants.iter().filter(|tenant| !tenant.is_shared);
        let known: Vec<&str> = known.map(|tenant| tenant.name.as_str()).collect();
        let cure = match super::nearest(name, &known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write the name of a [[tenant]]{or}"),
        };
        self.note(place, format!("there is no tenant \"{name}\""), cure);
    }

    fn limit(&mut self, table: Table<'_>) -> Option<u64> {
        let (text, place) = self.string(table, "limit")?;
        let limit = bytes(text);
        if limit.is_none() {
            self.note(place, format!("\"{text}\" is no amount of traffic"), "write for example \"100 GB\"");
        }
        limit
    }

    /// All thresholds in order: percents, the pace, the forecast.
    fn thresholds(&mut self, table: Table<'_>) -> Vec<Threshold> {
        let mut thresholds = Vec::new();
        match table.get("thresholds").map(|value| (value.get_ref(), value.span())) {
            None => thresholds.extend(PERCENTS.map(Threshold::Percent)),
            Some((DeValue::Array(list), _)) => {
                for item in list.iter() {
                    match super::read::number(item).and_then(|n| u16::try_from(n).ok()) {
                        Some(percent) => thresholds.push(Threshold::Percent(percent)),
                        None => self.note(
                            item.span(),
                            "this is no percent",
                            "write whole numbers, as [50, 80, 100]",
                        ),
                    }
                }
            }
            Some((_, place)) => self.note(place, "thresholds is no list", "write thresholds = [50, 80, 100]"),
        }
        if let Some(value) = table.get("pace") {
            match decimal(value.get_ref()) {
                Some(pace) if pace > 0 => thresholds.push(Threshold::Pace(pace)),
                _ => self.note(
                    value.span(),
                    "pace is no number of times, with two digits after the point at most",
                    "write pace = 2.0: twice as fast as would use it up evenly",
                ),
            }
        }
        if self.boolean(table, "forecast") {
            thresholds.push(Threshold::Forecast);
        }
        thresholds
    }

    fn actions(&mut self, table: Table<'_>, thresholds: &[Threshold]) -> Vec<Action> {
        let mut actions = Vec::new();
        for (table, place) in self.tables(table, "action") {
            self.keys(
                table,
                "[[quota.action]]",
                &["at", "do", "to", "url", "program", "set", "set6", "back"],
            );
            let at = self.threshold(table, &place, thresholds);
            let task = self.task(table, &place);
            let back = self.boolean(table, "back");
            if back && matches!(task, Some(Task::Nftables { .. })) {
                let place = table.get("back").map_or(place, toml::Spanned::span);
                self.note(
                    place,
                    "back of a block",
                    "take it out: a block always ends when its threshold is taken back",
                );
            }
            if let (Some(at), Some(task)) = (at, task) {
                actions.push(Action { at, task, back });
            }
        }
        actions
    }

    /// `at = 100`, `at = "pace"`, `at = "forecast"`: one of the quota's thresholds.
    fn threshold(
        &mut self,
        table: Table<'_>,
        place: &Range<usize>,
        known: &[Threshold],
    ) -> Option<Threshold> {
        let Some(value) = table.get("at") else {
            self.missing(place.clone(), "[[quota.action]]", "at", "at = 100");
            return None;
        };
        let (found, missing) = match value.get_ref() {
            DeValue::Integer(_) => {
                let percent = super::read::number(value).and_then(|n| u16::try_from(n).ok());
                let at = percent.map(Threshold::Percent);
                (at.filter(|at| known.contains(at)), "add it to thresholds of this quota".to_owned())
            }
            DeValue::String(word) if word == "pace" => {
                let at = known.iter().find(|one| matches!(one, Threshold::Pace(_))).copied();
                (at, "add pace = 2.0 to this quota".to_owned())
            }
            DeValue::String(word) if word == "forecast" => {
                let at = known.contains(&Threshold::Forecast).then_some(Threshold::Forecast);
                (at, "add forecast = true to this quota".to_owned())
            }
            _ => (None, "write a percent as at = 100, or at = \"pace\", or at = \"forecast\"".to_owned()),
        };
        if found.is_none() {
            self.note(value.span(), "at is no threshold of this quota", missing);
        }
        found
    }

    fn task(&mut self, table: Table<'_>, place: &Range<usize>) -> Option<Task> {
        let words = ["mail", "webhook", "exec", "nftables"].map(|word| (word, word));
        if !table.contains_key("do") {
            self.missing(place.clone(), "[[quota.action]]", "do", "do = \"webhook\"");
        }
        let word = self.word(table, "do", &words)?;
        let (needed, example) = match word {
            "mail" => ("to", "to = [\"noc@example.com\"], or [\"tenant\"] for the tenant's own addresses"),
            "webhook" => ("url", "url = \"https://example.com/quota\""),
            "exec" => ("program", "program = [\"/usr/local/bin/block\", \"{tenant}\"]"),
            _ => ("set", "set = \"inet weir blocked\""),
        };
        for key in ["to", "url", "program", "set", "set6"] {
            let is_needed = key == needed || (needed == "set" && key == "set6");
            if let Some(value) = table.get(key).filter(|_| !is_needed) {
                self.note(value.span(), format!("{key} is nothing for \"{word}\""), "take it out");
            }
        }
        let is_there = table.contains_key(needed) || (needed == "set" && table.contains_key("set6"));
        if !is_there {
            self.missing(place.clone(), &format!("[[quota.action]] of {word}"), needed, example);
            return None;
        }
        match word {
            "mail" => {
                if !self.has_mail {
                    let cure =
                        "add [mail] with from and server (docs/mail.md), or do it with webhook or exec";
                    self.note(place.clone(), "there is no [mail] that says how mail is sent", cure);
                }
                let to: Vec<String> =
                    self.strings(table, "to").into_iter().map(|(to, _)| to.to_owned()).collect();
                Some(Task::Mail { to })
            }
            "webhook" => self.url(table).map(|url| Task::Webhook { url }),
            "exec" => self.program(table).map(|program| Task::Exec { program }),
            _ => {
                let (set, set6) = (self.set(table, "set"), self.set(table, "set6"));
                (set.is_some() || set6.is_some()).then_some(Task::Nftables { set, set6 })
            }
        }
    }

    fn url(&mut self, table: Table<'_>) -> Option<String> {
        let (text, place) = self.string(table, "url")?;
        let is_good = text
            .parse::<hyper::Uri>()
            .is_ok_and(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")));
        if !is_good {
            self.note(
                place,
                format!("\"{text}\" is no address to call"),
                "write url = \"https://example.com/quota\"",
            );
        }
        is_good.then(|| text.to_owned())
    }

    /// A program by its whole path, so that nobody's `PATH` decides which it is, and words that are filled in.
    fn program(&mut self, table: Table<'_>) -> Option<Vec<String>> {
        let words = self.strings(table, "program");
        let value = table.get("program")?;
        let Some((first, place)) = words.first().cloned() else {
            self.note(
                value.span(),
                "program is empty",
                "write program = [\"/usr/local/bin/block\", \"{tenant}\"]",
            );
            return None;
        };
        if !Path::new(first).is_absolute() {
            self.note(
                place,
                format!("\"{first}\" is no whole path"),
                "write it from the root, as \"/usr/local/bin/block\"",
            );
            return None;
        }
        for (word, place) in words.iter().skip(1) {
            for name in placeholders(word) {
                if !PLACEHOLDERS.contains(&name) {
                    let cure = match super::nearest(name, &PLACEHOLDERS) {
                        Some(near) => format!("did you mean {{{near}}}?"),
                        None => format!("known are {{{}}}", PLACEHOLDERS.join("}, {")),
                    };
                    self.note(place.clone(), format!("nothing is called {{{name}}}"), cure);
                }
            }
        }
        Some(words.into_iter().map(|(word, _)| word.to_owned()).collect())
    }

    /// Family, table and name of a set.
    fn set(&mut self, table: Table<'_>, key: &str) -> Option<String> {
        let (text, place) = self.string(table, key)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_name = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./\\".contains(&b))
        };
        match &words[..] {
            [family, table, name]
                if ["inet", "ip", "ip6", "netdev", "bridge"].contains(family)
                    && is_name(table)
                    && is_name(name) =>
            {
                Some(words.join(" "))
            }
            _ => {
                let cure = "write family, table and set, as \"inet weir blocked\"";
                self.note(place, format!("\"{text}\" is no set of nftables"), cure);
                None
            }
        }
    }

    fn span(&mut self, text: &str, place: Range<usize>, example: &str) -> Option<i64> {
        let span = span_ms(text);
        if span.is_none() {
            let cure = format!("write for example \"{example}\"");
            self.note(place, format!("\"{text}\" is no length of time"), cure);
        }
        span
    }
}

/// What a program's arguments may ask for.
pub(crate) const PLACEHOLDERS: [&str; 11] =
    ["quota", "tenant", "host", "cycle", "event", "threshold", "used", "limit", "percent", "time", "id"];

/// The names in braces of a word.
pub(crate) fn placeholders(word: &str) -> impl Iterator<Item = &str> {
    word.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

/// `2`, `2.0`, `1.25`, as hundredths.
fn decimal(value: &DeValue<'_>) -> Option<u16> {
    match value {
        DeValue::Float(float) => hundredths(float.as_str()),
        DeValue::Integer(n) if n.radix() == 10 => hundredths(n.as_str()),
        _ => None,
    }
}

/// `90 s`, `5 min`, `24h`, `7 days`: in ms.
fn span_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(split)?;
    let unit_ms = match unit.trim() {
        "s" => 1000,
        "m" | "min" | "minutes" => MINUTE_MS,
        "h" | "hour" | "hours" => 60 * MINUTE_MS,
        "d" | "day" | "days" => 24 * 60 * MINUTE_MS,
        _ => return None,
    };
    // A hundred years are for ever.
    let span = number.parse::<i64>().ok()?.checked_mul(unit_ms)?;
    (span > 0 && span <= 36_500 * 24 * 60 * MINUTE_MS).then_some(span)
}

#[cfg(test)]
mod tests;
