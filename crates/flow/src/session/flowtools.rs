//! Files of flow-tools: the records of NetFlow v1 to v8, with what each datagram's header said before every one.
//!
//! When a datagram arrived is not written down: the time of its export stands in for it. The sampling interval of a
//! header is not either, nor are sequence numbers; what is missing is one figure for the whole file.

use super::archive::{Archive, Piece, Row, Scale, Tally};
use super::clock::{Clock, Form};
use super::{legacy, v8};
use crate::health::Counter;
use crate::names::Version;
use crate::{Addr, Batch};
use weir_wire::file::Order;
use weir_wire::file::flowtools::{Header, Layout, Record};

/// 2000-01-01: an exporter's clock that shows less was never set.
const EARLIEST_S: u32 = 946_684_800;

/// What is known of the file at hand.
#[derive(Debug)]
pub struct Book {
    order: Order,
    layout: Layout,
    /// The header's figures, for the end.
    missing: Missing,
    /// When the capture was, in want of better: ms since 1970.
    around_ms: i64,
    /// The exporter, as long as all records are from one.
    exporter: Option<Addr>,
    is_one_exporter: bool,
    last_ms: Option<i64>,
    tally: Tally,
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    records: u32,
    datagrams: u32,
    misordered: u32,
    corrupt: u32,
    resets: u32,
}

/// Records of a file, inflated: whole ones.
#[derive(Debug)]
pub struct Records<'a, 'b> {
    /// Of which file.
    pub book: &'b mut Book,
    /// The records' octets; what is not a whole record at the end is not read.
    pub bytes: &'a [u8],
}

impl Book {
    /// For a file that begins with this header. `now` stands in where nothing says a time, ms since 1970.
    #[must_use]
    pub fn new(header: &Header<'_>, now: i64) -> Self {
        let ms = |s: u32| i64::from(s) * 1000;
        Self {
            order: header.order,
            layout: header.layout,
            missing: Missing {
                records: header.flows_lost.unwrap_or_default(),
                datagrams: header.datagrams_lost.unwrap_or_default(),
                misordered: header.misordered.unwrap_or_default(),
                corrupt: header.corrupt.unwrap_or_default(),
                resets: header.resets.unwrap_or_default(),
            },
            around_ms: header.ended_s.or(header.begun_s).map_or(now, ms),
            exporter: header.exporter.map(Addr::v4),
            is_one_exporter: true,
            last_ms: None,
            tally: Tally::default(),
        }
    }

    /// Octets of a record.
    #[must_use]
    pub fn record_len(&self) -> usize {
        self.layout.record_len().max(1)
    }

    /// The file is at its end: what its header says is missing is counted, for the one exporter that all records are
    /// from, or for nobody.
    pub fn end(self, archive: &mut Archive, batch: &mut Batch) -> Tally {
        let at_ms = self.last_ms.unwrap_or(self.around_ms);
        let exporter = self.exporter.filter(|_| self.is_one_exporter).unwrap_or(Addr::UNSPECIFIED);
        let source = (exporter, 0);
        let Missing { records, datagrams, misordered, corrupt, resets } = self.missing;
        for (counter, value) in [
            (Counter::RecordsLost, records),
            (Counter::DatagramsLost, datagrams),
            (Counter::Reordered, misordered),
            (Counter::Restarts, resets),
        ] {
            archive.count(source, at_ms, counter, value.into(), batch);
        }
        archive.count_reason(source, at_ms, (Counter::Undecodable, "by_flow_tools"), corrupt.into(), batch);
        self.tally
    }

    fn one(&mut self, record: &Record, archive: &mut Archive, batch: &mut Batch) {
        // An address of zeros is none.
        let said = record.exporter.filter(|address| *address != [0; 4]).map(Addr::v4);
        let exporter = said.or(self.exporter).unwrap_or(Addr::UNSPECIFIED);
        self.is_one_exporter &= self.exporter.is_none_or(|first| first == exporter);
        self.exporter = self.exporter.or(Some(exporter));
        let (kind, id) = (record.engine_type.unwrap_or_default(), record.engine_id.unwrap_or_default());
        // As of the datagrams that they came in.
        let domain = match self.layout {
            Layout::Eight(scheme) => u32::from_be_bytes([0, scheme.number(), kind, id]),
            Layout::Five | Layout::Six | Layout::Tagged => u32::from(kind) << 8 | u32::from(id),
            _ => 0,
        };
        let (export, times) = self.times(record);
        let received = export.unwrap_or(self.around_ms);
        self.last_ms = Some(received);
        let mut row = Row::new(exporter, domain, received);
        row.version = Some(version(self.layout));
        (row.export, row.times) = (export, times);
        fill(record, self.layout, &mut row);
        self.tally.flows += 1;
        self.tally.octets = self.tally.octets.saturating_add(row.octets);
        self.tally.packets = self.tally.packets.saturating_add(row.packets);
        archive.append(&row, batch);
        // A 32-bit counter at its end stopped there: at least so much.
        if record.octets == Some(u32::MAX) || record.packets == Some(u32::MAX) {
            archive.count((exporter, row.domain), received, Counter::Saturated, 1, batch);
        }
    }

    /// When a record was sent, if that can be true, and its start and end.
    fn times(&self, record: &Record) -> (Option<i64>, (Option<i64>, Option<i64>)) {
        let seconds = record.export_s.unwrap_or_default();
        let (first, last) = (record.first_ms, record.last_ms);
        if matches!(self.layout, Layout::FirstOne | Layout::FirstFive) {
            // Here the time is that of the exporter's start.
            let start = i64::from(seconds) * 1000 + i64::from(record.export_ms.unwrap_or_default());
            let at = |ms: Option<u32>| Some(start + i64::from(ms?));
            return (at(last), (at(first), at(last)));
        }
        let export = legacy::export_ms(seconds, record.export_ns.unwrap_or_default());
        let clock =
            Clock { received: self.around_ms, export: Some(export), uptime: record.uptime_ms, init: None };
        let at = |ms: Option<u32>| clock.time(Form::Uptime, ms?.into());
        ((seconds >= EARLIEST_S).then_some(export), (at(first), at(last)))
    }
}

impl Piece for Records<'_, '_> {
    fn read(&mut self, archive: &mut Archive, rows_max: usize, batch: &mut Batch) -> bool {
        let len = self.book.record_len();
        while batch.len() < rows_max {
            let Some((record, rest)) = self.bytes.split_at_checked(len) else { return false };
            let record = self.book.layout.parse(self.book.order, record);
            self.book.one(&record, archive, batch);
            self.bytes = rest;
        }
        self.bytes.len() >= len
    }
}

fn version(layout: Layout) -> Version {
    match layout {
        Layout::FirstOne | Layout::One => Version::V1,
        Layout::FirstFive | Layout::Five | Layout::Tagged => Version::V5,
        Layout::Six => Version::V6,
        Layout::Seven => Version::V7,
        Layout::Eight(_) => Version::V8,
    }
}

fn fill(record: &Record, layout: Layout, row: &mut Row<'_>) {
    row.octets = record.octets.unwrap_or_default().into();
    row.packets = record.packets.unwrap_or_default().into();
    row.scale = Scale::Measured(None);
    row.src_addr = record.src_addr.map(Addr::v4);
    row.dst_addr = record.dst_addr.map(Addr::v4);
    (row.src_mask, row.dst_mask) = (record.src_mask, record.dst_mask);
    if matches!(layout, Layout::Eight(_)) {
        (row.src_addr, row.src_mask) = v8::network(record.src_addr, record.src_mask);
        (row.dst_addr, row.dst_mask) = v8::network(record.dst_addr, record.dst_mask);
    }
    row.next_hop = record.next_hop.map(Addr::v4);
    row.ingress_if = record.ingress_if.map(u32::from);
    row.egress_if = record.egress_if.map(u32::from);
    (row.src_port, row.dst_port) = (record.src_port, record.dst_port);
    row.proto = record.proto;
    row.tos = record.tos;
    row.tcp_flags = record.tcp_flags.map(u16::from);
    row.src_as = record.src_as.map(u32::from);
    row.dst_as = record.dst_as.map(u32::from);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Value;
    use crate::schema::Column;
    use crate::session::Settings;

    const EXPORT_S: u32 = 1_767_225_600;

    fn header(layout: Layout) -> Header<'static> {
        Header {
            len: 0,
            order: Order::Big,
            layout,
            is_compressed: false,
            is_closed: true,
            is_stream: false,
            exporter: None,
            begun_s: Some(EXPORT_S),
            ended_s: Some(EXPORT_S + 300),
            flows: Some(1),
            flows_lost: Some(7),
            datagrams_lost: None,
            misordered: Some(2),
            corrupt: Some(1),
            resets: Some(3),
            host: None,
        }
    }

    fn record() -> Record {
        Record {
            export_s: Some(EXPORT_S),
            export_ns: Some(5_000_000),
            uptime_ms: Some(100_000),
            exporter: Some([10, 0, 0, 1]),
            packets: Some(3),
            octets: Some(1_500),
            first_ms: Some(40_000),
            last_ms: Some(90_000),
            engine_type: Some(1),
            engine_id: Some(2),
            ..Record::default()
        }
    }

    #[test]
    fn times_and_domain_are_those_of_the_datagram() {
        let (mut archive, mut batch) = (Archive::new(Settings::default()), Batch::new());
        let mut book = Book::new(&header(Layout::Five), 0);
        book.one(&record(), &mut archive, &mut batch);
        let export = i64::from(EXPORT_S) * 1000 + 5;
        let get = |column| batch.get(0, column);
        assert_eq!(get(Column::Start), Some(Value::Time(export - 60_000)));
        assert_eq!(get(Column::End), Some(Value::Time(export - 10_000)));
        assert_eq!(get(Column::Received), Some(Value::Time(export)));
        assert_eq!(get(Column::Domain), Some(Value::Unsigned(0x0102)));
        // Stream version 1 counts from the exporter's start.
        let mut first = Book::new(&header(Layout::FirstFive), 0);
        let old = Record { export_ms: Some(250), export_ns: None, uptime_ms: None, ..record() };
        first.one(&old, &mut archive, &mut batch);
        let start = i64::from(EXPORT_S) * 1000 + 250;
        assert_eq!(batch.get(1, Column::Start), Some(Value::Time(start + 40_000)));
        assert_eq!(batch.get(1, Column::End), Some(Value::Time(start + 90_000)));
    }

    #[test]
    fn what_the_header_says_is_missing_is_counted_once() {
        let (mut archive, mut batch) = (Archive::new(Settings::default()), Batch::new());
        let mut book = Book::new(&header(Layout::Five), 0);
        book.one(&record(), &mut archive, &mut batch);
        let tally = book.end(&mut archive, &mut batch);
        assert_eq!(tally, Tally { flows: 1, octets: 1_500, packets: 3 });
        archive.finish(&mut batch);
        let of = |what: &str| -> i64 {
            let rows = batch.health.iter().filter(|row| row.what == what);
            rows.inspect(|row| assert_eq!(row.exporter, Addr::v4([10, 0, 0, 1]))).map(|row| row.value).sum()
        };
        assert_eq!((of("records_lost"), of("reordered"), of("restarts")), (7, 2, 3));
        assert_eq!((of("undecodable:by_flow_tools"), of("records"), of("octets")), (1, 1, 1_500));
        assert_eq!((of("unknown_sampling_records"), of("clock_doubts")), (1, 0));
    }
}
