//! `[collect]`: who is heard, and how much of one exporter.

use super::dump::list;
use super::read::{Reader, Table};
use std::fmt::{self, Write};
use weir_account::Prefix;
use weir_flow::session::TEMPLATES_MAX;

/// Who is heard, and how much of one exporter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Collect {
    /// Networks that are heard besides the declared exporters; empty: everybody, unless `only_declared`.
    pub(crate) allow: Vec<Prefix>,
    /// Only exporters with an `[[exporter]]` of their own are heard.
    pub(crate) only_declared: bool,
    /// Datagrams that one exporter may send in a second, at each listener.
    pub(crate) datagrams_per_second: Option<u32>,
    /// Templates that are kept of one exporter, in each observation domain.
    pub(crate) templates_per_exporter: usize,
    /// Whether elements without a column of their own are kept.
    pub(crate) other_elements: bool,
}

impl Default for Collect {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            only_declared: false,
            datagrams_per_second: None,
            templates_per_exporter: TEMPLATES_MAX,
            other_elements: true,
        }
    }
}

impl Collect {
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\n[collect]")?;
        if !self.allow.is_empty() {
            let networks: Vec<String> = self.allow.iter().map(ToString::to_string).collect();
            writeln!(out, "allow = {}", list(&networks))?;
        }
        writeln!(out, "only_declared = {}", self.only_declared)?;
        if let Some(n) = self.datagrams_per_second {
            writeln!(out, "datagrams_per_second = {n}")?;
        }
        writeln!(out, "templates_per_exporter = {}", self.templates_per_exporter)?;
        writeln!(out, "other_elements = {}", self.other_elements)
    }
}

impl Reader {
    pub(super) fn collect(&mut self, table: Table<'_>) -> Collect {
        let known =
            ["allow", "only_declared", "datagrams_per_second", "templates_per_exporter", "other_elements"];
        self.keys(table, "[collect]", &known);
        let mut collect = Collect::default();
        for (text, place) in self.strings(table, "allow") {
            collect.allow.extend(self.network(text, place));
        }
        if let Some(value) = table.get("allow")
            && collect.allow.is_empty()
            && self.mistakes.is_empty()
        {
            let cure = "name networks, or take it out to hear everybody";
            self.note(value.span(), "allow is empty: nobody would be heard", cure);
        }
        collect.only_declared = self.boolean(table, "only_declared");
        if table.get("other_elements").is_some() {
            collect.other_elements = self.boolean(table, "other_elements");
        }
        if let (true, Some(value)) = (collect.only_declared, table.get("allow")) {
            let cure = "take allow out, or only_declared";
            self.note(
                value.span(),
                "only_declared hears nobody but the [[exporter]] entries, allow hears more",
                cure,
            );
        }
        let cure = "leave it out for no limit";
        let limit = self.number(table, "datagrams_per_second", 1, u32::MAX.into(), cure);
        collect.datagrams_per_second = limit.and_then(|n| u32::try_from(n).ok());
        let cure = "2048 is what is taken without it";
        if let Some(n) = self.number(table, "templates_per_exporter", 1, 65_280, cure) {
            collect.templates_per_exporter = usize::try_from(n).unwrap_or(TEMPLATES_MAX);
        }
        collect
    }
}
