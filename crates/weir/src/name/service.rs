//! Services as this machine calls them: `/etc/services`, beside those that filters know everywhere.

/// Where the system has them.
const FILE: &str = "/etc/services";

/// Services and their ports, in lower case; none where the system has no such file.
pub(crate) fn services() -> Vec<(String, u16)> {
    std::fs::read_to_string(FILE).map(|text| parse(&text)).unwrap_or_default()
}

/// Lines of a name, a port with its protocol, and other names; `#` begins a comment.
fn parse(text: &str) -> Vec<(String, u16)> {
    let mut services: Vec<(String, u16)> = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let (Some(name), Some(port)) = (words.next(), words.next()) else { continue };
        let Some(port) = port.split('/').next().and_then(|port| port.parse().ok()) else { continue };
        services.extend(std::iter::once(name).chain(words).map(|name| (name.to_lowercase(), port)));
    }
    services
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_other_names_lead_to_ports() {
        let known = parse("# x\nhttp\t80/tcp\tWWW  # web\nbad\ntwo words/tcp\ndomain 53/udp\n");
        let known: Vec<(&str, u16)> = known.iter().map(|(name, port)| (name.as_str(), *port)).collect();
        assert_eq!(known, [("http", 80), ("www", 80), ("domain", 53)]);
    }
}
