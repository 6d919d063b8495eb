//! Rows that are somebody else's than was thought, against the same function applied to the batches as they came.

use super::*;
use crate::{Account, Reattributed, Reattribution};
use proptest::prelude::*;
use std::ops::Range;
use weir_flow::batch::Value;
use weir_flow::names::Direction;
use weir_flow::time::bin;
use weir_flow::{Addr, Column};

/// Somebody's by the number of octets: of every third row nobody's.
fn by_octets(batch: &mut Batch) {
    const OWN: u64 = Column::Direction.bit() | Column::Tenant.bit() | Column::Host.bit() | NONE;
    const NONE: u64 = Column::PeerTenant.bit() | Column::Class.bit();
    batch.set_names(["nova".into(), "acme".into()].into());
    batch.seal();
    for row in 0..batch.len() {
        let octets = u64::try_from(octets(batch, row)).unwrap();
        let (direction, bits) = match octets % 3 {
            0 => (Direction::Transit, Column::Direction.bit()),
            _ => (Direction::Out, OWN & !NONE),
        };
        batch.u8s_mut(Column::Direction)[row] = direction.code();
        batch.u32s_mut(Column::Tenant)[row] = u32::from(octets % 2 == 1);
        batch.addrs_mut(Column::Host)[row] = Addr::v4([10, 0, 0, u8::try_from(octets % 7).unwrap()]);
        let mask = &mut batch.present_mut()[row];
        *mask = *mask & !OWN | bits;
    }
}

fn octets(batch: &Batch, row: usize) -> u128 {
    match batch.get(row, Column::Octets) {
        Some(Value::Unsigned(octets)) => octets.into(),
        _ => 0,
    }
}

fn order(range: Range<i64>, closed: Vec<Range<i64>>) -> Reattribution<'static> {
    Reattribution { range, closed, attribute: &by_octets }
}

/// What must come of these batches: their rows, how many of them changed, and the octets that went elsewhere.
fn expected(batches: &[Batch], order: &Reattribution<'_>) -> (Vec<String>, u64, u128) {
    let (mut all, mut changed, mut moved) = (Vec::new(), 0, 0);
    for batch in batches {
        let mut after = batch.clone();
        by_octets(&mut after);
        let texts = sample::rows(batch).into_iter().zip(sample::rows(&after));
        for (row, (before, now)) in texts.enumerate() {
            let (start, end) = (batch.times(Column::Start)[row], batch.times(Column::End)[row]);
            let is_closed = order.closed.iter().any(|s| bin(start) < s.end && end.max(start + 1) > s.start);
            if !order.range.contains(&start) || is_closed || before == now {
                all.push(before);
                continue;
            }
            all.push(now);
            changed += 1;
            let whose = |batch: &Batch| {
                let columns = [Column::Direction, Column::Tenant, Column::PeerTenant, Column::Class];
                columns.map(|column| format!("{:?}", batch.get(row, column)))
            };
            moved += if whose(batch) == whose(&after) { 0 } else { octets(batch, row) };
        }
    }
    all.sort();
    (all, changed, moved)
}

/// What changes what rows are summed up to must change nothing of what was decoded.
fn decoded(path: &Path) -> BTreeMap<sample::Account, sample::Sums> {
    let mut sums = BTreeMap::new();
    let snapshot = Snapshot::open(path).unwrap();
    snapshot.bins(i64::MIN..i64::MAX, |row| sample::collect(&mut sums, row)).unwrap();
    sums.retain(|account, _| account.2 == "decoded");
    sums
}

fn moved(done: &Reattributed) -> u128 {
    done.moves.iter().map(|one| one.octets).sum()
}

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are ten of them")]
enum Op {
    Append(Batch),
    Seal,
    Import(Vec<Batch>),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => sample::batch(6).prop_map(Op::Append),
        2 => Just(Op::Seal),
        1 => prop::collection::vec(sample::batch(6), 1..3).prop_map(Op::Import),
    ]
}

/// A part of the day that rows of random batches are mostly of.
fn part() -> impl Strategy<Value = Range<i64>> {
    let hour = || 0i64..24;
    (hour(), hour()).prop_map(|(from, length)| {
        let from = 1_780_000_000_000 + from * 3_600_000;
        from..from + length * 3_600_000
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(32)))]

    #[test]
    fn rows_of_the_time_are_attributed_again_and_no_others(
        ops in prop::collection::vec(op(), 1..10),
        range in part(),
        closed in prop::option::of(part()),
    ) {
        let folder = TempDir::new().unwrap();
        let path = folder.path();
        let (mut writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
        let mut all = Vec::new();
        for (i, op) in ops.into_iter().enumerate() {
            match op {
                Op::Append(batch) => {
                    writer.append(&batch, NOON).unwrap();
                    all.push(batch);
                }
                Op::Seal => writer.seal(NOON).unwrap(),
                Op::Import(batches) => {
                    let mut import = writer.import("x", true).unwrap();
                    batches.iter().for_each(|batch| import.append(batch).unwrap());
                    import.commit(&[u8::try_from(i).unwrap(); 32], 1, NOON).unwrap();
                    all.extend(batches);
                }
            }
        }
        let order = order(range, closed.into_iter().collect());
        let before = decoded(path);
        let preview = order.preview(&Snapshot::open(path).unwrap()).unwrap();
        let done = writer.reattribute(&order, NOON, |_| true).unwrap();
        let (texts, changed, octets) = expected(&all, &order);
        prop_assert_eq!(rows(path), texts);
        prop_assert_eq!((done.changed, moved(&done)), (changed, octets));
        prop_assert_eq!(Reattributed { files: 0, ..done }, preview);
        prop_assert_eq!(decoded(path), before);
        prop_assert_eq!(verify(path).unwrap().problems.len(), 0);
        // Once more: nobody is asked, nothing is written.
        let again = writer.reattribute(&order, NOON, |_| panic!("there is nothing to agree to")).unwrap();
        prop_assert_eq!((again.changed, again.files, again.moves.len()), (0, 0, 0));
        writer.close(NOON).unwrap();
        let (_, recovery) = Writer::open_on(immortal(path), SMALL).unwrap();
        prop_assert_eq!(recovery.orphans, 0);
    }
}

/// Ten rows in three units: two seals, an import, and the rest in the journal.
fn three_units(disk: &Disk) -> Vec<Batch> {
    let all = batches(10);
    let (mut writer, _) = Writer::open_on(disk.clone(), Options { seal_rows: 100, ..SMALL }).unwrap();
    for batch in &all[..3] {
        writer.append(batch, NOON).unwrap();
    }
    writer.seal(NOON).unwrap();
    let mut import = writer.import("x", false).unwrap();
    all[3..6].iter().for_each(|batch| import.append(batch).unwrap());
    import.commit(&[1; 32], 5, NOON).unwrap();
    for batch in &all[6..] {
        writer.append(batch, NOON).unwrap();
    }
    writer.sync().unwrap();
    all
}

#[test]
fn what_moved_is_said_and_nothing_is_changed_without_consent() {
    let folder = TempDir::new().unwrap();
    let all = three_units(&immortal(folder.path()));
    let order = order(NOON..NOON + 8, std::iter::once(NOON + 300_000..NOON + 600_000).collect());
    let (mut writer, _) = Writer::open_on(immortal(folder.path()), SMALL).unwrap();
    let mut asked = None;
    writer
        .reattribute(&order, NOON, |done| {
            asked = Some(done.clone());
            false
        })
        .unwrap();
    assert_holds(folder.path(), &all);
    let done = writer.reattribute(&order, NOON, |_| true).unwrap();
    assert_eq!(asked.as_ref(), Some(&done));
    // 1 to 7; beta had the odd ones, acme the even ones. 3 and 6 are nobody's now, acme has the odd ones, nova the others.
    let account = |direction, tenant: Option<&str>| Account {
        direction: Some(direction),
        tenant: tenant.map(str::to_owned),
        peer: None,
        class: None,
    };
    let moves: Vec<_> =
        done.moves.iter().map(|m| (m.from.clone(), m.to.clone(), m.octets, m.flows)).collect();
    assert_eq!(
        moves,
        [
            (account("out", Some("acme")), account("out", Some("nova")), 2 + 4, 2),
            (account("out", Some("acme")), account("transit", None), 6, 1),
            (account("out", Some("beta")), account("out", Some("acme")), 1 + 5 + 7, 3),
            (account("out", Some("beta")), account("transit", None), 3, 1),
        ]
    );
    assert_eq!((done.rows, done.changed, done.left), (7, 7, (0, 0)));
    // A row that reaches into what is closed stays as it is.
    let closed = Reattribution {
        range: NOON..NOON + 20,
        closed: std::iter::once(NOON..NOON + 300_000).collect(),
        ..order
    };
    let done = writer.reattribute(&closed, NOON, |_| panic!("nothing changes")).unwrap();
    assert_eq!((done.rows, done.changed, done.left), (10, 0, (3, 8 + 9 + 10)));
}

#[test]
fn the_process_dies_between_any_two_steps_of_attributing_again() {
    let template = TempDir::new().unwrap();
    let all = three_units(&Disk::new(template.path()));
    let order = || order(i64::MIN..i64::MAX, Vec::new());
    let after = expected(&all, &order()).0;
    for end in [End::Process, End::Power] {
        die_at_every_step(
            end,
            |path| late::copy(template.path(), path),
            |disk| {
                let go = || -> Result<(), Error> {
                    let (mut writer, _) = Writer::open_on(disk.clone(), SMALL)?;
                    writer.reattribute(&order(), NOON, |_| true)?;
                    writer.close(NOON)
                };
                let result = go();
                (result.is_ok(), result)
            },
            |path, is_done| {
                assert_eq!(verify(path).unwrap().problems.len(), 0);
                // All of it, or nothing.
                let found = rows(path);
                let is_before = found == sample::sorted(&all);
                assert!(is_before && !is_done || found == after);
                let (mut writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
                writer.reattribute(&order(), NOON, |_| true).unwrap();
                writer.close(NOON).unwrap();
                assert_eq!((rows(path), verify(path).unwrap().problems.len()), (after.clone(), 0));
                let (_, recovery) = Writer::open_on(immortal(path), SMALL).unwrap();
                assert_eq!(recovery.orphans, 0);
            },
        );
    }
}

#[test]
fn a_damaged_file_keeps_everything_as_it_was() {
    let folder = TempDir::new().unwrap();
    three_units(&Disk::new(folder.path()));
    let (mut writer, _) = Writer::open(folder.path(), SMALL).unwrap();
    writer.seal(NOON).unwrap();
    let before = sums(folder.path());
    let damaged = Snapshot::open(folder.path()).unwrap().segments[1].path.clone();
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&damaged, &bytes).unwrap();
    let error = writer.reattribute(&order(i64::MIN..i64::MAX, Vec::new()), NOON, |_| true).unwrap_err();
    assert_eq!((error.is_damaged(), &error.path), (true, &damaged));
    assert_eq!(sums(folder.path()), before);
}
