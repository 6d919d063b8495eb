//! Templates with a field of variable length: their records are copied together before they are read, and must say the
//! same as those of fixed length.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use weir_flow::batch::Value;
use weir_flow::other::Elements;
use weir_flow::schema::Column;
use weir_flow::session::{Arrival, Sessions, Settings};
use weir_flow::{Addr, Batch};

const VARIABLE: u16 = 0xffff;

/// One IPFIX message with a template of these fields and this data.
fn decode(fields: &[(u16, u16)], data: &[u8]) -> Batch {
    let field = |(element, length): &(u16, u16)| [element.to_be_bytes(), length.to_be_bytes()].concat();
    let count = u8::try_from(fields.len()).unwrap();
    let template = [&[1, 0, 0, count][..], &fields.iter().flat_map(field).collect::<Vec<_>>()].concat();
    let set = |id: u16, body: &[u8]| {
        let length = u16::try_from(body.len() + 4).unwrap();
        [&id.to_be_bytes(), &length.to_be_bytes(), body].concat()
    };
    let sets = [set(2, &template), set(256, data)].concat();
    let length = u16::try_from(sets.len() + 16).unwrap().to_be_bytes();
    let header = [&[0, 10], &length[..], &1_767_225_600u32.to_be_bytes(), &[0; 8]].concat();
    let payload = [header, sets].concat();
    let (mut sessions, mut batch) = (Sessions::new(Settings::default()), Batch::new());
    let from = Addr::v4([192, 0, 2, 1]);
    let arrival = Arrival { received: 1_767_225_600_000, from, port: 9, payload: &payload };
    assert_eq!(sessions.ingest(&arrival, &mut batch), None);
    sessions.finish(&mut batch);
    batch
}

fn others(batch: &Batch, row: usize) -> Vec<(u16, Vec<u8>)> {
    let Some(Value::Elements(run)) = batch.get(row, Column::Other) else { return Vec::new() };
    Elements::new(run).map(|element| (element.number, element.value.to_vec())).collect()
}

/// A firewall that reports by user: the event and the connection are read though no column takes their fields away.
#[test]
fn events_and_connections_are_read() {
    // Connection, event, octets, user.
    let fields = [(148, 4), (233, 1), (1, 4), (371, VARIABLE)];
    let record = |connection: u8, event: u8, octets: u8| {
        [&[0, 0, 0, connection, event, 0, 0, 0, octets, 2][..], b"me"].concat()
    };
    // Two connections of updates; then one ends, of which 100 octets were told before.
    let data = [record(1, 5, 100), record(2, 5, 70), record(1, 2, 130)].concat();
    let batch = decode(&fields, &data);
    let measured = [0, 1, 2].map(|row| batch.get(row, Column::MeasuredOctets));
    assert_eq!(measured, [100, 70, 30].map(|octets| Some(Value::Unsigned(octets))));
    assert_eq!(batch.get(0, Column::Event), Some(Value::Word("flow_updated")));
    assert_eq!(batch.get(2, Column::Event), Some(Value::Word("flow_deleted")));
    assert_eq!(others(&batch, 2), [(148, vec![0, 0, 0, 1]), (233, vec![2])]);
}

/// Flows that are told apart by their number (148), reported as totals (85).
#[test]
fn flows_are_told_apart_by_number() {
    let fields = [(148, 4), (85, 4), (371, VARIABLE)];
    let data = [[0, 0, 0, 1, 0, 0, 0, 100, 0], [0, 0, 0, 2, 0, 0, 0, 150, 0], [0, 0, 0, 1, 0, 0, 0, 130, 0]];
    let batch = decode(&fields, &data.concat());
    let measured = [0, 1, 2].map(|row| batch.get(row, Column::MeasuredOctets));
    assert_eq!(measured, [100, 150, 30].map(|octets| Some(Value::Unsigned(octets))));
}

/// A number that a record sends in no octets, or in more than eight, is unknown: not zero, and not its first octets.
#[test]
fn a_number_of_no_length_is_unknown() {
    let fields = [(4, 1), (7, VARIABLE), (1, VARIABLE), (2, 4)];
    let long = [&[6, 9][..], &[7; 9], &[2, 3, 4, 0, 0, 0, 5]].concat();
    let none = [6, 0, 0, 0, 0, 0, 6];
    let batch = decode(&fields, &[&long[..], &none].concat());
    assert_eq!(batch.get(0, Column::SrcPort), None);
    assert_eq!(batch.get(0, Column::MeasuredOctets), Some(Value::Unsigned(0x0304)));
    assert_eq!(others(&batch, 0), [(7, vec![7; 9])]);
    assert_eq!(batch.get(1, Column::SrcPort), None);
    assert_eq!(batch.get(1, Column::MeasuredOctets), None);
    assert_eq!(batch.get(1, Column::Octets), None);
    assert_eq!(batch.get(1, Column::MeasuredPackets), Some(Value::Unsigned(6)));
}

/// A duration beside both times, and ICMP's type and code in one number beside the type: no column needs them.
#[test]
fn what_no_column_needs_is_kept() {
    let times = [1_767_225_590_000u64, 1_767_225_600_000].map(u64::to_be_bytes).concat();
    let both = decode(&[(152, 8), (153, 8), (161, 4)], &[&times[..], &[0, 0, 0x27, 0x10]].concat());
    assert_eq!(others(&both, 0), [(161, vec![0, 0, 0x27, 0x10])]);
    let start = decode(&[(152, 8), (161, 4)], &[&times[..8], &[0, 0, 0x27, 0x10]].concat());
    assert_eq!(start.get(0, Column::End), Some(Value::Time(1_767_225_600_000)));
    assert_eq!(others(&start, 0), []);
    let icmp = decode(&[(4, 1), (176, 1), (177, 1), (32, 2)], &[1, 8, 0, 8, 0]);
    assert_eq!(icmp.get(0, Column::IcmpType), Some(Value::Unsigned(8)));
    assert_eq!(others(&icmp, 0), [(32, vec![8, 0])]);
}
