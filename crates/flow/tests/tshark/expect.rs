//! The row that weir must make of a record that tshark decoded.
//!
//! Written from `docs/columns.md` and `docs/decoding.md`, on what tshark shows; nothing of weir's decoder is used.

use super::feed::{BY_ELEMENT, DURATION, ENDS, FEEDS, Form, INIT, LAST, PADDING, SPACE, STARTS};
use super::netflow::{Field, Message, Record};
use super::{pdml, time};
use std::collections::{BTreeMap, HashMap};
use weir_flow::Addr;
use weir_flow::schema::Column;

/// The private enterprise number of reverse elements (RFC 5103 §6.1).
const REVERSE: u32 = 29_305;

/// A row in words: what its columns must hold, `None` where nothing, and what must be in `other`.
#[derive(Debug, Default, Clone)]
pub(crate) struct Row {
    pub(crate) columns: BTreeMap<Column, Option<String>>,
    /// tshark's name of the field that each column was read off.
    pub(crate) fields: BTreeMap<Column, String>,
    /// Enterprise, element, octets, tshark's name and value.
    pub(crate) other: Vec<Field>,
    /// Fields to which tshark gives another length than their template.
    pub(crate) cut: Vec<Field>,
    /// The format that it came in.
    pub(crate) version: u64,
}

/// What must be remembered of a session for the rows to come.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Applications by id, as options name them.
    pub(crate) applications: HashMap<Vec<u8>, String>,
    /// The last totals of each flow (elements 85, 86), and the sum of a connection's updates.
    totals: HashMap<(bool, Vec<Vec<u8>>), [u64; 2]>,
    updates: HashMap<(bool, Vec<u8>), [u64; 2]>,
    pub(crate) init: Option<i64>,
}

/// Where a record came from, as far as its row depends on it.
pub(crate) struct Context<'a> {
    pub(crate) message: &'a Message,
    pub(crate) received: i64,
}

/// The rows of a record: forward, and back if there is a way back with traffic.
pub(crate) fn rows(record: &Record, context: &Context<'_>, memory: &mut Memory) -> (Row, Option<Row>) {
    let mut taken = vec![false; record.fields.len()];
    let mut row = Row { version: context.message.version, ..Row::default() };
    let forward = |field: &Field| field.enterprise != REVERSE;
    fill(&mut row, record, &mut taken, memory, &forward);
    let back = back(record, &row, &mut taken);
    spans(&mut row, record, &mut taken, context, memory);
    settle(&mut row, record, memory, false);
    let fields = record.fields.iter().zip(&taken).filter(|(field, taken)| {
        let is_padding = field.enterprise == 0 && field.element == Some(PADDING);
        !**taken && !is_padding && !field.octets.is_empty() && field.element.is_some()
    });
    row.other = fields.map(|(field, _)| field.clone()).collect();
    row.cut = record.fields.iter().filter(|f| !f.is_whole && !f.octets.is_empty()).cloned().collect();
    let back = back.map(|mut back| {
        for column in [Column::Start, Column::End, Column::TimeSource] {
            back.columns.insert(column, row.columns[&column].clone());
        }
        let carries =
            |column| back.columns.get(&column).is_some_and(|v| v.as_deref().is_some_and(|v| v != "0"));
        let is_kept = carries(Column::MeasuredOctets) || carries(Column::MeasuredPackets);
        settle(&mut back, record, memory, true);
        normalise(&mut back);
        (back, is_kept)
    });
    normalise(&mut row);
    (row, back.and_then(|(back, is_kept)| is_kept.then_some(back)))
}

/// Fills the plain columns.
fn fill(
    row: &mut Row,
    record: &Record,
    taken: &mut [bool],
    memory: &Memory,
    is_asked: &dyn Fn(&Field) -> bool,
) {
    let has = |column: &Column, row: &Row| row.columns.contains_key(column);
    let by_element = |(column, enterprise, element, form): &(Column, u32, u16, Form)| {
        let at =
            record.fields.iter().position(|f| (f.enterprise, f.element) == (*enterprise, Some(*element)));
        Some((*column, at, *form))
    };
    let by_name = |(column, name, form): &(Column, &str, Form)| {
        let is_element = |field: &Field| {
            let all = BY_ELEMENT.iter().chain(LAST);
            all.into_iter().any(|(_, enterprise, element, _)| {
                (field.enterprise, field.element) == (*enterprise, Some(*element))
            })
        };
        // tshark has one name for the ports of UDP and TCP; the lower element is the more general.
        let named = |field: &&Field| field.name == *name && is_asked(field) && !is_element(field);
        let first = record.fields.iter().filter(named).map(|field| field.element).min()?;
        let at = record.fields.iter().position(|f| named(&f) && f.element == first);
        Some((*column, at, *form))
    };
    let feeds = BY_ELEMENT.iter().map(by_element);
    let feeds = feeds.chain(FEEDS.iter().map(by_name)).chain(LAST.iter().map(by_element));
    for (column, at, form) in feeds.flatten() {
        let Some(at) = at else { continue };
        let field = &record.fields[at];
        if field.octets.is_empty() || !fits(form, field) {
            continue;
        }
        let is_other_family = form == Form::Address && field.octets.len() == 16;
        if has(&column, row) && !is_other_family {
            continue;
        }
        if !matches!(form, Form::Firewall | Form::Translator) {
            taken[at] = true;
        }
        if has(&column, row) && row.columns[&column].as_deref().is_some_and(|a| a != "0.0.0.0") {
            continue;
        }
        row.fields.insert(column, field.name.clone());
        if form == Form::IcmpPair {
            let value = unsigned(&field.octets).min(0xffff);
            row.columns.insert(Column::IcmpType, Some((value >> 8).to_string()));
            row.columns.insert(Column::IcmpCode, Some((value & 0xff).to_string()));
            continue;
        }
        row.columns.insert(column, value(form, field, memory));
    }
}

/// Lengths that a field can have.
fn fits(form: Form, field: &Field) -> bool {
    let len = field.octets.len();
    match form {
        Form::Number(_) | Form::Octets(_) | Form::Firewall | Form::Translator | Form::IcmpPair => {
            (1..=8).contains(&len)
        }
        Form::Address => len == 4 || len == 16,
        Form::Mac => len == 6,
        Form::Label => len == 3 || len == 4,
        Form::Text | Form::Application => true,
    }
}

fn value(form: Form, field: &Field, memory: &Memory) -> Option<String> {
    let number = || pdml::number(&field.show).unwrap_or_else(|| unsigned(&field.octets));
    match form {
        Form::Number(bits) => Some(number().min(u64::MAX >> (64 - bits)).to_string()),
        Form::Octets(bits) => Some(unsigned(&field.octets).min(u64::MAX >> (64 - bits)).to_string()),
        Form::Address => field.show.parse::<Addr>().ok().map(|addr| addr.to_string()),
        Form::Mac => Some(field.show.clone()),
        Form::Label if field.octets.len() == 3 => Some((unsigned(&field.octets) >> 4).to_string()),
        Form::Label => Some(unsigned(&field.octets).to_string()),
        Form::Text => Some(text(&field.octets)).filter(|text| !text.is_empty()),
        Form::Application => {
            let (engine, selector) = field.octets.split_first()?;
            let none = field.octets.iter().all(|octet| *octet == 0);
            let number = || format!("{engine}:{}", unsigned(selector));
            let key = [&[*engine], &unsigned(selector).to_be_bytes()[..]].concat();
            (!none).then(|| memory.applications.get(&key).cloned().unwrap_or_else(number))
        }
        Form::Firewall => firewall(number()).map(str::to_owned),
        Form::Translator => translator(number()).map(str::to_owned),
        Form::IcmpPair => None,
    }
}

/// Element 233, and Cisco's 40005.
fn firewall(event: u64) -> Option<&'static str> {
    let words = ["flow_created", "flow_deleted", "flow_denied", "flow_alert", "flow_updated"];
    words.get(usize::try_from(event.checked_sub(1)?).ok()?).copied()
}

/// Element 230 (RFC 8158 §4.3).
fn translator(event: u64) -> Option<&'static str> {
    Some(match event {
        1 | 4 | 6 => "nat_created",
        2 | 5 | 7 => "nat_deleted",
        3 | 12 => "nat_exhausted",
        8..=11 | 14 | 15 => "nat_binding",
        13 => "nat_quota",
        16 => "ports_allocated",
        17 => "ports_released",
        18 => "nat_threshold",
        _ => return None,
    })
}

/// Text up to its first zero.
pub(crate) fn text(octets: &[u8]) -> String {
    let end = octets.iter().position(|octet| *octet == 0).unwrap_or(octets.len());
    String::from_utf8_lossy(&octets[..end]).into_owned()
}

pub(crate) fn unsigned(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |value, octet| value << 8 | u64::from(*octet))
}

/// The way back: reverse elements (RFC 5103), or what the responder sent.
fn back(record: &Record, forward: &Row, taken: &mut [bool]) -> Option<Row> {
    let mut row = Row::default();
    let mut find = |enterprise: u32, elements: &[u16]| {
        let at = elements.iter().find_map(|element| {
            record.fields.iter().position(|field| {
                (field.enterprise, field.element) == (enterprise, Some(*element))
                    && (1..=8).contains(&field.octets.len())
            })
        })?;
        taken[at] = true;
        Some(record.fields[at].clone())
    };
    let octets = find(REVERSE, &[1, 85, 231, 23]);
    let packets = find(REVERSE, &[2, 86, 298, 24]);
    let is_initiator =
        forward.fields.get(&Column::MeasuredOctets).is_some_and(|name| name == "cflow.initiator_octets");
    let mut responder = |element: u16| if is_initiator { find(0, &[element]) } else { None };
    let octets = octets.or_else(|| responder(232));
    let packets = packets.or_else(|| responder(299));
    if octets.is_none() && packets.is_none() {
        return None;
    }
    for (column, value) in &forward.columns {
        let column = match column {
            Column::SrcAddr => Column::DstAddr,
            Column::DstAddr => Column::SrcAddr,
            Column::SrcPort => Column::DstPort,
            Column::DstPort => Column::SrcPort,
            Column::IngressIf => Column::EgressIf,
            Column::EgressIf => Column::IngressIf,
            Column::SrcAs => Column::DstAs,
            Column::DstAs => Column::SrcAs,
            Column::SrcMask => Column::DstMask,
            Column::DstMask => Column::SrcMask,
            Column::SrcVlan => Column::DstVlan,
            Column::DstVlan => Column::SrcVlan,
            Column::SrcMac => Column::DstMac,
            Column::DstMac => Column::SrcMac,
            Column::IngressVrf => Column::EgressVrf,
            Column::EgressVrf => Column::IngressVrf,
            Column::NatSrcAddr => Column::NatDstAddr,
            Column::NatDstAddr => Column::NatSrcAddr,
            Column::NatSrcPort => Column::NatDstPort,
            Column::NatDstPort => Column::NatSrcPort,
            Column::FlowDirection | Column::TcpFlags | Column::Tos => continue,
            Column::MeasuredOctets | Column::MeasuredPackets => continue,
            same => *same,
        };
        row.columns.insert(column, value.clone());
    }
    for (column, field) in [
        (Column::MeasuredOctets, octets),
        (Column::MeasuredPackets, packets),
        (Column::TcpFlags, find(REVERSE, &[6])),
        (Column::Tos, find(REVERSE, &[5])),
    ] {
        let Some(field) = field else { continue };
        row.columns.insert(column, value(Form::Number(64), &field, &Memory::default()));
        row.fields.insert(column, format!("{} [reverse]", field.name));
    }
    Some(row)
}

/// Start, end and what they rest on.
fn spans(row: &mut Row, record: &Record, taken: &mut [bool], context: &Context<'_>, memory: &Memory) {
    let mut find = |elements: &[u16]| {
        let at = elements.iter().find_map(|element| {
            record.fields.iter().position(|field| {
                (field.enterprise, field.element) == (0, Some(*element))
                    && (1..=8).contains(&field.octets.len())
            })
        })?;
        taken[at] = true;
        Some(&record.fields[at])
    };
    let named = |name: &str| record.fields.iter().find(|field| field.element.is_none() && field.name == name);
    let start = find(STARTS).or_else(|| named("cflow.timestart"));
    let end = find(ENDS).or_else(|| named("cflow.timeend"));
    let mut duration = None;
    if start.is_none() != end.is_none() {
        duration = find(&[DURATION]).and_then(|field| i64::try_from(unsigned(&field.octets)).ok());
    }
    let is_uptime = |field: Option<&Field>| field.is_some_and(|f| matches!(f.element, Some(21 | 22)));
    let mut init = None;
    if is_uptime(start) || is_uptime(end) {
        init = find(&[INIT]).and_then(|field| time::absolute(&field.show));
    }
    space(row, &mut find);
    let clock =
        time::Clock { received: context.received, message: context.message, init: init.or(memory.init) };
    let (start, end, source) = clock.span(start, end, duration);
    row.columns.insert(Column::Start, Some(start.to_string()));
    row.columns.insert(Column::End, Some(end.to_string()));
    row.columns.insert(Column::TimeSource, Some(source.into()));
    for (column, name) in [(Column::Start, "start"), (Column::End, "end"), (Column::TimeSource, "start")] {
        row.fields.insert(column, name.into());
    }
}

/// So many packets taken, then so many left out: one in how many (RFC 5476 §6.5.2.1).
fn space<'r>(row: &mut Row, find: &mut dyn FnMut(&[u16]) -> Option<&'r Field>) {
    let by = row.fields.get(&Column::SamplingInterval);
    if by.is_none_or(|name| name != "cflow.sampling_packet_interval") {
        return;
    }
    let Some(space) = find(&[SPACE]) else { return };
    let taken =
        row.columns.get(&Column::SamplingInterval).and_then(|value| value.as_deref()?.parse::<u64>().ok());
    let Some(taken) = taken.filter(|taken| *taken > 0) else { return };
    let one_in = (taken + unsigned(&space.octets)) / taken;
    row.columns.insert(Column::SamplingInterval, Some(one_in.to_string()));
}

/// Counters of a flow's whole life count only what is new, and so does the end of a firewall's connection.
fn settle(row: &mut Row, record: &Record, memory: &mut Memory, is_back: bool) {
    let element = |element: u16| {
        record.fields.iter().find(|field| (field.enterprise, field.element) == (0, Some(element)))
    };
    let counters = [Column::MeasuredOctets, Column::MeasuredPackets];
    let get = |row: &Row, column| {
        let value: Option<u64> = row.columns.get(&column)?.as_ref()?.parse().ok();
        value
    };
    let is_event = row.fields.get(&Column::Event).is_some_and(|name| name == "cflow.firewall_event");
    let event = row.columns.get(&Column::Event).cloned().flatten();
    if let (true, Some(connection), Some(_)) = (is_event || is_back, element(148), get(row, counters[0])) {
        let said = memory.updates.entry((is_back, connection.octets.clone())).or_default();
        for (column, said) in counters.into_iter().zip(said.iter_mut()) {
            let Some(value) = get(row, column) else { continue };
            match event.as_deref() {
                Some("flow_updated") => *said += value,
                Some("flow_deleted") => {
                    row.columns.insert(column, Some(value.saturating_sub(*said).to_string()));
                }
                _ => {}
            }
        }
        if event.as_deref() == Some("flow_deleted") {
            memory.updates.remove(&(is_back, connection.octets.clone()));
        }
    }
    let is_total =
        |column| row.fields.get(&column).is_some_and(|name: &String| name.starts_with("cflow.permanent_"));
    let is_total = counters.map(is_total);
    if is_total == [false, false] {
        return;
    }
    let keys: Vec<Vec<u8>> = match element(148) {
        Some(number) => vec![number.octets.clone()],
        None => {
            let keys = [4u16, 5, 7, 8, 10, 11, 12, 27, 28, 58, 150, 152, 154, 156, 22];
            keys.iter()
                .map(|key| element(*key).map(|field| field.octets.clone()).unwrap_or_default())
                .collect()
        }
    };
    let ended = element(136).is_some_and(|reason| matches!(unsigned(&reason.octets), 1 | 3 | 4 | 5));
    let last = memory.totals.entry((is_back, keys.clone())).or_default();
    for ((column, last), is_total) in counters.into_iter().zip(last.iter_mut()).zip(is_total) {
        let (true, Some(value)) = (is_total, get(row, column)) else { continue };
        let new = if value >= *last { value - *last } else { value };
        *last = value;
        row.columns.insert(column, Some(new.to_string()));
    }
    if ended {
        memory.totals.remove(&(is_back, keys));
    }
}

/// What exporters write for "none", and what a protocol cannot have.
fn normalise(row: &mut Row) {
    use Column as C;
    let zeros = [
        C::SrcAs,
        C::DstAs,
        C::SrcVlan,
        C::DstVlan,
        C::SrcMac,
        C::DstMac,
        C::NatSrcPort,
        C::NatDstPort,
        C::Sampler,
        C::NextHop,
        C::BgpNextHop,
        C::NatSrcAddr,
        C::NatDstAddr,
        C::SamplingInterval,
    ];
    let nothing = ["0", "0.0.0.0", "::", "00:00:00:00:00:00"];
    for column in zeros {
        if let Some(value) = row.columns.get_mut(&column) {
            value.take_if(|value| nothing.contains(&&**value));
        }
    }
    if let Some(direction) = row.columns.get_mut(&C::FlowDirection) {
        *direction = match direction.as_deref() {
            Some("0") => Some("ingress".into()),
            Some("1") => Some("egress".into()),
            _ => None,
        };
    }
    let Some(proto) = row.columns.get(&C::Proto).cloned().flatten() else { return };
    let is_icmp = proto == "1" || proto == "58";
    if is_icmp && !row.columns.contains_key(&C::IcmpType) {
        let port: Option<u16> = row.columns.get(&C::DstPort).and_then(|port| port.as_deref()?.parse().ok());
        if let Some(port) = port {
            row.columns.insert(C::IcmpType, Some((port >> 8).to_string()));
            row.columns.insert(C::IcmpCode, Some((port & 0xff).to_string()));
        }
    }
    let cannot: &[Column] = match &*proto {
        "6" => &[C::IcmpType, C::IcmpCode],
        "17" | "33" | "132" | "136" => &[C::IcmpType, C::IcmpCode, C::TcpFlags],
        "1" | "58" => &[C::SrcPort, C::DstPort, C::TcpFlags],
        _ => &[C::SrcPort, C::DstPort, C::TcpFlags, C::IcmpType, C::IcmpCode],
    };
    for column in cannot {
        row.columns.remove(column);
    }
}
