//! What sealing costs: processor time and bytes a row, in all and by column.
//!
//!     cargo run --release -p weir-store --example seal -- STORE [TIMES [FOLDER]]
//!
//! Takes the rows of a store's first segment (and its journal) in the order they were received, at most 1 Mi of
//! them, and seals them TIMES times into FOLDER (best one in memory: what is measured is not the disk). Under
//! `valgrind --tool=callgrind` with TIMES 1 it counts instructions, which no neighbour disturbs.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that fails may say so this way")]

use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use weir_flow::schema::COLUMNS;
use weir_flow::{Batch, Column};
use weir_store::Snapshot;
use weir_store::segment::Sealing;

/// A seal has so many rows at most.
const ROWS: usize = 1 << 20;

/// A batch of the collector has so many.
const BATCH_ROWS: usize = 8192;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let store = arguments.first().expect("the folder of a store");
    let times: u64 = arguments.get(1).map_or(5, |n| n.parse().unwrap());
    let folder = arguments.get(2).map_or("/dev/shm", String::as_str);
    let rows = received(&Snapshot::open(Path::new(store)).unwrap());
    let count = rows.iter().map(Batch::len).sum::<usize>() as u64;
    let folder = Path::new(folder).join(format!("weir-seal-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let sealing = Sealing::new(&folder, &rows).unwrap();
    drop(rows);
    let mut file = None;
    let all = cpu_ns(times, || file = Some(sealing.seal().unwrap()));
    let bytes = std::fs::metadata(file.unwrap()).unwrap().len();
    println!("{count} rows, {times} times");
    line("sealed", all, bytes, count);
    if times > 1 {
        let mut ordered = None;
        line("ordered", cpu_ns(times, || ordered = Some(sealing.order())), 0, count);
        let ordered = ordered.unwrap();
        for definition in &COLUMNS {
            let mut bytes = 0;
            let ns = cpu_ns(times, || bytes = sealing.encode(&ordered, definition.column).unwrap() as u64);
            line(definition.name, ns, bytes, count);
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn line(name: &str, ns: u64, bytes: u64, rows: u64) {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let each = |total: u64| total as f64 / rows as f64;
    println!("{name:18} {:8.2} ns a row {:8.3} bytes a row", each(ns), each(bytes));
}

/// Processor time of the whole process in one call, the least of so many.
fn cpu_ns(times: u64, mut call: impl FnMut()) -> u64 {
    let once = |_| {
        let before = used_ns();
        call();
        used_ns() - before
    };
    (0..times).map(once).min().unwrap_or_default()
}

/// Processor time that the process has used so far.
fn used_ns() -> u64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(used.tv_sec * 1_000_000_000 + used.tv_nsec).unwrap()
}

/// The rows of a store in the order they were received.
fn received(snapshot: &Snapshot) -> Vec<Batch> {
    let mut all = Batch::new();
    for segment in snapshot.segments.iter().take(1) {
        let reader = segment.open().unwrap();
        for group in 0..reader.row_groups().len() {
            all.append(&reader.read_all(group, u64::MAX).unwrap());
        }
    }
    for tail in &snapshot.tail {
        all.append(&tail.read(u64::MAX).unwrap());
    }
    let mut order: Vec<u32> = (0..u32::try_from(all.len()).unwrap()).collect();
    order.sort_by_key(|row| all.times(Column::Received)[*row as usize]);
    order.truncate(ROWS);
    order.chunks(BATCH_ROWS).map(|rows| all.gather(rows)).collect()
}
