//! Exporters by the thousand: datagrams written octet by octet from the standards, in which every record says who sent
//! it, by which template, and as which record, so that nothing can be mixed up unnoticed.

use std::net::Ipv4Addr;
use weir_flow::Addr;

/// When the first datagram is sent, ms since 1970.
pub(crate) const BEGIN_MS: i64 = 1_767_225_600_000;
/// Templates of an exporter.
pub(crate) const KINDS: usize = 3;
/// Differing orders of fields: so many layouts of each kind there are in a fleet.
const LAYOUTS: usize = 61;

/// Which template protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    V9,
    Ipfix,
}

/// One record, of which everything follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) exporter: u32,
    pub(crate) kind: usize,
    pub(crate) number: u16,
}

impl Record {
    pub(crate) fn octets(self) -> u64 {
        1000 + u64::from(self.exporter % 9973) * 7 + 100_000 * self.kind as u64 + u64::from(self.number)
    }
}

/// The address of an exporter.
pub(crate) fn address(exporter: u32) -> Addr {
    Addr::from(Ipv4Addr::from(0x0a00_0000 | exporter))
}

/// A field of a template: element, and octets; 0 stands for a length that each record tells.
type Field = (u16, u16);

/// The fields of a template, in an order that differs from exporter to exporter.
fn layout(protocol: Protocol, kind: usize, exporter: u32) -> Vec<Field> {
    let times = if protocol == Protocol::V9 { [(22, 4), (21, 4)] } else { [(152, 8), (153, 8)] };
    let mut fields: Vec<Field> = match kind {
        0 => vec![
            (8, 4),
            (12, 4),
            (15, 4),
            (16, 4),
            (17, 4),
            (9, 1),
            (13, 1),
            (10, 4),
            (14, 4),
            (1, 8),
            (2, 8),
        ],
        1 => vec![(27, 16), (28, 16), (62, 16), (16, 4), (17, 4), (10, 4), (14, 4), (1, 8), (2, 8)],
        _ => vec![(8, 4), (12, 4), (225, 4), (227, 2), (56, 6), (58, 2), (10, 2), (14, 2), (1, 4), (2, 4)],
    };
    fields.extend([(4, 1), (5, 1), (6, 1), (7, 2), (11, 2)]);
    fields.extend(times);
    let by = exporter as usize % LAYOUTS % fields.len();
    fields.rotate_left(by);
    fields
}

/// One exporter.
#[derive(Clone)]
pub(crate) struct Exporter {
    pub(crate) number: u32,
    pub(crate) protocol: Protocol,
    /// Adds a name of variable length to every template (IPFIX).
    pub(crate) is_variable: bool,
    restarts: usize,
    sequence: u32,
    uptime_ms: u32,
    pub(crate) sent: u64,
}

impl Exporter {
    pub(crate) fn new(number: u32, protocol: Protocol) -> Self {
        Self { number, protocol, is_variable: false, restarts: 0, sequence: 0, uptime_ms: 100_000, sent: 0 }
    }

    /// Begins anew: numbers from 0, uptime from little, and template ids that stood for other templates before.
    pub(crate) fn restart(&mut self) {
        self.restarts += 1;
        (self.sequence, self.uptime_ms) = (0, 1000);
    }

    fn id(&self, kind: usize) -> u16 {
        256 + ((kind + self.restarts + self.number as usize) % KINDS) as u16
    }

    fn fields(&self, kind: usize) -> Vec<Field> {
        let mut fields = layout(self.protocol, kind, self.number);
        if self.is_variable {
            fields.insert(self.number as usize % fields.len(), (82, 0));
        }
        fields
    }

    /// All templates, as sets.
    fn templates(&self, out: &mut Vec<u8>) {
        for kind in 0..KINDS {
            let mut body = Vec::new();
            let fields = self.fields(kind);
            put16(&mut body, self.id(kind));
            put16(&mut body, fields.len() as u16);
            for (element, width) in fields {
                put16(&mut body, element);
                put16(&mut body, if width == 0 { 65_535 } else { width });
            }
            set(if self.protocol == Protocol::V9 { 0 } else { 2 }, &body, out);
        }
    }

    /// The next datagram: `records` of one template, behind the templates if they are to be announced.
    pub(crate) fn datagram(&mut self, announces: bool, kind: usize, records: u16) -> Vec<u8> {
        let mut sets = Vec::new();
        if announces {
            self.templates(&mut sets);
        }
        let mut body = Vec::new();
        let (fields, at_ms) = (self.fields(kind), self.now_ms());
        for number in 0..records {
            self.record(Record { exporter: self.number, kind, number }, &fields, at_ms, &mut body);
        }
        set(self.id(kind), &body, &mut sets);
        let mut out = Vec::new();
        let export_s = (at_ms / 1000) as u32;
        if self.protocol == Protocol::V9 {
            put16(&mut out, 9);
            put16(&mut out, records);
            put32(&mut out, self.uptime_ms);
            put32(&mut out, export_s);
            put32(&mut out, self.sequence);
            self.sequence += 1;
        } else {
            put16(&mut out, 10);
            put16(&mut out, 16 + sets.len() as u16);
            put32(&mut out, export_s);
            put32(&mut out, self.sequence);
            self.sequence += u32::from(records);
        }
        put32(&mut out, self.number % 7);
        out.extend(sets);
        self.uptime_ms += 1000;
        self.sent += 1;
        out
    }

    /// When the next datagram is sent.
    pub(crate) fn now_ms(&self) -> i64 {
        BEGIN_MS + 1000 * self.sent as i64
    }

    fn record(&self, record: Record, fields: &[Field], at_ms: i64, out: &mut Vec<u8>) {
        for (element, width) in fields {
            let value: u64 = match element {
                1 => record.octets(),
                2 => 1 + record.kind as u64,
                4 => 6,
                8 | 225 => 0x0a00_0000 | u64::from(record.exporter),
                27 => {
                    out.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0]);
                    u64::from(record.exporter)
                }
                28 | 62 => {
                    out.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1]);
                    u64::from(record.number)
                }
                11 => u64::from(record.number),
                22 => u64::from(self.uptime_ms - 900),
                21 => u64::from(self.uptime_ms - 100),
                152 => (at_ms - 900) as u64,
                153 => (at_ms - 100) as u64,
                82 => {
                    let name = b"GigabitEthernet0/0/0/1";
                    let len = 1 + usize::from(record.number) % name.len();
                    out.push(len as u8);
                    out.extend(&name[..len]);
                    continue;
                }
                _ => 1 + u64::from(*element) % 50,
            };
            out.extend(&value.to_be_bytes()[8 - usize::from(*width).min(8)..]);
        }
    }
}

fn set(id: u16, body: &[u8], out: &mut Vec<u8>) {
    put16(out, id);
    put16(out, 4 + body.len() as u16);
    out.extend(body);
}

pub(crate) fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_be_bytes());
}

pub(crate) fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_be_bytes());
}
