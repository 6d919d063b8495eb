//! Services by name: those whose ports people say by name. A filter always means the port, whatever runs there.

const SERVICES: &[(&str, u16)] = &[
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("tacacs", 49),
    ("dns", 53),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("dhcp", 67),
    ("tftp", 69),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("nntp", 119),
    ("ntp", 123),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap", 143),
    ("snmp", 161),
    ("snmptrap", 162),
    ("bgp", 179),
    ("ldap", 389),
    ("https", 443),
    ("smb", 445),
    ("smtps", 465),
    ("isakmp", 500),
    ("syslog", 514),
    ("submission", 587),
    ("ldaps", 636),
    ("ftps", 990),
    ("imaps", 993),
    ("pop3s", 995),
    ("socks", 1080),
    ("openvpn", 1194),
    ("mssql", 1433),
    ("oracle", 1521),
    ("l2tp", 1701),
    ("pptp", 1723),
    ("radius", 1812),
    ("radius-acct", 1813),
    ("nfs", 2049),
    ("netflow", 2055),
    ("mysql", 3306),
    ("rdp", 3389),
    ("ipsec-nat-t", 4500),
    ("ipfix", 4739),
    ("sip", 5060),
    ("sips", 5061),
    ("xmpp", 5222),
    ("postgresql", 5432),
    ("vnc", 5900),
    ("sflow", 6343),
    ("redis", 6379),
    ("bittorrent", 6881),
    ("http-alt", 8080),
    ("winbox", 8291),
    ("wireguard", 51_820),
];

/// The port of a service's name, in lower case.
pub(super) fn port(name: &str) -> Option<u16> {
    SERVICES.iter().find(|(known, _)| *known == name).map(|(_, port)| *port)
}

/// The name of a port's service, where it has one.
#[must_use]
pub fn service_of(port: u16) -> Option<&'static str> {
    SERVICES.iter().find(|(_, known)| *known == port).map(|(name, _)| *name)
}

/// All names, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_their_registered_ports() {
        let ports = ["ssh", "dns", "http", "ntp", "https", "smtp", "rdp"].map(port);
        assert_eq!(ports, [22, 53, 80, 123, 443, 25, 3389].map(Some));
        assert_eq!(port("gopher2"), None);
        assert_eq!([53, 443, 7].map(service_of), [Some("dns"), Some("https"), None]);
    }
}
