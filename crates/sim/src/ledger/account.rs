//! The ledger's own accounts: bins by exporter, kind, tenant and host, added up row by row from the true rows.

use crate::row::Row;
use std::collections::BTreeMap;
use weir_flow::names::Direction;
use weir_flow::{Addr, Column};
use weir_store::bins::Kind;

/// Octets, packets, flows, measured octets, measured packets.
pub(crate) type Amounts = [u64; 5];

/// What an account is of: bin, exporter, kind, tenant (empty for none), host.
pub(crate) type Key = (i64, Addr, Kind, Box<str>, Option<Addr>);

/// Five minutes.
const BIN_MS: i64 = 300_000;

/// Adds rows up into accounts.
pub(crate) fn accounts<'a>(rows: impl Iterator<Item = &'a Row>) -> BTreeMap<Key, Amounts> {
    let mut accounts = BTreeMap::new();
    for row in rows {
        for (kind, tenant, host) in kinds(row) {
            add(&mut accounts, row, kind, tenant, host);
        }
    }
    accounts
}

/// The accounts that a row adds to.
fn kinds(row: &Row) -> Vec<(Kind, &str, Option<Addr>)> {
    let (tenant, host) = (row.text(Column::Tenant), row.address(Column::Host));
    let word = row.text(Column::Direction);
    let mut kinds = vec![(Kind::Decoded, "", None)];
    match Direction::ALL.iter().find(|direction| direction.word() == word) {
        Some(Direction::In) => kinds.push((Kind::In, tenant, host)),
        Some(Direction::Out) => kinds.push((Kind::Out, tenant, host)),
        Some(Direction::Local) => {
            let inside = row.address(Column::NatDstAddr).or_else(|| row.address(Column::DstAddr));
            kinds.push((Kind::LocalOut, tenant, host));
            kinds.push((Kind::LocalIn, row.text(Column::PeerTenant), inside));
        }
        Some(Direction::Transit) => kinds.push((Kind::Transit, "", None)),
        Some(Direction::Duplicate) => kinds.push((Kind::Duplicate, "", None)),
        Some(Direction::Unmatched) | None => kinds.push((Kind::Unmatched, "", None)),
    }
    kinds
}

fn add(accounts: &mut BTreeMap<Key, Amounts>, row: &Row, kind: Kind, tenant: &str, host: Option<Addr>) {
    let Some(exporter) = row.address(Column::Exporter) else { return };
    let (start, end) = (row.moment(Column::Start), row.moment(Column::End));
    let edges = edges(start, end);
    let columns = [Column::Octets, Column::Packets, Column::MeasuredOctets, Column::MeasuredPackets];
    let [octets, packets, measured_octets, measured_packets] =
        columns.map(|column| shares(&edges, row.amount(column)));
    for (at, edge) in edges.windows(2).enumerate() {
        let bin = edge[0] - edge[0].rem_euclid(BIN_MS);
        let part = [octets[at], packets[at], u64::from(at == 0), measured_octets[at], measured_packets[at]];
        let sums = accounts.entry((bin, exporter, kind, tenant.into(), host)).or_default();
        for (sum, part) in sums.iter_mut().zip(part) {
            *sum += part;
        }
    }
}

/// The flow's start, every edge of a bin inside it, and its end. A flow of no duration has one part.
fn edges(start: i64, end: i64) -> Vec<i64> {
    let mut edges = vec![start];
    let mut edge = start - start.rem_euclid(BIN_MS) + BIN_MS;
    while edge < end {
        edges.push(edge);
        edge += BIN_MS;
    }
    edges.push(end.max(start));
    edges
}

/// An amount divided over the parts between edges in proportion to time, by largest remainder; of equal ones the
/// earlier goes first.
fn shares(edges: &[i64], amount: u64) -> Vec<u64> {
    let lengths: Vec<u128> = edges.windows(2).map(|edge| u128::from(edge[1].abs_diff(edge[0]))).collect();
    let whole: u128 = lengths.iter().sum();
    if lengths.len() == 1 || whole == 0 {
        return vec![amount];
    }
    let exact: Vec<u128> = lengths.iter().map(|length| u128::from(amount) * length).collect();
    let mut shares: Vec<u64> =
        exact.iter().map(|exact| u64::try_from(exact / whole).unwrap_or_default()).collect();
    let mut left = amount - shares.iter().sum::<u64>();
    // One after the other to whoever is owed most.
    let mut owed: Vec<(u128, usize)> = exact.iter().map(|exact| exact % whole).zip(0..).collect();
    while left > 0 {
        let Some((_, at)) = owed.iter().copied().max_by_key(|(owed, at)| (*owed, usize::MAX - *at)) else {
            break;
        };
        owed.retain(|(_, other)| *other != at);
        shares[at] += 1;
        left -= 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_they_should_be() {
        assert_eq!(shares(&edges(600_000, 1_500_000), 15_001), [5_001, 5_000, 5_000]);
        assert_eq!(shares(&edges(299_999, 300_001), 2), [1, 1]);
        assert_eq!(edges(300_000, 600_000), [300_000, 600_000]);
        assert_eq!(edges(300_000, 600_001), [300_000, 600_000, 600_001]);
        assert_eq!(shares(&edges(5, 5), 7), [7]);
    }
}
