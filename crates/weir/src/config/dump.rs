//! The configuration as understood, as TOML that [`super::read()`] reads back to the same.

use super::Config;
use std::fmt::Write;
use weir_account::attribution::Count;

impl Config {
    /// The whole configuration, defaults included.
    pub(crate) fn dump(&self) -> String {
        let mut out = String::new();
        // Writing into a string does not fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        super::store::write(self, out)?;
        super::cache::write(self, out)?;
        for rollup in &self.rollups {
            super::rollup::write(rollup, out)?;
        }
        for listen in &self.listen {
            listen.write(out)?;
        }
        self.collect.write(out)?;
        if let Some(web) = self.web {
            web.write(out)?;
        }
        if let Some(sql) = &self.sql {
            sql.write(out)?;
        }
        self.memory.write(out)?;
        self.names.write(out)?;
        for exporter in &self.exporters {
            writeln!(
                out,
                "\n[[exporter]]\nname = {}\naddress = \"{}\"",
                quote(&exporter.name),
                exporter.address
            )?;
            if let Some(sampling) = exporter.sampling {
                writeln!(out, "sampling = {sampling}")?;
            }
            match &exporter.count {
                Count::Interfaces(list) => {
                    let list: Vec<String> = list.iter().map(u32::to_string).collect();
                    writeln!(out, "count = [{}]", list.join(", "))?;
                }
                rule => writeln!(out, "count = \"{rule}\"")?,
            }
            if !exporter.interfaces.is_empty() {
                let names = exporter.interfaces.iter().map(|(n, i)| format!("{} = {i}", quote(n)));
                writeln!(out, "interfaces = {{ {} }}", names.collect::<Vec<_>>().join(", "))?;
            }
        }
        for relay in &self.relays {
            relay.write(out)?;
        }
        for tenant in self.tenants.iter() {
            self.write_tenant(tenant, out)?;
        }
        for group in &self.groups {
            group.write(out)?;
        }
        super::class::write(self, out)?;
        super::tariff::write(&self.tariffs, &self.zone, out)?;
        super::uplink::write(self, out)?;
        self.statement.write(out)?;
        if let Some(mail) = &self.mail {
            mail.write(out)?;
        }
        for schedule in &self.schedules {
            schedule.write(out)?;
        }
        self.quotas.write(out)?;
        let own: Vec<String> = self.own.iter().map(ToString::to_string).collect();
        writeln!(out, "\n[accounting]\nown = {}", list(&own))?;
        if let Some(sampling) = self.sampling_default {
            writeln!(out, "sampling_default = {sampling}")?;
        }
        let (zone, day, unit) = (quote(self.zone.name()), self.day, self.unit.factor());
        writeln!(out, "\n[billing]\nzone = {zone}\nday = {day}\nunit = {unit}")?;
        if self.accepts_counted_twice {
            writeln!(out, "counted_twice = \"accept\"")?;
        }
        Ok(())
    }
}

pub(super) fn quote(text: &str) -> String {
    toml::Value::from(text).to_string()
}

pub(super) fn list(items: &[String]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| quote(item)).collect();
    format!("[{}]", quoted.join(", "))
}
