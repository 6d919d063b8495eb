//! What tshark says of NetFlow and IPFIX: messages of templates and records, every field with its element.

use super::pdml::Node;
use std::collections::BTreeMap;

/// A field of a record, by tshark.
#[derive(Debug, Clone, Default)]
pub(crate) struct Field {
    pub(crate) enterprise: u32,
    /// Its number in the template; v1 to v7 have none.
    pub(crate) element: Option<u16>,
    /// tshark's name; empty where it shows nothing at this place.
    pub(crate) name: String,
    pub(crate) show: String,
    /// Whether tshark gives the field the length that the template does.
    pub(crate) is_whole: bool,
    pub(crate) octets: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub(crate) fields: Vec<Field>,
}

/// A field of a template: enterprise, element, length.
pub(crate) type Spec = (u32, u16, usize);

#[derive(Debug, Clone)]
pub(crate) enum Part {
    Template {
        id: u16,
        fields: Vec<Spec>,
    },
    Data {
        id: u16,
        is_options: bool,
        records: Vec<Record>,
        is_decoded: bool,
    },
    /// Where tshark gave up.
    Malformed,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) version: u64,
    pub(crate) domain: u64,
    /// ms since 1970.
    pub(crate) export: i64,
    pub(crate) uptime: Option<u32>,
    /// v5's sampling interval.
    pub(crate) interval: u64,
    pub(crate) parts: Vec<Part>,
}

/// Templates, by the frame that defines them, domain and id.
pub(crate) type Known = BTreeMap<(u64, u64, u16), (bool, Vec<Spec>)>;

/// The message of each packet, and all templates.
pub(crate) fn messages(packets: &[Node]) -> Vec<Option<Message>> {
    let mut known = Known::new();
    for (frame, packet) in (1u64..).zip(packets) {
        let Some(cflow) = proto(packet) else { continue };
        for node in cflow.all() {
            if let Some((is_options, id, fields)) = template(node) {
                known.insert((frame, domain(cflow), id), (is_options, fields));
            }
        }
    }
    let said = (1u64..).zip(packets).map(|(frame, packet)| {
        let gave_up = packet.children.iter().any(|node| node.name == "_ws.malformed");
        Some(message(frame, proto(packet)?, gave_up, &known))
    });
    said.collect()
}

fn proto(packet: &Node) -> Option<&Node> {
    packet.children.iter().find(|node| node.name == "cflow")
}

fn domain(cflow: &Node) -> u64 {
    cflow.number("cflow.source_id").or_else(|| cflow.number("cflow.od_id")).unwrap_or_default()
}

fn message(frame: u64, cflow: &Node, gave_up: bool, known: &Known) -> Message {
    let seconds = cflow.number("cflow.unix_secs").or_else(|| cflow.number("cflow.exporttime"));
    let nanoseconds = cflow.number("cflow.unix_nsecs").filter(|ns| *ns < 1_000_000_000);
    let export = seconds.unwrap_or_default() * 1000 + nanoseconds.unwrap_or_default() / 1_000_000;
    let uptime = cflow.find("cflow.sysuptime").and_then(|node| node.value.as_slice().try_into().ok());
    let mut message = Message {
        version: cflow.number("cflow.version").unwrap_or_default(),
        domain: domain(cflow),
        export: i64::try_from(export).unwrap(),
        uptime: uptime.map(u32::from_be_bytes),
        interval: cflow.number("cflow.samplerate").unwrap_or_default(),
        parts: Vec::new(),
    };
    let pdus: Vec<Record> =
        cflow.children.iter().filter(|node| node.show.starts_with("pdu ")).map(fixed).collect();
    if message.version < 9 {
        message.parts.push(Part::Data { id: 0, is_options: false, records: pdus, is_decoded: true });
    }
    for set in cflow.children.iter().filter(|n| n.show.starts_with("FlowSet ") || n.show.starts_with("Set "))
    {
        let id = u16::try_from(set.number("cflow.flowset_id").unwrap_or_default()).unwrap();
        if id >= 256 {
            // Of most that it finds strange tshark only says so, and goes on.
            let is_strange = set.all().iter().any(|node| node.name == "_ws.malformed");
            let part = data(frame, message.domain, id, set, known);
            let is_last = cflow.children.last().is_some_and(|last| last.pos == set.pos);
            message.parts.push(if gave_up && (is_strange || is_last) { Part::Malformed } else { part });
            continue;
        }
        for (_, id, fields) in set.children.iter().filter_map(template) {
            message.parts.push(Part::Template { id, fields });
        }
    }
    message
}

/// A template of which this node is the heading.
fn template(node: &Node) -> Option<(bool, u16, Vec<Spec>)> {
    if !node.name.is_empty()
        || !(node.show.starts_with("Template (") || node.show.starts_with("Options Template ("))
    {
        return None;
    }
    let is_options = node.show.starts_with("Options");
    let id = u16::try_from(node.number("cflow.template_id")?).unwrap();
    let is_field = |node: &&Node| node.name.is_empty() && node.show.contains('/') && node.value.len() >= 4;
    let fields = node.children.iter().filter(is_field).map(|node| {
        let word = |at: usize| u16::from_be_bytes([node.value[at], node.value[at + 1]]);
        let enterprise = node.value.get(4..8).map_or(0, |pen| u32::from_be_bytes(pen.try_into().unwrap()));
        let element = if enterprise == 0 { word(0) } else { word(0) & 0x7fff };
        (enterprise, element, usize::from(word(2)))
    });
    Some((is_options, id, fields.collect()))
}

fn data(frame: u64, domain: u64, id: u16, set: &Node, known: &Known) -> Part {
    let by = set.number("cflow.template_frame").unwrap_or(frame);
    let Some((is_options, template)) = known.get(&(by, domain, id)) else {
        return Part::Data { id, is_options: false, records: Vec::new(), is_decoded: false };
    };
    let flows = set.children.iter().filter(|node| node.name.is_empty() && node.show.starts_with("Flow "));
    // The length that tshark gives a record of variable length lacks what it takes to say the lengths.
    let octets = |flow: &Node| set.value.get(flow.pos - set.pos..).unwrap_or_default().to_vec();
    let records: Vec<Record> = flows.map(|flow| record(flow, &octets(flow), template)).collect();
    let is_decoded = !set.all().iter().any(|node| node.name == "cflow.no_template_found");
    Part::Data { id, is_options: *is_options, records, is_decoded }
}

/// A record of v1 to v7: every field that has octets of its own.
fn fixed(pdu: &Node) -> Record {
    let fields = pdu.all().into_iter().filter(|node| {
        let is_real = node.name.starts_with("cflow.") && node.size > 0 && node.name != "cflow.padding";
        is_real && node.name != "cflow.timedelta" && !is_bit(&node.name) && !node.value.is_empty()
    });
    let fields = fields.map(|node| Field {
        name: node.name.clone(),
        show: node.show.clone(),
        is_whole: true,
        octets: node.value.clone(),
        ..Field::default()
    });
    Record { fields: fields.collect() }
}

/// A record of a template: its fields by their places.
fn record(flow: &Node, raw: &[u8], template: &[Spec]) -> Record {
    let shown: Vec<&Node> = flow.all().into_iter().skip(1).filter(|node| is_field(node)).collect();
    let mut at = 0;
    let mut fields = Vec::new();
    for (enterprise, element, length) in template {
        let length = match (*length, raw.get(at), raw.get(at + 1..at + 3)) {
            (0xffff, Some(255), Some(long)) => {
                at += 3;
                usize::from(u16::from_be_bytes(long.try_into().unwrap()))
            }
            (0xffff, Some(short), _) => {
                at += 1;
                usize::from(*short)
            }
            (length, ..) => length,
        };
        let Some(octets) = raw.get(at..at + length) else { break };
        let place = flow.pos + at;
        at += length;
        let at_place = |node: &&&Node| node.pos == place && length > 0;
        let node = shown
            .iter()
            .find(|node| at_place(node) && node.size == length)
            .or_else(|| shown.iter().find(at_place))
            .or_else(|| misplaced(*enterprise, *element, &shown));
        fields.push(Field {
            enterprise: *enterprise,
            element: Some(*element),
            name: node.map(|node| node.name.clone()).unwrap_or_default(),
            show: node.map(|node| node.show.clone()).unwrap_or_default(),
            is_whole: node.is_some_and(|node| node.size == length),
            octets: octets.to_vec(),
        });
    }
    Record { fields }
}

/// A flow's end, which tshark puts at the place of something else where it comes before the start.
fn misplaced<'a>(enterprise: u32, element: u16, shown: &'a [&'a Node]) -> Option<&'a &'a Node> {
    let names: &[&str] = match (enterprise, element) {
        (0, 21 | 151 | 153 | 155 | 157 | 159) => &["cflow.timeend", "cflow.abstimeend"],
        (0, 22 | 150 | 152 | 154 | 156 | 158) => &["cflow.timestart", "cflow.abstimestart"],
        _ => return None,
    };
    shown.iter().find(|node| names.contains(&&*node.name))
}

/// Whether a node is a field with a value, not how long one is or what somebody thinks of it.
fn is_field(node: &Node) -> bool {
    let is_value = node.name.starts_with("cflow.") && node.size > 0;
    let is_span = node.name == "cflow.timedelta" && !node.children.is_empty();
    is_value && !is_span && !is_bit(&node.name) && !node.name.contains("string_len")
}

/// Whether this names bits of a field that is shown as well.
fn is_bit(name: &str) -> bool {
    name.starts_with("cflow.tcpflags.") || name.starts_with("cflow.tcpflags16.")
}
