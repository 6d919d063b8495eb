//! Names of hosts, from a file like `/etc/hosts`: shown beside addresses, never instead of them.

use crate::config::Config;
use crate::exit::{self, Outcome};
use std::collections::HashMap;
use std::path::Path;
use weir_flow::Addr;

/// The file's name inside a store.
pub(crate) const FILE: &str = "hosts";

/// Addresses and what they are called.
#[derive(Debug, Default)]
pub(crate) struct Hosts(HashMap<Addr, String>);

impl Hosts {
    /// The names that a store brings along; none where it has no such file.
    pub(crate) fn of_store(store: &Path) -> Self {
        Self::of_file(&store.join(FILE))
    }

    /// The names in a file; none where there is no such file.
    pub(crate) fn of_file(path: &Path) -> Self {
        std::fs::read_to_string(path).map(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// The names that the operator gave: those of the configuration's file, then those that the store brings along.
    /// Nobody outside is asked, so that they are the same tomorrow: statements use these.
    ///
    /// # Errors
    /// The file that the configuration names cannot be read.
    pub(crate) fn given(config: &Config) -> Outcome<Self> {
        let mut given = Self::of_store(&config.store);
        if let Some(path) = &config.names.hosts {
            given.0.extend(Self::read(path)?.0);
        }
        Ok(given)
    }

    /// The names in a file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let text = std::fs::read_to_string(path);
        text.map(|text| Self::parse(&text))
            .map_err(|error| exit::io("cannot read the names in", path, &error))
    }

    /// Lines of an address and its names; `#` begins a comment; of an address that comes twice, the first.
    pub(crate) fn parse(text: &str) -> Self {
        let mut names = HashMap::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            if let (Some(Ok(address)), Some(name)) = (words.next().map(str::parse), words.next()) {
                names.entry(address).or_insert_with(|| name.to_owned());
            }
        }
        Self(names)
    }

    /// All addresses of this name, in any case of letters.
    pub(crate) fn addresses(&self, name: &str) -> Vec<Addr> {
        let called = self.0.iter().filter(|(_, known)| known.eq_ignore_ascii_case(name));
        let mut addresses: Vec<Addr> = called.map(|(address, _)| *address).collect();
        addresses.sort_unstable();
        addresses
    }

    pub(crate) fn name(&self, address: Addr) -> Option<String> {
        self.0.get(&address).cloned()
    }
}

impl FromIterator<(Addr, String)> for Hosts {
    fn from_iter<I: IntoIterator<Item = (Addr, String)>>(named: I) -> Self {
        Self(named.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_counts() {
        let hosts = Hosts::parse(
            "# office\n192.168.31.2 desk-1 alias # x\n192.168.31.2 other\n2001:db8::1\tsix\nbad\n",
        );
        assert_eq!(hosts.name("192.168.31.2".parse().unwrap()).as_deref(), Some("desk-1"));
        assert_eq!(hosts.name("2001:db8::1".parse().unwrap()).as_deref(), Some("six"));
        assert_eq!(hosts.name("192.168.31.3".parse().unwrap()), None);
        assert_eq!(hosts.addresses("Desk-1"), ["192.168.31.2".parse().unwrap()]);
        assert!(hosts.addresses("nobody").is_empty());
    }

    #[test]
    fn the_names_file_comes_before_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at(FILE), "192.0.2.1 old\n192.0.2.2 kept\n").unwrap();
        std::fs::write(at("names"), "192.0.2.1 new\n").unwrap();
        let mut config = Config { store: folder.path().into(), ..Config::default() };
        config.names.hosts = Some(at("names"));
        let name = |hosts: &Hosts, address: &str| hosts.name(address.parse().unwrap());
        let given = Hosts::given(&config).unwrap();
        assert_eq!(name(&given, "192.0.2.1").as_deref(), Some("new"));
        assert_eq!(name(&given, "192.0.2.2").as_deref(), Some("kept"));
        config.names.hosts = Some(at("gone"));
        assert!(Hosts::given(&config).unwrap_err().to_string().contains("cannot read the names in"));
    }
}
