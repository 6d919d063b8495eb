//! Flows as they really were: what an exporter measures and then says in its own way.

use crate::chance::Dice;
use crate::row::Row;
use crate::town::{Ends, Place, Town, is_accounted};
use weir_account::attribution::Count;
use weir_flow::Column;

/// ICMP, TCP, UDP, GRE, ICMPv6: with ports, with a type, with neither.
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const GRE: u8 = 47;
const ICMPV6: u8 = 58;

/// One flow. Times are by the exporter's clock, ms since 1970.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub ends: Ends,
    pub proto: u8,
    /// 0 where the protocol has no ports.
    pub src_port: u16,
    /// The same; of ICMP type × 256 + code.
    pub dst_port: u16,
    /// 0 but for TCP.
    pub tcp_flags: u8,
    pub tos: u8,
    pub octets: u64,
    pub packets: u64,
    pub start_ms: i64,
    pub end_ms: i64,
    pub ingress_if: u32,
    pub egress_if: u32,
    pub is_egress: bool,
    pub src_as: u16,
    pub dst_as: u16,
    pub vlan: u16,
}

/// What an exporter can say, so that no flow is made of which it could not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub v6: bool,
    pub nat: bool,
    /// Flows lie between the exporter's start and now.
    pub boot_ms: i64,
    pub now_ms: i64,
    /// Times are multiples of this.
    pub grain_ms: i64,
}

impl Flow {
    /// A flow that ended shortly before now.
    pub(crate) fn new(town: &Town, bounds: &Bounds, dice: &mut Dice) -> Self {
        let ends = town.ends(bounds.v6, bounds.nat, dice);
        let icmp = if bounds.v6 { ICMPV6 } else { ICMP };
        let proto = dice.pick([TCP, TCP, TCP, UDP, UDP, icmp, GRE]);
        let ports = matches!(proto, TCP | UDP);
        let grain = |ms: i64| ms - ms.rem_euclid(bounds.grain_ms);
        let end_ms = bounds.now_ms - dice.between::<i64>(0, 30_000);
        let length: i64 = if dice.percent(30) { dice.between(0, 1_200_000) } else { dice.between(0, 60_000) };
        let earliest = bounds.boot_ms + (-bounds.boot_ms).rem_euclid(bounds.grain_ms);
        let end_ms = grain(end_ms).max(earliest);
        let start_ms = grain(end_ms - length).max(earliest);
        let packets = dice.size(1, 2_000);
        Self {
            ends,
            proto,
            src_port: if ports { dice.between(1024, 65_535) } else { 0 },
            dst_port: if ports {
                dice.pick([53, 443, 0, 8080])
            } else if proto == GRE {
                0
            } else {
                dice.pick([0x0800, 0x0303, 0x8000])
            },
            tcp_flags: if proto == TCP { dice.between(0, 0x3f) } else { 0 },
            tos: dice.pick([0, 0, 0x28, 0xb8]),
            octets: packets * dice.between::<u64>(40, 1500) + dice.below(packets),
            packets,
            start_ms,
            end_ms: end_ms.max(start_ms),
            ingress_if: dice.between(0, 4),
            egress_if: dice.between(0, 4),
            is_egress: dice.percent(50),
            src_as: dice.pick([0, 64_500, 64_511]),
            dst_as: dice.pick([0, 0, 15_169]),
            vlan: dice.pick([0, 31, 4094]),
        }
    }

    /// Its place in the balance under this rule; `says_direction` is whether the exporter's records say which
    /// way they were seen.
    pub(crate) fn place(&self, rule: &Count, interfaces: [u32; 2], says_direction: bool) -> Place {
        let egress = says_direction.then_some(self.is_egress);
        let local = matches!(self.ends.place, Place::Local(..));
        if is_accounted(rule, interfaces, egress, local) { self.ends.place } else { Place::Duplicate }
    }

    /// What every format says of ports, flags and ICMP types.
    pub(crate) fn transport(&self, row: &mut Row) {
        row.number(Column::Proto, self.proto.into());
        match self.proto {
            TCP | UDP => {
                row.number(Column::SrcPort, self.src_port.into());
                row.number(Column::DstPort, self.dst_port.into());
            }
            ICMP | ICMPV6 => {
                let [kind, code] = self.dst_port.to_be_bytes();
                row.number(Column::IcmpType, kind.into());
                row.number(Column::IcmpCode, code.into());
            }
            _ => {}
        }
        if self.proto == TCP {
            row.number(Column::TcpFlags, self.tcp_flags.into());
        }
    }
}
