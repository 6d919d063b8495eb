//! A sample of the newest records, looked at one by one: what sums cannot tell.
//!
//! Newest by arrival, not by the times in them, which may be what is wrong. Segments are committed in the order
//! records arrive, so they are read from the last one backwards, until there are enough.

use super::Sampled;
use super::observe::COLUMNS;
use super::overlap::{Point, Sighting, Tuple};
use super::patient::{Pace, Spread};
use crate::exit::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};
use weir_flow::names::{Direction, FlowDirection, TimeSource, Version};
use weir_flow::schema::Column;
use weir_flow::{Addr, Batch};
use weir_query::{Bucket, Cell, Key, Listing, Options};
use weir_store::Snapshot;

/// How long before the newest datagram the sample begins, ms.
const WINDOW_MS: i64 = 3_600_000;
/// Records that are looked at: some 60 MB of them.
const ROWS_MAX: u64 = 500_000;
/// Times of arrival that are kept for each exporter.
const LAGS_MAX: usize = 50_000;
/// Exporters that are looked at; forged addresses are without number.
const EXPORTERS_MAX: usize = 20_000;
/// Segments in a row without a record of the window, after which there are no more.
const MISSES_MAX: usize = 32;
/// Flows longer than a bin and the patience of a timeout of a minute.
const LONG_MS: u64 = 360_000;

/// The records of the hour of a range that had the most octets, as far as they can be told twice: a sample of what a whole
/// period's bill is made of.
pub(super) fn busiest(snapshot: &Snapshot, range: &Range<i64>) -> Outcome<Vec<Sighting>> {
    let hour = weir_query::Query {
        range: Some(range.clone()),
        ..weir_query::Query::top(vec![Key::Time(Bucket::Width(WINDOW_MS))], 1)
    };
    let table = weir_query::run(snapshot, &hour, &Options::default())?;
    let first = table.rows().next().and_then(|row| row.keys.first().cloned().flatten());
    let Some(Cell::Time(from_ms)) = first else { return Ok(Vec::new()) };
    let hour = from_ms.max(range.start)..from_ms.saturating_add(WINDOW_MS).min(range.end);
    let listing = Listing { range: Some(hour), filter: None, columns: columns(), limit: None };
    let mut sightings = Vec::new();
    let mut left = ROWS_MAX;
    weir_query::list(snapshot, &listing, &Options::default(), |batch| {
        for row in 0..batch.len() {
            let record = Record { batch, row };
            sightings.extend(record.addr(Column::Exporter).and_then(|exporter| record.sighting(exporter)));
        }
        left = left.saturating_sub(batch.len() as u64);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(sightings)
}

fn columns() -> u64 {
    COLUMNS.iter().fold(0, |mask, column| mask | column.bit())
}

/// What the sample shows.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) exporters: BTreeMap<Addr, Observed>,
    pub(super) sightings: Vec<Sighting>,
    pub(super) rows: Sampled,
}

/// What the sample shows of one exporter.
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) versions: BTreeSet<Version>,
    pub(super) pace: Pace,
    pub(super) lag: Option<Spread>,
    lags: Vec<i64>,
}

/// The last hour before the newest datagram, within the range, ms since 1970.
pub(super) fn window(newest: i64, range: &Range<i64>) -> Range<i64> {
    newest.saturating_sub(WINDOW_MS).max(range.start)..newest.min(range.end)
}

/// The newest records that arrived in the window.
pub(super) fn newest(snapshot: &Snapshot, window: &Range<i64>) -> Outcome<Sample> {
    let columns = columns();
    let mut sample = Sample::default();
    for entry in snapshot.tail.iter().rev().filter(|entry| entry.rows > 0) {
        sample.take(&entry.read(columns)?, window);
    }
    let mut misses = 0;
    for segment in snapshot.segments.iter().rev() {
        if sample.rows.is_cut || misses > MISSES_MAX {
            break;
        }
        let before = sample.rows.records;
        let reader = segment.open()?;
        for group in 0..reader.row_groups().len() {
            sample.take(&reader.read_all(group, columns)?, window);
        }
        misses = if sample.rows.records == before { misses + 1 } else { 0 };
    }
    for observed in sample.exporters.values_mut() {
        observed.lag = Spread::of(&mut observed.lags);
    }
    Ok(sample)
}

impl Sample {
    fn take(&mut self, batch: &Batch, window: &Range<i64>) {
        for row in 0..batch.len() {
            let record = Record { batch, row };
            let Some((exporter, received)) = record.addr(Column::Exporter).zip(record.time(Column::Received))
            else {
                continue;
            };
            if !window.contains(&received) {
                continue;
            }
            if self.rows.records >= ROWS_MAX {
                self.rows.is_cut = true;
                return;
            }
            self.rows.records += 1;
            if self.exporters.len() < EXPORTERS_MAX || self.exporters.contains_key(&exporter) {
                self.exporters.entry(exporter).or_default().take(&record, received);
            }
            self.sightings.extend(record.sighting(exporter));
        }
    }
}

impl Observed {
    fn take(&mut self, record: &Record<'_>, received: i64) {
        self.versions.extend(record.u8(Column::ProtocolVersion).and_then(Version::from_code));
        // Times that were replaced say nothing of the exporter's.
        if record.u8(Column::TimeSource).and_then(TimeSource::from_code) != Some(TimeSource::Flow) {
            return;
        }
        let (Some(start), Some(end)) = (record.time(Column::Start), record.time(Column::End)) else { return };
        let lasted_ms = end.saturating_sub(start).unsigned_abs();
        let octets = u128::from(record.u64(Column::Octets).unwrap_or(0));
        self.pace.longest_ms = self.pace.longest_ms.max(lasted_ms);
        self.pace.octets += octets;
        if lasted_ms > LONG_MS {
            self.pace.long_octets += octets;
        }
        if self.lags.len() < LAGS_MAX {
            self.lags.push(received.saturating_sub(end));
        }
    }
}

/// One row of a batch.
struct Record<'a> {
    batch: &'a Batch,
    row: usize,
}

impl Record<'_> {
    fn of<T: Copy>(&self, column: Column, values: &[T]) -> Option<T> {
        self.batch.is_present(self.row, column).then(|| values.get(self.row).copied()).flatten()
    }

    fn addr(&self, column: Column) -> Option<Addr> {
        self.of(column, self.batch.addrs(column))
    }

    fn time(&self, column: Column) -> Option<i64> {
        self.of(column, self.batch.times(column))
    }

    fn u8(&self, column: Column) -> Option<u8> {
        self.of(column, self.batch.u8s(column))
    }

    fn u16(&self, column: Column) -> Option<u16> {
        self.of(column, self.batch.u16s(column))
    }

    fn u32(&self, column: Column) -> Option<u32> {
        self.of(column, self.batch.u32s(column))
    }

    fn u64(&self, column: Column) -> Option<u64> {
        self.of(column, self.batch.u64s(column))
    }

    /// What is needed to see whether it is told twice; nothing if it is not accounted, or says too little.
    fn sighting(&self, exporter: Addr) -> Option<Sighting> {
        if self.u8(Column::Direction).and_then(Direction::from_code) == Some(Direction::Duplicate) {
            return None;
        }
        let way = self.u8(Column::FlowDirection).and_then(FlowDirection::from_code);
        let (ingress, egress) = (self.u32(Column::IngressIf), self.u32(Column::EgressIf));
        let interface = match way {
            Some(FlowDirection::Egress) => egress.or(ingress),
            _ => ingress.or(egress),
        };
        Some(Sighting {
            tuple: Tuple {
                src: self.addr(Column::SrcAddr)?,
                dst: self.addr(Column::DstAddr)?,
                src_port: self.u16(Column::SrcPort),
                dst_port: self.u16(Column::DstPort),
                proto: self.u8(Column::Proto)?,
            },
            point: Point { exporter, domain: self.u32(Column::Domain)?, interface, way },
            start: self.time(Column::Start)?,
            end: self.time(Column::End)?,
            octets: self.u64(Column::Octets)?,
            packets: self.u64(Column::Packets)?,
            interval: self.u32(Column::SamplingInterval).unwrap_or(1).max(1),
        })
    }
}
