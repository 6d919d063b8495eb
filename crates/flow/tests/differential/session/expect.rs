//! What a row must hold, by the naive decoder's record: column by column, one record at a time.
//!
//! The tables below say again, in another form, what `docs/columns.md` and the session's documentation say.

use std::collections::{BTreeMap, BTreeSet};
use weir_flow::schema::{Column, Kind};
use weir_testkit::naive::{Record, Value};

/// A value that is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    Unsigned(u64),
    /// IPv4 as `::ffff:a.b.c.d`.
    Addr([u8; 16]),
    Text(Vec<u8>),
    /// Part of a total: what earlier reports said has been taken off.
    AtMost(u64),
    /// An application known by number only, which may have a name.
    Application(Vec<u8>),
    Nothing,
}

/// A row that is expected.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) columns: BTreeMap<Column, Expected>,
    /// The elements that no column holds: enterprise, number, octets. `None` where the format has none.
    pub(super) other: Option<Vec<(u32, u16, Vec<u8>)>>,
}

/// What octets are a value of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Number,
    V4,
    V6,
    Mac,
    Label,
}

use Shape::{Label, Mac, Number, V4, V6};

/// The elements that say the same thing, best first, by column.
const COLUMNS: &[(Column, &[(u16, Shape)])] = &[
    (Column::Proto, &[(4, Number)]),
    (Column::Tos, &[(5, Number)]),
    (Column::TcpFlags, &[(6, Number)]),
    (Column::SrcPort, &[(7, Number), (180, Number), (182, Number)]),
    (Column::DstPort, &[(11, Number), (181, Number), (183, Number)]),
    (Column::SrcAddr, &[(8, V4), (27, V6)]),
    (Column::DstAddr, &[(12, V4), (28, V6)]),
    (Column::SrcMask, &[(9, Number), (29, Number)]),
    (Column::DstMask, &[(13, Number), (30, Number)]),
    (Column::IngressIf, &[(10, Number), (252, Number)]),
    (Column::EgressIf, &[(14, Number), (253, Number)]),
    (Column::NextHop, &[(15, V4), (62, V6)]),
    (Column::BgpNextHop, &[(18, V4), (63, V6)]),
    (Column::SrcAs, &[(16, Number)]),
    (Column::DstAs, &[(17, Number)]),
    (Column::SrcMac, &[(56, Mac), (81, Mac)]),
    (Column::DstMac, &[(80, Mac), (57, Mac)]),
    (Column::SrcVlan, &[(58, Number), (243, Number)]),
    (Column::DstVlan, &[(59, Number), (254, Number)]),
    (Column::FlowDirection, &[(61, Number)]),
    (Column::IcmpType, &[(176, Number), (178, Number)]),
    (Column::IcmpCode, &[(177, Number), (179, Number)]),
    (Column::IngressVrf, &[(234, Number)]),
    (Column::EgressVrf, &[(235, Number)]),
    (Column::MplsLabel, &[(70, Label)]),
    (Column::MinTtl, &[(52, Number), (192, Number)]),
    (Column::MaxTtl, &[(53, Number), (192, Number)]),
    (Column::ForwardingStatus, &[(89, Number)]),
    (Column::Sampler, &[(302, Number), (48, Number)]),
    (Column::NatSrcAddr, &[(225, V4), (281, V6)]),
    (Column::NatDstAddr, &[(226, V4), (282, V6)]),
    (Column::NatSrcPort, &[(227, Number)]),
    (Column::NatDstPort, &[(228, Number)]),
];

/// Names of applications and users: enterprise and element, best first.
const APPLICATIONS: &[(u32, u16)] = &[(0, 96), (25_461, 56_701), (0, 56_701), (35_632, 119), (0, 57_591)];
const USERS: &[(u32, u16)] = &[(0, 371), (25_461, 56_702), (0, 56_702), (9, 40_000), (0, 40_000)];

/// How a time is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Seconds,
    Millis,
    Ntp,
    Uptime,
    DeltaMicros,
}

const STARTS: &[(u16, Form)] = &[
    (152, Form::Millis),
    (156, Form::Ntp),
    (154, Form::Ntp),
    (150, Form::Seconds),
    (22, Form::Uptime),
    (158, Form::DeltaMicros),
    (323, Form::Millis),
    (324, Form::Ntp),
    (325, Form::Ntp),
    (322, Form::Seconds),
];
const ENDS: &[(u16, Form)] = &[
    (153, Form::Millis),
    (157, Form::Ntp),
    (155, Form::Ntp),
    (151, Form::Seconds),
    (21, Form::Uptime),
    (159, Form::DeltaMicros),
    (323, Form::Millis),
    (324, Form::Ntp),
    (325, Form::Ntp),
    (322, Form::Seconds),
];
/// Best first: delta, total, initiator's, after a middlebox.
const OCTETS: &[u16] = &[1, 85, 231, 23];
const PACKETS: &[u16] = &[2, 86, 298, 24];
const REVERSE: u32 = 29_305;

/// A record on its way to its rows.
struct Reading<'r> {
    record: &'r Record,
    /// The values, by place, that went into a column.
    used: BTreeSet<usize>,
}

impl<'r> Reading<'r> {
    /// The element's first value; later ones of the same element are left where they are.
    fn find(&self, enterprise: u32, element: u16) -> Option<(usize, &'r Value)> {
        let mut values = self.record.values.iter().enumerate();
        values.find(|(_, value)| (value.enterprise, value.element) == (enterprise, element))
    }

    /// Whether the template says that the element can be a value of this shape. What is of variable length can be a
    /// number only.
    fn has(&self, enterprise: u32, element: u16, shape: Shape) -> Option<(usize, &'r Value)> {
        let (at, value) = self.find(enterprise, element)?;
        let len = value.octets.len();
        let fits = match shape {
            Number => value.is_variable || (1..=8).contains(&len),
            V4 => !value.is_variable && len == 4,
            V6 => !value.is_variable && len == 16,
            Mac => !value.is_variable && len == 6,
            Label => !value.is_variable && (len == 3 || len == 4),
        };
        fits.then_some((at, value))
    }

    /// The value of a number: 1 to 8 octets; what a record sends in another length is unknown, and stays an element.
    fn number(&self, enterprise: u32, element: u16) -> Option<u64> {
        number(&self.has(enterprise, element, Number)?.1.octets)
    }

    fn use_up(&mut self, enterprise: u32, element: u16, shape: Shape) {
        if let Some((at, value)) = self.has(enterprise, element, shape)
            && (shape != Number || (1..=8).contains(&value.octets.len()))
        {
            self.used.insert(at);
        }
    }

    /// The best of several elements that are numbers.
    fn best(&self, enterprise: u32, elements: &[u16]) -> Option<u16> {
        elements.iter().copied().find(|element| self.has(enterprise, *element, Number).is_some())
    }
}

fn number(octets: &[u8]) -> Option<u64> {
    if !(1..=8).contains(&octets.len()) {
        return None;
    }
    Some(octets.iter().fold(0, |n, octet| n * 256 + u64::from(*octet)))
}

fn addr(octets: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    if let [a, b, c, d] = octets {
        out = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, *a, *b, *c, *d];
    } else {
        out.copy_from_slice(octets);
    }
    out
}

fn is_none_at_all(addr: &[u8; 16]) -> bool {
    *addr == [0; 16] || *addr == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]
}

/// The rows of a set of records: the flows, then the ways back of those that have one.
pub(super) fn rows(records: &[Record], received: i64) -> Vec<Row> {
    let mut forward = Vec::new();
    let mut back = Vec::new();
    for record in records {
        let (row, reverse) = row(record, received);
        forward.push(row);
        back.extend(reverse);
    }
    forward.append(&mut back);
    forward
}

fn row(record: &Record, received: i64) -> (Row, Option<Row>) {
    let mut reading = Reading { record, used: BTreeSet::new() };
    let mut columns = plain(&mut reading);
    counters(&mut reading, &mut columns);
    times(&mut reading, &mut columns, received);
    icmp(&mut reading, &mut columns);
    texts(&mut reading, &mut columns);
    events(&reading, &mut columns);
    let reverse = reverse(&mut reading, &columns);
    // Sampling: the interval goes into a column of its own; to packets taken together belongs the space between.
    let interval = reading.best(0, &[34]).or(reading.best(0, &[50])).or(reading.best(0, &[305]));
    let space = (interval == Some(305)).then_some(306);
    for element in interval.into_iter().chain(space) {
        reading.use_up(0, element, Number);
    }
    let has_other = record.version == 9 || record.version == 10;
    let left = record.values.iter().enumerate().filter(|(at, value)| {
        let is_padding = (value.enterprise, value.element) == (0, 210);
        !reading.used.contains(at) && !value.octets.is_empty() && !is_padding
    });
    let left = left.map(|(_, v)| (v.enterprise, v.element, v.octets.clone())).collect();
    normalise(record, &mut columns);
    let reverse = reverse.map(|mut columns| {
        normalise(record, &mut columns);
        Row { columns, other: has_other.then(Vec::new) }
    });
    (Row { columns, other: has_other.then_some(left) }, reverse)
}

type Columns = BTreeMap<Column, Expected>;

/// Columns that one element feeds.
fn plain(reading: &mut Reading<'_>) -> Columns {
    let mut columns = BTreeMap::new();
    for (column, elements) in COLUMNS {
        let Some((element, shape)) = elements.iter().find(|(e, s)| reading.has(0, *e, *s).is_some()) else {
            continue;
        };
        let Some((_, value)) = reading.has(0, *element, *shape) else { continue };
        reading.use_up(0, *element, *shape);
        let expected = match shape {
            Number => number(&value.octets).map(Expected::Unsigned),
            V4 | V6 => Some(Expected::Addr(addr(&value.octets))),
            Mac => number(&value.octets).map(Expected::Unsigned),
            // RFC 3032: a label is the upper 20 of 24 bits.
            Label => number(&value.octets)
                .map(|n| Expected::Unsigned(if value.octets.len() == 3 { n >> 4 } else { n })),
        };
        columns.extend(expected.map(|expected| (*column, expected)));
        // A record with both families says zeros in one.
        if *shape == V4
            && let Some((element, V6)) = elements.get(1)
            && let Some((_, value)) = reading.has(0, *element, V6)
        {
            reading.use_up(0, *element, V6);
            if matches!(columns.get(column), Some(Expected::Addr(addr)) if is_none_at_all(addr)) {
                columns.insert(*column, Expected::Addr(addr(&value.octets)));
            }
        }
    }
    columns
}

/// Whether reports of these counters come again, so that only what is new counts.
fn is_cumulative(reading: &Reading<'_>, enterprise: u32, element: u16, total: u16) -> bool {
    element == total && reading.has(enterprise, total, Number).is_some()
        || (reading.has(0, 233, Number).is_some() && reading.has(0, 148, Number).is_some())
}

fn measured(reading: &Reading<'_>, enterprise: u32, element: u16, total: u16) -> Option<Expected> {
    let n = reading.number(enterprise, element)?;
    Some(if is_cumulative(reading, enterprise, element, total) {
        Expected::AtMost(n)
    } else {
        Expected::Unsigned(n)
    })
}

fn counters(reading: &mut Reading<'_>, columns: &mut Columns) {
    for (column, elements, total) in
        [(Column::MeasuredOctets, OCTETS, 85), (Column::MeasuredPackets, PACKETS, 86)]
    {
        let Some(element) = reading.best(0, elements) else { continue };
        columns.extend(measured(reading, 0, element, total).map(|expected| (column, expected)));
        reading.use_up(0, element, Number);
    }
}

/// The way back: reverse elements (RFC 5103), or what the responder sent, if either counted anything.
fn reverse(reading: &mut Reading<'_>, forward: &Columns) -> Option<Columns> {
    let is_initiator = reading.best(0, OCTETS) == Some(231);
    let mut found = Vec::new();
    for (column, elements, responder, total) in
        [(Column::MeasuredOctets, OCTETS, 232, 85), (Column::MeasuredPackets, PACKETS, 299, 86)]
    {
        let element = match reading.best(REVERSE, elements) {
            Some(element) => Some((REVERSE, element)),
            None => reading.best(0, &[responder]).filter(|_| is_initiator).map(|element| (0, element)),
        };
        if let Some((enterprise, element)) = element {
            let carries = reading.number(enterprise, element).unwrap_or_default() > 0;
            found.push((column, measured(reading, enterprise, element, total), carries));
            reading.use_up(enterprise, element, Number);
        }
    }
    if found.is_empty() {
        return None;
    }
    let mut columns = BTreeMap::new();
    for (column, expected) in forward {
        let column = exchanged(*column);
        if !matches!(
            column,
            Column::MeasuredOctets
                | Column::MeasuredPackets
                | Column::TcpFlags
                | Column::Tos
                | Column::FlowDirection
        ) {
            columns.insert(column, expected.clone());
        }
    }
    for (column, element) in [(Column::TcpFlags, 6), (Column::Tos, 5)] {
        columns.extend(reading.number(REVERSE, element).map(|n| (column, Expected::Unsigned(n))));
        reading.use_up(REVERSE, element, Number);
    }
    let carries = found.iter().any(|(_, _, carries)| *carries);
    columns.extend(found.into_iter().filter_map(|(column, expected, _)| Some((column, expected?))));
    carries.then_some(columns)
}

fn exchanged(column: Column) -> Column {
    use Column::{
        DstAddr, DstAs, DstMac, DstMask, DstPort, DstVlan, EgressIf, EgressVrf, IngressIf, IngressVrf,
        NatDstAddr, NatDstPort, NatSrcAddr, NatSrcPort, SrcAddr, SrcAs, SrcMac, SrcMask, SrcPort, SrcVlan,
    };
    match column {
        SrcAddr => DstAddr,
        DstAddr => SrcAddr,
        SrcPort => DstPort,
        DstPort => SrcPort,
        IngressIf => EgressIf,
        EgressIf => IngressIf,
        SrcAs => DstAs,
        DstAs => SrcAs,
        SrcMask => DstMask,
        DstMask => SrcMask,
        SrcVlan => DstVlan,
        DstVlan => SrcVlan,
        SrcMac => DstMac,
        DstMac => SrcMac,
        IngressVrf => EgressVrf,
        EgressVrf => IngressVrf,
        NatSrcAddr => NatDstAddr,
        NatDstAddr => NatSrcAddr,
        NatSrcPort => NatDstPort,
        NatDstPort => NatSrcPort,
        other => other,
    }
}

/// Start and end where the record says both, and both can be true; anything else is left to tests of its own.
fn times(reading: &mut Reading<'_>, columns: &mut Columns, received: i64) {
    let find = |forms: &'static [(u16, Form)]| {
        forms.iter().copied().find(|(element, _)| reading.has(0, *element, Number).is_some())
    };
    let (start, end) = (find(STARTS), find(ENDS));
    let said = |which: Option<(u16, Form)>| {
        let (element, form) = which?;
        time(reading, form, reading.number(0, element)?)
    };
    if let (Some(from), Some(to)) = (said(start), said(end)) {
        let earliest = 946_684_800_000; // 2000-01-01
        let latest = i128::from(received) + 86_400_000;
        let can_be = |ms: i128| (earliest..=latest).contains(&ms);
        if can_be(from) && can_be(to) && from <= to && to - from <= 1 << 32 {
            for (column, ms) in [(Column::Start, from), (Column::End, to)] {
                columns.insert(column, Expected::Unsigned(u64::try_from(ms).unwrap_or_default()));
            }
        }
    }
    let elements = start.into_iter().chain(end).map(|(element, _)| element);
    // The duration serves where only one of them is said.
    let duration = (start.is_some() != end.is_some()).then_some(161);
    // An uptime counts from the exporter's start.
    let is_uptime = [start, end].into_iter().flatten().any(|(_, form)| matches!(form, Form::Uptime));
    let init = is_uptime.then_some(160);
    for element in elements.chain(duration).chain(init).collect::<Vec<_>>() {
        reading.use_up(0, element, Number);
    }
}

/// Milliseconds since 1970.
fn time(reading: &Reading<'_>, form: Form, raw: u64) -> Option<i128> {
    let sent = reading.record.sent;
    let raw = i128::from(raw);
    match form {
        Form::Seconds => Some(raw * 1000),
        Form::Millis => Some(raw),
        // Seconds since 1900, and a fraction of 2^32.
        Form::Ntp => {
            // From 2036 on they begin again.
            let since_1970 = (raw / (1 << 32) - 2_208_988_800).rem_euclid(1 << 32);
            Some(since_1970 * 1000 + raw % (1 << 32) * 1000 / (1 << 32))
        }
        // The millisecond that it lies in.
        Form::DeltaMicros => Some((sent.export_ms? * 1000 - raw).div_euclid(1000)),
        Form::Uptime => {
            // RFC 3954 §8; the uptime is a counter of 32 bits.
            let (export, uptime) = (sent.export_ms?, sent.uptime_ms?);
            if raw >= 1 << 32 {
                return None;
            }
            let ahead = (raw - uptime).rem_euclid(1 << 32);
            // Up to an hour ahead is the clock's jitter, not a flow of 49.7 days.
            Some(if ahead <= 3_600_000 { export + ahead } else { export + ahead - (1 << 32) })
        }
    }
}

/// Type and code in one number (32 and 139), where no element says the type alone.
fn icmp(reading: &mut Reading<'_>, columns: &mut Columns) {
    let has_type = reading.best(0, &[176, 178]).is_some();
    let Some(element) = reading.best(0, &[32, 139]).filter(|_| !has_type) else { return };
    columns.remove(&Column::IcmpCode);
    if let Some(both) = reading.number(0, element) {
        let both = both.min(65_535);
        columns.insert(Column::IcmpType, Expected::Unsigned(both / 256));
        columns.insert(Column::IcmpCode, Expected::Unsigned(both % 256));
    }
    reading.use_up(0, element, Number);
}

fn texts(reading: &mut Reading<'_>, columns: &mut Columns) {
    for (column, elements) in [(Column::Application, APPLICATIONS), (Column::User, USERS)] {
        // In records of one length, a field of no octets is not there.
        let is_fixed = reading.record.values.iter().all(|value| !value.is_variable);
        let found = elements.iter().find_map(|(enterprise, element)| {
            reading.find(*enterprise, *element).filter(|(_, v)| !is_fixed || !v.octets.is_empty())
        });
        if let Some((at, value)) = found {
            reading.used.insert(at);
            let end = value.octets.iter().position(|octet| *octet == 0).unwrap_or(value.octets.len());
            let text = String::from_utf8_lossy(&value.octets[..end]).into_owned().into_bytes();
            columns.insert(column, if text.is_empty() { Expected::Nothing } else { Expected::Text(text) });
        } else if column == Column::Application
            && let Some((at, value)) = reading.find(0, 95).filter(|(_, v)| !is_fixed || !v.octets.is_empty())
        {
            reading.used.insert(at);
            let engine = value.octets.first().copied().unwrap_or_default();
            let selector = value.octets.iter().skip(1).fold(0u64, |n, octet| n << 8 | u64::from(*octet));
            let selector = selector & (u64::MAX >> 8);
            let is_none = engine == 0 && selector == 0;
            let id = format!("{engine}:{selector}").into_bytes();
            columns.insert(column, if is_none { Expected::Nothing } else { Expected::Application(id) });
        }
    }
}

/// What a firewall (233) or a translator (230) reports.
fn events(reading: &Reading<'_>, columns: &mut Columns) {
    let word = if reading.best(0, &[233]).is_some() {
        match reading.number(0, 233) {
            Some(1) => "flow_created",
            Some(2) => "flow_deleted",
            Some(3) => "flow_denied",
            Some(4) => "flow_alert",
            Some(5) => "flow_updated",
            _ => return,
        }
    } else {
        match reading.number(0, 230) {
            Some(1 | 4 | 6) => "nat_created",
            Some(2 | 5 | 7) => "nat_deleted",
            Some(3 | 12) => "nat_exhausted",
            Some(8..=11 | 14 | 15) => "nat_binding",
            Some(13) => "nat_quota",
            Some(16) => "ports_allocated",
            Some(17) => "ports_released",
            Some(18) => "nat_threshold",
            _ => return,
        }
    };
    columns.insert(Column::Event, Expected::Text(word.as_bytes().to_vec()));
}

/// What exporters write for "none" is unknown; what a protocol cannot have, its record has not; numbers beyond a
/// column are the column's largest.
fn normalise(record: &Record, columns: &mut Columns) {
    for (column, expected) in columns.iter_mut() {
        let bits = match column.kind() {
            Kind::Unsigned(bits @ (8 | 16 | 32)) => bits,
            Kind::Word(_) => 8,
            _ => continue,
        };
        if let Expected::Unsigned(n) = expected {
            *n = (*n).min((1 << bits) - 1);
        }
    }
    no_prefix(record, columns);
    for column in [
        Column::SrcAs,
        Column::DstAs,
        Column::SrcVlan,
        Column::DstVlan,
        Column::SrcMac,
        Column::DstMac,
        Column::NatSrcPort,
        Column::NatDstPort,
        Column::Sampler,
    ] {
        columns.retain(|c, expected| *c != column || *expected != Expected::Unsigned(0));
    }
    for column in [Column::NextHop, Column::BgpNextHop, Column::NatSrcAddr, Column::NatDstAddr] {
        columns.retain(|c, expected| {
            *c != column || !matches!(expected, Expected::Addr(addr) if is_none_at_all(addr))
        });
    }
    match columns.remove(&Column::FlowDirection) {
        Some(Expected::Unsigned(0)) => {
            columns.insert(Column::FlowDirection, Expected::Text(b"ingress".to_vec()));
        }
        Some(Expected::Unsigned(1)) => {
            columns.insert(Column::FlowDirection, Expected::Text(b"egress".to_vec()));
        }
        _ => {}
    }
    let Some(Expected::Unsigned(proto)) = columns.get(&Column::Proto).cloned() else { return };
    let is_icmp = proto == 1 || proto == 58;
    if is_icmp
        && !columns.contains_key(&Column::IcmpType)
        && let Some(Expected::Unsigned(port)) = columns.get(&Column::DstPort).cloned()
    {
        columns.insert(Column::IcmpType, Expected::Unsigned(port / 256));
        columns.insert(Column::IcmpCode, Expected::Unsigned(port % 256));
    }
    let has_ports = matches!(proto, 6 | 17 | 33 | 132 | 136);
    columns.retain(|column, _| match column {
        Column::SrcPort | Column::DstPort => has_ports,
        Column::TcpFlags => proto == 6,
        Column::IcmpType | Column::IcmpCode => is_icmp,
        _ => true,
    });
}

/// A router that knows no prefix says 0.0.0.0/0, which is no address (version 8).
fn no_prefix(record: &Record, columns: &mut Columns) {
    if record.version != 8 {
        return;
    }
    for (network, mask) in [(Column::SrcAddr, Column::SrcMask), (Column::DstAddr, Column::DstMask)] {
        let is_none = matches!(columns.get(&network), Some(Expected::Addr(addr)) if is_none_at_all(addr));
        if is_none && columns.get(&mask) == Some(&Expected::Unsigned(0)) {
            columns.remove(&network);
            columns.remove(&mask);
        }
    }
}
