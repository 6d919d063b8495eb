//! `ports` of a network of `[[tenant]]`: which ports of an address that several share (docs/tenants.md).

use super::Config;
use super::read::{Reader, Table, number};
use crate::report::number::grouped;
use toml::Spanned;
use toml::de::DeValue;
use weir_account::Block;
use weir_account::gap::PortGap;

/// So many networks with the same hole are named one by one.
const NAMED_MAX: usize = 3;

/// How it is written.
const CURE: &str = "write ports = \"1024-2047\", or a list of them";

impl Reader {
    /// `ports = "1024-2047"`, `ports = 500`, `ports = ["1024-2047", "4096-5119"]`; all of them, if there is no such key.
    pub(super) fn blocks(&mut self, entry: Table<'_>) -> Vec<Option<Block>> {
        let Some(value) = entry.get("ports") else { return vec![None] };
        let DeValue::Array(items) = value.get_ref() else {
            return self.block(value).map(Some).into_iter().collect();
        };
        if items.is_empty() {
            self.note(value.span(), "ports names none", "name some, or leave it out for all");
        }
        items.iter().filter_map(|item| self.block(item)).map(Some).collect()
    }

    fn block(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Block> {
        let found = match value.get_ref() {
            DeValue::String(text) => text.parse().ok(),
            _ => number(value)
                .and_then(|port| u16::try_from(port).ok())
                .and_then(|port| Block::new(port, port)),
        };
        if found.is_none() {
            self.note(value.span(), "ports holds something that is no range of ports", CURE);
        }
        found
    }
}

impl Config {
    /// Ports of shared addresses that are nobody's.
    pub(super) fn port_notes(&self) -> impl Iterator<Item = String> {
        self.tenants.port_gaps().into_iter().map(|gap| {
            let time = gap.time.text(&self.zone);
            let portless = "what has no port (ICMP, later fragments)";
            let what = match gap.ports.is_empty() {
                true => format!("{portless} belongs to nobody{time}"),
                false => format!("ports {} belong to nobody{time}, nor does {portless}", listed(&gap.ports)),
            };
            format!("{}: {what}", networks(&gap))
        })
    }
}

/// `0 to 1023, 3072 to 4095 and 5000`.
fn listed(ports: &[Block]) -> String {
    let texts: Vec<String> = ports.iter().map(|ports| ports.text()).collect();
    match texts.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => texts.concat(),
    }
}

fn networks(gap: &PortGap) -> String {
    let named: Vec<String> = gap.networks.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let more = match gap.networks.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {} more", grouped(more as u64)),
    };
    let word = if gap.networks.len() == 1 { "network" } else { "networks" };
    format!("{word} {}{more}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::config::read;

    const TEXT: &str = r#"
[[tenant]]
name = "alpha"
networks = [{ network = "203.0.113.7/32", ports = ["1024-2047", 5000] }]

[[tenant]]
name = "beta"
networks = ["10.0.0.0/24", { network = "203.0.113.7/32", ports = "2048-3071", from = "2026-10-14" }]

[billing]
zone = "Europe/Berlin"
"#;

    #[test]
    fn ports_are_read_dumped_and_noted() {
        let config = read(TEXT).unwrap();
        let networks = |tenant: &str| -> Vec<String> {
            config.tenants.get(tenant).unwrap().networks.iter().map(|one| one.text(&config.zone)).collect()
        };
        assert_eq!(networks("alpha"), ["203.0.113.7/32 ports 1024-2047", "203.0.113.7/32 ports 5000"]);
        assert_eq!(networks("beta")[1], "203.0.113.7/32 ports 2048-3071 from 2026-10-14");
        let again = read(&config.dump()).unwrap();
        assert_eq!(again.dump(), config.dump());
        assert!(again.tenants.iter().eq(config.tenants.iter()));
        assert_eq!(
            config.notes(1_800_000_000_000),
            [
                "network 203.0.113.7/32: ports 0 to 1023, 2048 to 4999 and 5001 to 65535 belong to nobody until \
                 2026-10-14, nor does what has no port (ICMP, later fragments)",
                "network 203.0.113.7/32: ports 0 to 1023, 3072 to 4999 and 5001 to 65535 belong to nobody from \
                 2026-10-14, nor does what has no port (ICMP, later fragments)",
            ]
        );
    }

    #[test]
    fn what_is_no_range_of_ports_is_said() {
        let said = |ports: &str| -> Vec<String> {
            let text = format!(
                "[[tenant]]\nname = \"a\"\nnetworks = [{{ network = \"203.0.113.7\", ports = {ports} }}]\n"
            );
            read(&text).unwrap_err().into_iter().map(|one| format!("{}; {}", one.message, one.cure)).collect()
        };
        let wrong =
            "ports holds something that is no range of ports; write ports = \"1024-2047\", or a list of them";
        assert_eq!(said("\"2047-1024\""), [wrong]);
        assert_eq!(said("[70000, true, \"all\"]"), [wrong; 3]);
        assert_eq!(said("[]"), ["ports names none; name some, or leave it out for all"]);
        assert_eq!(
            said("1024 }, { network = \"203.0.113.7\", port = 1"),
            ["unknown key \"port\" in a network of a tenant; did you mean \"ports\"?"]
        );
    }
}
