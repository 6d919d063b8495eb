//! Quotas as TOML that reads back to the same.

use super::super::dump::{list, quote};
use super::{Action, Allow, Each, MINUTE_MS, Quota, Quotas, Task};
use std::fmt::{self, Write};
use weir_account::quota::Threshold;

impl Quotas {
    pub(in super::super) fn write(&self, out: &mut String) -> fmt::Result {
        let Self { list: quotas, fuse, allow, expire_ms, lag_ms, every_ms } = self;
        if *self != Self::default() {
            writeln!(out, "\n[quotas]\nfuse = {fuse}")?;
            if !allow.is_empty() {
                let names: Vec<String> = allow.iter().map(Allow::text).collect();
                writeln!(out, "allow = {}", list(&names))?;
            }
            if let Some(ms) = expire_ms {
                writeln!(out, "expire = \"{}\"", span(*ms))?;
            }
            writeln!(out, "lag = \"{}\"\nevery = \"{}\"", span(*lag_ms), span(*every_ms))?;
        }
        quotas.iter().try_for_each(|quota| quota.write(out))
    }
}

impl Allow {
    fn text(&self) -> String {
        match self {
            Self::Tenant(name) => name.clone(),
            Self::Network(network) => network.to_string(),
        }
    }
}

impl Quota {
    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\n[[quota]]\nname = {}", quote(&self.name))?;
        match (&self.tenants, self.groups.is_empty()) {
            (_, false) => {
                let paths: Vec<String> = self.groups.iter().map(ToString::to_string).collect();
                writeln!(out, "groups = {}\neach = \"{}\"", list(&paths), self.each.word())?;
            }
            (Some(tenants), true) => {
                let names: Vec<String> = tenants.iter().cloned().collect();
                writeln!(out, "tenants = {}", list(&names))?;
            }
            (None, true) => {}
        }
        if self.each == Each::Host && self.groups.is_empty() {
            writeln!(out, "each = \"host\"")?;
        }
        if !self.classes.is_empty() {
            writeln!(out, "classes = {}", list(&self.classes))?;
        }
        writeln!(out, "cycle = \"{}\"\ndirection = \"{}\"", self.cycle.word(), self.direction.word())?;
        let mut percents = Vec::new();
        for threshold in &self.rule.thresholds {
            match threshold {
                Threshold::Percent(percent) => percents.push(percent.to_string()),
                Threshold::Pace(hundredths) => {
                    writeln!(out, "pace = {}.{:02}", hundredths / 100, hundredths % 100)?;
                }
                Threshold::Forecast => writeln!(out, "forecast = true")?,
            }
        }
        writeln!(out, "limit = \"{}\"\nthresholds = [{}]", self.rule.limit, percents.join(", "))?;
        writeln!(out, "hysteresis = {}\ndry_run = {}", self.rule.hysteresis, self.is_dry)?;
        self.actions.iter().try_for_each(|action| action.write(out))
    }
}

impl Action {
    fn write(&self, out: &mut String) -> fmt::Result {
        let at = match self.at {
            Threshold::Percent(percent) => percent.to_string(),
            Threshold::Pace(_) => "\"pace\"".to_owned(),
            Threshold::Forecast => "\"forecast\"".to_owned(),
        };
        writeln!(out, "\n[[quota.action]]\nat = {at}\ndo = \"{}\"", self.task.word())?;
        match &self.task {
            Task::Mail { to } => writeln!(out, "to = {}", list(to))?,
            Task::Webhook { url } => writeln!(out, "url = {}", quote(url))?,
            Task::Exec { program } => writeln!(out, "program = {}", list(program))?,
            Task::Nftables { set, set6 } => {
                for (key, set) in [("set", set), ("set6", set6)] {
                    if let Some(set) = set {
                        writeln!(out, "{key} = {}", quote(set))?;
                    }
                }
            }
        }
        if self.back {
            writeln!(out, "back = true")?;
        }
        Ok(())
    }
}

fn span(ms: i64) -> String {
    match ms % MINUTE_MS {
        0 => format!("{} min", ms / MINUTE_MS),
        _ => format!("{} s", ms / 1000),
    }
}
