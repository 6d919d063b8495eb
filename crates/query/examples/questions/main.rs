//! Measures questions over a store made from a seed.
//!
//! ```text
//! cargo run --release -p weir-query --example questions -- make STORE RECORDS
//! cargo run --release -p weir-query --example questions -- ask STORE THREADS TIMES [QUESTION]
//! cargo run --release -p weir-query --example questions -- memory RECORDS
//! ```
//! `ask` prints the median and the range of the wall time of each question, the store being opened anew each
//! time, with what was read. `memory` groups batches in memory on one thread, which is grouping alone.

#![expect(clippy::unwrap_used, reason = "a measurement that fails may stop")]
#![expect(clippy::cast_precision_loss, reason = "times for people to read")]

mod traffic;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;
use traffic::Traffic;
use weir_flow::filter::Filter;
use weir_flow::{Batch, Column};
use weir_query::{Key, Listing, Measure, Options, Query, Table, list, run, run_batches};
use weir_store::{Snapshot, Writer};

/// Records are made in batches of so many.
const BATCH: usize = 50_000;

/// The questions of the published comparisons, and some more.
const QUESTIONS: [(&str, &str, &str); 9] = [
    ("top 20 destinations", "dst_addr", ""),
    ("top 20 source-destination pairs", "src_addr,dst_addr", ""),
    ("five-tuples", "src_addr,dst_addr,src_port,dst_port,proto", ""),
    ("by protocol", "proto", ""),
    ("by source system", "src_as", ""),
    ("by tenant and direction", "tenant,direction", ""),
    ("one /24, summed", "", "net 192.168.31.0/24"),
    ("one host", "", "host 192.168.31.2"),
    ("one tenant's hosts", "host", "tenant tenant31"),
];

fn query(keys: &str, filter: &str) -> Query {
    let keys = keys.split(',').filter(|key| !key.is_empty()).map(|key| Key::by_name(key).unwrap()).collect();
    let mut query = Query::top(keys, 20);
    query.filter = (!filter.is_empty()).then(|| Filter::parse(filter).unwrap());
    query
}

/// The processor time of this process so far, in all threads; the kernel counts in ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The 14th and 15th field, counted after the name in parentheses, which may hold spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11..=12].iter().map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}

/// Runs a question so many times; prints how long it took and what it found.
fn measure(name: &str, times: usize, mut ask: impl FnMut() -> Table) {
    let (mut seconds, mut cpu) = (Vec::new(), Vec::new());
    let mut table = ask();
    for _ in 0..times {
        let (begin, cpu_begin) = (Instant::now(), cpu_seconds());
        table = ask();
        seconds.push(begin.elapsed().as_secs_f64());
        cpu.push(cpu_seconds() - cpu_begin);
    }
    seconds.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    let s = &table.statistics;
    println!(
        "{name:32} {:.3} s ({:.3}–{:.3}), CPU {:.2} s;  {} groups, {} octets; scanned {} matched {}, segments {}/{}, row groups {}/{}, pages {}/{}",
        seconds[times / 2],
        seconds[0],
        seconds[times - 1],
        cpu[times / 2],
        table.groups,
        table.total_of(Measure::Octets).unwrap(),
        s.scanned_records,
        s.matched_records,
        s.segments_read,
        s.segments,
        s.row_groups_read,
        s.row_groups,
        s.pages_read,
        s.pages,
    );
}

fn memory(records: usize) {
    let mut traffic = Traffic::new(1);
    let batches: Vec<Batch> = (0..records.div_ceil(BATCH)).map(|_| traffic.batch(BATCH)).collect();
    for (name, keys, filter) in QUESTIONS {
        let query = query(keys, filter);
        measure(name, 3, || run_batches(&batches, &query, &Options::default()).unwrap());
    }
    let octets: u64 = batches.iter().flat_map(|b| b.u64s(Column::Octets)).sum();
    println!("{octets} octets in all");
}

/// Makes a store of so many records, sealed as a daemon would.
fn make(store: &Path, records: usize) {
    let begin = Instant::now();
    let (mut writer, _) = Writer::open(store, weir_store::Options::default()).unwrap();
    let mut traffic = Traffic::new(1);
    let mut made = 0;
    while made < records {
        let batch = traffic.batch(BATCH.min(records - made));
        made += batch.len();
        let now = *batch.times(Column::Received).last().unwrap();
        writer.append(&batch, now).unwrap();
        writer.tick(now).unwrap();
    }
    writer.close(traffic::BEGIN_MS).unwrap();
    println!("{made} records in {:.1} s", begin.elapsed().as_secs_f64());
}

fn ask(store: &Path, options: &Options, times: usize, only: &str) {
    for (name, keys, filter) in QUESTIONS.iter().filter(|(name, ..)| name.contains(only)) {
        let query = query(keys, filter);
        measure(name, times, || run(&Snapshot::open(store).unwrap(), &query, options).unwrap());
    }
    if "list".contains(only) {
        let listing = Listing { range: None, filter: None, columns: u64::MAX, limit: None };
        let begin = Instant::now();
        let mut records = 0;
        let snapshot = Snapshot::open(store).unwrap();
        list(&snapshot, &listing, options, |batch| {
            records += batch.len();
            ControlFlow::Continue(())
        })
        .unwrap();
        println!("list of {records} records in all columns: {:.3} s", begin.elapsed().as_secs_f64());
        let listing = Listing { limit: Some(20), ..listing };
        let begin = Instant::now();
        list(&snapshot, &listing, options, |_| ControlFlow::Continue(())).unwrap();
        println!("the oldest 20: {:.3} s", begin.elapsed().as_secs_f64());
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["memory", records] => memory(records.parse().unwrap()),
        ["make", store, records] => make(Path::new(store), records.parse().unwrap()),
        ["ask", store, threads, times, ref only @ ..] => {
            let options = Options { threads: threads.parse().unwrap(), ..Options::default() };
            ask(Path::new(store), &options, times.parse().unwrap(), only.first().unwrap_or(&""));
        }
        _ => eprintln!("measure make STORE RECORDS | ask STORE THREADS TIMES [QUESTION] | memory RECORDS"),
    }
}
