//! What to narrow where there are too many groups: said from the groups that there are.

use super::key::Layout;
use super::map::Sums;
use crate::key::Key;
use crate::table::Cell;
use foldhash::fast::RandomState;
use hashbrown::HashSet;
use std::sync::Arc;
use weir_flow::schema::Kind;

/// So many groups are looked at.
const SAMPLE: usize = 4096;

/// A sentence's end: what to do.
pub(super) fn cure(keys: &[Key], groups: &dyn Sums, layout: &Layout, names: &[Arc<str>]) -> String {
    let usual = "narrow the time span or the filter, ask for fewer keys, or allow more memory";
    match (keys, heaviest(keys, groups, layout, names)) {
        ([key], _) if is_address(*key) => format!("group by networks, as {key}/24; {usual}"),
        (_, Some((key, times))) => {
            format!("leave out {key}, without which there are about 1/{times} as many; {usual}")
        }
        _ => usual.to_owned(),
    }
}

fn is_address(key: Key) -> bool {
    match key {
        Key::Column(column) => column.kind() == Kind::Addr,
        Key::Remote => true,
        _ => false,
    }
}

/// The key without which there would be the fewest groups, and by how many times: judged by some of them.
fn heaviest(keys: &[Key], groups: &dyn Sums, layout: &Layout, names: &[Arc<str>]) -> Option<(Key, usize)> {
    let count = groups.len().min(SAMPLE);
    if keys.len() < 2 || count == 0 {
        return None;
    }
    let rows: Vec<Vec<Option<Cell>>> =
        (0..count).map(|group| layout.cells(groups.key(group), names).collect()).collect();
    let without = |at: usize| {
        let others = |row: &Vec<Option<Cell>>| -> Vec<Option<Cell>> {
            row.iter().enumerate().filter(|(key, _)| *key != at).map(|(_, cell)| cell.clone()).collect()
        };
        let distinct: HashSet<Vec<Option<Cell>>, RandomState> = rows.iter().map(others).collect();
        count / distinct.len().max(1)
    };
    let heaviest = (0..keys.len()).map(|at| (without(at), at)).max_by_key(|(times, at)| (*times, *at));
    heaviest.filter(|(times, _)| *times > 1).and_then(|(times, at)| Some((*keys.get(at)?, times)))
}
