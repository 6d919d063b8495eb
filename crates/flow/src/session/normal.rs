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

/// Columns in which exporters write zero for "none". (An interval of zero never gets into its column.)
const ZERO_IS_UNKNOWN: [Column; 13] = [
    Column::SrcAs,
    Column::DstAs,
    Column::SrcVlan,
    Column::DstVlan,
    Column::SrcMac,
    Column::DstMac,
    Column::NatSrcPort,
    Column::NatDstPort,
    Column::Sampler,
    Column::NextHop,
    Column::BgpNextHop,
    Column::NatSrcAddr,
    Column::NatDstAddr,
];

/// Normalises the rows from `base` on. The batch must be sealed.
pub(super) fn normalise(batch: &mut Batch, base: usize) {
    // Columns that no row has are the usual case.
    let any = batch.present().iter().skip(base).fold(0, |any, mask| any | mask);
    for column in ZERO_IS_UNKNOWN.into_iter().filter(|column| any & column.bit() != 0) {
        zero_is_unknown(batch, base, column);
    }
    if any & Column::FlowDirection.bit() != 0 {
        direction_is_a_word(batch, base);
    }
    if any & Column::Proto.bit() != 0 {
        icmp_from_port(batch, base);
        ports_by_protocol(batch, base);
    }
}

/// Takes a column's zeros away.
fn zero_is_unknown(batch: &mut Batch, base: usize, column: Column) {
    let bit = column.bit();
    let (present, values) = batch.present_and(column);
    macro_rules! clear {
        ($v:ident, $is_zero:expr) => {
            for (mask, value) in present.iter_mut().skip(base).zip($v.iter().skip(base)) {
                *mask = if $is_zero(value) { *mask & !bit } else { *mask };
            }
        };
    }
    match values {
        Values::U8(v) => clear!(v, |x: &u8| *x == 0),
        Values::U16(v) => clear!(v, |x: &u16| *x == 0),
        Values::U32(v) => clear!(v, |x: &u32| *x == 0),
        Values::U64(v) => clear!(v, |x: &u64| *x == 0),
        Values::Addr(v) => clear!(v, Addr::is_unspecified),
        Values::Time(_) | Values::Bytes(_) => {}
    }
}

/// Element 61 knows 0 and 1; anything else is no direction.
fn direction_is_a_word(batch: &mut Batch, base: usize) {
    let (present, Values::U8(directions)) = batch.present_and(Column::FlowDirection) else { return };
    for (mask, direction) in present.iter_mut().skip(base).zip(directions.iter().skip(base)) {
        *mask &= !(u64::from(*direction > 1) * Column::FlowDirection.bit());
    }
}

const PORTS: u64 = Column::SrcPort.bit() | Column::DstPort.bit();
const ICMP_BITS: u64 = Column::IcmpType.bit() | Column::IcmpCode.bit();

/// What a record of each protocol cannot have, by the protocol's number.
static CANNOT_HAVE: [u64; 256] = {
    let mut bits = [PORTS | ICMP_BITS | Column::TcpFlags.bit(); 256];
    bits[TCP as usize] = ICMP_BITS;
    bits[17] = ICMP_BITS | Column::TcpFlags.bit();
    bits[33] = bits[17];
    bits[132] = bits[17];
    bits[136] = bits[17];
    bits[ICMP as usize] = PORTS | Column::TcpFlags.bit();
    bits[ICMPV6 as usize] = bits[ICMP as usize];
    bits
};

/// Ports, flags and ICMP types by protocol.
fn ports_by_protocol(batch: &mut Batch, base: usize) {
    let (present, Values::U8(protos)) = batch.present_and(Column::Proto) else { return };
    for (mask, proto) in present.iter_mut().skip(base).zip(protos.iter().skip(base)) {
        let known = (*mask >> Column::Proto.index() & 1).wrapping_neg();
        *mask &= !(CANNOT_HAVE.get(usize::from(*proto)).copied().unwrap_or_default() & known);
    }
}

/// Where the record has no type of its own, the destination port is type × 256 + code.
fn icmp_from_port(batch: &mut Batch, base: usize) {
    let protos = batch.u8s(Column::Proto).get(base..).unwrap_or_default();
    if !protos.iter().fold(false, |any, proto| any | is_icmp(*proto)) {
        return;
    }
    // Taken out, so that all columns can be had.
    let mut kinds = std::mem::take(batch.u8s_mut(Column::IcmpType));
    let mut codes = std::mem::take(batch.u8s_mut(Column::IcmpCode));
    let ports = std::mem::take(batch.u16s_mut(Column::DstPort));
    let (present, Values::U8(protos)) = batch.present_and(Column::Proto) else { return };
    for (row, (mask, proto)) in (base..).zip(present.iter_mut().skip(base).zip(protos.iter().skip(base))) {
        let asked = Column::Proto.bit() | Column::DstPort.bit() | Column::IcmpType.bit();
        if is_icmp(*proto)
            && *mask & asked == asked & !Column::IcmpType.bit()
            && let (Some(kind), Some(code), Some(port)) =
                (kinds.get_mut(row), codes.get_mut(row), ports.get(row))
        {
            [*kind, *code] = port.to_be_bytes();
            *mask |= ICMP_BITS;
        }
    }
    *batch.u8s_mut(Column::IcmpType) = kinds;
    *batch.u8s_mut(Column::IcmpCode) = codes;
    *batch.u16s_mut(Column::DstPort) = ports;
}

#[inline]
fn is_icmp(proto: u8) -> bool {
    matches!(proto, ICMP | ICMPV6)
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
