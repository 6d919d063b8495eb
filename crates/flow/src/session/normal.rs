//! The last touch on decoded rows, column by column: what an exporter writes for "none" becomes unknown.
//!
//! An exporter fills every field of its format, with zero where it knows nothing. Unknown is not zero, so: AS 0,
//! VLAN 0, a next hop or translated address of zeros, a MAC of zeros are taken away; ports belong to protocols
//! that have ports; ICMP's type and code, which NetFlow hides in the destination port, get their own columns.

use crate::schema::Column;
use crate::{Addr, Batch, Values};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const ICMPV6: u8 = 58;

/// Normalises the rows from `base` on. The batch must be sealed.
pub(super) fn normalise(batch: &mut Batch, base: usize) {
    for column in [
        Column::SrcAs,
        Column::DstAs,
        Column::SrcVlan,
        Column::DstVlan,
        Column::SrcMac,
        Column::DstMac,
        Column::NatSrcPort,
        Column::NatDstPort,
        Column::NextHop,
        Column::NatSrcAddr,
        Column::NatDstAddr,
        Column::SamplingInterval,
    ] {
        zero_is_unknown(batch, base, column);
    }
    direction_is_a_word(batch, base);
    ports_by_protocol(batch, base);
}

/// Takes a column's zeros away.
fn zero_is_unknown(batch: &mut Batch, base: usize, column: Column) {
    let bit = column.bit();
    // Columns that no row has are the usual case.
    if !batch.present().iter().skip(base).any(|mask| mask & bit != 0) {
        return;
    }
    let zeros: Vec<bool> = match batch.values(column) {
        Values::U8(v) => v.iter().skip(base).map(|x| *x == 0).collect(),
        Values::U16(v) => v.iter().skip(base).map(|x| *x == 0).collect(),
        Values::U32(v) => v.iter().skip(base).map(|x| *x == 0).collect(),
        Values::U64(v) => v.iter().skip(base).map(|x| *x == 0).collect(),
        Values::Addr(v) => v.iter().skip(base).map(Addr::is_unspecified).collect(),
        Values::Time(_) | Values::Bytes(_) => return,
    };
    for (mask, zero) in batch.present_mut().iter_mut().skip(base).zip(zeros) {
        *mask &= !(bit * u64::from(zero));
    }
}

/// Element 61 knows 0 and 1; anything else is no direction.
fn direction_is_a_word(batch: &mut Batch, base: usize) {
    let bit = Column::FlowDirection.bit();
    for row in base..batch.len() {
        if batch.is_present(row, Column::FlowDirection)
            && batch.u8s(Column::FlowDirection).get(row).is_some_and(|d| *d > 1)
        {
            clear(batch, row, bit);
        }
    }
}

/// Ports, flags and ICMP types by protocol.
fn ports_by_protocol(batch: &mut Batch, base: usize) {
    const PORTS: u64 = Column::SrcPort.bit() | Column::DstPort.bit();
    const ICMP_BITS: u64 = Column::IcmpType.bit() | Column::IcmpCode.bit();
    for row in base..batch.len() {
        let Some(proto) = proto(batch, row) else { continue };
        match proto {
            TCP => clear(batch, row, ICMP_BITS),
            17 | 33 | 132 | 136 => clear(batch, row, ICMP_BITS | Column::TcpFlags.bit()),
            ICMP | ICMPV6 => {
                icmp_from_port(batch, row);
                clear(batch, row, PORTS | Column::TcpFlags.bit());
            }
            _ => clear(batch, row, PORTS | ICMP_BITS | Column::TcpFlags.bit()),
        }
    }
}

fn proto(batch: &Batch, row: usize) -> Option<u8> {
    if !batch.is_present(row, Column::Proto) {
        return None;
    }
    batch.u8s(Column::Proto).get(row).copied()
}

/// Where the record has no type of its own, the destination port is type × 256 + code.
fn icmp_from_port(batch: &mut Batch, row: usize) {
    if batch.is_present(row, Column::IcmpType) || !batch.is_present(row, Column::DstPort) {
        return;
    }
    let Some(port) = batch.u16s(Column::DstPort).get(row).copied() else { return };
    let [kind, code] = port.to_be_bytes();
    set_u8(batch, row, Column::IcmpType, kind);
    set_u8(batch, row, Column::IcmpCode, code);
}

fn set_u8(batch: &mut Batch, row: usize, column: Column, value: u8) {
    if let Some(slot) = batch.u8s_mut(column).get_mut(row) {
        *slot = value;
        if let Some(mask) = batch.present_mut().get_mut(row) {
            *mask |= column.bit();
        }
    }
}

fn clear(batch: &mut Batch, row: usize, bits: u64) {
    if let Some(mask) = batch.present_mut().get_mut(row) {
        *mask &= !bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{RowBuilder, Value};

    #[test]
    fn zeros_and_ports_become_what_they_mean() {
        let mut batch = Batch::new();
        let row = |proto: u64| {
            RowBuilder::new()
                .unsigned(Column::Proto, proto)
                .unsigned(Column::SrcPort, 0)
                .unsigned(Column::DstPort, 0x0803)
                .unsigned(Column::TcpFlags, 0x12)
                .unsigned(Column::SrcAs, 0)
                .unsigned(Column::DstAs, 64_500)
                .unsigned(Column::FlowDirection, 7)
                .addr(Column::NextHop, Addr::v4([0; 4]))
                .addr(Column::SrcAddr, Addr::v4([0; 4]))
        };
        for proto in [1, 6, 17, 47] {
            row(proto).push(&mut batch);
        }
        normalise(&mut batch, 0);
        let get = |row, column| batch.get(row, column);
        assert_eq!(get(0, Column::IcmpType), Some(Value::Unsigned(8)));
        assert_eq!(get(0, Column::IcmpCode), Some(Value::Unsigned(3)));
        assert_eq!(get(0, Column::DstPort), None);
        assert_eq!(get(1, Column::SrcPort), Some(Value::Unsigned(0)));
        assert_eq!(get(1, Column::TcpFlags), Some(Value::Unsigned(0x12)));
        assert_eq!(get(1, Column::IcmpType), None);
        assert_eq!(
            (get(2, Column::TcpFlags), get(2, Column::DstPort)),
            (None, Some(Value::Unsigned(0x0803)))
        );
        assert_eq!((get(3, Column::DstPort), get(3, Column::Proto)), (None, Some(Value::Unsigned(47))));
        for i in 0..4 {
            assert_eq!(get(i, Column::SrcAs), None);
            assert_eq!(get(i, Column::DstAs), Some(Value::Unsigned(64_500)));
            assert_eq!(get(i, Column::NextHop), None);
            assert_eq!(get(i, Column::FlowDirection), None);
            // 0.0.0.0 is a real source (DHCP).
            assert!(get(i, Column::SrcAddr).is_some());
        }
    }
}
