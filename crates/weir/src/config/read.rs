//! From TOML to [`Config`]: every key known, every value checked, every mistake noted with its place.

use super::apart::{self, Apart};
use super::mistake::{Mistake, nearest, zone_meant};
use super::statement::Own;
use super::tenant::Beside;
use super::{Config, Exporter, Listen};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use weir_account::attribution::Count;
use weir_account::{Prefix, Zone};
use weir_flow::Addr;

/// The tables of the configuration.
pub(crate) const TABLES: [&str; 24] = [
    "store",
    "cache",
    "rollup",
    "listen",
    "collect",
    "limits",
    "web",
    "names",
    "sql",
    "exporter",
    "relay",
    "tenant",
    "group",
    "shared",
    "class",
    "tariff",
    "uplink",
    "quota",
    "quotas",
    "accounting",
    "billing",
    "statement",
    "mail",
    "schedule",
];

/// Reads a configuration.
///
/// # Errors
/// All mistakes, in the order of their places.
pub(crate) fn read(text: &str) -> Result<Config, Vec<Mistake>> {
    read_with(text, true)
}

/// The same of one that was kept: the files that it names are not opened, for they may be gone.
///
/// # Errors
/// As [`read()`].
pub(crate) fn read_kept(text: &str) -> Result<Config, Vec<Mistake>> {
    read_with(text, false)
}

fn read_with(text: &str, opens_files: bool) -> Result<Config, Vec<Mistake>> {
    if let Some(config) = read_apart(text, opens_files) {
        return Ok(config);
    }
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let place = error.span().unwrap_or_default();
            let mut message = error.message().trim().to_owned();
            // Which key it is, the parser shows by its place only.
            if let ("duplicate key", Some(key)) = (&*message, text.get(place.clone())) {
                message = format!("{message} \"{key}\"");
            }
            return Err(vec![Mistake::new(place, message, "see https://toml.io for the syntax")]);
        }
    };
    let mut reader = Reader::new(Apart::default(), opens_files);
    let config = reader.config(document.get_ref());
    reader.mistakes.sort_by_key(|m| m.place.start);
    if reader.mistakes.is_empty() { Ok(config) } else { Err(reader.mistakes) }
}

/// A configuration of which the tables of tenants are read one by one; `None` if it has a mistake, whose place only the
/// whole has, or cannot be read so.
fn read_apart(text: &str, opens_files: bool) -> Option<Config> {
    let (rest, apart) = apart::split(text, &TABLES)?;
    let document = DeTable::parse(&rest).ok()?;
    // Two ways of writing tenants in one document are a mistake.
    if document.get_ref().contains_key("tenant") {
        return None;
    }
    let mut reader = Reader::new(apart, opens_files);
    let config = reader.config(document.get_ref());
    reader.mistakes.is_empty().then_some(config)
}

/// A value and its place.
type Value<'a> = &'a Spanned<DeValue<'a>>;
/// A table of the document.
pub(super) type Table<'a> = &'a DeTable<'a>;

/// What has been found wrong so far.
pub(super) struct Reader {
    pub(super) mistakes: Vec<Mistake>,
    /// Whether it is said how mail is sent.
    pub(super) has_mail: bool,
    /// Whether files that the configuration names are read.
    pub(super) opens_files: bool,
    /// Tables of tenants that are not in the document.
    pub(super) apart: Apart,
    /// What tenants want of their statements, by name, as far as they were read.
    pub(super) own: BTreeMap<String, Own>,
}

impl Reader {
    pub(super) fn new(apart: Apart, opens_files: bool) -> Self {
        Self { mistakes: Vec::new(), has_mail: false, opens_files, apart, own: BTreeMap::new() }
    }

    fn config(&mut self, root: &DeTable<'_>) -> Config {
        let mut config = Config::default();
        self.has_mail = root.contains_key("mail");
        self.keys(root, "the configuration", &TABLES);
        if let Some(store) = self.table(root, "store") {
            self.store(store, &mut config);
        }
        if let Some(cache) = self.table(root, "cache") {
            self.cache(cache, &mut config);
        }
        config.rollups = self.rollups(root);
        if root.contains_key("listen") {
            config.listen = self.listeners(root);
            config.listens_by_default = false;
        }
        config.exporters = self.exporters(root);
        if let Some(collect) = self.table(root, "collect") {
            config.collect = self.collect(collect);
        }
        if let Some(limits) = self.table(root, "limits") {
            self.limits(limits, &mut config);
        }
        config.web = self.table(root, "web").and_then(|web| self.web(web));
        if let Some(names) = self.table(root, "names") {
            config.names = self.names(names);
        }
        let at = root.get("sql").map(toml::Spanned::span).unwrap_or_default();
        config.sql = self.table(root, "sql").and_then(|sql| self.sql(sql, &at));
        for (table, at) in self.tables(root, "relay") {
            config.relays.push(self.relay(table, at, &config.exporters, &config.listen));
        }
        if let Some(accounting) = self.table(root, "accounting") {
            self.accounting(accounting, &mut config);
        }
        if let Some(billing) = self.table(root, "billing") {
            self.billing(billing, &mut config);
        }
        config.classes = self.classes(root, &config.exporters);
        config.tariffs = self.tariffs(root, &config.zone);
        self.classes_of_tariffs(root, &config.classes, &config.tariffs);
        let Config { tariffs, exporters, zone, .. } = &config;
        config.tenants = self.tenants(root, &Beside { tariffs, exporters, zone });
        config.groups = self.groups(root, &config.tenants);
        config.uplinks = self.uplinks(root, &config);
        config.statement = self.statement(root);
        if let (Some(mail), Some(value)) = (self.table(root, "mail"), root.get("mail")) {
            config.mail = self.mail(mail, value.span());
        }
        let schedules = self.tables(root, "schedule").into_iter();
        config.schedules =
            schedules.filter_map(|(table, at)| self.schedule(table, at, root.contains_key("mail"))).collect();
        config.quotas = self.quotas(root, &config.tenants, &config.classes);
        config
    }

    fn listeners(&mut self, root: &DeTable<'_>) -> Vec<Listen> {
        let mut listeners = Vec::new();
        for (table, at) in self.tables(root, "listen") {
            listeners.extend(self.listen(table, at.clone()).into_iter().map(|listen| (listen, at.clone())));
        }
        self.listen_twice(&listeners);
        listeners.into_iter().map(|(listen, _)| listen).collect()
    }

    fn exporters(&mut self, root: &DeTable<'_>) -> Vec<Exporter> {
        let mut exporters: Vec<Exporter> = Vec::new();
        for (table, at) in self.tables(root, "exporter") {
            let Some(exporter) = self.exporter(table, at.clone()) else { continue };
            for known in &exporters {
                if known.name == exporter.name {
                    self.note(
                        at.clone(),
                        format!("there are two exporters \"{}\"", known.name),
                        "rename one",
                    );
                }
                if known.address == exporter.address {
                    let both = format!("exporters \"{}\" and \"{}\"", known.name, exporter.name);
                    self.note(
                        at.clone(),
                        format!("{both} have the address {}", known.address),
                        "take one out",
                    );
                }
            }
            exporters.push(exporter);
        }
        exporters
    }

    fn exporter(&mut self, table: &DeTable<'_>, at: Range<usize>) -> Option<Exporter> {
        self.keys(table, "[[exporter]]", &["name", "address", "sampling", "count", "interfaces"]);
        let address = self.string(table, "address").and_then(|(text, place)| self.address(text, place));
        if !table.contains_key("address") {
            self.missing(at.clone(), "[[exporter]]", "address", "address = \"192.0.2.1\"");
        }
        let name = self.string(table, "name").map(|(name, _)| name.to_owned());
        let interfaces = self.interfaces(table);
        let sampling = self.number(table, "sampling", 1, u32::MAX.into(), "write 100 for 1 packet in 100");
        let count = self.count(table, &interfaces);
        let address = address?;
        Some(Exporter {
            name: name.unwrap_or_else(|| address.to_string()),
            address,
            sampling: sampling.and_then(|n| u32::try_from(n).ok()),
            count,
            interfaces,
        })
    }

    /// `interfaces = { vlan31 = 31 }`: names for what `count` and filters speak of.
    fn interfaces(&mut self, table: &DeTable<'_>) -> Vec<(String, u32)> {
        let Some(names) = self.table(table, "interfaces") else { return Vec::new() };
        let keys: Vec<String> = names.keys().map(|k| k.get_ref().to_string()).collect();
        let index = |reader: &mut Self, key: &str| {
            let n = reader.number(names, key, 0, u32::MAX.into(), "write the interface's ifIndex")?;
            u32::try_from(n).ok()
        };
        keys.into_iter().filter_map(|key| Some((key.clone(), index(self, &key)?))).collect()
    }

    fn count(&mut self, table: &DeTable<'_>, interfaces: &[(String, u32)]) -> Count {
        let Some(value) = table.get("count") else { return Count::All };
        let cure = "write a list of interfaces, or \"all\", \"ingress\", \"egress\" or \"none\"";
        match value.get_ref() {
            DeValue::String(word) => match word.as_ref() {
                "all" => Count::All,
                "ingress" => Count::Ingress,
                "egress" => Count::Egress,
                "none" => Count::None,
                other => {
                    self.note(value.span(), format!("count = \"{other}\" is no rule"), cure);
                    Count::All
                }
            },
            DeValue::Array(list) => {
                Count::Interfaces(list.iter().filter_map(|item| self.interface(item, interfaces)).collect())
            }
            _ => {
                self.note(value.span(), "count is neither a list nor a word", cure);
                Count::All
            }
        }
    }

    pub(super) fn interface(&mut self, item: Value<'_>, interfaces: &[(String, u32)]) -> Option<u32> {
        match item.get_ref() {
            DeValue::Integer(n) => {
                let index = integer(n).and_then(|n| u32::try_from(n).ok());
                if index.is_none() {
                    self.note(item.span(), "this is no interface index", "write the interface's ifIndex");
                }
                index
            }
            DeValue::String(name) => {
                let known = interfaces.iter().find(|(n, _)| n == name.as_ref()).map(|(_, index)| *index);
                if known.is_none() {
                    self.note(
                        item.span(),
                        format!("the interface \"{name}\" has no number"),
                        format!("add interfaces = {{ {name} = 31 }} with its ifIndex, or write the number"),
                    );
                }
                known
            }
            _ => {
                self.note(item.span(), "this is no interface", "write its ifIndex or its name");
                None
            }
        }
    }

    fn accounting(&mut self, table: &DeTable<'_>, config: &mut Config) {
        self.keys(table, "[accounting]", &["own", "sampling_default"]);
        if table.contains_key("own") {
            let own = self.strings(table, "own");
            config.own = own.into_iter().filter_map(|(text, place)| self.network(text, place)).collect();
        }
        let cure = "write 100 for 1 packet in 100";
        let sampling = self.number(table, "sampling_default", 1, u32::MAX.into(), cure);
        config.sampling_default = sampling.and_then(|n| u32::try_from(n).ok());
    }

    fn billing(&mut self, table: &DeTable<'_>, config: &mut Config) {
        self.keys(table, "[billing]", &["zone", "day", "unit", "counted_twice"]);
        if let Some(zone) = self.zone(table) {
            config.zone = zone;
        }
        if let Some(day) = self.day(table) {
            config.day = day;
        }
        if let Some(unit) = self.unit(table) {
            config.unit = unit;
        }
        if let Some((word, place)) = self.string(table, "counted_twice") {
            match word {
                "refuse" => config.accepts_counted_twice = false,
                "accept" => config.accepts_counted_twice = true,
                _ => self.note(
                    place,
                    format!("\"{word}\" is nothing that is done about traffic that looks counted twice"),
                    "write \"refuse\" (nothing is closed), or \"accept\"",
                ),
            }
        }
    }

    /// `zone = "Europe/Berlin"`.
    pub(super) fn zone(&mut self, table: Table<'_>) -> Option<Zone> {
        let (text, place) = self.string(table, "zone")?;
        match Zone::parse(text) {
            Ok(zone) => Some(zone),
            Err(unknown) => {
                let cure = match zone_meant(text, unknown.suggestion) {
                    Some(name) => format!("did you mean \"{name}\"?"),
                    None => "write a zone of the time zone database, as \"Europe/Berlin\"".to_owned(),
                };
                self.note(place, format!("there is no time zone \"{text}\""), cure);
                None
            }
        }
    }

    /// `day = 15`, on which months begin.
    pub(super) fn day(&mut self, table: Table<'_>) -> Option<u8> {
        let day = self.number(table, "day", 1, 31, "29 to 31 mean the month's end where it is shorter")?;
        u8::try_from(day).ok()
    }

    fn address(&mut self, text: &str, place: Range<usize>) -> Option<Addr> {
        let address = text.parse().ok();
        if address.is_none() {
            self.note(
                place,
                format!("\"{text}\" is no address"),
                "write an IPv4 or IPv6 address, as \"192.0.2.1\"",
            );
        }
        address
    }

    pub(super) fn network(&mut self, text: &str, place: Range<usize>) -> Option<Prefix> {
        match text.parse::<Prefix>() {
            Ok(prefix) => Some(prefix),
            Err(error) => {
                let sentence = error.to_string();
                let (message, cure) = sentence
                    .split_once(": ")
                    .or_else(|| sentence.split_once("; "))
                    .unwrap_or((&sentence, "write \"192.168.31.0/24\""));
                self.note(place, message, cure);
                None
            }
        }
    }

    // What follows takes values out of tables and notes those of another type.

    pub(super) fn note(&mut self, place: Range<usize>, message: impl Into<String>, cure: impl Into<String>) {
        self.mistakes.push(Mistake::new(place, message, cure));
    }

    pub(super) fn missing(&mut self, at: Range<usize>, of: &str, key: &str, example: &str) {
        self.note(at, format!("{of} has no {key}"), format!("add {example}"));
    }

    /// Notes every key that is not known.
    pub(super) fn keys(&mut self, table: &DeTable<'_>, of: &str, known: &[&str]) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let cure = match nearest(name, known) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("known are {}", known.join(", ")),
                };
                self.note(key.span(), format!("unknown key \"{name}\" in {of}"), cure);
            }
        }
    }

    pub(super) fn table<'a>(&mut self, table: &'a DeTable<'a>, key: &str) -> Option<&'a DeTable<'a>> {
        let value = table.get(key)?;
        match value.get_ref() {
            DeValue::Table(inner) => Some(inner),
            _ => {
                self.note(
                    value.span(),
                    format!("{key} is no table"),
                    format!("write [{key}] above its keys"),
                );
                None
            }
        }
    }

    /// The tables of an array of tables, each with its place.
    pub(super) fn tables<'a>(
        &mut self,
        table: &'a DeTable<'a>,
        key: &str,
    ) -> Vec<(&'a DeTable<'a>, Range<usize>)> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let cure = format!("write [[{key}]] above each");
        let DeValue::Array(list) = value.get_ref() else {
            self.note(value.span(), format!("{key} is no list of tables"), cure);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in list.iter() {
            match item.get_ref() {
                DeValue::Table(inner) => tables.push((inner, item.span())),
                _ => self.note(item.span(), format!("{key} holds something that is no table"), cure.clone()),
            }
        }
        tables
    }

    pub(super) fn string<'a>(
        &mut self,
        table: &'a DeTable<'a>,
        key: &str,
    ) -> Option<(&'a str, Range<usize>)> {
        let value = table.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some((text, value.span())),
            _ => {
                self.note(
                    value.span(),
                    format!("{key} is no text"),
                    format!("write {key} = \"…\" in quotes"),
                );
                None
            }
        }
    }

    pub(super) fn strings<'a>(&mut self, table: &'a DeTable<'a>, key: &str) -> Vec<(&'a str, Range<usize>)> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let cure = format!("write {key} = [\"…\", \"…\"]");
        let DeValue::Array(list) = value.get_ref() else {
            self.note(value.span(), format!("{key} is no list"), cure);
            return Vec::new();
        };
        let mut strings = Vec::new();
        for item in list.iter() {
            match item.get_ref() {
                DeValue::String(text) => strings.push((text.as_ref(), item.span())),
                _ => self.note(item.span(), format!("{key} holds something that is no text"), cure.clone()),
            }
        }
        strings
    }

    pub(super) fn number(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        low: i64,
        high: i64,
        cure: &str,
    ) -> Option<i64> {
        let value = table.get(key)?;
        let number = number(value).filter(|n| (low..=high).contains(n));
        if number.is_none() {
            self.note(value.span(), format!("{key} is no whole number from {low} to {high}"), cure);
        }
        number
    }

    pub(super) fn boolean(&mut self, table: &DeTable<'_>, key: &str) -> bool {
        let Some(value) = table.get(key) else { return false };
        if let DeValue::Boolean(b) = value.get_ref() {
            return *b;
        }
        self.note(value.span(), format!("{key} is neither true nor false"), format!("write {key} = true"));
        false
    }

    /// One of a list of words.
    pub(super) fn word<T: Copy>(&mut self, table: &DeTable<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
        let (text, place) = self.string(table, key)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let cure = match nearest(text, &known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write one of \"{}\"", known.join("\", \"")),
        };
        self.note(place, format!("{key} = \"{text}\" is not known"), cure);
        None
    }
}

pub(super) fn number(value: Value<'_>) -> Option<i64> {
    match value.get_ref() {
        DeValue::Integer(n) => integer(n),
        _ => None,
    }
}

fn integer(n: &toml::de::DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(n.as_str(), n.radix()).ok()
}
