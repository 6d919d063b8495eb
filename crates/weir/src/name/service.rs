//! Services as this machine calls them: `/etc/services`, beside those that filters know everywhere.

/// Where the system has them.
const FILE: &str = "/etc/services";

/// Services and their ports, in lower case; none where the system has no such file.
pub(crate) fn services() -> Vec<(String, u16)> {
    std::fs::read_to_string(FILE).map(|text| parse(&text)).unwrap_or_default()
}

/// What the ports of a protocol (its number) are called; of a port that comes twice, the first.
#[cfg(feature = "sql")]
pub(crate) fn of_ports() -> std::collections::HashMap<(u8, u16), String> {
    std::fs::read_to_string(FILE).map(|text| by_port(&text)).unwrap_or_default()
}

fn parse(text: &str) -> Vec<(String, u16)> {
    let mut services: Vec<(String, u16)> = Vec::new();
    for (name, port, _, others) in lines(text) {
        services.extend(std::iter::once(name).chain(others).map(|name| (name.to_lowercase(), port)));
    }
    services
}

#[cfg(feature = "sql")]
fn by_port(text: &str) -> std::collections::HashMap<(u8, u16), String> {
    let mut names = std::collections::HashMap::new();
    for (name, port, proto, _) in lines(text) {
        let proto = match proto {
            "tcp" => 6,
            "udp" => 17,
            "dccp" => 33,
            "sctp" => 132,
            _ => continue,
        };
        names.entry((proto, port)).or_insert_with(|| name.to_owned());
    }
    names
}

/// Lines of a name, a port with its protocol, and other names; `#` begins a comment.
fn lines(text: &str) -> impl Iterator<Item = (&str, u16, &str, impl Iterator<Item = &str>)> {
    text.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (name, place) = (words.next()?, words.next()?);
        let (port, proto) = place.split_once('/').unwrap_or((place, ""));
        Some((name, port.parse().ok()?, proto, words))
    })
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

    #[cfg(feature = "sql")]
    #[test]
    fn ports_have_a_name_for_each_protocol() {
        let known = by_port("# x\nhttps\t443/tcp\t\t# TLS\nquic 443/udp https\nodd 7/xyz\nother 443/tcp\n");
        assert_eq!(known.get(&(6, 443)).map(String::as_str), Some("https"));
        assert_eq!(known.get(&(17, 443)).map(String::as_str), Some("quic"));
        assert_eq!(known.len(), 2);
    }
}
