//! `[[tenant]]`: who is accounted for, by which networks, when, and in whose records (docs/tenants.md).

use super::apart::Apart;
use super::dump::{list, quote};
use super::mistake::nearest;
use super::read::{Reader, Table};
use super::{Config, Exporter, port};
use std::fmt::{self, Write};
use std::num::NonZero;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use weir_account::span::{Span, fixed};
use weir_account::tariff::Tariff;
use weir_account::tenant::{Conflict, Place};
use weir_account::{Network, Tenant, Tenants, Zone};
use weir_flow::Addr;

/// The keys of `[[tenant]]`. `language` and `unit` are read with `[statement]`.
const KEYS: [&str; 14] = [
    "name",
    "networks",
    "interfaces",
    "vlans",
    "macs",
    "exporters",
    "mail",
    "nested",
    "tariff",
    "group",
    "zone",
    "day",
    "language",
    "unit",
];

/// From so many tenants on a thread costs less than it saves.
const MANY: usize = 500;

/// What tenants are read beside.
pub(super) struct Beside<'a> {
    pub(super) tariffs: &'a [Tariff],
    pub(super) exporters: &'a [Exporter],
    pub(super) zone: &'a Zone,
}

/// Where a tenant stands in the text, and each of its networks and ports.
pub(super) type Stands = (Range<usize>, Vec<Range<usize>>);

impl Reader {
    pub(super) fn tenants(&mut self, root: &DeTable<'_>, beside: &Beside<'_>) -> Tenants {
        let (mut tenants, mut places) = (self.tenants_apart(beside), Vec::new());
        for (table, at) in self.tables(root, "tenant") {
            let Some((tenant, networks)) = self.tenant(table, &at, beside) else { continue };
            tenants.push(tenant);
            places.push((at, networks));
        }
        self.shared(root, beside, &mut tenants, &mut places);
        Tenants::new(tenants).unwrap_or_else(|conflicts| {
            for conflict in conflicts {
                let sentence = conflict.text(beside.zone);
                let (message, cure) = sentence.split_once(": ").unwrap_or((&sentence, "give it one"));
                self.note(conflict_place(&conflict, &places), message, cure);
            }
            Tenants::default()
        })
    }

    /// The tenants that are not in the document, in their order. Where there are many, several threads read them.
    fn tenants_apart(&mut self, beside: &Beside<'_>) -> Vec<Tenant> {
        let apart = std::mem::take(&mut self.apart);
        let pieces: Vec<&str> = apart.pieces().collect();
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        if pieces.len() < MANY || threads == 1 {
            return self.pieces(&pieces, beside);
        }
        let (has_mail, opens_files) = (self.has_mail, self.opens_files);
        let read = |part: &[&str]| {
            let mut reader = Self { has_mail, ..Self::new(Apart::default(), opens_files) };
            let tenants = reader.pieces(part, beside);
            (reader, tenants)
        };
        let parts = pieces.chunks(pieces.len().div_ceil(threads));
        let mut tenants = Vec::with_capacity(pieces.len());
        std::thread::scope(|scope| {
            let read = &read;
            let parts: Vec<_> = parts.map(|part| (part, scope.spawn(move || read(part)))).collect();
            for (part, thread) in parts {
                // One that ended badly is read here, and then says why.
                let (reader, found) = thread.join().unwrap_or_else(|_| read(part));
                self.mistakes.extend(reader.mistakes);
                self.own.extend(reader.own);
                tenants.extend(found);
            }
        });
        tenants
    }

    /// The tenants of what stands under each head.
    fn pieces(&mut self, pieces: &[&str], beside: &Beside<'_>) -> Vec<Tenant> {
        let mut tenants = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match DeTable::parse(piece) {
                Ok(table) => {
                    let found = self.tenant(table.get_ref(), &(0..0), beside);
                    tenants.extend(found.map(|(tenant, _)| tenant));
                }
                Err(error) => self.note(0..0, error.message(), ""),
            }
        }
        tenants
    }

    fn tenant(
        &mut self,
        table: Table<'_>,
        at: &Range<usize>,
        beside: &Beside<'_>,
    ) -> Option<(Tenant, Vec<Range<usize>>)> {
        self.keys(table, "[[tenant]]", &KEYS);
        let name = self.string(table, "name").map(|(name, _)| name.to_owned());
        for (key, example) in
            [("name", "name = \"avtotrade\""), ("networks", "networks = [\"192.168.31.0/24\"]")]
        {
            let is_otherwise =
                key == "networks" && port::KEYS.iter().any(|(port, ..)| table.contains_key(*port));
            if !table.contains_key(key) && !is_otherwise {
                self.missing(at.clone(), "[[tenant]]", key, example);
            }
        }
        let (networks, mut places): (Vec<_>, Vec<_>) = self.networks(table, beside.zone).into_iter().unzip();
        let (ports, more): (Vec<_>, Vec<_>) =
            self.ports(table, beside.exporters, beside.zone).into_iter().unzip();
        places.extend(more);
        let mail = self.mailboxes(table, "mail").iter().map(ToString::to_string).collect();
        let nested = self.boolean(table, "nested");
        let tariff = self.tariff_of(table, beside.tariffs);
        let exporters = self.exporters_of(table, beside.exporters);
        let group = self.group_of(table);
        let (zone, day) = (self.zone(table), self.day(table));
        self.own(table);
        let own = Tenant {
            name: name?,
            networks,
            ports,
            exporters,
            nested,
            mail,
            tariff,
            group,
            zone,
            day,
            ..Tenant::default()
        };
        Some((own, places))
    }

    /// `networks = ["10.0.0.0/24", { network = "10.0.1.0/24", from = "2026-10-14", until = "2026-11-01T12:00" }]`.
    pub(super) fn networks(&mut self, table: Table<'_>, zone: &Zone) -> Vec<(Network, Range<usize>)> {
        let Some(value) = table.get("networks") else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.note(value.span(), "networks is no list", "write networks = [\"192.168.31.0/24\"]");
            return Vec::new();
        };
        let mut networks = Vec::new();
        for item in items.iter() {
            let found = match item.get_ref() {
                DeValue::String(text) => {
                    self.network(text, item.span()).map(Network::from).into_iter().collect()
                }
                DeValue::Table(entry) => self.dated(entry, item.span(), zone),
                _ => {
                    let cure = "write \"192.168.31.0/24\", or { network = \"192.168.31.0/24\", from = \"2026-10-14\" }";
                    self.note(item.span(), "networks holds something that is no network", cure);
                    Vec::new()
                }
            };
            networks.extend(found.into_iter().map(|network| (network, item.span())));
        }
        networks
    }

    /// A network with dates or ports: one for each block of them.
    fn dated(&mut self, entry: Table<'_>, at: Range<usize>, zone: &Zone) -> Vec<Network> {
        self.keys(entry, "a network of a tenant", &["network", "ports", "from", "until"]);
        let network = self.string(entry, "network").and_then(|(text, place)| self.network(text, place));
        if !entry.contains_key("network") {
            self.missing(at, "an entry of networks", "network", "network = \"192.168.31.0/24\"");
        }
        let (from_ms, to_ms) = (self.instant(entry, "from", zone), self.instant(entry, "until", zone));
        let (blocks, time) = (self.blocks(entry), Span { from_ms, to_ms });
        let Some(prefix) = network else { return Vec::new() };
        blocks.into_iter().map(|ports| Network { prefix, time, ports }).collect()
    }

    /// A date or a civil time, in quotes or as TOML has them.
    pub(super) fn instant(&mut self, table: Table<'_>, key: &str, zone: &Zone) -> Option<i64> {
        let value = table.get(key)?;
        let found = match value.get_ref() {
            DeValue::String(text) => fixed(text, zone),
            DeValue::Datetime(datetime) => fixed(&datetime.to_string(), zone),
            _ => None,
        };
        if found.is_none() {
            let cure = format!(
                "write {key} = \"2026-10-14\", a time in {} as \"2026-10-14T12:00\", or \"2026-10-14T12:00:00+02:00\"",
                zone.name()
            );
            self.note(value.span(), format!("{key} is no date and no time"), cure);
        }
        found
    }

    /// The tariff that a tenant names, if it is one.
    fn tariff_of(&mut self, table: Table<'_>, tariffs: &[Tariff]) -> Option<String> {
        let (name, place) = self.string(table, "tariff")?;
        let known: Vec<&str> = tariffs.iter().map(|tariff| tariff.name.as_str()).collect();
        if !known.contains(&name) {
            let cure = match nearest(name, &known) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add [[tariff]] with name = \"{name}\""),
            };
            self.note(place, format!("there is no tariff \"{name}\""), cure);
        }
        Some(name.to_owned())
    }

    /// `exporters = ["core", "192.0.2.9"]`: in whose records its networks are this tenant's.
    pub(super) fn exporters_of(&mut self, table: Table<'_>, known: &[Exporter]) -> Vec<Addr> {
        let mut found = Vec::new();
        let listed = self.strings(table, "exporters");
        if table.get("exporters").is_some_and(is_empty_list) {
            let place = table.get("exporters").map(Spanned::span).unwrap_or_default();
            self.note(place, "exporters names none", "name some, or leave it out for all");
        }
        for (text, place) in listed {
            match self.exporter_named(text, place.clone(), known) {
                Some((address, _)) if found.contains(&address) => {
                    self.note(place, format!("exporter \"{text}\" is named twice"), "take one out");
                }
                named => found.extend(named.map(|(address, _)| address)),
            }
        }
        found
    }
}

fn is_empty_list(value: &Spanned<DeValue<'_>>) -> bool {
    matches!(value.get_ref(), DeValue::Array(list) if list.is_empty())
}

/// Where the conflict's own side stands in the text.
fn conflict_place(conflict: &Conflict, places: &[Stands]) -> Range<usize> {
    let of_tenant = |tenant: &usize| places.get(*tenant).map(|(at, _)| at.clone()).unwrap_or_default();
    let of_network = |place: &Place| {
        let network = places.get(place.tenant).and_then(|(_, networks)| networks.get(place.network));
        network.cloned().unwrap_or_else(|| of_tenant(&place.tenant))
    };
    match conflict {
        Conflict::Unnamed { tenant } | Conflict::Name { tenant, .. } => of_tenant(tenant),
        Conflict::Shared { place, .. }
        | Conflict::Nested { place, .. }
        | Conflict::Port { place, .. }
        | Conflict::Never { place, .. } => of_network(place),
    }
}

impl Config {
    pub(super) fn write_tenant(&self, tenant: &Tenant, out: &mut String) -> fmt::Result {
        if tenant.is_shared {
            return self.write_shared(tenant, out);
        }
        let networks: Vec<String> = tenant.networks.iter().map(|one| written(one, &self.zone)).collect();
        writeln!(out, "\n[[tenant]]\nname = {}\nnetworks = [{}]", quote(&tenant.name), networks.join(", "))?;
        self.write_ports(tenant, out)?;
        if !tenant.exporters.is_empty() {
            let names: Vec<String> = tenant.exporters.iter().map(|one| self.exporter_name(*one)).collect();
            writeln!(out, "exporters = {}", list(&names))?;
        }
        if tenant.nested {
            writeln!(out, "nested = true")?;
        }
        if !tenant.mail.is_empty() {
            writeln!(out, "mail = {}", list(&tenant.mail))?;
        }
        if let Some(tariff) = &tenant.tariff {
            writeln!(out, "tariff = {}", quote(tariff))?;
        }
        if let Some(group) = &tenant.group {
            writeln!(out, "group = {}", quote(group.path()))?;
        }
        if let Some(zone) = &tenant.zone {
            writeln!(out, "zone = {}", quote(zone.name()))?;
        }
        if let Some(day) = tenant.day {
            writeln!(out, "day = {day}")?;
        }
        self.statement.write_tenant(&tenant.name, out)
    }

    /// What is no mistake and may not be meant: networks that are nobody's for a while, tenants that have none now.
    pub(crate) fn notes(&self, now_ms: i64) -> Vec<String> {
        let mut notes = Vec::new();
        for gap in self.tenants.gaps() {
            let (network, time) = (gap.network, gap.time.text(&self.zone));
            let between = match gap.before == gap.after {
                true => format!("it is \"{}\"'s before and after", gap.before),
                false => format!("it is \"{}\"'s before and \"{}\"'s after", gap.before, gap.after),
            };
            let ports = gap.ports.map_or_else(String::new, |ports| format!(", ports {},", ports.text()));
            notes.push(format!("network {network}{ports} is nobody's{time}: {between}"));
        }
        notes.extend(self.port_notes());
        notes.extend(self.shared_notes());
        for tenant in self.tenants.iter().filter(|tenant| tenant.times().next().is_some()) {
            if tenant.times().any(|time| time.contains(now_ms)) {
                continue;
            }
            let past = tenant.times().filter_map(|time| time.to_ms).filter(|ms| *ms <= now_ms).max();
            let next = tenant.times().filter_map(|time| time.from_ms).filter(|ms| *ms > now_ms).min();
            let since = past.map_or_else(String::new, |ms| format!(" since {}", self.zone.edge_text(ms)));
            let until = next.map_or_else(String::new, |ms| format!(" until {}", self.zone.edge_text(ms)));
            notes.push(format!("tenant \"{}\" has no network{since}{until}", tenant.name));
        }
        notes.extend(self.uplink_notes());
        notes
    }
}

/// A network as TOML.
pub(super) fn written(network: &Network, zone: &Zone) -> String {
    if network.time == Span::default() && network.ports.is_none() {
        return quote(&network.prefix.to_string());
    }
    let ports = network.ports.map_or_else(String::new, |ports| format!(", ports = \"{ports}\""));
    format!("{{ network = \"{}\"{ports}{} }}", network.prefix, edges(network.time, zone))
}

/// The edges of a span as keys of an inline table, each after a comma.
pub(super) fn edges(time: Span, zone: &Zone) -> String {
    let edge = |key: &str, ms: Option<i64>| {
        ms.map_or_else(String::new, |ms| format!(", {key} = \"{}\"", zone.edge_text(ms)))
    };
    format!("{}{}", edge("from", time.from_ms), edge("until", time.to_ms))
}

#[cfg(test)]
mod tests {
    use crate::config::read;
    use weir_flow::Addr;

    const MOVES: &str = r#"
[[exporter]]
name = "core"
address = "192.0.2.1"

[[tenant]]
name = "a"
networks = ["10.0.0.0/24", { network = "10.0.1.0/24", until = "2026-10-14" }]

[[tenant]]
name = "b"
networks = [
    { network = "10.0.1.0/24", from = "2026-10-14", until = 2026-11-01T12:00:00 },
    { network = "10.0.1.0/24", from = "2026-11-03T02:30:00+01:00" },
]

[[tenant]]
name = "site"
networks = [{ network = "10.7.0.0/16", from = 2026-01-01, until = "2026-02" }]
exporters = ["core", "192.0.2.9"]

[billing]
zone = "Europe/Berlin"
"#;

    /// 2026-10-13T22:00Z, midnight in Berlin.
    const OCTOBER_14: i64 = 1_791_928_800_000;

    #[test]
    fn networks_have_dates_in_the_zone() {
        let config = read(MOVES).unwrap();
        let attribution = config.attribution();
        let who = |addr: &str, at_ms: i64| {
            attribution.tenant(Addr::UNSPECIFIED, addr.parse().unwrap(), at_ms).map(str::to_owned)
        };
        assert_eq!(who("10.0.1.5", OCTOBER_14 - 1).as_deref(), Some("a"));
        assert_eq!(who("10.0.1.5", OCTOBER_14).as_deref(), Some("b"));
        // 2026-11-01T12:00 is 11:00Z.
        let noon = 1_793_530_800_000;
        assert_eq!(who("10.0.1.5", noon - 1).as_deref(), Some("b"));
        assert_eq!(who("10.0.1.5", noon), None);
        assert_eq!(who("10.0.1.5", noon + 2 * 86_400_000).as_deref(), Some("b"));
        let site = config.tenants.get("site").unwrap();
        let exporters: Vec<String> = site.exporters.iter().map(ToString::to_string).collect();
        assert_eq!(exporters, ["192.0.2.1", "192.0.2.9"]);
        // A month is its first instant, as everywhere.
        assert_eq!(site.networks[0].text(&config.zone), "10.7.0.0/16 from 2026-01-01 until 2026-02-01");
        let again = read(&config.dump()).unwrap();
        assert_eq!(again.dump(), config.dump());
        assert!(again.tenants.iter().eq(config.tenants.iter()));
    }

    #[test]
    fn what_may_not_be_meant_is_noted() {
        let config = read(MOVES).unwrap();
        assert_eq!(
            config.notes(OCTOBER_14),
            [
                "network 10.0.1.0/24 is nobody's from 2026-11-01T12:00:00+01:00 until 2026-11-03T02:30:00+01:00: \
                 it is \"b\"'s before and after",
                "tenant \"site\" has no network since 2026-02-01",
            ]
        );
        assert_eq!(
            config.notes(0)[1..],
            [
                "tenant \"b\" has no network until 2026-10-14",
                "tenant \"site\" has no network until 2026-01-01"
            ]
        );
        assert!(read("[[tenant]]\nname = \"a\"\nnetworks = []\n").unwrap().notes(0).is_empty());
    }

    /// The example of docs/tenants.md, and what `weir check` notes of it there.
    #[test]
    fn the_example_is_understood_and_noted_as_the_page_says() {
        let page = include_str!("../../../../docs/tenants.md");
        let example = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
        let config = read(example).unwrap();
        assert_eq!((config.tenants.len(), config.exporters.len()), (4, 2));
        let [note] = &config.notes(OCTOBER_14)[..] else { panic!("one note") };
        assert!(page.contains(&format!("\nnote: {note}\n")), "{note}");
        let attribution = config.attribution();
        let who = |exporter: &str, addr: &str| {
            attribution
                .tenant(exporter.parse().unwrap(), addr.parse().unwrap(), OCTOBER_14)
                .map(str::to_owned)
        };
        assert_eq!(who("192.0.2.1", "192.168.31.129").as_deref(), Some("kiosk"));
        assert_eq!(who("192.0.2.1", "192.168.33.1").as_deref(), Some("bureau"));
        assert_eq!(
            (who("192.0.2.1", "10.0.0.1"), who("192.0.2.2", "10.0.0.1").as_deref()),
            (None, Some("northside"))
        );
    }

    #[test]
    fn mistakes_in_dates_are_said() {
        let said = |networks: &str, more: &str| -> Vec<String> {
            let text = format!(
                "[[tenant]]\nname = \"a\"\nnetworks = [{networks}]\n{more}\n[billing]\nzone = \"Europe/Berlin\"\n"
            );
            let mistakes = read(&text).unwrap_err().into_iter();
            mistakes.map(|mistake| format!("{}; {}", mistake.message, mistake.cure)).collect()
        };
        let one = "{ network = \"10.0.0.0/24\", from = \"24h\" }";
        assert_eq!(
            said(one, ""),
            ["from is no date and no time; write from = \"2026-10-14\", a time in Europe/Berlin as \
              \"2026-10-14T12:00\", or \"2026-10-14T12:00:00+02:00\""]
        );
        assert_eq!(
            said("{ network = \"10.0.0.0/24\", form = 1 }, { from = \"2026-10-14\" }, 7", ""),
            [
                "unknown key \"form\" in a network of a tenant; did you mean \"from\"?",
                "an entry of networks has no network; add network = \"192.168.31.0/24\"",
                "networks holds something that is no network; write \"192.168.31.0/24\", or \
                 { network = \"192.168.31.0/24\", from = \"2026-10-14\" }",
            ]
        );
        let backwards = "{ network = \"10.0.0.0/24\", from = \"2026-10-14\", until = \"2026-10-14\" }";
        assert!(
            said(backwards, "")[0].starts_with("network 10.0.0.0/24 of \"a\" ends before it begins; `until`")
        );
        let both =
            "[[tenant]]\nname = \"b\"\nnetworks = [{ network = \"10.0.0.0/24\", from = \"2026-10-14\" }]";
        assert_eq!(
            said("{ network = \"10.0.0.0/24\", until = \"2026-10-15\" }", both),
            [
                "network 10.0.0.0/24 belongs to both \"a\" and \"b\" from 2026-10-14 until 2026-10-15; let one end where \
              the other begins"
            ]
        );
        assert_eq!(
            said("\"10.0.0.0/24\"", "exporters = [\"core\", \"192.0.2.1\", \"192.0.2.1\"]"),
            [
                "there is no exporter \"core\"; add [[exporter]] with name = \"core\", or write its address",
                "exporter \"192.0.2.1\" is named twice; take one out",
            ]
        );
        assert_eq!(
            said("\"10.0.0.0/24\"", "exporters = []"),
            ["exporters names none; name some, or leave it out for all"]
        );
    }
}
