//! Layouts: which elements a template names and in which widths, and what records of it say. One list makes
//! the template, the octets and the meaning, so that they cannot disagree.

use super::Moment;
use crate::chance::Dice;
use crate::message::{Interval, Told};
use crate::row::Row;
use crate::traffic::{Bounds, Flow};
use weir_flow::{Addr, Column};
use weir_wire::Protocol;
use weir_wire::template::{Field, VARIABLE};

/// In which way records say when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    /// The exporter's uptime (21, 22).
    Uptime,
    /// The same, with the moment it started (160).
    Started,
    Seconds,
    Millis,
    Micros,
    Nanos,
    /// Microseconds before the export.
    Delta,
    /// Not at all.
    Silent,
}

/// One template's layout.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) id: u16,
    pub(super) fields: Vec<Field>,
    v6: bool,
    nat: bool,
    times: Times,
}

/// Seconds from 1900 to 1970.
const NTP_TO_UNIX_S: i64 = 2_208_988_800;

impl Layout {
    pub(super) fn new(id: u16, protocol: Protocol, dice: &mut Dice) -> Self {
        let v6 = dice.percent(35);
        let nat = !v6 && dice.percent(40);
        let ipfix = protocol == Protocol::Ipfix;
        let times = if ipfix {
            dice.pick([
                Times::Seconds,
                Times::Millis,
                Times::Millis,
                Times::Micros,
                Times::Nanos,
                Times::Delta,
                Times::Started,
                Times::Silent,
            ])
        } else {
            dice.pick([Times::Uptime, Times::Uptime, Times::Uptime, Times::Uptime, Times::Silent])
        };
        let wide = dice.pick([4, 8]);
        let mut fields: Vec<(u16, u16)> =
            vec![(1, wide), (2, wide), (4, 1), (5, 1), (6, 1), (7, 2), (11, 2), (10, 2), (14, 4)];
        fields.extend(if v6 { [(27, 16), (28, 16)] } else { [(8, 4), (12, 4)] });
        fields.extend(times.fields());
        if nat {
            fields.extend([(225, 4), (226, 4)]);
        }
        let extras: [&[(u16, u16)]; 6] = [
            &[(16, 4), (17, 2)],
            &[(if v6 { 29 } else { 9 }, 1)],
            &[(61, 1)],
            &[(58, 2)],
            &[(48, 2)],
            &[(34, 4)],
        ];
        for (at, extra) in extras.into_iter().enumerate() {
            if dice.percent(if at < 4 { 50 } else { 20 }) {
                fields.extend(extra);
            }
        }
        // Any order will do.
        for at in (1..fields.len()).rev() {
            fields.swap(at, dice.between(0, at as u64));
        }
        let mut fields: Vec<Field> =
            fields.into_iter().map(|(element, length)| Field::new(element, length)).collect();
        if ipfix && dice.percent(25) {
            let at = dice.between(0, fields.len() as u64);
            fields.insert(at, Field::new(82, VARIABLE));
        }
        if ipfix && dice.percent(25) {
            // An element that nobody knows.
            fields.push(Field::enterprise(64_999, 7, 3));
        }
        Self { id, fields, v6, nat, times }
    }

    fn has(&self, element: u16) -> bool {
        self.fields.iter().any(|field| field.element == element && field.enterprise == 0)
    }

    /// What flows it can tell of.
    pub(super) fn bounds(&self, moment: &Moment<'_>) -> Bounds {
        Bounds {
            v6: self.v6,
            nat: self.nat,
            boot_ms: moment.boot_ms,
            now_ms: moment.now_ms,
            grain_ms: if self.times == Times::Seconds { 1000 } else { 1 },
        }
    }

    /// The octets of a record.
    pub(super) fn encode(&self, flow: &Flow, interval: u32, moment: &Moment<'_>, dice: &mut Dice) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        for field in &self.fields {
            if field.enterprise != 0 {
                out.extend([0xee; 3]);
                continue;
            }
            match field.element {
                8 | 27 => out.extend(flow.ends.src.natural()),
                12 | 28 => out.extend(flow.ends.dst.natural()),
                225 => out.extend(four(flow.ends.nat_src)),
                226 => out.extend(four(flow.ends.nat_dst)),
                82 => {
                    let len: u8 = dice.between(0, 12);
                    out.push(len);
                    out.extend((0..len).map(|i| b'a' + i));
                }
                element => {
                    let value = number(element, flow, interval, moment).to_be_bytes();
                    let skip = value.len().saturating_sub(field.length.into());
                    out.extend(value.get(skip..).unwrap_or_default());
                }
            }
        }
        out
    }

    /// What is to be understood of a record.
    pub(super) fn told(&self, flow: &Flow, interval: u32, moment: &Moment<'_>) -> Told {
        let mut row = Row::default();
        row.addr(Column::SrcAddr, flow.ends.src);
        row.addr(Column::DstAddr, flow.ends.dst);
        row.number(Column::IngressIf, flow.ingress_if.into());
        row.number(Column::EgressIf, flow.egress_if.into());
        row.number(Column::Tos, flow.tos.into());
        flow.transport(&mut row);
        if self.has(16) {
            row.number_but_0(Column::SrcAs, flow.src_as.into());
            row.number_but_0(Column::DstAs, flow.dst_as.into());
        }
        if self.has(9) || self.has(29) {
            row.number(Column::SrcMask, 24);
        }
        if self.has(61) {
            row.word(Column::FlowDirection, if flow.is_egress { "egress" } else { "ingress" });
        }
        if self.has(58) {
            row.number_but_0(Column::SrcVlan, flow.vlan.into());
        }
        for (addr, column) in
            [(flow.ends.nat_src, Column::NatSrcAddr), (flow.ends.nat_dst, Column::NatDstAddr)]
        {
            if !addr.is_unspecified() {
                row.addr(column, addr);
            }
        }
        let (times, doubtful) = match self.times {
            Times::Silent => (None, moment.is_unset),
            _ => moment.times(flow),
        };
        let interval = if self.has(34) && interval > 0 {
            Interval::Record(interval)
        } else if self.has(48) {
            Interval::Sampler(sampler(flow))
        } else {
            Interval::None
        };
        if self.has(48) {
            row.number(Column::Sampler, sampler(flow));
        }
        let interfaces = [flow.ingress_if, flow.egress_if];
        let place = flow.place(moment.rule, interfaces, self.has(61));
        Told { row, times, doubtful, octets: flow.octets, packets: flow.packets, interval, place }
    }
}

impl Times {
    fn fields(self) -> Vec<(u16, u16)> {
        match self {
            Self::Uptime => vec![(22, 4), (21, 4)],
            Self::Started => vec![(160, 8), (22, 4), (21, 4)],
            Self::Seconds => vec![(150, 4), (151, 4)],
            Self::Millis => vec![(152, 8), (153, 8)],
            Self::Micros => vec![(154, 8), (155, 8)],
            Self::Nanos => vec![(156, 8), (157, 8)],
            Self::Delta => vec![(158, 4), (159, 4)],
            Self::Silent => vec![],
        }
    }
}

/// The sampler that a flow went through.
fn sampler(flow: &Flow) -> u64 {
    u64::from(flow.ingress_if % 2) + 1
}

fn four(addr: Addr) -> [u8; 4] {
    // Not translated is written as zeros.
    <[u8; 4]>::try_from(addr.natural()).unwrap_or_default()
}

/// The number in an element.
fn number(element: u16, flow: &Flow, interval: u32, moment: &Moment<'_>) -> u64 {
    let ms = |ms: i64| u64::try_from(ms).unwrap_or_default();
    match element {
        1 => flow.octets,
        2 => flow.packets,
        4 => flow.proto.into(),
        5 => flow.tos.into(),
        6 => flow.tcp_flags.into(),
        7 => flow.src_port.into(),
        9 | 29 => 24,
        10 => flow.ingress_if.into(),
        11 => flow.dst_port.into(),
        14 => flow.egress_if.into(),
        16 => flow.src_as.into(),
        17 => flow.dst_as.into(),
        21 => moment.uptime(flow.end_ms).into(),
        22 => moment.uptime(flow.start_ms).into(),
        34 => interval.into(),
        48 => sampler(flow),
        58 => flow.vlan.into(),
        61 => flow.is_egress.into(),
        150 => ms(flow.start_ms / 1000),
        151 => ms(flow.end_ms / 1000),
        152 => ms(flow.start_ms),
        153 => ms(flow.end_ms),
        154 | 156 => ntp(flow.start_ms),
        155 | 157 => ntp(flow.end_ms),
        158 => ms((moment.now_ms - flow.start_ms) * 1000),
        159 => ms((moment.now_ms - flow.end_ms) * 1000),
        160 => ms(moment.boot_ms),
        _ => 0,
    }
}

/// Seconds since 1900 and the least fraction of 2^32 that reads as the milliseconds.
fn ntp(ms: i64) -> u64 {
    let seconds = u64::try_from(ms.div_euclid(1000) + NTP_TO_UNIX_S).unwrap_or_default();
    let fraction = u64::try_from(ms.rem_euclid(1000)).unwrap_or_default() << 32;
    seconds << 32 | fraction.div_ceil(1000)
}
