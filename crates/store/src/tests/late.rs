//! Sampling intervals that come late, against a model that keeps rows in a list.

use super::*;
use crate::{Fate, Step, Verdict};
use proptest::prelude::*;
use std::sync::Arc;
use weir_flow::batch::RowBuilder;
use weir_flow::health::{Counter, Row as Count};
use weir_flow::names::SamplingSource;
use weir_flow::{Addr, Column, Rescale};

/// A row, told by what decides whether an interval is for it. Its number is its octets as measured.
#[derive(Clone, Debug)]
struct Row {
    received: i64,
    domain: u32,
    sampler: Option<u64>,
    /// The interval known, and whether it is the operator's default.
    interval: Option<(u32, bool)>,
}

/// What comes to a store together.
#[derive(Clone, Debug, Default)]
struct Load {
    rows: Vec<Row>,
    rescales: Vec<Rescale>,
}

#[derive(Clone, Debug)]
enum Op {
    Append(Load),
    Seal,
    Import(Vec<Load>),
    Reopen,
}

const EXPORTER: Addr = Addr::v4([192, 0, 2, 9]);

fn row() -> impl Strategy<Value = Row> {
    let interval = prop_oneof![
        3 => Just(None),
        1 => (1u32..4).prop_map(|n| Some((n, true))),
        1 => (1u32..4).prop_map(|n| Some((n, false))),
    ];
    (0i64..40, 0u32..2, prop::option::of(0u64..2), interval).prop_map(
        |(minute, domain, sampler, interval)| Row {
            received: NOON + minute * 60_000,
            domain,
            sampler,
            interval,
        },
    )
}

fn rescale() -> impl Strategy<Value = Rescale> {
    (0u32..2, prop::option::of(0u64..2), 0i64..40, 0i64..40, 1u32..9).prop_map(
        |(domain, sampler, from, length, interval)| Rescale {
            exporter: EXPORTER,
            domain,
            sampler,
            ingress_if: None,
            from: NOON + from * 60_000,
            until: NOON + (from + length) * 60_000,
            interval,
            source: SamplingSource::Options,
        },
    )
}

fn load() -> impl Strategy<Value = Load> {
    (prop::collection::vec(row(), 0..4), prop::collection::vec(rescale(), 0..2))
        .prop_map(|(rows, rescales)| Load { rows, rescales })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => load().prop_map(Op::Append),
        2 => Just(Op::Seal),
        1 => prop::collection::vec(load(), 1..4).prop_map(Op::Import),
        1 => Just(Op::Reopen),
    ]
}

/// The truth: every row with its number and its octets, in the order they came.
#[derive(Clone, Debug, Default)]
struct Model {
    rows: Vec<(Row, u64, u64)>,
}

impl Model {
    /// Takes a load in; gives it as a batch.
    fn take(&mut self, load: &Load) -> Batch {
        let mut batch = Batch::new();
        for row in &load.rows {
            let number = self.rows.len() as u64 + 1;
            let octets = number * u64::from(row.interval.map_or(1, |i| i.0));
            self.rows.push((row.clone(), number, octets));
            push(&mut batch, row, number, octets);
        }
        batch.rescales.clone_from(&load.rescales);
        for rescale in &load.rescales {
            for (row, number, octets) in &mut self.rows {
                let is_open = row.interval.is_none_or(|(_, is_default)| is_default);
                let is_meant = row.domain == rescale.domain
                    && rescale.sampler.is_none_or(|id| row.sampler == Some(id))
                    && (rescale.from..=rescale.until).contains(&row.received);
                if is_open && is_meant {
                    row.interval = Some((rescale.interval, false));
                    *octets = *number * u64::from(rescale.interval);
                }
            }
        }
        batch
    }

    fn octets(&self) -> i64 {
        self.rows.iter().map(|r| r.2 as i64).sum()
    }

    /// How many rows have no interval.
    fn unknown(&self) -> i64 {
        self.rows.iter().filter(|r| r.0.interval.is_none()).count() as i64
    }

    /// Each row's own octets, and in the counts what was sampled and what is unknown.
    fn assert_holds(&self, path: &Path, when: &str) {
        let mut octets: Vec<u64> = self.rows.iter().map(|r| r.2).collect();
        octets.sort_unstable();
        let snapshot = Snapshot::open(path).unwrap();
        let mut found = Vec::new();
        for segment in &snapshot.segments {
            let reader = segment.open().unwrap();
            for group in 0..reader.row_groups().len() {
                found.extend_from_slice(reader.read_all(group, u64::MAX).unwrap().u64s(Column::Octets));
            }
        }
        for entry in &snapshot.tail {
            found.extend_from_slice(entry.read(Column::Octets.bit()).unwrap().u64s(Column::Octets));
        }
        found.sort_unstable();
        assert_eq!(found, octets, "{when}");
        let sums = sums(path);
        let sum = |what: &str| sums.get(what).copied().unwrap_or(0);
        let sampled = self.rows.iter().filter(|r| r.0.interval.is_some_and(|i| i.0 > 1));
        assert_eq!(
            [sum("decoded"), sum("transit"), sum("octets"), sum("sampled_octets")],
            [self.octets(), self.octets(), self.octets(), sampled.map(|r| r.2 as i64).sum()],
            "{when}"
        );
        assert_eq!(
            (sum("unknown_sampling_records"), sum("records")),
            (self.unknown(), self.rows.len() as i64),
            "{when}"
        );
        assert_eq!(verify(path).unwrap().problems.len(), 0, "{when}");
    }
}

fn push(batch: &mut Batch, row: &Row, number: u64, octets: u64) {
    let mut builder = RowBuilder::new()
        .time(Column::Start, row.received)
        .time(Column::End, row.received)
        .time(Column::Received, row.received)
        .unsigned(Column::TimeSource, 0)
        .addr(Column::Exporter, EXPORTER)
        .unsigned(Column::Domain, row.domain.into())
        .unsigned(Column::ProtocolVersion, 3)
        .direction(weir_flow::names::Direction::Transit)
        .unsigned(Column::Octets, octets)
        .unsigned(Column::MeasuredOctets, number);
    if let Some(id) = row.sampler {
        builder = builder.unsigned(Column::Sampler, id);
    }
    if let Some((interval, is_default)) = row.interval {
        let source = if is_default { SamplingSource::Default } else { SamplingSource::Header };
        builder = builder
            .unsigned(Column::SamplingInterval, interval.into())
            .unsigned(Column::SamplingSource, source.code().into());
    }
    builder.push(batch);
    let mut count = |what: Counter, value: u64| {
        let bin = weir_flow::time::bin(row.received);
        let (exporter, domain) = (EXPORTER, row.domain);
        batch.health.push(Count { bin, exporter, domain, what: what.name().into(), value: value as i64 });
    };
    count(Counter::Records, 1);
    count(Counter::Octets, octets);
    match row.interval {
        None => count(Counter::UnknownSamplingRecords, 1),
        Some((1, _)) => {}
        Some(_) => count(Counter::SampledOctets, octets),
    }
}

/// What happened, as far as it was told.
#[derive(Debug)]
struct Told {
    /// What the store must hold if the last step was done, and if it was not.
    after: Model,
    before: Model,
}

/// Runs the steps until the end or until the process dies.
fn run(disk: &Disk, ops: &[Op]) -> (Told, Result<(), Error>) {
    let mut told = Told { after: Model::default(), before: Model::default() };
    let mut go = || -> Result<(), Error> {
        let (mut writer, _) = Writer::open_on(disk.clone(), Options { seal_rows: 100, ..SMALL })?;
        for (i, op) in ops.iter().enumerate() {
            let now = NOON + i as i64;
            match op {
                Op::Append(load) => {
                    let batch = told.after.take(load);
                    writer.append(&batch, now)?;
                    writer.sync()?;
                }
                Op::Seal => writer.seal(now)?,
                Op::Import(loads) => {
                    let batches: Vec<Batch> = loads.iter().map(|load| told.after.take(load)).collect();
                    let mut import = writer.import("x", true)?;
                    for batch in &batches {
                        import.append(batch)?;
                    }
                    import.commit(&[7; 32], 1, now)?;
                }
                Op::Reopen => {
                    drop(writer);
                    (writer, _) = Writer::open_on(disk.clone(), Options { seal_rows: 2, ..SMALL })?;
                }
            }
            told.before = told.after.clone();
            let _ = writer.tick(now);
        }
        writer.close(NOON + 1_000_000)
    };
    let result = go();
    (told, result)
}

/// Opens the store as the next process does, and brings everything to its end.
fn finish(path: &Path) {
    let (mut writer, recovery) = Writer::open_on(immortal(path), SMALL).unwrap();
    assert_eq!(recovery.damage, []);
    writer.settle(NOON + 2_000_000).unwrap();
    assert!(writer.is_settled());
    assert_eq!(writer.take_damage(), []);
    writer.close(NOON + 2_000_001).unwrap();
}

fn octets(path: &Path) -> i64 {
    sums(path).get("decoded").copied().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(32)))]
    #[test]
    fn every_row_has_the_interval_that_was_learned_first_after_it(ops in prop::collection::vec(op(), 1..14)) {
        let folder = TempDir::new().unwrap();
        let (told, result) = run(&immortal(folder.path()), &ops);
        result.unwrap();
        finish(folder.path());
        told.after.assert_holds(folder.path(), "at the end");
    }

    #[test]
    fn a_crash_between_any_two_steps_scales_nothing_twice(ops in prop::collection::vec(op(), 1..10), steps in 1i64..160) {
        let folder = TempDir::new().unwrap();
        let mortal = Mortal::after(steps);
        let disk = Disk::new(folder.path()).with_fate(mortal.clone());
        let (told, result) = run(&disk, &ops);
        let died = mortal.is_dead();
        prop_assert!(died || result.is_ok(), "{:?}", result);
        if died {
            mortal.lose_what_was_not_flushed(folder.path());
        }
        if !crate::exists(folder.path()) {
            return Ok(());
        }
        finish(folder.path());
        // The step it died in was done, or was not.
        let held = usize::try_from(Snapshot::open(folder.path()).unwrap().totals().rows).unwrap();
        prop_assert!(held == told.before.rows.len() || held == told.after.rows.len());
        // An interval of 1 changes no octets: that it came is told by what is unknown.
        let sums = sums(folder.path());
        let sum = |what: &str| sums.get(what).copied().unwrap_or(0);
        let found = (held, sum("decoded"), sum("unknown_sampling_records"));
        let is_before = found != (told.after.rows.len(), told.after.octets(), told.after.unknown());
        if is_before { told.before.assert_holds(folder.path(), "without the last step") } else { told.after.assert_holds(folder.path(), "with the last step") }
    }
}

/// Twelve rows in three seals and an import, then an interval for all of them.
fn four_units(disk: &Disk) -> Model {
    let mut model = Model::default();
    let row =
        |minute: i64| Row { received: NOON + minute * 60_000, domain: 0, sampler: None, interval: None };
    let (mut writer, _) = Writer::open_on(disk.clone(), Options { seal_rows: 100, ..SMALL }).unwrap();
    for unit in 0..4 {
        let load = Load { rows: (0..3).map(|i| row(unit * 10 + i)).collect(), rescales: Vec::new() };
        let batch = model.take(&load);
        if unit == 2 {
            let mut import = writer.import("x", false).unwrap();
            import.append(&batch).unwrap();
            import.commit(&[1; 32], 5, NOON).unwrap();
        } else {
            writer.append(&batch, NOON).unwrap();
            writer.seal(NOON).unwrap();
        }
    }
    writer.close(NOON).unwrap();
    model
}

/// An interval for all that came in this hour.
fn an_hour_of(interval: u32) -> Load {
    let rescale = Rescale {
        exporter: EXPORTER,
        domain: 0,
        sampler: None,
        ingress_if: None,
        from: NOON,
        until: NOON + 3_600_000,
        interval,
        source: SamplingSource::Options,
    };
    Load { rows: Vec::new(), rescales: vec![rescale] }
}

/// Copies a folder.
pub(super) fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let name = Path::new(&file).strip_prefix(from).unwrap();
        std::fs::create_dir_all(to.join(name).parent().unwrap()).unwrap();
        std::fs::copy(&file, to.join(name)).unwrap();
    }
}

#[test]
fn the_process_dies_between_any_two_steps_of_rewriting() {
    let late = an_hour_of(100);
    let template = TempDir::new().unwrap();
    let model = four_units(&Disk::new(template.path()));
    for end in [End::Process, End::Power] {
        die_at_every_step(
            end,
            |path| copy(template.path(), path),
            |disk| {
                let go = || -> Result<(), Error> {
                    let (mut writer, _) = Writer::open_on(disk.clone(), SMALL)?;
                    let mut batch = Batch::new();
                    batch.rescales.clone_from(&late.rescales);
                    writer.append(&batch, NOON)?;
                    writer.settle(NOON)?;
                    writer.close(NOON)
                };
                let result = go();
                (result.is_ok(), result)
            },
            |path, is_done| {
                // Whatever is visible is whole units, before or after.
                assert_eq!(verify(path).unwrap().problems.len(), 0);
                finish(path);
                let mut model = model.clone();
                let is_scaled = octets(path) != model.octets();
                assert!(is_scaled || !is_done);
                if is_scaled {
                    model.take(&late);
                }
                model.assert_holds(path, "after a crash");
                let (_, recovery) = Writer::open_on(immortal(path), SMALL).unwrap();
                assert_eq!(recovery.orphans, 0);
            },
        );
    }
}

#[test]
fn a_segment_that_cannot_be_read_is_told_and_keeps_nothing_else_from_its_interval() {
    let folder = TempDir::new().unwrap();
    let mut model = four_units(&Disk::new(folder.path()));
    let damaged = Snapshot::open(folder.path()).unwrap().segments[0].path.clone();
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&damaged, &bytes).unwrap();
    let late = an_hour_of(7);
    let before: i64 = model.rows[..3].iter().map(|r| r.2 as i64).sum();
    let batch = model.take(&late);
    let (mut writer, _) = Writer::open(folder.path(), SMALL).unwrap();
    writer.append(&batch, NOON).unwrap();
    writer.settle(NOON).unwrap();
    let told = writer.take_damage();
    assert_eq!(told.iter().map(|d| &d.path).collect::<Vec<_>>(), [&damaged]);
    assert_eq!(octets(folder.path()), model.octets() - 7 * before + before);
}

/// A disk on which nothing in the background is done before someone waits for it.
#[derive(Debug)]
struct Slow;

impl Fate for Slow {
    fn judge(&self, _: &Step<'_>) -> Verdict {
        Verdict::Pass
    }

    fn is_time(&self) -> bool {
        false
    }
}

#[test]
fn an_import_does_not_overtake_an_interval_that_was_journaled_before_it() {
    let folder = TempDir::new().unwrap();
    let disk = Disk::new(folder.path()).with_fate(Arc::new(Slow)).single_threaded();
    let mut model = Model::default();
    let row = Row { received: NOON, domain: 0, sampler: None, interval: None };
    let rows = Load { rows: vec![row], rescales: Vec::new() };
    let (mut writer, _) = Writer::open_on(disk, Options { seal_rows: 1, ..SMALL }).unwrap();
    // The first is being sealed all the while, and the second waits.
    for _ in 0..2 {
        writer.append(&model.take(&rows), NOON).unwrap();
    }
    writer.append(&model.take(&an_hour_of(3)), NOON).unwrap();
    let mut import = writer.import("x", false).unwrap();
    import.append(&model.take(&an_hour_of(6))).unwrap();
    import.commit(&[1; 32], 5, NOON).unwrap();
    writer.settle(NOON).unwrap();
    assert_eq!(model.octets(), 3 + 6);
    model.assert_holds(folder.path(), "after both were settled");
}
