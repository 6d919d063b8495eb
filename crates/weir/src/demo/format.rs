//! Flow records as NetFlow v5, v9 and IPFIX write them.
//!
//! One list of elements makes a template and the records of it, so that the two cannot disagree. Router and
//! firewall count every packet, and say so in an options record; the old switch says it in every header.

use super::flow::Flow;
use std::net::IpAddr;
use weir_wire::netflow::{v5, v9};
use weir_wire::template::{Field, Role};
use weir_wire::writer::Writer;
use weir_wire::{Error, ipfix};

/// How an exporter writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    V5,
    V9,
    Ipfix,
}

/// Octets of a datagram: what fits into an Ethernet frame without fragments, tunnels allowed for.
pub(super) const DATAGRAM_LEN_MAX: usize = 1_400;
/// Octets of the headers of message and sets, and of padding, that a datagram of records has at most.
const OVERHEAD_LEN: usize = 20 + 2 * 4 + 2 * 4;

const TEMPLATE_V4: u16 = 256;
const TEMPLATE_V6: u16 = 257;
const TEMPLATE_OPTIONS: u16 = 258;
/// Templates and options templates that are sent together, and the options records with them.
pub(super) const TEMPLATES: u64 = 3;
pub(super) const OPTIONS_RECORDS: u32 = 1;

/// Information elements with their octets, as they follow each other in a record.
type Layout = &'static [(u16, u16)];

const V9_V4: Layout = &[
    (8, 4),
    (12, 4),
    (10, 4),
    (14, 4),
    (1, 4),
    (2, 4),
    (22, 4),
    (21, 4),
    (7, 2),
    (11, 2),
    (4, 1),
    (5, 1),
    (6, 1),
    (61, 1),
    (16, 2),
    (17, 2),
    (9, 1),
    (13, 1),
    (58, 2),
    (59, 2),
    (225, 4),
    (226, 4),
    (227, 2),
    (228, 2),
];
const V9_V6: Layout = &[
    (27, 16),
    (28, 16),
    (10, 4),
    (14, 4),
    (1, 4),
    (2, 4),
    (22, 4),
    (21, 4),
    (7, 2),
    (11, 2),
    (4, 1),
    (5, 1),
    (6, 1),
    (61, 1),
    (16, 2),
    (17, 2),
    (29, 1),
    (30, 1),
    (58, 2),
    (59, 2),
];
const IPFIX_V4: Layout = &[
    (152, 8),
    (153, 8),
    (1, 8),
    (2, 8),
    (8, 4),
    (12, 4),
    (7, 2),
    (11, 2),
    (4, 1),
    (6, 1),
    (5, 1),
    (61, 1),
    (10, 4),
    (14, 4),
    (16, 4),
    (17, 4),
    (9, 1),
    (13, 1),
    (58, 2),
    (59, 2),
    (225, 4),
    (226, 4),
    (227, 2),
    (228, 2),
];
const IPFIX_V6: Layout = &[
    (152, 8),
    (153, 8),
    (1, 8),
    (2, 8),
    (27, 16),
    (28, 16),
    (7, 2),
    (11, 2),
    (4, 1),
    (6, 1),
    (5, 1),
    (61, 1),
    (10, 4),
    (14, 4),
    (16, 4),
    (17, 4),
    (29, 1),
    (30, 1),
    (58, 2),
    (59, 2),
];

/// The options of v9: for the system, the sampling interval (34), 1, and the algorithm (35).
const V9_SCOPE: Field = Field { element: v9::scope::SYSTEM, enterprise: 0, length: 4, role: Role::V9Scope };
const V9_SAMPLING: [Field; 2] = [Field::new(34, 4), Field::new(35, 1)];
const V9_SAMPLED: [u8; 9] = [0, 0, 0, 0, 0, 0, 0, 1, 1];
/// The options of IPFIX: for the domain (149), 1, by counting (304), one packet taken (305), none left (306).
const IPFIX_SCOPE: Field = Field::new(149, 4);
const IPFIX_SAMPLING: [Field; 3] = [Field::new(304, 2), Field::new(305, 4), Field::new(306, 4)];
const IPFIX_SAMPLED: [u8; 14] = [0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0];

impl Format {
    const fn layouts(self) -> [Layout; 2] {
        match self {
            Self::V5 => [&[], &[]],
            Self::V9 => [V9_V4, V9_V6],
            Self::Ipfix => [IPFIX_V4, IPFIX_V6],
        }
    }

    /// Octets that this record takes.
    fn record_len(self, flow: &Flow) -> usize {
        match self {
            Self::V5 => v5::RECORD_LEN,
            Self::V9 | Self::Ipfix => {
                let [v4, v6] = self.layouts();
                let layout = if is_v6(flow) { v6 } else { v4 };
                layout.iter().map(|(_, len)| usize::from(*len)).sum()
            }
        }
    }

    /// Whether one more record fits into a datagram with these.
    pub(super) fn has_room(self, waiting: &[Flow], more: &Flow) -> bool {
        let used: usize = waiting.iter().chain([more]).map(|flow| self.record_len(flow)).sum();
        let fits = used + OVERHEAD_LEN <= DATAGRAM_LEN_MAX;
        fits && (self != Self::V5 || waiting.len() < v5::RECORDS_MAX)
    }
}

/// What the header of a datagram says, in any format.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The exporter's clock, a whole second, ms since 1970.
    pub(super) now_ms: i64,
    /// When the exporter started, ms since 1970.
    pub(super) boot_ms: i64,
    /// In the protocol's own unit.
    pub(super) sequence: u32,
    pub(super) domain: u32,
}

impl Moment {
    /// Milliseconds since the start, as 32 bits hold them: they wrap every 49.7 days.
    fn uptime_ms(&self, at_ms: i64) -> u32 {
        let bits = at_ms.wrapping_sub(self.boot_ms).rem_euclid(1 << 32);
        u32::try_from(bits).unwrap_or_default()
    }

    fn export_s(&self) -> u32 {
        u32::try_from(self.now_ms.div_euclid(1000)).unwrap_or_default()
    }

    fn v9(&self) -> v9::Header {
        let (uptime_ms, export_s) = (self.uptime_ms(self.now_ms), self.export_s());
        v9::Header { count: 0, uptime_ms, export_s, sequence: self.sequence, source_id: self.domain }
    }

    fn ipfix(&self) -> ipfix::Header {
        let (export_s, sequence) = (self.export_s(), self.sequence);
        ipfix::Header { length: 0, export_s, sequence, domain: self.domain }
    }
}

/// Writes a datagram of records.
pub(super) fn records(format: Format, moment: &Moment, flows: &[Flow]) -> Result<Vec<u8>, Error> {
    let mut out = [0; DATAGRAM_LEN_MAX];
    let [v4, v6] = format.layouts();
    // The records of a template share a set: first those of IPv4, then those of IPv6.
    let sets = [(TEMPLATE_V4, v4, false), (TEMPLATE_V6, v6, true)];
    macro_rules! message {
        ($header:expr, $writer:ty) => {{
            let mut writer = <$writer>::new(&mut out, $header)?;
            for (id, layout, wants_v6) in sets {
                writer.begin_data(id)?;
                for flow in flows.iter().filter(|flow| is_v6(flow) == wants_v6) {
                    let mut record = [0; 128];
                    let mut cursor = Writer::new(&mut record);
                    for (element, len) in layout {
                        put(&mut cursor, moment, flow, *element, *len)?;
                    }
                    writer.record(cursor.written())?;
                }
            }
            writer.finish()?
        }};
    }
    let len = match format {
        Format::V5 => emit_v5(moment, flows, &mut out)?,
        Format::V9 => message!(moment.v9(), v9::Writer<'_>),
        Format::Ipfix => message!(moment.ipfix(), ipfix::Writer<'_>),
    };
    Ok(out.get(..len).unwrap_or_default().to_vec())
}

/// Writes a datagram of templates, and the options record that says that every packet is counted. `None` for a
/// format without templates.
pub(super) fn templates(format: Format, moment: &Moment) -> Result<Option<Vec<u8>>, Error> {
    let mut out = [0; DATAGRAM_LEN_MAX];
    let layouts = format.layouts();
    let (scope, fields, record) = match format {
        Format::V5 => return Ok(None),
        Format::V9 => (V9_SCOPE, &V9_SAMPLING[..], &V9_SAMPLED[..]),
        Format::Ipfix => (IPFIX_SCOPE, &IPFIX_SAMPLING[..], &IPFIX_SAMPLED[..]),
    };
    macro_rules! message {
        ($header:expr, $writer:ty) => {{
            let mut writer = <$writer>::new(&mut out, $header)?;
            for (id, layout) in [TEMPLATE_V4, TEMPLATE_V6].into_iter().zip(layouts) {
                let fields: Vec<_> = layout.iter().map(|(element, len)| Field::new(*element, *len)).collect();
                writer.template(id, &fields)?;
            }
            writer.options_template(TEMPLATE_OPTIONS, &[scope], fields)?;
            writer.begin_data(TEMPLATE_OPTIONS)?;
            writer.record(record)?;
            writer.finish()?
        }};
    }
    let len = match format {
        Format::Ipfix => message!(moment.ipfix(), ipfix::Writer<'_>),
        Format::V9 | Format::V5 => message!(moment.v9(), v9::Writer<'_>),
    };
    Ok(Some(out.get(..len).unwrap_or_default().to_vec()))
}

const fn is_v6(flow: &Flow) -> bool {
    flow.src.address.is_ipv6()
}

/// Writes the value of an element in so many octets.
fn put(out: &mut Writer<'_>, moment: &Moment, flow: &Flow, element: u16, len: u16) -> Result<(), Error> {
    let (src, dst) = (&flow.src, &flow.dst);
    let value: u64 = match element {
        8 | 27 => return put_address(out, src.address),
        12 | 28 => return put_address(out, dst.address),
        225 => return put_address(out, src.nat_address),
        226 => return put_address(out, dst.nat_address),
        1 => flow.octets.into(),
        2 => flow.packets.into(),
        4 => flow.proto.into(),
        5 => flow.tos.into(),
        6 => flow.tcp_flags.into(),
        7 => src.port.into(),
        11 => dst.port.into(),
        9 | 29 => src.mask.into(),
        13 | 30 => dst.mask.into(),
        10 => src.interface.into(),
        14 => dst.interface.into(),
        16 => src.as_number.into(),
        17 => dst.as_number.into(),
        21 => moment.uptime_ms(flow.end_ms).into(),
        22 => moment.uptime_ms(flow.start_ms).into(),
        58 => src.vlan.into(),
        59 => dst.vlan.into(),
        61 => flow.is_egress.into(),
        152 => flow.start_ms.unsigned_abs(),
        153 => flow.end_ms.unsigned_abs(),
        227 => src.nat_port.into(),
        228 => dst.nat_port.into(),
        _ => return Err(out.error(weir_wire::Reason::BadTemplate)),
    };
    let bytes = value.to_be_bytes();
    let skip = bytes.len().saturating_sub(len.into());
    out.bytes(bytes.get(skip..).unwrap_or_default())
}

fn put_address(out: &mut Writer<'_>, address: IpAddr) -> Result<(), Error> {
    match address {
        IpAddr::V4(address) => out.bytes(&address.octets()),
        IpAddr::V6(address) => out.bytes(&address.octets()),
    }
}

fn emit_v5(moment: &Moment, flows: &[Flow], out: &mut [u8]) -> Result<usize, Error> {
    let header = v5::Header {
        uptime_ms: moment.uptime_ms(moment.now_ms),
        export_s: moment.export_s(),
        export_ns: 0,
        sequence: moment.sequence,
        engine_type: 0,
        engine_id: u8::try_from(moment.domain).unwrap_or_default(),
        sampling: v5::Sampling { mode: 1, interval: 1 },
    };
    let v4 = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets(),
        // The model gives this exporter no IPv6: the format cannot say it.
        IpAddr::V6(_) => [0; 4],
    };
    let record = |flow: &Flow| v5::Record {
        src_addr: v4(flow.src.address),
        dst_addr: v4(flow.dst.address),
        next_hop: [0; 4],
        ingress_if: flow.src.interface,
        egress_if: flow.dst.interface,
        packets: flow.packets,
        octets: flow.octets,
        first_ms: moment.uptime_ms(flow.start_ms),
        last_ms: moment.uptime_ms(flow.end_ms),
        src_port: flow.src.port,
        dst_port: flow.dst.port,
        tcp_flags: flow.tcp_flags,
        proto: flow.proto,
        tos: flow.tos,
        src_as: flow.src.as_number,
        dst_as: flow.dst.as_number,
        src_mask: flow.src.mask,
        dst_mask: flow.dst.mask,
    };
    let records: Vec<_> = flows.iter().map(record).collect();
    v5::emit(&header, &records, out)
}
