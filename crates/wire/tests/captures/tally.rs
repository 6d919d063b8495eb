//! Counting what a capture holds, with the plain iterators of this crate and a table of templates.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weir_wire::netflow::{v1, v5, v7, v9};
use weir_wire::template::{Dialect, Set, SetKind, Sets, Template};
use weir_wire::{Error, Protocol, detect, ipfix, value};

/// Elements that count but are not 1 or 2.
const OTHER_COUNTERS: [(u32, u16); 13] = [
    (0, 23),
    (0, 24),
    (0, 85),
    (0, 86),
    (0, 231),
    (0, 232),
    (0, 298),
    (0, 299),
    (0, 352),
    (29305, 1),
    (29305, 2),
    (29305, 85),
    (29305, 86),
];

/// Whose template: source, version, domain.
type Scope = ((IpAddr, u16), Dialect, u32);

/// A template kept as it was sent.
struct Kept {
    is_options: bool,
    raw: Vec<u8>,
}

/// The figures of one capture.
#[derive(Default)]
pub(crate) struct Tally {
    datagrams: u64,
    templates: u64,
    options_templates: u64,
    option_records: u64,
    flow_records: u64,
    octets: u64,
    packets: u64,
    others: BTreeMap<String, u64>,
    v4: Option<(Ipv4Addr, Ipv4Addr)>,
    v6: Option<(Ipv6Addr, Ipv6Addr)>,
    kept: HashMap<(Scope, u16), Kept>,
    problems: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// One UDP payload.
    pub(crate) fn datagram(&mut self, source: (IpAddr, u16), bytes: &[u8]) {
        self.datagrams += 1;
        let result = match detect(bytes) {
            Some(Protocol::NetflowV1) => v1::Datagram::new_checked(bytes).map(|datagram| {
                datagram.records().for_each(|r| self.fixed(r.src_addr, r.dst_addr, r.octets, r.packets));
            }),
            Some(Protocol::NetflowV5) => v5::Datagram::new_checked(bytes).map(|datagram| {
                datagram.records().for_each(|r| self.fixed(r.src_addr, r.dst_addr, r.octets, r.packets));
            }),
            Some(Protocol::NetflowV7) => v7::Datagram::new_checked(bytes).map(|datagram| {
                datagram.records().for_each(|r| self.fixed(r.src_addr, r.dst_addr, r.octets, r.packets));
            }),
            Some(Protocol::NetflowV9) => v9::Message::new_checked(bytes).map(|message| {
                self.sets((source, Dialect::V9, message.header().source_id), message.sets());
            }),
            Some(Protocol::Ipfix) => ipfix::Message::from_datagram(bytes).map(|message| {
                self.sets((source, Dialect::Ipfix, message.header().domain), message.sets());
            }),
            _ => panic!("no NetFlow that is in a capture: {:?}", &bytes[..bytes.len().min(8)]),
        };
        if let Err(error) = result {
            self.problem(error);
        }
    }

    /// IPFIX messages one behind the other.
    pub(crate) fn stream(&mut self, bytes: &[u8]) {
        let source = (IpAddr::from([0; 4]), 0);
        let mut rest = bytes;
        while !rest.is_empty() {
            let message = ipfix::Message::from_datagram(rest).unwrap();
            self.datagram(source, &rest[..message.len()]);
            rest = &rest[message.len()..];
        }
    }

    /// The columns that count.
    pub(crate) fn figures(&self) -> String {
        format!(
            "{} {}+{}opt {} {} {} {}",
            self.datagrams,
            self.templates,
            self.options_templates,
            self.option_records,
            self.flow_records,
            self.octets,
            self.packets
        )
    }

    /// The column of other counters.
    pub(crate) fn other_counters(&self) -> String {
        let cells: Vec<String> = self.others.iter().map(|(name, sum)| format!("{name}={sum}")).collect();
        cells.join(";")
    }

    /// What was wrong, by reason.
    pub(crate) fn problems(&self) -> String {
        let cells: Vec<String> =
            self.problems.iter().map(|(name, count)| format!("{name}={count}")).collect();
        cells.join(";")
    }

    /// The column of the smallest and largest addresses.
    pub(crate) fn addresses(&self) -> String {
        let v4 = self.v4.map_or("..".to_owned(), |(min, max)| format!("{min}..{max}"));
        let v6 = self.v6.map_or("..".to_owned(), |(min, max)| format!("{min}..{max}"));
        format!("{v4}|{v6}")
    }

    fn problem(&mut self, error: Error) {
        *self.problems.entry(error.reason.as_str()).or_default() += 1;
    }

    fn fixed(&mut self, src: [u8; 4], dst: [u8; 4], octets: u32, packets: u32) {
        self.flow_records += 1;
        self.octets += u64::from(octets);
        self.packets += u64::from(packets);
        self.address_v4(src.into());
        self.address_v4(dst.into());
    }

    fn address_v4(&mut self, address: Ipv4Addr) {
        let (min, max) = self.v4.unwrap_or((address, address));
        self.v4 = Some((min.min(address), max.max(address)));
    }

    fn address_v6(&mut self, address: Ipv6Addr) {
        let (min, max) = self.v6.unwrap_or((address, address));
        self.v6 = Some((min.min(address), max.max(address)));
    }

    fn sets(&mut self, scope: Scope, sets: Sets<'_>) {
        for set in sets {
            match set {
                Ok(set) => self.set(scope, &set),
                Err(error) => self.problem(error),
            }
        }
    }

    fn set(&mut self, scope: Scope, set: &Set<'_>) {
        for template in set.templates() {
            match template {
                Ok(template) => self.learn(scope, &template),
                Err(error) => self.problem(error),
            }
        }
        if let SetKind::Data(id) = set.kind() {
            let Some(kept) = self.kept.get(&(scope, id)) else {
                *self.problems.entry("no_template").or_default() += 1;
                return;
            };
            let raw = kept.raw.clone();
            let id = match (scope.1, kept.is_options) {
                (Dialect::V9, options) => u16::from(options),
                (Dialect::Ipfix, options) => 2 + u16::from(options),
            };
            let envelope = Set { dialect: scope.1, id, offset: 0, body: &raw, is_cut: false };
            let template = envelope.templates().next().unwrap().unwrap();
            self.records(&template, set);
        }
    }

    fn learn(&mut self, scope: Scope, template: &Template<'_>) {
        if template.is_withdrawal() {
            self.kept.remove(&(scope, template.id));
            return;
        }
        if template.is_options {
            self.options_templates += 1;
        } else {
            self.templates += 1;
        }
        let kept = Kept { is_options: template.is_options, raw: template.raw.to_vec() };
        self.kept.insert((scope, template.id), kept);
    }

    fn records(&mut self, template: &Template<'_>, set: &Set<'_>) {
        for record in template.records(set) {
            match record {
                Err(error) => self.problem(error),
                Ok(_) if template.is_options => self.option_records += 1,
                Ok(record) => {
                    self.flow_records += 1;
                    for (field, octets) in record.values() {
                        self.value(field.enterprise, field.element, octets);
                    }
                }
            }
        }
    }

    fn value(&mut self, enterprise: u32, element: u16, octets: &[u8]) {
        match (enterprise, element, octets.len()) {
            (0, 1, _) => self.octets += value::unsigned(octets).unwrap_or_default(),
            (0, 2, _) => self.packets += value::unsigned(octets).unwrap_or_default(),
            (0, 8 | 12, 4) => self.address_v4(<[u8; 4]>::try_from(octets).unwrap().into()),
            (0, 27 | 28, 16) => self.address_v6(<[u8; 16]>::try_from(octets).unwrap().into()),
            other if OTHER_COUNTERS.contains(&(other.0, other.1)) => {
                let name = if enterprise == 0 { "IE" } else { "IErev" };
                *self.others.entry(format!("{name}{element}")).or_default() +=
                    value::unsigned(octets).unwrap_or_default();
            }
            _ => {}
        }
    }
}
