//! Conversion, judged by the wire crate's parsers, by a session of our own, and by numbers worked by hand.

use super::*;
use proptest::prelude::*;
use weir_flow::batch::RowBuilder;
use weir_flow::session::{Arrival, Sessions, Settings};
use weir_wire::ipfix as wire_ipfix;
use weir_wire::netflow::{v5 as wire_v5, v9 as wire_v9};

const NOW: i64 = 1_790_000_000_123;
const EXPORTER: Addr = Addr::v4([192, 0, 2, 1]);

/// Keeps everything.
#[derive(Default)]
struct Kept {
    datagrams: Vec<(Addr, Vec<u8>, usize)>,
    skipped: Vec<Skip>,
}

impl Sink for Kept {
    fn datagram(&mut self, exporter: Addr, payload: &[u8], records: usize) {
        self.datagrams.push((exporter, payload.to_vec(), records));
    }
    fn skipped(&mut self, _: Addr, skip: Skip) {
        self.skipped.push(skip);
    }
}

/// A record of so many octets in seven packets, none of them sampled.
fn row(exporter: Addr, octets: u64) -> RowBuilder {
    bare(exporter, NOW - 5_017, NOW - 2_003).unsigned(Column::Domain, 0).traffic(octets, 7)
}

/// A record of one packet in `interval`.
fn sampled(octets: u64, interval: u64) -> RowBuilder {
    let row = bare(EXPORTER, NOW - 5_017, NOW - 2_003).unsigned(Column::Domain, 0);
    row.unsigned(Column::MeasuredOctets, octets)
        .unsigned(Column::MeasuredPackets, 7)
        .unsigned(Column::Octets, octets * interval)
        .unsigned(Column::Packets, 7 * interval)
        .unsigned(Column::SamplingInterval, interval)
}

fn bare(exporter: Addr, start: i64, end: i64) -> RowBuilder {
    between(exporter, Addr::v4([10, 0, 0, 1]), Addr::v4([10, 0, 0, 2]), start, end)
}

fn between(exporter: Addr, src: Addr, dst: Addr, start: i64, end: i64) -> RowBuilder {
    RowBuilder::new()
        .time(Column::Start, start)
        .time(Column::End, end)
        .time(Column::Received, NOW)
        .addr(Column::Exporter, exporter)
        .addr(Column::SrcAddr, src)
        .addr(Column::DstAddr, dst)
        .unsigned(Column::Proto, 6)
        .unsigned(Column::SrcPort, 40_000)
        .unsigned(Column::DstPort, 443)
        .unsigned(Column::TcpFlags, 0x1b)
}

fn batch(rows: &[RowBuilder]) -> Batch {
    let mut batch = Batch::new();
    rows.iter().for_each(|row| row.push(&mut batch));
    batch
}

fn converted(format: Format, batch: &Batch) -> Kept {
    let mut kept = Kept::default();
    Converter::new(format, 1400, NOW).convert(batch, NOW, &|_| true, &mut kept);
    kept
}

/// What a session of our own makes of the datagrams.
fn decoded(kept: &Kept) -> Batch {
    let mut sessions = Sessions::new(Settings::default());
    let mut batch = Batch::new();
    for (_, payload, _) in &kept.datagrams {
        let arrival = Arrival { received: NOW + 50, from: Addr::v4([198, 51, 100, 1]), port: 9, payload };
        assert_eq!(sessions.ingest(&arrival, &mut batch), None);
    }
    sessions.finish(&mut batch);
    let lost: i64 = batch.health.iter().filter(|row| row.what == "records_lost").map(|row| row.value).sum();
    assert_eq!(lost, 0);
    batch
}

#[test]
fn v5_has_the_record_as_it_was() {
    let sampled = sampled(3000, 100)
        .unsigned(Column::SrcAs, 65_551)
        .unsigned(Column::DstAs, 64_500)
        .unsigned(Column::EgressIf, 70_000)
        .unsigned(Column::IngressIf, 3);
    let kept = converted(Format::Netflow5, &batch(&[sampled]));
    assert_eq!(kept.skipped, [Skip::Interface, Skip::AsNumber]);
    let datagram = wire_v5::Datagram::new_checked(&kept.datagrams[0].1).unwrap();
    let (header, record) = (datagram.header(), datagram.records().next().unwrap());
    assert_eq!((header.sampling.interval, header.export_s, header.sequence), (100, 1_790_000_000, 0));
    assert_eq!((record.octets, record.packets), (3000, 7));
    assert_eq!((record.src_as, record.dst_as), (23_456, 64_500));
    assert_eq!((record.ingress_if, record.egress_if), (3, 0));
    // Export time less (uptime less first): to the millisecond.
    let export = i64::from(header.export_s) * 1000;
    assert_eq!(export - i64::from(header.uptime_ms.wrapping_sub(record.first_ms)), NOW - 5_017);
    assert_eq!(export - i64::from(header.uptime_ms.wrapping_sub(record.last_ms)), NOW - 2_003);
}

#[test]
fn what_v5_cannot_carry_is_said() {
    let [v4, v6] = [Addr::v4([10, 0, 0, 1]), "2001:db8::1".parse().unwrap()];
    let six = between(EXPORTER, v4, v6, NOW, NOW).unsigned(Column::Domain, 0).traffic(1, 1);
    let old = bare(EXPORTER, NOW - 30 * 86_400_000, NOW).unsigned(Column::Domain, 0).traffic(1, 1);
    let huge = row(EXPORTER, 1025 * u64::from(u32::MAX));
    let kept = converted(Format::Netflow5, &batch(&[six, old, huge]));
    assert_eq!(kept.skipped, [Skip::Ipv6, Skip::TooOld, Skip::TooLarge]);
    assert_eq!(kept.datagrams.len(), 0);
    // An interval of 20,000: estimated octets, and no interval.
    let interval = sampled(500, 20_000);
    let kept = converted(Format::Netflow5, &batch(&[interval]));
    assert_eq!(kept.skipped, [Skip::SamplingInterval]);
    let datagram = wire_v5::Datagram::new_checked(&kept.datagrams[0].1).unwrap();
    assert_eq!(
        (datagram.header().sampling.interval, datagram.records().next().unwrap().octets),
        (1, 10_000_000)
    );
}

#[test]
fn a_counter_of_64_bits_becomes_records_with_the_same_sum() {
    let octets = 3 * u64::from(u32::MAX) + 17;
    let kept = converted(Format::Netflow5, &batch(&[row(EXPORTER, octets)]));
    let datagram = wire_v5::Datagram::new_checked(&kept.datagrams[0].1).unwrap();
    let records: Vec<_> = datagram.records().collect();
    assert_eq!(records.len(), 4);
    assert_eq!(records.iter().map(|r| u64::from(r.octets)).sum::<u64>(), octets);
    assert_eq!(records.iter().map(|r| r.packets).sum::<u32>(), 7);
}

/// The sequence numbers of the messages of each stream, with what the next one should be.
fn sequences(format: Format, kept: &Kept) -> HashMap<u32, Vec<(u32, u32)>> {
    let mut streams: HashMap<u32, Vec<(u32, u32)>> = HashMap::new();
    for (_, payload, records) in &kept.datagrams {
        let records = u32::try_from(*records).unwrap();
        let (id, sequence, step) = match format {
            Format::Netflow5 => {
                let header = wire_v5::Datagram::new_checked(payload).unwrap().header();
                (u32::from(header.engine_type) << 8 | u32::from(header.engine_id), header.sequence, records)
            }
            Format::Netflow9 => {
                let header = wire_v9::Message::new_checked(payload).unwrap().header();
                (header.source_id, header.sequence, 1)
            }
            Format::Ipfix => {
                let header = wire_ipfix::Message::new_checked(payload).unwrap().header();
                (header.domain, header.sequence, records)
            }
        };
        streams.entry(id).or_default().push((sequence, step));
    }
    streams
}

#[test]
fn each_exporter_and_domain_has_numbers_of_its_own_without_gaps() {
    for format in [Format::Netflow5, Format::Netflow9, Format::Ipfix] {
        let mut converter = Converter::new(format, 600, NOW);
        let mut kept = Kept::default();
        let exporters: Vec<Addr> = (1..=5).map(|i| Addr::v4([192, 0, 2, i])).collect();
        for round in 0..4u64 {
            let rows: Vec<_> = (0..200u64)
                .map(|i| {
                    bare(exporters[(i % 5) as usize], NOW, NOW)
                        .unsigned(Column::Domain, i % 10 / 5 + round % 2)
                        .traffic(100 + i, 1)
                })
                .collect();
            converter.convert(&batch(&rows), NOW, &|_| true, &mut kept);
        }
        let streams = sequences(format, &kept);
        assert_eq!(streams.len(), 15, "{format:?}");
        for steps in streams.values() {
            let mut expected = 0;
            for (sequence, step) in steps {
                assert_eq!(*sequence, expected, "{format:?}");
                expected += step;
            }
        }
        assert!(kept.datagrams.iter().all(|(_, payload, _)| payload.len() <= 600));
        assert_eq!(kept.datagrams.iter().map(|(_, _, records)| records).sum::<usize>(), 800);
    }
}

#[test]
fn numbers_of_what_was_dropped_stay_free() {
    for (format, gap) in [(Format::Netflow5, 3), (Format::Netflow9, 1), (Format::Ipfix, 3)] {
        let mut converter = Converter::new(format, 1400, NOW);
        let mut kept = Kept::default();
        let one = batch(&[row(EXPORTER, 1)]);
        converter.convert(&one, NOW, &|_| true, &mut kept);
        converter.leave_out(EXPORTER, 0, 3);
        converter.convert(&one, NOW, &|_| true, &mut kept);
        let streams = sequences(format, &kept);
        let steps = streams.values().next().unwrap();
        assert_eq!(steps[1].0, 1 + gap, "{format:?}");
    }
}

#[test]
fn templates_come_again_after_a_minute() {
    let has_template = |payload: &[u8]| {
        let message = wire_ipfix::Message::new_checked(payload).unwrap();
        message.sets().any(|set| set.unwrap().id == 2)
    };
    let mut converter = Converter::new(Format::Ipfix, 1400, NOW);
    let one = batch(&[row(EXPORTER, 1)]);
    let mut sent = |at: i64| {
        let mut kept = Kept::default();
        converter.convert(&one, NOW + at, &|_| true, &mut kept);
        has_template(&kept.datagrams[0].1)
    };
    assert_eq!(
        [0, 59_999, 60_000, 60_001, 119_999, 120_000].map(&mut sent),
        [true, false, true, false, false, true]
    );
}

/// Every column that goes onward, read back by a session: nothing is added, nothing is missing.
#[test]
fn what_goes_onward_is_what_was_there() {
    let six: Addr = "2001:db8::5".parse().unwrap();
    let full = sampled(5_000_000_000, 50)
        .unsigned(Column::Tos, 0xb8)
        .unsigned(Column::IngressIf, 70_000)
        .unsigned(Column::EgressIf, 4)
        .unsigned(Column::FlowDirection, 1)
        .unsigned(Column::SrcAs, 65_551)
        .unsigned(Column::DstAs, 1)
        .unsigned(Column::SrcMask, 24)
        .unsigned(Column::DstMask, 8)
        .addr(Column::NextHop, Addr::v4([10, 9, 9, 9]))
        .unsigned(Column::SrcVlan, 31)
        .unsigned(Column::DstVlan, 32)
        .unsigned(Column::SrcMac, 0x0200_5e00_0102)
        .unsigned(Column::DstMac, 0x0200_5e00_0103)
        .addr(Column::NatSrcAddr, Addr::v4([198, 51, 100, 7]))
        .addr(Column::NatDstAddr, Addr::v4([198, 51, 100, 8]))
        .unsigned(Column::NatSrcPort, 1024)
        .unsigned(Column::NatDstPort, 1025);
    let six = between(six, six, six, NOW - 9, NOW - 7)
        .unsigned(Column::Domain, 0)
        .traffic(900, 1)
        .addr(Column::NextHop, six);
    let icmp = RowBuilder::new()
        .time(Column::Start, NOW - 100)
        .time(Column::End, NOW)
        .addr(Column::Exporter, EXPORTER)
        .unsigned(Column::Domain, 0)
        .addr(Column::SrcAddr, EXPORTER)
        .addr(Column::DstAddr, EXPORTER)
        .unsigned(Column::Proto, 1)
        .unsigned(Column::IcmpType, 8)
        .unsigned(Column::IcmpCode, 0)
        .unsigned(Column::MeasuredOctets, 84)
        .unsigned(Column::MeasuredPackets, 1);
    let long_ago = NOW - 90 * 86_400_000;
    let old = bare(EXPORTER, long_ago, long_ago + 5).unsigned(Column::Domain, 0).traffic(77, 1);
    let sent = batch(&[full, six, icmp, old]);
    for format in [Format::Netflow9, Format::Ipfix] {
        let kept = converted(format, &sent);
        assert_eq!(kept.skipped, []);
        let got = decoded(&kept);
        assert_eq!(got.len(), sent.len(), "{format:?}");
        for row in 0..sent.len() {
            let by_octets = |batch: &Batch, at: usize| batch.u64s(Column::MeasuredOctets)[at];
            let theirs = (0..got.len()).find(|at| by_octets(&got, *at) == by_octets(&sent, row)).unwrap();
            for (column, ..) in layout::COLUMNS.iter().filter(|(c, ..)| *c != Column::Exporter) {
                assert_eq!(got.get(theirs, *column), sent.get(row, *column), "{format:?} {}", column.name());
            }
        }
        // The receiver scales once.
        assert!(got.u64s(Column::Octets).contains(&250_000_000_000), "{format:?}");
    }
}

/// The exporter's address is in every record, as elements 130 and 131.
#[test]
fn the_origin_is_not_lost() {
    let six: Addr = "2001:db8::5".parse().unwrap();
    for (exporter, element, octets) in [(EXPORTER, 130, &[192, 0, 2, 1][..]), (six, 131, &six.octets()[..])] {
        let kept = converted(Format::Ipfix, &batch(&[row(exporter, 1)]));
        let message = wire_ipfix::Message::new_checked(&kept.datagrams[0].1).unwrap();
        let sets: Vec<_> = message.sets().map(Result::unwrap).collect();
        let template = sets[0].templates().next().unwrap().unwrap();
        let first = template.fields().next().unwrap();
        assert_eq!((first.element, usize::from(first.length)), (element, octets.len()));
        assert_eq!(&sets[1].body[..octets.len()], octets);
    }
}

proptest! {
    /// Octets and packets are the same whatever the records are, for a receiver that scales.
    #[test]
    fn totals_are_the_same_on_the_other_side(
        rows in proptest::collection::vec((0u64..1 << 40, 1u64..1000, 0u64..2000, any::<bool>(), 0u64..4, any::<bool>()), 1..200),
        mtu in 548usize..1500,
    ) {
        let rows: Vec<_> = rows.iter().map(|(octets, packets, interval, as_known, domain, six)| {
            let src = if *six { "2001:db8::1".parse().unwrap() } else { Addr::v4([10, 0, 0, 1]) };
            let mut row = between(EXPORTER, src, src, NOW, NOW)
                .unsigned(Column::Domain, *domain)
                .unsigned(Column::MeasuredOctets, *octets)
                .unsigned(Column::MeasuredPackets, *packets)
                .unsigned(Column::SamplingInterval, (*interval).max(1));
            if *as_known { row = row.unsigned(Column::SrcAs, 64_500); }
            row
        }).collect();
        let sent = batch(&rows);
        for format in [Format::Netflow9, Format::Ipfix] {
            let mut kept = Kept::default();
            Converter::new(format, mtu, NOW).convert(&sent, NOW, &|_| true, &mut kept);
            let got = decoded(&kept);
            let total = |batch: &Batch, measured: Column| -> u128 {
                let intervals = batch.u32s(Column::SamplingInterval).iter();
                intervals.zip(batch.u64s(measured)).map(|(n, x)| u128::from(*n) * u128::from(*x)).sum()
            };
            prop_assert_eq!(got.len(), sent.len());
            for column in [Column::MeasuredOctets, Column::MeasuredPackets] {
                prop_assert_eq!(total(&got, column), total(&sent, column));
            }
        }
    }
}
