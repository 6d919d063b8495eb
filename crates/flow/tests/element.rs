//! What a comparison with tshark found: elements that were read from the wrong place or not kept.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use weir_flow::batch::Value;
use weir_flow::other::Elements;
use weir_flow::schema::Column;
use weir_flow::session::{Arrival, Sessions, Settings};
use weir_flow::{Addr, Batch};
use weir_wire::template::Field;
use weir_wire::{ipfix, netflow::v9};

const NOW: i64 = 1_767_225_600_000;
const NOW_S: u32 = 1_767_225_600;

fn decode(messages: &[Vec<u8>]) -> Batch {
    let mut sessions = Sessions::new(Settings::default());
    let mut batch = Batch::new();
    for payload in messages {
        let arrival = Arrival { received: NOW + 20, from: Addr::v4([192, 0, 2, 1]), port: 9, payload };
        assert_eq!(sessions.ingest(&arrival, &mut batch), None);
    }
    sessions.finish(&mut batch);
    batch
}

/// A message of one template and its records.
fn ipfix(fields: &[Field], records: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0; 1400];
    let header = ipfix::Header { length: 0, export_s: NOW_S, sequence: 0, domain: 0 };
    let mut writer = ipfix::Writer::new(&mut out, header).unwrap();
    writer.template(300, fields).unwrap();
    writer.begin_data(300).unwrap();
    for record in records {
        writer.record(record).unwrap();
    }
    let len = writer.finish().unwrap();
    out.truncate(len);
    out
}

fn other(batch: &Batch, row: usize) -> Vec<(u16, Vec<u8>)> {
    let Some(Value::Elements(run)) = batch.get(row, Column::Other) else { return Vec::new() };
    Elements::new(run).map(|element| (element.number, element.value.to_vec())).collect()
}

/// A firewall whose records have text of variable length: the event (233) and the connection (148) are still read, and
/// the end of each connection counts what its own updates did not say.
#[test]
fn a_firewall_with_text_of_variable_length_reports_its_events() {
    let fields = [Field::new(371, u16::MAX), Field::new(148, 4), Field::new(233, 1), Field::new(1, 4)];
    let record = |connection: u32, event: u8, octets: u32| {
        let mut record = b"\x03bob".to_vec();
        record.extend(connection.to_be_bytes());
        record.push(event);
        record.extend(octets.to_be_bytes());
        record
    };
    let records = [record(7, 5, 1000), record(8, 5, 50), record(8, 2, 60), record(7, 2, 1500)];
    let batch = decode(&[ipfix(&fields, &records)]);
    let event = |row| batch.get(row, Column::Event);
    assert_eq!((event(0), event(2)), (Some(Value::Word("flow_updated")), Some(Value::Word("flow_deleted"))));
    let octets: Vec<_> = (0..4).map(|row| batch.get(row, Column::MeasuredOctets)).collect();
    assert_eq!(octets, [1000, 50, 10, 500].map(|octets| Some(Value::Unsigned(octets))));
    assert_eq!(other(&batch, 3), [(148, vec![0, 0, 0, 7]), (233, vec![2])]);
}

/// Totals (85) of flows told apart by their number, in records of variable length.
#[test]
fn totals_of_variable_length_belong_to_their_flow() {
    let fields = [Field::new(96, u16::MAX), Field::new(148, 8), Field::new(85, 8)];
    let record =
        |flow: u64, octets: u64| [&b"\x03ssh"[..], &flow.to_be_bytes(), &octets.to_be_bytes()].concat();
    let batch =
        decode(&[ipfix(&fields, &[record(1, 100), record(2, 5000), record(1, 130), record(2, 5001)])]);
    let octets: Vec<_> = (0..4).map(|row| batch.get(row, Column::MeasuredOctets)).collect();
    assert_eq!(octets, [100, 5000, 30, 1].map(|octets| Some(Value::Unsigned(octets))));
}

/// Cisco ASA before 8.4 has numbers of its own for what was translated (40001 to 40004) and for its events (40005).
#[test]
fn an_old_asa_says_what_it_translated() {
    let mut out = vec![0; 1400];
    let header = v9::Header { count: 0, uptime_ms: 500_000, export_s: NOW_S, sequence: 0, source_id: 0 };
    let mut writer = v9::Writer::new(&mut out, header).unwrap();
    let fields = [(148, 4), (40_001, 4), (40_002, 4), (40_003, 2), (40_004, 2), (40_005, 1), (85, 4)];
    writer.template(265, &fields.map(|(element, length)| Field::new(element, length))).unwrap();
    writer.begin_data(265).unwrap();
    let record = [0, 0, 0, 9, 192, 0, 2, 7, 198, 51, 100, 9, 0x44, 0x8d, 0, 80, 2, 0, 0, 0, 56];
    writer.record(&record).unwrap();
    let len = writer.finish().unwrap();
    out.truncate(len);
    let batch = decode(&[out]);
    let get = |column| batch.get(0, column);
    assert_eq!(get(Column::Event), Some(Value::Word("flow_deleted")));
    assert_eq!(get(Column::NatSrcAddr), Some(Value::Addr(Addr::v4([192, 0, 2, 7]))));
    assert_eq!(get(Column::NatDstAddr), Some(Value::Addr(Addr::v4([198, 51, 100, 9]))));
    assert_eq!(
        (get(Column::NatSrcPort), get(Column::NatDstPort)),
        (Some(Value::Unsigned(17_549)), Some(Value::Unsigned(80)))
    );
    assert_eq!(get(Column::MeasuredOctets), Some(Value::Unsigned(56)));
}

/// An element that nothing was read from is kept: the duration of a flow whose both ends are said, ICMP once more in one
/// number, the space between samples where the interval is said outright, the start of an exporter whose clock is not
/// its uptime.
#[test]
fn what_was_not_needed_is_kept() {
    let fields = [(152, 8), (153, 8), (161, 4), (176, 1), (177, 1), (32, 2), (34, 4), (306, 4), (160, 8)];
    let mut record = Vec::new();
    record.extend((NOW - 900).to_be_bytes());
    record.extend((NOW - 200).to_be_bytes());
    record.extend(700u32.to_be_bytes());
    record.extend([8, 0, 8, 0]);
    record.extend(100u32.to_be_bytes());
    record.extend(99u32.to_be_bytes());
    record.extend((NOW - 5000).to_be_bytes());
    let batch = decode(&[ipfix(&fields.map(|(element, length)| Field::new(element, length)), &[record])]);
    let numbers: Vec<u16> = other(&batch, 0).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, [161, 32, 306, 160]);
    assert_eq!(batch.get(0, Column::SamplingInterval), Some(Value::Unsigned(100)));
    assert_eq!(batch.get(0, Column::IcmpType), Some(Value::Unsigned(8)));
    assert_eq!(batch.get(0, Column::End), Some(Value::Time(NOW - 200)));
}
