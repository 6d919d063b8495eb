//! `[names]`: where the names of addresses are known, beside the store's own file and the system's.

use super::dump::{list, quote};
use super::read::{Reader, Table};
use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How long the DNS may hold an answer up, if nobody says, ms.
const WAIT_MS: u64 = 2000;

/// Where the names of addresses are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    /// A file like `/etc/hosts`.
    pub(crate) hosts: Option<PathBuf>,
    /// A file in MaxMind's format that knows countries.
    pub(crate) geo: Option<PathBuf>,
    /// A file in MaxMind's format that knows autonomous systems.
    pub(crate) asn: Option<PathBuf>,
    /// Name servers, instead of the system's; an empty list: nobody is asked.
    pub(crate) servers: Option<Vec<SocketAddr>>,
    /// Whether public name servers are asked of private addresses, too.
    pub(crate) private: bool,
    /// How long the DNS may hold an answer up.
    pub(crate) wait: Duration,
}

impl Default for Names {
    fn default() -> Self {
        let wait = Duration::from_millis(WAIT_MS);
        Self { hosts: None, geo: None, asn: None, servers: None, private: false, wait }
    }
}

impl Names {
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        if *self == Self::default() {
            return Ok(());
        }
        writeln!(out, "\n[names]")?;
        for (key, path) in [("hosts", &self.hosts), ("geo", &self.geo), ("asn", &self.asn)] {
            if let Some(path) = path {
                writeln!(out, "{key} = {}", quote(&path.to_string_lossy()))?;
            }
        }
        if let Some(servers) = &self.servers {
            let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
            writeln!(out, "servers = {}", list(&servers))?;
        }
        writeln!(out, "private = {}\nwait_ms = {}", self.private, self.wait.as_millis())
    }
}

impl Reader {
    pub(super) fn names(&mut self, table: Table<'_>) -> Names {
        self.keys(table, "[names]", &["hosts", "geo", "asn", "servers", "private", "wait_ms"]);
        let mut path = |key| self.string(table, key).map(|(text, _)| PathBuf::from(text));
        let (hosts, geo, asn) = (path("hosts"), path("geo"), path("asn"));
        let servers = table.contains_key("servers").then(|| self.name_servers(table));
        let private = self.boolean(table, "private");
        let wait_ms = self.number(table, "wait_ms", 0, 60_000, "write for example wait_ms = 2000");
        let wait_ms = wait_ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(WAIT_MS);
        Names { hosts, geo, asn, servers, private, wait: Duration::from_millis(wait_ms) }
    }

    fn name_servers(&mut self, table: Table<'_>) -> Vec<SocketAddr> {
        let mut servers = Vec::new();
        for (text, place) in self.strings(table, "servers") {
            // Without a port it is that of the DNS.
            let plain = || text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53));
            match text.parse().ok().or_else(plain) {
                Some(server) => servers.push(server),
                None => {
                    let cure = "write an address, as \"192.0.2.53\" or \"[2001:db8::53]:53\"";
                    self.note(place, format!("\"{text}\" is no address of a name server"), cure);
                }
            }
        }
        servers
    }
}
