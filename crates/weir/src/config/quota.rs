//! `[[quota]]` and `[quotas]`: what may be used, and what happens when it was (docs/quotas.md).

mod action;
mod write;

use super::read::{Reader, Table};
use super::store::bytes;
pub(crate) use action::{Action, Task};
use std::collections::BTreeSet;
use std::ops::Range;
use toml::de::DeValue;
use weir_account::quota::{QuotaError, Threshold, hundredths};
use weir_account::tariff::Direction;
use weir_account::{Classes, Group, Prefix, Tenants, quota};

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
    /// Whose it is; everybody's where nobody is named. Where groups are, of all tenants in them.
    pub(crate) tenants: Option<BTreeSet<String>>,
    /// The groups that are named.
    pub(crate) groups: Vec<Group>,
    pub(crate) each: Each,
    pub(crate) cycle: Cycle,
    pub(crate) direction: Direction,
    /// Of which classes' traffic; of all, if none is named.
    pub(crate) classes: Vec<String>,
    /// The limit, and where something happens.
    pub(crate) rule: quota::Quota,
    pub(crate) actions: Vec<Action>,
    /// Whether nothing is done, and only said what would be.
    pub(crate) is_dry: bool,
}

impl Quota {
    /// Whether it is this tenant's.
    pub(crate) fn is_of(&self, tenant: &str) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant))
    }
}

/// Whose use is compared with the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Each {
    Tenant,
    Host,
    /// All tenants of a group together.
    Group,
}

impl Each {
    const ALL: [(&'static str, Self); 3] =
        [("tenant", Self::Tenant), ("host", Self::Host), ("group", Self::Group)];

    pub(crate) fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, one)| *one == self).map_or("", |(word, _)| word)
    }
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

impl Reader {
    pub(super) fn quotas(&mut self, root: Table<'_>, tenants: &Tenants, classes: &Classes) -> Quotas {
        let mut quotas = Quotas::default();
        if let Some(table) = self.table(root, "quotas") {
            self.quotas_table(table, tenants, &mut quotas);
        }
        for (table, at) in self.tables(root, "quota") {
            let Some(quota) = self.quota(table, at.clone(), tenants, classes) else { continue };
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

    fn quota(
        &mut self,
        table: Table<'_>,
        at: Range<usize>,
        tenants: &Tenants,
        classes: &Classes,
    ) -> Option<Quota> {
        let known = [
            "name",
            "tenants",
            "groups",
            "each",
            "cycle",
            "direction",
            "classes",
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
        let groups = self.quota_groups(table, tenants);
        let named = match groups.is_empty() {
            true => self.quota_tenants(table, tenants),
            false => {
                let members = groups.iter().flat_map(|group| tenants.in_group(group));
                Some(members.map(|tenant| tenant.name.clone()).collect())
            }
        };
        let each = self.each(table, &groups);
        let classes = self.quota_classes(table, classes);
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
                let (name, tenants) = (name?, named);
                Some(Quota { name, tenants, groups, each, cycle, direction, classes, rule, actions, is_dry })
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

    /// Whose use is compared with the limit: that of groups together, if groups are named and nothing else is said.
    fn each(&mut self, table: Table<'_>, groups: &[Group]) -> Each {
        let each = self.word(table, "each", &Each::ALL);
        if let (Some(Each::Group), true, Some(value)) = (each, groups.is_empty(), table.get("each"))
            && !table.contains_key("groups")
        {
            self.note(value.span(), "no group is named", "add groups = [\"campus/north\"]");
        }
        each.unwrap_or(if groups.is_empty() { Each::Tenant } else { Each::Group })
    }

    /// `groups = ["campus/north"]`.
    fn quota_groups(&mut self, table: Table<'_>, tenants: &Tenants) -> Vec<Group> {
        let Some(value) = table.get("groups") else { return Vec::new() };
        if matches!(value.get_ref(), DeValue::Array(list) if list.is_empty()) {
            self.note(value.span(), "groups is empty", "name some, or leave it out");
        }
        if table.contains_key("tenants") {
            let cure = "take one out: a group is all tenants in it";
            self.note(value.span(), "both tenants and groups are named", cure);
        }
        let known = tenants.groups();
        let mut groups: Vec<Group> = Vec::new();
        for (text, place) in self.strings(table, "groups") {
            match self.known_group(text, place.clone(), &known) {
                Some(group) if groups.contains(&group) => {
                    self.note(place, format!("group \"{group}\" is named twice"), "take one out");
                }
                group => groups.extend(group),
            }
        }
        groups
    }

    /// `classes = ["transit"]`, as tariffs have it.
    fn quota_classes(&mut self, table: Table<'_>, classes: &Classes) -> Vec<String> {
        let known = classes.names();
        for (name, place) in self.strings(table, "classes") {
            if !known.contains(&name) {
                let cure = match super::nearest(name, &known) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("add [[class]] with name = \"{name}\""),
                };
                self.note(place, format!("there is no class \"{name}\""), cure);
            }
        }
        self.class_names(table)
    }

    fn quota_tenants(&mut self, table: Table<'_>, tenants: &Tenants) -> Option<BTreeSet<String>> {
        let value = table.get("tenants")?;
        let names = self.strings(table, "tenants");
        if let (DeValue::Array(list), true) = (value.get_ref(), names.is_empty())
            && list.is_empty()
        {
            self.note(value.span(), "tenants is empty", "name some, or leave it out: then it is everybody's");
        }
        let mut known = BTreeSet::new();
        for (name, place) in names {
            if tenants.get(name).is_none_or(|tenant| tenant.is_shared) {
                self.no_tenant(name, place, tenants, "");
            }
            known.insert(name.to_owned());
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

    fn span(&mut self, text: &str, place: Range<usize>, example: &str) -> Option<i64> {
        let span = span_ms(text);
        if span.is_none() {
            let cure = format!("write for example \"{example}\"");
            self.note(place, format!("\"{text}\" is no length of time"), cure);
        }
        span
    }
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
