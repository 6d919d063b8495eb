//! The two directions of a conversation as one line.

use super::{Answer, Group, Line};
use std::collections::HashMap;
use weir_flow::Column;
use weir_query::key::Address;
use weir_query::{Cell, Key, Order};

/// Columns that change places when a conversation is looked at from its other end.
const MIRRORED: [(Column, Column); 8] = [
    (Column::SrcAddr, Column::DstAddr),
    (Column::SrcPort, Column::DstPort),
    (Column::SrcAs, Column::DstAs),
    (Column::SrcMask, Column::DstMask),
    (Column::SrcVlan, Column::DstVlan),
    (Column::SrcMac, Column::DstMac),
    (Column::IngressIf, Column::EgressIf),
    (Column::Tenant, Column::PeerTenant),
];

/// The key that a key becomes at the other end; itself, if it has no end.
fn mirrored(key: Key) -> Key {
    let other = |column: Column| {
        MIRRORED.iter().find_map(|(a, b)| match column {
            c if c == *a => Some(*b),
            c if c == *b => Some(*a),
            _ => None,
        })
    };
    match key {
        Key::Column(column) => Key::Column(other(column).unwrap_or(column)),
        Key::Net(Address::Column(column), lengths) => {
            Key::Net(Address::Column(other(column).unwrap_or(column)), lengths)
        }
        other => other,
    }
}

/// Of each key, the place of the one that has its value at the other end; `None` if that is no key.
fn places(keys: &[Key]) -> Option<Vec<usize>> {
    keys.iter().map(|key| keys.iter().position(|other| *other == mirrored(*key))).collect()
}

/// Whether both ends are among the keys of each that has one, and at least one has.
pub(crate) fn is_pair(keys: &[Key]) -> bool {
    places(keys).is_some_and(|places| places.iter().enumerate().any(|(at, place)| at != *place))
}

/// Puts the two directions of each conversation together. The answer must hold all groups, and its keys be a
/// pair. The first end is the one with the higher port, who asked, as a rule; where ports are no keys or equal, the
/// one whose keys come first.
pub(crate) fn merge(answer: &mut Answer, order: Order) {
    let Some(mirror) = places(&answer.keys) else { return };
    let port = answer.keys.iter().position(|key| *key == Key::Column(Column::SrcPort));
    let mut lines: Vec<Line> = Vec::new();
    let mut found: HashMap<Group, usize> = HashMap::new();
    let none = vec![0; answer.measures.len()];
    let mut total = [none.clone(), none.clone()];
    for line in std::mem::take(&mut answer.lines) {
        let back: Group = mirror.iter().map(|at| line.keys.get(*at).cloned().flatten()).collect();
        let is_back = is_after(&line.keys, &back, port);
        let keys = if is_back { back } else { line.keys };
        let place = *found.entry(keys.clone()).or_insert_with(|| {
            lines.push(Line { ways: Some([none.clone(), none.clone()]), ..Line::new(keys, none.clone()) });
            lines.len() - 1
        });
        let Some(merged) = lines.get_mut(place) else { continue };
        add(&mut merged.sums, &line.sums);
        if let Some(ways) = &mut merged.ways {
            add(&mut ways[usize::from(is_back)], &line.sums);
        }
        add(&mut total[usize::from(is_back)], &line.sums);
    }
    let by = match order {
        Order::Largest(measure) => answer.place(measure),
        Order::Key => None,
    };
    let size = |line: &Line| by.and_then(|by| line.sums.get(by)).copied().unwrap_or_default();
    lines.sort_by(|a, b| size(b).cmp(&size(a)).then_with(|| a.keys.cmp(&b.keys)));
    answer.groups = lines.len() as u64;
    answer.lines = lines;
    answer.total.ways = Some(total);
}

/// Whether a direction is the way back.
fn is_after(keys: &Group, back: &Group, port: Option<usize>) -> bool {
    let port_of = |keys: &Group| match port.and_then(|at| keys.get(at)) {
        Some(Some(Cell::Unsigned(port))) => Some(*port),
        _ => None,
    };
    match (port_of(keys), port_of(back)) {
        (Some(mine), Some(theirs)) if mine != theirs => mine < theirs,
        _ => keys > back,
    }
}

fn add(sums: &mut [u128], more: &[u128]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_query::{Measure, Statistics};

    fn keys(names: &str) -> Vec<Key> {
        names.split(',').map(|name| Key::by_name(name).unwrap()).collect()
    }

    #[test]
    fn both_ends_must_be_asked_for() {
        assert!(is_pair(&keys("src,dst")) && is_pair(&keys("dst/24,proto,src/24")));
        assert!(
            !is_pair(&keys("src,dst,src_port")) && !is_pair(&keys("proto")) && !is_pair(&keys("src/24,dst"))
        );
    }

    #[test]
    fn a_request_and_its_answer_are_one_line() {
        let number = |n: u64| Some(Cell::Unsigned(n));
        let lines = [(51_000, 443, 100), (443, 51_000, 9_000), (443, 40_000, 7), (5, 5, 1)];
        let mut answer = Answer {
            keys: keys("src_port,dst_port"),
            measures: vec![Measure::Octets],
            lines: lines.iter().map(|(s, d, n)| Line::new(vec![number(*s), number(*d)], vec![*n])).collect(),
            total: Line::new(vec![None, None], vec![9_108]),
            others: None,
            groups: 4,
            statistics: Statistics::default(),
        };
        merge(&mut answer, Order::Largest(Measure::Octets));
        let said: Vec<_> =
            answer.lines.into_iter().map(|line| (line.keys, line.sums, line.ways.unwrap())).collect();
        assert_eq!(
            said,
            [
                (vec![number(51_000), number(443)], vec![9_100], [vec![100], vec![9_000]]),
                (vec![number(40_000), number(443)], vec![7], [vec![0], vec![7]]),
                (vec![number(5), number(5)], vec![1], [vec![1], vec![0]]),
            ]
        );
        assert_eq!(answer.total.ways, Some([vec![101], vec![9_007]]));
    }
}
