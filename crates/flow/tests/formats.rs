//! Formats that few exporters still send: NetFlow v6 and v8, sFlow versions 2 and 4. What they know becomes rows,
//! and what they do not know is null.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use weir_flow::batch::Value;
use weir_flow::schema::Column;
use weir_flow::session::{Arrival, Sessions, Settings};
use weir_flow::{Addr, Batch};
use weir_wire::netflow::v5::Sampling;
use weir_wire::netflow::{v6, v8};

const NOW: i64 = 1_767_225_600_000;
const NOW_S: u32 = 1_767_225_600;

/// Decodes datagrams that come one after the other from one exporter.
fn decode(datagrams: &[Vec<u8>]) -> Batch {
    let mut sessions = Sessions::new(Settings::default());
    let mut batch = Batch::new();
    for payload in datagrams {
        let arrival = Arrival { received: NOW + 20, from: Addr::v4([192, 0, 2, 1]), port: 9, payload };
        assert_eq!(sessions.ingest(&arrival, &mut batch), None);
    }
    sessions.finish(&mut batch);
    batch
}

fn count(batch: &Batch, what: &str) -> i64 {
    batch.health.iter().filter(|row| row.what == what).map(|row| row.value).sum()
}

fn v8_header(scheme: v8::Scheme, sequence: u32) -> v8::Header {
    v8::Header {
        uptime_ms: 500_000,
        export_s: NOW_S,
        export_ns: 0,
        sequence,
        engine_type: 0,
        engine_id: 3,
        scheme,
        sampling: Sampling::default(),
    }
}

fn aggregate() -> v8::Record {
    v8::Record {
        flows: Some(12),
        packets: Some(40),
        octets: Some(30_000),
        first_ms: Some(400_000),
        last_ms: Some(490_000),
        src_addr: Some([10, 1, 0, 0]),
        dst_addr: Some([198, 51, 100, 0]),
        src_mask: Some(16),
        dst_mask: Some(24),
        src_as: Some(64_500),
        dst_as: Some(64_501),
        ingress_if: Some(3),
        egress_if: Some(4),
        src_port: Some(443),
        dst_port: Some(50_000),
        proto: Some(6),
        tos: Some(0x20),
        marked_tos: Some(0),
        extra_packets: Some(0),
        router: Some([192, 0, 2, 9]),
    }
}

fn v8_datagram(header: &v8::Header, records: &[v8::Record]) -> Vec<u8> {
    let mut out = vec![0; 1500];
    let len = v8::emit(header, records, &mut out).unwrap();
    out.truncate(len);
    out
}

/// What the key of each scheme leaves known, of the columns that an aggregate can have.
fn known(scheme: v8::Scheme) -> &'static [Column] {
    use Column::{
        DstAddr, DstAs, DstMask, DstPort, EgressIf, IngressIf, Proto, SrcAddr, SrcAs, SrcMask, SrcPort, Tos,
    };
    match scheme {
        v8::Scheme::As => &[IngressIf, EgressIf, SrcAs, DstAs],
        v8::Scheme::ProtoPort => &[SrcPort, DstPort, Proto],
        v8::Scheme::SrcPrefix => &[SrcAddr, IngressIf, SrcAs, SrcMask],
        v8::Scheme::DstPrefix => &[DstAddr, EgressIf, DstAs, DstMask],
        v8::Scheme::Prefix => &[SrcAddr, DstAddr, IngressIf, EgressIf, SrcAs, DstAs, SrcMask, DstMask],
        v8::Scheme::Dst => &[DstAddr, Tos, EgressIf],
        v8::Scheme::SrcDst => &[SrcAddr, DstAddr, Tos, IngressIf, EgressIf],
        v8::Scheme::Full => &[SrcAddr, DstAddr, SrcPort, DstPort, Proto, Tos, IngressIf, EgressIf],
        v8::Scheme::AsTos => &[Tos, IngressIf, EgressIf, SrcAs, DstAs],
        v8::Scheme::ProtoPortTos => &[SrcPort, DstPort, Proto, Tos, IngressIf, EgressIf],
        v8::Scheme::SrcPrefixTos => &[SrcAddr, Tos, IngressIf, SrcAs, SrcMask],
        v8::Scheme::DstPrefixTos => &[DstAddr, Tos, EgressIf, DstAs, DstMask],
        v8::Scheme::PrefixTos => {
            &[SrcAddr, DstAddr, Tos, IngressIf, EgressIf, SrcAs, DstAs, SrcMask, DstMask]
        }
        v8::Scheme::PrefixPortTos => {
            &[SrcAddr, DstAddr, SrcPort, DstPort, Proto, Tos, IngressIf, EgressIf, SrcMask, DstMask]
        }
    }
}

#[test]
fn an_aggregate_knows_its_key_and_nothing_else() {
    let values = [
        (Column::SrcAddr, "10.1.0.0"),
        (Column::DstAddr, "198.51.100.0"),
        (Column::SrcPort, "443"),
        (Column::DstPort, "50000"),
        (Column::Proto, "6"),
        (Column::Tos, "32"),
        (Column::IngressIf, "3"),
        (Column::EgressIf, "4"),
        (Column::SrcAs, "64500"),
        (Column::DstAs, "64501"),
        (Column::SrcMask, "16"),
        (Column::DstMask, "24"),
    ];
    for scheme in v8::Scheme::ALL {
        let batch = decode(&[v8_datagram(&v8_header(scheme, 0), &[aggregate()])]);
        assert_eq!(batch.len(), 1);
        let get = |column| batch.get(0, column);
        for (column, text) in values {
            let ours = match get(column) {
                Some(Value::Addr(addr)) => Some(addr.to_string()),
                Some(Value::Unsigned(number)) => Some(number.to_string()),
                other => other.map(|other| format!("{other:?}")),
            };
            let expected = known(scheme).contains(&column).then(|| text.to_owned());
            assert_eq!(ours, expected, "{scheme:?} {column:?}");
        }
        assert_eq!(get(Column::MeasuredOctets), Some(Value::Unsigned(30_000)));
        assert_eq!(get(Column::Packets), Some(Value::Unsigned(40)));
        assert_eq!(get(Column::ProtocolVersion), Some(Value::Word("8")));
        assert_eq!(get(Column::Start), Some(Value::Time(NOW - 100_000)));
        assert_eq!(get(Column::End), Some(Value::Time(NOW - 10_000)));
        assert_eq!(get(Column::TcpFlags), None);
        // Aggregation, engine type, engine id.
        let domain = u64::from(scheme.number()) << 16 | 3;
        assert_eq!(get(Column::Domain), Some(Value::Unsigned(domain)));
    }
}

#[test]
fn a_router_without_a_prefix_names_no_address() {
    let none = v8::Record { src_addr: Some([0; 4]), src_mask: Some(0), ..aggregate() };
    let batch = decode(&[v8_datagram(&v8_header(v8::Scheme::Prefix, 0), &[none, aggregate()])]);
    assert_eq!((batch.get(0, Column::SrcAddr), batch.get(0, Column::SrcMask)), (None, None));
    assert!(batch.get(0, Column::DstAddr).is_some() && batch.get(1, Column::SrcAddr).is_some());
}

#[test]
fn every_export_stream_counts_its_own_records() {
    let send = |scheme, sequence, count| v8_datagram(&v8_header(scheme, sequence), &vec![aggregate(); count]);
    let batch = decode(&[
        send(v8::Scheme::As, 0, 3),
        send(v8::Scheme::Prefix, 500, 2),
        send(v8::Scheme::As, 3, 2),
        // Four records are missing here.
        send(v8::Scheme::Prefix, 506, 2),
        send(v8::Scheme::As, 5, 1),
    ]);
    assert_eq!(batch.len(), 10);
    assert_eq!(count(&batch, "records"), 10);
    assert_eq!(count(&batch, "records_lost"), 4);
    assert_eq!(count(&batch, "restarts"), 0);
}

#[test]
fn an_aggregate_of_sampled_packets_is_scaled() {
    let header = v8::Header { sampling: Sampling { mode: 1, interval: 100 }, ..v8_header(v8::Scheme::As, 0) };
    let batch = decode(&[v8_datagram(&header, &[aggregate()])]);
    assert_eq!(batch.get(0, Column::Octets), Some(Value::Unsigned(3_000_000)));
    assert_eq!(batch.get(0, Column::SamplingSource), Some(Value::Word("header")));
}

#[test]
fn version_6_is_version_5_without_sampling() {
    let header =
        |sequence| v6::Header { uptime_ms: 500_000, export_s: NOW_S, sequence, ..Default::default() };
    let record = v6::Record {
        src_addr: [10, 0, 0, 1],
        dst_addr: [10, 0, 0, 2],
        packets: 3,
        octets: 1000,
        first_ms: 490_000,
        last_ms: 499_000,
        src_port: 53,
        dst_port: 5353,
        proto: 17,
        src_as: 64_500,
        src_mask: 24,
        ingress_encapsulation: 14,
        ..Default::default()
    };
    let send = |sequence, count| {
        let mut out = vec![0; 1500];
        let len = v6::emit(&header(sequence), &vec![record; count], &mut out).unwrap();
        out.truncate(len);
        out
    };
    let batch = decode(&[send(0, 2), send(5, 1)]);
    assert_eq!((batch.len(), count(&batch, "records_lost")), (3, 3));
    let get = |column| batch.get(0, column);
    assert_eq!(get(Column::SrcAddr), Some(Value::Addr(Addr::v4([10, 0, 0, 1]))));
    assert_eq!(
        (get(Column::Octets), get(Column::DstPort)),
        (Some(Value::Unsigned(1000)), Some(Value::Unsigned(5353)))
    );
    assert_eq!((get(Column::SrcAs), get(Column::DstAs)), (Some(Value::Unsigned(64_500)), None));
    assert_eq!((get(Column::ProtocolVersion), get(Column::SamplingInterval)), (Some(Value::Word("6")), None));
    assert_eq!(get(Column::Start), Some(Value::Time(NOW - 10_000)));
}

/// The octets of these words.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[test]
fn old_sflow_means_what_new_sflow_means() {
    for (version, gateway) in [
        (2, &[3, 64_500, 64_501, 64_502, 2, 64_503, 64_504][..]),
        (4, &[3, 64_500, 64_501, 64_502, 1, 2, 2, 64_503, 64_504, 0, 100]),
    ] {
        let header = words(&[version, 1, 0xc000_0201, 7, 1_000_000, 2]);
        let flow = words(&[1, 9, 258, 1000, 9000, 2, 258, 7]);
        let ip = words(&[2, 1400, 6, 0x0a00_0001, 0x0a00_0002, 443, 50_000, 0x18, 0xb8]);
        let known = words(&[3, 1, 10, 0, 20, 1, 2, 1, 0x0a00_0009, 24, 16]);
        let counters = [words(&[2, 3, 4, 20, 1]), words(&[1; 22])].concat();
        let batch = decode(&[[header, flow, ip, known, words(gateway), counters].concat()]);
        assert_eq!(batch.len(), 1, "version {version}");
        let get = |column| batch.get(0, column);
        let number = |value| Some(Value::Unsigned(value));
        assert_eq!((get(Column::MeasuredOctets), get(Column::Octets)), (number(1400), number(1_400_000)));
        assert_eq!((get(Column::Packets), get(Column::SamplingInterval)), (number(1000), number(1000)));
        assert_eq!((get(Column::SrcPort), get(Column::DstPort)), (number(443), number(50_000)));
        assert_eq!((get(Column::IngressIf), get(Column::EgressIf)), (number(258), number(7)));
        assert_eq!((get(Column::SrcAs), get(Column::DstAs)), (number(64_501), number(64_504)));
        assert_eq!((get(Column::SrcVlan), get(Column::DstVlan)), (number(10), number(20)));
        assert_eq!((get(Column::SrcMask), get(Column::DstMask)), (number(24), number(16)));
        assert_eq!(get(Column::NextHop), Some(Value::Addr(Addr::v4([10, 0, 0, 9]))));
        assert_eq!(get(Column::ProtocolVersion), Some(Value::Word("sflow")));
        assert_eq!(count(&batch, "counter_samples"), 1);
    }
}

/// Extended user (0:1004) and extended MPLS (0:1006), by sFlow version 5's structures; a counter sample beside them.
#[test]
fn users_labels_and_counters_of_sflow_are_kept() {
    use weir_wire::sflow::{FlowHeader, Header, Interface, Source, Writer, counter};
    let header = Header {
        agent: std::net::IpAddr::from([192, 0, 2, 1]),
        sub_agent: 4,
        sequence: 1,
        uptime_ms: 1000,
        samples: 0,
    };
    let mut out = vec![0; 1400];
    let mut writer = Writer::new(&mut out, &header).unwrap();
    let source = Source { kind: 0, index: 3 };
    for sequence in 0..3u32 {
        let flow = FlowHeader {
            sequence,
            source,
            sampling_interval: std::num::NonZeroU32::new(100),
            pool: 0,
            drops: 0,
            ingress: Interface::Known(3),
            egress: Interface::Known(4),
            expanded: false,
        };
        writer.begin_flow(&flow).unwrap();
        // sampled_ipv4: length, protocol, addresses, ports, flags, service.
        let ip = [1000u32, 17, 0x0a00_0001, 0x0a00_0002, 5000, 53, 0, 0].map(u32::to_be_bytes).concat();
        writer.other(0, 3, &ip).unwrap();
        if sequence == 1 {
            // No character set said, "bob" with its padding; nobody at the other end.
            let user = [&[0, 0, 0, 106, 0, 0, 0, 3][..], b"bob\0", &[0, 0, 0, 0, 0, 0, 0, 0]].concat();
            writer.other(0, 1004, &user).unwrap();
            // Next hop unknown; in: one entry, label 16; out: none.
            let mpls = [0u32, 1, 16 << 12 | 1 << 8 | 64, 0].map(u32::to_be_bytes).concat();
            writer.other(0, 1006, &mpls).unwrap();
        }
    }
    writer.begin_counter(1, source, false).unwrap();
    let ingress = counter::Direction { octets: Some(1 << 40), unicast: Some(7), ..Default::default() };
    let counters = counter::Interface { index: 3, speed_bps: Some(1 << 34), ingress, ..Default::default() };
    writer.interface_counters(&counters).unwrap();
    let len = writer.finish().unwrap();
    out.truncate(len);
    let batch = decode(&[out]);
    assert_eq!(batch.u64s(Column::Octets), [100_000; 3]);
    let get = |row, column| batch.get(row, column);
    assert_eq!([get(0, Column::User), get(2, Column::User)], [None, None]);
    assert_eq!(get(1, Column::User), Some(Value::Text("bob")));
    assert_eq!((get(0, Column::MplsLabel), get(1, Column::MplsLabel)), (None, Some(Value::Unsigned(16))));
    let [sample] = &*batch.counters else { panic!("{:?}", batch.counters) };
    assert_eq!((sample.received, sample.interface, sample.domain), (NOW + 20, 3, 4));
    assert_eq!(
        (sample.ingress.octets, sample.ingress.unicast, sample.ingress.errors),
        (Some(1 << 40), Some(7), None)
    );
    assert_eq!((sample.speed, sample.egress.octets), (Some(1 << 34), None));
}
