//! Nothing is allocated per record or per datagram: once warm, and with batches used again, ten thousand datagrams of
//! each protocol cost not one allocation (Invariant 2).
//!
//! What may allocate is what is new: a session, a template that was not known, a gap, a reason that was not counted
//! before; and, once for each batch and session in it, where the exporter's numbers stand, which leaves with the batch.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "datagrams written by hand"
)]

mod fleet;

use fleet::{BEGIN_MS, Exporter, KINDS, Protocol, address, put16, put32};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use weir_flow::Batch;
use weir_flow::session::{Arrival, Sessions, Settings};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DATAGRAMS: u32 = 10_000;
const BATCH_ROWS: usize = 8192;

/// Datagrams that are sent over and over with new numbers.
struct Stream {
    name: &'static str,
    payloads: Vec<Vec<u8>>,
    /// Where the sequence number is.
    sequence_at: usize,
    /// What it counts in each of the payloads.
    units: Vec<u32>,
}

/// Plays so many datagrams; returns how many rows came out, and in how many batches.
fn play(
    stream: &mut Stream,
    sequence: &mut u32,
    datagrams: u32,
    sessions: &mut Sessions,
    batch: &mut Batch,
) -> (usize, usize) {
    let (mut rows, mut batches) = (0, 1);
    for n in 0..datagrams {
        let at = n as usize % stream.payloads.len();
        let payload = &mut stream.payloads[at];
        payload[stream.sequence_at..stream.sequence_at + 4].copy_from_slice(&sequence.to_be_bytes());
        *sequence = sequence.wrapping_add(stream.units[at]);
        // Within a minute: after one, what was seen of the exporter is written down.
        let received = BEGIN_MS + i64::from(*sequence) / 1000;
        let arrival = Arrival { received, from: address(1), port: 9995, payload };
        assert_eq!(sessions.ingest(&arrival, batch), None, "{}", stream.name);
        if batch.len() >= BATCH_ROWS {
            rows += finish(sessions, batch);
            batches += 1;
        }
    }
    (rows + finish(sessions, batch), batches)
}

fn finish(sessions: &mut Sessions, batch: &mut Batch) -> usize {
    sessions.finish(batch);
    let rows = batch.len();
    batch.clear();
    rows
}

#[test]
fn nothing_is_allocated_for_a_record_or_a_datagram() {
    for mut stream in [v5(), v9(), ipfix(false), ipfix(true), biflow(), firewall(), sflow()] {
        let (mut sessions, mut batch) = (Sessions::new(Settings::default()), Batch::new());
        batch.reserve(BATCH_ROWS + 1024);
        let mut sequence = 0;
        play(&mut stream, &mut sequence, DATAGRAMS, &mut sessions, &mut batch);
        let region = Region::new(ALLOCATOR);
        let (rows, batches) = play(&mut stream, &mut sequence, DATAGRAMS, &mut sessions, &mut batch);
        let change = region.change();
        assert!(rows >= DATAGRAMS as usize, "{}: {rows} rows", stream.name);
        // The key and the value of where its numbers stand.
        assert_eq!(change.allocations, 2 * batches, "{}: {change:?}", stream.name);
        assert!(change.reallocations <= 1, "the list of them: {}: {change:?}", stream.name);
    }
}

fn v5() -> Stream {
    let mut payload = Vec::new();
    for word in [0x0005_001e, 100_000, (BEGIN_MS / 1000) as u32, 0, 0, 0] {
        put32(&mut payload, word);
    }
    for record in 0..30u32 {
        for word in
            [0x0a00_0001 + record, 0x0a00_0002, 0, 0x0001_0002, 3, 4000, 99_000, 99_500, 443 << 16 | record]
        {
            put32(&mut payload, word);
        }
        for word in [0x0010_0600, 0x0001_0002, 0x1818_0000] {
            put32(&mut payload, word);
        }
    }
    Stream { name: "v5", payloads: vec![payload], sequence_at: 16, units: vec![30] }
}

/// Announces its templates every sixteenth datagram, and sends all of them.
fn templates(name: &'static str, protocol: Protocol, is_variable: bool) -> Stream {
    let mut exporter = Exporter::new(1, protocol);
    exporter.is_variable = is_variable;
    exporter.restart();
    let payloads = (0..16).map(|n| exporter.datagram(n == 0, n % KINDS, 10)).collect();
    let (sequence_at, unit) = if protocol == Protocol::V9 { (12, 1) } else { (8, 10) };
    Stream { name, payloads, sequence_at, units: vec![unit; 16] }
}

/// With a sampler that options tell, and records that name it.
fn v9() -> Stream {
    let mut stream = templates("v9", Protocol::V9, false);
    let mut options = Vec::new();
    for word in [9 << 16 | 4, 100_000, (BEGIN_MS / 1000) as u32, 0, 1] {
        put32(&mut options, word);
    }
    // Options template 300: scope system; sampler (48) and interval (34). Then sampler 5, 1 in 100.
    for half in [1, 26, 300, 4, 8, 1, 4, 48, 1, 34, 4, 0, 0] {
        put16(&mut options, half);
    }
    options.truncate(options.len() - 4);
    let set_length = (options.len() - 20) as u16;
    options[22..24].copy_from_slice(&set_length.to_be_bytes());
    options.extend([1, 44, 0, 13, 0, 0, 0, 0, 5, 0, 0, 0, 100]);
    // Template 301: octets, packets, sampler; two records.
    for half in [0, 20, 301, 3, 1, 4, 2, 4, 48, 1] {
        put16(&mut options, half);
    }
    options.extend([1, 45, 0, 22]);
    for _ in 0..2 {
        options.extend([0, 0, 10, 0, 0, 0, 0, 3, 5]);
    }
    stream.payloads.push(options);
    stream.units.push(1);
    stream
}

fn ipfix(is_variable: bool) -> Stream {
    let name = if is_variable { "IPFIX, variable length" } else { "IPFIX" };
    templates(name, Protocol::Ipfix, is_variable)
}

/// An IPFIX message of one template and `records` records of it.
fn message(fields: &[(u16, u16, u32)], records: &[Vec<u64>]) -> Vec<u8> {
    let mut template = Vec::new();
    put16(&mut template, 256);
    put16(&mut template, fields.len() as u16);
    for (element, width, enterprise) in fields {
        put16(&mut template, element | if *enterprise == 0 { 0 } else { 0x8000 });
        put16(&mut template, *width);
        if *enterprise != 0 {
            put32(&mut template, *enterprise);
        }
    }
    let mut data = Vec::new();
    for (value, (_, width, _)) in records.iter().flat_map(|record| record.iter().zip(fields)) {
        data.extend(&value.to_be_bytes()[8 - usize::from(*width)..]);
    }
    let mut out = Vec::new();
    for half in [10, (24 + template.len() + data.len()) as u16] {
        put16(&mut out, half);
    }
    for word in [(BEGIN_MS / 1000) as u32, 0, 1] {
        put32(&mut out, word);
    }
    for (id, body) in [(2, template), (256, data)] {
        put16(&mut out, id);
        put16(&mut out, 4 + body.len() as u16);
        out.extend(body);
    }
    out
}

/// Flows with a way back, some of them without traffic on it.
fn biflow() -> Stream {
    const REVERSE: u32 = 29_305;
    let fields = [(8, 4, 0), (12, 4, 0), (4, 1, 0), (1, 8, 0), (2, 8, 0), (1, 8, REVERSE), (2, 8, REVERSE)];
    let records: Vec<_> = (0..8).map(|n| vec![n, 2, 6, 100, 1, n % 2 * 50, n % 2]).collect();
    Stream { name: "biflow", payloads: vec![message(&fields, &records)], sequence_at: 8, units: vec![8] }
}

/// Updates and ends of connections.
fn firewall() -> Stream {
    let fields = [(8, 4, 0), (12, 4, 0), (148, 4, 0), (233, 1, 0), (231, 4, 0), (232, 4, 0)];
    let records: Vec<_> =
        (0..8).map(|n| vec![1, 2, n / 2, if n % 2 == 0 { 5 } else { 2 }, 100 + n, 50]).collect();
    Stream { name: "firewall", payloads: vec![message(&fields, &records)], sequence_at: 8, units: vec![8] }
}

/// Samples with raw headers, of two ports with different intervals.
fn sflow() -> Stream {
    let mut payload = Vec::new();
    for word in [5, 1, 0x0a00_0001, 0, 0, 100_000, 7] {
        put32(&mut payload, word);
    }
    for sample in 0..7 {
        for word in [1, 128, sample, 3, 1000 + sample % 2, 1_000_000, 0, 3, 4, 2] {
            put32(&mut payload, word);
        }
        // A frame of 64 octets that carries TCP, and what a switch knows.
        for word in [1, 64, 1, 1500, 4, 48] {
            put32(&mut payload, word);
        }
        payload
            .extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 5, 0xdc, 0, 1, 0x40, 0, 64, 6, 0, 0]);
        payload.extend([10, 0, 0, 1, 10, 0, 0, 2, 1, 187, 4, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10]);
        for word in [1001, 16, 10, 0, 20, 0] {
            put32(&mut payload, word);
        }
    }
    Stream { name: "sFlow", payloads: vec![payload], sequence_at: 16, units: vec![1] }
}
