//! The same question over two spans of time, group by group.

use super::{Answer, Group, Line};
use std::collections::HashMap;
use weir_query::Order;

/// Puts beside every group what it was before; groups that are gone come too, with nothing now. Both answers must
/// hold all their groups. Where the largest come first, a group is as large as the larger of its two sums.
pub(crate) fn compare(now: &mut Answer, before: &Answer, order: Order) {
    let mut places: HashMap<Group, usize> =
        now.lines.iter().enumerate().map(|(at, line)| (line.keys.clone(), at)).collect();
    let none = vec![0; now.measures.len()];
    for line in &mut now.lines {
        line.before = Some(none.clone());
    }
    for old in &before.lines {
        let place = *places.entry(old.keys.clone()).or_insert_with(|| {
            now.lines.push(Line::new(old.keys.clone(), none.clone()));
            now.lines.len() - 1
        });
        if let Some(line) = now.lines.get_mut(place) {
            line.before = Some(old.sums.clone());
        }
    }
    now.total.before = Some(before.total.sums.clone());
    now.groups = now.lines.len() as u64;
    let by = match order {
        Order::Largest(measure) => now.place(measure),
        Order::Key => None,
    };
    let size = |line: &Line| {
        let of = |sums: &[u128]| by.and_then(|by| sums.get(by)).copied().unwrap_or_default();
        of(&line.sums).max(line.before.as_deref().map(of).unwrap_or_default())
    };
    now.lines.sort_by(|a, b| size(b).cmp(&size(a)).then_with(|| a.keys.cmp(&b.keys)));
}

#[cfg(test)]
mod tests {
    use super::super::tests::answer;
    use super::*;
    use weir_query::Measure;

    #[test]
    fn groups_stay_come_and_go() {
        let mut now = answer(&[("stays", 6), ("new", 5)]);
        compare(&mut now, &answer(&[("gone", 9), ("stays", 4)]), Order::Largest(Measure::Octets));
        let said: Vec<(String, u128, u128)> = now
            .lines
            .iter()
            .map(|line| {
                (line.keys[0].as_ref().unwrap().to_string(), line.sums[0], line.before.as_ref().unwrap()[0])
            })
            .collect();
        assert_eq!(said, [("gone".into(), 0, 9), ("stays".into(), 6, 4), ("new".into(), 5, 0)]);
        assert_eq!((now.groups, now.total.before), (3, Some(vec![13])));
    }
}
