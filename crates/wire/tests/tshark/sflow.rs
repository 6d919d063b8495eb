//! sFlow of versions 2, 4 and 5: what Wireshark shows of datagrams is what was put in.

use super::{all, decode};
use serde_json::Value;
use weir_wire::sflow::counter::{Direction, Interface as Counters};
use weir_wire::sflow::record::{Router, Switch};
use weir_wire::sflow::{
    CounterRecord, Datagram, FlowHeader, FlowRecord, Header, Interface, Sample, Source, Writer,
};

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A flow sample of a frame with what switch, router and gateway know, and counters of an interface, by hand.
fn legacy(version: u32) -> Vec<u8> {
    let gateway: &[u32] = match version {
        2 => &[3, 64_500, 64_501, 64_502, 2, 64_503, 64_504],
        _ => &[3, 64_500, 64_501, 64_502, 1, 2, 2, 64_503, 64_504, 1, 99, 100],
    };
    let parts = [
        &[version, 1, 0xc000_0201, 7, 1_000_000, 2][..],
        &[1, 9, 258, 1000, 9000, 2, 258, 7],
        // The first 16 octets of a frame of 1418; Wireshark steps over nothing but headers.
        &[1, 1, 1418, 16, 0x0200_0000, 0x0002_0200, 0x0000_0001, 0x88b5_0000],
        &[3, 1, 10, 0, 20, 1, 2, 1, 0x0a00_0009, 24, 16],
        gateway,
        &[
            2,
            3,
            4,
            20,
            1,
            4,
            6,
            0,
            1_000_000_000,
            1,
            3,
            0,
            5000,
            10,
            20,
            30,
            40,
            50,
            60,
            0,
            7000,
            11,
            21,
            31,
            41,
            51,
            2,
        ],
    ];
    words(&parts.concat())
}

/// The same in version 5, by the emitter.
fn current(expanded: bool) -> Vec<u8> {
    let agent = [192, 0, 2, 1].into();
    let header = Header { agent, sub_agent: 3, sequence: 7, uptime_ms: 1_000_000, samples: 0 };
    let flow = FlowHeader {
        sequence: 9,
        source: Source { kind: 0, index: 258 },
        sampling_interval: std::num::NonZeroU32::new(1000),
        pool: 9000,
        drops: 2,
        ingress: Interface::Known(258),
        egress: Interface::Known(7),
        expanded,
    };
    let direction = |octets, n: u32| Direction {
        octets: Some(octets),
        unicast: Some(10 + n),
        multicast: Some(20 + n),
        broadcast: Some(30 + n),
        discards: Some(40 + n),
        errors: Some(50 + n),
    };
    let counters = Counters {
        index: 4,
        kind: Some(6),
        speed_bps: Some(1_000_000_000),
        direction: Some(1),
        status: Some(3),
        ingress: direction(5000, 0),
        unknown_protocols: Some(60),
        egress: direction(7000, 1),
        promiscuous: Some(2),
    };
    let mut out = vec![0; 1500];
    let mut writer = Writer::new(&mut out, &header).unwrap();
    writer.begin_flow(&flow).unwrap();
    let ip = words(&[1400, 6, 0x0a00_0001, 0x0a00_0002, 443, 50_000, 0x18, 0xb8]);
    writer.other(0, 3, &ip).unwrap();
    let switch =
        Switch { src_vlan: Some(10), src_priority: Some(0), dst_vlan: Some(20), dst_priority: Some(1) };
    writer.switch(&switch).unwrap();
    let next_hop = Some([10, 0, 0, 9].into());
    writer.router(&Router { next_hop, src_mask: Some(24), dst_mask: Some(16) }).unwrap();
    let gateway = words(&[1, 0x0a00_0008, 64_500, 64_501, 64_502, 1, 2, 2, 64_503, 64_504, 1, 99, 100]);
    writer.other(0, 1003, &gateway).unwrap();
    writer.begin_counter(3, Source { kind: 0, index: 4 }, expanded).unwrap();
    writer.interface_counters(&counters).unwrap();
    let len = writer.finish().unwrap();
    out.truncate(len);
    out
}

/// What we read of a datagram, under Wireshark's names.
fn ours(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let datagram = Datagram::new_checked(bytes).unwrap();
    let header = datagram.header();
    let mut out = vec![
        ("sflow_245.version", datagram.version().to_string()),
        ("sflow_245.agent", header.agent.to_string()),
        ("sflow_245.sequence_number", header.sequence.to_string()),
        ("sflow_245.numsamples", header.samples.to_string()),
    ];
    for sample in datagram.samples() {
        match sample.unwrap() {
            Sample::Flow(flow) => {
                out.push((
                    "sflow.flow_sample.sampling_rate",
                    flow.header.sampling_interval.unwrap().to_string(),
                ));
                out.push(("sflow.flow_sample.sample_pool", flow.header.pool.to_string()));
                flow.records().for_each(|record| flow_record(&record.unwrap(), &mut out));
            }
            Sample::Counter(sample) => {
                for record in sample.records() {
                    let CounterRecord::Interface(counters) = record.unwrap() else { panic!() };
                    interface(&counters, &mut out);
                }
            }
            Sample::Other { .. } => panic!(),
        }
    }
    out
}

fn flow_record(record: &FlowRecord<'_>, out: &mut Vec<(&'static str, String)>) {
    match record {
        FlowRecord::RawHeader(raw) => {
            out.push(("sflow_245.header_protocol", raw.protocol.to_string()));
            out.push(("sflow_245.header.frame_length", raw.frame_length.to_string()));
        }
        FlowRecord::Ipv4(ip) => {
            out.push(("sflow_245.ipv4_src", ip.src.to_string()));
            out.push(("sflow_245.ipv4_dst", ip.dst.to_string()));
        }
        FlowRecord::Switch(switch) => {
            out.push(("sflow_245.vlan.in", switch.src_vlan.unwrap().to_string()));
            out.push(("sflow_245.vlan.out", switch.dst_vlan.unwrap().to_string()));
            out.push(("sflow_245.pri.out", switch.dst_priority.unwrap().to_string()));
        }
        FlowRecord::Router(router) => {
            out.push(("sflow_245.nexthop.src_mask", router.src_mask.unwrap().to_string()));
            out.push(("sflow_245.nexthop.dst_mask", router.dst_mask.unwrap().to_string()));
        }
        FlowRecord::Gateway(gateway) => {
            out.push(("sflow_245.as", gateway.as_number.to_string()));
            out.push(("sflow_245.srcAS", gateway.src_as.to_string()));
            out.push(("sflow_245.peerAS", gateway.src_peer_as.to_string()));
        }
        other => panic!("{other:?}"),
    }
}

fn interface(counters: &Counters, out: &mut Vec<(&'static str, String)>) {
    let number = |value: Option<u32>| value.unwrap().to_string();
    out.push(("sflow_245.ifindex", counters.index.to_string()));
    out.push(("sflow_245.iftype", number(counters.kind)));
    out.push(("sflow_245.ifspeed", counters.speed_bps.unwrap().to_string()));
    out.push(("sflow_245.ifdirection", number(counters.direction)));
    out.push(("sflow_245.ifinoct", counters.ingress.octets.unwrap().to_string()));
    out.push(("sflow_245.ifinpkt", number(counters.ingress.unicast)));
    out.push(("sflow_245.ifinmcast", number(counters.ingress.multicast)));
    out.push(("sflow_245.ifindisc", number(counters.ingress.discards)));
    out.push(("sflow_245.ifinerr", number(counters.ingress.errors)));
    out.push(("sflow_245.ifinunk", number(counters.unknown_protocols)));
    out.push(("sflow_245.ifoutoct", counters.egress.octets.unwrap().to_string()));
    out.push(("sflow_245.ifoutbcast", number(counters.egress.broadcast)));
    out.push(("sflow_245.ifouterr", number(counters.egress.errors)));
    out.push(("sflow_245.ifpromisc", number(counters.promiscuous)));
}

#[test]
fn every_version_decodes_to_what_we_read() {
    let datagrams = [legacy(2), legacy(4), current(false), current(true)];
    let Some(trees) = decode("every_version_decodes_to_what_we_read", "sflow", &datagrams) else { return };
    let mut wrong = Vec::new();
    for (tree, datagram) in trees.iter().zip(&datagrams) {
        let ours = ours(datagram);
        assert_eq!(ours.len(), 30);
        for (name, value) in ours {
            let theirs = values(tree, name);
            // Lists of interfaces are there once for each that is named.
            if !theirs.contains(&value.as_str()) {
                wrong.push(format!("{name}: {value}, tshark {theirs:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn values<'a>(tree: &'a Value, name: &str) -> Vec<&'a str> {
    let mut out = Vec::new();
    all(tree, name, &mut out);
    out
}
