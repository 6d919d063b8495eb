//! What sessions remember: sets that wait, templates, sampling that comes late, names; across a restart too.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::sync::Arc;
use weir_flow::batch::Value;
use weir_flow::label::{Kind, Labels};
use weir_flow::memory::Memory;
use weir_flow::other::Elements;
use weir_flow::session::memory::{Attic, Realm};
use weir_flow::session::{Arrival, Sessions, Settings};
use weir_flow::{Addr, Batch, Column};
use weir_wire::ipfix;
use weir_wire::template::Field;

const NOW: i64 = 1_767_225_600_000;
const FROM: Addr = Addr::v4([192, 0, 2, 1]);

/// A collector whose store is a [`Memory`] and a list of rows.
struct Collector {
    sessions: Sessions,
    memory: Memory,
    rows: Batch,
    sequence: u32,
}

impl Collector {
    fn new() -> Self {
        Self {
            sessions: Sessions::new(Settings::default()),
            memory: Memory::new(),
            rows: Batch::new(),
            sequence: 0,
        }
    }

    /// One message, written by `write`, of so many data records.
    fn send(&mut self, received: i64, records: u32, write: impl FnOnce(&mut ipfix::Writer<'_>)) {
        let header = ipfix::Header {
            export_s: u32::try_from(received / 1000).unwrap(),
            sequence: self.sequence,
            domain: 7,
            ..Default::default()
        };
        self.sequence += records;
        let mut out = vec![0; 1500];
        let mut writer = ipfix::Writer::new(&mut out, header).unwrap();
        write(&mut writer);
        let len = writer.finish().unwrap();
        self.take(received, &out[..len]);
    }

    fn take(&mut self, received: i64, payload: &[u8]) {
        let arrival = Arrival { received, from: FROM, port: 9, payload };
        let mut batch = Batch::new();
        assert_eq!(self.sessions.ingest(&arrival, &mut batch), None);
        self.sessions.finish(&mut batch);
        self.commit(&batch);
    }

    fn commit(&mut self, batch: &Batch) {
        for change in &batch.memory {
            self.memory.apply(change);
        }
        self.rows.append(batch);
        for late in &batch.rescales {
            let mut health = Vec::new();
            late.apply(&mut self.rows, &mut health);
            self.rows.health.extend(health);
        }
    }

    /// What the store remembers is all that comes over.
    fn restart(&mut self) {
        let attic = Attic::new(&self.memory, Realm::Live);
        self.sessions = Sessions::recalling(Settings::default(), Arc::new(attic));
    }

    /// Stops in good order.
    fn stop(&mut self) {
        let mut batch = Batch::new();
        self.sessions.conclude(&mut batch);
        self.sessions.finish(&mut batch);
        self.commit(&batch);
    }

    fn count(&self, what: &str) -> i64 {
        self.rows.health.iter().filter(|row| row.what == what).map(|row| row.value).sum()
    }

    fn octets(&self) -> Vec<u64> {
        self.rows.u64s(Column::Octets).to_vec()
    }
}

fn flow_template(writer: &mut ipfix::Writer<'_>) {
    writer.template(256, &[Field::new(8, 4), Field::new(1, 4)]).unwrap();
}

fn flow(octets: u32) -> impl FnOnce(&mut ipfix::Writer<'_>) {
    move |writer| {
        writer.begin_data(256).unwrap();
        writer.record(&[[10, 0, 0, 1], octets.to_be_bytes()].concat()).unwrap();
    }
}

#[test]
fn a_set_that_waits_is_decoded_once_after_a_restart() {
    let mut collector = Collector::new();
    collector.send(NOW, 1, flow(500));
    collector.send(NOW + 1000, 1, flow(70));
    assert_eq!(collector.octets(), [] as [u64; 0]);
    assert_eq!(collector.count("awaiting_template"), 2);
    collector.restart();
    // The session comes back with its exporter's first datagram.
    collector.send(NOW + 60_000, 1, flow(9));
    assert_eq!(collector.sessions.awaiting().0, 3);
    collector.send(NOW + 61_000, 0, flow_template);
    assert_eq!(collector.octets(), [500, 70, 9]);
    assert_eq!(collector.rows.times(Column::Received), [NOW, NOW + 1000, NOW + 60_000]);
    assert_eq!((collector.count("awaiting_template"), collector.count("released")), (0, 3));
    // Decoded is forgotten, so another restart brings nothing back; the template stays known.
    collector.restart();
    collector.send(NOW + 62_000, 1, flow(3));
    assert_eq!(collector.octets(), [500, 70, 9, 3]);
    assert_eq!(collector.count("records"), 4);
}

#[test]
fn a_withdrawn_template_is_not_remembered() {
    let mut collector = Collector::new();
    collector.send(NOW, 0, flow_template);
    collector.send(NOW, 1, flow(1));
    // Version 10, 24 octets, domain 7; a template set of 8 octets: id 256 with no fields.
    let mut message = vec![0, 10, 0, 24];
    message.extend_from_slice(&u32::try_from(NOW / 1000).unwrap().to_be_bytes());
    message.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 7, 0, 2, 0, 8, 1, 0, 0, 0]);
    collector.take(NOW, &message);
    collector.restart();
    collector.send(NOW, 1, flow(2));
    assert_eq!(collector.octets(), [1]);
    assert_eq!(collector.count("awaiting_template"), 1);
}

/// Records that name sampler 5 or 6, and the options that say their intervals.
fn sampled(sampler: u8, octets: u32) -> impl FnOnce(&mut ipfix::Writer<'_>) {
    move |writer| {
        writer.template(257, &[Field::new(8, 4), Field::new(1, 4), Field::new(48, 1)]).unwrap();
        writer.begin_data(257).unwrap();
        writer.record(&[&[10, 0, 0, 1][..], &octets.to_be_bytes(), &[sampler]].concat()).unwrap();
    }
}

fn sampler(id: u8, interval: u16) -> impl FnOnce(&mut ipfix::Writer<'_>) {
    move |writer| {
        writer.options_template(258, &[Field::new(48, 1)], &[Field::new(34, 2)]).unwrap();
        writer.begin_data(258).unwrap();
        writer.record(&[&[id][..], &interval.to_be_bytes()].concat()).unwrap();
    }
}

#[test]
fn sampling_that_comes_late_scales_what_came_before_and_nothing_twice() {
    let mut collector = Collector::new();
    collector.send(NOW, 1, sampled(5, 100));
    collector.send(NOW + 1, 1, sampled(6, 100));
    assert_eq!(collector.octets(), [100, 100]);
    assert_eq!(collector.count("unknown_sampling_records"), 2);
    collector.restart();
    collector.send(NOW + 2, 1, sampled(5, 1));
    collector.send(NOW + 3, 1, sampler(5, 1000));
    assert_eq!(collector.octets(), [100_000, 100, 1000]);
    assert_eq!(collector.count("unknown_sampling_records"), 1);
    // Said again, and another interval later: what is scaled stays.
    collector.send(NOW + 4, 1, sampler(5, 1000));
    collector.send(NOW + 5, 1, sampler(5, 10));
    collector.send(NOW + 6, 1, sampled(5, 7));
    collector.restart();
    collector.send(NOW + 7, 1, sampled(5, 8));
    assert_eq!(collector.octets(), [100_000, 100, 1000, 70, 80]);
    collector.send(NOW + 8, 1, sampler(6, 2));
    assert_eq!(collector.octets(), [100_000, 200, 1000, 70, 80]);
    assert_eq!(collector.count("unknown_sampling_records"), 0);
    assert_eq!(collector.count("octets"), 100_000 + 200 + 1000 + 70 + 80);
    assert_eq!(collector.count("sampled_octets"), 100_000 + 200 + 1000 + 70 + 80);
    let source = collector.rows.get(0, Column::SamplingSource);
    assert_eq!(source, Some(Value::Word("sampler")));
    assert_eq!(collector.rows.get(0, Column::Sampler), Some(Value::Unsigned(5)));
}

#[test]
fn the_domains_interval_is_for_all_that_had_none() {
    let mut collector = Collector::new();
    collector.send(NOW, 0, flow_template);
    collector.send(NOW, 1, flow(10));
    collector.send(NOW, 1, sampled(5, 10));
    collector.send(NOW, 1, |writer| {
        writer
            .options_template(259, &[Field::new(149, 4)], &[Field::new(305, 4), Field::new(306, 4)])
            .unwrap();
        writer.begin_data(259).unwrap();
        writer.record(&[7u32, 1, 511].map(u32::to_be_bytes).concat()).unwrap();
    });
    assert_eq!(collector.octets(), [5120, 5120]);
}

#[test]
fn totals_count_once_however_often_they_are_reported() {
    let mut collector = Collector::new();
    let report = |collector: &mut Collector, port: u16, start: u8, octets: u32, reason: u8| {
        collector.send(NOW, 1, |writer| {
            let fields = [8, 7, 152, 85, 136].map(|element| match element {
                8 | 85 => Field::new(element, 4),
                7 => Field::new(element, 2),
                152 => Field::new(element, 8),
                _ => Field::new(element, 1),
            });
            writer.template(260, &fields).unwrap();
            writer.begin_data(260).unwrap();
            let start = (NOW + i64::from(start)).to_be_bytes();
            let record =
                [&[10, 0, 0, 1][..], &port.to_be_bytes(), &start, &octets.to_be_bytes(), &[reason]].concat();
            writer.record(&record).unwrap();
        });
    };
    // Reason 2: reported because it lasts, 3: it ended.
    report(&mut collector, 1, 0, 1000, 2);
    report(&mut collector, 2, 0, 50, 2);
    report(&mut collector, 1, 0, 1500, 2);
    report(&mut collector, 1, 0, 1500, 2);
    report(&mut collector, 1, 0, 1700, 3);
    // The same ends again: another flow, by its start.
    report(&mut collector, 1, 9, 300, 2);
    // A total that went back began anew.
    report(&mut collector, 2, 0, 20, 2);
    assert_eq!(collector.octets(), [1000, 50, 500, 0, 200, 300, 20]);
}

#[test]
fn names_are_learned_and_kept_with_their_time() {
    let mut collector = Collector::new();
    let name = |collector: &mut Collector, at: i64, name: &str, description: &str| {
        collector.send(at, 1, |writer| {
            let fields = [Field::new(82, 16), Field::new(83, u16::MAX)];
            writer.options_template(261, &[Field::new(10, 4)], &fields).unwrap();
            writer.begin_data(261).unwrap();
            let mut record = 3u32.to_be_bytes().to_vec();
            record.extend_from_slice(name.as_bytes());
            record.resize(20, 0);
            record.push(u8::try_from(description.len()).unwrap());
            record.extend_from_slice(description.as_bytes());
            writer.record(&record).unwrap();
        });
    };
    name(&mut collector, NOW, "Gi0/1", "to core");
    collector.restart();
    name(&mut collector, NOW + 5000, "Gi0/1", "to core");
    name(&mut collector, NOW + 10_000, "Te1/0/1", "to core");
    let labels = Labels::new(&collector.memory);
    let at = |time| labels.at(FROM, Kind::Interface, 3, time).map(|v| &*v.name);
    assert_eq!((at(NOW), at(NOW + 9_999), at(NOW + 10_000)), (Some("Gi0/1"), Some("Gi0/1"), Some("Te1/0/1")));
    let all: Vec<_> = labels.iter(Kind::Interface).map(|(_, n, v, range)| (n, &*v.name, range)).collect();
    assert_eq!(all, [(3, "Gi0/1", i64::MIN..NOW + 10_000), (3, "Te1/0/1", NOW + 10_000..i64::MAX)]);
}

/// Text, applications by number, and what has no column: in records of fixed and of variable length.
#[test]
fn what_has_no_column_is_kept_as_it_came() {
    for variable in [false, true] {
        let mut collector = Collector::new();
        collector.send(NOW, 1, |writer| {
            let user = if variable { u16::MAX } else { 8 };
            let fields = [
                Field::new(1, 4),
                Field::new(371, user),
                Field::new(136, 1),
                Field::new(95, 4),
                Field::new(210, 3),
                Field::enterprise(9, 12_235, 2),
                Field::new(70, 3),
                Field::new(192, 1),
            ];
            writer.template(262, &fields).unwrap();
            writer.begin_data(262).unwrap();
            let mut record = 77u32.to_be_bytes().to_vec();
            record.extend_from_slice(if variable { b"\x05alice" } else { b"alice\0\0\0" });
            record.push(3);
            record.extend_from_slice(&[13, 0, 1, 0xa5]);
            record.extend_from_slice(&[0; 3]);
            record.extend_from_slice(&[0xab, 0xcd]);
            // Label 16, bottom of the stack.
            record.extend_from_slice(&[0, 1, 1]);
            record.push(63);
            writer.record(&record).unwrap();
        });
        let get = |column| collector.rows.get(0, column);
        assert_eq!(get(Column::User), Some(Value::Text("alice")));
        assert_eq!(get(Column::Application), Some(Value::Text("13:421")));
        assert_eq!(get(Column::MplsLabel), Some(Value::Unsigned(16)));
        assert_eq!(
            (get(Column::MinTtl), get(Column::MaxTtl)),
            (Some(Value::Unsigned(63)), Some(Value::Unsigned(63)))
        );
        let Some(Value::Elements(run)) = get(Column::Other) else { panic!("nothing else: {variable}") };
        let other: Vec<_> = Elements::new(run).map(|e| (e.enterprise, e.number, e.value.to_vec())).collect();
        assert_eq!(other, [(0, 136, vec![3]), (9, 12_235, vec![0xab, 0xcd])], "{variable}");
    }
}

/// RFC 6313 §4.5: a list of interfaces, and a list of records of another template.
#[test]
fn lists_are_opened_value_by_value() {
    let mut collector = Collector::new();
    collector.send(NOW, 1, |writer| {
        writer.template(270, &[Field::new(8, 4), Field::new(1, 4)]).unwrap();
        writer
            .template(271, &[Field::new(2, 4), Field::new(291, u16::MAX), Field::new(292, u16::MAX)])
            .unwrap();
        writer.begin_data(271).unwrap();
        let mut record = 6u32.to_be_bytes().to_vec();
        // allOf, element 10 of four octets: 3 and 4.
        record.extend_from_slice(&[13, 3, 0, 10, 0, 4, 0, 0, 0, 3, 0, 0, 0, 4]);
        // ordered, template 270, two records.
        record.extend_from_slice(&[19, 4, 1, 14, 10, 0, 0, 1, 0, 0, 0, 5, 10, 0, 0, 2, 0, 0, 0, 6]);
        writer.record(&record).unwrap();
    });
    let Some(Value::Elements(run)) = collector.rows.get(0, Column::Other) else { panic!("nothing") };
    let found: Vec<_> = Elements::new(run).map(|e| (e.number, e.value.to_vec())).collect();
    assert_eq!(
        found,
        [
            (10, vec![0, 0, 0, 3]),
            (10, vec![0, 0, 0, 4]),
            (8, vec![10, 0, 0, 1]),
            (1, vec![0, 0, 0, 5]),
            (8, vec![10, 0, 0, 2]),
            (1, vec![0, 0, 0, 6]),
        ]
    );
    // What is in a list is not traffic of the record.
    assert_eq!(collector.octets(), [0]);
    assert_eq!(collector.rows.get(0, Column::Octets), None);
}

#[test]
fn a_list_that_cannot_be_read_stays_as_it_came() {
    let mut collector = Collector::new();
    let list = [19, 4, 1, 14, 10, 0, 0, 1, 0, 0, 0, 5, 10, 0, 0, 2, 0, 0, 0, 6];
    collector.send(NOW, 1, |writer| {
        writer.template(271, &[Field::new(2, 4), Field::new(292, u16::MAX)]).unwrap();
        writer.begin_data(271).unwrap();
        writer.record(&[&[0, 0, 0, 6][..], &list].concat()).unwrap();
    });
    let Some(Value::Elements(run)) = collector.rows.get(0, Column::Other) else { panic!("nothing") };
    assert_eq!(Elements::new(run).map(|e| (e.number, e.value)).collect::<Vec<_>>(), [(292, &list[1..])]);
}

#[test]
fn what_was_sent_while_the_program_was_stopped_is_known_to_be_missing() {
    let mut collector = Collector::new();
    collector.send(NOW, 0, flow_template);
    collector.send(NOW, 1, flow(100));
    collector.send(NOW, 1, flow(300));
    collector.stop();
    collector.sequence += 50;
    collector.restart();
    collector.send(NOW + 3_600_000, 1, flow(7));
    collector.send(NOW + 3_600_000, 1, flow(8));
    assert_eq!(collector.octets(), [100, 300, 7, 8]);
    assert_eq!(collector.count("records_lost"), 50);
    // Each put at the mean of what was sent before the stop.
    assert_eq!(collector.count("octets_lost_estimate"), 50 * 200);
    // Killed: where its numbers stood left with its last batch.
    collector.sequence += 30;
    collector.restart();
    collector.send(NOW + 3_700_000, 1, flow(9));
    assert_eq!((collector.count("records_lost"), collector.count("restarts")), (80, 0));
    // Killed after a single datagram: what was missing before it is not counted again.
    collector.restart();
    collector.send(NOW + 3_800_000, 1, flow(10));
    assert_eq!((collector.count("records_lost"), collector.count("restarts")), (80, 0));
    // And so it is where nothing was missing.
    collector.restart();
    collector.send(NOW + 3_900_000, 1, flow(11));
    assert_eq!(collector.count("records_lost"), 80);
    assert_eq!(collector.octets(), [100, 300, 7, 8, 9, 10, 11]);
}

#[test]
fn behind_a_datagram_of_unknown_extent_nothing_is_claimed_after_a_kill() {
    let mut collector = Collector::new();
    collector.send(NOW, 0, flow_template);
    collector.send(NOW, 1, flow(100));
    collector.send(NOW, 1, flow(300));
    // Of a set without its template nobody knows how many records it holds: not even whether any is missing.
    collector.send(NOW + 1000, 4, |writer| {
        writer.begin_data(999).unwrap();
        writer.record(&[0; 32]).unwrap();
    });
    collector.sequence += 50;
    collector.restart();
    collector.send(NOW + 60_000, 1, flow(7));
    assert_eq!(collector.count("records_lost"), 0);
    collector.sequence += 5;
    collector.restart();
    collector.send(NOW + 61_000, 1, flow(8));
    collector.sequence += 6;
    collector.send(NOW + 62_000, 1, flow(9));
    assert_eq!(collector.count("records_lost"), 6, "its numbers are known again from the second datagram on");
}
