//! `[sql]`: where the daemon is asked in SQL, over PostgreSQL's protocol, by whom, and within which limits.

use super::Identity;
use super::read::{Reader, Table};
use super::store::bytes;
use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

/// The least memory that a question can be sorted in.
const MEMORY_BYTES_MIN: u64 = 16 << 20;
/// What is taken where nothing is said.
const MEMORY_BYTES: u64 = 512 << 20;
const SPILL_BYTES: u64 = 4 << 30;
const CONNECTIONS: usize = 16;
const SECONDS: u64 = 300;

/// Where and how the daemon is asked in SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sql {
    /// The address and port.
    pub(crate) listen: SocketAddr,
    /// Who may ask: names, and the files that hold their passwords.
    pub(crate) users: Vec<(String, PathBuf)>,
    /// TLS, and our certificate. Without it nobody but this machine is answered, unless `insecure`.
    pub(crate) tls: Option<Identity>,
    /// Others are answered without TLS.
    pub(crate) insecure: bool,
    /// Connections at a time.
    pub(crate) connections: usize,
    /// Memory of all questions together, beside that of `[limits]`.
    pub(crate) memory_bytes: u64,
    /// Disk for what does not fit; with 0 it is refused.
    pub(crate) spill_bytes: u64,
    /// How long a question may take, in seconds.
    pub(crate) seconds: u64,
}

impl Sql {
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        let quote = super::dump::quote;
        let Self { listen, users, tls, insecure, connections, memory_bytes, spill_bytes, seconds } = self;
        writeln!(out, "\n[sql]\nlisten = \"{listen}\"")?;
        if let Some(tls) = tls {
            writeln!(out, "certificate = {}", quote(&tls.certificate.to_string_lossy()))?;
            writeln!(out, "key = {}", quote(&tls.key.to_string_lossy()))?;
        }
        if *insecure {
            writeln!(out, "insecure = true")?;
        }
        writeln!(out, "connections = {connections}\nmemory = \"{memory_bytes}\"\nspill = \"{spill_bytes}\"")?;
        writeln!(out, "seconds = {seconds}")?;
        let users =
            users.iter().map(|(name, file)| format!("{} = {}", quote(name), quote(&file.to_string_lossy())));
        writeln!(out, "users = {{ {} }}", users.collect::<Vec<_>>().join(", "))
    }
}

/// The keys.
const KEYS: &[&str] =
    &["listen", "users", "certificate", "key", "insecure", "connections", "memory", "spill", "seconds"];

impl Reader {
    /// The table, which stands at `at`.
    pub(super) fn sql(&mut self, table: Table<'_>, at: &Range<usize>) -> Option<Sql> {
        self.keys(table, "[sql]", KEYS);
        let insecure = self.boolean(table, "insecure");
        let listen = self.sql_listen(table, insecure, at);
        let users = self.sql_users(table, at);
        let tls = self.sql_identity(table, at);
        let connections = self.number(table, "connections", 1, 1000, "write for example 16");
        let seconds = self.number(table, "seconds", 1, 86_400, "write for example 300");
        let memory_bytes = self.sql_amount(table, "memory", MEMORY_BYTES_MIN, MEMORY_BYTES);
        let spill_bytes = self.sql_amount(table, "spill", 0, SPILL_BYTES);
        Some(Sql {
            listen: listen?,
            users,
            tls,
            insecure,
            connections: connections.and_then(|n| usize::try_from(n).ok()).unwrap_or(CONNECTIONS),
            memory_bytes,
            spill_bytes,
            seconds: seconds.and_then(|n| u64::try_from(n).ok()).unwrap_or(SECONDS),
        })
    }

    fn sql_listen(&mut self, table: Table<'_>, insecure: bool, at: &Range<usize>) -> Option<SocketAddr> {
        if !table.contains_key("listen") {
            self.missing(at.clone(), "[sql]", "listen", "listen = \"127.0.0.1:5432\", or take [sql] out");
        }
        let (text, place) = self.string(table, "listen")?;
        let Ok(listen) = text.parse::<SocketAddr>() else {
            let cure = "write listen = \"127.0.0.1:5432\"";
            self.note(place, format!("\"{text}\" is no address to listen on"), cure);
            return None;
        };
        if !listen.ip().is_loopback() && !table.contains_key("certificate") && !insecure {
            let cure =
                "add certificate and key, or listen on 127.0.0.1 behind a tunnel, or write insecure = true";
            self.note(place, format!("{listen} is open to others, and answers would go in the clear"), cure);
        }
        Some(listen)
    }

    /// `users = { grafana = "/etc/weir/grafana.password" }`.
    fn sql_users(&mut self, table: Table<'_>, at: &Range<usize>) -> Vec<(String, PathBuf)> {
        let example = "users = { grafana = \"/etc/weir/grafana.password\" }: a file with nothing in it but the password";
        let names: Vec<String> = match self.table(table, "users") {
            Some(users) => users.keys().map(|key| key.get_ref().to_string()).collect(),
            None if table.contains_key("users") => return Vec::new(),
            None => Vec::new(),
        };
        if names.is_empty() {
            self.missing(at.clone(), "[sql]", "users", example);
        }
        let Some(users) = self.table(table, "users") else { return Vec::new() };
        let file = |name: String| {
            let (file, _) = self.string(users, &name)?;
            Some((name, PathBuf::from(file)))
        };
        names.into_iter().filter_map(file).collect()
    }

    fn sql_identity(&mut self, table: Table<'_>, at: &Range<usize>) -> Option<Identity> {
        let mut path = |key: &str| self.string(table, key).map(|(text, _)| PathBuf::from(text));
        let (certificate, key) = (path("certificate"), path("key"));
        for (one, other) in [("certificate", "key"), ("key", "certificate")] {
            if table.contains_key(one) && !table.contains_key(other) {
                let example =
                    format!("{other} = \"/etc/weir/sql.{}\"", if other == "key" { "key" } else { "crt" });
                self.missing(at.clone(), "[sql]", other, &example);
            }
        }
        Some(Identity { certificate: certificate?, key: key?, client_ca: None })
    }

    /// An amount of memory or of disk.
    fn sql_amount(&mut self, table: Table<'_>, key: &str, least: u64, usual: u64) -> u64 {
        let Some((text, place)) = self.string(table, key) else { return usual };
        let amount = bytes(text).filter(|bytes| *bytes >= least);
        if amount.is_none() {
            let cure = format!("write {key} = \"{} MiB\" for example", usual >> 20);
            self.note(place, format!("\"{text}\" is no amount, or too little"), cure);
        }
        amount.unwrap_or(usual)
    }
}
