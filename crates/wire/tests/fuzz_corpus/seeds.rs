//! Seeds for every fuzz target, written by the emitters: good input, and the kinds of bad input that are known.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use weir_wire::element::Type;
use weir_wire::file::{pcap, pcapng};
use weir_wire::ipfix;
use weir_wire::netflow::{v1, v5, v6, v7, v8, v9};
use weir_wire::packet::{Link, udp_frame};
use weir_wire::sflow;
use weir_wire::sflow::record::{Router, Switch};
use weir_wire::template::{Field, Role, VARIABLE};

/// All seeds: a path in the corpus folder, and the octets.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (target, list) in [
        ("v1", fixed_v1()),
        ("v5", fixed_v5()),
        ("v6", fixed_v6()),
        ("v7", fixed_v7()),
        ("v8", aggregates()),
        ("v9", sequences_v9()),
        ("ipfix", sequences_ipfix()),
        ("sflow", sflows()),
        ("legacy", legacy_sflows()),
        ("structured", lists()),
        ("builder", choices()),
        ("value", values()),
        ("packet", packets()),
        ("pcap", files()),
        ("nfcapd", kept_by_nfdump()),
        ("flowtools", kept_by_flow_tools()),
        ("lzo", packed()),
    ] {
        seeds.extend(list.into_iter().map(|(name, bytes)| (format!("{target}/seed-{name}"), bytes)));
    }
    seeds
}

/// Choices of what to write: fixed fields, variable ones with short and long values, an enterprise's.
fn choices() -> Seeds {
    let fixed = vec![2, 1, 8, 4, 12, 4, 7, 2, 10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 0, 0, 5, 0xdc];
    let mut variable = vec![1, 2, 8, 4, 95, 255, 10, 0, 0, 1, 3, b'a', b'b', b'c', 0, 0, 0, 7];
    variable.extend([10, 0, 0, 2, 253]);
    variable.extend([b'x'; 300]);
    vec![("fixed", fixed), ("variable", variable)]
}

type Seeds = Vec<(&'static str, Vec<u8>)>;

/// Runs an emitter over a buffer and keeps what it wrote.
fn written(emit: impl FnOnce(&mut [u8]) -> Result<usize, weir_wire::Error>) -> Vec<u8> {
    let mut out = vec![0; 4000];
    let len = emit(&mut out).unwrap();
    out.truncate(len);
    out
}

/// Good, with zeros behind, with a count that cannot be true, cut.
fn variants(good: Vec<u8>, most: Vec<u8>) -> Seeds {
    let zeros = [&good[..], &[0; 40]].concat();
    let mut counted = good.clone();
    counted[3] += 1;
    let cut = good[..good.len() - 1].to_vec();
    vec![("good", good), ("most", most), ("zeros", zeros), ("counted", counted), ("cut", cut)]
}

fn record_v5(number: u8) -> v5::Record {
    v5::Record {
        src_addr: [192, 0, 2, number],
        dst_addr: [198, 51, 100, 7],
        next_hop: [203, 0, 113, 1],
        ingress_if: 3,
        egress_if: 4,
        packets: 10,
        octets: 15_001,
        first_ms: 900_000,
        last_ms: 999_999,
        src_port: 49152 + u16::from(number),
        dst_port: 443,
        tcp_flags: 0x1b,
        proto: 6,
        tos: 0xb8,
        src_as: 64496,
        dst_as: 64511,
        src_mask: 24,
        dst_mask: 32,
    }
}

fn fixed_v1() -> Seeds {
    let header = v1::Header { uptime_ms: 1_000_000, export_s: 1_704_067_200, export_ns: 0 };
    let record = v1::Record { src_addr: [192, 0, 2, 1], octets: 1500, packets: 1, ..v1::Record::default() };
    let good = written(|out| v1::emit(&header, &[record; 2], out));
    variants(good, written(|out| v1::emit(&header, &[record; v1::RECORDS_MAX], out)))
}

fn fixed_v5() -> Seeds {
    let sampling = v5::Sampling { mode: 1, interval: 1000 };
    let header =
        v5::Header { uptime_ms: 1_000_000, export_s: 1_704_067_200, sampling, ..v5::Header::default() };
    let records: Vec<v5::Record> = (0..30).map(record_v5).collect();
    let good = written(|out| v5::emit(&header, &records[..2], out));
    variants(good, written(|out| v5::emit(&header, &records, out)))
}

fn fixed_v6() -> Seeds {
    let header = v6::Header { uptime_ms: 1_000_000, export_s: 1_704_067_200, ..v6::Header::default() };
    let record = v6::Record { src_addr: [192, 0, 2, 1], octets: 1500, packets: 1, ..v6::Record::default() };
    let good = written(|out| v6::emit(&header, &[record; 2], out));
    variants(good, written(|out| v6::emit(&header, &[record; v6::RECORDS_MAX], out)))
}

/// A datagram of every scheme, and the kinds of bad input of one.
fn aggregates() -> Seeds {
    const NAMES: [&str; 14] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"];
    let datagram = |scheme, count| {
        let sampling = v5::Sampling { mode: 1, interval: 100 };
        let header = v8::Header {
            uptime_ms: 1_000_000,
            export_s: 1_704_067_200,
            export_ns: 0,
            sequence: 7,
            engine_type: 0,
            engine_id: 1,
            scheme,
            sampling,
        };
        let record = v8::Record {
            flows: Some(3),
            packets: Some(10),
            octets: Some(15_001),
            src_addr: Some([192, 0, 2, 0]),
            src_mask: Some(24),
            ..v8::Record::default()
        };
        written(|out| v8::emit(&header, &vec![record; count], out))
    };
    let each = v8::Scheme::ALL.into_iter().map(|scheme| datagram(scheme, 1));
    let mut seeds: Seeds = NAMES.into_iter().zip(each).collect();
    let max = v8::Scheme::Prefix.records_max();
    seeds.extend(variants(datagram(v8::Scheme::Prefix, 2), datagram(v8::Scheme::Prefix, max)));
    seeds
}

fn fixed_v7() -> Seeds {
    let header = v7::Header { uptime_ms: 1_000_000, export_s: 1_704_067_200, export_ns: 0, sequence: 9 };
    let record = v7::Record { src_addr: [192, 0, 2, 1], router: [10, 0, 0, 1], ..v7::Record::default() };
    let good = written(|out| v7::emit(&header, &[record; 2], out));
    variants(good, written(|out| v7::emit(&header, &[record; v7::RECORDS_MAX], out)))
}

/// A sequence as the targets read it: each message with its length in two octets before it.
fn sequence(messages: &[Vec<u8>]) -> Vec<u8> {
    let length = |message: &Vec<u8>| u16::try_from(message.len()).unwrap().to_be_bytes();
    messages.iter().flat_map(|message| [&length(message)[..], message].concat()).collect()
}

fn scope(element: u16, length: u16, role: Role) -> Field {
    Field { role, ..Field::new(element, length) }
}

/// Addresses, ports, octets, packets: 22 octets.
const FLOW: [Field; 6] = [
    Field::new(8, 4),
    Field::new(12, 4),
    Field::new(7, 2),
    Field::new(11, 2),
    Field::new(1, 6),
    Field::new(2, 4),
];

fn message_v9(write: impl FnOnce(&mut v9::Writer<'_>)) -> Vec<u8> {
    written(|out| {
        let header =
            v9::Header { uptime_ms: 5000, export_s: 1_704_067_200, source_id: 7, ..v9::Header::default() };
        let mut writer = v9::Writer::new(out, header)?;
        write(&mut writer);
        writer.finish()
    })
}

fn sequences_v9() -> Seeds {
    let templates = message_v9(|writer| {
        writer.template(256, &FLOW).unwrap();
        writer.template(257, &[Field::new(1, 4), Field::new(2, 0), Field::new(96, VARIABLE)]).unwrap();
        let scope =
            [scope(v9::scope::SYSTEM, 4, Role::V9Scope), scope(v9::scope::INTERFACE, 0, Role::V9Scope)];
        writer.options_template(258, &scope, &[Field::new(34, 4), Field::new(35, 1)]).unwrap();
    });
    let data = message_v9(|writer| {
        writer.begin_data(256).unwrap();
        (0..3).for_each(|number| writer.record(&[number; 22]).unwrap());
        writer.begin_data(258).unwrap();
        writer.record(&[0, 0, 0, 1, 0, 0, 3, 232, 2]).unwrap();
        writer.begin_data(257).unwrap();
        writer.record(b"\0\0\x05\xdc\x05httpd").unwrap();
    });
    let redefined = message_v9(|writer| {
        writer.template(256, &[Field::new(1, 8), Field::new(4, 1)]).unwrap();
        writer.begin_data(256).unwrap();
        writer.record(&[0, 0, 0, 0, 0, 0, 5, 220, 17]).unwrap();
    });
    let zeros = [&data[..], &[0; 100]].concat();
    let mut overrun = data.clone();
    overrun[23] += 100;
    vec![
        ("flow", sequence(&[templates.clone(), data.clone()])),
        ("order", sequence(&[data.clone(), templates.clone(), data.clone()])),
        ("redefined", sequence(&[templates.clone(), redefined, data])),
        ("zeros", sequence(&[templates.clone(), zeros])),
        ("overrun", sequence(&[templates, overrun])),
    ]
}

fn message_ipfix(write: impl FnOnce(&mut ipfix::Writer<'_>)) -> Vec<u8> {
    written(|out| {
        let header = ipfix::Header { export_s: 1_704_067_200, domain: 7, ..ipfix::Header::default() };
        let mut writer = ipfix::Writer::new(out, header)?;
        write(&mut writer);
        writer.finish()
    })
}

fn sequences_ipfix() -> Seeds {
    let templates = message_ipfix(|writer| {
        writer.template(256, &FLOW).unwrap();
        let reverse = Field::enterprise(29305, 1, 4);
        writer.template(257, &[Field::new(1, 4), Field::new(82, VARIABLE), reverse]).unwrap();
        writer.options_template(258, &[scope(149, 4, Role::Scope)], &[Field::new(41, 8)]).unwrap();
    });
    let data = message_ipfix(|writer| {
        writer.begin_data(256).unwrap();
        (0..3).for_each(|number| writer.record(&[number; 22]).unwrap());
        writer.begin_data(257).unwrap();
        writer.record(b"\0\0\x05\xdc\x04eth0\0\0\0\x28").unwrap();
        writer.record(b"\0\0\x05\xdc\xff\x00\x04eth1\0\0\0\x28").unwrap();
        writer.begin_data(258).unwrap();
        writer.record(&[0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 0]).unwrap();
    });
    let withdrawal = |set: u8, id: u16| {
        let header = [0, 10, 0, 24, 0x65, 0x92, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 7];
        [&header[..], &[0, set, 0, 8], &id.to_be_bytes(), &[0, 0]].concat()
    };
    let cut = data[..data.len() - 3].to_vec();
    let mut overrun = data.clone();
    overrun[19] += 100;
    vec![
        ("flow", sequence(&[templates.clone(), data.clone()])),
        ("withdrawn", sequence(&[templates.clone(), withdrawal(2, 256), data.clone()])),
        ("withdrawn-all", sequence(&[templates.clone(), withdrawal(2, 2), withdrawal(3, 3), data.clone()])),
        ("order", sequence(&[data, templates.clone()])),
        ("cut", sequence(&[templates.clone(), cut])),
        ("overrun", sequence(&[templates, overrun])),
    ]
}

fn frame(version: u8, payload: &[u8]) -> Vec<u8> {
    let (src, dst): (SocketAddr, SocketAddr) = match version {
        4 => ("192.0.2.1:49152".parse().unwrap(), "198.51.100.7:2055".parse().unwrap()),
        _ => ("[2001:db8::1]:49152".parse().unwrap(), "[2001:db8::2]:2055".parse().unwrap()),
    };
    written(|out| udp_frame(src, dst, payload, out))
}

/// A datagram of two flow samples, compact and expanded, with every record that the writer has.
fn sflows() -> Seeds {
    let header = sflow::Header {
        agent: [192, 0, 2, 1].into(),
        sub_agent: 1,
        sequence: 7,
        uptime_ms: 5000,
        samples: 0,
    };
    let flow = |expanded| sflow::FlowHeader {
        sequence: 3,
        source: sflow::Source { kind: 0, index: 17 },
        sampling_interval: NonZeroU32::new(512),
        pool: 1536,
        drops: 0,
        ingress: sflow::Interface::Known(17),
        egress: if expanded { sflow::Interface::Multiple(2) } else { sflow::Interface::Discarded(256) },
        expanded,
    };
    let switch =
        Switch { src_vlan: Some(100), src_priority: Some(0), dst_vlan: Some(200), dst_priority: None };
    let router = Router { next_hop: Some([192, 0, 2, 254].into()), src_mask: Some(24), dst_mask: Some(16) };
    let datagram = |agent| {
        written(|out| {
            let mut writer = sflow::Writer::new(out, &sflow::Header { agent, ..header })?;
            for (expanded, version) in [(false, 4), (true, 6)] {
                let frame = frame(version, b"payload");
                let frame_length = u32::try_from(frame.len()).unwrap() + 4;
                writer.begin_flow(&flow(expanded))?;
                let protocol = sflow::RawHeader::ETHERNET;
                writer.raw_header(&sflow::RawHeader {
                    protocol,
                    frame_length,
                    stripped: 4,
                    header: &frame,
                })?;
                writer.switch(&switch)?;
                writer.router(&router)?;
            }
            writer.finish()
        })
    };
    let good = datagram(header.agent);
    let cut = good[..good.len() - 9].to_vec();
    let v6 = datagram([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].into());
    vec![("good", good), ("v6-agent", v6), ("cut", cut)]
}

/// Datagrams of versions 2 and 4: a flow sample with every extension, one without, counters of an interface.
fn legacy_sflows() -> Seeds {
    let words = |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_be_bytes()).collect() };
    let frame = frame(4, b"payload");
    let mut packet = words(&[1, 1, 67, u32::try_from(frame.len()).unwrap()]);
    packet.extend(&frame);
    packet.resize(packet.len().next_multiple_of(4), 0);
    let flow = words(&[1, 9, 258, 1000, 9000, 2, 258, 0x8000_0003]);
    let counters = [words(&[2, 3, 4, 20, 2]), words(&[1; 22]), words(&[2; 13])].concat();
    let datagram = |version, gateway: &[u32]| {
        let header = words(&[version, 1, 0xc000_0201, 7, 1_000_000, 3]);
        let known = words(&[5, 1, 10, 0, 20, 1, 2, 1, 0x0a00_0001, 24, 16]);
        let user = [&words(&[4, 3])[..], b"bob\0", &words(&[0])].concat();
        let url = [&words(&[5, 1, 2])[..], b"/a\0\0"].concat();
        let extended = [flow.clone(), packet.clone(), known, words(gateway), user, url].concat();
        let ip = words(&[2, 1400, 6, 0x0a00_0001, 0x0a00_0002, 443, 50_000, 0x18, 0xb8, 0]);
        [header, extended, counters.clone(), flow.clone(), ip].concat()
    };
    let v2 = datagram(2, &[3, 64_500, 64_501, 64_502, 2, 64_503, 64_504]);
    let v4 = datagram(4, &[3, 64_500, 64_501, 64_502, 1, 2, 2, 64_503, 64_504, 2, 98, 99, 100]);
    let cut = v4[..v4.len() - 9].to_vec();
    vec![("v2", v2), ("v4", v4), ("cut", cut)]
}

/// The kind of list, a set of two templates, the list.
fn lists() -> Seeds {
    // Source port and octets; protocol and a list of those.
    let templates =
        [[1, 0, 0, 2, 0, 7, 0, 2, 0, 1, 0, 4], [1, 1, 0, 2, 0, 4, 0, 1, 1, 36, 0xff, 0xff]].concat();
    let with = |kind: u8, list: &[u8]| [&[kind][..], &sequence(&[templates.clone(), list.to_vec()])].concat();
    let inner = [3, 1, 0, 0, 80, 0, 0, 0, 5, 1, 187, 0, 0, 0, 6];
    let nested = [&[3, 1, 1, 6, 15][..], &inner, &[17, 3, 255, 1, 0]].concat();
    let several = [1, 1, 0, 0, 10, 0, 80, 0, 0, 0, 5, 1, 1, 0, 9, 6, 3, 3, 1, 0];
    vec![
        ("basic", with(0, &[3, 0, 14, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 8])),
        ("names", with(0, &[4, 0, 82, 0xff, 0xff, 2, b'e', b'0', 255, 0, 3, b'l', b'a', b'n'])),
        ("lists", with(0, &[3, 1, 35, 0xff, 0xff, 9, 3, 0, 14, 0, 4, 0, 0, 0, 1])),
        ("nested", with(1, &nested)),
        ("several", with(2, &several)),
        ("cut", with(1, &nested[..12])),
    ]
}

/// The data type's place, then a value.
fn values() -> Seeds {
    let place = |wanted| {
        let at = Type::ALL.iter().position(|data_type| *data_type == wanted).unwrap();
        u8::try_from(at).unwrap()
    };
    let with = |data_type, value: &[u8]| [&[place(data_type)][..], value].concat();
    vec![
        ("string", with(Type::String, b"caf\xc3\xa9 \xff\n")),
        ("octets", with(Type::OctetArray, &[0, 1, 0xfe])),
        ("signed", with(Type::Signed32, &[0xff, 0xfe])),
        ("float", with(Type::Float64, &1.5_f64.to_be_bytes())),
        ("seconds", with(Type::DateTimeSeconds, &[0x65, 0x92, 0, 0x80])),
        ("milliseconds", with(Type::DateTimeMilliseconds, &1_704_067_200_123_u64.to_be_bytes())),
        ("nanoseconds", with(Type::DateTimeNanoseconds, &[0xe9, 0x3c, 0x1c, 0, 0x80, 0, 0, 0])),
        ("ipv6", with(Type::Ipv6Address, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
        ("boolean", with(Type::Boolean, &[2])),
    ]
}

/// The link's number, then the frame.
fn packets() -> Seeds {
    let with = |link: u8, parts: &[&[u8]]| [&[link][..], &parts.concat()].concat();
    let (v4, v6) = (frame(4, b"four"), frame(6, b"six"));
    vec![
        ("ipv4", with(1, &[&v4])),
        ("ipv6", with(1, &[&v6])),
        ("vlan", with(1, &[&v4[..12], &[0x81, 0, 0, 100], &v4[12..]])),
        ("qinq", with(1, &[&v6[..12], &[0x88, 0xa8, 0, 7, 0x81, 0, 0x20, 100], &v6[12..]])),
        ("mpls", with(1, &[&v4[..12], &[0x88, 0x47, 0, 1, 0, 0x40, 0, 2, 1, 0x40], &v4[14..]])),
        ("raw", with(101, &[&v6[14..]])),
        ("null", with(0, &[&[2, 0, 0, 0], &v4[14..]])),
        ("ppp", with(9, &[&[0xff, 3, 0, 0x21], &v4[14..]])),
        ("hdlc", with(104, &[&[0x0f, 0, 0x86, 0xdd], &v6[14..]])),
        ("sll", with(113, &[&[0; 14], &[8, 0], &v4[14..]])),
        ("sll2", with(0xff, &[&[0x86, 0xdd], &[0; 18], &v6[14..]])),
        ("cut", with(1, &[&v4[..30]])),
    ]
}

/// The step of the growing buffer, then the file.
fn files() -> Seeds {
    let frames = [frame(4, b"four"), frame(6, b"six")];
    let mut seeds = Seeds::new();
    for (name, order, resolution) in [
        ("pcap", pcap::Order::Little, pcap::Resolution::Micro),
        ("pcap-big", pcap::Order::Big, pcap::Resolution::Micro),
        ("pcap-nano", pcap::Order::Little, pcap::Resolution::Nano),
    ] {
        let header = pcap::Header { order, resolution, link: Link::Ethernet, snap_len: 65535 };
        let mut file = vec![7];
        file.extend(header.emit());
        for frame in &frames {
            let orig_len = u32::try_from(frame.len()).unwrap();
            file.extend(written(|out| header.emit_record(1_704_067_200_123_456_789, orig_len, frame, out)));
        }
        seeds.push((name, file));
    }
    let mut file = vec![15];
    file.extend(written(pcapng::emit_section));
    file.extend(written(|out| pcapng::emit_interface(Link::Ethernet, 65535, out)));
    for frame in &frames {
        let orig_len = u32::try_from(frame.len()).unwrap();
        file.extend(written(|out| pcapng::emit_packet(0, 1_704_067_200_123_456_789, orig_len, frame, out)));
    }
    seeds.push(("pcapng-cut", file[..file.len() - 5].to_vec()));
    seeds.push(("pcapng", file));
    seeds
}

/// A record, or an extension, of nfdump: kind, length, octets.
fn tagged(kind: u16, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len() + 4).unwrap();
    [&kind.to_le_bytes()[..], &len.to_le_bytes(), body].concat()
}

/// nfdump's files, not packed: both layouts, with what must be known to read their flows.
fn kept_by_nfdump() -> Seeds {
    let block = |kind: u16, records: &[Vec<u8>]| {
        let body = records.concat();
        let (count, len) = (u32::try_from(records.len()).unwrap(), u32::try_from(body.len()).unwrap());
        [&count.to_le_bytes()[..], &len.to_le_bytes(), &kind.to_le_bytes(), &[0; 2], &body].concat()
    };
    let exporter = tagged(
        7,
        &[&[9, 0, 0, 0][..], &[0; 8], &[1, 0, 0, 10, 0, 0, 0, 0, 2, 0, 1, 0, 77, 0, 0, 0]].concat(),
    );
    let sampler = tagged(9, &[0xff, 0xff, 0xff, 0xff, 100, 0, 0, 0, 1, 0, 1, 0]);
    let generic = tagged(1, &[[1; 40].as_slice(), &[80, 0, 187, 1, 6, 2, 64, 0]].concat());
    let extensions =
        [generic, tagged(2, &[1; 8]), tagged(3, &[2; 32]), tagged(4, &[1; 16]), tagged(18, &[1; 12])];
    let flow = tagged(11, &[&[5, 0, 0, 0, 1, 0, 2, 9][..], &extensions.concat()].concat());
    let totals = tagged(0x8002, &[0; 144]);
    let mut two = vec![7, 0x0c, 0xa5, 2, 0, 0, 1, 7, 1];
    two.extend([0; 8]);
    two.extend([0, 0, 1, 0, 0, 0, 0, 0]);
    two.extend([0; 12]);
    two.extend([0, 0, 16, 0, 1, 0, 0, 0]);
    two.extend(block(3, &[exporter.clone(), sampler, flow]));
    two.extend(block(3, &[totals]));
    let map = tagged(2, &[0, 0, 12, 0, 5, 0, 23, 0, 0, 0, 0, 0]);
    let common =
        [&[0x80, 0, 0, 0][..], &[0; 4], &[1; 8], &[0, 2, 6, 0, 80, 0, 90, 0, 1, 0, 0, 0], &[9; 28]].concat();
    let mut one = vec![20, 0x0c, 0xa5, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0];
    one.extend([0; 264]);
    one.extend(block(2, &[exporter, map, tagged(10, &common), tagged(1, &common)]));
    vec![("one-cut", one[..one.len() - 9].to_vec()), ("one", one), ("two", two)]
}

/// Files of flow-tools, not packed, in both orders.
fn kept_by_flow_tools() -> Seeds {
    let mut big =
        vec![0xcf, 0x10, 2, 3, 0, 0, 0, 32, 0, 2, 0, 2, 0, 5, 0, 0x0a, 0, 4, 0, 0, 0, 1, 0, 0x0f, 0, 5];
    big.extend(b"host\0\0");
    big.extend([3; 64]);
    let mut little =
        vec![0xcf, 0x10, 1, 3, 28, 0, 0, 0, 2, 0, 2, 0, 8, 0, 3, 0, 1, 0, 2, 4, 0, 1, 0, 8, 0, 0, 0, 0];
    little.extend([3; 128]);
    let mut first = vec![0xcf, 0x10, 1, 1, 1, 0];
    first.resize(360, 0);
    first.extend([7; 60]);
    vec![("first", first), ("five", big), ("eight", little)]
}

/// Packed octets: literals, copies of every kind, the end.
fn packed() -> Seeds {
    let end = [0x11, 0, 0];
    let copies = [&[21][..], b"abcd", &[0x6d, 0], b"x", &[0, 0, 0x20, 3, 0, 0, 1], b"wxyz", &end].concat();
    let run = [&[0, 0, 7][..], &[9; 280], &end].concat();
    vec![("copies", copies), ("run", run), ("empty", end.to_vec())]
}
