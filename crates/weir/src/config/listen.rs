//! `[[listen]]`: where weir is told about traffic, and over what.

use super::mistake::Mistake;
use super::read::{Reader, Table, number};
use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use toml::de::DeValue;

/// Connections of one listener at a time, unless the operator says otherwise. Each may hold one unfinished
/// message of at most 64 KiB, so this many take at most 40 MB.
pub(crate) const CONNECTIONS_DEFAULT: usize = 512;
/// Seconds of silence after which a connection is ended, unless the operator says otherwise. Long, because an
/// exporter at night has nothing to say; one that died is found by the kernel's keepalive.
pub(crate) const IDLE_S_DEFAULT: u32 = 3600;
/// Connections are descriptors of the process.
const CONNECTIONS_MAX: i64 = 65_535;
/// A week.
const IDLE_S_MAX: i64 = 604_800;

/// Each worker has a socket, a buffer and sessions of its own: more than processors are of no use.
const WORKERS_MAX: i64 = 64;
/// What a set of processors of the kernel has room for.
const CPU_MAX: i64 = 1023;

const KEYS: [&str; 11] = [
    "udp",
    "tcp",
    "tls",
    "sctp",
    "certificate",
    "key",
    "client_ca",
    "connections",
    "idle_s",
    "workers",
    "cpus",
];

/// One address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) address: SocketAddr,
    pub(crate) transport: Transport,
    /// Connections at a time; of no meaning for UDP.
    pub(crate) connections: usize,
    /// Seconds of silence after which a connection is ended; of no meaning for UDP.
    pub(crate) idle_s: u32,
    /// Threads that share the datagrams, each exporter's going to one; 1 where there are connections.
    pub(crate) workers: usize,
    /// Processors that the threads are bound to; none: wherever the kernel puts them.
    pub(crate) cpus: Vec<usize>,
}

/// What carries the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls(Identity),
    Sctp,
}

/// Who we are over TLS, and whom we believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Our certificate and what leads to its root, PEM.
    pub(crate) certificate: PathBuf,
    /// Its private key, PEM.
    pub(crate) key: PathBuf,
    /// With it, only exporters with a certificate of this authority are heard.
    pub(crate) client_ca: Option<PathBuf>,
}

impl Transport {
    /// The key in `[[listen]]`, and the word in the log.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls(_) => "tls",
            Self::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport.word(), self.address)
    }
}

impl Listen {
    /// Datagrams on an address.
    pub(crate) fn udp(address: SocketAddr) -> Self {
        Self::over(Transport::Udp, address)
    }

    fn over(transport: Transport, address: SocketAddr) -> Self {
        let (connections, idle_s) = (CONNECTIONS_DEFAULT, IDLE_S_DEFAULT);
        Self { address, transport, connections, idle_s, workers: 1, cpus: Vec::new() }
    }

    /// Whether it is the same address over the same transport, whatever else is said of it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.address == other.address && self.transport.word() == other.transport.word()
    }

    /// Whether what is sent by UDP to this address arrives here, as far as that can be told without asking the
    /// machine for its addresses. `is_ours` answers for the rest.
    pub(crate) fn hears(&self, to: SocketAddr, is_ours: impl Fn(std::net::IpAddr) -> bool) -> bool {
        let (here, there) = (self.address.ip().to_canonical(), to.ip().to_canonical());
        self.transport == Transport::Udp
            && self.address.port() == to.port()
            && (here == there
                || there.is_unspecified()
                || (here.is_unspecified() && (there.is_loopback() || is_ours(there))))
    }

    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\n[[listen]]\n{} = \"{}\"", self.transport.word(), self.address)?;
        if let Transport::Tls(identity) = &self.transport {
            let paths = [
                ("certificate", Some(&identity.certificate)),
                ("key", Some(&identity.key)),
                ("client_ca", identity.client_ca.as_ref()),
            ];
            for (key, path) in paths {
                if let Some(path) = path {
                    writeln!(out, "{key} = {}", super::dump::quote(&path.to_string_lossy()))?;
                }
            }
        }
        if self.transport != Transport::Udp {
            writeln!(out, "connections = {}\nidle_s = {}", self.connections, self.idle_s)?;
        } else {
            writeln!(out, "workers = {}", self.workers)?;
        }
        if !self.cpus.is_empty() {
            let cpus: Vec<String> = self.cpus.iter().map(usize::to_string).collect();
            writeln!(out, "cpus = [{}]", cpus.join(", "))?;
        }
        Ok(())
    }
}

impl Reader {
    /// The listeners of one `[[listen]]`: one for each transport it names.
    pub(super) fn listen(&mut self, table: Table<'_>, at: Range<usize>) -> Vec<Listen> {
        self.keys(table, "[[listen]]", &KEYS);
        let mut listeners = Vec::new();
        for word in ["udp", "tcp", "tls", "sctp"] {
            let Some((text, place)) = self.string(table, word) else { continue };
            let example = if word == "udp" {
                2055
            } else if word == "tls" {
                4740
            } else {
                4739
            };
            let Ok(address) = text.parse() else {
                self.note(
                    place,
                    format!("\"{text}\" is no address and port to listen on"),
                    format!("write for example \"[::]:{example}\" or \"0.0.0.0:{example}\""),
                );
                continue;
            };
            let transport = match word {
                "udp" => Transport::Udp,
                "tcp" => Transport::Tcp,
                "sctp" => Transport::Sctp,
                _ => match self.identity(table, at.clone()) {
                    Some(identity) => Transport::Tls(identity),
                    None => continue,
                },
            };
            listeners.push(Listen::over(transport, address));
        }
        self.listen_limits(table, &mut listeners);
        if !["udp", "tcp", "tls", "sctp"].iter().any(|word| table.contains_key(*word)) {
            self.missing(at, "[[listen]]", "udp", "udp = \"[::]:2055\", or tcp, tls or sctp with an address");
        } else if !table.contains_key("tls") {
            for key in ["certificate", "key", "client_ca"] {
                if let Some(value) = table.get(key) {
                    let cure = "write tls = \"[::]:4740\", or take it out";
                    self.note(value.span(), format!("{key} without tls"), cure);
                }
            }
        }
        listeners
    }

    fn identity(&mut self, table: Table<'_>, at: Range<usize>) -> Option<Identity> {
        let mut path = |key: &str| self.string(table, key).map(|(text, _)| PathBuf::from(text));
        let (certificate, key, client_ca) = (path("certificate"), path("key"), path("client_ca"));
        if !table.contains_key("certificate") {
            let example = "certificate = \"/etc/weir/tls.crt\"";
            self.missing(at.clone(), "[[listen]] over tls", "certificate", example);
        }
        if !table.contains_key("key") {
            self.missing(at, "[[listen]] over tls", "key", "key = \"/etc/weir/tls.key\"");
        }
        Some(Identity { certificate: certificate?, key: key?, client_ca })
    }

    fn listen_limits(&mut self, table: Table<'_>, listeners: &mut [Listen]) {
        let connections =
            self.number(table, "connections", 1, CONNECTIONS_MAX, "512 is what is taken without it");
        let idle_s = self.number(table, "idle_s", 1, IDLE_S_MAX, "3600 is what is taken without it");
        let workers = self.number(table, "workers", 1, WORKERS_MAX, "1 is what is taken without it");
        if let (Some(value), false) = (table.get("workers"), table.contains_key("udp")) {
            let cure = "write udp = \"[::]:2055\", or take it out: connections have one thread";
            self.note(value.span(), "workers without udp", cure);
        }
        let cpus = self.cpus(table);
        for listen in listeners {
            listen.cpus.clone_from(&cpus);
            if let Some(n) = workers.and_then(|n| usize::try_from(n).ok())
                && listen.transport == Transport::Udp
            {
                listen.workers = n;
            }
            if let Some(n) = connections.and_then(|n| usize::try_from(n).ok()) {
                listen.connections = n;
            }
            if let Some(n) = idle_s.and_then(|n| u32::try_from(n).ok()) {
                listen.idle_s = n;
            }
        }
    }

    fn cpus(&mut self, table: Table<'_>) -> Vec<usize> {
        let Some(value) = table.get("cpus") else { return Vec::new() };
        let cure = "write for example cpus = [0, 1]";
        let DeValue::Array(list) = value.get_ref() else {
            self.note(value.span(), "cpus is no list", cure);
            return Vec::new();
        };
        let mut cpus = Vec::new();
        for item in list.iter() {
            let cpu =
                number(item).filter(|n| (0..=CPU_MAX).contains(n)).and_then(|n| usize::try_from(n).ok());
            match cpu {
                None => self.note(item.span(), "this is no number of a processor", cure),
                Some(cpu) if cpus.contains(&cpu) => {
                    self.note(item.span(), format!("the processor {cpu} stands here twice"), "take one out");
                }
                Some(cpu) => cpus.push(cpu),
            }
        }
        if list.is_empty() {
            self.note(value.span(), "cpus is empty: there would be nowhere to run", cure);
        }
        cpus
    }

    /// Two listeners on one port of one transport: the second could not be bound.
    pub(super) fn listen_twice(&mut self, listeners: &[(Listen, Range<usize>)]) {
        let stream = |listen: &Listen| matches!(listen.transport, Transport::Tcp | Transport::Tls(_));
        for (i, (listen, place)) in listeners.iter().enumerate() {
            let same = |other: &&(Listen, Range<usize>)| {
                let is_same_transport =
                    other.0.transport == listen.transport || (stream(&other.0) && stream(listen));
                is_same_transport && other.0.address == listen.address
            };
            if listeners.iter().take(i).any(|other| same(&other)) {
                let message = format!("there are two listeners on {listen}");
                self.mistakes.push(Mistake::new(place.clone(), message, "take one out"));
            }
        }
    }
}
