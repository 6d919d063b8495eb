//! `[[relay]]`: what goes onward, to whom, and in which format.

use super::dump::{list, quote};
use super::read::{Reader, Table};
use super::{Exporter, Listen};
use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::ops::Range;
use weir_account::Prefix;
use weir_flow::Addr;

/// Octets of a converted datagram, unless the operator says otherwise: fits an Ethernet packet with room for a
/// tunnel's headers.
const MTU_DEFAULT: usize = 1400;
/// The least: a record of every column, its template and the headers have to fit.
const MTU_MIN: i64 = 548;
/// The most: a jumbo frame less its headers.
const MTU_MAX: i64 = 8952;
/// Targets of one relay.
const TARGETS_MAX: usize = 64;

/// One `[[relay]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relay {
    pub(crate) to: Vec<SocketAddr>,
    pub(crate) mode: Mode,
    /// Whose; empty: everybody's.
    pub(crate) exporters: Vec<Choice>,
    pub(crate) source: Source,
    /// Converted to this format; else the datagrams go as they came.
    pub(crate) format: Option<Format>,
    /// Octets of a converted datagram, UDP payload.
    pub(crate) mtu: usize,
}

/// Which targets get a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Each.
    All,
    /// One, always the same for an exporter.
    Balance,
}

/// From which address it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The exporter's, port included; needs `CAP_NET_RAW`.
    Keep,
    /// Ours; each exporter has a port of its own.
    Own,
}

/// A format that records are converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Netflow5,
    Netflow9,
    Ipfix,
}

impl Format {
    const ALL: [Self; 3] = [Self::Netflow5, Self::Netflow9, Self::Ipfix];

    /// The word of `as`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Netflow5 => "netflow5",
            Self::Netflow9 => "netflow9",
            Self::Ipfix => "ipfix",
        }
    }
}

/// An exporter by name, or a network of exporters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// As written.
    pub(crate) text: String,
    pub(crate) network: Prefix,
}

impl Relay {
    /// Whether what this exporter sends goes onward.
    pub(crate) fn takes(&self, exporter: Addr) -> bool {
        self.exporters.is_empty() || self.exporters.iter().any(|choice| choice.network.contains(exporter))
    }

    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        let to: Vec<String> = self.to.iter().map(SocketAddr::to_string).collect();
        writeln!(out, "\n[[relay]]\nto = {}", list(&to))?;
        let mode = if self.mode == Mode::All { "all" } else { "balance" };
        let source = if self.source == Source::Own { "own" } else { "keep" };
        writeln!(out, "mode = \"{mode}\"\nsource = \"{source}\"")?;
        if !self.exporters.is_empty() {
            let texts: Vec<String> = self.exporters.iter().map(|choice| choice.text.clone()).collect();
            writeln!(out, "exporters = {}", list(&texts))?;
        }
        if let Some(format) = self.format {
            writeln!(out, "as = {}\nmtu = {}", quote(format.word()), self.mtu)?;
        }
        Ok(())
    }
}

impl Reader {
    pub(super) fn relay(
        &mut self,
        table: Table<'_>,
        at: Range<usize>,
        exporters: &[Exporter],
        listen: &[Listen],
    ) -> Relay {
        self.keys(table, "[[relay]]", &["to", "mode", "exporters", "source", "as", "mtu"]);
        let to = self.targets(table, at, listen);
        let exporters = self.choices(table, exporters);
        let mode = self.word(table, "mode", &[("all", Mode::All), ("balance", Mode::Balance)]);
        let source = self.word(table, "source", &[("keep", Source::Keep), ("own", Source::Own)]);
        let format = self.word(table, "as", &Format::ALL.map(|format| (format.word(), format)));
        let mtu = self.number(table, "mtu", MTU_MIN, MTU_MAX, "1400 is what is taken without it");
        if let (None, Some(value)) = (table.get("as"), table.get("mtu")) {
            let cure = "take it out, or say as = \"ipfix\": datagrams that go as they came keep their size";
            self.note(value.span(), "mtu without as", cure);
        }
        Relay {
            to,
            mode: mode.unwrap_or(Mode::All),
            exporters,
            source: source.unwrap_or(Source::Own),
            format,
            mtu: mtu.and_then(|n| usize::try_from(n).ok()).unwrap_or(MTU_DEFAULT),
        }
    }

    fn targets(&mut self, table: Table<'_>, at: Range<usize>, listen: &[Listen]) -> Vec<SocketAddr> {
        let mut to: Vec<SocketAddr> = Vec::new();
        for (text, place) in self.strings(table, "to") {
            let Ok(target) = text.parse::<SocketAddr>() else {
                let message = format!("\"{text}\" is no address and port to send to");
                self.note(place, message, "write for example \"192.0.2.9:2055\" or \"[2001:db8::9]:2055\"");
                continue;
            };
            if target.port() == 0 {
                self.note(place, format!("\"{text}\" has no port"), "write for example \"192.0.2.9:2055\"");
            } else if let Some(own) = listen.iter().find(|own| own.hears(target, |_| false)) {
                let message =
                    format!("{target} is our own listener {own}: datagrams would go round for ever");
                self.note(place, message, "relay to another collector, or to another port");
            } else if to.contains(&target) {
                self.note(place, format!("{target} is named twice"), "take one out");
            } else if to.len() >= TARGETS_MAX {
                let cure = "write a second [[relay]]";
                self.note(place, format!("a relay has at most {TARGETS_MAX} targets"), cure);
            } else {
                to.push(target);
            }
        }
        if !table.contains_key("to") {
            self.missing(at, "[[relay]]", "to", "to = [\"192.0.2.9:2055\"]");
        } else if let Some(value) = table.get("to")
            && to.is_empty()
            && self.mistakes.is_empty()
        {
            self.note(value.span(), "to is empty", "write to = [\"192.0.2.9:2055\"]");
        }
        to
    }

    fn choices(&mut self, table: Table<'_>, exporters: &[Exporter]) -> Vec<Choice> {
        let names: Vec<&str> = exporters.iter().map(|e| e.name.as_str()).collect();
        let mut choices = Vec::new();
        for (text, place) in self.strings(table, "exporters") {
            let known = exporters.iter().find(|e| e.name == text).map(|e| Prefix::host(e.address));
            let address = text.parse::<Addr>().ok().map(Prefix::host);
            let Some(network) = known.or(address).or_else(|| text.parse().ok()) else {
                let cure = match super::nearest(text, &names) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => "write the name of an [[exporter]], an address, or a network as \"192.0.2.0/24\""
                        .to_owned(),
                };
                self.note(place, format!("there is no exporter \"{text}\""), cure);
                continue;
            };
            choices.push(Choice { text: text.to_owned(), network });
        }
        choices
    }
}
