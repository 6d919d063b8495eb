//! What the operator asked for, checked against what the device can do: from here on everything is said, and
//! nothing a device's writer is given can break out of the line it stands in.

use super::{Device, Protocol, Sampling, Source, Timeout};
use std::net::{IpAddr, SocketAddr};

/// The port where none is said: the one `weir run` listens on.
const PORT: u16 = 2055;

/// The sampling interval of sFlow where nobody says one and the device has none that is usual.
const SFLOW_INTERVAL: u32 = 1000;

/// The longest name of an interface that is taken.
const NAME_MAX: usize = 64;

/// What was typed.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// The collector: an address, and a port unless it is 2055.
    pub(crate) collector: String,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) interfaces: Vec<String>,
    /// 1 packet in so many.
    pub(crate) sampling: Option<u32>,
    /// An address or the name of an interface.
    pub(crate) source: Option<String>,
    pub(crate) active_s: u32,
    pub(crate) inactive_s: u32,
}

/// What a device's writer is given.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) collector: IpAddr,
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
    /// At least one.
    pub(crate) interfaces: Vec<String>,
    /// 1 packet in so many; `None` where every packet is measured.
    pub(crate) sampling: Option<u32>,
    /// In the form the device takes; `None` where it was not said and need not be.
    pub(crate) source: Option<String>,
    pub(crate) active_s: u32,
    pub(crate) inactive_s: u32,
    /// Which of the values are only examples, and the option that says them rightly.
    pub(crate) examples: Vec<String>,
}

impl Order {
    /// The order for a device, from what was typed.
    ///
    /// # Errors
    /// One sentence: what the device cannot do, or what is no address, and what would be right.
    pub(crate) fn new(device: &Device, wish: &Wish) -> Result<Self, String> {
        let (collector, port) = collector(&wish.collector)?;
        if collector.is_ipv6() && !device.to_ipv6 {
            return Err(format!(
                "{} exports to IPv4 addresses only: give the collector's, not {collector}",
                device.name
            ));
        }
        let mut examples = Vec::new();
        let protocol = self::protocol(device, wish.protocol)?;
        let order = Self {
            collector,
            port,
            protocol,
            interfaces: interfaces(device, &wish.interfaces, &mut examples)?,
            sampling: sampling(device, protocol, wish.sampling)?,
            source: source(device, wish.source.as_deref(), collector, &mut examples)?,
            active_s: active(device, wish.active_s)?,
            inactive_s: wish.inactive_s,
            examples,
        };
        if order.inactive_s == 0 || order.inactive_s > order.active_s {
            return Err(format!(
                "--inactive {} is not from 1 to the active timeout, {}",
                order.inactive_s, order.active_s
            ));
        }
        Ok(order)
    }

    /// Address and port as most things take them: `192.0.2.10:2055`, `[2001:db8::10]:2055`.
    pub(crate) fn target(&self) -> SocketAddr {
        SocketAddr::new(self.collector, self.port)
    }

    /// The active timeout in minutes, of devices that take whole ones.
    pub(crate) fn active_min(&self) -> u32 {
        self.active_s.div_ceil(60)
    }

    /// The source, or nothing.
    pub(crate) fn source(&self) -> &str {
        self.source.as_deref().unwrap_or_default()
    }

    /// Whether the protocol is this one.
    pub(crate) fn is(&self, protocol: Protocol) -> bool {
        self.protocol == protocol
    }
}

/// The collector's address and port.
fn collector(text: &str) -> Result<(IpAddr, u16), String> {
    let wrong = |why: &str| {
        format!(
            "--collector \"{text}\" {why}: write an address, as 192.0.2.10, 192.0.2.10:{PORT} or [2001:db8::10]:{PORT}"
        )
    };
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let (address, port) = match (bare.parse::<IpAddr>(), text.parse::<SocketAddr>()) {
        (Ok(address), _) => (address, PORT),
        (_, Ok(both)) => (both.ip(), both.port()),
        _ => return Err(wrong("is no address")),
    };
    let address = address.to_canonical();
    if port == 0 {
        return Err(wrong("has port 0, which nobody listens on"));
    }
    if address.is_unspecified() || address.is_multicast() || address == IpAddr::from([255, 255, 255, 255]) {
        return Err(wrong("is not the address of one machine"));
    }
    Ok((address, port))
}

fn protocol(device: &Device, wanted: Option<Protocol>) -> Result<Protocol, String> {
    match wanted {
        Some(one) if device.protocols.contains(&one) => Ok(one),
        Some(one) => {
            Err(format!("{} does not speak {}; it does {}", device.name, one.word(), device.protocol_words()))
        }
        None => device.protocols.first().copied().ok_or_else(|| format!("{} exports nothing", device.name)),
    }
}

fn interfaces(device: &Device, named: &[String], examples: &mut Vec<String>) -> Result<Vec<String>, String> {
    for name in named {
        plain(name).map_err(|why| format!("--interface \"{name}\" {why}"))?;
    }
    if named.is_empty() {
        let Some(example) = device.interface else { return Ok(Vec::new()) };
        examples.push(format!("interface {example}: name yours, each with --interface"));
        return Ok(vec![example.to_owned()]);
    }
    Ok(named.to_vec())
}

fn sampling(device: &Device, protocol: Protocol, wanted: Option<u32>) -> Result<Option<u32>, String> {
    if wanted == Some(0) {
        return Err("--sampling 0 means nothing: write N of \"1 packet in N\", or leave it out".to_owned());
    }
    if device.sampling == Sampling::Never || device.exact.contains(&protocol) {
        return match wanted.filter(|n| *n > 1) {
            None => Ok(None),
            Some(_) => Err(format!(
                "{} measures every packet and cannot sample in {}: leave --sampling out",
                device.name,
                protocol.word()
            )),
        };
    }
    let (usual, most) = match device.sampling {
        Sampling::Always(usual, most) => (Some(usual), most),
        Sampling::Optional(most) if protocol == Protocol::Sflow => (Some(SFLOW_INTERVAL), most),
        Sampling::Optional(most) => (None, most),
        Sampling::Never => (None, 1),
    };
    match wanted {
        Some(n) if n > most => Err(format!("{} samples at most 1 packet in {most}, not in {n}", device.name)),
        // One that always samples has to be told 1, too.
        Some(n) => Ok(Some(n).filter(|n| *n > 1 || usual.is_some())),
        None => Ok(usual),
    }
}

fn source(
    device: &Device,
    wanted: Option<&str>,
    collector: IpAddr,
    examples: &mut Vec<String>,
) -> Result<Option<String>, String> {
    let Some(text) = wanted else {
        let example = match device.source {
            Source::Interface(name) => name.to_owned(),
            Source::Address if collector.is_ipv6() => "2001:db8::1".to_owned(),
            Source::Address => "192.0.2.1".to_owned(),
            Source::Chosen | Source::ChosenInterface | Source::Fixed => return Ok(None),
        };
        examples.push(format!("source {example}: say the exporter's own with --source"));
        return Ok(Some(example));
    };
    let address = text.parse::<IpAddr>().ok();
    match (device.source, address) {
        (Source::Fixed, _) => Err(format!("{} cannot be told its source: leave --source out", device.name)),
        (Source::Address | Source::Chosen, None) => Err(format!(
            "{} wants an address as its source, as --source 192.0.2.1, not \"{text}\"",
            device.name
        )),
        (Source::Interface(_) | Source::ChosenInterface, Some(_)) => Err(format!(
            "{} wants the name of an interface as its source, as --source {}, not an address",
            device.name,
            if let Source::Interface(name) = device.source { name } else { "eth0" }
        )),
        (Source::Address | Source::Chosen, Some(address)) if address.is_ipv6() != collector.is_ipv6() => {
            Err(format!("--source {address} and the collector {collector} are not of one IP version"))
        }
        (_, Some(address)) => Ok(Some(address.to_string())),
        (_, None) => {
            plain(text).map_err(|why| format!("--source \"{text}\" {why}"))?;
            Ok(Some(text.to_owned()))
        }
    }
}

fn active(device: &Device, wanted_s: u32) -> Result<u32, String> {
    let Timeout { least_s, most_s, step_s } = device.active.unwrap_or(Timeout::seconds(1, 3600));
    if !(least_s..=most_s).contains(&wanted_s) {
        let name = device.name;
        return Err(format!(
            "{name} takes an active timeout from {least_s} to {most_s} seconds, not {wanted_s}"
        ));
    }
    Ok(wanted_s.next_multiple_of(step_s))
}

/// A name goes into a configuration, and for some devices into a shell: it is taken only if it is nothing else.
fn plain(name: &str) -> Result<(), &'static str> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "/.:_-@".contains(c);
    if name.is_empty() || name.starts_with('-') || !name.chars().all(is_good) {
        return Err("is no name of an interface, as GigabitEthernet0/0/1, ge-0/0/0.0 or eth0");
    }
    if name.len() > NAME_MAX { Err("is too long for the name of an interface") } else { Ok(()) }
}
