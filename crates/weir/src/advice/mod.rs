//! What weir knows of exporters: how each is configured, and what cures it when something is wrong.
//!
//! One [`Device`] is one row: its name, what it can do and what it cannot, a function that writes its
//! configuration, the commands that show whether it works, and a line for each thing that can be cured on it.
//! The rows stand in a file per vendor; [`DEVICES`] lists them. `weir exporter-config` prints them, `weir doctor`
//! takes its cures from them, and `docs/exporters.md` is written from them by a test.
//!
//! | file | holds |
//! |---|---|
//! | `cisco`, `juniper`, … | the rows of a vendor |
//! | `order` | what the operator asked for, checked against what the device can do |
//! | `snippet` | the one formatter: what weir needs and why, the lines, how to check them |
//! | `finding` | what can be wrong, and what it means for the bill |
//! | `cure` | from a finding to the lines that cure it |
//! | `page` | `docs/exporters.md` |
//!
//! The syntax was looked up in the vendors' public documentation and written down anew; what could be run here
//! (softflowd, pmacctd, fprobe, Open vSwitch) is run by tests, exactly as printed.

mod arista;
mod bsd;
mod cisco;
pub(crate) mod cure;
pub(crate) mod finding;
mod fortinet;
mod huawei;
mod juniper;
mod linux;
mod mikrotik;
mod nokia;
pub(crate) mod order;
#[cfg(test)]
mod page;
mod paloalto;
mod probe;
pub(crate) mod snippet;
mod switch;
#[cfg(test)]
mod tests;
mod ubiquiti;
mod vyos;

use crate::config::nearest;
use order::Order;
use snippet::Script;

/// How often templates and options are to be sent, in seconds.
pub(crate) const TEMPLATE_S: u32 = 60;

/// What an exporter speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Protocol {
    /// NetFlow v5
    #[value(name = "netflow5")]
    NetFlow5,
    /// NetFlow v9
    #[value(name = "netflow9")]
    NetFlow9,
    /// IPFIX
    Ipfix,
    /// sFlow v5
    Sflow,
}

impl Protocol {
    /// As typed: `netflow9`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NetFlow5 => "netflow5",
            Self::NetFlow9 => "netflow9",
            Self::Ipfix => "ipfix",
            Self::Sflow => "sflow",
        }
    }

    /// As people write it: `NetFlow v9`.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::NetFlow5 => "NetFlow v5",
            Self::NetFlow9 => "NetFlow v9",
            Self::Ipfix => "IPFIX",
            Self::Sflow => "sFlow",
        }
    }

    /// The number that a version option takes.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::NetFlow5 | Self::Sflow => 5,
            Self::NetFlow9 => 9,
            Self::Ipfix => 10,
        }
    }

    /// Whether its records are laid out by templates.
    pub(crate) fn has_templates(self) -> bool {
        matches!(self, Self::NetFlow9 | Self::Ipfix)
    }
}

/// Whether a device measures one packet in N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sampling {
    /// It measures every packet and can do nothing else.
    Never,
    /// As asked; every packet if nobody asks. N is at most this.
    Optional(u32),
    /// Always; with this N if nobody asks, and at most the second.
    Always(u32, u32),
}

/// Which timeouts a device takes, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeout {
    pub(crate) least_s: u32,
    pub(crate) most_s: u32,
    /// 60 where it takes whole minutes.
    pub(crate) step_s: u32,
}

impl Timeout {
    const fn seconds(least_s: u32, most_s: u32) -> Self {
        Self { least_s, most_s, step_s: 1 }
    }

    /// Whole minutes, up to so many.
    const fn minutes(most_min: u32) -> Self {
        Self { least_s: 60, most_s: most_min * 60, step_s: 60 }
    }
}

/// In which form a device takes the source of its datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The name of an interface; this one in examples.
    Interface(&'static str),
    /// An address that must be given.
    Address,
    /// An address; without one the device uses that of the interface towards the collector.
    Chosen,
    /// The name of an interface; without one the device follows its routes.
    ChosenInterface,
    /// It cannot be said.
    Fixed,
}

/// What a device tells of itself in options data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tells {
    /// The names of its interfaces.
    pub(crate) names: bool,
    /// The interval it samples with.
    pub(crate) sampling: bool,
}

/// What can be cured on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Templates come seldom or never.
    Template,
    /// The sampling interval is not told.
    Sampling,
    /// Its clock is wrong.
    Clock,
    /// Long flows are told late.
    Active,
    /// Traffic is counted on the way in and on the way out.
    Ingress,
    /// The address its datagrams come from changes.
    Source,
    /// Records are lost because it sends too fast or too much.
    Load,
    /// It reports events and no traffic.
    Traffic,
}

/// One kind of exporter.
pub(crate) struct Device {
    /// The KIND to type.
    pub(crate) name: &'static str,
    /// What it is, in full.
    pub(crate) title: &'static str,
    /// Other words that people type for it.
    pub(crate) also: &'static [&'static str],
    /// What it speaks, the best first.
    pub(crate) protocols: &'static [Protocol],
    /// Whether it samples.
    pub(crate) sampling: Sampling,
    /// Protocols in which it tells of every packet, whatever it does in others.
    pub(crate) exact: &'static [Protocol],
    /// The active timeouts it takes; `None` where it has none.
    pub(crate) active: Option<Timeout>,
    /// How its source is said.
    pub(crate) source: Source,
    /// An interface of it, for examples; `None` where none need be named.
    pub(crate) interface: Option<&'static str>,
    /// Whether the collector may have an IPv6 address.
    pub(crate) to_ipv6: bool,
    /// How often it sends its templates, where there are any.
    pub(crate) templates: &'static str,
    /// How it is seen to that each packet is counted once.
    pub(crate) once: &'static str,
    /// What its options data tell.
    pub(crate) tells: Tells,
    /// What begins a comment in its configuration.
    pub(crate) comment: &'static str,
    /// Where the lines go.
    pub(crate) place: &'static str,
    /// What it cannot do, and what else is good to know.
    pub(crate) notes: &'static [&'static str],
    /// Commands that show whether it exports.
    pub(crate) check: &'static [&'static str],
    /// A line or two for each thing that can be cured on it.
    pub(crate) cures: &'static [(Topic, &'static str)],
    /// Writes its configuration.
    pub(crate) write: fn(&Order, &mut Script),
}

impl Device {
    /// The lines that cure this, where there are any.
    pub(crate) fn cure(&self, topic: Topic) -> Option<&'static str> {
        self.cures.iter().find(|(t, _)| *t == topic).map(|(_, line)| *line)
    }

    /// The protocols it speaks, as typed.
    pub(crate) fn protocol_words(&self) -> String {
        let words: Vec<_> = self.protocols.iter().map(|p| p.word()).collect();
        words.join(", ")
    }
}

/// Every kind of exporter, by vendor.
pub(crate) const DEVICES: &[&[Device]] = &[
    cisco::DEVICES,
    juniper::DEVICES,
    mikrotik::DEVICES,
    huawei::DEVICES,
    arista::DEVICES,
    nokia::DEVICES,
    fortinet::DEVICES,
    paloalto::DEVICES,
    vyos::DEVICES,
    ubiquiti::DEVICES,
    bsd::DEVICES,
    probe::DEVICES,
    linux::DEVICES,
    switch::DEVICES,
];

/// Every kind of exporter.
pub(crate) fn devices() -> impl Iterator<Item = &'static Device> {
    DEVICES.iter().copied().flatten()
}

/// The kind of this name, or of another that people type for it; capitals do not matter.
pub(crate) fn device(name: &str) -> Option<&'static Device> {
    let name = name.to_lowercase();
    devices().find(|d| d.name == name || d.also.contains(&name.as_str()))
}

/// The kind that was probably meant.
pub(crate) fn suggestion(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let words: Vec<&str> =
        devices().flat_map(|d| std::iter::once(d.name).chain(d.also.iter().copied())).collect();
    // A vendor alone, as "cisco", means its first kind.
    let vendor = devices().find(|d| d.name.split('-').next() == Some(name.as_str()));
    let near = vendor.or_else(|| nearest(&name, &words).and_then(device))?;
    Some(near.name)
}
