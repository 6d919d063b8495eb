//! Measures how decoding depends on how many exporters there are: the same datagrams from one and from many, each
//! exporter with three templates, announced again every tenth datagram; one exporter in a hundred restarts in each pass,
//! with other templates under the same ids.
//!
//! ```text
//! cargo run --release -p weir-flow --example exporters -- [EXPORTERS [DATAGRAMS [PASSES]]]
//! ```
//! Prints one JSON object: records a second of either side, their ratio, and the memory that an exporter takes.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measurement reads a clock and what the kernel says of its memory; the library does not"
)]
#![expect(clippy::expect_used, reason = "a measurement that fails may stop")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "datagrams written by hand, and figures for people to read"
)]

#[path = "../tests/fleet/mod.rs"]
mod fleet;

use fleet::{Exporter, KINDS, Protocol, address};
use std::time::Instant;
use weir_flow::Batch;
use weir_flow::health::Counter;
use weir_flow::session::{Arrival, Sessions, Settings};

/// Rows of a batch, as in the program.
const BATCH_ROWS: usize = 8192;
/// Records of a datagram.
const RECORDS: u16 = 20;

/// One datagram of a pass.
struct Datagram {
    received: i64,
    exporter: u32,
    payload: Vec<u8>,
}

/// One side: so many exporters, their sessions, and what they send next.
struct Side {
    exporters: Vec<Exporter>,
    sessions: Sessions,
    batch: Batch,
    per_s: Vec<f64>,
    restarts: i64,
}

impl Side {
    fn new(exporters: u32) -> Self {
        let protocol = |n: u32| if n.is_multiple_of(2) { Protocol::V9 } else { Protocol::Ipfix };
        let mut batch = Batch::new();
        batch.reserve(BATCH_ROWS + 1024);
        Self {
            exporters: (0..exporters).map(|n| Exporter::new(n, protocol(n))).collect(),
            sessions: Sessions::new(Settings::default()),
            batch,
            per_s: Vec::new(),
            restarts: 0,
        }
    }

    /// The datagrams of a pass, exporters in turn, in an order that no prefetcher guesses.
    fn datagrams(&mut self, count: usize, pass: usize) -> Vec<Datagram> {
        let exporters = self.exporters.len();
        (0..count)
            .map(|n| {
                let place = n.wrapping_mul(7919) % exporters;
                let exporter = &mut self.exporters[place];
                let restarts = (n / exporters + 1).is_multiple_of(10) && (place + pass).is_multiple_of(100);
                if restarts {
                    exporter.restart();
                    self.restarts += 1;
                }
                let sent = exporter.sent as usize;
                let received = exporter.now_ms();
                let payload = exporter.datagram(restarts || sent.is_multiple_of(10), sent % KINDS, RECORDS);
                Datagram { received, exporter: exporter.number, payload }
            })
            .collect()
    }

    fn pass(&mut self, datagrams: &[Datagram]) {
        let begin = Instant::now();
        let mut restarts = 0;
        for Datagram { received, exporter, payload } in datagrams {
            let arrival = Arrival { received: *received, from: address(*exporter), port: 9995, payload };
            assert!(self.sessions.ingest(&arrival, &mut self.batch).is_none(), "no problem");
            if self.batch.len() >= BATCH_ROWS {
                restarts += self.hand_over();
            }
        }
        restarts += self.hand_over();
        let seconds = begin.elapsed().as_secs_f64();
        assert_eq!(
            restarts,
            std::mem::take(&mut self.restarts),
            "every restart is seen, and nothing else is lost"
        );
        self.per_s.push(datagrams.len() as f64 * f64::from(RECORDS) / seconds);
    }

    /// Takes the counts of a batch; any loss ends the measurement.
    fn hand_over(&mut self) -> i64 {
        self.sessions.finish(&mut self.batch);
        let mut restarts = 0;
        for row in &self.batch.health {
            if row.what == Counter::Restarts.name() {
                restarts += row.value;
            }
            let lost = [Counter::RecordsLost, Counter::DuplicateDatagrams].map(Counter::name);
            assert!(!lost.contains(&&*row.what), "{row:?}");
        }
        std::hint::black_box(&self.batch);
        self.batch.clear();
        restarts
    }

    fn median(&mut self) -> f64 {
        self.per_s.sort_by(f64::total_cmp);
        self.per_s.get(self.per_s.len() / 2).copied().unwrap_or_default()
    }
}

/// Octets of memory in use, as the kernel counts them.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).map_or(0, |kib: u64| kib * 1024)
}

fn main() {
    let arguments: Vec<u32> = std::env::args().skip(1).map(|text| text.parse().expect("a number")).collect();
    let of = |place: usize, default| arguments.get(place).copied().unwrap_or(default);
    let (exporters, count, passes) = (of(0, 10_000), of(1, 100_000) as usize, of(2, 5) as usize);
    let (mut one, mut many) = (Side::new(1), Side::new(exporters));
    let before = resident();
    let mut added = 0;
    for pass in 0..=passes {
        for side in [&mut one, &mut many] {
            let datagrams = side.datagrams(count, pass);
            let held: usize = datagrams.iter().map(|datagram| datagram.payload.capacity()).sum();
            side.pass(&datagrams);
            // Without what this pass's datagrams take.
            added = resident().saturating_sub(before).saturating_sub(held as u64);
        }
        if pass == 0 {
            // Warm now: sessions are there, templates known.
            one.per_s.clear();
            many.per_s.clear();
        }
    }
    let (of_one, of_many) = (one.median(), many.median());
    println!(
        "{{\"exporters\":{exporters},\"sessions\":{},\"datagrams\":{count},\"records\":{},\"passes\":{passes},\
         \"one_per_s\":{of_one:.0},\"many_per_s\":{of_many:.0},\"times_slower\":{:.2},\"bytes_an_exporter\":{}}}",
        many.sessions.len(),
        count * usize::from(RECORDS),
        of_one / of_many,
        added / u64::from(exporters),
    );
}
