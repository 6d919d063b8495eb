//! `interfaces`, `vlans` and `macs` of `[[tenant]]`: where it is attached (docs/tenants.md).

use super::read::{Reader, Table, number};
use super::{Config, Exporter};
use std::fmt::{self, Write};
use std::ops::Range;
use toml::Spanned;
use toml::de::DeValue;
use weir_account::{Attachment, Port, Span, Tenant, Zone};
use weir_flow::Mac;

/// The keys, each with what an entry's table calls its thing and how it is written.
pub(super) const KEYS: [(&str, &str, &str); 3] = [
    ("interfaces", "interface", "interfaces = [{ exporter = \"core\", interface = 31 }]"),
    ("vlans", "vlan", "vlans = [31]"),
    ("macs", "mac", "macs = [\"02:00:5e:00:53:01\"]"),
];

/// A port and its place in the text.
type Found = (Attachment, Range<usize>);

impl Reader {
    /// All ports of a tenant.
    pub(super) fn ports(&mut self, table: Table<'_>, exporters: &[Exporter], zone: &Zone) -> Vec<Found> {
        let mut found = Vec::new();
        for (key, one, example) in KEYS {
            let Some(value) = table.get(key) else { continue };
            let DeValue::Array(items) = value.get_ref() else {
                self.note(value.span(), format!("{key} is no list"), format!("write {example}"));
                continue;
            };
            for item in items.iter() {
                found.extend(self.attachment(item, one, example, exporters, zone));
            }
        }
        found
    }

    /// An entry: the thing itself, or a table with it, `from` and `until`.
    fn attachment(
        &mut self,
        item: &Spanned<DeValue<'_>>,
        one: &'static str,
        example: &str,
        exporters: &[Exporter],
        zone: &Zone,
    ) -> Option<Found> {
        let at = item.span();
        let (port, time) = match item.get_ref() {
            DeValue::Table(entry) => {
                let mut known = vec![one, "from", "until"];
                if one == "interface" {
                    known.push("exporter");
                }
                self.keys(entry, &format!("an {one} of a tenant"), &known);
                let Some(value) = entry.get(one) else {
                    self.missing(at, &format!("an entry of {one}s"), one, example);
                    return None;
                };
                let port = match one {
                    "interface" => self.interface_of(entry, value, &at, exporters),
                    _ => self.port(value, one, example),
                };
                (
                    port,
                    Span {
                        from_ms: self.instant(entry, "from", zone),
                        to_ms: self.instant(entry, "until", zone),
                    },
                )
            }
            _ => (self.port(item, one, example), Span::default()),
        };
        Some((Attachment { port: port?, time }, at))
    }

    /// A VLAN or a MAC address; an interface is nothing without its exporter.
    fn port(&mut self, value: &Spanned<DeValue<'_>>, one: &str, example: &str) -> Option<Port> {
        let port = match (one, value.get_ref()) {
            ("vlan", _) => number(value)
                .and_then(|n| u16::try_from(n).ok())
                .filter(|n| (1..4095).contains(n))
                .map(Port::Vlan),
            ("mac", DeValue::String(text)) => text.replace('-', ":").parse::<Mac>().ok().map(Port::Mac),
            _ => None,
        };
        if port.is_none() {
            self.note(value.span(), format!("this is no {one}"), format!("write {example}"));
        }
        port
    }

    fn interface_of(
        &mut self,
        entry: Table<'_>,
        value: &Spanned<DeValue<'_>>,
        at: &Range<usize>,
        exporters: &[Exporter],
    ) -> Option<Port> {
        let Some((name, place)) = self.string(entry, "exporter") else {
            if !entry.contains_key("exporter") {
                self.missing(at.clone(), "an entry of interfaces", "exporter", "exporter = \"core\"");
            }
            return None;
        };
        let (address, interfaces) = self.exporter_named(name, place, exporters)?;
        self.interface(value, interfaces).map(|index| Port::Interface(address, index))
    }
}

impl Config {
    pub(super) fn write_ports(&self, tenant: &Tenant, out: &mut String) -> fmt::Result {
        for (key, one, _) in KEYS {
            let entries = tenant.ports.iter().filter_map(|Attachment { port, time }| {
                let (thing, exporter) = match (one, port) {
                    ("interface", Port::Interface(exporter, index)) => {
                        let name = super::dump::quote(&self.exporter_name(*exporter));
                        (index.to_string(), format!("exporter = {name}, "))
                    }
                    ("vlan", Port::Vlan(vlan)) => (vlan.to_string(), String::new()),
                    ("mac", Port::Mac(mac)) => (format!("\"{mac}\""), String::new()),
                    _ => return None,
                };
                let edges = super::tenant::edges(*time, &self.zone);
                Some(match exporter.is_empty() && edges.is_empty() {
                    true => thing,
                    false => format!("{{ {exporter}{one} = {thing}{edges} }}"),
                })
            });
            let entries: Vec<String> = entries.collect();
            if !entries.is_empty() {
                writeln!(out, "{key} = [{}]", entries.join(", "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::read;

    const TEXT: &str = r#"
[[exporter]]
name = "core"
address = "192.0.2.1"
interfaces = { vlan31 = 531 }

[[tenant]]
name = "rack"
interfaces = [
    { exporter = "core", interface = "vlan31" },
    { exporter = "192.0.2.9", interface = 7, until = "2026-10-14" },
]
vlans = [31, { vlan = 32, from = "2026-10-14" }]
macs = ["02:00:5E:00:53:01", "02-00-5e-00-53-02"]

[billing]
zone = "Europe/Berlin"
"#;

    #[test]
    fn ports_are_read_and_dumped() {
        let config = read(TEXT).unwrap();
        let ports: Vec<String> = config
            .tenants
            .get("rack")
            .unwrap()
            .ports
            .iter()
            .map(|one| format!("{}{}", one.port, one.time.text(&config.zone)))
            .collect();
        assert_eq!(
            ports,
            [
                "interface 531 of exporter 192.0.2.1",
                "interface 7 of exporter 192.0.2.9 until 2026-10-14",
                "VLAN 31",
                "VLAN 32 from 2026-10-14",
                "MAC address 02:00:5e:00:53:01",
                "MAC address 02:00:5e:00:53:02",
            ]
        );
        let again = read(&config.dump()).unwrap();
        assert_eq!(again.dump(), config.dump());
        assert!(again.tenants.iter().eq(config.tenants.iter()));
    }

    #[test]
    fn what_is_no_port_is_said() {
        let said = |keys: &str| -> Vec<String> {
            let text = format!("[[tenant]]\nname = \"a\"\n{keys}\n");
            read(&text).unwrap_err().into_iter().map(|one| format!("{}; {}", one.message, one.cure)).collect()
        };
        assert_eq!(
            said("vlans = [4095, \"x\"]\nmacs = [\"02:00\"]"),
            [
                "this is no vlan; write vlans = [31]",
                "this is no vlan; write vlans = [31]",
                "this is no mac; write macs = [\"02:00:5e:00:53:01\"]",
            ]
        );
        assert_eq!(
            said("interfaces = [31, { interface = 31 }, { exporter = \"core\", interface = 31 }]"),
            [
                "this is no interface; write interfaces = [{ exporter = \"core\", interface = 31 }]",
                "an entry of interfaces has no exporter; add exporter = \"core\"",
                "there is no exporter \"core\"; add [[exporter]] with name = \"core\", or write its address",
            ]
        );
        assert_eq!(
            said("vlans = [31]\n[[tenant]]\nname = \"b\"\nnetworks = [\"10.0.0.0/24\"]\nvlans = [32, 31]"),
            ["VLAN 31 belongs to both \"a\" and \"b\"; take it out of one"]
        );
        assert_eq!(said(""), ["[[tenant]] has no networks; add networks = [\"192.168.31.0/24\"]"]);
    }
}
