//! Worlds that end well, and checkers that complain when they should.

use crate::ledger::{Expected, Origin};
use crate::row::{Cell, Row};
use crate::world::{Failure, Order, Sabotage, Summary, folder, run_with};
use weir_flow::Column;

/// A seed that ends well, for those that must not.
const SEED: u64 = 3;

fn run(seed: u64, sabotage: Sabotage) -> Result<Summary, Failure> {
    let folder = folder().unwrap();
    run_with(Order::of(seed), folder.path(), sabotage)
}

/// The row that the first stored batch with rows begins with.
fn first(stored: &mut [(Origin, Expected)]) -> &mut Row {
    stored.iter_mut().find_map(|(_, batch)| batch.rows.first_mut()).unwrap()
}

/// The complaint about a falsified ledger.
fn complaint(sabotage: Sabotage) -> String {
    let failure = run(SEED, sabotage).unwrap_err();
    assert_eq!(failure.order.seed, SEED);
    assert!(failure.to_string().contains("--seed 3"), "{failure}");
    failure.complaint
}

/// Runs worlds from this one on, on all cores; their sum.
fn run_all(first: Order, count: u64) -> Summary {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut sum, mut failures) = (Summary::default(), Vec::new());
    crate::run_many(first, count, jobs.try_into().unwrap(), |_, result| match result {
        Ok(summary) => sum += *summary,
        Err(failure) => failures.push(format!("{failure}\n  commit {}", crate::commit())),
    })
    .unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    sum
}

#[test]
fn a_handful_of_worlds_end_well() {
    let sum = run_all(Order::of(100), 4);
    assert!(sum.records > 4 * 500 && sum.checks > 8 && sum.rows_checked > sum.records, "{sum}");
}

/// The kill test: nothing committed is lost or doubled, and no more than the stated window.
#[test]
fn two_hundred_kills_and_power_cuts_between_any_two_steps_of_the_disk() {
    const WORLDS: u64 = 4;
    let mut sum = Summary::default();
    let mut first = Order { is_deadly: true, ..Order::of(7_000) };
    while sum.kills + sum.power_cuts < 200 {
        sum += run_all(first, WORLDS);
        first.seed += WORLDS;
        assert!(first.seed < 7_100, "worlds in which nobody dies: {sum}");
    }
    println!("{sum}");
    assert!(sum.kills > 50 && sum.power_cuts > 50 && sum.amid > 20, "{sum}");
}

#[test]
fn the_same_seed_makes_the_same_world() {
    assert_eq!(run(SEED, |_| {}), run(SEED, |_| {}));
}

#[test]
fn a_failure_says_how_to_see_it_again() {
    let order = Order { hours: Some(3), is_deadly: true, ..Order::of(17) };
    let failure = Failure { order, step: 4, complaint: "rows: none".to_owned() };
    assert_eq!(
        failure.to_string(),
        "seed 17 FAILED at step 4: rows: none\n  again: cargo run -p sim -- --seed 17 --hours 3 --deadly"
    );
}

#[test]
fn a_batch_that_is_missing_is_missed() {
    let complaint = complaint(|stored| {
        // The store has it, the ledger says it should not.
        let at = stored.iter().position(|(_, batch)| !batch.rows.is_empty()).unwrap();
        stored.remove(at);
    });
    assert!(complaint.starts_with("rows: 0 are missing, "), "{complaint}");
}

#[test]
fn a_batch_stored_twice_is_seen() {
    let complaint = complaint(|stored| {
        let (origin, batch) = stored.iter().rfind(|(_, batch)| !batch.rows.is_empty()).unwrap().clone();
        stored.push((origin, batch));
    });
    assert!(complaint.starts_with("rows: ") && complaint.contains(" are missing, 0 too many"), "{complaint}");
}

#[test]
fn one_octet_is_seen() {
    let complaint = complaint(|stored| {
        let row = first(stored);
        let octets = row.amount(Column::Octets);
        row.number(Column::Octets, octets + 1);
    });
    assert!(complaint.starts_with("rows: 1 are missing, 1 too many"), "{complaint}");
}

#[test]
fn a_row_of_another_tenant_is_seen() {
    let complaint = complaint(|stored| {
        let rows = stored.iter_mut().flat_map(|(_, batch)| &mut batch.rows);
        let row = rows.into_iter().find(|row| row.get(Column::Tenant).is_some()).unwrap();
        assert_ne!(row.get(Column::Tenant), Some(&Cell::Word("nobody".into())));
        row.word(Column::Tenant, "nobody");
    });
    assert!(complaint.starts_with("rows: 1 are missing, 1 too many"), "{complaint}");
}

#[test]
fn a_count_is_seen() {
    let complaint = complaint(|stored| {
        let counts = stored.iter_mut().flat_map(|(_, batch)| &mut batch.counts);
        let (_, value) = counts.into_iter().find(|(key, _)| key.3 == "datagrams").unwrap();
        *value += 1;
    });
    assert!(complaint.starts_with("counts: datagrams of "), "{complaint}");
}

#[test]
fn malformed_parts_are_seen() {
    let complaint = complaint(|stored| stored[0].1.malformed.0 += 1_000_000);
    assert!(complaint.starts_with("counts: malformed should be "), "{complaint}");
}

mod one_by_one {
    //! Checkers that the one for rows goes before, each on its own.

    use crate::chance::Dice;
    use crate::check;
    use crate::ledger::{Counts, Expected, Ledger, Origin};
    use crate::row::Row;
    use crate::town::Town;
    use std::collections::{BTreeMap, BTreeSet};
    use weir_flow::batch::RowBuilder;
    use weir_flow::names::Direction;
    use weir_flow::{Addr, Batch, Column, health};
    use weir_store::{Options, Snapshot, Writer};

    const START_MS: i64 = 1_767_225_600_000;

    /// A row of the bakery's, over two bins.
    fn batch(octets: u64) -> Batch {
        let mut batch = Batch::new();
        batch.set_names(["bakery".into(), "attic".into()].into());
        RowBuilder::new()
            .time(Column::Start, START_MS + 299_000)
            .time(Column::End, START_MS + 301_000)
            .time(Column::Received, START_MS + 302_000)
            .unsigned(Column::TimeSource, 0)
            .addr(Column::Exporter, Addr::v4([192, 0, 2, 1]))
            .unsigned(Column::Domain, 7)
            .unsigned(Column::ProtocolVersion, 1)
            .unsigned(Column::Tenant, 0)
            .addr(Column::Host, Addr::v4([10, 0, 0, 1]))
            .direction(Direction::Out)
            .traffic(octets, 4)
            .push(&mut batch);
        batch.health = counts(octets)
            .into_iter()
            .map(|((bin, exporter, domain, what), value)| health::Row {
                bin,
                exporter,
                domain,
                what: what.into(),
                value,
            })
            .collect();
        batch
    }

    /// What was counted when it was decoded.
    fn counts(octets: u64) -> Counts {
        let count = |(what, value)| ((START_MS + 300_000, Addr::v4([192, 0, 2, 1]), 7, what), value);
        let octets = i64::try_from(octets).unwrap();
        [("flows", 1), ("octets", octets), ("packets", 4)].map(count).into()
    }

    /// A store of such a row, and a ledger that says it had so many octets.
    fn world(octets: u64, said: u64) -> (tempfile::TempDir, Snapshot, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = Writer::open(folder.path(), Options::default()).unwrap();
        writer.append(&batch(octets), START_MS).unwrap();
        writer.close(START_MS).unwrap();
        let snapshot = Snapshot::open(folder.path()).unwrap();
        let mut ledger = Ledger::new(Town::new(&mut Dice::of(&[0])), BTreeMap::new(), 0);
        let rows: Vec<Row> = Row::all(&batch(said)).collect();
        ledger.store(Origin::Journal(1), Expected { rows, counts: counts(said), ..Expected::default() });
        (folder, snapshot, ledger)
    }

    #[test]
    fn the_true_ledger_passes() {
        let (_folder, snapshot, ledger) = world(1001, 1001);
        let unsure = check::Unsure { by_datagram: &BTreeSet::new(), murky: &BTreeSet::new() };
        assert_eq!(check::store(&ledger, &snapshot, &unsure), Ok(()));
        assert_eq!(check::question(&ledger, &snapshot), Ok(()));
    }

    #[test]
    fn every_checker_complains_by_its_name() {
        let (_folder, snapshot, ledger) = world(1001, 1002);
        let ever = i64::MIN..i64::MAX;
        for (name, verdict) in [
            ("rows", check::rows(&ledger, &snapshot)),
            ("totals", check::totals(&ledger, &snapshot)),
            ("bins", check::bins(&ledger, &snapshot, &ever)),
            ("usage", check::usage(&ledger, &snapshot)),
            ("question", check::question(&ledger, &snapshot)),
        ] {
            let complaint = verdict.expect_err(name);
            assert!(complaint.starts_with(&format!("{name}: ")), "{complaint}");
        }
    }

    #[test]
    fn a_batch_is_compared_row_by_row() {
        let rows: Vec<Row> = Row::all(&batch(5)).collect();
        let expected = Expected { rows, counts: counts(5), ..Expected::default() };
        let none = BTreeSet::new();
        let unsure = check::Unsure { by_datagram: &BTreeSet::new(), murky: &none };
        assert_eq!(check::batch(&expected, &batch(5), &unsure), Ok(()));
        assert!(check::batch(&expected, &batch(6), &unsure).unwrap_err().contains("row 0"));
        let complaint = check::batch(&expected, &Batch::new(), &unsure).unwrap_err();
        assert_eq!(complaint, "batch: 0 rows should be 1");
    }
}
