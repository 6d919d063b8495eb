//! Source addresses that are not the exporter's own.
//!
//! An exporter is known by the address its datagrams come from. Where something on the way replaces that address
//! (a container's bridge and its userland proxy, a UDP load balancer, NAT), several exporters become one: their
//! templates overwrite each other, their sequence numbers look like endless loss, and one name stands on the
//! bill for all. Datagrams show it, to who looks:
//!
//! * NetFlow says the time and the uptime, so the time it was started. One machine has one, until it is
//!   started again; two that *alternate* are two machines (or two exporting programs on one).
//! * sFlow says the address of its agent. Two agents behind one address are two devices. One agent that differs
//!   from the source may be a device that names its loopback: worth a line, no more.
//! * v9 and IPFIX may carry the exporter's own address (elements 130 and 131), in records or in options. If it differs,
//!   a relay sent the datagram, or the device names its loopback.
//! * A container that hears exporters from its own default gateway hears them through the bridge.
//!
//! Nothing here reads a clock or a socket. Each sign is told once per exporter.

use std::fmt;
use weir_flow::Addr;
use weir_wire::ipfix;
use weir_wire::netflow::v9;
use weir_wire::template::{Role, SetKind, Sets, Template};

/// Start times remembered per exporter.
const BOOTS_MAX: usize = 8;
/// Start times this near to each other, ms, are one: headers round, clocks are slewed.
const SAME_BOOT_MS: u32 = 30_000;
/// Returns to a start time that was left before, until it is believed. A restart gives one or two, when
/// datagrams from before it come late.
const RETURNS_MIN: u8 = 4;
/// Templates with an exporter's address that are remembered per exporter.
const ORIGINS_MAX: usize = 8;
/// exporterIPv4Address and exporterIPv6Address.
const ORIGIN_ELEMENTS: [(u16, u16); 2] = [(130, 4), (131, 16)];

/// What shows that an address is not the exporter's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// NetFlow start times alternate.
    Boots,
    /// sFlow agents alternate.
    Agents(Addr, Addr),
    /// The sFlow agent has another address.
    Agent(Addr),
    /// Records name another address as their exporter's.
    Origin(Addr),
    /// We are in a container and this is its gateway.
    Gateway,
}

/// A sign, and at whose address it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) exporter: Addr,
    pub(super) sign: Sign,
}

impl Sign {
    /// The reason under which it is counted.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Boots => "start_times",
            Self::Agents(..) => "agents",
            Self::Agent(_) => "agent",
            Self::Origin(_) => "origin",
            Self::Gateway => "gateway",
        }
    }

    /// Whether it may as well be the way the device is set up.
    pub(super) fn is_weak(self) -> bool {
        matches!(self, Self::Agent(_) | Self::Origin(_))
    }
}

/// What helps where a container's bridge is at fault, or a proxy.
const CURE: &str = "in a container use host networking (docker run --network host), or set \"userland-proxy\": false \
                    in Docker's daemon.json; have a proxy or load balancer keep the source address";

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exporter = self.exporter;
        match self.sign {
            Sign::Boots => write!(
                f,
                "several exporters speak from {exporter}: their start times alternate. If they are not programs on \
                 one machine, their source addresses are rewritten on the way, and their templates, losses and \
                 octets are mixed: {CURE}"
            ),
            Sign::Agents(one, other) => write!(
                f,
                "the sFlow agents {one} and {other} both speak from {exporter}: source addresses are rewritten on the \
                 way, and the agents are accounted as one exporter: {CURE}"
            ),
            Sign::Agent(agent) => write!(
                f,
                "sFlow from {exporter} names its agent {agent}: good if both are addresses of one device; else its \
                 source address is rewritten on the way: {CURE}"
            ),
            Sign::Origin(origin) => write!(
                f,
                "records from {exporter} name {origin} as their exporter (elements 130, 131): good if both are addresses \
                 of one device, or {exporter} is a relay that converts; else its source address is rewritten on the \
                 way: {CURE}"
            ),
            Sign::Gateway => write!(
                f,
                "datagrams come from {exporter}, the gateway of this container: whoever sent them, the bridge replaced \
                 the source address: {CURE}"
            ),
        }
    }
}

/// Where we are.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    /// The container's gateways; empty where this is no container.
    gateways: Vec<Addr>,
}

impl Surroundings {
    /// From the text of `/proc/net/route`, inside a container.
    pub(super) fn of_container(route: &str) -> Self {
        Self { gateways: route.lines().skip(1).filter_map(gateway).collect() }
    }
}

/// The gateway of a line that is a default route: interface, destination, gateway, …, in hexadecimal as this
/// machine's memory has them.
fn gateway(line: &str) -> Option<Addr> {
    let mut columns = line.split_ascii_whitespace().skip(1);
    let mut column = || u32::from_str_radix(columns.next()?, 16).ok();
    let (destination, gateway) = (column()?, column()?);
    (destination == 0 && gateway != 0).then(|| Addr::v4(gateway.to_ne_bytes()))
}

/// What one address has shown so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Watch {
    /// Start times, ms modulo 2^32: an uptime that wraps does not move them.
    boots: Vec<u32>,
    /// Which of them the newest datagram had.
    last: Option<usize>,
    returns: u8,
    agent: Option<Addr>,
    origins: Vec<Origin>,
    told: u8,
}

/// Where the records of a template have their exporter's address.
#[derive(Debug, Clone, Copy)]
struct Origin {
    domain: u32,
    template: u16,
    at: usize,
    len: usize,
}

impl Watch {
    /// Looks at a datagram from `exporter`; a sign that was not told before.
    pub(super) fn see(&mut self, exporter: Addr, payload: &[u8], here: &Surroundings) -> Option<Verdict> {
        let sign = match here.gateways.contains(&exporter) {
            true if !self.is_told(Sign::Gateway) => Some(Sign::Gateway),
            _ => self.sign(exporter, payload),
        };
        let sign = sign.filter(|sign| !self.is_told(*sign))?;
        self.told |= bit(sign);
        Some(Verdict { exporter, sign })
    }

    fn is_told(&self, sign: Sign) -> bool {
        self.told & bit(sign) != 0
    }

    fn sign(&mut self, exporter: Addr, payload: &[u8]) -> Option<Sign> {
        if let Some(agent) = agent(payload) {
            let before = *self.agent.get_or_insert(agent);
            return if before != agent {
                Some(Sign::Agents(before, agent))
            } else {
                (agent != exporter && !agent.is_unspecified()).then_some(Sign::Agent(agent))
            };
        }
        if !self.is_told(Sign::Origin(exporter))
            && let Some(origin) = self.origin(payload)
            && origin != exporter
            && !origin.is_unspecified()
        {
            return Some(Sign::Origin(origin));
        }
        if self.is_told(Sign::Boots) {
            return None;
        }
        self.see_boot(boot(payload)?);
        (self.returns >= RETURNS_MIN).then_some(Sign::Boots)
    }

    /// The address of the exporter in a message's first record that has one.
    fn origin(&mut self, payload: &[u8]) -> Option<Addr> {
        let (head, domain, sets) = sets(payload)?;
        // Most messages are data of templates without one: nothing more of them is looked at.
        let begins_with = u16::from_be_bytes(*payload.get(head..)?.first_chunk()?);
        if begins_with >= 256 && self.origins.is_empty() {
            return None;
        }
        for set in sets.flatten() {
            match set.kind() {
                SetKind::Template | SetKind::OptionsTemplate => {
                    set.templates().flatten().for_each(|template| self.learn(domain, &template));
                }
                SetKind::Data(id) => {
                    let known = self.origins.iter().find(|o| (o.domain, o.template) == (domain, id));
                    if let Some(octets) = known.and_then(|o| set.body.get(o.at..o.at + o.len)) {
                        return Addr::from_slice(octets);
                    }
                }
                SetKind::Reserved(_) => {}
            }
        }
        None
    }

    fn learn(&mut self, domain: u32, template: &Template<'_>) {
        self.origins.retain(|known| (known.domain, known.template) != (domain, template.id));
        let mut at = 0;
        for field in template.fields() {
            let is_origin = field.enterprise == 0 && ORIGIN_ELEMENTS.contains(&(field.element, field.length));
            if is_origin && field.role != Role::V9Scope && self.origins.len() < ORIGINS_MAX {
                let len = field.length.into();
                return self.origins.push(Origin { domain, template: template.id, at, len });
            }
            // What is behind a field of variable length has no fixed place.
            if field.is_variable() {
                return;
            }
            at += usize::from(field.length);
        }
    }

    fn see_boot(&mut self, boot: u32) {
        let near = |known: &u32| {
            let apart = known.wrapping_sub(boot);
            apart.min(apart.wrapping_neg()) <= SAME_BOOT_MS
        };
        let at = self.boots.iter().position(near);
        match at {
            Some(at) => {
                if self.last != Some(at) {
                    self.returns = self.returns.saturating_add(1);
                }
                // It goes along with a clock that is slewed.
                if let Some(known) = self.boots.get_mut(at) {
                    *known = boot;
                }
            }
            None if self.boots.len() < BOOTS_MAX => self.boots.push(boot),
            None => {}
        }
        self.last = at.or(self.boots.len().checked_sub(1));
    }
}

fn bit(sign: Sign) -> u8 {
    match sign {
        Sign::Boots => 1,
        Sign::Agents(..) => 2,
        Sign::Agent(_) => 4,
        Sign::Gateway => 8,
        Sign::Origin(_) => 16,
    }
}

/// A message's sets: where they begin, their domain, and themselves.
fn sets(payload: &[u8]) -> Option<(usize, u32, Sets<'_>)> {
    match payload {
        [0, 9, ..] => {
            let message = v9::Message::new_checked(payload).ok()?;
            Some((v9::HEADER_LEN, message.header().source_id, message.sets()))
        }
        [0, 10, ..] => {
            let message = ipfix::Message::from_datagram(payload).ok()?;
            Some((ipfix::HEADER_LEN, message.header().domain, message.sets()))
        }
        _ => None,
    }
}

/// When the exporter was started, ms since 1970 modulo 2^32: v1, v5, v7 and v9 all begin with version, count,
/// uptime in ms, seconds since 1970.
fn boot(payload: &[u8]) -> Option<u32> {
    let [0, 1 | 5 | 7 | 9, _, _, rest @ ..] = payload else { return None };
    let (uptime, rest) = rest.split_first_chunk()?;
    let (seconds, _) = rest.split_first_chunk()?;
    let export = u32::from_be_bytes(*seconds).wrapping_mul(1000);
    Some(export.wrapping_sub(u32::from_be_bytes(*uptime)))
}

/// The agent's address: sFlow version 5 has its type (1 IPv4, 2 IPv6) and itself behind the version.
fn agent(payload: &[u8]) -> Option<Addr> {
    match payload {
        [0, 0, 0, 5, 0, 0, 0, 1, rest @ ..] => rest.first_chunk().map(|v4| Addr::v4(*v4)),
        [0, 0, 0, 5, 0, 0, 0, 2, rest @ ..] => rest.first_chunk().map(|v6| Addr::v6(*v6)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Addr = Addr::v4([172, 17, 0, 1]);

    fn v9(export_s: u32, uptime_ms: u32) -> Vec<u8> {
        let mut out = vec![0, 9, 0, 1];
        out.extend(uptime_ms.to_be_bytes());
        out.extend(export_s.to_be_bytes());
        out
    }

    fn sflow(agent: [u8; 4]) -> Vec<u8> {
        [&[0, 0, 0, 5, 0, 0, 0, 1], &agent[..]].concat()
    }

    /// The signs that datagrams of so many seconds past 1970 and uptimes show.
    fn signs(datagrams: &[(u32, u32)]) -> Vec<Sign> {
        let mut watch = Watch::default();
        let see = |&(s, ms): &(u32, u32)| watch.see(HERE, &v9(s, ms), &Surroundings::default());
        datagrams.iter().filter_map(see).map(|verdict| verdict.sign).collect()
    }

    const S: u32 = 1_790_000_000;

    #[test]
    fn start_times_that_alternate_are_told_once() {
        // Started an hour and a week ago, in turns.
        let two: Vec<_> =
            (0..20).map(|i| (S + i, i * 1000 + [3_600_000, 604_800_000][i as usize % 2])).collect();
        assert_eq!(signs(&two), [Sign::Boots]);
        // Fifty machines: more than are remembered.
        let many: Vec<_> = (0..200).map(|i| (S + i, i * 1000 + i % 50 * 1_000_000)).collect();
        assert_eq!(signs(&many), [Sign::Boots]);
    }

    #[test]
    fn one_machine_is_one_whatever_its_clock_does() {
        let steady: Vec<_> = (0..100).map(|i| (S + i, i * 1000)).collect();
        assert_eq!(signs(&steady), []);
        // Restarts, each with a datagram from before it that comes late.
        let restarts = [(S, 900_000), (S + 60, 0), (S + 1, 901_000), (S + 61, 1000), (S + 62, 2000)];
        assert_eq!(signs(&restarts), []);
        // The uptime wraps, and datagrams from around the wrap change places.
        let wraps: Vec<_> = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9u32]
            .iter()
            .map(|i| (S + i, (u32::MAX - 4000).wrapping_add(i * 1000)))
            .collect();
        assert_eq!(signs(&wraps), []);
        // No uptime at all, an hour long.
        let zeros: Vec<_> = (0..3600).map(|i| (S + i, 0)).collect();
        assert_eq!(signs(&zeros), []);
        // Slewed by ten minutes in an hour.
        let slewed: Vec<_> = (0..3600).map(|i| (S + i + i / 6, i * 1000)).collect();
        assert_eq!(signs(&slewed), []);
    }

    #[test]
    fn agents_are_compared_with_the_source_and_with_each_other() {
        let mut watch = Watch::default();
        let mut see = |agent| watch.see(HERE, &sflow(agent), &Surroundings::default()).map(|v| v.sign);
        let [one, two] = [[192, 0, 2, 1], [192, 0, 2, 2]];
        assert_eq!(see(one), Some(Sign::Agent(Addr::v4(one))));
        assert_eq!(see(one), None);
        assert_eq!(see(two), Some(Sign::Agents(Addr::v4(one), Addr::v4(two))));
        assert_eq!([see(one), see(two)], [None, None]);
        let mut honest = Watch::default();
        assert_eq!(honest.see(HERE, &sflow([172, 17, 0, 1]), &Surroundings::default()), None);
    }

    /// A template of octets, the exporter's address and packets; then a record that names 192.0.2.1.
    #[test]
    fn an_exporter_that_records_name_is_compared_with_the_source() {
        use weir_wire::template::Field;
        let fields = [Field::new(1, 4), Field::new(130, 4), Field::new(2, 4)];
        let message = |is_template: bool| {
            let mut out = vec![0; 200];
            let mut writer = ipfix::Writer::new(&mut out, ipfix::Header::default()).unwrap();
            match is_template {
                true => writer.template(256, &fields).unwrap(),
                false => {
                    writer.begin_data(256).unwrap();
                    writer.record(&[0, 0, 0, 9, 192, 0, 2, 1, 0, 0, 0, 1]).unwrap();
                }
            }
            let len = writer.finish().unwrap();
            out.truncate(len);
            out
        };
        let see = |watch: &mut Watch, from, is_template| {
            watch.see(from, &message(is_template), &Surroundings::default()).map(|verdict| verdict.sign)
        };
        let origin = Addr::v4([192, 0, 2, 1]);
        let mut watch = Watch::default();
        assert_eq!(see(&mut watch, HERE, false), None, "its template has not come");
        assert_eq!(see(&mut watch, HERE, true), None);
        assert_eq!(see(&mut watch, HERE, false), Some(Sign::Origin(origin)));
        assert_eq!(see(&mut watch, HERE, false), None);
        let mut honest = Watch::default();
        assert_eq!([see(&mut honest, origin, true), see(&mut honest, origin, false)], [None, None]);
    }

    #[test]
    fn a_container_knows_its_gateway() {
        let route = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                     eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                     eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        let container = Surroundings::of_container(route);
        if cfg!(target_endian = "little") {
            let mut watch = Watch::default();
            let verdict = watch.see(HERE, &v9(S, 0), &container).unwrap();
            assert_eq!(verdict.sign, Sign::Gateway);
            let said = verdict.to_string();
            assert!(said.contains("172.17.0.1") && said.contains("--network host"), "{said}");
            assert_eq!(watch.see(HERE, &v9(S, 0), &container), None);
        }
    }
}
