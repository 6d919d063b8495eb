//! Ten thousand exporters with three templates each, that restart with other templates under the same ids: every record
//! must come out as its own exporter's, read by the template that was valid, and every counter must be exact.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "datagrams written by hand"
)]

mod fleet;

use fleet::{Exporter, KINDS, Protocol, Record, address};
use std::collections::HashMap;
use std::net::IpAddr;
use weir_flow::health::Counter;
use weir_flow::session::{Arrival, Sessions, Settings};
use weir_flow::{Batch, Column};

const EXPORTERS: u32 = 10_000;
const ROUNDS: u32 = 6;
const RECORDS: u16 = 5;

/// Which record a row says it is.
fn record(batch: &Batch, row: usize) -> Record {
    let IpAddr::V4(from) = IpAddr::from(batch.addrs(Column::Exporter)[row]) else {
        panic!("IPv4 all of them")
    };
    let kind = batch.u64s(Column::MeasuredPackets)[row] as usize - 1;
    Record { exporter: u32::from(from) & 0x00ff_ffff, kind, number: batch.u16s(Column::DstPort)[row] }
}

/// Whether all that a row says is that record's.
fn check(batch: &Batch, row: usize) {
    let record = record(batch, row);
    assert_eq!(batch.u64s(Column::Octets)[row], record.octets(), "{record:?}");
    let said = match IpAddr::from(batch.addrs(Column::SrcAddr)[row]) {
        IpAddr::V4(address) => u32::from(address) & 0x00ff_ffff,
        IpAddr::V6(address) => u128::from(address) as u32,
    };
    assert_eq!(said, record.exporter, "{record:?}");
    assert_eq!(batch.u32s(Column::Domain)[row], record.exporter % 7, "{record:?}");
    assert_eq!(batch.is_present(row, Column::SrcVlan), record.kind == 2, "{record:?}");
    assert_eq!(batch.is_present(row, Column::SrcAs), record.kind != 2, "{record:?}");
    let (start, end) = (batch.times(Column::Start)[row], batch.times(Column::End)[row]);
    assert_eq!((end - start, batch.times(Column::Received)[row] - end), (800, 100), "{record:?}");
}

#[test]
fn ten_thousand_exporters_are_not_mixed_up() {
    let mut sessions = Sessions::new(Settings::default());
    let mut batch = Batch::new();
    let mut exporters: Vec<Exporter> = (0..EXPORTERS)
        .map(|n| Exporter::new(n, if n % 2 == 0 { Protocol::V9 } else { Protocol::Ipfix }))
        .collect();
    let mut counted: HashMap<String, i64> = HashMap::new();
    let mut rows = 0;
    let mut finish = |sessions: &mut Sessions, batch: &mut Batch| {
        sessions.finish(batch);
        (0..batch.len()).for_each(|row| check(batch, row));
        rows += batch.len();
        for row in &batch.health {
            *counted.entry(row.what.to_string()).or_default() += row.value;
        }
        batch.clear();
    };
    let mut restarts = 0;
    for round in 0..ROUNDS {
        for exporter in &mut exporters {
            // A third of them restart in each round but the first two, and all announce again every other round.
            let restart = round > 1 && (exporter.number + round) % 3 == 0;
            if restart {
                exporter.restart();
                restarts += 1;
            }
            let kind = (exporter.number + round) as usize % KINDS;
            let received = exporter.now_ms();
            let payload = exporter.datagram(restart || round % 2 == 0, kind, RECORDS);
            let arrival = Arrival { received, from: address(exporter.number), port: 9995, payload: &payload };
            assert_eq!(sessions.ingest(&arrival, &mut batch), None);
            if batch.len() >= 8192 {
                finish(&mut sessions, &mut batch);
            }
        }
    }
    finish(&mut sessions, &mut batch);
    let datagrams = i64::from(EXPORTERS * ROUNDS);
    assert_eq!(rows as i64, datagrams * i64::from(RECORDS));
    let count = |counter: Counter| counted.get(counter.name()).copied().unwrap_or_default();
    assert_eq!(count(Counter::Datagrams), datagrams);
    assert_eq!(count(Counter::Records), datagrams * i64::from(RECORDS));
    assert_eq!(count(Counter::Restarts), restarts);
    assert_eq!(
        (count(Counter::RecordsLost), count(Counter::DatagramsLost), count(Counter::Reordered)),
        (0, 0, 0)
    );
    assert_eq!((count(Counter::DuplicateDatagrams), count(Counter::ClockDoubts)), (0, 0));
    assert_eq!(sessions.len(), usize::try_from(EXPORTERS).unwrap());
}
