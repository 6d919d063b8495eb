//! The tenant's side of a flow and the other one.

use super::super::Filter;
use super::eval;
use crate::Batch;
use crate::batch::RowBuilder;
use crate::names::Direction;
use crate::schema::Column;

/// The same two ends in every direction there is, and in none.
fn flows() -> Batch {
    let mut batch = Batch::new();
    let row = || {
        RowBuilder::new()
            .addr(Column::SrcAddr, "192.168.31.2".parse().unwrap())
            .addr(Column::DstAddr, "203.0.113.7".parse().unwrap())
            .addr(Column::NatSrcAddr, "198.51.100.1".parse().unwrap())
            .unsigned(Column::SrcPort, 50_000)
            .unsigned(Column::DstPort, 443)
    };
    for direction in Direction::ALL {
        row().direction(*direction).push(&mut batch);
    }
    row().push(&mut batch);
    batch
}

fn found(text: &str) -> Vec<&'static str> {
    let filter = Filter::parse(text).unwrap_or_else(|m| panic!("{}", m.render(text)));
    assert_eq!(Filter::parse(&filter.to_string()).as_ref(), Ok(&filter), "{filter}");
    let rows = eval(&filter, &flows());
    let names = Direction::WORDS.iter().copied().chain(["none"]);
    names.zip(rows).filter(|(_, found)| *found).map(|(name, _)| name).collect()
}

#[test]
fn a_side_follows_from_the_direction() {
    assert_eq!(Direction::WORDS, ["in", "out", "local", "transit", "unmatched", "duplicate"]);
    // Outward the source is the tenant's; inward the destination; between tenants both are, and are remote.
    assert_eq!(found("local host 192.168.31.2"), ["out", "local"]);
    assert_eq!(found("remote host 192.168.31.2"), ["in", "local"]);
    assert_eq!(found("local port 443"), ["in", "local"]);
    assert_eq!(found("remote port 443"), ["out", "local"]);
    assert_eq!(found("remote net 203.0.113.0/24"), ["out", "local"]);
    assert_eq!(found("remote 203.0.113.7"), ["out", "local"]);
    // As `host` does, a side looks behind translation.
    assert_eq!(found("local ip 198.51.100.1"), ["out", "local"]);
    assert_eq!(found("local port in [50000, 443]"), ["in", "out", "local"]);
    assert_eq!(found("remote port 80 or 443"), ["out", "local"]);
    assert_eq!(found("not local port 443"), ["out", "transit", "unmatched", "duplicate", "none"]);
    assert!(found("local vlan 5").is_empty());
}

#[test]
fn a_side_reads_both_ends_and_is_pruned_by_them() {
    let filter = Filter::parse("remote port 443").unwrap();
    assert_eq!(filter.to_string(), "remote port 443");
    assert_eq!(filter.columns(), Column::SrcPort.bit() | Column::DstPort.bit() | Column::Direction.bit());
    let [conjunct] = filter.conjuncts().try_into().unwrap();
    let columns: Vec<Column> = conjunct.any.iter().map(|bounds| bounds.column).collect();
    assert_eq!(columns, [Column::SrcPort, Column::DstPort]);
    // Without directions nobody has a side.
    let batch = flows();
    let ports = [Column::SrcPort, Column::DstPort].map(|c| (c, batch.values(c).clone())).to_vec();
    let part = Batch::from_columns(batch.present().to_vec(), ports, batch.names().clone());
    assert_eq!(eval(&filter, &part), [false; 7]);
}
