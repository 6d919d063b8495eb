//! Measures decoding alone: the datagrams of a capture, in memory, into the columns of batches, on one thread.
//!
//! ```text
//! cargo run --release -p weir-flow --example decode -- FILE [PASSES]
//! ```
//! Prints one JSON object. What is timed is what a worker does between the socket and the hand-over: finding the
//! session, judging the sequence number, the records into columns, and the batch's last touch. Reading the
//! file, taking the datagrams out of their frames, attribution and the store are left out.
//!
//! Every pass begins with new sessions, because to the old ones every datagram would be a duplicate; the batch's
//! memory is kept from pass to pass. Under valgrind, the difference between two counts of passes is what a pass
//! costs, without the reading.

#![expect(
    clippy::disallowed_methods,
    reason = "a measurement reads a file and a clock; the library does not"
)]
#![expect(clippy::disallowed_types, reason = "a measurement reads a clock; the library does not")]
#![expect(clippy::expect_used, reason = "a measurement that fails may stop")]
#![expect(clippy::cast_precision_loss, reason = "figures for people to read")]

use std::time::Instant;
use weir_flow::Batch;
use weir_flow::health::Counter;
use weir_flow::session::{Arrival, Sessions, Settings};
use weir_wire::file::frames;
use weir_wire::packet::{Transport, dissect};

/// Rows of a batch, as in the program.
const BATCH_ROWS: usize = 8192;

/// What a pass came to.
#[derive(Default, PartialEq, Eq, Debug, Clone, Copy)]
struct Totals {
    flows: i64,
    octets: i64,
    packets: i64,
    problems: i64,
}

/// The datagrams of a capture.
fn arrivals(file: &[u8]) -> Vec<Arrival<'_>> {
    let mut arrivals = Vec::new();
    for frame in frames(file) {
        let frame = frame.expect("a whole capture");
        let packet = dissect(frame.link, frame.bytes);
        let (Some(ip), Some(Transport::Ports { src_port, .. })) = (packet.network, packet.transport) else {
            continue;
        };
        let at_ms = frame.at_ns.unwrap_or_default() / 1_000_000;
        arrivals.push(Arrival {
            received: i64::try_from(at_ms).expect("a time"),
            from: ip.src.into(),
            port: src_port,
            payload: packet.payload,
        });
    }
    arrivals
}

/// Decodes all datagrams once.
fn pass(arrivals: &[Arrival<'_>], batch: &mut Batch) -> Totals {
    let mut sessions = Sessions::new(Settings::default());
    let mut totals = Totals::default();
    batch.clear();
    for arrival in arrivals {
        totals.problems += i64::from(sessions.ingest(arrival, batch).is_some());
        if batch.len() >= BATCH_ROWS {
            hand_over(&mut sessions, batch, &mut totals);
        }
    }
    hand_over(&mut sessions, batch, &mut totals);
    totals
}

/// Finishes a batch and takes its counts; its rows are forgotten, as if another thread had them.
fn hand_over(sessions: &mut Sessions, batch: &mut Batch, totals: &mut Totals) {
    sessions.finish(batch);
    for row in &batch.health {
        let total = match Counter::by_name(&row.what) {
            Some(Counter::Flows) => &mut totals.flows,
            Some(Counter::Octets) => &mut totals.octets,
            Some(Counter::Packets) => &mut totals.packets,
            _ => continue,
        };
        *total += row.value;
    }
    std::hint::black_box(&*batch);
    batch.clear();
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("decode FILE [PASSES]");
        std::process::exit(2);
    };
    let passes: usize = arguments.next().map_or(5, |text| text.parse().expect("a number of passes"));
    let file = std::fs::read(&path).expect("a readable file");
    let arrivals = arrivals(&file);
    let mut batch = Batch::new();
    batch.reserve(BATCH_ROWS + 1024);
    // One to warm up: page faults of the file and the batch.
    let totals = pass(&arrivals, &mut batch);
    let mut per_s: Vec<f64> = (0..passes)
        .map(|_| {
            let begin = Instant::now();
            let again = pass(&arrivals, &mut batch);
            let seconds = begin.elapsed().as_secs_f64();
            assert_eq!(again, totals, "every pass decodes the same");
            totals.flows as f64 / seconds
        })
        .collect();
    per_s.sort_by(f64::total_cmp);
    let at = |place: usize| per_s.get(place).copied().unwrap_or_default().round();
    let Totals { flows, octets, packets, problems } = totals;
    println!(
        "{{\"datagrams\":{},\"flows\":{flows},\"octets\":{octets},\"packets\":{packets},\"problems\":{problems},\
         \"passes\":{passes},\"flows_per_s\":{{\"median\":{},\"lowest\":{},\"highest\":{}}}}}",
        arrivals.len(),
        at(passes / 2),
        at(0),
        at(passes.saturating_sub(1)),
    );
}
