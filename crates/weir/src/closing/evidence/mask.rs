//! Addresses that are not the tenant's, with all but their networks taken off: whom its hosts spoke with is not everybody's
//! business.

use super::ways;
use weir_flow::{Addr, Batch, Column};

/// So many bits of an IPv4 address are kept, behind the 96 that all of them share, and of an IPv6 address.
const KEPT_BITS: (u32, u32) = (96 + 24, 48);

/// What may say who somebody is, of whichever side: left out of every record with a peer.
const OF_ANYBODY: [Column; 4] = [Column::NextHop, Column::BgpNextHop, Column::User, Column::Application];

/// Where another tenant is: each of these may be that tenant's alone.
const SRC_PLACE: [Column; 3] = [Column::IngressIf, Column::SrcVlan, Column::IngressVrf];
const DST_PLACE: [Column; 3] = [Column::EgressIf, Column::DstVlan, Column::EgressVrf];

/// The records with every peer of the tenant masked: of its addresses only the networks, and nothing else that says who it is.
pub(super) fn peers(batch: &Batch, tenant: &str) -> Batch {
    let mut masked = batch.clone();
    for row in 0..batch.len() {
        let [is_in, is_out, is_local_in, is_local_out] = ways(batch, row, tenant);
        // The tenant is at the source of what goes out, and at the destination of what comes in.
        if !is_out && !is_local_out {
            side(&mut masked, row, [Column::SrcAddr, Column::NatSrcAddr], Column::SrcMac);
        }
        if !is_in && !is_local_in {
            side(&mut masked, row, [Column::DstAddr, Column::NatDstAddr], Column::DstMac);
        }
        // Of traffic between two tenants tenant and host are the sender's.
        if is_local_in && !is_local_out {
            side(&mut masked, row, [Column::Host; 2], Column::SrcMac);
            leave_out(&mut masked, row, &SRC_PLACE);
            leave_out(&mut masked, row, &[Column::Tenant]);
        }
        if is_local_out && !is_local_in {
            leave_out(&mut masked, row, &DST_PLACE);
            leave_out(&mut masked, row, &[Column::PeerTenant]);
        }
        if !(is_local_in && is_local_out) {
            leave_out(&mut masked, row, &OF_ANYBODY);
        }
    }
    masked
}

fn side(batch: &mut Batch, row: usize, addresses: [Column; 2], mac: Column) {
    for column in addresses {
        if batch.is_present(row, column)
            && let Some(address) = batch.addrs_mut(column).get_mut(row)
        {
            *address = network(*address);
        }
    }
    leave_out(batch, row, &[mac]);
}

fn leave_out(batch: &mut Batch, row: usize, columns: &[Column]) {
    let bits = columns.iter().fold(0, |bits, column| bits | column.bit());
    if let Some(present) = batch.present_mut().get_mut(row) {
        *present &= !bits;
    }
}

/// The first address of the network that an address is in.
fn network(address: Addr) -> Addr {
    let (v4, v6) = KEPT_BITS;
    let bits = if address.is_v4() { v4 } else { v6 };
    let mask = u128::MAX.checked_shl(128u32.saturating_sub(bits)).unwrap_or(0);
    Addr::from_bits(address.bits() & mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_flow::batch::{RowBuilder, Value};
    use weir_flow::names::Direction;

    fn addr(text: &str) -> Addr {
        text.parse().unwrap()
    }

    #[test]
    fn only_networks_of_others_are_left() {
        assert_eq!(network(addr("203.0.113.77")), addr("203.0.113.0"));
        assert_eq!(network(addr("2001:db8:1:2:3::4")), addr("2001:db8:1::"));
        let mut batch = Batch::new();
        batch.set_names(["acme".into(), "bolt".into()].into());
        let (us, them, other) = (addr("10.0.0.5"), addr("203.0.113.77"), addr("10.9.9.9"));
        let row = |src, dst, direction, tenant: u64| {
            let record =
                RowBuilder::new().addr(Column::SrcAddr, src).addr(Column::DstAddr, dst).direction(direction);
            let record = record.unsigned(Column::IngressIf, 31).unsigned(Column::EgressIf, 32);
            let record = record.octets(Column::User, b"bob").addr(Column::NextHop, them);
            record.unsigned(Column::Tenant, tenant).unsigned(Column::SrcMac, 1).unsigned(Column::DstMac, 2)
        };
        row(them, us, Direction::In, 0).addr(Column::Host, us).push(&mut batch);
        row(us, them, Direction::Out, 0).addr(Column::Host, us).push(&mut batch);
        row(us, other, Direction::Local, 0)
            .addr(Column::Host, us)
            .unsigned(Column::PeerTenant, 1)
            .push(&mut batch);
        row(other, us, Direction::Local, 1)
            .addr(Column::Host, other)
            .unsigned(Column::PeerTenant, 0)
            .push(&mut batch);
        row(us, us, Direction::Local, 0)
            .addr(Column::Host, us)
            .unsigned(Column::PeerTenant, 0)
            .push(&mut batch);
        batch.seal();
        let masked = peers(&batch, "acme");
        let of = |row, column| match masked.get(row, column) {
            Some(Value::Addr(address)) => address.to_string(),
            other => format!("{other:?}"),
        };
        let (mut sides, mut hosts) = (Vec::new(), Vec::new());
        for row in 0..masked.len() {
            sides.push([of(row, Column::SrcAddr), of(row, Column::DstAddr)]);
            hosts.push(of(row, Column::Host));
        }
        let (us, them, other) = ("10.0.0.5", "203.0.113.0", "10.9.9.0");
        assert_eq!(sides, [[them, us], [us, them], [us, other], [other, us], [us, us]]);
        assert_eq!(hosts, [us, us, us, other, us]);
        let macs: Vec<_> = (0..masked.len())
            .map(|row| [masked.is_present(row, Column::SrcMac), masked.is_present(row, Column::DstMac)])
            .collect();
        assert_eq!(macs, [[false, true], [true, false], [true, false], [false, true], [true, true]]);
        let is_there = |row, columns: [Column; 2]| columns.map(|column| masked.is_present(row, column));
        let rows = 0..masked.len();
        // Who it was is there only where it is the tenant alone; the other tenant nowhere.
        let who: Vec<_> = rows.clone().map(|row| is_there(row, [Column::User, Column::NextHop])).collect();
        assert_eq!(who, [[false; 2], [false; 2], [false; 2], [false; 2], [true; 2]]);
        let tenants: Vec<_> =
            rows.clone().map(|row| is_there(row, [Column::Tenant, Column::PeerTenant])).collect();
        assert_eq!(tenants, [[true, false], [true, false], [true, false], [false, true], [true, true]]);
        let places: Vec<_> = rows.map(|row| is_there(row, [Column::IngressIf, Column::EgressIf])).collect();
        assert_eq!(places, [[true, true], [true, true], [true, false], [false, true], [true, true]]);
    }
}
