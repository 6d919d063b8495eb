//! Answers from what earlier questions found of whole segments, and from roll-ups: whatever becomes of the store in between,
//! they are what reading every record says.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[expect(dead_code, reason = "other tests ask for more of it")]
mod world;

use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use weir_flow::filter::Filter;
use weir_flow::names::{Direction, SamplingSource};
use weir_flow::time::{BIN_MS, bin};
use weir_flow::{Batch, Column, Rescale};
use weir_query::rollup::State;
use weir_query::{Cache, Civil, Key, Options, Query, Rollup, Spill, Statistics, run};
use weir_store::{Reattribution, Retention, Snapshot, Writer};

const DAY_MS: i64 = 86_400_000;

/// What becomes of a store between two questions.
#[derive(Clone, Debug)]
enum Step {
    /// More records, and whether all is sealed then.
    Append(Batch, bool),
    /// Small segments become one.
    Compact,
    /// A sampling interval that comes late, for the records of an exporter that an earlier one has.
    Rescale(Batch, u32),
    /// Some records are nobody's after all.
    Reattribute,
    /// The oldest are given up.
    Retire(i64),
    /// A cached file is not what was written.
    Damage(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (world::batch(0..40), any::<bool>()).prop_map(|(batch, seal)| Step::Append(batch, seal)),
        1 => Just(Step::Compact),
        1 => (world::batch(1..3), 2u32..9).prop_map(|(batch, interval)| Step::Rescale(batch, interval)),
        1 => Just(Step::Reattribute),
        1 => (0i64..60).prop_map(Step::Retire),
        1 => (0usize..1000).prop_map(Step::Damage),
    ]
}

/// No sum of these exceeds 64 bits.
fn tame(batch: &mut Batch) {
    for column in [Column::Octets, Column::Packets, Column::MeasuredOctets, Column::MeasuredPackets] {
        batch.u64s_mut(column).iter_mut().for_each(|amount| *amount %= 1 << 40);
    }
}

/// Nobody's: as it would be attributed had the configuration no tenant.
fn disown(batch: &mut Batch) {
    let owned = [Column::Tenant, Column::PeerTenant, Column::Host, Column::Class];
    let mask = owned.iter().fold(0, |mask, column| mask | column.bit());
    for row in 0..batch.len() {
        batch.u8s_mut(Column::Direction)[row] = Direction::Unmatched.code();
        let present = &mut batch.present_mut()[row];
        *present = *present & !mask | Column::Direction.bit();
    }
}

/// A rescale for the records of the exporter and the domain of this batch's first row.
fn rescale(batch: &mut Batch, interval: u32) {
    let (exporter, domain) = (batch.addrs(Column::Exporter)[0], batch.u32s(Column::Domain)[0]);
    batch.rescales.push(Rescale {
        exporter,
        domain,
        sampler: None,
        ingress_if: None,
        from: i64::MIN,
        until: i64::MAX,
        interval,
        source: SamplingSource::Options,
    });
}

/// The files under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        if entry.path().is_dir() {
            files.extend(self::files(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

fn take(writer: &mut Writer, step: &Step, store: &Path) {
    let now = world::EPOCH_MS;
    match step {
        Step::Append(batch, seal) => {
            if !batch.is_empty() {
                writer.append(batch, now).unwrap();
            }
            if *seal {
                writer.seal(now).unwrap();
            }
        }
        Step::Compact => {
            // Whatever can be done in the background is done, and the day is over.
            writer.settle(now + 3 * DAY_MS).unwrap();
        }
        Step::Rescale(batch, interval) => {
            let mut batch = batch.clone();
            rescale(&mut batch, *interval);
            writer.append(&batch, now).unwrap();
            writer.seal(now).unwrap();
            writer.settle(now).unwrap();
        }
        Step::Reattribute => {
            let range = now..now + 250_000;
            let order = Reattribution { range, closed: Vec::new(), attribute: &disown };
            writer.reattribute(&order, now, |_| true).unwrap();
        }
        Step::Retire(tens) => {
            let flows_before = Some(now + tens * 10_000);
            writer.retire(Retention { flows_before, accounts_before: None }, now).unwrap();
        }
        Step::Damage(at) => {
            let files = files(&store.join("cache"));
            if let Some(file) = files.get(at % files.len().max(1)) {
                let mut bytes = fs::read(file).unwrap();
                let at = at % bytes.len();
                bytes[at] ^= 0x40;
                fs::write(file, bytes).unwrap();
            }
        }
    }
    writer.sync().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_is_the_same_from_what_was_kept(
        steps in prop::collection::vec(step(), 1..8),
        queries in prop::collection::vec(world::query(), 5),
        threads in 1usize..3,
        table_bytes in prop::sample::select(vec![700, usize::MAX]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let seals = weir_store::Options { seal_rows: u64::MAX, seal_ms: i64::MAX, ..Default::default() };
        let (mut writer, _) = Writer::open(&store, seals).unwrap();
        let cache = Cache::of_store(&store, 1 << 24);
        let spill = Some(Spill { table_bytes, ..Spill::to(folder.path(), u64::MAX) });
        for step in &steps {
            take(&mut writer, step, &store);
            let snapshot = Snapshot::open(&store).unwrap();
            for query in &queries {
                let plain = Options { accounts: false, ..Options::default() };
                let truth = world::said(&run(&snapshot, query, &plain).unwrap());
                let options = Options { threads, spill: spill.clone(), cache: cache.clone(), ..plain };
                let once = run(&snapshot, query, &options).unwrap();
                let again = run(&snapshot, query, &options).unwrap();
                prop_assert_eq!(&world::said(&once), &truth, "after {:?}: {:?}", step, query);
                prop_assert_eq!(&world::said(&again), &truth, "again, after {:?}: {:?}", step, query);
                // Where groups go to disk they are not kept, and damage stays.
                let is_kept = !query.measures.is_empty() && table_bytes == usize::MAX;
                prop_assert!(again.statistics.kept_damaged == 0 || !is_kept, "it was written anew");
                if is_kept && query.range.is_none() {
                    let Statistics { segments_recalled, segments_read, .. } = again.statistics;
                    prop_assert_eq!((segments_recalled, segments_read), (snapshot.segments.len() as u64, 0));
                }
            }
        }
    }
}

/// A store of so many segments of like records.
fn store(path: &Path, segments: i64) -> Snapshot {
    use weir_flow::Addr;
    use weir_flow::batch::RowBuilder;
    let (mut writer, _) = Writer::open(path, weir_store::Options::default()).unwrap();
    for segment in 0..segments {
        let mut batch = Batch::new();
        for row in 0..100u8 {
            let start = segment * 1000 + i64::from(row);
            RowBuilder::new()
                .time(Column::Start, start)
                .time(Column::End, start)
                .time(Column::Received, start)
                .unsigned(Column::TimeSource, 0)
                .addr(Column::Exporter, Addr::v4([192, 0, 2, 1]))
                .unsigned(Column::Domain, 0)
                .unsigned(Column::ProtocolVersion, 0)
                .addr(Column::DstAddr, Addr::v4([192, 0, 2, row % 10]))
                .unsigned(Column::DstPort, u64::from(row) * 7)
                .traffic(1000, 1)
                .push(&mut batch);
        }
        writer.append(&batch, segment * 1000).unwrap();
        writer.seal(segment * 1000).unwrap();
    }
    writer.close(segments * 1000).unwrap();
    Snapshot::open(path).unwrap()
}

fn top(keys: &str) -> Query {
    Query::top(keys.split(',').map(|name| Key::by_name(name).unwrap()).collect(), 3)
}

#[test]
fn segments_that_lie_in_the_span_are_left_closed_and_others_read() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = store(folder.path(), 4);
    let options = Options { cache: Cache::of_store(folder.path(), 1 << 20), ..Options::default() };
    let ask = |query: &Query| run(&snapshot, query, &options).unwrap();
    let said = |query: &Query| {
        let table = ask(query);
        (table.total[0], table.statistics.segments_recalled, table.statistics.segments_read)
    };
    assert_eq!(said(&top("dst")), (400_000, 0, 4));
    assert_eq!(said(&top("dst")), (400_000, 4, 0));
    // In the first segment flows start from 0 to 99 ms.
    let span = |from, to| Query { range: Some(from..to), ..top("dst") };
    assert_eq!(said(&span(0, 2000)), (200_000, 2, 0));
    assert_eq!(said(&span(50, 2050)), (50_000 + 100_000 + 50_000, 1, 2));
    assert_eq!(said(&span(50, 2050)), (50_000 + 100_000 + 50_000, 1, 2), "what is read in part is not kept");
    assert_eq!(said(&Query { limit: None, ..top("dst") }), (400_000, 4, 0));
    assert_eq!(said(&top("dst_port")), (400_000, 0, 4), "another question");
}

#[test]
fn what_is_damaged_is_read_again_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = store(folder.path(), 3);
    let options = Options { cache: Cache::of_store(folder.path(), 1 << 20), ..Options::default() };
    let ask = || {
        let table = run(&snapshot, &top("dst"), &options).unwrap();
        let Statistics { segments_recalled, kept_damaged, .. } = table.statistics;
        (table.total[0], segments_recalled, kept_damaged)
    };
    assert_eq!(ask(), (300_000, 0, 0));
    let kept = files(&folder.path().join("cache"));
    assert_eq!(kept.len(), 3);
    fs::write(&kept[0], b"").unwrap();
    let mut bytes = fs::read(&kept[1]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&kept[1], &bytes).unwrap();
    assert_eq!(ask(), (300_000, 1, 2));
    assert_eq!(ask(), (300_000, 3, 0));
    // A name of another question's answer: it is not this one's.
    fs::rename(&kept[0], &kept[1]).unwrap();
    assert_eq!(ask(), (300_000, 1, 0));
}

#[test]
fn two_at_once_and_a_folder_that_cannot_be_written_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = store(folder.path(), 8);
    let options = Options { cache: Cache::of_store(folder.path(), 1 << 20), ..Options::default() };
    std::thread::scope(|scope| {
        for turn in 0..4 {
            let (snapshot, options) = (&snapshot, &options);
            scope.spawn(move || {
                for round in 0..4 {
                    let keys = ["dst", "dst_port", "dst,dst_port", "exporter"][(turn + round) % 4];
                    assert_eq!(run(snapshot, &top(keys), options).unwrap().total, [800_000, 800, 800]);
                }
            });
        }
    });
    assert!(files(&folder.path().join("cache")).iter().all(|file| file.extension().unwrap() == "part"));
    assert_eq!(run(&snapshot, &top("dst"), &options).unwrap().statistics.segments_recalled, 8);
    fs::remove_dir_all(folder.path().join("cache")).unwrap();
    // A file where the folder should be.
    fs::write(folder.path().join("cache"), b"").unwrap();
    let table = run(&snapshot, &top("dst"), &options).unwrap();
    assert_eq!((table.total[0], table.statistics.segments_recalled), (800_000, 0));
}

#[test]
fn too_many_groups_are_not_kept_and_too_little_memory_is_said_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = store(folder.path(), 2);
    let cache = Cache::of_store(folder.path(), 1 << 20);
    // Memory for a few of the two hundred groups: refused with the cache as without, in the same words.
    let refused = |cache| {
        let options = Options { memory_bytes: 900, threads: 1, cache, ..Options::default() };
        run(&snapshot, &top("start,dst_port"), &options).unwrap_err().to_string()
    };
    assert_eq!(refused(cache.clone()), refused(None));
    // Half of what there may be is the most that one question keeps: less than a file.
    let options = Options { cache: Cache::of_store(folder.path(), 4096), ..Options::default() };
    for _ in 0..2 {
        let table = run(&snapshot, &top("dst"), &options).unwrap();
        assert_eq!((table.total[0], table.statistics.segments_recalled), (200_000, 0));
    }
}

/// Roll-ups, and keys and filters of questions that they may answer.
const ROLLUPS: [(&str, &[&str], &[&str]); 4] = [
    (
        "src_addr,dst_addr,proto,src_port,dst_port",
        &[
            "src_addr",
            "dst_addr/24/127",
            "src/29",
            "proto",
            "service",
            "time/5m",
            "hour",
            "day",
            "hour_of_day",
            "weekday",
        ],
        &[
            "",
            "dst_addr in [192.168.31.0/29]",
            "src_port > 60 or proto 64",
            "not src_addr = 2001:db8:1f::3",
            "host 192.168.31.2",
        ],
    ),
    (
        "tenant,peer_tenant,direction,class",
        &["tenant", "class", "direction", "week", "hour"],
        &["", "tenant avtotrade and direction in", "not tenant \"OOO Avto\"", "octets > 1000"],
    ),
    (
        "src/29,application",
        &["src/24", "src/29", "src/30", "application", "time/10m"],
        &["", "src net 192.168.31.0/29"],
    ),
    (
        "exporter,src_mac,tcp_flags,host",
        &["exporter", "src_mac", "tcp_flags", "host/16", "month"],
        &["", "proto 255"],
    ),
];

fn keys(names: &str) -> Vec<Key> {
    names.split(',').filter(|name| !name.is_empty()).map(|name| Key::by_name(name).unwrap()).collect()
}

/// A question that a roll-up may answer, over a span that mostly begins and ends with five minutes.
fn rolled_query(which: usize) -> impl Strategy<Value = Query> {
    let (_, names, filters) = ROLLUPS[which];
    let few = names.len().min(4);
    let keys = prop::sample::subsequence(names.to_vec(), 0..=few);
    let filter = prop::sample::select(filters.to_vec());
    let range = prop::option::of((-3i64..12, 0i64..20, prop::sample::select(vec![0i64, 0, 0, 1000])));
    (world::query(), keys, filter, range, any::<bool>()).prop_map(|(query, keys, filter, range, is_utc)| {
        Query {
            keys: keys.iter().map(|name| Key::by_name(name).unwrap()).collect(),
            filter: Some(Filter::parse(filter).unwrap()),
            range: range.map(|(from, length, off)| {
                let from = bin(world::EPOCH_MS) + from * BIN_MS + off;
                from..from + length * BIN_MS
            }),
            civil: if is_utc { Civil::default() } else { query.civil.clone() },
            ..query
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rollup_says_what_the_records_say(
        (rolled, queries) in (0..ROLLUPS.len()).prop_flat_map(|which| {
            (Just(which), prop::collection::vec(rolled_query(which), 6))
        }),
        width_ms in prop::sample::select(vec![BIN_MS, 2 * BIN_MS, 12 * BIN_MS, DAY_MS]),
        steps in prop::collection::vec((step(), any::<u8>()), 1..8),
        threads in 1usize..3,
        (with_cache, is_tame) in any::<(bool, bool)>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let seals = weir_store::Options { seal_rows: u64::MAX, seal_ms: i64::MAX, ..Default::default() };
        let (mut writer, _) = Writer::open(&store, seals).unwrap();
        let rollup = Rollup::new("a", keys(ROLLUPS[rolled].0), width_ms).unwrap();
        let plain = Options { accounts: false, ..Options::default() };
        let cache = Cache::of_store(&store, 1 << 24).filter(|_| with_cache);
        let options = Options { threads, rollups: vec![rollup.clone()], cache, ..plain.clone() };
        for (mut step, built) in steps {
            if let (Step::Append(batch, _), true) = (&mut step, is_tame) {
                tame(batch);
            }
            take(&mut writer, &step, &store);
            let snapshot = Snapshot::open(&store).unwrap();
            // Some segments have theirs, others not yet.
            for (at, segment) in snapshot.segments.iter().enumerate() {
                if built >> (at % 8) & 1 == 1 {
                    prop_assert_eq!(rollup.build(&store, segment, &plain).unwrap(), State::Built);
                    prop_assert_eq!(rollup.state(&store, segment), State::Built);
                }
            }
            for query in &queries {
                let (truth, said) = (run(&snapshot, query, &plain).unwrap(), run(&snapshot, query, &options).unwrap());
                let (truth_of, said_of) = (world::said(&truth), world::said(&said));
                prop_assert_eq!((&said_of.0, &said_of.1, said_of.2), (&truth_of.0, &truth_of.1, truth_of.2), "{:?}", query);
                // Of flows that lie in the span in part, it counts those that begin in it.
                if query.range.is_none() {
                    prop_assert_eq!(said_of.3, truth_of.3);
                }
            }
        }
        let snapshot = Snapshot::open(&store).unwrap();
        rollup.sweep(&snapshot).unwrap();
        let left = files(&rollup.folder(&store)).len();
        let built = snapshot.segments.iter().filter(|s| rollup.state(&store, s) == State::Built).count();
        prop_assert_eq!(left, built, "nothing of segments that are gone");
    }
}

#[test]
fn a_rollup_outlives_its_records_as_long_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let snapshot = store(path, 4);
    let keep = |ms| Rollup::new("by-port", keys("dst_addr,dst_port"), BIN_MS).unwrap().kept_for(Some(ms));
    let rollup = keep(5000);
    let options = Options { rollups: vec![rollup.clone()], ..Options::default() };
    // The last one has none yet.
    for segment in &snapshot.segments[..3] {
        rollup.build(path, segment, &options).unwrap();
    }
    let ask = |query: &Query, options: &Options| {
        let table = run(&Snapshot::open(path).unwrap(), query, options).unwrap();
        let Statistics { segments_rolled, segments_gone, kept_damaged, .. } = table.statistics;
        (table.total[0], table.total[2], segments_rolled, segments_gone, kept_damaged)
    };
    let before = run(&snapshot, &top("dst,hour"), &options).unwrap();
    let (mut writer, _) = Writer::open(path, weir_store::Options::default()).unwrap();
    writer.set_heirs(vec![rollup.heir().unwrap()]);
    // Flows of a segment end within a tenth of a second of it; all but the third segment are to go.
    let until = |ms| Retention { flows_before: Some(ms), accounts_before: None };
    assert_eq!(writer.retire(until(1500), 4000).unwrap().files, 2);
    drop(writer);
    let (mut writer, recovery) = Writer::open(path, weir_store::Options::default()).unwrap();
    assert_eq!(recovery.orphans, 0, "what was adopted is the store's");
    writer.set_heirs(vec![rollup.heir().unwrap()]);
    assert_eq!(ask(&top("dst,hour"), &options), (400_000, 400, 1, 2, 0));
    let after = run(&Snapshot::open(path).unwrap(), &top("dst,hour"), &options).unwrap();
    assert!(after.rows().eq(before.rows()), "group by group");
    assert_eq!(
        ask(&top("dst,hour"), &Options::default()),
        (200_000, 200, 0, 0, 0),
        "without it they are gone"
    );
    assert_eq!(ask(&top("dst,minute"), &options), (200_000, 200, 0, 0, 0), "nor does it say everything");
    // Of a segment that the span cuts, nobody knows which flows overlap it; that is the first one.
    let span = Query { range: Some(50..9000), ..top("dst") };
    assert_eq!(ask(&span, &options), (300_000, 300, 1, 1, 0));
    rollup.sweep(&Snapshot::open(path).unwrap()).unwrap();
    assert_eq!(ask(&top("dst,hour"), &options), (400_000, 400, 1, 2, 0));
    assert_eq!(weir_store::verify(path).unwrap().problems.len(), 0);
    // One that is damaged is passed over when it is to be adopted, and found when it was.
    let source = &files(&rollup.folder(path))[0];
    let bytes = fs::read(source).unwrap();
    fs::write(source, &bytes[..bytes.len() - 1]).unwrap();
    writer.retire(until(2500), 4000).unwrap();
    assert_eq!(ask(&top("dst,hour"), &options), (300_000, 300, 0, 2, 0));
    let adopted = files(&path.join("rolled"));
    assert_eq!(adopted.len(), 2);
    let bytes = fs::read(&adopted[0]).unwrap();
    fs::write(&adopted[0], &bytes[1..]).unwrap();
    assert_eq!(ask(&top("dst,hour"), &options), (200_000, 200, 0, 1, 1));
    assert_eq!(weir_store::verify(path).unwrap().problems.len(), 1);
    fs::write(&adopted[0], &bytes).unwrap();
    // Five seconds after its last flow the first one has been kept long enough.
    writer.retire(until(0), 5100).unwrap();
    assert_eq!(ask(&top("dst,hour"), &options), (200_000, 200, 0, 1, 0));
    assert_eq!(files(&path.join("rolled")).len(), 1);
    // Without an heir nobody says how long.
    writer.set_heirs(Vec::new());
    writer.retire(until(0), 1 << 40).unwrap();
    assert_eq!(files(&path.join("rolled")).len(), 1);
    writer.set_heirs(vec![keep(1).heir().unwrap()]);
    writer.retire(until(0), 1 << 40).unwrap();
    assert_eq!(files(&path.join("rolled")).len(), 0);
}

#[test]
fn a_rollup_answers_and_what_is_late_is_read_until_it_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let snapshot = store(path, 3);
    let rollup = Rollup::new("by-port", keys("dst_addr,dst_port"), 3_600_000).unwrap();
    let options = Options { rollups: vec![rollup.clone()], ..Options::default() };
    let ask = |snapshot: &Snapshot, query: &Query| {
        let table = run(snapshot, query, &options).unwrap();
        let Statistics { segments_rolled, segments_read, kept_damaged, .. } = table.statistics;
        (table.total[0], segments_rolled, segments_read, kept_damaged)
    };
    assert_eq!(ask(&snapshot, &top("dst,hour")), (300_000, 0, 3, 0));
    for segment in &snapshot.segments {
        assert_eq!(rollup.state(path, segment), State::Missing);
        assert_eq!(rollup.build(path, segment, &options).unwrap(), State::Built);
    }
    assert_eq!(ask(&snapshot, &top("dst,hour")), (300_000, 3, 0, 0));
    assert_eq!(ask(&snapshot, &top("dst,dst_port")), (300_000, 3, 0, 0));
    assert_eq!(ask(&snapshot, &top("dst,minute")), (300_000, 0, 3, 0), "finer than its buckets");
    assert_eq!(ask(&snapshot, &top("dst,proto")), (300_000, 0, 3, 0), "not among its keys");
    // The last flow of a segment starts in its first tenth of a second: whole flows of a cut segment are read.
    let span = Query { range: Some(0..2050), ..top("dst") };
    assert_eq!(ask(&snapshot, &span), (250_000, 2, 1, 0));
    // Another roll-up of the same name is another one.
    let other = Rollup::new("by-port", keys("dst_port"), 3_600_000).unwrap();
    assert_eq!(other.state(path, &snapshot.segments[0]), State::Missing);
    // What comes late is in a segment of its own.
    let (mut writer, _) = Writer::open(path, weir_store::Options::default()).unwrap();
    let late = snapshot.segments[0].open().unwrap().read_all(0, u64::MAX).unwrap();
    writer.append(&late, 9000).unwrap();
    writer.seal(9000).unwrap();
    writer.sync().unwrap();
    let snapshot = Snapshot::open(path).unwrap();
    assert_eq!(ask(&snapshot, &top("dst,hour")), (400_000, 3, 1, 0));
    // A file that is not what was written.
    let file = &files(&rollup.folder(path))[0];
    let mut bytes = fs::read(file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(file, bytes).unwrap();
    assert_eq!(ask(&snapshot, &top("dst,hour")), (400_000, 2, 2, 1));
}
