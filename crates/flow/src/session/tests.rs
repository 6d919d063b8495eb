//! Sessions as exporters drive them: datagrams in, rows and counts out.

use super::*;
use crate::batch::Value;
use crate::names::{SamplingSource, TimeSource};
use weir_wire::netflow::{v5, v9 as wire_v9};
use weir_wire::template::Field;
use weir_wire::{ipfix as wire_ipfix, netflow};

const NOW: i64 = 1_767_225_600_000;
const NOW_S: u32 = 1_767_225_600;

struct World {
    sessions: Sessions,
    batch: Batch,
}

impl World {
    fn new(settings: Settings) -> Self {
        Self { sessions: Sessions::new(settings), batch: Batch::new() }
    }

    fn send(&mut self, payload: &[u8]) -> Option<Problem> {
        let arrival = Arrival { received: NOW + 20, from: Addr::v4([192, 0, 2, 1]), port: 9, payload };
        self.sessions.ingest(&arrival, &mut self.batch)
    }

    fn finish(&mut self) {
        self.sessions.conclude(&mut self.batch);
        self.sessions.finish(&mut self.batch);
    }

    fn count(&self, what: &str) -> i64 {
        self.batch.health.iter().filter(|row| row.what == what).map(|row| row.value).sum()
    }

    fn get(&self, row: usize, column: Column) -> Option<Value<'_>> {
        self.batch.get(row, column)
    }
}

fn v5_datagram(sequence: u32, records: usize, sampling: v5::Sampling) -> Vec<u8> {
    let header = v5::Header { uptime_ms: 500_000, export_s: NOW_S, sequence, sampling, ..Default::default() };
    let record = v5::Record {
        src_addr: [10, 0, 0, 1],
        dst_addr: [10, 0, 0, 2],
        packets: 3,
        octets: 1000 + sequence,
        first_ms: 490_000,
        last_ms: 499_000,
        proto: 17,
        ..Default::default()
    };
    let mut out = vec![0; 1500];
    let len = v5::emit(&header, &vec![record; records], &mut out).unwrap();
    out.truncate(len);
    out
}

#[test]
fn the_loss_case_with_its_exact_numbers() {
    let mut world = World::new(Settings::default());
    for i in [0u32, 1, 3, 2, 4, 10, 10, 11] {
        assert_eq!(world.send(&v5_datagram(i * 21, 21, v5::Sampling::default())), None);
    }
    world.finish();
    assert_eq!(world.count("records_lost"), 105);
    assert_eq!(world.count("datagrams_lost"), 5);
    assert_eq!(world.count("reordered"), 1);
    assert_eq!(world.count("duplicate_datagrams"), 1);
    assert_eq!(world.count("duplicate_records"), 21);
    assert_eq!(world.count("restarts"), 0);
    assert_eq!(world.batch.len(), 7 * 21);
    assert_eq!(world.count("records"), 147);
    let octets: u64 = [0u64, 1, 2, 3, 4, 10, 11].iter().map(|i| 21 * (1000 + 21 * i)).sum();
    assert_eq!(world.batch.u64s(Column::Octets).iter().sum::<u64>(), octets);
    assert_eq!(world.count("octets"), i64::try_from(octets).unwrap());
    // The mean of what came before the gap: 21 × (1000 + 21 × 2) octets a datagram.
    assert_eq!(world.count("octets_lost_estimate"), 105 * 1042);
}

#[test]
fn copies_of_the_first_datagram_count_their_records() {
    let mut world = World::new(Settings::default());
    let first = v5_datagram(0, 3, v5::Sampling::default());
    for datagram in [&first, &first, &first, &v5_datagram(3, 1, v5::Sampling::default())] {
        world.send(datagram);
    }
    world.finish();
    assert_eq!((world.count("duplicate_datagrams"), world.count("duplicate_records")), (2, 6));
}

/// A batch leaves every 200 ms, mostly before the second number comes.
#[test]
fn a_copy_of_the_first_datagram_is_told_though_a_batch_left_in_between() {
    let mut world = World::new(Settings::default());
    let first = v5_datagram(0, 3, v5::Sampling::default());
    world.send(&first);
    world.send(&first);
    world.sessions.finish(&mut world.batch);
    assert_eq!(world.batch.len(), 3);
    world.send(&v5_datagram(3, 1, v5::Sampling::default()));
    world.finish();
    assert_eq!((world.batch.len(), world.count("duplicate_records")), (4, 3));
}

#[test]
fn the_interval_of_a_v5_header_is_fourteen_bits() {
    let mut world = World::new(Settings::default());
    world.send(&v5_datagram(0, 1, v5::Sampling { mode: 1, interval: 100 }));
    world.send(&v5_datagram(1, 1, v5::Sampling::default()));
    world.finish();
    assert_eq!(world.get(0, Column::SamplingInterval), Some(Value::Unsigned(100)));
    assert_eq!(world.get(0, Column::SamplingSource), Some(Value::Word("header")));
    assert_eq!(world.get(0, Column::Octets), Some(Value::Unsigned(100_000)));
    assert_eq!(world.get(0, Column::MeasuredOctets), Some(Value::Unsigned(1000)));
    assert_eq!(world.get(0, Column::Packets), Some(Value::Unsigned(300)));
    // An interval of 0 is unknown, not a factor.
    assert_eq!(world.get(1, Column::SamplingInterval), None);
    assert_eq!(world.get(1, Column::Octets), Some(Value::Unsigned(1001)));
    assert_eq!(world.count("unknown_sampling_records"), 1);
    assert_eq!(world.count("sampled_octets"), 100_000);
}

#[test]
fn the_operator_overrides() {
    let sampling = [(Addr::v4([192, 0, 2, 1]), 10)].into();
    let mut world = World::new(Settings { sampling, ..Settings::default() });
    world.send(&v5_datagram(0, 1, v5::Sampling { mode: 1, interval: 100 }));
    world.finish();
    assert_eq!(world.get(0, Column::Octets), Some(Value::Unsigned(10_000)));
    let source = SamplingSource::Override.word();
    assert_eq!(world.get(0, Column::SamplingSource), Some(Value::Word(source)));
}

const FIELDS: [Field; 9] = [
    Field::new(8, 4),
    Field::new(12, 4),
    Field::new(1, 4),
    Field::new(2, 4),
    Field::new(22, 4),
    Field::new(21, 4),
    Field::new(4, 1),
    Field::new(11, 2),
    Field::new(16, 2),
];

fn v9_record(octets: u32) -> Vec<u8> {
    let mut r = vec![10, 0, 0, 1, 10, 0, 0, 2];
    r.extend(octets.to_be_bytes());
    r.extend(7u32.to_be_bytes());
    r.extend(480_000u32.to_be_bytes());
    r.extend(490_000u32.to_be_bytes());
    r.extend([1, 8, 0, 0, 0]); // ICMP echo request, no AS
    r
}

fn v9_message(sequence: u32, write: impl FnOnce(&mut wire_v9::Writer<'_>)) -> Vec<u8> {
    let header =
        wire_v9::Header { uptime_ms: 500_000, export_s: NOW_S, sequence, source_id: 4, ..Default::default() };
    let mut out = vec![0; 1500];
    let mut writer = wire_v9::Writer::new(&mut out, header).unwrap();
    write(&mut writer);
    let len = writer.finish().unwrap();
    out.truncate(len);
    out
}

fn v9_data(sequence: u32, octets: &[u32]) -> Vec<u8> {
    v9_message(sequence, |w| {
        w.begin_data(300).unwrap();
        for o in octets {
            w.record(&v9_record(*o)).unwrap();
        }
    })
}

#[test]
fn data_before_its_template_waits_and_keeps_its_time() {
    let mut world = World::new(Settings::default());
    world.send(&v9_data(0, &[100, 200]));
    world.finish();
    assert_eq!((world.batch.len(), world.count("awaiting_template")), (0, 1));
    assert_eq!(world.sessions.awaiting().0, 1);
    world.send(&v9_message(1, |w| w.template(300, &FIELDS).unwrap()));
    world.send(&v9_data(2, &[400]));
    world.finish();
    assert_eq!(world.batch.u64s(Column::Octets), [100, 200, 400]);
    assert_eq!(world.count("awaiting_template"), 0);
    assert_eq!(world.count("released"), 1);
    assert_eq!(world.sessions.awaiting(), (0, 0));
    assert_eq!(world.get(0, Column::Start), Some(Value::Time(NOW - 20_000)));
    assert_eq!(world.get(0, Column::End), Some(Value::Time(NOW - 10_000)));
    assert_eq!(world.get(0, Column::TimeSource), Some(Value::Word(TimeSource::Flow.word())));
    assert_eq!(world.get(0, Column::Domain), Some(Value::Unsigned(4)));
    // ICMP has a type, not a port; AS 0 is no AS.
    assert_eq!(world.get(0, Column::IcmpType), Some(Value::Unsigned(8)));
    assert_eq!(world.get(0, Column::DstPort), None);
    assert_eq!(world.get(0, Column::SrcAs), None);
    assert_eq!(world.count("datagrams_lost"), 0);
}

#[test]
fn a_template_is_redefined_from_that_message_on() {
    let mut world = World::new(Settings::default());
    world.send(&v9_message(0, |w| w.template(300, &FIELDS).unwrap()));
    world.send(&v9_data(1, &[100]));
    world.send(&v9_message(2, |w| {
        w.template(300, &[Field::new(1, 8), Field::new(2, 1)]).unwrap();
        w.begin_data(300).unwrap();
        w.record(&[0, 0, 0, 0, 0, 0, 3, 0, 5]).unwrap();
    }));
    world.finish();
    assert_eq!(world.batch.u64s(Column::Octets), [100, 768]);
    assert_eq!(world.batch.u64s(Column::Packets), [7, 5]);
    assert_eq!(world.get(1, Column::SrcAddr), None);
    assert_eq!(world.get(1, Column::TimeSource), Some(Value::Word("export")));
}

#[test]
fn options_tell_the_sampling_of_a_domain_and_of_samplers() {
    let mut world = World::new(Settings::default());
    let with_sampler: Vec<Field> = FIELDS.iter().copied().chain([Field::new(48, 1)]).collect();
    world.send(&v9_message(0, |w| {
        w.template(300, &with_sampler).unwrap();
        w.options_template(301, &[Field::new(1, 4)], &[Field::new(34, 4)]).unwrap();
        w.options_template(302, &[Field::new(1, 4)], &[Field::new(48, 1), Field::new(50, 4)]).unwrap();
    }));
    world.send(&v9_message(1, |w| {
        w.begin_data(301).unwrap();
        w.record(&[0, 0, 0, 0, 0, 0, 0, 10]).unwrap();
        w.begin_data(302).unwrap();
        w.record(&[0, 0, 0, 0, 2, 0, 0, 0, 50]).unwrap();
        w.begin_data(300).unwrap();
        for sampler in [1, 2] {
            w.record(&[v9_record(100), vec![sampler]].concat()).unwrap();
        }
    }));
    world.finish();
    assert_eq!(world.count("options_records"), 2);
    assert_eq!(world.count("options_templates"), 2);
    assert_eq!(world.batch.u64s(Column::Octets), [1000, 5000]);
    assert_eq!(world.get(0, Column::SamplingSource), Some(Value::Word("options")));
    assert_eq!(world.get(1, Column::SamplingSource), Some(Value::Word("sampler")));
}

#[test]
fn an_exporter_that_counts_records_in_v9_is_found_out() {
    let mut world = World::new(Settings::default());
    world.send(&v9_message(0, |w| w.template(300, &FIELDS).unwrap()));
    let mut sequence = 0;
    for i in 0..20u32 {
        world.send(&v9_data(sequence, &[100 + i, 1, 2]));
        sequence += 3;
    }
    // Two of three records' worth are missing here.
    world.send(&v9_data(sequence + 6, &[9]));
    world.finish();
    assert_eq!(world.batch.len(), 61);
    assert_eq!((world.count("records_lost"), world.count("datagrams_lost")), (6, 2));
}

fn ipfix_message(sequence: u32, write: impl FnOnce(&mut wire_ipfix::Writer<'_>)) -> Vec<u8> {
    let header = wire_ipfix::Header { export_s: NOW_S, sequence, domain: 1, ..Default::default() };
    let mut out = vec![0; 1500];
    let mut writer = wire_ipfix::Writer::new(&mut out, header).unwrap();
    write(&mut writer);
    let len = writer.finish().unwrap();
    out.truncate(len);
    out
}

#[test]
fn a_biflow_is_two_flows_with_their_ends_exchanged() {
    let fields = [
        Field::new(8, 4),
        Field::new(12, 4),
        Field::new(7, 2),
        Field::new(11, 2),
        Field::new(4, 1),
        Field::new(1, 8),
        Field::enterprise(29_305, 1, 8),
        Field::new(152, 8),
        Field::new(153, 8),
    ];
    let record = |reverse: u64| {
        let mut r = vec![10, 0, 0, 1, 10, 0, 0, 2, 0x30, 0x39, 0x01, 0xbb, 6];
        r.extend(1500u64.to_be_bytes());
        r.extend(reverse.to_be_bytes());
        r.extend(1_767_225_590_000u64.to_be_bytes());
        r.extend(1_767_225_595_000u64.to_be_bytes());
        r
    };
    let mut world = World::new(Settings::default());
    world.send(&ipfix_message(0, |w| {
        w.template(400, &fields).unwrap();
        w.begin_data(400).unwrap();
        w.record(&record(9000)).unwrap();
        w.record(&record(0)).unwrap();
    }));
    world.finish();
    assert_eq!((world.count("records"), world.count("flows"), world.batch.len()), (2, 3, 3));
    assert_eq!(world.batch.u64s(Column::Octets), [1500, 1500, 9000]);
    assert_eq!(world.get(2, Column::SrcAddr), Some(Value::Addr(Addr::v4([10, 0, 0, 2]))));
    assert_eq!(world.get(2, Column::SrcPort), Some(Value::Unsigned(443)));
    assert_eq!(world.get(2, Column::DstPort), Some(Value::Unsigned(12_345)));
    assert_eq!(world.count("octets"), 12_000);
}

/// Update, update, delete of one connection; then a delete without updates (a short connection).
#[test]
fn a_firewalls_totals_do_not_count_its_updates_again() {
    let fields =
        [Field::new(148, 4), Field::new(233, 1), Field::new(231, 4), Field::new(232, 4), Field::new(152, 8)];
    let record = |connection: u32, event: u8, sent: u32, returned: u32| {
        let mut r = connection.to_be_bytes().to_vec();
        r.push(event);
        r.extend(sent.to_be_bytes());
        r.extend(returned.to_be_bytes());
        r.extend(1_767_225_590_000u64.to_be_bytes());
        r
    };
    let mut world = World::new(Settings::default());
    world.send(&ipfix_message(0, |w| {
        w.template(400, &fields).unwrap();
        w.begin_data(400).unwrap();
        for (c, e, s, r) in
            [(7, 5, 100, 1000), (7, 5, 50, 500), (7, 2, 180, 1500), (8, 1, 0, 0), (8, 2, 30, 40)]
        {
            w.record(&record(c, e, s, r)).unwrap();
        }
    }));
    world.finish();
    // What the connections carried: 180 + 1500 and 30 + 40.
    assert_eq!(world.batch.u64s(Column::Octets).iter().sum::<u64>(), 1750);
    assert_eq!(world.count("octets"), 1750);
    assert_eq!(world.count("events"), 5);
}

#[test]
fn what_is_malformed_costs_only_itself() {
    let mut world = World::new(Settings::default());
    let good = v5_datagram(0, 2, v5::Sampling::default());
    assert_eq!(world.send(&good), None);
    // Random octets, a cut datagram, a lying count.
    let problem = world.send(&[0xde, 0xad, 0xbe, 0xef]).unwrap();
    assert_eq!(problem.error.reason, Reason::BadVersion);
    let problem = world.send(&good[..60]).unwrap();
    assert_eq!((problem.error.reason, problem.exporter), (Reason::CountMismatch, Addr::v4([192, 0, 2, 1])));
    let mut lying = good.clone();
    lying[3] = 30;
    assert!(world.send(&lying).is_some());
    assert_eq!(world.send(&v5_datagram(2, 2, v5::Sampling::default())), None);
    world.finish();
    assert_eq!(world.batch.len(), 4);
    assert_eq!(world.count("datagrams"), 5);
    assert_eq!(world.count("undecodable:bad_version"), 1);
    assert_eq!(world.count("undecodable:count_mismatch"), 2);
    assert_eq!(world.count("records_lost"), 0);
}

#[test]
fn v1_and_v7_say_what_they_have() {
    let mut world = World::new(Settings::default());
    let mut out = vec![0; 1500];
    let header = netflow::v1::Header { uptime_ms: 1000, export_s: NOW_S, export_ns: 0 };
    let record = netflow::v1::Record { octets: 77, packets: 1, proto: 47, ..Default::default() };
    let len = netflow::v1::emit(&header, &[record], &mut out).unwrap();
    world.send(&out[..len]);
    let header = netflow::v7::Header { uptime_ms: 1000, export_s: NOW_S, ..Default::default() };
    let record = netflow::v7::Record { octets: 88, packets: 1, src_as: 9, ..Default::default() };
    let len = netflow::v7::emit(&header, &[record], &mut out).unwrap();
    world.send(&out[..len]);
    world.finish();
    assert_eq!(world.batch.u64s(Column::Octets), [77, 88]);
    assert_eq!(world.get(0, Column::SrcMask), None);
    assert_eq!(world.get(0, Column::ProtocolVersion), Some(Value::Word("1")));
    assert_eq!(world.get(1, Column::SrcAs), Some(Value::Unsigned(9)));
    assert_eq!(world.get(1, Column::ProtocolVersion), Some(Value::Word("7")));
}

#[test]
fn sessions_are_bounded() {
    let mut world = World::new(Settings::default());
    let datagram = v5_datagram(0, 1, v5::Sampling::default());
    for i in 0..u32::try_from(SESSIONS_MAX).unwrap() + 10 {
        let from = Addr::v4(i.to_be_bytes());
        let arrival = Arrival { received: NOW, from, port: 1, payload: &datagram };
        world.sessions.ingest(&arrival, &mut world.batch);
    }
    world.finish();
    assert!(world.sessions.len() <= SESSIONS_MAX);
    assert_eq!(world.count("evictions"), i64::try_from(SESSIONS_MAX / 8).unwrap());
    assert_eq!(world.count("records"), i64::try_from(SESSIONS_MAX).unwrap() + 10);
}

/// A message of one template (id 256: octets in four octets), or of one record of it.
fn v9_templates(sequence: u32) -> Vec<u8> {
    v9_message(sequence, |w| w.template(256, &[Field::new(8, 4), Field::new(1, 4)]).unwrap())
}

/// Ten thousand forged addresses: what they sent is counted, to the datagram, in a bounded number of rows; and who of
/// them then proves to be an exporter has his own.
#[test]
fn strangers_are_counted_together_beyond_a_maximum() {
    let mut world = World::new(Settings::default());
    let from = |i: u32| Addr::v4((0x7f00_0000 + i).to_be_bytes());
    let send = |world: &mut World, i: u32, payload: &[u8]| {
        let arrival = Arrival { received: NOW, from: from(i), port: 9, payload };
        world.sessions.ingest(&arrival, &mut world.batch)
    };
    let data = v9_message(0, |w| {
        w.begin_data(256).unwrap();
        w.record(&[10, 0, 0, 1, 0, 0, 3, 232]).unwrap();
    });
    for i in 0..10_000 {
        send(&mut world, i, &data);
    }
    world.sessions.finish(&mut world.batch);
    let exporters = |world: &World| {
        world.batch.health.iter().map(|row| row.exporter).collect::<std::collections::HashSet<_>>().len()
    };
    assert_eq!(exporters(&world), stranger::NAMED_MAX + 1);
    let sums =
        |world: &World| ["datagrams", "awaiting_template", "datagrams_held"].map(|what| world.count(what));
    assert_eq!(sums(&world), [10_000; 3]);
    // One that has no name of its own gives a template: its set is read, and all of it is its own.
    let last = from(9999);
    send(&mut world, 9999, &v9_templates(1));
    world.sessions.finish(&mut world.batch);
    assert_eq!(exporters(&world), stranger::NAMED_MAX + 2);
    assert_eq!(sums(&world), [10_001, 9_999, 9_999]);
    let its = |what: &str| {
        let rows = world.batch.health.iter().filter(|row| row.exporter == last && row.what == what);
        rows.map(|row| row.value).sum::<i64>()
    };
    assert_eq!(["octets", "records", "awaiting_template", "datagrams_held"].map(its), [1000, 1, 0, 0]);
}

/// Who has a template is not pushed out by those who have nothing.
#[test]
fn forged_sessions_do_not_push_out_an_exporter() {
    let mut world = World::new(Settings::default());
    world.send(&v9_templates(0));
    let header_only = v9_message(0, |_| {});
    for i in 0..u32::try_from(SESSIONS_MAX).unwrap() + 10_000 {
        let from = Addr::v4((0x7f00_0000 + i).to_be_bytes());
        let arrival = Arrival { received: NOW, from, port: 9, payload: &header_only };
        world.sessions.ingest(&arrival, &mut world.batch);
    }
    assert!(world.sessions.len() <= SESSIONS_MAX);
    let data = v9_message(1, |w| {
        w.begin_data(256).unwrap();
        w.record(&[10, 0, 0, 1, 0, 0, 3, 232]).unwrap();
    });
    world.send(&data);
    world.finish();
    assert_eq!((world.batch.len(), world.count("octets"), world.count("awaiting_template")), (1, 1000, 0));
}

fn one_message(sequence: u32, octets: Option<u32>) -> Vec<u8> {
    let header = wire_ipfix::Header { export_s: NOW_S, sequence, ..Default::default() };
    let mut out = vec![0; 200];
    let mut writer = wire_ipfix::Writer::new(&mut out, header).unwrap();
    match octets {
        None => writer.template(256, &[Field::new(1, 4)]).unwrap(),
        Some(octets) => {
            writer.begin_data(256).unwrap();
            writer.record(&octets.to_be_bytes()).unwrap();
        }
    }
    let len = writer.finish().unwrap();
    out.truncate(len);
    out
}

#[test]
fn a_transport_session_that_ends_takes_its_templates_along() {
    let mut world = World::new(Settings::default());
    let from = Addr::v4([192, 0, 2, 1]);
    let send = |world: &mut World, port, payload: &[u8]| {
        let arrival = Arrival { received: NOW, from, port, payload };
        world.sessions.ingest(&arrival, &mut world.batch);
    };
    send(&mut world, 1, &one_message(0, None));
    send(&mut world, 1, &one_message(0, Some(70)));
    // Another connection of the same exporter knows nothing of that template: its record waits.
    send(&mut world, 2, &one_message(0, Some(500)));
    assert_eq!((world.batch.len(), world.sessions.awaiting().0), (1, 1));
    assert_eq!(world.sessions.end(from, 2, &mut world.batch), 1);
    assert_eq!((world.sessions.awaiting(), world.sessions.len()), ((0, 0), 1));
    assert_eq!(world.sessions.end(from, 1, &mut world.batch), 1);
    // The same address and port again: a new session that has to say its templates again.
    send(&mut world, 1, &one_message(0, Some(900)));
    world.finish();
    assert_eq!(world.batch.len(), 1);
    assert_eq!(world.batch.u64s(Column::Octets), [70]);
    assert_eq!([world.count("held_dropped"), world.count("awaiting_template")], [1, 1]);
    assert_eq!(world.count("datagrams"), 4);
    assert_eq!(world.count("records_lost"), 0);
}

#[test]
fn templates_past_the_limit_are_counted() {
    let mut world = World::new(Settings { templates_max: Some(1), ..Settings::default() });
    world.send(&one_message(0, None));
    let mut other = one_message(0, None);
    // Id 257 instead of 256.
    other[21] = 1;
    world.send(&other);
    world.send(&one_message(0, Some(5)));
    world.finish();
    assert_eq!([world.count("evictions:template"), world.count("templates")], [1, 2]);
    assert_eq!(world.batch.u64s(Column::Octets), [5]);
}
