//! Names for addresses, as the office's own name server would know them.

use super::export::PLATES;
use super::internet;
use super::office::{self, PRINTER_VLAN, PRINTERS, SERVED_AT, Uplink};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

/// The name of every address in the office and of the sites outside; computers at home have none.
pub(crate) fn names() -> BTreeMap<IpAddr, String> {
    let hosts = office::hosts().flat_map(|host| [(host.v4(), host.name()), (host.v6(), host.name())]);
    let exporters = PLATES.iter().map(|plate| (plate.address, format!("{}.house.example", plate.name)));
    let printers =
        (1..=PRINTERS).map(|n| (office::v4(PRINTER_VLAN, 9 + n), format!("printer-{n}.house.example")));
    let public = [
        (Uplink::North.address().into(), "north.house.example".into()),
        (Uplink::South.address().into(), "south.house.example".into()),
        (SERVED_AT.into(), "www.nordlicht.example".into()),
    ];
    hosts.chain(exporters).chain(printers).chain(public).chain(internet::names()).collect()
}

/// The names as a file like `/etc/hosts`.
pub(crate) fn hosts_file() -> String {
    let mut text =
        String::from("# The hosts of the demonstration's office, and the sites its people visit.\n");
    for (address, name) in names() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{address}\t{name}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_its_name() {
        let names = names();
        let name = |address: &str| names.get(&address.parse::<IpAddr>().unwrap()).map(String::as_str);
        assert_eq!(name("192.168.34.12"), Some("desk-02.mori-travel.example"));
        assert_eq!(name("2001:db8:36::4"), Some("mail.nordlicht.example"));
        assert_eq!(name("192.168.99.10"), Some("printer-1.house.example"));
        assert_eq!(name("192.168.255.1"), Some("core.house.example"));
        assert_eq!(name("198.18.1.1"), Some("www-1.search.example"));
        assert_eq!(name("198.19.1.1"), None);
        let file = hosts_file();
        assert_eq!(file.lines().count(), names.len() + 1);
        assert!(file.contains("\n203.0.113.2\tnorth.house.example\n"));
    }
}
